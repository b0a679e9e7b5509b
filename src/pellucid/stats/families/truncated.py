"""Distributions restricted to an interval, or known only up to one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from pellucid.graph.provenance import describe, user_line
from pellucid.stats import NotDerivable
from pellucid.stats.bijection import Bijection
from pellucid.stats.bijection import Interval as IntervalMap
from pellucid.stats.constraint import Constraint, Interval, real
from pellucid.stats.distribution import Undefined
from pellucid.stats.families.composite import (
    Composite,
    Structure,
    as_part,
    common_batch,
    known_ends,
    law_of,
    on_arrays,
    program,
)
from pellucid.stats.families.partial_means import mean_between
from pellucid.stats.parameters import Parameter, ParameterValueError, as_parameter
from pellucid.tensor.arithmetic import bitwise_or, ceil, eq, ge, gt, isinf, le, lt, maximum, minimum, switch
from pellucid.tensor.draws import Law, lengths
from pellucid.tensor.transcendental import exp, logdiffexp
from pellucid.tensor.types import Constant, TensorVariable, as_tensor_variable

LOG_HALF = float(np.log(0.5))
REMOTE = -20.0
"""Below this log-probability of a value above the lower bound, draws are found by the tail, not by the cdf."""

ATTEMPTS = 16
"""So many times are draws outside drawn again before the distribution function is inverted, which costs more."""


class TruncationError(RuntimeError):
    """Rejection did not find draws between the bounds."""


class Bounded(Composite):
    """A scalar distribution with bounds, of which each may be missing."""

    lower: TensorVariable
    upper: TensorVariable

    @classmethod
    def bounded(cls, dist: Any, lower: Any, upper: Any, facts: Any, options: dict[str, Any]) -> TensorVariable:
        """A random variable made of a distribution and its bounds."""
        part = as_part(cls, "dist", dist)
        if part.law.ndim_supp:
            raise NotImplementedError(
                f"{cls.__name__} takes distributions of numbers, and draws of {part.law.name} have "
                f"{part.law.ndim_supp} axes. At {describe(user_line())}"
            )
        given = {
            label: as_parameter(cls, label, Parameter(real), bound)
            for label, bound in (("lower", lower), ("upper", upper))
            if bound is not None and not unbounded(label, bound)
        }
        check_order(cls, given)
        own = tuple((label, 0) for label in given)
        structure = Structure(cls, own, (part.law,), part.law.core, part.law.dtype, 0, facts, f"{cls.__name__}")
        if part.sized and options.get("size") is None and options.get("shape") is None:
            bounds = [(lengths(v), v.type.shape) for v in given.values()]
            options["size"] = common_batch([(part.batch(), part.variable.type.shape), *bounds])
        return cls.make(structure, [*given.values(), *part.values], **options)

    @property
    def low(self) -> TensorVariable | None:
        """The lower bound, if there is one."""
        return getattr(self, "lower", None)

    @property
    def high(self) -> TensorVariable | None:
        """The upper bound, if there is one."""
        return getattr(self, "upper", None)

    def agree(self) -> list[TensorVariable]:
        both_known = isinstance(self.low, Constant) and isinstance(self.high, Constant)  # and so checked already
        return [] if self.low is None or self.high is None or both_known else [le(self.low, self.high)]

    def log_below(self, x: TensorVariable, *, above: bool = False) -> TensorVariable:
        """log P(X <= x) of the part, or log P(X > x)."""
        return log_tail(self.parts[0], x, above=above)

    @property
    def cut_below(self) -> TensorVariable | None:
        """What the part must be above: the lower bound, or the whole number below; None where it always is."""
        low = self.low
        if low is None or self.beyond_support(low, "lower"):
            return None
        return ceil(low) - 1.0 if self.discrete else low

    @property
    def cut_above(self) -> TensorVariable | None:
        """What the part must be at most; None where it always is."""
        high = self.high
        return None if high is None or self.beyond_support(high, "upper") else high

    def beyond_support(self, bound: TensorVariable, side: str) -> bool:
        """Whether a constant bound cuts nothing off: the cdf may have no derivative there."""
        if not isinstance(bound, Constant):
            return False
        low, high = known_ends(self.parts[0])
        return bool(np.all(bound.data <= low) if side == "lower" else np.all(bound.data >= high))

    def mean_inside(self) -> Any:
        """The mean of the part between the bounds."""
        return mean_between(self.parts[0], self.cut_below, self.cut_above, log_between)


def log_tail(part: Any, x: TensorVariable, *, above: bool = False) -> TensorVariable:
    """log P(X <= x), or log P(X > x), with finite gradients also at infinite constants."""
    if not isinstance(x, Constant) or not np.isinf(x.data).any():
        return part.log_probability(x, above=above)
    finite = part.log_probability(switch(isinf(x), 0.0, x), above=above)
    return switch(isinf(x), switch(eq(x > 0, above), -np.inf, 0.0), finite)


def log_between(part: Any, a: Any, b: Any) -> Any:
    """log P(a < X <= b), from the tail that keeps its digits; None stands for no bound."""
    if a is None:
        return 0.0 if b is None else log_tail(part, b)
    if b is None:
        return log_tail(part, a, above=True)
    under, over = log_tail(part, a), log_tail(part, b)
    beyond = gt(under, LOG_HALF)
    far, near = log_tail(part, b, above=True), log_tail(part, a, above=True)
    return logdiffexp(switch(beyond, near, over), switch(beyond, far, under))


def unbounded(label: str, bound: Any) -> bool:
    """Whether a bound is known to be infinite everywhere, and so none."""
    data = bound.data if isinstance(bound, Constant) else bound
    if not isinstance(data, int | float | np.ndarray | np.generic | list | tuple):
        return False
    array = np.asarray(data)
    return array.dtype.kind in "iuf" and bool(np.all(array == (-np.inf if label == "lower" else np.inf)))


def check_order(family: type, given: dict[str, Any]) -> None:
    """Refuse constant bounds in the wrong order."""
    low, high = given.get("lower"), given.get("upper")
    if isinstance(low, Constant) and isinstance(high, Constant) and np.any(low.data > high.data):
        raise ParameterValueError(
            f"lower of {family.__name__} must not be above upper: lower = {low}, upper = {high}. "
            f"At {describe(user_line())}"
        )


class Truncated(Bounded):
    r"""A scalar distribution restricted to [lower, upper], and normalised again.

    Parameters
    ----------
    dist : distribution
        Made with ``.dist(...)``; its log-cdf must be known.
    lower, upper : tensor or None
        The bounds; None or infinite where there is none. Both belong to the interval.
    max_n_steps : int
        Where neither quantiles nor the cdf are known, draws outside are drawn again, at most so many times.

    Notes
    -----
    .. math:: f(x) = \frac{f_0(x)}{F_0(u) - F_0(l)}, \quad l \le x \le u

    The difference is taken in the tail in which it keeps its digits. Draws outside are drawn again, and those that take
    long by inverting the distribution function.

    Source: https://en.wikipedia.org/wiki/Truncated_distribution

    Examples
    --------
    >>> import pellucid as pm
    >>> x = pm.Truncated.dist(pm.Normal.dist(0, 1), lower=-1, upper=1)
    >>> print(pm.logp(x, [0.0, 2.0]).eval().round(4))
    [-0.5372    -inf]
    """

    formula = r"\frac{f_0(x)}{F_0(u) - F_0(l)}"
    source = "https://en.wikipedia.org/wiki/Truncated_distribution"

    @classmethod
    def dist(  # type: ignore[override]
        cls, dist: Any, lower: Any = None, upper: Any = None, max_n_steps: int = 10_000, **options: Any
    ) -> TensorVariable:
        """A random variable without a model."""
        if lower is None and upper is None:
            raise ValueError(f"Truncated needs lower=, upper=, or both. At {describe(user_line())}")
        return cls.bounded(dist, lower, upper, max_n_steps, options)

    def find_support(self) -> Constraint:
        low, high = known_ends(self.parts[0])
        ends = low if self.low is None else "lower", high if self.high is None else "upper"
        return Interval("between its bounds", (), 0, *ends, integer=self.discrete)

    def log_between(self, a: Any, b: Any) -> Any:
        """log P(a < X <= b) of the part; None stands for no bound."""
        return log_between(self.parts[0], a, b)

    def mean(self) -> Any:
        return self.mean_inside()

    def inside(self, x: Any, found: Any) -> Any:
        """`found` between the bounds, and -inf outside."""
        for bound, outside in ((self.low, lt), (self.high, gt)):
            if bound is not None:
                found = switch(outside(x, bound), -np.inf, found)
        return found

    def logp(self, x: Any) -> Any:
        return self.inside(x, self.parts[0].log_density(x) - self.log_between(self.cut_below, self.cut_above))

    def clip(self, x: Any) -> Any:
        """x, or the bound that it lies beyond."""
        x = as_tensor_variable(x)
        x = x if self.low is None else maximum(x, self.low)
        return x if self.high is None else minimum(x, self.high)

    def logcdf(self, x: Any) -> Any:
        found = self.log_between(self.cut_below, self.clip(x)) - self.log_between(self.cut_below, self.cut_above)
        found = found if self.low is None else switch(lt(x, self.low), -np.inf, found)
        return found if self.high is None else switch(ge(x, self.high), 0.0, found)

    def logccdf(self, x: Any) -> Any:
        found = self.log_between(self.clip(x), self.cut_above) - self.log_between(self.cut_below, self.cut_above)
        found = found if self.low is None else switch(lt(x, self.low), 0.0, found)
        return found if self.high is None else switch(ge(x, self.high), -np.inf, found)

    def icdf(self, q: Any) -> Any:
        part, a, b = self.parts[0], self.cut_below, self.cut_above
        under = 0.0 if a is None else exp(self.log_below(a))
        over = 1.0 if b is None else exp(self.log_below(b))
        return self.clip(part.quantile(under + q * (over - under)))

    def support_point(self) -> Any:
        inner, low, high = as_tensor_variable(self.parts[0].support_point()), self.low, self.high
        if low is None or high is None:
            other = high - 1.0 if low is None else low + 1.0  # type: ignore[operator]
        else:
            bounded = isinf(low), isinf(high)
            other = switch(bounded[0], high - 1.0, switch(bounded[1], low + 1.0, 0.5 * (low + high)))
        below, beyond = (lt, gt) if self.discrete else (le, ge)  # at a bound, the unconstrained value is infinite
        outside = [test(inner, bound) for test, bound in ((below, low), (beyond, high)) if bound is not None]
        found = switch(outside[0] if len(outside) == 1 else bitwise_or(*outside), other, inner)
        return ceil(found) if self.discrete else found

    def bijection(self) -> Bijection | None:
        if self.discrete:
            return None
        whole = self.of

        def bounds_fn(rng: Any, size: Any, *parameters: Any) -> tuple[Any, Any]:
            return whole(*parameters).ends()

        return IntervalMap(bounds_fn=bounds_fn)

    def ends(self) -> tuple[Any, Any]:
        """The ends of the support: the bounds, or where there is none those of the part."""
        support, part = self.parts[0].support, self.parts[0]
        low, high = support.bounds(part) if isinstance(support, Interval) else (None, None)
        return low if self.low is None else self.low, high if self.high is None else self.high

    @classmethod
    def sample(cls, structure: Structure, rng: np.random.Generator, size: tuple[int, ...], *arrays: Any) -> Any:
        own, (values,) = structure.split(arrays)
        bounds = dict(zip([label for label, _ in structure.own], own, strict=True))
        law, inverts = structure.parts[0], has_quantiles(structure)
        attempts = min(ATTEMPTS, structure.facts) if inverts else structure.facts
        found, missing = by_rejection(law, rng, size, values, bounds, attempts)
        if missing.size and not inverts:
            raise TruncationError(
                f"{missing.size} of {found.size} draws of {law.name} were not between the bounds in {attempts} "
                "attempts: raise max_n_steps, or check that the bounds hold enough of the distribution."
            )
        if missing.size:
            whole = law_of(structure)
            few = [at_places(a, size, missing, core) for a, core in zip(arrays, whole.core, strict=True)]
            own, _ = structure.split(few)
            bounds = dict(zip(bounds, own, strict=True))
            found.reshape(-1)[missing] = by_inversion(whole, rng, missing.shape, few, bounds)
        return found

    def log_rest(self) -> Any:
        """log P(X >= lower) of the part."""
        return as_tensor_variable(self.log_between(self.cut_below, None))


def log_survival(distribution: Any, x: TensorVariable) -> TensorVariable:
    """log P(X > x)."""
    return distribution.log_probability(x, above=True)


@lru_cache(maxsize=256)
def has_quantiles(structure: Structure) -> bool:
    """Whether the part has quantiles and a distribution function, by which draws are made."""
    law = law_of(structure)
    kinds = tuple(("float64", (None,) * core) for core in law.core)
    try:
        program(law, Truncated.quantile, (*kinds, ("float64", ())))
    except (Undefined, NotDerivable):
        return False
    return True


def by_rejection(
    law: Law, rng: np.random.Generator, size: tuple[int, ...], values: Sequence[Any], bounds: Any, attempts: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draws of a law between the bounds, and the places (in a row) where so many attempts found none."""
    low, high = (np.asarray(bounds.get(k, e)) for k, e in (("lower", -np.inf), ("upper", np.inf)))
    found = np.array(law.sample(rng, size, *values), law.dtype, order="C").reshape(size)
    flat, missing = found.reshape(-1), np.flatnonzero(~((found >= low) & (found <= high)))
    low, high = (np.broadcast_to(at_places(a, size, missing, 0), missing.shape) for a in (low, high))
    values = [at_places(a, size, missing, core) for a, core in zip(values, law.core, strict=True)]
    for _ in range(attempts - 1):
        if not missing.size:
            break
        fresh = np.asarray(law.sample(rng, missing.shape, *values))
        fits = (fresh >= low) & (fresh <= high)
        flat[missing[fits]] = fresh[fits]
        missing, low, high = missing[~fits], low[~fits], high[~fits]
        values = [a[~fits] if a.shape[:1] == fits.shape else a for a in values]
    return found, missing


def at_places(array: Any, size: tuple[int, ...], places: np.ndarray, core: int) -> np.ndarray:
    """The values of a parameter, of so many last axes, at places of the draws in a row; one for all as it is."""
    values = np.asarray(array)
    if values.ndim == core:
        return values[None]
    whole = np.broadcast_to(values, (*size, *values.shape[values.ndim - core :]))
    return whole[np.unravel_index(places, size)]


def by_inversion(
    law: Law, rng: np.random.Generator, size: tuple[int, ...], arrays: Sequence[Any], bounds: Any
) -> np.ndarray:
    """Draws from a truncated law by its quantiles, or where the lower bound is remote by its tail."""
    u = rng.random(size)
    found = np.array(np.broadcast_to(on_arrays(law, Truncated.quantile, arrays, u), size))
    if "lower" not in bounds:
        return found
    remote = np.flatnonzero(np.broadcast_to(on_arrays(law, Truncated.log_rest, arrays) < REMOTE, size))
    if remote.size:
        few = [at_places(a, size, remote, core) for a, core in zip(arrays, law.core, strict=True)]
        ends = {label: at_places(a, size, remote, 0) for label, a in bounds.items()}
        found[remote] = by_tail(law, few, ends, 1.0 - u[remote])
    return found


def by_tail(law: Law, arrays: Sequence[Any], bounds: Any, v: np.ndarray) -> np.ndarray:
    """Where P(X > x) is v, by bisection on its logarithm: far in a tail the cdf has no digits left."""
    goal, whole = np.log(v), not law.dtype.startswith("float")
    low = np.broadcast_to(bounds["lower"], v.shape).astype(float) - (1.0 if whole else 0.0)
    top = np.broadcast_to(bounds.get("upper", np.inf), v.shape)
    step = np.ones(v.shape)
    for _ in range(1100):  # doublings, of which a float has no more
        high = np.minimum(low + step, top)
        short = (on_arrays(law, log_survival, arrays, high) > goal) & (high < top)
        if not short.any():
            break
        step = np.where(short, 2.0 * step, step)
    for _ in range(70):
        middle = 0.5 * (low + high)
        above = on_arrays(law, log_survival, arrays, middle) > goal
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.floor(high) if whole else high
