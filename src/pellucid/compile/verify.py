"""Check a gradient against finite differences, as a user of a new op or model would."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.compile.function import function
from pellucid.diff import grad
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.types import TensorType, TensorVariable, as_tensor_variable


class GradientError(AssertionError):
    """A gradient that disagrees with finite differences."""


def verify_grad(
    fun: Callable[..., Any],
    pt_values: Sequence[Any],
    eps: float | None = None,
    rel_tol: float | None = None,
    abs_tol: float | None = None,
    rng: np.random.Generator | int | None = None,
    backend: str | None = None,
) -> None:
    """Compare the gradient of `fun` with central differences.

    The outcome of `fun` is projected on a random direction first, so that one gradient speaks for all its elements.

    Parameters
    ----------
    fun : callable
        From tensors to a tensor.
    pt_values : sequence of floating arrays
        The point at which to compare.
    eps : float, optional
        The step, relative to the size of each element (default: the cube root of the precision, which balances
        truncation against rounding).
    rel_tol, abs_tol : float, optional
        How far the two may differ (default 1e-5 for float64, 1e-2 for float32).
    rng : Generator or seed, optional
        Of the projection.
    backend : str, optional
        Where to compute.

    Raises
    ------
    GradientError
        Which input and element differ most, and by how much.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> verify_grad(pt.exp, [np.array([0.0, 1.0])], backend="numpy")
    """
    arrays = [floating(v) for v in pt_values]
    inputs = [TensorType(a.dtype.name, a.shape).variable(name=f"input {i}") for i, a in enumerate(arrays)]
    cost = projected(as_tensor_variable(fun(*inputs)), np.random.default_rng(rng), inputs, arrays, backend)
    gradients = function(
        inputs, grad(cost, inputs, disconnected_inputs="ignore"), backend=backend, on_unused_input="ignore"
    )
    value = function(inputs, cost, backend=backend, on_unused_input="ignore")
    precision = max(np.finfo(a.dtype).eps for a in arrays)
    step = float(precision) ** (1 / 3) if eps is None else eps
    default = 1e-5 if precision < 1e-10 else 1e-2
    tolerances = default if rel_tol is None else rel_tol, default if abs_tol is None else abs_tol
    for i, found in enumerate(gradients(*arrays)):
        compare(i, np.asarray(found), differences(value, arrays, i, step), *tolerances)


def floating(value: Any) -> np.ndarray:
    """A point as a floating array of its own."""
    array = np.array(value)
    if array.dtype.kind != "f":
        raise TypeError(f"Gradients are of floating inputs; a value is of dtype {array.dtype}: make it float64.")
    return array


def projected(
    out: TensorVariable,
    rng: np.random.Generator,
    inputs: Sequence[TensorVariable],
    arrays: Sequence[np.ndarray],
    backend: str | None,
) -> TensorVariable:
    """The sum of the elements of `out`, each with a random weight in [0.5, 1.5)."""
    if not out.dtype.startswith("float"):
        raise TypeError(f"{out} is of dtype {out.dtype}, which has no gradient.")
    shape = np.shape(function(list(inputs), out, backend=backend, on_unused_input="ignore")(*arrays))
    return sum_(out * (rng.random(shape) + 0.5).astype(out.dtype))


def differences(value: Callable[..., Any], arrays: Sequence[np.ndarray], i: int, step: float) -> np.ndarray:
    """The gradient by input i from central differences."""
    out = np.zeros(arrays[i].shape)
    for place in np.ndindex(out.shape):
        center = arrays[i][place]
        h = step * max(1.0, abs(float(center)))
        sides = []
        for point in (center + h, center - h):
            moved = arrays[i].copy()
            moved[place] = point
            sides.append((float(moved[place]), float(value(*arrays[:i], moved, *arrays[i + 1 :]))))
        (high, above), (low, below) = sides
        out[place] = (above - below) / (high - low)
    return out


def compare(i: int, found: np.ndarray, numeric: np.ndarray, rel_tol: float, abs_tol: float) -> None:
    """Raise :class:`GradientError` where two gradients differ by more than the tolerances."""
    if found.shape != numeric.shape:
        raise GradientError(f"The gradient by input {i} has shape {found.shape}, but the input has {numeric.shape}.")
    with np.errstate(all="ignore"):
        excess = np.abs(found - numeric) / (abs_tol + rel_tol * np.abs(numeric))
    excess = np.where(np.isnan(found) & np.isnan(numeric), 0.0, np.nan_to_num(excess, nan=np.inf))
    if np.any(excess > 1):
        place = tuple(int(p) for p in np.unravel_index(np.argmax(excess), excess.shape))
        raise GradientError(
            f"The gradient by input {i} is wrong in {int(np.sum(excess > 1))} of {found.size} elements. "
            f"Worst at {place}: the graph says {found[place]:.10g}, central differences say {numeric[place]:.10g}, "
            f"{abs(found[place] - numeric[place]):.3g} apart (allowed: {abs_tol:g} + {rel_tol:g} |value|). "
            "Check the pullback, or whether the function is smooth there."
        )
