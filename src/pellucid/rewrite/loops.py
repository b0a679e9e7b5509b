"""Loops do in each step only what depends on the step before; the rest is computed before or after, for all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.replace import replace_all
from pellucid.graph.traverse import ancestors, toposort
from pellucid.rewrite.pattern import Table, procedure
from pellucid.tensor.body import Body
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.loop import Scan
from pellucid.tensor.shape import DimShuffle, concatenate, expand_dims
from pellucid.tensor.types import Constant, TensorType
from pellucid.vectorize import vectorize_graph

ARITHMETIC = frozenset(["abs", "add", "cast", "div", "maximum", "minimum", "mul", "neg", "select", "sign", "sub"])
"""Instructions that cost next to nothing."""

Pairs = list[tuple[Variable, Variable]]
"""Leaves of a body, and what they stand for outside."""


def loops(rewrite: Callable[[list[Variable]], list[Variable]]) -> Table:
    """The table, given how the graph of a step is rewritten (which is how every graph is)."""

    @procedure(Scan)
    def tidy_loop(node: Apply) -> Any:
        """A loop whose body is rewritten and holds only what must be repeated."""
        return None if node.op.tidy else tidied(node, rewrite)

    return (tidy_loop,)


def tidied(node: Apply, rewrite: Callable[[list[Variable]], list[Variable]]) -> list[Variable]:
    """The outputs of a loop, from one that does less in each step."""
    work = Workshop(node, rewrite(list(node.op.body.outputs)))
    if node.op.lazy:
        work.move_out_arrays()
    else:
        work.move_out_what_never_changes()
        work.move_out_what_no_state_is_in()
        work.leave_out_what_can_be_computed_after()
    return work.outputs()


class Workshop:
    """A loop taken apart.

    Attributes
    ----------
    sequences, states, others : list of pairs
        Leaves of the body and what they stand for: rows, first values, values.
    after : list of Variable
        What the states become.
    collected : list of Variable
        What each step adds a row of.
    later : dict
        The collected outputs that are computed from others once the loop is done.
    """

    def __init__(self, node: Apply, outputs: Sequence[Variable]):
        op: Scan = node.op
        self.op, self.steps = op, node.inputs[0]
        leaves, given = op.leaves, op.parts(node.inputs[1:])
        self.sequences, self.states, self.others = [
            list(zip(a, b, strict=True)) for a, b in zip(leaves, given, strict=True)
        ]
        self.results = list(outputs)
        self.later: dict[int, Variable] = {}

    @property
    def after(self) -> list[Variable]:
        """What the states become."""
        return self.results[: self.op.states]

    @property
    def collected(self) -> list[Variable]:
        """What each step adds a row of."""
        return self.results[self.op.states : len(self.results) - self.op.until]

    def depending_on(self, leaves: Iterable[Variable]) -> set[Variable]:
        """The leaves, and all in the body that is computed from them."""
        found = set(leaves)
        for node in toposort(self.results):
            if any(v in found for v in node.inputs):
                found.update(node.outputs)
        return found

    def substitute(self, new: dict[Variable, Variable]) -> None:
        """Put leaves in the place of what they now stand for."""
        self.results = replace_all(self.results, new)

    # -- before the loop

    def move_out_what_never_changes(self) -> None:
        """What depends on no row and no state is computed once, and read."""
        moving = self.depending_on(leaf for leaf, _ in [*self.sequences, *self.states])
        outside = dict(self.others)
        found = [
            v
            for v in read_from_outside(self.results, moving)
            if v not in outside and isinstance(v.type, TensorType) and (v.type.shape or not isinstance(v, Constant))
        ]
        self.read(found, replace_all(found, outside))

    def move_out_arrays(self) -> None:
        """Constants that are no scalars are read like variables."""
        found = [v for v in ancestors(self.results) if isinstance(v, Constant) and v.type.shape]
        self.read(found, found)

    def read(self, found: Sequence[Variable], outside: Sequence[Variable]) -> None:
        """Let the body read what was found in it from outside."""
        fresh = {v: v.type.variable(name=v.name) for v in found}
        self.others += list(zip(fresh.values(), outside, strict=True))
        self.substitute(fresh)

    def move_out_what_no_state_is_in(self) -> None:
        """What depends on rows alone, elementwise, is computed for all steps at once, and becomes a sequence."""
        moving = self.depending_on(leaf for leaf, _ in [*self.sequences, *self.states])
        rows = {leaf for leaf, _ in self.sequences}
        movable = set(rows)
        for node in toposort(self.results):
            changing = [v for v in node.inputs if v in moving]
            if changing and movable.issuperset(changing) and is_elementwise(node) and not grows(node, changing):
                movable.update(node.outputs)
        found = [v for v in boundary(self.results, movable) if v not in rows]
        fresh = {v: v.type.variable(name=v.name) for v in found}
        self.sequences += list(zip(fresh.values(), self.over_steps(found, self.sequences), strict=True))
        self.substitute(fresh)

    def over_steps(self, outputs: Sequence[Variable], rows: Pairs) -> list[Variable]:
        """Variables of the body for all steps at once, given rows for the leaves that change."""
        outside = dict(self.others)
        wanted = dict(rows)
        plain = [v for v in ancestors(outputs, wanted) if v in outside]
        return vectorize_graph(replace_all(outputs, {v: outside[v] for v in plain}), wanted)

    # -- after the loop

    def leave_out_what_can_be_computed_after(self) -> None:
        """Collected outputs that follow elementwise from rows and from what is collected anyway."""
        rows = {leaf for leaf, _ in self.sequences}
        recorded = set(self.collected)
        states = {leaf for (leaf, _), v in zip(self.states, self.after, strict=True) if v in recorded}
        for i, v in enumerate(self.collected):
            if v in self.after or not isinstance(v.type, TensorType):
                continue
            nodes = toposort([v], stop=(recorded - {v}) | rows | states)
            inner = {out for node in nodes for out in node.outputs}
            leaves = {u for node in nodes for u in node.inputs if u not in inner} | ({v} if v.owner is None else set())
            fixed = {u for u in leaves if u in dict(self.others) or isinstance(u, Constant)}
            # What a state was before each step has to be put together first: not worth it for cheap arithmetic.
            cheap = bool(leaves & states) and v.owner is not None and not any(map(is_expensive, nodes))
            known = rows | states | recorded
            if leaves - fixed and known >= leaves - fixed and all(map(is_elementwise, nodes)) and not cheap:
                self.later[i] = v

    # -- together again

    def outputs(self) -> list[Variable]:
        """The new loop, and what is computed from its results."""
        self.share()
        kept = dict.fromkeys(v for i, v in enumerate(self.collected) if i not in self.later)
        stop = self.results[len(self.results) - self.op.until :]
        outputs = [*self.after, *kept, *stop]
        read = set(ancestors(outputs))
        sequences, others = [[p for p in pairs if p[0] in read] for pairs in (self.sequences, self.others)]
        pairs = [*sequences, *self.states, *others]
        body = Body([leaf for leaf, _ in pairs], outputs)
        op = replace(self.op, body=body, sequences=len(sequences), tidy=True)
        found = Apply(op, [self.steps, *(v for _, v in pairs)]).outputs
        rows = dict(zip(kept, found[op.states :], strict=False))
        late = self.compute_later(rows)
        collected = [late[i] if i in late else rows[v] for i, v in enumerate(self.collected)]
        return [*found[: op.states], *collected, *(found[-1:] if op.until else [])]

    def share(self) -> None:
        """Let leaves that stand for the same thing be one."""
        new: dict[Variable, Variable] = {}
        for pairs in (self.sequences, self.others):
            first: dict[Variable, Variable] = {}
            for leaf, v in pairs:
                if first.setdefault(v, leaf) is not leaf:
                    new[leaf] = first[v]
        if new:
            self.substitute(new)

    def compute_later(self, rows: dict[Variable, Variable]) -> dict[int, Variable]:
        """What was left out of the loop."""
        if not self.later:
            return {}
        wanted = list(self.later.values())
        before = self.before_steps(rows)
        pairs = [*self.sequences, *before, *rows.items()]
        read = set(ancestors(wanted, {leaf for leaf, _ in pairs}))
        found = self.over_steps(wanted, [(leaf, v) for leaf, v in pairs if leaf in read])
        return dict(zip(self.later, found, strict=True))

    def before_steps(self, rows: dict[Variable, Variable]) -> Pairs:
        """For the states that are collected, their values before each step."""
        found: Pairs = []
        for (leaf, first), v in zip(self.states, self.after, strict=True):
            if v in rows:
                found.append((leaf, concatenate([expand_dims(first, 0), rows[v]])[:-1]))
        return found


def read_from_outside(results: Sequence[Variable], moving: set[Variable]) -> list[Variable]:
    """What is read by something that moves, or is a result, and does not move itself."""
    nodes = [node for node in toposort(results) if any(v in moving for v in node.inputs)]
    found = dict.fromkeys(v for node in nodes for v in node.inputs if v not in moving)
    found.update(dict.fromkeys(v for v in results if v not in moving))
    return list(found)


def boundary(results: Sequence[Variable], inside: set[Variable]) -> list[Variable]:
    """What belongs to `inside` and is read by something that does not, or is a result."""
    outer = [node for node in toposort(results) if not all(v in inside for v in node.outputs)]
    found = dict.fromkeys(v for node in outer for v in node.inputs if v in inside)
    found.update(dict.fromkeys(v for v in results if v in inside))
    return list(found)


def grows(node: Apply, changing: Sequence[Variable]) -> bool:
    """Whether the result has more elements than each of its changing operands: too much to keep for every step."""
    size = [n != 1 for n in node.outputs[0].type.shape]
    if isinstance(node.op, DimShuffle):
        return False
    return not any([n != 1 for n in v.type.shape] == size for v in changing)


def is_expensive(node: Apply) -> bool:
    """Whether a node calls a mathematical function."""
    recipe = node.op.llvm if isinstance(node.op, Elementwise) else "cast"
    return recipe is None or (isinstance(recipe, str) and recipe not in ARITHMETIC)


def is_elementwise(node: Apply) -> bool:
    """Whether a node does the same to every element, wherever it is."""
    return isinstance(node.op, (Elementwise, DimShuffle))
