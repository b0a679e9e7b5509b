"""Run the code of Markdown files, and write what it shows below it: `refresh_docs.py docs/lesson.md ...`."""

import sys
from pathlib import Path

from pellucid.tour.cells import run_cell
from pellucid.tour.lesson import read_blocks


def refresh(path: Path) -> None:
    """Rewrite the blocks of output in one file; they follow the blocks of code they belong to."""
    lines = path.read_text(encoding="utf-8").splitlines()
    namespace: dict = {"__name__": "__main__"}
    replacements = []
    shown, number = "", 0
    for block in read_blocks("\n".join(lines)):
        if block.kind == "python":
            number += 1
            shown = run_cell(block.content, namespace, f"cell {number}").text
        elif block.kind == "text":
            replacements.append((block.line, block.content.count("\n") + 1 if block.content else 0, shown))
    for start, count, text in reversed(replacements):
        lines[start : start + count] = text.split("\n")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


for name in sys.argv[1:]:
    refresh(Path(name))
