"""A result goes on as if its run had never ended: draws, statistics and chains are those of the longer run."""

import numpy as np
import pytest

import pellucid as pm

OPTIONS = {"chains": 2, "tune": 60, "random_seed": 3, "progressbar": False, "compute_convergence_checks": False}


def smooth():
    with pm.Model() as model:
        s = pm.HalfNormal("s", 1)
        x = pm.Normal("x", 0, s, shape=2)
        pm.Deterministic("d", x.sum())
        pm.Normal("y", x, 1, observed=[0.3, -0.4])
    return model


def mixed():
    with pm.Model() as model:
        k = pm.Poisson("k", 3)
        z = pm.Bernoulli("z", 0.4)
        x = pm.Normal("x", k + z, 1)
        pm.Normal("y", x, 1, observed=2.5)
    return model


@pytest.mark.parametrize(("build", "options"), [(smooth, {}), (mixed, {}), (smooth, {"init": "adapt_full"})])
def test_extended_draws_are_those_of_the_longer_run(build, options):
    model = build()
    whole = pm.sample(90, model=model, **options, **OPTIONS)
    first = pm.sample(40, model=model, **options, **OPTIONS)
    then = pm.sample(30, model=model, resume=first, **(options | OPTIONS | {"random_seed": 99, "chains": 7}))
    last = pm.sample(20, model=model, resume=then, progressbar=False, compute_convergence_checks=False)
    for group in ("posterior", "sample_stats"):
        assert set(last[group].data_vars) == set(whole[group].data_vars)
        for name, array in whole[group].data_vars.items():
            np.testing.assert_array_equal(last[group][name].values, array.values, err_msg=name)
        assert last[group]["draw"].values.tolist() == list(range(90))
    assert first["posterior"].sizes["draw"] == 40
    assert set(last.children) == set(whole.children)


def test_what_was_computed_from_earlier_draws_alone_is_left_out():
    model = smooth()
    first = pm.sample(20, model=model, var_names=["x"], **OPTIONS)
    pm.sample_posterior_predictive(first, model=model, extend_inferencedata=True, progressbar=False)
    assert "posterior_predictive" in first.children
    more = pm.sample(10, model=model, resume=first, **OPTIONS)
    assert "posterior_predictive" not in more.children
    assert list(more["posterior"].data_vars) == ["x"]
    assert more["posterior"].sizes["draw"] == 30
    assert more["posterior"].attrs["sampling_time"] > first["posterior"].attrs["sampling_time"]


def test_what_cannot_go_on_says_why():
    model = smooth()
    result = pm.sample(20, model=model, **OPTIONS)
    with pytest.raises(ValueError, match=r"another model: it has .*'s_log__'.*this one .*test_extension"):
        pm.sample(10, model=mixed(), resume=result, **OPTIONS)
    with pytest.raises(TypeError, match=r"paths of Zarr stores \(resume may be a result\)"):
        pm.sample(10, model=model, resume=result.copy(), **OPTIONS)
    with pytest.raises(ValueError, match=r"cannot go on with until, return_inferencedata=False: use a run on disk"):
        pm.sample(10, model=model, resume=result, until=5.0, return_inferencedata=False, **OPTIONS)
    with pytest.raises(ValueError, match="give one of them"):
        pm.sample(10, model=model, resume=result, trace="nowhere", **OPTIONS)
    ended = pm.sample(model=model, until=pm.ess(5), **OPTIONS)
    if ended._memory.states is None:
        with pytest.raises(ValueError, match="ended at different iterations"):
            pm.sample(10, model=model, resume=ended, **OPTIONS)
