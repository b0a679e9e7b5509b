"""How chains share cores: four chains on one core and on all, and with a progress line, in turns in one process.

python benchmarks/threads.py [model ...] [--rounds n]
"""

import argparse
import os
import statistics
import sys

import models
import pellucid as pm
import pellucid.tensor as pt

DEFAULT = ("item_response", "logistic", "mixture", "stochastic_volatility", "gaussian_process")


class Terminal:
    """A stream that shows nothing and says that it is a terminal, so that a line of progress is drawn."""

    encoding = "utf-8"

    def write(self, text):
        return len(text)

    def flush(self):
        """There is nothing to do."""

    def isatty(self):
        return True


def seconds(model, cores: int, *, progress: bool = False) -> float:
    """The time from the start of the first chain to the end of the last; draws are the same each time."""
    shown, sys.stderr = sys.stderr, Terminal()
    try:
        trace = pm.sample(
            500, tune=500, chains=4, cores=cores, random_seed=1, progressbar=progress, model=model,
            compute_convergence_checks=False,
        )  # fmt: skip
    finally:
        sys.stderr = shown
    return float(trace["posterior"].attrs["sampling_time"])


def compare(name: str, rounds: int, cores: int) -> str:
    """One line of the table: medians of turns that alternate."""
    model = models.MODELS[name](pm, pt)
    seconds(model, cores)  # compiles
    one, all_, shown = [], [], []
    for _ in range(rounds):
        one.append(seconds(model, 1))
        all_.append(seconds(model, cores))
        shown.append(seconds(model, cores, progress=True))
    gain = statistics.median(a / b for a, b in zip(one, all_, strict=True))
    cost = statistics.median(b / a for a, b in zip(all_, shown, strict=True))
    return f"{name:24}{statistics.median(one):10.3f}{statistics.median(all_):10.3f}{gain:8.2f}{cost:12.3f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("models", nargs="*", default=DEFAULT, help=f"of {', '.join(models.MODELS)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=min(4, os.cpu_count() or 1))
    chosen = parser.parse_args()
    print(f"{'model':24}{'1 core, s':>10}{f'{chosen.cores}, s':>10}{'gain':>8}{'with line':>12}")
    for name in chosen.models:
        print(compare(name, chosen.rounds, chosen.cores), flush=True)


if __name__ == "__main__":
    main()
