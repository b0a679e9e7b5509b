"""Elementwise functions that can be undone: the density follows from the slope, probabilities from the direction."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pellucid.graph.nodes import Variable
from pellucid.stats.bounds import bounds_of, known
from pellucid.stats.constraint import Interval, nonnegative, positive
from pellucid.stats.derivations.core import (
    WRITE_INSTEAD,
    Measure,
    all_event,
    blocked,
    check_pure,
    derives,
    inner_point,
    is_random,
    log_interval,
    measure,
    number,
    only_random,
    random_inputs,
    sum_event,
)
from pellucid.tensor.arithmetic import abs as abs_
from pellucid.tensor.arithmetic import bitwise_and, eq, isclose, round_half_to_even, sign, switch
from pellucid.tensor.check import CheckAndRaise
from pellucid.tensor.elementwise import ELEMENTWISE, Elementwise
from pellucid.tensor.shape import SpecifyShape
from pellucid.tensor.transcendental import log, logaddexp
from pellucid.tensor.types import Constant, TensorVariable, as_tensor_variable, constant


class Step(NamedTuple):
    """How one op is undone at a value.

    Attributes
    ----------
    value : variable
        What the random input must be for the output to have the value.
    log_slope : variable
        log |d output / d input| there.
    rising : variable or int
        1 where the output increases with the input, -1 where it decreases; 0 if it does neither.
    """

    value: TensorVariable
    log_slope: TensorVariable
    rising: Any


class Undone(Measure):
    """A one-to-one elementwise function of one random variable."""

    def __init__(self, rv: TensorVariable, place: int):
        super().__init__(rv)
        self.place = place
        self.inner = measure(rv.owner.inputs[place])  # type: ignore[union-attr]
        self.event, self.independent = self.inner.event, self.inner.independent
        self.discrete, self.mixed = self.inner.discrete, self.inner.mixed

    def undo(self, x: TensorVariable) -> Step:
        """The input for the output x."""
        inputs = self.rv.owner.inputs  # type: ignore[union-attr]
        step = undo_unary(self.rv, x) if len(inputs) == 1 else undo_binary(self.rv, self.place, x)
        return step._replace(value=self.rounded(step.value))

    def rounded(self, value: TensorVariable) -> TensorVariable:
        """The value, or for whole numbers the nearest one."""
        whole = self.discrete and not self.inner.rv.dtype.startswith("float")
        return round_half_to_even(value) if whole and value.dtype.startswith("float") else value

    def redo(self, value: TensorVariable) -> TensorVariable:
        """The output for an input."""
        node = self.rv.owner
        inputs = [value if i == self.place else v for i, v in enumerate(node.inputs)]  # type: ignore[union-attr]
        return node.op(*inputs)  # type: ignore[union-attr]

    def inside(self, x: TensorVariable) -> tuple[TensorVariable | None, TensorVariable]:
        """Where x lies in the range of the variable (None: everywhere), and x with another value of it elsewhere."""
        b = bounds_of(self.rv)
        image = Interval("", (), 0, b.low, b.high, b.low_open, b.high_open)
        if known(image, x):
            return None, x
        within = image.check(x)
        return within, switch(within, x, inner_point(self.rv))

    def log_density(self, x: TensorVariable) -> TensorVariable:
        within, x = self.inside(x)
        step = self.undo(x)
        found = self.inner.log_density(step.value)
        atom = self.inner.is_atom(step.value)
        if atom is not True:
            slope = step.log_slope if atom is False else switch(atom, 0.0, step.log_slope)
            found = found - sum_event(slope, self.inner)
        if self.discrete:
            hit = self.hits(step, x)
            within = hit if within is None else bitwise_and(within, hit)
        return found if within is None else switch(all_event(within, self.event), found, -np.inf)

    def hits(self, step: Step, x: TensorVariable) -> TensorVariable:
        """Whether a discrete variable takes on the value x itself.

        The tolerance is that of functions computed by different libraries; whole numbers lie far apart.
        """
        redone = self.redo(step.value)
        return isclose(redone, x, 1e-9, 0.0) if redone.dtype.startswith("float") else eq(redone, x)

    def is_atom(self, x: TensorVariable) -> TensorVariable | bool:
        return self.inner.is_atom(self.undo(x).value) if self.mixed else self.discrete

    def log_tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        step = self.monotone_step(self.inside(x)[1])
        same = self.inner.log_tail(step.value, above=above, including=including)
        if not is_one(step.rising):
            turned = self.inner.log_tail(step.value, above=not above, including=including)
            same = turned if is_minus_one(step.rising) else switch(step.rising > 0, same, turned)
        b = bounds_of(self.rv)
        if not np.isinf(b.high):
            same = switch(x >= b.high, -np.inf if above else 0.0, same)
        return same if np.isinf(b.low) else switch(x <= b.low, 0.0 if above else -np.inf, same)

    def origin(self, x: TensorVariable) -> dict[Variable, TensorVariable]:
        return self.inner.origin(self.undo(x).value)

    def monotone_step(self, x: TensorVariable) -> Step:
        """Undo the op, which must rise or fall throughout."""
        step = self.undo(x)
        if isinstance(step.rising, int) and step.rising == 0:
            raise blocked(self.rv, f"it neither rises nor falls with {self.inner.rv}", "Only its logp can be derived.")
        if self.discrete:
            raise blocked(self.rv, "it is a function of whole numbers", "Only its logp can be derived.")
        return step

    def quantile(self, q: TensorVariable) -> TensorVariable:
        step = self.monotone_step(self.rv)  # only the direction is read
        rising = step.rising
        inner = q if is_one(rising) else 1.0 - q if is_minus_one(rising) else switch(rising > 0, q, 1.0 - q)
        return self.redo(self.inner.quantile(inner))


def is_one(rising: Any) -> bool:
    """Whether a direction is known to be up."""
    return (isinstance(rising, int) and rising == 1) or (isinstance(rising, TensorVariable) and known(positive, rising))


def is_minus_one(rising: Any) -> bool:
    """Whether a direction is known to be down."""
    return (isinstance(rising, int) and rising == -1) or (
        isinstance(rising, TensorVariable) and known(positive, -rising)
    )


def undo_unary(rv: TensorVariable, x: TensorVariable) -> Step:
    """Undo a function of one number by its inverse; its slope follows from its pullback."""
    op: Elementwise = rv.owner.op  # type: ignore[union-attr, assignment]
    inner: Any = rv.owner.inputs[0]  # type: ignore[union-attr]
    if op.name.startswith("cast_"):
        return Step(x, number(0.0), 1)
    rising, inverse = op.monotone, op.inverse
    if op.name in EVEN and known(nonnegative, inner):
        rising, inverse = 1, EVEN[op.name]
    if op.name == "reciprocal" and (known(nonnegative, inner) or known(nonnegative, -inner)):
        rising = -1
    if inverse is None or op.pullbacks is None or op.pullbacks[0] is None:
        raise blocked(rv, f"{op.name} has no inverse on the range of {inner}", WRITE_INSTEAD)
    value = ELEMENTWISE[inverse](x)
    slope = op.pullbacks[0](as_tensor_variable(1.0), x, value)
    return Step(value, log(slope if known(positive, slope) else abs_(slope)), rising)


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
    ("pow", 0): lambda x, a: (x ** (1.0 / a), log_magnitude(a) + (1.0 - 1.0 / a) * log(x), sign(a)),
    ("pow", 1): lambda x, a: (log(x) / log(a), log(x) + log_magnitude(log(a)), sign(log(a))),
}


def undo_binary(rv: TensorVariable, place: int, x: TensorVariable) -> Step:
    """Undo a function of the random variable and something given."""
    op, inputs = rv.owner.op, rv.owner.inputs  # type: ignore[union-attr]
    inner, other = inputs[place], inputs[1 - place]
    rule = BINARY.get((op.name, place))  # type: ignore[attr-defined]
    if rule is None or ((op.name, place) == ("pow", 0) and not known(nonnegative, inner)):  # type: ignore[attr-defined, arg-type]
        raise blocked(rv, f"{op} has no inverse in {inner}", WRITE_INSTEAD)
    value, log_slope, rising = rule(x, other)
    return Step(value, as_tensor_variable(log_slope), rising)


def stretches(inner: Any, rv: Any) -> bool:
    """Whether one draw is repeated along an axis."""
    own, whole = inner.type.shape, rv.type.shape
    return len(own) != len(whole) or any(a == 1 and b != 1 for a, b in zip(own, whole, strict=True))


def check_one_to_one(rv: TensorVariable, place: int) -> None:
    """Refuse an elementwise function that repeats one draw, so that elements would depend on each other."""
    inner = rv.owner.inputs[place]  # type: ignore[union-attr]
    if stretches(inner, rv):
        raise blocked(
            rv,
            f"one draw of shape {inner.type.shape} is stretched over {rv.type.shape}",  # type: ignore[attr-defined]
            "Make the variable of the full shape, with shape=....",
        )


@derives(Elementwise)
def elementwise_rule(rv: TensorVariable) -> Measure:
    """Any elementwise function without a rule of its own: by its inverse, where it has one."""
    places = random_inputs(rv)
    place = places[0] if len(places) == 1 else 0
    only_random(rv, place)
    check_one_to_one(rv, place)
    found = Undone(rv, place)
    found.undo(rv)  # raises where it cannot be undone
    return found


@derives(SpecifyShape, CheckAndRaise, "disconnected_grad")
class Same(Measure):
    """A variable that is another one, perhaps with checks."""

    def __init__(self, rv: TensorVariable):
        super().__init__(rv)
        self.inner = measure(only_random(rv))
        self.event, self.independent = self.inner.event, self.inner.independent
        self.discrete, self.mixed = self.inner.discrete, self.inner.mixed

    def log_density(self, x: TensorVariable) -> TensorVariable:
        return self.inner.log_density(x)

    def log_tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        return self.inner.log_tail(x, above=above, including=including)

    def quantile(self, q: TensorVariable) -> TensorVariable:
        return self.inner.quantile(q)

    def origin(self, x: TensorVariable) -> dict[Variable, TensorVariable]:
        return self.inner.origin(x)

    def is_atom(self, x: TensorVariable) -> TensorVariable | bool:
        return self.inner.is_atom(x)


@derives("log10")
def decimal_logarithm_rule(rv: TensorVariable) -> Measure:
    """log10(X) is log(X) times a constant."""
    return measure(log(only_random(rv)) * (1.0 / math.log(10.0)))


class Reciprocal(Undone):
    """1 / X for an X of either sign: one-to-one, but falling on either side of 0."""

    def log_tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        zero, at = number(0.0), 1.0 / switch(eq(x, 0), 1.0, x)
        high = self.inner.log_tail(at, above=not above, including=including)  # the part on the same side as x
        one_side = self.inner.log_tail(zero, above=above, including=False)
        beyond = switch(x > 0, 1.0, -1.0) * (-1.0 if above else 1.0) > 0  # whether the other side of 0 counts too
        low, top = (zero, at) if above else (at, zero)
        within = log_interval(self.inner, low, top, including and not above, including and above)
        return switch(eq(x, 0), one_side, switch(beyond, logaddexp(one_side, high), within))


@derives("reciprocal")
def reciprocal_rule(rv: TensorVariable) -> Measure:
    """1 / X."""
    inner = only_random(rv)
    one_sign = known(nonnegative, inner) or known(nonnegative, -inner)
    return Undone(rv, 0) if one_sign else Reciprocal(rv, 0)


EVEN = {"abs": "abs", "sqr": "sqrt", "cosh": "arccosh"}
"""The even functions that rise from 0 on, and their inverses there."""


class Folded(Measure):
    """An even function of X that rises from 0 on: both X and -X lead to each value."""

    def __init__(self, rv: TensorVariable, root: Callable[[TensorVariable], TensorVariable]):
        super().__init__(rv)
        node = rv.owner
        self.inner = measure(node.inputs[0])  # type: ignore[union-attr]
        if self.inner.event:
            raise blocked(rv, f"{self.inner.rv} is multivariate, and each element may have either sign", WRITE_INSTEAD)
        check_pure(rv, self.inner)
        self.root, self.op, self.others = root, node.op, node.inputs[1:]  # type: ignore[union-attr]
        self.independent, self.discrete = self.inner.independent, self.inner.discrete

    def at(self, x: TensorVariable) -> tuple[TensorVariable, TensorVariable]:
        """Where x lies in the range, and the root there (elsewhere that of another value)."""
        least, inside = self.op(number(0.0), *self.others), self.op(number(1.0), *self.others)
        possible = x >= least
        return possible, self.root(switch(possible, x, inside))

    def log_density(self, x: TensorVariable) -> TensorVariable:
        possible, root = self.at(x)
        if self.discrete:
            root = round_half_to_even(root)
            possible = bitwise_and(possible, isclose(self.op(root, *self.others), x, 1e-9, 0.0))
        both = logaddexp(self.inner.log_density(root), self.inner.log_density(-root))
        if self.discrete:
            return switch(possible, switch(eq(root, 0), self.inner.log_density(root), both), -np.inf)
        if self.op.name == "abs":  # type: ignore[attr-defined]  # whose slope is 1 at 0 too, from either side
            return switch(possible, both, -np.inf)
        slope = self.op.pullbacks[0](number(1.0), x, root, *self.others)  # type: ignore[attr-defined]
        return switch(possible, both - log(abs_(slope)), -np.inf)

    def log_tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        possible, root = self.at(x)
        if above:
            parts = [self.inner.log_tail(v, above=v is root, including=including) for v in (root, -root)]
            return switch(possible, logaddexp(*parts), 0.0)
        return switch(possible, log_interval(self.inner, -root, root, including, including), -np.inf)


@derives(*EVEN)
def even_rule(rv: TensorVariable) -> Measure:
    """|X|, X**2, cosh X: one-to-one where X is not negative, else folded."""
    inner = only_random(rv)
    if known(nonnegative, inner):
        return Undone(rv, 0)
    return Folded(rv, ELEMENTWISE[EVEN[rv.owner.op.name]])  # type: ignore[union-attr, attr-defined]


class OddPower(Undone):
    """X to an odd power, for an X of either sign."""

    def undo(self, x: TensorVariable) -> Step:
        n = self.rv.owner.inputs[1]  # type: ignore[union-attr]
        size = abs_(x) ** (1.0 / n)  # type: ignore[operator]
        return Step(self.rounded(sign(x) * size), log(abs_(n)) + (n - 1.0) * log(size), 1)  # type: ignore[operator, arg-type]


@derives("pow")
def power_rule(rv: TensorVariable) -> Measure:
    """X ** n: by the sign that X can have, and for a whole number n by whether it is even."""
    base, exponent = rv.owner.inputs  # type: ignore[union-attr]
    if is_random(exponent) or known(nonnegative, base):  # type: ignore[arg-type]
        return elementwise_rule(rv)
    only_random(rv)
    check_one_to_one(rv, 0)
    values = np.unique(exponent.data) if isinstance(exponent, Constant) else np.empty(0)
    if values.size != 1 or values[0] != np.floor(values[0]) or values[0] == 0:
        raise blocked(rv, f"{base} may be negative, and the power {exponent} is no whole number known now",
                      "Write a constant power, or make the base positive.")  # fmt: skip
    if values[0] < 0:
        return measure(ELEMENTWISE["reciprocal"](base ** constant(-exponent.data)))  # type: ignore[operator]
    n = float(values[0])
    return Folded(rv, lambda x: x ** (1.0 / n)) if n % 2 == 0 else OddPower(rv, 0)


@derives("true_div")
def quotient_rule(rv: TensorVariable) -> Measure:
    """a / X for an X of either sign is a times its reciprocal, whose distribution function is known."""
    given, divisor = rv.owner.inputs  # type: ignore[union-attr]
    if is_random(given) or not is_random(divisor):
        return elementwise_rule(rv)
    check_one_to_one(rv, 1)
    return measure(given * ELEMENTWISE["reciprocal"](divisor))  # type: ignore[operator]
