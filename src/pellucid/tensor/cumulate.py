"""Running sums and products along an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.nodes import Op, Variable
from pellucid.tensor.arithmetic import bitwise_and, eq, switch
from pellucid.tensor.broadcast import Extent
from pellucid.tensor.elementwise import cast
from pellucid.tensor.operators import method
from pellucid.tensor.reduce import REDUCTIONS, Reduce, Reduction
from pellucid.tensor.shape import normalize_axis
from pellucid.tensor.types import TensorType, TensorVariable, as_tensor_variable


@dataclass(frozen=True)
class Cumulate(Op):
    """The running sum or product along one axis."""

    lowering = "cumulate"

    name: str
    axis: int

    def __str__(self) -> str:
        return f"Cum{self.name}{{axis={self.axis}}}"

    @property
    def reduction(self) -> Reduction:
        """How elements combine."""
        return REDUCTIONS[self.name]

    def infer(self, x: Variable) -> tuple[TensorType]:
        return (TensorType(Reduce(self.name, ()).result_dtype(np.dtype(x.type.dtype)), x.type.shape),)

    def infer_shape(self, inputs: Any, extents: Any) -> list[tuple[Extent, ...]]:
        return [extents[0]]

    def impl(self, xp: Any, x: Any) -> Any:
        return getattr(xp, f"cum{self.name}")(x, axis=self.axis)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        (x,), (g,), (y,) = inputs, gradients, outputs
        if self.name == "sum":
            return [self.sum_from_end(g)]
        # Beyond the first zero all products are 0, so only that zero itself needs the product of the others.
        zero = eq(x, 0)
        first = bitwise_and(zero, eq(Cumulate("sum", self.axis)(cast(zero, "int64")), 1))
        others = self.sum_from_end(g * Cumulate("prod", self.axis)(switch(first, 1.0, x)))
        return [switch(first, others, switch(zero, 0.0, self.sum_from_end(g * y) / switch(zero, 1.0, x)))]

    def sum_from_end(self, x: TensorVariable) -> TensorVariable:
        """The running sum from the end of the axis."""
        back = (slice(None),) * self.axis + (slice(None, None, -1),)
        return Cumulate("sum", self.axis)(x[back])[back]


def _cumulate(name: str, x: Any, axis: int | None) -> TensorVariable:
    x = as_tensor_variable(x)
    if axis is None:
        x, axis = x.flatten(), 0
    return Cumulate(name, normalize_axis(axis, x.ndim))(x)


@method
def cumsum(x: Any, axis: int | None = None) -> TensorVariable:
    """The running sum along `axis` (default: of the flattened x)."""
    return _cumulate("sum", x, axis)


@method
def cumprod(x: Any, axis: int | None = None) -> TensorVariable:
    """The running product along `axis` (default: of the flattened x)."""
    return _cumulate("prod", x, axis)
