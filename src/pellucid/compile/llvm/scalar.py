"""Scalar code: typed values, and the instructions, constants and functions that ops ask for."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pellucid.compile.llvm import math, slopes, special
from pellucid.rewrite.passes import is_on

FLAGS = "reassoc nsz contract"
"""Fast-math flags of user arithmetic: free order and fused multiply-add, but NaN and infinity keep their meaning."""

TYPES = {
    "float64": "double", "float32": "float", "int64": "i64", "int32": "i32", "int16": "i16", "int8": "i8",
    "uint64": "i64", "uint32": "i32", "uint16": "i16", "uint8": "i8", "bool": "i1",
}  # fmt: skip
ORDER = {
    "eq": ("oeq", "eq", "eq"), "neq": ("une", "ne", "ne"), "lt": ("olt", "slt", "ult"),
    "le": ("ole", "sle", "ule"), "gt": ("ogt", "sgt", "ugt"), "ge": ("oge", "sge", "uge"),
}  # fmt: skip


class NoLowering(TypeError):
    """An op has no native code for these dtypes; it is evaluated by its reference."""


class Value(NamedTuple):
    """An SSA value: its text, its dtype, and how many loops it is inside of."""

    text: str
    dtype: str
    depth: int = 0


def memory_type(dtype: str) -> str:
    """The LLVM type of a dtype in memory: a boolean is a byte there."""
    return "i8" if dtype == "bool" else TYPES[dtype]


def is_float(dtype: str) -> bool:
    """Whether a dtype is a floating one."""
    return dtype.startswith("float")


def literal(value: Any, dtype: str) -> str:
    """A number as LLVM writes it."""
    if dtype == "bool":
        return "true" if value else "false"
    if not is_float(dtype):
        return str(int(np.array(value).astype(dtype)))
    with np.errstate(all="ignore"):
        exact = float(np.float32(value)) if dtype == "float32" else float(value)
    return f"0x{struct.unpack('<Q', struct.pack('<d', exact))[0]:016X}"


class Scope:
    """The code of one loop body (or of the function): lines, and the values known in it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.known: dict[Any, Value] = {}


class Scalars:
    """Emits scalar code into nested scopes, each value at the outermost scope where its operands are known."""

    def __init__(self, *, reciprocals: bool = False) -> None:
        self.reciprocals = reciprocals
        self.scopes = [Scope()]
        self.allocas: list[str] = []
        self.functions: set[str] = set()
        self.declared: set[str] = set()
        self.count = 0
        self.hoists, self.hoisted = is_on("invariants"), 0

    # -- plumbing

    def fresh(self) -> str:
        """A new SSA name."""
        self.count += 1
        return f"%v{self.count}"

    def emit(self, code: str, dtype: str, operands: Sequence[Value]) -> Value:
        """The value of an instruction, emitted once per scope in which it is asked for."""
        inside = len(self.scopes) - 1
        depth = max([o.depth for o in operands], default=0) if self.hoists else inside
        scope = self.scopes[depth]
        found = scope.known.get(code)
        if found is None:
            found = Value(self.fresh(), dtype, depth)
            scope.lines.append(f"  {found.text} = {code}")
            scope.known[code] = found
            self.hoisted += depth < inside
        return found

    def intrinsic(self, name: str, dtype: str, *args: Value) -> Value:
        """A call of an LLVM intrinsic overloaded on `dtype`."""
        kind, suffix = TYPES[dtype], {"float64": "f64", "float32": "f32"}.get(dtype, TYPES[dtype])
        callee = f"@llvm.{name}.{suffix}"
        self.declared.add(f"declare {kind} {callee}({', '.join([kind] * len(args))})")
        return self.emit(f"call {kind} {callee}({', '.join(f'{kind} {a.text}' for a in args)})", dtype, args)

    def binary(self, names: tuple[str, str], a: Value, b: Value) -> Value:
        """A floating or integer instruction of two values of one dtype."""
        code = f"{names[0]} {FLAGS}" if is_float(a.dtype) else names[1]
        return self.emit(f"{code} {TYPES[a.dtype]} {a.text}, {b.text}", a.dtype, (a, b))

    # -- constants and conversions

    def constant(self, value: Any, dtype: str) -> Value:
        """A number known now."""
        return Value(literal(value, dtype), dtype)

    def integer(self, value: int) -> Value:
        """An index or a length known now."""
        return Value(str(value), "int64")

    def cast(self, x: Value, dtype: str) -> Value:
        """x as another dtype, as NumPy casts."""
        if x.dtype == dtype:
            return x
        if dtype == "bool":
            return self.compare("neq", x, self.constant(0, x.dtype))
        source, target = TYPES[x.dtype], TYPES[dtype]
        if is_float(dtype):
            if is_float(x.dtype):
                code = "fpext" if dtype == "float64" else "fptrunc"
            else:
                code = "uitofp" if x.dtype.startswith(("uint", "bool")) else "sitofp"
        elif is_float(x.dtype):
            return self.saturate(x, dtype)
        else:
            code = self.resize(x.dtype, dtype)
            if code is None:
                return Value(x.text, dtype, x.depth)
        return self.emit(f"{code} {source} {x.text} to {target}", dtype, (x,))

    def saturate(self, x: Value, dtype: str) -> Value:
        """A float as an integer: out of range and NaN give some integer, never undefined behaviour."""
        sign = "u" if dtype.startswith("uint") else "s"
        source, target = TYPES[x.dtype], TYPES[dtype]
        callee = f"@llvm.fpto{sign}i.sat.{target}.{'f64' if x.dtype == 'float64' else 'f32'}"
        self.declared.add(f"declare {target} {callee}({source})")
        return self.emit(f"call {target} {callee}({source} {x.text})", dtype, (x,))

    def resize(self, source: str, target: str) -> str | None:
        """The instruction between integer dtypes; None when the bits stay as they are."""
        bits = lambda d: 1 if d == "bool" else np.dtype(d).itemsize * 8  # noqa: E731
        if bits(source) == bits(target):
            return None
        if bits(source) > bits(target):
            return "trunc"
        return "zext" if source.startswith(("uint", "bool")) else "sext"

    def boolean(self, x: Value) -> Value:
        """x as a condition."""
        return self.cast(x, "bool")

    # -- arithmetic

    def add(self, a: Value, b: Value) -> Value:
        """a + b (for booleans: or)."""
        if a.dtype == "bool":
            return self.bitwise_or(a, b)
        if a.dtype == "int64" and "0" in (a.text, b.text):
            return b if a.text == "0" else a
        return self.binary(("fadd", "add"), a, b)

    def sub(self, a: Value, b: Value) -> Value:
        """a - b."""
        return self.binary(("fsub", "sub"), a, b)

    def mul(self, a: Value, b: Value) -> Value:
        """a * b (for booleans: and)."""
        if a.dtype == "bool":
            return self.bitwise_and(a, b)
        if a.dtype == "int64" and "1" in (a.text, b.text):
            return b if a.text == "1" else a
        return self.binary(("fmul", "mul"), a, b)

    def div(self, a: Value, b: Value) -> Value:
        """a / b of floats; in densities by the reciprocal, if that is known outside the loop (one more rounding)."""
        if self.reciprocals and b.depth < a.depth:
            one = self.constant(1.0, b.dtype)
            inverse = self.emit(f"fdiv {TYPES[b.dtype]} {one.text}, {b.text}", b.dtype, (b,))
            return self.mul(a, inverse)
        return self.emit(f"fdiv {FLAGS} {TYPES[a.dtype]} {a.text}, {b.text}", a.dtype, (a, b))

    def neg(self, a: Value) -> Value:
        """-a."""
        if is_float(a.dtype):
            return self.emit(f"fneg {TYPES[a.dtype]} {a.text}", a.dtype, (a,))
        return self.sub(self.constant(0, a.dtype), a)

    def nonzero(self, b: Value) -> Value:
        """An integer divisor, or 1 where it is 0 (dividing by it would be undefined; NumPy gives 0 then)."""
        return self.select(self.compare("eq", b, self.constant(0, b.dtype)), self.constant(1, b.dtype), b)

    def remainder(self, a: Value, b: Value) -> Value:
        """The remainder with the sign of b."""
        if is_float(a.dtype):
            rest = self.emit(f"frem {TYPES[a.dtype]} {a.text}, {b.text}", a.dtype, (a, b))
        else:
            code = "urem" if a.dtype.startswith("uint") else "srem"
            rest = self.emit(f"{code} {TYPES[a.dtype]} {a.text}, {b.text}", a.dtype, (a, b))
        zero = self.constant(0, a.dtype)
        differs = self.bitwise_xor(self.compare("lt", rest, zero), self.compare("lt", b, zero))
        moves = self.bitwise_and(self.compare("neq", rest, zero), differs)
        return self.select(moves, self.add(rest, b), rest)

    def mod(self, a: Value, b: Value) -> Value:
        """NumPy's mod."""
        if is_float(a.dtype):
            return self.remainder(a, b)
        zero = self.constant(0, a.dtype)
        return self.select(self.compare("eq", b, zero), zero, self.remainder(a, self.nonzero(b)))

    def floor_div(self, a: Value, b: Value) -> Value:
        """NumPy's floor division."""
        if is_float(a.dtype):
            return self.floor_div_float(a, b)
        zero, safe = self.constant(0, a.dtype), self.nonzero(b)
        exact = self.sub(a, self.remainder(a, safe))
        code = "udiv" if a.dtype.startswith("uint") else "sdiv"
        quotient = self.emit(f"{code} {TYPES[a.dtype]} {exact.text}, {safe.text}", a.dtype, (exact, safe))
        return self.select(self.compare("eq", b, zero), zero, quotient)

    def floor_div_float(self, a: Value, b: Value) -> Value:
        """floor(a / b) from the exact remainder, so that rounding of a / b cannot carry it over an integer."""
        exact = self.round_even(self.div(self.sub(a, self.remainder(a, b)), b))
        zero = self.constant(0, a.dtype)
        return self.select(self.compare("eq", b, zero), self.div(a, b), exact)

    def abs(self, a: Value) -> Value:
        """|a|."""
        if is_float(a.dtype):
            return self.intrinsic("fabs", a.dtype, a)
        return (
            a
            if a.dtype.startswith(("uint", "bool"))
            else self.select(self.compare("lt", a, self.constant(0, a.dtype)), self.neg(a), a)
        )

    def sign(self, a: Value) -> Value:
        """-1, 0 or 1; NaN stays."""
        zero, one = self.constant(0, a.dtype), self.constant(1, a.dtype)
        up = self.select(self.compare("gt", a, zero), one, zero)
        if a.dtype.startswith("uint"):
            return up
        both = self.select(self.compare("lt", a, zero), self.constant(-1, a.dtype), up)
        return self.select(self.compare("neq", a, a), a, both) if is_float(a.dtype) else both

    def rounding(self, name: str, a: Value) -> Value:
        """One of the roundings to an integer; integers stay."""
        return self.intrinsic(name, a.dtype, a) if is_float(a.dtype) else a

    def floor(self, a: Value) -> Value:
        """The integer below."""
        return self.rounding("floor", a)

    def ceil(self, a: Value) -> Value:
        """The integer above."""
        return self.rounding("ceil", a)

    def trunc(self, a: Value) -> Value:
        """The integer towards zero."""
        return self.rounding("trunc", a)

    def round_even(self, a: Value) -> Value:
        """The nearest integer, ties to even."""
        return self.rounding("roundeven", a)

    def maximum(self, a: Value, b: Value) -> Value:
        """The larger; NaN if either is."""
        if is_float(a.dtype):
            return self.intrinsic("maximum", a.dtype, a, b)
        return self.select(self.compare("gt", a, b), a, b)

    def minimum(self, a: Value, b: Value) -> Value:
        """The smaller; NaN if either is."""
        if is_float(a.dtype):
            return self.intrinsic("minimum", a.dtype, a, b)
        return self.select(self.compare("lt", a, b), a, b)

    def sqrt(self, a: Value) -> Value:
        """The square root."""
        return self.intrinsic("sqrt", a.dtype, a)

    # -- conditions and bits

    def compare(self, name: str, a: Value, b: Value) -> Value:
        """Whether a stands in a relation to b."""
        floating, signed, unsigned = ORDER[name]
        if is_float(a.dtype):
            code = f"fcmp {floating}"
        else:
            code = f"icmp {unsigned if a.dtype.startswith(('uint', 'bool')) else signed}"
        return self.emit(f"{code} {TYPES[a.dtype]} {a.text}, {b.text}", "bool", (a, b))

    def isinf(self, a: Value) -> Value:
        """Whether a is infinite."""
        if not is_float(a.dtype):
            return self.constant(False, "bool")
        return self.compare("eq", self.abs(a), self.constant(np.inf, a.dtype))

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        """a where the condition holds, b elsewhere."""
        condition, kind = self.boolean(condition), TYPES[a.dtype]
        code = f"select i1 {condition.text}, {kind} {a.text}, {kind} {b.text}"
        return self.emit(code, a.dtype, (condition, a, b))

    def bits(self, name: str, a: Value, b: Value) -> Value:
        """A bitwise instruction."""
        return self.emit(f"{name} {TYPES[a.dtype]} {a.text}, {b.text}", a.dtype, (a, b))

    def bitwise_and(self, a: Value, b: Value) -> Value:
        """a & b."""
        return self.bits("and", a, b)

    def bitwise_or(self, a: Value, b: Value) -> Value:
        """a | b."""
        return self.bits("or", a, b)

    def bitwise_xor(self, a: Value, b: Value) -> Value:
        """a ^ b."""
        return self.bits("xor", a, b)

    def invert(self, a: Value) -> Value:
        """~a."""
        return self.bits("xor", a, Value("true" if a.dtype == "bool" else "-1", a.dtype))

    def left_shift(self, a: Value, places: Value) -> Value:
        """a << places; 0 where the places are negative or more than the bits (LLVM leaves that undefined)."""
        last, shifts = self.shift_bounds(places)
        moved = self.bits("shl", a, self.select(shifts, places, last))
        return self.select(shifts, moved, self.constant(0, a.dtype))

    def right_shift(self, a: Value, places: Value) -> Value:
        """a >> places; only signs remain where the places are negative or more than the bits, as in NumPy."""
        last, shifts = self.shift_bounds(places)
        safe = self.select(shifts, places, last)
        if a.dtype.startswith("uint"):
            return self.select(shifts, self.bits("lshr", a, safe), self.constant(0, a.dtype))
        return self.bits("ashr", a, safe)

    def shift_bounds(self, places: Value) -> tuple[Value, Value]:
        """The largest shift of a dtype that is defined, and whether a number of places is in bounds."""
        last = np.dtype(places.dtype).itemsize * 8 - 1
        unsigned = self.cast(places, f"u{places.dtype.removeprefix('u')}")  # a negative number is a huge one then
        within = self.compare("le", unsigned, self.constant(last, unsigned.dtype))
        return self.constant(last, places.dtype), within

    # -- functions

    def function(self, name: str, *args: Value) -> Value:
        """A function of the vector mathematics library, in double precision."""
        wide = [self.cast(a, "float64") for a in args]
        self.functions.add(name)
        text = ", ".join(f"double {a.text}" for a in wide)
        found = self.emit(f"call double @pm_{name}({text}) {math.call_attributes(name)}", "float64", wide)
        return self.cast(found, args[0].dtype)

    def scipy(self, name: str, *args: Value) -> Value:
        """A special function of SciPy's, in double precision."""
        wide = [self.cast(a, "float64") for a in args]
        self.declared.add(special.declaration(name, len(wide)))
        text = ", ".join([*(f"double {a.text}" for a in wide), "i32 0"])
        found = self.emit(f"call double @{special.symbol(name)}({text})", "float64", wide)
        return self.cast(found, args[0].dtype)

    def slope(self, name: str, *args: Value) -> Value:
        """A kernel of `pellucid.compile.llvm.slopes`, of doubles."""
        self.declared.add(slopes.declaration(name))
        text = ", ".join(f"double {a.text}" for a in args)
        return self.emit(f"call double @{slopes.symbol(name)}({text})", "float64", args)

    def apply(self, recipe: Any, args: Sequence[Value]) -> Any:
        """What an elementwise op's `llvm` entry says: code, an instruction of this class, or a library function."""
        if callable(recipe):
            return recipe(self, *args)
        if recipe.startswith(special.PREFIX):
            return self.scipy(recipe.removeprefix(special.PREFIX), *args)
        if recipe in math.FUNCTIONS:
            return self.function(recipe, *args)
        return getattr(self, recipe)(*args)


def has_code(recipe: Any, dtype: str) -> bool:
    """Whether an elementwise recipe has native code in `dtype`."""
    if recipe is None or dtype not in TYPES:
        return False
    if callable(recipe):
        return True
    floating = recipe in math.FUNCTIONS or recipe.startswith(special.PREFIX) or recipe in ("sqrt", "div")
    return is_float(dtype) or not floating
