"""Observed data: made into a tensor that can stand for its random variable, or refused with the reason."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.compile.shared import SharedVariable
from pellucid.graph.nodes import Variable
from pellucid.graph.traverse import graph_inputs
from pellucid.model.context import here
from pellucid.tensor.broadcast import ShapeError
from pellucid.tensor.draws import RngVariable
from pellucid.tensor.elementwise import cast
from pellucid.tensor.types import TensorVariable, constant, to_array

SHOWN = 5


def is_masked(values: Any) -> bool:
    """Whether this is a masked array; who has one has imported NumPy's module for them, which is slow to import."""
    masked = sys.modules.get("numpy.ma")
    return masked is not None and isinstance(values, masked.MaskedArray)


def data_array(name: str, data: Any) -> np.ndarray:
    """Data as an array of numbers: a masked one where elements are missing (masked, NaN, None). Text is refused."""
    plain = data.to_numpy() if hasattr(data, "to_numpy") else data
    masked = np.ma.getmaskarray(plain) if is_masked(plain) else None
    try:
        array = to_array(as_numbers(plain.data if is_masked(plain) else plain))
    except TypeError as error:
        raise TypeError(f"The data of '{name}' are not numbers: {error} {here()}") from None
    missing = np.isnan(array) if array.dtype.kind == "f" else np.zeros(array.shape, bool)
    missing = missing if masked is None else missing | masked
    return np.ma.MaskedArray(array, missing) if missing.any() else array


def complete_array(name: str, data: Any) -> np.ndarray:
    """Data as an array of numbers, none of which is missing."""
    array = data_array(name, data)
    missing = np.ma.getmaskarray(array) if is_masked(array) else np.zeros(array.shape, bool)
    if missing.any():
        raise ValueError(
            f"The value given for '{name}' is missing (NaN or masked) at {list_places(missing)}: fill it in. {here()}"
        )
    return array


def as_numbers(data: Any) -> Any:
    """Arrays of objects that are all numbers (None and pandas.NA being NaN) as floats."""
    array = data if isinstance(data, np.ndarray) else None
    if isinstance(data, (list, tuple)) and any(x is None for x in data):
        array = np.array(data, dtype=object)
    if array is None or array.dtype.kind != "O":
        return data
    missing = [x is None or type(x).__name__ in {"NAType", "NaTType"} for x in array.ravel()]
    filled = np.array([np.nan if m else x for x, m in zip(array.ravel(), missing, strict=True)], dtype=object)
    try:
        return filled.reshape(array.shape).astype("float64")
    except (TypeError, ValueError):
        return data


def list_places(wrong: np.ndarray) -> str:
    """Which elements, in words."""
    places = np.argwhere(wrong)
    if wrong.ndim == 0:
        return "its only element"
    listed = ", ".join("[" + ", ".join(map(str, place)) + "]" for place in places[:SHOWN])
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return f"{len(places)} of {wrong.size} elements: {listed}{more}"


def as_observed(name: str, observed: Any, dtype: str) -> tuple[Any, Any]:
    """Observed data, and which are missing (None: none).

    The data are a tensor of the dtype of the random variable, constant or of data variables; or, where some are
    missing, an array, or a tensor of any dtype; or None where nothing is observed.
    """
    if observed is None:
        return None, None
    if isinstance(observed, Variable):
        return observed_graph(name, observed, dtype)
    array = data_array(name, observed)
    if is_masked(array):
        return array.data, np.ma.getmaskarray(array)
    return constant(convert(name, array, dtype), name=name), None


def observed_graph(name: str, observed: Variable, dtype: str) -> tuple[Any, Any]:
    """Observations that are an expression of data variables; those that depend on anything else are refused."""
    roots = list(graph_inputs(observed))
    wrong = [v for v in roots if isinstance(v, RngVariable) or not v.has_value]
    if wrong or not isinstance(observed, TensorVariable):
        kind = "random variables" if any(isinstance(v, RngVariable) for v in wrong) else "inputs without a value"
        raise TypeError(
            f"The observed data of '{name}' are {observed}, which depends on {kind}: observe arrays or pm.Data. "
            f"{here()}"
        )
    now = data_array(name, observed.get_value(borrow=True) if isinstance(observed, SharedVariable) else observed.eval())
    if is_masked(now):
        return observed, np.ma.getmaskarray(now)
    convert(name, now, dtype)
    return observed if observed.dtype == dtype else cast(observed, dtype), None


def convert(name: str, data: np.ndarray, dtype: str) -> np.ndarray:
    """Data in the dtype of a random variable, where that loses nothing."""
    want = np.dtype(dtype)
    if data.dtype.kind == "c" and want.kind != "c":
        raise TypeError(f"The observed data of '{name}' are complex, but '{name}' is of dtype {dtype}. {here()}")
    if want.kind in "iub" and data.dtype.kind == "f":
        fractional = data != np.floor(data)
        if fractional.any():
            first = data[tuple(np.argwhere(fractional)[0])] if data.ndim else data
            raise TypeError(
                f"'{name}' is discrete (dtype {dtype}), but its observed data (dtype {data.dtype}) are not whole "
                "numbers at "
                f"{list_places(fractional)}; the first is {first}. Round the data, or choose a continuous "
                f"distribution. {here()}"
            )
    return data.astype(want)


def check_fits(name: str, data: Sequence[int], variable: Sequence[int]) -> None:
    """Refuse data of another shape than the variable's: broadcasting one to the other would count data twice."""
    if tuple(data) == tuple(variable):
        return
    count, terms = int(np.prod(data)), int(np.prod(variable))
    counted = (
        f"so the log-probability would have {terms} terms for {count} observations"
        if terms != count
        else "so observations would be paired with the wrong elements"
    )
    raise ShapeError(
        f"The observed data of '{name}' have shape {tuple(data)}, but '{name}' has shape {tuple(variable)}, "
        f"{counted}. "
        f"Reshape the data or the parameters so that both agree. {here()}"
    )
