"""Step size: a first guess by doubling or halving, then dual averaging towards a rate of acceptance.

Dual averaging (Nesterov 2009) as in Hoffman and Gelman 2014, section 3.2.1, with their constants.
"""

import math

from pellucid.compile.llvm.kernel_language import Array, Density, IntArray, Pointer, f64, i64, kernel
from pellucid.inference.hamiltonian import layout
from pellucid.inference.hamiltonian.integrator import leapfrog
from pellucid.inference.hamiltonian.metric import draw_momentum
from pellucid.inference.hamiltonian.trajectory import copy

FIRST_STEP_SIZE = 0.1
RELAXATION = 0.05
DELAY = 10.0
DECAY = 0.75
MAX_DOUBLINGS = 60


@kernel(once=True)
def try_step(
    density: Density, context: Pointer, step: f64, kinetic: f64, workspace: Array, scalars: Array, d: i64
) -> f64:
    """The probability of accepting one leapfrog step from the current state; a negative number is a density's error."""
    position = workspace[layout.FORWARD_POSITION * d :]
    gradient = workspace[layout.FORWARD_GRADIENT * d :]
    copy(workspace[layout.POSITION * d :], position, 2 * d)  # and the gradient
    momentum = workspace[layout.FORWARD_MOMENTUM * d :]
    moved = workspace[layout.BACKWARD_MOMENTUM * d :]
    scale = workspace[layout.SCALE * d :]
    status = leapfrog(density, context, step, position, gradient, momentum, moved, scale, scalars, d)
    if status < 0:
        return float(status)
    error = scalars[layout.ENERGY] - (kinetic - scalars[layout.CURRENT_LOGP])
    return math.exp(-max(error, 0.0)) if math.isfinite(error) else 0.0


@kernel(once=True)
def find_step_size(
    density: Density,
    context: Pointer,
    target_accept: f64,
    workspace: Array,
    scalars: Array,
    stream: IntArray,
    d: i64,
) -> i64:
    """Double or halve the step size until the acceptance of a step crosses the target; restart averaging there."""
    kinetic = draw_momentum(stream, workspace[layout.FORWARD_MOMENTUM * d :], d)
    step = FIRST_STEP_SIZE
    accepted = try_step(density, context, step, kinetic, workspace, scalars, d)
    growing = accepted > target_accept
    for _ in range(MAX_DOUBLINGS):
        if accepted < 0.0:
            return int(accepted)
        if growing != (accepted > target_accept):
            restart_averaging(scalars, step)
            return 0
        step *= 2.0 if growing else 0.5
        accepted = try_step(density, context, step, kinetic, workspace, scalars, d)
    restart_averaging(scalars, FIRST_STEP_SIZE)
    return 0


@kernel(once=True)
def restart_averaging(scalars: Array, step: f64) -> None:
    """Forget what was learnt of the step size, but for `step`."""
    scalars[layout.STEP_SIZE] = step
    scalars[layout.LOG_STEP_SIZE_BAR] = math.log(step)
    scalars[layout.LOG_CENTRE] = math.log(10.0 * step)
    scalars[layout.MEAN_ERROR] = 0.0
    scalars[layout.UPDATES] = 0.0


@kernel(once=True)
def average_step_size(scalars: Array, acceptance: f64, target_accept: f64) -> None:
    """Learn from the acceptance of one transition."""
    n = scalars[layout.UPDATES] + 1.0
    weight = 1.0 / (n + DELAY)
    mean_error = (1.0 - weight) * scalars[layout.MEAN_ERROR] + weight * (target_accept - acceptance)
    log_step = scalars[layout.LOG_CENTRE] - math.sqrt(n) / RELAXATION * mean_error
    log_step = min(max(log_step, -300.0), 300.0)
    newest = math.exp(-DECAY * math.log(n))
    scalars[layout.UPDATES] = n
    scalars[layout.MEAN_ERROR] = mean_error
    scalars[layout.LOG_STEP_SIZE_BAR] = newest * log_step + (1.0 - newest) * scalars[layout.LOG_STEP_SIZE_BAR]
    scalars[layout.STEP_SIZE] = math.exp(log_step)
