"""Distributions of vectors of counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.stats.constraint import NonnegativeInteger, PositiveVector, Probabilities
from pellucid.stats.distribution import Distribution, distribution, name_in_model
from pellucid.stats.families.count_formulas import log_rising
from pellucid.stats.families.formulas import log_probabilities, times_log
from pellucid.stats.structures import counts
from pellucid.tensor.arithmetic import eq, floor, round_half_to_even, switch
from pellucid.tensor.create import arange
from pellucid.tensor.elementwise import cast
from pellucid.tensor.random_vectors import dirichlet_multinomial_law, multinomial_law
from pellucid.tensor.reduce import all as all_
from pellucid.tensor.reduce import argmax
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import concatenate, dim, expand_dims
from pellucid.tensor.special import gammaln
from pellucid.tensor.transcendental import expm1, log, sigmoid
from pellucid.tensor.types import TensorVariable, as_tensor_variable

__all__ = ["DirichletMultinomial", "Multinomial", "OrderedMultinomial"]


def counts_near(mean: TensorVariable, n: TensorVariable) -> TensorVariable:
    """Counts that sum to n, near their means: rounded, and what that leaves over given to the largest."""
    largest = eq(arange(dim(mean, mean.ndim - 1)), expand_dims(argmax(mean, axis=-1), -1))
    nearest, below = (whole + largest * (n - sum_(whole, axis=-1, keepdims=True))
                      for whole in (round_half_to_even(mean), floor(mean)))  # fmt: skip
    return switch(all_(nearest >= 0, axis=-1, keepdims=True), nearest, below)


@distribution
class Multinomial(Distribution):
    """How many of `n` throws fall into each class, with the probabilities `p` of the classes along its last axis.

    Examples
    --------
    >>> import pellucid.stats as ps
    >>> print(np.exp(ps.logp(ps.Multinomial.dist(3, [0.5, 0.5]), [2, 1]).eval()).round(4))
    0.375
    """

    n: NonnegativeInteger
    p: Probabilities
    support = counts
    law = multinomial_law
    formula = r"\frac{n!}{\prod x_i!} \prod p_i^{x_i}"
    source = "https://en.wikipedia.org/wiki/Multinomial_distribution"
    oracle = "stats.multinomial(n, p)"

    def logp(self, x: Any) -> Any:
        logs = log_probabilities(self.p)
        kernel = times_log(x, self.p) if logs.owner is None or logs.owner.inputs[0] is self.p else x * logs
        found = gammaln(self.n + 1.0) + sum_(kernel - gammaln(x + 1.0), axis=-1)
        return switch(eq(sum_(x, axis=-1), self.n), found, -np.inf)

    def mean(self) -> Any:
        return expand_dims(self.n, -1) * self.p

    def support_point(self) -> Any:
        return counts_near(self.mean(), cast(expand_dims(self.n, -1), "float64"))


@distribution
class DirichletMultinomial(Distribution):
    """How many of `n` throws fall into each class, with probabilities drawn from a Dirichlet law of `a`."""

    n: NonnegativeInteger
    a: PositiveVector
    support = counts
    law = dirichlet_multinomial_law
    formula = r"\frac{\Gamma(A) n!}{\Gamma(n + A)} \prod \frac{\Gamma(x_i + a_i)}{\Gamma(a_i) x_i!}, \quad A = \sum a_i"
    source = "https://en.wikipedia.org/wiki/Dirichlet-multinomial_distribution"
    oracle = "stats.dirichlet_multinomial(a, n)"

    def logp(self, x: Any) -> Any:
        # The density of Multinomial(n, a / A), which it tends to, and what large concentrations take away.
        whole = sum_(self.a, axis=-1)
        each = x * log(self.a / expand_dims(whole, -1)) - gammaln(x + 1.0) + log_rising(self.a, x)
        found = gammaln(self.n + 1.0) - log_rising(whole, self.n) + sum_(each, axis=-1)
        return switch(eq(sum_(x, axis=-1), self.n), found, -np.inf)

    def mean(self) -> Any:
        return expand_dims(self.n, -1) * self.a / sum_(self.a, axis=-1, keepdims=True)

    def support_point(self) -> Any:
        return counts_near(self.mean(), cast(expand_dims(self.n, -1), "float64"))


def between_cutpoints(eta: Any, cutpoints: Any) -> TensorVariable:
    """The probabilities of the classes that `cutpoints` separate on the logistic scale around `eta`.

    With a and b the scaled ends of a class, sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), in which
    nothing cancels.
    """
    ends = as_tensor_variable(cutpoints) - expand_dims(as_tensor_variable(eta), -1)
    upper, lower = ends[..., 1:], ends[..., :-1]
    inner = sigmoid(upper) * sigmoid(-lower) * -expm1(lower - upper)
    return concatenate([sigmoid(ends[..., :1]), inner, sigmoid(-ends[..., -1:])], axis=-1)


class OrderedMultinomial(Multinomial):
    """Counts of `n` throws over ordered classes, which `cutpoints` separate on the logistic scale around `eta`.

    In a model the probabilities of the classes are the deterministic ``<name>_probs``, unless ``compute_p=False``.
    """

    def __new__(cls, name: str, *args: Any, compute_p: bool = True, **options: Any) -> TensorVariable:
        found = super().__new__(cls, name, *args, **options)
        if compute_p:
            name_in_model(f"{name}_probs", found.owner.inputs[-1], options.get("dims"))  # type: ignore[union-attr]
        return found

    @classmethod
    def dist(cls, eta: Any, cutpoints: Any, n: Any, **options: Any) -> TensorVariable:
        """A draw without a model; see :meth:`Distribution.dist` for the options."""
        return Multinomial.dist(n, between_cutpoints(eta, cutpoints), **options)
