"""The definition of a valid graph, as code: run after each pass in the tests."""

from __future__ import annotations

from collections.abc import Iterable

from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.provenance import describe
from pellucid.graph.traverse import as_list, toposort


class InvalidGraph(ValueError):
    """A graph that breaks the data model's own rules: a defect of an op or of a rewrite."""


def check_graph(outputs: Variable | Iterable[Variable]) -> int:
    """Raise :class:`InvalidGraph` unless every node is well formed; return how many nodes were seen."""
    nodes = toposort(as_list(outputs))
    for node in nodes:
        check_links(node)
        check_types(node)
    return len(nodes)


def check_links(node: Apply) -> None:
    """Outputs point back to their node at their own index; inputs are variables."""
    for i, v in enumerate(node.outputs):
        if v.owner is not node or v.index != i:
            raise InvalidGraph(f"Output {i} of {node.op} does not point back to it (from {describe(node.line)}).")
    for v in node.inputs:
        if not isinstance(v, Variable):
            raise InvalidGraph(f"{node.op} has an input that is no variable: {v!r} (from {describe(node.line)}).")


def check_types(node: Apply) -> None:
    """The types of the outputs are those that the op infers from the inputs."""
    inferred = tuple(node.op.infer(*node.inputs))
    actual = tuple(v.type for v in node.outputs)
    if inferred != actual:
        raise InvalidGraph(f"{node.op} infers {inferred} but its outputs are {actual} (from {describe(node.line)}).")
