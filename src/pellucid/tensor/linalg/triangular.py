"""Cholesky factors and triangular systems, over any leading batch axes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pellucid.graph.nodes import Apply, Variable
from pellucid.tensor.arithmetic import switch
from pellucid.tensor.broadcast import name_with_shape
from pellucid.tensor.create import eye, tril, triu
from pellucid.tensor.elementwise import floating_dtype
from pellucid.tensor.indexing import diagonal
from pellucid.tensor.linalg import unrolled
from pellucid.tensor.linalg.matrices import Matrices, MatrixOp, by_matrix, native, square_type, system_type
from pellucid.tensor.linalg.products import matmul
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import dim, expand_dims, matrix_transpose, squeeze
from pellucid.tensor.transcendental import log
from pellucid.tensor.types import TensorType, TensorVariable, as_operands, as_tensor_variable


@dataclass(frozen=True)
class Cholesky(MatrixOp):
    """The lower triangular L with L @ L.T = a; NaN where a is not positive definite, or an error when `strict`."""

    holomorphic: ClassVar[bool] = False

    complaint: ClassVar[str] = (
        "the matrix is not positive definite; add a small multiple of the identity, or let the factor be NaN there "
        "with on_error='nan'"
    )

    strict: bool = False

    def infer(self, a: Variable) -> tuple[TensorType]:
        return (square_type("cholesky", a),)

    def lowering(self, node: Apply) -> str | None:
        """LAPACK, unless an error must be raised."""
        return None if self.strict else native(*node.inputs)

    def call(self, m: Matrices, out: Variable, a: Variable) -> None:
        """The lower triangle in row-major order is the upper one in column-major order, which LAPACK factors."""
        k, (n, _), few = m.k, m.shape(a), unrolled.rows_of(m, a)
        if few is not None:
            m.each([out, a], lambda: unrolled.cholesky(m, out, a, few))
            return

        def one() -> None:
            m.copy(a, out)
            failed = k.compare("neq", m.status("dpotrf", "U", n, out, m.at_least_one(n)), k.constant(0, "int32"))

            def clean(i: Any, j: Any, address: Any) -> None:
                value = k.select(k.compare("gt", j, i), k.constant(0.0, "float64"), k.load_now(address, "float64"))
                k.store_now(k.select(failed, k.constant(np.nan, "float64"), value), address)

            m.entries(out, clean)

        m.each([out, a], one)

    def impl(self, xp: Any, a: Any) -> Any:
        if xp.name == "jax":
            return xp.linalg.cholesky(a)
        return by_matrix(self.factor, [a], [(floating_dtype([a.dtype.name]), a.shape[-2:])], stacks=True)

    def factor(self, a: np.ndarray) -> np.ndarray:
        """The factor of one matrix; when `strict`, an error that is not taken for a singular matrix of a stack."""
        try:
            return np.linalg.cholesky(a)
        except np.linalg.LinAlgError as error:
            if self.strict:
                raise ValueError(self.complaint) from error
            raise

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        # Murray (2016), "Differentiation of the Cholesky decomposition", equation 8.
        (g,), (factor,) = gradients, outputs
        inner = matmul(matrix_transpose(factor), g)
        inner = tril(inner) * (1.0 - 0.5 * eye(dim(factor, factor.ndim - 1)))
        half = solve_triangular(factor, inner, lower=True, trans=1)
        full = matrix_transpose(solve_triangular(factor, matrix_transpose(half), lower=True, trans=1))
        # Only the lower triangle of `a` is read, so only it has a gradient: that of both elements it stands for.
        return [tril(full + matrix_transpose(full)) * (1.0 - 0.5 * eye(dim(factor, factor.ndim - 1)))]


def cholesky(
    x: Any, lower: bool = True, *, check_finite: bool = True, overwrite_a: bool = False, on_error: str = "nan"
) -> TensorVariable:
    """The Cholesky factor of positive definite matrices (only their lower triangle is read).

    Where a matrix is not positive definite the factor is NaN, or an error is raised with ``on_error="raise"``.
    """
    if on_error not in ("nan", "raise"):
        raise ValueError(f"on_error is 'nan' or 'raise', not {on_error!r}.")
    found = Cholesky(on_error == "raise")(as_tensor_variable(x))
    return found if lower else matrix_transpose(found)


@dataclass(frozen=True)
class SolveTriangular(MatrixOp):
    """The x of a @ x = b (or a.T @ x = b) for triangular a and stacks of matrices b."""

    lower: bool = True
    transposed: bool = False
    unit: bool = False

    def __str__(self) -> str:
        return f"SolveTriangular{{{'lower' if self.lower else 'upper'}{', transposed' if self.transposed else ''}}}"

    def infer(self, a: Variable, b: Variable) -> tuple[TensorType]:
        return (system_type("solve_triangular", a, b),)

    def lowering(self, node: Apply) -> str | None:
        """BLAS, where the stacks need no broadcasting."""
        return native(*node.inputs)

    def call(self, m: Matrices, out: Variable, a: Variable, b: Variable) -> None:
        """Row-major A X = B is column-major X' A' = B', with A' in the other triangle."""
        (n, _), (_, columns) = m.shape(a), m.shape(b)
        triangle, side = "U" if self.lower else "L", "T" if self.transposed else "N"
        unit, deep, wide = "U" if self.unit else "N", m.at_least_one(n), m.at_least_one(columns)
        few = unrolled.rows_of(m, a)
        if few is not None:
            options = not self.lower, self.transposed, self.unit
            m.each([out, a, b], lambda: unrolled.substitute(m, out, a, b, few, *options))
            return

        def one() -> None:
            m.copy(b, out)
            if b.type.shape[-1] == 1:
                m.routine("dtrsv", triangle, "N" if self.transposed else "T", unit, n, a, deep, out, wide)
                return
            m.routine("dtrsm", "R", triangle, side, unit, columns, n, 1.0, a, deep, out, wide)

        m.each([out, a, b], one)

    def impl(self, xp: Any, a: Any, b: Any) -> Any:
        if xp.name == "jax":
            solve = xp.scipy_linalg.solve_triangular
            # JAX would take stacks of matrices b with one axis less than a for stacks of vectors.
            lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
            a, b = (xp.broadcast_to(m, lead + m.shape[-2:]) for m in (a, b))
            return solve(a, b, lower=self.lower, trans=int(self.transposed), unit_diagonal=self.unit)
        dtype = floating_dtype([a.dtype.name, b.dtype.name])
        if a.ndim > 2 and math.prod(a.shape[:-2]) > a.shape[-1]:
            return self.substituted(a.astype(dtype, copy=False), b.astype(dtype, copy=False))
        return by_matrix(lambda a, b: self.solve_one(xp, a, b), [a, b], [(dtype, b.shape[-2:])])

    def substituted(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Many systems side by side, one unknown after the other."""
        n = a.shape[-1]
        a, forwards = (np.swapaxes(a, -1, -2), not self.lower) if self.transposed else (a, self.lower)
        b = np.broadcast_to(b, (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:]))
        x = np.empty(b.shape, b.dtype)
        for i in range(n) if forwards else reversed(range(n)):
            known = slice(i) if forwards else slice(i + 1, n)
            rest = b[..., i, :] - (a[..., i, None, known] @ x[..., known, :])[..., 0, :]
            x[..., i, :] = rest if self.unit else rest / a[..., i, i, None]
        singular = False if self.unit else (np.diagonal(a, axis1=-2, axis2=-1) == 0).any(-1)
        x[np.broadcast_to(singular, x.shape[:-2])] = np.nan
        return x

    def solve_one(self, xp: Any, a: np.ndarray, b: np.ndarray) -> Any:
        """One system."""
        if b.size == 0:
            return b
        options = {"lower": self.lower, "trans": int(self.transposed), "unit_diagonal": self.unit}
        return xp.scipy_linalg.solve_triangular(a, b, check_finite=False, **options)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        (a, _), (g,), (x,) = inputs, gradients, outputs
        to_b = SolveTriangular(self.lower, not self.transposed, self.unit)(a, g)
        to_a = -matmul(to_b, matrix_transpose(x))
        to_a = matrix_transpose(to_a) if self.transposed else to_a
        keep = tril if self.lower else triu
        return [keep(to_a, (-1 if self.lower else 1) if self.unit else 0), to_b]


def solve_triangular(
    a: Any,
    b: Any,
    *,
    lower: bool = False,
    trans: int | str = 0,
    unit_diagonal: bool = False,
    check_finite: bool = True,
    b_ndim: int | None = None,
) -> TensorVariable:
    """The x of a @ x = b, for a triangular; with `trans` 1 or "T" of a.T @ x = b.

    b holds vectors when `b_ndim` is 1 (by default when b has one axis), else matrices.
    """
    a, b = as_operands([a, b])
    vectors = (b_ndim or min(b.ndim, 2)) == 1
    op = SolveTriangular(lower, trans in (1, "T", "t"), unit_diagonal)
    return squeeze(op(a, expand_dims(b, -1)), -1) if vectors else op(a, b)


def cho_solve(c_and_lower: Any, b: Any, *, check_finite: bool = True, b_ndim: int | None = None) -> TensorVariable:
    """The x of (c @ c.T) @ x = b from a Cholesky factor, given as (c, lower)."""
    c, lower = c_and_lower
    half = solve_triangular(c, b, lower=lower, trans=0 if lower else 1, b_ndim=b_ndim)
    return solve_triangular(c, half, lower=lower, trans=1 if lower else 0, b_ndim=b_ndim)


def log_det_of_factor(factor: TensorVariable) -> TensorVariable:
    """log |det(L @ L.T)| from the triangular factor L."""
    if factor.ndim < 2:
        raise ValueError(f"A triangular factor is a matrix, not {name_with_shape(factor)}.")
    return 2.0 * sum_(log(switch(diagonal(factor, 0, -2, -1) > 0, diagonal(factor, 0, -2, -1), np.nan)), -1)
