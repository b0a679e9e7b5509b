"""Make tensors: symbolic inputs, filled tensors, ranges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.nodes import Op, Variable
from pellucid.tensor.arithmetic import ceil, eq, ge, maximum, switch
from pellucid.tensor.broadcast import Extent
from pellucid.tensor.elementwise import cast
from pellucid.tensor.operators import method
from pellucid.tensor.shape import Read, broadcast_to, dim, expand_dims
from pellucid.tensor.types import (
    TensorType,
    TensorVariable,
    as_operands,
    as_tensor_variable,
    canonical_dtype,
    constant,
    static_value,
)


def tensor(
    name: str | None = None,
    *,
    dtype: Any = "float64",
    shape: Sequence[int | None] | None = None,
    ndim: int | None = None,
) -> TensorVariable:
    """A symbolic tensor: an input to be given a value later.

    Parameters
    ----------
    name : str, optional
    dtype : str
    shape : sequence of int or None
        The static shape; None for a length that is not known yet. Give this or `ndim`.
    ndim : int
        The number of axes, all of unknown length.

    Examples
    --------
    >>> tensor("X", shape=(None, 3)).type
    TensorType('float64', (None, 3))
    """
    if shape is None:
        if ndim is None:
            raise TypeError("pt.tensor needs shape=(...) or ndim=...; use None for lengths that are not known yet.")
        shape = (None,) * ndim
    static = tuple(None if n is None else int(n) for n in ((shape,) if isinstance(shape, int) else shape))
    return TensorType(canonical_dtype(dtype), static).variable(name=name)


NAMED_SHAPES: dict[str, tuple[int | None, ...]] = {
    "scalar": (),
    "vector": (None,),
    "matrix": (None, None),
    "row": (1, None),
    "col": (None, 1),
    "tensor3": (None,) * 3,
    "tensor4": (None,) * 4,
    "tensor5": (None,) * 5,
    "tensor6": (None,) * 6,
    "tensor7": (None,) * 7,
}
DTYPE_LETTERS = {
    "b": "int8",
    "w": "int16",
    "i": "int32",
    "l": "int64",
    "f": "float32",
    "d": "float64",
    "c": "complex64",
    "z": "complex128",
}


def constructor(kind: str, fixed: str | None = None) -> Any:
    """The function that makes inputs of one named shape (and, when `fixed`, of one dtype)."""
    static = NAMED_SHAPES[kind]

    def make(
        name: str | None = None, *, dtype: Any = fixed or "float64", shape: Sequence[int | None] | None = None
    ) -> TensorVariable:
        chosen = static if shape is None else tuple(shape)
        if len(chosen) != len(static):
            raise ValueError(f"A {kind} has {len(static)} axes, so its shape cannot be {chosen}.")
        return TensorType(canonical_dtype(dtype), chosen).variable(name=name)

    make.__name__ = make.__qualname__ = kind
    make.__doc__ = f"A symbolic {kind}{f' of {fixed}' if fixed else ''}: an input to be given a value later."
    return make


def plural(make: Any) -> Any:
    """The function that makes several inputs at once, by names or by number."""

    def several(*names: Any, dtype: Any = None) -> list[TensorVariable]:
        wanted = [None] * names[0] if len(names) == 1 and isinstance(names[0], int) else list(names)
        return [make(n) if dtype is None else make(n, dtype=dtype) for n in wanted]

    several.__name__ = several.__qualname__ = f"{make.__name__}s"
    several.__doc__ = f"Several of what :func:`{make.__name__}` makes: ``x, y = {make.__name__}s('x', 'y')``."
    return several


CONSTRUCTORS: dict[str, Any] = {}
for _kind in NAMED_SHAPES:
    CONSTRUCTORS[_kind] = constructor(_kind)
    CONSTRUCTORS["matrices" if _kind == "matrix" else f"{_kind}s"] = plural(CONSTRUCTORS[_kind])
    for _letter, _dtype in DTYPE_LETTERS.items():
        _name = _letter + ("matrices" if _kind == "matrix" else f"{_kind}s")
        CONSTRUCTORS[_letter + _kind] = constructor(_kind, _dtype)
        CONSTRUCTORS[_name] = plural(CONSTRUCTORS[_letter + _kind])
scalar, vector, matrix, row, col = (CONSTRUCTORS[k] for k in ("scalar", "vector", "matrix", "row", "col"))


def full(shape: Any, fill_value: Any, dtype: Any = None) -> TensorVariable:
    """A tensor of a shape, every element `fill_value`."""
    value = as_tensor_variable(fill_value)
    return broadcast_to(value if dtype is None else cast(value, dtype), shape)


def zeros(shape: Any, dtype: Any = "float64") -> TensorVariable:
    """A tensor of zeros."""
    return full(shape, np.zeros((), canonical_dtype(dtype)))


def ones(shape: Any, dtype: Any = "float64") -> TensorVariable:
    """A tensor of ones."""
    return full(shape, np.ones((), canonical_dtype(dtype)))


empty = zeros  # what an empty tensor holds is unspecified: zeros will do


def alloc(value: Any, *lengths: Any) -> TensorVariable:
    """`value` stretched to the shape made of `lengths`."""
    return broadcast_to(as_tensor_variable(value), lengths)


def extents_of(x: TensorVariable) -> list[TensorVariable]:
    """The lengths of x as integer scalars."""
    return [dim(x, i) for i in range(x.ndim)]


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> TensorVariable:
    """A tensor of the shape and (by default) dtype of x, every element `fill_value`."""
    x = as_tensor_variable(x)
    return full(extents_of(x), fill_value, dtype or x.dtype)


@method
def zeros_like(x: Any, dtype: Any = None) -> TensorVariable:
    """Zeros of the shape of x."""
    return full_like(x, 0, dtype)


def ones_like(x: Any, dtype: Any = None) -> TensorVariable:
    """Ones of the shape of x."""
    return full_like(x, 1, dtype)


empty_like = zeros_like


@dataclass(frozen=True)
class ARange(Op):
    """Evenly spaced values: (start, step, length)."""

    lowering = "inline"

    dtype: str

    def __str__(self) -> str:
        return "ARange"

    def infer(self, start: Variable, step: Variable, length: Variable) -> tuple[TensorType]:
        return (TensorType(self.dtype, (static_value(length),)),)

    def infer_shape(self, inputs: Sequence[Variable], extents: Any) -> list[tuple[Extent, ...]]:
        n = static_value(inputs[2])
        return [(inputs[2] if n is None else n,)]

    def impl(self, xp: Any, start: Any, step: Any, length: Any) -> Any:
        return (start + step * xp.arange(int(length))).astype(self.dtype)

    def at(self, k: Any, index: tuple[Any, ...], start: Any, step: Any, length: Any) -> Read:
        first = yield start, ()
        stride = yield step, ()
        i = k.cast(index[0], self.dtype)
        return k.add(k.cast(first, self.dtype), k.mul(k.cast(stride, self.dtype), i))

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable | None]:
        (g,), (_, _, length) = gradients, inputs
        return [g.sum(), (g * arange(length)).sum(), None]


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> TensorVariable:
    """Values from `start` (default 0) up to, not including, `stop` in steps of `step`, as NumPy's arange."""
    if stop is None:
        start, stop = 0, start
    start, stop, step = as_operands([start, stop, step])
    kind = (
        canonical_dtype(dtype)
        if dtype is not None
        else np.result_type(*[np.dtype(v.dtype) for v in (start, stop, step)]).name
    )
    numbers = [static_value(v) for v in (start, stop, step)]
    if None not in numbers:
        a, b, s = numbers
        if s == 0:
            raise ValueError("The step of arange must not be 0.")
        n = -((a - b) // s) if isinstance(b - a, int) and isinstance(s, int) else math.ceil((b - a) / s)
        return ARange(kind)(start, step, constant(max(0, n), dtype="int64"))
    length = cast(maximum(ceil((stop - start) / step), 0), "int64")
    if numbers[0] == 0 and numbers[2] == 1 and stop.dtype.startswith("int"):
        length = maximum(cast(stop, "int64"), 0)
    return ARange(kind)(start, step, length)


def linspace(start: Any, end: Any, steps: int = 50, endpoint: bool = True) -> TensorVariable:  # NumPy's signature
    """`steps` evenly spaced values from `start` to `end`."""
    start, end = as_operands([start, end])
    gap = (end - start) / max(steps - 1 if endpoint else steps, 1)
    return ARange("float64")(cast(start, "float64"), cast(gap, "float64"), constant(steps, dtype="int64"))


def eye(n: Any, m: Any = None, k: int = 0, dtype: Any = "float64") -> TensorVariable:
    """An n by m matrix with ones on the diagonal `k`."""
    rows = expand_dims(arange(as_tensor_variable(n)), 1)
    columns = expand_dims(arange(as_tensor_variable(n if m is None else m)), 0)
    return cast(eq(columns - rows, k), dtype)


def identity(n: Any, dtype: Any = "float64") -> TensorVariable:
    """The identity matrix of size n."""
    return eye(n, dtype=dtype)


def tri(N: Any, M: Any = None, k: int = 0, dtype: Any = "float64") -> TensorVariable:
    """An N by M matrix with ones at and below the diagonal `k`."""
    rows = expand_dims(arange(as_tensor_variable(N)), 1)
    columns = expand_dims(arange(as_tensor_variable(N if M is None else M)), 0)
    return cast(ge(rows + k, columns), dtype)


def tril(x: Any, k: int = 0) -> TensorVariable:
    """x with zeros above the diagonal `k` of its last two axes."""
    x = as_tensor_variable(x)
    return switch(tri(dim(x, x.ndim - 2), dim(x, x.ndim - 1), k, "bool"), x, np.zeros((), x.dtype))


def triu(x: Any, k: int = 0) -> TensorVariable:
    """x with zeros below the diagonal `k` of its last two axes."""
    x = as_tensor_variable(x)
    return switch(tri(dim(x, x.ndim - 2), dim(x, x.ndim - 1), k - 1, "bool"), np.zeros((), x.dtype), x)


@method
def fill(x: Any, value: Any) -> TensorVariable:
    """`value` stretched to the shape of x."""
    return broadcast_to(as_tensor_variable(value), extents_of(as_tensor_variable(x)))


second = fill
