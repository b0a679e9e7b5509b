"""The functions that PyTensor's users look for in `pt.interpolate`; they are those of `pt`."""

from __future__ import annotations

from pellucid.tensor.signal import interp, interpolate1d

__all__ = ["interp", "interpolate1d"]
