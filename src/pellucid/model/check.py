"""What is wrong at a point: which terms are not finite, at which elements, for which parameter values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.compile.numpy import EvaluationError, evaluate
from pellucid.diff import grad
from pellucid.graph.provenance import describe
from pellucid.graph.replace import replace_all
from pellucid.model.logprob import terms, values_on_own_scale
from pellucid.model.observed import SHOWN
from pellucid.model.point import as_input
from pellucid.stats.logprob import distribution_of
from pellucid.tensor.draws import Draw
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.types import TensorVariable

if TYPE_CHECKING:
    from pellucid.model.model import Model


class SamplingError(RuntimeError):
    """Sampling cannot begin, or cannot go on."""


StartError = SamplingError


@dataclass(frozen=True)
class Finding:
    """A variable of which some elements of the log-probability (or of its gradient) are not finite.

    Attributes
    ----------
    variable : TensorVariable
    kind : str
        "observed", "free" or "potential".
    values : ndarray
        What is not finite in places.
    elements : list of str
        For each of the first such places: where, which value, which parameters.
    count : int
        How many there are.
    """

    variable: TensorVariable
    kind: str
    values: np.ndarray
    elements: list[str]
    count: int

    def __str__(self) -> str:
        line = self.variable.owner.line if self.variable.owner is not None else None
        of = f" of {self.values.size}" if self.values.size > 1 else ""
        count = f"{self.count}{of} element{'s' if self.values.size > 1 else ''}"
        head = f"  - '{self.variable}' ({self.kind}) is not finite at {count}, at {describe(line)}"
        more = [f"      … and {self.count - len(self.elements)} more"] if self.count > len(self.elements) else []
        return "\n".join([head, *(f"      {e}" for e in self.elements), *more])


def given_values(model: Model, point: Mapping[str, Any]) -> dict[Any, np.ndarray]:
    """The point as values of variables; a name that is missing or unknown is refused."""
    names = {str(v.name): v for v in model.value_vars}
    unknown, missing = set(point) - set(names), set(names) - set(point)
    if unknown or missing:
        text = (
            f"has no value for {', '.join(sorted(missing))}"
            if missing
            else f"has values for {', '.join(sorted(unknown))}, which the model does not have"
        )
        raise ValueError(f"The point {text}. The value variables are {', '.join(names) or 'none'}.")
    return {v: as_input(v, point[name]) for name, v in names.items()}


def point_logps(model: Model, point: Mapping[str, Any] | None, round_vals: int | None) -> dict[str, np.ndarray]:
    """The sum of each term at a point, by variable's name; evaluated by the interpreter."""
    listed = model.basic_RVs + model.potentials
    graphs: list[Any] = [sum_(t) for t in terms(model)]
    found = evaluate(graphs, given_values(model, model.initial_point() if point is None else point))
    return {
        str(v.name): np.asarray(f) if round_vals is None else np.round(f, round_vals)
        for v, f in zip(listed, found, strict=True)
    }


def find_problems(model: Model, point: Mapping[str, Any]) -> list[Finding]:
    """Every variable whose log-probability is not finite at a point."""
    given = given_values(model, point)
    found = evaluate(terms(model), given)
    listed = model.basic_RVs + model.potentials
    return [
        examine(model, v, np.asarray(f), given) for v, f in zip(listed, found, strict=True) if not np.isfinite(f).all()
    ]


def examine(model: Model, v: TensorVariable, values: np.ndarray, given: Mapping[Any, np.ndarray]) -> Finding:
    """What there is to say about one variable."""
    wrong = np.argwhere(~np.isfinite(values))
    kind = "potential" if v in model.potentials else "observed" if v in model.observed_RVs else "free"
    parts = {} if kind == "potential" else arguments(model, v, given)
    broken = {} if kind == "potential" else conditions(model, v, given)
    places = [tuple(map(int, place)) for place in wrong[:SHOWN]]
    elements = [
        f"{mark(place)}{where(model, v, place)}log-probability {values[place]}: "
        f"{describe_parts(parts, place, values.shape)}".rstrip(": ")
        + "".join(f"; {what}" for what, met in broken.items() if not at(met, place, values.shape))
        for place in places
    ]
    return Finding(v, kind, values, elements, len(wrong))


def conditions(model: Model, rv: TensorVariable, given: Mapping[Any, np.ndarray]) -> dict[str, np.ndarray]:
    """What value and parameters must be, and where they are."""
    try:
        own = distribution_of(rv)
        value = values_on_own_scale(model.root)[rv]
        graphs = {f"{name} must be {p.constraint}": p.constraint.check(getattr(own, name), own)
                  for name, p in own.parameters.items() if p.constraint is not None}  # fmt: skip
        graphs[f"the value must be {own.support}"] = own.support.check(value, own)
        found = evaluate(replace_all(list(graphs.values()), values_on_own_scale(model.root)), given)
    except (NotImplementedError, EvaluationError):  # no such distribution is known, or it cannot even be asked
        return {}
    return dict(zip(graphs, map(np.asarray, found), strict=True))


def at(met: np.ndarray, place: tuple[int, ...], shape: Sequence[int]) -> bool:
    """Whether a condition is met at one place; one that has another shape, whether it is met at all."""
    try:
        return bool(np.broadcast_to(met, shape)[place])
    except ValueError:
        return bool(met.all())


def where(model: Model, v: TensorVariable, place: tuple[int, ...]) -> str:
    """The labels of an element."""
    dims = model.named_vars_to_dims.get(str(v.name), ())
    labels = [(dim, model.coords.get(dim)) for dim in dims if dim is not None]
    if len(labels) != len(place):
        return ""
    listed = [f"{dim} {names[i]!r}" for (dim, names), i in zip(labels, place, strict=True) if names is not None]
    return f"({', '.join(listed)}) " if listed else ""


def mark(place: tuple[int, ...]) -> str:
    """An index, in front of a description."""
    return f"[{', '.join(map(str, place))}] " if place else ""


def arguments(model: Model, rv: TensorVariable, given: Mapping[Any, np.ndarray]) -> dict[str, np.ndarray]:
    """The value of a random variable on its own scale, and of its parameters."""
    own = values_on_own_scale(model.root)
    op, inputs = rv.owner.op, rv.owner.inputs[2:]  # type: ignore[union-attr]
    labels = op.law.parameters if isinstance(op, Draw) else [f"parameter {i}" for i in range(len(inputs))]
    graphs = replace_all([own[rv], *inputs], own)
    return dict(zip(("value", *labels), map(np.asarray, evaluate(graphs, given)), strict=True))


def describe_parts(parts: Mapping[str, np.ndarray], place: tuple[int, ...], shape: Sequence[int]) -> str:
    """Value and parameters at one place; what does not have the shape of the term is shown whole if it is small."""
    texts = []
    for label, array in parts.items():
        try:
            here = np.broadcast_to(array, shape)[place]
        except ValueError:
            here = array if array.size <= 8 else None
        if here is not None:
            texts.append(f"{label} = {np.array2string(np.asarray(here), precision=6)}".replace("\n", ""))
    return ", ".join(texts)


def report(model: Model, point: Mapping[str, Any], findings: Sequence[Finding]) -> str:
    """The findings as text."""
    scales = [f"{rv} = {short_array(v)}" for rv, v in own_values(model, point).items()]
    return "\n".join([*map(str, findings), "  at the point: " + ("; ".join(scales) or "(no free variables)")])


def own_values(model: Model, point: Mapping[str, Any]) -> dict[TensorVariable, np.ndarray]:
    """The values of the free random variables on their own scales."""
    own = values_on_own_scale(model.root)
    found = evaluate([own[rv] for rv in model.free_RVs], given_values(model, point))
    return dict(zip(model.free_RVs, map(np.asarray, found), strict=True))


def short_array(a: np.ndarray) -> str:
    """An array in a few characters."""
    return np.array2string(a, precision=4, threshold=8, edgeitems=2).replace("\n", "")


@dataclass(frozen=True)
class StartReport:
    """What is wrong at a point: nothing, if it is falsy.

    Attributes
    ----------
    model : Model
    point : mapping of str to array
    findings : list of Finding
    """

    model: Model
    point: Mapping[str, Any]
    findings: list[Finding]

    def __bool__(self) -> bool:
        return bool(self.findings)

    def __str__(self) -> str:
        return report(self.model, self.point, self.findings) if self.findings else "No problems found"

    __repr__ = __str__


def start_report(model: Model, point: Mapping[str, Any] | None) -> StartReport:
    """What is wrong with the log-probability at a point, and if nothing is, with its gradient."""
    place = model.initial_point() if point is None else dict(point)
    return StartReport(model, place, find_problems(model, place) or gradient_problems(model, place))


def check_start_values(model: Model, points: Sequence[Mapping[str, Any]]) -> None:
    """Raise unless the log-probability is finite at every point."""
    for point in points:
        findings = find_problems(model, point)
        if findings:
            raise SamplingError(start_message(model, point, findings))


def start_message(model: Model, point: Mapping[str, Any], findings: Sequence[Finding]) -> str:
    """Why sampling cannot start at a point."""
    return (
        "The model's log-probability is not finite at the starting point, so sampling cannot begin:\n"
        f"{report(model, point, findings)}\n"
        "  Check that these data lie in the support of their distribution and that parameters stay in their domains, "
        "or start elsewhere with initvals={...}. model.debug() prints this report for any point."
    )


def debug(model: Model, point: Mapping[str, Any] | None, fn: str, *, verbose: bool) -> None:
    """Print what is not finite at a point."""
    if fn not in ("logp", "dlogp", "random"):
        raise ValueError(f"fn is 'logp', 'dlogp' or 'random', not {fn!r}.")
    place = model.initial_point() if point is None else dict(point)
    print(f"point={place}\n")  # noqa: T201  # printing is what it is for
    findings = find_problems(model, place)
    if fn == "dlogp" and not findings:
        findings = gradient_problems(model, place)
    if fn == "random":
        findings = draw_problems(model, place)
    print(StartReport(model, place, findings))  # noqa: T201
    if verbose:
        for name, value in point_logps(model, place, None).items():
            print(f"{name}: {value}")  # noqa: T201


def gradient_problems(model: Model, point: Mapping[str, Any]) -> list[Finding]:
    """The value variables whose gradient is not finite at a point."""
    wrt = model.continuous_value_vars
    slopes = evaluate(grad(model.logp(), wrt, disconnected_inputs="ignore"), given_values(model, point))
    found = []
    for v, slope in zip(wrt, map(np.asarray, slopes), strict=True):
        wrong = np.argwhere(~np.isfinite(slope))
        if len(wrong):
            places = [tuple(map(int, place)) for place in wrong[:SHOWN]]
            texts = [f"{mark(p)}gradient {slope[p]} at {v} = {np.asarray(point[str(v.name)])[p]}" for p in places]
            found.append(Finding(model.values_to_rvs[v], "gradient", slope, texts, len(wrong)))
    return found


def draw_problems(model: Model, point: Mapping[str, Any]) -> list[Finding]:
    """The random variables whose draws, given the values of all others at a point, are not finite."""
    own, given, found = values_on_own_scale(model.root), given_values(model, point), []
    for rv in model.basic_RVs:
        others = {v: value for v, value in own.items() if v is not rv}
        drawn = np.asarray(evaluate(replace_all([rv], others), given)[0])
        if not np.isfinite(drawn).all():
            found.append(examine(model, rv, drawn, given))
    return found
