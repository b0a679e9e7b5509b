"""What follows from draws without drawing: log-likelihoods and log-priors element by element, and deterministics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.inference.deferred import made
from pellucid.inference.given import Draws, as_names, group_of, read_draws
from pellucid.inference.predictive import below, chosen, labels, shaped_draws
from pellucid.inference.trace import draft, to_datatree
from pellucid.model.context import here, modelcontext
from pellucid.model.model import Model
from pellucid.model.transform import remove_value_transforms
from pellucid.stats.forward import Forward


def compute_log_likelihood(
    idata: Any,
    *,
    var_names: Sequence[str] | None = None,
    extend_inferencedata: bool = True,
    model: Model | None = None,
    sample_dims: Sequence[str] = ("chain", "draw"),
    progressbar: bool = True,
    backend: str | None = None,
    compile_kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """The log-probability of each observation at each draw, which model comparison (LOO, WAIC) needs.

    Parameters
    ----------
    idata : DataTree
        With the group posterior, which has all free random variables.
    var_names : sequence of str, optional
        By default all observed variables.
    extend_inferencedata : bool
        Add the group log_likelihood to `idata`, in place, and return it; otherwise return the dataset.
    model : Model, optional
    sample_dims : sequence of str
    progressbar, backend, compile_kwargs
        Accepted for compatibility, and ignored.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model() as model:
    ...     x = pm.Normal("x", 0, 1)
    ...     y = pm.Normal("y", x, 1, observed=[1.0, 2.0])
    >>> found = pm.compute_log_likelihood({"x": [[1.0, 2.0]]}, model=model, extend_inferencedata=False)
    >>> found["y"].values.round(3)
    array([[[-0.919, -1.419],
            [-1.419, -0.919]]])
    """
    return log_density(idata, "likelihood", var_names, extend_inferencedata, model, sample_dims)


def compute_log_prior(
    idata: Any,
    *,
    var_names: Sequence[str] | None = None,
    extend_inferencedata: bool = True,
    model: Model | None = None,
    sample_dims: Sequence[str] = ("chain", "draw"),
    progressbar: bool = True,
    backend: str | None = None,
    compile_kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """The log-density of each free random variable, on its own scale, at each draw; see compute_log_likelihood."""
    return log_density(idata, "prior", var_names, extend_inferencedata, model, sample_dims)


def log_density(
    idata: Any, kind: str, var_names: Any, extend: bool, model: Model | None, sample_dims: Sequence[str]
) -> Any:
    """The elementwise log-densities of the observed ("likelihood") or the free ("prior") random variables."""
    owner = modelcontext(model).root
    draws = read_draws(idata, sample_dims)
    variables = owner.observed_RVs if kind == "likelihood" else owner.free_RVs
    known = {str(v.name): v for v in variables}
    names = list(known) if var_names is None else as_names(var_names)
    wanted = chosen(known, names, "var_names has {}, which is not among the variables of the log-" + kind + ": {}.")

    def terms(plain: Model) -> list[Any]:
        return plain.logp([plain[str(v.name)] for v in wanted], sum=False) if wanted else []

    found = at_draws(owner, [str(v.name) for v in wanted], terms, ("log", kind), draws)
    return added(idata, f"log_{kind}", found, owner, draws) if extend else as_dataset(found, owner, draws)


@dataclass(frozen=True)
class Pointwise:
    """Graphs as a function of draws of the free random variables that they depend on."""

    forward: Forward
    needed: list[Any]

    @staticmethod
    def of(model: Model, graphs_of: Callable[[Model], list[Any]]) -> Pointwise:
        """Of a model, and what its graphs are once all of it is sampled on its own scale."""
        plain = remove_value_transforms(model)
        graphs, places = graphs_of(plain), plain.rvs_to_values
        reached = below(graphs, set(places.values()))
        needed = [rv for rv in plain.free_RVs if places[rv] in reached]
        return Pointwise(Forward(graphs, [places[rv] for rv in needed]), [model[str(rv.name)] for rv in needed])


def at_draws(
    model: Model, names: Sequence[str], graphs_of: Callable[[Model], list[Any]], what: Any, draws: Draws
) -> dict[str, np.ndarray]:
    """Graphs of these names at every draw, compiled once for the model as it is; `what` tells kinds of graphs apart."""
    key = "pointwise", what, tuple(names)
    if key not in model.cache:
        model.cache[key] = Pointwise.of(model, graphs_of)
    forward, needed = model.cache[key].forward, model.cache[key].needed
    missing = [str(rv) for rv in needed if rv.name not in draws.arrays]
    if missing:
        raise ValueError(
            f"The trace has no draws of {', '.join(missing)}, which {', '.join(names)} depends on; it has "
            f"{', '.join(draws.arrays) or 'none'}. {here()}"
        )
    arrays = forward([shaped_draws(model, rv, draws) for rv in needed], draws.rows)
    return {name: draws.unstacked(a) for name, a in zip(names, arrays, strict=True)}


def as_dataset(arrays: Mapping[str, np.ndarray], model: Model, draws: Draws) -> Any:
    """Arrays as a dataset."""
    names, known = list(draws.lead), model.named_vars_to_dims
    # The last axes of a multivariate variable, those of one draw, are summed over in its density.
    dims = {k: tuple(known[k])[: a.ndim - len(names)] for k, a in arrays.items() if k in known}
    named = labels(model, draws.lead, {"dims": dims})
    how = {"attrs": {"sample_dims": names}, "sample_dims": {"found": names}, **named}
    return draft({"found": arrays}, **how)["found"].dataset() if arrays else to_datatree({})


def added(idata: Any, group: str, arrays: Mapping[str, np.ndarray], model: Model, draws: Draws) -> Any:
    """The tree, with arrays as one more group."""
    tree = made(idata)
    if not hasattr(tree, "children"):
        raise TypeError(f"extend_inferencedata=True needs a DataTree to extend, not {type(idata).__name__}. {here()}")
    if arrays:
        tree[group] = type(tree)(as_dataset(arrays, model, draws))
    return idata


def compute_deterministics(
    dataset: Any,
    *,
    group: str | None = None,
    var_names: Sequence[str] | None = None,
    model: Model | None = None,
    sample_dims: Sequence[str] = ("chain", "draw"),
    merge_dataset: bool = False,
    extend_dataset: bool = False,
    progressbar: bool = True,
    backend: str | None = None,
    compile_kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """The model's deterministics at each draw, of a trace that does not have them.

    Parameters
    ----------
    dataset : Dataset or DataTree
        Draws of the free random variables, or a whole tree with such a group.
    group : str, optional
        The group of a whole tree; by default posterior, or else prior.
    var_names : sequence of str, optional
        By default all deterministics.
    model : Model, optional
    sample_dims : sequence of str
    merge_dataset : bool
        Return the draws given, too.
    extend_dataset : bool
        Add the deterministics to what was given, in place, and return that.
    progressbar, backend, compile_kwargs
        Accepted for compatibility, and ignored.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model() as model:
    ...     x = pm.Normal("x", 0, 1)
    ...     y = pm.Deterministic("y", x**2)
    >>> pm.compute_deterministics({"x": [[1.0, 2.0, 3.0]]}, model=model)["y"].values
    array([[1., 4., 9.]])
    """
    if merge_dataset and extend_dataset:
        raise ValueError(f"merge_dataset makes a new dataset and extend_dataset changes the old one: choose. {here()}")
    owner = modelcontext(model).root
    draws = read_draws(dataset, sample_dims, group)
    known = {str(v.name): v for v in owner.deterministics}
    names = list(known) if var_names is None else as_names(var_names)
    wanted = chosen(known, names, "var_names has {}, which is no deterministic of the model: {}.")
    listed = [str(v.name) for v in wanted]

    def graphs(plain: Model) -> list[Any]:
        return plain.replace_rvs_by_values([plain[name] for name in listed])

    found = at_draws(owner, listed, graphs, "deterministics", draws)
    fresh = as_dataset(found, owner, draws)
    return joined(made(dataset), fresh, group, merge=merge_dataset, extend=extend_dataset)


def joined(given: Any, fresh: Any, group: str | None, *, merge: bool, extend: bool) -> Any:
    """What was computed, alone or together with what it was computed from."""
    if not (merge or extend):
        return fresh
    if not hasattr(given, "data_vars"):
        raise TypeError(f"There is no dataset to join, as a {type(given).__name__} was given. {here()}")
    name = group_of(given, group)
    part = given if name is None else given[name]
    if extend:
        for key, array in fresh.data_vars.items():
            part[key] = array
        return given
    whole = part.to_dataset() if hasattr(part, "to_dataset") else part
    return whole.assign(fresh.data_vars)
