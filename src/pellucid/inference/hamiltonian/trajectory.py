"""Trajectories: states visited by the integrator, doubled until they turn back, with one state drawn from them.

A trajectory of 2**k states is a perfect binary tree. It is built leaf by leaf, without recursion: of the trees still
waiting for their right neighbour there is at most one of each size, and of each the momenta of the first and the last
state and the sum of all momenta are kept. Momenta are written once, where they will be needed, and change their role
by exchanging numbers of vectors.

A tree turns back where the velocity v at either end points against the way rho from one end to the other: v . rho <= 0.
In the coordinates of the momenta the velocity is the momentum itself, see `metric`.
The way is the sum of the momenta, those of the ends counting half, which to the order of the integrator is the
displacement (Hoffman and Gelman 2014; Betancourt 2017, "A conceptual introduction to Hamiltonian Monte Carlo", appendix
A.4.2, who counts the ends fully and so notices turns in short trajectories later). As in Stan, the same is asked of the
left half with the first state of the right one, and of the last of the left with the right half: else trajectories that
turn a whole number of times between the halves would go on.

States are drawn by weight exp(-energy), a streamed multinomial draw inside a tree.
"""

import math

from pellucid.compile.llvm.kernel_language import Array, Density, IntArray, Pointer, f64, i64, kernel
from pellucid.inference.hamiltonian import layout
from pellucid.inference.hamiltonian.integrator import leapfrog
from pellucid.inference.hamiltonian.rng import uniform

MAX_ENERGY_ERROR = 1000.0
"""A larger error of the energy, in units of the log-density, makes a trajectory divergent."""


@kernel(inline=True)
def vector(workspace: Array, slots: IntArray, slot: i64, d: i64) -> Array:
    """The vector that has the role `slot` at present."""
    return workspace[slots[slot] * d :]


@kernel(inline=True)
def exchange(slots: IntArray, a: i64, b: i64) -> None:
    """Let two vectors change roles."""
    kept = slots[a]
    slots[a] = slots[b]
    slots[b] = kept


@kernel
def copy(source: Array, target: Array, d: i64) -> None:
    """Copy `d` numbers."""
    for i in range(d):
        target[i] = source[i]


@kernel
def join_trees(
    left_first: Array,
    left_last: Array,
    left_sum: Array,
    right_first: Array,
    right_last: Array,
    right_sum: Array,
    d: i64,
) -> i64:
    """Add the sum of momenta of the right tree to that of the left; 1 if the whole turns back, else 0."""
    whole_at_first = 0.0
    whole_at_last = 0.0
    left_at_first = 0.0
    left_at_next = 0.0
    right_at_previous = 0.0
    right_at_last = 0.0
    for i in range(d):
        total = left_sum[i] + right_sum[i]
        rho = total - 0.5 * (left_first[i] + right_last[i])
        left_rho = left_sum[i] + 0.5 * (right_first[i] - left_first[i])
        right_rho = right_sum[i] + 0.5 * (left_last[i] - right_last[i])
        left_sum[i] = total
        whole_at_first += left_first[i] * rho
        whole_at_last += right_last[i] * rho
        left_at_first += left_first[i] * left_rho
        left_at_next += right_first[i] * left_rho
        right_at_previous += left_last[i] * right_rho
        right_at_last += right_last[i] * right_rho
    whole = whole_at_first > 0.0 and whole_at_last > 0.0
    left = left_at_first > 0.0 and left_at_next > 0.0
    right = right_at_previous > 0.0 and right_at_last > 0.0
    return 0 if whole and left and right else 1


@kernel(cold=True)
def join_upwards(workspace: Array, slots: IntArray, level: i64, d: i64) -> i64:
    """Join the newest leaf, kept as the last of `level`, with the waiting trees below that level; 1 if one turns."""
    newest = vector(workspace, slots, layout.LAST + layout.SLOTS_PER_LEVEL * level, d)
    single = vector(workspace, slots, layout.LAST, d)
    copy(single, vector(workspace, slots, layout.CARRY_SUM, d), d)
    turns = join_trees(single, single, vector(workspace, slots, layout.CARRY_SUM, d), newest, newest, newest, d)
    exchange(slots, layout.CARRY_FIRST, layout.LAST)
    for k in range(1, level):
        if turns == 0:
            at = layout.SLOTS_PER_LEVEL * k
            turns = join_trees(
                vector(workspace, slots, layout.FIRST + at, d),
                vector(workspace, slots, layout.LAST + at, d),
                vector(workspace, slots, layout.SUM + at, d),
                vector(workspace, slots, layout.CARRY_FIRST, d),
                newest,
                vector(workspace, slots, layout.CARRY_SUM, d),
                d,
            )
            exchange(slots, layout.CARRY_FIRST, layout.FIRST + at)
            exchange(slots, layout.CARRY_SUM, layout.SUM + at)
    exchange(slots, layout.CARRY_FIRST, layout.FIRST + layout.SLOTS_PER_LEVEL * level)
    exchange(slots, layout.CARRY_SUM, layout.SUM + layout.SLOTS_PER_LEVEL * level)
    return turns


@kernel(inline=True)
def trailing_ones(n: i64) -> i64:
    """How many ones the binary number `n` ends with: the levels that leaf `n` completes."""
    count = 0
    while (n >> count) & 1 == 1:
        count += 1
    return count


@kernel(cold=True)
def grow(
    density: Density,
    context: Pointer,
    step: f64,
    leaves: i64,
    position: Array,
    gradient: Array,
    momentum: Array,
    index: i64,
    workspace: Array,
    slots: IntArray,
    scalars: Array,
    stream: IntArray,
    d: i64,
) -> i64:
    """Grow a tree of `leaves` states from the end of a trajectory, and draw a candidate from it.

    The end's position and gradient move along; `index` is its place in the trajectory. The weights of the states are
    summed relative to the largest (at least that of the start), so nothing overflows.
    """
    scale = workspace[layout.SCALE * d :]
    direction = 1
    if step < 0.0:
        direction = -1
    previous = momentum
    largest = 0.0
    total = 0.0
    for n in range(leaves):
        level = trailing_ones(n)
        newest = vector(workspace, slots, layout.LAST + layout.SLOTS_PER_LEVEL * level, d)
        status = leapfrog(density, context, step, position, gradient, previous, newest, scale, scalars, d)
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
        damped = math.exp(-abs(error))
        scalars[layout.SYMMETRIC_ACCEPTANCE] += 2.0 * damped / (1.0 + damped)
        scalars[layout.ACCEPTANCE] += damped if error > 0.0 else 1.0
        if -error > largest:
            total = total * math.exp(largest + error) + 1.0
            weight = 1.0
            largest = -error
        else:
            weight = damped if largest == 0.0 else math.exp(-error - largest)
            total += weight
        if uniform(stream) * total < weight:
            copy(position, workspace[layout.CANDIDATE_POSITION * d :], d)
            copy(gradient, workspace[layout.CANDIDATE_GRADIENT * d :], d)
            scalars[layout.CANDIDATE_LOGP] = scalars[layout.LOGP]
            scalars[layout.CANDIDATE_ENERGY] = scalars[layout.ENERGY]
            scalars[layout.CANDIDATE_INDEX] = float(index + direction * (n + 1))
        if level > 0 and join_upwards(workspace, slots, level, d) == 1:
            return layout.TURNED
        previous = newest
    scalars[layout.CANDIDATE_WEIGHT] = largest + math.log(total) if total > 0.0 else -math.inf
    return layout.GROWN


@kernel(cold=True)
def join_trajectory(near: Array, far: Array, level: i64, workspace: Array, slots: IntArray, d: i64) -> i64:
    """Join the tree grown at `level` to the trajectory, next to its end of momentum `near`; 1 if the whole turns."""
    last = vector(workspace, slots, layout.LAST + layout.SLOTS_PER_LEVEL * level, d)
    first = last
    total = last
    if level > 0:
        first = vector(workspace, slots, layout.FIRST + layout.SLOTS_PER_LEVEL * level, d)
        total = vector(workspace, slots, layout.SUM + layout.SLOTS_PER_LEVEL * level, d)
    turns = join_trees(far, near, workspace[layout.MOMENTUM_SUM * d :], first, last, total, d)
    copy(last, near, d)
    return turns
