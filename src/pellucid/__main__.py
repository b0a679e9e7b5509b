"""The command `pellucid`, also `python -m pellucid`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pellucid import __version__
from pellucid.tour.guide import tour


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    command = argparse.ArgumentParser("pellucid", description="Probabilistic programming with readable graphs.")
    command.add_argument("--version", action="version", version=f"pellucid {__version__}")
    jobs = command.add_subparsers(dest="job", required=True, metavar="job")
    job = jobs.add_parser("tour", help="walk through a lesson, from an expression to a posterior; write it as a page")
    page = Path("pellucid-tour.html")
    job.add_argument("--output", type=Path, default=page, metavar="FILE", help="the page (default: %(default)s)")
    job.add_argument("--seed", type=int, metavar="N", help="another seed than the lesson's")
    job.add_argument("--quick", action="store_true", help="take few draws")
    return command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the status is 0 if all went well.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.
    """
    given = parser().parse_args(arguments)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal that lacks a character shows ? for it
    try:
        tour(given.output, seed=given.seed, quick=given.quick, colour=False if os.environ.get("NO_COLOR") else None)
    except FileNotFoundError as error:
        sys.stderr.write(f"pellucid: {error}\n")
        return 2
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\npellucid: interrupted\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
