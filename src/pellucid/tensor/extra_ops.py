"""The functions that PyTensor's users look for in `pt.extra_ops`; they are those of `pt`."""

# ruff: noqa: F405 - the star is for type checkers

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.graph.lazy import imported_on_use

if TYPE_CHECKING:
    from pellucid.tensor.math import *  # noqa: F403

__all__ = [
    "bartlett", "bincount", "broadcast_arrays", "broadcast_shape", "broadcast_to", "compress", "concat_with_broadcast",
    "cumprod", "cumsum", "diff", "fill_diagonal", "fill_diagonal_offset", "geomspace", "linspace", "logspace",
    "ravel_multi_index", "repeat", "searchsorted", "squeeze", "unique", "unravel_index",
]  # fmt: skip

__getattr__ = imported_on_use(__name__, dict.fromkeys(__all__, "pellucid.tensor"))
