"""Functions that map intervals to points: rounding, clipping, comparisons, casts to whole numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pellucid.stats.derivations.core import (
    WRITE_INSTEAD,
    Measure,
    blocked,
    derives,
    inner_point,
    log_interval,
    measure,
    number,
    only_random,
    random_inputs,
)
from pellucid.stats.derivations.monotone import Undone, check_one_to_one
from pellucid.tensor.arithmetic import bitwise_or, ceil, eq, floor, invert, neq, switch
from pellucid.tensor.reduce import max as max_
from pellucid.tensor.reduce import min as min_
from pellucid.tensor.shape import broadcast_arrays, stack
from pellucid.tensor.transcendental import log1mexp
from pellucid.tensor.types import TensorVariable


class Cell(NamedTuple):
    """The numbers that round to y: from `low` to `high`, and whether these ends belong to them."""

    low: Callable[[Any], Any]
    high: Callable[[Any], Any]
    includes_low: bool
    includes_high: bool


CELLS = {
    "floor": Cell(lambda y: y, lambda y: y + 1.0, True, False),
    "ceil": Cell(lambda y: y - 1.0, lambda y: y, False, True),
    "trunc": Cell(lambda y: y - (y <= 0), lambda y: y + (y >= 0), True, False),
    # At ties the neighbours differ by the rounding mode; a continuous variable does not meet them.
    "round_half_to_even": Cell(lambda y: y - 0.5, lambda y: y + 0.5, True, False),
    "round_half_away_from_zero": Cell(lambda y: y - 0.5, lambda y: y + 0.5, True, False),
}


class Rounded(Measure):
    """A continuous variable rounded to whole numbers: each has the probability of its cell."""

    discrete = True

    def __init__(self, rv: TensorVariable, how: str):
        super().__init__(rv)
        self.inner = measure(only_random(rv))
        self.cell = CELLS[how]
        if self.inner.event or self.inner.discrete:
            kind = "multivariate" if self.inner.event else "discrete"
            raise blocked(rv, f"{self.inner.rv} is {kind}", WRITE_INSTEAD)
        self.independent = self.inner.independent

    def log_density(self, x: TensorVariable) -> TensorVariable:
        low, high, *ends = self.cell
        y = floor(x) if x.dtype.startswith("float") else x
        return switch(eq(x, y), log_interval(self.inner, low(y), high(y), *ends), -np.inf)

    def log_tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        if above:
            least = ceil(x) if including else floor(x) + 1.0
            return self.inner.log_tail(self.cell.low(least), above=True, including=self.cell.includes_low)
        greatest = floor(x) if including else ceil(x) - 1.0
        return self.inner.log_tail(self.cell.high(greatest), above=False, including=self.cell.includes_high)

    def quantile(self, q: TensorVariable) -> TensorVariable:
        return self.rv.owner.op(self.inner.quantile(q))  # type: ignore[union-attr]


@derives(*CELLS)
def rounding_rule(rv: TensorVariable) -> Measure:
    """floor, ceil, trunc, round: of whole numbers these change nothing."""
    inner = only_random(rv)
    return Undone(rv, 0) if not inner.dtype.startswith("float") else Rounded(rv, rv.owner.op.name)  # type: ignore[union-attr, attr-defined]


@derives("cast")
def cast_rule(rv: TensorVariable) -> Measure:
    """A cast between floats, or of whole numbers, changes no value; one to integers drops what is after the point."""
    inner = only_random(rv)
    if rv.dtype == "bool":
        return measure(neq(inner, 0))
    whole = inner.dtype.startswith("float") and not rv.dtype.startswith("float")
    return Rounded(rv, "trunc") if whole else Undone(rv, 0)


class Clipped(Measure):
    """The larger (or the smaller) of X and a bound, which takes on all of the probability beyond it."""

    def __init__(self, rv: TensorVariable, place: int, *, from_below: bool):
        super().__init__(rv)
        inputs = rv.owner.inputs  # type: ignore[union-attr]
        check_one_to_one(rv, place)
        self.inner, self.bound, self.from_below = measure(inputs[place]), inputs[1 - place], from_below
        if self.inner.event:
            raise blocked(rv, f"{self.inner.rv} is multivariate", WRITE_INSTEAD)
        self.independent, self.discrete = self.inner.independent, self.inner.discrete
        self.mixed = not self.discrete

    def outside(self, x: TensorVariable) -> TensorVariable:
        """Where x cannot be."""
        return x < self.bound if self.from_below else x > self.bound

    def log_density(self, x: TensorVariable) -> TensorVariable:
        atom = self.inner.log_tail(self.bound, above=not self.from_below, including=True)  # type: ignore[arg-type]
        outside, at = self.outside(x), eq(x, self.bound)
        within = self.inner.log_density(switch(bitwise_or(outside, at), inner_point(self.inner.rv), x))
        return switch(outside, -np.inf, switch(at, atom, within))

    def log_tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        found = self.inner.log_tail(x, above=above, including=including)
        beyond = self.outside(x)
        if (including == above) == self.from_below:
            beyond = bitwise_or(beyond, eq(x, self.bound))
        return switch(beyond, 0.0 if above == self.from_below else -np.inf, found)

    def quantile(self, q: TensorVariable) -> TensorVariable:
        return self.rv.owner.op(self.inner.quantile(q), self.bound)  # type: ignore[union-attr]

    def is_atom(self, x: TensorVariable) -> TensorVariable | bool:
        below = self.inner.is_atom(x)
        here = eq(x, self.bound)
        return True if below is True else here if below is False else bitwise_or(here, below)


@derives("maximum", "minimum")
def clipping_rule(rv: TensorVariable) -> Measure:
    """The larger or smaller of a random variable and a bound; or of two independent random variables."""
    from_below = rv.owner.op.name == "maximum"  # type: ignore[union-attr, attr-defined]
    places = random_inputs(rv)
    if len(places) == 1:
        return Clipped(rv, places[0], from_below=from_below)
    both = stack(broadcast_arrays(*rv.owner.inputs))  # type: ignore[union-attr]
    return measure((max_ if from_below else min_)(both, axis=0))


class Truth(Measure):
    """Whether something holds of X: 1 or True with a probability known as its logarithm, and so is the opposite's."""

    discrete = True

    def __init__(self, rv: TensorVariable, inner: Measure):
        super().__init__(rv)
        if inner.event:
            raise blocked(rv, f"{inner.rv} is multivariate", WRITE_INSTEAD)
        self.independent = inner.independent

    def logs(self) -> tuple[TensorVariable, TensorVariable]:
        """log P(True) and log P(False)."""
        raise NotImplementedError

    def log_density(self, x: TensorVariable) -> TensorVariable:
        yes, no = self.logs()
        if x.dtype == "bool":
            return switch(x, yes, no)
        return switch(eq(x, 1), yes, switch(eq(x, 0), no, -np.inf))

    def log_tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        yes, no = self.logs()
        if above:
            all_, one = (x <= 0, x <= 1) if including else (x < 0, x < 1)
            return switch(all_, number(0.0), switch(one, yes, -np.inf))
        none, first = (x < 0, x < 1) if including else (x <= 0, x <= 1)
        return switch(none, number(-np.inf), switch(first, no, 0.0))


class Compared(Truth):
    """X < c and its kind."""

    def __init__(self, rv: TensorVariable, inner: Measure, bound: Any, *, above: bool, including: bool):
        super().__init__(rv, inner)
        self.inner, self.bound, self.above, self.including = inner, bound, above, including

    def logs(self) -> tuple[TensorVariable, TensorVariable]:
        yes = self.inner.log_tail(self.bound, above=self.above, including=self.including)
        return yes, self.inner.log_tail(self.bound, above=not self.above, including=not self.including)


class Equal(Truth):
    """X == c, or X != c, for an X with probabilities."""

    def __init__(self, rv: TensorVariable, inner: Measure, bound: Any, *, differs: bool):
        super().__init__(rv, inner)
        self.inner, self.bound, self.differs = inner, bound, differs
        if inner.is_atom(bound) is False:
            raise blocked(rv, f"{inner.rv} is continuous and equals a number with probability 0", "Compare with <.")

    def logs(self) -> tuple[TensorVariable, TensorVariable]:
        atom = self.inner.is_atom(self.bound)
        same = self.inner.log_density(self.bound)
        same = same if atom is True else switch(atom, same, -np.inf)
        other = log1mexp(same)
        return (other, same) if self.differs else (same, other)


COMPARISONS = {"lt": (False, False), "le": (False, True), "gt": (True, False), "ge": (True, True)}
"""Whether X is above the bound, and whether it may be equal, where X stands left."""


@derives(*COMPARISONS, "eq", "neq")
def comparison_rule(rv: TensorVariable) -> Measure:
    """A comparison of a random variable with something given."""
    name = rv.owner.op.name  # type: ignore[union-attr, attr-defined]
    places = random_inputs(rv)
    if len(places) == 2:
        left, right = rv.owner.inputs  # type: ignore[union-attr]
        raise blocked(rv, f"both {left} and {right} are random", "Give a value to one (pm.conditional_logp).")
    place = places[0]
    check_one_to_one(rv, place)
    inner, bound = measure(rv.owner.inputs[place]), rv.owner.inputs[1 - place]  # type: ignore[union-attr]
    if name not in COMPARISONS:
        return Equal(rv, inner, bound, differs=name == "neq")
    above, including = COMPARISONS[name]
    return Compared(rv, inner, bound, above=above == (place == 0), including=including)


class Opposite(Measure):
    """not B, for a random boolean B."""

    discrete = True

    def __init__(self, rv: TensorVariable):
        super().__init__(rv)
        self.inner = measure(only_random(rv))
        self.independent = self.inner.independent

    def log_density(self, x: TensorVariable) -> TensorVariable:
        return self.inner.log_density(invert(x) if x.dtype == "bool" else 1 - x)


@derives("invert")
def opposite_rule(rv: TensorVariable) -> Measure:
    """~B."""
    if rv.dtype != "bool":
        raise blocked(rv, f"{rv.owner.inputs[0]} is no boolean", "Write 1 - x, or compare it with a number.")  # type: ignore[union-attr]
    return Opposite(rv)
