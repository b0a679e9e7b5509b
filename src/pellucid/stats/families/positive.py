"""Distributions of positive numbers."""

from __future__ import annotations

import math
from typing import Any

from pellucid.stats.constraint import Positive, Real, at_least, nonnegative, positive
from pellucid.stats.distribution import Distribution, Undefined, distribution
from pellucid.stats.families.continuous import scale_of_precision
from pellucid.stats.families.formulas import HALF_LOG_TWO_PI, ROOT_TWO, log_of, minus
from pellucid.stats.parameters import given
from pellucid.tensor.arithmetic import sqr
from pellucid.tensor.random import exponential_law, half_cauchy_law, half_normal_law
from pellucid.tensor.special import erf, erfc, erfinv, log_ndtr
from pellucid.tensor.transcendental import arctan2, log, log1mexp, log1p, tan

TWO_OVER_PI = 2 / math.pi


@distribution
class HalfNormal(Distribution):
    """The absolute value of a normal variable with mean 0 and standard deviation `sigma` (or precision `tau`)."""

    loc: Real = 0.0
    sigma: Positive = 1.0
    support = at_least("loc")
    law = half_normal_law
    arguments = "sigma tau"
    alternatives = (given(lambda tau, loc=0.0: (loc, scale_of_precision(tau)), tau=positive),)
    formula = r"\frac{1}{\sigma}\sqrt{\frac{2}{\pi}} \exp\left(-\frac{x^2}{2\sigma^2}\right)"
    source = "https://en.wikipedia.org/wiki/Half-normal_distribution"
    oracle = "halfnorm(loc, sigma)"

    def standard(self, x: Any) -> Any:
        """x in units of sigma."""
        return minus(x, self.loc) / self.sigma

    def logp(self, x: Any) -> Any:
        return -0.5 * sqr(self.standard(x)) - log(self.sigma) + (math.log(2) - HALF_LOG_TWO_PI)

    def logcdf(self, x: Any) -> Any:
        z = self.standard(x) / ROOT_TWO
        return log_of(erf(z), erfc(z))

    def logccdf(self, x: Any) -> Any:
        return math.log(2) + log_ndtr(-self.standard(x))

    def icdf(self, q: Any) -> Any:
        return self.loc + self.sigma * (ROOT_TWO * erfinv(q))

    def mean(self) -> Any:
        return self.loc + self.sigma * math.sqrt(TWO_OVER_PI)

    def support_point(self) -> Any:
        return self.loc + self.sigma


@distribution
class HalfCauchy(Distribution):
    """The absolute value of a Cauchy variable around 0 with scale `beta`; its tail is so heavy that it has no mean."""

    loc: Real = 0.0
    beta: Positive
    support = at_least("loc")
    law = half_cauchy_law
    arguments = "beta"
    formula = r"\frac{2}{\pi\beta\,(1 + (x/\beta)^2)}"
    source = "https://en.wikipedia.org/wiki/Cauchy_distribution"
    oracle = "halfcauchy(loc, beta)"

    def logp(self, x: Any) -> Any:
        return math.log(TWO_OVER_PI) - log(self.beta) - log1p(sqr(minus(x, self.loc) / self.beta))

    def logcdf(self, x: Any) -> Any:
        x = minus(x, self.loc)
        return log_of(TWO_OVER_PI * arctan2(x, self.beta), TWO_OVER_PI * arctan2(self.beta, x))

    def logccdf(self, x: Any) -> Any:
        x = minus(x, self.loc)
        return log_of(TWO_OVER_PI * arctan2(self.beta, x), TWO_OVER_PI * arctan2(x, self.beta))

    def icdf(self, q: Any) -> Any:
        return self.loc + self.beta * tan(0.5 * math.pi * q)

    def mean(self) -> Any:
        raise Undefined("The half-Cauchy distribution has no mean: the integral diverges.")

    def support_point(self) -> Any:
        return self.loc + self.beta


@distribution
class Exponential(Distribution):
    """Waiting times at the constant rate `lam` (mean 1 / lam), or of mean `scale`."""

    scale: Positive = 1.0
    support = nonnegative
    law = exponential_law
    arguments = "lam scale"
    alternatives = (given(lambda lam: (1.0 / lam,), lam=positive),)
    formula = r"\lambda e^{-\lambda x}"
    source = "https://en.wikipedia.org/wiki/Exponential_distribution"
    oracle = "expon(0, scale)"

    def logp(self, x: Any) -> Any:
        return -x / self.scale - log(self.scale)

    def logcdf(self, x: Any) -> Any:
        return log1mexp(-x / self.scale)

    def logccdf(self, x: Any) -> Any:
        return -x / self.scale

    def icdf(self, q: Any) -> Any:
        return -self.scale * log1p(-q)

    def mean(self) -> Any:
        return self.scale
