"""Distributions of vectors."""

from __future__ import annotations

from typing import Any

from pellucid.stats.constraint import LowerCholesky, PositiveVector, RealVector, positive_definite, real_vector, simplex
from pellucid.stats.distribution import Distribution, distribution
from pellucid.stats.families.formulas import HALF_LOG_TWO_PI, times_log
from pellucid.stats.parameters import given
from pellucid.tensor.arithmetic import sqr
from pellucid.tensor.elementwise import cast
from pellucid.tensor.indexing import diagonal
from pellucid.tensor.linalg import cholesky, inv, solve_triangular
from pellucid.tensor.random_vectors import dirichlet_law, multivariate_normal_law
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import broadcast_to, dim, matrix_transpose, reshape
from pellucid.tensor.special import gammaln
from pellucid.tensor.transcendental import log
from pellucid.tensor.types import TensorVariable, as_tensor_variable


@distribution
class MvNormal(Distribution):
    """Normal vectors of mean `mu` and covariance `cov` (or precision `tau`, or the Cholesky factor `chol` of cov)."""

    mu: RealVector
    chol: LowerCholesky
    support = real_vector
    law = multivariate_normal_law
    arguments = "mu cov"
    alternatives = (
        given(lambda mu, cov: (mu, cholesky(cov)), cov=positive_definite),
        given(lambda mu, tau: (mu, cholesky(inv(tau))), tau=positive_definite),
    )
    formula = r"(2\pi)^{-k/2} |\Sigma|^{-1/2} \exp\left(-\tfrac12 (x-\mu)^T \Sigma^{-1} (x-\mu)\right)"
    source = "https://en.wikipedia.org/wiki/Multivariate_normal_distribution"
    oracle = "stats.multivariate_normal(mu, chol @ chol.T)"

    @classmethod
    def dist(
        cls, mu: Any = 0.0, cov: Any = None, *, tau: Any = None, chol: Any = None, lower: bool = True, **options: Any
    ) -> TensorVariable:
        mean = as_tensor_variable(mu)
        matrix = next((as_tensor_variable(m) for m in (cov, tau, chol) if m is not None), None)
        if mean.ndim == 0 and matrix is not None and matrix.ndim:
            mean = broadcast_to(cast(mean, "float64"), [dim(matrix, matrix.ndim - 1)])
        if chol is not None and not lower:
            chol = matrix_transpose(chol)
        return super().dist(mu=mean, cov=cov, tau=tau, chol=chol, **options)

    def logp(self, x: Any) -> Any:
        factor = self.chol
        z = whiten(factor, x - self.mu)
        k = dim(factor, factor.ndim - 1)
        return -0.5 * sum_(sqr(z), axis=-1) - sum_(log(diagonal(factor, 0, -2, -1)), axis=-1) - k * HALF_LOG_TWO_PI

    def mean(self) -> Any:
        return self.mu


def whiten(factor: TensorVariable, x: TensorVariable) -> TensorVariable:
    """The z of factor @ z = x, for vectors along the last axis of x; one factor serves many vectors in one solve."""
    if factor.ndim > 2 or x.ndim == 1:
        return solve_triangular(factor, x, lower=True, b_ndim=1)
    columns = x if x.ndim == 2 else reshape(x, (-1, dim(x, x.ndim - 1)))
    z = matrix_transpose(solve_triangular(factor, matrix_transpose(columns), lower=True, b_ndim=2))
    return z if x.ndim == 2 else reshape(z, [dim(x, i) for i in range(x.ndim)])


@distribution
class Dirichlet(Distribution):
    """Probabilities that sum to 1, with concentrations `a` along its last axis."""

    a: PositiveVector
    support = simplex
    law = dirichlet_law
    formula = r"\frac{\Gamma(\sum a_i)}{\prod \Gamma(a_i)} \prod x_i^{a_i - 1}"
    source = "https://en.wikipedia.org/wiki/Dirichlet_distribution"
    oracle = "stats.dirichlet(a)"

    def logp(self, x: Any) -> Any:
        kernel = sum_(times_log(self.a - 1.0, x), axis=-1)
        return kernel + gammaln(sum_(self.a, axis=-1)) - sum_(gammaln(self.a), axis=-1)

    def mean(self) -> Any:
        return self.a / sum_(self.a, axis=-1, keepdims=True)
