"""Compute alike expressions of different data at once: a thousand scalar terms become one term of a vector.

Two variables are alike when the same ops lead to them from roots, where constants of one type count as the same, and
so do parts of one length that are read out of one vector. Variables that are alike cannot depend on each other, so all
of a kind can be computed by each op once, over a leading axis, and long sums of them become reductions.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.provenance import made_by
from pellucid.graph.replace import rebuild
from pellucid.graph.traverse import toposort
from pellucid.tensor.arithmetic import add, mul, neg, sub
from pellucid.tensor.arithmetic import pow as power
from pellucid.tensor.create import zeros
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.index import Gather, IncSubtensor, Scatter, Slice, Subtensor, given_values
from pellucid.tensor.reduce import Reduce
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import BroadcastTo, DimShuffle, Reshape, broadcast_to, reshape, stack
from pellucid.tensor.softmax import LogSumExp
from pellucid.tensor.types import Constant, TensorType, TensorVariable
from pellucid.vectorize import vectorize_node

FEWEST = 16
"""How many variables must be alike for one op to compute them all."""

LARGEST_PART = 256
"""The number of elements of one of them above which a loop over it is long enough by itself."""

LARGEST_COPY = 4096
"""How many elements may be copied to have what is computed apart in one tensor; any number of scalars."""

ALONE = 4
"""One in so many members of a kind may also be read on its own; if more are, none is computed with the others."""

ROLLED = (Elementwise, DimShuffle, Reduce, LogSumExp, Reshape, BroadcastTo)
"""The ops that are applied once for many."""


@dataclass(eq=False)
class Kind:
    """Variables that are alike, and the tensor that holds them all along its first axis (None: they are equal)."""

    members: list[Variable]
    depth: int
    batch: Variable | None = None
    place: dict[Variable, int] = field(default_factory=dict)


def elements(v: Variable) -> int:
    """The number of elements of a tensor of known shape."""
    return math.prod(n or 1 for n in v.type.shape)


def positions_read(node: Apply) -> np.ndarray | None:
    """Which elements of a vector an index with constant positions picks; None for anything else."""
    x = node.inputs[0] if node.inputs else None
    if not isinstance(x, TensorVariable) or x.ndim != 1 or x.type.shape[0] is None:
        return None
    n = x.type.shape[0]
    if isinstance(node.op, Subtensor) and len(node.inputs) == 1:
        (entry,) = given_values(node.op.entries, ())
        return np.arange(*entry.indices(n)) if isinstance(entry, slice) else np.array(entry % n)
    if isinstance(node.op, Gather) and isinstance(node.inputs[1], Constant):
        return node.inputs[1].data % n
    return None


def positions_updated(node: Apply) -> np.ndarray | None:
    """Which elements of a vector of zeros an update with constant positions adds to; None for anything else."""
    if not isinstance(node.op, (IncSubtensor, Scatter)) or node.op.sets or not is_zero(node.inputs[0]):
        return None
    found = positions_read(Apply(node.op.picks, [node.inputs[0], *node.inputs[2:]]))
    return found if found is not None and found.shape == node.inputs[1].type.shape else None


def is_zero(v: Variable) -> bool:
    """Whether a tensor is known to be zero everywhere."""
    if v.owner is not None and isinstance(v.owner.op, BroadcastTo):
        v = v.owner.inputs[0]
    return isinstance(v, Constant) and not v.data.any()


def shorter(terms: Sequence[tuple[Variable, int]]) -> list[tuple[Any, int]] | None:
    """Terms with constants added up, and equal ones counted; None where that makes no difference to speak of."""
    counts = Counter(terms)
    constants = [(v, sign * n) for (v, sign), n in counts.items() if isinstance(v, Constant)]
    if len(terms) - len(counts) + len(constants) < FEWEST:
        return None
    found: list[tuple[Any, int]] = [
        (v if n == 1 else mul(v, n), sign) for (v, sign), n in counts.items() if not isinstance(v, Constant)
    ]
    if constants:
        with np.errstate(all="ignore"):
            total = sum(v.data * n for v, n in constants)
        found.append((Constant(np.asarray(total, constants[0][0].type.dtype)), 1))
    return found


def is_sum(node: Apply | None, of: Any) -> bool:
    """Whether a node adds or subtracts floating tensors of one type."""
    if node is None or (node.op is not add and node.op is not sub) or not of.dtype.startswith("float"):
        return False
    a, b = node.inputs
    return a.type == of == b.type == node.outputs[0].type


def roll(outputs: Sequence[Variable]) -> list[Variable]:
    """The same values, with what is alike computed at once where that is worth it."""
    nodes = toposort(outputs)
    return Rolling(nodes, outputs).run() if len(nodes) >= FEWEST else list(outputs)


class Rolling:
    """A graph on its way to one in which alike variables are computed together.

    Attributes
    ----------
    sums : dict
        The roots of long sums → their terms, each with its sign.
    inner : set of Variable
        Partial sums, which vanish.
    kinds : list of Kind
        Alike variables that might be computed together.
    values : dict
        What stands for each variable that is computed on its own.
    home : dict
        Variables that are computed together with others → their kind.
    """

    def __init__(self, nodes: Sequence[Apply], outputs: Sequence[Variable]):
        self.nodes, self.outputs = nodes, list(outputs)
        self.sums: dict[Variable, list[tuple[Variable, int]]] = {}
        self.inner: set[Variable] = set()
        self.colour: dict[Variable, int] = {}
        self.depth: dict[Variable, int] = {}
        self.values: dict[Variable, Variable] = {}
        self.home: dict[Variable, Kind] = {}
        self.reads: dict[Variable, tuple[Variable, np.ndarray]] = {}
        self.single: set[Variable] = set()
        self.updates: dict[Variable, np.ndarray] = {}
        self.absorbed: set[Variable] = set()

    def run(self) -> list[Variable]:
        """The outputs over what is computed together."""
        self.find_sums()
        kinds = self.worthwhile(self.find_kinds())
        if not kinds and not any(shorter(terms) for terms in self.sums.values()):
            return self.outputs
        steps: list[tuple[int, Kind | Apply]] = [(kind.depth, kind) for kind in kinds]
        for node in self.nodes:
            out = node.outputs[0]
            if out not in self.inner and out not in self.absorbed and (out not in self.home or out in self.single):
                steps.append((self.depth[out], node))
        for _, step in sorted(steps, key=lambda pair: pair[0]):
            if isinstance(step, Kind):
                self.compute_together(step)
            else:
                self.compute_alone(step)
        return [self.value(v) for v in self.outputs]

    # -- what is alike

    def find_sums(self) -> None:
        """Long sums, whose partial sums nobody else reads."""
        readers = Counter(v for node in self.nodes for v in node.inputs)
        readers.update(self.outputs)
        for node in reversed(self.nodes):
            out = node.outputs[0]
            if out in self.inner or not is_sum(node, out.type):
                continue
            first, second = node.inputs
            stack_ = [(first, 1), (second, 1 if node.op is add else -1)]
            terms: list[tuple[Variable, int]] = []
            inner: list[Variable] = []
            while stack_:
                v, sign = stack_.pop()
                if readers[v] == 1 and is_sum(v.owner, out.type):
                    inner.append(v)
                    a, b = v.owner.inputs  # type: ignore[union-attr]
                    stack_ += [(a, sign), (b, sign if v.owner.op is add else -sign)]  # type: ignore[union-attr]
                else:
                    terms.append((v, sign))
            if len(terms) >= FEWEST:
                self.sums[out] = terms[::-1]
                self.inner.update(inner)
                updates = [(v, positions_updated(v.owner)) for v, _ in terms if readers[v] == 1 and v.owner is not None]
                self.updates.update((v, found) for v, found in updates if found is not None)

    def find_kinds(self) -> list[Kind]:
        """Kinds that are large enough, of ops that can be applied to many at once."""
        numbers: dict[Any, int] = {}
        members: dict[int, list[Variable]] = {}
        for node in self.nodes:
            out = node.outputs[0]
            if out in self.inner:
                continue
            above = [v for v, _ in self.sums[out]] if out in self.sums else node.inputs
            depth = 1 + max([self.depth.get(v, 0) for v in above], default=0)
            mark = self.mark(node, out)
            colour = len(numbers) if mark is None else numbers.setdefault(mark, len(numbers))
            if mark is None:
                numbers[out] = colour
            for v in node.outputs:
                self.depth[v] = depth
                self.colour[v] = colour if mark is not None else numbers.setdefault(v, len(numbers))
            if mark is not None and out not in self.reads:
                members.setdefault(colour, []).append(out)
        return [Kind(m, self.depth[m[0]]) for m in members.values() if len(m) >= FEWEST]

    def mark(self, node: Apply, out: Variable) -> Any:
        """What variables that are alike share; None for one that is like no other."""
        op = node.op
        if out in self.sums or len(node.outputs) != 1 or not isinstance(out.type, TensorType):
            return None
        shape = out.type.shape
        if None in shape or elements(out) > LARGEST_PART:
            return None
        found = self.positions(node)
        if found is not None:
            self.reads[out] = found
            return "read", found[0], out.type
        if isinstance(op, Subtensor):
            return None
        if not isinstance(op, ROLLED):
            return None
        # Exponents and lengths decide what an op becomes, so they must be equal; other constants need not.
        free = isinstance(op, Elementwise) and op is not power
        colour = self.colour
        inputs = []
        for v in node.inputs:
            if isinstance(v, Constant):
                inputs.append(v.type if free and v.data.size <= LARGEST_PART else v.key())
            else:
                inputs.append(colour.get(v, v))
        return (op, *inputs)

    def positions(self, node: Apply) -> tuple[Variable, np.ndarray] | None:
        """The vector that a node is a part of, and the positions there; None if it is computed in another way."""
        above = self.reads.get(node.inputs[0]) if node.inputs else None
        if above is not None and isinstance(node.op, Reshape):
            return above[0], above[1].reshape(node.outputs[0].type.shape)
        if above is not None and isinstance(node.op, Subtensor) and len(node.inputs) == 1:
            return above[0], above[1][tuple(given_values(node.op.entries, ()))]
        found = positions_read(node)
        return None if found is None else (node.inputs[0], found)

    # -- what is worth it

    def worthwhile(self, kinds: list[Kind]) -> list[Kind]:
        """The kinds that are read together, and whose inputs lie together."""
        while True:
            self.home = {v: kind for kind in kinds for v in kind.members}
            self.single = self.read_alone()
            kept = [
                kind
                for kind in kinds
                if sum(v in self.single for v in kind.members) <= len(kind.members) // ALONE and self.fits(kind)
            ]
            if len(kept) == len(kinds):
                return kinds
            kinds = kept

    def read_alone(self) -> set[Variable]:
        """The members of kinds that are read one by one: they are computed on their own too, not taken out again."""
        single = set(self.outputs)
        self.absorbed = set()
        for node in reversed(self.nodes):
            out = node.outputs[0]
            if out in self.inner or out in self.absorbed or (out in self.home and out not in single):
                continue
            if out in self.sums:
                for listed in self.grouped(self.sums[out])[1].values():
                    if len(listed) < FEWEST:
                        single.update(listed)
                    else:
                        self.absorbed.update(v for v in listed if v in self.updates)
            else:
                single.update(node.inputs)
        return single

    def fits(self, kind: Kind) -> bool:
        """Whether each input of all members can be had as one tensor without copying much."""
        for i, first in enumerate(kind.members[0].owner.inputs):  # type: ignore[union-attr]
            if isinstance(first, Constant) or first in self.reads:
                continue
            column = {v.owner.inputs[i] for v in kind.members}  # type: ignore[union-attr]
            home = self.home.get(first)
            apart = home is None or any(self.home.get(v) is not home for v in column)
            if apart and len(column) > 1 and elements(first) > max(1, LARGEST_COPY // len(column)):
                return False
        return True

    def grouped(
        self, terms: Sequence[tuple[Variable, int]]
    ) -> tuple[list[tuple[Variable, int]], dict[tuple[Any, int], list[Variable]]]:
        """The terms of a sum that are computed on their own; those of each kind (or read from one vector) and sign."""
        groups: dict[tuple[Any, int], list[Variable]] = {}
        alone: list[tuple[Variable, int]] = []
        for v, sign in terms:
            if v in self.home:
                groups.setdefault((self.home[v], sign), []).append(v)
            elif v in self.reads:
                groups.setdefault((self.reads[v][0], sign), []).append(v)
            elif v in self.updates and v.owner.inputs[1] in self.home:  # type: ignore[union-attr]
                groups.setdefault(((self.home[v.owner.inputs[1]], "updates"), sign), []).append(v)  # type: ignore[union-attr]
            else:
                alone.append((v, sign))
        return alone, groups

    # -- what stands for them

    def value(self, v: Variable) -> Variable:
        """What stands for a variable, as a tensor of its own."""
        return self.values.get(v, v)

    def compute_alone(self, node: Apply) -> None:
        """Rebuild a node over what stands for its inputs."""
        out = node.outputs[0]
        if out in self.sums:
            with made_by(node.line):
                self.values[out] = found = self.total(self.sums[out])
            if found.owner is not None and found.name is None:
                found.name = out.name
            return
        inputs = [self.value(v) for v in node.inputs]
        if any(a is not b for a, b in zip(inputs, node.inputs, strict=True)):
            self.values.update(zip(node.outputs, rebuild(node, inputs).outputs, strict=True))

    def total(self, terms: Sequence[tuple[Variable, int]]) -> Any:
        """A sum of terms, reduced where they are computed together."""
        alone, groups = self.grouped(terms)
        parts: list[tuple[Any, int]] = [(self.value(v), sign) for v, sign in alone]
        parts = shorter(parts) or parts
        for (kind, sign), listed in groups.items():
            if len(listed) < FEWEST:
                parts += [(self.value(v), sign) for v in listed]
            elif isinstance(kind, Kind) and kind.batch is None:
                parts.append((mul(self.value(listed[0]), len(listed)), sign))
            elif listed[0] in self.updates:
                parts.append((self.updated(listed), sign))
            else:
                parts.append((sum_(self.gathered(listed), 0), sign))
        found, sign = parts[0]
        found = found if sign > 0 else neg(found)
        for v, sign in parts[1:]:
            found = add(found, v) if sign > 0 else sub(found, v)
        return found

    def updated(self, listed: Sequence[Variable]) -> Any:
        """The sum of updates of zeros as one update."""
        values = [v.owner.inputs[1] for v in listed]  # type: ignore[union-attr]
        found = self.gathered(values)
        places = np.stack([self.updates[v] for v in listed])
        if found.type.ndim < places.ndim:
            found = broadcast_to(found, places.shape)
        return Scatter((0,), False)(zeros(listed[0].type.shape, listed[0].type.dtype), found, Constant(places))

    def compute_together(self, kind: Kind) -> None:
        """Apply the op of a kind once, over all its members."""
        node: Any = kind.members[0].owner
        columns = [[v.owner.inputs[i] for v in kind.members] for i in range(len(node.inputs))]  # type: ignore[union-attr]
        order = self.order(columns, len(kind.members))
        kind.members = [kind.members[i] for i in order]
        kind.place = {v: i for i, v in enumerate(kind.members)}
        with made_by(node.line):
            inputs = [self.column([column[i] for i in order]) for column in columns]
            found = vectorize_node(kind.members[0].owner, inputs)[0]  # type: ignore[arg-type]
        if found.type.ndim == node.outputs[0].type.ndim:
            self.values.update(dict.fromkeys(kind.members, found))
        else:
            kind.batch = found

    def order(self, columns: Sequence[Sequence[Variable]], n: int) -> Sequence[int]:
        """The order of members in which their inputs are read one after another."""
        keys: list[list[int]] = []
        for column in columns:
            if all(v in self.reads for v in column):
                keys.append([int(self.reads[v][1].flat[0]) if self.reads[v][1].size else 0 for v in column])
            elif all(v in self.home and self.home[v].batch is not None for v in column):
                keys.append([self.home[v].place[v] for v in column])
        return sorted(range(n), key=lambda i: [key[i] for key in keys]) if keys else range(n)

    def column(self, column: Sequence[Variable]) -> Variable:
        """One input of all members as one tensor; as it is where it is the same for all."""
        first = column[0]
        if all(isinstance(v, Constant) for v in column):
            return first if len({v.key() for v in column}) == 1 else Constant(np.stack([v.data for v in column]))  # type: ignore[attr-defined]
        kind = self.home.get(first)
        if all(v is first for v in column) and (kind is None or kind.batch is None or first in self.values):
            return self.value(first)
        return self.gathered(column)

    def gathered(self, column: Sequence[Variable]) -> Any:
        """Several variables of a kind as one tensor."""
        first = column[0]
        if all(v in self.reads for v in column):
            source: Any = self.value(self.reads[first][0])
            return take(source, np.stack([self.reads[v][1] for v in column]))
        kind = self.home.get(first)
        if kind is None or any(self.home.get(v) is not kind for v in column):
            apart = {v: i for i, v in enumerate(dict.fromkeys(column))}
            return take(stack([self.value(v) for v in apart]), np.array([apart[v] for v in column]))
        if kind.batch is None:
            return self.value(first)
        return take(kind.batch, np.array([kind.place[v] for v in column]))


def take(x: Any, positions: np.ndarray) -> Any:
    """Elements of the first axis: as a slice where they follow each other at one distance."""
    flat = positions.ravel()
    step = int(flat[1] - flat[0]) if flat.size > 1 else 1
    if step <= 0 or not np.array_equal(flat, flat[0] + step * np.arange(flat.size)):
        return Gather((0,))(x, Constant(positions))
    if step == 1 and flat.size == x.type.shape[0] and x.owner is not None:
        found = x
    else:
        entry = Slice(int(flat[0]), int(flat[-1]) + 1, step)
        found = Subtensor((entry, *[Slice()] * (x.ndim - 1)))(x)  # of a root too: differentiable apart from the rest
    return found if positions.ndim == 1 else reshape(found, [*positions.shape, *x.type.shape[1:]])


def parts_read(outputs: Sequence[Variable], x: Variable) -> list[tuple[Variable, np.ndarray]] | None:
    """All that is picked out of a vector, with the positions; None if anything else reads it."""
    found: list[tuple[Variable, np.ndarray]] = []
    for node in toposort(outputs):
        if x in node.inputs:
            positions = positions_read(node)
            if positions is None:
                return None
            found.append((node.outputs[0], positions))
    return found
