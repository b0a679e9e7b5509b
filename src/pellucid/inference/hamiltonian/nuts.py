"""The No-U-Turn sampler: one transition, and the two kernels that start a chain and advance it.

Multinomial NUTS with biased progressive sampling (Hoffman and Gelman 2014, "The No-U-Turn Sampler"; Betancourt 2017, "A
conceptual introduction to Hamiltonian Monte Carlo").
"""

import math
from collections.abc import Iterable
from typing import NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from pellucid.compile.llvm.kernel_language import Array, Density, IntArray, Pointer, f64, i64, kernel
from pellucid.inference import kernel as sampler
from pellucid.inference.adapt.metric import start_metric
from pellucid.inference.adapt.step_size import find_step_size
from pellucid.inference.adapt.warmup import adapt
from pellucid.inference.hamiltonian import layout
from pellucid.inference.hamiltonian.metric import draw_momentum
from pellucid.inference.hamiltonian.rng import new_stream, uniform
from pellucid.inference.hamiltonian.trajectory import copy, grow, join_trajectory


class ChainState(NamedTuple):
    """The arrays that hold a chain between calls of the kernels; see `layout`."""

    workspace: Array
    slots: IntArray
    scalars: Array
    stream: IntArray


def new_state(
    start: ArrayLike, max_treedepth: int, key: Iterable[SupportsIndex], metric_vectors: int = 0
) -> ChainState:
    """The state of a chain at `start`, still to be started by `start_chain`.

    Parameters
    ----------
    start : array_like, shape (d,)
        The first position.
    max_treedepth
        A trajectory has at most 2**max_treedepth states.
    key : two 64-bit integers
        The key of the chain's random numbers.
    metric_vectors
        The vectors that the metric takes in the workspace, if it is not diagonal.
    """
    position = np.asarray(start, np.float64)
    count = layout.slot_count(max_treedepth)
    pool = layout.POOL + metric_vectors
    workspace = np.zeros((pool + count) * len(position))
    workspace[: len(position)] = position  # vector POSITION is the first
    slots = np.arange(pool, pool + count)
    return ChainState(workspace, slots, np.zeros(layout.SCALAR_CELLS), new_stream(key))


@kernel(cold=True)
def start_trajectory(workspace: Array, scalars: Array, stream: IntArray, d: i64) -> None:
    """A trajectory of one state: the current one, with a new momentum."""
    momentum = workspace[layout.FORWARD_MOMENTUM * d :]
    kinetic = draw_momentum(stream, momentum, d)
    copy(workspace[layout.POSITION * d :], workspace[layout.FORWARD_POSITION * d :], 2 * d)  # and the gradient
    copy(workspace[layout.FORWARD_POSITION * d :], workspace[layout.BACKWARD_POSITION * d :], 3 * d)  # and the momentum
    copy(momentum, workspace[layout.MOMENTUM_SUM * d :], d)
    energy = kinetic - scalars[layout.CURRENT_LOGP]
    scalars[layout.START_ENERGY] = energy
    scalars[layout.CURRENT_ENERGY] = energy
    scalars[layout.ACCEPTANCE] = 0.0
    scalars[layout.SYMMETRIC_ACCEPTANCE] = 0.0
    scalars[layout.STEPS] = 0.0
    scalars[layout.DEPTH] = 0.0
    scalars[layout.DIVERGED_HERE] = 0.0
    scalars[layout.REACHED_LIMIT] = 0.0
    scalars[layout.LARGEST_ERROR] = 0.0
    scalars[layout.INDEX] = 0.0


@kernel(cold=True)
def take_candidate(workspace: Array, scalars: Array, d: i64) -> None:
    """Move to the state drawn from the newest tree."""
    copy(workspace[layout.CANDIDATE_POSITION * d :], workspace[layout.POSITION * d :], 2 * d)  # and the gradient
    scalars[layout.CURRENT_LOGP] = scalars[layout.CANDIDATE_LOGP]
    scalars[layout.CURRENT_ENERGY] = scalars[layout.CANDIDATE_ENERGY]
    scalars[layout.INDEX] = scalars[layout.CANDIDATE_INDEX]


@kernel(inline=True)
def add_logarithms(a: f64, b: f64) -> f64:
    """log(exp(a) + exp(b)), of which `a` is finite."""
    # log1p would be no better in the sum, and one function more to compile.
    return max(a, b) + math.log(1.0 + math.exp(-abs(a - b)))


@kernel(cold=True)
def transition(
    density: Density,
    context: Pointer,
    max_treedepth: i64,
    workspace: Array,
    slots: IntArray,
    scalars: Array,
    stream: IntArray,
    d: i64,
) -> i64:
    """One NUTS transition of the current state; negative if an exception was raised in the density."""
    start_trajectory(workspace, scalars, stream, d)
    log_weight = 0.0
    ahead = 0  # states of the trajectory after the start, and before it
    behind = 0
    for depth in range(max_treedepth):
        leaves = 1 << depth
        forward = uniform(stream) < 0.5
        near = (layout.FORWARD_MOMENTUM if forward else layout.BACKWARD_MOMENTUM) * d
        far = (layout.BACKWARD_MOMENTUM if forward else layout.FORWARD_MOMENTUM) * d
        position = (layout.FORWARD_POSITION if forward else layout.BACKWARD_POSITION) * d
        gradient = (layout.FORWARD_GRADIENT if forward else layout.BACKWARD_GRADIENT) * d
        ended = grow(
            density,
            context,
            scalars[layout.STEP_SIZE] if forward else -scalars[layout.STEP_SIZE],
            leaves,
            workspace[position:],
            workspace[gradient:],
            workspace[near:],
            ahead if forward else -behind,
            workspace,
            slots,
            scalars,
            stream,
            d,
        )
        if ended < 0:
            return ended
        if ended != layout.GROWN:
            scalars[layout.DIVERGED_HERE] = 1.0 if ended == layout.DIVERGED else 0.0
            return 0
        ahead += leaves if forward else 0
        behind += 0 if forward else leaves
        gain = scalars[layout.CANDIDATE_WEIGHT] - log_weight
        if gain >= 0.0 or math.log(uniform(stream)) < gain:
            take_candidate(workspace, scalars, d)
        log_weight = add_logarithms(log_weight, scalars[layout.CANDIDATE_WEIGHT])
        scalars[layout.DEPTH] += 1.0
        if join_trajectory(workspace[near:], workspace[far:], depth, workspace, slots, d) == 1:
            return 0
    scalars[layout.REACHED_LIMIT] = 1.0
    return 0


@kernel(cold=True)
def record_statistics(statistics: Array, stride: i64, scalars: Array) -> None:
    """Write the statistics of the last transition, `stride` apart."""
    scalars[layout.STEP_SIZE_BAR] = math.exp(scalars[layout.LOG_STEP_SIZE_BAR])
    scalars[layout.ENERGY_ERROR] = scalars[layout.CURRENT_ENERGY] - scalars[layout.START_ENERGY]
    for k in range(layout.RECORDED):
        statistics[k * stride] = scalars[layout.RECORD + k]


@kernel(once=True)
def start_chain(
    density: Density,
    context: Pointer,
    target_accept: f64,
    workspace: Array,
    scalars: Array,
    stream: IntArray,
    d: i64,
) -> i64:
    """Evaluate the first position, guess metric and step size; returns a status of `pellucid.inference.kernel`."""
    gradient = workspace[layout.GRADIENT * d :]
    status = density(workspace[layout.POSITION * d :], scalars[layout.CURRENT_LOGP :], gradient, context)
    if status < 0:
        return status
    if status != 0 or not math.isfinite(scalars[layout.CURRENT_LOGP]):
        return sampler.BAD_START
    for i in range(d):
        if not math.isfinite(gradient[i]):
            return sampler.BAD_START
    start_metric(workspace, scalars, d)
    return find_step_size(density, context, target_accept, workspace, scalars, stream, d)


@kernel(once=True)
def advance_chain(
    density: Density,
    context: Pointer,
    begin: i64,
    end: i64,
    tune: i64,
    target_accept: f64,
    max_treedepth: i64,
    workspace: Array,
    slots: IntArray,
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
    """Make the iterations from `begin` up to `end`, the first `tune` of all being for tuning.

    Iteration i writes a row of `tune_draws` (if `keep_tune` is 1) or of `draws`, and column i of `statistics`. Returns
    a status of `pellucid.inference.kernel`.
    """
    for iteration in range(begin, end):
        if progress[sampler.STOP_REQUESTED] == sampler.AT_TRAJECTORY:
            return sampler.STOPPED
        status = transition(density, context, max_treedepth, workspace, slots, scalars, stream, d)
        if status < 0:
            return status
        steps = scalars[layout.STEPS]
        scalars[layout.ACCEPTANCE] /= steps
        scalars[layout.SYMMETRIC_ACCEPTANCE] /= steps
        record_statistics(statistics[iteration:], stride, scalars)
        if iteration >= tune:
            copy(workspace[layout.POSITION * d :], draws[(iteration - tune) * d :], d)
        elif keep_tune == 1:
            copy(workspace[layout.POSITION * d :], tune_draws[iteration * d :], d)
        if iteration < tune:
            status = adapt(density, context, iteration, tune, target_accept, workspace, scalars, stream, d)
            if status < 0:
                return status
        else:
            progress[sampler.DIVERGENCES] += int(scalars[layout.DIVERGED_HERE])
        progress[sampler.LEAPFROGS] += int(steps)
        progress[sampler.ITERATIONS_DONE] = iteration + 1
    return sampler.FINISHED
