"""Markov chains of finitely many states."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.provenance import describe, user_line
from pellucid.stats.constraint import NonnegativeInteger, Probabilities, Structured
from pellucid.stats.distribution import Distribution, Undefined, distribution
from pellucid.stats.families.discrete import Categorical
from pellucid.stats.families.series import steps_of
from pellucid.stats.recognise import distribution_of, is_draw
from pellucid.tensor.arithmetic import bitwise_and, eq, floor, ge, switch
from pellucid.tensor.create import arange, full
from pellucid.tensor.random_vectors import markov_chain_law
from pellucid.tensor.reduce import all as all_
from pellucid.tensor.reduce import argmax
from pellucid.tensor.reduce import max as max_
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import dim, expand_dims
from pellucid.tensor.softmax import softmax
from pellucid.tensor.transcendental import log
from pellucid.tensor.types import TensorVariable, as_tensor_variable

states = Structured(
    "whole numbers, not negative", ([0, 1, 1],), 1,
    lambda x: all_(bitwise_and(eq(x, floor(x)) if x.dtype.startswith("float") else eq(x, x), ge(x, 0)), axis=-1),
)  # fmt: skip


@distribution
class DiscreteMarkovChain(Distribution):
    """A series of states 0, 1, ..., each drawn by the row of `P` that belongs to the one before.

    Parameters
    ----------
    P, logit_P : matrix
        The probabilities of each state (last axis) after each state, or their logarithms up to a constant per row.
    init_dist : Categorical.dist(...), optional
        Of the first state; by default all states are equally probable.
    steps : int
        The number of states after the first. By default it follows from shape, dims or data.

    Examples
    --------
    >>> import pellucid as pm
    >>> x = pm.DiscreteMarkovChain.dist([[0.9, 0.1], [0.4, 0.6]], shape=4)
    >>> print(np.exp(pm.logp(x, [0, 0, 1, 0]).eval()).round(4))
    0.018
    """

    P: Probabilities
    steps: NonnegativeInteger
    start: Probabilities
    support = states
    law = markov_chain_law
    arguments = "P logit_P init_dist steps"
    formula = r"\pi_{x_0} \prod_t P_{x_{t-1} x_t}"
    source = "https://en.wikipedia.org/wiki/Discrete-time_Markov_chain"

    @classmethod
    def dist(  # type: ignore[override]
        cls, P: Any = None, *, logit_P: Any = None, init_dist: Any = None, steps: Any = None, **options: Any
    ) -> TensorVariable:
        """A random variable without a model."""
        if (P is None) == (logit_P is None):
            raise TypeError(f"DiscreteMarkovChain takes one of P and logit_P. At {describe(user_line())}")
        rows = softmax(as_tensor_variable(logit_P), axis=-1) if P is None else as_tensor_variable(P)
        if rows.ndim < 2 or (None not in rows.type.shape[-2:] and rows.type.shape[-1] != rows.type.shape[-2]):
            raise ValueError(
                f"P of DiscreteMarkovChain is a square matrix, with a row for each state, not of shape "
                f"{rows.type.shape}. At {describe(user_line())}"
            )
        count = steps_of(cls, steps, options, first=1)
        return super().dist(P=rows, steps=count, start=first_probabilities(rows, init_dist), **options)

    def logp(self, x: Any) -> Any:
        x = as_tensor_variable(x)
        k = arange(dim(self.P, self.P.ndim - 1))
        now = eq(expand_dims(x, -1), k)  # (..., T, K)
        first = sum_(switch(now[..., 0, :], log(self.start), 0.0), axis=-1)
        pairs = bitwise_and(expand_dims(now[..., :-1, :], -1), expand_dims(now[..., 1:, :], -2))
        steps = sum_(switch(pairs, expand_dims(log(self.P), -3), 0.0), axis=(-3, -2, -1))
        return switch(max_(x, axis=-1) < dim(self.P, self.P.ndim - 1), first + steps, -np.inf)

    def mean(self) -> Any:
        raise Undefined("A chain of states has no mean: its values are labels.")

    def support_point(self) -> Any:
        return expand_dims(argmax(self.start, axis=-1), -1)


def first_probabilities(rows: TensorVariable, init_dist: Any) -> TensorVariable:
    """The probabilities of the first state."""
    if init_dist is None:
        n = dim(rows, rows.ndim - 1)
        return full((n,), 1.0 / n)
    found = distribution_of(init_dist) if isinstance(init_dist, TensorVariable) and is_draw(init_dist) else None
    if not isinstance(found, Categorical):
        raise TypeError(
            f"init_dist of DiscreteMarkovChain is Categorical.dist(...), not {init_dist}. At {describe(user_line())}"
        )
    return found.p
