"""The step methods that users name, and which of them samples a variable that nobody assigned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
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
    name : str
        How settings of the method are called in `sample`, as in ``sample(nuts={...})``.
    update : int
        The kind of sweep in `sweeps`; -1 for those that follow the gradient.
    joint : bool
        Whether all variables are moved at once, and not one after another.
    """

    name: ClassVar[str] = ""
    update: ClassVar[int] = -1
    joint: ClassVar[bool] = False
    ignored: ClassVar[frozenset[str]] = frozenset(
        {"blocked", "tune", "tune_interval", "initial_point", "compile_kwargs", "rng"}
    )
    refused: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """PyMC's settings that would change what is drawn, and why they are not offered."""

    def __init__(self, vars: Any = None, *, model: Model | None = None, **settings: Any):  # PyMC's name
        self.model = modelcontext(model).root
        for name in self.refused.keys() & settings:
            raise TypeError(f"{type(self).__name__} does not offer {name}: {self.refused[name]}. {here()}")
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


class GradientMethod(StepMethod):
    """A step method that moves continuous variables along trajectories; all of them together."""

    target_accept: ClassVar[float] = 0.8
    """The rate of acceptance that the step size is adapted to, unless another is asked for."""
    ignored = StepMethod.ignored | {"scaling", "step_scale", "potential", "early_max_treedepth", "Emax", "is_cov"}
    refused = MappingProxyType(
        {
            **dict.fromkeys(("gamma", "k", "t0"), "its step size is averaged with the constants of Hoffman and Gelman"),
            "adapt_step_size": "its step size is always adapted; set target_accept",
            "step_rand": "its step size needs no noise",
        }
    )

    @classmethod
    def can_sample(cls, rv: TensorVariable) -> bool:
        return rv.dtype.startswith("float")


class NUTS(GradientMethod):
    """The No-U-Turn sampler, for continuous variables; all of them together.

    Parameters
    ----------
    target_accept, max_treedepth
        As for `sample`.
    metric : {"diagonal", "low_rank", "dense"}
        What the mass matrix knows of correlations: nothing, the directions that matter most, or all.
    """

    name = "nuts"

    @classmethod
    def accepted(cls) -> Sequence[str]:
        return "target_accept", "max_treedepth", "metric"


class HamiltonianMC(GradientMethod):
    """Hamiltonian Monte Carlo with trajectories of one length, for continuous variables; all of them together.

    NUTS finds a good length by itself, and is the better choice but for comparisons and for studying.

    Parameters
    ----------
    path_length : float
        How long trajectories are, in standard deviations of the (unconstrained) variables; 2 by default.
    max_steps : int
        The most leapfrog steps of one trajectory, 1024 by default.
    target_accept : float
        The acceptance rate that the step size is adapted to, 0.65 by default.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model():
    ...     x = pm.Normal("x")
    ...     result = pm.sample(200, tune=200, chains=2, step=pm.HamiltonianMC(), random_seed=1, progressbar=False)
    >>> bool(result["sample_stats"]["accepted"].mean() > 0.3)
    True
    """

    name = "hmc"

    target_accept = 0.65

    def __init__(self, vars: Any = None, *, model: Model | None = None, **settings: Any):
        super().__init__(vars, model=model, **settings)
        self.path_length = float(self.settings.get("path_length", 2.0))
        self.max_steps = int(self.settings.get("max_steps", 1024))
        if not self.path_length > 0.0 or self.max_steps < 1:
            raise ValueError(
                f"HamiltonianMC needs a path_length above 0 and max_steps of at least 1, not {self.path_length} and "
                f"{self.max_steps}. {here()}"
            )

    @classmethod
    def accepted(cls) -> Sequence[str]:
        return "path_length", "max_steps", "target_accept"


class Metropolis(StepMethod):
    """Random-walk Metropolis, one coordinate after another, for any variable.

    Parameters
    ----------
    scaling : float
        The standard deviation of the first proposals, 1 by default; each coordinate's own is tuned. Whole numbers move
        by a rounded step of at least 1.
    """

    name = "metropolis"

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


class DEMetropolis(Metropolis):
    """Metropolis whose proposals are differences of two other chains, which follow the posterior's shape.

    All variables given move at once, and all chains step by step together; there must be at least three, and should be
    more than there are coordinates. Source: C. ter Braak, Statistics and Computing 16 (2006).

    Parameters
    ----------
    scaling : float
        The standard deviation of what is added to a difference, 0.001 by default.
    """

    name = "DEMetropolis"

    update = sweeps.POPULATION
    joint = True
    ignored = Metropolis.ignored | {"lamb"}

    def scale(self) -> float:
        return float(self.settings.get("scaling", 0.001))


class DEMetropolisZ(Metropolis):
    """Metropolis whose proposals are differences of past draws, which follow the posterior's shape.

    All variables given move at once. Source: C. ter Braak and J. Vrugt, Statistics and Computing 18 (2008).
    """

    name = "DEMetropolisZ"

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

    name = "slice"

    update = sweeps.SLICE
    ignored = StepMethod.ignored | {"iter_limit", "max_steps"}

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

    name = "binary_metropolis"

    update = sweeps.FLIP
    ignored = StepMethod.ignored | {"scaling", "transit_p", "order"}

    @classmethod
    def can_sample(cls, rv: TensorVariable) -> bool:
        return not rv.dtype.startswith("float") and possible_values(rv) == Values(0, 2)


class BinaryGibbsMetropolis(BinaryMetropolis):
    """The same under PyMC's other name."""

    name = "binary_gibbs_metropolis"


class CategoricalGibbsMetropolis(StepMethod):
    """Gibbs draws of variables with few possible values, each element from its exact conditional distribution."""

    name = "categorical_gibbs_metropolis"

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


def assign(
    model: Model, step: Any, settings: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
) -> list[StepMethod]:
    """A step method for every free variable: those that the user named, and for the others what suits them.

    `settings` are those of the latter, by the names of methods.
    """
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
    methods = given + [cls(rvs, model=model, **settings.get(cls.name, {})) for cls, rvs in chosen.items()]
    for name in set(settings) - {cls.name for cls in chosen}:
        raise ValueError(
            f"sample got settings {name}={dict(settings[name])}, but gave that method nothing to sample: variables are "
            f"sampled by {', '.join(map(repr, methods))}. Give settings to the step methods that you make. {here()}"
        )
    along = [m for m in methods if isinstance(m, GradientMethod)]
    if len(along) > 1:
        others = ", ".join(str(v) for m in along[1:] for v in m.vars)
        raise ValueError(f"{along[0]} leaves out {others}: name these for it too, or another step method. {here()}")
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
    known = ", ".join(cls.__name__ for cls in methods_by_name().values())
    raise TypeError(f"step must be a step method ({known}) or a list of them, not {step!r}. {here()}")


def methods_by_name() -> dict[str, type[StepMethod]]:
    """All step methods that can be named, by their names in `sample`."""
    return {cls.name: cls for cls in every_method() if cls.name}


def every_method(base: type[StepMethod] = StepMethod) -> list[type[StepMethod]]:
    """All step methods."""
    return [m for cls in base.__subclasses__() for m in (cls, *every_method(cls))]
