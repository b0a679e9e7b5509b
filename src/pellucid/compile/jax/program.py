"""A graph as JAX can trace it: which values must be numbers, not arrays of unknown content, while it is traced.

JAX compiles for fixed shapes. What a length is computed from must therefore be known at that time: constants and
lengths of other arrays are; of the values that a caller gives, those in :attr:`Program.needed` must be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pellucid.compile.backend import NotCompilable
from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.provenance import describe, made_by
from pellucid.graph.traverse import toposort, walk
from pellucid.tensor.draws import Draw
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.index import Nonzero
from pellucid.tensor.loop import Scan
from pellucid.tensor.shape import Dim, Shape, dim
from pellucid.tensor.types import Constant, TensorType, TensorVariable

OF_SHAPES = (Dim, Shape)
"""Ops whose values follow from the shape of their input."""


class Program:
    """The applications to trace, in order.

    Attributes
    ----------
    inputs, outputs : list of Variable
    nodes : list of Apply
    needed : dict
        The variables that lengths are computed from → the application whose shape they decide.
    positions : dict
        Applications → the positions of their inputs whose values decide shapes.
    bodies : dict
        Loops → the programs of their steps.
    """

    def __init__(self, inputs: Sequence[Variable], outputs: Sequence[Variable]):
        self.inputs, self.outputs = list(inputs), list(outputs)
        self.nodes = toposort(outputs, stop=set(inputs))
        self.bodies: dict[Apply, Program] = {}
        self.positions: dict[Apply, frozenset[int]] = {}
        self.needed: dict[Variable, Apply] = {}
        for node in self.nodes:
            if isinstance(node.op, Nonzero):
                raise NotCompilable(no_meaning(node, "how many positions it finds depends on the values of its input"))
            if isinstance(node.op, Scan):
                self.bodies[node] = Program(node.op.body.inputs, node.op.body.outputs)
            found = frozenset() if isinstance(node.op, Elementwise) else frozenset(self.shape_inputs(node))
            self.positions[node] = found
            self.need(node, [node.inputs[i] for i in found])

    @property
    def roots(self) -> list[Variable]:
        """What is read that is neither computed nor an input: constants, shared variables and generators."""
        read = dict.fromkeys([*(v for node in self.nodes for v in node.inputs), *self.outputs])
        given = set(self.inputs)
        return [v for v in read if v.owner is None and v not in given]

    def shape_inputs(self, node: Apply) -> Iterator[int]:
        """The positions of the inputs whose values decide the shapes that an application works with."""
        if isinstance(node.op, Scan):
            if node.op.collected:
                yield 0
            body = self.bodies[node]
            fixed = 1 + node.op.sequences + node.op.states
            for i, leaf in enumerate(body.inputs, 1):
                if leaf in body.needed and i < fixed:
                    raise NotCompilable(data_decides(body.needed[leaf], leaf))
                if leaf in body.needed:
                    yield i
            return
        found = set(walk(extents_of(node), lambda v: () if from_shape(v) or v.owner is None else v.owner.inputs))
        sized = isinstance(node.op, Draw)
        yield from (i for i, v in enumerate(node.inputs) if v in found or is_integer(v) or (sized and i == 1))

    def need(self, node: Apply, values: Sequence[Variable]) -> None:
        """The shapes of `node` are computed from `values`."""
        stack, given = list(values), set(self.inputs)
        while stack:
            v = stack.pop()
            if v in self.needed:
                continue
            self.needed[v] = node
            if v in given or v.owner is None or from_shape(v):
                continue
            if isinstance(v.owner.op, (Draw, Scan)):
                raise NotCompilable(data_decides(node, v))
            stack.extend(v.owner.inputs)


def is_integer(v: Variable) -> bool:
    """Whether a variable is an integer that is known when the graph is written."""
    return isinstance(v, Constant) and v.data.ndim == 0 and v.data.dtype.kind in "iu"


def from_shape(v: Variable) -> bool:
    """Whether a value follows from the shape of an array, whatever is in it."""
    return v.owner is not None and isinstance(v.owner.op, OF_SHAPES)


def extents_of(node: Apply) -> list[Variable]:
    """The symbolic lengths of what an application makes, and of what it updates."""
    found: list[Any] = []
    with made_by(node.line):
        extents = [lengths(v) for v in node.inputs]
        if hasattr(node.op, "infer_shape"):
            found = [n for shape in node.op.infer_shape(node.inputs, extents) for n in shape]
        if hasattr(node.op, "update_extents"):
            found += node.op.update_extents(node.inputs, extents)
    return [n for n in found if isinstance(n, Variable)]


def lengths(v: Variable) -> tuple[Any, ...]:
    """The lengths of an array: numbers where they are static."""
    if not isinstance(v, TensorVariable):
        return ()
    return tuple(dim(v, i) if n is None else n for i, n in enumerate(v.type.shape))


def may_be_static(v: Variable) -> bool:
    """Whether a value that the caller gives may be part of the signature: a number, or some integers."""
    if not isinstance(v.type, TensorType):
        return False
    return v.type.ndim == 0 or (v.type.ndim == 1 and v.type.dtype.startswith(("int", "uint", "bool")))


def data_decides(node: Apply, v: Variable) -> str:
    """What to say when a length depends on data."""
    why = f"its shape depends on the values of '{v}', which are known only when the compiled code runs"
    return no_meaning(node, why)


def no_meaning(node: Apply, why: str) -> str:
    """What to say of an op that JAX cannot compile."""
    return (
        f"JAX cannot compile {node.op}: {why}.\n  at {describe(node.line)}\n"
        "  Use backend='llvm' or backend='numpy' for this function, or make every shape depend on shapes alone."
    )
