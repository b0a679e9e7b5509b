"""Pieces of the probabilities of counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.graph.traverse import graph_inputs
from pellucid.stats.bounds import evaluate_small
from pellucid.stats.families.formulas import log_of
from pellucid.tensor.arithmetic import bitwise_and, gt, le, lt, maximum, minimum, sqr, switch
from pellucid.tensor.create import arange
from pellucid.tensor.elementwise import cast
from pellucid.tensor.reduce import max as max_
from pellucid.tensor.shape import concatenate, expand_dims
from pellucid.tensor.softmax import logsumexp
from pellucid.tensor.special import gammaln
from pellucid.tensor.transcendental import log, log1p
from pellucid.tensor.types import Constant, TensorVariable, as_tensor_variable, constant

LARGE = 20.0  # from here on the first term that Stirling's series leaves out is below 2e-15


def log_rising(a: Any, x: Any) -> TensorVariable:
    """log(gamma(a + x) / (gamma(a) a**x)) for x >= 0: 0 at x = 0 and in the limit of large `a`.

    From `LARGE` on by Stirling's series (https://dlmf.nist.gov/5.11.E1), where the difference of the logarithms of two
    large gamma functions would lose digits.
    """
    large = gt(a, LARGE)
    b, c = switch(large, a, LARGE), switch(large, LARGE, a)
    series = (b + x - 0.5) * log1p(x / b) - x + (stirling(b + x) - stirling(b))
    return switch(large, series, gammaln(c + x) - gammaln(c) - x * log(c))


def stirling(z: Any) -> Any:
    """What Stirling's formula for log gamma lacks at z >= LARGE."""
    z = minimum(z, 1e40)  # where it is 0 already, and z**7 is still finite
    square = sqr(z)
    return (((square / 12 - 1 / 360) * square + 1 / 1260) * square - 1 / 1680) / (square * square * (square * z))


DEEP = 1e-290  # below, the logarithm of a probability is no longer taken from the probability
LEVELS = 14  # of continued fractions: 11 give 13 digits to any tail below DEEP, up to means of 1e12


def log_tail(tail: Any, rest: Any, first: Any, fraction: Callable[..., Any], inside: Any, shallow: Any) -> Any:
    """The log of a tail probability, also where that is too small for a float.

    Parameters
    ----------
    tail, rest : tensor
        The probability and its complement.
    first, fraction, inside
        Deep in the tail it is exp(`first`) * ``fraction(*inside)``.
    shallow : tuple of numbers
        Arguments at which the fraction is finite, read in place of `inside` everywhere else.
    """
    deep = lt(tail, DEEP)
    shown, hidden = switch(deep, 0.5, tail), switch(deep, 0.5, rest)
    factor = fraction(*[switch(deep, v, w) for v, w in zip(inside, shallow, strict=True)])
    return switch(deep, first + log(factor), log_of(shown, hidden))


def gamma_fraction_above(a: Any, x: Any) -> Any:
    """The integral of t**(a-1) exp(-t) from x on, divided by its integrand at x times x; for x well above a.

    Continued fraction: https://dlmf.nist.gov/8.9.E2
    """
    found = x + (2 * LEVELS + 1) - a
    for n in range(LEVELS, 0, -1):
        found = x + (2 * n - 1) - a - n * (n - a) / found
    return 1.0 / found


def gamma_fraction_below(a: Any, x: Any) -> Any:
    """The same integral from 0 to x, divided in the same way; for x well below a.

    Continued fraction: https://dlmf.nist.gov/8.9.E1, for the Kummer function of 1 and a + 1
    """
    found = a + LEVELS
    for k in range(LEVELS, 0, -1):
        m = (k + 1) // 2
        found = a + (k - 1) + (-(a + (m - 1)) * x if k % 2 else m * x) / found
    return 1.0 / found


def beta_fraction(a: Any, b: Any, x: Any) -> Any:
    """The incomplete beta function of x, divided by x**a (1-x)**b / (a B(a, b)); for x well below a / (a + b).

    Continued fraction: https://dlmf.nist.gov/8.17.E22
    """
    found = as_tensor_variable(1.0)
    for k in range(LEVELS, 0, -1):
        m = k // 2
        even, lead = m * (b - m) * x, a + 2 * m
        part = even / ((lead - 1) * lead) if k % 2 == 0 else -(a + m) * (a + b + m) * x / (lead * (lead + 1))
        found = 1.0 + part / found
    return 1.0 / found


def log_sum(d: Any, x: Any, low: Any, high: Any, *, above: bool) -> TensorVariable:
    """log of the sum of P(k) over the whole numbers k in [low, x], or in (x, high] when `above`.

    Each term has all its digits, and so has the sum; it takes memory for high - low + 1 terms for each element.

    Parameters
    ----------
    d : Distribution
        Of finite support.
    x, low, high : tensor
        With low <= x < high, or low <= x when `above` is not set.
    """
    low, high = as_tensor_variable(low), as_tensor_variable(high)
    k = expand_dims(cast(low, "float64"), -1) + arange(longest(high - low) + 1)
    x, high = expand_dims(as_tensor_variable(x), -1), expand_dims(high, -1)
    inside = bitwise_and(gt(k, minimum(x, high - 1)), le(k, high)) if above else le(k, maximum(x, expand_dims(low, -1)))
    of_each = type(d).of(*[expand_dims(v, -1) for v in d.values])
    return logsumexp(switch(inside, of_each.logp(minimum(k, high)), -np.inf), axis=-1)


def longest(counts: TensorVariable) -> Any:
    """The largest of some whole numbers, at least 0; an int where it is known now."""
    if all(isinstance(v, Constant) for v in graph_inputs(counts)):
        return int(np.max(evaluate_small(counts), initial=0))
    return cast(max_(concatenate([counts.reshape(-1), constant([0], dtype=counts.dtype)])), "int64")
