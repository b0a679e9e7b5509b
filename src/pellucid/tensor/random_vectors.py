"""The laws of random vectors and matrices, by NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.nodes import Variable
from pellucid.tensor.broadcast import Extent
from pellucid.tensor.draws import last_axes, law


def dirichlet_sample(rng: np.random.Generator, size: tuple[int, ...], a: np.ndarray) -> np.ndarray:
    """Normalised gamma draws; for a < 1 through logarithms, which do not underflow (Marsaglia and Tsang's boost)."""
    shape = (*size, a.shape[-1])
    g = np.log(rng.standard_gamma(a + 1.0, size=shape)) + np.log(rng.random(shape)) / a
    g = np.exp(g - g.max(-1, keepdims=True))
    return g / g.sum(-1, keepdims=True)


def times_factor(factor: np.ndarray, z: np.ndarray) -> np.ndarray:
    """factor @ z for a lower triangular factor (what stands above is not read) and vectors z."""
    if not np.all(np.isfinite(factor)):
        raise ValueError("the covariance is not positive definite (its Cholesky factor is not finite)")
    return np.einsum("...ij,...j->...i", np.tril(factor), z)


def multivariate_normal_sample(
    rng: np.random.Generator, size: tuple[int, ...], mean: np.ndarray, chol: np.ndarray
) -> np.ndarray:
    """mean + chol @ z."""
    return mean + times_factor(chol, rng.standard_normal((*size, chol.shape[-1])))


def multivariate_t_sample(
    rng: np.random.Generator, size: tuple[int, ...], nu: np.ndarray, mean: np.ndarray, chol: np.ndarray
) -> np.ndarray:
    """A normal vector over the root of an independent chi-squared number divided by its degrees of freedom."""
    z = times_factor(chol, rng.standard_normal((*size, chol.shape[-1])))
    return mean + z / np.sqrt(rng.chisquare(nu, size) / nu)[..., None]


def multinomial_sample(rng: np.random.Generator, size: tuple[int, ...], n: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Counts of n throws; the probabilities may miss a sum of 1 by rounding."""
    if np.any(p < 0) or not np.allclose(p.sum(-1), 1.0, atol=1e-6):
        raise ValueError(f"the probabilities must be non-negative and sum to 1; their sums are {p.sum(-1)}")
    return rng.multinomial(np.asarray(n).astype("int64"), p / p.sum(-1, keepdims=True), size)


def dirichlet_multinomial_sample(
    rng: np.random.Generator, size: tuple[int, ...], n: np.ndarray, a: np.ndarray
) -> np.ndarray:
    """Counts whose probabilities are a Dirichlet draw."""
    return multinomial_sample(rng, size, n, dirichlet_sample(rng, size, a))


def stick_breaking_sample(
    rng: np.random.Generator, size: tuple[int, ...], alpha: np.ndarray, sticks: np.ndarray
) -> np.ndarray:
    """Shares of what earlier breaks have left; logarithms keep the small ones."""
    k = int(sticks)
    rest = np.log(rng.random((*size, k))) / alpha[..., None]  # log of what a break leaves: of Beta(alpha, 1)
    left = np.concatenate([np.zeros((*size, 1)), np.cumsum(rest, -1)], -1)
    taken = np.concatenate([np.log(-np.expm1(rest)), np.zeros((*size, 1))], -1)
    return np.exp(left + taken)


def correlation_factor_sample(
    rng: np.random.Generator, size: tuple[int, ...], n: np.ndarray, eta: np.ndarray
) -> np.ndarray:
    """Row i is a point of the unit ball of i - 1 dimensions, completed to length 1 (the onion method, LKJ 2009)."""
    k = int(n)
    found = np.zeros((*size, k, k))
    found[..., 0, 0] = 1.0
    for i in range(1, k):
        radius = rng.beta(i / 2, eta + (k - 1 - i) / 2, size)
        direction = rng.standard_normal((*size, i))
        direction /= np.sqrt((direction**2).sum(-1, keepdims=True))
        found[..., i, :i] = np.sqrt(radius)[..., None] * direction
        found[..., i, i] = np.sqrt(1.0 - radius)
    return found


def covariance_factor_sample(
    rng: np.random.Generator, size: tuple[int, ...], n: np.ndarray, eta: np.ndarray, scales: np.ndarray
) -> np.ndarray:
    """The rows of a Cholesky factor of correlations, scaled, and one after another."""
    k = int(n)
    if scales.shape[-1] != k:
        raise ValueError(f"there must be one standard deviation for each of {k} rows, not {scales.shape[-1]}")
    rows, columns = np.tril_indices(k)
    return (scales[..., None] * correlation_factor_sample(rng, size, n, eta))[..., rows, columns]


def wishart_sample(rng: np.random.Generator, size: tuple[int, ...], nu: np.ndarray, chol: np.ndarray) -> np.ndarray:
    """Bartlett's decomposition: (chol @ A) @ (chol @ A).T, A normal below a diagonal of chi numbers."""
    k = chol.shape[-1]
    if np.any(nu <= k - 1):
        raise ValueError(f"the degrees of freedom must be above {k - 1}, not {nu}")
    factor = np.tril(rng.standard_normal((*size, k, k)), -1)
    factor[..., range(k), range(k)] = np.sqrt(rng.chisquare(np.asarray(nu)[..., None] - np.arange(k), (*size, k)))
    half = np.tril(chol) @ factor
    return half @ np.swapaxes(half, -1, -2)


def matrix_normal_sample(
    rng: np.random.Generator, size: tuple[int, ...], mean: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """mean + rows @ z @ columns.T."""
    z = rng.standard_normal((*size, rows.shape[-1], columns.shape[-1]))
    return mean + np.tril(rows) @ z @ np.swapaxes(np.tril(columns), -1, -2)


def kronecker_normal_sample(
    rng: np.random.Generator, size: tuple[int, ...], mean: np.ndarray, sigma: np.ndarray, *covariances: np.ndarray
) -> np.ndarray:
    """A normal vector for each factor's axis in turn, and white noise."""
    lengths = [c.shape[-1] for c in covariances]
    z = rng.standard_normal((*size, *lengths))
    for axis, c in enumerate(covariances, -len(lengths)):
        factor = np.linalg.cholesky(c)[(..., *[None] * (len(lengths) - 1), slice(None), slice(None))]
        z = np.moveaxis(np.einsum("...ij,...j->...i", factor, np.moveaxis(z, axis, -1)), -1, axis)
    flat = z.reshape((*size, mean.shape[-1]))
    return mean + flat + np.asarray(sigma)[..., None] * rng.standard_normal(flat.shape)


def precision_sample(rng: np.random.Generator, size: tuple[int, ...], precision: np.ndarray) -> np.ndarray:
    """Normal vectors of mean 0: the x of factor.T @ x = z for the Cholesky factor of the precision."""
    factor = np.linalg.cholesky(precision)
    z = rng.standard_normal((*size, precision.shape[-1], 1))
    return np.linalg.solve(np.swapaxes(factor, -1, -2), z)[..., 0]


def autoregression_sample(
    rng: np.random.Generator,
    size: tuple[int, ...],
    mean: np.ndarray,
    neighbours: np.ndarray,
    alpha: np.ndarray,
    tau: np.ndarray,
) -> np.ndarray:
    """A conditional autoregression: precision tau (D - alpha W), with the sums of the rows of W in D."""
    degrees = np.diag(neighbours.sum(-1))
    drawn = precision_sample(rng, size, degrees - np.asarray(alpha)[..., None, None] * neighbours)
    return mean + drawn / np.sqrt(tau)[..., None]


def intrinsic_autoregression_sample(
    rng: np.random.Generator, size: tuple[int, ...], neighbours: np.ndarray, sigma: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    """Differences of neighbours have precision 1 / sigma^2, and the mean is nearly 0, with deviation `spread`."""
    n = neighbours.shape[-1]
    laplacian = np.diag(neighbours.sum(-1)) - neighbours
    if np.linalg.matrix_rank(laplacian) < n - 1:
        raise ValueError("the neighbourhoods fall into parts without a connection: there is no joint law to draw from")
    per_difference = (1.0 / np.square(sigma))[..., None, None]
    return precision_sample(rng, size, laplacian * per_difference + (1.0 / np.square(spread * n))[..., None, None])


def zero_sum_sample(
    rng: np.random.Generator, size: tuple[int, ...], sigma: np.ndarray, support_shape: np.ndarray
) -> np.ndarray:
    """Normal numbers less their mean along each of the last axes."""
    lengths = tuple(int(n) for n in support_shape)
    found = sigma * rng.standard_normal((*size, *lengths))
    for axis in range(-len(lengths), 0):
        found = found - found.mean(axis, keepdims=True)
    return found


def rows_and_columns(_parameters: Sequence[Variable], extents: Sequence[Sequence[Extent]]) -> list[Extent]:
    """The shape of a matrix with a covariance among rows and one among columns."""
    return [extents[1][-1], extents[2][-1]]


def square(parameters: Sequence[Variable], _extents: Any) -> list[Any]:
    """The shape of a matrix whose number of rows is the first parameter."""
    return [parameters[0], parameters[0]]


def triangle(parameters: Sequence[Any], _extents: Any) -> list[Any]:
    """The number of elements of the lower triangle of a matrix with as many rows as the first parameter says."""
    return [parameters[0] * (parameters[0] + 1) // 2]


def one_more(parameters: Sequence[Any], _extents: Any) -> list[Any]:
    """One more than the second parameter."""
    return [parameters[1] + 1]


def markov_chain_sample(
    rng: np.random.Generator, size: tuple[int, ...], transitions: np.ndarray, steps: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """A first state with the probabilities `start`, then `steps` more, by the row of each state before."""
    n, count = start.shape[-1], int(np.max(steps)) if np.size(steps) else 0
    rows = np.broadcast_to(np.cumsum(transitions, -1), (*size, n, n))
    found = np.empty((*size, count + 1), np.int64)
    edges = np.broadcast_to(np.cumsum(start, -1), (*size, n))
    for t in range(count + 1):
        u = rng.random(size)[..., None] * edges[..., -1:]
        found[..., t] = np.minimum((u >= edges).sum(-1), n - 1)
        edges = np.take_along_axis(rows, found[..., t, None, None], -2)[..., 0, :]
    return found


# fmt: off
dirichlet_law = law("dirichlet", "a", dirichlet_sample, core=(1,), ndim_supp=1, support=last_axes(0))
multivariate_normal_law = law("multivariate_normal", "mean chol", multivariate_normal_sample, core=(1, 2),
                              ndim_supp=1, support=last_axes(1))
multivariate_t_law = law("multivariate_t", "nu mean chol", multivariate_t_sample, core=(0, 1, 2),
                         ndim_supp=1, support=last_axes(2))
multinomial_law = law("multinomial", "n p", multinomial_sample, core=(0, 1), ndim_supp=1, support=last_axes(1),
                      dtype="int64")
dirichlet_multinomial_law = law("dirichlet_multinomial", "n a", dirichlet_multinomial_sample, core=(0, 1),
                                ndim_supp=1, support=last_axes(1), dtype="int64")
markov_chain_law = law("markov_chain", "P steps start", markov_chain_sample, dtype="int64", core=(2, 0, 1),
                       ndim_supp=1, support=one_more)
stick_breaking_law = law("stick_breaking_weights", "alpha K", stick_breaking_sample, ndim_supp=1, support=one_more)
correlation_factor_law = law("lkj_corr", "n eta", correlation_factor_sample, ndim_supp=2, support=square)
covariance_factor_law = law("lkj_cholesky_cov", "n eta sd", covariance_factor_sample, core=(0, 0, 1),
                            ndim_supp=1, support=triangle)
wishart_law = law("wishart", "nu chol", wishart_sample, core=(0, 2), ndim_supp=2, support=last_axes(1, 2))
matrix_normal_law = law("matrix_normal", "mean rowchol colchol", matrix_normal_sample, core=(2, 2, 2),
                        ndim_supp=2, support=rows_and_columns)
autoregression_law = law("car", "mean W alpha tau", autoregression_sample, core=(1, 2, 0, 0),
                         ndim_supp=1, support=last_axes(1))
intrinsic_autoregression_law = law("icar", "W sigma zero_sum_stdev", intrinsic_autoregression_sample, core=(2, 0, 0),
                                   ndim_supp=1, support=last_axes(0))
# fmt: on
