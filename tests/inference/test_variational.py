"""Normal approximations against posteriors whose best one is known."""

import logging

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt
from pellucid.inference import optimizers

RANDOM = np.random.default_rng(1)
X = RANDOM.normal(size=(200, 3))
X[:, 1] += X[:, 0]
Y = X @ [1.0, -2.0, 0.5] + RANDOM.normal(size=200)
PRECISION = X.T @ X
SOLUTION = np.linalg.solve(PRECISION, X.T @ Y)


def regression():
    with pm.Model() as model:
        b = pm.Flat("b", shape=3)
        pm.Deterministic("twice", 2 * b)
        pm.Normal("y", X @ b, 1.0, observed=Y)
    return model


def fit(n=3000, model=None, **options):
    with model or regression():
        return pm.fit(n, random_seed=1, progressbar=False, **options)


def test_a_normal_posterior_is_found_exactly_by_a_full_covariance():
    """The noise of the gradient vanishes at the solution, so that steps lead there as if there were none."""
    approx = fit(method="fullrank_advi")
    np.testing.assert_allclose(approx.mean.eval(), SOLUTION, atol=1e-4)
    np.testing.assert_allclose(approx.cov.eval(), np.linalg.inv(PRECISION), rtol=1e-2)
    np.testing.assert_allclose(approx.std.eval() ** 2, np.diag(approx.cov.eval()))
    # Then the bound is the evidence, of a flat prior: the integral of the likelihood.
    residual = Y - X @ SOLUTION
    evidence = -0.5 * residual @ residual - 100 * np.log(2 * np.pi)
    evidence += 1.5 * np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(PRECISION)[1]
    assert -approx.hist[-1] == pytest.approx(evidence, abs=1e-2)
    assert approx.hist.shape == (3000,)


@pytest.mark.parametrize("backend", ["llvm", "numpy"])
def test_independent_coordinates_have_the_conditional_spreads(backend):
    """Of all independent normal laws the closest has variances 1 / precision_ii (Bishop 2006, section 10.1.2)."""
    approx = fit(2000, backend=backend, obj_n_mc=3)
    np.testing.assert_allclose(approx.mean.eval(), SOLUTION, atol=0.03)
    np.testing.assert_allclose(approx.std.eval(), 1 / np.sqrt(np.diag(PRECISION)), rtol=0.05)


def test_draws_are_results():
    approx = fit(method="fullrank_advi")
    found = approx.sample(2000, random_seed=2)
    assert dict(found["posterior"].sizes)["draw"] == 2000
    draws = found["posterior"]["b"].values[0]
    np.testing.assert_allclose(draws.mean(0), SOLUTION, atol=4 * 0.11 / np.sqrt(2000))
    np.testing.assert_allclose(found["posterior"]["twice"], 2 * found["posterior"]["b"])
    assert "observed_data" in found.children
    plain = pm.sample_approx(approx, 5, random_seed=2).posterior["b"].values
    np.testing.assert_array_equal(plain, approx.sample(5, random_seed=2, return_inferencedata=False)["b"][None])


def test_constrained_variables_are_fitted_on_the_unconstrained_scale():
    with pm.Model() as model:
        pm.LogNormal("s", 1.0, 0.3)
    approx = fit(model=model)
    assert approx.mean.eval()[0] == pytest.approx(1.0, abs=1e-2)
    assert approx.std.eval()[0] == pytest.approx(0.3, abs=1e-2)
    assert (approx.sample(100)["posterior"]["s"] > 0).all()


def test_rows_of_data_do_for_all_of_them():
    with pm.Model() as model:
        x, y = pm.Minibatch(X, Y, batch_size=50)
        b = pm.Flat("b", shape=3)
        pm.Normal("y", pt.dot(x, b), 1.0, observed=y, total_size=200)
    approx = fit(4000, model=model)
    np.testing.assert_allclose(approx.mean.eval(), SOLUTION, atol=0.05)
    np.testing.assert_allclose(approx.std.eval(), 1 / np.sqrt(np.diag(PRECISION)), rtol=0.2)
    with pytest.raises(ValueError, match=r"rows of data, which pm\.fit exchanges"), model:
        pm.sample(progressbar=False)


def test_rows_are_the_same_of_all_data_given_together():
    x, y = pm.Minibatch(np.arange(10.0), 10 * np.arange(10.0), batch_size=4)
    np.testing.assert_array_equal(10 * x.eval(), y.eval())
    assert pm.Minibatch(np.arange(10.0), batch_size=20).eval().shape == (20,)
    for bad, message in (((np.ones(3), np.ones(4)), "equal lengths"), ((1.0,), "a number has none")):
        with pytest.raises(pm.ShapeError, match=message):
            pm.Minibatch(*bad, batch_size=2)
    with pytest.raises(ValueError, match="at least 1"):
        pm.Minibatch(np.ones(3), batch_size=0)


def test_a_fit_can_be_watched_ended_and_continued():
    seen = []

    def watch(approx, losses, i):
        seen.append((i, len(losses)))
        if i == 30:
            raise StopIteration("enough")

    with regression():
        inference = pm.ADVI(random_seed=1, start={"b": SOLUTION}, start_sigma={"b": [0.2, 0.3, 0.4]})
        np.testing.assert_allclose(inference.approx.mean.eval(), SOLUTION)
        np.testing.assert_allclose(inference.approx.std.eval(), [0.2, 0.3, 0.4])
        approx = inference.fit(100, callbacks=[watch], progressbar=False)
        assert seen[-1] == (30, 30)
        assert len(approx.hist) == 30
        assert inference.refine(10, progressbar=False) is approx
        assert pm.fit(10, method=inference, progressbar=False) is approx
    assert len(inference.hist) == 50


@pytest.mark.parametrize("name", optimizers.__all__)
def test_optimizers_find_the_bottom_of_a_bowl(name):
    rates = {"adagrad_window": 0.01, "sgd": 0.1, "momentum": 0.05, "nesterov_momentum": 0.05, "adadelta": 1.0}
    chosen = getattr(pm, name)(learning_rate=rates.get(name, 0.02 if name != "adagrad" else 1.0))
    step, at = chosen.begin(), np.array([1.0, -1.0])
    for _ in range(6000 if name == "adadelta" else 1500):
        at = at - step(np.array([1.0, 4.0]) * at)
    assert np.abs(at).max() < 0.05, chosen


def test_optimizers_begin_as_their_papers_say():
    g = np.array([0.5, -2.0])
    np.testing.assert_allclose(pm.adam(learning_rate=0.1).begin()(g), 0.1 * np.sign(g), rtol=1e-6)
    np.testing.assert_allclose(pm.adagrad(learning_rate=0.1, epsilon=0.0).begin()(g), 0.1 * np.sign(g))
    np.testing.assert_allclose(pm.rmsprop(learning_rate=0.1, rho=0.75, epsilon=0.0).begin()(g), 0.2 * np.sign(g))
    with pytest.raises(TypeError, match="adam has no setting rate; it has learning_rate"):
        pm.adam(rate=1)
    with pytest.raises(TypeError, match="takes settings only"):
        pm.sgd(g)
    approx = fit(2000, obj_optimizer=pm.adam(learning_rate=0.02), total_grad_norm_constraint=10.0)
    np.testing.assert_allclose(approx.mean.eval(), SOLUTION, atol=0.2)


def test_what_cannot_be_fitted_is_refused(caplog):
    caplog.set_level(logging.CRITICAL, "pellucid")
    with pm.Model():
        pm.Poisson("k", 3.0)
        with pytest.raises(NotImplementedError, match="no place for discrete variables: k"):
            pm.fit()
    with regression(), pytest.raises(ValueError, match="method is one of advi, fullrank_advi"):
        pm.fit(method="svgd")
    with regression(), pytest.raises(ValueError, match="start_sigma has 'c'"):
        pm.fit(start_sigma={"c": 1.0})
    with pm.Model():
        x = pm.HalfNormal("x")
        pm.Potential("nowhere", pt.log(-x))
        with pytest.raises(pm.SamplingError):
            pm.fit(progressbar=False)
