"""One-to-one maps between the real numbers and vectors and matrices with a structure: zero sums, Cholesky factors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.stats.bijection import Bijection
from pellucid.tensor.arithmetic import sqr, switch
from pellucid.tensor.create import zeros_like
from pellucid.tensor.elementwise import cast
from pellucid.tensor.indexing import diagonal
from pellucid.tensor.linalg import cholesky, matmul
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import concatenate, dim, expand_dims, matrix_transpose
from pellucid.tensor.transcendental import exp, log, log1p, sqrt
from pellucid.tensor.types import TensorVariable, as_tensor_variable, static_value


def known_length(n: Any, what: str) -> int:
    """A length that must be known while the graph is written."""
    found = static_value(n) if isinstance(n, TensorVariable) else n
    if not isinstance(found, int | np.integer) or found < 1:
        raise TypeError(f"{what} needs the number of rows as a whole number above 0 that is known now, not {n}.")
    return int(found)


def diagonal_places(n: int) -> np.ndarray:
    """Where the diagonal stands among the rows of a lower triangle, one after another."""
    return np.cumsum(np.arange(1, n + 1)) - 1


class ZeroSum(Bijection):
    """Arrays that sum to zero along their last axes, by arrays shorter by one along each of these.

    Along one axis of length n the map is an isometry: with s the sum of the n - 1 numbers y, the array is
    (y, -s / sqrt(n) + c) - c with c = s / (sqrt(n) + n). So the volume does not change.

    Parameters
    ----------
    zerosum_axes : sequence of int
        Negative: counted from the last axis.
    """

    name = "zerosum"

    def __init__(self, zerosum_axes: Sequence[int]):
        self.zerosum_axes = tuple(int(a) for a in zerosum_axes)
        self.ndim_supp = len(self.zerosum_axes)

    def forward(self, value: Any, *inputs: Any) -> TensorVariable:
        value = as_tensor_variable(value)
        for axis in self.zerosum_axes:
            n = cast(dim(value, axis % value.ndim), "float64")
            last = expand_dims(part(value, axis, -1), axis)  # of length 1 whatever is known of the others
            value = part(value, axis, slice(None, -1)) - last / (1.0 + sqrt(n))
        return value

    def backward(self, value: Any, *inputs: Any) -> TensorVariable:
        value = as_tensor_variable(value)
        for axis in self.zerosum_axes:
            n = cast(dim(value, axis % value.ndim) + 1, "float64")
            total = sum_(value, axis, keepdims=True)
            shift = total / (sqrt(n) + n)
            value = concatenate([value - shift, -total / sqrt(n)], axis=axis)
        return value

    def log_jac_det(self, value: Any, *inputs: Any) -> TensorVariable:
        return zeros_like(sum_(as_tensor_variable(value), axis=self.zerosum_axes))

    def __repr__(self) -> str:
        return f"ZeroSum({list(self.zerosum_axes)})"


def part(x: TensorVariable, axis: int, which: int | slice) -> TensorVariable:
    """A slice, or one place, along one axis."""
    index: list[Any] = [slice(None)] * x.ndim
    index[axis] = which
    return x[tuple(index)]


class SumTo1(Bijection):
    """Numbers that sum to 1 by all but the last. What else they are is left open; see Simplex for probabilities."""

    name = "sumto1"
    ndim_supp = 1

    def forward(self, value: Any, *inputs: Any) -> TensorVariable:
        return as_tensor_variable(value)[..., :-1]

    def backward(self, value: Any, *inputs: Any) -> TensorVariable:
        value = as_tensor_variable(value)
        return concatenate([value, 1.0 - sum_(value, axis=-1, keepdims=True)], axis=-1)

    def log_jac_det(self, value: Any, *inputs: Any) -> TensorVariable:
        return zeros_like(sum_(as_tensor_variable(value), axis=-1))


class CholeskyCovPacked(Bijection):
    """The rows of a lower triangle with a positive diagonal, one after another: the diagonal by its logarithms.

    Parameters
    ----------
    n : int
        The number of rows.
    """

    name = "cholesky-cov-packed"
    ndim_supp = 1

    def __init__(self, n: Any):
        self.n = known_length(n, "A packed Cholesky factor")
        self.places = diagonal_places(self.n)
        self.on_diagonal = np.isin(np.arange(self.n * (self.n + 1) // 2), self.places)

    def forward(self, value: Any, *inputs: Any) -> TensorVariable:
        # The inner switch keeps what is not taken from making its gradient NaN.
        return switch(self.on_diagonal, log(switch(self.on_diagonal, value, 1.0)), value)

    def backward(self, value: Any, *inputs: Any) -> TensorVariable:
        return switch(self.on_diagonal, exp(switch(self.on_diagonal, value, 0.0)), value)

    def log_jac_det(self, value: Any, *inputs: Any) -> TensorVariable:
        return sum_(as_tensor_variable(value)[..., self.places], axis=-1)

    def __repr__(self) -> str:
        return f"CholeskyCovPacked({self.n})"


class CholeskyCov(Bijection):
    """Symmetric positive definite matrices by the rows of their Cholesky factor, its diagonal by logarithms.

    log |det| = n log 2 + sum over k of (n - k + 2) y_kk, for k = 1 ... n: that of the factor in the logarithms, and
    that of L @ L.T in L (Magnus and Neudecker, "Matrix Differential Calculus", lemma 4.1).

    Parameters
    ----------
    n : int
        The number of rows.
    """

    name = "cholesky-cov"
    ndim_supp = 1

    def __init__(self, n: Any):
        self.packed = CholeskyCovPacked(n)
        self.n = self.packed.n
        self.rows, self.columns = np.tril_indices(self.n)

    def forward(self, value: Any, *inputs: Any) -> TensorVariable:
        factor = cholesky(as_tensor_variable(value))
        return self.packed.forward(factor[..., self.rows, self.columns])

    def backward(self, value: Any, *inputs: Any) -> TensorVariable:
        factor = lower_triangle(self.packed.backward(value), self.n)
        return matmul(factor, matrix_transpose(factor))

    def log_jac_det(self, value: Any, *inputs: Any) -> TensorVariable:
        logs = as_tensor_variable(value)[..., self.packed.places]
        return self.n * math.log(2.0) + sum_(np.arange(self.n + 1.0, 1.0, -1.0) * logs, axis=-1)

    def __repr__(self) -> str:
        return f"CholeskyCov({self.n})"


def lower_triangle(packed: Any, n: int) -> TensorVariable:
    """The n by n lower triangular matrix whose rows, one after another, lie along the last axis."""
    rows, columns = np.tril_indices(n)
    places = np.zeros((n, n), "int64")
    places[rows, columns] = np.arange(len(rows))
    return switch(np.tri(n, dtype=bool), as_tensor_variable(packed)[..., places], 0.0)


class CholeskyCorr(Bijection):
    """Cholesky factors of correlation matrices, by their rows divided by the diagonal.

    Row i (from 1) is (y, 1) / sqrt(1 + |y|^2) for i - 1 real numbers y, so log |det| is the sum over rows of
    (i + 1) log L_ii. The numbers stand in the order of PyMC's value variable, which fills the triangle from its end
    and its start in turn.

    Parameters
    ----------
    n : int
        The number of rows.
    upper : bool
        Whether the factors are upper triangular: the transposes.
    """

    name = "cholesky_corr"
    ndim_supp = 1

    def __init__(self, n: Any, upper: bool = False):
        self.n, self.upper = known_length(n, "A Cholesky factor of correlations"), upper
        self.places = np.zeros((self.n, self.n), "int64")
        self.below = np.tri(self.n, k=-1, dtype=bool)
        m = self.n - 1
        order = np.arange(m * (m + 1) // 2)
        self.places[1:, :m] = np.concatenate([order[m:], order[::-1]]).reshape(m, m)
        _, first = np.unique(self.places[self.below], return_index=True)
        self.rows, self.columns = (a[first] for a in np.nonzero(self.below))

    def scaled(self, value: Any) -> TensorVariable:
        """The strictly lower triangle of rows over their diagonal."""
        value = as_tensor_variable(value)
        if self.n == 1:
            return zeros_like(sum_(value, axis=-1))[..., None, None]
        return switch(self.below, value[..., self.places], 0.0)

    def forward(self, value: Any, *inputs: Any) -> TensorVariable:
        value = as_tensor_variable(value)
        value = matrix_transpose(value) if self.upper else value
        scaled = value / expand_dims(diagonal(value, 0, -2, -1), -1)
        return scaled[..., self.rows, self.columns]

    def backward(self, value: Any, *inputs: Any) -> TensorVariable:
        rows = self.scaled(value)
        found = (rows + np.eye(self.n)) / sqrt(1.0 + sum_(sqr(rows), axis=-1, keepdims=True))
        return matrix_transpose(found) if self.upper else found

    def log_jac_det(self, value: Any, *inputs: Any) -> TensorVariable:
        logs = log1p(sum_(sqr(self.scaled(value)), axis=-1))
        return -0.5 * sum_(np.arange(2.0, self.n + 2.0) * logs, axis=-1)

    def __repr__(self) -> str:
        return f"CholeskyCorr({self.n}{', upper=True' if self.upper else ''})"


sum_to_1 = SumTo1()
