"""Gradients: reverse mode, from a graph to a graph."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pellucid.graph.collector import garbage_left_alone
from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.provenance import describe, made_by, user_line
from pellucid.graph.replace import replace_all
from pellucid.graph.traverse import as_list, toposort
from pellucid.tensor.broadcast import name_with_shape
from pellucid.tensor.complexes import conj, is_complex, real
from pellucid.tensor.create import ones_like, zeros_like
from pellucid.tensor.elementwise import cast
from pellucid.tensor.operators import FUNCTIONS
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import broadcast_to, dim, expand_dims
from pellucid.tensor.types import TensorType, TensorVariable, as_tensor_variable


class DisconnectedInputError(ValueError):
    """A gradient was asked for with respect to something that the cost does not depend on."""


def carries_gradient(v: Variable) -> bool:
    """Whether a gradient can flow into a variable: only floating tensors have one."""
    return isinstance(v.type, TensorType) and v.type.dtype.startswith(("float", "complex"))


def like(g: TensorVariable, v: TensorVariable) -> TensorVariable:
    """A gradient in the shape and dtype of its variable: summed over what was stretched, stretched where it was not."""
    if g.type is v.type:  # nearly always: gradients mostly have their variable's type
        return g
    if is_complex(g) and not is_complex(v):
        g = real(g)
    shape = v.type.shape
    if g.ndim > len(shape):
        g = sum_(g, tuple(range(g.ndim - len(shape))))
    stretched = (
        [i for i, n in enumerate(shape) if n == 1 and g.type.shape[i - len(shape) + g.ndim] != 1]
        if g.ndim == len(shape)
        else []
    )
    if stretched:
        g = expand_dims(sum_(g, tuple(stretched)), stretched)
    if g.ndim < len(shape) or any(a == 1 and b != 1 for a, b in zip(g.type.shape, shape, strict=True)):
        g = broadcast_to(g, [dim(v, i) for i in range(v.ndim)])
    return g if g.dtype == v.dtype else cast(g, v.dtype)


def dependent_nodes(nodes: Sequence[Apply], wrt: Iterable[Variable], stop: Iterable[Variable]) -> set[Variable]:
    """The variables through which a gradient flows from the cost to `wrt`."""
    reached, blocked = set(wrt), set(stop)
    for node in nodes:
        if any(v in reached and v not in blocked for v in node.inputs):
            reached.update(node.outputs)
    return reached - blocked


def accumulate(
    costs: Mapping[Variable, Variable], wrt: Sequence[Variable], stop: Iterable[Variable]
) -> dict[Variable, TensorVariable]:
    """Walk the applications backwards, summing what flows into each variable."""
    total: dict[Variable, Any] = dict(costs)
    nodes = toposort(list(costs))
    wanted = dependent_nodes(nodes, wrt, stop)
    for node in reversed(nodes):
        gradients = [total.get(out) for out in node.outputs]
        flows = [v in wanted and carries_gradient(v) for v in node.inputs]
        if True not in flows or gradients.count(None) == len(gradients):
            continue
        with made_by(node.line):
            for v, g, flow in zip(node.inputs, pull(node, gradients, flows), flows, strict=True):
                if flow and g is not None:
                    g = like(g, v)  # type: ignore[arg-type]  # noqa: PLW2901
                    total[v] = total[v] + g if v in total else g
    return total


def pull(node: Apply, gradients: Sequence[Any], flows: Sequence[bool]) -> Sequence[Any]:
    """The pullback of one node; where it is not defined, the error names the user's line."""
    if len(gradients) > 1 and not getattr(node.op, "takes_missing_gradients", False):  # zeros for what nothing reads
        gradients = [
            zeros_like(out) if g is None and carries_gradient(out) else g
            for g, out in zip(gradients, node.outputs, strict=True)
        ]
    # A pullback multiplies by derivatives; the gradient by a complex tensor is the product with their conjugates.
    complex_inputs = any(is_complex(v) for v in node.inputs)
    if complex_inputs and not getattr(node.op, "holomorphic", True):
        raise TypeError(
            f"{node.op} has no gradient for complex matrices, only for real ones: write it in real and imaginary parts."
            f"\n  in the gradient of {node}, at {describe(node.line)}"
        )
    conjugates = complex_inputs and any(is_complex(g) for g in gradients if g is not None)
    if conjugates:
        gradients = [None if g is None else conj(g) for g in gradients]
    try:
        found = node.op.pullback_wanted(node.inputs, node.outputs, gradients, flows)
        return [None if g is None else conj(g) for g in found] if conjugates else found
    except TypeError as error:
        raise TypeError(f"{error}\n  in the gradient of {node}, at {describe(node.line)}") from error


def grad(
    cost: Variable | None,
    wrt: Any,
    consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise",
    known_grads: Mapping[Variable, Variable] | None = None,
    return_disconnected: str = "zero",
) -> Any:
    """The gradient of a scalar `cost` with respect to `wrt`, as a graph.

    Parameters
    ----------
    cost : scalar variable (or None when `known_grads` is given)
    wrt : variable or sequence of variables
        Floating variables, inputs or intermediate.
    consider_constant : sequence of variables, optional
        Variables through which no gradient flows.
    disconnected_inputs : {"raise", "warn", "ignore"}
        What to do about a `wrt` that the cost does not depend on.
    known_grads : mapping, optional
        Variables whose gradients are given, in place of (or beside) the cost's.
    return_disconnected : {"zero", "none"}
        What stands for the gradient of a disconnected input that is ignored.

    Returns
    -------
    A variable of the shape of `wrt`, or a list of them.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x = pt.vector("x")
    >>> grad((x**2).sum(), x).eval({x: [1.0, 3.0]})
    array([2., 6.])
    """
    targets = as_list(wrt)
    costs: dict[Variable, Any] = {v: like(as_tensor_variable(g), v) for v, g in (known_grads or {}).items()}  # type: ignore[arg-type]
    if cost is not None:
        unit = unit_gradient(cost)
        costs[cost] = costs[cost] + unit if cost in costs else unit
    for v in targets:
        if not carries_gradient(v):
            raise TypeError(f"{v} of type {v.type} is not floating: there is no gradient with respect to it.")
    with garbage_left_alone():
        total = accumulate(costs, targets, consider_constant or ())
    found = [total.get(v) for v in targets]
    missing = [v for v, g in zip(targets, found, strict=True) if g is None]
    if missing:
        report_disconnected(missing, disconnected_inputs)
    if return_disconnected == "zero":
        found = [zeros_like(v) if g is None else g for v, g in zip(targets, found, strict=True)]
    return found[0] if isinstance(wrt, Variable) else found


FUNCTIONS["grad"] = grad  # for the loops below, whose pullback is a loop over the pullback of their body


def unit_gradient(cost: Variable) -> TensorVariable:
    """The gradient of the cost with respect to itself."""
    if not isinstance(cost, TensorVariable) or cost.ndim != 0:
        raise TypeError(
            f"The cost must be a scalar, not {name_with_shape(cost)}. "
            "Sum it, or use pm.jacobian for the derivative of every element."
        )
    if not carries_gradient(cost):
        raise TypeError(f"The cost {cost} is of dtype {cost.dtype}: only floating costs have a gradient.")
    return ones_like(cost)


def report_disconnected(missing: Sequence[Variable], action: str) -> None:
    """Raise or warn about variables that the cost does not depend on."""
    if action == "ignore":
        return
    named = ", ".join(name_with_shape(v) for v in missing)
    text = f"The cost does not depend on {named} (or only through integers or disconnected_grad)."
    if action == "raise":
        raise DisconnectedInputError(
            f"{text}\n  at {describe(user_line())}\n  Pass disconnected_inputs='ignore' if a zero gradient is meant."
        )
    warnings.warn(text, stacklevel=3)


def vjp(outputs: Any, wrt: Any, cotangents: Any) -> Any:
    """The product of `cotangents` with the Jacobian of `outputs` (the pullback, Lop)."""
    outs = as_list(outputs)
    seeds = known_pairs(outs, values_for(outputs, cotangents))
    return grad(None, wrt, known_grads=seeds, disconnected_inputs="ignore")


def jvp(outputs: Any, wrt: Any, tangents: Any) -> Any:
    """The product of the Jacobian of `outputs` with `tangents` (the pushforward, Rop): the pullback of the pullback."""
    outs, targets, directions = as_list(outputs), as_list(wrt), values_for(wrt, tangents)
    seeds = [v.type.variable(name="cotangent") for v in outs]
    back = vjp(outs, targets, seeds)
    inner = known_pairs(back, directions)
    found = grad(None, seeds, known_grads=inner, disconnected_inputs="ignore")
    # The pullback is linear in the cotangents, so where they still stand only their shape matters.
    found = replace_all(found, dict(zip(seeds, map(zeros_like, outs), strict=True)))
    return found[0] if isinstance(outputs, Variable) else found


def values_for(variables: Any, values: Any) -> list[Any]:
    """The values that belong to one variable, or to each of several."""
    return [values] if isinstance(variables, Variable) else list(values)


def known_pairs(variables: Sequence[Variable], gradients: Sequence[Variable]) -> dict[Variable, Variable]:
    """Gradients by variable, added up where a variable occurs twice."""
    found: dict[Variable, Any] = {}
    for v, g in zip(variables, map(as_tensor_variable, gradients), strict=True):
        found[v] = found[v] + g if v in found else g
    return found


Lop = pullback = vjp
Rop = pushforward = jvp


def hessian_vector_product(cost: Variable, wrt: Any, direction: Any) -> Any:
    """The Hessian of `cost` times `direction`."""
    targets, directions = as_list(wrt), [as_tensor_variable(d) for d in values_for(wrt, direction)]
    slope: Any = None
    for g, d in zip(grad(cost, targets), directions, strict=True):
        term = sum_(g * d)
        slope = term if slope is None else slope + term
    found = grad(slope, targets, disconnected_inputs="ignore", consider_constant=directions)
    return found[0] if isinstance(wrt, Variable) else found
