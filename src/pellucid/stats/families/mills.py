"""Probabilities of normal variables between bounds, and differences of Mills ratios, without cancellation.

R(a) = P(Z > a) / phi(a) for a standard normal Z of density phi. It is the integral of exp(-a s - s**2 / 2) over s > 0.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from pellucid.stats.families.formulas import HALF_LOG_TWO_PI, ROOT_TWO, log_of
from pellucid.stats.quadrature import integrate, reach
from pellucid.tensor.arithmetic import abs as abs_
from pellucid.tensor.arithmetic import bitwise_and, bitwise_or, lt, maximum, minimum, sqr, switch
from pellucid.tensor.special import erf, erfc, erfcx, log_ndtr
from pellucid.tensor.transcendental import exp, expm1, log, log1mexp
from pellucid.tensor.types import Constant, TensorVariable, as_operands, as_tensor_variable

NARROW = 0.5  # a fall of the logarithm of the density below which eight nodes integrate it to 1e-16
FEW = 8
LOG_ROOT_HALF_PI = 0.5 * math.log(math.pi / 2)


def log_mills(a: Any) -> TensorVariable:
    """log R(a), for a >= -20 or so; below, R overflows and :func:`log_ndtr` is what is wanted."""
    return log(erfcx(a / ROOT_TWO)) + LOG_ROOT_HALF_PI


def always(v: Any, value: float) -> bool:
    """Whether a tensor is known to be `value` throughout."""
    return isinstance(v, Constant) and bool((v.data == value).all())


class NormalMass(NamedTuple):
    """P(low < X < high) of a normal X, as a multiple of its density: so it neither underflows nor loses digits.

    `place` is where in the interval the density is greatest: its end next to the mean, or the mean. `log_ratio` is the
    logarithm of the probability divided by phi((place - mean) / deviation).
    """

    place: TensorVariable
    log_ratio: TensorVariable


def normal_mass(mu: Any, sigma: Any, low: Any, high: Any, width: Any = None) -> NormalMass:
    """The probability between two bounds, either of which may be infinite; relative errors are about 1e-15.

    `width` is (high - low) / sigma, where that is known to more digits than the difference has.
    """
    mu, sigma, low, high = as_operands([mu, sigma, low, high])
    if always(low, -math.inf) and always(high, math.inf):
        return NormalMass(mu, as_tensor_variable(HALF_LOG_TWO_PI))
    if always(low, -math.inf) or always(high, math.inf):
        end = high if always(low, -math.inf) else low
        a = (mu - high if end is high else low - mu) / sigma
        ratio = switch(lt(a, 0.0), log_ndtr(-a) + HALF_LOG_TWO_PI, log_mills(maximum(a, 0.0)))
        return NormalMass(switch(lt(a, 0.0), mu, end), ratio)
    mirrored, a, b = turned((low - mu) / sigma, (high - mu) / sigma)
    place = switch(lt(a, 0.0), mu, switch(mirrored, high, low))
    return NormalMass(place, log_ratio_of_interval(a, b, (high - low) / sigma if width is None else width))


def turned(a: Any, b: Any) -> tuple[Any, Any, Any]:
    """Whether an interval of standard units is mirrored, and its ends then: the upper one is positive and farther."""
    mirrored = lt(a, -b)
    return mirrored, switch(mirrored, -b, a), switch(mirrored, -a, b)


def log_ratio_of_interval(low: Any, high: Any, width: Any) -> TensorVariable:
    """log(P(low < Z < high) / phi(max(low, 0))), for high >= abs(low); `width` is high - low with all its digits."""
    around = lt(low, 0.0)  # 0 lies inside
    left, right = switch(around, -low, 1.0) / ROOT_TWO, switch(around, high, 1.0) / ROOT_TWO
    inside = log_of(0.5 * (erf(left) + erf(right)), 0.5 * (erfc(left) + erfc(right))) + HALF_LOG_TWO_PI
    start = switch(around, 0.0, low)
    endless = bitwise_or(around, lt(700.0, width * (start + 0.5 * width)))
    step = switch(endless, 1.0, width)
    narrow = lt(step * (start + 0.5 * step), NARROW)
    short = switch(narrow, step, 0.1)
    sliver = log(integrate(lambda s, at: exp(-s * (at + 0.5 * s)), 0.0, short, start, nodes=FEW))
    long = switch(narrow, 2.0, step)
    rest = exp(-long * (start + 0.5 * long)) * erfcx((start + long) / ROOT_TWO)
    strip = log(erfcx(start / ROOT_TWO) - switch(endless, 0.0, rest)) + LOG_ROOT_HALF_PI
    return switch(around, inside, switch(bitwise_and(narrow, ~endless), sliver, strip))


def log_mills_gap(a: Any, step: Any) -> TensorVariable:
    """log(phi(a) (R(a) - R(a + step))), for step > 0 and step >= -2 a.

    Where the ratios are close, their difference is the integral of exp(-a s - s**2 / 2) (1 - exp(-step s)).
    """
    a, step = as_operands([a, step])
    apart = lt(1.0 + a, step)
    far, near = switch(apart, step, 2.0 + 2.0 * abs_(a)), switch(apart, 0.5, step)
    density = -0.5 * sqr(a) - HALF_LOG_TWO_PI
    whole = log_ndtr(-a)
    direct = whole + log1mexp(minimum(density + log_mills(maximum(a + far, 0.0)) - whole, -1e-300))
    b = switch(apart, 0.0, a)
    area = integrate(
        lambda s, at, gap: exp(-s * (at + 0.5 * s)) * -expm1(-gap * s), 0.0, reach(maximum(b, 0.0)), b, near
    )
    return switch(apart, direct, log(area) + density)
