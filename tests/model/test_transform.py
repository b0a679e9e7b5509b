"""Models made from models: the copy means what was asked for, and the original stays as it was."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

import pellucid as pm
import pellucid.tensor as pt


@pytest.fixture
def model():
    with pm.Model(coords={"g": list("abc")}) as model:
        x = pm.Data("x", [1.0, 2.0], dims="row")
        mu = pm.Normal("mu", 0, 1)
        s = pm.HalfNormal("s", 1)
        u = pm.Uniform("u", 0, s, dims="g")
        d = pm.Deterministic("d", u.sum() + mu)
        pm.Potential("soft", -(mu**2))
        pm.Normal("y", d * x, s, observed=[1.0, 2.0], dims="row")
    return model


def names(variables):
    return [v.name for v in variables]


def logp(model):
    return float(model.compile_logp(backend="numpy")(model.initial_point()))


def y_logp(d, s=1.0):
    return stats.norm.logpdf([1.0, 2.0], np.array([1.0, 2.0]) * d, s).sum()


@pytest.mark.parametrize("how", [lambda m: m.copy(), copy.copy, copy.deepcopy])
def test_a_copy_is_the_same_model_and_grows_alone(model, how):
    twin = how(model)
    assert list(twin.named_vars) == list(model.named_vars)
    assert (names(twin.free_RVs), names(twin.observed_RVs)) == (names(model.free_RVs), names(model.observed_RVs))
    assert names(twin.value_vars) == names(model.value_vars)
    assert twin.coords == model.coords
    assert twin.named_vars_to_dims == model.named_vars_to_dims
    assert logp(twin) == logp(model)
    with twin:
        pm.Normal("z", 0, 1)
        twin.add_coord("new", [1, 2])
    assert "z" not in model
    assert "new" not in model.coords
    assert logp(twin) != logp(model)


def test_a_copy_of_a_part_keeps_its_names():
    with pm.Model("outer"):
        pm.Normal("a", 0, 1)
        with pm.Model("inner") as inner:
            pm.Normal("b", 0, 1)
    twin = inner.copy()
    assert twin.isroot
    assert names(twin.free_RVs) == ["outer::inner::b"]
    assert twin["b"] is inner["b"]
    with twin:
        assert pm.Normal("c", 0, 1).name == "outer::inner::c"


def test_do_turns_variables_into_data(model):
    fixed = pm.do(model, {"u": [0.1, 0.2, 0.3], model["mu"]: 0.4})
    assert names(fixed.free_RVs) == ["s"]
    assert names(fixed.data_vars) == ["x", "u", "mu"]
    assert fixed.named_vars_to_dims["u"] == ("g",)
    assert list(fixed.named_vars) == list(model.named_vars)
    expected = stats.halfnorm.logpdf(1.0) + y_logp(1.0) - 0.4**2
    assert logp(fixed) == pytest.approx(expected, rel=1e-12)
    fixed.set_data("mu", 0.0)
    assert logp(fixed) == pytest.approx(stats.halfnorm.logpdf(1.0) + y_logp(0.6), rel=1e-12)
    assert names(model.free_RVs) == ["mu", "s", "u"]
    assert float(pm.draw(fixed["d"])) == pytest.approx(0.6)


def test_do_with_constants_and_pruning(model):
    fixed = pm.do(model, {"d": 2.0}, make_interventions_shared=False, prune_vars=True)
    assert names(fixed.free_RVs) == ["mu", "s"]  # the potential reads mu
    assert set(fixed.named_vars) == {"x", "mu", "s", "d", "soft", "y"}
    assert not isinstance(fixed["d"], pm.SharedVariable)
    assert logp(fixed) == pytest.approx(stats.norm.logpdf(0.0) + stats.halfnorm.logpdf(1.0) + y_logp(2.0), rel=1e-12)


def test_do_with_an_expression_of_other_variables(model):
    fixed = pm.do(model, {"mu": model["s"] * 2})
    assert names(fixed.free_RVs) == ["s", "u"]
    assert names(fixed.deterministics) == ["d", "mu"]
    values = dict(zip("mds", pm.draw([fixed["mu"], fixed["d"], fixed["s"]], random_seed=1), strict=True))
    assert values["m"] == 2 * values["s"]


def test_do_with_an_expression_of_the_variable_itself(model):
    with pytest.warns(UserWarning, match="is called 'do_d'"):
        fixed = pm.do(model, {"d": model["d"] + 1})
    assert names(fixed.deterministics) == ["do_d", "d"]
    d, twice, y = pm.draw([fixed["d"], fixed["do_d"], fixed["y"]], draws=2000, random_seed=1)
    np.testing.assert_allclose(twice, d + 1)
    assert abs(np.median(y[:, 0] - twice)) < 0.1  # the noise's median is 0, its scale at most about 3
    with pytest.warns(UserWarning, match="'do_s'"):
        wide = pm.do(model, {"s": model["s"] * 10})
    assert names(wide.free_RVs) == ["s", "mu", "u"]
    assert np.isfinite(logp(wide))


def test_flat_vectors_are_in_the_order_that_pymc_gives_them():
    """The order that PyMC 6.4 reports for this model, after both functions."""
    with pm.Model() as model:
        a, b, c = (pm.Normal(n) for n in "abc")
        s, t = pm.HalfNormal("s"), pm.HalfNormal("t")
        z = pm.Normal("z")
        x = pm.Normal("x", a * z, s)
        pm.Normal("y", c * x + b * z, t)
    observed = pm.observe(model, {"z": 0.1, "x": 0.2, "y": 0.3})
    assert names(observed.free_RVs) == ["t", "b", "s", "a", "c"]
    assert names(pm.do(model, {"x": 0.0}).free_RVs) == ["t", "z", "b", "c", "y", "s", "a"]


def test_an_intervention_that_cannot_be(model):
    with pytest.raises(ValueError, match="no variable 'nu'; it has x, mu"):
        pm.do(model, {"nu": 1.0})
    with pytest.raises(pm.ShapeError, match=r"'u' has shape \(3,\), but the value given for it has shape \(2,\)"):
        pm.do(model, {"u": [1.0, 2.0]})
    with pytest.raises(pm.ShapeError, match=r"'u' is of shape \(3,\).*\(2,\)"):
        pm.do(model, {"u": pt.stack([model["mu"], model["s"]])})


def test_observe_free_variables(model):
    given = pm.observe(model, {"s": 2.0, "u": [0.5, 1.0, 1.5]})
    assert names(given.free_RVs) == ["mu"]
    assert names(given.observed_RVs) == ["y", "s", "u"]
    expected = (
        stats.norm.logpdf(0.0) + stats.halfnorm.logpdf(2.0) + stats.uniform.logpdf([0.5, 1, 1.5], 0, 2).sum()
        + y_logp(3.0, 2.0)
    )  # fmt: skip
    assert logp(given) == pytest.approx(expected, rel=1e-12)
    again = pm.observe(pm.do(model, {"mu": 1.0}), {model["s"]: 1.0})
    assert names(again.free_RVs) == ["u"]


def test_an_observed_bound_is_known_to_transforms(model):
    given = pm.observe(model, {"s": 2.0})
    own = given.compile_fn(given.replace_rvs_by_values([given["u"]])[0], backend="numpy")
    np.testing.assert_allclose(own({"mu": 0.0, "u_interval__": np.zeros(3)}), 1.0)


def test_observe_a_deterministic():
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 1)
        pm.Deterministic("y", pt.exp(pm.Normal.dist(mu, 2.0)))
        pm.Deterministic("twice", 2 * mu)
    given = pm.observe(model, {"y": 3.0})
    assert logp(given) == pytest.approx(stats.norm.logpdf(0) + stats.lognorm.logpdf(3.0, 2.0), rel=1e-12)
    assert given.deterministics == [given["twice"]]
    with pytest.raises(pm.NotDerivable, match="'twice' is computed from mu, which are variables of the model"):
        pm.observe(model, {"twice": 1.0})


def test_an_observation_that_cannot_be(model):
    with pytest.raises(ValueError, match="'y' is observed already"):
        pm.observe(model, {"y": [1.0, 2.0]})
    with pytest.raises(ValueError, match="'x' is data"):
        pm.observe(model, {"x": [1.0, 2.0]})
    with pytest.raises(ValueError, match="'soft' is a potential"):
        pm.observe(model, {"soft": 1.0})
    with pytest.raises(pm.ShapeError, match=r"shape \(2,\).*shape \(3,\)"):
        pm.observe(model, {"u": [1.0, 2.0]})


def test_frozen_models_have_static_shapes(model):
    frozen = pm.freeze_dims_and_data(model)
    assert frozen["y"].type.shape == (2,)
    assert frozen.dim_lengths["row"].data == 2
    assert logp(frozen) == logp(model)
    with pytest.raises(TypeError, match="no data variable"):
        frozen.set_data("x", [1.0])
    assert isinstance(model["x"], pm.SharedVariable)
    partly = pm.freeze_dims_and_data(model, dims=["row"], data=[])
    assert isinstance(partly["x"], pm.SharedVariable)
    assert partly["y"].type.shape == (2,)


def test_freezing_data_of_length_one_does_not_make_it_broadcast():
    with pm.Model() as model:
        x = pm.Data("x", [1.0], dims="row")
        pm.Normal("b", x, 1, dims="row")
    frozen = pm.freeze_dims_and_data(model)
    assert frozen["x"].type.shape == (None,)
    assert logp(frozen) == logp(model)


def test_transforms_can_be_changed_and_removed(model):
    plain = pm.remove_value_transforms(model)
    assert names(plain.value_vars) == ["mu", "s", "u"]
    point = {"mu": 0.0, "s": 1.0, "u": np.full(3, 0.5)}
    expected = stats.norm.logpdf(0.0) + stats.halfnorm.logpdf(1.0) + y_logp(1.5)
    assert float(plain.compile_logp(backend="numpy")(point)) == pytest.approx(expected, rel=1e-12)
    assert float(model.compile_logp(jacobian=False, backend="numpy")(model.initial_point())) == pytest.approx(expected)
    assert names(pm.remove_value_transforms(model, ["s"]).value_vars) == ["mu", "s", "u_interval__"]
    back = pm.change_value_transforms(plain, {"s": model.rvs_to_transforms[model["s"]]})
    assert names(back.value_vars) == ["mu", "s_log__", "u"]
    with pytest.raises(ValueError, match="'y' is no free variable"):
        pm.change_value_transforms(model, {"y": None})


def test_what_is_not_connected_to_data_is_pruned(model):
    with model:
        pm.Normal("alone", 0, 1)
    pruned = pm.prune_vars_detached_from_observed(model)
    assert "alone" not in pruned
    assert logp(pruned) == pytest.approx(logp(model) - stats.norm.logpdf(0.0), rel=1e-12)


class Line(pm.Model):
    """A model as a class."""

    def __init__(self, x, name="", model=...):
        super().__init__(name, coords={"i": range(len(x))}, model=model)
        slope = pm.Normal("slope", 0, 1)
        pm.Normal("y", slope * pm.Data("x", x, dims="i"), 1, observed=x, dims="i")


def test_models_can_be_classes():
    alone = Line(np.arange(3.0))
    assert list(alone.named_vars) == ["slope", "x", "y"]
    assert alone.isroot
    assert pm.Model.get_context(error_if_none=False) is None
    with pm.Model() as outer:
        inner = Line(np.arange(2.0), name="part")
    assert inner.parent is outer
    assert list(outer.named_vars) == ["part::slope", "part::x", "part::y"]
    with pytest.raises(TypeError, match="No model on context stack"):
        pm.Normal("z", 0, 1)


def test_a_pickled_model_needs_no_source_of_its_own(model, tmp_path):
    file = tmp_path / "model.pickle"
    file.write_bytes(pickle.dumps(model))
    logp(model)  # what was compiled is not part of the file
    assert len(pickle.dumps(model)) == file.stat().st_size
    code = (
        "import pickle, sys, pellucid as pm\n"
        "model = pickle.load(open(sys.argv[1], 'rb'))\n"
        "print(float(model.compile_logp(backend='numpy')(model.initial_point())), model.coords)"
    )
    answer = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True, check=True)
    assert answer.stdout.split(" ", 1) == [str(logp(model)), f"{model.coords}\n"]
