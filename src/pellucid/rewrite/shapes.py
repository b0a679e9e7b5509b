"""Lengths without the values they are lengths of, and no copying where an index or a broadcast will do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.graph.nodes import Apply, Variable
from pellucid.rewrite.engine import output_extents
from pellucid.rewrite.pattern import Table, procedure
from pellucid.tensor.arithmetic import abs as abs_
from pellucid.tensor.arithmetic import mul, neg, switch, true_div
from pellucid.tensor.elementwise import Elementwise, cast
from pellucid.tensor.index import FULL, Slice, Subtensor
from pellucid.tensor.reduce import Reduce
from pellucid.tensor.shape import (
    BroadcastTo,
    Dim,
    DimShuffle,
    Join,
    Reshape,
    Shape,
    SpecifyShape,
    broadcast_to,
    dim,
    dimshuffle,
    squeeze,
)
from pellucid.tensor.types import TensorVariable, constant, static_value


def source(v: Variable) -> Apply:
    """The application that makes `v`."""
    if v.owner is None:
        raise TypeError(f"{v} is a root")
    return v.owner


def made_by_class(v: Variable, kind: type) -> bool:
    """Whether `v` is the output of an op of a class."""
    return v.owner is not None and isinstance(v.owner.op, kind)


def all_ones(v: Variable) -> bool:
    """Whether every axis is known to have length one: the variable is a scalar to any broadcast."""
    return all(n == 1 for n in v.type.shape)  # type: ignore[attr-defined]


def as_scalar(v: Any) -> TensorVariable:
    """A tensor of one element without its axes."""
    return dimshuffle(v, ())


# Lengths


@procedure(Dim)
def length_known_beforehand(node: Apply) -> Any:
    """The length of an axis that is static."""
    static = node.inputs[0].type.shape[node.op.axis]  # type: ignore[attr-defined]
    return None if static is None else constant(static, dtype="int64")


@procedure(Dim)
def length_from_inputs(node: Apply) -> Any:
    """The length of an axis of a computed tensor, from the lengths of what it is computed from."""
    v = node.inputs[0]
    if v.owner is None:
        return None
    if isinstance(v.owner.op, Elementwise):
        return length_of_broadcast(v.owner, node.op.axis)  # type: ignore[attr-defined]
    found = output_extents(v.owner, v.index)
    if found is None:
        return None
    n = found[node.op.axis]  # type: ignore[attr-defined]
    return constant(n, dtype="int64") if isinstance(n, int) else cast(n, "int64")


def length_of_broadcast(node: Apply, axis: int) -> Any:
    """The length of an axis of an elementwise result: that of the first input that does not stretch."""
    ndim = node.outputs[0].type.ndim  # type: ignore[attr-defined]
    for v in node.inputs:
        mine = axis - ndim + v.type.ndim  # type: ignore[attr-defined]
        if mine >= 0 and v.type.shape[mine] != 1:  # type: ignore[attr-defined]
            return dim(v, mine)  # type: ignore[arg-type]
    return constant(1, dtype="int64")


@procedure(Subtensor, of=[Shape])
def element_of_shape(node: Apply) -> Any:
    """One element of a shape is one length."""
    (place,) = node.op.entries  # type: ignore[attr-defined]
    return dim(source(node.inputs[0]).inputs[0], place) if isinstance(place, int) else None  # type: ignore[arg-type]


@procedure(SpecifyShape)
def promise_already_known(node: Apply) -> Any:
    """A promised shape that is static without the promise."""
    (v,) = node.inputs
    return v if v.type == node.outputs[0].type else None


# Axes


@procedure(DimShuffle)
def axes_in_place(node: Apply) -> Any:
    """A reordering of axes that leaves all in place."""
    (v,) = node.inputs
    return v if node.op.order == tuple(range(v.type.ndim)) else None  # type: ignore[attr-defined]


@procedure(DimShuffle, of=[DimShuffle])
def reordering_of_reordering(node: Apply) -> Any:
    """Two reorderings of axes as one."""
    inner = source(node.inputs[0])
    order = inner.op.order  # type: ignore[attr-defined]
    return dimshuffle(inner.inputs[0], tuple("x" if i == "x" else order[i] for i in node.op.order))  # type: ignore[attr-defined]


@procedure(Reshape, of=[Reshape])
def reshape_of_reshape(node: Apply) -> Any:
    """Only the last of several reshapes counts."""
    return node.op(source(node.inputs[0]).inputs[0], *node.inputs[1:])


@procedure(Reshape)
def reshape_to_the_same(node: Apply) -> Any:
    """A reshape to the shape that a tensor has."""
    return node.inputs[0] if has_extents(node.inputs[0], node.inputs[1:]) else None


@procedure(Reshape)
def reshape_of_one_element(node: Apply) -> Any:
    """A tensor of one element has the same element under any number of axes of length one."""
    v, (out,) = node.inputs[0], node.outputs
    return dimshuffle(v, ("x",) * out.type.ndim) if all_ones(v) and all_ones(out) else None  # type: ignore[attr-defined]


def has_extents(v: Variable, lengths: Sequence[Variable]) -> bool:
    """Whether the lengths are those of the axes of `v`, as static numbers or as its own lengths."""
    return v.type.ndim == len(lengths) and all(  # type: ignore[attr-defined]
        static_value(n) == static if static is not None else is_length(n, v, i)
        for i, (n, static) in enumerate(zip(lengths, v.type.shape, strict=True))  # type: ignore[attr-defined]
    )


def is_length(n: Variable, v: Variable, axis: int) -> bool:
    """Whether `n` is the length of an axis of `v`."""
    if not made_by_class(n, Dim):
        return v.owner is not None and n is length_now(v, axis)
    return (source(n).inputs[0] is v and source(n).op.axis == axis) or n is length_now(v, axis)  # type: ignore[attr-defined]


def length_now(v: Variable, axis: int) -> Any:
    """The extent that made an axis of `v`, where `v` was reshaped or broadcast to it."""
    if v.owner is not None and isinstance(v.owner.op, (BroadcastTo, Reshape)):
        return v.owner.inputs[1 + axis]
    return None


# Broadcasts


@procedure(BroadcastTo)
def broadcast_to_the_same(node: Apply) -> Any:
    """A broadcast that stretches nothing."""
    v = node.inputs[0]
    return v if v.type == node.outputs[0].type and has_extents(v, node.inputs[1:]) else None


@procedure(BroadcastTo, of=[BroadcastTo])
def broadcast_of_broadcast(node: Apply) -> Any:
    """Only the last of several broadcasts counts."""
    return node.op(source(node.inputs[0]).inputs[0], *node.inputs[1:])


@procedure(BroadcastTo, of=[DimShuffle])
def broadcast_of_padded(node: Apply) -> Any:
    """Axes of length one in front need not be made before a broadcast makes them."""
    plain = without_padding(node.inputs[0])
    return None if plain is None else node.op(plain, *node.inputs[1:])


def without_padding(v: Variable) -> Variable | None:
    """`v` without axes that were added in front (for a scalar: anywhere), if that is all its DimShuffle did."""
    inner = source(v).inputs[0]
    order, ndim = source(v).op.order, inner.type.ndim  # type: ignore[attr-defined]
    only_padded = order[len(order) - ndim :] == tuple(range(ndim)) and all(a == "x" for a in order[: len(order) - ndim])
    return inner if only_padded and len(order) > ndim else None


@procedure(Elementwise, over=[BroadcastTo])
def broadcast_within_a_loop(node: Apply) -> Any:
    """Elementwise ops stretch their inputs themselves, where another input has the full shape."""
    out = node.outputs[0]
    inputs = list(node.inputs)
    for i, v in enumerate(inputs):
        if made_by_class(v, BroadcastTo):
            plain = source(v).inputs[0]
            others = [u for j, u in enumerate(inputs) if j != i]
            if covers(others, plain, out):
                inputs[i] = plain
    return None if all(a is b for a, b in zip(inputs, node.inputs, strict=True)) else again(node, inputs)


def covers(others: Sequence[Variable], plain: Variable, out: Variable) -> bool:
    """Whether the other inputs give every axis of `out` that `plain`, before its broadcast, would not."""
    ndim = out.type.ndim  # type: ignore[attr-defined]
    for axis in range(1, ndim + 1):
        static = out.type.shape[-axis]  # type: ignore[attr-defined]
        if static == 1:
            continue
        given = [u.type.shape[-axis] for u in (*others, plain) if u.type.ndim >= axis]  # type: ignore[attr-defined]
        if not any(n == static or (static is None and n != 1) for n in given):
            return False
    return max((u.type.ndim for u in (*others, plain)), default=0) == ndim  # type: ignore[attr-defined]


def again(node: Apply, inputs: Sequence[Variable]) -> Variable:
    """The elementwise op of `node` on other inputs."""
    return Apply(node.op, inputs).outputs[0]


@procedure(Elementwise, over=[BroadcastTo])
def broadcast_after_the_work(node: Apply) -> Any:
    """What is computed from repeated elements only is computed once and then repeated."""
    lengths = None
    inputs = []
    for v in node.inputs:
        if made_by_class(v, BroadcastTo) and (lengths is None or lengths == source(v).inputs[1:]):
            lengths = source(v).inputs[1:]
            inputs.append(source(v).inputs[0])
        elif all_ones(v) and v.type.ndim <= node.outputs[0].type.ndim:  # type: ignore[attr-defined]
            inputs.append(v)
        else:
            return None
    return None if lengths is None else broadcast_to(again(node, inputs), lengths)


@procedure(Elementwise, of=[switch])
def function_of_a_choice(node: Apply) -> Any:
    """f(switch(c, a, b)) is a choice between f(a) and f(b), where a and b have fewer elements than c."""
    chosen, first, second = source(node.inputs[0]).inputs
    cheap = node.op in (neg, abs_) or node.op.name.startswith("cast_")
    if len(node.inputs) != 1 or cheap or not all_ones(first) or not all_ones(second) or all_ones(chosen):
        return None
    return switch(chosen, node.op(first), node.op(second))


@procedure(Elementwise, over=[DimShuffle])
def padding_within_a_loop(node: Apply) -> Any:
    """Axes of length one in front need not be made: elementwise ops align axes from the last."""
    ndim = node.outputs[0].type.ndim  # type: ignore[attr-defined]
    plain = [without_padding(v) if made_by_class(v, DimShuffle) else None for v in node.inputs]
    inputs = [v if p is None else p for v, p in zip(node.inputs, plain, strict=True)]
    if all(p is None for p in plain) or max(v.type.ndim for v in inputs) < ndim:  # type: ignore[attr-defined]
        return None
    return again(node, inputs)


# Picking


@procedure(Subtensor, of=[BroadcastTo])
def element_of_broadcast(node: Apply) -> Any:
    """Every element of a stretched scalar is the scalar."""
    plain = source(node.inputs[0]).inputs[0]
    found = output_extents(node, 0)
    return None if found is None or not all_ones(plain) else broadcast_to(as_scalar(plain), found)


@procedure(Subtensor, of=[Join])
def part_of_join(node: Apply) -> Any:
    """An element or a slice that lies in one part of a join is picked from that part."""
    joined = source(node.inputs[0])
    axis = joined.op.axis  # type: ignore[attr-defined]
    entries = node.op.entries  # type: ignore[attr-defined]
    lengths = [p.type.shape[axis] for p in joined.inputs]  # type: ignore[attr-defined]
    bounds = static_bounds(entries[axis], None if None in lengths else sum(lengths))
    if bounds is None:
        return None
    start = 0
    for part, length in zip(joined.inputs, lengths, strict=True):
        if length is None or bounds[0] < start:
            return None
        if bounds[1] <= start + length:
            place = shifted(entries[axis], bounds, start)
            new = (*entries[:axis], place, *entries[axis + 1 :])
            part = cast(part, node.outputs[0].type.dtype)  # noqa: PLW2901  # type: ignore[attr-defined]
            return part if all(e == FULL for e in new) else Subtensor(new)(part, *node.inputs[1:])
        start += length
    return None


def static_bounds(entry: Any, length: int | None) -> tuple[int, int] | None:
    """Where an index entry begins and ends on its axis, if that is known; not for empty or stepping slices."""
    if isinstance(entry, int):
        place = entry if entry >= 0 else (entry + length if length is not None else None)
        return None if place is None else (place, place + 1)
    if not isinstance(entry, Slice) or entry.step != 1 or entry == FULL:
        return None
    low, high = entry.start or 0, entry.stop
    if not (isinstance(low, int) and (high is None or isinstance(high, int))):
        return None
    if length is not None:
        low, high, _ = slice(low, high).indices(length)
    return (low, high) if high is not None and 0 <= low < high else None


def shifted(entry: Any, bounds: tuple[int, int], start: int) -> Any:
    """An index entry counted from `start`."""
    return bounds[0] - start if isinstance(entry, int) else Slice(bounds[0] - start, bounds[1] - start)


@procedure(Subtensor)
def slice_of_all(node: Apply) -> Any:
    """A slice that takes everything."""
    v = node.inputs[0]
    whole = all(
        isinstance(e, Slice) and (e == FULL or (n is not None and e.step == 1 and static_bounds(e, n) == (0, n)))
        for e, n in zip(node.op.entries, v.type.shape, strict=True)  # type: ignore[attr-defined]
    )
    return v if whole else None


@procedure(Join)
def join_of_one(node: Apply) -> Any:
    """A join of a single tensor; tensors without elements may be left out."""
    axis = node.op.axis  # type: ignore[attr-defined]
    kept = [p for p in node.inputs if p.type.shape[axis] != 0]  # type: ignore[attr-defined]
    if len(kept) == len(node.inputs) > 1 or not kept:
        return None
    return kept[0] if len(kept) == 1 else node.op(*kept)


# Sums


def is_sum(op: Any) -> bool:
    """Whether an op is a sum."""
    return isinstance(op, Reduce) and op.name == "sum"


def floats(v: Variable) -> bool:
    """Whether a variable holds real floating-point numbers."""
    return v.type.dtype.startswith("float")  # type: ignore[attr-defined]


@procedure(Reduce)
def reduction_of_single_elements(node: Apply) -> Any:
    """Axes of length one need no reduction."""
    v, axes = node.inputs[0], node.op.axes  # type: ignore[attr-defined]
    single = [a for a in axes if v.type.shape[a] == 1]  # type: ignore[attr-defined]
    if not single and axes:
        return None
    rest = [a for a in axes if a not in single]
    if not rest:
        return cast(squeeze(v, single) if single else v, node.outputs[0].type.dtype)  # type: ignore[attr-defined]
    kept = [a for a in range(v.type.ndim) if a not in single]  # type: ignore[attr-defined]
    return Reduce(node.op.name, tuple(kept.index(a) for a in rest))(squeeze(v, single))  # type: ignore[attr-defined]


@procedure(Reduce, of=[DimShuffle])
def reduction_of_reordered(node: Apply) -> Any:
    """A reduction over all axes does not depend on their order."""
    inner = source(node.inputs[0]).inputs[0]
    order = source(node.inputs[0]).op.order  # type: ignore[attr-defined]
    whole = len(node.op.axes) == len(order) and {a for a in order if a != "x"} == set(range(inner.type.ndim))  # type: ignore[attr-defined]
    return Reduce(node.op.name, tuple(range(inner.type.ndim)))(inner) if whole else None  # type: ignore[attr-defined]


@procedure(Reduce, of=[Reduce])
def reduction_of_reduction(node: Apply) -> Any:
    """Two reductions of one kind as one."""
    inner = source(node.inputs[0])
    same = inner.op.name == node.op.name and inner.inputs[0].type.dtype == node.inputs[0].type.dtype  # type: ignore[attr-defined]
    if not same:
        return None
    kept = [a for a in range(inner.inputs[0].type.ndim) if a not in inner.op.axes]  # type: ignore[attr-defined]
    axes = sorted({*inner.op.axes, *(kept[a] for a in node.op.axes)})  # type: ignore[attr-defined]
    return Reduce(node.op.name, tuple(axes))(inner.inputs[0])  # type: ignore[attr-defined]


@procedure(Reduce, of=[BroadcastTo])
def sum_of_broadcast(node: Apply) -> Any:
    """The sum of an element repeated n times is n times the element."""
    v, axes = node.inputs[0], node.op.axes  # type: ignore[attr-defined]
    plain = source(v).inputs[0]
    lead = v.type.ndim - plain.type.ndim  # type: ignore[attr-defined]
    repeated = [a for a in axes if a < lead or plain.type.shape[a - lead] == 1]  # type: ignore[attr-defined]
    if not is_sum(node.op) or not repeated or not floats(v):
        return None
    lengths = source(v).inputs[1:]
    times: Any = cast(count_of_lengths([lengths[a] for a in repeated]), v.type.dtype)  # type: ignore[attr-defined]
    inside = [a - lead for a in repeated if a >= lead]
    part = mul(squeeze(plain, inside) if inside else plain, times)
    left = [a for a in range(v.type.ndim) if a not in repeated]  # type: ignore[attr-defined]
    stretched = broadcast_to(part, [lengths[a] for a in left])
    rest = tuple(left.index(a) for a in axes if a not in repeated)
    return Reduce("sum", rest)(stretched) if rest else stretched


def count_of_lengths(lengths: Sequence[Any]) -> Any:
    """The product of some lengths."""
    total = lengths[0]
    for n in lengths[1:]:
        total = mul(total, n)
    return total


@procedure(Reduce, of=[neg])
def sum_of_negatives(node: Apply) -> Any:
    """The sum of -x is minus the sum of x."""
    if not is_sum(node.op) or not floats(node.inputs[0]):
        return None
    return neg(node.op(source(node.inputs[0]).inputs[0]))


@procedure(Reduce, of=[mul, true_div])
def sum_of_multiples(node: Apply) -> Any:
    """A scalar factor or divisor leaves the sum (where it is infinite and some x is 0, nan may become inf)."""
    inner = source(node.inputs[0])
    if not is_sum(node.op) or not floats(node.inputs[0]):
        return None
    first, second = inner.inputs
    if inner.op is mul and all_ones(first):
        first, second = second, first
    # The other operand must have the full shape, or the sum would run over fewer elements.
    if not all_ones(second) or all_ones(first) or first.type.ndim != node.inputs[0].type.ndim or not floats(first):  # type: ignore[attr-defined]
        return None
    return inner.op(node.op(first), as_scalar(second))


SHAPES: Table = (
    length_known_beforehand,
    length_from_inputs,
    element_of_shape,
    promise_already_known,
    axes_in_place,
    reordering_of_reordering,
    reshape_of_one_element,
    reshape_of_reshape,
    reshape_to_the_same,
    broadcast_to_the_same,
    broadcast_of_broadcast,
    broadcast_of_padded,
    broadcast_within_a_loop,
    broadcast_after_the_work,
    function_of_a_choice,
    padding_within_a_loop,
    element_of_broadcast,
    part_of_join,
    slice_of_all,
    join_of_one,
    reduction_of_single_elements,
    reduction_of_reordered,
    reduction_of_reduction,
    sum_of_broadcast,
    sum_of_negatives,
    sum_of_multiples,
)
