"""Split tensors, join them in blocks, and pack several into one and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.tensor.arithmetic import eq, ge
from pellucid.tensor.broadcast import name_with_shape, shape_error
from pellucid.tensor.check import CheckAndRaise
from pellucid.tensor.create import arange
from pellucid.tensor.elementwise import cast
from pellucid.tensor.shape import (
    BroadcastTo,
    DimShuffle,
    Reshape,
    SpecifyShape,
    as_extents,
    broadcast_shape,
    broadcast_to,
    concatenate,
    dim,
    expand_dims,
    normalize_axis,
    reshape,
    shape_padleft,
    shape_padright,
    specify_shape,
    stack,
)
from pellucid.tensor.types import Constant, TensorVariable, as_tensor_variable, constant

MOVES = (BroadcastTo, DimShuffle, Reshape, SpecifyShape)


def lengths_of(x: TensorVariable, axes: Sequence[int]) -> list[Any]:
    """The lengths of some axes: numbers where they are static."""
    return [dim(x, a) if x.type.shape[a] is None else x.type.shape[a] for a in axes]


def split(x: Any, splits_size: Any, n_splits: int | None = None, axis: int = 0) -> list[TensorVariable]:
    """x cut along an axis into parts of given lengths.

    Parameters
    ----------
    x : tensor
    splits_size : sequence of integers, or integer vector
        The lengths of the parts, which add up to the length of the axis.
    n_splits : int, optional
        How many parts; needed where `splits_size` is a vector of unknown length.
    axis : int

    Raises
    ------
    ValueError
        Where lengths that are known do not add up.
    """
    x = as_tensor_variable(x)
    axis = normalize_axis(axis, x.ndim)
    sizes = split_sizes(splits_size, n_splits)
    whole = x.type.shape[axis]
    if whole is not None and all(isinstance(s, int) for s in sizes) and sum(sizes) != whole:
        raise shape_error(
            f"Cannot split axis {axis} into {sizes}",
            [x],
            f"{sum(sizes)} is not {whole}",
            "The parts must add up to the length of the axis.",
        )
    if any(isinstance(s, int) and s < 0 for s in sizes):
        raise ValueError(f"Cannot split axis {axis} into {sizes}: a length is negative.")
    if whole is None and all(isinstance(s, int) for s in sizes):
        x = specify_shape(x, [sum(sizes) if i == axis else None for i in range(x.ndim)])
    elif not all(isinstance(s, int) for s in sizes):
        fits = [eq(sum(sizes), dim(x, axis) if whole is None else whole), *(ge(s, 0) for s in sizes)]
        x = CheckAndRaise(ValueError, f"The lengths of parts must be 0 or more, and add up to that of axis {axis}")(
            x, *fits
        )
    parts, start = [], 0
    for n in sizes:
        parts.append(x[(slice(None),) * axis + (slice(start, start + n),)])
        start = start + n
    return parts


def unstack(x: Any, axis: int = 0) -> tuple[TensorVariable, ...]:
    """The parts of x at each position of an axis, which vanishes; its length must be known before run time."""
    x = as_tensor_variable(x)
    place = normalize_axis(axis, x.ndim)
    length = x.type.shape[place]
    if length is None:
        raise ValueError(f"unstack needs to know how many parts there are: {name_with_shape(x)}, axis {axis}.")
    return tuple(x[(slice(None),) * place + (i,)] for i in range(length))


def split_sizes(sizes: Any, count: int | None) -> list[Any]:
    """The lengths of parts, as numbers or integer scalars."""
    if isinstance(sizes, TensorVariable) and not isinstance(sizes, Constant):
        if sizes.type.shape[0] is None and count is not None:
            sizes = specify_shape(sizes, (count,))
        elif sizes.type.shape[0] is None:
            raise ValueError(f"split into {name_with_shape(sizes)} needs n_splits=: how many parts there are.")
    found = as_extents(sizes, "split")
    if count is not None and len(found) != count:
        raise ValueError(f"split into n_splits={count} parts was given {len(found)} lengths.")
    return found


def horizontal_stack(*args: Any) -> TensorVariable:
    """Matrices side by side."""
    return concatenate(as_matrices("horizontal_stack", args), 1)


def vertical_stack(*args: Any) -> TensorVariable:
    """Matrices one below the other."""
    return concatenate(as_matrices("vertical_stack", args), 0)


def as_matrices(what: str, args: Sequence[Any]) -> list[TensorVariable]:
    """Arguments that must be matrices."""
    parts = [as_tensor_variable(a) for a in args]
    for p in parts:
        if p.ndim != 2:
            raise ValueError(f"{what} takes matrices, not {name_with_shape(p)}; use pt.concatenate for others.")
    return parts


def stacklists(arg: Any) -> TensorVariable:
    """Nested lists of tensors as one tensor, each level of nesting an axis."""
    if isinstance(arg, (list, tuple)):
        return stack([stacklists(part) for part in arg])
    return as_tensor_variable(arg)


def concat_with_broadcast(tensor_list: Sequence[Any], axis: int = 0) -> TensorVariable:
    """Tensors one after another along an axis, stretched along all others."""
    parts = [as_tensor_variable(t) for t in tensor_list]
    ndim = max(p.ndim for p in parts)
    axis = normalize_axis(axis, ndim)
    parts = [shape_padleft(p, ndim - p.ndim) for p in parts]
    sliced = [p[(slice(None),) * axis + (slice(0, 1),)] for p in parts]
    common = broadcast_shape(*[specify_shape(s, [1 if a == axis else None for a in range(ndim)]) for s in sliced])
    shapes = [[*common[:axis], lengths_of(p, [axis])[0], *common[axis + 1 :]] for p in parts]
    return concatenate([broadcast_to(p, s) for p, s in zip(parts, shapes, strict=True)], axis)


def shape_padaxis(t: Any, axis: int) -> TensorVariable:
    """t with one new axis of length one."""
    return expand_dims(t, axis)


def atleast_Nd(*args: Any, n: int = 1, left: bool = True) -> Any:
    """Tensors with at least `n` axes, new ones in front (or behind, with ``left=False``)."""
    padder = shape_padleft if left else shape_padright
    found = [padder(t, n - t.ndim) if t.ndim < n else t for t in map(as_tensor_variable, args)]
    return found[0] if len(found) == 1 else found


def specify_broadcastable(x: Any, *axes: int) -> TensorVariable:
    """x, promised to have length one along `axes`, so that these stretch."""
    x = as_tensor_variable(x)
    ones = {normalize_axis(a, x.ndim) for a in axes}
    return specify_shape(x, [1 if i in ones else n for i, n in enumerate(x.type.shape)])


def join_dims(x: Any, start_axis: int = 0, n_axes: int | None = None) -> TensorVariable:
    """x with `n_axes` neighbouring axes (default: all) from `start_axis` on merged into one.

    Of no axes (``n_axes=0``) comes a new one of length one.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> pt.join_dims(pt.tensor(shape=(2, 3, 4)), start_axis=1).type.shape
    (2, 12)
    """
    x = as_tensor_variable(x)
    first = start_axis + max(1, x.ndim) if start_axis < 0 else start_axis
    count = x.ndim - first if n_axes is None else n_axes
    if not 0 <= first <= first + count <= x.ndim:
        raise IndexError(f"join_dims of {count} axes from {start_axis} on: {name_with_shape(x)} has {x.ndim}.")
    before, joined = lengths_of(x, range(first)), lengths_of(x, range(first, first + count))
    return reshape(x, [*before, product(joined), *lengths_of(x, range(first + count, x.ndim))])


def product(lengths: Sequence[Any]) -> Any:
    """The product of lengths: a number where all are."""
    return math.prod(lengths, start=1)


def split_dims(x: Any, shape: Any, axis: int = 0) -> TensorVariable:
    """x with one axis divided into several, of the lengths in `shape`."""
    x = as_tensor_variable(x)
    axis = normalize_axis(axis, x.ndim)
    new = as_extents(shape, "split_dims") if not isinstance(shape, (list, tuple)) or shape else []
    return reshape(x, [*lengths_of(x, range(axis)), *new, *lengths_of(x, range(axis + 1, x.ndim))])


def kept_axes(keep_axes: int | Sequence[int] | None) -> tuple[int, int]:
    """How many leading and trailing axes are kept: those named from 0 on, and those named up to -1."""
    axes = [keep_axes] if isinstance(keep_axes, (int, np.integer)) else list(keep_axes or [])
    front, back = [a for a in axes if a >= 0], [a for a in axes if a < 0]
    if front != list(range(len(front))) or back != list(range(-len(back), 0)) or axes != front + back:
        raise ValueError(
            f"keep_axes={keep_axes} must name axes from 0 on, or up to -1, or both in that order: what lies between "
            "is packed."
        )
    return len(front), len(back)


def pack(*tensors: Any, keep_axes: int | Sequence[int] | None = None) -> tuple[TensorVariable, list[Any]]:
    """Several tensors as one: all axes but those kept are merged into one, along which they are joined.

    Parameters
    ----------
    *tensors : tensors
    keep_axes : int or sequence of int, optional
        Leading axes (0, 1, ...) or trailing ones (..., -1) or both, that stay as they are. Default: none.

    Returns
    -------
    packed : tensor
    packed_shapes : list
        The lengths of the merged axes of each, for :func:`unpack`.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> packed, shapes = pt.pack(pt.tensor(shape=(2, 3)), pt.tensor(shape=(4,)))
    >>> packed.type.shape, [v.type.shape for v in pt.unpack(packed, shapes)]
    ((10,), [(2, 3), (4,)])
    """
    front, back = kept_axes(keep_axes)
    parts, shapes = [], []
    for t in map(as_tensor_variable, tensors):
        if t.ndim < front + back:
            raise ValueError(f"pack with keep_axes={keep_axes} needs {front + back} axes: {name_with_shape(t)}.")
        merged = t.type.shape[front : t.ndim - back]
        known = None not in merged  # then so are the shapes that come out of `unpack`
        shapes.append(constant(np.array(merged, "int64")) if known else t.shape[front : t.ndim - back])
        parts.append(join_dims(t, front, t.ndim - front - back))
    return concatenate(parts, front), shapes


def unpack(
    packed_input: Any, packed_shapes: Sequence[Any], keep_axes: int | Sequence[int] | None = None
) -> list[TensorVariable]:
    """The tensors that :func:`pack` made one of."""
    packed = as_tensor_variable(packed_input)
    front, _ = kept_axes(keep_axes)
    shapes = [list_of_lengths(s) for s in packed_shapes]
    parts = split(packed, [product(s) for s in shapes], axis=front)
    return [split_dims(p, s, front) for p, s in zip(parts, shapes, strict=True)]


def list_of_lengths(shape: Any) -> list[Any]:
    """A shape (a sequence or vector, perhaps without elements) as lengths."""
    if isinstance(shape, TensorVariable) and shape.type.shape == (0,):
        return []
    return as_extents(shape, "unpack") if not isinstance(shape, (list, tuple)) or shape else []


def identity_like(x: Any, dtype: Any = None) -> TensorVariable:
    """A matrix of the shape of x, with ones on its diagonal."""
    x = as_tensor_variable(x)
    rows, columns = (arange(n) for n in lengths_of(x, (0, 1)))
    return cast(eq(rows[:, None], columns[None, :]), x.dtype if dtype is None else dtype)


def get_vector_length(v: Any) -> int:
    """The length of a vector, which must be known before run time."""
    v = as_tensor_variable(v)
    if v.ndim != 1 or v.type.shape[0] is None:
        raise ValueError(f"The length of {name_with_shape(v)} is not known before run time.")
    return v.type.shape[0]


def is_flat(var: Any, ndim: int = 1) -> bool:
    """Whether a tensor has `ndim` axes: whether flattening it to that many changes nothing."""
    return as_tensor_variable(var).ndim == ndim


def get_underlying_scalar_constant_value(v: Any) -> Any:
    """The number that every element of a tensor is known to be, as a NumPy scalar.

    Raises
    ------
    ValueError
        Where the elements are not known before run time, or differ.
    """
    v = as_tensor_variable(v)
    below = v
    while below.owner is not None and isinstance(below.owner.op, MOVES):
        below = below.owner.inputs[0]  # type: ignore[assignment]
    if isinstance(below, Constant) and below.data.size and (below.data == below.data.flat[0]).all():
        return np.asarray(below.data.flat[0]).astype(v.dtype)[()]
    raise ValueError(f"The elements of {name_with_shape(v)} are not one number that is known before run time.")


get_scalar_constant_value = get_underlying_scalar_constant_value


def scalar_from_tensor(s: Any) -> TensorVariable:
    """A tensor without axes as a scalar, which is the same here."""
    s = as_tensor_variable(s)
    if s.ndim:
        raise TypeError(f"A tensor without axes was expected, not {name_with_shape(s)}.")
    return s


tensor_from_scalar = scalar_from_tensor
