"""Loops over steps as native loops: scalar states in registers, others where they are collected, or in rings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pellucid.compile.llvm.plan import StepPlan, is_scalar
from pellucid.compile.llvm.scalar import Scope, Value
from pellucid.compile.llvm.sinks import Sink
from pellucid.graph.nodes import Variable

if TYPE_CHECKING:
    from pellucid.compile.llvm.kernel import Kernel


def ring_length(plan: StepPlan, v: Variable) -> int:
    """How many values of a state must be kept: the one being made, and one for each state that holds an old one."""
    count, holders = 1, {v}
    leaves = list(plan.step.first)
    grown = True
    while grown:
        more = {leaves[k] for k in plan.live if plan.step.after[k] in holders} - holders
        holders |= more
        count += len(more)
        grown = bool(more)
    return count


def ring_states(plan: StepPlan) -> list[Variable]:
    """What becomes of states that are no scalars and that nobody collects."""
    kept = {plan.step.collected[i] for i in plan.wanted}
    found = dict.fromkeys(plan.step.after[k] for k in plan.live)
    return [v for v in found if not is_scalar(v) and v not in kept and v not in plan.step.first]


class Sequential:
    """A loop while it is emitted."""

    def __init__(self, kernel: Kernel, sink: Sink, emit_group: Callable[[Any, Any], None]):
        self.k, self.node, self.emit_group = kernel, sink.node, emit_group
        self.outer = kernel.plan
        self.plan = self.outer.loops[self.node]
        self.step = self.plan.step
        self.leaves = list(self.step.first)
        self.cells: dict[Variable, Value] = {}

    def emit(self) -> None:
        """Emit the whole loop."""
        for number in self.plan.live:
            self.begin(self.leaves[number])
        self.done = self.k.cell("int64") if self.step.stop is not None else None
        if self.done is not None:
            self.k.store_now(self.k.integer(0), self.done)
        length = self.length()
        self.k.count += 1
        name = self.k.count
        self.k.scopes.append(Scope())
        stop = self.body(Value(f"%i{name}", "int64", len(self.k.scopes) - 1), name)
        lines = self.k.scopes.pop().lines
        self.k.scopes[-1].lines += skeleton(name, length.text, lines, stop)
        self.finish()

    def length(self) -> Value:
        """How many steps there may be."""
        if self.step.rows or self.step.collected:
            return self.k.length(self.k.plan.extents.symbol(self.step.steps))
        return self.k.cast(self.k.element(self.step.steps, ()), "int64")

    # -- states

    def begin(self, leaf: Variable) -> None:
        """Put the first value of a state where the first step reads it."""
        first, dtype = self.step.first[leaf], leaf.type.dtype
        if is_scalar(leaf):
            self.cells[leaf] = self.k.cell(dtype)
            value = self.k.element(first, tuple(self.k.integer(0) for _ in first.type.shape))
            self.k.store_now(value, self.cells[leaf])
        else:
            self.cells[leaf] = self.pointer_cell()
            self.set_pointer(self.k.base(first).text, self.cells[leaf])

    def pointer_cell(self) -> Value:
        """A local variable that holds an address."""
        name = self.k.fresh()
        self.k.allocas.append(f"  {name} = alloca ptr, align 8")
        return Value(name, "pointer")

    def set_pointer(self, address: str, cell: Value) -> None:
        """Change a local variable that holds an address."""
        self.k.scopes[-1].lines.append(f"  store ptr {address}, ptr {cell.text}, align 8")

    def get_pointer(self, cell: Value) -> Value:
        """The address in a local variable at this point."""
        name = self.k.fresh()
        self.k.scopes[-1].lines.append(f"  {name} = load ptr, ptr {cell.text}, align 8")
        return Value(name, "pointer", len(self.k.scopes) - 1)

    # -- one step

    def body(self, t: Value, name: int) -> str | None:
        """Emit a step; the name of the condition to stop."""
        k, depth = self.k, t.depth
        self.place_rows(t)
        for leaf in (self.leaves[number] for number in self.plan.live):
            cell = self.cells[leaf]
            k.pointers[leaf] = Value(cell.text, "pointer", depth) if is_scalar(leaf) else self.get_pointer(cell)
        for i in self.plan.wanted:
            rows = self.node.outputs[len(self.leaves) + i]
            k.pointers[self.step.collected[i]] = self.row_address(rows, t)
        self.place_rings(t)
        for v in self.plan.memory:
            slot = k.pointers[v]
            k.pointers[v] = Value(slot.text if isinstance(slot, Value) else slot, "pointer", depth)
        k.plan = self.plan
        for group in self.plan.groups:
            self.emit_group(k, group)
        stop = self.advance(t)
        k.plan = self.outer
        return stop

    def place_rows(self, t: Value) -> None:
        """Let leaves stand for the rows of this step, and for what a lazy loop reads."""
        for leaf, v in self.step.fixed.items():
            if self.k.in_memory(v):
                self.k.pointers[leaf] = Value(self.k.base(v).text, "pointer", t.depth)
            else:
                self.k.slices[leaf] = v, None, t.depth
        for leaf, rows in self.step.rows.items():
            if self.k.in_memory(rows):
                self.k.pointers[leaf] = self.row_address(rows, t)
            else:
                self.k.slices[leaf] = rows, t, t.depth

    def row_address(self, rows: Variable, t: Value) -> Value:
        """Where row t of a variable in memory begins."""
        k = self.k
        offset = k.mul(t, k.product(k.shape(rows)[1:]))
        address = k.element_pointer(k.base(rows), offset, rows.type.dtype)
        return Value(address.text, "pointer", t.depth)

    def place_rings(self, t: Value) -> None:
        """Let states that nobody collects be made in the oldest of their buffers."""
        k = self.k
        for v in ring_states(self.plan):
            count = k.integer(ring_length(self.plan, v))
            place = k.emit(f"urem i64 {t.text}, {count.text}", "int64", (t,))
            address = k.element_pointer(k.pointers[v], k.mul(place, k.product(k.shape(v))), v.type.dtype)
            k.pointers[v] = Value(address.text, "pointer", t.depth)

    def advance(self, t: Value) -> str | None:
        """Let the states become what this step made of them; the name of the condition to stop."""
        k, zero = self.k, self.k.integer(0)
        values: list[tuple[Variable, Any]] = []
        for number in self.plan.live:
            leaf, after = self.leaves[number], self.step.after[number]
            made = k.element(after, tuple(zero for _ in after.type.shape)) if is_scalar(leaf) else k.base(after)
            values.append((leaf, made))
        stop = None if self.step.stop is None else k.boolean(k.element(self.step.stop, ()))
        for leaf, made in values:
            if is_scalar(leaf):
                k.store_now(made, self.cells[leaf])
            else:
                self.set_pointer(made.text, self.cells[leaf])
        if stop is None or self.done is None:
            return None
        k.store_now(k.add(t, k.integer(1)), self.done)
        return stop.text

    # -- after the last step

    def finish(self) -> None:
        """Hand out the last states, and how many steps were done."""
        depth = len(self.k.scopes) - 1
        for number in self.plan.live:
            last, leaf = self.node.outputs[number], self.leaves[number]
            if not self.outer.is_read(last):
                continue
            if is_scalar(leaf):
                self.hand_out(last, self.cells[leaf], depth)
            else:
                self.copy(self.get_pointer(self.cells[leaf]), last)
        if self.done is not None and self.outer.is_read(self.node.outputs[-1]):
            self.hand_out(self.node.outputs[-1], self.done, depth)

    def hand_out(self, v: Variable, cell: Value, depth: int) -> None:
        """Give a scalar its value, which is in a local variable."""
        k = self.k
        if k.in_memory(v):
            k.store_now(k.load_now(cell, v.type.dtype), k.base(v))
        else:
            k.pointers[v] = Value(cell.text, "pointer", depth)

    def copy(self, source: Value, target: Variable) -> None:
        """Copy a state out of the buffer in which the last step made it."""
        k, dtype = self.k, target.type.dtype
        size = k.product(k.shape(target))

        def one(i: Value) -> None:
            value = k.load_now(k.element_pointer(source, i, dtype), dtype)
            k.store_now(value, k.element_pointer(k.base(target), i, dtype))

        k.loop(size, one)


def skeleton(name: int, length: str, body: list[str], stop: str | None) -> list[str]:
    """The blocks of a loop around its body, which may also be left when `stop` holds."""
    back = f"  br label %head{name}" if stop is None else f"  br i1 {stop}, label %after{name}, label %head{name}"
    return [
        f"  br label %before{name}",
        f"before{name}:",
        f"  br label %head{name}",
        f"head{name}:",
        f"  %i{name} = phi i64 [ 0, %before{name} ], [ %n{name}, %latch{name} ]",
        f"  %c{name} = icmp slt i64 %i{name}, {length}",
        f"  br i1 %c{name}, label %body{name}, label %after{name}",
        f"body{name}:",
        *body,
        f"  br label %latch{name}",
        f"latch{name}:",
        f"  %n{name} = add nuw nsw i64 %i{name}, 1",
        back,
        f"after{name}:",
    ]


def emit_scan(kernel: Kernel, sink: Sink, emit_group: Callable[[Any, Any], None]) -> None:
    """A loop over steps."""
    Sequential(kernel, sink, emit_group).emit()
