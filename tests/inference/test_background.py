"""Runs in the background: looked at, paused, ended and waited for, with the draws of runs that block."""

import logging
import os
import subprocess
import sys
import time
from concurrent.futures import CancelledError
from typing import Any

import numpy as np
import pytest

import pellucid as pm
from pellucid.inference.brake import Brake

RUN: Any = {"chains": 2, "random_seed": 3, "quiet": True}
LONG = 2_000_000
"""Draws that are never made: the arrays for them take no memory until they are written."""


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.ERROR, "pellucid")


def regression():
    with pm.Model(coords={"g": ["a", "b"]}) as model:
        mu = pm.Normal("mu", 0.0, 2.0, dims="g")
        sigma = pm.HalfNormal("sigma", 1.0)
        pm.Deterministic("twice", 2 * mu, dims="g")
        pm.Normal("y", mu, sigma, observed=np.linspace(-1, 1, 400).reshape(200, 2))
    return model


def compound():
    with pm.Model() as model:
        z = pm.Bernoulli("z", 0.4, shape=3)
        k = pm.Poisson("k", 4.0)
        pm.Normal("x", z.sum() + k, 1.0)
    return model


def population():
    with pm.Model() as model:
        pm.Normal("x", shape=2)
    return model


MODELS = {
    "nuts": (regression, dict),
    "dense": (regression, lambda: {"nuts": {"metric": "dense"}}),
    "compound": (compound, dict),
    "population": (population, lambda: {"step": pm.DEMetropolis(), "chains": 5}),
    "interpreted": (regression, lambda: {"backend": "numpy"}),
}


def same(a, b):
    for group in ("posterior", "sample_stats"):
        assert set(a[group].data_vars) == set(b[group].data_vars)
        for name, values in a[group].data_vars.items():
            np.testing.assert_array_equal(values.values, b[group][name].values, err_msg=str(name))


def assert_part(seen, whole, least=1):
    """Each chain is the beginning of one of another result (an unfinished one may lack chains that were behind)."""
    n = seen["posterior"].sizes["draw"]
    assert n >= least
    for name, values in seen["posterior"].data_vars.items():
        for chain in values.values:
            assert any(np.array_equal(chain, other[:n]) for other in whole["posterior"][name].values), name


def done(run):
    """The iterations made, as the text says."""
    return int(str(run).partition(": ")[2].partition("/")[0])


def until(condition, seconds=20.0):
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


@pytest.mark.parametrize("kind", MODELS)
def test_a_run_that_was_paused_draws_what_one_that_blocks_does(kind):
    build, options = MODELS[kind]
    size = {"draws": 60, "tune": 60} if kind == "interpreted" else {"draws": 3000, "tune": 400}
    with build():
        wanted = pm.sample(**size, **{**RUN, **options()})
        run = pm.sample(**size, **{**RUN, **options()}, blocking=False)
        for _ in range(4):
            run.pause()
            time.sleep(0.003)
            run.resume()
        found = run.wait(60)
    same(found, wanted)
    assert run.is_finished
    assert str(run).startswith("<finished run of")


@pytest.mark.parametrize("kind", ["nuts", "compound", "population"])
def test_pause_holds_all_chains_and_inspect_sees_what_they_drew(kind):
    build, options = MODELS[kind]
    with build():
        run = pm.sample(LONG, tune=100, **{**RUN, **options()}, blocking=False)
        until(lambda: done(run) > 600)
        run.pause()
        time.sleep(0.05)  # an iteration takes microseconds
        held = done(run)
        first = run.inspect()
        time.sleep(0.1)
        assert done(run) == held
        assert str(run).startswith("<paused run of")
        assert not run.is_finished
        with pytest.raises(TimeoutError, match=r"no result yet: <paused run"):
            run.wait(0.01)
        run.resume()
        until(lambda: done(run) > held)
        later = run.inspect()
        run.cancel()
        sizes = [seen.posterior.sizes for seen in (first, later)]
        wanted = pm.sample(max(size["draw"] for size in sizes), tune=100, **{**RUN, **options()})
    assert sizes[0]["chain"] * sizes[0]["draw"] <= sizes[1]["chain"] * sizes[1]["draw"]
    assert_part(first, wanted)
    assert_part(later, wanted)


def test_inspecting_does_not_change_what_is_drawn_and_grows():
    with regression():
        run = pm.sample(LONG, tune=50, **RUN, blocking=False)
        seen = []
        for _ in range(3):
            before = done(run)
            until(lambda before=before: done(run) > before + 500)
            seen.append(run.inspect())
        seen.append(run.abort())
        wanted = pm.sample(max(part.posterior.sizes["draw"] for part in seen), tune=50, **RUN)
    sizes = [part.posterior["mu"].size for part in seen]
    assert sizes == sorted(set(sizes))
    for part in seen:
        assert_part(part, wanted)


def test_abort_keeps_and_cancel_drops():
    with regression():
        run = pm.sample(LONG, tune=50, **RUN, blocking=False)
        until(lambda: done(run) > 1000)
        run.pause()  # also chains that stand still end
        kept = run.abort()
        assert run.wait() is run.inspect() is run.abort() is kept
        assert 0 < kept.posterior.sizes["draw"] < LONG
        assert np.isfinite(kept.posterior["mu"]).all()
        assert str(run).startswith("<aborted run of 2 chains")
        run = pm.sample(LONG, **RUN, blocking=False)
        run.cancel()
        run.cancel()
        run.pause()
        run.resume()
    assert run.is_finished
    assert str(run).startswith("<cancelled run of 2 chains")
    for ask in (run.wait, run.inspect, run.abort):
        with pytest.raises(CancelledError, match="cancelled"):
            ask()


def test_a_run_ended_while_it_tunes_has_no_draws():
    with regression():
        run = pm.sample(100, tune=LONG, chains=2, random_seed=3, progressbar=False, blocking=False)
        for empty in (run.inspect(), run.abort()):
            assert empty.posterior["mu"].shape == (2, 0, 2)


def test_errors_come_where_they_can_be_seen():
    with regression() as model:
        with pytest.raises(pm.StartError, match="sigma"):
            pm.sample(initvals={"sigma_log__": np.inf}, **RUN, blocking=False)

        def fail(trace, draw):
            raise ArithmeticError("of the callback")

        run = pm.sample(LONG, callback=fail, **RUN, blocking=False)
        for _ in range(2):
            with pytest.raises(ArithmeticError, match="of the callback"):
                run.wait(20)
        assert str(run).startswith("<failed run of")
    with pytest.raises(ValueError, match="chains"):
        pm.sample(chains=0, model=model, blocking=False)
    with population(), pytest.raises(ValueError, match="DEMetropolis"):  # what the thread finds before a chain starts
        pm.sample(chains=2, step=pm.DEMetropolis(), quiet=True, blocking=False)


def test_rules_traces_and_checks():
    with regression():
        assert pm.sample(until=pm.ess(50), **RUN, blocking=False).wait(60).posterior.sizes["draw"] > 0
        run = pm.sample(200, tune=50, **RUN, return_inferencedata=False, blocking=False)
        assert run.wait(60)["mu"].shape == (400, 2)
        options: Any = {"chains": 2, "random_seed": 3, "idata_kwargs": {"log_likelihood": True}}
        checked = pm.sample(50, tune=50, **options, blocking=False).wait(60)
    assert checked.log_likelihood["y"].shape == (2, 50, 200, 2)


def test_a_result_is_extended_in_the_background():
    with regression():
        first = pm.sample(100, tune=50, **RUN)
        run = pm.sample(LONG, resume=first, **RUN, blocking=False)
        until(lambda: run.inspect().posterior.sizes["draw"] > 300)
        seen = run.inspect()
        run.cancel()
        wanted = pm.sample(300, tune=50, **RUN)
    assert_part(seen.isel(draw=slice(0, 300)), wanted)


def test_stores_are_seen_while_they_are_written_and_go_on(tmp_path):
    pytest.importorskip("zarr")
    path = tmp_path / "run.zarr"
    with regression():
        run = pm.sample(4000, tune=50, trace=path, **RUN, blocking=False)
        until(lambda: done(run) > 500)
        run.pause()
        time.sleep(0.05)
        seen = run.inspect()
        run.cancel()
        run = pm.sample(resume=path, **RUN, blocking=False)
        run.pause()
        going = run.inspect()
        run.resume()
        result = run.wait(30)
        wanted = pm.sample(4000, tune=50, **RUN)
    same(result, wanted)
    assert_part(seen, wanted)
    assert_part(going, wanted, least=0)  # where one chain had not begun, all begin anew


END = """
import pellucid as pm
with pm.Model():
    pm.Normal("x", shape=50)
    run = pm.sample(2_000_000, {options} random_seed=1, blocking=False)
{last}
"""


@pytest.mark.parametrize(("last", "code"), [("run.pause()", 0), ("raise SystemExit(3)", 3), ("1 / 0", 1)])
def test_the_end_of_the_process_ends_the_run(last, code, tmp_path):
    pytest.importorskip("zarr")
    stored = last == "run.pause()"
    options = f"trace={str(tmp_path / 'run.zarr')!r}," if stored else ""
    script = END.format(options=options, last="import time; time.sleep(0.3)\nrun.pause()" if stored else last)
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False, env=os.environ
    )
    assert ended.returncode == code
    assert "Exception in thread" not in ended.stderr
    assert ("ZeroDivisionError" in ended.stderr) == (code == 1)
    if stored:
        assert pm.open_run(tmp_path / "run.zarr").posterior["x"].size > 0


def test_a_brake_that_has_stopped_lets_nothing_go_on():
    brake = Brake(np.zeros(3, np.int64), 2)
    brake.pause()
    assert brake.holds
    assert brake.flags.all()
    brake.resume()
    assert brake.released()
    assert not brake.flags.any()
    brake.stop()
    for act in (brake.pause, brake.resume):
        act()
        assert brake.flags.all()
        assert not brake.holds
        assert not brake.released()
