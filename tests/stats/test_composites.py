"""Mixtures, truncation, censoring, and distributions that users make: densities, draws, gradients, laws, errors."""

import pickle
import warnings

import numpy as np
import pytest
from scipy import integrate, stats

import pellucid as pm
import pellucid.stats as ps
import pellucid.tensor as pt
from pellucid.compile.numpy import evaluate
from pellucid.graph.intern import merge
from pellucid.stats.constraint import positive
from pellucid.stats.families.mixture import MixtureTransformWarning
from pellucid.stats.families.truncated import TruncationError
from pellucid.tensor.broadcast import ShapeError
from pellucid.vectorize import vectorize_graph

EXACT = 1e-11  # relative, of log-densities: a handful of roundings, and those of SciPy's own formulae


def value(v, given=None):
    """The interpreter's value of a graph."""
    return np.asarray(evaluate([v], {k: np.asarray(a, "float64") for k, a in (given or {}).items()})[0])


def exp_normal(mu, sigma, size):
    """A log-normal variable as users would write it."""
    return pt.exp(pm.Normal.dist(mu, sigma, size=size))


def blend(w, *frozen):
    """The density and the distribution function of a mixture of SciPy's distributions."""
    pdf = "pdf" if hasattr(frozen[0].dist, "pdf") else "pmf"
    return (
        lambda x: sum(a * getattr(f, pdf)(x) for a, f in zip(w, frozen, strict=True)),
        lambda x: sum(a * f.cdf(x) for a, f in zip(w, frozen, strict=True)),
    )


def cut(frozen, low, high):
    """The same of a SciPy distribution restricted to [low, high]."""
    discrete = not hasattr(frozen.dist, "pdf")
    below = frozen.cdf(low - 1 if discrete else low)
    mass = frozen.cdf(high) - below
    inside = lambda x: (x >= low) & (x <= high)  # noqa: E731
    pdf = frozen.pmf if discrete else frozen.pdf
    return (
        lambda x: np.where(inside(x), pdf(x) / mass, 0.0),
        lambda x: np.clip((frozen.cdf(x) - below) / mass, 0.0, 1.0),
    )


W, INF = [0.3, 0.7], np.inf
BUMPS = blend(W, stats.norm(0, 1.3), stats.norm(4, 1.3))
CONTINUOUS = {  # how it is made from one parameter, density and cdf by SciPy at a parameter of 1.3, where it lives
    "mixture of a list": (
        lambda s: pm.Mixture.dist(W, [pm.Normal.dist(0, s), pm.StudentT.dist(4, 3, 2)]),
        blend(W, stats.norm(0, 1.3), stats.t(4, 3, 2)), (-INF, INF),
    ),
    "mixture of a batch": (
        lambda s: pm.Mixture.dist(W, pm.Gamma.dist([2.0, 5.0], 1 / s)),
        blend(W, stats.gamma(2, scale=1.3), stats.gamma(5, scale=1.3)), (0, INF),
    ),
    "mixture of ten": (
        lambda s: pm.Mixture.dist(np.full(10, 0.1), [pm.Normal.dist(float(i), s) for i in range(10)]),
        blend(np.full(10, 0.1), *[stats.norm(i, 1.3) for i in range(10)]), (-INF, INF),
    ),
    "normal mixture": (
        lambda s: pm.NormalMixture.dist(W, [0, 4], tau=[1 / s**2, 0.25]),
        blend(W, stats.norm(0, 1.3), stats.norm(4, 2)), (-INF, INF),
    ),
    "mixture of truncated": (
        lambda s: pm.Mixture.dist(W, [pm.Truncated.dist(pm.Normal.dist(0, s), 0, 1), pm.Uniform.dist(0, 1)]),
        blend(W, stats.truncnorm(0, 1 / 1.3, 0, 1.3), stats.uniform(0, 1)), (0, 1),
    ),
    "truncated on both sides": (
        lambda s: pm.Truncated.dist(pm.Normal.dist(0.5, s), -1, 2), cut(stats.norm(0.5, 1.3), -1, 2), (-1, 2),
    ),
    "truncated below": (
        lambda s: pm.Truncated.dist(pm.Gamma.dist(s, 1), lower=0.5), cut(stats.gamma(1.3), 0.5, INF), (0.5, INF),
    ),
    "truncated above": (
        lambda s: pm.Truncated.dist(pm.Exponential.dist(1 / s), 0, 3), cut(stats.expon(0, 1.3), 0, 3), (0, 3),
    ),
    "truncated mixture": (
        lambda s: pm.Truncated.dist(pm.Mixture.dist(W, pm.Normal.dist([0, 4], s)), 1, 5),
        (lambda x: BUMPS[0](x) / (BUMPS[1](5.0) - BUMPS[1](1.0)), None), (1, 5),
    ),
    "custom, from a graph": (
        lambda s: pm.CustomDist.dist(0.2, s, dist=exp_normal),
        (stats.lognorm(1.3, 0, np.exp(0.2)).pdf, stats.lognorm(1.3, 0, np.exp(0.2)).cdf), (0, INF),
    ),
    "custom, from functions": (
        lambda s: pm.CustomDist.dist(
            s,
            logp=lambda x, scale: pm.logp(pm.Laplace.dist(0, scale), x),
            logcdf=lambda x, scale: pm.logcdf(pm.Laplace.dist(0, scale), x),
            random=lambda scale, rng, size: rng.laplace(0, scale, size),
        ),
        (stats.laplace(0, 1.3).pdf, stats.laplace(0, 1.3).cdf), (-INF, INF),
    ),
}  # fmt: skip
DISCRETE = {
    "mixture": (
        lambda s: pm.Mixture.dist(W, [pm.Poisson.dist(s), pm.Geometric.dist(0.5)]),
        blend(W, stats.poisson(1.3), stats.geom(0.5)),
    ),
    "truncated": (lambda s: pm.Truncated.dist(pm.Poisson.dist(s), 1, 4), cut(stats.poisson(1.3), 1, 4)),
    "truncated between whole numbers": (
        lambda s: pm.Truncated.dist(pm.Poisson.dist(s), 0.5, 4.5), cut(stats.poisson(1.3), 1, 4),
    ),
    "censored": (
        lambda s: pm.Censored.dist(pm.Poisson.dist(s), 1, 4),
        (
            lambda x: np.select(
                [x == 1, x == 4, (x > 1) & (x < 4)],
                [stats.poisson(1.3).cdf(1), stats.poisson(1.3).sf(3), stats.poisson(1.3).pmf(x)],
            ),
            lambda x: np.where(x < 1, 0, np.where(x >= 4, 1, stats.poisson(1.3).cdf(x))),
        ),
    ),
}  # fmt: skip
EVERY = {
    **{f"{k} (continuous)": v for k, v in CONTINUOUS.items()},
    **{f"{k} (discrete)": v for k, v in DISCRETE.items()},
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_the_density_is_that_of_scipy_and_its_integral_the_distribution_function(name):
    make, (pdf, _), (low, high) = CONTINUOUS[name]
    rv, x = make(1.3), pt.dvector("x")
    points = np.linspace(max(low, -4) + 0.1, min(high, 6) - 0.1, 9)
    found = value(pm.logp(rv, x), {x: points})
    np.testing.assert_allclose(found, np.log(pdf(points)), rtol=EXACT, atol=EXACT)
    outside = [p for p in (low - 0.5, high + 0.5) if np.isfinite(p)]
    assert np.all(value(pm.logp(rv, x), {x: outside}) == -np.inf)
    below = [integrate.quad(pdf, low, p, limit=200)[0] for p in points]  # accurate to 1e-8
    cdf, rest = value(pm.logcdf(rv, x), {x: points}), value(pm.logccdf(rv, x), {x: points})
    np.testing.assert_allclose(np.exp(cdf), below, atol=1e-7)
    np.testing.assert_allclose(np.exp(cdf) + np.exp(rest), 1.0, rtol=1e-12)
    assert abs(integrate.quad(pdf, low, high, limit=200)[0] - 1.0) < 1e-7


@pytest.mark.parametrize("name", DISCRETE)
def test_probabilities_are_those_of_scipy_and_sum_to_one(name):
    make, (pmf, cdf) = DISCRETE[name]
    rv, k = make(1.3), np.arange(-1, 40)
    assert rv.dtype == "int64"
    found = np.exp(value(pm.logp(rv, k)))
    np.testing.assert_allclose(found, pmf(k), rtol=1e-12, atol=1e-300)
    assert abs(found.sum() - 1.0) < 1e-11  # beyond k = 39 there are 1e-12
    np.testing.assert_allclose(np.exp(value(pm.logcdf(rv, k + 0.5))), cdf(k + 0.5), rtol=1e-12)
    law = make(1.3).owner.op.law
    drawn = law.sample(np.random.default_rng(3), (4000,), *[value(v) for v in make(1.3).owner.inputs[2:]])
    kept = pmf(k) > 2e-3
    counts, want = np.array([(drawn == i).sum() for i in k])[kept], 4000 * pmf(k)[kept]
    assert stats.chisquare(counts, want * counts.sum() / want.sum()).pvalue > 1e-3


@pytest.mark.parametrize("name", CONTINUOUS)
def test_draws_follow_the_distribution_function(name):
    make, _, _ = CONTINUOUS[name]
    law = make(1.3).owner.op.law
    drawn = law.sample(np.random.default_rng(8), (3000,), *[value(v) for v in make(1.3).owner.inputs[2:]])
    assert stats.kstest(drawn, lambda q: np.exp(value(pm.logcdf(make(1.3), q)))).pvalue > 1e-3


@pytest.mark.parametrize("name", EVERY)
def test_gradients_are_those_of_finite_differences(name):
    make = EVERY[name][0]
    s, x = pt.dscalar("s"), np.array([2, 3, 1]) if "discrete" in name else np.array([0.9, 0.6, 0.7])
    x = np.append(x, 4) if name.startswith("censored") else x + (1.5 if "truncated mixture" in name else 0)
    total = pm.logp(make(s), x).sum()
    found = value(pm.grad(total, s), {s: np.array(1.3)})
    h = 1e-5
    want = (value(total, {s: np.array(1.3 + h)}) - value(total, {s: np.array(1.3 - h)})) / (2 * h)
    np.testing.assert_allclose(found, want, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", EVERY)
def test_equal_structure_gives_one_law_which_a_pickle_keeps(name):
    if "functions" in name:
        pytest.skip("functions made anew are not equal, and a lambda has no pickle")
    make = EVERY[name][0]
    first, second = make(1.3), make(1.7)
    assert first.owner.op == second.owner.op
    assert pickle.loads(pickle.dumps(first)).owner.op == first.owner.op  # noqa: S301
    rng = first.owner.inputs[0]
    again = first.owner.op(rng, *first.owner.inputs[1:])[1]
    assert len(set(merge([first, again]))) == 1
    assert np.isfinite(value(ps.support_point(first)))


def test_the_distribution_function_of_a_truncated_distribution_is_inverted():
    q = np.array([1e-6, 0.2, 0.5, 0.999])
    rv = pm.Truncated.dist(pm.Normal.dist(1, 2), -1, 4)
    want = stats.truncnorm(-1, 1.5, 1, 2)
    np.testing.assert_allclose(value(pm.icdf(rv, q)), want.ppf(q), rtol=1e-9)
    np.testing.assert_allclose(
        value(pm.icdf(pm.Censored.dist(pm.Normal.dist(), -1, 1), q)), [-1, stats.norm.ppf(0.2), 0, 1]
    )


def test_far_tails_keep_their_digits():
    rv = pm.Truncated.dist(pm.Normal.dist(0, 1), lower=30.0, size=2000)
    np.testing.assert_allclose(value(pm.logp(rv, 30.05)), stats.truncnorm(30, np.inf).logpdf(30.05), rtol=1e-12)
    drawn = pm.draw(rv, random_seed=2)  # the excess is nearly exponential of rate 30: off by 1e-3
    assert stats.kstest((drawn - 30) * 30, "expon").pvalue > 1e-3
    both = pm.Truncated.dist(pm.Normal.dist(0, 1), 30.0, 30.1)
    np.testing.assert_allclose(value(pm.logp(both, 30.05)), stats.truncnorm(30, 30.1).logpdf(30.05), rtol=1e-9)
    counts = pm.draw(pm.Truncated.dist(pm.Poisson.dist(2.0), lower=30, size=500), random_seed=1)
    assert counts.min() == 30
    assert abs(np.mean(counts == 30) - (1 - 2 / 31)) < 0.05
    np.testing.assert_allclose(
        value(pm.logccdf(pm.Mixture.dist(W, pm.Normal.dist([0, 1], 1)), 40.0)),
        np.log(0.7) + stats.norm.logsf(39),
        rtol=1e-12,
    )


def test_draws_between_bounds_without_a_distribution_function():
    lonely = pm.CustomDist.dist(0.0, random=lambda mu, rng, size: rng.normal(mu, 1, size))
    drawn = pm.draw(pm.Truncated.dist(lonely, -0.5, 1, size=3000), random_seed=1)
    assert stats.kstest(drawn, stats.truncnorm(-0.5, 1).cdf).pvalue > 1e-3
    with pytest.raises(TruncationError, match="raise max_n_steps"):
        pm.draw(pm.Truncated.dist(lonely, 50, 51, max_n_steps=5))


def test_infinite_elements_of_bounds_cut_nothing_off():
    mu, low = pt.dscalar("mu"), np.array([-np.inf, 0.0])
    total = pm.logp(pm.Truncated.dist(pm.Normal.dist(mu, 1), low, 3.0), [1.0, 1.0]).sum()
    want = stats.truncnorm(-np.inf, 3).logpdf(1) + stats.truncnorm(0, 3).logpdf(1)
    np.testing.assert_allclose(value(total, {mu: np.array(0.0)}), want, rtol=1e-12)
    assert np.isfinite(value(pm.grad(total, mu), {mu: np.array(0.0)}))
    assert pm.Censored.dist(pm.Normal.dist(), -np.inf, np.inf).owner.op.law.parameters == ("normal.mu", "normal.sigma")


def test_censored_normal():
    x = np.array([-2.0, -1.0, 0.3, 1.5, 2.0])
    rv = pm.Censored.dist(pm.Normal.dist(0.2, 1), -1, 1.5)
    n = stats.norm(0.2, 1)
    np.testing.assert_allclose(
        value(pm.logp(rv, x)), [-np.inf, n.logcdf(-1), n.logpdf(0.3), n.logsf(1.5), -np.inf], rtol=1e-12
    )
    np.testing.assert_allclose(np.exp(value(pm.logcdf(rv, x))), [0, n.cdf(-1), n.cdf(0.3), 1, 1], rtol=1e-12)
    drawn = pm.draw(rv, 2000, random_seed=4)
    assert abs(np.mean(drawn == -1) - n.cdf(-1)) < 0.03
    assert drawn.max() == 1.5


# Shapes.


SHAPES = [  # how it is made, the shape of a draw, the shape of the log-density
    (lambda: pm.Mixture.dist(W, [pm.Normal.dist([0, 1, 2], 1), pm.Normal.dist(0, 1)]), (3,), (3,)),
    (lambda: pm.Mixture.dist(np.full((4, 1, 2), 0.5), pm.Normal.dist(np.zeros((3, 2)), 1)), (4, 3), (4, 3)),
    (lambda: pm.Mixture.dist(W, pm.Normal.dist(0, 1, size=(5, 2))), (5,), (5,)),
    (lambda: pm.Mixture.dist(W, [pm.Normal.dist(0, 1, size=5), pm.Normal.dist(0, 1)]), (5,), (5,)),
    (lambda: pm.Mixture.dist(W, pm.Normal.dist([0, 1], 1), shape=(2, 3)), (2, 3), (2, 3)),
    (lambda: pm.Mixture.dist(W, pm.MvNormal.dist(np.zeros((2, 3)), np.eye(3)), shape=(5, 3)), (5, 3), (5,)),
    (lambda: pm.Mixture.dist(W, [pm.Dirichlet.dist([1, 1, 1]), pm.Dirichlet.dist([2, 1, 1])], size=5), (5, 3), (5,)),
    (lambda: pm.Truncated.dist(pm.Normal.dist(0, 1), [-1, 0, 1], 3), (3,), (3,)),
    (lambda: pm.Truncated.dist(pm.Normal.dist(0, 1, size=(2, 1)), [-1, 0, 1]), (2, 3), (2, 3)),
    (lambda: pm.Censored.dist(pm.Normal.dist(0, 1), -1, 1, shape=(4,)), (4,), (4,)),
    (lambda: pm.CustomDist.dist([0.0, 1.0], 1.0, dist=exp_normal), (2,), (2,)),
    (lambda: pm.CustomDist.dist([0.0, 1.0], 1.0, dist=exp_normal, size=(3, 2)), (3, 2), (3, 2)),
    (lambda: pm.CustomDist.dist(0.5, 7, dist=lambda mu, n, size: pm.Normal.dist(mu, 1, size=n), ndim_supp=1), (7,), ()),
    (
        lambda: pm.CustomDist.dist(
            np.zeros(3), np.eye(3), signature="(n),(n,n)->(n)", size=4,
            logp=lambda x, m, c: pm.logp(pm.MvNormal.dist(m, c), x),
            random=lambda m, c, rng, size: rng.multivariate_normal(m, c, size),
        ), (4, 3), (4,),
    ),
    (
        lambda: pm.CustomDist.dist(
            0.0, ndim_supp=1, shape=(2, 5), logp=lambda x, m: pm.logp(pm.Normal.dist(m), x).sum(-1),
            random=lambda m, rng, size: rng.normal(m, 1, (*size, 5)),
        ), (2, 5), (2,),
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(SHAPES)))
def test_shapes_of_draws_densities_and_support_points(case):
    make, shape, batch = SHAPES[case]
    rv = make()
    drawn = pm.draw(rv, random_seed=1)
    assert rv.type.shape == drawn.shape == shape == value(ps.support_point(rv)).shape
    found = value(pm.logp(rv, drawn))
    assert found.shape == batch
    assert np.all(np.isfinite(found))


BATCHED = [
    lambda s: pm.Mixture.dist(W, pm.Normal.dist([0.0, 1.0], s)),
    lambda s: pm.Mixture.dist(W, [pm.Normal.dist(0.0, s), pm.Normal.dist(s, 1)], size=4),
    lambda s: pm.Mixture.dist(W, pm.MvNormal.dist(np.zeros((2, 3)), s * np.eye(3))),
    lambda s: pm.Truncated.dist(pm.Normal.dist(0, s), -s, 1.0),
    lambda s: pm.Censored.dist(pm.Normal.dist(0, s), -s, 1.0),
    lambda s: pm.CustomDist.dist(0.0, s, dist=exp_normal, size=4),
    lambda s: pm.CustomDist.dist([0.0, 1.0], s, dist=exp_normal),
    lambda s: pm.CustomDist.dist(s, dist=lambda s, size: pm.Normal.dist(0, s, size=5).cumsum(), ndim_supp=1),
    lambda s: pm.CustomDist.dist(
        s, logp=lambda x, s: -((x / s) ** 2), random=lambda s, rng, size: rng.normal(0, s, size)
    ),
    lambda s: pm.GaussianRandomWalk.dist(0, s, init_dist=pm.Normal.dist(0, s), steps=3),
    lambda s: pm.AR.dist([0.5, 0.1], s, init_dist=pm.Normal.dist(0, s), steps=3),
    lambda s: pm.AR.dist([0.5, 0.1], s, init_dist=pm.Normal.dist([0, 1.0], s), steps=3),
    lambda s: pm.GARCH11.dist(0.5, 0.1, 0.2, s, steps=3),
    lambda s: pm.EulerMaruyama.dist(0.1, lambda x, k: (-k * x, 1.0), [s], init_dist=pm.Normal.dist(0, s), steps=3),
]


@pytest.mark.parametrize("case", range(len(BATCHED)))
def test_batches_of_parameters_give_batches_of_draws_and_densities(case):
    make, s, batch = BATCHED[case], pt.dscalar("s"), pt.dvector("batch")
    at = np.array([0.5, 1.0, 2.0])
    wide = vectorize_graph(make(s), {s: batch})
    drawn = value(wide, {batch: at})
    assert drawn.shape == (3, *pm.draw(make(1.0)).shape)
    found = value(pm.logp(wide, drawn), {batch: at})
    want = [value(pm.logp(make(a), x)) for a, x in zip(at, drawn, strict=True)]
    np.testing.assert_allclose(found, want, rtol=1e-12)


# Custom distributions in models.


def test_a_custom_distribution_in_a_model_with_dims_and_data():
    y = np.random.default_rng(1).lognormal(0.5, 0.3, (4, 3))
    with pm.Model(coords={"row": range(4), "col": ["a", "b", "c"]}) as model:
        mu = pm.Normal("mu", 0, 1, dims="col")
        s = pm.HalfNormal("s", 1)
        pm.CustomDist("y", mu, s, dist=exp_normal, observed=y, dims=("row", "col"))
        pm.CustomDist("z", mu, logp=lambda x, m: -0.5 * (x - m) ** 2, dims="col")
    with pm.Model() as plain:
        mu = pm.Normal("mu", 0, 1, shape=3)
        s = pm.HalfNormal("s", 1)
        pm.LogNormal("y", mu, s, observed=y)
        pm.Potential("z", -0.5 * (pm.Flat("z_", shape=3) - mu) ** 2)
    point = {"mu": np.array([0.1, 0.2, 0.3]), "s_log__": np.array(-0.2), "z": np.array([0.3, 0.1, 0.0])}
    other = {"mu": point["mu"], "s_log__": point["s_log__"], "z_": point["z"]}
    np.testing.assert_allclose(
        model.compile_logp(backend="numpy")(point), plain.compile_logp(backend="numpy")(other), rtol=1e-12
    )
    np.testing.assert_allclose(
        model.compile_dlogp(backend="numpy")(point), plain.compile_dlogp(backend="numpy")(other), rtol=1e-10
    )
    prior = pm.sample_prior_predictive(5, model=model, random_seed=1, var_names=["y"])
    assert prior.prior_predictive["y"].shape == (1, 5, 4, 3)


def test_a_loop_written_as_a_custom_distribution_has_the_density_of_its_steps():
    def walk(rho, sigma, x0, size):
        def step(before, rho, sigma):
            return pm.Normal.dist(rho * before, sigma)

        return pm.scan(step, outputs_info=[x0], non_sequences=[rho, sigma], n_steps=6, return_updates=False)

    rv = pm.CustomDist.dist(0.5, 1.2, 0.3, dist=walk)
    assert rv.type.shape == pm.draw(rv, random_seed=1).shape == (6,)
    x = np.array([0.2, 0.5, -1.0, 0.3, 0.0, 2.0])
    want = stats.norm(0.5 * np.r_[0.3, x[:-1]], 1.2).logpdf(x)
    np.testing.assert_allclose(value(pm.logp(rv, x)), want, rtol=1e-12)
    np.testing.assert_allclose(value(ps.support_point(rv)), 0.3 * 0.5 ** np.arange(1, 7), rtol=1e-12)


def test_support_points_that_users_give():
    given = lambda rv, size, mu: pt.full(size, mu + 1)  # noqa: E731
    rv = pm.CustomDist.dist([1.0, 2.0], logp=lambda x, m: -x, support_point=given, size=(3, 2))
    np.testing.assert_array_equal(value(ps.support_point(rv)), np.tile([2.0, 3.0], (3, 1)))


def test_a_simulator_is_near_what_it_simulates():
    data = np.random.default_rng(0).normal(2, 1, 400)
    simulate = lambda rng, mu, s, size: rng.normal(mu, s, size)  # noqa: E731
    quantiles = lambda x: np.quantile(np.asarray(x, float), [0.1, 0.5])  # noqa: E731
    for distance in ("gaussian", "laplace", "kullback_leibler", lambda e, a, b: -pt.abs(a - b) / e):
        for statistic in ("sort", "mean", "median", quantiles):
            if distance == "kullback_leibler" and statistic in ("mean", "median"):
                continue
            rv = pm.Simulator.dist(simulate, 2.0, 1.0, distance=distance, sum_stat=statistic, epsilon=0.5, shape=400)
            near, far = value(pm.logp(rv, data)).sum(), value(pm.logp(rv, data + 2)).sum()
            assert near > far
    with pm.Model() as model:
        mu = pm.Normal("mu")
        pm.Simulator("s", simulate, params=(mu, 1.0), sum_stat="mean", epsilon=0.1, observed=data)
    logp = model.compile_logp()
    assert logp({"mu": 2.0}) != logp({"mu": 2.0})
    assert logp({"mu": 2.0}) > logp({"mu": 0.0}) + 50


# Models and sampling.


def test_transforms_follow_the_parts():
    transform = lambda *parts: ps.default_transform(pm.Mixture.dist(W, list(parts)))  # noqa: E731
    assert transform(pm.HalfNormal.dist(1), pm.Exponential.dist(1)).name == "log"
    assert transform(pm.Uniform.dist(0, 2), pm.Uniform.dist(0, 2)).name == "interval"
    assert transform(pm.Normal.dist(), pm.Normal.dist()) is None
    assert ps.default_transform(pm.Mixture.dist(W, pm.Uniform.dist(0, 1, size=2))) is not None
    with pytest.warns(MixtureTransformWarning, match="no transform in common"):
        assert transform(pm.Uniform.dist(0, 2), pm.Uniform.dist(0, 3)) is None
    with pm.Model() as model:
        a = pm.HalfNormal("a")
        pm.Truncated("t", pm.Normal.dist(0, 1), lower=-a, upper=a + 1)
        pm.Truncated("one", pm.Normal.dist(0, 1), lower=a)
        pm.Mixture("m", W, [pm.Uniform.dist(0, 2), pm.Uniform.dist(0, 2)])
    point = model.initial_point()
    assert set(point) == {"a_log__", "t_interval__", "one_interval__", "m_interval__"}
    total = model.compile_logp()
    assert np.isfinite(total({**point, "t_interval__": 3.0, "one_interval__": -2.0, "m_interval__": 1.0}))


def test_a_mixture_is_sampled_natively():
    rng = np.random.default_rng(0)
    y = np.r_[rng.normal(-2, 0.5, 60), rng.normal(2, 1, 140)]
    with pm.Model() as model:
        w = pm.Dirichlet("w", [1.0, 1.0])
        mu = pm.Normal("mu", [-1, 1], 3)
        sigma = pm.HalfNormal("sigma", 1, shape=2)
        pm.Mixture("y", w, [pm.Normal.dist(mu[0], sigma[0]), pm.Normal.dist(mu[1], sigma[1])], observed=y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = pm.sample(300, tune=300, chains=2, random_seed=1, progressbar=False).posterior
    report = model.compile_dlogp().f.compile_report()
    assert (report["backend"], report["callbacks"]) == ("llvm", [])
    np.testing.assert_allclose(found["mu"].mean(("chain", "draw")), [-2, 2], atol=0.3)
    np.testing.assert_allclose(found["w"].mean(("chain", "draw")), [0.3, 0.7], atol=0.05)


# Errors.


def errors():
    with pm.Model():
        named = pm.Normal("named")
    two = [pm.Normal.dist(), pm.Normal.dist()]
    return [
        (lambda: pm.Mixture.dist(W, [named, pm.Normal.dist()]), TypeError, "component 0 of Mixture is 'named'"),
        (lambda: pm.Mixture.dist(W, [1.0, pm.Normal.dist()]), TypeError, "must be a distribution made with .dist"),
        (lambda: pm.Mixture.dist(W, [pm.Normal, pm.Normal]), TypeError, "not Normal"),
        (lambda: pm.Mixture.dist(W, [pm.Normal.dist(), pm.Poisson.dist(1)]), ValueError, "continuous or all discrete"),
        (lambda: pm.Mixture.dist(W, [pm.Normal.dist(), pm.Dirichlet.dist([1, 1])]), ValueError, "equally many axes"),
        (lambda: pm.Mixture.dist([0.2, 0.3, 0.5], two), ShapeError, "2 components but 3 weights"),
        (lambda: pm.Mixture.dist(W, pm.Normal.dist()), ShapeError, "last batch axis runs over the components"),
        (lambda: pm.Mixture.dist(0.5, two), ShapeError, "w of Mixture needs an axis"),
        (lambda: pm.Mixture.dist([0.5, 0.6], two), pm.ParameterValueError, "w of Mixture must be probabilities"),
        (lambda: pm.Mixture.dist(W, []), ValueError, "at least one component"),
        (lambda: pm.Truncated.dist(pm.Normal.dist()), ValueError, "lower=, upper=, or both"),
        (lambda: pm.Truncated.dist(pm.Normal.dist(), 2, 1), pm.ParameterValueError, "lower .* must not be above upper"),
        (lambda: pm.Truncated.dist(pm.Dirichlet.dist([1, 1]), 0), NotImplementedError, "distributions of numbers"),
        (lambda: pm.CustomDist.dist(1.0, dist=lambda mu, size: 3), TypeError, "must return a random variable"),
        (lambda: pm.CustomDist.dist(1.0, dist=lambda mu, size: mu + 1), TypeError, "nothing is random"),
        (lambda: pm.CustomDist.dist(1.0, dist=lambda mu, size: named + pm.Normal.dist(mu)), ValueError, "drawn anew"),
        (lambda: pm.CustomDist.dist(dist=lambda size: pm.Normal.dist(pt.dscalar("q"))), ValueError, "uses q"),
        (lambda: pm.CustomDist.dist(1.0, dist=lambda mu, size: pm.Normal.dist(mu), size=3), ValueError, "give size="),
        (lambda: pm.CustomDist.dist(1.0, random=lambda *a, **k: 1, ndim_supp=1), ValueError, "are not known"),
        (lambda: pm.CustomDist.dist(1.0, 2.0, logp=lambda x, a, b: x, signature="()->()"), ValueError, "1 parameters"),
        (lambda: pm.CustomDist.dist(1.0, logp=3), TypeError, "logp of CustomDist must be callable"),
        (lambda: pm.logp(pm.CustomDist.dist(1.0, random=lambda *a, **k: 1), 0.0), ps.Undefined, "neither logp="),
        (lambda: pm.draw(pm.CustomDist.dist(1.0, logp=lambda x, m: x)), ps.Undefined, r"neither random= .* At .*\.py"),
        (lambda: pm.Simulator.dist(len, 1.0, distance="far"), ValueError, "distance of Simulator is one of"),
    ]  # fmt: skip


@pytest.mark.parametrize("case", range(24))
def test_errors_name_what_is_wrong(case):
    act, kind, words = errors()[case]
    with pytest.raises(kind, match=words):
        act()


def test_a_random_function_that_ignores_the_size_is_found_out():
    rv = pm.CustomDist.dist(1.0, random=lambda m, rng, size: rng.normal(m, 1, 3), size=5)
    with pytest.raises(ValueError, match="when asked for size"):
        pm.draw(rv)


def test_what_is_known_of_the_range_of_a_composite():
    low = pm.Exponential.dist(1)
    positives = [
        pm.Truncated.dist(pm.Normal.dist(0, 1), lower=0),
        pm.Truncated.dist(pm.Gamma.dist(2, 1), upper=3),
        pm.Truncated.dist(pm.Normal.dist(0, 1), lower=pt.exp(pt.dscalar("a"))),
        pm.Mixture.dist(W, [pm.HalfNormal.dist(1), pm.Gamma.dist(2, 1)]),
        pm.Mixture.dist(W, [pm.Truncated.dist(low, upper=2), pm.Uniform.dist(0, 1)]),
    ]
    assert all(ps.known(positive, rv) for rv in positives)
    assert not ps.known(positive, pm.Mixture.dist(W, [pm.HalfNormal.dist(1), pm.Normal.dist()]))


def test_parameters_that_are_random_themselves_are_given():
    with pm.Model() as model:
        s = pm.HalfNormal("s", 1)
        pm.CustomDist("y", s, dist=lambda s, size: 0.5 + s * pm.StudentT.dist(4, size=size), shape=2)
    point = {"s_log__": np.array(0.3), "y": np.array([0.2, 1.0])}
    want = stats.t(4, 0.5, np.exp(0.3)).logpdf(point["y"])
    found = dict(
        zip([v.name for v in model.basic_RVs], model.compile_logp(sum=False, backend="numpy")(point), strict=True)
    )
    np.testing.assert_allclose(found["y"], want, rtol=1e-12)
    np.testing.assert_allclose(model.initial_point()["y"], [0.5, 0.5])


def test_a_truncated_variable_starts_inside_its_bounds():
    with pm.Model() as model:
        pm.Truncated("t", pm.Normal.dist(0, 1), lower=[0.0, -1.0, 1.0], upper=3.0)
        pm.Truncated("u", pm.Normal.dist(0, 1), upper=0.0)
        pm.Truncated("k", pm.Poisson.dist(3), lower=5)
    assert all(np.all(np.isfinite(v)) for v in model.initial_point().values())
    assert np.isfinite(model.compile_logp(backend="numpy")(model.initial_point()))


def user(mu, size):
    """A log-normal variable of location mu."""
    return pt.exp(pm.Normal.dist(mu, 1.0, size=size))


def test_elements_of_batches_are_batches_of_other_sizes():
    m = np.array([0.0, 1.0, 2.0])
    for rv, part in [
        (pm.CustomDist.dist(m, dist=user), lambda i: stats.lognorm(1, 0, np.exp(m[i]))),
        (pm.CustomDist.dist(m, dist=user, size=(3,)), lambda i: stats.lognorm(1, 0, np.exp(m[i]))),
        (pm.CustomDist.dist(0.5, dist=user, size=(3,)), lambda i: stats.lognorm(1, 0, np.exp(0.5))),
        (pm.Truncated.dist(pm.Normal.dist(m, 1), lower=0), lambda i: stats.truncnorm(-m[i], np.inf, m[i])),
    ]:
        np.testing.assert_allclose(value(pm.logp(rv[1], 1.7)), part(1).logpdf(1.7), rtol=1e-12)
        np.testing.assert_allclose(
            value(pm.logp(rv[1:], [1.7, 2.0])), [part(1).logpdf(1.7), part(2).logpdf(2)], rtol=1e-12
        )
        node = rv.owner
        single = node.op(node.inputs[0], pt.as_tensor_variable(np.array([2, 3])), *node.inputs[2:])[1]
        assert value(single).shape == (2, 3)


def test_missing_observations_of_a_custom_distribution_are_imputed():
    with pm.Model() as model, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pm.CustomDist("y", 0.3, dist=user, observed=[1.0, np.nan, 0.5])
    point = model.initial_point()
    assert list(point) == ["y_unobserved"]
    want = stats.lognorm(1, 0, np.exp(0.3)).logpdf([1, 0.5, 2.0]).sum()
    np.testing.assert_allclose(model.compile_logp(backend="numpy")({"y_unobserved": np.array([2.0])}), want, rtol=1e-12)


def walk():
    return pm.GaussianRandomWalk.dist(0, 1, init_dist=pm.Normal.dist(), steps=3)


NESTED = [  # composites of composites, and the log-density of one part each at a value
    (
        lambda *parts: pm.Mixture.dist(W, list(parts)),
        walk, lambda: pm.AR.dist([0.5], init_dist=pm.Normal.dist(), steps=3),
    ),
    (lambda *parts: pm.Mixture.dist(W, list(parts)), lambda: pm.CustomDist.dist(0.0, dist=user), pm.Normal.dist),
    (
        lambda *parts: pm.Mixture.dist(W, list(parts)),
        lambda: pm.Truncated.dist(pm.Gamma.dist(2, 1), 1), lambda: pm.Mixture.dist(W, pm.Normal.dist([0, 4], 1)),
    ),
    (
        lambda *parts: pm.Mixture.dist(W, list(parts)),
        lambda: pm.MvNormal.dist(np.zeros(2), np.eye(2)), lambda: pm.MvStudentT.dist(3, mu=np.ones(2), scale=np.eye(2)),
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(NESTED)))
def test_composites_of_composites(case):
    compose, first, second = NESTED[case]
    rv = compose(first(), second())
    drawn = pm.draw(rv, 3, random_seed=1)
    want = np.logaddexp(np.log(0.3) + value(pm.logp(first(), drawn)), np.log(0.7) + value(pm.logp(second(), drawn)))
    np.testing.assert_allclose(value(pm.logp(rv, drawn)), want, rtol=1e-12)
    assert pickle.loads(pickle.dumps(rv)).owner.op == rv.owner.op  # noqa: S301


def test_walks_with_mixed_innovations_and_a_batch():
    mixed = pm.Mixture.dist(W, pm.Normal.dist([0, 4], 1))
    rv = pm.RandomWalk.dist(pm.Normal.dist([0.0, 1.0], 1), mixed, steps=3)
    x = np.random.default_rng(1).normal(size=(2, 4))
    want = stats.norm([0, 1], 1).logpdf(x[:, 0]) + value(pm.logp(mixed, np.diff(x))).sum(-1)
    np.testing.assert_allclose(value(pm.logp(rv, x)), want, rtol=1e-12)
    custom = pm.RandomWalk.dist(pm.Normal.dist(), pm.CustomDist.dist([0.0, 1.0], dist=user), steps=3)
    assert pm.draw(custom).shape == (2, 4)
    up = np.cumsum(np.abs(x), -1)
    want = stats.norm.logpdf(up[:, 0]) + stats.lognorm(1, 0, np.exp([[0], [1]])).logpdf(np.diff(up)).sum(-1)
    np.testing.assert_allclose(value(pm.logp(custom, up)), want, rtol=1e-12)
