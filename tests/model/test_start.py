"""A bad start is explained: variable, element, row, broken constraint, values, line; and a good one is looked for."""

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt
from pellucid.model.check import StartReport


def report(build, coords=None, point=None):
    with pm.Model(coords=coords) as model:
        build()
    found = model.start_report(point)
    assert isinstance(found, StartReport)
    return found


def test_a_broken_parameter_and_its_row_are_named():
    def build():
        s = pm.Normal("s", [1.0, -1.0], 1, dims="who")
        pm.Normal("y", 0, s, observed=[1.0, 2.0], dims="who")

    found = report(build, {"who": ["ann", "bob"]})
    (finding,) = found.findings
    assert (finding.variable.name, finding.kind, finding.count) == ("y", "observed", 1)
    text = str(found)
    assert "[1] (who 'bob') log-probability -inf: value = 2., mu = 0., sigma = -1.; sigma must be positive" in text
    assert 'pm.Normal("y", 0, s, observed=[1.0, 2.0], dims="who")' in text
    assert "at the point: s = [ 1. -1.]" in text


@pytest.mark.parametrize(("build", "what"), [
    (lambda: pm.Exponential("y", 1, observed=[1.0, -2.0]), "value = -2., scale = 1.; the value must be not negative"),
    (lambda: pm.Uniform("y", 0, pm.HalfNormal("t", 1), observed=[0.5, 3.0]), "the value must be in [lower, upper]"),
    (lambda: pm.Categorical("y", p=[0.5, 0.5], observed=[0, 2]), "value = 2"),
    (lambda: pm.Beta("y", 1, 1, observed=[0.5, 1.5]), "the value must be"),
])  # fmt: skip
def test_a_value_outside_its_support(build, what):
    found = report(build)
    assert found
    assert "[1] log-probability -inf" in str(found)
    assert what in str(found)


def test_a_gradient_that_is_not_finite():
    def build():
        x = pm.Normal("x", 0, 1)
        pm.Potential("root", pt.sqrt(pt.abs(x)))

    found = report(build)
    assert found.findings[0].kind == "gradient"
    assert "gradient" in str(found)
    assert not report(build, point={"x": 1.0})
    assert str(report(build, point={"x": 1.0})) == "No problems found"


def test_a_start_is_looked_for_among_draws_from_the_prior():
    with pm.Model() as model:
        t = pm.HalfNormal("t", 1)
        pm.Flat("free")
        pm.Uniform("u", 0, t, observed=[0.5, 2.5])
    assert model.start_report()
    point = model.feasible_point(random_seed=1)
    assert not model.start_report(point)
    assert np.exp(point["t_log__"]) > 2.5
    assert point["free"] == 0
    same = model.feasible_point(random_seed=1)
    assert same["t_log__"] == point["t_log__"]


def test_the_search_goes_beyond_the_prior_and_gives_up_with_the_report():
    with pm.Model() as model:
        t = pm.HalfNormal("t", 1)
        pm.Uniform("u", 0, t, observed=[0.5, 6.0])  # which one draw in a thousand million reaches
    assert np.exp(model.feasible_point(random_seed=1)["t_log__"]) > 6
    with model:
        pm.Exponential("never", 1, observed=-1.0)
    with pytest.raises(pm.SamplingError, match=r"(?s)'never'.*200 draws from the prior are not possible either"):
        model.feasible_point(random_seed=1)


def test_a_start_that_is_right_is_kept():
    with pm.Model() as model:
        pm.Normal("x", 3.0, 1)
    assert model.feasible_point()["x"] == 3.0


def test_sampling_begins_where_it_can(caplog):
    with pm.Model() as model:
        t = pm.HalfNormal("t", 1)
        pm.Uniform("u", 0, t, observed=[0.5, 4.0])  # a jitter of 1 reaches e
    with caplog.at_level("INFO", logger="pellucid"):
        trace = pm.sample(
            20, tune=50, chains=1, model=model, random_seed=1, progressbar=False, return_inferencedata=False
        )
    assert trace["t"].min() > 4
    assert "started at a draw from the prior" in caplog.text


def test_elements_that_a_transform_has_no_place_for_start_at_zero():
    def build(**options):
        with pm.Model() as model:
            ordered = pm.distributions.transforms.ordered
            pm.Normal("centre", 20, 10, shape=3, transform=ordered, **options)
        return model

    usual = build()
    np.testing.assert_array_equal(usual.initial_point()["centre_ordered__"], [20.0, 0.0, 0.0])
    assert np.isfinite(usual.compile_logp()(usual.initial_point()))
    told = build(initval=np.full(3, 20.0))  # what the user says is kept, and reported
    np.testing.assert_array_equal(told.initial_point()["centre_ordered__"], [20.0, -np.inf, -np.inf])
    (finding,) = told.start_report().findings
    assert finding.variable.name == "centre"
