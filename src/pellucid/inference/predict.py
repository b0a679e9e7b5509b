"""Predictions for other data: draws of the posterior are kept where they still mean something, and completed."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.graph.replace import replace_all
from pellucid.graph.traverse import ancestors
from pellucid.inference.given import Draws, as_names, read_draws
from pellucid.inference.predictive import below, chosen, predictive_tree
from pellucid.model.context import here
from pellucid.model.initial import shape_now
from pellucid.model.model import Model
from pellucid.model.resize import Resized
from pellucid.stats.forward import Forward
from pellucid.tensor.arithmetic import switch
from pellucid.tensor.broadcast import ShapeError
from pellucid.tensor.draws import Draw
from pellucid.tensor.types import TensorVariable, constant

LOG = logging.getLogger("pellucid")


def predict(
    model: Model,
    trace: Any,
    data: Mapping[str, Any] | None = None,
    coords: Mapping[str, Any] | None = None,
    *,
    var_names: Any = None,
    sample_dims: Sequence[str] | None = None,
    random_seed: Any = None,
    return_inferencedata: bool = True,
    extend_inferencedata: bool = False,
) -> Any:
    """Predict for other data, given each draw of a posterior; the model itself stays as it is.

    What the draws say of parameters is kept. Where a dimension gets other labels, a variable keeps the draws of the
    labels that it knows, and is drawn from its distribution given its parents at new ones: a new group comes from the
    population. A variable that goes with the new rows, along a dimension without labels, is drawn anew. Observed
    variables are drawn, and deterministics computed. The log says which are which.

    Parameters
    ----------
    model : Model
    trace : DataTree, Dataset, or dict of arrays
        As for :func:`sample_posterior_predictive`.
    data : mapping of name to array, or a table with such columns, optional
        New values of data variables (`pm.Data`), of any lengths. Those that are only observed need none.
    coords : mapping of dimension to labels, optional
        New labels. A dimension whose data change in length needs none, and is numbered then.
    var_names : str or list of str, optional
        By default the observed variables, the deterministics that depend on what is new, and the random variables
        that are drawn at least in part.
    sample_dims, random_seed, return_inferencedata, extend_inferencedata
        As for :func:`sample_posterior_predictive`.

    Returns
    -------
    xarray.DataTree
        With the groups predictions and predictions_constant_data.

    Raises
    ------
    ShapeError
        When lengths do not fit, or a length is fixed in the model; the message names the line.
    ValueError
        When a name is not known, or new labels would need draws that depend on those of the old ones.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model(coords={"group": ["a", "b"]}) as model:
    ...     where = pm.Data("where", [0, 1, 1], dims="row")
    ...     level = pm.Normal("level", 10, 0.1, dims="group")
    ...     y = pm.Normal("y", level[where], 0.1, observed=[1.0, 2.0, 3.0], dims="row")
    >>> trace = {"level": [[[1.0, 2.0], [1.0, 2.0]]]}
    >>> found = model.predict(trace, {"where": [0, 1, 2, 2]}, {"group": ["b", "new", "a"]}, random_seed=1)
    >>> found["predictions"]["level"].values.round()
    array([[[ 2., 10.,  1.],
            [ 2., 10.,  1.]]])
    >>> found["predictions"]["y"].shape
    (1, 2, 4)
    """
    owner = model.root
    draws = read_draws(trace, sample_dims)
    given = {str(model[n].name) if n in model else n: values for n, values in columns(model, data).items()}
    other = resized(owner, given, dict(coords or {}))
    plan = Plan.of(other, draws)
    known = {str(v.name): v for v in [*other.model.basic_RVs, *other.model.deterministics]}
    names = plan.default_names() if var_names is None else as_names(var_names)
    outputs = chosen(known, names, "predict: var_names has {}, which the model does not draw; it draws {}.")
    warn_of_no_influence(other, outputs)
    graphs: list[Any] = replace_all(outputs, plan.swaps)
    leaves = [v for v in plan.given if v in below(graphs, set(plan.given))]
    LOG.info("Predicting: %s", plan.report() or "everything is kept")
    arrays = Forward(graphs, leaves)([plan.given[v] for v in leaves], draws.rows, random_seed)
    found = {str(v.name): draws.unstacked(a) for v, a in zip(outputs, arrays, strict=True)}
    if not return_inferencedata:
        return found
    onto = trace if extend_inferencedata else None
    return predictive_tree(without_stand_ins(other), draws, found, onto, True, None)


def resized(owner: Model, data: Mapping[str, Any], coords: Mapping[str, Any]) -> Resized:
    """The model for other data; where it cannot be, a variable whose elements hold together is the first suspect."""
    try:
        return Resized(owner, data, coords)
    except ShapeError as error:
        for rv in owner.free_RVs:
            dims = owner.named_vars_to_dims.get(str(rv.name), ())
            op = rv.owner.op  # type: ignore[union-attr]
            along = dims[rv.ndim - op.law.ndim_supp :] if isinstance(op, Draw) else ()
            held = [d for d in along if d is not None and d in coords and tuple(coords[d]) != owner.coords[d]]
            if held:
                raise held_together(rv, held) from error
        raise


def held_together(rv: TensorVariable, dims: Iterable[str]) -> ValueError:
    """The error of new labels for a variable whose elements cannot be drawn one by one."""
    return ValueError(
        f"predict: '{rv}' has new labels along {', '.join(dims)}, along which its elements depend on each other, so "
        f"that new ones cannot be drawn apart from the old ones. Write it as a deterministic of independent variables: "
        f"pm.non_centered(model, ['{rv}']) does so for random walks and AR. {here()}"
    )


def columns(model: Model, data: Any) -> Mapping[str, Any]:
    """The new data by name; of a table the columns that are data variables of the model."""
    if data is None or isinstance(data, Mapping):
        return data or {}
    if hasattr(data, "columns"):
        own = {model.name_of(str(v.name)) for v in model.data_vars}
        return {str(name): data[name] for name in data.columns if str(name) in own}
    raise TypeError(f"predict: data is a mapping of names to arrays, or a table, not {type(data).__name__}. {here()}")


def without_stand_ins(other: Resized) -> Model:
    """The model without the data that nobody gave, for the data that results remember."""
    other.model.data_vars[:] = [v for v in other.model.data_vars if str(v.name) not in other.stand_ins]
    return other.model


def warn_of_no_influence(other: Resized, outputs: Sequence[Any]) -> None:
    """Warn of new data that no output depends on: the model may have been written with the table itself."""
    above = set(ancestors(outputs))
    idle = [name for name in other.arrays if other.model.named_vars[name] not in above]
    if idle:
        warnings.warn(
            f"What is predicted ({', '.join(map(str, outputs)) or 'nothing'}) does not depend on {', '.join(idle)}: "
            f"was the model written with an array instead of the variable that pm.Data returned? {here()}",
            stacklevel=3,
        )


@dataclass
class Plan:
    """Which variables keep their draws, in whole or in part.

    Attributes
    ----------
    given : dict of variable to array of shape (rows, *shape)
        Leaves, and the values they have.
    swaps : dict of variable to variable
        Random variables as their kept values where they have some, and as draws elsewhere.
    kept, completed, drawn : list of str
    """

    other: Resized
    draws: Draws
    given: dict[TensorVariable, np.ndarray] = field(default_factory=dict)
    swaps: dict[Any, Any] = field(default_factory=dict)
    completed: list[str] = field(default_factory=list)
    drawn: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, other: Resized, draws: Draws) -> Plan:
        """The plan for all free random variables."""
        plan = cls(other, draws)
        for rv in other.model.free_RVs:
            plan.place(rv)
        plan.drawn += [str(rv) for rv in other.model.observed_RVs]
        return plan

    def place(self, rv: TensorVariable) -> None:
        """Decide for one random variable."""
        name = str(rv.name)
        if name not in self.draws.arrays:
            self.drawn.append(name)
            return
        array, shape = self.draws.arrays[name], shape_now(self.other.model, rv)
        dims = self.other.model.named_vars_to_dims.get(name, (None,) * rv.ndim)
        axes = [a for a, dim in enumerate(dims) if dim in self.other.renewed and not self.same_labels(name, dim, a)]
        if any(self.labels_now(dims[a]) is None or self.labels_then(name, dims[a], a) is None for a in axes):
            self.drawn.append(name)
        elif axes:
            self.complete(rv, array, shape, {a: str(dims[a]) for a in axes})
        elif array.shape[1:] == shape:
            self.given[rv] = array
        elif self.changed_with_data(rv):
            self.drawn.append(name)
        else:
            raise ShapeError(
                f"predict: '{name}' has shape {array.shape[1:]} in the trace, but {shape} in the model. {here()}"
            )

    def changed_with_data(self, rv: TensorVariable) -> bool:
        """Whether the lengths of a variable follow from data that were given."""
        above = set(ancestors([rv]))
        return any(self.other.model.named_vars[name] in above for name in self.other.arrays)

    def labels_now(self, dim: str | None) -> Any:
        """The labels that a dimension has for the prediction."""
        return self.other.model.coords[dim] if dim is not None else None

    def labels_then(self, name: str, dim: str | None, axis: int) -> Any:
        """The labels that an axis of a variable had when it was sampled."""
        if dim in self.draws.dims.get(name, ()) and dim in self.draws.coords:
            return tuple(self.draws.coords[dim].tolist())
        labels = self.other.old.coords.get(dim) if dim is not None else None
        fits = labels is not None and len(labels) == self.draws.arrays[name].shape[1 + axis]
        return labels if fits else None

    def same_labels(self, name: str, dim: str | None, axis: int) -> bool:
        """Whether an axis means the same as before."""
        now = self.labels_now(dim)
        return now is not None and self.labels_then(name, dim, axis) == now

    def complete(self, rv: TensorVariable, array: np.ndarray, shape: Sequence[int], axes: Mapping[int, str]) -> None:
        """Keep the draws of known labels; the other elements are drawn given the variable's parents."""
        name, op = str(rv.name), rv.owner.op  # type: ignore[union-attr]
        known = np.ones(shape, bool)
        for axis, dim in axes.items():
            then = {label: i for i, label in enumerate(self.labels_then(name, dim, axis))}
            now = self.labels_now(dim)
            found = np.array([then.get(label, -1) for label in now], "int64")
            array = np.take(array, np.maximum(found, 0), axis=1 + axis) if then else np.zeros((len(array), *shape))
            known &= (found >= 0).reshape((-1,) + (1,) * (len(shape) - axis - 1))
        if known.all():
            self.given[rv] = array
            return
        if not isinstance(op, Draw) or any(axis >= rv.ndim - op.law.ndim_supp for axis in axes):
            raise held_together(rv, axes.values())
        leaf = rv.type.variable(name=name)
        fresh = replace_all([rv], self.swaps)[0]
        self.given[leaf] = array
        self.swaps[rv] = switch(constant(known), leaf, fresh)
        self.completed.append(f"{name} ({int(known.size - known.sum())} of {known.size} elements)")

    def default_names(self) -> list[str]:
        """What is returned unless the user says otherwise."""
        model = self.other.model
        news = {*(model.named_vars[n] for n in (*self.other.arrays, *self.drawn)), *self.swaps}
        computed = [str(v) for v in model.deterministics if news & set(ancestors([v]))]
        new = [str(rv) for rv in model.free_RVs if rv in self.swaps or str(rv) in self.drawn]
        return [*(str(rv) for rv in model.observed_RVs), *computed, *new]

    def report(self) -> str:
        """What is drawn, in words."""
        parts = {"drawn anew": self.drawn, "completed": self.completed}
        return "; ".join(f"{what}: {', '.join(names)}" for what, names in parts.items() if names)
