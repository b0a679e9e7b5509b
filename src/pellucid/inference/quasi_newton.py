"""Steps uphill that remember gradients (L-BFGS), and the normal distributions that this memory amounts to on the way.

Sources: Zhang, Carpenter, Gelman and Vehtari, "Pathfinder: parallel quasi-Newton variational inference", JMLR 23
(2022), for the distributions; Byrd, Nocedal and Schnabel, "Representations of quasi-Newton matrices" (1994), for the
inverse as a diagonal and a few columns; Gilbert and Lemaréchal, "Some numerical experiments with variable-storage
quasi-Newton algorithms" (1989), for its diagonal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

LOG_TWO_PI = float(np.log(2.0 * np.pi))
SUFFICIENT, FLAT_ENOUGH = 1e-4, 0.9
"""What a step must gain of what the slope promises, and how much of the slope may be left (Wolfe's conditions)."""
HALVINGS = 60
SHARPEST = 1e12
"""Pairs that say more curvature than this are rounding errors (the source's algorithm 1)."""

Evaluate = Callable[[np.ndarray], tuple[float, np.ndarray]]


class Normal(NamedTuple):
    """A normal distribution with covariance D (I + Q (L L' - I) Q') D, D diagonal and the columns of Q orthonormal."""

    mean: np.ndarray
    diagonal: np.ndarray
    basis: np.ndarray
    factor: np.ndarray

    @property
    def log_scale(self) -> float:
        """Half the logarithm of the covariance's determinant."""
        return float(np.log(self.diagonal).sum() + np.log(np.diag(self.factor)).sum())

    def draw(self, generator: np.random.Generator, draws: int) -> tuple[np.ndarray, np.ndarray]:
        """Draws as rows, and the log-density of each."""
        noise = generator.standard_normal((draws, len(self.mean)))
        inside = noise @ self.basis
        points = self.mean + self.diagonal * (noise + (inside @ self.factor.T - inside) @ self.basis.T)
        return points, -0.5 * ((noise * noise).sum(1) + len(self.mean) * LOG_TWO_PI) - self.log_scale


class Memory:
    """The last few pairs of a step and what it changed in the gradient: an estimate of the inverse of the curvature."""

    def __init__(self, size: int, pairs: int):
        self.pairs = pairs
        self.diagonal = np.ones(size)
        self.steps, self.changes = np.empty((size, 0)), np.empty((size, 0))

    def remember(self, step: np.ndarray, change: np.ndarray) -> None:
        """Take in a step, and by how much the gradient fell over it."""
        product = float(step @ change)
        if not product > 0.0 or float(change @ change) > SHARPEST * product:
            return
        d = self.diagonal
        a, c = float(change @ (d * change)), float(step @ (step / d))
        with np.errstate(all="ignore"):
            fresh = 1.0 / (a / (product * d) + change**2 / product - a * (step / d) ** 2 / (product * c))
        self.diagonal = np.where(np.isfinite(fresh) & (fresh > 0.0), fresh, d)
        # The estimate does not depend on a pair's length; with products of one its matrices stay well scaled.
        keep, scale = max(self.steps.shape[1] - self.pairs + 1, 0), 1.0 / np.sqrt(product)
        self.steps = np.column_stack([self.steps[:, keep:], scale * step])
        self.changes = np.column_stack([self.changes[:, keep:], scale * change])

    def columns(self) -> tuple[np.ndarray, np.ndarray]:
        """B and C of the estimate, diag(d) + B C B'."""
        n = self.steps.shape[1]
        weighted = self.diagonal[:, None] * self.changes
        inverse = np.linalg.inv(np.triu(self.steps.T @ self.changes))
        corner = inverse.T @ (np.eye(n) + self.changes.T @ weighted) @ inverse
        middle = np.block([[np.zeros((n, n)), -inverse], [-inverse.T, corner]])
        return np.column_stack([weighted, self.steps]), middle

    def normal(self, x: np.ndarray, slope: np.ndarray) -> Normal | None:
        """The normal distribution of which a point and a slope are of the density, None if rounding leaves none."""
        columns, middle = self.columns()
        root = np.sqrt(self.diagonal)
        mean = x + self.diagonal * slope + columns @ (middle @ (columns.T @ slope))
        try:
            basis, upper = np.linalg.qr(columns / root[:, None])
            factor = np.linalg.cholesky(np.eye(len(upper)) + upper @ middle @ upper.T)
        except np.linalg.LinAlgError:
            return None
        return Normal(mean, root, basis, factor) if np.isfinite(mean).all() else None


class Point(NamedTuple):
    """A place on the way up, and the normal distribution that the way so far says."""

    x: np.ndarray
    logp: float
    slope: np.ndarray
    normal: Normal | None


def ascend(evaluate: Evaluate, start: np.ndarray, pairs: int, ftol: float, gtol: float) -> Iterator[Point]:
    """The points of a way up, from the start until a step gains nothing that counts; no end if none does."""
    memory = Memory(len(start), pairs)
    x, (logp, slope) = start, evaluate(start)
    while True:
        normal = memory.normal(x, slope)
        if normal is None:  # what is remembered contradicts itself: go on from the diagonal
            memory.steps, memory.changes = memory.steps[:, :0], memory.changes[:, :0]
        yield Point(x, logp, slope, normal)
        if np.abs(slope).max() <= gtol:
            return
        direction = slope if normal is None or not memory.steps.size else normal.mean - x
        found = search(evaluate, x, logp, slope, direction)
        if found is None:
            return
        ahead, higher, flatter = found
        memory.remember(ahead - x, slope - flatter)
        gain = higher - logp
        x, logp, slope = ahead, higher, flatter
        if gain <= ftol * max(abs(logp), 1.0):
            yield Point(x, logp, slope, memory.normal(x, slope))
            return


def search(
    evaluate: Evaluate, x: np.ndarray, logp: float, slope: np.ndarray, direction: np.ndarray
) -> tuple[np.ndarray, float, np.ndarray] | None:
    """A point ahead that fulfils Wolfe's conditions, or at least gains; None if there is none.

    By bisection (Lewis and Overton, "Nonsmooth optimization via quasi-Newton methods", 2013), which needs no model of
    the function and so walks out of where it is infinite or has no gradient.
    """
    promised = float(slope @ direction)
    if not promised > 0.0:
        direction, promised = slope, float(slope @ slope)
    below, above, best = 0.0, np.inf, None
    t = 1.0 / max(1.0, float(np.sqrt(promised))) if direction is slope else 1.0
    for _ in range(HALVINGS):
        ahead = x + t * direction
        value, gradient = evaluate(ahead)
        if not (np.isfinite(value) and np.isfinite(gradient).all() and value >= logp + SUFFICIENT * t * promised):
            above = t
        elif gradient @ direction > FLAT_ENOUGH * promised:
            below, best = t, (ahead, value, gradient)
        else:
            return ahead, value, gradient
        t = (below + above) / 2 if np.isfinite(above) else 2.0 * below
        if not below < t < above:
            break
    return best
