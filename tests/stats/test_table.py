"""The table of distributions in the documentation says what is true, and nothing is left behind that PyMC has."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = runpy.run_path(str(ROOT / "tools" / "distribution_table.py"))
ROWS = TOOL["read_rows"]()
PAGE = (ROOT / "docs" / "distributions.md").read_text(encoding="utf-8")
IMPROPER = {"Flat", "HalfFlat"}  # which have no distribution function, whatever PyMC returns for it


@pytest.fixture(scope="module", autouse=True)
def declared():
    TOOL["families"].load_all()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_table_says_what_is_true(row):
    cells = TOOL["cells"](row)
    assert f"| {row.name} | {' | '.join(cells)} |" in PAGE, "run tools/distribution_table.py"
    behind = [cell for cell in cells if cell == "missing" or cell.startswith("no (PyMC: yes")]
    assert not behind
    assert row.name in IMPROPER or not any(cell.startswith("undefined (PyMC: yes") for cell in cells)
