"""Functions of one element: the mechanism, in which one entry says everything about one function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from pellucid.graph.nodes import Op, Variable
from pellucid.graph.provenance import describe, user_line
from pellucid.tensor.broadcast import Extent, broadcast_extents, broadcast_static, check_stretch, unstretched
from pellucid.tensor.namespace import NUMPY
from pellucid.tensor.operators import method
from pellucid.tensor.types import TensorType, TensorVariable, as_operands, canonical_dtype

ELEMENTWISE: dict[str, Elementwise] = {}
"""Every elementwise op by name, in the order of declaration."""

Pullback = Callable[..., Any]
Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Elementwise(Op):
    """A function applied to each element of broadcast inputs.

    Shape follows from broadcasting and dtype from NumPy's promotion, so no entry states either.

    Attributes
    ----------
    name, doc : str
        The public name, and what the function is (its docstring is made from it).
    impl : callable
        The reference, ``impl(xp, *arrays)`` over an array namespace.
    pullbacks : tuple of callable or None
        For each input the gradient ``(g, out, *inputs) -> g_input``; None where it is zero (a step function) or
        where the input is a condition.
    llvm : str or callable, optional
        The scalar code: the name of a kernel instruction or math function, "scipy." and the name of a function of
        `scipy.special` that SciPy exports to C, or ``code(k, *values)``.
    expansion : callable, optional
        A definition in simpler ops, used in place of `llvm`.
    domain : tuple of (low, high)
        For each input the interval that tests draw from.
    inverse : str, optional
        The name of the inverse function, read by the derivation of densities.
    monotone : {-1, 0, 1}
        Decreasing, neither or unknown, increasing.
    commutes : bool
        Whether the order of two inputs does not matter.
    floating : bool
        Whether integers become float64 first, as for SciPy's special functions.
    raw : tuple of int
        Inputs that take no part in promotion (conditions).
    """

    name: str
    doc: str
    reference: Callable[..., Any]
    pullbacks: tuple[Pullback | None, ...] | None = None
    llvm: str | Callable[..., Any] | None = None
    expansion: Callable[..., Any] | None = None
    domain: tuple[Interval, ...] = ((-3.0, 3.0),)
    inverse: str | None = None
    monotone: int = 0
    commutes: bool = False
    floating: bool = False
    raw: tuple[int, ...] = ()

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return f"{self.doc}\n\nElementwise, with NumPy's broadcasting and promotion."

    def __str__(self) -> str:
        return "".join(part.capitalize() for part in self.name.split("_"))

    def __repr__(self) -> str:
        return f"pellucid.tensor.{self.name}"

    def __reduce__(self) -> Any:
        return lookup, (self.name,)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        for a in arrays:
            if a.dtype.kind in "biu":
                wide = widened(self, tuple([a.dtype.name for a in arrays]))
                if wide is not None:
                    arrays = tuple([a.astype(d) for a, d in zip(arrays, wide, strict=True)])
                break
        return self.reference(xp, *arrays)

    def as_variables(self, args: Sequence[Any]) -> Sequence[Variable]:
        if not self.raw:
            return as_operands(args)
        rest = iter(as_operands([a for i, a in enumerate(args) if i not in self.raw]))
        return [as_operands([a])[0] if i in self.raw else next(rest) for i, a in enumerate(args)]

    def infer(self, *inputs: Variable) -> tuple[TensorType]:
        types: list[TensorType] = [v.type for v in inputs]  # type: ignore[misc]
        try:
            dtype = result_dtype(self, tuple([t.dtype for t in types]))
        except TypeError as error:
            named = "\n".join(f"  - '{v}' of dtype {t.dtype}" for v, t in zip(inputs, types, strict=True))
            raise TypeError(f"{error}\n{named}\n  at {describe(user_line())}") from error
        shape = types[0].shape
        for t in types[1:]:
            if t.shape and t.shape != shape:
                shape = broadcast_static(self.name, inputs)
                break
        for t in types:  # most often an input has the type already, and a new one costs time and memory
            if t.dtype == dtype and t.shape == shape:
                return (t,)
        return (TensorType(dtype, shape),)

    def check_arrays(self, inputs: Sequence[Variable], arrays: Sequence[Any]) -> None:
        """Raise ValueError when an extent that may not stretch (its static value is not 1) would have to."""
        check_stretch(inputs, [a.shape for a in arrays])

    def infer_shape(self, inputs: Sequence[Variable], extents: Sequence[Sequence[Extent]]) -> list[tuple[Extent, ...]]:
        """The extents of the output."""
        return [broadcast_extents(inputs, extents)]

    def must_agree(self, inputs: Any, extents: Any, outputs: Any) -> Iterable[tuple[Extent, Extent, int]]:
        return unstretched(inputs, extents, outputs[0])

    def orders(self, inputs: tuple[Variable, ...]) -> tuple[tuple[Variable, ...], ...]:
        return (inputs, inputs[::-1]) if self.commutes else (inputs,)

    def expand(self, *inputs: Variable) -> Any:
        if self.expansion is None:
            return None
        wide = widened(self, tuple([v.type.dtype for v in inputs]))  # type: ignore[attr-defined]
        return self.expansion(*(inputs if wide is None else [cast(v, d) for v, d in zip(inputs, wide, strict=True)]))

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> Sequence[Variable | None]:
        return self.pullback_wanted(inputs, outputs, gradients, [True] * len(inputs))

    def pullback_wanted(
        self, inputs: Any, outputs: Any, gradients: Any, wanted: Sequence[bool]
    ) -> Sequence[Variable | None]:
        if self.pullbacks is None:
            raise TypeError(
                f"{self.name} has no gradient. Wrap its input in pt.disconnected_grad(...) if none should flow."
            )
        (g,), (out,) = gradients, outputs
        return [
            rule(g, out, *inputs) if want and rule is not None else None
            for rule, want in zip(self.pullbacks, wanted, strict=True)
        ]

    def __call__(self, *args: Any, name: str | None = None, dtype: Any = None) -> Any:
        if len(args) != len(self.domain):
            raise TypeError(f"{self.name} takes {self.arity} tensors, not {len(args)}.")
        found = Op.__call__(self, *args, name=name)
        return found if dtype is None else cast(found, dtype)

    @property
    def arity(self) -> int:
        """The number of inputs."""
        return len(self.domain)


def lookup(name: str) -> Elementwise:
    """The op called `name` (how a pickled graph finds its ops again)."""
    if name.startswith("cast_"):
        return cast_to(name.removeprefix("cast_"))
    if name not in ELEMENTWISE:  # its module has not been used yet
        import_module("pellucid.tensor.math").declare_all()
    return ELEMENTWISE[name]


def elementwise(name: str, doc: str, reference: Callable[..., Any], **facts: Any) -> Elementwise:
    """Declare an elementwise op: enter it in the table, and let the methods of tensors find it."""
    op = Elementwise(name, doc, reference, **facts)
    ELEMENTWISE[name] = op
    method(op)
    return op


@lru_cache(maxsize=4096)
def result_dtype(op: Elementwise, dtypes: tuple[str, ...]) -> str:
    """The dtype of the output: what the reference gives for arrays of those dtypes, once integers are widened."""
    if op.floating and not any(d.startswith("complex") for d in dtypes):
        return floating_dtype(dtypes)  # asking the reference would import scipy.special while a graph is written
    empty = [np.empty(0, d) for d in widened(op, dtypes) or dtypes]
    return reference_dtype(op, empty, dtypes)


def reference_dtype(op: Elementwise, arrays: Sequence[Any], dtypes: Sequence[str]) -> str:
    """The dtype that the reference gives; a TypeError that names the op where it is not defined for those dtypes."""
    try:
        with np.errstate(all="ignore"):
            return op.reference(NUMPY, *arrays).dtype.name
    except TypeError as error:
        why = str(error).rstrip(".")
        raise TypeError(f"{op.name} is not defined for {', '.join(dtypes)}: {why}. Cast an argument first.") from error


@lru_cache(maxsize=4096)
def widened(op: Elementwise, dtypes: tuple[str, ...]) -> tuple[str, ...] | None:
    """The dtypes in which a function of integers that gives floats is computed: float64 for the integers.

    NumPy and SciPy would take the smallest float for small integers (float16 for int8). None where nothing changes.
    """
    kinds = [np.dtype(d).kind for i, d in enumerate(dtypes) if i not in op.raw]
    if not any(k in "biu" for k in kinds) or op.name.startswith("cast_"):
        return None
    if not op.floating and np.dtype(reference_dtype(op, [np.empty(0, d) for d in dtypes], dtypes)).kind != "f":
        return None
    common = floating_dtype([d for i, d in enumerate(dtypes) if i not in op.raw])
    return tuple(common if np.dtype(d).kind in "biu" and i not in op.raw else d for i, d in enumerate(dtypes))


def floating_dtype(dtypes: Sequence[str]) -> str:
    """The floating dtype in which SciPy computes a function of these dtypes."""
    common = np.result_type(*map(np.dtype, dtypes))
    return common.name if common.kind in "fc" else "float64"


@lru_cache(maxsize=64)
def cast_to(dtype: str) -> Elementwise:
    """The op that casts to `dtype`."""
    kind = np.dtype(dtype).kind
    carries = kind in "fc"
    return Elementwise(
        f"cast_{dtype}",
        f"The same values as {dtype}.",
        lambda xp, x: xp.asarray(x).astype(dtype),
        ((lambda g, y, x: cast(g, x.dtype) if carries and x.dtype.startswith(("float", "complex")) else None),),
        llvm=lambda k, x: k.cast(x, dtype),
        raw=(0,),
    )


@method
def cast(x: Any, dtype: Any) -> TensorVariable:
    """The values of `x` as `dtype`; `x` itself when it has that dtype.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> pt.cast([1, 2], "float32").dtype
    'float32'
    """
    from_, to = as_operands([x])[0], canonical_dtype(dtype)
    if np.dtype(from_.dtype).kind == "c" and np.dtype(to).kind != "c":
        raise TypeError(f"Casting {from_} from {from_.dtype} to {to} would drop the imaginary part; use pt.real(x).")
    return from_ if from_.dtype == to else cast_to(to)(from_)
