"""Plain arrays become the trees that the functions themselves would have made."""

import numpy as np
import pytest

import pellucid as pm

RUN = {
    "draws": 15,
    "tune": 15,
    "chains": 2,
    "random_seed": 1,
    "progressbar": False,
    "compute_convergence_checks": False,
}


@pytest.fixture
def model():
    with pm.Model(coords={"g": ["a", "b"]}) as model:
        x = pm.Data("x", [1.0, 2.0], dims="obs")
        mu = pm.Normal("mu", dims="g")
        pm.Normal("y", mu * x, 1.0, observed=[0.0, 1.0], dims="obs")
    return model


def test_a_trace_becomes_the_tree_of_the_same_run(model):
    plain = {"return_inferencedata": False, "random_seed": 2}
    with model:
        trace = pm.sample(**{**RUN, "return_inferencedata": False})
        tree = pm.sample(**RUN, idata_kwargs={"log_likelihood": True})
        quiet = {"progressbar": False}
        drawn = pm.sample_posterior_predictive(tree, **plain, **quiet)
        made = pm.to_inference_data(
            trace, prior=pm.sample_prior_predictive(5, **plain), posterior_predictive=drawn, log_likelihood=True,
            log_prior=["mu"], coords={"obs": ["u", "v"]},
        )  # fmt: skip
        pm.sample_posterior_predictive(tree, random_seed=2, extend_inferencedata=True, **quiet)
        prior = pm.sample_prior_predictive(5, random_seed=2)
    assert made["posterior"].to_dataset().drop_attrs().identical(tree["posterior"].to_dataset().drop_attrs())
    np.testing.assert_array_equal(made["sample_stats"]["lp"], tree["sample_stats"]["lp"])
    np.testing.assert_allclose(made["log_likelihood"]["y"], tree["log_likelihood"]["y"])
    np.testing.assert_array_equal(made["posterior_predictive"]["y"], tree["posterior_predictive"]["y"])
    for group, name in (("prior", "mu"), ("prior_predictive", "y")):
        np.testing.assert_array_equal(made[group][name], prior[group][name])
    assert list(made["prior_predictive"]["obs"].values) == ["u", "v"]
    assert {"observed_data", "constant_data", "log_prior"} <= set(made.children)


def test_predictions_may_be_added_to_a_tree(model):
    with model:
        tree = pm.sample(**RUN)
        drawn = pm.sample_posterior_predictive(
            tree, predictions=True, return_inferencedata=False, random_seed=2, progressbar=False
        )
        alone = pm.predictions_to_inference_data(drawn)
        copied = pm.predictions_to_inference_data(drawn, idata_orig=tree)
        assert "predictions" not in tree.children
        assert pm.predictions_to_inference_data(drawn, idata_orig=tree, inplace=True) is tree
    assert set(alone.children) == {"predictions", "predictions_constant_data"}
    for found in (copied, tree):
        np.testing.assert_array_equal(found["predictions"]["y"], drawn["y"])
        assert "posterior" in found.children


def test_what_is_no_trace_is_refused(model):
    with model, pytest.raises(TypeError, match=r"what pm\.sample\(return_inferencedata=False\) returns, not dict"):
        pm.to_inference_data({"mu": np.zeros((2, 3))})
