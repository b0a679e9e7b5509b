"""How JAX draws from the laws of random variables; laws that are not here are drawn by NumPy, seeded by JAX's key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import random


class Sampler(NamedTuple):
    """Draws of a law: ``sample(key, batch shape, *parameters)``, and what the parameters must fulfil."""

    sample: Callable[..., Any]
    needs: str = ""
    valid: Callable[..., Any] | None = None


def standard_gamma(key: Any, size: Any, alpha: Any) -> Any:
    """Draws of gamma(alpha, 1)."""
    return random.gamma(key, alpha, size, jnp.float64)


def categorical(key: Any, size: Any, p: Any) -> Any:
    """Positions by inverting the running sum of the probabilities."""
    edges = jnp.cumsum(p, axis=-1)
    u = random.uniform(key, size, jnp.float64) * edges[..., -1]
    return jnp.minimum((u[..., None] >= edges).sum(-1), p.shape[-1] - 1)


def dirichlet(key: Any, size: Any, a: Any) -> Any:
    """Normalised gamma draws, by logarithms so that small a do not underflow."""
    g = random.loggamma(key, a, (*size, a.shape[-1]), jnp.float64)
    g = jnp.exp(g - g.max(-1, keepdims=True))
    return g / g.sum(-1, keepdims=True)


def multivariate_normal(key: Any, size: Any, mean: Any, chol: Any) -> Any:
    """mean + chol @ z."""
    z = random.normal(key, (*size, mean.shape[-1]), jnp.float64)
    return mean + jnp.einsum("...ij,...j->...i", jnp.tril(chol), z)


def poisson_gamma(key: Any, size: Any, shape: Any, scale: Any) -> Any:
    """A Poisson draw whose rate is a gamma draw: the negative binomial law."""
    first, second = random.split(key)
    return random.poisson(second, standard_gamma(first, size, shape) * scale, size, jnp.int64)


def normal(key: Any, size: Any) -> Any:
    """Standard normal draws."""
    return random.normal(key, size, jnp.float64)


def student_t(key: Any, size: Any, nu: Any) -> Any:
    """Standard Student t draws: a normal one over the root of a scaled chi-squared one."""
    first, second = random.split(key)
    return normal(first, size) / jnp.sqrt(2.0 * standard_gamma(second, size, nu / 2.0) / nu)


def binomial(key: Any, size: Any, n: Any, p: Any) -> Any:
    """Counts of successes."""
    return random.binomial(key, n.astype(float), p, size, jnp.float64).astype("int64")


def integers(key: Any, size: Any, low: Any, high: Any) -> Any:
    """Integers from low up to, not including, high."""
    return random.randint(key, size, low, high, jnp.int64)


def uniform(key: Any, size: Any) -> Any:
    """Draws from [0, 1)."""
    return random.uniform(key, size, jnp.float64)


def exponential(key: Any, size: Any) -> Any:
    """Standard exponential draws."""
    return random.exponential(key, size, jnp.float64)


def logistic(key: Any, size: Any) -> Any:
    """Standard logistic draws."""
    return random.logistic(key, size, jnp.float64)


def beta_binomial(key: Any, size: Any, n: Any, a: Any, b: Any) -> Any:
    """Counts of successes whose probability is a beta draw."""
    first, second = random.split(key)
    return binomial(second, size, n, random.beta(first, a, b, size, jnp.float64))


def positive_poisson(key: Any, size: Any, mu: Any) -> Any:
    """Poisson draws that are not 0: the first event comes before time mu, and others after it."""
    first, second = random.split(key)
    start = -jnp.log1p(uniform(first, size) * jnp.expm1(-mu))
    return 1 + random.poisson(second, jnp.maximum(mu - start, 0.0), size, jnp.int64)


def below(latent: Any, cutpoints: Any) -> Any:
    """How many cutpoints lie below latent numbers."""
    return (latent[..., None] > cutpoints).sum(-1)


def opened(inner: Sampler) -> Sampler:
    """Draws that are those of `inner` with probability psi, which comes first, and else 0."""

    def sample(key: Any, size: Any, psi: Any, *parameters: Any) -> Any:
        first, second = random.split(key)
        return jnp.where(uniform(first, size) < psi, inner.sample(second, size, *parameters), 0)

    def valid(psi: Any, *parameters: Any) -> Any:
        fits = (psi >= 0) & (psi <= 1)
        return fits if inner.valid is None else fits & inner.valid(*parameters)

    return Sampler(sample, f"a probability psi{' and ' if inner.needs else ''}{inner.needs}", valid)


POSITIVE = "a scale that is not negative", lambda _location, scale: scale >= 0
PROBABILITY = "a probability in [0, 1]", lambda p: (p >= 0) & (p <= 1)
SIMPLEX = (
    "non-negative probabilities that sum to 1",
    lambda p: jnp.all(p >= 0, -1) & (jnp.abs(p.sum(-1) - 1.0) <= 1.1e-5),
)

SAMPLERS: dict[str, Sampler] = {
    "normal": Sampler(lambda k, n, mu, sigma: mu + sigma * normal(k, n), *POSITIVE),
    "halfnormal": Sampler(lambda k, n, loc, sigma: loc + sigma * jnp.abs(normal(k, n)), *POSITIVE),
    "lognormal": Sampler(lambda k, n, mu, sigma: jnp.exp(mu + sigma * normal(k, n)), *POSITIVE),
    "uniform": Sampler(lambda k, n, low, high: low + (high - low) * uniform(k, n)),
    "exponential": Sampler(lambda k, n, scale: scale * exponential(k, n)),
    "gamma": Sampler(lambda k, n, alpha, scale: scale * standard_gamma(k, n, alpha)),
    "invgamma": Sampler(lambda k, n, alpha, beta: beta / standard_gamma(k, n, alpha)),
    "beta": Sampler(lambda k, n, alpha, beta: random.beta(k, alpha, beta, n, jnp.float64)),
    "t": Sampler(lambda k, n, nu, mu, sigma: mu + sigma * student_t(k, n, nu)),
    "cauchy": Sampler(lambda k, n, alpha, beta: alpha + beta * random.cauchy(k, n, jnp.float64)),
    "halfcauchy": Sampler(lambda k, n, loc, beta: loc + beta * jnp.abs(random.cauchy(k, n, jnp.float64))),
    "laplace": Sampler(lambda k, n, mu, b: mu + b * random.laplace(k, n, jnp.float64)),
    "logistic": Sampler(lambda k, n, loc, scale: loc + scale * logistic(k, n), *POSITIVE),
    "gumbel": Sampler(lambda k, n, loc, scale: loc + scale * random.gumbel(k, n, jnp.float64), *POSITIVE),
    "weibull": Sampler(lambda k, n, shape, scale: scale * exponential(k, n) ** (1.0 / shape)),
    "pareto": Sampler(lambda k, n, b, scale: scale * jnp.exp(exponential(k, n) / b)),
    "chisquare": Sampler(lambda k, n, df: 2.0 * standard_gamma(k, n, df / 2.0)),
    "truncexpon": Sampler(lambda k, n, b, loc, scale: loc - scale * jnp.log1p(uniform(k, n) * jnp.expm1(-b))),
    "gengamma": Sampler(lambda k, n, alpha, p, lambd: lambd * standard_gamma(k, n, alpha / p) ** (1.0 / p)),
    "triangular": Sampler(lambda k, n, left, mode, right: random.triangular(k, left, mode, right, n, jnp.float64)),
    "bernoulli": Sampler(lambda k, n, p: (uniform(k, n) < p).astype("int64"), *PROBABILITY),
    "binomial": Sampler(binomial, "a probability in [0, 1]", lambda _n, p: (p >= 0) & (p <= 1)),
    "poisson": Sampler(lambda k, n, mu: random.poisson(k, mu, n, jnp.int64), "a rate >= 0", lambda mu: mu >= 0),
    "nbinom": Sampler(lambda k, n, count, p: poisson_gamma(k, n, count, (1.0 - p) / p)),
    "negative_binomial": Sampler(lambda k, n, mu, alpha: poisson_gamma(k, n, alpha, mu / alpha)),
    "integers": Sampler(integers, "low < high", lambda low, high: low < high),
    "discrete_uniform": Sampler(lambda k, n, low, high: integers(k, n, low, high + 1), "lower <= upper",
                                lambda low, high: low <= high),
    "geometric": Sampler(lambda k, n, p: random.geometric(k, p, n, jnp.int64), *PROBABILITY),
    "betabinom": Sampler(beta_binomial),
    "discrete_weibull": Sampler(
        lambda k, n, q, beta: jnp.floor((exponential(k, n) / -jnp.log(q)) ** (1.0 / beta)).astype("int64")
    ),
    "ordered_logistic": Sampler(lambda k, n, eta, cutpoints: below(eta + logistic(k, n), cutpoints)),
    "ordered_probit": Sampler(lambda k, n, eta, cutpoints, sigma: below(eta + sigma * normal(k, n), cutpoints)),
    "dirac_delta": Sampler(lambda k, n, c: jnp.broadcast_to(c, n)),
    "whole_dirac_delta": Sampler(lambda k, n, c: jnp.broadcast_to(c, n)),
    "categorical": Sampler(categorical, *SIMPLEX),
    "dirichlet": Sampler(dirichlet),
    "multivariate_normal": Sampler(
        multivariate_normal, "a finite Cholesky factor", lambda _mean, chol: jnp.isfinite(chol)
    ),
}  # fmt: skip
"""By the name of the law."""

SAMPLERS |= {f"zero_inflated_{law}": opened(SAMPLERS[law]) for law in ("poisson", "binomial", "negative_binomial")}
SAMPLERS |= {f"hurdle_{law}": opened(SAMPLERS[law]) for law in ("gamma", "lognormal")}
SAMPLERS["hurdle_poisson"] = opened(Sampler(positive_poisson))
