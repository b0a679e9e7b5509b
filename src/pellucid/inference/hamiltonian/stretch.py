"""The leapfrog integrator for a metric that is not diagonal, compiled in place of `integrator.leapfrog`.

The positions are x = S y with S = diag(scale) (I + sum of f u u') for a few orthonormal vectors u ("low rank"), or
S = diag(scale) A with a symmetric matrix A. In front of momenta comes S, in front of gradients its transpose.
"""

import math

from pellucid.compile.llvm.kernel_language import Array, Density, Pointer, f64, i64, kernel
from pellucid.inference.hamiltonian import layout
from pellucid.inference.hamiltonian.trajectory import copy


@kernel
def dot(x: Array, y: Array, d: i64) -> f64:
    """The sum of products."""
    total = 0.0
    for i in range(d):
        total += x[i] * y[i]
    return total


@kernel
def add_multiple(factor: f64, x: Array, out: Array, d: i64) -> None:
    """Add `factor` times `x`."""
    for i in range(d):
        out[i] += factor * x[i]


@kernel
def add_products(factor: f64, x: Array, y: Array, out: Array, d: i64) -> None:
    """Add `factor` times the products of elements."""
    for i in range(d):
        out[i] += factor * x[i] * y[i]


@kernel(cold=True)
def stretch(x: Array, rows: Array, factors: Array, rank: i64, out: Array, d: i64) -> None:
    """Apply the symmetric part of the metric: the matrix of d `rows`, or 1 plus `rank` of them with their factors."""
    if rank == d:
        for k in range(d):
            out[k] = dot(rows[k * d :], x, d)
        return
    copy(x, out, d)
    for k in range(rank):
        add_multiple(factors[k] * dot(rows[k * d :], x, d), rows[k * d :], out, d)


@kernel(cold=True)
def equal(x: Array, y: Array, d: i64) -> i64:
    """1 where all elements are equal."""
    for i in range(d):
        if x[i] != y[i]:
            return 0
    return 1


@kernel(cold=True)
def pull_back(gradient: Array, scale: Array, block: Array, rank: i64, d: i64) -> None:
    """The gradient with respect to y, unless it is the one already there."""
    pulled_from = block[layout.PULLED_FROM * d :]
    if equal(gradient, pulled_from, d) == 1:
        return
    copy(gradient, pulled_from, d)
    scaled = block[layout.VELOCITY * d :]
    for i in range(d):
        scaled[i] = scale[i] * gradient[i]
    stretch(scaled, block[layout.ROWS * d :], block[layout.FACTORS * d :], rank, block[layout.PULLED * d :], d)


@kernel(cold=True)
def stretched_leapfrog(
    density: Density,
    context: Pointer,
    step: f64,
    position: Array,
    gradient: Array,
    momentum: Array,
    new_momentum: Array,
    scale: Array,
    out: Array,
    d: i64,
) -> i64:
    """One leapfrog step, as `integrator.leapfrog`; `scale` and `out` are parts of the workspace and all scalars."""
    rank = int(out[layout.RANK])
    block = scale[(layout.STRETCH - layout.SCALE) * d :]
    pulled = block[layout.PULLED * d :]
    velocity = block[layout.VELOCITY * d :]
    pull_back(gradient, scale, block, rank, d)
    copy(momentum, new_momentum, d)
    add_multiple(0.5 * step, pulled, new_momentum, d)
    stretch(new_momentum, block[layout.ROWS * d :], block[layout.FACTORS * d :], rank, velocity, d)
    add_products(step, scale, velocity, position, d)
    status = density(position, out, gradient, context)
    if status != 0:
        out[1] = math.inf
        return min(status, 0)
    pull_back(gradient, scale, block, rank, d)
    add_multiple(0.5 * step, pulled, new_momentum, d)
    out[1] = 0.5 * dot(new_momentum, new_momentum, d) - out[0]
    return 0
