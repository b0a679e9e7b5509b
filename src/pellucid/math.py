"""The functions of tensors under PyMC's name for them, ``pm.math``."""

from __future__ import annotations

from pellucid.tensor.math import *  # noqa: F403
from pellucid.tensor.math import __all__  # noqa: F401
