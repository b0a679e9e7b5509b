"""Ordered classes: where a latent variable around `eta` falls between cutpoints."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import numpy as np

from pellucid.stats.constraint import Positive, Real, Structured, interval
from pellucid.stats.distribution import Distribution, distribution, name_in_model
from pellucid.tensor.arithmetic import clip, eq, ge, gt, maximum, minimum, switch
from pellucid.tensor.create import arange
from pellucid.tensor.draws import law
from pellucid.tensor.reduce import all as all_
from pellucid.tensor.reduce import argmax
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import concatenate, dim, expand_dims
from pellucid.tensor.special import log_ndtr
from pellucid.tensor.transcendental import exp, log1mexp, softplus
from pellucid.tensor.types import TensorVariable, as_tensor_variable, constant

increasing = Structured(
    "a vector of numbers none of which is below the one before",
    ([-1.0, 0.5, 2.0], [0.0, 0.0], [3.0]),
    1,
    lambda c: all_(ge(c[..., 1:], c[..., :-1]), axis=-1),
)
Increasing = Annotated[Any, increasing]


FAR = 800.0  # exp(-FAR) is 0
FEW = 16  # cutpoints


class Ordered(Distribution):
    """What ordered classes share: `cutpoints` separate the values of a symmetric latent variable around `eta`.

    In a model the probabilities of the classes are the deterministic ``<name>_probs``, unless ``compute_p=False``.
    """

    eta: Any
    cutpoints: Any
    sigma: Any = None
    support = interval(0.0, "last", integer=True)

    def __new__(cls, name: str, *args: Any, compute_p: bool = True, **options: Any) -> TensorVariable:
        found = super().__new__(cls, name, *args, **options)
        if compute_p:
            name_in_model(f"{name}_probs", cls.of(*found.owner.inputs[2:]).probabilities())  # type: ignore[union-attr]
        return found

    def log_below(self, z: Any) -> Any:
        """The log of the latent variable's distribution function, in its own units."""
        raise NotImplementedError

    def log_between(self, low: Any, high: Any) -> Any:
        """The log of the latent variable's probability between two values, from the tail that is smaller."""
        upper_tail = gt(low, 0.0)
        low, high = switch(upper_tail, -high, low), switch(upper_tail, -low, high)
        most = self.log_below(high)
        return most + log1mexp(self.log_below(low) - most)

    @property
    def last(self) -> TensorVariable:
        """The greatest class."""
        n = self.cutpoints.type.shape[-1]
        return dim(self.cutpoints, self.cutpoints.ndim - 1) if n is None else constant(n)

    def scaled(self, distance: Any, sigma: Any) -> Any:
        """A distance from `eta` in the units of the latent variable."""
        return distance if sigma is None else distance / sigma

    def ends(self) -> Any:
        """All cutpoints in these units, along the last axis."""
        sigma = None if self.sigma is None else expand_dims(self.sigma, -1)
        return self.scaled(self.cutpoints - expand_dims(self.eta, -1), sigma)

    def end(self, k: Any) -> Any:
        """Cutpoint number k in these units; the nearest one where there is none of that number.

        A few cutpoints are chosen from one after another, which compiles to vector instructions.
        """
        k, n = as_tensor_variable(k), self.cutpoints.type.shape[-1]
        if n is not None and 0 < n <= FEW:
            chosen = self.cutpoints[..., 0]
            for j in range(1, n):
                chosen = switch(ge(k, j), self.cutpoints[..., j], chosen)
        else:
            places = eq(expand_dims(clip(k, 0, self.last - 1), -1), arange(self.last))
            chosen = sum_(switch(places, self.cutpoints, 0.0), axis=-1)
        return self.scaled(chosen - self.eta, self.sigma)

    def logp(self, x: Any) -> Any:
        low, high = self.end(x - 1), self.end(x)
        below = 2.0 * minimum(high, 0.0) - FAR  # the outermost classes end so far out that nothing lies beyond
        above = 2.0 * maximum(low, 0.0) + FAR
        return self.log_between(switch(eq(x, 0), below, low), switch(eq(x, self.last), above, high))

    def logcdf(self, x: Any) -> Any:
        return self.log_below(self.end(x))

    def logccdf(self, x: Any) -> Any:
        return self.log_below(-self.end(x))

    def probabilities(self) -> TensorVariable:
        """The probabilities of the classes, along the last axis."""
        ends = self.ends()
        inner = self.log_between(ends[..., :-1], ends[..., 1:])
        return exp(concatenate([self.log_below(ends[..., :1]), inner, self.log_below(-ends[..., -1:])], axis=-1))

    def mean(self) -> Any:
        return sum_(exp(self.log_below(-self.ends())), axis=-1)

    def support_point(self) -> Any:
        return argmax(self.probabilities(), axis=-1)


def classes(latent: np.ndarray, eta: np.ndarray, cutpoints: np.ndarray) -> np.ndarray:
    """How many cutpoints lie below eta + latent."""
    return ((eta + latent)[..., None] > cutpoints).sum(-1)


ordered_logistic_law = law(
    "ordered_logistic",
    "eta cutpoints",
    lambda rng, size, eta, cutpoints: classes(rng.logistic(size=size), eta, cutpoints),
    dtype="int64",
    core=(0, 1),
)
ordered_probit_law = law(
    "ordered_probit",
    "eta cutpoints sigma",
    lambda rng, size, eta, cutpoints, sigma: classes(rng.normal(0.0, sigma, size), eta, cutpoints),
    dtype="int64",
    core=(0, 1, 0),
)


@distribution
class OrderedLogistic(Ordered):
    """Classes 0, 1, ... that `cutpoints` separate, of which class k or below has log odds `cutpoints`[k] - `eta`.

    In a model the probabilities of the classes are the deterministic ``<name>_probs``, unless ``compute_p=False``.

    Examples
    --------
    >>> import pellucid.stats as ps
    >>> print(ps.logp(ps.OrderedLogistic.dist(eta=0.3, cutpoints=[-1.0, 0.5, 2.0]), [0, 1, 2, 3]).eval().round(3))
    [-1.541 -1.092 -1.218 -1.868]
    """

    eta: Real
    cutpoints: Increasing
    law = ordered_logistic_law
    formula = r"\sigma(c_x - \eta) - \sigma(c_{x-1} - \eta), \quad c_{-1} = -\infty,\ c_{K-1} = \infty"
    source = "https://en.wikipedia.org/wiki/Ordered_logit"

    def log_below(self, z: Any) -> Any:
        return -softplus(-z)

    def log_between(self, low: Any, high: Any) -> Any:
        return log1mexp(low - high) - softplus(-high) - softplus(low)  # sigmoid(h) sigmoid(-l) (1 - exp(l - h))


@distribution
class OrderedProbit(Ordered):
    """Classes 0, 1, ... that `cutpoints` separate on the line of a normal variable of mean `eta`, deviation `sigma`.

    In a model the probabilities of the classes are the deterministic ``<name>_probs``, unless ``compute_p=False``.
    """

    eta: Real
    cutpoints: Increasing
    sigma: Positive = 1.0
    law = ordered_probit_law
    formula = r"\Phi\left(\frac{c_x - \eta}{\sigma}\right) - \Phi\left(\frac{c_{x-1} - \eta}{\sigma}\right)"
    source = "https://en.wikipedia.org/wiki/Ordered_probit"

    def log_below(self, z: Any) -> Any:
        return log_ndtr(z)


for family in (OrderedLogistic, OrderedProbit):
    own = [
        *family.__signature__.parameters.values(),
        inspect.Parameter("compute_p", inspect.Parameter.KEYWORD_ONLY, default=True),
    ]
    family.__signature__ = inspect.Signature(own)
