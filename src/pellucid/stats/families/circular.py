"""Distributions made of Bessel functions: directions (von Mises) and distances from a point (Rice)."""

from __future__ import annotations

import math
from typing import Any

from pellucid.stats.constraint import Nonnegative, Positive, Real, angle, nonnegative
from pellucid.stats.distribution import Distribution, distribution
from pellucid.stats.families.formulas import standard
from pellucid.stats.parameters import given
from pellucid.stats.quadrature import DROP, integrate
from pellucid.tensor.arithmetic import lt, maximum, minimum, reciprocal, sqr, switch
from pellucid.tensor.bessel import i0e, i1e
from pellucid.tensor.draws import law
from pellucid.tensor.random import von_mises_law
from pellucid.tensor.transcendental import arcsin, arctan2, cos, exp, log, log1p, logaddexp, sin, sqrt

NODES = 48  # for halves of bell curves seen from their middle

rice_law = law(
    "rice",
    "nu sigma",
    lambda rng, size, nu, sigma: (
        ((nu + sigma * rng.standard_normal(size)) ** 2 + (sigma * rng.standard_normal(size)) ** 2) ** 0.5
    ),
)


def log_arc(near: Any, far: Any, kappa: Any) -> Any:
    """log of the integral of exp(kappa (cos t - 1)) over near < t < far within [0, pi]; -inf where that is empty."""
    empty = far <= near
    start, end = switch(empty, 0.0, near), switch(empty, 1.0, far)
    # What can be seen of it: the exponent is -2 kappa sin(t / 2)**2.
    seen = 2.0 * arcsin(sqrt(minimum(1.0, sqr(sin(0.5 * start)) + 0.5 * DROP / kappa)))
    area = integrate(
        lambda t, s, k: exp(-2.0 * k * sin(0.5 * (t - s)) * sin(0.5 * (t + s))),
        *(start, minimum(end, seen), start, kappa),
        nodes=NODES,
    )
    return switch(empty, -math.inf, log(area) - 2.0 * kappa * sqr(sin(0.5 * start)))


def log_turn(low: Any, high: Any, kappa: Any) -> Any:
    """log of the integral of exp(kappa (cos t - 1)) over low < t < high within [-2 pi, 2 pi]: four monotone arcs."""
    left = logaddexp(
        log_arc(maximum(low, -2 * math.pi) + 2 * math.pi, minimum(high, -math.pi) + 2 * math.pi, kappa),
        log_arc(-minimum(high, 0.0), -maximum(low, -math.pi), kappa),
    )
    right = logaddexp(
        log_arc(maximum(low, 0.0), minimum(high, math.pi), kappa),
        log_arc(2 * math.pi - minimum(high, 2 * math.pi), 2 * math.pi - maximum(low, math.pi), kappa),
    )
    return logaddexp(left, right)


@distribution
class VonMises(Distribution):
    """Directions, as angles in [-pi, pi], around `mu` with concentration `kappa`.

    The distribution function starts at -pi. The mean is that of the direction, `mu`.
    """

    mu: Real = 0.0
    kappa: Positive = 1.0
    support = angle
    law = von_mises_law
    formula = r"\frac{e^{\kappa\cos(x-\mu)}}{2\pi I_0(\kappa)}"
    source = "https://en.wikipedia.org/wiki/Von_Mises_distribution"
    oracle = "references.von_mises(mu, kappa)"

    def log_total(self) -> Any:
        """The log of the integral of exp(kappa (cos t - 1)) over a turn."""
        return log(i0e(self.kappa)) + math.log(2 * math.pi)

    def logp(self, x: Any) -> Any:
        return -2.0 * self.kappa * sqr(sin(0.5 * (x - self.mu))) - self.log_total()

    def log_parts(self, x: Any) -> tuple[Any, Any]:
        """log P(X <= x) and log P(X > x), each as an integral; near 1 their digits are those of 1."""
        mu = arctan2(sin(self.mu), cos(self.mu))
        total = self.log_total()
        below = log_turn(-math.pi - mu, x - mu, self.kappa) - total
        return below, log_turn(x - mu, math.pi - mu, self.kappa) - total

    def logcdf(self, x: Any) -> Any:
        below, above = self.log_parts(x)
        return switch(above < -1.0, log1p(-exp(minimum(above, -0.5))), below)

    def logccdf(self, x: Any) -> Any:
        below, above = self.log_parts(x)
        return switch(below < -1.0, log1p(-exp(minimum(below, -0.5))), above)

    def mean(self) -> Any:
        return self.mu

    def support_point(self) -> Any:
        return arctan2(sin(self.mu), cos(self.mu))


@distribution
class Rice(Distribution):
    """The distance from 0 of a point in the plane: normal errors of deviation `sigma` around distance `nu`.

    `b` = `nu` / `sigma` may be given in place of `nu`.
    """

    nu: Nonnegative
    sigma: Positive = 1.0
    support = nonnegative
    law = rice_law
    arguments = "nu sigma b"
    alternatives = (given(lambda b, sigma=1.0: (b * sigma, sigma), b=nonnegative),)
    formula = r"\frac{x}{\sigma^2} \exp\left(-\frac{x^2+\nu^2}{2\sigma^2}\right) I_0\left(\frac{x\nu}{\sigma^2}\right)"
    source = "https://en.wikipedia.org/wiki/Rice_distribution"
    oracle = "stats.rice(nu / sigma, 0, sigma)"

    def logp(self, x: Any) -> Any:
        z, nu = x * reciprocal(self.sigma), self.nu / self.sigma
        return log(z) - log(self.sigma) - 0.5 * sqr(standard(x, self.nu, self.sigma)) + log(i0e(z * nu))

    def smaller_tail(self, x: Any) -> tuple[Any, Any]:
        """Whether x lies low, and the logarithms of P(X <= x) there, and of P(X > x) elsewhere.

        The density is at most t exp(-(t - nu)**2 / 2), which tells how far it is seen.
        """
        x = minimum(x, self.nu + 1e150 * self.sigma)  # beyond, squares overflow
        r, nu = x * reciprocal(self.sigma), self.nu / self.sigma
        gap = standard(x, self.nu, self.sigma)
        low = gap < 1.0
        outward = switch(low, -gap, gap)
        size = maximum(outward, 0.0)
        seen = (2.0 * DROP + 10.0) / (size + sqrt(sqr(size) + 2.0 * DROP + 10.0)) + maximum(-outward, 0.0)
        area = integrate(
            lambda s, r, n, out, side: (r + side * s) * exp(-s * (out + 0.5 * s)) * i0e((r + side * s) * n),
            *(0.0, switch(low, minimum(r, seen), seen), r, nu, outward, switch(low, -1.0, 1.0)),
            nodes=NODES,
        )
        return low, log(area) - 0.5 * sqr(gap)

    def logcdf(self, x: Any) -> Any:
        low, part = self.smaller_tail(x)
        return switch(low, part, log1p(-exp(switch(low, -1.0, part))))

    def logccdf(self, x: Any) -> Any:
        low, part = self.smaller_tail(x)
        return switch(low, log1p(-exp(switch(low, part, -1.0))), part)

    def mean(self) -> Any:
        half = 0.25 * sqr(self.nu / self.sigma)
        series = (1.0 + 2.0 * half) * i0e(half) + 2.0 * half * i1e(half)
        return self.sigma * (math.sqrt(math.pi / 2) * series)

    def support_point(self) -> Any:
        return switch(lt(self.nu, self.sigma), self.sigma, self.nu)
