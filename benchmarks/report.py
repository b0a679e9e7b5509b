"""What was measured, as tables and a plot: `python benchmarks/report.py numbers.json --page docs/benchmarks.md`."""

import argparse
import json
import math
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import peers

COLD, WARM = "cold", "warm"
OURS = "pellucid"


class Row(NamedTuple):
    """A line of a model's table: its label, the measurement (task, cache, field) and the unit."""

    label: str
    where: tuple[str, str, str]
    unit: str


ROWS = [
    Row("import", ("import", COLD, "import"), "s"),
    Row("build the model", ("graph", COLD, "build"), "s"),
    Row("graphs of logp and gradient", ("graph", COLD, "graph"), "s"),
    Row("compile them, cold cache", ("compile", COLD, "compile"), "s"),
    Row("compile them, warm cache", ("compile", WARM, "compile"), "s"),
    Row("nothing to first gradient, cold", ("compile", COLD, "first_gradient"), "s"),
    Row("nothing to first gradient, warm", ("compile", WARM, "first_gradient"), "s"),
    Row("logp + gradient, native loop", ("compile", WARM, "call_native"), "µs"),
    Row("  of it, processor time", ("compile", WARM, "call_native_processor"), "µs"),
    Row("logp + gradient, from Python", ("compile", WARM, "call_python"), "µs"),
    Row("script that samples, cold cache", ("sample", COLD, "wall"), "s"),
    Row("  of it, processor time", ("sample", COLD, "processor"), "s"),
    Row("script that samples, warm cache", ("sample", WARM, "wall"), "s"),
    Row("  of it, processor time", ("sample", WARM, "processor"), "s"),
    Row("  then: first use of the DataTree", ("sample", WARM, "tree"), "s"),
    Row("chains, tuning and draws", ("sample", WARM, "chains_time"), "s"),
    Row("smallest bulk ESS", ("sample", WARM, "ess"), ""),
    Row("smallest tail ESS", ("sample", WARM, "ess_tail"), ""),
    Row("largest R-hat", ("sample", WARM, "rhat"), "rhat"),
    Row("divergences", ("sample", WARM, "divergences"), ""),
    Row("leapfrogs, tuning", ("sample", WARM, "leapfrogs_tune"), ""),
    Row("leapfrogs, draws", ("sample", WARM, "leapfrogs_draws"), ""),
    Row("leapfrogs of draws per bulk ESS", ("sample", WARM, "leapfrogs_per_ess"), "ratio"),
    Row("all leapfrogs per bulk ESS", ("sample", WARM, "all_leapfrogs_per_ess"), "ratio"),
    Row("bulk ESS / s of chains", ("sample", WARM, "ess_per_second"), ""),
    Row("tail ESS / s of chains", ("sample", WARM, "ess_tail_per_second"), ""),
    Row("bulk ESS / s of draws alone", ("sample", WARM, "ess_per_second_of_draws"), ""),
    Row("means: farthest from ours, in s.e.", ("sample", WARM, "apart"), "ratio"),
    Row("peak memory, main process", ("sample", WARM, "memory"), "MB"),
    Row("peak memory, largest child", ("sample", WARM, "memory_child"), "MB"),
]

PAGE = [  # what the page compares across all models, each a title and a row
    (title, next(row for row in ROWS if row.where == where))
    for title, where in (
        ("Script that samples, from starting Python to the printed summary, empty caches", ("sample", COLD, "wall")),
        ("The same script a second time", ("sample", WARM, "wall")),
        ("Of it, processor time of all its processes", ("sample", WARM, "processor")),
        ("Log-density and gradient, called from native code", ("compile", WARM, "call_native")),
        ("Of it, processor time of all threads", ("compile", WARM, "call_native_processor")),
        ("Compile log-density and gradient, empty caches", ("compile", COLD, "compile")),
        ("Compile log-density and gradient, a second time", ("compile", WARM, "compile")),
        ("Effective draws (bulk, the smallest) per second of chains", ("sample", WARM, "ess_per_second")),
        ("Effective draws (tail, the smallest) per second of chains", ("sample", WARM, "ess_tail_per_second")),
        ("Leapfrogs of the draws per effective draw", ("sample", WARM, "leapfrogs_per_ess")),
        ("Peak memory of the script's main process", ("sample", WARM, "memory")),
    )
]
MORE_IS_BETTER = ("ess_per_second", "ess_tail_per_second")
PLOTTED = [(PAGE[0], "script, empty caches"), (PAGE[1], "script, second time"), (PAGE[3], "log-density and gradient")]


def median(results: dict, where: tuple[str, str, str]) -> float | None:
    """Return the median of a row's measurements, or None if one failed or has no such number."""
    task, state, field = where
    values = [measured.get(field) for measured in results.get(task, {}).get(state, [])]
    return None if not values or None in values else statistics.median(values)


def shown(value: float | None, unit: str) -> str:
    """Format a number with its unit."""
    if value is None or not math.isfinite(value):
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
    others = [name for name in results if name != OURS]
    heads = [*results, *(f"{OURS}/{name}" for name in others)]
    lines = [f"{model:34}" + "".join(f"{head:>17}" for head in heads)]
    measured = {task for found in results.values() for task in found}
    for label, where, unit in (row for row in ROWS if row.where[0] in measured):
        numbers = {name: median(found, where) for name, found in results.items()}
        cells = [shown(number, unit) for number in numbers.values()]
        cells += [share(numbers, name) if unit != "rhat" else "-" for name in others]
        lines.append(f"{label:34}" + "".join(f"{cell:>17}" for cell in cells))
    return "\n".join([*lines, *errors(results), *disagreements(results)])


def share(numbers: dict[str, float | None], name: str) -> str:
    """Return pellucid's number divided by a peer's."""
    ours, theirs = numbers.get(OURS), numbers[name]
    return f"{ours / theirs:.3g}" if ours is not None and theirs else "-"


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


def disagreements(results: dict[str, dict]) -> list[str]:
    """Return a line for each peer that has another model than pellucid: then nothing else is comparable.

    PyMC must have the same log-density and gradient where it starts. The others have no common start, and may choose
    other unconstrained parameters, so the means of their draws are compared, in Monte Carlo standard errors.
    """
    checks = {name: first(found, "compile").get("check") for name, found in results.items()}
    expected = checks.get(OURS)
    lines = [
        f"  NOT THE SAME MODEL: {OURS} has (logp, |gradient|) = {expected}, {name} has {check}"
        for name, check in checks.items()
        if expected and check and not all(map(close, expected, check))
    ]
    drawn = {name: first(found, "sample") for name, found in results.items()}
    converged = {name: found for name, found in drawn.items() if found.get("rhat", 2) < 1.05}
    return lines + [
        f"  NOT THE SAME POSTERIOR: a mean of {name} differs from {OURS}'s by {found['apart']:.1f} standard errors"
        for name, found in converged.items()
        if OURS in converged and (found.get("apart") or 0) > 6
    ]


def close(one: float, other: float) -> bool:
    """Whether two numbers differ by rounding alone; sums of 200,000 terms in another order differ by 1e-10 or so."""
    return math.isclose(one, other, rel_tol=1e-6)


def first(results: dict, task: str) -> dict:
    """Return the first warm measurement of a task, empty if there is none."""
    return (results.get(task, {}).get(WARM) or [{}])[0]


def page(record: dict) -> str:
    """Return what was measured as Markdown: for each quantity a table of models and libraries."""
    names = list(record["libraries"])
    versions = ", ".join(f"{name} {record['libraries'][name].get('version', '?')}" for name in names)
    about = record["machine"]
    where = f"{about['processor']}, {about['cores']} cores, {about['system']}"
    lines = [
        f"Measured {about['date'][:10]} on {where}: {versions}.",
        f"The load of the machine before each measurement was {load(record)}: see the note on how far to trust it.",
        *(f"- {title}: skipped, because {reason}" for title, reason in record.get("skipped", {}).items()),
    ]
    for title, row in PAGE:
        found = {model: numbers_of(row, results) for model, results in record["models"].items()}
        bounds = {model: bounds_of(row, results) for model, results in record["models"].items()}
        lines += ["", f"### {title}", "", *markdown(row, names, found, bounds)]
    return "\n".join([*lines, *gaps("What failed", record, errors), *gaps("What differs", record, disagreements)])


def gaps(title: str, record: dict, complain: Callable[[dict], list[str]]) -> list[str]:
    """Return a section of what there is to say about each model, or nothing if that is nothing."""
    lines = [f"- {model}: {line.strip()}" for model, results in record["models"].items() for line in complain(results)]
    return ["", f"### {title}", "", *lines] if lines else []


def numbers_of(row: Row, results: dict[str, dict]) -> dict[str, float | None]:
    """Return {library: number} of one model."""
    return {name: median(found, row.where) for name, found in results.items()}


def at_least(row: Row, results: dict) -> float | None:
    """Return what a script took that was stopped, at the least: the limit, the second time less what it had compiled.

    A script that was not done the first time is not begun a second time.
    """
    task, state, field = row.where
    stopped = [measured.get("error", "") for measured in results.get(task, {}).get(COLD, [])]
    limits = [float(error.split()[-2]) for error in stopped if error.startswith("not done after")]
    if task != "sample" or field != "wall" or not limits:
        return None
    compiled = median(results, ("compile", COLD, "compile"))
    return min(limits) if state == COLD else min(limits) - compiled if compiled is not None else None


def bounds_of(row: Row, results: dict[str, dict]) -> dict[str, float]:
    """Return {peer: what its script took at the least} of one model, for scripts that were stopped."""
    found = {name: at_least(row, measured) for name, measured in results.items() if name != OURS}
    return {name: bound for name, bound in found.items() if bound is not None}


def markdown(row: Row, names: list[str], found: dict[str, dict], bounds: dict[str, dict] | None = None) -> list[str]:
    """Return a table with a line for each model; beside each peer's number stands pellucid's share of it.

    Peers that are known to need more than their entry of `bounds`, and pellucid less, count as beaten.
    """
    lines = [f"| model | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    beaten = {}
    for model, known in found.items():
        more = {name: x for name, x in (bounds or {}).get(model, {}).items() if known.get(name) is None}
        numbers = known | more
        cells = [(">" if name in more else "") + shown(numbers.get(name), row.unit) for name in names]
        shares = ["-" if name == OURS or name not in numbers else share(numbers, name) for name in names]
        less = ["<" if name in more else "" for name in names]
        cells = [
            cell if part == "-" else f"{cell} ({sign}{part})"
            for cell, sign, part in zip(cells, less, shares, strict=True)
        ]
        lines.append(f"| {model} | {' | '.join(cells)} |")
        beaten[model] = known | {name: x for name, x in more.items() if (known.get(OURS) or math.inf) <= x}
    found = beaten
    wins = [f"{name} on {count} of {known}" for name in names[1:] for count, known in [won(row, name, found)] if known]
    better = "more" if row.where[2] in MORE_IS_BETTER else "less"
    said = f"In brackets pellucid's number divided by the peer's; it has {better} than {', '.join(wins)}."
    return [*lines, "", said] if wins else lines


def won(row: Row, name: str, found: dict[str, dict[str, float | None]]) -> tuple[int, int]:
    """Return on how many models pellucid's number is no worse than a peer's, and on how many both are known."""
    pairs = [(numbers.get(OURS), numbers.get(name)) for numbers in found.values()]
    pairs = [(ours, theirs) for ours, theirs in pairs if ours is not None and theirs is not None]
    more = row.where[2] in MORE_IS_BETTER
    return sum(ours >= theirs if more else ours <= theirs for ours, theirs in pairs), len(pairs)


def load(record: dict) -> str:
    """Return the range of the machine's load while it was measured."""
    loads = [
        measured["load"]
        for results in record["models"].values()
        for found in results.values()
        for states in found.values()
        for taken in states.values()
        for measured in taken
        if "load" in measured
    ]
    return f"{min(loads):.1f} to {max(loads):.1f} (median {statistics.median(loads):.1f})" if loads else "not noted"


def plot(record: dict, path: Path) -> None:
    """Draw how many times what pellucid needs each peer needs, a panel for each of the main quantities."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "benchmarks"  # so that the same numbers make the same file
    from matplotlib import pyplot as plt

    models = list(record["models"])
    names = [name for name in record["libraries"] if name != OURS]
    figure, panels = plt.subplots(1, len(PLOTTED), figsize=(12, 0.42 * len(models) + 1.4), sharey=True, sharex=True)
    for panel, ((_, row), title) in zip(panels, PLOTTED, strict=True):
        for shift, name in enumerate(names):
            found = [numbers_of(row, record["models"][model]) for model in models]
            points = [
                (numbers[name] / numbers[OURS], place + 0.12 * (shift - (len(names) - 1) / 2))
                for place, numbers in enumerate(found)
                if numbers.get(name) and numbers.get(OURS)
            ]
            panel.plot([x for x, _ in points], [y for _, y in points], "o", label=peers.PEERS[name].title, markersize=5)
        panel.axvline(1, color="black", linewidth=1)
        panel.set(xscale="log", xlabel="times pellucid's", title=title)
        panel.xaxis.set_major_formatter("{x:g}")
        panel.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(len(models)), [model.replace("_", " ") for model in models])
    panels[0].invert_yaxis()
    panels[-1].legend(loc="lower right", fontsize="small")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def insert(text: str, path: Path) -> None:
    """Replace what stands between the two marks of a page."""
    begin, end = "<!-- measured: written by benchmarks/report.py -->", "<!-- end of what was measured -->"
    before, _, rest = path.read_text(encoding="utf-8").partition(begin)
    after = rest.partition(end)[2]
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def draw_elsewhere(numbers: Path, path: Path) -> str:
    """Draw with PyMC's environment, which has matplotlib, and return what there is to say about it."""
    python = peers.HERE / ".peers" / "pymc" / "bin" / "python"
    if not python.exists():
        return "no plot: matplotlib is in the environment of the peer pymc, which is not there"
    command = [python, Path(__file__), numbers, "--plot", path]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"no plot: {peers.last_line(answer.stderr)}" if answer.returncode else f"plot: {path}"


def main() -> None:
    """Print, or write, what a file of measurements holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("numbers", type=Path, help="what run.py --json wrote")
    parser.add_argument("--page", type=Path, help="a page of Markdown with two marks, between which the tables go")
    parser.add_argument("--plot", type=Path, help="the SVG file to draw; this interpreter must have matplotlib")
    chosen = parser.parse_args()
    record = json.loads(chosen.numbers.read_text(encoding="utf-8"))
    if chosen.plot:
        plot(record, chosen.plot)
    elif chosen.page:
        insert(page(record), chosen.page)
        print(draw_elsewhere(chosen.numbers, chosen.page.with_suffix(".svg")))
    else:
        for model, results in record["models"].items():
            print(table(model, results), "\n")


if __name__ == "__main__":
    sys.exit(main())
