"""Sums over constant data from sufficient statistics: what is computed once instead of for each datum.

A sum of terms that are linear in data needs the sums of the data; of squares that are linear in parameters, a small
triangle (`pellucid.rewrite.squares`); of any function of data that take few values, how often they take each.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.provenance import made_by
from pellucid.graph.replace import rebuild, replace_all
from pellucid.graph.traverse import toposort
from pellucid.rewrite.fold import evaluate_node
from pellucid.rewrite.squares import as_scalar, is_invariant, made_of, squares, times
from pellucid.tensor.arithmetic import add, mul, neg, pow, sqr, sub, true_div
from pellucid.tensor.draws import Draw
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.index import Gather
from pellucid.tensor.reduce import Reduce
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import BroadcastTo
from pellucid.tensor.types import Constant, TensorType

FEWEST = 32
"""How many data a sum must have."""

SAMPLE = 1024
"""How many data are looked at first to see whether they take few values: at most half as many, and..."""

SHARE = 4
"""... in the end at most this part of the number of data."""


def statistics(outputs: Sequence[Variable]) -> list[Variable]:
    """The same values, with sums over constant data from sufficient statistics."""
    nodes = toposort(outputs)
    if not any(is_total(node) for node in nodes):
        return list(outputs)
    data = Values(nodes)
    readers = Counter(v for node in nodes for v in node.inputs)
    new: dict[Variable, Variable] = {}
    for node in nodes:
        found: Any = None
        if is_total(node) and not data.is_constant(node.outputs[0]):
            with made_by(node.line):
                found = Total(node, data, readers).shorter()
        if found is not None:
            (found,) = replace_all([found], new)
            found.name = found.name or node.outputs[0].name
            new[node.outputs[0]] = found
        elif any(v in new for v in node.inputs):
            new.update(zip(node.outputs, rebuild(node, [new.get(v, v) for v in node.inputs]).outputs, strict=True))
    return [new.get(v, v) for v in outputs]


def is_total(node: Apply) -> bool:
    """Whether a node adds up a vector of doubles of known length."""
    op = node.op
    if not isinstance(op, Reduce) or op.name != "sum" or node.outputs[0].type.dtype != "float64":
        return False
    shape = node.inputs[0].type.shape
    return len(shape) == 1 and op.axes == (0,) and (shape[0] or 0) >= FEWEST


class Values:
    """The values of what depends on constants alone."""

    def __init__(self, nodes: Sequence[Apply]):
        self.constant: set[Variable] = set()
        self.known: dict[Variable, np.ndarray | None] = {}
        for node in nodes:
            plain = not isinstance(node.op, Draw) and node.op.folds and node.inputs
            if plain and all(self.is_constant(v) for v in node.inputs):
                self.constant.update(v for v in node.outputs if isinstance(v.type, TensorType))

    def is_constant(self, v: Variable) -> bool:
        """Whether a variable depends on constants alone."""
        return isinstance(v, Constant) or v in self.constant

    def __call__(self, v: Variable) -> np.ndarray | None:
        """The value; None of what is not constant, or has no value."""
        if isinstance(v, Constant):
            return v.data
        if v not in self.constant:
            return None
        for node in toposort([v], stop=set(self.known)):
            given: Any = [u.data if isinstance(u, Constant) else self.known.get(u) for u in node.inputs]
            found: list[Any] = [None] * len(node.outputs)
            if all(a is not None for a in given):
                # The same error belongs to run time, where it names the user's line.
                with suppress(ValueError, IndexError, ArithmeticError, np.linalg.LinAlgError):
                    found = evaluate_node(node, given)
            self.known.update(zip(node.outputs, found, strict=True))
        return self.known[v]


class Total:
    """A sum over data, taken apart into terms.

    Attributes
    ----------
    numbers : list of Variable
        The sums that are known from sufficient statistics.
    squared : list of (Variable, Variable)
        Vectors of squares, and their sums.
    rest : list of Variable
        Vectors whose sums are not.
    """

    def __init__(self, node: Apply, data: Values, readers: Counter[Variable]):
        self.data, self.readers = data, readers
        self.x: Any = node.inputs[0]
        self.size: int = self.x.type.shape[0]
        self.numbers: list[Any] = []
        self.squared: list[tuple[Any, Any]] = []
        self.rest: list[Any] = []
        self.saves = False

    def shorter(self) -> Any:
        """The sum with less work than before; None where there is none to save."""
        if not self.is_alone():
            return None
        self.take_apart()
        numbers = [*self.numbers, *(found for _, found in self.squared)]
        if self.rest:
            fewer = self.of_distinct(total_of(self.rest))
            if fewer is None:  # then the loop over data stays, and need not read what is known
                return self.without_data() if self.saves else None
            return total_of([*numbers, fewer])
        return total_of(numbers) if self.saves or self.squared else None

    def without_data(self) -> Any:
        """The sum of what is not known, and what is."""
        return total_of([*self.numbers, sum_(total_of([*self.rest, *(v for v, _ in self.squared)]))])

    def is_alone(self) -> bool:
        """Whether nothing else needs what is computed for each datum, so that the loop over data could go."""
        inside: Counter[Variable] = Counter([self.x])
        stack, seen = [self.x], set()
        while stack:
            v = stack.pop()
            if v in seen or v.owner is None or self.data.is_constant(v) or is_invariant(v):
                continue
            seen.add(v)
            if isinstance(v.owner.op, Elementwise):
                inside.update(v.owner.inputs)
                stack.extend(v.owner.inputs)
        return all(self.readers[v] == inside[v] for v in seen)

    # -- terms

    def take_apart(self) -> None:
        """Sort the terms by what is known of their sums."""
        stack: list[tuple[Any, Any]] = [(self.x, None)]
        while stack:
            v, factor = stack.pop()
            op, inputs = made_of(v)
            if is_invariant(v):
                self.numbers.append(times(factor, mul(as_scalar(v), float(self.size))))
            elif self.data.is_constant(v):
                self.take_data(v, factor)
            elif op is add or op is sub:
                other = factor if op is add else -1.0 if factor is None else neg(factor)
                stack += [(inputs[1], other), (inputs[0], factor)]
            elif op is neg:
                stack.append((inputs[0], -1.0 if factor is None else neg(factor)))
            elif op is mul and (is_invariant(inputs[0]) or is_invariant(inputs[1])):
                scale, rest = inputs if is_invariant(inputs[0]) else inputs[::-1]
                stack.append((rest, times(factor, as_scalar(scale))))
            elif op is true_div and is_invariant(inputs[1]):
                stack.append((inputs[0], true_div(1.0 if factor is None else factor, as_scalar(inputs[1]))))
            elif isinstance(op, BroadcastTo) and is_invariant(inputs[0]):
                stack.append((inputs[0], factor))
            else:
                self.take_other(v, factor)

    def take_data(self, v: Variable, factor: Any) -> None:
        """A term that is data, times a number."""
        value = self.data(v)
        if value is None or not np.all(np.isfinite(value)) or value.shape != (self.size,):
            self.rest.append(times(factor, v))
        else:
            self.saves = True
            self.numbers.append(times(factor, Constant(np.asarray(math.fsum(value.tolist())))))

    def take_other(self, v: Variable, factor: Any) -> None:
        """A term that is something else: a square, perhaps."""
        base = squared(v)
        found = None if base is None else squares(base, self.size, self.data)
        vector = times(factor, v)
        if found is None:
            self.rest.append(vector)
        else:
            self.squared.append((vector, times(factor, found)))

    # -- data that take few values

    def of_distinct(self, v: Any) -> Any:
        """The sum of a function of data from how often they take each value; None where those are many."""
        leaves = self.leaves(v)
        if leaves is None:
            return None
        given = [self.data.is_constant(u) for u in leaves]
        arrays: list[Any] = [
            self.data(u) if known else made_of(u)[1][1].data for u, known in zip(leaves, given, strict=True)
        ]
        columns = [codes(a) for a in arrays if a is not None]
        few = few_of(columns) if len(columns) == len(arrays) else None
        if few is None:
            return None
        first, counts = few
        new: dict[Variable, Variable] = {}
        for u, array, known in zip(leaves, arrays, given, strict=True):
            part = Constant(array[first])
            new[u] = part if known else Gather((0,))(made_of(u)[1][0], part)
        return sum_(mul(replace_elementwise(v, new), Constant(counts.astype("float64"))))

    def leaves(self, v: Variable) -> list[Variable] | None:
        """The data, and what constant indices pick, of which a vector is a function; None if there is anything else."""
        found: dict[Variable, None] = {}
        stack, seen = [v], set()
        while stack:
            u = stack.pop()
            if u in seen or is_invariant(u):
                continue
            seen.add(u)
            op, inputs = made_of(u)
            if u.type.shape != (self.size,):
                return None
            if self.data.is_constant(u) or (isinstance(op, Gather) and is_pick(u.owner)):
                found[u] = None
            elif isinstance(op, Elementwise):
                stack.extend(inputs)
            else:
                return None
        return list(found) or None


def is_pick(node: Any) -> bool:
    """Whether a node picks elements of a vector by a constant vector of positions."""
    x, *indices = node.inputs
    return node.op.axes == (0,) and x.type.ndim == 1 and isinstance(indices[0], Constant) and indices[0].data.ndim == 1


def squared(v: Any) -> Any:
    """What `v` is the square of, or None."""
    op, inputs = made_of(v)
    if op is sqr or (op is mul and inputs[0] is inputs[1]):
        return inputs[0]
    power = inputs[1].data if op is pow and isinstance(inputs[1], Constant) else None
    return inputs[0] if power is not None and np.all(power == 2) else None


def total_of(terms: Sequence[Any]) -> Any:
    """The sum of some variables."""
    found = terms[0]
    for v in terms[1:]:
        found = add(found, v)
    return found


def replace_elementwise(v: Any, new: dict[Variable, Variable]) -> Any:
    """A vector over other leaves, whose length differs."""
    made = dict(new)
    for node in toposort([v], stop=set(new)):
        if any(u in made for u in node.inputs):
            made.update(zip(node.outputs, [node.op(*[made.get(u, u) for u in node.inputs])], strict=True))
    return made[v]


def codes(array: np.ndarray) -> np.ndarray:
    """Numbers that are equal where the elements of an array have the same bits."""
    return array.astype("float64").view("int64") if array.dtype.kind == "f" else array.astype("int64")


def few_of(columns: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray] | None:
    """Where each distinct row of some columns is first, and how often it occurs; None where there are many."""
    size = len(columns[0])
    sample = np.stack([c[:: max(1, size // SAMPLE)] for c in columns])
    if np.unique(sample, axis=1).shape[1] > sample.shape[1] // 2:
        return None
    label = np.zeros(size, "int64")
    for column in columns:
        values, code = np.unique(column, return_inverse=True)
        _, label = np.unique(label * len(values) + code, return_inverse=True)
    _, first, counts = np.unique(label, return_index=True, return_counts=True)
    return (first, counts) if SHARE * len(first) <= size else None
