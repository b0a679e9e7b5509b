"""Transforms under PyMC's names: bijections between the values of a variable and the real numbers."""

from __future__ import annotations

from pellucid.stats.bijection import (
    Bijection,
    Chain,
    Circular,
    Interval,
    Log,
    LogExpM1,
    LogOdds,
    Ordered,
    Simplex,
    circular,
    log_exp_m1,
    logodds,
    ordered,
    simplex,
)
from pellucid.stats.bijection import log_ as log
from pellucid.stats.bijections_matrix import CholeskyCorr as CholeskyCorrTransform
from pellucid.stats.bijections_matrix import CholeskyCov as CholeskyCovTransform
from pellucid.stats.bijections_matrix import CholeskyCovPacked, SumTo1
from pellucid.stats.bijections_matrix import ZeroSum as ZeroSumTransform

Transform = Bijection
ChainedTransform = Chain
CircularTransform = Circular
IntervalTransform = Interval
LogTransform = Log
LogOddsTransform = LogOdds
SimplexTransform = Simplex
sum_to_1 = SumTo1()

__all__ = [
    "Chain",
    "ChainedTransform",
    "CholeskyCorrTransform",
    "CholeskyCovPacked",
    "CholeskyCovTransform",
    "CircularTransform",
    "Interval",
    "IntervalTransform",
    "LogExpM1",
    "LogOddsTransform",
    "LogTransform",
    "Ordered",
    "SimplexTransform",
    "SumTo1",
    "Transform",
    "ZeroSumTransform",
    "circular",
    "log",
    "log_exp_m1",
    "logodds",
    "ordered",
    "simplex",
    "sum_to_1",
]
