"""Take one measurement in this process and write it as JSON: `measure.py TASK LIBRARY MODEL OUTPUT`, started by run.py.

Only what a user's own script would import is imported before the clock stops, so each import here has its place.
"""

import importlib.metadata
import json
import math
import sys
import time
from pathlib import Path

DRAWS, TUNE, CHAINS, CORES = 1000, 1000, 4, 2
SAMPLE = {
    "pellucid": {},
    "pymc": {"nuts_sampler": "pymc"},
    "nutpie": {"nuts_sampler": "nutpie"},
}
ELSEWHERE = {"numpyro": "peer_models.numpyro_tasks", "stan": "peer_models.stan_tasks"}  # written by hand for them
MOMENTS = Path(__file__).resolve().parent / ".peers" / "moments"  # of pellucid's draws, for peers to be held to


def load(library: str):
    """Import the library's two namespaces, and return them with the seconds its own `import` took."""
    begin = time.perf_counter()
    if library == "pellucid":
        import pellucid as pm

        seconds = time.perf_counter() - begin
        import pellucid.tensor as pt
    else:
        import pymc as pm

        seconds = time.perf_counter() - begin
        import pytensor.tensor as pt
    return pm, pt, seconds


def build(model: str, pm, pt):
    """Build the model, and return it with the seconds that took (without making the data's module known)."""
    from models import MODELS

    begin = time.perf_counter()
    return MODELS[model](pm, pt), time.perf_counter() - begin


def resources() -> dict[str, float]:
    """Return processor seconds so far, and the largest resident sets of this process and of its children, in MB."""
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    memory = own.ru_maxrss / unit
    status = Path("/proc/self/status")
    if status.exists():  # on Linux the figure above may be the parent's, from before the program was started
        memory = int(status.read_text().split("VmHWM:")[1].split()[0]) / 2**10
    seconds = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    return {"processor": seconds, "memory": memory, "memory_child": children.ru_maxrss / unit}


def per_call(name: str, repeat, window: float = 0.005, total: float = 2.0) -> dict[str, float]:
    """Return the least time per turn of `repeat(turns)`, of many short runs, and the processor time of that run.

    Each is long enough for the clock, and short enough that on a shared machine some are left alone. The
    second counts every thread: it is what a call costs when chains keep all cores busy.
    """
    turns, elapsed = 1, 0.0
    while elapsed < window / 2:
        turns *= 2 if elapsed == 0 else min(100, math.ceil(window / max(elapsed, 1e-7)))
        begin = time.perf_counter()
        repeat(turns)
        elapsed = time.perf_counter() - begin
    times = []
    stop = time.perf_counter() + total
    while len(times) < 5 or time.perf_counter() < stop:
        begin, used = time.perf_counter(), time.process_time()
        repeat(turns)
        times.append(((time.perf_counter() - begin) / turns, (time.process_time() - used) / turns))
    clock, processor = min(times)
    return {name: clock, f"{name}_processor": processor}


def native_pymc(function, x):
    """Return a loop, compiled by numba, around the compiled logp and gradient: what its samplers pay for a call."""
    import numba

    compiled = function._pytensor_function
    storage = [container.storage for container in compiled.input_storage]
    arguments = tuple(x if held[0] is None else held[0] for held in storage)
    evaluate = compiled.vm.jit_fn

    @numba.njit
    def repeat(turns, x, arguments):
        total, start = 0.0, x[0]
        for turn in range(turns):
            x[0] = start + 1e-9 * turn  # another point each time, and its value used:
            total += evaluate(*arguments)[1][0]  # so that no call may be moved or left out
        x[0] = start
        return total

    repeat(1, x, arguments)
    return lambda turns: repeat(turns, x, arguments)


def measure_import(library: str, _: str) -> dict:
    """Time of the import alone, and the memory that it takes."""
    pm, _, seconds = load(library)
    version = pm.__version__
    if library == "nutpie":
        version = f"{importlib.metadata.version('nutpie')} with PyMC {version}"
    return {"import": seconds, "version": version, "python": sys.version.split()[0], **resources()}


def measure_graph(library: str, model: str) -> dict:
    """Time to build the model, and then the graphs of its logp and of the gradient."""
    pm, pt, _ = load(library)
    built, seconds = build(model, pm, pt)
    begin = time.perf_counter()
    built.logp()
    built.dlogp()
    return {"build": seconds, "graph": time.perf_counter() - begin}


def measure_compile(library: str, model: str) -> dict:
    """Time from a built model to the first value of logp and gradient, and then per call."""
    start = time.perf_counter()
    pm, pt, _ = load(library)
    built, _ = build(model, pm, pt)
    import numpy as np

    begin = time.perf_counter()
    function = built.logp_dlogp_function(ravel_inputs=True)
    x = np.concatenate([np.ravel(value) for value in built.initial_point().values()])
    logp, gradient = function(x)
    end = time.perf_counter()
    # One clock from the first import on: the sum of the parts would miss NumPy where it is imported between them.
    measured = {"compile": end - begin, "first_gradient": end - start, **resources()}
    measured["check"] = [float(logp), float(np.linalg.norm(gradient))]

    def from_python(turns):
        for _ in range(turns):
            function(x)

    measured |= per_call("call_python", from_python)
    if library == "pellucid":
        from native import native_loop

        native = native_loop(built, x)
    else:
        native = native_pymc(function, x)
    return measured if native is None else measured | per_call("call_native", native)


def measure_sample(library: str, model: str) -> dict:
    """What a user's script does: import, build, sample, print the summary. The draws go to a file beside the output."""
    pm, pt, _ = load(library)
    built, _ = build(model, pm, pt)
    begin = time.perf_counter()
    with built:
        trace = pm.sample(
            DRAWS, tune=TUNE, chains=CHAINS, cores=CORES, random_seed=1, progressbar=False,
            discard_tuned_samples=False, **SAMPLE[library],
        )  # fmt: skip
    sampled = time.perf_counter()
    print(pm.summary(trace))
    measured = {"sample": sampled - begin, "summary": time.perf_counter() - sampled, "end": time.time()}
    measured |= resources()
    begin = time.perf_counter()
    posterior = trace["posterior"]  # in pellucid the tree is made now, in PyMC it is there
    measured["tree"] = time.perf_counter() - begin
    keep_draws({name: variable.values for name, variable in posterior.data_vars.items()})
    measured["chains_time"] = float({**posterior.attrs, **trace.attrs}["sampling_time"])
    measured["leapfrogs_draws"] = int(trace["sample_stats"]["n_steps"].sum())
    measured["divergences"] = int(trace["sample_stats"]["diverging"].sum())
    if "warmup_sample_stats" in trace.children:
        measured["leapfrogs_tune"] = int(trace["warmup_sample_stats"]["n_steps"].sum())
    return measured


def keep_draws(draws: dict) -> None:
    """Write {name: array of (chain, draw, ...)} beside the output, for the judge."""
    import numpy as np

    np.savez(Path(sys.argv[4]).with_suffix(".npz"), **draws)


def measure_quality(library: str, model: str) -> dict:
    """Rank-normalised ESS and R-hat of the draws, by one program for all libraries, of what all of them report."""
    import numpy as np
    from arviz_stats.base import array_stats

    from models import NOT_COMPARED

    saved = np.load(Path(sys.argv[4]).with_suffix(".npz"))
    names = [name for name in saved.files if name not in NOT_COMPARED]
    draws = np.concatenate([saved[name].reshape(*saved[name].shape[:2], -1) for name in sorted(names)], axis=-1)
    axes = {"chain_axis": 0, "draw_axis": 1}
    bulk = array_stats.ess(draws, method="bulk", **axes)
    tail = array_stats.ess(draws, method="tail", prob=(0.05, 0.95), **axes)
    rhat = array_stats.rhat(draws, method="rank", **axes)
    means = array_stats.ess(draws, method="mean", **axes)
    moments = {"mean": draws.mean((0, 1)), "error": draws.std((0, 1)) / np.sqrt(means)}
    measured = {"ess": float(np.min(bulk)), "ess_tail": float(np.min(tail)), "rhat": float(np.max(rhat))}
    return measured | {"quantities": draws.shape[-1], "apart": apart(library, model, moments)}


def apart(library: str, model: str, moments: dict) -> float | None:
    """Return the largest difference of a mean from pellucid's, in standard errors; pellucid's own are kept for that."""
    import numpy as np

    path = MOMENTS / f"{model}.npz"
    if library == "pellucid":
        MOMENTS.mkdir(parents=True, exist_ok=True)
        np.savez(path, **moments)
    if not path.exists():
        return None
    known = np.load(path)
    if known["mean"].shape != moments["mean"].shape:
        message = f"{library} reports {moments['mean'].size} quantities, pellucid {known['mean'].size}"
        raise ValueError(message)
    error = np.hypot(known["error"], moments["error"])
    return float(np.max(np.abs(known["mean"] - moments["mean"]) / error))


TASKS = {
    "import": measure_import,
    "graph": measure_graph,
    "compile": measure_compile,
    "sample": measure_sample,
    "quality": measure_quality,
}

if __name__ == "__main__":
    task, library, model, output = sys.argv[1:]
    sys.modules["measure"] = sys.modules["__main__"]  # so that those elsewhere find this one
    elsewhere = task != "quality" and ELSEWHERE.get(library)
    tasks = importlib.import_module(elsewhere).TASKS if elsewhere else TASKS
    measured = tasks[task](library, model)
    Path(output).write_text(json.dumps(measured), encoding="utf-8")
