"""Data that are part of larger ones: how much their log-probability counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.model.context import here
from pellucid.tensor.types import TensorVariable, constant


def represented(total_size: Sequence[Any], value: TensorVariable) -> TensorVariable:
    """How many elements of the whole each element of a part stands for; `total_size` is aligned with its axes."""
    found = constant(1.0)
    for axis, length in enumerate(total_size):
        found = found if length is None else found * (length / value.shape[axis])
    return found


def as_total_size(name: str, total_size: Any, ndim: int) -> tuple[int | None, ...] | None:
    """The lengths that data would have as a whole, for each axis (None: the one it has); None where all are None.

    Examples
    --------
    >>> as_total_size("y", 100, 2), as_total_size("y", [100, ..., 20], 3)
    ((100, None), (100, None, 20))
    """
    if total_size is None:
        return None
    listed: list[Any] = [total_size] if isinstance(total_size, (int, float, np.integer)) else list(total_size)
    if listed.count(...) > 1:
        raise ValueError(f"total_size of '{name}' has more than one `...`. {here()}")
    at = listed.index(...) if ... in listed else len(listed)
    before, after = listed[:at], listed[at + 1 :]
    if any(n is not None and (isinstance(n, bool) or n != int(n) or n < 1) for n in [*before, *after]):
        raise ValueError(f"total_size of '{name}' consists of lengths and None, not {total_size!r}. {here()}")
    if len(before) + len(after) > ndim:
        raise ValueError(
            f"total_size of '{name}' names {len(before) + len(after)} lengths, {total_size!r}, but '{name}' has "
            f"{ndim} axes. {here()}"
        )
    whole = [*before, *[None] * (ndim - len(before) - len(after)), *after]
    return tuple(None if n is None else int(n) for n in whole) if any(n is not None for n in whole) else None
