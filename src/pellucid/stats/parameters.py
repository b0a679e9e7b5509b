"""From what a user writes, by place or by name and in any parametrisation, to the parameters of a law."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pellucid.graph.provenance import describe, user_line
from pellucid.graph.traverse import graph_inputs, toposort
from pellucid.stats.bounds import evaluate_small
from pellucid.stats.constraint import Constraint, Interval
from pellucid.tensor.elementwise import Elementwise, cast
from pellucid.tensor.types import Constant, TensorVariable, as_tensor_variable, constant

MISSING = inspect.Parameter.empty
FOLDED = 8  # ops: a parametrisation in constants is computed at once, anything longer is left to the compiler


class ParameterValueError(ValueError):
    """A parameter outside the set that it must belong to."""


class Parameter(NamedTuple):
    """What may be given: the set it belongs to, and the value when it is not given."""

    constraint: Constraint
    default: Any = MISSING


class Parametrization(NamedTuple):
    """Names under which a distribution can be specified, and how the law's parameters follow from them."""

    parameters: Mapping[str, Parameter]
    convert: Callable[..., Sequence[Any]]
    keep: bool = False

    def __str__(self) -> str:
        return ", ".join(p if q.default is MISSING else f"{p}={q.default}" for p, q in self.parameters.items())


class Alternative(NamedTuple):
    """A parametrisation as declared in a class."""

    convert: Callable[..., Sequence[Any]]
    constraints: Mapping[str, Constraint]
    keep: bool


def given(convert: Callable[..., Sequence[Any]], *, keep: bool = False, **constraints: Constraint) -> Alternative:
    """Declare a parametrisation.

    Parameters
    ----------
    convert : callable
        A function of the parameters as users name them, with their defaults; returns those of the law.
    keep : bool
        Whether to leave the expression whole even for constants, because a density recognises it.
    **constraints
        The sets of parameters that are not fields of the class.
    """
    return Alternative(convert, constraints, keep)


def read_parametrization(a: Alternative, fields: Mapping[str, Parameter]) -> Parametrization:
    """A declared alternative with the constraint and the default of each of its names."""
    found = {}
    for label, argument in inspect.signature(a.convert).parameters.items():
        constraint = a.constraints[label] if label in a.constraints else fields[label].constraint
        found[label] = Parameter(constraint, argument.default)
    return Parametrization(found, lambda *values: a.convert(**dict(zip(found, values, strict=True))), a.keep)


def read_fields(cls: type) -> dict[str, Parameter]:
    """The annotated fields of a class as parameters."""
    notes = inspect.get_annotations(cls, eval_str=True)
    return {label: Parameter(note.__metadata__[0], cls.__dict__.get(label, MISSING)) for label, note in notes.items()}


def bind_arguments(cls: Any, args: Sequence[Any], named: Mapping[str, Any]) -> list[TensorVariable]:
    """The law's parameters, from the arguments of a distribution `cls`.

    Raises
    ------
    TypeError
        When an argument is unknown, given twice, or missing.
    ValueError
        When no parametrisation has all those given.
    ParameterValueError
        When a constant lies outside its set.
    """
    written = by_name(cls, args, named)
    chosen = choose(cls, written)
    values = [as_parameter(cls, label, p, written.get(label, p.default)) for label, p in chosen.parameters.items()]
    found = [as_tensor_variable(v) for v in chosen.convert(*values)]
    if not chosen.keep:
        found = [fold(v) for v in found]
    for (label, p), v in zip(cls.parameters.items(), found, strict=True):
        if not any(v is w for w in values):
            check_constant(cls, label, p, v)
    check_agreement(cls, found)
    return found


def by_name(cls: Any, args: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments by name; those that are None count as not given."""
    if len(args) > len(cls.order):
        raise TypeError(
            f"{cls.__name__} takes at most {len(cls.order)} parameters by place ({', '.join(cls.order)}), "
            f"not {len(args)}. {options(cls)}"
        )
    placed = dict(zip(cls.order, args, strict=False))
    twice = [label for label in placed if label in named]
    if twice:
        raise TypeError(
            f"{cls.__name__} was given {', '.join(twice)} both by place and by name. At {describe(user_line())}"
        )
    legal = {label for p in cls.parametrizations for label in p.parameters}
    unknown = [label for label in named if label not in legal]
    if unknown:
        raise TypeError(f"{cls.__name__} has no parameter {', '.join(map(repr, unknown))}. {options(cls)}")
    return {label: v for label, v in {**placed, **named}.items() if v is not None}


def choose(cls: Any, written: Mapping[str, Any]) -> Parametrization:
    """The parametrisation that the given names belong to."""
    fitting = [p for p in cls.parametrizations if written.keys() <= p.parameters.keys()]
    if not fitting:
        raise ValueError(f"{cls.__name__} cannot be given {', '.join(written)} together. {options(cls)}")
    for p in fitting:
        if all(label in written or q.default is not MISSING for label, q in p.parameters.items()):
            return p
    missing = [label for label, q in fitting[0].parameters.items() if label not in written and q.default is MISSING]
    raise TypeError(
        f"{cls.__name__} needs a value for {', '.join(missing)}"
        f"{' (or its alternatives)' if len(fitting) > 1 else ''}. {options(cls)}"
    )


def options(cls: Any) -> str:
    """How a distribution may be specified, and where the user did otherwise."""
    ways = " or ".join(f"({p})" for p in cls.parametrizations)
    return f"Its parameters are {ways}. At {describe(user_line())}"


def as_parameter(cls: Any, label: str, p: Parameter, value: Any) -> TensorVariable:
    """An argument as a tensor of a dtype to compute with; refused when it is known to be outside its set."""
    try:
        found = as_tensor_variable(value)
    except TypeError as error:
        raise TypeError(f"{label} of {cls.__name__} is no tensor: {error} At {describe(user_line())}") from error
    whole = isinstance(p.constraint, Interval) and p.constraint.integer
    if not whole and not found.dtype.startswith("float"):
        found = constant(found.data, dtype="float64") if isinstance(found, Constant) else cast(found, "float64")
    check_constant(cls, label, p, found)
    return found


def check_constant(cls: Any, label: str, p: Parameter, value: TensorVariable) -> None:
    """Refuse a constant outside its set, in the user's words."""
    named = isinstance(p.constraint, Interval) and (
        isinstance(p.constraint.lower, str) or isinstance(p.constraint.upper, str)
    )
    if not isinstance(value, Constant) or named or value.ndim < p.constraint.ndim:
        return
    inside = evaluate_small(p.constraint.check(value))
    if not np.all(inside):
        raise ParameterValueError(
            f"{label} of {cls.__name__} must be {p.constraint}, but it is {first_offence(value, inside)}. "
            f"At {describe(user_line())}"
        )


def first_offence(value: Constant, inside: np.ndarray) -> str:
    """The value, or of a larger array the first element that is wrong and where it stands."""
    if value.data.size <= 6 or inside.ndim == 0:
        return np.array2string(value.data, separator=", ")
    place = tuple(int(i) for i in np.argwhere(~inside)[0])
    return f"{value.data[place]} at {list(place)}, of an array of shape {value.data.shape}"


def check_agreement(cls: Any, values: Sequence[TensorVariable]) -> None:
    """Refuse constants that do not fit together, such as lower > upper."""
    if all(isinstance(v, Constant) for v in values):
        for c in cls.of(*values).agree():
            if not np.all(evaluate_small(c)):
                shown = ", ".join(f"{label} = {v}" for label, v in zip(cls.parameters, values, strict=True))
                raise ParameterValueError(
                    f"The parameters of {cls.__name__} do not fit together: {shown}. At {describe(user_line())}"
                )


def fold(v: TensorVariable) -> TensorVariable:
    """A short expression of constants, computed; anything else as it is."""
    if v.owner is None or not all(isinstance(u, Constant) for u in graph_inputs(v)):
        return v
    nodes = toposort(v)
    slow = any(isinstance(n.op, Elementwise) and n.op.floating for n in nodes)  # would import SciPy
    return v if slow or len(nodes) > FOLDED else constant(evaluate_small(v))
