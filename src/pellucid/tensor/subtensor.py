"""The functions that PyTensor's users look for in `pt.subtensor`; they are those of `pt`."""

# ruff: noqa: F405 - the star is for type checkers

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.graph.lazy import imported_on_use

if TYPE_CHECKING:
    from pellucid.tensor.math import *  # noqa: F403

__all__ = ["flip", "inc_subtensor", "set_subtensor", "slice_at_axis", "take"]

__getattr__ = imported_on_use(__name__, dict.fromkeys(__all__, "pellucid.tensor"))
