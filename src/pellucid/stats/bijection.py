"""One-to-one maps between sets and the real numbers, with the logarithms of their Jacobian determinants."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pellucid.stats.constraint import (
    Constraint,
    angle,
    nonnegative,
    open_unit_interval,
    positive,
    unit_interval,
)
from pellucid.stats.constraint import (
    Interval as IntervalConstraint,
)
from pellucid.stats.constraint import (
    simplex as simplex_set,
)
from pellucid.tensor.create import zeros_like
from pellucid.tensor.cumulate import cumsum
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import concatenate, dim
from pellucid.tensor.softmax import logsumexp, softmax
from pellucid.tensor.transcendental import arctan2, cos, exp, log, log_expm1, logit, sigmoid, sin, softplus
from pellucid.tensor.types import Constant, TensorVariable, as_tensor_variable


class Bijection:
    """A map from a constrained set to the real numbers and back.

    `forward` takes a constrained value to an unconstrained one, `backward` undoes it, and `log_jac_det` is
    log |d backward / d value| at an unconstrained value. Each takes, after the value, the inputs of the draw
    (rng, size, and the parameters of its law) from which bounds may follow. A subclass written by a user defines
    these three methods and `name`.

    Attributes
    ----------
    name : str
        How the unconstrained variable is called: that of `sigma` under :class:`Log` is ``sigma_log__``.
    ndim_supp : int
        The number of last axes of the value that `log_jac_det` sums over; 0 for elementwise maps.
    """

    name: str = ""
    ndim_supp: int = 0

    def forward(self, value: Any, *inputs: Any) -> TensorVariable:
        """The unconstrained value."""
        raise NotImplementedError

    def backward(self, value: Any, *inputs: Any) -> TensorVariable:
        """The constrained value."""
        raise NotImplementedError

    def log_jac_det(self, value: Any, *inputs: Any) -> TensorVariable:
        """log |d backward / d value|."""
        raise NotImplementedError

    def value_name(self, name: str) -> str:
        """What the unconstrained variable of `name` is called, as in PyMC."""
        return f"{name}_{self.name}__"

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


Transform = Bijection


class Log(Bijection):
    """Positive numbers by their logarithm."""

    name = "log"

    def forward(self, value: Any, *inputs: Any) -> TensorVariable:
        return log(value)

    def backward(self, value: Any, *inputs: Any) -> TensorVariable:
        return exp(value)

    def log_jac_det(self, value: Any, *inputs: Any) -> TensorVariable:
        return as_tensor_variable(value)


class LogExpM1(Bijection):
    """Positive numbers by the inverse of softplus, which is nearly linear for large ones."""

    name = "log_exp_m1"

    def forward(self, value: Any, *inputs: Any) -> TensorVariable:
        return log_expm1(value)

    def backward(self, value: Any, *inputs: Any) -> TensorVariable:
        return softplus(value)

    def log_jac_det(self, value: Any, *inputs: Any) -> TensorVariable:
        return -softplus(-as_tensor_variable(value))


class LogOdds(Bijection):
    """Numbers in (0, 1) by their log odds."""

    name = "logodds"

    def forward(self, value: Any, *inputs: Any) -> TensorVariable:
        return logit(value)

    def backward(self, value: Any, *inputs: Any) -> TensorVariable:
        return sigmoid(value)

    def log_jac_det(self, value: Any, *inputs: Any) -> TensorVariable:
        value = as_tensor_variable(value)
        return -softplus(value) - softplus(-value)


BoundsFunction = Callable[..., tuple[Any, Any]]


class Interval(Bijection):
    """Numbers between two bounds, either of which may be missing.

    Parameters
    ----------
    lower, upper : number, tensor or None
        The bounds; None for no bound.
    bounds_fn : callable, optional
        In place of numbers: a function of the draw's inputs ``(rng, size, *parameters)`` that returns both bounds.

    Examples
    --------
    >>> Interval(1.0, 3.0).forward(2.0).eval()
    array(0.)
    """

    name = "interval"

    def __init__(self, lower: Any = None, upper: Any = None, *, bounds_fn: BoundsFunction | None = None):
        if callable(lower) and bounds_fn is None:  # PyMC's Interval(bounds_fn)
            function: Any = lower
            lower, bounds_fn = None, function
        if bounds_fn is None and lower is None and upper is None:
            raise ValueError(
                "An interval without bounds is the whole line: pass transform=None instead, or give a bound."
            )
        self.lower, self.upper, self.bounds_fn = lower, upper, bounds_fn

    def bounds(self, inputs: Sequence[Any]) -> tuple[Any, Any]:
        """The two bounds; None where there is none."""
        if self.bounds_fn is None:
            return self.lower, self.upper
        low, high = self.bounds_fn(*inputs)
        return without_infinity(low), without_infinity(high)

    def forward(self, value: Any, *inputs: Any) -> TensorVariable:
        low, high = self.bounds(inputs)
        value = as_tensor_variable(value)
        if low is None:
            return log(high - value)
        return log(value - low) if high is None else log(value - low) - log(high - value)

    def backward(self, value: Any, *inputs: Any) -> TensorVariable:
        low, high = self.bounds(inputs)
        if low is None:
            return high - exp(value)
        return exp(value) + low if high is None else sigmoid(value) * difference(high, low) + low

    def log_jac_det(self, value: Any, *inputs: Any) -> TensorVariable:
        low, high = self.bounds(inputs)
        value = as_tensor_variable(value)
        if low is None or high is None:
            return value
        # log sigmoid(v) + log sigmoid(-v), of which one softplus is enough.
        return log(difference(high, low)) - 2.0 * softplus(-value) - value

    def __repr__(self) -> str:
        return f"Interval({self.lower}, {self.upper})" if self.bounds_fn is None else "Interval(bounds_fn)"


def without_infinity(bound: Any) -> Any:
    """None for a bound that is known to be infinite, else the bound."""
    data = bound.data if isinstance(bound, Constant) else bound if isinstance(bound, float) else None
    if data is not None and getattr(data, "ndim", 0) == 0 and math.isinf(data):
        return None
    return bound


def difference(high: Any, low: Any) -> TensorVariable:
    """high - low, computed now where both are known."""
    if isinstance(high, Constant) and isinstance(low, Constant):
        return as_tensor_variable(high.data - low.data)
    return as_tensor_variable(high) - low


class Simplex(Bijection):
    """Probabilities by the logarithms of all but the last, centred: n numbers become n - 1.

    The value y stands for softmax(y, -sum(y)), as in PyMC; log |det| = log n + the sum of the log probabilities.
    """

    name = "simplex"
    ndim_supp = 1

    def forward(self, value: Any, *inputs: Any) -> TensorVariable:
        logs = log(value)
        return logs[..., :-1] - logs.mean(-1, keepdims=True)

    def complete(self, value: Any) -> TensorVariable:
        """The value with the last, dependent, number."""
        value = as_tensor_variable(value)
        return concatenate([value, -sum_(value, -1, keepdims=True)], axis=-1)

    def backward(self, value: Any, *inputs: Any) -> TensorVariable:
        return softmax(self.complete(value), axis=-1)

    def log_jac_det(self, value: Any, *inputs: Any) -> TensorVariable:
        full = self.complete(value)
        n = full.type.shape[-1]
        n = as_tensor_variable(float(n)) if n is not None else dim(full, full.ndim - 1).astype("float64")
        return log(n) - n * logsumexp(full, axis=-1)


class Ordered(Bijection):
    """Increasing numbers by the first and the logarithms of the steps.

    Parameters
    ----------
    positive : bool
        Whether the first number is positive, and is represented by its logarithm too.
    ascending : bool
        False for decreasing numbers.
    """

    name = "ordered"
    ndim_supp = 1

    def __init__(self, *, positive: bool = False, ascending: bool = True):
        self.positive, self.ascending = positive, ascending

    def forward(self, value: Any, *inputs: Any) -> TensorVariable:
        value = as_tensor_variable(value)
        value = value if self.ascending else value[..., ::-1]
        first = log(value[..., :1]) if self.positive else value[..., :1]
        return concatenate([first, log(value[..., 1:] - value[..., :-1])], axis=-1)

    def backward(self, value: Any, *inputs: Any) -> TensorVariable:
        value = as_tensor_variable(value)
        steps = exp(value) if self.positive else concatenate([value[..., :1], exp(value[..., 1:])], axis=-1)
        found = cumsum(steps, axis=-1)
        return found if self.ascending else found[..., ::-1]

    def log_jac_det(self, value: Any, *inputs: Any) -> TensorVariable:
        value = as_tensor_variable(value)
        return sum_(value if self.positive else value[..., 1:], axis=-1)

    def __repr__(self) -> str:
        return f"Ordered(positive={self.positive}, ascending={self.ascending})"


class Circular(Bijection):
    """Angles in [-pi, pi] by any angle of the same direction. Not one-to-one, but each turn has the same density."""

    name = "circular"

    def forward(self, value: Any, *inputs: Any) -> TensorVariable:
        return as_tensor_variable(value)

    def backward(self, value: Any, *inputs: Any) -> TensorVariable:
        return arctan2(sin(value), cos(value))

    def log_jac_det(self, value: Any, *inputs: Any) -> TensorVariable:
        return zeros_like(as_tensor_variable(value))


class Chain(Bijection):
    """Bijections one after another: `forward` applies them in order, `backward` undoes them in reverse.

    Parameters
    ----------
    bijections : sequence of Bijection
    """

    def __init__(self, bijections: Sequence[Bijection]):
        if not bijections:
            raise ValueError("A chain needs at least one bijection; pass transform=None for none.")
        self.bijections = tuple(bijections)
        self.name = "+".join(b.name for b in self.bijections)
        self.ndim_supp = max(b.ndim_supp for b in self.bijections)

    def forward(self, value: Any, *inputs: Any) -> TensorVariable:
        for b in self.bijections:
            value = b.forward(value, *inputs)
        return as_tensor_variable(value)

    def backward(self, value: Any, *inputs: Any) -> TensorVariable:
        for b in reversed(self.bijections):
            value = b.backward(value, *inputs)
        return as_tensor_variable(value)

    def log_jac_det(self, value: Any, *inputs: Any) -> TensorVariable:
        value, total = as_tensor_variable(value), None
        for b in reversed(self.bijections):
            term = b.log_jac_det(value, *inputs)
            for _ in range(self.ndim_supp - b.ndim_supp):
                term = sum_(term, axis=-1)
            total = term if total is None else total + term
            value = b.backward(value, *inputs)
        return as_tensor_variable(total)

    def __repr__(self) -> str:
        return f"Chain({list(self.bijections)})"


def with_jacobian(density: TensorVariable, slope: TensorVariable, bijection: Bijection, ndim: int) -> TensorVariable:
    """The density of an unconstrained value, from that of a variable of `ndim` axes and the logarithm of the Jacobian.

    Both are summed over the axes that are one event to either.

    Ordered means, for instance, have three densities but one Jacobian; added as they are it would count three times.
    """
    excess = bijection.ndim_supp - (ndim - density.type.ndim)
    for _ in range(excess):
        density = sum_(density, axis=-1)
    for _ in range(min(-excess, slope.type.ndim)):
        slope = sum_(slope, axis=-1)
    return density + slope


# The bijections that need no arguments, as values: `transform=pm.distributions.transforms.log` in PyMC.
log_ = Log()
logodds = LogOdds()
log_exp_m1 = LogExpM1()
simplex = Simplex()
ordered = Ordered()
circular = Circular()

BIJECTIONS: dict[Constraint, Bijection] = {
    positive: log_, nonnegative: log_, unit_interval: logodds, open_unit_interval: logodds, angle: circular,
    simplex_set: simplex,
}  # fmt: skip
"""The one table of defaults: the bijection by which a distribution with this support is sampled."""


def default_bijection(support: Constraint, owner: Any) -> Bijection | None:
    """The bijection of a support; None where values need none (the whole line) or can have none (whole numbers).

    Bounds that are parameters of `owner`, a distribution, are read again from the inputs of the draw at hand, so that
    the bijection follows them when a model replaces these.
    """
    if support in BIJECTIONS:
        return BIJECTIONS[support]
    if (
        not isinstance(support, IntervalConstraint)
        or support.integer
        or (support.lower, support.upper) == (-math.inf, math.inf)
    ):
        return None
    if support.upper == math.inf and is_zero(support.bounds(owner)[0]):
        return log_
    return Interval(bounds_fn=partial(support_bounds, support, type(owner)))


def support_bounds(support: Any, family: Any, rng: Any, size: Any, *parameters: Any) -> tuple[Any, Any]:
    """The bounds of a support that depends on a draw's parameters; a function of its own, so that it can be pickled."""
    return support.bounds(family.of(*parameters))


def is_zero(bound: Any) -> bool:
    """Whether a bound is known to be 0."""
    return isinstance(bound, Constant) and not bound.data.any()
