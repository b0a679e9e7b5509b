"""Sums of squares that are linear in parameters: their value from as few numbers as there are parameters and groups.

The sum over data i of (a + b x_i - y_i)^2 is |R (a, b, -1)|^2, where R is the triangular factor of the matrix with the
columns 1, x and y. Unlike the normal equations that squares no rounding error: each entry of R is a length or a
projection of data, and the sum is one of squares, so nothing cancels that did not cancel before. What the data share is
subtracted from them first, exactly (Sterbenz' lemma), so that data of mean 1e8 and spread 1e-3 lose nothing either.
Where the parameters are picked by a group, each group has its own R.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.graph.nodes import Variable
from pellucid.tensor.arithmetic import add, mul, neg, sqr, sub, true_div
from pellucid.tensor.index import Gather, Slice, Subtensor
from pellucid.tensor.linalg.products import MatMul
from pellucid.tensor.reduce import Reduce
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import BroadcastTo, DimShuffle
from pellucid.tensor.types import Constant

MOST_COLUMNS = 6
"""How many columns there may be where each group has a matrix, whose products are written out."""

ROWS = 2**16
"""How many data are factored at a time."""

LARGEST = 1e140
"""The largest number whose square may still be added up."""

ConstantValue = Callable[[Variable], "np.ndarray | None"]
"""The value of what depends on constants alone; None of anything else."""


def is_invariant(v: Variable) -> bool:
    """Whether a tensor has one element for certain."""
    return all(n == 1 for n in v.type.shape)


def as_scalar(v: Any) -> Any:
    """The element of a tensor of one element, as a scalar."""
    if v.owner is not None and isinstance(v.owner.op, BroadcastTo) and is_invariant(v.owner.inputs[0]):
        return as_scalar(v.owner.inputs[0])
    return DimShuffle(())(v) if v.type.ndim else v


def made_of(v: Any) -> tuple[Any, Sequence[Any]]:
    """The op that makes a variable, and of what; None and nothing for a root."""
    return (None, ()) if v.owner is None else (v.owner.op, v.owner.inputs)


def times(a: Any, b: Any) -> Any:
    """A product, where None stands for 1."""
    return b if a is None else a if b is None else mul(a, b)


class Unsuited(Exception):
    """An expression is not linear in this sense."""


@dataclass(eq=False)
class Linear:
    """A vector over data that is linear in parameters.

    Attributes
    ----------
    shift : list of Variable
        What is added to every datum: scalars, or (with an index) vectors over groups.
    data : ndarray
        What does not depend on parameters.
    columns : list of (ndarray, Variable)
        Data, and the parameters (scalars, or vectors over groups) that multiply them.
    blocks : list of (ndarray, Variable)
        Matrices of data, and vectors of parameters.
    index : Constant or None
        The group of each datum.
    present, where : ndarray
        The groups that have data, and for each datum which of them is its own.
    """

    size: int
    value: ConstantValue
    shift: list[Any] = field(default_factory=list)
    data: Any = 0.0
    columns: list[tuple[np.ndarray, Any]] = field(default_factory=list)
    blocks: list[tuple[np.ndarray, Any]] = field(default_factory=list)
    index: Constant | None = None
    present: Any = None
    where: Any = None

    def read(self, v: Variable) -> None:
        """Take a vector apart."""
        stack: list[tuple[Variable, Any, Any]] = [(v, None, 1.0)]  # what, the parameter and the data that multiply it
        while stack:
            v, factor, column = stack.pop()
            found = self.value(v)
            if found is not None and factor is None:
                self.data = self.data + column * found.astype("float64")
            elif found is not None:
                self.add(column * found.astype("float64"), factor)
            elif is_invariant(v):
                self.add(column, times(factor, as_scalar(v)))
            else:
                stack += self.parts(v, factor, column)

    def add(self, column: Any, parameter: Any) -> None:
        """Add a parameter times data (one number if it is the same for all)."""
        if np.ndim(column) == 0 or column.size == 1:
            number = float(column)
            self.shift.append(parameter if number == 1.0 else neg(parameter) if number == -1.0 else number * parameter)
            return
        for i, (known, other) in enumerate(self.columns):
            if np.array_equal(known, column):
                self.columns[i] = known, add(other, parameter)
                return
        self.columns.append((column, parameter))

    def parts(self, v: Variable, factor: Any, column: Any) -> list[tuple[Variable, Any, Any]]:
        """What a vector is made of."""
        op, inputs = made_of(v)
        if op is add or op is sub:
            return [(inputs[0], factor, column), (inputs[1], factor, column if op is add else -column)]
        if op is neg:
            return [(inputs[0], factor, -column)]
        if op is mul:
            return self.product(inputs, factor, column)
        if op is true_div:
            below = self.value(inputs[1])
            if below is not None:
                return [(inputs[0], factor, column / below)]
            if is_invariant(inputs[1]):
                return [(inputs[0], times(factor, true_div(1.0, as_scalar(inputs[1]))), column)]
        if isinstance(op, (Gather, Subtensor)):
            self.add(column, times(factor, self.picked(v)))
            return []
        if isinstance(op, BroadcastTo):
            return [(inputs[0], factor, column)]
        if isinstance(op, DimShuffle) and isinstance(made_of(inputs[0])[0], MatMul):
            matrix, parameters = made_of(inputs[0])[1]
            self.block(matrix, parameters, factor, column)
            return []
        if isinstance(op, Reduce) and op.name == "sum" and op.axes == (1,):
            return self.row_products(inputs[0], factor, column)
        raise Unsuited

    def product(self, inputs: Sequence[Variable], factor: Any, column: Any) -> list[tuple[Variable, Any, Any]]:
        """A product with a number or with data."""
        for v, rest in (inputs, inputs[::-1]):
            known = self.value(v)
            if known is not None:
                return [(rest, factor, column * known)]
            if is_invariant(v):
                return [(rest, times(factor, as_scalar(v)), column)]
        raise Unsuited

    def picked(self, v: Any) -> Any:
        """The vector of which each datum has the element of its group."""
        op, (x, *rest) = made_of(v)
        if isinstance(op, Gather) and op.axes == (0,) and x.type.ndim == 1:
            return self.of_groups(x, rest[0])
        if isinstance(op, Gather) and op.axes == (0, 1) and x.type.ndim == 2:
            column = self.value(rest[1])
            if column is not None and column.size == 1:
                return self.of_groups(x[:, int(column.item())], rest[0])
        if isinstance(op, Subtensor) and len(op.entries) == 2 and not rest and op.entries[0] == Slice():
            (inner, rows), number = made_of(x), op.entries[1]
            whole = isinstance(inner, Gather) and inner.axes == (0,) and rows[0].type.ndim == 2
            if whole and isinstance(number, int):
                return self.of_groups(rows[0][:, number], rows[1])
        raise Unsuited

    def of_groups(self, x: Any, index: Variable) -> Any:
        """The elements of a vector for the groups that have data."""
        self.group(index)
        everywhere = len(self.present) == x.type.shape[0]
        return x if everywhere else Gather((0,))(x, Constant(self.present))

    def group(self, index: Any) -> None:
        """Note by what index groups are picked; there may be one."""
        fits = isinstance(index, Constant) and index.data.shape == (self.size,) and int(index.data.min()) >= 0
        if not fits or (self.index is not None and not np.array_equal(self.index.data, index.data)):
            raise Unsuited
        if self.index is None:
            self.index = index
            self.present, self.where = np.unique(index.data, return_inverse=True)

    def block(self, matrix: Variable, parameters: Any, factor: Any, column: Any) -> None:
        """A matrix of data times a vector."""
        data = self.value(matrix)
        if data is None or parameters.type.shape[1:] != (1,) or data.shape[0] != self.size:
            raise Unsuited
        vector = DimShuffle((0,))(parameters)
        self.blocks.append((np.reshape(column, (-1, 1)) * data, vector if factor is None else mul(factor, vector)))

    def row_products(self, x: Variable, factor: Any, column: Any) -> list[tuple[Variable, Any, Any]]:
        """The sum over a few columns of data, each times what each datum's group has there."""
        op, factors = made_of(x)
        if op is not mul:
            raise Unsuited
        for v, rows in (factors, factors[::-1]):
            data, (picks, of) = self.value(v), made_of(rows)
            if data is None or not isinstance(picks, Gather) or picks.axes != (0,) or data.shape[:1] != (self.size,):
                continue
            if of[0].type.ndim == 2 and of[0].type.shape[1] == data.shape[1] <= MOST_COLUMNS:
                for k in range(data.shape[1]):
                    part = times(factor, self.of_groups(of[0][:, k], of[1]))
                    every = (data[:, k] == data[0, k]).all()
                    self.add(column * (data[0, k] if every else data[:, k]), part)
                return []
        raise Unsuited


def squares(v: Variable, size: int, value: ConstantValue) -> Any:
    """The sum of the squares of a vector over data, from sufficient statistics; None where there are none."""
    below: list[Any] = []
    weights: Any = 1.0
    linear = Linear(size, value)
    try:
        while made_of(v)[0] is true_div:
            v, scale = made_of(v)[1]
            known = value(scale)
            if known is not None:
                weights = weights / known
            else:
                below.append(as_scalar(scale) if is_invariant(scale) else linear.picked(scale))
        linear.read(v)
    except Unsuited:
        return None
    linear.data = np.broadcast_to(np.asarray(linear.data, "float64"), (size,))
    given = [linear.data, weights, *(c for c, _ in linear.columns), *(b for b, _ in linear.blocks)]
    if not all(np.all(np.abs(a) < LARGEST) for a in given):
        return None
    return at_once(linear, weights, below) if linear.index is None else by_groups(linear, weights, below)


def shifted(linear: Linear, means: np.ndarray, where: Any) -> None:
    """Move the mean of (each group's) data to what is added to every datum."""
    if linear.shift:
        total = linear.shift[0]
        for v in linear.shift[1:]:
            total = add(total, v)
        linear.shift = [add(total, Constant(means))]
        linear.data = linear.data - means[where]


def scaled(rows: Any, below: Sequence[Any]) -> Any:
    """Rows, over what divides all of them."""
    for scale in below:
        rows = true_div(rows, scale)
    return rows


def at_once(linear: Linear, weights: Any, below: Sequence[Any]) -> Any:
    """The sum of squares where there are no groups: that of a vector as long as there are parameters."""
    width = bool(linear.shift) + len(linear.columns) + sum(b.shape[1] for b, _ in linear.blocks) + 1
    if 2 * width > linear.size:
        return None
    shifted(linear, np.asarray(np.mean(linear.data)), ())
    ones = [np.ones((linear.size, 1))] if linear.shift else []
    columns = [*ones, *(c[:, None] for c, _ in linear.columns), *(b for b, _ in linear.blocks), linear.data[:, None]]
    factor = triangle([*columns, np.broadcast_to(np.reshape(weights, (-1, 1)), (linear.size, 1))])
    total: Any = Constant(np.ascontiguousarray(factor[:, -1]))
    at = 0
    for parameter in (*linear.shift, *(p for _, p in linear.columns)):
        total = add(total, mul(Constant(np.ascontiguousarray(factor[:, at])), parameter))
        at += 1
    for block, parameter in linear.blocks:
        total = add(total, matvec(factor[:, at : at + block.shape[1]], parameter))
        at += block.shape[1]
    return sum_(sqr(scaled(total, below)))


def triangle(columns: Sequence[np.ndarray]) -> Any:
    """The triangular factor of columns times the last of them, some rows at a time: large data are not copied whole."""
    factor: Any = np.empty((0, sum(c.shape[1] for c in columns) - 1))
    for at in range(0, len(columns[0]), ROWS):
        *parts, weights = (c[at : at + ROWS] for c in columns)
        factor = np.linalg.qr(np.vstack([factor, weights * np.hstack(parts)]), mode="r")
    return factor


def matvec(matrix: np.ndarray, vector: Any) -> Any:
    """A constant matrix times a vector."""
    column = MatMul()(Constant(np.ascontiguousarray(matrix)), DimShuffle((0, "x"))(vector))
    return DimShuffle((0,))(column)


def by_groups(linear: Linear, weights: Any, below: Sequence[Any]) -> Any:
    """The sum of squares where each group has parameters: of a triangle of products for each group."""
    present, where = linear.present, linear.where
    width = bool(linear.shift) + len(linear.columns) + 1
    if linear.blocks or width > MOST_COLUMNS or len(present) * (width + 1) > linear.size:
        return None
    order = np.argsort(where.astype(np.uint16) if len(present) < 2**16 else where, kind="stable")
    counts = np.bincount(where)
    starts = np.cumsum(counts) - counts
    shifted(linear, np.add.reduceat(linear.data[order], starts) / counts, where)
    ones = [np.ones(linear.size)] if linear.shift else []
    columns = [(weights * c)[order] for c in (*ones, *(c for c, _ in linear.columns), linear.data)]
    parameters = [*linear.shift, *(p for _, p in linear.columns)]
    total: Any = None
    for row in triangles(columns, starts, counts):
        value: Any = Constant(row[-1])
        for coefficients, parameter in zip(row[-2::-1], parameters[::-1], strict=False):
            value = add(mul(Constant(coefficients), parameter), value)
        part = sum_(sqr(scaled(value, below)))
        total = part if total is None else add(total, part)
    return total


def triangles(columns: Sequence[np.ndarray], starts: np.ndarray, counts: np.ndarray) -> list[list[np.ndarray]]:
    """The triangular factors of the matrices that the columns of each group are, row by row, each from the diagonal.

    By the modified method of Gram and Schmidt, whose triangle is as good as that of Householder's (Bjorck, 1967).
    """
    rest, rows = list(columns), []
    while rest:
        first, *rest = rest
        length = np.sqrt(np.add.reduceat(first * first, starts))
        unit = first / np.repeat(np.where(length > 0, length, 1.0), counts)
        row = [np.add.reduceat(unit * column, starts) for column in rest]
        rest = [column - unit * np.repeat(part, counts) for column, part in zip(rest, row, strict=True)]
        rows.append([length, *row])
    return rows
