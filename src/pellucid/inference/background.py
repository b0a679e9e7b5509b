"""Runs that go on while Python does: looked at, paused, ended and waited for through a handle."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.lazy import later
from pellucid.inference import kernel as sampler
from pellucid.inference.chains import ChainResults, Plan, Watcher
from pellucid.inference.progress import ChainProgress, describe
from pellucid.inference.watch import Watchers

if TYPE_CHECKING:
    from pellucid.inference import store as stores
    from pellucid.inference.sample import Job
else:
    (stores,) = later("pellucid.inference", "store")

__all__ = ["BackgroundRun"]


class BackgroundRun:
    """A run of `sample` that goes on: what ``sample(blocking=False)`` returns, when the first chain is about to start.

    The run ends with the process. It shows no line of progress, but says how far it is when it is printed.

    Parameters
    ----------
    job : Job

    Raises
    ------
    Exception
        What the run raises before the first chain starts.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model():
    ...     x = pm.Normal("x")
    ...     run = pm.sample(draws=500, tune=200, chains=2, random_seed=1, blocking=False)
    >>> idata = run.wait()
    >>> run.is_finished, idata.posterior.sizes["draw"], str(run).partition(",")[0]
    (True, 500, '<finished run of 2 chains: 1400/1400 draws')
    """

    def __init__(self, job: Job):
        hand = Hand()
        watcher = Watchers([hand, job.watcher])
        # A line that a thread writes would come between what the user types and reads.
        self._job = replace(job, watcher=watcher, settings=replace(job.settings, progressbar=False))
        self._begun, self._ended, self._paused = time.perf_counter(), 0.0, Paused()
        self._state, self._over = "running", threading.Event()
        self._result: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=[hand], name="pellucid-run")
        keep(self)
        self._thread.start()
        hand.ready.wait()
        if hand.plan is None:
            self.wait()
        self._plan: Any = hand.plan

    def _run(self, hand: Hand) -> None:
        """What the thread does."""
        try:
            results = self._job.run()
            self._ended = time.perf_counter()
            if self._state == "cancelled":
                raise CancelledError("The run was cancelled, and its draws are gone.")  # noqa: TRY301
            self._result = self._job.result(results)
            self._state = "aborted" if self._state == "aborted" else "finished"
        except BaseException as error:  # noqa: BLE001 - raised by `wait`, in the thread of the user
            self._error = error
            self._state = "cancelled" if self._state == "cancelled" else "failed"
        finally:
            RUNNING.discard(self)
            self._over.set()
            hand.ready.set()

    @property
    def is_finished(self) -> bool:
        """Whether the run has ended, by itself or otherwise, so that `wait` returns or raises at once."""
        return self._over.is_set()

    def wait(self, timeout: float | None = None) -> Any:
        """What `sample` returns, or raises, as soon as it is there.

        Ctrl-C ends the waiting, not the run.

        Parameters
        ----------
        timeout : float, optional
            The longest time to wait, in seconds.

        Raises
        ------
        TimeoutError
            When that is over; the run goes on.
        concurrent.futures.CancelledError
            When the run was cancelled.
        """
        if not self._over.wait(timeout):
            raise TimeoutError(f"After {timeout} seconds there is no result yet: {self}.")
        if self._error is not None:
            raise self._error
        return self._result

    def inspect(self) -> Any:
        """A result of the draws made until now, in the form in which `wait` will return them; the chains go on.

        Chains that are far behind the others are left out, as after an interrupt.
        """
        if self.is_finished:
            return self.wait()
        job = self._job
        if job.store is not None and job.states is not None:  # what was drawn before is on disk alone
            return stores.open_run(job.store.path)
        return replace(job, store=None).form(job.collect(so_far(self._plan)))

    def pause(self) -> None:
        """Let the chains stand still after their current iterations; what `until` says of time goes on."""
        if not self.is_finished:
            self._plan.brake.pause()
            self._paused.begin()

    def resume(self) -> None:
        """Let them go on."""
        self._paused.end()
        self._plan.brake.resume()

    def abort(self) -> Any:
        """End the run, and return what was drawn."""
        self._end("aborted")
        return self.wait()

    def cancel(self) -> None:
        """End the run, and let go of what was drawn; what is in a store stays there."""
        self._end("cancelled")

    def _end(self, how: str) -> None:
        """Stop the chains and wait for them."""
        if not self.is_finished:
            self._state = how
            self._paused.end()
            self._plan.brake.stop()
        self._thread.join()

    def __repr__(self) -> str:
        plan: Plan = self._plan
        over = self.is_finished
        chains = [
            ChainProgress(int(cells[0]), plan.tune + plan.count, int(cells[1]), int(cells[2]), cells[0] < plan.tune)
            for cells in plan.progress.copy()
        ]
        now = self._ended if over and self._ended else time.perf_counter()
        elapsed = max(now - self._begun - self._paused.seconds(), 1e-9)
        stopped = over and self._state != "finished"
        said = describe(chains, elapsed=elapsed, speed=sum(c.done for c in chains) / elapsed, stopped=stopped)
        state = "paused" if plan.brake.holds else self._state
        return f"<{state} run of {said}>"


class Hand(Watcher):
    """Gets hold of the arrays of a run before it starts."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.ready = threading.Event()

    def begin(self, plan: Plan) -> None:
        self.plan = plan
        self.ready.set()

    def look(self, plan: Plan) -> bool:
        return False


class Paused:
    """How long a run stood still."""

    def __init__(self) -> None:
        self.before, self.since = 0.0, None

    def begin(self) -> None:
        self.since = time.perf_counter() if self.since is None else self.since

    def end(self) -> None:
        self.before, self.since = self.seconds(), None

    def seconds(self) -> float:
        """Up to now."""
        return self.before + (0.0 if self.since is None else time.perf_counter() - self.since)


def so_far(plan: Plan) -> ChainResults:
    """What chains that go on have drawn: copies, which nobody writes any more."""
    completed = np.maximum(plan.progress[:, sampler.ITERATIONS_DONE] - plan.tune, 0)
    most = int(completed.max(initial=0))
    rows = plan.split(slice(plan.tune, plan.tune + most))
    return ChainResults(
        draws=np.array(plan.positions(slice(None), 0, most)),
        statistics={name: np.array(a) for name, a in rows.items()},
        tune_draws=None, tune_statistics={}, completed=completed, tune_completed=completed, status=plan.status,
        interrupted=False, step_size=np.zeros(0), inverse_mass=np.zeros((0, 0)), seconds={},
    )  # fmt: skip


RUNNING: set[BackgroundRun] = set()


def keep(run: BackgroundRun) -> None:
    """Remember a run, so that the end of the process ends it."""
    if not REGISTERED:
        REGISTERED.append(at_exit(end_all))
    RUNNING.add(run)


def end_all() -> None:
    """End what still runs."""
    for run in list(RUNNING):
        run.cancel()


REGISTERED: list[Any] = []


def at_exit(function: Callable[[], None]) -> Any:
    """Have a function called when the main thread ends, before Python waits for the threads of pools.

    What `atexit` has is called after that, when runs would have gone to their ends; the pools themselves register here.
    """
    register = getattr(threading, "_register_atexit", atexit.register)
    return register(function)
