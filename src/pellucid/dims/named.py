"""A tensor with a name for each axis, and how such tensors are aligned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.lazy import later
from pellucid.graph.provenance import describe, user_line
from pellucid.tensor import create
from pellucid.tensor import math as tensor_math
from pellucid.tensor.broadcast import ShapeError
from pellucid.tensor.shape import dim as length_along
from pellucid.tensor.shape import dimshuffle
from pellucid.tensor.types import TensorVariable, as_tensor_variable

if TYPE_CHECKING:
    from pellucid.dims import indexing, math, reductions, shaping
else:
    indexing, math, reductions, shaping = later("pellucid.dims", "indexing math reductions shaping")

Dims = tuple[str, ...]

WEAK = (bool, int, float, complex)
"""Python numbers take the dtype of the tensors beside them, so they stay what they are."""


class DimTensor:
    """A tensor and a name for each of its axes; immutable, compared by identity.

    Operators and functions align axes by name: the result has every dim of its operands, in order of appearance.

    Attributes
    ----------
    values : TensorVariable
        The plain tensor.
    dims : tuple of str

    Examples
    --------
    >>> import pellucid.dims as pmd
    >>> row = pmd.as_xtensor([1.0, 2.0], dims="row")
    >>> column = pmd.as_xtensor([10.0, 20.0, 30.0], dims="column")
    >>> (row + column).dims
    ('row', 'column')
    >>> (row + column).sum("column").eval()
    array([63., 66.])
    """

    __slots__ = ("dims", "values")
    __iter__ = None
    values: TensorVariable
    dims: Dims

    def __init__(self, values: TensorVariable, dims: Iterable[str]):
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "dims", tuple(dims))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"A tensor with named dims is immutable, so its {name} cannot be set.")

    def __reduce__(self) -> Any:
        return DimTensor, (self.values, self.dims)

    def __repr__(self) -> str:
        return f"DimTensor({self.values}, dims={self.dims})"

    def __bool__(self) -> bool:
        raise TypeError(f"{self} has no value yet, so it is neither true nor false; use pmd.math.where.")

    @property
    def name(self) -> str | None:
        """The name of the plain tensor."""
        return self.values.name

    @property
    def dtype(self) -> str:
        return self.values.dtype

    @property
    def ndim(self) -> int:
        return len(self.dims)

    @property
    def shape(self) -> tuple[int | TensorVariable, ...]:
        """The lengths: numbers where they are known, else expressions."""
        return tuple(self.sizes.values())

    @property
    def sizes(self) -> dict[str, int | TensorVariable]:
        """The length of each dim: a number where it is known, else an expression."""
        known = zip(self.dims, self.values.type.shape, strict=True)
        return {d: length_along(self.values, axis) if n is None else n for axis, (d, n) in enumerate(known)}

    @property
    def size(self) -> TensorVariable:
        """The number of elements."""
        return self.values.size

    @property
    def T(self) -> DimTensor:
        return shaping.transpose(self)

    def eval(self, inputs_to_values: Mapping[Any, Any] | None = None, **options: Any) -> Any:
        """The value as an array."""
        given = {(k.values if isinstance(k, DimTensor) else k): v for k, v in (inputs_to_values or {}).items()}
        return self.values.eval(given, **options)

    def axis(self, dim: str) -> int:
        """Which axis a dim is; an error names those that there are."""
        if dim not in self.dims:
            raise ValueError(
                f"{self} has no dim {dim!r}; it has {', '.join(map(repr, self.dims)) or 'none'}. {at_line()}"
            )
        return self.dims.index(dim)

    def axes(self, dim: Any) -> tuple[int, ...]:
        """The axes that `dim` means: one name, several, or all (None or ...)."""
        if dim is None or dim is ...:
            return tuple(range(self.ndim))
        return tuple(self.axis(d) for d in as_names(dim))

    def astype(self, dtype: str) -> DimTensor:
        return DimTensor(self.values.astype(dtype), self.dims)

    def __array_ufunc__(self, ufunc: Any, how: str, *inputs: Any, **options: Any) -> Any:
        """NumPy's elementwise functions and operators of named tensors are those of `pmd.math`."""
        if how != "__call__" or options:
            raise TypeError(f"np.{ufunc.__name__} cannot be part of a graph in this way; see pmd.math. {at_line()}")
        return getattr(math, ufunc.__name__)(*inputs)

    def __array__(self, *args: Any, **options: Any) -> np.ndarray:
        raise TypeError(
            f"{self} would lose its dims here: use the functions of pmd (for operators, name the dims of the other "
            f"operand with pmd.as_xtensor), or take the plain tensor, x.values. {at_line()}"
        )

    def __getitem__(self, index: Any) -> DimTensor:
        return indexing.getitem(self, index)

    def isel(self, indexers: Mapping[str, Any] | None = None, **named: Any) -> DimTensor:
        """Pick by position along named dims: numbers, slices, arrays, or named tensors of integers.

        The dims of a named tensor of integers take the place of the one that it indexes.
        """
        return indexing.isel(self, {**(indexers or {}), **named})

    def head(self, indexers: Any = None, **named: Any) -> DimTensor:
        """The first 5 elements, or as many as said, along every dim, or those said."""
        return indexing.ends(self, indexers, named, lambda n: slice(None, n))

    def tail(self, indexers: Any = None, **named: Any) -> DimTensor:
        """The last 5 elements, or as many as said, along every dim, or those said."""
        return indexing.ends(self, indexers, named, lambda n: slice(-n, None) if n else slice(0, 0))

    def thin(self, indexers: Any = None, **named: Any) -> DimTensor:
        """Every n-th element along every dim, or those said."""
        return indexing.ends(self, indexers, named, lambda n: slice(None, None, n))

    def diff(self, dim: str, n: int = 1) -> DimTensor:
        """The differences of neighbours along a dim."""
        return indexing.diff(self, dim, n)

    def var(self, dim: Any = None, ddof: int = 0) -> DimTensor:
        return reductions.reduced("var", self, dim, ddof=ddof)

    def std(self, dim: Any = None, ddof: int = 0) -> DimTensor:
        return reductions.reduced("std", self, dim, ddof=ddof)

    def cumsum(self, dim: Any = None) -> DimTensor:
        return reductions.cumulated("cumsum", self, dim)

    def cumprod(self, dim: Any = None) -> DimTensor:
        return reductions.cumulated("cumprod", self, dim)

    def dot(self, other: Any, dim: Any = None) -> DimTensor:
        return math.dot(self, other, dim)

    def __matmul__(self, other: Any) -> DimTensor:
        return math.dot(self, other)

    def __rmatmul__(self, other: Any) -> DimTensor:
        return math.dot(other, self)

    def where(self, condition: Any, other: Any = np.nan) -> DimTensor:
        """The elements where the condition holds, and `other` elsewhere."""
        return math.where(condition, self, other)

    def clip(self, min: Any = None, max: Any = None) -> DimTensor:
        """The elements, none below `min` and none above `max`."""
        low = self if min is None else elementwise(tensor_math.maximum, self, min)
        return low if max is None else elementwise(tensor_math.minimum, low, max)

    def transpose(self, *dims: Any) -> DimTensor:
        """The same with its dims in this order; `...` stands for those not named, and no dims for all reversed."""
        return shaping.transpose(self, *dims)

    def rename(self, new_name_or_name_dict: Any = None, **names: str) -> DimTensor:
        """The same with other names of dims, or under another name."""
        return shaping.rename(self, new_name_or_name_dict, names)

    def stack(self, dim: Any = None, **dims: Any) -> DimTensor:
        """Several dims as one, which comes last: ``x.stack(cell=("row", "column"))``."""
        return shaping.stack(self, shaping.as_table(dim, dims))

    def unstack(self, dim: Any = None, **dims: Any) -> DimTensor:
        """One dim as several of the lengths given, which come last: ``x.unstack(cell={"row": 2, "column": 3})``."""
        return shaping.unstack(self, shaping.as_table(dim, dims))

    def expand_dims(self, dim: Any = None, **dims: Any) -> DimTensor:
        """The same with new dims before the others, of length 1 or of the lengths given."""
        return shaping.expand_dims(self, dim, dims)

    def squeeze(self, dim: Any = None) -> DimTensor:
        """The same without the dims said, or without all that are known to have length 1."""
        return shaping.squeeze(self, dim)

    def broadcast_like(self, other: Any, exclude: Any = ()) -> DimTensor:
        """The same with every dim of `other` too."""
        return shaping.broadcast(other, self, exclude=exclude)[1]


def as_xtensor(x: Any, dims: Any = None, *, name: str | None = None) -> DimTensor:
    """A tensor with named dims from a tensor, an array or a number, and a name for each axis.

    Parameters
    ----------
    x : tensor, array, number, xarray.DataArray or DimTensor
    dims : str or sequence of str, optional
        Needed unless `x` is a scalar or has dims.
    name : str, optional

    Examples
    --------
    >>> import pellucid.dims as pmd
    >>> pmd.as_xtensor([[1, 2, 3], [4, 5, 6]], dims=("row", "column")).sizes
    {'row': 2, 'column': 3}
    """
    wanted = None if dims is None else as_names(dims)
    if hasattr(x, "dims") and hasattr(x, "values") and (isinstance(x, DimTensor) or hasattr(x, "coords")):
        if wanted is not None and wanted != tuple(x.dims):
            raise ValueError(
                f"This tensor has the dims {tuple(x.dims)} already, not {wanted}: use transpose or rename. {at_line()}"
            )
        found = x if isinstance(x, DimTensor) else DimTensor(as_tensor_variable(x.to_numpy()), map(str, x.dims))
        return found if name is None else shaping.rename(found, name, {})
    tensor = as_tensor_variable(x, name)
    if wanted is None and tensor.ndim:
        raise TypeError(
            f"{tensor} of shape {tensor.type.shape} has no dims, and nothing is assumed about its axes: name them with "
            f"as_xtensor(x, dims=...). {at_line()}"
        )
    names = wanted or ()
    if len(names) != tensor.ndim or len(set(names)) != len(names):
        raise ShapeError(
            f"{tensor} has {tensor.ndim} axes (shape {tensor.type.shape}), and the dims {names} do not name them: give "
            f"one name to each axis, all different. {at_line()}"
        )
    return DimTensor(tensor, names)


def xtensor(name: str | None = None, *, dims: Any, shape: Any = None, dtype: str = "float64") -> DimTensor:
    """An input with named dims, of lengths that are known (`shape`) or not (None)."""
    names = as_names(dims)
    return as_xtensor(create.tensor(name, shape=(None,) * len(names) if shape is None else shape, dtype=dtype), names)


def as_names(dims: Any) -> Dims:
    """Dims as a tuple of names."""
    found = (dims,) if isinstance(dims, str) else tuple(dims)
    if not all(isinstance(d, str) for d in found):
        raise TypeError(f"A dim is named by a string, but these are {found!r}. {at_line()}")
    return found


def union(tensors: Sequence[DimTensor]) -> Dims:
    """Every dim, in order of appearance; refused where one is known to have two lengths."""
    lengths: dict[str, int | None] = {}
    for x in tensors:
        for d, n in zip(x.dims, x.values.type.shape, strict=True):
            known = lengths.setdefault(d, n)
            if n is not None and known is not None and n != known:
                listed = "; ".join(f"{y.values} with {y.sizes}" for y in tensors if d in y.dims)
                raise ShapeError(f"The dim {d!r} has length {known} and length {n}: {listed}. {at_line()}")
            lengths[d] = n if known is None else known
    return tuple(lengths)


def aligned(x: DimTensor, dims: Sequence[str]) -> TensorVariable:
    """The plain tensor with its axes in the order of `dims`, and length 1 for the dims inside that it lacks."""
    present = [d for d in dims if d in x.dims]
    if not present:
        return x.values
    order = [x.axis(d) if d in x.dims else "x" for d in dims[list(dims).index(present[0]) :]]
    return x.values if order == list(range(x.ndim)) else dimshuffle(x.values, *order)


def elementwise(function: Callable[..., Any], *args: Any) -> DimTensor:
    """A function of elements, applied to tensors aligned by name."""
    named = [x if isinstance(x, WEAK) else as_xtensor(x) for x in args]
    dims = union([x for x in named if isinstance(x, DimTensor)])
    return DimTensor(function(*(aligned(x, dims) if isinstance(x, DimTensor) else x for x in named)), dims)


def at_line() -> str:
    """The user's line, as errors end with it."""
    return f"At {describe(user_line())}"


def _operator(function: str, *, swapped: bool = False) -> Callable[..., DimTensor]:
    def operate(self: DimTensor, *others: Any) -> DimTensor:
        return getattr(math, function)(*(*others, self) if swapped else (self, *others))

    return operate


def _reduction(function: str) -> Callable[..., DimTensor]:
    def reduce(self: DimTensor, dim: Any = None) -> DimTensor:
        return reductions.reduced(function, self, dim)

    reduce.__doc__ = f"The {function} over a dim, several, or all, without missing elements being skipped."
    return reduce


TWO_SIDED = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "true_div", "floordiv": "floor_div", "mod": "mod",
    "pow": "pow", "and": "and_", "or": "or_", "xor": "xor",
}  # fmt: skip
ONE_SIDED = {
    "lt": "lt", "le": "le", "gt": "gt", "ge": "ge", "neg": "neg", "abs": "abs", "invert": "invert", "ceil": "ceil",
    "floor": "floor",
}  # fmt: skip
REDUCTIONS = ["all", "any", "max", "mean", "min", "prod", "sum"]

for _name, _function in {**TWO_SIDED, **ONE_SIDED}.items():
    setattr(DimTensor, f"__{_name}__", _operator(_function))
for _name, _function in TWO_SIDED.items():
    setattr(DimTensor, f"__r{_name}__", _operator(_function, swapped=True))
for _name in REDUCTIONS:
    setattr(DimTensor, _name, _reduction(_name))
