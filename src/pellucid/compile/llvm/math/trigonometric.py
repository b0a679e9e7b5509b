"""Sine, cosine, tangent and their inverses."""

from pellucid.compile.llvm.math import coefficients as c
from pellucid.compile.llvm.math.builder import INFINITY, NAN, Body, DoubleDouble, Value
from pellucid.compile.llvm.math.reduction import REDUCE

_LARGEST_QUICK = 1e6
_CLOSEST_QUICK = 2.0**-24
_TWO_OVER_PI = 0.6366197723675814


def reduce_angle(b: Body, x: Value) -> tuple[DoubleDouble, Value]:
    """Return r and an integer n, right modulo 4, with x = n pi/2 + r and |r| <= pi/4 (a hair more).

    Cody and Waite's subtraction of pi/2 in three parts serves moderate angles. Huge ones, and those so close to a
    multiple of pi/2 that the parts run out of digits, go through Payne and Hanek's method lane by lane.
    """
    a = b.abs(x)
    n, integer = b.nearest(b.minimum(x, 2 * _LARGEST_QUICK), _TWO_OVER_PI)
    first = b.fma(n, -c.HALF_PI_PARTS[0], x)  # exact, as is the next product: 33 and at most 20 bits
    head = b.two_sum(first, n * -c.HALF_PI_PARTS[1])
    r = b.fast_two_sum(head.high, b.fma(n, -c.HALF_PI_PARTS[2], head.low))
    hard = ((a > _LARGEST_QUICK) | ((b.abs(r.high) < _CLOSEST_QUICK) & (a > 0.5))) & (a < INFINITY)
    high, low, turns = b.if_any(
        hard, lambda: b.call_lanes(REDUCE, b.select(hard, x, 1.0), 3), (r.high, r.low, b.double(integer))
    )
    return DoubleDouble(high, low), b.bits(turns)


def sine_and_cosine(b: Body, r: DoubleDouble) -> tuple[Value, Value]:
    """Return sin(r) and cos(r) for |r| <= pi/4."""
    z = r.high * r.high
    rest = r.low - z * (0.5 * r.low)  # the derivative of sin at r.high, times r.low
    sine = r.high + b.fma(r.high * z, b.polynomial(z, c.SIN), rest)
    half = 0.5 * z
    one = 1.0 - half
    lost = (1.0 - one) - half
    cosine = one + b.fma(z * z, b.polynomial(z, c.COS), lost - r.high * r.low)
    return sine, cosine


def _quarter(b: Body, r: DoubleDouble, n: Value) -> Value:
    """Return sin(r + n pi/2)."""
    sine, cosine = sine_and_cosine(b, r)
    y = b.select((n & 1).equals(0), sine, cosine)
    return b.double(b.bits(y) ^ ((n & 2) << 62))


def sin(b: Body, x: Value) -> Value:
    """sin(x)."""
    r, n = reduce_angle(b, x)
    y = _quarter(b, r, n)
    return b.choose((b.abs(x) < 1e-9, x), (b.abs(x).equals(INFINITY), NAN), otherwise=y)


def cos(b: Body, x: Value) -> Value:
    """cos(x)."""
    r, n = reduce_angle(b, x)
    return b.select(b.abs(x).equals(INFINITY), NAN, _quarter(b, r, n + 1))


def tan(b: Body, x: Value) -> Value:
    """tan(x)."""
    r, n = reduce_angle(b, x)
    sine, cosine = sine_and_cosine(b, r)
    even = (n & 1).equals(0)
    y = b.select(even, sine, -cosine) / b.select(even, cosine, sine)
    return b.choose((b.abs(x) < 1e-9, x), (b.abs(x).equals(INFINITY), NAN), otherwise=y)


def _half_angle(b: Body, a: Value) -> tuple[Value, Value, Value, Value]:
    """Return where |x| > 1/2, the argument s, its square, and what sqrt lost of s (all of them s = x below 1/2)."""
    large = a > 0.5
    z = b.select(large, b.fma(a, -0.5, 0.5), a * a)
    s = b.sqrt(b.select(large, z, 0.0))
    square = b.two_product(s, s)
    lost = b.residual(square, z) / b.select(s > 0.0, s + s, 1.0)
    return large, b.select(large, s, a), z, b.select(large, lost, 0.0)


def arcsin(b: Body, x: Value) -> Value:
    """arcsin(x)."""
    a = b.abs(x)
    large, s, z, lost = _half_angle(b, a)  # arcsin(a) = pi/2 - 2 arcsin(sqrt((1-a)/2))
    rest = b.fma(s * z, b.polynomial(z, c.ARCSIN), lost)
    head = b.fast_two_sum(c.HALF_PI[0], s * -2.0)
    far = head.high + (head.low + (c.HALF_PI[1] - (rest + rest)))
    y = b.select(large, far, s + rest)
    return b.copysign(b.choose((a < 1e-9, a), (a > 1.0, NAN), otherwise=y), x)


def arccos(b: Body, x: Value) -> Value:
    """arccos(x)."""
    a = b.abs(x)
    negative = x < 0.0
    large, s, z, lost = _half_angle(b, a)
    rest = b.fma(s * z, b.polynomial(z, c.ARCSIN), lost)
    near = b.fast_two_sum(c.HALF_PI[0], b.select(negative, s, -s))
    near = near.high + (near.low + (c.HALF_PI[1] + b.select(negative, rest, -rest)))
    back = b.fast_two_sum(c.PI[0], s * -2.0)
    back = back.high + (back.low + (c.PI[1] - (rest + rest)))
    y = b.choose((large, b.select(negative, back, (s + rest) * 2.0)), otherwise=near)
    return b.choose((a > 1.0, NAN), otherwise=y)


def _angle(b: Body, opposite: Value, adjacent: Value) -> tuple[DoubleDouble, Value, Value]:
    """Return t, a double-double with |t| <= sqrt(2) - 1, and the two parts of a base: arctan(o/a) = base + arctan(t).

    Both arguments are positive. A single division serves three ranges: o/a, (o-a)/(o+a) around 1, and -a/o.
    """
    small = opposite <= adjacent * 0.41421356237309503
    big = opposite > adjacent * 2.414213562373095
    zero = b.value(0.0, "f64")
    less, more = b.two_sum(opposite, -adjacent), b.two_sum(opposite, adjacent)
    numerator = DoubleDouble(
        b.choose((small, opposite), (big, -adjacent), otherwise=less.high), b.select(small | big, zero, less.low)
    )
    denominator = DoubleDouble(
        b.choose((small, adjacent), (big, opposite), otherwise=more.high), b.select(small | big, zero, more.low)
    )
    high = b.choose((small, 0.0), (big, c.HALF_PI[0]), otherwise=0.5 * c.HALF_PI[0])
    low = b.choose((small, 0.0), (big, c.HALF_PI[1]), otherwise=0.5 * c.HALF_PI[1])
    # A true division: its quotient is right even where the reciprocal would be subnormal.
    quotient = numerator.high / denominator.high
    product = b.two_product(quotient, denominator.high)
    rest = b.residual(product, numerator.high) + (numerator.low - quotient * denominator.low)
    return DoubleDouble(quotient, rest / denominator.high), high, low


def _arctan(b: Body, t: DoubleDouble, high: Value, low: Value) -> Value:
    z = t.high * t.high
    rest = b.fma(t.high * z, b.polynomial(z, c.ARCTAN), t.low)
    head = b.two_sum(high, t.high)
    return head.high + (head.low + (low + rest))


def arctan(b: Body, x: Value) -> Value:
    """arctan(x)."""
    a = b.abs(x)
    y = _arctan(b, *_angle(b, b.minimum(a, 1e300), b.value(1.0, "f64")))
    return b.copysign(b.select(a < 1e-9, a, y), x)


def arctan2(b: Body, y: Value, x: Value) -> Value:
    """The angle of the point (x, y)."""
    opposite, adjacent = b.abs(y), b.abs(x)
    infinite = opposite.equals(INFINITY) | adjacent.equals(INFINITY)
    both = opposite.equals(0.0) & adjacent.equals(0.0)
    large = (opposite > 2.0**500) | (adjacent > 2.0**500)
    factor = b.select(large, 2.0**-500, 2.0**500)

    def moderate(side: Value) -> Value:
        # An infinite side makes the other one vanish; two of them are alike. Scaling keeps the sums finite.
        return b.select(
            infinite, b.select(side.equals(INFINITY), 1.0, b.select(side.is_nan(), side, 0.0)), side * factor
        )

    t, high, low = _angle(b, moderate(opposite), b.select(both, 1.0, moderate(adjacent)))
    behind = b.is_negative(x)
    straight = b.two_sum(c.PI[0], -high)
    high, low = b.select(behind, straight.high, high), b.select(behind, straight.low + (c.PI[1] - low), low)
    t = DoubleDouble(b.select(behind, -t.high, t.high), b.select(behind, -t.low, t.low))
    # Where the base is zero, the plain quotient keeps subnormal results from being rounded twice.
    tiny = ~behind & (opposite < adjacent * 1e-9) & ~infinite
    return b.copysign(b.select(tiny, opposite / adjacent, _arctan(b, t, high, low)), y)
