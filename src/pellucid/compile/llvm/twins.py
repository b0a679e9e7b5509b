"""Functions of one number that share most of their work: softplus, and the sigmoid that is its slope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.graph.nodes import Variable
from pellucid.graph.provenance import made_by
from pellucid.graph.replace import replace_all
from pellucid.graph.traverse import toposort
from pellucid.tensor.arithmetic import abs, add, ge, maximum, neg, switch, true_div
from pellucid.tensor.transcendental import exp, log1p, sigmoid, softplus


def twins(outputs: Sequence[Variable]) -> tuple[list[Variable], int]:
    """The same values, where softplus and sigmoid of one vector have their exponential in common; and how often.

    With e = exp(-|x|) softplus is max(x, 0) + log1p(e), and the sigmoid 1 / (1 + e), or e / (1 + e) below 0: each adds
    numbers of one sign only, and no e overflows.
    """
    made: dict[Any, dict[Variable, Variable]] = {softplus: {}, sigmoid: {}}
    for node in toposort(outputs):
        if node.op in (softplus, sigmoid) and node.outputs[0].type.dtype == "float64" and node.outputs[0].type.ndim:
            made[node.op][node.inputs[0]] = node.outputs[0]
    both = [x for x in made[softplus] if x in made[sigmoid] and x.type.dtype == "float64"]
    new: dict[Variable, Variable] = {}
    for x in both:
        with made_by(made[softplus][x].owner.line):  # type: ignore[union-attr]
            shared = exp(neg(abs(x)))
            new[made[softplus][x]] = add(maximum(x, 0.0), log1p(shared))
            new[made[sigmoid][x]] = true_div(switch(ge(x, 0.0), 1.0, shared), add(1.0, shared))
    return (replace_all(outputs, new) if new else list(outputs)), len(both)
