"""Decide what is stored, which loops are fused, and where buffers lie.

A variable is either *inline* (its element is computed where it is read) or *stored*. What must be computed is a list
of *sinks*: stores, reductions, updates, calls. Sinks over the same domain that do not depend on each other share one
loop nest, a *group*; groups run in order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import ChainMap
from collections.abc import Iterable, MutableMapping, Sequence

import numpy as np

from pellucid.compile.llvm import math
from pellucid.compile.llvm.lower import Extent, Extents, find_extents, kind_of
from pellucid.compile.llvm.rows import short_rows, takes_rows
from pellucid.compile.llvm.sinks import WHOLE, Domain, Group, Offset, Segments, Sink
from pellucid.compile.llvm.tiles import tiled
from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.traverse import toposort
from pellucid.rewrite.passes import is_on
from pellucid.rewrite.segments import groups_of, is_sorted
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.index import Gather, Scatter
from pellucid.tensor.shape import Dim, DimShuffle, Reshape
from pellucid.tensor.types import Constant, TensorType

LITERAL = 8
"""Lengths up to this one are written into the code, so that LLVM can unroll; longer ones are read at run time."""


def is_scalar(v: Variable) -> bool:
    """Whether a variable has a single element for certain."""
    return all(n == 1 for n in v.type.shape)


def made_by(v: Variable, kind: type) -> bool:
    """Whether a variable is the result of an op of some kind."""
    return v.owner is not None and isinstance(v.owner.op, kind)


def inputs_of(v: Variable) -> Sequence[Variable]:
    """What a variable is computed from."""
    return v.owner.inputs if v.owner is not None else ()


def beyond(offset: Offset, n: Extent) -> Offset:
    """An offset that is larger by a length."""
    if isinstance(n, int) and n <= LITERAL:
        return {**offset, 1: offset.get(1, 0) + n}
    return {**offset, n: offset.get(n, 0) + 1}


class Plan:
    """The plan of one compiled function.

    Attributes
    ----------
    roots : list of Variable
        What is read from outside: inputs, constants, shared variables.
    outputs : list of Variable
    stored : dict
        Variables with memory of their own → the sinks that fill it.
    placed : dict
        Stored variables that lie inside a join → (the join, offset along its first axis).
    groups : list of Group
    loops : dict
        Applications of loops → the plans of their steps.
    outer : Plan or None
        For the plan of a step, the plan around its loop.
    outside : set of Variable
        What a step reads from around its loop.
    """

    outer: Plan | None = None
    outside: frozenset[Variable] = frozenset()

    def __init__(self, inputs: Sequence[Variable], outputs: Sequence[Variable]):
        self.inputs, self.outputs = list(inputs), list(outputs)
        self.nodes = toposort(outputs, stop=set(inputs))
        given = set(inputs)
        read = dict.fromkeys([v for n in self.nodes for v in n.inputs] + self.outputs)
        others = [v for v in read if v.owner is None and v not in given and isinstance(v.type, TensorType)]
        self.roots = [*self.inputs, *(v for v in others if not (isinstance(v, Constant) and v.data.ndim == 0))]
        self.extents: Extents = find_extents(self.nodes, [*self.inputs, *others])
        self.kinds: MutableMapping[Apply, str] = {}
        self.arrange()

    def arrange(self) -> None:
        """Decide what is stored, and group it."""
        self.kinds.update((node, self.kind(node)) for node in self.nodes)
        self.readers = count_readers(self.nodes, self.outputs)
        self.fusion = is_on("fusion")
        self.cost: dict[Variable, int] = {}
        self.stored: dict[Variable, list[Sink]] = {}
        self.placed: dict[Variable, tuple[Variable, Offset]] = {}
        self.measure_costs()
        self.split: set[Variable] = set()
        self.extra = self.must_store()
        self.build()
        late = self.recomputed()
        if late:
            self.extra |= late
            self.build()
        self.loops = {node: StepPlan(self, node) for node in self.nodes if self.kinds[node] == "scan"}
        if is_on("segments") and self.outer is None:
            for group in self.groups:
                group.segments = self.segments_of(group)
        if is_on("rows"):
            for group in self.groups:
                group.takes_rows = takes_rows(self, group)
        self.extents.written |= short_rows(self.groups)
        if is_on("tiles") and self.outer is None:
            self.groups = tiled(self)

    def segments_of(self, group: Group) -> Segments | None:
        """How the data of a loop are grouped, where they are sorted by a constant index; the groups join the roots."""
        if len(group.domain) != 1:
            return None
        found = [g for s in group.sinks if s.kind == "update" and len(s.extents) == 1 and (g := groups_of(s.node))]
        found = [pair for pair in dict.fromkeys(found) if is_sorted(pair[0])]
        if not found:
            return None
        index, n = max(
            found, key=lambda pair: sum(s.node.inputs[2] is pair[0] for s in group.sinks if s.kind == "update")
        )
        starts = Constant(np.searchsorted(index.data, np.arange(n + 1)))
        self.extents.of[starts] = starts.data.shape
        self.roots.append(starts)
        return Segments(index, starts)

    def kind(self, node: Apply) -> str:
        """How a node is compiled."""
        found = kind_of(node)
        return "callback" if found == "scan" and node not in self.extents.steps else found

    def is_read(self, v: Variable) -> bool:
        """Whether anything reads a variable, or wants it as a result."""
        return self.readers.get(v, 0) > 0

    def shape(self, v: Variable) -> tuple[Extent, ...]:
        """The extents of a variable."""
        return self.extents.final(v)

    # -- what is stored

    def measure_costs(self) -> None:
        """How many expensive operations computing one element of each inline variable takes."""
        for node in self.nodes:
            for out in node.outputs:
                if self.kinds[node] != "inline" or is_scalar(out):
                    self.cost[out] = 0
                    continue
                own = isinstance(node.op, Elementwise) and node.op.llvm in math.FUNCTIONS
                self.cost[out] = int(own) + sum(self.cost.get(v, 0) for v in set(node.inputs))

    def must_store(self) -> set[Variable]:
        """Inline variables that need memory because of how a reader reads them."""
        found: set[Variable] = set()
        for node in self.nodes:
            for v in node.inputs:
                if v.owner is None or self.kinds.get(v.owner) != "inline" or is_scalar(v):
                    continue
                row_by_row = self.kinds[node] == "scan" and self.is_read_row_by_row(node, v)
                if (self.kinds[node] in WHOLE and not row_by_row) or self.rereads(node, v):
                    found.add(v)
        self.split = self.costly_and_scattered() if is_on("split") else set()
        return found | self.split

    def costly_and_scattered(self) -> set[Variable]:
        """What is costly in values added at scattered places: such a loop is not vectorised, so they wait for it."""
        found: set[Variable] = set()
        for node in self.nodes:
            if isinstance(node.op, Scatter) and self.kinds[node] == "update":
                functions = self.functions_in(node.inputs[1])
                found.update(functions if len(functions) <= 1 else [node.inputs[1]])
        return found

    def functions_in(self, v: Variable) -> list[Variable]:
        """The outermost functions in what is computed where it is read."""
        found, seen, stack = [], set(), [v]
        while stack:
            u = stack.pop()
            if u not in seen and self.cost.get(u):
                seen.add(u)
                own = self.cost[u] > sum(self.cost.get(w, 0) for w in set(inputs_of(u)))
                found += [u] if own else []
                stack.extend(() if own else inputs_of(u))
        return found

    def is_read_row_by_row(self, node: Apply, v: Variable) -> bool:
        """Whether a loop reads each element of a vector once, and computing it there costs next to nothing."""
        sequences, states, others = node.op.parts(node.inputs[1:])
        return len(v.type.shape) == 1 and not self.cost[v] and v in sequences and v not in (*states, *others)

    def rereads(self, node: Apply, v: Variable) -> bool:
        """Whether a node would compute the same element of v again and again."""
        op, cost = node.op, self.cost.get(v, 0)
        if isinstance(op, Reshape) and node.inputs[0] is v:
            return len([n for n in v.type.shape if n != 1]) > 1 and not made_by(v, Reshape)
        if not cost:
            return False
        if isinstance(op, (Gather, Scatter)) and node.inputs[0] is v:
            return True
        if isinstance(op, DimShuffle):
            return False
        return self.stretches_inside(node, v)

    def stretches_inside(self, node: Apply, v: Variable) -> bool:
        """Whether v is stretched along one axis and varies along another.

        Along an inner axis that is computed once per outer index, but not vectorised; storing it first is faster.
        """
        if self.kinds[node] != "inline" or not node.outputs:
            return False
        out, mine = node.outputs[0].type.shape, v.type.shape
        padded = (1,) * (len(out) - len(mine)) + tuple(mine)
        stretched = [i for i, (a, b) in enumerate(zip(padded, out, strict=False)) if a == 1 and b != 1]
        varying = [i for i, a in enumerate(padded) if a != 1]
        return bool(stretched and varying)

    def recomputed(self) -> set[Variable]:
        """Expensive inline variables that more than one group would compute."""
        places = self.touched().items()
        shared = {v for v, (first, last) in places if first != last and self.cost.get(v) and v not in self.stored}
        # Only the outermost of a chain need be stored: what it is made of is then read once.
        covered = {u for v in shared for u in inputs_of(v) if self.readers.get(u, 0) == 1}
        return shared - covered

    # -- sinks and groups

    def build(self) -> None:
        """Make the sinks in order, and group them."""
        self.stored, self.groups, self.placed = {}, [], {}
        self.place_of: dict[Sink, int] = {}
        self.ready: dict[Variable, int] = {}
        self.by_domain: dict[Domain, list[int]] = {}
        wanted = set(self.outputs)
        self.place_pieces()
        for node in self.nodes:
            kind = self.kinds[node]
            for sink in self.sinks_of(node, kind):
                self.add(sink)
            for v in node.outputs:
                if kind == "inline" and not isinstance(node.op, Dim):
                    self.ready[v] = self.last_write(node.inputs)
                if kind == "inline" and (v in self.extra or v in wanted):
                    self.add(Sink("store", v, v, self.shape(v)))
        for v in self.outputs:
            if v.owner is None and v not in self.stored:
                self.add(Sink("store", v, v, self.shape(v)))

    def place_pieces(self) -> None:
        """Let stored pieces of a join be computed right where the join wants them."""
        outputs = set(self.outputs)
        for node in self.nodes:
            if self.kinds[node] != "join" or node.op.axis != 0:
                continue
            offset: Offset = {}
            for piece in node.inputs:
                own = piece.owner
                if own is not None and self.readers[piece] == 1 and piece not in outputs and not is_scalar(piece):
                    same_dtype = piece.type.dtype == node.outputs[0].type.dtype
                    if self.kinds[own] in ("reduce", "update", "call") and same_dtype:
                        self.placed[piece] = node.outputs[0], offset
                offset = beyond(offset, self.shape(piece)[0])

    def sinks_of(self, node: Apply, kind: str) -> Iterable[Sink]:
        """The sinks that compute a node."""
        out = node.outputs[0]
        if kind == "reduce":
            x = node.inputs[0]
            yield Sink("reduce", x, out, self.shape(x), node)
        elif kind == "join":
            yield from self.pieces(node)
        elif kind == "update":
            base = Sink("store", node.inputs[0], out, self.shape(out))
            yield base
            extents = node.op.update_extents(node.inputs, [self.shape(v) for v in node.inputs])
            known = tuple(self.extents.find(self.extents.symbol(e)) for e in extents)
            yield Sink("update", node.inputs[1], out, known, node, after=[base])
        elif kind == "cumulate":
            yield Sink("cumulate", node.inputs[0], out, self.shape(out), node)
        elif kind in WHOLE:
            yield Sink(kind, out, out, (), node, workspace=self.workspace_of(node) if kind == "call" else ())

    def workspace_of(self, node: Apply) -> Sequence[Variable]:
        """Vectors for what an op's `workspace` asks for, given the lengths of the inputs."""
        sizes = getattr(node.op, "workspace", None)
        found = []
        for dtype, length in () if sizes is None else sizes(*[self.shape(v) for v in node.inputs]):
            v = TensorType(dtype, (None,)).variable()
            self.extents.of[v] = (self.extents.find(self.extents.symbol(length)),)
            found.append(v)
        return found

    def pieces(self, node: Apply) -> Iterable[Sink]:
        """A store for each piece of a join that does not lie there already."""
        out, axis = node.outputs[0], node.op.axis
        before: Offset = {}
        for piece in node.inputs:
            if piece not in self.placed:
                offset = tuple(before if a == axis else {} for a in range(len(piece.type.shape)))
                yield Sink("store", piece, out, self.shape(piece), node, offset)
            else:
                self.stored.setdefault(out, []).extend(self.stored[piece])
                self.ready[out] = max(self.ready.get(out, -1), self.ready[piece])
            before = beyond(before, self.shape(piece)[axis])

    def add(self, sink: Sink) -> None:
        """Put a sink into the first group that it can join, or a new one."""
        first = max([self.place_of[s] for s in sink.after] + [self.last_write(self.roots_of(sink))]) + 1
        place = len(self.groups)
        if sink.fuses and self.fusion:
            alike = self.by_domain.setdefault(sink.domain, [])
            at = bisect_left(alike, first)
            if at < len(alike):
                place = alike[at]
            else:
                alike.append(place)
        if place == len(self.groups):
            self.groups.append(Group(sink.domain, []))
        self.groups[place].sinks.append(sink)
        self.place_of[sink] = place
        for out in sink.outputs:
            self.stored.setdefault(out, []).append(sink)
            self.ready[out] = max(self.ready.get(out, -1), place)

    def last_write(self, variables: Iterable[Variable]) -> int:
        """The last group that writes what computing these variables reads; -1 for none."""
        return max((self.ready.get(v, -1) for v in variables if v not in self.outside), default=-1)

    def roots_of(self, sink: Sink) -> list[Variable]:
        """What a sink evaluates."""
        if sink.kind in WHOLE:
            return list(sink.node.inputs)
        if sink.kind == "update":
            return [sink.value, *sink.node.inputs[2:]]
        return [sink.value]

    def touched(self) -> dict[Variable, tuple[int, int]]:
        """For each variable, the first and the last group that computes it where it is read, or reads its memory."""
        found: dict[Variable, tuple[int, int]] = {}

        def touch(v: Variable, first: int, last: int) -> None:
            if v not in self.outside:
                before = found.get(v)
                found[v] = (first, last) if before is None else (min(before[0], first), max(before[1], last))

        def descend(v: Variable, first: int, last: int) -> None:
            for u in () if v.owner is None or isinstance(v.owner.op, Dim) else v.owner.inputs:
                touch(u, first, last)

        for place, group in enumerate(self.groups):
            for sink in group.sinks:
                for v in self.roots_of(sink):
                    # What is being stored is computed here, not read from its memory.
                    (descend if v is sink.value and sink.target is v else touch)(v, place, place)
        for node in reversed(self.nodes):
            for v in node.outputs:
                if v in found and v not in self.stored:
                    descend(v, *found[v])
        return found

    def inline_of(self, sink: Sink) -> list[Variable]:
        """The variables that a sink computes where it reads them."""
        found, stack, seen = [], self.roots_of(sink), set()
        while stack:
            v = stack.pop()
            if v in seen or v in self.outside:
                continue
            seen.add(v)
            stored = v in self.stored and not (v is sink.value and sink.target is v)
            if not stored and v.owner is not None:
                found.append(v)
                if not isinstance(v.owner.op, Dim):
                    stack.extend(v.owner.inputs)
        return found


class StepPlan(Plan):
    """The plan of what each step of a loop does.

    Attributes
    ----------
    step : Step
    live : list of int
        The states that are needed.
    wanted : list of int
        The collected outputs that are needed.
    memory : list of Variable
        What has workspace, which each step overwrites.
    """

    def __init__(self, outer: Plan, node: Apply):
        step = self.step = outer.extents.steps[node]
        states = len(step.first)
        self.outer, self.outside = outer, frozenset(step.outside)
        self.wanted = [i for i in range(len(step.collected)) if outer.is_read(node.outputs[states + i])]
        last = [k for k in range(states) if outer.is_read(node.outputs[k])]
        leaves = list(step.first)
        self.live = step.live_states([*(step.collected[i] for i in self.wanted), *(leaves[k] for k in last)])
        self.inputs = [*step.rows, *(leaves[k] for k in self.live)]
        wanted = [*(step.after[k] for k in self.live), *(step.collected[i] for i in self.wanted)]
        wanted += [] if step.stop is None else [step.stop]
        self.nodes = step.nodes(wanted)
        inside = {v for n in self.nodes for v in n.outputs}
        self.outputs = [v for v in wanted if v in inside]
        self.memory: list[Variable] = []
        self.extents = outer.extents
        self.kinds = ChainMap({}, outer.kinds)  # type: ignore[arg-type]
        self.arrange()


def count_readers(nodes: Sequence[Apply], outputs: Sequence[Variable]) -> dict[Variable, int]:
    """How many times each variable is read."""
    found: dict[Variable, int] = {}
    for v in [*(v for n in nodes for v in n.inputs), *outputs]:
        found[v] = found.get(v, 0) + 1
    return found
