"""Hamiltonian Monte Carlo with trajectories of a fixed length: one transition, and the iteration around it.

Each trajectory is a number of leapfrog steps, the last state of which is accepted or not (Neal 2011, "MCMC using
Hamiltonian dynamics"). The step size moves by up to 15 % from one trajectory to the next, so that none of them can come
back to where it began for ever.
"""

import math

from pellucid.compile.llvm.kernel_language import Array, Density, IntArray, Pointer, f64, i64, kernel
from pellucid.inference import kernel as sampler
from pellucid.inference.adapt.warmup import adapt
from pellucid.inference.hamiltonian import layout
from pellucid.inference.hamiltonian.integrator import leapfrog
from pellucid.inference.hamiltonian.nuts import record_statistics, start_trajectory
from pellucid.inference.hamiltonian.rng import uniform
from pellucid.inference.hamiltonian.trajectory import MAX_ENERGY_ERROR, copy

STEP_JITTER = 0.15


@kernel(cold=True)
def travel(
    density: Density,
    context: Pointer,
    step: f64,
    count: i64,
    workspace: Array,
    scalars: Array,
    d: i64,
) -> i64:
    """Make `count` leapfrog steps from the current state; the result is as that of `trajectory.grow`."""
    position = workspace[layout.FORWARD_POSITION * d :]
    gradient = workspace[layout.FORWARD_GRADIENT * d :]
    scale = workspace[layout.SCALE * d :]
    momentum = workspace[layout.FORWARD_MOMENTUM * d :]
    following = workspace[layout.BACKWARD_MOMENTUM * d :]
    for _ in range(count):
        status = leapfrog(density, context, step, position, gradient, momentum, following, scale, scalars, d)
        scalars[layout.STEPS] += 1.0
        if status < 0:
            return status
        error = scalars[layout.ENERGY] - scalars[layout.START_ENERGY]
        if math.isnan(error):
            error = math.inf
        if abs(error) > abs(scalars[layout.LARGEST_ERROR]):
            scalars[layout.LARGEST_ERROR] = error
        if not -math.inf < error < MAX_ENERGY_ERROR:
            return layout.DIVERGED
        kept = momentum
        momentum = following
        following = kept
    return layout.GROWN


@kernel(cold=True)
def hmc_transition(
    density: Density,
    context: Pointer,
    path_length: f64,
    max_steps: i64,
    workspace: Array,
    scalars: Array,
    stream: IntArray,
    d: i64,
) -> i64:
    """One transition of the current state; negative if an exception was raised in the density."""
    start_trajectory(workspace, scalars, stream, d)
    step = scalars[layout.STEP_SIZE] * (1.0 + STEP_JITTER * (2.0 * uniform(stream) - 1.0))
    wanted = min(path_length / step, float(max_steps))  # before it is made whole: a tiny step would overflow
    count = max(int(wanted), 1)
    ended = travel(density, context, step, count, workspace, scalars, d)
    if ended < 0:
        return ended
    if ended == layout.DIVERGED:
        scalars[layout.DIVERGED_HERE] = 1.0
        return 0
    error = scalars[layout.ENERGY] - scalars[layout.START_ENERGY]
    accepted = math.exp(min(-error, 0.0))
    scalars[layout.ACCEPTANCE] = accepted
    scalars[layout.SYMMETRIC_ACCEPTANCE] = accepted
    if uniform(stream) < accepted:
        copy(workspace[layout.FORWARD_POSITION * d :], workspace[layout.POSITION * d :], d)
        copy(workspace[layout.FORWARD_GRADIENT * d :], workspace[layout.GRADIENT * d :], d)
        scalars[layout.CURRENT_LOGP] = scalars[layout.LOGP]
        scalars[layout.CURRENT_ENERGY] = scalars[layout.ENERGY]
        scalars[layout.INDEX] = float(count)
    return 0


@kernel(cold=True)
def advance_hmc(
    density: Density,
    context: Pointer,
    iteration: i64,
    tune: i64,
    target_accept: f64,
    path_length: f64,
    max_steps: i64,
    workspace: Array,
    scalars: Array,
    stream: IntArray,
    d: i64,
    tune_draws: Array,
    keep_tune: i64,
    draws: Array,
    statistics: Array,
    stride: i64,
    progress: IntArray,
) -> i64:
    """Make one iteration; arguments, arrays and result are those of `nuts.advance_chain`."""
    status = hmc_transition(density, context, path_length, max_steps, workspace, scalars, stream, d)
    if status < 0:
        return status
    record_statistics(statistics[iteration:], stride, scalars)
    if iteration < tune:
        if keep_tune == 1:
            copy(workspace[layout.POSITION * d :], tune_draws[iteration * d :], d)
        status = adapt(density, context, iteration, tune, target_accept, workspace, scalars, stream, d)
        if status < 0:
            return status
    else:
        copy(workspace[layout.POSITION * d :], draws[(iteration - tune) * d :], d)
        progress[sampler.DIVERGENCES] += int(scalars[layout.DIVERGED_HERE])
    progress[sampler.LEAPFROGS] += int(scalars[layout.STEPS])
    progress[sampler.ITERATIONS_DONE] = iteration + 1
    return sampler.FINISHED
