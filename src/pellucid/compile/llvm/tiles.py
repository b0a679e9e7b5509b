"""Loops over the same rows take turns on a few rows at a time, so that a matrix is fetched from memory once.

A regression reads its predictors twice: for the products with the slopes, and, once each row's residual is known, for
the gradient of the slopes. What lies between may only read the row it is at.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING

from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.shape import BroadcastTo, Dim, DimShuffle

if TYPE_CHECKING:
    from pellucid.compile.llvm.plan import Plan
    from pellucid.compile.llvm.sinks import Group, Sink
    from pellucid.graph.nodes import Variable

BYTES = 16 * 1024
"""How much of a matrix one turn reads: half of a usual first cache, for the vectors want room too."""

FEWEST, MOST = 16, 256
"""The least and largest number of rows of one turn."""

LARGE = 2**20
"""The size of matrices, in bytes, from which it is worth it: smaller ones stay in a usual second cache anyway."""


def tiled(plan: Plan) -> list[Group]:
    """The groups of a plan, those that take turns made one."""
    found, at = list(plan.groups), 0
    while at < len(found):
        turns = Turns.from_group(plan, found, at)
        if turns is not None:
            found[at : turns.end] = [turns.joined(), *turns.later]
        at += 1
    return found


class Turns:
    """Groups that take turns, and those between them that wait until all is done.

    Attributes
    ----------
    parts : list of Group
        Those that take turns, in order.
    later : list of Group
        Those that wait, in order.
    end : int
        The place after the last of them.
    """

    def __init__(self, plan: Plan, first: Group):
        self.plan = plan
        self.parts, self.later = [first], []
        self.end = 0
        self.rows = first.domain[0]

    @classmethod
    def from_group(cls, plan: Plan, groups: list[Group], at: int) -> Turns | None:
        """The turns that begin with a group; None where that reads no matrix that a later one reads too."""
        first = groups[at]
        wanted = set(matrices(plan, first))
        if not wanted:
            return None
        turns, found = cls(plan, first), None
        for place in range(at + 1, len(groups)):
            group = groups[place]
            joins = turns.may_join(group)
            (turns.parts if joins else turns.later).append(group)
            if joins and not wanted.isdisjoint(matrices(plan, group)):
                found = cls(plan, first)
                found.parts, found.later, found.end = list(turns.parts), list(turns.later), place + 1
        return found

    def joined(self) -> Group:
        """The group of all parts."""
        first = self.parts[0]
        both = type(first)(first.domain[:1], [sink for part in self.parts for sink in part.sinks])
        both.parts, both.tile = self.parts, tile_of(self.plan, first)
        return both

    def may_join(self, group: Group) -> bool:
        """Whether a group loops over the same rows, and needs of the others the row alone that it is at."""
        plan = self.plan
        if not fits(group) or group.domain[0] != self.rows:
            return False
        mine = {v: True for part in self.parts for sink in part.sinks for v in sink.outputs}
        waiting = {v for part in self.later for sink in part.sinks for v in sink.outputs}
        for sink in group.sinks:
            for v, row in reads(plan, sink):
                if v in waiting or any(s in part.sinks for part in self.later for s in plan.stored.get(v, ())):
                    return False
                if v in mine and not (row is not None and row == row_axis(v) and self.writes_rows(v)):
                    return False
        return True

    def writes_rows(self, v: Variable) -> bool:
        """Whether each row of a variable is complete once the loops have been at that row."""
        plan = self.plan
        row = row_axis(v)
        if row is None or plan.shape(v)[row] != self.rows or len(plan.stored[v]) != 1:
            return False
        (sink,) = plan.stored[v]
        if sink.kind == "store":
            return sink.value is v and not sink.offset
        return sink.kind == "reduce" and sink.loops[0] not in sink.node.op.axes


def fits(group: Group) -> bool:
    """Whether a group is a plain loop nest."""
    return bool(group.domain) and group.segments is None and all(s.kind in ("store", "reduce") for s in group.sinks)


def matrices(plan: Plan, group: Group) -> Iterator[Variable]:
    """The matrices of many rows that a group is given and reads row by row."""
    if not fits(group) or len(group.domain) < 2:
        return
    roots = set(plan.roots)
    for sink in group.sinks:
        for v, row in reads(plan, sink):
            if v in roots and row is not None and row == row_axis(v) and plan.shape(v)[row] == group.domain[0]:
                width = prod(n for n in v.type.shape[row + 1 :] if n is not None)
                count = v.type.shape[row]
                if width > 1 and (count is None or count * width * 8 > LARGE):
                    yield v


def row_axis(v: Variable) -> int | None:
    """The first axis that is not known to have length one."""
    return next((axis for axis, n in enumerate(v.type.shape) if n != 1), None)


def tile_of(plan: Plan, group: Group) -> int:
    """How many rows one turn takes, a multiple of what rows are taken at once."""
    width = max(prod(n or 1 for n in v.type.shape[1:]) for v in matrices(plan, group))
    return min(max(BYTES // (8 * width), FEWEST), MOST) // 8 * 8


def reads(plan: Plan, sink: Sink) -> Iterator[tuple[Variable, int | None]]:
    """What a sink reads from memory, with the axis that is at the row of the loops; None where none is for certain."""
    stack: list[tuple[Variable, int | None]] = [(sink.value, sink.loops[0])]
    seen = set()
    while stack:
        v, row = stack.pop()
        if (v, row) in seen:
            continue
        seen.add((v, row))
        computed_here = v is sink.value and sink.target is v
        if v.owner is None or (v in plan.stored and not computed_here):
            yield v, row
        elif not isinstance(v.owner.op, Dim):
            stack.extend((u, row_of(v, u, row)) for u in v.owner.inputs)


def row_of(v: Variable, u: Variable, row: int | None) -> int | None:
    """The axis of an operand that moves with an axis of the result; None where it is not that simple."""
    op = v.owner.op  # type: ignore[union-attr]
    if row is None:
        return None
    if isinstance(op, DimShuffle):
        axis = op.order[row]
        return axis if isinstance(axis, int) else None
    if isinstance(op, Elementwise) or (isinstance(op, BroadcastTo) and u is v.owner.inputs[0]):  # type: ignore[union-attr]
        axis = row - (len(v.type.shape) - len(u.type.shape))
        return axis if axis >= 0 and u.type.shape[axis] != 1 else None
    return None
