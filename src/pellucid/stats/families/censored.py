"""Distributions of what is known only up to a bound."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.stats.families.composite import Structure
from pellucid.stats.families.truncated import Bounded, log_between, log_tail
from pellucid.tensor.arithmetic import ceil, eq, floor, ge, gt, lt, maximum, minimum, switch
from pellucid.tensor.transcendental import exp
from pellucid.tensor.types import TensorVariable


class Censored(Bounded):
    r"""A scalar distribution of which values beyond a bound are seen as the bound.

    Parameters
    ----------
    dist : distribution
        Made with ``.dist(...)``; its log-cdf must be known.
    lower, upper : tensor or None
        The bounds; None or infinite where there is none.

    Notes
    -----
    The density is that of `dist` between the bounds. At a bound it is the probability of the values that are seen as
    it: the log-cdf at `lower`, the log-ccdf at `upper`, computed in its own tail. A censored continuous variable is
    neither continuous nor discrete, so it is for observed data: gradients do not see the jumps at the bounds.

    Source: https://en.wikipedia.org/wiki/Censoring_(statistics)

    Examples
    --------
    >>> import pellucid as pm
    >>> x = pm.Censored.dist(pm.Normal.dist(0, 1), lower=-1, upper=None)
    >>> print(pm.logp(x, [-2.0, -1.0, 0.0]).eval().round(4))
    [   -inf -1.841  -0.9189]
    """

    formula = r"F_0(l) \text{ at } l,\; f_0(x) \text{ inside},\; 1 - F_0(u) \text{ at } u"
    source = "https://en.wikipedia.org/wiki/Censoring_(statistics)"

    @classmethod
    def dist(  # type: ignore[override]
        cls, dist: Any, lower: Any = None, upper: Any = None, **options: Any
    ) -> TensorVariable:
        """A random variable without a model."""
        return cls.bounded(dist, lower, upper, None, options)

    def logp(self, x: Any) -> Any:
        found, low, high = self.parts[0].log_density(x), self.low, self.high
        if high is not None:
            last = ceil(high) - 1.0 if self.discrete else high
            found = switch(gt(x, high), -np.inf, switch(eq(x, high), self.log_below(last, above=True), found))
        if low is not None:
            first = floor(low) if self.discrete else low
            found = switch(lt(x, low), -np.inf, switch(eq(x, low), self.log_below(first), found))
        return found

    def logcdf(self, x: Any) -> Any:
        found, low, high = self.parts[0].log_probability(x), self.low, self.high
        found = found if low is None else switch(lt(x, low), -np.inf, found)
        return found if high is None else switch(ge(x, high), 0.0, found)

    def logccdf(self, x: Any) -> Any:
        found, low, high = self.parts[0].log_probability(x, above=True), self.low, self.high
        found = found if low is None else switch(lt(x, low), 0.0, found)
        return found if high is None else switch(ge(x, high), -np.inf, found)

    def clip(self, x: Any) -> Any:
        """x, or the bound that it lies beyond."""
        x = x if self.low is None else maximum(x, self.low)
        return x if self.high is None else minimum(x, self.high)

    def icdf(self, q: Any) -> Any:
        return self.clip(self.parts[0].quantile(q))

    def mean(self) -> Any:
        part, below, above = self.parts[0], self.cut_below, self.cut_above
        inside = exp(log_between(part, below, above))
        found = switch(inside > 0.0, inside * self.mean_inside(), 0.0)
        if below is not None:
            found = found + self.low * exp(log_tail(part, below))
        return found if above is None else found + self.high * exp(log_tail(part, above, above=True))

    def support_point(self) -> Any:
        return self.clip(self.parts[0].support_point())

    @classmethod
    def sample(cls, structure: Structure, rng: np.random.Generator, size: tuple[int, ...], *arrays: Any) -> Any:
        own, (values,) = structure.split(arrays)
        bounds = dict(zip([label for label, _ in structure.own], own, strict=True))
        drawn = np.asarray(structure.parts[0].sample(rng, size, *values))
        return np.clip(drawn, bounds.get("lower"), bounds.get("upper")) if bounds else drawn
