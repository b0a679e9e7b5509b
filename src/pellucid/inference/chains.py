"""Runs chains in threads: hands them their arrays, watches their progress, and stops them on request.

The chains are compiled code that does not hold Python's global lock, so threads are enough, and nothing is copied:
every chain writes its draws and statistics where the caller will read them.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.compile.llvm import blas
from pellucid.compile.llvm.kernel_language import CompiledKernel, compile_kernels
from pellucid.graph.collector import garbage_left_alone
from pellucid.graph.lazy import later
from pellucid.inference import kernel as sampler
from pellucid.inference.brake import Brake
from pellucid.inference.hamiltonian import layout, nuts
from pellucid.inference.hamiltonian.integrator import leapfrog
from pellucid.inference.outcome import ChainResults, Progress

if TYPE_CHECKING:
    from pellucid.inference.adapt import correlations
    from pellucid.inference.hamiltonian import stretch
else:
    (correlations,) = later("pellucid.inference.adapt", "correlations")
    (stretch,) = later("pellucid.inference.hamiltonian", "stretch")

SECONDS_BETWEEN_REPORTS = 0.1
RAISED = -1
"""The status of a chain whose Python density raised an exception."""


_compiling = threading.Lock()


def compiled_sampler(metric: str = sampler.DIAGONAL) -> dict[str, CompiledKernel]:
    """The compiled kernels of NUTS; calling it early, in a thread, hides the time of a first compilation."""
    with _compiling:  # who comes second waits instead of compiling the same again
        return _compile_sampler(stretched=metric != sampler.DIAGONAL)


@functools.cache
def _compile_sampler(*, stretched: bool) -> dict[str, CompiledKernel]:
    replaced = {leapfrog: stretch.stretched_leapfrog} if stretched else {}
    return compile_kernels(nuts.start_chain, nuts.advance_chain, replaced=replaced)


def prepare() -> None:
    """Compile the sampler in the background, while the user writes a model.

    The thread is waited for before the process forks or ends, both of which may not happen inside LLVM. What fails
    there fails again, and is reported, when somebody samples.
    """

    def compile_quietly() -> None:
        with contextlib.suppress(Exception), garbage_left_alone():
            compiled_sampler()

    thread = threading.Thread(target=compile_quietly, name="pellucid-compile-sampler")
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=lambda: thread.join() if thread.is_alive() else None)
    thread.start()


def run_chains(
    density_address: int,
    contexts: Sequence[int],
    dimension: int,
    starts: ArrayLike,
    draws: int,
    tune: int,
    *,
    keys: ArrayLike,
    target_accept: float = 0.8,
    max_treedepth: int = 10,
    cores: int | None = None,
    keep_tune: bool = False,
    metric: str = sampler.DIAGONAL,
    on_progress: Callable[[list[Progress]], object] | None = None,
    watcher: Watcher | None = None,
    states: Sequence[NDArray] | None = None,
) -> ChainResults:
    """Sample with NUTS from a compiled density.

    Parameters
    ----------
    density_address
        The address of an ``i32 density(double *x, double *logp, double *gradient, void *context)`` that returns 0; a
        positive number where the density does not exist (a divergence); or a negative one to end the chain.
    contexts
        Addresses passed to the density, one for each chain; 0 for none.
    dimension
        The number d of coordinates.
    starts : array_like, shape (chains, d)
        Where the chains start.
    draws, tune
        Iterations to keep, and iterations for adaptation before them.
    keys : array_like of 64-bit integers, shape (chains, 2)
        Keys of the random streams, as `chain_keys` makes them. Draws depend on keys and starts, not on cores.
    target_accept
        The acceptance rate that the step size is adapted to.
    max_treedepth
        Trajectories have at most 2**max_treedepth states.
    cores
        Chains run at the same time; by default as many as the machine has processors.
    keep_tune
        Whether the draws of tuning are returned, too.
    metric
        One of `pellucid.inference.kernel.METRICS`.
    on_progress
        Called in this thread at most ten times a second, and at the end, with the progress of every chain.
    watcher
        Sees the arrays of the run as often, and may end it.
    states
        What `Plan.pack` made of each chain, to continue where they were.

    Returns
    -------
    ChainResults
        After Ctrl-C the draws made so far, with `interrupted` set.
    """
    entry = compiled_sampler(metric)
    plan = Plan(starts, dimension, draws, tune, keys, target_accept, max_treedepth, keep_tune, metric)
    if len(contexts) != plan.chains:
        raise ValueError(f"one context is needed for each of {plan.chains} chains, got {len(contexts)}")
    address = Addresses(entry["start_chain"].function, entry["advance_chain"].function)
    jobs = [
        functools.partial(plan.run, chain, address, density_address, context) for chain, context in enumerate(contexts)
    ]
    plan.restore(states)
    with blas.single_thread():
        return plan.complete(jobs, cores, on_progress, watcher)


def run_chains_python(
    logp_and_gradient: Callable[[NDArray], tuple[float, ArrayLike]],
    starts: ArrayLike,
    draws: int,
    tune: int,
    *,
    keys: ArrayLike,
    target_accept: float = 0.8,
    max_treedepth: int = 10,
    cores: int | None = 1,
    keep_tune: bool = False,
    on_progress: Callable[[list[Progress]], object] | None = None,
) -> ChainResults:
    """Sample with the same kernels, run as plain Python, from a Python function.

    Slow, but nothing is compiled, and the draws are those of `run_chains` up to rounding.

    Parameters
    ----------
    logp_and_gradient
        Maps a position, shape (d,), to the log-density and its gradient. What it raises ends the run, and is raised.
    starts, draws, tune, keys, target_accept, max_treedepth, cores, keep_tune, on_progress
        As in `run_chains`.
    """
    first = np.asarray(starts, np.float64)
    dimension = first.shape[-1] if first.ndim else 0
    plan = Plan(starts, dimension, draws, tune, keys, target_accept, max_treedepth, keep_tune)
    raised: list[BaseException] = []

    def density(x: Any, logp: Any, gradient: Any, _context: Any) -> int:
        try:
            value, slope = logp_and_gradient(np.array(x[:dimension]))
        except BaseException as problem:  # noqa: BLE001 - kept, and raised again in the caller's thread
            raised.append(problem)
            return RAISED
        logp[0] = float(value)
        np.asarray(gradient)[:dimension] = slope
        return 0

    views = Views(nuts.start_chain, nuts.advance_chain)
    jobs = [functools.partial(plan.run, chain, views, density, None) for chain in range(plan.chains)]
    results = plan.complete(jobs, cores, on_progress)
    if raised:
        raise raised[0]
    return results


class Addresses(NamedTuple):
    """The compiled kernels, called with addresses."""

    start: Callable[..., int]
    advance: Callable[..., int]

    @staticmethod
    def pass_array(array: NDArray) -> int:
        return array.ctypes.data


class Views(NamedTuple):
    """The kernels as Python functions, called with memoryviews, whose elements are faster than those of arrays."""

    start: Callable[..., int]
    advance: Callable[..., int]

    @staticmethod
    def pass_array(array: NDArray) -> memoryview:
        return array.reshape(-1).data


FIRST_SEGMENT = 20
SECONDS_PER_SEGMENT = 0.2


def segment_length(length: int, seconds: float) -> int:
    """How many iterations to make before the next look at the state, which native code holds meanwhile."""
    wanted = length * SECONDS_PER_SEGMENT / max(seconds, 1e-6)
    return max(1, min(int(wanted), 4 * length))


class Watcher:
    """Something that looks at the arrays of a run while chains write them, in the thread that waits for them."""

    needs_states = False
    """Whether `Plan.snapshots` must hold states that fit the draws: chains then pause for a moment to copy theirs."""

    def begin(self, plan: Plan) -> None:
        """Called when all is ready, before the first chain starts."""

    def look(self, plan: Plan) -> bool:
        """Called every tenth of a second; True ends the run."""
        raise NotImplementedError

    def end(self, plan: Plan) -> None:
        """Called when all chains have ended."""
        self.look(plan)


class Plan:
    """The arrays of a run, and what is the same for all its chains."""

    least_dimension = 1
    stop_request = sampler.AT_TRAJECTORY

    def __init__(
        self,
        starts: ArrayLike,
        dimension: int,
        draws: int,
        tune: int,
        keys: ArrayLike,
        target_accept: float,
        max_treedepth: int,
        keep_tune: bool,
        metric: str = sampler.DIAGONAL,
    ):
        positions = np.asarray(starts, np.float64)
        if positions.ndim != 2 or positions.shape[1] != dimension or dimension < self.least_dimension:
            raise ValueError(f"starts must have shape (chains, d) with d = {dimension} > 0, got {positions.shape}")
        if not 0.0 < target_accept < 1.0:
            raise ValueError(f"target_accept must be between 0 and 1, got {target_accept}")
        if not 1 <= max_treedepth <= 30:
            raise ValueError(f"max_treedepth must be from 1 to 30, got {max_treedepth}")
        if draws < 0 or tune < 0:
            raise ValueError(f"draws and tune must not be negative, got {draws} and {tune}")
        words = np.asarray(keys)
        self.chains, self.dimension = positions.shape
        if words.shape != (self.chains, 2):
            raise ValueError(f"keys must have shape ({self.chains}, 2), got {words.shape}; see chain_keys")
        self.count, self.tune, self.keep_tune = draws, tune, keep_tune
        self.target_accept, self.max_treedepth = float(target_accept), max_treedepth
        stretched = metric != sampler.DIAGONAL
        chains = list(zip(positions, words, strict=True))
        self.learners = [correlations.new_learner(metric, *c, max_treedepth, tune) for c in chains if stretched]
        self.states = [learner.state for learner in self.learners]
        self.states = self.states or [nuts.new_state(x, max_treedepth, key) for x, key in chains]
        self.draws = np.empty((self.chains, draws, dimension))
        self.tune_draws = np.empty((self.chains, tune if keep_tune else 0, dimension))
        self.statistics = np.zeros((len(sampler.STATISTICS), self.chains, tune + draws))
        self.progress = np.zeros((self.chains, sampler.PROGRESS_CELLS), np.int64)
        self.brake = Brake(self.progress[:, sampler.STOP_REQUESTED], self.stop_request)
        self.status = np.full(self.chains, sampler.STOPPED)
        self.clock = np.full((self.chains, 3), np.nan)
        self.snapshots: list[NDArray | None] | None = None

    def run(self, chain: int, how: Addresses | Views, density: Any, context: Any) -> None:
        """Run one chain to its end; a chain that fails stops the others."""
        start, advance = self.kernels(chain, how, density, context)
        if self.learners:
            advance = self.learners[chain].watching(advance)
        at = int(self.progress[chain, sampler.ITERATIONS_DONE])
        self.clock[chain, 0] = time.perf_counter()
        status = sampler.FINISHED if at else start()
        length = FIRST_SEGMENT
        for k, last in enumerate((self.tune, self.tune + self.count), start=1):
            while status == sampler.FINISHED and at < last:
                end = min(last, at + length) if self.snapshots is not None else last
                begun = time.perf_counter()
                status = advance(at, end)
                at = int(self.progress[chain, sampler.ITERATIONS_DONE])
                length = segment_length(length, time.perf_counter() - begun)
                # A chain that was stopped before its first iteration has nothing to go on from: it begins anew.
                if self.snapshots is not None and at and status in (sampler.FINISHED, sampler.STOPPED):
                    self.snapshots[chain] = self.pack(chain)
                if status == sampler.STOPPED and self.brake.released():
                    status = sampler.FINISHED
            self.clock[chain, k] = time.perf_counter()
        self.status[chain] = status
        if status not in (sampler.FINISHED, sampler.STOPPED):
            self.stop()

    def kernels(
        self, chain: int, how: Addresses | Views, density: Any, context: Any
    ) -> tuple[Callable[[], int], Callable[[int, int], int]]:
        """What starts the chain, and what advances it from one iteration to another."""
        array = how.pass_array
        workspace, slots, scalars, stream = map(array, self.states[chain])
        total = self.tune + self.count
        rows = array(self.statistics.reshape(-1)[chain * total :])  # of this chain, `stride` apart
        d, target = self.dimension, self.target_accept

        def start() -> int:
            return how.start(density, context, target, workspace, scalars, stream, d)

        def advance(begin: int, end: int) -> int:
            return how.advance(
                density, context, begin, end, self.tune, target, self.max_treedepth,
                workspace, slots, scalars, stream, d,
                array(self.tune_draws[chain]), int(self.keep_tune), array(self.draws[chain]),
                rows, self.statistics[0].size, array(self.progress[chain]),
            )  # fmt: skip

        return start, advance

    def positions(self, chains: int | slice, begin: int, end: int) -> NDArray:
        """The draws of one chain or of several, after tuning."""
        return self.draws[chains, begin:end]

    def rows_of_statistics(self, chain: int, begin: int, end: int) -> dict[str, NDArray]:
        """The statistics of some draws of one chain, after tuning."""
        found = self.split(slice(self.tune + begin, self.tune + end))
        return {name: rows[chain] for name, rows in found.items()}

    def memory(self, chain: int) -> list[NDArray]:
        """The arrays from which a chain can go on."""
        learnt = self.learners[chain].memory() if self.learners else []
        return [self.progress[chain], *self.states[chain], *learnt]

    def pack(self, chain: int) -> NDArray:
        """The state of a chain that stands still, as bytes."""
        return np.concatenate([np.ascontiguousarray(a).view(np.uint8).ravel() for a in self.memory(chain)])

    def restore(self, states: Sequence[NDArray] | None) -> None:
        """Go on from what `pack` made of each chain."""
        for chain, packed in enumerate(states or ()):
            arrays = self.memory(chain)
            if packed.size != sum(a.nbytes for a in arrays):
                raise ValueError(f"The state of chain {chain} does not fit: the model or its data have changed.")
            ends = np.cumsum([a.nbytes for a in arrays])
            for array, piece in zip(arrays, np.split(packed, ends[:-1]), strict=True):
                array[...] = piece.view(array.dtype).reshape(array.shape)
            self.progress[chain, sampler.STOP_REQUESTED] = 0

    def stop(self) -> None:
        """Ask all chains to stop after their current iteration."""
        self.brake.stop()

    def complete(
        self,
        jobs: Sequence[Callable[[], None]],
        cores: int | None,
        on_progress: Callable[[list[Progress]], object] | None,
        watcher: Watcher | None = None,
    ) -> ChainResults:
        """Run the jobs in threads and collect the results."""
        begun = time.perf_counter()
        if watcher is not None and watcher.needs_states:
            self.snapshots = [None] * self.chains
        if watcher is not None:
            watcher.begin(self)
        threads = max(1, min(cores or os.cpu_count() or 1, len(jobs) or 1))
        with ThreadPoolExecutor(threads, thread_name_prefix="chain") as pool:
            running = [pool.submit(job) for job in jobs]
            interrupted = self.watch(running, on_progress, watcher)
        for job in running:
            job.result()
        return self.collect(time.perf_counter() - begun, interrupted=interrupted)

    def watch(
        self,
        running: list[Future],
        on_progress: Callable[[list[Progress]], object] | None,
        watcher: Watcher | None,
    ) -> bool:
        """Report progress until all are done; returns whether the user interrupted."""
        interrupted = False
        try:
            while wait(running, SECONDS_BETWEEN_REPORTS).not_done:
                if on_progress:
                    on_progress(self.report(running))
                if watcher is not None and watcher.look(self):
                    self.stop()
        except KeyboardInterrupt:
            interrupted = True
        finally:  # also when `on_progress` raises: the arrays must not go away under running chains
            if interrupted or any(not job.done() for job in running):
                self.stop()
            wait(running)
        with contextlib.suppress(KeyboardInterrupt):  # the draws are all there
            if on_progress:
                on_progress(self.report(running))
            if watcher is not None:
                watcher.end(self)
        return interrupted

    def report(self, running: list[Future]) -> list[Progress]:
        """The progress of all chains at this moment."""
        total = self.tune + self.count
        return [
            Progress(chain, int(cells[0]), total, self.tune, int(cells[1]), int(cells[2]), job.done())
            for chain, (cells, job) in enumerate(zip(self.progress, running, strict=True))
        ]

    def collect(self, seconds: float, *, interrupted: bool) -> ChainResults:
        """The results; what was not reached is marked."""
        done = self.progress[:, sampler.ITERATIONS_DONE]
        tuned, completed = np.minimum(done, self.tune), np.maximum(done - self.tune, 0)
        most = int(completed.max(initial=0))  # what no chain has reached may be large, and is not touched
        for chain in range(self.chains):
            self.draws[chain, completed[chain] : most] = np.nan
            self.tune_draws[chain, tuned[chain] :] = np.nan
        spans = np.diff(self.clock, axis=1)
        return ChainResults(
            draws=self.positions(slice(None), 0, most),
            statistics=self.split(slice(self.tune, self.tune + most)),
            tune_draws=self.tune_draws if self.keep_tune else None,
            tune_statistics=self.split(slice(0, self.tune)),
            completed=completed,
            tune_completed=tuned,
            status=self.status,
            interrupted=interrupted,
            step_size=np.array([state.scalars[layout.STEP_SIZE] for state in self.states]),
            inverse_mass=np.array([self.inverse_mass(chain) for chain in range(self.chains)]),
            seconds={"total": seconds, "tuning": spans[:, 0], "sampling": spans[:, 1]},
        )

    def inverse_mass(self, chain: int) -> NDArray:
        """The diagonal of the inverse mass matrix of a chain."""
        if self.learners:
            return self.learners[chain].variances()
        d = self.dimension
        return self.states[chain].workspace[layout.SCALE * d : (layout.SCALE + 1) * d] ** 2

    def split(self, part: slice) -> dict[str, NDArray]:
        """The statistics of a part of the iterations, by name and in their types."""
        return {
            name: row[:, part].astype(sampler.STATISTIC_DTYPES.get(name, "float64"), copy=False)
            for name, row in zip(sampler.STATISTICS, self.statistics, strict=True)
        }
