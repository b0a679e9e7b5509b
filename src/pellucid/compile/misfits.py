"""What is wrong with the inputs of an application, said as it would have been had their shapes been known before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.provenance import made_by
from pellucid.tensor.types import Constant, TensorType


def known_input(v: Variable, shape: Sequence[int], value: Any = None) -> Variable:
    """A variable like an input of which the shape is known; a constant where its value is, and is a whole number."""
    if not isinstance(v.type, TensorType) or isinstance(v, Constant):
        return v
    if isinstance(value, np.ndarray) and value.dtype.kind in "iu":
        return Constant(value, str(v))
    return TensorType(v.type.dtype, tuple(shape)).variable(name=str(v))


def known_inputs(node: Apply, values: Sequence[Any]) -> list[Variable]:
    """The inputs of an application, now that their values (or traced values) are known."""
    return [known_input(v, getattr(a, "shape", ()), a) for v, a in zip(node.inputs, values, strict=True)]


def told_when_written(node: Apply, inputs: Sequence[Variable]) -> Exception | None:
    """The error of writing an application to inputs of known shapes: it names them, and what to do; None if it fits."""
    with made_by(node.line):
        try:
            node.op.infer(*inputs)
        except (ValueError, IndexError) as error:
            return error
    return None
