"""Say what rewriting did to a graph: which rules fired, where, how often, and that the value did not change."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.nodes import Variable
from pellucid.graph.printing import dprint
from pellucid.graph.provenance import Line, describe
from pellucid.graph.traverse import as_list, explicit_graph_inputs, graph_inputs, toposort
from pellucid.rewrite.engine import Firing, Session
from pellucid.rewrite.fold import evaluate_node
from pellucid.rewrite.pipeline import chosen_passes, indexes, run_pass
from pellucid.tensor.draws import Draw
from pellucid.tensor.types import TensorVariable


def evaluate(outputs: Sequence[Variable], given: Mapping[Variable, Any]) -> list[Any]:
    """The values of `outputs` by the references of the ops, from values of the roots."""
    values: dict[Variable, Any] = dict(given)
    for v in graph_inputs(outputs, blockers=set(given)):
        if v not in values:
            values[v] = v.get_value() if hasattr(v, "get_value") else getattr(v, "data", None)
    for node in toposort(outputs, stop=set(given)):
        values.update(zip(node.outputs, evaluate_node(node, [values[v] for v in node.inputs]), strict=True))
    return [np.asarray(values[v]) for v in outputs]


def random_value(v: Any, rng: np.random.Generator) -> np.ndarray:
    """A value for a root: inside the domain of most functions; unknown lengths are all 3."""
    shape = tuple(3 if n is None else n for n in v.type.shape)
    if v.dtype == "bool":
        return rng.random(shape) < 0.5
    if np.dtype(v.dtype).kind in "iu":
        return rng.integers(0, 2, shape).astype(v.dtype)
    return rng.uniform(0.1, 0.9, shape).astype(v.dtype)


@dataclass(frozen=True)
class PassReport:
    """What one pass did.

    Attributes
    ----------
    name : str
    fired : dict from (rule, line of the user's) to int
        How often each rule fired on what each line made.
    nodes : int
        The number of applications after the pass.
    """

    name: str
    fired: dict[tuple[str, Line | None], int]
    nodes: int

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.nodes} applications after it"]
        for (rule, line), times in self.fired.items():
            lines.append(f"  {times} x  {rule}    at {describe(line)}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Explanation:
    """What rewriting did to a graph; prints as a report.

    Attributes
    ----------
    before, after : list of Variable
        The graph as given and as rewritten.
    passes : list of PassReport
    difference : float or None
        The largest relative difference of the values on random inputs; None where no value could be computed.
    note : str
        How the values were compared, or why they were not.
    """

    before: list[Variable]
    after: list[Variable]
    passes: list[PassReport]
    difference: float | None
    note: str

    def fired(self) -> Counter[str]:
        """How often each rule fired, over all passes."""
        total: Counter[str] = Counter()
        for report in self.passes:
            for (rule, _), times in report.fired.items():
                total[rule] += times
        return total

    def sections(self) -> list[tuple[str, str]]:
        """The parts of the report: a title and a text each."""
        checked = self.note
        if self.difference is not None:
            checked += f": they differ by at most {self.difference:.1e} (relative)"
        return [
            ("Before", str(dprint(self.before, file="str"))),
            ("Passes", "\n".join(map(str, self.passes))),
            ("After", str(dprint(self.after, file="str"))),
            ("Values", checked),
        ]

    def __str__(self) -> str:
        return "\n\n".join(f"{title}\n{'-' * len(title)}\n{text}" for title, text in self.sections())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [
            f"<details{' open' if title != 'Before' else ''}><summary><b>{title}</b></summary>"
            f"<pre>{html.escape(text)}</pre></details>"
            for title, text in self.sections()
        ]
        return "<div>" + "".join(parts) + "</div>"


def compare(before: Sequence[Variable], after: Sequence[Variable], seed: int = 0) -> tuple[float | None, str]:
    """The largest relative difference of two lists of graphs on random inputs, and how it was found."""
    if any(isinstance(node.op, Draw) for node in toposort(before)):
        return None, "Not compared: the graph draws random numbers"
    if not all(isinstance(v, TensorVariable) for v in before):
        return None, "Not compared: not all outputs are tensors"
    rng = np.random.default_rng(seed)
    roots = [v for v in explicit_graph_inputs([*before, *after]) if isinstance(v, TensorVariable)]
    given: dict[Variable, Any] = {v: random_value(v, rng) for v in roots}
    try:
        found = evaluate([*before, *after], given)
    except (ValueError, IndexError, ArithmeticError, TypeError, np.linalg.LinAlgError) as error:
        return None, f"Not compared: random inputs do not fit this graph ({error})"
    pairs = list(zip(found[: len(before)], found[len(before) :], strict=True))
    return max([relative_difference(a, b) for a, b in pairs], default=0.0), "Compared on random inputs"


def relative_difference(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference of two arrays relative to the first; only elements that are finite in it count."""
    if a.shape != b.shape:
        return float("inf")
    finite = np.isfinite(a)
    if not finite.any():
        return 0.0
    x, y = a[finite].astype("complex128"), b[finite].astype("complex128")
    return float(np.max(np.abs(x - y) / np.maximum(np.abs(x), 1e-300), where=x != y, initial=0.0))


def tally(fired: Sequence[Firing]) -> dict[tuple[str, Line | None], int]:
    """How often each rule fired at each line of the user's."""
    return dict(Counter((f.rule.name, f.node.line) for f in fired))


def explain_rewrites(
    graph: Any, *, include: Collection[str] | None = None, exclude: Collection[str] = ()
) -> Explanation:
    """What rewriting does to a graph, pass by pass.

    Parameters
    ----------
    graph : Variable, sequence of Variable, or compiled function
    include, exclude : collection of str
        As for :func:`pellucid.rewrite.pipeline.rewrite_graph`.

    Returns
    -------
    Explanation
        Print it, or show it in a notebook.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x = pt.vector("x")
    >>> explain_rewrites(pt.log(1 - pt.sigmoid(x))).fired()["log(sigmoid(x)) >> -softplus(-x)"]
    1
    """
    before = as_list(getattr(graph, "outputs", graph))
    session, found, passes = Session(), before, []
    names = chosen_passes(include, exclude)
    for name, (fresh, table) in zip(names, indexes(names), strict=True):
        start = len(session.fired)
        found = run_pass(session, name, found, fresh, table)
        passes.append(PassReport(name, tally(session.fired[start:]), len(toposort(found))))
    return Explanation(before, found, passes, *compare(before, found))
