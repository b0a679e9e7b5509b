"""Random walks, autoregressions, GARCH, noisy differential equations: densities, draws, lengths, models, errors."""

import pickle
import warnings

import numpy as np
import pytest
from scipy import stats

import pellucid as pm
import pellucid.stats as ps
import pellucid.tensor as pt
from pellucid.compile.numpy import evaluate
from pellucid.tensor.broadcast import ShapeError

START = pm.Normal.dist(0.5, 2.0)
COV = np.array([[2.0, 0.3], [0.3, 0.5]])


def value(v, given=None):
    """The interpreter's value of a graph."""
    return np.asarray(evaluate([v], {k: np.asarray(a, "float64") for k, a in (given or {}).items()})[0])


def walk_density(x, s):
    return stats.norm(0.5, 2).logpdf(x[..., 0]) + stats.norm(0.1, s).logpdf(np.diff(x)).sum(-1)


def vector_walk_density(x, s):
    first = stats.multivariate_normal([0, 0], np.eye(2)).logpdf(x[..., 0, :])
    return first + stats.multivariate_normal([0.1, 0.2], COV * s).logpdf(np.diff(x, axis=-2)).sum(-1)


def t_walk_density(x, s):
    first = stats.multivariate_normal([0, 0], np.eye(2)).logpdf(x[..., 0, :])
    return first + stats.multivariate_t([0.1, 0.2], COV * s, 5).logpdf(np.diff(x, axis=-2)).sum(-1)


def ar_density(x, s):
    means = 0.2 + 0.5 * x[..., 1:-1] - 0.3 * x[..., :-2]
    return stats.norm(0.5, 2).logpdf(x[..., :2]).sum(-1) + stats.norm(means, s).logpdf(x[..., 2:]).sum(-1)


def garch_density(x, s):
    variances = [np.full(x.shape[:-1], s**2)]
    for t in range(x.shape[-1] - 1):
        variances.append(0.5 + 0.2 * x[..., t] ** 2 + 0.3 * variances[-1])
    return stats.norm(0, np.sqrt(np.stack(variances, -1))).logpdf(x).sum(-1)


def sde_density(x, s):
    before = x[..., :-1]
    steps = stats.norm(before - 0.1 * s * before, np.sqrt(0.1) * (1 + before**2))
    return stats.norm(0.5, 2).logpdf(x[..., 0]) + steps.logpdf(x[..., 1:]).sum(-1)


def vectors():
    return pm.MvNormal.dist(np.zeros(2), np.eye(2))


CASES = {  # how it is made from a parameter and options, its log-density by SciPy, the axes of one draw for 6 elements
    "GaussianRandomWalk": (
        lambda s, **o: pm.GaussianRandomWalk.dist(0.1, s, init_dist=START, **o), walk_density, (6,),
    ),
    "RandomWalk": (
        lambda s, **o: pm.RandomWalk.dist(START, pm.Normal.dist(0.1, s), **o), walk_density, (6,),
    ),
    "MvGaussianRandomWalk": (
        lambda s, **o: pm.MvGaussianRandomWalk.dist([0.1, 0.2], cov=COV * s, init_dist=vectors(), **o),
        vector_walk_density, (6, 2),
    ),
    "MvStudentTRandomWalk": (
        lambda s, **o: pm.MvStudentTRandomWalk.dist(nu=5, mu=[0.1, 0.2], scale=COV * s, init_dist=vectors(), **o),
        t_walk_density, (6, 2),
    ),
    "AR": (
        lambda s, **o: pm.AR.dist([0.2, 0.5, -0.3], sigma=s, constant=True, init_dist=START, **o), ar_density, (6,),
    ),
    "GARCH11": (lambda s, **o: pm.GARCH11.dist(0.5, 0.2, 0.3, s, **o), garch_density, (6,)),
    "EulerMaruyama": (
        lambda s, **o: pm.EulerMaruyama.dist(0.1, lambda x, k: (-k * x, 1 + x**2), [s], init_dist=START, **o),
        sde_density, (6,),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_density_gradient_and_length(name):
    make, density, own = CASES[name]
    x = np.random.default_rng(1).normal(size=(3, *own))
    s = pt.dscalar("s")
    rv = make(s, steps=4 if name == "AR" else 5)
    assert rv.type.shape == own
    found = pm.logp(rv, x)
    np.testing.assert_allclose(value(found, {s: 0.8}), density(x, 0.8), rtol=1e-11)
    slope, h = value(pm.grad(found.sum(), s), {s: 0.8}), 1e-5
    want = (density(x, 0.8 + h).sum() - density(x, 0.8 - h).sum()) / (2 * h)
    np.testing.assert_allclose(slope, want, rtol=1e-6)
    point = pt.TensorType("float64", own).variable()
    along = value(pm.grad(pm.logp(make(0.8, shape=own), point), point), {point: x[0]})
    step = h * np.random.default_rng(2).normal(size=own)
    np.testing.assert_allclose(
        (along * step).sum(), (density(x[0] + step, 0.8) - density(x[0] - step, 0.8)) / 2, rtol=1e-6
    )


@pytest.mark.parametrize("name", CASES)
def test_draws_have_the_moments_that_their_density_gives(name):
    """The mean of the slope of the log-density in its parameter is zero over draws from it."""
    make, density, own = CASES[name]
    drawn = pm.draw(make(0.8, size=4000, steps=4 if name == "AR" else 5), random_seed=7)
    assert drawn.shape == (4000, *own)
    h = 1e-4
    scores = (density(drawn, 0.8 + h) - density(drawn, 0.8 - h)) / (2 * h)
    assert abs(scores.mean()) < 4 * scores.std() / np.sqrt(len(scores))  # four standard errors
    first = drawn[:, 0] if drawn.ndim == 2 else drawn[:, 0, 0]
    want = {"GARCH11": stats.norm(0, 0.8), "MvGaussianRandomWalk": stats.norm(), "MvStudentTRandomWalk": stats.norm()}
    assert stats.kstest(first, want.get(name, stats.norm(0.5, 2)).cdf).pvalue > 1e-3


@pytest.mark.parametrize("name", CASES)
def test_law_pickle_and_support_point(name):
    make, _, own = CASES[name]
    rv = make(0.8, shape=(2, *own))
    assert rv.owner.op == make(0.9, shape=(2, *own)).owner.op
    assert pickle.loads(pickle.dumps(rv)).owner.op == rv.owner.op  # noqa: S301
    start = value(ps.support_point(rv))
    assert start.shape == rv.type.shape == (2, *own)
    assert np.all(np.isfinite(value(pm.logp(rv, start))))


def test_walks_drift_by_the_mean_of_their_innovations():
    rv = pm.RandomWalk.dist(pm.Normal.dist(1, 2), pm.Gamma.dist(3, 2), steps=4)
    np.testing.assert_allclose(value(ps.support_point(rv)), 1 + 1.5 * np.arange(5))
    drawn = pm.draw(pm.RandomWalk.dist(pm.Normal.dist(1, 2), pm.Gamma.dist(3, 2), steps=4, size=4000), random_seed=1)
    np.testing.assert_allclose(drawn.mean(0), 1 + 1.5 * np.arange(5), atol=0.2)
    counts = pm.RandomWalk.dist(pm.Poisson.dist(1), pm.Poisson.dist(2), steps=3)
    assert pm.draw(counts).dtype == "int64"
    np.testing.assert_allclose(
        value(pm.logp(counts, [1, 3, 3, 4])), stats.poisson(1).logpmf(1) + stats.poisson(2).logpmf([2, 0, 1]).sum()
    )


def test_batches_of_parameters():
    sigma = np.array([0.5, 1.0, 2.0])
    x = np.random.default_rng(1).normal(size=(3, 6))
    walk = pm.GaussianRandomWalk.dist(0.1, sigma, init_dist=START, steps=5)
    assert walk.type.shape == (3, 6)
    np.testing.assert_allclose(
        value(pm.logp(walk, x)), [walk_density(r, s) for r, s in zip(x, sigma, strict=True)], rtol=1e-12
    )
    garch = pm.GARCH11.dist(0.5, 0.2, 0.3, sigma, steps=5)
    np.testing.assert_allclose(
        value(pm.logp(garch, x)), [garch_density(r, s) for r, s in zip(x, sigma, strict=True)], rtol=1e-12
    )
    sde = pm.EulerMaruyama.dist(0.1, lambda x, k: (-k * x, 1 + x**2), [sigma], init_dist=START, steps=5)
    np.testing.assert_allclose(
        value(pm.logp(sde, x)), [sde_density(r, s) for r, s in zip(x, sigma, strict=True)], rtol=1e-12
    )
    rho = np.array([[0.2, 0.5, -0.3]] * 3)
    ar = pm.AR.dist(rho, sigma=sigma, constant=True, init_dist=START, steps=4)
    np.testing.assert_allclose(
        value(pm.logp(ar, x)), [ar_density(r, s) for r, s in zip(x, sigma, strict=True)], rtol=1e-12
    )
    for rv in (garch, sde, ar):
        assert pm.draw(rv).shape == (3, 6)


def test_autoregressions_start_from_numbers_or_from_a_vector():
    x = np.random.default_rng(3).normal(size=6)
    later = ar_density(x, 0.8) - stats.norm(0.5, 2).logpdf(x[:2]).sum()
    make = lambda start: pm.AR.dist([0.2, 0.5, -0.3], 0.8, constant=True, init_dist=start, steps=4)  # noqa: E731
    each = make(pm.Normal.dist([1.0, 2.0], 1.0))
    np.testing.assert_allclose(value(pm.logp(each, x)), later + stats.norm([1, 2], 1).logpdf(x[:2]).sum(), rtol=1e-12)
    both = make(pm.MvNormal.dist([1.0, 2.0], COV))
    want = later + stats.multivariate_normal([1, 2], COV).logpdf(x[:2])
    np.testing.assert_allclose(value(pm.logp(both, x)), want, rtol=1e-12)
    tau = pm.AR.dist([0.5], tau=4.0, init_dist=START, steps=4)
    np.testing.assert_allclose(
        value(pm.logp(tau, x[:5])), value(pm.logp(pm.AR.dist([0.5], 0.5, init_dist=START, steps=4), x[:5]))
    )
    sized = pm.AR.dist([0.5, 0.2], init_dist=pm.Normal.dist(0, 1, size=(3, 2)), steps=4)
    assert sized.type.shape == pm.draw(sized).shape == (3, 6)


def test_a_number_of_steps_that_is_known_late():
    n = pt.iscalar("n")
    rv = pm.GaussianRandomWalk.dist(0, 1, init_dist=START, steps=n)
    assert rv.eval({n: 3}).shape == (4,)
    assert value(rv.shape, {n: np.int32(7)}) == 8
    with pm.Model(coords={"t": range(5)}) as model:
        pm.GaussianRandomWalk("x", 0, 1, init_dist=START, dims="t")
        pm.AR("y", [0.1, 0.2], init_dist=START, dims="t")
        pm.GARCH11("z", 0.5, 0.2, 0.3, 1.0, observed=np.ones(4))
    assert {k: v.shape for k, v in model.initial_point().items()} == {"x": (5,), "y": (5,)}
    assert str(model).splitlines()[1].strip() == "y ~ AR(<constant>, 1, 3, Normal(0.5, 2))"


def test_an_autoregression_is_sampled_natively():
    rng = np.random.default_rng(0)
    y = np.zeros(200)
    for t in range(1, 200):
        y[t] = 0.2 + 0.7 * y[t - 1] + rng.normal(0, 0.5)
    with pm.Model() as model:
        rho = pm.Normal("rho", 0, 1, shape=2)
        sigma = pm.HalfNormal("sigma", 1)
        pm.AR("y", rho, sigma=sigma, constant=True, init_dist=pm.Normal.dist(0, 1), observed=y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = pm.sample(300, tune=300, chains=2, random_seed=1, progressbar=False).posterior
    report = model.compile_dlogp().f.compile_report()
    assert (report["backend"], report["callbacks"]) == ("llvm", [])
    np.testing.assert_allclose(found["rho"].mean(("chain", "draw")), [0.2, 0.7], atol=0.15)  # two standard deviations
    np.testing.assert_allclose(found["sigma"].mean(), 0.5, atol=0.08)


ERRORS = [
    (lambda: pm.GaussianRandomWalk.dist(0, 1, init_dist=START), ValueError, "needs its length"),
    (lambda: pm.GaussianRandomWalk.dist(0, 1, init_dist=START, steps=3, shape=9), ValueError, "of 3 steps has 4"),
    (lambda: pm.RandomWalk.dist(vectors(), START, steps=3), TypeError, "draws of equally many axes"),
    (lambda: pm.RandomWalk.dist(1.0, START, steps=3), TypeError, "init_dist of RandomWalk must be a distribution"),
    (lambda: pm.AR.dist(pt.dvector("rho"), init_dist=START, steps=3), ValueError, "order of AR is not known"),
    (lambda: pm.AR.dist([0.5], constant=True, init_dist=START, steps=3), ValueError, "needs 1 coefficients|order 0"),
    (lambda: pm.AR.dist([0.5, 0.2], ar_order=3, init_dist=START, steps=3), ValueError, "of order 3 needs 3"),
    (lambda: pm.AR.dist([0.5], 1.0, 1.0, init_dist=START, steps=3), ValueError, "sigma and tau together"),
    (lambda: pm.AR.dist([0.5, 0.2], init_dist=pm.Normal.dist(0, 1, size=3), steps=3), ShapeError, "of order 2"),
    (lambda: pm.AR.dist([0.5], -1.0, init_dist=START, steps=3), pm.ParameterValueError, "sigma of AR must be positive"),
    (lambda: pm.GARCH11.dist(0.5, -0.2, 0.3, 1.0, steps=3), pm.ParameterValueError, "alpha_1 of GARCH11"),
    (lambda: pm.EulerMaruyama.dist(0.1, lambda x: x, [], init_dist=START, steps=3), ValueError, "must return two"),
    (
        lambda: pm.EulerMaruyama.dist(0.1, lambda x: (x, pt.dscalar("q")), [], init_dist=START, steps=3),
        ValueError, "uses q: pass what it depends on",
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_errors_name_what_is_wrong(case):
    act, kind, words = ERRORS[case]
    with pytest.raises(kind, match=words):
        act()


def test_a_start_that_was_not_given_is_wide_and_warned_of():
    with pytest.warns(UserWarning, match="init_dist of GaussianRandomWalk was not given"):
        rv = pm.GaussianRandomWalk.dist(0, 1, steps=1)
    np.testing.assert_allclose(value(pm.logp(rv, [0.0, 0.0])), stats.norm(0, 100).logpdf(0) + stats.norm.logpdf(0))
    with pytest.warns(UserWarning, match="init_dist of MvGaussianRandomWalk"):
        rv = pm.MvGaussianRandomWalk.dist(np.zeros(2), cov=COV, steps=1)
    np.testing.assert_allclose(
        value(pm.logp(rv, np.zeros((2, 2)))),
        stats.multivariate_normal([0, 0], 100 * np.eye(2)).logpdf([0, 0])
        + stats.multivariate_normal([0, 0], COV).logpdf([0, 0]),
    )


def test_series_follow_data_of_another_length():
    with pm.Model() as model:
        model.add_coord("t", length=5)
        x = pm.Data("x", np.ones(5), dims="t")
        s = pm.HalfNormal("s")
        pm.GaussianRandomWalk("walk", 0.1, s, init_dist=START, observed=x, dims="t")
        pm.AR("ar", [0.2, 0.5, -0.3], s, constant=True, init_dist=START, observed=x, dims="t")
        pm.GARCH11("garch", 0.5, 0.2, 0.3, s, observed=x, dims="t")
        pm.EulerMaruyama("sde", 0.1, lambda x, k: (-k * x, 1 + x**2), [s], init_dist=START, observed=x, dims="t")
        pm.CustomDist("sums", s, dist=lambda s, size: pm.Normal.dist(x, s).cumsum(), observed=x, dims="t", ndim_supp=1)
    logp = model.compile_logp([model[name] for name in ("walk", "ar", "garch", "sde")], backend="numpy")
    for n in (5, 8):
        if n > 5:
            pm.set_data({"x": np.ones(n)}, coords={"t": range(n)}, model=model)
        parts = [f(np.ones(n), 1.0) for f in (walk_density, ar_density, garch_density, sde_density)]
        np.testing.assert_allclose(logp({"s_log__": 0.0}), sum(parts), rtol=1e-12)
        drawn = pm.sample_prior_predictive(2, model=model, random_seed=1).prior_predictive
        assert {v.shape for v in drawn.data_vars.values()} == {(1, 2, n)}
