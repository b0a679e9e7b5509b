"""A model as samplers see it: the log-density, and its gradient, of one flat vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.compile.backend import default_backend
from pellucid.compile.callback import compile_density
from pellucid.compile.function import added_up
from pellucid.diff import grad
from pellucid.graph.collector import garbage_left_alone
from pellucid.graph.nodes import Variable
from pellucid.graph.replace import replace_all
from pellucid.model.logprob import check_closed, join, total
from pellucid.model.shapes import as_open
from pellucid.rewrite.passes import is_on, switched_off
from pellucid.rewrite.pipeline import rewrite_graph
from pellucid.rewrite.roll import parts_read, roll
from pellucid.rewrite.statistics import statistics
from pellucid.tensor.create import vector, zeros
from pellucid.tensor.indexing import inc_subtensor
from pellucid.tensor.shape import reshape
from pellucid.tensor.types import TensorVariable, constant

if TYPE_CHECKING:
    from pellucid.model.model import Model


class Layout:
    """How the values of some variables lie in one flat vector.

    Attributes
    ----------
    values : list of TensorVariable
        The variables, in order.
    names : list of str
    shapes : list of tuple of int
    size : int
        The length of the vector.
    passes : dict
        How often each pass rewrote something.
    """

    def __init__(self, values: Sequence[TensorVariable], shapes: Sequence[Sequence[int]]):
        self.values, self.names = list(values), [str(v.name) for v in values]
        self.shapes = [tuple(s) for s in shapes]
        self.ends: list[int] = np.cumsum([0, *(int(np.prod(s)) for s in self.shapes)]).tolist()
        self.size = self.ends[-1]
        self.passes: dict[str, int] = {}
        self.parts = list(zip(self.names, self.shapes, self.ends[:-1], self.ends[1:], strict=True))

    def pieces(self, x: TensorVariable) -> list[TensorVariable]:
        """The parts of a symbolic vector, each in its variable's shape."""
        return [self.piece(x[a:b], v, shape) for v, (_, shape, a, b) in zip(self.values, self.parts, strict=True)]

    def piece(self, part: TensorVariable, v: TensorVariable, shape: tuple[int, ...]) -> TensorVariable:
        """A part of the vector in the shape of `v`."""
        # A length of one that the graph of the model does not know must stay unknown: else it would broadcast.
        lengths = [as_open(n) if n == 1 and s is None else n for n, s in zip(shape, v.type.shape, strict=True)]
        return part if shape == v.type.shape and len(lengths) == 1 else reshape(part, lengths)

    def pack(self, point: Mapping[str, Any]) -> np.ndarray:
        """A point as a vector."""
        parts = [np.ravel(np.broadcast_to(point[name], shape)) for name, shape, *_ in self.parts]
        return np.concatenate(parts).astype("float64") if parts else np.empty(0)

    def split(self, draws: np.ndarray) -> dict[str, np.ndarray]:
        """Views of vectors, of shape (..., size), as arrays of shape (..., *shape) by name."""
        lead = draws.shape[:-1]
        return {name: draws[..., a:b].reshape((*lead, *shape)) for name, shape, a, b in self.parts}

    def derive(
        self, cost: Variable, fixed: Mapping[TensorVariable, Any] | None = None
    ) -> tuple[TensorVariable, list[Variable]]:
        """A vector variable, and [`cost`, its gradient] as functions of it; other variables may have `fixed` values."""
        x = vector("x", shape=(self.size,))
        pieces = self.pieces(x)
        others = {v: constant(value, dtype=v.dtype) for v, value in (fixed or {}).items()}
        given = replace_all([cost], {**dict(zip(self.values, pieces, strict=True)), **others})
        (value,) = before_slopes(given, self.passes)
        return x, [value, self.slope(value, x, pieces)]

    def slope(self, value: Variable, x: TensorVariable, pieces: list[TensorVariable]) -> TensorVariable:
        """The gradient, from those of the parts of `x` that are read: through slices it would be scattered often."""
        parts = parts_read([value], x)
        if parts is None:
            return grad(value, x, disconnected_inputs="ignore")
        if {v for v, _ in parts} <= {first_slice(p, x) for p in pieces}:
            return join(grad(value, pieces, disconnected_inputs="ignore"))
        parts.sort(key=lambda part: int(part[1].min(initial=self.size)))
        joined = join(grad(value, [v for v, _ in parts], disconnected_inputs="ignore"))
        places = np.concatenate([np.ravel(positions) for _, positions in parts])
        if np.array_equal(np.sort(places), np.arange(self.size)):
            return joined if np.array_equal(places, np.arange(self.size)) else joined[np.argsort(places)]
        return inc_subtensor(zeros(self.size)[places], joined)


def before_slopes(outputs: Sequence[Variable], counts: dict[str, int]) -> list[Variable]:
    """What is rewritten before it is differentiated, so that the gradient is as much shorter; by which passes."""
    for name, change in (("statistics", statistics), ("roll", roll)):
        found = change(outputs) if is_on(name) else outputs
        counts[name] = int(any(a is not b for a, b in zip(found, outputs, strict=True)))
        outputs = found
    return list(outputs)


def first_slice(piece: Variable, x: Variable) -> Variable:
    """The slice of `x` that a piece is, or is a reshaped form of."""
    read = piece.owner
    return piece if read is None or read.inputs[0] is x else read.inputs[0]


class Density(Layout):
    """The log-density of a model's continuous value variables, joined into one vector.

    Attributes
    ----------
    dimension : int
        The length of the vector.
    inputs, outputs : lists of Variable
        The vector, and [log-density, gradient].
    spread : float
        How much of a jitter each coordinate gets.
    """

    spread = 1.0

    def __init__(self, model: Model):
        check_closed(model)
        lengths = model.eval_rv_shapes()
        values = model.continuous_value_vars
        super().__init__(values, [lengths[str(v.name)] for v in values])
        self.dimension = self.size
        x, outputs = self.derive(total(model))
        self.inputs: list[Variable] = [x]
        counts: dict[str, int] = {}
        self.outputs: list[Variable] = rewrite_graph(outputs, counts=counts)
        self.passes = added_up(self.passes, counts)
        self.compiled: dict[str, Any] = {}

    def compile(self, backend: str | None = None) -> Any:
        """The density as a C function (:func:`pellucid.compile.callback.compile_density`), made once per backend."""
        key = backend or default_backend()
        if key not in self.compiled:
            self.compiled[key] = compile_density(self.inputs, self.outputs, key)
        return self.compiled[key]

    def compile_report(self, backend: str | None = None) -> dict[str, Any]:
        """What compiling did, as that of a function tells: "passes" counts what each optimisation did."""
        report = getattr(self.compile(backend), "report", {})
        return report | {"passes": added_up({k: n for k, n in self.passes.items() if n}, report.get("passes", {}))}


def model_density(model: Model) -> Density:
    """The density of a model; the same object until variables are added or lengths change."""
    key = "density", tuple(model.eval_rv_shapes().items()), switched_off()
    if key not in model.cache:
        with garbage_left_alone():
            model.cache[key] = Density(model)
    return model.cache[key]
