"""The array namespace that references are written over: NumPy, with SciPy's special functions on first use."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np


class NumpyNamespace:
    """`xp` for NumPy: every NumPy name, and `xp.special` for scipy.special (imported only when a value needs it)."""

    name = "numpy"

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        setattr(self, name, found)
        return found

    @property
    def special(self) -> ModuleType:
        """scipy.special."""
        import scipy.special

        return scipy.special

    @property
    def scipy_linalg(self) -> ModuleType:
        """scipy.linalg."""
        import scipy.linalg

        return scipy.linalg


NUMPY = NumpyNamespace()
