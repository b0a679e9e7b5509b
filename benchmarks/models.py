"""The models that are timed, each written once for any library with PyMC's vocabulary: `radon(pm, pt)` and so on."""

import numpy as np


def eight_schools(pm, pt):
    """Rubin's eight schools, non-centred: 10 parameters, 8 observations."""
    effects = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
    errors = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 5)
        tau = pm.HalfCauchy("tau", 5)
        raw = pm.Normal("raw", 0, 1, shape=8)
        theta = pm.Deterministic("theta", mu + tau * raw)
        pm.Normal("effect", theta, errors, observed=effects)
    return model


def radon(pm, pt):
    """A hierarchical regression as large as the radon study's, non-centred: 89 parameters, 919 observations."""
    rng = np.random.default_rng(919)
    county = np.sort(np.concatenate([np.arange(85), rng.integers(85, size=919 - 85)]))
    floor = rng.binomial(1, 0.17, size=919).astype(float)
    level = rng.normal(1.5, 0.33, size=85)
    radon_level = rng.normal(level[county] - 0.66 * floor, 0.73)
    with pm.Model() as model:
        mu_a = pm.Normal("mu_a", 0, 10)
        sigma_a = pm.HalfNormal("sigma_a", 5)
        raw = pm.Normal("raw", 0, 1, shape=85)
        slope = pm.Normal("b", 0, 10)
        sigma_y = pm.HalfNormal("sigma_y", 5)
        intercept = mu_a + sigma_a * raw
        pm.Normal("y", intercept[county] + slope * floor, sigma_y, observed=radon_level)
    return model


def logistic(pm, pt):
    """A logistic regression: 51 parameters, 10,000 observations of 50 predictors."""
    rng = np.random.default_rng(50)
    predictors = rng.normal(size=(10_000, 50))
    weights = rng.normal(0, 0.3, size=50)
    chance = 1 / (1 + np.exp(-(0.5 + predictors @ weights)))
    outcome = rng.binomial(1, chance)
    with pm.Model() as model:
        intercept = pm.Normal("intercept", 0, 2)
        slopes = pm.Normal("slopes", 0, 1, shape=50)
        pm.Bernoulli("y", logit_p=intercept + pt.dot(predictors, slopes), observed=outcome)
    return model


MODELS = {build.__name__: build for build in (eight_schools, radon, logistic)}
