"""Factors and solutions of small matrices as straight-line native code, where a call of a library would take longer."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from pellucid.graph.nodes import Variable
from pellucid.tensor.linalg.matrices import Matrices

MOST = 6
"""The largest number of rows: the code grows with the cube of it."""


def rows_of(m: Matrices, a: Variable) -> int | None:
    """How many rows square matrices have, where they are few enough for straight-line code; else None."""
    n = a.type.shape[-1] or a.type.shape[-2]
    return n if n is not None and n <= MOST and m.unrolls() else None


def load(m: Matrices, v: Variable, at: Any) -> Any:
    """An element of the current matrix, by row-major position."""
    k = m.k
    return k.load_now(m.entry(v, k.integer(at) if isinstance(at, int) else at), v.type.dtype)


def store(m: Matrices, value: Any, v: Variable, at: Any) -> None:
    """Write an element of the current matrix, by row-major position."""
    k = m.k
    k.store_now(value, m.entry(v, k.integer(at) if isinstance(at, int) else at))


def less_products(k: Any, start: Any, pairs: list[tuple[Any, Any]]) -> Any:
    """What is left of a number without some products."""
    return reduce(lambda rest, pair: k.sub(rest, k.mul(*pair)), pairs, start)


def cholesky(m: Matrices, out: Variable, a: Variable, n: int) -> None:
    """The factor, row after row from what is above; all NaN where a pivot is zero or less."""
    k = m.k
    zero, one, nan = (k.constant(number, "float64") for number in (0.0, 1.0, np.nan))
    factor: dict[tuple[int, int], Any] = {}
    inverse: list[Any] = []
    spoiled = k.constant(False, "bool")
    for i in range(n):
        for j in range(i + 1):
            products = [(factor[i, t], factor[j, t]) for t in range(j)]
            rest = less_products(k, load(m, a, i * n + j), products)
            if j < i:
                factor[i, j] = k.mul(rest, inverse[j])
                continue
            spoiled = k.bitwise_or(spoiled, k.compare("le", rest, zero))
            factor[i, i] = k.sqrt(rest)
            inverse.append(k.div(one, factor[i, i]))
    for i in range(n):
        for j in range(n):
            store(m, k.select(spoiled, nan, factor.get((i, j), zero)), out, i * n + j)


def substitute(
    m: Matrices, out: Variable, a: Variable, b: Variable, n: int, upper: bool, flip: bool, unit: bool
) -> None:
    """The solution for each column of b, one unknown after the other.

    `upper` says which triangle of `a` is read, `flip` that it is transposed, `unit` that its diagonal is one.
    """
    k, columns = m.k, m.shape(b)[1]
    order = range(n) if upper == flip else range(n)[::-1]
    known = [(i, j) for i in range(n) for j in range(n) if i == j or (j > i) == upper]
    triangle = {(j, i) if flip else (i, j): load(m, a, i * n + j) for i, j in known}

    def column(c: Any) -> None:
        x: dict[int, Any] = {}
        for i in order:
            place = k.add(k.mul(k.integer(i), columns), c)
            rest = less_products(k, load(m, b, place), [(triangle[i, j], x[j]) for j in x])
            x[i] = rest if unit else k.div(rest, triangle[i, i])
        for i in order:
            store(m, x[i], out, k.add(k.mul(k.integer(i), columns), c))

    k.loop(columns, column)


def factor_with_swaps(m: Matrices, lu: Variable, pivots: Variable, a: Variable, n: int) -> None:
    """Both triangular factors: in each column the largest element becomes the pivot (LAPACK's getrf).

    What is swapped is not known when this is compiled, so rows are chosen by selections, not by branches.
    """
    k = m.k
    zero = k.constant(0.0, "float64")
    rows = [[load(m, a, i * n + j) for j in range(n)] for i in range(n)]
    for c in range(n):
        place, largest = k.constant(c, "int32"), k.abs(rows[c][c])
        for r in range(c + 1, n):
            size = k.abs(rows[r][c])
            larger = k.compare("gt", size, largest)
            place, largest = k.select(larger, k.constant(r, "int32"), place), k.select(larger, size, largest)
        store(m, place, pivots, c)
        for r in range(c + 1, n):
            chosen = k.compare("eq", place, k.constant(r, "int32"))
            above, below = rows[c], rows[r]
            rows[c] = [k.select(chosen, y, x) for x, y in zip(above, below, strict=True)]
            rows[r] = [k.select(chosen, x, y) for x, y in zip(above, below, strict=True)]
        pivot, flat = rows[c][c], k.compare("eq", rows[c][c], zero)
        for r in range(c + 1, n):
            share = k.select(flat, rows[r][c], k.div(rows[r][c], pivot))
            below = [k.sub(y, k.mul(share, x)) for x, y in zip(rows[c][c + 1 :], rows[r][c + 1 :], strict=True)]
            rows[r] = [*rows[r][:c], share, *below]
    for i in range(n):
        for j in range(n):
            store(m, rows[i][j], lu, i * n + j)
