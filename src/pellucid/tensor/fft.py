"""Discrete Fourier transforms of real tensors; real and imaginary parts lie along a last axis of length two."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.nodes import Op, Variable
from pellucid.tensor.arithmetic import bitwise_or, eq, switch
from pellucid.tensor.broadcast import Extent, name_with_shape
from pellucid.tensor.create import arange
from pellucid.tensor.elementwise import cast
from pellucid.tensor.padding import length
from pellucid.tensor.shape import dimshuffle
from pellucid.tensor.statistics import as_floating
from pellucid.tensor.types import TensorType, TensorVariable, as_tensor_variable, constant


@dataclass(frozen=True)
class RealFourier(Op):
    """The transform over all axes but the first, unscaled, of which the half that says all is kept."""

    def __str__(self) -> str:
        return "RealFourier"

    def infer(self, x: Variable) -> tuple[TensorType]:
        *lead, n = x.type.shape  # type: ignore[attr-defined]
        return (TensorType(x.type.dtype, (*lead, None if n is None else n // 2 + 1, 2)),)  # type: ignore[attr-defined]

    def infer_shape(self, inputs: Any, extents: Sequence[Sequence[Extent]]) -> list[tuple[Extent, ...]]:
        *lead, n = extents[0]
        return [(*lead, n // 2 + 1, 2)]

    def impl(self, xp: Any, x: Any) -> Any:
        z = xp.fft.rfftn(x, axes=tuple(range(1, x.ndim)))
        return xp.stack([xp.real(z), xp.imag(z)], axis=-1).astype(x.dtype)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable]:
        (x,), (g,) = inputs, gradients
        return [InverseRealFourier()(g * inner(x, 0.5), parity(x))]


@dataclass(frozen=True)
class InverseRealFourier(Op):
    """What has the given half of a transform, unscaled: (half, 1 where the last length is odd, else 0)."""

    def __str__(self) -> str:
        return "InverseRealFourier"

    def infer(self, z: Variable, odd: Variable) -> tuple[TensorType]:
        *lead, half, _ = z.type.shape  # type: ignore[attr-defined]
        known = half is not None and isinstance(getattr(odd, "data", None), np.ndarray)
        last = 2 * (half - 1) + int(odd.data) if known else None  # type: ignore[attr-defined]
        return (TensorType(z.type.dtype, (*lead, last)),)  # type: ignore[attr-defined]

    def infer_shape(self, inputs: Any, extents: Sequence[Sequence[Extent]]) -> list[tuple[Extent, ...]]:
        *lead, half, _ = extents[0]
        return [(*lead, (half - 1) * 2 + inputs[1])]

    def impl(self, xp: Any, z: Any, odd: Any) -> Any:
        values = z[..., 0] + 1j * z[..., 1]
        last = 2 * (z.shape[-2] - 1) + int(odd)
        axes = tuple(range(1, values.ndim))
        found = xp.fft.irfftn(values, s=(*values.shape[1:-1], last), axes=axes, norm="forward")
        return found.astype(z.dtype)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable | None]:
        (g,), (x,) = gradients, outputs
        return [RealFourier()(g) * inner(x, 2.0), None]


def parity(x: TensorVariable) -> TensorVariable:
    """1 where the last axis of x has an odd length, else 0."""
    return as_tensor_variable(length(x, x.ndim - 1) % 2, dtype="int64")


def inner(x: TensorVariable, weight: float) -> TensorVariable:
    """`weight` for the frequencies of x that stand for two (themselves and their conjugates), 1 for the others."""
    n = length(x, x.ndim - 1)
    k = arange(n // 2 + 1)
    single = bitwise_or(eq(k, 0), eq(2 * k, n))
    return dimshuffle(switch(single, np.ones((), x.dtype), np.asarray(weight, x.dtype)), 0, "x")


def scale(x: TensorVariable, norm: str | None, *, inverse: bool) -> TensorVariable | float:
    """The factor of a normalisation, given the real tensor."""
    if norm not in (None, "ortho", "no_norm"):
        raise ValueError(f"A transform knows norm=None, 'ortho' and 'no_norm', not {norm!r}.")
    if norm == "no_norm" or (norm is None and not inverse):
        return 1.0
    count = math.prod([length(x, a) for a in range(1, x.ndim)], start=1)
    number = cast(as_tensor_variable(count), x.dtype)
    return number**-0.5 if norm == "ortho" else 1.0 / number


def rfft(inp: Any, norm: str | None = None) -> TensorVariable:
    """The discrete Fourier transform of a real tensor over all axes but the first.

    Parameters
    ----------
    inp : real tensor of shape (batch, ..., n)
    norm : {None, "ortho", "no_norm"}
        "ortho" divides by the root of the number of elements transformed; the others do not scale.

    Returns
    -------
    tensor of shape (batch, ..., n // 2 + 1, 2)
        The real and imaginary parts of the non-negative frequencies.
    """
    x = as_floating(as_tensor_variable(inp))
    if x.ndim < 2:
        raise ValueError(f"rfft transforms all axes but the first: {name_with_shape(x)} needs two. Write x[None].")
    return RealFourier()(x) * scale(x, norm, inverse=False)


def irfft(inp: Any, norm: str | None = None, is_odd: bool = False) -> TensorVariable:
    """The real tensor of which `inp` is what :func:`rfft` gives.

    Parameters
    ----------
    inp : tensor of shape (batch, ..., n // 2 + 1, 2)
    norm : {None, "ortho", "no_norm"}
        As in `rfft`, but None divides by the number of elements.
    is_odd : bool
        Whether n is odd, which the transform does not tell.
    """
    z = as_floating(as_tensor_variable(inp))
    if z.ndim < 3:
        raise ValueError(f"irfft takes what rfft gives, of three axes or more, not {name_with_shape(z)}.")
    x = InverseRealFourier()(z, constant(int(bool(is_odd)), dtype="int64"))
    return x * scale(x, norm, inverse=True)


__all__ = ["irfft", "rfft"]
