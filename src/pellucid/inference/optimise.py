"""Points instead of draws: the mode of the posterior, and the normal distribution that touches it there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from pellucid.compile.callback import compile_density, density_function
from pellucid.inference.deferred import DeferredTree
from pellucid.inference.result import data_groups
from pellucid.inference.starts import explain, start_point
from pellucid.inference.trace import draft, grow
from pellucid.model.check import SamplingError
from pellucid.model.context import here, modelcontext
from pellucid.model.density import Layout
from pellucid.model.dims import coords_of
from pellucid.model.logprob import check_closed, differentiable, total
from pellucid.model.model import Model
from pellucid.model.outputs import evaluate_draws
from pellucid.rewrite.pipeline import rewrite_graph
from pellucid.stats import as_seed

__all__ = ["find_MAP", "fit_laplace"]

LOG = logging.getLogger("pellucid")
GRADIENT_STEP = np.cbrt(np.finfo(float).eps)
"""The step of central differences of gradients that balances rounding and curvature."""


class Surface(NamedTuple):
    """A log-density of one vector, with what is needed to walk on it."""

    model: Model
    layout: Layout
    evaluate: Callable[[np.ndarray], tuple[float, np.ndarray]]
    start: np.ndarray
    point: dict[str, np.ndarray]

    def negative(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """What minimisers take: minus the log-density and its gradient; infinity where there is none."""
        logp, slope = self.evaluate(x)
        return (np.inf, np.zeros_like(x)) if np.isnan(logp) else (-logp, -np.nan_to_num(slope))

    def at(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """A vector as a point, with the variables that stay where they are."""
        return {**self.point, **self.layout.split(x)}


def surface(model: Model, variables: Any, start: Any, seed: Any, *, jacobian: bool, backend: str | None) -> Surface:
    """The log-density of some continuous variables, the others being fixed at the start."""
    check_closed(model)
    values = differentiable(model, variables)
    if not values:
        raise ValueError(f"The model has no continuous variables, so there is no slope to follow. {here()}")
    point = start_point(model, start or {}, as_seed(seed))
    layout = Layout(values, [np.shape(point[str(v.name)]) for v in values])
    fixed = {v: point[str(v.name)] for v in model.value_vars if v not in values}
    x, outputs = layout.derive(total(model, jacobian=jacobian), fixed)
    compiled = compile_density([x], rewrite_graph(outputs), backend)
    found = Surface(model, layout, density_function(compiled, layout.size), layout.pack(point), point)
    logp, slope = found.evaluate(found.start)
    if not np.isfinite(logp) or not np.isfinite(slope).all():
        raise SamplingError(explain(model, layout, found.start, found.start))
    return found


def find_MAP(
    method: Any = "L-BFGS-B",
    vars: Any = None,  # PyMC's name
    *,
    start: Mapping[Any, Any] | None = None,
    initvals: Mapping[Any, Any] | None = None,
    jitter: bool | None = None,
    jitter_max_retries: int = 10,
    return_raw: bool = False,
    return_inferencedata: bool = False,
    compute_hessian: bool = False,
    include_transformed: bool = True,
    idata_kwargs: Mapping[str, Any] | None = None,
    progressbar: bool = True,
    maxeval: int = 5000,
    use_grad: bool | None = None,
    use_hess: bool | None = None,
    use_hessp: bool | None = None,
    model: Model | None = None,
    random_seed: Any = None,
    seed: Any = None,
    backend: str | None = None,
    compile_kwargs: Mapping[str, Any] | None = None,
    **options: Any,
) -> Any:
    """The values at which the posterior density of the variables, on their own scale, is largest.

    Parameters
    ----------
    method : str
        A method of `scipy.optimize.minimize`, or "basinhopping", which looks for the highest of several hills. (PyMC 5
        had `start` in its place; a dict is taken for one.)
    vars : list of variables, optional
        The continuous variables to move; by default all. Others, and discrete ones, stay at the start.
    start, initvals : dict, optional
        Two names for where to begin, by variable or name; by default the model's initial point.
    jitter : bool
        Whether to begin up to 1 away from there in each unconstrained coordinate, after at most `jitter_max_retries`
        tries for a finite density.
    return_raw : bool
        Whether to return SciPy's result too.
    return_inferencedata, compute_hessian, idata_kwargs
        Return a tree with the values as the one draw of `posterior`, and, if asked for, the inverse of the curvature
        (as in `fit_laplace`) in `fit`; `idata_kwargs` may have ``coords`` and ``dims``.
    include_transformed : bool
        Whether the values on the unconstrained scale (``sigma_log__``) are among the results.
    progressbar, compile_kwargs, use_hessp
        Accepted for PyMC's sake: the search takes less time than showing it, and curvatures come as whole matrices.
    maxeval : int
        The most iterations.
    use_grad, use_hess : bool, optional
        Whether gradients and curvatures are used; by default where the method takes them.
    model : Model, optional
        By default that of the enclosing block.
    random_seed, seed : int, optional
        For starts that are drawn.
    backend : {"llvm", "numpy"}, optional
    **options
        More arguments of `scipy.optimize.minimize`.

    Returns
    -------
    dict of array, or (dict, OptimizeResult), or xarray.DataTree
        Values of random variables, deterministics and unconstrained values by name.

    Raises
    ------
    SamplingError
        When the density is not finite at the start.

    Notes
    -----
    The mode of a hierarchical model's joint density is often far from where the posterior's mass is; sampling needs no
    such start.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model():
    ...     x = pm.Normal("x", 3.0, 1.0)
    ...     s = pm.Gamma("s", 3.0, 2.0)
    ...     best = pm.find_MAP()
    >>> {name: float(value.round(4)) for name, value in best.items()}
    {'x': 3.0, 's': 1.0, 's_log__': 0.0}
    """
    if not isinstance(method, str):
        method, start = "L-BFGS-B", method
    if start and initvals:
        raise ValueError(f"start and initvals are two names of one argument: give one of them. {here()}")
    owner = modelcontext(model).root
    seed = as_seed(random_seed if seed is None else seed)
    ground = surface(owner, vars, start or initvals, seed, jacobian=False, backend=backend)
    if jitter:
        ground = moved(ground, seed, jitter_max_retries)
    found = climb(ground, method, maxeval, options, gradient=use_grad, curvature=use_hess)
    if return_inferencedata:
        return as_tree(owner, ground, found.x, idata_kwargs or {}, compute_hessian=compute_hessian)
    values = values_at(owner, ground.at(found.x), include_transformed=include_transformed)
    return (values, found) if return_raw else values


def moved(ground: Surface, seed: int, tries: int) -> Surface:
    """The same surface, with a start up to 1 away in each coordinate where the density is finite."""
    generator = np.random.default_rng(seed)
    for _ in range(max(tries, 1)):
        start = ground.start + generator.uniform(-1.0, 1.0, len(ground.start))
        if np.isfinite(ground.evaluate(start)[0]):
            return ground._replace(start=start)
    raise SamplingError(explain(ground.model, ground.layout, ground.start, start))


def as_tree(
    model: Model, ground: Surface, x: np.ndarray, options: Mapping[str, Any], *, compute_hessian: bool
) -> DeferredTree:
    """A point as a result with one draw."""
    point = {name: np.asarray(value)[None, None] for name, value in ground.at(x).items()}
    groups: dict[str, Any] = {"posterior": evaluate_draws(model, {str(v.name): v for v in model.unobserved_RVs}, point)}
    names = [coordinate(ground.layout, i) for i in range(len(x))]
    if compute_hessian:
        groups["fit"] = {"mean_vector": x, "covariance_matrix": spread_at(ground, x)[0]}
    return fitted_tree(model, groups, names, "map", options)


def fitted_tree(
    model: Model, groups: Mapping[str, Any], names: Sequence[str], method: str, options: Mapping[str, Any]
) -> DeferredTree:
    """A result in which `fit` holds the mean and the covariance of coordinates called `names`."""
    drafts = draft(
        {**groups, **data_groups(model)},
        coords={**coords_of(model.coords), "rows": names, "columns": names, **(options.get("coords") or {})},
        dims={
            **model.named_vars_to_dims, "mean_vector": ["rows"], "covariance_matrix": ["rows", "columns"],
            **(options.get("dims") or {}),
        },
        attrs={"method": method},
        sample_dims={"fit": ()},
    )  # fmt: skip
    return DeferredTree(partial(grow, drafts), drafts)


def find_mode(model: Model, start: Mapping[Any, Any], seed: int) -> dict[str, np.ndarray]:
    """Where the posterior density, on the variables' own scales, is largest: the value variables' values by name."""
    ground = surface(model, None, start, seed, jacobian=False, backend=None)
    return ground.at(climb(ground, "L-BFGS-B", 5000, {}).x)


WITHOUT_GRADIENTS = {"nelder-mead", "powell", "cobyla", "cobyqa"}
WITH_CURVATURE = {"newton-cg", "dogleg", "trust-ncg", "trust-krylov", "trust-exact"}
"""SciPy's methods that take no gradient, and those that need second derivatives."""


def climb(
    ground: Surface,
    method: str,
    iterations: int,
    options: Mapping[str, Any],
    *,
    gradient: bool | None = None,
    curvature: bool | None = None,
) -> Any:
    """SciPy's result of maximising."""
    from scipy import optimize  # half a second to import, and needed here alone

    local = method.lower() if method != "basinhopping" else "l-bfgs-b"
    if gradient is None:
        gradient = local not in WITHOUT_GRADIENTS
    if curvature is None:
        curvature = local in WITH_CURVATURE
    how: dict[str, Any] = {"method": local, "jac": gradient}
    if curvature:
        how["hess"] = lambda x: -curvature_at(ground, x)
    function = ground.negative if gradient else lambda x: ground.negative(x)[0]
    more = {"maxiter": iterations, **options.get("options", {})}
    rest = {k: v for k, v in options.items() if k != "options"}
    if method == "basinhopping":
        best = optimize.basinhopping(function, ground.start, minimizer_kwargs={**how, "options": more}, **rest)
        found = best.lowest_optimization_result
    else:
        found = optimize.minimize(function, ground.start, options=more, **how, **rest)
    if not found.success:
        steepest = np.argmax(np.abs(found.jac)) if np.size(getattr(found, "jac", [])) else None
        where = "" if steepest is None else f" The steepest coordinate is {coordinate(ground.layout, int(steepest))}."
        LOG.warning("The search for the mode ended early: %s%s", found.message, where)
    return found


def coordinate(layout: Layout, index: int) -> str:
    """The name of one coordinate of the vector, such as ``theta[3]``."""
    name, shape, first, _ = next(part for part in layout.parts if part[2] <= index < part[3])
    place = np.unravel_index(index - first, shape) if shape else ()
    return f"{name}[{', '.join(map(str, place))}]" if shape else name


def values_at(model: Model, point: Mapping[str, np.ndarray], *, include_transformed: bool) -> dict[str, np.ndarray]:
    """Everything of the model at one point, by name."""
    known = {str(v.name): v for v in model.unobserved_RVs}
    row = {name: np.asarray(value)[None, None] for name, value in point.items()}
    found = {name: np.asarray(a[0, 0]) for name, a in evaluate_draws(model, known, row).items()}
    hidden = {name: np.asarray(value) for name, value in point.items() if name not in found}
    return {**found, **hidden} if include_transformed else found


def fit_laplace(
    draws: int = 1000,
    *,
    chains: int = 4,
    start: Mapping[Any, Any] | None = None,
    method: str = "L-BFGS-B",
    var_names: Sequence[str] | None = None,
    random_seed: Any = None,
    model: Model | None = None,
    backend: str | None = None,
    **options: Any,
) -> Any:
    """Draws from the normal distribution that has the posterior's mode and curvature, on the unconstrained scale.

    Parameters
    ----------
    draws, chains : int
        How many draws, in groups that results of samplers call chains; here all are independent.
    start, method, **options
        As for `find_MAP`.
    var_names : sequence of str, optional
        The variables to keep; by default all.
    random_seed : int or numpy.random.Generator, optional
    model : Model, optional
    backend : {"llvm", "numpy"}, optional

    Returns
    -------
    xarray.DataTree
        The groups posterior, observed_data and constant_data, and `fit` with `mean_vector` and `covariance_matrix` of
        the unconstrained coordinates.

    Raises
    ------
    ValueError
        When the density is not curved downwards at the mode in every direction; the message names a direction.
    NotImplementedError
        When a variable is discrete.

    Notes
    -----
    The curvature is taken by central differences of the exact gradient, with a relative error of about 1e-10.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model():
    ...     x = pm.Normal("x", 3.0, 0.5)
    ...     result = pm.fit_laplace(random_seed=1)
    >>> print(result["fit"]["covariance_matrix"].values.round(4))
    [[0.25]]
    """
    owner = modelcontext(model).root
    discrete = [str(v) for v in owner.discrete_value_vars]
    if discrete:
        raise NotImplementedError(f"A normal distribution has no place for discrete variables: {', '.join(discrete)}.")
    ground = surface(owner, None, start, random_seed, jacobian=True, backend=backend)
    mode = climb(ground, method, 5000, options).x
    covariance, factor = spread_at(ground, mode)
    generator = np.random.default_rng(as_seed(random_seed))
    steps = generator.standard_normal((chains, draws, len(mode)))
    vectors = ground.layout.split(mode + steps @ factor.T)
    known = {str(v.name): v for v in owner.unobserved_RVs if var_names is None or str(v.name) in var_names}
    names = [coordinate(ground.layout, i) for i in range(len(mode))]
    groups = {
        "posterior": evaluate_draws(owner, known, vectors),
        "fit": {"mean_vector": mode, "covariance_matrix": covariance},
    }
    return fitted_tree(owner, groups, names, "laplace", {})


def spread_at(ground: Surface, mode: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of the curvature at the mode, and a factor F of it: covariance = F @ F.T."""
    curvature = -curvature_at(ground, mode)
    scales, directions = np.linalg.eigh(curvature)
    if scales[0] <= 1e-10 * max(scales[-1], 1.0):
        flat = directions[:, 0]
        largest = np.argsort(-np.abs(flat))[:3]
        where = ", ".join(f"{coordinate(ground.layout, int(i))} ({flat[i]:+.2g})" for i in largest)
        raise ValueError(
            f"The log-density is not curved downwards at its mode in the direction {where}, where its curvature is "
            f"{scales[0]:.2g}: no normal distribution fits. Give those variables proper priors, or sample instead."
        )
    factor = directions / np.sqrt(scales)
    return factor @ factor.T, factor


def curvature_at(ground: Surface, x: np.ndarray) -> np.ndarray:
    """The matrix of second derivatives of the log-density, symmetrised."""
    found = np.empty((len(x), len(x)))
    for i in range(len(x)):
        step = np.zeros_like(x)
        step[i] = GRADIENT_STEP * max(1.0, abs(x[i]))
        ahead, behind = x + step, x - step
        found[i] = (ground.evaluate(ahead)[1] - ground.evaluate(behind)[1]) / (ahead[i] - behind[i])
    return (found + found.T) / 2
