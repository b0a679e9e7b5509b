"""The Polya-gamma distribution against its alternating series (mpmath), differences, moments and its own draws."""

import pickle

import mpmath as mp
import numpy as np
import pytest
from scipy import stats

import pellucid.stats as ps
import pellucid.tensor as pt
from pellucid.compile.function import function
from pellucid.diff import grad

POINTS = [  # h, z, x
    (1.0, 0.0, 0.01), (1.0, 0.0, 0.25), (1.0, 2.0, 3.0), (1.0, -5.0, 0.1), (0.3, 0.0, 0.05), (0.3, 1.0, 2.0),
    (2.5, 0.0, 0.6), (2.5, -3.0, 0.02), (30.0, 0.0, 7.5), (30.0, 4.0, 3.0), (0.05, 0.0, 1e-4), (0.05, 0.5, 0.5),
]  # fmt: skip
H, Z, X = (np.array(v) for v in zip(*POINTS, strict=True))


def series(h, z, x):
    """The density and the distribution function, by their alternating series in 80 digits; the tilt is integrated."""
    h, z, x = mp.mpf(h), mp.mpf(z), mp.mpf(x)
    tilt = mp.cosh(z / 2) ** h
    density = below = mp.mpf(0)
    for n in range(400):
        c = tilt * (-1) ** n * mp.gamma(n + h) / mp.gamma(n + 1) / mp.gamma(h) * mp.mpf(2) ** h
        a = n + h / 2
        density += c * a / mp.sqrt(2 * mp.pi * x**3) * mp.exp(-(a**2) / (2 * x) - z**2 * x / 2)
        # The same for the integral from 0 to x: a first passage with drift z (an inverse Gaussian without its scale).
        first = mp.exp(-a * z) * mp.erfc((a - z * x) / mp.sqrt(2 * x))
        below += c / 2 * (first + mp.exp(a * z) * mp.erfc((a + z * x) / mp.sqrt(2 * x)))
    return mp.log(density), mp.log(below), mp.log(1 - below)


@pytest.fixture(scope="module")
def compiled():
    h, z, x = pt.dvectors("h", "z", "x")
    rv = ps.PolyaGamma.dist(h, z)
    outs = [ps.logp(rv, x), ps.logcdf(rv, x), ps.logccdf(rv, x)]
    return function([h, z, x], [*outs, *[grad(o.sum(), v) for o in outs for v in (h, z, x)]])


def test_density_and_tails_are_those_of_the_series(compiled):
    found = compiled(H, Z, X)[:3]
    with mp.workdps(80):
        for i, point in enumerate(POINTS):
            for ours, theirs in zip(found, map(float, series(*point)), strict=True):
                assert abs(ours[i] - theirs) <= 5e-12 * max(1.0, abs(theirs)), (point, ours[i], theirs)


def test_gradients_are_those_of_finite_differences(compiled):
    slopes = compiled(H, Z, X)[3:]
    for j, v in enumerate((H, Z, X)):
        step = 1e-5 * np.maximum(np.abs(v), 1e-1 if j == 1 else 0.0)
        shifted = [[a + s * step if i == j else a for i, a in enumerate((H, Z, X))] for s in (1, -1)]
        above, below = (compiled(*arrays)[:3] for arrays in shifted)
        for k in range(3):
            expected = (above[k] - below[k]) / (2 * step)
            np.testing.assert_allclose(slopes[3 * k + j], expected, rtol=1e-5, atol=1e-7)


def test_second_derivatives_are_those_of_finite_differences():
    symbols = pt.dvectors("h", "z", "x")
    first = grad(ps.logp(ps.PolyaGamma.dist(*symbols[:2]), symbols[2]).sum(), symbols)
    second = [grad(g.sum(), symbols) for g in first]
    compute = function(list(symbols), [*first, *[g for row in second for g in row]])
    slopes = compute(H, Z, X)[3:]
    for j, v in enumerate((H, Z, X)):
        step = 1e-5 * np.maximum(np.abs(v), 1e-1 if j == 1 else 0.0)
        above, below = (compute(*[a + s * step if i == j else a for i, a in enumerate((H, Z, X))]) for s in (1, -1))
        for i in range(3):
            np.testing.assert_allclose(slopes[3 * i + j], (above[i] - below[i]) / (2 * step), rtol=1e-5, atol=1e-6)
    with pytest.raises(TypeError, match="differentiated twice"):
        grad(second[2][2].sum(), symbols[2])


def test_quantiles_draws_and_mean():
    for h, z in ((1.0, 0.0), (0.4, 3.0), (12.0, -1.5)):
        rv = ps.PolyaGamma.dist(h, z, size=2000)
        q = np.array([1e-6, 0.2, 0.5, 0.9, 1 - 1e-9])
        x = ps.icdf(ps.PolyaGamma.dist(h, z), q).eval()
        np.testing.assert_allclose(np.exp(ps.logcdf(ps.PolyaGamma.dist(h, z), x).eval()), q, rtol=1e-11)
        drawn = ps.draw(rv, random_seed=5)
        cdf = lambda t, h=h, z=z: np.exp(ps.logcdf(ps.PolyaGamma.dist(h, z), t).eval())  # noqa: E731
        assert stats.kstest(drawn, cdf).pvalue > 1e-4
        expected = h / 4 if z == 0 else h / (2 * z) * np.tanh(z / 2)
        np.testing.assert_allclose(ps.mean(rv).eval()[0], expected, rtol=1e-12)
        assert abs(drawn.mean() - expected) < 5 * drawn.std() / np.sqrt(2000)


def test_where_it_cannot_be():
    rv = ps.PolyaGamma.dist(1.0, 0.0)
    assert ps.logp(rv, np.array([0.0, -1.0])).eval().tolist() == [-np.inf, -np.inf]
    assert ps.logcdf(rv, np.array([-1.0])).eval().tolist() == [-np.inf]
    assert ps.default_transform(rv).name == "log"
    with pytest.raises(ps.ParameterValueError, match="h of PolyaGamma must be positive"):
        ps.PolyaGamma.dist(0.0, 1.0)


def test_models_with_it_are_pickled_and_traced_by_jax():
    x = pt.dvector("x")
    cost = ps.logp(ps.PolyaGamma.dist(2.0, 0.5), x)
    again = pickle.loads(pickle.dumps([x, cost]))  # noqa: S301 - our own
    at = np.array([0.1, 0.7])
    expected = function([x], cost)(at)
    assert function([again[0]], again[1])(at).tolist() == expected.tolist()
    jax = pytest.importorskip("jax")
    assert jax
    np.testing.assert_allclose(function([x], cost, backend="jax")(at), expected, rtol=1e-12)
