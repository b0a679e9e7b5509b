"""Distributions of whole numbers."""

from __future__ import annotations

import warnings
from types import MappingProxyType
from typing import Any

import numpy as np

from pellucid.stats.bounds import known
from pellucid.stats.constraint import (
    Integer,
    Nonnegative,
    NonnegativeInteger,
    Positive,
    PositiveUnitInterval,
    Probabilities,
    UnitInterval,
    boolean,
    interval,
    nonnegative_integer,
    open_unit_interval,
    positive,
    positive_integer,
    real,
    real_vector,
)
from pellucid.stats.distribution import Distribution, Undefined, distribution
from pellucid.stats.families.count_formulas import (
    beta_fraction,
    gamma_fraction_above,
    gamma_fraction_below,
    log_rising,
    log_tail,
)
from pellucid.stats.families.formulas import (
    argument_of,
    log_odds_of,
    log_probabilities,
    times_log,
    times_log1p,
)
from pellucid.stats.parameters import given
from pellucid.tensor.arithmetic import clip, eq, floor, le, lt, maximum, minimum, round, switch
from pellucid.tensor.create import arange
from pellucid.tensor.elementwise import cast
from pellucid.tensor.random import (
    bernoulli_law,
    binomial_law,
    categorical_law,
    discrete_uniform_law,
    geometric_law,
    integers_law,
    negative_binomial_law,
    overdispersed_law,
    poisson_law,
)
from pellucid.tensor.reduce import argmax
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import dim, expand_dims
from pellucid.tensor.softmax import softmax
from pellucid.tensor.special import betainc, binomln, gammainc, gammaincc, gammaln
from pellucid.tensor.transcendental import exp, log, log1mexp, log1p, sigmoid, softplus
from pellucid.tensor.types import Constant, TensorVariable, as_tensor_variable, constant


@distribution
class Bernoulli(Distribution):
    """1 with probability `p`, else 0; or with the log odds `logit_p`, which keeps all digits near 0 and 1."""

    p: UnitInterval
    support = boolean
    law = bernoulli_law
    arguments = "p logit_p"
    alternatives = (given(lambda logit_p: (sigmoid(logit_p),), keep=True, logit_p=real),)
    formula = r"p^x (1-p)^{1-x}"
    source = "https://en.wikipedia.org/wiki/Bernoulli_distribution"
    oracle = "stats.bernoulli(p)"

    def logp(self, x: Any) -> Any:
        odds = log_odds_of(self.p)
        if odds is not None:
            return -softplus((1.0 - 2.0 * x) * odds)  # one function of one number, whatever x
        one = eq(x, 1)
        return log(switch(one, self.p, 1.0)) + log1p(switch(one, 0.0, -self.p))

    def logcdf(self, x: Any) -> Any:
        return self.logp(cast(0.0 * x, x.dtype))

    def logccdf(self, x: Any) -> Any:
        return self.logp(cast(0.0 * x + 1.0, x.dtype))

    def mean(self) -> Any:
        return self.p

    def support_point(self) -> Any:
        return switch(self.p < 0.5, 0, 1)


@distribution
class Binomial(Distribution):
    """Successes among `n` trials, each of which succeeds with probability `p`, or with log odds `logit_p`."""

    n: NonnegativeInteger
    p: UnitInterval
    support = interval(0.0, "n", integer=True)
    law = binomial_law
    arguments = "n p logit_p"
    alternatives = (given(lambda n, logit_p: (n, sigmoid(logit_p)), keep=True, logit_p=real),)
    formula = r"\binom{n}{x} p^x (1-p)^{n-x}"
    source = "https://en.wikipedia.org/wiki/Binomial_distribution"
    oracle = "stats.binom(n, p)"

    def logp(self, x: Any) -> Any:
        odds = log_odds_of(self.p)
        if odds is not None:
            return binomln(self.n, x) - x * softplus(-odds) - (self.n - x) * softplus(odds)
        return binomln(self.n, x) + times_log(x, self.p) + times_log1p(self.n - x, -self.p)

    def tails(self, x: Any) -> tuple[Any, Any]:
        """P(X <= x) and P(X > x), for x below n."""
        rest = maximum(self.n - x, 1.0)
        return betainc(rest, x + 1.0, 1.0 - self.p), betainc(x + 1.0, rest, self.p)

    def logcdf(self, x: Any) -> Any:
        below, above = self.tails(x)
        inside = maximum(self.n - x, 1.0), x + 1.0, 1.0 - self.p
        return log_tail(below, above, self.logp(x) + log(self.p), beta_fraction, inside, (1.0, 1.0, 0.5))

    def logccdf(self, x: Any) -> Any:
        below, above = self.tails(x)
        inside = x + 1.0, maximum(self.n - x, 1.0), self.p
        first = self.logp(minimum(x + 1, self.n)) + log1p(-self.p)
        return log_tail(above, below, first, beta_fraction, inside, (1.0, 1.0, 0.5))

    def mean(self) -> Any:
        return self.n * self.p

    def support_point(self) -> Any:
        return round(self.n * self.p)


@distribution
class Poisson(Distribution):
    """Counts of independent events of which `mu` are expected; or exp(`log_mu`), which never leaves the log scale."""

    mu: Nonnegative
    support = nonnegative_integer
    law = poisson_law
    arguments = "mu log_mu"
    alternatives = (given(lambda log_mu: (exp(log_mu),), keep=True, log_mu=real),)
    formula = r"\frac{\mu^x e^{-\mu}}{x!}"
    source = "https://en.wikipedia.org/wiki/Poisson_distribution"
    oracle = "stats.poisson(mu)"

    @property
    def log_mu(self) -> Any:
        """The log of the mean, which may be what was given."""
        given = argument_of(exp, self.mu)
        return log(self.mu) if given is None else given

    def logp(self, x: Any) -> Any:
        log_mu = argument_of(exp, self.mu)
        counted = times_log(x, self.mu) if log_mu is None else x * log_mu
        return counted - gammaln(x + 1) - self.mu

    def logcdf(self, x: Any) -> Any:
        below, above = gammaincc(x + 1.0, self.mu), gammainc(x + 1.0, self.mu)
        first = self.logp(x) + self.log_mu
        return log_tail(below, above, first, gamma_fraction_above, (x + 1.0, self.mu), (1.0, 2.0))

    def logccdf(self, x: Any) -> Any:
        below, above = gammaincc(x + 1.0, self.mu), gammainc(x + 1.0, self.mu)
        first = self.logp(x) + self.log_mu
        return log_tail(above, below, first, gamma_fraction_below, (x + 1.0, self.mu), (1.0, 0.5))

    def mean(self) -> Any:
        return self.mu

    def support_point(self) -> Any:
        return floor(self.mu)


def mean_of_odds(n: Any, p: Any) -> tuple[Any, Any]:
    """Mean and shape of the count of failures before the n-th success."""
    odds = log_odds_of(as_tensor_variable(p))
    return n * (1.0 - p) / p if odds is None else exp(log(n) - odds), n


@distribution
class NegativeBinomial(Distribution):
    """Counts of mean `mu`, variance mu + mu**2 / `alpha`; or failures before the `n`-th success of probability `p`.

    With `log_mu` for the mean, or `logit_p` for the probability, nothing leaves the log scale.
    """

    mu: Nonnegative
    alpha: Positive
    support = nonnegative_integer
    law = overdispersed_law
    also = MappingProxyType({negative_binomial_law: mean_of_odds})
    arguments = "mu alpha p n log_mu logit_p"
    alternatives = (
        given(mean_of_odds, n=positive, p=open_unit_interval),
        given(lambda mu, n: (mu, n), n=positive),
        given(lambda alpha, p: mean_of_odds(n=alpha, p=p), p=open_unit_interval),
        given(lambda log_mu, alpha: (exp(log_mu), alpha), keep=True, log_mu=real),
        given(lambda n, logit_p: mean_of_odds(n, sigmoid(logit_p)), keep=True, n=positive, logit_p=real),
    )
    formula = (
        r"\binom{x+\alpha-1}{x} \left(\frac{\alpha}{\mu+\alpha}\right)^\alpha \left(\frac{\mu}{\mu+\alpha}\right)^x"
    )
    source = "https://en.wikipedia.org/wiki/Negative_binomial_distribution"
    oracle = "stats.nbinom(alpha, alpha / (mu + alpha))"

    def logp(self, x: Any) -> Any:
        count = log_rising(self.alpha, x) - gammaln(x + 1)
        log_mu = argument_of(exp, self.mu)
        if log_mu is None:
            return count + times_log(x, self.mu) - (x + self.alpha) * log1p(self.mu / self.alpha)
        return count + x * log_mu - (x + self.alpha) * softplus(log_mu - log(self.alpha))

    def tails(self, x: Any) -> tuple[Any, Any]:
        """P(X <= x) and P(X > x)."""
        total = self.mu + self.alpha
        return betainc(self.alpha, x + 1.0, self.alpha / total), betainc(x + 1.0, self.alpha, self.mu / total)

    def logcdf(self, x: Any) -> Any:
        below, above = self.tails(x)
        total = self.mu + self.alpha
        first = self.logp(x) + log(self.mu / total) + log1p(x / self.alpha)
        return log_tail(below, above, first, beta_fraction, (self.alpha, x + 1.0, self.alpha / total), (1.0, 1.0, 0.5))

    def logccdf(self, x: Any) -> Any:
        below, above = self.tails(x)
        inside = x + 1.0, self.alpha, self.mu / (self.mu + self.alpha)
        return log_tail(above, below, self.logp(x + 1.0), beta_fraction, inside, (1.0, 1.0, 0.5))

    def mean(self) -> Any:
        return self.mu

    def support_point(self) -> Any:
        return floor(self.mu)


@distribution
class Geometric(Distribution):
    """The number of trials up to the first success, each succeeding with probability `p`, or log odds `logit_p`."""

    p: PositiveUnitInterval
    support = positive_integer
    law = geometric_law
    arguments = "p logit_p"
    alternatives = (given(lambda logit_p: (sigmoid(logit_p),), keep=True, logit_p=real),)
    formula = r"p (1-p)^{x-1}"
    source = "https://en.wikipedia.org/wiki/Geometric_distribution"
    oracle = "stats.geom(p)"

    def logp(self, x: Any) -> Any:
        odds = log_odds_of(self.p)
        failed = times_log1p(x - 1.0, -self.p) if odds is None else -(x - 1.0) * softplus(odds)
        return failed + (log(self.p) if odds is None else -softplus(-odds))

    def logccdf(self, x: Any) -> Any:
        odds = log_odds_of(self.p)
        return x * log1p(-self.p) if odds is None else -x * softplus(odds)

    def logcdf(self, x: Any) -> Any:
        return log1mexp(self.logccdf(x))

    def mean(self) -> Any:
        return 1.0 / self.p

    def support_point(self) -> Any:
        return round(1.0 / self.p)


@distribution
class DiscreteUniform(Distribution):
    """The whole numbers from `lower` to `upper`, both included, all equally likely."""

    lower: Integer
    upper: Integer
    support = interval("lower", "upper", integer=True)
    law = discrete_uniform_law
    also = MappingProxyType({integers_law: lambda low, high: (low, high - 1)})
    formula = r"\frac{1}{b - a + 1}"
    source = "https://en.wikipedia.org/wiki/Discrete_uniform_distribution"
    oracle = "stats.randint(lower, upper + 1)"

    def agree(self) -> list[Any]:
        return [] if known(positive, self.count) else [self.lower <= self.upper]

    @property
    def count(self) -> TensorVariable:
        """How many numbers there are."""
        return cast(self.upper - self.lower + 1, "float64")

    def logp(self, x: Any) -> Any:
        return -log(self.count)

    def logcdf(self, x: Any) -> Any:
        return log(x - self.lower + 1) - log(self.count)

    def logccdf(self, x: Any) -> Any:
        return log(self.upper - x) - log(self.count)

    def mean(self) -> Any:
        return 0.5 * (self.lower + self.upper)

    def support_point(self) -> Any:
        return floor(0.5 * (self.lower + self.upper))


@distribution
class Categorical(Distribution):
    """One of the numbers 0, 1, ..., with the probabilities along the last axis of `p`, or softmax(`logit_p`)."""

    p: Probabilities
    support = interval(0.0, "last", integer=True)
    law = categorical_law
    arguments = "p logit_p"
    alternatives = (given(lambda logit_p: (softmax(logit_p, axis=-1),), keep=True, logit_p=real_vector),)
    formula = r"p_x"
    source = "https://en.wikipedia.org/wiki/Categorical_distribution"

    @classmethod
    def dist(cls, p: Any = None, logit_p: Any = None, **options: Any) -> TensorVariable:
        return super().dist(p=None if p is None else rescaled(p), logit_p=logit_p, **options)

    @property
    def last(self) -> TensorVariable:
        """The greatest value."""
        n = self.p.type.shape[-1]
        return dim(self.p, self.p.ndim - 1) - 1 if n is None else constant(n - 1)

    def logp(self, x: Any) -> Any:
        logs = log_probabilities(self.p)
        x = as_tensor_variable(x)
        if self.p.ndim == 1:
            return logs[cast(x if known(self.support, x, self) else clip(x, 0, self.last), "int64")]
        chosen = eq(expand_dims(x, -1), arange(dim(self.p, self.p.ndim - 1)))
        return sum_(switch(chosen, logs, 0.0), axis=-1)

    def logcdf(self, x: Any) -> Any:
        return log(minimum(self.up_to(x), 1.0))

    def up_to(self, x: Any) -> Any:
        """P(X <= x)."""
        within = le(arange(dim(self.p, self.p.ndim - 1)), expand_dims(as_tensor_variable(x), -1))
        return sum_(switch(within, self.p, 0.0), axis=-1)

    def logccdf(self, x: Any) -> Any:
        above = lt(expand_dims(as_tensor_variable(x), -1), arange(dim(self.p, self.p.ndim - 1)))
        return log(sum_(switch(above, self.p, 0.0), axis=-1))

    def mean(self) -> Any:
        raise Undefined("A categorical variable has no mean: its values are labels.")

    def support_point(self) -> Any:
        return argmax(self.p, axis=-1)


def rescaled(p: Any) -> Any:
    """Constant probabilities divided by their sum, with a warning where that is not 1."""
    value = as_tensor_variable(p)
    if not isinstance(value, Constant) or not value.ndim or np.any(value.data < 0):
        return p
    total = value.data.sum(-1, keepdims=True)
    if np.allclose(total, 1.0, rtol=0, atol=1e-9) or not np.all(total > 0):
        return p
    warnings.warn(
        f"The probabilities sum to {np.squeeze(total)}, not to 1; they are divided by their sum.", stacklevel=5
    )
    return value.data / total
