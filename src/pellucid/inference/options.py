"""The arguments of `sample`: which mean what, which of PyMC's are needless here, and which are refused, and why."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from pellucid.inference.kernel import DENSE, DIAGONAL, METRICS
from pellucid.model.context import here

LOG = logging.getLogger("pellucid")

DRAWS = 1000
TUNE = 1000
REMEMBERED = ("draws", "tune", "chains", "seed", "target_accept", "max_treedepth", "metric")


@dataclass(frozen=True)
class Settings:
    """How to run NUTS."""

    draws: int
    tune: int
    chains: int
    cores: int | None
    seed: int
    target_accept: float
    max_treedepth: int
    metric: str
    keep_tune: bool
    progressbar: bool

    def remembered(self) -> dict[str, Any]:
        """What a run on disk must know to go on."""
        return {name: getattr(self, name) for name in REMEMBERED}

    def resumed(self, found: Mapping[str, Any]) -> Settings:
        """The settings of a run on disk, with those of this call that change no draws."""
        return replace(self, **{name: found[name] for name in REMEMBERED})


class Init(NamedTuple):
    """Where chains start and whether moved from there; and the metric.

    They start at the initial point, at the mode, or at draws from a normal distribution fitted to the posterior.
    """

    moved: bool
    mode: bool = False
    fitted: bool = False
    metric: str = DIAGONAL


INITS = {
    "auto": Init(True),
    "jitter+adapt_diag": Init(True),
    "jitter+adapt_diag_grad": Init(True),
    "adapt_diag": Init(False),
    "adapt_full": Init(False, metric=DENSE),
    "jitter+adapt_full": Init(True, metric=DENSE),
    "map": Init(False, mode=True),
    "jitter+map": Init(True, mode=True),
    "advi": Init(False, fitted=True),
    "advi+adapt_diag": Init(False, fitted=True),
    "advi_map": Init(False, fitted=True),
}
"""The values of `init`. The mass matrix is learnt from draws and gradients after all of them."""

NEEDLESS = {
    "progressbar_theme": "the progress line has no colours",
    "n_init": "a few thousand steps are enough where chains start from a fit (init='advi')",
    "keep_warning_stat": "divergences are explained from the draws themselves",
    "mp_ctx": "chains are threads, not processes",
    "blas_cores": "chains use one thread each for linear algebra",
    "compile_kwargs": "there are no compilation modes; see `backend`",
    "nuts_sampler_kwargs": "there is one NUTS, which is native code",
}
"""Arguments of PyMC that have no meaning here, and do no harm, and why."""

SAMPLERS = {None, "pymc", "pellucid", "nutpie", "numpyro", "blackjax"}


def refuse_minibatches(model: Any) -> None:
    """A density that is another one at each step cannot be sampled from."""
    minibatch = sys.modules.get("pellucid.model.minibatch")  # not imported: nobody made any
    if minibatch is not None and minibatch.batches(model):
        raise ValueError(
            f"The model observes some rows of data, which pm.fit exchanges and pm.sample cannot: give it all data, "
            f"without pm.Minibatch. {here()}"
        )


def as_count(what: str, value: Any, least: int = 0) -> int:
    """A whole number that is large enough."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{what} must be a whole number of at least {least}, not {value!r}.")
    return int(value)


def as_init(init: str) -> Init:
    """What a name of a way to start means."""
    if init not in INITS:
        raise ValueError(f"init is one of {', '.join(INITS)}, not {init!r}. {here()}")
    return INITS[init]


def as_metric(metric: Any, methods: Any) -> str:
    """The kind of mass matrix asked for, where NUTS moves all variables."""
    if metric not in METRICS:
        raise ValueError(f"metric is one of {', '.join(METRICS)}, not {metric!r}. {here()}")
    if metric != DIAGONAL and [m.name for m in methods] != ["nuts"]:
        raise ValueError(
            f"metric={metric!r} is for models whose variables are all moved by NUTS; here there are "
            f"{', '.join(map(repr, methods))}. {here()}"
        )
    return metric


def step_settings(options: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings of step methods among `sample`'s other arguments, by the method's name; all else is refused.

    `known` are the names that step methods have there, such as ``nuts``.
    """
    check_sampler(options.get("nuts_sampler"))
    found: dict[str, dict[str, Any]] = {}
    for name, value in options.items():
        own = "nuts" if name == "nuts_kwargs" else name
        if own in known:
            found.setdefault(own, {}).update(value or {})
        elif name not in NEEDLESS and name != "nuts_sampler":
            raise TypeError(
                f"sample() has no argument {name!r}. Settings of step methods are given as in nuts={{'max_treedepth': "
                f"12}}, for {', '.join(known)}. {here()}"
            )
    return found


def check_sampler(name: Any) -> None:
    """Take the names of other samplers for the one there is, and say so."""
    if name not in SAMPLERS:
        known = ", ".join(sorted(repr(s) for s in SAMPLERS if s))
        raise ValueError(f"nuts_sampler is one of {known}, not {name!r}; all mean pellucid's own NUTS. {here()}")
    if name not in (None, "pymc", "pellucid"):
        LOG.info("nuts_sampler=%r means pellucid's own NUTS, which is native code too.", name)
