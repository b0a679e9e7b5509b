"""Probability: constraints, bijections, distributions, and the densities of random variables."""

# ruff: noqa: F401, F403 - what is imported is there for others to use
# pyright: reportUnusedImport=false

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.graph.lazy import imported_on_use
from pellucid.stats import families
from pellucid.stats.bijection import Bijection, Transform
from pellucid.stats.bounds import known
from pellucid.stats.distribution import DISTRIBUTIONS, Distribution, Undefined
from pellucid.stats.draws import as_seed, stream
from pellucid.stats.logprob import (
    NotDerivable,
    conditional_logp,
    default_transform,
    distribution_of,
    icdf,
    is_draw,
    logccdf,
    logcdf,
    logp,
    mean,
    support_point,
)
from pellucid.stats.parameters import ParameterValueError

if TYPE_CHECKING:  # for editors and type checkers, what `families` loads by name
    from pellucid.stats.families.autoregressive import *
    from pellucid.stats.families.bounded import *
    from pellucid.stats.families.censored import *
    from pellucid.stats.families.circular import *
    from pellucid.stats.families.continuous import *
    from pellucid.stats.families.correlation import *
    from pellucid.stats.families.counts import *
    from pellucid.stats.families.custom import *
    from pellucid.stats.families.degenerate import *
    from pellucid.stats.families.discrete import *
    from pellucid.stats.families.markov import *
    from pellucid.stats.families.matrices import *
    from pellucid.stats.families.mixture import *
    from pellucid.stats.families.multinomial import *
    from pellucid.stats.families.multivariate import *
    from pellucid.stats.families.ordinal import *
    from pellucid.stats.families.polya_gamma import *
    from pellucid.stats.families.positive import *
    from pellucid.stats.families.random_walk import *
    from pellucid.stats.families.simulator import *
    from pellucid.stats.families.skewed import *
    from pellucid.stats.families.spatial import *
    from pellucid.stats.families.tabulated import *
    from pellucid.stats.families.truncated import *
    from pellucid.stats.families.zeros import *
    from pellucid.stats.forward import draw


__getattr__ = imported_on_use(__name__, {**families.PLACES, "draw": "pellucid.stats.forward"})


def __dir__() -> list[str]:
    return sorted({*globals(), *families.PLACES})
