"""A distribution that a graph draws: the graph as a value, its shape, its draws, its typical value."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from pellucid.compile.numpy import EvaluationError
from pellucid.compile.numpy import compile as interpret
from pellucid.graph.function_graph import FunctionGraph
from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.provenance import describe, user_line
from pellucid.graph.replace import replace_all
from pellucid.graph.traverse import graph_inputs, toposort
from pellucid.stats import support_point
from pellucid.stats.families.composite import common_batch, generator_from
from pellucid.stats.forward import widened
from pellucid.tensor.body import Body, extend_extents
from pellucid.tensor.broadcast import Extent
from pellucid.tensor.draws import Draw, RngVariable, as_size, count_of_generators, lengths
from pellucid.tensor.loop import Scan
from pellucid.tensor.types import Constant, TensorType, TensorVariable


@dataclass(frozen=True)
class Recipe:
    """What a user said of a distribution.

    Attributes
    ----------
    logp, logcdf, random, support_point : callable or None
    axes : tuple
        For each axis of one draw where its length is from: a parameter's place and one of its axes (from the end).
    graph : FunctionGraph or None
        What ``dist=`` returned, as a function of its generators, the parameters, and the size if there was one.
    generators : int
        How many generators the graph has.
    core : tuple of int
        How many axes of each parameter belong to one draw; those before them are its batch.
    sized : bool
        Whether the graph has an input for the size.
    batch_ndim : int
        The number of batch axes of what the graph computes.
    """

    logp: Callable[..., Any] | None = None
    logcdf: Callable[..., Any] | None = None
    random: Callable[..., Any] | None = None
    support_point: Callable[..., Any] | None = None
    axes: tuple[tuple[int, int], ...] = ()
    graph: FunctionGraph | None = None
    generators: int = 0
    core: tuple[int, ...] = ()
    sized: bool = False
    batch_ndim: int = 0

    @property
    def parameters(self) -> tuple[Variable, ...]:
        """The parameters as inputs of the graph."""
        return self.graph.inputs[self.generators : self.generators + len(self.core)] if self.graph else ()

    def aligned(self, values: Sequence[Any]) -> list[Any]:
        """Parameters, arrays or tensors, with leading axes of length 1 where they have fewer axes than in the graph."""
        missing = [p.type.ndim - v.ndim for p, v in zip(self.parameters, values, strict=True)]  # type: ignore[attr-defined]
        return [v[(*[None] * n, ...)] if n > 0 else v for v, n in zip(values, missing, strict=True)]

    def size(self, values: Sequence[TensorVariable], *others: tuple[Sequence[Extent], Sequence[int | None]]) -> Any:
        """The size to draw for parameters, and for a batch given by its lengths and its static shape."""
        leads = [(v, v.ndim - core) for v, core in zip(values, self.core, strict=True)]
        rows = [(lengths(v)[:lead], v.type.shape[:lead]) for v, lead in leads if lead > 0]
        batch = common_batch([*rows, *others])
        return as_size([*[1] * (self.batch_ndim - len(batch)), *batch])

    def inputs(self, values: Sequence[TensorVariable], *others: Any) -> list[Any]:
        """The inputs of the graph after the generators: the parameters, and the size if there is one."""
        return [*self.aligned(values), *([self.size(values, *others)] if self.sized else [])]

    def applied(self, inputs: Sequence[Any]) -> Any:
        """What the graph computes for these inputs."""
        generators: Any = self.graph.inputs[: self.generators]  # type: ignore[union-attr]
        return self.graph.on([*generators, *inputs])[0]  # type: ignore[union-attr]

    def sources(self, rng: np.random.Generator) -> list[np.random.Generator]:
        """The graph's generators; a single one is the one given, so that draws are those of the graph's contents."""
        return [rng] if self.generators == 1 else [generator_from(rng) for _ in range(self.generators)]

    def __getstate__(self) -> Any:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @cached_property
    def run(self) -> Callable[..., Any]:
        """The graph as a function of arrays."""
        return interpret(self.graph.inputs, self.graph.outputs)  # type: ignore[union-attr]

    @cached_property
    def run_rows(self) -> Callable[..., Any] | None:
        """The same over one more axis in front of each parameter, given its length; None if an op has no rule."""
        graph: Any = self.graph
        rows = TensorType("int64", ()).variable(name="rows")
        kinds: dict[Any, Any] = {p: p.type for p in self.parameters}
        wide: dict[Any, Any] = {p: TensorType(k.dtype, (None, *k.shape)).variable() for p, k in kinds.items()}
        try:
            outputs = widened(graph.outputs, wide, rows)
        except TypeError:
            return None
        return interpret([*(wide.get(v, v) for v in graph.inputs), rows], outputs)


def traced(
    dist: Callable[..., Any],
    recipe: Recipe,
    name: str,
    labels: Sequence[str],
    values: Sequence[TensorVariable],
    batch: int,
) -> Recipe:
    """The recipe with the graph that `dist` writes for parameters of these types and a size for so many axes."""
    kinds = [v.type if core == v.ndim else open_type(v.type) for v, core in zip(values, recipe.core, strict=True)]
    dummies = [kind.variable(name=label) for kind, label in zip(kinds, labels, strict=True)]
    shown = [v if is_count(v) else d for v, d in zip(values, dummies, strict=True)]
    size = TensorType("int64", (batch,)).variable(name="size") if batch else None
    before = count_of_generators()
    out = dist(*shown, size)
    if not isinstance(out, TensorVariable):
        raise TypeError(
            f"dist of {name} must return a random variable, made with .dist(...), not {out!r} ({type(out).__name__}). "
            f"At {describe(user_line())}"
        )
    inputs = [*dummies, *([] if size is None else [size])]
    roots = list(graph_inputs([out], blockers=inputs))
    generators = [v for v in roots if isinstance(v, RngVariable)]
    check_own(name, out, [v for v in generators if v.born < before], roots, set(inputs))
    graph = FunctionGraph([*generators, *inputs], [out])
    return replace(recipe, graph=graph, generators=len(generators), sized=size is not None)


def open_type(kind: TensorType) -> TensorType:
    """A type for any length of the axes that do not stretch: the batch may be another one later."""
    return TensorType(kind.dtype, tuple(1 if n == 1 else None for n in kind.shape))


def is_count(v: TensorVariable) -> bool:
    """Whether a parameter is a constant whole number, such as a number of steps, which shapes may depend on."""
    return isinstance(v, Constant) and v.ndim == 0 and not v.dtype.startswith("float")


def check_own(
    name: str, out: Variable, foreign: Sequence[Variable], roots: Sequence[Variable], known: set[Any]
) -> None:
    """Refuse a graph that mentions what is not among its parameters."""
    if foreign:
        node = next(n for n in toposort([out]) if any(v in foreign for v in n.inputs))
        raise ValueError(
            f"dist of {name} uses the random variable '{node.outputs[-1]}', made before it at {describe(node.line)}: "
            f"it would be drawn anew. Pass it as a parameter. At {describe(user_line())}"
        )
    missing = [str(v) for v in roots if v not in known and not v.has_value]
    if missing:
        raise ValueError(
            f"dist of {name} uses {', '.join(missing)}: pass what it depends on as parameters. "
            f"At {describe(user_line())}"
        )
    if not any(isinstance(v, RngVariable) for v in roots):
        raise TypeError(
            f"dist of {name} returns {out}, in which nothing is random: use distributions made with .dist(...). "
            f"At {describe(user_line())}"
        )


def graph_extents(
    recipe: Recipe, parameters: Sequence[Any], extents: Sequence[Sequence[Extent]] | None = None
) -> list[Extent]:
    """The lengths of what the graph computes, in terms of the parameters."""
    graph: Any = recipe.graph
    out = graph.outputs[0]
    if None not in out.type.shape:
        return list(out.type.shape)
    ranks = [p.type.ndim for p in recipe.parameters]  # type: ignore[attr-defined]
    single = [v[(0,) * (v.ndim - rank)] if v.ndim > rank else v for v, rank in zip(parameters, ranks, strict=True)]
    given = recipe.inputs(single)
    known: dict[Variable, Any] = dict.fromkeys(graph.inputs[: recipe.generators], ())
    for leaf, rank, own in zip(recipe.parameters, ranks, extents or map(lengths, single), strict=True):
        known[leaf] = [*[1] * (rank - len(own)), *own[max(len(own) - rank, 0) :]]
    known.update((v, lengths(v)) for v in [*graph.inputs, *graph.orphans()] if v not in known)
    extend_extents(graph.toposort(), known)
    found = [n if s is None else s for n, s in zip(known[out], out.type.shape, strict=True)]
    symbolic = [n for n in found if isinstance(n, Variable)]
    swapped = iter(replace_all(symbolic, dict(zip(graph.inputs[recipe.generators :], given, strict=True))))
    return [next(swapped) if isinstance(n, Variable) else n for n in found]


def draw_graph(recipe: Recipe, rng: np.random.Generator, size: tuple[int, ...], arrays: Sequence[Any]) -> np.ndarray:
    """Draws by evaluating the graph: once, or for each element of the axes that the batch has gained since."""
    extra = len(size) - recipe.batch_ndim
    ranks = [p.type.ndim for p in recipe.parameters]  # type: ignore[attr-defined]
    if extra <= 0:
        found = evaluate(recipe, rng, (*[1] * -extra, *size), recipe.aligned(arrays))
        return found[(0,) * -extra]
    lead, inner = size[:extra], size[extra:]
    found = draw_rows(recipe, rng, lead, inner, arrays)
    if found is not None:
        return found
    each: Any = np.empty(lead, object)
    for place in np.ndindex(*lead):
        values = [one_of(a, n, place) for a, n in zip(recipe.aligned(arrays), ranks, strict=True)]
        each[place] = evaluate(recipe, rng, inner, values)
    drawn = list(each.ravel())
    return np.stack(drawn).reshape(*lead, *drawn[0].shape) if drawn else np.empty((*size,))


def draw_rows(
    recipe: Recipe, rng: np.random.Generator, lead: tuple[int, ...], size: tuple[int, ...], arrays: Sequence[Any]
) -> np.ndarray | None:
    """The draws of all elements of the axes `lead` at once; None where they have to be drawn one by one."""
    rows, run = math.prod(lead), recipe.run_rows
    if run is None or not rows:
        return None
    ranks = [p.type.ndim for p in recipe.parameters]  # type: ignore[attr-defined]
    values = [with_rows(a, n, lead) for a, n in zip(recipe.aligned(arrays), ranks, strict=True)]
    if recipe.sized:
        filled = [
            fill_batch(a[0], p.type.shape, core, size)  # type: ignore[attr-defined]
            for a, p, core in zip(values, recipe.parameters, recipe.core, strict=True)
        ]
        values = [np.broadcast_to(a, (rows, *f.shape)) for a, f in zip(values, filled, strict=True)]
    inputs = [*values, *([np.array(size, "int64")] if recipe.sized else []), np.array(rows)]
    try:
        found = run(*recipe.sources(rng), *inputs)[0]
    except EvaluationError:  # their shapes differ
        return None
    return found.reshape(*lead, *found.shape[1:])


def with_rows(a: np.ndarray, ndim: int, lead: tuple[int, ...]) -> np.ndarray:
    """An array with one axis for the axes `lead` in front of its last `ndim`."""
    own = a.ndim - ndim
    a = a[(slice(None),) * min(own, len(lead)) + (0,) * (own - len(lead))]
    core = a.shape[a.ndim - ndim :]
    spread = a.reshape(*a.shape[: a.ndim - ndim], *[1] * (len(lead) - own), *core)
    return np.broadcast_to(spread, (*lead, *core)).reshape(math.prod(lead), *core)


def one_of(a: np.ndarray, ndim: int, place: tuple[int, ...]) -> np.ndarray:
    """The element at a place of the axes that an array has before its last `ndim`; axes of length 1 repeat."""
    lead = a.shape[: a.ndim - ndim]
    index = tuple(min(i, n - 1) for i, n in zip(place, lead, strict=False))
    return a[index + (0,) * (len(lead) - len(index))]


def evaluate(recipe: Recipe, rng: np.random.Generator, size: tuple[int, ...], arrays: Sequence[Any]) -> np.ndarray:
    """One evaluation of the graph."""
    generators = recipe.sources(rng)
    if not recipe.sized:
        return recipe.run(*generators, *arrays)[0]
    filled = [
        fill_batch(a, p.type.shape, core, size)  # type: ignore[attr-defined]
        for a, p, core in zip(arrays, recipe.parameters, recipe.core, strict=True)
    ]
    return recipe.run(*generators, *filled, np.array(size, "int64"))[0]


def fill_batch(a: np.ndarray, static: Sequence[int | None], core: int, size: Sequence[int]) -> np.ndarray:
    """A parameter repeated over the batch along the axes that the graph does not know to stretch."""
    lead = a.ndim - core
    batch = [1 if s == 1 else n for s, n in zip(static[:lead], size[len(size) - lead :], strict=True)] if lead else []
    return np.broadcast_to(a, (*batch, *a.shape[lead:]))


def at_typical_values(out: TensorVariable) -> TensorVariable:
    """What is computed when each draw, also those in loops, has its typical value."""
    new: dict[Variable, Variable] = {}
    for node in toposort([out]):
        inputs = [new.get(v, v) for v in node.inputs]
        if isinstance(node.op, Draw):
            fresh = node.clone_with_new_inputs(inputs).outputs
            new.update(zip(node.outputs, (fresh[0], support_point(fresh[-1])), strict=True))
        elif isinstance(node.op, Scan) and any(isinstance(v, RngVariable) for v in node.inputs):
            op = replace(node.op, body=typical_body(node.op.body))
            new.update(zip(node.outputs, Apply(op, inputs).outputs, strict=True))
        elif any(a is not b for a, b in zip(inputs, node.inputs, strict=True)):
            new.update(zip(node.outputs, node.clone_with_new_inputs(inputs).outputs, strict=True))
    return new.get(out, out)  # type: ignore[return-value]


def typical_body(body: Body) -> Body:
    """A step in which each draw has its typical value."""
    new: dict[Variable, Variable] = {}
    for node in toposort(body.outputs, stop=set(body.inputs)):
        inputs = [new.get(v, v) for v in node.inputs]
        fresh = node.clone_with_new_inputs(inputs).outputs
        typical = (fresh[0], support_point(fresh[-1])) if isinstance(node.op, Draw) else fresh
        new.update(zip(node.outputs, typical, strict=True))
    return Body(body.inputs, [new.get(v, v) for v in body.outputs])
