"""The benchmark that judges whether posteriors are right: it accepts right ones and notices wrong ones."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="module")
def calibration():
    place = Path(__file__).parents[2] / "benchmarks" / "calibration.py"
    spec = importlib.util.spec_from_file_location("calibration", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_uniform_ranks_pass_and_others_do_not(calibration):
    random = np.random.default_rng(1)
    right = [min(calibration.judge(random.integers(0, 64, 256), random).values()) for _ in range(100)]
    assert 0.2 < np.mean(np.less(right, 0.25)) < 0.6  # the smaller of two dependent p-values, each uniform
    shifted = random.binomial(63, random.beta(1.4, 1.0, 256))
    narrow = random.binomial(63, random.beta(2.0, 2.0, 256))
    assert max(min(calibration.judge(ranks, random).values()) for ranks in (shifted, narrow)) < 1e-3


def test_a_right_model_passes_and_a_wrong_prior_is_noticed(calibration, monkeypatch):
    found = calibration.calibrate("eight_schools", 16, 7)
    assert found["corrected"] > 1e-3
    assert all(0 <= rank <= 63 for ranks in found["ranks"].values() for rank in ranks)
    case = calibration.eight_schools()

    def simulate(random):
        truth, y = case.simulate(random)
        return truth | {"mu": truth["mu"] + 30.0}, y + 30.0  # the model believes that mu is about 0

    monkeypatch.setitem(calibration.CASES, "eight_schools", lambda: case._replace(simulate=simulate))
    assert calibration.calibrate("eight_schools", 16, 7)["tests"]["mu"]["ks"] < 1e-3
