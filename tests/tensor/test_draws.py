"""Laws whose draws have any number of axes, with lengths from the lengths and the values of their parameters."""

import pickle

import numpy as np
import pytest

import pellucid as pm
import pellucid.stats as ps
import pellucid.tensor as pt
from pellucid.graph.replace import clone_replace
from pellucid.stats.distribution import batch_size
from pellucid.tensor.draws import LAWS, Law, draw, last_axes
from pellucid.vectorize import vectorize_graph


def sample_steps(rng, size, n, scale):
    """n numbers for each of the lengths of `scale`."""
    return rng.normal(size=(*size, int(n), 2 * scale.shape[-1])) * np.concatenate([scale, scale], -1)[..., None, :]


def support_of_steps(parameters, extents):
    """One length from a value, another from a length."""
    return [parameters[0], 2 * extents[1][-1]]


def density_of_steps(law, n, scale):
    """A density that the law itself knows."""
    found = ps.Normal.of(0.0, scale)
    found.law = law
    return found


STEPS = Law("steps", ("n", "scale"), sample_steps, core=(0, 1), ndim_supp=2, support=support_of_steps,
            density=density_of_steps)  # fmt: skip


def test_lengths_follow_from_values_and_lengths():
    fixed = draw(STEPS, [3, np.ones(4)], size=(5,))
    assert fixed.type.shape == (5, 3, 8)
    assert fixed.eval().shape == (5, 3, 8)
    n, scale = pt.lscalar("n"), pt.matrix("scale")
    free = draw(STEPS, [n, scale])
    assert free.type.shape == (None, None, None)
    assert free.eval({n: 2, scale: np.ones((4, 3))}).shape == (4, 2, 6)
    shape = pm.function([n, scale], free.shape)
    assert shape(2, np.ones((4, 3))).tolist() == [4, 2, 6]


def test_jax_reads_the_lengths():
    n = pt.lscalar("n")
    f = pm.function([n], draw(STEPS, [n, np.ones(4)], size=(5,)), backend="jax")
    assert f(3).shape == (5, 3, 8)


def test_batches_keep_the_axes_of_one_draw():
    scale, many = pt.vector("scale", shape=(4,)), np.ones((6, 4))
    x = draw(STEPS, [3, scale], size=(2,))
    assert vectorize_graph(x, {scale: pt.as_tensor_variable(many)}).eval().shape == (6, 2, 3, 8)


def test_a_loop_draws_anew():
    x, _ = pm.scan(lambda: draw(STEPS, [2, np.ones(1)]), n_steps=3)
    found = x.eval()
    assert found.shape == (3, 2, 2)
    assert len(np.unique(found)) == found.size


def test_shape_ends_in_the_lengths_of_one_draw():
    values = [pt.as_tensor_variable(3), pt.as_tensor_variable(np.ones(4))]
    assert batch_size(STEPS, values, (7, 3, 8), None, "Steps") == [7]
    with pytest.raises(ValueError, match=r"ends in 3, 9, but one draw has shape \(3, 8\)"):
        batch_size(STEPS, values, (7, 3, 9), None, "Steps")
    with pytest.raises(ValueError, match="no room for one draw of Steps, which has 2 axes"):
        batch_size(STEPS, values, (7,), None, "Steps")


def test_a_law_that_knows_its_density():
    found = ps.distribution_of(draw(STEPS, [3, np.ones(4)]))
    assert isinstance(found, ps.Normal)
    assert found.law is STEPS


def test_laws_are_pickled_by_what_they_are_made_of_and_declared_ones_by_name():
    x = draw(STEPS, [3, np.ones(4)])
    again = pickle.loads(pickle.dumps(x))  # noqa: S301
    assert again.eval().shape == (3, 8)
    assert isinstance(ps.distribution_of(again), ps.Normal)
    y = ps.Dirichlet.dist(np.ones(3))
    assert pickle.loads(pickle.dumps(y)).owner.op.law is LAWS["dirichlet"]  # noqa: S301
    assert clone_replace(x, {}).type.shape == (3, 8)


def test_a_law_says_how_long_its_draws_are():
    with pytest.raises(TypeError, match="draws of 1 axes, but nothing says"):
        Law("x", ("a",), sample_steps, ndim_supp=1)
    with pytest.raises(TypeError, match="gives 1 lengths for 2 axes"):
        draw(Law("x", ("a",), sample_steps, core=(1,), ndim_supp=2, support=last_axes(0)), [np.ones(3)])
    with pytest.raises(TypeError, match="must be an integer"):
        draw(STEPS, [[1, 2], np.ones(4)])
