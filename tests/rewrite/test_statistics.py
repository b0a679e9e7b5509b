"""Sums over data from sufficient statistics: the same values and gradients, also of data far from zero."""

import mpmath
import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt
from pellucid.compile.numpy import evaluate
from pellucid.diff import grad
from pellucid.graph.traverse import toposort
from pellucid.rewrite import squares
from pellucid.rewrite.passes import without_passes
from pellucid.rewrite.pipeline import rewrite_graph
from pellucid.rewrite.statistics import statistics

RNG = np.random.default_rng(20)
N, J = 400, 12
Y, X, COUNTS, SIDE = RNG.normal(size=N), RNG.normal(3, 1, size=N), RNG.poisson(3, size=N), RNG.integers(2, size=N)
GROUP, DESIGN = RNG.integers(J, size=N), RNG.normal(size=(N, 5))
GAPS = np.where(GROUP == 4, 5, GROUP)  # a group without data
a, b, s, w, t = pt.scalar("a"), pt.scalar("b"), pt.scalar("s"), pt.vector("w", shape=(5,)), pt.vector("t", shape=(J,))
m = pt.matrix("m", shape=(J, 2))
POINT = {a: 0.3, b: -1.2, s: 0.7, w: RNG.normal(size=5), t: RNG.uniform(0.5, 2, size=J), m: RNG.normal(size=(J, 2))}
POINT = {v: np.asarray(value) for v, value in POINT.items()}


def normal(mu, sigma):
    return -0.5 * pt.sqr((pt.constant(Y) - mu) / sigma) - pt.log(sigma)


SUMS = {
    "normal": lambda: normal(a, s),
    "regression": lambda: normal(a + b * X, s),
    "many predictors": lambda: normal(a + pt.dot(DESIGN, w), s),
    "known errors": lambda: normal(a + b * X, 1 + X**2),
    "variance": lambda: -((a - pt.constant(Y)) ** 2) / (2 * s) - pt.log(s) / 2,
    "groups": lambda: normal(t[GROUP] + b * X, s),
    "groups without data": lambda: normal(t[GAPS] * 2 - a, s),
    "slopes of groups": lambda: normal(m[GROUP, 0] + m[GROUP, 1] * X, s),
    "slopes of groups, by rows": lambda: normal(
        (m[GROUP] * np.stack([np.ones(N), X], 1)).sum(axis=1) - pt.exp(a) / b, s
    ),
    "scales of groups": lambda: normal(t[GROUP], t[GROUP]),
    "poisson": lambda: COUNTS * pt.log(s) - s - pt.gammaln(pt.constant(COUNTS) + 1),
    "bernoulli": lambda: pt.switch(pt.eq(SIDE, 1), pt.log(s), pt.log1p(-s)),
    "bernoulli by groups": lambda: -pt.softplus((1 - 2 * SIDE) * (a + t[GROUP])),
    "gamma": lambda: a * pt.log(b**2) - pt.gammaln(s) + (s - 1) * np.log(X**2) - b**2 * pt.constant(X**2),
    "only constants leave": lambda: COUNTS * (X * a) - pt.exp(X * a) - pt.gammaln(pt.constant(COUNTS) + 1),
}


@pytest.mark.parametrize("name", SUMS)
def test_value_and_gradient_are_those_of_the_sum(name):
    total = pt.sum(SUMS[name]())
    (short,) = statistics([total])
    assert short is not total
    inputs = [v for v in POINT if any(v in node.inputs for node in toposort([total]))]
    wanted = evaluate([total, *grad(total, inputs)], POINT)
    found = evaluate([short, *grad(short, inputs)], POINT)
    for u, v in zip(found, wanted, strict=True):
        # The sum of 400 terms in another order: a few roundings of the largest.
        np.testing.assert_allclose(u, v, rtol=1e-10, atol=1e-11)
    longest = max((max(v.type.shape, default=1) for n in toposort([short]) for v in n.outputs), default=1)
    assert (longest == N) == (name == "only constants leave")


@pytest.mark.parametrize("grouped", [False, True])
def test_data_far_from_zero_lose_nothing(grouped):
    data = 1e8 + 1e-3 * RNG.normal(size=N)
    mu = pt.vector("mu", shape=(J,))
    place = np.full(J, 1e8) + 1e-3 * np.arange(J) / J
    total = pt.sum(pt.sqr((pt.constant(data) - (mu[GROUP] if grouped else mu[0])) / 1e-3))
    short = rewrite_graph([total, grad(statistics([total])[0], mu)], include=["merge", "statistics"])
    value, slope = evaluate(short, {mu: place})
    with mpmath.workdps(40):
        centre = [mpmath.mpf(place[g]) if grouped else mpmath.mpf(place[0]) for g in GROUP]
        gaps = [(mpmath.mpf(y) - c) / mpmath.mpf(1e-3) for y, c in zip(data, centre, strict=True)]
        exact = float(sum(g**2 for g in gaps))
        slopes = [0] * J
        for g, gap in zip(GROUP, gaps, strict=True):
            slopes[g if grouped else 0] -= 2 * gap / mpmath.mpf(1e-3)
    assert value == pytest.approx(exact, rel=1e-13)
    np.testing.assert_allclose(slope, [float(v) for v in slopes], rtol=1e-10)  # sums of both signs


def test_many_data_are_factored_in_parts(monkeypatch):
    monkeypatch.setattr(squares, "ROWS", 64)
    total = pt.sum(normal(a + b * X + pt.dot(DESIGN, w), s))
    found, wanted = evaluate([*statistics([total]), total], {v: POINT[v] for v in (a, b, s, w)})
    assert found == pytest.approx(float(wanted), rel=1e-12)


def test_a_perfect_fit_keeps_its_small_residuals():
    noise = 1e-7 * RNG.normal(size=N)
    total = pt.sum(pt.sqr(pt.constant(2 + 5 * X + noise) - (a + b * X)))
    (short,) = statistics([total])
    (value,) = evaluate([short], {a: np.array(2.0), b: np.array(5.0)})
    # Data of size 15 carry errors of 2e-15 each, of residuals of 1e-7: 2e-8 of each, as in the plain sum.
    assert value == pytest.approx(float(np.sum(noise**2)), rel=1e-7)


@pytest.mark.parametrize("spoiled", [np.nan, np.inf, 1e200])
def test_data_without_finite_squares_are_left_alone(spoiled):
    data = Y.copy()
    data[7] = spoiled
    total = pt.sum(pt.sqr(pt.constant(data) - a))
    assert statistics([total])[0] is total


def test_sums_of_what_is_needed_anyway_are_left_alone():
    gaps = pt.constant(Y) - a * X
    outputs = [pt.sum(pt.sqr(gaps)), pt.exp(gaps)]
    assert statistics(outputs) == outputs


def test_few_data_and_many_parameters_are_left_alone():
    long = pt.vector("long", shape=(N,))
    for total in (pt.sum(pt.sqr(Y[:8] - a)), pt.sum(pt.sqr(Y - long)), pt.sum(pt.sqr(Y - t[GROUP] * t[GAPS]))):
        assert statistics([total])[0] is total


def test_densities_use_them_and_can_be_told_not_to():
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu"), pm.HalfNormal("sigma")
        pm.Normal("y", mu, sigma, observed=Y)
    short = model.density()
    with without_passes("statistics"):
        long = model.density()
    length = lambda d: max(max(v.type.shape, default=1) for n in toposort(d.outputs) for v in (*n.inputs, *n.outputs))  # noqa: E731
    assert length(short) < 10 < length(long) == N
    for u, v in zip(evaluate(short.outputs, {short.inputs[0]: np.array([0.2, 0.1])}),
                    evaluate(long.outputs, {long.inputs[0]: np.array([0.2, 0.1])}), strict=True):  # fmt: skip
        np.testing.assert_allclose(u, v, rtol=1e-12)
