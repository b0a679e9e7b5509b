"""Distributions of positive numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.stats.constraint import Positive, Real, at_least, nonnegative, positive
from pellucid.stats.distribution import Distribution, Undefined, distribution
from pellucid.stats.families.continuous import scale_of_precision
from pellucid.stats.families.far_tails import log_gamma_tails
from pellucid.stats.families.formulas import (
    HALF_LOG_TWO_PI,
    ROOT_TWO,
    log_gamma_step,
    log_of,
    minus,
    standard,
    times_log,
)
from pellucid.stats.parameters import given
from pellucid.tensor.arithmetic import lt, minimum, reciprocal, sqr, switch
from pellucid.tensor.draws import law
from pellucid.tensor.random import (
    chisquare_law,
    exponential_law,
    gamma_law,
    half_cauchy_law,
    half_flat_law,
    half_normal_law,
    inverse_gamma_law,
    lognormal_law,
    pareto_law,
    standard_t_sample,
    weibull_law,
)
from pellucid.tensor.special import (
    betainc,
    betaincinv,
    erf,
    erfc,
    erfinv,
    gammainccinv,
    gammaincinv,
    gammaln,
    log_ndtr,
    ndtri,
)
from pellucid.tensor.transcendental import arctan2, exp, log, log1mexp, log1p, sqrt, tan

TWO_OVER_PI = 2 / math.pi

half_student_t_law = law(
    "halfstudentt", "nu sigma", lambda rng, size, nu, sigma: sigma * np.abs(standard_t_sample(rng, size, nu))
)


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
    oracle = "stats.halfnorm(loc, sigma)"

    def standard(self, x: Any) -> Any:
        """x in units of sigma."""
        return standard(x, self.loc, self.sigma)

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
class HalfStudentT(Distribution):
    """The absolute value of Student's t around 0: `nu` degrees of freedom, scale `sigma` (or `lam` = 1 / sigma**2)."""

    nu: Positive
    sigma: Positive = 1.0
    support = nonnegative
    law = half_student_t_law
    arguments = "nu sigma lam"
    alternatives = (given(lambda nu, lam: (nu, scale_of_precision(lam)), lam=positive),)
    formula = (
        r"\frac{2\,\Gamma(\frac{\nu+1}{2})}{\Gamma(\frac{\nu}{2})\sqrt{\pi\nu}\,\sigma}"
        r"\left(1 + \frac{x^2}{\nu\sigma^2}\right)^{-\frac{\nu+1}{2}}"
    )
    source = "https://en.wikipedia.org/wiki/Folded-t_and_half-t_distributions"
    oracle = "references.half_t(nu, 0, sigma)"

    def logp(self, x: Any) -> Any:
        nu = self.nu
        constant = log_gamma_step(0.5 * nu) + math.log(2) - 0.5 * log(math.pi * nu) - log(self.sigma)
        return constant - 0.5 * (nu + 1.0) * log1p(sqr(x * reciprocal(self.sigma)) / nu)

    def probabilities(self, x: Any) -> tuple[Any, Any]:
        """P(X <= x) and P(X > x): the one from the side whose argument is not rounded, the other as the rest to 1."""
        square = sqr(x * reciprocal(self.sigma)) / self.nu
        near = square < 1.0
        below = betainc(0.5, 0.5 * self.nu, 1.0 / (1.0 + 1.0 / switch(near, square, 1.0)))
        above = betainc(0.5 * self.nu, 0.5, 1.0 / (1.0 + switch(near, 1.0, square)))
        return switch(near, below, 1.0 - above), switch(near, 1.0 - below, above)

    def logcdf(self, x: Any) -> Any:
        return log_of(*self.probabilities(x))

    def logccdf(self, x: Any) -> Any:
        return log_of(*self.probabilities(x)[::-1])

    def icdf(self, q: Any) -> Any:
        near = q < 0.5
        inner = betaincinv(0.5, 0.5 * self.nu, switch(near, q, 0.5))
        outer = betaincinv(0.5 * self.nu, 0.5, switch(near, 0.5, 1.0 - q))
        return self.sigma * sqrt(self.nu * switch(near, inner / (1.0 - inner), (1.0 - outer) / outer))

    def mean(self) -> Any:
        finite = self.nu > 1.0
        nu = switch(finite, self.nu, 2.0)
        above_one = 2.0 * sqrt(nu / math.pi) * exp(log_gamma_step(0.5 * nu)) / (nu - 1.0)
        return self.sigma * switch(finite, above_one, math.inf)

    def support_point(self) -> Any:
        return self.sigma


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
    oracle = "stats.halfcauchy(loc, beta)"

    def logp(self, x: Any) -> Any:
        return math.log(TWO_OVER_PI) - log(self.beta) - log1p(sqr(standard(x, self.loc, self.beta)))

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
    oracle = "stats.expon(0, scale)"

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


def gamma_of_moments(mu: Any, sigma: Any) -> tuple[Any, Any]:
    """Shape and scale of the gamma distribution with this mean and standard deviation."""
    return sqr(mu / sigma), sqr(sigma) / mu


@distribution
class Gamma(Distribution):
    """The gamma distribution with shape `alpha` and rate `beta`, or with mean `mu` and standard deviation `sigma`."""

    alpha: Positive
    scale: Positive
    support = nonnegative
    law = gamma_law
    arguments = "alpha beta mu sigma"
    alternatives = (
        given(lambda alpha, beta: (alpha, 1.0 / beta), beta=positive),
        given(gamma_of_moments, mu=positive, sigma=positive),
    )
    formula = r"\frac{\beta^\alpha}{\Gamma(\alpha)} x^{\alpha-1} e^{-\beta x}"
    source = "https://en.wikipedia.org/wiki/Gamma_distribution"
    oracle = "stats.gamma(alpha, 0, scale)"

    def logp(self, x: Any) -> Any:
        constant = -gammaln(self.alpha) - self.alpha * log(self.scale)
        return constant + times_log(self.alpha - 1.0, x) - x / self.scale

    def logcdf(self, x: Any) -> Any:
        return log_gamma_tails(self.alpha, x / self.scale)[0]

    def logccdf(self, x: Any) -> Any:
        return log_gamma_tails(self.alpha, x / self.scale)[1]

    def icdf(self, q: Any) -> Any:
        return self.scale * gammaincinv(self.alpha, q)

    def mean(self) -> Any:
        return self.alpha * self.scale


@distribution
class InverseGamma(Distribution):
    """The reciprocal of a gamma variable of shape `alpha` and rate `beta`; or with mean `mu` and deviation `sigma`."""

    alpha: Positive
    beta: Positive = 1.0
    support = positive
    law = inverse_gamma_law
    arguments = "alpha beta mu sigma"
    alternatives = (
        given(lambda mu, sigma: (2.0 + sqr(mu / sigma), mu * (1.0 + sqr(mu / sigma))), mu=positive, sigma=positive),
    )
    formula = r"\frac{\beta^\alpha}{\Gamma(\alpha)} x^{-\alpha-1} e^{-\beta/x}"
    source = "https://en.wikipedia.org/wiki/Inverse-gamma_distribution"
    oracle = "stats.invgamma(alpha, 0, beta)"

    def logp(self, x: Any) -> Any:
        constant = self.alpha * log(self.beta) - gammaln(self.alpha)
        return constant - (self.alpha + 1.0) * log(x) - self.beta / x

    def logcdf(self, x: Any) -> Any:
        return log_gamma_tails(self.alpha, self.beta / x)[1]

    def logccdf(self, x: Any) -> Any:
        return log_gamma_tails(self.alpha, self.beta / x)[0]

    def icdf(self, q: Any) -> Any:
        return self.beta / gammainccinv(self.alpha, q)

    def mean(self) -> Any:
        finite = self.alpha > 1.0
        return switch(finite, self.beta / switch(finite, self.alpha - 1.0, 1.0), math.inf)

    def support_point(self) -> Any:
        finite = self.alpha > 1.0  # the mean, or where there is none the mode
        return self.beta / switch(finite, self.alpha - 1.0, self.alpha + 1.0)


@distribution
class LogNormal(Distribution):
    """The exponential of a normal variable with mean `mu` and standard deviation `sigma` (or precision `tau`)."""

    mu: Real = 0.0
    sigma: Positive = 1.0
    support = positive
    law = lognormal_law
    arguments = "mu sigma tau"
    alternatives = (given(lambda tau, mu=0.0: (mu, scale_of_precision(tau)), tau=positive),)
    formula = r"\frac{1}{x\sigma\sqrt{2\pi}} \exp\left(-\frac{(\log x-\mu)^2}{2\sigma^2}\right)"
    source = "https://en.wikipedia.org/wiki/Log-normal_distribution"
    oracle = "stats.lognorm(sigma, 0, np.exp(mu))"

    def logp(self, x: Any) -> Any:
        y = log(x)
        return -0.5 * sqr(standard(y, self.mu, self.sigma)) - log(self.sigma) - HALF_LOG_TWO_PI - y

    def logcdf(self, x: Any) -> Any:
        return log_ndtr(standard(log(x), self.mu, self.sigma))

    def logccdf(self, x: Any) -> Any:
        return log_ndtr(-standard(log(x), self.mu, self.sigma))

    def icdf(self, q: Any) -> Any:
        return exp(self.mu + self.sigma * ndtri(q))

    def mean(self) -> Any:
        return exp(self.mu + 0.5 * sqr(self.sigma))

    def support_point(self) -> Any:
        return exp(minimum(self.mu + 0.5 * sqr(self.sigma), 700.0))  # the mean, unless it overflows


Lognormal = LogNormal


@distribution
class ChiSquared(Distribution):
    """The sum of the squares of `nu` standard normal variables: a gamma variable of shape nu / 2 and scale 2."""

    nu: Positive
    support = nonnegative
    law = chisquare_law
    formula = r"\frac{x^{\nu/2-1} e^{-x/2}}{2^{\nu/2}\,\Gamma(\nu/2)}"
    source = "https://en.wikipedia.org/wiki/Chi-squared_distribution"
    oracle = "stats.chi2(nu)"

    @property
    def gamma(self) -> Gamma:
        """The same as a gamma distribution."""
        return Gamma.of(0.5 * self.nu, 2.0)

    def logp(self, x: Any) -> Any:
        return self.gamma.logp(x)

    def logcdf(self, x: Any) -> Any:
        return self.gamma.logcdf(x)

    def logccdf(self, x: Any) -> Any:
        return self.gamma.logccdf(x)

    def icdf(self, q: Any) -> Any:
        return self.gamma.icdf(q)

    def mean(self) -> Any:
        return self.nu


@distribution
class Weibull(Distribution):
    """The Weibull distribution with shape `alpha` and scale `beta`: lifetimes whose hazard is a power of age."""

    alpha: Positive
    beta: Positive
    support = nonnegative
    law = weibull_law
    formula = r"\frac{\alpha}{\beta} \left(\frac{x}{\beta}\right)^{\alpha-1} e^{-(x/\beta)^\alpha}"
    source = "https://en.wikipedia.org/wiki/Weibull_distribution"
    oracle = "stats.weibull_min(alpha, 0, beta)"

    def logp(self, x: Any) -> Any:
        z = x * reciprocal(self.beta)
        return log(self.alpha / self.beta) + times_log(self.alpha - 1.0, z) - z**self.alpha

    def logcdf(self, x: Any) -> Any:
        z = x * reciprocal(self.beta)
        power = z**self.alpha
        small = lt(power, 1e-17)  # where P(X <= x) = z**alpha to the last digit, also when that underflows
        return switch(small, self.alpha * log(z), log1mexp(-switch(small, 1.0, power)))

    def logccdf(self, x: Any) -> Any:
        return -((x / self.beta) ** self.alpha)

    def icdf(self, q: Any) -> Any:
        return self.beta * (-log1p(-q)) ** (1.0 / self.alpha)

    def mean(self) -> Any:
        return self.beta * exp(gammaln(1.0 + 1.0 / self.alpha))

    def support_point(self) -> Any:
        return self.beta * exp(minimum(gammaln(1.0 + 1.0 / self.alpha), 100.0))  # the mean, unless it is absurd


@distribution
class Pareto(Distribution):
    """Numbers from `m` up whose tail is the power -`alpha`."""

    alpha: Positive
    m: Positive
    support = at_least("m")
    law = pareto_law
    formula = r"\frac{\alpha m^\alpha}{x^{\alpha+1}}"
    source = "https://en.wikipedia.org/wiki/Pareto_distribution"
    oracle = "stats.pareto(alpha, 0, m)"

    def excess(self, x: Any) -> Any:
        """log(x / m), exact near m."""
        return log1p(standard(x, self.m, self.m))

    def logp(self, x: Any) -> Any:
        return log(self.alpha) - log(self.m) - (self.alpha + 1.0) * self.excess(x)

    def logcdf(self, x: Any) -> Any:
        return log1mexp(-self.alpha * self.excess(x))

    def logccdf(self, x: Any) -> Any:
        return -self.alpha * self.excess(x)

    def icdf(self, q: Any) -> Any:
        return self.m * exp(-log1p(-q) / self.alpha)

    def mean(self) -> Any:
        finite = self.alpha > 1.0
        alpha = switch(finite, self.alpha, 2.0)
        return self.m * switch(finite, alpha / (alpha - 1.0), math.inf)

    def support_point(self) -> Any:
        return self.m * exp(minimum(math.log(2) / self.alpha, 100.0))  # the median, unless it is absurd


@distribution
class HalfFlat(Distribution):
    """The improper density 1 on the positive numbers, from which nothing can be drawn."""

    support = nonnegative
    law = half_flat_law
    formula = "1"
    source = "https://en.wikipedia.org/wiki/Prior_probability#Improper_priors"

    def logp(self, x: Any) -> Any:
        return 0.0

    def logcdf(self, x: Any) -> Any:
        raise Undefined("HalfFlat has no distribution function: it is improper.")

    def icdf(self, q: Any) -> Any:
        raise Undefined("HalfFlat has no quantiles: it is improper.")

    def mean(self) -> Any:
        raise Undefined("HalfFlat has no mean: it is improper.")

    def support_point(self) -> Any:
        return 1.0
