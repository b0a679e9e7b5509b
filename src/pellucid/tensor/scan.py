"""How users write loops: scan, with sequences, taps and stopping conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.provenance import describe, user_line
from pellucid.graph.replace import replace_all
from pellucid.graph.traverse import ancestors, toposort
from pellucid.tensor.arithmetic import disconnected_grad, eq, maximum, switch
from pellucid.tensor.broadcast import shape_error
from pellucid.tensor.draws import RngType, count_of_generators
from pellucid.tensor.elementwise import cast
from pellucid.tensor.loop import Scan, loop
from pellucid.tensor.shape import as_extent, concatenate, dim
from pellucid.tensor.types import Constant, TensorType, TensorVariable, as_tensor_variable, constant, static_value


class until:  # noqa: N801  # PyTensor's spelling: `return y, until(y > 1)`
    """What a step returns last to say that no step shall follow when `condition` holds."""

    def __init__(self, condition: Any):
        self.condition = as_tensor_variable(condition)
        if self.condition.ndim:
            raise TypeError(
                f"A loop stops on a scalar condition, not on {self.condition} of type {self.condition.type}."
            )


@dataclass
class Tapped:
    """A sequence, or an output that is fed back, with the steps at which it is read.

    Attributes
    ----------
    value : TensorVariable or None
        The sequence; or the first state (with several taps, one row for each step before the first).
    taps : list of int
    """

    value: Any
    taps: list[int]

    @property
    def reach(self) -> int:
        """How many steps back the oldest tap is."""
        return -min(self.taps)


def scan(
    fn: Callable[..., Any],
    sequences: Any = None,
    outputs_info: Any = None,
    non_sequences: Any = None,
    n_steps: Any = None,
    truncate_gradient: int = -1,
    go_backwards: bool = False,
    mode: Any = None,  # PyTensor's signature; a function's backend decides
    name: str | None = None,
    profile: bool = False,
    allow_gc: bool | None = None,
    strict: bool = False,
    return_list: bool = False,
    return_updates: bool = True,
) -> Any:
    """Repeat a step, which may read rows of sequences and what earlier steps returned.

    Parameters
    ----------
    fn : callable
        The step: a function of the current rows of `sequences`, then of the earlier outputs that `outputs_info` asks
        for, then of `non_sequences`. It returns a variable or several, then perhaps a dict of updates of shared
        variables, then perhaps :class:`until`. It is called once (twice where a state needs a wider dtype), to
        write the graph of one step. Variables that it merely mentions are read as they are.
    sequences : variable, dict, or list of these, optional
        What is read row by row along the first axis. ``dict(input=x, taps=[-1, 0])`` reads ``x[t - 1]`` and ``x[t]``.
    outputs_info : list with an entry for each output, optional
        None for an output that is not fed back; the first value of one that is; or
        ``dict(initial=x, taps=[-2, -1])``, where x has a row for each of the (here two) steps before the first.
    non_sequences : variable or list, optional
        Further arguments of the step, the same in each.
    n_steps : int or integer scalar, optional
        By default the length of the sequences.
    truncate_gradient : int
        Of how many of the last steps there is a gradient; -1 for all.
    go_backwards : bool
        Read the sequences from their last row.
    name : str, optional
    strict : bool
        Refuse steps that mention variables which are not among the arguments.
    return_list : bool
        Return a list also for a single output.
    return_updates : bool
        Return a pair: the outputs, and a dict of updates of shared variables.

    Returns
    -------
    Each output with one row for each step (a variable for one output, else a list), and the updates.

    Raises
    ------
    ShapeError
        When lengths of sequences differ, or a step changes the shape of a state.
    TypeError, ValueError
        When the number of steps is not known, or `fn` does not return what `outputs_info` says.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> total, _ = scan(lambda x, before: x + before, sequences=pt.arange(4), outputs_info=0)
    >>> total.eval()
    array([0, 1, 3, 6])
    """
    read = [as_sequence(s) for s in as_entries(sequences)]
    fixed = [as_argument(v) for v in as_entries(non_sequences)]
    steps, rows = align_sequences(read, n_steps, go_backwards)
    step = Step(fn, read, rows, outputs_info, fixed)
    step.trace()
    if strict:
        step.check_strict()
    step.kept_steps = checked_truncation(truncate_gradient, step)
    outputs, updates = step.repeat(steps, name)
    found: Any = outputs if len(outputs) != 1 or return_list else outputs[0]
    return (found, updates) if return_updates else found


def checked_truncation(steps: Any, step: Step) -> int | None:
    """The number of last steps that have a gradient; None for all."""
    if steps == -1:
        return None
    if not isinstance(steps, (int, np.integer)) or steps < 1 or step.stop is not None:
        raise ValueError(
            f"truncate_gradient is the number of last steps with a gradient, 1 or more (-1 for all), not {steps!r}; "
            "it cannot go with until, where only the loop itself finds its last step."
        )
    return int(steps)


def as_entries(listed: Any) -> list[Any]:
    """One entry, several, or none, as a list."""
    if listed is None:
        return []
    return list(listed) if isinstance(listed, (list, tuple)) else [listed]


def as_argument(v: Any) -> Variable:
    """A non-sequence as a variable."""
    return v if isinstance(v, Variable) else as_tensor_variable(v)


def as_sequence(s: Any) -> Tapped:
    """One entry of `sequences`."""
    given = s if isinstance(s, Mapping) else {"input": s}
    taps = given.get("taps")
    value = as_tensor_variable(given["input"])
    if value.ndim == 0:
        raise shape_error(
            "scan reads a sequence row by row", [value], "a scalar has no rows", "Pass it in non_sequences."
        )
    return Tapped(value, [0] if taps is None else [int(t) for t in as_entries(taps)])


def as_feedback(info: Any) -> Tapped | None:
    """One entry of `outputs_info`; None where the output is not fed back."""
    if info is None:
        return None
    given = info if isinstance(info, Mapping) else {"initial": info}
    if given.get("initial") is None:
        if given.get("taps") is not None:
            raise ValueError(
                "An output with taps needs the values before the first step: dict(initial=..., taps=[...])."
            )
        return None
    taps = given.get("taps")
    found = Tapped(as_tensor_variable(given["initial"]), [-1] if taps is None else [int(t) for t in as_entries(taps)])
    if max(found.taps) >= 0:
        raise ValueError(
            f"The taps {found.taps} of an output must be negative: a step can only read what earlier steps returned."
        )
    check_first_rows(found)
    return found


def check_first_rows(feedback: Tapped) -> None:
    """With several taps the first state has a row for each step that they reach back."""
    v, reach = feedback.value, feedback.reach
    if reach == 1:
        return
    if v.ndim == 0 or v.type.shape[0] not in (None, reach):
        raise shape_error(
            f"The taps {feedback.taps} reach back {reach} steps", [v], f"so the initial value needs {reach} rows",
            "Stack the values before the first step, the oldest first.",
        )  # fmt: skip


def align_sequences(
    read: Sequence[Tapped], n_steps: Any, backwards: bool
) -> tuple[TensorVariable, list[TensorVariable]]:
    """The number of steps, and for every tap of every sequence its rows, from the one that the first step reads."""
    rows = [row for s in read for row in tapped_rows(s)]
    if backwards:
        rows = [row[::-1] for row in rows]
    if n_steps is None:
        return common_length(rows), rows
    n = as_extent(n_steps.item() if isinstance(n_steps, np.ndarray) else n_steps, "n_steps of scan")
    if isinstance(n, int):
        check_enough(n, rows)
        return constant(n, dtype="int64"), [row if row.type.shape[0] == n else row[:n] for row in rows]
    return n, [row[:n] for row in rows]


def tapped_rows(s: Tapped) -> list[TensorVariable]:
    """The rows of a sequence for each of its taps; all taps must be inside it at every step."""
    low, high = min(*s.taps, 0), max(*s.taps, 0)
    if low == high == 0:
        return [s.value] * len(s.taps)
    n = s.value.type.shape[0]
    length: Any = dim(s.value, 0) if n is None else n
    return [s.value[t - low : length + (t - high)] for t in s.taps]


def common_length(rows: Sequence[TensorVariable]) -> TensorVariable:
    """The length of all sequences."""
    if not rows:
        raise ValueError(
            f"scan does not know how many steps to take, at {describe(user_line())}\n  Give n_steps, or a sequence."
        )
    known = {row.type.shape[0] for row in rows} - {None}
    if len(known) > 1:
        raise shape_error(
            "scan reads its sequences side by side", rows, f"their lengths are {sorted(known)}",  # type: ignore[type-var]
            "Cut them to one length (x[:n]), or give n_steps to read only as many rows.",
        )  # fmt: skip
    return constant(known.pop(), dtype="int64") if known else dim(rows[0], 0)


def check_enough(n: int, rows: Sequence[TensorVariable]) -> None:
    """Refuse a number of steps that is negative, or for which a sequence is too short."""
    if n < 0:
        raise ValueError(f"scan cannot take {n} steps. Give n_steps >= 0, and go_backwards=True to read from the end.")
    short = [row for row in rows if row.type.shape[0] is not None and row.type.shape[0] < n]
    if short:
        raise shape_error(
            f"scan takes {n} steps", short, "there are fewer rows", "Give longer sequences or fewer steps."
        )


class Step:
    """The graph of one step, and how its outputs are fed back.

    Attributes
    ----------
    rows : list of pairs (leaf, rows)
    feedback : list of Tapped or None
        For each output.
    slots : list
        For each output that is fed back, the leaves that stand for its values at steps t - reach, ..., t - 1.
    outputs : list of TensorVariable
    collects : bool
        Whether a row of each output is kept for each step.
    kept_steps : int or None
        Of how many of the last steps there is a gradient; None for all.
    """

    def __init__(
        self, fn: Callable[..., Any], read: Sequence[Tapped], rows: Sequence[Any], info: Any, fixed: Sequence[Variable]
    ):
        self.fn, self.fixed = fn, list(fixed)
        self.collects = True
        self.kept_steps: int | None = None
        labels = [label(s.value, t) for s in read for t in s.taps]
        self.rows = [
            (TensorType(v.dtype, v.type.shape[1:]).variable(name=text), v) for v, text in zip(rows, labels, strict=True)
        ]
        self.feedback: list[Tapped | None] = [as_feedback(i) for i in as_entries(info)]
        self.types = [None if f is None else state_type(f) for f in self.feedback]

    # -- writing the graph of a step

    def trace(self) -> None:
        """Call the step, again where its states turn out to need a wider dtype."""
        for _ in range(3):
            self.call()
            wider = [self.widened(i) for i in range(len(self.outputs))]
            if wider == self.types:
                break
            self.types = wider
        self.outputs = [
            v if kind is None else cast(v, kind.dtype) for v, kind in zip(self.outputs, self.types, strict=True)
        ]

    def call(self) -> None:
        """Call the step on fresh leaves."""
        self.slots = [
            [] if f is None or kind is None else [kind.variable(name=label(f.value, t)) for t in range(-f.reach, 0)]
            for f, kind in zip(self.feedback, self.types, strict=True)
        ]
        earlier = [slot[t] for f, slot in zip(self.feedback, self.slots, strict=True) if f is not None for t in f.taps]
        self.born = count_of_generators()
        found = self.fn(*(leaf for leaf, _ in self.rows), *earlier, *self.fixed)
        outputs, self.updates, self.stop = split_result(found)
        self.outputs = [as_tensor_variable(v) for v in outputs]
        if not self.feedback:
            self.feedback = [None for _ in self.outputs]
            self.types = [None for _ in self.outputs]
            self.slots = [[] for _ in self.outputs]
        if len(self.feedback) != len(self.outputs):
            raise ValueError(
                f"The step returns {len(self.outputs)} outputs, but outputs_info has {len(self.feedback)} entries, at "
                f"{describe(user_line())}\n  Give one entry for each output: its first value, or None if not fed back."
            )

    def widened(self, i: int) -> TensorType | None:
        """The type of the state behind output i, wide enough for what the step makes of it."""
        kind, v = self.types[i], self.outputs[i]
        if kind is None:
            return None
        clash = v.ndim != kind.ndim or any(
            a != b and None not in (a, b) for a, b in zip(v.type.shape, kind.shape, strict=True)
        )
        if clash:
            first: Any = self.feedback[i]
            raise shape_error(
                f"A step of scan changes the shape of its output {i}", [first.value, v],
                f"it starts as {kind.shape} and becomes {v.type.shape}",
                "Start with a value of the shape that a step makes, for example pt.zeros(shape).",
            )  # fmt: skip
        return TensorType(np.result_type(kind.dtype, v.dtype).name, kind.shape)

    # -- what else the step reads

    def inside(self) -> list[Variable]:
        """The leaves that change from step to step, those of generators and shared variables included."""
        leaves = [leaf for leaf, _ in self.rows] + [v for slot in self.slots for v in slot]
        return [*leaves, *self.generators(), *self.updates]

    def results(self) -> list[Variable]:
        """All that a step computes."""
        return [*self.outputs, *self.updates.values(), *([] if self.stop is None else [self.stop])]

    def generators(self) -> list[Any]:
        """The generators of random draws that were made in the step: each step must draw anew."""
        roots = [v for v in ancestors(self.results()) if isinstance(v.type, RngType) and v.owner is None]
        return [v for v in roots if v.born >= self.born]  # type: ignore[attr-defined]

    def captured(self) -> list[Variable]:
        """The variables that the step reads and that are the same in every step, as far down as they are."""
        inside = set(self.inside())
        results = self.results()
        found: dict[Variable, None] = {}
        moving = set(inside)
        for node in toposort(results, stop=inside):
            if any(v in moving for v in node.inputs):
                moving.update(node.outputs)
                found.update(dict.fromkeys(v for v in node.inputs if v not in moving and not isinstance(v, Constant)))
        found.update(dict.fromkeys(v for v in results if v not in moving and not isinstance(v, Constant)))
        return [v for v in found if isinstance(v.type, (TensorType, RngType))]

    def check_strict(self) -> None:
        """Refuse what the step reads without having been given it."""
        given = set(self.fixed)
        loose = [
            v for v in ancestors(self.captured(), given)
            if v.owner is None and v not in given and not isinstance(v, Constant) and isinstance(v.type, TensorType)
        ]  # fmt: skip
        if loose:
            raise ValueError(
                f"With strict=True a step may read its arguments only, but it also reads "
                f"{', '.join(str(v) for v in loose)}, at {describe(user_line())}\n  Add them to non_sequences."
            )

    # -- the loop

    def repeat(self, steps: TensorVariable, name: str | None) -> tuple[list[TensorVariable], dict[Variable, Variable]]:
        """The loop over this step: its outputs, and the updates of shared variables."""
        states = [state for i in range(len(self.outputs)) for state in self.states_of(i)]
        hidden = [(v, self.updates[v]) for v in self.updates]
        generators = [(v, next_generator(v, self.results())) for v in self.generators()]
        outer = self.captured()
        new = {v: v.type.variable(name=v.name) for v in [*outer, *(v for v, _ in hidden), *(v for v, _ in generators)]}
        states += [(new[v], v, after) for v, after in [*hidden, *generators]]
        after = [s[2] for s in states]
        collected = self.outputs if self.collects else []
        inner = replace_all([*after, *collected, *([] if self.stop is None else [self.stop])], new)
        states = [(leaf, first, nxt) for (leaf, first, _), nxt in zip(states, inner, strict=False)]
        collected = inner[len(states) : len(states) + len(collected)]
        stop = None if self.stop is None else inner[-1]
        others = [(new[v], v) for v in outer]
        if self.kept_steps is None:
            last, rows, count = loop(steps, self.rows, states, others, collected, until=stop, name=name)
        else:
            last, rows, count = in_two_parts(self.kept_steps, steps, self.rows, states, others, collected, name)
        if count is not None:
            rows = [row[:count] for row in rows]
        self.last = [last[i] for i in self.newest()]
        first_hidden = len(states) - len(hidden) - len(generators)
        return rows, dict(zip(self.updates, last[first_hidden:], strict=False))

    def states_of(self, i: int) -> list[tuple[Any, Any, Any]]:
        """For each slot of output i: its leaf, its first value and its next value."""
        f, slot, kind = self.feedback[i], self.slots[i], self.types[i]
        if f is None or kind is None:
            return []
        first = cast(f.value, kind.dtype)
        values = [first] if f.reach == 1 else [first[j] for j in range(f.reach)]
        return list(zip(slot, values, [*slot[1:], self.outputs[i]], strict=True))

    def newest(self) -> list[int]:
        """The places of the latest values of the outputs that are fed back among the states."""
        ends = np.cumsum([len(slot) for slot in self.slots], dtype=int)
        return [int(end) - 1 for end, slot in zip(ends, self.slots, strict=True) if slot]


def in_two_parts(
    kept: int,
    steps: TensorVariable,
    rows: Sequence[tuple[Variable, Any]],
    states: Sequence[tuple[Variable, Any, Variable]],
    others: Sequence[tuple[Variable, Variable]],
    collected: Sequence[Variable],
    name: str | None,
) -> tuple[list[Any], list[Any], None]:
    """A loop as two, one after the other: only the second, of the `kept` last steps, has a gradient."""
    n = static_value(steps)
    early: Any = maximum(steps - kept, 0) if n is None else max(n - kept, 0)
    first = [(leaf, row[:early]) for leaf, row in rows]
    before, head, _ = loop(as_tensor_variable(early, dtype="int64"), first, states, others, collected, name=name)
    # Without early steps there is nothing before the first state, whose gradient then counts.
    begin = [begun(early, last, v) for last, (_, v, _) in zip(before, states, strict=True)]
    states = [(leaf, v, after) for v, (leaf, _, after) in zip(begin, states, strict=True)]
    later = [(leaf, row[early:]) for leaf, row in rows]
    last, tail, _ = loop(steps - early, later, states, others, collected, name=name)
    return last, [concatenate([constantly(a), b]) for a, b in zip(head, tail, strict=True)], None


def begun(early: Any, last: Any, first: Any) -> Any:
    """The state before the steps that have a gradient: through it flows none, unless it is the first of all."""
    if not isinstance(last.type, TensorType):
        return last
    if isinstance(early, int):
        return constantly(last) if early else first
    return switch(eq(early, 0), first, constantly(last))


def constantly(v: Any) -> Any:
    """A value through which no gradient flows."""
    return disconnected_grad(v) if v.dtype.startswith(("float", "complex")) else v


def label(v: Variable, tap: int) -> str | None:
    """What a row of `v` is called in printed graphs."""
    return f"{v.name}[t{f'{tap:+d}' if tap else ''}]" if v.name else None


def state_type(feedback: Tapped) -> TensorType:
    """The type of one state of an output that is fed back."""
    v = feedback.value
    return v.type if feedback.reach == 1 else TensorType(v.dtype, v.type.shape[1:])


def split_result(found: Any) -> tuple[list[Any], dict[Any, Any], Any]:
    """What a step returned: outputs, updates of shared variables, and the condition to stop (or None)."""
    outputs: list[Any] = []
    updates: dict[Any, Any] = {}
    stop = None
    pending = [found]
    while pending:
        part = pending.pop(0)
        if isinstance(part, (list, tuple)):
            pending[:0] = part
        elif isinstance(part, until):
            stop = part.condition
        elif isinstance(part, Mapping):  # generators are followed anyway
            updates.update((v, as_tensor_variable(w)) for v, w in part.items() if not isinstance(v.type, RngType))
        elif part is not None:
            outputs.append(part)
    return outputs, updates, stop


def next_generator(v: Variable, results: Sequence[Variable]) -> Variable:
    """The state in which a step leaves a generator: after the draws that start from it, one after another."""
    readers: dict[Variable, tuple[Apply, int]] = {}
    for node in toposort(results):
        for i, source in enumerate(node.inputs):
            if isinstance(source.type, RngType):
                readers.setdefault(source, (node, i))
    while v in readers:
        node, i = readers[v]
        v = node.outputs[i - 1 - node.op.sequences if isinstance(node.op, Scan) else 0]
    return v
