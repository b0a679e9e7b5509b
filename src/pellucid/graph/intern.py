"""Value numbering: within one session, equal expressions are the same object."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.graph.nodes import Apply, Op, Variable
from pellucid.graph.replace import rebuild
from pellucid.graph.traverse import toposort


class Interner:
    """A session in which equal expressions are merged.

    A leaf is equal only to itself, or to a constant of the same content. That is all that keeps two random
    draws apart: each has an rng leaf of its own.
    """

    def __init__(self) -> None:
        self.leaves: dict[object, Variable] = {}
        self.nodes: dict[tuple[Op, tuple[Variable, ...]], Apply] = {}

    def leaf(self, v: Variable) -> Variable:
        """The representative of a leaf."""
        return self.leaves.setdefault(v.key(), v)

    def node(self, node: Apply, inputs: Sequence[Variable]) -> Apply:
        """The representative of `node` applied to `inputs` (themselves representatives)."""
        key = node.op, tuple(inputs)
        known = self.nodes.get(key)
        if known is None:
            same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
            known = self.nodes[key] = node if same else rebuild(node, inputs)
        return known


def merge(outputs: Sequence[Variable]) -> list[Variable]:
    """`outputs` with equal subexpressions computed once."""
    session = Interner()
    done: dict[Variable, Variable] = {}

    def read(v: Variable) -> Variable:
        return done[v] if v in done else session.leaf(v)

    for node in toposort(outputs):
        same = session.node(node, [read(v) for v in node.inputs])
        done.update(zip(node.outputs, same.outputs, strict=True))
    return [read(v) for v in outputs]


def equal_computations(first: Sequence[Variable], second: Sequence[Variable]) -> bool:
    """Whether two lists of variables mean the same expressions of the same roots."""
    if len(first) != len(second):
        return False
    merged = merge([*first, *second])
    return all(a is b for a, b in zip(merged[: len(first)], merged[len(first) :], strict=True))
