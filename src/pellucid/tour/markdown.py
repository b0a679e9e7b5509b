"""The little of Markdown that lessons use, as HTML and as text for terminals."""

from __future__ import annotations

import html
import re
import textwrap

INLINE = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|(?<![\w*])\*(?P<em>[^*\s][^*]*)\*(?!\w)|\[(?P<label>[^\]]+)\]\((?P<link>[^)\s]+)\)"
)
CODES = {"code": "36", "strong": "1", "em": "3"}


def inline_html(text: str) -> str:
    """Code, emphasis and links in a line of prose.

    Examples
    --------
    >>> inline_html("a *b* `c < d`")
    'a <em>b</em> <code>c &lt; d</code>'
    """
    parts, at = [], 0
    for found in INLINE.finditer(text):
        parts.append(html.escape(text[at : found.start()], quote=False))
        kind = found.lastgroup or ""
        if kind == "link":
            parts.append(f'<a href="{html.escape(found["link"])}">{html.escape(found["label"])}</a>')
        else:
            parts.append(f"<{kind}>{html.escape(found[kind], quote=False)}</{kind}>")
        at = found.end()
    return "".join([*parts, html.escape(text[at:], quote=False)])


def to_html(text: str) -> str:
    r"""A paragraph, a list or a heading.

    Examples
    --------
    >>> to_html("- one\n- two")
    '<ul><li>one</li><li>two</li></ul>'
    """
    heading = re.match(r"(#+) (.*)", text)
    if heading:
        level = min(len(heading[1]), 6)
        return f"<h{level}>{inline_html(heading[2])}</h{level}>"
    items = list_items(text)
    if items:
        return f"<ul>{''.join(f'<li>{inline_html(item)}</li>' for item in items)}</ul>"
    return f"<p>{inline_html(text)}</p>"


def list_items(text: str) -> list[str]:
    """The items of a list; none of a paragraph."""
    if not text.startswith("- "):
        return []
    return [" ".join(item.split("\n")) for item in re.split(r"\n(?=- )", text) for item in [item.removeprefix("- ")]]


def to_terminal(text: str, width: int, *, colour: bool) -> str:
    """A paragraph, a list or a heading, wrapped; its emphasis in the terminal's codes.

    Examples
    --------
    >>> print(to_terminal("some *words* on `code`", 12, colour=False))
    some words
    on `code`
    """
    items = list_items(text)
    if items:
        return "\n".join(wrap(item, width, "- ", "  ", colour=colour) for item in items)
    return wrap(re.sub(r"^#+ ", "", " ".join(text.split("\n"))), width, "", "", colour=colour)


def wrap(text: str, width: int, first: str, rest: str, *, colour: bool) -> str:
    """One paragraph; the codes of colours are put in after wrapping, so that they take no room."""
    marked: list[tuple[str, str]] = []

    def mark(found: re.Match[str]) -> str:
        kind = found.lastgroup or ""
        words = found["label"] if kind == "link" else found[kind]
        if not colour:
            return f"`{words}`" if kind == "code" else words
        # A mark for each word: the text may be broken between them.
        marked.extend((word, CODES.get(kind, "4")) for word in words.split(" "))
        return " ".join("\x00" + word for word in words.split(" "))

    wrapping = textwrap.TextWrapper(
        width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False, break_long_words=False
    )
    first_piece, *pieces = wrapping.fill(INLINE.sub(mark, text)).split("\x00")
    painted = [
        f"\x1b[{code}m{word}\x1b[0m{piece.removeprefix(word)}"
        for (word, code), piece in zip(marked, pieces, strict=True)
    ]
    return first_piece + "".join(painted)
