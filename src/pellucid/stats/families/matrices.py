"""Distributions of matrices, and of vectors whose covariance is a Kronecker product."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any

from pellucid.graph.provenance import describe, user_line
from pellucid.stats.bijection import Bijection
from pellucid.stats.bijections_matrix import CholeskyCov
from pellucid.stats.constraint import (
    LowerCholesky,
    Nonnegative,
    Positive,
    RealVector,
    positive_definite,
    real_vector,
)
from pellucid.stats.distribution import Distribution, batch_size, distribution, name_in_model
from pellucid.stats.families.formulas import HALF_LOG_TWO_PI
from pellucid.stats.families.multivariate import LOG_PI, as_matrices, as_mean
from pellucid.stats.parameters import Parameter, as_parameter, given
from pellucid.stats.structures import PositiveDefinite, RealMatrix, covariance, real_matrix
from pellucid.tensor.arithmetic import sqr
from pellucid.tensor.create import arange
from pellucid.tensor.draws import Law, RngVariable, draw, lengths
from pellucid.tensor.indexing import diagonal
from pellucid.tensor.linalg import cholesky, eigh, matmul, solve_triangular
from pellucid.tensor.packing import product
from pellucid.tensor.random_vectors import kronecker_normal_sample, matrix_normal_law, wishart_law
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import dim, expand_dims, matrix_transpose, moveaxis, reshape, squeeze
from pellucid.tensor.special import gammaln
from pellucid.tensor.transcendental import log, sqrt
from pellucid.tensor.types import Constant, TensorVariable, as_tensor_variable

__all__ = ["KroneckerNormal", "MatrixNormal", "Wishart", "WishartBartlett"]


def log_pivots(factor: TensorVariable) -> TensorVariable:
    """Half the log-determinant of factor @ factor.T."""
    return sum_(log(diagonal(factor, 0, -2, -1)), axis=-1)


@distribution
class Wishart(Distribution):
    """Covariance matrices: sums of `nu` outer products of normal vectors of covariance `V` (or of factor `scale_chol`).

    `nu` may be any number above the number of rows minus one. Samplers see the Cholesky factor, its diagonal by
    logarithms.

    Examples
    --------
    >>> import numpy as np
    >>> import pellucid.stats as ps
    >>> print(ps.logp(ps.Wishart.dist(3, np.eye(2)), np.eye(2)).eval().round(4))
    -3.531
    """

    nu: Positive
    scale_chol: LowerCholesky
    support = covariance
    law = wishart_law
    arguments = "nu V"
    alternatives = (given(lambda nu, V: (nu, cholesky(V)), V=positive_definite),)
    formula = (
        r"\frac{|X|^{(\nu-p-1)/2}}{2^{\nu p/2} |V|^{\nu/2} \Gamma_p(\nu/2)} "
        r"\exp\left(-\tfrac12 \mathrm{tr}(V^{-1} X)\right)"
    )
    source = "https://en.wikipedia.org/wiki/Wishart_distribution"
    oracle = "stats.wishart(nu, scale_chol @ scale_chol.T)"

    def logp(self, x: Any) -> Any:
        own, nu, p = cholesky(x), self.nu, rows(self.scale_chol)
        ratio = solve_triangular(self.scale_chol, own, lower=True)
        gammas = gammaln(0.5 * (expand_dims(nu, -1) - arange(p)))
        log_gamma = sum_(gammas, axis=-1) + 0.25 * p * (p - 1) * LOG_PI
        return (
            (nu - p - 1) * log_pivots(own)
            - 0.5 * sum_(sqr(ratio), axis=(-2, -1))
            - 0.5 * nu * p * math.log(2.0)
            - nu * log_pivots(self.scale_chol)
            - log_gamma
        )

    def agree(self) -> list[TensorVariable]:
        return [self.nu > rows(self.scale_chol) - 1]

    def mean(self) -> Any:
        half = self.scale_chol
        return self.nu[..., None, None] * matmul(half, matrix_transpose(half))

    def bijection(self) -> Bijection:
        return CholeskyCov(rows(self.scale_chol))


def WishartBartlett(
    name: str, S: Any, nu: Any, is_cholesky: bool = False, return_cholesky: bool = False, initval: Any = None
) -> TensorVariable:
    """A Wishart variable of a model (or its Cholesky factor), under the older name that PyMC deprecates.

    `S` is the scale matrix, or its lower Cholesky factor if `is_cholesky`.
    """
    warnings.warn(f"WishartBartlett is Wishart by now: use pm.Wishart({name!r}, ...).", FutureWarning, stacklevel=2)
    scale = {"scale_chol": S} if is_cholesky else {"V": S}
    if not return_cholesky:
        return Wishart(name, nu, initval=initval, **scale)  # type: ignore[return-value]
    drawn: Any = Wishart(f"_{name}_wishart", nu, initval=initval, **scale)
    return name_in_model(name, cholesky(drawn))


def rows(x: TensorVariable) -> Any:
    """The number of rows of a matrix: a number where it is known."""
    return lengths(x)[-1]


@distribution
class MatrixNormal(Distribution):
    """Normal matrices of mean `mu`, with a covariance among rows and one among columns.

    Each is given as a covariance (`rowcov`, `colcov`) or as its lower Cholesky factor (`rowchol`, `colchol`). A `mu`
    that is a number or a shorter array is stretched.
    """

    mu: RealMatrix
    rowchol: LowerCholesky
    colchol: LowerCholesky
    support = real_matrix
    law = matrix_normal_law
    arguments = "mu rowcov rowchol colcov colchol"
    alternatives = (
        given(lambda mu, rowcov, colcov: (mu, cholesky(rowcov), cholesky(colcov)),
              rowcov=positive_definite, colcov=positive_definite),
        given(lambda mu, rowcov, colchol: (mu, cholesky(rowcov), colchol), rowcov=positive_definite),
        given(lambda mu, rowchol, colcov: (mu, rowchol, cholesky(colcov)), colcov=positive_definite),
    )  # fmt: skip
    formula = (
        r"(2\pi)^{-mn/2} |U|^{-n/2} |V|^{-m/2} "
        r"\exp\left(-\tfrac12 \mathrm{tr}\left(V^{-1} (X-M)^T U^{-1} (X-M)\right)\right)"
    )
    source = "https://en.wikipedia.org/wiki/Matrix_normal_distribution"
    oracle = "stats.matrix_normal(mu, rowchol @ rowchol.T, colchol @ colchol.T)"

    @classmethod
    def dist(
        cls, mu: Any, rowcov: Any = None, rowchol: Any = None, colcov: Any = None, colchol: Any = None, **options: Any
    ) -> TensorVariable:
        among_rows = as_matrices(cls, {"rowcov": rowcov, "rowchol": rowchol}, lower=True)
        among_columns = as_matrices(cls, {"colcov": colcov, "colchol": colchol}, lower=True)
        own = [rows(*among_rows.values()), rows(*among_columns.values())]
        return super().dist(mu=as_mean(cls, mu, own), **among_rows, **among_columns, **options)

    def logp(self, x: Any) -> Any:
        half = solve_triangular(self.rowchol, x - self.mu, lower=True)
        z = solve_triangular(self.colchol, matrix_transpose(half), lower=True)
        m, n = rows(self.rowchol), rows(self.colchol)
        log_det = n * log_pivots(self.rowchol) + m * log_pivots(self.colchol)
        return -0.5 * sum_(sqr(z), axis=(-2, -1)) - log_det - m * n * HALF_LOG_TWO_PI

    def mean(self) -> Any:
        return self.mu


@cache
def kronecker_law(count: int) -> Law:
    """The law of normal vectors whose covariance is a product of `count` factors, and white noise."""
    return Law(
        f"kronecker_normal_{count}",
        ("mu", "sigma", *factor_names(count)),
        kronecker_normal_sample,
        core=(1, 0, *[2] * count),
        ndim_supp=1,
        support=product_of_rows,
        density=of_kronecker_law,
    )


def factor_names(count: int) -> list[str]:
    """What the factors are called as parameters."""
    return [f"cov_{i}" for i in range(count)]


def product_of_rows(_parameters: Sequence[Any], extents: Sequence[Sequence[Any]]) -> list[Any]:
    """The number of rows of the Kronecker product of the parameters after the first two."""
    return [product([e[-1] for e in extents[2:]])]


def of_kronecker_law(law: Law, mu: Any, sigma: Any, *covs: Any) -> KroneckerNormal:
    """The distribution of a draw with as many factors as its law has."""
    found = object.__new__(KroneckerNormal)
    found.law = law
    found.__dict__["parameters"] = named = parameters_of(len(covs))  # what is declared for one factor, for all
    found.__dict__.update(zip(named, map(as_tensor_variable, (mu, sigma, *covs)), strict=True))
    return found


def parameters_of(count: int) -> dict[str, Parameter]:
    """The sets of the parameters of a law of `count` factors."""
    own = KroneckerNormal.parameters
    return {"mu": own["mu"], "sigma": own["sigma"], **dict.fromkeys(factor_names(count), own["cov_0"])}


@distribution
class KroneckerNormal(Distribution):
    """Normal vectors of covariance K_1 x K_2 x ... + sigma^2 I, where x is the Kronecker product.

    The factors are given by `covs`, by their lower Cholesky factors `chols`, or by pairs of eigenvalues and
    eigenvectors `evds`. No matrix larger than a factor is made. A scalar `mu` stands for a vector of equal means.

    Examples
    --------
    >>> import numpy as np
    >>> import pellucid.stats as ps
    >>> x = ps.KroneckerNormal.dist(0.0, covs=[np.eye(2), np.eye(3)], sigma=0.1)
    >>> print(x.type.shape)
    (6,)
    """

    mu: RealVector
    sigma: Nonnegative
    cov_0: PositiveDefinite
    support = real_vector
    law = kronecker_law(1)
    formula = r"\mathcal{N}(x \mid \mu, K_1 \otimes K_2 \otimes \dots + \sigma^2 I)"
    source = "https://proceedings.mlr.press/v37/flaxman15.html"

    @classmethod
    def dist(
        cls,
        mu: Any,
        covs: Sequence[Any] | None = None,
        chols: Sequence[Any] | None = None,
        evds: Sequence[tuple[Any, Any]] | None = None,
        sigma: Any = 0.0,
        *,
        shape: Any = None,
        size: Any = None,
        name: str | None = None,
        rng: RngVariable | None = None,
    ) -> TensorVariable:
        named = {"mu": mu, "sigma": sigma, **dict(zip_factors(covs, chols, evds))}
        sets = parameters_of(len(named) - 2)
        mean, noise, *factors = (as_parameter(cls, label, sets[label], v) for label, v in named.items())
        whole = as_mean(cls, mean, [product([rows(c) for c in factors])])
        law, values = kronecker_law(len(factors)), [whole, noise, *factors]
        return draw(law, values, size=batch_size(law, values, shape, size, cls.__name__), rng=rng, name=name)

    def logp(self, x: Any) -> Any:
        delta = x - self.mu
        if isinstance(self.sigma, Constant) and not self.sigma.data.any():
            return self.without_noise(delta)
        pairs = [eigh(c) for c in self.covs]
        values = product_of_vectors([p[0] for p in pairs]) + sqr(expand_dims(self.sigma, -1))
        z = times_factors([matrix_transpose(p[1]) for p in pairs], delta) / sqrt(values)
        k = dim(values, values.ndim - 1)
        return -0.5 * (sum_(sqr(z), axis=-1) + sum_(log(values), axis=-1)) - k * HALF_LOG_TWO_PI

    @property
    def covs(self) -> list[TensorVariable]:
        """The factors of the covariance."""
        return self.values[2:]

    def without_noise(self, delta: TensorVariable) -> TensorVariable:
        """The log-density for sigma = 0, through Cholesky factors: its gradients need no distinct eigenvalues."""
        factors = [cholesky(c) for c in self.covs]
        k = product([rows(f) for f in factors])
        z = times_factors(factors, delta, solve=True)
        log_det = sum(log_pivots(f) * (k / rows(f)) for f in factors)
        return -0.5 * sum_(sqr(z), axis=-1) - log_det - k * HALF_LOG_TWO_PI

    def mean(self) -> Any:
        return self.mu


def zip_factors(covs: Any, chols: Any, evds: Any) -> list[tuple[str, Any]]:
    """The factors as covariances, each with its name."""
    listed = [(label, v) for label, v in (("covs", covs), ("chols", chols), ("evds", evds)) if v is not None]
    if len(listed) != 1 or not len(listed[0][1]):
        raise ValueError(
            f"KroneckerNormal takes one of covs, chols, evds: a list of factors, not "
            f"{' and '.join(label for label, _ in listed) or 'none of them'}. At {describe(user_line())}"
        )
    if chols is not None:
        factors = [as_tensor_variable(c) for c in chols]
        covs = [matmul(c, matrix_transpose(c)) for c in factors]
    elif evds is not None:
        pairs = [(as_tensor_variable(values), as_tensor_variable(vectors)) for values, vectors in evds]
        covs = [matmul(q * expand_dims(v, -2), matrix_transpose(q)) for v, q in pairs]
    return list(zip(factor_names(len(covs)), covs, strict=True))


def product_of_vectors(vectors: Sequence[TensorVariable]) -> TensorVariable:
    """The Kronecker product of vectors along the last axis: the eigenvalues of that of matrices."""
    found = vectors[0]
    for v in vectors[1:]:
        grid = expand_dims(found, -1) * expand_dims(v, -2)
        found = reshape(grid, [*lengths(grid)[:-2], product(lengths(grid)[-2:])])
    return found


def times_factors(factors: Sequence[TensorVariable], x: TensorVariable, *, solve: bool = False) -> TensorVariable:
    """The Kronecker product of matrices (to `solve`, of their inverses) times the vectors x, factor by factor."""
    lead, own = lengths(x)[:-1], [rows(f) for f in factors]
    grid = reshape(x, [*lead, *own])
    for axis, factor in enumerate(factors, -len(factors)):
        columns = moveaxis(grid, axis, -1)
        grid = moveaxis(times_each(factor, columns, len(factors), solve=solve), -1, axis)
    return reshape(grid, [*lead, product(own)])


def times_each(factor: TensorVariable, columns: TensorVariable, count: int, *, solve: bool) -> TensorVariable:
    """A matrix (or its inverse) times the vectors along the last axis, before which are those of the other factors."""
    if factor.ndim > 2:  # a matrix for each element of the batch
        whole = factor[(..., *[None] * (count - 1), slice(None), slice(None))]
        many = expand_dims(columns, -1)
        return squeeze(solve_triangular(whole, many, lower=True) if solve else matmul(whole, many), -1)
    table = matrix_transpose(reshape(columns, [-1, rows(factor)]))
    found = solve_triangular(factor, table, lower=True) if solve else matmul(factor, table)
    return reshape(matrix_transpose(found), lengths(columns))
