"""What a run of chains becomes: groups of named arrays, as a tree or as a simple trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from pellucid.graph.traverse import as_list
from pellucid.inference.chains import ChainResults, Plan, Watcher
from pellucid.inference.deferred import DeferredTree
from pellucid.inference.kernel import ITERATIONS_DONE
from pellucid.inference.trace import draft, grow
from pellucid.model.context import here
from pellucid.model.density import Layout
from pellucid.model.dims import coords_of
from pellucid.model.logprob import terms
from pellucid.model.model import Model
from pellucid.model.outputs import evaluate_draws

OPTIONS = {"include_transformed", "log_likelihood", "log_prior", "save_warmup", "coords", "dims"}
"""What `idata_kwargs` may hold."""


@dataclass
class Run:
    """The draws of a model, before they are given a form.

    Attributes
    ----------
    model : Model
    posterior, unconstrained : dict of array of shape (chain, draw, *shape)
    statistics : dict of array of shape (chain, draw)
    warmup, warmup_unconstrained, warmup_statistics
        The same of tuning; empty unless it is kept.
    attributes : dict
    """

    model: Model
    posterior: dict[str, np.ndarray]
    unconstrained: dict[str, np.ndarray]
    statistics: dict[str, np.ndarray]
    warmup: dict[str, np.ndarray] = field(default_factory=dict)
    warmup_unconstrained: dict[str, np.ndarray] = field(default_factory=dict)
    warmup_statistics: dict[str, np.ndarray] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)


class Memory(Watcher):
    """What a run must know to go on: its settings, and the states that its chains ended in.

    Attributes
    ----------
    settings : Settings
    coordinates : dict
        The shapes of the value variables, in order.
    states : list of ndarray, or None
        None where chains ended at different iterations.
    """

    def __init__(self, settings: Any, density: Layout):
        self.settings, self.coordinates = settings, coordinates(density)
        self.states: list[np.ndarray] | None = None

    def look(self, plan: Plan) -> bool:
        return False

    def end(self, plan: Plan) -> None:
        if (plan.progress[:, ITERATIONS_DONE] == plan.tune + plan.count).all():
            self.states = [plan.pack(chain) for chain in range(plan.chains)]


def coordinates(density: Layout) -> dict[str, list[int]]:
    """The shapes of the value variables, in order."""
    return {name: list(shape) for name, shape in zip(density.names, density.shapes, strict=True)}


def longest(completed: np.ndarray) -> tuple[list[int], int]:
    """The chains, and their common length, that keep most draws of a run that was interrupted.

    Examples
    --------
    >>> longest(np.array([100, 90, 3]))
    ([0, 1], 90)
    """
    if not completed.any():
        return list(range(len(completed))), 0
    order = np.argsort(-completed, kind="stable")
    kept = int(np.argmax(completed[order] * np.arange(1, len(order) + 1)))
    return sorted(order[: kept + 1].tolist()), int(completed[order[kept]])


def collect(model: Model, density: Layout, results: ChainResults, var_names: Sequence[str] | None) -> Run:
    """The draws and deterministics by name, of all chains that have any."""
    chains, length = longest(results.completed)
    every = len(chains) == len(results.completed) and length == results.draws.shape[1]
    draws = results.draws if every else results.draws[chains, :length]
    statistics = results.statistics if every else {k: v[chains, :length] for k, v in results.statistics.items()}
    unconstrained = density.split(draws)
    run = Run(model, evaluate_draws(model, wanted(model, var_names), unconstrained), unconstrained, statistics)
    if results.tune_draws is not None and results.tune_draws.shape[1]:
        tuned = int(results.tune_completed[chains].min())
        run.warmup_unconstrained = density.split(results.tune_draws[chains, :tuned])
        run.warmup = evaluate_draws(model, wanted(model, var_names), run.warmup_unconstrained)
        run.warmup_statistics = {k: v[chains, :tuned] for k, v in results.tune_statistics.items()}
    return run


def wanted(model: Model, var_names: Sequence[str] | None) -> dict[str, Any]:
    """The variables to keep, by name."""
    known = {str(v.name): v for v in model.unobserved_RVs}
    if var_names is None:
        return known
    listed = [var_names] if isinstance(var_names, str) else [str(getattr(v, "name", v)) for v in var_names]
    missing = [n for n in listed if n not in known]
    if missing:
        raise ValueError(
            f"var_names has {', '.join(missing)}, which the model does not sample; it samples {', '.join(known)}. "
            f"{here()}"
        )
    return {name: v for name, v in known.items() if name in listed}


def as_tree(run: Run, options: Mapping[str, Any]) -> Any:
    """The run as an `xarray.DataTree` in ArviZ's groups, which is made when it is first read."""
    unknown = set(options) - OPTIONS
    if unknown:
        raise TypeError(f"idata_kwargs has {', '.join(sorted(unknown))}; it may have {', '.join(sorted(OPTIONS))}.")
    model = run.model
    groups: dict[str, Mapping[str, Any]] = {
        "posterior": run.posterior,
        "sample_stats": run.statistics,
        "warmup_posterior": run.warmup,
        "warmup_sample_stats": run.warmup_statistics,
    }
    if options.get("include_transformed"):
        groups["unconstrained_posterior"] = run.unconstrained
        groups["warmup_unconstrained_posterior"] = run.warmup_unconstrained
    if not options.get("save_warmup", True):
        groups = {name: group for name, group in groups.items() if not name.startswith("warmup_")}
    dims = {**model.named_vars_to_dims, **(options.get("dims") or {})}
    coords = {**coords_of(model.coords), **(options.get("coords") or {})}
    drafts = draft({**groups, **data_groups(model)}, coords=coords, dims=dims, attrs=run.attributes)
    for group, known, jacobian in (("log_likelihood", model.observed_RVs, True), ("log_prior", model.free_RVs, False)):
        if options.get(group):
            found = log_densities(model, group, known, options[group], run.unconstrained, jacobian=jacobian)
            # The last axes of a multivariate variable, those of one draw, are summed over in its density.
            shorter = {name: tuple(dims[name])[: a.ndim - 2] for name, a in found.items() if name in dims}
            drafts |= draft({group: found}, coords=coords, dims=shorter, attrs=run.attributes)
    return DeferredTree(partial(grow, drafts), drafts)


def deferred_tree(groups: Mapping[str, Mapping[str, Any]], **how: Any) -> Any:
    """The tree that :func:`~pellucid.inference.trace.to_datatree` makes, checked now and made when it is first read."""
    drafts = draft(groups, **how)
    return DeferredTree(partial(grow, drafts), drafts)


def log_densities(
    model: Model,
    what: str,
    known: Sequence[Any],
    names: Any,
    unconstrained: Mapping[str, np.ndarray],
    *,
    jacobian: bool,
) -> dict[str, np.ndarray]:
    """The log-probability of each element of some variables (True: all of them) at each draw."""
    by_name = {str(rv.name): rv for rv in known}
    listed = list(by_name) if names is True else [str(getattr(n, "name", n)) for n in as_list(names)]
    missing = [n for n in listed if n not in by_name]
    if missing:
        raise ValueError(
            f"idata_kwargs asks for the {what} of {', '.join(missing)}; it can be had of "
            f"{', '.join(by_name) or 'none'}. {here()}"
        )
    graphs = terms(model, [by_name[n] for n in listed], jacobian=jacobian)
    return evaluate_draws(model, dict(zip(listed, graphs, strict=True)), unconstrained)


def data_groups(model: Model) -> dict[str, dict[str, np.ndarray]]:
    """The observed data, and the other data of a model."""
    observed = {str(rv.name): np.asarray(model.rvs_to_values[rv].eval()) for rv in model.observed_RVs}
    used = {model.rvs_to_values[rv] for rv in model.observed_RVs}
    # Not only data that may be set: what was frozen, or given to pm.do, is remembered too.
    constant = {str(v.name): np.asarray(v.get_value()) for v in model.data_vars if v.has_value and v not in used}
    return {"observed_data": observed, "constant_data": constant}


class Trace:
    """Draws by name, without xarray: what ``sample(return_inferencedata=False)`` returns.

    Examples
    --------
    >>> trace = Trace({"mu": np.arange(6.0).reshape(2, 3)}, {"lp": np.zeros((2, 3))})
    >>> trace["mu"]
    array([0., 1., 2., 3., 4., 5.])
    >>> trace.get_values("mu", chains=1), len(trace), trace.nchains
    (array([3., 4., 5.]), 3, 2)
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], statistics: Mapping[str, np.ndarray]):
        self.arrays, self.statistics = dict(arrays), dict(statistics)
        first = next(iter({**self.statistics, **self.arrays}.values()))
        self.nchains, self.length = first.shape[:2]

    @property
    def varnames(self) -> list[str]:
        """The names of the variables."""
        return list(self.arrays)

    @property
    def stat_names(self) -> set[str]:
        """The names of the statistics."""
        return set(self.statistics)

    @property
    def chains(self) -> list[int]:
        """The numbers of the chains."""
        return list(range(self.nchains))

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return Trace(*({n: a[:, key] for n, a in group.items()} for group in (self.arrays, self.statistics)))
        if isinstance(key, (int, np.integer)):
            return self.point(int(key))
        name = str(getattr(key, "name", key))
        return self.get_values(name) if name in self.arrays else self.get_sampler_stats(name)

    def get_values(self, varname: Any, burn: int = 0, thin: int = 1, combine: bool = True, chains: Any = None) -> Any:
        """The draws of a variable, of all chains in one array (or, if not `combine`, in a list)."""
        return self.pick(self.arrays, str(getattr(varname, "name", varname)), burn, thin, chains, combine=combine)

    def get_sampler_stats(
        self, stat_name: str, burn: int = 0, thin: int = 1, combine: bool = True, chains: Any = None
    ) -> Any:
        """A statistic of the draws, of all chains in one array (or, if not `combine`, in a list)."""
        return self.pick(self.statistics, stat_name, burn, thin, chains, combine=combine)

    def pick(
        self, group: Mapping[str, np.ndarray], name: str, burn: int, thin: int, chains: Any, *, combine: bool
    ) -> Any:
        """Part of one array."""
        if name not in group:
            raise KeyError(f"The trace has no {name!r}; it has {', '.join([*self.arrays, *self.statistics])}.")
        listed = self.chains if chains is None else [chains] if isinstance(chains, int) else list(chains)
        found = [group[name][c, burn::thin] for c in listed]
        return np.concatenate(found) if combine else found[0] if len(found) == 1 else found

    def point(self, idx: int, chain: int | None = None) -> dict[str, np.ndarray]:
        """One draw, by variable's name."""
        c = self.nchains - 1 if chain is None else chain
        return {name: a[c, idx] for name, a in self.arrays.items()}

    def __repr__(self) -> str:
        return f"<Trace: {self.nchains} chains, {self.length} draws, {len(self.arrays)} variables>"
