"""Normal distributions fitted to posteriors on the unconstrained scale by stochastic gradients: ADVI.

Source: Kucukelbir et al., "Automatic differentiation variational inference", JMLR 18 (2017). The gradient is that of
Roeder, Wu and Duvenaud, "Sticking the landing" (2017): its noise vanishes where the posterior is of the family.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from pellucid.compile.callback import Double, Signature, density_function, release
from pellucid.inference.deferred import DeferredTree
from pellucid.inference.optimizers import Optimizer, Step, adam
from pellucid.inference.progress import ChainProgress, Progress
from pellucid.inference.result import data_groups
from pellucid.inference.starts import explain, start_point
from pellucid.inference.trace import draft, grow
from pellucid.model.check import SamplingError
from pellucid.model.context import here, modelcontext
from pellucid.model.density import Density, Layout
from pellucid.model.dims import coords_of
from pellucid.model.minibatch import batches
from pellucid.model.model import Model
from pellucid.model.outputs import evaluate_draws
from pellucid.stats import as_seed
from pellucid.tensor.types import TensorVariable, constant

LOG = logging.getLogger("pellucid")
LEARNING_RATE = 0.05
LAST_STEPS = 0.01
"""By how much the default optimizer's steps have become smaller at the end of a fit."""
FIRST_SIGMA = 0.1
MOST_FAILURES = 100
"""So many steps in a row where there is no density end a fit."""
LOG_TWO_PI = float(np.log(2.0 * np.pi))
SHOWN_EVERY = 100

Evaluate = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""The log-density at a point, and its gradient."""


class Approximation:
    """A normal distribution of the unconstrained coordinates, with parameters that gradients move.

    Attributes
    ----------
    hist : ndarray
        An estimate of minus the evidence lower bound, from the draws of each step.
    mean, std, cov : constant tensors
        Of the unconstrained coordinates, in the order of the model's value variables.
    """

    name: ClassVar[str] = ""

    def __init__(self, model: Model, layout: Layout, mean: np.ndarray, sigma: np.ndarray):
        self.model, self.layout = model, layout
        self.hist = np.zeros(0)
        self.params = self.first(mean, sigma)
        self.size = len(mean)

    def first(self, mean: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        """All parameters as one vector, the mean first."""
        raise NotImplementedError(type(self).__name__)

    def factor(self) -> np.ndarray:
        """A matrix F, or the diagonal of one, with covariance = F @ F.T."""
        raise NotImplementedError(type(self).__name__)

    def transform(self, noise: np.ndarray) -> np.ndarray:
        """Draws from standard normal numbers, rows of both."""
        raise NotImplementedError(type(self).__name__)

    def draw(self, generator: np.random.Generator, draws: int) -> np.ndarray:
        """Independent draws as rows."""
        return self.transform(generator.standard_normal((draws, self.size)))

    def pull(self, slopes: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """The gradient of the evidence lower bound in the parameters, from those of the log-density at draws."""
        raise NotImplementedError(type(self).__name__)

    def log_scale(self) -> float:
        """The logarithm of the determinant of the factor."""
        raise NotImplementedError(type(self).__name__)

    @property
    def center(self) -> np.ndarray:
        """The mean, as an array."""
        return self.params[: self.size]

    @property
    def mean(self) -> TensorVariable:
        """The mean of the unconstrained coordinates."""
        return constant(self.center.copy())

    @property
    def cov(self) -> TensorVariable:
        """The covariance of the unconstrained coordinates."""
        f = self.factor()
        return constant(np.diag(f * f) if f.ndim == 1 else f @ f.T)

    @property
    def std(self) -> TensorVariable:
        """The standard deviations of the unconstrained coordinates."""
        f = self.factor()
        return constant(np.abs(f) if f.ndim == 1 else np.sqrt((f * f).sum(1)))

    def sample(
        self,
        draws: int = 500,
        *,
        random_seed: Any = None,
        return_inferencedata: bool = True,
        include_transformed: bool = False,
    ) -> Any:
        """Independent draws, as a result with one chain (or, if not `return_inferencedata`, a dict of arrays)."""
        vectors = self.layout.split(self.draw(np.random.default_rng(as_seed(random_seed)), draws)[None])
        known = {str(v.name): v for v in self.model.unobserved_RVs}
        arrays = evaluate_draws(self.model, known, vectors)
        if not return_inferencedata:
            return {name: a[0] for name, a in {**(vectors if include_transformed else {}), **arrays}.items()}
        groups = {"posterior": arrays, **({"unconstrained_posterior": vectors} if include_transformed else {})}
        drafts = draft(
            {**groups, **data_groups(self.model)},
            coords=coords_of(self.model.coords), dims=self.model.named_vars_to_dims, attrs={"method": self.name},
        )  # fmt: skip
        return DeferredTree(partial(grow, drafts), drafts)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.size} coordinates, after {len(self.hist)} steps>"


class MeanField(Approximation):
    """Independent normal coordinates."""

    name = "advi"

    def first(self, mean: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        return np.concatenate([mean, np.log(sigma)])

    def factor(self) -> np.ndarray:
        return np.exp(self.params[self.size :])

    def transform(self, noise: np.ndarray) -> np.ndarray:
        return self.center + self.factor() * noise

    def pull(self, slopes: np.ndarray, noise: np.ndarray) -> np.ndarray:
        sigma = self.factor()
        paths = slopes + noise / sigma
        return np.concatenate([paths.mean(0), (paths * noise).mean(0) * sigma])

    def log_scale(self) -> float:
        return float(self.params[self.size :].sum())


class FullRank(Approximation):
    """Normal coordinates that depend on each other: the factor is lower triangular, its diagonal kept as logarithms."""

    name = "fullrank_advi"

    def first(self, mean: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        self.places = np.tril_indices(len(mean))
        return np.concatenate([mean, np.diag(np.log(sigma))[self.places]])

    def factor(self) -> np.ndarray:
        found = np.zeros((self.size, self.size))
        found[self.places] = self.params[self.size :]
        np.fill_diagonal(found, np.exp(np.diag(found)))
        return found

    def transform(self, noise: np.ndarray) -> np.ndarray:
        return self.center + noise @ self.factor().T

    def pull(self, slopes: np.ndarray, noise: np.ndarray) -> np.ndarray:
        factor = self.factor()
        paths = slopes + np.linalg.solve(factor.T, noise.T).T
        matrix = paths.T @ noise / len(noise)
        np.fill_diagonal(matrix, np.diag(matrix) * np.diag(factor))
        return np.concatenate([paths.mean(0), matrix[self.places]])

    def log_scale(self) -> float:
        rows, columns = self.places
        return float(self.params[self.size :][rows == columns].sum())


class Held:
    """A compiled density at many points one after another: its context is made once, so the data must stay."""

    def __init__(self, compiled: Any, dimension: int):
        self.compiled, self.context = compiled, compiled.context()
        self.call = Signature(compiled.address)
        self.point, self.logp, self.slope = np.empty(dimension), np.empty(1), np.empty(dimension)
        self.pointers = [a.ctypes.data_as(Double) for a in (self.point, self.logp, self.slope)]

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        self.point[:], self.logp[0] = x, np.nan
        status = self.call(*self.pointers, self.context)
        if status < 0:
            self.compiled.check(status)
        return float(self.logp[0]) if status == 0 else np.nan, self.slope.copy()

    def close(self) -> None:
        """Let go of the context."""
        release(self.compiled, [self.context])


class Inference:
    """A fit that can go on.

    Parameters
    ----------
    model : Model, optional
        By default that of the enclosing block.
    random_seed : int, optional
    start : dict, optional
        Where the mean begins, by variable or name, as `initvals` of `sample`.
    start_sigma : dict, optional
        The first standard deviations, by the name of the variable or of its value variable, on the unconstrained scale.
    backend : {"llvm", "numpy"}, optional
    """

    family: ClassVar[type[Approximation]]

    def __init__(
        self,
        *,
        model: Model | None = None,
        random_seed: Any = None,
        start: Mapping[Any, Any] | None = None,
        start_sigma: Mapping[Any, Any] | None = None,
        backend: str | None = None,
    ):
        owner = modelcontext(model).root
        discrete = [str(v) for v in owner.discrete_value_vars]
        if discrete or not owner.free_RVs:
            what = f"discrete variables: {', '.join(discrete)}" if discrete else "a model without free variables"
            raise NotImplementedError(f"A normal distribution has no place for {what}. {here()}")
        seed = as_seed(random_seed)
        density = owner.density()
        self.generator = np.random.default_rng(seed)
        self.rows = batches(owner)
        self.compiled = density.compile(backend)
        self.evaluate = density_function(self.compiled, density.size)
        self.approx = self.begin(owner, density, start or {}, start_sigma or {}, seed)

    def begin(
        self, model: Model, density: Density, start: Mapping[Any, Any], start_sigma: Mapping[Any, Any], seed: int
    ) -> Approximation:
        """What the fit starts with."""
        mean = density.pack(start_point(model, start, seed))
        logp, slope = self.evaluate(mean)
        if not np.isfinite(logp) or not np.isfinite(slope).all():
            raise SamplingError(explain(model, density, mean, mean))
        return self.family(model, density, mean, first_sigma(model, density, start_sigma))

    @property
    def hist(self) -> np.ndarray:
        """An estimate of minus the evidence lower bound at each step."""
        return self.approx.hist

    def fit(
        self,
        n: int = 10000,
        score: bool | None = None,
        callbacks: Sequence[Callable[[Approximation, np.ndarray, int], Any]] | None = None,
        progressbar: bool = True,
        progressbar_theme: Any = None,
        *,
        obj_n_mc: int = 1,
        obj_optimizer: Optimizer | None = None,
        total_grad_norm_constraint: float | None = None,
        backend: str | None = None,
        include_transformed: bool = False,
        **ignored: Any,
    ) -> Approximation:
        """Make `n` steps; see :func:`fit`."""
        approx, first = self.approx, len(self.approx.hist)
        held = None if self.rows else Held(self.compiled, approx.size)  # new rows need a new context at each step
        evaluate = held or self.evaluate
        step = (obj_optimizer or adam(learning_rate=LEARNING_RATE)).begin()
        shrink = 1.0 if obj_optimizer is not None else LAST_STEPS ** (1.0 / max(n, 1))
        approx.hist = np.concatenate([approx.hist, np.full(n, np.nan)])
        failures, done, size = 0, 0, 1.0
        with Progress(progressbar=progressbar, title=f"Fitting {approx.name}:") as progress:
            try:
                for i in range(n):
                    loss = self.one_step(evaluate, step, obj_n_mc, total_grad_norm_constraint, size)
                    failures = 0 if np.isfinite(loss) else failures + 1
                    if failures > MOST_FAILURES:
                        raise SamplingError(explain(approx.model, approx.layout, approx.center, approx.center))
                    approx.hist[first + i], done, size = loss, i + 1, size * shrink
                    if i % SHOWN_EVERY == 0:
                        progress.update([ChainProgress(i, n)])
                    for callback in callbacks or ():
                        callback(approx, approx.hist[: first + i + 1], i + 1)
            except (KeyboardInterrupt, StopIteration) as reason:
                LOG.info("The fit ended after %d of %d steps%s.", done, n, f": {reason}" if str(reason) else "")
            finally:
                if held is not None:
                    held.close()
        approx.hist = approx.hist[: first + done]
        return approx

    def refine(self, n: int, progressbar: bool = True, **options: Any) -> Approximation:
        """Make more steps."""
        return self.fit(n, progressbar=progressbar, **options)

    def one_step(self, evaluate: Evaluate, step: Step, draws: int, limit: float | None, size: float) -> float:
        """Move the parameters once; minus the evidence lower bound, NaN where the density does not exist."""
        approx = self.approx
        for rows in self.rows:
            rows.draw(self.generator)
        noise = self.generator.standard_normal((draws, approx.size))
        points = approx.transform(noise)
        found = [evaluate(x) for x in points]
        slopes = np.array([slope for _, slope in found])
        logp = float(np.mean([value for value, _ in found]))
        if not np.isfinite(logp) or not np.isfinite(slopes).all():
            return np.nan
        gradient = -approx.pull(slopes, noise)
        if limit is not None:
            gradient = gradient * min(1.0, limit / max(float(np.linalg.norm(gradient)), 1e-300))
        entropy = 0.5 * float((noise * noise).sum(1).mean()) + 0.5 * approx.size * LOG_TWO_PI + approx.log_scale()
        approx.params = approx.params - size * step(gradient)
        return -(logp + entropy)


class ADVI(Inference):
    """Fit independent normal coordinates."""

    family = MeanField


class FullRankADVI(Inference):
    """Fit normal coordinates that depend on each other."""

    family = FullRank


METHODS = {
    "advi": "pellucid.inference.variational.ADVI",
    "fullrank_advi": "pellucid.inference.variational.FullRankADVI",
    "pathfinder": "pellucid.inference.pathfinder.Pathfinder",
}
"""Where each method's class is: modules are imported when one is asked for."""


def fit(
    n: int = 10000,
    method: Any = "advi",
    model: Model | None = None,
    random_seed: Any = None,
    start: Mapping[Any, Any] | None = None,
    start_sigma: Mapping[Any, Any] | None = None,
    inf_kwargs: Mapping[str, Any] | None = None,
    *,
    backend: str | None = None,
    include_transformed: bool = False,
    **kwargs: Any,
) -> Approximation:
    """Fit a normal distribution to the posterior, on the unconstrained scale.

    It is quicker than sampling where data are many, and wrong where the posterior is no such distribution: the spreads
    of "advi" are too small where variables depend on each other.

    Parameters
    ----------
    n : int
        Steps; of "pathfinder" the most of each path.
    method : {"advi", "fullrank_advi", "pathfinder"} or Inference
        Independent coordinates, a full covariance, or what quasi-Newton paths uphill find, whose keywords are those of
        :func:`fit_pathfinder`; or a fit made before, to go on with.
    model : Model, optional
        By default that of the enclosing block.
    random_seed, start, start_sigma, backend
        As for :class:`Inference`.
    inf_kwargs : dict, optional
        More of these.
    include_transformed : bool
        Accepted for PyMC's sake; `sample` of what is returned has the same argument.
    **kwargs
        Of the steps: `progressbar`; `callbacks`, functions of (approximation, losses so far, step) that may raise
        StopIteration; `obj_n_mc`, draws in each step (1); `obj_optimizer`, such as ``pm.adam(learning_rate=0.01)``
        (by default Adam with a rate of 0.05 that falls to a hundredth); `total_grad_norm_constraint`, the longest
        gradient. PyMC's others (`score`, ...) are ignored.

    Returns
    -------
    Approximation
        With ``sample(draws)``, ``hist``, ``mean``, ``std`` and ``cov``. After Ctrl-C, of the steps made so far.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model():
    ...     x = pm.Normal("x", 3.0, 0.5)
    ...     approx = pm.fit(2000, random_seed=1, progressbar=False)
    >>> print(approx.mean.eval().round(2), approx.std.eval().round(2))
    [3.] [0.5]
    """
    own = {"random_seed": random_seed, "start": start, "start_sigma": start_sigma, "backend": backend}
    if isinstance(method, Inference):
        return method.fit(n, **kwargs)
    if method not in METHODS:
        raise ValueError(
            f"method is one of {', '.join(METHODS)}, or one of these made before, not {method!r}: methods of particles "
            f"(SVGD) and flows are not offered. {here()}"
        )
    module, _, kind = METHODS[method].rpartition(".")
    return getattr(import_module(module), kind)(model=model, **{**own, **(inf_kwargs or {})}).fit(n, **kwargs)


def sample_approx(
    approx: Approximation, draws: int = 100, include_transformed: bool = True, *, random_seed: Any = None
) -> Any:
    """Draws from a fitted distribution: ``approx.sample(draws)``."""
    return approx.sample(draws, random_seed=random_seed, include_transformed=include_transformed)


def first_sigma(model: Model, layout: Layout, given: Mapping[Any, Any]) -> np.ndarray:
    """The first standard deviation of each coordinate."""
    sigma = {name: np.full(shape, FIRST_SIGMA) for name, shape, *_ in layout.parts}
    names = {str(rv.name): str(model.rvs_to_values[rv].name) for rv in model.free_RVs}
    for key, value in given.items():
        name = str(getattr(key, "name", key))
        name = names.get(name, name)
        if name not in sigma:
            raise ValueError(f"start_sigma has {name!r}, which is none of {', '.join(sigma)}. {here()}")
        sigma[name] = np.broadcast_to(np.asarray(value, float), sigma[name].shape)
        if not (sigma[name] > 0).all():
            raise ValueError(f"start_sigma of {name!r} must be above 0. {here()}")
    return layout.pack(sigma)
