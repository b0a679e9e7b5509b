"""The one place that orders the passes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Any

from pellucid.graph.collector import garbage_left_alone
from pellucid.graph.nodes import Variable
from pellucid.graph.traverse import as_list, toposort
from pellucid.rewrite.algebra import ALGEBRA
from pellucid.rewrite.engine import Index, Joined, Session
from pellucid.rewrite.expand import EXPAND, INLINE, composes
from pellucid.rewrite.fold import FOLD
from pellucid.rewrite.linear import LINEAR
from pellucid.rewrite.loops import loops
from pellucid.rewrite.passes import check_names, switched_off
from pellucid.rewrite.pattern import AnyRule, Table
from pellucid.rewrite.respell import with_respellings
from pellucid.rewrite.roll import roll
from pellucid.rewrite.segments import segments
from pellucid.rewrite.shapes import SHAPES
from pellucid.rewrite.stabilize import STABILIZE
from pellucid.rewrite.statistics import statistics

PIPELINE: dict[str, Table] = {
    "merge": (),
    "inline": INLINE,
    "fold": FOLD,
    "statistics": (),
    "roll": (),
    "algebra": ALGEBRA,
    "shapes": SHAPES,
    "stabilize": STABILIZE,
    "linear": LINEAR,
    "loops": loops(lambda outputs: rewrite_graph(outputs)),  # noqa: PLW0108  # which is defined below
    "expand": EXPAND,
    "segments": (),
}
"""The passes in order. Each adds its rules to those of the passes before it; "merge" only shares equal expressions."""

WHOLE: dict[str, Callable[[Sequence[Variable]], list[Variable]]] = {
    "statistics": statistics, "roll": roll, "segments": segments
}  # fmt: skip
"""Passes that look at the whole graph at once, before any rule is tried."""


@lru_cache(maxsize=1)
def spelled_out() -> dict[str, Table]:
    """The passes, with left sides also written as earlier passes leave them (made on first use, not on import)."""
    earlier: list[Index] = []
    found = {}
    for name, table in PIPELINE.items():
        found[name] = with_respellings(table, earlier)
        earlier.append(Index(found[name]))
    return found


@lru_cache(maxsize=64)
def indexes(names: tuple[str, ...]) -> tuple[tuple[Index, Index], ...]:
    """For each pass in `names`, its own rules and all rules up to it, ready for look-up."""
    parts: list[Index] = []
    found = []
    for name in names:
        if name == "expand":
            parts = [Index(tuple(r for r in part.table if not composes(r))) for part in parts]
        own = Index(spelled_out()[name])
        parts = [*parts, own]
        found.append((own, Joined(parts)))
    return tuple(found)


def chosen_passes(include: Collection[str] | None, exclude: Collection[str]) -> tuple[str, ...]:
    """The names of the passes to run, in order."""
    check_names((*(include or ()), *exclude), PIPELINE)
    if "fold" in exclude and include is None:
        raise ValueError("Other passes build on fold, and do not end without it; name those you want: include=[...].")
    left_out = {*exclude, *switched_off()}
    return tuple(name for name in PIPELINE if (include is None or name in include) and name not in left_out)


def with_rules(steps: Sequence[tuple[Index, Index]], rules: Sequence[AnyRule]) -> list[tuple[Index, Index]]:
    """Passes with a user's rules: they come first by themselves, and are tried before all others from then on."""
    own = tuple(rules)
    for rule in own:
        if not isinstance(rule, AnyRule):
            raise TypeError(f"A rule is written `pattern >> pattern` or by @procedure(...), and {rule!r} is neither.")
    if not own:
        return list(steps)
    return [(Index(own), Index(own)), *((fresh, Joined([Index(own), table])) for fresh, table in steps)]


def run_pass(session: Session, name: str, outputs: Sequence[Variable], fresh: Index, table: Index) -> list[Variable]:
    """One pass: what looks at the whole graph, then the rules."""
    return session.run(WHOLE[name](outputs) if name in WHOLE else outputs, fresh, table)


def rewrite_graph(
    outputs: Any,
    *,
    include: Collection[str] | None = None,
    exclude: Collection[str] = (),
    rules: Sequence[AnyRule] = (),
    counts: dict[str, int] | None = None,
) -> Any:
    """Graphs of the same values that compute faster and more accurately.

    Parameters
    ----------
    outputs : Variable or sequence of Variable
    include : collection of str, optional
        The passes to run (by default all), by their names in ``PIPELINE``.
    exclude : collection of str
        Passes to leave out; not "fold", which others build on.
    rules : sequence of rules, optional
        Rules of your own, tried before all others: patterns (``pm.rewrite.Hole``) before and after, or procedures.
        With ``include=[]`` nothing else is rewritten.
    counts : dict, optional
        Filled with how often the rules of each pass fired; for those that look at
        the whole graph with the number of applications they saved, or 1.

    Returns
    -------
    A variable, or a list of them; never a change of what was given.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x = pt.vector("x")
    >>> print(rewrite_graph(pt.log(pt.sqrt(x) ** 2 * 1.0 + 0.0), exclude=["expand"]))
    Log.0
    >>> from pellucid.rewrite import Hole
    >>> a = Hole("a")
    >>> print(rewrite_graph(pt.sin(x) ** 2, include=[], rules=[pt.sin(a) ** 2 >> (1 - pt.cos(2 * a)) / 2]))
    TrueDiv.0
    """
    session = Session()
    found = as_list(outputs)
    names = chosen_passes(include, exclude)
    steps = with_rules(indexes(names), rules)
    with garbage_left_alone():
        for name, step in zip([""] * (len(steps) - len(names)) + list(names), steps, strict=True):
            before, fired = found, len(session.fired)
            found = run_pass(session, name, found, *step)
            if counts is not None:
                saved = len(toposort(before)) - len(toposort(found)) if name in WHOLE else 0
                changed = name in WHOLE and any(a is not b for a, b in zip(before, found, strict=True))
                counts[name or "rules"] = len(session.fired) - fired + max(saved, changed)
    return found[0] if isinstance(outputs, Variable) else found


def expand_composites(outputs: Sequence[Variable]) -> list[Variable]:
    """`outputs` with composite ops replaced by what they are made of, and nothing else changed."""
    return rewrite_graph(list(outputs), include=["merge", "expand"])
