"""Functions of matrices, matrix equations, norms, and matrices built from others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.nodes import Variable
from pellucid.tensor.arithmetic import abs as abs_
from pellucid.tensor.arithmetic import gt, sqr, switch
from pellucid.tensor.broadcast import shape_error
from pellucid.tensor.create import arange, eye, zeros
from pellucid.tensor.elementwise import cast, floating_dtype
from pellucid.tensor.indexing import diagonal
from pellucid.tensor.linalg.decompose import SVD, pinv, svd
from pellucid.tensor.linalg.matrices import MatrixOp, batch_shape, by_matrix, lead_extents, square_type
from pellucid.tensor.linalg.products import kron, matmul
from pellucid.tensor.linalg.solvers import inv, solve
from pellucid.tensor.reduce import max as max_
from pellucid.tensor.reduce import min as min_
from pellucid.tensor.reduce import norm as vector_norm
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import (
    atleast_2d,
    broadcast_to,
    concatenate,
    dim,
    expand_dims,
    matrix_transpose,
    normalize_axes,
    reshape,
)
from pellucid.tensor.transcendental import sqrt
from pellucid.tensor.types import TensorType, TensorVariable, as_operands, as_tensor_variable


@dataclass(frozen=True)
class Expm(MatrixOp):
    """The exponential of square matrices."""

    def infer(self, a: Variable) -> tuple[TensorType]:
        return (square_type("expm", a),)

    def impl(self, xp: Any, a: Any) -> Any:
        if xp.name == "jax":
            return xp.scipy_linalg.expm(a)
        dtype = floating_dtype([a.dtype.name])
        return by_matrix(lambda m: expm_of(xp, m.astype(dtype)), [a], [(dtype, a.shape[-2:])])

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        # The directional derivative is a block of the exponential of a block triangle (Higham 2008, theorem 3.6).
        t, g = matrix_transpose(inputs[0]), gradients[0]
        n = dim(t, t.ndim - 1)
        upper, lower = concatenate([t, g], axis=-1), concatenate([0.0 * g, t], axis=-1)
        return [Expm()(concatenate([upper, lower], axis=-2))[..., :n, n:]]


def expm_of(xp: Any, a: np.ndarray) -> Any:
    """The exponential of one matrix; NaN where an element is not finite."""
    if a.size == 0:
        return a
    return xp.scipy_linalg.expm(a) if np.isfinite(a).all() else np.full_like(a, np.nan)


def expm(A: Any) -> TensorVariable:
    """The exponential of square matrices: the sum of their powers over factorials."""
    return Expm()(as_tensor_variable(A))


def matrix_power(M: Any, n: int) -> TensorVariable:
    """The nth power of square matrices by repeated squaring; of the inverse when n is negative."""
    base = as_tensor_variable(M)
    square_type("matrix_power", base)
    base, n = (inv(base), -n) if n < 0 else (base, n)
    found: Any = None
    while n:
        if n % 2:
            found = base if found is None else matmul(found, base)
        n //= 2
        base = matmul(base, base) if n else base
    one = eye(dim(base, base.ndim - 1), dtype=base.dtype)
    return base * 0 + one if found is None else found


@dataclass(frozen=True)
class SolveSylvester(MatrixOp):
    """The x of a @ x + x @ b = c, unique where no eigenvalue of a is minus one of b."""

    def infer(self, a: Variable, b: Variable, c: Variable) -> tuple[TensorType]:
        for what in (a, b):
            square_type("solve_sylvester", what)
        wanted = a.type.shape[-1], b.type.shape[-1]
        if any(None not in (n, m) and n != m for n, m in zip(c.type.shape[-2:], wanted, strict=True)):
            raise shape_error(
                "Cannot solve a Sylvester equation",
                [a, b, c],
                f"c is not {wanted[0]} by {wanted[1]}",
                "Fix the lengths.",
            )
        dtype = floating_dtype([v.type.dtype for v in (a, b, c)])
        return (TensorType(dtype, (*batch_shape("solve_sylvester", [a, b, c]), *c.type.shape[-2:])),)

    def agreements(self, a: Any, b: Any, c: Any) -> Any:
        yield from ((a[0], a[1]), (b[0], b[1]), (a[1], c[0]), (b[0], c[1]))

    def impl(self, xp: Any, a: Any, b: Any, c: Any) -> Any:
        dtype = floating_dtype([v.dtype.name for v in (a, b, c)])
        if xp.name == "jax":
            n, m = c.shape[-2:]
            both = xp.kron(a, xp.eye(m)) + xp.kron(xp.eye(n), xp.swapaxes(b, -1, -2))
            return xp.linalg.solve(both, c.reshape(n * m, 1)).reshape(n, m)
        return by_matrix(lambda *m: sylvester_of(xp, *m), [a, b, c], [(dtype, c.shape[-2:])])

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        (a, b, _), (x,), (g,) = inputs, outputs, gradients
        to_c = SolveSylvester()(matrix_transpose(a), matrix_transpose(b), g)
        t = matrix_transpose(x)
        return [-matmul(to_c, t), -matmul(t, to_c), to_c]


def sylvester_of(xp: Any, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> Any:
    """The solution of one equation."""
    return c if c.size == 0 else xp.scipy_linalg.solve_sylvester(a, b, c)


def solve_sylvester(A: Any, B: Any, Q: Any) -> TensorVariable:
    """The X of A @ X + X @ B = Q."""
    return SolveSylvester()(*as_operands([A, B, Q]))


def solve_continuous_lyapunov(A: Any, Q: Any) -> TensorVariable:
    """The X of A @ X + X @ A.T = Q."""
    a, q = as_operands([A, Q])
    return SolveSylvester()(a, matrix_transpose(a), q)


def solve_discrete_lyapunov(A: Any, Q: Any, method: str = "bilinear") -> TensorVariable:
    """The X of A @ X @ A.T - X + Q = 0.

    "bilinear" solves an equivalent continuous equation (Gajic and Qureshi 1995); "direct" solves n**2 linear equations
    for single matrices.
    """
    a, q = as_operands([A, Q])
    one = eye(dim(a, a.ndim - 1), dtype=a.dtype)
    if method == "direct":
        n = dim(a, 0)
        rows = eye(n * n, dtype=a.dtype) - kron(a, a)
        return reshape(solve(rows, reshape(q, (n * n,))), (n, n))
    if method != "bilinear":
        raise ValueError(f"method is 'bilinear' or 'direct', not {method!r}.")
    t = matrix_transpose(a)
    back = inv(t + one)
    b = matmul(t - one, back)
    c = 2.0 * matmul(matmul(inv(a + one), q), back)
    return SolveSylvester()(matrix_transpose(b), b, -c)


def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[TensorVariable, TensorVariable, TensorVariable, TensorVariable]:
    """The x of least |b - a @ x| (and of least |x| among those), with what NumPy gives beside it.

    Returns
    -------
    x, the sums of squared residuals (for each column of b, whatever the rank), the rank of a, its singular values.

    Singular values below `rcond` times the largest (by default epsilon times the longer side) count as zero.
    """
    a, b = as_operands([a, b])
    values = SVD()(a)[1]
    if rcond is None:
        long = switch(gt(dim(a, 0), dim(a, 1)), dim(a, 0), dim(a, 1))
        rcond = np.finfo(values.dtype).eps * cast(long, values.dtype)
    rank = sum_(gt(values, rcond * max_(values)))
    x = matmul(pinv(a), b)
    return x, sum_(sqr(b - matmul(a, x)), 0), rank, values


def trace(X: Any) -> TensorVariable:
    """The sum of the diagonal of matrices."""
    return sum_(diagonal(as_tensor_variable(X), 0, -2, -1), -1)


MATRIX_NORMS: dict[Any, Any] = {
    None: lambda x: sqrt(sum_(sqr(abs_(x)), (-2, -1))),
    "fro": lambda x: sqrt(sum_(sqr(abs_(x)), (-2, -1))),
    "nuc": lambda x: sum_(svd(x, compute_uv=False), -1),
    2: lambda x: max_(svd(x, compute_uv=False), -1),
    -2: lambda x: min_(svd(x, compute_uv=False), -1),
    1: lambda x: max_(sum_(abs_(x), -2), -1),
    -1: lambda x: min_(sum_(abs_(x), -2), -1),
    np.inf: lambda x: max_(sum_(abs_(x), -1), -1),
    -np.inf: lambda x: min_(sum_(abs_(x), -1), -1),
}


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> TensorVariable:
    """The norm of vectors (one axis) or of matrices (two axes), as NumPy's.

    Parameters
    ----------
    ord : None, number, inf, -inf, "fro" or "nuc"
        Of vectors any number; of matrices 1, -1, inf, -inf (sums of rows or columns), 2, -2, "nuc" (singular values)
        or "fro", the default.
    axis : int, pair of int, optional
        By default all elements as one vector, or with `ord` the only axis, or the only two.
    """
    x = as_tensor_variable(x)
    x = cast(x, floating_dtype([x.dtype]))
    if axis is None and ord is not None and x.ndim > 2:
        raise ValueError(f"norm of order {ord!r} needs an axis, or two, of the {x.ndim} axes.")
    axes = normalize_axes(axis, x.ndim)
    if ord is None or len(axes) == 1:
        if ord == "fro":
            raise ValueError("A vector has no norm of order 'fro': leave the order out.")
        return vector_norm(x, ord, axes, keepdims)
    if len(axes) != 2 or ord not in MATRIX_NORMS:
        raise ValueError(f"Matrices have norms of order {', '.join(map(str, MATRIX_NORMS))}, not {ord!r}.")
    found = MATRIX_NORMS[ord](matrices_along(x, (0, 1) if axis is None else axis))
    return expand_dims(found, list(axes)) if keepdims else found


def matrices_along(x: TensorVariable, axes: Sequence[int]) -> TensorVariable:
    """x with the given pair of axes last."""
    rows, columns = (a % x.ndim for a in axes)
    return x.transpose(*[i for i in range(x.ndim) if i not in (rows, columns)], rows, columns)


def block_diag(*matrices: Any) -> TensorVariable:
    """Matrices along the diagonal of a larger one, zeros elsewhere; their batches broadcast."""
    if not matrices:
        raise ValueError("block_diag needs at least one matrix.")
    parts = [atleast_2d(m) for m in as_operands(matrices)]
    batch_shape("block_diag", parts)
    lead = lead_extents(parts)
    dtype = np.result_type(*[p.dtype for p in parts]).name
    widths = [dim(p, p.ndim - 1) for p in parts]
    rows = []
    for i, p in enumerate(parts):
        height = dim(p, p.ndim - 2)
        pieces: list[Any] = [zeros((*lead, height, w), dtype) for w in widths]
        pieces[i] = broadcast_to(p, [*lead, height, widths[i]]) if len(lead) > 0 else p
        rows.append(concatenate(pieces, axis=-1))
    return concatenate(rows, axis=-2)


def toeplitz(c: Any, r: Any = None) -> TensorVariable:
    """The matrix with first column c and first row r (by default c) that is constant along each diagonal."""
    c = as_tensor_variable(c)
    r = c if r is None else as_tensor_variable(r)
    values = concatenate([c[..., ::-1], r[..., 1:]], axis=-1)
    rows, columns = arange(dim(c, c.ndim - 1)), arange(dim(r, r.ndim - 1))
    return values[..., dim(c, c.ndim - 1) - 1 - expand_dims(rows, 1) + expand_dims(columns, 0)]


def tensorinv(a: Any, ind: int = 2) -> TensorVariable:
    """The inverse of a tensor as a matrix of its first `ind` axes by the others."""
    a = as_tensor_variable(a)
    if not 0 < ind <= a.ndim:
        raise ValueError(f"ind is the number of leading axes, 1 to {a.ndim}, not {ind}.")
    lengths = [dim(a, i) for i in range(a.ndim)]
    rows: Any = 1
    for n in lengths[:ind]:
        rows = rows * n
    return reshape(inv(reshape(a, (rows, -1))), (*lengths[ind:], *lengths[:ind]))


def tensorsolve(a: Any, b: Any, axes: Sequence[int] | None = None) -> TensorVariable:
    """The x of tensordot(a, x, x.ndim) = b; `axes` of a are moved to its end first."""
    a, b = as_operands([a, b])
    if axes is not None:
        last = [i % a.ndim for i in axes]
        a = a.transpose(*[i for i in range(a.ndim) if i not in last], *last)
    kept = [dim(a, i) for i in range(b.ndim, a.ndim)]
    size: Any = 1
    for n in kept:
        size = size * n
    return reshape(solve(reshape(a, (-1, size)), b.flatten()), tuple(kept))
