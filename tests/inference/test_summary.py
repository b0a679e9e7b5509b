"""The summary table has ArviZ's columns and numbers, labels every element, and prints what the errors warrant."""

import arviz_stats
import numpy as np
import pytest
from arviz_stats.base import array_stats

from pellucid.inference.summary import Summary, summary
from pellucid.inference.trace import to_datatree

RNG = np.random.default_rng(17)
DRAWS = {
    "mu": 100 + RNG.normal(size=(4, 200)),
    "theta": RNG.normal(size=(4, 200, 2)),
    "b": RNG.normal(size=(4, 200, 2, 2)),
}
COORDS, DIMS = {"school": ["A", "B"]}, {"theta": ["school"], "b": ["school"]}
COLUMNS = ("mean", "sd", "hdi_3%", "hdi_97%", "mcse_mean", "mcse_sd", "ess_bulk", "ess_tail", "r_hat")
INDEX = ("mu", "theta[A]", "theta[B]", "b[A, 0]", "b[A, 1]", "b[B, 0]", "b[B, 1]")


@pytest.fixture(scope="module")
def tree():
    return to_datatree({"posterior": DRAWS, "prior": {"mu": DRAWS["mu"]}}, coords=COORDS, dims=DIMS)


def test_numbers_are_arviz_numbers(tree):
    table = summary(tree)
    assert table.columns == COLUMNS
    assert table.index == INDEX
    theirs = arviz_stats.summary(tree, round_to="none")
    for column in ("mean", "mcse_mean", "mcse_sd", "ess_bulk", "r_hat"):
        np.testing.assert_allclose(table[column], theirs[column].loc[list(INDEX)], rtol=1e-10, err_msg=column)
    np.testing.assert_allclose(table["sd"], theirs["sd"] * np.sqrt(800 / 799), rtol=1e-10)
    tail = arviz_stats.ess(tree, method="tail", prob=(0.05, 0.95))
    np.testing.assert_allclose(table["ess_tail"][:3], [tail["mu"].item(), *tail["theta"].values], rtol=1e-10)
    bounds = array_stats.hdi(DRAWS["mu"], 0.94, axis=(0, 1))
    np.testing.assert_array_equal([table["mu"]["hdi_3%"], table["mu"]["hdi_97%"]], bounds)


def test_a_mapping_and_a_dataset_serve_as_well(tree):
    expected = summary(tree)
    for data, options in ((DRAWS, {"coords": COORDS, "dims": DIMS}), (tree["posterior"].to_dataset(), {})):
        table = summary(data, **options)
        assert table.index == expected.index
        np.testing.assert_array_equal(table.values, expected.values)


def test_dimensions_in_another_order(tree):
    turned = tree["posterior"].to_dataset().transpose("school", "draw", ..., "chain")
    np.testing.assert_array_equal(summary(turned).values, summary(tree).values)


def test_selections(tree):
    assert summary(tree, "mu").index == ("mu",)
    assert summary(tree, ["theta", "mu"]).index == ("theta[A]", "theta[B]", "mu")
    assert summary(tree, ["~b", "~mu"]).index == ("theta[A]", "theta[B]")
    assert summary(tree, group="prior").index == ("mu",)
    assert summary(tree, kind="stats").columns == COLUMNS[:4]
    assert summary(tree, kind="diagnostics").columns == COLUMNS[4:]
    np.testing.assert_array_equal(summary(tree, kind="diagnostics").values, summary(tree).values[:, 4:])


def test_intervals(tree):
    table = summary(tree, prob=0.5, interval="eti")
    assert table.columns[2:4] == ("eti_25%", "eti_75%")
    np.testing.assert_allclose(table["eti_25%"][0], np.quantile(DRAWS["mu"], 0.25), rtol=1e-12)
    assert summary(tree, prob=0.89).columns[2:4] == ("hdi_5.5%", "hdi_94.5%")


def test_wrong_arguments_are_explained(tree):
    with pytest.raises(KeyError, match="no variable 'nu'; there are mu, theta, b"):
        summary(tree, ["mu", "nu"])
    with pytest.raises(KeyError, match="no variable 'nu'"):
        summary(tree, "~nu")
    with pytest.raises(ValueError, match="not both"):
        summary(tree, ["mu", "~b"])
    with pytest.raises(KeyError, match="no group 'posteriors', only posterior, prior"):
        summary(tree, group="posteriors")
    with pytest.raises(ValueError, match="no kind 'some'"):
        summary(tree, kind="some")
    with pytest.raises(ValueError, match="got 'hid' and 94"):
        summary(tree, interval="hid", prob=94)
    with pytest.raises(KeyError, match="neither a column"):
        summary(tree)["median"]


def test_printed_table():
    values = np.array([[100.0312, 1.0372, 98.0211, 102.0, 0.0364, 0.021, 811.6, 702.2, 1.0021]])
    lines = str(Summary(("mu",), COLUMNS, values)).splitlines()
    assert lines[0].split() == list(COLUMNS)
    assert lines[1].split() == ["mu", "100.03", "1.04", "98.02", "102.00", "0.036", "0.021", "812", "702", "1.002"]
    assert len(lines[0]) == len(lines[1])


@pytest.mark.parametrize(
    "number, error, sd, text",
    [
        (-0.0004, 0.02, 1.0, "0.00"),
        (12345.678, 25.0, 800.0, "12346"),
        (1.5e7, 3.0e5, 1.0e7, "15000000"),
        (3.2e-12, 1e-14, 1e-13, "3.2e-12"),
        (2e12, 3.0, 10.0, "2e+12"),
        (5.0, 0.0, 0.0, "5"),
        (np.nan, np.nan, np.nan, "nan"),
        (np.inf, np.nan, np.nan, "inf"),
    ],
)
def test_digits_follow_the_error(number, error, sd, text):
    table = Summary(("x",), ("mean", "sd", "mcse_mean"), np.array([[number, sd, error]]))
    assert str(table).splitlines()[1].split()[1] == text


def test_rounding_can_be_asked_for(tree):
    assert "100.0" in str(summary(tree, "mu", round_to=1))
    full = str(summary(tree, "mu", round_to=None)).splitlines()[1].split()[1]
    assert float(full) == DRAWS["mu"].mean()


def test_html_escapes_labels():
    table = summary({"x<y>": DRAWS["theta"]})
    page = table._repr_html_()
    assert page.startswith("<table>")
    assert page.count("<tr>") == 3
    assert "x&lt;y&gt;[0]" in page
    assert "<y>" not in page


def test_long_tables_are_cut():
    table = summary({"x": RNG.normal(size=(2, 20, 100))})
    lines = str(table).splitlines()
    assert len(table) == 100
    assert len(lines) == 62
    assert lines[31].startswith("... (40 more)")
    assert lines[-1].startswith("x[99]")


def test_other_forms():
    table = summary(DRAWS, ["mu", "theta"])
    assert table.to_dict()["mean"]["mu"] == pytest.approx(DRAWS["mu"].mean(), rel=1e-15)
    assert list(table.to_dict()) == list(COLUMNS)
    frame = table.to_pandas()
    assert list(frame.columns) == list(COLUMNS)
    assert frame.loc["theta[1]", "r_hat"] == table["theta[1]"]["r_hat"]


def test_degenerate_draws():
    table = summary({"one": RNG.normal(size=(1, 50)), "still": np.ones((1, 50)), "nan": np.full((1, 50), np.nan)})
    assert np.isnan(table["one"]["r_hat"])
    assert table["one"]["ess_bulk"] > 10
    assert table["still"]["sd"] == 0
    assert np.isnan(table["nan"]["mean"])
    assert "still" in str(table)
    assert len(summary({})) == 0
    assert "no elements" in str(summary({}))
    assert len(summary({"x": np.zeros((4, 10, 0))})) == 0
