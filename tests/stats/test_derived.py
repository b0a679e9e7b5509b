"""Derived distributions: against SciPy, quadrature, enumeration and draws."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import integrate, stats

import pellucid.stats as ps
import pellucid.tensor as pt
from pellucid.compile.function import function
from pellucid.diff import grad
from pellucid.graph.nodes import Op
from pellucid.stats.derivations import RULES, Measure, derives, measure
from pellucid.stats.logprob import transformed_conditional_logp
from pellucid.tensor.folds import ifelse
from pellucid.tensor.scan import scan
from pellucid.tensor.subgraph import OpFromGraph

N = 4000


def z(*shape):
    return ps.Normal.dist(0.3, 1.2, shape=shape)


def leaky(x):
    return pt.switch(x > 0, x, 0.1 * x)


NORMAL = stats.norm(0.3, 1.2)
ONE, THREE = z(), z(3)

# Continuous, elementwise: an expression of draws of a shape, and points inside its support.
CONTINUOUS = {
    "abs": (lambda *s: pt.abs(z(*s)), [0.01, 0.5, 2.0]),
    "square": (lambda *s: z(*s) ** 2, [0.01, 0.5, 2.0]),
    "sqr + 1": (lambda *s: pt.sqr(z(*s)) + 1, [1.01, 1.5, 2.0]),
    "fourth power": (lambda *s: z(*s) ** 4, [0.01, 0.5, 2.0]),
    "cube": (lambda *s: z(*s) ** 3, [-2.0, 0.5, 2.0]),
    "inverse cube": (lambda *s: z(*s) ** -3, [-2.0, 0.5, 2.0]),
    "inverse square": (lambda *s: z(*s) ** -2, [0.2, 0.5, 2.0]),
    "cosh": (lambda *s: pt.cosh(z(*s)), [1.01, 1.5, 3.0]),
    "reciprocal": (lambda *s: pt.reciprocal(z(*s)), [-3.0, -0.2, 0.4, 2.0]),
    "-2 / z": (lambda *s: -2.0 / z(*s), [-3.0, -0.2, 0.4, 2.0]),
    "log10": (lambda *s: pt.log10(pt.exp(z(*s))), [-1.0, 0.2, 1.1]),
    "arccosh": (lambda *s: pt.arccosh(1 + pt.exp(z(*s))), [0.4, 1.0, 2.1]),
    "erf": (lambda *s: pt.erf(z(*s)), [-0.4, 0.1, 0.8]),
    "arctan": (lambda *s: pt.arctan(z(*s)), [-1.0, 0.2, 1.1]),
    "sinh": (lambda *s: pt.sinh(z(*s)), [-1.0, 0.2, 3.0]),
    "tanh": (lambda *s: pt.tanh(z(*s)), [-0.9, 0.2, 0.8]),
    "softplus": (lambda *s: pt.softplus(z(*s)), [0.1, 0.7, 3.0]),
    "maximum of two": (lambda *s: pt.maximum(z(*s), ps.Exponential.dist(1.0, shape=s)), [0.1, 0.7, 3.0]),
    "minimum of two": (lambda *s: pt.minimum(z(*s), ps.Normal.dist(1.0, 1.0, shape=s)), [-1.0, 0.7, 2.0]),
    "switch": (
        lambda *s: pt.switch(ps.Bernoulli.dist(0.3, shape=s), z(*s), ps.Normal.dist(4.0, 0.5, shape=s)),
        [-1.0, 0.7, 4.2],
    ),
    "switch of a comparison": (
        lambda *s: pt.switch(ps.Gamma.dist(2.0, 1.0, shape=s) > 1.5, z(*s), pt.exp(z(*s))),
        [-1.0, 0.7, 4.2],
    ),
    "leaky": (lambda *s: leaky(z(*s)), [-0.2, -0.01, 0.7, 2.0]),
    "moved": (lambda *s: pt.exp(z(*s, 1).T[0]), [0.2, 1.0, 2.0]),
    "joined": (lambda n: pt.concatenate([2.0 * z(n // 2), 2.0 * z(n - n // 2)]), [0.2, 1.0, 2.0]),
    "reshaped": (lambda *s: pt.reshape(z(2, s[0] // 2), -1) * 2, [0.2, 1.0, 2.0]),
    "max of five": (lambda *s: pt.max(z(5, *s), axis=0), [0.2, 1.0, 2.0]),
    "min of five": (lambda *s: pt.min(z(*s, 5), axis=-1), [-2.0, -1.0, 0.5]),
    "second of five": (lambda *s: pt.sort(z(*s, 5), axis=-1)[:, 1], [-2.0, -0.5, 0.5]),
}


def curve(f, x):
    """A derived quantity at points, for an expression of as many elements."""
    with np.errstate(all="ignore"):
        return f(pt.as_tensor_variable(x)).eval()


@pytest.mark.parametrize("name", CONTINUOUS)
def test_density_is_the_slope_of_the_distribution_function(name):
    make, points = CONTINUOUS[name]
    x = np.repeat(np.array(points), 2)[: 2 * len(points)]
    rv, step = make(len(x)), 1e-5
    cdf = lambda v: np.exp(curve(lambda t: ps.logcdf(rv, t), v))  # noqa: E731
    slope = (cdf(x + step) - cdf(x - step)) / (2 * step)
    density = np.exp(curve(lambda t: ps.logp(rv, t), x))
    np.testing.assert_allclose(density, slope, rtol=1e-5, atol=1e-8)  # the error of central differences
    above = np.exp(curve(lambda t: ps.logccdf(rv, t), x))
    np.testing.assert_allclose(cdf(x) + above, 1.0, rtol=1e-12)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_draws_follow_the_distribution_function(name):
    rv = CONTINUOUS[name][0](N)
    drawn = ps.draw(rv, random_seed=3)
    u = np.exp(curve(lambda t: ps.logcdf(rv, t), drawn))
    assert stats.kstest(u, "uniform").pvalue > 1e-4


RANGES = {"abs": (0, 9), "cube": (-300, 300), "max of five": (-9, 9), "switch": (-9, 9), "leaky": (-2, 9)}


@pytest.mark.parametrize(("name", "low", "high"), [(k, *v) for k, v in RANGES.items()])
def test_density_integrates_to_one(name, low, high):
    rv, kinks = CONTINUOUS[name][0](2), [0.0]
    f = pt.vector("v", shape=(2,))
    run = pt.exp(ps.logp(rv, f))
    density = function([f], run, backend="numpy")
    with np.errstate(all="ignore"):
        total, _ = integrate.quad(lambda v: density(np.array([v, v]))[0], low, high, points=kinks, limit=300)
    assert total == pytest.approx(1.0, abs=1e-5)  # the cube's density has a pole, where quadrature loses digits


def test_scipy_knows_some_of_them():
    x = np.array([0.2, 1.0, 2.0])
    for rv, expected in [
        (abs(ps.Normal.dist(0, 2, shape=3)), stats.halfnorm(scale=2)),
        (abs(ps.Normal.dist(1, 2, shape=3)), stats.foldnorm(0.5, scale=2)),
        (ps.Normal.dist(0, 1, shape=3) ** 2, stats.chi2(1)),
        (1 / ps.Cauchy.dist(0, 1, shape=3), stats.cauchy()),
        (pt.maximum(ps.Normal.dist(0, 1, shape=3), ps.Normal.dist(0, 1, shape=3)), stats.skewnorm(1 / np.sqrt(1))),
    ]:
        got = [curve(lambda t: f(rv, t), x) for f in (ps.logp, ps.logcdf, ps.logccdf)]  # noqa: B023
        if expected.dist.name == "skewnorm":  # the maximum of two normal variables: 2 pdf cdf
            n = stats.norm()
            np.testing.assert_allclose(got[0], np.log(2) + n.logpdf(x) + n.logcdf(x), rtol=1e-12)
            np.testing.assert_allclose(got[1], 2 * n.logcdf(x), rtol=1e-12)
            continue
        for a, b in zip(got, (expected.logpdf(x), expected.logcdf(x), expected.logsf(x)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9)


def test_functions_of_either_sign_for_whole_numbers():
    n = ps.DiscreteUniform.dist(-2, 3, shape=5)
    found = np.exp(curve(lambda t: ps.logp(n**2, t), [0.0, 1.0, 4.0, 9.0, 2.0]))
    np.testing.assert_allclose(found, [1 / 6, 2 / 6, 2 / 6, 1 / 6, 0.0])
    np.testing.assert_allclose(
        np.exp(curve(lambda t: ps.logp(abs(n), t), [0, 1, 2, 3, 4])), [1 / 6, 1 / 3, 1 / 3, 1 / 6, 0]
    )
    np.testing.assert_allclose(np.exp(ps.logp(n**3, [-8, 27, 0, 1, 2]).eval()), [1 / 6] * 4 + [0.0])
    half = 2 * pt.exp(n[0] / 2)
    assert np.exp(ps.logp(half, 2 * np.exp(1.5)).eval()) == pytest.approx(1 / 6)


ROUNDINGS = {
    "floor": (pt.floor, np.floor), "ceil": (pt.ceil, np.ceil), "round": (pt.round, np.round),
    "trunc": (pt.trunc, np.trunc), "int": (lambda x: pt.cast(x, "int64"), np.trunc),
}  # fmt: skip


@pytest.mark.parametrize("name", ROUNDINGS)
def test_rounded_variables_have_the_probabilities_of_their_cells(name):
    symbolic, numeric = ROUNDINGS[name]
    k = np.arange(-5.0, 7.0)
    rv = symbolic(z(len(k)))
    fine = np.linspace(-12, 13, 250_001)[:-1] + 5e-5
    mass = np.diff(NORMAL.cdf(np.linspace(-12, 13, 250_001)))
    expected, below = np.array([(mass[numeric(fine) == v].sum(), mass[numeric(fine) <= v].sum()) for v in k]).T
    np.testing.assert_allclose(np.exp(curve(lambda t: ps.logp(rv, t), k)), expected, atol=1e-9)
    np.testing.assert_allclose(np.exp(curve(lambda t: ps.logcdf(rv, t), k + 0.3)), below, atol=1e-8)
    np.testing.assert_allclose(np.exp(curve(lambda t: ps.logccdf(rv, t), k)), 1 - below, atol=1e-8)
    assert np.isneginf(curve(lambda t: ps.logp(rv, t), k + 0.5)).all()
    np.testing.assert_allclose(ps.icdf(rv, 0.3).eval(), numeric(NORMAL.ppf(0.3)))


def test_rounded_probabilities_keep_their_digits_far_out():
    rv = pt.floor(ps.Normal.dist(0, 1, shape=4))
    x = np.array([-30.0, -9.0, 9.0, 30.0])
    expected = [stats.norm.logcdf(-29), stats.norm.logcdf(-8), stats.norm.logsf(9), stats.norm.logsf(30)]
    np.testing.assert_allclose(curve(lambda t: ps.logp(rv, t), x), expected, rtol=1e-4)


def test_clipped_variables_have_atoms_at_the_bounds():
    x = np.array([-2.0, -1.0, 0.5, 1.5, 2.0])
    rv = pt.clip(z(5), -1.0, 1.5)
    expected = [-np.inf, NORMAL.logcdf(-1), NORMAL.logpdf(0.5), NORMAL.logsf(1.5), -np.inf]
    np.testing.assert_allclose(ps.logp(rv, x).eval(), expected, rtol=1e-12)
    np.testing.assert_allclose(ps.logp(2 * rv, 2 * x).eval(), np.array(expected) - np.log([1, 1, 2, 1, 1]), rtol=1e-12)
    np.testing.assert_allclose(np.exp(ps.logcdf(rv, x).eval()), [0, NORMAL.cdf(-1), NORMAL.cdf(0.5), 1, 1], rtol=1e-12)
    np.testing.assert_allclose(np.exp(ps.logccdf(rv, x).eval()), [1, NORMAL.sf(-1), NORMAL.sf(0.5), 0, 0], rtol=1e-12)
    np.testing.assert_allclose(ps.icdf(rv, [0.01, 0.5, 0.99, 0.2, 0.3]).eval(),
                               np.clip(NORMAL.ppf([0.01, 0.5, 0.99, 0.2, 0.3]), -1, 1.5))  # fmt: skip
    counts = pt.minimum(ps.Poisson.dist(2.0, shape=4), 3)
    np.testing.assert_allclose(
        np.exp(ps.logp(counts, [0, 2, 3, 4]).eval()), [*stats.poisson(2).pmf([0, 2]), stats.poisson(2).sf(2), 0]
    )
    np.testing.assert_allclose(np.exp(ps.logcdf(counts, [0, 2, 3, 4]).eval()), [*stats.poisson(2).cdf([0, 2]), 1, 1])


COMPARISONS = {
    "z < 1": (lambda x: x < 1.0, NORMAL.cdf(1)), "z >= 1": (lambda x: x >= 1.0, NORMAL.sf(1)),
    "1 < z": (lambda x: x > 1.0, NORMAL.sf(1)), "~(z > 1)": (lambda x: ~(x > 1.0), NORMAL.cdf(1)),
    "|z| > 1": (lambda x: abs(x) > 1.0, NORMAL.cdf(-1) + NORMAL.sf(1)),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons_are_bernoulli(name):
    make, p = COMPARISONS[name]
    found = np.exp(ps.logp(make(z(3)), np.array([True, False, True])).eval())
    np.testing.assert_allclose(found, [p, 1 - p, p], rtol=1e-12)
    np.testing.assert_allclose(np.exp(ps.logp(make(z(3)), [1, 0, 2]).eval()), [p, 1 - p, 0], rtol=1e-12)
    if name != "~(z > 1)":
        np.testing.assert_allclose(np.exp(ps.logcdf(make(z(3)), [-1, 0, 1]).eval()), [0, 1 - p, 1], rtol=1e-12)


def test_comparisons_of_whole_numbers_tell_strict_from_not():
    n, d = ps.Poisson.dist(2.0), stats.poisson(2.0)
    for rv, p in [(n < 2, d.cdf(1)), (n <= 2, d.cdf(2)), (n > 2, d.sf(2)), (n >= 2, d.sf(1)), (pt.eq(n, 2), d.pmf(2)),
                  (pt.neq(n, 2), 1 - d.pmf(2)), (pt.eq(pt.maximum(z(), 1.0), 1.0), NORMAL.cdf(1))]:  # fmt: skip
        np.testing.assert_allclose(np.exp(ps.logp(rv, np.array(True)).eval()), p, rtol=1e-12)


def test_matrix_products():
    rng = np.random.default_rng(1)
    a, b, v = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=3)
    mu, sd = np.array([0.1, -0.4, 0.2]), np.array([1.0, 0.5, 2.0])
    x = ps.Normal.dist(mu, sd)
    expected = stats.multivariate_normal(a @ mu + b, a @ np.diag(sd**2) @ a.T).logpdf(v)
    np.testing.assert_allclose(ps.logp(pt.dot(a, x) + b, v).eval(), expected, rtol=1e-9)
    np.testing.assert_allclose(ps.logp(x @ a.T + b, v).eval(), expected, rtol=1e-9)
    spread = a @ a.T + np.eye(3)
    chol = pt.linalg.cholesky(spread)
    np.testing.assert_allclose(ps.logp(chol @ ps.Normal.dist(0, 1, shape=3) + mu, v).eval(),
                               stats.multivariate_normal(mu, spread).logpdf(v), rtol=1e-9)  # fmt: skip
    mv = ps.MvNormal.dist(mu, spread)
    np.testing.assert_allclose(
        ps.logp(pt.dot(a, mv), v).eval(), stats.multivariate_normal(a @ mu, a @ spread @ a.T).logpdf(v), rtol=1e-9
    )
    many = rng.normal(size=(4, 3))
    joint = stats.multivariate_normal(a @ mu + b, a @ np.diag(sd**2) @ a.T)
    np.testing.assert_allclose(ps.logp(pt.dot(a, x) + b, many).eval(), joint.logpdf(many), rtol=1e-9)
    np.testing.assert_allclose(  # two columns, each one vector
        ps.logp(pt.dot(a, ps.Normal.dist(0, 1, shape=(3, 2))), many[:3, :2]).eval(),
        stats.multivariate_normal(np.zeros(3), a @ a.T).logpdf(many[:3, :2].T), rtol=1e-9,
    )  # fmt: skip


def test_running_sums_and_products():
    v = np.array([[0.3, 0.1], [1.0, -0.5], [0.2, 0.4]])
    found = ps.logp(pt.cumsum(z(3, 2), axis=0), v).eval()
    np.testing.assert_allclose(found, NORMAL.logpdf(np.diff(v, axis=0, prepend=0)), rtol=1e-12)
    expected = stats.multivariate_normal(0.3 * np.arange(1, 4), 1.44 * np.minimum.outer([1, 2, 3], [1, 2, 3]))
    np.testing.assert_allclose(found.sum(0), expected.logpdf(v.T), rtol=1e-12)
    counts = ps.logp(pt.cumsum(ps.Poisson.dist(2.0, shape=3)), [1, 1, 4]).eval()
    np.testing.assert_allclose(counts, stats.poisson(2).logpmf([1, 0, 3]))
    walk = np.array([1.5, 0.7, 2.0])
    factors = ps.logp(pt.cumprod(ps.LogNormal.dist(0.1, 0.4, shape=3)), walk).eval()
    logs = ps.logp(pt.exp(pt.cumsum(ps.Normal.dist(0.1, 0.4, shape=3))), walk).eval()
    np.testing.assert_allclose(factors, logs, rtol=1e-12)
    np.testing.assert_allclose(factors.sum(), logs.sum(), rtol=1e-12)


def test_axes_are_moved_with_their_draws():
    mu = np.arange(6.0).reshape(2, 3)
    v = np.linspace(-1, 2, 6).reshape(3, 2)
    expected = stats.norm(mu.T, 1.5).logpdf(v)
    x = ps.Normal.dist(mu, 1.5)
    np.testing.assert_allclose(ps.logp(x.T, v).eval(), expected)
    np.testing.assert_allclose(ps.logp(pt.exp(x.T), np.exp(v)).eval(), expected - v)
    np.testing.assert_allclose(ps.logp(x.T[:, None, :], v[:, None, :]).eval(), expected[:, None, :])
    np.testing.assert_allclose(ps.logp(x.T, np.stack([v, v])).eval(), np.stack([expected, expected]))
    np.testing.assert_allclose(ps.logp(x.T, 0.5).eval(), stats.norm(mu.T, 1.5).logpdf(0.5))
    np.testing.assert_allclose(ps.logp(pt.reshape(x, (3, 2)), v).eval(), stats.norm(mu.reshape(3, 2), 1.5).logpdf(v))
    cov = np.array([[1.0, 0.3], [0.3, 2.0]])
    mv = ps.MvNormal.dist(np.zeros(2), cov, shape=(3, 2))
    joint = stats.multivariate_normal(np.zeros(2), cov).logpdf(v)
    np.testing.assert_allclose(ps.logp(mv.T, v.T).eval(), joint)
    np.testing.assert_allclose(ps.logp(pt.exp(mv.T), np.exp(v.T)).eval(), joint - v.sum(1))


def test_repeated_draws_count_once():
    rv = pt.broadcast_to(z(3, 1), (3, 4))
    v = np.repeat([[0.1], [0.2], [0.3]], 4, axis=1)
    np.testing.assert_allclose(ps.logp(rv, v).eval(), NORMAL.logpdf([0.1, 0.2, 0.3]))
    v[1, 2] = 5.0
    assert np.isneginf(ps.logp(rv, v).eval()).tolist() == [False, True, False]
    np.testing.assert_allclose(ps.logp(pt.broadcast_to(z(), (3,)), np.full(3, 0.4)).eval(), NORMAL.logpdf(0.4))


def test_joined_variables_each_by_its_own_draw():
    a, b = z(2), ps.Exponential.dist(2.0, shape=3)
    v = np.array([0.1, 0.5, 1.0, 2.0, 0.2])
    expected = np.r_[NORMAL.logpdf(v[:2]), stats.expon(scale=0.5).logpdf(v[2:])]
    np.testing.assert_allclose(ps.logp(pt.concatenate([a, b]), v).eval(), expected)
    np.testing.assert_allclose(ps.logcdf(pt.concatenate([a, b]), v).eval(),
                               np.r_[NORMAL.logcdf(v[:2]), stats.expon(scale=0.5).logcdf(v[2:])])  # fmt: skip
    np.testing.assert_allclose(ps.logp(pt.concatenate([b, a])[2], 0.2).eval(), stats.expon(scale=0.5).logpdf(0.2))
    np.testing.assert_allclose(ps.logp(pt.concatenate([a, b])[1:-1], v[1:4]).eval(), expected[1:4])
    np.testing.assert_allclose(
        ps.logp(pt.stack([a, 2 * a + 1, a])[1, 1:], 1.7).eval(), [stats.norm(1.6, 2.4).logpdf(1.7)]
    )
    first = z()
    second = ps.Normal.dist(first, 0.5)  # given the first
    np.testing.assert_allclose(ps.logp(pt.stack([second, first]), [1.0, 0.4]).eval(),
                               [stats.norm(0.4, 0.5).logpdf(1.0), NORMAL.logpdf(0.4)])  # fmt: skip
    mv = ps.MvNormal.dist(np.zeros(2), np.eye(2))
    assert ps.logp(pt.stack([mv, mv + ps.MvNormal.dist(np.zeros(2), np.eye(2))]), np.ones((2, 2))).eval().shape == (2,)


def test_picked_elements():
    mu = np.arange(6.0).reshape(2, 3)
    x = ps.Normal.dist(mu, 1.5)
    for index in [0, (0, 1), (slice(None), 2), (slice(None, None, -1), slice(1, None)), ([1, 0], [2, 2])]:
        rv = pt.exp(x[index]) if isinstance(index, int) else x[index]
        v = np.full(mu[index].shape, 0.7)
        expected = stats.norm(mu[index], 1.5).logpdf(np.log(v) if isinstance(index, int) else v)
        np.testing.assert_allclose(ps.logp(rv, v).eval(), expected - (np.log(v) if isinstance(index, int) else 0))
    np.testing.assert_allclose(ps.logp((2 * x + mu)[1, 2], 3.0).eval(), stats.norm(15.0, 3.0).logpdf(3.0))
    np.testing.assert_allclose(ps.logp(x.T[2, 1], 3.0).eval(), stats.norm(5.0, 1.5).logpdf(3.0))
    mv = ps.MvNormal.dist(np.zeros((4, 2)), np.eye(2))
    np.testing.assert_allclose(ps.logp(mv[1:3], np.zeros((2, 2))).eval(), np.full(2, -np.log(2 * np.pi)))


def test_mixtures():
    w, x = np.array([0.2, 0.5, 0.3]), np.array([-0.5, 0.4, 3.0, 6.0])
    parts = [stats.norm(0, 1), stats.norm(2, 0.5), stats.expon(scale=2.0)]
    dists = [ps.Normal.dist(0, 1), ps.Normal.dist(2, 0.5), ps.Exponential.dist(0.5)]
    mixed = np.log(sum(p * d.pdf(x) for p, d in zip(w, parts, strict=True)))
    rv = pt.stack(dists)[ps.Categorical.dist(w)]
    np.testing.assert_allclose(ps.logp(rv, x).eval(), mixed)
    np.testing.assert_allclose(
        np.exp(ps.logcdf(rv, x).eval()), sum(p * d.cdf(x) for p, d in zip(w, parts, strict=True))
    )
    together = pt.stack([ps.Normal.dist(m, 1, shape=4) for m in (0.0, 3.0)])[ps.Bernoulli.dist(0.3)]
    expected = np.logaddexp(
        np.log(0.7) + stats.norm(0, 1).logpdf(x).sum(), np.log(0.3) + stats.norm(3, 1).logpdf(x).sum()
    )
    np.testing.assert_allclose(ps.logp(together, x).eval(), expected)
    choice = ps.Bernoulli.dist(0.3)
    whole = pt.switch(choice, ps.Normal.dist(3, 1, shape=4), ps.Normal.dist(0, 1, shape=4))
    np.testing.assert_allclose(ps.logp(whole, x).eval(), expected)
    zeros = pt.switch(ps.Bernoulli.dist(0.4, shape=4), 0, ps.Poisson.dist(2.0, shape=4))
    k = np.arange(4)
    np.testing.assert_allclose(np.exp(ps.logp(zeros, k).eval()), 0.4 * (k == 0) + 0.6 * stats.poisson(2).pmf(k))
    hurdle = pt.switch(ps.Bernoulli.dist(0.4, shape=3), 0.0, z(3))
    np.testing.assert_allclose(ps.logp(hurdle, [0.0, 0.5, 1.0]).eval(),
                               [np.log(0.4), *(np.log(0.6) + NORMAL.logpdf([0.5, 1.0]))])  # fmt: skip
    known = pt.switch(np.array([True, False, True]), z(3), ps.Exponential.dist(1.0, shape=3))
    np.testing.assert_allclose(ps.logp(known, [0.1, 0.2, 0.3]).eval(),
                               [NORMAL.logpdf(0.1), -0.2, NORMAL.logpdf(0.3)])  # fmt: skip


def test_mixtures_of_rare_components_and_of_parameters():
    rare = pt.switch(ps.Bernoulli.dist(1e-30, shape=2), ps.Normal.dist(100.0, 1.0, shape=2), z(2))
    np.testing.assert_allclose(ps.logp(rare, [100.0, 0.0]).eval(),
                               [np.log(1e-30) + stats.norm.logpdf(0), NORMAL.logpdf(0)], rtol=1e-12)  # fmt: skip
    n = pt.iscalar("n")
    which = ps.Bernoulli.dist(0.3, shape=(n,))
    itself = pt.switch(which, ps.Normal.dist(5.0 * which, 1.0), ps.Normal.dist(which - 2.0, 1.0))
    v = pt.vector("v")
    expected = np.logaddexp(np.log(0.3) + stats.norm(5).logpdf([0.1, 4]), np.log(0.7) + stats.norm(-2).logpdf([0.1, 4]))
    np.testing.assert_allclose(ps.logp(itself, v).eval({n: 2, v: [0.1, 4.0]}), expected)


def test_several_conditions_on_one_choice():
    w, x = np.array([0.2, 0.5, 0.3]), np.array([-0.5, 0.4, 3.0, 6.0])
    k = ps.Categorical.dist(w, shape=4)
    rv = pt.switch(pt.eq(k, 0), z(4), pt.switch(pt.eq(k, 1), pt.exp(z(4)), ps.Normal.dist(5.0, k, shape=4)))
    with np.errstate(divide="ignore"):
        parts = [NORMAL.logpdf(x), stats.lognorm(1.2, 0, np.exp(0.3)).logpdf(x), stats.norm(5, 2).logpdf(x)]
    np.testing.assert_allclose(ps.logp(rv, x).eval(), np.log(np.exp(parts).T @ w))
    once = ps.Categorical.dist(w)
    rv = pt.switch(pt.eq(once, 0), z(4), pt.switch(pt.eq(once, 1), 2 * z(4), z(4) - 1))
    parts = [NORMAL.logpdf(x), stats.norm(0.6, 2.4).logpdf(x), stats.norm(-0.7, 1.2).logpdf(x)]
    np.testing.assert_allclose(ps.logp(rv, x).eval(), np.log(np.exp(np.sum(parts, 1)) @ w))


def test_ifelse_is_a_mixture():
    x = np.array([-0.5, 0.4])
    rv = ifelse(ps.Bernoulli.dist(0.3), z(2), ps.Normal.dist(4.0, 2.0, shape=2))
    expected = np.logaddexp(np.log(0.3) + NORMAL.logpdf(x).sum(), np.log(0.7) + stats.norm(4, 2).logpdf(x).sum())
    np.testing.assert_allclose(ps.logp(rv, x).eval(), expected)
    flag = pt.scalar("flag")
    known = ifelse(flag > 0, z(2), ps.Normal.dist(4.0, 2.0, shape=2))
    np.testing.assert_allclose(ps.logp(known, x).eval({flag: 1.0}), NORMAL.logpdf(x))
    np.testing.assert_allclose(ps.logp(known, x).eval({flag: -1.0}), stats.norm(4, 2).logpdf(x))


def test_order_statistics():
    x = np.array([-0.3, 0.2, 1.4])
    rv = pt.sort(z(3))
    np.testing.assert_allclose(ps.logp(rv, x).eval(), np.log(6) + NORMAL.logpdf(x).sum())
    assert np.isneginf(ps.logp(rv, x[::-1]).eval())
    rows = pt.sort(z(2, 3))
    np.testing.assert_allclose(
        ps.logp(pt.exp(rows), np.exp([x, x])).eval(), [np.log(6) + NORMAL.logpdf(x).sum() - x.sum()] * 2
    )
    third = pt.sort(ps.Uniform.dist(0, 1, shape=7))[2]
    q = np.array([0.1, 0.3, 0.8])
    np.testing.assert_allclose(ps.logp(third, q).eval(), stats.beta(3, 5).logpdf(q))
    np.testing.assert_allclose(ps.logcdf(third, q).eval(), stats.beta(3, 5).logcdf(q))
    np.testing.assert_allclose(ps.logccdf(third, q).eval(), stats.beta(3, 5).logsf(q), rtol=1e-6)
    top = pt.max(ps.Uniform.dist(0, 1, shape=7))
    np.testing.assert_allclose(ps.logp(top, q).eval(), stats.beta(7, 1).logpdf(q))
    np.testing.assert_allclose(ps.icdf(top, q).eval(), stats.beta(7, 1).ppf(q))
    np.testing.assert_allclose(ps.icdf(pt.min(ps.Uniform.dist(0, 1, shape=7)), q).eval(), stats.beta(1, 7).ppf(q))
    least = pt.max(ps.Poisson.dist([1.0, 3.0]))
    k = np.arange(5)
    cdf = stats.poisson(1).cdf(k) * stats.poisson(3).cdf(k)
    np.testing.assert_allclose(np.exp(ps.logp(least, k).eval()), np.diff(cdf, prepend=0))


def test_the_position_of_the_largest_gumbel_variable_is_categorical():
    mu = np.array([[0.1, 1.0, -0.4], [0.0, 0.0, 2.0]])
    rv = pt.argmax(ps.Gumbel.dist(mu, 0.7), axis=1)
    odds = np.exp(mu / 0.7)
    for k in range(3):
        np.testing.assert_allclose(np.exp(ps.logp(rv, np.full(2, k)).eval()), odds[:, k] / odds.sum(1), rtol=1e-12)
    drawn = ps.draw(rv, draws=4000, random_seed=1)
    assert abs((drawn == 2).mean(0) - (odds / odds.sum(1, keepdims=True))[:, 2]).max() < 0.04
    with pytest.raises(ps.NotDerivable, match="one scale"):
        ps.logp(pt.argmax(z(3)), 0)


def test_graphs_used_as_ops_are_looked_into():
    x = pt.scalar("x")
    twice = OpFromGraph([x], [2.0 * x])
    assert ps.logp(twice(z()), 0.5).eval() == pytest.approx(stats.norm(0.6, 2.4).logpdf(0.5))


def series(step, first, n, **options):
    rows, _ = scan(step, outputs_info=first, n_steps=n, **options)
    return rows


def test_loops_that_draw():
    v = np.array([0.5, 0.9, 0.4, 1.3])
    before = np.r_[0.2, v[:-1]]
    rho, x0 = pt.scalars("rho", "x0")
    rv = series(lambda prev: ps.Normal.dist(rho * prev, 0.7), [x0], 4)
    found = ps.logp(rv, v)
    np.testing.assert_allclose(found.eval({rho: 0.8, x0: 0.2}), stats.norm(0.8 * before, 0.7).logpdf(v))
    two = series(lambda a, b: pt.exp(ps.Normal.dist(0.5 * a - 0.2 * b, 0.7)),
                 [{"initial": pt.as_tensor_variable([0.1, 0.2]), "taps": [-1, -2]}], 4)  # fmt: skip
    older = np.r_[0.1, 0.2, v[:-2]]
    np.testing.assert_allclose(
        ps.logp(two, v).eval(), stats.lognorm(0.7, 0, np.exp(0.5 * before - 0.2 * older)).logpdf(v)
    )
    free = series(lambda: ps.Normal.dist(0.3, 1.2), None, 4)
    np.testing.assert_allclose(ps.logp(free, v).eval(), NORMAL.logpdf(v))
    np.testing.assert_allclose(ps.logcdf(free, v).eval(), NORMAL.logcdf(v))


def test_loops_whose_spread_is_a_state():
    """GARCH(1, 1): the next variance follows from the value, so a loop remains."""
    v = np.array([0.5, -0.9, 0.4, 1.3])

    def step(y, s2):
        s2 = 0.1 + 0.5 * y**2 + 0.3 * s2
        return ps.Normal.dist(0, pt.sqrt(s2)), s2

    (rows, _), _ = scan(step, outputs_info=[pt.as_tensor_variable(0.0), pt.as_tensor_variable(1.0)], n_steps=4)
    s2, y, expected = 1.0, 0.0, []
    for value in v:
        s2 = 0.1 + 0.5 * y**2 + 0.3 * s2
        expected.append(stats.norm(0, np.sqrt(s2)).logpdf(value))
        y = value
    np.testing.assert_allclose(ps.logp(rows, v).eval(), expected)


def test_loops_over_sequences_and_vectors():
    x = np.arange(4.0)
    v = np.linspace(0, 1, 12).reshape(4, 3)
    rv, _ = scan(lambda t, prev: ps.Normal.dist(prev + t, 0.5), sequences=[pt.as_tensor_variable(x)],
                    outputs_info=[pt.zeros(3)])  # fmt: skip
    before = np.vstack([np.zeros(3), v[:-1]]) + x[:, None]
    np.testing.assert_allclose(ps.logp(rv, v).eval(), stats.norm(before, 0.5).logpdf(v))


def test_loops_over_draws_made_before():
    v = np.array([0.5, 0.9, 0.4, 1.3])
    scale = np.array([0.5, 0.7, 1.1, 0.6])
    theta, mu = pt.scalars("theta", "mu")
    noise = ps.Normal.dist(mu, scale)
    rho = series(lambda e, p: 0.8 * p + e, [pt.as_tensor_variable(0.2)], None, sequences=[noise])
    np.testing.assert_allclose(
        ps.logp(rho, v).eval({mu: 0.3}), stats.norm(0.8 * np.r_[0.2, v[:-1]] + 0.3, scale).logpdf(v)
    )
    # A moving average: the state is the noise itself, which follows from the value.
    rows, _ = scan(lambda e, before: (e + theta * before, e), sequences=[2.0 * ps.Normal.dist(0, 0.5, shape=4)],
                   outputs_info=[None, pt.as_tensor_variable(0.0)])  # fmt: skip
    lower = np.eye(4) + 0.6 * np.eye(4, k=-1)
    joint = stats.multivariate_normal(np.zeros(4), lower @ lower.T).logpdf(v)
    assert ps.logp(rows[0], v).eval({theta: 0.6}).sum() == pytest.approx(joint)


def test_loops_whose_states_hold_draws():
    """The noise of each step is a state, and is found from the value."""
    v = np.array([0.5, -0.9, 0.4, 1.3])

    def step(before):
        noise = ps.Normal.dist(0, 1)
        return 0.3 + noise + 0.6 * before, noise

    (rows, _), _ = scan(step, outputs_info=[None, pt.as_tensor_variable(0.0)], n_steps=4)
    lower = np.eye(4) + 0.6 * np.eye(4, k=-1)
    joint = stats.multivariate_normal(np.full(4, 0.3), lower @ lower.T).logpdf(v)
    assert ps.logp(rows, v).eval().sum() == pytest.approx(joint)
    # A state that never changes does not hold the loop up.
    (kept, _), _ = scan(lambda x, c: (ps.Normal.dist(x * c, 1.0), c), n_steps=4,
                        outputs_info=[pt.as_tensor_variable(0.1), pt.as_tensor_variable(0.7)])  # fmt: skip
    np.testing.assert_allclose(ps.logp(kept, v).eval(), stats.norm(0.7 * np.r_[0.1, v[:-1]], 1).logpdf(v))


def test_conditional_logp():
    a, a_value, y_value = ps.Normal.dist(0, 1, name="a"), *pt.scalars("a_value", "y_value")
    y = a + ps.Normal.dist(0, 2)
    b = ps.Gamma.dist(pt.exp(a), 1.0)
    terms = ps.conditional_logp({y: y_value, a: a_value, b: 0.5})
    given = {a_value: 0.4, y_value: 1.1}
    assert terms[a_value].eval(given) == pytest.approx(stats.norm.logpdf(0.4))
    assert terms[y_value].eval(given) == pytest.approx(stats.norm(0.4, 2).logpdf(1.1))
    assert terms[b].eval(given) == pytest.approx(stats.gamma(np.exp(0.4)).logpdf(0.5))
    with pytest.warns(UserWarning, match="without values: a"):
        ps.conditional_logp({b: 0.5})
    with pytest.warns(UserWarning, match="without values: a"):
        ps.logp(b, 0.5, warn_rvs=True)
    with pytest.raises(ValueError, match="one value variable"):
        ps.conditional_logp({a: a_value, ps.Normal.dist(0, 1): a_value})
    with pytest.raises(ps.NotDerivable, match="determine it"):
        ps.conditional_logp({a: 1.0, 2 * a: 2.0})
    with pytest.raises(ps.NotDerivable, match="so does"):
        ps.conditional_logp({abs(a): 1.0, b: 2.0})
    undone = ps.conditional_logp({pt.exp(a): 1.5, b: 2.0})  # which says that a is log 1.5
    assert undone[b].eval() == pytest.approx(stats.gamma(1.5).logpdf(2.0))
    unconstrained = pt.scalar("b_log")
    (term,) = transformed_conditional_logp(
        [b], rvs_to_values={a: a_value, b: unconstrained}, rvs_to_transforms={b: ps.default_transform(b)}
    )
    got = term.eval({a_value: 0.4, unconstrained: -0.3})
    assert got == pytest.approx(stats.gamma(np.exp(0.4)).logpdf(np.exp(-0.3)) - 0.3)


MU, SIGMA = pt.scalars("mu", "sigma")


def w(*shape):
    return ps.Normal.dist(MU, SIGMA, shape=shape)


# Expressions with parameters, at values far out, at bounds, and outside the support: gradients must be finite there.
SMOOTH = {
    "abs": (lambda: pt.abs(w(4)), [0.0, 0.5, 2.0, 30.0]),
    "square": (lambda: w(4) ** 2, [-1.0, 0.5, 2.0, 900.0]),
    "cosh": (lambda: pt.cosh(w(4)), [0.5, 1.5, 2.0, 900.0]),
    "reciprocal": (lambda: 1 / w(4), [-3.0, 0.5, 2.0, 900.0]),
    "floor": (lambda: pt.floor(w(4)), [-30.0, 0.0, 2.0, 30.0]),
    "round": (lambda: pt.round(w(4)), [-30.0, 0.5, 2.0, 30.0]),
    "clip": (lambda: pt.clip(w(4), -1.0, 1.0), [-1.0, 0.5, 2.0, 1.0]),
    "compared": (lambda: w(4) > 30.0, [0.0, 1.0, 1.0, 0.0]),
    "max": (lambda: pt.max(w(5, 4), 0), [-30.0, 1.0, 1.0, 30.0]),
    "least of two": (lambda: pt.minimum(w(4), pt.exp(w(4))), [-30.0, 1.0, 1.0, 30.0]),
    "sort": (lambda: pt.sort(w(4)), [-30.0, 1.0, 1.0, 30.0]),
    "second": (lambda: pt.sort(w(5, 4), 0)[1], [-30.0, 1.0, 1.0, 30.0]),
    "mixture": (
        lambda: pt.switch(ps.Bernoulli.dist(pt.sigmoid(MU), shape=4), w(4), ps.Exponential.dist(SIGMA, shape=4)),
        [-30.0, 1.0, 1.0, 700.0]),
    "hurdle": (lambda: pt.switch(ps.Bernoulli.dist(pt.sigmoid(MU), shape=4), w(4), 0.0), [0.0, 1.0, 1.0, 0.0]),
    "hurdle of positive numbers": (
        lambda: pt.switch(ps.Bernoulli.dist(0.3, shape=4), ps.LogNormal.dist(MU, SIGMA, shape=4), 0.0),
        [0.0, 1.0, 9.0, 0.0]),
    "censored positive numbers": (
        lambda: pt.clip(ps.LogNormal.dist(MU, SIGMA, shape=4), 1e-3, 2.0), [1e-3, 1.0, -1.0, 2.0]),
    "cumprod": (lambda: pt.cumprod(pt.exp(w(4))), [0.1, 1.0, 1.0, -0.5]),
    "product": (lambda: pt.dot(np.arange(16.0).reshape(4, 4) % 5 + np.eye(4), w(4)), [0.1, 1.0, 1.0, -0.5]),
    "joined": (lambda: pt.concatenate([w(2), pt.exp(w(2))]), [0.1, 1.0, 1.0, -0.5]),
    "loop": (lambda: series(lambda p: ps.Normal.dist(MU * p, SIGMA), [MU], 4), [0.1, 1.0, 1.0, -0.5]),
}  # fmt: skip


def test_native_code_gives_the_same_and_gradients_are_finite():
    totals = []
    for make, x in SMOOTH.values():
        found = ps.logp(make(), np.array(x))
        totals.append(pt.sum(pt.switch(pt.isinf(found), 0.0, found)))
    slopes = [g for t in totals for g in grad(t, [MU, SIGMA])]
    native = np.array(function([MU, SIGMA], [*totals, *slopes], backend="llvm")(0.3, 1.2))
    plain = function([MU, SIGMA], [*totals, *slopes], backend="numpy")
    values, n, h = np.array(plain(0.3, 1.2)), len(totals), 1e-6
    np.testing.assert_allclose(native, values, rtol=1e-9)
    for i, moved in enumerate([(h, 0.0), (0.0, h)]):
        up, down = (np.array(plain(0.3 + s * moved[0], 1.2 + s * moved[1]))[:n] for s in (1, -1))
        np.testing.assert_allclose(values[n + i :: 2], (up - down) / (2 * h), rtol=1e-4, atol=1e-5)


BLOCKED = {
    "cells of vectors": (lambda: pt.floor(ps.MvNormal.dist(np.zeros(2), np.eye(2))), "multivariate"),
    "a wide matrix": (lambda: pt.dot(np.ones((2, 3)), z(3)), "square"),
    "the largest clipped": (lambda: pt.max(pt.clip(z(3), 0.0, 1.0)), "density and atoms"),
    "the square of a clipped": (lambda: pt.clip(z(3), -1.0, 1.0) ** 2, "density and atoms"),
    "picked twice": (lambda: z(3)[[0, 0]], "twice"),
    "picked by data": (lambda: z(3)[pt.ivector("idx")], "not known now"),
    "of one draw": (lambda: ps.MvNormal.dist(np.zeros(2), np.eye(2))[0], "depend on each other"),
    "of a running sum": (lambda: pt.cumsum(z(3))[1], "no distributions of their own"),
    "joined with a constant": (lambda: pt.concatenate([[0.0], z(3)]), "is not random"),
    "joined with itself": (lambda: pt.stack([ONE, 2 * ONE]), "determine it"),
    "sorted and different": (lambda: pt.sort(ps.Normal.dist([0.0, 1.0], 1)), "one distribution"),
    "largest of dependent ones": (lambda: pt.max(pt.cumsum(z(3))), "depend on each other"),
    "one condition for some": (
        lambda: pt.switch(ps.Bernoulli.dist(0.5, shape=(1, 3)), z(2, 3), 1.0 + z(2, 3)), "holds for several"),
    "shared component": (lambda: pt.switch(ps.Bernoulli.dist(0.5, shape=3), z(), z(3)), "one draw"),
    "a condition on itself": (lambda: pt.switch(THREE > 1, THREE, -THREE), "depends on the random variables"),
    "compared": (lambda: z() < z(), "both"),
    "equal": (lambda: pt.eq(z(), 1.0), "probability 0"),
    "no draws": (lambda: series(lambda p: 0.5 * p, [z()], 3), "no draw is made"),
    "two draws": (lambda: series(lambda p: ps.Normal.dist(p, 1.0) + ps.Uniform.dist(0, 1), [pt.as_tensor_variable(0.0)],
                                 3), "several random"),
}  # fmt: skip


@pytest.mark.parametrize("name", BLOCKED)
def test_what_cannot_be_derived_says_where_and_what_to_do(name):
    make, why = BLOCKED[name]
    rv = make()
    with pytest.raises(ps.NotDerivable, match=why) as caught:
        ps.logp(rv, np.zeros(tuple(n or 3 for n in rv.type.shape)))
    assert "test_derived.py" in str(caught.value)


def test_values_that_do_not_fit_are_refused():
    with pytest.raises(Exception, match="does not fit"):
        ps.logp(pt.cumsum(z(3)), np.zeros(4))


def test_atoms_move_with_their_axes():
    rv = 2.0 * pt.clip(z(2, 3), -1.0, 1.0).T
    v = np.array([[2.0, 0.5], [-2.0, 1.0], [0.2, 2.0]])
    expected = NORMAL.logpdf(v / 2) - np.log(2)
    expected[v == 2.0], expected[v == -2.0] = NORMAL.logsf(1), NORMAL.logcdf(-1)
    np.testing.assert_allclose(ps.logp(rv, v).eval(), expected)
    np.testing.assert_allclose(ps.logp(rv, np.array([v, v])).eval(), [expected, expected])
    with pytest.raises(ps.NotDerivable, match="several numbers together"):
        ps.logcdf(ps.MvNormal.dist(np.zeros(2), np.eye(2)), np.zeros(2))


def test_long_chains_of_functions():
    rv, slope, shift = z(), 1.2, 0.3
    for _ in range(250):
        rv, slope, shift = 1.01 * rv - 0.1, 1.01 * slope, 1.01 * shift - 0.1
    assert ps.logp(rv, shift).eval() == pytest.approx(stats.norm(shift, slope).logpdf(shift), rel=1e-9)


@dataclass(frozen=True)
class Mirror(Op):
    """The opposite of a tensor, written by a user."""

    def infer(self, x):
        return (x.type,)

    def infer_shape(self, inputs, extents):
        return [extents[0]]

    def impl(self, xp, x):
        return -x


def test_a_rule_for_an_op_of_a_user_is_one_entry():
    rv = Mirror()(z(2))
    with pytest.raises(ps.NotDerivable, match="no rule for this operation"):
        ps.logp(rv, np.zeros(2))

    @derives(Mirror)
    class Mirrored(Measure):
        def log_density(self, x):
            return measure(self.rv.owner.inputs[0]).log_density(-x)

    try:
        np.testing.assert_allclose(ps.logp(rv, [0.1, 2.0]).eval(), NORMAL.logpdf([-0.1, -2.0]))
        np.testing.assert_allclose(ps.logp(pt.exp(rv), 3.0).eval(), NORMAL.logpdf(-np.log([3.0, 3.0])) - np.log(3))
    finally:
        RULES.pop(Mirror)
    assert Mirrored.discrete is False
