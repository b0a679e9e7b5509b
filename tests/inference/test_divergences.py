"""After a run with divergences its user learns where they are, and what to write instead."""

import logging

import numpy as np

import pellucid as pm
from pellucid.inference.divergences import dims_of_values, find_places


def schools():
    effects = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
    errors = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 5)
        tau = pm.HalfCauchy("tau", 5)
        theta = pm.Normal("theta", mu, tau, shape=8)
        pm.Normal("y", theta, errors, observed=effects)
    return model


def test_a_centred_hierarchy_is_recognised_and_its_cure_works(caplog):
    model = schools()
    with model, caplog.at_level(logging.WARNING, "pellucid"):
        result = pm.sample(random_seed=2, progressbar=False)
    before = int(result["sample_stats"]["diverging"].sum())
    assert before >= 5, "the example is the classic one"
    assert "Divergences happen where tau_log__ is low" in caplog.text
    assert "pm.non_centered(model, ['theta'])" in caplog.text
    caplog.clear()
    with pm.non_centered(model, ["theta"]), caplog.at_level(logging.WARNING, "pellucid"):
        cured = pm.sample(random_seed=2, progressbar=False)
    assert int(cured["sample_stats"]["diverging"].sum()) < before / 3
    assert "non_centered" not in caplog.text


def test_places_are_elements_and_chance_is_left_alone():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4, 500, 3))
    found = find_places({"x": x}, x[..., 1] > 1.5)
    assert [p.label for p in found] == ["x[1]"]
    assert found[0].shift > 1
    (labelled,) = find_places({"x": x}, x[..., 1] > 1.5, dims={"x": ["who"]}, coords={"who": ["ann", "bob", "cy"]})
    assert labelled.label == "x[bob]"
    assert "x[1] is high" in str(found[0])
    assert find_places({"x": x}, rng.uniform(size=(4, 500)) < 0.02) == []
    assert find_places({"x": x}, np.zeros((4, 500), bool)) == []
    assert find_places({"constant": np.zeros((4, 500))}, x[..., 1] > 1.5) == []


def test_values_have_the_dims_of_their_variables():
    with pm.Model(coords={"who": ["ann", "bob"]}) as model:
        pm.Normal("x", 0, 1, dims="who")
        pm.HalfNormal("s", 1, dims="who")
        pm.Dirichlet("share", [1.0, 1.0], dims="who")  # one number fewer: its elements have no labels
        pm.Normal("plain", 0, 1, shape=2)
    assert {name: tuple(dims) for name, dims in dims_of_values(model).items()} == {"x": ("who",), "s_log__": ("who",)}
