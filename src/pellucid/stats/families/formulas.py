"""Pieces of densities that several distributions share."""

from __future__ import annotations

import math
from typing import Any

from pellucid.stats.bounds import known
from pellucid.stats.constraint import positive
from pellucid.tensor.arithmetic import lt, switch
from pellucid.tensor.transcendental import log, log1p, sigmoid, xlog1py, xlogy
from pellucid.tensor.types import Constant, TensorVariable, as_tensor_variable

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
ROOT_TWO = math.sqrt(2)


def minus(x: Any, loc: TensorVariable) -> Any:
    """x - loc, or x itself where loc is known to be 0."""
    return x if isinstance(loc, Constant) and not loc.data.any() else x - loc


def times_log(a: Any, x: Any) -> TensorVariable:
    """a log x, which is 0 at a = 0 and x = 0; the plain product where x is known to be positive."""
    x = as_tensor_variable(x)
    return a * log(x) if known(positive, x) else xlogy(a, x)


def times_log1p(a: Any, x: Any) -> TensorVariable:
    """a log(1 + x), which is 0 at a = 0 and x = -1; the plain product where 1 + x is known to be positive."""
    x = as_tensor_variable(x)
    return a * log1p(x) if known(positive, 1.0 + x) else xlog1py(a, x)


def log_of(probability: TensorVariable, complement: TensorVariable) -> TensorVariable:
    """The log of a probability, from it or from its complement: whichever is smaller has all its digits."""
    small = lt(probability, 0.5)
    return switch(small, log(switch(small, probability, 0.5)), log1p(-switch(small, 0.5, complement)))


def log_odds_of(p: TensorVariable) -> TensorVariable | None:
    """The x of p = sigmoid(x), if that is what p is."""
    owner = p.owner
    return owner.inputs[0] if owner is not None and owner.op is sigmoid else None  # type: ignore[return-value]
