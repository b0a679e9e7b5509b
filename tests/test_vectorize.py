"""A vectorized graph computes what the graph computes for each element of the batch."""

# ruff: noqa: PLW0108 - builders are called at once, and spell out the axes they are about

import numpy as np
import pytest

import pellucid.tensor as pt
from pellucid.graph.check import check_graph
from pellucid.tensor.types import TensorType
from pellucid.testing import inputs_for
from pellucid.vectorize import vectorize, vectorize_graph

RNG = np.random.default_rng(8)


def normal(*shape):
    return RNG.normal(size=shape)


def definite(n):
    a = normal(n, n)
    return a @ a.T + n * np.eye(n)


def ints(high, *shape):
    return RNG.integers(0, high, shape)


CASES = {
    "elementwise": (lambda x, y: pt.exp(x) * y + 1.0, [normal(3), normal(2, 3)]),
    "elementwise scalar": (lambda x, y: x * y, [normal(), normal(2, 3)]),
    "switch": (lambda c, x, y: pt.switch(c > 0, x, y), [normal(3), normal(), normal(2, 3)]),
    "comparison": (lambda x, y: x > y, [normal(3), normal()]),
    "cast": (lambda x: x.astype("float32"), [normal(3)]),
    "dimshuffle": (lambda x: x.dimshuffle(1, "x", 0), [normal(2, 3)]),
    "sum": (lambda x: x.sum(0), [normal(2, 3)]),
    "sum all": (lambda x: x.sum(), [normal(2, 3)]),
    "max": (lambda x: x.max(-1), [normal(2, 3)]),
    "argmax": (lambda x: x.argmax(0), [normal(2, 3)]),
    "argmax flat": (lambda x: x.argmax(), [normal(2, 3)]),
    "mean": (lambda x: x.mean(1), [normal(2, 3)]),
    "var": (lambda x: x.var(), [normal(2, 3)]),
    "cumsum": (lambda x: x.cumsum(1), [normal(2, 3)]),
    "cumprod": (lambda x: x.cumprod(), [normal(2, 3)]),
    "logsumexp": (lambda x: pt.logsumexp(x, -1, keepdims=True), [normal(2, 3)]),
    "softmax": (lambda x: pt.softmax(x, 0), [normal(2, 3)]),
    "log_softmax": (lambda x: pt.log_softmax(x, 1), [normal(2, 3)]),
    "shape": (lambda x: x * x.shape[0] + x.size, [normal(2, 3)]),
    "reshape": (lambda x: x.reshape((3, 2)), [normal(2, 3)]),
    "flatten": (lambda x: x.flatten(), [normal(2, 3)]),
    "broadcast_to": (lambda x: pt.broadcast_to(x, (4, 2, 3)), [normal(1, 3)]),
    "specify_shape": (lambda x: pt.specify_shape(x, (2, 3)), [normal(2, 3)]),
    "concatenate": (lambda x, y: pt.concatenate([x, y], 1), [normal(2, 3), normal(2, 1)]),
    "stack": (lambda x, y: pt.stack([x, y, 0.5]), [normal(), normal()]),
    "slice": (lambda x: x[1:, ::-1], [normal(3, 4)]),
    "int": (lambda x: x[-1], [normal(3, 4)]),
    "given": (lambda x, i: x[i], [normal(3, 4), ints(3)]),
    "given two": (lambda x, i, j: x[i, :, j], [normal(3, 4, 2), ints(3), ints(2)]),
    "gather": (lambda x, i: x[i], [normal(3, 4), ints(3, 5)]),
    "gather middle": (lambda x, i: x[:, i], [normal(3, 4), ints(4, 2, 2)]),
    "gather two": (lambda x, i, j: x[i, j], [normal(3, 4), ints(3, 5), ints(4, 5)]),
    "gather broadcast": (lambda x, i, j: x[i[:, None], j], [normal(3, 4), ints(3, 2), ints(4, 5)]),
    "set": (lambda x, y: x[1:].set(y), [normal(3, 2), normal(2, 2)]),
    "set row": (lambda x, y: x[1:].set(y), [normal(3, 2), normal(2)]),
    "set scalar": (lambda x, y: x[1:].set(y), [normal(3, 2), normal()]),
    "inc given": (lambda x, y, i: x[i].inc(y), [normal(3, 2), normal(2), ints(3)]),
    "scatter": (lambda x, y, i: x[i].inc(y), [normal(3, 2), normal(4, 2), ints(3, 4)]),
    "scatter row": (lambda x, y, i: x[i].inc(y), [normal(3, 2), normal(2), ints(3, 4)]),
    "scatter scalar": (lambda x, y, i: x[i].inc(y), [normal(3, 2), normal(), ints(3, 4)]),
    "scatter axis": (lambda x, y, i: x[:, i].inc(y), [normal(3, 2), normal(3, 4), ints(2, 4)]),
    "diagonal": (lambda x: pt.diagonal(x), [normal(3, 3)]),
    "matmul": (lambda x, y: x @ y, [normal(2, 3), normal(3, 4)]),
    "matmul vector": (lambda x, y: x @ y, [normal(2, 3), normal(3)]),
    "vector matmul": (lambda x, y: x @ y, [normal(3), normal(3, 2)]),
    "dot": (lambda x, y: x.dot(y), [normal(3), normal(3)]),
    "matmul batch": (lambda x, y: x @ y, [normal(5, 2, 3), normal(3, 4)]),
    "cholesky": (lambda x: pt.cholesky(x), [definite(3)]),
    "inverse": (lambda x: pt.inv(x), [definite(3)]),
    "solve": (lambda x, y: pt.solve_triangular(x, y, lower=True), [np.tril(definite(3)), normal(3)]),
    "solve matrix": (lambda x, y: pt.solve_triangular(x, y, lower=True), [np.tril(definite(3)), normal(3, 2)]),
    "arange": (lambda x: pt.linspace(0.0, x, 4), [normal()]),
    "deep": (lambda x, y: pt.logsumexp((x[None, :] - y[:, None]) ** 2, 1).sum() / x.shape[0], [normal(3), normal(2)]),
}


def batches(arrays, kinds):
    """Each array as given, or with batches of one or two axes in front."""
    lead = {"": (), "a": (2,), "b": (4, 2), "1": (1,)}
    return [batch(a, lead[k]) if k else a for a, k in zip(arrays, kinds, strict=True)]


def batch(a, lead):
    """Arrays near `a` (the same, if of integers), stacked along leading axes."""
    step = 0 if a.dtype.kind == "i" else 0.1
    return np.stack([a + step * i for i in range(int(np.prod(lead)))]).reshape(lead + a.shape)


def expected(build, arrays, batched):
    """The graph evaluated for each element of the batch."""
    variables = inputs_for(arrays, static=False)
    out = pt.as_tensor_variable(build(*variables))
    counts = [b.ndim - a.ndim for a, b in zip(arrays, batched, strict=True)]
    lead = np.broadcast_shapes(*[b.shape[:c] for b, c in zip(batched, counts, strict=True)])
    whole = [np.broadcast_to(b, lead + a.shape) for a, b in zip(arrays, batched, strict=True)]
    values = [out.eval({v: w[place] for v, w in zip(variables, whole, strict=True)}) for place in np.ndindex(lead)]
    return np.stack(values).reshape(lead + values[0].shape)


@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_each_element_of_the_batch(name, static):
    build, arrays = CASES[name]
    for pattern in patterns(len(arrays)):
        batched = batches(arrays, pattern)
        for a, b in zip(arrays, batched, strict=True):
            if a.dtype.kind == "i" and b is not a:
                b[...] = RNG.integers(0, max(1, a.max() + 1), b.shape)
        inputs = inputs_for(arrays, static=static)
        wide = inputs_for(batched, static=static)
        replace = {v: w for v, w, k in zip(inputs, wide, pattern, strict=True) if k}
        out = vectorize_graph(pt.as_tensor_variable(build(*inputs)), replace)
        check_graph(out)
        given = {w if k else v: b for v, w, b, k in zip(inputs, wide, batched, pattern, strict=True)}
        found = out.eval(given)
        np.testing.assert_allclose(
            found, expected(build, arrays, batched), rtol=1e-12, atol=1e-14, err_msg=f"{name} {pattern}"
        )
        assert all(s in (None, n) for s, n in zip(out.type.shape, found.shape, strict=True))


def patterns(count):
    """Which inputs get which batch: each alone, all alike, and all different."""
    alone = [tuple("a" if i == j else "" for j in range(count)) for i in range(count)]
    mixed = [tuple("ab1"[(i + j) % 3] for j in range(count)) for i in range(2)] if count > 1 else [("b",)]
    return [*alone, ("a",) * count, *mixed]


def test_draws_are_independent_over_the_batch():
    mu, mus = pt.scalar("mu"), pt.vector("mus")
    for size in (None, (3,), 3):
        x = pt.random.normal(mu, 0.01, size=size)
        found = vectorize_graph(x, {mu: mus}).eval({mus: np.arange(5.0)})
        assert found.shape == ((5, 3) if size else (5,))
        np.testing.assert_allclose(found.reshape(5, -1)[:, 0], np.arange(5.0), atol=0.1)
        assert len(np.unique(found - np.round(found))) == found.size
    p, ps = pt.vector("p", shape=(2,)), pt.matrix("ps", shape=(None, 2))
    draws = vectorize_graph(pt.random.categorical(p, size=(4,)), {p: ps}).eval({ps: [[1.0, 0.0], [0.0, 1.0]]})
    np.testing.assert_array_equal(draws, [[0] * 4, [1] * 4])
    a, many = pt.vector("a", shape=(3,)), pt.matrix("many", shape=(6, 3))
    assert vectorize_graph(pt.random.dirichlet(a), {a: many}).eval({many: np.ones((6, 3))}).shape == (6, 3)


def test_what_does_not_depend_on_the_batch_stays():
    x, y = pt.vector("x"), pt.vector("y")
    same = pt.exp(y)
    assert vectorize_graph(same, {x: pt.matrix()}) is same
    assert vectorize_graph([x.shape[0] + 0], {x: pt.matrix("xs")})[0].ndim == 0


def test_refusals():
    x, n = pt.vector("x"), pt.lscalar("n")
    with pytest.raises(TypeError, match="length"):
        vectorize_graph(pt.zeros((n,)) + x.sum(), {n: pt.lvector()})
    with pytest.raises(TypeError, match="bound of a slice"):
        vectorize_graph(x[:n], {n: pt.lvector()})
    with pytest.raises(TypeError, match="no rule to vectorize Nonzero"):
        vectorize_graph(x.nonzero()[0], {x: pt.matrix()})
    with pytest.raises(TypeError, match="is no batch of"):
        vectorize_graph(x + 1, {x: pt.scalar()})
    with pytest.raises(TypeError, match="is no batch of"):
        vectorize_graph(x + 1, {x: pt.fmatrix()})
    y = pt.vector("y")
    two, three = (TensorType("float64", (n, None))() for n in (2, 3))
    with pytest.raises(ValueError, match="broadcast"):
        vectorize_graph(pt.concatenate([x, y]), {x: two, y: three})


class TestSignature:
    def test_as_numpy(self):
        def solve(a, b):
            return a @ b, b.sum()

        a, b = normal(4, 1, 2, 3), normal(5, 3)
        first, second = vectorize(solve, "(m,n),(n)->(m),()")(a, b)
        np.testing.assert_allclose(first.eval(), np.einsum("aimn,jn->ajm", a, b), rtol=1e-12)
        np.testing.assert_allclose(second.eval(), b.sum(-1), rtol=1e-12)

    def test_scalars_by_default(self):
        found = vectorize(lambda x, y: pt.switch(x > y, x, 2 * y))(np.arange(3.0), 1.0)
        np.testing.assert_array_equal(found.eval(), [2.0, 2.0, 2.0])

    def test_refusals(self):
        with pytest.raises(TypeError, match="axes"):
            vectorize(lambda x: x, "(n)->(n)")(1.0)
        with pytest.raises(TypeError, match="arguments"):
            vectorize(lambda x, y: x, "(n)->(n)")(np.ones(2), 1.0)
        with pytest.raises(TypeError, match="results"):
            vectorize(lambda x: x.sum(), "(n)->(n)")(np.ones(2))
