"""Infix syntax and methods, shared by variables and by the patterns that match them.

The length is that of the list: one class says in one place everything that may be written on a tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pellucid.graph.provenance import describe, user_line
from pellucid.tensor.protocol import in_the_graph

if TYPE_CHECKING:
    from pellucid.tensor.types import TensorVariable


class Functions(dict[str, Callable[..., Any]]):
    """Functions by name; one that nobody has used yet, or that a layer above declares, is imported on first use."""

    elsewhere: ClassVar[dict[str, str]] = {
        "eval": "pellucid.compile.function", "grad": "pellucid.diff", "vectorize_graph": "pellucid.vectorize",
        "getitem": "pellucid.tensor.indexing",
    }  # fmt: skip
    """Where those are that are no functions of `pt`."""

    def __missing__(self, name: str) -> Callable[..., Any]:
        if name in self.elsewhere:
            import_module(self.elsewhere[name])
        else:
            import_module("pellucid.tensor.math").declare(name)
        if name not in self:
            raise KeyError(name)
        return self[name]


FUNCTIONS = Functions()
"""Every function that a method below stands for, by name; filled as the functions are declared."""


def method(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make `function` available as a method of tensors."""
    FUNCTIONS[function.__name__] = function
    return function


class Operators:
    """What can be written after, before or between tensors. Every name means the function of that name in `pt`."""

    __slots__ = ()

    __array_priority__ = 1000

    def __array_ufunc__(self, ufunc: Any, how: str, *inputs: Any, **options: Any) -> Any:
        """NumPy's elementwise functions and operators of tensors are those of `pt`: ``np.exp(x)``, ``array + x``."""
        return in_the_graph(ufunc.__name__ if how == "__call__" else f"{ufunc.__name__}.{how}", inputs, options)

    def __array_function__(self, function: Any, types: Any, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """NumPy's other functions of tensors are those of `pt`: ``np.sum(x, axis=0)``, ``np.where(x > 0, x, 0)``."""
        return in_the_graph(function.__name__, inputs, options)

    def __add__(self, other: Any) -> Self:
        return FUNCTIONS["add"](self, other)

    def __radd__(self, other: Any) -> Self:
        return FUNCTIONS["add"](other, self)

    def __sub__(self, other: Any) -> Self:
        return FUNCTIONS["sub"](self, other)

    def __rsub__(self, other: Any) -> Self:
        return FUNCTIONS["sub"](other, self)

    def __mul__(self, other: Any) -> Self:
        return FUNCTIONS["mul"](self, other)

    def __rmul__(self, other: Any) -> Self:
        return FUNCTIONS["mul"](other, self)

    def __truediv__(self, other: Any) -> Self:
        return FUNCTIONS["true_div"](self, other)

    def __rtruediv__(self, other: Any) -> Self:
        return FUNCTIONS["true_div"](other, self)

    def __floordiv__(self, other: Any) -> Self:
        return FUNCTIONS["floor_div"](self, other)

    def __rfloordiv__(self, other: Any) -> Self:
        return FUNCTIONS["floor_div"](other, self)

    def __mod__(self, other: Any) -> Self:
        return FUNCTIONS["mod"](self, other)

    def __rmod__(self, other: Any) -> Self:
        return FUNCTIONS["mod"](other, self)

    def __divmod__(self, other: Any) -> tuple[Self, Self]:
        return FUNCTIONS["floor_div"](self, other), FUNCTIONS["mod"](self, other)

    def __pow__(self, other: Any) -> Self:
        return FUNCTIONS["pow"](self, other)

    def __rpow__(self, other: Any) -> Self:
        return FUNCTIONS["pow"](other, self)

    def __matmul__(self, other: Any) -> Self:
        return FUNCTIONS["matmul"](self, other)

    def __rmatmul__(self, other: Any) -> Self:
        return FUNCTIONS["matmul"](other, self)

    def __neg__(self) -> Self:
        return FUNCTIONS["neg"](self)

    def __pos__(self) -> Self:
        return self

    def __abs__(self) -> Self:
        return FUNCTIONS["abs"](self)

    def __invert__(self) -> Self:
        return FUNCTIONS["invert"](self)

    def __and__(self, other: Any) -> Self:
        return FUNCTIONS["bitwise_and"](self, other)

    def __rand__(self, other: Any) -> Self:
        return FUNCTIONS["bitwise_and"](other, self)

    def __or__(self, other: Any) -> Self:
        return FUNCTIONS["bitwise_or"](self, other)

    def __ror__(self, other: Any) -> Self:
        return FUNCTIONS["bitwise_or"](other, self)

    def __xor__(self, other: Any) -> Self:
        return FUNCTIONS["bitwise_xor"](self, other)

    def __rxor__(self, other: Any) -> Self:
        return FUNCTIONS["bitwise_xor"](other, self)

    def __lshift__(self, other: Any) -> Self:
        return FUNCTIONS["left_shift"](self, other)

    def __rlshift__(self, other: Any) -> Self:
        return FUNCTIONS["left_shift"](other, self)

    def __rshift__(self, other: Any) -> Self:
        return FUNCTIONS["right_shift"](self, other)

    def __rrshift__(self, other: Any) -> Self:
        return FUNCTIONS["right_shift"](other, self)

    def __lt__(self, other: Any) -> Self:
        return FUNCTIONS["lt"](self, other)

    def __le__(self, other: Any) -> Self:
        return FUNCTIONS["le"](self, other)

    def __gt__(self, other: Any) -> Self:
        return FUNCTIONS["gt"](self, other)

    def __ge__(self, other: Any) -> Self:
        return FUNCTIONS["ge"](self, other)


class Methods:
    """What tensors offer after a dot, as NumPy arrays do."""

    __slots__ = ()

    def __getitem__(self, index: Any) -> TensorVariable:
        return FUNCTIONS["getitem"](self, index)

    def __iter__(self) -> Iterator[TensorVariable]:
        length = self.type.shape[0] if self.type.shape else None  # type: ignore[attr-defined]
        if length is None:
            raise TypeError(
                f"Cannot iterate over {self}: its first axis has no length that is known before run time. "
                "Give the variable a static shape, or use indexing."
            )
        return (self[i] for i in range(length))

    def __len__(self) -> int:
        raise TypeError(f"len({self}) is not a number before run time; write x.shape[0], or x.type.shape[0] if static.")

    def __bool__(self) -> bool:
        raise TypeError(
            f"The truth of {self} is not known before run time. Use pt.switch for a choice, pt.and_/pt.or_ (or & "
            f"and |) to combine conditions, and `is` to compare variables. At {describe(user_line())}"
        )

    @property
    def T(self) -> TensorVariable:
        """The tensor with its axes reversed."""
        return FUNCTIONS["transpose"](self)

    @property
    def mT(self) -> TensorVariable:
        """The tensor with its last two axes swapped."""
        return FUNCTIONS["matrix_transpose"](self)

    @property
    def shape(self) -> TensorVariable:
        """The shape as an integer vector (constant where it is static)."""
        return FUNCTIONS["shape"](self)

    @property
    def size(self) -> TensorVariable:
        """The number of elements, a scalar."""
        return FUNCTIONS["size"](self)

    def astype(self, dtype: str) -> TensorVariable:
        """The same values as `dtype`."""
        return FUNCTIONS["cast"](self, dtype)

    def item(self) -> TensorVariable:
        """The only element, as a scalar tensor."""
        return FUNCTIONS["reshape"](self, ())

    def set(self, values: Any) -> TensorVariable:
        """For ``x[index].set(values)``: `x` with those elements replaced."""
        return FUNCTIONS["set_subtensor"](self, values)

    def inc(self, values: Any) -> TensorVariable:
        """For ``x[index].inc(values)``: `x` with `values` added to those elements (repeats add up)."""
        return FUNCTIONS["inc_subtensor"](self, values)

    def eval(self, inputs_to_values: Any = None, **options: Any) -> Any:
        """Compute the value, given values for the inputs: ``w.eval({x: 1.0})``; names work as keys too."""
        return FUNCTIONS["eval"](self, inputs_to_values, **options)

    def dprint(self, **options: Any) -> Any:
        """Print the graph; see :func:`pellucid.dprint`."""
        return FUNCTIONS["dprint"](self, **options)

    def ceil(self) -> TensorVariable:
        """See :func:`pellucid.tensor.ceil`."""
        return FUNCTIONS["ceil"](self)

    def cos(self) -> TensorVariable:
        """See :func:`pellucid.tensor.cos`."""
        return FUNCTIONS["cos"](self)

    def cosh(self) -> TensorVariable:
        """See :func:`pellucid.tensor.cosh`."""
        return FUNCTIONS["cosh"](self)

    def exp(self) -> TensorVariable:
        """See :func:`pellucid.tensor.exp`."""
        return FUNCTIONS["exp"](self)

    def exp2(self) -> TensorVariable:
        """See :func:`pellucid.tensor.exp2`."""
        return FUNCTIONS["exp2"](self)

    def expm1(self) -> TensorVariable:
        """See :func:`pellucid.tensor.expm1`."""
        return FUNCTIONS["expm1"](self)

    def floor(self) -> TensorVariable:
        """See :func:`pellucid.tensor.floor`."""
        return FUNCTIONS["floor"](self)

    def log(self) -> TensorVariable:
        """See :func:`pellucid.tensor.log`."""
        return FUNCTIONS["log"](self)

    def log10(self) -> TensorVariable:
        """See :func:`pellucid.tensor.log10`."""
        return FUNCTIONS["log10"](self)

    def log1p(self) -> TensorVariable:
        """See :func:`pellucid.tensor.log1p`."""
        return FUNCTIONS["log1p"](self)

    def log2(self) -> TensorVariable:
        """See :func:`pellucid.tensor.log2`."""
        return FUNCTIONS["log2"](self)

    def arccos(self) -> TensorVariable:
        """See :func:`pellucid.tensor.arccos`."""
        return FUNCTIONS["arccos"](self)

    def arccosh(self) -> TensorVariable:
        """See :func:`pellucid.tensor.arccosh`."""
        return FUNCTIONS["arccosh"](self)

    def arcsin(self) -> TensorVariable:
        """See :func:`pellucid.tensor.arcsin`."""
        return FUNCTIONS["arcsin"](self)

    def arcsinh(self) -> TensorVariable:
        """See :func:`pellucid.tensor.arcsinh`."""
        return FUNCTIONS["arcsinh"](self)

    def arctan(self) -> TensorVariable:
        """See :func:`pellucid.tensor.arctan`."""
        return FUNCTIONS["arctan"](self)

    def arctanh(self) -> TensorVariable:
        """See :func:`pellucid.tensor.arctanh`."""
        return FUNCTIONS["arctanh"](self)

    def deg2rad(self) -> TensorVariable:
        """See :func:`pellucid.tensor.deg2rad`."""
        return FUNCTIONS["deg2rad"](self)

    def rad2deg(self) -> TensorVariable:
        """See :func:`pellucid.tensor.rad2deg`."""
        return FUNCTIONS["rad2deg"](self)

    def conj(self) -> TensorVariable:
        """See :func:`pellucid.tensor.conj`."""
        return FUNCTIONS["conj"](self)

    def imag(self) -> TensorVariable:
        """See :func:`pellucid.tensor.imag`."""
        return FUNCTIONS["imag"](self)

    def real(self) -> TensorVariable:
        """See :func:`pellucid.tensor.real`."""
        return FUNCTIONS["real"](self)

    def nonzero_values(self) -> TensorVariable:
        """See :func:`pellucid.tensor.nonzero_values`."""
        return FUNCTIONS["nonzero_values"](self)

    def conjugate(self) -> TensorVariable:
        """The complex conjugate."""
        return FUNCTIONS["conj"](self)

    def ptp(self, axis: Any = None) -> TensorVariable:
        """The range, largest minus smallest element, over `axis` (default: all)."""
        return FUNCTIONS["ptp"](self, axis)

    def fill(self, value: Any) -> TensorVariable:
        """`value` stretched to this shape."""
        return FUNCTIONS["fill"](self, value)

    def choose(self, choices: Any, mode: str = "raise") -> TensorVariable:
        """For each element, the element at its place of the choice with that number."""
        return FUNCTIONS["choose"](self, choices, mode)

    def compress(self, condition: Any, axis: int | None = None) -> TensorVariable:
        """The slices along `axis` where the vector `condition` holds."""
        return FUNCTIONS["compress"](condition, self, axis)

    def searchsorted(self, v: Any, side: str = "left", sorter: Any = None) -> TensorVariable:
        """The positions at which the elements of `v` would keep this vector in order."""
        return FUNCTIONS["searchsorted"](self, v, side, sorter)

    def clone(self, name: str | None = None) -> TensorVariable:
        """A new variable of the same type (and value, for a constant) that nothing computes."""
        return FUNCTIONS["clone"](self, name)

    def get_parents(self) -> list[Any]:
        """The application that computes this tensor, if any, in a list."""
        return [] if self.owner is None else [self.owner]  # type: ignore[attr-defined]

    def ravel(self) -> TensorVariable:
        """The tensor as a vector."""
        return FUNCTIONS["ravel"](self)

    def sin(self) -> TensorVariable:
        """See :func:`pellucid.tensor.sin`."""
        return FUNCTIONS["sin"](self)

    def sinh(self) -> TensorVariable:
        """See :func:`pellucid.tensor.sinh`."""
        return FUNCTIONS["sinh"](self)

    def sqrt(self) -> TensorVariable:
        """See :func:`pellucid.tensor.sqrt`."""
        return FUNCTIONS["sqrt"](self)

    def tan(self) -> TensorVariable:
        """See :func:`pellucid.tensor.tan`."""
        return FUNCTIONS["tan"](self)

    def tanh(self) -> TensorVariable:
        """See :func:`pellucid.tensor.tanh`."""
        return FUNCTIONS["tanh"](self)

    def trunc(self) -> TensorVariable:
        """See :func:`pellucid.tensor.trunc`."""
        return FUNCTIONS["trunc"](self)

    def copy(self) -> TensorVariable:
        """The same tensor: graphs are never edited."""
        return FUNCTIONS["copy"](self)

    def sum(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> TensorVariable:
        """The sum over `axis` (default: all)."""
        return FUNCTIONS["sum"](self, axis, dtype, keepdims)

    def prod(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> TensorVariable:
        """The product over `axis` (default: all)."""
        return FUNCTIONS["prod"](self, axis, dtype, keepdims)

    def mean(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> TensorVariable:
        """The arithmetic mean over `axis` (default: all)."""
        return FUNCTIONS["mean"](self, axis, dtype, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> TensorVariable:
        """The largest element over `axis` (default: all)."""
        return FUNCTIONS["max"](self, axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> TensorVariable:
        """The smallest element over `axis` (default: all)."""
        return FUNCTIONS["min"](self, axis, keepdims)

    def all(self, axis: Any = None, keepdims: bool = False) -> TensorVariable:
        """Whether every element over `axis` (default: all) is nonzero."""
        return FUNCTIONS["all"](self, axis, keepdims)

    def any(self, axis: Any = None, keepdims: bool = False) -> TensorVariable:
        """Whether some element over `axis` (default: all) is nonzero."""
        return FUNCTIONS["any"](self, axis, keepdims)

    def var(self, axis: Any = None, ddof: Any = 0, keepdims: bool = False) -> TensorVariable:
        """The variance over `axis` (default: all), with divisor n - ddof."""
        return FUNCTIONS["var"](self, axis, ddof, keepdims)

    def std(self, axis: Any = None, ddof: Any = 0, keepdims: bool = False) -> TensorVariable:
        """The standard deviation over `axis` (default: all), with divisor n - ddof."""
        return FUNCTIONS["std"](self, axis, ddof, keepdims)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> TensorVariable:
        """The position of the largest element along `axis`."""
        return FUNCTIONS["argmax"](self, axis, keepdims)

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> TensorVariable:
        """The position of the smallest element along `axis`."""
        return FUNCTIONS["argmin"](self, axis, keepdims)

    def argsort(self, axis: int | None = -1) -> TensorVariable:
        """The positions that sort the tensor along `axis`."""
        return FUNCTIONS["argsort"](self, axis)

    def sort(self, axis: int | None = -1) -> TensorVariable:
        """The elements in ascending order along `axis`."""
        return FUNCTIONS["sort"](self, axis)

    def cumsum(self, axis: int | None = None) -> TensorVariable:
        """The running sum along `axis`."""
        return FUNCTIONS["cumsum"](self, axis)

    def cumprod(self, axis: int | None = None) -> TensorVariable:
        """The running product along `axis`."""
        return FUNCTIONS["cumprod"](self, axis)

    def norm(self, ord: Any = None, axis: Any = None) -> TensorVariable:
        """The norm over `axis` (default: all)."""
        return FUNCTIONS["norm"](self, ord, axis)

    def clip(self, min: Any = None, max: Any = None) -> TensorVariable:
        """The elements, or the nearer bound of those outside."""
        return FUNCTIONS["clip"](self, min, max)

    def round(self, decimals: int | str | None = 0, mode: str | None = None) -> TensorVariable:
        """The elements rounded to `decimals` digits; `mode` says where ties go."""
        return FUNCTIONS["round"](self, decimals, mode)

    def repeat(self, repeats: int, axis: int | None = None) -> TensorVariable:
        """Each element `repeats` times along `axis`."""
        return FUNCTIONS["repeat"](self, repeats, axis)

    def dot(self, other: Any) -> TensorVariable:
        """The product of vectors and matrices."""
        return FUNCTIONS["dot"](self, other)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> TensorVariable:
        """The elements of a diagonal of two axes."""
        return FUNCTIONS["diagonal"](self, offset, axis1, axis2)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> TensorVariable:
        """The sum of a diagonal."""
        return FUNCTIONS["trace"](self, offset, axis1, axis2)

    def flatten(self, ndim: int = 1) -> TensorVariable:
        """The axes from `ndim` - 1 on merged into one."""
        return FUNCTIONS["flatten"](self, ndim)

    def reshape(self, *newshape: Any, ndim: int | None = None) -> TensorVariable:
        """The elements under another shape."""
        return FUNCTIONS["reshape"](self, *newshape, ndim=ndim)

    def dimshuffle(self, *order: Any) -> TensorVariable:
        """The axes reordered, with new ones ('x') of length one."""
        return FUNCTIONS["dimshuffle"](self, *order)

    def transpose(self, *axes: Any) -> TensorVariable:
        """The axes in another order (by default reversed)."""
        return FUNCTIONS["transpose"](self, *axes)

    def swapaxes(self, axis1: int, axis2: int) -> TensorVariable:
        """Two axes swapped."""
        return FUNCTIONS["swapaxes"](self, axis1, axis2)

    def squeeze(self, axis: Any = None) -> TensorVariable:
        """The tensor without axes of length one."""
        return FUNCTIONS["squeeze"](self, axis)

    def take(self, indices: Any, axis: int | None = None) -> TensorVariable:
        """The elements at `indices` along an axis."""
        return FUNCTIONS["take"](self, indices, axis)

    def zeros_like(self, dtype: Any = None) -> TensorVariable:
        """Zeros of this shape."""
        return FUNCTIONS["zeros_like"](self, dtype)

    def nonzero(self) -> tuple[TensorVariable, ...]:
        """The positions of the elements that are not zero, one vector per axis."""
        return FUNCTIONS["nonzero"](self)
