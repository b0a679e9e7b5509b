"""Distributions of whole numbers."""

from __future__ import annotations

from typing import Any

from pellucid.stats.constraint import Nonnegative, nonnegative_integer
from pellucid.stats.distribution import Distribution, distribution
from pellucid.stats.families.formulas import log_of, times_log
from pellucid.tensor.arithmetic import floor
from pellucid.tensor.random import poisson_law
from pellucid.tensor.special import gammainc, gammaincc, gammaln


@distribution
class Poisson(Distribution):
    """Counts of independent events of which `mu` are expected."""

    mu: Nonnegative
    support = nonnegative_integer
    law = poisson_law
    formula = r"\frac{\mu^x e^{-\mu}}{x!}"
    source = "https://en.wikipedia.org/wiki/Poisson_distribution"
    oracle = "poisson(mu)"

    def logp(self, x: Any) -> Any:
        return times_log(x, self.mu) - gammaln(x + 1) - self.mu

    def logcdf(self, x: Any) -> Any:
        return log_of(gammaincc(x + 1.0, self.mu), gammainc(x + 1.0, self.mu))

    def logccdf(self, x: Any) -> Any:
        return log_of(gammainc(x + 1.0, self.mu), gammaincc(x + 1.0, self.mu))

    def mean(self) -> Any:
        return self.mu

    def support_point(self) -> Any:
        return floor(self.mu)
