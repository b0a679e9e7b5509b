"""Triangular forms of matrices and of pairs of matrices, and the Riccati equation that is solved by them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.nodes import Variable
from pellucid.tensor.broadcast import Extent
from pellucid.tensor.elementwise import floating_dtype
from pellucid.tensor.linalg.functions import solve_discrete_lyapunov
from pellucid.tensor.linalg.matrices import MatrixOp, batch_shape, by_matrix, matrix_shape, square_type, system_type
from pellucid.tensor.linalg.products import matmul
from pellucid.tensor.linalg.solvers import Solve
from pellucid.tensor.shape import matrix_transpose
from pellucid.tensor.types import TensorType, TensorVariable, as_operands, as_tensor_variable

SORTS = (None, "lhp", "rhp", "iuc", "ouc")


def form_dtype(dtypes: Iterable[str], output: str) -> str:
    """The dtype of a triangular form; raises for an unknown kind of form."""
    if output not in ("real", "complex"):
        raise ValueError(f"output is 'real' or 'complex', not {output!r}.")
    dtype = floating_dtype(list(dtypes))
    return dtype if output == "real" else np.result_type(dtype, "complex64").name


def check_sort(sort: str | None) -> None:
    """Refuse an unknown region of eigenvalues."""
    if sort not in SORTS:
        raise ValueError(f"sort is one of {', '.join(map(repr, SORTS))}, not {sort!r}.")


@dataclass(frozen=True)
class Schur(MatrixOp):
    """T and Z with a = Z @ T @ Z' (conjugated): Z orthonormal, T triangular but for 2 by 2 blocks; without gradient."""

    output: str = "real"
    sort: str | None = None

    def infer(self, a: Variable) -> tuple[TensorType, TensorType]:
        kind = TensorType(form_dtype([a.type.dtype], self.output), square_type("schur", a).shape)
        return kind, kind

    def core_extents(self, a: Any) -> list[tuple[Extent, ...]]:
        return [tuple(a), tuple(a)]

    def impl(self, xp: Any, a: Any) -> Any:
        dtype = form_dtype([a.dtype.name], self.output)
        return by_matrix(lambda m: self.factor(xp, m), [a], [(dtype, a.shape[-2:])] * 2)

    def factor(self, xp: Any, a: np.ndarray) -> Any:
        """The form of one matrix."""
        if a.size == 0 or not np.isfinite(a).all():
            return (np.full(a.shape, np.nan),) * 2
        return tuple(xp.scipy_linalg.schur(a, self.output, sort=self.sort)[:2])


def schur(A: Any, output: str = "real", sort: str | None = None) -> tuple[TensorVariable, TensorVariable]:
    """T and Z with A = Z @ T @ Z' for square matrices.

    With `output` "real" T has 2 by 2 blocks for pairs of complex eigenvalues; "complex" makes it triangular. `sort`
    puts eigenvalues of the left or right half-plane ("lhp", "rhp") or in or outside the unit circle ("iuc", "ouc")
    first.
    """
    check_sort(sort)
    return Schur(output, sort)(as_tensor_variable(A))


@dataclass(frozen=True)
class QZ(MatrixOp):
    """The generalised Schur form of pairs of matrices: (AA, BB, alpha, beta, Q, Z); without gradient."""

    output: str = "real"
    sort: str | None = None

    def infer(self, a: Variable, b: Variable) -> tuple[TensorType, ...]:
        kind = system_type("qz", a, b)
        dtype = form_dtype([a.type.dtype, b.type.dtype], self.output)
        square = TensorType(dtype, kind.shape)
        alpha = TensorType(np.result_type(dtype, "complex64").name, kind.shape[:-1])
        return square, square, alpha, TensorType(dtype, kind.shape[:-1]), square, square

    def core_extents(self, a: Any, b: Any) -> list[tuple[Extent, ...]]:
        square, vector = (a[0], a[1]), (a[0],)
        return [square, square, vector, vector, square, square]

    def impl(self, xp: Any, a: Any, b: Any) -> Any:
        dtype = form_dtype([a.dtype.name, b.dtype.name], self.output)
        square, vector = (dtype, a.shape[-2:]), a.shape[-1:]
        outputs = [square, square, (np.result_type(dtype, "complex64"), vector), (dtype, vector), square, square]
        return by_matrix(lambda a, b: self.factor(xp, a, b), [a, b], outputs)

    def factor(self, xp: Any, a: np.ndarray, b: np.ndarray) -> Any:
        """The form of one pair."""
        if a.size == 0 or not (np.isfinite(a).all() and np.isfinite(b).all()):
            raise np.linalg.LinAlgError("the matrices are not finite")
        everything = lambda alpha, beta: np.ones(np.shape(alpha), bool)  # noqa: E731  # which reorders nothing
        return tuple(xp.scipy_linalg.ordqz(a, b, sort=self.sort or everything, output=self.output))


def qz(
    A: Any, B: Any, output: str = "real", sort: str | None = None, return_eigenvalues: bool = False
) -> tuple[TensorVariable, ...]:
    """AA, BB, Q, Z with A = Q @ AA @ Z' and B = Q @ BB @ Z'; with the eigenvalues alpha / beta after BB if asked for.

    `output` and `sort` are as for :func:`schur`.
    """
    check_sort(sort)
    aa, bb, alpha, beta, q, z = QZ(output, sort)(*as_operands([A, B]))
    return (aa, bb, alpha, beta, q, z) if return_eigenvalues else (aa, bb, q, z)


def ordqz(A: Any, B: Any, sort: str | None = None, output: str = "real") -> tuple[TensorVariable, ...]:
    """AA, BB, alpha, beta, Q, Z of :func:`qz`, with the eigenvalues alpha / beta in the region `sort` first."""
    return qz(A, B, output=output, sort=sort, return_eigenvalues=True)


@dataclass(frozen=True)
class SolveDiscreteARE(MatrixOp):
    """The stabilising X of A'XA - X - A'XB (R + B'XB)^-1 B'XA + Q = 0."""

    def infer(self, a: Variable, b: Variable, q: Variable, r: Variable) -> tuple[TensorType]:
        matrix_shape("solve_discrete_are", b)
        for v in (a, q, r):
            square_type("solve_discrete_are", v)
        dtype = floating_dtype([v.type.dtype for v in (a, b, q, r)])
        return (TensorType(dtype, (*batch_shape("solve_discrete_are", [a, b, q, r]), *a.type.shape[-2:])),)

    def core_extents(self, *cores: Any) -> list[tuple[Extent, ...]]:
        return [tuple(cores[0])]

    def agreements(self, a: Any, b: Any, q: Any, r: Any) -> Iterable[tuple[Extent, Extent]]:
        yield from ((a[0], a[1]), (a[1], b[0]), (a[0], q[0]), (q[0], q[1]), (b[1], r[0]), (r[0], r[1]))

    def impl(self, xp: Any, a: Any, b: Any, q: Any, r: Any) -> Any:
        dtype = floating_dtype([v.dtype.name for v in (a, b, q, r)])
        return by_matrix(xp.scipy_linalg.solve_discrete_are, [a, b, q, r], [(dtype, a.shape[-2:])])

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        # The equation differentiated: with the gain K and the closed loop F = A - BK, dX = F' dX F + what changes.
        (a, b, _, r), (x,), (g,) = inputs, outputs, gradients
        back = matmul(matrix_transpose(b), x)
        gain = Solve()(r + matmul(back, b), matmul(back, a))
        loop = a - matmul(b, gain)
        s = solve_discrete_lyapunov(loop, 0.5 * (g + matrix_transpose(g)))
        to_a = 2.0 * matmul(matmul(x, loop), s)
        gain_t = matrix_transpose(gain)
        return [to_a, -matmul(to_a, gain_t), s, matmul(matmul(gain, s), gain_t)]


def solve_discrete_are(A: Any, B: Any, Q: Any, R: Any) -> TensorVariable:
    """The stabilising X of A'XA - X - A'XB (R + B'XB)^-1 B'XA + Q = 0, the discrete algebraic Riccati equation."""
    return SolveDiscreteARE()(*as_operands([A, B, Q, R]))
