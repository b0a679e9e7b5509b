"""What ops mean to JAX where their reference says it in NumPy's terms: promotion, positions, draws and loops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pellucid.compile.jax.draws import SAMPLERS
from pellucid.compile.jax.program import Program
from pellucid.compile.jax.trace import Failure, Trace, known_types, meaning
from pellucid.graph.nodes import Apply
from pellucid.graph.provenance import describe, made_by
from pellucid.tensor.check import CheckAndRaise
from pellucid.tensor.draws import Draw
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.host import Blockwise
from pellucid.tensor.index import Gather, IncSubtensor, Scatter, Subtensor, given_values, update_array
from pellucid.tensor.linalg import Cholesky, MatMul
from pellucid.tensor.loop import Scan
from pellucid.tensor.shape import Join


@meaning(Elementwise)
def elementwise(trace: Trace, program: Program, node: Apply, arguments: Sequence[Any]) -> Any:
    """The reference, on arguments promoted as NumPy does (JAX would make float32 of int64 and float32)."""
    mixed = [i for i in range(len(arguments)) if i not in node.op.raw]
    common = np.result_type(*[arguments[i].dtype for i in mixed]) if mixed else None
    out = np.dtype(node.outputs[0].type.dtype)
    if common is not None and common.kind == "b" and out.kind in "iu":
        common = out
    promoted = [a.astype(common) if i in mixed and a.dtype != common else a for i, a in enumerate(arguments)]
    try:
        return node.op.impl(trace.xp, *promoted)
    except (TypeError, AttributeError, NotImplementedError) as error:
        return trace.on_host(node, arguments, error)


@meaning(Join, MatMul)
def promoted(trace: Trace, program: Program, node: Apply, arguments: Sequence[Any]) -> Any:
    """The reference, on arguments of the dtype that NumPy gives the result."""
    return node.op.impl(trace.xp, *[a.astype(node.outputs[0].type.dtype) for a in arguments])


# -- positions: XLA clips those out of range without a word, so they are checked


@meaning(Subtensor)
def subtensor(trace: Trace, program: Program, node: Apply, arguments: Sequence[Any]) -> Any:
    """Basic indexing, at positions that may be traced."""
    x, *given = arguments
    return x[positions(trace, node, x, node.op.entries, given)]


@meaning(IncSubtensor)
def inc_subtensor(trace: Trace, program: Program, node: Apply, arguments: Sequence[Any]) -> Any:
    """An update at positions that may be traced."""
    x, y, *given = arguments
    where = positions(trace, node, x, node.op.entries, given)
    return update_array(trace.xp, x, y, where, sets=node.op.sets)


def positions(trace: Trace, node: Apply, x: Any, entries: Any, given: Sequence[Any]) -> tuple[Any, ...]:
    """The entries of a basic index with what is given filled in."""
    values = given_values(entries, [int(g) if isinstance(g, np.ndarray) else g for g in given])
    for axis, v in enumerate(values):
        if not isinstance(v, slice):
            check_range(trace, node, axis, x.shape[axis], v)
    return tuple(values)


def check_range(trace: Trace, node: Apply, axis: int, n: int, i: Any) -> None:
    """Positions along an axis of length n must be within it."""
    trace.insist(
        (i >= -n) & (i < n), IndexError,
        f"an index is out of range for axis {axis} of length {n} of '{node.inputs[0]}'\n"
        f"  in {node.op}, at {describe(node.line)}\n  Positions are -{n} to {n - 1}.",
    )  # fmt: skip


@meaning(Gather)
def gather(trace: Trace, program: Program, node: Apply, arguments: Sequence[Any]) -> Any:
    """Indexing by arrays."""
    x, *indices = arguments
    for axis, i in zip(node.op.axes, indices, strict=True):
        check_range(trace, node, axis, x.shape[axis], i)
    return node.op.impl(trace.xp, *arguments)


@meaning(Scatter)
def inc_gather(trace: Trace, program: Program, node: Apply, arguments: Sequence[Any]) -> Any:
    """An update at positions given by arrays."""
    x, _, *indices = arguments
    for axis, i in zip(node.op.axes, indices, strict=True):
        check_range(trace, node, axis, x.shape[axis], i)
    return node.op.impl(trace.xp, *arguments)


@meaning(Cholesky)
def cholesky(trace: Trace, program: Program, node: Apply, arguments: Sequence[Any]) -> Any:
    """The factor from the lower triangle (JAX would take the mean of both)."""
    (a,) = arguments
    a = a.astype(node.outputs[0].type.dtype)
    lower = jnp.tril(a)
    found = jnp.linalg.cholesky(lower + jnp.swapaxes(jnp.tril(a, -1), -1, -2), symmetrize_input=False)
    if node.op.strict:
        trace.require(node, arguments, ~jnp.isnan(found), Cholesky.complaint)
    return found


# -- draws


@meaning(Draw)
def draw(trace: Trace, program: Program, node: Apply, arguments: Sequence[Any]) -> tuple[Any, Any]:
    """A draw by JAX's sampler for the law, or by NumPy's, seeded by the key."""
    key, _, *parameters = arguments
    following, here = jax.random.split(key)
    law = node.op.law
    drawn: Any = known_types(node, arguments)[1]
    batch = drawn.shape[: len(drawn.shape) - law.ndim_supp]
    sampler = SAMPLERS.get(law.name)
    if sampler is None:
        trace.host_calls.append(str(node.op))

        def compute(words: Any, *arrays: Any) -> list[Any]:
            return [law.sample(np.random.default_rng(words), batch, *arrays)]

        out = [(drawn.shape, drawn.dtype)]
        return following, trace.callback(compute, out, [jax.random.key_data(here), *parameters])[0]
    if sampler.valid is not None:
        trace.require(node, arguments, sampler.valid(*parameters), f"the parameters need {sampler.needs}")
    return following, sampler.sample(here, batch, *parameters)


# -- what is made of smaller graphs


def evaluate(trace: Trace, body: Program, given: Sequence[Any]) -> list[Any]:
    """The outputs of a program for these inputs."""
    values = dict(zip(body.inputs, given, strict=True))
    for v in body.roots:
        values[v] = v.get_value(borrow=True)
    trace.run(body, values)
    return [trace.array(v, values[v]) for v in body.outputs]


@meaning(Blockwise)
def blockwise(trace: Trace, program: Program, node: Apply, arguments: Sequence[Any]) -> tuple[Any, ...]:
    """The op at each position of leading axes, by `jax.vmap`."""
    op = node.op
    failures: list[Failure] = []
    with made_by(node.line):
        core = op.core(node.inputs)
        body = Program(core, Apply(op.op, core).outputs)

    def one(*moving: Any) -> Any:
        rest = iter(moving)
        given = [next(rest) if b else a for a, b in zip(arguments, op.batched, strict=True)]
        found, failures[:], flags = trace.apart(lambda: evaluate(trace, body, given))
        return found, flags

    several = one
    for _ in range(op.lead):
        several = jax.vmap(several)
    found, flags = several(*[a for a, b in zip(arguments, op.batched, strict=True) if b])
    trace.checks += [(m, jnp.all(flags[..., i])) for i, m in enumerate(failures)]
    return tuple(found)


@meaning(CheckAndRaise)
def check_and_raise(trace: Trace, program: Program, node: Apply, arguments: Sequence[Any]) -> Any:
    """The value; the error is raised after the call."""
    value, *conditions = arguments
    for condition in conditions:
        trace.insist(condition, node.op.exc_type, node.op.complaint)
    return value


@meaning(Scan)
def scan(trace: Trace, program: Program, node: Apply, arguments: Sequence[Any]) -> tuple[Any, ...]:
    """A loop as `lax.scan`, or as `lax.while_loop` when the number of steps is not known."""
    op, steps = node.op, arguments[0]
    given = op.parts(arguments[1:])
    if isinstance(steps, np.ndarray):
        steps = int(steps)
        op.check_lengths(steps, given.sequences)
    for s in given.sequences:
        trace.require(
            node, arguments, steps == s.shape[0], f"the loop needs a row for each step, and a sequence has {s.shape[0]}"
        )
    return Loop(trace, program.bodies[node], node, given.others).run(steps, given.sequences, given.states)


class Loop:
    """The steps of one loop as functions for JAX."""

    def __init__(self, trace: Trace, body: Program, node: Apply, others: Sequence[Any]):
        self.trace, self.body, self.node, self.op, self.others = trace, body, node, node.op, others
        self.failures: list[Failure] = []

    def step(self, states: Sequence[Any], elements: Sequence[Any]) -> tuple[list[Any], list[Any], Any]:
        """The next states, the collected rows (and whether to stop), and the flags of the checks in the body."""
        given = [*elements, *states, *self.others]
        found, self.failures, flags = self.trace.apart(lambda: evaluate(self.trace, self.body, given))
        self.op.check_states(states, found, 0)
        return found[: self.op.states], found[self.op.states :], flags

    def run(self, steps: Any, sequences: Sequence[Any], states: Sequence[Any]) -> tuple[Any, ...]:
        """The results of the loop."""
        known = isinstance(steps, int) and not self.op.until
        found, rows, flags, count = (self.repeat if known else self.search)(steps, sequences, states)
        self.trace.checks += [(m, flags[i]) for i, m in enumerate(self.failures)]
        return (*found, *rows, *([count] if self.op.until else []))

    def repeat(self, steps: int, sequences: Sequence[Any], states: Sequence[Any]) -> tuple[Any, ...]:
        """All the steps."""

        def body(carried: Any, elements: Any) -> Any:
            following, rows, flags = self.step(carried, elements)
            return following, (rows, flags)

        found, (rows, flags) = jax.lax.scan(body, list(states), list(sequences), length=steps)
        return found, rows, jnp.all(flags, axis=0), None

    def search(self, steps: Any, sequences: Sequence[Any], states: Sequence[Any]) -> tuple[Any, ...]:
        """Steps as long as there are any, and none says that it is the last."""
        many = len(self.op.collected)
        elements = [jax.ShapeDtypeStruct(s.shape[1:], s.dtype) for s in sequences]
        _, rows, flags = jax.eval_shape(self.step, list(states), elements)
        buffers = [jnp.zeros((steps, *r.shape), r.dtype) for r in rows[:many]]

        def goes_on(carried: Any) -> Any:
            t, stop = carried[:2]
            return (t < steps) & ~stop

        def body(carried: Any) -> Any:
            t, stop, now, filled, fine = carried
            following, found, flags = self.step(now, [s[t] for s in sequences])
            filled = [b.at[t].set(r) for b, r in zip(filled, found, strict=False)]
            return t + 1, found[-1] if self.op.until else stop, following, filled, fine & flags

        fine = jnp.ones(flags.shape, bool)
        start = (jnp.asarray(0, "int64"), jnp.asarray(False), list(states), buffers, fine)  # a number
        if any(s.shape[0] == 0 for s in sequences):  # there is no row that a step could read
            return list(states), buffers, fine, start[0]
        count, _, found, filled, fine = jax.lax.while_loop(goes_on, body, start)
        return found, filled, fine, count
