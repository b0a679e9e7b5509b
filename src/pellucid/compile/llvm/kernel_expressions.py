"""From the expressions of a kernel to LLVM instructions."""

import ast
import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

from pellucid.compile.llvm import math as vector_math
from pellucid.compile.llvm.kernel_language import (
    ARRAY,
    BOOL,
    DENSITY,
    ELEMENTS,
    F64,
    I64,
    POINTER,
    VOID,
    Kernel,
    Kind,
    bits_of,
    double_of,
    multiply_high,
    shift_right_logical,
    signed,
    wrapping_add,
    wrapping_multiply,
)


class Value(NamedTuple):
    """An operand in IR text, and its kind."""

    text: str
    kind: Kind


ARITHMETIC = {
    ast.Add: ("fadd", "add"),
    ast.Sub: ("fsub", "sub"),
    ast.Mult: ("fmul", "mul"),
    ast.Div: ("fdiv", None),
    ast.FloorDiv: (None, "floordiv"),
    ast.Mod: (None, "floormod"),
    ast.LShift: (None, "shl"),
    ast.RShift: (None, "ashr"),
    ast.BitAnd: (None, "and"),
    ast.BitOr: (None, "or"),
    ast.BitXor: (None, "xor"),
}
COMPARISON = {
    ast.Lt: ("olt", "slt"),
    ast.Gt: ("ogt", "sgt"),
    ast.LtE: ("ole", "sle"),
    ast.GtE: ("oge", "sge"),
    ast.Eq: ("oeq", "eq"),
    ast.NotEq: ("une", "ne"),
}
# Functions of floats to a float: those LLVM has itself, and those of the vector math objects, by their NumPy names.
INTRINSICS = {
    math.sqrt: ("llvm.sqrt.f64", 1),
    math.fabs: ("llvm.fabs.f64", 1),
    math.copysign: ("llvm.copysign.f64", 2),
}
MATHEMATICS = {
    math.acos: "arccos",
    math.acosh: "arccosh",
    math.asin: "arcsin",
    math.asinh: "arcsinh",
    math.atan: "arctan",
    math.atan2: "arctan2",
    math.atanh: "arctanh",
    math.lgamma: "gammaln",
    **{
        getattr(math, name): name
        for name in (
            "cos", "cosh", "erf", "erfc", "exp", "exp2", "expm1", "gamma", "log", "log10", "log1p", "log2", "pow",
            "sin", "sinh", "tan", "tanh",
        )
    },
}  # fmt: skip
ROUNDING = {math.floor: "llvm.floor.f64", math.ceil: "llvm.ceil.f64"}
WIDE = Kind("i128", "i128", None)
WRAPPING = {wrapping_add: "add", wrapping_multiply: "mul", shift_right_logical: "lshr"}


def double(x: float) -> str:
    """`x` as LLVM spells a double exactly.

    >>> double(1.0)
    '0x3FF0000000000000'
    """
    return f"0x{struct.unpack('<Q', struct.pack('<d', x))[0]:016X}"


class Module(NamedTuple):
    """What the functions of a module share: symbols, declarations needed, and the hints of loops, by their ids."""

    symbols: dict[Kernel, str]
    intrinsics: dict[str, str]
    scalar: set[str]
    vector: set[str]
    loops: list[str]

    def declarations(self) -> list[str]:
        """The text of the declarations; mathematical functions have vector forms where a kernel is not cold."""
        scalar = [vector_math.declarations([name]).splitlines()[0] for name in sorted(self.scalar - self.vector)]
        return [*self.intrinsics.values(), *scalar, vector_math.declarations(self.vector)]

    def loop(self, hints: str) -> int:
        """A new metadata id for a loop with some of the hints 0 to 2; every loop needs a node of its own."""
        self.loops.append(hints)
        return len(self.loops) + 2

    def metadata(self) -> list[str]:
        """The text of the loop hints."""
        known = (
            '"llvm.loop.vectorize.enable", i1 false', '"llvm.loop.unroll.disable"',
            '"llvm.loop.interleave.count", i32 1',
        )  # fmt: skip
        hints = [f"!{n} = !{{!{hint}}}" for n, hint in enumerate(known)]
        return [*hints, *(f"!{n} = distinct !{{!{n}, {loop}}}" for n, loop in enumerate(self.loops, start=3))]


class ExpressionWriter:
    """Writes expressions of one kernel as LLVM instructions.

    Variables live in stack slots, which LLVM turns into registers.
    """

    def __init__(self, source: Kernel, module: Module):
        self.source, self.module = source, module
        self.flags = "" if source.exact else " reassoc nsz contract"
        self.slots: list[str] = []
        self.lines: list[str] = []
        self.variables: dict[str, Kind] = {}
        self.count = 0
        self.block = "entry"
        self.finished = False

    # ---- emitting

    def refuse(self, node: ast.AST, message: str) -> NoReturn:
        raise self.source.error(node, message)

    def emit(self, line: str) -> None:
        self.lines.append(f"  {line}")

    def fresh(self) -> str:
        self.count += 1
        return f"%.{self.count}"

    def compute(self, expression: str, kind: Kind) -> Value:
        name = self.fresh()
        self.emit(f"{name} = {expression}")
        return Value(name, kind)

    def labels(self, *names: str) -> list[str]:
        self.count += 1
        return [f"{name}.{self.count}" for name in names]

    def place(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.block, self.finished = label, False

    def jump(self, label: str, suffix: str = "") -> None:
        if not self.finished:
            self.emit(f"br label %{label}{suffix}")
        self.finished = True

    def branch(self, test: str, yes: str, no: str) -> None:
        self.emit(f"br i1 {test}, label %{yes}, label %{no}")
        self.finished = True

    def call(self, name: str, kind: Kind, arguments: Sequence[Value]) -> Value:
        """Call an intrinsic function of LLVM, declaring it."""
        kinds = ", ".join(a.kind.llvm for a in arguments)
        self.module.intrinsics[name] = f"declare {kind.llvm} @{name}({kinds})"
        passed = ", ".join(f"{a.kind.llvm} {a.text}" for a in arguments)
        return self.compute(f"call {kind.llvm} @{name}({passed})", kind)

    def convert(self, value: Value, kind: Kind, node: ast.AST, what: str) -> Value:
        """`value` as `kind`; only an integer becomes a float by itself, as in Python."""
        if value.kind == kind:
            return value
        if (value.kind, kind) == (I64, F64):
            if value.text.lstrip("-").isdigit():
                return Value(double(float(int(value.text))), F64)
            return self.compute(f"sitofp i64 {value.text} to double", F64)
        return self.refuse(node, f"{what} must be {kind.name}, but {ast.unparse(node)!r} is {value.kind.name}")

    # ---- expressions

    def value(self, node: ast.expr) -> Value:
        method = getattr(self, f"value_{type(node).__name__}", None)
        if method is None:
            self.refuse(node, f"{type(node).__name__} expressions are not part of the kernel language")
        return method(node)

    def number(self, node: ast.expr) -> Value:
        value = self.value(node)
        if value.kind not in (F64, I64):
            self.refuse(node, f"a number is needed here, but {ast.unparse(node)!r} is {value.kind.name}")
        return value

    def integer(self, node: ast.expr, what: str) -> Value:
        return self.convert(self.value(node), I64, node, what)

    def condition(self, node: ast.expr) -> str:
        value = self.value(node)
        if value.kind is not BOOL:
            what = f"{ast.unparse(node)!r} is {value.kind.name}"
            self.refuse(node, f"a condition must be a comparison, but {what}; write '... != 0'")
        return value.text

    def literal(self, x: object, node: ast.AST) -> Value:
        if isinstance(x, bool):
            return Value("true" if x else "false", BOOL)
        if isinstance(x, int):
            if x != signed(x):
                self.refuse(node, f"the integer {x} does not fit 64 bits; use signed(...) outside the kernel")
            return Value(str(int(x)), I64)
        if isinstance(x, float):
            return Value(double(x), F64)
        return self.refuse(node, f"{x!r} is not a number; only kernels and numbers may come from outside a kernel")

    def value_Constant(self, node: ast.Constant) -> Value:
        return self.literal(node.value, node)

    def value_Name(self, node: ast.Name) -> Value:
        if node.id in self.variables:
            kind = self.variables[node.id]
            return self.compute(f'load {kind.llvm}, ptr %"{node.id}.slot"', kind)
        if node.id not in self.source.outside:
            self.refuse(node, f"{node.id!r} is not assigned before this line")
        return self.literal(self.source.outside[node.id], node)

    def value_Attribute(self, node: ast.Attribute) -> Value:
        return self.literal(self.foreign(node), node)

    def foreign(self, node: ast.expr) -> Any:
        """The Python object a name or `module.name` stands for."""
        if isinstance(node, ast.Name) and node.id in self.source.outside:
            return self.source.outside[node.id]
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            path = (node.value.id, node.attr)
            if path in self.source.attributes and node.value.id not in self.variables:
                return self.source.attributes[path]
        what = ast.unparse(node)
        return self.refuse(node, f"{what!r} is unknown here; only kernels, numbers and functions of math are allowed")

    def value_UnaryOp(self, node: ast.UnaryOp) -> Value:
        if isinstance(node.op, ast.Not):
            return self.compute(f"xor i1 {self.condition(node.operand)}, true", BOOL)
        value = self.number(node.operand)
        if isinstance(node.op, ast.UAdd):
            return value
        if isinstance(node.op, ast.Invert):
            whole = self.convert(value, I64, node.operand, "the operand of ~")
            return self.compute(f"xor i64 {whole.text}, -1", I64)
        if value.kind is F64:
            return self.compute(f"fneg{self.flags} double {value.text}", F64)
        if value.text.isdigit():  # so that -1 stays a literal
            return Value(f"-{value.text}", I64)
        return self.compute(f"sub i64 0, {value.text}", I64)

    def value_BinOp(self, node: ast.BinOp) -> Value:
        return self.arithmetic(node, type(node.op), self.number(node.left), self.number(node.right))

    def arithmetic(self, node: ast.AST, op: type, a: Value, b: Value) -> Value:
        if op not in ARITHMETIC:
            hint = "; write powers as products or math.pow" if op is ast.Pow else ""
            self.refuse(node, f"the operator {op.__name__} is not part of the kernel language{hint}")
        floating, integral = ARITHMETIC[op]
        if integral is None or (F64 in (a.kind, b.kind) and floating):
            a, b = (self.convert(x, F64, node, "an operand") for x in (a, b))
            return self.compute(f"{floating}{self.flags} double {a.text}, {b.text}", F64)
        if F64 in (a.kind, b.kind):
            self.refuse(node, f"{op.__name__} is defined for integers only")
        if integral in ("floordiv", "floormod"):
            return self.floor_division(a, b, integral == "floormod")
        return self.compute(f"{integral} i64 {a.text}, {b.text}", I64)

    def floor_division(self, a: Value, b: Value, modulo: bool) -> Value:
        """Quotient or remainder rounded towards minus infinity, as in Python; the machine rounds towards zero."""
        rest = self.compute(f"srem i64 {a.text}, {b.text}", I64)
        signs = self.compute(f"xor i64 {rest.text}, {b.text}", I64)
        opposite = self.compute(f"icmp slt i64 {signs.text}, 0", BOOL)
        inexact = self.compute(f"icmp ne i64 {rest.text}, 0", BOOL)
        fix = self.compute(f"and i1 {opposite.text}, {inexact.text}", BOOL)
        if modulo:
            shift = self.compute(f"select i1 {fix.text}, i64 {b.text}, i64 0", I64)
            return self.compute(f"add i64 {rest.text}, {shift.text}", I64)
        quotient = self.compute(f"sdiv i64 {a.text}, {b.text}", I64)
        return self.compute(f"add i64 {quotient.text}, {self.compute(f'sext i1 {fix.text} to i64', I64).text}", I64)

    def value_Compare(self, node: ast.Compare) -> Value:
        pairs = zip(node.ops, node.comparators, strict=True)
        last = self.value(node.left)

        def tests() -> Iterator[str]:
            nonlocal last
            for op, operand in pairs:
                before, last = last, self.value(operand)
                yield self.compare(node, type(op), before, last)

        return self.short_circuit(tests(), len(node.ops), conjunction=True)

    def compare(self, node: ast.AST, op: type, a: Value, b: Value) -> str:
        if op not in COMPARISON:
            self.refuse(node, f"the comparison {op.__name__} is not part of the kernel language")
        floating, integral = COMPARISON[op]
        if a.kind is b.kind is BOOL and integral in ("eq", "ne"):
            return self.compute(f"icmp {integral} i1 {a.text}, {b.text}", BOOL).text
        if not {a.kind, b.kind} <= {F64, I64}:
            self.refuse(node, f"{a.kind.name} and {b.kind.name} cannot be compared")
        if F64 in (a.kind, b.kind):
            a, b = (self.convert(x, F64, node, "an operand") for x in (a, b))
            return self.compute(f"fcmp {floating} double {a.text}, {b.text}", BOOL).text
        return self.compute(f"icmp {integral} i64 {a.text}, {b.text}", BOOL).text

    def value_BoolOp(self, node: ast.BoolOp) -> Value:
        tests = (self.condition(operand) for operand in node.values)
        return self.short_circuit(tests, len(node.values), conjunction=isinstance(node.op, ast.And))

    def short_circuit(self, tests: Iterator[str], count: int, *, conjunction: bool) -> Value:
        """The tests in order, each made only if the ones before left the answer open."""
        if count == 1:
            return Value(next(tests), BOOL)
        (end,) = self.labels("decided")
        settled = []
        for test in tests:
            settled.append((test, self.block))
            if len(settled) < count:
                (proceed,) = self.labels("next")
                self.branch(test, *((proceed, end) if conjunction else (end, proceed)))
                self.place(proceed)
        self.jump(end)
        self.place(end)
        return self.compute("phi i1 " + ", ".join(f"[ {test}, %{block} ]" for test, block in settled), BOOL)

    def value_IfExp(self, node: ast.IfExp) -> Value:
        then, orelse, end = self.labels("then", "else", "end")
        self.branch(self.condition(node.test), then, orelse)
        ends = []
        for label, choice in ((then, node.body), (orelse, node.orelse)):
            self.place(label)
            ends.append((self.value(choice), self.block))
            self.jump(end)
        self.place(end)
        (a, from_a), (b, from_b) = ends
        if a.kind != b.kind:
            self.refuse(node, f"the two choices are {a.kind.name} and {b.kind.name}; they must agree")
        return self.compute(f"phi {a.kind.llvm} [ {a.text}, %{from_a} ], [ {b.text}, %{from_b} ]", a.kind)

    def value_Subscript(self, node: ast.Subscript) -> Value:
        pointer = self.element(node)
        if isinstance(node.slice, ast.Slice):
            return pointer
        kind = ELEMENTS[str(pointer.kind.element)]
        return self.compute(f"load {kind.llvm}, ptr {pointer.text}, align 8", kind)

    def element(self, node: ast.Subscript) -> Value:
        """A pointer to `array[index]` or to the start of `array[offset:]`."""
        base = self.value(node.value)
        if base.kind.element is None:
            self.refuse(node, f"{ast.unparse(node.value)!r} is {base.kind.name}, not an array")
        start = node.slice
        if isinstance(start, ast.Slice):
            if start.step is not None:
                self.refuse(node, "slices have no step; they are pointer offsets")
            if start.lower is None:
                return base
            start = start.lower
        index = self.integer(start, "an index")
        if index.text.startswith("-"):
            self.refuse(node, "indices do not count from the end; write the length minus the offset")
        kind = ELEMENTS[base.kind.element]
        return self.compute(f"getelementptr inbounds {kind.llvm}, ptr {base.text}, i64 {index.text}", base.kind)

    def value_Call(self, node: ast.Call) -> Value:
        if node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
            self.refuse(node, "calls take positional arguments only")
        if isinstance(node.func, ast.Name) and self.variables.get(node.func.id) is DENSITY:
            return self.call_density(node)
        function = self.foreign(node.func)
        if isinstance(function, Kernel):
            return self.call_kernel(node, function)
        arguments = [self.number(a) for a in node.args]
        if not callable(function):
            self.refuse(node, f"{ast.unparse(node.func)!r} is not a function")
        if function in INTRINSICS:
            name, arity = INTRINSICS[function]
            return self.call(name, F64, self.floats(node, arguments, arity))
        if function in MATHEMATICS:
            return self.call_mathematics(node, arguments, MATHEMATICS[function])
        value = self.builtin(node, function, arguments)
        if value is None:
            kinds = ", ".join(a.kind.name for a in arguments)
            self.refuse(node, f"the kernel language has no {ast.unparse(node.func)}({kinds})")
        return value

    def call_kernel(self, node: ast.Call, callee: Kernel) -> Value:
        *parameters, (_, result) = callee.signature.items()
        if len(parameters) != len(node.args):
            self.refuse(node, f"{callee.name} takes {len(parameters)} arguments, got {len(node.args)}")
        arguments = [
            self.convert(self.value(a), kind, a, f"argument {name!r} of {callee.name}")
            for a, (name, kind) in zip(node.args, parameters, strict=True)
        ]
        text = ", ".join(f"{a.kind.llvm} {a.text}" for a in arguments)
        call = f"call {result.llvm} @{self.module.symbols[callee]}({text})"
        if result is not VOID:
            return self.compute(call, result)
        self.emit(call)
        return Value("", VOID)

    def call_density(self, node: ast.Call) -> Value:
        kinds = (ARRAY, ARRAY, ARRAY, POINTER)
        if len(node.args) != len(kinds):
            self.refuse(node, "a density is called with (x, logp, gradient, context)")
        function = self.value(node.func)
        arguments = [self.convert(self.value(a), k, a, "the argument") for a, k in zip(node.args, kinds, strict=True)]
        status = self.compute(f"call i32 {function.text}({', '.join(f'ptr {a.text}' for a in arguments)})", I64)
        return self.compute(f"sext i32 {status.text} to i64", I64)

    def floats(self, node: ast.Call, arguments: list[Value], count: int) -> list[Value]:
        """The arguments of a function of `count` floats."""
        if len(arguments) != count:
            self.refuse(node, f"{ast.unparse(node.func)} takes {count} argument(s), got {len(arguments)}")
        return [self.convert(a, F64, node, "the argument") for a in arguments]

    def call_mathematics(self, node: ast.Call, arguments: list[Value], name: str) -> Value:
        """Call a function of the vector math objects, so that loops around it vectorise."""
        values = self.floats(node, arguments, vector_math.FUNCTIONS[name].arity)
        (self.module.scalar if self.source.cold else self.module.vector).add(name)
        passed = ", ".join(f"double {a.text}" for a in values)
        attributes = "" if self.source.cold else f" {vector_math.call_attributes(name)}"
        return self.compute(f"call double @{vector_math.symbol(name)}({passed}){attributes}", F64)

    def builtin(self, node: ast.Call, function: Any, arguments: list[Value]) -> Value | None:
        """A call of a function with a lowering of its own; None if there is none for these arguments."""
        if len(arguments) == 1:
            return self.builtin_unary(node, function, arguments[0])
        if len(arguments) != 2:
            return None
        a, b = arguments
        if function in (min, max):
            if F64 in (a.kind, b.kind):
                a, b = (self.convert(x, F64, node, "an argument") for x in (a, b))
            test = self.compare(node, ast.Lt if function is min else ast.Gt, b, a)
            return self.compute(f"select i1 {test}, {a.kind.llvm} {b.text}, {a.kind.llvm} {a.text}", a.kind)
        if function in WRAPPING and a.kind == b.kind == I64:
            return self.compute(f"{WRAPPING[function]} i64 {a.text}, {b.text}", I64)
        if function is multiply_high and a.kind == b.kind == I64:
            a, b = (self.compute(f"zext i64 {x.text} to i128", WIDE) for x in (a, b))
            product = self.compute(f"mul i128 {a.text}, {b.text}", WIDE)
            high = self.compute(f"lshr i128 {product.text}, 64", WIDE)
            return self.compute(f"trunc i128 {high.text} to i64", I64)
        return None

    def builtin_unary(self, node: ast.Call, function: Any, a: Value) -> Value | None:
        if function is float:
            return self.convert(a, F64, node, "the argument")
        if function is int:
            return a if a.kind is I64 else self.call("llvm.fptosi.sat.i64.f64", I64, [a])
        if function is abs and a.kind is I64:
            negative = self.compute(f"sub i64 0, {a.text}", I64)
            test = self.compute(f"icmp slt i64 {a.text}, 0", BOOL)
            return self.compute(f"select i1 {test.text}, i64 {negative.text}, i64 {a.text}", I64)
        if function is abs:
            return self.call("llvm.fabs.f64", F64, [a])
        if function is bits_of:
            return self.compute(f"bitcast double {self.convert(a, F64, node, 'the argument').text} to i64", I64)
        if function is double_of and a.kind is I64:
            return self.compute(f"bitcast i64 {a.text} to double", F64)
        if function in ROUNDING:
            whole = self.call(ROUNDING[function], F64, [self.convert(a, F64, node, "the argument")])
            return self.call("llvm.fptosi.sat.i64.f64", I64, [whole])
        if function in (math.isnan, math.isinf, math.isfinite):
            return self.classify(function, self.convert(a, F64, node, "the argument"))
        return None

    def classify(self, function: Any, a: Value) -> Value:
        if function is math.isnan:
            return self.compute(f"fcmp uno double {a.text}, {a.text}", BOOL)
        size = self.call("llvm.fabs.f64", F64, [a])
        test = "oeq" if function is math.isinf else "olt"
        return self.compute(f"fcmp {test} double {size.text}, {double(math.inf)}", BOOL)
