"""Draw random variables, one by one or many rows at once: then each op runs over one more axis in front."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np

from pellucid.compile.backend import default_backend
from pellucid.compile.numpy import EvaluationError
from pellucid.compile.numpy import compile as interpret
from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.replace import replace_all
from pellucid.graph.traverse import as_list, explicit_graph_inputs, toposort
from pellucid.rewrite.pipeline import rewrite_graph
from pellucid.stats.draws import Block, as_seed, generators_by_name, stream, stream_key
from pellucid.stats.logprob import extents_of_draw
from pellucid.stats.staged import WORK, NotStaged, Staged, draws_from_noise
from pellucid.tensor.broadcast import ShapeError
from pellucid.tensor.draws import Draw, RngType, RngVariable, as_size
from pellucid.tensor.types import TensorType, TensorVariable
from pellucid.vectorize import batch_ndim, vectorize_node

LEAST, MOST = 16, 4096
"""The fewest and most rows of a block: the work for a block is to be little beside that for its rows, and its results
are to stay in a processor's cache from one op to the next."""

MEMORY = 2**26
"""Bytes that the results of a block may take, and the standard numbers that they are made of."""


class Forward:
    """Outputs as a function of rows of values of some variables; what is random is drawn anew for each row.

    Parameters
    ----------
    outputs : sequence of variables
    given : sequence of variables
        Whose values are given, one per row: nothing above them in the graph is computed or drawn.
    """

    def __init__(self, outputs: Sequence[TensorVariable], given: Sequence[TensorVariable]):
        self.outputs, self.given = list(outputs), list(given)
        self.leaves: list[Any] = [v.type.variable(name=v.name) for v in given]
        self.graphs: list[Any] = replace_all(self.outputs, dict(zip(given, self.leaves, strict=True)))
        graphs, leaves = self.graphs, self.leaves
        self.names = generators_by_name(graphs)
        try:
            self.together: Together | None = Together(graphs, leaves, list(self.names))
            self.run: Run = self.together.interpreted
        except TypeError:  # an op without a rule, or results whose shapes differ from row to row
            self.together = None
            self.run = in_turn(graphs, leaves, list(self.names))

    @property
    def vectorized(self) -> bool:
        """Whether rows are computed together; otherwise some op has no rule for that, and they are computed in turn."""
        return self.together is not None

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
            By default the generators of the variables themselves say how to go on, and move on.
            Each variable's draws depend on the seed, its name and the number of rows, and not on what else is drawn
            (unless a row takes hundreds of kilobytes, and but for rounding) or on the number of threads.
        threads : int, optional
            By default one for each core.
        """
        arrays = [checked(v, a, rows) for v, a in zip(self.given, values, strict=True)]
        seeds = self.seeds(random_seed)
        first, shapes = self.first_block(arrays, rows, seeds)
        many = rows * sum(f.size for f in first) >= WORK and default_backend() == "llvm"
        native = self.together.native if many and self.together else None
        found = [np.empty((rows, *f.shape[1:]), f.dtype) for f in first]
        step = rows_of_block(rows, max(sum(f.nbytes for f in first), 8 * sum(map(math.prod, shapes))))

        def fill(start: int) -> None:
            part = slice(start, min(start + step, rows))
            blocks, given = self.blocks(seeds, str(start), rows / step), [a[part] for a in arrays]
            places = [whole[part] for whole in found]
            results = attempted(native, part.stop - start, blocks, given, shapes, places)
            for place, result in zip(places, results or self.run(part.stop - start, blocks, given), strict=True):
                if result is not place:
                    place[...] = result

        each_of(fill, range(0, rows, step), threads)
        return found

    def seeds(self, random_seed: Any) -> list[int]:
        """A number for each source of randomness."""
        if random_seed is None:
            return [int(v.get_value().integers(2**63)) for v in self.names]
        return [as_seed(random_seed)] * len(self.names) if self.names else []

    def first_block(
        self, arrays: Sequence[np.ndarray], rows: int, seeds: Sequence[int]
    ) -> tuple[list[np.ndarray], Shapes]:
        """The outputs at the first row, if there is one: for their shapes, and to see whether rows can go together.

        Also the shapes, for one row, of the draws that :class:`Together` lists.
        """
        count = min(rows, 1)
        blocks, given = self.blocks(seeds, "first", float(rows)), [a[:count] for a in arrays]
        if self.together is not None:
            try:
                return self.together.first(count, blocks, given)
            except EvaluationError:
                self.run, self.together = in_turn(self.graphs, self.leaves, list(self.names)), None
        return [np.asarray(f) for f in self.run(count, blocks, given)], []

    def blocks(self, seeds: Sequence[int], key: str, count: float) -> list[Block]:
        """What one of so many blocks is drawn from."""
        keys = [stream_key(s, names[0], "row", key) for s, names in zip(seeds, self.names.values(), strict=True)]
        return [Block(k, count) for k in keys]


def rows_of_block(rows: int, width: int) -> int:
    """How many rows to compute together: a power of two that follows from how many there are, unless they are wide."""
    step = min(max(LEAST, 2 ** math.ceil(math.log2(max(rows, 1) / 16))), MOST)
    while step > 1 and step * width > MEMORY:
        step //= 2
    return step


def checked(v: TensorVariable, array: np.ndarray, rows: int) -> np.ndarray:
    """Values that can stand for a variable, one per row; refused where their shape cannot be."""
    shape = array.shape[1:]
    fits = len(shape) == v.ndim and all(n is None or n == m for n, m in zip(v.type.shape, shape, strict=True))
    if not fits or len(array) != rows:
        raise ShapeError(f"'{v}' has shape {v.type.shape}, but the values given for it have shape {shape} in each row.")
    return array if array.dtype == v.dtype else array.astype(v.dtype)


def each_of(work: Callable[[int], None], starts: range, threads: int | None) -> None:
    """Do some work for each of several starts, side by side: Python's lock is let go of in what takes long."""
    count = min(len(starts), threads or os.cpu_count() or 1)
    left = iter(starts)

    def some() -> None:
        for start in left:  # each takes what no other has
            work(start)

    if count <= 1:
        some()
        return
    with ThreadPoolExecutor(count - 1) as pool:
        others = [pool.submit(some) for _ in range(count - 1)]
        some()
        for other in others:
            other.result()


Run = Callable[[int, Sequence[Block], Sequence[np.ndarray]], Sequence[Any]]
Shapes = Sequence[Sequence[int]]


class Together:
    """All rows at once: by the interpreter, or by machine code where there is much to do."""

    def __init__(self, graphs: Sequence[Any], leaves: Sequence[Any], sources: Sequence[RngVariable]):
        count = TensorType("int64", ()).variable(name="rows")
        wide: dict[Any, Any] = {v: TensorType(v.dtype, (None, *v.type.shape)).variable(name=v.name) for v in leaves}
        results = widened(graphs, wide, count)
        self.batched = [batch_ndim(old, new) > 0 for old, new in zip(graphs, results, strict=True)]
        self.inputs: list[Any] = [count, *sources, *(wide[v] for v in leaves)]
        self.outputs: list[Any] = rewrite_graph(results)
        self.drawn = draws_from_noise(self.outputs)
        self.compiled = interpret(self.inputs, [*self.outputs, *self.drawn])

    def first(self, rows: int, blocks: Sequence[Block], values: Sequence[np.ndarray]) -> tuple[list[Any], Shapes]:
        """The outputs at so few rows, and the shapes of the draws from standard noise."""
        found = self.compiled(np.array(rows), *(b.generator() for b in blocks), *values)
        return self.whole(found, rows), [f.shape[1:] for f in found[len(self.batched) :]]

    def interpreted(self, rows: int, blocks: Sequence[Block], values: Sequence[np.ndarray]) -> list[Any]:
        """The outputs at so many rows."""
        return self.first(rows, blocks, values)[0]

    @cached_property
    def native(self) -> Native | None:
        """The same by machine code, as far as there can be any."""
        try:
            staged = Staged(self.inputs, self.outputs)
        except NotStaged:
            return None

        def run(
            rows: int, blocks: Sequence[Block], values: Sequence[np.ndarray], shapes: Shapes, out: Sequence[Any]
        ) -> list[Any]:
            return self.whole(staged(rows, [np.array(rows), *blocks, *values], shapes, out), rows)

        return run

    def whole(self, found: Sequence[Any], rows: int) -> list[Any]:
        """Results that all have an axis of rows."""
        pairs = zip(found, self.batched, strict=False)
        return [f if own else np.broadcast_to(f, (rows, *np.shape(f))) for f, own in pairs]


Native = Callable[[int, Sequence[Block], Sequence[np.ndarray], Shapes, Sequence[Any]], list[Any]]


def attempted(native: Native | None, *arguments: Any) -> list[Any] | None:
    """What machine code finds; None where it cannot, or refuses: the interpreter stretches more, and explains more."""
    try:
        return None if native is None else native(*arguments)
    except ValueError:
        return None


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

    def run(rows: int, blocks: Sequence[Block], values: Sequence[np.ndarray]) -> list[Any]:
        found = list(each_row(compiled, rows, [b.generator() for b in blocks], values))
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
        fresh = [advanced(g) for g in generators]
        yield compiled(*fresh, *(a[i] for a in values))


def draw(vars: Any, draws: int = 1, random_seed: Any = None, *, backend: str | None = None, **options: Any) -> Any:
    """Draw values of random variables, or of any expressions of them, jointly.

    Parameters
    ----------
    vars : variable or sequence of variables
    draws : int
        How many draws.
    random_seed : int, sequence of int, or numpy.random.Generator, optional
        By default the generators of the variables themselves are used, and advanced. With a seed each variable has a
        stream keyed by the seed and its name (or its place, for variables without names), whatever else is drawn.
    backend, **options
        Accepted for PyMC's callers, and ignored: draws are the same on all backends.

    Returns
    -------
    array or list of arrays
        One array for each variable, of the variable's shape, with `draws` as first axis if `draws` is not 1.

    Examples
    --------
    >>> import pellucid.stats as ps
    >>> x = ps.Normal.dist(0, 1, name="x")
    >>> ps.draw(x, draws=3, random_seed=1).shape
    (3,)
    """
    outputs: list[Any] = as_list(vars)
    missing = [str(v) for v in explicit_graph_inputs(outputs)]
    if missing:
        raise ValueError(
            f"To draw {', '.join(map(str, outputs))} a value is needed for {', '.join(missing)}: "
            "replace it with pm.clone_replace."
        )
    found = draw_once(outputs, random_seed) if draws == 1 else Forward(outputs, [])([], draws, random_seed)
    return found[0] if isinstance(vars, Variable) else found


def draw_once(outputs: Sequence[Any], random_seed: Any) -> list[np.ndarray]:
    """One joint draw: nothing is rewritten for it."""
    sources = generators_by_name(outputs)
    seed = 0 if random_seed is None else as_seed(random_seed)
    given = [v.get_value() if random_seed is None else stream(seed, names[0]) for v, names in sources.items()]
    # Several draws from one root each start from a copy of its state: the next call must find another.
    given = [advanced(g) if len(names) > 1 else g for g, names in zip(given, sources.values(), strict=True)]
    return [np.array(f) for f in interpret(list(sources), outputs)(*given)]


def advanced(generator: np.random.Generator) -> np.random.Generator:
    """A generator that follows from the state of another, which moves on."""
    return np.random.default_rng(generator.integers(2**63))
