"""Other orders, names and lengths of dims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pellucid.dims.named import DimTensor, aligned, as_names, as_xtensor, at_line, union
from pellucid.tensor import math as tensor_math
from pellucid.tensor.broadcast import ShapeError
from pellucid.tensor.packing import product
from pellucid.tensor.shape import broadcast_to, concatenate, dimshuffle, reshape
from pellucid.tensor.types import TensorVariable


def ordered(x: DimTensor, dims: Sequence[Any]) -> tuple[str, ...]:
    """The dims of `x` in the order said, `...` standing for those not named."""
    rest = [d for d in x.dims if d not in dims]
    names = [e for d in dims for e in (rest if d is ... else [d])]
    for d in names:
        x.axis(d)
    if sorted(names) != sorted(x.dims):
        raise ValueError(f"{x} cannot be transposed to {tuple(dims)}: name every dim once, or use .... {at_line()}")
    return tuple(names)


def transpose(x: DimTensor, *dims: Any) -> DimTensor:
    """The same with its dims in another order."""
    order = ordered(x, dims) if dims else x.dims[::-1]
    return DimTensor(aligned(x, order), order)


def rename(x: DimTensor, new: Any, names: Mapping[str, str]) -> DimTensor:
    """The same with other dims; or, where `new` is a string, under that name."""
    if isinstance(new, str):
        values = tensor_math.copy(x.values)
        values.name = new
        return DimTensor(values, x.dims)
    table = as_table(new, names)
    for d in table:
        x.axis(d)
    return as_xtensor(x.values, [table.get(d, d) for d in x.dims])


def as_table(given: Any, named: Mapping[str, Any]) -> dict[str, Any]:
    """What was said of dims, by a mapping or by keywords."""
    return {**(given or {}), **named}


def stack(x: DimTensor, table: Mapping[str, Sequence[str]]) -> DimTensor:
    """Several dims as one, which comes last."""
    for new, old in table.items():
        parts = tuple(x.dims) if old is ... else as_names(old)
        moved = transpose(x, ..., *parts) if parts else x
        sizes = list(moved.sizes.values())
        kept = len(sizes) - len(parts)
        x = as_xtensor(reshape(moved.values, [*sizes[:kept], product(sizes[kept:])]), [*moved.dims[:kept], new])
    return x


def unstack(x: DimTensor, table: Mapping[str, Mapping[str, Any]]) -> DimTensor:
    """One dim as several of given lengths, which come last; the last of them runs fastest."""
    for old, parts in table.items():
        moved = transpose(x, ..., *as_names([x.dims[x.axis(old)]]))
        sizes = list(moved.sizes.values())[:-1]
        x = as_xtensor(reshape(moved.values, [*sizes, *parts.values()]), [*moved.dims[:-1], *parts])
    return x


def expand_dims(x: DimTensor, dim: Any, dims: Mapping[str, Any]) -> DimTensor:
    """New dims before the others."""
    lengths = {**(dim if isinstance(dim, Mapping) else dict.fromkeys(as_names(dim or ()), 1)), **dims}
    if taken := [d for d in lengths if d in x.dims]:
        raise ValueError(f"{x} has {taken} already. {at_line()}")
    counts = [len(n) if isinstance(n, Sequence) else n for n in lengths.values()]
    wide = DimTensor(dimshuffle(x.values, *["x"] * len(lengths), *range(x.ndim)), (*lengths, *x.dims))
    if all(isinstance(n, int) and n == 1 for n in counts):
        return wide
    return stretched(wide, dict(zip(lengths, counts, strict=True)))


def stretched(x: DimTensor, lengths: Mapping[str, Any]) -> DimTensor:
    """The same repeated along dims of length 1 to the lengths said."""
    return DimTensor(broadcast_to(x.values, [lengths.get(d, n) for d, n in x.sizes.items()]), x.dims)


def squeeze(x: DimTensor, dim: Any) -> DimTensor:
    """The same without dims of length 1."""
    known = dict(zip(x.dims, x.values.type.shape, strict=True))
    gone = [d for d, n in known.items() if n == 1] if dim is None else [x.dims[x.axis(d)] for d in as_names(dim)]
    if wrong := {d: known[d] for d in gone if known[d] not in (1, None)}:
        raise ShapeError(f"{x} cannot lose dims that are longer than 1: {wrong}. {at_line()}")
    return DimTensor(
        tensor_math.squeeze(x.values, tuple(x.axis(d) for d in gone)), (d for d in x.dims if d not in gone)
    )


def broadcast(*tensors: Any, exclude: Any = ()) -> tuple[DimTensor, ...]:
    """The tensors, each with every dim of all of them but those in `exclude`, which stay where they are, last."""
    named = [as_xtensor(x) for x in tensors]
    left_out = as_names(exclude or ())
    shared = [d for d in union([without(x, left_out) for x in named]) if d not in left_out]
    lengths = lengths_of(named, shared)
    found = []
    for x in named:
        dims = [*shared, *(d for d in x.dims if d in left_out)]
        lead = len(dims) - aligned(x, dims).ndim
        values = dimshuffle(aligned(x, dims), *["x"] * lead, *range(len(dims) - lead)) if lead else aligned(x, dims)
        found.append(
            DimTensor(values, dims) if set(dims) == set(x.dims) else stretched(DimTensor(values, dims), lengths)
        )
    return tuple(found)


def without(x: DimTensor, dims: Iterable[str]) -> DimTensor:
    """The first slice along these dims, to speak of the others only."""
    return x.isel({d: 0 for d in dims if d in x.dims})


def lengths_of(tensors: Sequence[DimTensor], dims: Iterable[str]) -> dict[str, int | TensorVariable]:
    """The length of each dim, a number where any of the tensors knows it."""
    return {
        d: next(iter(sorted((x.sizes[d] for x in tensors if d in x.dims), key=lambda n: not isinstance(n, int))))
        for d in dims
    }


def concat(xtensors: Sequence[Any], dim: str) -> DimTensor:
    """Tensors one after the other along a dim (length 1 in those that lack it); their other dims are aligned."""
    named = [as_xtensor(x) for x in xtensors]
    full = [x if dim in x.dims else x.expand_dims(dim) for x in named]
    first = broadcast(*full, exclude=dim)
    order = [*(d for d in dict.fromkeys(e for x in named for e in x.dims))]
    order = order if dim in order else [dim, *order]
    parts = [x.transpose(*order).values for x in first]
    return DimTensor(concatenate(parts, axis=order.index(dim)), order)


def full_like(x: Any, fill_value: Any, dtype: str | None = None) -> DimTensor:
    """A tensor of the same dims and lengths, full of one value."""
    named = as_xtensor(x)
    value = fill_value.values if isinstance(fill_value, DimTensor) else fill_value
    return DimTensor(tensor_math.full_like(named.values, value, dtype=dtype), named.dims)


def zeros_like(x: Any, dtype: str | None = None) -> DimTensor:
    """Zeros of the same dims and lengths."""
    return full_like(x, 0, dtype or as_xtensor(x).dtype)


def ones_like(x: Any, dtype: str | None = None) -> DimTensor:
    """Ones of the same dims and lengths."""
    return full_like(x, 1, dtype or as_xtensor(x).dtype)
