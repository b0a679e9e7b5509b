"""Means of truncated, censored and autoregressive variables: against quadrature, sums and a recursion."""

import numpy as np
import pytest
import scipy.integrate

import pellucid as pm
from pellucid.stats.distribution import Undefined
from pellucid.stats.families.partial_means import WEIGHTED

CONTINUOUS = {  # a draw, a lower and an upper bound
    "Normal": (lambda: pm.Normal.dist(0.3, 1.2), -1.0, 2.0),
    "Uniform": (lambda: pm.Uniform.dist(-1.0, 3.0), 0.5, 2.0),
    "Gamma": (lambda: pm.Gamma.dist(2.0, 1.5), 0.5, 2.0),
    "Exponential": (lambda: pm.Exponential.dist(0.7), 0.5, 2.0),
    "ChiSquared": (lambda: pm.ChiSquared.dist(2.5), 0.5, 2.0),
    "InverseGamma": (lambda: pm.InverseGamma.dist(2.5, 1.3), 0.5, 2.0),
    "Beta": (lambda: pm.Beta.dist(1.5, 2.5), 0.2, 0.6),
    "LogNormal": (lambda: pm.LogNormal.dist(0.2, 0.6), 0.5, 2.0),
    "Pareto": (lambda: pm.Pareto.dist(2.5, 0.4), 0.5, 2.0),
    "Weibull": (lambda: pm.Weibull.dist(1.5, 1.2), 0.5, 2.0),
    "HalfNormal": (lambda: pm.HalfNormal.dist(1.2), 0.5, 2.0),
}
COUNTS = {
    "Poisson": (lambda: pm.Poisson.dist(3.3), 1.5, 5),
    "Binomial": (lambda: pm.Binomial.dist(9, 0.3), 2, 5),
    "NegativeBinomial": (lambda: pm.NegativeBinomial.dist(3.3, 1.7), 1, 6),
    "DiscreteUniform": (lambda: pm.DiscreteUniform.dist(0, 9), 2, 6),
}
SIDES = [(True, True), (True, False), (False, True)]


def test_every_family_with_a_rule_is_tested():
    assert {family.__name__ for family in WEIGHTED} <= CONTINUOUS.keys() | COUNTS.keys()


def chosen(low, high, sides):
    """The bounds that there are."""
    return low if sides[0] else None, high if sides[1] else None


@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("name", CONTINUOUS)
def test_means_of_numbers_are_integrals(name, sides):
    make, *ends = CONTINUOUS[name]
    low, high = chosen(*ends, sides)
    x = pm.tensor.scalar("x")
    density = pm.function([x], pm.tensor.exp(pm.logp(make(), x)), backend="numpy")
    inner = -np.inf if low is None else low, np.inf if high is None else high
    # The integrals from a bound on converge also where those over the line have a tail of powers.
    mass, weighted = (
        sum(
            scipy.integrate.quad(lambda v, k=k: v**k * density(v), a, b, epsabs=1e-13, epsrel=1e-11, limit=200)[0]
            for a, b in ((inner[0], 1.0 if name != "Beta" else 0.5), (1.0 if name != "Beta" else 0.5, inner[1]))
        )
        for k in (0, 1)
    )
    truncated, censored = pm.Truncated.dist(make(), low, high), pm.Censored.dist(make(), low, high)
    assert pm.stats.mean(truncated).eval() == pytest.approx(weighted / mass, rel=1e-8)
    below = 0.0 if low is None else low * np.exp(pm.logcdf(make(), low).eval())
    above = 0.0 if high is None else high * np.exp(pm.logccdf(make(), high).eval())
    assert pm.stats.mean(censored).eval() == pytest.approx(weighted + below + above, rel=1e-8)


@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("name", COUNTS)
def test_means_of_counts_are_sums(name, sides):
    make, *ends = COUNTS[name]
    low, high = chosen(*ends, sides)
    k = np.arange(200)
    p = np.exp(pm.logp(make(), k).eval())
    inside = (k >= (0 if low is None else low)) & (k <= (200 if high is None else high))
    truncated = pm.stats.mean(pm.Truncated.dist(make(), low, high)).eval()
    assert truncated == pytest.approx((k * p)[inside].sum() / p[inside].sum(), rel=1e-11)
    clipped = np.clip(k, low, high)
    assert pm.stats.mean(pm.Censored.dist(make(), low, high)).eval() == pytest.approx((clipped * p).sum(), rel=1e-11)


def test_far_in_a_tail_and_in_batches():
    far = pm.stats.mean(pm.Truncated.dist(pm.Gamma.dist(2.0, 1.0), lower=np.array([1.0, 50.0, 2000.0]))).eval()
    a = np.array([1.0, 50.0, 2000.0])
    np.testing.assert_allclose(far, a + (a + 2) / (a + 1), rtol=1e-11)  # by parts: S(x) = (1 + x) exp(-x)
    assert pm.stats.mean(pm.Censored.dist(pm.Exponential.dist(1.0), lower=1e4)).eval() == 1e4


def test_what_has_no_closed_form_says_so():
    with pytest.raises(Undefined, match="StudentT between bounds"):
        pm.stats.mean(pm.Truncated.dist(pm.StudentT.dist(4.0), lower=0.0))


@pytest.mark.parametrize("constant", [False, True])
def test_means_of_autoregressions_follow_the_recursion(constant):
    rho = [0.7, 0.5, -0.3] if constant else [0.5, -0.3]
    start = pm.MvNormal.dist([2.0, -1.0], np.eye(2))
    found = pm.stats.mean(pm.AR.dist(rho, 1.0, init_dist=start, constant=constant, steps=4)).eval()
    expected = [2.0, -1.0]
    for _ in range(4):
        expected.append((0.7 if constant else 0.0) + 0.5 * expected[-1] - 0.3 * expected[-2])
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    batch = pm.AR.dist(np.array([[0.5], [0.9]]), 1.0, init_dist=pm.Normal.dist(2.0, 1.0, shape=(2, 1)), steps=3)
    np.testing.assert_allclose(pm.stats.mean(batch).eval(), 2.0 * np.array([[0.5], [0.9]]) ** np.arange(4), rtol=1e-14)
