"""Functions of JAX in graphs: values, shapes, gradients and batches, on every backend and in models."""

import pickle
import sys
from typing import Any

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt

jax: Any = pytest.importorskip("jax")
jnp: Any = pytest.importorskip("jax.numpy")
BACKENDS = ["numpy", "llvm", "jax"]
X, W = np.array([0.3, -1.2, 2.0]), np.array([[1.0, 0.5, -2.0], [0.0, 3.0, 1.0]])


def layer(x, w):
    return jnp.tanh(w @ x)


def both(tree, power, *, shift=0):
    total = (tree[0] + tree[1]).sum() + shift
    return {"total": total, "parts": [leaf**power for leaf in tree], "count": jnp.arange(power)}


dense = pm.wrap_jax(layer)
trees = pm.wrap_jax(both)


@pytest.mark.parametrize("backend", BACKENDS)
def test_value_and_gradient_are_those_of_the_same_graph(backend):
    x, w = pt.tensor("x", shape=(3,), dtype="float64"), pt.matrix("w", shape=(2, 3), dtype="float64")
    y, same = dense(x, w), pt.tanh(w @ x)
    assert (y.type.shape, y.dtype) == ((2,), "float64")
    cost = lambda v: (v**2).sum() + v[0]  # noqa: E731
    f = pm.function([x, w], [y, cost(y), *pm.grad(cost(y), [x, w])], backend=backend)
    g = pm.function([x, w], [same, cost(same), *pm.grad(cost(same), [x, w])], backend="numpy")
    for a, b in zip(f(X, W), g(X, W), strict=True):
        assert a.dtype == np.float64
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15)  # some roundings of double precision
    pm.verify_grad(dense, [X, W], rng=np.random.default_rng(1))


@pytest.mark.parametrize("backend", BACKENDS)
def test_trees_options_and_second_derivatives(backend):
    a, b = pt.dscalar("a"), pt.dvector("b")
    found = trees([a, b], 3, shift=10)
    assert sorted(found) == ["count", "parts", "total"]
    assert found["count"].type.shape == (3,)
    assert [v.type.ndim for v in found["parts"]] == [0, 1]
    (slope,) = pm.grad(found["parts"][1].sum() + 0 * found["count"].sum(), [b])
    (curve,) = pm.grad(slope.sum(), [b])
    f = pm.function([a, b], [found["total"], found["parts"][1], found["count"], slope, curve], backend=backend)
    values: Any
    for values in ([1.0, 2.0], [3.0, -1.0, 0.5], []):
        v = np.array(values)
        for got, wanted in zip(f(2.0, v), [(v + 2).sum() + 10, v**3, [0, 1, 2], 3 * v**2, 6 * v], strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-13)


def test_double_precision_whole_numbers_and_edges():
    @pm.wrap_jax
    def f(x, i):
        return x / 3, x[i]

    third, at = f(pt.constant([1.0, np.inf, np.nan, 0.0]), np.array([1, 0]))
    assert third.eval()[0] == 1 / 3
    np.testing.assert_array_equal(third.eval()[1:], [np.inf, np.nan, 0.0])
    np.testing.assert_array_equal(at.eval(), [np.inf, 1.0])
    small = f(np.array([1.0], np.float32), np.array([0]))[0]
    assert small.dtype == "float32"
    assert not jax.config.jax_enable_x64


def test_batches_are_mapped():
    x, w = pt.dvector("x"), pt.constant(W)
    y = dense(pt.specify_shape(x, (3,)), w)
    many = pt.dtensor3("many")
    values = np.random.default_rng(1).normal(size=(2, 4, 3))
    for backend in BACKENDS:
        f = pm.function([many], pm.vectorize_graph(y, {x: many}), backend=backend)
        np.testing.assert_allclose(f(values), np.tanh(values @ W.T), rtol=1e-13)


def test_in_a_model():
    observed = np.random.default_rng(2).normal(np.tanh(W @ X), 0.1, (30, 2))

    def build(function):
        with pm.Model() as model:
            x = pm.Normal("x", shape=3)
            mu = pm.Deterministic("mu", function(x, pm.Data("w", W)))
            pm.Normal("y", mu, 0.1, observed=observed)
        return model

    model, plain = build(dense), build(lambda x, w: pt.tanh(w @ x))
    point = {"x": X}
    np.testing.assert_allclose(model.compile_dlogp()(point), plain.compile_dlogp()(point), rtol=1e-12)
    run: Any = {"chains": 2, "random_seed": 1, "quiet": True}
    first, same = (pm.sample(3, tune=3, **run, model=m).posterior["mu"] for m in (model, plain))
    np.testing.assert_allclose(first, same, rtol=1e-6)  # roundings grow from step to step
    found = pm.sample(10, tune=30, **run, model=model)
    np.testing.assert_allclose(found.posterior["mu"], np.tanh(found.posterior["x"].values @ W.T), rtol=1e-12)
    predicted = pm.sample_posterior_predictive(found, model=model, random_seed=1, progressbar=False)
    assert predicted.posterior_predictive["y"].shape == (2, 10, 30, 2)
    residual = predicted.posterior_predictive["y"].values - found.posterior["mu"].values[:, :, None]
    assert abs(residual.std() - 0.1) < 0.01  # 1200 draws


def test_what_jax_cannot_trace_is_explained():
    x = pt.tensor("x", shape=(4,), dtype="float64")
    with pytest.raises(TypeError, match=r"cannot trace layer with .*4.*test_wrap_jax.py:\d+"):
        dense(x, pt.constant(W))
    with pytest.raises(TypeError, match="given as a plain number"):
        pm.wrap_jax(lambda n: jnp.zeros(n))(pt.lscalar("n"))  # noqa: PLW0108


def test_ops_are_pickled_with_their_functions():
    y = dense(pt.constant(X), pt.constant(W))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(y)).eval(), y.eval())  # noqa: S301  # our own


def test_without_jax_the_error_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    monkeypatch.delitem(sys.modules, "pellucid.compile.jax.functions", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'pellucid\[jax\]'"):
        pm.wrap_jax(layer)
