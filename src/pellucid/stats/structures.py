"""Sets of vectors and matrices with a structure, beside those of constraint.py."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pellucid.stats.constraint import (
    Structured,
    has_positive_diagonal,
    is_positive_definite,
    positive_definite,
    positive_integer,
)
from pellucid.tensor.arithmetic import abs as abs_
from pellucid.tensor.arithmetic import bitwise_and, eq, floor, ge, le, sqr
from pellucid.tensor.reduce import all as all_
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import matrix_transpose
from pellucid.tensor.types import TensorVariable

ROUNDING = 1e-9  # by how much sums may miss what they should be, relative to the magnitudes that are added


def are_counts(x: TensorVariable) -> TensorVariable:
    """Whether vectors consist of whole numbers that are not negative."""
    found = ge(x, 0)
    return all_(bitwise_and(found, eq(x, floor(x))) if x.dtype.startswith("float") else found, axis=-1)


def is_symmetric_weight(x: TensorVariable) -> TensorVariable:
    """Whether matrices are symmetric, without negative elements, and have something in each row."""
    pairs = bitwise_and(ge(x, 0.0), le(abs_(x - matrix_transpose(x)), 1e-8 * (1.0 + abs_(x))))
    return bitwise_and(all_(pairs, axis=(-2, -1)), all_(sum_(x, axis=-1) > 0, axis=-1))


def has_unit_rows(x: TensorVariable) -> TensorVariable:
    """Whether lower triangular matrices have a positive diagonal and rows of length 1."""
    unit = all_(le(abs_(sum_(sqr(x), axis=-1) - 1.0), 1e-6), axis=-1)
    return bitwise_and(has_positive_diagonal(x), unit)


real_matrix = Structured(
    "a matrix of real numbers", ([[0.0, 1.0], [-3.0, 0.5]],), 2, lambda x: all_(eq(x, x), axis=(-2, -1)), assumed=True
)
counts = Structured("counts: whole numbers, not negative", ([0, 3, 1], [7, 0]), 1, are_counts)
covariance = Structured(
    "symmetric and positive definite", tuple(positive_definite.examples), 2, is_positive_definite
)  # as `positive_definite`, and checked always
neighbourhood = Structured(
    "a symmetric matrix of weights, not negative, with a neighbour for each row",
    ([[0.0, 1.0], [1.0, 0.0]],), 2, is_symmetric_weight,
)  # fmt: skip
correlation_factor = Structured(
    "the lower Cholesky factor of a correlation matrix", ([[1.0, 0.0], [0.6, 0.8]],), 2, has_unit_rows
)

lengths = Structured("a vector of lengths", ([3], [2, 5]), 1, are_counts, assumed=True)

PositiveInteger = Annotated[Any, positive_integer]
PositiveDefinite = Annotated[Any, positive_definite]
RealMatrix = Annotated[Any, real_matrix]
Neighbourhood = Annotated[Any, neighbourhood]
LengthVector = Annotated[Any, lengths]


@cache
def zero_sum(ndim: int) -> Structured:
    """The arrays whose sums along each of their last `ndim` axes are zero, up to rounding."""

    def sums_to_zero(x: TensorVariable) -> TensorVariable:
        checks = []
        for axis in range(-ndim, 0):
            small = le(abs_(sum_(x, axis=axis)), ROUNDING * (1.0 + sum_(abs_(x), axis=axis)))
            checks.append(all_(small, axis=tuple(range(-(ndim - 1), 0))) if ndim > 1 else small)
        found = checks[0]
        for c in checks[1:]:
            found = bitwise_and(found, c)
        return found

    return Structured("numbers that sum to 0 along each axis", (), ndim, sums_to_zero)
