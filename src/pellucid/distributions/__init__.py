"""The distributions and their transforms where PyMC has them: ``pm.distributions.Normal``, ``.transforms.log``."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pellucid.distributions import transforms
from pellucid.stats import Distribution, families

__all__ = ["Distribution", "transforms"]


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name not in families.PLACES:
        raise AttributeError(f"module 'pellucid.distributions' has no attribute {name!r}")
    import_module("pellucid.model.random")  # which says what naming a variable means
    return getattr(import_module("pellucid.stats"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *families.PLACES})
