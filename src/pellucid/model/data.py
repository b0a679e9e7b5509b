"""Data variables: values beside the graph that can be exchanged, lengths included, without compiling anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.compile.shared import SharedVariable
from pellucid.model.context import here, modelcontext
from pellucid.model.dims import as_dims, as_labels
from pellucid.model.observed import is_masked
from pellucid.tensor.broadcast import ShapeError
from pellucid.tensor.types import Constant, to_array

if TYPE_CHECKING:
    from pellucid.model.model import Model


def data_value(name: str, value: Any) -> np.ndarray:
    """Data as an array in one of the widest dtypes, so that later values of a narrower one fit."""
    plain = value.to_numpy() if hasattr(value, "to_numpy") else value
    if is_masked(plain) and np.ma.getmaskarray(plain).any():
        raise ValueError(f"Data '{name}' has masked elements: fill them first. {here()}")
    try:
        array = to_array(np.asarray(plain) if is_masked(plain) else plain)
    except TypeError as error:
        raise TypeError(f"Data '{name}' are not numbers: {error} {hint_for(plain)}{here()}") from None
    wide = {"f": "float64", "i": "int64", "u": "int64"}.get(array.dtype.kind)
    return array.astype(wide) if wide else array


def hint_for(values: Any) -> str:
    """How to make numbers of what are none."""
    kind = getattr(values, "dtype", np.dtype("O")).kind
    if kind in "mM":
        return "Subtract a date and divide by a length of time: (dates - dates[0]) / numpy.timedelta64(1, 'D'). "
    return "Number the categories: numbers, labels = pandas.factorize(values), and labels are coords. "


def Data(
    name: str,
    value: Any,
    *,
    dims: Any = None,
    coords: Mapping[str, Any] | None = None,
    infer_dims_and_coords: bool = False,
    model: Model | None = None,
    mutable: Any = None,
) -> SharedVariable:
    """Register data with the model, to be exchanged later by :func:`set_data`.

    Parameters
    ----------
    name : str
    value : array, list, or what has `to_numpy`, such as pandas, polars and xarray objects
        Numbers. Its lengths are not fixed, its number of axes and its dtype are.
    dims : str or sequence of str, optional
        New dimensions are added to the model, and their lengths follow the data. So do those of the model's coords,
        unless a variable with a fixed shape uses them already.
    coords : mapping of str to labels, optional
        Labels of these dimensions.
    infer_dims_and_coords : bool
        Take dims and coords from an xarray object, or from the index and the columns of a table.
    model : Model, optional
        By default that of the enclosing block.
    mutable
        Accepted for compatibility, and ignored: all data can be exchanged.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model():
    ...     x = pm.Data("x", [1.0, 2.0, 3.0], dims="row")
    ...     pm.set_data({"x": [4.0, 5.0]})
    >>> x.get_value()
    array([4., 5.])
    """
    owner = modelcontext(model)
    full = owner.name_for(name)
    owner.check_new(full)
    array = data_value(full, value)
    if infer_dims_and_coords:
        dims, coords = infer_dims(value, dims, coords)
    variable = SharedVariable(array, full)
    names = as_dims(dims, f"'{full}'")
    check_rank(full, names, array)
    owner.add_coords(dict(coords or {}))
    for axis, dim in enumerate(names or ()):
        if dim is not None:
            owner.dimensions.check_length(full, dim, array.shape, axis)
            owner.dimensions.follow(dim, variable, axis)
    owner.register_data_var(variable, names)
    return variable


def check_rank(name: str, dims: Any, array: np.ndarray) -> None:
    """Refuse another number of dims than axes."""
    if dims is not None and len(dims) != array.ndim:
        raise ShapeError(
            f"'{name}' has {array.ndim} axes (shape {array.shape}) but {len(dims)} dims {tuple(dims)}; name one per "
            f"axis. {here()}"
        )


def infer_dims(value: Any, dims: Any, coords: Any) -> tuple[Any, dict[str, Any]]:
    """Dims and coords as an array of xarray, or the index and columns of a table, name them."""
    own, axes = labelled_axes(value)
    names = as_dims(dims, "Data") or own
    found = {n: labels for n, labels in zip(names, axes, strict=False) if n is not None and labels is not None}
    return (names or None), {**found, **dict(coords or {})}


def labelled_axes(value: Any) -> tuple[tuple[str | None, ...], list[Any]]:
    """The names of the axes of labelled data, and their labels (None: they have none)."""
    if hasattr(value, "dims") and hasattr(value, "coords"):
        names = tuple(map(str, value.dims))
        return names, [value.coords[d].to_numpy() if d in value.coords else None for d in value.dims]
    index, columns = getattr(value, "index", None), getattr(value, "columns", None)
    axes = [index] if hasattr(index, "to_numpy") else [None] if columns is not None else []
    axes += [columns] if columns is not None else []
    return tuple(getattr(axis, "name", None) for axis in axes), axes


def set_data(
    new_data: Mapping[str, Any], model: Model | None = None, *, coords: Mapping[str, Any] | None = None
) -> None:
    """Give data variables other values, possibly of other lengths.

    Parameters
    ----------
    new_data : mapping of name to value
    model : Model, optional
        By default that of the enclosing block.
    coords : mapping of str to labels, optional
        New labels; needed for dimensions that have labels and change in length.
    """
    owner = modelcontext(model)
    for name, value in new_data.items():
        owner.set_data(name, value, coords)


def set_data_variable(model: Model, name: str, values: Any, coords: Mapping[str, Any]) -> None:
    """Exchange the value of one data variable, and the labels of its dimensions."""
    variable = model[name]
    if not isinstance(variable, SharedVariable):
        raise TypeError(f"'{name}' is no data variable, so its value cannot be set: make it with pm.Data. {here()}")
    array = data_value(name, values)
    if array.ndim != variable.ndim:
        raise ShapeError(f"'{name}' has {variable.ndim} axes, but the new value has shape {array.shape}. {here()}")
    dims = model.named_vars_to_dims.get(str(variable.name), ())
    given = {**labels_within(values, dims), **coords}
    labels = {
        dim: new_labels(model, variable, array, axis, dim, given) for axis, dim in enumerate(dims) if dim is not None
    }
    variable.set_value(array)
    for dim, values_of_dim in labels.items():
        if values_of_dim is not None:
            model.dimensions.coords[dim] = as_labels(values_of_dim)


def labels_within(values: Any, dims: Sequence[str | None]) -> dict[str, Any]:
    """The labels that new data bring along, for the dimensions that they call by the same names."""
    names, axes = labelled_axes(values)
    return {
        dim: labels
        for dim, name, labels in zip(dims, names, axes, strict=False)
        if dim is not None and dim == name and labels is not None
    }


def new_labels(
    model: Model, variable: SharedVariable, array: np.ndarray, axis: int, dim: str, coords: Mapping[str, Any]
) -> Any:
    """The labels that a dimension will have; raises where the new length is impossible."""
    length, old = array.shape[axis], variable.get_value(borrow=True).shape[axis]
    labels, known = coords.get(dim), model.coords[dim]
    if length != old and isinstance(model.dim_lengths[dim], Constant):
        model.dimensions.used.setdefault(dim, str(variable.name))
        model.dimensions.refuse_fixed(dim, length)
    if labels is None and known is not None and len(known) != length:
        raise ValueError(
            f"'{variable}' is to have length {length} along {dim!r}, which has {len(known)} labels: "
            f"pass coords={{{dim!r}: ...}} with {length} new ones. {here()}"
        )
    if labels is not None and len(labels) != length:
        raise ShapeError(
            f"'{variable}' is to have length {length} along {dim!r}, but {len(labels)} labels were given. {here()}"
        )
    return labels
