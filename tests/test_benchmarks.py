"""The models that are timed are those that PyMC has, and the tables say what was measured."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

import models  # noqa: E402
import report  # noqa: E402

RECORD = json.loads((ROOT / "docs" / "benchmarks.json").read_text(encoding="utf-8"))
LARGE = {"large_hierarchy", "logistic"}  # those whose data take longest


def start_in_pymc(name):
    """The logp and its gradient's norm where PyMC starts, from the checked-in run; None if it has none."""
    libraries = RECORD["models"].get(name, {})
    found = [report.first(libraries.get(peer, {}), "compile").get("check") for peer in ("pymc", "nutpie")]
    return next(filter(None, found), None)


def test_half_of_the_models_at_least_are_known_from_pymc():
    assert sum(start_in_pymc(name) is not None for name in models.MODELS) >= len(models.MODELS) / 2


@pytest.mark.parametrize("name", [name for name in models.MODELS if name not in LARGE and start_in_pymc(name)])
def test_start_is_what_pymc_found(name):
    """Both differ by rounding: sums of a thousand terms in another order, and constants that PyMC rounds to float32."""
    model = models.MODELS[name](pm, pt)
    function, start = model.logp_dlogp_function(ravel_inputs=True), model.initial_point()
    logp, gradient = function(np.concatenate([np.ravel(value) for value in start.values()]))
    np.testing.assert_allclose([logp, np.linalg.norm(gradient)], start_in_pymc(name), rtol=1e-6)


def measured(**fields):
    """One library's measurements of one task."""
    return {"compile": {"cold": [{"compile": 2.0}], "warm": [fields]}}


def test_tables_divide_ours_by_theirs_and_count():
    results = {"pellucid": measured(call_native=1e-6), "stan": measured(call_native=4e-6)}
    line = next(line for line in report.table("radon", results).splitlines() if "native loop" in line)
    assert line.split()[-5:] == ["1", "µs", "4", "µs", "0.25"]
    _, row = report.PAGE[3]
    lines = report.markdown(row, ["pellucid", "stan"], {"radon": report.numbers_of(row, results)})
    assert "| radon | 1 µs | 4 µs (0.25) |" in lines
    assert lines[-1].endswith("it has less than stan on 1 of 1.")


def test_gaps_are_visible():
    results = {
        "pellucid": measured(call_native=1e-6),
        "stan": {"compile": {"warm": [{"error": "not done after 300 s"}]}},
    }
    text = report.table("radon", results)
    assert "stan: compile, warm: failed: not done after 300 s" in text
    line = next(line for line in text.splitlines() if "native loop" in line)
    assert line.split()[-2:] == ["-", "-"]


def test_another_model_is_said_in_capitals():
    results = {"pellucid": measured(check=[-1.0, 2.0]), "pymc": measured(check=[-1.0, 2.001])}
    assert "NOT THE SAME MODEL" in report.table("radon", results)
    drawn = {"sample": {"warm": [{"rhat": 1.0, "apart": 7.0}]}}
    assert report.disagreements({"pellucid": drawn, "stan": drawn})[-1].endswith("7.0 standard errors")


def test_a_script_that_was_stopped_is_known_to_take_longer():
    row = next(row for row in report.ROWS if row.where == ("sample", "cold", "wall"))
    again = next(row for row in report.ROWS if row.where == ("sample", "warm", "wall"))
    late = {"sample": {state: [{"error": "not done after 300 s"}] for state in ("cold", "warm")}}
    late["compile"] = {"cold": [{"compile": 40.0}]}
    results = {"pellucid": {"sample": {state: [{"wall": 3.0}] for state in ("cold", "warm")}}, "stan": late}
    for asked, line in ((row, "| radon | 3 s | >300 s (<0.01) |"), (again, "| radon | 3 s | >260 s (<0.0115) |")):
        bounds = {"radon": report.bounds_of(asked, results)}
        lines = report.markdown(asked, ["pellucid", "stan"], {"radon": report.numbers_of(asked, results)}, bounds)
        assert line in lines
        assert lines[-1].endswith("it has less than stan on 1 of 1.")
    results["pellucid"]["sample"]["cold"] = [{"wall": 400.0}]    # then nothing is known
    lines = report.markdown(row, ["pellucid", "stan"], {"radon": report.numbers_of(row, results)}, bounds)
    assert "less than" not in lines[-1]
