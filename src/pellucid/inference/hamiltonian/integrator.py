"""The leapfrog integrator, for a diagonal metric; momenta belong to stretched coordinates, see `metric`."""

import math

from pellucid.compile.llvm.kernel_language import Array, Density, Pointer, f64, i64, kernel


@kernel
def kick_and_drift(
    step: f64, position: Array, gradient: Array, momentum: Array, new_momentum: Array, scale: Array, d: i64
) -> None:
    """Half a step of the momentum, into `new_momentum`, then a whole one of the position, in place."""
    half = 0.5 * step
    for i in range(d):
        p = momentum[i] + half * scale[i] * gradient[i]
        new_momentum[i] = p
        position[i] += step * scale[i] * p


@kernel
def kick(step: f64, gradient: Array, momentum: Array, scale: Array, d: i64) -> f64:
    """Half a step of the momentum, in place; returns the kinetic energy."""
    half = 0.5 * step
    twice_kinetic = 0.0
    for i in range(d):
        p = momentum[i] + half * scale[i] * gradient[i]
        momentum[i] = p
        twice_kinetic += p * p
    return 0.5 * twice_kinetic


@kernel(cold=True)
def leapfrog(
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
    """One leapfrog step, forward or, with a negative step, backward in time.

    Position and gradient move in place; the momentum at the end goes to `new_momentum`. `out` takes the log-density and
    the energy (infinite where the density fails). The result is negative if an exception was raised in the density.
    """
    kick_and_drift(step, position, gradient, momentum, new_momentum, scale, d)
    status = density(position, out, gradient, context)
    if status != 0:
        out[1] = math.inf
        return min(status, 0)
    out[1] = kick(step, gradient, new_momentum, scale, d) - out[0]
    return 0
