"""Python's collector of cycles, which has nothing to find while a graph is built or a module imported."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()
_PAUSES: list[bool] = []
"""One entry for each block that is running, in any thread; the first says whether the collector was on before."""


@contextmanager
def garbage_left_alone() -> Iterator[None]:
    """Pause the cycle collector: it would walk the growing graph again and again, and find nothing to free.

    Blocks may nest, and run in several threads: the collector is on again when the last one ends.
    """
    with _LOCK:
        _PAUSES.append(gc.isenabled() if not _PAUSES else _PAUSES[0])
        gc.disable()
    try:
        yield
    finally:
        with _LOCK:
            if _PAUSES.pop() and not _PAUSES:
                gc.enable()
