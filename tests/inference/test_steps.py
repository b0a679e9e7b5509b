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
    assert set(result.sample_stats) == {"lp", "accept_k"}, "there are no trajectories to tell of"
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
