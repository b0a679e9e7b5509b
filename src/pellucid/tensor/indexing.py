"""NumPy's index syntax, ``x[...]``, and the functional update ``x[index].set(y)`` / ``x[index].inc(y)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.nodes import Variable
from pellucid.graph.provenance import describe, user_line
from pellucid.tensor.arithmetic import maximum, minimum, mod
from pellucid.tensor.broadcast import name_with_shape
from pellucid.tensor.create import arange, extents_of, zeros
from pellucid.tensor.cumulate import cumsum
from pellucid.tensor.elementwise import cast
from pellucid.tensor.index import (
    FULL,
    GIVEN,
    ArgSort,
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
from pellucid.tensor.shape import (
    DimShuffle,
    as_extent,
    as_extents,
    broadcast_to,
    concatenate,
    dim,
    dimshuffle,
    moveaxis,
    normalize_axis,
    ravel,
    reshape,
    shape_padleft,
)
from pellucid.tensor.types import Constant, TensorVariable, as_tensor_variable, constant, holds_variable, static_value


def expand_ellipsis(index: tuple[Any, ...], ndim: int, x: Variable) -> list[Any]:
    """An index with one entry per axis (and None for each new axis)."""
    used = sum(e.ndim if is_mask(e) else 1 for e in index if e is not None and e is not Ellipsis)
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
    return (
        getattr(entry, "dtype", None) is not None
        and np.dtype(entry.dtype) == np.bool_
        and getattr(entry, "ndim", 0) > 0
    )


def plain_entries(index: Any, x: TensorVariable) -> list[Any]:
    """The entries of an index in canonical kinds: int, scalar variable, slice, None, or index array variable."""
    raw = index if isinstance(index, tuple) else (index,)
    entries: list[Any] = []
    for e in expand_ellipsis(tuple(as_array_entry(e) for e in raw), x.ndim, x):
        axis = sum(p is not None for p in entries)
        entries.extend(plain_entry(e, x, axis))
    return entries


def as_array_entry(e: Any) -> Any:
    """One entry, where a list, tuple or range is an array of positions or a mask."""
    if not isinstance(e, (list, tuple, range)):
        return e
    if not isinstance(e, range) and holds_variable(e):
        return as_tensor_variable(e)
    return np.asarray(e, None if len(e) else np.int64)


def plain_entry(e: Any, x: TensorVariable, axis: int) -> list[Any]:
    """One entry in canonical kinds; a mask becomes one index array per axis that it covers."""
    if e is None or isinstance(e, slice):
        return [e]
    if isinstance(e, (bool, np.bool_)):
        raise IndexError("A single True or False is not an index of tensors; use pt.switch.")
    if is_mask(e):
        check_mask(e, x, axis)
        return list(mask_positions(e))
    if isinstance(e, (int, np.integer)):
        return [int(e)]
    e = as_tensor_variable(e)
    if not e.dtype.startswith(("int", "uint")):
        raise IndexError(
            f"An index must be of integers or booleans, not {e} of dtype {e.dtype} (indexing {name_with_shape(x)})."
        )
    if e.ndim == 0:
        value = static_value(e)
        return [e if value is None else int(value)]
    return [e]


def check_mask(mask: Any, x: TensorVariable, axis: int) -> None:
    """Refuse a mask that does not have the lengths of the axes it covers, as far as they are known."""
    lengths = mask.type.shape if isinstance(mask, TensorVariable) else mask.shape
    for i, n in enumerate(lengths):
        m = x.type.shape[axis + i]
        if None not in (n, m) and n != m:
            raise IndexError(
                f"A mask of shape {lengths} does not fit axis {axis + i} of {name_with_shape(x)}, "
                f"at {describe(user_line())}"
            )


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
                raise IndexError(
                    f"The step of a slice must be a number other than zero, not {e.step}: "
                    "index with pt.arange(...) instead."
                )
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
    kept = [e for e in entries if e is not None]
    if any(isinstance(e, TensorVariable) and e.ndim > 0 for e in kept):
        return advanced(x, entries)
    if len(kept) < len(entries) and not is_picked(x) and all(e == slice(None) for e in kept):
        picked = x  # x[:, None] is how one writes a new axis: no need to pick anything
    else:
        static, given = basic_index(x, kept)
        picked = Subtensor(static)(x, *given)
    old = iter(range(picked.ndim))
    return dimshuffle(picked, ["x" if e is None else next(old) for e in entries if e is None or isinstance(e, slice)])


def is_picked(x: TensorVariable) -> bool:
    """Whether x itself is an indexed tensor: then ``x[:, None].set(y)`` must tell x from the index."""
    return x.owner is not None and isinstance(x.owner.op, (Subtensor, Gather, DimShuffle))


def advanced(x: TensorVariable, entries: Sequence[Any]) -> TensorVariable:
    """x indexed by arrays, perhaps mixed with slices, integers and new axes."""
    kept = [e for e in entries if e is not None]
    static, given = basic_index(x, [e if isinstance(e, slice) else slice(None) for e in kept])
    if any(e != FULL for e in static):
        x = Subtensor(static, within=True)(x, *given)
    axes = tuple(i for i, e in enumerate(kept) if not isinstance(e, slice))
    indices = [as_tensor_variable(kept[a], dtype="int64") for a in axes]
    found = Gather(axes)(x, *indices)
    rank = max(i.ndim for i in indices)
    return dimshuffle(found, axes_after_gather(entries, rank))


def axes_after_gather(entries: Sequence[Any], rank: int) -> list[Any]:
    """Where NumPy puts the axes of an index with arrays: at the arrays' place if they stand together, else in front."""
    whole = [e is None or isinstance(e, slice) for e in entries]
    first, last = whole.index(False), len(whole) - 1 - whole[::-1].index(False)
    together = not any(whole[first : last + 1])
    rest = iter(range(rank, rank + len(entries)))
    order = ["x" if e is None else next(rest) for e, w in zip(entries, whole, strict=True) if w]
    place = first if together else 0
    return [*order[:place], *range(rank), *order[place:]]


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
    y = as_update(x, y)
    if isinstance(v.owner.op, Subtensor):
        return IncSubtensor(v.owner.op.entries, sets)(x, y, *rest)
    found = Scatter(v.owner.op.axes, sets)(x, y, *rest)
    below = x.owner is not None and isinstance(x.owner.op, Subtensor) and x.owner.op.within
    return update(x, found, sets=True) if below else found


def as_update(x: TensorVariable, y: TensorVariable) -> TensorVariable:
    """The values of an update in the dtype of what they go into."""
    if not np.can_cast(y.dtype, x.dtype, "same_kind"):
        raise TypeError(
            f"Cannot put values of dtype {y.dtype} into {name_with_shape(x)} of dtype {x.dtype}: cast one of them."
        )
    return cast(y, x.dtype)


@method
def set_subtensor(x: Any, y: Any) -> TensorVariable:
    """For x = a[index]: the tensor a with those elements replaced by y."""
    return update(x, y, sets=True)


@method
def inc_subtensor(x: Any, y: Any) -> TensorVariable:
    """For x = a[index]: the tensor a with y added to those elements; repeated positions add up."""
    return update(x, y, sets=False)


@method
def take(x: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> TensorVariable:
    """The elements of x at `indices` along an axis (by default of the flattened x).

    Positions outside raise an IndexError, or with `mode` "wrap" or "clip" become the rest of a division by the length,
    or the nearest position.
    """
    x, indices = as_tensor_variable(x), as_tensor_variable(indices)
    if axis is None:
        x, axis = ravel(x), 0
    axis = normalize_axis(axis, x.ndim)
    if mode == "wrap":
        indices = mod(indices, dim(x, axis))
    elif mode == "clip":
        indices = minimum(maximum(indices, 0), dim(x, axis) - 1)
    elif mode != "raise":
        raise ValueError(f"take knows the modes 'raise', 'wrap' and 'clip', not {mode!r}.")
    return x[(slice(None),) * axis + (indices,)]


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


@method
def repeat(x: Any, repeats: Any, axis: int | None = None) -> TensorVariable:
    """Each element of x `repeats` times along `axis` (by default of the flattened x); a vector says how often each."""
    x = as_tensor_variable(x)
    if axis is None:
        x, axis = ravel(x), 0
    axis = normalize_axis(axis, x.ndim)
    if np.ndim(repeats) == 0 if not isinstance(repeats, TensorVariable) else repeats.ndim == 0:
        return take(x, arange(dim(x, axis) * repeats) // repeats, axis)
    return take(x, repeated_positions(as_tensor_variable(repeats)), axis)


def repeated_positions(counts: TensorVariable) -> TensorVariable:
    """0 counts[0] times, 1 counts[1] times, ...: how many elements have ended before each place."""
    ends = cumsum(cast(counts, "int64"))
    total = counts.sum()
    return cumsum(zeros((total + 1,), "int64")[ends].inc(np.int64(1)))[:-1]


def tile(x: Any, reps: Any) -> TensorVariable:
    """x laid side by side `reps` times along each of its (last) axes."""
    x = as_tensor_variable(x)
    counts = as_extents(reps, "tile")
    x = shape_padleft(x, max(0, len(counts) - x.ndim))
    for axis, n in enumerate(counts, start=x.ndim - len(counts)):
        if isinstance(n, TensorVariable):
            x = take(x, mod(arange(dim(x, axis) * n), maximum(dim(x, axis), 1)), axis)
        else:
            x = concatenate([x] * n, axis) if n else x[(slice(None),) * axis + (slice(0, 0),)]
    return x


def roll(x: Any, shift: Any, axis: int | Sequence[int] | None = None) -> TensorVariable:
    """x with its elements moved `shift` places along `axis` (default: flattened), those at the end to the front.

    For several axes there is one shift, or one for each.
    """
    x = as_tensor_variable(x)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), extents_of(x))
    if not isinstance(axis, (int, np.integer)):
        shifts = shift if isinstance(shift, (tuple, list)) else [shift] * len(axis)
        for a, s in zip(axis, shifts, strict=True):
            x = roll(x, s, a)
        return x
    axis = normalize_axis(axis, x.ndim)
    n = dim(x, axis)
    return take(x, mod(arange(n) - shift, maximum(n, 1)), axis)


def diff(x: Any, n: int = 1, axis: int = -1) -> TensorVariable:
    """The differences of neighbours along `axis`, taken `n` times."""
    x = as_tensor_variable(x)
    lead = (slice(None),) * normalize_axis(axis, x.ndim)
    for _ in range(n):
        x = x[(*lead, slice(1, None))] - x[(*lead, slice(None, -1))]
    return x


def take_along_axis(x: Any, indices: Any, axis: int = -1) -> TensorVariable:
    """The elements of x at `indices` (of as many axes as x) along an axis; the other axes go side by side."""
    x, indices = as_tensor_variable(x), as_tensor_variable(indices)
    axis = normalize_axis(axis, x.ndim)
    own = [
        indices if a == axis else dimshuffle(arange(n), axis_pattern(a, x.ndim)) for a, n in enumerate(extents_of(x))
    ]
    return x[tuple(own)]


def axis_pattern(axis: int, ndim: int) -> list[Any]:
    """The dimshuffle that lays a vector along one of `ndim` axes."""
    return [0 if a == axis else "x" for a in range(ndim)]


@method
def argsort(x: Any, axis: int | None = -1, kind: str | None = None) -> TensorVariable:
    """The positions that sort x along `axis` (None: flattened), equal elements in their order, NaN last.

    `kind` is there for NumPy's callers: every sort is stable.
    """
    x = as_tensor_variable(x)
    if axis is None:
        x, axis = ravel(x), 0
    return ArgSort(normalize_axis(axis, x.ndim))(x)


@method
def sort(x: Any, axis: int | None = -1, kind: str | None = None) -> TensorVariable:
    """The elements of x in ascending order along `axis` (None: flattened), NaN last; `kind` as in `argsort`."""
    x = as_tensor_variable(x)
    if axis is None:
        x, axis = ravel(x), 0
    return take_along_axis(x, argsort(x, axis), axis)


def expand_packed_triangular(n: int, packed: Any, lower: bool = True, diagonal_only: bool = False) -> TensorVariable:
    """The n by n triangular matrix whose rows, one after another, are the vector `packed`; or its diagonal only."""
    rows, columns = np.tril_indices(n) if lower else np.triu_indices(n)
    packed = as_tensor_variable(packed)
    if diagonal_only:
        return packed[np.flatnonzero(rows == columns)]
    return zeros((n, n), packed.dtype)[rows, columns].set(packed)
