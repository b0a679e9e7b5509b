"""Sums of independent variables: against convolutions, and what is refused."""

import numpy as np
import pytest
import scipy.integrate

import pellucid as pm
import pellucid.tensor as pt
from pellucid.stats import NotDerivable

CONTINUOUS = {
    "normal": lambda: (pm.Normal.dist(0.3, 1.2), pm.Normal.dist(-1.0, 0.7)),
    "normal, affine": lambda: (2.0 * pm.Normal.dist(0.3, 0.6) - 1.0, pm.Normal.dist(-1.0, 0.7) / -2.0),
    "Cauchy": lambda: (pm.Cauchy.dist(0.3, 1.2), pm.Cauchy.dist(-1.0, 0.7)),
    "gamma": lambda: (pm.Gamma.dist(1.5, 2.0), pm.Gamma.dist(2.5, 2.0)),
    "gamma and exponential": lambda: (pm.Gamma.dist(1.5, 2.0), pm.Exponential.dist(2.0)),
    "exponentials": lambda: (pm.Exponential.dist(2.0), pm.Exponential.dist(2.0)),
    "chi-squared": lambda: (pm.ChiSquared.dist(3.0), pm.ChiSquared.dist(4.5)),
}
DISCRETE = {
    "Poisson": lambda: (pm.Poisson.dist(1.3), pm.Poisson.dist(2.4)),
    "binomial": lambda: (pm.Binomial.dist(4, 0.3), pm.Binomial.dist(7, 0.3)),
    "Bernoulli": lambda: (pm.Bernoulli.dist(0.3), pm.Binomial.dist(3, 0.3)),
    "negative binomial": lambda: (pm.NegativeBinomial.dist(1.3, 0.8), pm.NegativeBinomial.dist(1.3, 0.8)),
}


@pytest.mark.parametrize("operation", ["sum", "difference"])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_density_is_the_convolution(name, operation):
    a, b = CONTINUOUS[name]()
    sign = 1.0 if operation == "sum" else -1.0
    if operation == "difference" and name not in ("normal", "normal, affine", "Cauchy"):
        with pytest.raises(NotDerivable, match="no known distribution"):
            pm.logp(a - b, 1.0)
        return
    x = 1.7
    t = pt.vector("t")
    both = pm.function([t], pt.exp(pm.logp(a, t) + pm.logp(b, sign * (x - t))), backend="numpy")
    positive = name not in ("normal", "normal, affine", "Cauchy")
    ends = (0.0, x) if positive else (-np.inf, np.inf)
    expected, _ = scipy.integrate.quad(lambda v: both(np.array([v]))[0], *ends, epsabs=1e-12, epsrel=1e-11)
    found = a + b if operation == "sum" else a - b
    assert np.exp(pm.logp(found, x).eval()) == pytest.approx(expected, rel=1e-8)  # of the quadrature
    assert pm.icdf(found, pt.exp(pm.logcdf(found, x))).eval() == pytest.approx(x, rel=1e-9)


@pytest.mark.parametrize("name", DISCRETE)
def test_probabilities_are_the_convolution(name):
    a, b = DISCRETE[name]()
    k = np.arange(12)
    each = [np.exp(pm.logp(v, k).eval()) for v in (a, b)]
    expected = np.convolve(*each)[:12]
    np.testing.assert_allclose(np.exp(pm.logp(a + b, k).eval()), expected, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(np.exp(pm.logcdf(a + b, 5).eval()), expected[:6].sum(), rtol=1e-12)


def test_vectors_add_their_covariances():
    first, second = np.array([[2.0, 0.3], [0.3, 1.0]]), np.array([[0.7, -0.2], [-0.2, 0.5]])
    total = pm.MvNormal.dist([0.0, 1.0], first) + pm.MvNormal.dist([2.0, -1.0], second)
    expected = pm.logp(pm.MvNormal.dist([2.0, 0.0], first + second), [0.3, 0.4]).eval()
    assert pm.logp(total, [0.3, 0.4]).eval() == pytest.approx(expected, rel=1e-13)


def test_several_terms_and_random_parameters():
    a, b, c = (pm.Normal.dist(float(i), 1.0 + i, shape=3) for i in range(3))
    expected = pm.logp(pm.Normal.dist(1.0 - 2.0 * 2.0, np.sqrt(1 + 4 + 4 * 9.0)), np.arange(3.0)).eval()
    np.testing.assert_allclose(pm.logp(a + b - 2.0 * c, np.arange(3.0)).eval(), expected, rtol=1e-14)
    mean = pm.Normal.dist(0, 1, name="mean")
    x, value = pt.scalar("x"), pt.scalar("value")
    total = pm.Normal.dist(mean, 1) + pm.Normal.dist(mean, 1)  # independent, given their mean
    term = pm.stats.conditional_logp({mean: value, total: x})[x]
    assert term.eval({x: 1.0, value: 2.0}) == pytest.approx(
        pm.logp(pm.Normal.dist(4.0, np.sqrt(2)), 1.0).eval(), rel=1e-14
    )


def test_draws_follow_the_density():
    total = pm.Gamma.dist(1.5, 2.0) + pm.Exponential.dist(2.0)
    draws = pm.draw(total, 20_000, random_seed=3)
    uniform = np.sort(np.exp(pm.logcdf(total, draws).eval()))
    gap = np.abs(uniform - (np.arange(len(draws)) + 0.5) / len(draws)).max()
    assert gap < 1.95 / np.sqrt(len(draws))  # Kolmogorov's bound at 0.1 %; the seed is fixed


def twice(a):
    return a + a


def around(a):
    return a + pm.Normal.dist(a, 1)


REFUSED = {
    "of one draw with itself": (lambda: twice(pm.Normal.dist()), "not independent"),
    "with its own parameter": (lambda: around(pm.Normal.dist()), "not independent"),
    "of a stretched draw": (lambda: pm.Normal.dist() + pm.Normal.dist(shape=3), "stretched"),
    "of different rates": (lambda: pm.Gamma.dist(1, 2) + pm.Gamma.dist(1, 3), "of Gamma and .* of Gamma"),
    "of different families": (lambda: pm.Gamma.dist(1, 2) + pm.Uniform.dist(), "of Gamma and .* of Uniform"),
    "of different chances": (lambda: pm.Binomial.dist(3, 0.2) + pm.Binomial.dist(3, 0.3), "no known distribution"),
    "of a function": (lambda: pt.exp(pm.Normal.dist()) + pm.Normal.dist(), "no known distribution"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_sums_say_why(name):
    make, reason = REFUSED[name]
    with pytest.raises(NotDerivable, match=reason):
        pm.logp(make(), 1.0)
