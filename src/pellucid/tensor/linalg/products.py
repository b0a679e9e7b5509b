"""Products of vectors, matrices and tensors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from pellucid.graph.nodes import Apply, Variable
from pellucid.tensor.arithmetic import mul
from pellucid.tensor.broadcast import Extent, shape_error
from pellucid.tensor.elementwise import cast
from pellucid.tensor.linalg.matrices import Matrices, MatrixOp, batch_shape, same_lead
from pellucid.tensor.operators import FUNCTIONS, method
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import (
    DimShuffle,
    dim,
    dimshuffle,
    expand_dims,
    matrix_transpose,
    moveaxis,
    normalize_axis,
    reshape,
    shape_padleft,
    squeeze,
    stack,
)
from pellucid.tensor.types import TensorType, TensorVariable, as_operands


@dataclass(frozen=True)
class MatMul(MatrixOp):
    """The matrix product of stacks of matrices (..., m, k) and (..., k, n)."""

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

    def core_extents(self, a: Any, b: Any) -> list[tuple[Extent, ...]]:
        return [(a[0], b[1])]

    def agreements(self, a: Any, b: Any) -> Iterable[tuple[Extent, Extent]]:
        yield a[1], b[0]

    def impl(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.matmul(a, b)

    def lowering(self, node: Apply) -> str | None:
        """Large matrices are multiplied by a library; everything else has been expanded into loops."""
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
    """Whether a library multiplies faster than loops: doubles, no row or column, not few, no stacks of small ones."""
    rows, inner, columns = a.type.shape[-2], a.type.shape[-1] or b.type.shape[-2], b.type.shape[-1]
    known = [n for n in (rows, inner, columns) if n is not None]
    stacked = a.type.ndim > 2 or b.type.ndim > 2
    if 1 in known or (stacked and min(known, default=SMALL) < SMALL):
        return False
    if len(known) == 3 and rows * inner * columns <= FEW:
        return False
    return a.type.dtype == b.type.dtype == "float64" and same_lead(a, b)


SMALL = 8
"""The length below which a stack of matrices is multiplied by loops, where calls would take most of the time."""

FEW = 512
"""How many products of numbers take less time than calling a library."""


def transposed_from(a: TensorVariable) -> TensorVariable | None:
    """What `a` is the transpose of, over its last two axes."""
    if a.owner is None or not isinstance(a.owner.op, DimShuffle):
        return None
    swapped = (*range(a.ndim - 2), a.ndim - 1, a.ndim - 2)
    return a.owner.inputs[0] if a.owner.op.order == swapped else None  # type: ignore[return-value]


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


def inner(x: Any, y: Any) -> TensorVariable:
    """The sums of products over the last axes, for all pairs of the others."""
    x, y = as_operands([x, y])
    return mul(x, y) if 0 in (x.ndim, y.ndim) else tensordot(x, y, axes=((-1,), (-1,)))


def vdot(a: Any, b: Any) -> TensorVariable:
    """The sum of the products of all elements of two tensors, those of a conjugated."""
    a, b = as_operands([a, b])
    return sum_(mul(conjugate_of(a.flatten()), b.flatten()))


def conjugate_of(x: TensorVariable) -> TensorVariable:
    """The complex conjugate, which only complex tensors need."""
    return FUNCTIONS["conj"](x) if x.dtype.startswith("complex") else x


def vecdot(x1: Any, x2: Any) -> TensorVariable:
    """The inner products of the vectors along the last axes, those of x1 conjugated; the other axes broadcast."""
    x1, x2 = as_operands([x1, x2])
    return sum_(mul(conjugate_of(x1), x2), -1)


def matvec(x1: Any, x2: Any) -> TensorVariable:
    """Matrices times vectors; the other axes broadcast."""
    x1, x2 = as_operands([x1, x2])
    check_inner(x1, expand_dims(x2, -1))
    return squeeze(MatMul()(x1, expand_dims(x2, -1)), -1)


def vecmat(x1: Any, x2: Any) -> TensorVariable:
    """Vectors (conjugated) times matrices; the other axes broadcast."""
    x1, x2 = as_operands([x1, x2])
    check_inner(expand_dims(x1, -2), x2)
    return squeeze(MatMul()(expand_dims(conjugate_of(x1), -2), x2), -2)


def tensordot(a: Any, b: Any, axes: Any = 2) -> TensorVariable:
    """The sums of products over pairs of axes: the last `axes` of a with the first of b, or two lists of axes."""
    a, b = as_operands([a, b])
    of_a, of_b = contracted_axes(a, b, axes)
    free_a, free_b = [i for i in range(a.ndim) if i not in of_a], [i for i in range(b.ndim) if i not in of_b]
    lengths = [length_of(a, i) for i in free_a] + [length_of(b, i) for i in free_b]
    left = reshape(dimshuffle(a, *free_a, *of_a), (size_along(a, free_a), size_along(a, of_a)))
    right = reshape(dimshuffle(b, *of_b, *free_b), (size_along(b, of_b), size_along(b, free_b)))
    return reshape(MatMul()(left, right), tuple(lengths))


def size_along(x: TensorVariable, axes: Sequence[int]) -> Any:
    """The number of elements along some axes."""
    size: Any = 1
    for i in axes:
        size = size * length_of(x, i)
    return size


def contracted_axes(a: TensorVariable, b: TensorVariable, axes: Any) -> tuple[list[int], list[int]]:
    """The axes of both that a tensordot sums over; raises where their known lengths differ."""
    if isinstance(axes, (int, np.integer)):
        if not 0 <= axes <= min(a.ndim, b.ndim):
            raise ValueError(f"tensordot over {axes} axes needs as many in both: they have {a.ndim} and {b.ndim}.")
        axes = list(range(a.ndim - int(axes), a.ndim)), list(range(int(axes)))
    pair = [[int(i) for i in np.atleast_1d(each)] for each in axes]
    of_a, of_b = ([normalize_axis(i, v.ndim) for i in each] for each, v in zip(pair, (a, b), strict=True))
    if len(of_a) != len(of_b):
        raise ValueError(f"tensordot needs as many axes of a as of b, not {len(of_a)} and {len(of_b)}.")
    for i, j in zip(of_a, of_b, strict=True):
        m, n = a.type.shape[i], b.type.shape[j]
        if None not in (m, n) and m != n:
            raise shape_error(
                "Cannot take the tensordot",
                [a, b],
                f"axis {i} of the first has length {m}, axis {j} of the second {n}",
                "Name the axes to sum over: axes=[[of a], [of b]].",
            )
    return of_a, of_b


def kron(a: Any, b: Any) -> TensorVariable:
    """The Kronecker product: b scaled by each element of a, side by side."""
    a, b = as_operands([a, b])
    rank = max(a.ndim, b.ndim)
    a, b = (shape_padleft(v, rank - v.ndim) if v.ndim < rank else v for v in (a, b))
    spread = mul(expand_dims(a, list(range(1, 2 * rank, 2))), expand_dims(b, list(range(0, 2 * rank, 2))))
    return reshape(spread, tuple(length_of(a, i) * length_of(b, i) for i in range(rank)))


def length_of(x: TensorVariable, axis: int) -> Any:
    """The length of an axis: a number where it is static."""
    known = x.type.shape[axis]
    return dim(x, axis) if known is None else known


def multi_dot(arrays: Sequence[Any]) -> TensorVariable:
    """The product of several matrices (the first and the last may be vectors), in the order of least work."""
    parts = as_operands(arrays)
    if len(parts) < 2:
        raise ValueError("multi_dot needs at least two tensors.")
    lengths = [n for p in parts for n in p.type.shape]
    if None in lengths or len(parts) == 2:
        return reduce(matmul, parts)
    sides = [
        1 if parts[0].ndim == 1 else parts[0].type.shape[0],
        *(p.type.shape[0 if p.ndim == 1 else -2] for p in parts[1:]),
    ]
    sides.append(1 if parts[-1].ndim == 1 else parts[-1].type.shape[-1])
    return best_product(parts, sides)


def best_product(parts: Sequence[TensorVariable], sides: Sequence[Any]) -> TensorVariable:
    """The product of matrices, where matrix i is sides[i] by sides[i + 1], split to need the fewest multiplications."""
    n = len(parts)
    cost = {(i, i): (0, i) for i in range(n)}
    for width in range(1, n):
        for i in range(n - width):
            j = i + width
            cost[i, j] = min(
                (cost[i, k][0] + cost[k + 1, j][0] + sides[i] * sides[k + 1] * sides[j + 1], k) for k in range(i, j)
            )

    def product(i: int, j: int) -> TensorVariable:
        k = cost[i, j][1]
        return parts[i] if i == j else matmul(product(i, k), product(k + 1, j))

    return product(0, n - 1)


def matrix_dot(*args: Any) -> TensorVariable:
    """The product of several matrices, from the left."""
    return reduce(matmul, as_operands(args))


def cross(a: Any, b: Any, axis: int = -1) -> TensorVariable:
    """The cross product of vectors of three elements along `axis`; the other axes broadcast."""
    a, b = (moveaxis(v, axis, -1) for v in as_operands([a, b]))
    for v in (a, b):
        if v.type.shape[-1] not in (3, None):
            raise shape_error(
                "Cannot take the cross product", [a, b], "an axis has not length 3", "Use three elements."
            )
    parts = [a[..., i] * b[..., j] - a[..., j] * b[..., i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return moveaxis(stack(parts, axis=-1), -1, axis)
