"""Sums of independent variables of families that are closed under addition: a table of pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from pellucid.graph.intern import equal_computations
from pellucid.graph.nodes import Variable
from pellucid.graph.traverse import ancestors, graph_inputs
from pellucid.stats.bounds import evaluate_small
from pellucid.stats.derivations.core import Drawn, Measure, blocked, derives, is_random, random_inputs, sources
from pellucid.stats.derivations.monotone import elementwise_rule, stretches
from pellucid.stats.distribution import Distribution
from pellucid.stats.families.continuous import Cauchy, Normal
from pellucid.stats.families.discrete import Bernoulli, Binomial, NegativeBinomial, Poisson
from pellucid.stats.families.multivariate import MvNormal
from pellucid.stats.families.positive import ChiSquared, Exponential, Gamma
from pellucid.stats.recognise import distribution_of, is_draw
from pellucid.tensor.arithmetic import abs as abs_
from pellucid.tensor.arithmetic import sqr
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.linalg import cholesky, matmul
from pellucid.tensor.shape import matrix_transpose
from pellucid.tensor.transcendental import sqrt
from pellucid.tensor.types import Constant, TensorVariable


def same(a: Any, b: Any) -> bool:
    """Whether two parameters are the same expression, or of equal values known now."""
    if all(isinstance(v, Constant) for v in graph_inputs([a, b])):
        return bool(np.array_equal(evaluate_small(a), evaluate_small(b)))
    return equal_computations([a], [b])


def square(factor: Any) -> Any:
    """The covariance of a Cholesky factor."""
    return matmul(factor, matrix_transpose(factor))


SUMS: dict[type[Distribution], Callable[[Any, Any], Distribution | None]] = {
    Normal: lambda a, b: Normal.of(a.mu + b.mu, sqrt(sqr(a.sigma) + sqr(b.sigma))),
    Cauchy: lambda a, b: Cauchy.of(a.alpha + b.alpha, a.beta + b.beta),
    Gamma: lambda a, b: Gamma.of(a.alpha + b.alpha, a.scale) if same(a.scale, b.scale) else None,
    Poisson: lambda a, b: Poisson.of(a.mu + b.mu),
    Binomial: lambda a, b: Binomial.of(a.n + b.n, a.p) if same(a.p, b.p) else None,
    NegativeBinomial: lambda a, b: NegativeBinomial.of(a.mu + b.mu, a.alpha + b.alpha) if alike(a, b) else None,
    MvNormal: lambda a, b: MvNormal.of(a.mu + b.mu, cholesky(square(a.chol) + square(b.chol))),
}
"""The distribution of the sum of two independent variables of a family; None where their parameters do not fit."""

SPECIAL: dict[type[Distribution], Callable[[Any], Distribution]] = {
    Exponential: lambda d: Gamma.of(1.0, d.scale),
    ChiSquared: lambda d: Gamma.of(0.5 * d.nu, 2.0),
    Bernoulli: lambda d: Binomial.of(1, d.p),
}
"""Families that are others with a parameter fixed."""

SCALED: dict[type[Distribution], Callable[[Any, Any, Any], Distribution]] = {
    Normal: lambda d, shift, scale: Normal.of(scale * d.mu + shift, abs_(scale) * d.sigma),
    Cauchy: lambda d, shift, scale: Cauchy.of(scale * d.alpha + shift, abs_(scale) * d.beta),
}
"""The distribution of scale * X + shift."""


def alike(a: NegativeBinomial, b: NegativeBinomial) -> bool:
    """Whether the successes of two negative binomial variables are equally probable."""
    return same(a.mu, b.mu) and same(a.alpha, b.alpha)


def closed_form(rv: Variable) -> Distribution | None:
    """The distribution of a draw, of an affine function of one, or of a sum, where a family has it; else None."""
    if is_draw(rv):
        found = distribution_of(rv)
        return SPECIAL[type(found)](found) if type(found) in SPECIAL else found
    node = rv.owner
    if node is None or not isinstance(node.op, Elementwise):
        return None
    places = random_inputs(rv)
    if node.op.name in ("add", "sub") and len(places) == 2:
        return closed_sum(rv)
    if len(places) != 1 or stretches(node.inputs[places[0]], rv):
        return None
    inner = closed_form(node.inputs[places[0]])
    if inner is None or type(inner) not in SCALED:
        return None
    return scaled(inner, node.op.name, places[0], node.inputs)


def scaled(inner: Distribution, name: str, place: int, inputs: Any) -> Distribution | None:
    """The distribution of an affine function of a variable."""
    form = SCALED[type(inner)]
    if name == "neg":
        return form(inner, 0.0, -1.0)
    if len(inputs) != 2:
        return None
    other = inputs[1 - place]
    if name == "add":
        return form(inner, other, 1.0)
    if name == "sub":
        return form(inner, other, -1.0) if place else form(inner, -other, 1.0)
    if name == "mul":
        return form(inner, 0.0, other)
    return form(inner, 0.0, 1.0 / other) if name == "true_div" and place == 0 else None


def closed_sum(rv: Any) -> Distribution | None:
    """The distribution of the sum, or difference, of two independent variables of one shape."""
    first, second = rv.owner.inputs
    if stretches(first, rv) or stretches(second, rv) or not independent(first, second):
        return None
    a, b = closed_form(first), closed_form(second)
    if a is None or b is None or type(a) is not type(b):
        return None
    if rv.owner.op.name == "sub":
        if type(b) not in SCALED:
            return None
        b = SCALED[type(b)](b, 0.0, -1.0)
    form = SUMS.get(type(a))
    return None if form is None else form(a, b)


def independent(first: Variable, second: Variable) -> bool:
    """Whether no draw enters both, be it behind a parameter of one."""
    behind = [set(ancestors([v])) for v in (first, second)]
    return not (sources(first) & behind[1]) and not (sources(second) & behind[0])


class Sum(Drawn):
    """A sum of independent variables, whose distribution is known."""

    def __init__(self, rv: TensorVariable, distribution: Distribution):
        Measure.__init__(self, rv)
        self.distribution = distribution
        self.event = tuple(range(-distribution.law.ndim_supp, 0))
        self.discrete = distribution.discrete

    def origin(self, x: TensorVariable) -> dict[Variable, TensorVariable]:
        return {}


@derives("add", "sub")
def sum_rule(rv: TensorVariable) -> Measure:
    """A sum of two random variables by the table; with anything else it is undone like other functions."""
    if len(random_inputs(rv)) < 2:
        return elementwise_rule(rv)
    found = closed_sum(rv)
    return refuse(rv) if found is None else Sum(rv, found)


def refuse(rv: TensorVariable) -> NoReturn:
    """Say why the distribution of a sum is not known."""
    first, second = rv.owner.inputs  # type: ignore[union-attr]
    names = [name_of(v) for v in (first, second)]
    if not independent(first, second):
        why = "its terms are not independent"
    elif stretches(first, rv) or stretches(second, rv):
        why = "one draw is stretched over the elements of the other, which then depend on each other"
    else:
        why = f"it combines several random variables ({' and '.join(names)}), whose sum has no known distribution"
    raise blocked(
        rv, why, "Give values to all but one (pm.conditional_logp), or name the parts as variables of the model."
    )


def name_of(v: Variable) -> str:
    """The family of a variable, or what it is otherwise."""
    found = closed_form(v) if is_random(v) else None
    return str(v) if found is None else f"{v} of {type(found).__name__}"
