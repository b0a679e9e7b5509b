"""Autoregressions over neighbours: normal vectors whose precision is made from a matrix of neighbourhoods."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

import numpy as np

from pellucid.graph.provenance import describe, user_line
from pellucid.stats.constraint import Positive, RealVector, interval, real_vector
from pellucid.stats.distribution import Distribution, distribution
from pellucid.stats.families.formulas import HALF_LOG_TWO_PI
from pellucid.stats.families.multivariate import as_mean
from pellucid.stats.parameters import ParameterValueError
from pellucid.stats.structures import Neighbourhood
from pellucid.tensor.arithmetic import sqr
from pellucid.tensor.create import zeros
from pellucid.tensor.draws import lengths
from pellucid.tensor.linalg import eigvalsh, matmul
from pellucid.tensor.random_vectors import autoregression_law, intrinsic_autoregression_law
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import expand_dims
from pellucid.tensor.transcendental import log, log1p, sqrt
from pellucid.tensor.types import Constant, TensorVariable, as_tensor_variable

__all__ = ["CAR", "ICAR"]

Correlation = Annotated[Any, interval(-1.0, 1.0, open=True)]


def as_weights(w: Any) -> Any:
    """A matrix of weights as something dense; SciPy's sparse matrices and arrays are unfolded."""
    return w.toarray() if hasattr(w, "toarray") else w


class Pairs:
    """The neighbours of a constant matrix of weights, each pair once: positions and weights."""

    def __init__(self, weights: np.ndarray):
        self.first, self.second = np.nonzero(np.tril(weights, -1))
        self.weights = weights[self.first, self.second].astype("float64")


@lru_cache(maxsize=16)
def pairs_of(w: Constant) -> Pairs:
    """The pairs of a constant, looked for once."""
    return Pairs(w.data)


@lru_cache(maxsize=16)
def eigenvalues_of(w: Constant) -> np.ndarray:
    """The eigenvalues of D^(-1/2) W D^(-1/2) of a constant, computed once and not in each call."""
    root = 1.0 / np.sqrt(w.data.sum(-1))
    return np.linalg.eigvalsh(root[:, None] * w.data * root)


@distribution
class CAR(Distribution):
    """Conditional autoregression: normal vectors of mean `mu` and precision tau (D - alpha W).

    `W` is a symmetric matrix of weights of neighbours (dense, or sparse as of SciPy), D the diagonal matrix of its row
    sums. As in PyMC the log-density leaves out the constant (sum(log D) - n log(2 pi)) / 2, which no parameter changes.

    Examples
    --------
    >>> import pellucid.stats as ps
    >>> W = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    >>> print(ps.CAR.dist(0.0, W, alpha=0.5, tau=2.0).type.shape)
    (3,)
    """

    mu: RealVector
    W: Neighbourhood
    alpha: Correlation
    tau: Positive
    support = real_vector
    law = autoregression_law
    formula = r"\propto |T|^{1/2} \exp\left(-\tfrac12 (x-\mu)^T T (x-\mu)\right), \quad T = \tau (D - \alpha W)"
    source = "https://mc-stan.org/users/documentation/case-studies/mbjoseph-CARStan.html"

    @classmethod
    def dist(cls, mu: Any, W: Any, alpha: Any, tau: Any, **options: Any) -> TensorVariable:
        weights = as_tensor_variable(as_weights(W))
        if weights.ndim != 2:
            raise ValueError(f"W of CAR must be one matrix, but it has {weights.ndim} axes. At {describe(user_line())}")
        mean = as_mean(cls, mu, lengths(weights)[-1:])
        return super().dist(mu=mean, W=weights, alpha=alpha, tau=tau, **options)

    def logp(self, x: Any) -> Any:
        delta, w, alpha, n = x - self.mu, self.W, self.alpha, lengths(self.W)[-1]
        if isinstance(w, Constant):
            spectrum, degrees = as_tensor_variable(eigenvalues_of(w)), as_tensor_variable(w.data.sum(-1))
            pairs = pairs_of(w)
            across = 2.0 * sum_(pairs.weights * delta[..., pairs.first] * delta[..., pairs.second], axis=-1)
        else:
            degrees = sum_(w, axis=-1)
            root = 1.0 / sqrt(degrees)
            spectrum = eigvalsh(expand_dims(root, -1) * w * root)
            across = sum_(delta * matmul(delta, w), axis=-1)
        log_det = sum_(log1p(-expand_dims(alpha, -1) * spectrum), axis=-1)
        quadratic = sum_(degrees * sqr(delta), axis=-1) - alpha * across
        return 0.5 * (n * log(self.tau) + log_det - self.tau * quadratic)

    def mean(self) -> Any:
        return self.mu


@distribution
class ICAR(Distribution):
    """Intrinsic conditional autoregression: the limit of CAR at alpha = 1, for neighbours given by 0 and 1 in `W`.

    Differences of neighbours are normal with deviation `sigma`, and the mean of the vector with the small deviation
    `zero_sum_stdev`, which makes the density one that can be sampled. As in PyMC its constant is left out, also
    where it depends on sigma: give sigma a prior outside, as in ``sigma * pm.ICAR("phi", W)``.
    """

    W: Neighbourhood
    sigma: Positive = 1.0
    zero_sum_stdev: Positive = 0.001
    support = real_vector
    law = intrinsic_autoregression_law
    formula = (
        r"\propto \exp\left(-\tfrac{1}{2\sigma^2} \sum_{i \sim j} (x_i - x_j)^2\right) "
        r"\mathcal{N}\left(\sum x_i \mid 0, n s\right)"
    )
    source = "https://doi.org/10.1016/j.sste.2019.100301"

    @classmethod
    def dist(cls, W: Any, sigma: Any = 1.0, zero_sum_stdev: Any = 0.001, **options: Any) -> TensorVariable:
        weights = as_tensor_variable(as_weights(W))
        if not isinstance(weights, Constant) or weights.ndim != 2 or not np.isin(weights.data, (0, 1)).all():
            raise ParameterValueError(
                f"W of ICAR must be a matrix of 0 and 1 that is known now, not {weights}. At {describe(user_line())}"
            )
        return super().dist(W=weights, sigma=sigma, zero_sum_stdev=zero_sum_stdev, **options)

    def logp(self, x: Any) -> Any:
        pairs, n = pairs_of(self.W), lengths(self.W)[-1]
        differences = sum_(sqr(x[..., pairs.first] - x[..., pairs.second]), axis=-1)
        spread = self.zero_sum_stdev * n
        mean = -0.5 * sqr(sum_(x, axis=-1) / spread) - HALF_LOG_TWO_PI - log(spread)
        return mean - 0.5 * differences / sqr(self.sigma)

    def mean(self) -> Any:
        return zeros(lengths(self.W)[-1:])
