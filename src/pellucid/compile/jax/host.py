"""Calls of NumPy and SciPy from code that JAX compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

WORD = np.dtype("uint32")


def call_host(
    compute: Callable[..., Any], out: Sequence[tuple[tuple[int, ...], Any]], arrays: Sequence[Any]
) -> list[Any]:
    """`compute` on NumPy arrays, called when the compiled code runs.

    JAX runs callbacks in threads of its own, where the switch for double precision is off, and would round what
    passes. Wide numbers therefore pass as words of 32 bits.

    Parameters
    ----------
    compute : callable
        From arrays to a sequence of arrays.
    out : sequence of (shape, dtype)
        Of the results.
    arrays : sequence of traced arrays
    """
    given = [(a.shape, np.dtype(a.dtype)) for a in arrays]

    def run(*packed: Any) -> list[np.ndarray]:
        values = [unpack(np.asarray(p), *kind) for p, kind in zip(packed, given, strict=True)]
        with np.errstate(all="ignore"):
            found = compute(*values)
        return [pack(np.asarray(f, dtype), shape) for f, (shape, dtype) in zip(found, out, strict=True)]

    kinds = [jax.ShapeDtypeStruct(*packed_kind(shape, np.dtype(dtype))) for shape, dtype in out]
    found = jax.pure_callback(run, kinds, *map(to_words, arrays), vmap_method="sequential")
    return [from_words(f, np.dtype(dtype)) for f, (_, dtype) in zip(found, out, strict=True)]


def packed_kind(shape: Sequence[int], dtype: np.dtype) -> tuple[tuple[int, ...], np.dtype]:
    """The shape and dtype in which an array passes."""
    return ((*shape, dtype.itemsize // 4), WORD) if dtype.itemsize > 4 else (tuple(shape), dtype)


def pack(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """An array as it passes."""
    kind = packed_kind(shape, array.dtype)
    return np.ascontiguousarray(array).reshape(-1).view(kind[1]).reshape(kind[0])


def unpack(packed: np.ndarray, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """The array that has passed."""
    return np.ascontiguousarray(packed).reshape(-1).view(dtype).reshape(shape)


def to_words(a: Any) -> Any:
    """A traced array as it passes."""
    if a.dtype.itemsize <= 4:
        return a
    if a.dtype.kind == "c":
        a = jnp.stack([a.real, a.imag], -1)
        return jax.lax.bitcast_convert_type(a, jnp.uint32).reshape((*a.shape[:-1], -1 if a.size else 4))
    return jax.lax.bitcast_convert_type(a, jnp.uint32)


def from_words(words: Any, dtype: np.dtype) -> Any:
    """The traced array that has passed."""
    if dtype.itemsize <= 4:
        return words
    if dtype.kind != "c":
        return jax.lax.bitcast_convert_type(words, dtype)
    parts = jax.lax.bitcast_convert_type(words.reshape((*words.shape[:-1], 2, 2)), jnp.float64)
    return jax.lax.complex(parts[..., 0], parts[..., 1])
