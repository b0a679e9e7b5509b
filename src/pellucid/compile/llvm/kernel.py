"""What an op's `at` may ask for: elements of variables, lengths, positions; evaluated without recursion."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

import numpy as np

from pellucid.compile.llvm.lower import Extent, compute_dtype
from pellucid.compile.llvm.plan import LITERAL, Plan
from pellucid.compile.llvm.scalar import Scalars, Scope, Value, memory_type
from pellucid.compile.llvm.sinks import Offset
from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.provenance import describe
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.types import Constant


class Flat(NamedTuple):
    """An index into the elements of a tensor in row-major order."""

    linear: Value


class Failure(NamedTuple):
    """What a nonzero code means: the kind of error and its message."""

    error: type[Exception]
    message: str


POSITIONS = (
    "Positions count from 0, or back from -1, the last; use pt.clip, or take(..., mode='clip'), to keep them inside."
)


class Kernel(Scalars):
    """Evaluates elements of variables into the current loops."""

    def __init__(self, plan: Plan, pointers: dict[Variable, str | Value], *, reciprocals: bool = False):
        super().__init__(reciprocals=reciprocals)
        self.plan = plan
        self.pointers = pointers
        self.symbols: dict[Extent, int] = {}
        self.host_nodes: list[Apply] = []
        self.readings: dict[Variable, int] = {}
        self.strided = 0  # how many loops take several rows at once
        self.unrolled = 0  # how many calls on small matrices became straight-line code
        self.routines: set[str] = set()
        self.failures: list[Failure] = []
        self.checked: set[tuple[str, int]] = set()
        self.output: Variable | None = None
        self.slices: dict[Variable, tuple[Variable, Value | None, int]] = {}
        """Leaves of loops that stand for (a row of) what is computed where it is read; which row, how deep inside."""

    # -- lengths and memory

    def length(self, extent: Extent) -> Value:
        """An extent as a value."""
        extent = self.plan.extents.find(extent)
        if isinstance(extent, int) and (extent <= LITERAL or extent in self.plan.extents.written):
            return self.integer(extent)
        number = self.symbols.setdefault(extent, len(self.symbols))
        pointer = self.emit(f"getelementptr i64, ptr %dims, i64 {number}", "int64", ())
        return self.emit(f"load i64, ptr {pointer.text}, align 8, !invariant.load !0", "int64", ())

    def extent(self, v: Variable, axis: int) -> Value:
        """The length of one axis of a variable."""
        return self.length(self.plan.shape(v)[axis])

    def shape(self, v: Variable) -> list[Value]:
        """The lengths of all axes of a variable."""
        return [self.length(n) for n in self.plan.shape(v)]

    def home(self, v: Variable) -> tuple[Variable, Offset]:
        """Where a stored variable lies: itself, or a join and the lengths of what comes before it there."""
        plan: Plan | None = self.plan
        while plan is not None:
            if v in plan.placed:
                return plan.placed[v]
            plan = plan.outer
        return v, {}

    def in_memory(self, v: Variable) -> bool:
        """Whether a variable has memory of its own (or inside a join)."""
        return self.home(v)[0] in self.pointers

    def base(self, v: Variable) -> Value:
        """The pointer to the first element of a variable in memory."""
        home, before = self.home(v)
        pointer = self.pointers[home]
        pointer = pointer if isinstance(pointer, Value) else Value(pointer, "pointer")
        if not before:
            return pointer
        row = self.product(self.shape(v)[1:])
        offset = self.mul(self.total(before), row)
        return self.element_pointer(pointer, offset, v.type.dtype)

    def total(self, offset: Offset) -> Value:
        """The sum of lengths."""
        found = self.integer(offset.get(1, 0))
        for n, times in offset.items():
            if n != 1:
                found = self.add(found, self.mul(self.length(n), self.integer(times)))
        return found

    def product(self, lengths: Sequence[Value]) -> Value:
        """The product of lengths."""
        found = self.integer(1)
        for n in lengths:
            found = self.mul(found, n)
        return found

    def ravel(self, index: Sequence[Value], shape: Sequence[Value]) -> Value:
        """The row-major position of an index."""
        linear = self.integer(0)
        for i, n in zip(index, shape, strict=True):
            if n.text == "1":
                continue
            linear = self.add(self.mul(linear, n) if linear.text != "0" else linear, i)
        return linear

    def unravel(self, linear: Value, shape: Sequence[Value]) -> tuple[Value, ...]:
        """The index at a row-major position."""
        wide = [i for i, n in enumerate(shape) if n.text != "1"]
        out = [self.integer(0)] * len(shape)
        for axis in reversed(wide[1:]):
            divisor = self.select(self.compare("eq", shape[axis], self.integer(0)), self.integer(1), shape[axis])
            rest = self.emit(f"urem i64 {linear.text}, {divisor.text}", "int64", (linear, divisor))
            linear = self.emit(f"udiv i64 {linear.text}, {divisor.text}", "int64", (linear, divisor))
            out[axis] = rest
        if wide:
            out[wide[0]] = linear
        return tuple(out)

    def flat(self, linear: Value) -> Flat:
        """An index by row-major position."""
        return Flat(linear)

    def element_pointer(self, pointer: Value | str, offset: Value, dtype: str) -> Value:
        """The address of an element."""
        start = pointer if isinstance(pointer, Value) else Value(pointer, "pointer")
        code = f"getelementptr inbounds {memory_type(dtype)}, ptr {start.text}, i64 {offset.text}"
        return self.emit(code, "pointer", (start, offset))

    def address(self, v: Variable, index: Sequence[Value]) -> Value:
        """The address of an element of a variable in memory."""
        return self.element_pointer(self.base(v), self.ravel(index, self.shape(v)), v.type.dtype)

    def read(self, v: Variable, offset: Value) -> Value:
        """An element in memory, by row-major position; read once per scope, since what is read is no longer written."""
        dtype = v.type.dtype
        address = self.element_pointer(self.base(v), offset, dtype)
        size = np.dtype(dtype).itemsize
        # Variables may share memory one after another: what was read of one must not be taken for the other.
        mark = self.readings.setdefault(self.home(v)[0], len(self.readings))
        code = f"load {memory_type(dtype)}, ptr {address.text}, align {size} ; {mark}"
        found = self.emit(code, dtype, (address,))
        if dtype != "bool":
            return found
        return self.emit(f"icmp ne i8 {found.text}, 0", "bool", (found,))

    def load_now(self, address: Value, dtype: str) -> Value:
        """What is at an address at this point of the innermost loop (memory that is being written)."""
        depth = len(self.scopes) - 1
        name, lines = self.fresh(), self.scopes[-1].lines
        lines.append(f"  {name} = load {memory_type(dtype)}, ptr {address.text}, align {np.dtype(dtype).itemsize}")
        if dtype == "bool":
            truth = self.fresh()
            lines.append(f"  {truth} = icmp ne i8 {name}, 0")
            name = truth
        return Value(name, dtype, depth)

    def store_now(self, value: Value, address: Value) -> None:
        """Write at this point of the innermost loop."""
        text, kind = value.text, memory_type(value.dtype)
        if value.dtype == "bool":
            byte = self.fresh()
            self.scopes[-1].lines.append(f"  {byte} = zext i1 {text} to i8")
            text = byte
        align = np.dtype(value.dtype).itemsize
        self.scopes[-1].lines.append(f"  store {kind} {text}, ptr {address.text}, align {align}")

    def cell(self, dtype: str) -> Value:
        """A local variable."""
        name = self.fresh()
        self.allocas.append(f"  {name} = alloca {memory_type(dtype)}, align 8")
        return Value(name, "pointer")

    # -- positions

    def position(self, entry: Any, x: Variable, axis: int) -> Value:
        """An integer index along an axis of x, counted from the front; out of range it fails."""
        n = self.extent(x, axis)
        if not isinstance(entry, int):
            place = self.select(self.compare("lt", entry, self.integer(0)), self.add(entry, n), entry)
        else:
            place = self.integer(entry) if entry >= 0 else self.add(n, self.integer(entry))
            if x.type.shape[axis] is not None:
                return place  # checked when the graph was written
        return self.guard(place, n, f"an index is out of range for axis {axis} of '{x}'")

    def slice_start(self, entry: slice, n: Value) -> Value:
        """Where a slice begins."""
        zero, forward = self.integer(0), entry.step > 0
        last = self.add(n, self.integer(-1))
        if entry.start is None or (isinstance(entry.start, int) and entry.start == 0 and forward):
            return zero if forward else last
        start = self.integer(entry.start) if isinstance(entry.start, int) else entry.start
        wrapped = self.select(self.compare("lt", start, zero), self.add(start, n), start)
        low, high = (zero, n) if forward else (self.integer(-1), last)
        wrapped = self.select(self.compare("lt", wrapped, low), low, wrapped)
        return self.select(self.compare("gt", wrapped, high), high, wrapped)

    def checked_position(self, value: Value, x: Variable, axis: int, source: Variable) -> Value:
        """An element of an index array as a position along an axis of x; what is out of range fails."""
        value, n = self.cast(value, "int64"), self.extent(x, axis)
        static = x.type.shape[axis]
        if isinstance(source, Constant) and static is not None and (source.data.size == 0 or source.data.min() >= 0):
            return value  # checked when the graph was written
        wrapped = self.select(self.compare("lt", value, self.integer(0)), self.add(value, n), value)
        return self.guard(wrapped, n, f"an index in '{source}' is out of range for axis {axis} of '{x}'")

    def guard(self, position: Value, n: Value, message: str) -> Value:
        """A position known to be inside an axis; otherwise the call fails with `message`."""
        inside = self.emit(f"icmp ult i64 {position.text}, {n.text}", "bool", (position, n))
        node = self.output.owner if self.output is not None else None
        where = f"\n  in {node.op}, at {describe(node.line)}" if node is not None else ""
        self.fail_unless(inside, Failure(IndexError, f"{message}{where}\n  {POSITIONS}"))
        return self.select(inside, position, self.integer(0))

    def require(self, condition: Value, error: type[Exception], message: str) -> None:
        """Make the call raise `error` with `message` if the condition is false."""
        self.fail_unless(condition, Failure(error, message))

    def fail_unless(self, condition: Value, failure: Failure) -> None:
        """Make the call return an error code if the condition is false."""
        if failure not in self.failures:
            self.failures.append(failure)
        code = self.failures.index(failure) + 1
        if (condition.text, code) in self.checked:
            return
        self.checked.add((condition.text, code))
        old, new = self.fresh(), self.fresh()
        self.scopes[condition.depth].lines += [
            f"  {old} = load i32, ptr %error, align 4",
            f"  {new} = select i1 {condition.text}, i32 {old}, i32 {code}",
            f"  store i32 {new}, ptr %error, align 4",
        ]

    # -- elements

    def broadcast_index(self, v: Variable, index: Sequence[Value]) -> tuple[Value, ...]:
        """The index into an operand of a broadcast."""
        shape = v.type.shape
        mine = index[len(index) - len(shape) :]
        return tuple(self.integer(0) if n == 1 else i for n, i in zip(shape, mine, strict=True))

    def lookup(self, v: Variable, index: Any) -> Any:
        """An element that is a constant, known already, or in memory; None for one that must be computed."""
        if isinstance(v, Constant) and v.data.ndim == 0:
            return self.constant(v.data.item(), v.type.dtype)
        found = self.recall(v, index)
        if found is not None:
            return found
        if not self.in_memory(v):
            return None
        return self.read(v, index.linear if isinstance(index, Flat) else self.ravel(index, self.shape(v)))

    def element(self, v: Variable, index: Any) -> Value:
        """The element of `v` at `index`."""
        found = self.lookup(v, index)
        return found if found is not None else self.run(v, index)

    def compute(self, v: Variable, index: Any) -> Value:
        """The element of `v` at `index`, not from its own memory."""
        found = self.recall(v, index)
        return found if found is not None else self.run(v, index)

    def key(self, v: Variable, index: Any) -> tuple[Any, ...]:
        """What an element is known by: on an axis of length one, every way to write the index means 0."""
        shape = v.type.shape
        if isinstance(index, Flat):
            return (v, *("0" for _ in shape)) if all(n == 1 for n in shape) else (v, "flat", index.linear.text)
        return (v, *("0" if n == 1 else i.text for n, i in zip(shape, index, strict=True)))

    def recall(self, v: Variable, index: Any) -> Value | None:
        """An element that was computed before, in a scope that is still open."""
        key = self.key(v, index)
        for scope in reversed(self.scopes):
            if key in scope.known:
                return scope.known[key]
        return None

    def run(self, v: Variable, index: Any) -> Value:
        """Compute an element with an explicit stack of suspended ops."""
        stack: list[tuple[Generator[Any, Any, Any], Any]] = [self.start(v, index)]
        answer: Any = None
        while True:
            steps, key = stack[-1]
            try:
                wanted, at = steps.send(answer)
            except StopIteration as done:
                stack.pop()
                answer = done.value
                self.scopes[answer.depth].known[key] = answer
                if not stack:
                    return answer
                continue
            answer = self.lookup(wanted, at)
            if answer is None:
                stack.append(self.start(wanted, at))

    def start(self, v: Variable, index: Any) -> tuple[Generator[Any, Any, Any], Any]:
        """Begin the computation of an element."""
        key = self.key(v, index)
        if isinstance(index, Flat):
            index = self.unravel(index.linear, self.shape(v))
        if v in self.slices:
            return self.row(v, index), key
        node = v.owner
        if node is None or self.plan.kinds[node] != "inline":
            raise RuntimeError(f"{v} is read before it is computed: a defect of the compiler's plan.")
        if isinstance(node.op, Elementwise):
            return self.elementwise(node, index), key
        self.output = v
        return node.op.at(self, index, *node.inputs), key

    def row(self, leaf: Variable, index: Sequence[Value]) -> Generator[Any, Any, Value]:
        """An element of the row that a leaf of a loop stands for."""
        rows, number, depth = self.slices[leaf]
        found = yield rows, (tuple(index) if number is None else (number, *index))
        return Value(found.text, found.dtype, max(depth, found.depth))

    def elementwise(self, node: Apply, index: Sequence[Value]) -> Generator[Any, Any, Value]:
        """The element of an elementwise node."""
        op, dtype = node.op, compute_dtype(node)
        args = []
        for i, v in enumerate(node.inputs):
            value = yield v, self.broadcast_index(v, index)
            args.append(value if i in op.raw else self.cast(value, dtype))
        return self.cast(self.apply(op.llvm, args), node.outputs[0].type.dtype)

    def run_steps(self, steps: Generator[Any, Any, Any]) -> Any:
        """Answer what a generator asks for, and give back what it returns."""
        answer = None
        while True:
            try:
                wanted, at = steps.send(answer)
            except StopIteration as done:
                return done.value
            answer = self.element(wanted, at)

    # -- loops

    def loop(self, length: Value, body: Callable[[Value], None]) -> None:
        """Emit `body` at every index below `length`."""
        self.count += 1
        k = self.count
        self.scopes.append(Scope())
        body(Value(f"%i{k}", "int64", len(self.scopes) - 1))
        inner = self.scopes.pop().lines
        self.scopes[-1].lines += [
            f"  br label %before{k}",
            f"before{k}:",
            f"  br label %head{k}",
            f"head{k}:",
            f"  %i{k} = phi i64 [ 0, %before{k} ], [ %n{k}, %latch{k} ]",
            f"  %c{k} = icmp slt i64 %i{k}, {length.text}",
            f"  br i1 %c{k}, label %body{k}, label %after{k}",
            f"body{k}:",
            *inner,
            f"  br label %latch{k}",
            f"latch{k}:",
            f"  %n{k} = add nuw nsw i64 %i{k}, 1",
            f"  br label %head{k}",
            f"after{k}:",
        ]
