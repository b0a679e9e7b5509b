"""Weights of draws from one distribution that stand for another, with the largest ones smoothed: PSIS.

Source: Vehtari, Simpson, Gelman, Yao and Gabry, "Pareto smoothed importance sampling", JMLR 25 (2024).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SHORTEST_TAIL = 5
PRIOR_DRAWS, PRIOR_SHAPE = 10, 0.5
"""The shape is drawn towards a half, as if ten more draws of the tail had said so (the source's appendix C)."""
GRID = 30


class Smoothed(NamedTuple):
    """Logarithms of weights that sum to one, and the shape k of the Pareto distribution that their tail is like.

    k is infinite where the tail has too few draws to tell.
    """

    log_weights: np.ndarray
    k: float


def normalised(log_weights: np.ndarray) -> np.ndarray:
    """Logarithms of weights, shifted so that the weights sum to one; NaN means no weight."""
    found = np.where(np.isnan(log_weights), -np.inf, log_weights)
    largest = found.max()
    return found - largest - np.log(np.exp(found - largest).sum())


def smooth(log_ratios: np.ndarray) -> Smoothed:
    """Replace the largest weights by the quantiles expected of a Pareto distribution fitted to them.

    Parameters
    ----------
    log_ratios : ndarray
        Logarithms of ratios of densities, up to a constant; some of them finite, the others minus infinity.
    """
    found = normalised(log_ratios)
    found -= found.max()
    count = int(min(np.ceil(0.2 * len(found)), np.ceil(3.0 * np.sqrt(len(found)))))
    order = np.argsort(found, kind="stable")
    tail = order[len(found) - count :]
    cutoff = max(found[order[-count - 1]] if count < len(found) else -np.inf, np.log(np.finfo(float).tiny))
    tail = tail[found[tail] > cutoff]
    if len(tail) < SHORTEST_TAIL:
        alike = np.isfinite(found).all() and found[order[0]] == found[order[-1]]
        return Smoothed(normalised(found), -np.inf if alike else np.inf)
    excess = np.exp(found[tail]) - np.exp(cutoff)
    k, scale = fit_pareto(excess)
    if np.isfinite(k):
        place = (np.arange(len(tail)) + 0.5) / len(tail)
        stretch = -np.log1p(-place) if k == 0 else np.expm1(-k * np.log1p(-place)) / k
        found[tail] = np.minimum(np.log(np.exp(cutoff) + scale * stretch), 0.0)
    return Smoothed(normalised(found), k)


def fit_pareto(x: np.ndarray) -> tuple[float, float]:
    """The shape and the scale of the generalised Pareto distribution of sorted positive numbers.

    Source: Zhang and Stephens, "A new and efficient estimation method for the generalized Pareto distribution",
    Technometrics 51 (2009).
    """
    n = len(x)
    points = GRID + int(np.sqrt(n))
    # With theta = k / scale the likelihood's maximum over the rest has a closed form: a mean over a grid of theta.
    theta = 1.0 / x[-1] + (1.0 - np.sqrt(points / (np.arange(points) + 0.5))) / (3.0 * x[int(n / 4.0 + 0.5) - 1])
    shape = np.log1p(-theta[:, None] * x).mean(1)
    profile = n * (np.log(-theta / shape) - shape - 1.0)
    weight = np.exp(normalised(profile))
    best = float(weight @ theta)
    k = float(np.log1p(-best * x).mean())
    scale = -k / best
    return (n * k + PRIOR_DRAWS * PRIOR_SHAPE) / (n + PRIOR_DRAWS), scale
