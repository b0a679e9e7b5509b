"""Decompositions into orthogonal and diagonal factors: eigenvalues, singular values and what they invert, QR."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pellucid.graph.nodes import Apply, Variable
from pellucid.tensor.arithmetic import eq, gt, switch
from pellucid.tensor.broadcast import Extent
from pellucid.tensor.complexes import conj, is_complex, real
from pellucid.tensor.create import arange, eye, tril, triu
from pellucid.tensor.elementwise import cast, floating_dtype
from pellucid.tensor.indexing import diagonal
from pellucid.tensor.linalg.matrices import (
    Matrices,
    MatrixOp,
    by_matrix,
    matrix_shape,
    native,
    real_dtype,
    smaller,
    square_type,
)
from pellucid.tensor.linalg.products import matmul
from pellucid.tensor.linalg.solvers import solve
from pellucid.tensor.linalg.triangular import cholesky, solve_triangular
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import concatenate, dim, expand_dims, matrix_transpose
from pellucid.tensor.types import TensorType, TensorVariable, as_tensor_variable

BLOCK = 64
"""LAPACK works on blocks of this many columns, where the workspace has room for them."""


def gaps(values: TensorVariable) -> TensorVariable:
    """1 / (values[j] - values[i]), and 0 where they are equal: such pairs take no part in a gradient."""
    difference = expand_dims(values, -2) - expand_dims(values, -1)
    equal = eq(difference, 0)
    return switch(equal, 0.0, 1.0 / switch(equal, 1.0, difference))


def scaled_columns(a: TensorVariable, scale: TensorVariable) -> TensorVariable:
    """a @ diag(scale)."""
    return a * expand_dims(scale, -2)


def scaled_rows(scale: TensorVariable, a: TensorVariable) -> TensorVariable:
    """diag(scale) @ a."""
    return expand_dims(scale, -1) * a


def with_diagonal(a: TensorVariable, values: TensorVariable) -> TensorVariable:
    """a + diag(values) for square a."""
    return a + eye(dim(a, a.ndim - 1), dtype=values.dtype) * expand_dims(values, -1)


@dataclass(frozen=True)
class Eigh(MatrixOp):
    """The ascending eigenvalues and the orthonormal eigenvectors (columns) of symmetric matrices.

    Only one triangle is read. Where eigenvalues are equal their vectors are not unique, and have no gradient: such a
    pair adds nothing, which is right for functions that do not depend on the choice of vectors.
    """

    holomorphic: ClassVar[bool] = False

    lower: bool = True

    def infer(self, a: Variable) -> tuple[TensorType, TensorType]:
        kind = square_type("eigh", a)
        return TensorType(real_dtype(kind.dtype), kind.shape[:-1]), kind

    def core_extents(self, a: Any) -> list[tuple[Extent, ...]]:
        return [(a[0],), (a[0], a[1])]

    def impl(self, xp: Any, a: Any) -> Any:
        triangle = "L" if self.lower else "U"
        if xp.name == "jax":
            return tuple(xp.linalg.eigh(a, UPLO=triangle, symmetrize_input=False))
        dtype = floating_dtype([a.dtype.name])
        outputs = [(real_dtype(dtype), a.shape[-1:]), (dtype, a.shape[-2:])]
        return by_matrix(lambda m: tuple(np.linalg.eigh(m, triangle)), [a], outputs, stacks=True)

    def lowering(self, node: Apply) -> str | None:
        return native(*node.inputs)

    def workspace(self, a: Any) -> list[tuple[str, Extent]]:
        """What LAPACK's dsyevd asks for."""
        n = a[-1]
        return [("float64", 1 + 6 * n + 2 * n * n), ("int32", 3 + 5 * n)]

    def call(self, m: Matrices, outs: tuple[Variable, Variable], a: Variable) -> None:
        """LAPACK's routine by divide and conquer, as NumPy calls it: turned, it reads the same triangle."""
        (values, vectors), (work, integers), (n, _) = outs, m.workspace, m.shape(a)
        job, triangle = "V" if m.is_read(vectors) else "N", "L" if self.lower else "U"
        sizes = (work, m.size(work), integers, m.size(integers))

        def one() -> None:
            m.turn(a, vectors, n, n)
            failed = m.failed("dsyevd", job, triangle, n, vectors, m.at_least_one(n), values, *sizes)
            m.spoil(values, n, failed)
            if m.is_read(vectors):
                m.transpose(vectors)
                m.spoil(vectors, m.k.mul(n, n), failed)

        m.each([values, vectors, a], one)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        # Giles (2008), "Collected matrix derivative results for forward and reverse mode", section 3.1.
        (values, vectors), (to_values, to_vectors) = outputs, gradients
        t = matrix_transpose(vectors)
        inner = with_diagonal(gaps(values) * matmul(t, to_vectors), to_values)
        full = matmul(matmul(vectors, inner), t)
        keep = tril if self.lower else triu
        half = 1.0 - 0.5 * eye(dim(vectors, vectors.ndim - 1), dtype=vectors.dtype)
        return [keep(full + matrix_transpose(full)) * half]  # what is read stands for both elements


def eigh(a: Any, b: Any = None, lower: bool = True, UPLO: str | None = None) -> tuple[TensorVariable, TensorVariable]:
    """The ascending eigenvalues w and the eigenvectors (the columns of v) of symmetric matrices: a @ v = w v.

    Only the lower triangle is read, or the upper one (``lower=False`` or ``UPLO="U"``). With positive definite b the
    equation is a @ v = w b @ v, and v' b v the identity. Equal eigenvalues have no unique vectors: see :class:`Eigh`.
    """
    if UPLO not in (None, "L", "U"):
        raise ValueError(f"UPLO is 'L' or 'U', not {UPLO!r}.")
    lower = lower if UPLO is None else UPLO == "L"
    a = as_tensor_variable(a)
    if b is None:
        return Eigh(lower)(a)
    b = as_tensor_variable(b)
    factor = cholesky(b if lower else matrix_transpose(b))
    full = tril(a) + matrix_transpose(tril(a, -1)) if lower else triu(a) + matrix_transpose(triu(a, 1))
    half = solve_triangular(factor, full, lower=True, b_ndim=2)
    values, vectors = Eigh()(solve_triangular(factor, matrix_transpose(half), lower=True, b_ndim=2))
    return values, solve_triangular(factor, vectors, lower=True, trans=1, b_ndim=2)


def eigvalsh(a: Any, b: Any = None, lower: bool = True) -> TensorVariable:
    """The ascending eigenvalues of symmetric matrices, or those of a @ v = w b @ v for positive definite b."""
    return eigh(a, b, lower)[0]


@dataclass(frozen=True)
class Eig(MatrixOp):
    """The complex eigenvalues and eigenvectors (columns of length one) of square matrices.

    Eigenvectors are unique but for a complex factor of absolute value one: the gradient is right for functions that do
    not depend on it, such as absolute values. Equal eigenvalues add nothing, as in :class:`Eigh`.
    """

    def infer(self, a: Variable) -> tuple[TensorType, TensorType]:
        kind = square_type("eig", a)
        dtype = np.result_type(kind.dtype, "complex64").name
        return TensorType(dtype, kind.shape[:-1]), TensorType(dtype, kind.shape)

    def core_extents(self, a: Any) -> list[tuple[Extent, ...]]:
        return [(a[0],), (a[0], a[1])]

    def impl(self, xp: Any, a: Any) -> Any:
        if xp.name == "jax":
            return tuple(xp.linalg.eig(a))
        dtype = np.result_type(floating_dtype([a.dtype.name]), "complex64")
        return by_matrix(lambda m: tuple(np.linalg.eig(m)), [a], [(dtype, a.shape[-1:]), (dtype, a.shape[-2:])])

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        # Boeddeker et al. (2017), "On the computation of complex-valued gradients with application to statistically
        # optimum beamforming", section 4; a column keeps its length, so what would change that is taken away.
        (a,), (values, vectors) = inputs, outputs
        conjugated = is_complex(a)  # a gradient by a complex tensor comes and goes conjugated
        to_values, to_vectors = [conj(g) if conjugated else g for g in gradients]
        t = conj(matrix_transpose(vectors))
        about = matmul(t, to_vectors)
        about = about - scaled_columns(matmul(t, vectors), real(diagonal(about, 0, -2, -1)))
        inner = with_diagonal(conj(gaps(values)) * about, to_values)
        full = solve(t, matmul(inner, t), b_ndim=2)
        return [conj(full) if conjugated else real(full)]


def eig(x: Any) -> tuple[TensorVariable, TensorVariable]:
    """The complex eigenvalues and eigenvectors (columns) of square matrices."""
    return Eig()(as_tensor_variable(x))


@dataclass(frozen=True)
class SVD(MatrixOp):
    """U, s, V' with a = U @ diag(s) @ V' and descending s; U and V' have orthonormal columns and rows.

    Where singular values are equal, their vectors are not unique and add nothing to a gradient. The gradient with
    respect to vectors divides by the singular values, so it needs full rank.
    """

    holomorphic: ClassVar[bool] = False

    full: bool = False

    takes_missing_gradients = True

    def infer(self, a: Variable) -> tuple[TensorType, ...]:
        *lead, m, n = matrix_shape("svd", a)
        k, dtype = smaller(m, n), floating_dtype([a.type.dtype])
        left, right = ((m, m), (n, n)) if self.full else ((m, k), (k, n))
        return (
            TensorType(dtype, (*lead, *left)),
            TensorType(real_dtype(dtype), (*lead, k)),
            TensorType(dtype, (*lead, *right)),
        )

    def core_extents(self, a: Any) -> list[tuple[Extent, ...]]:
        k = shorter(*a)
        return [(a[0], a[0]), (k,), (a[1], a[1])] if self.full else [(a[0], k), (k,), (k, a[1])]

    def agreements(self, a: Any) -> Iterable[Any]:
        return ()

    def impl(self, xp: Any, a: Any) -> Any:
        if xp.name == "jax":
            return tuple(xp.linalg.svd(a, full_matrices=self.full))
        m, n = a.shape[-2:]
        k, dtype = min(m, n), floating_dtype([a.dtype.name])
        left, right = ((m, m), (n, n)) if self.full else ((m, k), (k, n))
        outputs = [(dtype, left), (real_dtype(dtype), (k,)), (dtype, right)]
        return by_matrix(lambda x: tuple(np.linalg.svd(x, self.full)), [a], outputs, stacks=True)

    def lowering(self, node: Apply) -> str | None:
        return native(*node.inputs)

    def workspace(self, a: Any) -> list[tuple[str, Extent]]:
        """Matrices by columns, and what LAPACK's dgesdd asks for, with `BLOCK` columns or rows more for its speed."""
        m, n = a[-2:]
        k = shorter(m, n)
        left, right = (m * m, n * n) if self.full else (m * k, k * n)
        work = 1 + 4 * k * k + 7 * k + (1 + BLOCK) * (m + n)
        return [("float64", size) for size in (m * n, left, right, work)] + [("int32", 8 * k)]

    def call(self, m: Matrices, outs: tuple[Variable, Variable, Variable], a: Variable) -> None:
        """LAPACK's routine by divide and conquer, on matrices by columns, as NumPy calls it."""
        (left, values, right), (matrix, u, vt, work, integers) = outs, m.workspace
        (rows, columns), (_, wide), (deep, _) = m.shape(a), m.shape(left), m.shape(right)
        vectors = m.is_read(left) or m.is_read(right)
        job = "N" if not vectors else "A" if self.full else "S"
        tall = m.at_least_one(rows)

        def one() -> None:
            m.turn(a, matrix, columns, rows)
            if self.full:  # for an empty matrix LAPACK writes nothing, and any orthonormal vectors will do
                write_identity(m, u, rows)
                write_identity(m, vt, columns)
            failed = m.failed(
                "dgesdd", job, rows, columns, matrix, tall, values, u, tall, vt, m.at_least_one(deep),
                work, m.size(work), integers,
            )  # fmt: skip
            m.spoil(values, m.k.shape(values)[-1], failed)
            if vectors:
                m.turn(u, left, rows, wide, failed)
                m.turn(vt, right, deep, columns, failed)

        m.each([left, values, right, a], one)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        (a,), (to_left, to_values, to_right) = inputs, gradients
        if to_left is None and to_right is None:
            left, _, right = SVD()(a) if self.full else outputs
            return [matmul(scaled_columns(left, to_values), right)]
        if self.full:
            raise TypeError(f"{self} with full_matrices has no gradient through its vectors: use full_matrices=False.")
        return [svd_pullback(outputs, gradients)]


def write_identity(m: Matrices, v: Variable, n: Any) -> None:
    """Emit code that makes a vector of workspace the identity matrix."""
    k = m.k
    k.loop(k.mul(n, n), lambda i: m.write(0.0, m.entry(v, i)))
    k.loop(n, lambda i: m.write(1.0, m.entry(v, k.add(k.mul(i, n), i))))


def svd_pullback(outputs: Any, gradients: Any) -> Any:
    """The gradient of a thin singular value decomposition (Townsend 2016, "Differentiating the SVD")."""
    u, s, vt = outputs
    to_u, to_s, to_vt = [0.0 * out if g is None else g for g, out in zip(gradients, outputs, strict=True)]
    ut, v, to_v = matrix_transpose(u), matrix_transpose(vt), matrix_transpose(to_vt)
    between = gaps(s * s)
    about_u, about_v = matmul(ut, to_u), matmul(vt, to_v)
    inner = scaled_columns(between * (about_u - matrix_transpose(about_u)), s)
    inner = inner + scaled_rows(s, between * (about_v - matrix_transpose(about_v)))
    found = matmul(matmul(u, with_diagonal(inner, to_s)), vt)
    outside_u = scaled_columns(to_u - matmul(u, about_u), 1.0 / s)
    outside_v = scaled_columns(to_v - matmul(v, about_v), 1.0 / s)
    return found + matmul(outside_u, vt) + matmul(u, matrix_transpose(outside_v))


def shorter(m: Any, n: Any) -> Any:
    """The smaller of two extents, each a number or a symbolic length."""
    if m is n:
        return m
    if isinstance(m, int) and isinstance(n, int):
        return min(m, n)
    m, n = as_tensor_variable(m), as_tensor_variable(n)
    return switch(m < n, m, n)


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """U, s, V' with a = U @ diag(s) @ V' and descending s, or only s.

    With `full_matrices` U and V' are square, and only s has a gradient.
    """
    found = SVD(full_matrices and compute_uv)(as_tensor_variable(a))
    return found if compute_uv else found[1]


@dataclass(frozen=True)
class QR(MatrixOp):
    """Q and R with a = Q @ R: orthonormal columns, and an upper triangle of either sign on the diagonal.

    The gradient needs linearly independent leading columns.
    """

    holomorphic: ClassVar[bool] = False

    complete: bool = False

    def infer(self, a: Variable) -> tuple[TensorType, TensorType]:
        *lead, m, n = matrix_shape("qr", a)
        k, dtype = m if self.complete else smaller(m, n), floating_dtype([a.type.dtype])
        return TensorType(dtype, (*lead, m, k)), TensorType(dtype, (*lead, k, n))

    def core_extents(self, a: Any) -> list[tuple[Extent, ...]]:
        k = a[0] if self.complete else shorter(*a)
        return [(a[0], k), (k, a[1])]

    def agreements(self, a: Any) -> Iterable[Any]:
        return ()

    def impl(self, xp: Any, a: Any) -> Any:
        mode = "complete" if self.complete else "reduced"
        if xp.name == "jax":
            return tuple(xp.linalg.qr(a, mode=mode))
        m, n = a.shape[-2:]
        k, dtype = m if self.complete else min(m, n), floating_dtype([a.dtype.name])
        return by_matrix(lambda x: tuple(np.linalg.qr(x, mode)), [a], [(dtype, (m, k)), (dtype, (k, n))])

    def lowering(self, node: Apply) -> str | None:
        return native(*node.inputs)

    def workspace(self, a: Any) -> list[tuple[str, Extent]]:
        """The matrix by columns, with room for a square Q; a number for each reflector; a block of columns."""
        m, n = a[-2:]
        matrix = m * n + m * m if self.complete else m * n
        return [("float64", size) for size in (matrix, shorter(m, n), 1 + BLOCK * (m + n))]

    def call(self, m: Matrices, outs: tuple[Variable, Variable], a: Variable) -> None:
        """LAPACK's reflectors, then the upper triangle for R, and their product for Q."""
        (q, r), (matrix, factors, work) = outs, m.workspace
        k, (rows, columns), (_, wide) = m.k, m.shape(a), m.shape(q)
        tall, reflectors, size = m.at_least_one(rows), m.size(factors), m.size(work)

        def upper(i: Any, j: Any, address: Any) -> None:
            value = k.load_now(m.entry(matrix, k.add(k.mul(j, rows), i)), "float64")
            k.store_now(k.select(k.compare("gt", i, j), k.constant(0.0, "float64"), value), address)

        def one() -> None:
            m.turn(a, matrix, columns, rows)
            m.status("dgeqrf", rows, columns, matrix, tall, factors, work, size)
            m.entries(r, upper)
            if m.is_read(q):
                m.status("dorgqr", rows, wide, reflectors, matrix, tall, factors, work, size)
                m.turn(matrix, q, rows, wide)

        m.each([q, r, a], one)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        (a,), (q, r), (to_q, to_r) = inputs, outputs, gradients
        m, n = a.type.shape[-2:]
        tall = None not in (m, n) and m >= n
        if self.complete and (None in (m, n) or m > n):
            raise TypeError(
                f"{self} in complete mode has no gradient unless columns are known to be as many as rows: "
                "use mode='reduced', or pt.specify_shape."
            )
        if tall:
            return [qr_pullback(q, r, to_q, to_r)]
        k = dim(r, r.ndim - 2)  # of more columns than rows, those left over are Q times those of R
        rest, to_rest = a[..., k:], to_r[..., k:]
        first = qr_pullback(q, r[..., :k], to_q + matmul(rest, matrix_transpose(to_rest)), to_r[..., :k])
        return [concatenate([first, matmul(q, to_rest)], axis=-1)]


def qr_pullback(q: Any, r: Any, to_q: Any, to_r: Any) -> Any:
    """The gradient of a thin QR factorisation (Walter and Lehmann 2010, "Algorithmic differentiation of linear...")."""
    inner = matmul(r, matrix_transpose(to_r)) - matmul(matrix_transpose(to_q), q)
    symmetric = tril(inner) + matrix_transpose(tril(inner, -1))
    full = to_q + matmul(q, symmetric)
    return matrix_transpose(solve_triangular(r, matrix_transpose(full), lower=False, b_ndim=2))


def qr(A: Any, mode: str = "full") -> Any:
    """Q and R with a = Q @ R: `mode` "full" (or "complete"), "economic" (or "reduced"), or "r" for R alone.

    Full Q is square, and has a gradient only where a is known to have no more rows than columns.
    """
    complete = mode in ("complete", "full")
    if not complete and mode not in ("reduced", "economic", "r"):
        raise ValueError(f"mode is 'reduced', 'complete' or 'r', not {mode!r}.")
    q, r = QR(complete)(as_tensor_variable(A))
    return r if mode == "r" else (q, r)


@dataclass(frozen=True)
class Pinv(MatrixOp):
    """The Moore-Penrose inverse; singular values below 1e-15 of the largest count as zero.

    The gradient holds where the rank does not change nearby (Golub and Pereyra, 1973).
    """

    holomorphic: ClassVar[bool] = False

    def infer(self, a: Variable) -> tuple[TensorType]:
        shape = matrix_shape("pinv", a)
        return (TensorType(floating_dtype([a.type.dtype]), (*shape[:-2], shape[-1], shape[-2])),)

    def core_extents(self, a: Any) -> list[tuple[Extent, ...]]:
        return [(a[1], a[0])]

    def agreements(self, a: Any) -> Any:
        return ()

    def impl(self, xp: Any, a: Any) -> Any:
        if xp.name == "jax":
            return xp.linalg.pinv(a)
        return by_matrix(np.linalg.pinv, [a], [(floating_dtype([a.dtype.name]), a.shape[-1:] + a.shape[-2:-1])])

    def expand(self, a: Variable) -> TensorVariable | None:
        dtype = floating_dtype([a.type.dtype])
        if dtype.startswith("complex"):
            return None
        u, s, vt = SVD()(cast(a, dtype))
        first = eq(arange(dim(s, s.ndim - 1)), 0)
        largest = sum_(switch(first, s, 0.0), -1, keepdims=True)  # unlike s[..., :1] there for an empty matrix too
        kept = gt(s, 1e-15 * largest)
        inverse = switch(kept, 1.0 / switch(kept, s, 1.0), 0.0)
        return matmul(scaled_columns(matrix_transpose(vt), inverse), matrix_transpose(u))

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        (a,), (p,), (g,) = inputs, outputs, gradients
        t, h = matrix_transpose(p), matrix_transpose(g)
        seen = matmul(matmul(t, g), t)
        left = matmul(h, matmul(p, t))
        right = matmul(matmul(t, p), h)
        return [left - matmul(a, matmul(p, left)) + right - matmul(matmul(right, p), a) - seen]


def pinv(x: Any, hermitian: bool = False) -> TensorVariable:
    """The Moore-Penrose inverse of matrices (which may be `hermitian`: that changes nothing here)."""
    return Pinv()(as_tensor_variable(x))
