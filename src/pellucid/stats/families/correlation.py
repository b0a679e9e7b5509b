"""The priors of Lewandowski, Kurowicka and Joe (2009) for correlations, as Cholesky factors, with scales or without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.provenance import describe, user_line
from pellucid.stats.bijection import Bijection
from pellucid.stats.bijections_matrix import (
    CholeskyCorr,
    CholeskyCovPacked,
    diagonal_places,
    known_length,
    lower_triangle,
)
from pellucid.stats.constraint import Positive, RealVector, real_vector
from pellucid.stats.distribution import Distribution, distribution, name_in_model
from pellucid.stats.families.count_formulas import log_rising
from pellucid.stats.families.formulas import log_gamma_step
from pellucid.stats.families.multivariate import LOG_PI
from pellucid.stats.logprob import is_draw
from pellucid.stats.logprob import logp as log_density_of
from pellucid.stats.logprob import mean as mean_of
from pellucid.stats.structures import PositiveInteger, correlation_factor
from pellucid.tensor.arithmetic import sqr, switch
from pellucid.tensor.create import zeros
from pellucid.tensor.draws import as_size, lengths
from pellucid.tensor.indexing import diagonal, inc_subtensor
from pellucid.tensor.linalg import matmul
from pellucid.tensor.random_vectors import correlation_factor_law, covariance_factor_law
from pellucid.tensor.reduce import all as all_
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import as_extents, expand_dims, matrix_transpose
from pellucid.tensor.transcendental import exp, log, sqrt
from pellucid.tensor.types import TensorVariable, as_tensor_variable

__all__ = ["LKJCholeskyCov", "LKJCorr"]


def rows_of(self: Any) -> int:
    """The number of rows of a factor, which must be known while the graph is written."""
    return known_length(self.n, type(self).__name__)


def log_norm(eta: TensorVariable, n: int) -> TensorVariable:
    """The log of the constant that makes the density of factors of correlations integrate to one."""
    k = np.arange(1, n)
    shape = expand_dims(eta, -1) + 0.5 * (n - 1 - k)
    return sum_(log_rising(shape, 0.5 * k) + 0.5 * k * (log(shape) - LOG_PI), axis=-1)


def weighted_logs(eta: TensorVariable, n: int, logs: TensorVariable) -> TensorVariable:
    """The log-density up to its constant, from the logarithms of the diagonal: (n - i + 2 eta - 2) log L_ii, summed."""
    return sum_((2.0 * expand_dims(eta, -1) + np.arange(n - 3.0, -3.0, -1.0)) * logs, axis=-1)


def mean_diagonal(eta: TensorVariable, n: int) -> TensorVariable:
    """The means of the diagonal, whose squares are independent Beta numbers."""
    a = 0.5 * np.arange(n)
    b = expand_dims(eta, -1) + 0.5 * np.arange(n - 1.0, -1.0, -1.0)
    return exp(log_gamma_step(b) - log_gamma_step(a + b))


@distribution
class LKJCorr(Distribution):
    """Lower Cholesky factors L of `n` by `n` correlation matrices with density proportional to det(L @ L.T)^(eta - 1).

    With eta = 1 all correlation matrices are equally likely; for larger ones correlations are small.

    Examples
    --------
    >>> import pellucid.stats as ps
    >>> factor = ps.draw(ps.LKJCorr.dist(n=3, eta=2.0))
    >>> print(np.diag(factor @ factor.T).round(12))
    [1. 1. 1.]
    """

    n: PositiveInteger
    eta: Positive
    support = correlation_factor
    law = correlation_factor_law
    formula = r"c \prod_{i=2}^n L_{ii}^{n - i + 2\eta - 2}"
    source = "https://doi.org/10.1016/j.jmva.2009.04.008"

    def logp(self, x: Any) -> Any:
        n = rows_of(self)
        return log_norm(self.eta, n) + weighted_logs(self.eta, n, log(diagonal(x, 0, -2, -1)))

    def mean(self) -> Any:
        n = rows_of(self)
        return expand_dims(mean_diagonal(self.eta, n), -1) * np.eye(n)

    def support_point(self) -> Any:
        return as_tensor_variable(np.eye(rows_of(self)))

    def bijection(self) -> Bijection:
        return CholeskyCorr(rows_of(self))


@distribution
class LKJCholeskyCov(Distribution):
    """Covariances of `n` variables as Cholesky factors: LKJ(`eta`) correlations, and deviations that follow `sd_dist`.

    The random variable is the factor's lower triangle, row by row. Calling the class, or `dist`, returns
    ``(chol, corr, stds)``: the factor as a matrix, the correlations and the deviations; in a model the last two are
    the deterministics ``<name>_corr`` and ``<name>_stds`` (unless ``store_in_trace=False``). With
    ``compute_corr=False`` it returns the packed factor itself (see ``pm.expand_packed_triangular``).

    `sd_dist` is made by the ``.dist()`` of a distribution, of a number (then there is one for each of the n) or of a
    vector.

    Examples
    --------
    >>> import pellucid.stats as ps
    >>> chol, corr, stds = ps.LKJCholeskyCov.dist(eta=2.0, n=3, sd_dist=ps.Exponential.dist(1.0))
    >>> print(chol.type.shape, corr.type.shape, stds.type.shape)
    (3, 3) (3, 3) (3,)
    """

    n: PositiveInteger
    eta: Positive
    sd_dist: RealVector
    support = real_vector
    law = covariance_factor_law
    arguments = "eta n sd_dist"
    formula = r"c \prod_i \left(L_{ii} / s_i\right)^{n - i + 2\eta - 1} s_i^{1-i} p(s_i), \ s_i^2 = \sum_j L_{ij}^2"
    source = "https://doi.org/10.1016/j.jmva.2009.04.008"

    def __new__(  # type: ignore[misc]  # several variables, as in PyMC
        cls,
        name: str,
        eta: Any,
        n: Any,
        sd_dist: Any,
        *,
        compute_corr: bool = True,
        store_in_trace: bool = True,
        **options: Any,
    ) -> Any:
        packed = super().__new__(cls, name, eta=eta, n=n, sd_dist=sd_dist, compute_corr=False, **options)
        if not compute_corr:
            return packed
        chol, corr, stds = unpacked(packed, known_length(as_tensor_variable(n), cls.__name__))
        if store_in_trace:
            corr, stds = name_in_model(f"{name}_corr", corr), name_in_model(f"{name}_stds", stds)
        return chol, corr, stds

    @classmethod
    def dist(cls, eta: Any, n: Any, sd_dist: Any, *, compute_corr: bool = True, **options: Any) -> Any:  # type: ignore[override]
        """(chol, corr, stds) without a model, or the packed factor with ``compute_corr=False``."""
        rows = known_length(as_tensor_variable(n), cls.__name__)
        shape, size = options.get("shape"), options.get("size")
        batch = as_extents(shape)[:-1] if shape is not None else None if size is None else as_extents(size)
        scales = one_for_each_row(sd_dist, rows, batch)
        packed = super().dist(n=rows, eta=eta, sd_dist=scales, **options)
        return unpacked(packed, rows) if compute_corr else packed

    def logp(self, x: Any) -> Any:
        n = rows_of(self)
        pivots, scales = x[..., diagonal_places(n)], sqrt(row_sums(sqr(x), n))
        log_scales = log(scales)
        logs = log(pivots) - log_scales
        prior = log_density_of(self.sd_dist, scales)
        prior = sum_(prior, axis=-1) if prior.ndim == scales.ndim else prior
        jacobian = sum_(logs - np.arange(float(n)) * log_scales, axis=-1)
        found = log_norm(self.eta, n) + weighted_logs(self.eta, n, logs) + prior + jacobian
        return switch(all_(pivots > 0.0, axis=-1), found, -np.inf)

    def mean(self) -> Any:
        n = rows_of(self)
        rows, columns = np.tril_indices(n)
        return switch(rows == columns, (mean_of(self.sd_dist) * mean_diagonal(self.eta, n))[..., rows], 0.0)

    def support_point(self) -> Any:
        n = rows_of(self)
        return as_tensor_variable(np.isin(np.arange(n * (n + 1) // 2), diagonal_places(n)).astype(float))

    def bijection(self) -> Bijection:
        return CholeskyCovPacked(rows_of(self))


def row_sums(packed: TensorVariable, n: int) -> TensorVariable:
    """The sums over the rows of a lower triangle, which lie one after another: without the matrix, half of it zeros."""
    rows, _ = np.tril_indices(n)
    return inc_subtensor(zeros((*lengths(packed)[:-1], n))[..., rows], packed)


def one_for_each_row(sd_dist: Any, n: int, batch: Sequence[Any] | None) -> TensorVariable:
    """Independent draws of the deviations' distribution, of shape (*batch, n)."""
    if not isinstance(sd_dist, TensorVariable) or not is_draw(sd_dist) or sd_dist.owner.op.law.ndim_supp > 1:  # type: ignore[union-attr]
        raise TypeError(
            "sd_dist of LKJCholeskyCov must be a distribution of numbers or vectors, such as pm.Exponential.dist(1.0), "
            f"not {sd_dist}. At {describe(user_line())}"
        )
    if sd_dist.name is not None:
        raise ValueError(
            f"sd_dist of LKJCholeskyCov must not be a variable of a model, but it is '{sd_dist}'. Use .dist(). "
            f"At {describe(user_line())}"
        )
    op, (source, _, *parameters) = sd_dist.owner.op, sd_dist.owner.inputs  # type: ignore[union-attr]
    lead = list(batch) if batch is not None else lengths(sd_dist)[:-1]
    if op.law.ndim_supp == 0:  # type: ignore[attr-defined]
        lead.append(n)
    elif batch is None:
        return sd_dist
    return op(source, as_size(lead), *parameters)[1]  # type: ignore[return-value, index]


def unpacked(packed: TensorVariable, n: int) -> tuple[TensorVariable, TensorVariable, TensorVariable]:
    """A packed factor as a matrix, and its correlations and deviations."""
    chol = lower_triangle(packed, n)
    stds = sqrt(sum_(sqr(chol), axis=-1))
    unit = chol / expand_dims(stds, -1)
    corr = switch(np.eye(n, dtype=bool), 1.0, matmul(unit, matrix_transpose(unit)))  # exactly, so that it never varies
    return chol, corr, stds
