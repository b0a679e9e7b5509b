"""A variable written as a scaled standard one has the same distribution, under the same name."""

import numpy as np
import pytest
from scipy import stats

import pellucid as pm
import pellucid.tensor as pt
from pellucid.model.reparametrise import FAMILIES

CHOL = np.array([[1.0, 0.0], [0.5, 2.0]])
EXTRA = {
    "StudentT": {"nu": 4.0}, "SkewNormal": {"alpha": 2.0}, "Gamma": {"alpha": 3.0},
    "InverseGamma": {"alpha": 3.0}, "HalfStudentT": {"nu": 4.0}, "MvStudentT": {"nu": 4.0},
}  # fmt: skip


def written(family):
    """A model with one variable of a family, of which location and scale are random."""
    parts = FAMILIES[family]
    with pm.Model(coords={"g": ["a", "b"]}) as model:
        shift = pm.Normal("shift", 0, 1)
        stretch = pm.HalfNormal("stretch", 1)
        arguments = dict(EXTRA.get(family, {}))
        if family.startswith("Mv"):
            arguments |= {"mu": shift * np.ones(2), "chol": stretch * CHOL}
        else:
            arguments[{"Exponential": "scale", "Gamma": "beta"}.get(family, parts.scale)] = (
                1 / stretch if family == "Gamma" else stretch
            )
            if parts.location not in (None, "loc"):
                arguments[parts.location] = shift
        pm.__getattr__(family)("x", **arguments, dims="g")
    return model


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_density_is_that_of_the_original_at_the_same_values(family):
    model = written(family)
    other = pm.non_centered(model)
    assert [v.name for v in other.free_RVs] == ["shift", "stretch", "x_raw"]
    assert [v.name for v in other.deterministics] == ["x"]
    assert other.named_vars_to_dims == {"x": ("g",), "x_raw": ("g",)}
    plain, changed = pm.remove_value_transforms(model), pm.remove_value_transforms(other)
    raw = np.array([0.3, 0.6])
    point = {"shift": 0.4, "stretch": 1.7, "x_raw": raw}
    x = changed.compile_fn(changed.replace_rvs_by_values([changed["x"]])[0], backend="numpy")
    value = x(point)
    before = float(plain.compile_logp(backend="numpy")({"shift": 0.4, "stretch": 1.7, "x": value}))
    after = float(changed.compile_logp(backend="numpy")(point))
    # log |dx / draw| by central differences, whose error at this step is far below the tolerance
    step = 1e-5
    columns = [
        (x({**point, "x_raw": raw + step * e}) - x({**point, "x_raw": raw - step * e})) / (2 * step) for e in np.eye(2)
    ]
    slope = np.linalg.slogdet(np.array(columns))[1]
    assert after == pytest.approx(before + slope, abs=1e-7)


SERIES = {
    "walk": lambda m, s: pm.GaussianRandomWalk("x", 0.3 * m, s, init_dist=pm.Normal.dist(m, 2.0), steps=3),
    "walks": lambda m, s: pm.GaussianRandomWalk(
        "x", np.array([0.1, 0.2]), s, init_dist=pm.Normal.dist(m, [1.0, 2.0]), shape=(2, 4)
    ),
    "AR": lambda m, s: pm.AR("x", [m, 0.5, 0.2], s, init_dist=pm.Normal.dist(0, s), constant=True, shape=4),
    "ARs": lambda m, s: pm.AR("x", 0.5 * m, [s, 1.0], init_dist=pm.Normal.dist(m, 1.5), shape=(2, 4)),
}


@pytest.mark.parametrize("name", SERIES)
def test_series_have_the_density_of_the_original(name):
    """By the change of variables, whose matrix is triangular: central differences of a linear map are exact."""
    with pm.Model() as model:
        SERIES[name](pm.Normal("m", 0, 1), pm.HalfNormal("s", 1))
    other = pm.non_centered(model)
    assert [v.name for v in other.free_RVs] == ["m", "s", "x_raw"]
    plain, changed = pm.remove_value_transforms(model), pm.remove_value_transforms(other)
    raw = np.random.default_rng(1).normal(size=model.eval_rv_shapes()["x"])
    point = {"m": 0.4, "s": 1.7, "x_raw": raw}
    x = changed.compile_fn(changed.replace_rvs_by_values([changed["x"]])[0], backend="numpy")
    before = float(plain.compile_logp(backend="numpy")({**point, "x": x(point)}))
    after = float(changed.compile_logp(backend="numpy")(point))
    units = np.eye(raw.size).reshape(-1, *raw.shape)
    columns = [(x({**point, "x_raw": raw + e}) - x({**point, "x_raw": raw - e})).ravel() / 2 for e in units]
    assert after == pytest.approx(before + np.linalg.slogdet(np.array(columns))[1], abs=1e-9)


def test_a_walk_of_other_innovations_stays_as_it_is():
    with pm.Model() as model:
        s = pm.HalfNormal("s", 1)
        pm.RandomWalk("x", pm.Normal.dist(0, 1), pm.StudentT.dist(3, 0, s), steps=3)
    assert pm.non_centered(model).free_RVs == model.free_RVs
    with pytest.raises(ValueError, match=r"'x' is RandomWalk, .* walks and AR with normal first values"):
        pm.non_centered(model, ["x"])


def test_several_levels_keep_their_order_and_their_distribution():
    with pm.Model() as model:
        tau = pm.HalfNormal("tau", 2.0)
        mu = pm.Normal("mu", 3.0, tau)
        theta = pm.Normal("theta", mu, tau, shape=2)
        u = pm.Uniform("u", 0, pt.exp(theta[0]))
        pm.Normal("y", u + theta, 1, observed=[1.0, 2.0])
    other = pm.non_centered(model)
    assert [v.name for v in other.free_RVs] == ["tau", "mu_raw", "theta_raw", "u"]
    assert np.isfinite(other.compile_logp(backend="numpy")(other.initial_point()))
    ours, theirs = (pm.draw(m["theta"][0] - m["mu"], 500, random_seed=1) for m in (model, other))
    assert stats.ks_2samp(ours, theirs).pvalue > 1e-3  # fixed seeds
    assert [v.name for v in model.free_RVs] == ["tau", "mu", "theta", "u"]


def test_names_can_be_chosen_and_what_cannot_be_is_said():
    model = written("Normal")
    assert [v.name for v in pm.non_centered(model, ["x"], suffix="_z").free_RVs][-1] == "x_z"
    assert [v.name for v in pm.non_centered(model, model["shift"]).free_RVs] == ["stretch", "shift_raw", "x"]
    with pytest.raises(ValueError, match="no variable 'z'"):
        pm.non_centered(model, ["z"])
    with model:
        pm.Beta("b", 1, 1)
        pm.Normal("y", 0, 1, observed=1.0)
    with pytest.raises(ValueError, match="'b' is Beta, which is not a standard variable"):
        pm.non_centered(model, ["b"])
    with pytest.raises(ValueError, match="'y' is no free random variable"):
        pm.non_centered(model, ["y"])
