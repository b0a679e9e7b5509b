"""Draws given a trace follow the model's conditional distributions, keep what it has, and are named as in ArviZ."""

import warnings

import numpy as np
import pytest
from scipy import stats

import pellucid as pm
import pellucid.tensor as pt
from pellucid.inference.predictive import ImplicitFreezeWarning
from pellucid.stats import forward

xarray = pytest.importorskip("xarray")

CHAINS, DRAWS = 2, 300


@pytest.fixture
def model():
    with pm.Model(coords={"g": list("abc")}) as model:
        x = pm.Data("x", [0.0, 1.0, 2.0, 3.0], dims="row")
        where = pm.Data("where", [0, 1, 2, 2], dims="row")
        mu = pm.Normal("mu", 0, 1)
        s = pm.HalfNormal("s", 1)
        a = pm.Normal("a", mu, s, dims="g")
        line = pm.Deterministic("line", a[where] + x, dims="row")
        y = pm.Normal("y", line, 0.1, observed=[0.0, 1.0, 2.0, 3.0], dims="row")
        pm.Deterministic("above", y > 1.5, dims="row")
    return model


@pytest.fixture
def trace(model):
    rng = np.random.default_rng(1)
    return xarray.DataTree.from_dict({
        "posterior": xarray.Dataset(
            {
                "mu": (("chain", "draw"), rng.normal(size=(CHAINS, DRAWS))),
                "s": (("chain", "draw"), rng.uniform(0.5, 2, (CHAINS, DRAWS))),
                "a": (("chain", "draw", "g"), rng.normal(size=(CHAINS, DRAWS, 3)) + 10),
            },
            coords={"chain": [3, 7], "draw": np.arange(DRAWS), "g": list("abc")},
        ),
        "constant_data": xarray.Dataset({"x": ("row", [0.0, 1.0, 2.0, 3.0]), "where": ("row", [0, 1, 2, 2])}),
    })  # fmt: skip


def quietly(*args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return pm.sample_posterior_predictive(*args, random_seed=1, **options)


def test_observed_variables_are_drawn_given_each_draw_of_the_trace(model, trace):
    found = quietly(trace, model)
    assert set(found.children) == {"posterior_predictive", "observed_data", "constant_data"}
    drawn = found["posterior_predictive"]
    assert list(drawn.data_vars) == ["y", "above"]
    assert drawn["y"].dims == ("chain", "draw", "row")
    assert list(drawn["chain"].values) == [3, 7]
    a = trace["posterior"]["a"].values
    z = (drawn["y"].values - a[..., [0, 1, 2, 2]] - np.arange(4)) / 0.1
    # 2,400 standard normal numbers: the least p-value of a right sampler that this seed could meet is far above 1e-4
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-4
    assert abs(np.corrcoef(z[..., 2].ravel(), z[..., 3].ravel())[0, 1]) < 0.15  # 600 pairs: 3.6 standard errors
    np.testing.assert_array_equal(drawn["above"].values, drawn["y"].values > 1.5)


def test_the_seed_decides_and_not_the_threads_or_what_else_is_drawn(model, trace, monkeypatch):
    first = quietly(trace, model)["posterior_predictive"]["y"]
    again = quietly(trace, model, var_names=["y", "line"])["posterior_predictive"]["y"]
    np.testing.assert_array_equal(first, again)
    monkeypatch.setattr(forward.os, "cpu_count", lambda: 5)
    many = quietly(trace, model)["posterior_predictive"]["y"]
    np.testing.assert_array_equal(first, many)
    monkeypatch.setattr(forward.os, "cpu_count", lambda: 1)
    np.testing.assert_array_equal(many, quietly(trace, model)["posterior_predictive"]["y"])
    other = pm.sample_posterior_predictive(trace, model, random_seed=2)["posterior_predictive"]["y"]
    assert not np.array_equal(first, other)


def test_what_the_trace_has_is_kept_and_what_it_lacks_is_drawn(model, trace, caplog):
    with caplog.at_level("INFO", logger="pellucid"):
        found = quietly(trace, model, var_names=["a", "line"])["posterior_predictive"]
    np.testing.assert_array_equal(found["a"].values, trace["posterior"]["a"].values)
    np.testing.assert_allclose(found["line"].values, trace["posterior"]["a"].values[..., [0, 1, 2, 2]] + np.arange(4))
    assert "Sampling: []" in caplog.text
    del trace["posterior"]["a"]
    with caplog.at_level("INFO", logger="pellucid"):
        found = quietly(trace, model, var_names=["a", "y"])["posterior_predictive"]
    assert "Sampling: [a, y]" in caplog.text
    z = (found["a"] - trace["posterior"]["mu"]) / trace["posterior"]["s"]
    assert stats.kstest(z.values.ravel(), "norm").pvalue > 1e-4


def test_variables_named_are_drawn_anew_and_those_that_depend_on_them_warn(model, trace):
    with pytest.warns(ImplicitFreezeWarning, match=r"'a' \(which depends on mu, drawn anew\)"):
        found = pm.sample_posterior_predictive(trace, model, sample_vars=["mu"], var_names=["mu", "a"], random_seed=1)
    drawn = found["posterior_predictive"]
    assert stats.kstest(drawn["mu"].values.ravel(), "norm").pvalue > 1e-4
    np.testing.assert_array_equal(drawn["a"].values, trace["posterior"]["a"].values)
    silent = quietly(trace, model, sample_vars=["mu"], freeze_vars="a")
    assert list(silent["posterior_predictive"].data_vars) == ["mu"]


def test_a_deterministic_can_keep_its_values(model, trace):
    trace["posterior"]["line"] = xarray.DataArray(np.full((CHAINS, DRAWS, 4), 50.0), dims=("chain", "draw", "row"))
    assert quietly(trace, model)["posterior_predictive"]["y"].values.max() < 40
    kept = quietly(trace, model, freeze_vars=["line"])["posterior_predictive"]["y"].values
    assert abs(kept.mean() - 50) < 0.05


def test_predictions_follow_new_data_of_another_length(model, trace):
    with model:
        pm.set_data({"x": [100.0, 200.0], "where": [0, 2]})
        found = quietly(trace, predictions=True, extend_inferencedata=True)
    assert found is trace
    assert set(trace.children) == {"posterior", "constant_data", "predictions", "predictions_constant_data"}
    assert trace["predictions"]["y"].shape == (CHAINS, DRAWS, 2)
    np.testing.assert_allclose(
        trace["predictions"]["y"].values, trace["posterior"]["a"].values[..., [0, 2]] + [100.0, 200.0], atol=0.6
    )  # six standard deviations of the noise
    np.testing.assert_array_equal(trace["predictions_constant_data"]["x"], [100.0, 200.0])
    with pytest.warns(UserWarning, match="The group predictions of the trace is replaced"):
        pm.sample_posterior_predictive(trace, model, predictions=True, extend_inferencedata=True)


def test_kept_values_of_data_that_changed_are_named():
    with pm.Model() as model:
        x = pm.Data("x", [1.0, 2.0])
        level = pm.Normal("level", x, 1)
        pm.Normal("y", level, 1, observed=[1.0, 2.0])
    trace = pm.sample_prior_predictive(20, model=model, random_seed=1)
    trace["posterior"] = trace["prior"]
    quietly(trace, model)
    model.set_data("x", [3.0, 4.0])
    with pytest.warns(ImplicitFreezeWarning, match=r"'level' \(which depends on x, data that changed\)"):
        pm.sample_posterior_predictive(trace, model)
    model.set_data("x", [3.0, 4.0, 5.0])
    with (
        pytest.warns(ImplicitFreezeWarning),
        pytest.raises(pm.ShapeError, match=r"'level' has shape \(2,\) in the trace, but \(3,\) in the model.*predict"),
    ):
        pm.sample_posterior_predictive(trace, model)


@pytest.mark.parametrize("form", ["dataset", "group", "dict", "points", "stacked"])
def test_traces_of_every_form(model, trace, form):
    posterior = trace["posterior"].to_dataset()
    options = {}
    if form == "group":
        given = trace["posterior"]
    elif form == "dict":
        given = {name: v.values for name, v in posterior.data_vars.items()}
    elif form == "points":
        given = [{name: v.values[0, i] for name, v in posterior.data_vars.items()} for i in range(DRAWS)]
    elif form == "stacked":
        given, options = posterior.stack(sample=("chain", "draw")).reset_index("sample"), {"sample_dims": ["sample"]}
    else:
        given = posterior
    found = quietly(given, model, return_inferencedata=False, **options)["y"]
    expected = quietly(trace, model, return_inferencedata=False)["y"]
    if form == "points":
        assert found.shape == (1, DRAWS, 4)
    else:
        np.testing.assert_array_equal(found.reshape(expected.shape), expected)


def test_what_cannot_be_asked_for(model, trace):
    with pytest.raises(ValueError, match="var_names has nu, which the model does not draw; it draws mu, s"):
        pm.sample_posterior_predictive(trace, model, var_names=["nu"])
    with pytest.raises(ValueError, match=r"'a' cannot keep its values .* sample_vars too"):
        pm.sample_posterior_predictive(trace, model, sample_vars=["a"], freeze_vars=["a"])
    with pytest.raises(ValueError, match=r"'line' cannot keep its values .* not in the trace"):
        pm.sample_posterior_predictive(trace, model, freeze_vars=["line"])
    with pytest.raises(ValueError, match="no group posterior or prior; it has constant_data"):
        pm.sample_posterior_predictive(xarray.DataTree.from_dict({"constant_data": xarray.Dataset()}), model)
    with pytest.raises(ValueError, match="no dimension sample"):
        pm.sample_posterior_predictive(trace, model, sample_dims=["sample"])
    with pytest.raises(TypeError, match="The trace is a DataTree"):
        pm.sample_posterior_predictive(3, model)
    with model:
        pm.Potential("soft", -(model["mu"] ** 2))
    with pytest.warns(UserWarning, match="do not know of the potentials soft"):
        pm.sample_posterior_predictive(trace, model)


def test_ops_without_a_rule_for_rows_are_run_row_by_row():
    with pm.Model() as model:
        n = pm.Poisson("n", 3.0)
        pm.Normal("total", pt.arange(n + 1).sum() * 1.0, 0.01, observed=1.0)
    given = {"n": np.array([[0, 1, 2, 3]])}
    drawn = quietly(given, model, return_inferencedata=False)["total"]
    np.testing.assert_allclose(drawn, [[0, 1, 3, 6]], atol=0.06)
    assert len(np.unique(drawn - [[0, 1, 3, 6]])) == 4


def test_priors_are_drawn_in_rows_with_the_joint_distribution(model):
    prior = pm.sample_prior_predictive(2000, model=model, random_seed=3)
    assert list(prior["prior"].data_vars) == ["mu", "s", "a", "line", "above"]
    draws = prior["prior"].to_dataset().isel(chain=0)
    assert draws["a"].dims == ("draw", "g")
    z = (draws["a"] - draws["mu"]) / draws["s"]
    assert stats.kstest(z.values.ravel(), "norm").pvalue > 1e-4
    np.testing.assert_allclose(draws["line"], draws["a"].values[:, [0, 1, 2, 2]] + np.arange(4))
    y = prior["prior_predictive"]["y"].values[0]
    assert stats.kstest(((y - draws["line"].values) / 0.1).ravel(), "norm").pvalue > 1e-4
    plain = pm.sample_prior_predictive(5, model=model, var_names=["mu"], return_inferencedata=False)
    assert plain["mu"].shape == (5,)


def test_log_likelihoods_and_log_priors_are_those_of_scipy(model, trace):
    found = pm.compute_log_likelihood(trace, model=model)
    assert found is trace
    posterior = trace["posterior"]
    mean = posterior["a"].values[..., [0, 1, 2, 2]] + np.arange(4)
    np.testing.assert_allclose(trace["log_likelihood"]["y"], stats.norm.logpdf(np.arange(4), mean, 0.1), rtol=1e-12)
    assert trace["log_likelihood"]["y"].dims == ("chain", "draw", "row")
    prior = pm.compute_log_prior(trace, model=model, extend_inferencedata=False)
    assert list(prior.data_vars) == ["mu", "s", "a"]
    np.testing.assert_allclose(prior["s"], stats.halfnorm.logpdf(posterior["s"]), rtol=1e-12)
    mu, s = posterior["mu"].values[..., None], posterior["s"].values[..., None]
    np.testing.assert_allclose(prior["a"], stats.norm.logpdf(posterior["a"], mu, s), rtol=1e-12)
    with pytest.raises(ValueError, match="var_names has mu, which is not among"):
        pm.compute_log_likelihood(trace, model=model, var_names=["mu"])
    del trace["posterior"]["mu"]
    with pytest.raises(ValueError, match="no draws of mu, which mu, s, a depends on"):
        pm.compute_log_prior(trace, model=model)


def test_deterministics_can_be_computed_afterwards(model, trace):
    found = pm.compute_deterministics(trace, model=model)
    assert list(found.data_vars) == ["line", "above"]
    line = trace["posterior"]["a"].values[..., [0, 1, 2, 2]] + np.arange(4)
    np.testing.assert_allclose(found["line"], line)
    np.testing.assert_array_equal(found["above"][0, 0], [False, False, True, True])  # of the data
    merged = pm.compute_deterministics(trace["posterior"], model=model, var_names=["line"], merge_dataset=True)
    assert list(merged.data_vars) == ["mu", "s", "a", "line"]
    assert "line" not in trace["posterior"]
    same = pm.compute_deterministics(trace, model=model, extend_dataset=True)
    assert same is trace
    np.testing.assert_allclose(trace["posterior"]["line"], line)
    with pytest.raises(ValueError, match="no group prior; it has posterior"):
        pm.compute_deterministics(trace, model=model, group="prior")


def test_arviz_reads_what_was_added(model, trace):
    azs = pytest.importorskip("arviz_stats")
    trace["posterior"]["a"] = (trace["posterior"]["a"] - 10) * 0.05
    pm.compute_log_likelihood(trace, model=model)
    quietly(trace, model, extend_inferencedata=True)
    loo = azs.loo(trace, var_name="y")
    assert np.isfinite(loo.elpd)
    assert loo.n_data_points == 4
    summary = azs.summary(trace, group="posterior_predictive", var_names=["y"])
    assert len(summary) == 4


@pytest.mark.parametrize("shared", [True, False])
def test_data_that_were_frozen_or_given_by_an_intervention_are_remembered(model, shared):
    fixed = pm.do(pm.freeze_dims_and_data(model), {"mu": 2.0}, make_interventions_shared=shared)
    found = pm.sample_prior_predictive(3, fixed, random_seed=1)["constant_data"]
    assert set(found.data_vars) == {"x", "where", "mu"}
    assert found["x"].dims == ("row",)
    assert found["mu"].item() == 2.0


def test_pointwise_densities_follow_data_that_are_set_after_they_were_compiled(model, trace):
    before = pm.compute_log_likelihood(trace, model=model, extend_inferencedata=False)["y"]
    a = trace["posterior"]["a"].values
    np.testing.assert_allclose(before, stats.norm.logpdf(np.arange(4.0), a[..., [0, 1, 2, 2]] + np.arange(4.0), 0.1))
    with model:
        pm.set_data({"x": [1.0, 1.0, 5.0, 5.0]})
    after = pm.compute_log_likelihood(trace, model=model, extend_inferencedata=False)["y"]
    np.testing.assert_allclose(after, stats.norm.logpdf(np.arange(4.0), a[..., [0, 1, 2, 2]] + [1, 1, 5, 5], 0.1))
    assert set(pm.compute_log_prior(trace, model=model, extend_inferencedata=False).data_vars) == {"mu", "s", "a"}
