"""Several random variables at once: each one's distribution given the values of the others that it depends on."""

from __future__ import annotations

from collections.abc import Mapping

from pellucid.graph.nodes import Variable
from pellucid.graph.replace import rebuild, replace_all
from pellucid.graph.traverse import ancestors
from pellucid.stats.derivations.core import blocked, is_random, is_source, measure, sources
from pellucid.stats.recognise import NotDerivable
from pellucid.tensor.elementwise import cast
from pellucid.tensor.shape import specify_shape
from pellucid.tensor.types import TensorVariable


def as_given(rv: Variable, value: TensorVariable) -> Variable:
    """A value as what can take the place of `rv` in other graphs."""
    found = cast(value, rv.type.dtype)  # type: ignore[attr-defined]
    if found.ndim == rv.type.ndim and not rv.type.accepts(found.type):  # type: ignore[attr-defined]
        return specify_shape(found, rv.type.shape)  # type: ignore[attr-defined]
    return found


def conditional_variables(values: Mapping[TensorVariable, TensorVariable]) -> dict[TensorVariable, TensorVariable]:
    """For each variable the same one with all others, as far as it depends on them, replaced by their values.

    Raises
    ------
    NotDerivable
        When a variable is a function of the others, or two of them share a draw that has no value.
    """
    given: dict[Variable, Variable] = {rv: as_given(rv, v) for rv, v in values.items()}
    found = replace_inputs({rv: rv for rv in values}, given)
    waiting = list(values)
    while waiting:  # each value that is undone may make another variable one that can be undone
        origins = {rv: origin_of(found[rv], given[rv]) for rv in waiting}
        done = [rv for rv in waiting if origins[rv] is not None] or waiting
        known = {draw: (rv, x) for rv in done for draw, x in (origins[rv] or {}).items()}
        for rv, new in found.items():
            behind = set(ancestors(new)) if known else set()
            others = {v: as_given(v, x) for v, (owner, x) in known.items() if owner is not rv and v in behind}  # type: ignore[arg-type]
            found |= replace_inputs({rv: new}, others) if others else {}
        waiting = [rv for rv in waiting if rv not in done]
    for rv, new in found.items():
        if not is_random(new):
            raise blocked(rv, "the values of the other variables determine it", "Leave out its value, or another one.")
    check_separate(found)
    return found


def replace_inputs(
    variables: Mapping[TensorVariable, TensorVariable], given: Mapping[Variable, Variable]
) -> dict[TensorVariable, TensorVariable]:
    """The variables with parts of the graphs behind them replaced, all by the same copies."""
    inputs: list[Variable] = []
    for v in variables.values():
        if v.owner is None:
            raise blocked(v, "it is not random", "Give values to random variables only.")
        inputs.extend(v.owner.inputs)
    new = iter(replace_all(inputs, given))
    found: dict[TensorVariable, TensorVariable] = {}
    for rv, v in variables.items():
        mine = [next(new) for _ in v.owner.inputs]  # type: ignore[union-attr]
        same = all(a is b for a, b in zip(mine, v.owner.inputs, strict=True))  # type: ignore[union-attr]
        found[rv] = v if same else rebuild(v.owner, mine).outputs[v.index]  # type: ignore[assignment, arg-type]
    return found


def origin_of(rv: TensorVariable, value: Variable) -> dict[Variable, TensorVariable] | None:
    """The draws whose values follow from that of `rv`: a = log v where exp(a) = v. None if it cannot be undone yet."""
    if not is_random(rv) or rv.ndim != value.type.ndim:  # type: ignore[attr-defined]
        return {}
    try:
        return measure(rv).origin(value)  # type: ignore[arg-type]
    except NotDerivable:
        return None


def check_separate(variables: Mapping[TensorVariable, TensorVariable]) -> None:
    """Refuse variables of which one depends on a draw that another one has used up without naming its value."""
    behind = {rv: {v for v in ancestors(new) if is_source(v)} for rv, new in variables.items()}
    for rv, new in variables.items():
        used = sources(new)
        for other, draws in behind.items():
            shared = used & draws if other is not rv else set()
            if shared:
                raise blocked(
                    other,
                    f"it depends on {next(iter(shared))}, and so does {rv}",
                    "Give a value to what they share, in place of one of them.",
                )
