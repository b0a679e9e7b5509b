"""Tensors: a dtype, and as much of the shape as is known before run time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from pellucid.graph.nodes import Apply, Type, Variable
from pellucid.graph.printing import dprint
from pellucid.tensor.operators import FUNCTIONS, Methods, Operators

StaticShape = tuple[int | None, ...]
SMALL = 64  # elements; constants up to this size are equal when their contents are

FUNCTIONS["dprint"] = dprint


@lru_cache(maxsize=256)
def canonical_dtype(dtype: Any) -> str:
    """The name of a dtype that tensors can have.

    Examples
    --------
    >>> canonical_dtype(float), canonical_dtype("int"), canonical_dtype(np.bool_)
    ('float64', 'int64', 'bool')
    """
    if dtype == "floatX":
        return "float64"
    try:
        kind = np.dtype(dtype)
    except TypeError as error:
        raise TypeError(
            f"{dtype!r} is not a dtype; use one such as 'float64', 'float32', 'int64' or 'bool'."
        ) from error
    if kind.kind not in "biufc":
        raise TypeError(
            f"Tensors hold numbers and booleans, not {kind}. Convert the data first (for example to float64)."
        )
    return kind.name


@dataclass(frozen=True, slots=True)
class TensorType(Type):
    """A dtype and a static shape.

    Parameters
    ----------
    dtype : str
        A NumPy dtype name.
    shape : tuple of int or None
        None stands for an extent that is not known until run time. An extent of 1 that is known broadcasts; one
        that is unknown does not, even if it turns out to be 1.
    """

    dtype: str = "float64"
    shape: StaticShape = ()

    def variable(self, owner: Apply | None = None, index: int = 0, name: str | None = None) -> TensorVariable:
        return TensorVariable(self, owner, index, name)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """Which axes are known to have length one."""
        return tuple(n == 1 for n in self.shape)

    @property
    def numpy_dtype(self) -> np.dtype:
        """The dtype as NumPy's object."""
        return np.dtype(self.dtype)

    def accepts(self, other: Type) -> bool:
        """Whether a variable of type `other` can stand where one of this type is read.

        Only an axis that is known to have length one stretches, so where one was read, nothing less will do.
        """
        return (
            isinstance(other, TensorType)
            and other.dtype == self.dtype
            and len(other.shape) == len(self.shape)
            and all(a == b or a is None or (b is None and a != 1) for a, b in zip(self.shape, other.shape, strict=True))
        )

    def agrees(self, other: Type) -> bool:
        """Whether a value may be of both types: either may know lengths that the other does not."""
        return (
            isinstance(other, TensorType)
            and other.dtype == self.dtype
            and len(other.shape) == len(self.shape)
            and all(a == b or a is None or b is None for a, b in zip(self.shape, other.shape, strict=True))
        )

    def __str__(self) -> str:
        names = {0: "Scalar", 1: "Vector", 2: "Matrix"}
        shape = ", ".join("?" if n is None else str(n) for n in self.shape)
        comma = "," if len(self.shape) == 1 else ""
        return f"{names.get(self.ndim, f'Tensor{self.ndim}')}({self.dtype}, shape=({shape}{comma}))"

    def __repr__(self) -> str:
        return f"TensorType({self.dtype!r}, {self.shape})"


class TensorVariable(Operators, Methods, Variable):
    """A tensor in a graph: everything that can be done with it looks as in NumPy and builds more graph."""

    __slots__ = ()

    type: TensorType

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.type.shape)

    @property
    def dtype(self) -> str:
        """The dtype's name."""
        return self.type.dtype

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """Which axes are known to have length one."""
        return self.type.broadcastable


class Constant(TensorVariable):
    """A tensor whose value is known: its array is read-only."""

    __slots__ = ("data",)

    has_value = True

    def __init__(self, data: Any, name: str | None = None):
        array = np.array(data, order="C")  # a copy: what the user does to the array later cannot change the graph
        array.flags.writeable = False
        self.data = array
        super().__init__(TensorType(canonical_dtype(array.dtype), array.shape), name=name)

    @classmethod
    def of(cls, array: np.ndarray, type: TensorType) -> Constant:
        """A constant that takes over an array nobody else holds."""
        array.setflags(write=False)
        self = cls.__new__(cls)
        self.data = array
        self.type, self.owner, self.index, self.name = type, None, 0, None
        return self

    def key(self) -> object:
        """Small constants are equal by content; comparing large ones would cost more than it merges."""
        if self.data.size > SMALL:
            return self
        return self.type, self.data.tobytes()

    def __reduce__(self) -> Any:
        return restore_constant, (type(self), np.array(self.data), self.type, self.name)

    def get_value(self, borrow: bool = False) -> np.ndarray:
        """The array (which is read-only, so nothing need be copied)."""
        return self.data

    @property
    def value(self) -> np.ndarray:
        """The array."""
        return self.data

    def __str__(self) -> str:
        if self.name:
            return self.name
        if self.data.size <= 6:
            return np.array2string(self.data, separator=" ").replace("\n", "")
        return f"{type(self).__name__}{{{self.type}}}"


TensorConstant = Constant


def restore_constant(kind: type[Constant], array: np.ndarray, type: TensorType, name: str | None) -> Constant:
    """A constant from a pickle."""
    found = kind.of(array, type)
    found.name = name
    return found


@dataclass(frozen=True, slots=True)
class NoneType(Type):
    """The type of :data:`NONE`, which stands for an argument that was not given."""

    def __str__(self) -> str:
        return "NoneType"


class NoneVariable(Variable):
    """An argument that was not given."""

    __slots__ = ()

    has_value = True

    def get_value(self, borrow: bool = False) -> None:
        """Nothing."""

    def __str__(self) -> str:
        return "None"

    def __reduce__(self) -> str:
        return "NONE"  # the one object of that name


NONE = NoneConst = NoneVariable(NoneType())


def is_tensor(x: Any) -> bool:
    """Whether `x` is a tensor variable."""
    return isinstance(x, TensorVariable)


CONVERTERS: list[Callable[[Any], np.ndarray | None]] = []
"""How foreign data becomes an array (None: not mine); layers above add their own kinds."""


def to_array(x: Any) -> np.ndarray:
    """`x` as an array of numbers or booleans, or a clear refusal."""
    for convert in CONVERTERS:
        found = convert(x)
        if found is not None:
            return found
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise TypeError(f"Cannot make one tensor of {type(x).__name__} {x!r}: its parts differ in shape.") from error
    if array.dtype.kind not in "biufc":
        raise TypeError(
            f"Cannot make a tensor of {type(x).__name__} {x!r} (dtype {array.dtype}): "
            "tensors hold numbers and booleans."
        )
    return array


def constant(x: Any, name: str | None = None, dtype: Any = None) -> Constant:
    """A tensor whose value is `x`, of `dtype` (by default NumPy's choice)."""
    array = to_array(x)
    return Constant(array if dtype is None else array.astype(canonical_dtype(dtype)), name)


def as_tensor_variable(x: Any, name: str | None = None, ndim: int | None = None, dtype: Any = None) -> TensorVariable:
    """`x` as a tensor: a variable as it is, lists that hold variables stacked, anything else as a constant.

    Parameters
    ----------
    x : variable, number, array, or nested list of these
    name : str, optional
        A name for a new variable.
    ndim : int, optional
        Pad with leading axes of length one up to this number.
    dtype : str, optional
        Cast to this dtype.
    """
    if isinstance(x, TensorVariable):
        found = x
    elif isinstance(x, Variable):
        raise TypeError(f"{x} of type {x.type} is not a tensor.")
    elif isinstance(x, (list, tuple)) and holds_variable(x):
        found = FUNCTIONS["stack"]([as_tensor_variable(part) for part in x])
    else:
        found = constant(x, name, dtype)
    if dtype is not None and found.dtype != canonical_dtype(dtype):
        found = FUNCTIONS["cast"](found, dtype)
    if ndim is not None and found.ndim != ndim:
        found = FUNCTIONS["shape_padleft"](found, ndim - found.ndim)
    return found


as_tensor = as_tensor_variable


def holds_variable(x: Any) -> bool:
    """Whether a nested list or tuple has a variable in it."""
    return any(isinstance(p, Variable) or (isinstance(p, (list, tuple)) and holds_variable(p)) for p in x)


def as_operands(args: Sequence[Any]) -> list[TensorVariable]:
    """Arguments of one elementwise op as tensors; Python numbers take the dtype of the tensors beside them (NEP 50)."""
    if len(args) == 2:  # the usual cases, on the path of every operator
        a, b = args
        if isinstance(a, TensorVariable):
            if isinstance(b, TensorVariable):
                return [a, b]
            if type(b) in WEAK:
                return [a, literal(b, a.type.dtype)]
        elif type(a) in WEAK and isinstance(b, TensorVariable):
            return [literal(a, b.type.dtype), b]
    strong: list[str] = []
    weak = False
    for a in args:
        if isinstance(a, TensorVariable):
            strong.append(a.type.dtype)
        elif isinstance(a, (np.ndarray, np.generic)):
            strong.append(canonical_dtype(a.dtype))
        elif type(a) in WEAK:
            weak = True
    if not weak or not strong:
        return [a if isinstance(a, TensorVariable) else as_tensor_variable(a) for a in args]
    beside = strong[0] if len(strong) == 1 else common_dtype(tuple(strong))
    return [
        a if isinstance(a, TensorVariable) else literal(a, beside) if type(a) in WEAK else as_tensor_variable(a)
        for a in args
    ]


WEAK = {int, float, complex}
"""The Python types whose numbers take the dtype of the tensors beside them."""


@lru_cache(maxsize=1024)
def common_dtype(dtypes: tuple[str, ...]) -> str:
    """The dtype to which NumPy promotes arrays of these dtypes."""
    return np.result_type(*[np.dtype(d) for d in dtypes]).name


@lru_cache(maxsize=256)
def literal_dtype(kind: type, beside: str) -> tuple[np.dtype, TensorType]:
    """The dtype of a Python number of type `kind` beside a tensor of dtype `beside`."""
    # NumPy keeps the dtype of the array when it is of the number's kind or a higher one.
    dtype = np.result_type(np.dtype(beside), kind(0))
    return dtype, TensorType(dtype.name)


def literal(number: complex, beside: str) -> Constant:
    """A Python number as a constant, in the dtype that NumPy would give it beside an array of dtype `beside`."""
    dtype, type_ = literal_dtype(type(number), beside)
    try:
        array = np.array(number, dtype)
    except OverflowError:  # an int that the tensor's dtype cannot hold brings its own
        return Constant(number)
    return Constant.of(array, type_)


def static_value(v: Variable) -> Any:
    """The value of a scalar as a Python number, where it is a constant or its op knows it; None for anything else."""
    if isinstance(v, Constant):
        return v.data.item() if v.data.ndim == 0 else None
    if v.owner is None or v.type.shape:
        return None
    told = getattr(v.owner.op, "static", None)
    return None if told is None else told(*v.owner.inputs)


def clone(x: TensorVariable, name: str | None = None) -> TensorVariable:
    """A new variable of the type of x (and its value, for a constant) that nothing computes."""
    if isinstance(x, Constant):
        return Constant(x.data, name or x.name)
    return x.type.variable(name=name or x.name)


FUNCTIONS["clone"] = clone
