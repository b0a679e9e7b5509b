"""What depends on shared data alone is computed when a density is bound to them, not at each point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.compile import numpy as interpreter
from pellucid.compile.llvm import math
from pellucid.graph.nodes import Variable
from pellucid.graph.replace import replace_all
from pellucid.graph.traverse import toposort, walk
from pellucid.tensor.draws import Draw
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.reduce import Reduce
from pellucid.tensor.types import Constant, TensorType, TensorVariable


class Bound(TensorVariable):
    """A root whose value is computed from those of shared variables whenever it is asked for."""

    __slots__ = ("program",)

    has_value = True

    def __init__(self, v: Any):
        super().__init__(v.type, name=v.name)
        self.program = interpreter.compile([], [v])

    def get_value(self, borrow: bool = False) -> np.ndarray:  # as shared variables do
        """The value for the data as they are now."""
        (found,) = self.program()
        return np.asarray(found, self.type.dtype)


def bound(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> tuple[list[Variable], int]:
    """The outputs over what is computed from data alone where that is work; and how much there is of it."""
    nodes = toposort(outputs)
    given = set(inputs)
    of_data: set[Variable] = set()
    for node in nodes:
        roots = [v for v in node.inputs if v.owner is None]
        known = all(v not in given and stays(v) for v in roots)
        inner = all(v in of_data for v in node.inputs if v.owner is not None)
        if node.inputs and known and inner and not isinstance(node.op, Draw):
            of_data.update(v for v in node.outputs if isinstance(v.type, TensorType))
    read = [v for node in nodes if not of_data.issuperset(node.outputs) for v in node.inputs]
    wanted = [v for v in dict.fromkeys([*read, *outputs]) if v in of_data and is_work(v)]
    new: dict[Variable, Variable] = {v: Bound(v) for v in wanted}
    return (replace_all(outputs, new) if new else list(outputs)), len(new)


def stays(v: Variable) -> bool:
    """Whether a root has a value that stays what it is while compiled code is bound to it."""
    return v.has_value and isinstance(v.type, TensorType) and not getattr(v, "moving", False)


def is_work(v: Variable) -> bool:
    """Whether a variable of doubles is made by functions or sums, of data that may change."""
    if v.type.dtype != "float64":
        return False
    above = list(walk(v))
    ops = {u.owner.op for u in above if u.owner is not None}
    functions = any(isinstance(op, Elementwise) and op.llvm in math.FUNCTIONS for op in ops)
    shared = any(u.owner is None and not isinstance(u, Constant) for u in above)
    return shared and (functions or any(isinstance(op, Reduce) for op in ops))
