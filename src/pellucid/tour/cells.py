"""Run pieces of source as a notebook runs its cells: what they print is kept, and the value of a last expression."""

from __future__ import annotations

import ast
import contextlib
import io
import linecache
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What a cell did.

    Attributes
    ----------
    source : str
        The text that was run.
    printed : str
        What it wrote to standard output.
    value : object or None
        The value of its last statement, if that is an expression.
    seconds : float
    """

    source: str
    printed: str
    value: Any
    seconds: float

    @property
    def text(self) -> str:
        """All output as text."""
        shown = "" if self.value is None else repr(self.value)
        parts = [part.rstrip("\n") for part in (self.printed, shown) if part.strip()]
        return "\n".join("\n".join(line.rstrip() for line in part.split("\n")) for part in parts)

    @property
    def picture(self) -> str | None:
        """The output as SVG text, if it is a picture."""
        show = getattr(self.value, "_repr_svg_", None)
        return None if show is None else show()


def run_cell(source: str, namespace: dict[str, Any], name: str) -> Outcome:
    r"""Execute `source` in `namespace`; `name` stands for the file in errors, and in the provenance of graphs.

    Examples
    --------
    >>> run_cell("x = 2\nprint('hello')\nx + 1", {}, "cell").text
    'hello\n3'
    """
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
    tree = ast.parse(source, name)
    last = tree.body[-1] if tree.body else None
    shown = last.value if isinstance(last, ast.Expr) else None
    if shown is not None:
        tree.body.pop()
    printed, value = io.StringIO(), None
    start = time.perf_counter()
    with contextlib.redirect_stdout(printed), logging_to(printed):
        exec(compile(tree, name, "exec"), namespace)  # noqa: S102  # running the lesson's own cells is what this is for
        if shown is not None:
            value = eval(compile(ast.Expression(shown), name, "eval"), namespace)  # noqa: S307
    seconds = time.perf_counter() - start
    # What prints may return where it printed to, and that is not worth showing.
    return Outcome(source, printed.getvalue(), None if value is printed else value, seconds)


@contextlib.contextmanager
def logging_to(stream: io.StringIO) -> Iterator[None]:
    """Write the package's warnings to a stream, as part of the output of what was run."""
    handler, logger = logging.StreamHandler(stream), logging.getLogger("pellucid")
    before, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before
