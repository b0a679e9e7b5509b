"""Probability: constraints, bijections, distributions, and the densities of random variables."""

from pellucid.stats.bijection import Bijection, Transform
from pellucid.stats.bounds import known
from pellucid.stats.distribution import DISTRIBUTIONS, Distribution, Undefined, distribution
from pellucid.stats.draws import as_seed, draw, stream
from pellucid.stats.families.bounded import Uniform
from pellucid.stats.families.continuous import Normal
from pellucid.stats.families.discrete import Poisson
from pellucid.stats.families.positive import Exponential, HalfCauchy, HalfNormal
from pellucid.stats.logprob import (
    NotDerivable,
    default_transform,
    distribution_of,
    icdf,
    is_draw,
    logccdf,
    logcdf,
    logp,
    mean,
    support_point,
)
from pellucid.stats.parameters import ParameterValueError

__all__ = [
    "as_seed",
    "Bijection",
    "default_transform",
    "Distribution",
    "distribution",
    "distribution_of",
    "DISTRIBUTIONS",
    "draw",
    "Exponential",
    "HalfCauchy",
    "HalfNormal",
    "icdf",
    "is_draw",
    "known",
    "logccdf",
    "logcdf",
    "logp",
    "mean",
    "Normal",
    "NotDerivable",
    "ParameterValueError",
    "Poisson",
    "stream",
    "support_point",
    "Transform",
    "Undefined",
    "Uniform",
]
