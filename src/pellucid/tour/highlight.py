"""The words of Python source by what they are, for colours in terminals and on pages."""

from __future__ import annotations

import builtins
import io
import keyword
import tokenize
from collections.abc import Iterator

BUILTINS = {name for name in dir(builtins) if not name.startswith("_")}

CODES = {"keyword": "35", "string": "32", "comment": "2;3", "number": "36", "builtin": "34", "definition": "1"}
"""The terminal's codes for each kind."""


def kind_of(token: tokenize.TokenInfo, before: str) -> str:
    """What a token is; empty for what has no colour."""
    if token.type == tokenize.NAME:
        if keyword.iskeyword(token.string):
            return "keyword"
        if before in ("def", "class"):
            return "definition"
        return "builtin" if token.string in BUILTINS and before != "." else ""
    name = tokenize.tok_name[token.type]
    if name.startswith("FSTRING"):  # since Python 3.12 the parts of a formatted string are tokens
        return "string"
    return name.lower() if name in {"COMMENT", "NUMBER", "STRING"} else ""


def pieces(source: str) -> Iterator[tuple[str, str]]:
    """The source in order, as (kind, text); together the texts are the source.

    Examples
    --------
    >>> list(pieces("x = 1"))
    [('', 'x = '), ('number', '1')]
    """
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    at, before = 0, ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = kind_of(token, before)
        if token.string.strip():
            before = token.string
        if kind:
            begin = max(at, starts[token.start[0] - 1] + token.start[1])
            end = starts[token.end[0] - 1] + token.end[1]
            if begin > at:
                yield "", source[at:begin]
            yield kind, source[begin:end]
            at = end
    if at < len(source):
        yield "", source[at:]


def for_terminal(source: str) -> str:
    """The source with the terminal's codes for colours."""
    return "".join(f"\x1b[{CODES[kind]}m{text}\x1b[0m" if kind else text for kind, text in pieces(source))
