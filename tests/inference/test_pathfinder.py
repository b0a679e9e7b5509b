"""Pathfinder against normal posteriors, and importance weights against those of ArviZ."""

import numpy as np
import pytest
from scipy import stats

import pellucid as pm
import pellucid.tensor as pt
from pellucid.inference.importance import smooth
from pellucid.inference.quasi_newton import Memory, ascend

EFFECTS = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
ERRORS = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])


def covariance(size):
    """Correlations of up to 0.95 and more, on scales that differ tenfold for a few coordinates."""
    if size <= 5:
        scales = np.array([0.3, 1, 3, 1, 1])[:size]
        return 0.95 ** np.abs(np.subtract.outer(np.arange(size), np.arange(size))) * np.outer(scales, scales)
    return 0.05 * np.eye(size) + 0.95


def normal_model(size):
    mean = np.linspace(-3, 5, size)
    with pm.Model() as model:
        if size == 1:
            pm.Normal("x", mean[0], np.sqrt(covariance(1)[0, 0]))
        else:
            pm.MvNormal("x", mean, covariance(size))
    return model, mean


@pytest.mark.parametrize("size", [1, 5, 50])
def test_normal_posteriors_are_found(size):
    """Standardised means have an error of 1 / 60 from 4000 draws, correlations no more; five such are allowed."""
    model, mean = normal_model(size)
    approx = pm.fit(method="pathfinder", model=model, random_seed=2, maxcor=20, num_elbo_draws=30, backend="numpy")
    scales = np.sqrt(np.diag(covariance(size)))
    np.testing.assert_allclose((approx.mean.eval() - mean) / scales, 0, atol=5 / 60)
    off = (approx.cov.eval() - covariance(size)) / np.outer(scales, scales)
    np.testing.assert_allclose(off, 0, atol=5 * np.sqrt(2) / 60)
    np.testing.assert_allclose(approx.std.eval() ** 2, np.diag(approx.cov.eval()))
    assert approx.pareto_k < 0.7
    assert approx.elbo.max() == pytest.approx(0, abs=0.3)  # the evidence of a normal density is one
    assert approx.hist.min() == -approx.elbo.max()
    assert len(approx.hist) > 1


def test_the_path_ends_at_the_mode_with_the_inverse_of_the_curvature():
    """On a quadratic hill, with as many pairs as coordinates, the memory tends to the inverse exactly."""
    model, mean = normal_model(5)
    density = model.density()
    evaluate = pm.inference.variational.density_function(density.compile("numpy"), 5)
    last = list(ascend(evaluate, np.zeros(5), 30, 1e-15, 1e-10))[-1]
    np.testing.assert_allclose(last.normal.mean, mean, atol=1e-6)
    draws, log_density = last.normal.draw(np.random.default_rng(1), 4)
    columns, middle = Memory(5, 3).columns()
    assert columns.shape == (5, 0)
    assert middle.shape == (0, 0)
    root = last.normal.diagonal[:, None] * (
        np.eye(5) + last.normal.basis @ (last.normal.factor - np.eye(len(last.normal.factor))) @ last.normal.basis.T
    )
    np.testing.assert_allclose(root @ root.T, covariance(5), rtol=0.02, atol=1e-4)
    reference = stats.multivariate_normal(last.normal.mean, root @ root.T).logpdf(draws)
    np.testing.assert_allclose(log_density, reference, rtol=1e-8)


def test_the_memory_fulfils_the_secant_equation():
    """What quasi-Newton estimates are defined by: the last change of the gradient is mapped onto the last step."""
    random = np.random.default_rng(1)
    memory, precision = Memory(8, 3), np.diag(np.arange(1.0, 9.0))
    for _ in range(6):
        step = random.normal(size=8)
        memory.remember(step, precision @ step)
    columns, middle = memory.columns()
    found = np.diag(memory.diagonal) + columns @ middle @ columns.T
    np.testing.assert_allclose(found @ precision @ step, step, rtol=1e-10)
    np.testing.assert_allclose(found, found.T, atol=1e-12)
    assert np.linalg.eigvalsh(found).min() > 0
    memory.remember(step, -step)  # curved upwards: not to be remembered
    assert memory.steps.shape == (8, 3)
    np.testing.assert_array_equal(memory.columns()[1], middle)


def eight_schools():
    with pm.Model(coords={"school": list("ABCDEFGH")}) as model:
        mu, tau = pm.Normal("mu", 0, 5), pm.HalfCauchy("tau", 5)
        raw = pm.Normal("raw", 0, 1, dims="school")
        theta = pm.Deterministic("theta", mu + tau * raw, dims="school")
        pm.Normal("y", theta, ERRORS, observed=EFFECTS, dims="school")
    return model


def test_eight_schools_are_near_what_sampling_finds(caplog):
    """The mode is where tau is 29, far from the mass: stopped on the way, means lie within a spread of 5 of the truth.

    The truth is that of long chains: mu 4.4, theta from 3.9 to 6.2 with spreads of about 5, tau 3.6.
    """
    found = pm.fit_pathfinder(eight_schools(), num_paths=20, jitter=5.0, random_seed=1)
    posterior = found["posterior"]
    theta = posterior["theta"].mean(("chain", "draw")).values
    np.testing.assert_allclose(theta, [6.2, 4.9, 3.9, 4.8, 3.6, 4.0, 6.3, 4.9], atol=2.5)
    assert set(np.argsort(theta)[-2:]) == {0, 6}
    assert float(posterior["mu"].mean()) == pytest.approx(4.4, abs=2.5)
    assert float(posterior["tau"].mean()) == pytest.approx(3.6, abs=2.0)
    assert dict(posterior.sizes) == {"chain": 1, "draw": 1000, "school": 8}
    assert posterior["theta"].dims == ("chain", "draw", "school")
    np.testing.assert_allclose(found["observed_data"]["y"], EFFECTS)
    assert found["fit"]["elbo"].shape == found["fit"]["steps"].shape == (20,)
    assert found["fit"]["covariance_matrix"].shape == (10, 10)
    assert "Pareto k" in caplog.text
    assert float(found["fit"]["pareto_k"]) > 0.7


def test_seeds_decide_draws():
    model, _ = normal_model(5)
    first, again, other = (
        pm.fit_pathfinder(model, num_paths=2, num_draws=50, random_seed=seed, backend="numpy")["posterior"]["x"].values
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()
    approx = pm.fit(method="pathfinder", model=model, num_paths=2, random_seed=1, backend="numpy")
    drawn = approx.sample(50, random_seed=3)
    np.testing.assert_array_equal(drawn["posterior"]["x"], approx.sample(50, random_seed=3)["posterior"]["x"])
    assert "Pathfinder of 5 coordinates, 2 paths" in repr(approx)


@pytest.mark.parametrize("how", ["psis", "psir", "identity", None])
def test_ways_of_pooling(how):
    model, mean = normal_model(1)
    found = pm.fit_pathfinder(
        model, num_paths=3, num_draws=400, num_draws_per_path=200, importance_sampling=how, random_seed=1,
        backend="numpy",
    )  # fmt: skip
    x = found["posterior"]["x"].values
    assert x.shape == ((3, 200) if how is None else (1, 400))
    assert x.mean() == pytest.approx(mean[0], abs=5 * 0.3 / np.sqrt(400))
    assert (len(np.unique(x)) == x.size) == (how != "psir")
    assert np.isnan(found["fit"]["pareto_k"]) == (how in ("identity", None))


def test_starts_without_a_density_are_moved():
    """Below 1 the density is zero, at the initial value too: starts are drawn until one has some."""
    with pm.Model() as model:
        x = pm.Normal("x", 0, 1, initval=0.0)
        pm.Potential("above", pt.switch(x > 1, -50 * (x - 3) ** 2, -np.inf))
    found = pm.fit_pathfinder(model, random_seed=1, backend="numpy")
    assert float(found["posterior"]["x"].mean()) == pytest.approx(300 / 101, abs=0.02)
    with pm.Model() as impossible:
        y = pm.Normal("y", 0, 1)
        pm.Potential("never", pt.switch(y > 1000, 0.0, -np.inf))
    with pytest.raises(pm.SamplingError, match="never"):
        pm.fit_pathfinder(impossible, random_seed=1, backend="numpy")


def test_paths_turn_back_from_where_there_is_no_gradient():
    """sqrt(2 - x) ends at 2, with NaN beyond: a first step from a steep slope lands there."""
    with pm.Model() as model:
        x = pm.Flat("x", initval=-30.0)
        pm.Potential("hill", -40 * (x + 1) ** 2 + pt.sqrt(2 - x))
    found = pm.fit_pathfinder(model, jitter=0.0, random_seed=1, backend="numpy")
    exact = -1 - 1 / (80 * 2 * np.sqrt(3))  # where the slope vanishes, to first order
    assert float(found["posterior"]["x"].mean()) == pytest.approx(exact, abs=0.02)
    assert float(found["posterior"]["x"].std()) == pytest.approx(1 / np.sqrt(80), rel=0.1)


def test_a_model_without_a_peak_is_refused():
    with pm.Model() as model:
        x = pm.Flat("x")
        pm.Potential("cliff", pt.switch(pt.abs(x) < 1e-9, 0.0, -np.inf))
    with pytest.raises(pm.SamplingError, match="improper, or end abruptly"):
        pm.fit_pathfinder(model, jitter=0.0, random_seed=1, backend="numpy")


def test_mistakes_are_named():
    model, _ = normal_model(1)
    with pm.Model() as empty:
        pm.Normal("y", 0, 1, observed=1.0)
    with pm.Model() as discrete:
        pm.Poisson("n", 2.0)
    for bad in (empty, discrete):
        with pytest.raises(NotImplementedError, match=r"no place for .*(free variables|n)"):
            pm.fit_pathfinder(bad)
    for name, value in {"num_paths": 0, "maxcor": 1.5, "jitter": -1.0, "num_draws": 0, "num_elbo_draws": True}.items():
        with pytest.raises(ValueError, match=name):
            pm.fit_pathfinder(model, **{name: value})
    with pytest.raises(ValueError, match="importance_sampling is one of"):
        pm.fit_pathfinder(model, importance_sampling="mean")
    with pytest.raises(ValueError, match="raise num_draws_per_path"):
        pm.fit_pathfinder(model, num_draws_per_path=20)
    with pytest.raises(TypeError, match="takes no paths; it takes num_paths"):
        pm.fit(method="pathfinder", model=model, paths=3)
    with pytest.raises(TypeError, match="start_sigma"):
        pm.fit(method="pathfinder", model=model, start_sigma={"x": 1.0})
    with pm.Model() as partial:
        x = pm.Normal("x")
        pm.Normal("y", x, 1, observed=pm.Minibatch(np.zeros(10), batch_size=2), total_size=10)
    with pytest.raises(NotImplementedError, match="Minibatch"):
        pm.fit_pathfinder(partial)


@pytest.mark.parametrize("freedom", [1.5, 5.0, 100.0])
@pytest.mark.parametrize("count", [100, 400, 2500])  # for these both cut tails of the same length
def test_weights_are_those_of_arviz(freedom, count):
    arviz_stats = pytest.importorskip("arviz_stats.base")
    x = np.random.default_rng(count).standard_t(freedom, size=count)
    ratios = 700.0 + stats.norm(0, 3).logpdf(x) - stats.t(freedom).logpdf(x)
    expected, k = arviz_stats.array_stats.psislw(-ratios)  # which takes log-likelihoods
    found = smooth(ratios)
    assert found.k == pytest.approx(float(k), abs=1e-8)
    np.testing.assert_allclose(found.log_weights, expected, atol=1e-8)


def test_weights_of_extremes():
    same = smooth(np.full(50, 3.0))
    np.testing.assert_allclose(np.exp(same.log_weights), 1 / 50)
    assert same.k == -np.inf
    some = smooth(np.array([0.0, 0.0, -np.inf, np.nan]))
    np.testing.assert_allclose(np.exp(some.log_weights), [0.5, 0.5, 0, 0])
    assert some.k == np.inf
    assert np.exp(smooth(np.random.default_rng(1).normal(size=500) * 100).log_weights).sum() == pytest.approx(1)
