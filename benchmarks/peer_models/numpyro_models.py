"""The models of ../models.py by hand for NumPyro: the same names, priors and parametrisations."""

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from numpyro import deterministic, sample


def eight_schools(effect, error):
    """Rubin's eight schools, non-centred."""
    mu = sample("mu", dist.Normal(0, 5))
    tau = sample("tau", dist.HalfCauchy(5))
    raw = sample("raw", dist.Normal(0, 1).expand([8]))
    theta = deterministic("theta", mu + tau * raw)
    sample("effect", dist.Normal(theta, error), obs=effect)


def radon(county, floor, y):
    """A hierarchical regression, non-centred."""
    mu_a = sample("mu_a", dist.Normal(0, 10))
    sigma_a = sample("sigma_a", dist.HalfNormal(5))
    raw = sample("raw", dist.Normal(0, 1).expand([85]))
    slope = sample("b", dist.Normal(0, 10))
    sigma_y = sample("sigma_y", dist.HalfNormal(5))
    intercept = mu_a + sigma_a * raw
    sample("y", dist.Normal(intercept[county] + slope * floor, sigma_y), obs=y)


def logistic(predictors, y):
    """A logistic regression."""
    intercept = sample("intercept", dist.Normal(0, 2))
    slopes = sample("slopes", dist.Normal(0, 1).expand([50]))
    sample("y", dist.Bernoulli(logits=intercept + predictors @ slopes), obs=y)


def large_hierarchy(group, predictor, y):
    """1,000 groups, each seen 200 times, centred."""
    mu = sample("mu", dist.Normal(0, 5))
    tau = sample("tau", dist.HalfNormal(2))
    level = sample("level", dist.Normal(mu, tau).expand([1000]))
    slope = sample("slope", dist.Normal(0, 2))
    sigma = sample("sigma", dist.HalfNormal(2))
    sample("y", dist.Normal(level[group] + slope * predictor, sigma), obs=y)


def stochastic_volatility(returns):
    """Student's returns, and a random walk of log-volatility.

    NumPyro's own random walk begins at 0; written as a density of its increments, so that it may begin elsewhere.
    """
    step_size = sample("step_size", dist.Exponential(10))
    nu = sample("nu", dist.Exponential(0.1))
    volatility = sample("volatility", dist.ImproperUniform(dist.constraints.real, (1000,), ()))
    numpyro.factor("start", dist.Normal(-4, 2).log_prob(volatility[0]))
    numpyro.factor("steps", dist.Normal(0, step_size).log_prob(jnp.diff(volatility)).sum())
    sample("returns", dist.StudentT(nu, 0, jnp.exp(volatility)), obs=returns)


def gaussian_process(x, y):
    """A Gaussian process with the Matern 5/2 covariance, the function integrated out."""
    distance = jnp.abs(x[:, None] - x)
    length = sample("length", dist.InverseGamma(3, 5))
    scale = sample("scale", dist.HalfNormal(3))
    noise = sample("noise", dist.HalfNormal(1))
    r = jnp.sqrt(5) * distance / length
    covariance = scale**2 * (1 + r + r**2 / 3) * jnp.exp(-r) + (noise**2 + 1e-8) * jnp.eye(150)
    sample("y", dist.MultivariateNormal(jnp.zeros(150), covariance_matrix=covariance), obs=y)


def mixture(y):
    """Three normal components with means in order: a normal prior on each mean, and the order as a constraint."""
    weights = sample("weights", dist.Dirichlet(jnp.full(3, 2.0)))
    means = sample("means", dist.ImproperUniform(dist.constraints.ordered_vector, (), (3,)))
    numpyro.factor("means_prior", dist.Normal(jnp.array([-3.0, 0, 3]), 1).log_prob(means).sum())
    sigmas = sample("sigmas", dist.HalfNormal(1).expand([3]))
    components = dist.Normal(means, sigmas)
    sample("y", dist.MixtureSameFamily(dist.Categorical(weights), components), obs=y)


def varying_effects(group, design, y):
    """Intercepts and two slopes that vary together, non-centred."""
    beta = sample("beta", dist.Normal(0, 2).expand([3]))
    spread = sample("spread", dist.Exponential(1.0).expand([3]))
    correlation = sample("correlation", dist.LKJCholesky(3, 2.0))
    raw = sample("raw", dist.Normal(0, 1).expand([40, 3]))
    effects = deterministic("effects", beta + raw @ (spread[:, None] * correlation).T)
    sigma = sample("sigma", dist.HalfNormal(2))
    sample("y", dist.Normal((design * effects[group]).sum(axis=1), sigma), obs=y)


def item_response(y):
    """The two-parameter logistic model of item response."""
    mu = sample("mu", dist.Normal(0, 2))
    tau = sample("tau", dist.HalfNormal(2))
    ability = sample("ability", dist.Normal(0, 1).expand([200]))
    difficulty = sample("difficulty", dist.Normal(mu, tau).expand([50]))
    discrimination = sample("discrimination", dist.LogNormal(0, 0.5).expand([50]))
    sample("y", dist.Bernoulli(logits=discrimination * (ability[:, None] - difficulty)), obs=y)


def autoregression(y):
    """A latent process that remembers two steps."""
    level = sample("level", dist.Normal(0, 5))
    first, second = sample("first", dist.Uniform(-1, 1)), sample("second", dist.Uniform(-1, 1))
    sigma = sample("sigma", dist.HalfNormal(1))
    noise = sample("noise", dist.LogNormal(-0.5, 0.1))
    shocks = sample("shocks", dist.Normal(0, 1).expand([400]))
    a, b = first * (1 - second), second

    def step(states, shock):
        before, last = states
        state = a * last + b * before + sigma * shock
        return (last, state), state

    _, state = jax.lax.scan(step, (0.0, 0.0), shocks)
    sample("y", dist.Normal(level + state, noise), obs=y)
