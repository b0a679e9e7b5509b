"""LU factors, and what they give: solutions, inverses, determinants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.nodes import Apply, Variable
from pellucid.tensor.arithmetic import abs as abs_
from pellucid.tensor.arithmetic import eq, mul, sgn, switch
from pellucid.tensor.broadcast import Extent
from pellucid.tensor.create import arange, eye, tril, triu
from pellucid.tensor.elementwise import cast, floating_dtype
from pellucid.tensor.indexing import diagonal
from pellucid.tensor.linalg import unrolled
from pellucid.tensor.linalg.matrices import (
    Matrices,
    MatrixOp,
    batch_shape,
    by_matrix,
    native,
    real_dtype,
    same_lead,
    square_type,
    system_type,
)
from pellucid.tensor.linalg.products import matmul
from pellucid.tensor.linalg.triangular import cho_solve, cholesky, solve_triangular
from pellucid.tensor.reduce import any as any_
from pellucid.tensor.reduce import prod
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import dim, expand_dims, matrix_transpose, squeeze
from pellucid.tensor.transcendental import log
from pellucid.tensor.types import TensorType, TensorVariable, as_operands, as_tensor_variable


@dataclass(frozen=True)
class LUFactor(MatrixOp):
    """Both triangular factors of square matrices in one matrix, and the row that was swapped with each row.

    The factors are those of LAPACK's getrf: rows are swapped so that the largest element of each column becomes its
    pivot. A singular matrix has a zero on the diagonal of U.
    """

    def infer(self, a: Variable) -> tuple[TensorType, TensorType]:
        kind = square_type("lu_factor", a)
        return kind, TensorType("int32", kind.shape[:-1])

    def core_extents(self, a: Any) -> list[tuple[Extent, ...]]:
        return [(a[0], a[1]), (a[0],)]

    def impl(self, xp: Any, a: Any) -> Any:
        if xp.name == "jax":
            return xp.scipy_linalg.lu_factor(a)
        dtype = floating_dtype([a.dtype.name])
        return by_matrix(
            lambda m: self.factor(xp, m.astype(dtype)), [a], [(dtype, a.shape[-2:]), ("int32", a.shape[-1:])]
        )

    def factor(self, xp: Any, a: np.ndarray) -> Any:
        """The factors of one matrix; unlike SciPy's lu_factor without a warning where it is singular."""
        if a.size == 0:
            return a, np.empty(0, "int32")
        (getrf,) = xp.scipy_linalg.get_lapack_funcs(("getrf",), (a,))
        return getrf(a)[:2]

    def lowering(self, node: Apply) -> str | None:
        return native(*node.inputs)

    def call(self, m: Matrices, outs: tuple[Variable, Variable], a: Variable) -> None:
        """LAPACK factors matrices that lie in memory by columns, so the matrix is transposed before and after."""
        k, (n, _), (lu, pivots) = m.k, m.shape(a), outs
        few = unrolled.rows_of(m, a)
        if few is not None:
            m.each([lu, pivots, a], lambda: unrolled.factor_with_swaps(m, lu, pivots, a, few))
            return

        def count_from_zero(i: Any) -> None:
            place = m.entry(pivots, i)
            k.store_now(k.sub(k.load_now(place, "int32"), k.constant(1, "int32")), place)

        def one() -> None:
            m.copy(a, lu)
            m.transpose(lu)
            m.status("dgetrf", n, n, lu, m.at_least_one(n), pivots)
            m.transpose(lu)
            k.loop(n, count_from_zero)

        m.each([lu, pivots, a], one)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        # With P a = L U:  L' L' gradient is strictly lower, the rest upper (de Hoog, Anderssen, Lukas 2011).
        (lu, pivots), g = outputs, gradients[0]
        lower = tril(lu, -1) + eye(dim(lu, lu.ndim - 1), dtype=lu.dtype)
        inner = tril(matmul(matrix_transpose(lower), tril(g, -1)), -1) + triu(
            matmul(triu(g), matrix_transpose(triu(lu)))
        )
        half = matrix_transpose(solve_triangular(lu, matrix_transpose(inner), lower=False, b_ndim=2))
        permuted = solve_triangular(lu, half, lower=True, trans=1, unit_diagonal=True, b_ndim=2)
        return [swap_rows(permuted, pivots, back=True)]


@dataclass(frozen=True)
class SwapRows(MatrixOp):
    """Swap row i of a matrix with row pivots[i], for each i in order, or `back` again."""

    back: bool = False

    def infer(self, pivots: Variable, b: Variable) -> tuple[TensorType]:
        return (TensorType(b.type.dtype, (*batch_shape("swapped rows", [pivots, b]), *b.type.shape[-2:])),)

    def agreements(self, pivots: Any, b: Any) -> Any:
        yield pivots[0], b[0]

    def impl(self, xp: Any, pivots: Any, b: Any) -> Any:
        n = b.shape[-2]
        lead = np.broadcast_shapes(pivots.shape[:-2], b.shape[:-2])
        order = xp.broadcast_to(xp.arange(n)[:, None], (*lead, n, 1))
        pivots = xp.broadcast_to(pivots, order.shape).astype(order.dtype)
        rows = order
        for i in reversed(range(n)) if self.back else range(n):
            here, there = order[..., i : i + 1, :], xp.take_along_axis(order, pivots[..., i : i + 1, :], -2)
            order = xp.where(rows == i, there, xp.where(rows == pivots[..., i : i + 1, :], here, order))
        return xp.take_along_axis(xp.broadcast_to(b, (*lead, *b.shape[-2:])), order, -2)

    def lowering(self, node: Apply) -> str | None:
        return "call" if node.inputs[1].type.dtype == "float64" and same_lead(*node.inputs) else None

    def call(self, m: Matrices, out: Variable, pivots: Variable, b: Variable) -> None:
        k, (n, _) = m.k, m.shape(b)

        def swap(i: Any) -> None:
            row = k.sub(k.sub(n, k.integer(1)), i) if self.back else i
            m.swap_rows(out, row, k.cast(k.load_now(m.entry(pivots, row), pivots.type.dtype), "int64"))

        def one() -> None:
            m.copy(b, out)
            k.loop(n, swap)

        m.each([out, pivots, b], one)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable | None]:
        return [None, SwapRows(not self.back)(inputs[0], gradients[0])]


def swap_rows(b: Any, pivots: Any, back: bool = False) -> TensorVariable:
    """The rows of stacks of matrices b, swapped as an LU factorisation swapped them (or back)."""
    return SwapRows(back)(expand_dims(pivots, -1), b)


def lu_factor(a: Any, *, check_finite: bool = True, overwrite_a: bool = False) -> tuple[TensorVariable, TensorVariable]:
    """The packed factors (L below the diagonal, U on and above it) of square matrices, and the pivots."""
    return LUFactor()(as_tensor_variable(a))


def pivot_to_permutation(p: Any, inverse: bool = False) -> TensorVariable:
    """The permutation that pivots stand for: ``a[permutation]`` is L @ U, and its inverse if asked for."""
    p = as_tensor_variable(p)
    places = cast(arange(dim(p, p.ndim - 1)), "float64")  # exact, and swapped by native code
    return cast(squeeze(swap_rows(expand_dims(places, -1), p, back=inverse), -1), "int64")


def lu(
    a: Any, permute_l: bool = False, check_finite: bool = True, p_indices: bool = False, overwrite_a: bool = False
) -> Any:
    """P, L and U with a = P @ L @ U for square matrices.

    With `permute_l` the pair (P @ L, U); with `p_indices` a vector of indices for P, such that a = L[p] @ U.
    """
    packed, pivots = lu_factor(a)
    one = eye(dim(packed, packed.ndim - 1), dtype=packed.dtype)
    lower, upper = tril(packed, -1) + one, triu(packed)
    if permute_l:
        return swap_rows(lower, pivots, back=True), upper
    if p_indices:
        return pivot_to_permutation(pivots, inverse=True), lower, upper
    return swap_rows(one, pivots, back=True), lower, upper


def lu_solve(
    LU_and_pivots: Any,
    b: Any,
    trans: bool | int = False,
    b_ndim: int | None = None,
    check_finite: bool = True,
    overwrite_b: bool = False,
) -> TensorVariable:
    """The x of a @ x = b (or a.T @ x = b) from the factors of `lu_factor`."""
    packed, pivots = as_tensor_variable(LU_and_pivots[0]), as_tensor_variable(LU_and_pivots[1])
    b = as_tensor_variable(b)
    if (b_ndim or min(b.ndim, 2)) == 1:
        return squeeze(lu_solve((packed, pivots), expand_dims(b, -1), trans, 2), -1)
    if trans:
        half = solve_triangular(packed, b, lower=False, trans=1, b_ndim=2)
        return swap_rows(
            solve_triangular(packed, half, lower=True, trans=1, unit_diagonal=True, b_ndim=2), pivots, True
        )
    half = solve_triangular(packed, swap_rows(b, pivots), lower=True, unit_diagonal=True, b_ndim=2)
    return solve_triangular(packed, half, lower=False, b_ndim=2)


def unless_singular(found: TensorVariable, packed: TensorVariable) -> TensorVariable:
    """A result that divides by the pivots of LU factors, or NaN where one of them is zero."""
    singular = any_(eq(diagonal(packed, 0, -2, -1), 0), -1)
    return switch(expand_dims(singular, [-2, -1]), np.nan, found)


@dataclass(frozen=True)
class Solve(MatrixOp):
    """The x of a @ x = b (or a.T @ x = b) for square matrices a and stacks of matrices b; NaN where a is singular."""

    transposed: bool = False

    def infer(self, a: Variable, b: Variable) -> tuple[TensorType]:
        return (system_type("solve", a, b),)

    def impl(self, xp: Any, a: Any, b: Any) -> Any:
        a = xp.swapaxes(a, -1, -2) if self.transposed else a
        if xp.name == "jax":
            return xp.linalg.solve(a, b)
        outputs = [(floating_dtype([a.dtype.name, b.dtype.name]), b.shape[-2:])]
        return by_matrix(np.linalg.solve, [a, b], outputs, stacks=True)

    def expand(self, a: Variable, b: Variable) -> TensorVariable | None:
        """By LU factors, which merge with those of other uses of the same matrix."""
        dtype = self.infer(a, b)[0].dtype
        if dtype.startswith("complex"):
            return None
        packed, pivots = LUFactor()(cast(a, dtype))
        return unless_singular(lu_solve((packed, pivots), cast(b, dtype), self.transposed, 2), packed)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        (a, _), (g,), (x,) = inputs, gradients, outputs
        to_b = Solve(not self.transposed)(a, g)
        to_a = matmul(x, matrix_transpose(to_b)) if self.transposed else matmul(to_b, matrix_transpose(x))
        return [-to_a, to_b]


def from_triangle(a: TensorVariable, lower: bool) -> TensorVariable:
    """The symmetric matrices of which only one triangle is read."""
    half = tril(a) if lower else triu(a)
    strict = tril(a, -1) if lower else triu(a, 1)
    return half + matrix_transpose(strict)


def solve_triangle(lower: bool) -> Any:
    """How to solve with one triangle of a matrix."""
    return lambda a, b, _, transposed: solve_triangular(a, b, lower=lower, trans=int(transposed), b_ndim=2)


def solve_diagonal(a: TensorVariable, b: TensorVariable, _lower: bool, _transposed: bool) -> TensorVariable:
    """How to solve with the diagonal of a matrix."""
    return b / expand_dims(diagonal(a, 0, -2, -1), -1)


def solve_positive(a: TensorVariable, b: TensorVariable, lower: bool, _transposed: bool) -> TensorVariable:
    """How to solve with a positive definite matrix: NaN where it is not."""
    return cho_solve((cholesky(a if lower else matrix_transpose(a)), True), b, b_ndim=2)


def solve_symmetric(a: TensorVariable, b: TensorVariable, lower: bool, _transposed: bool) -> TensorVariable:
    """How to solve with a symmetric matrix."""
    return Solve()(from_triangle(a, lower), b)


def solve_general(a: TensorVariable, b: TensorVariable, _lower: bool, transposed: bool) -> TensorVariable:
    """How to solve with any matrix."""
    return Solve(transposed)(a, b)


SOLVERS: dict[str, Any] = {
    "gen": solve_general,
    "banded": solve_general,
    "tridiagonal": lambda a, b, _, transposed: Solve(transposed)(tril(triu(a, -1), 1), b),
    "sym": solve_symmetric,
    "her": solve_symmetric,
    "pos": solve_positive,
    "diagonal": solve_diagonal,
    "lower triangular": solve_triangle(True),
    "upper triangular": solve_triangle(False),
}


def solve(
    a: Any,
    b: Any,
    *,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: str = "gen",
    transposed: bool = False,
    b_ndim: int | None = None,
) -> TensorVariable:
    """The x of a @ x = b for stacks of square matrices; NaN where a matrix is singular.

    Parameters
    ----------
    a : (..., n, n)
    b : (..., n) or (..., n, k)
        Vectors when `b_ndim` is 1 (by default when b has one axis), else matrices.
    assume_a : {"gen", "sym", "her", "pos", "diagonal", "tridiagonal", "banded", "lower triangular", "upper triangular"}
        What a is known to be: symmetric and positive definite matrices are read from one triangle only, and of others
        only what may differ from zero (of banded ones all).
    lower : bool
        Which triangle that is.
    transposed : bool
        Solve a.T @ x = b.
    overwrite_a, overwrite_b, check_finite : bool
        Accepted as in SciPy, and without effect: the compiler decides, and what is not finite gives NaN.

    Examples
    --------
    >>> print(solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0]).eval())
    [1.  0.5]
    """
    if assume_a not in SOLVERS:
        raise ValueError(f"assume_a is one of {', '.join(SOLVERS)}, not {assume_a!r}.")
    a, b = as_operands([a, b])
    square_type("solve", a)
    vectors = (b_ndim or min(b.ndim, 2)) == 1
    found = SOLVERS[assume_a](a, expand_dims(b, -1) if vectors else b, lower, transposed)
    return squeeze(found, -1) if vectors else found


@dataclass(frozen=True)
class Inverse(MatrixOp):
    """The inverse of square matrices; NaN where one is singular."""

    def infer(self, a: Variable) -> tuple[TensorType]:
        return (square_type("inv", a),)

    def impl(self, xp: Any, a: Any) -> Any:
        if xp.name == "jax":
            return xp.linalg.inv(a)
        return by_matrix(np.linalg.inv, [a], [(floating_dtype([a.dtype.name]), a.shape[-2:])], stacks=True)

    def expand(self, a: Variable) -> TensorVariable | None:
        dtype = self.infer(a)[0].dtype
        if dtype.startswith("complex"):
            return None
        return Solve()(cast(a, dtype), eye(dim(a, a.type.ndim - 1), dtype=dtype))  # type: ignore[arg-type]

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        (g,), (y,) = gradients, outputs
        t = matrix_transpose(y)
        return [-matmul(matmul(t, g), t)]


def inv(a: Any) -> TensorVariable:
    """The inverse of square matrices; NaN where one is singular."""
    return Inverse()(as_tensor_variable(a))


matrix_inverse = inv


def pivot_sign(pivots: TensorVariable, dtype: str) -> TensorVariable:
    """The determinant of the permutation that pivots stand for: -1 for each swap."""
    swapped = eq(pivots, arange(dim(pivots, pivots.ndim - 1)))
    return cast(prod(switch(swapped, 1.0, -1.0), -1), dtype)


@dataclass(frozen=True)
class Det(MatrixOp):
    """The determinant of square matrices."""

    def infer(self, a: Variable) -> tuple[TensorType]:
        kind = square_type("det", a)
        return (TensorType(kind.dtype, kind.shape[:-2]),)

    def core_extents(self, a: Any) -> list[tuple[Extent, ...]]:
        return [()]

    def impl(self, xp: Any, a: Any) -> Any:
        return xp.linalg.det(a)

    def expand(self, a: Variable) -> TensorVariable | None:
        dtype = self.infer(a)[0].dtype
        if dtype.startswith("complex"):
            return None
        packed, pivots = LUFactor()(cast(a, dtype))
        return mul(pivot_sign(pivots, dtype), prod(diagonal(packed, 0, -2, -1), -1))

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        (a,), (g,), (y,) = inputs, gradients, outputs
        return [expand_dims(g * y, [-2, -1]) * matrix_transpose(inv(a))]


def det(a: Any) -> TensorVariable:
    """The determinant of square matrices; its gradient is NaN where a matrix is singular."""
    return Det()(as_tensor_variable(a))


@dataclass(frozen=True)
class SLogDet(MatrixOp):
    """The sign of the determinant of square matrices, and the logarithm of its absolute value."""

    def infer(self, a: Variable) -> tuple[TensorType, TensorType]:
        kind = square_type("slogdet", a)
        return TensorType(kind.dtype, kind.shape[:-2]), TensorType(real_dtype(kind.dtype), kind.shape[:-2])

    def core_extents(self, a: Any) -> list[tuple[Extent, ...]]:
        return [(), ()]

    def impl(self, xp: Any, a: Any) -> Any:
        return tuple(xp.linalg.slogdet(a))

    def expand(self, a: Variable) -> tuple[TensorVariable, TensorVariable] | None:
        dtype = self.infer(a)[0].dtype
        if dtype.startswith("complex"):
            return None
        packed, pivots = LUFactor()(cast(a, dtype))
        pivot = diagonal(packed, 0, -2, -1)
        return mul(pivot_sign(pivots, dtype), prod(sgn(pivot), -1)), sum_(log(abs_(pivot)), -1)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        return [expand_dims(gradients[1], [-2, -1]) * matrix_transpose(inv(inputs[0]))]


def slogdet(x: Any) -> tuple[TensorVariable, TensorVariable]:
    """The sign of the determinant of square matrices, and the logarithm of its absolute value (-inf if singular)."""
    return SLogDet()(as_tensor_variable(x))
