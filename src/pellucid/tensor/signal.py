"""Convolution, interpolation between data points, and a window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.tensor.arithmetic import clip, eq, ge, gt, le, lt, maximum, minimum, mod, switch
from pellucid.tensor.broadcast import name_with_shape
from pellucid.tensor.create import arange
from pellucid.tensor.elementwise import cast
from pellucid.tensor.indexing import take
from pellucid.tensor.padding import length, pad
from pellucid.tensor.shape import concatenate, dimshuffle, expand_dims
from pellucid.tensor.statistics import as_floating, searchsorted
from pellucid.tensor.types import TensorVariable, as_operands, as_tensor_variable

BOUNDARIES = {"fill": "constant", "wrap": "wrap", "symm": "symmetric"}


def convolve1d(in1: Any, in2: Any, mode: str = "full") -> TensorVariable:
    """The convolution sum_j in1[i - j] in2[j] along the last axis; leading axes broadcast.

    Parameters
    ----------
    in1, in2 : tensors of at least one axis
    mode : {"full", "valid", "same"}
        All sums, those that need no elements beyond the ends, or as many as `in1` is long (from the middle).

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> pt.signal.convolve1d([1, 2, 3], [0, 1]).eval()
    array([0, 1, 2, 3])
    """
    x, h = as_operands([in1, in2])
    if x.ndim == 0 or h.ndim == 0:
        raise ValueError(f"convolve1d needs vectors, not {name_with_shape(x)} and {name_with_shape(h)}.")
    n, m = length(x, x.ndim - 1), length(h, h.ndim - 1)
    padded = pad(x, [(0, 0)] * (x.ndim - 1) + [(m - 1, m - 1)])
    windows = take(padded, window_positions(n, m), x.ndim - 1)
    return (windows * expand_dims(h, -2)).sum(-1)[..., part_of(mode, n, m)]


def window_positions(n: Any, m: Any) -> TensorVariable:
    """For each sum of a full convolution, and each element of the second factor, the place in the padded first one."""
    sums, terms = arange(n + m - 1), arange(m)
    return dimshuffle(sums, 0, "x") + (m - 1 - dimshuffle(terms, "x", 0))


def part_of(mode: str, n: Any, m: Any) -> slice:
    """The part of a full convolution of lengths n and m that a mode keeps."""
    if mode == "full":
        return slice(None)
    if mode == "same":
        first = (m - 1) // 2
        return slice(first, first + n)
    if mode == "valid":
        small, large = smaller_and_larger(n, m)
        return slice(small - 1, large)
    raise ValueError(f"A convolution knows the modes 'full', 'valid' and 'same', not {mode!r}.")


def smaller_and_larger(n: Any, m: Any) -> tuple[Any, Any]:
    """Two lengths in order."""
    if isinstance(n, int) and isinstance(m, int):
        return min(n, m), max(n, m)
    return minimum(n, m), maximum(n, m)


def convolve2d(
    in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0, method: str = "auto"
) -> TensorVariable:
    """The convolution along the last two axes; leading axes broadcast.

    Parameters
    ----------
    in1, in2 : tensors of at least two axes
    mode : {"full", "valid", "same"}
    boundary : {"fill", "wrap", "symm"}
        What stands beyond the edges of `in1`: `fillvalue`, its other side, or its mirror image.
    method : str
        For PyTensor's callers: sums are computed directly.
    """
    x, h = as_operands([in1, in2])
    if x.ndim < 2 or h.ndim < 2:
        raise ValueError(f"convolve2d needs matrices, not {name_with_shape(x)} and {name_with_shape(h)}.")
    if boundary not in BOUNDARIES:
        raise ValueError(f"convolve2d knows the boundaries {', '.join(BOUNDARIES)}, not {boundary!r}.")
    lengths = [(length(x, x.ndim - i), length(h, h.ndim - i)) for i in (2, 1)]
    options = {"constant_values": fillvalue} if boundary == "fill" else {}
    widths = [(0, 0)] * (x.ndim - 2) + [(m - 1, m - 1) for _, m in lengths]
    padded = pad(x, widths, BOUNDARIES[boundary], **options)
    rows, columns = (window_positions(n, m) for n, m in lengths)
    windows = padded[..., dimshuffle(rows, 0, "x", 1, "x"), dimshuffle(columns, "x", 0, "x", 1)]
    total = (windows * expand_dims(h, (-4, -3))).sum((-2, -1))
    return total[(..., *(part_of(mode, n, m) for n, m in lengths))]


def bartlett(M: Any) -> TensorVariable:
    """The triangular window of M points: 1 - |2 n / (M - 1) - 1|."""
    m = as_tensor_variable(M)
    n = cast(arange(m), "float64")
    return 1.0 - abs(2.0 * n / cast(maximum(m - 1, 1), "float64") - switch(eq(m, 1), 0.0, 1.0))


def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: float | None = None
) -> TensorVariable:
    """The piecewise linear function through the points (xp, fp), at x, as ``numpy.interp``.

    Parameters
    ----------
    x : tensor
    xp, fp : vectors of one length
        `xp` ascending, unless there is a period.
    left, right : scalar, optional
        The value below ``xp[0]`` (default ``fp[0]``) and above ``xp[-1]`` (default ``fp[-1]``).
    period : float, optional
        Of x: `xp` is taken modulo the period, and `left` and `right` do not matter.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> pt.interp([0.5, 9.0], [0.0, 1.0], [10.0, 20.0]).eval()
    array([15., 20.])
    """
    x, xp, fp = (as_floating(as_tensor_variable(v)) for v in (x, xp, fp))
    if xp.ndim != 1 or fp.ndim != 1:
        raise ValueError(f"interp takes two vectors of points, not {name_with_shape(xp)}, {name_with_shape(fp)}.")
    if period is not None:
        x, xp, fp = unrolled(x, xp, fp, abs(period))
    knots = Knots(xp, fp, searchsorted(xp, x, "right"))
    inside = switch(eq(x, xp[-1]), fp[-1], knots.line(x))
    below = switch(lt(x, xp[0]), fp[0] if left is None else left, inside)
    return switch(gt(x, xp[-1]), fp[-1] if right is None else right, below)


def unrolled(x: TensorVariable, xp: TensorVariable, fp: TensorVariable, period: float) -> tuple[TensorVariable, ...]:
    """Points of a periodic function within one period, with one more at either end."""
    xp = mod(xp, period)
    order = xp.argsort()
    xp, fp = xp[order], fp[order]
    return (
        mod(x, period),
        concatenate([xp[-1:] - period, xp, xp[:1] + period]),
        concatenate([fp[-1:], fp, fp[:1]]),
    )


class Knots:
    """Points (x, y), and for queries how many x lie below."""

    def __init__(self, x: TensorVariable, y: TensorVariable, rank: TensorVariable):
        self.x, self.y, self.rank = x, y, rank
        n = length(x, 0)
        self.after = clip(rank, 1, n - 1)  # of the interval used, also beyond the ends
        self.left, self.right = clip(rank - 1, 0, n - 1), clip(rank, 0, n - 1)

    def line(self, at: TensorVariable) -> TensorVariable:
        """The line through the two points around a query."""
        x0, x1 = self.x[self.after - 1], self.x[self.after]
        y0, y1 = self.y[self.after - 1], self.y[self.after]
        return y0 + (at - x0) * ((y1 - y0) / (x1 - x0))

    def nearest(self, at: TensorVariable) -> TensorVariable:
        """The value of the nearer point, of the left one where both are as near."""
        x0, x1 = self.x[self.after - 1], self.x[self.after]
        return switch(le(at - x0, x1 - at), self.y[self.after - 1], self.y[self.after])

    def middle(self, at: TensorVariable) -> TensorVariable:
        """The mean value of the two points around a query."""
        return (self.y[self.after - 1] + self.y[self.after]) / 2


METHODS: dict[str, Callable[[Knots, TensorVariable], TensorVariable]] = {
    "linear": Knots.line,
    "nearest": Knots.nearest,
    "first": lambda knots, at: knots.y[knots.left],
    "last": lambda knots, at: knots.y[knots.right],
    "mean": Knots.middle,
}


def interpolate1d(
    x: Any,
    y: Any,
    method: str = "linear",
    left_pad: Any = None,
    right_pad: Any = None,
    extrapolate: bool = True,
) -> Callable[[Any], TensorVariable]:
    """The function that interpolates between the points (x, y).

    Parameters
    ----------
    x, y : vectors of one length
        The points, in any order.
    method : {"linear", "nearest", "first", "last", "mean"}
        A line between neighbours, the value of the nearer one, of the left one, of the right one, or their mean.
    left_pad, right_pad : scalar, optional
        With ``extrapolate=False`` the values beyond the ends; by default those of the end points.
    extrapolate : bool
        Whether the rule of the outermost interval holds beyond it.
    """
    if method not in METHODS:
        raise ValueError(f"interpolate1d knows the methods {', '.join(METHODS)}, not {method!r}.")
    x, y = as_floating(as_tensor_variable(x)), as_floating(as_tensor_variable(y))
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError(f"interpolate1d takes two vectors, not {name_with_shape(x)} and {name_with_shape(y)}.")
    order = x.argsort()
    x, y = x[order], y[order]

    def interpolated(at: Any) -> TensorVariable:
        at = as_floating(as_tensor_variable(at))
        knots = Knots(x, y, searchsorted(x, at))
        inside = METHODS[method](knots, at)
        if extrapolate:
            return inside
        below = switch(eq(knots.rank, 0), y[0] if left_pad is None else left_pad, inside)
        return switch(ge(knots.rank, length(x, 0)), y[-1] if right_pad is None else right_pad, below)

    return interpolated


__all__ = ["bartlett", "convolve1d", "convolve2d", "interp", "interpolate1d"]
