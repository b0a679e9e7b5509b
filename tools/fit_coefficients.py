"""Fits the polynomials of the vector mathematics with mpmath and writes them as a Python module.

Run it by hand when a formula changes: ``python tools/fit_coefficients.py``. Each fit interpolates at Chebyshev nodes,
which is within a small factor of the best polynomial, and takes the lowest degree whose error, measured on a dense
grid before rounding, is below the bound asked for.
"""

import functools
import pathlib
from collections.abc import Callable
from typing import Any

import mpmath as mp

TARGET = pathlib.Path(__file__).parent.parent / "src/pellucid/compile/llvm/math/coefficients.py"
mp.mp.dps = 80

Real = Any
Fit = tuple[str, str, Callable[[Real], Real], Real, Real, float]


def interpolate(function: Callable[[Real], Real], low: Real, high: Real, degree: int) -> list[Real]:
    """Return the monomial coefficients of the polynomial through the Chebyshev nodes of the interval."""
    count = degree + 1
    nodes = [(low + high) / 2 + (high - low) / 2 * mp.cospi((k + mp.mpf(1) / 2) / count) for k in range(count)]
    divided = [function(x) for x in nodes]
    for level in range(1, count):  # Newton's divided differences
        for k in range(count - 1, level - 1, -1):
            divided[k] = (divided[k] - divided[k - 1]) / (nodes[k] - nodes[k - level])
    coefficients = [divided[-1]]
    for k in range(count - 2, -1, -1):  # multiply by (x - node) and add
        shifted = [mp.mpf(0), *coefficients]
        coefficients = [a - nodes[k] * b for a, b in zip(shifted, [*coefficients, mp.mpf(0)], strict=True)]
        coefficients[0] += divided[k]
    return coefficients


def error_of(coefficients: list[Real], function: Callable[[Real], Real], low: Real, high: Real) -> Real:
    """Return the largest absolute error over a grid."""
    grid = [low + (high - low) * (k + mp.mpf("0.37")) / 150 for k in range(150)]
    return max(abs(mp.polyval(coefficients[::-1], x) - function(x)) for x in grid)


def fit(function: Callable[[Real], Real], low: Real, high: Real, bound: float) -> tuple[list[float], Real]:
    """Return the coefficients of the lowest degree whose error is below `bound`, and the error."""
    low, high = mp.mpf(low), mp.mpf(high)
    known = functools.cache(function)
    for degree in range(2, 40):
        coefficients = interpolate(known, low, high, degree)
        error = error_of(coefficients, known, low, high)
        if error < bound:
            return [float(c) for c in coefficients], error
    raise ValueError(f"no polynomial up to degree 39 reaches {bound}")


def root(z: Real) -> Real:
    """Return the square root, kept away from zero where the quotients below are 0/0."""
    return mp.sqrt(max(z, mp.mpf(10) ** -25))


LN2 = mp.log(2)
HALF = LN2 / 2 * mp.mpf("1.0001")
QUARTER_TURN = (mp.pi / 4) ** 2 * mp.mpf("1.001")
SMALL_TANGENT = (mp.sqrt(2) - 1) ** 2 * mp.mpf("1.001")
DIGAMMA_ROOT = mp.findroot(mp.digamma, mp.mpf("1.4616321449683623"))
ERFCX_CENTRE = 4


def away(x: Real) -> Real:
    """Return `x` moved off zero."""
    return x if abs(x) > mp.mpf(10) ** -25 else mp.mpf(10) ** -25


def erfcx(x: Real) -> Real:
    """Return exp(x**2) erfc(x), by its continued fraction where the factors under- and overflow."""
    if x < 50:
        return mp.exp(x * x) * mp.erfc(x)
    fraction = mp.mpf(0)
    for k in range(200, 0, -1):
        fraction = (mp.mpf(k) / 2) / (x + fraction)
    return 1 / (x + fraction) / mp.sqrt(mp.pi)


def scaled_erfcx(u: Real) -> Real:
    """Return (1 + 2x) erfcx(x) at x = c (1 + u) / (1 - u), which maps [0, inf) to [-1, 1)."""
    if u == 1:
        return 2 / mp.sqrt(mp.pi)
    x = ERFCX_CENTRE * (1 + u) / (1 - u)
    return (1 + 2 * x) * erfcx(x)


def inverse_erf(x: Real) -> Real:
    """Return the number whose error function is `x`."""
    return mp.erfinv(x)


def inverse_erfc_of_root(t: Real) -> Real:
    """Return y / t where erfc(y) = exp(-t**2)."""
    logarithm = -t * t
    y = mp.sqrt(max(t * t - mp.log(1 + t), mp.mpf("0.05")))
    for _ in range(60):
        value = mp.log(erfcx(y)) - y * y - logarithm
        slope = -2 / (mp.sqrt(mp.pi) * erfcx(y))
        step = value / slope
        y -= step
        if abs(step) < mp.mpf(10) ** -40:
            break
    return y / t


GUESS_LOW, GUESS_HIGH, GUESS_CENTRE = mp.sqrt(mp.log(4)) * mp.mpf("0.99"), mp.mpf("27.4"), 3


def guess(u: Real) -> Real:
    """Return `inverse_erfc_of_root` at t = c (1 + u) / (1 - u)."""
    return inverse_erfc_of_root(GUESS_CENTRE * (1 + u) / (1 - u))


def mobius(x: Real, centre: Real) -> Real:
    """Return (x - c) / (x + c)."""
    return (x - centre) / (x + centre)


def tail(function: Callable[[Real], Real]) -> Callable[[Real], Real]:
    """Return a function of 1/x**2 from a function of x."""
    return lambda z: function(1 / root(z))


def stirling(x: Real) -> Real:
    """Return x times what Stirling's formula lacks of log Gamma."""
    return x * (mp.loggamma(x) - (x - mp.mpf(1) / 2) * (mp.log(x) - 1) - (mp.log(2 * mp.pi) - 1) / 2)


FITS: list[Fit] = [
    ("EXP", "(exp(r) - 1 - r) / r**2 for |r| <= log(2)/2",
     lambda r: (mp.expm1(away(r)) - away(r)) / away(r) ** 2, -HALF, HALF, 6e-17),
    ("EXP2", "(2**f - 1 - f log(2)) / f**2 for |f| <= 1/2",
     lambda f: (mp.expm1(away(f) * LN2) - away(f) * LN2) / away(f) ** 2, mp.mpf("-0.501"), mp.mpf("0.501"), 3e-17),
    ("SINH", "(sinh(r)/r - 1) / r**2 in r**2, for |r| <= log(2)/2",
     lambda z: (mp.sinh(root(z)) / root(z) - 1) / root(z) ** 2, 0, HALF**2, 1e-16),
    ("COSH", "(cosh(r) - 1 - r**2/2) / r**4 in r**2, for |r| <= log(2)/2",
     lambda z: (mp.cosh(root(z)) - 1 - root(z) ** 2 / 2) / root(z) ** 4, 0, HALF**2, 5e-16),
    ("LOG", "(log((1+s)/(1-s))/s - 2) / s**2 in s**2, for 1+f in [sqrt(1/2), sqrt(2)], s = f/(2+f)",
     lambda z: (2 * mp.atanh(root(z)) / root(z) - 2) / root(z) ** 2, 0, mp.mpf("0.02944"), 2e-16),
    ("LOG_REST", "(log((1+s)/(1-s))/(2s) - 1 - s**2/3) / s**4 in s**2, on the same interval",
     lambda z: (mp.atanh(root(z)) / root(z) - 1 - root(z) ** 2 / 3) / root(z) ** 4, 0, mp.mpf("0.02944"), 2e-17),
    ("SIN", "(sin(r)/r - 1) / r**2 in r**2, for |r| <= pi/4",
     lambda z: (mp.sin(root(z)) / root(z) - 1) / root(z) ** 2, 0, QUARTER_TURN, 1e-17),
    ("COS", "(cos(r) - 1 + r**2/2) / r**4 in r**2, for |r| <= pi/4",
     lambda z: (mp.cos(root(z)) - 1 + root(z) ** 2 / 2) / root(z) ** 4, 0, QUARTER_TURN, 2e-17),
    ("SINPI", "(sin(pi f)/f - pi) / f**2 in f**2, for |f| <= 1/2",
     lambda z: (mp.sinpi(root(z)) / root(z) - mp.pi) / root(z) ** 2, 0, mp.mpf("0.2501"), 1e-16),
    ("COSPI", "(cos(pi f) - 1) / f**2 in f**2, for |f| <= 1/2",
     lambda z: (mp.cospi(root(z)) - 1) / root(z) ** 2, 0, mp.mpf("0.2501"), 1e-16),
    ("ARCSIN", "(arcsin(x)/x - 1) / x**2 in x**2, for |x| <= 1/2",
     lambda z: (mp.asin(root(z)) / root(z) - 1) / root(z) ** 2, 0, mp.mpf("0.2501"), 2e-17),
    ("ARCTAN", "(arctan(x)/x - 1) / x**2 in x**2, for |x| <= sqrt(2) - 1",
     lambda z: (mp.atan(root(z)) / root(z) - 1) / root(z) ** 2, 0, SMALL_TANGENT, 3e-17),
    ("ERF", "erf(x)/x - 1 in x**2, for |x| <= 1",
     lambda z: mp.erf(root(z)) / root(z) - 1, 0, mp.mpf("1.001"), 6e-18),
    ("ERFCX", f"(1 + 2x) exp(x**2) erfc(x) in (x-{ERFCX_CENTRE})/(x+{ERFCX_CENTRE}), for x >= 0.45",
     scaled_erfcx, mobius(mp.mpf("0.45"), ERFCX_CENTRE), 1, 4e-17),
    ("ERFINV", "erfinv(x)/x - 1 in x**2, for |x| <= 3/4",
     lambda z: inverse_erf(root(z)) / root(z) - 1, 0, mp.mpf("0.5626"), 1e-17),
    ("ERFCINV", f"y/t in (t-{GUESS_CENTRE})/(t+{GUESS_CENTRE}) where erfc(y) = exp(-t**2), for t in [1.16, 27.4]",
     guess, mobius(GUESS_LOW, GUESS_CENTRE), mobius(GUESS_HIGH, GUESS_CENTRE), 2e-7),
    ("GAMMALN", "log(Gamma(2+t)) / t for -0.7 <= t <= 0.3",
     lambda t: mp.loggamma(2 + away(t)) / away(t), mp.mpf("-0.701"), mp.mpf("0.301"), 1e-17),
    ("STIRLING", "x (log(Gamma(x)) - (x - 1/2)(log(x) - 1) - (log(2 pi) - 1)/2) in 1/x**2, for x >= 6.3",
     tail(stirling), 0, mp.mpf("6.29") ** -2, 1e-17),
    ("DIGAMMA", "digamma(1.5 + t) / (1.5 + t - root) for |t| <= 1/2",
     lambda t: mp.digamma(t + 1.5) / (t + 1.5 - DIGAMMA_ROOT), mp.mpf("-0.501"), mp.mpf("0.501"), 2e-17),
    ("DIGAMMA_TAIL", "x**2 (log(x) - 1/(2x) - digamma(x)) in 1/x**2, for x >= 6",
     tail(lambda x: x**2 * (mp.log(x) - 1 / (2 * x) - mp.digamma(x))), 0, mp.mpf("5.99") ** -2, 2e-16),
    ("TRIGAMMA_TAIL", "x**3 (trigamma(x) - 1/x - 1/(2 x**2)) in 1/x**2, for x >= 6",
     tail(lambda x: x**3 * (mp.polygamma(1, x) - 1 / x - 1 / (2 * x**2))), 0, mp.mpf("5.99") ** -2, 2e-16),
    ("GAMMA", "1/Gamma(1.5 + t) for |t| <= 1/2",
     lambda t: mp.rgamma(mp.mpf("1.5") + t), mp.mpf("-0.501"), mp.mpf("0.501"), 8e-18),
]  # fmt: skip


def parts(value: Real, bits: tuple[int, ...]) -> tuple[float, ...]:
    """Split a number into doubles of the given numbers of significant bits, the last one rounded to 53."""
    found = []
    for count in bits:
        exponent = int(mp.floor(mp.log(abs(value), 2))) - count + 1
        found.append(float(mp.floor(abs(value) / mp.mpf(2) ** exponent) * mp.mpf(2) ** exponent * mp.sign(value)))
        value -= mp.mpf(found[-1])
    return (*found, float(value))


def pair(value: Real) -> tuple[float, float]:
    """Return the nearest double and the rest."""
    return float(value), float(value - mp.mpf(float(value)))


def constants() -> dict[str, tuple[str, Any]]:
    """Return the constants in several parts, with what they are."""
    mp.mp.prec = 1500
    binary = int(mp.floor(2 / mp.pi * mp.mpf(2) ** 1344))
    words = tuple(binary >> (1344 - 64 * (k + 1)) & (2**64 - 1) for k in range(21))
    mp.mp.dps = 80
    return {
        "LN2": ("log(2): 32 bits and the rest", parts(mp.log(2), (32,))),
        "LN2_PAIR": ("log(2) as a double-double", pair(mp.log(2))),
        "INVERSE_LN2": ("1/log(2): 32 bits and the rest", parts(1 / mp.log(2), (32,))),
        "INVERSE_LN10": ("1/log(10): 32 bits and the rest", parts(1 / mp.log(10), (32,))),
        "LOG10_2": ("log10(2): 32 bits and the rest", parts(mp.log10(2), (32,))),
        "HALF_PI_PARTS": ("pi/2: twice 33 bits and the rest", parts(mp.pi / 2, (33, 33))),
        "HALF_PI": ("pi/2 as a double-double", pair(mp.pi / 2)),
        "THIRD": ("1/3 as a double-double", pair(mp.mpf(1) / 3)),
        "LOG_2_PI": ("(log(2 pi) - 1)/2 as a double-double", pair((mp.log(2 * mp.pi) - 1) / 2)),
        "DIGAMMA_ROOT": ("the positive zero of digamma as a double-double", pair(DIGAMMA_ROOT)),
        "PI": ("pi as a double-double", pair(mp.pi)),
        "INVERSE_ROOT_PI": ("1/sqrt(pi)", float(1 / mp.sqrt(mp.pi))),
        "TWO_OVER_PI_WORDS": ("2/pi after the point, in words of 64 bits", words),
    }


def write() -> None:
    """Write the module of coefficients."""
    lines = ['"""Polynomials, lowest power first, and split constants; written by tools/fit_coefficients.py."""']
    for name, (meaning, value) in constants().items():
        lines += ["", f"# {meaning}", f"{name} = {_literal(value)}"]
    for name, meaning, function, low, high, bound in FITS:
        coefficients, error = fit(function, low, high, bound)
        print(f"{name:14s} degree {len(coefficients) - 1:2d} error {mp.nstr(error, 3)}")
        lines += ["", f"# {meaning}; error {mp.nstr(error, 2)}", f"{name} = {_literal(tuple(coefficients))}"]
    TARGET.write_text("\n".join(lines) + "\n")


def _literal(value: Any) -> str:
    if not isinstance(value, tuple):
        return repr(value)
    return "(\n" + "".join(f"    {v:#018x},\n" if isinstance(v, int) else f"    {v!r},\n" for v in value) + ")"


if __name__ == "__main__":
    write()
