"""Standard numbers by machine code: as Python makes them, as exact as their formulas, and of the right law."""

import math

import numpy as np
import pytest
from scipy import stats

from pellucid.compile.llvm import noise
from pellucid.compile.llvm.kernel_language import Array, compile_kernels, i64, kernel


@kernel
def logarithms(x: Array, out: Array, n: i64) -> None:
    for i in range(n):
        out[i] = noise.log_of_unit(x[i])


def test_the_logarithm_is_good_to_a_few_units_in_the_last_place():
    exponents = np.random.default_rng(1).uniform(-53, 0, 20_000)
    near = [2.0**-53, math.nextafter(1, 0), math.nextafter(math.sqrt(0.5), 0), math.nextafter(math.sqrt(0.5), 1), 0.5]
    x = np.concatenate([2.0**exponents, near])
    x = x[x < 1]
    found = np.empty_like(x)
    compile_kernels(logarithms)["logarithms"](x, found, x.size)
    np.testing.assert_allclose(found, np.log(x), rtol=4 * np.finfo(float).eps)


@pytest.mark.parametrize("key", [0, 12345, -1, 2**63 - 2])
def test_python_and_machine_code_make_the_same_numbers(key):
    plain, pairs = np.empty(20), np.empty((2, 20))
    noise.fill_uniform(key, plain, 20)
    np.testing.assert_array_equal(plain, noise.standard_noise("random", key, (20,)))
    noise.fill_exponential(key, plain, 20)
    np.testing.assert_allclose(noise.standard_noise("standard_exponential", key, (20,)), plain, rtol=1e-15)
    noise.fill_normal_pairs(key, pairs[0], pairs[1], 20)
    # Sums in another order, and an angle that is good to 2e-14.
    np.testing.assert_allclose(noise.standard_noise("standard_normal", key, (2, 20)), pairs, rtol=1e-13, atol=1e-13)


def test_the_words_are_those_of_splitmix():
    # The third number of the generator seeded with 1234567: its state grows by STEP before each.
    state, mask = 1234567, 2**64 - 1
    inverse = pow(noise.STEP, -1, 2**64)
    found = [noise.word(noise.signed((state + (i + 1) * noise.STEP) * inverse)) & mask for i in range(3)]
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@pytest.mark.parametrize("kind", noise.KINDS)
@pytest.mark.parametrize("size", [0, 1, 2, 7, 8, 9])
def test_short_and_odd_lengths(kind, size):
    whole = noise.standard_noise(kind, 3, (size,))
    assert whole.shape == (size,)
    assert np.isfinite(whole).all()
    if kind != "standard_normal":  # whose halves are partners
        np.testing.assert_allclose(whole, noise.standard_noise(kind, 3, (16,))[:size], rtol=1e-15)


def test_directions_are_uniform_and_radii_are_those_of_pairs():
    first, second = noise.standard_noise("standard_normal", 2**60 + 7, (2, 400_000))
    angle = np.arctan2(second, first)
    assert stats.kstest(angle, "uniform", args=(-np.pi, 2 * np.pi)).pvalue > 1e-3  # fixed key: passes for ever
    assert stats.chisquare(np.histogram(angle, 64, (-np.pi, np.pi))[0]).pvalue > 1e-3  # no seams between the octants
    assert stats.kstest((first**2 + second**2) / 2, "expon").pvalue > 1e-3
    assert abs(stats.spearmanr(angle, first**2 + second**2).statistic) < 5 / np.sqrt(angle.size)


@pytest.mark.parametrize("shape", [0.05, 0.5, 1.0, 1.5, 4.0, 50.0, 1e7])
def test_gamma_numbers_follow_their_law(shape):
    numbers = noise.standard_gamma(int.from_bytes(b"a hash", "big"), np.full(200_000, shape))
    assert stats.kstest(numbers, stats.gamma(shape).cdf).pvalue > 1e-3  # a fixed key: passes for ever
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 5 / np.sqrt(numbers.size)


def test_python_and_machine_code_make_the_same_gamma_numbers():
    shapes = np.tile([0.3, 1.0, 1.2, 7.0, 1e4], 40)
    plain = np.empty_like(shapes)
    noise.fill_gamma(5, shapes, plain, shapes.size)
    assert (plain < 0).any()  # what fails is made again
    noise.fill_gamma_again(5, shapes, plain, shapes.size)
    noise.shrink_gamma(5, shapes, plain, shapes.size)
    np.testing.assert_allclose(noise.standard_gamma(5, shapes), plain, rtol=1e-12)


def test_gamma_numbers_of_extreme_shapes():
    found = noise.standard_gamma(3, np.array([0.0, np.nan, np.inf, 1e-300, 1e300, 5e-324]))
    np.testing.assert_allclose(found, [0.0, np.nan, np.inf, 0.0, 1e300, 0.0])
    assert noise.standard_gamma(3, np.empty((0, 4))).shape == (0, 4)
