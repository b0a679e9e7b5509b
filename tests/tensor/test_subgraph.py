"""OpFromGraph: values, gradients, overrides, equality, batches and pickles, on every backend."""

import pickle

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt
from pellucid.graph.intern import merge
from pellucid.rewrite.pipeline import rewrite_graph
from pellucid.tensor.subgraph import OpFromGraph

BACKENDS = ["numpy", "llvm"]


def gaussian(**options):
    x, mu, sigma = pt.vector("x"), pt.scalar("mu"), pt.scalar("sigma")
    z = (x - mu) / sigma
    return OpFromGraph([x, mu, sigma], [-0.5 * z**2 - pt.log(sigma), z], **options)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("inline", [False, True])
def test_value_and_gradient(backend, inline):
    op = gaussian(inline=inline, name="Gaussian")
    y, m, s = pt.vector("y"), pt.scalar("m"), pt.scalar("s")
    logp, z = op(y, m, s)
    cost = logp.sum() + (z**3).sum()
    plain_z = (y - m) / s
    plain = (-0.5 * plain_z**2 - pt.log(s)).sum() + (plain_z**3).sum()
    f = pm.function([y, m, s], [cost, *pm.grad(cost, [y, m, s])], backend=backend)
    g = pm.function([y, m, s], [plain, *pm.grad(plain, [y, m, s])], backend=backend)
    for values in [(np.array([1.0, -2.0]), 0.5, 2.0), (np.empty(0), 0.5, 2.0), (np.array([np.nan]), 0.0, 1.0)]:
        for a, b in zip(f(*values), g(*values), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13)
    if backend == "llvm":
        assert f.compile_report()["callbacks"] == []
    pm.verify_grad(lambda *v: op(*v)[0], [np.array([1.0, 3.0]), np.array(0.5), np.array(2.0)], backend=backend)


def test_inputs_that_depend_on_each_other_are_counted_once():
    a, b, x = pt.scalars("a", "b", "x")
    op = OpFromGraph([a, b], [a * b])
    assert float(pm.grad(op(x, pt.exp(x)), x).eval({x: 1.0})) == pytest.approx(2 * np.e)
    assert float(pm.grad(op(x, x), x).eval({x: 3.0})) == 6.0
    assert float(pm.grad(pm.grad(op(x, x), x), x).eval({x: 3.0})) == 2.0


def test_equal_graphs_are_equal_ops_and_merge():
    x, y = pt.scalar("x"), pt.scalar("y")
    first, second = OpFromGraph([x], [pt.exp(x) + 1]), OpFromGraph([y], [pt.exp(y) + 1])
    assert first == second
    assert hash(first) == hash(second)
    assert first != OpFromGraph([x], [pt.exp(x) + 2])
    u, v = merge([first(x), second(x)])
    assert u is v
    assert pickle.loads(pickle.dumps(first)) == first  # noqa: S301


def test_it_stays_whole_in_print_unless_inlined():
    x = pt.scalar("x")
    kept, inlined = (OpFromGraph([x], [pt.log(pt.exp(x))], inline=i, name="Body") for i in (False, True))
    text = pm.dprint(rewrite_graph(kept(x * 1.0), exclude=["expand"]), file="str")
    assert text.splitlines()[0].startswith("Body{inline=False}")
    assert rewrite_graph(inlined(x), exclude=["expand"]) is x
    assert rewrite_graph(kept(x)) is x


@pytest.mark.parametrize("backend", BACKENDS)
def test_overridden_gradients(backend):
    x, y = pt.scalar("x"), pt.scalar("y")
    def slope(op):
        out = op(x, y)
        wrt = pm.grad(out, [x, y], disconnected_inputs="ignore")
        return [float(g) for g in pm.function([x, y], wrt, on_unused_input="ignore", backend=backend)(2.0, 3.0)]

    assert slope(OpFromGraph([x, y], [x * y])) == [3.0, 2.0]
    assert slope(OpFromGraph([x, y], [x * y], pullback=lambda i, o, g: [g[0] * 10, g[0] * o[0]])) == [10.0, 6.0]
    each = [lambda i, o, g: g[0] * 7, "default"]
    assert slope(OpFromGraph([x, y], [x * y], lop_overrides=each)) == [7.0, 2.0]
    assert slope(OpFromGraph([x, y], [x * y], lop_overrides=[None, "default"], inline=True)) == [0.0, 2.0]
    o, g = pt.scalar("o"), pt.scalar("g")
    as_op = OpFromGraph([x, y, o, g], [g * y + 1, g * x + o])
    assert slope(OpFromGraph([x, y], [x * y], pullback=as_op)) == [4.0, 8.0]
    wrong = OpFromGraph([x, y], [x * y], pullback=lambda i, o, g: [g[0]])
    with pytest.raises(ValueError, match="returned 1 values for 2 inputs"):
        slope(wrong)


@pytest.mark.parametrize("backend", BACKENDS)
def test_shared_state_static_shapes_batches_and_dtypes(backend):
    x = pt.vector("x")
    state = pm.shared(2.0, name="state")
    op = OpFromGraph([x], [pt.cumsum(x) * state])
    fixed = op(pt.tensor("fixed", shape=(3,)))
    assert fixed.type.shape == (3,)
    assert float(op([1.0, 2.0])[1].eval()) == 6.0
    xs = pt.matrix("xs")
    f = pm.function([xs], pm.vectorize_graph(op(x), {x: xs}), backend=backend)
    np.testing.assert_allclose(f([[1.0, 2.0], [3.0, 4.0]]), [[2.0, 6.0], [6.0, 14.0]])
    state.set_value(1.0)
    np.testing.assert_allclose(f([[1.0, 2.0]]), [[1.0, 3.0]])
    single = OpFromGraph([(s := pt.vector("s", dtype="float32"))], [pt.exp(s) * 2])
    y = pt.vector("y", dtype="float32")
    out, slope = pm.function([y], [single(y), pm.grad(single(y).sum(), y)], backend=backend)(np.zeros(2, "float32"))
    assert out.dtype == slope.dtype == np.float32
    assert slope.tolist() == [2.0, 2.0]


def test_draws_within():
    mu = pt.scalar("mu")
    op = OpFromGraph([mu], [pt.random.normal(mu, 1.0, size=(3,), rng=pm.shared_rng(1))])
    drawn = op(100.0).eval()
    assert drawn.shape == (3,)
    assert np.all(np.abs(drawn - 100) < 10)


def test_refusals():
    x, y = pt.scalar("x"), pt.scalar("y")
    with pytest.raises(ValueError, match="depends on y, which is not among the inputs"):
        OpFromGraph([x], [x + y])
    op = OpFromGraph([x], [x + 1])
    with pytest.raises(TypeError, match=r"Input x of .* is Scalar.*'v' is Vector"):
        op(pt.vector("v"))
    with pytest.raises(TypeError, match=r"takes 1 inputs \(x\), not 2"):
        op(x, y)
    with pytest.raises(TypeError, match="same option"):
        OpFromGraph([x], [x], pullback=lambda i, o, g: g, lop_overrides=lambda i, o, g: g)
    with pytest.raises(TypeError, match="variables, not float"):
        OpFromGraph([1.0], [x])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="for each of 1 inputs"):
        OpFromGraph([x], [x], lop_overrides=["default", None])
