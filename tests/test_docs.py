"""Every block of Python in the documentation runs, and shows what the documentation says it shows."""

import logging
import re
import warnings
from pathlib import Path

import pytest

from pellucid.tour.cells import run_cell
from pellucid.tour.lesson import Block, read_blocks

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted([*ROOT.glob("docs/**/*.md"), ROOT / "README.md"])
NUMBER = re.compile(r"[-+]?\d[\d.,]*(?:e[-+]?\d+)?", re.IGNORECASE)


def cells(path: Path) -> list[tuple[Block, Block | None]]:
    """The blocks of code, each with the block of output that follows it before the next code."""
    found: list[tuple[Block, Block | None]] = []
    for block in read_blocks(path.read_text(encoding="utf-8")):
        if block.kind == "python":
            found.append((block, None))
        elif block.kind == "text" and found and found[-1][1] is None:
            found[-1] = found[-1][0], block
    return found


def first_line(text: str) -> str:
    """The first line without its numbers and with single spaces: all that is the same in every run."""
    return " ".join(NUMBER.sub("#", text.partition("\n")[0]).split())


def complaint(shown: str, expected: Block) -> str:
    """What is wrong with the output of a cell; empty if nothing."""
    kept = first_line if "varies" in expected.tags else str
    if kept(shown) == kept(expected.content):
        return ""
    return f"line {expected.line} says\n{expected.content}\nbut the code before it shows\n{shown}\n"


@pytest.fixture
def own_logging():
    """Whatever a page does to the log ends with it."""
    before = logging.root.manager.disable
    yield
    logging.disable(before)    # which, unlike setting the attribute, clears what loggers remember


@pytest.mark.usefixtures("own_logging")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_code_shows_what_stands_below_it(path, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)    # whatever the code writes
    namespace = {"__name__": "__main__"}
    wrong = []
    for number, (code, expected) in enumerate(cells(path), 1):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            shown = run_cell(code.content, namespace, f"cell {number}").text
        if expected is not None:
            wrong.append(complaint(shown, expected))
        elif path.name != "README.md" and shown:
            wrong.append(f"line {code.line}: the output of this code is missing\n{shown}\n")
    wrong = [text for text in wrong if text]
    assert not wrong, f"{path.name} (tools/refresh_docs.py writes what is shown)\n" + "\n".join(wrong)


def test_there_are_documents():
    assert "lesson.md" in {path.name for path in FILES}


def test_wrong_output_is_seen():
    assert complaint("array([1.])", Block("text", "array([2.])"))
    assert not complaint("array([1.])", Block("text", "array([1.])"))
    assert not complaint("took 3.25 ms", Block("text", "took  12 ms\nmore", ("varies",)))
    assert complaint("took 3 ms", Block("text", "spent 3 ms", ("varies",)))
