"""Normal distributions met on quasi-Newton paths uphill, the best of each path pooled by importance: Pathfinder.

Source: Zhang, Carpenter, Gelman and Vehtari, "Pathfinder: parallel quasi-Newton variational inference", JMLR 23 (2022).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pellucid.inference.importance import Smoothed, normalised, smooth
from pellucid.inference.optimise import coordinate, fitted_tree
from pellucid.inference.quasi_newton import Evaluate, Normal, ascend
from pellucid.inference.starts import find_start
from pellucid.inference.variational import Approximation, Held, Inference
from pellucid.model.check import SamplingError
from pellucid.model.context import here
from pellucid.model.density import Density, Layout
from pellucid.model.model import Model
from pellucid.model.outputs import evaluate_draws
from pellucid.stats import as_seed
from pellucid.tensor.types import TensorVariable, constant

LOG = logging.getLogger("pellucid")
RETRIES = 100
WORST_SHAPE = 0.7
"""Above this Pareto k importance weights are not to be relied on (Vehtari et al. 2024)."""
WEIGHTINGS = ("psis", "psir", "identity", None)


@dataclass(frozen=True)
class Settings:
    """How paths are walked and pooled; :func:`fit_pathfinder` says what each is."""

    num_paths: int = 4
    num_draws_per_path: int = 1000
    maxcor: int = 6
    num_elbo_draws: int = 10
    jitter: float = 2.0
    ftol: float = 1e-9
    gtol: float = 1e-8
    importance_sampling: str | None = "psis"

    def __post_init__(self) -> None:
        for name in ("num_paths", "num_draws_per_path", "maxcor", "num_elbo_draws"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise ValueError(f"{name} must be an integer of at least 1, not {value!r}. {here()}")
        for name in ("jitter", "ftol", "gtol"):
            if not 0.0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be a number of at least 0, not {getattr(self, name)!r}. {here()}")
        if self.importance_sampling not in WEIGHTINGS:
            known = ", ".join(map(repr, WEIGHTINGS))
            raise ValueError(f"importance_sampling is one of {known}, not {self.importance_sampling!r}. {here()}")

    @staticmethod
    def of(options: Mapping[str, Any]) -> Settings:
        """From keywords, of which unknown ones are refused."""
        known = [field.name for field in fields(Settings)]
        unknown = [name for name in options if name not in known]
        if unknown:
            raise TypeError(f"Pathfinder takes no {', '.join(unknown)}; it takes {', '.join(known)}. {here()}")
        return Settings(**options)


class Path(NamedTuple):
    """What one path found: its bounds at each step, draws from the best of its distributions, and their ratios.

    `ratios` has the log-density of the posterior less that of the distribution, minus infinity where there is none.
    """

    bounds: np.ndarray
    draws: np.ndarray
    ratios: np.ndarray


class Pooled(Approximation):
    """Draws of several paths with weights.

    Attributes
    ----------
    hist : ndarray
        Estimates of minus the evidence lower bound at each step of the best path.
    mean, std, cov : constant tensors
        Of the draws, by their weights.
    elbo : ndarray
        The bound of each path's best distribution.
    steps : ndarray
        How many steps each path made.
    pareto_k : float
        The shape of the tail of the weights, NaN where they are not smoothed.
    """

    name = "pathfinder"

    def __init__(self, model: Model, layout: Layout):
        self.model, self.layout, self.size = model, layout, layout.size
        self.hist, self.elbo, self.steps = np.zeros(0), np.zeros(0), np.zeros(0, int)
        self.pool, self.log_weights = np.zeros((0, 0, layout.size)), np.zeros(0)
        self.pareto_k, self.how = np.nan, Settings()

    def gather(self, paths: Sequence[Path], how: Settings) -> None:
        """Take the draws of paths together."""
        self.pool, self.how = np.stack([path.draws for path in paths]), how
        self.elbo = np.array([np.nanmax(path.bounds) for path in paths])
        self.steps = np.array([len(path.bounds) - 1 for path in paths])
        self.hist = -paths[int(self.elbo.argmax())].bounds
        ratios = np.concatenate([path.ratios for path in paths])
        if how.importance_sampling in ("psis", "psir"):
            self.log_weights, self.pareto_k = smooth(ratios)
        else:
            self.log_weights, self.pareto_k = weigh(ratios, equally=how.importance_sampling is None)
        if self.pareto_k > WORST_SHAPE:
            LOG.warning(
                "Pathfinder's distributions are far from the posterior: the Pareto k of its weights is %.2f, and above "
                "%.1f they are not to be relied on. Sample instead, or use the draws as starts.",
                self.pareto_k, WORST_SHAPE,
            )  # fmt: skip

    @property
    def rows(self) -> np.ndarray:
        """The draws of all paths as rows."""
        return self.pool.reshape(-1, self.size)

    @property
    def center(self) -> np.ndarray:
        """The mean, as an array."""
        return np.exp(self.log_weights) @ self.rows

    def covariance(self) -> np.ndarray:
        """The covariance, as an array."""
        away = (self.rows - self.center) * np.exp(0.5 * self.log_weights)[:, None]
        return away.T @ away

    @property
    def cov(self) -> TensorVariable:
        """The covariance of the unconstrained coordinates."""
        return constant(self.covariance())

    @property
    def std(self) -> TensorVariable:
        """The standard deviations of the unconstrained coordinates."""
        return constant(np.sqrt(np.exp(self.log_weights) @ (self.rows - self.center) ** 2))

    def draw(self, generator: np.random.Generator, draws: int) -> np.ndarray:
        """Some of the draws, by their weights; with "psis" none twice."""
        again = self.how.importance_sampling == "psir"
        weights = np.exp(self.log_weights)
        possible = int((weights > 0).sum())
        if not again and draws > possible:
            raise ValueError(
                f"{draws} draws are asked for, but the paths have {possible} of any weight: raise num_draws_per_path "
                f"(now {self.how.num_draws_per_path}), or let draws repeat: importance_sampling='psir'. {here()}"
            )
        return self.rows[generator.choice(len(weights), draws, replace=again, p=weights / weights.sum())]

    def __repr__(self) -> str:
        return f"<Pathfinder of {self.size} coordinates, {len(self.pool)} paths, Pareto k {self.pareto_k:.2f}>"


def weigh(ratios: np.ndarray, *, equally: bool) -> Smoothed:
    """Weights as they are, or the same for all."""
    return Smoothed(normalised(np.zeros_like(ratios) if equally else ratios), np.nan)


class Pathfinder(Inference):
    """Walk uphill from several starts, and keep the best normal distribution of each path."""

    family: ClassVar[type[Approximation]] = Pooled
    approx: Pooled

    def begin(
        self, model: Model, density: Density, start: Mapping[Any, Any], start_sigma: Mapping[Any, Any], seed: int
    ) -> Pooled:
        """What the fit starts with: nothing yet, as each path has a start of its own."""
        if start_sigma:
            raise TypeError(f"Pathfinder takes no start_sigma: its spreads come from the gradients. {here()}")
        if self.rows:
            raise NotImplementedError(f"Pathfinder needs all data at each step: use no Minibatch. {here()}")
        self.start, self.seed, self.density = start, seed, density
        return Pooled(model, density)

    def fit(
        self,
        n: int = 1000,
        score: bool | None = None,
        callbacks: Sequence[Callable[[Approximation, np.ndarray, int], Any]] | None = None,
        progressbar: bool = True,
        progressbar_theme: Any = None,
        *,
        include_transformed: bool = False,
        **options: Any,
    ) -> Pooled:
        """Walk paths of at most `n` steps; see :func:`fit_pathfinder`."""
        how = Settings.of(options)
        paths, held = [], Held(self.compiled, self.approx.size)
        try:
            for number in range(how.num_paths):
                path = self.walk(held, number, n, how)
                if path is not None:
                    paths.append(path)
        finally:
            held.close()
        if not paths:
            raise SamplingError(
                f"None of Pathfinder's {how.num_paths} paths met a normal distribution under which the log-density is "
                f"finite: the posterior may be improper, or end abruptly. Sample instead. {here()}"
            )
        if len(paths) < how.num_paths:
            LOG.warning(
                "%d of Pathfinder's %d paths met no normal distribution under which the log-density is finite: they "
                "are left out.", how.num_paths - len(paths), how.num_paths,
            )  # fmt: skip
        self.approx.gather(paths, how)
        return self.approx

    def walk(self, evaluate: Evaluate, number: int, most: int, how: Settings) -> Path | None:
        """One path; None if the log-density was finite under none of its distributions."""
        model, density = self.approx.model, self.density
        seeds = [np.random.SeedSequence(self.seed, spawn_key=(number, purpose)) for purpose in (1, 2)]
        far = {"moved": how.jitter > 0, "retries": RETRIES, "jitter": how.jitter}
        start = find_start(model, density, self.evaluate, self.start, seeds[0], **far)
        generator = np.random.Generator(np.random.Philox(seeds[1]))
        bounds, best = [], None
        for point in islice(ascend(evaluate, start, how.maxcor, how.ftol, how.gtol), most + 1):
            near = point.normal
            bound = -np.inf if near is None else ratios(evaluate, near, generator, how.num_elbo_draws)[1].mean()
            if bound > max(bounds, default=-np.inf):
                best = near
            bounds.append(bound)
        if best is None:
            return None
        return Path(np.array(bounds), *ratios(evaluate, best, generator, how.num_draws_per_path))


def ratios(
    evaluate: Evaluate, normal: Normal, generator: np.random.Generator, draws: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draws from a normal distribution, and the log-density of the posterior less that of the distribution at each."""
    points, log_densities = normal.draw(generator, draws)
    found = np.array([evaluate(x)[0] for x in points]) - log_densities
    return points, np.where(np.isnan(found) | (found == np.inf), -np.inf, found)


def fit_pathfinder(
    model: Model | None = None,
    *,
    num_paths: int = Settings.num_paths,
    num_draws: int = 1000,
    num_draws_per_path: int = Settings.num_draws_per_path,
    maxcor: int = Settings.maxcor,
    maxiter: int = 1000,
    ftol: float = Settings.ftol,
    gtol: float = Settings.gtol,
    num_elbo_draws: int = Settings.num_elbo_draws,
    jitter: float = Settings.jitter,
    importance_sampling: str | None = Settings.importance_sampling,
    initvals: Mapping[Any, Any] | None = None,
    var_names: Sequence[str] | None = None,
    random_seed: Any = None,
    backend: str | None = None,
    progressbar: bool = True,
    concurrent: str | None = None,
    inference_backend: str | None = None,
    postprocessing_backend: str | None = None,
    compile_kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """Draws from normal distributions that quasi-Newton paths to the mode pass by (Pathfinder).

    From each of several starts a path leads uphill. What it remembers of gradients says a normal distribution at each
    of its steps; that with the largest evidence lower bound is kept, before a funnel or a flat ridge leads the path
    away from the mass of the posterior. Draws of all paths are pooled and weighted by importance.

    Parameters
    ----------
    model : Model, optional
        By default that of the enclosing block.
    num_paths : int
        Paths, each with its own start and random numbers.
    num_draws : int
        Draws in the result.
    num_draws_per_path : int
        Draws from the best distribution of each path, of which `num_draws` are chosen by their weights.
    maxcor : int
        Steps that are remembered: the estimated covariance is a diagonal and twice as many columns.
    maxiter : int
        The most steps of a path.
    ftol, gtol : float
        A path ends where the log-density gains less than this, relative to its size or to 1, or where no element of its
        gradient is larger than this.
    num_elbo_draws : int
        Draws that estimate the bound at each step.
    jitter : float
        How far starts lie from `initvals` or the initial point, at most, in each unconstrained coordinate.
    importance_sampling : {"psis", "psir", "identity", None}
        Pareto-smoothed weights without and with repeated draws, weights as they are, or none: then the result has all
        draws of each path as a chain.
    initvals : dict, optional
        As for `sample`.
    var_names : sequence of str, optional
        The variables to keep; by default all.
    random_seed : int or numpy.random.Generator, optional
    backend : {"llvm", "numpy"}, optional
    progressbar, concurrent, inference_backend, postprocessing_backend, compile_kwargs
        Accepted for the sake of pymc-extras, and ignored.

    Returns
    -------
    xarray.DataTree
        The groups posterior, observed_data and constant_data, and `fit` with `mean_vector` and `covariance_matrix` of
        the unconstrained coordinates, each path's `elbo` and `steps`, and `pareto_k`: above 0.7, of which a warning
        tells, the distributions are far from the posterior.

    Raises
    ------
    SamplingError
        When no start has a finite density, or no path meets a distribution under which it is finite.
    NotImplementedError
        When a variable is discrete, or none is free.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model():
    ...     x = pm.Normal("x", 3.0, 0.5)
    ...     result = pm.fit_pathfinder(random_seed=1)
    >>> print(result["posterior"]["x"].mean().values.round(1), result["fit"]["pareto_k"].values < 0.7)
    3.0 True
    """
    if isinstance(num_draws, bool) or not isinstance(num_draws, int | np.integer) or num_draws < 1:
        raise ValueError(f"num_draws must be an integer of at least 1, not {num_draws!r}. {here()}")
    seed = as_seed(random_seed)
    approx = Pathfinder(model=model, random_seed=seed, start=initvals, backend=backend).fit(
        maxiter, num_paths=num_paths, num_draws_per_path=num_draws_per_path, maxcor=maxcor, ftol=ftol, gtol=gtol,
        num_elbo_draws=num_elbo_draws, jitter=jitter, importance_sampling=importance_sampling,
    )  # fmt: skip
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(num_paths, 3))))
    points = approx.pool if importance_sampling is None else approx.draw(generator, num_draws)[None]
    return as_tree(approx, points, var_names)


def as_tree(approx: Pooled, points: np.ndarray, var_names: Sequence[str] | None) -> Any:
    """Points of shape (chain, draw, coordinate) as a result."""
    model, layout = approx.model, approx.layout
    known = {str(v.name): v for v in model.unobserved_RVs if var_names is None or str(v.name) in var_names}
    fit = {
        "mean_vector": approx.center, "covariance_matrix": approx.covariance(), "elbo": approx.elbo,
        "steps": approx.steps, "pareto_k": np.asarray(approx.pareto_k),
    }  # fmt: skip
    groups = {"posterior": evaluate_draws(model, known, layout.split(points)), "fit": fit}
    names = [coordinate(layout, i) for i in range(layout.size)]
    labels = {"coords": {"path": np.arange(len(approx.elbo))}, "dims": {"elbo": ["path"], "steps": ["path"]}}
    return fitted_tree(model, groups, names, "pathfinder", labels)
