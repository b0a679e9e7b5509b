"""What ``pm.Normal("x", ...)`` means inside a model: a draw of the right shape, registered under its name."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from pellucid.model.context import modelcontext
from pellucid.model.dims import Dimensions, as_dims
from pellucid.model.observed import data_array
from pellucid.model.shapes import current_shape
from pellucid.model.variables import Deterministic
from pellucid.tensor.broadcast import ShapeError
from pellucid.tensor.types import TensorVariable


def make_variable(
    family: Any,
    name: str,
    args: tuple[Any, ...],
    *,
    dims: Any = None,
    observed: Any = None,
    shape: Any = None,
    size: Any = None,
    transform: Any = ...,
    default_transform: Any = ...,
    initval: Any = None,
    total_size: Any = None,
    rng: Any = None,
    model: Any = None,
    **parameters: Any,
) -> TensorVariable:
    """A random variable in the current model, of the shape of `shape` or `size`, else of dims, else of the data."""
    owner = modelcontext(model)
    full = owner.name_for(name)
    owner.check_new(full)
    names = as_dims(dims, f"'{full}'")
    data = observed if observed is None or isinstance(observed, TensorVariable) else data_array(full, observed)
    wanted = shape if shape is not None or size is not None else implied_shape(full, names, data, owner.dimensions)
    try:
        rv = family.dist(*args, shape=wanted, size=size, rng=rng, **parameters)
    except ShapeError as error:
        hint = broadcast_hint(family, args, parameters, data, owner)
        raise ShapeError(f"'{full}' cannot be made{asked_by(names, data, wanted)}. {error}{hint}") from error
    return owner.register_rv(
        rv,
        name,
        observed=data,
        total_size=total_size,
        dims=names,
        default_transform=default_transform,
        transform=transform,
        initval=initval,
    )


def implied_shape(name: str, names: Any, data: Any, dimensions: Dimensions) -> Any:
    """The shape that dims, or else data, give to a variable; None where they give none."""
    if names is not None and None not in names:
        return dimensions.shape(names, f"'{name}'")
    return None if data is None else data.shape


def asked_by(names: Any, data: Any, wanted: Any) -> str:
    """Where the shape that does not fit came from."""
    if names is not None:
        return (
            f" with dims {names} of shape {tuple(map(str, wanted or ()))}".replace("'", "")
            if wanted
            else f" with dims {names}"
        )
    return "" if data is None else f" with the shape of its observed data, {getattr(data, 'type', data).shape}"


def broadcast_hint(family: Any, args: Any, parameters: Any, observed: Any, owner: Any) -> str:
    """What broadcasting data and parameters to each other would have done, and between which axes; where it could."""
    if observed is None:
        return ""
    data = observed.shape if isinstance(observed, np.ndarray) else current_shape(observed, {})
    try:
        own = current_shape(family.dist(*args, **parameters), owner.root.shapes)
        both = np.broadcast_shapes(own, data)
    except ValueError:  # nor could they be broadcast
        return ""
    if both == data:
        return ""
    spread = [a - len(both) for a, n in enumerate(both) if n != 1 and a - len(both) in spread_axes(data, both)]
    listed = ", ".join(f"axis {len(own) + a} of the parameters" for a in spread)
    return (
        f"\n  Broadcast to each other they would have {int(np.prod(both))} terms for {int(np.prod(data))} "
        f"observations: {listed} (shape {own}) has no counterpart in the data (shape {data}). Where both are the same "
        "rows, drop the axis of length 1 with x[:, 0] or x.flatten(), or add one to the data with data[:, None]."
    )


def spread_axes(data: tuple[int, ...], both: tuple[int, ...]) -> set[int]:
    """The axes, counted from the last, along which data of this shape would be repeated."""
    padded = (1,) * (len(both) - len(data)) + data
    return {a - len(both) for a, (n, m) in enumerate(zip(padded, both, strict=True)) if n != m}


# By its name in full: `pellucid.stats.distribution` is the decorator of that module, not the module.
setattr(import_module("pellucid.stats.distribution"), "register_in_model", make_variable)  # noqa: B010
setattr(  # noqa: B010
    import_module("pellucid.stats.distribution"),
    "register_deterministic",
    lambda name, value, dims: Deterministic(name, value, dims=dims),
)
