"""Ops that combine many elements into one: sums, extremes and their positions, means and norms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.nodes import Op, Variable
from pellucid.tensor.arithmetic import (
    add,
    as_boolean,
    bitwise_and,
    bitwise_or,
    eq,
    maximum,
    minimum,
    mul,
    neq,
    sqr,
    switch,
)
from pellucid.tensor.broadcast import Extent, shape_error
from pellucid.tensor.elementwise import cast, result_dtype
from pellucid.tensor.operators import method
from pellucid.tensor.shape import dim, dimshuffle, expand_dims, normalize_axes, normalize_axis, reshape
from pellucid.tensor.transcendental import sqrt
from pellucid.tensor.types import TensorType, TensorVariable, as_tensor_variable, canonical_dtype, constant


@dataclass(frozen=True)
class Reduction:
    """How elements combine: one entry for sum, prod, max, ...

    Attributes
    ----------
    combine : Elementwise
        The elementwise op of two elements.
    start : callable
        The value of an empty reduction in a dtype, or None where there is none.
    numpy : str
        The reference's name in the array namespace.
    pullback : callable
        ``(g, out, x, axes) -> gradient of x``, with `g` and `out` already stretched along the reduced axes.
    """

    name: str
    doc: str
    combine: Any
    start: Callable[[np.dtype], Any]
    numpy: str
    pullback: Callable[..., Any]


def lowest(dtype: np.dtype) -> Any:
    """The value below all others of a dtype."""
    if dtype.kind == "f":
        return -np.inf
    return False if dtype.kind == "b" else np.iinfo(dtype).min


def highest(dtype: np.dtype) -> Any:
    """The value above all others of a dtype."""
    if dtype.kind == "f":
        return np.inf
    return True if dtype.kind == "b" else np.iinfo(dtype).max


def _share_of_ties(g: Any, out: Any, x: Any, axes: Sequence[int]) -> Any:
    """Elements that tie share the gradient equally: a subgradient, which the whole of it to each would not be."""
    largest = cast(eq(x, out), g.dtype)
    return g * (largest / expand_dims(sum(largest, tuple(axes)), list(axes)))


REDUCTIONS = {
    r.name: r
    for r in (
        Reduction("sum", "The sum", add, lambda d: d.type(0), "sum", lambda g, out, x, axes: g),
        Reduction(
            "prod", "The product", mul, lambda d: d.type(1), "prod", lambda g, out, x, axes: prod_pullback(g, x, axes)
        ),
        Reduction("max", "The largest element", maximum, lowest, "max", _share_of_ties),
        Reduction("min", "The smallest element", minimum, highest, "min", _share_of_ties),
        Reduction(
            "all", "Whether no element is zero", bitwise_and, lambda d: True, "all", lambda g, out, x, axes: None
        ),
        Reduction(
            "any", "Whether some element is not zero", bitwise_or, lambda d: False, "any", lambda g, out, x, axes: None
        ),
    )
}


@dataclass(frozen=True)
class Reduce(Op):
    """A reduction over some axes, which vanish.

    With `starts` the largest of no elements is the lowest value of the dtype, not an error: what softmax and its kin
    shift by.
    """

    lowering = "reduce"

    name: str
    axes: tuple[int, ...]
    starts: bool = False

    @property
    def reduction(self) -> Reduction:
        """How elements combine."""
        return REDUCTIONS[self.name]

    def __str__(self) -> str:
        return f"{self.name.capitalize()}{{axes={list(self.axes)}}}"

    def infer(self, x: Variable) -> tuple[TensorType]:
        kept = tuple(n for i, n in enumerate(x.type.shape) if i not in self.axes)
        if self.name in ("max", "min") and not self.starts and 0 in [x.type.shape[a] for a in self.axes]:
            raise shape_error(
                f"There is no {self.name} over an axis without elements", [x], f"axes {list(self.axes)} are reduced",
                "Give it elements, or join it with a value that the result may at least have.",
            )  # fmt: skip
        return (TensorType(self.result_dtype(np.dtype(x.type.dtype)), kept),)

    def result_dtype(self, dtype: np.dtype) -> str:
        """NumPy's dtype of the result: small integers and booleans add up in int64."""
        if self.name in ("all", "any"):
            return "bool"
        if self.name in ("sum", "prod") and dtype.kind in "biu":
            return "uint64" if dtype.kind == "u" else "int64"
        return dtype.name

    def infer_shape(self, inputs: Any, extents: Any) -> list[tuple[Extent, ...]]:
        return [tuple(n for i, n in enumerate(extents[0]) if i not in self.axes)]

    def must_agree(self, inputs: Any, extents: Any, outputs: Any) -> Iterable[tuple[Extent, Extent, int]]:
        if self.name in ("max", "min") and not self.starts:  # which do not exist of nothing
            yield from ((n, maximum(n, 1), axis) for axis, n in enumerate(extents[0])
                        if axis in self.axes and not isinstance(n, int))  # fmt: skip

    def impl(self, xp: Any, x: Any) -> Any:
        options = {"initial": self.reduction.start(x.dtype)} if self.starts else {}
        return getattr(xp, self.reduction.numpy)(x, axis=self.axes, **options)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable | None]:
        (x,), (g,), (out,) = inputs, gradients, outputs
        places = list(self.axes)
        return [self.reduction.pullback(expand_dims(g, places), expand_dims(out, places), x, self.axes)]


def prod_pullback(g: Any, x: TensorVariable, axes: tuple[int, ...]) -> TensorVariable:
    """The gradient of a product, right also where elements are zero: the product of the others."""
    zero = eq(x, 0)
    zeros = expand_dims(sum(cast(zero, "int64"), axes), list(axes))
    others = expand_dims(prod(switch(zero, 1.0, x), axes), list(axes))
    no_zero = others / switch(zero, 1.0, x)
    one_zero = switch(zero, others, 0.0)
    return g * switch(eq(zeros, 0), no_zero, switch(eq(zeros, 1), one_zero, 0.0))


def reduce(name: str, x: Any, axis: Any, keepdims: bool, dtype: Any = None) -> TensorVariable:
    """Apply a reduction by name; shared by the public functions below."""
    x = as_tensor_variable(x)
    if dtype is not None:
        x = cast(x, canonical_dtype(dtype))
    axes = normalize_axes(axis, x.ndim)
    if not axes and name in ("sum", "prod", "max", "min"):
        found = cast(x, Reduce(name, ()).result_dtype(np.dtype(x.dtype)))
    else:
        found = Reduce(name, axes)(as_boolean(x) if name in ("all", "any") else x)
    return expand_dims(found, list(axes)) if keepdims and axes else found


@method
def sum(
    x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None
) -> TensorVariable:  # NumPy's signature, and PyTensor's acc_dtype
    """The sum over `axis` (default: all), added up in `acc_dtype` (default: `dtype`) and given as `dtype`."""
    return accumulated("sum", x, axis, dtype, keepdims, acc_dtype)


def accumulated(name: str, x: Any, axis: Any, dtype: Any, keepdims: bool, acc_dtype: Any) -> TensorVariable:
    """A reduction whose dtype while it runs may differ from that of its result."""
    found = reduce(name, x, axis, keepdims, dtype if acc_dtype is None else acc_dtype)
    return found if acc_dtype is None or dtype is None else cast(found, canonical_dtype(dtype))


@method
def prod(
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    acc_dtype: Any = None,
    no_zeros_in_input: bool = False,
) -> TensorVariable:  # NumPy's signature, and PyTensor's last two
    """The product over `axis` (default: all), multiplied in `acc_dtype` (default: `dtype`) and given as `dtype`.

    `no_zeros_in_input` is there for PyTensor's callers: the gradient is right for zeros, too.
    """
    return accumulated("prod", x, axis, dtype, keepdims, acc_dtype)


@method
def max(x: Any, axis: Any = None, keepdims: bool = False) -> TensorVariable:
    """The largest element over `axis` (default: all); NaN if there is one."""
    return reduce("max", x, axis, keepdims)


@method
def min(x: Any, axis: Any = None, keepdims: bool = False) -> TensorVariable:
    """The smallest element over `axis` (default: all); NaN if there is one."""
    return reduce("min", x, axis, keepdims)


@method
def all(x: Any, axis: Any = None, keepdims: bool = False) -> TensorVariable:
    """Whether every element over `axis` (default: all) is nonzero."""
    return reduce("all", x, axis, keepdims)


@method
def any(x: Any, axis: Any = None, keepdims: bool = False) -> TensorVariable:
    """Whether some element over `axis` (default: all) is nonzero."""
    return reduce("any", x, axis, keepdims)


amax, amin = max, min


def count(x: TensorVariable, axes: Sequence[int]) -> Any:
    """The number of elements along some axes: a number where it is static."""
    total: Any = 1
    for a in axes:
        n = x.type.shape[a]
        total = total * (dim(x, a) if n is None else n)
    return total


@method
def mean(x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None) -> TensorVariable:
    """The arithmetic mean over `axis` (default: all), added up in `acc_dtype` (default: `dtype`)."""
    x = as_tensor_variable(x)
    kind = acc_dtype or dtype or (None if x.dtype.startswith(("float", "complex")) else "float64")
    total = sum(x, axis, kind, keepdims)
    found = total / as_count(count(x, normalize_axes(axis, x.ndim)), total.dtype)
    return found if dtype is None else cast(found, canonical_dtype(dtype))


def as_count(n: Any, dtype: str) -> TensorVariable:
    """A number of elements in the dtype it divides."""
    return cast(n, dtype) if isinstance(n, TensorVariable) else constant(np.array(n, dtype))


@method
def var(x: Any, axis: Any = None, ddof: Any = 0, keepdims: bool = False, corrected: bool = False) -> TensorVariable:
    """The variance over `axis` (default: all), with divisor n - ddof.

    `corrected` is there for PyTensor's callers: deviations are always from the mean computed first.
    """
    x = as_tensor_variable(x)
    centred = x - mean(x, axis, keepdims=True)
    n = count(x, normalize_axes(axis, x.ndim))
    total = sum(sqr(centred), axis, keepdims=keepdims)
    return total / as_count(n - ddof, total.dtype)


@method
def std(x: Any, axis: Any = None, ddof: Any = 0, keepdims: bool = False, corrected: bool = False) -> TensorVariable:
    """The standard deviation over `axis` (default: all), with divisor n - ddof."""
    return sqrt(var(x, axis, ddof, keepdims))


@method
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> TensorVariable:
    """The norm of the elements over `axis` (default: all), as one vector: Euclidean, or of order inf, -inf or a number.

    `pt.linalg.norm` has the norms of matrices.
    """
    x = as_tensor_variable(x)
    if ord in (None, 2, "fro"):
        return sqrt(sum(sqr(abs(x) if x.dtype.startswith("complex") else x), axis, keepdims=keepdims))
    if ord in (np.inf, -np.inf):
        return (max if ord > 0 else min)(abs(x), axis, keepdims)
    if ord == 0:
        return sum(cast(neq(x, 0), result_dtype(sqrt, (x.dtype,))), axis, keepdims=keepdims)
    if isinstance(ord, str):
        raise ValueError(f"A vector has no norm of order {ord!r}: use a number, inf or -inf.")  # noqa: TRY004  # as NumPy
    return sum(abs(x) ** ord, axis, keepdims=keepdims) ** (1.0 / ord)


@dataclass(frozen=True)
class ArgReduce(Op):
    """The position of the largest (or smallest) element along one axis; the first of equals."""

    name: str
    axis: int

    def __str__(self) -> str:
        return f"{self.name.capitalize()}{{axis={self.axis}}}"

    def infer(self, x: Variable) -> tuple[TensorType]:
        return (TensorType("int64", tuple(n for i, n in enumerate(x.type.shape) if i != self.axis)),)

    def infer_shape(self, inputs: Any, extents: Any) -> list[tuple[Extent, ...]]:
        return [tuple(n for i, n in enumerate(extents[0]) if i != self.axis)]

    def impl(self, xp: Any, x: Any) -> Any:
        return getattr(xp, self.name)(x, axis=self.axis)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[None]:
        return [None]


def _arg(name: str, x: Any, axis: Any, keepdims: bool) -> TensorVariable:
    x = as_tensor_variable(x)
    if isinstance(axis, (tuple, list)):
        return _arg_of_axes(name, x, normalize_axes(axis, x.ndim), keepdims)
    if axis is None:
        found = ArgReduce(name, 0)(x.flatten())
        return expand_dims(found, list(range(x.ndim))) if keepdims else found
    place = normalize_axis(axis, x.ndim)
    found = ArgReduce(name, place)(x)
    return expand_dims(found, place) if keepdims else found


def _arg_of_axes(name: str, x: TensorVariable, axes: tuple[int, ...], keepdims: bool) -> TensorVariable:
    """The position among the elements over several axes, in row-major order."""
    rest = [i for i in range(x.ndim) if i not in axes]
    merged = reshape(dimshuffle(x, *rest, *axes), [*(dim(x, i) for i in rest), -1])
    found = ArgReduce(name, len(rest))(merged)
    return expand_dims(found, list(axes)) if keepdims else found


@method
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> TensorVariable:
    """The position of the largest element along `axis` (default: of the flattened x)."""
    return _arg("argmax", x, axis, keepdims)


@method
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> TensorVariable:
    """The position of the smallest element along `axis` (default: of the flattened x)."""
    return _arg("argmin", x, axis, keepdims)
