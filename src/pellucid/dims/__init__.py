"""Tensors whose axes have names: what is written about them is aligned by name, never by position.

Every function lowers at once to plain tensors, so that nothing below knows of names.
"""

# ruff: noqa: F401 - the imports for type checkers are all there for others to use

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pellucid.graph.lazy import imported_on_use, places

if TYPE_CHECKING:
    from pellucid.dims import linalg, math
    from pellucid.dims.distributions import NamedDistribution
    from pellucid.dims.math import dot, where
    from pellucid.dims.model import Data, Deterministic, Potential
    from pellucid.dims.named import DimTensor, as_xtensor, xtensor
    from pellucid.dims.shaping import broadcast, concat, full_like, ones_like, zeros_like

MODULES = {
    "pellucid.dims.math": "dot where",
    "pellucid.dims.model": "Data Deterministic Potential",
    "pellucid.dims.named": "DimTensor as_xtensor xtensor",
    "pellucid.dims.shaping": "broadcast concat full_like ones_like zeros_like",
}
"""Where each name is; the distributions are made from those of `pellucid.stats` on first use."""

SUBMODULES = ("linalg", "math")

_PLACES = places(MODULES)


def _find(name: str) -> Any:
    """A part of the package, or a distribution."""
    if name in SUBMODULES:
        return import_module(f"{__name__}.{name}")
    found = import_module("pellucid.dims.distributions")
    if name == "__all__":
        return sorted([*_PLACES, *SUBMODULES, *found.names()])
    if not name.startswith("_"):
        return found.named_distribution(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__getattr__ = imported_on_use(__name__, _PLACES, _find)


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})
