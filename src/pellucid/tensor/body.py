"""The graph of one step of a loop: compared by structure, evaluated by its ops' references, its shapes inferred."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np

from pellucid.graph.nodes import Apply, Op, Variable
from pellucid.graph.provenance import describe
from pellucid.graph.replace import replace_all
from pellucid.graph.traverse import ancestors, toposort
from pellucid.tensor.broadcast import Extent
from pellucid.tensor.draws import RngType
from pellucid.tensor.shape import Dim
from pellucid.tensor.types import Constant, TensorType, constant, static_value


class Body:
    """The graph of one step: it reads its inputs and constants, nothing else.

    Two bodies are equal when they compute the same of their inputs, whatever objects they are made of.
    """

    __slots__ = ("_key", "_program", "inputs", "outputs")

    def __init__(self, inputs: Sequence[Variable], outputs: Sequence[Variable]):
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self._key: Any = None
        self._program: Program | None = None

    @property
    def key(self) -> Any:
        """The structure as nested tuples: every variable is a number, every constant its content."""
        if self._key is None:
            number: dict[Variable, Any] = {v: i for i, v in enumerate(self.inputs)}
            read = lambda v: number[v] if v in number else v.key()  # noqa: E731
            steps = []
            for node in toposort(self.outputs, stop=set(self.inputs)):
                steps.append((node.op, tuple(map(read, node.inputs))))
                number.update((out, len(number) + i) for i, out in enumerate(node.outputs) if out not in number)
            self._key = tuple(v.type for v in self.inputs), tuple(steps), tuple(map(read, self.outputs))
        return self._key

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Body) and self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.key)

    def program(self, varying: int) -> Program:
        """How to evaluate the body; its first `varying` inputs change from step to step."""
        if self._program is None:
            self._program = Program(self, varying)
        return self._program

    def on(self, inputs: Sequence[Variable]) -> list[Variable]:
        """The outputs for other inputs."""
        return replace_all(self.outputs, dict(zip(self.inputs, inputs, strict=True)))


class Instruction(NamedTuple):
    """One application: which values it reads, and where its results go."""

    node: Apply
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    copies: tuple[int, ...]


class Program:
    """A body as a list of instructions over numbered values: those that every step repeats, and those before them."""

    def __init__(self, body: Body, varying: int):
        nodes = toposort(body.outputs, stop=set(body.inputs))
        number = {v: i for i, v in enumerate(body.inputs)}
        changing = set(body.inputs[:varying])
        shared = generators_read_twice(nodes)
        self.first: list[Any] = [None] * len(number)
        self.before: list[Instruction] = []
        self.each: list[Instruction] = []
        for v in [*(v for node in nodes for v in node.inputs), *body.outputs]:
            if v not in number and v.owner is None:
                number[v] = len(self.first)
                self.first.append(v.get_value(borrow=True))
        for node in nodes:
            for out in node.outputs:
                number[out] = len(self.first)
                self.first.append(None)
            moves = any(v in changing for v in node.inputs)
            changing.update(node.outputs if moves else ())
            reads, writes = tuple(number[v] for v in node.inputs), tuple(number[v] for v in node.outputs)
            copies = tuple(i for i, v in enumerate(node.inputs) if v in shared)
            (self.each if moves else self.before).append(Instruction(node, reads, writes, copies))
        self.results = tuple(number[v] for v in body.outputs)

    def start(self, xp: Any, inputs: Sequence[Any], *, run: bool = True) -> list[Any]:
        """The values before the first step; none are computed if there is none."""
        values = list(self.first)
        values[: len(inputs)] = inputs
        if run:
            self.run(xp, self.before, values)
        return values

    def run(self, xp: Any, instructions: Sequence[Instruction], values: list[Any], step: int | None = None) -> None:
        """Carry out instructions."""
        for node, reads, writes, copies in instructions:
            arguments = [values[i] for i in reads]
            for i in copies:
                arguments[i] = deepcopy(arguments[i])
            for i, value in zip(writes, apply_in_step(xp, node, arguments, step), strict=True):
                values[i] = value


def generators_read_twice(nodes: Sequence[Apply]) -> set[Variable]:
    """Generators that several applications start from: each must see the same state, so each gets a copy."""
    seen: set[Variable] = set()
    twice = set()
    for v in [v for node in nodes for v in node.inputs if isinstance(v.type, RngType)]:
        (twice if v in seen else seen).add(v)
    return twice


def apply_in_step(xp: Any, node: Apply, arguments: Sequence[Any], step: int | None) -> Sequence[Any]:
    """The outputs of one application; an error says which, in which step, and where it was written."""
    try:
        if len(arguments) > 1 and hasattr(node.op, "check_arrays"):
            node.op.check_arrays(node.inputs, arguments)
        found = node.op.impl(xp, *arguments)
    except (ValueError, IndexError, ZeroDivisionError, np.linalg.LinAlgError, OverflowError) as error:
        shapes = ", ".join(f"'{v}' of shape {np.shape(a)}" for v, a in zip(node.inputs, arguments, strict=True))
        when = "before the first step" if step is None else f"in step {step}"
        raise ValueError(f"{node.op} failed {when}: {error}\n  with {shapes}\n  at {describe(node.line)}") from error
    if len(node.outputs) == 1 and not isinstance(found, tuple):
        found = (found,)
    return [xp.asarray(f) if isinstance(v.type, TensorType) else f for v, f in zip(node.outputs, found, strict=True)]


def extend_extents(nodes: Sequence[Apply], known: dict[Variable, Any]) -> None:
    """Find the extents of what `nodes` compute, from `known` ones."""
    for node in nodes:
        infer_shape = getattr(node.op, "infer_shape", None)
        if infer_shape is None:
            raise TypeError(
                f"The shape of the result of {node.op} in a loop depends on data (at {describe(node.line)})."
            )
        inputs = [
            known[v] if v in known else v.type.shape if isinstance(v, Constant) else getattr(v.type, "shape", ())
            for v in node.inputs
        ]
        for v, e in zip(node.outputs, infer_shape(node.inputs, inputs), strict=True):
            if isinstance(v.type, TensorType):
                e = tuple(known_length(b, known) if a is None else a for a, b in zip(v.type.shape, e, strict=True))  # noqa: PLW2901
            known.setdefault(v, e)


def known_length(extent: Extent, known: Mapping[Variable, Any]) -> Extent:
    """An extent in which the lengths of `known` variables are replaced by what is known of them."""
    if isinstance(extent, int):
        return extent
    asked = [node for node in toposort([extent]) if isinstance(node.op, Dim) and node.inputs[0] in known]
    lengths = {node.outputs[0]: known[node.inputs[0]][node.op.axis] for node in asked}
    fixed = {v: constant(n, dtype="int64") if isinstance(n, int) else n for v, n in lengths.items()}
    found = replace_all([extent], fixed)[0] if fixed else extent
    static = static_value(found)
    return found if static is None else int(static)


def check_known_before(extents: Sequence[tuple[Extent, ...]], leaves: Sequence[Variable], op: Op) -> None:
    """Refuse lengths that only a step would know."""
    inside = set(leaves)
    symbolic = [e for row in extents for e in row if isinstance(e, Variable)]
    if any(v in inside for v in ancestors(symbolic)):
        raise TypeError(
            f"The shape of what {op} collects depends on its states or sequences: it may differ from step to step."
        )


def evaluate_constants(xp: Any, outputs: Sequence[Variable]) -> list[Any]:
    """The values of a graph without inputs."""
    program = Program(Body((), outputs), 0)
    values = program.start(xp, [])
    return [values[i] for i in program.results]
