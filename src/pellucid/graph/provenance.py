"""Remember which line of the user's code made each node, so that an error can name it."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import local

Line = tuple[str, int]
"""A file name and a line number."""

PACKAGE = str(Path(__file__).resolve().parent.parent)
_origin = local()


def user_line() -> Line | None:
    """The innermost line outside the package, or the origin set by :func:`made_by`."""
    origin = getattr(_origin, "line", None)
    if origin is not None:
        return origin
    frame = sys._getframe(1)  # noqa: SLF001  # the only way to read the caller without building a traceback
    while frame is not None:
        name = frame.f_code.co_filename
        # `<string>` is what dataclasses and namedtuples generate; it is never the user's own line.
        if not name.startswith(PACKAGE) and name != "<string>":
            return name, frame.f_lineno
        frame = frame.f_back
    return None


@contextmanager
def made_by(line: Line | None) -> Iterator[None]:
    """Give every node built inside the block the provenance `line`: rewrites carry the user's line on this way."""
    before = getattr(_origin, "line", None)
    _origin.line = line
    try:
        yield
    finally:
        _origin.line = before


def describe(line: Line | None) -> str:
    """The line as text: file, number and, where the source can be read, the code."""
    if line is None:
        return "(line unknown)"
    file, number = line
    code = linecache.getline(file, number).strip()
    return f"{file}:{number}" + (f"  →  {code}" if code else "")
