"""Zero-inflated and hurdle distributions: values, draws, edges, and versions of any family."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from scipy import integrate, stats

import pellucid as pm
import pellucid.stats as ps
import pellucid.tensor as pt
from pellucid.stats.constraint import positive_integer
from pellucid.stats.distribution import DISTRIBUTIONS, distribution
from pellucid.stats.families.zeros import Hurdle, ZeroInflated

X = np.array([-1.0, 0.0, 0.5, 1.0, 2.0, 30.0])


def test_parametrisations_are_those_of_the_base():
    for family in (ps.ZeroInflatedNegativeBinomial, ps.HurdleNegativeBinomial):
        assert list(family.__signature__.parameters)[:6] == ["name", "psi", "mu", "alpha", "p", "n"]
        by_odds = ps.logp(family.dist(0.3, n=4.0, p=0.25), X).eval()
        np.testing.assert_allclose(by_odds, ps.logp(family.dist(0.3, mu=12.0, alpha=4.0), X).eval(), rtol=1e-13)
    by_rate = ps.logp(ps.HurdleGamma.dist(0.3, alpha=4.0, beta=2.0), X).eval()
    np.testing.assert_allclose(by_rate, ps.logp(ps.HurdleGamma.dist(0.3, mu=2.0, sigma=1.0), X).eval(), rtol=1e-13)
    default = ps.logp(ps.HurdleLogNormal.dist(0.3), X).eval()
    np.testing.assert_allclose(default, ps.logp(ps.HurdleLogNormal.dist(psi=0.3, mu=0, tau=1), X).eval(), rtol=1e-14)
    log_rate = ps.logp(ps.ZeroInflatedPoisson.dist(0.3, log_mu=0.5), X).eval()
    np.testing.assert_allclose(log_rate, ps.logp(ps.ZeroInflatedPoisson.dist(0.3, np.exp(0.5)), X).eval(), rtol=1e-14)


AMOUNTS = {
    "gamma": (ps.HurdleGamma.dist(0.7, alpha=0.4, beta=3.0), stats.gamma(0.4, 0, 1 / 3)),
    "log-normal": (ps.HurdleLogNormal.dist(0.7, mu=-1.0, sigma=2.0), stats.lognorm(2.0, 0, np.exp(-1.0))),
}


@pytest.mark.parametrize("case", AMOUNTS)
def test_amounts_are_nothing_or_those_of_the_base(case):
    rv, base = AMOUNTS[case]
    x = np.array([1e-300, 1e-9, 0.1, 1.0, 50.0])
    np.testing.assert_allclose(ps.logp(rv, x).eval(), np.log(0.7) + base.logpdf(x), rtol=1e-13)
    np.testing.assert_allclose(ps.logcdf(rv, x).eval(), np.log(0.3 + 0.7 * base.cdf(x)), atol=1e-14)
    np.testing.assert_allclose(ps.logccdf(rv, x).eval(), np.log(0.7) + base.logsf(x), rtol=1e-12)
    assert ps.logp(rv, [0.0, -1.0, np.inf]).eval().tolist() == [np.log1p(-0.7), -np.inf, -np.inf]
    np.testing.assert_allclose(ps.logcdf(rv, [-1.0, 0.0]).eval(), [-np.inf, np.log1p(-0.7)])
    np.testing.assert_allclose(ps.logccdf(rv, [-1.0, 0.0]).eval(), [0.0, np.log(0.7)])
    q = np.array([0.0, 0.1, 0.3 - 1e-9, 0.31, 0.9, 1 - 1e-9])
    expected = np.where(q > 0.3, base.ppf(np.maximum((q - 0.3) / 0.7, 0)), 0.0)
    np.testing.assert_allclose(ps.icdf(rv, q).eval(), expected, rtol=1e-7)  # 1 - q has so many digits
    assert np.isnan(ps.icdf(rv, [-0.1, 1.1]).eval()).all()
    np.testing.assert_allclose(ps.mean(rv).eval(), 0.7 * base.mean(), rtol=1e-13)
    drawn = ps.draw(rv, 4000, random_seed=3)
    assert stats.binomtest(int((drawn > 0).sum()), 4000, 0.7).pvalue > 1e-4
    assert stats.kstest(drawn[drawn > 0], base.cdf).pvalue > 1e-4


def test_amounts_have_no_transform():
    assert ps.default_transform(ps.HurdleGamma.dist(0.5, 1.0, 1.0)) is None


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
def test_gradients_at_zero_are_finite_where_the_base_has_a_pole(backend):
    psi, alpha = pt.scalar("psi"), pt.scalar("alpha")
    cost = ps.logp(ps.HurdleGamma.dist(psi, alpha=alpha, beta=1.0), np.array([0.0, 0.0, 2.0])).sum()
    found = pm.function([psi, alpha], pm.grad(cost, [psi, alpha]), backend=backend)(0.4, 3.0)
    slope = integrate.quad(lambda t: np.log(t) * stats.gamma(3.0).pdf(t), 0, np.inf)[0]  # digamma(3)
    np.testing.assert_allclose(found, [1 / 0.4 - 2 / 0.6, np.log(2.0) - slope], rtol=1e-8)


@pytest.mark.parametrize("eta", [-800.0, -40.0, 0.0, 40.0, 800.0])
def test_log_odds_of_psi_keep_their_digits(eta):
    x = pt.scalar("x")
    for family, at_zero in ((ps.ZeroInflatedPoisson, -3.0), (ps.HurdlePoisson, -np.inf)):
        logs = ps.logp(family.dist(pt.sigmoid(x), 3.0), np.array([0, 2]))
        found = pm.function([x], logs)(eta)
        opened, rest = -np.logaddexp(0.0, -eta), -np.logaddexp(0.0, eta)
        two = stats.poisson(3.0).logpmf(2) - (np.log1p(-np.exp(-3.0)) if family is ps.HurdlePoisson else 0.0)
        np.testing.assert_allclose(found, [np.logaddexp(rest, opened + at_zero), opened + two], rtol=1e-14)


def test_certain_choices():
    assert ps.logp(ps.ZeroInflatedPoisson.dist(0.0, 3.0), [0, 1]).eval().tolist() == [0.0, -np.inf]
    np.testing.assert_allclose(ps.logp(ps.ZeroInflatedPoisson.dist(1.0, 3.0), [0, 1]).eval(), [-3, -3 + np.log(3)])
    assert ps.logp(ps.HurdlePoisson.dist(1.0, 3.0), 0).eval() == -np.inf
    with pytest.raises(ps.ParameterValueError, match="mu of HurdlePoisson must be positive"):
        ps.HurdlePoisson.dist(0.5, 0.0)
    with pytest.raises(ps.ParameterValueError, match="psi"):
        ps.ZeroInflatedPoisson.dist(1.5, 1.0)


def test_rare_events_that_must_happen_are_drawn():
    for rv, over in (
        (ps.HurdlePoisson.dist(1.0, 1e-12), 1),
        (ps.HurdleNegativeBinomial.dist(1.0, mu=1e-12, alpha=2.0), 1),
        (ps.HurdlePoisson.dist(1.0, 1e9), 10**8),
    ):
        drawn = ps.draw(rv, 50, random_seed=1)
        assert (drawn >= over).all()


@pytest.fixture
def versions():
    """Versions that the library does not declare; the second of a base that is never 0 itself."""

    @distribution
    class HurdleBinomial(Hurdle, base=ps.Binomial, n=positive_integer):
        pass

    @distribution
    class ZeroInflatedGeometric(ZeroInflated, base=ps.Geometric):
        pass

    yield HurdleBinomial, ZeroInflatedGeometric
    for family in (HurdleBinomial, ZeroInflatedGeometric):
        del DISTRIBUTIONS[family.__name__]


def test_versions_of_any_family(versions):
    HurdleBinomial, ZeroInflatedGeometric = versions
    n, p, x = 5, 0.3, np.arange(7)
    rv = HurdleBinomial.dist(0.6, n, p)
    base = stats.binom(n, p)
    pmf = np.where(x == 0, 0.4, 0.6 * base.pmf(x) / base.sf(0))
    np.testing.assert_allclose(np.exp(ps.logp(rv, x).eval()), pmf, rtol=1e-13)
    np.testing.assert_allclose(np.exp(ps.logcdf(rv, x).eval()), pmf.cumsum(), rtol=1e-13)
    np.testing.assert_allclose(np.exp(ps.logccdf(rv, x).eval()), 1 - pmf.cumsum(), atol=1e-15)
    np.testing.assert_allclose(ps.mean(rv).eval(), (x * pmf).sum(), rtol=1e-13)
    drawn = ps.draw(rv, 3000, random_seed=2)
    assert stats.chisquare(np.bincount(drawn, minlength=6), pmf[:6] * 3000).pvalue > 1e-4
    with pytest.raises(ValueError, match="too improbable"):
        ps.draw(HurdleBinomial.dist(1.0, 5, 1e-12))

    rv = ZeroInflatedGeometric.dist(0.6, 0.3)
    pmf = np.where(x == 0, 0.4, 0.6 * stats.geom(0.3).pmf(x))
    np.testing.assert_allclose(np.exp(ps.logp(rv, x).eval()), pmf, rtol=1e-13)
    np.testing.assert_allclose(np.exp(ps.logcdf(rv, x).eval()), pmf.cumsum(), rtol=1e-13)
    np.testing.assert_array_equal(ps.icdf(rv, [0.1, 0.4, 0.41, 0.5]).eval(), [0, 0, 1, 1])


def test_bases_that_cannot_be_used_are_refused():
    for kind, base, why in (
        (ZeroInflated, ps.Gamma, "whole numbers"),
        (ZeroInflated, ps.DiscreteUniform, "fixed lower end"),
        (Hurdle, ps.Normal, "from 0 up"),
        (Hurdle, ps.Categorical, "single numbers"),
    ):
        with pytest.raises(TypeError, match=why):
            type("Refused", (kind,), {}, base=base)


def test_a_law_declared_beside_its_class_is_found_from_a_pickle():
    rv = ps.HurdlePoisson.dist(0.5, 2.0)
    code = (
        "import pickle, sys; v = pickle.loads(sys.stdin.buffer.read()); import pellucid as pm; print(pm.draw(v) >= 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(rv), capture_output=True, check=False)
    assert done.stdout.strip() == b"True", done.stderr.decode()
