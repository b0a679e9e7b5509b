"""Distributions of vectors of real numbers, of probabilities, and of arrays that sum to zero."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from pellucid.graph.provenance import describe, user_line
from pellucid.stats.bijection import Bijection
from pellucid.stats.bijections_matrix import ZeroSum
from pellucid.stats.constraint import (
    LowerCholesky,
    Positive,
    PositiveVector,
    RealVector,
    positive_definite,
    real_vector,
    simplex,
)
from pellucid.stats.distribution import Distribution, batch_size, distribution
from pellucid.stats.families.count_formulas import log_rising
from pellucid.stats.families.formulas import HALF_LOG_TWO_PI, times_log
from pellucid.stats.parameters import as_parameter, given
from pellucid.stats.structures import LengthVector, PositiveInteger, zero_sum
from pellucid.tensor.arithmetic import reciprocal, sqr, switch
from pellucid.tensor.broadcast import shape_error
from pellucid.tensor.create import arange, zeros
from pellucid.tensor.cumulate import cumsum
from pellucid.tensor.draws import Law, RngVariable, as_size, draw, lengths
from pellucid.tensor.elementwise import cast
from pellucid.tensor.indexing import diagonal
from pellucid.tensor.linalg import Cholesky, cholesky, inv, mahalanobis, solve_triangular
from pellucid.tensor.packing import atleast_Nd, product
from pellucid.tensor.random_vectors import (
    dirichlet_law,
    multivariate_normal_law,
    multivariate_t_law,
    stick_breaking_law,
    zero_sum_sample,
)
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import (
    as_extents,
    broadcast_to,
    concatenate,
    dim,
    expand_dims,
    matrix_transpose,
    reshape,
    squeeze,
)
from pellucid.tensor.special import gammaln
from pellucid.tensor.transcendental import log, log1p
from pellucid.tensor.types import TensorVariable, as_tensor_variable

__all__ = ["Dirichlet", "MvNormal", "MvStudentT", "StickBreakingWeights", "ZeroSumNormal"]

LOG_PI = math.log(math.pi)


@distribution
class MvNormal(Distribution):
    """Normal vectors of mean `mu` and covariance `cov` (or precision `tau`, or the Cholesky factor `chol` of cov).

    A scalar `mu` stands for a vector of equal means. With ``lower=False`` `chol` is the upper factor.

    Examples
    --------
    >>> import pellucid.stats as ps
    >>> print(ps.logp(ps.MvNormal.dist(0.0, [[2.0, 0.0], [0.0, 2.0]]), [0.0, 0.0]).eval().round(4))
    -2.531
    """

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
        matrices = as_matrices(cls, {"cov": cov, "tau": tau, "chol": chol}, lower=lower)
        return super().dist(mu=as_mean(cls, mu, own_length(matrices)), **matrices, **options)

    def logp(self, x: Any) -> Any:
        distance, log_det, k = standardized(self.chol, x - self.mu)
        return -0.5 * distance - log_det - k * HALF_LOG_TWO_PI

    def mean(self) -> Any:
        return self.mu


@distribution
class MvStudentT(Distribution):
    """Vectors of Student's t law: `nu` degrees of freedom, location `mu`, and a `scale` matrix.

    In place of `scale` (also called `Sigma` or `cov`, though it is not the covariance) its inverse `tau` or its
    Cholesky factor `chol` may be given. The mean is `mu` for nu > 1, the covariance nu / (nu - 2) * scale for nu > 2.
    """

    nu: Positive
    mu: RealVector
    chol: LowerCholesky
    support = real_vector
    law = multivariate_t_law
    arguments = "nu"
    alternatives = (
        given(lambda nu, mu, scale: (nu, mu, cholesky(scale)), scale=positive_definite),
        given(lambda nu, mu, Sigma: (nu, mu, cholesky(Sigma)), Sigma=positive_definite),
        given(lambda nu, mu, cov: (nu, mu, cholesky(cov)), cov=positive_definite),
        given(lambda nu, mu, tau: (nu, mu, cholesky(inv(tau))), tau=positive_definite),
    )
    formula = (
        r"\frac{\Gamma((\nu+k)/2)}{\Gamma(\nu/2) (\nu\pi)^{k/2} |\Sigma|^{1/2}} "
        r"\left(1 + \tfrac{1}{\nu} (x-\mu)^T \Sigma^{-1} (x-\mu)\right)^{-(\nu+k)/2}"
    )
    source = "https://en.wikipedia.org/wiki/Multivariate_t-distribution"
    oracle = "stats.multivariate_t(mu, chol @ chol.T, nu)"

    @classmethod
    def dist(
        cls,
        nu: Any,
        *,
        Sigma: Any = None,
        mu: Any = 0.0,
        scale: Any = None,
        cov: Any = None,
        tau: Any = None,
        chol: Any = None,
        lower: bool = True,
        **options: Any,
    ) -> TensorVariable:
        named = {"Sigma": Sigma, "scale": scale, "cov": cov, "tau": tau, "chol": chol}
        matrices = as_matrices(cls, named, lower=lower)
        return super().dist(nu=nu, mu=as_mean(cls, mu, own_length(matrices)), **matrices, **options)

    def logp(self, x: Any) -> Any:
        distance, log_det, k = standardized(self.chol, x - self.mu)
        nu = self.nu
        tail = -0.5 * (nu + k) * log1p(distance / nu)
        return tail + log_rising(0.5 * nu, 0.5 * k) - log_det - k * HALF_LOG_TWO_PI

    def mean(self) -> Any:
        nu = expand_dims(self.nu, -1)
        return switch(nu > 1.0, self.mu, np.nan)

    def support_point(self) -> Any:
        return self.mu


def as_matrices(cls: type[Distribution], given_by: Mapping[str, Any], *, lower: bool) -> dict[str, TensorVariable]:
    """The one matrix that is given, under its name; a factor is turned so that it is lower triangular."""
    found = {label: as_tensor_variable(m) for label, m in given_by.items() if m is not None}
    if len(found) != 1:
        raise ValueError(
            f"{cls.__name__} takes one of {', '.join(given_by)}, not {' and '.join(found) or 'none of them'}. "
            f"At {describe(user_line())}"
        )
    ((label, matrix),) = found.items()
    if matrix.ndim < 2:
        raise shape_error(f"{label} of {cls.__name__} must be a matrix", [matrix], f"it has {matrix.ndim} axes",
                          "Give a matrix, such as np.diag(variances).")  # fmt: skip
    if None not in matrix.type.shape[-2:] and matrix.type.shape[-1] != matrix.type.shape[-2]:
        raise shape_error(f"{label} of {cls.__name__} must be square", [matrix], "its last two lengths differ",
                          "Give a square matrix.")  # fmt: skip
    return {label: matrix_transpose(matrix) if label == "chol" and not lower else matrix}


def own_length(matrices: Mapping[str, TensorVariable]) -> list[Any]:
    """The length of a draw whose covariance is given by the one matrix."""
    (matrix,) = matrices.values()
    return lengths(matrix)[-1:]


def as_mean(cls: type[Distribution], mu: Any, own: Sequence[Any]) -> TensorVariable:
    """`mu` with the axes of one draw, whose lengths are `own`; a number and axes of length 1 are stretched."""
    mean = as_tensor_variable(mu)
    last = mean.type.shape[max(mean.ndim - len(own), 0) :]
    pairs = list(zip(reversed(last), reversed(own), strict=False))
    if any(isinstance(n, int) and m not in (1, None, n) for m, n in pairs):
        raise shape_error(
            f"mu of {cls.__name__} does not fit its other parameters",
            [mean],
            f"it ends in {last}, but one draw has shape ({', '.join(map(str, own))})",
            "Give one mean for each element of a draw, or one number.",
        )
    if len(last) == len(own) and all(m != 1 or m is n for m, n in pairs):
        return mean
    return broadcast_to(cast(mean, "float64"), [*lengths(mean)[: -len(own)], *own])


def standardized(factor: TensorVariable, x: TensorVariable) -> tuple[TensorVariable, TensorVariable, TensorVariable]:
    """The squared length of factor^-1 @ x, half the log-determinant of factor @ factor.T, and the length of x.

    x holds vectors along its last axis. Of a covariance that was given as such, and then factored, the gradient is
    found without the factor's own.
    """
    k = dim(factor, factor.ndim - 1)
    if factor.owner is not None and isinstance(factor.owner.op, Cholesky):
        (covariance,) = factor.owner.inputs
        distance, log_det = by_columns(lambda b: mahalanobis(covariance, b), factor, x)
        return distance, 0.5 * log_det, k
    solve = lambda b: sum_(sqr(solve_triangular(factor, b, lower=True, b_ndim=2)), -2)  # noqa: E731
    (distance,) = by_columns(lambda b: [solve(b)], factor, x)
    return distance, sum_(log(diagonal(factor, 0, -2, -1)), axis=-1), k


def by_columns(measure: Callable[[Any], Sequence[Any]], factor: TensorVariable, x: TensorVariable) -> list[Any]:
    """What is measured of columns, of vectors along the last axis of x; one matrix serves many vectors at once."""
    if factor.ndim > 2 or x.ndim == 1:
        distance, *others = measure(expand_dims(x, -1))
        return [squeeze(distance, -1), *others]
    columns = x if x.ndim == 2 else reshape(x, (-1, dim(x, x.ndim - 1)))
    distance, *others = measure(matrix_transpose(columns))
    return [distance if x.ndim == 2 else reshape(distance, [dim(x, i) for i in range(x.ndim - 1)]), *others]


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


@distribution
class StickBreakingWeights(Distribution):
    """The `K` + 1 pieces of a stick of length 1, from which `K` times a Beta(1, `alpha`) share of the rest is broken.

    Examples
    --------
    >>> import pellucid.stats as ps
    >>> print(ps.StickBreakingWeights.dist(alpha=1.0, K=2).type.shape)
    (3,)
    """

    alpha: Positive
    K: PositiveInteger
    support = simplex
    law = stick_breaking_law
    formula = r"\alpha^K x_{K+1}^\alpha \prod_{k=1}^{K+1} \left(\sum_{j=k}^{K+1} x_j\right)^{-1}"
    source = "https://doi.org/10.1198/016214501750332758"

    def logp(self, x: Any) -> Any:
        rest = cumsum(x[..., :0:-1], axis=-1)  # of the pieces from the last to the second: all of them make 1
        return self.K * log(self.alpha) + times_log(self.alpha - 1.0, x[..., -1]) - sum_(log(rest[..., 1:]), axis=-1)

    def mean(self) -> Any:
        left = expand_dims(self.alpha / (1.0 + self.alpha), -1)
        broken = left ** arange(self.K) / (1.0 + expand_dims(self.alpha, -1))
        return concatenate([broken, left**self.K], axis=-1)


@cache
def zero_sum_law(ndim: int) -> Law:
    """The law of normal arrays with `ndim` axes that each sum to zero."""
    return Law(
        f"zero_sum_normal_{ndim}",
        ("sigma", "support_shape"),
        zero_sum_sample,
        core=(ndim, 1),
        ndim_supp=ndim,
        support=lengths_in_vector,
        density=of_zero_sum_law,
    )


def lengths_in_vector(parameters: Sequence[Any], _extents: Any) -> list[Any]:
    """The lengths that the second parameter lists."""
    return as_extents(parameters[1])


def of_zero_sum_law(law: Law, *parameters: Any) -> ZeroSumNormal:
    """The distribution of a draw with as many zero-sum axes as its law has."""
    found = ZeroSumNormal.of(*parameters)
    found.law, found.support = law, zero_sum(law.ndim_supp)
    return found


@distribution
class ZeroSumNormal(Distribution):
    """Normal numbers of deviation `sigma`, less their mean, along the last `n_zerosum_axes` axes.

    The length of these axes comes from `shape`, dims, data or `support_shape`; `sigma` has length 1 along them.

    Examples
    --------
    >>> import pellucid.stats as ps
    >>> x = ps.draw(ps.ZeroSumNormal.dist(2.0, shape=(4, 3)))
    >>> bool(abs(x.sum(axis=-1)).max() < 1e-12)
    True
    """

    sigma: Positive = 1.0
    support_shape: LengthVector = None
    support = zero_sum(1)
    law = zero_sum_law(1)
    formula = r"(2\pi\sigma^2)^{-(K-1)/2} \exp\left(-\tfrac{1}{2\sigma^2} \sum x_k^2\right), \quad \sum x_k = 0"
    source = "https://mc-stan.org/docs/reference-manual/transforms.html#zero-sum-transforms.section"

    @classmethod
    def dist(
        cls,
        sigma: Any = 1.0,
        n_zerosum_axes: int | None = None,
        support_shape: Any = None,
        *,
        shape: Any = None,
        size: Any = None,
        name: str | None = None,
        rng: RngVariable | None = None,
    ) -> TensorVariable:
        axes = 1 if n_zerosum_axes is None else n_zerosum_axes
        if not isinstance(axes, int | np.integer) or axes < 1:
            raise ValueError(f"n_zerosum_axes of ZeroSumNormal must be a whole number above 0, not {axes!r}.")
        lengths = own_lengths(int(axes), shape, support_shape)
        scale = atleast_Nd(as_parameter(cls, "sigma", cls.parameters["sigma"], sigma), n=int(axes))
        if any(n != 1 for n in scale.type.shape[scale.ndim - axes :]):
            raise shape_error("sigma of ZeroSumNormal must have length 1 along the zero-sum axes", [scale],
                              f"the last {axes} of its axes sum to zero", "Use sigma[..., None].")  # fmt: skip
        law, values = zero_sum_law(int(axes)), [scale, as_size(lengths)]
        return draw(law, values, size=batch_size(law, values, shape, size, cls.__name__), rng=rng, name=name)

    def logp(self, x: Any) -> Any:
        axes = tuple(range(-self.law.ndim_supp, 0))
        free = product([dim(x, x.ndim + a) - 1 for a in axes])
        sigma = self.sigma[(..., *[0] * len(axes))]
        return -0.5 * sum_(sqr(x * reciprocal(self.sigma)), axis=axes) - free * (log(sigma) + HALF_LOG_TWO_PI)

    def mean(self) -> Any:
        return zeros(as_extents(self.support_shape))

    def bijection(self) -> Bijection:
        return ZeroSum(range(-self.law.ndim_supp, 0))


def own_lengths(axes: int, shape: Any, support_shape: Any) -> list[Any]:
    """The lengths of the zero-sum axes, from `support_shape` or the end of `shape`."""
    source = support_shape if support_shape is not None else shape
    if source is None:
        raise ValueError(
            "ZeroSumNormal needs the length of what sums to zero: give shape, dims, or support_shape. "
            f"At {describe(user_line())}"
        )
    found = as_extents(source)
    if len(found) < axes or (support_shape is not None and len(found) != axes):
        label = "shape" if support_shape is None else "support_shape"
        raise ValueError(f"{label}={source} does not have {axes} zero-sum axes. At {describe(user_line())}")
    return found[len(found) - axes :]
