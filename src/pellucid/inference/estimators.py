"""The estimators behind `diagnose`, vectorised over elements: ranks, R-hat, effective sample size, standard errors.

Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), "Rank-normalization, folding, and localization: an improved
R-hat for assessing convergence of MCMC", Bayesian Analysis 16(2). `measure` cuts draws into blocks that fit the cache;
every statistic is a function of such a block, so statistics computed together share its sort and its normal scores.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

MINIMUM_DRAWS = 4
BLOCK_VALUES = 1 << 17  # values worked on at a time: 1 MB keeps every pass over a block inside the cache
MAXIMUM_THREADS = 8
TAIL_PROBABILITIES = (0.05, 0.95)


class Block:
    """Draws without NaN of some elements, and what is computed of them once: shape (element, chain, draw)."""

    def __init__(self, values: np.ndarray):
        self.values = values

    @cached_property
    def halves(self) -> np.ndarray:
        """Each chain cut in two, the middle one of an odd number of draws left out."""
        return _halves(self.values)

    @cached_property
    def order(self) -> np.ndarray:
        """The positions in `halves`, as a flat array, of each element's values in increasing order."""
        return _flat_positions(np.argsort(_flat(self.halves), axis=1))

    @cached_property
    def ordered(self) -> np.ndarray:
        """The half chains' values, sorted."""
        return self.halves.ravel().take(self.order)

    @cached_property
    def ordered_all(self) -> np.ndarray:
        """All values, sorted; the sort of the half chains serves where they hold all values."""
        same = self.values.shape[2] % 2 == 0
        return self.ordered if same else np.sort(_flat(self.values), axis=1)

    @cached_property
    def bulk_scores(self) -> np.ndarray:
        """The half chains' normal scores."""
        return self._scattered(self.order, _scores_of_sorted(self.ordered))

    @cached_property
    def folded_scores(self) -> np.ndarray:
        """Normal scores of the distances to the median; NaN where that is infinite."""
        last = self.ordered.shape[1] - 1
        median = (self.ordered[:, last // 2] + self.ordered[:, last // 2 + 1]) / 2
        distance = np.abs(self.ordered - median[:, None])
        # Sorted values fall and then rise in distance: two runs, which a merge sort joins in one pass.
        order = _flat_positions(np.argsort(distance, axis=1, kind="stable"))
        scores = _scores_of_sorted(distance.ravel().take(order))
        scores[~np.isfinite(median)] = np.nan
        return self._scattered(self.order.ravel().take(order), scores)

    def _scattered(self, positions: np.ndarray, scores: np.ndarray) -> np.ndarray:
        result = np.empty(scores.size)
        result[positions.ravel()] = scores.ravel()
        return result.reshape(self.halves.shape)

    def quantile(self, prob: float) -> np.ndarray:
        """Return the quantile of all draws by linear interpolation, to the last bit as `numpy.quantile` has it."""
        position = (self.ordered_all.shape[1] - 1) * prob
        below = int(np.floor(position))
        low, high = self.ordered_all[:, below], self.ordered_all[:, min(below + 1, self.ordered_all.shape[1] - 1)]
        weight, step = position - below, high - low
        return low + step * weight if weight < 0.5 else high - step * (1 - weight)

    def at_most(self, prob: float) -> np.ndarray:
        return self.values <= self.quantile(prob)[:, None, None]


Statistic = Callable[..., np.ndarray]


def measure(
    x: ArrayLike, statistic: Statistic, *, pieces: int | None = None, chains: int = 1, draws: int = MINIMUM_DRAWS
) -> np.ndarray:
    """Return `statistic` of every element of the draws `x`, of shape (chain, draw, *event).

    The statistic maps a `Block` of n elements to shape (n,), or to (pieces, n), and the result has shape event or
    (pieces, *event). It is NaN for elements with a NaN draw, and for all below `chains` chains or `draws` draws.
    """
    values = _as_draws(x)
    columns = values.reshape(*values.shape[:2], math.prod(values.shape[2:]))
    result = np.full((pieces or 1, columns.shape[2]), np.nan)
    if values.shape[0] >= chains and values.shape[1] >= draws:
        step = max(1, BLOCK_VALUES // (values.shape[0] * values.shape[1]))
        parts = [slice(start, start + step) for start in range(0, columns.shape[2], step)]
        _share(lambda part: _measure_block(columns[:, :, part], statistic, result[:, part]), parts)
    return result.reshape((() if pieces is None else (pieces,)) + values.shape[2:])


def _as_draws(x: ArrayLike) -> np.ndarray:
    if isinstance(x, Mapping):
        raise TypeError(
            f"one variable's draws are judged at a time, but this {type(x).__name__} holds "
            f"{', '.join(map(str, x)) or 'none'}: give one, such as result['posterior']['mu'], or pm.summary(result)"
        )
    values = np.asarray(x)
    if values.ndim < 2:
        raise ValueError(
            f"draws must have shape (chain, draw, ...), got shape {values.shape}: for a single chain write x[None]"
        )
    if values.dtype.kind not in "biuf":
        raise TypeError(f"draws must be real numbers, got dtype {values.dtype}; diagnose parts of complex ones apart")
    if 0 in values.shape[:2]:
        return np.empty((1, 0, *values.shape[2:]))
    return values


def _share(work: Callable[[slice], None], parts: Sequence[slice]) -> None:
    """Do all parts of the work, in threads if there are several: NumPy sorts and transforms without the GIL."""
    threads = min(len(parts), os.cpu_count() or 1, MAXIMUM_THREADS)
    if threads < 2:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, parts):
            pass


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def _measure_block(columns: np.ndarray, statistic: Statistic, result: np.ndarray) -> None:
    values = np.ascontiguousarray(np.moveaxis(columns, 2, 0), dtype=float)
    valid = ~np.isnan(values).any(axis=(1, 2))
    if valid.all():
        result[...] = statistic(Block(values))
    elif valid.any():
        result[:, valid] = statistic(Block(values[valid]))


def _flat_positions(order: np.ndarray) -> np.ndarray:
    """Turn positions within rows into positions in the flattened array, in place."""
    order += np.arange(0, order.size, order.shape[1])[:, None]
    return order


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1)


def _halves(values: np.ndarray) -> np.ndarray:
    elements, chains, draws = values.shape
    half = draws // 2
    if draws % 2 == 0:
        return values.reshape(elements, 2 * chains, half)
    return np.concatenate((values[:, :, :half], values[:, :, -half:]), axis=1)


@lru_cache(maxsize=8)
def _normal_scores(size: int) -> np.ndarray:
    """Return the normal quantiles of (rank - 3/8) / (size + 1/4) for the ranks 1, 1.5, 2, ..., size (Blom 1958)."""
    inverse = NormalDist().inv_cdf
    lower = [inverse((1 + i / 2 - 0.375) / (size + 0.25)) for i in range(size - 1)]
    return np.array([*lower, 0.0, *(-score for score in reversed(lower))])


def _scores_of_sorted(ordered: np.ndarray) -> np.ndarray:
    """Return the normal scores of sorted rows; equal values share their mean rank."""
    rows, size = ordered.shape
    table = _normal_scores(size)
    scores = np.tile(table[::2], (rows, 1))
    equal = np.zeros((rows, size), dtype=bool)
    np.equal(ordered[:, 1:], ordered[:, :-1], out=equal[:, 1:])
    tied = np.flatnonzero(equal)  # flat positions of values equal to their left neighbour; a row's first never is
    if tied.size:
        opens = np.flatnonzero(np.diff(tied, prepend=-2) != 1)
        lengths = np.diff(np.append(opens, tied.size)) + 1
        first = tied[opens] - 1
        members = np.repeat(first - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
        scores.ravel()[members] = np.repeat(table[2 * (first % size) + lengths - 1], lengths)
    return scores


# R-hat


def _rhat(values: np.ndarray) -> np.ndarray:
    draws = values.shape[2]
    between = draws * np.var(values.mean(axis=2), axis=1, ddof=1)
    within = np.var(values, axis=2, ddof=1).mean(axis=1)
    return np.sqrt((between / within + draws - 1) / draws)


def rhat_rank(block: Block) -> np.ndarray:
    """Return the larger R-hat of the normal scores and of the folded ones."""
    if block.values.shape[1] < 2:
        return np.full(len(block.values), np.nan)
    bulk, folded = _rhat(block.bulk_scores), _rhat(block.folded_scores)
    # Not `maximum`: of a 0-1 variable the distances to the median 0.5 are constant, and only the bulk tells anything.
    return np.where(folded > bulk, folded, bulk)


RHAT: dict[str, Statistic] = {
    "rank": rhat_rank,
    "bulk": lambda block: _rhat(block.bulk_scores),
    "folded": lambda block: _rhat(block.folded_scores),
    "split": lambda block: _rhat(block.halves),
    "identity": lambda block: _rhat(block.values),
}


# Effective sample size


@lru_cache(maxsize=32)
def _fast_length(minimum: int) -> int:
    """Return the least 2^a 3^b 5^c that is at least `minimum`."""
    best, fives = 1 << (minimum - 1).bit_length(), 1
    while fives < best:
        threes = fives
        while threes < best:
            twos = threes << max(0, (-(-minimum // threes) - 1).bit_length())
            best = min(best, twos)
            threes *= 3
        fives *= 5
    return best


def _autocovariance(values: np.ndarray, lags: int) -> np.ndarray:
    """Return the mean over the chains of the biased autocovariances below `lags`, shape (element, lag)."""
    _, chains, draws = values.shape
    size = _fast_length(draws + lags)  # so much padding that no lag asked for wraps around
    spectrum = np.fft.rfft(values - values.mean(axis=2, keepdims=True), n=size, axis=2)
    # The chains are added up before the way back, which is linear.
    power = (np.square(spectrum.real) + np.square(spectrum.imag)).sum(axis=1)
    return np.fft.irfft(power, n=size, axis=1)[:, :lags] / (draws * chains)


def _autocorrelation(values: np.ndarray, lags: int) -> np.ndarray:
    """Return the autocorrelation of the chains taken together, shape (element, lag)."""
    draws = values.shape[2]
    covariance = _autocovariance(values, lags)
    within = covariance[:, :1] * draws / (draws - 1)
    total = covariance[:, :1].copy()
    if values.shape[1] > 1:
        total += np.var(values.mean(axis=2), axis=1, ddof=1)[:, None]
    correlation = 1 - (within - covariance) / total
    correlation[:, 0] = 1
    return correlation


def _geyer_time(correlation: np.ndarray, *, complete: bool) -> np.ndarray:
    """Return the integrated autocorrelation time by Geyer's initial monotone sequence; NaN where it needs more lags.

    The sums of successive pairs of autocorrelations are positive and falling for a reversible chain. Adding stops at
    the first pair that is not positive, of which the first half still counts if positive, and no pair counts more than
    its predecessors. `complete` says that there are no more lags: the last pair then stops the sum whatever it is.
    """
    count = max(1, (correlation.shape[1] - 1) // 2)
    even = correlation[:, : 2 * count : 2]
    pairs = even + correlation[:, 1 : 2 * count : 2]
    going_on = pairs > 0
    unfinished = going_on.all(axis=1) & (not complete)
    going_on[:, -1] = False
    stop = np.argmin(going_on, axis=1)[:, None]
    falling = np.minimum.accumulate(pairs, axis=1)
    whole = np.where(np.arange(count) < stop, falling, 0).sum(axis=1)
    last_even, last_pair = np.take_along_axis(even, stop, 1)[:, 0], np.take_along_axis(pairs, stop, 1)[:, 0]
    time = 2 * whole - 1 + np.where((last_even > 0) | (last_pair >= 0), last_even, 0)
    return np.where(unfinished | np.isnan(correlation[:, 1]), np.nan, time)


def _ess(values: np.ndarray) -> np.ndarray:
    _, chains, draws = values.shape
    time = _geyer_time(_autocorrelation(values, max(2, draws // 4)), complete=False)
    # Few elements have autocorrelations that reach beyond a quarter of the chain, so most take the shorter transform.
    slow = np.isnan(time)
    if slow.any():
        time[slow] = _geyer_time(_autocorrelation(values[slow], draws), complete=True)
    size = chains * draws
    return np.where(_is_constant(values), size, size / np.maximum(time, 1 / np.log10(size)))


def _is_constant(values: np.ndarray) -> np.ndarray:
    """Whether the values of a row differ by no more than the rounding of one computation."""
    low, high = values.min(axis=(1, 2)), values.max(axis=(1, 2))
    span = high - low
    return (span == 0) | (span < 4 * np.finfo(float).eps * np.maximum(np.abs(low), np.abs(high)))


def ess_bulk(block: Block) -> np.ndarray:
    """Return the effective sample size of the normal scores."""
    return _ess(block.bulk_scores)


def _ess_folded(block: Block) -> np.ndarray:
    return _ess(block.folded_scores)


def _ess_identity(block: Block) -> np.ndarray:
    return _ess(block.values)


def ess_mean(block: Block) -> np.ndarray:
    """Return the effective sample size for the mean."""
    return _ess(block.halves)


def _ess_sd(block: Block) -> np.ndarray:
    return _ess(_halves(_squared_deviation(block)))


def _ess_quantile(block: Block, prob: float) -> np.ndarray:
    return _ess(_halves(block.at_most(prob).astype(float)))


def _ess_median(block: Block) -> np.ndarray:
    return _ess_quantile(block, 0.5)


def _ess_mad(block: Block) -> np.ndarray:
    distance = np.abs(block.values - block.quantile(0.5)[:, None, None])
    near = distance <= np.median(distance, axis=(1, 2), keepdims=True)
    return _ess(_halves(near.astype(float)))


def ess_tail(block: Block, prob: float | Sequence[float] = TAIL_PROBABILITIES) -> np.ndarray:
    """Return the smaller of the effective sample sizes for two quantiles; a single one stands for p and 1 - p."""
    low, high = (prob, 1 - prob) if isinstance(prob, int | float) else prob
    return np.minimum(_ess_quantile(block, low), _ess_quantile(block, high))


def _ess_local(block: Block, prob: Sequence[float]) -> np.ndarray:
    low, high = (block.quantile(p)[:, None, None] for p in prob)
    inside = (low <= block.values) & (block.values <= high)
    return _ess(_halves(inside.astype(float)))


ESS: dict[str, Statistic] = {
    "bulk": ess_bulk,
    "tail": ess_tail,
    "mean": ess_mean,
    "sd": _ess_sd,
    "median": _ess_median,
    "mad": _ess_mad,
    "quantile": _ess_quantile,
    "local": _ess_local,
    "folded": _ess_folded,
    "identity": _ess_identity,
}


# Standard errors and intervals


def _squared_deviation(block: Block) -> np.ndarray:
    return np.square(block.values - block.values.mean(axis=(1, 2), keepdims=True))


def mean(block: Block) -> np.ndarray:
    """Return the mean of all draws."""
    return block.values.mean(axis=(1, 2))


def sd(block: Block) -> np.ndarray:
    """Return the standard deviation of all draws, by n - 1."""
    size = _flat(block.values).shape[1]
    return np.std(_flat(block.values), axis=1, ddof=1) if size > 1 else np.full(len(block.values), np.nan)


def mcse_mean(block: Block) -> np.ndarray:
    """Return the standard error of the mean."""
    return sd(block) / np.sqrt(ess_mean(block))


def mcse_sd(block: Block) -> np.ndarray:
    """Return the standard error of the standard deviation."""
    squares = _squared_deviation(block)
    variance = squares.mean(axis=(1, 2))
    variance_of_squares = (np.square(squares).mean(axis=(1, 2)) - variance**2) / ess_mean(block)
    return np.sqrt(variance_of_squares / variance / 4)


def _mcse_quantile(block: Block, prob: float) -> np.ndarray:
    from scipy.special import betaincinv  # half a second to import, and needed for this alone

    ordered, size = block.ordered_all, _ess_quantile(block, prob)
    last = ordered.shape[1] - 1
    ends = [betaincinv(size * prob + 1, size * (1 - prob) + 1, p) * (last + 1) - 1 for p in (0.1586553, 0.8413447)]
    low = np.fmax(np.floor(ends[0]), 0).astype(int)[:, None]
    high = np.fmin(np.ceil(ends[1]), last).astype(int)[:, None]
    return (np.take_along_axis(ordered, high, 1) - np.take_along_axis(ordered, low, 1))[:, 0] / 2


MCSE: dict[str, Statistic] = {
    "mean": mcse_mean,
    "sd": mcse_sd,
    "median": lambda block: _mcse_quantile(block, 0.5),
    "quantile": _mcse_quantile,
}


def shortest_interval(block: Block, prob: float) -> np.ndarray:
    """Return the lower and the upper bounds of the shortest interval with the share `prob` of the draws."""
    ordered = block.ordered_all
    size = ordered.shape[1]
    step = min(int(np.floor(prob * size)), size - 1)
    start = np.argmin(ordered[:, step:] - ordered[:, : size - step], axis=1)[:, None]
    return np.stack((np.take_along_axis(ordered, start, 1)[:, 0], np.take_along_axis(ordered, start + step, 1)[:, 0]))


def central_interval(block: Block, prob: float) -> np.ndarray:
    """Return the lower and the upper bounds of the interval with (1 - prob) / 2 of the draws on each side."""
    edge = (1 - prob) / 2
    return np.stack((block.quantile(edge), block.quantile(1 - edge)))
