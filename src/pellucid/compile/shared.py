"""Shared variables: state that compiled functions read, and may update."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.tensor.draws import shared_rng
from pellucid.tensor.types import TensorType, TensorVariable, canonical_dtype, to_array


class SharedVariable(TensorVariable):
    """A tensor whose current value lives beside the graph; changing it changes no graph and compiles nothing."""

    __slots__ = ("container",)

    has_value = True
    moving = False
    """Whether the value changes without `set_value`, and between bindings of compiled code."""

    def __init__(self, value: Any, name: str | None = None, shape: Sequence[int | None] | None = None):
        array = np.array(value)
        static = (None,) * array.ndim if shape is None else tuple(shape)
        super().__init__(TensorType(canonical_dtype(array.dtype), static), name=name)
        self.container: list[np.ndarray] = []
        self.set_value(array)

    def get_value(self, borrow: bool = False) -> np.ndarray:  # PyTensor's signature
        """The current value: a copy, unless `borrow`."""
        return self.container[0] if borrow else self.container[0].copy()

    def set_value(self, value: Any, borrow: bool = False) -> None:  # PyTensor's signature
        """Replace the value by one of the same dtype, rank and static shape."""
        array = check_value(self, value)
        self.container[:] = [array if borrow else array.copy()]


class MovingVariable(SharedVariable):
    """A shared variable whose array is written to while compiled code is bound to it: nothing of it may be kept."""

    __slots__ = ()

    moving = True


def check_value(v: TensorVariable, value: Any) -> np.ndarray:
    """`value` as an array that `v` can hold, cast only where nothing is lost; otherwise an error that says why."""
    array = to_array(value)
    want = np.dtype(v.dtype)
    if array.dtype != want:
        array = cast_losslessly(v, array, want)
    if array.ndim != v.ndim:
        raise ValueError(f"'{v}' needs {v.ndim} axes, but the value has shape {array.shape}.")
    for axis, (n, m) in enumerate(zip(v.type.shape, array.shape, strict=True)):
        if n is not None and n != m:
            raise ValueError(
                f"'{v}' has static shape {v.type.shape}, but the value has shape {array.shape}: "
                f"axis {axis} must be {n}."
            )
    return array


def cast_losslessly(v: TensorVariable, array: np.ndarray, want: np.dtype) -> np.ndarray:
    """An array in another dtype; refused where values would change."""
    if np.can_cast(array.dtype, want, "safe") or array.size == 0:
        return array.astype(want)
    if array.dtype.kind == "c":
        lossless = False
    elif want.kind == "f":
        lossless = array.dtype.kind in "biu" or array.ndim == 0
    else:
        lossless = array.dtype.kind in "biu" and np.array_equal(array.astype(want), array)
    if not lossless:
        raise TypeError(
            f"'{v}' holds {want}, but the value is {array.dtype}{f' of shape {array.shape}' if array.ndim else ''}, "
            f"which would lose information. Convert it yourself with .astype('{want}'), "
            f"or make '{v}' of dtype {array.dtype}."
        )
    return array.astype(want)


def shared(
    value: Any, name: str | None = None, *, shape: Sequence[int | None] | None = None, borrow: bool = False
) -> Any:
    """A shared variable with this initial value (a generator gives a shared generator).

    Parameters
    ----------
    value : array, number, or numpy.random.Generator
    shape : sequence of int or None, optional
        The static shape; by default no length is fixed, so later values may have other lengths.
    borrow : bool
        Accepted for compatibility; the value is copied once.

    Examples
    --------
    >>> import pellucid as pm
    >>> n = pm.shared(1.0, name="n")
    >>> n.set_value(2.0)
    >>> print((n + 1).eval())
    3.0
    """
    if isinstance(value, np.random.Generator):
        return shared_rng(value, name)
    return SharedVariable(to_array(value), name, shape)
