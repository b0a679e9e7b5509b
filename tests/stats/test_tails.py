"""Densities, tails and quantiles of the distributions without closed forms, against mpmath, far out and at extremes."""

import math

import mpmath as mp
import numpy as np
import pytest
from scipy import stats

from pellucid.compile.numpy import compile as interpret
from pellucid.diff import grad
from pellucid.stats import DISTRIBUTIONS, families
from pellucid.stats.quantiles import solve
from stats.registry import variables

families.load_all()
HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def log_normal_cdf(z):
    """log Phi(z)."""
    return mp.log(mp.erfc(-z / mp.sqrt(2)) / 2)


def skew_normal(x, mu, sigma, alpha):
    z = (x - mu) / sigma
    return mp.log(2 / sigma / mp.sqrt(2 * mp.pi)) - z**2 / 2 + log_normal_cdf(alpha * z)


def ex_gaussian(x, mu, sigma, nu):
    z, rate = (x - mu) / sigma, sigma / nu
    return rate**2 / 2 - rate * z + log_normal_cdf(z - rate) - mp.log(nu)


def wald(x, mu, lam, alpha):
    y = x - alpha
    return mp.log(lam / (2 * mp.pi * y**3)) / 2 - lam * (y - mu) ** 2 / (2 * mu**2 * y)


def skew_student_t(x, a, b, mu, sigma):
    z = (x - mu) / sigma
    w = z / mp.sqrt(a + b + z**2)
    kernel = (a + mp.mpf(1) / 2) * mp.log(1 + w) + (b + mp.mpf(1) / 2) * mp.log(1 - w)
    return kernel - (a + b - 1) * mp.log(2) - mp.log(mp.beta(a, b)) - mp.log(a + b) / 2 - mp.log(sigma)


def rice(x, nu, sigma):
    z, b = x / sigma, nu / sigma
    return mp.log(z / sigma) - (z**2 + b**2) / 2 + mp.log(mp.besseli(0, z * b))


def von_mises(x, mu, kappa):
    return kappa * mp.cos(x - mu) - mp.log(2 * mp.pi * mp.besseli(0, kappa))


def panels(density, x, step):
    """The log of the integral of a density from x on in the direction of `step`, by panels that grow."""
    start, total, top = x, mp.mpf(0), density(x)
    for _ in range(400):
        end = start + step
        part = abs(mp.quad(lambda t: mp.exp(density(t) - top), [start, end], maxdegree=4))
        total += part
        if part < total * mp.mpf(10) ** -17 and density(end) < density(start):
            break
        start, step = end, step * mp.mpf("1.7")
    return mp.log(total) + top


def tails_of_skew_normal(x, mu, sigma, alpha):
    """From the thin side by panels; the other side is the rest."""
    at = lambda t: skew_normal(t, mu, sigma, alpha)  # noqa: E731
    away = -1 if alpha >= 0 else 1
    step = away * sigma / (3 + 3 * abs(alpha))
    if (x - mu) * away > 0:
        thin = panels(at, x, step)
        thick = mp.log(-mp.expm1(thin))
    else:  # the size of X - mu is half-normal
        thick = mp.log(mp.erfc(abs(x - mu) / sigma / mp.sqrt(2)) - mp.exp(panels(at, 2 * mu - x, step)))
        thin = mp.log(-mp.expm1(thick))
    return (thin, thick) if away < 0 else (thick, thin)


def tails_of_ex_gaussian(x, mu, sigma, nu):
    z, rate = (x - mu) / sigma, sigma / nu
    smeared = mp.exp(rate**2 / 2 - rate * z) * mp.erfc((rate - z) / mp.sqrt(2)) / 2
    return mp.log(mp.erfc(-z / mp.sqrt(2)) / 2 - smeared), mp.log(mp.erfc(z / mp.sqrt(2)) / 2 + smeared)


def tails_of_wald(x, mu, lam, alpha):
    y = x - alpha
    root = mp.sqrt(lam / y)
    one = mp.erfc(-root * (y / mu - 1) / mp.sqrt(2)) / 2
    other = mp.exp(2 * lam / mu) * mp.erfc(root * (y / mu + 1) / mp.sqrt(2)) / 2
    return mp.log(one + other), mp.log(1 - one - other)


def tails_of_skew_t(x, a, b, mu, sigma):
    z = (x - mu) / sigma
    w = z / mp.sqrt(a + b + z**2)
    below = mp.betainc(a, b, 0, (1 + w) / 2, regularized=True)
    return mp.log(below), mp.log(mp.betainc(b, a, 0, (1 - w) / 2, regularized=True))


def tails_of_rice(x, nu, sigma):
    """By the Poisson mixture of gamma variables that the square of x follows."""
    half, end = (nu / sigma) ** 2 / 2, (x / sigma) ** 2 / 2
    weight, below, above = mp.exp(-half), mp.mpf(0), mp.mpf(0)
    upper, term = mp.exp(-end), mp.exp(-end)  # Q(1, end), and end**k exp(-end) / k!
    for k in range(1, 4000):
        above, below = above + weight * upper, below + weight * (1 - upper)
        weight, term = weight * half / k, term * end / k
        upper += term
        if k > half + end and weight < below * mp.mpf(10) ** -25:
            break
    return mp.log(below), mp.log(above)


def tails_of_von_mises(x, mu, kappa):
    """Both as integrals over panels that are short next to the width of the peak, and next to the ends."""
    scale, total = 1 / mp.sqrt(kappa), mp.log(2 * mp.pi * mp.besseli(0, kappa))
    turns = (0, -2 * mp.pi, 2 * mp.pi)
    cuts = [mu + turn + side * scale * k for turn in turns for side in (-1, 1) for k in (0, 2, 5, 9)]

    def between(low, high):
        top = max(kappa * mp.cos(t - mu) for t in (low, high))
        near = [low + (high - low) * mp.mpf(4) ** -k for k in range(1, 7)]
        near += [high - (high - low) * mp.mpf(4) ** -k for k in range(1, 7)]
        edges = sorted({low, high, *near, *[c for c in cuts if low < c < high]})
        area = mp.quad(lambda t: mp.exp(kappa * mp.cos(t - mu) - top), edges, maxdegree=4, method="gauss-legendre")
        return mp.log(area) + top - total

    return between(-mp.pi, x), between(x, mp.pi)


CASES = {
    "Rice": (
        rice,
        tails_of_rice,
        [
            ((0.0, 1.0), [1e-9, 0.5, 1.2, 8.0, 40.0]),
            ((3.0, 0.5), [0.01, 1.0, 2.9, 3.4, 3.6, 9.0]),
            ((50.0, 2.0), [20.0, 45.0, 51.0, 53.0, 60.0]),
        ],
    ),
    "VonMises": (
        von_mises,
        tails_of_von_mises,
        [
            ((0.0, 4.0), [-3.1415, -2.0, 0.0, 1.0, 3.1]),
            ((2.0, 4.0), [-3.1, -1.14, 0.0, 2.0, 3.1]),
            ((-3.0, 0.01), [-3.1, -1.0, 0.5, 3.0]),
            ((1.0, 1e4), [-1.0, 0.8, 1.0, 1.01, 2.0]),
        ],
    ),
    "SkewNormal": (
        skew_normal,
        tails_of_skew_normal,
        [
            ((0.0, 1.0, 0.0), [-40.0, -3.0, 0.0, 1.0, 12.0]),
            ((0.0, 1.0, 4.0), [-30.0, -3.0, -0.1, 0.0, 0.05, 1.0, 12.0, 45.0]),
            ((0.0, 1.0, -4.0), [-45.0, -3.0, -0.1, 0.05, 1.0, 12.0]),
            ((0.3, 1e3, 1e3), [-1.0, 0.0, 1e-3, 1.0, 1e3, 9e3]),
            ((0.3, 1e-3, -0.02), [0.29, 0.2999, 0.3, 0.3001, 0.31]),
        ],
    ),
    "ExGaussian": (
        ex_gaussian,
        tails_of_ex_gaussian,
        [
            ((0.0, 1.0, 1.0), [-30.0, -2.0, 0.2, 0.6, 3.0, 50.0, 1e3]),
            ((0.0, 1.0, 1e4), [-20.0, -1.0, 1e-6, 0.3, 5.0, 1e2, 1e5]),
            ((0.0, 1.0, 1e-4), [-25.0, -1.0, 0.0, 0.5, 9.0]),
            ((1e3, 2.0, 0.5), [950.0, 999.0, 1001.0, 1020.0]),
        ],
    ),
    "Wald": (
        wald,
        tails_of_wald,
        [
            ((1.0, 1.0, 0.0), [1e-3, 0.1, 1.0, 3.0, 200.0]),
            ((3.0, 400.0, 0.2), [1.0, 2.9, 3.2, 3.5, 20.0]),
            ((1e4, 0.5, 0.0), [1e-3, 1.0, 1e3, 1e6, 1e9]),
            ((2.0, 1e-3, 0.0), [1e-5, 1e-3, 1.0, 1e4]),
        ],
    ),
    "SkewStudentT": (
        skew_student_t,
        tails_of_skew_t,
        [
            ((2.0, 3.0, 0.0, 1.0), [-1e3, -1.0, 0.0, 2.0, 1e4]),
            ((0.4, 30.0, 0.5, 2.0), [-1e4, -3.0, 0.5, 1.0, 5.0]),
            ((1e3, 3.5, 0.0, 1.0), [-5.0, 1.0, 30.0, 1e3]),
        ],
    ),
}
# Far out, where the incomplete gamma and beta functions underflow: mpmath to 20 digits.
FAR = [
    ("Gamma", "logccdf", (2.0, 1.0), 1e3, "log(gammainc(2, 1000) / gamma(2))"),
    ("Gamma", "logccdf", (0.01, 1.0), 800.0, "log(gammainc(A, 800) / gamma(A))"),
    ("Gamma", "logcdf", (1e3, 1.0), 100.0, "log(gammainc(1000, 0, 100, regularized=True))"),
    ("Gamma", "logcdf", (2.0, 1.0), 1e-200, "2 * log(X) - log(2)"),
    ("Gamma", "logcdf", (2.0, 1.0), 0.0, "-inf"),
    ("InverseGamma", "logcdf", (2.0, 1.0), 1e-3, "log(gammainc(2, 1 / X) / gamma(2))"),
    ("InverseGamma", "logccdf", (3.0, 1.0), 1e150, "-3 * log(X) - log(6)"),
    ("ChiSquared", "logccdf", (4.0,), 2e3, "log(gammainc(2, 1000) / gamma(2))"),
    ("StudentT", "logcdf", (1e3, 0.0, 1.0), -10.0, "log(betainc(A / 2, 0.5, 0, A / (A + X**2), regularized=True) / 2)"),
    ("StudentT", "logccdf", (30.0, 0.0, 1.0), 1e25, "log(betainc(15, 0.5, 0, 30 / (30 + X**2), regularized=True) / 2)"),
    ("StudentT", "logcdf", (0.5, 0.0, 1.0), -4.0, "log(betainc(A / 2, 0.5, 0, A / (A + X**2), regularized=True) / 2)"),
    ("Beta", "logcdf", (1e3, 3.5), 0.1, "log(betainc(1000, B, 0, X)) - log(beta(1000, B))"),
    ("Beta", "logcdf", (0.5, 30.0), 1e-300, "log(betainc(A, B, 0, X)) - log(beta(A, B))"),
    ("Beta", "logccdf", (3.0, 2e3), 0.5, "log(betainc(B, A, 0, 1 - X)) - log(beta(B, A))"),
]


@pytest.mark.parametrize(("name", "method", "row", "x", "truth"), FAR)
def test_tails_that_underflow_have_logarithms(name, method, row, x, truth):
    (found,) = methods(name, row, [x], method)
    with mp.workdps(40):
        given = {"X": mp.mpf(x), "A": mp.mpf(row[0]), "B": mp.mpf(row[-1])}
        expected = float(eval(truth, vars(mp), given))  # noqa: S307
    assert found[0] == expected or abs(found[0] - expected) <= 1e-13 * max(10.0, abs(expected))


DIGITS = {"Rice": 1200, "SkewNormal": 25, "SkewStudentT": 60, "VonMises": 25}
ROWS = [(name, i) for name, (_, _, rows) in CASES.items() for i in range(len(rows))]


def methods(name, row, points, *wanted):
    """Methods of a distribution at points, for one row of parameters."""
    family = DISTRIBUTIONS[name]
    symbols = variables(family)
    x = symbols[0].type.variable(name="x")
    d = family.of(*symbols)
    arrays = [np.full(len(points), p) for p in row]
    return interpret([*symbols, x], [getattr(d, m)(x) for m in wanted])(*arrays, np.array(points))


@pytest.mark.parametrize(("name", "i"), ROWS)
def test_density_and_both_tails_keep_their_digits(name, i):
    density, tails, rows = CASES[name]
    row, points = rows[i]
    found = methods(name, row, points, "logp", "logcdf", "logccdf")
    with mp.workdps(DIGITS.get(name, 800)):  # the others by differences
        parameters = [mp.mpf(p) for p in row]
        for k, x in enumerate(map(mp.mpf, points)):
            expected = [float(v) for v in (density(x, *parameters), *tails(x, *parameters))]
            for ours, theirs in zip(found, expected, strict=True):
                assert abs(ours[k] - theirs) <= 2e-13 * max(1.0, abs(theirs)), (points[k], ours[k], theirs)


@pytest.mark.parametrize(("name", "i"), ROWS)
def test_quantiles_undo_the_distribution_function(name, i):
    row, points = CASES[name][2][i]
    below, above, density = methods(name, row, points, "logcdf", "logccdf", "logp")
    usable = (below > -700) & (above > -30)  # else the probability is no number that differs from 0 and 1
    x, below, above, density = np.array(points)[usable], below[usable], above[usable], density[usable]
    (found,) = methods(name, row, np.exp(below), "quantile")
    rounding = 4.5e-16 * (1 + np.abs(below)) * np.exp(below - density)  # of the probability
    own = 1e-13 * np.exp(np.minimum(below, above) - density)
    assert (np.abs(found - x) <= rounding + own + 3e-12 * np.abs(x)).all(), (found, x)


@pytest.mark.parametrize("name", sorted(CASES))
def test_slopes_of_both_tails_are_the_density(name):
    row, points = CASES[name][2][1]
    family = DISTRIBUTIONS[name]
    symbols = variables(family)
    x = symbols[0].type.variable(name="x")
    d = family.of(*symbols)
    below, above = d.logcdf(x), d.logccdf(x)
    slopes = [grad(below.sum(), x), -grad(above.sum(), x)]
    arrays = [*[np.full(len(points), p) for p in row], np.array(points)]
    found = interpret([*symbols, x], [*slopes, below, above, d.logp(x)])(*arrays)
    for slope, tail_ in zip(found[:2], found[2:4], strict=True):
        expected = np.exp(found[4] - tail_)
        assert (np.abs(slope - expected) <= 1e-9 * expected + 1e-300).all(), (slope, expected)


def test_a_search_comes_back_from_where_a_formula_fails():
    def cdf(x):
        with np.errstate(all="ignore"):
            failing = np.where(np.abs(x) > 1e10, np.nan, 0.0)
            return stats.norm.logcdf(x) + failing, stats.norm.logsf(x) + failing, stats.norm.logpdf(x) + failing

    q = np.array([1e-200, 1e-3, 0.5, 1.0 - 1e-12, np.nan])
    with np.errstate(all="ignore"):
        found = solve(cdf, q, np.full(5, -np.inf), np.full(5, np.inf))
    np.testing.assert_allclose(found[:4], stats.norm.ppf(q[:4]), rtol=1e-13, atol=1e-300)
    assert np.isnan(found[4])
