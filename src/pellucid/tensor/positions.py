"""Positions: of triangles and diagonals, flat and by axes, of what is not zero, and grids of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.tensor.arithmetic import bitwise_or, clip, floor_div, ge, logical_not, lt, mod, switch
from pellucid.tensor.broadcast import name_with_shape
from pellucid.tensor.check import CheckAndRaise
from pellucid.tensor.create import arange, linspace, tri
from pellucid.tensor.elementwise import cast
from pellucid.tensor.index import nonzero
from pellucid.tensor.indexing import diagonal, take
from pellucid.tensor.operators import method
from pellucid.tensor.shape import broadcast_arrays, dim, dimshuffle, ravel, stack
from pellucid.tensor.transcendental import exp, log
from pellucid.tensor.types import TensorVariable, as_operands, as_tensor_variable

extract_diag = diagonal


def flatnonzero(a: Any) -> TensorVariable:
    """The positions of the elements that are not zero, in the flattened tensor."""
    return nonzero(ravel(as_tensor_variable(a)))[0]


@method
def nonzero_values(a: Any) -> TensorVariable:
    """The elements that are not zero, as a vector."""
    flat = ravel(as_tensor_variable(a))
    return take(flat, nonzero(flat)[0], 0)


@method
def compress(condition: Any, x: Any, axis: int | None = None) -> TensorVariable:
    """The slices of x along `axis` (default: elements of the flattened x) where the vector `condition` holds."""
    return take(x, flatnonzero(condition), axis)


def slice_at_axis(sl: slice, axis: int) -> tuple[Any, ...]:
    """The index that slices one axis: ``x[slice_at_axis(slice(1, 3), -1)]``."""
    return (slice(None),) * axis + (sl,) if axis >= 0 else (..., sl) + (slice(None),) * (-1 - axis)


def tril_indices(n: Any, k: int = 0, m: Any = None) -> tuple[TensorVariable, ...]:
    """The rows and columns of an n by m matrix at and below diagonal `k`."""
    return nonzero(tri(n, m, k, "bool"))


def triu_indices(n: Any, k: int = 0, m: Any = None) -> tuple[TensorVariable, ...]:
    """The rows and columns of an n by m matrix at and above diagonal `k`."""
    return nonzero(~tri(n, m, k - 1, "bool"))


def tril_indices_from(a: Any, k: int = 0) -> tuple[TensorVariable, ...]:
    """The rows and columns of the matrix `a` at and below diagonal `k`."""
    n, m = matrix_lengths(a)
    return tril_indices(n, k, m)


def triu_indices_from(a: Any, k: int = 0) -> tuple[TensorVariable, ...]:
    """The rows and columns of the matrix `a` at and above diagonal `k`."""
    n, m = matrix_lengths(a)
    return triu_indices(n, k, m)


def matrix_lengths(a: Any) -> tuple[TensorVariable, TensorVariable]:
    """The lengths of a matrix."""
    a = as_tensor_variable(a)
    if a.ndim != 2:
        raise ValueError(f"A matrix was expected, not {name_with_shape(a)}.")
    return dim(a, 0), dim(a, 1)


def fill_diagonal(a: Any, val: Any) -> TensorVariable:
    """The tensor `a` with `val` on its diagonal a[i, i, ...]; the axes of more than two must be equally long."""
    a = as_tensor_variable(a)
    if a.ndim < 2:
        raise ValueError(f"fill_diagonal takes a tensor of at least two axes, not {name_with_shape(a)}.")
    if a.ndim == 2:
        return fill_diagonal_offset(a, val, 0)
    i = arange(dim(a, 0))
    return a[(i,) * a.ndim].set(val)


def fill_diagonal_offset(a: Any, val: Any, offset: Any) -> TensorVariable:
    """The matrix `a` with `val` on its diagonal a[i, i + offset]; `offset` may be a symbolic integer."""
    a = as_tensor_variable(a)
    rows, columns = (arange(n) for n in matrix_lengths(a))
    on_diagonal = dimshuffle(columns, "x", 0) - dimshuffle(rows, 0, "x") - offset
    return switch(on_diagonal, a, cast(as_tensor_variable(val), a.dtype))


INSIDE = CheckAndRaise(ValueError, "A position lies outside of the shape that it is to be in")


def ravel_multi_index(multi_index: Any, dims: Any, mode: str = "raise", order: str = "C") -> TensorVariable:
    """Positions by axes as positions in the flattened tensor of shape `dims`.

    Parameters
    ----------
    multi_index : sequence of integer tensors, one for each axis
    dims : sequence of integers
    mode : {"raise", "wrap", "clip"}
        What becomes of positions outside: a ValueError when the function runs, or the nearest ones that are inside.
    order : {"C", "F"}
        Whether the last or the first axis is the fastest.
    """
    lengths, places = list_of(dims), [as_tensor_variable(i) for i in list_of(multi_index)]
    if mode not in ("raise", "wrap", "clip") or order not in ("C", "F"):
        raise ValueError(
            f"ravel_multi_index knows mode='raise', 'wrap', 'clip' and order='C', 'F', not {mode!r}, {order!r}."
        )
    if len(lengths) != len(places):
        raise ValueError(f"ravel_multi_index needs one tensor for each of {len(lengths)} axes, not {len(places)}.")
    outside: Any = None
    total: Any = None
    for place, n in list(zip(places, lengths, strict=True))[:: 1 if order == "C" else -1]:
        if mode == "raise":
            wrong = bitwise_or(lt(place, 0), ge(place, n))
            outside = wrong if outside is None else bitwise_or(outside, wrong)
        i = mod(place, n) if mode == "wrap" else clip(place, 0, n - 1) if mode == "clip" else place
        total = i if total is None else total * n + i
    if outside is None:
        return total
    return INSIDE(total, logical_not(outside))


def unravel_index(indices: Any, dims: Any, order: str = "C") -> list[TensorVariable]:
    """Positions in the flattened tensor of shape `dims` as positions by axes; a ValueError when one lies outside."""
    if order not in ("C", "F"):
        raise ValueError(f"unravel_index knows order='C' and 'F', not {order!r}.")
    rest = as_tensor_variable(indices)
    lengths, found = list_of(dims), []
    rest = INSIDE(rest, ge(rest, 0), lt(rest, math.prod(lengths, start=1)))
    for n in lengths[:: -1 if order == "C" else 1]:
        found.append(mod(rest, n))
        rest = floor_div(rest, n)
    return found[:: -1 if order == "C" else 1]


def list_of(x: Any) -> list[Any]:
    """The elements of a sequence, or of a vector of known length."""
    if isinstance(x, TensorVariable):
        return [x[i] for i in range(x.type.shape[0] or 0)]
    return list(x) if isinstance(x, (Sequence, np.ndarray)) else [x]


class Grid:
    """What ``pt.mgrid`` and ``pt.ogrid`` are: index them with slices, get the coordinates of a grid.

    A step that is an imaginary number ``nj`` asks for n points, both ends among them.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x, y = pt.ogrid[0:3, 0:1:5j]
    >>> x.type.shape, y.type.shape
    ((3, 1), (1, 5))
    """

    def __init__(self, sparse: bool):
        self.sparse = sparse

    def __repr__(self) -> str:
        return f"pellucid.tensor.{'ogrid' if self.sparse else 'mgrid'}"

    def __getitem__(self, index: Any) -> Any:
        slices = index if isinstance(index, tuple) else (index,)
        ranges = [grid_range(s) for s in slices]
        if not isinstance(index, tuple):
            return ranges[0]
        n = len(ranges)
        laid = [dimshuffle(r, *["x"] * i, 0, *["x"] * (n - 1 - i)) for i, r in enumerate(ranges)]
        return laid if self.sparse else list(stack(broadcast_arrays(*as_operands(laid))))


def grid_range(s: slice) -> TensorVariable:
    """The points of one slice of a grid."""
    if not isinstance(s, slice) or s.stop is None:
        raise TypeError(f"A grid is indexed by slices start:stop:step, not {s!r}.")
    start = 0 if s.start is None else s.start
    if isinstance(s.step, complex):
        return linspace(start, s.stop, int(abs(s.step)))
    return arange(start, s.stop, 1 if s.step is None else s.step)


mgrid, ogrid = Grid(sparse=False), Grid(sparse=True)


def meshgrid(*xi: Any, indexing: str = "xy") -> list[TensorVariable]:
    """The coordinates of the grid that vectors span; with ``indexing="ij"`` the first vector runs along axis 0."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid knows indexing='xy' and 'ij', not {indexing!r}.")
    n = len(xi)
    axes = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    parts = [dimshuffle(ravel(as_tensor_variable(x)), *["x"] * a, 0, *["x"] * (n - 1 - a))
             for x, a in zip(xi, axes, strict=True)]
    return broadcast_arrays(*parts)


def logspace(start: Any, end: Any, steps: int = 50, base: float = 10.0, endpoint: bool = True) -> TensorVariable:
    """`steps` values from ``base**start`` to ``base**end``, evenly spaced in their logarithms."""
    return as_tensor_variable(float(base)) ** linspace(start, end, steps, endpoint)


def geomspace(start: Any, end: Any, steps: int = 50, base: float = 10.0, endpoint: bool = True) -> TensorVariable:
    """`steps` positive values from `start` to `end`, each the same multiple of the one before.

    `base` is there for PyTensor's callers: it does not matter.
    """
    start, end = as_operands([start, end])
    gaps = max(steps - 1 if endpoint else steps, 1)
    shares = np.arange(steps) / gaps
    return start * exp(log(end / start) * shares)


def put(a: Any, indices: Any, values: Any) -> TensorVariable:
    """The tensor `a` with `values` at positions of the flattened tensor."""
    a = as_tensor_variable(a)
    flat = ravel(a)[as_tensor_variable(indices)].set(values)
    return flat.reshape([dim(a, i) if n is None else n for i, n in enumerate(a.type.shape)])
