"""Posteriors with known answers, and what `sample` returns, repeats, refuses and survives."""

import logging
import os
import signal
import threading

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt
from pellucid.compile.callback import CallbackDensity, density_function
from pellucid.inference.result import longest

QUIET = {"progressbar": False, "compute_convergence_checks": False}


def check_moments(draws, mean, sd, *, errors=4.0):
    """Means and sds within a few Monte Carlo standard errors, and chains that agree."""
    assert np.all(pm.rhat(draws) < 1.01)
    for estimate, exact, error in (
        (draws.mean((0, 1)), mean, pm.mcse(draws)),
        (draws.std((0, 1)), sd, pm.mcse(draws, "sd")),
    ):
        assert np.all(np.abs(estimate - exact) < errors * error), (estimate, exact, error)
        assert np.all(np.asarray(error) < 0.1 * np.asarray(sd)), "precise enough to be a test"


def array(idata, name):
    return idata["posterior"][name].to_numpy()


def test_correlated_gaussian():
    d = 10
    rng = np.random.default_rng(1)
    root = rng.normal(size=(d, d))
    covariance = root @ root.T + 0.5 * np.eye(d)
    mean = np.arange(d) - 4.0
    precision = np.linalg.inv(covariance)
    with pm.Model():
        x = pm.Flat("x", shape=d)
        delta = x - mean
        pm.Potential("normal", -0.5 * (delta * (precision @ delta)).sum())
        idata = pm.sample(2000, tune=1000, chains=4, random_seed=11, target_accept=0.9, **QUIET)
    x = array(idata, "x")
    check_moments(x, mean, np.sqrt(np.diag(covariance)))
    found = np.cov(x.reshape(-1, d).T)
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    np.testing.assert_allclose(found / scale, covariance / scale, atol=0.1)


def eight_schools():
    y = np.array([28, 8, -3, 7, -1, 1, 18, 12.0])
    s = np.array([15, 10, 16, 11, 9, 11, 10, 18.0])
    with pm.Model(coords={"school": list("ABCDEFGH")}) as model:
        mu = pm.Normal("mu", 0, 5)
        tau = pm.HalfCauchy("tau", 5)
        raw = pm.Normal("raw", 0, 1, dims="school")
        theta = pm.Deterministic("theta", mu + tau * raw, dims="school")
        pm.Normal("y", theta, s, observed=y, dims="school")
    return model


@pytest.fixture(scope="module")
def schools():
    return eight_schools()


@pytest.fixture(scope="module")
def idata(schools):
    return pm.sample(2500, tune=1000, chains=4, random_seed=3, target_accept=0.95, model=schools, **QUIET)


def test_eight_schools(idata):
    check_moments(array(idata, "mu"), 4.397, 3.318)  # by quadrature
    check_moments(array(idata, "tau"), 3.598, 3.220)


def test_funnel():
    with pm.Model():
        v = pm.Normal("v", 0, 3)
        raw = pm.Normal("raw", 0, 1, shape=9)
        pm.Deterministic("x", pt.exp(v / 2) * raw)
        idata = pm.sample(2000, tune=1000, chains=4, random_seed=5, **QUIET)
    check_moments(array(idata, "v"), 0.0, 3.0)
    check_moments(array(idata, "raw"), np.zeros(9), np.ones(9))
    np.testing.assert_allclose(
        array(idata, "x"), np.exp(array(idata, "v") / 2)[..., None] * array(idata, "raw"), rtol=1e-12
    )


def test_beta_binomial():
    a, b, n, k = 2.0, 3.0, 20, 14
    with pm.Model():
        p = pm.Beta("p", a, b)
        pm.Binomial("k", n, p, observed=k)
        idata = pm.sample(3000, tune=1000, chains=4, random_seed=7, **QUIET)
    a, b = a + k, b + n - k
    check_moments(array(idata, "p"), a / (a + b), np.sqrt(a * b / ((a + b) ** 2 * (a + b + 1))))


def test_bounded_parameters_have_the_prior_they_are_given():
    with pm.Model():
        pm.Uniform("u", -2, 3)
        pm.HalfNormal("h", 2)
        pm.Dirichlet("w", np.array([2.0, 3.0, 5.0]))
        idata = pm.sample(3000, tune=1000, chains=4, random_seed=8, **QUIET)
    check_moments(array(idata, "u"), 0.5, 5 / np.sqrt(12))
    check_moments(array(idata, "h"), 2 * np.sqrt(2 / np.pi), 2 * np.sqrt(1 - 2 / np.pi))
    w = np.array([0.2, 0.3, 0.5])
    check_moments(array(idata, "w"), w, np.sqrt(w * (1 - w) / 11))


def test_groups_coords_and_statistics(idata):
    assert set(idata.children) == {"posterior", "sample_stats", "observed_data"}
    post = idata["posterior"]
    assert list(post.data_vars) == ["mu", "tau", "raw", "theta"]
    assert dict(post["theta"].sizes) == {"chain": 4, "draw": 2500, "school": 8}
    assert post["school"].to_numpy().tolist() == list("ABCDEFGH")
    assert idata["observed_data"]["y"].dims == ("school",)
    stats = idata["sample_stats"]
    for name in ("diverging", "energy", "tree_depth", "n_steps", "acceptance_rate", "step_size", "lp"):
        assert stats[name].dims == ("chain", "draw")
    assert stats["diverging"].dtype == bool
    assert post.attrs["tuning_steps"] == 1000
    assert 0.85 < float(stats["acceptance_rate"].mean()) < 1


def test_log_density_of_draws_is_the_models(schools, idata):
    post = idata["posterior"].isel(chain=1, draw=[0, 77])
    for draw in range(2):
        one = post.isel(draw=draw)
        point = {"mu": one["mu"].item(), "tau_log__": np.log(one["tau"].item()), "raw": one["raw"].to_numpy()}
        np.testing.assert_allclose(
            schools.compile_logp()(point), idata["sample_stats"]["lp"][1, [0, 77][draw]].item(), rtol=1e-9
        )


def test_seeds_decide_everything_and_cores_nothing(schools):
    def mu(**options):
        with schools:
            return array(pm.sample(50, tune=50, **{"random_seed": 4, "chains": 2, **options}, **QUIET), "mu")

    first = mu()
    np.testing.assert_array_equal(first, mu(cores=1))
    np.testing.assert_array_equal(first, mu(cores=2))
    np.testing.assert_array_equal(first, mu(chains=3)[:2])
    assert not np.array_equal(first, mu(random_seed=5))
    assert not np.array_equal(mu(random_seed=None), mu(random_seed=None))
    np.testing.assert_array_equal(mu(random_seed=np.random.default_rng(1)), mu(random_seed=np.random.default_rng(1)))
    assert not np.array_equal(first[0], first[1])


def test_the_interpreter_draws_the_same(schools):
    with schools:
        native = pm.sample(40, tune=40, chains=2, random_seed=4, backend="llvm", **QUIET)
        interpreted = pm.sample(40, tune=40, chains=2, random_seed=4, backend="numpy", **QUIET)
    # Rounding differs, and chaos amplifies it: the first iterations must agree closely.
    np.testing.assert_allclose(array(native, "mu")[:, 0], array(interpreted, "mu")[:, 0], rtol=1e-3)


def test_kept_tuning_and_other_groups(schools):
    options = {"include_transformed": True, "log_likelihood": True}
    with schools:
        idata = pm.sample(
            20, tune=30, chains=2, random_seed=1, discard_tuned_samples=False, idata_kwargs=options, **QUIET
        )
    assert dict(idata["warmup_posterior"]["theta"].sizes) == {"chain": 2, "draw": 30, "school": 8}
    assert dict(idata["warmup_sample_stats"]["lp"].sizes) == {"chain": 2, "draw": 30}
    np.testing.assert_allclose(np.exp(idata["unconstrained_posterior"]["tau_log__"].to_numpy()), array(idata, "tau"))
    from scipy import stats

    s = np.array([15, 10, 16, 11, 9, 11, 10, 18.0])
    expected = stats.norm.logpdf(idata["observed_data"]["y"].to_numpy(), array(idata, "theta"), s)
    np.testing.assert_allclose(idata["log_likelihood"]["y"].to_numpy(), expected)
    with schools, pytest.raises(TypeError, match="log_lik"):
        pm.sample(5, tune=5, idata_kwargs={"log_lik": True}, **QUIET)


def test_var_names_and_plain_traces(schools):
    with schools:
        idata = pm.sample(10, tune=10, chains=2, random_seed=1, var_names=["theta", "mu"], **QUIET)
        trace = pm.sample(10, tune=10, chains=2, random_seed=1, return_inferencedata=False, **QUIET)
        with pytest.raises(ValueError, match="nu"):
            pm.sample(10, tune=10, chains=2, var_names=["nu"], **QUIET)
    assert list(idata["posterior"].data_vars) == ["mu", "theta"]
    assert trace.varnames == ["mu", "tau", "raw", "theta"]
    assert (len(trace), trace.nchains, trace["theta"].shape) == (10, 2, (20, 8))
    np.testing.assert_array_equal(trace.get_values("mu", combine=False)[1], array(idata, "mu")[1])
    np.testing.assert_array_equal(trace[2:]["mu"], array(idata, "mu")[:, 2:].ravel())
    assert trace.point(3)["mu"] == array(idata, "mu")[1, 3]
    assert trace.get_sampler_stats("diverging").shape == (20,)


def test_starts(schools):
    with schools:
        start = {"mu": 3.0, "tau_log__": 0.5, "raw": np.zeros(8)}
        idata = pm.sample(
            1, tune=0, chains=2, random_seed=1, initvals=[start, {**start, "mu": -100.0}], init="adapt_diag", **QUIET
        )
    assert abs(array(idata, "mu")[0, 0]) < 30
    assert array(idata, "mu")[1, 0] < -20, "one short trajectory does not come far"


def test_jitter_is_tried_again_until_it_fits():
    with pm.Model():
        x = pm.Flat("x", shape=2)
        pm.Potential("half", pt.switch((x > 0).all(), -(x**2).sum() / 2, -np.inf))
        idata = pm.sample(20, tune=20, chains=4, random_seed=1, jitter_max_retries=50, **QUIET)
    assert np.all(array(idata, "x") > 0)


def test_constant_and_observed_data():
    with pm.Model(coords={"row": [1, 2]}):
        x = pm.Data("x", [1.0, 2.0], dims="row")
        y = pm.Data("y_data", [1.0, 2.0], dims="row")
        b = pm.Normal("b", 0, 1)
        pm.Deterministic("same", x * 2, dims="row")
        pm.Normal("y", b * x, 1, observed=y, dims="row")
        idata = pm.sample(10, tune=10, chains=2, random_seed=1, **QUIET)
    assert list(idata["constant_data"].data_vars) == ["x"]
    np.testing.assert_array_equal(idata["observed_data"]["y"], [1.0, 2.0])
    np.testing.assert_array_equal(array(idata, "same")[1, 3], [2.0, 4.0])


def test_new_data_is_sampled_from_the_same_compiled_density():
    with pm.Model() as model:
        x = pm.Data("x", np.ones(50))
        mu = pm.Normal("mu", 0, 10)
        pm.Normal("y", mu, 1, observed=x)
        pm.sample(10, tune=10, chains=1, random_seed=1, **QUIET)
        compiled = model.density().compile()
        pm.set_data({"x": np.full(200, 5.0)})
        idata = pm.sample(1000, tune=500, chains=4, random_seed=1, **QUIET)
        assert model.density().compile() is compiled
    precision = 200 + 1 / 100
    check_moments(array(idata, "mu"), 1000 / precision, precision**-0.5)


def test_warnings_about_draws_are_logged(schools, caplog):
    with schools, caplog.at_level(logging.WARNING, logger="pellucid"):
        pm.sample(20, tune=10, chains=2, random_seed=1, progressbar=False)
    assert "too few" in caplog.text


@pytest.fixture
def heeded_interrupts():
    """Ctrl-C raises KeyboardInterrupt also where the tests run in the background, which a shell makes deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded_interrupts")
def test_ctrl_c_keeps_the_draws():
    with pm.Model():
        x = pm.Normal("x", 0, 1, shape=2000)
        pm.Potential("p", pt.sin(x).sum() * 1e-3)
        press = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))

        def once_drawing(trace, draw):
            if not press.ident:    # not before: compiling may take longer than any fixed delay
                press.start()

        idata = pm.sample(
            10**4, tune=10, chains=2, random_seed=1, max_treedepth=7, target_accept=0.99, callback=once_drawing, **QUIET
        )
    made = idata["posterior"].sizes["draw"]
    assert 0 < made < 10**4
    assert not np.isnan(array(idata, "x")).any()


@pytest.mark.parametrize(("completed", "expected"), [
    ([5, 5], ([0, 1], 5)), ([9, 2, 8], ([0, 2], 8)), ([9, 1, 1], ([0], 9)), ([0, 7], ([1], 7)),
])  # fmt: skip
def test_longest(completed, expected):
    assert longest(np.array(completed)) == expected


def test_exceptions_inside_the_interpreter_are_raised():
    x = pt.vector("x", shape=(2,))
    picked = pt.as_tensor_variable(np.arange(3.0))[pt.floor(pt.exp(x)).astype("int64")]
    density = CallbackDensity([x], [picked.sum(), x])
    f = density_function(density, 2)
    assert f(np.zeros(2))[0] == 2.0
    with pytest.raises(IndexError, match=r"Index 8103 is out of range for axis 0 of length 3"):
        f(np.full(2, 9.0))
    assert f(np.zeros(2))[0] == 2.0, "and it is forgotten afterwards"


def test_prior_predictive(schools):
    with schools:
        prior = pm.sample_prior_predictive(draws=300, random_seed=1)
        plain = pm.sample_prior_predictive(draws=300, random_seed=1, var_names=["mu"], return_inferencedata=False)
    assert dict(prior["prior"]["theta"].sizes) == {"chain": 1, "draw": 300, "school": 8}
    assert dict(prior["prior_predictive"]["y"].sizes) == {"chain": 1, "draw": 300, "school": 8}
    np.testing.assert_array_equal(plain["mu"], prior["prior"]["mu"][0], "streams are keyed by name")
    assert abs(plain["mu"].mean()) < 5 * 5 / np.sqrt(300)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_free_variables_whose_lengths_follow_data(rows):
    with pm.Model() as model:
        x = pm.Data("x", np.arange(3.0), dims="row")
        z = pm.Normal("z", x, 0.5, dims="row")
        pm.HalfNormal("h", 1, dims="row")
        pm.Deterministic("twice", 2 * z, dims="row")
        assert model.initial_point()["z"].shape == (3,)
        assert model.density().dimension == 6
        pm.set_data({"x": np.arange(float(rows))})
        assert model.initial_point()["z"].tolist() == list(range(rows))
        idata = pm.sample(500, tune=500, chains=4, random_seed=2, **QUIET)
    assert array(idata, "twice").shape == (4, 500, rows)
    np.testing.assert_array_equal(array(idata, "twice"), 2 * array(idata, "z"))
    check_moments(array(idata, "z"), np.arange(float(rows)), 0.5)
    assert idata["posterior"]["h"].dims == ("chain", "draw", "row")
