"""The density that is given by a table, against SciPy's splines and exact integrals."""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.interpolate import InterpolatedUnivariateSpline

import pellucid.stats as ps
import pellucid.tensor as pt
from pellucid.compile.function import function
from pellucid.diff import grad

X = np.array([-2.0, -1.5, 0.0, 0.1, 3.0, 8.0])
P = np.array([0.0, 0.7, 0.0, 0.0, 2.0, 0.5])
SPLINE = InterpolatedUnivariateSpline(X, P, k=1)
TOTAL = SPLINE.integral(X[0], X[-1])
INSIDE = np.array([-1.9, -1.5, -1.0, -1e-3, 0.5, 2.9, 3.0, 5.0, 7.999])


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
def test_the_density_is_that_of_a_linear_spline(backend):
    x = pt.dvector("x")
    rv = ps.Interpolated.dist(X, P)
    f = function([x], [ps.logp(rv, x), ps.logcdf(rv, x), ps.logccdf(rv, x)], backend=backend)
    density, below, above = f(INSIDE)
    share = np.array([SPLINE.integral(X[0], t) for t in INSIDE]) / TOTAL
    np.testing.assert_allclose(np.exp(density), SPLINE(INSIDE) / TOTAL, rtol=1e-12)
    np.testing.assert_allclose(np.exp(below), share, rtol=1e-12)
    np.testing.assert_allclose(np.exp(above), 1 - share, rtol=1e-10)
    edges = np.array([-2.1, -2.0, 0.05, 8.0, 8.1, np.nan])
    density, below, above = f(edges)
    assert density[:3].tolist() == [-np.inf] * 3
    np.testing.assert_allclose(np.exp(density[3]), 0.5 / TOTAL)
    assert density[4] == -np.inf
    assert below[[0, 1, 3, 4]].tolist() == [-np.inf, -np.inf, 0.0, 0.0]
    assert above[[0, 1, 3, 4]].tolist() == [0.0, 0.0, -np.inf, -np.inf]


def test_quantiles_undo_the_distribution_function_and_are_differentiable():
    q, heights = pt.dvector("q"), pt.dvector("heights")
    rv = ps.Interpolated.dist(X, heights)
    found = ps.icdf(rv, q)
    f = function([q, heights], [found, ps.logcdf(rv, found), grad(found.sum(), q), grad(found.sum(), heights)])
    at = np.array([1e-9, 0.01, 0.05, 0.3, 0.77, 1 - 1e-9])
    x, below, slope, by_height = f(at, P)
    np.testing.assert_allclose(np.exp(below), at, rtol=1e-9)
    np.testing.assert_allclose(slope, TOTAL / SPLINE(x), rtol=1e-7)
    for i in (1, 4):
        step = 1e-6 * np.eye(len(P))[i]
        expected = (f(at, P + step)[0] - f(at, P - step)[0]).sum() / 2e-6
        np.testing.assert_allclose(by_height[i], expected, rtol=1e-5)
    assert np.array_equal(f(np.array([0.0, 1.0, -0.1, 1.1]), P)[0], [-2.0, 8.0, np.nan, np.nan], equal_nan=True)


def test_moments_draws_and_batches():
    rv = ps.Interpolated.dist(X, P, size=3000)
    drawn = ps.draw(rv, random_seed=3)
    cdf = np.vectorize(lambda t: SPLINE.integral(X[0], t) / TOTAL)
    assert stats.kstest(drawn, cdf).pvalue > 1e-4
    expected = integrate.quad(lambda t: t * SPLINE(t) / TOTAL, X[0], X[-1], points=X[1:-1])[0]
    np.testing.assert_allclose(ps.mean(rv).eval(), np.full(3000, expected), rtol=1e-9)
    several = ps.Interpolated.dist(np.stack([X, 2 * X]), np.stack([P, P]))
    both = ps.logp(several, np.array([0.5, 1.0])).eval()
    np.testing.assert_allclose(both[0] - both[1], np.log(2))
    assert ps.draw(several, draws=4, random_seed=1).shape == (4, 2)
    assert ps.default_transform(rv).name == "interval"


def test_tables_that_make_no_sense_are_refused():
    with pytest.raises(ps.ParameterValueError, match="x_points of Interpolated must be a vector of increasing"):
        ps.Interpolated.dist([0.0, 2.0, 1.0], [1.0, 1.0, 1.0])
    with pytest.raises(ps.ParameterValueError, match="pdf_points of Interpolated"):
        ps.Interpolated.dist([0.0, 1.0, 2.0], [1.0, -1.0, 1.0])
    with pytest.raises(ValueError, match="as many pdf_points as x_points, not 2 for 3"):
        ps.Interpolated.dist([0.0, 1.0, 2.0], [1.0, 1.0])
