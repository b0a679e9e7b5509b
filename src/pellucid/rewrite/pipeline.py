"""The one place that orders the passes."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.graph.intern import merge
from pellucid.graph.nodes import Variable


def rewrite_graph(outputs: Sequence[Variable]) -> list[Variable]:
    """Graphs of the same values that compute faster and more accurately."""
    return merge(outputs)
