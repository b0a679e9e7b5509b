"""Calls of library routines on whole matrices, and of Python for what has no native code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid.compile.llvm.kernel import Kernel
from pellucid.compile.llvm.scalar import Value, memory_type
from pellucid.compile.llvm.sinks import Sink
from pellucid.graph.nodes import Variable
from pellucid.rewrite.passes import is_on


def pointer_to(k: Kernel, v: Variable) -> Value:
    """The address of a variable's elements; a scalar that is nowhere in memory is put there."""
    if k.in_memory(v):
        return k.base(v)
    dtype = v.type.dtype
    place = k.cell(dtype)
    k.store_now(k.element(v, tuple(k.integer(0) for _ in v.type.shape)), place)
    return place


class Matrices:
    """What an op's `call` may ask for: routines of BLAS and LAPACK on the matrices of its inputs and output."""

    def __init__(self, kernel: Kernel, sink: Sink):
        self.k, self.sink = kernel, sink
        self.workspace = sink.workspace
        self.pointers: dict[Variable, Value] = {v: pointer_to(kernel, v) for v in sink.workspace}

    def is_read(self, v: Variable) -> bool:
        """Whether anything reads a result."""
        return self.k.plan.is_read(v)

    def unrolls(self) -> bool:
        """Whether small matrices are worked on by straight-line code (asked for each call that could be)."""
        self.k.unrolled += is_on("small")
        return is_on("small")

    def size(self, v: Variable) -> Value:
        """The number of elements of a vector of the workspace."""
        return self.k.shape(v)[0]

    def shape(self, v: Variable) -> tuple[Value, Value]:
        """The lengths of the last two axes."""
        rows, columns = self.k.shape(v)[-2:]
        return rows, columns

    def each(self, variables: Sequence[Variable], body: Callable[[], None]) -> None:
        """Run `body` for each matrix of stacks that share their leading axes."""
        bases = {v: pointer_to(self.k, v) for v in variables}
        stack = max((v for v in self.sink.node.inputs), key=lambda v: v.type.ndim)
        lead = self.k.shape(stack)[:-2]

        def at(i: Value) -> None:
            for v, base in bases.items():
                core = self.k.shape(v)[self.lead_ndim(v, len(lead)) :]
                moves = len(core) < v.type.ndim  # else one matrix serves the whole stack
                offset = self.k.mul(i, self.k.product(core)) if moves else self.k.integer(0)
                self.pointers[v] = self.k.element_pointer(base, offset, v.type.dtype)
            body()

        if lead:
            self.k.loop(self.k.product(lead), at)
        else:
            self.pointers.update(bases)
            body()

    def lead_ndim(self, v: Variable, most: int) -> int:
        """How many axes of an operand belong to the stack: all but two of an input, `most` of a result."""
        return v.type.ndim - 2 if v in self.sink.node.inputs else most

    def argument(self, a: Any) -> str:
        """One argument in Fortran's convention: a pointer to a character, integer, number or matrix."""
        if isinstance(a, Variable):
            return self.pointers[a].text
        cell = self.k.cell("int64")
        lines = self.k.scopes[-1].lines
        if isinstance(a, str):
            lines.append(f"  store i8 {ord(a)}, ptr {cell.text}")
        elif isinstance(a, float):
            self.k.store_now(self.k.constant(a, "float64"), cell)
        else:
            self.k.store_now(self.k.cast(a, "int32"), cell)
        return cell.text

    def routine(self, name: str, *arguments: Any) -> None:
        """Call a routine of BLAS or LAPACK."""
        self.k.routines.add(name)
        texts = [f"ptr {self.argument(a)}" for a in arguments]
        self.k.declared.add(f"declare void @blas_{name}({', '.join(['ptr'] * len(texts))})")
        self.k.scopes[-1].lines.append(f"  call void @blas_{name}({', '.join(texts)})")

    def info(self) -> Value:
        """A place for a routine's return code."""
        return self.k.cell("int32")

    def status(self, name: str, *arguments: Any) -> Value:
        """Call a routine whose last argument is its return code, and give the code."""
        place = self.info()
        self.k.routines.add(name)
        texts = [f"ptr {self.argument(a)}" for a in arguments] + [f"ptr {place.text}"]
        self.k.declared.add(f"declare void @blas_{name}({', '.join(['ptr'] * len(texts))})")
        self.k.scopes[-1].lines.append(f"  call void @blas_{name}({', '.join(texts)})")
        return self.k.load_now(place, "int32")

    def at_least_one(self, n: Value) -> Value:
        """A leading dimension, which BLAS wants to be positive."""
        return self.k.select(self.k.compare("lt", n, self.k.integer(1)), self.k.integer(1), n)

    def failed(self, name: str, *arguments: Any) -> Value:
        """Call a routine, and tell whether its return code is one of failure."""
        return self.k.compare("neq", self.status(name, *arguments), self.k.constant(0, "int32"))

    def entries(self, v: Variable, body: Callable[[Value, Value, Value], None]) -> None:
        """Run ``body(row, column, address)`` for every entry of the current matrix of `v`."""
        rows, columns = self.shape(v)
        k, base = self.k, self.pointers[v]

        def row(i: Value) -> None:
            k.loop(columns, lambda j: body(i, j, k.element_pointer(base, k.add(k.mul(i, columns), j), "float64")))

        k.loop(rows, row)

    def entry(self, v: Variable, offset: Value) -> Value:
        """The address of an element of the current matrix of `v`, by row-major position."""
        return self.k.element_pointer(self.pointers[v], offset, v.type.dtype)

    def swap(self, first: Value, second: Value) -> None:
        """Exchange the doubles at two addresses."""
        k = self.k
        a, b = k.load_now(first, "float64"), k.load_now(second, "float64")
        k.store_now(b, first)
        k.store_now(a, second)

    def swap_rows(self, v: Variable, i: Value, j: Value) -> None:
        """Exchange two rows of the current matrix of `v`."""
        k, (_, columns) = self.k, self.shape(v)
        k.loop(columns, lambda c: self.swap(*[self.entry(v, k.add(k.mul(row, columns), c)) for row in (i, j)]))

    def transpose(self, v: Variable) -> None:
        """Transpose the current (square) matrix of `v` in place."""
        k, (n, _) = self.k, self.shape(v)

        def row(i: Value) -> None:
            k.loop(i, lambda j: self.swap(self.entry(v, k.add(k.mul(i, n), j)), self.entry(v, k.add(k.mul(j, n), i))))

        k.loop(n, row)

    def turn(
        self, source: Variable, target: Variable, rows: Value, columns: Value, spoiled: Value | None = None
    ) -> None:
        """Write a matrix that lies in `source` by columns to `target` by rows (or the reverse); NaN where spoiled."""
        k = self.k

        def one(i: Value, j: Value) -> None:
            value = k.load_now(self.entry(source, k.add(k.mul(j, rows), i)), "float64")
            value = value if spoiled is None else k.select(spoiled, k.constant(float("nan"), "float64"), value)
            k.store_now(value, self.entry(target, k.add(k.mul(i, columns), j)))

        k.loop(rows, lambda i: k.loop(columns, lambda j: one(i, j)))

    def spoil(self, v: Variable, size: Value, spoiled: Value) -> None:
        """Overwrite the first elements of the current part of `v` with NaN if `spoiled`."""
        k = self.k
        k.loop(k.select(spoiled, size, k.integer(0)), lambda i: self.write(float("nan"), self.entry(v, i)))

    def write(self, number: float, place: Value) -> None:
        """Write a number of the program."""
        self.k.store_now(self.k.constant(number, "float64"), place)

    def copy(self, source: Variable, target: Variable) -> None:
        """Copy the current matrix of one variable over that of another."""
        k = self.k
        size = k.mul(*self.shape(target))
        a, b = self.pointers[source], self.pointers[target]

        def one(i: Value) -> None:
            k.store_now(k.load_now(k.element_pointer(a, i, "float64"), "float64"), k.element_pointer(b, i, "float64"))

        k.loop(size, one)


def emit_call(k: Kernel, sink: Sink) -> None:
    """A node computed by library routines."""
    node = sink.node
    outputs = node.outputs if len(node.outputs) > 1 else node.outputs[0]
    node.op.call(Matrices(k, sink), outputs, *node.inputs)


def emit_callback(k: Kernel, sink: Sink) -> None:
    """A node computed by its reference, in Python: a table of addresses and lengths goes there, a code comes back."""
    node = sink.node
    number = len(k.host_nodes)
    k.host_nodes.append(node)  # type: ignore[arg-type]
    words: list[Value] = []
    for v in (*node.inputs, *node.outputs):
        pointer = pointer_to(k, v)
        address = k.fresh()
        k.scopes[-1].lines.append(f"  {address} = ptrtoint ptr {pointer.text} to i64")
        words += [Value(address, "int64"), *k.shape(v)]
    table = k.fresh()
    k.allocas.append(f"  {table} = alloca [{len(words)} x i64], align 8")
    for i, word in enumerate(words):
        place = k.element_pointer(table, k.integer(i), "int64")
        k.scopes[-1].lines.append(f"  store {memory_type('int64')} {word.text}, ptr {place.text}, align 8")
    code, fine, k.count = k.fresh(), k.fresh(), k.count + 1
    label = k.count
    k.declared.add("declare i32 @pellucid_callback(i64, ptr)")
    k.scopes[-1].lines += [
        f"  {code} = call i32 @pellucid_callback(i64 {number}, ptr {table})",
        f"  {fine} = icmp eq i32 {code}, 0",
        f"  br i1 {fine}, label %go{label}, label %stop{label}",
        f"stop{label}:",
        f"  ret i32 {code}",
        f"go{label}:",
    ]
