"""What is alike is computed at once, with the same values; what is not stays as it is."""

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt
from pellucid.compile.function import function
from pellucid.diff import grad
from pellucid.graph.traverse import toposort
from pellucid.model.logprob import total
from pellucid.rewrite import roll as module
from pellucid.rewrite.pipeline import rewrite_graph
from pellucid.rewrite.roll import positions_read, roll

UNARY = [
    pt.tanh,
    pt.exp,
    pt.softplus,
    pt.neg,
    pt.sqr,
    lambda v: v.sum(),
    pt.logsumexp,
    lambda v: 1 / (2 + pt.sqr(v)),
]
BINARY = [pt.add, pt.sub, pt.mul, pt.maximum, pt.logaddexp, lambda a, b: pt.switch(a > b, a, 0.5 * b)]


def program(rng, length):
    """A random expression of a few values: a list of steps, to be replayed on other values."""
    steps, size = [], 3
    for _ in range(length):
        if rng.random() < 0.5:
            f, at = UNARY[rng.integers(len(UNARY))], rng.integers(size)
            steps.append(lambda pool, f=f, at=at: f(pt.clip(pool[at], -3, 3) if f is pt.exp else pool[at]))
        else:
            f, a, b = BINARY[rng.integers(len(BINARY))], rng.integers(size), rng.integers(size)
            steps.append(lambda pool, f=f, a=a, b=b: f(pool[a], pool[b]))
        size += 1
    return steps


def replay(steps, pool):
    """The last value of a program, as a scalar."""
    pool = list(pool)
    for step in steps:
        pool.append(step(pool))
    return pool[-1].sum()


def many_terms(seed):
    """A cost of alike terms of some kinds, mixed with single ones; its vector and its gradient."""
    rng = np.random.default_rng(seed)
    x = pt.vector("x", shape=(90,))
    shared = pt.tanh(x[rng.integers(90)])
    kinds = [program(rng, rng.integers(1, 8)) for _ in range(rng.integers(1, 4))]
    order = rng.permutation(60)
    terms = [x.sum() * 0.1]
    for i in order:
        length = int(rng.integers(1, 3)) if seed % 3 else 1
        a = x[int(i)] if length == 1 else x[i : i + 2]
        data = rng.normal(size=() if seed % 2 else (2,))
        pool = [a, pt.constant(data) if rng.random() < 0.9 else pt.constant(np.zeros_like(data)), shared]
        terms.append(replay(kinds[i % len(kinds)], pool))
    cost = terms[0]
    for i, t in enumerate(terms[1:]):
        cost = cost + t if i % 5 else cost - t
    if seed % 4 == 0:
        cost = cost + pt.exp(-pt.sqr(terms[3])) * terms[7]
    return x, cost, 0.5 * rng.normal(size=90)


@pytest.mark.parametrize("seed", range(40))
def test_values_and_gradients_stay(seed):
    x, cost, at = many_terms(seed)
    raw = [cost, grad(cost, x)]
    wanted = function([x], raw, backend="numpy", rewrite=False)(at)
    before = [roll([cost])[0]]
    for outputs in (roll(raw), [*before, grad(before[0], x)]):
        for a, b in zip(wanted, function([x], outputs, backend="numpy", rewrite=False)(at), strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-10, atol=1e-10 * max(1, np.abs(a).max()))
    if seed < 8:
        for a, b in zip(wanted, function([x], raw)(at), strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-10, atol=1e-10 * max(1, np.abs(a).max()))


@pytest.mark.parametrize("seed", range(60))
def test_pairs_that_are_alike(seed, monkeypatch):
    """With a threshold of two, what is alike by chance is rolled as well."""
    monkeypatch.setattr(module, "FEWEST", 2)
    monkeypatch.setattr(module, "ALONE", 1)
    x, cost, at = many_terms(seed)
    raw = [cost, grad(cost, x)]
    wanted = function([x], raw, backend="numpy", rewrite=False)(at)
    for a, b in zip(wanted, function([x], roll(raw), backend="numpy", rewrite=False)(at), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-10, atol=1e-10 * max(1, np.abs(a).max()))


def test_many_terms_become_few_ops():
    x = pt.vector("x", shape=(1000,))
    cost = pt.constant(0.0)
    for i in range(1000):
        cost = cost - 0.5 * pt.sqr((x[i] - 0.1 * i) / (1 + 0.001 * i))
    assert len(toposort(roll([cost]))) < 15
    assert len(toposort(rewrite_graph([cost, grad(cost, x)], include=["merge", "fold", "roll"]))) < 60
    at = np.linspace(-1, 1, 1000)
    i = np.arange(1000)
    compiled = function([x], cost)
    np.testing.assert_allclose(compiled(at), -0.5 * np.sum(((at - 0.1 * i) / (1 + 0.001 * i)) ** 2), rtol=1e-12)
    assert compiled.compile_report()["passes"]["roll"] > 3000
    assert compiled.compile_report()["nodes"] < 15


def test_what_depends_on_what_came_before_stays():
    x = pt.vector("x", shape=(30,))
    state = x[0]
    for i in range(1, 30):
        state = 0.5 * state + x[i]
    assert roll([state]) == [state]


def test_few_alike_stay():
    x = pt.vector("x", shape=(30,))
    cost = pt.add(pt.exp(x[0]), pt.exp(x[1]))
    assert roll([cost]) == [cost]


def test_exponents_stay_constants():
    x = pt.vector("x", shape=(40,))
    cost = x[0]
    for i in range(1, 40):
        cost = cost + x[i] ** (2 + i % 2)
    assert {n.op.name for n in toposort(roll([cost])) if hasattr(n.op, "name")} >= {"pow"}
    at = np.linspace(0.1, 1, 40)
    wanted = at[0] + np.sum(at[1:] ** (2 + np.arange(1, 40) % 2))
    np.testing.assert_allclose(function([x], cost)(at), wanted, rtol=1e-12)


def test_equal_terms_are_counted():
    s = pt.scalar("s")
    cost = pt.exp(s)
    for _ in range(40):
        cost = cost + pt.log(pt.constant(2.0)) * pt.constant(3.0)
    (found,) = roll([cost])
    np.testing.assert_allclose(found.eval({s: 0.5}), np.exp(0.5) + 120 * np.log(2), rtol=1e-12)


def test_special_values_pass_through():
    x = pt.vector("x", shape=(20,))
    cost = pt.constant(0.0)
    for i in range(20):
        cost = cost + pt.log(x[i] + 0.0 * i)
    f = function([x], cost)
    assert f(np.ones(20)) == 0
    assert f(np.r_[0.0, np.ones(19)]) == -np.inf
    assert np.isnan(f(np.r_[np.nan, np.ones(19)]))
    assert np.isnan(f(np.r_[0.0, np.inf, np.ones(18)]))


def test_positions_read():
    x = pt.vector("x", shape=(6,))
    assert positions_read(x[2].owner) == 2
    assert list(positions_read(x[4:1:-1].owner)) == [4, 3, 2]
    assert list(positions_read(x[-2:].owner)) == [4, 5]
    assert list(positions_read(x[np.array([5, -6])].owner)) == [5, 0]
    assert positions_read(x[pt.iscalar("i")].owner) is None
    assert positions_read(pt.exp(x).owner) is None
    assert positions_read(pt.vector("y")[2].owner) is None


def named(n):
    """A model of n named variables of some kinds, half of them vectors."""
    with pm.Model() as model:
        for i in range(n // 4):
            center = pm.Normal(f"center{i}", 0.0, 1.0 + 0.1 * i)
            scale = pm.HalfNormal(f"scale{i}", 1.0)
            pm.Normal(f"effects{i}", center, scale, shape=3)
            rate = pm.Beta(f"rate{i}", 2.0, 1.0 + 0.01 * i, shape=4)
            pm.Bernoulli(f"y{i}", rate, observed=np.arange(i, i + 4) % 2)
    return model


def test_densities_of_many_named_variables():
    model = named(80)
    density = model.density()
    assert len(toposort(density.outputs)) < 150
    at = np.random.default_rng(0).normal(size=density.dimension)
    # As written: one graph per variable, never rolled.
    values = model.continuous_value_vars
    raw = total(model)
    f = function(values, [raw, *grad(raw, values)], backend="numpy", rewrite=False)
    wanted = f(*density.split(at).values())
    slope = np.concatenate([np.ravel(g) for g in wanted[1:]])
    for backend in ("numpy", None):
        logp, gradient = function(density.inputs, density.outputs, backend=backend)(at)
        np.testing.assert_allclose(logp, wanted[0], rtol=1e-10)
        np.testing.assert_allclose(gradient, slope, rtol=1e-10, atol=1e-10)


def test_variables_that_do_not_occur_have_no_slope():
    with pm.Model() as model:
        for i in range(40):
            v = pm.Flat(f"v{i}")
            if i % 2:
                pm.Potential(f"p{i}", -pt.sqr(v - i))
    at = np.linspace(0, 1, 40)
    density = model.density()
    logp, gradient = function(density.inputs, density.outputs, backend="numpy")(at)
    i = np.arange(40)
    np.testing.assert_allclose(logp, -np.sum(((at - i) ** 2)[1::2]), rtol=1e-12)
    np.testing.assert_allclose(gradient, np.where(i % 2, -2 * (at - i), 0), rtol=1e-12)


def test_constants_in_a_long_sum_are_added_up():
    x = pt.scalar("x")
    y = x
    for i in range(50):
        y = y + 0.5 - x if i % 2 else x - 0.25 + y
    (found,) = roll([y])
    assert len(toposort(found)) < 6
    wanted = 1.5 + 25 * 0.5 - 25 * 0.25
    np.testing.assert_allclose(found.eval({x: 1.5}), wanted, rtol=1e-12)
    assert np.isnan(found.eval({x: np.inf}))
