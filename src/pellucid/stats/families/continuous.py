"""Distributions on the whole line."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.stats.constraint import Positive, Real, open_unit_interval, positive, real
from pellucid.stats.distribution import Distribution, Undefined, distribution
from pellucid.stats.families.far_tails import log_beta_far
from pellucid.stats.families.formulas import HALF_LOG_TWO_PI, ROOT_TWO, log_gamma_step, log_of, standard
from pellucid.stats.parameters import given
from pellucid.tensor.arithmetic import abs as abs_
from pellucid.tensor.arithmetic import bitwise_and, bitwise_or, lt, minimum, reciprocal, sign, sqr, switch
from pellucid.tensor.draws import law
from pellucid.tensor.random import (
    cauchy_law,
    flat_law,
    gumbel_law,
    laplace_law,
    logistic_law,
    normal_law,
    student_t_law,
)
from pellucid.tensor.special import betainc, betaincinv, erf, erfc, erfcinv, log_ndtr, ndtri
from pellucid.tensor.transcendental import arctan2, exp, log, log1mexp, log1p, logit, softplus, sqrt, tan

EULER = 0.57721566490153286
"""The mean of a standard Gumbel variable: Euler's constant."""

asymmetric_laplace_law = law(
    "asymmetric_laplace",
    "kappa mu b",
    lambda rng, size, kappa, mu, b: (
        mu + (rng.standard_exponential(size) / kappa - rng.standard_exponential(size) * kappa) / b
    ),
)
moyal_law = law("moyal", "mu sigma", lambda rng, size, mu, sigma: mu - sigma * np.log(rng.standard_normal(size) ** 2))


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
    oracle = "stats.norm(mu, sigma)"

    def logp(self, x: Any) -> Any:
        return -0.5 * sqr(standard(x, self.mu, self.sigma)) - log(self.sigma) - HALF_LOG_TWO_PI

    def logcdf(self, x: Any) -> Any:
        return log_ndtr(standard(x, self.mu, self.sigma))

    def logccdf(self, x: Any) -> Any:
        return log_ndtr(-standard(x, self.mu, self.sigma))

    def icdf(self, q: Any) -> Any:
        return self.mu + self.sigma * ndtri(q)

    def mean(self) -> Any:
        return self.mu


@distribution
class StudentT(Distribution):
    """Student's t with `nu` degrees of freedom, location `mu` and scale `sigma` (or `lam` = 1 / sigma**2)."""

    nu: Positive
    mu: Real = 0.0
    sigma: Positive = 1.0
    support = real
    law = student_t_law
    arguments = "nu mu sigma lam"
    alternatives = (given(lambda nu, lam, mu=0.0: (nu, mu, scale_of_precision(lam)), lam=positive),)
    formula = (
        r"\frac{\Gamma(\frac{\nu+1}{2})}{\Gamma(\frac{\nu}{2})\sqrt{\pi\nu}\,\sigma}"
        r"\left(1 + \frac{(x-\mu)^2}{\nu\sigma^2}\right)^{-\frac{\nu+1}{2}}"
    )
    source = "https://en.wikipedia.org/wiki/Student%27s_t-distribution"
    oracle = "stats.t(nu, mu, sigma)"

    def logp(self, x: Any) -> Any:
        nu, z = self.nu, standard(x, self.mu, self.sigma)
        constant = log_gamma_step(0.5 * nu) - 0.5 * log(math.pi * nu) - log(self.sigma)
        return constant - 0.5 * (nu + 1.0) * log1p(sqr(z) / nu)

    def lower_tail(self, z: Any) -> Any:
        """P(Z <= z), through whichever incomplete beta function keeps its digits."""
        nu, square = self.nu, sqr(z)
        central = square < 1e-16 * minimum(nu, 1.0)  # where the slope of betainc is 0 times infinity
        away, far = switch(central, nu, square), switch(square < nu, nu, square)
        tail = 0.5 * betainc(0.5 * nu, 0.5, nu / (nu + far))
        middle = 0.5 + 0.5 * sign(z) * betainc(0.5, 0.5 * nu, away / (nu + away))
        straight = 0.5 + z * exp(log_gamma_step(0.5 * nu) - 0.5 * log(math.pi * nu))
        return switch(central, straight, switch(square < nu, middle, switch(z < 0, tail, 1.0 - tail)))

    def log_lower_tail(self, z: Any) -> Any:
        """log P(Z <= z); as an integral where the incomplete beta functions would cancel, or underflow."""
        up, square = z > 0, sqr(z)
        thin = bitwise_or(square < self.nu, 0.5 * self.nu * log1p(square / self.nu) > 600.0)
        far = bitwise_and(square > 9.0, thin)
        near = switch(far, -1.0, z)
        inner = switch(up, log1p(-self.lower_tail(switch(up, -near, 0.0))), log(self.lower_tail(switch(up, 0.0, near))))
        ratio = switch(far, square / self.nu, 1.0)
        share = log_beta_far(far, 0.5 * self.nu, 0.5, 1.0 / (1.0 + ratio), 1.0 / (1.0 + 1.0 / ratio), -log1p(ratio))
        outer = minimum(share, -0.1) - math.log(2)
        return switch(far, switch(up, log1p(-exp(outer)), outer), inner)

    def logcdf(self, x: Any) -> Any:
        return self.log_lower_tail(standard(x, self.mu, self.sigma))

    def logccdf(self, x: Any) -> Any:
        return self.log_lower_tail(-standard(x, self.mu, self.sigma))

    def icdf(self, q: Any) -> Any:
        nu, p = self.nu, minimum(q, 1.0 - q)
        near = p > 0.25
        inner = betaincinv(0.5, 0.5 * nu, 1.0 - 2.0 * switch(near, p, 0.25))
        outer = betaincinv(0.5 * nu, 0.5, 2.0 * switch(near, 0.25, p))
        size = sqrt(nu * switch(near, inner / (1.0 - inner), (1.0 - outer) / outer))
        return self.mu + self.sigma * sign(q - 0.5) * size

    def mean(self) -> Any:
        return switch(self.nu > 1, self.mu, math.nan)

    def support_point(self) -> Any:
        return self.mu


@distribution
class Cauchy(Distribution):
    """The Cauchy distribution with location `alpha` and scale `beta`; its tails are so heavy that it has no mean."""

    alpha: Real
    beta: Positive
    support = real
    law = cauchy_law
    formula = r"\frac{1}{\pi\beta\,(1 + ((x-\alpha)/\beta)^2)}"
    source = "https://en.wikipedia.org/wiki/Cauchy_distribution"
    oracle = "stats.cauchy(alpha, beta)"

    def logp(self, x: Any) -> Any:
        return -log(self.beta) - math.log(math.pi) - log1p(sqr(standard(x, self.alpha, self.beta)))

    def log_lower_tail(self, z: Any) -> Any:
        """log P(Z <= z): the angle that z is seen under, as a share of a half turn."""
        up = z > 0
        angle = arctan2(1.0, abs_(z)) / math.pi
        return switch(up, log1p(-angle), log(angle))

    def logcdf(self, x: Any) -> Any:
        return self.log_lower_tail(standard(x, self.alpha, self.beta))

    def logccdf(self, x: Any) -> Any:
        return self.log_lower_tail(-standard(x, self.alpha, self.beta))

    def icdf(self, q: Any) -> Any:
        low = lt(q, 0.25)
        tail = -1.0 / tan(math.pi * switch(low, q, 0.25))
        return self.alpha + self.beta * switch(low, tail, tan(math.pi * (q - 0.5)))

    def mean(self) -> Any:
        raise Undefined("The Cauchy distribution has no mean: the integral diverges.")

    def support_point(self) -> Any:
        return self.alpha


@distribution
class Laplace(Distribution):
    """The double exponential distribution with location `mu` and scale `b`."""

    mu: Real
    b: Positive
    support = real
    law = laplace_law
    formula = r"\frac{1}{2b} \exp\left(-\frac{|x-\mu|}{b}\right)"
    source = "https://en.wikipedia.org/wiki/Laplace_distribution"
    oracle = "stats.laplace(mu, b)"

    def logp(self, x: Any) -> Any:
        return -abs_(x - self.mu) * reciprocal(self.b) - log(2.0 * self.b)

    def log_lower_tail(self, z: Any) -> Any:
        """log P(Z <= z)."""
        return switch(z > 0, log1p(-0.5 * exp(-abs_(z))), z - math.log(2))

    def logcdf(self, x: Any) -> Any:
        return self.log_lower_tail(standard(x, self.mu, self.b))

    def logccdf(self, x: Any) -> Any:
        return self.log_lower_tail(-standard(x, self.mu, self.b))

    def icdf(self, q: Any) -> Any:
        return self.mu - self.b * sign(q - 0.5) * log(2.0 * minimum(q, 1.0 - q))

    def mean(self) -> Any:
        return self.mu


@distribution
class AsymmetricLaplace(Distribution):
    """Exponential tails of rates `kappa` b above `mu` and b / `kappa` below; or with `q` = P(X <= mu) for kappa."""

    kappa: Positive
    mu: Real
    b: Positive
    support = real
    law = asymmetric_laplace_law
    arguments = "kappa mu b q"
    alternatives = (given(lambda q, mu, b: (sqrt(q / (1.0 - q)), mu, b), q=open_unit_interval),)
    formula = r"\frac{b}{\kappa + 1/\kappa}\, e^{-(x-\mu)\, b\, s\, \kappa^s}, \quad s = \mathrm{sgn}(x-\mu)"
    source = "https://en.wikipedia.org/wiki/Asymmetric_Laplace_distribution"
    oracle = "stats.laplace_asymmetric(kappa, mu, 1 / b)"

    def logp(self, x: Any) -> Any:
        z = (x - self.mu) * self.b
        return log(self.b) - log(self.kappa + 1.0 / self.kappa) - switch(z > 0, z * self.kappa, -z / self.kappa)

    def tails(self, x: Any) -> tuple[Any, Any, Any]:
        """Whether x is above mu, and the logarithms of P(X <= x) below mu and of P(X > x) above it."""
        z = (x - self.mu) * self.b
        below = switch(z > 0, 0.0, z) / self.kappa - log1p(1.0 / sqr(self.kappa))
        return z > 0, below, switch(z > 0, -z, 0.0) * self.kappa - log1p(sqr(self.kappa))

    def logcdf(self, x: Any) -> Any:
        up, below, above = self.tails(x)
        return switch(up, log1mexp(above), below)

    def logccdf(self, x: Any) -> Any:
        up, below, above = self.tails(x)
        return switch(up, above, log1mexp(below))

    def icdf(self, q: Any) -> Any:
        low = (log(q) + log1p(1.0 / sqr(self.kappa))) * self.kappa
        high = -(log1p(-q) + log1p(sqr(self.kappa))) / self.kappa
        return self.mu + switch(q < 1.0 / (1.0 + 1.0 / sqr(self.kappa)), low, high) / self.b

    def mean(self) -> Any:
        return self.mu + (1.0 / self.kappa - self.kappa) / self.b


@distribution
class Logistic(Distribution):
    """The logistic distribution with mean `mu` and scale `s`: what the log odds of a uniform number follow."""

    mu: Real = 0.0
    s: Positive = 1.0
    support = real
    law = logistic_law
    formula = r"\frac{e^{-(x-\mu)/s}}{s\left(1 + e^{-(x-\mu)/s}\right)^2}"
    source = "https://en.wikipedia.org/wiki/Logistic_distribution"
    oracle = "stats.logistic(mu, s)"

    def logp(self, x: Any) -> Any:
        z = abs_(standard(x, self.mu, self.s))
        return -z - 2.0 * softplus(-z) - log(self.s)

    def logcdf(self, x: Any) -> Any:
        return -softplus(-standard(x, self.mu, self.s))

    def logccdf(self, x: Any) -> Any:
        return -softplus(standard(x, self.mu, self.s))

    def icdf(self, q: Any) -> Any:
        return self.mu + self.s * logit(q)

    def mean(self) -> Any:
        return self.mu


@distribution
class Gumbel(Distribution):
    """The greatest of many: the Gumbel distribution with mode `mu` and scale `beta`."""

    mu: Real
    beta: Positive
    support = real
    law = gumbel_law
    formula = r"\frac{1}{\beta} e^{-z - e^{-z}}, \quad z = \frac{x-\mu}{\beta}"
    source = "https://en.wikipedia.org/wiki/Gumbel_distribution"
    oracle = "stats.gumbel_r(mu, beta)"

    def logp(self, x: Any) -> Any:
        z = standard(x, self.mu, self.beta)
        return -z - exp(-z) - log(self.beta)

    def logcdf(self, x: Any) -> Any:
        return -exp(-standard(x, self.mu, self.beta))

    def logccdf(self, x: Any) -> Any:
        z = standard(x, self.mu, self.beta)
        far = z > 40.0  # where P(X > x) = exp(-z) to the last digit, also when that underflows
        return switch(far, -z, log1mexp(-exp(-switch(far, 0.0, z))))

    def icdf(self, q: Any) -> Any:
        return self.mu - self.beta * log(-log(q))

    def mean(self) -> Any:
        return self.mu + EULER * self.beta


@distribution
class Moyal(Distribution):
    """Energy lost by fast particles: the Moyal distribution with mode `mu` and scale `sigma`."""

    mu: Real = 0.0
    sigma: Positive = 1.0
    support = real
    law = moyal_law
    formula = r"\frac{1}{\sigma\sqrt{2\pi}} e^{-(z + e^{-z})/2}, \quad z = \frac{x-\mu}{\sigma}"
    source = "https://reference.wolfram.com/language/ref/MoyalDistribution.html"
    oracle = "stats.moyal(mu, sigma)"

    def logp(self, x: Any) -> Any:
        z = standard(x, self.mu, self.sigma)
        return -0.5 * (z + exp(-z)) - log(self.sigma) - HALF_LOG_TWO_PI

    def logcdf(self, x: Any) -> Any:
        return math.log(2) + log_ndtr(-exp(-0.5 * standard(x, self.mu, self.sigma)))

    def logccdf(self, x: Any) -> Any:
        half = 0.5 * standard(x, self.mu, self.sigma)
        far = half > 20.0  # where erf is linear to the last digit, also when its argument underflows
        u = exp(-switch(far, 0.0, half)) / ROOT_TWO
        return switch(far, 0.5 * math.log(2 / math.pi) - half, log_of(erf(u), erfc(u)))

    def icdf(self, q: Any) -> Any:
        return self.mu - self.sigma * (math.log(2) + 2.0 * log(erfcinv(q)))

    def mean(self) -> Any:
        return self.mu + (EULER + math.log(2)) * self.sigma


@distribution
class Flat(Distribution):
    """The improper density 1 on the whole line: a prior that says nothing, from which nothing can be drawn."""

    support = real
    law = flat_law
    formula = "1"
    source = "https://en.wikipedia.org/wiki/Prior_probability#Improper_priors"

    def logp(self, x: Any) -> Any:
        return 0.0

    def logcdf(self, x: Any) -> Any:
        raise Undefined("Flat has no distribution function: it is improper.")

    def icdf(self, q: Any) -> Any:
        raise Undefined("Flat has no quantiles: it is improper.")

    def mean(self) -> Any:
        raise Undefined("Flat has no mean: it is improper.")

    def support_point(self) -> Any:
        return 0.0
