"""The updates of step methods, in the kernel language: each sweeps over a block of coordinates, one after another."""

import math

from pellucid.compile.llvm.kernel_language import Array, Density, IntArray, Pointer, f64, i64, kernel
from pellucid.inference import kernel as sampler
from pellucid.inference.hamiltonian import layout
from pellucid.inference.hamiltonian.hmc import advance_hmc
from pellucid.inference.hamiltonian.nuts import advance_chain
from pellucid.inference.hamiltonian.rng import fill_normal, uniform
from pellucid.inference.hamiltonian.trajectory import copy

# What a row of the table of blocks holds.
KIND = 0
FIRST = 1
COUNT = 2
WHOLE = 3
"""1 if the coordinates are whole numbers."""
LOW = 4
CATEGORIES = 5
HISTORY = 6
"""Where the block's past draws begin in the array of histories."""
BLOCK_CELLS = 7

# Kinds of blocks.
METROPOLIS = 0
FLIP = 1
GIBBS = 2
SLICE = 3
DIFFERENTIAL = 4
POPULATION = 5

# What the scratch array holds before the gradient, which nobody reads.
LOGP = 0
FAILURE = 1
CURRENT = 2
GRADIENT = 3

UNIVARIATE_RATE = 0.44
"""The rate of acceptance at which a random walk in one dimension moves best (Roberts and Rosenthal 2001)."""
STEPS_OUT = 32
SHRINKS = 200
JITTER = 1e-3
"""The spread of what is added to a difference of past draws, which alone might never leave a lattice."""


@kernel(cold=True)
def log_density(density: Density, context: Pointer, z: Array, scratch: Array) -> f64:
    """The log-density at z; minus infinity where there is none. An exception's code is kept in the scratch array."""
    status = density(z, scratch[LOGP:], scratch[GRADIENT:], context)
    if status < 0:
        scratch[FAILURE] = float(status)
    if status != 0 or scratch[LOGP] != scratch[LOGP]:
        return -math.inf
    return scratch[LOGP]


@kernel(inline=True)
def acceptance(gain: f64) -> f64:
    """The probability of accepting a symmetric proposal, given what it adds to the log-density."""
    return math.exp(min(gain, 0.0)) if gain > -math.inf else 0.0  # NaN is not greater


@kernel(cold=True)
def metropolis(
    density: Density,
    context: Pointer,
    block: IntArray,
    z: Array,
    scales: Array,
    scratch: Array,
    stream: IntArray,
    rate: f64,
) -> f64:
    """Random-walk Metropolis on each coordinate; `rate` is how fast scales adapt. Returns the mean acceptance."""
    current = scratch[CURRENT]
    total = 0.0
    noise = scratch[GRADIENT:]
    for k in range(block[FIRST], block[FIRST] + block[COUNT]):
        old = z[k]
        fill_normal(stream, noise, 2)
        step = noise[0] * scales[k]
        if block[WHOLE] == 1:
            step = float(math.floor(step + 0.5))
            if step == 0.0:  # standing still would waste an evaluation
                step = 1.0 if noise[1] > 0.0 else -1.0
        z[k] = old + step
        proposed = log_density(density, context, z, scratch)
        accepted = acceptance(proposed - current)
        if uniform(stream) < accepted:
            current = proposed
        else:
            z[k] = old
        scales[k] *= math.exp(rate * (accepted - UNIVARIATE_RATE))
        total += accepted
    scratch[CURRENT] = current
    return total / float(block[COUNT])


@kernel(cold=True)
def flip(density: Density, context: Pointer, block: IntArray, z: Array, scratch: Array, stream: IntArray) -> f64:
    """Metropolis on each binary coordinate, proposing the other value (Liu 1996). Returns the mean acceptance."""
    current = scratch[CURRENT]
    total = 0.0
    for k in range(block[FIRST], block[FIRST] + block[COUNT]):
        z[k] = 1.0 - z[k]
        proposed = log_density(density, context, z, scratch)
        accepted = acceptance(proposed - current)
        if uniform(stream) < accepted:
            current = proposed
        else:
            z[k] = 1.0 - z[k]
        total += accepted
    scratch[CURRENT] = current
    return total / float(block[COUNT])


@kernel(cold=True)
def gibbs(density: Density, context: Pointer, block: IntArray, z: Array, scratch: Array, stream: IntArray) -> f64:
    """Draw each categorical coordinate from its conditional. Returns the share of those that changed.

    The largest log-probability plus a standard Gumbel number belongs to a draw, so that no table is needed.
    """
    changed = 0.0
    for k in range(block[FIRST], block[FIRST] + block[COUNT]):
        old = z[k]
        here = scratch[CURRENT]
        best = -math.inf
        chosen = old
        kept = here
        for c in range(block[CATEGORIES]):
            value = float(block[LOW] + c)
            z[k] = value
            logp = here if value == old else log_density(density, context, z, scratch)
            score = logp - math.log(-math.log(uniform(stream)))
            if score > best:
                best = score
                chosen = value
                kept = logp
        z[k] = chosen
        scratch[CURRENT] = kept
        if chosen != old:
            changed += 1.0
    return changed / float(block[COUNT])


@kernel(cold=True)
def slice_sample(
    density: Density,
    context: Pointer,
    block: IntArray,
    z: Array,
    scales: Array,
    scratch: Array,
    stream: IntArray,
    rate: f64,
) -> f64:
    """Slice sampling of each coordinate, stepping out and shrinking (Neal 2003). Every draw is accepted."""
    current = scratch[CURRENT]
    for k in range(block[FIRST], block[FIRST] + block[COUNT]):
        old = z[k]
        level = current + math.log(uniform(stream))
        width = scales[k]
        left = old - width * uniform(stream)
        right = left + width
        out_left = int(STEPS_OUT * uniform(stream))
        out_right = STEPS_OUT - 1 - out_left
        z[k] = left
        while out_left > 0 and log_density(density, context, z, scratch) > level:
            left -= width
            out_left -= 1
            z[k] = left
        z[k] = right
        while out_right > 0 and log_density(density, context, z, scratch) > level:
            right += width
            out_right -= 1
            z[k] = right
        found = 0
        for _ in range(SHRINKS):
            if found == 0:
                proposed = left + uniform(stream) * (right - left)
                z[k] = proposed
                logp = log_density(density, context, z, scratch)
                if logp > level:
                    current = logp
                    found = 1
                elif proposed < old:
                    left = proposed
                else:
                    right = proposed
        if found == 0:
            z[k] = old
        scales[k] += min(rate, 1.0) * ((right - left) - width)
    scratch[CURRENT] = current
    return 1.0


@kernel(cold=True)
def jump(
    density: Density,
    context: Pointer,
    block: IntArray,
    z: Array,
    scales: Array,
    scratch: Array,
    stream: IntArray,
    a: Array,
    b: Array,
    factor: f64,
    jitter: f64,
) -> f64:
    """Metropolis on the whole block by `factor` times the difference of two states, and a little noise."""
    count = block[COUNT]
    first = block[FIRST]
    current = scratch[CURRENT]
    noise = scratch[GRADIENT:]
    old = scratch[GRADIENT + count + 2 :]
    fill_normal(stream, noise, count + 1)
    for i in range(count):
        old[i] = z[first + i]
        step = noise[i] * scales[first + i] * jitter + factor * (a[i] - b[i])
        if block[WHOLE] == 1:
            step = float(math.floor(step + 0.5))
        z[first + i] = old[i] + step
    logp_cell = scratch[LOGP:]
    status = density(z, logp_cell, scratch[GRADIENT + 2 * count + 4 :], context)
    if status < 0:
        scratch[FAILURE] = float(status)
    accepted = acceptance(scratch[LOGP] - current) if status == 0 else 0.0
    if uniform(stream) < accepted:
        scratch[CURRENT] = scratch[LOGP]
    else:
        for i in range(count):
            z[first + i] = old[i]
    return accepted


@kernel(inline=True)
def jump_length(stream: IntArray, count: i64) -> f64:
    """What differences are multiplied by: what suits a normal law; every tenth time 1, to jump between modes."""
    return 1.0 if uniform(stream) < 0.1 else 2.38 / math.sqrt(2.0 * float(count))


@kernel(cold=True)
def differential(
    density: Density,
    context: Pointer,
    block: IntArray,
    z: Array,
    scales: Array,
    scratch: Array,
    stream: IntArray,
    history: Array,
    past: i64,
) -> f64:
    """A jump by the difference of two past draws of the chain (ter Braak and Vrugt 2008)."""
    own = history[block[HISTORY] :]
    a = int(uniform(stream) * float(past)) * block[COUNT]
    b = int(uniform(stream) * float(past)) * block[COUNT]
    factor = jump_length(stream, block[COUNT]) if past > 1 else 0.0
    jitter = JITTER if past > 1 and block[WHOLE] == 0 else 1.0  # which rounding must not undo
    return jump(density, context, block, z, scales, scratch, stream, own[a:], own[b:], factor, jitter)


@kernel(cold=True)
def population(
    density: Density,
    context: Pointer,
    block: IntArray,
    z: Array,
    scales: Array,
    scratch: Array,
    stream: IntArray,
    everyone: Array,
    chains: i64,
    chain: i64,
    n: i64,
) -> f64:
    """A jump by the difference between two other chains (ter Braak 2006), which stand still meanwhile."""
    a = int(uniform(stream) * float(chains - 1))
    a += 1 if a >= chain else 0
    b = int(uniform(stream) * float(chains - 2))  # a whole number that is neither `a` nor `chain`
    b += 1 if b >= min(a, chain) else 0
    b += 1 if b >= max(a, chain) else 0
    factor = jump_length(stream, block[COUNT])
    first = everyone[a * n + block[FIRST] :]
    second = everyone[b * n + block[FIRST] :]
    return jump(density, context, block, z, scales, scratch, stream, first, second, factor, 1.0)


@kernel(cold=True)
def remember(block: IntArray, z: Array, history: Array, iteration: i64) -> None:
    """Add the block's coordinates to its history."""
    own = history[block[HISTORY] + iteration * block[COUNT] :]
    copy(z[block[FIRST] :], own, block[COUNT])


@kernel(cold=True)
def sweep(
    density: Density,
    context: Pointer,
    block: IntArray,
    z: Array,
    scales: Array,
    scratch: Array,
    stream: IntArray,
    history: Array,
    everyone: Array,
    chains: i64,
    chain: i64,
    n: i64,
    iteration: i64,
    rate: f64,
) -> f64:
    """One update of a block by its method; returns the mean acceptance."""
    kind = block[KIND]
    if kind == METROPOLIS:
        return metropolis(density, context, block, z, scales, scratch, stream, rate)
    if kind == FLIP:
        return flip(density, context, block, z, scratch, stream)
    if kind == GIBBS:
        return gibbs(density, context, block, z, scratch, stream)
    if kind == SLICE:
        return slice_sample(density, context, block, z, scales, scratch, stream, rate)
    if kind == POPULATION:
        return population(density, context, block, z, scales, scratch, stream, everyone, chains, chain, n)
    accepted = differential(density, context, block, z, scales, scratch, stream, history, iteration)
    remember(block, z, history, iteration)
    return accepted


@kernel(cold=True)
def advance_compound(
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
    rest: Density,
    rest_context: Pointer,
    blocks: IntArray,
    block_count: i64,
    z: Array,
    n: i64,
    scales: Array,
    scratch: Array,
    history: Array,
    z_draws: Array,
    acceptances: Array,
    everyone: Array,
    chains: i64,
    chain: i64,
    path_length: f64,
    max_steps: i64,
) -> i64:
    """Iterations of all step methods in turn: every block of z, then the d other coordinates, if there are any.

    `density` is that of the d coordinates given z, whose array its context points at; `rest` that of z, given the
    position in `workspace`. The first arguments are those of `advance_chain`. Iteration i writes row i of `z_draws`,
    and of `acceptances` column i of each block's row. `everyone` holds the z of all chains. The d coordinates are moved
    by trajectories of `path_length` in at most `max_steps` steps, or where that is 0 by NUTS.
    """
    for iteration in range(begin, end):
        if progress[sampler.STOP_REQUESTED] != 0:
            return sampler.STOPPED
        if block_count > 0:
            scratch[CURRENT] = log_density(rest, rest_context, z, scratch)
        rate = 2.0 / math.sqrt(float(iteration) + 4.0) if iteration < tune else 0.0
        for b in range(block_count):
            acceptances[b * stride + iteration] = sweep(
                rest, rest_context, blocks[b * BLOCK_CELLS :], z, scales, scratch, stream,
                history, everyone, chains, chain, n, iteration, rate,
            )  # fmt: skip
        if scratch[FAILURE] < 0.0:
            return int(scratch[FAILURE])
        copy(z, z_draws[iteration * n :], n)
        if d > 0:
            if block_count > 0:
                logp = scalars[layout.CURRENT_LOGP :]
                status = density(workspace[layout.POSITION * d :], logp, workspace[layout.GRADIENT * d :], context)
                if status < 0:
                    return status
            if path_length > 0.0:
                status = advance_hmc(
                    density, context, iteration, tune, target_accept, path_length, max_steps, workspace,
                    scalars, stream, d, tune_draws, keep_tune, draws, statistics, stride, progress,
                )  # fmt: skip
            else:
                status = advance_chain(
                    density, context, iteration, iteration + 1, tune, target_accept, max_treedepth, workspace,
                    slots, scalars, stream, d, tune_draws, keep_tune, draws, statistics, stride, progress,
                )  # fmt: skip
            if status != sampler.FINISHED:
                return status
        else:
            statistics[sampler.LP * stride + iteration] = scratch[CURRENT]
            progress[sampler.ITERATIONS_DONE] = iteration + 1
    return sampler.FINISHED
