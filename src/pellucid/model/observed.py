"""Observed data: made into a tensor that can stand for its random variable, or refused with the reason."""

from __future__ import annotations

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


def data_array(name: str, data: Any) -> np.ndarray:
    """Data as an array of numbers; masked and missing elements and text are refused."""
    plain = data.to_numpy() if hasattr(data, "to_numpy") else data
    if isinstance(plain, np.ma.MaskedArray):
        refuse_missing(name, np.ma.getmaskarray(plain))
        plain = plain.data
    try:
        array = to_array(as_numbers(plain))
    except TypeError as error:
        raise TypeError(f"The data of '{name}' are not numbers: {error} {here()}") from None
    if array.dtype.kind == "f":
        refuse_missing(name, np.isnan(array))
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


def refuse_missing(name: str, missing: np.ndarray) -> None:
    """Raise where elements are missing, saying which."""
    if missing.any():
        raise ValueError(
            f"The observed data of '{name}' are missing (NaN or masked) at {list_places(missing)}. "
            "Missing observations are not imputed yet: drop those rows, "
            f"or model them as a free variable of their own. {here()}"
        )


def list_places(wrong: np.ndarray) -> str:
    """Which elements, in words."""
    places = np.argwhere(wrong)
    if wrong.ndim == 0:
        return "its only element"
    listed = ", ".join("[" + ", ".join(map(str, place)) + "]" for place in places[:SHOWN])
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return f"{len(places)} of {wrong.size} elements: {listed}{more}"


def as_observed(name: str, observed: Any, dtype: str) -> TensorVariable:
    """Observed data as a tensor of the dtype of the random variable: constant, or of data variables."""
    if isinstance(observed, Variable):
        return observed_graph(name, observed, dtype)
    return constant(convert(name, data_array(name, observed), dtype), name=name)


def observed_graph(name: str, observed: Variable, dtype: str) -> TensorVariable:
    """Observations that are an expression of data variables; those that depend on anything else are refused."""
    roots = list(graph_inputs(observed))
    wrong = [v for v in roots if isinstance(v, RngVariable) or not v.has_value]
    if wrong or not isinstance(observed, TensorVariable):
        kind = "random variables" if any(isinstance(v, RngVariable) for v in wrong) else "inputs without a value"
        raise TypeError(
            f"The observed data of '{name}' are {observed}, which depends on {kind}: observe arrays or pm.Data. "
            f"{here()}"
        )
    now = observed.get_value(borrow=True) if isinstance(observed, SharedVariable) else observed.eval()
    convert(name, data_array(name, now), dtype)
    return observed if observed.dtype == dtype else cast(observed, dtype)


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
