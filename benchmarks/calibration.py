"""Simulation-based calibration: whether posteriors are right, by simulating parameters and data and sampling back.

    python benchmarks/calibration.py                        # all models, 512 replicates each
    python benchmarks/calibration.py mixture --replicates 2000 --json ranks.json

For each replicate parameters are drawn from the prior and data from the model given these, both by NumPy alone. If
the posterior given the data is sampled rightly, the rank of each true parameter among 63 nearly independent draws is
uniform on 0..63 (Talts, Betancourt, Simpson, Vehtari and Gelman 2018, "Validating Bayesian inference algorithms with
simulation-based calibration"); so is that of the log-likelihood, which notices what single parameters do not (Modrák et
al. 2023). Uniformity is judged by a chi-square test with 16 bins and by a Kolmogorov-Smirnov test of (rank + u) / 64, u
uniform. A model fails if any p-value, times the number of tests of that model (Bonferroni), is below 1 %.

Where draws are too dependent a replicate is repeated with longer chains. Replicates whose chains still disagree (R-hat
above 1.05: a mixture's posterior may have several modes) are counted and not ranked, which is fair, because that
depends on the data and not on the true parameters. Each model is compiled once: replicates exchange its data. What is
general of this is `pm.sbc`; here simulation is NumPy's, so that mistakes of the library's own draws do not cancel.
"""

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats

import pellucid as pm
import pellucid.tensor as pt
from pellucid.inference.calibration import LEVEL, Replicate, corrected, judge, replicate

CHAINS, TUNE, DRAWS = 2, 600, 600


class Case(NamedTuple):
    """A model with data "y", how to simulate it, its log-likelihood, and how it is sampled.

    `simulate(random)` returns parameters and data; `loglik(draws, y)` the log-likelihood of each draw, the parameters
    having any leading axes.
    """

    model: pm.Model
    simulate: Callable[[np.random.Generator], tuple[dict[str, np.ndarray], np.ndarray]]
    loglik: Callable[[dict[str, np.ndarray], np.ndarray], np.ndarray]
    target_accept: float = 0.9


def normal_logpdf(y: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """The log-density of normal numbers."""
    return -0.5 * ((y - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)


def eight_schools() -> Case:
    """Eight schools, non-centred, with a half-normal prior of the spread."""
    errors = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
    with pm.Model() as model:
        y = pm.Data("y", np.zeros(8))
        mu = pm.Normal("mu", 0, 5)
        tau = pm.HalfNormal("tau", 10)
        raw = pm.Normal("raw", 0, 1, shape=8)
        pm.Normal("effect", mu + tau * raw, errors, observed=y)

    def simulate(random):
        q = {"mu": random.normal(0, 5), "tau": abs(random.normal(0, 10)), "raw": random.normal(size=8)}
        return q, random.normal(q["mu"] + q["tau"] * q["raw"], errors)

    def loglik(q, y):
        mean = q["mu"][..., None] + q["tau"][..., None] * q["raw"]
        return normal_logpdf(y, mean, errors).sum(-1)

    return Case(model, simulate, loglik)


def hierarchy() -> Case:
    """A hierarchical regression like radon: 12 groups, 72 observations, one predictor."""
    group = np.repeat(np.arange(12), 6)
    floor = np.random.default_rng(0).binomial(1, 0.3, 72).astype(float)
    with pm.Model() as model:
        y = pm.Data("y", np.zeros(72))
        mu = pm.Normal("mu", 0, 2)
        spread = pm.HalfNormal("spread", 1)
        raw = pm.Normal("raw", 0, 1, shape=12)
        slope = pm.Normal("slope", 0, 1)
        sigma = pm.LogNormal("sigma", 0, 0.3)
        pm.Normal("obs", (mu + spread * raw)[group] + slope * floor, sigma, observed=y)

    def mean(q):
        return (q["mu"][..., None] + q["spread"][..., None] * q["raw"])[..., group] + q["slope"][..., None] * floor

    def simulate(random):
        q = {
            "mu": random.normal(0, 2), "spread": abs(random.normal()), "raw": random.normal(size=12),
            "slope": random.normal(), "sigma": np.exp(random.normal(0, 0.3)),
        }  # fmt: skip
        q = {name: np.asarray(value) for name, value in q.items()}
        return q, random.normal(mean(q), q["sigma"])

    return Case(model, simulate, lambda q, y: normal_logpdf(y, mean(q), q["sigma"][..., None]).sum(-1))


def mixture() -> Case:
    """Three normal components whose means are in order, and known roughly: with less, posteriors have many modes."""
    centres, width = np.array([-3.0, 0.0, 3.0]), 1.5
    with pm.Model() as model:
        y = pm.Data("y", np.zeros(80))
        weights = pm.Dirichlet("weights", np.full(3, 5.0))
        ordered = pm.distributions.transforms.ordered
        means = pm.Normal("means", centres, width, shape=3, transform=ordered, initval=centres)
        sigmas = pm.LogNormal("sigmas", -0.7, 0.3, shape=3)
        pm.NormalMixture("obs", w=weights, mu=means, sigma=sigmas, observed=y)

    def simulate(random):
        means = random.normal(centres, width)
        while not means[0] < means[1] < means[2]:  # the density is that of independent means where they are in order
            means = random.normal(centres, width)
        q = {"weights": random.dirichlet(np.full(3, 5.0)), "means": means}
        q["sigmas"] = np.exp(random.normal(-0.7, 0.3, 3))
        kind = random.choice(3, size=80, p=q["weights"])
        return q, random.normal(q["means"][kind], q["sigmas"][kind])

    def loglik(q, y):
        parts = normal_logpdf(y[:, None], q["means"][..., None, :], q["sigmas"][..., None, :])
        return np.log((np.exp(parts) * q["weights"][..., None, :]).sum(-1)).sum(-1)

    return Case(model, simulate, loglik, 0.95)


def varying_effects() -> Case:
    """Intercepts and two slopes of 10 groups that vary together, with an LKJ prior of their correlations."""
    group = np.repeat(np.arange(10), 8)
    design = np.concatenate([np.ones((80, 1)), np.random.default_rng(1).normal(size=(80, 2))], axis=1)
    with pm.Model() as model:
        y = pm.Data("y", np.zeros(80))
        beta = pm.Normal("beta", 0, 1, shape=3)
        factor, correlation, deviations = pm.LKJCholeskyCov("cov", n=3, eta=2, sd_dist=pm.Exponential.dist(1, shape=3))
        for name, (i, j) in {"r01": (0, 1), "r02": (0, 2), "r12": (1, 2)}.items():
            pm.Deterministic(name, correlation[i, j])
        pm.Deterministic("deviations", deviations)
        raw = pm.Normal("raw", 0, 1, shape=(10, 3))
        effects = pm.Deterministic("effects", beta + pt.dot(raw, factor.T))
        pm.Normal("obs", (design * effects[group]).sum(axis=1), 0.5, observed=y)

    def simulate(random):
        # The C-vine of Lewandowski, Kurowicka and Joe 2009: partial correlations from beta distributions.
        r01, r02 = 2 * random.beta(2.5, 2.5, 2) - 1
        r12 = (2 * random.beta(2, 2) - 1) * np.sqrt((1 - r01**2) * (1 - r02**2)) + r01 * r02
        q = {"beta": random.normal(size=3), "deviations": random.exponential(size=3)}
        q |= {"raw": random.normal(size=(10, 3)), "r01": r01, "r02": r02, "r12": r12}
        factor = q["deviations"][:, None] * np.linalg.cholesky([[1, r01, r02], [r01, 1, r12], [r02, r12, 1]])
        q["effects"] = q["beta"] + q["raw"] @ factor.T
        return q, random.normal((design * q["effects"][group]).sum(axis=1), 0.5)

    def loglik(q, y):
        return normal_logpdf(y, (design * q["effects"][..., group, :]).sum(-1), np.array(0.5)).sum(-1)

    return Case(model, simulate, loglik, 0.95)


def stochastic_volatility() -> Case:
    """A random walk of log volatilities under 60 observations from Student's t distribution."""
    with pm.Model() as model:
        y = pm.Data("y", np.zeros(60))
        step = pm.LogNormal("step", -1.5, 0.4)
        freedom = pm.Exponential("freedom", 0.1)
        shocks = pm.Normal("shocks", 0, 1, shape=60)
        volatility = pt.cumsum(step * shocks)
        pm.StudentT("obs", nu=freedom + 2, mu=0, sigma=pt.exp(volatility), observed=y)

    def simulate(random):
        q = {"step": np.exp(random.normal(-1.5, 0.4)), "freedom": random.exponential(10)}
        q["shocks"] = random.normal(size=60)
        return q, np.exp(np.cumsum(q["step"] * q["shocks"])) * random.standard_t(q["freedom"] + 2, 60)

    def loglik(q, y):
        spread = np.exp(np.cumsum(q["step"][..., None] * q["shocks"], axis=-1))
        return (stats.t.logpdf(y / spread, q["freedom"][..., None] + 2) - np.log(spread)).sum(-1)

    return Case(model, simulate, loglik)


CASES = {
    make.__name__: make for make in (eight_schools, hierarchy, mixture, varying_effects, stochastic_volatility)
}


def quantities(case: Case, values: dict[str, np.ndarray], y: np.ndarray, leading: int) -> dict[str, np.ndarray]:
    """The scalars whose ranks are taken, by name: some elements of vectors, and the log-likelihood.

    The first `leading` axes of the values are those of chains and draws.
    """
    found = {"log-likelihood": case.loglik(values, y)}
    for name, value in values.items():
        flat = value.reshape(*value.shape[:leading], -1)
        last = flat.shape[-1] - 1
        found |= {name if not last else f"{name}[{k}]": flat[..., k] for k in sorted({0, last // 2, last})}
    return found


def simulated(case: Case, seed: int) -> Replicate:
    """The ranks of one simulation."""
    truth, y = case.simulate(np.random.default_rng([seed, 0]))
    truth = {name: np.asarray(value) for name, value in truth.items()}

    def run(draws: int):
        return pm.sample(
            draws, tune=TUNE, chains=CHAINS, cores=1, random_seed=seed, target_accept=case.target_accept,
            progressbar=False, compute_convergence_checks=False, return_inferencedata=False,
        )  # fmt: skip

    def read(trace, draws: int) -> dict[str, np.ndarray]:
        values = {name: trace[name].reshape(CHAINS, draws, *truth[name].shape) for name in truth}
        return quantities(case, values, y, 2)

    with case.model:
        pm.set_data({"y": y})
        return replicate(run, read, quantities(case, truth, y, 0), DRAWS, np.random.default_rng([seed, 1]))


def calibrate(name: str, replicates: int, seed: int) -> dict:
    """Return ranks and p-values of a model."""
    case = CASES[name]()
    begin, processor = time.perf_counter(), time.process_time()
    runs = [simulated(case, seed + k) for k in range(replicates)]
    ranked = [run.ranks for run in runs if run.ranks is not None]
    ranks = {key: np.array([one[key] for one in ranked]) for key in ranked[0]}
    random = np.random.default_rng(seed)
    tests = {key: judge(values, random) for key, values in ranks.items()}
    return {
        "tests": tests,
        "corrected": corrected(tests),
        "ranked": len(ranked),
        "divergent replicates": sum(run.divergences > 0 for run in runs),
        "longer replicates": sum(run.draws > DRAWS for run in runs),
        "seconds": time.perf_counter() - begin,
        "processor": time.process_time() - processor,
        "ranks": {key: values.tolist() for key, values in ranks.items()},
    }


def show(name: str, replicates: int, found: dict) -> str:
    """Return the table of one model."""
    lines = [f"{name}: {replicates} replicates in {found['seconds']:.0f} s ({found['processor']:.0f} s of processor)"]
    for key, p in found["tests"].items():
        lines.append(f"  {key:18} chi-square p = {p['chi-square']:.3f}   KS p = {p['ks']:.3f}")
    verdict = "uniform" if found["corrected"] >= LEVEL else "NOT UNIFORM"
    lines.append(
        f"  smallest of {2 * len(found['tests'])} p-values, corrected: {found['corrected']:.3f}: {verdict}; "
        f"divergences in {found['divergent replicates']} replicates, {found['longer replicates']} needed longer "
        f"chains, in {replicates - found['ranked']} chains disagreed"
    )
    return "\n".join(lines)


def main() -> int:
    """Calibrate the models named, print a table for each, and return how many failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("models", nargs="*", default=[], help=f"any of {', '.join(CASES)}; all by default")
    parser.add_argument("--replicates", type=int, default=512)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write ranks and p-values to this file")
    chosen = parser.parse_args()
    logging.getLogger("pellucid").setLevel(logging.ERROR)
    record, failed = {}, 0
    for name in chosen.models or CASES:
        record[name] = calibrate(name, chosen.replicates, chosen.seed)
        failed += record[name]["corrected"] < LEVEL
        print(show(name, chosen.replicates, record[name]), flush=True)
        if chosen.json:
            chosen.json.write_text(json.dumps(record), encoding="utf-8")
    return failed


if __name__ == "__main__":
    sys.exit(main())
