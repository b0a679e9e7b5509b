"""Momenta, which belong to coordinates stretched by the metric, in which the mass matrix is the identity.

Let the positions be x = S y. A Hamiltonian with momenta p of y and mass 1 moves as one of x with inverse masses S S'
does, but its momenta are standard normal, its kinetic energy is p.p / 2, and its velocity is p itself, so that nothing
but the integrator needs to know S. Here S is the diagonal matrix of a vector `scale`.
"""

from pellucid.compile.llvm.kernel_language import Array, IntArray, f64, i64, kernel
from pellucid.inference.hamiltonian.rng import fill_normal


@kernel(cold=True)
def draw_momentum(stream: IntArray, momentum: Array, d: i64) -> f64:
    """A new momentum; returns its kinetic energy."""
    fill_normal(stream, momentum, d)
    twice_kinetic = 0.0
    for i in range(d):
        twice_kinetic += momentum[i] * momentum[i]
    return 0.5 * twice_kinetic
