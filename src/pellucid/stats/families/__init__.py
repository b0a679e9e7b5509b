"""The distributions, by the file that declares them, which is loaded when one of its names is first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

FAMILIES = {
    "autoregressive": "AR EulerMaruyama GARCH11",
    "bounded": "Beta Kumaraswamy LogitNormal Triangular TruncatedNormal Uniform",
    "censored": "Censored",
    "circular": "Rice VonMises",
    "continuous": "AsymmetricLaplace Cauchy Flat Gumbel Laplace Logistic Moyal Normal StudentT",
    "counts": "BetaBinomial DiscreteWeibull HyperGeometric",
    "correlation": "LKJCholeskyCov LKJCorr",
    "degenerate": "DiracDelta",
    "custom": "CustomDist DensityDist",
    "discrete": "Bernoulli Binomial Categorical DiscreteUniform Geometric NegativeBinomial Poisson",
    "markov": "DiscreteMarkovChain",
    "matrices": "KroneckerNormal MatrixNormal Wishart WishartBartlett",
    "mixture": "Mixture NormalMixture",
    "multinomial": "DirichletMultinomial Multinomial OrderedMultinomial",
    "multivariate": "Dirichlet MvNormal MvStudentT StickBreakingWeights ZeroSumNormal",
    "ordinal": "OrderedLogistic OrderedProbit",
    "polya_gamma": "PolyaGamma",
    "positive": "ChiSquared Exponential Gamma HalfCauchy HalfFlat HalfNormal HalfStudentT InverseGamma LogNormal "
    "Lognormal Pareto Weibull",
    "random_walk": "GaussianRandomWalk MvGaussianRandomWalk MvStudentTRandomWalk RandomWalk",
    "simulator": "Simulator",
    "spatial": "CAR ICAR",
    "zeros": "HurdleGamma HurdleLogNormal HurdleNegativeBinomial HurdlePoisson ZeroInflatedBinomial "
    "ZeroInflatedNegativeBinomial ZeroInflatedPoisson",
    "skewed": "ExGaussian SkewNormal SkewStudentT Wald",
    "tabulated": "Interpolated",
    "truncated": "Truncated",
}
"""Each file of this folder and the public names in it: the one place where a distribution is listed."""

PLACES = {name: f"{__name__}.{file}" for file, names in FAMILIES.items() for name in names.split()}


def load(name: str) -> Any:
    """The distribution called `name`."""
    return getattr(import_module(PLACES[name]), name)


def load_all() -> None:
    """Declare every distribution, so that each law is known by its density."""
    for file in FAMILIES:
        import_module(f"{__name__}.{file}")
