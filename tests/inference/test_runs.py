"""Runs end when a rule says so, go to disk while they run, survive a kill, and go on as if nothing had happened."""

import datetime as dt
import json
import logging
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray

import pellucid as pm
from pellucid.inference.rules import EffectiveDraws, TimeBudget
from pellucid.inference.store import open_run

zarr = pytest.importorskip("zarr")
RUN = {"chains": 2, "random_seed": 3, "progressbar": False, "compute_convergence_checks": False}


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.ERROR, "pellucid")


def build(slow=8):
    """A model with dims, a deterministic and a transform; `slow` is the number of observations of each school."""
    with pm.Model(coords={"school": ["a", "b", "c"]}) as model:
        mu = pm.Normal("mu", 0.0, 2.0)
        tau = pm.HalfNormal("tau", 1.0)
        theta = pm.Normal("theta", mu, 1.0, dims="school")
        pm.Deterministic("scaled", theta * tau, dims="school")
        pm.Normal("y", theta[:, None], tau, observed=np.linspace(-1, 1, 3 * slow).reshape(3, slow))
    return model


def build_compound():
    with pm.Model() as model:
        z = pm.Bernoulli("z", 0.4, shape=3)
        pm.Poisson("k", 4.0)
        pm.Normal("x", z.sum(), 1.0)
    return model


def same(a, b):
    assert set(a["posterior"].data_vars) == set(b["posterior"].data_vars)
    for group in ("posterior", "sample_stats"):
        for name, values in a[group].data_vars.items():
            np.testing.assert_array_equal(values.values, b[group][name].values, err_msg=str(name))
            assert values.dims == b[group][name].dims
            assert values.dtype == b[group][name].dtype


# ---------------------------------------------------------------- rules


def test_a_run_ends_with_enough_effective_draws():
    with build():
        result = pm.sample(until=pm.ess(400), **{**RUN, "chains": 4}, cores=1)
    draws = result.posterior.sizes["draw"]
    assert draws < 100_000
    for name in ("mu", "theta"):
        assert np.min(pm.ess(result.posterior[name].values)) > 300
    assert result.sample_stats.sizes["draw"] == draws


@pytest.mark.parametrize("until", [0.3, dt.timedelta(seconds=0.3), pm.ess(1e9) | TimeBudget(0.3)])
def test_a_run_ends_when_its_time_is_up(until):
    with build():
        begun = time.perf_counter()
        result = pm.sample(until=until, tune=100, **RUN)
    assert time.perf_counter() - begun < 20
    assert result.posterior.sizes["draw"] > 10
    assert np.isfinite(result.posterior["mu"]).all()


def test_draws_are_the_most_that_a_rule_can_take():
    with build():
        result = pm.sample(50, tune=50, until=pm.ess(1e9), **RUN)
    assert result.posterior.sizes["draw"] == 50


@pytest.mark.parametrize(("until", "error"), [("soon", TypeError), (-1.0, ValueError), (True, TypeError)])
def test_bad_rules_are_explained(until, error):
    with build(), pytest.raises(error, match=r"until|positive"):
        pm.sample(until=until, **RUN)
    with pytest.raises(ValueError, match="must be positive"):
        EffectiveDraws(0)


def test_a_callback_sees_draws_and_may_end_the_run():
    seen = []

    def look(trace, draw):
        seen.append((trace.shape, draw.chain, draw.tuning))
        if not draw.tuning and draw.draw_idx > 300:
            raise KeyboardInterrupt

    with build():
        result = pm.sample(10**6, tune=100, callback=look, **RUN)
    assert seen
    assert seen[-1][0][1] == 5
    assert 1 < result.posterior.sizes["draw"] < 10**6


# ---------------------------------------------------------------- on disk


@pytest.mark.parametrize("make", [build, build_compound])
def test_a_run_on_disk_is_the_run_in_memory(make, tmp_path):
    with make():
        ours = pm.sample(120, tune=80, trace=tmp_path / "run.zarr", **RUN)
        plain = pm.sample(120, tune=80, **RUN)
    same(plain, ours)
    tree = xarray.open_datatree(tmp_path / "run.zarr", engine="zarr", consolidated=False)
    assert {"posterior", "sample_stats", "sampler_state"} <= set(tree.children)
    same(plain, open_run(tmp_path / "run.zarr"))
    assert ours["posterior"].attrs["creation_library"] == "pellucid"


@pytest.mark.parametrize("make", [build, build_compound])
def test_a_run_can_be_extended(make, tmp_path):
    path = tmp_path / "run.zarr"
    with make():
        pm.sample(50, tune=60, trace=path, **RUN)
        longer = pm.sample(130, resume=path, progressbar=False)
        plain = pm.sample(130, tune=60, **RUN)
    same(plain, longer)


def test_a_run_that_a_rule_ended_can_go_on(tmp_path):
    path = tmp_path / "run.zarr"
    with build(slow=200):
        first = pm.sample(400, tune=50, until=0.02, trace=path, **RUN)
        assert first.posterior.sizes["draw"] <= 400
        whole = pm.sample(resume=path, progressbar=False)
        plain = pm.sample(400, tune=50, **RUN)
    same(plain, whole)


SCRIPT = """
import sys
sys.path.insert(0, {here!r})
import logging
logging.disable()
import pellucid as pm
from test_runs import build
with build(slow=3000):
    pm.sample({draws}, tune=100, trace={path!r}, random_seed=3, chains=2, progressbar=False)
"""


def test_a_killed_process_loses_at_most_the_last_second(tmp_path):
    """Killed at random moments; the benchmark `benchmarks/kill.py` does so twenty times."""
    path, draws = tmp_path / "run.zarr", 4000
    script = SCRIPT.format(here=str(Path(__file__).parent), path=str(path), draws=draws)
    process = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.time() + 60
    while time.time() < deadline and not (path / "sampler_state" / ".zattrs").exists():
        time.sleep(0.02)
    time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with build(slow=3000):
        survived = open_run(path)
        kept = survived["posterior"].sizes["draw"]
        whole = pm.sample(resume=path, progressbar=False, compute_convergence_checks=False)
        plain = pm.sample(draws, tune=100, **RUN)
    same(plain, whole)
    reached = plain["posterior"].sel(chain=survived["posterior"]["chain"])  # a chain that was still tuning has no draws
    for name, values in survived["posterior"].data_vars.items():
        np.testing.assert_array_equal(values.values, reached[name].values[:, :kept])


def test_nothing_is_overwritten_and_wrong_stores_are_refused(tmp_path):
    path = tmp_path / "run.zarr"
    with build():
        pm.sample(5, tune=5, trace=path, **RUN)
        with pytest.raises(FileExistsError, match="resume="):
            pm.sample(5, tune=5, trace=path, **RUN)
        with pytest.raises(FileNotFoundError, match="no run at"):
            pm.sample(resume=tmp_path / "nothing.zarr")
        with pytest.raises(ValueError, match="give one of them"):
            pm.sample(trace=path, resume=path)
        with pytest.raises(TypeError, match="paths"):
            pm.sample(trace=[1], **RUN)
    with build_compound(), pytest.raises(ValueError, match=r"another model.*mu.*k"):
        pm.sample(resume=path)
    zarr.open_group(tmp_path / "other.zarr", mode="w")
    with build(), pytest.raises(ValueError, match="holds no run"):
        pm.sample(resume=tmp_path / "other.zarr")
    with pytest.raises(ValueError, match="no run that sample"):
        open_run(tmp_path / "other.zarr")
    with build(), pytest.raises(TypeError, match=r"callback is a function.*not 3"):
        pm.sample(callback=3, **RUN)
    settings = json.loads(zarr.open_group(path, mode="r")["sampler_state"].attrs["settings"])
    assert settings["draws"] == 5
