"""Draws that are given: the variables of a trace of any form, as arrays with one row per draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.inference.deferred import made
from pellucid.inference.result import Trace
from pellucid.inference.trace import SAMPLE_DIMS
from pellucid.model.context import here

GROUPS = ("posterior", "prior")
"""The groups of a tree that draws are read from, by preference."""


@dataclass
class Draws:
    """Draws by name.

    Attributes
    ----------
    arrays : dict of array of shape (rows, *shape)
    lead : dict of sample dimension to labels
        Whose lengths multiply to the number of rows.
    dims : dict of tuple of str
        The other dimensions of each variable.
    coords : dict of labels
        Of these dimensions.
    data : dict of array
        The data that the trace remembers.
    """

    arrays: dict[str, np.ndarray]
    lead: dict[str, np.ndarray]
    dims: dict[str, tuple[str, ...]] = field(default_factory=dict)
    coords: dict[str, np.ndarray] = field(default_factory=dict)
    data: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many draws there are."""
        return int(np.prod([len(labels) for labels in self.lead.values()], dtype=int))

    def unstacked(self, rows: np.ndarray) -> np.ndarray:
        """An array with one row per draw as one with the sample dimensions."""
        return rows.reshape(*map(len, self.lead.values()), *rows.shape[1:])


def read_draws(trace: Any, sample_dims: Sequence[str] | None = None, group: str | None = None) -> Draws:
    """The draws in a tree, a dataset, a trace, a dict of arrays of shape (chain, draw, ...), or a list of points."""
    found = made(trace)
    if isinstance(found, Trace):
        return from_arrays(found.arrays)
    if hasattr(found, "data_vars"):
        return from_tree(found, sample_dims, group)
    if isinstance(found, Mapping):
        return from_arrays({name: np.asarray(a) for name, a in found.items()})
    if isinstance(found, Sequence) and found and all(isinstance(point, Mapping) for point in found):
        return from_arrays({name: np.array([point[name] for point in found])[None] for name in found[0]})
    raise TypeError(
        "The trace is a DataTree or Dataset, a dict of arrays of shape (chain, draw, ...), or a list of points, not "
        f"{type(trace).__name__}. {here()}"
    )


def from_arrays(arrays: Mapping[str, np.ndarray]) -> Draws:
    """Arrays of shape (chain, draw, ...)."""
    shapes = {a.shape[:2] for a in arrays.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != len(SAMPLE_DIMS):
        listed = ", ".join(f"'{name}' {a.shape}" for name, a in arrays.items()) or "none"
        raise ValueError(f"The arrays of a trace begin with the axes chain and draw; these are {listed}. {here()}")
    lead = {dim: np.arange(n) for dim, n in zip(SAMPLE_DIMS, next(iter(shapes)), strict=True)}
    return Draws({name: a.reshape(-1, *a.shape[2:]) for name, a in arrays.items()}, lead)


def group_of(tree: Any, group: str | None) -> str | None:
    """The group of a tree to read; None for a dataset, which has none."""
    children = list(getattr(tree, "children", ()))
    if not children:
        if group is not None:
            raise ValueError(f"group={group!r} chooses a part of a whole tree, and this is one group. {here()}")
        return None
    wanted = [group] if group is not None else list(GROUPS)
    for name in wanted:
        if name in children:
            return name
    raise ValueError(f"The trace has no group {' or '.join(wanted)}; it has {', '.join(children)}. {here()}")


def from_tree(tree: Any, sample_dims: Sequence[str] | None, group: str | None) -> Draws:
    """A group of a tree, or a dataset."""
    name = group_of(tree, group)
    dataset = tree if name is None else tree[name]
    names = list(SAMPLE_DIMS) if sample_dims is None else as_names(sample_dims)
    absent = [dim for dim in names if dim not in dataset.sizes]
    if absent:
        raise ValueError(
            f"The trace has no dimension {', '.join(absent)}; it has {', '.join(map(str, dataset.sizes))}: pass "
            f"sample_dims. {here()}"
        )
    lead = {dim: labels_of(dataset, dim) for dim in names}
    found = Draws({}, lead)
    for key, variable in dataset.data_vars.items():
        if not set(names) <= set(variable.dims):
            continue
        turned = variable.transpose(*names, ...)
        found.arrays[str(key)] = np.asarray(turned.values).reshape(found.rows, *turned.shape[len(names) :])
        found.dims[str(key)] = tuple(map(str, turned.dims[len(names) :]))
    found.coords = {str(dim): labels_of(dataset, dim) for dim in dataset.sizes if dim in dataset.coords}
    if name is not None:
        found.data = {
            str(key): np.asarray(v.values)
            for kind in ("constant_data", "observed_data")
            if kind in tree.children
            for key, v in tree[kind].data_vars.items()
        }
    return found


def labels_of(dataset: Any, dim: Any) -> np.ndarray:
    """The labels of a dimension; numbers where it has none."""
    return np.asarray(dataset[dim].values) if dim in dataset.coords else np.arange(dataset.sizes[dim])


def as_names(names: Any) -> list[str]:
    """One name or several, or variables, as a list of names."""
    listed = [names] if isinstance(names, str) or not hasattr(names, "__iter__") else list(names)
    return [str(getattr(v, "name", v)) for v in listed]
