"""The rules by which shapes combine, for static shapes and for the extents that a compiler computes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pellucid.graph.nodes import Variable
from pellucid.graph.provenance import describe, user_line
from pellucid.tensor.types import StaticShape, TensorType

Extent = Any
"""An extent as a compiler sees it: an int, or a scalar integer variable."""


class ShapeError(ValueError):
    """Shapes that do not fit, found while the graph is written."""


def name_with_shape(v: Variable) -> str:
    """How errors speak of a variable: its name (or the expression) and its static shape."""
    shape = ", ".join("?" if n is None else str(n) for n in v.type.shape)  # type: ignore[attr-defined]
    made = f" (made at {describe(v.owner.line)})" if v.owner is not None else ""
    return f"'{v}' of shape ({shape}{',' if len(v.type.shape) == 1 else ''}){made}"  # type: ignore[attr-defined]


def shape_error(what: str, variables: Sequence[Variable], why: str, fix: str) -> ShapeError:
    """An error that says what failed, with which variables and shapes, where, and how to mend it."""
    listed = "\n".join(f"  - {name_with_shape(v)}" for v in variables)
    return ShapeError(f"{what}: {why}\n{listed}\n  at {describe(user_line())}\n  {fix}")


def leading(v: Variable, count: int) -> Variable:
    """What broadcasting and its errors see of the first `count` axes of a variable."""
    return TensorType(v.type.dtype, v.type.shape[:count]).variable(name=str(v))


def broadcast_axis(extents: Sequence[int | None]) -> int | None:
    """The extent of one axis of a broadcast; raises ValueError when two known extents differ."""
    found: int | None = 1
    for n in extents:
        if n in (1, found):
            continue
        if found in (1, None):
            found = n
        elif n is not None:
            raise ValueError((found, n))
    return found


def broadcast_static(what: str, variables: Sequence[Variable]) -> StaticShape:
    """The static shape of variables broadcast together."""
    shapes: list[StaticShape] = [v.type.shape for v in variables]  # type: ignore[attr-defined]
    distinct = {s for s in shapes if s}
    if len(distinct) < 2:  # one shape, and perhaps scalars
        return distinct.pop() if distinct else ()
    ndim = max(map(len, shapes))
    padded = [(1,) * (ndim - len(s)) + s for s in shapes]
    out = []
    for axis in range(ndim):
        try:
            out.append(broadcast_axis([s[axis] for s in padded]))
        except ValueError as error:
            a, b = error.args[0]
            raise shape_error(
                f"Cannot broadcast the inputs of {what}",
                variables,
                f"axis {axis - ndim} has length {a} in one and {b} in another",
                "Axes are aligned from the last; insert one with x[:, None], or fix the lengths.",
            ) from None
    return tuple(out)


def broadcast_extents(variables: Sequence[Any], extents: Sequence[Sequence[Extent]]) -> tuple[Extent, ...]:
    """The extents of a broadcast: along each axis those of the first input that does not stretch."""
    ndim = max((len(e) for e in extents), default=0)
    out: list[Extent] = [1] * ndim
    for v, mine in zip(variables, extents, strict=True):
        for i, n in enumerate(mine):
            axis = ndim - len(mine) + i
            stretches = v.type.shape[i] == 1  # type: ignore[attr-defined]
            if not stretches and ((isinstance(out[axis], int) and out[axis] == 1) or isinstance(n, int)):
                out[axis] = n
    return tuple(out)


def check_stretch(variables: Sequence[Variable], shapes: Sequence[tuple[int, ...]], core: int = 0) -> None:
    """Raise ValueError when an extent that may not stretch (its static value is not 1) would have to.

    The last `core` axes take no part in broadcasting.
    """
    if all(s == shapes[0] for s in shapes):
        return
    for axis in range(1 + core, 1 + max(map(len, shapes))):
        fixed = {
            s[-axis]
            for v, s in zip(variables, shapes, strict=True)
            if len(s) >= axis and v.type.shape[-axis] != 1  # type: ignore[attr-defined]
        }
        if len(fixed) > 1:
            raise ValueError(
                f"axis -{axis} has lengths {sorted(fixed)}; only an axis that is known to have length 1 while "
                "the graph is written may stretch (use x[:, None], pt.col, pt.row, or shape=(1, ...))"
            )


def unstretched(
    variables: Sequence[Variable], extents: Sequence[Sequence[Extent]], out: Sequence[Extent]
) -> Iterator[tuple[Extent, Extent, int]]:
    """The lengths that must equal those of a broadcast's result: of all axes that are not known to stretch."""
    for v, mine in zip(variables, extents, strict=True):
        for i, n in enumerate(mine):
            axis = len(out) - len(mine) + i
            if v.type.shape[i] != 1:
                yield n, out[axis], axis
