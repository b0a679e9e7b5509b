"""Compute at once what depends on constants only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.nodes import Apply
from pellucid.rewrite.pattern import Key, Table, is_constant_head, procedure
from pellucid.tensor.draws import Draw
from pellucid.tensor.namespace import NUMPY
from pellucid.tensor.shape import BroadcastTo, DimShuffle
from pellucid.tensor.types import Constant, TensorType

LARGEST = 100_000
"""The number of elements up to which a constant result may be larger than what it is computed from."""

LARGEST_TRANSPOSE = 4096
"""The number of elements up to which a matrix is kept beside its transpose."""


def all_constant(key: Key) -> bool:
    """Whether an application has constant inputs only."""
    return len(key) > 1 and all(is_constant_head(h) for h in key[1:])


def small_enough(node: Apply) -> bool:
    """Whether the outputs are not too large to keep, as far as their static shapes say."""
    given = sum(v.data.size for v in node.inputs)  # type: ignore[attr-defined]
    made = sum(math.prod(n or 1 for n in v.type.shape) for v in node.outputs)  # type: ignore[attr-defined]
    return made <= max(given, LARGEST)


def evaluate_node(node: Apply, arrays: Sequence[Any]) -> list[Any]:
    """The outputs of a node by the reference of its op."""
    with np.errstate(all="ignore"):
        found = node.op.impl(NUMPY, *arrays)
    return list(found) if isinstance(found, tuple) else [found]


def is_large_transpose(node: Apply) -> bool:
    """Whether a node transposes a matrix that had better be in memory once: products read its rows either way."""
    if not isinstance(node.op, DimShuffle) or node.op.order != (1, 0):
        return False
    return node.inputs[0].data.size > LARGEST_TRANSPOSE  # type: ignore[attr-defined]


@procedure(condition=all_constant)
def fold_constants(node: Apply) -> Any:
    """The value of an application to constants; draws and stretched tensors stay as they are."""
    # A tensor that merely repeats its elements costs nothing in a loop; as an array it would cost memory traffic.
    if isinstance(node.op, (Draw, BroadcastTo)) or not node.op.folds or not small_enough(node):
        return None
    if is_large_transpose(node) or not all(isinstance(v.type, TensorType) for v in node.outputs):
        return None
    try:
        values = evaluate_node(node, [v.data for v in node.inputs])  # type: ignore[attr-defined]
    except (ValueError, IndexError, ArithmeticError, np.linalg.LinAlgError):
        return None  # the same error belongs to run time, where it names the user's line
    constants = [Constant(np.asarray(a, v.type.dtype), v.name) for a, v in zip(values, node.outputs, strict=True)]  # type: ignore[attr-defined]
    fits = all(keeps_rank(c.type, v.type) for c, v in zip(constants, node.outputs, strict=True))  # type: ignore[arg-type]
    return constants if fits else None


def keeps_rank(new: TensorType, old: TensorType) -> bool:
    """Whether a computed shape is one that the static shape promised, and stretches no more than that."""
    return len(new.shape) == len(old.shape) and all(
        a == b or (b is None and a != 1) for a, b in zip(new.shape, old.shape, strict=True)
    )


FOLD: Table = (fold_constants,)
