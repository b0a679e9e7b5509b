"""Random compositions of functions of one draw: the derived density against a change of variables done numerically."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats

import pellucid.compile.function  # noqa: F401  # brings .eval() to tensors
import pellucid.stats as ps
import pellucid.tensor as pt

BASES = {
    "normal": (lambda: ps.Normal.dist(0.3, 0.8, shape=1), stats.norm(0.3, 0.8), False),
    "gamma": (lambda: ps.Gamma.dist(2.0, 1.5, shape=1), stats.gamma(2.0, scale=1 / 1.5), True),
    "uniform": (lambda: ps.Uniform.dist(-1.5, 2.0, shape=1), stats.uniform(-1.5, 3.5), False),
    "logistic": (lambda: pt.logit(ps.Beta.dist(1.0, 1.0, shape=1)), stats.logistic(), False),
}
# The tensor function, the same in NumPy, and whether its values are positive.
ANYWHERE = {
    "exp": (pt.exp, np.exp, True), "tanh": (pt.tanh, np.tanh, False), "arctan": (pt.arctan, np.arctan, False),
    "cube": (lambda x: x**3, lambda x: x**3, False), "abs": (pt.abs, np.abs, True), "sqr": (pt.sqr, np.square, True),
    "line": (lambda x: 1.0 - 2.0 * x, lambda x: 1.0 - 2.0 * x, False), "cosh": (pt.cosh, np.cosh, True),
    "sigmoid": (pt.sigmoid, special.expit, True), "softplus": (pt.softplus, lambda x: np.logaddexp(0, x), True),
    "reciprocal": (pt.reciprocal, np.reciprocal, None), "arcsinh": (pt.arcsinh, np.arcsinh, None),
    "fourth": (lambda x: x**4, lambda x: x**4, True), "part": (lambda x: 3.0 / x, lambda x: 3.0 / x, None),
}  # fmt: skip
POSITIVE = {
    "log": (pt.log, np.log, False), "sqrt": (pt.sqrt, np.sqrt, True), "log1p": (pt.log1p, np.log1p, True),
    "power": (lambda x: x**1.7, lambda x: x**1.7, True), "expm1": (pt.expm1, np.expm1, True),
}  # fmt: skip


@st.composite
def compositions(draw):
    """The name of a base, and functions that can follow each other."""
    base = draw(st.sampled_from(sorted(BASES)))
    positive, found = BASES[base][2], []
    for _ in range(draw(st.integers(1, 4))):
        table = {**ANYWHERE, **POSITIVE} if positive else ANYWHERE
        name = draw(st.sampled_from(sorted(table)))
        found.append(table[name])
        positive = positive if table[name][2] is None else table[name][2]
    return base, found, draw(st.floats(0.02, 0.98))


def preimages(f, y, grid):
    """Where f takes the value y: the places between which it passes y, refined."""
    found = []
    with np.errstate(all="ignore"):
        sides = np.sign(f(grid) - y)
    for i in np.flatnonzero(sides[1:] * sides[:-1] < 0):
        root = optimize.brentq(lambda u: f(u) - y, grid[i], grid[i + 1], xtol=1e-14, rtol=1e-14)
        if abs(f(root) - y) < 1e-6 * (1 + abs(y)):  # else a pole, where the sign changes too
            found.append(root)
    return np.array(found)


def slope(f, u):
    """The derivative by Richardson's extrapolation of central differences."""
    h = 1e-4 * max(abs(u), 1e-2)
    with np.errstate(all="ignore"):
        d = [(f(u + s * h) - f(u - s * h)) / (2 * s * h) for s in (1.0, 0.5)]
        return (4 * d[1] - d[0]) / 3


@settings(max_examples=200, deadline=None, derandomize=True)
@given(compositions())
def test_density_is_that_of_the_change_of_variables(case):
    base, functions, q = case
    make, dist, _ = BASES[base]

    def f(u):
        with np.errstate(all="ignore"):
            for _, numeric, _ in functions:
                u = numeric(u)
        return u

    rv = make()
    for symbolic, _, _ in functions:
        rv = symbolic(rv)
    u = dist.ppf(q)
    y = f(u)
    low, high = dist.ppf([1e-9, 1 - 1e-9])
    grid = 3.7e-9 + np.union1d(  # so that no root lies on it exactly
        np.linspace(low, high, 2_001), dist.ppf(np.linspace(1e-9, 1 - 1e-9, 2_001))
    )
    roots = preimages(f, y, grid)
    slopes = np.array([slope(f, r) for r in roots])
    with np.errstate(all="ignore"):
        scale = np.abs(slopes) * np.maximum(np.abs(roots), 1e-2) / max(abs(y), 1e-300)
    if (
        not np.all(np.isfinite([y, *scale]))
        or abs(y) > 1e8
        or len(roots) == 0
        or np.any(scale < 1e-4)
        or np.any(scale > 1e6)
    ):
        return  # so steep or so flat that differences of doubles say nothing
    expected = np.log(np.sum(dist.pdf(roots) / np.abs(slopes)))
    with np.errstate(all="ignore"):
        found = float(ps.logp(rv, np.array([y])).eval()[0])
    np.testing.assert_allclose(found, expected, atol=3e-4)
