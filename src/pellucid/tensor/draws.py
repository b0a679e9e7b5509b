"""A random draw as an op, the laws it can draw from, and the generators it draws with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from importlib import import_module
from itertools import count
from typing import Any

import numpy as np

from pellucid.graph.nodes import Apply, Op, Type, Variable
from pellucid.tensor.broadcast import Extent, broadcast_axis, broadcast_extents, shape_error
from pellucid.tensor.shape import as_extent, as_extents, dim, stack
from pellucid.tensor.types import NONE, TensorType, TensorVariable, as_tensor_variable, constant, static_value


@dataclass(frozen=True, slots=True)
class RngType(Type):
    """The state of a random number generator, passed around as data."""

    def variable(self, owner: Apply | None = None, index: int = 0, name: str | None = None) -> RngVariable:
        return RngVariable(self, owner, index, name)

    def __str__(self) -> str:
        return "RNG"


_births = count()


def count_of_generators() -> int:
    """A number above those of all generators made so far, and not above those made from now on."""
    return next(_births)


class RngVariable(Variable):
    """A generator in a graph. A root brings its own state, which each evaluation advances: a new draw every time."""

    __slots__ = ("born", "generator")

    def __init__(self, type: Type, owner: Apply | None = None, index: int = 0, name: str | None = None):
        super().__init__(type, owner, index, name)
        self.generator: np.random.Generator | None = None
        self.born = next(_births)
        """A number that grows: a loop tells by it which draws were written inside its step."""

    @property
    def has_value(self) -> bool:  # type: ignore[override]
        """A root always has a state."""
        return self.owner is None

    def get_value(self, borrow: bool = False) -> np.random.Generator:
        """The generator, made with fresh entropy when none was set."""
        if self.generator is None:
            self.generator = np.random.default_rng()
        return self.generator

    def set_value(self, value: np.random.Generator) -> None:
        """Use this generator from now on."""
        self.generator = value

    def __reduce__(self) -> Any:
        return restore_generator, (self.name, self.generator)

    def __str__(self) -> str:
        return self.name or ("RNG" if self.owner is None else f"{self.owner.op}.{self.index}")


def restore_generator(name: str | None, generator: np.random.Generator | None) -> RngVariable:
    """A root of generator type from a pickle; born anew."""
    variable = rng(name)
    variable.generator = generator
    return variable


def rng(name: str | None = None) -> RngVariable:
    """A root of generator type."""
    return RngVariable(RngType(), name=name)


def shared_rng(value: np.random.Generator | int | None = None, name: str | None = None) -> RngVariable:
    """A root of generator type that starts at `value` (a generator or a seed)."""
    variable = rng(name)
    variable.set_value(np.random.default_rng(value))
    return variable


Support = Callable[[Sequence[Any], Sequence[Sequence[Extent]]], Sequence[Extent]]
"""A function of a law's parameters (constant numbers as such) and of the lengths of each: the lengths of one draw."""


@dataclass(frozen=True, eq=False)
class Law:
    """How to draw: the facts about a family of random variables that a graph needs.

    Attributes
    ----------
    name : str
    parameters : tuple of str
        Their names, in order.
    sample : callable
        ``sample(generator, size, *arrays)``; `size` is the full batch shape.
    dtype : str
        The dtype of a draw.
    core : tuple of int
        The number of axes of one value of each parameter (0: scalar, 1: vector, ...).
    ndim_supp : int
        The number of axes of one draw.
    support : callable or None
        Their lengths: ``support(parameters, extents)`` of the parameters and the lengths of each (:func:`last_axes`, or
        any function that is given to see lengths and values); None for scalar draws.
    density : callable or None
        Set by a layer above for laws that are made one at a time, such as those of mixtures: ``density(law,
        *parameters)`` is the distribution that a draw follows. Laws declared once are found by their family instead.
    """

    name: str
    parameters: tuple[str, ...]
    sample: Callable[..., Any]
    dtype: str = "float64"
    core: tuple[int, ...] = ()
    ndim_supp: int = 0
    support: Support | None = None
    density: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        if not self.core:
            object.__setattr__(self, "core", (0,) * len(self.parameters))
        if (self.support is None) != (self.ndim_supp == 0):
            raise TypeError(
                f"The law {self.name} has draws of {self.ndim_supp} axes, but "
                f"{'nothing says' if self.support is None else 'support= says'} how long they are."
            )

    def support_extents(self, parameters: Sequence[Variable], extents: Sequence[Sequence[Extent]]) -> list[Extent]:
        """The lengths of one draw, as ints where they are known."""
        if self.support is None:
            return []
        known = [p if static_value(p) is None else static_value(p) for p in parameters]
        found = [as_extent(n, f"a draw of {self.name}") for n in self.support(known, extents)]
        if len(found) != self.ndim_supp:
            raise TypeError(f"support= of the law {self.name} gives {len(found)} lengths for {self.ndim_supp} axes.")
        return found

    def support_shape(self, parameters: Sequence[Variable]) -> tuple[int | None, ...]:
        """The static shape of one draw."""
        if self.support is None:
            return ()
        found = self.support_extents(parameters, [lengths(p) for p in parameters])
        return tuple(n if isinstance(n, int) else None for n in found)

    def __reduce__(self) -> Any:
        """By name where declared, because its sampler may be a lambda; else by what it is made of."""
        if LAWS.get(self.name) is self:
            return lookup_law, (self.name, self.sample.__module__)
        return Law, tuple(getattr(self, f.name) for f in fields(self))


def last_axes(which: int, count: int = 1) -> Support:
    """The support of draws whose axes are the last `count` of parameter number `which`."""
    return partial(read_last_axes, which, count)


def read_last_axes(
    which: int, count: int, parameters: Sequence[Any], extents: Sequence[Sequence[Extent]]
) -> Sequence[Extent]:
    """The last lengths of one parameter."""
    return extents[which][-count:]


def lengths(v: Variable) -> list[Extent]:
    """The lengths of a tensor: ints where they are static, else variables that read them."""
    if not isinstance(v, TensorVariable):
        return []
    return [dim(v, i) if n is None else n for i, n in enumerate(v.type.shape)]


@dataclass(frozen=True)
class Draw(Op):
    """A draw from a law: (rng, size or None, *parameters) → (next rng, draw). Kept whole for logp to recognise it."""

    law: Law

    def __str__(self) -> str:
        return f"{self.law.name}_rv"

    def batch(self, parameters: Sequence[Variable]) -> list[tuple[int | None, ...]]:
        """The static batch shape of each parameter."""
        return [p.type.shape[: p.type.ndim - c] for p, c in zip(parameters, self.law.core, strict=True)]  # type: ignore[attr-defined]

    def infer(self, rng: Variable, size: Variable, *parameters: Variable) -> tuple[Type, ...]:
        batches = self.batch(parameters)
        ndim = max((len(b) for b in batches), default=0)
        padded = [(1,) * (ndim - len(b)) + b for b in batches]
        try:
            batch = tuple(broadcast_axis(n) for n in zip(*padded, strict=True))
        except ValueError as error:
            raise shape_error(
                f"The parameters of {self.law.name} do not broadcast",
                parameters,
                f"lengths {error.args[0]} differ",
                "Give parameters of one shape, or of length 1.",
            ) from None
        if size is not NONE:
            batch = self.sized(size, batch, parameters)
        return RngType(), TensorType(self.law.dtype, batch + self.law.support_shape(parameters))

    def sized(
        self, size: Variable, batch: tuple[int | None, ...], parameters: Sequence[Variable]
    ) -> tuple[int | None, ...]:
        """The static batch shape that `size` asks for, once it is known to hold the parameters' own."""
        wanted = static_size(size)
        tail = wanted[len(wanted) - len(batch) :]
        fits = len(wanted) >= len(batch) and not any(
            b not in (1, None) and w is not None and b != w for w, b in zip(tail, batch, strict=True)
        )
        if not fits:
            raise shape_error(
                f"size {wanted} cannot hold a draw of {self.law.name}",
                parameters,
                f"the parameters' own batch shape is {batch}",
                "size must end in the parameters' batch shape.",
            )
        return wanted

    def infer_shape(self, inputs: Sequence[Variable], extents: Any) -> list[tuple[Extent, ...]]:
        _, size, *parameters = inputs
        if size is NONE:
            lead = [e[: len(e) - c] for e, c in zip(extents[2:], self.law.core, strict=True)]
            batch = broadcast_extents([_Batch(s) for s in self.batch(parameters)], lead)
        else:
            batch = tuple(as_extents(size))
        return [(), (*batch, *self.law.support_extents(parameters, extents[2:]))]

    def impl(self, xp: Any, rng: np.random.Generator, size: Any, *parameters: Any) -> tuple[Any, Any]:
        arrays = [np.asarray(p) for p in parameters]
        batches = [a.shape[: a.ndim - c] for a, c in zip(arrays, self.law.core, strict=True)]
        shape = np.broadcast_shapes(*batches) if size is None else tuple(int(n) for n in size)
        return rng, np.asarray(self.law.sample(rng, shape, *arrays)).astype(self.law.dtype, copy=False)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[None]:
        return [None] * len(inputs)


class _Batch:
    """A static shape that broadcasting can look at."""

    def __init__(self, shape: tuple[int | None, ...]):
        self.type = TensorType(shape=shape)


def static_size(size: Variable) -> tuple[int | None, ...]:
    """What is known of a size before run time."""
    return tuple(n if isinstance(n, int) else None for n in as_extents(size, "size"))


def as_size(size: Any) -> Variable:
    """A size argument as a variable: NONE, or an integer vector."""
    if size is None:
        return NONE
    extents = as_extents(size, "size")
    if all(isinstance(n, int) for n in extents):
        return constant(np.array(extents, "int64"))
    if isinstance(size, TensorVariable) and size.type.shape == (len(extents),) and size.dtype == "int64":
        return size  # whole, so that a constant that takes its place is seen as one
    return stack([as_tensor_variable(n, dtype="int64") for n in extents])


def draw(
    law: Law, parameters: Sequence[Any], *, size: Any = None, rng: RngVariable | None = None, name: str | None = None
) -> TensorVariable:
    """A random variable that follows `law`; its own rng leaf makes it unlike any other."""
    source = RngVariable(RngType(), name=None) if rng is None else rng
    values = [as_tensor_variable(p) for p in parameters]
    for value, core, label in zip(values, law.core, law.parameters, strict=True):
        if value.ndim < core:
            raise shape_error(
                f"Parameter {label} of {law.name} needs at least {core} axes",
                [value],
                f"it has {value.ndim}",
                "Add axes.",
            )
    _, drawn = Draw(law)(source, as_size(size), *values)
    drawn.name = name
    return drawn


LAWS: dict[str, Law] = {}
"""Every law by name, in the order of declaration."""


def lookup_law(name: str, home: str = __name__) -> Law:
    """The law called `name`, for a pickle; the module that declares it is loaded if it must be."""
    if name not in LAWS:
        import_module(home)
    if name not in LAWS:
        raise LookupError(f"No law called {name!r} is declared: import the module that does so before unpickling.")
    return LAWS[name]


def law(name: str, parameters: str, sample: Callable[..., Any], **facts: Any) -> Law:
    """Declare a law."""
    entry = Law(name, tuple(parameters.split()), sample, **facts)
    LAWS[name] = entry
    return entry
