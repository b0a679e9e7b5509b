"""Random graphs over many rows as machine code: standard numbers come in, and draws are formulas of these.

Draws that are no such formula are NumPy's, between two pieces of machine code: parameters, then draws, then what
follows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid import tensor
from pellucid.compile.backend import load_backend
from pellucid.compile.numpy import apply_node
from pellucid.compile.numpy import compile as interpret
from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.provenance import made_by
from pellucid.graph.replace import rebuild, replace_all
from pellucid.graph.traverse import explicit_graph_inputs, toposort
from pellucid.tensor.check import CheckAndRaise
from pellucid.tensor.draws import Draw, RngType
from pellucid.tensor.elementwise import cast
from pellucid.tensor.noise import FromNoise
from pellucid.tensor.types import TensorType

WORK = 2**21
"""So many results that compiling, a quarter of a second once and then found on disk, is worth its while."""


@dataclass
class Stage:
    """What is computed before some draws, and these; the last stage has no draws.

    Attributes
    ----------
    inputs, results : list of variables
        What is read, and what is computed from that.
    compute : callable
        The arrays of the results, of those of the inputs; `out` lists arrays that may be written into, or None.
    draws : list of Apply
        In terms of the graph as it was, whose variables all earlier stages computed.
    """

    inputs: list[Any]
    results: list[Any]
    compute: Callable[..., list[Any]]
    draws: list[Apply]


@dataclass
class Noise:
    """The standard numbers of one draw.

    Attributes
    ----------
    leaf : variable
        What stands for them in the graph.
    source : variable
        The generator that the draw would have used.
    kind : str
        The generator's method.
    """

    leaf: Any
    source: Any
    kind: str


class Staged:
    """A function of arrays and of what draws come from, with machine code between the draws.

    Parameters
    ----------
    inputs : sequence of variables
        Tensors, and the generators that are drawn from.
    outputs : sequence of variables
        After the rewriting.

    Raises
    ------
    NotStaged
        Where draws share a generator, or something random is no draw.
    """

    def __init__(self, inputs: Sequence[Any], outputs: Sequence[Any]):
        check_sources(inputs, outputs)
        self.inputs = list(inputs)
        self.outputs, self.noise = from_noise(outputs)
        leaves = [*inputs, *(n.leaf for n in self.noise)]
        nodes = toposort(self.outputs, stop=set(leaves))
        draws = [node for node in nodes if isinstance(node.op, Draw)]
        depths = depths_of(nodes)
        drawn: dict[Any, Any] = {node.outputs[-1]: node.outputs[-1].type.variable() for node in draws}  # type: ignore[attr-defined]
        self.stages = []
        for depth in range(max(depths.values(), default=0)):
            level = [node for node in draws if depths[node.outputs[-1]] == depth + 1]
            self.stages.append(stage_of(leaves, drawn, [v for node in level for v in node.inputs[1:]], level))
        self.stages.append(stage_of(leaves, drawn, self.outputs, []))

    def __call__(
        self,
        rows: int,
        arrays: Sequence[Any],
        shapes: Sequence[Sequence[int]],
        out: Sequence[np.ndarray | None],
    ) -> list[Any]:
        """The outputs at so many rows.

        Parameters
        ----------
        rows : int
        arrays : sequence of array or Block
            For the inputs.
        shapes : sequence of tuple of int
            Of what `draws_from_noise` lists, for one row.
        out : sequence of array or None
            Where outputs may be written; they may come as other arrays, too.
        """
        values: dict[Any, Any] = dict(zip(self.inputs, arrays, strict=True))
        for noise, shape in zip(self.noise, shapes, strict=True):
            values[noise.leaf] = values[noise.source].noise(noise.kind, (rows, *shape))

        def value(v: Any) -> Any:
            return values[v] if v in values else v.get_value(borrow=True)

        places = dict(zip(self.outputs, out, strict=True))
        for stage in self.stages:
            if stage.results:
                given = [value(v) for v in stage.inputs]
                found = stage.compute(*given, out=[places.get(v) for v in stage.results])
                values.update(zip(stage.results, found, strict=True))
            with np.errstate(all="ignore"):
                for node in stage.draws:
                    source, *parameters = node.inputs
                    generator = value(source).generator()
                    values[node.outputs[-1]] = apply_node(node, [generator, *map(value, parameters)])[-1]
        return [value(v) for v in self.outputs]


class NotStaged(TypeError):
    """Draws depend on each other in ways that machine code does not follow."""


def check_sources(inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
    """Refuse graphs whose draws do not each have a generator of their own, given as an input."""
    nodes = toposort(outputs, stop=set(inputs))
    random = [node for node in nodes if any(isinstance(v.type, RngType) for v in node.inputs)]
    sources = [node.inputs[0] for node in random]
    if not all(isinstance(node.op, Draw) for node in random):
        raise NotStaged("something random is no draw")
    if not set(sources) <= set(inputs) or len(set(sources)) < len(sources):
        raise NotStaged("draws share a generator")


def draws_from_noise(outputs: Sequence[Any]) -> list[Any]:
    """The draws whose laws are formulas of standard numbers, in the order of :func:`from_noise`."""
    return [node.outputs[-1] for node in toposort(outputs) if is_from_noise(node)]


def is_from_noise(node: Apply) -> bool:
    """Whether a node draws by a formula of standard numbers."""
    return isinstance(node.op, Draw) and isinstance(node.op.law.sample, FromNoise)


def from_noise(outputs: Sequence[Any]) -> tuple[list[Any], list[Noise]]:
    """Graphs whose draws, as far as their laws are formulas of standard numbers, are these formulas."""
    new: dict[Any, Any] = {}
    found = []
    for node in toposort(outputs):
        inputs = [new.get(v, v) for v in node.inputs]
        drawn: Any = node.outputs[-1]
        if is_from_noise(node):
            sample = node.op.law.sample
            noise = Noise(TensorType("float64", drawn.type.shape).variable(), node.inputs[0], sample.noise)
            with made_by(node.line):
                new[drawn] = formula_of(sample, noise.leaf, inputs[2:], drawn.dtype)
            found.append(noise)
        elif any(v in new for v in node.inputs):
            new.update(zip(node.outputs, rebuild(node, inputs).outputs, strict=True))
    return [new.get(v, v) for v in outputs], found


def formula_of(sample: FromNoise, leaf: Any, parameters: Sequence[Any], dtype: str) -> Any:
    """A draw in terms of standard numbers and its parameters."""
    drawn = sample.formula(tensor, leaf, *parameters)
    if sample.valid is not None:
        drawn = CheckAndRaise(ValueError, sample.complaint)(drawn, sample.valid(tensor, *parameters))
    return drawn if drawn.dtype == dtype else cast(drawn, dtype)


def depths_of(nodes: Sequence[Apply]) -> dict[Variable, int]:
    """How many draws are behind each variable, one after the other."""
    found: dict[Variable, int] = {}
    for node in nodes:
        depth = max((found.get(v, 0) for v in node.inputs), default=0) + isinstance(node.op, Draw)
        found.update(dict.fromkeys(node.outputs, depth))
    return found


def stage_of(inputs: Sequence[Any], drawn: Mapping[Any, Any], wanted: Sequence[Any], draws: list[Apply]) -> Stage:
    """What computes some variables, from the inputs and from earlier draws."""
    results = [v for v in dict.fromkeys(wanted) if v.owner is not None and v not in drawn]
    graphs: list[Any] = replace_all(results, drawn)
    reached = set(explicit_graph_inputs(graphs))
    origin = [v for v in inputs if v in reached] + [old for old, leaf in drawn.items() if leaf in reached]
    leaves = [drawn.get(v, v) for v in origin]
    # A few lengths are not worth a library of their own.
    wide = any(v.type.ndim for v in leaves)
    compute = load_backend("llvm").compile(leaves, graphs) if wide else interpreted(leaves, graphs)
    return Stage(origin, results, compute, draws)


def interpreted(inputs: Sequence[Any], outputs: Sequence[Any]) -> Callable[..., list[Any]]:
    """A function of arrays by the interpreter, which writes nowhere."""
    run = interpret(inputs, outputs)

    def compute(*arrays: Any, out: Sequence[np.ndarray | None]) -> list[Any]:
        return run(*arrays)

    return compute
