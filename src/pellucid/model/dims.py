"""Named dimensions of a model: their labels, their lengths, and the checks that variables fit them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.compile.shared import SharedVariable
from pellucid.graph.nodes import Variable
from pellucid.model.context import here
from pellucid.tensor.broadcast import ShapeError
from pellucid.tensor.types import Constant, TensorVariable, constant

RESERVED = ("chain", "draw", "__sample__")

Dims = Sequence[str | None]


class Dimensions:
    """The dimensions of a model.

    A length is a constant where it came from labels or a number, and an expression of a data variable where that
    variable brought the dimension: only then can it change.

    Attributes
    ----------
    coords : dict of str to (tuple or None)
        The labels.
    lengths : dict of str to TensorVariable
        Integer scalars.
    """

    def __init__(self) -> None:
        self.coords: dict[str, tuple[Any, ...] | None] = {}
        self.lengths: dict[str, TensorVariable] = {}
        self.used: dict[str, str] = {}
        """The first variable whose shape was fixed by a dimension of constant length."""

    def add(self, name: str, values: Any = None, length: Any = None) -> None:
        """Register a dimension; doing so again with the same labels changes nothing."""
        check_dim_name(name)
        if values is None and length is None:
            raise ValueError(f"Dimension {name!r} needs labels (values) or a length. {here()}")
        labels = None if values is None else as_labels(values)
        if name in self.lengths:
            self.check_same(name, labels, length)
            return
        self.coords[name] = labels
        self.lengths[name] = as_length(name, len(labels or ()) if length is None else length)
        if labels is not None and self.length(name) != len(labels):
            raise ShapeError(f"Dimension {name!r} has {len(labels)} labels but length {self.length(name)}. {here()}")

    def check_same(self, name: str, labels: tuple[Any, ...] | None, length: Any) -> None:
        """Refuse to define a dimension twice in different ways."""
        known = self.coords[name]
        if labels is not None and known is not None and labels != known:
            raise ValueError(
                f"Dimension {name!r} has coords already, and others than these: {short(known)} and {short(labels)}. "
                f"Use another name, or model.set_dim to change it. {here()}"
            )
        size = len(labels) if labels is not None else None if isinstance(length, Variable) else length
        if size is not None and size != self.length(name):
            raise ShapeError(f"Dimension {name!r} has length {self.length(name)}, not {size}. {here()}")
        if labels is not None:
            self.coords[name] = labels

    def length(self, name: str) -> int:
        """The length now."""
        known = self.lengths[name]
        return int(known.data if isinstance(known, Constant) else known.eval())

    def replace(self, name: str, length: int, labels: Any = None) -> None:
        """Change the length, the labels, or both, where nothing depends on the old length."""
        self.require([name], f"set_dim({name!r})")
        if labels is None and self.coords[name] is not None and len(self.coords[name] or ()) != length:
            raise ValueError(f"Dimension {name!r} has labels: pass {length} new ones as coord_values. {here()}")
        if labels is not None and len(labels) != length:
            raise ShapeError(
                f"Dimension {name!r} is to have length {length}, but {len(labels)} labels were given. {here()}"
            )
        if isinstance(self.lengths[name], Constant) and length != self.length(name):
            self.refuse_fixed(name, length)
            self.lengths[name] = constant(length, dtype="int64")
        if labels is not None:
            self.coords[name] = as_labels(labels)

    def refuse_fixed(self, name: str, length: int) -> None:
        """Raise where variables were built with the constant length of a dimension."""
        if name in self.used:
            raise ShapeError(
                f"Dimension {name!r} cannot change from length {self.length(name)} to {length}: it was fixed when "
                f"'{self.used[name]}' was made. Register pm.Data(..., dims={name!r}) before the variables that use "
                "it, "
                f"and its length will follow the data. {here()}"
            )

    def require(self, names: Iterable[str | None], what: str) -> None:
        """Raise unless all dimensions are known."""
        for name in names:
            if name is not None and name not in self.lengths:
                close = difflib.get_close_matches(name, self.lengths, 1)
                hint = f" Did you mean {close[0]!r}?" if close else ""
                raise ValueError(
                    f"{what} uses the dimension {name!r}, which the model does not have; it has "
                    f"{', '.join(map(repr, self.lengths)) or 'none'}."
                    f"{hint} Add it with pm.Model(coords={{{name!r}: labels}}) or model.add_coord({name!r}, "
                    f"labels). {here()}"
                )

    def shape(self, names: Dims, what: str) -> tuple[int | TensorVariable, ...]:
        """The shape that dimensions stand for: numbers, or expressions of the data that may change them."""
        self.require(names, what)
        shape = []
        for name in names:
            if name is None:
                raise ValueError(
                    f"{what} has a dimension without a name, so its dims give no shape: pass shape= too. {here()}"
                )
            length = self.lengths[name]
            shape.append(int(length.data) if isinstance(length, Constant) else length)
        return tuple(shape)

    def check(self, name: str, dims: Dims, shape: Sequence[int]) -> None:
        """Raise unless a variable of this shape can have these dims."""
        where = f"{here()}"
        self.require(dims, f"'{name}'")
        if len(dims) != len(shape):
            raise ShapeError(
                f"'{name}' has {len(shape)} axes (shape {tuple(shape)}) but {len(dims)} dims {tuple(dims)}; name "
                f"one per axis. {where}"
            )
        for axis, dim in enumerate(dims):
            if dim is None:
                continue
            if dim == name:
                raise ValueError(
                    f"'{name}' has a dimension of its own name; rename the variable or the dimension. {where}"
                )
            if list(dims).count(dim) > 1:
                raise ValueError(
                    f"'{name}' has the dimension {dim!r} twice: {tuple(dims)}. Give the second axis a dimension of "
                    f"its own. {where}"
                )
            self.check_length(name, dim, shape, axis)

    def check_length(self, name: str, dim: str, shape: Sequence[int], axis: int) -> None:
        """Raise where an axis has another length than the dimension that it is said to be."""
        if dim in self.lengths and shape[axis] != self.length(dim):
            labels = f" (labels {short(self.coords[dim])})" if self.coords[dim] else ""
            raise ShapeError(
                f"'{name}' has shape {tuple(shape)}, but its axis {axis} is the dimension {dim!r} of length "
                f"{self.length(dim)}{labels}. {here()}"
            )

    def mark_used(self, name: str, dims: Dims) -> None:
        """Remember who relies on the lengths that cannot change."""
        for dim in dims:
            if dim is not None and isinstance(self.lengths[dim], Constant):
                self.used.setdefault(dim, name)

    def follow(self, name: str, data: SharedVariable, axis: int) -> None:
        """Let a dimension's length follow a data variable, unless something relies on its constant length already."""
        if name not in self.lengths:
            self.coords[name] = None
            self.lengths[name] = data.shape[axis]
        elif isinstance(self.lengths[name], Constant) and name not in self.used:
            self.lengths[name] = data.shape[axis]

    def labels(self) -> Iterator[tuple[str, np.ndarray]]:
        """The dimensions that have labels, with them."""
        for name, values in self.coords.items():
            if values is not None:
                yield name, label_array(values)


def check_dim_name(name: Any) -> None:
    """Refuse names that results cannot use."""
    if not isinstance(name, str):
        raise TypeError(f"A dimension's name is a string, not {name!r}. {here()}")
    if name in RESERVED:
        raise ValueError(f"Dimensions cannot be named {', '.join(RESERVED)}: results use these names. {here()}")


def as_labels(values: Any) -> tuple[Any, ...]:
    """Labels as a tuple that nobody can change."""
    if isinstance(values, str) or not isinstance(values, Iterable) or getattr(values, "ndim", 1) == 0:
        raise TypeError(
            f"The labels of a dimension are a sequence, not {values!r}. For a length of n write range(n), "
            f"or model.add_coord(name, length=n). {here()}"
        )
    # Tables' own iteration keeps dates and tuples as they are; xarray's would give arrays.
    listed: Any = values.to_numpy() if hasattr(values, "to_numpy") and hasattr(values, "dims") else values  # type: ignore[attr-defined]
    return tuple(listed.tolist()) if isinstance(listed, np.ndarray) and listed.dtype.kind in "biufUS" else tuple(listed)


def label_array(values: tuple[Any, ...]) -> np.ndarray:
    """Labels as an array."""
    if any(isinstance(v, tuple) for v in values):
        return np.fromiter(values, dtype=object, count=len(values))
    return np.asarray(values)


def as_length(name: str, length: Any) -> TensorVariable:
    """A length as an integer scalar."""
    if isinstance(length, TensorVariable) and length.ndim == 0 and length.dtype.startswith(("int", "uint")):
        return length
    if isinstance(length, (int, np.integer)) and not isinstance(length, bool) and length >= 0:
        return constant(int(length), dtype="int64")
    raise TypeError(
        f"The length of dimension {name!r} is a non-negative integer or an integer scalar, not {length!r}. {here()}"
    )


def as_dims(dims: Any, what: str) -> tuple[str | None, ...] | None:
    """The argument `dims` as a tuple, or None when none were given."""
    if dims is None:
        return None
    found = (dims,) if isinstance(dims, str) else tuple(dims)
    for d in found:
        if d is not None and not isinstance(d, str):
            raise TypeError(f"{what} has the dims {found!r}: a dimension is named by a string, not by {d!r}. {here()}")
    return found


def short(values: Sequence[Any] | None) -> str:
    """A few labels."""
    listed = [repr(v) for v in (values or ())[:4]]
    return ", ".join(listed) + (", …" if values is not None and len(values) > 4 else "")


def coords_of(groups: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Labels as arrays, without the dimensions that have none."""
    return {name: label_array(values) for name, values in groups.items() if values is not None}
