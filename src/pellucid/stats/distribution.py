"""Declare a distribution once, as a class; from it come draws, densities, argument checks, transforms and tests."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

import numpy as np

from pellucid.graph.lazy import later
from pellucid.graph.provenance import describe, user_line
from pellucid.stats.bijection import Bijection, default_bijection
from pellucid.stats.bounds import DRAWS, known
from pellucid.stats.constraint import Constraint, Interval, both
from pellucid.stats.parameters import (
    MISSING,
    Alternative,
    Parameter,
    Parametrization,
    bind_arguments,
    read_fields,
    read_parametrization,
)
from pellucid.tensor.arithmetic import floor, switch
from pellucid.tensor.broadcast import shape_error
from pellucid.tensor.draws import Law, RngVariable, draw
from pellucid.tensor.reduce import all as all_
from pellucid.tensor.shape import as_extents, broadcast_shape, broadcast_to
from pellucid.tensor.transcendental import log1mexp
from pellucid.tensor.types import TensorVariable, as_tensor_variable

if TYPE_CHECKING:
    from pellucid.stats import quantiles, quantiles_discrete
else:
    quantiles, quantiles_discrete = later("pellucid.stats", "quantiles quantiles_discrete")

DISTRIBUTIONS: dict[str, type[Distribution]] = {}
"""Every distribution by name, in the order of declaration."""

BY_LAW: dict[Law, tuple[type[Distribution], Callable[..., Any]]] = {}
"""For each law its distribution, and how its fields follow from the law's parameters: so draws are recognised."""


def refuse(family: type[Distribution], name: str, args: tuple[Any, ...], **options: Any) -> NoReturn:
    """What naming a variable does while no layer above has said what a model is."""
    raise TypeError(
        f"{family.__name__}({name!r}, ...) belongs into a model, and pellucid.model is not loaded; "
        f"use {family.__name__}.dist(...)."
    )


def no_model(name: str, value: TensorVariable, dims: Any) -> NoReturn:
    """What naming a computed variable does until then."""
    raise TypeError(f"{name!r} belongs into a model, and pellucid.model is not loaded.")


register_in_model: Callable[..., TensorVariable] = refuse
"""``register_in_model(family, name, args, **options)`` makes a variable of the current model; the model layer sets it.

`args` and `options` are what the user wrote after the name: options of the model (dims, observed, shape, transform,
initval, ...) and the distribution's own parameters, all by keyword, which the model passes on to ``family.dist``.
"""

register_deterministic: Callable[[str, TensorVariable, Any], TensorVariable] = no_model
"""``register_deterministic(name, value, dims)`` names what is computed in the model around; the model layer sets it."""


def name_in_model(name: str, value: TensorVariable, dims: Any = None) -> TensorVariable:
    """Give what a distribution computes beside its draw (probabilities, correlations) a name in the current model."""
    return register_deterministic(name, value, dims)


class Undefined(NotImplementedError):
    """A quantity that a distribution does not have, or that is not implemented for it."""


class Distribution:
    """A family of random variables.

    A subclass under ``@distribution`` has one annotated field for each parameter of its law, in the law's order, and
    gives the formulae below as methods on tensors, in which ``self.sigma`` is the parameter `sigma`. The formulae
    need not check anything: values outside the support and parameters outside their sets are dealt with by
    :meth:`log_density` and its kind.

    Called with a name it makes a variable of the model around it; :meth:`dist` makes one without a model.

    Attributes
    ----------
    support : Constraint
        Where values lie.
    law : Law
        How to draw; a distribution whose laws are made one at a time has its own on each instance.
    arguments : str
        The names that users may give, in the order of positional arguments.
    alternatives : tuple
        Other parametrisations, made by :func:`~pellucid.stats.parameters.given`.
    also : dict
        Other laws that are this one under a parametrisation: ``{law: function of its parameters -> our fields}``.
    formula, source, oracle : str
        The density in LaTeX, where it is from, and the same in scipy.stats, in terms of the fields.
    """

    support: Constraint
    law: Law
    arguments: ClassVar[str] = ""
    alternatives: ClassVar[tuple[Alternative, ...]] = ()
    also: ClassVar[Mapping[Law, Callable[..., tuple[Any, ...]]]] = MappingProxyType({})
    formula: ClassVar[str] = ""
    source: ClassVar[str] = ""
    oracle: ClassVar[str] = ""

    parameters: ClassVar[dict[str, Parameter]] = {}
    parametrizations: ClassVar[tuple[Parametrization, ...]] = ()
    order: ClassVar[tuple[str, ...]] = ()
    __signature__: ClassVar[inspect.Signature]

    def __new__(
        cls,
        name: str,
        *args: Any,
        dims: Any = None,
        observed: Any = None,
        shape: Any = None,
        size: Any = None,
        transform: Any = ...,
        default_transform: Any = ...,
        initval: Any = None,
        total_size: Any = None,
        rng: Any = None,
        model: Any = None,
        **parameters: Any,
    ) -> TensorVariable:
        if not isinstance(name, str):
            raise TypeError(
                f"A variable of a model has a name: {cls.__name__}('x', ...), not {cls.__name__}({name!r}, ...). "
                f"Without a name, and outside models: {cls.__name__}.dist(...). At {describe(user_line())}"
            )
        return register_in_model(
            cls, name, args, dims=dims, observed=observed, shape=shape, size=size, transform=transform,
            default_transform=default_transform, initval=initval, total_size=total_size, rng=rng, model=model,
            **parameters,
        )  # fmt: skip

    @classmethod
    def dist(
        cls,
        *args: Any,
        shape: Any = None,
        size: Any = None,
        name: str | None = None,
        rng: RngVariable | None = None,
        return_next_rng: bool = False,
        **parameters: Any,
    ) -> Any:
        """A random variable without a model.

        Parameters
        ----------
        *args, **parameters
            The parameters; see the class for its parametrisations.
        shape : int or tuple, optional
            The whole shape of the variable, the axes of one draw included.
        size : int or tuple, optional
            The shape of the batch: how many draws. Give this or `shape`.
        name : str, optional
        rng : generator variable, optional
            Where randomness comes from; by default a generator of its own.
        return_next_rng : bool
            Return a pair: the generator as the draw leaves it, and the variable.
        """
        given = bind_arguments(cls, args, parameters)
        values = [as_tensor_variable(v) for v in given]
        found = draw(cls.law, values, size=batch_size(cls.law, values, shape, size, cls.__name__), rng=rng, name=name)
        return (found.owner.outputs[0], found) if return_next_rng else found  # type: ignore[union-attr]

    @classmethod
    def of(cls, *parameters: Any) -> Any:
        """The distribution with these values of its law's parameters."""
        self = object.__new__(cls)
        for label, value in zip(cls.parameters, parameters, strict=True):
            setattr(self, label, as_tensor_variable(value))
        return self

    @property
    def values(self) -> list[TensorVariable]:
        """The parameters, in the law's order."""
        return [getattr(self, label) for label in self.parameters]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{p}={getattr(self, p)}' for p in self.parameters)})"

    # The formulae, which subclasses give.

    def logp(self, x: Any) -> Any:
        """The log of the density (or probability) at x, for x in the support."""
        raise Undefined(f"{type(self).__name__} has no log-density.")

    def logcdf(self, x: Any) -> Any:
        """The log of the probability of a value of at most x, for x in the support."""
        raise Undefined(f"The log-cdf of {type(self).__name__} is not implemented; logp is.")

    def logccdf(self, x: Any) -> Any:
        """The log of the probability of a value above x, for x in the support."""
        return log1mexp(self.logcdf(x))

    def icdf(self, q: Any) -> Any:
        """The least value whose cdf is q, for q in (0, 1)."""
        if self.discrete and not self.law.ndim_supp:
            return quantiles_discrete.search(self, q)
        if isinstance(self.support, Interval) and type(self).logcdf is not Distribution.logcdf:
            return quantiles.search_quantile(self, as_tensor_variable(q))
        raise Undefined(f"The quantile function (icdf) of {type(self).__name__} is not implemented.")

    def mean(self) -> Any:
        """The mean of one draw."""
        raise Undefined(f"{type(self).__name__} has no mean, or it is not implemented.")

    def support_point(self) -> Any:
        """A typical value inside the support, where samplers may start."""
        return self.mean()

    def bijection(self) -> Bijection | None:
        """The map to the real numbers by which the distribution is sampled; None where none is needed."""
        return default_bijection(self.support, self)

    # The formulae with all checks, for any value.

    def valid(self) -> list[TensorVariable]:
        """The conditions that the parameters must meet, except those known to be met."""
        found = []
        for (label, p), core in zip(self.parameters.items(), self.law.core, strict=True):
            value = getattr(self, label)
            if not known(p.constraint, value, self):
                c = p.constraint.check(value, self)
                found.append(
                    all_(c, axis=tuple(range(-(core - p.constraint.ndim), 0))) if core > p.constraint.ndim else c
                )
        return found + self.agree()

    def agree(self) -> list[TensorVariable]:
        """Conditions between parameters, such as lower < upper."""
        return []

    def log_density(self, x: Any) -> TensorVariable:
        """The log-density at any x: -inf outside the support, and for parameters outside their sets."""
        x = as_tensor_variable(x)
        check_value(self, x)
        conditions = self.valid()
        if not known(self.support, x, self):
            inside = self.support.check(x, self)
            conditions.append(inside)
        found = as_tensor_variable(self.logp(x))
        found = switch(both(conditions), found, -np.inf) if conditions else found
        return found if self.law.ndim_supp else stretch(found, x)

    def log_probability(self, x: Any, *, above: bool = False) -> TensorVariable:
        """log P(X <= x) at any x, or log P(X > x) when `above`; -inf for parameters outside their sets."""
        x = self.rounded_down(as_tensor_variable(x))
        found = as_tensor_variable(self.logccdf(x) if above else self.logcdf(x))
        low, high = self.support.bounds(self)  # type: ignore[attr-defined]  # only distributions of numbers have a cdf
        if high is not None:
            found = switch(x >= high, -np.inf if above else 0.0, found)
        if low is not None:
            found = switch(x < low, 0.0 if above else -np.inf, found)
        conditions = self.valid()
        return switch(both(conditions), found, -np.inf) if conditions else found

    def rounded_down(self, x: TensorVariable) -> TensorVariable:
        """x, or for a discrete distribution the whole number below."""
        return floor(x) if self.discrete and x.dtype.startswith("float") else x

    def quantile(self, q: Any) -> TensorVariable:
        """The quantile at any q: NaN outside [0, 1], and for parameters outside their sets."""
        q = as_tensor_variable(q)
        conditions = [*self.valid(), q >= 0, q <= 1]
        return switch(both(conditions), as_tensor_variable(self.icdf(q)), np.nan)

    @property
    def discrete(self) -> bool:
        """Whether draws are whole numbers."""
        return np.dtype(self.law.dtype).kind in "biu"


def stretch(found: TensorVariable, x: TensorVariable) -> TensorVariable:
    """`found` with at least the shape of x, for densities that do not read the value."""
    shape = (1,) * (found.ndim - x.ndim) + x.type.shape
    narrow = found.ndim < x.ndim or any(a == 1 and b != 1 for a, b in zip(found.type.shape, shape, strict=True))
    return broadcast_to(found, broadcast_shape(found, x)) if narrow else found


def batch_size(law: Law, values: list[TensorVariable], shape: Any, size: Any, family: str) -> Any:
    """The batch shape to draw: `size`, or `shape` without the axes of one draw. Errors speak of `family`."""
    if shape is None:
        return size
    if size is not None:
        raise ValueError(
            f"{family} was given both shape={shape} and size={size}: shape is the whole shape, size that of the batch."
        )
    extents = as_extents(shape)
    kept = len(extents) - law.ndim_supp
    if kept < 0:
        axes = f"{law.ndim_supp} {'axis' if law.ndim_supp == 1 else 'axes'}"
        raise ValueError(f"shape={shape} has no room for one draw of {family}, which has {axes}.")
    check_support_length(law, values, extents[kept:], family)
    return extents[:kept]


def check_support_length(law: Law, values: list[TensorVariable], last: Sequence[Any], family: str) -> None:
    """The last axes of `shape` are the lengths of one draw, where both are known."""
    own = law.support_shape(values)
    if any(n is not None and isinstance(m, int) and m != n for m, n in zip(last, own, strict=True)):
        raise shape_error(
            f"shape does not fit a draw of {family}",
            values,
            f"it ends in {', '.join(map(str, last))}, but one draw has shape ({', '.join(map(str, own))})",
            "End shape with the lengths of one draw.",
        )


def check_value(d: Distribution, x: TensorVariable) -> None:
    """The last axes of a value have the lengths of one draw, where both are known."""
    own = d.law.support_shape(d.values)
    last = x.type.shape[x.ndim - len(own) :] if x.ndim >= len(own) else x.type.shape
    fits = len(last) == len(own) and all(n is None or m in (n, None) for n, m in zip(own, last, strict=True))
    if not fits:
        raise shape_error(
            f"A value of {type(d).__name__} does not fit it",
            [x, *d.values],
            f"one draw has shape ({', '.join(map(str, own))}), but the value ends in ({', '.join(map(str, last))})",
            "Give a value whose last axes are those of one draw.",
        )


def keep(*values: Any) -> tuple[Any, ...]:
    """The parameters as they are."""
    return values


def signature(cls: type[Distribution]) -> inspect.Signature:
    """What editors and help() show for a distribution: its own parameters between the name and the model's options."""
    name, *rest = list(inspect.signature(Distribution.__new__).parameters.values())[1:]
    shown: list[inspect.Parameter] = []
    for label in cls.order:
        default = default_of(cls, label)
        late = default is MISSING and any(p.default is not MISSING for p in shown)  # may only be shown as a keyword
        kind = inspect.Parameter.KEYWORD_ONLY if late else inspect.Parameter.POSITIONAL_OR_KEYWORD
        shown.append(inspect.Parameter(label, kind, default=default))
    shown.sort(key=lambda p: p.kind)
    return inspect.Signature([name, *shown, *[p for p in rest if p.kind is inspect.Parameter.KEYWORD_ONLY]])


def default_of(cls: type[Distribution], label: str) -> Any:
    """The default to show; None for a parameter that is needed only in some parametrisations."""
    plain = cls.parameters.get(label)
    if plain is not None and (plain.default is not MISSING or len(cls.parametrizations) == 1):
        return plain.default
    return None


Family = TypeVar("Family", bound=type[Distribution])


def distribution(cls: Family) -> Family:
    """Declare a distribution: read its fields, check them against its law, and register it by name and by law."""
    cls.parameters = read_fields(cls)
    if len(cls.parameters) != len(cls.law.parameters):
        raise TypeError(f"{cls.__name__} has fields {tuple(cls.parameters)}, but its law takes {cls.law.parameters}.")
    canonical = Parametrization(cls.parameters, keep)
    cls.parametrizations = (canonical, *[read_parametrization(a, cls.parameters) for a in cls.alternatives])
    cls.order = tuple(cls.arguments.split()) or tuple(cls.parameters)
    cls.__signature__ = signature(cls)
    DISTRIBUTIONS[cls.__name__] = cls
    for law, convert in {cls.law: keep, **cls.also}.items():
        BY_LAW[law] = cls, convert
        DRAWS[law] = cls.support
    return cls
