"""Time pellucid and its peers side by side, each measurement in a fresh process: see README.md beside this file.

Nothing but the standard library is imported here, and nothing is timed in this process.
"""

import argparse
import ast
import compileall
import datetime
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import peers
import report

HERE = Path(__file__).resolve().parent
LIMIT = 300  # seconds for one measurement
COLD, WARM = "cold", "warm"
TASKS = {  # and the states of the cache in which each is taken; the first two use no cache
    "import": (COLD,),
    "graph": (COLD,),
    "compile": (COLD, WARM),
    "sample": (COLD, WARM),
}


def model_names() -> list[str]:
    """Return the names in models.py, read without running it: this process imports no NumPy."""
    tree = ast.parse((HERE / "models.py").read_text(encoding="utf-8"))
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def environment(library: str, task: str, cache: Path) -> dict[str, str]:
    """Return the caller's environment with every cache inside `cache`, and without settings of the libraries.

    A call is timed with one thread of BLAS, because two wait for each other when chains keep all cores busy.
    """
    dropped = ("PYTENSOR_FLAGS", "NUMBA_", "JAX_", "XLA_", "PELLUCID_", "PYTHONPATH", "PYTHONDONTWRITE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    kept |= {
        "PELLUCID_CACHE_DIR": str(cache / "pellucid"),
        "PYTENSOR_FLAGS": f"base_compiledir={cache / 'pytensor'}",
        "NUMBA_CACHE_DIR": str(cache / "numba"),
        "JAX_COMPILATION_CACHE_DIR": str(cache / "jax"),  # which JAX has only for those who ask for it
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "STAN_CACHE": str(cache / "stan"),
    }
    if task == "compile":
        kept |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return kept | ({"PYTHONPATH": str(HERE.parent / "src")} if library == "pellucid" else {})


def measure(python: str, library: str, model: str, task: str, cache: Path) -> dict:
    """Run one task in a fresh process, and return what it wrote with its wall time, or the error's last line."""
    cache.mkdir(parents=True, exist_ok=True)
    output = cache / "measured.json"
    output.unlink(missing_ok=True)
    command = [python, str(HERE / "measure.py"), task, library, model, str(output)]
    load = os.getloadavg()[0]
    begin, started = time.perf_counter(), time.time()
    status, complaint = run(command, environment(library, task, cache))
    wall = time.perf_counter() - begin
    if status is None:
        return {"error": f"not done after {LIMIT} s"}
    if status or not output.exists():
        return {"error": peers.last_line(complaint)}
    measured = json.loads(output.read_text(encoding="utf-8"))
    if "end" in measured:  # what a measurement does after this is not the script's
        wall = measured["end"] - started
    return measured | {"wall": wall, "load": load}


def run(command: list[str], variables: dict[str, str]) -> tuple[int | None, str]:
    """Run a program; return its status, None if it was stopped for taking too long, and what it complained of."""
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=variables, start_new_session=True, **options) as program:
        try:
            complaint = program.communicate(timeout=LIMIT)[1]
        except subprocess.TimeoutExpired:
            os.killpg(program.pid, signal.SIGKILL)  # with the processes it started: chains, compilers
            program.communicate()
            return None, ""
    return program.returncode, complaint


def measure_script(python: str, library: str, model: str, cache: Path) -> dict:
    """Sample in a fresh process, then add the quality of the draws and what follows from it."""
    measured = measure(python, library, model, "sample", cache)
    if "error" in measured:
        return measured
    judged = measure(sys.executable, library, model, "quality", cache)
    if "error" in judged:
        return measured | {"error": f"judging the draws: {judged['error']}"}
    return judged | measured | rates(measured, judged)  # in this order: the judge's own time is nobody's


def rates(measured: dict, judged: dict) -> dict[str, float]:
    """Return what leapfrogs and seconds an effective draw takes."""
    leapfrogs, ess = measured["leapfrogs_draws"], judged["ess"]
    found = {"leapfrogs_per_ess": leapfrogs / ess}
    if seconds := measured.get("chains_time"):
        found |= {"ess_per_second": ess / seconds, "ess_tail_per_second": judged["ess_tail"] / seconds}
    if tuning := measured.get("leapfrogs_tune"):
        found["all_leapfrogs_per_ess"] = (leapfrogs + tuning) / ess
        if seconds:  # each leapfrog takes as long as another, so those of the draws have their share of the time
            found["ess_per_second_of_draws"] = ess / (seconds * leapfrogs / (leapfrogs + tuning))
    return found


def measure_library(library: str, python: str, model: str, chosen: argparse.Namespace, known: dict) -> dict:
    """Return {task: {cold or warm: [measurements]}} for one model; each cold one begins with a cache of its own.

    Tasks that are known from an earlier run are not done again.
    """
    found = dict(known)
    for task in (task for task in chosen.tasks if task not in known):
        states = found[task] = {state: [] for state in TASKS[task]}
        for _ in range(chosen.repeat):
            with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
                measured: dict = {}
                for state, taken in states.items():
                    say(f"{model}: {library}: {task}, {state}")
                    take = measure_script if task == "sample" else partial(measure, task=task)
                    if "not done" not in measured.get("error", ""):  # a second time it would not be done either
                        measured = take(python, library, model, cache=Path(folder))
                    taken.append(measured)
    return found


def say(message: str) -> None:
    """Show on a terminal what runs now."""
    if sys.stderr.isatty():
        print(f"\r\033[K{message}", end="", file=sys.stderr, flush=True)


def machine() -> dict:
    """Return what the numbers depend on."""
    information = Path("/proc/cpuinfo")
    names = (
        [line.split(":")[1].strip() for line in information.read_text().splitlines() if line.startswith("model name")]
        if information.exists()
        else []
    )
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
    }


def find_libraries(chosen: argparse.Namespace) -> tuple[dict[str, str], dict[str, str]]:
    """Return the interpreter of each library, and of each peer that is skipped the reason."""
    libraries = {} if chosen.no_pellucid else {"pellucid": chosen.python}
    skipped = {}
    for name in filter(None, chosen.peers.split(",")):
        try:
            libraries[name] = str(peers.ensure(name))
        except peers.Unavailable as reason:
            skipped[name] = str(reason)
            print(f"{peers.PEERS[name].title}: skipped, because {reason}\n")
    return libraries, skipped


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
    parser.add_argument("--peers", default=",".join(peers.PEERS), help="comma-separated; empty for none: %(default)s")
    parser.add_argument("--repeat", type=int, default=1, help="take the median of so many of each measurement")
    parser.add_argument("--tasks", type=task_names, default=list(TASKS), help="import,graph,compile,sample or fewer")
    parser.add_argument("--json", type=Path, help="write every measurement here too, and a plot beside it")
    parser.add_argument("--resume", action="store_true", help="do only what the file of --json does not have yet")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that runs pellucid")
    parser.add_argument("--no-pellucid", action="store_true", help="measure the peers alone")
    chosen = parser.parse_args()
    if unknown := set(chosen.models) - set(model_names()):
        parser.error(f"no model {', '.join(unknown)}; there are {', '.join(model_names())}")
    if unknown := set(filter(None, chosen.peers.split(","))) - set(peers.PEERS):
        parser.error(f"no peer {', '.join(unknown)}; there are {', '.join(peers.PEERS)}")
    return chosen


def begin_record(chosen: argparse.Namespace, libraries: dict[str, str], skipped: dict[str, str]) -> dict:
    """Return what is known before the first model: machine, versions, and with --resume what the file has."""
    record = {"machine": machine(), "repeat": chosen.repeat, "skipped": skipped, "libraries": {}, "models": {}}
    if chosen.resume and chosen.json and chosen.json.exists():
        record |= json.loads(chosen.json.read_text(encoding="utf-8"))
        record["skipped"] = {name: why for name, why in record["skipped"].items() if name not in libraries} | skipped
    compileall.compile_dir(HERE.parent / "src", quiet=2)  # as installing does, for the peers too
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        for name, python in libraries.items():
            record["libraries"][name] = measure(python, name, "", "import", Path(folder))
    return record


def measure_model(model: str, libraries: dict[str, str], chosen: argparse.Namespace, record: dict) -> None:
    """Add what one model takes with each library to the record, and the record to its file."""
    known = record["models"].setdefault(model, {})
    for name, python in libraries.items():
        known[name] = measure_library(name, python, model, chosen, known.get(name, {}))
        if chosen.json:
            chosen.json.write_text(json.dumps(record, indent=1), encoding="utf-8")
    say("")
    print(report.table(model, known), "\n", flush=True)


def main() -> None:
    """Measure, print a table for each model as soon as it is done, and write the files."""
    chosen = parse()
    libraries, skipped = find_libraries(chosen)
    record = begin_record(chosen, libraries, skipped)
    for name, measured in record["libraries"].items():
        print(f"{name}: {measured.get('version', measured.get('error'))}, Python {measured.get('python', '?')}")
    print(", ".join(str(value) for value in record["machine"].values()), "\n")
    for model in chosen.models or model_names():
        measure_model(model, libraries, chosen, record)
    if chosen.json:
        print(report.draw_elsewhere(chosen.json, chosen.json.with_suffix(".svg")))


if __name__ == "__main__":
    main()
