"""Distributions that can be simulated but have no density: a pseudo-likelihood from the distance to the data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pellucid.graph.provenance import describe, user_line
from pellucid.stats.families.custom import Axes, CustomDist, names_of, read_signature
from pellucid.stats.families.custom_graph import Recipe
from pellucid.tensor.arithmetic import abs as abs_
from pellucid.tensor.arithmetic import sqr
from pellucid.tensor.draws import draw, lengths
from pellucid.tensor.host import wrap_py
from pellucid.tensor.indexing import sort
from pellucid.tensor.reduce import mean
from pellucid.tensor.reduce import min as min_
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import dim
from pellucid.tensor.statistics import median
from pellucid.tensor.transcendental import log, sqrt
from pellucid.tensor.types import TensorType, TensorVariable, as_tensor_variable

SIMULATIONS = 10
"""So many are averaged for the value where a sampler starts, as in PyMC."""


def gaussian(epsilon: Any, observed: Any, simulated: Any) -> TensorVariable:
    """-((observed - simulated) / epsilon)**2 / 2."""
    return -0.5 * sqr((observed - simulated) / epsilon)


def laplace(epsilon: Any, observed: Any, simulated: Any) -> TensorVariable:
    """-|observed - simulated| / epsilon."""
    return -abs_((observed - simulated) / epsilon)


def kullback_leibler(epsilon: Any, observed: Any, simulated: Any) -> TensorVariable:
    """Minus an estimate of the divergence of the simulated points from the observed ones, over epsilon.

    Source: Pérez-Cruz, Kullback-Leibler divergence estimation of continuous distributions (2008), with the nearest
    neighbours: d/n sum log(distance to simulated / distance to observed) + log(m / (n - 1)).
    """
    points, others = as_points(observed), as_points(simulated)
    n, d, m = dim(points, 0), dim(points, 1), dim(others, 0)
    near = sqrt(min_(squared_distances(points, others), axis=1))
    own = sqrt(sort(squared_distances(points, points), axis=1)[:, 1])
    return -(d / n * sum_(log(near / own)) + log(m / (n - 1.0))) / epsilon


def as_points(x: Any) -> TensorVariable:
    """Data as points, one in each row."""
    x = as_tensor_variable(x)
    return x[:, None] if x.ndim == 1 else x


def squared_distances(a: TensorVariable, b: TensorVariable) -> TensorVariable:
    """The squared distances of the rows of a from those of b."""
    return sum_(sqr(a[:, None, :] - b[None, :, :]), axis=-1)


def identity(x: Any) -> Any:
    """The data themselves."""
    return x


DISTANCES: dict[str, Callable[..., Any]] = {
    "gaussian": gaussian, "laplace": laplace, "kullback_leibler": kullback_leibler,
}  # fmt: skip
STATISTICS: dict[str, Callable[..., Any]] = {"identity": identity, "sort": sort, "mean": mean, "median": median}


@dataclass(frozen=True)
class Simulation(Recipe):
    """What a user said of a simulator, beside the function that draws."""

    distance: Callable[..., Any] = gaussian
    sum_stat: Callable[..., Any] = identity


class Simulator(CustomDist):
    r"""A distribution that can be drawn from, with a pseudo-likelihood in place of a density.

    Parameters
    ----------
    fn : callable
        ``fn(rng, *arrays, size)`` returns an array of draws; `size` is the shape of the batch.
    *unnamed_params : tensor
        The parameters; or as a sequence, by the name `params`.
    distance : str or callable
        "gaussian", "laplace", "kullback_leibler", or a function of epsilon and of the statistics of the observed and of
        the simulated data: of tensors, or of arrays.
    sum_stat : str or callable
        "identity", "sort", "mean", "median", or a function of the data: of a tensor, or of an array (then it returns
        a vector).
    epsilon : tensor
        The scale of the distance.
    signature, ndim_supp, ndims_params, dtype, class_name
        As in :class:`CustomDist`.

    Notes
    -----
    The pseudo-likelihood is random: each evaluation simulates anew. It is for sequential Monte Carlo (approximate
    Bayesian computation), not for samplers that follow gradients. "gaussian" is :math:`-\tfrac12 ((s(x) -
    s(x'))/\epsilon)^2`, for simulated data x'; "laplace" is :math:`-|s(x) - s(x')|/\epsilon`.

    Source: https://en.wikipedia.org/wiki/Approximate_Bayesian_computation

    Examples
    --------
    >>> import pellucid as pm
    >>> x = pm.Simulator.dist(lambda rng, mu, size: rng.normal(mu, 1, size), 2.0, sum_stat="mean", size=10_000)
    >>> bool(abs(pm.logp(x, [2.0] * 10_000).eval()) < 0.01)
    True
    """

    @classmethod
    def dist(  # type: ignore[override]
        cls,
        fn: Callable[..., Any],
        *unnamed_params: Any,
        params: Sequence[Any] | None = None,
        distance: Any = "gaussian",
        sum_stat: Any = "identity",
        epsilon: Any = 1.0,
        signature: str | None = None,
        ndim_supp: int | None = None,
        ndims_params: Sequence[int] | None = None,
        dtype: str = "float64",
        class_name: str = "Simulator",
        **options: Any,
    ) -> TensorVariable:
        """A random variable without a model."""
        if params is not None and unnamed_params:
            raise ValueError(
                f"Give the parameters of Simulator by place or as params=, not both. At {describe(user_line())}"
            )
        if not callable(fn):
            raise TypeError(f"fn of Simulator must be callable, not {fn!r}. At {describe(user_line())}")
        values = [as_tensor_variable(p) for p in (unnamed_params if params is None else params)]
        axes = read_signature(signature, ndim_supp, ndims_params, values)
        scale = as_tensor_variable(epsilon, dtype="float64")
        recipe = Simulation(
            random=fn,
            distance=choose("distance", distance, DISTANCES),
            sum_stat=choose("sum_stat", sum_stat, STATISTICS),
        )
        labels = [*names_of(fn, len(values), first=1), "epsilon"]
        own = Axes((*axes.parameters, tuple(f"epsilon{k}" for k in range(scale.ndim))), axes.draw)
        return cls.from_functions(recipe, class_name, labels, own, [*values, scale], dtype, options)

    def simulated(self, batch: Sequence[Any]) -> TensorVariable:
        """New draws with this batch."""
        return draw(self.law, self.own, size=list(batch))

    def log_density(self, x: Any) -> TensorVariable:
        """The pseudo-likelihood, in the shape that the distance has."""
        x, recipe = as_tensor_variable(x), self.recipe
        again = self.simulated(lengths(x)[: x.ndim - self.law.ndim_supp])
        statistics = [applied(recipe.sum_stat, [v], x.ndim) for v in (x, again)]  # type: ignore[attr-defined]
        found = applied(recipe.distance, [self.asked[-1], *statistics], statistics[0].ndim)  # type: ignore[attr-defined]
        return as_tensor_variable(found)

    def support_point(self) -> Any:
        rv = draw(self.law, self.own)
        return mean(self.simulated([SIMULATIONS, *lengths(rv)[: rv.ndim - self.law.ndim_supp]]), axis=0)

    @classmethod
    def sample(cls, structure: Any, rng: np.random.Generator, size: tuple[int, ...], *arrays: Any) -> Any:
        fn = structure.facts.random
        count = [label for label, _ in structure.own].index("epsilon")

        def random(*given: Any, rng: Any, size: Any) -> Any:
            return fn(rng, *given[:count], size)

        called = replace(structure, facts=replace(structure.facts, random=random))
        return super().sample(called, rng, size, *arrays)


def choose(label: str, given: Any, table: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
    """A function by its name, or as it is."""
    if isinstance(given, str) and given in table:
        return table[given]
    if callable(given):
        return given
    raise ValueError(
        f"{label} of Simulator is one of {', '.join(map(repr, table))}, or a function, not {given!r}. "
        f"At {describe(user_line())}"
    )


def applied(function: Callable[..., Any], arguments: Sequence[TensorVariable], ndim: int) -> TensorVariable:
    """A function of tensors or, if it cannot take these, of arrays, which then returns a vector."""
    if function in (*DISTANCES.values(), *STATISTICS.values()):
        return function(*arguments)
    try:
        found = function(*arguments)
    except (TypeError, ValueError, AttributeError, IndexError, NotImplementedError):  # it takes arrays only
        found = None
    if isinstance(found, TensorVariable):
        return found

    def vector(*arrays: Any) -> Any:
        return np.atleast_1d(np.asarray(function(*arrays), dtype="float64"))

    return wrap_py([v.type for v in arguments], TensorType("float64", (None,)))(vector)(*arguments)
