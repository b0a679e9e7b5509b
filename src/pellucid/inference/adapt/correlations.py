"""Metrics that know correlations, learnt from draws and gradients while tuning.

Of all normal distributions, the one with covariance C such that C cov(gradients) C = cov(draws) is closest to the
posterior in Fisher divergence (Seyboldt, Carlson and Carpenter, "Preconditioning Hamiltonian Monte Carlo by minimizing
Fisher divergence"): the geometric mean of cov(draws) and the inverse of cov(gradients), which for a normal posterior is
its covariance as soon as there are more draws than dimensions. Where there are fewer, it is sought in the space that
draws and gradients span, and taken to be diagonal outside. The low-rank metric keeps the directions that are at least
twice as wide, or half as wide, as the diagonal alone would make them.

This runs in Python between iterations, at few of them: at the 20th, and then whenever there are a fifth more.
"""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.inference.adapt.metric import LARGEST_SCALE, SMALLEST_SCALE
from pellucid.inference.adapt.warmup import MIN_INDEX_OF_DIVERGENT, settling_from
from pellucid.inference.hamiltonian import layout
from pellucid.inference.hamiltonian.nuts import ChainState, new_state
from pellucid.inference.kernel import DENSE, DIAGONAL, FINISHED, LOW_RANK, METRICS

MOST_ROWS = 64
"""Of the low-rank metric."""
CUTOFF = 2.0
FIRST_FIT = 20
GROWTH = 1.2


class Stretch(NamedTuple):
    """A metric S = diag(scale) A, with A the matrix of d rows or, of fewer rows u, the identity plus factor u u'."""

    scale: NDArray
    factors: NDArray
    rows: NDArray

    def matrix(self) -> NDArray:
        """S as a matrix."""
        d = len(self.scale)
        own = self.rows if len(self.rows) == d else np.eye(d) + (self.rows.T * self.factors) @ self.rows
        return self.scale[:, None] * own


def fit(draws: NDArray, gradients: NDArray, kind: str) -> Stretch:
    """The metric of a kind that draws and gradients, shapes (n, d), tell together."""
    n, d = draws.shape
    deviations, slopes = draws - draws.mean(0), gradients - gradients.mean(0)
    with np.errstate(all="ignore"):
        scale = np.sqrt(np.sqrt(np.square(deviations).sum(0) / np.square(slopes).sum(0)))
    scale = np.clip(np.where(np.isfinite(scale) & (scale > 0), scale, 1.0), SMALLEST_SCALE, LARGEST_SCALE)
    x, g = deviations / scale / math.sqrt(n), slopes * scale / math.sqrt(n)
    basis = None
    if 2 * n < d:
        basis = np.linalg.qr(np.concatenate([x, g]).T)[0]
        x, g = x @ basis, g @ basis
    values, vectors = np.linalg.eigh(geometric_mean(x, g, ridge(n, d)))
    if basis is not None:
        vectors = basis @ vectors
    spread = np.abs(np.log(values))
    if kind == LOW_RANK:
        kept = np.argsort(-spread)[:MOST_ROWS]
        kept = kept[spread[kept] > math.log(CUTOFF)]
        if len(kept) < d:
            return Stretch(scale, np.sqrt(values[kept]) - 1.0, np.ascontiguousarray(vectors[:, kept].T))
    whole = (vectors * (np.sqrt(values) - 1.0)) @ vectors.T
    return Stretch(scale, np.zeros(0), np.eye(d) + 0.5 * (whole + whole.T))


def ridge(n: int, d: int) -> float:
    """What is added to both covariances: a hundredth of the variance of a coordinate unless n draws determine them."""
    return 1e-10 if n > 2 * d else 1e-2


def geometric_mean(x: NDArray, g: NDArray, added: float) -> NDArray:
    """The matrix C with C (g'g + added) C = x'x + added."""
    identity = added * np.eye(x.shape[1])
    lower = np.linalg.cholesky(g.T @ g + identity)
    middle = lower.T @ (x.T @ x + identity) @ lower
    values, vectors = np.linalg.eigh(0.5 * (middle + middle.T))
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    half = np.linalg.solve(lower.T, root)
    found = np.linalg.solve(lower.T, half.T)
    return 0.5 * (found + found.T)


class Learner:
    """What one chain has seen while tuning, and when its metric is fitted to that.

    Attributes
    ----------
    seen : ndarray, shape (iterations, 2, d)
        Positions and gradients.
    counts : ndarray of int
        How many they are, and how many they were when the metric was last fitted.
    """

    def __init__(self, kind: str, state: ChainState, d: int, tune: int):
        self.kind, self.state, self.d = kind, state, d
        self.scalars, self.vectors = state.scalars, state.workspace.reshape(-1, d)
        self.until = settling_from(tune)
        self.seen = np.zeros((self.until, 2, d))
        self.counts = np.zeros(2, np.int64)

    def memory(self) -> list[NDArray]:
        """The arrays from which the learner can go on."""
        return [self.seen, self.counts]

    def watching(self, advance: Callable[[int, int], int]) -> Callable[[int, int], int]:
        """`advance`, the learner having its turn after each iteration in which the metric may change."""

        def advance_and_learn(begin: int, end: int) -> int:
            for iteration in range(begin, min(end, self.until)):
                status = advance(iteration, iteration + 1)
                if status != FINISHED:
                    return status
                self.learn(iteration)
            return advance(max(begin, min(end, self.until)), end)

        return advance_and_learn

    def learn(self, iteration: int) -> None:
        """Look at the state that an iteration led to."""
        moved = not self.scalars[layout.DIVERGED_HERE] or abs(self.scalars[layout.INDEX]) > MIN_INDEX_OF_DIVERGENT
        if moved:
            self.seen[self.counts[0]] = self.vectors[layout.POSITION], self.vectors[layout.GRADIENT]
            self.counts[0] += 1
        count, fitted = self.counts
        last = iteration == self.until - 1
        if count >= FIRST_FIT and (last or count >= GROWTH * fitted) and count > fitted:
            self.put_to_use()

    def put_to_use(self) -> None:
        """Fit the metric to the newer half of what was seen; a fit that fails leaves the one in use."""
        count = int(self.counts[0])
        self.counts[1] = count
        newer = self.seen[count // 2 : count]
        try:
            found = fit(newer[:, 0], newer[:, 1], self.kind)
        except np.linalg.LinAlgError:
            return
        if not all(np.isfinite(part).all() for part in found):
            return
        own = self.vectors[layout.STRETCH :]
        rank = len(found.rows)
        self.vectors[layout.SCALE] = found.scale
        own[layout.PULLED_FROM] = np.nan
        own[layout.FACTORS, : len(found.factors)] = found.factors
        own[layout.ROWS : layout.ROWS + rank] = found.rows
        self.scalars[layout.RANK] = rank
        self.scalars[layout.STRETCHED] = 1.0

    def metric(self) -> Stretch:
        """The metric in use."""
        own, rank = self.vectors[layout.STRETCH :], int(self.scalars[layout.RANK])
        return Stretch(self.vectors[layout.SCALE], own[layout.FACTORS, :rank], own[layout.ROWS : layout.ROWS + rank])

    def variances(self) -> NDArray:
        """The diagonal of the inverse mass matrix."""
        return np.square(self.metric().matrix()).sum(axis=1)


def new_learner(kind: str, start: ArrayLike, key: Iterable[SupportsIndex], max_treedepth: int, tune: int) -> Learner:
    """The learner of a chain, with the chain's state; the parameters are those of `new_state`."""
    if kind not in METRICS:
        raise ValueError(f"metric is one of {', '.join(METRICS)}, not {kind!r}")
    d = np.size(start)
    rows = {DIAGONAL: 0, LOW_RANK: min(d, MOST_ROWS), DENSE: d}[kind]
    return Learner(kind, new_state(start, max_treedepth, key, layout.ROWS + rows), d, tune)
