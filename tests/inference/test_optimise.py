"""Modes and normal approximations, against what is known of them."""

import logging

import numpy as np
import pytest

import pellucid as pm


def test_the_mode_is_on_the_scale_of_the_variables():
    with pm.Model():
        pm.Gamma("s", 3.0, 2.0)
        pm.Beta("p", 3.0, 5.0)
        pm.Normal("x", [1.0, -2.0], 0.1, shape=2)
        best, raw = pm.find_MAP(return_raw=True)
    np.testing.assert_allclose(best["s"], 1.0, rtol=1e-5)
    np.testing.assert_allclose(best["p"], 2 / 6, rtol=1e-5)
    np.testing.assert_allclose(best["x"], [1.0, -2.0], rtol=1e-5)
    np.testing.assert_allclose(best["s_log__"], 0.0, atol=1e-5)
    assert raw.success
    assert set(best) == {"s", "p", "x", "s_log__", "p_logodds__"}


@pytest.mark.parametrize("backend", ["llvm", "numpy"])
def test_regression_has_the_least_squares_solution_as_its_mode(backend):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(50, 3))
    y = X @ [1.0, -2.0, 0.5] + rng.normal(size=50)
    with pm.Model():
        b = pm.Flat("b", shape=3)
        pm.Deterministic("doubled", 2 * b)
        pm.Normal("y", X @ b, 1.0, observed=y)
        best = pm.find_MAP(include_transformed=False, backend=backend)
        fit = pm.fit_laplace(draws=4000, random_seed=1, backend=backend)
    solution = np.linalg.lstsq(X, y, rcond=None)[0]
    np.testing.assert_allclose(best["b"], solution, rtol=1e-4)
    np.testing.assert_allclose(best["doubled"], 2 * best["b"], rtol=1e-12)
    covariance = np.linalg.inv(X.T @ X)
    np.testing.assert_allclose(fit["fit"]["covariance_matrix"], covariance, rtol=1e-7)
    assert list(fit["fit"].coords["rows"].values) == ["b[0]", "b[1]", "b[2]"]
    draws = fit.posterior["b"].values.reshape(-1, 3)
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=4 * np.abs(covariance).max() / np.sqrt(len(draws)))
    np.testing.assert_allclose(draws.mean(0), solution, atol=4 * np.sqrt(covariance.max() / len(draws)))


def test_some_variables_may_stay():
    with pm.Model():
        x = pm.Normal("x")
        k = pm.Poisson("k", 4.0, initval=3)
        y = pm.Normal("y", x * k, 1.0)
        best = pm.find_MAP(start={"x": 2.0}, vars=[y])
    assert best["x"] == 2.0
    assert best["k"] == 3
    np.testing.assert_allclose(best["y"], 6.0, rtol=1e-5)


def test_a_search_that_ends_early_says_where_it_is_steepest(caplog):
    with pm.Model(), caplog.at_level(logging.WARNING, "pellucid"):
        pm.Normal("x", shape=3)
        pm.Normal("far", 1e3, 1.0, shape=2, initval=[1e3, -1e3])
        pm.find_MAP(maxeval=1, options={"maxls": 1})
    assert "The search for the mode ended early" in caplog.text
    assert "far[1]" in caplog.text


def test_what_cannot_be_fitted_is_explained():
    with pm.Model():
        x = pm.Normal("x", shape=2)
        pm.Flat("flat")
        pm.Normal("y", x.sum(), 1.0, observed=1.0)
        with pytest.raises(ValueError, match=r"not curved downwards.*direction flat \([+-]1\)"):
            pm.fit_laplace()
    with pm.Model():
        pm.Poisson("k", 3.0)
        with pytest.raises(NotImplementedError, match="discrete variables: k"):
            pm.fit_laplace()
        with pytest.raises(ValueError, match="no continuous variables"):
            pm.find_MAP()
    with pm.Model():
        s = pm.HalfNormal("s")
        pm.Potential("impossible", pm.math.log(-s))
        with pytest.raises(pm.SamplingError, match="impossible"):
            pm.find_MAP()


@pytest.mark.parametrize("method", ["BFGS", "Powell", "Newton-CG", "trust-exact", "basinhopping"])
def test_other_ways_to_climb_arrive_at_the_same_mode(method):
    with pm.Model():
        pm.Gamma("s", 3.0, 2.0)
        pm.Normal("x", [1.0, -2.0], 0.5, shape=2)
        options = {"niter": 2, "rng": 1} if method == "basinhopping" else {}
        best = pm.find_MAP(method, initvals={"x": [2.0, 2.0]}, **options)
    np.testing.assert_allclose(best["s"], 1.0, rtol=1e-3)
    np.testing.assert_allclose(best["x"], [1.0, -2.0], rtol=1e-3)


def test_a_mode_is_a_result_with_one_draw_if_asked_for():
    with pm.Model(coords={"g": ["a", "b"]}):
        x = pm.Normal("x", [1.0, -2.0], [0.5, 2.0], dims="g")
        pm.Deterministic("twice", 2 * x)
        tree = pm.find_MAP(return_inferencedata=True, compute_hessian=True, jitter=True, random_seed=3)
        dict_first = pm.find_MAP({"x": [5.0, 5.0]})
    assert dict(tree["posterior"].sizes) == {"chain": 1, "draw": 1, "g": 2, "twice_dim_0": 2}
    np.testing.assert_allclose(tree["posterior"]["x"].sel(g="b"), [[-2.0]], rtol=1e-4)
    np.testing.assert_allclose(tree["fit"]["covariance_matrix"], np.diag([0.25, 4.0]), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(dict_first["x"], [1.0, -2.0], rtol=1e-4)
    with pm.Model(), pytest.raises(ValueError, match="two names of one argument"):
        pm.find_MAP(start={"x": 1.0}, initvals={"x": 1.0})
