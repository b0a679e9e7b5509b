"""NumPy's index syntax, ``x[...]``, and the functional update ``x[index].set(y)`` / ``x[index].inc(y)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.nodes import Variable
from pellucid.graph.provenance import describe, user_line
from pellucid.tensor.arithmetic import minimum
from pellucid.tensor.broadcast import name_with_shape
from pellucid.tensor.create import arange, extents_of, zeros
from pellucid.tensor.elementwise import cast
from pellucid.tensor.index import (
    FULL,
    GIVEN,
    Bound,
    Entry,
    Gather,
    IncSubtensor,
    Scatter,
    Slice,
    Subtensor,
    check_position,
    nonzero,
)
from pellucid.tensor.operators import method
from pellucid.tensor.shape import DimShuffle, as_extent, broadcast_to, dim, dimshuffle, expand_dims, moveaxis, ravel
from pellucid.tensor.types import Constant, TensorVariable, as_tensor_variable, constant, static_value


def expand_ellipsis(index: tuple[Any, ...], ndim: int, x: Variable) -> list[Any]:
    """An index with one entry per axis (and None for each new axis)."""
    used = sum(2 - 1 if not (is_mask(e) and e.ndim > 1) else e.ndim for e in index if e is not None and e is not Ellipsis)
    if used > ndim:
        raise IndexError(f"{used} indices for {name_with_shape(x)}, which has {ndim} axes, at {describe(user_line())}")
    missing = [slice(None)] * (ndim - used)
    places = [i for i, e in enumerate(index) if e is Ellipsis]
    if len(places) > 1:
        raise IndexError("An index may have one ellipsis (...) only.")
    if not places:
        return [*index, *missing]
    (p,) = places
    return [*index[:p], *missing, *index[p + 1 :]]


def is_mask(entry: Any) -> bool:
    """Whether an index entry is a boolean array."""
    return getattr(entry, "dtype", None) is not None and np.dtype(entry.dtype) == np.bool_ and getattr(entry, "ndim", 0) > 0


def plain_entries(index: Any, x: TensorVariable) -> list[Any]:
    """The entries of an index in canonical kinds: int, scalar variable, slice, None, or index array variable."""
    raw = index if isinstance(index, tuple) else (index,)
    arrays = [np.asarray(e) if isinstance(e, (list, np.ndarray)) and not has_variable(e) else e for e in raw]
    arrays = [as_tensor_variable(e) if isinstance(e, list) else e for e in arrays]
    entries: list[Any] = []
    for e in expand_ellipsis(tuple(arrays), x.ndim, x):
        entries.extend(plain_entry(e, x))
    return entries


def has_variable(e: Any) -> bool:
    """Whether a list holds a variable."""
    return isinstance(e, list) and any(isinstance(p, Variable) or has_variable(p) for p in e)


def plain_entry(e: Any, x: TensorVariable) -> list[Any]:
    """One entry in canonical kinds; a mask becomes one index array per axis that it covers."""
    if e is None or isinstance(e, slice):
        return [e]
    if isinstance(e, (bool, np.bool_)):
        raise IndexError("A single True or False is not an index of tensors; use pt.switch.")
    if is_mask(e):
        return list(mask_positions(e))
    if isinstance(e, (int, np.integer)):
        return [int(e)]
    e = as_tensor_variable(e)
    if not e.dtype.startswith(("int", "uint")):
        raise IndexError(f"An index must be of integers or booleans, not {e} of dtype {e.dtype} (indexing {name_with_shape(x)}).")
    if e.ndim == 0:
        value = static_value(e)
        return [e if value is None else int(value)]
    return [e]


def mask_positions(mask: Any) -> Sequence[TensorVariable]:
    """Where a boolean array is true: one index vector per axis."""
    data = mask.data if isinstance(mask, Constant) else mask
    if isinstance(data, np.ndarray):
        return [constant(p) for p in np.nonzero(data)]
    return nonzero(mask)


def split_bound(p: Any, given: list[Variable]) -> Bound:
    """A slice bound as part of the op (a number) or as an input."""
    if p is None:
        return None
    p = as_extent(p, "a slice")
    if isinstance(p, int):
        return p
    given.append(p)
    return GIVEN


def basic_index(x: TensorVariable, entries: Sequence[Any]) -> tuple[tuple[Entry, ...], list[Variable]]:
    """The static entries of a basic index, and the positions that are inputs."""
    out: list[Entry] = []
    given: list[Variable] = []
    for axis, (e, n) in enumerate(zip(entries, x.type.shape, strict=True)):
        if isinstance(e, slice):
            step = 1 if e.step is None else as_extent(e.step, "a slice")
            if not isinstance(step, int) or step == 0:
                raise IndexError(f"The step of a slice must be a number other than zero, not {e.step}: index with pt.arange(...) instead.")
            out.append(Slice(split_bound(e.start, given), split_bound(e.stop, given), step))
        elif isinstance(e, int):
            check_position(x, axis, e, n)
            out.append(e % n if n else e)
        else:
            given.append(cast(e, "int64"))
            out.append(GIVEN)
    return tuple(out), given


@method
def getitem(x: TensorVariable, index: Any) -> TensorVariable:
    """x[index], with NumPy's rules: integers, slices, None, ellipsis, integer and boolean arrays."""
    entries = plain_entries(index, x)
    new_axes = [e is None for e in entries]
    kept = [e for e in entries if e is not None]
    if any(isinstance(e, TensorVariable) and e.ndim > 0 for e in kept):
        return advanced(x, entries)
    picked = pick_basic(x, kept)
    if not any(new_axes):
        return picked
    places, old = [], iter(range(picked.ndim))
    for e in entries:
        if e is None:
            places.append("x")
        elif isinstance(e, slice):
            places.append(next(old))
    return dimshuffle(picked, tuple(places))


def pick_basic(x: TensorVariable, entries: Sequence[Any]) -> TensorVariable:
    """x indexed by integers and slices only."""
    static, given = basic_index(x, entries)
    return x if all(e == FULL for e in static) else Subtensor(static)(x, *given)


def advanced(x: TensorVariable, entries: Sequence[Any]) -> TensorVariable:
    """x indexed by arrays, perhaps mixed with slices and integers."""
    # Slices and new axes first: what is left is arrays on some axes, and whole axes.
    slices = [e if isinstance(e, slice) else slice(None) for e in entries if e is not None]
    x = pick_basic(x, slices)
    for place, e in enumerate(entries):
        if e is None:
            x = expand_dims(x, place)
    axes = tuple(i for i, e in enumerate(entries) if not (e is None or isinstance(e, slice)))
    indices = [as_tensor_variable(entries[a], dtype="int64") for a in axes]
    rank = max(i.ndim for i in indices)
    found = Gather(axes)(x, *indices)
    adjacent = axes == tuple(range(axes[0], axes[0] + len(axes)))
    # NumPy puts the indexed axes where they were if they stand together, in front otherwise.
    return moveaxis(found, list(range(rank)), list(range(axes[0], axes[0] + rank))) if adjacent and axes[0] else found


def update(picked: Any, values: Any, *, sets: bool) -> TensorVariable:
    """The whole tensor of ``picked = x[index]`` with `values` set or added there."""
    steps = []
    v, y = picked, as_tensor_variable(values)
    while v.owner is not None and isinstance(v.owner.op, DimShuffle):
        steps.append(v)
        v = v.owner.inputs[0]
    if v.owner is None or not isinstance(v.owner.op, (Subtensor, Gather)):
        what = "set" if sets else "inc"
        raise TypeError(f"{what} needs an indexed tensor, x[index].{what}(values); {picked} is not one.")
    for step in steps:  # undo the axes that the index moved or made
        y = broadcast_to(y, extents_of(step))
        y = step.owner.op.pullback([step.owner.inputs[0]], [step], [y])[0]
    x, *rest = v.owner.inputs
    if np.result_type(np.dtype(x.dtype), np.dtype(y.dtype)) != np.dtype(x.dtype) and not np.can_cast(y.dtype, x.dtype, "same_kind"):
        raise TypeError(f"Cannot put values of dtype {y.dtype} into {name_with_shape(x)} of dtype {x.dtype}: cast one of them.")
    y = cast(y, x.dtype)
    if isinstance(v.owner.op, Subtensor):
        return IncSubtensor(v.owner.op.entries, sets)(x, y, *rest)
    return Scatter(v.owner.op.axes, sets)(x, y, *rest)


@method
def set_subtensor(x: Any, y: Any) -> TensorVariable:
    """For x = a[index]: the tensor a with those elements replaced by y."""
    return update(x, y, sets=True)


@method
def inc_subtensor(x: Any, y: Any) -> TensorVariable:
    """For x = a[index]: the tensor a with y added to those elements; repeated positions add up."""
    return update(x, y, sets=False)


@method
def take(x: Any, indices: Any, axis: int | None = None) -> TensorVariable:
    """The elements of x at `indices` along an axis (by default of the flattened x)."""
    x = as_tensor_variable(x)
    if axis is None:
        return ravel(x)[as_tensor_variable(indices)]
    axis = axis % x.ndim
    return x[(slice(None),) * axis + (as_tensor_variable(indices),)]


@method
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> TensorVariable:
    """The elements x[i, i + offset] of two axes, as the last axis of the result."""
    x = moveaxis(as_tensor_variable(x), (axis1, axis2), (-2, -1))
    rows, columns = dim(x, x.ndim - 2), dim(x, x.ndim - 1)
    length = minimum(rows - max(-offset, 0), columns - max(offset, 0))
    if None not in x.type.shape[-2:]:
        length = max(0, min(x.type.shape[-2] - max(-offset, 0), x.type.shape[-1] - max(offset, 0)))
    i = arange(length)
    return x[(..., i + max(-offset, 0), i + max(offset, 0))]


def diag(x: Any, k: int = 0) -> TensorVariable:
    """The diagonal of a matrix, or the matrix with the vector x on its diagonal k."""
    x = as_tensor_variable(x)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ValueError(f"diag takes a vector or a matrix, not {name_with_shape(x)}.")
    n = dim(x, 0) + (k if k > 0 else -k)
    i = arange(x.type.shape[0] if x.type.shape[0] is not None else dim(x, 0))
    square = zeros((n, n), x.dtype)
    return square[i + max(-k, 0), i + max(k, 0)].set(x)


@method
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> TensorVariable:
    """The sum of a diagonal."""
    return diagonal(x, offset, axis1, axis2).sum(-1)
