"""Powers, through a logarithm in double-double precision."""

from pellucid.compile.llvm.math import coefficients as c
from pellucid.compile.llvm.math.builder import INFINITY, NAN, Body, DoubleDouble, Value
from pellucid.compile.llvm.math.elementary import exp_of_sum, split_any


def accurate_log(b: Body, x: Value) -> DoubleDouble:
    """Return log(x) for a positive finite x, to about 2**-68 relative to it.

    log(m) = 2 s (1 + s**2/3 + s**4 (...)) with s = (m-1)/(m+1): only the last term, below 2**-12, is a plain double.
    """
    k, m = split_any(b, x)
    f = m - 1.0
    s = b.divide(b.exactly(f), b.fast_two_sum(2.0, f))
    z = b.multiply(s, s)
    third = b.multiply(z, b.constant(*c.THIRD))
    series = b.fma(z.high * z.high, b.polynomial(z.high, c.LOG_REST), third.low)
    terms = b.fast_two_sum(third.high, series)
    rest = b.multiply(s, terms)
    mantissa = b.fast_two_sum(s.high, rest.high)
    mantissa = DoubleDouble(mantissa.high, mantissa.low + (s.low + rest.low)).scaled(2.0)
    head = b.two_sum(k * c.LN2[0], mantissa.high)
    return b.fast_two_sum(head.high, head.low + b.fma(k, c.LN2[1], mantissa.low))


def _parity(b: Body, y: Value) -> tuple[Value, Value]:
    """Return where a double is an integer and where it is an odd one."""
    a = b.abs(y)
    shifted = b.minimum(a, 2.0**52) + 2.0**52
    whole = (a >= 2.0**52) | (shifted - 2.0**52).equals(a)
    unit = b.select(a < 2.0**52, b.bits(shifted), b.bits(a)) & 1
    return whole, whole & unit.equals(1) & (a < 2.0**53)


def pow(b: Body, x: Value, y: Value) -> Value:
    """x**y, with the special cases of IEEE 754 (section 9.2.1)."""
    a = b.abs(x)
    zero, infinite = a.equals(0.0), a.equals(INFINITY)
    logarithm = accurate_log(b, b.select(zero | infinite, 1.0, a))
    # Larger exponents all give 0, 1 or infinity, like the bounds.
    bounded = b.maximum(b.minimum(y, 1e19), -1e19)
    product = b.two_product(bounded, logarithm.high)
    magnitude = exp_of_sum(b, product.high, b.fma(bounded, logarithm.low, product.low))
    grows = (y > 0.0) ^ zero
    magnitude = b.select(zero | infinite, b.select(grows, INFINITY, 0.0), magnitude)
    whole, odd = _parity(b, y)
    negative = b.is_negative(x)
    signed = b.select(negative & odd, -magnitude, magnitude)
    undefined = (x < 0.0) & ~whole & ~infinite
    return b.choose(
        (undefined, NAN), (x.is_nan(), x), (y.is_nan(), y), (x.equals(1.0) | y.equals(0.0), 1.0), otherwise=signed
    )
