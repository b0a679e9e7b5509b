"""Quantiles of whole-number distributions, by a search along the integers that all elements make together."""

from __future__ import annotations

import math
from typing import Any

from pellucid.tensor.arithmetic import abs as abs_
from pellucid.tensor.arithmetic import (
    bitwise_and,
    bitwise_or,
    disconnected_grad,
    floor,
    ge,
    gt,
    isinf,
    le,
    lt,
    maximum,
    minimum,
    switch,
)
from pellucid.tensor.elementwise import cast
from pellucid.tensor.folds import while_loop
from pellucid.tensor.reduce import any as any_
from pellucid.tensor.shape import broadcast_arrays
from pellucid.tensor.transcendental import log
from pellucid.tensor.types import TensorVariable, as_tensor_variable

FUZZ = 2.0**-46  # relative: what a distribution function may lose to rounding, which must not cost a whole step
HALF_SPACING = 2.0**-54  # half the distance of numbers below 1: how far q may be from what it stands for
FARTHEST = 2.0**1000  # where the search gives up


def search(d: Any, q: Any) -> TensorVariable:
    """The least whole number k with P(X <= k) >= q, for a distribution `d` with `logcdf` and `logccdf`.

    The bracket starts at the ends of the support, where there are any; a side without an end is found by steps of
    doubling length from the typical value. Bisection then ends at neighbours. Up to the median the lower tail is
    compared with q and above it the upper tail with 1 - q, so that small tails keep their digits. A number whose
    probability differs from q by rounding alone counts as reached: the quantile of the probability of k is k.

    Parameters
    ----------
    d : Distribution
    q : tensor
        Probabilities. At 0 the result is the least number of the support, at 1 the greatest, or infinity.
    """
    q = as_tensor_variable(q)
    first, low, high = bracket(d, q)
    lower_half, certain = le(q, 0.5), ~bitwise_and(gt(q, 0.0), lt(q, 1.0))  # also what is no probability
    log_q = log(q) - FUZZ
    log_rest = log((1.0 - q) * (1.0 + FUZZ) + HALF_SPACING)

    def reached(k: TensorVariable) -> TensorVariable:
        tail = ~switch(lower_half, d.logcdf(k) < log_q, d.logccdf(k) > log_rest)  # NaN ends the search
        return bitwise_or(ge(k, high), bitwise_and(tail, gt(k, low)))

    def narrow(left: Any, right: Any, probe: Any) -> list[Any]:
        good = reached(probe)
        left, right = switch(good, left, maximum(left, probe)), switch(good, minimum(right, probe), right)
        open_ended = bitwise_or(isinf(left), isinf(right))
        farther = first + 2.0 * (probe - first) + switch(isinf(right), 1.0, -1.0)  # 1, 3, 7, ... away from the first
        return [left, right, switch(open_ended, farther, left + floor(0.5 * (right - left)))]

    def unfinished(left: Any, right: Any, probe: Any) -> Any:
        between = bitwise_and(gt(probe, left), lt(probe, right))  # neighbours have nothing between them
        return any_(bitwise_and(bitwise_and(between, le(abs_(probe), FARTHEST)), ~certain))

    _, found, _ = while_loop(unfinished, narrow, [low, high, first], name="quantile")
    return disconnected_grad(switch(ge(q, 1.0), high, switch(gt(q, 0.0), found, low + 1.0)))


def bracket(d: Any, q: TensorVariable) -> list[TensorVariable]:
    """The first number to try, the number before the least one, and the greatest: in the shape of the result."""
    low, high = (None if end is None else cast(end, "float64") for end in d.support.bounds(d))
    low = as_tensor_variable(-math.inf if low is None else low - 1.0)
    high = as_tensor_variable(math.inf if high is None else high)
    typical = floor(cast(as_tensor_variable(d.support_point()), "float64"))
    first = maximum(minimum(typical, high - 1.0), low + 1.0)
    batch = [v[(..., *(0,) * core)] if core else v for v, core in zip(d.values, d.law.core, strict=True)]
    return broadcast_arrays(first, low, high, q, *batch)[:3]
