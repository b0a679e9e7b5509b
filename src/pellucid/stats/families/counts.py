"""Counts with more structure: of draws without replacement, of trials that differ, of survived periods."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Any

import numpy as np

from pellucid.stats.constraint import (
    NonnegativeInteger,
    Positive,
    interval,
    nonnegative_integer,
    open_unit_interval,
)
from pellucid.stats.distribution import Distribution, distribution
from pellucid.stats.families.count_formulas import log_rising, log_sum
from pellucid.stats.parameters import given
from pellucid.tensor.arithmetic import eq, floor, le, maximum, minimum, round, switch
from pellucid.tensor.create import arange
from pellucid.tensor.draws import law
from pellucid.tensor.random import beta_binomial_law, hypergeometric_law
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import expand_dims
from pellucid.tensor.special import binomln, gammaincc, gammaln
from pellucid.tensor.transcendental import exp, expm1, log, log1mexp, log1p


@distribution
class BetaBinomial(Distribution):
    """Successes among `n` trials whose common probability of success is itself a beta(`alpha`, `beta`) variable."""

    n: NonnegativeInteger
    alpha: Positive
    beta: Positive
    support = interval(0.0, "n", integer=True)
    law = beta_binomial_law
    arguments = "alpha beta n"
    formula = r"\binom{n}{x} \frac{B(x+\alpha, n-x+\beta)}{B(\alpha, \beta)}"
    source = "https://en.wikipedia.org/wiki/Beta-binomial_distribution"
    oracle = "stats.betabinom(n, alpha, beta)"

    def logp(self, x: Any) -> Any:
        a, b, rest = self.alpha, self.beta, self.n - x
        binomial = binomln(self.n, x) - x * log1p(b / a) - rest * log1p(a / b)  # with p = a / (a + b): the limit
        return binomial + log_rising(a, x) + log_rising(b, rest) - log_rising(a + b, self.n)

    def logcdf(self, x: Any) -> Any:
        return log_sum(self, x, 0 * self.n, self.n, above=False)

    def logccdf(self, x: Any) -> Any:
        return log_sum(self, x, 0 * self.n, self.n, above=True)

    def mean(self) -> Any:
        return self.n * self.alpha / (self.alpha + self.beta)

    def support_point(self) -> Any:
        return round(self.mean())


@distribution
class HyperGeometric(Distribution):
    """Successes among `n` things drawn without replacement from `N`, of which `k` are successes."""

    good: NonnegativeInteger
    bad: NonnegativeInteger
    n: NonnegativeInteger
    support = interval("least", "greatest", integer=True)
    law = hypergeometric_law
    arguments = "N k n"
    alternatives = (given(lambda N, k, n: (k, N - k, n), N=nonnegative_integer, k=nonnegative_integer),)
    formula = r"\binom{k}{x} \binom{N-k}{n-x} \Big/ \binom{N}{n}"
    source = "https://en.wikipedia.org/wiki/Hypergeometric_distribution"
    oracle = "stats.hypergeom(good + bad, good, n)"

    def agree(self) -> list[Any]:
        return [le(self.n, self.good + self.bad)]

    @property
    def least(self) -> Any:
        """The least value: what is drawn when no failure is left."""
        return maximum(self.n - self.bad, 0)

    @property
    def greatest(self) -> Any:
        """The greatest value."""
        return minimum(self.n, self.good)

    def logp(self, x: Any) -> Any:
        return binomln(self.good, x) + binomln(self.bad, self.n - x) - binomln(self.good + self.bad, self.n)

    def logcdf(self, x: Any) -> Any:
        return log_sum(self, x, self.least, self.greatest, above=False)

    def logccdf(self, x: Any) -> Any:
        return log_sum(self, x, self.least, self.greatest, above=True)

    def mean(self) -> Any:
        return self.n * self.good / maximum(self.good + self.bad, 1)

    def support_point(self) -> Any:
        return floor((self.n + 1) * (self.good + 1) / (self.good + self.bad + 2))


SUMMED = 256  # terms of a mean; what comes after is smooth for any beta whose tail reaches so far


def survived_periods(rng: np.random.Generator, size: tuple[int, ...], q: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Draws of the discrete Weibull law: a Weibull time, rounded down."""
    with np.errstate(over="ignore"):
        times = (rng.standard_exponential(size) / -np.log(q)) ** (1.0 / beta)
    return np.minimum(np.floor(times), 2.0**62)


discrete_weibull_law = law("discrete_weibull", "q beta", survived_periods, dtype="int64")


@distribution
class DiscreteWeibull(Distribution):
    """Whole periods survived, where x periods are survived with probability `q`**(x**`beta`)."""

    q: Annotated[Any, replace(open_unit_interval, examples=(1e-6, 0.3, 0.8))]  # beyond, tails too heavy for tables
    beta: Positive
    support = nonnegative_integer
    law = discrete_weibull_law
    formula = r"q^{x^\beta} - q^{(x+1)^\beta}"
    source = "https://en.wikipedia.org/wiki/Discrete_Weibull_distribution"
    oracle = "oracles.DiscreteWeibull(q, beta)"

    def log_survival(self, x: Any) -> Any:
        """log P(X >= x)."""
        return x**self.beta * log(self.q)

    def logp(self, x: Any) -> Any:
        first = eq(x, 0)
        y = switch(first, 1.0, x)
        growth = switch(first, 1.0, y**self.beta * expm1(self.beta * log1p(1.0 / y)))  # of x**beta, in one step
        return switch(first, 0.0, self.log_survival(y)) + log1mexp(growth * log(self.q))

    def logccdf(self, x: Any) -> Any:
        return self.log_survival(x + 1.0)

    def logcdf(self, x: Any) -> Any:
        return log1mexp(self.logccdf(x))

    def mean(self) -> Any:
        """The sum of P(X >= k) over k >= 1: of `SUMMED` terms, and of the rest by Euler and Maclaurin's formula.

        See https://dlmf.nist.gov/2.10.E1; the integral of the rest is an incomplete gamma function.
        """
        rate, n = -log(self.q), float(SUMMED)
        first = expand_dims(rate, -1) * arange(1.0, n) ** expand_dims(self.beta, -1)
        reached = minimum(rate * n**self.beta, 1e3)  # where exp(-reached) is 0 already
        integral = exp(gammaln(1.0 + 1.0 / self.beta) - log(rate) / self.beta) * gammaincc(1.0 / self.beta, reached)
        slope = reached * self.beta / n
        ends = exp(-reached) * (0.5 + slope / 12.0)
        return sum_(exp(-first), axis=-1) + integral + ends

    def support_point(self) -> Any:
        median = (math.log(0.5) / log(self.q)) ** (1.0 / self.beta) - 1.0
        return floor(minimum(maximum(median, 0.0), 2.0**53))
