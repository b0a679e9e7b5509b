"""The log-probability of a model, as graphs of its value variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pellucid.diff import grad
from pellucid.graph.lazy import later
from pellucid.graph.nodes import Variable
from pellucid.graph.provenance import describe, made_by
from pellucid.graph.replace import replace_all, replace_reached
from pellucid.graph.traverse import explicit_graph_inputs
from pellucid.model.context import here
from pellucid.model.parts import represented
from pellucid.stats import default_transform as default_transform_of
from pellucid.stats import is_draw
from pellucid.stats import logp as conditional_logp
from pellucid.stats.bijection import Chain, with_jacobian
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import concatenate, reshape, stack
from pellucid.tensor.types import TensorType, TensorVariable, as_tensor_variable, constant

if TYPE_CHECKING:
    from pellucid.compile import function
    from pellucid.model.model import Model
else:
    (function,) = later("pellucid.compile", "function")


def value_variable(
    rv: TensorVariable, data: TensorVariable | None, default_transform: Any, transform: Any
) -> tuple[Any, TensorVariable]:
    """The bijection of a random variable (or None), and its value variable: its data if it is observed."""
    if data is not None:
        return None, data
    default: Any = default_transform
    if default is ...:
        default = default_transform_of(rv) if is_draw(rv) else None
    if transform is None and default_transform is ...:
        raise TypeError(
            f"'{rv}' has transform=None; write default_transform=None to sample it on its own scale. {here()}"
        )
    bijection = default
    if transform is not ...:
        bijection = transform if default is None else Chain([default, transform])  # type: ignore[list-item]
    if bijection is None:
        return None, TensorType(rv.dtype, rv.type.shape).variable(name=rv.name)
    unconstrained = bijection.forward(rv, *rv.owner.inputs)  # type: ignore[union-attr]
    return bijection, unconstrained.type.variable(name=f"{rv.name}_{bijection.name}__")


def values_on_own_scale(model: Model) -> dict[Variable, TensorVariable]:
    """Each random variable's value on its own scale, in terms of value variables."""
    key = "values on their own scale"
    if key not in model.cache:
        found: dict[Variable, TensorVariable] = {rv: model.rvs_to_values[rv] for rv in model.observed_RVs}
        for rv in model.free_RVs:
            bijection: Any = model.rvs_to_transforms[rv]
            value: Any = model.rvs_to_values[rv]
            if bijection is not None:
                with made_by(rv.owner.line):  # type: ignore[union-attr]
                    value = replace_reached(bijection.backward(value, *rv.owner.inputs), found)  # type: ignore[union-attr]
            found[rv] = value
        model.cache[key] = found
    return model.cache[key]


def in_values(model: Model, graphs: Sequence[TensorVariable]) -> list[TensorVariable]:
    """Graphs with each random variable replaced by its value."""
    if not isinstance(graphs, (list, tuple)):
        raise TypeError(f"replace_rvs_by_values takes a list of variables, not {graphs!r}.")
    return replace_all(list(graphs), values_on_own_scale(model.root))  # type: ignore[return-value]


def chosen(model: Model, variables: Any) -> list[TensorVariable]:
    """The random variables and potentials that `variables` mean; all of the model by default."""
    if variables is None:
        return model.basic_RVs + model.potentials
    listed = variables if isinstance(variables, (list, tuple)) else [variables]
    found: list[Any] = [model.values_to_rvs.get(v, v) for v in listed]
    known = {*model.basic_RVs, *model.potentials}
    for v in found:
        if v not in known:
            raise ValueError(
                f"{v} is neither a random variable nor a potential of the model, which has "
                f"{', '.join(map(str, known))}."
            )
    return found


def term(model: Model, v: TensorVariable, own: Mapping[Variable, TensorVariable], *, jacobian: bool) -> TensorVariable:
    """The log-probability of one variable, in terms of random variables and value variables."""
    bijection, value = model.rvs_to_transforms[v], model.rvs_to_values[v]
    with made_by(v.owner.line):  # type: ignore[union-attr]
        found = model.marginal_terms[v] if v in model.marginal_terms else conditional_logp(v, own[v])
        if bijection is not None and jacobian:
            slope = as_tensor_variable(bijection.log_jac_det(value, *v.owner.inputs))  # type: ignore[union-attr]
            found = with_jacobian(found, slope, bijection, v.type.ndim)
        size = model.total_sizes.get(v)
        return found if size is None else found * represented(size, own[v])


def terms(model: Model, variables: Any = None, *, jacobian: bool = True) -> list[TensorVariable]:
    """The log-probability of each variable, elementwise, and the potentials: in terms of value variables only."""
    key = "terms", jacobian
    if variables is None and key in model.cache:
        return list(model.cache[key])
    own = values_on_own_scale(model.root)
    listed = chosen(model, variables)
    potentials = set(model.potentials)
    marginal = model.root.marginal_terms
    graphs = [marginal.get(v, v) if v in potentials else term(model.root, v, own, jacobian=jacobian) for v in listed]
    found = replace_all(graphs, own)
    for v, logp in zip(listed, found, strict=True):
        if logp.owner is not None and logp.name is None:
            logp.name = f"{v.name}_logprob"
    if variables is None:
        model.cache[key] = found
    return list(found)  # type: ignore[arg-type]


def total(model: Model, variables: Any = None, *, jacobian: bool = True) -> TensorVariable:
    """The sum of all terms."""
    found = [sum_(t) for t in terms(model, variables, jacobian=jacobian)]
    if not found:
        return constant(0.0)
    scalar = found[0]
    for t in found[1:]:
        scalar = scalar + t
    name = "__logp" if jacobian else "__logp_nojac"
    if scalar.name is None and scalar.owner is not None:
        scalar.name = f"{name}_{model.name}" if model.name else name
    return scalar


def differentiable(model: Model, variables: Any) -> list[TensorVariable]:
    """The value variables that a gradient is asked for."""
    if variables is None:
        return model.continuous_value_vars
    listed = variables if isinstance(variables, (list, tuple)) else [variables]
    found: list[Any] = [model.rvs_to_values.get(v, v) for v in listed]
    for v in found:
        if v not in model.value_vars:
            raise ValueError(f"{v} is no free random variable of the model.")
    return found


def gradient(model: Model, variables: Any = None, *, jacobian: bool = True) -> TensorVariable:
    """The gradient of the log-probability as one vector, in the order of the value variables."""
    wrt = differentiable(model, variables)
    found = grad(total(model, jacobian=jacobian), wrt, disconnected_inputs="ignore")
    return join(found)


def join(pieces: Sequence[TensorVariable]) -> TensorVariable:
    """Tensors as one vector."""
    flat = [reshape(p, -1) for p in pieces]
    return concatenate(flat) if flat else constant([], dtype="float64")


def hessian_matrix(
    model: Model, variables: Any = None, *, jacobian: bool = True, negate: bool = True
) -> TensorVariable:
    """The second derivatives of the log-probability as one matrix.

    Row i is the gradient of element i of the gradient: the static number of elements must be known.
    """
    wrt = differentiable(model, variables)
    slope = gradient(model, variables, jacobian=jacobian)
    size = slope.type.shape[0]
    if size is None:
        raise TypeError(
            f"The Hessian needs value variables of known lengths; these are {', '.join(f'{v} {v.type}' for v in wrt)}."
        )
    rows = [join(grad(slope[i], wrt, disconnected_inputs="ignore")) for i in range(size)]
    found = stack(rows) if rows else constant([[]], dtype="float64")
    return -found if negate else found


def check_closed(model: Model) -> None:
    """Refuse models with terms that need values which nobody will give."""
    if "closed" in model.cache:
        return
    values = set(model.value_vars)
    for v, graph in zip(chosen(model, None), terms(model), strict=True):
        missing = [u for u in explicit_graph_inputs(graph) if u not in values]
        if missing:
            line = v.owner.line if v.owner is not None else None
            raise function.MissingInputError(
                f"'{v}' depends on {', '.join(f'{u} ({u.type})' for u in missing)}, which has no value: make it a "
                "random variable, "
                f"pm.Data, or an array. '{v}' was made at {describe(line)}"
            )
    model.cache["closed"] = True
