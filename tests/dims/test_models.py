"""Models with named dims are those without: the same log-probability, gradient, draws and dims in results."""

import inspect

import numpy as np
import pytest
import xarray

import pellucid as pm
import pellucid.dims as pmd
from pellucid.dims.distributions import BOUNDED, VECTORS, names
from pellucid.stats.families import PLACES, load

RNG = np.random.default_rng(11)
COORDS = {"group": ["a", "b"], "row": range(3), "kind": range(4), "kind2": range(4)}
SCALARS = [n for n in names() if n not in VECTORS and n not in BOUNDED]
WHOLE = {"n": 9.0, "N": 20, "k": 7, "good": 9, "bad": 8, "lower": -1.0, "upper": 3.0, "c": 0.5, "q": 0.4, "h": 2.0}
"""Values for parameters that 0.6 does not suit."""


def same_model(named, plain):
    """Equal log-probabilities and gradients at the initial point and beside it."""
    assert {k: tuple(v) for k, v in named.named_vars_to_dims.items()} == plain.named_vars_to_dims
    for step in (0.0, 0.1):
        point = {k: v + (step if v.dtype.kind == "f" else 0) for k, v in plain.initial_point().items()}
        expected = plain.compile_logp(backend="numpy")(point)
        assert step or np.isfinite(expected)
        np.testing.assert_allclose(named.compile_logp(backend="numpy")(point), expected, rtol=1e-12)
        if plain.continuous_value_vars:
            slopes = [m.compile_dlogp(backend="numpy")(point) for m in (named, plain)]
            np.testing.assert_allclose(slopes[0], slopes[1], rtol=1e-11, atol=1e-12)


def arguments(family):
    """Values for the first parametrisation: the first along "row", the second along "group", the others numbers."""
    found = {}
    for label in family.parametrizations[0].parameters:
        value = WHOLE.get(label, 0.6)
        value = int(value) if label in {"n", "good", "bad"} and family.__name__ != "NegativeBinomial" else value
        length = {0: 3, 1: 2}.get(len(found))
        found[label] = value if length is None else np.full(length, value)
    return found


@pytest.mark.parametrize("name", SCALARS)
def test_every_distribution_of_numbers(name):
    plain = arguments(load(name))
    dims = dict(zip(plain, ("row", "group"), strict=False))
    named = {k: pmd.as_xtensor(v, dims[k]) if k in dims else v for k, v in plain.items()}
    beside = {k: v[:, None] if dims.get(k) == "row" else v for k, v in plain.items()}
    with pm.Model(coords=COORDS) as model:
        x = getattr(pmd, name)("x", **named, dims=("row", "group", "kind")[: 2 + (name == "Normal")])
    with pm.Model(coords=COORDS) as expected:
        beside = {k: v[..., None] if np.ndim(v) and name == "Normal" else v for k, v in beside.items()}
        getattr(pm, name)("x", **beside, dims=("row", "group", "kind")[: 2 + (name == "Normal")])
    assert x.values is model["x"]
    assert x.dims == model.named_vars_to_dims["x"]
    same_model(model, expected)
    turned = getattr(pmd, name).dist(**named, dim_lengths={"group": 2, "row": 3})
    assert turned.values.type.shape == (2, 3)


def test_the_names_are_those_of_the_distributions():
    assert {*SCALARS, *VECTORS, *BOUNDED} <= set(PLACES)
    assert len(SCALARS) > 50
    assert set(dir(pmd)) >= {"Normal", "as_xtensor", "math", "Data", "Dirichlet"}
    assert inspect.getdoc(pmd.Normal) == inspect.getdoc(pm.Normal)
    assert repr(pmd.Normal) == "pmd.Normal"
    with pytest.raises(AttributeError, match="no version with named dims"):
        pmd.LKJCorr  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        pmd.Nothing  # noqa: B018


GROUPS = RNG.integers(0, 2, 6)
SLOPE = RNG.normal(size=6)
Y = RNG.normal(size=6)


def hierarchy():
    """The same hierarchical regression with names and without."""
    with pm.Model(coords={"group": ["a", "b"], "obs": range(6), "kind": range(3)}) as named:
        x = pmd.Data("x", SLOPE, dims="obs")
        group = pmd.Data("g", GROUPS, dims="obs")
        mu = pmd.Normal("mu", 0, 1, dims="kind")
        s = pmd.HalfNormal("s", 1)
        effect = pmd.Normal("effect", mu, s, dims=("group", "kind"))
        at = pmd.Deterministic("at", effect[{"group": group}])
        pmd.Potential("small", -(effect**2).sum("kind"))
        line = at.isel(kind=0) + at.isel(kind=1) * x + pmd.math.exp(at.isel(kind=2))
        pmd.Normal("y", line, s, observed=pmd.Data("seen", xarray.DataArray(Y, dims="obs")))
    with pm.Model(coords={"group": ["a", "b"], "obs": range(6), "kind": range(3)}) as plain:
        x = pm.Data("x", SLOPE, dims="obs")
        group = pm.Data("g", GROUPS, dims="obs")
        mu = pm.Normal("mu", 0, 1, dims="kind")
        s = pm.HalfNormal("s", 1)
        effect = pm.Normal("effect", mu, s, dims=("group", "kind"))
        at = pm.Deterministic("at", effect[group], dims=("obs", "kind"))
        pm.Potential("small", -(effect**2).sum(axis=1), dims="group")
        pm.Normal(
            "y", at[:, 0] + at[:, 1] * x + pm.math.exp(at[:, 2]), s, observed=pm.Data("seen", Y, dims="obs"), dims="obs"
        )
    return named, plain


def test_a_hierarchical_model():
    named, plain = hierarchy()
    same_model(named, plain)
    point = plain.initial_point()
    np.testing.assert_allclose(named.compile_logp()(point), plain.compile_logp()(point), rtol=1e-12)
    np.testing.assert_allclose(named.compile_dlogp()(point), plain.compile_dlogp()(point), rtol=1e-11)


def test_draws_and_new_data():
    named, _ = hierarchy()
    with named:
        tree = pm.sample(draws=10, tune=10, chains=1, random_seed=3, progressbar=False)
        assert tree.posterior["at"].dims == ("chain", "draw", "obs", "kind")
        assert tree.posterior["effect"].dims == ("chain", "draw", "group", "kind")
        pm.set_data({"x": SLOPE[:4], "g": GROUPS[:4], "seen": Y[:4]}, coords={"obs": range(4)})
        with pytest.warns(match="potentials small"):
            prior = pm.sample_prior_predictive(draws=5, random_seed=1, var_names=["at"])
    assert prior.prior["at"].sizes["obs"] == 4


def test_dims_are_found():
    with pm.Model(coords=COORDS) as model:
        mu = pmd.Normal("mu", 0, 1, dims="group")
        s = pmd.HalfNormal("s", 1, dims="row")
        assert pmd.Normal("from_parameters", mu, s).dims == ("group", "row")
        assert pmd.Normal("turned", mu, s, dims=("row", "group")).dims == ("row", "group")
        assert pmd.Normal("rest", mu, s, dims=("kind", ...)).dims == ("kind", "group", "row")
        assert pmd.Normal("rest_first", mu, s, dims=(..., "kind")).dims == ("group", "row", "kind")
        assert pmd.Normal("start", mu, 1, initval=pmd.as_xtensor([1.0, 2.0], dims="group")).dims == ("group",)
        data = xarray.DataArray(np.zeros((3, 2)), dims=("row", "group"))
        assert pmd.Normal("from_data", mu, 1, observed=data).dims == ("row", "group")
        assert pmd.Normal("new_first", mu, 1, observed=data.T).dims == ("row", "group")
        assert pmd.Normal("from_both", mu, s, dims=("group", "row"), observed=data).dims == ("group", "row")
        assert pmd.Normal("plain", mu, s, dims=("group", "row"), observed=np.zeros((2, 3))).dims == ("group", "row")
        assert pmd.Normal("scalar", 0, 1).dims == ()
        assert pmd.Deterministic("d", mu + s, dims=("row", ...)).dims == ("row", "group")
        assert pmd.Deterministic("e", mu.values * 2, dims="group").dims == ("group",)
    assert model.named_vars_to_dims["from_both"] == ("group", "row")
    np.testing.assert_array_equal(model.rvs_to_values[model["from_both"]].eval(), np.zeros((2, 3)))


def test_missing_data():
    data = np.array([1.0, np.nan, 2.0])
    with pm.Model(coords=COORDS) as model, pytest.warns(match="missing"):
        pmd.Normal("y", pmd.as_xtensor([0.0, 1.0, 2.0], dims="row"), 1, dims="row", observed=data)
    assert [v.name for v in model.free_RVs] == ["y_unobserved"]


SIMPLEX = RNG.dirichlet(np.ones(4), size=3)
ROOT = RNG.normal(size=(4, 4))
COV = ROOT @ ROOT.T + np.eye(4)
CHOL = np.linalg.cholesky(COV)
MEANS = RNG.normal(size=(4, 3))


def name_it(value, *dims):
    return pmd.as_xtensor(value, dims=dims)


VECTOR_MODELS = {
    "Categorical": (
        lambda: pmd.Categorical("x", name_it(SIMPLEX.T, "kind", "row"), core_dims="kind"),
        lambda: pm.Categorical("x", SIMPLEX, dims="row"),
    ),
    "Categorical of logits": (
        lambda: pmd.Categorical("x", logit_p=name_it(SIMPLEX, "row", "kind"), core_dims="kind", dims=("group", "row")),
        lambda: pm.Categorical("x", logit_p=SIMPLEX, dims=("group", "row")),
    ),
    "Dirichlet": (
        lambda: pmd.Dirichlet("x", name_it(1 + SIMPLEX, "row", "kind"), core_dims="kind"),
        lambda: pm.Dirichlet("x", 1 + SIMPLEX, dims=("row", "kind")),
    ),
    "Dirichlet, dims given": (
        lambda: pmd.Dirichlet("x", name_it(np.ones(4), "kind"), core_dims=("kind",), dims=("row", "kind")),
        lambda: pm.Dirichlet("x", np.ones(4), dims=("row", "kind")),
    ),
    "Multinomial": (
        lambda: pmd.Multinomial("x", 9, name_it(SIMPLEX, "row", "kind"), core_dims="kind"),
        lambda: pm.Multinomial("x", 9, SIMPLEX, dims=("row", "kind")),
    ),
    "DirichletMultinomial": (
        lambda: pmd.DirichletMultinomial("x", name_it([4, 5, 6], "row"), name_it(np.ones(4), "kind"), core_dims="kind"),
        lambda: pm.DirichletMultinomial("x", np.array([4, 5, 6]), np.ones(4), dims=("row", "kind")),
    ),
    "MvNormal": (
        lambda: pmd.MvNormal("x", name_it(MEANS, "kind", "row"), name_it(COV, "kind", "kind2"),
                             core_dims=("kind", "kind2")),
        lambda: pm.MvNormal("x", MEANS.T, COV, dims=("row", "kind")),
    ),
    "MvNormal by its factor": (
        lambda: pmd.MvNormal("x", name_it(MEANS, "kind", "row"), chol=name_it(CHOL.T, "kind2", "kind"),
                             core_dims=("kind", "kind2")),
        lambda: pm.MvNormal("x", MEANS.T, chol=CHOL, dims=("row", "kind")),
    ),
    "MvStudentT": (
        lambda: pmd.MvStudentT("x", nu=5, mu=name_it(MEANS, "kind", "row"), scale=name_it(COV, "kind", "kind2"),
                               core_dims=("kind", "kind2")),
        lambda: pm.MvStudentT("x", nu=5, mu=MEANS.T, scale=COV, dims=("row", "kind")),
    ),
    "ZeroSumNormal": (
        lambda: pmd.ZeroSumNormal("x", 2.0, core_dims="kind"),
        lambda: pm.ZeroSumNormal("x", 2.0, dims="kind"),
    ),
    "ZeroSumNormal with a batch": (
        lambda: pmd.ZeroSumNormal("x", name_it([1.0, 2.0, 3.0], "row"), core_dims=("kind", "group")),
        lambda: pm.ZeroSumNormal("x", np.array([1.0, 2.0, 3.0])[:, None, None], n_zerosum_axes=2,
                                 dims=("row", "kind", "group")),
    ),
    "OrderedLogistic": (
        lambda: pmd.OrderedLogistic("x", eta=name_it([0.1, 0.2, 0.3], "row"), cutpoints=name_it([0.0, 1.0], "group"),
                                    core_dims="group", compute_p=False),
        lambda: pm.OrderedLogistic("x", eta=np.array([0.1, 0.2, 0.3]), cutpoints=[0.0, 1.0], dims="row",
                                   compute_p=False),
    ),
    "OrderedProbit": (
        lambda: pmd.OrderedProbit("x", eta=name_it([0.1, 0.2, 0.3], "row"), cutpoints=name_it([0.0, 1.0], "group"),
                                  sigma=2.0, core_dims="group", compute_p=False),
        lambda: pm.OrderedProbit("x", eta=np.array([0.1, 0.2, 0.3]), cutpoints=[0.0, 1.0], sigma=2.0, dims="row",
                                 compute_p=False),
    ),
    "Interpolated": (
        lambda: pmd.Interpolated("x", name_it(np.arange(4.0), "kind"), name_it(1 + SIMPLEX, "row", "kind"),
                                 core_dims="kind"),
        lambda: pm.Interpolated("x", np.arange(4.0), 1 + SIMPLEX, dims="row"),
    ),
    "Wishart": (
        lambda: pmd.Wishart("x", nu=7, V=name_it(COV, "kind", "kind2"), core_dims=("kind", "kind2"),
                            dims=("row", "kind", "kind2"), observed=np.stack([COV, 2 * COV, COV])),
        lambda: pm.Wishart("x", nu=7, V=COV, dims=("row", "kind", "kind2"), observed=np.stack([COV, 2 * COV, COV])),
    ),
    "StickBreakingWeights": (
        lambda: pmd.StickBreakingWeights("x", alpha=name_it([1.0, 2.0, 3.0], "row"), K=3, core_dims="kind"),
        lambda: pm.StickBreakingWeights("x", alpha=np.array([1.0, 2.0, 3.0]), K=3, dims=("row", "kind")),
    ),
    "Censored": (
        lambda: pmd.Censored("x", pmd.Normal.dist(name_it([0.5, 1.0, 1.5], "row"), 1),
                             lower=name_it([0.5, 1.0], "group"), upper=2.0, dims=("group", "row"),
                             observed=np.full((2, 3), 1.2)),
        lambda: pm.Censored("x", pm.Normal.dist(np.array([0.5, 1.0, 1.5]), 1), lower=np.array([[0.5], [1.0]]),
                            upper=2.0, dims=("group", "row"), observed=np.full((2, 3), 1.2)),
    ),
    "Truncated": (
        lambda: pmd.Truncated("x", pmd.Normal.dist(name_it([0.5, 1.0, 1.5], "row"), 1), lower=0.0),
        lambda: pm.Truncated("x", pm.Normal.dist(np.array([0.5, 1.0, 1.5]), 1), lower=0.0, dims="row"),
    ),
}  # fmt: skip


def test_every_distribution_of_vectors_is_tried():
    assert {case.partition(" ")[0].strip(",") for case in VECTOR_MODELS} == {*VECTORS, *BOUNDED}


@pytest.mark.parametrize("case", VECTOR_MODELS)
def test_distributions_with_core_dims(case):
    models = []
    for make in VECTOR_MODELS[case]:
        with pm.Model(coords=COORDS) as model:
            variable = make()
        models.append((model, variable))
    (named, x), (plain, _) = models
    assert x.dims == plain.named_vars_to_dims["x"]
    same_model(named, plain)


def test_without_a_model():
    mu = pmd.as_xtensor([0.0, 100.0], dims="group")
    assert pm.draw(pmd.Normal.dist(mu, 1).values, random_seed=1).round(-2).tolist() == [0.0, 100.0]
    many = pmd.Normal.dist(mu, 1, dim_lengths={"row": 3})
    assert many.dims == ("row", "group")
    assert (pm.draw(many.values, random_seed=1) > 50).tolist() == [[False, True]] * 3
    weights = pmd.Dirichlet.dist(pmd.as_xtensor(np.ones(4), dims="kind"), core_dims="kind", dim_lengths={"row": 3})
    assert weights.dims == ("row", "kind")
    np.testing.assert_allclose(pm.draw(weights.values).sum(axis=-1), 1.0, rtol=1e-12)
    with pytest.raises(TypeError, match="No model on context stack"):
        pmd.Normal("x", 0, 1)


ROW = pmd.as_xtensor([1.0, 2.0, 3.0], dims="row")
MISTAKES = {
    "a plain vector": (lambda: pmd.Normal("x", [1.0, 2.0], 1), TypeError, r"mu of Normal\('x'\): .* has no dims"),
    "unknown dim": (lambda: pmd.Normal("x", 0, 1, dims="grup"), ValueError, "'x' uses the dimension 'grup'.*'group'"),
    "dim of a parameter": (
        lambda: pmd.Normal("x", ROW, 1, dims="group"),
        ValueError,
        r"mu of Normal\('x'\) has the dims \('row',\), but the variable has the dims \('group',\)",
    ),
    "lengths": (
        lambda: pmd.Normal("x", ROW, pmd.as_xtensor([1.0], dims="row")),
        pm.ShapeError,
        "'row' has length 3 and length 1",
    ),
    "not that of the model": (lambda: pmd.Normal("x", ROW.head(2), 1), pm.ShapeError, "x"),
    "data": (
        lambda: pmd.Normal("x", 0, 1, dims="row", observed=pmd.as_xtensor([1.0, 2.0], dims="group")),
        ValueError,
        r"dims \('row',\), but its observed data have the dims \('group',\)",
    ),
    "plain data": (lambda: pmd.Normal("x", ROW, 1, observed=np.zeros(3)), TypeError, "has no dims"),
    "core dims missing": (lambda: pmd.Dirichlet("x", ROW), ValueError, "needs core_dims"),
    "core dims of numbers": (lambda: pmd.Normal("x", ROW, 1, core_dims="row"), ValueError, "no core_dims"),
    "other core dims": (lambda: pmd.Dirichlet("x", ROW, core_dims="kind"), ValueError, "a of Dirichlet.* must have 1"),
    "core dims of a scale": (lambda: pmd.ZeroSumNormal("x", ROW, core_dims="row"), ValueError, "must have none"),
    "unknown parameter": (lambda: pmd.Normal("x", ROW, sd=1), TypeError, "no parameter 'sd'"),
    "unknown parameter with dims": (lambda: pmd.Normal("x", 0, sd=ROW), TypeError, "no parameter 'sd'"),
    "twice": (lambda: pmd.Normal("x", ROW, mu=1), TypeError, "both by place and by name"),
    "too many": (lambda: pmd.Normal("x", ROW, 1, 2, 3), TypeError, "at most"),
    "shape": (lambda: pmd.Normal("x", ROW, 1, shape=3), TypeError, "takes no shape or size"),
    "data without dims": (lambda: pmd.Data("x", [1.0, 2.0]), TypeError, "1 axes and no dims"),
    "deterministic without dims": (lambda: pmd.Deterministic("x", np.ones(3)), TypeError, "has no dims"),
    "deterministic of other dims": (lambda: pmd.Deterministic("x", ROW, dims="kind"), ValueError, "no dim 'kind'"),
    "dims twice": (lambda: pmd.Normal("x", ROW, 1, dims=("row", "row")), ValueError, "a dim twice"),
    "inner dist": (
        lambda: pmd.Truncated("x", pmd.Normal.dist(ROW, 1), lower=0.0, dims=("row", "group")),
        ValueError,
        "must come last",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes(case):
    make, error, message = MISTAKES[case]
    with pm.Model(coords=COORDS), pytest.raises(error, match=message) as caught:
        make()
    assert "test_models.py" in str(caught.value)
