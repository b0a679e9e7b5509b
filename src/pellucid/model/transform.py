"""Models made from models: interventions, observations, frozen data, other transforms; the original stays as it is."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.compile.shared import SharedVariable
from pellucid.graph.nodes import Variable
from pellucid.graph.replace import replace_all
from pellucid.graph.traverse import ancestors, as_list, graph_inputs, toposort
from pellucid.model import imputation
from pellucid.model.context import here
from pellucid.model.logprob import value_variable
from pellucid.model.model import Model
from pellucid.model.observed import as_observed, check_fits, complete_array, convert
from pellucid.model.shapes import current_shape
from pellucid.model.surgery import adopt, erase, exchange, forget, settle_as_pymc
from pellucid.model.variables import same_value
from pellucid.stats import NotDerivable, logp
from pellucid.tensor.broadcast import ShapeError
from pellucid.tensor.draws import Draw, RngVariable
from pellucid.tensor.elementwise import cast
from pellucid.tensor.types import Constant, TensorType, TensorVariable, constant


def named_variable(model: Model, key: Any, what: str) -> TensorVariable:
    """The variable of a model that a name, or a variable of this model or of one it is a copy of, means."""
    name = key if isinstance(key, str) else str(getattr(key, "name", key))
    if name not in model:
        listed = ", ".join(model.named_vars) or "none"
        raise ValueError(f"{what}: the model has no variable {name!r}; it has {listed}. {here()}")
    return model[name]


# Interventions.


def do(
    model: Model,
    vars_to_interventions: Mapping[Any, Any],
    *,
    make_interventions_shared: bool = True,
    prune_vars: bool = False,
) -> Model:
    """A copy of the model in which some variables have given values, whatever caused them (Pearl's do-operator).

    Parameters
    ----------
    model : Model
    vars_to_interventions : mapping of name or variable to number, array or expression
        A value becomes data (`pm.Data`) under the variable's name and dims; one number may stand for an array. An
        expression of other random variables becomes a deterministic.
    make_interventions_shared : bool
        If False values become constants, which can be computed with when compiling but not be exchanged.
    prune_vars : bool
        Leave out what no observed variable depends on.

    Raises
    ------
    ValueError
        When the model has no such variable.
    TypeError, ShapeError
        When the value cannot stand for it.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model() as model:
    ...     x = pm.Normal("x", 0, 1)
    ...     y = pm.Normal("y", 2 * x, 1)
    >>> fixed = pm.do(model, {"x": 10.0})
    >>> fixed.free_RVs, fixed.data_vars
    ([y], [x])
    """
    found = model
    for key, value in vars_to_interventions.items():
        found = intervene(model, found, named_variable(found, key, "do"), value, shared=make_interventions_shared)
    if found is model:
        found = exchange(model)
    settle_as_pymc(found)
    return prune_vars_detached_from_observed(found) if prune_vars else found


def intervene(original: Model, model: Model, v: Any, value: Any, *, shared: bool) -> Model:
    """A copy of a model in which one variable has a value."""
    name = str(v.name)
    if isinstance(value, Variable) and not isinstance(value, (SharedVariable, Constant)):
        current: dict[Variable, Variable] = {u: model.named_vars[n] for n, u in original.named_vars.items()}
        expression = fitting(name, replace_all([value], current)[0], v)
        if v in set(ancestors([expression])):
            return shadowed(model, v, expression)
        computed = random_below(expression)
        stand_in = same_value(expression)
        stand_in.name = name
    else:
        computed, stand_in = False, given_value(model, v, value, shared=shared)
    copy = exchange(model, {v: stand_in})
    forget(copy, stand_in)
    (copy.deterministics if computed else copy.data_vars).append(stand_in)
    return copy


def shadowed(model: Model, v: Any, expression: TensorVariable) -> Model:
    """A copy in which an expression of a variable itself takes its place, under another name, for all who read it."""
    name = f"do_{v.name}"
    warnings.warn(
        f"The intervention on '{v}' depends on '{v}' itself: it is called '{name}', and '{v}' stays as it is. {here()}",
        stacklevel=4,
    )
    model.check_new(name)
    stand_in = same_value(expression)
    stand_in.name = name
    copy = exchange(model, {v: stand_in})
    copy.named_vars |= {str(v.name): v, name: stand_in}
    copy.deterministics.append(stand_in)
    if v in model.rvs_to_values:
        adopt(copy, model, v, {u: u for u in (v, model.rvs_to_values[v])})
    else:
        (copy.deterministics if v in model.deterministics else copy.data_vars).append(v)
    if str(v.name) in model.named_vars_to_dims:
        copy.named_vars_to_dims[name] = model.named_vars_to_dims[str(v.name)]
    return copy


def random_below(v: Variable) -> bool:
    """Whether a variable depends on draws."""
    return any(isinstance(u, RngVariable) for u in ancestors([v]))


def fitting(name: str, expression: Any, v: TensorVariable) -> TensorVariable:
    """An expression in the dtype of the variable that it is to stand for; refused where its shape cannot be that."""
    found = expression if expression.dtype == v.dtype else cast(expression, v.dtype)
    if not v.type.accepts(found.type):
        raise ShapeError(
            f"do: '{name}' is of shape {v.type.shape}, but the expression given for it of shape {found.type.shape}: "
            f"make it of the same shape, for instance with pt.broadcast_to. {here()}"
        )
    return found


def given_value(model: Model, v: Any, value: Any, *, shared: bool) -> Any:
    """A value as data, or as a constant, that stands for a variable."""
    name = str(v.name)
    if isinstance(value, (SharedVariable, Constant)):
        value = value.get_value()
    array = convert(name, complete_array(name, value), v.dtype)
    shape = model.shapes[v] if v in model.shapes else current_shape(v, model.shapes)
    if array.ndim == 0:
        array = np.broadcast_to(array, shape)
    if len(array.shape) != len(shape) or any(
        n is not None and n != m for n, m in zip(v.type.shape, array.shape, strict=True)
    ):
        raise ShapeError(
            f"do: '{name}' has shape {shape}, but the value given for it has shape {array.shape}. Give one of that "
            f"shape, or a single number. {here()}"
        )
    return SharedVariable(array, name, v.type.shape) if shared else frozen(array, v.type, name)


def frozen(array: np.ndarray, type: TensorType, name: str | None) -> Constant | SharedVariable:
    """A constant; but data of its own where a length of one, once it were known, would begin to broadcast."""
    if any(n is None and m == 1 for n, m in zip(type.shape, array.shape, strict=True)):
        return SharedVariable(array, name, type.shape)
    return Constant(array, name)


# Observations.


def observe(model: Model, vars_to_observations: Mapping[Any, Any]) -> Model:
    """A copy of the model in which some variables are observed.

    Parameters
    ----------
    model : Model
    vars_to_observations : mapping of name or variable to array, number or data variable
        The variables are free random variables, or deterministics whose density follows from that of a random
        variable without a name in them.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model() as model:
    ...     x = pm.Normal("x", 0, 1)
    ...     y = pm.Normal("y", x, 1)
    >>> given = pm.observe(model, {"y": 0.5})
    >>> given.free_RVs, given.observed_RVs
    ([x], [y])
    """
    copy = exchange(model)
    for key, data in vars_to_observations.items():
        v = named_variable(copy, key, "observe")
        if v not in copy.free_RVs and v not in copy.deterministics:
            kind = "observed already" if v in copy.observed_RVs else "data" if v in copy.data_vars else "a potential"
            raise ValueError(
                f"observe: '{v}' is {kind}; what can be observed are free random variables and deterministics. {here()}"
            )
        copy = with_observation(copy, v, data)
    settle_as_pymc(copy)
    return copy


def with_observation(copy: Model, v: TensorVariable, data: Any) -> Model:
    """A model in which a variable is observed, which may be the model given."""
    name = str(v.name)
    if v in copy.deterministics:
        check_measurable(copy, v)
    shape = copy.shapes[v] if v in copy.shapes else current_shape(v, copy.shapes)
    value: Any
    value, missing = as_observed(name, data, v.dtype)
    check_fits(name, np.shape(value) if isinstance(value, np.ndarray) else current_shape(value, {}), shape)
    if missing is not None:
        imputation.warn(name, missing)
        return copy if missing.all() else partly_observed(copy, v, value, missing)
    forget(copy, v)
    copy.record(v, value, None, shape, None, observed=True)  # type: ignore[arg-type]
    return copy


def partly_observed(model: Model, v: TensorVariable, data: Any, missing: np.ndarray) -> Model:
    """A copy of a model in which part of a variable is observed."""
    name = str(v.name)
    parts = imputation.split(v, name, missing)
    parts.whole.name = name
    copy = exchange(model, {v: parts.whole})
    copy.deterministics.append(parts.whole)
    imputation.register_parts(copy, parts, name, data, default_transform=model.rvs_to_transforms[v])
    return copy


def check_measurable(model: Model, v: TensorVariable) -> None:
    """Refuse a deterministic that is known once the named random variables are."""
    others: dict[Variable, Variable] = {u: u.type.variable(name=u.name) for u in model.basic_RVs}
    given = replace_all([v], others)[0]
    if not random_below(given):
        parents = ", ".join(str(u) for u in model.basic_RVs if u in set(ancestors([v])))
        raise NotDerivable(
            f"observe: '{v}' is computed from {parents or 'data'}, which are variables of the model themselves: "
            f"observe those, or write '{v}' as a distribution around what is computed. {here()}"
        )
    logp(given, v.type.variable(name=v.name))


# Other changes.


def freeze_dims_and_data(model: Model, dims: Iterable[str] | None = None, data: Iterable[str] | None = None) -> Model:
    """A copy of the model whose data and lengths of dimensions are constants.

    Parameters
    ----------
    model : Model
    dims, data : names, optional
        Which; by default all.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model() as model:
    ...     x = pm.Data("x", [1.0, 2.0], dims="row")
    ...     b = pm.Normal("b", 0, 1, dims="row")
    >>> model["b"].type.shape, pm.freeze_dims_and_data(model)["b"].type.shape
    ((None,), (2,))
    """
    chosen = [v for v in model.data_vars if isinstance(v, SharedVariable)]
    if data is not None:
        chosen = [named_variable(model, name, "freeze_dims_and_data") for name in data]  # type: ignore[misc]
    names = list(model.dim_lengths) if dims is None else list(dims)
    model.dimensions.require(names, "freeze_dims_and_data")
    lengths = {
        model.dim_lengths[n]: constant(model.dimensions.length(n), dtype="int64")
        for n in names
        if not isinstance(model.dim_lengths[n], Constant)
    }
    swaps: dict[Any, Any] = {v: frozen(v.get_value(), v.type, v.name) for v in chosen} | lengths
    return exchange(model, swaps | known_sizes(model, swaps))


def known_sizes(model: Model, swaps: Mapping[Any, Any]) -> dict[Any, Any]:
    """The sizes of draws that are numbers once some variables are exchanged, so that types can say so."""
    nodes = toposort(model.basic_RVs)
    sizes = list({node.inputs[1]: None for node in nodes if isinstance(node.op, Draw) and node.inputs[1].owner})
    found: list[Any] = replace_all(sizes, swaps)
    closed = [all(isinstance(u, Constant) for u in graph_inputs([size])) for size in found]
    return {old: constant(new.eval(), dtype="int64") for old, new, now in zip(sizes, found, closed, strict=True) if now}


def change_value_transforms(model: Model, vars_to_transforms: Mapping[Any, Any]) -> Model:
    """A copy of the model in which some free variables are sampled through other transforms (None: on their own scale).

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model() as model:
    ...     s = pm.HalfNormal("s", 1)
    >>> pm.change_value_transforms(model, {"s": None}).value_vars
    [s]
    """
    copy = exchange(model)
    for key, transform in vars_to_transforms.items():
        rv = named_variable(copy, key, "change_value_transforms")
        if rv not in copy.free_RVs:
            listed = ", ".join(map(str, copy.free_RVs))
            raise ValueError(f"change_value_transforms: '{rv}' is no free variable; those are {listed}. {here()}")
        bijection, value = value_variable(rv, None, transform, ...)
        copy.values_to_rvs.pop(copy.rvs_to_values[rv])
        copy.rvs_to_values[rv], copy.values_to_rvs[value], copy.rvs_to_transforms[rv] = value, rv, bijection
    return copy


def remove_value_transforms(model: Model, vars: Sequence[Any] | None = None) -> Model:
    """A copy of the model in which free variables (by default all) are sampled on their own scale."""
    return change_value_transforms(model, dict.fromkeys(model.free_RVs if vars is None else as_list(vars)))


def prune_vars_detached_from_observed(model: Model) -> Model:
    """A copy of the model without the variables that no observed variable and no potential depends on."""
    copy = exchange(model)
    values = [copy.rvs_to_values[rv] for rv in copy.observed_RVs]
    needed = set(ancestors([*copy.observed_RVs, *values, *copy.potentials]))
    for v in [v for v in copy.named_vars.values() if v not in needed]:
        erase(copy, v)
    return copy
