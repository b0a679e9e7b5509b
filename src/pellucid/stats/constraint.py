"""Sets of values: what a parameter may be, and where a distribution lives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pellucid.tensor.arithmetic import abs as abs_
from pellucid.tensor.arithmetic import bitwise_and, eq, floor, ge, gt, le, lt
from pellucid.tensor.indexing import diagonal
from pellucid.tensor.linalg import cholesky
from pellucid.tensor.reduce import all as all_
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import matrix_transpose
from pellucid.tensor.types import TensorVariable, as_tensor_variable, constant

Bound = float | str
"""An end of an interval: a number, or the name of the parameter that it is."""


@dataclass(frozen=True, eq=False)
class Constraint:
    """A set of values.

    Attributes
    ----------
    name : str
        What errors call it: "sigma must be <name>".
    examples : tuple
        Members to test with, extremes among them.
    ndim : int
        The number of last axes that one member has; `check` gives one truth for each member.
    """

    name: str
    examples: tuple[Any, ...] = ()
    ndim: int = 0

    def check(self, x: Any, owner: Any = None) -> TensorVariable:
        """Whether x is a member, elementwise; `owner` has the parameters that bounds may name."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class Interval(Constraint):
    """Numbers between two bounds, each of which belongs to the set or not; perhaps only whole numbers."""

    lower: Bound = -math.inf
    upper: Bound = math.inf
    lower_open: bool = False
    upper_open: bool = False
    integer: bool = False

    def bounds(self, owner: Any = None) -> tuple[TensorVariable | None, TensorVariable | None]:
        """The bounds as tensors, those named taken from `owner`; None where there is none."""
        return self.bound(self.lower, owner), self.bound(self.upper, owner)

    def bound(self, end: Bound, owner: Any) -> TensorVariable | None:
        """One bound as a tensor."""
        if isinstance(end, str):
            return as_tensor_variable(getattr(owner, end))
        return None if math.isinf(end) else constant(end)

    def check(self, x: Any, owner: Any = None) -> TensorVariable:
        x = as_tensor_variable(x)
        low, high = self.bounds(owner)
        conditions = []
        if low is not None:
            conditions.append((gt if self.lower_open else ge)(x, low))
        if high is not None:
            conditions.append((lt if self.upper_open else le)(x, high))
        if self.integer and x.dtype.startswith("float"):
            conditions.append(eq(x, floor(x)))
        return both(conditions or [eq(x, x)])

    def numeric(self) -> tuple[float, float]:
        """The bounds as far as they are numbers."""
        ends = self.lower, self.upper
        low, high = (math.nan if isinstance(e, str) else e for e in ends)
        return (-math.inf if math.isnan(low) else low), (math.inf if math.isnan(high) else high)


def both(conditions: list[TensorVariable]) -> TensorVariable:
    """The conjunction of one or more conditions."""
    found = conditions[0]
    for c in conditions[1:]:
        found = bitwise_and(found, c)
    return found


@dataclass(frozen=True, eq=False)
class Structured(Constraint):
    """Vectors or matrices of a certain structure.

    Attributes
    ----------
    condition : callable
    assumed : bool
        Whether only constants are checked: what is computed from other values shows by itself whether they belong.
    """

    condition: Callable[[TensorVariable], TensorVariable] = lambda x: eq(x, x)
    assumed: bool = False

    def check(self, x: Any, owner: Any = None) -> TensorVariable:
        return self.condition(as_tensor_variable(x))


def sums_to_one(x: TensorVariable) -> TensorVariable:
    """Whether vectors have no negative part and sum to 1, up to what rounding may cost."""
    return bitwise_and(all_(ge(x, 0.0), axis=-1), le(abs_(sum_(x, axis=-1) - 1.0), 1e-6))


def has_positive_diagonal(x: TensorVariable) -> TensorVariable:
    """Whether the diagonal of matrices is positive (NaN, which stands for a failed factor, is not)."""
    return all_(gt(diagonal(x, 0, -2, -1), 0.0), axis=-1)


def is_positive_definite(x: TensorVariable) -> TensorVariable:
    """Whether matrices are symmetric, up to rounding, and have a Cholesky factor."""
    symmetric = all_(le(abs_(x - matrix_transpose(x)), 1e-8 * (1.0 + abs_(x))), axis=(-2, -1))
    return bitwise_and(symmetric, has_positive_diagonal(cholesky(x)))


def interval(lower: Bound, upper: Bound, *, open: bool = False, integer: bool = False) -> Interval:
    """The numbers from `lower` to `upper`, with or (if `open`) without these ends."""
    left, right = ("(", ")") if open else ("[", "]")
    kind = "a whole number in " if integer else "in "
    examples = () if isinstance(lower, str) or isinstance(upper, str) else (lower, upper)
    return Interval(f"{kind}{left}{lower}, {upper}{right}", examples, 0, lower, upper, open, open, integer)


def at_least(lower: Bound, *, integer: bool = False) -> Interval:
    """The numbers from `lower` up."""
    return replace(
        interval(lower, math.inf, integer=integer), name=f"{'a whole number ' if integer else ''}at least {lower}"
    )


real = Interval("a real number", (-1e3, -1.5, 0.0, 0.3, 1e6))
positive = Interval("positive", (1e-3, 0.4, 1.0, 3.5, 1e3), 0, 0.0, math.inf, lower_open=True)
nonnegative = Interval("not negative", (0.0, 0.4, 1.0, 3.5, 1e3), 0, 0.0)
unit_interval = Interval("in [0, 1]", (0.0, 1e-6, 0.3, 0.5, 1 - 1e-9, 1.0), 0, 0.0, 1.0)
open_unit_interval = Interval("in (0, 1)", (1e-6, 0.3, 0.5, 1 - 1e-9), 0, 0.0, 1.0, lower_open=True, upper_open=True)
positive_unit_interval = Interval("in (0, 1]", (1e-3, 0.3, 0.5, 0.999), 0, 0.0, 1.0, lower_open=True)
integer = Interval("a whole number", (-20, 0, 3), integer=True)
nonnegative_integer = Interval("a whole number, not negative", (0, 1, 7, 1000), 0, 0.0, integer=True)
positive_integer = Interval("a whole number above 0", (1, 2, 50), 0, 1.0, integer=True)
boolean = Interval("0 or 1", (0, 1), 0, 0.0, 1.0, integer=True)
angle = Interval("an angle in [-pi, pi]", (-3.0, 0.0, 1.0), 0, -math.pi, math.pi)
simplex = Structured("probabilities: not negative, with sum 1", ([0.2, 0.5, 0.3], [0.01, 0.99]), 1, sums_to_one)
real_vector = Structured(
    "a vector of real numbers", ([0.0, 1.0], [-3.0, 0.5, 1e3]), 1, lambda x: all_(eq(x, x), axis=-1)
)
positive_vector = Structured(
    "a vector of positive numbers", ([0.4, 1.0, 5.0], [100.0, 0.05]), 1, lambda x: all_(gt(x, 0.0), axis=-1)
)
lower_cholesky = Structured(
    "lower triangular with a positive diagonal: the Cholesky factor of a positive definite matrix",
    ([[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [-1.5, 0.1]]), 2, has_positive_diagonal,
)  # fmt: skip

positive_definite = Structured(
    "symmetric and positive definite", ([[1.0, 0.0], [0.0, 1.0]], [[4.0, -3.0], [-3.0, 2.26]]), 2, is_positive_definite,
    assumed=True,
)  # fmt: skip

# The same sets as annotations: `sigma: Positive = 1.0` says that the parameter `sigma` is positive, and 1 unless given.
Real = Annotated[Any, real]
Positive = Annotated[Any, positive]
Nonnegative = Annotated[Any, nonnegative]
UnitInterval = Annotated[Any, unit_interval]
PositiveUnitInterval = Annotated[Any, positive_unit_interval]
Integer = Annotated[Any, integer]
NonnegativeInteger = Annotated[Any, nonnegative_integer]
Probabilities = Annotated[Any, simplex]
RealVector = Annotated[Any, real_vector]
PositiveVector = Annotated[Any, positive_vector]
LowerCholesky = Annotated[Any, lower_cholesky]
