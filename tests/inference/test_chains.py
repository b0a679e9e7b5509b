"""Chains in threads: the same draws whatever the cores, and nothing lost when a run is stopped or fails."""

import math
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from scipy import stats

from inference.densities import SCHOOLS, compiled, correlated_gaussian, eight_schools, gaussian, truncated, undefined
from pellucid.compile.llvm import blas
from pellucid.inference import diagnose, kernel
from pellucid.inference.chains import Progress, compiled_sampler, run_chains, run_chains_python
from pellucid.inference.hamiltonian.rng import chain_keys

_, _, DATA = correlated_gaussian(4)


def run(density=gaussian, data=DATA, d=4, draws=200, tune=100, chains=3, seed=1, starts=None, **options):
    starts = np.random.default_rng(seed).normal(size=(chains, d)) if starts is None else starts
    keys = chain_keys(seed, chains)
    contexts = [data.ctypes.data] * chains
    return run_chains(compiled(density).address, contexts, d, starts, draws, tune, keys=keys, **options)


def test_draws_do_not_depend_on_the_number_of_cores():
    results = [run(cores=cores) for cores in (1, 2, 3, None)]
    for other in results[1:]:
        np.testing.assert_array_equal(other.draws, results[0].draws)
        for name in kernel.STATISTICS:
            np.testing.assert_array_equal(other.statistics[name], results[0].statistics[name])


def test_linear_algebra_has_one_thread_while_chains_run():
    before, seen = blas.thread_counts(), []
    run(draws=30_000, chains=2, on_progress=lambda _: seen.append(blas.thread_counts()))
    assert before
    assert seen
    assert all(set(counts.values()) == {1} for counts in seen)
    assert blas.thread_counts() == before


def test_draws_depend_on_the_seed_and_chains_differ():
    first, other = run(seed=1).draws, run(seed=2, starts=np.random.default_rng(1).normal(size=(3, 4))).draws
    assert not np.isclose(first[:, -1], other[:, -1]).any()
    same_start = run(starts=np.ones((3, 4))).draws
    assert not np.isclose(same_start[0, -1], same_start[1, -1]).any()


def test_keys():
    keys = chain_keys(42, 4)
    assert keys.shape == (4, 2)
    assert keys.dtype == np.uint64
    assert len(np.unique(keys)) == 8
    np.testing.assert_array_equal(chain_keys(42, 2), keys[:2])
    root = np.random.SeedSequence(42)
    np.testing.assert_array_equal(chain_keys(root, 4), keys)
    np.testing.assert_array_equal(chain_keys(root, 4), keys)  # the caller's sequence is as before
    assert (chain_keys(None, 1) != chain_keys(None, 1)).any()


def test_shapes_and_types():
    result = run(keep_tune=True)
    assert result.draws.shape == (3, 200, 4)
    assert result.tune_draws.shape == (3, 100, 4)
    assert list(result.statistics) == list(result.tune_statistics) == list(kernel.STATISTICS)
    assert {row.shape for row in result.statistics.values()} == {(3, 200)}
    assert {row.shape for row in result.tune_statistics.values()} == {(3, 100)}
    assert result.statistics["diverging"].dtype == bool
    assert result.statistics["n_steps"].dtype == np.int64
    assert result.statistics["energy"].dtype == np.float64
    assert result.completed.tolist() == [200] * 3
    assert result.tune_completed.tolist() == [100] * 3
    assert result.inverse_mass.shape == (3, 4)
    assert not result.interrupted
    assert (result.seconds["tuning"] > 0).all()
    assert (result.seconds["sampling"] > 0).all()
    assert run().tune_draws is None


def test_statistics_rows_have_their_numbers():
    for number, name in enumerate(kernel.STATISTICS):
        assert getattr(kernel, name.upper()) == number


def test_tuning_draws_are_the_beginning_of_the_chain():
    whole = run(draws=50, tune=0, keep_tune=True)
    assert whole.tune_draws.shape == (3, 0, 4)
    assert run(draws=0, tune=50).draws.shape == (3, 0, 4)
    kept, dropped = run(keep_tune=True), run(keep_tune=False)
    np.testing.assert_array_equal(kept.draws, dropped.draws)
    assert (np.ptp(kept.tune_draws, axis=1) > 0).all()
    moved = kept.statistics["index_in_trajectory"][:, 1:] != 0
    assert ((np.linalg.norm(np.diff(kept.draws, axis=1), axis=2) > 0) == moved).all()


def test_plain_python_makes_the_same_draws():
    starts = np.zeros((2, 10)) + 0.1

    def logp_and_gradient(x):
        logp, gradient = np.zeros(1), np.zeros(10)
        eight_schools(x, logp, gradient, SCHOOLS)
        return logp[0], gradient

    keys = chain_keys(3, 2)
    plain = run_chains_python(logp_and_gradient, starts, 10, 8, keys=keys, max_treedepth=4, cores=2)
    contexts = [SCHOOLS.ctypes.data] * 2
    machine = run_chains(compiled(eight_schools).address, contexts, 10, starts, 10, 8, keys=keys, max_treedepth=4)
    np.testing.assert_allclose(plain.draws, machine.draws, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(plain.statistics["n_steps"], machine.statistics["n_steps"])


def test_exceptions_of_a_python_density_are_raised():
    calls = []

    def failing(x):
        calls.append(x)
        if len(calls) > 40:
            raise ZeroDivisionError("as asked")
        return -0.5 * x @ x, -x

    with pytest.raises(ZeroDivisionError, match="as asked"):
        run_chains_python(failing, np.ones((2, 3)), 100, 100, keys=chain_keys(1, 2))


# ---- densities that fail


def test_divergences_are_counted_and_do_not_bias():
    result = run(truncated, np.array([0.0, 1.0]), 1, draws=6000, tune=1000, chains=4, starts=np.ones((4, 1)))
    x = result.draws[..., 0]
    assert (x >= 0).all()
    diverging = result.statistics["diverging"]
    assert 0.02 < diverging.mean() < 0.9
    assert np.isposinf(result.statistics["max_energy_error"][diverging]).all()
    assert abs(x.mean() - stats.halfnorm.mean()) < 4.5 * diagnose.mcse(x)
    assert abs((x**2).mean() - 1.0) < 4.5 * diagnose.mcse(x**2)


NO_VALUES = [(math.nan, 0.0), (-math.inf, math.nan), (math.inf, 0.0), (math.nan, math.nan)]


@pytest.mark.parametrize("logp,gradient", NO_VALUES)
def test_values_that_are_not_numbers_are_divergences(logp, gradient):
    data = np.array([0.0, logp, gradient])
    result = run(undefined, data, 1, draws=500, tune=300, chains=2, starts=np.ones((2, 1)))
    assert result.status.tolist() == [0, 0]
    assert (result.draws >= 0).all()
    assert result.statistics["diverging"].any()
    assert np.isfinite(result.statistics["lp"]).all()


@pytest.mark.parametrize("logp,gradient", [*NO_VALUES, (0.0, math.nan), (0.0, math.inf)])
def test_bad_starts_are_reported(logp, gradient):
    starts = np.array([[1.0], [-1.0]])
    data = np.array([0.0, logp, gradient])
    result = run(undefined, data, 1, draws=10**4, chains=2, starts=starts, cores=1)
    assert result.status[1] == kernel.BAD_START
    assert result.completed[1] == 0
    assert np.isnan(result.draws[1]).all()
    assert run(truncated, np.array([0.0, 1.0]), 1, chains=1, starts=[[-1.0]]).status[0] == kernel.BAD_START


def test_a_negative_status_stops_the_chain_and_the_others():
    starts = np.ones((2, 1))
    result = run(truncated, np.array([-2.0, -9.0]), 1, draws=10**5, chains=2, starts=starts)
    assert -9 in result.status.tolist()
    assert set(result.status.tolist()) <= {-9, kernel.STOPPED}
    assert (result.completed < 10**5).all()
    for chain, n in enumerate(result.completed):
        assert np.isfinite(result.draws[chain, :n]).all()
        assert np.isnan(result.draws[chain, n:]).all()
    assert run(truncated, np.array([0.0, -3.0]), 1, chains=1, starts=[[-1.0]]).status[0] == -3


# ---- progress and interruption


ENDLESS = 10**6  # draws, more than fit between two reports of progress


def endless(draws=ENDLESS, **options):
    return run(draws=draws, tune=50, d=4, chains=2, cores=2, **options)


def test_interruption_keeps_what_was_drawn():
    def interrupt(progress):
        if all(p.iterations > 60 for p in progress):
            raise KeyboardInterrupt

    result = endless(on_progress=interrupt)
    assert result.interrupted
    assert result.status.tolist() == [kernel.STOPPED] * 2
    assert (result.completed > 0).all()
    for chain, n in enumerate(result.completed):
        assert n < ENDLESS
        assert np.isfinite(result.draws[chain, :n]).all()
        assert np.isnan(result.draws[chain, n:]).all()
        assert (result.statistics["n_steps"][chain, :n] > 0).all()
        assert (result.statistics["n_steps"][chain, n:] == 0).all()
    reference = run(draws=int(result.completed[0]), tune=50, d=4, chains=2, cores=2)
    np.testing.assert_array_equal(reference.draws[0], result.draws[0, : result.completed[0]])


def test_control_c_keeps_what_was_drawn():
    """In a process of its own, because a stray signal would end the tests."""
    script = (
        "import os, signal, threading\n"
        "from inference.test_chains import compiled_sampler, endless\n"
        "compiled_sampler()\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background makes children deaf to it
        "threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "result = endless(draws=2 * 10**6)\n"
        "print(result.interrupted, (result.completed > 0).all(), threading.active_count())\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "1"]


def test_errors_of_the_progress_callback_stop_the_run():
    def fail(progress):
        raise RuntimeError("the terminal is gone")

    before = threading.active_count()
    with pytest.raises(RuntimeError, match="the terminal is gone"):
        endless(on_progress=fail)
    assert threading.active_count() == before


def test_progress_is_reported_in_the_calling_thread_and_complete_at_the_end():
    reports = []

    def note(progress):
        reports.append((time.perf_counter(), threading.current_thread(), progress))

    result = run(draws=60_000, tune=100, cores=2, on_progress=note)
    times, threads, states = zip(*reports, strict=True)
    assert set(threads) == {threading.current_thread()}
    assert (np.diff(times[:-1]) > 0.09).all()
    last = states[-1]
    assert [type(p) for p in last] == [Progress] * 3
    assert all(p.finished and p.iterations == p.total == 60_100 and p.tune == 100 for p in last)
    leapfrogs = result.statistics["n_steps"].sum(1) + result.tune_statistics["n_steps"].sum(1)
    assert [p.leapfrogs for p in last] == leapfrogs.tolist()
    assert [p.divergences for p in last] == result.statistics["diverging"].sum(1).tolist()


def test_the_lock_of_python_is_free_while_chains_run():
    counted = 0
    done = threading.Event()

    def count():
        nonlocal counted
        while not done.is_set():
            counted += 1

    compiled_sampler()
    counter = threading.Thread(target=count)
    counter.start()
    run(draws=100_000, chains=1)
    done.set()
    counter.join()
    assert counted > 1000


# ---- arguments


@pytest.mark.parametrize(
    "options,message",
    [
        ({"starts": np.ones(4)}, r"starts must have shape \(chains, d\) with d = 4 > 0, got \(4,\)"),
        ({"starts": np.ones((3, 5))}, r"got \(3, 5\)"),
        ({"target_accept": 1.0}, "target_accept must be between 0 and 1, got 1.0"),
        ({"target_accept": math.nan}, "target_accept must be between 0 and 1, got nan"),
        ({"max_treedepth": 0}, "max_treedepth must be from 1 to 30, got 0"),
        ({"draws": -1}, "draws and tune must not be negative, got -1 and 100"),
        ({"starts": np.ones((2, 4))}, r"keys must have shape \(2, 2\), got \(3, 2\)"),
    ],
)
def test_wrong_arguments_are_explained(options, message):
    with pytest.raises(ValueError, match=message):
        run(**options)


def test_one_context_for_each_chain():
    with pytest.raises(ValueError, match="one context is needed for each of 2 chains, got 1"):
        run_chains(1, [0], 1, np.ones((2, 1)), 1, 1, keys=chain_keys(1, 2))


def test_starts_are_not_changed():
    starts = np.ones((2, 4))
    run(chains=2, starts=starts)
    assert (starts == 1.0).all()
