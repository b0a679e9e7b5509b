"""Exponentials over axes without overflow: the logarithm of their sum, and their shares of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pellucid.graph.nodes import Op, Variable
from pellucid.tensor.arithmetic import eq, switch
from pellucid.tensor.broadcast import Extent
from pellucid.tensor.elementwise import cast, result_dtype
from pellucid.tensor.operators import method
from pellucid.tensor.reduce import Reduce, sum
from pellucid.tensor.shape import expand_dims, normalize_axes
from pellucid.tensor.transcendental import exp, log
from pellucid.tensor.types import TensorType, TensorVariable, as_tensor_variable


def finite_or_zero(m: TensorVariable) -> TensorVariable:
    """A shift for exponentials: 0 in place of an infinity, so that inf - inf never arises."""
    return switch(eq(m - m, 0), m, 0.0)


def exp_dtype(dtype: str) -> str:
    """The dtype in which exponentials of that dtype are computed."""
    return result_dtype(exp, (dtype,))


@dataclass(frozen=True)
class OverExponentials(Op):
    """What is made of the exponentials over some axes; the axes vanish if it `reduces`."""

    reduces: ClassVar[bool] = False

    axes: tuple[int, ...]

    def __str__(self) -> str:
        return f"{type(self).__name__}{{axes={list(self.axes)}}}"

    def kept(self, lengths: Sequence[Any]) -> tuple[Any, ...]:
        """The lengths of the axes of the result."""
        return tuple(n for i, n in enumerate(lengths) if not (self.reduces and i in self.axes))

    def infer(self, x: Variable) -> tuple[TensorType]:
        return (TensorType(exp_dtype(x.type.dtype), self.kept(x.type.shape)),)

    def infer_shape(self, inputs: Any, extents: Any) -> list[tuple[Extent, ...]]:
        return [self.kept(extents[0])]


@dataclass(frozen=True)
class LogSumExp(OverExponentials):
    """log(sum(exp(x))) over some axes, without overflow."""

    reduces: ClassVar[bool] = True

    def impl(self, xp: Any, x: Any) -> Any:
        x = x.astype(exp_dtype(x.dtype.name))
        m = xp.max(x, axis=self.axes, keepdims=True, initial=-xp.inf)
        m = xp.where(xp.isfinite(m), m, 0.0)
        return xp.log(xp.sum(xp.exp(x - m), axis=self.axes)) + xp.squeeze(m, self.axes)

    def expand(self, x: Variable) -> TensorVariable:
        x = cast(x, exp_dtype(x.type.dtype))
        m = finite_or_zero(Reduce("max", self.axes, True)(x))
        return log(sum(exp(x - expand_dims(m, list(self.axes))), self.axes)) + m

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        (x,), (g,), (y,) = inputs, gradients, outputs
        places = list(self.axes)
        total = switch(eq(y, -math.inf), 0.0, y)  # of nothing but -inf, each has the share 0, not NaN
        return [expand_dims(g, places) * exp(x - expand_dims(total, places))]


@method
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> TensorVariable:
    """log(sum(exp(x))) over `axis` (default: all), without overflow."""
    x = as_tensor_variable(x)
    axes = normalize_axes(axis, x.ndim)
    found = LogSumExp(axes)(x) if axes else x
    return expand_dims(found, list(axes)) if keepdims and axes else found


@dataclass(frozen=True)
class Softmax(OverExponentials):
    """exp(x) / sum(exp(x)) over some axes, without overflow."""

    def impl(self, xp: Any, x: Any) -> Any:
        x = x.astype(exp_dtype(x.dtype.name))
        e = xp.exp(x - xp.max(x, axis=self.axes, keepdims=True, initial=-xp.inf))
        return e / xp.sum(e, axis=self.axes, keepdims=True)

    def expand(self, x: Variable) -> TensorVariable:
        x = cast(x, exp_dtype(x.type.dtype))
        e = exp(x - expand_dims(Reduce("max", self.axes, True)(x), list(self.axes)))
        return e / sum(e, self.axes, keepdims=True)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        (g,), (y,) = gradients, outputs
        return [y * (g - sum(g * y, self.axes, keepdims=True))]


@dataclass(frozen=True)
class LogSoftmax(OverExponentials):
    """x - log(sum(exp(x))) over some axes, without overflow."""

    def impl(self, xp: Any, x: Any) -> Any:
        x = x.astype(exp_dtype(x.dtype.name))
        shifted = x - xp.max(x, axis=self.axes, keepdims=True, initial=-xp.inf)
        return shifted - xp.log(xp.sum(xp.exp(shifted), axis=self.axes, keepdims=True))

    def expand(self, x: Variable) -> TensorVariable:
        x = cast(x, exp_dtype(x.type.dtype))
        return x - logsumexp(x, self.axes, keepdims=True)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        (g,), (y,) = gradients, outputs
        return [g - exp(y) * sum(g, self.axes, keepdims=True)]


def softmax(x: Any, axis: Any = None) -> TensorVariable:
    """exp(x) / sum(exp(x)) over `axis` (default: all)."""
    x = as_tensor_variable(x)
    return Softmax(normalize_axes(axis, x.ndim))(x)


def log_softmax(x: Any, axis: Any = None) -> TensorVariable:
    """The logarithm of :func:`softmax`, accurate where that underflows."""
    x = as_tensor_variable(x)
    return LogSoftmax(normalize_axes(axis, x.ndim))(x)
