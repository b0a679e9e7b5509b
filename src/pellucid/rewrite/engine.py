"""Apply tables of rules to a graph, bottom up, until none fires, merging equal expressions on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.intern import Interner
from pellucid.graph.nodes import Apply, Op, Variable
from pellucid.graph.provenance import describe, made_by
from pellucid.graph.traverse import toposort
from pellucid.rewrite.pattern import AnyRule, Key, Table, key_of
from pellucid.tensor.broadcast import Extent
from pellucid.tensor.elementwise import Elementwise, cast
from pellucid.tensor.shape import broadcast_to, dim
from pellucid.tensor.types import TensorType, TensorVariable, constant

FUEL_PER_NODE = 200
"""How often rules may fire for each application of the original graph before the tables are judged not to end."""


class EndlessRewrite(RuntimeError):
    """Rules undo each other, or make ever larger expressions: a defect of the tables."""


class Index:
    """A table, by what can be seen of an application at a glance."""

    def __init__(self, table: Table):
        self.table = table
        self.known: dict[Key, Table] = {}

    def candidates(self, key: Key) -> Table:
        """The rules that could match an application with this key."""
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = tuple(rule for rule in self.table if rule.may_match(key))
        return found


class Joined(Index):
    """Several tables one after another, each of which is looked up once for all that it is part of."""

    def __init__(self, parts: Sequence[Index]):
        super().__init__(tuple(rule for part in parts for rule in part.table))
        self.parts = parts

    def candidates(self, key: Key) -> Table:
        """The rules that could match an application with this key."""
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = tuple(rule for part in self.parts for rule in part.candidates(key))
        return found


@dataclass(frozen=True)
class Firing:
    """One rule that fired, on one application."""

    rule: AnyRule
    node: Apply


class Values(dict[Variable, Variable]):
    """What stands for each variable; roots stand for themselves, or for a constant of the same content."""

    def __init__(self, session: Session):
        super().__init__()
        self.session = session

    def __missing__(self, v: Variable) -> Variable:
        if v.owner is not None:
            raise KeyError(v)
        found = self[v] = self.session.leaf(v)
        return found


class Session(Interner):
    """One graph on its way through several tables.

    Attributes
    ----------
    fired : list of Firing
        All rules that fired, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fired: list[Firing] = []
        self.keys: dict[Apply, Key] = {}
        self.passes = 0
        self.settled: dict[Apply, int] = {}  # the last pass in which no rule fired on an application
        self.values = Values(self)
        self.representatives: dict[Variable, Variable] = {}
        self.waiting: dict[Apply, tuple[Apply, Sequence[Variable]]] = {}
        self.active: dict[Apply, AnyRule] = {}
        self.fuel = 0

    def run(self, outputs: Sequence[Variable], fresh: Index, table: Index) -> list[Variable]:
        """`outputs` after applying rules to a fixed point.

        `table` holds the rules of this pass and of those before it, `fresh` the new ones among them: all that need
        be tried on an application that came through an earlier pass unchanged.
        """
        nodes = toposort(outputs)
        self.passes += 1
        self.values = Values(self)
        self.fuel = len(self.fired) + FUEL_PER_NODE * (len(nodes) + 10)
        if self.passes > 1 and not any(fresh.candidates(self.key(node)) for node in nodes):
            self.settled.update(dict.fromkeys(nodes, self.passes))
            return list(outputs)
        for node in nodes:
            if node.outputs[0] not in self.values and not self.passes_through(node, fresh):
                pending = self.visit(node, fresh, table)
                if node in self.waiting:
                    self.settle([node, *pending], fresh, table)
        return [self.values[v] for v in outputs]

    def passes_through(self, node: Apply, fresh: Index) -> bool:
        """Whether neither `node` nor its inputs change in this pass; nearly all come this way, so it is made short."""
        if self.settled.get(node) != self.passes - 1 or fresh.candidates(self.keys[node]):
            return False
        values = self.values
        for v in node.inputs:
            if values[v] is not v:
                return False
        self.settled[node] = self.passes
        for v in node.outputs:
            values[v] = v
        return True

    def leaf(self, v: Variable) -> Variable:
        """The representative of a root, looked up by content once."""
        found = self.representatives.get(v)
        if found is None:
            found = self.representatives[v] = super().leaf(v)
        return found

    def node(self, node: Apply, inputs: Sequence[Variable]) -> Apply:
        """The representative of `node` applied to `inputs`, the order of which may not matter."""
        op, given = node.op, tuple(inputs)
        elementwise = type(op) is Elementwise
        swapped = elementwise and op.commutes and id(given[0]) > id(given[1])
        key = op, (given[::-1] if swapped else given)
        known = self.nodes.get(key)
        if known is None:
            known = self.nodes[key] = node if given == node.inputs else again(node, given, elementwise=elementwise)
        return known

    def settle(self, stack: list[Apply], fresh: Index, table: Index) -> None:
        """Find what stands for each of `stack`, the last first, and for what their replacements are made of."""
        values = self.values
        while stack:
            node = stack[-1]
            if node.outputs[0] in values:
                stack.pop()
                continue
            known = self.waiting.get(node)
            if known is not None:
                self.conclude(node, *known)
                continue
            pending = [v.owner for v in node.inputs if v.owner is not None and v not in values]
            if not pending:
                pending = self.visit(node, fresh, table)
            stack.extend(pending)

    def visit(self, node: Apply, fresh: Index, table: Index) -> list[Apply]:
        """Give `node`, whose inputs are settled, its value; or find a better one, and say what that waits for."""
        values = self.values
        same = self.node(node, [values[v] for v in node.inputs])
        if same.outputs[0] in values:
            values.update(zip(node.outputs, [values[v] for v in same.outputs], strict=True))
            return []
        if same in self.active:
            raise EndlessRewrite(self.complaint(same))
        rules = fresh if self.settled.get(same) == self.passes - 1 else table
        better = self.improve(same, rules.candidates(self.key(same)))
        if better is None:
            self.settled[same] = self.passes
            for old, new in zip(node.outputs, same.outputs, strict=True):
                values[old] = values[new] = new
            return []
        self.waiting[node] = same, better
        return [v.owner for v in better if v.owner is not None and v not in values]

    def conclude(self, node: Apply, same: Apply, better: Sequence[Variable]) -> None:
        """All that the replacement of `node` is made of is settled now."""
        for old, alike, new in zip(node.outputs, same.outputs, better, strict=True):
            self.values[old] = self.values[alike] = self.values[new]
        del self.waiting[node], self.active[same]

    def key(self, node: Apply) -> Key:
        """The key of a representative, computed once."""
        found = self.keys.get(node)
        if found is None:
            found = self.keys[node] = key_of(node)
        return found

    def improve(self, node: Apply, candidates: Table) -> Sequence[Variable] | None:
        """The outputs that the first rule to fire puts in place of those of `node`."""
        if not candidates:
            return None
        with made_by(node.line):
            for rule in candidates:
                found = rule(node)
                better = None if found is None else fit_all(found, node)
                if better is not None:
                    self.record(rule, node)
                    self.carry_names(node, better)
                    return better
        return None

    def record(self, rule: AnyRule, node: Apply) -> None:
        """Remember that `rule` fired; complain when that never ends."""
        self.fired.append(Firing(rule, node))
        self.active[node] = rule
        if len(self.fired) > self.fuel:
            raise EndlessRewrite(self.complaint(node))

    def carry_names(self, node: Apply, better: Sequence[Variable]) -> None:
        """Name what was just made after what it replaces; variables of the user's are never renamed."""
        for old, new in zip(node.outputs, better, strict=True):
            if old.name and new.name is None and new.owner is not None and new not in self.values:
                new.name = old.name

    def complaint(self, node: Apply) -> str:
        """What an endless rewrite says."""
        rules = dict.fromkeys(f.rule.name for f in self.fired[-12:])
        return (
            f"Rewriting does not end at {node} (from {describe(node.line)}). The rules that fired last:\n"
            + "\n".join(f"  {name}" for name in rules)
            + "\nThey undo each other, or grow without end; exclude one of their passes, and report this as a defect."
        )


def again(node: Apply, inputs: tuple[Variable, ...], *, elementwise: bool) -> Apply:
    """`node` on other inputs, with its line and names."""
    # The type of an elementwise result follows from the types of the inputs, which rarely change.
    reusable = elementwise and [v.type for v in inputs] == [v.type for v in node.inputs]
    with made_by(node.line):
        found = Apply(node.op, inputs, [v.type for v in node.outputs] if reusable else None)
    for old, new in zip(node.outputs, found.outputs, strict=True):
        new.name = old.name
    return found


def fit_all(found: Any, node: Apply) -> list[Variable] | None:
    """Replacements in the types of the outputs of `node`; None when one does not fit."""
    several = isinstance(found, (list, tuple))
    fitted = []
    for w, v in zip(found if several else [found], node.outputs, strict=True):
        better = fit(w, v, node)
        if better is None:
            return None
        fitted.append(better)
    return fitted


def fit(w: Any, v: Variable, node: Apply) -> Variable | None:
    """`w` cast and stretched to the type of `v`, the output of `node` that it replaces; None when it cannot be."""
    if not isinstance(v, TensorVariable):
        return w
    if not isinstance(w, TensorVariable):
        w = constant(np.array(w), dtype=v.type.dtype)
    if w.type == v.type:
        return w
    if w.dtype != v.dtype:
        if np.dtype(w.dtype).kind in "fc" or np.dtype(v.dtype).kind == "b":
            return None  # the digits that a narrower computation lost do not come back
        w = cast(w, v.dtype)
    return w if keeps_shape(w.type, v.type) else stretch(w, v, node)


def keeps_shape(new: TensorType, old: TensorType) -> bool:
    """Whether as much is known of the new shape as of the old, and no axis has to be stretched."""
    return len(new.shape) == len(old.shape) and all(
        a == b or (b is None and a != 1) for a, b in zip(new.shape, old.shape, strict=True)
    )


def stretch(w: TensorVariable, v: TensorVariable, node: Apply) -> Variable | None:
    """`w` broadcast to the shape of `v`."""
    extents = output_extents(node, v.index)
    if extents is None or w.ndim > v.ndim:
        return None
    known = [n if static is None else static for n, static in zip(extents, v.type.shape, strict=True)]
    tail = v.type.shape[v.ndim - w.ndim :]
    if any(a not in (b, 1) and b is not None for a, b in zip(w.type.shape, tail, strict=True)):
        return None  # less would be known of the shape than before
    return broadcast_to(w, known)


def extents(v: Variable) -> tuple[Extent, ...]:
    """The lengths of the axes of `v`: numbers where they are static."""
    if not isinstance(v, TensorVariable):
        return ()
    return tuple(dim(v, i) if n is None else n for i, n in enumerate(v.type.shape))


def output_extents(node: Apply, index: int) -> tuple[Extent, ...] | None:
    """The lengths of the axes of an output, in terms of the inputs; None where the op does not say."""
    infer_shape = getattr(node.op, "infer_shape", None)
    if infer_shape is None or not isinstance(node.op, Op):
        return None
    return infer_shape(node.inputs, [extents(v) for v in node.inputs])[index]
