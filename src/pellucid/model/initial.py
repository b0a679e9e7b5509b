"""Where sampling starts: values that are likely under each variable's distribution, or that the user gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.compile.numpy import compile as compile_interpreter
from pellucid.graph.nodes import Variable
from pellucid.graph.replace import replace_reached
from pellucid.model.context import here
from pellucid.model.logprob import check_closed
from pellucid.model.shapes import Shape, current_shape
from pellucid.stats import as_seed, distribution_of, is_draw, stream, support_point
from pellucid.stats.constraint import Interval
from pellucid.stats.draws import generators_by_name
from pellucid.tensor.broadcast import ShapeError
from pellucid.tensor.elementwise import cast
from pellucid.tensor.shape import broadcast_to
from pellucid.tensor.types import Constant, TensorVariable, as_tensor_variable

if TYPE_CHECKING:
    from pellucid.model.model import Model

STRATEGIES = ("support_point", "moment", "prior")


def check_initval(rv: TensorVariable, initval: Any, shape: Sequence[int]) -> None:
    """Refuse an initial value that cannot be one."""
    if initval is None or isinstance(initval, Variable):
        return
    if isinstance(initval, str):
        if initval not in STRATEGIES:
            raise ValueError(
                f"The initval of '{rv}' is 'support_point', 'prior', an array or an expression, not {initval!r}. "
                f"{here()}"
            )
        return
    array = np.asarray(initval)
    try:
        fits = np.broadcast_shapes(array.shape, tuple(shape)) == tuple(shape)
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"The initval of '{rv}' has shape {array.shape}, but '{rv}' has shape {tuple(shape)}. {here()}"
        )
    if array.dtype.kind not in "biuf" or np.isnan(array.astype("float64")).any():
        raise ValueError(f"The initval of '{rv}' must be numbers, and not NaN. {here()}")
    check_support(rv, array)


def check_support(rv: TensorVariable, initval: np.ndarray) -> None:
    """Refuse an initial value outside the set in which the distribution's values lie, as far as that is a constant."""
    distribution = distribution_of(rv) if is_draw(rv) else None
    support = None if distribution is None else distribution.support
    if not isinstance(support, Interval):
        return
    low, high = (end.data if isinstance(end, Constant) else None for end in support.bounds(distribution))
    if (low is not None and (initval < low).any()) or (high is not None and (initval > high).any()):
        raise ValueError(
            f"The initval of '{rv}' is {initval}, but '{rv}' must lie between {'-inf' if low is None else low} and "
            f"{'inf' if high is None else high}. {here()}"
        )


def start_value(model: Model, rv: TensorVariable, overrides: Mapping[TensorVariable, Any]) -> TensorVariable:
    """Where one variable starts, on its own scale, in terms of other random variables."""
    initval = overrides.get(rv, model.rvs_to_initial_values[rv])
    if isinstance(initval, str) and initval == "prior":
        return rv
    value = support_point(rv) if initval is None or isinstance(initval, str) else as_tensor_variable(initval)
    if value.dtype != rv.dtype:
        value = cast(value, rv.dtype)
    open_or_other = value.type.shape != rv.type.shape or None in rv.type.shape
    return (
        broadcast_to(value, [rv.shape[i] if n is None else n for i, n in enumerate(rv.type.shape)])
        if open_or_other
        else value
    )


def start_graphs(model: Model, overrides: Mapping[TensorVariable, Any]) -> list[TensorVariable]:
    """The start of every value variable, as graphs that depend on nothing but data."""
    known: dict[Variable, TensorVariable] = {rv: model.rvs_to_values[rv] for rv in model.observed_RVs}
    found = []
    for rv in model.free_RVs:
        own = replace_reached(start_value(model, rv, overrides), known)
        bijection = model.rvs_to_transforms[rv]
        value = own if bijection is None else replace_reached(bijection.forward(own, *rv.owner.inputs), known)  # type: ignore[union-attr]
        known[rv] = own  # type: ignore[assignment]
        found.append(value)
    return found


def initial_point(
    model: Model, random_seed: Any = None, overrides: Mapping[TensorVariable, Any] | None = None
) -> dict[str, np.ndarray]:
    """The start of every value variable, by name; "prior" starts are drawn with `random_seed`.

    Where a transform knows no place for a default start, such as for equal elements of an ordered variable, it is 0.
    """
    check_closed(model)
    graphs = start_graphs(model, overrides or {})
    generators = generators_by_name(graphs)
    seed = as_seed(random_seed) if generators else 0
    given = [stream(seed, names[0], "initial point") for names in generators.values()]
    values = compile_interpreter(list(generators), graphs)(*given)
    found = {}
    for rv, start in zip(model.free_RVs, values, strict=True):
        v = model.rvs_to_values[rv]
        array = np.array(start, dtype=v.dtype)
        if model.rvs_to_transforms[rv] is not None and not is_told(model, rv, overrides or {}):
            array[~np.isfinite(array)] = 0
        found[str(v.name)] = array
    return found


def is_told(model: Model, rv: TensorVariable, overrides: Mapping[TensorVariable, Any]) -> bool:
    """Whether the user gave the value at which a variable starts."""
    initval = overrides.get(rv, model.rvs_to_initial_values[rv])
    return initval is not None and not isinstance(initval, str)


def shapes_by_name(model: Model) -> dict[str, Shape]:
    """The shapes of free random variables, and of their value variables."""
    found: dict[str, Shape] = {}
    for rv in model.free_RVs:
        value, bijection = model.rvs_to_values[rv], model.rvs_to_transforms[rv]
        own = current_shape(rv, model.root.shapes) if None not in rv.type.shape else shape_now(model, rv)
        if bijection is not None:
            found[str(value.name)] = value_shape(model, rv, own)
        found[str(rv.name)] = own
    return found


def shape_now(model: Model, rv: TensorVariable) -> Shape:
    """The shape of a random variable whose lengths follow data."""
    return current_shape(rv, {v: s for v, s in model.root.shapes.items() if None not in v.type.shape})  # type: ignore[attr-defined]


def value_shape(model: Model, rv: TensorVariable, own: Shape) -> Shape:
    """The shape of a transformed value variable: static, or the random variable's, or what its bijection makes."""
    static, bijection = model.rvs_to_values[rv].type.shape, model.rvs_to_transforms[rv]
    if None not in static:
        return static  # type: ignore[return-value]
    if bijection.ndim_supp == 0:
        return own
    return current_shape(bijection.forward(rv, *rv.owner.inputs), {**model.root.shapes, rv: own})  # type: ignore[union-attr]
