"""Undo the last op of an expression of one random variable, so that its density follows from the variable's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from pellucid.graph.nodes import Variable
from pellucid.graph.provenance import describe
from pellucid.graph.traverse import ancestors
from pellucid.stats.bounds import bounds_of, known
from pellucid.stats.constraint import Interval, nonnegative, positive
from pellucid.tensor.arithmetic import abs as abs_
from pellucid.tensor.arithmetic import bitwise_and, eq, round_half_to_even, sign
from pellucid.tensor.draws import Draw
from pellucid.tensor.elementwise import ELEMENTWISE, Elementwise
from pellucid.tensor.transcendental import log
from pellucid.tensor.types import TensorVariable, as_tensor_variable


class NotDerivable(NotImplementedError):
    """The density of an expression cannot be derived; the message names the node in the way."""


class Step(NamedTuple):
    """How one op is undone at a value.

    Attributes
    ----------
    inner : variable
        The random input.
    value : variable
        What it must be for the output to have the value.
    log_slope : variable
        log |d output / d input| there.
    rising : variable or int
        1 where the output increases with the input, -1 where it decreases; 0 if it does neither.
    possible : variable or None
        Whether the output can have the value at all; None if it always can.
    """

    inner: TensorVariable
    value: TensorVariable
    log_slope: TensorVariable
    rising: Any
    possible: TensorVariable | None


def is_random(v: Variable) -> bool:
    """Whether a variable depends on a draw."""
    return any(u.owner is not None and isinstance(u.owner.op, Draw) for u in ancestors(v))


def is_discrete(v: Variable) -> bool:
    """Whether an expression of one draw has whole numbers behind it."""
    draws = [
        u
        for u in ancestors(v)
        if u.owner is not None and isinstance(u.owner.op, Draw) and isinstance(u, TensorVariable)
    ]
    return bool(draws) and all(not u.dtype.startswith("float") for u in draws)


def blocked(rv: Variable, why: str, instead: str) -> NotDerivable:
    """The error for an op that cannot be undone."""
    node = rv.owner
    where = f" at {describe(node.line)}" if node is not None else ""
    what = f"{node.op} in {node}" if node is not None else str(rv)
    return NotDerivable(f"No density can be derived through {what}{where}: {why}. {instead}")


def undo(rv: Variable, x: TensorVariable) -> Step:
    """The random input of the op that computes `rv`, and what it is when `rv` is x.

    Raises
    ------
    NotDerivable
        When `rv` is not random, when several inputs are, or when the op has no known inverse.
    """
    node = rv.owner
    places = [] if node is None else [i for i, v in enumerate(node.inputs) if is_random(v)]
    if node is None or not places:
        raise blocked(rv, "it is not random", "Give a variable made by a distribution, or an expression of one.")
    if len(places) > 1:
        names = ", ".join(str(node.inputs[i]) for i in places)
        raise blocked(
            rv,
            f"it combines several random variables ({names})",
            "Give values to all but one (pm.clone_replace), or name the parts as variables of the model.",
        )
    inner = node.inputs[places[0]]
    if not isinstance(node.op, Elementwise) or not isinstance(inner, TensorVariable):
        raise blocked(
            rv,
            "only elementwise functions are undone",
            "Use pm.CustomDist or pm.Potential with the log-density you want.",
        )
    if inner.type.shape != rv.type.shape:  # type: ignore[attr-defined]
        raise blocked(
            rv,
            f"one draw of shape {inner.type.shape} is stretched over {rv.type.shape}",  # type: ignore[attr-defined]
            "Make the variable of the full shape, with shape=....",
        )
    step = undo_unary(rv, inner, x) if len(node.inputs) == 1 else undo_binary(rv, places[0], x)
    return step._replace(possible=possible(rv, step, x))


def possible(rv: Variable, step: Step, x: TensorVariable) -> TensorVariable | None:
    """Whether x lies in the range of `rv`, and for discrete variables whether it is hit exactly."""
    b = bounds_of(rv)
    image = Interval("", (), 0, b.low, b.high, b.low_open, b.high_open)
    found = None if known(image, x) else image.check(x)
    if not is_discrete(step.inner):
        return found
    node = rv.owner
    inputs = [step.value if v is step.inner else v for v in node.inputs]  # type: ignore[union-attr]
    exact = eq(node.op(*inputs), x)  # type: ignore[union-attr]
    return exact if found is None else bitwise_and(found, exact)


def undo_unary(rv: Variable, inner: TensorVariable, x: TensorVariable) -> Step:
    """Undo a function of one number by its inverse; its slope follows from its pullback."""
    op: Elementwise = rv.owner.op  # type: ignore[union-attr, assignment]
    if op.name.startswith("cast_float"):
        return Step(inner, rounded(inner, x), as_tensor_variable(0.0), 1, None)
    rising, inverse = op.monotone, op.inverse
    if op.name in ("sqr", "abs") and known(nonnegative, inner):
        rising, inverse = 1, {"sqr": "sqrt", "abs": "abs"}[op.name]
    if op.name == "reciprocal" and (known(nonnegative, inner) or known(nonnegative, -inner)):
        rising = -1
    if inverse is None or op.pullbacks is None or op.pullbacks[0] is None:
        raise blocked(
            rv,
            f"{op.name} has no inverse on the range of {inner}",
            "Use pm.CustomDist or pm.Potential with the log-density you want.",
        )
    value = ELEMENTWISE[inverse](x)
    slope = op.pullbacks[0](as_tensor_variable(1.0), x, value)
    return Step(inner, rounded(inner, value), log(slope if known(positive, slope) else abs_(slope)), rising, None)


def rounded(inner: TensorVariable, value: TensorVariable) -> TensorVariable:
    """The value, or for a discrete variable the nearest whole number."""
    return round_half_to_even(value) if is_discrete(inner) and value.dtype.startswith("float") else value


def log_magnitude(a: TensorVariable) -> TensorVariable:
    """log |a|."""
    return log(a if known(positive, a) else abs_(a))


# For each op and place of the random input u beside a: u from the output x, log |dx/du|, and the direction.
BINARY: dict[tuple[str, int], Callable[[Any, Any], tuple[Any, Any, Any]]] = {
    ("add", 0): lambda x, a: (x - a, 0.0, 1),
    ("add", 1): lambda x, a: (x - a, 0.0, 1),
    ("sub", 0): lambda x, a: (x + a, 0.0, 1),
    ("sub", 1): lambda x, a: (a - x, 0.0, -1),
    ("mul", 0): lambda x, a: (x / a, log_magnitude(a), sign(a)),
    ("mul", 1): lambda x, a: (x / a, log_magnitude(a), sign(a)),
    ("true_div", 0): lambda x, a: (x * a, -log_magnitude(a), sign(a)),
    ("true_div", 1): lambda x, a: (a / x, 2.0 * log_magnitude(x) - log_magnitude(a), 0),
    ("pow", 1): lambda x, a: (log(x) / log(a), log(x) + log_magnitude(log(a)), sign(log(a))),
}


def undo_binary(rv: Variable, place: int, x: TensorVariable) -> Step:
    """Undo a function of the random variable and something given."""
    op, inputs = rv.owner.op, rv.owner.inputs  # type: ignore[union-attr]
    inner, other = inputs[place], inputs[1 - place]
    rule = BINARY.get((op.name, place))  # type: ignore[attr-defined]
    if (op.name, place) == ("pow", 0) and known(nonnegative, inner):  # type: ignore[attr-defined, arg-type]
        value = x ** (1.0 / other)  # type: ignore[operator]
        return Step(inner, rounded(inner, value), log_magnitude(other) + (other - 1.0) * log(value), sign(other), None)  # type: ignore[arg-type, operator]
    if rule is None:
        raise blocked(
            rv, f"{op} has no inverse in {inner}", "Use pm.CustomDist or pm.Potential with the log-density you want."
        )
    value, log_slope, rising = rule(x, other)
    return Step(inner, rounded(inner, value), as_tensor_variable(log_slope), rising, None)  # type: ignore[arg-type]
