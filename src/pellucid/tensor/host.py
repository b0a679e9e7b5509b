"""Python in a graph: functions of arrays as ops, and an op that prints what passes through it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pellucid.graph.nodes import Apply, Op, Variable
from pellucid.graph.provenance import describe, user_line
from pellucid.tensor.operators import FUNCTIONS
from pellucid.tensor.types import TensorType, TensorVariable, as_tensor_variable


def as_type(kind: Any) -> TensorType:
    """The type that is meant by a type, a variable, or a constructor such as ``pt.dmatrix``."""
    found = kind if isinstance(kind, TensorType) else getattr(kind, "type", None)
    if found is None and callable(kind):
        found = getattr(kind(), "type", None)
    if not isinstance(found, TensorType):
        raise TypeError(f"{kind!r} is no type of tensors; give pt.dvector, pt.TensorType('float64', (None, 3)), ...")
    return found


@dataclass(frozen=True, eq=False)
class FromFunctionOp(Op):
    """A Python function of arrays as an op; made by :func:`wrap_py`.

    Attributes
    ----------
    fn : callable
        ``fn(*arrays)`` returns the output, or a tuple of several.
    itypes, otypes : tuple of TensorType
    shapes : callable, optional
        ``shapes(fgraph, node, input_shapes)`` returns the shapes of the outputs; `fgraph` is None.
    gradient : callable, optional
        Variables from variables: ``gradient(inputs, output_gradients)``.
    """

    folds: ClassVar[bool] = False

    fn: Callable[..., Any]
    itypes: tuple[TensorType, ...]
    otypes: tuple[TensorType, ...]
    shapes: Callable[..., Any] | None = None
    gradient: Callable[..., Any] | None = None

    def as_variables(self, args: Sequence[Any]) -> list[Variable]:
        if len(args) != len(self.itypes):
            raise TypeError(f"{self} takes {len(self.itypes)} inputs, not {len(args)}.")
        tensors = [as_tensor_variable(a) for a in args]
        return [self.accept(i, v, t) for i, (v, t) in enumerate(zip(tensors, self.itypes, strict=True))]

    def accept(self, i: int, v: TensorVariable, wanted: TensorType) -> Variable:
        """An argument in the dtype that the function declares, where that loses nothing."""
        if v.dtype != wanted.dtype and np.can_cast(v.dtype, wanted.dtype, "safe"):
            v = v.astype(wanted.dtype)
        if not wanted.agrees(v.type):
            raise TypeError(
                f"Input {i} of {self} must be {wanted}, but '{v}' is {v.type} (at {describe(user_line())}). "
                "Cast or reshape it first, or declare other itypes."
            )
        return v

    def infer(self, *inputs: Variable) -> tuple[TensorType, ...]:
        return self.otypes

    @property
    def infer_shape(self) -> Any:
        """How the shapes of the outputs follow from those of the inputs; None where only the result tells."""
        if self.shapes is not None:
            return self.told_shapes
        return self.known_shapes if all(None not in t.shape for t in self.otypes) else None

    def known_shapes(self, inputs: Any, extents: Any) -> list[Any]:
        """The shapes that the types tell."""
        return [t.shape for t in self.otypes]

    def told_shapes(self, inputs: Sequence[Variable], extents: Sequence[Any]) -> list[Any]:
        """The shapes that the user's function tells."""
        told = self.shapes(None, Apply(self, inputs), [tuple(e) for e in extents])  # type: ignore[misc]
        found = [tuple(shape) for shape in told]
        if [len(shape) for shape in found] != [t.ndim for t in self.otypes]:
            raise ValueError(f"infer_shape of {self} gives {found}, which does not fit otypes {self.otypes}.")
        return found

    def impl(self, xp: Any, *arrays: Any) -> Any:
        found = self.fn(*[np.asarray(a) for a in arrays])
        values = list(found) if isinstance(found, (tuple, list)) and len(self.otypes) > 1 else [found]
        if len(values) != len(self.otypes):
            raise ValueError(f"it returned {len(values)} values, but declares {len(self.otypes)} outputs")
        return tuple(self.result(i, v, t) for i, (v, t) in enumerate(zip(values, self.otypes, strict=True)))

    def result(self, i: int, value: Any, wanted: TensorType) -> np.ndarray:
        """One value that the function returned, checked against its type."""
        array = np.asarray(value)
        if array.dtype != np.dtype(wanted.dtype) and np.can_cast(array.dtype, wanted.dtype, "safe"):
            array = array.astype(wanted.dtype)
        if not wanted.agrees(TensorType(array.dtype.name, array.shape)):
            raise ValueError(
                f"output {i} is an array of {array.dtype}, shape {array.shape}, but its otype is {wanted}: "
                "return what is declared, or declare what is returned"
            )
        return array

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> Sequence[Any]:
        if self.gradient is None:
            raise TypeError(
                f"{self} has no gradient, because it is a Python function. Give one with wrap_py(..., vjp=f), where "
                "f(*arrays, *output_gradients) returns the gradients of the inputs, or grad=g in terms of variables."
            )
        found = self.gradient(list(inputs), list(gradients))
        return found if isinstance(found, (list, tuple)) else [found]

    def __reduce__(self) -> Any:
        place = self.fn.__module__, self.fn.__qualname__
        if find(*place) is self:  # it was made by a decorator, and so stands where its function would
            return find, place
        return FromFunctionOp, (self.fn, self.itypes, self.otypes, self.shapes, self.gradient)

    def __str__(self) -> str:
        return f"FromFunctionOp{{{getattr(self.fn, '__name__', self.fn)}}}"


def find(module: str, qualname: str) -> Any:
    """What is called `qualname` in a module; None where there is nothing."""
    found: Any = sys.modules.get(module) or __import__(module, fromlist=["_"])
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


def host_gradient(vjp: Callable[..., Any], itypes: Sequence[TensorType], otypes: Sequence[TensorType]) -> Any:
    """A gradient in variables from one in arrays: it is itself an op over a Python function."""
    carrying = [i for i, t in enumerate(itypes) if t.dtype.startswith(("float", "complex"))]

    def gradients(*arrays: Any) -> Any:
        found = vjp(*arrays)
        found = found if isinstance(found, (tuple, list)) else (found,)
        if len(found) != len(itypes):
            raise ValueError(f"vjp returned {len(found)} gradients for {len(itypes)} inputs (None where there is none)")
        zero = lambda i: np.zeros_like(arrays[i]) if found[i] is None else found[i]  # noqa: E731
        return tuple(zero(i) for i in carrying) if len(carrying) > 1 else zero(carrying[0])

    gradients.__name__ = f"vjp_of_{getattr(vjp, '__name__', 'function')}"
    op = FromFunctionOp(
        gradients, (*itypes, *otypes), tuple(itypes[i] for i in carrying), lambda _g, _n, s: [s[i] for i in carrying]
    )

    def gradient(inputs: Sequence[Variable], output_gradients: Sequence[Variable]) -> list[Variable | None]:
        found = op(*inputs, *output_gradients)
        by_place = dict(zip(carrying, found if isinstance(found, (tuple, list)) else [found], strict=True))
        return [by_place.get(i) for i in range(len(itypes))]

    return gradient


def wrap_py(
    itypes: Any,
    otypes: Any,
    infer_shape: Callable[..., Any] | None = None,
    *,
    grad: Callable[..., Any] | None = None,
    vjp: Callable[..., Any] | None = None,
) -> Callable[[Callable[..., Any]], FromFunctionOp]:
    """Make an op of a Python function of arrays (a decorator).

    Compiled functions call back into Python for it, and run alone while they do.

    Parameters
    ----------
    itypes, otypes : type or sequence of types
        Of the inputs and outputs: ``pt.dmatrix``, ``pt.TensorType("float64", (None, 3))``, ...
    infer_shape : callable, optional
        ``infer_shape(fgraph, node, input_shapes)`` returns the shapes of the outputs (`fgraph` is None). Without it,
        and with outputs of unknown length, the whole function is interpreted: how long results are, only they tell.
    grad : callable, optional
        ``grad(inputs, output_gradients)``: variables from variables.
    vjp : callable, optional
        ``vjp(*inputs, *output_gradients)``: arrays from arrays, a gradient for each input (None for zero).

    Examples
    --------
    >>> import numpy as np, pellucid as pm, pellucid.tensor as pt
    >>> @wrap_py(itypes=[pt.dvector], otypes=[pt.dvector], infer_shape=lambda fgraph, node, shapes: shapes,
    ...          vjp=lambda x, g: g * np.cos(x))
    ... def my_sin(x):
    ...     return np.sin(x)
    >>> x = pt.dvector("x")
    >>> pm.grad(my_sin(x).sum(), x).eval({x: [0.0]})
    array([1.])
    """
    given = tuple(as_type(t) for t in (itypes if isinstance(itypes, (list, tuple)) else [itypes]))
    made = tuple(as_type(t) for t in (otypes if isinstance(otypes, (list, tuple)) else [otypes]))
    if grad is not None and vjp is not None:
        raise TypeError("Give the gradient once: as grad= (of variables) or as vjp= (of arrays).")
    gradient = grad if vjp is None else host_gradient(vjp, given, made)

    def decorate(function: Callable[..., Any]) -> FromFunctionOp:
        parameters = inspect.signature(function).parameters.values()
        fixed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        if all(p.kind is not p.VAR_POSITIONAL for p in parameters) and len(fixed) < len(given):
            raise TypeError(f"{function.__name__} takes {len(fixed)} arguments, but there are {len(given)} itypes.")
        return FromFunctionOp(function, given, made, infer_shape, gradient)

    return decorate


as_op = wrap_py


def print_value(op: Print, value: Any) -> None:
    """What :class:`Print` does with a value: a line for each attribute, called where it is a method."""
    for attr in op.attrs:
        found = getattr(value, attr)
        print(op.message, attr, "=", found() if callable(found) else found)  # noqa: T201


@dataclass(frozen=True)
class Print(Op):
    """The input as it is; each time it is computed, it is printed.

    Parameters
    ----------
    message : str
    attrs : sequence of str
        Which attributes of the array to print, such as "shape", "min" or "__str__".
    global_fn : callable, optional
        ``global_fn(op, array)`` in place of printing.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x = pt.vector("x")
    >>> y = Print("x is", attrs=["__str__", "shape"])(x) * 2
    >>> y.eval({x: [1.0, 2.0]})
    x is __str__ = [1. 2.]
    x is shape = (2,)
    array([2., 4.])
    """

    folds: ClassVar[bool] = False

    message: str = ""
    attrs: tuple[str, ...] = ("__str__",)
    global_fn: Callable[[Any, Any], None] = print_value

    def __post_init__(self) -> None:
        object.__setattr__(self, "attrs", tuple(self.attrs))

    def as_variable(self, x: Any) -> TensorVariable:
        return as_tensor_variable(x)

    def infer(self, x: Variable) -> tuple[Any]:
        return (x.type,)

    def infer_shape(self, inputs: Any, extents: Any) -> list[Any]:
        """The shape of the input."""
        return [extents[0]]

    def impl(self, xp: Any, x: Any) -> Any:
        array = np.asarray(x)  # raises for what JAX traces, which then calls back with arrays
        self.global_fn(self, array)
        return array

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Any]:
        return [gradients[0]]

    def batch(self, x: Variable) -> Any:
        """The whole batch is printed at once."""
        return self(x)

    def __str__(self) -> str:
        return f"Print{{{self.message}}}"


@dataclass(frozen=True)
class Blockwise(Op):
    """An op of a user's, applied at each position of leading axes by its reference.

    Attributes
    ----------
    op : Op
    lead : int
        The number of leading axes.
    batched : tuple of bool
        Which inputs have them; the others are the same throughout.
    """

    folds: ClassVar[bool] = False

    op: Op
    lead: int
    batched: tuple[bool, ...]

    def core(self, inputs: Sequence[Any]) -> list[Any]:
        """Variables of the types that the inputs have at one position."""
        return [
            TensorType(v.type.dtype, v.type.shape[self.lead :]).variable(name=v.name) if batched else v
            for v, batched in zip(inputs, self.batched, strict=True)
        ]

    def infer(self, *inputs: Any) -> tuple[Any, ...]:
        shapes = [v.type.shape[: self.lead] for v, b in zip(inputs, self.batched, strict=True) if b]
        known = [[n for n in axis if n is not None] for axis in zip(*shapes, strict=True)]
        lead = tuple(axis[0] if axis else None for axis in known)
        types: Any = self.op.infer(*self.core(inputs))
        return tuple(TensorType(t.dtype, (*lead, *t.shape)) for t in types)

    @property
    def infer_shape(self) -> Any:
        """The leading axes, and behind them what the op says; None where it says nothing."""
        return None if getattr(self.op, "infer_shape", None) is None else self.known_shapes

    def known_shapes(self, inputs: Sequence[Variable], extents: Sequence[Any]) -> list[Any]:
        """The shapes of the outputs."""
        lead = next(e[: self.lead] for e, b in zip(extents, self.batched, strict=True) if b)
        own = [e[self.lead :] if b else e for e, b in zip(extents, self.batched, strict=True)]
        return [(*lead, *shape) for shape in self.op.infer_shape(self.core(inputs), own)]  # type: ignore[attr-defined]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        lead = next(np.shape(a)[: self.lead] for a, b in zip(arrays, self.batched, strict=True) if b)
        types: Any = self.op.infer(*self.core_of(arrays))
        outs: list[Any] = [None] * len(types)
        for place in np.ndindex(*lead):
            found = self.op.impl(xp, *[a[place] if b else a for a, b in zip(arrays, self.batched, strict=True)])
            found = found if isinstance(found, tuple) else (found,)
            for i, (value, t) in enumerate(zip(found, types, strict=True)):
                if outs[i] is None:
                    outs[i] = np.empty((*lead, *np.shape(value)), t.dtype)
                outs[i][place] = value
        return self.without_elements(arrays, lead) if outs[0] is None else tuple(outs)

    def without_elements(self, arrays: Sequence[Any], lead: Sequence[int]) -> tuple[Any, ...]:
        """The outputs for an empty batch; a length that the op does not tell is 0."""
        core = self.core_of(arrays)
        told = getattr(self.op, "infer_shape", None)
        types: Any = self.op.infer(*core)
        shapes = [t.shape for t in types] if told is None else told(core, [v.type.shape for v in core])
        lengths = [[n if isinstance(n, int) else 0 for n in shape] for shape in shapes]
        return tuple(np.zeros((*lead, *own), t.dtype) for own, t in zip(lengths, types, strict=True))

    def core_of(self, arrays: Sequence[Any]) -> list[Any]:
        """Variables of the types of arrays at one position."""
        return [
            TensorType(a.dtype.name, a.shape[self.lead :] if b else a.shape).variable()
            for a, b in zip(arrays, self.batched, strict=True)
        ]

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Any]:
        ins = [v.type.variable() for v in self.core(inputs)]
        outs = Apply(self.op, ins).outputs
        slopes = [o.type.variable() if g is not None else None for o, g in zip(outs, gradients, strict=True)]
        found = list(self.op.pullback(ins, outs, slopes))
        wanted = [g for g in found if g is not None]
        swaps = dict(zip(ins, inputs, strict=True))
        swaps |= {s: g for s, g in zip(slopes, gradients, strict=True) if s is not None}
        batched = iter(FUNCTIONS["vectorize_graph"](wanted, swaps) if wanted else [])
        return [None if g is None else next(batched) for g in found]

    def __str__(self) -> str:
        return f"Blockwise{{{self.op}}}"


def blockwise(op: Op, inputs: Sequence[Variable], counts: Sequence[int], full: Callable[[int], Variable]) -> Any:
    """An op at each position of a batch: inputs with any batch axes are given all of them by ``full(i)``."""
    batched = tuple(c > 0 for c in counts)
    whole = [full(i) if b else v for i, (v, b) in enumerate(zip(inputs, batched, strict=True))]
    return Blockwise(op, max(counts), batched)(*whole)
