"""Log-densities, distribution functions and quantiles of random variables, drawn or derived."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.nodes import Variable
from pellucid.graph.provenance import describe
from pellucid.stats import families
from pellucid.stats.bijection import Bijection
from pellucid.stats.bounds import bounds_of, known
from pellucid.stats.constraint import positive
from pellucid.stats.derived import NotDerivable, Step, is_discrete, undo
from pellucid.stats.distribution import BY_LAW, Distribution
from pellucid.tensor.arithmetic import switch
from pellucid.tensor.draws import Draw
from pellucid.tensor.elementwise import cast
from pellucid.tensor.reduce import all as all_
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import broadcast_to, dim
from pellucid.tensor.types import TensorVariable, as_tensor_variable


def is_draw(rv: Variable) -> bool:
    """Whether a variable is itself a draw from a law."""
    return rv.owner is not None and isinstance(rv.owner.op, Draw) and isinstance(rv, TensorVariable)


def distribution_of(rv: Variable) -> Distribution:
    """The distribution of a draw, with the draw's own inputs as parameters.

    Raises
    ------
    NotDerivable
        When `rv` is no draw, or its law has no distribution.

    Examples
    --------
    >>> from pellucid.stats import Normal
    >>> distribution_of(Normal.dist(1.0, 2.0))
    Normal(mu=1., sigma=2.)
    """
    if not is_draw(rv):
        raise NotDerivable(f"{rv} is no draw from a distribution{made_at(rv)}.")
    law = rv.owner.op.law  # type: ignore[union-attr]
    if law.density is not None:
        return law.density(law, *rv.owner.inputs[2:])  # type: ignore[union-attr]
    if law not in BY_LAW:
        families.load_all()
    if law not in BY_LAW:
        raise NotDerivable(f"No distribution is declared for the law {law.name} of {rv}{made_at(rv)}.")
    family, convert = BY_LAW[law]
    return family.of(*convert(*rv.owner.inputs[2:]))  # type: ignore[union-attr]


def made_at(rv: Variable) -> str:
    """Where a variable was made, for errors."""
    return f" (made at {describe(rv.owner.line)})" if rv.owner is not None else ""


def default_transform(rv: Variable) -> Bijection | None:
    """The bijection by which a draw is sampled unless the user says otherwise; None where none is needed.

    Its methods take ``(value, *rv.owner.inputs)``.
    """
    return distribution_of(rv).bijection()


def support_point(rv: Variable) -> TensorVariable:
    """A typical value of a draw, in its shape and dtype, computed from its parameters without drawing."""
    point = as_tensor_variable(distribution_of(rv).support_point())
    found = cast(point, rv.type.dtype)  # type: ignore[attr-defined]
    return broadcast_to(found, extents_of_draw(rv))


def mean(rv: Variable) -> TensorVariable:
    """The mean of a draw, in its shape."""
    return broadcast_to(as_tensor_variable(distribution_of(rv).mean()), extents_of_draw(rv))


def extents_of_draw(rv: Variable) -> Sequence[Any]:
    """The lengths of a draw, from its size or its parameters."""
    node = rv.owner
    if node is None:
        raise NotDerivable(f"{rv} is no draw from a distribution.")
    static = rv.type.shape  # type: ignore[attr-defined]
    if None not in static:
        return static
    lengths = [[dim(v, i) for i in range(v.ndim)] if isinstance(v, TensorVariable) else [] for v in node.inputs]
    found = node.op.infer_shape(node.inputs, lengths)[1]  # type: ignore[attr-defined]
    return [n if s is None else s for n, s in zip(found, static, strict=True)]


def as_value(rv: Variable, value: Any) -> TensorVariable:
    """A value as a tensor that can be compared with draws of `rv`."""
    if not isinstance(rv, TensorVariable):
        raise TypeError(f"{rv!r} is no random variable: make one with a distribution's .dist(...), or in a model.")
    found = as_tensor_variable(value)
    floating = rv.dtype.startswith("float")
    return cast(found, rv.dtype) if floating and not found.dtype.startswith("float") else found


def logp(rv: Variable, value: Any) -> TensorVariable:
    """The log-density (or log-probability) of a random variable at `value`, elementwise over the batch.

    Parameters
    ----------
    rv : variable
        A draw, or an invertible function of one draw: a + b * x, exp(x), sigmoid(x), ...
    value : variable, array or number

    Returns
    -------
    variable
        -inf outside the support. One number for each draw: the axes of a multivariate draw are summed over.

    Raises
    ------
    NotDerivable
        When the density cannot be derived; the message names the node that is in the way.

    Examples
    --------
    >>> import pellucid.stats as ps
    >>> print(ps.logp(ps.Normal.dist(0, 1), 0.0).eval().round(4))
    -0.9189
    """
    x = as_value(rv, value)
    return log_density(rv, x)


def log_density(rv: Variable, x: TensorVariable) -> TensorVariable:
    """The log-density at a value that is a tensor: of a draw its own, of an expression that of its random input."""
    if is_draw(rv):
        return distribution_of(rv).log_density(x)
    step = undo(rv, x)
    found = log_density(step.inner, step.value)
    if not is_discrete(rv):
        found = found - summed_over_support(step, found)
    return found if step.possible is None else switch(over_support(step.possible, found), found, -np.inf)


def summed_over_support(step: Step, density: TensorVariable) -> TensorVariable:
    """The log-slopes, added up over the axes of one multivariate draw."""
    axes = tuple(range(density.ndim - step.inner.ndim, 0))
    slope = step.log_slope
    if axes and slope.ndim < step.inner.ndim:
        slope = broadcast_to(slope, [dim(step.inner, i) for i in range(step.inner.ndim)])
    return sum_(slope, axis=axes) if axes else slope


def over_support(condition: TensorVariable, density: TensorVariable) -> TensorVariable:
    """A condition on elements as one on draws."""
    axes = tuple(range(density.ndim - condition.ndim, 0))
    return all_(condition, axis=axes) if axes else condition


def logcdf(rv: Variable, value: Any) -> TensorVariable:
    """The log of P(rv <= value), elementwise."""
    return log_probability(rv, as_value(rv, value), above=False)


def logccdf(rv: Variable, value: Any) -> TensorVariable:
    """The log of P(rv > value), elementwise; accurate in the upper tail."""
    return log_probability(rv, as_value(rv, value), above=True)


def log_probability(rv: Variable, x: TensorVariable, *, above: bool) -> TensorVariable:
    """log P(rv <= x), or log P(rv > x) when `above`."""
    if is_draw(rv):
        return distribution_of(rv).log_probability(x, above=above)
    step = monotone_step(rv, x)
    same = log_probability(step.inner, step.value, above=above)
    if not is_one(step.rising):
        turned = log_probability(step.inner, step.value, above=not above)
        same = turned if is_minus_one(step.rising) else switch(step.rising > 0, same, turned)
    return outside_range(rv, x, same, above=above)


def is_one(rising: Any) -> bool:
    """Whether a direction is known to be up."""
    return (isinstance(rising, int) and rising == 1) or (isinstance(rising, TensorVariable) and known(positive, rising))


def is_minus_one(rising: Any) -> bool:
    """Whether a direction is known to be down."""
    return (isinstance(rising, int) and rising == -1) or (
        isinstance(rising, TensorVariable) and known(positive, -rising)
    )


def monotone_step(rv: Variable, x: TensorVariable) -> Step:
    """Undo the last op, which must rise or fall throughout."""
    step = undo(rv, x)
    if isinstance(step.rising, int) and step.rising == 0:
        raise NotDerivable(
            f"{rv}{made_at(rv)} neither rises nor falls with {step.inner}: only its logp can be derived."
        )
    if is_discrete(rv):
        raise NotDerivable(f"{rv}{made_at(rv)} is a function of whole numbers: only its logp can be derived.")
    return step


def outside_range(rv: Variable, x: TensorVariable, found: TensorVariable, *, above: bool) -> TensorVariable:
    """`found` inside the range of `rv`; below it nothing, above it everything."""
    b = bounds_of(rv)
    if not np.isinf(b.high):
        found = switch(x >= b.high, -np.inf if above else 0.0, found)
    return found if np.isinf(b.low) else switch(x <= b.low, 0.0 if above else -np.inf, found)


def icdf(rv: Variable, q: Any) -> TensorVariable:
    """The quantile of `rv` at the probabilities `q`; NaN outside [0, 1]."""
    return quantile(rv, as_tensor_variable(q, dtype="float64"))


def quantile(rv: Variable, q: TensorVariable) -> TensorVariable:
    """The quantile at probabilities that are a tensor: the function of the quantile of its random input."""
    if is_draw(rv):
        return distribution_of(rv).quantile(q)
    step = monotone_step(rv, rv)  # type: ignore[arg-type]  # only the direction is read
    inner = q if is_one(step.rising) else 1.0 - q if is_minus_one(step.rising) else switch(step.rising > 0, q, 1.0 - q)
    node = rv.owner
    inputs = [quantile(step.inner, inner) if v is step.inner else v for v in node.inputs]  # type: ignore[union-attr]
    return node.op(*inputs)  # type: ignore[union-attr]
