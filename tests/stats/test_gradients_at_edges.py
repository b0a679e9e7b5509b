"""Gradients stay finite where a density is 0, and where a probability reaches 0 or 1."""

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt
from pellucid import function, grad

ENDS = {  # a component that is 0 at some of the points, which include ends of its support
    "HalfNormal": pm.HalfNormal.dist,
    "Uniform": lambda a: pm.Uniform.dist(0, a),
    "Exponential": pm.Exponential.dist,
    "Gamma": lambda a: pm.Gamma.dist(a, 1.0),
    "Beta": lambda a: pm.Beta.dist(a, 2.5),
    "LogNormal": pm.LogNormal.dist,
    "Weibull": lambda a: pm.Weibull.dist(a, 1.0),
    "Triangular": lambda a: pm.Triangular.dist(0.0, a, 0.5),
    "Pareto": lambda a: pm.Pareto.dist(a, 0.5),
    "Truncated": lambda a: pm.Truncated.dist(pm.Gamma.dist(a, 1.0), lower=0.25, upper=1.0),
}
POINTS = np.array([-1.0, 0.0, 0.3, 1.0, 2.0])


def mixed(name, a):
    """A mixture with a normal component, whose density is positive everywhere."""
    return pm.Mixture.dist([0.3, 0.7], [ENDS[name](a), pm.Normal.dist(0.3, 1.0)])


def summed(name, a):
    """The same density as users write it."""
    parts = (0.3, ENDS[name](a)), (0.7, pm.Normal.dist(0.3, 1.0))
    return lambda x: pt.logaddexp(*[np.log(weight) + pm.logp(part, x) for weight, part in parts])


def value_and_gradient(log_density, x, parameter, backend="numpy"):
    """A function of x and the parameter: the log-densities, and the gradients of their sum."""
    found = log_density(x)
    return function([x, parameter], [found, *grad(found.sum(), [x, parameter])], backend=backend)


def slope(f, a, step=1e-6):
    """The central difference of the sum in the parameter."""
    return (f(POINTS, a + step)[0].sum() - f(POINTS, a - step)[0].sum()) / (2 * step)


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize("name", ENDS)
def test_a_mixture_has_the_gradient_of_the_components_that_are_not_zero(name, backend):
    x, a = pt.vector("x"), pt.scalar("a")
    f = value_and_gradient(lambda v: pm.logp(mixed(name, a), v), x, a, backend)
    value = 0.4 if name == "Triangular" else 1.4
    logs, by_x, by_a = f(POINTS, value)
    assert np.isfinite(logs).all()
    assert by_x[0] == pytest.approx(1.3, abs=1e-12)  # of the normal component alone: -(x - 0.3)
    assert np.isfinite(by_x).all()
    assert by_a == pytest.approx(slope(f, value), abs=1e-7)  # of the difference: rounding over a step of 1e-6


@pytest.mark.parametrize("name", ["HalfNormal", "Uniform", "LogNormal", "Pareto"])
def test_so_has_a_sum_of_densities_that_a_user_writes(name):
    x, a = pt.vector("x"), pt.scalar("a")
    of_mixture = value_and_gradient(lambda v: pm.logp(mixed(name, a), v), x, a)
    by_hand = value_and_gradient(summed(name, a), x, a)
    for ours, theirs in zip(by_hand(POINTS, 1.4), of_mixture(POINTS, 1.4), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_terms_that_are_all_zero_have_no_gradient():
    x = pt.vector("x")
    nothing = np.full(3, -np.inf)
    for total in (pt.logsumexp(x), pt.logaddexp(x[0], x[1])):
        found = function([x], [total, grad(total, x)])
        total_value, slopes = found(nothing)
        assert total_value == -np.inf
        np.testing.assert_array_equal(slopes, 0.0)


N = 10
SURE = {    # the family, its psi and parameter, the data that are possible then, and the slopes in both
    "binomial, always": (lambda s, p: pm.ZeroInflatedBinomial.dist(s, N, p), 0.5, 1.0, [0, N], (0.0, N)),
    "binomial, always, open": (lambda s, p: pm.ZeroInflatedBinomial.dist(s, N, p), 1.0, 1.0, [N], (1.0, N)),
    "binomial, never": (lambda s, p: pm.ZeroInflatedBinomial.dist(s, N, p), 0.5, 0.0, [0], (0.0, -N / 2)),
    "binomial, shut": (lambda s, p: pm.ZeroInflatedBinomial.dist(s, N, p), 0.0, 0.3, [0], (0.7**N - 1, 0.0)),
    "Poisson, never": (pm.ZeroInflatedPoisson.dist, 0.5, 0.0, [0], (0.0, -0.5)),
    "Poisson, shut": (pm.ZeroInflatedPoisson.dist, 0.0, 2.0, [0], (np.expm1(-2.0), 0.0)),
    "Poisson, open": (pm.ZeroInflatedPoisson.dist, 1.0, 2.0, [3], (1.0, 0.5)),
    "clusters, never": (lambda s, m: pm.ZeroInflatedNegativeBinomial.dist(s, m, 1.5), 0.5, 0.0, [0], (0.0, -0.5)),
    "hurdle Poisson, shut": (pm.HurdlePoisson.dist, 0.0, 2.0, [0], (-1.0, 0.0)),
    "hurdle gamma, shut": (lambda s, m: pm.HurdleGamma.dist(s, m, 1.5), 0.0, 2.0, [0], (-1.0, 0.0)),
    "hurdle log-normal, shut": (lambda s, m: pm.HurdleLogNormal.dist(s, m, 1.5), 0.0, 2.0, [0], (-1.0, 0.0)),
}  # fmt: skip


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize("name", SURE)
def test_probabilities_of_zero_and_one_have_finite_slopes_where_the_data_are_possible(name, backend):
    make, psi, parameter, data, expected = SURE[name]
    s, p, x = pt.scalar("s"), pt.scalar("p"), pt.vector("x", dtype="float64")
    total = pm.logp(make(s, p), x).sum()
    found = function([x, s, p], [total, *grad(total, [s, p])], backend=backend)(np.array(data, float), psi, parameter)
    assert np.isfinite(found[0])
    np.testing.assert_allclose(found[1:], expected, rtol=1e-12, atol=1e-12)
