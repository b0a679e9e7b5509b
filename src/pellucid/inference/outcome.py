"""What is known of chains: how far they are, and what they left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from numpy.typing import NDArray


class Progress(NamedTuple):
    """How far a chain is. Divergences are those after tuning."""

    chain: int
    iterations: int
    total: int
    tune: int
    divergences: int
    leapfrogs: int
    finished: bool


@dataclass
class ChainResults:
    """What the chains left.

    Attributes
    ----------
    draws : ndarray, shape (chains, draws, d)
        Positions, as many as the longest chain made; NaN from `completed` on, where another was stopped before.
    statistics : dict of ndarray, shape (chains, draws)
        By the names of `pellucid.inference.kernel.STATISTICS`; zero from `completed` on.
    tune_draws, tune_statistics
        The same of tuning; `tune_draws` is None unless it was asked for.
    completed, tune_completed : ndarray of int, shape (chains,)
        The draws made, and the tuning iterations made.
    status : ndarray of int, shape (chains,)
        `FINISHED`, `STOPPED` or `BAD_START`, or the negative code of an exception inside the density.
    interrupted : bool
        Whether Ctrl-C ended the run.
    step_size, inverse_mass : ndarray, shapes (chains,) and (chains, d)
        What tuning arrived at.
    seconds : dict
        "total" of the run, and "tuning" and "sampling" of every chain.
    """

    draws: NDArray
    statistics: dict[str, NDArray]
    tune_draws: NDArray | None
    tune_statistics: dict[str, NDArray]
    completed: NDArray
    tune_completed: NDArray
    status: NDArray
    interrupted: bool
    step_size: NDArray
    inverse_mass: NDArray
    seconds: dict[str, Any] = field(repr=False)
