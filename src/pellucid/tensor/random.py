"""The laws of random draws, and the functions of ``pt.random`` that draw from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.tensor.draws import Law, RngVariable, draw, law
from pellucid.tensor.linalg import cholesky
from pellucid.tensor.random_vectors import dirichlet_law, multinomial_law, multivariate_normal_law
from pellucid.tensor.types import TensorVariable


def categorical_sample(rng: np.random.Generator, size: tuple[int, ...], p: np.ndarray) -> np.ndarray:
    """Positions drawn with the probabilities along the last axis of p."""
    check_probabilities(p)
    edges = np.cumsum(p, axis=-1)
    u = rng.random(size) * edges[..., -1]
    return np.minimum((u[..., None] >= edges).sum(-1), p.shape[-1] - 1)


def check_probabilities(p: np.ndarray) -> None:
    """Refuse what are not probabilities."""
    if np.any(p < 0) or not np.allclose(p.sum(-1), 1.0, atol=1e-6):
        raise ValueError(f"the probabilities must be non-negative and sum to 1; their sums are {p.sum(-1)}")


def refuse_improper(name: str) -> Any:
    """There is no drawing from a density without a finite integral."""
    raise ValueError(f"{name} is improper: it has no random draws. Use a proper prior where draws are needed")


def normal_sample(rng: np.random.Generator, size: tuple[int, ...], mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """mu + sigma z; NumPy's own `normal` takes half as long again, for it looks up both for each element."""
    if np.any(sigma < 0):
        raise ValueError(f"sigma must not be negative; its least element is {np.min(sigma)}")
    z = np.asarray(rng.standard_normal(size))
    z *= sigma
    z += mu
    return z


normal_law = law("normal", "mu sigma", normal_sample)
half_normal_law = law(
    "halfnormal", "loc sigma", lambda rng, size, loc, sigma: loc + np.abs(rng.normal(0.0, sigma, size))
)
lognormal_law = law("lognormal", "mu sigma", lambda rng, size, mu, sigma: rng.lognormal(mu, sigma, size))
uniform_law = law("uniform", "lower upper", lambda rng, size, low, high: rng.uniform(low, high, size))
exponential_law = law("exponential", "scale", lambda rng, size, scale: rng.exponential(scale, size))
gamma_law = law("gamma", "alpha scale", lambda rng, size, alpha, scale: rng.gamma(alpha, scale, size))
inverse_gamma_law = law("invgamma", "alpha beta", lambda rng, size, alpha, beta: beta / rng.gamma(alpha, 1.0, size))
beta_law = law("beta", "alpha beta", lambda rng, size, alpha, beta: rng.beta(alpha, beta, size))
student_t_law = law("t", "nu mu sigma", lambda rng, size, nu, mu, sigma: mu + sigma * rng.standard_t(nu, size))
cauchy_law = law("cauchy", "alpha beta", lambda rng, size, alpha, beta: alpha + beta * rng.standard_cauchy(size))
half_cauchy_law = law(
    "halfcauchy", "loc beta", lambda rng, size, loc, beta: loc + beta * np.abs(rng.standard_cauchy(size))
)
laplace_law = law("laplace", "mu b", lambda rng, size, mu, b: rng.laplace(mu, b, size))
logistic_law = law("logistic", "loc scale", lambda rng, size, loc, scale: rng.logistic(loc, scale, size))
gumbel_law = law("gumbel", "loc scale", lambda rng, size, loc, scale: rng.gumbel(loc, scale, size))
weibull_law = law("weibull", "shape scale", lambda rng, size, shape, scale: scale * rng.weibull(shape, size))
pareto_law = law("pareto", "b scale", lambda rng, size, b, scale: scale * np.exp(rng.standard_exponential(size) / b))
chisquare_law = law("chisquare", "df", lambda rng, size, df: rng.chisquare(df, size))
von_mises_law = law("vonmises", "mu kappa", lambda rng, size, mu, kappa: rng.vonmises(mu, kappa, size))
wald_law = law("wald", "mean scale loc", lambda rng, size, mean, scale, loc: loc + rng.wald(mean, scale, size))
triangular_law = law(
    "triangular", "left mode right", lambda rng, size, left, mode, right: rng.triangular(left, mode, right, size)
)
truncated_exponential_law = law(
    "truncexpon",
    "b loc scale",
    lambda rng, size, b, loc, scale: loc - scale * np.log1p(rng.random(size) * np.expm1(-b)),
)
generalized_gamma_law = law(
    "gengamma", "alpha p lambd", lambda rng, size, alpha, p, lambd: lambd * rng.gamma(alpha / p, 1.0, size) ** (1 / p)
)
bernoulli_law = law("bernoulli", "p", lambda rng, size, p: rng.binomial(1, p, size), dtype="int64")
binomial_law = law("binomial", "n p", lambda rng, size, n, p: rng.binomial(n, p, size), dtype="int64")
poisson_law = law("poisson", "mu", lambda rng, size, mu: rng.poisson(mu, size), dtype="int64")
negative_binomial_law = law(
    "nbinom", "n p", lambda rng, size, n, p: rng.poisson(rng.gamma(n, (1.0 - p) / p, size)), dtype="int64"
)
integers_law = law("integers", "low high", lambda rng, size, low, high: rng.integers(low, high, size), dtype="int64")
discrete_uniform_law = law(
    "discrete_uniform",
    "lower upper",
    lambda rng, size, lower, upper: rng.integers(lower, upper + 1, size),
    dtype="int64",
)
overdispersed_law = law(
    "negative_binomial",
    "mu alpha",
    lambda rng, size, mu, alpha: rng.poisson(rng.gamma(alpha, mu / alpha, size)),
    dtype="int64",
)
geometric_law = law("geometric", "p", lambda rng, size, p: rng.geometric(p, size), dtype="int64")
beta_binomial_law = law(
    "betabinom", "n a b", lambda rng, size, n, a, b: rng.binomial(n, rng.beta(a, b, size)), dtype="int64"
)
hypergeometric_law = law(
    "hypergeometric",
    "ngood nbad nsample",
    lambda rng, size, good, bad, n: rng.hypergeometric(good, bad, n, size),
    dtype="int64",
)
flat_law = law("flat", "", lambda rng, size: refuse_improper("Flat"))
half_flat_law = law("halfflat", "", lambda rng, size: refuse_improper("HalfFlat"))
categorical_law = law("categorical", "p", categorical_sample, dtype="int64", core=(1,))


def drawer(entry: Law, defaults: Sequence[Any] = ()) -> Any:
    """The public function ``pt.random.<name>(*parameters, size=None, rng=None, name=None)`` of a law."""

    def make(
        *args: Any, size: Any = None, rng: RngVariable | None = None, name: str | None = None, **named: Any
    ) -> TensorVariable:
        return draw(entry, bind_parameters(entry, args, named, defaults), size=size, rng=rng, name=name)

    make.__name__ = make.__qualname__ = entry.name
    make.__doc__ = (
        f"Draws from the {entry.name} law with parameters {', '.join(entry.parameters)}.\n\n"
        "`size` is the batch shape (default: that of the parameters); each evaluation gives new draws."
    )
    return make


def bind_parameters(entry: Law, args: Sequence[Any], named: dict[str, Any], defaults: Sequence[Any]) -> list[Any]:
    """The arguments in the order of the law's parameters; the last parameters may have defaults."""
    values = dict(zip(entry.parameters[len(entry.parameters) - len(defaults) :], defaults, strict=True))
    if len(args) > len(entry.parameters):
        raise TypeError(
            f"{entry.name} takes parameters {entry.parameters}, not {len(args)} of them; size is a keyword."
        )
    values.update(zip(entry.parameters, args, strict=False))
    for key in named:
        if key not in entry.parameters:
            raise TypeError(f"{entry.name} has no parameter {key!r}; its parameters are {', '.join(entry.parameters)}.")
    values.update(named)
    missing = [p for p in entry.parameters if p not in values]
    if missing:
        raise TypeError(f"{entry.name} needs a value for {', '.join(missing)}.")
    return [values[p] for p in entry.parameters]


normal = drawer(normal_law, (0.0, 1.0))
standard_normal = drawer(normal_law, (0.0, 1.0))
halfnormal = drawer(half_normal_law, (0.0, 1.0))
lognormal = drawer(lognormal_law, (0.0, 1.0))
uniform = drawer(uniform_law, (0.0, 1.0))
exponential = drawer(exponential_law, (1.0,))
gamma = drawer(gamma_law, (1.0,))
invgamma = drawer(inverse_gamma_law, (1.0,))
beta = drawer(beta_law)
t = drawer(student_t_law, (0.0, 1.0))
cauchy = drawer(cauchy_law, (0.0, 1.0))
halfcauchy = drawer(half_cauchy_law, (0.0, 1.0))
laplace = drawer(laplace_law, (0.0, 1.0))
logistic = drawer(logistic_law, (0.0, 1.0))
gumbel = drawer(gumbel_law, (1.0,))
weibull = drawer(weibull_law, (1.0,))
pareto = drawer(pareto_law, (1.0,))
chisquare = drawer(chisquare_law)
vonmises = drawer(von_mises_law)
wald = drawer(wald_law, (1.0, 1.0, 0.0))
triangular = drawer(triangular_law)
truncexpon = drawer(truncated_exponential_law, (0.0, 1.0))
gengamma = drawer(generalized_gamma_law, (1.0, 1.0, 1.0))
bernoulli = drawer(bernoulli_law)
binomial = drawer(binomial_law)
poisson = drawer(poisson_law, (1.0,))
betabinom = drawer(beta_binomial_law)
hypergeometric = drawer(hypergeometric_law)
nbinom = drawer(negative_binomial_law)
negative_binomial = nbinom
integers = drawer(integers_law)
categorical = drawer(categorical_law)
dirichlet = drawer(dirichlet_law)
multinomial = drawer(multinomial_law)


def multivariate_normal(
    mean: Any, cov: Any, size: Any = None, rng: RngVariable | None = None, name: str | None = None
) -> TensorVariable:
    """Draws of normal vectors with mean vector `mean` and covariance matrix `cov`."""
    return draw(multivariate_normal_law, [mean, cholesky(cov)], size=size, rng=rng, name=name)
