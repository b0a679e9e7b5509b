"""Every argument of PyMC's `sample` is taken, or refused with the reason."""

import inspect
import logging

import numpy as np
import pytest
from scipy import stats

import pellucid as pm
from pellucid.inference.options import NEEDLESS

PYMC = (
    "draws tune chains cores random_seed progressbar progressbar_theme quiet step var_names nuts_sampler initvals init "
    "jitter_max_retries n_init trace discard_tuned_samples compute_convergence_checks keep_warning_stat "
    "return_inferencedata idata_kwargs nuts_sampler_kwargs callback mp_ctx blas_cores model backend compile_kwargs"
)
"""The arguments of PyMC 6.4's `sample`."""
RUN = {"draws": 20, "tune": 20, "chains": 2, "random_seed": 1, "progressbar": False}


def regression():
    with pm.Model(coords={"g": ["a", "b"], "obs": [0, 1, 2, 3]}) as model:
        mu = pm.Normal("mu", 0, 3, dims="g")
        s = pm.HalfNormal("s")
        pm.Normal("y", mu[0] + mu[1] * np.arange(4.0), s, observed=[1.0, 2.0, 2.9, 4.1], dims="obs")
    return model


def sample(model=None, **options):
    with model or regression():
        return pm.sample(**{**RUN, **options})


def test_all_arguments_are_known():
    known = {*inspect.signature(pm.sample).parameters, *NEEDLESS, "nuts_sampler"}
    assert set(PYMC.split()) <= known


@pytest.mark.parametrize("name", NEEDLESS)
def test_needless_arguments_change_nothing(name):
    assert sample(**{name: {"a": 1}})["posterior"].equals(sample()["posterior"])


def test_names_of_other_samplers_mean_the_one_here(caplog):
    caplog.set_level(logging.INFO, "pellucid")
    other = sample(nuts_sampler="nutpie", nuts_sampler_kwargs={"backend": "jax"}, compute_convergence_checks=False)
    assert other["posterior"].equals(sample(nuts_sampler="pymc")["posterior"])
    assert "nuts_sampler='nutpie' means pellucid's own NUTS" in caplog.text
    with pytest.raises(ValueError, match=r"nuts_sampler is one of 'blackjax', .* not 'stan'"):
        sample(nuts_sampler="stan")


def test_quiet_says_nothing(caplog, capsys):
    sample(quiet=True, progressbar=True)
    assert caplog.text == ""
    assert capsys.readouterr().err == ""
    sample()
    assert "fewer than" in caplog.text or caplog.text  # so few draws are complained of


def test_starts_may_be_searched_for():
    with pm.Model() as model:
        pm.Normal("x", 1000.0, 0.01, initval=0.0)
        pm.Gamma("s", 3.0, 2.0, initval=50.0)
    at_mode = sample(model, init="map", draws=1, tune=0)
    # One draw without tuning stays near where it began, which the initial values are far from.
    assert np.abs(at_mode["posterior"]["x"] - 1000).max() < 0.1
    moved = sample(model, init="jitter+map", initvals={"x": 999.0}, draws=1, tune=0)
    assert np.abs(moved["posterior"]["x"] - 1000).max() < 2
    with pm.Model() as narrow:
        pm.Normal("x", 1.0, 0.01, shape=3)
    fitted = sample(narrow, init="advi+adapt_diag", draws=1, tune=0)["posterior"]["x"].values
    assert np.abs(fitted - 1).max() < 0.1
    assert len(np.unique(fitted)) == 6
    with pytest.raises(ValueError, match=r"init is one of auto, .* not 'magic'"):
        sample(init="magic")


def test_settings_are_given_by_step_method():
    limited = sample(nuts={"max_treedepth": 1, "target_accept": 0.95})
    assert int(limited["sample_stats"]["tree_depth"].max()) == 1
    assert limited.posterior.attrs["target_accept"] == 0.95
    with pm.Model():
        pm.Poisson("k", 3.0)
        pm.sample(**RUN, metropolis={"scaling": 2.0})
        with pytest.raises(TypeError, match="Metropolis has no setting width"):
            pm.sample(**RUN, metropolis={"width": 2.0})
        with pytest.raises(ValueError, match=r"settings slice=\{'w': 2.0\}, but gave that method nothing"):
            pm.sample(**RUN, slice={"w": 2.0})
    with pytest.raises(TypeError, match=r"NUTS does not offer gamma: its step size is averaged"):
        sample(nuts={"gamma": 0.1})
    with pytest.raises(TypeError, match=r"sample.. has no argument 'targetaccept'.*nuts="):
        sample(targetaccept=0.9)


def test_densities_of_data_and_priors_come_along():
    model = regression()
    found = sample(model, idata_kwargs={"log_likelihood": ["y"], "log_prior": True, "coords": {"obs": list("wxyz")}})
    mu, s = found["posterior"]["mu"], found["posterior"]["s"].values
    np.testing.assert_allclose(found["log_prior"]["mu"], stats.norm(0, 3).logpdf(mu), rtol=1e-9)
    np.testing.assert_allclose(found["log_prior"]["s"], stats.halfnorm().logpdf(s), rtol=1e-9)
    assert found["log_likelihood"]["y"].dims == ("chain", "draw", "obs")
    assert list(found["log_likelihood"]["obs"].values) == list("wxyz")
    with pytest.raises(ValueError, match="asks for the log_prior of y; it can be had of mu, s"):
        sample(idata_kwargs={"log_prior": ["y"]})


def test_densities_of_vectors_have_the_dims_that_are_left():
    with pm.Model(coords={"a": ["p", "q"], "row": [1, 2, 3]}) as model:
        x = pm.MvNormal("x", np.zeros(2), np.eye(2), dims="a")
        pm.MvNormal("y", x, np.eye(2), observed=np.zeros((3, 2)), dims=("row", "a"))
    found = sample(model, idata_kwargs={"log_likelihood": True, "log_prior": True})
    assert found["log_likelihood"]["y"].dims == ("chain", "draw", "row")
    assert found["log_prior"]["x"].dims == ("chain", "draw")


def test_draws_of_tuning_may_be_left_out_of_the_result():
    kept = sample(discard_tuned_samples=False)
    assert "warmup_posterior" in kept.children
    left = sample(discard_tuned_samples=False, idata_kwargs={"save_warmup": False})
    assert "warmup_posterior" not in left.children
    assert sample(tune=None, draws=5).posterior.attrs["tuning_steps"] == 1000
