"""Predictions keep the draws of what is known, draw what is new from its distribution, and say what does not fit."""

import warnings

import numpy as np
import pytest
from scipy import stats

import pellucid as pm
import pellucid.tensor as pt

xarray = pytest.importorskip("xarray")
CHAINS, DRAWS = 2, 400


def hierarchy():
    with pm.Model(coords={"county": list("abc"), "kind": ["u", "v"]}) as model:
        where = pm.Data("where", [0, 1, 2, 2], dims="row")
        x = pm.Data("x", [0.0, 1.0, 2.0, 3.0], dims="row")
        seen = pm.Data("seen", [0.0, 1.0, 2.0, 3.0], dims="row")
        mu = pm.Normal("mu", 0, 1)
        raw = pm.Normal("raw", 0, 1, dims="county")
        level = pm.Deterministic("level", mu + 2 * raw, dims="county")
        slope = pm.Normal("slope", mu, 3, dims=("kind", "county"))
        line = pm.Deterministic("line", level[where] + slope[0, where] * x, dims="row")
        pm.Normal("y", line, 0.5, observed=seen, dims="row")
    return model


@pytest.fixture
def model():
    return hierarchy()


@pytest.fixture
def trace():
    rng = np.random.default_rng(5)
    dims = {"mu": (), "raw": ("county",), "slope": ("kind", "county")}
    sizes = {"county": 3, "kind": 2}
    arrays = {
        name: (("chain", "draw", *d), rng.normal(size=(CHAINS, DRAWS, *(sizes[n] for n in d))) + 10)
        for name, d in dims.items()
    }
    labels = {"county": list("abc"), "kind": ["u", "v"]}
    return xarray.DataTree.from_dict({"posterior": xarray.Dataset(arrays, coords=labels)})


def predict(model, trace, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return model.predict(trace, *args, random_seed=1, **options)


def normal(z):
    """Draws are standard normal, as far as this one seed can tell: a right sampler is far from the bound."""
    return stats.kstest(np.ravel(z), "norm").pvalue > 1e-4


def test_new_rows(model, trace, caplog):
    with caplog.at_level("INFO", logger="pellucid"):
        found = predict(model, trace, {"where": [2, 0], "x": [5.0, 7.0]})
    assert caplog.messages[-1] == "Predicting: drawn anew: y"
    assert set(found.children) == {"predictions", "predictions_constant_data"}
    assert set(found["predictions_constant_data"].data_vars) == {"where", "x"}  # nobody gave what is only observed
    drawn, posterior = found["predictions"], trace["posterior"]
    assert set(drawn.data_vars) == {"y", "line"}
    level = posterior["mu"].values[..., None] + 2 * posterior["raw"].values[..., [2, 0]]
    np.testing.assert_allclose(drawn["line"], level + posterior["slope"].values[:, :, 0, [2, 0]] * [5.0, 7.0])
    assert normal((drawn["y"].values - drawn["line"].values) / 0.5)
    assert model["x"].get_value().tolist() == [0.0, 1.0, 2.0, 3.0]
    assert list(model.named_vars) == list(hierarchy().named_vars)


def test_the_same_data_give_posterior_predictive_draws(model, trace):
    drawn = predict(model, trace)["predictions"]
    assert list(drawn.data_vars) == ["y"]
    full = predict(model, trace, var_names=["y", "line", "raw"])["predictions"]
    np.testing.assert_array_equal(full["raw"], trace["posterior"]["raw"])
    assert normal((full["y"].values - full["line"].values) / 0.5)


def test_new_groups_come_from_the_population_and_known_ones_keep_their_draws(model, trace, caplog):
    new = {"where": [0, 1, 3], "x": [1.0, 1.0, 1.0]}
    with caplog.at_level("INFO", logger="pellucid"):
        drawn = predict(model, trace, new, {"county": ["c", "new", "a", "newer"]})["predictions"]
    assert "completed: raw (2 of 4 elements), slope (4 of 8 elements)" in caplog.messages[-1]
    posterior = trace["posterior"]
    assert list(drawn["county"].values) == ["c", "new", "a", "newer"]
    np.testing.assert_array_equal(drawn["raw"].values[..., [0, 2]], posterior["raw"].values[..., [2, 0]])
    np.testing.assert_array_equal(drawn["slope"].values[..., [0, 2]], posterior["slope"].values[..., [2, 0]])
    assert normal(drawn["raw"].values[..., [1, 3]])
    mu = posterior["mu"].values[..., None, None]
    assert normal((drawn["slope"].values[..., [1, 3]] - mu) / 3)
    level = posterior["mu"].values[..., None] + 2 * drawn["raw"].values
    np.testing.assert_allclose(drawn["level"], level)
    np.testing.assert_allclose(drawn["line"], (level + drawn["slope"].values[:, :, 0])[..., [0, 1, 3]])


def test_new_labels_along_two_dimensions(model, trace):
    drawn = predict(model, trace, coords={"county": ["b", "c", "a"], "kind": ["u", "w"]})["predictions"]
    assert "raw" not in drawn  # only in another order
    np.testing.assert_array_equal(
        drawn["slope"].values[:, :, 0], trace["posterior"]["slope"].values[:, :, 0][..., [1, 2, 0]]
    )
    mu = trace["posterior"]["mu"].values[..., None]
    assert normal((drawn["slope"].values[:, :, 1] - mu) / 3)


def test_variables_of_the_rows_are_drawn_for_new_rows():
    with pm.Model() as model:
        x = pm.Data("x", [1.0, 2.0], dims="row")
        mu = pm.Normal("mu", 0, 1)
        z = pm.Normal("z", mu + x, 1, dims="row")
        pm.Normal("y", z, 0.1, observed=[1.0, 2.0], dims="row")
    trace = {"mu": np.full((1, 300), 50.0), "z": np.zeros((1, 300, 2))}
    for data in ([7.0, 8.0, 9.0], [7.0, 8.0]):  # of another length, and of the same
        drawn = predict(model, trace, {"x": data})["predictions"]
        assert normal(drawn["z"].values - 50 - np.array(data))
        assert normal((drawn["y"].values - drawn["z"].values) / 0.1)
    np.testing.assert_array_equal(predict(model, trace, var_names=["z"])["predictions"]["z"], trace["z"])


def test_a_likelihood_without_dims_follows_its_parameters():
    with pm.Model() as model:
        x = pm.Data("x", [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        b = pm.Normal("b", 0, 1, shape=2)
        pm.Normal("y", pt.dot(x, b), 0.1, observed=[1.0, 2.0, 3.0])
        pm.Normal("same", b.sum(), 0.1, observed=[1.0, 2.0, 3.0])
    found = predict(model, {"b": np.ones((1, 5, 2))}, {"x": np.eye(2) * 10})["predictions"]
    assert found["y"].shape == (1, 5, 2)
    np.testing.assert_allclose(found["y"], 10, atol=0.8)  # eight standard deviations of the noise
    assert found["same"].shape == (1, 5, 3)


def test_labels_of_rows_that_change_in_length():
    with pm.Model(coords={"row": ["p", "q", "r"]}) as model:
        x = pm.Data("x", [1.0, 2.0, 3.0], dims="row")
        b = pm.Normal("b", 0, 1)
        pm.Normal("y", b * x, 0.1, observed=[1.0, 2.0, 3.0], dims="row")
    trace = {"b": np.ones((1, 3))}
    assert list(predict(model, trace, {"x": [4.0, 5.0]})["predictions"]["row"].values) == [0, 1]
    named = predict(model, trace, {"x": [4.0, 5.0]}, {"row": ["s", "t"]})["predictions"]
    assert list(named["row"].values) == ["s", "t"]
    np.testing.assert_allclose(named["y"].mean(("chain", "draw")), [4, 5], atol=0.4)


def test_a_table_gives_its_columns(model, trace):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"where": [0, 1], "x": [1.0, 2.0], "another": ["no", "number"]})
    same = predict(model, trace, {"where": [0, 1], "x": [1.0, 2.0]})
    np.testing.assert_array_equal(predict(model, trace, table)["predictions"]["y"], same["predictions"]["y"])


def test_a_part_of_a_model_knows_its_data_by_their_short_names():
    with pm.Model() as whole:
        scale = pm.HalfNormal("scale", 1)
        with pm.Model("part") as part:
            x = pm.Data("x", [1.0, 2.0], dims="row")
            pm.Normal("y", 10 * x, scale, observed=[1.0, 2.0], dims="row")
    trace = {"scale": np.full((1, 4), 0.01)}
    for model, name in ((part, "x"), (whole, "part::x")):
        drawn = predict(model, trace, {name: [3.0, 4.0, 5.0]})["predictions"]["part::y"]
        np.testing.assert_allclose(drawn.values, [[[30, 40, 50]] * 4], atol=0.08)  # eight standard deviations


def test_what_does_not_fit_is_said(model, trace):
    with pytest.raises(pm.ShapeError, match="'row' has length 3 in 'where' but 2 in 'x'"):
        model.predict(trace, {"where": [0, 1, 2], "x": [1.0, 2.0]})
    with pytest.raises(pm.ShapeError, match="'row' is to have length 3, and 'x' has it too: give a new value of 'x'"):
        model.predict(trace, {"where": [0, 1, 2]})
    with pytest.raises(ValueError, match="'z' is not in the model; what can be exchanged is where, x, seen"):
        model.predict(trace, {"z": [1.0]})
    with pytest.raises(ValueError, match="'mu' is no data variable"):
        model.predict(trace, {"mu": 1.0})
    with pytest.raises(ValueError, match=r"the dimension 'city'.*which the model does not have"):
        model.predict(trace, coords={"city": ["a"]})
    with pytest.raises(pm.ShapeError, match="'x' has 1 axes, but the new value has shape"):
        model.predict(trace, {"x": [[1.0]]})
    with pytest.raises(TypeError, match="data is a mapping"):
        model.predict(trace, 3)


def test_data_that_nothing_reads_warn():
    table = np.array([1.0, 2.0])
    with pm.Model() as model:
        pm.Data("x", table)
        b = pm.Normal("b", 0, 1)
        pm.Normal("y", b * table, 1, observed=[1.0, 2.0])
    with pytest.warns(UserWarning, match=r"\(y\) does not depend on x: was the model written with an array"):
        model.predict({"b": np.zeros((1, 2))}, {"x": [3.0, 4.0]})


def test_a_length_that_is_fixed_is_named_with_its_line():
    with pm.Model(coords={"g": ["a", "b"]}) as model:
        fixed = np.array([1.0, 2.0])
        pm.Normal("a", fixed, 1, dims="g")
    with pytest.raises(pm.ShapeError, match=r"normal_rv of 'a'.*pm.Normal\(\"a\", fixed, 1, dims=\"g\"\)") as error:
        model.predict({"a": np.zeros((1, 2, 2))}, coords={"g": ["a", "b", "c"]})
    assert "A length is fixed there" in str(error.value)


def test_elements_that_depend_on_each_other_are_not_drawn_apart():
    with pm.Model(coords={"t": [0, 1]}) as model:
        size = pm.Data("prior", np.zeros(2), dims="t")
        v = pm.MvNormal("v", size, cov=pt.eye(size.shape[0]), dims="t")
        pm.Normal("y", v.sum(), 1, observed=0.0)
    with pytest.raises(ValueError, match="'v' has new labels along t, along which its elements depend on each other"):
        model.predict({"v": np.zeros((1, 2, 2))}, {"prior": np.zeros(3)}, {"t": [0, 1, 2]})


def test_a_walk_goes_on_where_its_steps_are_independent():
    def walk():
        with pm.Model(coords={"day": range(20)}) as model:
            pm.GaussianRandomWalk("level", sigma=0.5, init_dist=pm.Normal.dist(0, 1), dims="day")
            pm.Normal("y", model["level"], 0.1, observed=np.zeros(20), dims="day")
        return model

    whole = walk()
    drawn = {"level": np.zeros((1, 3, 20))}
    with pytest.raises(ValueError, match=r"'level' has new labels along day.*pm.non_centered\(model, \['level'\]\)"):
        whole.predict(drawn, coords={"day": range(24)})
    apart = pm.non_centered(walk(), ["level"])
    raw = np.random.default_rng(1).normal(size=(1, 500, 20))
    found = apart.predict({"level_raw": raw}, coords={"day": range(24)}, random_seed=1)["predictions"]["level"].values
    known = pm.compute_deterministics({"level_raw": raw}, model=apart)["level"].values
    np.testing.assert_allclose(found[..., :20], known, rtol=1e-12, atol=1e-12)
    steps = np.diff(found[..., 19:], axis=-1) / 0.5
    assert stats.kstest(steps.ravel(), "norm").pvalue > 1e-4
