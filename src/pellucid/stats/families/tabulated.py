"""Distributions given by a table of their density."""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np

from pellucid.graph.provenance import describe, user_line
from pellucid.stats.constraint import Constraint, Structured, interval
from pellucid.stats.distribution import Distribution, distribution
from pellucid.stats.families.formulas import log_of
from pellucid.tensor.arithmetic import bitwise_and, eq, ge, gt, maximum, minimum, switch
from pellucid.tensor.cumulate import cumsum
from pellucid.tensor.draws import law
from pellucid.tensor.reduce import all as all_
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import concatenate, expand_dims
from pellucid.tensor.transcendental import log, sqrt
from pellucid.tensor.types import TensorVariable

increasing: Constraint = Structured(
    "a vector of increasing numbers", ([0.0, 1.0, 3.0],), 1, lambda x: all_(x[..., 1:] > x[..., :-1], axis=-1)
)
nonnegative_vector: Constraint = Structured(
    "a vector of numbers that are not negative, with a positive sum",
    ([1.0, 2.0, 1.0],),
    1,
    lambda x: bitwise_and(all_(ge(x, 0.0), axis=-1), gt(sum_(x, axis=-1), 0.0)),
)


def interpolated_sample(rng: np.random.Generator, size: tuple[int, ...], x: np.ndarray, pdf: np.ndarray) -> np.ndarray:
    """A piece by its share of the area, and a place in it by the inverse of its quadratic distribution function."""
    areas = np.diff(x) * (pdf[..., 1:] + pdf[..., :-1]) / 2
    edges = np.cumsum(areas, axis=-1)
    u = rng.random(size) * edges[..., -1]
    piece = np.minimum((u[..., None] >= edges).sum(-1), areas.shape[-1] - 1)[..., None]

    def of(v: np.ndarray, at: Any) -> np.ndarray:
        return np.take_along_axis(np.broadcast_to(v, (*size, v.shape[-1])), at, -1)[..., 0]

    left, right, start, end = of(pdf, piece), of(pdf, piece + 1), of(x, piece), of(x, piece + 1)
    share = rng.random(size)  # of the piece's area
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(left**2 + share * (right**2 - left**2))
        return start + (end - start) * share * (left + right) / (left + root)


interpolated_law = law("interpolated", "x_points pdf_points", interpolated_sample, core=(1, 1))


@distribution
class Interpolated(Distribution):
    """The density that joins `pdf_points` at `x_points` by straight lines, scaled so that its integral is 1.

    Both are vectors of one length, or have batches of vectors in their last axes; `x_points` increase.
    """

    x_points: Annotated[Any, increasing]
    pdf_points: Annotated[Any, nonnegative_vector]
    support = interval("first", "last")
    law = interpolated_law
    formula = r"\frac{p_i (x_{i+1} - x) + p_{i+1} (x - x_i)}{(x_{i+1} - x_i) \sum_j (x_{j+1}-x_j)(p_j+p_{j+1})/2}"
    source = "https://en.wikipedia.org/wiki/Linear_interpolation"

    @property
    def first(self) -> TensorVariable:
        """The lower end of the support."""
        return self.x_points[..., 0]

    @property
    def last(self) -> TensorVariable:
        """The upper end of the support."""
        return self.x_points[..., -1]

    def agree(self) -> list[Any]:
        m, n = self.x_points.type.shape[-1], self.pdf_points.type.shape[-1]
        if m is not None and n is not None and m != n:
            raise ValueError(
                f"Interpolated needs as many pdf_points as x_points, not {n} for {m}. Give one for each. "
                f"At {describe(user_line())}"
            )
        return []

    def pieces(self) -> tuple[Any, Any, Any, Any, Any]:
        """The starts and ends of the pieces, the densities there (up to the scale), and the areas."""
        x, p = self.x_points, self.pdf_points
        start, end, left, right = x[..., :-1], x[..., 1:], p[..., :-1], p[..., 1:]
        return start, end, left, right, 0.5 * (end - start) * (left + right)

    def total(self) -> Any:
        """The area before it is scaled."""
        return sum_(self.pieces()[-1], axis=-1)

    def logp(self, x: Any) -> Any:
        start, end, left, right, _ = self.pieces()
        at = expand_dims(x, -1)
        # The last piece owns its end, each other one only its start: so one term of the sum is not 0.
        owns = bitwise_and(start <= at, (at < end) | (eq(at, end) & eq(end, expand_dims(self.last, -1))))
        height = (left * (end - at) + right * (at - start)) / (end - start)
        return log(sum_(switch(owns, height, 0.0), axis=-1)) - log(self.total())

    def parts(self, x: Any) -> tuple[Any, Any]:
        """The areas below and above x, as shares of the whole; sums of pieces, and so without cancellation."""
        start, end, left, right, areas = self.pieces()
        at = minimum(maximum(expand_dims(x, -1), start), end)
        here = (left * (end - at) + right * (at - start)) / (end - start)
        below, above = 0.5 * (at - start) * (left + here), 0.5 * (end - at) * (here + right)
        total = sum_(areas, axis=-1)
        return sum_(below, axis=-1) / total, sum_(above, axis=-1) / total

    def logcdf(self, x: Any) -> Any:
        return log_of(*self.parts(x))

    def logccdf(self, x: Any) -> Any:
        return log_of(*self.parts(x)[::-1])

    def icdf(self, q: Any) -> Any:
        """By the root of a quadratic function in the piece where the probability is reached."""
        start, end, left, right, areas = self.pieces()
        reached = cumsum(areas, axis=-1)
        goal = expand_dims(q * self.total(), -1)
        nothing = 0.0 * areas[..., :1]
        before, after = (
            concatenate([nothing, reached[..., :-1]], -1),
            concatenate([reached[..., :-1], nothing + math.inf], -1),
        )
        owns = bitwise_and(before <= goal, goal < after)
        share = switch(owns, minimum((goal - before) / switch(gt(areas, 0.0), areas, 1.0), 1.0), 0.5)
        root = sqrt(switch(owns, left * left + share * (right - left) * (right + left), 1.0))
        step = (end - start) * share * (left + right) / switch(owns & gt(left + root, 0.0), left + root, 1.0)
        return sum_(switch(owns, start + step, 0.0), axis=-1)

    def mean(self) -> Any:
        start, end, left, right, _ = self.pieces()
        moment = (end - start) / 6.0 * (start * (2.0 * left + right) + end * (left + 2.0 * right))
        return sum_(moment, axis=-1) / self.total()
