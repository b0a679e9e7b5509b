"""The memory that a run will need is known before it starts."""

import logging

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
