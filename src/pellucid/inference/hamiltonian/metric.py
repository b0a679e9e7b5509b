"""The diagonal Euclidean metric: masses as inverses of variances, and momenta drawn with them."""

import math

from pellucid.compile.llvm.kernel_language import Array, IntArray, f64, i64, kernel
from pellucid.inference.hamiltonian.rng import fill_normal


@kernel
def set_inverse_mass(inverse_mass: Array, momentum_scale: Array, variance: Array, d: i64) -> None:
    """Make `variance` the inverse masses, with the standard deviation of the momenta that goes with them."""
    for i in range(d):
        inverse_mass[i] = variance[i]
        momentum_scale[i] = 1.0 / math.sqrt(variance[i])


@kernel
def scale_momentum(momentum: Array, momentum_scale: Array, inverse_mass: Array, d: i64) -> f64:
    """Turn standard normal numbers into a momentum; returns its kinetic energy."""
    twice_kinetic = 0.0
    for i in range(d):
        p = momentum[i] * momentum_scale[i]
        momentum[i] = p
        twice_kinetic += inverse_mass[i] * p * p
    return 0.5 * twice_kinetic


@kernel(cold=True)
def draw_momentum(stream: IntArray, momentum: Array, momentum_scale: Array, inverse_mass: Array, d: i64) -> f64:
    """A new momentum; returns its kinetic energy."""
    fill_normal(stream, momentum, d)
    return scale_momentum(momentum, momentum_scale, inverse_mass, d)
