"""Loops over groups: the same values as the interpreter's, from data in any order and with any groups."""

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt
from pellucid.diff import grad
from pellucid.graph.traverse import toposort
from pellucid.rewrite.passes import without_passes
from pellucid.rewrite.segments import groups_of, is_sorted, segments
from pellucid.tensor.index import Scatter
from pellucid.tensor.types import Constant

RNG = np.random.default_rng(4)
N, J, I = 600, 20, 30
GROUP, ITEM, Y, X = RNG.integers(J, size=N), RNG.integers(I, size=N), RNG.integers(2, size=N), RNG.normal(size=(N, 3))
LAST = np.where(RNG.random(N) < 0.5, 0, J - 1)  # most groups are empty
a, b, w = pt.vector("a", shape=(J,)), pt.vector("b", shape=(I,)), pt.vector("w", shape=(3,))
POINT = [RNG.normal(size=n) for n in (J, I, 3)]


def logistic(eta):
    return pt.sum(Y * eta - pt.softplus(eta))


TOTALS = {
    "one group": lambda: logistic(a[GROUP] + b[0] + w[1]),
    "empty groups": lambda: logistic(a[LAST] * b[0] + w[1]),
    "two groups": lambda: logistic(a[GROUP] * b[ITEM] + w[1]),
    "predictors": lambda: logistic(a[GROUP] + pt.dot(X, w) + b[0]),
    "products": lambda: pt.prod(1 + 0.01 * pt.tanh(a[GROUP] * w[0] + b[ITEM])),
    "cheap": lambda: pt.sum(X[:, 0] * a[GROUP] * b[ITEM] + w[0]) + pt.max(a[GROUP]),
}


@pytest.mark.parametrize("name", TOTALS)
def test_values_are_those_of_the_interpreter(name):
    outputs = [total := TOTALS[name](), *grad(total, [a, b, w])]
    f = pm.function([a, b, w], outputs, backend="llvm")
    wanted = pm.function([a, b, w], outputs, backend="numpy", rewrite=False)(*POINT)
    for u, v in zip(f(*POINT), wanted, strict=True):
        np.testing.assert_allclose(u, v, rtol=1e-10, atol=1e-12)
    assert any(s.kind == "update" for g in f.executable.native.module.plan.groups if g.segments for s in g.sinks)
    with without_passes("segments", "split"):
        plain = pm.function([a, b, w], outputs, backend="llvm")
    assert not any(g.segments for g in plain.executable.native.module.plan.groups)
    for u, v in zip(plain(*POINT), wanted, strict=True):
        np.testing.assert_allclose(u, v, rtol=1e-10, atol=1e-12)


def test_every_array_along_the_data_is_put_in_order():
    (slope,) = segments([grad(TOTALS["predictors"](), a)])
    index = [groups_of(node)[0] for node in toposort([slope]) if isinstance(node.op, Scatter)]
    assert all(map(is_sorted, index))
    arrays = [
        v.data for n in toposort([slope]) for v in n.inputs if isinstance(v, Constant) and v.data.shape[:1] == (N,)
    ]
    order = np.argsort(GROUP, kind="stable")
    for array in arrays:
        assert any(np.array_equal(array, known[order]) for known in (GROUP, X, Y, 1 - 2.0 * Y))


@pytest.mark.parametrize("ordered", [pt.cumsum, lambda v: v[:-1], lambda v: pt.stack([v, v]).flatten()])
def test_data_whose_order_matters_stay_in_it(ordered):
    eta = a[GROUP] * 2
    outputs = [grad(pt.sum(pt.exp(eta)), a), ordered(pt.exp(eta))]
    assert segments(outputs) == outputs


def test_few_data_or_many_groups_are_left_alone():
    many = pt.vector("many", shape=(N,))
    for index, x in ((GROUP[:100], a), (RNG.integers(N, size=N), many), (GROUP - J, a)):
        outputs = [grad(pt.sum(pt.exp(x[index])), x)]
        assert segments(outputs) == outputs


def test_what_is_set_is_not_added():
    outputs = [pt.set_subtensor(a[GROUP], pt.exp(a[GROUP]))]
    assert segments(outputs) == outputs


def test_costly_functions_wait_for_the_loop_that_scatters():
    outputs = grad(logistic(a[GROUP] * b[ITEM]), [a, b])
    kinds = lambda f: [{s.kind for s in g.sinks} for g in f.executable.native.module.plan.groups]  # noqa: E731
    split = pm.function([a, b], outputs, backend="llvm")
    with without_passes("split", "segments"):
        joined = pm.function([a, b], outputs, backend="llvm")
    assert len([k for k in kinds(split) if k]) > len(kinds(joined))
    for u, v in zip(split(*POINT[:2]), joined(*POINT[:2]), strict=True):
        np.testing.assert_allclose(u, v, rtol=1e-12, atol=1e-13)
