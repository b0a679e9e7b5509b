"""Infix syntax and methods, shared by variables and by the patterns that match them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

FUNCTIONS: dict[str, Callable[..., Any]] = {}
"""Every function that a method below stands for, by name; filled as the functions are declared."""


def method(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make `function` available as a method of tensors."""
    FUNCTIONS[function.__name__] = function
    return function


class Operators:
    """What can be written after, before or between tensors. Every name means the function of that name in `pt`."""

    __slots__ = ()

    # NumPy arrays must not try to broadcast an operator over us as if we were an object array.
    __array_ufunc__ = None
    __array_priority__ = 1000

    def __add__(self, other: Any) -> Any:
        return FUNCTIONS["add"](self, other)

    def __radd__(self, other: Any) -> Any:
        return FUNCTIONS["add"](other, self)

    def __sub__(self, other: Any) -> Any:
        return FUNCTIONS["sub"](self, other)

    def __rsub__(self, other: Any) -> Any:
        return FUNCTIONS["sub"](other, self)

    def __mul__(self, other: Any) -> Any:
        return FUNCTIONS["mul"](self, other)

    def __rmul__(self, other: Any) -> Any:
        return FUNCTIONS["mul"](other, self)

    def __truediv__(self, other: Any) -> Any:
        return FUNCTIONS["true_div"](self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return FUNCTIONS["true_div"](other, self)

    def __floordiv__(self, other: Any) -> Any:
        return FUNCTIONS["floor_div"](self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return FUNCTIONS["floor_div"](other, self)

    def __mod__(self, other: Any) -> Any:
        return FUNCTIONS["mod"](self, other)

    def __rmod__(self, other: Any) -> Any:
        return FUNCTIONS["mod"](other, self)

    def __divmod__(self, other: Any) -> Any:
        return FUNCTIONS["floor_div"](self, other), FUNCTIONS["mod"](self, other)

    def __pow__(self, other: Any) -> Any:
        return FUNCTIONS["pow"](self, other)

    def __rpow__(self, other: Any) -> Any:
        return FUNCTIONS["pow"](other, self)

    def __matmul__(self, other: Any) -> Any:
        return FUNCTIONS["matmul"](self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return FUNCTIONS["matmul"](other, self)

    def __neg__(self) -> Any:
        return FUNCTIONS["neg"](self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return FUNCTIONS["abs"](self)

    def __invert__(self) -> Any:
        return FUNCTIONS["invert"](self)

    def __and__(self, other: Any) -> Any:
        return FUNCTIONS["bitwise_and"](self, other)

    def __rand__(self, other: Any) -> Any:
        return FUNCTIONS["bitwise_and"](other, self)

    def __or__(self, other: Any) -> Any:
        return FUNCTIONS["bitwise_or"](self, other)

    def __ror__(self, other: Any) -> Any:
        return FUNCTIONS["bitwise_or"](other, self)

    def __xor__(self, other: Any) -> Any:
        return FUNCTIONS["bitwise_xor"](self, other)

    def __rxor__(self, other: Any) -> Any:
        return FUNCTIONS["bitwise_xor"](other, self)

    def __lt__(self, other: Any) -> Any:
        return FUNCTIONS["lt"](self, other)

    def __le__(self, other: Any) -> Any:
        return FUNCTIONS["le"](self, other)

    def __gt__(self, other: Any) -> Any:
        return FUNCTIONS["gt"](self, other)

    def __ge__(self, other: Any) -> Any:
        return FUNCTIONS["ge"](self, other)


class Methods:
    """What tensors offer after a dot, as NumPy arrays do."""

    __slots__ = ()

    def __getitem__(self, index: Any) -> Any:
        return FUNCTIONS["getitem"](self, index)

    def __iter__(self) -> Any:
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
            f"The truth of {self} is not known before run time. Use pt.switch for a choice, pt.and_/pt.or_ (or & and |) "
            "to combine conditions, and `is` to compare variables."
        )

    @property
    def T(self) -> Any:  # noqa: N802
        """The tensor with its axes reversed."""
        return FUNCTIONS["transpose"](self)

    @property
    def mT(self) -> Any:  # noqa: N802
        """The tensor with its last two axes swapped."""
        return FUNCTIONS["matrix_transpose"](self)

    @property
    def shape(self) -> Any:
        """The shape as an integer vector (constant where it is static)."""
        return FUNCTIONS["shape"](self)

    @property
    def size(self) -> Any:
        """The number of elements, a scalar."""
        return FUNCTIONS["size"](self)

    def astype(self, dtype: str) -> Any:
        """The same values as `dtype`."""
        return FUNCTIONS["cast"](self, dtype)

    def item(self) -> Any:
        """The only element, as a scalar tensor."""
        return FUNCTIONS["reshape"](self, ())

    def set(self, values: Any) -> Any:
        """For ``x[index].set(values)``: `x` with those elements replaced."""
        return FUNCTIONS["set_subtensor"](self, values)

    def inc(self, values: Any) -> Any:
        """For ``x[index].inc(values)``: `x` with `values` added to those elements (repeats add up)."""
        return FUNCTIONS["inc_subtensor"](self, values)

    def eval(self, inputs_to_values: Any = None, **options: Any) -> Any:
        """Compute the value, given values for the inputs: ``w.eval({x: 1.0})``; names work as keys too."""
        return FUNCTIONS["eval"](self, inputs_to_values, **options)

    def dprint(self, **options: Any) -> Any:
        """Print the graph; see :func:`pellucid.dprint`."""
        return FUNCTIONS["dprint"](self, **options)


def _forward(name: str) -> Callable[..., Any]:
    def call(self: Any, *args: Any, **options: Any) -> Any:
        return FUNCTIONS[name](self, *args, **options)

    call.__name__ = name
    call.__doc__ = f"See :func:`pellucid.tensor.{name}`."
    return call


for _name in (
    "abs all any argmax argmin argsort ceil clip conj copy cos cosh cumprod cumsum diagonal dimshuffle dot exp exp2 expm1 "
    "flatten floor log log10 log1p log2 max mean min nonzero norm prod ravel repeat reshape round sin sinh sort sqrt "
    "squeeze std sum swapaxes take tan tanh trace transpose trunc var zeros_like"
).split():
    setattr(Methods, _name, _forward(_name))
