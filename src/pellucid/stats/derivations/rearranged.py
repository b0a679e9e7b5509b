"""Draws with their axes moved, joined, repeated or picked: each element keeps its own distribution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.nodes import Variable
from pellucid.stats.derivations.core import (
    Fitted,
    Measure,
    all_event,
    blocked,
    derives,
    fitted,
    is_random,
    measure,
    only_random,
)
from pellucid.stats.derivations.joint import conditional_variables
from pellucid.stats.derivations.lift import pick
from pellucid.stats.derivations.mixtures import Picked
from pellucid.stats.derivations.ordered import is_sort, order_statistic, sorted_rule
from pellucid.tensor.arithmetic import eq, switch
from pellucid.tensor.create import extents_of
from pellucid.tensor.index import Gather, Subtensor
from pellucid.tensor.shape import BroadcastTo, DimShuffle, Join, Reshape, concatenate, dim, dimshuffle, reshape
from pellucid.tensor.types import TensorVariable


class Moved(Fitted):
    """Axes in another order, new ones of length one, and dropped ones."""

    def __init__(self, rv: TensorVariable):
        super().__init__(rv)
        self.inner = measure(only_random(rv))
        self.order = order = rv.owner.op.order  # type: ignore[union-attr, attr-defined]
        rank = self.inner.rv.ndim
        events = {a + rank for a in self.inner.event}
        if not events <= set(order):
            raise blocked(rv, "it drops an axis of one multivariate draw", "Index that axis away first.")
        self.back = [order.index(a) if a in order else "x" for a in range(rank)]
        self.event = tuple(sorted(order.index(a) - rv.ndim for a in events))
        batch = [a for a in range(rank) if a not in events]
        self.batch = [a if a == "x" else batch.index(a) for a in order if a not in events]
        self.independent, self.discrete, self.mixed = self.inner.independent, self.inner.discrete, self.inner.mixed

    def carried(self, found: TensorVariable) -> TensorVariable:
        """What belongs to the elements of the inner variable, in the order of the outer one's."""
        return dimshuffle(found, self.batch)

    def density(self, x: TensorVariable) -> TensorVariable:
        return self.carried(self.inner.log_density(dimshuffle(x, self.back)))

    def tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        return self.carried(self.inner.log_tail(dimshuffle(x, self.back), above=above, including=including))

    def quantile(self, q: TensorVariable) -> TensorVariable:
        return fitted(self.rv, q, lambda v: dimshuffle(self.inner.quantile(dimshuffle(v, self.back)), self.batch))

    def origin(self, x: TensorVariable) -> dict[Variable, TensorVariable]:
        return self.inner.origin(dimshuffle(x, self.back))

    def is_atom(self, x: TensorVariable) -> TensorVariable | bool:
        if not self.mixed:
            return self.discrete
        return fitted(self.rv, x, lambda v: dimshuffle(self.atom_below(v), self.order))

    def atom_below(self, x: TensorVariable) -> Any:
        """Where the inner variable has atoms."""
        return self.inner.is_atom(dimshuffle(x, self.back))


@derives(DimShuffle)
def moved_rule(rv: TensorVariable) -> Measure:
    """Transposes, new axes and dropped axes."""
    return Moved(rv)


class Reshaped(Fitted):
    """The same elements under another shape."""

    def __init__(self, rv: TensorVariable):
        super().__init__(rv)
        self.inner = measure(only_random(rv))
        if self.inner.event:
            raise blocked(rv, f"{self.inner.rv} is multivariate", "Reshape the batch by giving shape=... to the draw.")
        self.independent, self.discrete, self.mixed = self.inner.independent, self.inner.discrete, self.inner.mixed

    def through(self, formula: Callable[[TensorVariable], TensorVariable], x: TensorVariable) -> TensorVariable:
        """A formula for each element of the inner variable, at a value of the outer one."""
        return reshape(formula(reshape(x, extents_of(self.inner.rv))), extents_of(self.rv))

    def density(self, x: TensorVariable) -> TensorVariable:
        return self.through(self.inner.log_density, x)

    def tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        return self.through(lambda v: self.inner.log_tail(v, above=above, including=including), x)

    def quantile(self, q: TensorVariable) -> TensorVariable:
        return fitted(self.rv, q, lambda v: self.through(self.inner.quantile, v))

    def origin(self, x: TensorVariable) -> dict[Variable, TensorVariable]:
        return self.inner.origin(reshape(x, extents_of(self.inner.rv)))


@derives(Reshape)
def reshaped_rule(rv: TensorVariable) -> Measure:
    """The elements of univariate draws under another shape."""
    return Reshaped(rv)


class Repeated(Fitted):
    """One draw along a whole axis: its copies must be equal, and count once."""

    def __init__(self, rv: TensorVariable):
        super().__init__(rv)
        self.inner = measure(only_random(rv))
        own = self.inner.rv.type.shape
        padded = (1,) * (rv.ndim - len(own)) + own
        stretched = [a - rv.ndim for a, (m, n) in enumerate(zip(padded, rv.type.shape, strict=True)) if m == 1 != n]
        self.first = tuple(slice(0, 1) if a - rv.ndim in stretched else slice(None) for a in range(rv.ndim))
        self.event = tuple(sorted({*self.inner.event, *stretched}))
        self.stretched = stretched
        self.independent, self.discrete, self.mixed = self.inner.independent, self.inner.discrete, self.inner.mixed

    def density(self, x: TensorVariable) -> TensorVariable:
        first = x[self.first]
        drop = self.rv.ndim - self.inner.rv.ndim
        found = self.inner.log_density(dimshuffle(first, list(range(drop, self.rv.ndim))) if drop else first)
        kept = [a for a in range(-self.inner.rv.ndim, 0) if a not in self.inner.event]
        found = dimshuffle(found, [i for i, a in enumerate(kept) if a not in self.stretched])
        return switch(all_event(eq(x, first), self.event), found, -np.inf)


@derives(BroadcastTo)
def repeated_rule(rv: TensorVariable) -> Measure:
    """A broadcast draw."""
    found = Repeated(rv)
    return found.inner if not found.stretched and found.inner.rv.ndim == rv.ndim else found


class Joined(Fitted):
    """Random variables one after another: each part by its own distribution, given the parts that it depends on."""

    def __init__(self, rv: TensorVariable):
        super().__init__(rv)
        self.axis: int = rv.owner.op.axis  # type: ignore[union-attr, attr-defined]
        self.parts: Sequence[TensorVariable] = rv.owner.inputs  # type: ignore[union-attr]
        fixed = [p for p in self.parts if not is_random(p)]
        if fixed:
            raise blocked(rv, f"its part {fixed[0]} is not random", "Leave that part out, and join it to the results.")
        if len(set(self.parts)) < len(self.parts):
            raise blocked(rv, "it joins a variable with itself", "Copies of a draw have no joint density.")
        given = conditional_variables({p: p.type.variable() for p in self.parts})
        self.inner = [measure(given[p]) for p in self.parts]
        self.event = self.inner[0].event
        if any(m.event != self.event for m in self.inner):
            raise blocked(rv, "its parts are draws of different numbers of axes", "Join draws of one kind.")
        self.discrete = all(m.discrete for m in self.inner)
        if not self.discrete and any(m.discrete for m in self.inner):
            raise blocked(rv, "it joins discrete and continuous variables", "Give each its own name.")
        self.mixed = any(m.mixed for m in self.inner)
        # A part that reads another one changes by giving that one a value.
        self.independent = all(new is old for old, new in given.items()) and all(m.independent for m in self.inner)

    def pieces(self, x: TensorVariable) -> list[TensorVariable]:
        """The parts of a value."""
        found, start = [], 0
        for p in self.parts:
            length = p.type.shape[self.axis]
            stop = start + (dim(p, self.axis) if length is None else length)
            found.append(x[(slice(None),) * self.axis + (slice(start, stop),)])
            start = stop
        return found

    def origin(self, x: TensorVariable) -> dict[Variable, TensorVariable]:
        found: dict[Variable, TensorVariable] = {}
        for m, v in zip(self.inner, self.pieces(x), strict=True):
            found |= m.origin(v)
        return found

    def put_together(self, terms: Sequence[TensorVariable]) -> TensorVariable:
        """The terms of the parts, side by side; added up where they belong to one multivariate value."""
        place = self.axis - self.rv.ndim
        if place in self.event:
            total = terms[0]
            for t in terms[1:]:
                total = total + t
            return total
        return concatenate(terms, self.axis - sum(a < place for a in self.event))

    def density(self, x: TensorVariable) -> TensorVariable:
        values = dict(zip(self.parts, self.pieces(x), strict=True))
        given = conditional_variables(values)
        return self.put_together([measure(given[p]).log_density(v) for p, v in values.items()])

    def each(self, x: TensorVariable, formula: Callable[[Measure, TensorVariable], TensorVariable]) -> TensorVariable:
        """A formula for each part, which must not depend on the others."""
        if not self.independent or self.event:
            raise blocked(self.rv, "its parts depend on each other", "Only its logp can be derived.")
        return self.put_together([formula(m, v) for m, v in zip(self.inner, self.pieces(x), strict=True)])

    def tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        return self.each(x, lambda m, v: m.log_tail(v, above=above, including=including))

    def quantile(self, q: TensorVariable) -> TensorVariable:
        return fitted(self.rv, q, lambda v: self.each(v, lambda m, u: m.quantile(u)))


@derives(Join)
def joined_rule(rv: TensorVariable) -> Measure:
    """concatenate and stack."""
    return Joined(rv)


@derives(Subtensor)
def picked_rule(rv: TensorVariable) -> Measure:
    """Some elements of draws; or one of several draws by a random index: a mixture."""
    if any(is_random(v) for v in rv.owner.inputs[1:]):  # type: ignore[union-attr]
        return Picked(rv)
    return order_statistic(rv) or measure(pick(rv, rv.owner.inputs[0]))  # type: ignore[union-attr]


@derives(Gather)
def gathered_rule(rv: TensorVariable) -> Measure:
    """Elements at given positions, each once; or in sorted order."""
    x, *positions = rv.owner.inputs  # type: ignore[union-attr]
    if any(is_random(v) for v in positions):
        return sorted_rule(rv) if is_sort(rv) else Picked(rv)
    return measure(pick(rv, x))
