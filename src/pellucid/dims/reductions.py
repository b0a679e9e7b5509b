"""Reductions over named dims."""

from __future__ import annotations

from typing import Any

from pellucid.dims.named import DimTensor, as_xtensor
from pellucid.tensor import math as tensor_math


def reduced(function: str, x: Any, dim: Any = None, **options: Any) -> DimTensor:
    """The tensors' function of that name over a dim, several, or all (None or ...)."""
    named = as_xtensor(x)
    axes = named.axes(dim)
    if not axes:
        return named
    kept = [d for axis, d in enumerate(named.dims) if axis not in axes]
    return DimTensor(getattr(tensor_math, function)(named.values, axis=axes, **options), kept)


def cumulated(function: str, x: Any, dim: Any = None) -> DimTensor:
    """A running sum or product along a dim, or along several one after the other."""
    named = as_xtensor(x)
    values = named.values
    for axis in named.axes(dim):
        values = getattr(tensor_math, function)(values, axis=axis)
    return DimTensor(values, named.dims)


def along(function: str, x: Any, dim: Any) -> DimTensor:
    """A function that normalises over dims and keeps them, such as softmax."""
    named = as_xtensor(x)
    axes = named.axes(dim)
    return DimTensor(getattr(tensor_math, function)(named.values, axis=axes[0] if len(axes) == 1 else axes), named.dims)
