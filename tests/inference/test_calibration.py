"""Calibration, as users and a benchmark ask for it: it accepts right posteriors and notices wrong ones."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import pellucid as pm
from pellucid.inference import calibration as calibration_of_users


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


def conjugate(spread=1.0):
    """A normal mean of five observations, whose density believes in another spread than their draws if told so."""
    with pm.Model(coords={"group": ["a", "b"]}) as model:
        mean = pm.Normal("mean", 0, 1, dims="group")
        pm.Deterministic("twice", 2 * mean, dims="group")
        if spread == 1.0:
            pm.Normal("y", mean, 1.0, observed=np.zeros((5, 2)))
        else:
            pm.CustomDist(
                "y", mean, dist=None, random=lambda mu, rng=None, size=None: rng.normal(mu, 1.0, size),
                logp=lambda value, mu: -0.5 * ((value - mu) / spread) ** 2, observed=np.zeros((5, 2)),
            )  # fmt: skip
    return model


@pytest.fixture(scope="module")
def right():
    return pm.sbc(conjugate(), 40, random_seed=1, progressbar=False)


def test_a_conjugate_model_is_calibrated(right):
    assert right.passed()
    assert right.corrected > 0.01
    assert dict(right.ranks.sizes) == {"simulation": 40, "group": 2}
    assert list(right.ranks.data_vars) == ["mean", "log-likelihood"]
    assert right.ranks["mean"].dims == ("simulation", "group")
    assert (right.ranks["mean"] >= 0).all()
    assert (right.ranks["mean"] <= 63).all()
    assert set(right.tests) == {"mean[0]", "mean[1]", "log-likelihood"}
    smallest = min(min(p.values()) for p in right.tests.values())
    assert right.corrected == min(1.0, 6 * smallest)  # Bonferroni
    table = right.summary()
    assert list(table.index) == list(right.tests)
    assert table["ks"]["mean[1]"] == right.tests["mean[1]"]["ks"]
    np.testing.assert_allclose(table["mean_rank"], 0.5, atol=5 * np.sqrt(1 / 12 / 40))
    text = repr(right)
    assert "smallest of 6 p-values times their number" in text
    assert "ranks are uniform" in text


def test_ranks_are_those_of_the_exact_posterior(monkeypatch):
    """The rank of a true value among 63 draws is near 63 times the posterior's distribution function there."""
    seen = []
    original = calibration_of_users.replicate

    def spy(run, read, truth, draws, random):
        trace = run(draws)
        seen.append((truth["mean"], read(trace, draws)["mean"].reshape(-1, 2)))
        return original(run, read, truth, draws, random)

    monkeypatch.setattr(calibration_of_users, "replicate", spy)
    found = pm.sbc(conjugate(), 8, random_seed=3, progressbar=False)
    for ranks, (truth, draws) in zip(found.ranks["mean"].values, seen, strict=True):
        np.testing.assert_allclose(draws.std(0), 1 / np.sqrt(6), rtol=0.15)  # the precision is 1 + 5
        exact = stats.norm(draws.mean(0), 1 / np.sqrt(6)).cdf(truth)
        np.testing.assert_allclose(ranks / 63, exact, atol=5 * 0.5 / np.sqrt(63))
    centres = np.array([draws.mean(0) for _, draws in seen])
    assert np.abs(np.diff(centres, axis=0)).min() > 1e-3  # every simulation has data of its own


@pytest.mark.parametrize("spread", [0.3, 4.0])
def test_a_density_of_another_spread_than_the_draws_is_noticed(spread):
    found = pm.sbc(conjugate(spread), 40, random_seed=1, progressbar=False)
    assert not found.passed()
    assert found.corrected < 1e-3
    assert "ranks are NOT UNIFORM" in repr(found)


def test_the_model_stays_as_it_is_and_deterministics_can_be_ranked():
    model = conjugate()
    before = model.rvs_to_values[model["y"]]
    short = {"draws": 100, "tune": 200}
    first, again = (
        pm.sbc(model, 2, var_names=["twice"], sample_kwargs=short, random_seed=5, progressbar=False) for _ in range(2)
    )
    assert list(first.ranks.data_vars) == ["twice", "log-likelihood"]
    assert first.ranks.equals(again.ranks)
    assert model.rvs_to_values[model["y"]] is before


def test_equal_draws_share_their_ranks():
    random = np.random.default_rng(1)
    ranks = [int(calibration_of_users.rank(np.ones((1, 63)), 1.0, random)) for _ in range(640)]
    assert calibration_of_users.judge(np.array(ranks), random)["chi-square"] > 1e-3
    assert {calibration_of_users.rank(np.ones((1, 63)), at, random).item() for at in (0.5, 1.5)} == {0, 63}


def test_what_cannot_be_calibrated_is_refused():
    with pm.Model() as unobserved:
        x = pm.Normal("x")
    with pm.Model() as potential:
        x = pm.Normal("x")
        pm.Normal("y", x, 1, observed=0.0)
        pm.Potential("more", -x)
    with pytest.raises(ValueError, match="no observed variables"):
        pm.sbc(unobserved)
    with pytest.raises(ValueError, match="potentials more"):
        pm.sbc(potential)
    with pytest.raises(ValueError, match="num_simulations"):
        pm.sbc(conjugate(), 0)
    with pytest.raises(ValueError, match="random_seed, which calibration decides"):
        pm.sbc(conjugate(), sample_kwargs={"random_seed": 1})
    with pytest.raises(ValueError, match="var_names has z"):
        pm.sbc(conjugate(), var_names=["z"])
