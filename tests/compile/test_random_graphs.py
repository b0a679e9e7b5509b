"""Random graphs of many ops: every backend, rewritten or raw, and the gradient against differences, must agree."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pellucid.tensor as pt
from pellucid.compile.function import function
from pellucid.diff import grad
from pellucid.graph.check import check_graph

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


def shape_of(v):
    return v.type.shape


def elementwise(draw, pool):
    return draw(st.sampled_from(SMOOTH))(draw(st.sampled_from(pool)))


def pair(draw, pool):
    x = draw(st.sampled_from(pool))
    fits = [y for y in pool if y.ndim == 0 or x.ndim == 0 or broadcast(shape_of(x), shape_of(y))]
    return draw(st.sampled_from(PAIRS))(x, draw(st.sampled_from(fits)))


def broadcast(a, b):
    return all(m == n or 1 in (m, n) for m, n in zip(a[::-1], b[::-1], strict=False))


def reduction(draw, pool):
    x = draw(st.sampled_from([p for p in pool if p.ndim]))
    axis = draw(st.sampled_from([None, *range(x.ndim)]))
    name = draw(st.sampled_from(["sum", "mean", "max", "logsumexp", "cumsum", "softmax", "prod"]))
    x = pt.tanh(x)
    return {
        "cumsum": lambda: pt.cumsum(x, 0 if axis is None else axis),
        "softmax": lambda: pt.softmax(x, axis),
        "prod": lambda: pt.prod(1.1 + 0.1 * x, axis),
    }.get(name, lambda: getattr(pt, name)(x, axis=axis))()


def move(draw, pool):
    x = draw(st.sampled_from([p for p in pool if p.ndim]))
    kinds = ["transpose", "flatten", "expand", "reverse", "first"]
    kind = draw(st.sampled_from(kinds))
    return {
        "transpose": lambda: x.T,
        "flatten": x.flatten,
        "expand": lambda: x[None] if x.ndim < 3 else x[0],
        "reverse": lambda: x[::-1],
        "first": lambda: x[0],
    }[kind]()


def index(draw, pool):
    x = draw(st.sampled_from([p for p in pool if p.ndim]))
    n = shape_of(x)[0]
    positions = draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=5))
    part = x[np.array(positions)]
    kind = draw(st.sampled_from(["gather", "inc", "set"]))
    if kind == "gather":
        return part
    return part.inc(pt.tanh(part)) if kind == "inc" else part.set(draw(st.floats(-1, 1)))


def join(draw, pool):
    x = draw(st.sampled_from([p for p in pool if p.ndim]))
    same = [p for p in pool if p.ndim == x.ndim and shape_of(p)[1:] == shape_of(x)[1:]]
    return pt.concatenate([x, draw(st.sampled_from(same)), x[:1]])


def product(draw, pool):
    x = draw(st.sampled_from([p for p in pool if p.ndim in (1, 2)]))
    fits = [p for p in pool if p.ndim in (1, 2) and shape_of(p)[0] == shape_of(x)[-1]]
    return (x @ pt.tanh(draw(st.sampled_from(fits)))) if fits else x.sum()


STEPS = [elementwise, elementwise, pair, pair, reduction, move, index, join, product]


@st.composite
def graphs(draw):
    n, m = draw(st.sampled_from(LENGTHS)), draw(st.sampled_from(LENGTHS))
    inputs = [
        pt.scalar("s"),
        pt.tensor("v", shape=(n,)),
        pt.tensor("w", shape=(m,)),
        pt.tensor("A", shape=(n, m)),
        pt.tensor("c", shape=(n, 1)),
    ]
    pool = list(inputs)
    for _ in range(draw(st.integers(1, 60))):
        new = draw(st.sampled_from(STEPS))(draw, pool)
        if new.ndim <= 3 and np.prod([k or 1 for k in shape_of(new)]) <= 200:
            pool.append(new)
    outputs = [*pool[len(inputs) :][-3:], pool[-1].sum()]
    seed = draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    values = [np.round(rng.normal(size=shape_of(v)), 3) for v in inputs]
    return inputs, outputs, values


def run(inputs, outputs, values, **how):
    return function(inputs, outputs, on_unused_input="ignore", **how)(*values)


@pytest.mark.parametrize("backend", ["llvm"])
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(case=graphs())
def test_backends_rewrites_and_differences_agree(case, backend):
    inputs, outputs, values = case
    cost = outputs[-1]
    slopes = grad(cost, inputs, disconnected_inputs="ignore")
    check_graph([*outputs, *slopes])
    everything = [*outputs, *slopes]
    raw = run(inputs, everything, values, backend="numpy", rewrite=False)
    for how in ({"backend": "numpy"}, {"backend": backend, "rewrite": False}, {"backend": backend}):
        for a, b in zip(run(inputs, everything, values, **how), raw, strict=True):
            assert a.shape == b.shape
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-8)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
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
