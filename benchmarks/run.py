"""Time pellucid and its peers side by side, each measurement in a fresh process: see README.md beside this file.

Nothing but the standard library is imported here, and nothing is timed in this process.
"""

import argparse
import ast
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import peers

HERE = Path(__file__).resolve().parent
LIMIT = 1200    # seconds for one measurement
COLD, WARM = "cold", "warm"
TASKS = {    # and the states of the cache in which each is taken; the first two use no cache
    "import": (COLD,),
    "graph": (COLD,),
    "compile": (COLD, WARM),
    "sample": (COLD, WARM),
}

ROWS = [  # label, measurement, unit; a measurement is of (task, cache, field)
    ("import", ("import", COLD, "import"), "s"),
    ("build the model", ("graph", COLD, "build"), "s"),
    ("graphs of logp and gradient", ("graph", COLD, "graph"), "s"),
    ("compile them, cold cache", ("compile", COLD, "compile"), "s"),
    ("compile them, warm cache", ("compile", WARM, "compile"), "s"),
    ("nothing to first gradient, cold", ("compile", COLD, "first_gradient"), "s"),
    ("nothing to first gradient, warm", ("compile", WARM, "first_gradient"), "s"),
    ("logp + gradient, native loop", ("compile", WARM, "call_native"), "µs"),
    ("logp + gradient, from Python", ("compile", WARM, "call_python"), "µs"),
    ("script that samples, cold cache", ("sample", COLD, "wall"), "s"),
    ("script that samples, warm cache", ("sample", WARM, "wall"), "s"),
    ("  then: first use of the DataTree", ("sample", WARM, "tree"), "s"),
    ("smallest bulk ESS", ("sample", WARM, "ess"), ""),
    ("largest R-hat", ("sample", WARM, "rhat"), "rhat"),
    ("divergences", ("sample", WARM, "divergences"), ""),
    ("leapfrogs, tuning", ("sample", WARM, "leapfrogs_tune"), ""),
    ("leapfrogs, draws", ("sample", WARM, "leapfrogs_draws"), ""),
    ("leapfrogs per effective draw", ("sample", WARM, "leapfrogs_per_ess"), "ratio"),
    ("effective draws per second, warm", ("sample", WARM, "ess_per_second"), ""),
    ("peak memory, main process", ("sample", WARM, "memory"), "MB"),
    ("peak memory, largest child", ("sample", WARM, "memory_child"), "MB"),
]


def model_names() -> list[str]:
    """Return the names in models.py, read without running it: this process imports no NumPy."""
    tree = ast.parse((HERE / "models.py").read_text(encoding="utf-8"))
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def environment(library: str, cache: Path) -> dict[str, str]:
    """Return the caller's environment with every cache inside `cache`, and without settings of the libraries."""
    dropped = ("PYTENSOR_FLAGS", "NUMBA_", "PELLUCID_", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    kept |= {
        "PELLUCID_CACHE_DIR": str(cache / "pellucid"),
        "PYTENSOR_FLAGS": f"base_compiledir={cache / 'pytensor'}",
        "NUMBA_CACHE_DIR": str(cache / "numba"),
    }
    return kept | ({"PYTHONPATH": str(HERE.parent / "src")} if library == "pellucid" else {})


def measure(python: str, library: str, model: str, task: str, cache: Path) -> dict:
    """Run one task in a fresh process, and return what it wrote with its wall time, or the error's last line."""
    cache.mkdir(parents=True, exist_ok=True)
    output = cache / "measured.json"
    output.unlink(missing_ok=True)
    command = [python, str(HERE / "measure.py"), task, library, model, str(output)]
    load = os.getloadavg()[0]
    begin, started = time.perf_counter(), time.time()
    try:
        answer = subprocess.run(
            command, env=environment(library, cache), capture_output=True, text=True, timeout=LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return {"error": f"no end within {LIMIT} s"}
    wall = time.perf_counter() - begin
    if answer.returncode or not output.exists():
        return {"error": peers.last_line(answer.stderr)}
    measured = json.loads(output.read_text(encoding="utf-8"))
    if "end" in measured:    # what a measurement does after this is not the script's
        wall = measured["end"] - started
    return measured | {"wall": wall, "load": load}


def measure_script(python: str, library: str, model: str, cache: Path) -> dict:
    """Sample in a fresh process, then add the quality of the draws and what follows from it."""
    measured = measure(python, library, model, "sample", cache)
    if "error" in measured:
        return measured
    judged = measure(sys.executable, library, model, "quality", cache)
    if "error" in judged:
        return measured | {"error": f"judging the draws: {judged['error']}"}
    leapfrogs = measured["leapfrogs_draws"] + measured.get("leapfrogs_tune", 0)
    derived = {"leapfrogs_per_ess": leapfrogs / judged["ess"], "ess_per_second": judged["ess"] / measured["wall"]}
    return judged | measured | derived    # in this order: the judge's own time is nobody's


def measure_library(library: str, python: str, model: str, chosen: argparse.Namespace) -> dict:
    """Return {task: {cold or warm: [measurements]}} for one model; each cold one begins with a cache of its own."""
    found = {task: {state: [] for state in TASKS[task]} for task in chosen.tasks}
    for task, states in found.items():
        for _ in range(chosen.repeat):
            with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
                for state in states:
                    say(f"{model}: {library}: {task}, {state}")
                    take = measure_script if task == "sample" else partial(measure, task=task)
                    states[state].append(take(python, library, model, cache=Path(folder)))
    return found


def say(message: str) -> None:
    """Show on a terminal what runs now."""
    if sys.stderr.isatty():
        print(f"\r\033[K{message}", end="", file=sys.stderr, flush=True)


def median(results: dict, where: tuple[str, str, str]) -> float | None:
    """Return the median of a row's measurements, or None if one failed or has no such number."""
    task, state, field = where
    values = [measured.get(field) for measured in results.get(task, {}).get(state, [])]
    return None if not values or None in values else statistics.median(values)


def shown(value: float | None, unit: str) -> str:
    """Format a number with its unit."""
    if value is None:
        return "-"
    if unit == "s":
        return f"{value:.3g} s" if value >= 1 else f"{value * 1e3:.3g} ms"
    if unit == "µs":
        return f"{value * 1e6:.3g} µs" if value < 1e-3 else f"{value * 1e3:.3g} ms"
    if unit in ("rhat", "ratio"):
        return f"{value:.3f}" if unit == "rhat" else f"{value:.1f}"
    return f"{value:,.0f} {unit}".strip()


def table(model: str, results: dict[str, dict]) -> str:
    """Return the lines of one model: a column for each library, and one for pellucid's share of each peer's number."""
    others = [name for name in results if name != "pellucid"]
    heads = [*results, *(f"pellucid/{name}" for name in others)]
    lines = [f"{model:34}" + "".join(f"{head:>17}" for head in heads)]
    measured = {task for found in results.values() for task in found}
    for label, where, unit in (row for row in ROWS if row[1][0] in measured):
        numbers = {name: median(found, where) for name, found in results.items()}
        ours = numbers.get("pellucid")
        cells = [shown(number, unit) for number in numbers.values()]
        for name in others:
            known = ours is not None and numbers[name] and unit != "rhat"
            cells.append(f"{ours / numbers[name]:.3g}" if known else "-")
        lines.append(f"{label:34}" + "".join(f"{cell:>17}" for cell in cells))
    return "\n".join([*lines, *errors(results)])


def errors(results: dict[str, dict]) -> list[str]:
    """Return a line for each measurement that failed."""
    return [
        f"  {name}: {task}, {state}: failed: {measured['error']}"
        for name, found in results.items()
        for task, states in found.items()
        for state, all_measured in states.items()
        for measured in all_measured
        if "error" in measured
    ]


def check_agreement(results: dict[str, dict]) -> list[str]:
    """Return a line for each peer whose logp or gradient norm at the start differs: then nothing else is comparable."""
    checks = {name: found["compile"][WARM][0].get("check") for name, found in results.items() if "compile" in found}
    (first, expected), *rest = [(name, check) for name, check in checks.items() if check] or [(None, None)]
    return [
        f"  NOT THE SAME MODEL: {first} has (logp, |gradient|) = {expected}, {name} has {check}"
        for name, check in rest
        if any(abs(a - b) > 1e-6 * (1 + abs(a)) for a, b in zip(expected, check, strict=True))
    ]


def machine() -> dict:
    """Return what the numbers depend on."""
    information = Path("/proc/cpuinfo")
    names = [
        line.split(":")[1].strip() for line in information.read_text().splitlines() if line.startswith("model name")
    ] if information.exists() else []
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
    }


def find_libraries(chosen: argparse.Namespace) -> dict[str, str]:
    """Return the interpreter of each library, after saying which peers are skipped and why."""
    libraries = {} if chosen.no_pellucid else {"pellucid": chosen.python}
    for name in filter(None, chosen.peers.split(",")):
        try:
            libraries[name] = str(peers.ensure(name))
        except peers.Unavailable as reason:
            print(f"{peers.PEERS[name].title}: skipped, because {reason}\n")
    return libraries


def task_names(text: str) -> list[str]:
    """Split and check what `--tasks` names."""
    if unknown := set(text.split(",")) - set(TASKS):
        message = f"no task {', '.join(sorted(unknown))}; there are {', '.join(TASKS)}"
        raise argparse.ArgumentTypeError(message)
    return text.split(",")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Time pellucid and its peers side by side.")
    parser.add_argument("models", nargs="*", help=f"any of {', '.join(model_names())}; all by default")
    parser.add_argument("--peers", default="pymc", help="comma-separated: pymc, nutpie; empty for none")
    parser.add_argument("--repeat", type=int, default=1, help="take the median of so many of each measurement")
    parser.add_argument("--tasks", type=task_names, default=list(TASKS), help="import,graph,compile,sample or fewer")
    parser.add_argument("--json", type=Path, help="also write every single measurement to this file")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that runs pellucid")
    parser.add_argument("--no-pellucid", action="store_true", help="measure the peers alone")
    chosen = parser.parse_args()
    if unknown := set(chosen.models) - set(model_names()):
        parser.error(f"no model {', '.join(unknown)}; there are {', '.join(model_names())}")
    if unknown := set(filter(None, chosen.peers.split(","))) - set(peers.PEERS):
        parser.error(f"no peer {', '.join(unknown)}; there are {', '.join(peers.PEERS)}")
    return chosen


def main() -> None:
    """Measure, print a table for each model as soon as it is done, and write the file."""
    chosen = parse()
    libraries = find_libraries(chosen)
    record = {"machine": machine(), "repeat": chosen.repeat, "models": {}}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:    # also leaves byte code, before any clock runs
        record["libraries"] = {
            name: measure(python, name, "", "import", Path(folder)) for name, python in libraries.items()
        }
    for name, measured in record["libraries"].items():
        print(f"{name}: {measured.get('version', measured.get('error'))}, Python {measured.get('python', '?')}")
    print(", ".join(str(value) for value in record["machine"].values()), "\n")
    for model in chosen.models or model_names():
        results = {
            name: measure_library(name, python, model, chosen)
            for name, python in libraries.items()
        }
        record["models"][model] = results
        say("")
        print("\n".join([table(model, results), *check_agreement(results)]), "\n", flush=True)
        if chosen.json:
            chosen.json.write_text(json.dumps(record, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
