"""Distributions of vectors, and of labels with a vector of probabilities."""

import numpy as np
import pytest
from scipy import stats

import pellucid as pm
import pellucid.stats as ps
import pellucid.tensor as pt
from pellucid import function
from pellucid.compile.numpy import compile as interpret
from pellucid.diff import grad
from pellucid.graph.traverse import explicit_graph_inputs
from pellucid.stats.bijection import Simplex

RNG = np.random.default_rng(3)
COV = np.array([[2.0, -0.7, 0.1], [-0.7, 1.0, 0.2], [0.1, 0.2, 0.5]])
MU = np.array([1.0, -2.0, 0.5])


def value(v, **given):
    """The value of a graph, given values by name."""
    roots = {u.name: u for u in explicit_graph_inputs(v)}
    return interpret([roots[k] for k in given], [v])(*given.values())[0]


PARAMETRIZATIONS = {
    "cov": {"cov": COV},
    "tau": {"tau": np.linalg.inv(COV)},
    "chol": {"chol": np.linalg.cholesky(COV)},
    "upper": {"chol": np.linalg.cholesky(COV).T, "lower": False},
}


@pytest.mark.parametrize("way", PARAMETRIZATIONS)
@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 4, 3)])
def test_normal_vectors(way, shape):
    x = RNG.normal(size=shape)
    found = value(ps.logp(ps.MvNormal.dist(MU, **PARAMETRIZATIONS[way], shape=shape), x))
    np.testing.assert_allclose(found, stats.multivariate_normal(MU, COV).logpdf(x), rtol=1e-10)


def test_normal_vectors_with_a_covariance_each():
    covs = np.array([COV, 4 * COV])
    x = RNG.normal(size=(2, 3))
    found = value(ps.logp(ps.MvNormal.dist(MU, covs), x))
    expected = [stats.multivariate_normal(MU, c).logpdf(row) for c, row in zip(covs, x, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_normal_vectors_of_unknown_covariance():
    cov = pt.matrix("cov")
    density = ps.logp(ps.MvNormal.dist(0, cov), MU)
    np.testing.assert_allclose(
        value(density, cov=COV), stats.multivariate_normal(np.zeros(3), COV).logpdf(MU), rtol=1e-10
    )
    assert value(density, cov=-COV) == -np.inf
    (slope,) = interpret([cov], [grad(density, cov)])(COV)
    step = 1e-6
    bumped = COV + step * np.eye(3)
    (up,) = interpret([cov], [density])(bumped)
    (here,) = interpret([cov], [density])(COV)
    np.testing.assert_allclose(np.trace(slope), (up - here) / step, rtol=1e-4)


def test_bad_covariances_are_refused_at_once():
    for cov in (np.diag([1.0, -1.0]), np.array([[1.0, 0.5], [0.2, 1.0]]), np.array([[1.0, 2.0], [2.0, 1.0]])):
        with pytest.raises(ps.ParameterValueError, match="cov of MvNormal must be symmetric and positive definite"):
            ps.MvNormal.dist(np.zeros(2), cov)


def test_normal_vectors_are_drawn_with_their_covariance():
    drawn = ps.draw(ps.MvNormal.dist(MU, COV, size=20_000), random_seed=4)
    assert drawn.shape == (20_000, 3)
    np.testing.assert_allclose(drawn.mean(0), MU, atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), COV, atol=0.06)


@pytest.mark.parametrize("a", [[0.4, 1.0, 5.0], [100.0, 0.05], [1.0, 1.0, 1.0, 1.0]])
def test_probabilities(a):
    rv = ps.Dirichlet.dist(a, size=4)
    x = np.random.default_rng(1).dirichlet(np.maximum(a, 0.5), size=4)
    np.testing.assert_allclose(
        value(ps.logp(rv, x)), [stats.dirichlet(a).logpdf(row / row.sum()) for row in x], rtol=1e-9
    )
    assert (value(ps.logp(rv, x * 1.1)) == -np.inf).all()
    assert (value(ps.logp(rv, -x)) == -np.inf).all()
    np.testing.assert_allclose(value(ps.support_point(rv)), np.tile(np.array(a) / np.sum(a), (4, 1)), rtol=1e-12)
    drawn = ps.draw(ps.Dirichlet.dist(a), draws=4000, random_seed=1)
    np.testing.assert_allclose(drawn.sum(1), 1.0, rtol=1e-12)
    i = int(np.argmin(a))  # near 0 numbers are close enough together, near 1 they are not
    assert stats.kstest(drawn[:, i], stats.beta(a[i], np.sum(a) - a[i]).cdf).pvalue > 1e-5


def test_probabilities_on_the_simplex_of_value_variables():
    rv = ps.Dirichlet.dist([2.0, 3.0, 4.0])
    bijection = ps.default_transform(rv)
    assert isinstance(bijection, Simplex)
    y = pt.tensor("y", shape=(2,))
    density = ps.logp(rv, bijection.backward(y, *rv.owner.inputs)) + bijection.log_jac_det(y, *rv.owner.inputs)
    # The integral over the plane of value variables is 1: a grid of midpoints.
    axis = np.linspace(-5, 5, 61)
    compiled = interpret([y], [density])
    total = sum(np.exp(compiled(np.array([a, b]))[0]) for a in axis for b in axis) * (axis[1] - axis[0]) ** 2
    assert abs(total - 1) < 1e-3


@pytest.mark.parametrize("p", [[0.2, 0.5, 0.3], [[0.2, 0.8], [0.6, 0.4]]])
def test_labels(p):
    p = np.array(p)
    rv = ps.Categorical.dist(p)
    k = p.shape[-1]
    for x in range(k):
        np.testing.assert_allclose(value(ps.logp(rv, x)), np.log(p[..., x]), rtol=1e-14)
        np.testing.assert_allclose(value(ps.logcdf(rv, x)), np.log(p[..., : x + 1].sum(-1)), atol=1e-14)
    for x in (-1, k, 0.5):
        assert np.all(value(ps.logp(rv, x)) == -np.inf)
    odds = ps.Categorical.dist(logit_p=np.log(p) + 3.0)
    np.testing.assert_allclose(value(ps.logp(odds, 1)), np.log(p[..., 1]), rtol=1e-13)
    assert np.array_equal(value(ps.support_point(rv)), p.argmax(-1))


def test_many_labels_of_one_distribution_or_of_one_each():
    p = np.array([[0.2, 0.8], [0.6, 0.4], [0.5, 0.5]])
    x = np.array([1, 0, 1])
    np.testing.assert_allclose(value(ps.logp(ps.Categorical.dist(p), x)), np.log(p[np.arange(3), x]))
    np.testing.assert_allclose(value(ps.logp(ps.Categorical.dist(p[0], shape=3), x)), np.log(p[0, x]))
    drawn = ps.draw(ps.Categorical.dist(p), draws=6000, random_seed=2)
    np.testing.assert_allclose(drawn.mean(0), p[:, 1], atol=0.03)


def test_probabilities_that_do_not_sum_to_one_are_rescaled_aloud():
    with pytest.warns(UserWarning, match="sum to 2"):
        rv = ps.Categorical.dist([1.0, 1.0])
    np.testing.assert_allclose(value(ps.logp(rv, 0)), np.log(0.5))
    with pytest.raises(ps.ParameterValueError, match="p of Categorical must be probabilities"):
        ps.Categorical.dist([-0.5, 1.5])


def explicit(y, mu, cov):
    """The density of rows of y, with an inverse and a determinant as textbooks write it."""
    rest = y - mu
    distance = pt.sum(rest * pt.dot(rest, pt.linalg.inv(cov)), -1)
    return -0.5 * (distance + pt.linalg.slogdet(cov)[1] + y.shape[-1] * np.log(2 * np.pi))


@pytest.mark.parametrize("rows", [0, 1, 6])
@pytest.mark.parametrize("n", [1, 3, 9])
def test_gradients_by_a_covariance_are_those_of_the_explicit_density(n, rows):
    rng = np.random.default_rng(n)
    length, mu, y = pt.scalar("length"), pt.vector("mu", shape=(n,)), pt.matrix("y", shape=(rows, n))
    distance = np.abs(np.arange(n)[:, None] - np.arange(n))
    cov = pt.exp(-distance / length) + 0.1 * np.eye(n)
    given = 1.7, rng.normal(size=n), rng.normal(size=(rows, n))
    found = pt.sum(ps.logp(ps.MvNormal.dist(mu, cov), y))
    wanted = pt.sum(explicit(y, mu, cov))
    for backend in ("llvm", "numpy"):
        outputs = [[total, *grad(total, [length, mu, y])] for total in (found, wanted)]
        results = [function([length, mu, y], out, backend=backend)(*given) for out in outputs]
        for u, v in zip(*results, strict=True):
            np.testing.assert_allclose(u, v, rtol=1e-9, atol=1e-10)
    curvature = [function([length, mu, y], grad(grad(total, length), length))(*given) for total in (found, wanted)]
    np.testing.assert_allclose(*curvature, rtol=1e-7, atol=1e-9)    # differences of inverses lose digits


def test_a_covariance_costs_one_factor_and_one_inverse():
    """The gradient of the factor itself would take three products of matrices more."""
    with pm.Model() as model:
        length = pm.HalfNormal("length")
        pm.MvNormal("y", 0, cov=pt.exp(-np.eye(20) / length) + np.eye(20), observed=np.ones(20))
    calls = model.density().compile_report()["library_calls"]
    assert "dpotri" in calls
    assert "dgemm" not in calls


@pytest.mark.parametrize(
    "law", [lambda cov: ps.MvNormal.dist(0, cov=cov), lambda cov: ps.MvStudentT.dist(4, scale=cov)]
)
def test_what_is_no_covariance_has_density_zero_or_none(law):
    cov = pt.matrix("cov", shape=(2, 2))
    density = ps.logp(law(cov), np.array([0.5, 1.0]))
    f = function([cov], [density, *grad(pt.sum(density), [cov])])
    for matrix in ([[1.0, 2.0], [2.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]], [[np.nan, 0.0], [0.0, 1.0]]):
        try:
            logp, _ = f(np.array(matrix))
        except ps.ParameterValueError:
            continue
        assert np.isnan(logp) or logp == -np.inf
    logp, _ = f(np.array([[1e300, 0.0], [0.0, 1e-300]]))
    assert logp < -1000    # a distance of 1e300
