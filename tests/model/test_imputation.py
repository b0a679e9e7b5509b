"""Missing observations become free variables, whatever marks them, and the log-density is that of the whole."""

import warnings

import numpy as np
import pytest
from scipy import stats

import pellucid as pm
from pellucid.model.imputation import ImputationWarning

DATA = np.array([1.0, np.nan, 3.0, np.nan])


def logp(model, point):
    return float(model.compile_logp(backend="numpy")(point))


def imputed(build):
    with pytest.warns(ImputationWarning), pm.Model(coords={"row": list("abcd")}) as model:
        build()
    return model


def series():
    return pytest.importorskip("pandas").Series([1.0, None, 3.0, None])


@pytest.mark.parametrize("data", [
    lambda: DATA, lambda: [1.0, None, 3.0, None], lambda: np.ma.masked_array([1, 0, 3, 0], [0, 1, 0, 1]), series,
    lambda: np.array([1.0, None, 3.0, np.nan], object), lambda: pm.Data("data", DATA),
], ids=["NaN", "None", "masked", "pandas", "objects", "Data"])  # fmt: skip
def test_the_parts_have_the_parameters_of_their_elements(data):
    def build():
        mu = pm.Normal("mu", [1.0, 2.0, 3.0, 4.0], 1)
        x = pm.Normal("x", mu, 2.0, observed=data(), dims="row")
        pm.Normal("y", x, 1, observed=[0.0, 0.0, 0.0, 0.0])

    model = imputed(build)
    assert [v.name for v in model.free_RVs] == ["mu", "x_unobserved"]
    assert [v.name for v in model.observed_RVs] == ["x_observed", "y"]
    assert [v.name for v in model.deterministics] == ["x"]
    assert model.named_vars_to_dims == {"x": ("row",)}
    point = {"mu": np.array([0.1, 0.2, 0.3, 0.4]), "x_unobserved": np.array([-1.0, -2.0])}
    x = np.array([1.0, -1.0, 3.0, -2.0])
    mu = stats.norm.logpdf(point["mu"], [1, 2, 3, 4], 1).sum()
    expected = mu + stats.norm.logpdf(x, point["mu"], 2).sum() + stats.norm.logpdf(0, x, 1).sum()
    assert logp(model, point) == pytest.approx(expected, rel=1e-12)
    own = model.compile_fn(model.replace_rvs_by_values([model["x"]])[0], backend="numpy")
    np.testing.assert_array_equal(own(point), x)


def test_axes_lengths_that_follow_data_and_scalar_parameters():
    def build():
        n = pm.Data("n", np.zeros((2, 2)))
        pm.Normal("x", n, 1, observed=np.array([[1.0, np.nan], [np.nan, 4.0]]))
        pm.Exponential("rate", 2.0, observed=[0.5, np.nan, 1.0])

    model = imputed(build)
    assert [v.name for v in model.value_vars] == ["x_unobserved", "rate_unobserved_log__"]
    found = logp(model, {"x_unobserved": np.array([2.0, 3.0]), "rate_unobserved_log__": np.array([0.3])})
    rates = [0.5, np.exp(0.3), 1.0]
    assert found == pytest.approx(
        stats.norm.logpdf([1, 2, 3, 4]).sum() + stats.expon.logpdf(rates, scale=0.5).sum() + 0.3, rel=1e-12
    )


def test_whole_vectors_can_be_missing():
    chol = np.array([[1.0, 0.0], [0.5, 2.0]])
    gap = np.array([[1.0, 2.0], [np.nan, np.nan], [3.0, 4.0]])
    model = imputed(lambda: pm.MvNormal("v", np.zeros(2), chol=chol, shape=(3, 2), observed=gap))
    assert logp(model, {"v_unobserved": np.array([[5.0, 6.0]])}) == pytest.approx(
        stats.multivariate_normal.logpdf([[1, 2], [5, 6], [3, 4]], np.zeros(2), chol @ chol.T).sum(), rel=1e-12
    )
    with pytest.raises(NotImplementedError, match=r"'v' are missing at 1 of 2 elements: \[1\].*only whole draws"):
        imputed(lambda: pm.MvNormal("v", np.zeros(2), chol=chol, observed=[1.0, np.nan]))


def test_discrete_variables_stay_whole_numbers():
    model = imputed(lambda: pm.Poisson("k", [1.0, 2.0, 3.0], observed=[4, None, 6]))
    assert model["k_unobserved"].dtype == "int64"
    point = {"k_unobserved": np.array([5])}
    assert logp(model, point) == pytest.approx(stats.poisson.logpmf([4, 5, 6], [1, 2, 3]).sum(), rel=1e-12)
    with pytest.raises(TypeError, match=r"'k' is discrete.*not whole numbers"):
        imputed(lambda: pm.Poisson("k", 2.0, observed=[4, None, 6.5]))


def test_observe_imputes_too():
    with pm.Model() as model:
        u = pm.Uniform("u", 0, 2, shape=3)
        pm.Normal("y", u, 1, observed=[0.0, 0.0, 0.0])
    with pytest.warns(ImputationWarning, match="'u_unobserved'"):
        given = pm.observe(model, {"u": [0.5, np.nan, 1.5]})
    assert [v.name for v in given.value_vars] == ["u_unobserved_interval__"]
    expected = stats.norm.logpdf([0.5, 1.0, 1.5]).sum() + 3 * np.log(0.5) + np.log(0.5)  # the slope at 0 is 2 / 4
    assert logp(given, {"u_unobserved_interval__": np.zeros(1)}) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("data", [np.nan, [np.nan, np.nan]])
def test_a_variable_of_which_nothing_is_observed_is_free(data):
    with pytest.warns(ImputationWarning, match="nothing is observed of it"), pm.Model() as model:
        x = pm.Normal("x", 0, 1, observed=data)
    assert model.free_RVs == [x]
    assert model.value_vars[0].type.shape == np.shape(data)


def test_what_cannot_be_imputed():
    with (
        pm.Model() as model,
        pytest.raises(pm.ShapeError, match="'x' cannot be made with the shape of its observed data"),
    ):
        pm.Normal("x", np.zeros((2, 1)), 1, observed=[np.nan, 1.0])
    with model:
        pm.Normal("a", 0, 1)
    with pytest.raises(ValueError, match="The value given for 'a' is missing"):
        pm.do(model, {"a": np.nan})


def test_complete_data_do_not_warn():
    with warnings.catch_warnings(), pm.Model() as model:
        warnings.simplefilter("error")
        pm.Normal("x", 0, 1, observed=np.ma.masked_array([1.0, 2.0], [False, False]))
    assert model.deterministics == []


def test_imputed_values_are_sampled_and_predicted_as_in_pymc():
    pytest.importorskip("xarray")

    def build():
        mu = pm.Normal("mu", 0, 1)
        pm.Normal("x", mu, 0.5, observed=DATA, dims="row")

    model = imputed(build)
    trace = pm.sample(50, tune=100, chains=1, model=model, random_seed=1, progressbar=False)
    assert set(trace["posterior"].data_vars) == {"mu", "x_unobserved", "x"}
    x = trace["posterior"]["x"]
    assert x.dims == ("chain", "draw", "row")
    assert (x.values[..., [0, 2]] == [1.0, 3.0]).all()
    np.testing.assert_array_equal(x.values[..., [1, 3]], trace["posterior"]["x_unobserved"].values)
    found = pm.sample_posterior_predictive(trace, model, random_seed=1)["posterior_predictive"]
    assert list(found.data_vars) == ["x_observed", "x"]
