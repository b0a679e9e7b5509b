"""Random graphs of many ops: every backend, rewritten or raw, and the gradient against differences, must agree."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pellucid as pm
import pellucid.tensor as pt
from pellucid.compile.function import function
from pellucid.compile.numpy import evaluate
from pellucid.diff import grad
from pellucid.graph.check import check_graph
from pellucid.testing import BACKENDS_UNDER_TEST

LENGTHS = (1, 2, 3, 5)
SMOOTH = [
    *(pt.tanh, pt.sigmoid, pt.softplus, pt.sin, pt.cos, pt.erf, pt.arctan, pt.neg),
    lambda x: pt.exp(-pt.sqr(x)),
    lambda x: pt.log1p(pt.sqr(x)),
    lambda x: pt.log(1 - pt.sigmoid(x)),
    lambda x: 1 / (1 + pt.sqr(x)),
    lambda x: pt.gammaln(1.5 + pt.tanh(x)),
    lambda x: pt.sqrt(pt.sqr(x) + 1),
    lambda x: pt.exp(x * 0.1) - 1,
    lambda x: pt.logit(0.1 + 0.8 * pt.sigmoid(x)),
]
PAIRS = [
    pt.add, pt.sub, pt.mul, lambda x, y: x / (1.5 + pt.tanh(y)), pt.logaddexp, lambda x, y: (1.2 + pt.tanh(x)) ** y,
    lambda x, y: pt.switch(x > y, x, y * 0.5), pt.maximum, pt.minimum,
]  # fmt: skip


class Pool(dict):
    """The variables of a graph that grows, with their values, which tell the lengths that types do not know."""

    def axes(self, *counts):
        return [v for v in self if (v.ndim in counts if counts else v.ndim)]

    def length(self, v, axis=0):
        return self[v].shape[axis]

    def fit(self, x, y):
        """Whether two variables broadcast: only what is known to have length one stretches."""
        pairs = zip(self[x].shape[::-1], x.type.shape[::-1], self[y].shape[::-1], y.type.shape[::-1], strict=False)
        return all(m == n or p == 1 or q == 1 for m, p, n, q in pairs)

    def grow(self, new):
        """Keep a new variable, unless it is large or its value is."""
        if new.ndim <= 3:
            (value,) = evaluate([new], self)
            if value.size <= 200 and np.all(np.abs(value) < 1e6):
                self[new] = value


def chosen(draw, choices):
    return draw(st.sampled_from(list(choices)))


def elementwise(draw, pool):
    return chosen(draw, SMOOTH)(chosen(draw, pool))


def pair(draw, pool):
    x = chosen(draw, pool)
    return chosen(draw, PAIRS)(x, chosen(draw, [y for y in pool if pool.fit(x, y)]))


def reduction(draw, pool):
    x = pt.tanh(chosen(draw, pool.axes()))
    axis = chosen(draw, [None, *range(x.ndim)])
    name = chosen(draw, ["sum", "mean", "max", "min", "logsumexp", "var", "cumsum", "softmax", "prod", "argmax"])
    return {
        "cumsum": lambda: pt.cumsum(x, 0 if axis is None else axis),
        "softmax": lambda: pt.softmax(x, axis),
        "prod": lambda: pt.prod(1.1 + 0.1 * x, axis),
        "argmax": lambda: pt.cast(x.argmax(axis), "float64") * 0.1,
    }.get(name, lambda: getattr(pt, name)(x, axis=axis))()


def move(draw, pool):
    x = chosen(draw, pool.axes())
    return chosen(draw, [
        lambda: x.T,
        x.flatten,
        lambda: x[None] if x.ndim < 3 else x[0],
        lambda: x[::-1],
        lambda: x[0],
        lambda: x[..., None],
        lambda: pt.roll(x, 1, -1),
        lambda: pt.repeat(x, 2, 0),
        lambda: pt.stack([x, x * 0.5], -1),
        lambda: pt.diff(pt.concatenate([x[:1], x]), axis=0),
        lambda: pt.pad(x, ((1, 2),) + ((0, 0),) * (x.ndim - 1)),
        lambda: pt.sort(x, 0),
    ])()  # fmt: skip


def part(draw, pool):
    """A slice, read or updated."""
    x = chosen(draw, pool.axes())
    n = pool.length(x)
    bound = st.one_of(st.none(), st.integers(-n - 1, n + 1))
    picked = x[slice(draw(bound), draw(bound), chosen(draw, [None, 1, 2, -1, -2]))]
    if evaluate([picked], pool)[0].size == 0:
        return x[-1]
    kind = chosen(draw, ["get", "inc", "set"])
    return picked if kind == "get" else picked.inc(0.3) if kind == "inc" else picked.set(pt.tanh(picked))


def index(draw, pool):
    x = chosen(draw, pool.axes())
    n = pool.length(x)
    positions = draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=5))
    entries = (np.array(positions),)
    if x.ndim > 1 and draw(st.booleans()):
        m = pool.length(x, -1)
        entries = (*entries, *[slice(None)] * (x.ndim - 2), np.arange(len(positions)) % m)
    part = x[entries]
    kind = chosen(draw, ["gather", "inc", "set"])
    if kind == "gather":
        return part
    return part.inc(pt.tanh(part)) if kind == "inc" else part.set(draw(st.floats(-1, 1)))


def join(draw, pool):
    x = chosen(draw, pool.axes())
    same = [p for p in pool if p.ndim == x.ndim and pool[p].shape[1:] == pool[x].shape[1:]]
    return pt.concatenate([x, chosen(draw, same), x[:1]])


def product(draw, pool):
    x = chosen(draw, pool.axes(1, 2))
    fits = [p for p in pool.axes(1, 2) if pool.length(p) == pool.length(x, -1)]
    return (x @ pt.tanh(chosen(draw, fits))) if fits else x.sum()


def matrices(draw, pool):
    x = pt.tanh(chosen(draw, pool.axes(2)))
    a = x @ x.T + 2.0 * pt.eye(x.shape[0])
    return chosen(draw, [
        lambda: pt.linalg.cholesky(a),
        lambda: pt.linalg.solve(a, x),
        lambda: pt.linalg.slogdet(a)[1],
        lambda: pt.linalg.solve_triangular(pt.linalg.cholesky(a), x[:, 0], lower=True),
        lambda: pt.linalg.inv(a),
    ])()  # fmt: skip


def loop(draw, pool):
    x, c = chosen(draw, pool.axes(1, 2)), chosen(draw, pool.axes(0))

    def step(row, state, c):
        after = pt.tanh(row + 0.5 * state * c)
        return after, after.sum() + row

    states, rows = pm.scan(step, [x], [pt.zeros_like(x[0]), None], [c], return_updates=False)
    return chosen(draw, [lambda: states, lambda: rows, lambda: states[-1], lambda: states[-1] * rows.sum()])()


def branch(draw, pool):
    x = chosen(draw, pool)
    return pm.ifelse(x.sum() > 0, pt.sin(x), x * 0.5)


STEPS = [elementwise, elementwise, pair, pair, reduction, move, part, index, join, product, matrices, loop, branch]


@st.composite
def graphs(draw, most=60):
    n, m = draw(st.sampled_from(LENGTHS)), draw(st.sampled_from(LENGTHS))
    known = draw(st.booleans())
    shapes = {"s": (), "v": (n,), "w": (m,), "A": (n, m), "c": (n, 1)}
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    pool = Pool()
    for name, shape in shapes.items():
        static = shape if known or name == "c" else (None,) * len(shape)
        pool[pt.tensor(name, shape=static)] = np.round(rng.normal(size=shape), 3)
    inputs, values = list(pool), list(pool.values())
    for _ in range(draw(st.integers(1, most))):
        pool.grow(draw(st.sampled_from(STEPS))(draw, pool))
    made = list(pool)[len(inputs) :]
    return inputs, [*made[-3:], (made or inputs)[-1].sum()], values


def run(inputs, outputs, values, **how):
    return function(inputs, outputs, on_unused_input="ignore", **how)(*values)


def agree(case, backend):
    """Values and gradients of a backend, with and without rewriting, are those of the interpreter on the raw graph."""
    inputs, outputs, values = case
    slopes = grad(outputs[-1], inputs, disconnected_inputs="ignore")
    everything = [*outputs, *slopes]
    check_graph(everything)
    raw = run(inputs, everything, values, backend="numpy", rewrite=False)
    for how in ({"backend": "numpy"}, {"backend": backend, "rewrite": False}, {"backend": backend}):
        for a, b in zip(run(inputs, everything, values, **how), raw, strict=True):
            assert a.shape == b.shape
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-8)


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(case=graphs())
def test_native_code_agrees_with_and_without_rewriting(case):
    agree(case, "llvm")


@pytest.mark.skipif("jax" not in BACKENDS_UNDER_TEST, reason="JAX is not under test")
@settings(max_examples=3, suppress_health_check=list(HealthCheck))
@given(case=graphs())
def test_jax_agrees_with_and_without_rewriting(case):
    """A few: JAX takes a second or more to compile such a graph."""
    agree(case, "jax")


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(case=graphs())
def test_gradients_agree_with_differences(case):
    inputs, outputs, values = case
    cost = outputs[-1]
    f = function(inputs, cost, on_unused_input="ignore", backend="numpy")
    slopes = run(inputs, grad(cost, inputs, disconnected_inputs="ignore"), values, backend="llvm")
    directions = [np.random.default_rng(i).normal(size=v.shape) for i, v in enumerate(values)]
    slope = sum(float((g * d).sum()) for g, d in zip(slopes, directions, strict=True))
    ahead, behind = (f(*[v + h * d for v, d in zip(values, directions, strict=True)]) for h in (1e-6, -1e-6))
    numeric = (ahead - behind) / 2e-6
    # At a kink (a tie of max, a switch) one side may differ: accept either one-sided slope there.
    here = f(*values)
    sides = numeric, (ahead - here) / 1e-6, (here - behind) / 1e-6
    tolerance = 1e-3 * max(1.0, abs(slope), float(abs(here)))
    assert min(abs(slope - s) for s in sides) <= tolerance or kinked(sides, tolerance)


def kinked(sides, tolerance):
    """Whether the function has a corner here, where no difference tells the gradient."""
    return abs(sides[1] - sides[2]) > tolerance
