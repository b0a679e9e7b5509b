"""Arithmetic, comparison, logic, rounding and choice: entries of the elementwise table."""

from __future__ import annotations

from typing import Any

from pellucid.tensor.elementwise import cast, elementwise
from pellucid.tensor.operators import FUNCTIONS, method
from pellucid.tensor.types import TensorVariable, as_operands, as_tensor_variable

TWO = ((-3.0, 3.0), (-3.0, 3.0))
POSITIVE = ((0.1, 4.0),)


def matching(g: Any, y: Any, *_inputs: Any) -> Any:
    """The gradient as it is."""
    return g


def opposite(g: Any, y: Any, *_inputs: Any) -> Any:
    """The gradient, negated."""
    return -g


add = elementwise("add", "The sum x + y.", lambda xp, x, y: xp.add(x, y), pullbacks=(matching, matching),
                  llvm="add", domain=TWO, commutes=True)
sub = elementwise("sub", "The difference x - y.", lambda xp, x, y: xp.subtract(x, y), pullbacks=(matching, opposite),
                  llvm="sub", domain=TWO)
mul = elementwise("mul", "The product x * y.", lambda xp, x, y: xp.multiply(x, y),
                  pullbacks=(lambda g, z, x, y: g * y, lambda g, z, x, y: g * x), llvm="mul", domain=TWO, commutes=True)
true_div = elementwise("true_div", "The quotient x / y, a float even for integers.",
                       lambda xp, x, y: xp.true_divide(x, y),
                       pullbacks=(lambda g, z, x, y: g / y, lambda g, z, x, y: -g * z / y),
                       llvm="div", domain=((-3.0, 3.0), (0.2, 3.0)))
floor_div = elementwise("floor_div", "The largest integer not above x / y.", lambda xp, x, y: xp.floor_divide(x, y),
                        pullbacks=(None, None), llvm="floor_div", domain=((-3.0, 3.0), (0.2, 3.0)))
mod = elementwise("mod", "The remainder of x / y, with the sign of y.", lambda xp, x, y: xp.mod(x, y),
                  pullbacks=(matching, lambda g, z, x, y: -g * floor_div(x, y)),
                  llvm="mod", domain=((-3.0, 3.0), (0.2, 3.0)))


def pow_of_exponent(g: Any, z: Any, x: Any, y: Any) -> Any:
    """d x**y / dy = x**y log x, which is 0 at x = 0 (the limit for y > 0)."""
    return g * switch(eq(x, 0), 0.0, z * FUNCTIONS["log"](switch(eq(x, 0), 1.0, x)))


def pow_of_base(g: Any, z: Any, x: Any, y: Any) -> Any:
    """d x**y / dx = y x**(y-1), and 0 where y is 0, whatever x is."""
    return g * switch(eq(y, 0), 0.0, y * pow(x, y - 1))


pow = elementwise("pow", "The power x ** y.", lambda xp, x, y: xp.power(x, y),
                  pullbacks=(pow_of_base, pow_of_exponent), llvm="pow", domain=((0.2, 3.0), (-2.0, 2.0)))
neg = elementwise("neg", "The opposite -x.", lambda xp, x: xp.negative(x), pullbacks=(opposite,), llvm="neg",
                  inverse="neg", monotone=-1)
reciprocal = elementwise("reciprocal", "The reciprocal 1 / x.", lambda xp,
                         x: xp.true_divide(1.0, x) if x.dtype.kind != "f"
                         else xp.reciprocal(x), pullbacks=(lambda g, y, x: -g * sqr(y),),
                         llvm=lambda k, x: k.div(k.constant(1.0, x.dtype), x), domain=((0.2, 3.0),),
                         inverse="reciprocal")
sqr = elementwise("sqr", "The square x ** 2.", lambda xp, x: xp.square(x), pullbacks=(lambda g, y, x: g * (2 * x),),
                  llvm=lambda k, x: k.mul(x, x))


def abs_pullback(g: Any, y: Any, x: Any) -> Any:
    """The sign of x times g; of a complex x its direction times g."""
    if not x.dtype.startswith("complex"):
        return g * sign(x)
    return FUNCTIONS["complex"](g * FUNCTIONS["real"](x) / y, g * FUNCTIONS["imag"](x) / y)


abs = elementwise("abs", "The absolute value |x|.", lambda xp, x: xp.abs(x), pullbacks=(abs_pullback,),
                  llvm="abs", domain=((0.2, 3.0),))
sign = elementwise("sign", "-1, 0 or 1 by the sign of x; NaN stays NaN.", lambda xp, x: xp.sign(x), pullbacks=(None,),
                   llvm="sign", monotone=1)
floor = elementwise("floor", "The largest integer not above x.", lambda xp, x: xp.floor(x), pullbacks=(None,),
                    llvm="floor", monotone=1)
ceil = elementwise("ceil", "The smallest integer not below x.", lambda xp, x: xp.ceil(x), pullbacks=(None,),
                   llvm="ceil", monotone=1)
trunc = elementwise("trunc", "The integer next to x towards zero.", lambda xp, x: xp.trunc(x), pullbacks=(None,),
                    llvm="trunc", monotone=1)
round_half_to_even = elementwise("round_half_to_even", "The nearest integer, ties to even.", lambda xp, x: xp.round(x),
                                 pullbacks=(None,), llvm="round_even", monotone=1)
maximum = elementwise("maximum", "The larger of x and y; NaN if either is.", lambda xp, x, y: xp.maximum(x, y),
                      pullbacks=(lambda g, z, x, y: switch(ge(x, y), g, 0.0), lambda g, z, x,
                                 y: switch(ge(x, y), 0.0, g)),
                      llvm="maximum", domain=TWO, commutes=True)
minimum = elementwise("minimum", "The smaller of x and y; NaN if either is.", lambda xp, x, y: xp.minimum(x, y),
                      pullbacks=(lambda g, z, x, y: switch(le(x, y), g, 0.0), lambda g, z, x,
                                 y: switch(le(x, y), 0.0, g)),
                      llvm="minimum", domain=TWO, commutes=True)


def _compare(name: str, doc: str, numpy_name: str, **facts: Any) -> Any:
    return elementwise(name, doc, lambda xp, x, y: getattr(xp, numpy_name)(x, y), pullbacks=(None, None),
                       llvm=lambda k, x, y: k.compare(name, x, y), domain=TWO, **facts)


eq = _compare("eq", "Whether x equals y.", "equal", commutes=True)
neq = _compare("neq", "Whether x differs from y.", "not_equal", commutes=True)
lt = _compare("lt", "Whether x < y.", "less")
le = _compare("le", "Whether x <= y.", "less_equal")
gt = _compare("gt", "Whether x > y.", "greater")
ge = _compare("ge", "Whether x >= y.", "greater_equal")
isnan = elementwise("isnan", "Whether x is NaN.", lambda xp, x: xp.isnan(x), pullbacks=(None,),
                    llvm=lambda k, x: k.compare("neq", x, x))
isinf = elementwise("isinf", "Whether x is infinite.", lambda xp, x: xp.isinf(x), pullbacks=(None,), llvm="isinf")
bitwise_and = elementwise("bitwise_and", "Bitwise (for booleans: logical) and.", lambda xp, x, y: xp.bitwise_and(x, y),
                          pullbacks=(None, None), llvm="bitwise_and", domain=TWO, commutes=True)
bitwise_or = elementwise("bitwise_or", "Bitwise (for booleans: logical) or.", lambda xp, x, y: xp.bitwise_or(x, y),
                         pullbacks=(None, None), llvm="bitwise_or", domain=TWO, commutes=True)
bitwise_xor = elementwise("bitwise_xor", "Bitwise (for booleans: logical) exclusive or.",
                          lambda xp, x, y: xp.bitwise_xor(x, y), pullbacks=(None, None), llvm="bitwise_xor", domain=TWO,
                          commutes=True)
left_shift = elementwise("left_shift",
                         "The bits of the integer x, y places to the left; 0 where y is negative or too large.",
                         lambda xp, x, y: xp.left_shift(x, y), pullbacks=(None, None), llvm="left_shift",
                         domain=((-60.0, 60.0), (0.0, 9.0)))
right_shift = elementwise("right_shift", "The bits of the integer x, y places to the right, which keeps the sign.",
                          lambda xp, x, y: xp.right_shift(x, y), pullbacks=(None, None), llvm="right_shift",
                          domain=((-60.0, 60.0), (0.0, 9.0)))
invert = elementwise("invert", "Bitwise (for booleans: logical) not.", lambda xp, x: xp.invert(x), pullbacks=(None,),
                     llvm="invert")
switch = elementwise("switch", "x where the condition holds, y elsewhere.", lambda xp, c, x, y: xp.where(c, x, y),
                     pullbacks=(None, lambda g, z, c, x, y: switch(c, g, 0.0), lambda g, z, c, x, y: switch(c, 0.0, g)),
                     llvm="select", domain=((-1.0, 1.0), *TWO), raw=(0,))
disconnected_grad = elementwise("disconnected_grad", "x, through which no gradient flows.", lambda xp, x: xp.asarray(x),
                                pullbacks=(None,), llvm=lambda k, x: x)
zero_grad = disconnected_grad
where = switch
eq_, and_, or_, xor = eq, bitwise_and, bitwise_or, bitwise_xor
divide, subtract, multiply, negative, square, power = true_div, sub, mul, neg, sqr, pow
less, less_equal, greater, greater_equal, equal, not_equal = lt, le, gt, ge, eq, neq
int_div, floor_divide, remainder, absolute = floor_div, floor_div, mod, abs
bitwise_not = invert
sgn = sign


def logical_and(x: Any, y: Any) -> TensorVariable:
    """Whether both x and y are nonzero."""
    return bitwise_and(as_boolean(x), as_boolean(y))


def logical_or(x: Any, y: Any) -> TensorVariable:
    """Whether x or y is nonzero."""
    return bitwise_or(as_boolean(x), as_boolean(y))


def logical_not(x: Any) -> TensorVariable:
    """Whether x is zero."""
    return invert(as_boolean(x))


def as_boolean(x: Any) -> TensorVariable:
    """x as a condition: whether it is not zero."""
    x = as_tensor_variable(x)
    return x if x.dtype == "bool" else neq(x, 0)


def isfinite(x: Any) -> TensorVariable:
    """Whether x is neither infinite nor NaN."""
    return invert(bitwise_or(isnan(x), isinf(x)))


def isclose(x: Any, y: Any, rtol: float = 1e-05, atol: float = 1e-08,
            equal_nan: bool = False) -> TensorVariable:  # NumPy's signature
    """Whether |x - y| <= atol + rtol |y|, infinities being close to themselves only."""
    x, y = (v if v.dtype.startswith(("float", "complex")) else cast(v, "float64") for v in as_operands([x, y]))
    near = bitwise_and(le(abs(x - y), atol + rtol * abs(y)), isfinite(y))
    near = bitwise_or(near, eq(x, y))
    return bitwise_or(near, bitwise_and(isnan(x), isnan(y))) if equal_nan else near


@method
def clip(x: Any, min: Any = None, max: Any = None) -> TensorVariable:
    """x, or the nearer bound where it lies outside [min, max]; a bound of None is no bound."""
    x = as_tensor_variable(x)
    if min is not None:
        x = maximum(x, min)
    return x if max is None else minimum(x, max)


@method
def round(x: Any, decimals: int | str | None = 0, mode: str | None = None) -> TensorVariable:
    """x rounded to `decimals` digits after the point.

    Ties go to the even digit, as in NumPy, or with ``mode="half_away_from_zero"`` away from zero. PyTensor's callers
    give the mode in place of the digits.
    """
    if isinstance(decimals, str):
        decimals, mode = 0, decimals
    if mode not in (None, "half_to_even", "half_away_from_zero"):
        raise ValueError(f"round knows the modes 'half_to_even' and 'half_away_from_zero', not {mode!r}.")
    whole = FUNCTIONS["round_half_away_from_zero"] if mode == "half_away_from_zero" else round_half_to_even
    if not decimals:
        return whole(x)
    scale = 10.0**decimals
    return whole(as_tensor_variable(x) * scale) / scale


@method
def copy(x: Any) -> TensorVariable:
    """The same tensor: graphs are never edited, so nothing needs copying."""
    return as_tensor_variable(x)
