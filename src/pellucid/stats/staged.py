"""Random graphs over many rows with machine code between the draws: parameters, then draws, then what follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.compile.backend import load_backend
from pellucid.compile.numpy import apply_node
from pellucid.compile.numpy import compile as interpret
from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.replace import replace_all
from pellucid.graph.traverse import explicit_graph_inputs, toposort
from pellucid.tensor.draws import Draw, RngType

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
        The arrays of the results, of those of the inputs.
    draws : list of Apply
        In terms of the graph as it was, whose variables all earlier stages computed.
    """

    inputs: list[Any]
    results: list[Any]
    compute: Callable[..., list[Any]]
    draws: list[Apply]


def staged(inputs: Sequence[Any], outputs: Sequence[Any]) -> Callable[..., list[Any]] | None:
    """A function of arrays and generators, as the interpreter makes one; None where draws share a generator.

    Parameters
    ----------
    inputs : sequence of variables
        Tensors, and the generators that are drawn from.
    outputs : sequence of variables
        After the rewriting.
    """
    nodes = toposort(outputs, stop=set(inputs))
    draws = [node for node in nodes if any(isinstance(v.type, RngType) for v in node.inputs)]
    sources = [node.inputs[0] for node in draws]
    if not all(isinstance(node.op, Draw) for node in draws) or not set(sources) <= set(inputs):
        return None
    if len(set(sources)) < len(sources):
        return None
    depths = depths_of(nodes)
    drawn: dict[Any, Any] = {node.outputs[-1]: node.outputs[-1].type.variable() for node in draws}  # type: ignore[attr-defined]
    stages = []
    for depth in range(max(depths.values(), default=0) + 1):
        level = [node for node in draws if depths[node.outputs[-1]] == depth + 1]
        read = [v for node in level for v in node.inputs[1:]]
        if level:
            stages.append(stage_of(inputs, drawn, read, level))
    stages.append(stage_of(inputs, drawn, outputs, []))
    return runner(inputs, stages, outputs)


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
    compute = load_backend("llvm").compile(leaves, graphs) if wide else interpret(leaves, graphs)
    return Stage(origin, results, compute, draws)


def runner(inputs: Sequence[Any], stages: Sequence[Stage], outputs: Sequence[Any]) -> Callable[..., list[Any]]:
    """The stages, one after the other."""

    def run(*arrays: Any) -> list[Any]:
        values: dict[Any, Any] = dict(zip(inputs, arrays, strict=True))

        def value(v: Any) -> Any:
            return values[v] if v in values else v.get_value(borrow=True)

        for stage in stages:
            found = stage.compute(*(value(v) for v in stage.inputs)) if stage.results else []
            values.update(zip(stage.results, found, strict=True))
            with np.errstate(all="ignore"):
                for node in stage.draws:
                    values[node.outputs[-1]] = apply_node(node, [value(v) for v in node.inputs])[-1]
        return [value(v) for v in outputs]

    return run
