"""The values of draws that can have finitely many."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.provenance import describe, user_line
from pellucid.stats.families.discrete import Bernoulli, Binomial, Categorical, DiscreteUniform
from pellucid.stats.families.markov import DiscreteMarkovChain
from pellucid.stats.recognise import distribution_of
from pellucid.tensor.create import arange
from pellucid.tensor.elementwise import cast
from pellucid.tensor.shape import dim
from pellucid.tensor.types import Constant, TensorVariable, constant

LARGEST = 100_000
"""How many values a variable may have, so that a mistake is an error and not a wait."""


def values_of(rv: TensorVariable) -> TensorVariable:
    """The vector of the values that a discrete draw can have.

    Raises
    ------
    TypeError, ValueError
        When it is not discrete, or there is no end to its values, or their number is not known now.

    Examples
    --------
    >>> import pellucid.stats as ps
    >>> values_of(ps.Binomial.dist(3, 0.4)).eval()
    array([0, 1, 2, 3])
    """
    name, asked = f"'{rv.name or rv}'", f"At {describe(user_line())}"
    if rv.dtype.startswith("float"):
        raise TypeError(f"{name} is continuous: only discrete variables can be summed over. {asked}")
    d = distribution_of(rv)
    if isinstance(d, Bernoulli):
        return constant(np.array([0, 1], rv.dtype))
    if isinstance(d, Categorical | DiscreteMarkovChain):
        p: Any = d.p if isinstance(d, Categorical) else d.start
        n = p.type.shape[-1]
        return cast(arange(dim(p, p.ndim - 1) if n is None else n), rv.dtype)
    bounds = {DiscreteUniform: ("lower", "upper"), Binomial: (None, "n")}.get(type(d))
    if bounds is None:
        raise TypeError(
            f"{name} follows {type(d).__name__}, which has no finite list of values known now. Bernoulli, "
            f"Categorical, DiscreteUniform and Binomial variables, and Markov chains, can be summed over. {asked}"
        )
    low, high = (whole_number(rv, d, b, i) for i, b in enumerate(bounds))
    if high - low >= LARGEST:
        raise ValueError(f"{name} has {high - low + 1} values, too many to sum over. {asked}")
    return constant(np.arange(low, high + 1, dtype=rv.dtype))


def whole_number(rv: TensorVariable, d: Any, label: str | None, side: int) -> int:
    """A bound of the values as a number; that of an array is its outermost."""
    bound = constant(0) if label is None else getattr(d, label)
    if not isinstance(bound, Constant):
        raise TypeError(
            f"The values of '{rv.name or rv}' end at {label}={bound}, which is not known now: give a number. "
            f"At {describe(user_line())}"
        )
    return int(bound.data.max() if side else bound.data.min())
