"""Pieces of densities that several distributions share."""

from __future__ import annotations

import math
from typing import Any

from pellucid.stats.bounds import known
from pellucid.stats.constraint import positive
from pellucid.tensor.arithmetic import bitwise_and, eq, gt, lt, reciprocal, sqr, switch
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.index import Gather, Subtensor
from pellucid.tensor.shape import BroadcastTo, DimShuffle, Reshape, SpecifyShape
from pellucid.tensor.softmax import Softmax, log_softmax
from pellucid.tensor.special import gammaln
from pellucid.tensor.transcendental import log, log1p, sigmoid
from pellucid.tensor.types import Constant, TensorVariable, as_operands

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
ROOT_TWO = math.sqrt(2)


def minus(x: Any, loc: Any) -> Any:
    """x - loc, or x itself where loc is known to be 0."""
    return x if isinstance(loc, Constant) and not loc.data.any() else x - loc


def standard(x: Any, loc: Any, scale: Any) -> Any:
    """(x - loc) / scale, as a product: one division for all elements of x, not one for each."""
    return minus(x, loc) * reciprocal(scale)


def times_log(a: Any, x: Any) -> TensorVariable:
    """a log x, which is 0 at a = x = 0, and so is its gradient; the plain product where x is known to be positive."""
    a, x = as_operands([a, x])
    if not known(positive, x):
        x = switch(bitwise_and(eq(a, 0.0), eq(x, 0.0)), 1.0, x)
    return a * log(x)


def times_log1p(a: Any, x: Any) -> TensorVariable:
    """a log(1 + x), which is 0 at a = 0, x = -1, and so is its gradient; the plain product where 1 + x is positive."""
    a, x = as_operands([a, x])
    if not known(positive, 1.0 + x):
        x = switch(bitwise_and(eq(a, 0.0), eq(x, -1.0)), 0.0, x)
    return a * log1p(x)


def log_of(probability: TensorVariable, complement: TensorVariable) -> TensorVariable:
    """The log of a probability, from it or from its complement: whichever is smaller has all its digits."""
    small = lt(probability, 0.5)
    return switch(small, log(switch(small, probability, 0.5)), log1p(-switch(small, 0.5, complement)))


VIEWS = BroadcastTo, DimShuffle, Gather, Reshape, SpecifyShape, Subtensor


def argument_of(function: Elementwise, y: TensorVariable) -> TensorVariable | None:
    """The x of y = function(x), if that is what y is, or elements of it."""
    owner = y.owner
    if owner is None:
        return None
    if owner.op is function:
        return owner.inputs[0]  # type: ignore[return-value]
    if not isinstance(owner.op, VIEWS):
        return None
    inner = argument_of(function, owner.inputs[0])  # type: ignore[arg-type]
    return None if inner is None else owner.op(inner, *owner.inputs[1:])


def log_odds_of(p: TensorVariable) -> TensorVariable | None:
    """The x of p = sigmoid(x), if that is what p is, or elements of it."""
    return argument_of(sigmoid, p)


def log_probabilities(p: TensorVariable) -> TensorVariable:
    """log p, for p = softmax(x) without a detour through p."""
    owner = p.owner
    softmax = owner is not None and isinstance(owner.op, Softmax) and owner.op.axes == (p.ndim - 1,)
    return log_softmax(owner.inputs[0], axis=-1) if softmax else log(p)  # type: ignore[union-attr]


def log_gamma_step(a: TensorVariable) -> TensorVariable:
    """log(gamma(a + 1/2) / gamma(a)); beyond 60 by its asymptotic series, where the difference would lose digits.

    Series: https://dlmf.nist.gov/5.11.E13; the next term is below 1e-16 at a = 60.
    """
    large = gt(a, 60.0)
    b = switch(large, a, 60.0)
    r = 1.0 / sqr(b)
    series = 0.5 * log(b) - (0.125 - r * (1 / 192 - r * (1 / 640 - r * (17 / 14336)))) / b
    c = switch(large, 1.0, a)
    return switch(large, series, gammaln(c + 0.5) - gammaln(c))
