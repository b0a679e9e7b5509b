"""The functions that PyTensor's users look for in `pt.subtensor`; they are those of `pt`."""

from __future__ import annotations

from pellucid.tensor.indexing import inc_subtensor, set_subtensor, take
from pellucid.tensor.padding import flip
from pellucid.tensor.positions import slice_at_axis

__all__ = ["flip", "inc_subtensor", "set_subtensor", "slice_at_axis", "take"]
