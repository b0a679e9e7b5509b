"""The error function, its relatives, and their inverses."""

from pellucid.compile.llvm.math import coefficients as c
from pellucid.compile.llvm.math.builder import INFINITY, NAN, Body, DoubleDouble, Value
from pellucid.compile.llvm.math.elementary import exp, exp_of_sum, log

_HALF_ROOT_PI = 0.8862269254527580
_ROOT_TWO = 1.4142135623730951
_ROOT_TWO_REST = -9.667293313452913e-17


def _exp_square(b: Body, a: Value, sign: float) -> Value:
    """Return exp(sign a**2), with the rounding error of the square."""
    square = b.two_product(b.minimum(a, 40.0), b.minimum(a, 40.0))
    return exp_of_sum(b, square.high * sign, square.low * sign)


def _scaled_tail(b: Body, a: Value) -> Value:
    """Return exp(a**2) erfc(a) for a >= 0.45, after Shepherd and Laframboise (1981)."""
    bounded = b.minimum(a, 1e18)
    u = (bounded - 4.0) / (bounded + 4.0)
    y = b.polynomial(u, c.ERFCX) / b.fma(bounded, 2.0, 1.0)
    return b.select(a > 1e10, c.INVERSE_ROOT_PI / a, y)


def erf(b: Body, x: Value) -> Value:
    """2/sqrt(pi) times the integral of exp(-t**2) from 0 to x."""
    a = b.abs(x)
    inside = b.minimum(a, 1.0)
    near = b.fma(inside, b.polynomial(inside * inside, c.ERF), inside)
    outside = b.maximum(b.minimum(a, 6.0), 0.5)
    far = 1.0 - _exp_square(b, outside, -1.0) * _scaled_tail(b, outside)
    return b.copysign(b.select(a < 1.0, near, far), x)


def erfc(b: Body, x: Value) -> Value:
    """1 - erf(x)."""
    a = b.abs(x)
    near = _one_minus_erf(b, x)
    outside = b.maximum(b.minimum(a, 30.0), 0.5)
    tail = _exp_square(b, outside, -1.0) * _scaled_tail(b, outside)
    return b.select(a < 0.5, near, b.select(x < 0.0, 2.0 - tail, tail))


def _one_minus_erf(b: Body, x: Value) -> Value:
    """Return 1 - erf(x) for |x| <= 1/2."""
    x = b.maximum(b.minimum(x, 0.5), -0.5)
    head = b.fast_two_sum(1.0, -x)
    return head.high + (head.low - x * b.polynomial(x * x, c.ERF))


def erfcx(b: Body, x: Value) -> Value:
    """exp(x**2) erfc(x)."""
    a = b.abs(x)
    growth = _exp_square(b, a, 1.0)
    tail = _scaled_tail(b, b.maximum(a, 0.5))
    far = b.select(x < 0.0, growth + (growth - tail), tail)
    return b.select(a < 0.5, growth * _one_minus_erf(b, x), far)


def _inverse_near(b: Body, x: Value, low: Value) -> Value:
    """Return erfinv(x + low) for |x| <= 3/4 and a rounding error `low`."""
    slope = b.fma(x * x, 1.6 * _HALF_ROOT_PI, _HALF_ROOT_PI)  # within 15 %
    return b.fma(x, b.polynomial(x * x, c.ERFINV), b.fma(low, slope, x))


def _inverse_tail(b: Body, q: Value) -> Value:
    """Return y with erfc(y) = q for 0 < q <= 1/4.

    A rough y (relative error 1e-7) and one step of fourth order: with s the distance to the solution along the
    tangent, y + s + y s**2 + (1 + 4 y**2) s**3 / 3. Ratios of tails are formed in logarithms, where nothing underflows.
    """
    surprise = -log(b, q)
    t = b.sqrt(surprise)
    y = t * b.polynomial((t - 3.0) / (t + 3.0), c.ERFCINV)
    square = b.two_product(y, y)
    scaled = _scaled_tail(b, y)
    ratio = scaled * exp(b, (surprise - square.high) - square.low)
    s = (ratio - 1.0) * _HALF_ROOT_PI * scaled / ratio
    cubic = b.fma(y * y, 4.0 / 3.0, 1.0 / 3.0)
    return y + b.fma(s * s, b.fma(s, cubic, y), s)


def _inverse(b: Body, near: DoubleDouble, q: Value) -> Value:
    """Return the magnitude of erfinv(near) in the centre, and elsewhere the positive number whose erfc is q."""
    bounded = b.maximum(b.minimum(q, 0.25), 5e-324)
    central = b.abs(near.high) <= 0.75
    return b.select(central, b.abs(_inverse_near(b, near.high, near.low)), _inverse_tail(b, bounded))


def erfinv(b: Body, x: Value) -> Value:
    """The inverse of erf."""
    a = b.abs(x)
    y = _inverse(b, b.exactly(x), 1.0 - a)
    y = b.choose(
        (a.equals(1.0), INFINITY), (a > 1.0, NAN), (x.is_nan(), x), (a < 1e-300, a * _HALF_ROOT_PI), otherwise=y
    )
    return b.copysign(y, x)


def erfcinv(b: Body, x: Value) -> Value:
    """The inverse of erfc."""
    distance = b.two_sum(1.0, -x)
    y = _inverse(b, distance, b.select(x < 1.0, x, 2.0 - x))
    y = b.select(x.equals(0.0) | x.equals(2.0), INFINITY, y)
    return b.choose(((x < 0.0) | (x > 2.0), NAN), (x.is_nan(), x), otherwise=b.copysign(y, distance.high))


def ndtri(b: Body, x: Value) -> Value:
    """The quantile function of the standard normal distribution."""
    distance = b.two_sum(x, -0.5).scaled(2.0)
    y = _inverse(b, distance, 2.0 * b.select(x < 0.5, x, 1.0 - x))
    y = b.fma(y, _ROOT_TWO, y * _ROOT_TWO_REST)
    y = b.select(x.equals(0.0) | x.equals(1.0), INFINITY, y)
    return b.choose(((x < 0.0) | (x > 1.0), NAN), (x.is_nan(), x), otherwise=b.copysign(y, distance.high))
