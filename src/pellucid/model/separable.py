"""Where the elements of a latent variable go in an expression: along which axes, as long as none are mixed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pellucid.graph.intern import equal_computations
from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.traverse import toposort
from pellucid.tensor.check import CheckAndRaise
from pellucid.tensor.create import arange
from pellucid.tensor.cumulate import Cumulate
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.index import FULL, Gather, Given, Slice, Subtensor
from pellucid.tensor.linalg import Cholesky, MatMul, Solve, SolveTriangular
from pellucid.tensor.reduce import ArgReduce, Reduce
from pellucid.tensor.shape import BroadcastTo, Dim, DimShuffle, Join, Shape, SpecifyShape, dim
from pellucid.tensor.softmax import LogSoftmax, LogSumExp, Softmax
from pellucid.tensor.types import TensorVariable, as_tensor_variable


class Place(NamedTuple):
    """Where the elements along one axis of the latent variable are.

    Attributes
    ----------
    axis : int or None
        Along which axis; None where only one element is read.
    index : variable, int or None
        Which elements these are: positions along the latent's axis; None for all in their order.
    """

    axis: int | None
    index: Any = None


class Mixed(NamedTuple):
    """Elements of the latent variable have been combined."""

    node: Apply


Track = tuple[Place, ...]
Found = Track | Mixed | None


def same_place(a: Place, b: Place) -> bool:
    """Whether two expressions hold the same elements along the same axis."""
    if a.axis != b.axis or (a.index is None) != (b.index is None):
        return False
    if a.index is None or a.index is b.index:
        return True
    return equal_computations([as_tensor_variable(a.index)], [as_tensor_variable(b.index)])


def agree(node: Apply, tracks: Sequence[Track]) -> Track | Mixed:
    """The one way in which several inputs hold the elements."""
    first = tracks[0]
    alike = all(same_place(a, b) for t in tracks[1:] for a, b in zip(first, t, strict=True))
    return first if alike else Mixed(node)


def moved(track: Track, axes: Callable[[int], int | None]) -> Track | None:
    """A track with its axes renamed; None if one of them has no place in the result."""
    found = []
    for p in track:
        axis = p.axis if p.axis is None else axes(p.axis)
        if p.axis is not None and axis is None:
            return None
        found.append(p._replace(axis=axis))
    return tuple(found)


def trace_axes(graph: Variable, latent: TensorVariable, axes: Sequence[int]) -> Found:
    """How `graph` holds the elements along some axes of `latent`; None if it does not depend on it.

    Returns
    -------
    tuple of Place
        One for each of `axes`; or Mixed, with the node that combines elements.
    """
    found: dict[Variable, Found] = {latent: tuple(Place(a) for a in axes)}
    for node in toposort([graph], stop={latent}):
        tracks = [found.get(v) for v in node.inputs]
        if any(t is not None for t in tracks):
            track = follow(node, tracks)
            found.update(dict.fromkeys(node.outputs, track))
    return found.get(graph)


def follow(node: Apply, tracks: Sequence[Found]) -> Found:
    """How the result of one application holds the elements."""
    if isinstance(node.op, Dim | Shape):
        return None
    if isinstance(node.op, CheckAndRaise | SpecifyShape):
        return tracks[0]
    mixed = [t for t in tracks if isinstance(t, Mixed)]
    if mixed:
        return mixed[0]
    rule = next((r for kind, r in RULES.items() if isinstance(node.op, kind)), None)
    plain: list[Track | None] = [t for t in tracks if not isinstance(t, Mixed)]
    if all(t is None or not t for t in plain):
        return ()  # a scalar: there are no elements to mix
    found = None if rule is None else rule(node, plain)
    return Mixed(node) if found is None else found


def aligned(node: Apply, tracks: Sequence[Track | None]) -> Track | Mixed | None:
    """Through broadcasting: axes count from the end."""
    rank, shape = node.outputs[0].type.ndim, node.outputs[0].type.shape  # type: ignore[attr-defined]
    shifted = []
    for v, t in zip(node.inputs, tracks, strict=True):
        if t is not None:
            shift = rank - v.type.ndim  # type: ignore[attr-defined]
            own = v.type.shape  # type: ignore[attr-defined]
            if any(p.axis is not None and own[p.axis] == 1 != shape[p.axis + shift] for p in t):
                return None
            shifted.append(tuple(p if p.axis is None else p._replace(axis=p.axis + shift) for p in t))
    return agree(node, shifted)


def stretched(node: Apply, tracks: Sequence[Track | None]) -> Track | Mixed | None:
    """Through a broadcast to given lengths."""
    return aligned(node, [tracks[0], *[None] * (len(tracks) - 1)])


def shuffled(node: Apply, tracks: Sequence[Track | None]) -> Track | None:
    """Through an order of axes."""
    order = node.op.order  # type: ignore[attr-defined]
    return moved(tracks[0] or (), lambda a: order.index(a) if a in order else None)


def reduced(node: Apply, tracks: Sequence[Track | None]) -> Track | None:
    """Through a reduction over other axes."""
    op: Any = node.op
    gone = op.axes if hasattr(op, "axes") else (op.axis,)
    return moved(tracks[0] or (), lambda a: None if a in gone else a - sum(g < a for g in gone))


def kept(node: Apply, tracks: Sequence[Track | None]) -> Track | None:
    """Through an op along other axes that keeps the shape."""
    op: Any = node.op
    along = op.axes if hasattr(op, "axes") else (op.axis,)
    return moved(tracks[0] or (), lambda a: None if a in along else a)


def joined(node: Apply, tracks: Sequence[Track | None]) -> Track | Mixed | None:
    """Side by side along another axis."""
    axis = node.op.axis  # type: ignore[attr-defined]
    given = [t for t in tracks if t is not None]
    return None if any(p.axis == axis for t in given for p in t) else agree(node, given)


MATRICES: dict[Any, tuple[tuple[int, ...], ...]] = {
    MatMul: ((-1,), (-2,)), Solve: ((-2, -1), (-2,)), SolveTriangular: ((-2, -1), (-2,)), Cholesky: ((-2, -1),)
}  # fmt: skip
"""The axes of each input, counted from the end, whose elements an op on matrices combines."""


def batched(node: Apply, tracks: Sequence[Track | None]) -> Track | Mixed | None:
    """Through matrices: along their batch, and along the rows or columns that are treated one by one."""
    for v, t, mixing in zip(node.inputs, tracks, MATRICES[type(node.op)], strict=True):
        rank = v.type.ndim  # type: ignore[attr-defined]
        if t is not None and any(p.axis is not None and p.axis - rank in mixing for p in t):
            return None
    return aligned(node, tracks)


def composed(before: Any, index: Any) -> Any:
    """The positions that are picked, where those that they are picked from are positions themselves."""
    return index if before is None else before[index]


def picked(node: Apply, tracks: Sequence[Track | None]) -> Track | None:
    """Through slices and single positions."""
    entries, x, track = node.op.entries, node.inputs[0], tracks[0]  # type: ignore[attr-defined]
    positions = [t for t in tracks[1:] if t is not None]
    if track is None:  # a position that is one element of the latent
        alone = len(positions) == 1 and all(p.axis is None for p in positions[0])
        return positions[0] if alone else None
    if positions:
        return None
    given = iter(node.inputs[1:])
    found = list(track)
    for axis, e in enumerate(entries):
        values = [next(given) for b in ((e.start, e.stop) if isinstance(e, Slice) else (e,)) if isinstance(b, Given)]
        for i, p in enumerate(track):
            if p.axis != axis:
                continue
            if isinstance(e, Slice):
                place = sum(isinstance(u, Slice) for u in entries[:axis])
                full = arange(dim(x, axis))  # type: ignore[arg-type]
                rows = None if e == FULL else Subtensor((e,))(full, *values)
                found[i] = Place(place, p.index if rows is None else composed(p.index, rows))
            else:
                found[i] = Place(None, composed(p.index, values[0] if values else e))
    return tuple(found)


def gathered(node: Apply, tracks: Sequence[Track | None]) -> Track | Mixed | None:
    """Through positions: the latent picks something, or is itself picked from along one axis."""
    axes: tuple[int, ...] = node.op.axes  # type: ignore[attr-defined]
    indices = node.inputs[1:]
    rank = max(i.type.ndim for i in indices)  # type: ignore[attr-defined]
    positions = [(v, t) for v, t in zip(indices, tracks[1:], strict=True) if t is not None]
    track = tracks[0]
    if track is None:
        given = [
            tuple(p if p.axis is None else p._replace(axis=p.axis + rank - v.type.ndim) for p in t)  # type: ignore[attr-defined]
            for v, t in positions
        ]
        return agree(node, given)
    if positions or rank != 1 or len(axes) != 1:
        return None
    (axis,) = axes
    return tuple(
        p if p.axis is None
        else Place(0, composed(p.index, indices[0])) if p.axis == axis
        else p._replace(axis=1 + p.axis - (p.axis > axis))
        for p in track
    )  # fmt: skip


Rule = Callable[[Apply, Sequence[Track | None]], Track | Mixed | None]

RULES: dict[Any, Rule] = {
    Elementwise: aligned,
    BroadcastTo: stretched,
    DimShuffle: shuffled,
    Reduce | LogSumExp | ArgReduce: reduced,
    Softmax | LogSoftmax | Cumulate: kept,
    Join: joined,
    Subtensor: picked,
    Gather: gathered,
    MatMul | Solve | SolveTriangular | Cholesky: batched,
}
"""How each class of ops hands on the elements; any other mixes them."""
