"""The same model in other parameters: variables as shifted and scaled standard ones, which samplers find easier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pellucid.graph.traverse import as_list
from pellucid.model.context import here
from pellucid.model.model import Model
from pellucid.model.surgery import exchange, settle
from pellucid.model.transform import named_variable, random_below
from pellucid.stats import is_draw
from pellucid.stats.logprob import distribution_of, extents_of_draw
from pellucid.tensor.create import eye, zeros
from pellucid.tensor.cumulate import cumsum
from pellucid.tensor.draws import draw
from pellucid.tensor.linalg import matmul
from pellucid.tensor.random import normal_law
from pellucid.tensor.scan import scan
from pellucid.tensor.shape import concatenate, moveaxis
from pellucid.tensor.transcendental import exp, sigmoid
from pellucid.tensor.types import TensorVariable, constant


class Scaled(NamedTuple):
    """How a family is location + scale * standard: the names of its fields, None where it has no such one.

    With a `link` it is that function of a normal variable whose fields have the same names.
    """

    location: str | None
    scale: str
    link: Any = None


FAMILIES = {
    "Cauchy": Scaled("alpha", "beta"),
    "Exponential": Scaled(None, "scale"),
    "Gamma": Scaled(None, "scale"),
    "Gumbel": Scaled("mu", "beta"),
    "HalfCauchy": Scaled("loc", "beta"),
    "HalfNormal": Scaled("loc", "sigma"),
    "HalfStudentT": Scaled(None, "sigma"),
    "InverseGamma": Scaled(None, "beta"),
    "Laplace": Scaled("mu", "b"),
    "LogNormal": Scaled("mu", "sigma", exp),
    "Logistic": Scaled("mu", "s"),
    "LogitNormal": Scaled("mu", "sigma", sigmoid),
    "Moyal": Scaled("mu", "sigma"),
    "MvNormal": Scaled("mu", "chol"),
    "MvStudentT": Scaled("mu", "chol"),
    "Normal": Scaled("mu", "sigma"),
    "SkewNormal": Scaled("mu", "sigma"),
    "StudentT": Scaled("mu", "sigma"),
}
"""The families that can be written so."""

SERIES = ("RandomWalk", "AR")
"""The families that can be where their first values and their innovations are normal numbers."""


def non_centered(model: Model, vars: Sequence[Any] | None = None, *, suffix: str = "_raw") -> Model:
    """A copy of the model in which some variables are location + scale * standard variable.

    The distribution is the same, and so are the variables' names; but what is sampled is the standard variable
    ``<name>_raw``, which does not depend on location and scale. Where data say little about each element this is the
    cure for divergences; where they say much, the form in which the model was written is better (Betancourt and
    Girolami, "Hamiltonian Monte Carlo for hierarchical models", 2015).

    Parameters
    ----------
    model : Model
    vars : sequence of names or variables, optional
        Free random variables; by default all that can be and whose location or scale is random. Random walks and AR
        are written in terms of standard normal innovations.
    suffix : str
        What the name of the standard variable ends in.

    Raises
    ------
    ValueError
        When a variable is not free, or its family is not one of location and scale.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model() as centered:
    ...     tau = pm.HalfNormal("tau", 5)
    ...     theta = pm.Normal("theta", 0, tau, shape=3)
    >>> other = pm.non_centered(centered, ["theta"])
    >>> other.free_RVs, other.deterministics
    ([tau, theta_raw], [theta])
    """
    wanted = default_names(model) if vars is None else as_list(vars)
    names = [named_variable(model, v, "non_centered").name for v in wanted]
    found = exchange(model)
    for name in names:
        found = with_standard(found, found.named_vars[str(name)], suffix)
    return found


def default_names(model: Model) -> list[str]:
    """The free variables of which location or scale is random."""
    return [str(rv.name) for rv in model.free_RVs if any(random_below(p) for p in locations_and_scales(rv))]


def locations_and_scales(rv: TensorVariable) -> list[TensorVariable]:
    """Those of a variable that can be written in terms of a standard one; of any other none."""
    if is_normal_series(rv):
        own: Any = distribution_of(rv)
        return [*own.own, *(p for part in own.parts for p in part.values)]
    parts = FAMILIES.get(family_name(rv))
    if parts is None:
        return []
    own = distribution_of(rv)
    return [getattr(own, field) for field in (parts.location, parts.scale) if field is not None]


def is_normal_series(rv: TensorVariable) -> bool:
    """Whether a variable is a series of numbers that starts and goes on with normal ones."""
    if family_name(rv) not in SERIES:
        return False
    own: Any = distribution_of(rv)
    return all(type(part).__name__ == "Normal" for part in own.parts)


def family_name(rv: TensorVariable) -> str:
    """The name of the distribution of a draw; of anything else an empty one."""
    return type(distribution_of(rv)).__name__ if is_draw(rv) else ""


def with_standard(model: Model, rv: TensorVariable, suffix: str) -> Model:
    """A copy of a model in which one variable is computed from a standard one."""
    name, family = str(rv.name), family_name(rv)
    if rv not in model.free_RVs:
        raise ValueError(
            f"non_centered: '{name}' is no free random variable of the model; those are "
            f"{', '.join(map(str, model.free_RVs))}. {here()}"
        )
    if is_normal_series(rv):
        raw, whole = standardised_series(rv)
    elif family in FAMILIES:
        raw, whole = standardised(rv, FAMILIES[family])
    else:
        raise ValueError(
            f"non_centered: '{name}' is {family or 'no plain draw'}, which is not a standard variable that was shifted "
            f"and scaled; those that are: {', '.join(FAMILIES)}, and walks and AR with normal first values "
            f"and innovations. {here()}"
        )
    whole.name = name
    copy = exchange(model, {rv: whole})
    copy.deterministics.append(whole)
    copy.register_rv(raw, name + suffix, dims=copy.named_vars_to_dims.get(name))
    settle(copy)
    return copy


def standardised_series(rv: TensorVariable) -> tuple[TensorVariable, TensorVariable]:
    """As many standard normal variables as a series has values, and the series in terms of them."""
    own: Any = distribution_of(rv)
    raw = draw(normal_law, [constant(0.0), constant(1.0)], size=list(extents_of_draw(rv)))
    if family_name(rv) == "AR":
        return raw, autoregression(own, raw)
    first, innovation = own.parts
    start = first.mu + first.sigma * raw[..., 0]
    steps = innovation.mu + innovation.sigma * raw[..., 1:]
    return raw, cumsum(concatenate([start[..., None], steps], axis=-1), axis=-1)


def autoregression(own: Any, raw: TensorVariable) -> TensorVariable:
    """The autoregressive process that standard normal numbers drive."""
    order, with_constant = own.structure.facts
    first = own.parts[0].mu + own.parts[0].sigma * raw[..., :order]

    def following(noise: Any, *past: Any) -> Any:
        level = own.rho[..., 0] if with_constant else 0.0
        return level + own.sigma * noise + sum(own.rho[..., i + with_constant] * past[i] for i in range(order))

    past = moveaxis(first, -1, 0) if order > 1 else first[..., 0]  # one earlier value has no axis of its own
    rest = scan(
        following,
        sequences=[moveaxis(raw[..., order:], -1, 0)],
        outputs_info=[{"initial": past, "taps": [-i - 1 for i in range(order)]}],
        return_updates=False,
    )
    return concatenate([first, moveaxis(rest, 0, -1)], axis=-1)


def standardised(rv: TensorVariable, parts: Scaled) -> tuple[TensorVariable, TensorVariable]:
    """A standard variable, and the variable in terms of it."""
    own = distribution_of(rv)
    location = None if parts.location is None else getattr(own, parts.location)
    scale = getattr(own, parts.scale)
    vector = own.law.core[list(own.parameters).index(parts.scale)] == 2
    parameters = []
    for field, value in zip(own.parameters, own.values, strict=True):
        if field == parts.location:
            parameters.append(zeros(value.shape[-1:]) if vector else constant(0.0))
        elif field == parts.scale:
            parameters.append(eye(scale.shape[-1]) if vector else constant(1.0))
        else:
            parameters.append(value)
    batch = list(extents_of_draw(rv))[: rv.ndim - own.law.ndim_supp]
    raw = draw(own.law if parts.link is None else normal_law, parameters, size=batch)
    scaled = matmul(scale, raw[..., None])[..., 0] if vector else scale * raw
    whole = scaled if location is None else location + scaled
    return raw, whole if parts.link is None else parts.link(whole)
