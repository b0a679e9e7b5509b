"""Loops that draw in each step: each step's value given those before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid.graph.nodes import Variable
from pellucid.graph.replace import replace_all
from pellucid.graph.traverse import ancestors
from pellucid.stats.derivations.core import Fitted, Measure, blocked, derives, is_random, measure
from pellucid.tensor.arithmetic import neq, switch
from pellucid.tensor.loop import Scan, loop
from pellucid.tensor.shape import concatenate, dim, expand_dims, specify_shape
from pellucid.tensor.types import TensorType, TensorVariable
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
        self.row: Any = op.collected[rv.index - op.states]
        if not is_random(self.row):
            raise blocked(rv, "no draw is made in the step: its random numbers come from outside",
                          "Draw inside the step.")  # fmt: skip
        self.value = TensorType(self.row.dtype, self.row.type.shape).variable(name="value")
        self.inner = measure(self.row)
        self.event, self.discrete = self.inner.event, self.inner.discrete
        self.independent = self.inner.independent and not self.needed([self.inner.log_density(self.value)])

    def needed(self, graphs: Sequence[Variable]) -> dict[Any, Any]:
        """The state leaves that graphs of a step depend on, each with its next value in terms of leaves and the value.

        Raises
        ------
        NotDerivable
            When a state depends on draws besides the collected one.
        """
        after = replace_all(self.op.next_states, {self.row: self.value})
        states = dict(zip(self.op.leaves.states, after, strict=True))
        found: dict[Any, Any] = {}
        while True:
            reached = set(ancestors([*graphs, *found.values()]))
            new = [leaf for leaf in states if leaf in reached and leaf not in found]
            if not new:
                break
            found.update((leaf, states[leaf]) for leaf in new)
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
        first = dict(zip(self.op.leaves.states, self.given.states, strict=True))
        if all(after is self.value or after in states for after in states.values()):
            return self.at_once(one, states, others, sequences, first, x)
        used = {leaf: rows for leaf, rows in sequences.items() if leaf in set(ancestors([one, *states.values()]))}
        triples = [(leaf, first[leaf], after) for leaf, after in states.items()]
        reads = [v for v in others if isinstance(v.type, TensorType)]
        _, (found,), _ = loop(
            dim(x, 0), [*used.items(), (self.value, x)], triples, [(v, others[v]) for v in reads], [one]
        )
        return found

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
