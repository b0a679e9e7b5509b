"""Where chains start: a point that the model or its user gives, moved at random until the density there is finite."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.lazy import later
from pellucid.inference.options import Init, Settings
from pellucid.model.context import here
from pellucid.model.initial import check_initval, initial_point
from pellucid.model.model import Model

if TYPE_CHECKING:  # what is needed when a start is bad
    from pellucid.model import check, feasible
else:
    check, feasible = later("pellucid.model", "check feasible")

LOG = logging.getLogger("pellucid")
PRIOR_TRIES = 100
"""How many draws from the prior are tried where the usual start is impossible."""

FIT_STEPS = 3000
"""How many steps a fit makes that chains start from."""


def find_starts(
    model: Model, density: Any, evaluate: Any, *, settings: Settings, initvals: Any, init: Init, retries: int
) -> np.ndarray:
    """One start per chain where log-density and gradient are finite, shape (chains, d)."""
    given = split_initvals(initvals, settings.chains)
    if init.mode:
        find_mode = import_module("pellucid.inference.optimise").find_mode  # which needs SciPy, and few ask for
        given = [{**values, **find_mode(model, values, settings.seed)} for values in given]
    if init.fitted:
        given = fitted_starts(model, given, settings)
    streams = [np.random.SeedSequence(settings.seed, spawn_key=(chain, 1)) for chain in range(settings.chains)]
    find = partial(find_start, model, density, evaluate, moved=init.moved, retries=retries)
    return np.stack([find(values, seeds) for values, seeds in zip(given, streams, strict=True)])


def fitted_starts(model: Model, given: Sequence[Mapping[Any, Any]], settings: Settings) -> list[Mapping[Any, Any]]:
    """For each chain a draw from a normal distribution that was fitted to the posterior."""
    fit = import_module("pellucid.inference.variational").fit  # which few ask for
    approx = fit(FIT_STEPS, model=model, random_seed=settings.seed, start=given[0], progressbar=False)
    noise = np.random.default_rng(settings.seed).standard_normal((settings.chains, approx.size))
    points = approx.layout.split(approx.transform(noise))
    return [{**values, **{n: a[i] for n, a in points.items()}} for i, values in enumerate(given)]


def split_initvals(initvals: Any, chains: int) -> list[Mapping[Any, Any]]:
    """The initial values of each chain."""
    if initvals is None or isinstance(initvals, Mapping):
        return [initvals or {}] * chains
    if len(initvals) != chains:
        raise ValueError(f"initvals is one dict, or one for each of {chains} chains; got {len(initvals)}. {here()}")
    return [i or {} for i in initvals]


def find_start(
    model: Model,
    density: Any,
    evaluate: Any,
    initvals: Mapping[Any, Any],
    seeds: np.random.SeedSequence,
    *,
    moved: bool,
    retries: int,
    jitter: float = 1.0,
) -> np.ndarray:
    """The start of one chain: moved at random until log-density and gradient are finite."""
    generator = np.random.Generator(np.random.Philox(seeds))
    base = density.pack(start_point(model, initvals, int(generator.integers(2**63))))
    x = base
    for _ in range(max(retries, 1) if moved else 1):
        x = base + jitter * density.spread * generator.uniform(-1.0, 1.0, base.size) if moved else base
        logp, slope = evaluate(x)
        if np.isfinite(logp) and np.isfinite(slope).all():
            return x
    told = initvals or not moved
    for point in () if told else feasible.prior_points(model, int(generator.integers(2**63)), PRIOR_TRIES):
        tried = density.pack(point)
        logp, slope = evaluate(tried)
        if np.isfinite(logp) and np.isfinite(slope).all():
            LOG.info("The usual start is impossible (model.start_report() says why): started at a draw from the prior.")
            return tried
    raise check.SamplingError(explain(model, density, base, x))


def explain(model: Model, density: Any, base: np.ndarray, moved: np.ndarray) -> str:
    """Why no start was found: what is wrong at the unmoved one, or else at the last one tried."""
    for x in (base, moved):
        point = {name: np.asarray(v) for name, v in density.split(x).items()}
        findings = check.find_problems(model, point) or check.gradient_problems(model, point)
        if findings:
            return check.start_message(model, point, findings)
    return (
        "The model's log-probability is not finite near its starting point, although it is at that point: "
        "pass init='adapt_diag', or initvals."
    )


def start_point(model: Model, initvals: Mapping[Any, Any], seed: int) -> dict[str, np.ndarray]:
    """The initial point with the user's values in it."""
    own, unconstrained = {}, {}
    values = {str(v.name): v for v in model.value_vars}
    for key, value in initvals.items():
        name = str(getattr(key, "name", key))
        rv = model.named_vars.get(name)
        if rv is not None and rv in model.free_RVs:
            check_initval(rv, value, model.shapes[rv])
            own[rv] = value
        elif name in values:
            unconstrained[name] = value
        else:
            known = ", ".join(map(str, model.free_RVs))
            raise ValueError(
                f"initvals has a value for {name!r}, which is no free random variable of the model: those are "
                f"{known}. {here()}"
            )
    point = initial_point(model, seed, own)
    return {
        n: np.broadcast_to(np.asarray(unconstrained[n], v.dtype), v.shape) if n in unconstrained else v
        for n, v in point.items()
    }
