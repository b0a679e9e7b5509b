"""From the statements of a kernel to LLVM functions, and from kernels to a module."""

import ast
from collections.abc import Sequence
from typing import NamedTuple

from pellucid.compile.llvm.kernel_expressions import ELEMENTS, ExpressionWriter, Module, Value
from pellucid.compile.llvm.kernel_language import BOOL, I64, NONE, VOID, Kernel, Replaced, export_name, reachable


class Loop(NamedTuple):
    """Where `continue` and `break` jump to; `left` collects the breaks."""

    again: str
    end: str
    left: list[ast.AST]


class FunctionWriter(ExpressionWriter):
    """Writes one kernel as an LLVM function."""

    def __init__(self, source: Kernel, module: Module):
        super().__init__(source, module)
        self.loops: list[Loop] = []
        *self.parameters, (_, self.result) = source.signature.items()

    def write(self, *, exported: bool) -> str:
        """The text of the function."""
        for name, kind in self.parameters:
            self.store_name(name, Value(f'%"{name}"', kind), self.source.node)
        self.statements(self.source.node.body)
        if not self.finished and self.result is not VOID:
            raise self.source.error(self.source.node, f"it may end without returning its {self.result.name}")
        if not self.finished:
            self.emit("ret void")
        return "\n".join([self.head(exported=exported), "entry:", *self.slots, *self.lines, "}", ""])

    def head(self, *, exported: bool) -> str:
        """The first line. Inside a module arrays do not overlap: else every loop would be guarded by checks."""
        noalias = "" if exported or self.source.overlap else " noalias"
        parameters = ", ".join(f'{k.llvm}{noalias if k.element else ""} %"{name}"' for name, k in self.parameters)
        linkage = "" if exported else "internal "
        inlining = "" if exported else " alwaysinline" if self.source.inline else " noinline"
        if self.source.once:
            inlining = " noinline optnone"
        symbol = self.module.symbols[self.source]
        return f"define {linkage}{self.result.llvm} @{symbol}({parameters}) nounwind{inlining} {{"

    def statements(self, nodes: Sequence[ast.stmt]) -> None:
        for node in nodes:
            if self.finished:
                self.refuse(node, "this statement can never run")
            method = getattr(self, f"run_{type(node).__name__}", None)
            if method is None:
                self.refuse(node, f"{type(node).__name__} statements are not part of the kernel language")
            method(node)

    def store_name(self, name: str, value: Value, node: ast.AST) -> None:
        if name not in self.variables:
            if value.kind is VOID:
                self.refuse(node, f"{name!r} cannot hold the result of a kernel that returns None")
            self.slots.append(f'  %"{name}.slot" = alloca {value.kind.llvm}')
            self.variables[name] = value.kind
        if self.variables[name] != value.kind:
            was = self.variables[name].name
            self.refuse(node, f"{name!r} is {was} since its first assignment and cannot become {value.kind.name}")
        self.emit(f'store {value.kind.llvm} {value.text}, ptr %"{name}.slot"')

    def store(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            self.store_name(target.id, value, target)
        elif isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice):
            pointer = self.element(target)
            kind = ELEMENTS[str(pointer.kind.element)]
            converted = self.convert(value, kind, target, "the value")
            self.emit(f"store {kind.llvm} {converted.text}, ptr {pointer.text}, align 8")
        else:
            self.refuse(target, f"cannot assign to {ast.unparse(target)!r}; only to a name or an element")

    def run_Assign(self, node: ast.Assign) -> None:
        value = self.value(node.value)
        for target in node.targets:
            self.store(target, value)

    def run_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is None:
            self.refuse(node, "a declaration needs a value")
        self.store(node.target, self.value(node.value))

    def run_AugAssign(self, node: ast.AugAssign) -> None:
        self.store(node.target, self.arithmetic(node, type(node.op), self.number(node.target), self.number(node.value)))

    def run_Expr(self, node: ast.Expr) -> None:
        if not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)):
            self.value(node.value)

    def run_Pass(self, node: ast.Pass) -> None:
        """Nothing to do."""

    def run_Return(self, node: ast.Return) -> None:
        if (node.value is None) != (self.result is VOID):
            self.refuse(node, f"the kernel is annotated to return {self.result.name}")
        if node.value is None:
            self.emit("ret void")
        else:
            value = self.convert(self.value(node.value), self.result, node.value, "the result")
            self.emit(f"ret {value.kind.llvm} {value.text}")
        self.finished = True

    def run_If(self, node: ast.If) -> None:
        then, orelse, end = self.labels("then", "else", "end")
        self.branch(self.condition(node.test), then, orelse)
        reached = False
        for label, body in ((then, node.body), (orelse, node.orelse)):
            self.place(label)
            self.statements(body)
            reached = reached or not self.finished
            self.jump(end)
        if reached:
            self.place(end)

    def run_While(self, node: ast.While) -> None:
        test, body, again, end = self.labels("while", "body", "again", "end")
        endless = isinstance(node.test, ast.Constant) and node.test.value is True
        self.jump(test)
        self.place(test)
        if endless:
            self.jump(body)
        else:
            self.branch(self.condition(node.test), body, end)
        self.place(body)
        left = self.loop_body(node, Loop(again, end, []))
        self.jump(test, self.loop_hint())
        self.finished = True
        if left or not endless:
            self.place(end)

    def loop_body(self, node: ast.While | ast.For, loop: Loop) -> list[ast.AST]:
        """The body of a loop, up to where it goes round again; returns its `break` statements."""
        if node.orelse:
            self.refuse(node.orelse[0], "loops have no else")
        self.loops.append(loop)
        self.statements(node.body)
        self.loops.pop()
        self.jump(loop.again)
        self.place(loop.again)
        return loop.left

    def loop_hint(self) -> str:
        """Metadata that keeps the optimiser from spending time on the loop.

        Those of cold kernels are left as they are; others are vectorised, but not interleaved as well, which takes a
        sixth of the time of compiling and makes loops of the usual lengths no faster.
        """
        return f", !llvm.loop !{self.module.loop('!0, !1' if self.source.cold else '!2')}"

    def run_For(self, node: ast.For) -> None:
        if not isinstance(node.target, ast.Name):
            self.refuse(node.target, "a for loop assigns to one name")
        start, stop, step = self.bounds(node.iter)
        test, body, again, end = self.labels("for", "body", "again", "end")
        # The loop counts by itself, as in Python: the body may change the loop's variable without effect on it.
        counter = f"%for.{self.count}.slot"
        self.slots.append(f"  {counter} = alloca i64")
        self.emit(f"store i64 {start}, ptr {counter}")
        self.jump(test)
        self.place(test)
        index = self.compute(f"load i64, ptr {counter}", I64)
        more = self.compute(f"icmp {'slt' if step > 0 else 'sgt'} i64 {index.text}, {stop}", BOOL)
        self.branch(more.text, body, end)
        self.place(body)
        self.store_name(node.target.id, index, node.target)
        self.loop_body(node, Loop(again, end, []))
        self.emit(f"store i64 {self.compute(f'add nsw i64 {index.text}, {step}', I64).text}, ptr {counter}")
        self.jump(test, self.loop_hint())
        self.place(end)

    def bounds(self, node: ast.expr) -> tuple[str, str, int]:
        """Start, stop and step of `range(...)`."""
        if not (isinstance(node, ast.Call) and self.is_range(node.func)):
            self.refuse(node, "a for loop runs over range(...)")
        if node.keywords or not 1 <= len(node.args) <= 3:
            self.refuse(node, "range takes one to three arguments")
        values = [self.integer(a, "a bound of range").text for a in node.args]
        start, stop = ("0", values[0]) if len(values) == 1 else values[:2]
        step = values[2] if len(values) == 3 else "1"
        if not step.lstrip("-").isdigit() or int(step) == 0:
            self.refuse(node, "the step of range must be a whole number other than 0, known when compiling")
        return start, stop, int(step)

    def is_range(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and self.source.outside.get(node.id) is range

    def run_Break(self, node: ast.Break) -> None:
        self.loops[-1].left.append(node)
        self.jump(self.loops[-1].end)

    def run_Continue(self, node: ast.Continue) -> None:
        self.jump(self.loops[-1].again)


def intermediate_representation(*entries: Kernel, replaced: Replaced = NONE) -> str:
    """The LLVM IR of `entries` and all they call; only `entries` are visible from outside."""
    kernels = reachable(entries, replaced)
    symbols = {k: export_name(k) if k in entries else f"kernel_{k.name}.{n}" for n, k in enumerate(kernels)}
    for old, new in replaced.items():
        if list(old.signature.items()) != list(new.signature.items()):
            raise new.error(None, f"it cannot replace {old.name!r}, whose parameters are others")
        symbols[old] = symbols[new]
    module = Module(symbols, {}, set(), set(), [])
    bodies = [FunctionWriter(source, module).write(exported=source in entries) for source in kernels]
    return "\n".join([*module.declarations(), *bodies, *module.metadata(), ""])
