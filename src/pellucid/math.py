"""The functions of tensors under PyMC's name for them, ``pm.math``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.graph.lazy import imported_on_use
from pellucid.tensor.math import __all__

if TYPE_CHECKING:
    from pellucid.tensor.math import *  # noqa: F403

__getattr__ = imported_on_use(__name__, dict.fromkeys(__all__, "pellucid.tensor.math"))
