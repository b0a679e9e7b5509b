"""Where there is much to draw, machine code does what the interpreter does, on the same streams."""

from copy import deepcopy

import numpy as np
import pytest
from scipy import stats

import pellucid.stats as ps
import pellucid.tensor as pt
from pellucid.stats import draws, forward
from pellucid.stats.draws import BlockGenerator
from pellucid.stats.forward import Forward
from pellucid.stats.staged import staged
from pellucid.tensor.draws import shared_rng

ROWS = 70


def graphs():
    """Outputs of every kind, and the variables whose values are given."""
    level, scale = pt.tensor(shape=(3,), name="level"), pt.scalar("scale")
    mean = level[np.array([0, 2, 1, 1])] + np.arange(4.0)
    y = ps.Normal.dist(mean, scale, name="y")
    above = ps.Normal.dist(y * 10, ps.HalfNormal.dist(scale, name="spread"), name="above")
    vector = ps.MvNormal.dist(level, cov=np.eye(3) * scale, name="vector")
    count = ps.Poisson.dist(pt.exp(level), name="count")
    own = ps.LogNormal.dist(0, 1, size=2, name="own")
    fixed = pt.exp(pt.as_tensor_variable(np.arange(3.0)))
    return [y, above, vector, count, own, fixed, mean, level, y.sum() + own[0], count > 2], [level, scale]


def given():
    rng = np.random.default_rng(1)
    return [rng.normal(size=(ROWS, 3)), rng.uniform(0.5, 2, ROWS)]


def test_machine_code_draws_what_the_interpreter_draws(monkeypatch):
    interpreted = Forward(*graphs())(given(), ROWS, 3)
    monkeypatch.setattr(forward, "WORK", 1)
    native = Forward(*graphs())
    found = native(given(), ROWS, 3)
    assert "native" in vars(native.together)
    for a, b in zip(interpreted, found, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)  # other orders of the same few roundings
    for a, b, c in zip(found, native(given(), ROWS, 3, threads=1), native(given(), ROWS, 3, threads=7), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)


def test_draws_that_share_a_generator_are_left_to_the_interpreter():
    rng = shared_rng(1)
    x, y = ps.Normal.dist(0, 1, rng=rng), ps.Normal.dist(0, 1, rng=rng)
    assert staged([rng], [x, y]) is None
    assert staged([rng], [x]) is not None


def test_a_negative_scale_is_refused_by_machine_code_too(monkeypatch):
    monkeypatch.setattr(forward, "WORK", 1)
    scale = pt.scalar("scale")
    run = Forward([ps.Normal.dist(np.arange(3.0), scale, name="y")], [scale])
    with pytest.raises(ValueError, match="sigma must not be negative"):
        run([np.array([1.0] * 20 + [-1.0])], 21, 1)


@pytest.mark.parametrize("shape", [(300, 701), (100_001,), (draws.MANY,)])
def test_many_normal_numbers_are_normal(shape):
    z = BlockGenerator(np.random.SFC64(5), 3).standard_normal(shape).ravel()
    assert z.size == np.prod(shape)
    assert stats.kstest(z, "norm").pvalue > 1e-3  # fixed seeds: a right sampler passes for ever
    for power in (1, 2):
        for lag in (1, 2**13):  # neighbours, and the partners that share a radius
            assert abs(np.corrcoef(z[:-lag] ** power, z[lag:] ** power)[0, 1]) < 5 / np.sqrt(z.size)


def test_few_normal_numbers_are_those_of_numpy():
    plain, ours = np.random.Generator(np.random.SFC64(5)), BlockGenerator(np.random.SFC64(5), 1)
    for size in (None, 3, (2, 0), (4, 5)):
        np.testing.assert_array_equal(plain.standard_normal(size), ours.standard_normal(size))
    np.testing.assert_array_equal(plain.standard_normal(5, "float32"), ours.standard_normal(5, "float32"))


def test_a_copy_goes_on_like_the_generator():
    generator = BlockGenerator(np.random.SFC64(5), 1e6)
    generator.standard_normal(7)
    copied = deepcopy(generator)
    np.testing.assert_array_equal(generator.standard_normal(9), copied.standard_normal(9))
