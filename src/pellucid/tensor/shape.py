"""Ops that move elements without computing anything: axes, reshapes, broadcasts, joins.

They stand in one file because lengths, axes and reshapes are defined in terms of one another.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.nodes import Op, Variable
from pellucid.tensor.arithmetic import floor_div, mul
from pellucid.tensor.broadcast import (
    Extent,
    broadcast_extents,
    broadcast_static,
    name_with_shape,
    shape_error,
    unstretched,
)
from pellucid.tensor.elementwise import cast
from pellucid.tensor.operators import method
from pellucid.tensor.types import Constant, TensorType, TensorVariable, as_tensor_variable, constant, static_value

Read = Generator[tuple[Any, tuple[Any, ...]], Any, Any]
"""What `at` is: it asks for elements of inputs by yielding (input, index), and returns its own element."""


def normalize_axis(axis: int, ndim: int, what: str = "axis") -> int:
    """An axis counted from the front; raises for one that is not there."""
    if not -ndim <= axis < max(ndim, 1):
        raise ValueError(f"{what} {axis} is out of range for a tensor of {ndim} dimensions: use -{ndim} to {ndim - 1}.")
    return axis % ndim if ndim else 0


def normalize_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes as sorted non-negative numbers; None means all."""
    if axis is None:
        return tuple(range(ndim))
    if ndim == 0 and axis in (0, -1):
        return ()  # NumPy lets a scalar be reduced along its missing axis
    axes = tuple(
        normalize_axis(int(a), ndim) for a in (axis if isinstance(axis, (tuple, list, np.ndarray)) else (axis,))
    )
    if len(set(axes)) != len(axes):
        raise ValueError(f"axis {axis} names the same axis twice.")
    return tuple(sorted(axes))


@dataclass(frozen=True)
class DimShuffle(Op):
    """Reorder, insert and drop axes: output axis i is input axis ``order[i]``, or new (length 1) where that is 'x'."""

    lowering = "inline"

    order: tuple[int | str, ...]

    def __str__(self) -> str:
        new = [i for i, a in enumerate(self.order) if a == "x"]
        kept = [a for a in self.order if a != "x"]
        in_order = kept == sorted(kept)  # type: ignore[type-var]
        if in_order and new:
            return f"ExpandDims{{{f'axes={new}' if len(new) > 1 else f'axis={new[0]}'}}}"
        if in_order:
            return f"Squeeze{{kept={list(kept)}}}"
        return f"Transpose{{axes={list(self.order)}}}" if not new else f"DimShuffle{{order={list(self.order)}}}"

    def infer(self, x: Variable) -> tuple[TensorType]:
        shape = x.type.shape
        for axis in set(range(len(shape))) - set(self.order):
            if shape[axis] not in (1, None):
                raise shape_error(
                    f"Cannot drop axis {axis}",
                    [x],
                    f"its length is {shape[axis]}, not 1",
                    "Index it away or sum over it.",
                )
        return (TensorType(x.type.dtype, tuple(1 if a == "x" else shape[a] for a in self.order)),)

    def infer_shape(self, inputs: Sequence[Variable], extents: Sequence[Sequence[Extent]]) -> list[tuple[Extent, ...]]:
        return [tuple(1 if a == "x" else extents[0][a] for a in self.order)]  # type: ignore[index]

    def must_agree(self, inputs: Any, extents: Any, outputs: Any) -> Iterable[tuple[Extent, Extent, int]]:
        for axis, n in enumerate(extents[0]):
            if axis not in self.order and inputs[0].type.shape[axis] is None:
                yield n, 1, axis

    def impl(self, xp: Any, x: Any) -> Any:
        kept = [a for a in self.order if a != "x"]
        dropped = [a for a in range(x.ndim) if a not in kept]
        x = xp.squeeze(x, tuple(dropped)) if dropped else x
        rank = sorted(kept)
        x = xp.transpose(x, tuple(rank.index(a) for a in kept))
        return xp.expand_dims(x, tuple(i for i, a in enumerate(self.order) if a == "x"))

    def at(self, k: Any, index: tuple[Any, ...], x: Any) -> Read:
        return (yield x, tuple(index[self.order.index(a)] if a in self.order else k.integer(0) for a in range(x.ndim)))

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        (x,), (g,) = inputs, gradients
        back = tuple(self.order.index(a) if a in self.order else "x" for a in range(x.ndim))
        return [DimShuffle(back)(g)]


@method
def dimshuffle(x: Any, *order: Any) -> TensorVariable:
    """Reorder the axes of x, insert new ones ('x') and drop those of length one that are not named."""
    x = as_tensor_variable(x)
    pattern = order[0] if len(order) == 1 and isinstance(order[0], (tuple, list)) else order
    plain = tuple(a if a == "x" else normalize_axis(int(a), x.ndim) for a in pattern)
    kept = [a for a in plain if a != "x"]
    if len(set(kept)) != len(kept):
        raise ValueError(f"dimshuffle{tuple(pattern)} names an axis twice.")
    return x if plain == tuple(range(x.ndim)) else DimShuffle(plain)(x)


@method
def transpose(x: Any, *axes: Any) -> TensorVariable:
    """The axes of x in another order (by default reversed)."""
    x = as_tensor_variable(x)
    order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
    if order is None or len(order) == 0:
        order = range(x.ndim)[::-1]
    if len(order) != x.ndim:
        raise ValueError(f"transpose needs {x.ndim} axes for {x}, not {tuple(order)}.")
    return dimshuffle(x, tuple(order))


@method
def matrix_transpose(x: Any) -> TensorVariable:
    """The last two axes of x swapped."""
    return swapaxes(x, -1, -2)


@method
def swapaxes(x: Any, axis1: int, axis2: int) -> TensorVariable:
    """Two axes of x swapped."""
    x = as_tensor_variable(x)
    order = list(range(x.ndim))
    a, b = normalize_axis(axis1, x.ndim), normalize_axis(axis2, x.ndim)
    order[a], order[b] = order[b], order[a]
    return dimshuffle(x, tuple(order))


def moveaxis(x: Any, source: Any, destination: Any) -> TensorVariable:
    """Some axes of x moved to other places, the rest in their order."""
    x = as_tensor_variable(x)
    from_ = [normalize_axis(a, x.ndim) for a in ([source] if isinstance(source, int) else source)]
    to = [normalize_axis(a, x.ndim) for a in ([destination] if isinstance(destination, int) else destination)]
    order = [a for a in range(x.ndim) if a not in from_]
    for place, axis in sorted(zip(to, from_, strict=True)):
        order.insert(place, axis)
    return dimshuffle(x, tuple(order))


def expand_dims(x: Any, axis: Any) -> TensorVariable:
    """x with new axes of length one at the places `axis` of the result."""
    x = as_tensor_variable(x)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    new = {normalize_axis(int(a), x.ndim + len(axes)) for a in axes}
    old = iter(range(x.ndim))
    return dimshuffle(x, tuple("x" if i in new else next(old) for i in range(x.ndim + len(axes))))


@method
def squeeze(x: Any, axis: Any = None) -> TensorVariable:
    """x without the axes `axis` (by default all that are known to have length one)."""
    x = as_tensor_variable(x)
    drop = {i for i, n in enumerate(x.type.shape) if n == 1} if axis is None else set(normalize_axes(axis, x.ndim))
    return dimshuffle(x, tuple(i for i in range(x.ndim) if i not in drop))


@method
def shape_padleft(x: Any, n_ones: int = 1) -> TensorVariable:
    """x with `n_ones` new axes in front."""
    x = as_tensor_variable(x)
    return dimshuffle(x, ("x",) * n_ones + tuple(range(x.ndim)))


def shape_padright(x: Any, n_ones: int = 1) -> TensorVariable:
    """x with `n_ones` new axes behind."""
    x = as_tensor_variable(x)
    return dimshuffle(x, tuple(range(x.ndim)) + ("x",) * n_ones)


def _atleast(args: Sequence[Any], n: int) -> Any:
    found = [shape_padleft(x, n - x.ndim) if x.ndim < n else x for x in map(as_tensor_variable, args)]
    return found[0] if len(found) == 1 else found


def atleast_1d(*args: Any) -> Any:
    """Tensors with at least one axis: one, or a list of several."""
    return _atleast(args, 1)


def atleast_2d(*args: Any) -> Any:
    """Tensors with at least two axes: one, or a list of several."""
    return _atleast(args, 2)


def atleast_3d(*args: Any) -> Any:
    """Tensors with at least three axes, new ones in front: one, or a list of several."""
    return _atleast(args, 3)


@dataclass(frozen=True)
class Dim(Op):
    """The length of one axis."""

    lowering = "inline"

    axis: int

    def __str__(self) -> str:
        return f"Dim{{{self.axis}}}"

    def infer(self, x: Variable) -> tuple[TensorType]:
        return (TensorType("int64"),)

    def infer_shape(self, inputs: Any, extents: Any) -> list[tuple[Extent, ...]]:
        return [()]

    def impl(self, xp: Any, x: Any) -> Any:
        return xp.asarray(x.shape[self.axis], "int64")

    def at(self, k: Any, index: tuple[Any, ...], x: Any) -> Read:
        return k.extent(x, self.axis)
        yield

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[None]:
        return [None]


@dataclass(frozen=True)
class Shape(Op):
    """The lengths of all axes, as a vector."""

    def __str__(self) -> str:
        return "Shape"

    def infer(self, x: Variable) -> tuple[TensorType]:
        return (TensorType("int64", (x.type.ndim,)),)

    def impl(self, xp: Any, x: Any) -> Any:
        return xp.asarray(x.shape, "int64")

    def expand(self, x: Variable) -> TensorVariable:
        lengths = [dim(x, axis) for axis in range(x.type.ndim)]  # type: ignore[arg-type]
        return stack(lengths) if lengths else constant(np.empty(0, "int64"))

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[None]:
        return [None]


def dim(x: TensorVariable, axis: int) -> TensorVariable:
    """The length of one axis as a scalar: a constant where it is static."""
    static = x.type.shape[axis]
    return constant(static, dtype="int64") if static is not None else Dim(axis)(x)


@method
def shape(x: Any) -> TensorVariable:
    """The shape of x as an integer vector: a constant where all of it is static."""
    x = as_tensor_variable(x)
    if None not in x.type.shape:
        return constant(np.array(x.type.shape, "int64"))
    return Shape()(x)


@method
def size(x: Any) -> TensorVariable:
    """The number of elements of x."""
    x = as_tensor_variable(x)
    total = constant(1, dtype="int64")
    for axis in range(x.ndim):
        n = dim(x, axis)
        total = n if axis == 0 else mul(total, n)
    return total


def as_extents(new_shape: Any, what: str = "shape") -> list[int | TensorVariable]:
    """A shape argument (int, tuple of ints and scalars, or a vector) as a list of ints and integer scalars."""
    if isinstance(new_shape, TensorVariable) and new_shape.ndim == 1 and not isinstance(new_shape, Constant):
        return vector_extents(new_shape, what)
    if isinstance(new_shape, (int, np.integer)) or (isinstance(new_shape, TensorVariable) and new_shape.ndim == 0):
        new_shape = (new_shape,)
    parts = new_shape.data.tolist() if isinstance(new_shape, Constant) else list(new_shape)
    return [as_extent(n, what) for n in parts]


def as_extent(n: Any, what: str) -> int | TensorVariable:
    """One length as an int, or an integer scalar variable."""
    if isinstance(n, TensorVariable):
        if n.ndim != 0 or not n.dtype.startswith(("int", "uint")):
            raise TypeError(f"A length in {what} must be an integer scalar, not {n} of type {n.type}.")
        static = static_value(n)
        return cast(n, "int64") if static is None else int(static)
    if isinstance(n, (int, np.integer)) and not isinstance(n, bool):
        return int(n)
    raise TypeError(f"A length in {what} must be an integer, not {n!r}.")


def vector_extents(v: TensorVariable, what: str) -> list[int | TensorVariable]:
    """The elements of a vector that stands for a shape; ``x.shape`` is seen through."""
    if v.type.shape[0] is None:
        raise TypeError(f"The number of axes of {what} must be known: {v} has an unknown length.")
    if v.owner is not None and isinstance(v.owner.op, Shape):
        return [as_extent(dim(v.owner.inputs[0], i), what) for i in range(v.type.shape[0])]  # type: ignore[arg-type]
    if v.owner is not None and isinstance(v.owner.op, Join) and all(p.type.shape == (1,) for p in v.owner.inputs):
        return [as_extent(squeeze(p), what) for p in v.owner.inputs]
    return [as_extent(v[i], what) for i in range(v.type.shape[0])]


def static_extents(extents: Sequence[int | Variable]) -> tuple[int | None, ...]:
    """Extents as a static shape."""
    return tuple(n if isinstance(n, int) else static_value(n) for n in extents)


def total(extents: Sequence[Extent]) -> Extent:
    """The product of lengths: a number where all are."""
    found: Any = math.prod(n for n in extents if isinstance(n, int))
    for n in extents:
        found = found if isinstance(n, int) else n if isinstance(found, int) and found == 1 else mul(found, n)
    return found


@dataclass(frozen=True)
class Reshape(Op):
    """The elements of x, in row-major order, under another shape (x, length, length, ...)."""

    lowering = "inline"

    ndim: int

    def __str__(self) -> str:
        return f"Reshape{{{self.ndim}}}"

    def infer(self, x: Variable, *extents: Variable) -> tuple[TensorType]:
        new: Any = static_extents(extents)
        old = x.type.shape
        if None not in new and None not in old and math.prod(new) != math.prod(old):
            raise shape_error(
                f"Cannot reshape to {new}",
                [x],
                f"it has {math.prod(old)} elements, not {math.prod(new)}",
                "The numbers of elements must agree; one length may be -1.",
            )
        return (TensorType(x.type.dtype, new),)

    def infer_shape(self, inputs: Sequence[Variable], extents: Any) -> list[tuple[Extent, ...]]:
        return [tuple(n if static_value(n) is None else int(static_value(n)) for n in inputs[1:])]

    def must_agree(self, inputs: Any, extents: Any, outputs: Any) -> Iterable[tuple[Extent, Extent, int]]:
        yield total(extents[0]), total(outputs[0]), 0

    def impl(self, xp: Any, x: Any, *extents: Any) -> Any:
        return xp.reshape(x, tuple(int(n) for n in extents))

    def at(self, k: Any, index: tuple[Any, ...], x: Any, *extents: Any) -> Read:
        return (yield x, k.flat(k.ravel(index, k.shape(k.output))))

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable | None]:
        x = inputs[0]
        return [reshape(gradients[0], [dim(x, i) for i in range(x.ndim)])] + [None] * self.ndim


@method
def reshape(x: Any, *newshape: Any, ndim: int | None = None) -> TensorVariable:
    """The elements of x under another shape; one length may be -1 (what is left)."""
    x = as_tensor_variable(x)
    wanted = newshape[0] if len(newshape) == 1 else newshape
    extents = as_extents(wanted, "reshape")
    if ndim is not None and ndim != len(extents):
        raise ValueError(f"reshape to {len(extents)} lengths cannot have ndim={ndim}.")
    if extents.count(-1) > 1:
        raise ValueError(f"reshape can infer one length, not {extents.count(-1)}: {wanted}.")
    if -1 in extents:
        extents[extents.index(-1)] = rest_of(x, [n for n in extents if not (isinstance(n, int) and n == -1)])
    if static_extents(extents) == x.type.shape and None not in x.type.shape:
        return x
    return Reshape(len(extents))(x, *[as_tensor_variable(n, dtype="int64") for n in extents])


def rest_of(x: TensorVariable, others: Sequence[int | TensorVariable]) -> int | TensorVariable:
    """The length that is left for -1 when x is reshaped to the other lengths."""
    if None not in x.type.shape and all(isinstance(n, int) for n in others):
        total, taken = math.prod(x.type.shape), math.prod(others)  # type: ignore[arg-type]
        if taken == 0 or total % taken:
            raise shape_error(
                f"Cannot reshape to (-1, {others})",
                [x],
                f"{total} elements do not divide by {taken}",
                "Fix the lengths.",
            )
        return total // taken
    taken_product: Any = constant(1, dtype="int64")
    for n in others:
        taken_product = mul(taken_product, as_tensor_variable(n, dtype="int64"))
    return floor_div(size(x), taken_product) if others else size(x)


@method
def flatten(x: Any, ndim: int = 1) -> TensorVariable:
    """x with all axes from `ndim` - 1 on merged into one."""
    x = as_tensor_variable(x)
    if ndim == 1:
        return x if x.ndim == 1 else reshape(x, -1)
    return reshape(x, [*(dim(x, i) for i in range(ndim - 1)), -1])


@method
def ravel(x: Any) -> TensorVariable:
    """x as a vector."""
    return flatten(x)


@dataclass(frozen=True)
class BroadcastTo(Op):
    """x repeated along new or length-one axes to a shape (x, length, length, ...)."""

    lowering = "inline"

    ndim: int

    def __str__(self) -> str:
        return "BroadcastTo"

    def infer(self, x: Variable, *extents: Variable) -> tuple[TensorType]:
        new = static_extents(extents)
        old = (1,) * (self.ndim - x.type.ndim) + x.type.shape
        for axis, (a, b) in enumerate(zip(old, new, strict=True)):
            if a not in (1, None) and b is not None and a != b:
                raise shape_error(
                    f"Cannot broadcast to {new}",
                    [x],
                    f"axis {axis} has length {a}, not {b}",
                    "Only axes of length 1 stretch.",
                )
        return (
            TensorType(
                x.type.dtype, tuple(b if b is not None or a in (1, None) else a for a, b in zip(old, new, strict=True))
            ),
        )

    def infer_shape(self, inputs: Sequence[Variable], extents: Any) -> list[tuple[Extent, ...]]:
        return [tuple(n if static_value(n) is None else int(static_value(n)) for n in inputs[1:])]

    def check_arrays(self, inputs: Sequence[Variable], arrays: Sequence[Any]) -> None:
        """Raise ValueError when an axis that is not known to have length 1 would have to stretch."""
        old, new = arrays[0].shape, [int(n) for n in arrays[1:]]
        for n, m, static in zip(old[::-1], new[::-1], inputs[0].type.shape[::-1], strict=False):  # type: ignore[attr-defined]
            if n != m and static != 1:
                raise ValueError(
                    f"shape {old} cannot become {tuple(new)}; only an axis that is known to have length 1 while the "
                    "graph is written may stretch"
                )

    def must_agree(self, inputs: Any, extents: Any, outputs: Any) -> Iterable[tuple[Extent, Extent, int]]:
        return unstretched(inputs[:1], extents[:1], outputs[0])

    def impl(self, xp: Any, x: Any, *extents: Any) -> Any:
        return xp.broadcast_to(x, tuple(int(n) for n in extents))

    def at(self, k: Any, index: tuple[Any, ...], x: Any, *extents: Any) -> Read:
        inner = index[len(index) - x.ndim :]
        return (yield x, tuple(k.integer(0) if n == 1 else i for n, i in zip(x.type.shape, inner, strict=True)))

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable | None]:
        return [gradients[0]] + [None] * self.ndim  # the walk itself sums over what was stretched


def broadcast_to(x: Any, new_shape: Any) -> TensorVariable:
    """x stretched to `new_shape` by NumPy's rules."""
    x = as_tensor_variable(x)
    extents = as_extents(new_shape, "broadcast_to")
    if len(extents) < x.ndim:
        raise shape_error(
            f"Cannot broadcast to {len(extents)} axes", [x], f"it has {x.ndim}", "Broadcasting never drops axes."
        )
    if static_extents(extents) == x.type.shape and None not in x.type.shape:
        return x
    return BroadcastTo(len(extents))(x, *[as_tensor_variable(n, dtype="int64") for n in extents])


def broadcast_arrays(*args: Any) -> list[TensorVariable]:
    """All the arguments stretched to their common shape."""
    parts = [as_tensor_variable(a) for a in args]
    broadcast_static("broadcast_arrays", parts)
    extents = broadcast_extents(parts, [[dim(p, i) for i in range(p.ndim)] for p in parts])
    return [broadcast_to(p, extents) for p in parts]


def broadcast_shape(*args: Any) -> list[TensorVariable]:
    """The extents of the arguments broadcast together, as integer scalars."""
    parts = [as_tensor_variable(a) for a in args]
    broadcast_static("broadcast_shape", parts)
    found = broadcast_extents(parts, [[dim(p, i) for i in range(p.ndim)] for p in parts])
    return [as_tensor_variable(n, dtype="int64") for n in found]


@dataclass(frozen=True)
class SpecifyShape(Op):
    """x, with a static shape that is promised here and checked at run time."""

    lowering = "inline"

    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        return f"SpecifyShape{{{self.shape}}}"

    def infer(self, x: Variable) -> tuple[TensorType]:
        if len(self.shape) != x.type.ndim:
            raise shape_error(f"Cannot be of shape {self.shape}", [x], f"it has {x.type.ndim} axes", "Fix the shape.")
        for a, b in zip(x.type.shape, self.shape, strict=True):
            if None not in (a, b) and a != b:
                raise shape_error(f"Cannot be of shape {self.shape}", [x], f"length {a} is not {b}", "Fix the shape.")
        return (
            TensorType(
                x.type.dtype, tuple(a if b is None else b for a, b in zip(x.type.shape, self.shape, strict=True))
            ),
        )

    def infer_shape(self, inputs: Any, extents: Any) -> list[tuple[Extent, ...]]:
        return [tuple(n if s is None else s for s, n in zip(self.shape, extents[0], strict=True))]

    def must_agree(self, inputs: Any, extents: Any, outputs: Any) -> Iterable[tuple[Extent, Extent, int]]:
        yield from (
            (n, s, axis) for axis, (n, s) in enumerate(zip(extents[0], self.shape, strict=True)) if s is not None
        )

    def impl(self, xp: Any, x: Any) -> Any:
        if any(s not in (None, n) for s, n in zip(self.shape, x.shape, strict=True)):
            raise ValueError(f"A value of shape {x.shape} was promised to have shape {self.shape}.")
        return x

    def at(self, k: Any, index: tuple[Any, ...], x: Any) -> Read:
        return (yield x, index)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        return [gradients[0]]


def specify_shape(x: Any, shape: Any) -> TensorVariable:
    """x, promised to have the lengths in `shape` (None: not promised), which makes them static."""
    x = as_tensor_variable(x)
    listed = shape if isinstance(shape, (tuple, list)) else (shape,)
    wanted = tuple(None if n is None else promised(as_extent(n, "specify_shape"), x) for n in listed)
    return x if wanted == x.type.shape else SpecifyShape(wanted)(x)


def promised(n: int | TensorVariable, x: TensorVariable) -> int:
    """A length that can be promised: one that is known already."""
    if isinstance(n, int):
        return n
    raise TypeError(
        f"specify_shape makes lengths static, so it takes numbers, not {n} (for {name_with_shape(x)}).\n  Use "
        "Assert()(x, pt.eq(x.shape[axis], n)) to check a length that is known at run time only."
    )


@dataclass(frozen=True)
class Join(Op):
    """Tensors one after another along an axis."""

    lowering = "join"

    axis: int

    def __str__(self) -> str:
        return f"Join{{axis={self.axis}}}"

    def infer(self, *parts: Variable) -> tuple[TensorType]:
        shapes = [p.type.shape for p in parts]
        out: list[int | None] = []
        for axis, lengths in enumerate(zip(*shapes, strict=True)):
            if axis == self.axis:
                out.append(None if None in lengths else sum(lengths))  # type: ignore[arg-type]
                continue
            known = {n for n in lengths if n is not None}
            if len(known) > 1:
                raise shape_error(
                    f"Cannot join along axis {self.axis}",
                    parts,
                    f"axis {axis} has lengths {sorted(known)}",
                    "All other axes must agree.",
                )
            out.append(known.pop() if known else None)
        dtype = np.result_type(*[np.dtype(p.type.dtype) for p in parts]).name
        return (TensorType(dtype, tuple(out)),)

    def infer_shape(self, inputs: Any, extents: Any) -> list[tuple[Extent, ...]]:
        out = list(extents[0])
        for part in extents[1:]:
            out[self.axis] = out[self.axis] + part[self.axis]
            for axis, n in enumerate(part):
                if axis != self.axis and isinstance(n, int):
                    out[axis] = n
        return [tuple(out)]

    def must_agree(self, inputs: Any, extents: Any, outputs: Any) -> Iterable[tuple[Extent, Extent, int]]:
        for part in extents:
            yield from ((n, outputs[0][axis], axis) for axis, n in enumerate(part) if axis != self.axis)

    def impl(self, xp: Any, *parts: Any) -> Any:
        return xp.concatenate(parts, axis=self.axis)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        (g,), out = gradients, []
        start: Any = 0  # a plain int for as long as the lengths are static, so that the slices are static too
        for p in inputs:
            length = p.type.shape[self.axis]
            stop = start + (dim(p, self.axis) if length is None else length)
            out.append(g[(slice(None),) * self.axis + (slice(start, stop),)])
            start = stop
        return out


def concatenate(tensors: Sequence[Any], axis: int = 0) -> TensorVariable:
    """Tensors one after another along an existing axis."""
    parts = [as_tensor_variable(t) for t in tensors]
    if not parts:
        raise ValueError("concatenate needs at least one tensor.")
    ranks = {p.ndim for p in parts}
    if len(ranks) > 1 or ranks == {0}:
        raise shape_error(
            "Cannot concatenate",
            parts,
            "the numbers of axes must agree and not be 0",
            "Use pt.stack for scalars, or insert axes with x[None].",
        )
    return Join(normalize_axis(axis, parts[0].ndim))(*parts) if len(parts) > 1 else parts[0]


def join(axis: int, *tensors: Any) -> TensorVariable:
    """Like :func:`concatenate`, with the axis first."""
    return concatenate(tensors, axis)


@method
def stack(tensors: Any, axis: int = 0) -> TensorVariable:
    """Tensors of one shape along a new axis."""
    parts = [as_tensor_variable(t) for t in tensors]
    if not parts:
        raise ValueError("stack needs at least one tensor.")
    if all(isinstance(p, Constant) for p in parts) and len({p.type.shape for p in parts}) == 1:
        return constant(np.stack([p.data for p in parts], axis))  # type: ignore[union-attr]
    return concatenate([expand_dims(p, axis) for p in parts], axis)
