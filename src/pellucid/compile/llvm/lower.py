"""Bring a graph into the form that is compiled: composites expanded, extents named, equal things merged."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pellucid.compile.backend import NotCompilable
from pellucid.compile.llvm.scalar import TYPES, has_code
from pellucid.compile.llvm.step import Step, Unsuited
from pellucid.graph.intern import Interner, merge
from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.provenance import made_by
from pellucid.graph.replace import rebuild
from pellucid.graph.traverse import ancestors, toposort
from pellucid.rewrite.loops import tidied
from pellucid.rewrite.passes import is_on
from pellucid.tensor.arithmetic import maximum
from pellucid.tensor.body import Body, known_length
from pellucid.tensor.elementwise import Elementwise, result_dtype
from pellucid.tensor.loop import Scan
from pellucid.tensor.shape import Dim
from pellucid.tensor.types import Constant, TensorType

LOG = logging.getLogger("pellucid")


def compute_dtype(node: Apply) -> str:
    """The dtype in which an elementwise node computes."""
    op, out = node.op, node.outputs[0].type.dtype
    dtypes = [v.type.dtype for i, v in enumerate(node.inputs) if i not in op.raw]
    if out != "bool" or not dtypes:
        return out
    return dtypes[0] if len(set(dtypes)) == 1 else result_dtype(_promotion, tuple(dtypes))


_promotion = Elementwise("promotion", "", lambda xp, *a: xp.empty(0, xp.result_type(*a)), domain=((0.0, 1.0),) * 2)


def kind_of(node: Apply) -> str:
    """How a node is compiled: inline, reduce, join, update, cumulate, scan, call, or (without native code) callback."""
    op = node.op
    tensors = [v for v in (*node.inputs, *node.outputs) if isinstance(v.type, TensorType)]
    if any(v.type.dtype not in TYPES for v in tensors) or len(tensors) < len(node.inputs) + len(node.outputs):
        return "callback"
    if isinstance(op, Scan):
        return "scan"
    if isinstance(op, Elementwise):
        return "inline" if has_code(op.llvm, compute_dtype(node)) else "callback"
    wanted: Any = getattr(op, "lowering", None)
    if callable(wanted):
        wanted = wanted(node)
    return wanted or "callback"


def expansion(node: Apply, inputs: Sequence[Variable]) -> Any:
    """A node in simpler ops where it has no code of its own; None to keep it."""
    loops = getattr(node.op, "expand_loops", None)
    if loops is not None and (found := loops(*inputs)) is not None:
        return found
    if isinstance(node.op, Elementwise) and node.op.llvm is not None:
        return None
    if isinstance(node.op, Scan):
        return expand_body(node, inputs)
    return node.op.expand(*inputs)


def expand_body(node: Apply, inputs: Sequence[Variable]) -> Any:
    """A loop whose body is expanded, with all that need not be in it moved out."""
    op: Scan = node.op
    body = Body(op.body.inputs, expand_all(op.body.outputs))
    if body == op.body and (op.tidy or not is_on("loops")):
        return None
    if not is_on("loops"):
        return Apply(replace(op, body=body), inputs).outputs
    return tidied(Apply(replace(op, body=body), inputs), list)


def expand_all(outputs: Sequence[Variable]) -> list[Variable]:
    """The graph with every composite expanded, repeatedly, and equal expressions merged."""
    current = list(outputs)
    for _ in range(20):
        new: dict[Variable, Variable] = {}
        changed = False
        for node in toposort(current):
            inputs = [new.get(v, v) for v in node.inputs]
            with made_by(node.line):
                found = expansion(node, inputs)
            if found is not None:
                changed = True
                new.update(zip(node.outputs, found if isinstance(found, (list, tuple)) else [found], strict=True))
            elif any(a is not b for a, b in zip(inputs, node.inputs, strict=True)):
                new.update(zip(node.outputs, rebuild(node, inputs).outputs, strict=True))
        current = [new.get(v, v) for v in current]
        if not changed:
            break
    return merge(current)


Extent = int | Variable


@dataclass
class Extents:
    """The length of every axis of every variable, as a number or a symbol; equal lengths share one symbol.

    Those in `written` are written into the code; others are read at run time, so that code serves data of any length.
    """

    session: Interner = field(default_factory=Interner)
    of: dict[Variable, tuple[Extent, ...]] = field(default_factory=dict)
    parent: dict[Extent, Extent] = field(default_factory=dict)
    equalities: list[tuple[Extent, Extent, Apply, int]] = field(default_factory=list)
    steps: dict[Apply, Step] = field(default_factory=dict)
    inner: dict[Variable, tuple[Extent, ...]] = field(default_factory=dict)
    written: set[Extent] = field(default_factory=set)

    def find(self, extent: Extent) -> Extent:
        """The representative of an extent."""
        while extent in self.parent:
            extent = self.parent[extent]
        return extent

    def unite(self, a: Extent, b: Extent, node: Apply, axis: int) -> None:
        """Record that two lengths must be equal (checked when the lengths are known)."""
        a, b = self.find(a), self.find(b)
        if a is b or (isinstance(a, int) and a == b):
            return
        self.equalities.append((a, b, node, axis))
        if isinstance(a, int):
            self.parent[b] = a
        else:
            self.parent[a] = b

    def root(self, v: Variable) -> tuple[Extent, ...]:
        """The extents of a root: static numbers, or its own dimensions."""
        return tuple(self.symbol(Dim(i)(v)) if n is None else n for i, n in enumerate(v.type.shape))

    def symbol(self, extent: Extent) -> Extent:
        """An extent expression, value-numbered so that equal expressions are one symbol."""
        if isinstance(extent, int):
            return extent
        if isinstance(extent, Constant):
            return int(extent.data)
        if self.inner:  # lengths of what steps of loops compute are lengths of what is around the loops
            extent = known_length(extent, self.inner)
            if isinstance(extent, int):
                return extent
        known: dict[Variable, Variable] = {}
        read = lambda v: known[v] if v in known else self.session.leaf(v)  # noqa: E731
        for node in toposort([extent]):
            same = self.session.node(node, [read(v) for v in node.inputs])
            known.update(zip(node.outputs, same.outputs, strict=True))
        return read(extent)

    def add(self, node: Apply) -> None:
        """Find the extents of a node's outputs."""
        if isinstance(node.op, Scan) and self.enter(node):
            return
        infer = getattr(node.op, "infer_shape", None)
        if infer is None and all(None not in getattr(v.type, "shape", ()) for v in node.outputs):
            infer = lambda inputs, extents: [getattr(v.type, "shape", ()) for v in node.outputs]  # noqa: E731
        if infer is None:
            raise NotCompilable(f"the shape of the result of {node.op} depends on data")
        inputs = [self.of.get(v, ()) for v in node.inputs]
        with made_by(node.line):
            found = infer(node.inputs, inputs)
        for v, extents in zip(node.outputs, found, strict=True):
            if isinstance(v.type, TensorType):
                static = zip(v.type.shape, extents, strict=True)
                self.of[v] = tuple(n if n is not None else self.find(self.symbol(e)) for n, e in static)
        outputs = [self.of.get(v, ()) for v in node.outputs]
        for first, second, axis in node.op.must_agree(node.inputs, inputs, outputs):
            self.unite(self.symbol(first), self.symbol(second), node, axis)

    def enter(self, node: Apply) -> bool:
        """Find the extents of a loop and of all that its steps compute; false where that cannot be."""
        before = dict(self.parent), len(self.equalities), dict(self.inner)
        try:
            step = Step(node)
            self.add_step(step)
        except (Unsuited, NotCompilable) as error:
            self.parent, self.inner = before[0], before[2]
            del self.equalities[before[1] :]
            LOG.debug("%s is evaluated by the interpreter: %s", node.op, error)
            return False
        self.steps[node] = step
        return True

    def add_step(self, step: Step) -> None:
        """Find the extents of what the steps of a loop compute, and of what the loop returns."""
        n = self.symbol(step.steps)
        if (step.rows or step.collected) and isinstance(n, Variable) and not isinstance(n.owner and n.owner.op, Dim):
            self.unite(n, self.symbol(maximum(n, 0)), step.node, 0)  # so that no length is negative
        for v in step.constants():
            self.of[v] = v.data.shape
        for leaf, rows in step.rows.items():
            count, *lengths = self.of[rows]
            self.unite(count, n, step.node, 0)
            self.of[leaf] = self.inner[leaf] = tuple(lengths)
        for leaf, first in [*step.first.items(), *step.fixed.items()]:
            self.of[leaf] = self.inner[leaf] = self.of[first]
        for inner in step.nodes(step.outputs):
            self.add(inner)
            self.inner.update((v, self.of[v]) for v in inner.outputs)
            self.check_outside(inner)
        for leaf, after in zip(step.first, step.after, strict=True):
            for axis, (a, b) in enumerate(zip(self.of[leaf], self.of[after], strict=True)):
                self.unite(a, b, step.node, axis)
        rows = [(n, *self.of[v]) for v in step.collected]
        found = [*(self.of[leaf] for leaf in step.first), *rows, *([] if step.stop is None else [()])]
        self.of.update(zip(step.node.outputs, found, strict=True))

    def check_outside(self, node: Apply) -> None:
        """Refuse lengths that only a step would know."""
        symbolic = [n for v in node.outputs for n in self.of[v] if isinstance(n, Variable)]
        if any(v in self.inner for v in ancestors(symbolic)):
            raise Unsuited(f"the shape of the result of {node.op} depends on the step")

    def final(self, v: Variable) -> tuple[Extent, ...]:
        """The extents of a variable, by their representatives."""
        return tuple(self.find(n) for n in self.of[v])


def find_extents(nodes: Sequence[Apply], roots: Sequence[Variable]) -> Extents:
    """The extents of all variables of a graph."""
    extents = Extents()
    for v in roots:
        if isinstance(v.type, TensorType):
            extents.of[v] = extents.root(v)
    for node in nodes:
        extents.add(node)
    return extents
