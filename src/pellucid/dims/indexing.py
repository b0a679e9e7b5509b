"""Picking elements along named dims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pellucid.dims.named import DimTensor, aligned, as_xtensor, at_line, union
from pellucid.graph.nodes import Variable
from pellucid.tensor import math as tensor_math
from pellucid.tensor.types import as_tensor_variable


def getitem(x: DimTensor, index: Any) -> DimTensor:
    """``x[{"row": 0}]``, or by the order of the dims: ``x[0, ..., 1:]``."""
    if isinstance(index, Mapping):
        return isel(x, index)
    entries = list(index) if isinstance(index, tuple) else [index]
    dots = [place for place, entry in enumerate(entries) if entry is ...]
    if len(entries) - len(dots) > x.ndim or len(dots) > 1:
        raise IndexError(f"{x} has {x.ndim} dims, which {len(entries)} indices do not fit. {at_line()}")
    if dots:
        entries[dots[0] : dots[0] + 1] = [slice(None)] * (x.ndim - len(entries) + 1)
    return isel(x, dict(zip(x.dims, entries, strict=False)))


def isel(x: DimTensor, indexers: Mapping[str, Any]) -> DimTensor:
    """Numbers and slices first, one dim each; then arrays of positions, whose dims are aligned by name."""
    for d in indexers:
        x.axis(d)
    basic = {d: e for d, e in indexers.items() if isinstance(e, slice) or is_number(e)}
    picked = x
    if basic:
        entries = tuple(e.values if isinstance(e := basic.get(d, slice(None)), DimTensor) else e for d in x.dims)
        kept = [d for d in x.dims if d not in basic or isinstance(basic[d], slice)]
        picked = DimTensor(x.values[entries], kept)
    arrays = {d: positions(x, d, e) for d, e in indexers.items() if d not in basic}
    return gathered(picked, arrays) if arrays else picked


def is_number(entry: Any) -> bool:
    """Whether an index is one number, so that its dim goes."""
    return isinstance(entry, int | np.integer) or getattr(entry, "ndim", None) == 0


def positions(x: DimTensor, dim: str, entry: Any) -> DimTensor:
    """An array index as a named tensor of integers: an array without dims keeps the name of what it indexes."""
    if isinstance(entry, DimTensor) or hasattr(entry, "coords"):
        found = as_xtensor(entry)
    else:
        tensor = as_tensor_variable(entry if isinstance(entry, Variable) else np.asarray(entry))
        if tensor.ndim != 1:
            raise IndexError(f"The index of {dim!r} of {x} has {tensor.ndim} axes: name them with as_xtensor(index, "
                             f"dims=...). {at_line()}")  # fmt: skip
        found = DimTensor(tensor, (dim,))
    if found.dtype == "bool":
        if found.ndim != 1:
            raise IndexError(f"A mask of {dim!r} has one dim, not {found.dims}. {at_line()}")
        return DimTensor(tensor_math.nonzero(found.values)[0], (dim,))
    if not found.dtype.startswith(("int", "uint")):
        raise IndexError(f"The index of {dim!r} of {x} is of dtype {found.dtype}: integers pick elements. {at_line()}")
    return found


def gathered(x: DimTensor, arrays: Mapping[str, DimTensor]) -> DimTensor:
    """The elements at arrays of positions; a dim that such an array has and `x` keeps goes along with it."""
    own = {d for index in arrays.values() for d in index.dims}
    paired = [d for d in x.dims if d in own and d not in arrays]
    used = {**arrays, **{d: DimTensor(tensor_math.arange(x.sizes[d]), (d,)) for d in paired}}
    dims = union([used[d] for d in x.dims if d in used])
    kept = [d for d in x.dims if d not in used]
    if len(used) == 1:  # one gather where the dim is, which later passes know how to read
        ((d, index),) = used.items()
        axis = x.axis(d)
        values = x.values[(*[slice(None)] * axis, index.values)]
        return DimTensor(values, (*x.dims[:axis], *index.dims, *x.dims[axis + 1 :]))
    front = [d for d in x.dims if d in used]
    values = aligned(x, [*front, *kept])[tuple(aligned(used[d], dims) for d in front)]
    order = list(dict.fromkeys(e for d in x.dims for e in (used[d].dims if d in used else (d,))))
    return DimTensor(values, (*dims, *kept)).transpose(*order)


def ends(x: DimTensor, indexers: Any, named: Mapping[str, Any], piece: Callable[[int], slice]) -> DimTensor:
    """The same slice along every dim (`indexers` a number, or nothing: 5), or those said."""
    if isinstance(indexers, Mapping) or (indexers is None and named):
        table = {**(indexers or {}), **named}
    else:
        table = dict.fromkeys(x.dims, 5 if indexers is None else indexers)
    return isel(x, {d: piece(n) for d, n in table.items()})


def diff(x: DimTensor, dim: str, n: int = 1) -> DimTensor:
    """Differences of neighbours, `n` times."""
    return DimTensor(tensor_math.diff(x.values, n=n, axis=x.axis(dim)), x.dims)
