"""What densities ask of covariance matrices: distances and log-determinants, with gradients by the inverse matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pellucid.graph.nodes import Apply, Variable
from pellucid.tensor.arithmetic import sqr
from pellucid.tensor.broadcast import Extent
from pellucid.tensor.create import eye, tril
from pellucid.tensor.elementwise import floating_dtype
from pellucid.tensor.linalg import unrolled
from pellucid.tensor.linalg.matrices import Matrices, MatrixOp, batch_shape, by_matrix, native, square_type, system_type
from pellucid.tensor.linalg.products import matmul
from pellucid.tensor.linalg.triangular import cho_solve, cholesky, log_det_of_factor, solve_triangular
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import dim, expand_dims, matrix_transpose
from pellucid.tensor.types import TensorType, TensorVariable, as_operands, as_tensor_variable


class InverseFromFactor(MatrixOp):
    """The inverse of L @ L.T from the lower triangular L; NaN where L has a zero on its diagonal."""

    holomorphic: ClassVar[bool] = False

    def infer(self, factor: Variable) -> tuple[TensorType]:
        return (square_type("cho_inverse", factor),)

    def impl(self, xp: Any, factor: Any) -> Any:
        if xp.name == "jax":
            ones = xp.broadcast_to(xp.eye(factor.shape[-1]), factor.shape)
            half = xp.scipy_linalg.solve_triangular(factor, ones, lower=True)
            return xp.swapaxes(half, -1, -2) @ half
        kind = floating_dtype([factor.dtype.name]), factor.shape[-2:]
        return by_matrix(lambda m: self.invert(xp, m), [factor], [kind])

    def invert(self, xp: Any, factor: np.ndarray) -> np.ndarray:
        """The inverse of one matrix."""
        if factor.size == 0:
            return factor
        (potri,) = xp.scipy_linalg.get_lapack_funcs(("potri",), (factor,))
        found, code = potri(factor, lower=True)
        if code:
            raise np.linalg.LinAlgError
        return np.tril(found) + np.tril(found, -1).T

    def lowering(self, node: Apply) -> str | None:
        return native(*node.inputs)

    def expand_loops(self, factor: TensorVariable) -> TensorVariable | None:
        """By substitution for few rows, which are straight-line code; None to call LAPACK."""
        n = factor.type.shape[-1]
        return cho_solve((factor, True), eye(n), b_ndim=2) if n is not None and n <= unrolled.MOST else None

    def call(self, m: Matrices, out: Variable, factor: Variable) -> None:
        """LAPACK gives one triangle, which is copied to the other."""
        k, (n, _) = m.k, m.shape(factor)

        def one() -> None:
            m.copy(factor, out)
            failed = m.failed("dpotri", "U", n, out, m.at_least_one(n))

            def mirror(i: Any, j: Any, address: Any) -> None:
                above = k.compare("gt", j, i)
                row, column = k.select(above, j, i), k.select(above, i, j)
                value = k.load_now(m.entry(out, k.add(k.mul(row, n), column)), "float64")
                k.store_now(k.select(failed, k.constant(np.nan, "float64"), value), address)

            m.entries(out, mirror)

        m.each([out, factor], one)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        # d(K^-1) = -K^-1 dK K^-1 with dK = dL L' + L dL'.
        (factor,), (inverse,), (g,) = inputs, outputs, gradients
        return [-tril(matmul(matmul(inverse, g + matrix_transpose(g)), matmul(inverse, factor)))]


def cho_inverse(factor: Any) -> TensorVariable:
    """The inverse of L @ L.T from the lower triangular L.

    Examples
    --------
    >>> print(cho_inverse([[2.0, 0.0], [0.0, 1.0]]).eval())
    [[0.25 0.  ]
     [0.   1.  ]]
    """
    return InverseFromFactor()(as_tensor_variable(factor))


@dataclass(frozen=True)
class Mahalanobis(MatrixOp):
    """The squared distance of each column of b from zero under the covariance a, and log |a|.

    ``b[:, j] @ inv(a) @ b[:, j]`` for each j. Both are NaN where a is not positive definite. Only the lower triangle
    of `a` is read.
    """

    holomorphic: ClassVar[bool] = False

    def infer(self, a: Variable, b: Variable) -> tuple[TensorType, TensorType]:
        kind = system_type("mahalanobis", a, b)
        lead = batch_shape("covariances and vectors", [a, b])
        return TensorType(kind.dtype, (*lead, kind.shape[-1])), TensorType(kind.dtype, lead)

    def core_extents(self, a: Any, b: Any) -> list[tuple[Extent, ...]]:
        return [(b[1],), ()]

    def impl(self, xp: Any, a: Any, b: Any) -> Any:
        if xp.name == "jax":
            lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
            a, b = (xp.broadcast_to(m, lead + m.shape[-2:]) for m in (a, b))
            factor = xp.linalg.cholesky(a)
            z = xp.scipy_linalg.solve_triangular(factor, b, lower=True)
            pivots = xp.diagonal(factor, 0, -2, -1)
            return xp.sum(z * z, -2), 2.0 * xp.sum(xp.log(pivots), -1)
        dtype = floating_dtype([a.dtype.name, b.dtype.name])
        return by_matrix(lambda a, b: self.measure(xp, a, b), [a, b], [(dtype, b.shape[-1:]), (dtype, ())])

    def measure(self, xp: Any, a: np.ndarray, b: np.ndarray) -> tuple[Any, Any]:
        """Distances and log-determinant of one matrix."""
        if a.size == 0:
            return np.zeros(b.shape[-1]), 0.0
        factor = np.linalg.cholesky(a)
        z = b if b.size == 0 else xp.scipy_linalg.solve_triangular(factor, b, lower=True, check_finite=False)
        return (z * z).sum(0), 2.0 * np.log(np.diagonal(factor)).sum()

    def expand(self, a: Any, b: Any) -> list[TensorVariable]:
        factor = cholesky(a)
        z = solve_triangular(factor, b, lower=True, b_ndim=2)
        return [sum_(sqr(z), -2), log_det_of_factor(factor)]

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        # With w = inv(a) b: of the distances -w w', of the log-determinant inv(a) (Petersen and Pedersen, The Matrix
        # Cookbook, equations 57 and 61). A Cholesky factor's own gradient would take three products of matrices.
        (a, b), (to_distance, to_log_det) = inputs, gradients
        factor = cholesky(a)
        w = cho_solve((factor, True), b, b_ndim=2)
        scaled = w * expand_dims(to_distance, -2)
        to_a = expand_dims(to_log_det, [-2, -1]) * cho_inverse(factor) - matmul(scaled, matrix_transpose(w))
        # Only the lower triangle of `a` is read, so only it has a gradient: that of both elements it stands for.
        return [tril(to_a) * (2.0 - eye(dim(a, a.ndim - 1))), 2.0 * scaled]


def mahalanobis(a: Any, b: Any) -> tuple[TensorVariable, TensorVariable]:
    """The squared distances of the columns of b from zero under the covariance a, and log |a|.

    Examples
    --------
    >>> distances, log_det = mahalanobis([[4.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [0.0, 3.0]])
    >>> print(distances.eval(), log_det.eval().round(4))
    [1. 9.] 1.3863
    """
    distances, log_det = Mahalanobis()(*as_operands([a, b]))
    return distances, log_det
