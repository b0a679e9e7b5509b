"""Random numbers for kernels: Philox 4x64-10, keyed and counted, and what is made of its words.

The stream is that of `numpy.random.Philox(key=key)`, word for word (Salmon, Moraes, Dror and Shaw 2011, "Parallel
random numbers: as easy as 1, 2, 3"). A stream's state is an integer array, see `new_stream`.
"""

import math
import operator
from collections.abc import Iterable, Sequence
from typing import SupportsIndex

import numpy as np
from numpy.typing import NDArray

from pellucid.compile.llvm.box_muller import HALF_PI, sine_of_half, turn_to_normal
from pellucid.compile.llvm.kernel_language import (
    Array,
    IntArray,
    f64,
    i64,
    kernel,
    multiply_high,
    shift_right_logical,
    signed,
    wrapping_add,
    wrapping_multiply,
)

MULTIPLIER_0 = signed(0xD2E7470EE14C6C93)
MULTIPLIER_1 = signed(0xCA5A826395121157)
WEYL_0 = signed(0x9E3779B97F4A7C15)
WEYL_1 = signed(0xBB67AE8584CAA73B)

# Cells of a stream: two of key, four of counter, four of words made, and how many of these are used up.
KEY = 0
COUNTER = 2
WORDS = 6
USED = 10
STREAM_CELLS = 11


def new_stream(key: Iterable[SupportsIndex]) -> IntArray:
    """A stream at its beginning.

    Parameters
    ----------
    key : two 64-bit integers
        Different keys give independent streams.

    Examples
    --------
    >>> stream = new_stream([1, 2])
    >>> int(next_word(stream)) % 2**64 == int(np.random.Philox(key=[1, 2]).random_raw())
    True
    """
    # NumPy would turn a list of small and of large integers into floats.
    words = [signed(operator.index(word)) for word in key]
    if len(words) != 2:
        raise ValueError(f"a Philox key is two 64-bit integers, got {len(words)}")
    stream = np.zeros(STREAM_CELLS, np.int64)
    stream[KEY : KEY + 2] = words
    stream[USED] = 4
    return stream


def chain_keys(seed: int | Sequence[int] | np.random.SeedSequence | None, chains: int) -> NDArray:
    """Keys of independent random streams, shape (chains, 2); the first ones do not depend on how many there are.

    Examples
    --------
    >>> bool((chain_keys(1, 2) == chain_keys(1, 4)[:2]).all())
    True
    """
    root = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    # Children are derived from the root's entropy here, because `spawn` would change a SeedSequence of the caller.
    children = (
        np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, chain), pool_size=root.pool_size)
        for chain in range(chains)
    )
    return np.array([child.generate_state(2, np.uint64) for child in children], np.uint64).reshape(chains, 2)


@kernel(cold=True)
def count_up(counter: IntArray) -> None:
    """Add one to the 256-bit counter."""
    for i in range(4):
        counter[i] = wrapping_add(counter[i], 1)
        if counter[i] != 0:
            return


@kernel(cold=True)
def make_words(stream: IntArray) -> None:
    """Count up, and turn counter and key into four words by ten rounds of multiplication and exclusive or."""
    count_up(stream[COUNTER:])
    key_0 = stream[KEY]
    key_1 = stream[KEY + 1]
    a = stream[COUNTER]
    b = stream[COUNTER + 1]
    c = stream[COUNTER + 2]
    d = stream[COUNTER + 3]
    for _ in range(10):
        high_0 = multiply_high(MULTIPLIER_0, a)
        low_0 = wrapping_multiply(MULTIPLIER_0, a)
        high_1 = multiply_high(MULTIPLIER_1, c)
        low_1 = wrapping_multiply(MULTIPLIER_1, c)
        a = high_1 ^ b ^ key_0
        b = low_1
        c = high_0 ^ d ^ key_1
        d = low_0
        key_0 = wrapping_add(key_0, WEYL_0)
        key_1 = wrapping_add(key_1, WEYL_1)
    stream[WORDS] = a
    stream[WORDS + 1] = b
    stream[WORDS + 2] = c
    stream[WORDS + 3] = d
    stream[USED] = 0


@kernel(inline=True)
def next_word(stream: IntArray) -> i64:
    """The next 64 random bits, as a signed integer."""
    if stream[USED] == 4:
        make_words(stream)
    used = stream[USED]
    stream[USED] = used + 1
    return int(stream[WORDS + used])


@kernel(inline=True, exact=True)
def uniform(stream: IntArray) -> f64:
    """A number between 0 and 1, neither included: the middle of one of 2**52 equal cells."""
    return (float(shift_right_logical(next_word(stream), 12)) + 0.5) * 2.220446049250313e-16


@kernel(cold=True)
def fill_uniform(stream: IntArray, out: Array, n: i64) -> None:
    """Write `n` independent numbers between 0 and 1."""
    for i in range(n):
        out[i] = uniform(stream)


@kernel(cold=True, exact=True)
def fill_normal(stream: IntArray, out: Array, n: i64) -> None:
    """Write `n` independent standard normal numbers."""
    half = n // 2
    fill_uniform(stream, out, n)
    turn_to_normal(out, out[half:], half)
    if n > 2 * half:  # the partner of the last one is not needed
        radius = math.sqrt(-2.0 * math.log(out[n - 1]))
        sine = sine_of_half((uniform(stream) - 0.5) * HALF_PI)
        out[n - 1] = radius * (1.0 - 2.0 * sine * sine)
