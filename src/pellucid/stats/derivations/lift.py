"""Elements picked from an expression of draws, as an expression of draws of just these elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.traverse import graph_inputs
from pellucid.stats.bounds import evaluate_small
from pellucid.stats.derivations.core import WRITE_INSTEAD, blocked
from pellucid.stats.recognise import is_draw
from pellucid.tensor.create import extents_of
from pellucid.tensor.draws import as_size
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.index import FULL, Gather, Given, Slice, Subtensor
from pellucid.tensor.shape import BroadcastTo, DimShuffle, Join, SpecifyShape, broadcast_to, dim, dimshuffle
from pellucid.tensor.types import Constant, TensorVariable


def pick(rv: TensorVariable, x: Any) -> TensorVariable:
    """What has the distribution of `rv`, which indexes x, but indexes what x is made of.

    Raises
    ------
    NotDerivable
        When elements might be picked twice, or x is of a kind whose elements have no distributions of their own.
    """
    check_distinct(rv)
    node = x.owner
    if node is None:
        raise blocked(rv, f"{x} is no random variable", WRITE_INSTEAD)
    if is_draw(x):
        return pick_draw(rv, x)
    if isinstance(node.op, Elementwise):
        return node.op(*[again(rv, fit(v, x)) if v.ndim else v for v in node.inputs])
    if isinstance(node.op, Subtensor | Gather):
        return again(rv, pick(x, node.inputs[0]))
    if isinstance(node.op, SpecifyShape):
        return again(rv, node.inputs[0])
    if isinstance(node.op, BroadcastTo) and x.ndim == node.inputs[0].ndim and not stretched(node.inputs[0], x):
        return again(rv, node.inputs[0])
    if isinstance(node.op, DimShuffle) and isinstance(rv.owner.op, Subtensor):  # type: ignore[union-attr]
        return pick_moved(rv, x)
    if isinstance(node.op, Join) and isinstance(rv.owner.op, Subtensor):  # type: ignore[union-attr]
        return pick_part(rv, x)
    raise blocked(rv, f"the elements of {node.op} have no distributions of their own that are known", WRITE_INSTEAD)


def stretched(inner: Any, outer: Any) -> bool:
    """Whether an axis of length one became longer."""
    return any(m == 1 and n != 1 for m, n in zip(inner.type.shape, outer.type.shape, strict=True))


def again(rv: TensorVariable, x: Any) -> TensorVariable:
    """The index of `rv` applied to something else of the same axes."""
    return rv.owner.op(x, *rv.owner.inputs[1:])  # type: ignore[union-attr]


def fit(v: Any, x: TensorVariable) -> TensorVariable:
    """v broadcast to the shape of x."""
    return v if v.type.shape == x.type.shape else broadcast_to(v, extents_of(x))


def check_distinct(rv: TensorVariable) -> None:
    """Refuse an index by arrays that picks an element twice, or may do so."""
    op, positions = rv.owner.op, rv.owner.inputs[1:]  # type: ignore[union-attr]
    if not isinstance(op, Gather):
        return
    if not all(isinstance(v, Constant) for v in graph_inputs(positions)):
        raise blocked(rv, "the positions are not known now, and an element picked twice has no joint density",
                      "Use constant positions, or slices.")  # fmt: skip
    x = rv.owner.inputs[0]  # type: ignore[union-attr]
    arrays = [evaluate_small(v) % (n or np.iinfo(np.int64).max) for v, n in zip(
        positions, [x.type.shape[a] for a in op.axes], strict=True)]  # type: ignore[attr-defined]  # fmt: skip
    rows = np.stack([np.ravel(a) for a in np.broadcast_arrays(*arrays)])
    if np.unique(rows, axis=1).shape[1] < rows.shape[1]:
        raise blocked(rv, "the positions pick an element twice, so that its copies have no joint density",
                      "Pick each element once.")  # fmt: skip


def pick_draw(rv: TensorVariable, x: TensorVariable) -> TensorVariable:
    """A draw with the picked parameters."""
    node, op = x.owner, rv.owner.op  # type: ignore[union-attr]
    draw: Any = node.op  # type: ignore[union-attr]
    batch = x.ndim - draw.law.ndim_supp
    whole = all(e == FULL for e in op.entries[batch:]) if isinstance(op, Subtensor) else max(op.axes) < batch  # type: ignore[attr-defined]
    if not whole:
        raise blocked(rv, f"it picks elements of one draw of {draw}, which depend on each other",
                      "Write the marginal distribution.")  # fmt: skip
    lengths = extents_of(x)[:batch]
    parameters = []
    for p, core in zip(node.inputs[2:], draw.law.core, strict=True):  # type: ignore[union-attr]
        own: Any = p
        if own.ndim > core:
            full = broadcast_to(own, [*lengths, *extents_of(own)[own.ndim - core :]])
            op_there = Subtensor((*op.entries[:batch], *[FULL] * core)) if isinstance(op, Subtensor) else op
            own = op_there(full, *rv.owner.inputs[1:])  # type: ignore[union-attr]
        parameters.append(own)
    count = rv.ndim - draw.law.ndim_supp
    size = as_size([dim(rv, i) if n is None else n for i, n in enumerate(rv.type.shape[:count])])
    return draw(node.inputs[0], size, *parameters)[x.index]  # type: ignore[union-attr]


def pick_moved(rv: TensorVariable, x: TensorVariable) -> TensorVariable:
    """The index moved below an order of axes."""
    order, inner = x.owner.op.order, x.owner.inputs[0]  # type: ignore[union-attr, attr-defined]
    entries, given = rv.owner.op.entries, list(rv.owner.inputs[1:])  # type: ignore[union-attr, attr-defined]
    if given:
        raise blocked(rv, "the positions are variables, and the axes were moved", "Index before moving axes.")
    new = [entries[order.index(a)] if a in order else 0 for a in range(inner.type.ndim)]  # type: ignore[attr-defined]
    kept = [a for a, e in enumerate(new) if isinstance(e, Slice)]
    places = ["x" if a == "x" else kept.index(a) for a, e in zip(order, entries, strict=True) if isinstance(e, Slice)]
    return dimshuffle(Subtensor(tuple(new))(inner), places)


def pick_part(rv: TensorVariable, x: TensorVariable) -> TensorVariable:
    """The part of joined variables that holds the position."""
    axis, parts = x.owner.op.axis, x.owner.inputs  # type: ignore[union-attr, attr-defined]
    entries, given = list(rv.owner.op.entries), rv.owner.inputs[1:]  # type: ignore[union-attr, attr-defined]
    if entries[axis] == FULL:
        place = axis - sum(not isinstance(e, Slice) for e in entries[:axis])
        return Join(place)(*[again(rv, p) for p in parts])
    position, lengths = entries[axis], [p.type.shape[axis] for p in parts]  # type: ignore[attr-defined]
    dynamic = Given in (type(position), *(type(getattr(position, end, None)) for end in ("start", "stop")))
    if dynamic or None in lengths or (isinstance(position, Slice) and position.step != 1):
        raise blocked(rv, "which parts it picks is not known now", "Index the parts before joining them.")
    ends = np.cumsum(lengths).tolist()
    if isinstance(position, Slice):
        low, high, _ = slice(position.start, position.stop).indices(ends[-1])
        kept = []
        for p, n, end in zip(parts, lengths, ends, strict=True):
            first, last = max(low - (end - n), 0), min(high - (end - n), n)
            if first < last or (not kept and end == ends[-1]):
                entries[axis] = Slice(first, max(first, last))
                kept.append(Subtensor(tuple(entries))(p, *given))
        place = axis - sum(not isinstance(e, Slice) for e in entries[:axis])
        return Join(place)(*kept) if len(kept) > 1 else kept[0]
    which = int(np.searchsorted(ends, position, side="right"))
    entries[axis] = int(position - (ends[which] - lengths[which]))
    return Subtensor(tuple(entries))(parts[which], *given)
