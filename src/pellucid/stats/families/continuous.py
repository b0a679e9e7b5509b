"""Distributions on the whole line."""

from __future__ import annotations

from typing import Any

from pellucid.stats.constraint import Positive, Real, positive, real
from pellucid.stats.distribution import Distribution, distribution
from pellucid.stats.families.formulas import HALF_LOG_TWO_PI
from pellucid.stats.parameters import given
from pellucid.tensor.arithmetic import sqr
from pellucid.tensor.random import normal_law
from pellucid.tensor.special import log_ndtr, ndtri
from pellucid.tensor.transcendental import log, sqrt


def scale_of_precision(tau: Any) -> Any:
    """The standard deviation of a precision."""
    return 1.0 / sqrt(tau)


@distribution
class Normal(Distribution):
    """The normal distribution with mean `mu` and standard deviation `sigma` (or precision `tau`)."""

    mu: Real = 0.0
    sigma: Positive = 1.0
    support = real
    law = normal_law
    arguments = "mu sigma tau"
    alternatives = (given(lambda tau, mu=0.0: (mu, scale_of_precision(tau)), tau=positive),)
    formula = r"\frac{1}{\sigma\sqrt{2\pi}} \exp\left(-\frac{(x-\mu)^2}{2\sigma^2}\right)"
    source = "https://en.wikipedia.org/wiki/Normal_distribution"
    oracle = "norm(mu, sigma)"

    def logp(self, x: Any) -> Any:
        return -0.5 * sqr((x - self.mu) / self.sigma) - log(self.sigma) - HALF_LOG_TWO_PI

    def logcdf(self, x: Any) -> Any:
        return log_ndtr((x - self.mu) / self.sigma)

    def logccdf(self, x: Any) -> Any:
        return log_ndtr((self.mu - x) / self.sigma)

    def icdf(self, q: Any) -> Any:
        return self.mu + self.sigma * ndtri(q)

    def mean(self) -> Any:
        return self.mu
