"""Compare pellucid's NUTS with nutpie's: leapfrogs per effective draw and effective draws per second, over seeds.

    python benchmarks/nuts.py                           # all models, 5 seeds, pellucid and nutpie
    python benchmarks/nuts.py radon mixture --seeds 20  # two models
    python benchmarks/nuts.py radon --metric low_rank   # with the low-rank metric in both

Both sample 4 chains of 1000 + 1000 draws with their defaults. Effective draws are the smallest over all quantities,
in the bulk and in the tails, computed by one program for both. Seconds are those of the processor, the draws' share
being that of their leapfrogs: another program's load hardly matters. Nothing is compiled while they are counted.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import peers

HERE = Path(__file__).resolve().parent
CHAINS, TUNE, DRAWS = 4, 1000, 1000
LIBRARIES = ("pellucid", "nutpie")
LIMIT = 1500    # seconds for one model in one library

COLUMNS = [  # title, statistic, digits
    ("leapfrogs/bulk ESS", "per_bulk", 1),
    ("leapfrogs/tail ESS", "per_tail", 1),
    ("with tuning", "per_bulk_all", 1),
    ("bulk ESS/s", "bulk_per_second", 0),
    ("tail ESS/s", "tail_per_second", 0),
    ("step size", "step_size", 3),
    ("µs/leapfrog", "per_leapfrog", 2),
    ("divergences", "divergences", 0),
]


# ---- in the process of a library


def sampler_of(library: str, name: str, metric: str):
    """Return `sample(seed) -> tree`, everything that must be compiled being compiled."""
    from models import MODELS

    if library == "pellucid":
        import pellucid as pm
        import pellucid.tensor as pt

        model = MODELS[name](pm, pt)

        def sample(seed):
            return pm.sample(
                DRAWS, tune=TUNE, chains=CHAINS, cores=2, random_seed=seed, progressbar=False, nuts={"metric": metric},
                discard_tuned_samples=False, compute_convergence_checks=False, model=model,
            )  # fmt: skip

        return sample
    import nutpie
    import pymc as pm
    import pytensor.tensor as pt

    compiled = nutpie.compile_pymc_model(MODELS[name](pm, pt))
    adaptation = {"diagonal": "diag", "low_rank": "low_rank"}[metric]

    def sample(seed):
        return nutpie.sample(
            compiled, draws=DRAWS, tune=TUNE, chains=CHAINS, cores=2, seed=seed, progress_bar=False,
            adaptation=adaptation,
        )  # fmt: skip

    return sample


def work(library: str, name: str, metric: str, seeds: int, folder: Path) -> None:
    """Sample with each seed; write draws and a record of each run to the folder."""
    import numpy as np

    sample = sampler_of(library, name, metric)
    sample(10_000)    # what is compiled late, or read for the first time
    for seed in range(seeds):
        begin, wall = time.process_time(), time.perf_counter()
        tree = sample(seed)
        seconds, wall = time.process_time() - begin, time.perf_counter() - wall
        steps = [int(tree[group]["n_steps"].sum()) for group in ("sample_stats", "warmup_sample_stats")]
        np.savez(folder / f"{library}-{seed}.npz", **{k: v.values for k, v in tree["posterior"].data_vars.items()})
        record = {
            "seconds": seconds, "wall": wall, "leapfrogs": steps[0], "tuning": steps[1],
            "step_size": float(tree["sample_stats"]["step_size"].mean()),
            "divergences": int(tree["sample_stats"]["diverging"].sum()),
        }  # fmt: skip
        (folder / f"{library}-{seed}.json").write_text(json.dumps(record), encoding="utf-8")


# ---- in this process


def smallest_ess(draws: dict, method: str) -> float:
    """Return the smallest effective sample size of all quantities that vary."""
    import numpy as np
    from arviz_stats.base import array_stats

    options = {"prob": (0.05, 0.95)} if method == "tail" else {}
    found = [
        float(np.min(array_stats.ess(moving, method=method, chain_axis=0, draw_axis=1, **options)))
        for values in draws.values()
        if (moving := values[..., np.ptp(values, axis=(0, 1)) > 0]).size
    ]
    return min(found)


def judge(folder: Path, library: str, seeds: int) -> list[dict]:
    """Return the statistics of each run."""
    import numpy as np

    from models import NOT_COMPARED

    runs = []
    for seed in range(seeds):
        with np.load(folder / f"{library}-{seed}.npz") as kept:
            draws = {name: kept[name] for name in kept.files if name not in NOT_COMPARED}
        run = json.loads((folder / f"{library}-{seed}.json").read_text(encoding="utf-8"))
        bulk, tail = smallest_ess(draws, "bulk"), smallest_ess(draws, "tail")
        share = run["leapfrogs"] / (run["leapfrogs"] + run["tuning"])
        run |= {"bulk": bulk, "tail": tail, "per_bulk": run["leapfrogs"] / bulk, "per_tail": run["leapfrogs"] / tail}
        run |= {"per_bulk_all": (run["leapfrogs"] + run["tuning"]) / bulk}
        run |= {"bulk_per_second": bulk / (share * run["seconds"]), "tail_per_second": tail / (share * run["seconds"])}
        runs.append(run | {"per_leapfrog": 1e6 * share * run["seconds"] / run["leapfrogs"]})
    return runs


def measure(library: str, python: str, model: str, chosen: argparse.Namespace) -> list[dict]:
    """Return the statistics of a library's runs of one model; none, and a line that says why, where it fails."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        command = [python, str(HERE / "nuts.py"), "--work", library, model, chosen.metric, str(chosen.seeds), name]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
        except subprocess.TimeoutExpired:
            print(f"  {model}: {library}: no end within {LIMIT} s")
            return []
        if answer.returncode:
            print(f"  {model}: {library}: failed: {peers.last_line(answer.stderr)}")
            return []
        return judge(folder, library, chosen.seeds)


def row(title: str, runs: list[dict]) -> str:
    """Return a line of medians."""
    cells = [f"{statistics.median(run[key] for run in runs):,.{digits}f}" for _, key, digits in COLUMNS]
    return f"{title:32}" + "".join(f"{cell:>20}" for cell in cells)


def ratios(ours: list[dict], theirs: list[dict]) -> str:
    """Return a line of the medians' ratios, each with the spread that seeds give it."""
    cells = []
    for _, key, _ in COLUMNS:
        a, b = ([run[key] for run in runs] for runs in (ours, theirs))
        middle = statistics.median(b)
        if not middle or len(a) < 2:
            cells.append("-")
            continue
        error = sum((statistics.stdev(x) / statistics.mean(x)) ** 2 / len(x) for x in (a, b) if statistics.mean(x))
        ratio = statistics.median(a) / middle
        cells.append(f"{ratio:.2f} ± {1.25 * ratio * error**0.5:.2f}")    # 1.25: medians of normal numbers
    return f"{'  pellucid/nutpie':32}" + "".join(f"{cell:>20}" for cell in cells)


def parse() -> argparse.Namespace:
    """Read the command line."""
    from run import model_names

    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("models", nargs="*", default=[], help=f"any of {', '.join(model_names())}; all by default")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--metric", choices=["diagonal", "low_rank"], default="diagonal")
    parser.add_argument("--no-nutpie", action="store_true", help="pellucid alone")
    parser.add_argument("--json", type=Path, help="also write every single measurement to this file")
    chosen = parser.parse_args()
    chosen.models = chosen.models or model_names()
    return chosen


def main() -> None:
    """Measure model by model, and print a line for each library."""
    chosen = parse()
    pythons = {"pellucid": sys.executable}
    if not chosen.no_nutpie:
        try:
            pythons["nutpie"] = str(peers.ensure("nutpie"))
        except peers.Unavailable as reason:
            print(f"nutpie: skipped, because {reason}")
    record: dict = {}
    print(f"{'medians of ' + str(chosen.seeds) + ' seeds':32}" + "".join(f"{title:>20}" for title, _, _ in COLUMNS))
    for model in chosen.models:
        record[model] = {library: measure(library, python, model, chosen) for library, python in pythons.items()}
        found = {library: runs for library, runs in record[model].items() if runs}
        for library, runs in found.items():
            print(row(f"{model}, {library}", runs))
        if len(found) == 2:
            print(ratios(*found.values()))
        sys.stdout.flush()
        if chosen.json:
            chosen.json.write_text(json.dumps(record, indent=1), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        library, model, metric, seeds, folder = sys.argv[2:]
        work(library, model, metric, int(seeds), Path(folder))
    else:
        main()
