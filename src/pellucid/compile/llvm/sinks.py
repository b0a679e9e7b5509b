"""What a plan is made of: things to be computed, and the loop nests that they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pellucid.compile.llvm.lower import Extent
from pellucid.graph.nodes import Variable
from pellucid.tensor.types import Constant

Domain = tuple[Extent, ...]
Offset = Mapping[Extent, int]
"""A sum of lengths: how often each of them is counted. Literal ones are counted under 1."""
WHOLE = ("scan", "call", "callback")
"""The kinds of sinks that compute all outputs of a node, in a way of their own."""


@dataclass(eq=False)
class Sink:
    """Something to be computed over a domain.

    Attributes
    ----------
    kind : {"store", "reduce", "update", "cumulate", "scan", "call", "callback"}
    node : Apply
        The node that it computes (None for a plain store).
    value : Variable
        What is evaluated at each index: the stored variable, the reduced one, the update.
    target : Variable
        The variable whose memory receives the result.
    extents : tuple
        The lengths of the axes of `value`.
    offset : tuple
        For a piece of a join, where it begins along each axis of the target.
    workspace : tuple
        Vectors that a call of library routines may write what it likes to.
    """

    kind: str
    value: Variable
    target: Variable
    extents: tuple[Extent, ...]
    node: Any = None
    offset: tuple[Offset, ...] = ()
    after: list[Sink] = field(default_factory=list)
    workspace: Sequence[Variable] = ()

    @property
    def domain(self) -> Domain:
        """The axes that need a loop."""
        return tuple(self.extents[axis] for axis in self.loops)

    @property
    def loops(self) -> list[int]:
        """Which axes have a loop."""
        return [axis for axis, n in enumerate(self.extents) if not (isinstance(n, int) and n == 1)]

    @property
    def kept(self) -> int | None:
        """How many loops stay outside a reduction when its axes are the innermost loops; None when they are not."""
        reduced = [axis in self.node.op.axes for axis in self.loops]
        kept = reduced.count(False)
        return kept if not any(reduced[:kept]) else None

    @property
    def outputs(self) -> Sequence[Variable]:
        """The variables that it writes."""
        return (*self.node.outputs, *self.workspace) if self.kind in WHOLE else (self.target,)

    @property
    def fuses(self) -> bool:
        """Whether it can share its loops."""
        return self.kind in ("store", "reduce", "update")


@dataclass(frozen=True, eq=False)
class Segments:
    """How a loop over data is one over groups around one over the members of each.

    Attributes
    ----------
    index : Constant
        The group of each datum, in order.
    starts : Constant
        Where each group begins, and where the last ends.
    """

    index: Constant
    starts: Constant

    @property
    def count(self) -> int:
        """The number of groups."""
        return self.starts.data.size - 1

    def adds(self, sink: Sink) -> bool:
        """Whether a sink adds up what belongs to each group."""
        return sink.kind == "update" and len(sink.extents) == 1 and sink.node.inputs[2] is self.index


@dataclass(eq=False)
class Group:
    """Sinks that share one loop nest.

    Attributes
    ----------
    segments : Segments or None
        Where its data are sorted by group.
    takes_rows : bool
        Whether several rows are reduced in one loop.
    parts : list of Group
        Where it is several loop nests over the same rows: they take turns on `tile` rows each.
    """

    domain: Domain
    sinks: list[Sink]
    segments: Segments | None = None
    takes_rows: bool = False
    parts: list[Group] = field(default_factory=list)
    tile: int = 0
