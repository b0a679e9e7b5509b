"""What looks at a run while its chains work: rules that may end it, and functions of the user's."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from pellucid.inference import kernel as sampler
from pellucid.inference.chains import Plan, Watcher
from pellucid.inference.rules import StoppingRule
from pellucid.model.context import here


class RuleWatcher(Watcher):
    """Asks a rule."""

    def __init__(self, rule: StoppingRule):
        self.rule, self.begun = rule, time.perf_counter()

    def look(self, plan: Plan) -> bool:
        done = int(plan.progress[:, sampler.ITERATIONS_DONE].min()) - plan.tune
        return self.rule(plan.positions(slice(None), 0, max(done, 0)), time.perf_counter() - self.begun)


class Draw(NamedTuple):
    """What a callback sees of a chain: its newest draw.

    Attributes
    ----------
    chain, draw_idx : int
        Which chain, and how many iterations it had made before, tuning included.
    is_last, tuning : bool
    point : ndarray
        The unconstrained coordinates; of tuning, None.
    stats : dict
    """

    chain: int
    draw_idx: int
    is_last: bool
    tuning: bool
    point: np.ndarray | None
    stats: dict[str, Any]


class CallbackWatcher(Watcher):
    """Calls a function of the user's with the newest draw of each chain, at most ten times a second.

    KeyboardInterrupt, raised in it, ends the run and keeps the draws.
    """

    def __init__(self, function: Callable[..., Any]):
        if not callable(function):
            raise TypeError(f"callback is a function that takes trace= and draw=, not {function!r}. {here()}")
        self.function = function
        self.seen: dict[int, int] = {}

    def look(self, plan: Plan) -> bool:
        for chain, done in enumerate(plan.progress[:, sampler.ITERATIONS_DONE].tolist()):
            if done > self.seen.get(chain, 0):
                self.seen[chain] = done
                try:
                    drawn = plan.positions(chain, 0, max(done - plan.tune, 0))
                    self.function(trace=drawn, draw=newest(plan, chain, done))
                except KeyboardInterrupt:
                    return True
        return False


def newest(plan: Plan, chain: int, done: int) -> Draw:
    """The last draw of a chain."""
    tuning = done <= plan.tune
    point = None if tuning else plan.positions(chain, done - plan.tune - 1, done - plan.tune)[0]
    stats = {name: row[chain, done - 1].item() for name, row in zip(sampler.STATISTICS, plan.statistics, strict=True)}
    return Draw(chain, done - 1, done == plan.tune + plan.count, tuning, point, stats)


class Watchers(Watcher):
    """Several watchers, each of which may end the run.

    Parameters
    ----------
    watchers : sequence of Watcher
    """

    def __init__(self, watchers: Sequence[Watcher]):
        self.watchers = list(watchers)
        self.needs_states = any(w.needs_states for w in watchers)

    def begin(self, plan: Plan) -> None:
        for watcher in self.watchers:
            watcher.begin(plan)

    def look(self, plan: Plan) -> bool:
        enough = [w.look(plan) for w in self.watchers]  # all of them look, though one may have decided
        return any(enough)

    def end(self, plan: Plan) -> None:
        for watcher in self.watchers:
            watcher.end(plan)
