"""The mathematical functions: one row each, read by the compiler, the documentation and the tests."""

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class Function:
    """What is to be known about a function.

    Attributes
    ----------
    doc
        What it computes.
    ulp
        The bound of its error in units in the last place of the result, over `domain`.
    domain
        The range of each argument that tests draw from; beyond it lie the special values.
    oracle
        The exact value, as an expression in ``mp`` (mpmath) and the arguments ``x`` and ``y``.
    reference
        The NumPy or SciPy expression that has the same values at 0, infinity, NaN and outside the domain.
    floor
        Absolute error allowed besides, for zeros of the function that its formula does not know.
    group
        The module whose function of the same name builds it, and the object that holds it.
    """

    doc: str
    ulp: float
    domain: tuple[Range, ...]
    oracle: str
    reference: str
    floor: float = 0.0
    group: str = ""

    @property
    def arity(self) -> int:
        """The number of arguments."""
        return len(self.domain)


_ALL = (-1e308, 1e308)
_POSITIVE = (0.0, 1e308)
_UNIT = (-1.0, 1.0)

_ELEMENTARY = {
    "exp": Function("exp(x)", 1.0, ((-708.0, 709.7),), "mp.exp(x)", "numpy.exp(x)"),
    "exp2": Function("2**x", 1.0, ((-1021.0, 1023.9),), "mp.power(2, x)", "numpy.exp2(x)"),
    "expm1": Function("exp(x) - 1", 1.0, ((-50.0, 709.7),), "mp.expm1(x)", "numpy.expm1(x)"),
    "log": Function("log(x)", 1.0, (_POSITIVE,), "mp.log(x)", "numpy.log(x)"),
    "log2": Function("log(x) / log(2)", 1.0, (_POSITIVE,), "mp.log(x, 2)", "numpy.log2(x)"),
    "log10": Function("log(x) / log(10)", 1.0, (_POSITIVE,), "mp.log10(x)", "numpy.log10(x)"),
    "log1p": Function("log(1 + x)", 1.0, ((-1.0, 1e308),), "mp.log1p(x)", "numpy.log1p(x)"),
    "sinh": Function("(exp(x) - exp(-x)) / 2", 1.5, ((-710.0, 710.0),), "mp.sinh(x)", "numpy.sinh(x)"),
    "cosh": Function("(exp(x) + exp(-x)) / 2", 1.5, ((-710.0, 710.0),), "mp.cosh(x)", "numpy.cosh(x)"),
    "tanh": Function("sinh(x) / cosh(x)", 1.0, (_ALL,), "mp.tanh(x)", "numpy.tanh(x)"),
    "arcsinh": Function("log(x + sqrt(x**2 + 1))", 1.5, (_ALL,), "mp.asinh(x)", "numpy.arcsinh(x)"),
    "arccosh": Function("log(x + sqrt(x**2 - 1))", 1.5, ((1.0, 1e308),), "mp.acosh(x)", "numpy.arccosh(x)"),
    "arctanh": Function("log((1 + x) / (1 - x)) / 2", 1.0, (_UNIT,), "mp.atanh(x)", "numpy.arctanh(x)"),
    "sigmoid": Function(
        "1 / (1 + exp(-x))",
        2.0,
        ((-708.0, 1e308),),
        "1/(1+mp.exp(-x))",
        "numpy.where(x < -700, numpy.exp(x), scipy.special.expit(x))",
    ),
    "softplus": Function("log(1 + exp(x))", 1.5, ((-708.0, 1e308),), "mp.log1p(mp.exp(x))", "numpy.logaddexp(0.0, x)"),
    "log1mexp": Function(
        "log(1 - exp(x)) for x <= 0",
        2.0,
        ((-708.0, 0.0),),
        "mp.log(-mp.expm1(x)) if x > -1 else mp.log1p(-mp.exp(x))",
        "numpy.where(x > -0.6, numpy.log(-numpy.expm1(x)), numpy.log1p(-numpy.exp(x)))",
    ),
}

_TRIGONOMETRIC = {
    "sin": Function("sin(x)", 1.0, (_ALL,), "mp.sin(x)", "numpy.sin(x)"),
    "cos": Function("cos(x)", 1.0, (_ALL,), "mp.cos(x)", "numpy.cos(x)"),
    "tan": Function("tan(x)", 2.0, (_ALL,), "mp.tan(x)", "numpy.tan(x)"),
    "arcsin": Function("arcsin(x)", 1.0, (_UNIT,), "mp.asin(x)", "numpy.arcsin(x)"),
    "arccos": Function("arccos(x)", 1.0, (_UNIT,), "mp.acos(x)", "numpy.arccos(x)"),
    "arctan": Function("arctan(x)", 1.0, (_ALL,), "mp.atan(x)", "numpy.arctan(x)"),
    "arctan2": Function(
        "the angle of the point (y, x) for arguments (x, y)", 1.0, (_ALL, _ALL), "mp.atan2(x, y)", "numpy.arctan2(x, y)"
    ),
}

_POWER = {
    "pow": Function("x**y", 1.0, (_POSITIVE, _ALL), "mp.power(x, y)", "numpy.power(x, y)"),
}

_ERROR = {
    "erf": Function("the error function", 1.5, (_ALL,), "mp.erf(x)", "scipy.special.erf(x)"),
    "erfc": Function("1 - erf(x)", 3.5, ((-6.0, 26.5),), "mp.erfc(x)", "scipy.special.erfc(x)"),
    "erfcx": Function("exp(x**2) erfc(x)", 3.0, ((-26.6, 1e307),), "scaled_erfc(x)", "scipy.special.erfcx(x)"),
    "erfinv": Function(
        "the inverse of erf", 2.0, (_UNIT,), "mp.erfinv(x)", "numpy.copysign(scipy.special.erfinv(x), x)"
    ),
    "erfcinv": Function("the inverse of erfc", 2.0, ((0.0, 2.0),), "inverse_erfc(x)", "scipy.special.erfcinv(x) + 0.0"),
    "ndtri": Function(
        "the quantile function of the standard normal distribution",
        2.0,
        ((0.0, 1.0),),
        "-mp.sqrt(2) * inverse_erfc(2 * x)",
        "scipy.special.ndtri(x)",
    ),
}

_GAMMA = {
    "gammaln": Function("log(|Gamma(x)|)", 3.0, ((-50.0, 1e305),), "log_gamma(x)", "scipy.special.gammaln(x)", 4e-14),
    "digamma": Function(
        "the derivative of log(Gamma(x))", 3.5, ((-50.0, 1e308),), "mp.digamma(x)", "scipy.special.digamma(x)", 2e-15
    ),
    "trigamma": Function(
        "the second derivative of log(Gamma(x))",
        4.0,
        ((-1000.0, 1e308),),
        "mp.polygamma(1, x)",
        "scipy.special.polygamma(1, x)",
    ),
    "gamma": Function("Gamma(x)", 4.0, ((-170.0, 171.6),), "mp.gamma(x)", "scipy.special.gamma(x)"),
}

GROUPS: dict[str, dict[str, Function]] = {
    "elementary": _ELEMENTARY,
    "trigonometric": _TRIGONOMETRIC,
    "power": _POWER,
    "error": _ERROR,
    "gamma": _GAMMA,
}
"""The functions by the file of this package that builds them."""

FUNCTIONS: dict[str, Function] = {
    name: Function(**{**vars(function), "group": group})
    for group, rows in GROUPS.items()
    for name, function in rows.items()
}
"""Name to what is known of the function. The floors of gammaln and digamma concern negative arguments only."""
