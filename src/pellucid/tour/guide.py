"""Walk through the lesson: run its cells one after the other, show them as they run, and keep what they gave."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from pellucid.tour import highlight, markdown, page
from pellucid.tour.cells import Outcome, run_cell
from pellucid.tour.figures import duration
from pellucid.tour.lesson import Block, Lesson, read_lesson

WIDTH = 92
QUICK = 200
"""Draws and iterations of tuning of a quick tour."""


@dataclass
class Step:
    """A block of the lesson, and what running it gave if it is code."""

    block: Block
    number: int = 0
    outcome: Outcome | None = None


@dataclass
class Part:
    """A chapter that was walked through; the introduction is one without title."""

    title: str
    steps: list[Step] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long its cells took."""
        return sum(step.outcome.seconds for step in self.steps if step.outcome)


class Terminal:
    """Shows a tour as it goes: prose wrapped, code in colours where there are any, output below it."""

    def __init__(self, stream: TextIO, *, colour: bool):
        self.stream, self.colour = stream, colour

    def write(self, text: str = "") -> None:
        """Write a line, at once."""
        self.stream.write(text + "\n")
        self.stream.flush()

    def paint(self, text: str, code: str) -> str:
        """`text` in a colour."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def heading(self, text: str) -> None:
        """A line across the terminal."""
        self.write("\n" + self.paint(f"━━ {text} " + "━" * max(3, WIDTH - len(text) - 4), "1;34") + "\n")

    def prose(self, text: str) -> None:
        """A paragraph."""
        self.write(markdown.to_terminal(text, WIDTH, colour=self.colour) + "\n")

    def code(self, source: str, number: int) -> None:
        """The source of a cell, before it runs."""
        shown = highlight.for_terminal(source) if self.colour else source
        bar = self.paint("│", "2")
        lead = f"{f'[{number}]':>6} "
        for i, line in enumerate(shown.split("\n")):
            self.write(f"{self.paint(lead, '2') if i == 0 else ' ' * len(lead)}{bar} {line}".rstrip())

    def output(self, text: str) -> None:
        """What a cell gave."""
        if text:
            self.write("".join(f"\n         {line}".rstrip(" ") for line in text.split("\n")))
        self.write()


def settings_for(block: Block, *, seed: int | None, quick: bool) -> str:
    r"""The source of a cell, with the numbers that the caller asked for where it is tagged as settings.

    Examples
    --------
    >>> settings_for(Block("python", "seed = 1\ndraws, tune = 9, 9", ("settings",)), seed=7, quick=True)
    'seed = 7\ndraws, tune = 200, 200'
    """
    source = block.content
    if "settings" in block.tags:
        if seed is not None:
            source = re.sub(r"^seed = \d+$", f"seed = {seed}", source, flags=re.MULTILINE)
        if quick:
            source = re.sub(r"^draws, tune = .*$", f"draws, tune = {QUICK}, {QUICK}", source, flags=re.MULTILINE)
    return source


def walk(
    lesson: Lesson,
    terminal: Terminal,
    *,
    seed: int | None = None,
    quick: bool = False,
    namespace: dict[str, Any] | None = None,
) -> Iterator[Part]:
    """Run the cells in order, in one namespace; each chapter is given out when it is done."""
    namespace = {"__name__": "__main__"} if namespace is None else namespace
    number = 0
    for part, blocks in [(Part(""), lesson.introduction), *((Part(c.title), c.blocks) for c in lesson.chapters)]:
        if part.title:
            terminal.heading(part.title)
        for block in blocks:
            if block.kind == "prose":
                terminal.prose(block.content)
                part.steps.append(Step(block))
            elif block.kind == "python":
                number += 1
                source = settings_for(block, seed=seed, quick=quick)
                terminal.code(source, number)
                outcome = run_cell(source, namespace, f"cell {number}")
                terminal.output(outcome.text)
                part.steps.append(Step(block, number, outcome))
        yield part


def tour(
    output: Path,
    *,
    seed: int | None = None,
    quick: bool = False,
    stream: TextIO | None = None,
    colour: bool | None = None,
) -> Path:
    """Walk through the lesson in the terminal, and write it as a page.

    Parameters
    ----------
    output : Path
        The page: one HTML file that needs nothing else.
    seed : int, optional
        Another seed than the lesson's.
    quick : bool
        Take few draws.
    stream : file, optional
        Where to show it; standard output by default.
    colour : bool, optional
        Whether to use the terminal's colours; by default if it is one.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    FileNotFoundError
        When the folder of `output` does not exist.
    """
    start = time.perf_counter()
    if not output.resolve().parent.is_dir():
        raise FileNotFoundError(f"There is no folder {output.resolve().parent} to write {output.name} to.")
    shown = sys.stdout if stream is None else stream
    terminal = Terminal(shown, colour=shown.isatty() if colour is None else colour)
    lesson = read_lesson()
    terminal.heading(f"pellucid: {lesson.title}")
    parts = list(walk(lesson, terminal, seed=seed, quick=quick))
    seconds = time.perf_counter() - start
    output.write_text(page.render(lesson.title, parts, seconds), encoding="utf-8")
    terminal.heading("The end")
    for part in parts:
        if part.title:
            terminal.write(f"   {part.title:44} {duration(part.seconds):>8}")
    terminal.write(f"   {'whole tour':44} {duration(time.perf_counter() - start):>8}")
    terminal.write(f"\n   The same with pictures: {output.resolve()}\n")
    return output
