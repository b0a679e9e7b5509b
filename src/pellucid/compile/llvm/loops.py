"""Emit groups: one loop nest for all sinks that share a domain."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pellucid.compile.llvm.calls import emit_call, emit_callback
from pellucid.compile.llvm.kernel import Kernel
from pellucid.compile.llvm.rows import ROWS
from pellucid.compile.llvm.scalar import Value
from pellucid.compile.llvm.sequential import emit_scan
from pellucid.compile.llvm.sinks import Group, Segments, Sink


class Nest:
    """The loop nest of one group while it is emitted."""

    def __init__(self, kernel: Kernel, group: Group):
        self.k, self.group = kernel, group
        self.index: list[Value] = []
        self.cells: dict[tuple[Sink, int], Value] = {}
        self.row = 0  # which of several rows is being emitted
        reduces = [s for s in group.sinks if s.kind == "reduce"]
        self.trailing = {s: kept for s in reduces if (kept := s.kept) is not None}
        self.leading = [s for s in reduces if s not in self.trailing]

    def emit(self) -> None:
        """Emit the whole nest."""
        self.open()
        if self.group.segments is not None:
            self.by_segments(self.group.segments)
        else:
            self.loops(0)
        self.close()

    def open(self) -> None:
        """Set the accumulators that are there all the time."""
        for sink in self.leading:
            self.fill(sink)
        for sink in self.due(0):
            self.begin(sink)

    def close(self) -> None:
        """Take the results out of them."""
        for sink in self.due(0):
            self.finish(sink)

    def level(self, depth: int) -> None:
        """Emit the loops from `depth` on, with the reductions that begin and end there."""
        for sink in self.due(depth):
            self.begin(sink)
        self.loops(depth)
        for sink in self.due(depth):
            self.finish(sink)

    def loops(self, depth: int, start: Value | None = None, count: Value | None = None) -> None:
        """Emit the loops from `depth` on; the outermost over `count` rows from `start` on, if that is given."""
        if depth == len(self.group.domain):
            for sink in self.group.sinks:
                self.element(sink)
            return
        start = start or self.k.integer(0)
        count = count or self.k.length(self.group.domain[depth])
        if depth == len(self.group.domain) - 2 and self.group.takes_rows:
            self.k.strided += 1
            self.several_rows(depth, start, count)
        else:
            self.k.loop(count, lambda i: self.inside(depth, self.k.add(start, i)))

    def inside(self, depth: int, i: Value) -> None:
        """The body of the loop at `depth`."""
        self.index.append(i)
        self.level(depth + 1)
        self.index.pop()

    def due(self, depth: int) -> list[Sink]:
        """The reductions whose inner loops begin at `depth`."""
        return [s for s, kept in self.trailing.items() if kept == depth]

    def full_index(self, sink: Sink) -> list[Value]:
        """The index into all axes of a sink, also those of length one."""
        loops = iter(self.index)
        return [self.k.integer(0) if isinstance(n, int) and n == 1 else next(loops) for n in sink.extents]

    # -- by segments

    def by_segments(self, segments: Segments) -> None:
        """A loop over groups around a loop over the members of each; what is added up for a group is a register."""
        k = self.k
        sums = [sink for sink in self.group.sinks if segments.adds(sink)]

        def one_group(j: Value) -> None:
            first, last = (k.read(segments.starts, k.add(j, k.integer(step))) for step in (0, 1))
            for sink in sums:
                cell = self.cells[sink, 0] = k.cell(sink.target.type.dtype)
                k.store_now(k.constant(0, sink.target.type.dtype), cell)
            k.loop(k.sub(last, first), lambda t: one_member(j, k.add(first, t)))
            for sink in sums:
                address = k.address(sink.target, (j,))
                old = k.load_now(address, sink.target.type.dtype)
                k.store_now(k.add(old, k.load_now(self.cells[sink, 0], old.dtype)), address)

        def one_member(j: Value, i: Value) -> None:
            k.scopes[-1].known[k.key(segments.index, (i,))] = j
            self.index.append(i)
            self.level(1)
            self.index.pop()

        k.loop(k.length(segments.count), one_group)

    # -- several rows at once

    def several_rows(self, depth: int, start: Value, count: Value) -> None:
        """The loop at `depth` in strides of several rows, and one by one what is left."""
        k = self.k
        strides = k.emit(f"udiv i64 {count.text}, {ROWS}", "int64", (count,))
        done = k.mul(strides, k.integer(ROWS))

        def stride(i: Value) -> None:
            first = k.add(start, k.mul(i, k.integer(ROWS)))
            self.rows(depth, [k.add(first, k.integer(row)) for row in range(ROWS)])

        k.loop(strides, stride)
        k.loop(k.sub(count, done), lambda i: self.inside(depth, k.add(start, k.add(done, i))))

    def rows(self, depth: int, rows: Sequence[Value]) -> None:
        """Several rows in one loop over their elements."""
        own = self.due(depth + 1)
        self.each_row(rows, own, self.begin)
        self.k.loop(self.k.length(self.group.domain[-1]), lambda j: self.elements(rows, j, own))
        self.each_row(rows, own, self.finish)
        self.row = 0

    def each_row(self, rows: Sequence[Value], sinks: Sequence[Sink], do: Callable[[Sink], None]) -> None:
        """Do something for the reductions along each of several rows."""
        for self.row, i in enumerate(rows):
            self.index.append(i)
            for sink in sinks:
                do(sink)
            self.index.pop()

    def elements(self, rows: Sequence[Value], j: Value, own: Sequence[Sink]) -> None:
        """What is done at element `j` of several rows: reductions across rows first combine what these give."""
        for sink in self.group.sinks:
            total: Value | None = None
            for row, i in enumerate(rows):
                self.index += [i, j]
                self.row = row if sink in own else 0
                value = self.reduced(sink, self.full_index(sink))
                if sink in own:
                    self.combine(sink, value, self.place(sink))
                elif total is None:
                    total = value
                else:
                    total = self.k.apply(sink.node.op.reduction.combine.llvm, [total, value])
                if total is not None and row == len(rows) - 1:
                    self.combine(sink, total, self.place(sink))
                del self.index[-2:]

    # -- reductions

    def begin(self, sink: Sink) -> None:
        """Set the accumulator of a reduction."""
        dtype = sink.target.type.dtype
        cell = self.cells[sink, self.row] = self.k.cell(dtype)
        self.k.store_now(self.k.constant(start_of(sink), dtype), cell)

    def finish(self, sink: Sink) -> None:
        """Take the result of a reduction out of its accumulator."""
        out, dtype = sink.target, sink.target.type.dtype
        cell = self.cells[sink, self.row]
        total = self.k.load_now(cell, dtype)
        kept = self.kept_index(sink)
        if self.k.in_memory(out):
            self.k.store_now(total, self.k.address(out, kept))
        if not self.index:
            self.k.scopes[-1].known[self.k.key(out, kept)] = total
            if not self.k.in_memory(out):  # for readers by another index, such as a row-major position
                self.k.pointers[out] = Value(cell.text, "pointer", len(self.k.scopes) - 1)

    def kept_index(self, sink: Sink) -> list[Value]:
        """The index into the result of a reduction (known inside the loops over its kept axes)."""
        loops, out = iter(self.index), []
        for axis, n in enumerate(sink.extents):
            position = self.k.integer(0) if isinstance(n, int) and n == 1 else next(loops, None)
            if axis not in sink.node.op.axes:
                out.append(position)
        return out

    def fill(self, sink: Sink) -> None:
        """Set the whole result of a reduction over outer axes to its start."""
        out, dtype = sink.target, sink.target.type.dtype
        size, start = self.k.product(self.k.shape(out)), self.k.constant(start_of(sink), dtype)
        self.k.loop(size, lambda i: self.k.store_now(start, self.k.element_pointer(self.k.base(out), i, dtype)))

    # -- elements

    def element(self, sink: Sink) -> None:
        """What a sink does at the current index."""
        index = self.full_index(sink)
        if self.group.segments is not None and self.group.segments.adds(sink):
            value = self.k.element(sink.value, self.k.broadcast_index(sink.value, index))
            self.accumulate(sink, self.k.cast(value, sink.target.type.dtype))
        elif sink.kind == "update":
            self.update(sink, index)
        elif sink.kind == "store":
            self.store(sink, index)
        else:
            self.combine(sink, self.reduced(sink, index), self.place(sink))

    def reduced(self, sink: Sink, index: Sequence[Value]) -> Value:
        """What a reduction takes in at an index."""
        return self.k.cast(self.k.element(sink.value, tuple(index)), sink.target.type.dtype)

    def place(self, sink: Sink) -> Value:
        """The accumulator of a reduction at the current index."""
        if sink in self.trailing:
            return self.cells[sink, self.row]
        return self.k.address(sink.target, self.kept_index(sink))

    def combine(self, sink: Sink, value: Value, place: Value) -> None:
        """Combine a value into an accumulator."""
        recipe = sink.node.op.reduction.combine.llvm
        old = self.k.load_now(place, value.dtype)
        self.k.store_now(self.k.apply(recipe, [old, value]), place)

    def accumulate(self, sink: Sink, value: Value) -> None:
        """Add to the sum of a segment."""
        cell = self.cells[sink, 0]
        self.k.store_now(self.k.add(self.k.load_now(cell, value.dtype), value), cell)

    def store(self, sink: Sink, index: Sequence[Value]) -> None:
        """Store an element, perhaps as a piece of a join."""
        target, place = sink.target, list(index)
        for axis, before in enumerate(sink.offset):
            place[axis] = self.k.add(place[axis], self.k.total(before))
        # Its own memory holds nothing yet, so the element must be computed, not read.
        compute = self.k.compute if sink.value is target else self.k.element
        value = self.k.cast(compute(sink.value, tuple(index)), target.type.dtype)
        if self.k.in_memory(target):
            self.k.store_now(value, self.k.address(target, place))

    def update(self, sink: Sink, index: Sequence[Value]) -> None:
        """Set or add an element at the position that the op picks."""
        k, node = self.k, sink.node
        target, op = sink.target, node.op
        k.output = target
        place = k.run_steps(op.update(k, tuple(index), node.inputs[0], node.inputs[2:]))
        value = k.element(sink.value, k.broadcast_index(sink.value, index))
        value = k.cast(value, target.type.dtype)
        address = k.address(target, place)
        k.store_now(value if op.sets else k.add(k.load_now(address, value.dtype), value), address)


def start_of(sink: Sink) -> object:
    """The value of an empty reduction."""
    with np.errstate(all="ignore"):
        return sink.node.op.reduction.start(np.dtype(sink.target.type.dtype))


def emit_cumulate(k: Kernel, sink: Sink) -> None:
    """A running reduction along one axis, inside loops over the others."""
    axis, shape = sink.node.op.axis, k.shape(sink.target)
    dtype = sink.target.type.dtype
    cell = k.cell(dtype)
    index: dict[int, Value] = {}
    order = [a for a in range(len(shape)) if a != axis]

    def step(i: Value) -> None:
        index[axis] = i
        place = tuple(index[a] for a in range(len(shape)))
        value = k.cast(k.element(sink.value, place), dtype)
        total = k.apply(sink.node.op.reduction.combine.llvm, [k.load_now(cell, dtype), value])
        k.store_now(total, cell)
        k.store_now(total, k.address(sink.target, place))

    def level(depth: int) -> None:
        if depth == len(order):
            k.store_now(k.constant(start_of(sink), dtype), cell)
            k.loop(shape[axis], step)
            return
        k.loop(shape[order[depth]], lambda i: (index.__setitem__(order[depth], i), level(depth + 1))[0])

    level(0)


def emit_turns(k: Kernel, group: Group) -> None:
    """Several loop nests over the same rows, which take turns on a few rows each."""
    nests = [Nest(k, part) for part in group.parts]
    for nest in nests:
        nest.open()
    total, tile = k.length(group.domain[0]), k.integer(group.tile)
    above = k.add(total, k.integer(group.tile - 1))
    turns = k.emit(f"udiv i64 {above.text}, {tile.text}", "int64", (above,))

    def turn(i: Value) -> None:
        start = k.mul(i, tile)
        left = k.sub(total, start)
        count = k.select(k.compare("lt", left, tile), left, tile)
        for nest in nests:
            nest.loops(0, start, count)

    k.loop(turns, turn)
    for nest in nests:
        nest.close()


def emit_group(kernel: Kernel, group: Group) -> None:
    """Emit one group."""
    (first, *_) = group.sinks
    if group.parts:
        emit_turns(kernel, group)
    elif first.kind == "cumulate":
        emit_cumulate(kernel, first)
    elif first.kind == "call":
        emit_call(kernel, first)
    elif first.kind == "callback":
        emit_callback(kernel, first)
    elif first.kind == "scan":
        emit_scan(kernel, first, emit_group)
    else:
        Nest(kernel, group).emit()
