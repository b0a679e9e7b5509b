"""The largest, the smallest, and the sorted elements of independent draws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.stats.derivations.core import (
    WRITE_INSTEAD,
    Fitted,
    Measure,
    blocked,
    check_pure,
    derives,
    fitted,
    log_difference,
    measure,
    number,
    only_random,
)
from pellucid.stats.families.continuous import Gumbel
from pellucid.stats.families.discrete import Categorical
from pellucid.stats.recognise import distribution_of, is_draw
from pellucid.tensor.arithmetic import eq, switch
from pellucid.tensor.create import ARange, extents_of
from pellucid.tensor.elementwise import Elementwise, cast
from pellucid.tensor.index import FULL, ArgSort, Gather
from pellucid.tensor.reduce import ArgReduce, Reduce
from pellucid.tensor.reduce import all as all_
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import DimShuffle, broadcast_to, expand_dims, moveaxis
from pellucid.tensor.softmax import logsumexp
from pellucid.tensor.special import betainc, gammaln
from pellucid.tensor.transcendental import exp, expm1, log, log1mexp, log1p
from pellucid.tensor.types import Constant, TensorVariable


def independent_elements(rv: TensorVariable, inner: Measure) -> None:
    """Refuse what has elements that depend on each other."""
    check_pure(rv, inner)
    if inner.event or not inner.independent:
        raise blocked(rv, f"the elements of {inner.rv} depend on each other", WRITE_INSTEAD)


class Extreme(Fitted):
    """The largest (or smallest) of independent elements: P(max <= x) is the product of their P(X <= x)."""

    def __init__(self, rv: TensorVariable):
        super().__init__(rv)
        op: Any = rv.owner.op  # type: ignore[union-attr]
        self.inner, self.axes, self.largest = measure(only_random(rv)), op.axes, op.name == "max"
        independent_elements(rv, self.inner)
        self.discrete = self.inner.discrete

    def spread(self, x: TensorVariable) -> TensorVariable:
        """The value for each of the elements it is the extreme of."""
        return broadcast_to(expand_dims(x, list(self.axes)), extents_of(self.inner.rv))

    def together(self, x: TensorVariable, *, including: bool) -> TensorVariable:
        """For the maximum log P(all <= x), for the minimum log P(all >= x)."""
        return sum_(self.inner.log_tail(self.spread(x), above=not self.largest, including=including), self.axes)

    def density(self, x: TensorVariable) -> TensorVariable:
        if self.discrete:
            return log_difference(self.together(x, including=True), self.together(x, including=False))
        at = self.spread(x)
        tails = self.inner.log_tail(at, above=not self.largest, including=True)
        none = eq(tails, -np.inf)
        ratio = switch(none, -np.inf, self.inner.log_density(at) - switch(none, 0.0, tails))
        return sum_(tails, self.axes) + logsumexp(ratio, self.axes)

    def tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        if above == self.largest:
            return log1mexp(self.together(x, including=not including))
        return self.together(x, including=including)

    def quantile(self, q: TensorVariable) -> TensorVariable:
        if not all(same_along(self.inner.rv, a) for a in self.axes):
            raise blocked(self.rv, "its elements have different distributions", "Only logp, logcdf and logccdf "
                          "can be derived.")  # fmt: skip
        return fitted(self.rv, q, self.common_quantile)

    def common_quantile(self, q: TensorVariable) -> TensorVariable:
        """The quantile where all elements have one distribution: P(max <= x) is P(X <= x)**n."""
        n = count(self.inner.rv, self.axes)
        one = q ** (1.0 / n) if self.largest else -expm1(log1p(-q) / n)
        found = self.inner.quantile(self.spread(one))
        return found[tuple(0 if a in self.axes else slice(None) for a in range(self.inner.rv.ndim))]


@derives(Reduce)
def reduced_rule(rv: TensorVariable) -> Measure:
    """max and min."""
    name = rv.owner.op.name  # type: ignore[union-attr, attr-defined]
    if name not in ("max", "min"):
        raise blocked(rv, f"the {name} of random variables has no density that is known", WRITE_INSTEAD)
    return Extreme(rv)


@derives(ArgReduce)
def position_rule(rv: TensorVariable) -> Measure:
    """The position of the largest of Gumbel variables of one scale is categorical, with log-probabilities mu / beta.

    Source: Maddison, Tarlow and Minka (2014), https://arxiv.org/abs/1411.0030
    """
    x, op = only_random(rv), rv.owner.op  # type: ignore[union-attr]
    found = distribution_of(x) if is_draw(x) else None
    if op.name != "argmax" or not isinstance(found, Gumbel) or not known_scale(found.beta):  # type: ignore[attr-defined]
        raise blocked(rv, "only the argmax of Gumbel draws of one scale has known probabilities", WRITE_INSTEAD)
    logits = broadcast_to(found.mu / found.beta, extents_of(x))
    return measure(Categorical.dist(logit_p=moveaxis(logits, op.axis, -1)))  # type: ignore[attr-defined]


def known_scale(v: Any) -> bool:
    """Whether all elements are known to be equal."""
    return all(n == 1 for n in v.type.shape) or all(same_along(v, a) for a in range(v.ndim))


def count(rv: TensorVariable, axes: Any) -> TensorVariable:
    """How many elements are along some axes."""
    n = number(1.0)
    for a in axes:
        n = n * cast(extents_of(rv)[a], "float64")
    return n


def same_along(v: Any, axis: int) -> bool:
    """Whether the elements of `v` along an axis are known to have one distribution."""
    length = v.type.shape[axis]
    if length == 1:
        return True
    if isinstance(v, Constant):
        return bool(np.all(v.data == np.take(v.data, [0], axis)))
    node = v.owner
    if node is None:
        return False
    if is_draw(v):
        law = node.op.law
        batch = v.ndim - law.ndim_supp
        lead = [(p, batch - (p.ndim - core)) for p, core in zip(node.inputs[2:], law.core, strict=True)]
        return axis < batch and all(axis < missing or same_along(p, axis - missing) for p, missing in lead)
    if isinstance(node.op, Elementwise):
        lead = [(u, v.ndim - u.ndim) for u in node.inputs]
        return all(axis < missing or same_along(u, axis - missing) for u, missing in lead)
    if isinstance(node.op, DimShuffle):
        inner: Any = node.op.order[axis]
        return inner == "x" or same_along(node.inputs[0], inner)
    return False


def is_sort(rv: TensorVariable) -> bool:
    """Whether an index by arrays takes the elements of a tensor in sorted order along one axis."""
    node: Any = rv.owner
    op, x, positions = node.op, node.inputs[0], node.inputs[1:]
    if op.axes != tuple(range(x.ndim)):
        return False
    sorts = [a for a, p in enumerate(positions) if p.owner is not None and isinstance(p.owner.op, ArgSort)]
    if len(sorts) != 1 or positions[sorts[0]].owner.inputs[0] is not x:
        return False
    (axis,) = sorts
    return positions[axis].owner.op.axis == axis and all(is_along(p, a) for a, p in enumerate(positions) if a != axis)


def is_along(p: Any, axis: int) -> bool:
    """Whether positions are 0, 1, 2, ... along their axis."""
    while p.owner is not None and isinstance(p.owner.op, DimShuffle):
        p = p.owner.inputs[0]
    counted = isinstance(p, Constant) and np.array_equal(np.ravel(p.data), np.arange(p.data.size))
    return counted or (p.owner is not None and isinstance(p.owner.op, ARange))


class Sorted(Fitted):
    """The order statistics of independent draws of one distribution: n! times their density, on ascending values.

    Source: David and Nagaraja, Order Statistics (2003), section 2.2.
    """

    def __init__(self, rv: TensorVariable):
        super().__init__(rv)
        x, *positions = rv.owner.inputs  # type: ignore[union-attr]
        self.axis = next(a for a, p in enumerate(positions) if p.owner is not None and isinstance(p.owner.op, ArgSort))
        self.inner = measure(x)
        independent_elements(rv, self.inner)
        if self.inner.discrete or not same_along(x, self.axis):
            kind = "discrete" if self.inner.discrete else "not known to have one distribution"
            raise blocked(rv, f"the elements of {x} are {kind}", WRITE_INSTEAD)
        self.event, self.independent = (self.axis - rv.ndim,), False

    def density(self, x: TensorVariable) -> TensorVariable:
        n = cast(extents_of(self.rv)[self.axis], "float64")
        lead = (slice(None),) * self.axis
        rising = all_(x[(*lead, slice(1, None))] >= x[(*lead, slice(None, -1))], self.axis)
        return switch(rising, sum_(self.inner.log_density(x), self.axis) + gammaln(n + 1.0), -np.inf)


def sorted_rule(rv: TensorVariable) -> Measure:
    """sort."""
    return Sorted(rv)


class OrderStatistic(Fitted):
    """The k-th smallest of n independent draws of one distribution.

    Its cdf is that of Beta(k + 1, n - k) at F(x). Source: David and Nagaraja (2003), section 2.1.
    """

    def __init__(self, rv: TensorVariable, ordered: Sorted, position: int):
        super().__init__(rv)
        self.ordered, self.inner, self.axis = ordered, ordered.inner, ordered.axis
        n = self.inner.rv.type.shape[self.axis]
        if n is None:
            raise blocked(rv, "how many elements are sorted is not known now", "Give the draw a known shape.")
        self.n, self.k = n, position % n

    def spread(self, x: TensorVariable) -> TensorVariable:
        """The value at all places of the sorted axis."""
        return broadcast_to(expand_dims(x, self.axis), extents_of(self.inner.rv))

    def first(self, found: TensorVariable) -> TensorVariable:
        """What is the same along the sorted axis, without it."""
        return found[(slice(None),) * self.axis + (0,)]

    def density(self, x: TensorVariable) -> TensorVariable:
        at = self.spread(x)
        below = self.first(self.inner.log_tail(at, above=False, including=True))
        above = self.first(self.inner.log_tail(at, above=True, including=False))
        k, m = self.k, self.n - 1 - self.k
        ways = math.lgamma(self.n + 1) - math.lgamma(k + 1) - math.lgamma(m + 1)
        powers = [count * part for count, part in ((k, below), (m, above)) if count]
        found = self.first(self.inner.log_density(at)) + ways
        for term in powers:
            found = found + term
        return found

    def tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        at = self.spread(x)
        p = exp(self.first(self.inner.log_tail(at, above=above, including=True)))
        a, b = float(self.k + 1), float(self.n - self.k)
        return log(betainc(b, a, p) if above else betainc(a, b, p))


def order_statistic(rv: TensorVariable) -> Measure | None:
    """sort(x)[k]; None for any other index."""
    x, entries = rv.owner.inputs[0], rv.owner.op.entries  # type: ignore[union-attr, attr-defined]
    if x.owner is None or not isinstance(x.owner.op, Gather) or not is_sort(x):  # type: ignore[arg-type]
        return None
    ordered = Sorted(x)  # type: ignore[arg-type]
    plain = [e for a, e in enumerate(entries) if a != ordered.axis]
    whole = all(e == FULL for e in plain)
    k = entries[ordered.axis]
    if not whole or not isinstance(k, int):
        raise blocked(rv, "several order statistics, or of some rows only, have no density here", "Take sort(x)[k].")
    return OrderStatistic(rv, ordered, k)
