"""Replace composites (softplus's inverse, softmax, xlogy, ...) by what they are made of, for the compiler."""

from __future__ import annotations

from typing import Any

from pellucid.graph.nodes import Apply, Op
from pellucid.rewrite.pattern import AnyRule, Hole, Made, Rule, Table, kind, procedure
from pellucid.tensor.arithmetic import disconnected_grad
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.subgraph import SubgraphOp

anything = Hole("x", dtypes="biuf")


def is_composite(root: Any) -> bool:
    """Whether an op (or a class of ops) is defined by simpler ones, and has no scalar code of its own."""
    if type(root) is Elementwise:
        return root.llvm is None and root.expansion is not None
    return root.expand is not Op.expand


def composes(rule: AnyRule) -> bool:
    """Whether a rule makes a composite: useful before composites are expanded, and a circle afterwards."""
    if not isinstance(rule, Rule):
        return False
    made = [p.op.make(p.op.family.example) if isinstance(p, Made) else p.op for p in rule.after.parts() if p.args]
    return any(isinstance(op, Op) and is_composite(kind(op)) for op in made)


@procedure(condition=lambda key: is_composite(key[0]))
def expand_composite(node: Apply) -> Any:
    """The definition of a composite op, on the inputs that it has here."""
    return node.op.expand(*node.inputs)


@procedure(SubgraphOp)
def inline_subgraph(node: Apply) -> Any:
    """The graph of an op that asks to be inlined."""
    return node.op.expand(*node.inputs) if node.op.inline else None


INLINE: Table = (inline_subgraph,)

EXPAND: Table = (
    expand_composite,
    disconnected_grad(anything) >> anything,  # gradients are taken before anything is compiled
)
