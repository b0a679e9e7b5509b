"""The data of the models that are timed, made from seeds, so that every library is given the same numbers."""

import numpy as np


def eight_schools() -> dict:
    """Rubin's eight schools: effects of coaching, and their standard errors."""
    return {"effect": np.array([28.0, 8, -3, 7, -1, 1, 18, 12]), "error": np.array([15.0, 10, 16, 11, 9, 11, 10, 18])}


def radon() -> dict:
    """Measurements as in the radon study: 919 houses in 85 counties, each county seen at least once."""
    rng = np.random.default_rng(919)
    county = np.sort(np.concatenate([np.arange(85), rng.integers(85, size=919 - 85)]))
    floor = rng.binomial(1, 0.17, size=919).astype(float)
    level = rng.normal(1.5, 0.33, size=85)
    return {"county": county, "floor": floor, "y": rng.normal(level[county] - 0.66 * floor, 0.73)}


def logistic() -> dict:
    """10,000 outcomes with 50 predictors."""
    rng = np.random.default_rng(50)
    predictors = rng.normal(size=(10_000, 50))
    weights = rng.normal(0, 0.3, size=50)
    chance = 1 / (1 + np.exp(-(0.5 + predictors @ weights)))
    return {"predictors": predictors, "y": rng.binomial(1, chance)}


def large_hierarchy() -> dict:
    """200,000 observations of 1,000 groups, in no order, with one predictor."""
    rng = np.random.default_rng(1000)
    group = rng.integers(1000, size=200_000)
    predictor = rng.normal(size=200_000)
    level = rng.normal(1.0, 0.5, size=1000)
    return {"group": group, "predictor": predictor, "y": rng.normal(level[group] - 0.4 * predictor, 0.8)}


def stochastic_volatility() -> dict:
    """1,000 daily returns with heavy tails, whose log-volatility is a random walk."""
    rng = np.random.default_rng(2008)
    volatility = -4.5 + np.cumsum(rng.normal(0, 0.08, size=1000))
    return {"returns": np.exp(volatility) * rng.standard_t(8, size=1000)}


def gaussian_process() -> dict:
    """150 points of a smooth function with noise."""
    rng = np.random.default_rng(52)
    x = np.sort(rng.uniform(0, 10, size=150))
    return {"x": x, "y": np.sin(x) + 0.3 * x + rng.normal(0, 0.3, size=150)}


def mixture() -> dict:
    """1,000 draws from three normal components that overlap."""
    rng = np.random.default_rng(3)
    component = rng.choice(3, p=[0.3, 0.45, 0.25], size=1000)
    return {"y": rng.normal(np.array([-3.0, 0.0, 3.0])[component], np.array([0.9, 0.8, 1.0])[component])}


def varying_effects() -> dict:
    """40 groups of 25 observations, with an intercept and two slopes that vary together from group to group."""
    rng = np.random.default_rng(40)
    group = np.repeat(np.arange(40), 25)
    design = np.column_stack([np.ones(1000), rng.normal(size=(1000, 2))])
    spread = np.array([1.0, 0.6, 0.4])
    correlation = np.array([[1.0, 0.5, -0.3], [0.5, 1.0, 0.1], [-0.3, 0.1, 1.0]])
    effects = rng.multivariate_normal([1.0, -0.5, 0.3], correlation * np.outer(spread, spread), size=40)
    return {"group": group, "design": design, "y": rng.normal((design * effects[group]).sum(axis=1), 0.7)}


def item_response() -> dict:
    """200 persons answer 50 items that differ in difficulty and in how well they discriminate."""
    rng = np.random.default_rng(2)
    ability, difficulty = rng.normal(size=200), rng.normal(0.2, 0.8, size=50)
    discrimination = rng.lognormal(0, 0.4, size=50)
    return {"y": rng.binomial(1, 1 / (1 + np.exp(-discrimination * (ability[:, None] - difficulty))))}


def autoregression() -> dict:
    """400 steps of a process that remembers two, seen with noise."""
    rng = np.random.default_rng(22)
    state = np.zeros(402)
    for step in range(2, 402):
        state[step] = 1.2 * state[step - 1] - 0.5 * state[step - 2] + rng.normal(0, 0.5)
    return {"y": 2.0 + state[2:] + rng.normal(0, 0.6, size=400)}
