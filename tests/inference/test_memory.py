"""The memory that a run will need is known before it starts."""

import logging
import tracemalloc

import numpy as np

import pellucid as pm
from pellucid.inference import memory


def test_the_estimate_is_what_the_result_takes():
    with pm.Model() as model:
        x = pm.Normal("x", shape=5)
        s = pm.HalfNormal("s")
        pm.Deterministic("big", x[:, None] * np.ones(100))
        pm.Deterministic("scaled", x * s)
        found = memory.bytes_of_draws(model, model.density(), 200, 2)
        result = pm.sample(200, tune=10, chains=2, progressbar=False, random_seed=1, compute_convergence_checks=False)
    for name in ("s", "big", "scaled"):
        assert found[name] == result.posterior[name].nbytes
    assert "x" not in found, "it is a view of the unconstrained draws"
    assert found["unconstrained draws"] == 200 * 2 * 6 * 8


def test_a_run_that_is_too_large_is_warned_of(caplog):
    needed = {"a": 6 * 2**30, "b": 2**30, "c": 2**20, "d": 1}
    with caplog.at_level(logging.WARNING, "pellucid"):
        memory.warn_of_memory(needed, 2**34)
        assert not caplog.text
        memory.warn_of_memory(needed, None)
        assert not caplog.text
        memory.warn_of_memory(needed, 2**33)
    assert "7.0 GB of the machine's 8.0 GB: a 6.0 GB, b 1.0 GB, c 0.0 GB" in caplog.text
    assert "trace=" in caplog.text


def test_a_run_takes_its_results_and_a_fixed_part():
    """Peaks of what NumPy allocates, for two lengths: what is added is what the results take, and no copies of them."""
    with pm.Model() as model:
        x = pm.Normal("x", shape=100)
        pm.Deterministic("y", x * 2)

    def run(draws):
        tracemalloc.start()
        try:
            result = pm.sample(
                draws, tune=20, chains=2, progressbar=False, random_seed=1, compute_convergence_checks=False,
                return_inferencedata=False, model=model,
            )  # fmt: skip
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        return peak, sum(a.nbytes for a in (result["x"], result["y"]))

    run(10)  # what is compiled and read for the first time
    (less, small), (more, large) = run(5_000), run(15_000)
    # Statistics take 12 numbers a draw, of which 5 are kept in other types beside: 122 bytes.
    assert more - less < 1.02 * (large - small + 2 * 10_000 * 122)
