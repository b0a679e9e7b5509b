"""Watch a graph being computed, node by node: where the time goes, and where NaN comes from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.compile.numpy import describe_value
from pellucid.graph.nodes import Apply, Op, Variable
from pellucid.graph.provenance import describe, made_by
from pellucid.graph.traverse import toposort

Observer = Callable[[Apply, Sequence[Any], Callable[[], Any]], Any]
"""``observer(node, arrays, compute)`` returns what ``compute()`` returns, and looks at it on the way."""


@dataclass(frozen=True, eq=False)
class Watched(Op):
    """The op of a node, computed by its reference in the presence of an observer."""

    node: Apply
    observer: Observer

    def infer(self, *inputs: Variable) -> tuple[Any, ...]:
        return tuple(v.type for v in self.node.outputs)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return self.observer(self.node, arrays, lambda: self.node.op.impl(xp, *arrays))

    def check_arrays(self, inputs: Sequence[Variable], arrays: Sequence[Any]) -> None:
        """The checks of the op itself."""
        check = getattr(self.node.op, "check_arrays", None)
        if check is not None:
            check(self.node.inputs, arrays)

    def __str__(self) -> str:
        return str(self.node.op)


def watch(inputs: Sequence[Variable], outputs: Sequence[Variable], observer: Observer) -> list[Variable]:
    """The graph of `outputs` with every node watched: a graph like any other, for the interpreter."""
    new: dict[Variable, Variable] = {}
    for node in toposort(outputs, stop=set(inputs)):
        with made_by(node.line):
            seen = Apply(Watched(node, observer), [new.get(v, v) for v in node.inputs])
        for old, fresh in zip(node.outputs, seen.outputs, strict=True):
            fresh.name = old.name
            new[old] = fresh
    return [new.get(v, v) for v in outputs]


@dataclass
class Profile:
    """Where the time of a compiled function goes.

    Attributes
    ----------
    stages : dict from str to float
        Seconds of rewriting and compiling.
    calls : int
    seconds : float
        Of all calls together.
    nodes : dict from Apply to [calls, seconds]
        What the interpreter measured; empty for native code, whose loops compute many nodes at once.
    """

    stages: dict[str, float] = field(default_factory=dict)
    calls: int = 0
    seconds: float = 0.0
    nodes: dict[Apply, list[float]] = field(default_factory=dict)

    def observe(self, node: Apply, _arrays: Sequence[Any], compute: Callable[[], Any]) -> Any:
        """Time one node."""
        start = time.perf_counter()
        found = compute()
        entry = self.nodes.setdefault(node, [0, 0.0])
        entry[0] += 1
        entry[1] += time.perf_counter() - start
        return found

    def timed(self, stage: str, work: Callable[[], Any]) -> Any:
        """What `work` returns, its time entered as a stage."""
        start = time.perf_counter()
        found = work()
        self.stages[stage] = self.stages.get(stage, 0.0) + time.perf_counter() - start
        return found

    def called(self, work: Callable[[], Any]) -> Any:
        """One call of the function."""
        start = time.perf_counter()
        try:
            return work()
        finally:
            self.calls += 1
            self.seconds += time.perf_counter() - start

    def by_op(self) -> list[tuple[str, int, float, str]]:
        """For each op at each of the user's lines: calls, seconds, and the line; the slowest first."""
        rows: dict[tuple[str, str], list[float]] = {}
        for node, (calls, seconds) in self.nodes.items():
            row = rows.setdefault((str(node.op), describe(node.line)), [0, 0.0])
            row[0] += calls
            row[1] += seconds
        found = [(op, int(calls), seconds, line) for (op, line), (calls, seconds) in rows.items()]
        return sorted(found, key=lambda row: -row[2])

    def __str__(self) -> str:
        lines = [f"{self.calls} calls, {self.seconds:.6f} s" + (f", {self.mean:.3e} s each" if self.calls else "")]
        lines += [f"  {stage:24} {seconds:10.6f} s" for stage, seconds in self.stages.items()]
        if not self.nodes:
            lines.append("Native loops compute many ops at once: compile with backend='numpy' for a row for each op.")
            return "\n".join(lines)
        total = sum(seconds for _, _, seconds, _ in self.by_op()) or 1.0
        lines.append(f"{'op':24} {'calls':>8} {'seconds':>10} {'share':>6}  line")
        lines += [
            f"{op[:24]:24} {calls:8} {seconds:10.6f} {seconds / total:6.1%}  {line}"
            for op, calls, seconds, line in self.by_op()
        ]
        return "\n".join(lines)

    @property
    def mean(self) -> float:
        """Seconds of one call."""
        return self.seconds / self.calls if self.calls else float("nan")


class NotFiniteError(FloatingPointError):
    """A value became NaN or infinite, where the function was asked to guard against that."""


@dataclass(frozen=True)
class Guard:
    """Raises at the first node that makes NaN (or infinity) of values that had none.

    Attributes
    ----------
    infinite : bool
        Whether infinities count as well.
    """

    infinite: bool = True

    @property
    def tests(self) -> list[Callable[[Any], Any]]:
        """What must not begin: NaN, and (of finite values only) infinity."""
        return [np.isnan, not_finite] if self.infinite else [np.isnan]

    def observe(self, node: Apply, arrays: Sequence[Any], compute: Callable[[], Any]) -> Any:
        """Check one node."""
        found = compute()
        values = found if isinstance(found, tuple) else (found,)
        for value in filter(is_floating, values):
            for test in self.tests:
                where = np.asarray(test(value))
                if where.any() and not any(np.any(test(a)) for a in filter(is_floating, arrays)):
                    raise NotFiniteError(self.complaint(node, arrays, np.asarray(value), where))
        return found

    def check_input(self, v: Variable, value: Any) -> None:
        """Refuse an argument of the function that is bad already."""
        where = np.asarray(self.tests[-1](value)) if is_floating(value) else np.zeros(0, bool)
        if where.any():
            raise NotFiniteError(f"The input '{v}' holds {self.first(np.asarray(value), where)}. Clean the data first.")

    def first(self, value: np.ndarray, where: np.ndarray) -> str:
        """The first bad element, where it is, and how many there are."""
        place = tuple(int(i) for i in np.argwhere(where)[0])
        at = f" at index {place}" if place else ""
        return f"{value[place]}{at} ({int(where.sum())} of {where.size} elements)"

    def complaint(self, node: Apply, arrays: Sequence[Any], value: np.ndarray, where: np.ndarray) -> str:
        """What happened, from which values, at which line."""
        place = tuple(int(i) for i in np.argwhere(where)[0])
        lines = [f"{node.op} made {self.first(value, where)}; its inputs hold none."]
        for given, array in zip(node.inputs, arrays, strict=True):
            here = element(array, place)
            lines.append(f"  - {describe_value(given, array)}" + ("" if here is None else f", there {here}"))
        return "\n".join([*lines, f"  at {describe(node.line)}"])


def is_floating(value: Any) -> bool:
    """Whether a value can be NaN."""
    return isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fc"


def not_finite(value: Any) -> Any:
    """Which elements are NaN or infinite."""
    return ~np.isfinite(value)


def element(array: Any, place: tuple[int, ...]) -> Any:
    """The element of an operand that a broadcast pairs with the one at `place`; None where the shapes do not tell."""
    shape = np.shape(array)
    own = place[len(place) - len(shape) :] if len(shape) <= len(place) else None
    if own is None or any(n != 1 and i >= n for i, n in zip(own, shape, strict=True)):
        return None
    return np.asarray(array)[tuple(0 if n == 1 else i for i, n in zip(own, shape, strict=True))]


def as_guard(option: Any) -> Guard | None:
    """The guard that an option asks for: True, "nan" (infinities are allowed), or nothing."""
    if option is None or option is False:
        return None
    if option is True:
        return Guard()
    if option == "nan":
        return Guard(infinite=False)
    raise ValueError(f"nan_guard is True, 'nan' (infinities are allowed) or False, not {option!r}.")
