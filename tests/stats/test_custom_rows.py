"""Draws of distributions that a graph draws: many rows at once, each with the parameters of its row."""

import numpy as np
import pytest
from scipy import stats

import pellucid as pm
import pellucid.tensor as pt

ROWS = 400


def drawn(dist, mean, **options):
    """The draws of y at each given value of m."""
    with pm.Model() as model:
        m = pm.Normal("m", 0, 1)
        pm.CustomDist("y", m, dist=dist, **options)
    trace = {"m": np.reshape(mean, (1, -1))}
    options = {"random_seed": 1, "return_inferencedata": False, "sample_vars": ["y"], "var_names": ["y"]}
    return pm.sample_posterior_predictive(trace, model, **options)["y"][0]


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_each_row_has_its_own_parameters(shape):
    mean = np.linspace(-5, 5, ROWS)
    found = drawn(lambda m, size: pt.exp(pm.Normal.dist(m, 0.5, size=size)), mean, shape=shape)
    assert found.shape == (ROWS, *shape)
    z = (np.log(found) - mean.reshape(-1, *[1] * len(shape))) / 0.5
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-3  # a fixed seed: a right sampler passes for ever
    assert np.unique(z).size == z.size


def test_several_draws_within_one():
    def dist(m, size):
        return pm.Normal.dist(m, 1, size=size) + pm.Exponential.dist(1.0, size=size) * pm.Bernoulli.dist(0.5, size=size)

    found = drawn(dist, np.full(ROWS, 2.0), shape=(20,))
    assert abs(found.mean() - 2.5) < 5 * 1.5 / np.sqrt(found.size)
    assert abs(found.var() - 1.75) < 0.15  # 1, and 2 / 2 - 1 / 4; a standard error is 0.03
    assert np.unique(found).size == found.size


def test_what_has_no_rule_for_rows_is_drawn_row_by_row():
    def dist(m, size):
        count = pt.cast(pt.abs(m), "int64")
        return pm.Normal.dist(pt.arange(count + 1).sum() * 1.0, 0.01, size=size)

    found = drawn(dist, np.array([0.0, 1.0, 2.0, 3.0]), shape=(5,))
    np.testing.assert_allclose(found.round(), np.array([0.0, 1, 3, 6])[:, None] * np.ones(5))
