"""Numbers by name, tests and rounding of elements, and choice among several tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.tensor.arithmetic import (
    bitwise_and,
    clip,
    floor_div,
    ge,
    gt,
    isclose,
    isinf,
    isnan,
    lt,
    mod,
    neg,
    round_half_to_even,
    sign,
    switch,
    trunc,
)
from pellucid.tensor.elementwise import cast
from pellucid.tensor.index import nonzero
from pellucid.tensor.indexing import take_along_axis
from pellucid.tensor.operators import method
from pellucid.tensor.reduce import all as all_
from pellucid.tensor.shape import broadcast_arrays, expand_dims, stack
from pellucid.tensor.types import TensorVariable, as_operands, as_tensor_variable

e, pi, euler_gamma, inf, nan = math.e, math.pi, float(np.euler_gamma), math.inf, math.nan
newaxis = None


def isposinf(x: Any) -> TensorVariable:
    """Whether x is +infinity."""
    x = as_tensor_variable(x)
    return bitwise_and(isinf(x), gt(x, 0))


def isneginf(x: Any) -> TensorVariable:
    """Whether x is -infinity."""
    x = as_tensor_variable(x)
    return bitwise_and(isinf(x), lt(x, 0))


def nan_to_num(x: Any, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> TensorVariable:
    """x with NaN and infinities replaced: by default by 0, and by the largest and lowest finite numbers.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> pt.nan_to_num([1.0, np.nan]).eval()
    array([1., 0.])
    """
    x = as_tensor_variable(x)
    if not x.dtype.startswith("float"):
        return x
    limits = np.finfo(x.dtype)
    x = switch(isnan(x), nan, x)
    x = switch(isposinf(x), float(limits.max) if posinf is None else posinf, x)
    return switch(isneginf(x), float(limits.min) if neginf is None else neginf, x)


def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> TensorVariable:
    """Whether all elements are close in the sense of :func:`isclose`."""
    return all_(isclose(a, b, rtol, atol, equal_nan))


@method
def round_half_away_from_zero(x: Any) -> TensorVariable:
    """The nearest integer, ties away from zero."""
    x = as_tensor_variable(x)
    if not x.dtype.startswith("float"):
        return x
    whole = trunc(x)  # x + 0.5 would round 0.49999999999999994 up
    return switch(ge(abs(x - whole), 0.5), whole + sign(x), whole)


def iround(x: Any, mode: str = "half_to_even") -> TensorVariable:
    """The nearest integer as int64; `mode` says where ties go: "half_to_even" or "half_away_from_zero"."""
    modes = {"half_to_even": round_half_to_even, "half_away_from_zero": round_half_away_from_zero}
    if mode not in modes:
        raise ValueError(f"iround knows the modes {', '.join(modes)}, not {mode!r}.")
    return cast(modes[mode](as_tensor_variable(x)), "int64")


def where(condition: Any, ift: Any = None, iff: Any = None) -> Any:
    """`ift` where the condition holds, `iff` elsewhere; of a condition alone the positions where it holds."""
    if ift is None and iff is None:
        return nonzero(condition)
    return switch(condition, ift, iff)


def ceil_intdiv(a: Any, b: Any) -> TensorVariable:
    """The smallest integer not below a / b, for integers."""
    a, b = as_operands([a, b])
    return neg(floor_div(neg(a), b))


def divmod(a: Any, b: Any) -> tuple[TensorVariable, TensorVariable]:
    """The quotient rounded down, and the remainder."""
    return floor_div(a, b), mod(a, b)


def smallest(*args: Any) -> TensorVariable:
    """The smallest of several tensors, element by element."""
    return stack(broadcast_arrays(*args)).min(0)


def largest(*args: Any) -> TensorVariable:
    """The largest of several tensors, element by element."""
    return stack(broadcast_arrays(*args)).max(0)


@method
def choose(a: Any, choices: Sequence[Any] | TensorVariable, mode: str = "raise") -> TensorVariable:
    """For each element of `a`, the element at that place of the choice with that number.

    Parameters
    ----------
    a : integers
    choices : sequence of tensors, or a tensor whose first axis counts them
        They broadcast with one another and with `a`.
    mode : {"raise", "wrap", "clip"}
        What becomes of numbers that name no choice: an IndexError, the rest of a division, the nearest choice.
    """
    a = as_tensor_variable(a)
    if isinstance(choices, TensorVariable):
        choices = list(choices)
    a, *parts = broadcast_arrays(a, *choices)
    count = len(parts)
    fits = {
        "raise": lambda: switch(lt(a, 0), count, a),  # a negative number would count from the end
        "wrap": lambda: mod(a, count),
        "clip": lambda: clip(a, 0, count - 1),
    }
    if mode not in fits:
        raise ValueError(f"choose knows the modes {', '.join(fits)}, not {mode!r}.")
    return take_along_axis(stack(parts), expand_dims(fits[mode](), 0), 0)[0]


