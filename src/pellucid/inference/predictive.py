"""Draws from a model: of all variables from the prior, or of some of them given draws of others."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.compile.shared import SharedVariable
from pellucid.graph.nodes import Variable
from pellucid.graph.traverse import ancestors
from pellucid.inference.deferred import made
from pellucid.inference.given import Draws, as_names, read_draws
from pellucid.inference.result import data_groups, deferred_tree
from pellucid.inference.trace import add_groups
from pellucid.model.context import here, modelcontext
from pellucid.model.dims import coords_of
from pellucid.model.initial import shape_now
from pellucid.model.model import Model
from pellucid.stats.forward import Forward
from pellucid.tensor.broadcast import ShapeError
from pellucid.tensor.types import TensorVariable

LOG = logging.getLogger("pellucid")


class ImplicitFreezeWarning(UserWarning):
    """A variable kept its draws although something it depends on is not as it was when these were made."""


def sample_prior_predictive(
    draws: int = 500,
    model: Model | None = None,
    var_names: Sequence[str] | None = None,
    random_seed: Any = None,
    return_inferencedata: bool = True,
    idata_kwargs: Mapping[str, Any] | None = None,
    backend: str | None = None,
    compile_kwargs: Mapping[str, Any] | None = None,
    samples: int | None = None,
) -> Any:
    """Draw all variables of a model from the prior, and the observed ones from their distribution given these.

    Parameters
    ----------
    draws : int
    model : Model, optional
        By default that of the enclosing block.
    var_names : sequence of str, optional
        The variables to keep; by default all random variables and deterministics.
    random_seed : int or numpy.random.Generator, optional
    return_inferencedata : bool
        If False, a dict of arrays of shape (draws, *shape) is returned.
    idata_kwargs : mapping, optional
        `coords` and `dims` to add.
    backend, compile_kwargs
        Accepted for compatibility, and ignored.
    samples : int, optional
        Another name of `draws`.

    Returns
    -------
    xarray.DataTree
        With the groups prior, prior_predictive, observed_data and constant_data. Potentials are not part of a prior.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model():
    ...     x = pm.Normal("x", 0, 1)
    ...     y = pm.Normal("y", x, 1, observed=[1.0, 2.0])
    ...     prior = pm.sample_prior_predictive(draws=10, random_seed=1)
    >>> dict(prior["prior_predictive"]["y"].sizes)
    {'chain': 1, 'draw': 10, 'y_dim_0': 2}
    """
    owner = modelcontext(model).root
    warn_of_potentials(owner, "prior")
    known = {str(v.name): v for v in [*owner.unobserved_RVs, *owner.observed_RVs]}
    names = list(known) if var_names is None else as_names(var_names)
    outputs = chosen(known, names, "var_names has {}, which the model does not draw; it draws {}.")
    count = draws if samples is None else samples
    arrays = run(owner, outputs, [], [], count, random_seed)
    if not return_inferencedata:
        return arrays
    observed = {str(v.name) for v in owner.observed_RVs}
    groups = {
        "prior": {n: a[None] for n, a in arrays.items() if n not in observed},
        "prior_predictive": {n: a[None] for n, a in arrays.items() if n in observed},
    }
    return deferred_tree({**groups, **data_groups(owner)}, **labels(owner, {}, idata_kwargs))


def chosen(known: Mapping[str, Any], names: Iterable[str], message: str) -> list[Any]:
    """The variables of these names; `message` says what is wrong with one that is not known, and what there is."""
    listed = list(dict.fromkeys(names))
    missing = [n for n in listed if n not in known]
    if missing:
        raise ValueError(f"{message.format(', '.join(missing), ', '.join(known) or 'nothing')} {here()}")
    return [known[n] for n in listed]


def warn_of_potentials(model: Model, what: str) -> None:
    """Say that draws do not know of potentials."""
    if model.potentials:
        listed = ", ".join(str(p) for p in model.potentials)
        warnings.warn(f"The {what} predictive draws do not know of the potentials {listed}.", stacklevel=3)


def run(
    model: Model,
    outputs: Sequence[TensorVariable],
    given: Sequence[TensorVariable],
    values: Sequence[np.ndarray],
    rows: int,
    random_seed: Any,
) -> dict[str, np.ndarray]:
    """Variables of a model at every row of the values of others, by name; compiled once for the model as it is."""
    key = "forward", tuple(outputs), tuple(given)
    if key not in model.cache:
        model.cache[key] = Forward(outputs, given)
    found = model.cache[key](values, rows, random_seed)
    return {str(v.name): a for v, a in zip(outputs, found, strict=True)}


def labels(model: Model, more: Mapping[str, Any], options: Mapping[str, Any] | None) -> dict[str, Any]:
    """The coords and dims of a tree: the model's, and others."""
    given = options or {}
    return {
        "coords": {**coords_of(model.coords), **more, **(given.get("coords") or {})},
        "dims": {**model.named_vars_to_dims, **(given.get("dims") or {})},
    }


# Given draws of some variables.


def sample_posterior_predictive(
    trace: Any,
    model: Model | None = None,
    *,
    var_names: Any = None,
    sample_vars: Any = None,
    freeze_vars: Any = None,
    sample_dims: Sequence[str] | None = None,
    random_seed: Any = None,
    progressbar: bool = True,
    progressbar_theme: Any = None,
    return_inferencedata: bool = True,
    extend_inferencedata: bool = False,
    predictions: bool = False,
    idata_kwargs: Mapping[str, Any] | None = None,
    backend: str | None = None,
    compile_kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """Draw the observed variables (or others) anew, given each draw of a trace.

    A free random variable that the trace has keeps the values it has there, unless `sample_vars` names it. One that
    the trace does not have is drawn, and so are observed variables: the log line "Sampling: [...]" lists them.
    Deterministics are computed from these. All draws are computed together, in blocks that bound the memory.

    Parameters
    ----------
    trace : DataTree, Dataset, dict of arrays of shape (chain, draw, ...), or list of points
        Variables are found by name, so that the model may be another than the one that was sampled.
    model : Model, optional
        By default that of the enclosing block.
    var_names : str or list of str, optional
        What to return: by default `sample_vars`, or else the observed variables and the deterministics of these.
    sample_vars : str or list of str, optional
        Random variables to draw anew although the trace has them.
    freeze_vars : str or list of str, optional
        Variables that keep the values they have in the trace: a deterministic is then not computed anew, and for a
        random variable :class:`ImplicitFreezeWarning` is silenced, which warns of a value that is kept although
        something it depends on is drawn anew or is data that changed.
    sample_dims : list of str, optional
        The dimensions of the trace over which there are draws; by default chain and draw.
    random_seed : int or numpy.random.Generator, optional
    return_inferencedata : bool
        If False, a dict of arrays is returned.
    extend_inferencedata : bool
        Add the groups to the trace, in place, and return it.
    predictions : bool
        Call the group predictions (with predictions_constant_data) and not posterior_predictive.
    idata_kwargs : mapping, optional
        `coords` and `dims` to add.
    progressbar, progressbar_theme, backend, compile_kwargs
        Accepted for compatibility, and ignored.

    Raises
    ------
    ShapeError
        When a variable has another shape in the trace than in the model.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model() as model:
    ...     x = pm.Normal("x", 0, 1)
    ...     y = pm.Normal("y", x, 0.1, observed=[1.0, 2.0])
    >>> drawn = pm.sample_posterior_predictive({"x": [[5.0, 7.0, 9.0]]}, model, random_seed=1)
    >>> drawn["posterior_predictive"]["y"].mean("y_dim_0").values.round()
    array([[5., 7., 9.]])
    """
    owner = modelcontext(model).root
    warn_of_potentials(owner, "posterior")
    draws = read_draws(trace, sample_dims)
    plan = make_plan(owner, draws, var_names, sample_vars, freeze_vars)
    LOG.info("Sampling: [%s]", ", ".join(plan.sampled))
    values = [shaped_draws(owner, v, draws) for v in plan.given]
    arrays = run(owner, plan.outputs, plan.given, values, draws.rows, random_seed)
    found = {name: draws.unstacked(a) for name, a in arrays.items()}
    if not return_inferencedata:
        return found
    return predictive_tree(owner, draws, found, trace if extend_inferencedata else None, predictions, idata_kwargs)


def predictive_tree(
    model: Model,
    draws: Draws,
    arrays: Mapping[str, np.ndarray],
    onto: Any,
    predictions: bool,
    options: Mapping[str, Any] | None,
) -> Any:
    """The draws as a tree, or as groups added to one."""
    data = data_groups(model)
    if predictions:
        groups = {"predictions": arrays, "predictions_constant_data": data["constant_data"]}
    else:
        groups = {"posterior_predictive": arrays, **data}
    sample_dims = list(draws.lead)
    how = {
        "attrs": {"sample_dims": sample_dims},
        "sample_dims": dict.fromkeys(("predictions", "posterior_predictive"), sample_dims),
        **labels(model, draws.lead, options),
    }
    if onto is None:
        return deferred_tree(groups, **how)
    tree = made(onto)
    if not hasattr(tree, "children"):
        raise TypeError(f"extend_inferencedata=True needs a DataTree to extend, not {type(onto).__name__}. {here()}")
    taken = sorted({"predictions", "posterior_predictive"} & set(groups) & set(tree.children))
    if taken:
        warnings.warn(f"The group {taken[0]} of the trace is replaced. {here()}", stacklevel=3)
    add_groups(tree, {k: g for k, g in groups.items() if k not in ("observed_data", "constant_data")}, **how)
    return onto


@dataclass
class Plan:
    """What is computed, from which given values, and what is drawn on the way."""

    outputs: list[TensorVariable]
    given: list[TensorVariable]
    sampled: list[str]


def make_plan(model: Model, draws: Draws, var_names: Any, sample_vars: Any, freeze_vars: Any) -> Plan:
    """Which variables are returned, which keep the values they have in the trace, and which are drawn."""
    computed = {str(v.name): v for v in [*model.basic_RVs, *model.deterministics]}
    redrawn = chosen(computed, as_names(sample_vars or ()), "sample_vars has {}, which the model does not draw: {}.")
    frozen = chosen(computed, as_names(freeze_vars or ()), "freeze_vars has {}, which the model does not have: {}.")
    for v in frozen:
        if v in redrawn or v.name not in draws.arrays:
            why = "is in sample_vars too" if v in redrawn else "is not in the trace"
            raise ValueError(f"'{v}' cannot keep its values (freeze_vars): it {why}. {here()}")
    names = [str(v.name) for v in redrawn or default_outputs(model)] if var_names is None else as_names(var_names)
    outputs = chosen(computed, names, "var_names has {}, which the model does not draw; it draws {}.")
    kept = {v for v in model.free_RVs if v.name in draws.arrays and v not in redrawn} | set(frozen)
    reached = below(outputs, kept)
    given = [v for v in computed.values() if v in kept and v in reached]
    sampled = [v for v in model.basic_RVs if v in reached and v not in kept]
    warn_of_kept(model, draws, [v for v in given if v in model.free_RVs and v not in frozen], sampled)
    return Plan(outputs, given, [str(v.name) for v in sampled])


def default_outputs(model: Model) -> list[TensorVariable]:
    """The observed variables, and the deterministics that depend on them."""
    observed = set(model.observed_RVs)
    return model.observed_RVs + [v for v in model.deterministics if observed & set(ancestors([v]))]


def below(outputs: Iterable[Variable], stop: set[Any]) -> set[Variable]:
    """The variables that `outputs` are computed from, without looking behind those of `stop`."""
    found: set[Variable] = set()
    stack = list(outputs)
    while stack:
        v = stack.pop()
        if v not in found:
            found.add(v)
            if v not in stop and v.owner is not None:
                stack.extend(v.owner.inputs)
    return found


def warn_of_kept(model: Model, draws: Draws, kept: Sequence[Any], sampled: Sequence[Any]) -> None:
    """Warn of variables that keep their values although these were drawn under other circumstances."""
    changed = [v for v in model.data_vars if has_changed(v, draws)]
    reasons = []
    for v in kept:
        above = set(ancestors([v]))
        drawn = [str(u) for u in sampled if u in above]
        data = [str(u) for u in changed if u in above]
        if drawn:
            reasons.append(f"'{v}' (which depends on {', '.join(drawn)}, drawn anew)")
        if data:
            reasons.append(f"'{v}' (which depends on {', '.join(data)}, data that changed)")
    if reasons:
        warnings.warn(
            f"These variables keep the values they have in the trace: {'; '.join(reasons)}. To draw them anew name "
            f"them in sample_vars; to keep them without this warning, in freeze_vars. {here()}",
            ImplicitFreezeWarning,
            stacklevel=4,
        )


def has_changed(v: Any, draws: Draws) -> bool:
    """Whether data are known to be others than when the trace was made."""
    if not isinstance(v, SharedVariable) or v.name not in draws.data:
        return False
    return not np.array_equal(v.get_value(borrow=True), draws.data[str(v.name)], equal_nan=v.dtype.startswith("float"))


def shaped_draws(model: Model, v: TensorVariable, draws: Draws) -> np.ndarray:
    """The draws of a variable; refused where they have another shape than it."""
    array = draws.arrays[str(v.name)]
    shape = shape_now(model, v) if v in model.shapes else None
    if shape is not None and shape != array.shape[1:]:
        raise ShapeError(
            f"'{v}' has shape {array.shape[1:]} in the trace, but {shape} in the model as it is now. Draw it anew with "
            f"sample_vars=['{v}'], or use model.predict, which keeps the draws of the labels that it knows. {here()}"
        )
    return array
