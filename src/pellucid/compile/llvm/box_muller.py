"""Normal numbers from uniform ones, by the method of Box and Muller (1958)."""

import math

from pellucid.compile.llvm.kernel_language import Array, f64, i64, kernel

HALF_PI = 0.5 * math.pi
S1, S3, S5, S7, S9, S11, S13, S15 = ((-1.0) ** k / math.factorial(2 * k + 1) for k in range(8))
C0, C2, C4, C6, C8, C10, C12, C14, C16 = ((-1.0) ** k / math.factorial(2 * k) for k in range(9))


@kernel(inline=True, exact=True)
def sine_of_half(x: f64) -> f64:
    """sin(2 x) for abs(x) <= pi / 4, by the series of sine and cosine at x."""
    y = x * x
    sine = x * (S1 + y * (S3 + y * (S5 + y * (S7 + y * (S9 + y * (S11 + y * (S13 + y * S15)))))))
    cosine = C0 + y * (C2 + y * (C4 + y * (C6 + y * (C8 + y * (C10 + y * (C12 + y * (C14 + y * C16)))))))
    return 2.0 * sine * cosine


@kernel(inline=True, exact=True)
def cosine_of_half(x: f64) -> f64:
    """cos(2 x) for abs(x) <= pi / 4, by the series of the sine at x."""
    y = x * x
    sine = x * (S1 + y * (S3 + y * (S5 + y * (S7 + y * (S9 + y * (S11 + y * (S13 + y * S15)))))))
    return 1.0 - 2.0 * sine * sine


@kernel(exact=True)
def turn_to_normal(radii: Array, angles: Array, n: i64) -> None:
    """Turn uniform numbers into normal ones, in place, by the method of Box and Muller (1958).

    Sine and cosine of the angle come from a quarter of it, by doubling twice: no branch keeps the loop from running on
    vectors.
    """
    for i in range(n):
        radius = math.sqrt(-2.0 * math.log(radii[i]))
        quarter = (angles[i] - 0.5) * HALF_PI
        sine = sine_of_half(quarter)
        radii[i] = radius * (1.0 - 2.0 * sine * sine)
        angles[i] = radius * (2.0 * sine * cosine_of_half(quarter))
