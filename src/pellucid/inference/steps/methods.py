"""The step methods that users name, and which of them samples a variable that nobody assigned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from pellucid.graph.provenance import describe
from pellucid.inference.steps import sweeps
from pellucid.model.context import here, modelcontext
from pellucid.stats import distribution_of, is_draw
from pellucid.stats.constraint import Interval, boolean
from pellucid.tensor.types import Constant, TensorVariable

if TYPE_CHECKING:
    from pellucid.model.model import Model

MANY_CATEGORIES = 100
"""Up to so many values of a discrete variable are all looked at in one update; beyond that Metropolis walks."""


class Values(NamedTuple):
    """The whole numbers that a discrete variable can be: `count` of them from `low` on."""

    low: int
    count: int


class StepMethod:
    """How some variables of a model are updated, given all others.

    Parameters
    ----------
    vars : variable or list of variables, optional
        Random variables (or value variables) of the model; by default all that the method can sample.
    model : Model, optional
        By default that of the enclosing block.
    **settings
        PyMC's other arguments of step methods, which tuning makes unnecessary here.

    Attributes
    ----------
    update : int
        The kind of sweep in `sweeps`; -1 for NUTS, which is none.
    joint : bool
        Whether all variables are moved at once, and not one after another.
    """

    update: ClassVar[int] = -1
    joint: ClassVar[bool] = False
    ignored: ClassVar[frozenset[str]] = frozenset(
        {"blocked", "tune", "tune_interval", "initial_point", "compile_kwargs"}
    )

    def __init__(self, vars: Any = None, *, model: Model | None = None, **settings: Any):  # PyMC's name
        self.model = modelcontext(model).root
        unknown = set(settings) - self.ignored - set(self.accepted())
        if unknown:
            raise TypeError(
                f"{type(self).__name__} has no setting {', '.join(sorted(unknown))}; it has "
                f"{', '.join(self.accepted()) or 'none'}. {here()}"
            )
        self.settings = {name: value for name, value in settings.items() if name in self.accepted()}
        self.vars = find_variables(self.model, vars, self)

    @classmethod
    def accepted(cls) -> Sequence[str]:
        """The settings that mean something."""
        return ()

    @classmethod
    def can_sample(cls, rv: TensorVariable) -> bool:
        """Whether the method is right for a variable."""
        raise NotImplementedError(cls.__name__)

    def scale(self) -> float:
        """The first spread of proposals, on the scale of the value variables; tuning changes it."""
        return 1.0

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(str(v.name) for v in self.vars)})"


class NUTS(StepMethod):
    """The No-U-Turn sampler, for continuous variables; all of them together.

    Parameters
    ----------
    target_accept, max_treedepth
        As for `sample`.
    """

    ignored = StepMethod.ignored | {"scaling", "step_scale", "potential", "early_max_treedepth", "Emax", "is_cov"}

    @classmethod
    def accepted(cls) -> Sequence[str]:
        return "target_accept", "max_treedepth"

    @classmethod
    def can_sample(cls, rv: TensorVariable) -> bool:
        return rv.dtype.startswith("float")


class Metropolis(StepMethod):
    """Random-walk Metropolis, one coordinate after another, for any variable.

    Parameters
    ----------
    scaling : float
        The standard deviation of the first proposals, 1 by default; each coordinate's own is tuned. Whole numbers move
        by a rounded step of at least 1.
    """

    update = sweeps.METROPOLIS
    ignored = StepMethod.ignored | {"S", "proposal_dist", "mode"}

    @classmethod
    def accepted(cls) -> Sequence[str]:
        return ("scaling",)

    @classmethod
    def can_sample(cls, rv: TensorVariable) -> bool:
        return True

    def scale(self) -> float:
        return float(self.settings.get("scaling", 1.0))


class DEMetropolisZ(Metropolis):
    """Metropolis whose proposals are differences of past draws, which follow the posterior's shape.

    All variables given move at once. Source: C. ter Braak and J. Vrugt, Statistics and Computing 18 (2008).
    """

    update = sweeps.DIFFERENTIAL
    joint = True
    ignored = Metropolis.ignored | {"lamb", "tune_drop_fraction"}


class Slice(StepMethod):
    """Slice sampling of continuous variables, one coordinate after another; needs no gradient.

    Parameters
    ----------
    w : float
        The first width of the slice, 1 by default; each coordinate's own is tuned.
    """

    update = sweeps.SLICE
    ignored = StepMethod.ignored | {"iter_limit"}

    @classmethod
    def accepted(cls) -> Sequence[str]:
        return ("w",)

    @classmethod
    def can_sample(cls, rv: TensorVariable) -> bool:
        return rv.dtype.startswith("float")

    def scale(self) -> float:
        return float(self.settings.get("w", 1.0))


class BinaryMetropolis(StepMethod):
    """Metropolis for variables of zeros and ones: each element in turn is proposed to flip."""

    update = sweeps.FLIP
    ignored = StepMethod.ignored | {"scaling", "transit_p", "order"}

    @classmethod
    def can_sample(cls, rv: TensorVariable) -> bool:
        return not rv.dtype.startswith("float") and possible_values(rv) == Values(0, 2)


class BinaryGibbsMetropolis(BinaryMetropolis):
    """The same under PyMC's other name."""


class CategoricalGibbsMetropolis(StepMethod):
    """Gibbs draws of variables with few possible values, each element from its exact conditional distribution."""

    update = sweeps.GIBBS
    ignored = StepMethod.ignored | {"proposal", "order"}

    @classmethod
    def can_sample(cls, rv: TensorVariable) -> bool:
        values = None if rv.dtype.startswith("float") else possible_values(rv)
        return values is not None and values.count <= MANY_CATEGORIES


class CompoundStep:
    """Several step methods, each in turn.

    Parameters
    ----------
    methods : sequence of StepMethod
    """

    def __init__(self, methods: Iterable[StepMethod]):
        self.methods = list(methods)


AUTOMATIC: tuple[type[StepMethod], ...] = (NUTS, BinaryGibbsMetropolis, CategoricalGibbsMetropolis, Metropolis)
"""Tried in this order for a variable that no step method was named for."""


def find_variables(model: Model, given: Any, method: StepMethod) -> list[TensorVariable]:
    """The free random variables that `given` means, all of which the method must be able to sample."""
    if given is None:
        found = [rv for rv in model.free_RVs if method.can_sample(rv)]
    else:
        listed = given if isinstance(given, (list, tuple)) else [given]
        found = [named(model, v) for v in listed]
    refused = [rv for rv in found if not method.can_sample(rv)]
    if refused or not found:
        names = ", ".join(f"'{v}' ({v.dtype}, {describe(v.owner.line if v.owner else None)})" for v in refused)
        raise ValueError(f"{type(method).__name__} cannot sample {names or 'any variable of the model'}. {here()}")
    return found


def named(model: Model, v: Any) -> TensorVariable:
    """The free random variable that a variable, a value variable, or a name means."""
    rv: Any = model.named_vars.get(v) if isinstance(v, str) else model.values_to_rvs.get(v, v)
    if rv not in model.free_RVs:
        known = ", ".join(str(u) for u in model.free_RVs)
        raise ValueError(f"{v} is no free random variable of the model; those are {known}. {here()}")
    return rv


def possible_values(rv: TensorVariable) -> Values | None:
    """The values of a discrete variable where they are known before sampling, and finite; None elsewhere."""
    if not is_draw(rv):
        return None
    distribution = distribution_of(rv)
    support = distribution.support
    if support is boolean:
        return Values(0, 2)
    if not isinstance(support, Interval):
        return None
    low, high = support.bounds(distribution)
    if not isinstance(low, Constant) or not isinstance(high, Constant):
        return None
    first, last = float(np.min(low.data)), float(np.max(high.data))
    return Values(int(first), int(last - first) + 1) if np.isfinite([first, last]).all() else None


def assign(model: Model, step: Any) -> list[StepMethod]:
    """A step method for every free variable: those that the user named, and for the others what suits them."""
    given = flatten(step)
    seen: dict[TensorVariable, StepMethod] = {}
    for method in given:
        for rv in method.vars:
            if rv in seen:
                raise ValueError(f"'{rv}' has two step methods, {seen[rv]} and {method}. {here()}")
            seen[rv] = method
    rest = [rv for rv in model.free_RVs if rv not in seen]
    chosen: dict[type[StepMethod], list[TensorVariable]] = {}
    for rv in rest:
        chosen.setdefault(next(m for m in AUTOMATIC if m.can_sample(rv)), []).append(rv)
    methods = given + [cls(rvs, model=model) for cls, rvs in chosen.items()]
    if sum(isinstance(m, NUTS) for m in methods) > 1:
        named_nuts = next(m for m in given if isinstance(m, NUTS))
        left = ", ".join(str(v) for v in chosen.get(NUTS, []))
        raise ValueError(f"{named_nuts} leaves out {left}: name these for it too, or another step method. {here()}")
    return methods


def flatten(step: Any) -> list[StepMethod]:
    """The step methods in `step`: one, a list, a CompoundStep, classes not yet made, or None."""
    if step is None:
        return []
    if isinstance(step, StepMethod):
        return [step]
    if isinstance(step, type) and issubclass(step, StepMethod):
        return [step()]
    if isinstance(step, CompoundStep):
        return flatten(step.methods)
    if isinstance(step, (list, tuple)):
        return [m for s in step for m in flatten(s)]
    known = ", ".join(cls.__name__ for cls in every_method())
    raise TypeError(f"step must be a step method ({known}) or a list of them, not {step!r}. {here()}")


def every_method(base: type[StepMethod] = StepMethod) -> list[type[StepMethod]]:
    """All step methods."""
    return [m for cls in base.__subclasses__() for m in (cls, *every_method(cls))]
