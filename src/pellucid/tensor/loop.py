"""Loops: one op that carries states through steps, with its reference, its shapes and its gradient.

`pellucid.tensor.scan` is how users write one. The op itself knows neither taps nor directions: a sequence is read
from its first row on, and every state is what the step before it made. All else is indexing around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from pellucid.graph.nodes import Apply, Op, Type, Variable
from pellucid.graph.traverse import ancestors, toposort
from pellucid.tensor.body import Body, check_known_before, evaluate_constants, extend_extents
from pellucid.tensor.broadcast import Extent, shape_error
from pellucid.tensor.create import zeros_like
from pellucid.tensor.indexing import inc_subtensor
from pellucid.tensor.operators import FUNCTIONS
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import broadcast_to, concatenate, dim, expand_dims
from pellucid.tensor.types import TensorType, TensorVariable, constant, static_value


class Parts(NamedTuple):
    """The inputs of a loop, or of its body, by their roles."""

    sequences: tuple[Any, ...]
    states: tuple[Any, ...]
    others: tuple[Any, ...]


@dataclass(frozen=True)
class Scan(Op):
    """A loop: (steps, sequences..., first states..., others...) → (last states..., collected..., [steps done]).

    The body maps (elements..., states..., others...) to (next states..., collected..., [whether to stop]).

    Attributes
    ----------
    body : Body
    sequences, states : int
        How many there are of each.
    until : bool
        Whether the last output of the body says that this step is the last. What is collected then has as many
        rows as there may be steps, and zeros where none was done.
    lazy : bool
        Whether what the body computes must stay in it, because there may be no step, and then no value.
    tidy : bool
        Whether the rewriter has moved out of the body what need not be in it.
    name : str or None
    """

    body: Body
    sequences: int
    states: int
    until: bool = False
    lazy: bool = False
    tidy: bool = False
    name: str | None = field(default=None, compare=False)

    lowering = "scan"
    remedy = (
        "Give sequences that have a row for each step, a number of steps that is not negative, and a first state of "
        "the shape that a step makes."
    )
    takes_missing_gradients = True

    def __str__(self) -> str:
        return f"Scan{{{self.name}}}" if self.name else "Scan"

    # -- parts

    def parts(self, listed: Sequence[Any]) -> Parts:
        """What the body (or, after the number of steps, the loop) is given, by role."""
        a, b = self.sequences, self.sequences + self.states
        return Parts(tuple(listed[:a]), tuple(listed[a:b]), tuple(listed[b:]))

    @property
    def leaves(self) -> Parts:
        """The inputs of the body by role."""
        return self.parts(self.body.inputs)

    @property
    def next_states(self) -> tuple[Variable, ...]:
        """What the states become."""
        return self.body.outputs[: self.states]

    @property
    def collected(self) -> tuple[Variable, ...]:
        """What each step adds a row of."""
        return self.body.outputs[self.states : len(self.body.outputs) - self.until]

    # -- types and shapes

    def infer(self, steps: Variable, *inputs: Variable) -> tuple[Type, ...]:
        given = self.parts(inputs)
        n = self.length(steps, given.sequences)
        for leaf, v, role in zip(self.body.inputs, self.rows(given), self.roles(), strict=True):
            if not leaf.type.agrees(v):
                raise TypeError(f"{role} of the loop is {v}, but its body takes {leaf.type}.")
        for leaf, v in zip(self.leaves.states, self.next_states, strict=True):
            if not leaf.type.agrees(v.type):
                raise TypeError(f"A state of the loop is {leaf.type}, but a step makes it {v.type}.")
        rows = [TensorType(v.type.dtype, (n, *v.type.shape)) for v in self.collected]
        count = [TensorType("int64")] if self.until else []
        return (*(leaf.type for leaf in self.leaves.states), *rows, *count)

    def rows(self, given: Parts) -> list[Type]:
        """The types of what the body is given."""
        rows = [TensorType(v.type.dtype, v.type.shape[1:]) for v in given.sequences]
        return [*rows, *(v.type for v in (*given.states, *given.others))]

    def roles(self) -> list[str]:
        """What errors call each input."""
        counts = zip(("A row of a sequence", "A first state", "A non-sequence"), self.leaves, strict=True)
        return [role for role, leaves in counts for _ in leaves]

    def length(self, steps: Variable, sequences: Sequence[Variable]) -> int | None:
        """The number of steps, where it is known; sequences that are known to be of another length are refused."""
        wanted = static_value(steps)
        for v in sequences:
            n = v.type.shape[0]
            if wanted is not None and n is not None and n != wanted:
                raise shape_error(
                    f"{self} takes {wanted} steps", [v], f"this sequence has {n}", "Give sequences of one length."
                )
            wanted = n if wanted is None else wanted
        return wanted

    def infer_shape(self, inputs: Sequence[Variable], extents: Any) -> list[tuple[Extent, ...]]:
        steps, *rest = inputs
        n = static_value(steps)
        given = self.parts(extents[1:])
        lengths = [*(e[1:] for e in given.sequences), *given.states, *given.others]
        rows = self.row_extents(rest, lengths)
        return [*given.states, *((steps if n is None else n, *e) for e in rows), *([()] if self.until else [])]

    def row_extents(self, inputs: Sequence[Variable], lengths: Sequence[Any]) -> list[tuple[Extent, ...]]:
        """The extents of one row of each collected output, from those of what the body is given."""
        given = self.parts(inputs)
        leaves = [*self.leaves.sequences, *self.leaves.states]
        fresh = [*leaves, *given.others]
        outputs = self.body.on(fresh)
        known: dict[Variable, Any] = dict(zip(fresh, lengths, strict=True))
        known.update(
            (v, e) for v, e in zip(outputs, lengths[self.sequences :][: self.states], strict=False) if v not in known
        )
        wanted = outputs[self.states : len(outputs) - self.until]
        unknown = [v for v in wanted if None in v.type.shape and v not in known]
        extend_extents(toposort(unknown, stop=set(known)), known)
        found = [
            tuple(e if n is None else n for n, e in zip(v.type.shape, known.get(v, v.type.shape), strict=True))
            for v in wanted
        ]
        check_known_before(found, leaves, self)
        return found

    # -- the reference

    def impl(self, xp: Any, steps: Any, *arrays: Any) -> Any:
        given = self.parts(arrays)
        n = int(steps)
        self.check_lengths(n, given.sequences)
        program = self.body.program(self.sequences + self.states)
        states = list(given.states)
        values = program.start(xp, [*([None] * (self.sequences + self.states)), *given.others], run=n > 0)
        rows: list[list[Any]] = [[] for _ in self.collected]
        done = 0
        for t in range(max(n, 0)):
            values[: self.sequences + self.states] = [*(s[t] for s in given.sequences), *states]
            program.run(xp, program.each, values, t)
            found = [values[i] for i in program.results]
            self.check_states(states, found, t)
            states = found[: self.states]
            for row, value in zip(rows, found[self.states :], strict=False):
                row.append(value)
            done = t + 1
            if self.until and bool(found[-1]):
                break
        collected = [self.pile(xp, row, i, n, arrays) for i, row in enumerate(rows)]
        return (*states, *collected, *([xp.asarray(done, "int64")] if self.until else []))

    def check_lengths(self, n: int, sequences: Sequence[Any]) -> None:
        """Refuse sequences that do not have a row for each step."""
        if n < 0:
            raise ValueError(f"the number of steps is {n}: it must not be negative")
        for leaf, s in zip(self.leaves.sequences, sequences, strict=True):
            if s.shape[0] != n:
                raise ValueError(
                    f"the loop takes {n} steps, but its sequence '{leaf}' has {s.shape[0]} rows: give one length to all"
                )

    def check_states(self, states: Sequence[Any], found: Sequence[Any], step: int) -> None:
        """Refuse a step that changes the shape of a state."""
        for leaf, old, new in zip(self.leaves.states, states, found, strict=False):
            if isinstance(leaf.type, TensorType) and np.shape(old) != np.shape(new):
                raise ValueError(
                    f"the state '{leaf}' has shape {np.shape(old)} before step {step} and {np.shape(new)} after it; "
                    "give a first state of the shape that a step makes"
                )

    def pile(self, xp: Any, row: list[Any], i: int, n: int, arrays: Sequence[Any]) -> Any:
        """What one output collected, as an array with a row for each possible step."""
        v = self.collected[i]
        if not row:
            return xp.zeros((n, *self.row_shape(xp, i, arrays)), v.type.dtype)
        piled = xp.stack(row)
        if len(row) == n:
            return piled
        return xp.concatenate([piled, xp.zeros((n - len(row), *piled.shape[1:]), piled.dtype)])

    def row_shape(self, xp: Any, i: int, arrays: Sequence[Any]) -> tuple[int, ...]:
        """The shape of a row that no step has made."""
        v = self.collected[i]
        if None not in v.type.shape:
            return v.type.shape
        given = self.parts(arrays)
        lengths = [*(s.shape[1:] for s in given.sequences), *(np.shape(a) for a in (*given.states, *given.others))]
        known = [
            constant(a) if isinstance(leaf.type, TensorType) else leaf
            for leaf, a in zip(self.leaves.others, given.others, strict=True)
        ]
        extents = self.row_extents([*self.leaves.sequences, *self.leaves.states, *known], lengths)[i]
        symbolic = [e for e in extents if not isinstance(e, int)]
        values = iter(evaluate_constants(xp, symbolic))
        return tuple(e if isinstance(e, int) else int(next(values)) for e in extents)

    # -- the gradient

    def pullback_wanted(
        self, inputs: Any, outputs: Any, gradients: Any, wanted: Sequence[bool]
    ) -> list[Variable | None]:
        return Reversal(self, inputs, outputs, gradients, wanted).gradients()

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable | None]:
        return self.pullback_wanted(inputs, outputs, gradients, [True] * len(inputs))


class Reversal:
    """The loop that pulls gradients back through a loop: from its last step to its first.

    Each step pulls the gradient of the next states (the adjoints, which are carried) and of the collected rows back
    through one application of the body. Gradients of rows of sequences, and of scalars that every step reads, are
    collected; those of larger non-sequences are summed in a state, which needs no memory per step.
    """

    def __init__(
        self, op: Scan, inputs: Sequence[Any], outputs: Sequence[Any], gradients: Sequence[Any], wanted: Sequence[bool]
    ):
        self.op, self.inputs, self.outputs = op, inputs, outputs
        self.leaves, self.given = op.leaves, op.parts(inputs[1:])
        self.wanted = op.parts(wanted[1:])
        m = op.states + len(op.collected)
        self.of_states, self.of_rows = gradients[: op.states], gradients[op.states : m]
        self.steps = outputs[-1] if op.until else inputs[0]
        self.adjoint = {
            k: leaf.type.variable(name="adjoint") for k, leaf in enumerate(self.leaves.states) if is_floating(leaf)
        }
        self.row = {
            m: v.type.variable(name="row_gradient")
            for m, (v, g) in enumerate(zip(op.collected, self.of_rows, strict=True))
            if g is not None and is_floating(v)
        }

    def gradients(self) -> list[Variable | None]:
        """The gradients of the inputs of the loop."""
        found = self.pull_step()
        a, b = self.op.sequences, self.op.sequences + self.op.states
        adjoints = {
            # The zeros take their shape from the gradient: to read the state's would be to compute all steps again.
            k: found[a + k] if found[a + k] is not None else zeros_like(self.adjoint[k])
            for k in self.adjoint
        }
        per_row = {i: found[i] for i in range(a) if found[i] is not None}
        other = {j: g for j, g in enumerate(found[b:]) if g is not None}
        scalars = {j: g for j, g in other.items() if g.type.ndim == 0 and self.keeps_rows}
        sums = {j: g for j, g in other.items() if j not in scalars}
        loop = BackwardLoop(self, adjoints, sums, [*per_row.values(), *scalars.values()])
        out: list[Variable | None] = [None] * len(self.inputs)
        for i, rows in zip(per_row, loop.rows, strict=False):
            out[1 + i] = self.of_sequence(i, rows)
        for j, rows in zip(scalars, loop.rows[len(per_row) :], strict=True):
            out[1 + b + j] = sum_(rows, 0)
        for k, g in zip(adjoints, loop.adjoints, strict=True):
            out[1 + a + k] = g
        for j, g in zip(sums, loop.sums, strict=True):
            out[1 + b + j] = g
        return out

    @property
    def keeps_rows(self) -> bool:
        """Whether the way back may keep something of each step: not when the way there kept and read nothing."""
        return bool(self.op.sequences or self.op.collected)

    def pull_step(self) -> list[Any]:
        """The gradients of what the body is given, through one step; None where there is none."""
        op, known = self.op, {}
        seeds = [(op.next_states[k], a) for k, a in self.adjoint.items()] + [
            (op.collected[m], g) for m, g in self.row.items()
        ]
        for v, g in seeds:
            known[v] = known[v] + g if v in known else g
        # Gradients of parameters are products with these: collected, they let all products be taken after the loop.
        self.incoming = [g for v, g in known.items() if v in op.next_states and g.owner is not None]
        wanted = [*self.wanted.sequences, *([True] * op.states), *self.wanted.others]
        targets = [v for v, w in zip(op.body.inputs, wanted, strict=True) if w and is_floating(v)]
        if not targets or not known:
            return [None] * len(op.body.inputs)
        found = FUNCTIONS["grad"](
            None, targets, known_grads=known, disconnected_inputs="ignore", return_disconnected="none"
        )
        place = dict(zip(targets, found, strict=True))
        return [place.get(v) for v in op.body.inputs]

    def of_sequence(self, i: int, rows: Any) -> Any:
        """The gradient of a sequence from those of its rows, which were found from the last to the first."""
        rows = rows[::-1]
        if not self.op.until:
            return rows
        whole = zeros_like(self.given.sequences[i])
        return inc_subtensor(whole[: self.steps], rows)

    # -- what the steps backwards read

    def backward(self, rows: Any) -> Any:
        """Rows from the last step that was done to the first."""
        return (rows[: self.steps] if self.op.until else rows)[::-1]

    def before_steps(self, k: int) -> Any:
        """State k before each step, as rows."""
        rows = self.after_steps(k)
        return concatenate([expand_dims(self.given.states[k], 0), rows])[:-1]

    def after_steps(self, k: int) -> Any:
        """State k after each step, as rows: collected, or the earlier rows of another state."""
        op, v = self.op, self.op.next_states[k]
        if v in op.collected:
            return self.outputs[op.states + op.collected.index(v)]
        if v in self.leaves.states:
            j = self.leaves.states.index(v)
            if j == k:
                first = self.given.states[k]
                return broadcast_to(first, [self.inputs[0], *(dim(first, i) for i in range(first.ndim))])
            return self.before_steps(j)
        return self.recorded(v)

    def recorded(self, v: Variable) -> Any:
        """What nobody collected: the same loop once more, which collects it too."""
        op = self.op
        if not isinstance(v.type, TensorType):
            raise TypeError(
                "There is no gradient through random draws inside a loop. Draw before the loop, and pass a sequence."
            )
        if op.until and not op.collected:
            raise TypeError(
                "There is no gradient through a while_loop, which keeps its last states only: use scan with until."
            )
        outputs = [*op.body.outputs[: op.states], v, *op.body.outputs[op.states :]]
        again = replace(op, body=Body(op.body.inputs, outputs), tidy=False)
        return Apply(again, self.inputs).outputs[op.states]


class BackwardLoop:
    """The application of the reversed loop, and its results by role."""

    def __init__(self, reversal: Reversal, adjoints: dict[int, Any], sums: dict[int, Any], rows: Sequence[Any]):
        r, op = reversal, reversal.op
        totals = {
            j: TensorType(g.type.dtype, r.leaves.others[j].type.shape).variable(name="sum") for j, g in sums.items()
        }
        after = [*adjoints.values(), *(totals[j] + g for j, g in sums.items())]
        kept = [*adjoints.values(), *r.incoming] if r.keeps_rows else []
        outputs = [*after, *kept, *rows]
        read = set(ancestors(outputs))
        sequences: list[tuple[Variable, Any]] = [
            *(
                (leaf, r.backward(v))
                for leaf, v in zip(r.leaves.sequences, r.given.sequences, strict=True)
                if leaf in read
            ),
            *((leaf, r.backward(r.before_steps(k))) for k, leaf in enumerate(r.leaves.states) if leaf in read),
            *((leaf, r.backward(r.of_rows[m])) for m, leaf in r.row.items() if leaf in read),
        ]
        states = [(r.adjoint[k], last_gradient(r, k)) for k in adjoints]
        states += [(totals[j], zeros_like(r.given.others[j])) for j in sums]
        others = [(leaf, v) for leaf, v in zip(r.leaves.others, r.given.others, strict=True) if leaf in read]
        pairs = [*sequences, *states, *others]
        body = Body([leaf for leaf, _ in pairs], outputs)
        name = f"{op.name}_gradient" if op.name else "gradient"
        back = Scan(body, len(sequences), len(states), lazy=op.lazy, name=name)
        found = Apply(back, [r.steps, *(v for _, v in pairs)]).outputs
        self.adjoints = found[: len(adjoints)]
        self.sums = found[len(adjoints) : len(states)]
        self.rows = found[len(states) + len(kept) :]


def last_gradient(reversal: Reversal, k: int) -> Any:
    """The gradient of the last value of a state, with which the way back begins."""
    g, first = reversal.of_states[k], reversal.given.states[k]
    return zeros_like(first) if g is None else g


def is_floating(v: Variable) -> bool:
    """Whether a variable can carry a gradient."""
    return isinstance(v.type, TensorType) and v.type.dtype.startswith(("float", "complex"))


def loop(
    steps: TensorVariable,
    sequences: Sequence[tuple[Variable, Variable]],
    states: Sequence[tuple[Variable, Variable, Variable]],
    others: Sequence[tuple[Variable, Variable]],
    collected: Sequence[Variable],
    *,
    until: Variable | None = None,
    lazy: bool = False,
    name: str | None = None,
) -> tuple[list[Any], list[Any], Any]:
    """Apply a loop.

    Parameters
    ----------
    steps : integer scalar
    sequences : pairs (leaf of the body, rows)
    states : triples (leaf of the body, first value, next value)
    others : pairs (leaf of the body, value)
    collected : what each step adds a row of
    until : boolean scalar, optional
        Whether a step is the last one.
    lazy : bool
        Whether nothing may be computed unless there is a step.

    Returns
    -------
    The last states, the collected rows, and how many steps were done (None unless `until` is given).
    """
    pairs = [*sequences, *((leaf, first) for leaf, first, _ in states), *others]
    stop = [] if until is None else [until]
    body = Body([leaf for leaf, _ in pairs], [*(v for _, _, v in states), *collected, *stop])
    op = Scan(body, len(sequences), len(states), until is not None, lazy, name=name)
    found = Apply(op, [steps, *(v for _, v in pairs)]).outputs
    count = found[-1] if until is not None else None
    return list(found[: len(states)]), list(found[len(states) : len(states) + len(collected)]), count
