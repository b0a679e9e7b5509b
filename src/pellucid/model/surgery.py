"""Copies of models in which some variables stand for others; what depends on none of these is shared by both."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from pellucid.graph.nodes import Variable
from pellucid.graph.replace import replace_all
from pellucid.graph.traverse import toposort
from pellucid.model.context import here
from pellucid.model.dims import Dimensions
from pellucid.model.logprob import value_variable
from pellucid.model.shapes import current_shape
from pellucid.tensor.types import TensorVariable

if TYPE_CHECKING:
    from pellucid.model.model import Model


def exchange(model: Model, replace: Mapping[Any, Any] | None = None) -> Model:
    """A copy of a model, itself part of no other, with the keys of `replace` exchanged for their values.

    Nodes never change, so the copy shares those that depend on nothing exchanged, and the values of data variables.
    What is exchanged keeps its name, dims and place in the order; if it was random, computed or a potential, it is
    none of these in the copy, and the caller says what it is instead.
    """
    swaps: dict[Variable, Variable] = dict(replace or {})
    summed = [v for v in swaps if v in model.marginal_terms]
    if summed:
        raise ValueError(
            f"{', '.join(map(str, summed))} cannot be exchanged: its term holds sums over variables that were "
            f"marginalised. Change the model first, then marginalise. {here()}"
        )
    every = model_variables(model)
    return assemble(model, dict(zip(every, replace_all(every, swaps), strict=True)), set(swaps))


def model_variables(model: Model) -> list[Any]:
    """The variables that a model consists of: those with names, data, lengths, and initial values."""
    data = [model.rvs_to_values[rv] for rv in model.observed_RVs]
    starts = [v for v in model.rvs_to_initial_values.values() if isinstance(v, Variable)]
    lengths = model.dimensions.lengths.values()
    every = [*model.named_vars.values(), *data, *lengths, *starts, *model.marginal_terms.values()]
    return list(dict.fromkeys(every))


def assemble(model: Model, new: Mapping[Any, Any], without: Collection[Any]) -> Model:
    """A copy of a model in which each variable is what `new` says; those of `without` are only names in it."""
    copy = model.blank()
    copy.named_vars.update({name: new[v] for name, v in model.named_vars.items()})
    copy.named_vars_to_dims.update(model.named_vars_to_dims)
    copy.dimensions = copied_dimensions(model.dimensions, new)
    copy.deterministics += [new[v] for v in model.deterministics if v not in without]
    copy.potentials += [new[v] for v in model.potentials if v not in without]
    copy.data_vars += [new[v] for v in model.data_vars]
    copy.marginal_terms.update({new[v]: new[term] for v, term in model.marginal_terms.items()})
    for rv in model.basic_RVs:
        if rv not in without:
            adopt(copy, model, rv, new)
    return copy


def copied_dimensions(dimensions: Dimensions, new: Mapping[Any, Any]) -> Dimensions:
    """Dimensions that can change without changing those they are copied from."""
    copy = Dimensions()
    copy.coords.update(dimensions.coords)
    copy.lengths.update({name: new.get(v, v) for name, v in dimensions.lengths.items()})
    copy.used.update(dimensions.used)
    return copy


def adopt(copy: Model, model: Model, rv: TensorVariable, new: Mapping[Any, Any]) -> None:
    """Let what a random variable became be to the copy what the variable is to its model."""
    fresh, value, bijection = new[rv], model.rvs_to_values[rv], model.rvs_to_transforms[rv]
    shape = model.shapes[rv] if fresh is rv else current_shape(fresh, copy.shapes)
    observed = rv in model.observed_RVs
    if observed:
        value = new[value]
    elif fresh.type != rv.type:  # its lengths are known better, or worse, and so are its value's
        value = value_variable(fresh, None, bijection, ...)[1]
    initval = None if observed else model.rvs_to_initial_values[rv]
    start = new[initval] if isinstance(initval, Variable) else initval
    copy.record(fresh, value, bijection, shape, start, observed=observed)
    if rv in model.total_sizes:
        copy.total_sizes[fresh] = model.total_sizes[rv]


def forget(model: Model, v: Any) -> None:
    """Take a variable out of a model, its name and dims excepted."""
    for listed in (model.free_RVs, model.observed_RVs, model.deterministics, model.potentials, model.data_vars):
        listed[:] = [u for u in listed if u is not v]
    value = model.rvs_to_values.pop(v, None)
    model.values_to_rvs.pop(value, None)  # type: ignore[arg-type]
    for table in (model.rvs_to_transforms, model.rvs_to_initial_values, model.shapes, model.total_sizes):
        table.pop(v, None)  # type: ignore[attr-defined]
    model.cache.clear()


def erase(model: Model, v: Any) -> None:
    """Take a variable out of a model, with its name."""
    forget(model, v)
    model.named_vars.pop(str(v.name), None)
    model.named_vars_to_dims.pop(str(v.name), None)


def settle(model: Model) -> None:
    """Put the free random variables in an order in which each stands behind those that it depends on."""
    place: dict[Any, int] = {node: i for i, node in enumerate(toposort(model.free_RVs))}
    model.free_RVs.sort(key=lambda rv: place[rv.owner])


def settle_as_pymc(model: Model) -> None:
    """The same in the order in which PyMC lists what it makes by `do` and `observe`, so that flat vectors agree.

    It is that of a walk from the last variable to the first, each behind its inputs, and these from the last to the
    first.
    """
    others = [v for v in model.named_vars.values() if v not in {*model.basic_RVs, *model.potentials}]
    free, seen = dict.fromkeys(model.free_RVs), set()
    found = []
    stack: list[tuple[Any, bool]] = [(v, False) for v in [*model.basic_RVs, *model.potentials, *others]]
    while stack:
        v, done = stack.pop()
        if done and v in free:
            found.append(v)
        elif not done and v not in seen:
            seen.add(v)
            stack.append((v, True))
            stack.extend((u, False) for u in (v.owner.inputs if v.owner is not None else ()))
    model.free_RVs[:] = found
