"""From draws of the unconstrained values to what users asked for: all draws in a few vectorised passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.compile.numpy import compile as compile_interpreter
from pellucid.graph.traverse import variable_depends_on
from pellucid.rewrite.pipeline import rewrite_graph
from pellucid.tensor.types import TensorType, TensorVariable

if TYPE_CHECKING:
    from pellucid.model.model import Model

CHUNK = 2**25
"""Bytes that one pass may take, roughly, so that memory stays bounded however many draws there are."""


def evaluate_draws(model: Model, graphs: Mapping[str, TensorVariable], draws: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
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
    views = {name: draws[str(v.name)] for name, v in replaced.items() if str(v.name) in draws and v is values.get(str(v.name))}
    needed = {name: v for name, v in replaced.items() if name not in views}
    flat = {name: a.reshape(-1, *a.shape[2:]) for name, a in draws.items()}
    computed = run_in_chunks(model, needed, {values[n]: a for n, a in flat.items()}) if needed else {}
    return {name: views[name] if name in views else computed[name].reshape(*batch, *computed[name].shape[1:]) for name in graphs}


def run_in_chunks(model: Model, graphs: Mapping[str, TensorVariable], draws: Mapping[TensorVariable, np.ndarray]) -> dict[str, np.ndarray]:
    """Graphs of value variables at every row of the draws."""
    rows = len(next(iter(draws.values())))
    function = batched(model, graphs, list(draws))
    width = 8 * (sum(a[:1].size for a in draws.values()) + sum(known_size(v) for v in graphs.values()))
    step = max(1, min(rows, CHUNK // max(width, 1)))
    parts: list[list[np.ndarray]] = [[] for _ in graphs]
    for start in range(0, max(rows, 1), step):
        block = [a[start : start + step] for a in draws.values()]
        for found, part in zip(function(len(block[0]), block), parts, strict=True):
            part.append(found)
    return {name: p[0] if len(p) == 1 else np.concatenate(p) for name, p in zip(graphs, parts, strict=True)}


def known_size(v: TensorVariable) -> int:
    """The number of elements, as far as the static shape tells."""
    return int(np.prod([n for n in v.type.shape if n is not None]))


def batched(model: Model, graphs: Mapping[str, TensorVariable], inputs: Sequence[TensorVariable]) -> Callable[..., list[np.ndarray]]:
    """A function of (rows, blocks of draws) that gives every graph at every row; made once for the model as it is."""
    key = "batched", tuple(graphs)
    if key not in model.cache:
        dependent = [name for name, v in graphs.items() if variable_depends_on(v, inputs)]
        fixed = [name for name in graphs if name not in dependent]
        one = compile_interpreter(inputs, rewrite_graph([graphs[name] for name in [*dependent, *fixed]]))

        def run(*blocks):
            rows = [one(*[b[i] for b in blocks]) for i in range(len(blocks[0]))]
            return [np.array([r[k] for r in rows]) if k < len(dependent) else rows[0][k] for k in range(len(graphs))]

        model.cache[key] = ordered(run, [*dependent, *fixed], list(graphs), len(dependent))
    return model.cache[key]


def ordered(run: Callable[..., list[Any]], computed: Sequence[str], wanted: Sequence[str], dependent: int) -> Callable[..., list[np.ndarray]]:
    """The results in the order wanted, those that are the same for all draws repeated."""
    places = {name: i for i, name in enumerate(computed)}

    def call(rows: int, blocks: Sequence[np.ndarray]) -> list[np.ndarray]:
        found = [np.asarray(f) for f in run(*blocks)]
        found[dependent:] = [np.broadcast_to(f, (rows, *f.shape)) for f in found[dependent:]]
        return [found[places[name]] for name in wanted]

    return call
