"""Every optimisation by name, what it does, and which of them are switched off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

PASSES: dict[str, str] = {
    # of graphs, in the order in which they run
    "merge": "equal expressions are computed once",
    "inline": "graphs that are ops are opened",
    "fold": "what depends on constants alone is computed while compiling",
    "statistics": "sums over constant data are computed from sufficient statistics",
    "roll": "alike expressions of different data are computed together",
    "algebra": "arithmetic is simplified, and factors leave sums",
    "shapes": "indexing, broadcasting and reshaping are seen through",
    "stabilize": "what would overflow or cancel is written as what does not",
    "linear": "products, solutions and factors of matrices use what is known of them",
    "loops": "steps of loops do only what depends on the step before",
    "expand": "composite ops become the ops that they are made of",
    "segments": "data are sorted by a constant index, so that each group is one loop and its sum a register",
    # of native code
    "bind": "what depends on shared data alone is computed when a density is bound to them",
    "twins": "softplus and sigmoid of one vector share their exponential",
    "fusion": "what is computed over the same elements shares a loop",
    "split": "what adds to scattered places waits for a loop of its own, so that costly functions are vectorised",
    "tiles": "loops over the rows of one matrix take turns on a few rows each, which stay in the cache",
    "rows": "several rows of a matrix are reduced in one loop",
    "small": "factors and solutions of matrices with few rows are straight-line code",
    "invariants": "what does not change inside a loop is computed outside it",
    "reuse": "vectors that are no longer read lend their memory to others",
}
"""All passes."""

NEEDED = ("merge", "fold", "expand")
"""Passes that others build on, so that they are always on."""

_off: ContextVar[frozenset[str]] = ContextVar("passes switched off", default=frozenset())


def switched_off() -> frozenset[str]:
    """The names of the passes that are switched off here."""
    return _off.get()


def is_on(name: str) -> bool:
    """Whether a pass may run."""
    return name not in _off.get()


def check_names(names: Iterable[str], known: Iterable[str] = PASSES) -> None:
    """Refuse names that no pass has."""
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"There is no pass called {', '.join(unknown)}; the passes are {', '.join(known)}.")


@contextmanager
def without_passes(*names: str) -> Iterator[None]:
    """Compile what is compiled inside without some optimisations, to see what they do.

    Parameters
    ----------
    *names : str
        Passes, as ``compile_report()["passes"]`` lists them; ``pellucid.rewrite.passes.PASSES`` says what each does.

    Raises
    ------
    ValueError
        If there is no pass of such a name, or others build on it.

    Examples
    --------
    >>> import pellucid as pm, pellucid.tensor as pt
    >>> x = pt.vector("x")
    >>> with without_passes("fusion"):
    ...     f = pm.function([x], [pt.exp(x), pt.log(x)])
    >>> f.compile_report()["loop_nests"]
    2
    """
    check_names(names)
    needed = [name for name in names if name in NEEDED]
    if needed:
        raise ValueError(f"Other passes build on {', '.join(needed)}, which cannot be switched off.")
    token = _off.set(_off.get() | frozenset(names))
    try:
        yield
    finally:
        _off.reset(token)
