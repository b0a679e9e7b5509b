"""The page that compares us with PyMC is true: what it says is here works, and what is not has its reason."""

import logging
import re
import runpy
from pathlib import Path

import pytest

from model.pymc_features import EXAMPLES

ROOT = Path(__file__).resolve().parent.parent.parent
TOOL = runpy.run_path(str(ROOT / "tools" / "pymc_table.py"))
FEATURES = TOOL["read"](TOOL["FEATURES"], TOOL["Feature"])
NAMES = TOOL["read"](TOOL["NAMES"], TOOL["Name"])
ELSEWHERE = re.compile(r"see (tests/\S+\.py)(?:::(\w+))?")


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.ERROR, "pellucid")


def test_the_page_is_what_the_tool_writes():
    assert TOOL["PAGE"].read_text(encoding="utf-8") == TOOL["render"](), (
        "run tools/pymc_table.py and commit docs/pymc.md"
    )


@pytest.mark.parametrize("capability", EXAMPLES)
def test_it_works_as_a_user_of_pymc_calls_it(capability):
    EXAMPLES[capability]()


def test_every_capability_has_an_example_or_a_reason():
    assert len(FEATURES) == 91
    assert set(EXAMPLES) <= {f.capability for f in FEATURES}
    for feature in FEATURES:
        assert feature.status in TOOL["MEANINGS"], feature
        assert feature.note or feature.status == "same", f"{feature.capability} needs a note"
        shown = ELSEWHERE.search(feature.note)
        if shown:
            text = (ROOT / shown[1]).read_text(encoding="utf-8")
            assert shown[2] is None or f"def {shown[2]}(" in text, feature
        elif feature.status in ("same", "partly"):
            assert feature.capability in EXAMPLES, f"{feature.capability} has no example"


@pytest.mark.parametrize("tier", ["T1", "T2"])
def test_names_are_here_or_say_what_to_do(tier):
    missing = [n.name for n in NAMES if n.tier == tier and not n.here and not n.note]
    assert missing == []
    there = [n.name for n in NAMES if n.note and not n.note.startswith(("a module", "now")) and n.found is not None]
    assert there == [], "these have a note that says they are not here"


def test_functions_take_the_arguments_of_pymc():
    assert {n.name: n.refused for n in NAMES if n.here and n.refused} == {}


def test_every_pain_of_pymc_links_what_holds_us_to_our_answer():
    page = (ROOT / "docs" / "coming_from_pymc.md").read_text(encoding="utf-8")
    sections = {int(n): text for n, text in re.findall(r"(?ms)^## (\d+)\. (.*?)(?=^## |\Z)", page)}
    assert list(sections) == list(range(1, 16))
    for number, text in sections.items():
        links = re.findall(r"\]\((\S+?)\)", text)
        assert any(link.startswith("../tests/") for link in links), f"section {number} links no test"
        for link in links:
            assert (ROOT / "docs" / link).exists(), f"section {number}: {link}"
