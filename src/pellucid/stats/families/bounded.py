"""Distributions of numbers between two bounds."""

from __future__ import annotations

from typing import Any

from pellucid.stats.bounds import known
from pellucid.stats.constraint import Real, interval, positive
from pellucid.stats.distribution import Distribution, distribution
from pellucid.stats.families.formulas import log_of
from pellucid.tensor.random import uniform_law
from pellucid.tensor.transcendental import log


@distribution
class Uniform(Distribution):
    """Numbers between `lower` and `upper`, all equally likely."""

    lower: Real = 0.0
    upper: Real = 1.0
    support = interval("lower", "upper")
    law = uniform_law
    formula = r"\frac{1}{b - a}"
    source = "https://en.wikipedia.org/wiki/Continuous_uniform_distribution"
    oracle = "uniform(lower, upper - lower)"

    def agree(self) -> list[Any]:
        return [] if known(positive, self.upper - self.lower) else [self.lower < self.upper]

    def logp(self, x: Any) -> Any:
        return -log(self.upper - self.lower)

    def logcdf(self, x: Any) -> Any:
        below, above = (x - self.lower) / (self.upper - self.lower), (self.upper - x) / (self.upper - self.lower)
        return log_of(below, above)

    def logccdf(self, x: Any) -> Any:
        below, above = (x - self.lower) / (self.upper - self.lower), (self.upper - x) / (self.upper - self.lower)
        return log_of(above, below)

    def icdf(self, q: Any) -> Any:
        return self.lower + (self.upper - self.lower) * q

    def mean(self) -> Any:
        return 0.5 * (self.lower + self.upper)
