"""Matrices with a structure: Kronecker products, which need not be formed, blocks, diagonals, and products of grids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from pellucid.tensor.arithmetic import mul
from pellucid.tensor.create import eye
from pellucid.tensor.linalg import kron, matmul, slogdet, solve_triangular
from pellucid.tensor.shape import broadcast_arrays, concatenate, flatten, reshape, stack
from pellucid.tensor.types import TensorVariable, as_tensor_variable


def kronecker(*Ks: Any) -> TensorVariable:
    """The Kronecker product of matrices.

    Examples
    --------
    >>> print(kronecker([[1.0, 2.0]], [[1.0], [3.0]]).eval())
    [[1. 2.]
     [3. 6.]]
    """
    return reduce(kron, Ks)


def kron_diag(*diags: Any) -> TensorVariable:
    """The diagonal of the Kronecker product of diagonal matrices, from their diagonals.

    Examples
    --------
    >>> print(kron_diag([1.0, 2.0], [3.0, 4.0]).eval())
    [3. 4. 6. 8.]
    """
    return reduce(flat_outer, diags)


def flat_outer(a: Any, b: Any) -> TensorVariable:
    """All products of an element of `a` and one of `b`, as a vector."""
    return flatten(mul(as_tensor_variable(a)[:, None], as_tensor_variable(b)[None, :]))


def kron_apply(op: Callable[[Any, Any], Any], krons: Sequence[Any], m: Any) -> TensorVariable:
    """What `op` does with the Kronecker product of `krons` and a vector or matrix `m`, factor by factor.

    Each factor acts on the first of the axes that `m` has as an array of all factors' lengths, which then becomes the
    last; after all of them the columns of `m` are in front.
    """
    m = as_tensor_variable(m)
    found = m
    for factor in map(as_tensor_variable, krons):
        found = op(factor, reshape(found, (factor.shape[-1], -1))).T
    columns = 1 if m.ndim == 1 else m.shape[1]
    whole = reshape(found, (columns, -1)).T
    return whole[:, 0] if m.ndim == 1 else whole


def kron_dot(krons: Sequence[Any], m: Any) -> TensorVariable:
    """The Kronecker product of matrices times a vector or a matrix.

    Examples
    --------
    >>> print(kron_dot([[[1.0, 1.0]], [[2.0]]], [3.0, 4.0]).eval())
    [14.]
    """
    return kron_apply(matmul, krons, m)


def kron_solve_lower(krons: Sequence[Any], m: Any) -> TensorVariable:
    """The solution x of (K1 ⊗ K2 ⊗ ...) x = m with lower triangular factors."""
    return kron_apply(lambda a, b: solve_triangular(a, b, lower=True, b_ndim=2), krons, m)


def kron_solve_upper(krons: Sequence[Any], m: Any) -> TensorVariable:
    """The solution x of (K1 ⊗ K2 ⊗ ...) x = m with upper triangular factors."""
    return kron_apply(lambda a, b: solve_triangular(a, b, lower=False, b_ndim=2), krons, m)


def batched_diag(C: Any) -> TensorVariable:
    """Of vectors the diagonal matrices, of matrices their diagonals; the last axes are those of one of them."""
    C = as_tensor_variable(C)
    if C.ndim == 2:
        return C[..., None] * eye(C.shape[-1])
    if C.ndim == 3:
        return C.diagonal(axis1=-2, axis2=-1)
    raise ValueError(f"batched_diag takes vectors as a matrix, or matrices as a tensor of 3 axes; got {C.ndim} axes.")


def cartesian(*arrays: Any) -> TensorVariable:
    """All combinations of the rows of arrays, the first array's changing slowest.

    Examples
    --------
    >>> print(cartesian([1, 2], [3, 4]).eval())
    [[1 3]
     [1 4]
     [2 3]
     [2 4]]
    """
    tables = [a[:, None] if a.ndim == 1 else a for a in map(as_tensor_variable, arrays)]
    columns = [
        table[:, column][tuple(slice(None) if i == k else None for i in range(len(tables)))]
        for k, table in enumerate(tables)
        for column in range(known_width(table))
    ]
    return stack([flatten(c) for c in broadcast_arrays(*columns)], axis=-1)


def known_width(table: TensorVariable) -> int:
    """The number of columns, which decides how many vectors there are."""
    width = table.type.shape[1]
    if width is None:
        raise TypeError(f"cartesian needs arrays whose number of columns is known; {table} is of type {table.type}.")
    return width


def flatten_list(tensors: Sequence[Any]) -> TensorVariable:
    """The elements of tensors, one after another."""
    return concatenate([flatten(as_tensor_variable(t)) for t in tensors])


def logdet(x: Any) -> TensorVariable:
    """The logarithm of the absolute value of the determinant of a matrix."""
    return slogdet(x)[1]
