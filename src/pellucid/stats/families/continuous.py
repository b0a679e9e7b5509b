"""Distributions on the whole line."""

from __future__ import annotations

import math
from typing import Any

from pellucid.stats.constraint import Positive, Real, positive, real
from pellucid.stats.distribution import Distribution, Undefined, distribution
from pellucid.stats.families.formulas import HALF_LOG_TWO_PI, log_gamma_step
from pellucid.stats.parameters import given
from pellucid.tensor.arithmetic import abs as abs_
from pellucid.tensor.arithmetic import lt, minimum, sign, sqr, switch
from pellucid.tensor.random import cauchy_law, flat_law, laplace_law, normal_law, student_t_law
from pellucid.tensor.special import betainc, betaincinv, log_ndtr, ndtri
from pellucid.tensor.transcendental import arctan2, exp, log, log1p, sqrt, tan


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
        return -0.5 * sqr((x - self.mu) / self.sigma) - log(self.sigma) - HALF_LOG_TWO_PI

    def logcdf(self, x: Any) -> Any:
        return log_ndtr((x - self.mu) / self.sigma)

    def logccdf(self, x: Any) -> Any:
        return log_ndtr((self.mu - x) / self.sigma)

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
        nu, z = self.nu, (x - self.mu) / self.sigma
        constant = log_gamma_step(0.5 * nu) - 0.5 * log(math.pi * nu) - log(self.sigma)
        return constant - 0.5 * (nu + 1.0) * log1p(sqr(z) / nu)

    def lower_tail(self, z: Any) -> Any:
        """P(Z <= z), through whichever incomplete beta function keeps its digits."""
        nu, square = self.nu, sqr(z)
        tail = 0.5 * betainc(0.5 * nu, 0.5, nu / (nu + square))
        middle = 0.5 + 0.5 * sign(z) * betainc(0.5, 0.5 * nu, square / (nu + square))
        return switch(square < nu, middle, switch(z < 0, tail, 1.0 - tail))

    def log_lower_tail(self, z: Any) -> Any:
        """log P(Z <= z)."""
        up = z > 0
        return switch(up, log1p(-self.lower_tail(switch(up, -z, 0.0))), log(self.lower_tail(switch(up, 0.0, z))))

    def logcdf(self, x: Any) -> Any:
        return self.log_lower_tail((x - self.mu) / self.sigma)

    def logccdf(self, x: Any) -> Any:
        return self.log_lower_tail((self.mu - x) / self.sigma)

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
        return -log(self.beta) - math.log(math.pi) - log1p(sqr((x - self.alpha) / self.beta))

    def log_lower_tail(self, z: Any) -> Any:
        """log P(Z <= z): the angle that z is seen under, as a share of a half turn."""
        up = z > 0
        angle = arctan2(1.0, abs_(z)) / math.pi
        return switch(up, log1p(-angle), log(angle))

    def logcdf(self, x: Any) -> Any:
        return self.log_lower_tail((x - self.alpha) / self.beta)

    def logccdf(self, x: Any) -> Any:
        return self.log_lower_tail((self.alpha - x) / self.beta)

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
        return -abs_(x - self.mu) / self.b - log(2.0 * self.b)

    def log_lower_tail(self, z: Any) -> Any:
        """log P(Z <= z)."""
        return switch(z > 0, log1p(-0.5 * exp(-abs_(z))), z - math.log(2))

    def logcdf(self, x: Any) -> Any:
        return self.log_lower_tail((x - self.mu) / self.b)

    def logccdf(self, x: Any) -> Any:
        return self.log_lower_tail((self.mu - x) / self.b)

    def icdf(self, q: Any) -> Any:
        return self.mu - self.b * sign(q - 0.5) * log(2.0 * minimum(q, 1.0 - q))

    def mean(self) -> Any:
        return self.mu


@distribution
class Flat(Distribution):
    """The improper density 1 on the whole line: a prior that says nothing, from which nothing can be drawn."""

    support = real
    law = flat_law
    formula = "1"
    source = "https://en.wikipedia.org/wiki/Prior_probability#Improper_priors"

    def logp(self, x: Any) -> Any:
        return 0.0

    def mean(self) -> Any:
        raise Undefined("Flat has no mean: it is improper.")

    def support_point(self) -> Any:
        return 0.0
