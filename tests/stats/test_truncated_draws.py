"""Draws of truncated laws: what falls outside is drawn anew where it fell, with the parameters of its place."""

import numpy as np
import pytest
from scipy import stats

import pellucid.stats as ps
from pellucid.stats.forward import Forward

N = 4000


@pytest.mark.parametrize("upper", [2.0, 0.05], ids=["a quarter is inside", "a thousandth is inside"])
def test_each_place_keeps_its_own_parameters(upper):
    shape, scale = np.array([1.0, 2.0, 3.0]), np.array([[1.0], [2.0]])
    y = ps.Truncated.dist(ps.Gamma.dist(shape, 1 / scale), lower=None, upper=upper, name="y")
    drawn = Forward([y], [])([], N, 7)[0]
    assert drawn.shape == (N, 2, 3)
    assert drawn.max() <= upper
    for i, j in np.ndindex(2, 3):
        law = stats.gamma(shape[j], scale=scale[i, 0])
        u = law.cdf(drawn[:, i, j]) / law.cdf(upper)
        assert stats.kstest(u, "uniform").pvalue > 1e-3  # a fixed seed: a right sampler passes for ever


def test_bounds_of_each_place():
    low = np.linspace(-2, 8, 11)  # 8 standard deviations out only the tail has digits left
    drawn = Forward([ps.Truncated.dist(ps.Normal.dist(0, 1), lower=low, upper=low + 0.5, name="y")], [])([], 500, 3)[0]
    assert ((low <= drawn) & (drawn <= low + 0.5)).all()
    for k, a in enumerate(low):
        u = (stats.norm.sf(a) - stats.norm.sf(drawn[:, k])) / (stats.norm.sf(a) - stats.norm.sf(a + 0.5))
        assert stats.kstest(u, "uniform").pvalue > 1e-3


def test_vectors_of_probabilities_follow_their_places():
    p = np.array([[0.9, 0.05, 0.05], [0.05, 0.05, 0.9]])
    drawn = Forward([ps.Truncated.dist(ps.Categorical.dist(p), lower=1, upper=None, name="y")], [])([], N, 3)[0]
    shares = np.array([(drawn == k).mean(0) for k in range(3)])
    np.testing.assert_allclose(shares, np.array([[0, 0.5, 0.5], [0, 1 / 19, 18 / 19]]).T, atol=0.04)  # 5 deviations


def test_a_single_draw():
    assert 3 <= ps.draw(ps.Truncated.dist(ps.Normal.dist(0, 1), lower=3, upper=None), random_seed=1) < 7
