"""Where there is much to draw, machine code does what the interpreter does, on the same streams."""

from copy import deepcopy

import numpy as np
import pytest
from scipy import stats

import pellucid.stats as ps
import pellucid.tensor as pt
from pellucid.stats import draws, forward
from pellucid.stats.draws import Block
from pellucid.stats.forward import Forward
from pellucid.stats.staged import NotStaged, Staged
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


@pytest.mark.parametrize("many", [1, 2**18])
def test_machine_code_draws_what_the_interpreter_draws(monkeypatch, many):
    monkeypatch.setattr(draws, "MANY", many)
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
    with pytest.raises(NotStaged, match="share a generator"):
        Staged([rng], [x, y])
    Staged([rng], [x])


def test_a_negative_scale_is_refused_by_machine_code_too(monkeypatch):
    monkeypatch.setattr(forward, "WORK", 1)
    scale = pt.scalar("scale")
    run = Forward([ps.Normal.dist(np.arange(3.0), scale, name="y")], [scale])
    with pytest.raises(ValueError, match="sigma must not be negative"):
        run([np.array([1.0] * 20 + [-1.0])], 21, 1)


def test_lengths_that_stretch_at_run_time_are_left_to_the_interpreter(monkeypatch):
    monkeypatch.setattr(forward, "WORK", 1)
    mean = pt.vector("mean")
    run = Forward([ps.Normal.dist(mean, 1e-9, size=5, name="y")], [mean])
    drawn = run([np.arange(40.0)[:, None]], 40, 1)[0]
    np.testing.assert_allclose(drawn, np.arange(40.0)[:, None] * np.ones(5), atol=1e-7)


def of_block(kind, shape, key=5, blocks=3):
    """Numbers of one block of an array, by a method of its generator."""
    return getattr(Block(key, blocks).generator(), kind)(shape)


@pytest.mark.parametrize("kind", ["random", "standard_normal", "standard_exponential"])
@pytest.mark.parametrize("shape", [(300, 701), (100_001,), (draws.MANY,)])
def test_many_standard_numbers_follow_their_law(kind, shape):
    numbers = of_block(kind, shape)
    np.testing.assert_array_equal(numbers, Block(5, 3).noise(kind, shape))
    z = numbers.ravel()
    assert z.size == np.prod(shape)
    law = {"random": "uniform", "standard_normal": "norm", "standard_exponential": "expon"}[kind]
    assert stats.kstest(z, law).pvalue > 1e-3  # fixed seeds: a right sampler passes for ever
    for power in (1, 2):
        for lag in (1, 2, z.size // 2):  # neighbours, and the partners that share a radius
            if z.size - lag > 1000:
                assert abs(np.corrcoef(z[:-lag] ** power, z[lag:] ** power)[0, 1]) < 5 / np.sqrt(z.size - lag)


def test_few_standard_numbers_are_those_of_numpy():
    plain, ours = np.random.Generator(np.random.SFC64(5)), Block(5, 1).generator()
    for kind in ("random", "standard_normal", "standard_exponential"):
        for size in (None, 3, (2, 0), (4, 5)):
            np.testing.assert_array_equal(getattr(plain, kind)(size), getattr(ours, kind)(size))
    np.testing.assert_array_equal(plain.standard_normal(5, "float32"), ours.standard_normal(5, "float32"))
    np.testing.assert_array_equal(plain.random(out=np.empty(3)), ours.random(out=np.empty(3)))
    np.testing.assert_array_equal(plain.standard_gamma([0.5, 2.0], (3, 2)), ours.standard_gamma([0.5, 2.0], (3, 2)))
    np.testing.assert_array_equal(plain.standard_gamma([0.5, 2.0]), ours.standard_gamma([0.5, 2.0]))
    np.testing.assert_array_equal(Block(5, 1).noise("random", (4,)), Block(5, 1).generator().random(4))


@pytest.mark.parametrize("blocks", [1, 1e6])
def test_a_copy_goes_on_like_the_generator_and_never_repeats(blocks):
    generator = Block(5, blocks).generator()
    first = generator.standard_normal(8)
    copied = deepcopy(generator)
    second = generator.standard_normal(8)
    np.testing.assert_array_equal(second, copied.standard_normal(8))
    assert not np.intersect1d(np.abs(first), np.abs(second)).size


def test_blocks_of_different_keys_share_no_numbers():
    keys = [draws.stream_key(1, name, "row", start) for name in "xy" for start in (0, 64)]
    numbers = [of_block("random", (50_000,), key, 1e3) for key in keys]
    assert np.unique(np.concatenate(numbers)).size > 4 * 50_000 - 3
    assert np.abs(np.corrcoef(numbers) - np.eye(4)).max() < 5 / np.sqrt(50_000)


def test_what_a_variable_draws_does_not_depend_on_what_else_is_drawn(monkeypatch):
    monkeypatch.setattr(forward, "WORK", 1)
    monkeypatch.setattr(draws, "MANY", 1)
    outputs, leaves = graphs()
    together = Forward(outputs[:5], leaves)(given(), ROWS, 3)
    for output, drawn in zip(outputs[:5], together, strict=True):
        np.testing.assert_allclose(Forward([output], leaves)(given(), ROWS, 3)[0], drawn, rtol=1e-12, atol=1e-12)


def test_draws_behind_a_sum_take_no_more_memory_than_results_may(monkeypatch):
    monkeypatch.setattr(forward, "WORK", 1)
    monkeypatch.setattr(forward, "MEMORY", 2**16)
    sizes = []
    noise = Block.noise
    monkeypatch.setattr(Block, "noise", lambda *a: sizes.append(8 * np.prod(a[2])) or noise(*a))
    found = Forward([ps.Normal.dist(0, 1, size=1000, name="y").sum()], [])([], 600, 1)[0]
    assert len(sizes) == 75
    assert max(sizes) <= 2**16
    assert stats.kstest(found / np.sqrt(1000), "norm").pvalue > 1e-3
