"""Write a tour as one web page that needs no network: prose, code, output and pictures, light or dark as the reader's screen."""

from __future__ import annotations

import html
import os
import platform
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import numpy as np

from pellucid.tour import highlight, markdown
from pellucid.tour.cells import Outcome
from pellucid.tour.figures import duration

if TYPE_CHECKING:
    from pellucid.tour.guide import Part, Step

STYLE = """
:root{color-scheme:light dark;--page:#fdfdfc;--ink:#1f2933;--soft:#66727f;--line:#e3e7eb;--code:#f4f6f8;--accent:#2f6fb0;\
--keyword:#8a3fa0;--string:#2f7d46;--number:#1f6f8b;--comment:#7b8794;--builtin:#2f6fb0}
@media (prefers-color-scheme:dark){:root{--page:#15191e;--ink:#e3e8ed;--soft:#97a3af;--line:#2b333c;--code:#1d2329;--accent:#6aa9e4;\
--keyword:#cf9be0;--string:#8fd0a0;--number:#82c7dd;--comment:#7f8c99;--builtin:#86baf0}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:18px/1.6 Charter,"Bitstream Charter","Sitka Text",Cambria,Georgia,serif}
main,header,footer{max-width:50rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:4rem}
h1{font-size:2.4rem;line-height:1.15;margin:0 0 .4rem;letter-spacing:-.01em}
h1,h2,h3,nav,.meta,.number,table,footer{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
h2{font-size:1.5rem;margin:4.5rem 0 1rem;padding-top:1.2rem;border-top:1px solid var(--line);display:flex;justify-content:space-between;\
align-items:baseline;gap:1rem;scroll-margin-top:1rem}
h2 small{font-size:.8rem;font-weight:400;color:var(--soft);white-space:nowrap}
p{margin:0 0 1.1rem;max-width:42rem;hyphens:auto}
a{color:var(--accent)}
nav{margin:2.2rem 0 2.4rem;font-size:.92rem;columns:2 18rem;column-gap:2rem}
nav a{display:flex;justify-content:space-between;gap:1rem;padding:.22rem 0;text-decoration:none;break-inside:avoid;color:var(--ink)}
nav a:hover{color:var(--accent)}
nav span,.meta,footer{color:var(--soft);font-size:.85rem}
code,pre{font-family:ui-monospace,"Cascadia Code","SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
p code{font-size:.84em;background:var(--code);border-radius:4px;padding:.08em .3em}
.cell{margin:1.3rem 0 1.7rem}
.cell pre{margin:0;overflow-x:auto;font-size:.8rem;line-height:1.5}
.source{position:relative;background:var(--code);border-radius:8px;padding:.85rem 1.1rem}
.number{position:absolute;right:.8rem;top:.45rem;color:var(--soft);font-size:.7rem}
.out{padding:.75rem 1.1rem 0;overflow-x:auto}
.out>svg{display:block;max-width:none;height:auto}
.out pre{color:var(--ink)}
.keyword{color:var(--keyword)}.string{color:var(--string)}.comment{color:var(--comment);font-style:italic}
.number-token{color:var(--number)}.builtin{color:var(--builtin)}.definition{font-weight:600}
table{border-collapse:collapse;font-size:.82rem;font-variant-numeric:tabular-nums}
th,td{padding:.28rem .7rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{font-weight:600}thead th{color:var(--soft);font-weight:500}
footer{margin-top:5rem;padding-top:1.2rem;padding-bottom:4rem;border-top:1px solid var(--line)}
@media print{body{font-size:11pt}h2{break-after:avoid}.cell{break-inside:avoid}}
""".strip()


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
        f'<a href="#{anchor(part.title)}">{html.escape(part.title)}<span>{duration(part.seconds)}</span></a>' for part in chapters
    )
    body = "".join(chapter_html(part) for part in chapters)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)} · pellucid</title><style>{STYLE}</style></head><body>"
        f'<header><h1>{html.escape(title)}</h1><div class="meta">The pellucid tour, run in {duration(seconds)}</div>'
        f"<nav>{links}</nav></header><main>{introduction}{body}</main><footer>{surroundings()}</footer></body></html>\n"
    )


def surroundings() -> str:
    """When and with what the page was made."""
    now = datetime.now(timezone.utc).strftime("%d %B %Y").lstrip("0")
    return f"Made on {now} with Python {platform.python_version()} and NumPy {np.__version__}, on {os.cpu_count()} cores ({platform.machine()})."


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
    return (
        f'<div class="cell"><div class="source"><span class="number">{step.number}</span><pre><code>{source_html(step.outcome.source)}'
        f"</code></pre></div>{output_html(step.outcome)}</div>"
    )


def source_html(source: str) -> str:
    """Python source in colours."""
    names = {"number": "number-token"}
    return "".join(
        f'<span class="{names.get(kind, kind)}">{html.escape(text, quote=False)}</span>' if kind else html.escape(text, quote=False)
        for kind, text in highlight.pieces(source)
    )


def output_html(outcome: Outcome) -> str:
    """What a cell printed, and its value as a picture, a table or text."""
    rich = outcome.picture or getattr(outcome.value, "_repr_html_", str)()
    parts = [outcome.printed if rich else outcome.text]
    shown = [f"<pre>{html.escape(part.rstrip(), quote=False)}</pre>" for part in parts if part.strip()] + [rich]
    return "".join(f'<div class="out">{part}</div>' for part in shown if part)
