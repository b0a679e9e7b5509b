"""Reductions of matrices that take several rows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pellucid.compile.llvm.plan import Plan
    from pellucid.compile.llvm.sinks import Group

ROWS = 4
"""How many rows a reduction over matrices takes at once: each loads less, and their sums do not wait for each other."""

FEWEST_ROWS = 64
"""The length of an axis, where it is known, from which it is worth the code to take several rows at once."""

SHORT = 64
"""The length of rows up to which it is written into the code: for those, a loop's beginning and end are much of it."""


def takes_rows(plan: Plan, group: Group) -> bool:
    """Whether all that is done is to reduce cheap values along rows, or all of them to one row."""
    if len(group.domain) < 2 or group.segments is not None:
        return False
    *_, rows, _ = group.domain
    if isinstance(rows, int) and rows < FEWEST_ROWS:
        return False
    for sink in group.sinks:
        if sink.kind != "reduce" or any(plan.cost.get(v, 0) for v in plan.inline_of(sink)):
            return False
        if sink.kept != len(group.domain) - 1 and sink.loops[-2] not in sink.node.op.axes:
            return False
    return True


def short_rows(groups: list[Group]) -> set[int]:
    """The lengths of short rows that are taken several at once."""
    widths = [group.domain[-1] for group in groups if group.takes_rows]
    return {n for n in widths if isinstance(n, int) and n <= SHORT}
