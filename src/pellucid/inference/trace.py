"""Results as an `xarray.DataTree` in ArviZ's groups, with coordinates, dimensions and attributes."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from pellucid.graph.collector import garbage_left_alone

if TYPE_CHECKING:
    import xarray

__all__ = ["Group", "add_groups", "draft", "element_labels", "grow", "name_dims", "preload", "to_datatree"]

SAMPLE_DIMS = ("chain", "draw")
UNSAMPLED_GROUPS = frozenset({"observed_data", "constant_data", "predictions_constant_data"})

Groups = Mapping[str, Mapping[str, ArrayLike]]
Coords = Mapping[str, Sequence | np.ndarray | None]
Dims = Mapping[str, Sequence[str | None]]


@functools.cache
def preload() -> threading.Thread:
    """Start importing xarray in the background, to have it when sampling ends; it takes up to a second.

    Nobody need wait for the thread returned: Python's lock on a module being imported makes any `import xarray`
    elsewhere wait until it is whole. Calling this again does nothing.
    """
    # Not a daemon: the interpreter then waits at exit instead of tearing modules down under a running import.
    thread = threading.Thread(target=_import_and_warm_up, name="pellucid-import-xarray", daemon=False)
    thread.start()
    return thread


def _import_and_warm_up() -> None:
    try:
        with garbage_left_alone():  # of which imports make none: looking for some takes a sixth of their time
            import xarray
    except ImportError:
        return  # the thread that needs it gets the same error, where it can be handled

    # The first tree built is slow (pandas fills its caches); let it be this one.
    xarray.DataTree.from_dict({"/a": xarray.Dataset({"x": (("i",), np.zeros(1))}, coords={"i": np.arange(1)})})


def _xarray() -> ModuleType:
    import xarray  # a second to import, and needed by results alone

    return xarray


def to_datatree(
    groups: Groups,
    *,
    coords: Coords | None = None,
    dims: Dims | None = None,
    attrs: Mapping[str, object] | None = None,
    sample_dims: Mapping[str, Sequence[str]] | None = None,
) -> xarray.DataTree:
    """Return a tree with one dataset per group.

    Parameters
    ----------
    groups : mapping of group to mapping of variable to array
        For example ``{"posterior": {"mu": array of shape (chain, draw)}, "observed_data": {...}}``. The arrays are not
        copied. Empty groups are left out.
    coords : mapping of dimension to labels, optional
        Labels of a dimension; without any, or with None, they are 0, 1, 2, ...
    dims : mapping of variable to dimensions, optional
        Dimensions after the sample dimensions; a missing or None one is called ``<variable>_dim_<k>`` as in ArviZ.
    attrs : mapping, optional
        Attributes of every group, added to the time of creation and the name and version of the library.
    sample_dims : mapping of group to dimensions, optional
        The leading dimensions of a group's arrays: ("chain", "draw") unless named here, and none for `observed_data`,
        `constant_data` and `predictions_constant_data`.

    Returns
    -------
    xarray.DataTree

    Raises
    ------
    ValueError
        If an array does not fit its dimensions or their labels.

    Examples
    --------
    >>> tree = to_datatree({"posterior": {"theta": np.zeros((4, 10, 2))}}, coords={"school": ["A", "B"]},
    ...                    dims={"theta": ["school"]})
    >>> tree["posterior"]["theta"].dims
    ('chain', 'draw', 'school')
    """
    return grow(draft(groups, coords=coords, dims=dims, attrs=attrs, sample_dims=sample_dims))


def grow(drafts: Mapping[str, Group]) -> xarray.DataTree:
    """The tree of groups that were drafted."""
    return _xarray().DataTree.from_dict({f"/{name}": group.dataset() for name, group in drafts.items()})


def add_groups(
    tree: xarray.DataTree,
    groups: Groups,
    *,
    coords: Coords | None = None,
    dims: Dims | None = None,
    attrs: Mapping[str, object] | None = None,
    sample_dims: Mapping[str, Sequence[str]] | None = None,
) -> xarray.DataTree:
    """Add groups to `tree`, in place, and return it; groups it has under the same names are replaced.

    The parameters are those of `to_datatree`.
    """
    for name, group in draft(groups, coords=coords, dims=dims, attrs=attrs, sample_dims=sample_dims).items():
        tree[name] = _xarray().DataTree(group.dataset())
    return tree


@dataclass(frozen=True)
class Group:
    """A dataset to be: variables with their dimensions, labels of these, and attributes."""

    variables: Mapping[str, tuple[tuple[str, ...], np.ndarray]]
    labels: Mapping[str, np.ndarray]
    attributes: Mapping[str, object]

    def dataset(self) -> xarray.Dataset:
        """The dataset."""
        attributes = {**_versions(), **self.attributes}
        return _xarray().Dataset(dict(self.variables), coords=dict(self.labels), attrs=attributes)


def draft(
    groups: Groups,
    *,
    coords: Coords | None = None,
    dims: Dims | None = None,
    attrs: Mapping[str, object] | None = None,
    sample_dims: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Group]:
    """The groups of a tree, checked, before xarray is needed; the parameters are those of `to_datatree`."""
    attributes = {"created_at": dt.datetime.now(dt.UTC).isoformat(), **(attrs or {})}
    drafts = {}
    for group, variables in groups.items():
        leading = tuple((sample_dims or {}).get(group, () if group in UNSAMPLED_GROUPS else SAMPLE_DIMS))
        if variables:
            arrays = {name: np.asarray(value) for name, value in variables.items()}
            drafts[group] = _draft_group(arrays, leading, coords or {}, dims or {}, attributes)
    return drafts


def _draft_group(
    arrays: Mapping[str, np.ndarray],
    leading: tuple[str, ...],
    coords: Coords,
    dims: Dims,
    attributes: Mapping[str, object],
) -> Group:
    variables, lengths = {}, {}
    for name, array in arrays.items():
        if array.ndim < len(leading):
            raise ValueError(f"{name!r} has shape {array.shape}, but must begin with the dimensions {leading}")
        event = name_dims(name, array.shape[len(leading) :], dims=dims.get(name), coords=coords)
        variables[name] = ((*leading, *event), array)
        for dim, length in zip((*leading, *event), array.shape, strict=True):
            if lengths.setdefault(dim, (length, name))[0] != length:
                raise ValueError(
                    f"dimension {dim!r} has length {length} in {name!r} but {lengths[dim][0]} in {lengths[dim][1]!r}"
                )
    labels = {dim: _labels(dim, length, coords) for dim, (length, _) in lengths.items()}
    return Group(variables, labels, {**attributes, "sample_dims": list(leading)})


def name_dims(
    name: str, shape: Sequence[int], *, dims: Sequence[str | None] | None = None, coords: Coords | None = None
) -> tuple[str, ...]:
    """Return the dimension names of a variable's event shape, or say why its dims and coords cannot be used.

    Cheap and independent of xarray, so that a model can be checked before it is sampled rather than after.

    Parameters
    ----------
    name : str
        The variable, named in errors and in default dimension names.
    shape : sequence of int
        Its shape without sample dimensions.
    dims : sequence of str or None, optional
        Names of its leading dimensions.
    coords : mapping, optional
        Labels, of which the lengths are compared with the shape.

    Examples
    --------
    >>> name_dims("theta", (3, 2), dims=["school"])
    ('school', 'theta_dim_0')
    """
    given = [dims] if isinstance(dims, str) else list(dims or ())
    if len(given) > len(shape):
        raise ValueError(f"{name!r} has {len(given)} dims {tuple(given)} but shape {tuple(shape)}; name one per axis")
    unnamed = (f"{name}_dim_{k}" for k in itertools.count())
    full = tuple(dim if dim is not None else next(unnamed) for dim in [*given, *[None] * (len(shape) - len(given))])
    for dim, length in zip(full, shape, strict=True):
        if dim == name:
            raise ValueError(f"{name!r} has a dimension of its own name; rename the variable or the dimension")
        if full.count(dim) > 1:
            raise ValueError(
                f"{name!r} has the dimension {dim!r} twice: {full}; give the second axis a name and coords of its own"
            )
        _labels(dim, length, coords or {}, name)
    return full


def _labels(dim: str, length: int, coords: Coords, name: str | None = None) -> np.ndarray:
    labels = coords.get(dim)
    if labels is None:
        return np.arange(length)
    if len(labels) != length:
        of = f" of {name!r}" if name else ""
        raise ValueError(
            f"dimension {dim!r}{of} has length {length}, but coords[{dim!r}] has {len(labels)} labels; "
            "change the coords or the data so that they agree"
        )
    if any(isinstance(label, tuple) for label in labels):
        return np.fromiter(labels, dtype=object, count=length)
    return np.asarray(labels)


@functools.cache  # a millisecond, for each group of each result
def _version() -> str:
    import importlib.metadata  # slow, and xarray imports it anyway

    try:
        return importlib.metadata.version("pellucid")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"  # run from a source tree that is not installed


def _versions() -> dict[str, object]:
    return {
        "creation_library": "pellucid",
        "creation_library_version": _version(),
        "creation_library_language": "Python",
        "inference_library": "pellucid",
        "inference_library_version": _version(),
    }


def element_labels(
    name: str, shape: Sequence[int], *, dims: Sequence[str | None] | None = None, coords: Coords | None = None
) -> Iterator[str]:
    """Yield the labels of a variable's elements in C order: ``theta[A]``, ``beta[A, 0]``, or the name of a scalar.

    Examples
    --------
    >>> list(element_labels("theta", (2,), dims=["school"], coords={"school": ["A", "B"]}))
    ['theta[A]', 'theta[B]']
    """
    names = [*(dims or ()), *[None] * (len(shape) - len(dims or ()))]
    axes = [
        _labels(dim, length, coords or {}) if dim else range(length) for dim, length in zip(names, shape, strict=True)
    ]
    for labels in itertools.product(*axes):
        yield f"{name}[{', '.join(map(str, labels))}]" if labels else name
