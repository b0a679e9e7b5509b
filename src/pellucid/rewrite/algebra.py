"""One plain spelling for each expression: neutral elements, signs, constants, powers, choices, casts.

Conventions of the tables: subtraction and division stay (graphs read as they were written), but subtracting a
constant becomes adding its negative; signs move outward; the constants of a sum or product meet in one place.
Signs of zero are not kept. Where a rule differs from its left side in NaN or infinity, a comment says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.graph.nodes import Apply
from pellucid.rewrite.pattern import Hole, Table, procedure
from pellucid.tensor.arithmetic import (
    abs as abs_,
)
from pellucid.tensor.arithmetic import (
    bitwise_and,
    bitwise_or,
    floor_div,
    invert,
    maximum,
    minimum,
    mul,
    reciprocal,
    sqr,
    switch,
    true_div,
)
from pellucid.tensor.elementwise import Elementwise, cast
from pellucid.tensor.transcendental import log, sqrt, xlogy
from pellucid.tensor.types import Constant

x, y, z = Hole("x"), Hole("y"), Hole("z")
u, w = Hole("u", dtypes="f"), Hole("w", dtypes="f")  # floating
n = Hole("n", dtypes="iu")  # integers
a, b, c = (Hole(name, constant=True) for name in "abc")
condition = Hole("condition", dtypes="biuf")
truth = Hole("truth", dtypes="b")


def varies(v: Any) -> bool:
    """Whether a variable is not a constant."""
    return not isinstance(v, Constant)


def tame(*constants: Any) -> bool:
    """Whether products and quotients of these constants neither overflow nor underflow."""
    low, high = (1e-100, 1e100) if all(v.dtype == "float64" for v in constants) else (1e-12, 1e12)
    return all(
        v.dtype.startswith("float") and bool(np.all((np.abs(v.data) >= low) & (np.abs(v.data) <= high)))
        for v in constants
    )


def tame_constants(found: Mapping[Any, Any]) -> bool:
    """Whether all constants that were found are tame."""
    return tame(*[v for p, v in found.items() if isinstance(p, Hole) and p.constant])


def exact_reciprocal(found: Mapping[Any, Any]) -> bool:
    """Whether dividing by the constant c is the same as multiplying by its reciprocal: it is a power of two."""
    divisor = found[c]
    return tame(divisor) and bool(np.all(np.abs(np.frexp(divisor.data)[0]) == 0.5))


def signed(found: Mapping[Any, Any]) -> bool:
    """Whether the constant c has a negative of its own dtype."""
    return found[c].dtype[0] in "if"


def scalar_constants(found: Mapping[Any, Any]) -> bool:
    """Whether folding a with b makes no array larger than each was."""
    return found[a].ndim == 0 or found[b].ndim == 0 or found[a].type.shape == found[b].type.shape


def tame_scalars(found: Mapping[Any, Any]) -> bool:
    """Whether a and b may be multiplied and divided ahead of time."""
    return scalar_constants(found) and tame_constants(found)


def floating_scalars(found: Mapping[Any, Any]) -> bool:
    """Whether a and b may be added ahead of time."""
    return scalar_constants(found) and all(bool(np.all(np.isfinite(found[p].data))) for p in (a, b))


NEUTRAL: Table = (
    x + 0 >> x,
    0 - x >> -x,
    x * 1 >> x,
    u * -1 >> -u,
    n * 0 >> 0,  # for floats 0 * inf and 0 * nan are nan
    n - n >> 0,
    u / 1 >> u,
    u / -1 >> -u,
    floor_div(n, 1) >> n,
    x**1 >> x,
    x**0 >> 1,
    x**2 >> sqr(x),
    u**3 >> u * sqr(u),
    u**4 >> sqr(sqr(u)),
    u**0.5 >> sqrt(u),  # -inf: inf becomes nan
    u**-1 >> 1 / u,
    u**-2 >> 1 / sqr(u),
    u**-0.5 >> 1 / sqrt(u),
    reciprocal(u) >> 1 / u,
    x * x >> sqr(x),
    maximum(x, x) >> x,
    minimum(x, x) >> x,
)

SIGNS: Table = (
    -(-x) >> x,  # noqa: B002  # a pattern, not a decrement
    -(x - y) >> y - x,
    x + -y >> x - y,
    x - -y >> x + y,
    -x - y >> -(x + y),
    -x * y >> -(x * y),
    -u / w >> -(u / w),
    u / -w >> -(u / w),
    abs_(-x) >> abs_(x),
    abs_(abs_(x)) >> abs_(x),
    sqr(-x) >> sqr(x),
    sqr(abs_(x)) >> sqr(x),
    sqrt(sqr(u)) >> abs_(u),  # where sqr overflows or underflows, the right side does not
)

CONSTANTS: Table = (
    (x - c >> x + -c).when(lambda found: signed(found) and varies(found[x])),
    (-(c * u) >> -c * u).when(lambda found: varies(found[u])),
    (-(c / u) >> -c / u).when(lambda found: varies(found[u])),
    (-(u / c) >> u / -c).when(lambda found: varies(found[u])),
    (-(u + c) >> -c - u).when(lambda found: varies(found[u])),
    (u / c >> u * (1 / c)).when(exact_reciprocal),
    (a + (u + b) >> u + (a + b)).when(floating_scalars),
    (a + (b - u) >> (a + b) - u).when(floating_scalars),
    (a - (u + b) >> (a - b) - u).when(floating_scalars),
    (a - (b - u) >> u + (a - b)).when(floating_scalars),
    ((u + a) + (w + b) >> (u + w) + (a + b)).when(floating_scalars),
    ((u + a) - (w + b) >> (u - w) + (a - b)).when(floating_scalars),
    (a * (b * u) >> (a * b) * u).when(tame_scalars),
    (a * (b / u) >> (a * b) / u).when(tame_scalars),
    (a * (u / b) >> (a / b) * u).when(tame_scalars),
    ((a * u) / b >> (a / b) * u).when(tame_scalars),
    ((u / a) / b >> u / (a * b)).when(tame_scalars),
    (a / (b * u) >> (a / b) / u).when(tame_scalars),
    (a / (u / b) >> (a * b) / u).when(tame_scalars),
    ((a * u) * (b * w) >> (a * b) * (u * w)).when(tame_scalars),
    ((a * u) / (b * w) >> (a / b) * (u / w)).when(tame_scalars),
    (sqr(c * u) >> sqr(c) * sqr(u)).when(lambda found: found[c].ndim == 0 and tame(found[c])),
)


def as_many(found: Mapping[Any, Any]) -> bool:
    """Whether the divisor has as many elements as the other factor: one reciprocal for many products is quicker."""
    divisor, factor = found[u].type.shape, found[w].type.shape
    return len(divisor) >= len(factor) and all(
        m != 1 or n == 1 for m, n in zip(reversed(divisor), reversed(factor), strict=False)
    )


# One division instead of a division and a multiplication; where 1 / u overflows the right side need not.
QUOTIENTS: Table = (
    ((1 / u) * w >> w / u).when(as_many),
    ((-1 / u) * w >> -(w / u)).when(as_many),
    u / (1 / w) >> u * w,
)

CHOICES: Table = (
    switch(condition, x, x) >> x,
    switch(invert(truth), x, y) >> switch(truth, y, x),
    invert(invert(truth)) >> truth,
    bitwise_and(truth, truth) >> truth,
    bitwise_or(truth, truth) >> truth,
    bitwise_and(truth, 1) >> truth,
    bitwise_or(truth, 0) >> truth,
)


def is_zero(v: Any) -> bool:
    """Whether a variable is a constant of zeros."""
    return isinstance(v, Constant) and not v.data.any()


def masked(v: Any) -> tuple[Any, Any] | None:
    """The choice between something and 0 that `v` is, and what multiplies it from outside (or None)."""
    node = v.owner
    if node is None or node.op not in (switch, mul):
        return None
    if node.op is switch:
        return (v, None) if any(map(is_zero, node.inputs[1:])) else None
    for inner, outside in (node.inputs, reversed(node.inputs)):
        found = masked(inner) if inner.owner is not None and inner.owner.op is switch else None
        if found is not None:
            return found[0], outside
    return None


def covers(condition: Any, factor: Any) -> bool:
    """Whether a condition has an element for each of a factor's: one for many is better left outside of loops."""
    first, second = condition.type.shape, factor.type.shape
    return len(first) == len(second) and all(m != 1 or n == 1 for m, n in zip(first, second, strict=True))


@procedure(mul, true_div, over=[switch, mul])
def slope_of_a_choice(node: Apply) -> Any:
    """switch(c, g, 0) * slope is switch(c, g * slope, 0), and so for quotients.

    The gradient of a choice is 0 where it is not taken, also if the slope is infinite or NaN there, as that of a
    density outside its support may be: the product would be 0 * inf = NaN. A factor that is one for many stays outside.
    """
    sides = [tuple(node.inputs)] if node.op is true_div else [tuple(node.inputs), tuple(reversed(node.inputs))]
    for choice, slope in sides:
        found = masked(choice)
        if found is None or is_zero(slope):
            continue
        (chosen, first, second), outside = found[0].owner.inputs, found[1]
        if covers(chosen, slope):
            inner = switch(chosen, *[v if is_zero(v) else node.op(v, slope) for v in (first, second)])
            return inner if outside is None else inner * outside
    return None


# Several gradients of one choice meet in it.
MASKS: Table = (
    -switch(truth, u, 0) >> switch(truth, -u, 0),
    -switch(truth, 0, u) >> switch(truth, 0, -u),
    switch(truth, u, 0) + switch(truth, w, 0) >> switch(truth, u + w, 0),
    switch(truth, 0, u) + switch(truth, 0, w) >> switch(truth, 0, u + w),
    slope_of_a_choice,
)


@procedure(switch)
def choice_known_beforehand(node: Apply) -> Any:
    """A switch whose condition is a constant, true or false throughout."""
    chosen, yes, no = node.inputs
    if not isinstance(chosen, Constant) or chosen.data.size == 0:
        return None
    if bool(np.all(chosen.data)):
        return yes
    return None if bool(np.any(chosen.data)) else no


def is_cast(op: Any) -> bool:
    """Whether an elementwise op only changes the dtype."""
    return type(op) is Elementwise and op.name.startswith("cast_")


@procedure(Elementwise, condition=lambda key: is_cast(key[0]) and is_cast(key[1]))
def cast_of_cast(node: Apply) -> Any:
    """One cast instead of two, where the inner one loses nothing."""
    (outer,) = node.outputs
    inner = node.inputs[0]
    source = inner.owner.inputs[0]  # type: ignore[union-attr]
    if not np.can_cast(source.type.dtype, inner.type.dtype, "safe"):  # type: ignore[attr-defined]
        return None
    return cast(source, outer.type.dtype)  # type: ignore[attr-defined]


@procedure(xlogy)
def xlogy_without_zeros(node: Apply) -> Any:
    """x log(y) needs no choice where x is a constant without zeros."""
    counts, argument = node.inputs
    if not isinstance(counts, Constant) or not bool(np.all(counts.data)):
        return None
    return counts * log(argument)


ALGEBRA: Table = (
    *NEUTRAL,
    *SIGNS,
    *QUOTIENTS,
    *CONSTANTS,
    *CHOICES,
    *MASKS,
    choice_known_beforehand,
    cast_of_cast,
    xlogy_without_zeros,
)
