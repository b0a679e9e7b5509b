"""Simulation-based calibration: whether the posterior is sampled rightly, by sampling back what the prior simulated.

Sources: Talts, Betancourt, Simpson, Vehtari and Gelman, "Validating Bayesian inference algorithms with
simulation-based calibration" (2018); Modrák et al., "Simulation-based calibration checking for Bayesian computation:
the choice of test quantities shapes sensitivity" (2023), for the rank of the log-likelihood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pellucid.compile.shared import SharedVariable
from pellucid.inference import diagnose
from pellucid.inference.pointwise import compute_log_likelihood
from pellucid.inference.predictive import chosen, sample_prior_predictive
from pellucid.inference.progress import ChainProgress, Progress
from pellucid.inference.sample import sample
from pellucid.inference.trace import draft
from pellucid.model.context import here, modelcontext
from pellucid.model.dims import coords_of
from pellucid.model.model import Model
from pellucid.model.surgery import exchange
from pellucid.model.transform import with_observation
from pellucid.stats import as_seed

__all__ = ["Calibration", "judge", "replicate", "sbc"]

KEPT = 63
"""Nearly independent draws among which a true value has a rank from 0 to 63."""
BINS = 16
EXPECTED = 5
"""So many ranks at least are expected in each bin of a chi-square test, or there are fewer bins."""
LEVEL = 0.01
AGREEMENT = 1.05
TIMES_LONGER, LONGEST = 4, 3
"""How much longer chains get at each further attempt, where draws are too dependent, and how many attempts."""
RUN = {"draws": 600, "tune": 600, "chains": 2, "cores": 1, "target_accept": 0.9}
FIXED = {"progressbar": False, "compute_convergence_checks": False, "return_inferencedata": False}
LIKELIHOOD = "log-likelihood"

Values = Mapping[str, np.ndarray]


class Replicate(NamedTuple):
    """The ranks of one simulation (None where chains disagree), its divergences and the draws of each chain."""

    ranks: dict[str, np.ndarray] | None
    divergences: int
    draws: int


def replicate(
    run: Callable[[int], Any],
    read: Callable[[Any, int], Values],
    truth: Values,
    draws: int,
    random: np.random.Generator,
) -> Replicate:
    """Sample until draws are independent enough, and rank the true values.

    Parameters
    ----------
    run : function of the number of draws
        The trace of a run.
    read : function of a trace and the number of draws
        The quantities that are ranked, by name, of shape (chain, draw, ...).
    truth : dict of array
        The same of the true parameters, without these axes.
    draws : int
        Of each chain, at first.
    random : Generator
        Breaks the ties of discrete values.
    """
    found: Values = {}
    trace, agreed = None, False
    for attempt in range(LONGEST):
        trace = run(draws)
        found = read(trace, draws)
        independent = min(least(diagnose.ess(x)) for x in found.values()) > 2 * KEPT
        agreed = min(least(-np.asarray(diagnose.rhat(x))) for x in found.values()) > -AGREEMENT
        if attempt == LONGEST - 1 or (independent and agreed):
            break
        draws *= TIMES_LONGER
    statistics = trace.statistics  # type: ignore[union-attr]
    divergences = int(np.sum(statistics["diverging"])) if "diverging" in statistics else 0
    ranks = {name: rank(x, truth[name], random) for name, x in found.items()} if agreed else None
    return Replicate(ranks, divergences, draws)


def least(x: Any) -> float:
    """The smallest number, infinity where there is none: constants have neither sample sizes nor R-hat."""
    x = np.asarray(x, float)
    return float(x[~np.isnan(x)].min(initial=np.inf))


def rank(x: np.ndarray, truth: Any, random: np.random.Generator) -> np.ndarray:
    """How many of evenly spaced draws are below the true value; among equal ones it has a random place."""
    flat = x.reshape(-1, *x.shape[2:])
    picked = flat[np.linspace(0, len(flat) - 1, KEPT).round().astype(int)]
    return (picked < truth).sum(0) + random.integers(0, (picked == truth).sum(0) + 1)


def judge(ranks: np.ndarray, random: np.random.Generator) -> dict[str, float]:
    """The p-values of two tests that ranks are uniform: chi-square of bins, Kolmogorov-Smirnov of (rank + u) / 64."""
    from scipy import stats  # a second to import, and needed here alone

    bins = BINS
    while bins > 2 and len(ranks) < EXPECTED * bins:
        bins //= 2
    counts = np.bincount(ranks * bins // (KEPT + 1), minlength=bins)
    smeared = (ranks + random.uniform(size=len(ranks))) / (KEPT + 1)
    return {"chi-square": float(stats.chisquare(counts).pvalue), "ks": float(stats.kstest(smeared, "uniform").pvalue)}


def corrected(tests: Mapping[str, Mapping[str, float]]) -> float:
    """The smallest p-value times the number of tests (Bonferroni)."""
    values = [p for found in tests.values() for p in found.values()]
    return min(1.0, min(values) * len(values))


@dataclass(frozen=True)
class Calibration:
    """What simulation-based calibration found.

    Attributes
    ----------
    ranks : xarray.Dataset
        From 0 to 63, by variable, with the dimension `simulation` first; and `log-likelihood`.
    tests : dict
        The p-values "chi-square" and "ks" of every element's ranks, by its name.
    corrected : float
        The smallest of all p-values times their number (Bonferroni).
    num_simulations, disagreed, divergent, longer : int
        Simulations; those whose chains did not agree, which have no ranks; those with divergences; those that needed
        longer chains.
    """

    ranks: Any
    tests: dict[str, dict[str, float]]
    corrected: float
    num_simulations: int
    disagreed: int
    divergent: int
    longer: int

    def passed(self, level: float = LEVEL) -> bool:
        """Whether the corrected p-value is at least `level`."""
        return self.corrected >= level

    def summary(self) -> Any:
        """A table of p-values, uncorrected, and mean ranks as a part of the highest (a half if all is right)."""
        import pandas as pd  # as slow as xarray, which has it

        means = {name: float(column.mean()) / KEPT for name, column in columns_of(self.ranks)}
        rows = [{"mean_rank": means[k], "chi_square": p["chi-square"], "ks": p["ks"]} for k, p in self.tests.items()]
        return pd.DataFrame(rows, index=list(self.tests))

    def __repr__(self) -> str:
        lines = [f"Simulation-based calibration, {self.num_simulations} simulations"]
        for name, p in self.tests.items():
            lines.append(f"  {name:18} chi-square p = {p['chi-square']:.3f}   KS p = {p['ks']:.3f}")
        verdict = "uniform" if self.passed() else "NOT UNIFORM"
        number = 2 * len(self.tests)
        lines += [
            f"  smallest of {number} p-values times their number: {self.corrected:.3f}: ranks are {verdict}",
            f"  divergences in {self.divergent}, longer runs in {self.longer}, chains disagreed in {self.disagreed}",
        ]  # fmt: skip
        return "\n".join(lines)


def sbc(
    model: Model | None = None,
    num_simulations: int = 200,
    *,
    var_names: Sequence[str] | None = None,
    sample_kwargs: Mapping[str, Any] | None = None,
    random_seed: Any = None,
    progressbar: bool = True,
) -> Calibration:
    """Check that a model's posterior is sampled rightly: simulation-based calibration.

    For each simulation parameters are drawn from the prior, and data given these; the posterior of the data is sampled.
    If all is right, the rank of each true parameter among nearly independent draws is uniform. So is that of the
    log-likelihood, which notices what single parameters do not. The model is compiled once: simulations exchange its
    data.

    Parameters
    ----------
    model : Model, optional
        By default that of the enclosing block. What its data are does not matter, but for their shapes.
    num_simulations : int
    var_names : sequence of str, optional
        The variables and deterministics that are ranked; by default all free random variables.
    sample_kwargs : dict, optional
        Arguments of `sample`; by default 2 chains of 600 draws after 600 steps of tuning, one after another. Where
        draws are too dependent, chains four and sixteen times as long are drawn.
    random_seed : int or numpy.random.Generator, optional
    progressbar : bool

    Returns
    -------
    Calibration
        With `ranks`, `summary()`, `tests` and `corrected`; printed, it says what was found.

    Raises
    ------
    ValueError
        When nothing is observed, or there are potentials, of which draws from the prior do not know.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model():
    ...     x = pm.Normal("x", 0, 1)
    ...     y = pm.Normal("y", x, 1, observed=[0.0, 0.0])
    ...     found = pm.sbc(num_simulations=20, random_seed=1, progressbar=False)
    >>> found.passed(), dict(found.ranks.sizes)
    (True, {'simulation': 20})
    """
    owner = modelcontext(model).root
    check(owner, num_simulations, sample_kwargs or {})
    seed = as_seed(random_seed)
    twin, data = with_simulated_data(owner)
    known = {str(v.name): v for v in twin.unobserved_RVs}
    free = [str(v.name) for v in twin.free_RVs]
    names = [str(v.name) for v in chosen(known, var_names or free, "var_names has {}, which is none of {}.")]
    drawn = list(dict.fromkeys([*free, *names, *data]))
    prior = sample_prior_predictive(num_simulations, twin, drawn, seed, return_inferencedata=False)
    options = {**RUN, **(sample_kwargs or {})}

    def one(i: int) -> Replicate:
        for name, shared in data.items():
            shared.set_value(prior[name][i])

        def run(draws: int) -> Any:
            return sample(**{**options, **FIXED, "draws": draws, "model": twin, "random_seed": as_seed([seed, i])})

        def read(trace: Any, draws: int) -> Values:
            lead = (options["chains"], draws)
            return quantities(twin, {n: trace[n].reshape(*lead, *prior[n].shape[1:]) for n in {*free, *names}}, names)

        truth = quantities(twin, {n: prior[n][i][None, None] for n in {*free, *names}}, names)
        true = {name: x[0, 0] for name, x in truth.items()}
        return replicate(run, read, true, options["draws"], np.random.default_rng([seed, i]))

    runs = []
    with Progress(progressbar=progressbar, title="Calibrating:") as progress:
        for i in range(num_simulations):
            runs.append(one(i))
            progress.update([ChainProgress(i + 1, num_simulations)])
    return gathered(twin, runs, options["draws"], seed)


def check(model: Model, count: Any, options: Mapping[str, Any]) -> None:
    """Refuse what cannot be calibrated."""
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
        raise ValueError(f"num_simulations must be an integer of at least 1, not {count!r}. {here()}")
    if not model.observed_RVs or not model.free_RVs:
        what = "observed" if model.free_RVs else "free"
        raise ValueError(f"The model has no {what} variables: calibration simulates data and samples back. {here()}")
    if model.potentials:
        listed = ", ".join(map(str, model.potentials))
        raise ValueError(f"Draws from the prior do not know of the potentials {listed}: calibrate without. {here()}")
    own = sorted({*FIXED, "model", "random_seed"} & set(options))
    if own:
        raise ValueError(f"sample_kwargs has {', '.join(own)}, which calibration decides itself. {here()}")


def with_simulated_data(model: Model) -> tuple[Model, dict[str, SharedVariable]]:
    """A copy of a model that observes what can be exchanged, and these by the observed variables' names."""
    twin, data = exchange(model), {}
    for name in [str(v.name) for v in twin.observed_RVs]:
        v = twin.named_vars[name]
        now = np.asarray(twin.rvs_to_values[v].eval())
        data[name] = SharedVariable(now, f"{name}_simulated", now.shape)
        twin = with_observation(twin, v, data[name])
    return twin, data


def quantities(model: Model, values: Values, names: Sequence[str]) -> dict[str, np.ndarray]:
    """What is ranked, of values with axes (chain, draw): some variables, and the log-likelihood of all data."""
    terms = compute_log_likelihood(dict(values), model=model, extend_inferencedata=False)
    total = sum(a.values.reshape(*a.shape[:2], -1).sum(-1) for a in terms.data_vars.values())
    return {**{name: values[name] for name in names}, LIKELIHOOD: np.asarray(total)}


def gathered(model: Model, runs: Sequence[Replicate], draws: int, seed: int) -> Calibration:
    """The ranks of all simulations, and what tests say of them."""
    ranked = [one.ranks for one in runs if one.ranks is not None]
    if not ranked:
        raise ValueError(
            f"In none of {len(runs)} simulations chains agreed: the posterior may have several modes, or need longer "
            f"tuning (sample_kwargs). {here()}"
        )
    arrays = {name: np.stack([one[name] for one in ranked]) for name in ranked[0]}
    lengths = {
        "sample_dims": {"ranks": ["simulation"]},
        "dims": model.named_vars_to_dims,
        "coords": coords_of(model.coords),
    }
    ranks = draft({"ranks": arrays}, **lengths)["ranks"].dataset()
    random = np.random.default_rng(seed)
    tests = {name: judge(column, random) for name, column in columns_of(ranks)}
    return Calibration(
        ranks, tests, corrected(tests), len(runs), len(runs) - len(ranked),
        sum(one.divergences > 0 for one in runs), sum(one.draws > draws for one in runs),
    )  # fmt: skip


def columns_of(ranks: Any) -> list[tuple[str, np.ndarray]]:
    """The ranks of every element, by its name."""
    found = []
    for name, array in ranks.data_vars.items():
        flat = array.values.reshape(array.shape[0], -1)
        places = list(np.ndindex(*array.shape[1:]))
        found += [(f"{name}[{', '.join(map(str, at))}]" if at else name, flat[:, k]) for k, at in enumerate(places)]
    return found
