"""Ops that pick elements by position, or update the picked part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.nodes import Op, Variable
from pellucid.graph.provenance import describe, user_line
from pellucid.tensor.arithmetic import clip, eq, lt, maximum, switch
from pellucid.tensor.broadcast import (
    Extent,
    broadcast_extents,
    broadcast_static,
    name_with_shape,
    shape_error,
    unstretched,
)
from pellucid.tensor.create import arange, extents_of, zeros_like
from pellucid.tensor.elementwise import cast
from pellucid.tensor.operators import method
from pellucid.tensor.shape import Read, Shape, reshape, size
from pellucid.tensor.types import Constant, TensorType, TensorVariable, as_tensor_variable, constant, static_value


@dataclass(frozen=True)
class Given:
    """A position in an index that is an input of the op, not part of it."""

    def __str__(self) -> str:
        return "?"

    def __reduce__(self) -> str:
        return "GIVEN"  # the one object of that name


GIVEN = Given()
Bound = int | Given | None


@dataclass(frozen=True)
class Slice:
    """start:stop:step of one axis; the step is always a number."""

    start: Bound = None
    stop: Bound = None
    step: int = 1

    def __str__(self) -> str:
        text = [("" if p is None else str(p)) for p in (self.start, self.stop)]
        return ":".join(text if self.step == 1 else [*text, str(self.step)])


Entry = int | Given | Slice
FULL = Slice()


def given_values(entries: Sequence[Entry], inputs: Sequence[Any]) -> list[Any]:
    """The entries with each GIVEN replaced by the next of `inputs`, slices as Python slices."""
    rest = iter(inputs)
    take = lambda p: next(rest) if isinstance(p, Given) else p  # noqa: E731
    return [slice(take(e.start), take(e.stop), e.step) if isinstance(e, Slice) else take(e) for e in entries]


def slice_length(n: Any, start: Any, stop: Any, step: int) -> Any:
    """How many elements start:stop:step takes of an axis of length n; any of them may be symbolic."""
    low, high = slice_bounds(n, start, stop, step)
    if all(isinstance(p, int) for p in (low, high)):
        return len(range(low, high, step))
    span = high - low if step > 0 else low - high
    steps = -step if step < 0 else step
    return maximum((span + (steps - 1)) // steps if steps != 1 else span, 0)


def slice_bounds(n: Any, start: Any, stop: Any, step: int) -> tuple[Any, Any]:
    """Where a slice begins and ends (exclusively), counted from the front and clipped to the axis."""
    if all(p is None or isinstance(p, int) for p in (start, stop)) and isinstance(n, int):
        low, high, _ = slice(start, stop, step).indices(n)
        return low, high
    bottom, top = (0, n) if step > 0 else (-1, n - 1)
    default = (0, n) if step > 0 else (n - 1, -1)
    low = default[0] if start is None else clip_position(start, n, bottom, top)
    high = default[1] if stop is None else clip_position(stop, n, bottom, top)
    return low, high


def clip_position(p: Any, n: Any, bottom: Any, top: Any) -> Any:
    """A slice bound counted from the front and clipped."""
    if isinstance(p, int):
        if p == 0 and bottom == 0:
            return 0
        return clip(p + as_tensor_variable(n, dtype="int64") if p < 0 else constant(p, dtype="int64"), bottom, top)
    p = cast(p, "int64")
    return clip(switch(lt(p, 0), p + n, p), bottom, top)


def static_bound(p: Any) -> Any:
    """A bound as an int where it is known."""
    if isinstance(p, Variable):
        value = static_value(p)
        return p if value is None else int(value)
    return p


@dataclass(frozen=True)
class Subtensor(Op):
    """Basic indexing: an integer or a slice for each axis (x, given positions...).

    `within` marks the slices of an index that also has arrays: an update of what the whole index picks passes
    through to the tensor below.
    """

    lowering = "inline"

    entries: tuple[Entry, ...]
    within: bool = False

    def __str__(self) -> str:
        return f"Subtensor{{{', '.join(map(str, self.entries))}}}"

    def lengths(self, x: Variable, given: Sequence[Any], extents: Sequence[Extent]) -> list[Extent]:
        """The extents of the kept axes."""
        values = given_values(self.entries, given)
        return [
            slice_length(n, v.start, v.stop, v.step)
            for v, n in zip(values, extents, strict=True)
            if isinstance(v, slice)
        ]

    def infer(self, x: Variable, *given: Variable) -> tuple[TensorType]:
        out: list[int | None] = []
        values = given_values(self.entries, [static_bound(g) for g in given])
        for axis, (v, n) in enumerate(zip(values, x.type.shape, strict=True)):
            if not isinstance(v, slice):
                check_position(x, axis, v, n)
            elif v.start is None and v.stop is None and v.step in (1, -1):
                out.append(n)
            else:
                known = n is not None and not any(isinstance(p, Variable) for p in (v.start, v.stop))
                out.append(slice_length(n, v.start, v.stop, v.step) if known else None)
        return (TensorType(x.type.dtype, tuple(out)),)

    def infer_shape(self, inputs: Sequence[Variable], extents: Any) -> list[tuple[Extent, ...]]:
        return [tuple(self.lengths(inputs[0], [static_bound(g) for g in inputs[1:]], extents[0]))]

    def static(self, x: Variable, *given: Variable) -> Any:
        """The picked element of a constant, or of a shape, where it is known."""
        if given or len(self.entries) != 1:
            return None
        if isinstance(x, Constant):
            return x.data[self.entries].item()  # type: ignore[call-overload]
        return x.owner.inputs[0].type.shape[self.entries[0]] if x.owner and isinstance(x.owner.op, Shape) else None

    def impl(self, xp: Any, x: Any, *given: Any) -> Any:
        return x[tuple(given_values(self.entries, [int(g) for g in given]))]

    def at(self, k: Any, index: tuple[Any, ...], x: Any, *given: Any) -> Read:
        inner = yield from self.place(k, index, x, given)
        return (yield x, inner)

    def place(self, k: Any, index: Sequence[Any], x: Any, given: Sequence[Any]) -> Read:
        """The index into x of the element `index` of the picked part."""
        values = []
        for g in given:
            values.append(k.cast((yield g, ()), "int64"))  # noqa: PERF401  # a comprehension cannot yield
        free, inner = iter(index), []
        for axis, entry in enumerate(given_values(self.entries, values)):
            n = k.extent(x, axis)
            if not isinstance(entry, slice):
                inner.append(k.position(entry, x, axis))
                continue
            first = k.slice_start(entry, n)
            i = next(free)
            inner.append(i if entry == slice(None, None, 1) else k.add(first, k.mul(i, k.integer(entry.step))))
        return tuple(inner)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable | None]:
        x, *given = inputs
        return [IncSubtensor(self.entries, False)(zeros_like(x), gradients[0], *given)] + [None] * len(given)


def check_position(x: Variable, axis: int, position: Any, n: int | None) -> None:
    """Refuse a constant integer index that is out of range."""
    if isinstance(position, int) and n is not None and not -n <= position < n:
        raise IndexError(
            f"Index {position} is out of range for axis {axis} of length {n} of {name_with_shape(x)}, "
            f"at {describe(user_line())}"
        )


@dataclass(frozen=True)
class IncSubtensor(Op):
    """x with y set into (or added to) the part that a basic index picks (x, y, given positions...)."""

    lowering = "update"

    entries: tuple[Entry, ...]
    sets: bool

    def __str__(self) -> str:
        return f"{'Set' if self.sets else 'Inc'}Subtensor{{{', '.join(map(str, self.entries))}}}"

    @property
    def picks(self) -> Subtensor:
        """The op that picks the updated part."""
        return Subtensor(self.entries)

    def infer(self, x: Variable, y: Variable, *given: Variable) -> tuple[TensorType]:
        (part,) = self.picks.infer(x, *given)
        check_update(x, y, part.shape, self)
        return (x.type,)  # type: ignore[return-value]

    def infer_shape(self, inputs: Any, extents: Any) -> list[tuple[Extent, ...]]:
        return [extents[0]]

    def impl(self, xp: Any, x: Any, y: Any, *given: Any) -> Any:
        where = tuple(given_values(self.entries, [int(g) for g in given]))
        return update_array(xp, x, y, where, sets=self.sets)

    def update(self, k: Any, index: Sequence[Any], x: Any, given: Sequence[Any]) -> Read:
        """The index into x that the element `index` of the update goes to."""
        return (yield from self.picks.place(k, index, x, given))

    def update_extents(self, inputs: Sequence[Variable], extents: Sequence[Sequence[Extent]]) -> tuple[Extent, ...]:
        """The extents of the updated part."""
        return tuple(self.picks.lengths(inputs[0], [static_bound(g) for g in inputs[2:]], extents[0]))

    def must_agree(self, inputs: Any, extents: Any, outputs: Any) -> Iterable[tuple[Extent, Extent, int]]:
        return unstretched(inputs[1:2], extents[1:2], self.update_extents(inputs, extents))

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable | None]:
        given = inputs[2:]
        (g,) = gradients
        rest = IncSubtensor(self.entries, True)(g, np.zeros((), g.dtype), *given) if self.sets else g
        return [rest, self.picks(g, *given)] + [None] * len(given)

    def as_variable(self, x: Any) -> Variable:
        return as_tensor_variable(x)


def check_update(x: Variable, y: Variable, part: tuple[int | None, ...], op: Op) -> None:
    """Refuse an update that does not broadcast into the part it goes to."""
    shape = y.type.shape
    fits = len(shape) <= len(part) and all(
        a in (1, None) or b is None or a == b for a, b in zip(shape[::-1], part[::-1], strict=False)
    )
    if not fits:
        raise shape_error(
            f"{op} cannot put an update of shape {shape} into a part of shape {part}",
            [x, y],
            "the update must broadcast to the part",
            "Check the index and the update's shape.",
        )


def update_array(xp: Any, x: Any, y: Any, where: Any, *, sets: bool) -> Any:
    """The reference of both kinds of update, for NumPy and for JAX."""
    if xp.name == "jax":
        return x.at[where].set(y) if sets else x.at[where].add(y)
    out = np.array(x)
    if sets:
        out[where] = y
    else:
        np.add.at(out, where, y)
    return out


@dataclass(frozen=True)
class Gather(Op):
    """Indexing by integer arrays: each marked axis has one, broadcast together (x, index arrays...).

    The axes of the broadcast index come first, then the axes of x that are not indexed.
    """

    lowering = "inline"

    axes: tuple[int, ...]

    def __str__(self) -> str:
        return f"Gather{{axes={list(self.axes)}}}" if self.axes != (0,) else "Gather"

    def infer(self, x: Variable, *indices: Variable) -> tuple[TensorType]:
        for axis, i in zip(self.axes, indices, strict=True):
            if isinstance(i, Constant):
                check_positions(x, axis, i.data)
        common = broadcast_static("an index", indices)
        return (TensorType(x.type.dtype, common + tuple(n for a, n in enumerate(x.type.shape) if a not in self.axes)),)

    def infer_shape(self, inputs: Sequence[Variable], extents: Any) -> list[tuple[Extent, ...]]:
        common = broadcast_extents(inputs[1:], extents[1:])
        return [common + tuple(n for a, n in enumerate(extents[0]) if a not in self.axes)]

    def impl(self, xp: Any, x: Any, *indices: Any) -> Any:
        return xp.moveaxis(x, self.axes, range(len(self.axes)))[tuple(indices)]

    def place(self, k: Any, index: Sequence[Any], x: Any, indices: Sequence[Any]) -> Read:
        """The index into x of the element `index` of the picked part."""
        rank = max(i.ndim for i in indices)
        positions = {}
        for axis, i in zip(self.axes, indices, strict=True):
            mine = index[rank - i.ndim : rank]
            value = yield i, tuple(k.integer(0) if n == 1 else j for n, j in zip(i.type.shape, mine, strict=True))
            positions[axis] = k.checked_position(value, x, axis, i)
        free = iter(index[rank:])
        return tuple(positions[a] if a in positions else next(free) for a in range(x.ndim))

    def at(self, k: Any, index: tuple[Any, ...], x: Any, *indices: Any) -> Read:
        inner = yield from self.place(k, index, x, indices)
        return (yield x, inner)

    def must_agree(self, inputs: Any, extents: Any, outputs: Any) -> Iterable[tuple[Extent, Extent, int]]:
        rank = len(outputs[0]) - (len(extents[0]) - len(self.axes))
        return unstretched(inputs[1:], extents[1:], outputs[0][:rank])

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable | None]:
        x, *indices = inputs
        return [Scatter(self.axes, False)(zeros_like(x), gradients[0], *indices)] + [None] * len(indices)


def check_positions(x: Variable, axis: int, positions: np.ndarray) -> None:
    """Refuse constant index arrays that are out of range."""
    n = x.type.shape[axis]  # type: ignore[attr-defined]
    if n is None or positions.size == 0:
        return
    low, high = int(positions.min()), int(positions.max())
    if low < -n or high >= n:
        bad = low if low < -n else high
        raise IndexError(
            f"Index {bad} is out of range for axis {axis} of length {n} of {name_with_shape(x)}, "
            f"at {describe(user_line())}"
        )


@dataclass(frozen=True)
class Scatter(Op):
    """x with y set into (or added to: repeats add up) the elements that index arrays pick (x, y, index arrays...)."""

    lowering = "update"

    axes: tuple[int, ...]
    sets: bool

    def __str__(self) -> str:
        return f"{'Set' if self.sets else 'Inc'}Gather{{axes={list(self.axes)}}}"

    @property
    def picks(self) -> Gather:
        """The op that picks the updated elements."""
        return Gather(self.axes)

    def infer(self, x: Variable, y: Variable, *indices: Variable) -> tuple[TensorType]:
        (part,) = self.picks.infer(x, *indices)
        check_update(x, y, part.shape, self)
        return (x.type,)  # type: ignore[return-value]

    def infer_shape(self, inputs: Any, extents: Any) -> list[tuple[Extent, ...]]:
        return [extents[0]]

    def impl(self, xp: Any, x: Any, y: Any, *indices: Any) -> Any:
        front = xp.moveaxis(x, self.axes, range(len(self.axes)))
        return xp.moveaxis(update_array(xp, front, y, tuple(indices), sets=self.sets), range(len(self.axes)), self.axes)

    def update(self, k: Any, index: Sequence[Any], x: Any, indices: Sequence[Any]) -> Read:
        """The index into x that the element `index` of the update goes to."""
        return (yield from self.picks.place(k, index, x, indices))

    def update_extents(self, inputs: Sequence[Variable], extents: Sequence[Sequence[Extent]]) -> tuple[Extent, ...]:
        """The extents of the updated part."""
        return self.picks.infer_shape([inputs[0], *inputs[2:]], [extents[0], *extents[2:]])[0]

    def must_agree(self, inputs: Any, extents: Any, outputs: Any) -> Iterable[tuple[Extent, Extent, int]]:
        part = self.update_extents(inputs, extents)
        yield from unstretched(inputs[1:2], extents[1:2], part)
        yield from self.picks.must_agree([inputs[0], *inputs[2:]], [extents[0], *extents[2:]], [part])

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable | None]:
        x, _, *indices = inputs
        (g,) = gradients
        if not self.sets:
            return [g, self.picks(g, *indices)] + [None] * len(indices)
        # Of repeated positions only the last write survives, so only it may receive a gradient.
        picked = self.picks(x, *indices)
        order = reshape(arange(size(picked)), extents_of(picked))
        last = Scatter(self.axes, True)(cast(zeros_like(x), "int64"), order, *indices)
        survives = eq(self.picks(last, *indices), order)
        rest = Scatter(self.axes, True)(g, np.zeros((), g.dtype), *indices)
        return [rest, switch(survives, self.picks(g, *indices), 0.0)] + [None] * len(indices)

    def as_variable(self, x: Any) -> Variable:
        return as_tensor_variable(x)


@dataclass(frozen=True)
class Nonzero(Op):
    """The positions of the elements that are not zero: one integer vector per axis; how many depends on the data."""

    ndim: int

    def __str__(self) -> str:
        return "Nonzero"

    def infer(self, x: Variable) -> tuple[TensorType, ...]:
        return (TensorType("int64", (None,)),) * self.ndim

    def impl(self, xp: Any, x: Any) -> Any:
        return tuple(xp.nonzero(x))

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[None]:
        return [None]


@method
def nonzero(x: Any) -> tuple[TensorVariable, ...]:
    """The positions of the elements of x that are not zero, one vector per axis."""
    x = as_tensor_variable(x)
    found = Nonzero(x.ndim)(x)
    return tuple(found) if isinstance(found, (list, tuple)) else (found,)


@dataclass(frozen=True)
class ArgSort(Op):
    """The positions that sort along one axis; equal elements keep their order."""

    axis: int

    def __str__(self) -> str:
        return f"ArgSort{{axis={self.axis}}}"

    def infer(self, x: Variable) -> tuple[TensorType]:
        return (TensorType("int64", x.type.shape),)

    def infer_shape(self, inputs: Any, extents: Any) -> list[tuple[Extent, ...]]:
        return [extents[0]]

    def impl(self, xp: Any, x: Any) -> Any:
        return xp.argsort(x, axis=self.axis, stable=True).astype("int64")

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[None]:
        return [None]
