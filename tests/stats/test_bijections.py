"""Maps to the real line and back: round trips, Jacobians and names."""

import math

import numpy as np
import pytest

import pellucid.stats as ps
import pellucid.tensor as pt
from pellucid.compile.numpy import compile as interpret
from pellucid.diff import grad
from pellucid.graph.traverse import ancestors
from pellucid.stats import bijection as b
from pellucid.stats import bijections_matrix as m

POSITIVE = np.array([1e-300, 1e-8, 0.3, 1.0, 7.0, 1e300])
UNIT = np.array([1e-300, 1e-9, 0.3, 0.5, 1 - 1e-9])
ELEMENTWISE = {
    "log": (b.Log(), POSITIVE),
    "log_exp_m1": (b.LogExpM1(), POSITIVE[1:]),
    "logodds": (b.LogOdds(), UNIT),
    "interval": (b.Interval(1.0, 4.0), 1 + 3 * UNIT[1:]),
    "lower": (b.Interval(1.0, None), 1 + POSITIVE[1:]),
    "upper": (b.Interval(None, 4.0), 4 - POSITIVE[1:]),
    "circular": (b.Circular(), np.array([-3.1, 0.0, 1.0])),
    "chain": (b.Chain([b.Log(), b.Interval(-2.0, 9.0)]), np.array([0.2, 1.0, 7.0])),
}
VECTORS = {
    "simplex": (b.Simplex(), np.array([[0.2, 0.3, 0.5], [1e-12, 0.5, 0.5 - 1e-12]])),
    "ordered": (b.Ordered(), np.array([[-3.0, 0.2, 0.3], [1.0, 2.0, 1e6]])),
    "positive": (b.Ordered(positive=True), np.array([[0.1, 0.2, 0.3]])),
    "descending": (b.Ordered(ascending=False), np.array([[3.0, 1.0, -2.0]])),
    "log ordered": (b.Chain([b.Log(), b.Ordered()]), np.array([[0.1, 0.2, 0.3]])),
}


FACTOR = np.array([[1.3, 0.0, 0.0], [-0.4, 0.2, 0.0], [2.0, -0.1, 3.0]])
CORRELATIONS = FACTOR / np.sqrt((FACTOR**2).sum(1, keepdims=True))
LOWER = np.tril_indices(3)
NUMBERS = np.random.default_rng(5).normal(size=(4, 5))
# A bijection, values of several shapes, and the numbers of a value that are free to vary.
STRUCTURED = {
    "zero sum": (m.ZeroSum([-1]), NUMBERS - NUMBERS.mean(-1, keepdims=True), None),
    "zero sum twice": (m.ZeroSum([-2, -1]), NUMBERS - NUMBERS.mean(0) - NUMBERS.mean(-1, keepdims=True)
                       + NUMBERS.mean(), None),
    "sum to one": (m.SumTo1(), np.array([0.2, -0.7, 1.5]), lambda x: x[:-1]),
    "packed": (m.CholeskyCovPacked(3), FACTOR[LOWER], lambda x: x),
    "covariance": (m.CholeskyCov(3), FACTOR @ FACTOR.T, lambda x: x[LOWER]),
    "correlations": (m.CholeskyCorr(3), CORRELATIONS, lambda x: x[np.tril_indices(3, -1)]),
    "upper": (m.CholeskyCorr(3, upper=True), CORRELATIONS.T, lambda x: x.T[np.tril_indices(3, -1)]),
    "one row": (m.CholeskyCorr(1), np.ones((1, 1)), lambda x: x[:0, 0]),
}  # fmt: skip


def apply(method, x):
    """A method of a bijection at an array."""
    v = pt.tensor("v", shape=(None,) * np.ndim(x))
    return interpret([v], [method(v)])(np.asarray(x, float))[0]


@pytest.mark.parametrize("name", [*ELEMENTWISE, *VECTORS])
def test_there_and_back(name):
    bijection, x = {**ELEMENTWISE, **VECTORS}[name]
    there = apply(bijection.forward, x)
    assert np.isfinite(there).all()
    np.testing.assert_allclose(apply(bijection.backward, there), x, rtol=1e-10)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_jacobian_of_numbers(name):
    bijection, _ = ELEMENTWISE[name]
    v = np.array([-3.0, -0.4, 0.0, 1.3, 2.5])
    step = 1e-5
    slope = (apply(bijection.backward, v + step) - apply(bijection.backward, v - step)) / (2 * step)
    np.testing.assert_allclose(apply(bijection.log_jac_det, v), np.log(np.abs(slope)), atol=1e-7)


@pytest.mark.parametrize("name", VECTORS)
def test_jacobian_of_vectors(name):
    bijection, x = VECTORS[name]
    v, step = apply(bijection.forward, x[0]), 1e-5
    free = len(v)  # of the n probabilities of a simplex, n - 1 are free
    columns = [
        (apply(bijection.backward, v + step * e) - apply(bijection.backward, v - step * e))[:free] for e in np.eye(free)
    ]
    expected = np.linalg.slogdet(np.array(columns) / (2 * step))[1]
    np.testing.assert_allclose(apply(bijection.log_jac_det, v), expected, atol=1e-6)
    assert apply(bijection.log_jac_det, np.array([v, v])).shape == (2,)


@pytest.mark.parametrize("name", STRUCTURED)
def test_structured_there_and_back(name):
    bijection, x, _ = STRUCTURED[name]
    there = apply(bijection.forward, x)
    np.testing.assert_allclose(apply(bijection.backward, there), x, rtol=1e-12, atol=1e-15)
    core = x.ndim if name != "zero sum" else 1
    batch = np.broadcast_to(x, (2, 3, *x.shape))
    many = apply(bijection.forward, batch)
    assert many.shape == (2, 3, *there.shape)
    np.testing.assert_allclose(apply(bijection.backward, many), batch, rtol=1e-12, atol=1e-15)
    assert apply(bijection.log_jac_det, many).shape == batch.shape[: batch.ndim - core]


def derivative(function, v, step=1e-5):
    """The matrix of central differences of an array with respect to a vector."""
    columns = [(function(v + step * e) - function(v - step * e)) / (2 * step) for e in np.eye(len(v))]
    return np.array(columns).reshape(len(v), -1).T if columns else np.empty((0, 0))


@pytest.mark.parametrize("name", STRUCTURED)
def test_structured_jacobian(name):
    bijection, x, free = STRUCTURED[name]
    v = apply(bijection.forward, x if name != "zero sum" else x[0])

    def freely(u):
        y = apply(bijection.backward, u.reshape(v.shape))
        return np.ravel(free(y) if free else y)

    slopes = derivative(freely, v.ravel())
    # Where no numbers are singled out as free, the volume is that of the plane itself: the root of det(J.T J).
    expected = np.linalg.slogdet(slopes)[1] if free else 0.5 * np.linalg.slogdet(slopes.T @ slopes)[1]
    np.testing.assert_allclose(apply(bijection.log_jac_det, v), expected, atol=1e-7)


def test_structured_far_out():
    packed, corr = m.CholeskyCovPacked(2), m.CholeskyCorr(2)
    assert np.isfinite(apply(packed.backward, [1.0, 1e300, 1.0])).all()
    v = pt.vector("v")
    slope = grad(packed.backward(v).sum(), v)
    assert interpret([v], [slope])(np.array([0.0, 800.0, 0.0]))[0].tolist() == [1.0, 1.0, 1.0]
    np.testing.assert_allclose(apply(corr.backward, [1e150]), [[1.0, 0.0], [1.0, 1e-150]])
    assert np.isnan(apply(packed.forward, [-1.0, 0.0, 1.0])[0])
    with pytest.raises(TypeError, match="known now"):
        m.CholeskyCorr(pt.lscalar("n"))


@pytest.mark.parametrize("bijection", [b.Log(), b.LogOdds(), b.Interval(1.0, 4.0), b.LogExpM1()])
def test_far_out_nothing_is_nan(bijection):
    v = np.array([-800.0, -40.0, 40.0, 800.0, -np.inf, np.inf])
    assert not np.isnan(apply(bijection.backward, v)).any()
    assert not np.isnan(apply(bijection.log_jac_det, v[:4])).any()


def test_simplex_far_out():
    assert np.isfinite(apply(b.Simplex().log_jac_det, np.array([700.0, -500.0]))).all()
    assert abs(apply(b.Simplex().backward, np.array([700.0, -500.0])).sum() - 1) < 1e-12


@pytest.mark.parametrize(
    "make, name, size",
    [
        (lambda: ps.HalfNormal.dist(1), "x_log__", ()),
        (lambda: ps.Beta.dist(1, 2), "x_logodds__", ()),
        (lambda: ps.Uniform.dist(1, 2), "x_interval__", ()),
        (lambda: ps.Dirichlet.dist([1.0, 2.0, 3.0], size=4), "x_simplex__", (4, 2)),
    ],
)
def test_value_variables_are_named_and_shaped_as_in_pymc(make, name, size):
    rv = make()
    bijection = ps.default_transform(rv)
    assert bijection.value_name("x") == name
    assert bijection.forward(rv, *rv.owner.inputs).type.shape == size


@pytest.mark.parametrize(
    "make",
    [
        ps.Normal.dist,
        lambda: ps.Poisson.dist(1),
        lambda: ps.Bernoulli.dist(0.5),
        lambda: ps.MvNormal.dist(np.zeros(2), np.eye(2)),
        ps.Flat.dist,
    ],
)
def test_the_whole_line_and_whole_numbers_need_no_bijection(make):
    assert ps.default_transform(make()) is None


def test_bounds_follow_the_inputs_of_the_draw():
    low = pt.scalar("low")
    rv = ps.Uniform.dist(low, 10.0)
    v = pt.scalar("v")
    back = ps.default_transform(rv).backward(v, *rv.owner.inputs)
    assert low in set(ancestors(back))
    assert interpret([low, v], [back])(np.array(4.0), np.array(0.0))[0] == 7.0
    as_in_pymc = b.Interval(bounds_fn=lambda rng, size, lower, upper: (lower, None))
    assert interpret([low, v], [as_in_pymc.backward(v, *rv.owner.inputs)])(np.array(4.0), np.array(0.0))[0] == 5.0


def test_an_interval_needs_a_bound():
    with pytest.raises(ValueError, match="whole line"):
        b.Interval(None, None)
    with pytest.raises(ValueError, match="at least one"):
        b.Chain([])


def test_chain_is_named_after_its_parts():
    assert b.Chain([b.log_, b.ordered]).value_name("x") == "x_log+ordered__"


def test_numbers_of_pymc():
    """Values of PyMC 6.4 at the same points."""
    simplex = b.Simplex()
    v = apply(simplex.forward, [0.2, 0.3, 0.5])
    np.testing.assert_allclose(v, np.log([0.2, 0.3]) - np.mean(np.log([0.2, 0.3, 0.5])), rtol=1e-14)
    np.testing.assert_allclose(apply(simplex.log_jac_det, v), math.log(3) + np.sum(np.log([0.2, 0.3, 0.5])), rtol=1e-14)
