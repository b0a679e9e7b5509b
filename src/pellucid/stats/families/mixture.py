"""Mixtures: draws from one of several distributions, chosen with given probabilities."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from pellucid.graph.intern import equal_computations
from pellucid.graph.provenance import describe, user_line
from pellucid.stats.bijection import Bijection
from pellucid.stats.bijection import Interval as IntervalMap
from pellucid.stats.bounds import known
from pellucid.stats.constraint import Constraint, Interval, real, simplex
from pellucid.stats.distribution import Distribution
from pellucid.stats.families.composite import (
    Composite,
    OfPart,
    Part,
    Structure,
    along,
    as_part,
    common_batch,
    distribution_from,
    guarded,
    known_ends,
    with_axis,
)
from pellucid.stats.families.continuous import Normal
from pellucid.stats.families.formulas import log_probabilities
from pellucid.stats.parameters import Parameter, as_parameter
from pellucid.tensor.arithmetic import add, round_half_to_even
from pellucid.tensor.broadcast import shape_error
from pellucid.tensor.draws import lengths
from pellucid.tensor.random import categorical_sample
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import broadcast_arrays, stack
from pellucid.tensor.softmax import logsumexp
from pellucid.tensor.transcendental import logaddexp
from pellucid.tensor.types import TensorVariable, as_tensor_variable

PAIRWISE = 8
"""Up to so many terms are summed two at a time, which fuses with what computes them; more are stacked."""


class MixtureTransformWarning(UserWarning):
    """The components of a mixture have no transform in common."""


class Mixture(Composite):
    r"""A draw from one of several distributions, chosen with probabilities `w`.

    Parameters
    ----------
    w : tensor
        The weights: not negative, with sum 1 along the last axis.
    comp_dists : distribution, or list of distributions
        The components, made with ``.dist(...)``: either all continuous or all discrete, and of draws with equally many
        axes. Of a single distribution the last batch axis runs over the components, which is the faster form.

    Notes
    -----
    .. math:: f(x) = \sum_i w_i f_i(x)

    The weights and the components broadcast over the batch, and each element of the batch chooses its own component.
    A free variable is transformed where all components would be, and in the same way.

    Source: https://en.wikipedia.org/wiki/Mixture_distribution

    Examples
    --------
    >>> import pellucid as pm
    >>> x = pm.Mixture.dist([0.3, 0.7], [pm.Normal.dist(0, 1), pm.Normal.dist(4, 2)])
    >>> y = pm.Mixture.dist([0.3, 0.7], pm.Normal.dist([0, 4], [1, 2]))
    >>> print(pm.logp(x, 1.0).eval().round(4), pm.logp(y, 1.0).eval().round(4))
    -2.1377 -2.1377
    """

    formula = r"\sum_i w_i f_i(x)"
    source = "https://en.wikipedia.org/wiki/Mixture_distribution"
    w: TensorVariable

    @classmethod
    def dist(cls, w: Any, comp_dists: Any, **options: Any) -> TensorVariable:  # type: ignore[override]
        """A random variable without a model; see the class, and :meth:`Distribution.dist` for the options."""
        if isinstance(comp_dists, list | tuple) and len(comp_dists) == 1:
            warnings.warn(
                "A list of one component is taken for the component itself, whose last batch axis runs over the "
                "components of the mixture: give it without the list.",
                UserWarning,
                stacklevel=2,
            )
        listed = list(comp_dists) if isinstance(comp_dists, list | tuple) else [comp_dists]
        parts = [as_part(cls, f"component {i}" if len(listed) > 1 else "comp_dists", c) for i, c in enumerate(listed)]
        check_alike(cls, parts)
        weights = as_parameter(cls, "w", Parameter(simplex), w)
        check_count(cls, weights, parts)
        batched = len(parts) == 1
        core = [
            min(v.ndim, c + 1) if batched else c
            for part in parts
            for v, c in zip(part.values, part.law.core, strict=True)
        ]
        dtype = str(np.result_type(*[p.law.dtype for p in parts]))
        structure = Structure(
            cls, (("w", 1),), tuple(p.law for p in parts), tuple(core), dtype, parts[0].law.ndim_supp, name="Mixture",
        )  # fmt: skip
        if options.get("size") is None and options.get("shape") is None and any(p.sized for p in parts):
            options["size"] = batch_of(weights, parts)
        return cls.make(structure, [weights, *(v for p in parts for v in p.values)], **options)

    @property
    def batched(self) -> bool:
        """Whether one distribution stands for all components, along the last axis of its batch."""
        return len(self.parts) == 1

    def part(self, i: int, values: Sequence[TensorVariable]) -> Distribution:
        return distribution_from(self.structure.parts[i], with_components(self.structure, values))

    def find_support(self) -> Constraint:
        supports = [part.support for part in self.parts]
        intervals = [s for s in supports if isinstance(s, Interval)]
        if len(intervals) < len(supports):
            return supports[0] if all(s is supports[0] for s in supports) else real
        ends = [known_ends(part) for part in self.parts]
        low, high = min(a for a, _ in ends), max(b for _, b in ends)
        low_open = all(s.lower_open or a > low for s, (a, _) in zip(intervals, ends, strict=True))
        high_open = all(s.upper_open or b < high for s, (_, b) in zip(intervals, ends, strict=True))
        return Interval("a value of a component", (), 0, low, high, low_open, high_open, self.discrete)

    def at_components(self, x: TensorVariable) -> TensorVariable:
        """A value with an axis for the components, where one distribution stands for all."""
        return along(x, self.law.ndim_supp) if self.batched else x

    def mix(self, logs: Sequence[TensorVariable]) -> TensorVariable:
        """log of the sum of w_i exp(logs_i)."""
        weights = log_probabilities(self.w)
        if self.batched:
            return logsumexp(weights + logs[0], axis=-1)
        terms = [weights[..., i] + found for i, found in enumerate(logs)]
        if len(terms) <= PAIRWISE:
            return reduce(logaddexp, terms)
        return logsumexp(stack(broadcast_arrays(*terms), axis=-1), axis=-1)

    def logp(self, x: Any) -> Any:
        return self.mix([guarded(part, self.at_components(x)) for part in self.parts])

    def logcdf(self, x: Any) -> Any:
        return self.mix([part.log_probability(self.at_components(x)) for part in self.parts])

    def logccdf(self, x: Any) -> Any:
        return self.mix([part.log_probability(self.at_components(x), above=True) for part in self.parts])

    def agree(self) -> list[TensorVariable]:
        return [] if known(simplex, self.w) else [simplex.check(self.w)]

    def averaged(self, values: Sequence[Any]) -> TensorVariable:
        """The sum of w_i values_i."""
        pad = (..., *[None] * self.law.ndim_supp)
        tensors = [as_tensor_variable(v) for v in values]
        if self.batched:
            return sum_(self.w[pad] * tensors[0], axis=-1 - self.law.ndim_supp)
        return reduce(add, [self.w[..., i][pad] * v for i, v in enumerate(tensors)])

    def mean(self) -> Any:
        return self.averaged([part.mean() for part in self.parts])

    def support_point(self) -> Any:
        found = self.averaged([part.support_point() for part in self.parts])
        return round_half_to_even(found) if self.discrete else found

    def bijection(self) -> Bijection | None:
        maps = [part.bijection() for part in self.parts]
        first = maps[0]
        if all(m is None for m in maps):
            return None
        if first is None or any(type(m) is not type(first) for m in maps) or not self.same_bounds(maps):
            warnings.warn(
                f"The components of {self} have no transform in common, so it is sampled on its own scale: give "
                "transform= for one that fits all.",
                MixtureTransformWarning,
                stacklevel=2,
            )
            return None
        return OfPart(first, self.structure, 0)

    def same_bounds(self, maps: Sequence[Any]) -> bool:
        """Whether the intervals of all components are the same; other bijections have no bounds."""
        if not isinstance(maps[0], IntervalMap | OfPart):
            return True
        value = as_tensor_variable(0.5)
        ends = [m.backward(value, None, None, *p.values) for m, p in zip(maps, self.parts, strict=True)]
        if self.batched:  # bounds that differ from component to component would have their axis
            return as_tensor_variable(ends[0]).ndim == 0
        return all(equal_computations([ends[0]], [e]) for e in ends[1:])

    @classmethod
    def sample(cls, structure: Structure, rng: np.random.Generator, size: tuple[int, ...], *arrays: Any) -> Any:
        (weights,), parts = structure.split(arrays)
        chosen = categorical_sample(rng, size, weights)
        supp = structure.ndim_supp
        if len(structure.parts) == 1:
            law = structure.parts[0]
            values = with_components(structure, parts[0])
            drawn = np.asarray(law.sample(rng, (*size, weights.shape[-1]), *values))
        else:
            each = [law.sample(rng, size, *values) for law, values in zip(structure.parts, parts, strict=True)]
            drawn = np.stack(np.broadcast_arrays(*each), axis=len(size))
        place = chosen[(..., None, *[None] * supp)]
        return np.take_along_axis(drawn, place, axis=len(size)).squeeze(len(size))


def with_components(structure: Structure, values: Sequence[Any]) -> list[Any]:
    """The parameters of a single component with the axis that runs over the components."""
    first, *others = structure.parts
    return list(values) if others else with_axis(values, first.core, structure.core)


def check_alike(family: type, parts: Sequence[Part]) -> None:
    """Refuse components that cannot have draws in common."""
    if not parts:
        raise ValueError(f"{family.__name__} needs at least one component. At {describe(user_line())}")
    listed = ", ".join(f"{p.law.name} of dtype {p.law.dtype}" for p in parts)
    if len({p.discrete for p in parts}) > 1:
        raise ValueError(
            f"The components of {family.__name__} must be all continuous or all discrete, not a mix: {listed}. "
            f"At {describe(user_line())}"
        )
    if len({p.law.ndim_supp for p in parts}) > 1:
        axes = ", ".join(f"{p.law.name} with {p.law.ndim_supp}" for p in parts)
        raise ValueError(
            f"The components of {family.__name__} must have draws of equally many axes, not {axes}. "
            f"At {describe(user_line())}"
        )


def check_count(family: type, weights: TensorVariable, parts: Sequence[Part]) -> None:
    """Refuse weights that are not one for each component."""
    if weights.ndim == 0:
        raise shape_error(
            f"w of {family.__name__} needs an axis", [weights], "it is a number", "Give a weight for each component."
        )
    if len(parts) == 1 and parts[0].batch_ndim == 0:
        raise shape_error(
            f"comp_dists of {family.__name__} is one distribution without a batch",
            [parts[0].variable],
            "the last batch axis runs over the components",
            "Give it the shape of the components, Normal.dist(0, 1, shape=3), or give a list of distributions.",
        )
    count = parts[0].variable.type.shape[parts[0].batch_ndim - 1] if len(parts) == 1 else len(parts)
    given = weights.type.shape[-1]
    if count is not None and given is not None and count != given:
        raise shape_error(
            f"{family.__name__} has {count} components but {given} weights",
            [weights, *[p.variable for p in parts]],
            "the last axis of w runs over the components",
            "Give one weight for each component.",
        )


def batch_of(weights: TensorVariable, parts: Sequence[Part]) -> list[Any]:
    """The batch of a mixture whose components were given a size."""
    last = 1 if len(parts) == 1 else 0
    own = weights.ndim - 1
    batches = [(lengths(weights)[:own], weights.type.shape[:own])]
    for p in parts:
        kept = p.batch_ndim - last
        batches.append((p.batch()[:kept], p.variable.type.shape[:kept]))
    return common_batch(batches)


class NormalMixture(Mixture):
    """A mixture of normal distributions with means `mu` and standard deviations `sigma` (or precisions `tau`).

    Parameters
    ----------
    w : tensor
        The weights: not negative, with sum 1 along the last axis.
    mu, sigma, tau : tensor
        Their last axis runs over the components.
    comp_shape : int or tuple
        The shape of the components, where the parameters do not have it.

    Examples
    --------
    >>> import pellucid as pm
    >>> print(pm.logp(pm.NormalMixture.dist([0.3, 0.7], mu=[0, 4], sigma=[1, 2]), 1.0).eval().round(4))
    -2.1377
    """

    @classmethod
    def dist(  # type: ignore[override]
        cls, w: Any, mu: Any, sigma: Any = None, tau: Any = None, comp_shape: Any = None, **options: Any
    ) -> TensorVariable:
        """A random variable without a model."""
        components = Normal.dist(mu, sigma=sigma, tau=tau, shape=comp_shape or None)
        return Mixture.dist(w, components, **options)
