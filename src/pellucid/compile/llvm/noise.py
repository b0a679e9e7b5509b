"""Standard random numbers in bulk: uniform, exponential and normal ones, each a function of a key and a counter.

A number's 64 bits are a scrambled count (SplitMix64: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number
generators"), so that no number waits for the one before it: loops run on vectors, and any part can be made anywhere.
"""

import functools
import math
from collections.abc import Callable

import numpy as np

from pellucid.compile.llvm.box_muller import (
    C2,
    C4,
    C6,
    C8,
    C10,
    C12,
    C14,
    HALF_PI,
    S3,
    S5,
    S7,
    S9,
    S11,
    S13,
    sine_of_half,
)
from pellucid.compile.llvm.kernel_language import (
    Array,
    CompiledKernel,
    bits_of,
    compile_kernels,
    double_of,
    f64,
    i64,
    kernel,
    shift_right_logical,
    signed,
    wrapping_add,
    wrapping_multiply,
)
from pellucid.compile.llvm.math.coefficients import LOG

STEP = signed(0x9E3779B97F4A7C15)
MIX_1 = signed(0xBF58476D1CE4E5B9)
MIX_2 = signed(0x94D049BB133111EB)
CELL = 2.0**-52
SIGN = -(2**63)
"""The bit of a double that is its sign."""

LN2 = math.log(2.0)
ROOT_HALF = 0x3FE6A09E667F3BCD
"""The bits of sqrt(1/2)."""
SHIFT = 0x3FF0000000000000 - ROOT_HALF
MANTISSA = 2**52 - 1
L0, L1, L2, L3, L4, L5, L6, L7 = LOG


@kernel(inline=True)
def word(count: i64) -> i64:
    """64 random bits, which a count decides."""
    x = wrapping_multiply(count, STEP)
    x = wrapping_multiply(x ^ shift_right_logical(x, 30), MIX_1)
    x = wrapping_multiply(x ^ shift_right_logical(x, 27), MIX_2)
    return x ^ shift_right_logical(x, 31)


@kernel(inline=True)
def unit(bits: i64) -> f64:
    """A number between 0 and 1, neither included: the middle of one of 2**52 equal cells."""
    return (float(shift_right_logical(bits, 12)) + 0.5) * CELL


@kernel(inline=True)
def log_of_unit(u: f64) -> f64:
    """log(u) for a normal number below 1, to two units in the last place.

    That of :mod:`pellucid.compile.llvm.math` without its extremes, and in the caller's loop: twice as fast there.
    """
    shifted = bits_of(u) + SHIFT
    k = float(shift_right_logical(shifted, 52) - 1023)
    f = double_of((shifted & MANTISSA) + ROOT_HALF) - 1.0  # u = (1 + f) 2**k with 1 + f between sqrt(1/2) and sqrt(2)
    s = f / (2.0 + f)
    z = s * s
    half = 0.5 * f * f
    series = z * (L0 + z * (L1 + z * (L2 + z * (L3 + z * (L4 + z * (L5 + z * (L6 + z * L7)))))))
    return k * LN2 + (f - (half - s * (half + series)))


@kernel
def fill_uniform(key: i64, out: Array, n: i64) -> None:
    """Write `n` numbers between 0 and 1."""
    for i in range(n):
        out[i] = unit(word(wrapping_add(key, i)))


@kernel
def fill_exponential(key: i64, out: Array, n: i64) -> None:
    """Write `n` exponential numbers of mean 1, by inversion."""
    for i in range(n):
        out[i] = -log_of_unit(unit(word(wrapping_add(key, i))))


@kernel
def fill_normal_pairs(key: i64, first: Array, second: Array, n: i64) -> None:
    """Write `n` pairs of normal numbers: the two coordinates of a point in a random direction (Box and Muller 1958).

    The direction is within an eighth of a turn of one of the four half axes, which two spare bits choose; sine and
    cosine are good to 2e-14 there. No branch keeps the loop from running on vectors.
    """
    for i in range(n):
        radius = math.sqrt(-2.0 * log_of_unit(unit(word(wrapping_add(key, 2 * i)))))
        direction = word(wrapping_add(key, 2 * i + 1))
        x = (unit(direction) - 0.5) * HALF_PI
        y = x * x
        across = radius * (x * (1.0 + y * (S3 + y * (S5 + y * (S7 + y * (S9 + y * (S11 + y * S13)))))))
        along = radius * (1.0 + y * (C2 + y * (C4 + y * (C6 + y * (C8 + y * (C10 + y * (C12 + y * C14)))))))
        along = double_of(bits_of(along) ^ wrapping_multiply(direction, SIGN))
        turned = direction & 2 != 0
        first[i] = across if turned else along
        second[i] = along if turned else across


@kernel(inline=True)
def gamma_attempt(shape: f64, count: i64) -> f64:
    """A gamma number of a shape of at least 1, or -1 where the attempt fails, of three counts from this one on.

    By Marsaglia and Tsang (2000), "A simple method for generating gamma variables"; at most one in twenty fails.
    """
    radius = math.sqrt(-2.0 * log_of_unit(unit(word(count))))
    angle = (unit(word(wrapping_add(count, 1))) - 0.5) * HALF_PI
    sine = sine_of_half(angle)
    x = radius * (1.0 - 2.0 * sine * sine)
    d = shape - 1.0 / 3.0
    v = 1.0 + x / math.sqrt(9.0 * d)
    cube = v * v * v
    u = unit(word(wrapping_add(count, 2)))
    surely = 1.0 - 0.0331 * x * x * x * x - u
    perhaps = 0.5 * x * x + d * (1.0 - cube + log_of_unit(max(cube, 1e-300))) - log_of_unit(u)
    return d * cube if min(max(surely, perhaps), v) > 0.0 else -1.0


@kernel
def fill_gamma(key: i64, shapes: Array, out: Array, n: i64) -> None:
    """Write `n` gamma numbers of as many shapes, or -1 where the first attempt fails; of a shape below 1, one above."""
    for i in range(n):
        shape = shapes[i]
        out[i] = gamma_attempt(shape + 1.0 if shape < 1.0 else shape, wrapping_add(key, 4 * i))


@kernel(cold=True)
def fill_gamma_again(key: i64, shapes: Array, out: Array, n: i64) -> None:
    """Write the numbers whose first attempt failed."""
    for i in range(n):
        attempts = 0
        while out[i] < 0.0:
            attempts += 1
            start = word(wrapping_add(key, -attempts))
            shape = shapes[i]
            out[i] = gamma_attempt(shape + 1.0 if shape < 1.0 else shape, wrapping_add(start, 4 * i))


@kernel
def shrink_gamma(key: i64, shapes: Array, out: Array, n: i64) -> None:
    """Turn numbers of shapes one too large into those of shapes below 1."""
    for i in range(n):
        power = log_of_unit(unit(word(wrapping_add(key, 4 * i + 3)))) / shapes[i]
        out[i] *= math.exp(power) if shapes[i] < 1.0 else 1.0


@functools.cache
def compiled() -> dict[str, CompiledKernel]:
    """The kernels as machine code; the first process that asks for them pays for that."""
    return compile_kernels(
        fill_uniform, fill_exponential, fill_normal_pairs, fill_gamma, fill_gamma_again, shrink_gamma
    )


def write_uniform(key: int, out: np.ndarray) -> None:
    """Fill a vector with numbers between 0 and 1."""
    compiled()["fill_uniform"].function(key, out.ctypes.data, out.size)


def write_exponential(key: int, out: np.ndarray) -> None:
    """Fill a vector with exponential numbers."""
    compiled()["fill_exponential"].function(key, out.ctypes.data, out.size)


def write_normal(key: int, out: np.ndarray) -> None:
    """Fill a vector with normal numbers."""
    half = (out.size + 1) // 2
    # Of an odd number of them the last has no partner, and gets one that is thrown away.
    numbers = out if out.size % 2 == 0 else np.empty(2 * half)
    address = numbers.ctypes.data
    compiled()["fill_normal_pairs"].function(key, address, address + half * numbers.itemsize, half)
    if numbers is not out:
        out[:] = numbers[:-1]


KINDS: dict[str, Callable[[int, np.ndarray], None]] = {
    "random": write_uniform,
    "standard_exponential": write_exponential,
    "standard_normal": write_normal,
}
"""What fills a vector, by the name of the method of NumPy's generators that draws the same."""


def standard_noise(kind: str, key: int, shape: tuple[int, ...]) -> np.ndarray:
    """Independent standard numbers; Python's lock is not held while they are made.

    Parameters
    ----------
    kind : str
        Of which law, see `KINDS`.
    key : int
        Any whole number, of which the low 64 bits count. Equal keys give equal numbers, so keys should be hashes.
    shape : tuple of int

    Examples
    --------
    >>> z = standard_noise("standard_normal", 123456789, (300, 400))
    >>> bool(abs(z.mean()) < 0.02), bool(abs(z.std() - 1) < 0.02)
    (True, True)
    """
    numbers = np.empty(shape)
    KINDS[kind](signed(key), numbers.reshape(-1))
    return numbers


def standard_gamma(key: int, shapes: np.ndarray) -> np.ndarray:
    """Independent gamma numbers of scale 1.

    Parameters
    ----------
    key : int
        As for :func:`standard_noise`.
    shapes : array of float
        One for each number; not negative.

    Examples
    --------
    >>> g = standard_gamma(123456789, np.full(100_000, 2.5))
    >>> bool(abs(g.mean() - 2.5) < 0.05), bool(abs(g.var() - 2.5) < 0.1)
    (True, True)
    """
    given = np.ascontiguousarray(shapes, np.float64)
    numbers = np.empty(given.shape)
    arguments = signed(key), given.ctypes.data, numbers.ctypes.data, given.size
    for name in ("fill_gamma", "fill_gamma_again", *(["shrink_gamma"] if (given < 1.0).any() else [])):
        compiled()[name].function(*arguments)
    return numbers
