"""Linear algebra over two named dims."""

from __future__ import annotations

from typing import Any

from pellucid.dims.named import DimTensor, aligned, as_names, as_xtensor, at_line, union
from pellucid.dims.shaping import transpose
from pellucid.tensor import linalg


def pair(dims: Any) -> tuple[str, str]:
    """Two dims: those of rows and of columns."""
    names = as_names(dims)
    if len(set(names)) != 2:
        raise ValueError(f"A matrix has two dims, not {names}. {at_line()}")
    return names[0], names[1]


def cholesky(x: Any, lower: bool = True, *, dims: Any) -> DimTensor:
    """The Cholesky factor of matrices with these dims of rows and columns."""
    found = transpose(as_xtensor(x), ..., *pair(dims))
    return DimTensor(linalg.cholesky(found.values, lower=lower), found.dims)


def solve(a: Any, b: Any, dims: Any, assume_a: str = "gen", lower: bool = False) -> DimTensor:
    """The x of ``dot(a, x) = b``: of `dims`, the two of the matrix `a`, b has one and x the other."""
    matrix, right = as_xtensor(a), as_xtensor(b)
    names = pair(dims)
    if len(common := [d for d in names if d in right.dims]) != 1:
        raise ValueError(f"b must have one of the dims {names}, but it has {right.dims}. {at_line()}")
    row = common[0]
    column = names[1 - names.index(row)]
    batch = [d for d in union([matrix, right]) if d not in names]
    left = aligned(matrix, [*batch, row, column])
    found = linalg.solve(left, aligned(right, [*batch, row])[..., None], assume_a=assume_a, lower=lower)
    return DimTensor(found[..., 0], (*batch, column))
