"""Integrals of densities as graphs: sums over fixed nodes, which can be differentiated, fused and batched."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import expand_dims
from pellucid.tensor.transcendental import sqrt
from pellucid.tensor.types import TensorVariable, as_operands

DROP = 40.0
"""How far below its greatest value an integrand may be left out, in logarithms: exp(-40) is below all rounding."""

NODES = 32
"""Gauss-Legendre nodes: on [0, 1] they give the integrals of exp(-63 u) and exp(-40 u**2) to 1e-15."""


@lru_cache(maxsize=8)
def legendre_rule(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return (nodes + 1) / 2, weights / 2


def integrate(f: Callable[..., Any], low: Any, high: Any, *parameters: Any, nodes: int = NODES) -> TensorVariable:
    """The integral of a smooth function over an interval, elementwise over all other arguments.

    Parameters
    ----------
    f : callable
        ``f(t, *parameters)``; all its arguments have one more axis, the last, along which t runs over the nodes.
    low, high : tensors
        The ends, finite.
    """
    places, weights = legendre_rule(nodes)
    low, high, *rest = as_operands([low, high, *parameters])
    start, end, *wide = [expand_dims(v, -1) for v in (low, high, *rest)]
    return sum_(f(start + (end - start) * places, *wide) * weights, axis=-1) * (high - low)


def reach(slope: Any, curvature: Any = 1.0) -> TensorVariable:
    """How far from its start an integrand is seen that falls at least as exp(-slope s - curvature s**2 / 2)."""
    return 2.0 * DROP / (slope + sqrt(slope * slope + 2.0 * DROP * curvature))
