"""Distributions that users make: from functions, or from the graph that draws them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pellucid.graph.nodes import Variable
from pellucid.graph.provenance import describe, user_line
from pellucid.graph.replace import replace_all
from pellucid.stats import icdf, is_draw, logccdf, logcdf, logp, mean
from pellucid.stats.derivations.core import is_random
from pellucid.stats.distribution import Undefined
from pellucid.stats.families.composite import Composite, Structure
from pellucid.stats.families.custom_graph import Recipe, at_typical_values, draw_graph, graph_extents, traced
from pellucid.tensor.broadcast import Extent
from pellucid.tensor.create import zeros
from pellucid.tensor.draws import as_size, draw, lengths
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import as_extents, broadcast_to
from pellucid.tensor.types import TensorType, TensorVariable, as_tensor_variable
from pellucid.vectorize import vectorize_graph

GIVEN = "the shape that was asked for"
"""The name of the parameter that holds the lengths of one draw, where nothing else says what they are."""


class CustomDist(Composite):
    r"""A distribution of your own: from its functions, or from a graph that draws it.

    Parameters
    ----------
    *dist_params : tensor
        The parameters, which the functions get in this order.
    dist : callable, optional
        ``dist(*parameters, size)`` returns a random variable, made with ``.dist(...)`` and any operations on it, also
        in loops. Draws evaluate it, and its log-density is derived from it unless `logp` is given.
    logp, logcdf : callable, optional
        ``logp(value, *parameters)`` returns a tensor: the log-density (log-cdf) at `value`.
    random : callable, optional
        ``random(*arrays, rng=generator, size=shape)`` returns an array of draws; `shape` is that of the batch.
    support_point : callable, optional
        ``support_point(rv, size, *parameters)`` returns where sampling starts; by default it is zero, or with `dist`
        what comes of it when each draw in it has its own typical value.
    signature : str, optional
        The axes of one value of each parameter and of one draw: ``"(n),(n,n)->(n)"``. By default all are numbers.
    ndim_supp, ndims_params : int, sequence of int, optional
        The numbers of these axes, where `signature` is not given.
    dtype : str
        The dtype of a draw; with `dist` it is that of the random variable.
    class_name : str
        What the distribution is called in print.

    Raises
    ------
    TypeError, ValueError
        When `dist` returns no random variable, or mentions variables that are not among the parameters.

    Examples
    --------
    >>> import pellucid as pm
    >>> x = pm.CustomDist.dist(1.0, dist=lambda mu, size: pm.math.exp(pm.Normal.dist(mu, 1.0, size=size)))
    >>> print(pm.logp(x, 2.0).eval().round(4))
    -1.6592
    >>> y = pm.CustomDist.dist(3.0, logp=lambda value, rate: pm.math.log(rate) - rate * value)
    >>> print(pm.logp(y, 2.0).eval().round(4))
    -4.9014
    """

    @classmethod
    def dist(  # type: ignore[override]
        cls,
        *dist_params: Any,
        dist: Callable[..., Any] | None = None,
        logp: Callable[..., Any] | None = None,
        logcdf: Callable[..., Any] | None = None,
        random: Callable[..., Any] | None = None,
        support_point: Callable[..., Any] | None = None,
        signature: str | None = None,
        ndim_supp: int | None = None,
        ndims_params: Sequence[int] | None = None,
        dtype: str = "float64",
        class_name: str = "CustomDist",
        **options: Any,
    ) -> TensorVariable:
        """A random variable without a model; see the class."""
        if dist is not None and random is not None:
            raise ValueError(f"Give dist= or random=, not both: each says how to draw. At {describe(user_line())}")
        for label, f in {"dist": dist, "logp": logp, "logcdf": logcdf, "random": random}.items():
            if f is not None and not callable(f):
                raise TypeError(
                    f"{label} of {class_name} must be callable, not {f!r} ({type(f).__name__}). "
                    f"At {describe(user_line())}"
                )
        values = [as_tensor_variable(p) for p in dist_params]
        shapes = read_signature(signature, ndim_supp, ndims_params, values)
        labels = names_of(dist or random, len(values)) or names_of(logp or logcdf, len(values), first=1)
        recipe = Recipe(logp, logcdf, random, support_point)
        if dist is not None:
            return cls.from_graph(dist, recipe, class_name, labels, shapes, values, options)
        return cls.from_functions(recipe, class_name, labels, shapes, values, dtype, options)

    @classmethod
    def from_functions(
        cls,
        recipe: Recipe,
        name: str,
        labels: Sequence[str],
        shapes: Axes,
        values: list[TensorVariable],
        dtype: str,
        options: dict[str, Any],
    ) -> TensorVariable:
        """A random variable of which functions say everything."""
        own = list(zip(labels, [len(p) for p in shapes.parameters], strict=True))
        places = {label: (i, k - len(p)) for i, p in enumerate(shapes.parameters) for k, label in enumerate(p)}
        axes = tuple(places[label] for label in shapes.draw if label in places)
        if len(axes) < len(shapes.draw):
            given = options.get("shape")
            if given is None:
                raise ValueError(
                    f"The lengths of one draw of {name}, which has {len(shapes.draw)} axes, are not known: give "
                    "shape= (or dims=, observed=), or a signature in which they are those of parameters, such as "
                    f"'(n),(n,n)->(n)'. At {describe(user_line())}"
                )
            last = as_extents(given)[-len(shapes.draw) :]
            values = [*values, as_tensor_variable(as_size(last))]
            axes = tuple((len(own), k - len(last)) for k in range(len(last)))
            own.append((GIVEN, 1))
        dtype = "float64" if dtype == "floatX" else dtype
        structure = Structure(cls, tuple(own), (), (), dtype, len(shapes.draw), replace(recipe, axes=axes), name)
        return cls.make(structure, values, **options)

    @classmethod
    def from_graph(
        cls,
        dist: Callable[..., Any],
        recipe: Recipe,
        name: str,
        labels: Sequence[str],
        shapes: Axes,
        values: list[TensorVariable],
        options: dict[str, Any],
    ) -> TensorVariable:
        """A random variable that a graph draws."""
        supp, size = len(shapes.draw), asked_size(options, len(shapes.draw), name)
        own = [len(p) for p in shapes.parameters]
        if not shapes.given and size is not None:  # what does not broadcast with the batch is a parameter as a whole
            own = [0 if broadcasts(v, size) else v.ndim for v in values]
        batch = (
            len(size) if size is not None else max([v.ndim - n for v, n in zip(values, own, strict=True)], default=0)
        )
        recipe = traced(dist, replace(recipe, core=tuple(own)), name, labels, values, batch)
        out: Any = recipe.graph.outputs[0]  # type: ignore[union-attr]
        if out.ndim - supp != batch and size is None:  # it does not heed the size, and so makes its own
            recipe = traced(dist, replace(recipe, core=tuple(v.ndim for v in values)), name, labels, values, 0)
            out = recipe.graph.outputs[0]  # type: ignore[union-attr]
            batch = max(out.ndim - supp, 0)
            size = graph_extents(recipe, values)[:batch]
        if out.ndim - supp != batch:
            raise ValueError(
                f"dist of {name} returns {out} of shape {out.type.shape}, which does not fit {batch} batch axes and "
                f"{supp} axes of one draw ({shapes}): give size= to the distributions in it, or ndim_supp=. "
                f"At {describe(user_line())}"
            )
        recipe = replace(recipe, batch_ndim=batch)
        structure = Structure(cls, tuple(zip(labels, recipe.core, strict=True)), (), (), out.dtype, supp, recipe, name)
        kept = {k: v for k, v in options.items() if k not in ("shape", "size")}
        return cls.make(structure, values, size=size or None, **kept)

    @property
    def recipe(self) -> Recipe:
        """What the user said."""
        return self.structure.facts

    @property
    def asked(self) -> list[TensorVariable]:
        """The parameters that the user gave."""
        return self.own[: self.count_given(self.structure)]

    @classmethod
    def count_given(cls, structure: Structure) -> int:
        return len(structure.own) - (bool(structure.own) and structure.own[-1][0] == GIVEN)

    def missing(self, what: str) -> Undefined:
        """The error for a function that was not given."""
        return Undefined(
            f"{what} of {self.law.name} was asked for, but neither {what}= nor dist= was given where it was made."
        )

    def derived(self, what: Callable[..., Any], x: TensorVariable) -> TensorVariable:
        """A quantity of the random variable that the graph draws, at x: one for each element of the batch."""
        recipe, supp = self.recipe, self.law.ndim_supp
        ndim = recipe.batch_ndim + supp
        ranks = [p.type.ndim for p in recipe.parameters]  # type: ignore[attr-defined]
        if x.ndim > ndim or any(v.ndim > rank for v, rank in zip(self.own, ranks, strict=True)):
            return self.batched(what, x)
        if x.ndim < ndim and not recipe.sized:
            x = broadcast_to(x, graph_extents(recipe, self.own))
        lead = max(x.ndim - supp, 0)
        found = self.of_graph(what, x, batch=(lengths(x)[:lead], x.type.shape[:lead]))
        inner = found.ndim - recipe.batch_ndim
        found = sum_(found, axis=tuple(range(-inner, 0))) if supp and inner > 0 else found
        wanted = max([lead, *(v.ndim - core for v, core in zip(self.own, recipe.core, strict=True))])
        return found[(0,) * (found.ndim - wanted)] if found.ndim > wanted else found

    def of_graph(self, make: Callable[..., Any], *arguments: TensorVariable, batch: Any = ((), ())) -> TensorVariable:
        """What is made of the graph's random variable, whose parameters are given, even if they are random."""
        values = [*self.recipe.inputs(self.own, batch), *arguments]
        leaves = [v.type.variable(name=v.name) if is_random(v) else v for v in values]
        count = len(values) - len(arguments)
        found = make(self.recipe.applied(leaves[:count]), *leaves[count:])
        return replace_all([found], {a: v for a, v in zip(leaves, values, strict=True) if a is not v})[0]  # type: ignore[return-value]

    def batched(self, what: Callable[..., Any], x: TensorVariable) -> TensorVariable:
        """The same where parameters or x have more axes than when the graph was written."""
        recipe = self.recipe
        ndim = recipe.batch_ndim + self.law.ndim_supp
        value = TensorType(x.dtype, x.type.shape[max(x.ndim - ndim, 0) :]).variable()
        parameters: list[Any] = [p.type.variable() for p in recipe.parameters]
        core = self.of(*parameters)
        whole = [
            self.without_ones(v, p.ndim, n)
            for v, p, n in zip(recipe.aligned(self.own), parameters, recipe.core, strict=True)
        ]
        return vectorize_graph(core.derived(what, value), dict(zip([*parameters, value], [*whole, x], strict=True)))

    def without_ones(self, v: TensorVariable, ndim: int, core: int) -> TensorVariable:
        """A parameter of more than `ndim` axes, without those of length 1 for batch axes that it does not have."""
        lead = v.ndim - ndim
        ones = min(max(lead, 0), self.recipe.batch_ndim - (ndim - core))
        return v[(*[slice(None)] * (lead - ones), *[0] * ones)] if ones else v

    def logp(self, x: Any) -> Any:
        if self.recipe.logp is not None:
            return as_tensor_variable(self.recipe.logp(x, *self.asked))
        if self.recipe.graph is None:
            raise self.missing("logp")
        return self.derived(logp, x)

    def logcdf(self, x: Any) -> Any:
        if self.recipe.logcdf is not None:
            return as_tensor_variable(self.recipe.logcdf(x, *self.asked))
        if self.recipe.graph is None:
            raise self.missing("logcdf")
        return self.derived(logcdf, x)

    def logccdf(self, x: Any) -> Any:
        derivable = self.recipe.graph is not None and self.recipe.logcdf is None
        return self.derived(logccdf, x) if derivable else super().logccdf(x)

    def icdf(self, q: Any) -> Any:
        return super().icdf(q) if self.recipe.graph is None else self.derived(icdf, q)

    def mean(self) -> Any:
        recipe = self.recipe
        drawn = recipe.graph is not None and is_draw(recipe.graph.outputs[0])
        return self.of_graph(mean) if drawn else super().mean()

    def support_point(self) -> Any:
        recipe = self.recipe
        if recipe.support_point is not None:
            rv = draw(self.law, self.own)
            return recipe.support_point(rv, as_size(lengths(rv)[: rv.ndim - self.law.ndim_supp]), *self.asked)
        if recipe.graph is None:
            return zeros((1,) * self.law.ndim_supp, self.law.dtype)
        return self.of_graph(at_typical_values)

    @classmethod
    def support_lengths(
        cls, structure: Structure, parameters: Sequence[Variable], extents: Sequence[Sequence[Extent]]
    ) -> Sequence[Extent]:
        recipe: Recipe = structure.facts
        if recipe.graph is not None:
            return graph_extents(recipe, parameters, extents)[recipe.batch_ndim :]
        if cls.count_given(structure) < len(structure.own):
            return as_extents(parameters[-1])
        return [extents[i][axis] for i, axis in recipe.axes]

    @classmethod
    def sample(cls, structure: Structure, rng: np.random.Generator, size: tuple[int, ...], *arrays: Any) -> Any:
        recipe: Recipe = structure.facts
        if recipe.graph is not None:
            return draw_graph(recipe, rng, size, arrays)
        if recipe.random is None:
            raise Undefined(
                f"Draws of {structure.name} were asked for, but neither random= nor dist= was given where it was made."
            )
        given = arrays[: cls.count_given(structure)]
        found = np.asarray(recipe.random(*given, rng=rng, size=size))
        if found.ndim < structure.ndim_supp or found.shape[: found.ndim - structure.ndim_supp] != size:
            try:
                return np.broadcast_to(found, (*size, *found.shape[found.ndim - structure.ndim_supp :]))
            except ValueError:
                raise ValueError(
                    f"random= of {structure.name} returned an array of shape {found.shape} when asked for size {size} "
                    f"of draws with {structure.ndim_supp} axes"
                ) from None
        return found


DensityDist = CustomDist
"""The former name of CustomDist."""


# Reading what was given.


@dataclass(frozen=True)
class Axes:
    """The axes of one value of each parameter, and of one draw, by label; `given` if the user said the former."""

    parameters: tuple[tuple[str, ...], ...]
    draw: tuple[str, ...]
    given: bool = True

    def __str__(self) -> str:
        left = ",".join(f"({','.join(p)})" for p in self.parameters)
        return f"{left}->({','.join(self.draw)})"


def read_signature(
    signature: str | None, ndim_supp: int | None, ndims_params: Sequence[int] | None, values: Sequence[Any]
) -> Axes:
    """The axes that a signature, or the numbers of them, stand for."""
    if signature is None:
        counts = [0] * len(values) if ndims_params is None else list(ndims_params)
        labels = [tuple(f"p{i}_{k}" for k in range(n)) for i, n in enumerate(counts)]
        found = Axes(tuple(labels), tuple(f"draw_{k}" for k in range(ndim_supp or 0)), ndims_params is not None)
    else:
        sides = signature.split("->")
        parts = [[tuple(re.findall(r"\w+", p)) for p in re.findall(r"\(([^()]*)\)", side)] for side in sides]
        if len(parts) != 2 or len(parts[1]) != 1:
            raise ValueError(
                f"signature={signature!r} must have the axes of the parameters, an arrow, and those of one draw, such "
                f"as '(),(n)->(n)'. At {describe(user_line())}"
            )
        found = Axes(tuple(parts[0]), parts[1][0])
    if len(found.parameters) != len(values):
        raise ValueError(
            f"{'signature' if signature else 'ndims_params'} describes {len(found.parameters)} parameters ({found}), "
            f"but {len(values)} were given. At {describe(user_line())}"
        )
    return found


def names_of(function: Callable[..., Any] | None, count: int, first: int = 0) -> list[str]:
    """What a user's function calls the parameters, which start at argument `first`, for errors and print."""
    if function is None and not first:
        return []
    try:
        listed = list(inspect.signature(function).parameters.values())[first:] if function else []
    except (TypeError, ValueError):
        listed = []
    plain = [p.name for p in listed if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [plain[i] if i < len(plain) else f"parameter{i}" for i in range(count)]


def broadcasts(v: TensorVariable, size: Sequence[Any]) -> bool:
    """Whether a parameter is known to broadcast with a batch."""
    pairs = zip(v.type.shape, size[len(size) - v.ndim :], strict=False)
    return v.ndim <= len(size) and all(a in (1, None) or not isinstance(b, int) or a == b for a, b in pairs)


def asked_size(options: dict[str, Any], supp: int, name: str) -> list[Any] | None:
    """The batch that was asked for by `size` or `shape`."""
    shape, size = options.get("shape"), options.get("size")
    if shape is not None and size is not None:
        raise ValueError(f"{name} was given both shape={shape} and size={size}: give one of them.")
    if shape is None:
        return None if size is None else as_extents(size, "size")
    extents = as_extents(shape)
    if len(extents) < supp:
        raise ValueError(f"shape={shape} has no room for one draw of {name}, which has {supp} axes.")
    return extents[: len(extents) - supp]
