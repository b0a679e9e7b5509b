"""Time the stages from a model to its posterior, each by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pellucid.diff import grad
from pellucid.inference.sample import sample
from pellucid.model.model import Model
from pellucid.rewrite.pipeline import rewrite_graph

CACHE = "PELLUCID_CACHE_DIR"


class Stages(dict[str, float]):
    """The seconds of each stage by name, in the order in which they ran."""

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Time a block."""
        start = time.perf_counter()
        yield
        self[name] = time.perf_counter() - start


def measure_stages(build: Callable[[], Model], **options: Any) -> Stages:
    """Build a model, and time what leads to its posterior.

    Parameters
    ----------
    build : callable
        Makes the model.
    **options
        For :func:`pellucid.sample`.

    Returns
    -------
    Stages
        Seconds to "build" the model, for the graph of its "logp", for its "gradient", to "rewrite" both, to "compile"
        them with an empty cache of code, to do the same with the "cached" code, to "sample", and of the "whole":
        building the model and sampling from it, as a user would the second time.

    Examples
    --------
    >>> import pellucid as pm
    >>> def build():
    ...     with pm.Model() as model:
    ...         pm.Normal("x", 0, 1)
    ...     return model
    >>> list(measure_stages(build, draws=10, tune=10, chains=1, compute_convergence_checks=False))
    ['build', 'logp', 'gradient', 'rewrite', 'compile', 'cached', 'sample', 'whole']
    """
    stages = Stages()
    with stages.time("build"):
        model = build()
    with stages.time("logp"):
        logp = model.logp()
    with stages.time("gradient"):
        slopes = grad(logp, model.value_vars)
    with stages.time("rewrite"):
        rewrite_graph([logp, *slopes])
    density = model.density()
    with empty_cache(), stages.time("compile"):
        density.compile()
    again = build().density()
    with stages.time("cached"):
        again.compile()
    with stages.time("whole"):
        idata = sample(model=build(), **{"progressbar": False, **options})
    whole = stages.pop("whole")
    stages["sample"] = float(idata.attrs.get("sampling_time", idata["posterior"].attrs.get("sampling_time", whole)))
    stages["whole"] = whole
    return stages


@contextmanager
def empty_cache() -> Iterator[None]:
    """Let compiled code neither come from the user's cache nor go there."""
    before = os.environ.get(CACHE)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[CACHE] = folder
        try:
            yield
        finally:
            os.environ.pop(CACHE)
            if before is not None:
                os.environ[CACHE] = before


def import_seconds() -> float:
    """How long `import pellucid` takes in a new process, without starting Python."""
    code = "import time; t = time.perf_counter(); import pellucid, pellucid.tensor; print(time.perf_counter() - t)"
    source = str(Path(__file__).resolve().parents[2])
    paths = [source, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603  # ours
    return float(answer.stdout)
