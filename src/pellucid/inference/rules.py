"""Rules that end a run: so many effective draws, or so much time."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

from pellucid.inference import estimators

__all__ = ["EffectiveDraws", "StoppingRule", "TimeBudget"]

GROWTH = 1.3
"""How many times more draws there must be before their effective number is computed again."""
FEWEST = 50
MOST = 2**33
"""Bytes of address space for the draws of a run that only a rule ends; memory is taken as draws are made."""


class StoppingRule:
    """Ends a run: ``rule(draws, seconds)`` is asked while chains run, and is true when it is enough.

    `draws` has shape (chain, draw, coordinate), on the unconstrained scale; it holds what all chains have.
    """

    def __call__(self, draws: np.ndarray, seconds: float) -> bool:
        raise NotImplementedError

    def __or__(self, other: StoppingRule) -> StoppingRule:
        return Either(self, other)


class Either(StoppingRule):
    """Enough when one of two rules says so.

    Parameters
    ----------
    first, second : StoppingRule
    """

    def __init__(self, first: StoppingRule, second: StoppingRule):
        self.first, self.second = first, second

    def __call__(self, draws: np.ndarray, seconds: float) -> bool:
        return self.first(draws, seconds) or self.second(draws, seconds)


class EffectiveDraws(StoppingRule):
    """Enough when every coordinate has so many effective draws, in the centre and in the tails.

    Parameters
    ----------
    count : float

    Notes
    -----
    Looking at draws again and again favours runs that look good by chance; the effect is small for a `count` of some
    hundreds, and none for the final R-hat and effective sizes that are reported.

    Examples
    --------
    >>> rule = EffectiveDraws(400)
    >>> draws = np.random.default_rng(1).normal(size=(4, 500, 2))
    >>> rule(draws[:, :60], 0.0), EffectiveDraws(400)(draws, 0.0)
    (False, True)
    """

    def __init__(self, count: float):
        if not np.isfinite(count) or count <= 0:
            raise ValueError(f"The number of effective draws must be positive, not {count!r}.")
        self.count = float(count)
        self.next = FEWEST

    def __call__(self, draws: np.ndarray, seconds: float) -> bool:
        # From few draws to many: fast chains make more draws between two looks than could be judged at once.
        while self.next <= draws.shape[1]:
            first = draws[:, : self.next]
            self.next = int(self.next * GROWTH)
            if first.shape[0] * first.shape[1] >= self.count and self.enough(first):
                return True
        return False

    def enough(self, draws: np.ndarray) -> bool:
        """Whether these draws are worth so many."""
        statistic = lambda block: np.minimum(estimators.ess_bulk(block), estimators.ess_tail(block))  # noqa: E731
        return bool(np.min(estimators.measure(draws, statistic)) >= self.count)

    def __repr__(self) -> str:
        return f"EffectiveDraws({self.count:g})"


class TimeBudget(StoppingRule):
    """Enough when so many seconds of sampling have passed, tuning included.

    Parameters
    ----------
    seconds : float
    """

    def __init__(self, seconds: float):
        if not seconds > 0:
            raise ValueError(f"A time budget must be positive, not {seconds!r} seconds.")
        self.seconds = float(seconds)

    def __call__(self, draws: np.ndarray, seconds: float) -> bool:
        return seconds >= self.seconds

    def __repr__(self) -> str:
        return f"TimeBudget({self.seconds:g})"


def as_rule(until: Any) -> StoppingRule | None:
    """The rule that an argument means: itself, seconds, a timedelta, or none."""
    if until is None or isinstance(until, StoppingRule):
        return until
    if isinstance(until, dt.timedelta):
        return TimeBudget(until.total_seconds())
    if isinstance(until, (int, float)) and not isinstance(until, bool):
        return TimeBudget(until)
    raise TypeError(f"until is a rule such as pm.ess(400), a number of seconds, or a timedelta, not {until!r}.")


def draws_within_memory(chains: int, dimension: int) -> int:
    """The most draws of a run that a rule is to end."""
    return max(1000, min(10**7, MOST // (8 * chains * max(dimension, 1))))
