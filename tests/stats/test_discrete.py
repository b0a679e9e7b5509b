"""Distributions of whole numbers: far tails, quantiles and extreme parameters, against mpmath."""

import mpmath
import numpy as np
import pytest
from scipy import stats

import pellucid as pm
import pellucid.stats as ps
import pellucid.tensor as pt


def exact_beta_binomial(n, alpha, beta):
    """All probabilities, by mpmath."""
    a, b = mpmath.mpf(alpha), mpmath.mpf(beta)
    return [mpmath.binomial(n, k) * mpmath.beta(k + a, n - k + b) / mpmath.beta(a, b) for k in range(n + 1)]


def exact_hypergeometric(good, bad, n):
    """All probabilities, by mpmath."""
    total = mpmath.binomial(good + bad, n)
    return [mpmath.binomial(good, k) * mpmath.binomial(bad, n - k) / total for k in range(min(n, good) + 1)]


FINITE = {
    "even": (ps.BetaBinomial.dist(1.0, 1.0, 7), exact_beta_binomial, (7, 1.0, 1.0)),
    "uneven": (ps.BetaBinomial.dist(0.3, 40.0, 60), exact_beta_binomial, (60, 0.3, 40.0)),
    "almost binomial": (ps.BetaBinomial.dist(3e9, 1e9, 50), exact_beta_binomial, (50, 3e9, 1e9)),
    "extreme": (ps.BetaBinomial.dist(1e-6, 1e-3, 12), exact_beta_binomial, (12, 1e-6, 1e-3)),
    "no trial": (ps.BetaBinomial.dist(2.0, 3.0, 0), exact_beta_binomial, (0, 2.0, 3.0)),
    "without replacement": (ps.HyperGeometric.dist(N=90, k=30, n=40), exact_hypergeometric, (30, 60, 40)),
    "nearly all drawn": (ps.HyperGeometric.dist(N=50, k=20, n=48), exact_hypergeometric, (20, 30, 48)),
}


@pytest.mark.parametrize("case", FINITE)
def test_finite_sums_keep_the_digits_of_both_tails(case):
    rv, exact, arguments = FINITE[case]
    with mpmath.workdps(60):
        p = exact(*arguments)
        x = np.arange(len(p))
        below = [mpmath.fsum(p[: k + 1]) for k in x]
        above = [mpmath.fsum(p[k + 1 :]) for k in x]
        logs = [[float(mpmath.log(v)) if v else -np.inf for v in row] for row in (p, below, above)]
    for found, expected in zip((ps.logp, ps.logcdf, ps.logccdf), logs, strict=True):
        # Differences of log gamma functions of numbers below 100 lose up to 3 digits.
        np.testing.assert_allclose(found(rv, x).eval(), expected, rtol=1e-12, atol=1e-12)


FUSED = {  # each in two spellings, of which the first takes the rate or the odds on the log scale
    "Poisson": (ps.Poisson, {"log_mu": 1.7}, {"mu": np.exp(1.7)}),
    "NegativeBinomial, mean": (ps.NegativeBinomial, {"log_mu": -0.4, "alpha": 2.5}, {"mu": np.exp(-0.4), "alpha": 2.5}),
    "NegativeBinomial, odds": (
        ps.NegativeBinomial,
        {"n": 3.0, "logit_p": 0.6},
        {"n": 3.0, "p": 1 / (1 + np.exp(-0.6))},
    ),
    "Geometric": (ps.Geometric, {"logit_p": 0.6}, {"p": 1 / (1 + np.exp(-0.6))}),
}


@pytest.mark.parametrize("case", FUSED)
def test_log_scales_mean_the_same(case):
    family, fused, plain = FUSED[case]
    x = np.arange(1, 9)
    for function in (ps.logp, ps.logcdf, ps.logccdf):
        found, expected = (function(family.dist(**given), x).eval() for given in (fused, plain))
        np.testing.assert_allclose(found, expected, rtol=1e-13)


def extreme(x, log_mu, alpha):
    """The negative binomial log-probability of x, by mpmath."""
    n, mu = mpmath.mpf(alpha), mpmath.exp(log_mu)
    count = mpmath.loggamma(x + n) - mpmath.loggamma(n) - mpmath.loggamma(x + 1)
    return count + n * mpmath.log(n / (n + mu)) + x * mpmath.log(mu / (n + mu))


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize("log_mu", [-900.0, -30.0, 0.0, 30.0, 900.0])
def test_log_rates_beyond_the_range_of_exp(log_mu, backend):
    eta, alpha = pt.scalar("eta"), pt.scalar("alpha")
    cost = ps.logp(ps.NegativeBinomial.dist(log_mu=eta, alpha=alpha), np.array([0, 3, 200]))
    run = pm.function([eta, alpha], [cost, pm.grad(cost.sum(), eta)], backend=backend)
    for shape in (1e-3, 2.0, 1e8):
        with mpmath.workdps(60):
            expected = [float(extreme(x, log_mu, shape)) for x in (0, 3, 200)]
            mu = mpmath.exp(log_mu)
            slope = float(sum(x - (x + shape) * mu / (mu + shape) for x in (0, 3, 200)))
        found, derivative = run(log_mu, shape)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        np.testing.assert_allclose(derivative, slope, rtol=1e-12, atol=1e-12)  # a sum of numbers up to 200
    rare = ps.logp(ps.Poisson.dist(log_mu=eta), np.array([0, 3]))
    found = pm.function([eta], [rare], backend=backend)(-900.0)[0]
    np.testing.assert_allclose(found, [0.0, 3 * -900.0 - np.log(6)], rtol=1e-15)


def test_many_failures_are_poisson_in_the_limit():
    x = np.array([0, 1, 17, 400])
    limit = ps.logp(ps.Poisson.dist(3.5), x).eval()
    for alpha in (1e12, 1e100, 1e300):
        found = ps.logp(ps.NegativeBinomial.dist(mu=3.5, alpha=alpha), x).eval()
        np.testing.assert_allclose(found, limit, rtol=1e-6 if alpha == 1e12 else 1e-13)


QUANTILES = {
    "Poisson": (ps.Poisson.dist(3.3), range(25)),
    "large Poisson": (ps.Poisson.dist(1e7), range(9_990_000, 10_010_001, 997)),
    "Binomial": (ps.Binomial.dist(30, 0.2), range(31)),
    "rare Binomial": (ps.Binomial.dist(10**6, 3e-6), range(20)),
    "NegativeBinomial": (ps.NegativeBinomial.dist(mu=40.0, alpha=0.3), range(0, 900, 7)),
    "BetaBinomial": (ps.BetaBinomial.dist(0.5, 0.5, 20), range(21)),
    "HyperGeometric": (ps.HyperGeometric.dist(N=40, k=15, n=30), range(5, 16)),
    "DiscreteWeibull": (ps.DiscreteWeibull.dist(0.9, 0.7), range(60)),
    "Geometric": (ps.Geometric.dist(0.1), range(1, 80)),
    "DiscreteUniform": (ps.DiscreteUniform.dist(-7, 12), range(-7, 13)),
    "Categorical": (ps.Categorical.dist([0.1, 0.2, 0.3, 0.4]), range(4)),
    "Bernoulli": (ps.Bernoulli.dist(0.3), range(2)),
}


@pytest.mark.parametrize("case", QUANTILES)
def test_the_quantile_of_the_probability_of_a_number_is_the_number(case):
    rv, x = QUANTILES[case]
    x = np.array(x, float)
    p = np.exp(ps.logcdf(rv, x).eval())
    own = x[
        (p > 0) & (np.diff(p, append=2.0) > 1e-13) & (p < 1 - 1e-15)
    ]  # where the next number has another probability, in floats
    p = np.exp(ps.logcdf(rv, own).eval())
    assert len(own)
    np.testing.assert_array_equal(ps.icdf(rv, p).eval(), own)
    inner = own[:-1]
    between = 0.5 * (p[:-1] + p[1:])  # whose quantile is the number whose probability reaches so far
    found = ps.icdf(rv, between).eval()
    assert (found > inner).all()
    assert (np.exp(ps.logcdf(rv, found).eval()) >= between).all()
    assert (np.exp(ps.logcdf(rv, found - 1).eval()) < between).all()
    assert np.isnan(ps.icdf(rv, np.array([-0.1, 1.1, np.nan])).eval()).all()
    assert ps.icdf(rv, np.zeros((0,))).eval().shape == (0,)


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
def test_quantiles_of_batches(backend):
    q, mu = pt.matrix("q"), pt.vector("mu")
    found = pm.function([q, mu], ps.icdf(ps.Poisson.dist(mu), q), backend=backend)
    p, rates = np.array([[1e-200, 0.1, 0.5], [0.9, 0.999, 1.0]]), np.array([0.01, 7.0, 1e8])
    np.testing.assert_array_equal(found(p, rates), stats.poisson(rates).ppf(p))
    assert np.isnan(found(p, np.array([-1.0, np.nan, 2.0]))[:, :2]).all()


def test_no_gradient_flows_through_a_quantile():
    mu = pt.scalar("mu")
    with pytest.raises(pm.DisconnectedInputError):
        pm.grad(ps.icdf(ps.Poisson.dist(mu), 0.3), mu)


@pytest.mark.parametrize(("c", "dtype"), [(3, "int64"), (2.5, "float64"), (np.array([1, 2], "int8"), "int64")])
def test_what_is_certain(c, dtype):
    rv = ps.DiracDelta.dist(c)
    assert rv.dtype == dtype
    np.testing.assert_array_equal(ps.draw(rv), c)
    np.testing.assert_array_equal(ps.support_point(rv).eval(), c)
    np.testing.assert_array_equal(ps.mean(rv).eval(), c)
    np.testing.assert_array_equal(ps.icdf(rv, 0.3).eval(), c)
    value = np.asarray(c, float)
    for x in (value - 1, value - 0.5, value, value + 1, np.inf + value):
        expected = [np.where(x == c, 0, -np.inf), np.where(x >= c, 0, -np.inf), np.where(x >= c, -np.inf, 0)]
        for function, wanted in zip((ps.logp, ps.logcdf, ps.logccdf), expected, strict=True):
            np.testing.assert_array_equal(function(rv, x).eval(), wanted)
    assert np.isnan(ps.logcdf(rv, np.full_like(value, np.nan)).eval()).all()
    assert ps.draw(ps.DiracDelta.dist(c, shape=(3, *value.shape))).shape == (3, *value.shape)
    with pytest.raises(TypeError, match="no parameter 'd'"):
        ps.DiracDelta.dist(c, d=1)


def upper_beta(a, b, x):
    """log I_x(a, b), by mpmath."""
    return mpmath.log(mpmath.betainc(a, b, 0, x, regularized=True))


def exact_tails(family, given, x):
    """log P(X <= x) and log P(X > x), by mpmath."""
    if family is ps.Poisson:
        mu = mpmath.mpf(given["mu"])
        both = mpmath.gammainc(x + 1, mu, mpmath.inf, regularized=True), mpmath.gammainc(x + 1, 0, mu, regularized=True)
        return [float(mpmath.log(v)) for v in both]
    if family is ps.Binomial:
        n, p = given["n"], mpmath.mpf(given["p"])
        return [float(upper_beta(n - x, x + 1, 1 - p)), float(upper_beta(x + 1, n - x, p))]
    mu, alpha = mpmath.mpf(given["mu"]), mpmath.mpf(given["alpha"])
    p = alpha / (alpha + mu)
    return [float(upper_beta(alpha, x + 1, p)), float(upper_beta(x + 1, alpha, 1 - p))]


DEEP = [
    (ps.Poisson, {"mu": 2000.0}, (0, 3, 500, 1000, 1600, 2400, 4000, 9000)),
    (ps.Poisson, {"mu": 1e-3}, (0, 1, 90, 200)),
    (ps.Binomial, {"n": 5000, "p": 0.4}, (0, 100, 700, 1700, 2300, 3300, 4999)),
    (ps.Binomial, {"n": 400, "p": 1e-3}, (0, 100, 150, 399)),
    (ps.NegativeBinomial, {"mu": 1e4, "alpha": 500.0}, (0, 10, 500, 2000, 20000, 60000)),
    (ps.NegativeBinomial, {"mu": 10.0, "alpha": 0.5}, (0, 100, 7500, 20_000)),
]


@pytest.mark.parametrize(("family", "given", "x"), DEEP, ids=lambda v: getattr(v, "__name__", ""))
def test_tails_too_small_for_floats(family, given, x):
    rv = family.dist(**given)
    with mpmath.workdps(50):
        expected = np.transpose([exact_tails(family, given, k) for k in x])
    assert (expected < -700).any()
    for function, logs in zip((ps.logcdf, ps.logccdf), expected, strict=True):
        # Of numbers of up to 1e7, log gamma functions have an error of 1e-9.
        np.testing.assert_allclose(function(rv, np.array(x)).eval(), logs, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
def test_tails_have_gradients_on_both_sides_of_the_change(backend):
    x, mu = np.array([0, 600, 1300, 1900, 2500, 5000]), pt.scalar("mu")
    for function in (ps.logcdf, ps.logccdf):
        tails = function(ps.Poisson.dist(mu), x)
        run = pm.function([mu], tails)
        slope = pm.function([mu], pm.grad(tails.sum(), mu), backend=backend)(2000.0)
        step = 1e-3
        differences = (run(2000.0 + step) - run(2000.0 - step)) / (2 * step)
        np.testing.assert_allclose(slope, differences.sum(), rtol=1e-6)


@pytest.mark.parametrize("beta", [0.3, 0.7, 1.0, 2.5, 8.0, 1000.0])
@pytest.mark.parametrize("q", [1e-6, 0.3, 0.9, 0.9999, 1 - 1e-9])
def test_mean_of_survived_periods(q, beta):
    found = ps.mean(ps.DiscreteWeibull.dist(q, beta)).eval()
    with mpmath.workdps(30):
        rate, b, n = -mpmath.log(mpmath.mpf(q)), mpmath.mpf(beta), 800
        survival = [mpmath.exp(-rate * mpmath.mpf(k) ** b) for k in range(1, n)]
        reached = rate * mpmath.mpf(n) ** b
        rest = mpmath.gamma(1 + 1 / b) * rate ** (-1 / b) * mpmath.gammainc(1 / b, reached, regularized=True)
        ends = mpmath.exp(-reached) * (mpmath.mpf(1) / 2 + reached * b / n / 12)
        expected = float(mpmath.fsum(survival) + rest + ends)  # beyond 800, smoother than at the 256 of the library
    np.testing.assert_allclose(found, expected, rtol=1e-9)
