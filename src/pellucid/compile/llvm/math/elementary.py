"""Exponentials, logarithms, hyperbolic functions and their compositions that occur in log densities."""

from pellucid.compile.llvm.math import coefficients as c
from pellucid.compile.llvm.math.builder import INFINITY, NAN, Body, DoubleDouble, Value

_LOG2_E = 1.0 / 0.6931471805599453
_SMALLEST_NORMAL = 2.0**-1022
_LARGEST = 1.7976931348623157e308
_HALF_ROOT_TWO_BITS = 0x3FE6A09E667F3BCD
_MANTISSA = 2**52 - 1
_ONE_BITS = 0x3FF0000000000000


def reduce_exponent(b: Body, x: Value) -> tuple[DoubleDouble, Value, Value]:
    """Return r and the integer n (twice: double, integer) with x = n log(2) + r and |r| <= log(2)/2."""
    n, integer = b.nearest(x, _LOG2_E)
    high = b.fma(n, -c.LN2[0], x)  # exact: LN2[0] has 32 bits
    return b.fast_two_sum(high, n * -c.LN2[1]), n, integer


def scale(b: Body, x: Value, n: Value) -> Value:
    """Return x 2**n, in two steps so that subnormal results are rounded once and 2**1024 is no obstacle."""
    half = ((n + 4096) >> 1) - 2048
    return x * b.power_of_two(half) * b.power_of_two(n - half)


def exp_of_sum(b: Body, high: Value, low: Value) -> Value:
    """Return exp(high + low) for a low part that is at most a rounding error of the high one."""
    x = b.maximum(b.minimum(high, 710.0), -746.0)
    r, _, n = reduce_exponent(b, x)
    # Beyond the bounds the low part may be anything, even NaN from inf - inf.
    r = b.two_sum(r.high, r.low + b.select(x.equals(high), low, 0.0))
    head = b.fast_two_sum(1.0, r.high)
    rest = b.fma(r.high * r.high, b.polynomial(r.high, c.EXP), r.low)
    return b.select(high.is_nan(), high, scale(b, head.high + (head.low + rest), n))


def exp(b: Body, x: Value) -> Value:
    """exp(x)."""
    r, _, n = reduce_exponent(b, b.maximum(b.minimum(x, 710.0), -746.0))
    return scale(b, 1.0 + _expm1_of_rest(b, r), n)


def _expm1_of_rest(b: Body, r: DoubleDouble) -> Value:
    return r.high + b.fma(r.high * r.high, b.polynomial(r.high, c.EXP), r.low)


def exp2(b: Body, x: Value) -> Value:
    """2**x."""
    clamped = b.maximum(b.minimum(x, 1025.0), -1076.0)
    n, integer = b.nearest(clamped)
    f = clamped - n
    rest = b.fma(f * f, b.polynomial(f, c.EXP2), f * c.LN2[1])
    return scale(b, 1.0 + b.fma(f, c.LN2[0], rest), integer)


def expm1_parts(b: Body, x: Value) -> DoubleDouble:
    """Return exp(x) - 1 as a rough double-double, halved so that it cannot overflow early; x is within -40 and 710."""
    r, _, n = reduce_exponent(b, x)
    s = b.power_of_two(n - 1)
    start = b.two_sum(s, -0.5)
    head = b.two_sum(start.high, s * r.high)
    rest = b.fma(r.high * r.high, b.polynomial(r.high, c.EXP), r.low)
    return b.fast_two_sum(head.high, b.fma(s, rest, start.low + head.low))


def expm1(b: Body, x: Value) -> Value:
    """exp(x) - 1."""
    half = expm1_parts(b, b.maximum(b.minimum(x, 710.0), -40.0)).high
    return b.select(b.abs(x) < 1e-17, x, half + half)


def split(b: Body, x: Value) -> tuple[Value, Value]:
    """Return k and m with x = m 2**k and m between sqrt(1/2) and sqrt(2), for a positive normal x."""
    shifted = b.bits(x) + (_ONE_BITS - _HALF_ROOT_TWO_BITS)
    # Placing the biased exponent in the low bits of 2**52 converts it to a double.
    k = b.double((shifted >> 52) | 0x4330000000000000) - (2.0**52 + 1023.0)
    return k, b.double((shifted & _MANTISSA) + _HALF_ROOT_TWO_BITS)


def split_any(b: Body, x: Value) -> tuple[Value, Value]:
    """`split` for a positive x that may be subnormal."""
    subnormal = x < _SMALLEST_NORMAL
    k, m = split(b, b.select(subnormal, x * 2.0**54, x))
    return k + b.select(subnormal, -54.0, 0.0), m


def log_of_parts(b: Body, f: Value, k: Value, correction: Value | float) -> DoubleDouble:
    """Return log(1 + f) + k log(2) + correction as a double-double good to about 2**-62.

    With s = f/(2+f), log(1+f) = f - (f**2/2 - s (f**2/2 + R(s**2))), as in FreeBSD's e_log.c: the leading terms of the
    series cancel against f, which is exact.
    """
    s = f / (2.0 + f)
    z = s * s
    half_square = 0.5 * f * f
    series = z * b.polynomial(z, c.LOG)
    low = b.fma(k, c.LN2[1], correction) + b.fma(s, half_square + series, 0.0)
    head = b.fast_two_sum(k * c.LN2[0], f)
    tail = b.two_sum(head.high, -half_square)
    return b.fast_two_sum(tail.high, tail.low + (head.low + low))


def _log_limits(b: Body, x: Value, y: Value) -> Value:
    return b.choose(
        (x.equals(INFINITY), INFINITY), (x.equals(0.0), -INFINITY), (x < 0.0, NAN), (x.is_nan(), x), otherwise=y
    )


def log_parts(b: Body, x: Value) -> DoubleDouble:
    """Return log(x) as a double-double for a positive finite x."""
    k, m = split_any(b, x)
    return log_of_parts(b, m - 1.0, k, 0.0)


def log(b: Body, x: Value) -> Value:
    """log(x)."""
    k, m = split_any(b, x)
    return _log_limits(b, x, _quick_log(b, m - 1.0, k, 0.0))


def _quick_log(b: Body, f: Value, k: Value, correction: Value | float) -> Value:
    """Return log(1 + f) + k log(2) + correction to a little under one unit in the last place."""
    s = f / (2.0 + f)
    z = s * s
    half_square = 0.5 * f * f
    low = b.fma(s, half_square + z * b.polynomial(z, c.LOG), b.fma(k, c.LN2[1], correction))
    return b.fma(k, c.LN2[0], f - (half_square - low))


def _log_in_base(b: Body, x: Value, inverse: tuple[float, float], unit: tuple[float, float]) -> Value:
    """Return log(x) / log(base) from 1/log(base) and log(2)/log(base), both in two parts (FreeBSD's e_log2.c)."""
    k, m = split_any(b, x)
    logarithm = log_of_parts(b, m - 1.0, b.value(0.0, "f64"), 0.0)
    high = b.double(b.bits(logarithm.high) & ~(2**32 - 1))  # so that its product with a 32-bit factor is exact
    low = (logarithm.high - high) + logarithm.low
    head = b.two_sum(k * unit[0], high * inverse[0])
    rest = b.fma(low, inverse[0], b.fma(high + low, inverse[1], k * unit[1]))
    return _log_limits(b, x, head.high + (head.low + rest))


def log2(b: Body, x: Value) -> Value:
    """log(x) / log(2)."""
    return _log_in_base(b, x, c.INVERSE_LN2, (1.0, 0.0))


def log10(b: Body, x: Value) -> Value:
    """log(x) / log(10)."""
    return _log_in_base(b, x, c.INVERSE_LN10, c.LOG10_2)


def log_of_sum(b: Body, high: Value, low: Value) -> Value:
    """Return log(high + low) for a positive normal high part and a small low one."""
    k, m = split(b, high)
    return _quick_log(b, m - 1.0, k, low / high)


def log1p_of_sum(b: Body, x: Value, low: Value | float = 0.0) -> Value:
    """Return log(1 + x + low) for 1 + x positive and finite."""
    total = b.two_sum(1.0, x)
    k, m = split(b, total.high)
    near = k.equals(0.0)  # there 1 + f = 1 + x with the exact f = x
    f = b.select(near, x, m - 1.0)
    error = b.select(near, 0.0, total.low) + low
    return _quick_log(b, f, k, error / total.high)


def log1p(b: Body, x: Value) -> Value:
    """log(1 + x)."""
    inside = b.maximum(b.minimum(x, _LARGEST), -0.9999999999999999)
    y = log1p_of_sum(b, inside)
    y = b.choose((x.equals(INFINITY), INFINITY), (x.equals(-1.0), -INFINITY), (x < -1.0, NAN), otherwise=y)
    return b.select(b.abs(x) < 1e-17, x, y)


def _hyperbolic(b: Body, x: Value) -> tuple[Value, Value, Value, Value, Value]:
    """Return half of the factors of cosh and sinh, and the rest's r, sinh and cosh - 1, for 0 <= x <= 710.5.

    With x = n log(2) + r: 2 sinh(x) = (2**n - 2**-n) cosh(r) + (2**n + 2**-n) sinh(r), which loses nothing for n = 0.
    """
    r, _, n = reduce_exponent(b, x)
    # Past 1000 the small power no longer matters, but must stay representable.
    up, down = b.power_of_two(n - 2), b.power_of_two(-2 - b.select(n > 1000, 1000, n))
    z = r.high * r.high
    odd = b.fma(r.high * z, b.polynomial(z, c.SINH), r.low)
    even = b.fma(z * z, b.polynomial(z, c.COSH), b.fma(r.high, r.low, 0.5 * z))
    return up - down, up + down, r.high, odd, even


def sinh(b: Body, x: Value) -> Value:
    """(exp(x) - exp(-x)) / 2."""
    less, more, r, odd, even = _hyperbolic(b, b.minimum(b.abs(x), 710.5))
    head = b.two_sum(less, more * r)
    half = head.high + (head.low + b.fma(less, even, more * odd))
    return b.select(b.abs(x) < 1e-9, x, b.copysign(half + half, x))


def cosh(b: Body, x: Value) -> Value:
    """(exp(x) + exp(-x)) / 2."""
    less, more, r, odd, even = _hyperbolic(b, b.minimum(b.abs(x), 710.5))
    head = b.fast_two_sum(more, less * r)
    half = head.high + (head.low + b.fma(more, even, less * odd))
    return half + half


def tanh(b: Body, x: Value) -> Value:
    """sinh(x) / cosh(x)."""
    a = b.minimum(b.abs(x), 20.0)
    half = expm1_parts(b, a * -2.0)
    one = b.fast_two_sum(1.0, half.high)
    quotient = b.divide(-half, DoubleDouble(one.high, one.low + half.low))
    return b.select(b.abs(x) < 1e-9, x, b.copysign(quotient.high, x))


def arcsinh(b: Body, x: Value) -> Value:
    """log(x + sqrt(x**2 + 1))."""
    a = b.abs(x)
    large = a > 1e9
    t = b.select(large, 1.0, a)
    square = b.two_product(t, t)
    v = b.two_sum(t, square.high / (1.0 + b.sqrt(1.0 + square.high)))
    small = log1p_of_sum(b, v.high, v.low)
    k, m = split(b, b.select(large, b.minimum(a, _LARGEST), 1.0))
    y = b.select(large, _quick_log(b, m - 1.0, k + 1.0, 0.0), small)
    y = b.choose((a.equals(INFINITY), INFINITY), (a < 1e-9, a), (a.is_nan(), a), otherwise=y)
    return b.copysign(y, x)


def arccosh(b: Body, x: Value) -> Value:
    """log(x + sqrt(x**2 - 1)) for x >= 1."""
    large = x > 1e9
    t = b.select(large, 1.0, x - 1.0)
    v = b.two_sum(t, b.sqrt(b.fma(t, t, t + t)))
    small = log1p_of_sum(b, v.high, v.low)
    k, m = split(b, b.select(large, b.minimum(x, _LARGEST), 1.0))
    y = b.select(large, _quick_log(b, m - 1.0, k + 1.0, 0.0), small)
    return b.choose((x.equals(INFINITY), INFINITY), (x < 1.0, NAN), (x.is_nan(), x), otherwise=y)


def arctanh(b: Body, x: Value) -> Value:
    """log((1 + x) / (1 - x)) / 2."""
    a = b.abs(x)
    t = b.minimum(a, 0.9999999999999999)
    quotient = b.divide(b.exactly(t + t), b.fast_two_sum(1.0, -t))
    y = 0.5 * log1p_of_sum(b, quotient.high, quotient.low)
    y = b.choose((a.equals(1.0), INFINITY), (a > 1.0, NAN), (a < 1e-9, a), (a.is_nan(), a), otherwise=y)
    return b.copysign(y, x)


def sigmoid(b: Body, x: Value) -> Value:
    """1 / (1 + exp(-x))."""
    e = exp(b, -b.abs(x))
    tail = e / (1.0 + e)
    return b.select(x < 0.0, tail, 1.0 - tail)


def softplus(b: Body, x: Value) -> Value:
    """log(1 + exp(x))."""
    return b.maximum(x, 0.0) + log1p_of_sum(b, exp(b, -b.abs(x)))


def log1mexp(b: Body, x: Value) -> Value:
    """log(1 - exp(x)) for x <= 0."""
    inside = b.maximum(b.minimum(x, -5e-324), -746.0)
    r, _, n = reduce_exponent(b, inside)
    e = scale(b, 1.0 + _expm1_of_rest(b, r), n)
    complement = b.fast_two_sum(1.0, -e)
    near = expm1_parts(b, b.maximum(inside, -1.0)).scaled(-2.0)
    close = inside > -0.6931471805599453
    high = b.select(close, b.select(inside > -1e-17, -inside, near.high), complement.high)
    low = b.select(close, b.select(inside > -1e-17, 0.0, near.low), complement.low)
    k, m = split_any(b, high)
    y = _quick_log(b, m - 1.0, k, low / high)
    return b.choose((x.equals(0.0), -INFINITY), (x > 0.0, NAN), (x.is_nan(), x), otherwise=-b.abs(y))
