"""The gamma function, its logarithm, and the derivatives of that.

Negative arguments go through the reflection formula in a branch of their own, which a vector without them skips.
"""

from pellucid.compile.llvm.math import coefficients as c
from pellucid.compile.llvm.math.builder import INFINITY, NAN, Body, DoubleDouble, Value
from pellucid.compile.llvm.math.elementary import exp_of_sum, log, log_parts
from pellucid.compile.llvm.math.power import accurate_log

_PI_SQUARED = 9.869604401089358


def _fraction(b: Body, a: Value) -> tuple[Value, Value]:
    """Return a minus the nearest integer, and where that integer is odd, for a >= 0."""
    shifted = b.minimum(a, 2.0**52) + 2.0**52
    odd = (b.bits(shifted) & 1).equals(1) & (a < 2.0**52)
    return b.select(a < 2.0**52, a - (shifted - 2.0**52), 0.0), odd


def _sin_pi(b: Body, f: Value) -> Value:
    """Return sin(pi f) for |f| <= 1/2."""
    rest = b.fma(f * f, b.polynomial(f * f, c.SINPI), c.PI[1])
    return b.fma(f, c.PI[0], f * rest)


def _cos_pi(b: Body, f: Value) -> Value:
    """Return cos(pi f) for |f| <= 1/2, through the sine so that zeros at 1/2 are exact."""
    a = b.abs(f)
    return b.select(a > 0.25, _sin_pi(b, 0.5 - a), b.fma(f * f, b.polynomial(f * f, c.COSPI), 1.0))


def _step_down(b: Body, a: Value, above: float, steps: int) -> tuple[Value, Value]:
    """Return z = a - k < above, and the product of (a-1) ... (a-k)."""
    z, product = a, b.value(1.0, "f64")
    for _ in range(steps):
        more = z >= above
        z = b.select(more, z - 1.0, z)
        product = b.select(more, product * z, product)
    return z, product


def _stirling(b: Body, a: Value, logarithm: DoubleDouble) -> DoubleDouble:
    """Return log(Gamma(a)) for a >= 6.3 from log(a)."""
    head = b.fast_two_sum(logarithm.high, -1.0)
    factor = a - 0.5
    product = b.two_product(factor, head.high)
    low = b.fma(factor, head.low + logarithm.low, product.low)
    low = b.select(a > 1e290, 0.0, low)  # where the exact product overflows, or its halves do
    inverse = 1.0 / a
    low = b.fma(inverse, b.polynomial(inverse * inverse, c.STIRLING), low + c.LOG_2_PI[1])
    total = b.fast_two_sum(product.high, c.LOG_2_PI[0])
    return b.fast_two_sum(total.high, total.low + low)


def _gammaln_of_positive(b: Body, a: Value) -> Value:
    """Return log(Gamma(a)) for a > 0.

    Below 6.3, log(Gamma(2 + t)) = t B(t) with -0.7 <= t < 0.3 and the logarithm of a product: so the zeros at 1 and 2
    are factors of the formula and the relative error stays small beside them.
    """
    small = a < 6.3
    z, product = _step_down(b, a, 2.3, 4)
    below, tiny = a < 1.3, a < 0.3
    t = b.select(tiny, a, b.select(below, a - 1.0, z - 2.0))
    product = b.select(tiny, b.fma(a, a, a), b.select(below, a, product))
    logarithm = log_parts(b, b.select(small, product, b.minimum(a, 1e306)))
    series = t * b.polynomial(t, c.GAMMALN)
    sign = b.select(below, -1.0, 1.0)
    near = b.two_sum(logarithm.high * sign, series)
    near = near.high + b.fma(logarithm.low, sign, near.low)
    far = _stirling(b, a, logarithm).high
    return b.choose((small, near), (a > 2.5563481638716906e305, INFINITY), otherwise=far)


def gammaln(b: Body, x: Value) -> Value:
    """log(|Gamma(x)|)."""
    a = b.abs(x)
    y = _gammaln_of_positive(b, b.maximum(a, 5e-324))

    def reflected() -> tuple[Value]:
        f, _ = _fraction(b, a)
        sine = b.abs(_sin_pi(b, f))
        value = log(b, c.PI[0] / (a * sine)) - y
        return (
            b.choose((sine.equals(0.0), INFINITY), (a < 1e-18, y), (a.equals(INFINITY), -INFINITY), otherwise=value),
        )

    (y,) = b.if_any(x < 0.0, reflected, (y,))
    return b.choose((a.equals(0.0), INFINITY), (x.is_nan(), x), otherwise=y)


def _digamma_of_positive(b: Body, a: Value) -> Value:
    """Return the logarithmic derivative of Gamma for a > 0.

    Below 6 the recurrence leads to [1, 2), where the zero at 1.4616 is a factor of the formula.
    """
    z, numerator, denominator = a, b.value(0.0, "f64"), b.value(1.0, "f64")
    for _ in range(4):
        more = z >= 2.0
        z = b.select(more, z - 1.0, z)
        numerator = b.select(more, b.fma(numerator, z, denominator), numerator)
        denominator = b.select(more, denominator * z, denominator)
    tiny = a < 1.0
    z = b.select(tiny, a + 1.0, z)
    numerator, denominator = b.select(tiny, -1.0, numerator), b.select(tiny, a, denominator)
    distance = (z - c.DIGAMMA_ROOT[0]) - c.DIGAMMA_ROOT[1]
    near = b.fma(distance, b.polynomial(z - 1.5, c.DIGAMMA), numerator / denominator)
    inverse = 1.0 / a
    square = inverse * inverse
    far = log(b, a) - b.fma(square, b.polynomial(square, c.DIGAMMA_TAIL), 0.5 * inverse)
    return b.select(a < 6.0, near, far)


def digamma(b: Body, x: Value) -> Value:
    """The derivative of log(Gamma(x))."""
    a = b.abs(x)
    negative = x < 0.0
    y = _digamma_of_positive(b, b.select(negative, a + 1.0, a))

    def reflected() -> tuple[Value]:
        f, _ = _fraction(b, a)  # digamma(-a) = digamma(1 + a) + pi cot(pi a)
        value = y + c.PI[0] * (_cos_pi(b, f) / _sin_pi(b, f))
        return (b.choose((a < 1e-10, y + 1.0 / a), (f.equals(0.0) | a.equals(INFINITY), NAN), otherwise=value),)

    (y,) = b.if_any(negative, reflected, (y,))
    return b.choose((a.equals(0.0), b.copysign(INFINITY, -x)), (x.is_nan(), x), otherwise=y)


def _trigamma_of_positive(b: Body, a: Value) -> Value:
    """Return the second derivative of log(Gamma(a)) for a > 0: all terms are positive, so nothing cancels."""
    small = a < 6.0
    inverse = 1.0 / a
    first = b.select(small, inverse * inverse, 0.0)
    z = b.select(small, a + 1.0, a)
    numerator, denominator = b.value(0.0, "f64"), b.value(1.0, "f64")
    for _ in range(5):
        more = z < 6.0
        square = z * z
        numerator = b.select(more, b.fma(numerator, square, denominator), numerator)
        denominator = b.select(more, denominator * square, denominator)
        z = b.select(more, z + 1.0, z)
    inverse = 1.0 / z
    square = inverse * inverse
    tail = b.fma(inverse * square, b.polynomial(square, c.TRIGAMMA_TAIL), b.fma(square, 0.5, inverse))
    return first + (numerator / denominator + tail)


def trigamma(b: Body, x: Value) -> Value:
    """The second derivative of log(Gamma(x))."""
    a = b.abs(x)
    negative = x < 0.0
    y = _trigamma_of_positive(b, b.select(negative, a + 1.0, a))

    def reflected() -> tuple[Value]:
        f, _ = _fraction(b, a)  # trigamma(-a) + trigamma(1 + a) = (pi / sin(pi a))**2
        ratio = c.PI[0] / _sin_pi(b, f)
        return (b.select(a.equals(INFINITY), INFINITY, b.fma(ratio, ratio, -y)),)

    (y,) = b.if_any(negative, reflected, (y,))
    return b.choose((a.equals(0.0), INFINITY), otherwise=y)


def _gamma_of_positive(b: Body, a: Value) -> Value:
    """Return Gamma(a) for a > 0."""
    z, product = _step_down(b, a, 2.0, 5)
    tiny = a < 1.0
    z = b.select(tiny, a + 1.0, z)
    near = b.select(tiny, 1.0 / a, product) / b.polynomial(z - 1.5, c.GAMMA)
    bounded = b.minimum(a, 200.0)
    logarithm = _stirling(b, bounded, accurate_log(b, bounded))
    return b.select(a < 6.5, near, exp_of_sum(b, logarithm.high, logarithm.low))


def gamma(b: Body, x: Value) -> Value:
    """Gamma(x), the integral of t**(x-1) exp(-t) over t > 0."""
    a = b.abs(x)
    y = _gamma_of_positive(b, a)

    def reflected() -> tuple[Value]:
        f, odd = _fraction(b, a)
        sine = _sin_pi(b, f)  # Gamma(-a) = -pi / (a sin(pi a) Gamma(a))
        value = c.PI[0] / (a * b.select(odd, sine, -sine) * y)
        return (b.choose((a < 1e-18, -1.0 / a), (f.equals(0.0), NAN), (a.equals(INFINITY), NAN), otherwise=value),)

    (y,) = b.if_any(x < 0.0, reflected, (y,))
    return b.choose((a.equals(0.0), b.copysign(INFINITY, x)), (x.is_nan(), x), otherwise=y)
