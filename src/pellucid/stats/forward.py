"""Graphs with random draws evaluated at many rows of values at once: each op runs over one more axis in front."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from pellucid.compile.numpy import compile as interpret
from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.replace import replace_all
from pellucid.graph.traverse import toposort
from pellucid.rewrite.pipeline import rewrite_graph
from pellucid.stats.draws import as_seed, generators_by_name, stream_key
from pellucid.stats.logprob import extents_of_draw
from pellucid.tensor.broadcast import ShapeError
from pellucid.tensor.draws import Draw, RngType, RngVariable, as_size
from pellucid.tensor.types import TensorType, TensorVariable
from pellucid.vectorize import batch_ndim, vectorize_node

BLOCK = 2**20
"""Bytes of results that one block of rows may take: few enough to stay in a processor's cache between two ops."""


class Forward:
    """Outputs as a function of rows of values of some variables; what is random is drawn anew for each row.

    Parameters
    ----------
    outputs : sequence of variables
    given : sequence of variables
        Whose values are given, one per row: nothing above them in the graph is computed or drawn.

    Attributes
    ----------
    vectorized : bool
        Whether rows are computed together; otherwise some op has no rule for that, and they are computed in turn.
    """

    def __init__(self, outputs: Sequence[TensorVariable], given: Sequence[TensorVariable]):
        self.outputs, self.given = list(outputs), list(given)
        leaves: list[Any] = [v.type.variable(name=v.name) for v in given]
        graphs: list[Any] = replace_all(self.outputs, dict(zip(given, leaves, strict=True)))
        self.names = generators_by_name(graphs)
        try:
            self.run = together(graphs, leaves, list(self.names))
            self.vectorized = True
        except TypeError:  # an op without a rule, or results whose shapes differ from row to row
            self.run = in_turn(graphs, leaves, list(self.names))
            self.vectorized = False

    def __call__(
        self, values: Sequence[np.ndarray], rows: int, random_seed: Any = None, *, threads: int | None = None
    ) -> list[np.ndarray]:
        """The outputs at every row, of shape (rows, *shape).

        Parameters
        ----------
        values : sequence of array of shape (rows, *shape)
            Of the given variables.
        rows : int
        random_seed : int or generator, optional
            Each variable's draws depend on the seed and its name only, and not on the number of threads.
        threads : int, optional
            By default one for each core.
        """
        arrays = [checked(v, a, rows) for v, a in zip(self.given, values, strict=True)]
        seed = as_seed(random_seed) if self.names else 0
        first = self.block(arrays, 0, min(rows, 1), seed, "first")
        found = [np.empty((rows, *f.shape[1:]), f.dtype) for f in first]
        width = sum(f.nbytes for f in first)
        step = max(1, min(rows, BLOCK // max(width, 1)))

        def fill(start: int) -> None:
            stop = min(start + step, rows)
            for whole, part in zip(found, self.block(arrays, start, stop, seed, str(start)), strict=True):
                whole[start:stop] = part

        each_of(fill, range(0, rows, step), threads)
        return found

    def block(self, arrays: Sequence[np.ndarray], start: int, stop: int, seed: int, key: str) -> list[np.ndarray]:
        """The outputs at some of the rows."""
        # SFC64 is seeded in full by a key, and half as slow as Philox, whose counter nothing here needs.
        keys = [stream_key(seed, names[0], "row", key) for names in self.names.values()]
        generators = [np.random.Generator(np.random.SFC64(k)) for k in keys]
        found = self.run(stop - start, generators, [a[start:stop] for a in arrays])
        return [np.asarray(f) for f in found]


def checked(v: TensorVariable, array: np.ndarray, rows: int) -> np.ndarray:
    """Values that can stand for a variable, one per row; refused where their shape cannot be."""
    shape = array.shape[1:]
    fits = len(shape) == v.ndim and all(n is None or n == m for n, m in zip(v.type.shape, shape, strict=True))
    if not fits or len(array) != rows:
        raise ShapeError(f"'{v}' has shape {v.type.shape}, but the values given for it have shape {shape} in each row.")
    return array if array.dtype == v.dtype else array.astype(v.dtype)


def each_of(work: Callable[[int], None], starts: range, threads: int | None) -> None:
    """Do some work for each of several starts, side by side: NumPy lets go of Python's lock in what takes long."""
    count = min(len(starts), threads or os.cpu_count() or 1)
    if count <= 1:
        for start in starts:
            work(start)
        return
    with ThreadPoolExecutor(count) as pool:
        for _ in pool.map(work, starts):
            pass


Run = Callable[[int, Sequence[np.random.Generator], Sequence[np.ndarray]], Sequence[Any]]


def together(graphs: Sequence[Any], leaves: Sequence[Any], sources: Sequence[RngVariable]) -> Run:
    """All rows at once."""
    count = TensorType("int64", ()).variable(name="rows")
    wide: dict[Any, Any] = {v: TensorType(v.dtype, (None, *v.type.shape)).variable(name=v.name) for v in leaves}
    results = widened(graphs, wide, count)
    batched = [batch_ndim(old, new) > 0 for old, new in zip(graphs, results, strict=True)]
    compiled = interpret([count, *sources, *(wide[v] for v in leaves)], rewrite_graph(results))

    def run(rows: int, generators: Sequence[np.random.Generator], values: Sequence[np.ndarray]) -> list[Any]:
        found = compiled(np.array(rows), *generators, *values)
        return [f if own else np.broadcast_to(f, (rows, *np.shape(f))) for f, own in zip(found, batched, strict=True)]

    return run


def widened(graphs: Sequence[Any], wide: Mapping[Any, Any], rows: TensorVariable) -> list[Any]:
    """Graphs with one more axis in front wherever they are random or depend on what has one."""
    new: dict[Variable, Any] = dict(wide)
    for node in toposort(graphs, stop=set(new)):
        inputs = [new.get(v, v) for v in node.inputs]
        batched = any(batch_ndim(old, v) for old, v in zip(node.inputs, inputs, strict=True))
        random = any(isinstance(v.type, RngType) for v in node.inputs)
        if random and not isinstance(node.op, Draw):
            raise TypeError(f"{node.op} draws in a way that has no rule for many rows.")
        if random and not batched:
            found: Sequence[Any] = repeated(node, inputs, rows)
        elif any(v in new for v in node.inputs):
            found = vectorize_node(node, inputs)
        else:
            continue
        new.update(zip(node.outputs, found, strict=True))
    return [new.get(v, v) for v in graphs]


def repeated(node: Apply, inputs: Sequence[Any], rows: TensorVariable) -> Sequence[Any]:
    """A draw whose parameters are the same in each row, once per row."""
    drawn: Any = node.outputs[-1]
    own = list(extents_of_draw(drawn))[: drawn.ndim - node.op.law.ndim_supp]
    return node.op(inputs[0], as_size([rows, *own]), *inputs[2:])


def in_turn(graphs: Sequence[Any], leaves: Sequence[Any], sources: Sequence[RngVariable]) -> Run:
    """One row after the other."""
    compiled = interpret([*sources, *leaves], rewrite_graph(graphs))

    def run(rows: int, generators: Sequence[np.random.Generator], values: Sequence[np.ndarray]) -> list[Any]:
        found = list(each_row(compiled, rows, generators, values))
        return [np.array([row[k] for row in found]) for k in range(len(graphs))]

    return run


def each_row(
    compiled: Callable[..., list[Any]],
    rows: int,
    generators: Sequence[np.random.Generator],
    values: Sequence[np.ndarray],
) -> Iterator[list[Any]]:
    """The outputs at one row after the other; draws that share a root begin where it is, so each row gets its own."""
    for i in range(rows):
        fresh = [np.random.default_rng(g.integers(2**63)) for g in generators]
        yield compiled(*fresh, *(a[i] for a in values))
