"""The mathematical functions: one row each, read by the compiler, the documentation and the tests."""

from dataclasses import dataclass

type_of_ranges = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Function:
    """What is to be known about a function.

    Attributes
    ----------
    doc : str
        What it computes.
    group : str
        The module that builds it, and the object that holds it.
    ulp : float
        The bound of its error in units in the last place, over `domain`, where a result is a normal number.
    domain : tuple of (low, high)
        The range of each argument that tests draw from; other arguments are tested as special values.
    oracle : str
        The exact value as an expression in `mp` (mpmath) and the arguments `x` (and `y`).
    reference : str
        The NumPy or SciPy function whose special values hold, as ``numpy.exp``; an expression in `x` and `y` otherwise.
    floor : float
        Absolute error allowed besides, where zeros of the function or cancellation make ulp meaningless.
    """

    doc: str
    group: str
    ulp: float
    domain: tuple[tuple[float, float], ...]
    oracle: str
    reference: str
    floor: float = 0.0
    builder: str = ""

    @property
    def arity(self) -> int:
        """The number of arguments."""
        return len(self.domain)


def _row(
    name: str, group: str, doc: str, ulp: float, domain: object, oracle: str, reference: str, floor: float = 0.0
) -> tuple[str, Function]:
    ranges = domain if isinstance(domain[0], tuple) else (domain,)
    return name, Function(doc, group, ulp, ranges, oracle, reference, floor, name)


FUNCTIONS = dict(
    (
        _row("exp", "elementary", "exp(x)", 1.0, (-708.0, 709.7), "mp.exp(x)", "numpy.exp"),
        _row("exp2", "elementary", "2**x", 1.0, (-1021.0, 1023.9), "mp.mpf(2)**x", "numpy.exp2"),
        _row("expm1", "elementary", "exp(x) - 1", 1.0, (-50.0, 709.7), "mp.expm1(x)", "numpy.expm1"),
        _row("log", "elementary", "log(x)", 1.0, (0.0, 1e308), "mp.log(x)", "numpy.log"),
        _row("log2", "elementary", "log(x) / log(2)", 1.0, (0.0, 1e308), "mp.log(x, 2)", "numpy.log2"),
        _row("log10", "elementary", "log(x) / log(10)", 1.0, (0.0, 1e308), "mp.log10(x)", "numpy.log10"),
        _row("log1p", "elementary", "log(1 + x)", 1.0, (-1.0, 1e308), "mp.log1p(x)", "numpy.log1p"),
        _row("sinh", "elementary", "(exp(x) - exp(-x)) / 2", 1.5, (-710.0, 710.0), "mp.sinh(x)", "numpy.sinh"),
        _row("cosh", "elementary", "(exp(x) + exp(-x)) / 2", 1.5, (-710.0, 710.0), "mp.cosh(x)", "numpy.cosh"),
        _row("tanh", "elementary", "sinh(x) / cosh(x)", 1.0, (-20.0, 20.0), "mp.tanh(x)", "numpy.tanh"),
        _row("arcsinh", "elementary", "log(x + sqrt(x**2 + 1))", 2.0, (-1e308, 1e308), "mp.asinh(x)", "numpy.arcsinh"),
        _row("arccosh", "elementary", "log(x + sqrt(x**2 - 1))", 2.0, (1.0, 1e308), "mp.acosh(x)", "numpy.arccosh"),
        _row("arctanh", "elementary", "log((1 + x) / (1 - x)) / 2", 2.0, (-1.0, 1.0), "mp.atanh(x)", "numpy.arctanh"),
        _row(
            "sigmoid", "elementary", "1 / (1 + exp(-x))", 2.0, (-708.0, 40.0), "1/(1+mp.exp(-x))", "scipy.special.expit"
        ),
        _row(
            "softplus",
            "elementary",
            "log(1 + exp(x))",
            2.0,
            (-708.0, 40.0),
            "mp.log1p(mp.exp(x))",
            "numpy.logaddexp(0.0, x)",
        ),
        _row(
            "log1mexp",
            "elementary",
            "log(1 - exp(x)) for x <= 0",
            2.0,
            (-700.0, 0.0),
            "mp.log(-mp.expm1(x)) if x > -1 else mp.log1p(-mp.exp(x))",
            "numpy.log1p(-numpy.exp(x))",
        ),
        _row("sin", "trigonometric", "sin(x)", 1.0, (-1e308, 1e308), "mp.sin(x)", "numpy.sin"),
        _row("cos", "trigonometric", "cos(x)", 1.0, (-1e308, 1e308), "mp.cos(x)", "numpy.cos"),
        _row("tan", "trigonometric", "tan(x)", 2.0, (-1e308, 1e308), "mp.tan(x)", "numpy.tan"),
        _row("arcsin", "trigonometric", "arcsin(x)", 1.0, (-1.0, 1.0), "mp.asin(x)", "numpy.arcsin"),
        _row("arccos", "trigonometric", "arccos(x)", 1.0, (-1.0, 1.0), "mp.acos(x)", "numpy.arccos"),
        _row("arctan", "trigonometric", "arctan(x)", 1.0, (-1e308, 1e308), "mp.atan(x)", "numpy.arctan"),
        _row(
            "arctan2",
            "trigonometric",
            "the angle of (x, y) for arguments (y, x)",
            1.5,
            ((-1e308, 1e308), (-1e308, 1e308)),
            "mp.atan2(x, y)",
            "numpy.arctan2",
        ),
        _row("pow", "power", "x**y", 1.0, ((0.0, 1e308), (-1e308, 1e308)), "mp.power(x, y)", "numpy.power"),
        _row("erf", "error", "the error function", 1.0, (-6.0, 6.0), "mp.erf(x)", "scipy.special.erf"),
        _row("erfc", "error", "1 - erf(x)", 3.0, (-6.0, 26.5), "mp.erfc(x)", "scipy.special.erfc"),
        _row("erfcx", "error", "exp(x**2) erfc(x)", 3.0, (-26.6, 1e308), "mp.exp(x*x)*mp.erfc(x)", "scipy.special.erfcx"),
        _row("erfinv", "error", "the inverse of erf", 2.0, (-1.0, 1.0), "mp.erfinv(x)", "scipy.special.erfinv"),
        _row("erfcinv", "error", "the inverse of erfc", 2.0, (0.0, 2.0), "erfcinv(x)", "scipy.special.erfcinv"),
        _row("ndtri", "error", "the standard normal quantile", 2.0, (0.0, 1.0), "ndtri(x)", "scipy.special.ndtri"),
        _row("gammaln", "gamma", "log(|Gamma(x)|)", 2.0, (0.0, 1e305), "mp.loggamma(x)", "scipy.special.gammaln"),
        _row("digamma", "gamma", "the derivative of log(Gamma(x))", 3.0, (0.0, 1e308), "mp.digamma(x)", "scipy.special.digamma"),
        _row("trigamma", "gamma", "the second derivative of log(Gamma(x))", 3.0, (-100.0, 1e308), "mp.polygamma(1, x)", "scipy.special.polygamma(1, x)"),
        _row("gamma", "gamma", "Gamma(x)", 3.0, (-170.0, 171.6), "mp.gamma(x)", "scipy.special.gamma"),
    )
)
"""Name to what is known of the function."""

GROUPS = tuple(dict.fromkeys(function.group for function in FUNCTIONS.values()))
"""The objects that functions are built into; each is compiled and loaded when first needed."""
