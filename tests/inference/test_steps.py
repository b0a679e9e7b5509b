"""Step methods draw from posteriors that are known, alone and beside NUTS."""

import logging

import numpy as np
import pytest
from scipy import stats

import pellucid as pm
import pellucid.tensor as pt

RUN = {"draws": 2000, "tune": 500, "chains": 2, "random_seed": 3, "progressbar": False}


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.ERROR, "pellucid")


def sample(**options):
    return pm.sample(**{**RUN, **options})


def frequencies(draws, values):
    return np.array([(draws.values == v).mean() for v in values])


def error_of_frequencies(result, name, p):
    """Monte Carlo errors of frequencies, from the effective number of draws."""
    effective = np.asarray(pm.ess(result.posterior[name].values), float)
    return np.sqrt(p * (1 - p) / effective)


def test_counts_by_metropolis_follow_their_law():
    with pm.Model():
        pm.Poisson("k", 3.0)
        result = sample(draws=6000)
    assert result.posterior["k"].dtype == np.int64
    k = np.arange(8)
    p = stats.poisson(3.0).pmf(k)
    found = frequencies(result.posterior["k"], k)
    assert (np.abs(found - p) < 4 * error_of_frequencies(result, "k", p)).all()
    assert set(result.sample_stats) == {"lp", "accept", "accept_k"}, "there are no trajectories to tell of"
    np.testing.assert_allclose(result.sample_stats["lp"], stats.poisson(3.0).logpmf(result.posterior["k"]), rtol=1e-12)


@pytest.mark.parametrize("law", ["categorical", "uniform", "binary"])
def test_few_values_are_drawn_from_their_conditional(law):
    p = np.array([0.15, 0.6, 0.25])
    with pm.Model():
        if law == "categorical":
            pm.Categorical("c", p)
        elif law == "uniform":
            c, p = pm.DiscreteUniform("c", -1, 1), np.exp([-1.0, 0.0, 1.0])
            pm.Potential("tilt", 1.0 * c)
            p /= p.sum()
        else:
            pm.Bernoulli("c", 0.3)
            p = np.array([0.7, 0.3])
        result = sample(draws=4000)
    values = np.arange(len(p)) - (law == "uniform")
    found = frequencies(result.posterior["c"], values)
    assert (np.abs(found - p) < 4 * error_of_frequencies(result, "c", p)).all()


def test_latent_groups_beside_nuts_agree_with_the_sum_over_groups():
    y = np.array([-2.1, -1.8, 2.4, 3.0, 0.4])
    with pm.Model():
        mu = pm.Normal("mu", 0.0, 3.0)
        z = pm.Bernoulli("z", 0.4, shape=5)
        pm.Normal("y", mu + 2.0 * z, 1.0, observed=y)
        result = sample(draws=4000)
    grid = np.linspace(-8, 8, 4001)
    each = [p * stats.norm(grid[:, None] + 2.0 * k, 1.0).pdf(y) for k, p in ((0, 0.6), (1, 0.4))]
    weight = stats.norm(0, 3).pdf(grid) * (each[0] + each[1]).prod(1)
    weight /= weight.sum()
    one = (weight[:, None] * (each[1] / (each[0] + each[1]))).sum(0)
    mean = (weight * grid).sum()
    draws = result.posterior["mu"].values
    assert abs(draws.mean() - mean) < 4 * float(np.asarray(pm.mcse(draws)))
    found = result.posterior["z"].mean(("chain", "draw")).values
    effective = np.asarray(pm.ess(result.posterior["z"].values), float)
    assert (np.abs(found - one) < 4 * np.sqrt(one * (1 - one) / effective)).all()
    assert "energy" in result.sample_stats
    assert "accept_z" in result.sample_stats


CONTINUOUS = {
    "metropolis": lambda: pm.Metropolis(scaling=5.0),
    "slice": pm.Slice,
    "differential": pm.DEMetropolisZ,
    "class": lambda: pm.Slice,
    "two": lambda: [pm.Slice(["x"]), pm.Metropolis(["s"])],
    "beside NUTS": lambda: pm.CompoundStep([pm.Slice(["s"])]),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_variables_may_be_sampled_without_gradients(name):
    with pm.Model():
        s = pm.Gamma("s", 3.0, 2.0)
        pm.Normal("x", 0.0, s)
        result = sample(step=CONTINUOUS[name](), draws=8000, tune=1000)
    for variable, mean, sd in (("s", 1.5, np.sqrt(3) / 2), ("x", 0.0, np.sqrt(3.0))):
        draws = result.posterior[variable].values
        assert abs(draws.mean() - mean) < 4 * float(np.asarray(pm.mcse(draws)))
        spread = np.asarray(pm.mcse(draws, method="sd"))
        assert abs(draws.std() - sd) < 4 * float(spread)


def test_differences_of_past_draws_follow_a_correlated_posterior():
    chol = np.linalg.cholesky([[1.0, 0.95], [0.95, 1.0]])
    with pm.Model():
        pm.MvNormal("x", [1.0, -1.0], chol=chol)
        result = sample(step=pm.DEMetropolisZ(), draws=8000, tune=2000)
    draws = result.posterior["x"].values
    np.testing.assert_allclose(draws.mean((0, 1)), [1, -1], atol=0.15)
    assert abs(np.corrcoef(draws.reshape(-1, 2).T)[0, 1] - 0.95) < 0.02


METHODS = {
    "HMC": lambda: (pm.HamiltonianMC(), {"chains": 4}),
    "HMC, short": lambda: (pm.HamiltonianMC(path_length=0.7, target_accept=0.9), {"chains": 4}),
    "population": lambda: (pm.DEMetropolis(), {"chains": 8}),
    "metropolis": lambda: (pm.Metropolis(), {"draws": 8000, "chains": 4}),
    "slice": lambda: (pm.Slice(), {"draws": 4000, "chains": 4}),
}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", METHODS)
def test_quantiles_of_a_correlated_normal_are_met(name, seed):
    """The share of draws below a known quantile is its level, within 4.5 Monte Carlo errors of that share."""
    with pm.Model():
        pm.MvNormal("x", [1.0, -1.0], cov=[[1.0, 0.8], [0.8, 1.0]])
        step, options = METHODS[name]()
        result = sample(step=step, random_seed=seed, **{"draws": 3000, "tune": 1000, **options})
    x = result.posterior["x"].values
    directions = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, -1.0]])
    spreads = np.sqrt([1.0, 1.0, 3.6, 0.4])
    for direction, spread in zip(directions, spreads, strict=True):
        along = ((x - [1.0, -1.0]) @ direction) / spread
        for level in (0.05, 0.5, 0.9):
            below = (along < stats.norm.ppf(level)).astype(float)
            error = np.sqrt(level * (1 - level) / float(np.asarray(pm.ess(below))))
            assert abs(below.mean() - level) < 4.5 * error, (direction, level)


def test_hmc_tells_of_its_trajectories():
    with pm.Model():
        pm.Normal("x", shape=3)
        result = sample(step=pm.HamiltonianMC(path_length=1.5, max_steps=3), draws=300)
        tiny = sample(step=pm.HamiltonianMC(path_length=1e-9), draws=20)
    told = result["sample_stats"]
    assert {"acceptance_rate", "accepted", "path_length", "n_steps", "diverging", "energy", "lp"} <= set(told)
    assert "tree_depth" not in told
    assert int(told["n_steps"].max()) <= 3
    assert result.posterior.attrs["target_accept"] == 0.65
    moved = (np.diff(result.posterior["x"].values, axis=1) != 0).all(-1)
    np.testing.assert_array_equal(moved, told["accepted"].values[:, 1:])
    np.testing.assert_allclose(told["lp"], stats.norm.logpdf(result.posterior["x"]).sum(-1), rtol=1e-9)
    assert (tiny["sample_stats"]["n_steps"] == 1).all()


def test_hmc_stays_where_trajectories_diverge():
    with pm.Model():
        x = pm.Flat("x", initval=0.5)
        pm.Potential("walls", -(x**2) / 2 + pt.log(pt.switch(pt.abs(x) < 1.0, 1.0, 0.0)))
        result = sample(step=pm.HamiltonianMC(), draws=500, init="adapt_diag")
    assert np.abs(result.posterior["x"]).max() < 1
    told = result["sample_stats"]
    assert int(told["diverging"].sum()) > 0
    assert not told["accepted"].values[told["diverging"].values].any()


def test_hmc_beside_draws_of_groups_agrees_with_nuts():
    def run(step):
        with pm.Model():
            z = pm.Bernoulli("z", 0.4, shape=2)
            mu = pm.Normal("mu", 0.0, 2.0)
            pm.Normal("y", mu + 2.0 * z, 1.0, observed=[-1.0, 2.5])
            return sample(step=step(), draws=3000)

    hmc, nuts = run(pm.HamiltonianMC), run(lambda: None)
    for name in ("mu", "z"):
        a, b = hmc.posterior[name].values.astype(float), nuts.posterior[name].values.astype(float)
        error = np.hypot(np.asarray(pm.mcse(a)), np.asarray(pm.mcse(b)))
        assert (np.abs(a.mean((0, 1)) - b.mean((0, 1))) < 4 * error).all()
    assert {"accept_z", "accept", "path_length"} <= set(hmc["sample_stats"])


def test_a_population_moves_whole_numbers_and_shows_the_same_draws_on_any_cores(caplog):
    def run(cores, **options):
        with pm.Model():
            pm.Poisson("k", 9.0, shape=2)
            return sample(step=pm.DEMetropolis(), chains=8, cores=cores, **options)

    one, many = (run(cores, draws=100, tune=100) for cores in (1, 4))
    assert one["posterior"].equals(many["posterior"])
    draws = run(None, draws=8000, tune=1000).posterior["k"].values.astype(float)
    assert (np.abs(draws.mean((0, 1)) - 9.0) < 4 * np.asarray(pm.mcse(draws))).all()
    caplog.set_level(logging.WARNING, "pellucid")
    with pm.Model():
        pm.Normal("x", shape=4)
        with pytest.raises(ValueError, match=r"DEMetropolis moves x by .* three; got chains=2"):
            sample(step=pm.DEMetropolis())
        sample(step=pm.DEMetropolis(), chains=3, draws=10)
    assert "more chains than coordinates: 3 chains move 4 coordinates (x)" in caplog.text


def test_a_population_goes_on_from_its_store(tmp_path):
    with pm.Model():
        pm.Normal("x", shape=2)
        options = {"step": pm.DEMetropolis(), "chains": 5, "tune": 50}
        whole = sample(draws=80, **options)
        sample(draws=40, trace=tmp_path / "run.zarr", **options)
        longer = sample(draws=80, resume=tmp_path / "run.zarr", step=options["step"])
    np.testing.assert_array_equal(longer["posterior"]["x"], whole["posterior"]["x"])


def test_draws_do_not_depend_on_cores_and_tuning_can_be_kept():
    with pm.Model():
        z = pm.Bernoulli("z", 0.4, shape=3)
        pm.Normal("x", pt.sum(z), 1.0)
        runs = [sample(cores=c, draws=50, tune=50, chains=3, discard_tuned_samples=False) for c in (1, 2)]
    for group in ("posterior", "warmup_posterior"):
        assert runs[0][group].equals(runs[1][group])
        assert runs[0][group]["z"].shape == (3, 50, 3)
    assert runs[0]["warmup_sample_stats"]["accept_z"].shape == (3, 50)


def test_the_interpreter_gives_the_same_draws():
    def run(backend):
        with pm.Model():
            z = pm.Categorical("z", [0.2, 0.3, 0.5])
            pm.Normal("x", np.array([-1.0, 0.0, 1.0])[0] + z, 1.0)
            return sample(draws=20, tune=20, backend=backend).posterior

    native, interpreted = run("llvm"), run("numpy")
    np.testing.assert_array_equal(native["z"], interpreted["z"])
    np.testing.assert_allclose(native["x"], interpreted["x"], rtol=1e-9)


def test_values_out_of_reach_are_refused_not_fatal():
    """A walk that leaves the support reads past the end of an array, which counts as impossible."""
    with pm.Model():
        k = pm.Binomial("k", 2, 0.5)
        pm.Potential("weight", pt.log(pt.as_tensor_variable([1.0, 2.0, 1.0]))[k])
        result = sample(step=pm.Metropolis())
    assert set(np.unique(result.posterior["k"])) == {0, 1, 2}


def test_starts_can_be_given():
    with pm.Model():
        pm.Poisson("k", 1e6)
        result = sample(draws=1, tune=0, initvals={"k": 999_000}, step=pm.Metropolis())
    assert (abs(result.posterior["k"] - 999_000) < 10).all()


REFUSED = {
    "NUTS of counts": (lambda: pm.NUTS(["k"]), ValueError, r"NUTS cannot sample 'k' \(int64, .*test_steps.py"),
    "flips of counts": (lambda: pm.BinaryMetropolis(["k"]), ValueError, "BinaryMetropolis cannot sample 'k'"),
    "unknown": (lambda: pm.Slice(["q"]), ValueError, "q is no free random variable of the model; those are x, y, k"),
    "twice": (lambda: [pm.Slice(["x"]), pm.Metropolis(["x"])], ValueError, "'x' has two step methods"),
    "path of no length": (lambda: pm.HamiltonianMC(path_length=0.0), ValueError, "path_length above 0"),
    "NUTS and HMC": (lambda: [pm.NUTS(["x"]), pm.HamiltonianMC(["y"])], ValueError, r"NUTS\(x\) leaves out y"),
    "half of NUTS": (lambda: pm.NUTS(["x"]), ValueError, r"NUTS\(x\) leaves out y"),
    "setting": (lambda: pm.Slice(["x"], width=2), TypeError, "Slice has no setting width; it has w"),
    "no method": (lambda: "nuts", TypeError, "step must be a step method"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_steps_are_explained(name):
    make, error, message = REFUSED[name]
    with pm.Model():
        pm.Normal("x")
        pm.Normal("y")
        pm.Poisson("k", 2.0)
        with pytest.raises(error, match=message):
            sample(step=make())


def test_nuts_takes_its_settings():
    with pm.Model():
        pm.Normal("x")
        result = sample(step=pm.NUTS(target_accept=0.95, max_treedepth=2), draws=200)
    assert result.posterior.attrs["target_accept"] == 0.95
    assert int(result.sample_stats["tree_depth"].max()) <= 2


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("step", [lambda v: None, lambda v: pm.HamiltonianMC([v]), lambda v: pm.Metropolis([v])])
def test_a_mixture_whose_parts_are_drawn_has_its_weights(step, seed):
    """Which part, by draws; where within it, by a continuous step: shares and mean are known."""
    centres, weights = np.array([-2.0, 0.0, 3.0]), np.array([0.2, 0.5, 0.3])
    with pm.Model():
        k = pm.Categorical("k", weights)
        mu = pm.Normal("mu", pt.as_tensor_variable(centres)[k], 0.7)
        found = sample(step=step(mu), draws=4000, tune=500, random_seed=seed).posterior
    shares = [np.asarray(found["k"] == j, float) for j in range(3)]
    for draws, mean in [*zip(shares, weights, strict=True), (found["mu"].values, weights @ centres)]:
        assert abs(draws.mean() - mean) < 4 * float(np.asarray(pm.mcse(draws)))
