"""Remember which line of the user's code made each node, so that an error can name it."""

from __future__ import annotations

import linecache
import sys
from pathlib import Path
from threading import local
from types import FrameType

Line = tuple[str, int]
"""A file name and a line number."""

PACKAGE = str(Path(__file__).resolve().parent.parent)
_origin = local()
_inside: dict[str, bool] = {}
"""Whether a file belongs to the package: looked up for several frames of every node, so each file is judged once."""


def user_line() -> Line | None:
    """The innermost line outside the package, or the origin set by :func:`made_by`."""
    origin = getattr(_origin, "line", None)
    if origin is not None:
        return origin
    frame = sys._getframe(1)
    inside = _inside
    while frame is not None:
        name = frame.f_code.co_filename
        found = inside.get(name)
        if not (is_inside(frame) if found is None else found):
            return name, frame.f_lineno
        frame = frame.f_back
    return None


def is_inside(frame: FrameType) -> bool:
    """Whether a frame is the package's, and so never the user's own line."""
    file = frame.f_code.co_filename
    if file == "<string>":  # what dataclasses generate, or the text after `python -c`
        return frame.f_code.co_name != "<module>"
    found = _inside[file] = file.startswith(PACKAGE)
    return found


class made_by:  # noqa: N801  # used as a statement: `with made_by(line): ...`
    """Give every node built inside the block the provenance `line`: rewrites carry the user's line on this way."""

    __slots__ = ("before", "line")

    def __init__(self, line: Line | None):
        self.line = line

    def __enter__(self) -> None:
        self.before = getattr(_origin, "line", None)
        _origin.line = self.line

    def __exit__(self, *_error: object) -> None:
        _origin.line = self.before


def describe(line: Line | None) -> str:
    """The line as text: file, number and, where the source can be read, the code."""
    if line is None:
        return "(line unknown)"
    file, number = line
    code = linecache.getline(file, number).strip()
    return f"{file}:{number}" + (f"  →  {code}" if code else "")
