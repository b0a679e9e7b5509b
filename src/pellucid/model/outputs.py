"""From draws of the unconstrained values to what users asked for: all draws in a few vectorised passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.compile.numpy import compile as compile_interpreter
from pellucid.graph.traverse import variable_depends_on
from pellucid.rewrite.pipeline import rewrite_graph
from pellucid.tensor.types import TensorType, TensorVariable
from pellucid.vectorize import vectorize_graph

if TYPE_CHECKING:
    from pellucid.model.model import Model

CHUNK = 2**23
"""Bytes that one pass may take, roughly, so that memory stays bounded however many draws there are."""


def evaluate_draws(
    model: Model, graphs: Mapping[str, TensorVariable], draws: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Graphs of random variables, evaluated at every draw.

    Parameters
    ----------
    model : Model
    graphs : mapping of name to variable
        In terms of the model's random variables or value variables.
    draws : mapping of value variable's name to array of shape (chain, draw, *shape)

    Returns
    -------
    dict of name to array of shape (chain, draw, *shape)
    """
    values = {str(v.name): v for v in model.value_vars}
    batch = next(iter(draws.values())).shape[:2] if draws else (0, 0)
    replaced = dict(zip(graphs, model.replace_rvs_by_values(list(graphs.values())), strict=True))
    views = {
        name: draws[str(v.name)]
        for name, v in replaced.items()
        if str(v.name) in draws and v is values.get(str(v.name))
    }
    needed = {name: v for name, v in replaced.items() if name not in views}
    flat = {name: a.reshape(-1, *a.shape[2:]) for name, a in draws.items()}
    computed = run_in_chunks(model, needed, {values[n]: a for n, a in flat.items()}) if needed else {}
    return {
        name: views[name] if name in views else computed[name].reshape(*batch, *computed[name].shape[1:])
        for name in graphs
    }


def run_in_chunks(
    model: Model, graphs: Mapping[str, TensorVariable], draws: Mapping[TensorVariable, np.ndarray]
) -> dict[str, np.ndarray]:
    """Graphs of value variables at every row of the draws."""
    rows = len(next(iter(draws.values())))
    function = batched(model, graphs, list(draws))
    width = 8 * (sum(a[:1].size for a in draws.values()) + sum(known_size(v) for v in graphs.values()))
    step = max(1, min(rows, CHUNK // max(width, 1)))
    whole: list[np.ndarray] = []
    for start in range(0, max(rows, 1), step):
        block = [a[start : start + step] for a in draws.values()]
        found = function(len(block[0]), block)
        if start == 0:  # the results are written where they stay: parts to be joined would take twice the memory
            whole = found if step >= rows else [np.empty((rows, *f.shape[1:]), f.dtype) for f in found]
        for target, part in zip(whole, found, strict=True):
            if target is not part:
                target[start : start + step] = part
    return dict(zip(graphs, whole, strict=True))


def known_size(v: TensorVariable) -> int:
    """The number of elements, as far as the static shape tells."""
    return int(np.prod([n for n in v.type.shape if n is not None]))


def batched(
    model: Model, graphs: Mapping[str, TensorVariable], inputs: Sequence[TensorVariable]
) -> Callable[..., list[np.ndarray]]:
    """A function of (rows, blocks of draws) that gives every graph at every row; made once for the model as it is."""
    key = "batched", tuple(graphs)
    if key not in model.cache:
        dependent = [name for name, v in graphs.items() if variable_depends_on(v, inputs)]
        fixed = [name for name in graphs if name not in dependent]
        run = widened([graphs[name] for name in dependent], inputs)
        constants = compile_interpreter([], rewrite_graph([graphs[name] for name in fixed]))
        model.cache[key] = ordered(run, constants, [*dependent, *fixed], list(graphs))
    return model.cache[key]


def widened(graphs: Sequence[TensorVariable], inputs: Sequence[TensorVariable]) -> Callable[..., list[Any]]:
    """Graphs as a function of inputs with one more leading axis: vectorised, or row by row where an op cannot be."""
    stacked = [TensorType(v.dtype, (None, *v.type.shape)).variable(name=v.name) for v in inputs]
    try:
        wide = vectorize_graph(list(graphs), dict(zip(inputs, stacked, strict=True)))
    except TypeError:  # an op without a rule, or results whose shapes differ from draw to draw
        return row_by_row(graphs, inputs)
    return compile_interpreter(stacked, rewrite_graph(wide))


def row_by_row(graphs: Sequence[TensorVariable], inputs: Sequence[TensorVariable]) -> Callable[..., list[Any]]:
    """The graphs evaluated at one row after the other."""
    one = compile_interpreter(inputs, rewrite_graph(graphs))

    def run(*blocks: np.ndarray) -> list[Any]:
        rows = [one(*row) for row in zip(*blocks, strict=True)]
        return (
            [
                np.array([np.asarray(r[k]) for r in rows]).reshape(len(rows), *np.shape(rows[0][k]))
                for k in range(len(graphs))
            ]
            if rows
            else []
        )

    return run


def ordered(
    run: Callable[..., list[Any]], constants: Callable[..., list[Any]], computed: Sequence[str], wanted: Sequence[str]
) -> Callable[..., list[np.ndarray]]:
    """The results in the order wanted, those that are the same for all draws repeated."""
    places = {name: i for i, name in enumerate(computed)}

    def call(rows: int, blocks: Sequence[np.ndarray]) -> list[np.ndarray]:
        found = [np.asarray(f) for f in run(*blocks)]
        found += [np.broadcast_to(f, (rows, *np.shape(f))) for f in constants()]
        return [found[places[name]] for name in wanted]

    return call
