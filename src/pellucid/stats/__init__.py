"""Probability: constraints, bijections, distributions, and the densities of random variables."""

from pellucid.stats.bijection import Bijection, Transform
from pellucid.stats.bounds import known
from pellucid.stats.distribution import DISTRIBUTIONS, Distribution, Undefined
from pellucid.stats.draws import as_seed, draw, stream
from pellucid.stats.families.bounded import Beta, Uniform
from pellucid.stats.families.continuous import Cauchy, Flat, Laplace, Normal, StudentT
from pellucid.stats.families.discrete import (
    Bernoulli,
    Binomial,
    Categorical,
    DiscreteUniform,
    Geometric,
    NegativeBinomial,
    Poisson,
)
from pellucid.stats.families.multivariate import Dirichlet, MvNormal
from pellucid.stats.families.positive import (
    Exponential,
    Gamma,
    HalfCauchy,
    HalfFlat,
    HalfNormal,
    InverseGamma,
    LogNormal,
    Lognormal,
)
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
    "Bernoulli",
    "Beta",
    "Bijection",
    "Binomial",
    "Categorical",
    "Cauchy",
    "default_transform",
    "Dirichlet",
    "DiscreteUniform",
    "Distribution",
    "distribution_of",
    "DISTRIBUTIONS",
    "draw",
    "Exponential",
    "Flat",
    "Gamma",
    "Geometric",
    "HalfCauchy",
    "HalfFlat",
    "HalfNormal",
    "icdf",
    "InverseGamma",
    "is_draw",
    "known",
    "Laplace",
    "logccdf",
    "logcdf",
    "LogNormal",
    "Lognormal",
    "logp",
    "mean",
    "MvNormal",
    "NegativeBinomial",
    "Normal",
    "NotDerivable",
    "ParameterValueError",
    "Poisson",
    "stream",
    "StudentT",
    "support_point",
    "Transform",
    "Undefined",
    "Uniform",
]
