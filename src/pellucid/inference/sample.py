"""Sample from a model's posterior: compile its density, find starts, run chains, and name what they drew."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.compile.callback import density_function, release
from pellucid.graph.lazy import later
from pellucid.inference import kernel
from pellucid.inference.chains import ChainResults, Watcher, compiled_sampler, run_chains
from pellucid.inference.chains import Progress as ChainState
from pellucid.inference.deferred import DeferredTree, remembering
from pellucid.inference.diagnose import check, log_warnings
from pellucid.inference.hamiltonian.rng import chain_keys
from pellucid.inference.memory import bytes_of_draws, machine_memory, warn_of_memory
from pellucid.inference.options import (
    DRAWS,
    TUNE,
    Settings,
    as_count,
    as_init,
    as_metric,
    refuse_minibatches,
    step_settings,
)
from pellucid.inference.progress import ChainProgress, Progress
from pellucid.inference.result import Memory, Run, Trace, as_tree, collect
from pellucid.inference.starts import find_starts
from pellucid.inference.steps.methods import NUTS, GradientMethod, StepMethod, assign, methods_by_name
from pellucid.inference.trace import preload
from pellucid.model.context import here, modelcontext
from pellucid.model.density import Density
from pellucid.model.model import Model
from pellucid.stats import as_seed

if TYPE_CHECKING:  # what many runs need nothing of
    from pellucid.inference import background, divergences, extension, rules, watch
    from pellucid.inference import store as stores
    from pellucid.inference.steps import compound
    from pellucid.model import check as checks
else:
    background, divergences, extension = later("pellucid.inference", "background divergences extension")
    rules, stores, watch = later("pellucid.inference", "rules store watch")
    (compound,) = later("pellucid.inference.steps", "compound")
    (checks,) = later("pellucid.model", "check")

LOG = logging.getLogger("pellucid")
LONG = 1.0
"""Seconds of sampling after which xarray is imported meanwhile; results of shorter runs import it when first read."""


def sample(
    draws: int | None = None,
    *,
    tune: int | None = None,
    chains: int | None = None,
    cores: int | None = None,
    random_seed: Any = None,
    progressbar: bool | str = True,
    var_names: Sequence[str] | None = None,
    initvals: Any = None,
    init: str = "auto",
    jitter_max_retries: int = 10,
    discard_tuned_samples: bool = True,
    compute_convergence_checks: bool = True,
    return_inferencedata: bool = True,
    idata_kwargs: Mapping[str, Any] | None = None,
    model: Model | None = None,
    step: Any = None,
    until: Any = None,
    trace: Any = None,
    resume: Any = None,
    callback: Callable[..., Any] | None = None,
    target_accept: float | None = None,
    max_treedepth: int = 10,
    backend: str | None = None,
    quiet: bool = False,
    blocking: bool = True,
    **options: Any,
) -> Any:
    """Draw from the posterior of a model: continuous variables with the No-U-Turn sampler, others as suits them.

    Parameters
    ----------
    draws, tune : int
        Draws to keep in each chain (1000, or with `until` as many as memory holds), and iterations of adaptation
        before them.
    chains : int, optional
        Independent chains; 4 by default.
    cores : int, optional
        Chains that run at the same time; by default as many as there are processors. Draws do not depend on it.
    random_seed : int, sequence of int, or numpy.random.Generator, optional
        The same seed gives the same draws.
    progressbar : bool or str
        PyMC's names of bars all mean the one line there is.
    var_names : sequence of str, optional
        The variables to keep; by default all free random variables and deterministics.
    initvals : dict or sequence of dicts (one per chain), optional
        Where to start, by variable or name; under the name of a value variable (``sigma_log__``) on its scale.
    init : {"auto", "jitter+adapt_diag", "adapt_diag", "jitter+adapt_full", "adapt_full", "map", "jitter+map"}
        Whether starts are moved by up to 1 in each unconstrained coordinate ("auto", and with "jitter"), and whether
        they are searched for where the posterior density is largest ("map"). With "full" the mass matrix is dense.
    jitter_max_retries : int
        How often to move a start again whose log-probability is not finite.
    discard_tuned_samples : bool
        If False, the draws of tuning become the groups `warmup_posterior` and `warmup_sample_stats`.
    compute_convergence_checks : bool
        Whether to log what R-hat, effective sample sizes, divergences, tree depths and energies say against the draws.
    return_inferencedata : bool
        If False, a simple :class:`Trace` is returned.
    idata_kwargs : dict, optional
        ``include_transformed=True`` adds the unconstrained draws, ``log_likelihood=True`` (or a list of names) the
        log-probability of each observation, ``log_prior=True`` that of each free variable; ``coords`` and ``dims``
        override the model's.
    model : Model, optional
        By default that of the enclosing block.
    step : StepMethod or list of StepMethod, optional
        How to sample some of the variables; by default NUTS for continuous ones, Gibbs draws for those with few
        values, and Metropolis for other whole numbers, each in turn.
    until : StoppingRule, float or datetime.timedelta, optional
        When to end before all `draws` are made: ``pm.ess(400)`` once every coordinate has so many effective draws, a
        number of seconds or a timedelta once so much time has passed; ``pm.ess(400) | TimeBudget(60)`` for either. All
        chains then run at the same time, whatever `cores` says.
    trace : path, optional
        Where to write draws while they are made, as a Zarr store; a process that is killed loses at most a second's.
    resume : path or result, optional
        Such a store, whose run is to go on as if nothing had happened; its draws, tuning, chains and seed are used.
        With larger `draws` it is extended. Or the result of a finished run, to which as many `draws` more are appended,
        those that it would have gone on to make; what was computed from its draws meanwhile is left out.
    callback : callable, optional
        ``callback(trace=..., draw=...)`` sees, at most ten times a second, the array of a chain's draws and its newest
        one; KeyboardInterrupt raised in it ends the run.
    target_accept : float
        The acceptance rate that the step size is adapted to, by default 0.8 (HamiltonianMC: 0.65); higher ones take
        smaller steps.
    max_treedepth : int
        Trajectories have at most 2**max_treedepth steps.
    backend : {"llvm", "numpy"}, optional
    quiet : bool
        Show no progress, and log nothing about convergence.
    blocking : bool
        If False, the chains run on while Python goes on, and a :class:`~pellucid.inference.background.BackgroundRun`
        is returned when they start; its `wait` returns the result. The model's data must not be exchanged meanwhile.
    **options
        Settings of step methods in PyMC's spelling: ``nuts={"target_accept": 0.9}``, ``metropolis={"scaling": 2}``.
        ``nuts={"metric": "low_rank"}`` or ``"dense"`` is for posteriors with strong correlations: the mass matrix then
        knows the directions that matter most, or all; each leapfrog step takes time as the rank or the dimension.
        Any name of PyMC's samplers as `nuts_sampler` means the one here. Arguments of PyMC that have no meaning here
        (`mp_ctx`, `blas_cores`, ...: see `pellucid.inference.options.NEEDLESS`) change nothing; any other raises.

    Returns
    -------
    xarray.DataTree
        With the groups posterior, sample_stats, observed_data, constant_data; it is made, and xarray imported, when it
        is first read. After Ctrl-C, of the draws made so far.

    Raises
    ------
    SamplingError
        When the log-probability is not finite where a chain starts, with a report of variables, elements and values.
    ValueError
        When there is nothing to sample, or an argument makes no sense.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model():
    ...     x = pm.Normal("x", 1, 2)
    ...     idata = pm.sample(draws=500, tune=200, chains=2, random_seed=1, progressbar=False)
    >>> dict(idata["posterior"]["x"].sizes)
    {'chain': 2, 'draw': 500}
    """
    owner = modelcontext(model).root
    if not owner.free_RVs:
        raise ValueError(f"The model has no free random variables, so there is nothing to sample. {here()}")
    refuse_minibatches(owner)
    start = as_init(init)
    methods = assign(owner, step, step_settings(options, methods_by_name()))
    along = next((m for m in methods if isinstance(m, GradientMethod)), None)
    own: Mapping[str, Any] = along.settings if along is not None else {}
    wanted_rate = own.get("target_accept", target_accept)
    if wanted_rate is None:
        wanted_rate = GradientMethod.target_accept if along is None else along.target_accept
    settings = Settings(
        DRAWS if draws is None else as_count("draws", draws, 1), as_count("tune", TUNE if tune is None else tune),
        as_count("chains", 4 if chains is None else chains, 1),
        cores if cores is None else as_count("cores", cores, 1),
        as_seed(random_seed), float(wanted_rate), int(own.get("max_treedepth", max_treedepth)),
        as_metric(own.get("metric", start.metric), methods),
        not discard_tuned_samples, bool(progressbar) and not quiet,
    )  # fmt: skip
    begun = time.perf_counter()
    engine = Engine(owner, methods, backend, settings.metric)
    rule = None if until is None else rules.as_rule(until)
    if rule is not None:  # it looks at all chains, so all must run
        settings = replace(settings, cores=settings.chains)
    if rule is not None and draws is None:
        settings = replace(settings, draws=rules.draws_within_memory(settings.chains, engine.density.size))
    elif trace is None and resume is None:
        needed = bytes_of_draws(owner, engine.density, settings.draws, settings.chains, var_names)
        warn_of_memory(needed, machine_memory())
    store = open_store(trace, resume, owner, engine, var_names)
    others = {"until": until, "callback": callback, "return_inferencedata=False": not return_inferencedata}
    settings, states, earlier = going_on(settings, draws, resume, store, engine, others)
    if states is None:
        starts = find_starts(
            owner, engine.density, engine.evaluate, settings=settings, initvals=initvals, init=start,
            retries=jitter_max_retries,
        )  # fmt: skip
    else:
        starts = np.zeros((settings.chains, engine.density.size))
    memory = Memory(settings, engine.density)
    watcher = watching(rule, callback, memory if store is None else store)
    job = Job(
        owner, engine, settings, starts, states, watcher, memory, store, earlier, var_names, idata_kwargs or {},
        compute_convergence_checks and not quiet, return_inferencedata, begun,
    )  # fmt: skip
    return job.result(job.run()) if blocking else background.BackgroundRun(job)


@dataclass(frozen=True)
class Job:
    """A run whose model is compiled, and whose chains have starts or states to go on from."""

    model: Model
    engine: Engine
    settings: Settings
    starts: np.ndarray
    states: Sequence[np.ndarray] | None
    watcher: Watcher
    memory: Memory
    store: stores.RunStore | None
    earlier: extension.EarlierRun | None
    var_names: Sequence[str] | None
    idata_kwargs: Mapping[str, Any]
    checks: bool
    tree: bool
    begun: float

    def run(self) -> ChainResults:
        """Run the chains."""
        return self.engine.run(self.starts, self.settings, self.watcher, self.states)

    def result(self, results: ChainResults) -> Any:
        """What `sample` returns, of chains that have ended."""
        made = attributes(self.settings, time.perf_counter() - self.begun, results)
        if self.store is None:
            found = self.collect(results)
            found.attributes = made
        else:
            self.store.finish(made)
            found = self.store.collect()
        if self.checks and results.completed.any():
            report_convergence(found)
        return self.form(found)

    def collect(self, results: ChainResults) -> Run:
        """The draws that are new, by name."""
        if self.earlier is None:
            return collect(self.model, self.engine.density, results, self.var_names)
        return collect(self.model, self.engine.density, self.earlier.new_part(results), self.earlier.names)

    def form(self, found: Run) -> Any:
        """Draws in the form that was asked for."""
        if self.store is not None:
            return DeferredTree(partial(stores.open_run, self.store.path), None)
        if not self.tree:
            return Trace(found.posterior, found.statistics)
        tree = remembering(as_tree(found, self.idata_kwargs), self.memory)
        return tree if self.earlier is None else self.earlier.joined(tree)


def going_on(
    settings: Settings,
    draws: int | None,
    resume: Any,
    store: stores.RunStore | None,
    engine: Engine,
    others: Mapping[str, Any],
) -> tuple[Settings, Sequence[np.ndarray] | None, extension.EarlierRun | None]:
    """The settings and states of a run that goes on, and its result if that is in memory; a new store is made."""
    if store is None and resume is not None:
        earlier = extension.EarlierRun(resume, engine.density)
        earlier.refuse(others)
        return earlier.resumed(settings), earlier.states, earlier
    if store is not None and resume is not None:
        return settings.resumed(store.resume(draws)), store.states(), None
    if store is not None:
        store.create(settings.remembered())
    return settings, None, None


def watching(rule: rules.StoppingRule | None, callback: Any, keeper: Watcher) -> Watcher:
    """All that looks at a run."""
    found: list[Watcher] = [watch.RuleWatcher(rule)] if rule is not None else []
    found += [watch.CallbackWatcher(callback)] if callback is not None else []
    return watch.Watchers([*found, keeper]) if found else keeper


def open_store(
    trace: Any, resume: Any, model: Model, engine: Engine, var_names: Sequence[str] | None
) -> stores.RunStore | None:
    """The store that a run is written to, if any."""
    if trace is not None and resume is not None:
        raise ValueError("trace= begins a new run, resume= goes on with one: give one of them.")
    path = trace if trace is not None else resume
    if path is None or (trace is None and type(path) is DeferredTree):
        return None
    if not isinstance(path, (str, PathLike)):
        raise TypeError(f"trace and resume are paths of Zarr stores (resume may be a result), not {path!r}.")
    return stores.RunStore(path, model, engine.density, var_names)


class Engine:
    """A model's density, compiled for the step methods that will sample it."""

    def __init__(self, model: Model, methods: Sequence[StepMethod], backend: str | None, metric: str):
        self.density: Density | compound.CompoundDensity
        if all(isinstance(m, NUTS) for m in methods):
            with ThreadPoolExecutor(1, thread_name_prefix="compile-sampler") as pool:
                pool.submit(compiled_sampler, metric)  # while Python builds the gradient
                self.density = model.density()
                self.compiled = self.density.compile(backend)
                self.evaluate = density_function(self.compiled, self.density.size)
        else:
            self.density = compound.CompoundDensity(model, methods, backend)
            self.evaluate = self.density.evaluate

    def run(
        self, starts: np.ndarray, settings: Settings, watcher: Watcher | None, states: Sequence[np.ndarray] | None
    ) -> ChainResults:
        """Run all chains, show their progress, and raise what stopped them."""
        if not isinstance(self.density, Density):
            return run_all(self.density, starts, settings, watcher, states)
        return run_nuts(self.density, self.compiled, starts, settings, watcher, states)


# Running, and what is said about it.


def run_nuts(
    density: Density,
    compiled: Any,
    starts: np.ndarray,
    settings: Settings,
    watcher: Watcher | None,
    states: Sequence[np.ndarray] | None,
) -> ChainResults:
    """Run NUTS on all variables."""
    contexts = [compiled.context() for _ in range(settings.chains)]
    # Chains of Python code gain nothing by running at once, unless somebody wants to see them all.
    cores = settings.cores if getattr(compiled, "native", True) or settings.cores == settings.chains else 1
    with watched(settings) as report:
        results = run_chains(
            compiled.address, contexts, density.dimension, starts, settings.draws, settings.tune,
            keys=chain_keys(settings.seed, settings.chains), target_accept=settings.target_accept,
            max_treedepth=settings.max_treedepth, metric=settings.metric, cores=cores, keep_tune=settings.keep_tune,
            on_progress=report, watcher=watcher, states=states,
        )  # fmt: skip
    release(compiled, contexts)
    raise_failures([compiled], results)
    return results


def run_all(
    density: compound.CompoundDensity,
    starts: np.ndarray,
    settings: Settings,
    watcher: Watcher | None,
    states: Sequence[np.ndarray] | None,
) -> ChainResults:
    """Run several step methods in turn."""
    with watched(settings) as report:
        results = compound.run_compound(
            density, starts, settings.draws, settings.tune, chain_keys(settings.seed, settings.chains),
            settings.target_accept, settings.max_treedepth, settings.keep_tune,
            cores=settings.cores, on_progress=report, watcher=watcher, states=states,
        )  # fmt: skip
    raise_failures([c for c in (density.nuts, density.others) if c is not None], results)
    return results


@contextmanager
def watched(settings: Settings) -> Iterator[Callable[[Sequence[ChainState]], None]]:
    """Show the progress of chains; while long ones run, import what their results will need."""
    begun = time.perf_counter()
    with Progress(progressbar=settings.progressbar) as progress:

        def report(states: Sequence[ChainState]) -> None:
            progress.update([as_progress(s) for s in states])
            if time.perf_counter() - begun > LONG:
                preload()

        yield report


def as_progress(s: ChainState) -> ChainProgress:
    """The state of a chain as the progress line wants it."""
    return ChainProgress(s.iterations, s.total, s.divergences, s.leapfrogs, s.iterations < s.tune)


def raise_failures(compiled: Sequence[Any], results: ChainResults) -> None:
    """Raise what ended a chain before its time, unless it was the user, who gets the draws made."""
    bad = np.flatnonzero(results.status == kernel.BAD_START)
    if bad.size:
        raise checks.SamplingError(f"The log-density is not finite where chain {', '.join(map(str, bad))} starts.")
    for chain in np.flatnonzero(results.status < 0):
        for function in compiled:
            function.check(int(results.status[chain]))
        raise checks.SamplingError(f"The log-density failed in chain {chain} with code {results.status[chain]}.")
    if results.interrupted:
        if not results.completed.any():
            raise KeyboardInterrupt
        LOG.warning(
            "Interrupted: %d of %d draws were made and are kept.",
            results.completed.sum(),
            results.draws.shape[0] * results.draws.shape[1],
        )


def attributes(settings: Settings, seconds: float, results: ChainResults) -> dict[str, Any]:
    """What results remember of their making."""
    return {
        "sampling_time": results.seconds["total"], "total_time": seconds, "tuning_steps": settings.tune,
        "random_seed": str(settings.seed),
        "target_accept": settings.target_accept,
    }  # fmt: skip


def report_convergence(run: Run) -> None:
    """Log what speaks against the draws."""
    model = run.model
    coords = {name: values for name, values in model.coords.items() if values is not None}
    names = {str(v.name) for v in model.free_RVs}
    judged = {name: a for name, a in run.posterior.items() if name in names} or run.posterior
    found = check(judged, run.statistics, coords=coords, dims=model.named_vars_to_dims)
    if "diverging" in run.statistics and run.statistics["diverging"].any():
        found += divergences.explain_divergences(model, run.unconstrained, run.statistics["diverging"])
    log_warnings(found)
