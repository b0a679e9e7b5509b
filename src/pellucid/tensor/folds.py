"""Loops of common forms on top of scan: map, reduce, filter and while_loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.tensor.elementwise import cast
from pellucid.tensor.scan import Step, align_sequences, as_argument, as_entries, as_sequence, scan, until
from pellucid.tensor.types import TensorVariable, as_tensor_variable, constant

UNBOUNDED = np.iinfo(np.int64).max
"""The number of steps of a loop that only its condition ends."""


def map(  # PyTensor's name
    fn: Callable[..., Any], sequences: Any, non_sequences: Any = None, *, go_backwards: bool = False,
    name: str | None = None, return_updates: bool = True,
) -> Any:  # fmt: skip
    """Apply `fn` to each row of the sequences.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> map(lambda x: x**2, pt.arange(3), return_updates=False).eval()
    array([0, 1, 4])
    """
    return scan(
        fn, sequences, non_sequences=non_sequences, go_backwards=go_backwards, name=name, return_updates=return_updates
    )  # fmt: skip


def reduce(
    fn: Callable[..., Any], sequences: Any, outputs_info: Any, non_sequences: Any = None, *, go_backwards: bool = False,
    name: str | None = None, return_updates: bool = True,
) -> Any:  # fmt: skip
    """Combine the rows of the sequences one after another, ``fn(row, so_far)``, and return the last result.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> print(reduce(lambda x, so_far: 2 * so_far + x, pt.arange(4), 0, return_updates=False).eval())
    11
    """
    read = [as_sequence(s) for s in as_entries(sequences)]
    steps, rows = align_sequences(read, None, go_backwards)
    step = Step(fn, read, rows, outputs_info, [as_argument(v) for v in as_entries(non_sequences)])
    step.trace()
    if not all(step.slots):
        raise ValueError("Every output of a reduction is fed back: give a first value for each in outputs_info.")
    _, updates = step.repeat(steps, name)
    found = step.last if len(step.last) != 1 else step.last[0]
    return (found, updates) if return_updates else found


def foldl(fn: Callable[..., Any], sequences: Any, outputs_info: Any, non_sequences: Any = None, **options: Any) -> Any:
    """Like :func:`reduce`, from the first row."""
    return reduce(fn, sequences, outputs_info, non_sequences, **options)


def foldr(fn: Callable[..., Any], sequences: Any, outputs_info: Any, non_sequences: Any = None, **options: Any) -> Any:
    """Like :func:`reduce`, from the last row."""
    return reduce(fn, sequences, outputs_info, non_sequences, go_backwards=True, **options)


def filter(fn: Callable[[Any], Any], sequence: Any) -> TensorVariable:
    """The rows of `sequence` for which `fn` is true.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> filter(lambda x: x > 1, pt.arange(4)).eval()
    array([2, 3])
    """
    rows = as_tensor_variable(sequence)
    keep = map(fn, rows, return_updates=False)
    return rows[cast(keep, "bool")]


def while_loop(
    condition: Callable[..., Any], body: Callable[..., Any], initial: Any, *, name: str | None = None
) -> Any:
    """Repeat ``states = body(*states)`` for as long as ``condition(*states)`` holds.

    There is no gradient, as nothing but the last states is kept: for one, use :func:`scan` with :class:`until`.

    Parameters
    ----------
    condition, body : callables of the states
    initial : value or list of values

    Returns
    -------
    The last states: a variable for one, else a list.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> print(while_loop(lambda x: x < 100, lambda x: 2 * x, 3).eval())
    192
    """
    several = isinstance(initial, (list, tuple))
    first = [as_tensor_variable(v) for v in as_entries(initial)]

    def turn(*states: Any) -> Any:
        following = as_list_of(body(*states))
        return following, until(~cast(as_tensor_variable(condition(*following)), "bool"))

    begins = cast(as_tensor_variable(condition(*first)), "int64")
    step = Step(turn, [], [], first, [])
    step.trace()
    step.collects = False
    step.repeat(begins * constant(UNBOUNDED), name)
    return step.last if several else step.last[0]


def as_list_of(found: Any) -> list[TensorVariable]:
    """One result or several, as tensors."""
    return [as_tensor_variable(v) for v in (found if isinstance(found, (list, tuple)) else [found])]
