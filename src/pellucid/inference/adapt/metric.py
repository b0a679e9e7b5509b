"""The diagonal metric, learnt from draws and gradients.

For a normal distribution with independent coordinates the draws have variance s**2 and the gradients 1 / s**2, so both
tell the scale; and sqrt(var(draws) / var(gradients)) is what minimises the Fisher divergence from such a distribution
also where coordinates depend on each other (Seyboldt, Carlson and Carpenter, "Preconditioning Hamiltonian Monte Carlo
by minimizing Fisher divergence"; the method of nutpie). A few draws suffice, so the metric changes with every draw: the
foreground estimate is in use, while a background one, started later, grows up to replace it, which forgets the first
draws.
"""

import math

from pellucid.compile.llvm.kernel_language import Array, f64, i64, kernel
from pellucid.inference.hamiltonian import layout
from pellucid.inference.hamiltonian.trajectory import copy

SMALLEST_SCALE = 1e-10
LARGEST_SCALE = 1e10
FLAT = 1e-20
FEWEST_DRAWS = 3.0


@kernel
def observe(mean: Array, squares: Array, x: Array, weight: f64, d: i64) -> None:
    """Add `x`, the newest of 1 / `weight` values, to their mean and the sum of squared deviations (Welford 1962)."""
    for i in range(d):
        deviation = x[i] - mean[i]
        mean[i] += weight * deviation
        squares[i] += deviation * (x[i] - mean[i])


@kernel(once=True)
def observe_state(workspace: Array, estimator: i64, count: f64, d: i64) -> None:
    """Add the current draw and gradient to an estimator, as the last of `count` states."""
    own = workspace[estimator * d :]
    observe(own, own[d:], workspace[layout.POSITION * d :], 1.0 / count, d)
    observe(own[2 * d :], own[3 * d :], workspace[layout.GRADIENT * d :], 1.0 / count, d)


@kernel(once=True)
def learn_state(workspace: Array, scalars: Array, d: i64) -> None:
    """Add the current draw and gradient to both estimators."""
    scalars[layout.FOREGROUND_COUNT] += 1.0
    scalars[layout.BACKGROUND_COUNT] += 1.0
    observe_state(workspace, layout.FOREGROUND, scalars[layout.FOREGROUND_COUNT], d)
    observe_state(workspace, layout.BACKGROUND, scalars[layout.BACKGROUND_COUNT], d)


@kernel(once=True)
def clear_estimator(workspace: Array, estimator: i64, d: i64) -> None:
    """Let an estimator have seen nothing."""
    for i in range(4 * d):
        workspace[estimator * d + i] = 0.0


@kernel(once=True)
def replace_foreground(workspace: Array, scalars: Array, d: i64) -> None:
    """Put the background estimator to the front, and start another."""
    copy(workspace[layout.BACKGROUND * d :], workspace[layout.FOREGROUND * d :], 4 * d)
    scalars[layout.FOREGROUND_COUNT] = scalars[layout.BACKGROUND_COUNT]
    clear_estimator(workspace, layout.BACKGROUND, d)
    scalars[layout.BACKGROUND_COUNT] = 0.0


@kernel
def combine_variances(draws: Array, gradients: Array, scale: Array, d: i64) -> None:
    """The standard deviations that draws and gradients tell together; where they tell nothing, those in use."""
    for i in range(d):
        ratio = draws[i] / gradients[i] if gradients[i] > 0.0 else 0.0
        known = math.sqrt(math.sqrt(ratio)) if 0.0 < ratio < math.inf else scale[i]
        scale[i] = min(max(known, SMALLEST_SCALE), LARGEST_SCALE)


@kernel(once=True)
def update_metric(workspace: Array, d: i64) -> None:
    """Put the foreground estimate to use."""
    own = workspace[layout.FOREGROUND * d :]
    combine_variances(own[d:], own[3 * d :], workspace[layout.SCALE * d :], d)


@kernel(once=True)
def guess_scale(gradient: Array, scale: Array, d: i64) -> None:
    """First scales from one gradient: abs(gradient)**-0.5, which has the right unit; 1 where the gradient is flat."""
    for i in range(d):
        size = abs(gradient[i])
        guess = 1.0 / math.sqrt(size) if size > FLAT else 1.0
        scale[i] = min(max(guess, SMALLEST_SCALE), LARGEST_SCALE)


@kernel(once=True)
def start_metric(workspace: Array, scalars: Array, d: i64) -> None:
    """The metric of a chain at its start, whose state is the first that the estimators see."""
    guess_scale(workspace[layout.GRADIENT * d :], workspace[layout.SCALE * d :], d)
    clear_estimator(workspace, layout.FOREGROUND, d)
    clear_estimator(workspace, layout.BACKGROUND, d)
    scalars[layout.FOREGROUND_COUNT] = 0.0
    scalars[layout.BACKGROUND_COUNT] = 0.0
    learn_state(workspace, scalars, d)
