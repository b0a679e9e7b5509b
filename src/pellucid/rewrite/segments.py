"""Sort data by the constant index that groups them, where nothing depends on their order.

What is added at the places of an index, such as the gradient of ``effect[group]``, is then added to one place after
another: native code makes of that a loop over groups around a loop over the members of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.replace import rebuild
from pellucid.graph.traverse import toposort
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.index import Gather, Scatter
from pellucid.tensor.linalg.products import MatMul
from pellucid.tensor.reduce import Reduce
from pellucid.tensor.shape import BroadcastTo, DimShuffle
from pellucid.tensor.types import Constant

FEWEST = 256
"""How many data there must be for their order to matter."""

MEMBERS = 3
"""How many data a group must have on average for a loop over it."""

LARGEST = 2**22
"""How many elements an array may have to be kept in another order beside its own."""

Places = dict[Variable, int]
"""Variables that have one element (or row, ...) for each datum, and the axis along which they do."""


class OrderMatters(Exception):
    """Something depends on the order of the data."""


def groups_of(node: Apply) -> tuple[Constant, int] | None:
    """The constant index at which a node adds to a vector (or to rows), and how many places there are."""
    op = node.op
    if not isinstance(op, Scatter) or op.sets or op.axes != (0,):
        return None
    index, n = node.inputs[2], node.inputs[0].type.shape[0]
    if not isinstance(index, Constant) or index.data.ndim != 1 or n is None:
        return None
    many = index.data.size >= max(FEWEST, MEMBERS * n)
    return (index, n) if many and int(index.data.min()) >= 0 else None


def is_sorted(index: Constant) -> bool:
    """Whether positions never decrease."""
    return bool((index.data[1:] >= index.data[:-1]).all())


def segments(outputs: Sequence[Variable]) -> list[Variable]:
    """The same values from data in an order in which those that belong together follow each other."""
    if not any(isinstance(node.op, Scatter) for node in toposort(outputs)):
        return list(outputs)
    found = list(outputs)
    done: set[Constant] = set()
    while True:
        nodes = toposort(found)
        wanted = [(node, index) for node in nodes if (g := groups_of(node)) and (index := g[0]) not in done]
        if not wanted:
            return found
        node, index = wanted[0]
        done.add(index)
        try:
            data = Data(nodes, found, node, index.data.size)
        except OrderMatters:
            continue
        best = max(data.groupings(), key=lambda pair: pair[1])[0]
        done.update(index for index, _ in data.groupings())
        if not is_sorted(best):
            found, made = data.sorted_by(best, found)
            done.update(made)


class Data:
    """The part of a graph that has one element for each datum, from what is given to where they are added up.

    Attributes
    ----------
    places : dict
        The variables, with the axis of the data.
    nodes : list of Apply
        All that reads or makes one of them.
    """

    def __init__(self, nodes: Sequence[Apply], outputs: Sequence[Variable], start: Apply, size: int):
        self.size, self.outputs = size, set(outputs)
        self.readers: dict[Variable, list[Apply]] = {}
        for node in nodes:
            for v in node.inputs:
                self.readers.setdefault(v, []).append(node)
        self.places: Places = {}
        self.nodes: dict[Apply, None] = {}
        self.given: dict[tuple[Apply, int], int] = {}
        self.waiting: list[Apply] = []
        self.place(start.inputs[1], 0)
        while self.waiting:
            self.visit(self.waiting.pop())

    def place(self, v: Variable, axis: int) -> None:
        """Note that a variable has the data along an axis, and look at all around it."""
        if isinstance(v, Constant):
            return
        known = self.places.get(v)
        if known is None:
            if v.owner is None or v in self.outputs or v.type.shape[axis] != self.size:
                raise OrderMatters
            self.places[v] = axis
            self.waiting += [v.owner, *self.readers.get(v, ())]
        elif known != axis:
            raise OrderMatters

    def visit(self, node: Apply) -> None:
        """Follow the axis of the data through a node."""
        if node in self.nodes:
            return
        self.nodes[node] = None
        for i, v, axis in self.axes(node):
            self.place(v, axis)
            if isinstance(v, Constant):
                if v.data.shape[axis] != self.size or v.data.size > LARGEST:
                    raise OrderMatters
                self.given[node, i] = axis

    def axes(self, node: Apply) -> Iterator[tuple[int, Variable, int]]:
        """The inputs and outputs (numbered -1) of a node that have the data along an axis."""
        op, out = node.op, node.outputs[0]
        if isinstance(op, (Elementwise, BroadcastTo)):
            operands = node.inputs if isinstance(op, Elementwise) else node.inputs[:1]
            yield from self.aligned([*enumerate(operands), (-1, out)])
        elif isinstance(op, DimShuffle):
            yield from self.moved(node, op.order)
        elif isinstance(op, Reduce):
            kept = [a for a in range(node.inputs[0].type.ndim) if a not in op.axes]
            yield from self.moved(node, kept)
        elif isinstance(op, Gather):
            yield from self.picked(out, node.inputs[0], list(enumerate(node.inputs))[1:])
            yield -1, out, 0
        elif isinstance(op, Scatter) and not op.sets:
            yield from self.picked(node.inputs[1], node.inputs[0], list(enumerate(node.inputs))[2:])
            yield 1, node.inputs[1], 0
        elif isinstance(op, MatMul) and out.type.ndim == 2:
            yield from self.multiplied(node.inputs[0], node.inputs[1], out)
        else:
            raise OrderMatters

    def aligned(self, operands: Sequence[tuple[int, Variable]]) -> Iterator[tuple[int, Variable, int]]:
        """Those of operands that broadcast: the axis is the same counted from the last."""
        (right,) = {v.type.ndim - self.places[v] for _, v in operands if v in self.places}
        for i, v in operands:
            ndim = v.type.ndim
            if ndim >= right and v.type.shape[ndim - right] != 1:
                yield i, v, ndim - right

    def moved(self, node: Apply, order: Sequence[Any]) -> Iterator[tuple[int, Variable, int]]:
        """Input and output of what moves or drops axes."""
        (x,), out = node.inputs[:1], node.outputs[0]
        axis = self.places[x] if x in self.places else order[self.places[out]]
        if axis == "x":
            raise OrderMatters
        yield 0, x, axis
        if axis in order:
            yield -1, out, list(order).index(axis)

    def picked(
        self, part: Variable, x: Variable, indices: Sequence[tuple[int, Variable]]
    ) -> Iterator[tuple[int, Variable, int]]:
        """The indices of what is picked out of x, or added to it."""
        if x in self.places or part.type.ndim != x.type.ndim - len(indices) + 1:
            raise OrderMatters
        for i, v in indices:
            if not isinstance(v, Constant) or v.data.shape != (self.size,):
                raise OrderMatters
            yield i, v, 0

    def multiplied(self, a: Variable, b: Variable, out: Variable) -> Iterator[tuple[int, Variable, int]]:
        """Rows of the first, columns of the second, or what a product of matrices sums over."""
        if self.places.get(a) == 1 or self.places.get(b) == 0:
            yield from ((0, a, 1), (1, b, 0))
        elif self.places.get(a) == 0 or self.places.get(out) == 0:
            yield from ((0, a, 0), (-1, out, 0))
        else:
            yield from ((1, b, 1), (-1, out, 1))

    # -- in another order

    def groupings(self) -> list[tuple[Constant, tuple[int, int]]]:
        """The indices by which the data might be sorted, with what that is worth."""
        found: dict[Constant, tuple[int, int]] = {}
        for node in self.nodes:
            groups = groups_of(node)
            if groups is not None:
                index, n = groups
                uses = sum(index in other.inputs for other in self.nodes)
                found[index] = uses, self.size // n
        return list(found.items())

    def sorted_by(self, index: Constant, outputs: Sequence[Variable]) -> tuple[list[Variable], Iterable[Constant]]:
        """The outputs from data in the order of an index, and the constants in that order."""
        narrow = np.uint16 if index.data.max() < 2**16 else np.int64  # few bits are sorted in linear time
        order = np.argsort(index.data.astype(narrow), kind="stable")
        made: dict[tuple[Constant, int], Constant] = {}
        new: dict[Variable, Variable] = {}
        for node in toposort(outputs):
            inputs = [new.get(v, v) for v in node.inputs]
            for i, v in enumerate(node.inputs):
                axis = self.given.get((node, i))
                if axis is not None:
                    key: Any = v, axis
                    if key not in made:
                        made[key] = Constant(np.take(v.data, order, axis), v.name)  # type: ignore[attr-defined]
                    inputs[i] = made[key]
            if any(a is not b for a, b in zip(inputs, node.inputs, strict=True)):
                new.update(zip(node.outputs, rebuild(node, inputs).outputs, strict=True))
        return [new.get(v, v) for v in outputs], made.values()
