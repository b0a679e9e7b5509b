"""Products and factors of matrices, over any leading batch axes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pellucid.graph.nodes import Apply, Op, Variable
from pellucid.tensor.arithmetic import mul, switch
from pellucid.tensor.broadcast import (
    Extent,
    broadcast_axis,
    broadcast_extents,
    check_stretch,
    name_with_shape,
    shape_error,
    unstretched,
)
from pellucid.tensor.create import eye, tril, triu
from pellucid.tensor.elementwise import cast, floating_dtype
from pellucid.tensor.indexing import diagonal
from pellucid.tensor.operators import method
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import DimShuffle, dim, expand_dims, matrix_transpose, squeeze
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
        raise shape_error(
            f"Cannot broadcast the batches of {what}",
            variables,
            f"lengths {error.args[0]} differ",
            "Align the leading axes.",
        ) from None


@dataclass(frozen=True)
class MatMul(Op):
    """The matrix product of stacks of matrices (..., m, k) and (..., k, n)."""

    def __str__(self) -> str:
        return "MatMul"

    def infer(self, a: Variable, b: Variable) -> tuple[TensorType]:
        inner = a.type.shape[-1], b.type.shape[-2]
        if None not in inner and inner[0] != inner[1]:
            raise shape_error(
                "Cannot multiply matrices",
                [a, b],
                f"the inner lengths {inner[0]} and {inner[1]} differ",
                "Transpose one (x.T), or fix the lengths.",
            )
        dtype = np.result_type(np.dtype(a.type.dtype), np.dtype(b.type.dtype)).name
        return (TensorType(dtype, (*batch_shape("a matrix product", [a, b], 2), a.type.shape[-2], b.type.shape[-1])),)

    def infer_shape(self, inputs: Sequence[Variable], extents: Any) -> list[tuple[Extent, ...]]:
        lead = broadcast_extents([_Lead(v, 2) for v in inputs], [e[:-2] for e in extents])
        return [(*lead, extents[0][-2], extents[1][-1])]

    def check_arrays(self, inputs: Sequence[Variable], arrays: Sequence[Any]) -> None:
        """Raise ValueError when a batch axis that is not known to have length 1 would have to stretch."""
        check_stretch(inputs, [a.shape for a in arrays], core=2)

    def must_agree(self, inputs: Any, extents: Any, outputs: Any) -> Iterable[tuple[Extent, Extent, int]]:
        lead = outputs[0][:-2]
        yield from unstretched([_Lead(v, 2) for v in inputs], [e[:-2] for e in extents], lead)  # type: ignore[arg-type]
        yield extents[0][-1], extents[1][-2], len(outputs[0]) - 1

    def impl(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.matmul(a, b)

    def lowering(self, node: Apply) -> str | None:
        """Plain matrices are multiplied by a library; everything else has been expanded into loops."""
        return "call" if is_plain_product(*node.inputs) else None

    def expand_loops(self, a: TensorVariable, b: TensorVariable) -> TensorVariable | None:
        """The product as an elementwise product and a sum, which compiles to plain loops; None to call a library."""
        if is_plain_product(a, b):
            return None
        if b.type.shape[-1] == 1:
            found = self.times_column(a, b)
        elif a.type.shape[-2] == 1:
            found = matrix_transpose(self.times_column(matrix_transpose(b), matrix_transpose(a)))
        else:
            found = sum_(mul(expand_dims(a, -1), expand_dims(b, -3)), -2)
        return cast(found, self.infer(a, b)[0].dtype)  # sums of small integers are wider

    def times_column(self, a: TensorVariable, b: TensorVariable) -> TensorVariable:
        """a @ b for a column b, in loops that read the memory of a row by row even if a is a transpose."""
        source = transposed_from(a)
        if source is None:
            return expand_dims(sum_(mul(a, matrix_transpose(b)), -1), -1)
        return expand_dims(sum_(mul(source, b), -2), -1)

    def call(self, m: Matrices, out: Variable, a: Variable, b: Variable) -> None:
        """Row-major C = A B is column-major C' = B' A', which is what BLAS computes."""
        (rows, inner), columns = m.shape(a), m.shape(b)[1]
        wide, deep = m.at_least_one(columns), m.at_least_one(inner)
        m.each(
            [out, a, b],
            lambda: m.routine("dgemm", "N", "N", columns, rows, inner, 1.0, b, wide, a, deep, 0.0, out, wide),
        )

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        (a, b), (g,) = inputs, gradients
        return [MatMul()(g, matrix_transpose(b)), MatMul()(matrix_transpose(a), g)]


def is_plain_product(a: Variable, b: Variable) -> bool:
    """Whether a product is of two matrices of doubles, neither known to be a row or a column."""
    types = a.type, b.type
    plain = all(t.dtype == "float64" and len(t.shape) == 2 for t in types)  # type: ignore[attr-defined]
    return plain and 1 not in (a.type.shape[0], b.type.shape[1], a.type.shape[1])  # type: ignore[attr-defined]


def transposed_from(a: TensorVariable) -> TensorVariable | None:
    """What `a` is the transpose of, over its last two axes."""
    if a.owner is None or not isinstance(a.owner.op, DimShuffle):
        return None
    swapped = (*range(a.ndim - 2), a.ndim - 1, a.ndim - 2)
    return a.owner.inputs[0] if a.owner.op.order == swapped else None  # type: ignore[return-value]


class Matrices(Protocol):
    """What a compiler hands to `call`: library routines over the matrices of the operands."""

    def shape(self, v: Variable) -> tuple[Any, Any]: ...
    def each(self, variables: Sequence[Variable], body: Callable[[], None]) -> None: ...
    def routine(self, name: str, *arguments: Any) -> None: ...
    def status(self, name: str, *arguments: Any) -> Any: ...
    def at_least_one(self, n: Any) -> Any: ...
    def entries(self, v: Variable, body: Callable[[Any, Any, Any], None]) -> None: ...
    def copy(self, source: Variable, target: Variable) -> None: ...

    k: Any


def same_lead(*variables: Variable) -> bool:
    """Whether stacks of matrices of doubles have the same leading axes, so that one loop runs over all."""
    shapes = [v.type.shape[:-2] for v in variables]  # type: ignore[attr-defined]
    return (
        all(v.type.dtype == "float64" for v in variables)
        and (  # type: ignore[attr-defined]
            shapes[0] == () or (None not in shapes[0])
        )
        and all(s == shapes[0] for s in shapes)
    )


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
        raise shape_error(
            "Cannot take the product",
            [a, b],
            f"the inner lengths {inner[0]} and {inner[1]} differ",
            "Transpose one (x.T), or fix the lengths.",
        )


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
        raise shape_error(
            f"{what} needs square matrices", [a], f"the shape is {shape}", "The last two axes must have one length."
        )
    return TensorType(floating_dtype([a.type.dtype]), shape)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Cholesky(Op):
    """The lower triangular L with L @ L.T = a; NaN where a is not positive definite, or an error when `strict`."""

    strict: bool = False

    def __str__(self) -> str:
        return "Cholesky"

    def infer(self, a: Variable) -> tuple[TensorType]:
        return (square_type("cholesky", a),)

    def lowering(self, node: Apply) -> str | None:
        """LAPACK, unless an error must be raised."""
        return None if self.strict or not same_lead(*node.inputs) else "call"

    def call(self, m: Matrices, out: Variable, a: Variable) -> None:
        """The lower triangle in row-major order is the upper one in column-major order, which LAPACK factors."""
        k, (n, _) = m.k, m.shape(a)

        def one() -> None:
            m.copy(a, out)
            failed = k.compare("neq", m.status("dpotrf", "U", n, out, m.at_least_one(n)), k.constant(0, "int32"))

            def clean(i: Any, j: Any, address: Any) -> None:
                value = k.select(k.compare("gt", j, i), k.constant(0.0, "float64"), k.load_now(address, "float64"))
                k.store_now(k.select(failed, k.constant(np.nan, "float64"), value), address)

            m.entries(out, clean)

        m.each([out, a], one)

    def infer_shape(self, inputs: Any, extents: Any) -> list[tuple[Extent, ...]]:
        return [extents[0]]

    def must_agree(self, inputs: Any, extents: Any, outputs: Any) -> Iterable[tuple[Extent, Extent, int]]:
        yield extents[0][-1], extents[0][-2], len(extents[0]) - 2

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


def cholesky(a: Any, lower: bool = True, on_error: str = "nan") -> TensorVariable:  # SciPy's signature
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
            raise shape_error(
                "Cannot solve",
                [a, b],
                f"the lengths {inner[0]} and {inner[1]} differ",
                "Rows of b must match those of a.",
            )
        dtype = floating_dtype([a.type.dtype, b.type.dtype])
        return (TensorType(dtype, (*batch_shape("solve_triangular", [a, b], 2), *b.type.shape[-2:])),)

    def lowering(self, node: Apply) -> str | None:
        """BLAS, where the stacks need no broadcasting."""
        return "call" if same_lead(*node.inputs) else None

    def call(self, m: Matrices, out: Variable, a: Variable, b: Variable) -> None:
        """Row-major A X = B is column-major X' A' = B', with A' in the other triangle."""
        (n, _), (_, columns) = m.shape(a), m.shape(b)
        triangle, side = "U" if self.lower else "L", "T" if self.transposed else "N"
        unit, deep, wide = "U" if self.unit else "N", m.at_least_one(n), m.at_least_one(columns)

        def one() -> None:
            m.copy(b, out)
            m.routine("dtrsm", "R", triangle, side, unit, columns, n, 1.0, a, deep, out, wide)

        m.each([out, a, b], one)

    def infer_shape(self, inputs: Sequence[Variable], extents: Any) -> list[tuple[Extent, ...]]:
        lead = broadcast_extents([_Lead(v, 2) for v in inputs], [e[:-2] for e in extents])
        return [(*lead, *extents[1][-2:])]

    def check_arrays(self, inputs: Sequence[Variable], arrays: Sequence[Any]) -> None:
        """Raise ValueError when a batch axis that is not known to have length 1 would have to stretch."""
        check_stretch(inputs, [a.shape for a in arrays], core=2)

    def must_agree(self, inputs: Any, extents: Any, outputs: Any) -> Iterable[tuple[Extent, Extent, int]]:
        lead = outputs[0][:-2]
        yield from unstretched([_Lead(v, 2) for v in inputs], [e[:-2] for e in extents], lead)  # type: ignore[arg-type]
        yield extents[0][-1], extents[1][-2], len(outputs[0]) - 2
        yield extents[0][-1], extents[0][-2], len(extents[0]) - 2

    def impl(self, xp: Any, a: Any, b: Any) -> Any:
        solve = xp.scipy_linalg.solve_triangular
        if xp.name == "jax":
            return solve(a, b, lower=self.lower, trans=int(self.transposed), unit_diagonal=self.unit)
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
            return solve(
                a, b, lower=self.lower, trans=int(self.transposed), unit_diagonal=self.unit, check_finite=False
            )
        except np.linalg.LinAlgError:
            return np.full(b.shape, np.nan)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        (a, _), (g,), (x,) = inputs, gradients, outputs
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
