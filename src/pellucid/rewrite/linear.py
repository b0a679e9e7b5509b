"""Matrices: scalars leave products, inverses become solutions, what is known of a factor is used."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.nodes import Apply
from pellucid.rewrite.pattern import Hole, Table, procedure
from pellucid.rewrite.shapes import all_ones, as_scalar, source
from pellucid.tensor.arithmetic import abs as abs_
from pellucid.tensor.arithmetic import lt, mul, sgn, sqr, switch, true_div
from pellucid.tensor.indexing import diagonal
from pellucid.tensor.linalg import (
    Cholesky,
    Det,
    Inverse,
    MatMul,
    SLogDet,
    Solve,
    SolveTriangular,
    cho_solve,
    transposed_from,
)
from pellucid.tensor.linalg.products import is_plain_product
from pellucid.tensor.reduce import prod
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import DimShuffle, expand_dims, matrix_transpose
from pellucid.tensor.transcendental import log
from pellucid.tensor.types import Constant

A, B = Hole("A", dtypes="f"), Hole("B", dtypes="f")
product, inverse = MatMul(), Inverse()

SIGNS: Table = (
    product(-A, B) >> -product(A, B),
    product(A, -B) >> -product(A, B),
    inverse(inverse(A)) >> A,  # a singular A: nan becomes A
)


@procedure(MatMul, SolveTriangular, over=[mul, true_div])
def scalar_factor_of_a_product(node: Apply) -> Any:
    """Scale the (smaller) result by a scalar instead of a factor: (s A) B = s (A B), and so for solutions."""
    places = (0, 1) if isinstance(node.op, MatMul) else (1,)
    for i in places:
        parts = scaled(node.inputs[i])
        if parts is not None:
            op, plain, scalar = parts
            inputs = [plain if j == i else v for j, v in enumerate(node.inputs)]
            return op(node.op(*inputs), scalar)
    return None


@procedure(MatMul, Solve, SolveTriangular, over=[mul, MatMul])
def outer_product_in_a_product(node: Apply) -> Any:
    """A (u v') = (A u) v': a product with a vector in place of one with a matrix, and so for solutions."""
    a, b = node.inputs
    if 1 not in b.type.shape and (found := column_and_row(b)) is not None:
        column, row = found
        return product(node.op(a, column), row)
    if isinstance(node.op, MatMul) and 1 not in a.type.shape and (found := column_and_row(a)) is not None:
        column, row = found
        return product(column, product(row, b))
    return None


def column_and_row(v: Any) -> tuple[Any, Any] | None:
    """The column and the row whose product a matrix is, or None."""
    if v.owner is None or v.ndim != 2 or not (v.owner.op is mul or isinstance(v.owner.op, MatMul)):
        return None
    first, second = v.owner.inputs
    for column, row in ((first, second), (second, first))[: 2 if v.owner.op is mul else 1]:
        is_row = row.ndim == 1 or (row.ndim == 2 and row.type.shape[0] == 1)
        if is_row and column.ndim == 2 and column.type.shape[1] == 1:
            same = column.type.dtype == row.type.dtype == v.type.dtype
            return (column, row if row.ndim == 2 else expand_dims(row, 0)) if same else None
    return None


def scaled(v: Any) -> tuple[Any, Any, Any] | None:
    """The op, tensor and scalar of a tensor times (or divided by) a scalar."""
    if v.owner is None or v.owner.op not in (mul, true_div) or not v.type.dtype.startswith("float"):
        return None
    first, second = source(v).inputs
    if v.owner.op is mul and all_ones(first):
        first, second = second, first
    if not all_ones(second) or first.type != v.type:
        return None
    return v.owner.op, first, as_scalar(second)


def possibly_transposed(v: Any, kind: type) -> tuple[Any, bool] | None:
    """The output of an op of a class that `v` is, and whether `v` is its transpose."""
    if v.owner is not None and isinstance(v.owner.op, kind):
        return v, False
    inner = transposed_from(v)
    return (inner, True) if inner is not None and inner.owner and isinstance(inner.owner.op, kind) else None


@procedure(MatMul, over=[Inverse, DimShuffle])
def product_with_an_inverse(node: Apply) -> Any:
    """inv(A) @ B is the solution of A x = B: fewer operations and smaller errors, for B with fewer columns than A."""
    a, b = node.inputs
    first, second = possibly_transposed(a, Inverse), possibly_transposed(b, Inverse)
    rows, columns = a.type.shape[-2], b.type.shape[-1]
    if None not in (rows, columns) and (columns >= rows if first is not None else rows >= columns):
        return None  # such as in gradients, which need the inverse anyway
    if first is not None:
        return Solve(first[1])(source(first[0]).inputs[0], b)
    if second is not None:
        return matrix_transpose(Solve(not second[1])(source(second[0]).inputs[0], matrix_transpose(a)))
    return None


def squared_factor(v: Any) -> Any:
    """The Cholesky factor L of which `v` is L @ L.T, or None."""
    if v.owner is None or not isinstance(v.owner.op, MatMul):
        return None
    left, right = v.owner.inputs
    known = left.owner is not None and isinstance(left.owner.op, Cholesky) and transposed_from(right) is left
    return left if known else None


@procedure(Solve)
def solution_with_a_known_factor(node: Apply) -> Any:
    """A Cholesky factor is triangular, and L @ L.T has the factor L: nothing has to be factored."""
    a, b = node.inputs
    factor = squared_factor(a)
    if factor is not None:
        return cho_solve((factor, True), b, b_ndim=2)
    triangle = possibly_transposed(a, Cholesky)
    return None if triangle is None else SolveTriangular(True, triangle[1] != node.op.transposed)(triangle[0], b)


@procedure(Cholesky, of=[MatMul])
def factor_of_its_square(node: Apply) -> Any:
    """The Cholesky factor of L @ L.T is L, where L is itself one."""
    return squared_factor(node.inputs[0])


@procedure(Det, SLogDet)
def determinant_with_a_known_factor(node: Apply) -> Any:
    """The determinant of a Cholesky factor is the product of its diagonal; of L @ L.T its square."""
    factor = squared_factor(node.inputs[0])
    triangle = possibly_transposed(node.inputs[0], Cholesky)
    if factor is None and triangle is None:
        return None
    pivots = diagonal(triangle[0] if triangle is not None else factor, 0, -2, -1)
    if isinstance(node.op, Det):
        found = prod(pivots, -1)
        return found if factor is None else sqr(found)
    size = sum_(log(pivots), -1)
    return prod(sgn(pivots), -1), size if factor is None else 2.0 * size


@procedure(log, of=[Det, abs_])
def logarithm_of_a_determinant(node: Apply) -> Any:
    """The logarithm of a determinant without the determinant, which overflows early."""
    inside = source(node.inputs[0])
    if inside.op is abs_:
        inner = inside.inputs[0].owner
        return SLogDet()(*inner.inputs)[1] if inner is not None and isinstance(inner.op, Det) else None
    sign, size = SLogDet()(*inside.inputs)
    return switch(lt(sign, 0), np.nan, size)


@procedure(MatMul, over=[DimShuffle])
def product_with_transposed_data(node: Apply) -> Any:
    """A library wants the transpose of a constant in memory; loops, which read it by rows either way, do not."""
    if not is_plain_product(*node.inputs):
        return None
    given = [transposed_from(v) for v in node.inputs]  # type: ignore[arg-type]
    if not any(isinstance(v, Constant) for v in given):
        return None
    return product(
        *[Constant(v.data.T) if isinstance(v, Constant) else w for v, w in zip(given, node.inputs, strict=True)]
    )


LINEAR: Table = (
    *SIGNS,
    product_with_transposed_data,
    outer_product_in_a_product,
    scalar_factor_of_a_product,
    product_with_an_inverse,
    solution_with_a_known_factor,
    factor_of_its_square,
    determinant_with_a_known_factor,
    logarithm_of_a_determinant,
)
