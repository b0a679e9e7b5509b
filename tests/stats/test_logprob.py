"""Densities of expressions of one random variable."""

import numpy as np
import pytest
from scipy import stats

import pellucid.compile.function  # noqa: F401  # brings .eval() to tensors
import pellucid.stats as ps
import pellucid.tensor as pt

X = np.array([-2.0, 0.1, 0.7, 3.0])


def z():
    return ps.Normal.dist(0.3, 1.2)


DERIVED = {
    "1 + 3z": (lambda: 1 + 3 * z(), stats.norm(1.9, 3.6)),
    "1 - 3z": (lambda: 1 - 3 * z(), stats.norm(0.1, 3.6)),
    "-z / 2": (lambda: -z() / 2, stats.norm(-0.15, 0.6)),
    "exp z": (lambda: pt.exp(z()), stats.lognorm(1.2, 0, np.exp(0.3))),
    "exp(2z + 1) - 3": (lambda: pt.exp(2 * z() + 1) - 3, stats.lognorm(2.4, -3, np.exp(1.6))),
    "log gamma": (lambda: pt.log(ps.Gamma.dist(2.0, 1.0)), stats.loggamma(2.0)),
    "1 / gamma": (lambda: 1 / ps.Gamma.dist(2.0, 3.0), stats.invgamma(2.0, 0, 3.0)),
    "reciprocal gamma": (lambda: pt.reciprocal(ps.Gamma.dist(2.0, 3.0)), stats.invgamma(2.0, 0, 3.0)),
    "sqrt chi2": (lambda: pt.sqrt(ps.Gamma.dist(1.5, 0.5)), stats.chi(3)),
    "square of half-normal": (lambda: pt.sqr(ps.HalfNormal.dist(1.0)), stats.chi2(1)),
    "power of uniform": (lambda: ps.Uniform.dist(0, 1) ** 0.25, stats.beta(4, 1)),
    "logit uniform": (lambda: pt.logit(ps.Uniform.dist(0, 1)), stats.logistic()),
    "weibull": (lambda: 2.0 * ps.Exponential.dist(1.0) ** (1 / 1.7), stats.weibull_min(1.7, 0, 2.0)),
}


@pytest.mark.parametrize("name", DERIVED)
def test_density(name):
    make, expected = DERIVED[name]
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(ps.logp(make(), X).eval(), expected.logpdf(X), rtol=1e-9)


@pytest.mark.parametrize("name", [n for n in DERIVED if n != "1 / gamma"])
def test_distribution_function_and_quantiles(name):
    make, expected = DERIVED[name]
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(ps.logcdf(make(), X).eval(), expected.logcdf(X), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(ps.logccdf(make(), X).eval(), expected.logsf(X), rtol=1e-9, atol=1e-12)
    q = np.array([0.01, 0.4, 0.9])
    np.testing.assert_allclose(ps.icdf(make(), q).eval(), expected.ppf(q), rtol=1e-8)


def test_slope_of_unknown_sign():
    a = pt.scalar("a")
    for slope in (-2.0, 2.0):
        expected = stats.norm(0.3 * slope, 1.2 * abs(slope))
        np.testing.assert_allclose(ps.logcdf(a * z(), 0.7).eval({a: slope}), expected.logcdf(0.7), rtol=1e-12)
        np.testing.assert_allclose(ps.logp(a * z(), 0.7).eval({a: slope}), expected.logpdf(0.7), rtol=1e-12)
        np.testing.assert_allclose(ps.icdf(a * z(), 0.2).eval({a: slope}), expected.ppf(0.2), rtol=1e-12)


def test_functions_of_whole_numbers():
    n = ps.Poisson.dist(3.0)
    assert ps.logp(2 * n + 1, [7, 6, -1]).eval().tolist() == [*stats.poisson(3).logpmf([3]), -np.inf, -np.inf]
    np.testing.assert_allclose(ps.logp(pt.exp(n), [np.exp(3), 4.0]).eval(), [stats.poisson(3).logpmf(3), -np.inf])


def test_functions_of_vectors_sum_the_slopes():
    mv = ps.MvNormal.dist([0.0, 1.0], np.eye(2))
    expected = stats.multivariate_normal([0, 1], np.eye(2)).logpdf(np.log([1, 2])) - np.log(2)
    np.testing.assert_allclose(ps.logp(pt.exp(mv), [1.0, 2.0]).eval(), expected, rtol=1e-12)
    np.testing.assert_allclose(
        ps.logp(3.0 * mv, [3.0, 6.0]).eval(),
        stats.multivariate_normal([0, 1], np.eye(2)).logpdf([1, 2]) - 2 * np.log(3),
        rtol=1e-12,
    )
    assert ps.logp(pt.exp(mv), [1.0, -2.0]).eval() == -np.inf


BLOCKED = {
    "two": (lambda: z() + ps.Gamma.dist(1, 1), "several random variables"),
    "wave": (lambda: pt.sin(z()), "sin has no inverse"),
    "power": (lambda: z() ** 0.3, "no whole number"),
    "stretched": (lambda: z() + np.zeros(3), "stretched"),
    "fixed": (lambda: pt.scalar("fixed"), "not random"),
    "summed": (lambda: pt.sum(ps.Normal.dist(0, 1, shape=3)), "no density that is known"),
}


@pytest.mark.parametrize("name", BLOCKED)
def test_what_cannot_be_derived_says_which_node_and_line(name):
    make, why = BLOCKED[name]
    rv = make()
    with pytest.raises(ps.NotDerivable, match=why) as caught:
        ps.logp(rv, np.zeros(rv.type.shape))
    if rv.owner is not None:
        assert "test_logprob.py" in str(caught.value)
        assert str(rv.owner.op) in str(caught.value)


def test_what_is_no_variable_is_refused():
    with pytest.raises(TypeError, match="no random variable"):
        ps.logp(1.0, 2.0)
    with pytest.raises(ps.Undefined, match="quantile"):
        ps.icdf(ps.MvNormal.dist(np.zeros(2), np.eye(2)), 0.4)
