"""Means between bounds, in closed form: x f(x) is, but for a factor, a density of the same kind as f(x)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pellucid.stats.distribution import Distribution, Undefined
from pellucid.stats.families.bounded import Beta, TruncatedNormal, Uniform
from pellucid.stats.families.continuous import Normal
from pellucid.stats.families.discrete import Binomial, DiscreteUniform, NegativeBinomial, Poisson
from pellucid.stats.families.positive import (
    ChiSquared,
    Exponential,
    Gamma,
    HalfNormal,
    InverseGamma,
    LogNormal,
    Pareto,
    Weibull,
)
from pellucid.tensor.arithmetic import maximum, minimum, sqr
from pellucid.tensor.transcendental import exp


class Weighted(NamedTuple):
    """The law of density (x - origin) f(x) / mean: of `at(x)` it is `law`, where `at` rises with x."""

    mean: Any
    law: Distribution
    at: Callable[[Any], Any] = lambda x: x
    origin: Any = 0.0


def less_one(x: Any) -> Any:
    """The count before x."""
    return x - 1.0


WEIGHTED: dict[type[Distribution], Callable[[Any], Weighted]] = {
    Gamma: lambda d: Weighted(d.mean(), Gamma.of(d.alpha + 1.0, d.scale)),
    Exponential: lambda d: Weighted(d.mean(), Gamma.of(2.0, d.scale)),
    ChiSquared: lambda d: Weighted(d.mean(), Gamma.of(0.5 * d.nu + 1.0, 2.0)),
    InverseGamma: lambda d: Weighted(d.mean(), InverseGamma.of(d.alpha - 1.0, d.beta)),
    Beta: lambda d: Weighted(d.mean(), Beta.of(d.alpha + 1.0, d.beta)),
    LogNormal: lambda d: Weighted(d.mean(), LogNormal.of(d.mu + sqr(d.sigma), d.sigma)),
    Pareto: lambda d: Weighted(d.mean(), Pareto.of(d.alpha - 1.0, d.m)),
    Weibull: lambda d: Weighted(
        d.mean(), Gamma.of(1.0 + 1.0 / d.alpha, 1.0), lambda x: (maximum(x, 0.0) / d.beta) ** d.alpha
    ),
    HalfNormal: lambda d: Weighted(
        d.mean() - d.loc, Exponential.of(2.0), lambda x: sqr(maximum(x - d.loc, 0.0) / d.sigma), d.loc
    ),
    Poisson: lambda d: Weighted(d.mean(), d, less_one),
    Binomial: lambda d: Weighted(d.mean(), Binomial.of(maximum(d.n - 1, 0), d.p), less_one),
    NegativeBinomial: lambda d: Weighted(
        d.mean(), NegativeBinomial.of(d.mu * (1.0 + 1.0 / d.alpha), d.alpha + 1.0), less_one
    ),
}


def mean_between(part: Distribution, low: Any, high: Any, log_between: Callable[..., Any]) -> Any:
    """The mean of a variable, given that low < X <= high; None stands for no bound.

    Parameters
    ----------
    part : Distribution
    low, high : tensor or None
    log_between : callable
        ``log_between(law, low, high)``: log P(low < X <= high).

    Raises
    ------
    Undefined
        For families without a closed form.
    """
    if low is None and high is None:
        return part.mean()
    if isinstance(part, Normal):
        bounds = -np.inf if low is None else low, np.inf if high is None else high
        return TruncatedNormal.of(part.mu, part.sigma, *bounds).mean()
    if isinstance(part, Uniform | DiscreteUniform):
        first = part.lower if low is None else maximum(low + 1.0 if part.discrete else low, part.lower)
        return 0.5 * (first + (part.upper if high is None else minimum(high, part.upper)))
    if type(part) not in WEIGHTED:
        raise Undefined(f"The mean of {type(part).__name__} between bounds has no closed form here.")
    w = WEIGHTED[type(part)](part)
    ends = [None if end is None else w.at(end) for end in (low, high)]
    return w.origin + w.mean * exp(log_between(w.law, *ends) - log_between(part, low, high))
