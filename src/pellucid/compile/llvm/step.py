"""The body of a loop with leaves of its own, as the planner sees it: part of the graph around it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pellucid.compile.llvm.scalar import TYPES
from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.traverse import ancestors, toposort
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.loop import Scan
from pellucid.tensor.types import Constant, TensorType

same = Elementwise("same", "The value itself.", lambda xp, x: x, llvm=lambda k, x: x)
"""Gives a value that the loop does not compute, or that it needs twice, a place of its own."""


class Unsuited(TypeError):
    """A loop that cannot become native code, and why."""


class Step:
    """One step of a loop. What does not change from step to step is read from the graph around the loop.

    Attributes
    ----------
    node : Apply
        The loop.
    steps : Variable
        How many steps there may be.
    rows : dict
        Leaves that stand for a row → the rows.
    first : dict
        Leaves that stand for a state → its first value.
    fixed : dict
        Leaves that stand for what is the same in every step → that.
    after : list of Variable
        What the states become.
    collected : list of Variable
        What each step adds a row of; each is computed by the step, and occurs once.
    stop : Variable or None
    """

    def __init__(self, node: Apply):
        op: Scan = node.op
        self.node, self.op = node, op
        self.steps, *given = node.inputs
        parts = op.parts(given)
        leaves = [fresh(a, b) for a, b in zip(op.body.inputs, op.rows(parts), strict=True)]
        states = slice(op.sequences, op.sequences + op.states)
        leaves[states] = [known(leaf, first.type) for leaf, first in zip(leaves[states], parts.states, strict=True)]
        outputs = self.on(leaves, parts.others)
        # A state keeps its shape, so what is known of it after a step is known before it: one element, or memory.
        before: list[Variable] = []
        while before != leaves:
            before = list(leaves)
            leaves[states] = [known(leaf, v.type) for leaf, v in zip(leaves[states], outputs, strict=False)]
            outputs = outputs if leaves == before else self.on(leaves, parts.others)
        self.rows = dict(zip(leaves, parts.sequences, strict=False))
        self.first = dict(zip(leaves[op.sequences :], parts.states, strict=False))
        self.fixed = dict(zip(leaves[op.sequences + op.states :], parts.others, strict=True)) if op.lazy else {}
        self.outside = set(parts.others)
        inside = {*self.rows, *self.first}.union(*(n.outputs for n in self.nodes(outputs)))
        stored: set[Variable] = set()
        for i, v in enumerate(outputs):
            leaf = v.owner is None or v not in inside
            collected = op.states <= i < len(outputs) - op.until
            loose = i < op.states and leaf and v not in self.first and v.type.shape
            if (collected and (leaf or v in stored)) or loose:
                outputs[i] = v = same(v)  # noqa: PLW2901
            stored.update([v] if collected else [])
        self.after = outputs[: op.states]
        self.collected = outputs[op.states : len(outputs) - op.until]
        self.stop = outputs[-1] if op.until else None
        self.check_dtypes(outputs)

    def on(self, leaves: Sequence[Variable], others: Sequence[Variable]) -> list[Variable]:
        """What a step makes of leaves; a lazy loop has some for all it reads, so that nothing is computed outside."""
        return self.op.body.on(leaves if self.op.lazy else [*leaves[: self.op.sequences + self.op.states], *others])

    def nodes(self, outputs: Sequence[Variable]) -> list[Apply]:
        """The applications that each step repeats to compute `outputs`."""
        return toposort(outputs, stop={*self.rows, *self.first, *self.fixed, *self.outside})

    def constants(self) -> set[Constant]:
        """The numbers that a step reads."""
        read = {v for n in self.nodes(self.outputs) for v in n.inputs} | set(self.outputs)
        return {v for v in read if isinstance(v, Constant)}

    @property
    def outputs(self) -> list[Variable]:
        """All that a step computes."""
        return [*self.after, *self.collected, *([] if self.stop is None else [self.stop])]

    def check_dtypes(self, outputs: Sequence[Variable]) -> None:
        """Refuse values that native code has no type for."""
        for v in [*self.rows, *self.first, *(v for n in self.nodes(outputs) for v in (*n.inputs, *n.outputs))]:
            if not isinstance(v.type, TensorType) or v.type.dtype not in TYPES:
                raise Unsuited(f"a step computes {v} of type {v.type}")

    def live_states(self, needed: Iterable[Variable]) -> list[int]:
        """The states that `needed` results of a step depend on, also by way of later steps."""
        pending = [*needed, *([] if self.stop is None else [self.stop])]
        number = {leaf: k for k, leaf in enumerate(self.first)}
        found: set[int] = set()
        while pending:
            reached = {number[v] for v in ancestors(pending, self.outside) if v in number} - found
            found |= reached
            pending = [self.after[k] for k in reached]
        return sorted(found)


def known(leaf: Variable, other: Any) -> Variable:
    """A leaf of which as much is known as of it and of a value that has its shape."""
    shape = tuple(b if a is None else a for a, b in zip(leaf.type.shape, other.shape, strict=True))
    return leaf if shape == leaf.type.shape else TensorType(leaf.type.dtype, shape).variable(name=leaf.name)


def fresh(leaf: Variable, given: Any) -> Variable:
    """A leaf of its own, of which as much is known as of the leaf of the body and of what it stands for."""
    if not isinstance(leaf.type, TensorType):
        raise Unsuited(f"it carries {leaf.type}")
    shape = tuple(b if a is None and b != 1 else a for a, b in zip(leaf.type.shape, given.shape, strict=True))
    return TensorType(leaf.type.dtype, shape).variable(name=leaf.name)
