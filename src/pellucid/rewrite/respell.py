"""Left sides as earlier rules would leave them, so that no rule waits for a spelling that no longer occurs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.graph.nodes import Variable
from pellucid.graph.traverse import ancestors
from pellucid.rewrite.engine import Index, Joined, Session
from pellucid.rewrite.pattern import Family, Hole, Literal, Pattern, Rule, Table
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.types import Constant, TensorType


def respelled(rule: Rule, earlier: Index, all_rules: Index) -> Rule | None:
    """`rule` as it must also be written to fire on what other rules leave behind; None where that changes nothing.

    The parts of the left side will have met `all_rules`, those of its own table too, when their turn comes, the whole
    only `earlier` ones.
    """
    holes = [p for p in rule.before.parts() if isinstance(p, Hole)]
    if any(p.constant or p.example for p in holes):
        return None  # such holes are filled by what has its final form already
    shape = leaf_shape(rule)
    leaves: dict[Any, Variable] = {p: TensorType(p.example_dtype, shape).variable(name=p.name) for p in holes}
    written = as_graph(rule.before, leaves)
    args = Session().run(written.owner.inputs, all_rules, all_rules)
    whole = Session().run([op_of(rule.before)(*args)], earlier, earlier)[0]
    back = {leaf: hole for hole, leaf in leaves.items()}
    if whole.owner is None or not set(leaves.values()) <= set(ancestors(whole)):
        return None  # earlier rules do the whole work
    families = {p.op.example: p.op for p in rule.before.parts() if isinstance(p.op, Family)}
    before = as_pattern_of(whole, back, families)
    same = str(before) == str(rule.before)
    return None if same else Rule(before, rule.after, rule.guard, rule)


def leaf_shape(rule: Rule) -> tuple[None, ...]:
    """The static shape of the holes: matrices where ops look at axes."""
    return (None, None) if any(p.args and not isinstance(p.op, Elementwise) for p in rule.before.parts()) else ()


def op_of(p: Pattern) -> Any:
    """The op of a pattern, for a family its example."""
    return p.op.example if isinstance(p.op, Family) else p.op


def as_graph(p: Pattern, leaves: dict[Any, Variable]) -> Any:
    """The pattern as a graph over `leaves`."""
    if isinstance(p, Hole):
        return leaves[p]
    if isinstance(p, Literal):
        return p.value
    return op_of(p)(*[as_graph(a, leaves) for a in p.args])


def as_pattern_of(v: Variable, holes: dict[Variable, Any], families: dict[Any, Any]) -> Pattern:
    """A graph as a pattern."""
    if v in holes:
        return holes[v]
    if isinstance(v, Constant):
        value = v.data.item()
        return Literal(int(value) if float(value).is_integer() else value)
    if v.owner is None:
        raise TypeError(f"{v} in a respelled left side is neither a hole nor a number.")
    op = v.owner.op
    return Pattern(families.get(op, op), [as_pattern_of(u, holes, families) for u in v.owner.inputs])


def with_respellings(table: Table, earlier: Sequence[Index]) -> Table:
    """A table with each rule followed by its other spelling, which the tables of `earlier` passes give it."""
    found: list[Any] = []
    before, all_rules = Joined(earlier), Joined([*earlier, Index(table)])
    for rule in table:
        found.append(rule)
        other = respelled(rule, before, all_rules) if isinstance(rule, Rule) else None
        if other is not None:
            found.append(other)
    return tuple(found)
