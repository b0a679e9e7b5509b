"""Distributions of numbers between two bounds."""

from __future__ import annotations

from typing import Any

from pellucid.stats.bounds import known
from pellucid.stats.constraint import Positive, Real, interval, open_unit_interval, positive, unit_interval
from pellucid.stats.distribution import Distribution, distribution
from pellucid.stats.families.formulas import log_of, times_log, times_log1p
from pellucid.stats.parameters import given
from pellucid.tensor.arithmetic import lt, sqr, switch
from pellucid.tensor.random import beta_law, uniform_law
from pellucid.tensor.special import betainc, betaincinv, betaln
from pellucid.tensor.transcendental import log, log1p


@distribution
class Uniform(Distribution):
    """Numbers between `lower` and `upper`, all equally likely."""

    lower: Real = 0.0
    upper: Real = 1.0
    support = interval("lower", "upper")
    law = uniform_law
    formula = r"\frac{1}{b - a}"
    source = "https://en.wikipedia.org/wiki/Continuous_uniform_distribution"
    oracle = "stats.uniform(lower, upper - lower)"

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


def beta_of_moments(mu: Any, sigma: Any) -> tuple[Any, Any]:
    """Both shapes of the beta distribution with this mean and standard deviation."""
    return beta_of_total(mu, mu * (1.0 - mu) / sqr(sigma) - 1.0)


def beta_of_total(mu: Any, nu: Any) -> tuple[Any, Any]:
    """Both shapes of the beta distribution with this mean and this sum of shapes."""
    return mu * nu, (1.0 - mu) * nu


@distribution
class Beta(Distribution):
    """The beta distribution of shapes `alpha` and `beta`, or mean `mu` with deviation `sigma` or total `nu`."""

    alpha: Positive
    beta: Positive
    support = unit_interval
    law = beta_law
    arguments = "alpha beta mu sigma nu"
    alternatives = (
        given(beta_of_moments, mu=open_unit_interval, sigma=positive),
        given(beta_of_total, mu=open_unit_interval, nu=positive),
    )
    formula = r"\frac{x^{\alpha-1}(1-x)^{\beta-1}}{B(\alpha, \beta)}"
    source = "https://en.wikipedia.org/wiki/Beta_distribution"
    oracle = "stats.beta(alpha, beta)"

    def logp(self, x: Any) -> Any:
        kernel = times_log(self.alpha - 1.0, x) + times_log1p(self.beta - 1.0, -x)
        return kernel - betaln(self.alpha, self.beta)

    def logcdf(self, x: Any) -> Any:
        return self.log_tail(x, below=True)

    def logccdf(self, x: Any) -> Any:
        return self.log_tail(x, below=False)

    def log_tail(self, x: Any, *, below: bool) -> Any:
        """log P(X <= x) or log P(X > x), from the side on which neither x nor 1 - x is rounded."""
        low = lt(x, 0.5)
        left = betainc(self.alpha, self.beta, switch(low, x, 0.5))
        right = betainc(self.beta, self.alpha, switch(low, 0.5, 1.0 - x))
        return switch(low, log(left), log1p(-right)) if below else switch(low, log1p(-left), log(right))

    def icdf(self, q: Any) -> Any:
        return betaincinv(self.alpha, self.beta, q)

    def mean(self) -> Any:
        return self.alpha / (self.alpha + self.beta)
