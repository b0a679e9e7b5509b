"""Products and factors of matrices, over any leading batch axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.nodes import Op, Variable
from pellucid.tensor.arithmetic import mul, switch
from pellucid.tensor.broadcast import Extent, broadcast_axis, broadcast_extents, name_with_shape, shape_error
from pellucid.tensor.create import eye, tril, triu
from pellucid.tensor.elementwise import cast, floating_dtype
from pellucid.tensor.indexing import diagonal
from pellucid.tensor.operators import method
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import dim, expand_dims, matrix_transpose, squeeze
from pellucid.tensor.transcendental import log
from pellucid.tensor.types import TensorType, TensorVariable, as_operands, as_tensor_variable


def batch_shape(what: str, variables: Sequence[Variable], core: int) -> tuple[int | None, ...]:
    """The broadcast of the leading axes, all but the last `core`."""
    shapes = [v.type.shape[: len(v.type.shape) - core] for v in variables]  # type: ignore[attr-defined]
    ndim = max(map(len, shapes))
    padded = [(1,) * (ndim - len(s)) + s for s in shapes]
    try:
        return tuple(broadcast_axis(n) for n in zip(*padded, strict=True))
    except ValueError as error:
        raise shape_error(f"Cannot broadcast the batches of {what}", variables, f"lengths {error.args[0]} differ", "Align the leading axes.") from None


@dataclass(frozen=True)
class MatMul(Op):
    """The matrix product of stacks of matrices (..., m, k) and (..., k, n)."""

    def __str__(self) -> str:
        return "MatMul"

    def infer(self, a: Variable, b: Variable) -> tuple[TensorType]:
        inner = a.type.shape[-1], b.type.shape[-2]
        if None not in inner and inner[0] != inner[1]:
            raise shape_error("Cannot multiply matrices", [a, b], f"the inner lengths {inner[0]} and {inner[1]} differ",
                              "Transpose one (x.T), or fix the lengths.")
        dtype = np.result_type(np.dtype(a.type.dtype), np.dtype(b.type.dtype)).name
        return (TensorType(dtype, (*batch_shape("a matrix product", [a, b], 2), a.type.shape[-2], b.type.shape[-1])),)

    def infer_shape(self, inputs: Sequence[Variable], extents: Any) -> list[tuple[Extent, ...]]:
        lead = broadcast_extents([_Lead(v, 2) for v in inputs], [e[:-2] for e in extents])
        return [(*lead, extents[0][-2], extents[1][-1])]

    def impl(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.matmul(a, b)

    def expand_loops(self, a: TensorVariable, b: TensorVariable) -> TensorVariable:
        """The product as an elementwise product and a sum: what compiles to plain loops."""
        if b.type.shape[-1] == 1:
            found = expand_dims(sum_(mul(a, matrix_transpose(b)), -1), -1)
        elif a.type.shape[-2] == 1:
            found = expand_dims(sum_(mul(matrix_transpose(a), b), -2), -2)
        else:
            found = sum_(mul(expand_dims(a, -1), expand_dims(b, -3)), -2)
        return cast(found, self.infer(a, b)[0].dtype)  # sums of small integers are wider

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        (a, b), (g,) = inputs, gradients
        return [MatMul()(g, matrix_transpose(b)), MatMul()(matrix_transpose(a), g)]


class _Lead:
    """The leading axes of a variable, as far as broadcasting looks at it."""

    def __init__(self, v: Variable, core: int):
        self.type = TensorType(v.type.dtype, v.type.shape[: len(v.type.shape) - core])  # type: ignore[attr-defined]


@method
def matmul(a: Any, b: Any) -> TensorVariable:
    """The matrix product a @ b by NumPy's rules: vectors count as a row on the left and a column on the right."""
    a, b = as_operands([a, b])
    if 0 in (a.ndim, b.ndim):
        raise shape_error("Cannot take a matrix product", [a, b], "one is a scalar", "Multiply by a scalar with *.")
    check_inner(a, b)
    left, right = a.ndim == 1, b.ndim == 1
    found = MatMul()(expand_dims(a, 0) if left else a, expand_dims(b, 1) if right else b)
    drop = ([found.ndim - 2] if left else []) + ([found.ndim - 1] if right else [])
    return squeeze(found, drop) if drop else found


def check_inner(a: TensorVariable, b: TensorVariable) -> None:
    """Refuse a product of known lengths that do not match, naming the arguments as the user wrote them."""
    inner = a.type.shape[-1], b.type.shape[-2 if b.ndim > 1 else 0]
    if None not in inner and inner[0] != inner[1]:
        raise shape_error("Cannot take the product", [a, b], f"the inner lengths {inner[0]} and {inner[1]} differ",
                          "Transpose one (x.T), or fix the lengths.")


@method
def dot(a: Any, b: Any) -> TensorVariable:
    """The product of scalars, vectors and matrices, as NumPy's dot for up to two axes."""
    a, b = as_operands([a, b])
    if 0 in (a.ndim, b.ndim):
        return mul(a, b)
    if b.ndim > 2:
        raise ValueError(f"dot with {b.ndim} axes is ambiguous: use pt.matmul, or pt.tensordot.")
    return matmul(a, b)


def outer(a: Any, b: Any) -> TensorVariable:
    """The products of all pairs of elements of two vectors."""
    a, b = as_operands([a, b])
    return mul(expand_dims(a.flatten(), 1), expand_dims(b.flatten(), 0))


def square_type(what: str, a: Variable) -> TensorType:
    """The floating type of a stack of square matrices; raises when it is no such thing."""
    shape = a.type.shape  # type: ignore[attr-defined]
    if len(shape) < 2 or (None not in shape[-2:] and shape[-1] != shape[-2]):
        raise shape_error(f"{what} needs square matrices", [a], f"the shape is {shape}", "The last two axes must have one length.")
    return TensorType(floating_dtype([a.type.dtype]), shape)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Cholesky(Op):
    """The lower triangular L with L @ L.T = a; NaN where a is not positive definite, or an error when `strict`."""

    strict: bool = False

    def __str__(self) -> str:
        return "Cholesky"

    def infer(self, a: Variable) -> tuple[TensorType]:
        return (square_type("cholesky", a),)

    def infer_shape(self, inputs: Any, extents: Any) -> list[tuple[Extent, ...]]:
        return [extents[0]]

    def impl(self, xp: Any, a: Any) -> Any:
        if xp.name == "jax":
            return xp.linalg.cholesky(a)
        out = np.empty_like(a, dtype=np.result_type(a.dtype, np.float32) if a.dtype.kind == "f" else np.float64)
        for place in np.ndindex(a.shape[:-2]):
            out[place] = self.factor(a[place])
        return out

    def factor(self, a: np.ndarray) -> np.ndarray:
        """The factor of one matrix."""
        try:
            return np.linalg.cholesky(a)
        except np.linalg.LinAlgError:
            if self.strict:
                raise
            return np.full(a.shape, np.nan)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        # Murray (2016), "Differentiation of the Cholesky decomposition", equation 8.
        (g,), (factor,) = gradients, outputs
        inner = matmul(matrix_transpose(factor), g)
        inner = tril(inner) * (1.0 - 0.5 * eye(dim(factor, factor.ndim - 1)))
        half = solve_triangular(factor, inner, lower=True, trans=1)
        full = matrix_transpose(solve_triangular(factor, matrix_transpose(half), lower=True, trans=1))
        # Only the lower triangle of `a` is read, so only it has a gradient: that of both elements it stands for.
        return [tril(full + matrix_transpose(full)) * (1.0 - 0.5 * eye(dim(factor, factor.ndim - 1)))]


def cholesky(a: Any, lower: bool = True, on_error: str = "nan") -> TensorVariable:  # noqa: FBT001, FBT002  # SciPy's signature
    """The Cholesky factor of positive definite matrices (only their lower triangle is read).

    Where a matrix is not positive definite the factor is NaN, or an error is raised with ``on_error="raise"``.
    """
    if on_error not in ("nan", "raise"):
        raise ValueError(f"on_error is 'nan' or 'raise', not {on_error!r}.")
    found = Cholesky(on_error == "raise")(as_tensor_variable(a))
    return found if lower else matrix_transpose(found)


@dataclass(frozen=True)
class SolveTriangular(Op):
    """The x of a @ x = b (or a.T @ x = b) for triangular a and stacks of matrices b."""

    lower: bool = True
    transposed: bool = False
    unit: bool = False

    def __str__(self) -> str:
        return f"SolveTriangular{{{'lower' if self.lower else 'upper'}{', transposed' if self.transposed else ''}}}"

    def infer(self, a: Variable, b: Variable) -> tuple[TensorType]:
        square_type("solve_triangular", a)
        inner = a.type.shape[-1], b.type.shape[-2]
        if None not in inner and inner[0] != inner[1]:
            raise shape_error("Cannot solve", [a, b], f"the lengths {inner[0]} and {inner[1]} differ", "Rows of b must match those of a.")
        dtype = floating_dtype([a.type.dtype, b.type.dtype])
        return (TensorType(dtype, (*batch_shape("solve_triangular", [a, b], 2), *b.type.shape[-2:])),)

    def infer_shape(self, inputs: Sequence[Variable], extents: Any) -> list[tuple[Extent, ...]]:
        lead = broadcast_extents([_Lead(v, 2) for v in inputs], [e[:-2] for e in extents])
        return [(*lead, *extents[1][-2:])]

    def impl(self, xp: Any, a: Any, b: Any) -> Any:
        if xp.name == "jax":
            from jax.scipy.linalg import solve_triangular as solve

            return solve(a, b, lower=self.lower, trans=int(self.transposed), unit_diagonal=self.unit)
        from scipy.linalg import solve_triangular as solve

        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a, b = np.broadcast_to(a, lead + a.shape[-2:]), np.broadcast_to(b, lead + b.shape[-2:])
        out = np.empty(b.shape, np.result_type(a.dtype, b.dtype) if a.dtype.kind == "f" else np.float64)
        for place in np.ndindex(lead):
            out[place] = self.solve_one(solve, a[place], b[place])
        return out

    def solve_one(self, solve: Any, a: np.ndarray, b: np.ndarray) -> Any:
        """One system; NaN where the matrix is singular, as for a failed factor."""
        if a.size == 0 or b.size == 0:
            return np.zeros(b.shape)
        try:
            return solve(a, b, lower=self.lower, trans=int(self.transposed), unit_diagonal=self.unit, check_finite=False)
        except np.linalg.LinAlgError:
            return np.full(b.shape, np.nan)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        (a, b), (g,), (x,) = inputs, gradients, outputs
        to_b = SolveTriangular(self.lower, not self.transposed, self.unit)(a, g)
        to_a = -matmul(to_b, matrix_transpose(x))
        to_a = matrix_transpose(to_a) if self.transposed else to_a
        keep = tril if self.lower else triu
        return [keep(to_a, (-1 if self.lower else 1) if self.unit else 0), to_b]


def solve_triangular(
    a: Any, b: Any, *, lower: bool = False, trans: int | str = 0, unit_diagonal: bool = False, b_ndim: int | None = None
) -> TensorVariable:
    """The x of a @ x = b, for a triangular; with `trans` 1 or "T" of a.T @ x = b.

    b holds vectors when `b_ndim` is 1 (by default when b has one axis), else matrices.
    """
    a, b = as_operands([a, b])
    vectors = (b_ndim or min(b.ndim, 2)) == 1
    op = SolveTriangular(lower, trans in (1, "T", "t"), unit_diagonal)
    return squeeze(op(a, expand_dims(b, -1)), -1) if vectors else op(a, b)


@dataclass(frozen=True)
class Inverse(Op):
    """The inverse of square matrices; NaN where one is singular."""

    def __str__(self) -> str:
        return "Inverse"

    def infer(self, a: Variable) -> tuple[TensorType]:
        return (square_type("inv", a),)

    def infer_shape(self, inputs: Any, extents: Any) -> list[tuple[Extent, ...]]:
        return [extents[0]]

    def impl(self, xp: Any, a: Any) -> Any:
        try:
            return xp.linalg.inv(a)
        except np.linalg.LinAlgError:
            if a.ndim == 2:
                return np.full(a.shape, np.nan, floating_dtype([a.dtype.name]))
            return np.stack([self.impl(xp, part) for part in a])  # so that one singular matrix spoils only itself

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        (g,), (y,) = gradients, outputs
        t = matrix_transpose(y)
        return [-matmul(matmul(t, g), t)]


def inv(a: Any) -> TensorVariable:
    """The inverse of square matrices."""
    return Inverse()(as_tensor_variable(a))


matrix_inverse = inv


def cho_solve(c_and_lower: Any, b: Any, *, b_ndim: int | None = None) -> TensorVariable:
    """The x of (c @ c.T) @ x = b from a Cholesky factor, given as (c, lower)."""
    c, lower = c_and_lower
    half = solve_triangular(c, b, lower=lower, trans=0 if lower else 1, b_ndim=b_ndim)
    return solve_triangular(c, half, lower=lower, trans=1 if lower else 0, b_ndim=b_ndim)


def log_det_of_factor(factor: TensorVariable) -> TensorVariable:
    """log |det(L @ L.T)| from the triangular factor L."""
    if factor.ndim < 2:
        raise ValueError(f"A triangular factor is a matrix, not {name_with_shape(factor)}.")
    return 2.0 * sum_(log(switch(diagonal(factor, 0, -2, -1) > 0, diagonal(factor, 0, -2, -1), np.nan)), -1)
