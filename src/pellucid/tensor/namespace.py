"""The array namespace that references are written over: NumPy, with SciPy's special functions on first use."""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from pellucid.graph.extensions import load_extension


class SpecialFunctions:
    """scipy.special: those of its functions that are one compiled module from there, the others from the package.

    Folding a constant `gammaln` must not take the fifth of a second for which the package imports others.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            found = getattr(load_extension("scipy.special._special_ufuncs"), name)
        except (ImportError, AttributeError):  # of an older SciPy, or in another module
            found = getattr(import_module("scipy.special"), name)
        setattr(self, name, found)
        return found


class NumpyNamespace:
    """`xp` for NumPy: every NumPy name, and `xp.special` for scipy.special (imported only when a value needs it)."""

    name = "numpy"

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        setattr(self, name, found)
        return found

    @cached_property
    def special(self) -> SpecialFunctions:
        """scipy.special."""
        return SpecialFunctions()

    @property
    def scipy_linalg(self) -> ModuleType:
        """scipy.linalg."""
        import scipy.linalg

        return scipy.linalg


NUMPY = NumpyNamespace()
