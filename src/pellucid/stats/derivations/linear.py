"""Linear maps of whole vectors: products with a square matrix, and running sums and products."""

from __future__ import annotations

from typing import Any

from pellucid.graph.nodes import Variable
from pellucid.stats.derivations.core import (
    WRITE_INSTEAD,
    Fitted,
    Measure,
    blocked,
    check_pure,
    derives,
    measure,
    random_inputs,
)
from pellucid.tensor.arithmetic import abs as abs_
from pellucid.tensor.create import ones_like
from pellucid.tensor.cumulate import Cumulate
from pellucid.tensor.elementwise import cast
from pellucid.tensor.indexing import diagonal
from pellucid.tensor.linalg import Cholesky, MatMul, slogdet, solve, solve_triangular
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import concatenate, dim, matrix_transpose
from pellucid.tensor.transcendental import log
from pellucid.tensor.types import TensorVariable


class Multiplied(Fitted):
    """A @ X for a square matrix A: the density of each column, less log |det A|."""

    def __init__(self, rv: TensorVariable):
        super().__init__(rv)
        self.matrix, right = rv.owner.inputs  # type: ignore[union-attr]
        self.inner = measure(right)
        check_pure(rv, self.inner)
        rows, columns = self.matrix.type.shape[-2:]  # type: ignore[attr-defined]
        if rows != columns:
            raise blocked(rv, f"the matrix has shape {self.matrix.type.shape}, not a square one",  # type: ignore[attr-defined]
                          "Only a square matrix can be undone; of normal draws write pm.MvNormal.")  # fmt: skip
        if self.inner.discrete:
            raise blocked(rv, f"{right} is discrete", WRITE_INSTEAD)
        batch = self.matrix.ndim - 2 > self.inner.rv.ndim - 2 or rv.ndim != self.inner.rv.ndim  # type: ignore[attr-defined]
        if batch or any(a == 1 != n for a, n in zip(right.type.shape, rv.type.shape, strict=True)):  # type: ignore[attr-defined]
            raise blocked(rv, "one draw is multiplied by several matrices", "Draw it in the full shape.")
        self.event = tuple(sorted({-2, *self.inner.event}))
        self.independent = False

    def undone(self, x: TensorVariable) -> tuple[TensorVariable, TensorVariable]:
        """The inverse of A at x, and log |det A|."""
        a: Any = self.matrix
        if a.owner is not None and isinstance(a.owner.op, Cholesky):
            # Its diagonal is positive, and what is not lower triangular is zero.
            return solve_triangular(a, x, lower=True, b_ndim=2), sum_(log(abs_(diagonal(a, 0, -2, -1))), -1)
        return solve(a, x, b_ndim=2), slogdet(a)[1]

    def density(self, x: TensorVariable) -> TensorVariable:
        inner, log_det = self.undone(x)
        found = self.inner.log_density(inner)
        by_row = -2 not in self.inner.event
        if -1 in self.inner.event:  # rows are events: one density covers all columns
            columns = cast(dim(x, x.ndim - 1), "float64")
            return (sum_(found, -1) if by_row else found) - columns * log_det
        if by_row:
            found = sum_(found, -2)
        return found - (log_det[..., None] if log_det.ndim else log_det)

    def origin(self, x: TensorVariable) -> dict[Variable, TensorVariable]:
        return self.inner.origin(self.undone(x)[0])


@derives(MatMul)
def product_rule(rv: TensorVariable) -> Measure:
    """A @ X, or X @ A as the transpose of a product."""
    places = random_inputs(rv)
    if places == [0]:
        left, right = rv.owner.inputs  # type: ignore[union-attr]
        return measure(matrix_transpose(MatMul()(matrix_transpose(right), matrix_transpose(left))))
    if places != [1]:
        raise blocked(rv, "both factors are random", "Give a value to one (pm.conditional_logp).")
    return Multiplied(rv)


class Running(Fitted):
    """A running sum (or product): each value by the increment that leads to it from the one before."""

    def __init__(self, rv: TensorVariable):
        super().__init__(rv)
        op: Any = rv.owner.op  # type: ignore[union-attr]
        self.inner = measure(rv.owner.inputs[0])  # type: ignore[union-attr]
        self.axis, self.sums = op.axis, op.name == "sum"
        if not self.sums and (self.inner.discrete or self.inner.event):
            raise blocked(rv, "the factors are discrete or multivariate", WRITE_INSTEAD)
        if self.inner.rv.dtype != rv.dtype and self.inner.rv.dtype.startswith("float"):
            raise blocked(rv, "it changes the dtype", WRITE_INSTEAD)
        self.event, self.discrete, self.independent = self.inner.event, self.inner.discrete, False
        self.mixed = self.inner.mixed

    def increments(self, x: TensorVariable) -> tuple[TensorVariable, TensorVariable]:
        """What was added (or multiplied by) to reach each value, and for products the value before, 1 at first."""
        lead = (slice(None),) * self.axis
        first, later, before = x[(*lead, slice(0, 1))], x[(*lead, slice(1, None))], x[(*lead, slice(None, -1))]
        steps = later - before if self.sums else later / before
        return concatenate([first, steps], self.axis), concatenate([ones_like(first), before], self.axis)

    def density(self, x: TensorVariable) -> TensorVariable:
        steps, before = self.increments(x)
        found = self.inner.log_density(steps)
        return found if self.sums else found - log(abs_(before))

    def origin(self, x: TensorVariable) -> dict[Variable, TensorVariable]:
        return self.inner.origin(self.increments(x)[0])


@derives(Cumulate)
def running_rule(rv: TensorVariable) -> Measure:
    """cumsum and cumprod."""
    return Running(rv)
