"""What ops on stacks of matrices share: their types, broadcasting of the stacks, and references that loop over them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np

from pellucid.graph.nodes import Op, Variable
from pellucid.tensor.broadcast import (
    Extent,
    broadcast_axis,
    broadcast_extents,
    check_stretch,
    leading,
    shape_error,
    unstretched,
)
from pellucid.tensor.create import extents_of
from pellucid.tensor.elementwise import floating_dtype
from pellucid.tensor.types import TensorType, TensorVariable


class MatrixOp(Op):
    """An op on the last two axes of each input; the axes before them are a batch, and broadcast."""

    def __str__(self) -> str:
        return type(self).__name__

    def infer_shape(self, inputs: Sequence[Variable], extents: Any) -> list[tuple[Extent, ...]]:
        lead = broadcast_extents(leads(inputs), [e[:-2] for e in extents])
        return [(*lead, *core) for core in self.core_extents(*[e[-2:] for e in extents])]

    def core_extents(self, *cores: Any) -> list[tuple[Extent, ...]]:
        """The lengths of the outputs without their batch, from those of the inputs; by default as the last input."""
        return [tuple(cores[-1])]

    def agreements(self, *cores: Any) -> Iterable[tuple[Extent, Extent]]:
        """The lengths that must be equal at run time; by default of square systems a @ x = b."""
        yield cores[0][0], cores[0][1]
        if len(cores) > 1:
            yield cores[0][1], cores[1][0]

    def must_agree(self, inputs: Any, extents: Any, outputs: Any) -> Iterable[tuple[Extent, Extent, int]]:
        lead = max((e[:-2] for e in extents), key=len)
        yield from unstretched(leads(inputs), [e[:-2] for e in extents], outputs[0][: len(lead)])
        for a, b in self.agreements(*[e[-2:] for e in extents]):
            yield a, b, len(lead)

    def check_arrays(self, inputs: Sequence[Variable], arrays: Sequence[Any]) -> None:
        """Raise ValueError when a batch axis that is not known to have length 1 would have to stretch."""
        check_stretch(inputs, [a.shape for a in arrays], core=2)


class Matrices(Protocol):
    """What a compiler hands to `call`: library routines over the matrices of the operands."""

    def shape(self, v: Variable) -> tuple[Any, Any]: ...
    def each(self, variables: Sequence[Variable], body: Callable[[], None]) -> None: ...
    def routine(self, name: str, *arguments: Any) -> None: ...
    def status(self, name: str, *arguments: Any) -> Any: ...
    def failed(self, name: str, *arguments: Any) -> Any: ...
    def at_least_one(self, n: Any) -> Any: ...
    def entries(self, v: Variable, body: Callable[[Any, Any, Any], None]) -> None: ...
    def copy(self, source: Variable, target: Variable) -> None: ...
    def transpose(self, v: Variable) -> None: ...
    def entry(self, v: Variable, offset: Any) -> Any: ...
    def swap_rows(self, v: Variable, i: Any, j: Any) -> None: ...
    def turn(self, source: Variable, target: Variable, rows: Any, columns: Any, spoiled: Any = None) -> None: ...
    def spoil(self, v: Variable, size: Any, spoiled: Any) -> None: ...
    def write(self, number: float, place: Any) -> None: ...
    def is_read(self, v: Variable) -> bool: ...
    def size(self, v: Variable) -> Any: ...
    def unrolls(self) -> bool: ...

    k: Any
    workspace: Sequence[Variable]


def leads(variables: Sequence[Variable], core: int = 2) -> list[Variable]:
    """What broadcasting sees of stacks: all axes but the last `core`."""
    return [leading(v, len(v.type.shape) - core) for v in variables]


def batch_shape(what: str, variables: Sequence[Variable], core: int = 2) -> tuple[int | None, ...]:
    """The broadcast of the leading axes, all but the last `core`."""
    shapes = [v.type.shape[: len(v.type.shape) - core] for v in variables]
    ndim = max(map(len, shapes))
    padded = [(1,) * (ndim - len(s)) + s for s in shapes]
    try:
        return tuple(broadcast_axis(n) for n in zip(*padded, strict=True))
    except ValueError as error:
        raise shape_error(
            f"Cannot broadcast the batches of {what}",
            variables,
            f"lengths {error.args[0]} differ",
            "Align the leading axes.",
        ) from None


def lead_extents(variables: Sequence[TensorVariable], core: int = 2) -> tuple[Any, ...]:
    """The lengths of the broadcast of the leading axes: numbers, or scalars of the graph."""
    return broadcast_extents(leads(variables, core), [extents_of(v)[: v.ndim - core] for v in variables])


def same_lead(*variables: Variable) -> bool:
    """Whether one loop runs over all matrices: their leading axes are the same, or there are none."""
    shapes = [v.type.shape[:-2] for v in variables]
    longest = max(shapes, key=len)
    full = [s for s in shapes if s]
    if any(len(s) != len(longest) for s in full):
        return False
    return all(all(n == 1 for n in axis) or 1 not in axis for axis in zip(*full, strict=True))


def native(*variables: Variable) -> str | None:
    """How ops on matrices of doubles are compiled: by library routines, where one loop runs over the stacks."""
    return "call" if all(v.type.dtype == "float64" for v in variables) and same_lead(*variables) else None


def matrix_shape(what: str, a: Variable) -> tuple[int | None, ...]:
    """The static shape of a stack of matrices; raises when it is no such thing."""
    shape = a.type.shape
    if len(shape) < 2:
        raise shape_error(f"{what} needs matrices", [a], f"it has {len(shape)} axes", "Add axes with x[:, None].")
    return shape


def square_type(what: str, a: Variable) -> TensorType:
    """The floating type of a stack of square matrices; raises when it is no such thing."""
    shape = a.type.shape
    if len(shape) < 2 or (None not in shape[-2:] and shape[-1] != shape[-2]):
        raise shape_error(
            f"{what} needs square matrices", [a], f"the shape is {shape}", "The last two axes must have one length."
        )
    return TensorType(floating_dtype([a.type.dtype]), shape)


def system_type(what: str, a: Variable, b: Variable) -> TensorType:
    """The type of the solution x of a @ x = b for square a; raises when the lengths do not fit."""
    square_type(what, a)
    matrix_shape(what, b)
    inner = a.type.shape[-1], b.type.shape[-2]
    if None not in inner and inner[0] != inner[1]:
        raise shape_error(
            f"Cannot {what.replace('_', ' ')}" if what.startswith("solve") else f"Cannot solve in {what}",
            [a, b],
            f"the lengths {inner[0]} and {inner[1]} differ",
            "Rows of b must match those of a.",
        )
    dtype = floating_dtype([a.type.dtype, b.type.dtype])
    rows = inner[0] if inner[1] is None else inner[1]
    return TensorType(dtype, (*batch_shape(what, [a, b]), rows, b.type.shape[-1]))


def real_dtype(dtype: str) -> str:
    """The dtype of the absolute values of a floating dtype."""
    return np.finfo(dtype).dtype.name


def smaller(m: Any, n: Any) -> Any:
    """The smaller of two lengths, each a number or unknown (None)."""
    return None if None in (m, n) else min(m, n)


def by_matrix(
    compute: Callable[..., Any],
    arrays: Sequence[np.ndarray],
    outputs: Sequence[tuple[Any, tuple[int, ...]]],
    *,
    stacks: bool = False,
) -> Any:
    """Evaluate a reference for each matrix of stacks; the results are NaN where it fails with LinAlgError.

    `outputs` are the dtype and shape of each result for one matrix; `stacks` says that the reference takes many
    matrices at once, and fails if one of them does.
    """
    lead = np.broadcast_shapes(*[a.shape[:-2] for a in arrays])
    arrays = [np.broadcast_to(a, lead + a.shape[-2:]) for a in arrays]
    if stacks and lead and math.prod(lead):
        try:
            whole = compute(*arrays)
        except np.linalg.LinAlgError:
            pass
        else:
            values = whole if isinstance(whole, tuple) else (whole,)
            found = [np.asarray(v, d) for v, (d, _) in zip(values, outputs, strict=True)]
            return found[0] if len(found) == 1 else tuple(found)
    found = [np.full(lead + shape, np.nan if np.dtype(d).kind in "fc" else 0, d) for d, shape in outputs]
    for place in np.ndindex(lead):
        try:
            values = compute(*[a[place] for a in arrays])
        except np.linalg.LinAlgError:
            continue
        for out, value in zip(found, values if isinstance(values, tuple) else (values,), strict=True):
            out[place] = value
    return found[0] if len(found) == 1 else tuple(found)
