"""Derivatives of the incomplete gamma and beta functions in their parameters.

Both are derivatives of a distribution function F in a parameter, and with the score of the density that is

    dF/da = F (E[s | T < x] - E[s]),    s = d log f(T) / da without its constant: log T.

Conditional means are integrals of log-concave functions over the smaller tail (of log T, or of the logit of T), where
no digits cancel; Gauss-Legendre panels give them to about 1e-13. Up to x = 1 the gamma function's own series is used.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from pellucid.tensor.elementwise import elementwise
from pellucid.tensor.operators import FUNCTIONS
from pellucid.tensor.transcendental import exp, log, log1p

FAR = 45.0  # exp(-45) of a maximum is below its rounding
BREAKS = np.arange(-32.0, 33.0, 4.0)  # the logit's own scale is 1: panels must not mix it with longer tails


def _no_gradient(what: str) -> Any:
    def refuse(g: Any, *_args: Any) -> Any:
        raise TypeError(f"The derivative of {what} in this argument is not implemented; use pt.disconnected_grad(...).")

    return refuse


@lru_cache(maxsize=4)
def legendre(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on [0, 1]."""
    x, w = np.polynomial.legendre.leggauss(n)
    return (x + 1) / 2, w / 2


def first_below(drop: Callable[[np.ndarray], np.ndarray], far: np.ndarray) -> np.ndarray:
    """The distance in [0, far] at which an increasing function passes FAR, by bisection."""
    low, high = np.zeros_like(far), far.copy()
    for _ in range(44):
        middle = (low + high) / 2
        beyond = drop(middle) > FAR
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return high


Curve = Callable[[np.ndarray], np.ndarray]


def panel_mean(log_density: Curve, value: Curve, edges: np.ndarray, n: int) -> np.ndarray:
    """The mean of a function under an unnormalised density over panels, whose edges are the last axis."""
    nodes, weights = legendre(n)
    widths = np.diff(edges)[..., None]
    points = edges[..., :-1, None] + widths * nodes
    mass = widths * weights * np.exp(log_density(points))
    return np.sum(mass * value(points), (-2, -1)) / np.sum(mass, (-2, -1))


def gamma_tail_mean(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """E[log T | T < x] - log x of a gamma variable where x <= a, and E[log T | T > x] - log x where x > a; x >= 1."""
    side = np.where(x > a, 1.0, -1.0)

    def log_density(s: np.ndarray, a: np.ndarray = a, x: np.ndarray = x, side: np.ndarray = side) -> np.ndarray:
        return side * a * s - x * np.expm1(side * s)

    far = first_below(lambda s: -log_density(s), np.where(x > a, 5.0, 2.0 + 2 * FAR / a))
    edges = np.stack([np.zeros_like(far), far], -1)
    wide = [v[..., None, None] for v in (a, x, side)]
    return side * panel_mean(lambda s: log_density(s, *wide), lambda s: s, edges, 64)


def gamma_series(special: Any, a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dP/da for x <= 1: the derivative of P = sum x**(a + n) exp(-x) / gamma(a + n + 1), term by term."""
    logs = np.log(x)
    term = np.exp(a * logs - x - special.gammaln(a + 1))
    psi, total = special.digamma(a + 1), np.zeros_like(x)
    for n in range(30):
        total += term * (logs - psi)
        term = term * x / (a + n + 1)
        psi = psi + 1 / (a + n + 1)
    return total


def slope_of_gammainc(xp: Any, a: Any, x: Any) -> Any:
    """dP(a, x) / da."""
    dtype, special = np.result_type(a, x), xp.special
    a, x = (np.array(v, "float64") for v in np.broadcast_arrays(a, x))
    found = np.where((a > 0) & ((x == 0) | (x == np.inf)), 0.0, np.nan)
    inside = (a > 0) & (a < np.inf) & (x > 0) & (x < np.inf)
    small = inside & (x <= 1)
    found[small] = gamma_series(special, a[small], x[small])
    large = inside & (x > 1)
    a, x = a[large], x[large]
    tail = np.where(x > a, -special.gammaincc(a, x), special.gammainc(a, x))
    found[large] = tail * (np.log(x) - special.digamma(a) + gamma_tail_mean(a, x))
    return found.astype(dtype)


def log_parts(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The logarithms of t and 1 - t, for t of logit z."""
    return -np.logaddexp(0, -z), -np.logaddexp(0, z)


def beta_tail_mean(a: np.ndarray, b: np.ndarray, z: np.ndarray, other: np.ndarray) -> np.ndarray:
    """E[log T | logit T < z] of a beta variable, or of log(1 - T) where `other`."""
    start = np.minimum(z, np.log(a) - np.log(b))
    low, high = log_parts(start)
    top = a * low + b * high

    def log_density(z: np.ndarray, a: np.ndarray, b: np.ndarray, top: np.ndarray) -> np.ndarray:
        low, high = log_parts(z)
        return a * low + b * high - top

    depth = first_below(lambda s: -log_density(start - s, a, b, top), 6 + 1.2 * FAR / a + np.log1p(a / b))
    first = (start - depth)[..., None]
    edges = np.concatenate([first, np.clip(BREAKS, first, z[..., None]), z[..., None]], -1)
    wide = [v[..., None, None] for v in (a, b, top)]
    other = other[..., None, None]
    return panel_mean(lambda z: log_density(z, *wide), lambda z: np.where(other, *log_parts(z)[::-1]), edges, 24)


def slope_of_betainc(xp: Any, a: Any, b: Any, x: Any, *, second: bool = False) -> Any:
    """dI_x(a, b) / da, or / db."""
    dtype, special = np.result_type(a, b, x), xp.special
    a, b, x = (np.array(v, "float64") for v in np.broadcast_arrays(a, b, x))
    fine = (a > 0) & (b > 0) & (a < np.inf) & (b < np.inf)
    found = np.where(fine & ((x == 0) | (x == 1)), 0.0, np.nan)
    inside = fine & (x > 0) & (x < 1)
    a, b, x = a[inside], b[inside], x[inside]
    lower, upper = special.betainc(a, b, x), special.betaincc(a, b, x)
    z = np.log(x) - np.log1p(-x)
    left = lower <= upper
    p, q = np.where(left, a, b), np.where(left, b, a)  # the upper tail is the lower one of 1 - T
    own = beta_tail_mean(p, q, np.where(left, z, -z), left == second)
    mean = special.digamma(b if second else a) - special.digamma(a + b)
    found[inside] = np.where(left, lower, -upper) * (own - mean)
    return found.astype(dtype)


def gamma_density(a: Any, x: Any) -> Any:
    """The density of the gamma distribution of shape a."""
    return exp((a - 1.0) * log(x) - x - FUNCTIONS["gammaln"](a))


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """The density of the beta distribution."""
    constant = FUNCTIONS["gammaln"](a) + FUNCTIONS["gammaln"](b) - FUNCTIONS["gammaln"](a + b)
    return exp((a - 1.0) * log(x) + (b - 1.0) * log1p(-x) - constant)


def digamma_gap(a: Any, b: Any) -> Any:
    """digamma(a) - digamma(a + b)."""
    return FUNCTIONS["digamma"](a) - FUNCTIONS["digamma"](a + b)


def native_slope_of_gammainc(k: Any, a: Any, x: Any) -> Any:
    """The same as scalar code."""
    p, t = k.cast(a, "float64"), k.cast(x, "float64")
    next_ = k.add(p, k.constant(1.0, "float64"))
    tails = k.scipy("gammainc", p, t), k.scipy("gammaincc", p, t)
    return k.cast(
        k.slope("gammainc_by_a", p, t, *tails, k.function("gammaln", next_), k.function("digamma", next_)), a.dtype
    )


gammainc_by_a = elementwise("gammainc_by_a", "The derivative of P(a, x) in a.", slope_of_gammainc,
                            llvm=native_slope_of_gammainc,
                            pullbacks=(_no_gradient("gammainc_by_a"),
                                       lambda g, y, a, x: g * gamma_density(a, x)
                                       * (log(x) - FUNCTIONS["digamma"](a))),
                            domain=((0.5, 4.0), (0.1, 5.0)), floating=True)
betainc_by_a = elementwise("betainc_by_a", "The derivative of I_x(a, b) in a.", slope_of_betainc,
                           pullbacks=(_no_gradient("betainc_by_a"), _no_gradient("betainc_by_a"),
                                      lambda g, y, a, b, x: g * beta_density(a, b, x)
                                      * (log(x) - digamma_gap(a, b))),
                           domain=((0.5, 4.0), (0.5, 4.0), (0.05, 0.95)), floating=True)
betainc_by_b = elementwise("betainc_by_b", "The derivative of I_x(a, b) in b.",
                           lambda xp, a, b, x: slope_of_betainc(xp, a, b, x, second=True),
                           pullbacks=(_no_gradient("betainc_by_b"), _no_gradient("betainc_by_b"),
                                      lambda g, y, a, b, x: g * beta_density(a, b, x)
                                      * (log1p(-x) - digamma_gap(b, a))),
                           domain=((0.5, 4.0), (0.5, 4.0), (0.05, 0.95)), floating=True)
