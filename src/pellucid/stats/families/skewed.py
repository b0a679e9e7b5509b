"""Distributions that lean to one side: skew normal, skew t, normal plus exponential, and inverse Gaussian."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.stats.bijection import Bijection, log_
from pellucid.stats.constraint import Nonnegative, Positive, Real, interval, positive, real
from pellucid.stats.distribution import Distribution, distribution
from pellucid.stats.families.continuous import scale_of_precision
from pellucid.stats.families.far_tails import log_beta_tail
from pellucid.stats.families.formulas import HALF_LOG_TWO_PI, ROOT_TWO, log_gamma_step, minus, standard
from pellucid.stats.families.mills import log_mills, log_mills_gap, normal_mass
from pellucid.stats.parameters import given
from pellucid.stats.quadrature import integrate, reach
from pellucid.tensor.arithmetic import bitwise_and, lt, maximum, minimum, sqr, switch
from pellucid.tensor.draws import law
from pellucid.tensor.random import wald_law
from pellucid.tensor.special import betaincinv, betaln, erf, log_ndtr
from pellucid.tensor.transcendental import exp, expm1, log, log1mexp, log1p, logaddexp, sqrt


def skew_normal_sample(rng: np.random.Generator, size: tuple[int, ...], mu: Any, sigma: Any, alpha: Any) -> np.ndarray:
    """A half-normal variable plus a normal one, in the proportion alpha : 1."""
    share = np.hypot(1.0, alpha)
    return mu + sigma * (alpha * np.abs(rng.standard_normal(size)) + rng.standard_normal(size)) / share


def skew_student_t_sample(
    rng: np.random.Generator, size: tuple[int, ...], a: Any, b: Any, mu: Any, sigma: Any
) -> np.ndarray:
    """A function of two gamma variables, whose share of their sum is a beta variable."""
    first, second = rng.standard_gamma(a, size), rng.standard_gamma(b, size)
    return mu + sigma * np.sqrt(a + b) * (first - second) / (2 * np.sqrt(first * second))


skew_normal_law = law("skew_normal", "mu sigma alpha", skew_normal_sample)
skew_student_t_law = law("skew_studentt", "a b mu sigma", skew_student_t_sample)
ex_gaussian_law = law(
    "exgaussian",
    "mu sigma nu",
    lambda rng, size, mu, sigma, nu: rng.normal(mu, sigma, size) + rng.exponential(nu, size),
)


@distribution
class SkewNormal(Distribution):
    """The normal density with location `mu` and scale `sigma` (or `tau`), tilted by the normal cdf of `alpha` z."""

    mu: Real = 0.0
    sigma: Positive = 1.0
    alpha: Real = 1.0
    support = real
    law = skew_normal_law
    arguments = "alpha mu sigma tau"
    alternatives = (given(lambda tau, mu=0.0, alpha=1.0: (mu, scale_of_precision(tau), alpha), tau=positive),)
    formula = r"\frac{2}{\sigma}\, \phi(z)\, \Phi(\alpha z), \quad z = \frac{x-\mu}{\sigma}"
    source = "https://en.wikipedia.org/wiki/Skew_normal_distribution"
    oracle = "stats.skewnorm(alpha, mu, sigma)"

    def logp(self, x: Any) -> Any:
        z = standard(x, self.mu, self.sigma)
        return math.log(2) - HALF_LOG_TWO_PI - log(self.sigma) - 0.5 * sqr(z) + log_ndtr(self.alpha * z)

    def log_thin_tail(self, distance: Any, alpha: Any) -> Any:
        """log P(Z < -distance) for distance >= 0 and alpha >= 0: the integral of a log-concave function."""
        start = alpha * distance
        ratio = log_mills(start)
        # From -distance on, the log-density falls with at least this slope and this curvature.
        far = reach(distance + alpha * exp(-ratio), 1.0 + (2 / math.pi) * sqr(alpha))
        area = integrate(
            lambda s, d, a, r: exp(log_mills(a * (d + s)) - r - (1.0 + sqr(a)) * s * (d + 0.5 * s)),
            *(0.0, far, distance, alpha, ratio),
        )
        return log(area) + ratio - 0.5 * (sqr(start) + sqr(distance)) + (math.log(2) - 2 * HALF_LOG_TWO_PI)

    def log_tail(self, z: Any, alpha: Any) -> Any:
        """log P(Z <= z). The size of Z is half-normal whatever alpha is, so one thin tail tells all of them."""
        distance = switch(z < 0, -z, z)  # and not abs, whose slope at 0 is 0
        thin = self.log_thin_tail(distance, switch(alpha > 0, alpha, -alpha))
        both = math.log(2) + log_ndtr(-distance)
        thick = both + log1mexp(minimum(thin - both, -0.5))  # the thin tail is at most half of both
        below, above = switch(alpha > 0, thin, thick), switch(alpha > 0, thick, thin)
        rest = log(erf(distance / ROOT_TWO) + exp(below))
        return switch(z < 0, below, switch(above < -1.0, log1p(-exp(minimum(above, -0.5))), rest))

    def logcdf(self, x: Any) -> Any:
        return self.log_tail(standard(x, self.mu, self.sigma), self.alpha)

    def logccdf(self, x: Any) -> Any:
        return self.log_tail(-standard(x, self.mu, self.sigma), -self.alpha)

    def mean(self) -> Any:
        return self.mu + self.sigma * (math.sqrt(2 / math.pi) * self.alpha / sqrt(1.0 + sqr(self.alpha)))


@distribution
class SkewStudentT(Distribution):
    """Jones and Faddy's skew t: Student's t of 2a degrees of freedom where `a` = `b`, otherwise with uneven tails."""

    a: Positive
    b: Positive
    mu: Real = 0.0
    sigma: Positive = 1.0
    support = real
    law = skew_student_t_law
    arguments = "a b mu sigma lam"
    alternatives = (given(lambda a, b, lam, mu=0.0: (a, b, mu, scale_of_precision(lam)), lam=positive),)
    formula = (
        r"\frac{(1 + w)^{a+1/2} (1 - w)^{b+1/2}}{2^{a+b-1} B(a, b) \sqrt{a+b}\,\sigma}, "
        r"\quad w = \frac{z}{\sqrt{a+b+z^2}}, \quad z = \frac{x-\mu}{\sigma}"
    )
    source = "https://doi.org/10.1111/1467-9868.00378"
    oracle = "references.skew_t(a, b, mu, sigma)"

    def parts(self, x: Any) -> tuple[Any, Any, Any]:
        """z, and (1 + w) / 2 and (1 - w) / 2 with all their digits."""
        z = standard(x, self.mu, self.sigma)
        size = switch(z > 0, z, -z)  # and not abs, whose slope at 0 is 0
        root = sqrt(self.a + self.b + sqr(z))
        large = 0.5 * (1.0 + size / root)
        small = 0.5 * (self.a + self.b) / (root * (root + size))
        return z, switch(z > 0, large, small), switch(z > 0, small, large)

    def logp(self, x: Any) -> Any:
        _, left, right = self.parts(x)
        kernel = (self.a + 0.5) * log(left) + (self.b + 0.5) * log(right)
        return kernel + 2 * math.log(2) - betaln(self.a, self.b) - 0.5 * log(self.a + self.b) - log(self.sigma)

    def logcdf(self, x: Any) -> Any:
        _, left, right = self.parts(x)
        return log_beta_tail(self.a, self.b, left, right)

    def logccdf(self, x: Any) -> Any:
        _, left, right = self.parts(x)
        return log_beta_tail(self.b, self.a, right, left)

    def icdf(self, q: Any) -> Any:
        left, right = betaincinv(self.a, self.b, q), betaincinv(self.b, self.a, 1.0 - q)
        # Each from its own small tail, except where the other is the small number.
        by_left = switch(q < 0.5, left < 0.9, right > 0.9)
        left, right = switch(by_left, left, 1.0 - right), switch(by_left, 1.0 - left, right)
        return self.mu + self.sigma * sqrt(self.a + self.b) * (left - right) / (2.0 * sqrt(left * right))

    def mean(self) -> Any:
        finite = bitwise_and(self.a > 0.5, self.b > 0.5)
        a, b = switch(finite, self.a, 1.0), switch(finite, self.b, 1.0)
        ratio = exp(-log_gamma_step(a - 0.5) - log_gamma_step(b - 0.5))
        return switch(finite, self.mu + self.sigma * (0.5 * (a - b) * sqrt(a + b) * ratio), math.nan)

    def support_point(self) -> Any:
        return self.mu


@distribution
class ExGaussian(Distribution):
    """The sum of a normal variable (`mu`, `sigma`) and an exponential one of mean `nu`."""

    mu: Real = 0.0
    sigma: Positive = 1.0
    nu: Positive
    support = real
    law = ex_gaussian_law
    formula = (
        r"\frac{1}{\nu} \exp\left(\frac{\sigma^2}{2\nu^2} - \frac{x-\mu}{\nu}\right) "
        r"\Phi\left(\frac{x-\mu}{\sigma} - \frac{\sigma}{\nu}\right)"
    )
    source = "https://en.wikipedia.org/wiki/Exponentially_modified_Gaussian_distribution"
    oracle = "stats.exponnorm(nu / sigma, mu, sigma)"

    def standard(self, x: Any) -> tuple[Any, Any]:
        """x in units of sigma, and the rate of the exponential variable in those units."""
        return standard(x, self.mu, self.sigma), self.sigma / self.nu

    def log_smeared(self, z: Any, rate: Any) -> Any:
        """log(exp(rate**2 / 2 - rate z) Phi(z - rate)), which is log(phi(z) R(rate - z)) with the Mills ratio R."""
        left = lt(z, rate)
        by_ratio = -0.5 * sqr(z) - HALF_LOG_TWO_PI + log_mills(switch(left, rate - z, 0.0))
        return switch(left, by_ratio, rate * (0.5 * rate - z) + log_ndtr(switch(left, 0.0, z - rate)))

    def logp(self, x: Any) -> Any:
        return self.log_smeared(*self.standard(x)) - log(self.nu)

    def logcdf(self, x: Any) -> Any:
        z, rate = self.standard(x)
        right = lt(maximum(0.5 * rate, 0.0), z)
        low = log_mills_gap(-switch(right, 0.0, z), rate)
        # Right of rate / 2, P(Z < z) - exp(w) P(Z < z - rate) with w < 0 is the sum of two positive parts.
        y = switch(right, z, rate)
        w = rate * (0.5 * rate - y)
        strip = normal_mass(0.0, 1.0, y - rate, y, width=rate)
        part = strip.log_ratio - 0.5 * sqr(strip.place) - HALF_LOG_TWO_PI + w
        high = logaddexp(log_ndtr(y) + log(-expm1(w)), part)
        near_one = self.log_above(y, rate)
        return switch(right, switch(near_one < -1.0, log1p(-exp(minimum(near_one, -0.5))), high), low)

    def log_above(self, z: Any, rate: Any) -> Any:
        """log P(Z > z), a sum of two positive parts."""
        return logaddexp(log_ndtr(-z), self.log_smeared(z, rate))

    def logccdf(self, x: Any) -> Any:
        z, rate = self.standard(x)
        above = self.log_above(z, rate)
        below = log_mills_gap(-minimum(z, 0.0), rate)
        return switch(bitwise_and(z < 0, below < -1.0), log1p(-exp(minimum(below, -0.5))), above)

    def mean(self) -> Any:
        return self.mu + self.nu


@distribution
class Wald(Distribution):
    """The inverse Gaussian: first passage times of mean `mu` and shape `lam`, after a delay of `alpha`.

    `phi` = `lam` / `mu` may be given in place of either. As in PyMC, it is sampled by its logarithm.
    """

    mu: Positive
    lam: Positive = 1.0
    alpha: Nonnegative = 0.0
    support = interval("alpha", math.inf, open=True)
    law = wald_law
    arguments = "mu lam phi alpha"
    alternatives = (
        given(lambda mu, phi, alpha=0.0: (mu, mu * phi, alpha), phi=positive),
        given(lambda lam, phi, alpha=0.0: (lam / phi, lam, alpha), phi=positive),
    )
    formula = (
        r"\sqrt{\frac{\lambda}{2\pi(x-\alpha)^3}} \exp\left(-\frac{\lambda(x-\alpha-\mu)^2}{2\mu^2(x-\alpha)}\right)"
    )
    source = "https://en.wikipedia.org/wiki/Inverse_Gaussian_distribution"
    oracle = "stats.invgauss(mu / lam, alpha, lam)"

    def bijection(self) -> Bijection:
        return log_

    def logp(self, x: Any) -> Any:
        y = minus(x, self.alpha)
        square = self.lam / y * sqr(y / self.mu - 1.0)
        return 0.5 * log(self.lam) - 1.5 * log(y) - HALF_LOG_TWO_PI - 0.5 * square

    def standard(self, x: Any) -> tuple[Any, Any]:
        """a and the step to b: the cdf is P(Z < a) + phi(a) R(b), with the Mills ratio R."""
        y = minus(x, self.alpha)
        root = sqrt(self.lam / y)
        return root * (y / self.mu - 1.0), 2.0 * root

    def logcdf(self, x: Any) -> Any:
        a, step = self.standard(x)
        below = logaddexp(log_ndtr(a), log_mills(a + step) - 0.5 * sqr(a) - HALF_LOG_TWO_PI)
        above = log_mills_gap(a, step)
        return switch(above < -1.0, log1p(-exp(minimum(above, -0.5))), below)

    def logccdf(self, x: Any) -> Any:
        return log_mills_gap(*self.standard(x))

    def mean(self) -> Any:
        return self.mu + self.alpha
