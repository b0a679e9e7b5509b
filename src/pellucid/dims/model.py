"""Data, deterministics and potentials of a model as tensors with named dims."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.dims.named import DimTensor, as_names, as_xtensor, at_line
from pellucid.dims.shaping import transpose
from pellucid.model import data, variables

if TYPE_CHECKING:
    from pellucid.model.model import Model


def Data(name: str, value: Any, dims: Any = None, model: Model | None = None, **options: Any) -> DimTensor:
    """Data of the model (as :func:`pellucid.Data`) with named dims, which an xarray object brings along.

    Examples
    --------
    >>> import pellucid as pm
    >>> import pellucid.dims as pmd
    >>> with pm.Model():
    ...     x = pmd.Data("x", [1.0, 2.0, 3.0], dims="row")
    >>> x.dims
    ('row',)
    """
    own = tuple(map(str, value.dims)) if hasattr(value, "dims") and hasattr(value, "coords") else ()
    names = own if dims is None else as_names(dims)
    if not names and np.ndim(value):
        raise TypeError(f"The data {name!r} have {np.ndim(value)} axes and no dims: name them with dims=. {at_line()}")
    if own and names != own:
        value = value.transpose(*names)
    return as_xtensor(data.Data(name, value, dims=names or None, model=model, **options), names)


def Deterministic(name: str, value: Any, dims: Any = None, model: Model | None = None) -> DimTensor:
    """A computed tensor under a name, in results with its dims (in the order of `dims`, if given)."""
    return registered(variables.Deterministic, name, value, dims, model)


def Potential(name: str, value: Any, dims: Any = None, model: Model | None = None) -> DimTensor:
    """A term of the model's log-probability under a name, all of whose elements count."""
    return registered(variables.Potential, name, value, dims, model)


def registered(register: Callable[..., Any], name: str, value: Any, dims: Any, model: Model | None) -> DimTensor:
    """A named tensor known to the model."""
    if isinstance(value, DimTensor):
        found = value if dims is None else transpose(value, *([dims] if isinstance(dims, str) else dims))
    else:
        found = as_xtensor(value, dims)
    return DimTensor(register(name, found.values, dims=found.dims or None, model=model), found.dims)
