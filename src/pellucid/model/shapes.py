"""The shapes that variables have now, where data variables leave them open in the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pellucid.compile.numpy import EvaluationError, evaluate
from pellucid.graph.nodes import Variable
from pellucid.graph.replace import replace_all
from pellucid.model.context import here
from pellucid.tensor.broadcast import ShapeError
from pellucid.tensor.create import full
from pellucid.tensor.draws import Draw
from pellucid.tensor.types import NONE, TensorVariable, as_tensor_variable

Shape = tuple[int, ...]
Known = Mapping[Variable, Shape]
"""The shapes of the variables of a model so far."""


def current_shape(v: TensorVariable, known: Known) -> Shape:
    """The shape of `v` now: what is static, and the rest from the values that data variables have."""
    if v in known:
        return known[v]
    if (
        v.owner is not None
        and isinstance(v.owner.op, Draw)
        and any(None in u.type.shape for u in [v, *v.owner.inputs[2:]])
    ):  # type: ignore[attr-defined]
        return draw_shape(v, known)
    if None not in v.type.shape:
        return v.type.shape  # type: ignore[return-value]
    return evaluate_shapes([v], known)[0]


def draw_shape(rv: TensorVariable, known: Known) -> Shape:
    """The shape of a draw, once its parameters are known to fit it."""
    op, (_, size, *parameters) = rv.owner.op, rv.owner.inputs  # type: ignore[union-attr]
    shapes = evaluate_shapes(parameters, known)  # type: ignore[arg-type]
    batches = [s[: len(s) - core] for s, core in zip(shapes, op.law.core, strict=True)]
    support = evaluate_lengths(op.law.support_extents(parameters, shapes), known)
    wanted = None if size is NONE else tuple(int(n) for n in evaluate(stand_in([size], known), {})[0])
    try:
        batch = np.broadcast_shapes(*batches, wanted or ())
    except ValueError:
        batch = None
    if batch is None or wanted not in (None, batch):
        listed = ", ".join(f"{label} of shape {s}" for label, s in zip(op.law.parameters, shapes, strict=True))
        asked = "" if wanted is None else f" of shape {wanted}"
        raise ShapeError(
            f"'{rv}'{asked} cannot be drawn: its parameters do not broadcast to it: {listed}. {here()}\n"
            "  Axes are aligned from the last; insert one with x[:, None], or fix the lengths."
        )
    return (*batch, *support)


def evaluate_shapes(variables: Sequence[TensorVariable], known: Known) -> list[Shape]:
    """The shapes of several variables; nothing random is drawn for it."""
    open_ones = [v for v in variables if None in v.type.shape]
    shapes = iter(evaluate([v.shape for v in stand_in(open_ones, known)], {}) if open_ones else ())
    return [tuple(map(int, next(shapes))) if None in v.type.shape else v.type.shape for v in variables]  # type: ignore[misc]


def evaluate_lengths(lengths: Sequence[int | TensorVariable], known: Known) -> Shape:
    """Lengths of which some are variables."""
    open_ones = [n for n in lengths if isinstance(n, Variable)]
    values = iter(evaluate(stand_in(open_ones, known), {}) if open_ones else ())
    return tuple(int(next(values)) if isinstance(n, Variable) else n for n in lengths)


def stand_in(graphs: Sequence[Variable], known: Known) -> list[TensorVariable]:
    """Graphs with ones for random variables, which keep scales, counts and probabilities valid."""
    ones = {v: filled(v, shape) for v, shape in known.items()}
    return replace_all(graphs, ones)  # type: ignore[return-value]


def filled(v: Variable, shape: Shape) -> TensorVariable:
    """Ones that can stand for `v`: of its dtype, and with no more static lengths of one than it has."""
    lengths = [n if static is not None else as_open(n) for n, static in zip(shape, v.type.shape, strict=True)]  # type: ignore[attr-defined]
    return full(lengths, np.ones((), v.type.dtype))  # type: ignore[attr-defined]


def as_open(length: int) -> TensorVariable:
    """A length that the graph does not know."""
    return as_tensor_variable(np.array([length], "int64"))[0]


def try_shape(v: TensorVariable, known: Known) -> Shape | None:
    """The current shape, or None where only real values could tell; what cannot fit raises."""
    try:
        return current_shape(v, known)
    except EvaluationError as error:
        if isinstance(error.__cause__, ShapeError):
            raise ShapeError(str(error)) from error
        return None
