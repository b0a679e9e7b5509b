"""Writes straight-line numerical code as LLVM IR, once for one double and once for a vector of them.

A builder function receives a `Body` and `Value` arguments and computes with ordinary operators; the same Python code
yields the scalar and the vector function, which therefore agree to the last bit. Nothing carries fast-math flags:
the error bounds rest on each operation being rounded as written.
"""

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

Operand = Union["Value", float, int]

_ELEMENT = {"f64": "double", "i64": "i64", "i1": "i1"}
_FLOAT = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
_INTEGER = {"+": "add", "-": "sub", "*": "mul", "&": "and", "|": "or", "^": "xor", "<<": "shl", ">>": "lshr"}
_ORDER = {"<": ("olt", "slt"), "<=": ("ole", "sle"), ">": ("ogt", "sgt"), ">=": ("oge", "sge"), "==": ("oeq", "eq")}


def bits_of(number: float) -> int:
    """Return the bit pattern of a double as a signed integer."""
    return struct.unpack("<q", struct.pack("<d", number))[0]


def literal(number: float) -> str:
    """Return a double as LLVM writes it, bit for bit."""
    return f"0x{bits_of(float(number)) & (2**64 - 1):016X}"


@dataclass(frozen=True, eq=False, slots=True)
class Value:
    """One SSA value: a double, a 64-bit integer or a truth value, or a vector of them."""

    body: "Body"
    text: str
    kind: str

    def _binary(self, operator: str, other: Operand, *, swapped: bool = False) -> "Value":
        pair = (self, self.body.value(other, self.kind))
        left, right = reversed(pair) if swapped else pair
        name = (_FLOAT if self.kind == "f64" else _INTEGER)[operator]
        return self.body.emit(f"{name} {self.body.type(self.kind)} {left.text}, {right.text}", self.kind)

    def _compare(self, operator: str, other: Operand) -> "Value":
        name = f"fcmp {_ORDER[operator][0]}" if self.kind == "f64" else f"icmp {_ORDER[operator][1]}"
        right = self.body.value(other, self.kind)
        return self.body.emit(f"{name} {self.body.type(self.kind)} {self.text}, {right.text}", "i1")

    def __add__(self, other: Operand) -> "Value":
        return self._binary("+", other)

    def __radd__(self, other: Operand) -> "Value":
        return self._binary("+", other, swapped=True)

    def __sub__(self, other: Operand) -> "Value":
        return self._binary("-", other)

    def __rsub__(self, other: Operand) -> "Value":
        return self._binary("-", other, swapped=True)

    def __mul__(self, other: Operand) -> "Value":
        return self._binary("*", other)

    def __rmul__(self, other: Operand) -> "Value":
        return self._binary("*", other, swapped=True)

    def __truediv__(self, other: Operand) -> "Value":
        return self._binary("/", other)

    def __rtruediv__(self, other: Operand) -> "Value":
        return self._binary("/", other, swapped=True)

    def __and__(self, other: Operand) -> "Value":
        return self._binary("&", other)

    def __or__(self, other: Operand) -> "Value":
        return self._binary("|", other)

    def __xor__(self, other: Operand) -> "Value":
        return self._binary("^", other)

    def __lshift__(self, other: Operand) -> "Value":
        return self._binary("<<", other)

    def __rshift__(self, other: Operand) -> "Value":
        """Shift zeros in from the left; AVX2 has no arithmetic shift of 64-bit integers."""
        return self._binary(">>", other)

    def __neg__(self) -> "Value":
        return self.body.emit(f"fneg {self.body.type('f64')} {self.text}", "f64")

    def __invert__(self) -> "Value":
        return self ^ 1

    def __lt__(self, other: Operand) -> "Value":
        return self._compare("<", other)

    def __le__(self, other: Operand) -> "Value":
        return self._compare("<=", other)

    def __gt__(self, other: Operand) -> "Value":
        return self._compare(">", other)

    def __ge__(self, other: Operand) -> "Value":
        return self._compare(">=", other)

    def equals(self, other: Operand) -> "Value":
        """Return where the two are equal; false for NaN."""
        return self._compare("==", other)

    def is_nan(self) -> "Value":
        """Return where a double is NaN."""
        return self.body.emit(f"fcmp uno {self.body.type('f64')} {self.text}, {self.text}", "i1")


@dataclass(eq=False)
class Body:
    """The body of one function over doubles (`width` 1) or vectors of `width` doubles."""

    width: int
    fused: bool
    """Whether the processor multiplies and adds with one rounding."""
    lines: list[str] = field(default_factory=list)
    helpers: set[str] = field(default_factory=set)
    """Names of scalar helper functions that the body calls."""
    label: str = "entry"
    count: int = 0

    def type(self, kind: str) -> str:
        """Return LLVM's name of a type."""
        element = _ELEMENT[kind]
        return element if self.width == 1 else f"<{self.width} x {element}>"

    def value(self, operand: Operand, kind: str) -> Value:
        """Return an operand as a value of some kind; Python numbers become constants."""
        if isinstance(operand, Value):
            return operand
        if kind == "f64":
            text = literal(operand)
        else:
            text = str(int(operand)) if kind == "i64" else ("true" if operand else "false")
        return Value(self, text if self.width == 1 else f"splat ({_ELEMENT[kind]} {text})", kind)

    def name(self) -> str:
        """Return a fresh SSA name."""
        self.count += 1
        return f"%t{self.count}"

    def emit(self, instruction: str, kind: str) -> Value:
        """Append an instruction and return its result."""
        name = self.name()
        self.lines.append(f"  {name} = {instruction}")
        return Value(self, name, kind)

    def intrinsic(self, name: str, *operands: Operand) -> Value:
        """Call an intrinsic on doubles."""
        suffix = "f64" if self.width == 1 else f"v{self.width}f64"
        arguments = ", ".join(f"{self.type('f64')} {self.value(operand, 'f64').text}" for operand in operands)
        return self.emit(f"call {self.type('f64')} @llvm.{name}.{suffix}({arguments})", "f64")

    def fma(self, a: Operand, b: Operand, c: Operand) -> Value:
        """Return a * b + c, with one rounding where the processor can."""
        return self.intrinsic("fmuladd", a, b, c)

    def abs(self, x: Value) -> Value:
        """Return the absolute value."""
        return self.intrinsic("fabs", x)

    def sqrt(self, x: Value) -> Value:
        """Return the square root, correctly rounded."""
        return self.intrinsic("sqrt", x)

    def copysign(self, x: Operand, sign: Value) -> Value:
        """Return the magnitude of `x` with the sign of `sign`."""
        return self.intrinsic("copysign", x, sign)

    def select(self, condition: Value, yes: Operand, no: Operand) -> Value:
        """Return `yes` where the condition holds and `no` elsewhere."""
        kind = next((operand.kind for operand in (yes, no) if isinstance(operand, Value)), "f64")
        a, b, kind = self.value(yes, kind), self.value(no, kind), self.type(kind)
        return self.emit(f"select {self.type('i1')} {condition.text}, {kind} {a.text}, {kind} {b.text}", a.kind)

    def choose(self, *cases: tuple[Value, Operand], otherwise: Operand) -> Value:
        """Return the value of the last case that holds, or `otherwise`."""
        for condition, operand in cases:
            otherwise = self.select(condition, operand, otherwise)
        return self.value(otherwise, "f64")

    def minimum(self, x: Value, bound: float) -> Value:
        """Return the smaller of `x` and a constant; NaN stays NaN."""
        return self.select(x > bound, bound, x)

    def maximum(self, x: Value, bound: float) -> Value:
        """Return the larger of `x` and a constant; NaN stays NaN."""
        return self.select(x < bound, bound, x)

    def bits(self, x: Value) -> Value:
        """Return the bit pattern of doubles."""
        return self.emit(f"bitcast {self.type('f64')} {x.text} to {self.type('i64')}", "i64")

    def double(self, x: Value) -> Value:
        """Return the doubles with a bit pattern."""
        return self.emit(f"bitcast {self.type('i64')} {x.text} to {self.type('f64')}", "f64")

    def is_negative(self, x: Value) -> Value:
        """Return where the sign bit is set, -0.0 included."""
        return self.bits(x) < 0

    def nearest(self, x: Operand, scale: float = 1.0) -> tuple[Value, Value]:
        """Return `x * scale` rounded to the nearest integer, as a double and as an integer, for magnitudes to 2**51.

        Adding 1.5 * 2**52 leaves the integer in the low bits; AVX2 cannot convert doubles to 64-bit integers.
        """
        magic = 1.5 * 2.0**52
        shifted = self.fma(x, scale, magic)
        return shifted - magic, self.bits(shifted) - bits_of(magic)

    def power_of_two(self, n: Value) -> Value:
        """Return 2**n for an integer -1023 < n <= 1024 (1024 gives infinity)."""
        return self.double((n + 1023) << 52)

    def polynomial(self, x: Value, coefficients: Sequence[float]) -> Value:
        """Evaluate a polynomial, lowest coefficient first, by pairs of pairs (Estrin's scheme).

        The constant term comes last, by itself, so that rounding errors of the rest are scaled down by `x`.
        """
        terms: list[Operand] = list(coefficients[1:])
        power = x
        while len(terms) > 1:
            odd = len(terms) % 2
            pairs = zip(terms[::2], terms[1::2], strict=False)
            terms = [self.fma(high, power, low) for low, high in pairs] + ([terms[-1]] if odd else [])
            power = power * power if len(terms) > 1 else power
        return self.fma(terms[0], x, coefficients[0])

    def two_sum(self, a: Operand, b: Operand) -> "DoubleDouble":
        """Return a + b with its rounding error (Knuth)."""
        a, b = self.value(a, "f64"), self.value(b, "f64")
        total = a + b
        part = total - a
        return DoubleDouble(total, (a - (total - part)) + (b - part))

    def fast_two_sum(self, a: Operand, b: Operand) -> "DoubleDouble":
        """Return a + b with its rounding error, for a at least as large as b in magnitude, or zero (Dekker)."""
        a, b = self.value(a, "f64"), self.value(b, "f64")
        total = a + b
        return DoubleDouble(total, b - (total - a))

    def two_product(self, a: Operand, b: Operand) -> "DoubleDouble":
        """Return a * b with its rounding error."""
        a, b = self.value(a, "f64"), self.value(b, "f64")
        product = a * b
        if self.fused:
            return DoubleDouble(product, self.intrinsic("fma", a, b, -product))
        (a_high, a_low), (b_high, b_low) = self._halves(a), self._halves(b)
        error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
        return DoubleDouble(product, error)

    def _halves(self, a: Value) -> tuple[Value, Value]:
        """Split a double into two of 26 bits (Veltkamp)."""
        scaled = a * (2.0**27 + 1.0)
        high = scaled - (scaled - a)
        return high, a - high

    def residual(self, product: "DoubleDouble", minuend: Value) -> Value:
        """Return minuend - product, for a product close to the minuend."""
        return (minuend - product.high) - product.low

    def divide(self, n: "DoubleDouble", d: "DoubleDouble") -> "DoubleDouble":
        """Return the quotient of two double-doubles, to about 2**-100."""
        inverse = 1.0 / d.high
        quotient = n.high * inverse
        product = self.two_product(quotient, d.high)
        rest = ((n.high - product.high) - product.low) + (n.low - quotient * d.low)
        return self.fast_two_sum(quotient, rest * inverse)

    def multiply(self, a: "DoubleDouble", b: "DoubleDouble") -> "DoubleDouble":
        """Return the product of two double-doubles."""
        product = self.two_product(a.high, b.high)
        low = self.fma(a.high, b.low, self.fma(a.low, b.high, product.low))
        return self.fast_two_sum(product.high, low)

    def add(self, a: "DoubleDouble", b: "DoubleDouble") -> "DoubleDouble":
        """Return the sum of two double-doubles."""
        total = self.two_sum(a.high, b.high)
        return self.fast_two_sum(total.high, total.low + (a.low + b.low))

    def constant(self, high: float, low: float) -> "DoubleDouble":
        """Return a constant given by its two parts."""
        return DoubleDouble(self.value(high, "f64"), self.value(low, "f64"))

    def exactly(self, x: Operand) -> "DoubleDouble":
        """Return a double as a double-double."""
        return DoubleDouble(self.value(x, "f64"), self.value(0.0, "f64"))

    def if_any(self, condition: Value, compute: Callable[[], tuple[Value, ...]], usual: tuple[Value, ...]) -> Any:
        """Return, where the condition holds, what `compute` returns, and `usual` elsewhere.

        The code of `compute` is skipped when the condition holds nowhere: this is for rare cases that cost much.
        """
        before, slow, after = self.label, f"slow{self.count}", f"after{self.count}"
        flag = self._any(condition)
        self.lines += [f"  br i1 {flag}, label %{slow}, label %{after}, !prof !0", f"{slow}:"]
        self.label = slow
        rare = [self.select(condition, *pair) for pair in zip(compute(), usual, strict=True)]
        self.lines += [f"  br label %{after}", f"{after}:"]
        slow, self.label = self.label, after
        return tuple(
            self.emit(f"phi {self.type(a.kind)} [{a.text}, %{slow}], [{b.text}, %{before}]", a.kind)
            for a, b in zip(rare, usual, strict=True)
        )

    def _any(self, condition: Value) -> str:
        if self.width == 1:
            return condition.text
        reduce = f"call i1 @llvm.vector.reduce.or.v{self.width}i1({self.type('i1')} {condition.text})"
        return self.emit(reduce, "i1").text

    def call_lanes(self, helper: str, x: Value, results: int) -> tuple[Value, ...]:
        """Call a scalar helper, which returns `results` doubles, for every lane."""
        self.helpers.add(helper)
        structure = "{" + ", ".join(["double"] * results) + "}"
        lanes = [x.text] if self.width == 1 else [self._lane(x.text, lane) for lane in range(self.width)]
        returned = [self._raw(f"call {structure} @{helper}(double {lane})") for lane in lanes]
        return tuple(
            self._gather([f"extractvalue {structure} {text}, {i}" for text in returned]) for i in range(results)
        )

    def _raw(self, instruction: str) -> str:
        return self.emit(instruction, "f64").text

    def _lane(self, vector: str, lane: int) -> str:
        return self._raw(f"extractelement {self.type('f64')} {vector}, i64 {lane}")

    def _gather(self, instructions: list[str]) -> Value:
        scalars = [self._raw(instruction) for instruction in instructions]
        if self.width == 1:
            return Value(self, scalars[0], "f64")
        vector = "poison"
        for lane, scalar in enumerate(scalars):
            vector = self._raw(f"insertelement {self.type('f64')} {vector}, double {scalar}, i64 {lane}")
        return Value(self, vector, "f64")


@dataclass(frozen=True, eq=False, slots=True)
class DoubleDouble:
    """An unevaluated sum of two doubles, about 106 bits of precision."""

    high: Value
    low: Value

    def __neg__(self) -> "DoubleDouble":
        return DoubleDouble(-self.high, -self.low)

    def scaled(self, factor: Operand) -> "DoubleDouble":
        """Return the product with a power of two, which is exact."""
        return DoubleDouble(self.high * factor, self.low * factor)

    def rounded(self) -> Value:
        """Return the nearest double."""
        return self.high + self.low


def write_function(
    symbol: str, arity: int, build: Callable[..., Value], width: int, *, fused: bool
) -> tuple[str, set[str]]:
    """Return the IR of one function and the names of the helpers it calls."""
    body = Body(width, fused)
    arguments = [Value(body, f"%x{i}", "f64") for i in range(arity)]
    result = build(body, *arguments)
    kind = body.type("f64")
    head = f"define {kind} @{symbol}({', '.join(f'{kind} {x.text}' for x in arguments)}) #0 {{\nentry:\n"
    return head + "\n".join(body.lines) + f"\n  ret {kind} {result.text}\n}}\n", body.helpers


INFINITY, NAN = math.inf, math.nan
