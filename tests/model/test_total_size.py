"""Data that are a part of larger ones: their log-probability is scaled up to the whole."""

import numpy as np
import pytest

import pellucid as pm


@pytest.mark.parametrize(
    ("total", "factor"),
    [(100, 20.0), ([100], 20.0), ([None, 9], 3.0), ([..., 9], 3.0), ([10, ..., 6], 4.0), (None, 1.0)],
)
def test_total_size_scales_the_log_probability(total, factor):
    data = np.arange(15.0).reshape(5, 3)

    def build(**options):
        with pm.Model() as model:
            mu = pm.Normal("mu")
            pm.Normal("y", mu, 2.0, observed=data, **options)
        return model

    scaled, plain = build(total_size=total), build()
    point = {"mu": 0.7}
    observed, prior = (float(plain.compile_logp([plain[n]], backend="numpy")(point)) for n in ("y", "mu"))
    assert float(scaled.compile_logp(backend="numpy")(point)) == pytest.approx(prior + factor * observed)
    copy = pm.do(scaled, {"mu": 0.7})
    assert float(copy.compile_logp(backend="numpy")({})) == pytest.approx(factor * observed)
    slope = scaled.compile_dlogp(backend="llvm")(point)
    assert slope == pytest.approx(-0.7 + factor * (data - 0.7).sum() / 4.0)


def test_total_size_follows_data_whose_length_changes():
    with pm.Model() as model:
        x = pm.Data("x", np.zeros(4))
        pm.Normal("y", 0.0, 1.0, observed=x, total_size=8)
    logp = model.compile_logp()
    each = float(-0.5 * np.log(2 * np.pi))
    assert float(logp({})) == pytest.approx(8 * each)
    model.set_data("x", np.zeros(2))
    assert float(logp({})) == pytest.approx(8 * each)


@pytest.mark.parametrize(
    ("total", "message"),
    [([9, 9, 9], "names 3 lengths"), ([..., ...], "more than one"), (2.5, "consists of lengths"), (0, "lengths")],
)
def test_total_sizes_that_make_no_sense_are_refused(total, message):
    with pm.Model(), pytest.raises(ValueError, match=message):
        pm.Normal("y", 0.0, 1.0, observed=np.zeros((2, 2)), total_size=total)


def test_a_distribution_as_a_parameter_is_printed_as_one():
    with pm.Model() as model:
        s = pm.HalfNormal("s")
        pm.LKJCholeskyCov("c", eta=2.0, n=3, sd_dist=pm.Exponential.dist(s))
    assert "sd_dist" not in str(model)
    assert "LKJCholeskyCov(3, 2, Exponential(f(s)))" in str(model)
