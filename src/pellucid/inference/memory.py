"""How much memory the draws of a run will take, said before it starts."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence

import numpy as np

from pellucid.inference import kernel as sampler
from pellucid.inference.result import wanted
from pellucid.model.density import Layout
from pellucid.model.model import Model

LOG = logging.getLogger("pellucid")
SHARE = 0.5
"""Of the machine's memory, from which on a run is warned of."""
LISTED = 3


def bytes_of_draws(
    model: Model, density: Layout, draws: int, chains: int, var_names: Sequence[str] | None = None
) -> dict[str, int]:
    """The bytes that each variable's draws, the unconstrained ones and the statistics will take.

    Variables whose shape is not known before they are computed are left out.
    """
    count = draws * chains
    retyped = sum(np.dtype(t).itemsize for t in sampler.STATISTIC_DTYPES.values())  # kept beside what chains write
    statistics = count * (8 * len(sampler.STATISTICS) + retyped)
    found = {"unconstrained draws": 8 * count * density.size, "statistics": statistics}
    for name, v in wanted(model, var_names).items():
        shape = model.shapes.get(v) or v.type.shape
        if None not in shape and name not in density.names:  # those are views of the draws
            found[name] = count * np.dtype(v.dtype).itemsize * int(np.prod(shape))
    return found


def machine_memory() -> int | None:
    """The bytes of memory that the machine has; None where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def warn_of_memory(needed: Mapping[str, int], machine: int | None) -> None:
    """Log what will take most, where all together is a large share of the machine's memory."""
    total = sum(needed.values())
    if machine is None or total < SHARE * machine:
        return
    largest = sorted(needed.items(), key=lambda item: -item[1])[:LISTED]
    listed = ", ".join(f"{name} {size / 2**30:.1f} GB" for name, size in largest)
    LOG.warning(
        "The draws will take about %.1f GB of the machine's %.1f GB: %s. Name the variables to keep with var_names=, "
        "or write draws to disk with trace=.",
        total / 2**30, machine / 2**30, listed,
    )  # fmt: skip
