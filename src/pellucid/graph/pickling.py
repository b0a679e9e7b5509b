"""Pickle and copy graphs as flat lists of steps, so that long chains need no recursion."""

from __future__ import annotations

from threading import local
from typing import Any
from weakref import WeakKeyDictionary, ref

from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.provenance import made_by
from pellucid.graph.traverse import toposort


class History:
    """Applications in order, inputs before users: what a pickle holds in place of nodes that hold nodes.

    While it lives (a pickler's memo keeps it), each of its nodes knows its place in it. So nodes that are shared by
    several variables of one pickle are written once, and stay shared.
    """

    __slots__ = ("__weakref__", "nodes")

    def __init__(self, nodes: list[Apply]):
        self.nodes = nodes

    def __reduce__(self) -> Any:
        place = {v: (i, v.index) for i, node in enumerate(self.nodes) for v in node.outputs}
        steps = [
            (
                node.op,
                [place.get(v, v) for v in node.inputs],
                [v.type for v in node.outputs],
                [v.name for v in node.outputs],
                node.line,
            )
            for node in self.nodes
        ]
        return restore_history, (steps,)


class Places(local):
    """Where nodes lie in the histories that pickles of this thread are being made of."""

    def __init__(self) -> None:
        self.of: WeakKeyDictionary[Apply, tuple[ref[History], int]] = WeakKeyDictionary()

    def find(self, node: Apply) -> tuple[History, int] | None:
        """The living history of a node, and its place there."""
        known = self.of.get(node)
        history = None if known is None else known[0]()
        return None if known is None or history is None else (history, known[1])


PLACES = Places()


def place_of(node: Apply) -> tuple[History, int]:
    """The history that `node` belongs to (a new one where it has none), and its place in it."""
    found = PLACES.find(node)
    if found is not None:
        return found
    history = History([n for n in toposort(node.outputs[0]) if PLACES.find(n) is None])
    PLACES.of.update({n: (ref(history), i) for i, n in enumerate(history.nodes)})
    return history, len(history.nodes) - 1


def restore_history(steps: list[tuple[Any, ...]]) -> History:
    """Make the nodes again."""
    nodes: list[Apply] = []
    for op, inputs, types, names, line in steps:
        with made_by(line):
            read = [nodes[v[0]].outputs[v[1]] if isinstance(v, tuple) else v for v in inputs]
            node = Apply(op, read, types)
        for v, name in zip(node.outputs, names, strict=True):
            v.name = name
        nodes.append(node)
    return History(nodes)


def output_of(history: History, place: int, index: int) -> Variable:
    """One output of one node of a history."""
    return history.nodes[place].outputs[index]


def node_of(history: History, place: int) -> Apply:
    """One node of a history."""
    return history.nodes[place]


def reduce_variable(v: Variable, protocol: int) -> Any:
    """How a variable is pickled: a root by its slots, another by its place in a history."""
    if v.owner is None:
        return object.__reduce_ex__(v, max(protocol, 2))
    history, place = place_of(v.owner)
    return output_of, (history, place, v.index)


def reduce_node(node: Apply, _protocol: int) -> Any:
    """How an application is pickled."""
    return node_of, place_of(node)
