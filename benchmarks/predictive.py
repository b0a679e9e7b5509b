"""Draws given a posterior, and its log-likelihoods: what 4,000 draws of the radon model take, beside PyMC.

python benchmarks/predictive.py [--rounds N] [--repeat N]

The libraries take turns, each round in a new process, after a round that fills their caches on disk (of PyTensor's
compiled functions, of machine code, of Python's own). "First" is the first call after the import, and "again" a call
after it in the same process, of which PyMC compiles each anew from its caches; of both the least of all rounds is
shown. Each call includes reading the result. Beside the seconds on the wall stand those of all processors, which other
work on the machine disturbs less.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

CHAINS, DRAWS = 4, 1000
TASKS = ("posterior predictive", "log likelihood", "prior predictive")


def posterior(model_library):
    """The model, and draws that are near its posterior: made, not sampled, to be the same for all."""
    import numpy as np
    import xarray as xr

    from models import radon

    tensors = "pellucid.tensor" if model_library.__name__ == "pellucid" else "pytensor.tensor"
    rng = np.random.default_rng(0)
    size = CHAINS, DRAWS
    arrays = {
        "mu_a": rng.normal(1.5, 0.05, size), "sigma_a": np.abs(rng.normal(0.3, 0.05, size)),
        "raw": rng.normal(size=(*size, 85)), "b": rng.normal(-0.6, 0.1, size),
        "sigma_y": np.abs(rng.normal(0.7, 0.02, size)),
    }  # fmt: skip
    group = xr.Dataset({k: (("chain", "draw", "raw_dim_0")[: a.ndim], a) for k, a in arrays.items()})
    return radon(model_library, importlib.import_module(tensors)), xr.DataTree.from_dict({"posterior": group})


def measure(library: str, repeat: int) -> dict[str, list[tuple[float, float]]]:
    """Seconds of every call, on the wall and of processors."""
    pm = importlib.import_module(library)
    model, trace = posterior(pm)
    quiet = {"progressbar": False}
    calls = {
        TASKS[0]: lambda: pm.sample_posterior_predictive(trace, random_seed=1, **quiet)["posterior_predictive"],
        TASKS[1]: lambda: pm.compute_log_likelihood(trace, extend_inferencedata=False, **quiet),
        TASKS[2]: lambda: pm.sample_prior_predictive(CHAINS * DRAWS, random_seed=1)["prior_predictive"],
    }
    seconds: dict[str, list[tuple[float, float]]] = {}
    for task, call in calls.items():
        for _ in range(1 + repeat):
            start, busy = time.perf_counter(), time.process_time()
            with model:
                call()["y"].values  # noqa: B018
            seconds.setdefault(task, []).append((time.perf_counter() - start, time.process_time() - busy))
    return seconds


def report(interpreter: Path, library: str, repeat: int) -> dict[str, list[list[float]]]:
    """The same from a fresh process."""
    command = [interpreter, __file__, "--measure", library, "--repeat", str(repeat)]
    cached = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    answer = subprocess.run(command, capture_output=True, text=True, check=True, env=cached)
    return json.loads(answer.stdout.splitlines()[-1])


def least(rounds: list[dict[str, list[list[float]]]], task: str, calls: slice) -> list[float]:
    """The least seconds of some calls of all rounds, on the wall and of processors."""
    seconds = [call for measured in rounds for call in measured[task][calls]]
    return [min(column) for column in zip(*seconds, strict=True)]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        print(json.dumps(measure(chosen.measure, chosen.repeat)))
        return
    from peers import Unavailable, ensure

    interpreters = {"pellucid": Path(sys.executable)}
    try:
        interpreters["pymc"] = ensure("pymc")
    except Unavailable as reason:
        print(f"PyMC: skipped, because {reason}")
    rounds = [{n: report(i, n, chosen.repeat) for n, i in interpreters.items()} for _ in range(1 + chosen.rounds)][1:]
    print(f"{CHAINS * DRAWS} draws of the radon model{'':10}pellucid        PyMC     ratio")
    for task in TASKS:
        for name, calls in (("first", slice(0, 1)), ("again", slice(1, None))):
            found = {n: least([r[n] for r in rounds], task, calls) for n in interpreters}
            ours, theirs = found["pellucid"], found.get("pymc", [float("nan")] * 2)
            for clock, a, b in zip(("wall", "processors"), ours, theirs, strict=True):
                print(f"{f'{task}, {name}, {clock}':40} {a:9.3f} s {b:9.3f} s {b / a:8.1f}x")


if __name__ == "__main__":
    main()
