"""What a distribution derived from a graph can tell, and the table of rules by which it is derived."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from importlib import import_module
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from pellucid.graph.nodes import Variable
from pellucid.graph.provenance import describe, made_by
from pellucid.graph.traverse import as_list, toposort, walk
from pellucid.stats.bounds import bounds_of
from pellucid.stats.recognise import NotDerivable, distribution_of, is_draw
from pellucid.tensor.arithmetic import ceil, ge, switch
from pellucid.tensor.broadcast import shape_error
from pellucid.tensor.create import extents_of
from pellucid.tensor.draws import RngType
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.reduce import all as all_
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import broadcast_to, expand_dims
from pellucid.tensor.transcendental import log1mexp
from pellucid.tensor.types import TensorType, TensorVariable, as_tensor_variable
from pellucid.vectorize import vectorize_graph

WRITE_INSTEAD = "Use pm.CustomDist or pm.Potential with the log-density you want."


class Measure:
    """The distribution of a random variable that is an expression of draws.

    A subclass says what it knows: :meth:`log_density` at least, :meth:`log_tail` where probabilities of half-lines
    can be derived, :meth:`quantile` where quantiles can.

    Attributes
    ----------
    rv : TensorVariable
    event : tuple of int
        The axes, counted from the end, that one density covers: those of one draw of a multivariate distribution.
    independent : bool
        Whether elements (or events) are independent, so that `log_tail` and `quantile` are those of single elements.
    discrete : bool
        Whether `log_density` is the log of a probability.
    mixed : bool
        Whether it is that at some values only, which `is_atom` tells.
    """

    event: tuple[int, ...] = ()
    independent: bool = True
    discrete: bool = False
    mixed: bool = False

    def __init__(self, rv: TensorVariable):
        self.rv = rv

    def log_density(self, x: TensorVariable) -> TensorVariable:
        """The log-density at x, or the log-probability where x is an atom."""
        raise blocked(self.rv, "its density is not known", WRITE_INSTEAD)

    def log_tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        """log P(X < x), or log P(X > x) when `above`; with equality when `including`."""
        raise blocked(self.rv, "its distribution function cannot be derived", "pm.logp can be.")

    def quantile(self, q: TensorVariable) -> TensorVariable:
        """The least value whose cdf is q."""
        raise blocked(self.rv, "its quantiles cannot be derived", "Invert pm.logcdf numerically.")

    def is_atom(self, x: TensorVariable) -> TensorVariable | bool:
        """Where the value x has a probability, not only a density."""
        return self.discrete

    def origin(self, x: TensorVariable) -> dict[Variable, TensorVariable]:
        """The draws whose values are known where the variable's value is, with these values."""
        return {}

    def log_cdf(self, x: TensorVariable, *, above: bool = False) -> TensorVariable:
        """log P(X <= x), or log P(X > x) when `above`."""
        return self.log_tail(x, above=above, including=not above)


class Drawn(Measure):
    """A draw from a declared distribution."""

    def __init__(self, rv: TensorVariable):
        super().__init__(rv)
        self.distribution = distribution_of(rv)
        self.event = tuple(range(-self.distribution.law.ndim_supp, 0))
        self.discrete = self.distribution.discrete

    def log_density(self, x: TensorVariable) -> TensorVariable:
        return self.distribution.log_density(x)

    def log_tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        if self.event:
            raise blocked(self.rv, "it is a draw of several numbers together", "Ask for the cdf of one of them.")
        strict_below = self.discrete and including == above
        return self.distribution.log_probability(ceil(x) - 1 if strict_below else x, above=above)

    def quantile(self, q: TensorVariable) -> TensorVariable:
        return self.distribution.quantile(q)

    def origin(self, x: TensorVariable) -> dict[Variable, TensorVariable]:
        return {self.rv: x}


class Fitted(Measure):
    """A measure whose formulae take values of exactly the variable's axes; others are broadcast, or form a batch."""

    def density(self, x: TensorVariable) -> TensorVariable:
        """The log-density at a value with the variable's axes."""
        raise NotImplementedError

    def tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        """The log-probability of a half-line at a value with the variable's axes."""
        return super().log_tail(x, above=above, including=including)

    def is_atom(self, x: TensorVariable) -> TensorVariable | bool:
        check_pure(self.rv, self)
        return self.discrete

    def log_density(self, x: TensorVariable) -> TensorVariable:
        return fitted(self.rv, x, self.density)

    def log_tail(self, x: TensorVariable, *, above: bool, including: bool) -> TensorVariable:
        return fitted(self.rv, x, lambda v: self.tail(v, above=above, including=including))


def fitted(
    rv: TensorVariable, x: TensorVariable, formula: Callable[[TensorVariable], TensorVariable]
) -> TensorVariable:
    """A formula for values like `rv`, at a value with fewer axes (which is broadcast) or more (a batch)."""
    core = x.type.shape[max(x.ndim - rv.ndim, 0) :]
    own = rv.type.shape
    padded = (1,) * (len(own) - len(core)) + tuple(core)
    if any(n not in (1, m) and None not in (m, n) for n, m in zip(padded, own, strict=True)):
        raise shape_error(
            f"The value does not fit {rv}", [rv, x], f"its shape ends in {core}, not {own}", "Give a value of one draw."
        )
    if x.ndim < rv.ndim or any(n == 1 and m != 1 for n, m in zip(padded, own, strict=True)):
        lead = extents_of(x)[: max(x.ndim - rv.ndim, 0)]
        x = broadcast_to(x, [*lead, *extents_of(rv)])
    if x.ndim == rv.ndim:
        return formula(x)
    one = TensorType(x.dtype, x.type.shape[x.ndim - rv.ndim :]).variable()
    return vectorize_graph(formula(one), {one: x})


Rule = Callable[[TensorVariable], Measure]
Declared = TypeVar("Declared", bound=Rule)

RULES: dict[Any, Rule] = {}
"""For each class of ops, or name of an elementwise op, how the measure of its result follows from its inputs'.

A rule takes the variable that the op computes, and returns a Measure; or raises by :func:`blocked`."""


FILES = ("monotone", "sums", "rounding", "mixtures", "rearranged", "linear", "ordered", "loops")
"""The files of this package that declare rules."""


def load_rules() -> None:
    """Import all rules."""
    for name in FILES:
        import_module(f"pellucid.stats.derivations.{name}")


def derives(*keys: Any) -> Callable[[Declared], Declared]:
    """Declare the function below to be the rule for these classes of ops or names of elementwise ops."""

    def enter(rule: Declared) -> Declared:
        RULES.update(dict.fromkeys(keys, rule))
        return rule

    return enter


def key_of(op: Any) -> Any:
    """Under what the rule of an op is found."""
    if not isinstance(op, Elementwise):
        return type(op)
    name = "cast" if op.name.startswith("cast_") else op.name
    return name if name in RULES else Elementwise


DEEP = 60
"""From how many ops on an expression is derived from below, so that it takes no deeper a stack of calls."""

_derived: ContextVar[dict[Variable, Measure] | None] = ContextVar("derived", default=None)


def measure(rv: Variable) -> Measure:
    """The distribution of a variable: its own if it is a draw, else derived by the rule of the op that computes it.

    Raises
    ------
    NotDerivable
        With the node that is in the way, and the line that wrote it.
    """
    if is_draw(rv):
        return Drawn(rv)  # type: ignore[arg-type]
    known = _derived.get()
    if known is not None:
        return known[rv] if rv in known else derive(rv)
    nodes = [node for node in toposort([rv], stop=sources([rv])) if is_random(node.outputs[-1])]
    if len(nodes) < DEEP:
        return derive(rv)
    token = _derived.set({})
    try:
        for v in [v for node in nodes for v in node.outputs if isinstance(v, TensorVariable)]:
            remember(v)
        return measure(rv)
    finally:
        _derived.reset(token)


def remember(v: TensorVariable) -> None:
    """Derive a part of an expression before what reads it, if it has a distribution of its own."""
    known = _derived.get()
    if known is not None:
        try:
            known[v] = derive(v)
        except NotDerivable:
            return


def derive(rv: Variable) -> Measure:
    """The distribution of an expression by the rule of its op."""
    if rv.owner is None or not isinstance(rv, TensorVariable) or not is_random(rv):
        raise blocked(rv, "it is not random", "Give a variable made by a distribution, or an expression of one.")
    load_rules()
    rule = RULES.get(key_of(rv.owner.op))
    if rule is None:
        simpler = rv.owner.op.expand(*rv.owner.inputs)
        if simpler is not None:
            return measure(as_list(simpler)[rv.index])
        raise blocked(rv, "there is no rule for this operation (only elementwise functions, and "
                      "what pellucid.stats.derivations lists)", WRITE_INSTEAD)  # fmt: skip
    with made_by(rv.owner.line):
        return rule(rv)


def blocked(rv: Variable, why: str, instead: str) -> NotDerivable:
    """The error for an op that cannot be undone."""
    node = rv.owner
    where = f" at {describe(node.line)}" if node is not None else ""
    what = f"{node.op} in {node}" if node is not None else str(rv)
    return NotDerivable(f"No density can be derived through {what}{where}: {why}. {instead}")


def is_source(v: Variable) -> bool:
    """Whether a variable is made with a random number generator: it is a draw, or the result of a loop that draws."""
    return v.owner is not None and any(isinstance(u.type, RngType) for u in v.owner.inputs)


_random: WeakKeyDictionary[Variable, bool] = WeakKeyDictionary()


def is_random(v: Variable) -> bool:
    """Whether a variable depends on a draw; remembered, as graphs never change."""
    if v not in _random:
        for node in toposort([v], stop=_random):
            below = any(_random.get(u, False) for u in node.inputs)
            _random.update((out, below or is_source(out)) for out in node.outputs)
    return _random.get(v, False)


def random_inputs(rv: Variable) -> list[int]:
    """The places of the inputs of its op that depend on draws."""
    return [] if rv.owner is None else [i for i, v in enumerate(rv.owner.inputs) if is_random(v)]


def only_random(rv: Variable, place: int = 0) -> TensorVariable:
    """The input at `place`, which must be the only random one."""
    node, places = rv.owner, random_inputs(rv)
    if node is None or places != [place]:
        names = ", ".join(str(node.inputs[i]) for i in places) if node is not None else ""
        raise blocked(
            rv,
            f"it combines several random variables, or has them where none can be ({names})",
            "Give values to all but one (pm.conditional_logp), or name the parts as variables of the model.",
        )
    return node.inputs[place]  # type: ignore[return-value]


def sources(variables: Variable | Iterable[Variable]) -> set[Variable]:
    """The draws that an expression is a function of, not counting those behind the parameters of draws."""
    step = walk(variables, lambda v: () if is_source(v) or v.owner is None else v.owner.inputs)
    return {v for v in step if is_source(v)}


def sum_event(slope: TensorVariable, inner: Measure) -> TensorVariable:
    """What belongs to each element of a variable, added up over the axes that one density covers."""
    if not inner.event:
        return slope
    if slope.ndim < inner.rv.ndim:
        slope = broadcast_to(slope, extents_of(inner.rv))
    return sum_(slope, axis=inner.event)


def all_event(condition: TensorVariable, event: Sequence[int]) -> TensorVariable:
    """A condition on elements as one on the events that they form."""
    if condition.ndim < max((-a for a in event), default=0):
        condition = expand_dims(condition, list(range(max(-a for a in event) - condition.ndim)))
    return all_(condition, axis=tuple(event)) if event else condition


def log_difference(a: TensorVariable, b: TensorVariable) -> TensorVariable:
    """log(exp(a) - exp(b)) for a >= b; -inf where they are equal, also where both are -inf."""
    none = ge(b, a)
    gap = switch(none, -1.0, b - a)
    return switch(none, -np.inf, switch(none, 0.0, a) + log1mexp(gap))


def log_interval(
    inner: Measure, low: TensorVariable, high: TensorVariable, includes_low: bool, includes_high: bool
) -> TensorVariable:
    """log P(low < X < high), with equality as said; differences are taken in the tail where they lose no digits."""
    below_high = inner.log_tail(high, above=False, including=includes_high)
    below_low = inner.log_tail(low, above=False, including=not includes_low)
    above_low = inner.log_tail(low, above=True, including=includes_low)
    above_high = inner.log_tail(high, above=True, including=not includes_high)
    upper = ge(below_low, -np.log(2.0))
    return log_difference(switch(upper, above_low, below_high), switch(upper, above_high, below_low))


def inner_point(rv: Variable) -> float:
    """A number inside the range of a variable, to compute with where a result is dropped.

    Its gradient is dropped too, but only if it is finite: 0 times NaN is NaN.
    """
    low, high = bounds_of(rv)[:2]
    if np.isinf(low):
        return 0.0 if np.isinf(high) else high - 1.0
    return low + 1.0 if np.isinf(high) else 0.5 * (low + high)


def check_pure(rv: Variable, inner: Measure) -> None:
    """Refuse what has both a density and values with probabilities of their own, such as clipped variables."""
    if inner.mixed:
        raise blocked(rv, f"{inner.rv} has a density and atoms", WRITE_INSTEAD)


def number(x: Any) -> TensorVariable:
    """A float constant."""
    return as_tensor_variable(x, dtype="float64")
