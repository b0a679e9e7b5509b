"""How far draws from Markov chains can be trusted: R-hat, effective sample size, standard errors and warnings.

The estimators are those of Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), "Rank-normalization, folding, and
localization: an improved R-hat for assessing convergence of MCMC", Bayesian Analysis 16(2), and agree with
`arviz_stats` to rounding. They are written here because importing arviz_stats takes seconds, and the checks after every
run and the stopping rules need no more than NumPy.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pellucid.graph.lazy import later
from pellucid.inference import estimators
from pellucid.inference.per_variable import per_variable
from pellucid.inference.trace import element_labels

if TYPE_CHECKING:
    from pellucid.inference import rules
else:
    (rules,) = later("pellucid.inference", "rules")

__all__ = ["Convergence", "bfmi", "check", "convergence", "ess", "eti", "hdi", "log_warnings", "mcse", "rhat"]

RHAT_LIMIT = 1.01
ESS_PER_CHAIN = 100
BFMI_LIMIT = 0.3
TREEDEPTH_FRACTION = 0.05
LISTED_ELEMENTS = 5


class Convergence(NamedTuple):
    """R-hat, bulk and tail effective sample size of every element."""

    rhat: float | np.ndarray
    ess_bulk: float | np.ndarray
    ess_tail: float | np.ndarray


@per_variable
def rhat(x: ArrayLike, method: str = "rank") -> float | np.ndarray:
    """Return the potential scale reduction factor of every element of `x`.

    Near 1 when all chains explore the same distribution; above 1.01 they should not be trusted.

    Parameters
    ----------
    x : array_like, shape (chain, draw, *event), or a result
        Draws; of a whole result every variable is judged, or those of `var_names`, which gives a dataset. Two chains
        and four draws are the least that can be judged; with fewer the result is NaN.
    method : {"rank", "bulk", "folded", "split", "identity"}
        "rank" is the larger of "bulk" (rank-normalised split chains: location) and "folded" (the same of the distance
        to the median: scale). "split" compares half chains without ranks, "identity" whole chains.

    Returns
    -------
    float or ndarray, shape event
        NaN for an element with a NaN draw or that never changes.

    Notes
    -----
    sqrt((B / W + n - 1) / n) with W the mean variance within chains of n draws, and B n times the variance of their
    means (Vehtari et al. 2021, equations 1 to 4 and section 3.1).

    Examples
    --------
    >>> x = np.random.default_rng(1).normal(size=(4, 500))
    >>> bool(rhat(x) < 1.01), bool(rhat(x + np.arange(4)[:, None]) > 1.5)
    (True, True)
    """
    return _scalar(estimators.measure(x, _choose("rhat", estimators.RHAT, method), chains=2))


@per_variable
def ess(x: ArrayLike, method: str = "bulk", prob: float | Sequence[float] | None = None) -> Any:
    """Return how many independent draws would estimate as well as the draws `x` do.

    Parameters
    ----------
    x : array_like, shape (chain, draw, *event), or a result
        Draws (of a whole result those of every variable, or of `var_names`, which gives a dataset); four at least,
        else the result is NaN.
    method : {"bulk", "tail", "mean", "sd", "median", "mad", "quantile", "local", "folded", "identity"}
        What is to be estimated. "bulk" concerns the centre of the distribution; "tail" is the smaller of the values for
        two quantiles, 5 % and 95 %; "local" is for the probability between two quantiles.
    prob : float or two floats, optional
        The quantile of "quantile", the two of "local", or other ones for "tail" (a single p stands for p and 1 - p).

    Returns
    -------
    float or ndarray, shape event
        At most N log10(N) for N draws; N for an element that never changes; NaN for one with a NaN draw.
    StoppingRule
        If `x` is a single number: ``sample(until=ess(400))`` ends when every coordinate has so many effective draws.

    Notes
    -----
    N / tau, tau = -1 + 2 sum of the autocorrelations of all chains combined, cut off by Geyer's (1992) initial monotone
    sequence (Vehtari et al. 2021, section 3.2; quantities in section 4.3).

    Examples
    --------
    >>> x = np.random.default_rng(1).normal(size=(4, 500))
    >>> bool(1500 < ess(x) < 2500), bool(ess(np.cumsum(x, axis=1)) < 30)
    (True, True)
    """
    if isinstance(x, (int, float)):
        return rules.EffectiveDraws(x)
    return _scalar(estimators.measure(x, _choose_with_prob("ess", estimators.ESS, method, prob)))


@per_variable
def mcse(x: ArrayLike, method: str = "mean", prob: float | None = None) -> float | np.ndarray:
    """Return the Monte Carlo standard error of an estimate made from the draws `x`, in the units of `x`.

    Parameters
    ----------
    x : array_like, shape (chain, draw, *event)
        Draws; four at least, else the result is NaN.
    method : {"mean", "sd", "median", "quantile"}
        The estimate concerned.
    prob : float, optional
        The probability of "quantile".

    Returns
    -------
    float or ndarray, shape event

    Notes
    -----
    sd / sqrt(ESS) for the mean; the delta method for the sd; for quantiles half the interval of order statistics that a
    Beta(ESS p + 1, ESS (1 - p) + 1) puts within one standard error (Vehtari et al. 2021, section 4.4).

    Examples
    --------
    >>> x = np.random.default_rng(1).normal(size=(4, 2500))
    >>> round(mcse(x), 2), round(mcse(x, "quantile", 0.5), 2)
    (0.01, 0.01)
    """
    return _scalar(estimators.measure(x, _choose_with_prob("mcse", estimators.MCSE, method, prob)))


def convergence(x: ArrayLike) -> Convergence:
    """Return `rhat(x)`, `ess(x, "bulk")` and `ess(x, "tail")` at about half the cost: the draws are sorted once.

    Parameters
    ----------
    x : array_like, shape (chain, draw, *event)

    Returns
    -------
    Convergence
        Three floats or arrays of shape event. `rhat` is NaN for a single chain.
    """

    def together(block: estimators.Block) -> np.ndarray:
        return np.stack((estimators.rhat_rank(block), estimators.ess_bulk(block), estimators.ess_tail(block)))

    return Convergence(*map(_scalar, estimators.measure(x, together, pieces=3)))


@per_variable
def hdi(x: ArrayLike, prob: float = 0.94) -> np.ndarray:
    """Return the shortest interval holding the share `prob` of the draws, of every element: shape (*event, 2).

    The density is taken to have one mode. An element with a NaN draw has NaN bounds.

    Examples
    --------
    >>> hdi(np.arange(100.0)[None] ** 2, 0.5)
    array([   0., 2500.])
    """
    _check_probability("hdi", prob)
    bounds = partial(estimators.shortest_interval, prob=prob)
    return np.moveaxis(estimators.measure(x, bounds, pieces=2, draws=1), 0, -1)


@per_variable
def eti(x: ArrayLike, prob: float = 0.94) -> np.ndarray:
    """Return the interval that leaves (1 - prob) / 2 of the draws on each side, of every element: shape (*event, 2).

    Examples
    --------
    >>> eti(np.arange(101.0)[None], 0.5)
    array([25., 75.])
    """
    _check_probability("eti", prob)
    bounds = partial(estimators.central_interval, prob=prob)
    return np.moveaxis(estimators.measure(x, bounds, pieces=2, draws=1), 0, -1)


def bfmi(energy: ArrayLike) -> np.ndarray:
    """Return each chain's estimated Bayesian fraction of missing information.

    Below 0.3 the momentum refreshments of Hamiltonian Monte Carlo are too small for the spread of energies.

    Parameters
    ----------
    energy : array_like, shape (chain, draw)

    Notes
    -----
    The mean squared difference of successive energies over their variance (Betancourt 2016, arXiv:1604.00695). NaN for
    a chain of fewer than two draws or of constant energy.
    """
    energy = np.atleast_2d(np.asarray(energy, dtype=float))
    if energy.shape[1] < 2:
        return np.full(len(energy), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.square(np.diff(energy, axis=1)).mean(axis=1) / np.var(energy, axis=1, ddof=1)


def check(
    posterior: Mapping[str, ArrayLike],
    sample_stats: Mapping[str, ArrayLike] | None = None,
    *,
    coords: Mapping[str, Sequence | np.ndarray | None] | None = None,
    dims: Mapping[str, Sequence[str | None]] | None = None,
) -> list[str]:
    """Return what is wrong with a run, one message each of what was found, what it means and what to do.

    Parameters
    ----------
    posterior : mapping of variable to array, shape (chain, draw, *event)
        The draws to judge. Elements that never change are passed over.
    sample_stats : mapping of statistic to array, shape (chain, draw), optional
        Of which `diverging`, `reached_max_treedepth` and `energy` are read, if there.
    coords, dims : mapping, optional
        As for `to_datatree`, to name elements by their labels.

    Returns
    -------
    list of str
        Empty if nothing is suspicious.

    Examples
    --------
    >>> x = np.random.default_rng(1).normal(size=(4, 500))
    >>> check({"mu": x})
    []
    >>> print(check({"mu": x + np.arange(4)[:, None]})[0][:51])
    R-hat is above 1.01 for 1 of 1 elements: mu (1.55).
    """
    stats = {name: np.atleast_2d(np.asarray(value)) for name, value in (sample_stats or {}).items()}
    found = []
    if "diverging" in stats:
        found += _check_divergences(stats["diverging"])
    if "reached_max_treedepth" in stats:
        found += _check_treedepth(stats["reached_max_treedepth"])
    if "energy" in stats:
        found += _check_energy(stats["energy"])
    return found + _check_convergence(posterior, coords or {}, dims or {})


def log_warnings(messages: Sequence[str]) -> None:
    """Emit messages, such as those of `check`, as warnings of the logger "pellucid"."""
    for message in messages:
        logging.getLogger("pellucid").warning("%s", message)


def _check_divergences(diverging: np.ndarray) -> list[str]:
    by_chain = diverging.astype(bool).sum(axis=1)
    if not by_chain.any():
        return []
    chains = ", ".join(f"{count} in chain {chain}" for chain, count in enumerate(by_chain) if count)
    message = (
        f"{by_chain.sum()} of {diverging.size} draws diverged ({chains}). The integrator cannot follow the posterior "
        "somewhere, so the draws may miss that part of it and estimates may be biased. Increase target_accept (to 0.95 "
        "or 0.99), reparametrise (non-centred effects where a scale can be near zero), or use more informative priors."
    )
    return [message]


def _check_treedepth(reached: np.ndarray) -> list[str]:
    fractions = reached.astype(bool).mean(axis=1)
    if not (fractions > TREEDEPTH_FRACTION).any():
        return []
    chains = ", ".join(f"{100 * part:.0f} % in chain {chain}" for chain, part in enumerate(fractions) if part)
    message = (
        f"The maximum tree depth stopped {100 * fractions.mean():.0f} % of the trajectories ({chains}). The draws are "
        "valid but each moves less than it should, so sampling is slow. Rescale or reparametrise variables of very "
        "different scales or strong correlation, tune for longer, or increase max_treedepth."
    )
    return [message]


def _check_energy(energy: np.ndarray) -> list[str]:
    low = [(chain, value) for chain, value in enumerate(bfmi(energy)) if value < BFMI_LIMIT]
    if not low:
        return []
    chains = ", ".join(f"{value:.2f} in chain {chain}" for chain, value in low)
    message = (
        f"The energy changes little from draw to draw (BFMI below {BFMI_LIMIT}: {chains}). The tails of the posterior "
        "are heavy or its scale varies from place to place, so they are explored slowly and may be missed. "
        "Reparametrise (non-centred effects, transformed scales), use lighter-tailed priors, or take more draws."
    )
    return [message]


class _Elements(NamedTuple):
    """All elements of all variables that vary, with their diagnostics."""

    labels: list[str]
    rhat: np.ndarray
    ess: np.ndarray
    not_a_number: list[str]
    total: int


def _check_convergence(posterior: Mapping[str, ArrayLike], coords: Mapping, dims: Mapping) -> list[str]:
    arrays = {name: np.asarray(value) for name, value in posterior.items()}
    if not arrays:
        return []
    chains, draws = next(iter(arrays.values())).shape[:2]
    if draws < ESS_PER_CHAIN:
        return [f"Each chain has {draws} draws: too few to judge. Take at least {ESS_PER_CHAIN}, better 1000."]
    elements = _diagnose_elements(arrays, coords, dims)
    found = _describe_not_a_number(elements)
    if chains == 1:
        found.append(
            "Only one chain was sampled, so that it cannot be compared with others: R-hat is not computed, and a part "
            "of the posterior that the chain did not find would go unnoticed. Sample four chains or more."
        )
    return found + _describe_rhat(elements) + _describe_ess(elements, ESS_PER_CHAIN * chains)


def _diagnose_elements(arrays: Mapping[str, np.ndarray], coords: Mapping, dims: Mapping) -> _Elements:
    labels, diagnostics, not_a_number = [], [np.empty((2, 0))], []
    for name, array in arrays.items():
        names = list(element_labels(name, array.shape[2:], dims=dims.get(name), coords=coords))
        flat = array.reshape(*array.shape[:2], -1)
        missing = np.isnan(flat).any(axis=(0, 1))
        varies = ~missing & (flat != flat[:1, :1]).any(axis=(0, 1))
        measured = convergence(flat if varies.all() else flat[:, :, varies])
        labels += [names[k] for k in np.flatnonzero(varies)]
        not_a_number += [names[k] for k in np.flatnonzero(missing)]
        diagnostics.append(np.stack((measured.rhat, np.minimum(measured.ess_bulk, measured.ess_tail))))
    rhats, sizes = np.concatenate(diagnostics, axis=1)
    return _Elements(labels, rhats, sizes, not_a_number, len(labels) + len(not_a_number))


def _describe_not_a_number(elements: _Elements) -> list[str]:
    if not elements.not_a_number:
        return []
    message = (
        f"{len(elements.not_a_number)} of {elements.total} elements have draws that are not a number: "
        f"{_listed(elements.not_a_number)}. Look for log, sqrt or a division outside their domain in what defines them."
    )
    return [message]


def _describe_rhat(elements: _Elements) -> list[str]:
    high = [k for k in np.argsort(-elements.rhat) if elements.rhat[k] > RHAT_LIMIT]
    if not high:
        return []
    worst = _listed([f"{elements.labels[k]} ({elements.rhat[k]:.3g})" for k in high])
    message = (
        f"R-hat is above {RHAT_LIMIT} for {len(high)} of {elements.total} elements: {worst}. The chains disagree about "
        "them, so no estimate should be trusted yet. Tune and draw for longer; if that does not help, the posterior "
        "has several modes or parameters the data cannot tell apart: look at the traces, use stronger priors or "
        "reparametrise."
    )
    return [message]


def _describe_ess(elements: _Elements, least: int) -> list[str]:
    low = [k for k in np.argsort(elements.ess) if elements.ess[k] < least]
    if not low:
        return []
    worst = _listed([f"{elements.labels[k]} ({elements.ess[k]:.0f})" for k in low])
    message = (
        f"The effective sample size is below {least} ({ESS_PER_CHAIN} per chain) for {len(low)} of {elements.total} "
        f"elements: {worst}. Their means and intervals, and R-hat itself, are imprecise. Take more draws, or "
        "reparametrise to make successive draws less alike."
    )
    return [message]


def _listed(items: Sequence[str]) -> str:
    """Join the first few items, and say how many more there are."""
    rest = len(items) - LISTED_ELEMENTS
    return ", ".join(items[:LISTED_ELEMENTS]) + (f" and {rest} more" if rest > 0 else "")


def _scalar(result: np.ndarray) -> float | np.ndarray:
    return result if result.ndim else float(result)


def _choose(function: str, table: Mapping[str, estimators.Statistic], method: str) -> estimators.Statistic:
    if method not in table:
        raise ValueError(f"{function} has no method {method!r}; choose one of {', '.join(table)}")
    return table[method]


def _choose_with_prob(
    function: str, table: Mapping[str, estimators.Statistic], method: str, prob: float | Sequence[float] | None
) -> estimators.Statistic:
    statistic = _choose(function, table, method)
    count = {"quantile": (1,), "local": (2,), "tail": (1, 2)}.get(method)
    if count is None:
        if prob is not None:
            raise ValueError(f"{function} with method {method!r} takes no prob, got {prob!r}")
        return statistic
    if prob is None:
        if method == "tail":
            return statistic
        raise ValueError(f"{function} with method {method!r} needs prob: {count[0]} number(s) between 0 and 1")
    if np.size(prob) not in count:
        raise ValueError(f"{function} with method {method!r} needs {count[0]} number(s) as prob, got {prob!r}")
    _check_probability(function, prob)
    return partial(statistic, prob=prob)


def _check_probability(function: str, prob: float | Sequence[float]) -> None:
    if not all(0 <= p <= 1 for p in np.ravel(prob)):
        raise ValueError(f"{function} needs probabilities between 0 and 1, got {prob!r}")
