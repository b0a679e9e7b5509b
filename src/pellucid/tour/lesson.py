"""Read a lesson: a Markdown file of chapters with prose, code, and the output that was seen when it was written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Block:
    """A part of a chapter.

    Attributes
    ----------
    kind : {"prose", "python", "text"}
        Prose in Markdown, code to run, or the output of the code before it.
    content : str
    tags : tuple of str
        The words after the language of a fenced block: ``settings`` for code whose numbers the tour may change,
        ``varies`` for output whose numbers differ from run to run.
    line : int
        Where it begins in the file, counted from one.
    """

    kind: str
    content: str
    tags: tuple[str, ...] = ()
    line: int = 0


@dataclass
class Chapter:
    """A heading of the second level, and what follows it."""

    title: str
    blocks: list[Block] = field(default_factory=list)


@dataclass
class Lesson:
    """A title, what stands before the first chapter, and the chapters."""

    title: str
    introduction: list[Block]
    chapters: list[Chapter]


def lesson_path() -> Path:
    """The lesson: shipped inside the package, or in the `docs` of a checkout, from which the package takes it."""
    shipped, checkout = HERE / "lesson.md", HERE.parents[2] / "docs" / "lesson.md"
    for path in (shipped, checkout):
        if path.is_file():
            return path
    raise FileNotFoundError(f"The lesson is neither at {shipped} nor at {checkout}; install the package again.")


def read_lesson(path: Path | None = None) -> Lesson:
    """The lesson in a file; by default the package's own."""
    lesson = Lesson("", [], [])
    for block in read_blocks((path or lesson_path()).read_text(encoding="utf-8")):
        if block.kind == "heading" and block.tags == ("1",):
            lesson.title = block.content
        elif block.kind == "heading" and block.tags == ("2",):
            lesson.chapters.append(Chapter(block.content))
        else:
            (lesson.chapters[-1].blocks if lesson.chapters else lesson.introduction).append(as_prose(block))
    return lesson


def as_prose(block: Block) -> Block:
    """Headings below the second level are part of the prose."""
    if block.kind != "heading":
        return block
    return Block("prose", f"{'#' * int(block.tags[0])} {block.content}", line=block.line)


def read_blocks(text: str) -> Iterator[Block]:
    r"""Headings, fenced blocks and the paragraphs between them.

    Examples
    --------
    >>> [(b.kind, b.content, b.tags) for b in read_blocks("# A\n\nwords\n\n```python settings\nx = 1\n```\n")]
    [('heading', 'A', ('1',)), ('prose', 'words', ()), ('python', 'x = 1', ('settings',))]
    """
    prose: list[str] = []
    begin, lines = 1, text.splitlines()
    i = 0
    while i < len(lines):
        line = lines[i]
        heading = re.fullmatch(r"(#+) (.*)", line)
        special = heading is not None or line.startswith("```")
        if (special or not line.strip()) and prose:
            yield Block("prose", "\n".join(prose), line=begin)
            prose = []
        if heading:
            yield Block("heading", heading[2].strip(), (str(len(heading[1])),), i + 1)
        elif special:
            end = next((j for j in range(i + 1, len(lines)) if lines[j].rstrip() == "```"), len(lines))
            language, *tags = line[3:].split() or [""]
            yield Block(language, "\n".join(lines[i + 1 : end]), tuple(tags), i + 1)
            i = end
        elif line.strip():
            begin = begin if prose else i + 1
            prose.append(line)
        i += 1
    if prose:
        yield Block("prose", "\n".join(prose), line=begin)
