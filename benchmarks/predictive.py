"""Draws given a posterior, and its log-likelihoods: what 4,000 draws of the radon model take, beside PyMC.

python benchmarks/predictive.py [--repeat N]

Each library runs in processes of its own: "first" is the first call after the import, which compiles, and "again" the
least of the calls after it in the same process, of which PyMC compiles each anew from its caches on disk. Each call
includes reading the result. Beside the seconds on the wall stand those of all processors, which other work on the
machine disturbs less.
"""

import argparse
import importlib
import json
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
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(answer.stdout.splitlines()[-1])


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        print(json.dumps(measure(chosen.measure, chosen.repeat)))
        return
    from peers import Unavailable, ensure

    ours = report(Path(sys.executable), "pellucid", chosen.repeat)
    try:
        theirs = report(ensure("pymc"), "pymc", chosen.repeat)
    except Unavailable as reason:
        theirs = {}
        print(f"PyMC: skipped, because {reason}")
    print(f"{CHAINS * DRAWS} draws of the radon model{'':10}pellucid        PyMC     ratio")
    for task in TASKS:
        for name, of in (
            ("first", lambda s: s[0]),
            ("again", lambda s: [min(column) for column in zip(*s[1:], strict=True)]),
        ):
            ours_of, theirs_of = of(ours[task]), of(theirs[task]) if theirs else [float("nan")] * 2
            for clock, a, b in zip(("wall", "processors"), ours_of, theirs_of, strict=True):
                print(f"{f'{task}, {name}, {clock}':40} {a:9.3f} s {b:9.3f} s {b / a:8.1f}x")


if __name__ == "__main__":
    main()
