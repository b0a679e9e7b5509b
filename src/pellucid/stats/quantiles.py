"""Quantiles without a formula: the root of a distribution function, found to the last digits that the function has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.diff import grad
from pellucid.graph.nodes import Op, Variable
from pellucid.graph.replace import replace_all
from pellucid.tensor.arithmetic import switch
from pellucid.tensor.body import Body
from pellucid.tensor.broadcast import Extent
from pellucid.tensor.elementwise import cast
from pellucid.tensor.namespace import NUMPY
from pellucid.tensor.shape import broadcast_shape, broadcast_to
from pellucid.tensor.transcendental import exp
from pellucid.tensor.types import TensorVariable, as_tensor_variable

STEPS = 200  # bisection alone needs 64 to get from all floats to one
FAR = 30.0  # a difference of logarithms beyond which Newton's steps would be many
EXACT = 2.3e-16  # a difference of logarithms that is nothing but rounding


def place_of(x: np.ndarray) -> np.ndarray:
    """The place of a float among all floats in their order, so that steps of one lead to its neighbours."""
    bits = np.asarray(x, "float64").view("int64")
    return np.where(bits < 0, np.int64(-(2**63)) - bits, bits)


def at_place(place: np.ndarray) -> np.ndarray:
    """The float at a place."""
    return np.where(place < 0, np.int64(-(2**63)) - place, place).astype("int64").view("float64")


def between(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The float in the middle of two, counted in floats: so any magnitude is reached in 64 halvings."""
    a, b = place_of(low), place_of(high)
    return at_place((a >> 1) + (b >> 1) + (a & b & 1))


def first_guess(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The middle of a finite interval; 0 on the whole line, and 1.5 beyond 0."""
    finite = np.isfinite(low) & np.isfinite(high)
    return np.where(finite, low / 2 + high / 2, between(low, high))


@dataclass(frozen=True)
class Quantile(Op):
    """x such that P(X <= x) = q, for (q, low, high, *parameters), where low and high are the ends of the support.

    The body gives log P(X <= x), log P(X > x) and the log-density from x and the parameters, all in the shape of q.
    The smaller of the two probabilities is the one that is solved for. Newton's steps on its logarithm are taken while
    they stay within the bracket and halve the difference; otherwise the bracket is halved, in the order of floats.
    The derivatives are those of the implicit function theorem.
    """

    body: Body

    def __str__(self) -> str:
        return "Quantile"

    def infer(self, q: Any, *rest: Variable) -> tuple[Any]:
        return (q.type,)

    def infer_shape(self, inputs: Sequence[Variable], extents: Sequence[Sequence[Extent]]) -> list[tuple[Extent, ...]]:
        """The extents of q."""
        return [tuple(extents[0])]

    def impl(self, xp: Any, q: Any, low: Any, high: Any, *parameters: Any) -> Any:
        q = np.asarray(q, "float64")
        low, high = (np.broadcast_to(np.asarray(v, "float64"), q.shape).copy() for v in (low, high))
        program = self.body.program(1)
        with np.errstate(all="ignore"):
            start = program.start(NUMPY, [q, *[np.asarray(p) for p in parameters]])

            def measure(x: np.ndarray) -> list[np.ndarray]:
                values = list(start)
                values[0] = x
                program.run(NUMPY, program.each, values)
                return [np.broadcast_to(values[i], q.shape) for i in program.results]

            return np.where(q <= 0, np.where(q == 0, low, np.nan), solve(measure, q, low, high))

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable | None]:
        q, _, _, *parameters = inputs
        (g,), (y,) = gradients, outputs
        below, above, density = (as_tensor_variable(v) for v in self.body.on([y, *parameters]))
        half = q <= 0.5
        slopes = [
            -g * switch(half, exp(switch(half, below - density, 0.0)), 0.0),
            g * switch(half, 0.0, exp(switch(half, 0.0, above - density))),
        ]
        seeds = [s.type.variable() for s in slopes]
        wanted = [v for v in self.body.inputs[1:] if v.type.dtype.startswith("float")]  # type: ignore[attr-defined]
        known = dict(zip(self.body.outputs[:2], seeds, strict=True))
        found = grad(None, wanted, known_grads=known, disconnected_inputs="ignore", return_disconnected="none")
        by_leaf = {v: d for v, d in zip(wanted, found, strict=True) if d is not None}
        given = dict(zip([*self.body.inputs, *seeds], [y, *parameters, *slopes], strict=True))
        placed = dict(zip(by_leaf, replace_all(list(by_leaf.values()), given), strict=True))
        return [g * exp(-density), None, None, *[placed.get(v) for v in self.body.inputs[1:]]]


def solve(measure: Any, q: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The quantiles at all q at once; see :class:`Quantile`."""
    small = q <= 0.5
    target = np.where(small, np.log(q), np.log1p(-q))
    x, found = first_guess(low, high), q >= 1
    x = np.where(found, np.where(q == 1, high, np.nan), x)
    last, best, home = np.full(q.shape, np.inf), np.full(q.shape, np.inf), x
    for _ in range(STEPS):
        below, above, density = measure(x)
        mine = np.where(small, below, above)
        gap = np.where(small, mine - target, target - mine)  # rises with x
        newton = x - gap * np.exp(mine - density)
        lost = np.isnan(gap)  # the formulas do not reach as far as floats do: come back towards where they held
        low = np.where((gap < 0) | (lost & (x < home)), x, low)
        high = np.where((gap > 0) | (lost & (x > home)), x, high)
        better = np.abs(gap) < best
        home, best = np.where(better, x, home), np.where(better, np.abs(gap), best)
        good = (newton > low) & (newton < high) & (np.abs(gap) <= last / 2) & (np.abs(gap) < FAR)
        still = (np.abs(newton - x) <= 2.3e-16 * np.abs(x)) & (np.abs(gap) < FAR)
        x = np.where(lost & (x == home) & ~found, np.nan, x)
        close = np.abs(gap) <= EXACT * np.maximum(1.0, np.abs(target))
        found = found | np.isnan(x) | close | still | (place_of(high) - place_of(low) == 1)
        if found.all():
            break
        x = np.where(found, x, np.where(good, newton, between(low, high)))
        last = np.where(good, np.abs(gap), np.inf)
    return x


def search_quantile(distribution: Any, q: TensorVariable) -> TensorVariable:
    """The quantiles of a continuous distribution by its distribution function.

    Their relative error is that of the distribution function, divided by the relative change of the smaller of both
    probabilities with x: for the functions of this package about 1e-14 unless the density nearly vanishes.

    Parameters
    ----------
    distribution : Distribution
        With `logcdf`, `logccdf` and `logp`, and a support that is an interval.
    q : tensor
        In [0, 1]; outside, the result is NaN.
    """
    q = cast(q, "float64")
    q = broadcast_to(q, broadcast_shape(q, as_tensor_variable(distribution.logcdf(q))))
    leaves = [v.type.variable() for v in distribution.values]
    x = q.type.variable()
    inner = distribution.of(*leaves)
    body = Body([x, *leaves], [as_tensor_variable(f(x)) for f in (inner.logcdf, inner.logccdf, inner.logp)])
    ends = distribution.support.bounds(distribution)
    low, high = (as_tensor_variable(v if v is not None else e) for v, e in zip(ends, (-np.inf, np.inf), strict=True))
    return Quantile(body)(q, cast(low, "float64"), cast(high, "float64"), *distribution.values)
