"""Logarithms of beta and gamma probabilities, also where the probabilities themselves underflow."""

from __future__ import annotations

import math
from typing import Any

from pellucid.stats.families.formulas import log_of
from pellucid.stats.quadrature import DROP, integrate, reach
from pellucid.tensor.arithmetic import bitwise_and, bitwise_or, gt, lt, switch
from pellucid.tensor.special import betainc, betaln, gammainc, gammaincc, gammaln
from pellucid.tensor.transcendental import exp, expm1, log, log1p
from pellucid.tensor.types import TensorVariable

TINY = 1e-280
"""Below this a probability is left to the integral that it is of the density, in units of the density at its end."""


def log_beta_tail(a: Any, b: Any, x: TensorVariable, rest: TensorVariable, log_x: Any = None) -> TensorVariable:
    """log P(X <= x) of a beta variable, where `rest` is 1 - x; `log_x` where x itself may underflow.

    The smaller of x and rest has all its digits, and so has the result: 1e-13, or 1e-12 relative to the logarithm.
    """
    left = lt(x, rest)
    below, above = betainc(a, b, x), betainc(b, a, rest)
    # Of x and rest the larger is rounded, and what is computed from it counts only where it is small.
    by_above = bitwise_and(~left, bitwise_or(lt(above, 0.9), gt(below, 0.5)))
    far = bitwise_and(~by_above, lt(below, TINY))
    near = log(switch(bitwise_or(by_above, far), 0.5, below))
    found = switch(by_above, log1p(-switch(by_above, above, 0.5)), near)
    return switch(far, log_beta_far(far, a, b, x, rest, log(x) if log_x is None else log_x), found)


def log_beta_far(far: TensorVariable, a: Any, b: Any, x: Any, rest: Any, log_x: Any) -> TensorVariable:
    """log P(X <= x) as an integral over log X from log x down; `far` says where it is asked for."""
    a, b = switch(far, a, 2.0), switch(far, b, 2.0)
    x, rest, log_x = switch(far, x, 0.1), switch(far, rest, 0.9), switch(far, log_x, -2.3)
    odds = x / rest
    area = integrate(
        lambda s, a, b, o: exp((b - 1.0) * log1p(-o * expm1(-s)) - a * s),
        0.0,
        DROP / (a - (b - 1.0) * odds),
        a,
        b,
        odds,
    )
    return log(area) + a * log_x + (b - 1.0) * log(rest) - betaln(a, b)


def log_gamma_tails(a: Any, x: Any) -> tuple[TensorVariable, TensorVariable]:
    """log P(X <= x) and log P(X > x) of a gamma variable of shape a and scale 1."""
    below, above = gammainc(a, x), gammaincc(a, x)
    low, high = lt(below, TINY), lt(above, TINY)
    kept_below, kept_above = switch(low, 0.5, below), switch(high, 0.5, above)
    return (
        switch(low, log_gamma_below(low, a, x), log_of(kept_below, above)),
        switch(high, log_gamma_above(high, a, x), log_of(kept_above, below)),
    )


def log_gamma_below(far: TensorVariable, a: Any, x: Any) -> TensorVariable:
    """log P(X <= x) as an integral over log X, for x well below a."""
    inside = bitwise_and(far, gt(x, 0.0))
    a, x = switch(inside, a, 2.0), switch(inside, x, 1.0)
    area = integrate(lambda s, a, x: exp(-a * s - x * expm1(-s)), 0.0, DROP / (a - x), a, x)
    return switch(inside, log(area) + a * log(x) - x - gammaln(a), -math.inf)


def log_gamma_above(far: TensorVariable, a: Any, x: Any) -> TensorVariable:
    """log P(X > x) as an integral over log X, for x well above a."""
    inside = bitwise_and(far, lt(x, 1e300))
    a, x = switch(inside, a, 2.0), switch(inside, x, 9.0)
    area = integrate(lambda s, a, x: exp(a * s - x * expm1(s)), 0.0, reach(x - a, x), a, x)
    return switch(inside, log(area) + a * log(x) - x - gammaln(a), -math.inf)
