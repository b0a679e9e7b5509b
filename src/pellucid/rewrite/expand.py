"""Replace composites (softplus's inverse, softmax, xlogy, ...) by what they are made of, for the compiler."""

from __future__ import annotations

from typing import Any

from pellucid.graph.nodes import Apply, Op
from pellucid.rewrite.pattern import Hole, Key, Table, procedure
from pellucid.tensor.arithmetic import disconnected_grad
from pellucid.tensor.elementwise import Elementwise

anything = Hole("x", dtypes="biuf")


def is_composite(key: Key) -> bool:
    """Whether an op is defined by simpler ones, and has no scalar code of its own."""
    root = key[0]
    if type(root) is Elementwise:
        return root.llvm is None and root.expansion is not None
    return root.expand is not Op.expand


@procedure(condition=is_composite)
def expand_composite(node: Apply) -> Any:
    """The definition of a composite op, on the inputs that it has here."""
    return node.op.expand(*node.inputs)


EXPAND: Table = (
    expand_composite,
    disconnected_grad(anything) >> anything,  # gradients are taken before anything is compiled
)
