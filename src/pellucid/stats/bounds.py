"""What is known of the range of a tensor before it is computed, so that no check is made that cannot fail."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from pellucid.graph.nodes import Variable
from pellucid.stats.constraint import (
    Constraint,
    Interval,
    Structured,
    lower_cholesky,
    positive_vector,
    real_vector,
    simplex,
)
from pellucid.tensor.draws import Draw
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.index import Gather, Subtensor
from pellucid.tensor.linalg import Cholesky
from pellucid.tensor.namespace import NUMPY
from pellucid.tensor.reduce import Reduce
from pellucid.tensor.shape import BroadcastTo, Dim, DimShuffle, Join, Reshape, SpecifyShape
from pellucid.tensor.softmax import Softmax
from pellucid.tensor.types import Constant, TensorVariable

DEPTH = 40  # how far back to look; deeper graphs are left unknown, so that looking costs nothing


class Bounds(NamedTuple):
    """An interval that holds every element, and whether its ends are excluded."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def within(self, other: Interval, owner: Any) -> bool:
        """Whether every number here belongs to `other`."""
        low, high = number(other.lower, owner), number(other.upper, owner)
        if low is None or high is None:
            return False
        below = self.low > low or (self.low == low and (self.low_open or not other.lower_open))
        above = self.high < high or (self.high == high and (self.high_open or not other.upper_open))
        return below and above


ANYTHING = Bounds()
UNIT = Bounds(0.0, 1.0, True, True)
FROM_ZERO = Bounds(0.0)

RANGES = {  # of functions whose reference would import SciPy
    "sigmoid": UNIT, "ndtr": UNIT, "erf": Bounds(-1.0, 1.0, True, True), "erfc": Bounds(0.0, 2.0, True, True),
    "erfcx": Bounds(0.0, math.inf, True), "gammainc": Bounds(0.0, 1.0), "gammaincc": Bounds(0.0, 1.0),
    "betainc": Bounds(0.0, 1.0), "betaincinv": Bounds(0.0, 1.0), "gammaincinv": FROM_ZERO, "gammainccinv": FROM_ZERO,
    "log_ndtr": Bounds(-math.inf, 0.0), "softplus": Bounds(0.0, math.inf, True), "log1mexp": Bounds(-math.inf, 0.0),
    "sqr": FROM_ZERO, "abs": FROM_ZERO, "sin": Bounds(-1.0, 1.0), "cos": Bounds(-1.0, 1.0),
    "cosh": Bounds(1.0), "exp": Bounds(0.0, math.inf, True), "arctan2": Bounds(-math.pi, math.pi),
}  # fmt: skip


def number(end: float | str, owner: Any) -> float | None:
    """A bound as a number; None if it is a parameter of `owner` that is not one number known now."""
    if not isinstance(end, str):
        return end
    value = getattr(owner, end)
    if isinstance(value, Constant) and value.data.size and np.all(value.data == value.data.flat[0]):
        return float(value.data.flat[0])
    return None


_constants: WeakKeyDictionary[Constant, Bounds] = WeakKeyDictionary()


def bounds_of_constant(v: Constant) -> Bounds:
    """The least and the greatest element; NaN is no bound."""
    found = _constants.get(v)
    if found is None:
        data = v.data
        low, high = (float(data.min()), float(data.max())) if data.size else (0.0, 0.0)
        found = _constants[v] = ANYTHING if math.isnan(low) or math.isnan(high) else Bounds(low, high)
    return found


def bounds_of(v: Variable, depth: int = DEPTH, memo: dict[Variable, Bounds] | None = None) -> Bounds:
    """An interval that holds every element of `v`, as far as its graph tells."""
    memo = {} if memo is None else memo
    if v not in memo:
        memo[v] = ANYTHING  # until it is known
        memo[v] = find_bounds(v, depth, memo)
    return memo[v]


def find_bounds(v: Variable, depth: int, memo: dict[Variable, Bounds]) -> Bounds:
    """The bounds of a variable from those of its inputs."""
    if isinstance(v, Constant):
        return bounds_of_constant(v)
    if v.owner is None or depth == 0 or not isinstance(v, TensorVariable):
        return bounds_of_dtype(v)
    op, inputs = v.owner.op, v.owner.inputs

    def read(u: Variable) -> Bounds:
        return bounds_of(u, depth - 1, memo)

    if isinstance(op, Elementwise):
        return bounds_of_elementwise(op, [read(u) for u in inputs])
    if isinstance(op, DimShuffle | Reshape | BroadcastTo | Subtensor | Gather | SpecifyShape):
        return read(inputs[0])
    if isinstance(op, Join):
        return union([read(u) for u in inputs])
    if isinstance(op, Softmax):
        return UNIT
    if isinstance(op, Draw):
        return bounds_of_draw(v, read)
    return bounds_of_reduction(v, op, read)


def bounds_of_dtype(v: Variable) -> Bounds:
    """What the dtype alone says."""
    dtype = getattr(v.type, "dtype", "")
    return Bounds(0.0, 1.0) if dtype == "bool" else FROM_ZERO if dtype.startswith("uint") else ANYTHING


def bounds_of_reduction(v: Variable, op: Any, read: Callable[[Variable], Bounds]) -> Bounds:
    """Sums of what is not negative are not negative; extremes and means lie within; lengths are not negative."""
    if isinstance(op, Dim):
        return FROM_ZERO
    if not isinstance(op, Reduce) or v.owner is None:
        return bounds_of_dtype(v)
    inner = read(v.owner.inputs[0])
    if op.name in ("max", "min"):
        return inner
    nonempty = 0 not in v.owner.inputs[0].type.shape and None not in v.owner.inputs[0].type.shape  # type: ignore[attr-defined]
    if op.name in ("sum", "prod") and inner.low >= 0:
        return Bounds(0.0, math.inf, nonempty and (inner.low > 0 or inner.low_open))
    return bounds_of_dtype(v)


DRAWS: dict[Any, Constraint] = {}
"""The support of each law, filled as distributions are declared."""


def support_of_draw(v: Variable) -> Constraint | None:
    """Where the draws of a law lie; None for a law that has no distribution."""
    law = v.owner.op.law  # type: ignore[union-attr]
    return DRAWS.get(law) if law.density is None else law.density(law, *v.owner.inputs[2:]).support  # type: ignore[union-attr]


def bounds_of_draw(v: Variable, read: Callable[[Variable], Bounds]) -> Bounds:
    """The support of the law; a bound that is a parameter is at least (most) that parameter's own."""
    law = v.owner.op.law  # type: ignore[union-attr]
    support = support_of_draw(v)
    if not isinstance(support, Interval):
        return UNIT if support is simplex else ANYTHING
    parameters = dict(zip(law.parameters, v.owner.inputs[2:], strict=True))  # type: ignore[union-attr]
    named = [
        read(parameters[e]) if isinstance(e, str) and e in parameters else None for e in (support.lower, support.upper)
    ]
    low = named[0].low if named[0] else support.lower if isinstance(support.lower, float) else -math.inf
    high = named[1].high if named[1] else support.upper if isinstance(support.upper, float) else math.inf
    continuous = law.dtype.startswith("float")  # whose draws hit an end with probability 0
    return Bounds(low, high, continuous or support.lower_open, continuous or support.upper_open)


def union(parts: Sequence[Bounds]) -> Bounds:
    """The least interval that holds all of `parts`."""
    low, high = min(b.low for b in parts), max(b.high for b in parts)
    return Bounds(
        low, high, all(b.low_open or b.low > low for b in parts), all(b.high_open or b.high < high for b in parts)
    )


def bounds_of_elementwise(op: Elementwise, inputs: Sequence[Bounds]) -> Bounds:
    """The range of a function on intervals."""
    rule = RULES.get(op.name)
    if rule is not None:
        return rule(*inputs)
    if op.name.startswith("cast_float") or op.name == "disconnected_grad":
        return inputs[0]
    fixed = RANGES.get(op.name)
    if op.monotone and len(inputs) == 1 and not op.floating:
        return image(op, inputs[0], fixed or ANYTHING)
    return fixed or ANYTHING


def image(op: Elementwise, b: Bounds, otherwise: Bounds) -> Bounds:
    """The image of an interval under a monotone function."""
    with np.errstate(all="ignore"):
        ends = [float(op.impl(NUMPY, np.asarray(e))) for e in (b.low, b.high)]
    if any(math.isnan(e) for e in ends):
        return otherwise
    opens = [b.low_open or math.isinf(b.low), b.high_open or math.isinf(b.high)]
    if op.monotone < 0:
        ends, opens = ends[::-1], opens[::-1]
    return Bounds(ends[0], ends[1], opens[0], opens[1])


def add_bounds(a: Bounds, b: Bounds) -> Bounds:
    """The range of a sum."""
    return Bounds(a.low + b.low, a.high + b.high, a.low_open or b.low_open, a.high_open or b.high_open)


def negate(b: Bounds) -> Bounds:
    """The range of the opposite."""
    return Bounds(-b.high, -b.low, b.high_open, b.low_open)


def product(a: Bounds, b: Bounds) -> Bounds:
    """The range of a product: exact for factors of one sign, else as wide as the corners say."""
    if a.high <= 0 and not (a.low == a.high == 0):
        return negate(product(negate(a), b))
    if b.high <= 0 and not (b.low == b.high == 0):
        return negate(product(a, negate(b)))
    if a.low >= 0 and b.low >= 0:
        excluded = (a.low > 0 or a.low_open) and (b.low > 0 or b.low_open) and (a.low_open or b.low_open)
        return Bounds(times(a.low, b.low), times(a.high, b.high), excluded, a.high_open or b.high_open)
    corners = [times(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    return Bounds(min(corners), max(corners))


def times(x: float, y: float) -> float:
    """A product in which 0 times infinity is 0: the infinity is a limit that is not attained."""
    return 0.0 if 0.0 in (x, y) else x * y


def inverse(b: Bounds) -> Bounds:
    """The range of the reciprocal of what has one sign."""
    if b.low >= 0:
        high = math.inf if b.low == 0 else 1 / b.low
        return Bounds(0.0 if math.isinf(b.high) else 1 / b.high, high, b.high_open or math.isinf(b.high), b.low_open)
    return negate(inverse(negate(b))) if b.high <= 0 else ANYTHING


def square(b: Bounds) -> Bounds:
    """The range of the square."""
    if b.low >= 0:
        return product(b, b)
    return product(negate(b), negate(b)) if b.high <= 0 else FROM_ZERO


def magnitude(b: Bounds) -> Bounds:
    """The range of the absolute value."""
    return b if b.low >= 0 else negate(b) if b.high <= 0 else FROM_ZERO


def power(a: Bounds, b: Bounds) -> Bounds:
    """Powers of what is positive are positive, and even powers of anything are not negative."""
    if a.low >= 0:
        return Bounds(0.0, math.inf, a.low > 0 or a.low_open)
    even = b.low == b.high and b.low % 2 == 0
    return FROM_ZERO if even else ANYTHING


def larger(a: Bounds, b: Bounds) -> Bounds:
    """The range of the maximum."""
    low = max(a.low, b.low)
    return Bounds(
        low, max(a.high, b.high), all(c.low_open for c in (a, b) if c.low == low), a.high_open and b.high_open
    )


RULES: dict[str, Callable[..., Bounds]] = {
    "add": add_bounds,
    "sub": lambda a, b: add_bounds(a, negate(b)),
    "mul": product,
    "true_div": lambda a, b: product(a, inverse(b)),
    "reciprocal": inverse,
    "sqr": square,
    "abs": magnitude,
    "pow": power,
    "maximum": larger,
    "minimum": lambda a, b: negate(larger(negate(a), negate(b))),
    "switch": lambda c, a, b: union([a, b]),
}


def known(constraint: Constraint, v: TensorVariable, owner: Any = None) -> bool:
    """Whether `v` is known to satisfy `constraint`, whatever the inputs of its graph.

    A constant is looked at; of anything else the graph tells: exp(...) is positive, and so is a draw from a law of
    positive numbers, a product of these, an element of them. (That exp may underflow to 0 is left to the reader.)

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> from pellucid.stats.constraint import positive
    >>> x = pt.scalar("x")
    >>> known(positive, pt.exp(x) + 1), known(positive, x)
    (True, False)
    """
    if isinstance(constraint, Interval):
        return known_interval(constraint, v, owner)
    if constraint is real_vector:
        return True
    if isinstance(v, Constant):
        return bool(np.all(value_of(constraint, v)))
    if constraint is positive_vector:
        b = bounds_of(v)
        return b.low > 0 or (b.low == 0 and b.low_open)
    return known_structure(constraint, v)


def known_interval(constraint: Interval, v: TensorVariable, owner: Any) -> bool:
    """Whether numbers are known to lie in an interval, and to be whole if they must be."""
    if constraint.integer and v.dtype.startswith("float"):
        whole = isinstance(v, Constant) and bool(np.all(v.data == np.floor(v.data)))
        if not whole:
            return False
    unbounded = constraint.lower == -math.inf and constraint.upper == math.inf
    return unbounded or bounds_of(v).within(constraint, owner)


def known_structure(constraint: Constraint, v: TensorVariable) -> bool:
    """Softmax gives probabilities, and so does a Dirichlet draw; no graph is sure to give a Cholesky factor."""
    op = v.owner.op if v.owner is not None else None
    if constraint is simplex:
        last = isinstance(op, Softmax) and op.axes == (v.ndim - 1,)
        return last or (isinstance(op, Draw) and support_of_draw(v) is simplex)
    if constraint is lower_cholesky:
        return isinstance(op, Cholesky) and op.strict
    return isinstance(constraint, Structured) and constraint.assumed


def value_of(constraint: Constraint, v: Constant, owner: Any = None) -> np.ndarray:
    """Where a constant satisfies a constraint, computed now."""
    return evaluate_small(constraint.check(v, owner))


def evaluate_small(v: Variable) -> Any:
    """The value of a graph of constants, by the references of its ops."""
    if isinstance(v, Constant):
        return v.data
    if v.owner is None:
        raise TypeError(f"{v} has no value before run time.")
    with np.errstate(all="ignore"):
        found = v.owner.op.impl(NUMPY, *[evaluate_small(u) for u in v.owner.inputs])
    return np.asarray(found[v.index] if isinstance(found, tuple) else found)
