"""Summaries of data: range, median, quantiles, covariance, counts, and the distinct elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.nodes import Op, Variable
from pellucid.tensor.arithmetic import ceil, clip, floor, ge, isnan, le, maximum, switch
from pellucid.tensor.broadcast import name_with_shape
from pellucid.tensor.check import CheckAndRaise
from pellucid.tensor.create import zeros
from pellucid.tensor.elementwise import cast
from pellucid.tensor.indexing import argsort, sort, take, take_along_axis
from pellucid.tensor.linalg import dot
from pellucid.tensor.operators import method
from pellucid.tensor.reduce import argmax, max, mean, min, sum
from pellucid.tensor.shape import (
    concatenate,
    dim,
    expand_dims,
    moveaxis,
    normalize_axes,
    normalize_axis,
    ravel,
    reshape,
    shape_padleft,
)
from pellucid.tensor.types import TensorType, TensorVariable, as_tensor_variable, constant


@method
def ptp(a: Any, axis: Any = None) -> TensorVariable:
    """The range, largest minus smallest element, over `axis` (default: all)."""
    return max(a, axis) - min(a, axis)


def max_and_argmax(a: Any, axis: Any = None, keepdims: bool = False) -> list[TensorVariable]:
    """The largest element over `axis` (default: all) and its position among the elements over those axes."""
    a = as_tensor_variable(a)
    axes = normalize_axes(axis, a.ndim)
    where = argmax(merged(a, axes), -1) if axes else cast(a * 0, "int64")
    return [max(a, axes, keepdims), expand_dims(where, list(axes)) if keepdims and axes else where]


def merged(x: TensorVariable, axes: Sequence[int]) -> TensorVariable:
    """x with some axes moved to the end and merged into one."""
    rest = [i for i in range(x.ndim) if i not in axes]
    lengths = [dim(x, i) if x.type.shape[i] is None else x.type.shape[i] for i in rest]
    if len(axes) == 1:
        return moveaxis(x, axes[0], -1)
    return reshape(moveaxis(x, axes, range(len(rest), x.ndim)), [*lengths, -1])


def number_along(x: TensorVariable) -> Any:
    """The length of the last axis: a number where it is static."""
    n = x.type.shape[-1]
    return dim(x, x.ndim - 1) if n is None else n


def as_floating(x: TensorVariable) -> TensorVariable:
    """x, as float64 where it holds integers."""
    return x if x.dtype.startswith("float") else cast(x, "float64")


def median(x: Any, axis: Any = None) -> TensorVariable:
    """The median over `axis` (default: all); NaN where there is one.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> pt.median([3.0, 1.0, 10.0, 2.0]).eval()
    array(2.5)
    """
    x = as_floating(as_tensor_variable(x))
    ordered = sort(merged(x, normalize_axes(axis, x.ndim)), -1)
    n = number_along(ordered)
    low, high, last = ordered[..., (n - 1) // 2], ordered[..., n // 2], ordered[..., -1]
    return switch(isnan(last), last, (low + high) / 2)  # NaN are sorted to the end


def quantile(x: Any, q: Any, axis: Any = None) -> TensorVariable:
    """The quantiles of order `q` over `axis` (default: all), linear between neighbours; NaN where there is one.

    A q outside of [0, 1] is a ValueError when the function runs.

    The axes of `q` come first, as in ``numpy.quantile``.
    """
    x, q = as_floating(as_tensor_variable(x)), as_tensor_variable(q)
    q = CheckAndRaise(ValueError, "Quantiles are of order 0 to 1")(q, ge(q, 0), le(q, 1))
    ordered = sort(moveaxis(shape_padleft(merged(x, normalize_axes(axis, x.ndim)), 0), -1, 0), 0)
    last = (dim(ordered, 0) if ordered.type.shape[0] is None else ordered.type.shape[0]) - 1
    place = q * cast(last, "float64")
    below, above = (cast(clip(f(place), 0, last), "int64") for f in (floor, ceil))
    share = place - below
    share = reshape(share, [*(share.shape[i] for i in range(share.ndim)), *[1] * (ordered.ndim - 1)])
    low, high, top = take(ordered, below, 0), take(ordered, above, 0), ordered[-1]
    return switch(isnan(top), top, cast(low + (high - low) * share, x.dtype))


def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
) -> TensorVariable:
    """The covariance matrix of variables in the rows of `m` (columns, with ``rowvar=False``), as ``numpy.cov``.

    Parameters
    ----------
    m : vector or matrix
    y : vector or matrix, optional
        More variables of as many observations.
    bias, ddof
        The divisor is n - ddof, where by default ddof is 1, or 0 with `bias`.
    fweights, aweights : vector, optional
        How often each observation came (integers), and how much it weighs.
    """
    x = as_rows(m, rowvar)
    if y is not None:
        x = concatenate([x, as_rows(y, rowvar)], 0)
    ddof = (0 if bias else 1) if ddof is None else ddof
    weights = None if fweights is None else cast(as_tensor_variable(fweights), "float64")
    if aweights is not None:
        a = cast(as_tensor_variable(aweights), "float64")
        weights = a if weights is None else weights * a
    if weights is None:
        centred = x - mean(x, 1, keepdims=True)
        return dot(centred, centred.T) / (cast(number_along(x), x.dtype) - ddof)
    total = sum(weights)
    centred = x - sum(x * weights, 1, keepdims=True) / total
    lost = ddof if aweights is None else ddof * sum(weights * as_tensor_variable(aweights)) / total
    return dot(centred * weights, centred.T) / (total - lost)


def as_rows(m: Any, rowvar: bool) -> TensorVariable:
    """Data as a floating matrix with one variable in each row."""
    m = as_floating(as_tensor_variable(m))
    if m.ndim > 2:
        raise ValueError(f"cov takes vectors and matrices, not {name_with_shape(m)}.")
    if m.ndim < 2:
        return shape_padleft(m, 2 - m.ndim)
    return m if rowvar else m.T


def bincount(x: Any, weights: Any = None, minlength: int = 0, assert_nonneg: bool = False) -> TensorVariable:
    """How often each of 0, 1, ... is in the vector x, or the sum of the weights that go with it.

    Parameters
    ----------
    x : vector of integers, none negative
    weights : vector, optional
    minlength : int
        The result is as long as needed for the largest element, and at least this long.
    assert_nonneg : bool
        For PyTensor's callers: negative elements are refused in any case.
    """
    x = as_tensor_variable(x)
    if x.ndim != 1 or not x.dtype.startswith(("int", "uint", "bool")):
        raise TypeError(f"bincount counts a vector of integers, not {name_with_shape(x)} of dtype {x.dtype}.")
    x = cast(x, "int64")
    length = maximum(max(concatenate([x, constant(np.array([-1]))])) + 1, minlength)
    places = switch(x < 0, length, x)  # a negative place would count from the end; this one is refused
    if weights is None:
        return zeros((length,), "int64")[places].inc(np.ones((), "int64"))
    return zeros((length,), "float64")[places].inc(cast(as_tensor_variable(weights), "float64"))


@dataclass(frozen=True)
class SearchSorted(Op):
    """Where elements would have to be put into a sorted vector: (sorted, elements)."""

    side: str

    def __str__(self) -> str:
        return f"SearchSorted{{{self.side}}}"

    def infer(self, x: Variable, v: Variable) -> tuple[TensorType]:
        if x.type.ndim != 1:  # type: ignore[attr-defined]
            raise ValueError(f"searchsorted looks into a vector, not {name_with_shape(x)}.")
        return (TensorType("int64", v.type.shape),)  # type: ignore[attr-defined]

    def infer_shape(self, inputs: Any, extents: Any) -> list[tuple[Any, ...]]:
        return [tuple(extents[1])]

    def impl(self, xp: Any, x: Any, v: Any) -> Any:
        return xp.asarray(xp.searchsorted(x, v, side=self.side)).astype("int64")

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[None]:
        return [None, None]


@method
def searchsorted(x: Any, v: Any, side: str = "left", sorter: Any = None) -> TensorVariable:
    """The positions at which the elements of `v` would keep the sorted vector `x` in order.

    Parameters
    ----------
    x : vector, ascending (or put so by `sorter`)
    v : tensor
    side : {"left", "right"}
        Before or behind equal elements.
    sorter : vector of integers, optional
        The positions that sort x.
    """
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted knows the sides 'left' and 'right', not {side!r}.")
    x = as_tensor_variable(x)
    return SearchSorted(side)(x if sorter is None else take(x, sorter), as_tensor_variable(v))


@dataclass(frozen=True)
class DistinctPositions(Op):
    """Of the distinct slices along the first axis, in order: the first places, which one each slice is, and how many.

    How many there are depends on the data.
    """

    def __str__(self) -> str:
        return "DistinctPositions"

    def infer(self, x: Variable) -> tuple[TensorType, ...]:
        rows = x.type.shape[0]  # type: ignore[attr-defined]
        return tuple(TensorType("int64", (n,)) for n in (None, rows, None))

    def impl(self, xp: Any, x: Any) -> Any:
        axis = None if x.ndim == 1 else 0
        _, *found = xp.unique(x, return_index=True, return_inverse=True, return_counts=True, axis=axis)
        return tuple(f.reshape(-1).astype("int64") for f in found)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[None]:
        return [None]


def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
) -> Any:
    """The distinct elements of a tensor, ascending (or the distinct slices along `axis`), as ``numpy.unique``.

    Parameters
    ----------
    ar : tensor
    return_index, return_inverse, return_counts : bool
        Whether to return also where each came first, which of them each element is, and how often it came.
    axis : int, optional

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> values, counts = pt.unique([3, 1, 3], return_counts=True)
    >>> values.eval(), counts.eval()
    (array([1, 3]), array([1, 2]))
    """
    x = as_tensor_variable(ar)
    place = 0 if axis is None else normalize_axis(axis, x.ndim)
    rows = ravel(x) if axis is None else moveaxis(x, place, 0)
    index, inverse, counts = DistinctPositions()(rows)  # type: ignore[misc]
    values = moveaxis(take(rows, index, 0), 0, place) if axis is not None else take(rows, index, 0)
    if axis is None and x.ndim != 1:
        inverse = reshape(inverse, [x.shape[i] for i in range(x.ndim)])
    extra = [v for v, want in zip((index, inverse, counts), (return_index, return_inverse, return_counts), strict=True)
             if want]
    return [values, *extra] if extra else values


def permute_row_elements(x: Any, y: Any, inverse: bool = False) -> TensorVariable:
    """The elements of each row (last axis) of x in the order of the permutation `y`, one for all rows or one each.

    With `inverse` the elements go back to where such a permutation took them from.
    """
    x, y = as_tensor_variable(x), as_tensor_variable(y)
    y = inverse_permutation(y) if inverse else y
    if y.ndim == 1:
        return take(x, y, x.ndim - 1)
    return take_along_axis(x, y, -1)


def topk_and_argtopk(x: Any, kth: int, axis: int | None = -1) -> tuple[TensorVariable, TensorVariable]:
    """The `kth` largest elements of x along an axis (None: flattened), the largest first, and their positions.

    A negative `kth` takes the smallest instead, the smallest first. NaN counts as largest, as `sort` has it.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> values, positions = topk_and_argtopk(pt.constant([3.0, 1.0, 2.0]), 2)
    >>> values.eval(), positions.eval()
    (array([3., 2.]), array([0, 2]))
    """
    x = as_tensor_variable(x)
    if axis is None:
        x, axis = x.flatten(), 0
    place = normalize_axis(axis, x.ndim)
    length = x.type.shape[place]
    if not isinstance(kth, int) or kth == 0 or (length is not None and abs(kth) > length):
        raise ValueError(f"topk takes 1 to {length or 'all'} elements, largest or (negative) smallest, not {kth!r}.")
    order = argsort(x, place)
    last = slice(-1, -kth - 1, -1) if kth > 0 else slice(0, -kth)
    positions = order[(slice(None),) * place + (last,)]
    return take_along_axis(x, positions, place), positions


def topk(x: Any, kth: int, axis: int | None = -1) -> TensorVariable:
    """The `kth` largest elements of x along an axis; see :func:`topk_and_argtopk`."""
    return topk_and_argtopk(x, kth, axis)[0]


def argtopk(x: Any, kth: int, axis: int | None = -1) -> TensorVariable:
    """The positions of the `kth` largest elements of x along an axis; see :func:`topk_and_argtopk`."""
    return topk_and_argtopk(x, kth, axis)[1]


def inverse_permutation(perm: Any) -> TensorVariable:
    """The permutation that undoes `perm` (of each row, where there are several)."""
    perm = as_tensor_variable(perm)
    if not perm.dtype.startswith(("int", "uint")):
        raise TypeError(f"A permutation holds integers, not {perm.dtype}.")
    return perm.argsort(-1)
