"""Each optimisation is named in the report, can be switched off, and changes no value."""

import mpmath
import numpy as np
import pytest
import scipy.stats

import pellucid as pm
import pellucid.tensor as pt
from pellucid.compile.callback import density_function
from pellucid.compile.numpy import evaluate
from pellucid.diff import grad
from pellucid.rewrite.passes import NEEDED, PASSES, switched_off
from pellucid.rewrite.pipeline import PIPELINE

RNG = np.random.default_rng(9)
X, GROUP, Y = RNG.normal(size=(300, 4)), RNG.integers(10, size=300), RNG.integers(2, size=300)


def build():
    with pm.Model() as model:
        tau, effect = pm.HalfNormal("tau"), pm.Normal("effect", 0, 1, shape=10)
        slopes, sigma = pm.Normal("slopes", 0, 1, shape=4), pm.HalfNormal("sigma")
        eta = pt.dot(X, slopes) + (tau * effect)[GROUP]
        pm.Bernoulli("y", logit_p=eta, observed=Y)
        pm.Normal("z", (tau * effect)[GROUP] + slopes[0], sigma, observed=X[:, 1])
        for name in "abcdefghijklmnopqrst":
            pm.Normal(name, effect[0], 1)
    return model


def evaluated(density, point):
    call = pm.function(density.inputs, density.outputs, rewrite=False, backend="llvm")
    return call(point)


@pytest.mark.parametrize("name", [p for p in PASSES if p not in NEEDED])
def test_without_a_pass_values_are_the_same(name):
    model = build()
    point = 0.3 * RNG.normal(size=model.density().dimension)
    wanted = evaluate(model.density().outputs, dict.fromkeys(model.density().inputs, point))
    with pm.without_passes(name):
        off = evaluated(model.density(), point)
        assert name not in model.density().compile_report()["passes"]
    assert not switched_off()
    for u, v in zip(off, wanted, strict=True):
        np.testing.assert_allclose(u, v, rtol=1e-10, atol=1e-10)


def test_the_report_names_what_was_done():
    report = build().density().compile_report()
    done = {"fold", "algebra", "statistics", "roll", "segments", "split", "fusion", "invariants"}
    assert done <= set(report["passes"]) <= set(PASSES)
    assert all(count > 0 for count in report["passes"].values())


def test_rows_and_memory_are_named_too():
    a, v = pt.matrix("a", shape=(200, 30)), pt.vector("v", shape=(30,))
    total = pt.sum(pt.exp(pt.cumsum(pt.cumsum(pt.tanh(pt.dot(a, v)))) * 0.01))
    f = pm.function([a, v], [grad(total, v)], backend="llvm")
    assert {"rows", "reuse"} <= set(f.compile_report()["passes"])
    with pm.without_passes("rows", "reuse"):
        g = pm.function([a, v], f.outputs, backend="llvm")
    assert not {"rows", "reuse"} & set(g.compile_report()["passes"])
    assert g.compile_report()["workspace_slots"] > f.compile_report()["workspace_slots"]
    given = 0.1 * RNG.normal(size=(200, 30)), RNG.normal(size=30)
    np.testing.assert_allclose(f(*given)[0], g(*given)[0], rtol=1e-12)


ROWS = 3001  # no multiple of what is taken at once
LONG = RNG.normal(size=(ROWS, 50))


def between(x, b, kind):
    """What a regression may do with the rows of x between reading them twice."""
    eta = pt.dot(x, b)
    if kind == "residual":
        return pt.sum(pt.softplus(eta)), pt.dot(pt.sigmoid(eta), x)
    if kind == "two vectors":
        weights = pt.exp(-pt.sqr(eta)) + pt.arange(x.shape[0])
        return pt.sum(weights), pt.dot(x.T, weights * eta)
    if kind == "normalised":
        return pt.max(eta), pt.dot(pt.exp(eta - pt.max(eta)), x)
    if kind == "shifted":
        return pt.sum(eta), pt.dot(eta[::-1], x)
    if kind == "running":
        return pt.sum(eta), pt.dot(pt.cumsum(eta), x)
    return pt.sum(eta), pt.dot(pt.concatenate([eta[:1], eta[1:] - eta[:-1]]), x)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("kind", "turns"),
    [("residual", 1), ("two vectors", 1), ("normalised", 0), ("shifted", 0), ("running", 0), ("differences", 0)],
)
def test_loops_over_the_rows_of_a_matrix_take_turns_where_each_needs_its_own_row_alone(kind, turns, known):
    x, b = pt.matrix("x", shape=(ROWS if known else None, 50)), pt.vector("b", shape=(50,))
    outputs = between(x, b, kind)
    f = pm.function([x, b], outputs, backend="llvm")
    assert f.compile_report()["passes"].get("tiles", 0) == turns
    lengths = (ROWS,) if known else (ROWS, 1, 7, 40, 41)
    for length in lengths:
        given = LONG[:length], 0.1 * RNG.normal(size=50)
        wanted = evaluate(outputs, dict(zip((x, b), given, strict=True)))
        for u, v in zip(f(*given), wanted, strict=True):
            np.testing.assert_allclose(u, v, rtol=1e-10, atol=1e-9)


def test_a_regression_on_much_data_takes_turns_and_keeps_its_values():
    with pm.Model() as model:
        a, b, weight = pm.Normal("a"), pm.Normal("b", shape=50), pm.HalfNormal("weight")
        pm.Bernoulli("y", logit_p=a + pt.dot(LONG, weight * b), observed=LONG[:, 0] > 0)
    density = model.density()
    assert density.compile_report()["passes"]["tiles"] == 1
    point = 0.1 * RNG.normal(size=52)
    with pm.without_passes("tiles"):
        plain = model.density()
        plain.compile()
    assert "tiles" not in plain.compile_report()["passes"]
    wanted = evaluate(density.outputs, {density.inputs[0]: point})
    for found in (density, plain):
        for u, v in zip(density_function(found.compile(), 52)(point), wanted, strict=True):
            np.testing.assert_allclose(u, v, rtol=1e-10, atol=1e-10)


def test_every_pass_of_graphs_is_listed_and_unknown_names_are_refused():
    assert set(PIPELINE) <= set(PASSES)
    for names, message in (("fold", "build on fold"), ("speed", "no pass called speed; the passes are merge, ")):
        with pytest.raises(ValueError, match=message), pm.without_passes(names):
            pass


def test_softplus_and_sigmoid_together_are_as_accurate_as_apart():
    x = pt.vector("x")
    f = pm.function([x], [pt.softplus(x), pt.sigmoid(x)], backend="llvm")
    assert f.compile_report()["passes"]["twins"] == 1
    given = np.array([0.0, -0.0, 1e-300, -1e-17, 37, -37, 700, -700, -745.2, 1e5, -1e5, np.inf, -np.inf, np.nan])
    given = np.concatenate([given, np.linspace(-40, 40, 1001)])
    with mpmath.workdps(60):
        numbers = [mpmath.mpf(float(v)) for v in given[~np.isnan(given)]]
        exact = [[float(mpmath.log1p(mpmath.exp(v))) if v < 1e4 else float(v) for v in numbers],
                 [float(1 / (1 + mpmath.exp(-v))) if v > -1e4 else 0.0 for v in numbers]]  # fmt: skip
    for found, wanted in zip(f(given), exact, strict=True):
        assert np.isnan(found[np.isnan(given)]).all()
        # An exponential, a sum and a quotient (or a logarithm): four roundings.
        np.testing.assert_allclose(found[~np.isnan(given)], wanted, rtol=4 * 2.0**-52, atol=1e-320)


def test_what_depends_on_shared_data_alone_is_computed_when_they_are_bound():
    counts, predictor = RNG.poisson(3, 200), RNG.normal(size=200)
    with pm.Model() as model:
        y, x = pm.Data("y_data", counts), pm.Data("x", predictor)
        a, b = pm.Normal("a"), pm.Normal("b")
        pm.Poisson("y", pt.exp(a + b * x), observed=y)
    assert model.density().compile_report()["passes"]["bind"] == 1
    with pm.without_passes("bind"):
        plain = model.density()
        plain.compile()
    assert "bind" not in plain.compile_report()["passes"]
    point = np.array([0.3, -0.2])
    for length in (200, 50):  # data of another length are bound anew, and nothing is compiled
        with model:
            pm.set_data({"y_data": counts[:length] + 1, "x": predictor[:length]})
        found = density_function(model.density().compile(), 2)(point)
        for u, v in zip(found, density_function(plain.compile(), 2)(point), strict=True):
            np.testing.assert_allclose(u, v, rtol=1e-12)
        y, mu = counts[:length] + 1, np.exp(point[0] + point[1] * predictor[:length])
        logp = scipy.stats.poisson.logpmf(y, mu).sum() + scipy.stats.norm.logpdf(point).sum()
        assert found[0] == pytest.approx(logp, rel=1e-12)
