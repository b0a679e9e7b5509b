"""Write a tour as one web page that needs no network: prose, code, output and pictures."""

from __future__ import annotations

import html
import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pellucid.tour import highlight, markdown
from pellucid.tour.cells import Outcome
from pellucid.tour.figures import duration

if TYPE_CHECKING:
    from pellucid.tour.guide import Part, Step

STYLE = Path(__file__).with_name("page.css")


def render(title: str, parts: Sequence[Part], seconds: float) -> str:
    """The page.

    Parameters
    ----------
    title : str
    parts : sequence of Part
        The introduction, then the chapters.
    seconds : float
        How long the whole tour took.
    """
    chapters = [part for part in parts if part.title]
    introduction = "".join(step_html(step) for part in parts if not part.title for step in part.steps)
    links = "".join(
        f'<a href="#{anchor(part.title)}">{html.escape(part.title)}<span>{duration(part.seconds)}</span></a>'
        for part in chapters
    )
    body = "".join(chapter_html(part) for part in chapters)
    style = STYLE.read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)} · pellucid</title><style>{style}</style></head><body>"
        f'<header><h1>{html.escape(title)}</h1><div class="meta">The pellucid tour, run in {duration(seconds)}</div>'
        f"<nav>{links}</nav></header><main>{introduction}{body}</main><footer>{surroundings()}</footer></body></html>\n"
    )


def surroundings() -> str:
    """When and with what the page was made."""
    now = datetime.now(UTC).strftime("%d %B %Y").lstrip("0")
    tools = f"Python {platform.python_version()} and NumPy {np.__version__}"
    return f"Made on {now} with {tools}, on {os.cpu_count()} cores ({platform.machine()})."


def anchor(title: str) -> str:
    """The name of a chapter in links."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def chapter_html(part: Part) -> str:
    """A heading and what follows it."""
    steps = "".join(step_html(step) for step in part.steps)
    return f'<h2 id="{anchor(part.title)}">{html.escape(part.title)}<small>{duration(part.seconds)}</small></h2>{steps}'


def step_html(step: Step) -> str:
    """Prose, or code with its output."""
    if step.outcome is None:
        return markdown.to_html(step.block.content)
    source, number = source_html(step.outcome.source), f'<span class="number">{step.number}</span>'
    code = f'<div class="source">{number}<pre><code>{source}</code></pre></div>'
    return f'<div class="cell">{code}{output_html(step.outcome)}</div>'


def source_html(source: str) -> str:
    """Python source in colours."""
    parts = []
    for kind, text in highlight.pieces(source):
        shown = html.escape(text, quote=False)
        parts.append(f'<span class="py-{kind}">{shown}</span>' if kind else shown)
    return "".join(parts)


def output_html(outcome: Outcome) -> str:
    """What a cell printed, and its value as a picture, a table or text."""
    rich = outcome.picture or getattr(outcome.value, "_repr_html_", str)()
    parts = [outcome.printed if rich else outcome.text]
    shown = [f"<pre>{html.escape(part.rstrip(), quote=False)}</pre>" for part in parts if part.strip()] + [rich]
    return "".join(f'<div class="out">{part}</div>' for part in shown if part)
