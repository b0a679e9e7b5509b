"""Distributions of numbers between two bounds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.stats.bijection import Bijection
from pellucid.stats.bounds import known
from pellucid.stats.constraint import Positive, Real, interval, open_unit_interval, positive, unit_interval
from pellucid.stats.distribution import Distribution, distribution
from pellucid.stats.families.continuous import scale_of_precision
from pellucid.stats.families.far_tails import log_beta_tail
from pellucid.stats.families.formulas import HALF_LOG_TWO_PI, log_of, standard, times_log, times_log1p
from pellucid.stats.families.mills import NormalMass, always, normal_mass, turned
from pellucid.stats.parameters import given
from pellucid.tensor.arithmetic import bitwise_and, bitwise_or, eq, isinf, lt, maximum, minimum, sqr, switch
from pellucid.tensor.bessel import ndtri_exp
from pellucid.tensor.draws import law
from pellucid.tensor.namespace import NUMPY
from pellucid.tensor.random import beta_law, triangular_law, uniform_law
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import expand_dims
from pellucid.tensor.special import betaincinv, betaln, log_ndtr, ndtr, ndtri
from pellucid.tensor.transcendental import exp, expm1, log, log1mexp, log1p, logaddexp, logit, sigmoid, sqrt
from pellucid.tensor.types import as_tensor_variable


def truncated_normal_sample(
    rng: np.random.Generator, size: tuple[int, ...], mu: Any, sigma: Any, lower: Any, upper: Any
) -> np.ndarray:
    """Quantiles of uniform numbers, through the tail of the normal variable that keeps its digits."""
    log_cdf, quantile = NUMPY.special.log_ndtr, NUMPY.special.ndtri_exp
    a, b = (lower - mu) / sigma, (upper - mu) / sigma
    mirrored = a > -b
    a, b = np.where(mirrored, -b, a), np.where(mirrored, -a, b)  # now mostly left of 0
    u = rng.random(size)
    with np.errstate(divide="ignore"):
        z = quantile(np.logaddexp(np.log1p(-u) + log_cdf(a), np.log(u) + log_cdf(b)))
    return np.clip(mu + sigma * np.where(mirrored, -z, z), lower, upper)


truncated_normal_law = law("truncated_normal", "mu sigma lower upper", truncated_normal_sample)
kumaraswamy_law = law(
    "kumaraswamy",
    "a b",
    lambda rng, size, a, b: (-np.expm1(-rng.standard_exponential(size) / b)) ** (1.0 / a),
)
logit_normal_law = law(
    "logit_normal", "mu sigma", lambda rng, size, mu, sigma: 0.5 + 0.5 * np.tanh(0.5 * rng.normal(mu, sigma, size))
)


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
        return log_beta_tail(self.alpha, self.beta, x, 1.0 - x)

    def logccdf(self, x: Any) -> Any:
        return log_beta_tail(self.beta, self.alpha, 1.0 - x, x)

    def icdf(self, q: Any) -> Any:
        return betaincinv(self.alpha, self.beta, q)

    def mean(self) -> Any:
        return self.alpha / (self.alpha + self.beta)


@distribution
class Triangular(Distribution):
    """Numbers between `lower` and `upper` whose density rises linearly up to `c` and falls linearly from there."""

    lower: Real = 0.0
    c: Real = 0.5
    upper: Real = 1.0
    support = interval("lower", "upper")
    law = triangular_law
    arguments = "lower upper c"
    formula = (
        r"\frac{2(x-a)}{(b-a)(c-a)} \text{ for } x < c, \quad \frac{2(b-x)}{(b-a)(b-c)} \text{ for } x > c, "
        r"\quad \frac{2}{b-a} \text{ at } c"
    )
    source = "https://en.wikipedia.org/wiki/Triangular_distribution"
    oracle = "stats.triang((c - lower) / (upper - lower), lower, upper - lower)"

    def agree(self) -> list[Any]:
        return [self.lower < self.upper, self.lower <= self.c, self.c <= self.upper]

    def side(self, x: Any) -> tuple[Any, Any, Any]:
        """Whether x lies below c, its distance from the end on that side, and the distance of c from there."""
        left = bitwise_or(lt(x, self.c), eq(self.c, self.upper))  # c belongs to the right, if there is a right
        span = switch(left, self.c - self.lower, self.upper - self.c)
        return left, switch(left, x - self.lower, self.upper - x), span

    def logp(self, x: Any) -> Any:
        _, distance, span = self.side(x)
        return math.log(2) - log(self.upper - self.lower) + log(distance / span)

    def log_tail(self, x: Any, *, below: bool) -> Any:
        """log P(X <= x) or log P(X > x): a triangle, or the rest to 1."""
        left, distance, span = self.side(x)
        triangle = distance / span * (distance / (self.upper - self.lower))
        whole = switch(triangle < 1.0, triangle, 0.5)  # where c is an end, one side has no triangle
        small, rest = log(triangle), switch(triangle < 1.0, log1p(-whole), -math.inf)
        return switch(left, small, rest) if below else switch(left, rest, small)

    def logcdf(self, x: Any) -> Any:
        return self.log_tail(x, below=True)

    def logccdf(self, x: Any) -> Any:
        return self.log_tail(x, below=False)

    def icdf(self, q: Any) -> Any:
        width = self.upper - self.lower
        left = q * width < self.c - self.lower
        low = sqrt(switch(left, q * width * (self.c - self.lower), 1.0))
        high = sqrt(switch(left, 1.0, (1.0 - q) * width * (self.upper - self.c)))
        return switch(left, self.lower + low, self.upper - high)

    def mean(self) -> Any:
        return (self.lower + self.c + self.upper) / 3.0


@distribution
class Kumaraswamy(Distribution):
    """Numbers in (0, 1) with P(X > x) = (1 - x**a)**b: like a beta distribution, with closed forms."""

    a: Positive
    b: Positive
    support = unit_interval
    law = kumaraswamy_law
    formula = r"a b\, x^{a-1} (1 - x^a)^{b-1}"
    source = "https://en.wikipedia.org/wiki/Kumaraswamy_distribution"
    oracle = "references.kumaraswamy(a, b)"

    def log_rest(self, x: Any) -> Any:
        """log(1 - x**a)."""
        return log1mexp(self.a * log(x))

    def logp(self, x: Any) -> Any:
        last = bitwise_and(eq(x, 1.0), eq(self.b, 1.0))  # where 0 log 0 is 0
        rest = (self.b - 1.0) * self.log_rest(switch(last, 0.5, x))
        return log(self.a * self.b) + times_log(self.a - 1.0, x) + switch(last, 0.0, rest)

    def logcdf(self, x: Any) -> Any:
        return log1mexp(self.b * self.log_rest(x))

    def logccdf(self, x: Any) -> Any:
        return self.b * self.log_rest(x)

    def icdf(self, q: Any) -> Any:
        return exp(log1mexp(log1p(-q) / self.b) / self.a)

    def mean(self) -> Any:
        return exp(log(self.b) + betaln(1.0 + 1.0 / self.a, self.b))

    def support_point(self) -> Any:
        return minimum(maximum(self.mean(), 1e-300), 1.0 - 1e-16)


@distribution
class LogitNormal(Distribution):
    """Numbers in (0, 1) whose log odds are normal with mean `mu` and standard deviation `sigma` (or precision `tau`).

    As in PyMC it is sampled as it is unless a `transform` is given; ``transforms.logodds`` is the natural one.
    """

    mu: Real = 0.0
    sigma: Positive = 1.0
    support = open_unit_interval
    law = logit_normal_law
    arguments = "mu sigma tau"
    alternatives = (given(lambda tau, mu=0.0: (mu, scale_of_precision(tau)), tau=positive),)
    formula = (
        r"\frac{1}{\sigma\sqrt{2\pi}} \frac{1}{x(1-x)} "
        r"\exp\left(-\frac{(\mathrm{logit}(x)-\mu)^2}{2\sigma^2}\right)"
    )
    source = "https://en.wikipedia.org/wiki/Logit-normal_distribution"
    oracle = "references.logit_normal(mu, sigma)"

    def bijection(self) -> None:
        return None

    def standard(self, x: Any) -> Any:
        """The log odds in units of sigma."""
        return standard(logit(x), self.mu, self.sigma)

    def logp(self, x: Any) -> Any:
        return -0.5 * sqr(self.standard(x)) - log(self.sigma) - HALF_LOG_TWO_PI - log(x) - log1p(-x)

    def logcdf(self, x: Any) -> Any:
        return log_ndtr(self.standard(x))

    def logccdf(self, x: Any) -> Any:
        return log_ndtr(-self.standard(x))

    def icdf(self, q: Any) -> Any:
        return sigmoid(self.mu + self.sigma * ndtri(q))

    def mean(self) -> Any:
        """By the trapezoidal rule, for small sigma over the normal variable, else over a logistic one; to 1e-14."""
        small = self.sigma < 2.0
        mu, sigma = (expand_dims(as_tensor_variable(v), -1) for v in (self.mu, self.sigma))
        z = np.arange(-9.0, 9.01, 0.125)
        over_normal = sum_(sigmoid(mu + minimum(sigma, 2.0) * z) * (0.125 * np.exp(-0.5 * z**2 - HALF_LOG_TWO_PI)), -1)
        t = np.arange(-40.0, 40.1, 0.5)
        over_logistic = sum_(ndtr((mu - t) / maximum(sigma, 2.0)) * (0.125 / np.cosh(t / 2) ** 2), -1)
        return switch(small, over_normal, over_logistic)

    def support_point(self) -> Any:
        return sigmoid(minimum(maximum(self.mu, -700.0), 30.0))  # the median, unless it rounds to an end


@distribution
class TruncatedNormal(Distribution):
    """A normal variable of parameters `mu`, `sigma` (or `tau`), given that it lies between `lower` and `upper`."""

    mu: Real = 0.0
    sigma: Positive = 1.0
    lower: Real = -math.inf
    upper: Real = math.inf
    support = interval("lower", "upper")
    law = truncated_normal_law
    arguments = "mu sigma tau lower upper"
    alternatives = (
        given(
            lambda tau, mu=0.0, lower=-math.inf, upper=math.inf: (mu, scale_of_precision(tau), lower, upper),
            tau=positive,
        ),
    )
    formula = r"\frac{\phi(\frac{x-\mu}{\sigma})}{\sigma\,(\Phi(\frac{b-\mu}{\sigma}) - \Phi(\frac{a-\mu}{\sigma}))}"
    source = "https://en.wikipedia.org/wiki/Truncated_normal_distribution"
    oracle = "references.truncated_normal(mu, sigma, lower, upper)"

    def bijection(self) -> Bijection | None:
        endless = always(self.lower, -math.inf) and always(self.upper, math.inf)
        return None if endless else super().bijection()

    def agree(self) -> list[Any]:
        return [] if known(positive, self.upper - self.lower) else [self.lower < self.upper]

    def mass(self, low: Any, high: Any) -> NormalMass:
        """The probability of an interval under the normal law."""
        return normal_mass(self.mu, self.sigma, low, high)

    def fall(self, near: Any, far: Any) -> Any:
        """How much less the logarithm of the normal density is at `far` than at `near`."""
        sum_of_both = standard(far, self.mu, self.sigma) + standard(near, self.mu, self.sigma)
        return 0.5 * standard(far, near, self.sigma) * sum_of_both

    def log_share(self, part: NormalMass) -> Any:
        """The logarithm of the share that an interval has in the whole."""
        whole = self.mass(self.lower, self.upper)
        return part.log_ratio - whole.log_ratio - self.fall(whole.place, part.place)

    def logp(self, x: Any) -> Any:
        whole = self.mass(self.lower, self.upper)
        return -self.fall(whole.place, x) - log(self.sigma) - whole.log_ratio

    def logcdf(self, x: Any) -> Any:
        return self.log_share(self.mass(self.lower, x))

    def logccdf(self, x: Any) -> Any:
        return self.log_share(self.mass(x, self.upper))

    def icdf(self, q: Any) -> Any:
        """Through the smaller tail of the normal variable, with the interval turned to the right of 0."""
        mirrored, low, high = turned(*self.ends())
        near, far = switch(mirrored, log1p(-q), log(q)), switch(mirrored, log(q), log1p(-q))
        below = logaddexp(far + log_ndtr(low), near + log_ndtr(high))
        above = logaddexp(far + log_ndtr(-low), near + log_ndtr(-high))
        half = below < -math.log(2)
        z = switch(half, ndtri_exp(switch(half, below, -1.0)), -ndtri_exp(switch(half, -1.0, above)))
        return minimum(maximum(self.mu + self.sigma * switch(mirrored, -z, z), self.lower), self.upper)

    def ends(self) -> tuple[Any, Any]:
        """The bounds in units of sigma from mu."""
        return (self.lower - self.mu) / self.sigma, (self.upper - self.mu) / self.sigma

    def mean(self) -> Any:
        mirrored, low, high = turned(*self.ends())
        endless = isinf(low)  # and then so is high
        start = switch(endless, 0.0, low)
        inner = exp(-0.5 * sqr(minimum(start, 0.0)))  # the density at the lower end, relative to the greatest
        fall = expm1(-0.5 * (self.upper - self.lower) / self.sigma * (high + start))
        shift = -inner * fall * exp(-self.mass(self.lower, self.upper).log_ratio)
        shift = switch(endless, 0.0, switch(mirrored, -shift, shift))
        return minimum(maximum(self.mu + self.sigma * shift, self.lower), self.upper)

    def support_point(self) -> Any:
        left, right = isinf(self.lower), isinf(self.upper)
        low, high = switch(left, 0.0, self.lower), switch(right, 0.0, self.upper)
        ended = switch(right, low + self.sigma, 0.5 * (low + high))
        return switch(left, switch(right, self.mu, high - self.sigma), ended)
