"""The models that are timed, each written once for any library with PyMC's vocabulary: `radon(pm, pt)` and so on."""

import sys

import numpy as np

import datasets


def eight_schools(pm, pt):
    """Rubin's eight schools, non-centred: 10 parameters, 8 observations."""
    data = datasets.eight_schools()
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 5)
        tau = pm.HalfCauchy("tau", 5)
        raw = pm.Normal("raw", 0, 1, shape=8)
        theta = pm.Deterministic("theta", mu + tau * raw)
        pm.Normal("effect", theta, data["error"], observed=data["effect"])
    return model


def radon(pm, pt):
    """A hierarchical regression as large as the radon study's, non-centred: 89 parameters, 919 observations."""
    data = datasets.radon()
    with pm.Model() as model:
        mu_a = pm.Normal("mu_a", 0, 10)
        sigma_a = pm.HalfNormal("sigma_a", 5)
        raw = pm.Normal("raw", 0, 1, shape=85)
        slope = pm.Normal("b", 0, 10)
        sigma_y = pm.HalfNormal("sigma_y", 5)
        intercept = mu_a + sigma_a * raw
        pm.Normal("y", intercept[data["county"]] + slope * data["floor"], sigma_y, observed=data["y"])
    return model


def logistic(pm, pt):
    """A logistic regression: 51 parameters, 10,000 observations of 50 predictors."""
    data = datasets.logistic()
    with pm.Model() as model:
        intercept = pm.Normal("intercept", 0, 2)
        slopes = pm.Normal("slopes", 0, 1, shape=50)
        pm.Bernoulli("y", logit_p=intercept + pt.dot(data["predictors"], slopes), observed=data["y"])
    return model


def large_hierarchy(pm, pt):
    """A hierarchical regression where each of 1,000 groups is seen 200 times: 1,004 parameters, so centred."""
    data = datasets.large_hierarchy()
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 5)
        tau = pm.HalfNormal("tau", 2)
        level = pm.Normal("level", mu, tau, shape=1000)
        slope = pm.Normal("slope", 0, 2)
        sigma = pm.HalfNormal("sigma", 2)
        pm.Normal("y", level[data["group"]] + slope * data["predictor"], sigma, observed=data["y"])
    return model


def stochastic_volatility(pm, pt):
    """Returns with Student's tails and a random walk of log-volatility: 1,002 parameters, 1,000 observations."""
    data = datasets.stochastic_volatility()
    with pm.Model() as model:
        step_size = pm.Exponential("step_size", 10)
        nu = pm.Exponential("nu", 0.1)
        start = pm.Normal.dist(-4, 2)
        volatility = pm.GaussianRandomWalk("volatility", sigma=step_size, init_dist=start, shape=1000)
        pm.StudentT("returns", nu=nu, mu=0, sigma=pt.exp(volatility), observed=data["returns"])
    return model


def gaussian_process(pm, pt):
    """A Gaussian process with the Matern 5/2 covariance, the function integrated out: 3 parameters, 150 points."""
    data = datasets.gaussian_process()
    distance = np.abs(data["x"][:, None] - data["x"])
    with pm.Model() as model:
        length = pm.InverseGamma("length", alpha=3, beta=5)
        scale = pm.HalfNormal("scale", 3)
        noise = pm.HalfNormal("noise", 1)
        r = np.sqrt(5) * distance / length
        covariance = scale**2 * (1 + r + r**2 / 3) * pt.exp(-r) + (noise**2 + 1e-8) * pt.eye(150)
        pm.MvNormal("y", mu=np.zeros(150), cov=covariance, observed=data["y"])
    return model


def mixture(pm, pt):
    """Three normal components with means in order: 8 parameters, 1,000 observations."""
    data = datasets.mixture()
    with pm.Model() as model:
        weights = pm.Dirichlet("weights", np.full(3, 2.0))
        ordered = pm.distributions.transforms.ordered
        centres = np.array([-3.0, 0.0, 3.0])  # told to all, for without it a chain in ten ends in a lesser mode
        means = pm.Normal("means", centres, 1, transform=ordered, initval=centres)
        sigmas = pm.HalfNormal("sigmas", 1, shape=3)
        pm.NormalMixture("y", w=weights, mu=means, sigma=sigmas, observed=data["y"])
    return model


def varying_effects(pm, pt):
    """Intercepts and two slopes that vary together, non-centred: 130 parameters, 40 groups, 1,000 observations."""
    data = datasets.varying_effects()
    with pm.Model() as model:
        beta = pm.Normal("beta", 0, 2, shape=3)
        factor, _, _ = pm.LKJCholeskyCov(
            "effects_cov", n=3, eta=2, sd_dist=pm.Exponential.dist(1.0, shape=3), store_in_trace=False
        )
        raw = pm.Normal("raw", 0, 1, shape=(40, 3))
        effects = pm.Deterministic("effects", beta + pt.dot(raw, factor.T))
        sigma = pm.HalfNormal("sigma", 2)
        mean = (data["design"] * effects[data["group"]]).sum(axis=1)
        pm.Normal("y", mean, sigma, observed=data["y"])
    return model


def item_response(pm, pt):
    """The two-parameter logistic model of item response: 302 parameters, 200 persons answer 50 items."""
    data = datasets.item_response()
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 2)
        tau = pm.HalfNormal("tau", 2)
        ability = pm.Normal("ability", 0, 1, shape=200)
        difficulty = pm.Normal("difficulty", mu, tau, shape=50)
        discrimination = pm.LogNormal("discrimination", 0, 0.5, shape=50)
        logit = discrimination * (ability[:, None] - difficulty)
        pm.Bernoulli("y", logit_p=logit, observed=data["y"])
    return model


def autoregression(pm, pt):
    """A latent process that remembers two steps, unrolled by `scan`: 405 parameters, 400 observations."""
    data = datasets.autoregression()
    scan = pm.scan if hasattr(pm, "scan") else sys.modules["pytensor"].scan
    with pm.Model() as model:
        level = pm.Normal("level", 0, 5)
        first, second = pm.Uniform("first", -1, 1), pm.Uniform("second", -1, 1)  # partial autocorrelations
        sigma = pm.HalfNormal("sigma", 1)
        noise = pm.LogNormal("noise", -0.5, 0.1)  # known to a tenth: free, it is hardly told from sigma
        shocks = pm.Normal("shocks", 0, 1, shape=400)
        state = scan(
            lambda shock, before, last, a, b, s: a * last + b * before + s * shock,
            sequences=[shocks],
            outputs_info=[{"initial": pt.zeros(2), "taps": [-2, -1]}],
            non_sequences=[first * (1 - second), second, sigma],
            return_updates=False,
        )
        pm.Normal("y", level + state, noise, observed=data["y"])
    return model


MODELS = {
    build.__name__: build
    for build in (
        eight_schools,
        radon,
        logistic,
        large_hierarchy,
        stochastic_volatility,
        gaussian_process,
        mixture,
        varying_effects,
        item_response,
        autoregression,
    )
}

# Reported in another shape by some libraries (the Cholesky factor packed, or its parts), so judged for none.
NOT_COMPARED = {"effects_cov", "spread", "correlation"}
