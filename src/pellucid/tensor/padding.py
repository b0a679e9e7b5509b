"""Tensors made longer at their ends (`pad`, with NumPy's modes), or turned around (`flip`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.tensor.arithmetic import clip, lt, maximum, mod, round_half_to_even, switch
from pellucid.tensor.create import arange, full
from pellucid.tensor.elementwise import cast
from pellucid.tensor.indexing import take
from pellucid.tensor.shape import concatenate, dim, dimshuffle, expand_dims, normalize_axes
from pellucid.tensor.types import TensorVariable, as_tensor_variable

Pair = tuple[Any, Any]


def flip(arr: Any, axis: int | Sequence[int] | None = None) -> TensorVariable:
    """The elements in reverse order along `axis` (default: all axes)."""
    x = as_tensor_variable(arr)
    axes = normalize_axes(axis, x.ndim)
    return x[tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(x.ndim))] if axes else x


def pairs(given: Any, ndim: int, what: str) -> list[Pair]:
    """NumPy's short forms, one value, (before, after) or one pair for each axis, as a pair for each axis."""
    if not isinstance(given, (tuple, list, np.ndarray)):
        return [(given, given)] * ndim
    rows = [tuple(r) if isinstance(r, (tuple, list, np.ndarray)) else r for r in given]
    if all(isinstance(r, tuple) for r in rows) and len(rows) in (1, ndim):
        rows = [r if len(r) == 2 else (r[0], r[0]) for r in rows]
        return rows * ndim if len(rows) == 1 else rows
    if len(rows) <= 2 and not any(isinstance(r, tuple) for r in rows):
        return [(rows[0], rows[-1])] * ndim
    raise ValueError(f"{what} must be one value, (before, after), or such a pair for each of {ndim} axes: {given!r}.")


def along(x: TensorVariable, axis: int, part: slice) -> TensorVariable:
    """A slice of one axis."""
    return x[(slice(None),) * axis + (part,)]


def length(x: TensorVariable, axis: int) -> Any:
    """The length of an axis: a number where it is static."""
    n = x.type.shape[axis]
    return dim(x, axis) if n is None else n


def pad(x: Any, pad_width: Any, mode: str = "constant", **options: Any) -> TensorVariable:
    """x with more elements before and after along each axis, as ``numpy.pad``.

    Parameters
    ----------
    x : tensor
    pad_width : how many: one number, (before, after), or one such pair for each axis
    mode : str
        "constant", "edge", "linear_ramp", "maximum", "mean", "minimum", "reflect", "symmetric" or "wrap".
    **options
        ``constant_values`` (constant), ``end_values`` (linear_ramp), ``stat_length`` (maximum, mean, minimum),
        ``reflect_type="even"`` (reflect, symmetric).

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> pt.pad([1, 2, 3], 2, mode="reflect").eval()
    array([3, 2, 1, 2, 3, 2, 1])
    """
    x = as_tensor_variable(x)
    if mode not in MODES:
        raise ValueError(f"pad knows the modes {', '.join(MODES)}, not {mode!r}.")
    make, option, default = MODES[mode]
    unknown = set(options) - {option}
    if unknown:
        raise TypeError(f"pad with mode={mode!r} does not take {', '.join(sorted(unknown))}.")
    value = options.get(option, default) if option else None
    if option == "reflect_type":
        if value != "even":
            raise NotImplementedError(f"pad reflects with reflect_type='even' only, not {value!r}.")
        value = None
    values = pairs(value, x.ndim, option or mode)
    for axis, (before, after) in enumerate(pairs(pad_width, x.ndim, "pad_width")):
        if not (is_zero(before) and is_zero(after)):
            x = make(x, axis, before, after, values[axis])
    return x


def is_zero(n: Any) -> bool:
    """Whether a width is the number 0."""
    return isinstance(n, (int, np.integer)) and n == 0


def ends(x: TensorVariable, axis: int, before: Any, after: Any, values: Pair) -> TensorVariable:
    """x between values repeated along an axis."""
    blocks = []
    for width, value in ((before, values[0]), (after, values[1])):
        shape = [width if a == axis else length(x, a) for a in range(x.ndim)]
        blocks.append(full(shape, cast(value, x.dtype)))
    return concatenate([blocks[0], x, blocks[1]], axis)


def mapped(place: Any) -> Any:
    """A mode in which each new element is one of x: `place` says which, for positions that may lie outside."""

    def make(x: TensorVariable, axis: int, before: Any, after: Any, values: Pair) -> TensorVariable:
        n = length(x, axis)
        return take(x, place(arange(n + before + after) - before, n), axis)

    return make


def reflected(i: Any, n: Any) -> Any:
    """Positions mirrored at the end elements, which are not repeated."""
    last = maximum(n - 1, 0) if isinstance(n, TensorVariable) else max(n - 1, 0)
    period = maximum(2 * last, 1) if isinstance(n, TensorVariable) else max(2 * last, 1)
    i = mod(i, period)
    return switch(lt(i, last + 1), i, period - i)


def mirrored(i: Any, n: Any) -> Any:
    """Positions mirrored at the ends, so that the end elements come twice."""
    i = mod(i, 2 * n)
    return switch(lt(i, n), i, 2 * n - 1 - i)


def statistic(name: str) -> Any:
    """A mode in which the new elements are a statistic of the first (or last) elements of x."""

    def make(x: TensorVariable, axis: int, before: Any, after: Any, values: Pair) -> TensorVariable:
        first = x if values[0] is None else along(x, axis, slice(None, values[0]))
        last = x if values[1] is None else flip(along(flip(x, axis), axis, slice(None, values[1])), axis)
        sides = [summary(name, part, axis) for part in (first, last)]
        return ends(x, axis, before, after, (expand_dims(sides[0], axis), expand_dims(sides[1], axis)))

    return make


def summary(name: str, part: TensorVariable, axis: int) -> TensorVariable:
    """A statistic along one axis; a mean of integers is rounded."""
    found = getattr(part, name)(axis)
    return round_half_to_even(found) if part.dtype.startswith(("int", "uint")) else found


def ramp(x: TensorVariable, axis: int, before: Any, after: Any, values: Pair) -> TensorVariable:
    """x between straight lines from its ends to the given values."""
    pattern = ["x" if a != axis else 0 for a in range(x.ndim)]
    blocks = []
    for width, value, edge in ((before, values[0], 0), (after, values[1], -1)):
        steps = cast(dimshuffle(arange(width), *pattern), "float64")
        end = expand_dims(x[(slice(None),) * axis + (edge,)], axis)
        line = value + (end - value) * (steps / cast(width, "float64"))
        blocks.append(cast(line, x.dtype))
    return concatenate([blocks[0], x, flip(blocks[1], axis)], axis)


MODES: dict[str, tuple[Any, str | None, Any]] = {
    "constant": (ends, "constant_values", 0),
    "edge": (mapped(lambda i, n: clip(i, 0, n - 1)), None, None),
    "linear_ramp": (ramp, "end_values", 0),
    "maximum": (statistic("max"), "stat_length", None),
    "mean": (statistic("mean"), "stat_length", None),
    "minimum": (statistic("min"), "stat_length", None),
    "reflect": (mapped(reflected), "reflect_type", "even"),
    "symmetric": (mapped(mirrored), "reflect_type", "even"),
    "wrap": (mapped(mod), None, None),
}
"""For each mode how one axis is padded, its option and that option's default."""
