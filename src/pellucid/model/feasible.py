"""A search for a point where sampling can begin, for models whose usual start is impossible."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.compile.numpy import EvaluationError
from pellucid.compile.numpy import compile as interpret
from pellucid.diff import grad
from pellucid.model.check import SamplingError, find_problems, start_message
from pellucid.model.initial import initial_point
from pellucid.rewrite.pipeline import rewrite_graph
from pellucid.stats import as_seed
from pellucid.stats.forward import Forward
from pellucid.tensor.types import TensorVariable

if TYPE_CHECKING:
    from pellucid.model.model import Model

BLOCK = 50
"""How many draws from the prior are made at a time."""

WIDEST = 8.0
"""How many times as far from the usual start as the prior says the last tries are; the first half are no farther."""


def feasible_point(model: Model, random_seed: Any, tries: int) -> dict[str, np.ndarray]:
    """See :meth:`Model.feasible_point`."""
    start = initial_point(model, random_seed)
    works = judge(model)
    if works(start):
        return start
    for point in prior_points(model, random_seed, tries):
        if works(point):
            return point
    raise SamplingError(
        f"{start_message(model, start, find_problems(model, start))}\n"
        f"  {tries} draws from the prior are not possible either."
    )


def judge(model: Model) -> Any:
    """Whether log-probability and gradient are finite at a point, as a function."""
    logp, wrt = model.logp(), model.continuous_value_vars
    slopes = grad(logp, wrt, disconnected_inputs="ignore")
    compiled = interpret(model.value_vars, rewrite_graph([logp, *slopes]))

    def works(point: dict[str, np.ndarray]) -> bool:
        try:
            found = compiled(*(point[str(v.name)] for v in model.value_vars))
        except EvaluationError:
            return False
        return all(np.isfinite(f).all() for f in found)

    return works


def prior_points(model: Model, random_seed: Any, tries: int) -> Iterator[dict[str, np.ndarray]]:
    """Draws from the prior as points; variables that cannot be drawn stay where they would start."""
    seed = as_seed(random_seed)
    start = initial_point(model, seed)
    drawn: dict[str, TensorVariable] = {}
    for rv in model.free_RVs:
        bijection, value = model.rvs_to_transforms[rv], model.rvs_to_values[rv]
        drawn[str(value.name)] = rv if bijection is None else bijection.forward(rv, *rv.owner.inputs)  # type: ignore[union-attr]
    names = [name for name in drawn if can_be_drawn(drawn[name])]
    forward = Forward([drawn[name] for name in names], [])
    for k in range(0, tries, BLOCK):
        rows = min(BLOCK, tries - k)
        found = forward([], rows, [seed, k])
        for i in range(rows):
            far = 1.0 + (WIDEST - 1.0) * max(0.0, 2.0 * (k + i) / tries - 1.0)
            point = {name: np.asarray(a[i]) for name, a in zip(names, found, strict=True)}
            yield {**start, **{n: spread(start[n], v, far) for n, v in point.items()}}


def spread(start: np.ndarray, value: np.ndarray, factor: float) -> np.ndarray:
    """A value moved away from where it would start; whole numbers stay as they are."""
    return start + factor * (value - start) if value.dtype.kind == "f" else value


def can_be_drawn(v: TensorVariable) -> bool:
    """Whether one draw succeeds: improper priors have none."""
    try:
        Forward([v], [])([], 1, 0)
    except (EvaluationError, NotImplementedError):
        return False
    return True
