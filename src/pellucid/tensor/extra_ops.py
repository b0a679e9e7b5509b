"""The functions that PyTensor's users look for in `pt.extra_ops`; they are those of `pt`."""

from __future__ import annotations

from pellucid.tensor.create import linspace
from pellucid.tensor.cumulate import cumprod, cumsum
from pellucid.tensor.indexing import diff, repeat
from pellucid.tensor.packing import concat_with_broadcast
from pellucid.tensor.positions import (
    compress,
    fill_diagonal,
    fill_diagonal_offset,
    geomspace,
    logspace,
    ravel_multi_index,
    unravel_index,
)
from pellucid.tensor.shape import broadcast_arrays, broadcast_shape, broadcast_to, squeeze
from pellucid.tensor.signal import bartlett
from pellucid.tensor.statistics import bincount, searchsorted, unique

__all__ = [
    "bartlett", "bincount", "broadcast_arrays", "broadcast_shape", "broadcast_to", "compress", "concat_with_broadcast",
    "cumprod", "cumsum", "diff", "fill_diagonal", "fill_diagonal_offset", "geomspace", "linspace", "logspace",
    "ravel_multi_index", "repeat", "searchsorted", "squeeze", "unique", "unravel_index",
]  # fmt: skip
