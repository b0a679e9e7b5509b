"""The timetable of tuning: when the metric is learnt, when its estimators change, and when only the step size moves.

The proportions are those of nutpie: for the first 30 % of tuning the estimators of the metric change every 10 draws,
afterwards every 80; in the last 15 % the metric stays and the step size settles.
"""

import math

from pellucid.compile.llvm.kernel_language import Array, Density, IntArray, Pointer, f64, i64, kernel
from pellucid.inference.adapt.metric import FEWEST_DRAWS, learn_state, replace_foreground, update_metric
from pellucid.inference.adapt.step_size import average_step_size, find_step_size, restart_averaging
from pellucid.inference.hamiltonian import layout

EARLY_PERCENT = 30
SETTLING_PERCENT = 15
EARLY_WINDOW = 10
LATE_WINDOW = 80
MIN_INDEX_OF_DIVERGENT = 4


@kernel(inline=True)
def settling_from(tune: i64) -> i64:
    """The tuning iteration from which the metric stays."""
    return tune - tune * SETTLING_PERCENT // 100


@kernel(once=True)
def adapt(
    density: Density,
    context: Pointer,
    iteration: i64,
    tune: i64,
    target_accept: f64,
    workspace: Array,
    scalars: Array,
    stream: IntArray,
    d: i64,
) -> i64:
    """Learn from the transition of tuning iteration `iteration`; negative if an exception was raised in the density."""
    settling = settling_from(tune)
    window = EARLY_WINDOW if iteration < tune * EARLY_PERCENT // 100 else LATE_WINDOW
    last_window = iteration + window > settling
    acceptance = scalars[layout.SYMMETRIC_ACCEPTANCE] if last_window else scalars[layout.ACCEPTANCE]
    if iteration < settling:
        first = scalars[layout.FOREGROUND_COUNT] < FEWEST_DRAWS
        adapt_metric(window, last_window, workspace, scalars, d)
        if first and scalars[layout.FOREGROUND_COUNT] >= FEWEST_DRAWS:
            return find_step_size(density, context, target_accept, workspace, scalars, stream, d)
    average_step_size(scalars, acceptance, target_accept)
    if iteration == tune - 1:
        restart_averaging(scalars, math.exp(scalars[layout.LOG_STEP_SIZE_BAR]))
    return 0


@kernel(once=True)
def adapt_metric(window: i64, last_window: bool, workspace: Array, scalars: Array, d: i64) -> None:
    """Learn the metric from the current state, unless a divergence kept the chain where it was."""
    if scalars[layout.DIVERGED_HERE] == 0.0 or abs(scalars[layout.INDEX]) > MIN_INDEX_OF_DIVERGENT:
        learn_state(workspace, scalars, d)
    if scalars[layout.BACKGROUND_COUNT] >= window and not last_window:
        replace_foreground(workspace, scalars, d)
    if scalars[layout.FOREGROUND_COUNT] >= FEWEST_DRAWS and scalars[layout.STRETCHED] == 0.0:
        update_metric(workspace, d)
