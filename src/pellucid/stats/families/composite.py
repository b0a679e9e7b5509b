"""Distributions made of others: one draw in the graph, whose law is made of the laws of its parts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, ClassVar, NamedTuple
from weakref import WeakValueDictionary

import numpy as np

from pellucid.compile.numpy import compile as interpret
from pellucid.graph.nodes import Variable
from pellucid.graph.provenance import describe, user_line
from pellucid.stats import distribution_of, is_draw
from pellucid.stats.bijection import Bijection
from pellucid.stats.bounds import known, number
from pellucid.stats.constraint import Constraint, Interval, both, real
from pellucid.stats.distribution import Distribution, batch_size, stretch
from pellucid.tensor.arithmetic import neq, switch
from pellucid.tensor.broadcast import Extent, broadcast_extents
from pellucid.tensor.draws import LAWS, Law, RngVariable, draw, lengths
from pellucid.tensor.types import NONE, TensorType, TensorVariable, as_tensor_variable


@dataclass(frozen=True)
class Structure:
    """What the law of a composite is made of; variables of equal structure have the same law.

    Attributes
    ----------
    family : type
        The distribution: it says how to draw, and its instances what the density is.
    own : tuple of (str, int)
        The parameters that belong to no part: their names, and how many axes one value of each has.
    parts : tuple of Law
        The laws of the parts. Their parameters follow the composite's own, one part after the other.
    core : tuple of int
        How many axes one value of each of the parts' parameters has.
    dtype : str
    ndim_supp : int
        The number of axes of one draw.
    facts : Any
        What else distinguishes the composite, comparable and hashable.
    name : str
        What it is called in print.
    """

    family: type[Composite]
    own: tuple[tuple[str, int], ...]
    parts: tuple[Law, ...] = ()
    core: tuple[int, ...] = ()
    dtype: str = "float64"
    ndim_supp: int = 0
    facts: Any = None
    name: str = ""

    def split(self, values: Sequence[Any]) -> tuple[list[Any], list[list[Any]]]:
        """The composite's own values, and those of each part."""
        place, found = len(self.own), []
        for law in self.parts:
            found.append(list(values[place : place + len(law.parameters)]))
            place += len(law.parameters)
        return list(values[: len(self.own)]), found

    def labels(self) -> tuple[str, ...]:
        """The names of all parameters; those of parts after the part's name, numbered where laws are equal."""
        names = [law.name for law in self.parts]
        called = [f"{name}{i}" if names.count(name) > 1 else name for i, name in enumerate(names)]
        inner = [f"{name}.{p}" for name, law in zip(called, self.parts, strict=True) for p in law.parameters]
        return (*[name for name, _ in self.own], *inner)

    def sample(self, rng: np.random.Generator, size: tuple[int, ...], *arrays: Any) -> Any:
        """Draws of the composite."""
        return self.family.sample(self, rng, size, *arrays)

    def support(self, parameters: Sequence[Any], extents: Sequence[Sequence[Extent]]) -> Sequence[Extent]:
        """The lengths of one draw; parameters that are known are given as numbers."""
        tensors = [as_tensor_variable(p) for p in parameters]
        return self.family.support_lengths(self, tensors, extents)


@dataclass(frozen=True, eq=False)
class CompositeLaw(Law):
    """A law that is made for the variables of one structure."""

    structure: Any = None

    def __reduce__(self) -> Any:
        return law_of, (self.structure,)


_laws: WeakValueDictionary[Structure, CompositeLaw] = WeakValueDictionary()


def law_of(structure: Structure) -> CompositeLaw:
    """The law of a structure: the same object each time, so that equal draws merge."""
    found = _laws.get(structure)
    if found is None:
        name = structure.name or structure.family.__name__
        found = _laws[structure] = CompositeLaw(
            f"{name}_" if name in LAWS else name,
            structure.labels(),
            structure.sample,
            structure.dtype,
            (*[core for _, core in structure.own], *structure.core),
            structure.ndim_supp,
            structure.support if structure.ndim_supp else None,
            structure.family.of_law,
            structure,
        )
    return found


class Composite(Distribution):
    """A distribution whose law is made for each variable; a subclass says how it is composed.

    A subclass defines `dist`, which checks its arguments and calls :meth:`make`, the class methods :meth:`sample` and
    (for draws with axes) :meth:`support_lengths`, and the formulae of a distribution, in terms of its own parameters
    (the list `own`; those that the class annotates are attributes too) and of its `parts` (distributions).
    """

    structure: Structure
    own: list[TensorVariable]
    given: list[TensorVariable]
    parts: list[Distribution]

    annotated: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        cls.annotated = cls.annotated | inspect.get_annotations(cls).keys()
        if "dist" in cls.__dict__:
            cls.__signature__ = shown_signature(cls)

    @classmethod
    def make(
        cls,
        structure: Structure,
        values: Sequence[Any],
        *,
        shape: Any = None,
        size: Any = None,
        name: str | None = None,
        rng: RngVariable | None = None,
    ) -> TensorVariable:
        """A random variable of this structure with these parameters: its own, then those of the parts."""
        law = law_of(structure)
        tensors = [as_tensor_variable(v) for v in values]
        return draw(law, tensors, size=batch_size(law, tensors, shape, size, cls.__name__), rng=rng, name=name)

    @classmethod
    def of_law(cls, law: Any, *parameters: Any) -> Any:
        """The distribution that draws from one of our laws follow."""
        self = object.__new__(cls)
        self.law, self.structure = law, law.structure
        self.given = [as_tensor_variable(p) for p in parameters]
        self.own, parts = self.structure.split(self.given)
        self.of = partial(cls.of_law, law)  # with the structure, which the class alone does not know
        for (label, _), value in zip(self.structure.own, self.own, strict=True):
            if label in cls.annotated:
                setattr(self, label, value)
        self.parts = [self.part(i, values) for i, values in enumerate(parts)]
        self.support = self.find_support()
        return self

    def part(self, i: int, values: Sequence[TensorVariable]) -> Distribution:
        """The distribution of part i, with its parameters as the formulae need them."""
        return distribution_from(self.structure.parts[i], values)

    def find_support(self) -> Constraint:
        """A set that holds all draws; the formulae deal with every value, so it may be larger than need be."""
        return real

    def log_density(self, x: Any) -> TensorVariable:
        """The log-density at any x: the formula deals with values outside the support."""
        x, conditions = as_tensor_variable(x), self.valid()
        found = as_tensor_variable(self.logp(x))
        found = switch(both(conditions), found, -np.inf) if conditions else found
        return found if self.law.ndim_supp else stretch(found, x)

    @classmethod
    def sample(cls, structure: Structure, rng: np.random.Generator, size: tuple[int, ...], *arrays: Any) -> Any:
        """Draws, from arrays of parameters; `size` is the full batch shape."""
        raise NotImplementedError

    @classmethod
    def support_lengths(
        cls, structure: Structure, parameters: Sequence[Variable], extents: Sequence[Sequence[Extent]]
    ) -> Sequence[Extent]:
        """The lengths of one draw; by default those of the first part's."""
        first = structure.parts[0]
        places = slice(len(structure.own), len(structure.own) + len(first.parameters))
        return first.support_extents(parameters[places], extents[places])

    @classmethod
    def count_given(cls, structure: Structure) -> int:
        """How many of the composite's own parameters users gave; the others follow them."""
        return len(structure.own)

    @property
    def values(self) -> list[TensorVariable]:
        """The parameters, in the law's order."""
        return self.given

    def valid(self) -> list[TensorVariable]:
        """Conditions on the composite's own parameters; the parts see to theirs."""
        return self.agree()

    def bijection(self) -> Bijection | None:
        return None

    def __repr__(self) -> str:
        own = [f"{label}={value}" for (label, _), value in zip(self.structure.own, self.own, strict=True)]
        return f"{self.law.name}({', '.join([*own, *map(repr, self.parts)])})"


def shown_signature(cls: type[Composite]) -> inspect.Signature:
    """What editors show: the arguments of `dist` between the name and the options of a model."""
    name, *rest = list(inspect.signature(Distribution.__new__).parameters.values())[1:]
    options = {p.name: p for p in rest if p.kind is inspect.Parameter.KEYWORD_ONLY}
    own = list(inspect.signature(cls.dist).parameters.values())
    kept = [p for p in own if p.name not in options and p.kind is not inspect.Parameter.VAR_KEYWORD]
    return inspect.Signature([name, *kept, *options.values()])


class OfPart(Bijection):
    """The bijection of a part, which reads its bounds from the part's share of the composite's parameters."""

    def __init__(self, inner: Bijection, structure: Structure, place: int):
        self.inner, self.structure, self.place = inner, structure, place
        self.name, self.ndim_supp = inner.name, inner.ndim_supp

    def inputs_of_part(self, inputs: Sequence[Any]) -> list[Any]:
        """The inputs of a draw of the part alone."""
        rng, size, *parameters = inputs
        return [rng, size, *self.structure.split(parameters)[1][self.place]]

    def forward(self, value: Any, *inputs: Any) -> TensorVariable:
        return self.inner.forward(value, *self.inputs_of_part(inputs))

    def backward(self, value: Any, *inputs: Any) -> TensorVariable:
        return self.inner.backward(value, *self.inputs_of_part(inputs))

    def log_jac_det(self, value: Any, *inputs: Any) -> TensorVariable:
        return self.inner.log_jac_det(value, *self.inputs_of_part(inputs))

    def __repr__(self) -> str:
        return repr(self.inner)


# Parts.


class Part(NamedTuple):
    """A distribution that was given as an argument: its law, the draw's parameters, and its size or None."""

    law: Law
    values: list[TensorVariable]
    sized: bool
    variable: TensorVariable

    @property
    def batch_ndim(self) -> int:
        """The number of axes of the batch."""
        return self.variable.ndim - self.law.ndim_supp

    def batch(self) -> list[Extent]:
        """The lengths of the batch."""
        node: Any = self.variable.owner
        found = node.op.infer_shape(node.inputs, [lengths(v) for v in node.inputs])[1]
        static = self.variable.type.shape
        return [n if s is None else s for n, s in zip(found, static, strict=True)][: self.batch_ndim]

    @property
    def discrete(self) -> bool:
        """Whether draws are whole numbers."""
        return not self.law.dtype.startswith("float")


def as_part(family: type, label: str, given: Any) -> Part:
    """An argument that must be a distribution without a name, taken apart.

    Raises
    ------
    TypeError
        When it is no draw, or a variable of a model: the composite would draw it anew, and so be independent of it.
    """
    if not isinstance(given, TensorVariable) or not is_draw(given):
        what = f"{given} ({type(given).__name__})" if not isinstance(given, type) else given.__name__
        raise TypeError(
            f"{label} of {family.__name__} must be a distribution made with .dist(...), such as Normal.dist(0, 1), "
            f"not {what}. At {describe(user_line())}"
        )
    if given.name is not None:
        raise TypeError(
            f"{label} of {family.__name__} is '{given}', a variable with a name, as those of a model have: a part is "
            f"drawn anew, and would not be that variable. Give the distribution itself, {type_name(given)}.dist(...). "
            f"At {describe(user_line())}"
        )
    node: Any = given.owner
    return Part(node.op.law, list(node.inputs[2:]), node.inputs[1] is not NONE, given)


def type_name(rv: TensorVariable) -> str:
    """The name of a draw's distribution."""
    return type(distribution_of(rv)).__name__


def distribution_from(law: Law, parameters: Sequence[Any]) -> Distribution:
    """The distribution of draws from a law with these parameters."""
    return distribution_of(draw(law, parameters))


def common_batch(parts: Sequence[tuple[Sequence[Extent], Sequence[int | None]]]) -> list[Extent]:
    """The lengths of a broadcast of batches, each given by its lengths and its static shape."""
    like = [TensorType("float64", tuple(static)).variable() for _, static in parts]
    return list(broadcast_extents(like, [list(lengths) for lengths, _ in parts]))


def guarded(part: Distribution, x: TensorVariable) -> TensorVariable:
    """The log-density of a part at any x, with a gradient of 0 where it is -inf.

    Outside the support the formula is evaluated at a typical value instead, so that 0 times infinity does not arise.
    """
    if isinstance(part, Composite) or not isinstance(part.support, Interval):
        return part.log_density(x)
    conditions: list[Any] = part.valid()
    if not known(part.support, x, part):
        inside = part.support.check(x, part)
        conditions.append(inside)
        x = switch(inside, x, as_tensor_variable(part.support_point()).astype(x.dtype))
    found = as_tensor_variable(part.logp(x))
    if has_ends(part.support):
        conditions.append(neq(found, -np.inf))
    return stretch(switch(both(conditions), found, -np.inf) if conditions else found, x)


def has_ends(support: Interval) -> bool:
    """Whether ends belong to the support: there a density may be 0, and its logarithm have an infinite slope."""
    return (support.lower != -np.inf and not support.lower_open) or (support.upper != np.inf and not support.upper_open)


def known_ends(part: Distribution) -> tuple[float, float]:
    """The ends of the support of a distribution of numbers, as far as they are known; infinite where they are not."""
    support = part.support
    if not isinstance(support, Interval):
        return -np.inf, np.inf
    low, high = number(support.lower, part), number(support.upper, part)
    return -np.inf if low is None else low, np.inf if high is None else high


def along(p: Any, core: int) -> Any:
    """A parameter with one more axis, of length 1, before the `core` axes of one value."""
    return p[(..., None, *[slice(None)] * core)]


def with_axis(values: Sequence[Any], plain: Sequence[int], core: Sequence[int]) -> list[Any]:
    """Parameters of a part over whose batch an inner axis runs: those that have a batch, but not that axis, get it.

    `plain` has the numbers of axes of one value of each, and `core` those with the inner axis where it was given.
    """
    return [along(v, n) if c == n and v.ndim > n else v for v, n, c in zip(values, plain, core, strict=True)]


# Formulae evaluated on arrays, for samplers.


@lru_cache(maxsize=512)
def program(law: Law, method: Callable[..., Any], kinds: tuple[tuple[str, tuple[int | None, ...]], ...]) -> Any:
    """A formula of a law's distribution as a function of arrays: the parameters, then the arguments."""
    symbols = [TensorType(dtype, shape).variable() for dtype, shape in kinds]
    n = len(law.parameters)
    found = method(distribution_from(law, symbols[:n]), *symbols[n:])
    return interpret(symbols, [as_tensor_variable(found)])


def on_arrays(law: Law, method: Callable[..., Any], parameters: Sequence[Any], *arguments: Any) -> np.ndarray:
    """``method(distribution, *arguments)``, evaluated with the interpreter for arrays of parameters and arguments."""
    arrays = [np.asarray(a) for a in (*parameters, *arguments)]
    kinds = tuple((a.dtype.name, tuple(1 if n == 1 else None for n in a.shape)) for a in arrays)
    return program(law, method, kinds)(*arrays)[0]


def generator_from(rng: np.random.Generator) -> np.random.Generator:
    """A generator of its own for one of several inner draws."""
    return np.random.default_rng(rng.integers(2**63))
