"""A model as samplers see it: the log-density, and its gradient, of one flat vector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.compile.backend import default_backend
from pellucid.compile.callback import compile_density
from pellucid.diff import grad
from pellucid.graph.nodes import Variable
from pellucid.graph.replace import replace_all
from pellucid.model.logprob import check_closed, join, total
from pellucid.model.shapes import as_open
from pellucid.rewrite.pipeline import rewrite_graph
from pellucid.tensor.create import vector
from pellucid.tensor.shape import reshape
from pellucid.tensor.types import TensorVariable

if TYPE_CHECKING:
    from pellucid.model.model import Model


class Density:
    """The log-density of a model's continuous value variables, joined into one vector.

    Attributes
    ----------
    dimension : int
        The length of the vector.
    inputs, outputs : lists of Variable
        The vector, and [log-density, gradient].
    values : list of TensorVariable
        The value variables, in order.
    shapes : list of tuple of int
        Their shapes.
    """

    def __init__(self, model: Model):
        check_closed(model)
        self.values = model.continuous_value_vars
        self.names = [str(v.name) for v in self.values]
        lengths = model.eval_rv_shapes()
        self.shapes = [tuple(lengths[name]) for name in self.names]
        sizes = [int(np.prod(s)) for s in self.shapes]
        self.ends = np.cumsum([0, *sizes]).tolist()
        self.dimension = self.ends[-1]
        x = vector("x", shape=(self.dimension,))
        pieces = [self.piece(x, i) for i in range(len(self.values))]
        logp = replace_all([total(model)], dict(zip(self.values, pieces, strict=True)))[0]
        # The gradient is that of the pieces, joined: differentiating through their slices would scatter into x.
        slopes = grad(logp, pieces, disconnected_inputs="ignore")
        self.inputs: list[Variable] = [x]
        self.outputs: list[Variable] = rewrite_graph([logp, join(slopes)])
        self.compiled: dict[str, Any] = {}

    def piece(self, x: TensorVariable, i: int) -> TensorVariable:
        """The part of the vector that is one value variable."""
        part = x[self.ends[i] : self.ends[i + 1]]
        # A length of one that the graph of the model does not know must stay unknown: else it would broadcast.
        lengths = [
            as_open(n) if n == 1 and s is None else n
            for n, s in zip(self.shapes[i], self.values[i].type.shape, strict=True)
        ]
        return part if self.shapes[i] == self.values[i].type.shape and len(lengths) == 1 else reshape(part, lengths)

    def compile(self, backend: str | None = None) -> Any:
        """The density as a C function (:func:`pellucid.compile.callback.compile_density`), made once per backend."""
        key = backend or default_backend()
        if key not in self.compiled:
            self.compiled[key] = compile_density(self.inputs, self.outputs, key)
        return self.compiled[key]

    def pack(self, point: Mapping[str, Any]) -> np.ndarray:
        """A point as a vector."""
        parts = [
            np.ravel(np.broadcast_to(point[name], shape)) for name, shape in zip(self.names, self.shapes, strict=True)
        ]
        return np.concatenate(parts).astype("float64") if parts else np.empty(0)

    def split(self, draws: np.ndarray) -> dict[str, np.ndarray]:
        """Views of draws, of shape (..., d), as arrays of shape (..., *shape) by value variable's name."""
        return {
            name: draws[..., a:b].reshape((*draws.shape[:-1], *shape))
            for name, shape, a, b in zip(self.names, self.shapes, self.ends[:-1], self.ends[1:], strict=True)
        }


def model_density(model: Model) -> Density:
    """The density of a model; the same object until variables are added or lengths change."""
    key = "density", tuple(model.eval_rv_shapes().items())
    if key not in model.cache:
        model.cache[key] = Density(model)
    return model.cache[key]
