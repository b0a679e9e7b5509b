"""One of several random variables, chosen by another one: mixtures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.nodes import Variable
from pellucid.graph.replace import replace_all
from pellucid.graph.traverse import graph_inputs
from pellucid.stats.bounds import evaluate_small, known
from pellucid.stats.constraint import boolean as boolean_set
from pellucid.stats.constraint import positive
from pellucid.stats.derivations.core import (
    WRITE_INSTEAD,
    Fitted,
    Measure,
    blocked,
    derives,
    inner_point,
    is_random,
    measure,
    sources,
)
from pellucid.stats.derivations.monotone import stretches
from pellucid.stats.finite import values_of
from pellucid.stats.recognise import is_draw
from pellucid.tensor.arithmetic import bitwise_and, bitwise_or, eq, invert, neq, switch
from pellucid.tensor.create import extents_of, full
from pellucid.tensor.index import GIVEN, Subtensor
from pellucid.tensor.shape import Join, stack
from pellucid.tensor.softmax import logsumexp
from pellucid.tensor.types import Constant, TensorVariable, as_tensor_variable


class Point(Measure):
    """Something known: all of the probability at one value."""

    discrete = True

    def is_atom(self, x: TensorVariable) -> TensorVariable | bool:
        return eq(x, self.rv)

    def log_density(self, x: TensorVariable) -> TensorVariable:
        return switch(eq(x, self.rv), 0.0, -np.inf)

    def log_tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        inside = (self.rv > x) if above else (self.rv < x)
        return switch(bitwise_or(inside, eq(x, self.rv)) if including else inside, 0.0, -np.inf)


class Mixture(Fitted):
    """With each of some probabilities the distribution of one component.

    Where any component has an atom, the densities of those that have none there count for nothing.

    Parameters
    ----------
    rv : variable
    log_weights : sequence of variable
        The logarithms of the probabilities; elementwise, or scalars if `jointly`.
    components : sequence of Measure
    jointly : bool
        Whether one choice holds for all elements, so that these depend on each other.
    """

    def __init__(
        self,
        rv: TensorVariable,
        log_weights: Sequence[TensorVariable],
        components: Sequence[Measure],
        *,
        jointly: bool = False,
    ):
        super().__init__(rv)
        self.log_weights, self.components = log_weights, components
        self.event = components[0].event
        if any(m.event != self.event for m in components):
            raise blocked(rv, "its components are draws of different numbers of axes", WRITE_INSTEAD)
        self.jointly = jointly and rv.ndim > 0
        self.event = tuple(range(-rv.ndim, 0)) if self.jointly else self.event
        self.independent = not self.jointly and all(m.independent for m in components)
        self.discrete = all(m.discrete for m in components)
        self.mixed = not self.discrete and any(m.discrete or m.mixed for m in components)

    def density(self, x: TensorVariable) -> TensorVariable:
        atoms = [m.is_atom(x) for m in self.components]
        somewhere = any_of(atoms)
        terms = []
        for m, atom in zip(self.components, atoms, strict=True):
            if atom is True or somewhere is False:
                own = m.log_density(x)
            else:
                mere = somewhere if atom is False else bitwise_and(somewhere, invert(atom))
                own = switch(mere, -np.inf, m.log_density(switch(mere, inner_point(m.rv), x)))
            if self.jointly:
                own = own.sum()
            terms.append(own)
        return self.weighted(terms)

    def weighted(self, terms: Sequence[TensorVariable]) -> TensorVariable:
        """The log of the weighted sum."""
        weighted = [w + t for w, t in zip(self.log_weights, terms, strict=True)]
        return logsumexp(stack(weighted), axis=0)

    def tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        if self.event:
            return super().tail(x, above=above, including=including)
        return self.weighted([m.log_tail(x, above=above, including=including) for m in self.components])

    def is_atom(self, x: TensorVariable) -> TensorVariable | bool:
        return self.discrete or any_of([m.is_atom(x) for m in self.components])


def any_of(conditions: Sequence[TensorVariable | bool]) -> TensorVariable | bool:
    """Whether any holds, as far as it is known now."""
    if all(c is True for c in conditions):
        return True
    found: TensorVariable | bool = False
    for c in conditions:
        if c is True:
            return True
        if c is not False:
            found = c if found is False else bitwise_or(found, c)
    return found


class Chosen(Fitted):
    """Where a condition that is known holds one random variable, elsewhere another."""

    def __init__(self, rv: TensorVariable, condition: Any, components: Sequence[Measure]):
        super().__init__(rv)
        self.condition, self.components = condition, components
        if any(m.event for m in components):
            raise blocked(rv, "it mixes elements of multivariate draws", WRITE_INSTEAD)
        self.independent = all(m.independent for m in components)
        self.discrete = all(m.discrete for m in components)
        self.mixed = not self.discrete and any(m.discrete or m.mixed for m in components)

    def density(self, x: TensorVariable) -> TensorVariable:
        yes, no = self.components
        return switch(self.condition, yes.log_density(x), no.log_density(x))

    def tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        found = [m.log_tail(x, above=above, including=including) for m in self.components]
        return switch(self.condition, *found)

    def is_atom(self, x: TensorVariable) -> TensorVariable | bool:
        yes, no = (m.is_atom(x) for m in self.components)
        return yes if yes is no else switch(self.condition, yes, no)


def given_choice(components: Sequence[Any], choice: Variable, value: Any) -> list[Any]:
    """The components if the choice has a value: they may have it among their parameters."""
    fixed = full(extents_of(choice), value, choice.type.dtype)  # type: ignore[arg-type, attr-defined]
    return replace_all(list(components), {choice: fixed})


@derives("switch")
def switch_rule(rv: TensorVariable) -> Measure:
    """switch(condition, a, b): a mixture of a and b, or where the condition is known one of the two."""
    condition, a, b = rv.owner.inputs  # type: ignore[union-attr]
    chosen = decided(condition)
    if chosen is not None:
        branch: Any = a if chosen else b
        if is_random(branch) and stretches(branch, rv):
            raise blocked(rv, f"{branch} is one draw for all of {rv.type.shape}", "Draw it in the full shape.")
        return component(branch, rv)
    if not is_random(condition):
        if not (is_random(a) and is_random(b)) or stretches(a, rv) or stretches(b, rv):
            raise blocked(rv, f"one of {a} and {b} is not random, or not of the full shape",
                          "Give the known elements and the random ones names of their own.")  # fmt: skip
        return Chosen(rv, condition, [measure(a), measure(b)])
    shared = sources(condition) & sources([a, b])
    if shared:
        (choice, *others) = shared
        return leaky(rv) if others or choice.type.dtype.startswith("float") else enumerated(rv, choice)  # type: ignore[attr-defined]
    whole = condition.type.ndim == 0 and rv.ndim > 0  # type: ignore[attr-defined]
    if stretches(condition, rv) and not whole:
        raise blocked(rv, f"one condition of shape {condition.type.shape} holds for several elements",  # type: ignore[attr-defined]
                      "Draw it in the full shape, or as a scalar.")  # fmt: skip
    for v in (a, b):
        if is_random(v) and stretches(v, rv):
            raise blocked(rv, f"{v} is one draw of shape {v.type.shape} for all of {rv.type.shape}",  # type: ignore[attr-defined]
                          "Draw it in the full shape.")  # fmt: skip
    boolean = known(boolean_set, condition)  # type: ignore[arg-type]  # then both probabilities have all their digits
    holds = measure(condition if boolean else neq(condition, 0))
    weights = [holds.log_density(as_tensor_variable(v)) for v in (1, 0)]
    parts = [*given_choice([a], condition, 1), *given_choice([b], condition, 0)]
    return Mixture(rv, weights, [component(v, rv) for v in parts], jointly=whole)


def decided(condition: Variable) -> bool | None:
    """Whether a condition is known now to hold for all elements, or for none; None if neither is known."""
    if not all(isinstance(v, Constant) for v in graph_inputs(condition)):
        return None
    found = np.asarray(evaluate_small(condition), bool)
    return bool(found.flat[0]) if found.size and (found.all() or not found.any()) else None


def enumerated(rv: TensorVariable, choice: Any) -> Measure:
    """A mixture over the values of one discrete draw that several conditions depend on."""
    whole = choice.ndim == 0 and rv.ndim > 0
    if not is_draw(choice) or (stretches(choice, rv) and not whole):
        raise blocked(rv, f"{choice} decides about several elements", "Draw it in the full shape, or as a scalar.")
    states = values_of(choice)
    if not all(isinstance(v, Constant) for v in graph_inputs(states)):
        raise blocked(rv, f"how many values {choice} has is not known now", WRITE_INSTEAD)
    weights, parts = [], []
    for value in np.asarray(evaluate_small(states)):
        (part,) = given_choice([rv], choice, value)
        weights.append(measure(choice).log_density(as_tensor_variable(value)))
        parts.append(component(part, rv))
    return Mixture(rv, weights, parts, jointly=whole)


def component(v: Any, rv: TensorVariable) -> Measure:
    """The measure of a component, which may be known."""
    return measure(v) if is_random(v) else Point(v)


class Leaky(Fitted):
    """switch(x > c, a x, b x): a random variable that is stretched on one side."""

    def __init__(self, rv: TensorVariable, threshold: Any, above: Measure, below: Measure):
        super().__init__(rv)
        self.threshold, self.above, self.below = threshold, above, below
        self.event, self.independent = above.event, above.independent

    def density(self, x: TensorVariable) -> TensorVariable:
        return switch(x > self.threshold, self.above.log_density(x), self.below.log_density(x))

    def tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        found = [m.log_tail(x, above=above, including=including) for m in (self.above, self.below)]
        return switch(x > self.threshold, *found)


def leaky(rv: TensorVariable) -> Measure:
    """switch(x > 0, a * x, b * x) with positive a and b: both branches keep the sign, so each value has one origin."""
    condition, a, b = rv.owner.inputs  # type: ignore[union-attr]

    def slope(v: Any, x: Variable) -> bool:
        if v is x:
            return True
        if v.owner is None or str(getattr(v.owner.op, "name", "")) != "mul":
            return False
        rest = [u for u in v.owner.inputs if u is not x]
        return len(rest) == 1 and known(positive, rest[0])

    node = condition.owner
    fits = node is not None and getattr(node.op, "name", "") in ("gt", "ge") and not is_random(node.inputs[1])
    x = node.inputs[0] if fits and node is not None else None
    zero = x is not None and not np.any(getattr(node.inputs[1], "data", 1.0))  # type: ignore[union-attr]
    if x is None or not zero or not slope(a, x) or not slope(b, x) or measure(x).event:
        raise blocked(rv, "its condition depends on the random variables that it chooses from",
                      "Only switch(x > 0, x, a * x) with a positive a is known; else " + WRITE_INSTEAD)  # fmt: skip
    return Leaky(rv, 0.0, measure(a), measure(b))


class Picked(Fitted):
    """stack(components)[index] with one random index: a mixture that chooses for all elements at once."""

    def __init__(self, rv: TensorVariable):
        super().__init__(rv)
        x, *positions = rv.owner.inputs  # type: ignore[union-attr]
        op, node = rv.owner.op, x.owner  # type: ignore[union-attr]
        plain = isinstance(op, Subtensor) and node is not None and isinstance(node.op, Join) and len(positions) == 1
        axis: int = node.op.axis if plain else -1  # type: ignore[union-attr]
        if not plain or op.entries[axis] != GIVEN or sum(e == GIVEN for e in op.entries) > 1:  # type: ignore[union-attr, attr-defined]
            raise blocked(rv, "a random index picks from something other than pt.stack([...]) along its new axis, or "
                          "the index is no scalar", "Use pm.Mixture, or switch(index == k, a, b).")  # fmt: skip
        index = positions[0]
        if any(p.type.shape[axis] != 1 for p in node.inputs):  # type: ignore[union-attr]
            raise blocked(rv, "the components are not stacked one by one", "Use pt.stack([...])[index].")
        if sources(index) & sources(x):
            raise blocked(rv, "its index depends on what it picks from", WRITE_INSTEAD)
        which = measure(index)
        self.mixture = mixture_of_parts(rv, which, index, axis)
        self.event, self.independent = self.mixture.event, self.mixture.independent
        self.discrete, self.mixed = self.mixture.discrete, self.mixture.mixed

    def density(self, x: TensorVariable) -> TensorVariable:
        return self.mixture.density(x)

    def tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        return self.mixture.tail(x, above=above, including=including)

    def is_atom(self, x: TensorVariable) -> TensorVariable | bool:
        return self.mixture.is_atom(x)


def mixture_of_parts(rv: TensorVariable, which: Measure, index: Any, axis: int) -> Mixture:
    """The mixture of the parts of a stack by the probabilities of the positions."""
    x = rv.owner.inputs[0]  # type: ignore[union-attr]
    entries = rv.owner.op.entries  # type: ignore[union-attr, attr-defined]
    at = Subtensor(tuple(0 if i == axis else e for i, e in enumerate(entries)))
    weights, components = [], []
    for k, part in enumerate(x.owner.inputs):  # type: ignore[union-attr]
        weights.append(which.log_density(as_tensor_variable(np.int64(k))))
        (fixed,) = given_choice([at(part)], index, k)
        components.append(component(fixed, rv))
    return Mixture(rv, weights, components, jointly=True)
