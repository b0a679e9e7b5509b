"""Random walks: sums of independent innovations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.nodes import Variable
from pellucid.graph.provenance import describe, user_line
from pellucid.stats.families.composite import (
    Composite,
    Part,
    Structure,
    along,
    as_part,
    common_batch,
    distribution_from,
    with_axis,
)
from pellucid.stats.families.continuous import Normal
from pellucid.stats.families.multivariate import MvNormal, MvStudentT
from pellucid.stats.families.series import initial_part, length_after, steps_of
from pellucid.tensor.broadcast import Extent
from pellucid.tensor.create import arange, eye
from pellucid.tensor.indexing import diff
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import dim
from pellucid.tensor.types import TensorVariable, as_tensor_variable


class RandomWalk(Composite):
    r"""The sums of a first value and of innovations, along an axis of time.

    Parameters
    ----------
    init_dist : distribution
        Of the first value, made with ``.dist(...)``.
    innovation_dist : distribution
        Of each innovation; it has as many axes as `init_dist`.
    steps : int
        The number of innovations: the walk has one element more. By default it follows from shape, dims or data.

    Notes
    -----
    .. math:: x_0 \sim \text{init}, \quad x_t = x_{t-1} + \epsilon_t, \quad \epsilon_t \sim \text{innovation}

    The batch of both distributions is that of the walk: innovations that differ from step to step are written with
    :class:`CustomDist`. The axis of time comes after the batch, before the axes of one value.

    Source: https://en.wikipedia.org/wiki/Random_walk

    Examples
    --------
    >>> import pellucid as pm
    >>> x = pm.RandomWalk.dist(pm.Normal.dist(0, 10), pm.Normal.dist(0, 1), steps=2)
    >>> print(pm.logp(x, [1.0, 1.5, 1.0]).eval().round(4))
    -5.3144
    """

    formula = r"f_0(x_0) \prod_t f(x_t - x_{t-1})"
    source = "https://en.wikipedia.org/wiki/Random_walk"

    @classmethod
    def dist(  # type: ignore[override]
        cls, init_dist: Any, innovation_dist: Any, steps: Any = None, **options: Any
    ) -> TensorVariable:
        """A random variable without a model."""
        parts = [as_part(cls, "init_dist", init_dist), as_part(cls, "innovation_dist", innovation_dist)]
        supp = parts[0].law.ndim_supp
        if supp != parts[1].law.ndim_supp:
            raise TypeError(
                f"init_dist and innovation_dist of {cls.__name__} must have draws of equally many axes, not {supp} "
                f"({parts[0].law.name}) and {parts[1].law.ndim_supp} ({parts[1].law.name}). At {describe(user_line())}"
            )
        count = steps_of(cls, steps, options, first=1, axis=-1 - supp)
        if options.get("shape") is None and options.get("size") is None and any(p.sized for p in parts):
            options["size"] = common_batch([(p.batch(), p.variable.type.shape[: p.batch_ndim]) for p in parts])
        structure = Structure(
            cls, (("steps", 0),), tuple(p.law for p in parts), (*parts[0].law.core, *parts[1].law.core),
            "float64" if any(not p.discrete for p in parts) else parts[0].law.dtype, supp + 1, name="RandomWalk",
        )  # fmt: skip
        return cls.make(structure, [count, *parts[0].values, *parts[1].values], **options)

    def part(self, i: int, values: Sequence[TensorVariable]) -> Any:
        law = self.structure.parts[i]
        if i == 0:
            return distribution_from(law, values)
        return distribution_from(law, with_axis(values, law.core, law.core))

    def logp(self, x: Any) -> Any:
        first, innovation = self.parts
        axis = -self.law.ndim_supp
        start = x[(..., 0, *[slice(None)] * (self.law.ndim_supp - 1))]
        return first.log_density(start) + sum_(innovation.log_density(diff(x, axis=axis)), axis=-1)

    def straight(self, start: Any, each: Any) -> TensorVariable:
        """The walk that starts at `start` and whose innovations are all `each`."""
        inner = self.law.ndim_supp - 1
        start, each = as_tensor_variable(start), as_tensor_variable(each)
        times = arange(length_after(self.own[0], 1))[(..., *[None] * inner)]
        return along(start, inner) + times * (along(each, inner) if each.ndim == inner else each)

    def mean(self) -> Any:
        return self.straight(self.parts[0].mean(), self.parts[1].mean())

    def support_point(self) -> Any:
        return self.straight(self.parts[0].support_point(), self.parts[1].support_point())

    @classmethod
    def support_lengths(
        cls, structure: Structure, parameters: Sequence[Variable], extents: Sequence[Sequence[Extent]]
    ) -> Sequence[Extent]:
        return [length_after(parameters[0], 1), *super().support_lengths(structure, parameters, extents)]

    @classmethod
    def sample(cls, structure: Structure, rng: np.random.Generator, size: tuple[int, ...], *arrays: Any) -> Any:
        (steps,), (first, innovation) = structure.split(arrays)
        init_law, law = structure.parts
        start = np.asarray(init_law.sample(rng, size, *first))
        each = np.asarray(law.sample(rng, (*size, int(steps)), *with_axis(innovation, law.core, law.core)))
        axis = len(size)
        return np.cumsum(np.concatenate([np.expand_dims(start, axis), each], axis=axis), axis=axis)


class GaussianRandomWalk(RandomWalk):
    """A random walk with normal innovations of mean `mu` (the drift) and standard deviation `sigma`.

    Parameters
    ----------
    mu, sigma : tensor
    init_dist : distribution, optional
        Of the first value; by default, with a warning, ``Normal.dist(0, 100)``.
    steps : int
        The number of innovations. By default it follows from shape, dims or data.

    Examples
    --------
    >>> import pellucid as pm
    >>> x = pm.GaussianRandomWalk.dist(0.1, 1.0, init_dist=pm.Normal.dist(0, 10), steps=2)
    >>> print(pm.logp(x, [1.0, 1.5, 1.0]).eval().round(4))
    -5.3244
    """

    @classmethod
    def dist(  # type: ignore[override]
        cls, mu: Any = 0.0, sigma: Any = 1.0, *, init_dist: Any = None, steps: Any = None, **options: Any
    ) -> TensorVariable:
        """A random variable without a model."""
        start = initial_part(cls, init_dist)
        return RandomWalk.dist(start.variable, Normal.dist(mu, sigma), steps, **options)


class MvGaussianRandomWalk(RandomWalk):
    """A random walk of vectors, with normal innovations of mean `mu` and covariance `cov` (or `tau`, or `chol`).

    Parameters
    ----------
    mu : tensor
    cov, tau, chol : tensor
        One of the covariance, its inverse, and its Cholesky factor (lower triangular if `lower`).
    init_dist : distribution, optional
        Of the first vector; by default, with a warning, normal with covariance 100 times the identity.
    steps : int
        The number of innovations. By default it follows from shape, dims or data.
    """

    @classmethod
    def dist(  # type: ignore[override]
        cls,
        mu: Any,
        *,
        cov: Any = None,
        tau: Any = None,
        chol: Any = None,
        lower: bool = True,
        init_dist: Any = None,
        steps: Any = None,
        **options: Any,
    ) -> TensorVariable:
        """A random variable without a model."""
        innovation = MvNormal.dist(mu, cov=cov, tau=tau, chol=chol, lower=lower)
        return RandomWalk.dist(initial_vector(cls, init_dist, innovation).variable, innovation, steps, **options)


class MvStudentTRandomWalk(RandomWalk):
    """A random walk of vectors, whose innovations follow Student's t law with `nu` degrees of freedom.

    Parameters
    ----------
    nu : tensor
    mu : tensor
        The location of the innovations.
    scale, tau, chol : tensor
        One of the scale matrix, its inverse, and its Cholesky factor (lower triangular if `lower`). `cov` is another
        name of `scale`.
    init_dist : distribution, optional
        Of the first vector; by default, with a warning, normal with covariance 100 times the identity.
    steps : int
        The number of innovations. By default it follows from shape, dims or data.
    """

    @classmethod
    def dist(  # type: ignore[override]
        cls,
        *,
        nu: Any,
        mu: Any,
        scale: Any = None,
        cov: Any = None,
        tau: Any = None,
        chol: Any = None,
        lower: bool = True,
        init_dist: Any = None,
        steps: Any = None,
        **options: Any,
    ) -> TensorVariable:
        """A random variable without a model."""
        matrix = cov if scale is None else scale
        innovation = MvStudentT.dist(nu, mu=mu, scale=matrix, tau=tau, chol=chol, lower=lower)
        return RandomWalk.dist(initial_vector(cls, init_dist, innovation).variable, innovation, steps, **options)


def initial_vector(family: type, init_dist: Any, innovation: TensorVariable) -> Part:
    """The distribution of the first vector; by default normal, and as long as the innovations."""
    if init_dist is not None:
        return as_part(family, "init_dist", init_dist)
    k = dim(innovation, innovation.ndim - 1) if innovation.type.shape[-1] is None else innovation.type.shape[-1]
    return initial_part(family, None, MvNormal.dist(0.0, cov=eye(k) * 100.0))
