"""Loops that draw in each step: each step's value given those before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid.graph.nodes import Variable
from pellucid.graph.replace import replace_all
from pellucid.graph.traverse import ancestors, graph_inputs
from pellucid.stats.derivations.core import Fitted, Measure, blocked, derives, is_random, measure
from pellucid.stats.derivations.lift import pick
from pellucid.stats.recognise import is_draw
from pellucid.tensor.arithmetic import neq, switch
from pellucid.tensor.create import arange
from pellucid.tensor.index import FULL, GIVEN, Subtensor
from pellucid.tensor.loop import Scan, loop
from pellucid.tensor.shape import concatenate, dim, expand_dims, specify_shape
from pellucid.tensor.types import Constant, TensorType, TensorVariable
from pellucid.vectorize import vectorize_graph

Formula = Callable[[Measure, TensorVariable], TensorVariable]


class Series(Fitted):
    """What a loop collects: row t by the distribution it has in step t, given the rows before it."""

    def __init__(self, rv: TensorVariable):
        super().__init__(rv)
        op: Any = rv.owner.op  # type: ignore[union-attr]
        self.op, inputs = op, rv.owner.inputs  # type: ignore[union-attr]
        if op.until or rv.index < op.states:
            what = "ends by a condition" if op.until else "is the last state only"
            raise blocked(rv, f"the loop {what}", "Derive the density of all rows, for a known number of steps.")
        self.given = op.parts(inputs[1:])
        self.time: Any = TensorType("int64").variable(name="time")
        drawn = {} if is_random(op.collected[rv.index - op.states]) else self.drawn_outside()
        graphs: list[Any] = replace_all([op.collected[rv.index - op.states], *op.next_states], drawn)
        self.row, after = graphs[0], graphs[1:]
        if not is_random(self.row):
            raise blocked(rv, "no draw is made in the step, nor are its sequences random", "Draw inside the step.")
        self.value = TensorType(self.row.dtype, self.row.type.shape).variable(name="value")
        self.inner = measure(self.row)
        known = {self.row: self.value, **self.inner.origin(self.value)}
        self.next_states = dict(zip(op.leaves.states, replace_all(after, known), strict=True))
        self.event, self.discrete, self.mixed = self.inner.event, self.inner.discrete, self.inner.mixed
        self.independent = self.inner.independent and not self.needed([self.inner.log_density(self.value)])

    def drawn_outside(self) -> dict[Any, Any]:
        """For sequences of draws that were made before the loop: their leaf, and one row of them as a draw."""
        found = {}
        for leaf, rows in zip(self.op.leaves.sequences, self.given.sequences, strict=True):
            if is_random(rows):
                at = Subtensor((GIVEN, *[FULL] * (rows.ndim - 1)))
                found[leaf] = lowered(at(rows, self.time))
        return found

    def needed(self, graphs: Sequence[Variable]) -> dict[Any, Any]:
        """The state leaves that graphs of a step depend on, each with its next value in terms of leaves and the value.

        Raises
        ------
        NotDerivable
            When a state depends on draws besides the collected one.
        """
        found: dict[Any, Any] = {}
        while True:
            reached = set(ancestors([*graphs, *found.values()]))
            new = [leaf for leaf in self.next_states if leaf in reached and leaf not in found]
            if not new:
                break
            found.update((leaf, self.next_states[leaf]) for leaf in new)
        for v in found.values():
            if is_random(v):
                raise blocked(self.rv, f"a state of the loop depends on draws besides {self.row}",
                              "Collect one draw per step that all states follow from.")  # fmt: skip
        return found

    def rows(self, formula: Formula, x: TensorVariable) -> TensorVariable:
        """A formula of each step's measure, at the rows of a value."""
        one = formula(self.inner, self.value)
        states = self.needed([one])
        others = dict(zip(self.op.leaves.others, self.given.others, strict=True))
        sequences = dict(zip(self.op.leaves.sequences, self.given.sequences, strict=True))
        sequences[self.time] = arange(dim(x, 0))
        first = dict(zip(self.op.leaves.states, self.given.states, strict=True))
        if all(self.is_earlier_value(leaf, states) for leaf in states):
            return self.at_once(one, states, others, sequences, first, x)
        graphs = replace_all([one, *states.values()], others)
        reached = set(ancestors(graphs))
        used = [(leaf, rows) for leaf, rows in sequences.items() if leaf in reached]
        inside = {self.value, *sequences, *states}
        roots = [v for v in graph_inputs(graphs) if v not in inside and not isinstance(v, Constant)]
        copies: dict[Any, Any] = {v: v.type.variable(name=v.name) for v in roots}
        one, *after = replace_all(graphs, copies)
        triples = [(leaf, first[leaf], v) for leaf, v in zip(states, after, strict=True)]
        _, (found,), _ = loop(dim(x, 0), [*used, (self.value, x)], triples, [(c, v) for v, c in copies.items()], [one])
        return found

    def is_earlier_value(self, leaf: Any, states: dict[Any, Any]) -> bool:
        """Whether a state is the value of some steps before: the next of another such state, or the value itself."""
        seen = set()
        while leaf in states and leaf not in seen:
            seen.add(leaf)
            leaf = states[leaf]
        return leaf is self.value

    def at_once(
        self, one: Variable, states: dict[Any, Any], others: dict[Any, Any], sequences: dict[Any, Any],
        first: dict[Any, Any], x: TensorVariable,
    ) -> TensorVariable:  # fmt: skip
        """The formula for all steps together: every state is an earlier value, so no loop is left."""
        batch: dict[Any, Any] = {self.value: x}

        def earlier(leaf: Any) -> Any:
            if leaf not in batch:
                after = states[leaf]
                later = x if after is self.value else earlier(after)
                rows = concatenate([expand_dims(first[leaf], 0), later[:-1]])
                batch[leaf] = specify_shape(rows, (None, *leaf.type.shape))
            return batch[leaf]

        for leaf in states:
            earlier(leaf)
        batch.update(sequences)
        fixed = replace_all([one], others)
        used = set(ancestors(fixed))
        return vectorize_graph(fixed[0], {leaf: rows for leaf, rows in batch.items() if leaf in used})

    def density(self, x: TensorVariable) -> TensorVariable:
        return self.rows(lambda m, v: m.log_density(v), x)

    def tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        if not self.independent:
            raise blocked(self.rv, "its rows depend on each other", "Only its logp can be derived.")
        return self.rows(lambda m, v: m.log_tail(v, above=above, including=including), x)


@derives(Scan)
def series_rule(rv: TensorVariable) -> Measure:
    """The rows that pt.scan collects; or what pt.ifelse makes, which is two loops of one step or none."""
    chosen = branches(rv)
    return Series(rv) if chosen is None else measure(switch(*chosen))


def lowered(v: Any) -> Any:
    """An indexed expression of draws as an expression of indexed draws."""
    if is_draw(v) or not is_random(v) or v.owner is None:
        return v
    if isinstance(v.owner.op, Subtensor):
        return lowered(pick(v, v.owner.inputs[0]))
    return v.owner.op(*map(lowered, v.owner.inputs))


def branches(rv: TensorVariable) -> tuple[Any, Any, Any] | None:
    """The condition of an ifelse and its two values; None for any other loop."""
    found = []
    v: Any = rv
    for _ in range(2):
        op, node = getattr(v.owner, "op", None), v.owner
        if not isinstance(op, Scan) or not op.lazy or op.sequences or v.index >= op.states:
            return None
        given = op.parts(node.inputs[1:])
        found.append((node.inputs[0], op.body.on(node.inputs[1:])[v.index]))
        v = given.states[v.index]
    (_, otherwise), (holds, then) = found
    return neq(holds, 0), then, otherwise
