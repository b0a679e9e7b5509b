"""Python functions, prints, checks and users' own ops in graphs, on every backend."""

import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt
from pellucid.tensor.check import Assert, CheckAndRaise
from pellucid.tensor.host import Print, as_op, wrap_py
from pellucid.tensor.types import TensorType

BACKENDS = ["numpy", "llvm"]


@wrap_py([pt.dvector, pt.dscalar], pt.dvector, lambda fgraph, node, shapes: [shapes[0]],
         vjp=lambda x, a, g: (g * a * np.cos(a * x), np.sum(g * x * np.cos(a * x))))  # fmt: skip
def wave(x, a):
    return np.sin(a * x)


@as_op(itypes=[pt.dvector], otypes=[pt.dvector, pt.lscalar])
def positives(x):
    return x[x > 0], np.int64(np.sum(x > 0))


@wrap_py(pt.dscalar, pt.dscalar, grad=lambda inputs, gradients: [gradients[0] * 3 * inputs[0] ** 2])
def cube(x):
    return np.asarray(x**3)


@dataclass(frozen=True)
class Shift(pm.Op):
    """x + by: what a user writes."""

    by: float = 1.0

    def infer(self, x: Any) -> tuple[Any]:
        return (x.type,)

    def infer_shape(self, inputs: Any, extents: Any) -> list[Any]:
        return [extents[0]]

    def impl(self, xp: Any, x: Any) -> Any:
        return x + xp.asarray(self.by, dtype=x.dtype)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Any]:
        return [gradients[0]]


@dataclass(frozen=True)
class Centered(pm.Op):
    """A vector less its mean, and the mean: a reference that knows vectors only."""

    def infer(self, x: Any) -> tuple[Any, Any]:
        if x.ndim != 1:
            raise TypeError("a vector is needed")
        return x.type, TensorType(x.dtype, ())

    def infer_shape(self, inputs: Any, extents: Any) -> list[Any]:
        return [extents[0], ()]

    def impl(self, xp: Any, x: Any) -> Any:
        return x - x.mean(), x.mean()

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Any]:
        g, m = gradients
        return [g - g.mean() + m / inputs[0].shape[0]]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_python_function_with_its_gradient(backend):
    x, a = pt.dvector("x"), pt.dscalar("a")
    y = wave(x, a)
    value = np.linspace(-1, 1, 5)
    f = pm.function([x, a], [y, *pm.grad((y**2).sum(), [x, a])], backend=backend)
    out, gx, ga = f(value, 2.0)
    np.testing.assert_allclose(out, np.sin(2 * value))
    np.testing.assert_allclose(gx, 2 * np.sin(2 * value) * 2 * np.cos(2 * value))
    assert float(ga) == pytest.approx(np.sum(2 * np.sin(2 * value) * value * np.cos(2 * value)))
    assert f(np.empty(0), 1.0)[0].shape == (0,)
    if backend == "llvm":
        assert any("wave" in name for name in f.compile_report()["callbacks"])
    pm.verify_grad(wave, [value, np.array(1.3)], backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_lengths_that_only_the_result_tells(backend):
    x = pt.dvector("x")
    picked, count = positives(x)
    f = pm.function([x], [picked * 2, count], backend=backend)
    out, n = f([1.0, -1.0, 3.0])
    assert out.tolist() == [2.0, 6.0]
    assert n == 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_gradient_of_variables(backend):
    x = pt.dscalar("x")
    assert float(pm.function([x], pm.grad(cube(x), x), backend=backend)(2.0)) == 12.0


def test_wrapped_functions_refuse_what_they_cannot_take():
    with pytest.raises(TypeError, match=r"Input 0 of .*wave.* must be Vector.*matrix"):
        wave(pt.dmatrix("matrix"), 1.0)
    assert cube(pt.lscalar("n")).owner.inputs[0].dtype == "float64"
    x = pt.dvector("x")
    cost = positives(x)[0].sum()
    with pytest.raises(TypeError, match="no gradient, because it is a Python function"):
        pm.grad(cost, x)
    with pytest.raises(TypeError, match="takes 1 arguments, but there are 2 itypes"):
        wrap_py([pt.dscalar] * 2, pt.dscalar)(lambda x: x)
    with pytest.raises(TypeError, match="once"):
        wrap_py(pt.dscalar, pt.dscalar, grad=lambda i, g: g, vjp=lambda x, g: g)
    bad = wrap_py(pt.dvector, pt.dvector, lambda fgraph, node, shapes: shapes)(lambda x: x.astype("complex128"))
    for backend in BACKENDS:
        x = pt.dvector("x")
        with pytest.raises(ValueError, match=r"output 0 is an array of complex128.*\n.*'x'"):
            pm.function([x], bad(x), backend=backend)([1.0])


def test_wrapped_functions_are_pickled_by_their_place():
    assert pickle.loads(pickle.dumps(wave)) is wave  # noqa: S301


@pytest.mark.parametrize("backend", BACKENDS)
def test_batches_of_python_functions(backend):
    x, a, xs, many = pt.dvector("x"), pt.dscalar("a"), pt.dmatrix("xs"), pt.dvector("many")
    y = wave(x, a)
    value = np.linspace(-1, 1, 6).reshape(2, 3)
    batch = pm.vectorize_graph(y, {x: xs})
    np.testing.assert_allclose(pm.function([xs, a], batch, backend=backend)(value, 2.0), np.sin(2 * value))
    both = pm.vectorize_graph(y, {x: xs, a: many})
    f = pm.function([xs, many], [both, *pm.grad((both**2).sum(), [xs, many])], backend=backend)
    scale = np.array([1.0, 3.0])
    out, gx, ga = f(value, scale)
    want = np.sin(scale[:, None] * value)
    np.testing.assert_allclose(out, want)
    np.testing.assert_allclose(gx, 2 * want * scale[:, None] * np.cos(scale[:, None] * value))
    np.testing.assert_allclose(ga, (2 * want * value * np.cos(scale[:, None] * value)).sum(1))
    shared = pm.grad((batch**2).sum(), a)
    g = pm.function([xs, a], shared, backend=backend)(value, 2.0)
    assert float(g) == pytest.approx(np.sum(2 * np.sin(2 * value) * value * np.cos(2 * value)))
    assert f(np.empty((0, 3)), np.empty(0))[0].shape == (0, 3)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_a_users_op(backend, dtype):
    x = pt.matrix("x", dtype=dtype)
    value = np.arange(6, dtype=dtype).reshape(2, 3)
    y = Shift(2.0)(x * 2)
    out = pm.function([x], y, backend=backend)(value)
    np.testing.assert_array_equal(out, value * 2 + 2)
    assert out.dtype == dtype
    assert pm.function([x], Shift(2.0)(x) - Shift(2.0)(x), backend=backend)(value).sum() == 0
    if dtype != "int64":
        slope = pm.function([x], pm.grad(y.sum(), x), backend=backend)(value)
        np.testing.assert_array_equal(slope, 2 * np.ones((2, 3)))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_users_op_over_a_batch(backend, dtype):
    x, xs = pt.vector("x", dtype=dtype), pt.tensor3("xs", dtype=dtype)
    centered, mean = Centered()(x)
    batch, means = pm.vectorize_graph([centered, mean], {x: xs})
    value = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(dtype)
    cost = (batch * np.arange(4, dtype=dtype)).sum() + (means**2).sum()
    b, m, g = pm.function([xs], [batch, means, pm.grad(cost, xs)], backend=backend)(value)
    np.testing.assert_allclose(b, value - value.mean(-1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(m, value.mean(-1), rtol=1e-5)
    want = np.arange(4) - 1.5 + 2 * value.mean(-1, keepdims=True) / 4
    np.testing.assert_allclose(g, want, rtol=1e-4, atol=1e-6)
    assert b.dtype == m.dtype == g.dtype == dtype


@pytest.mark.parametrize("backend", BACKENDS)
def test_print_shows_the_value_and_changes_nothing(backend, capsys):
    x = pt.vector("x")
    y = Print("x is", attrs=["__str__", "shape", "max"])(x) ** 2
    f = pm.function([x], [y, pm.grad(y.sum(), x)], backend=backend)
    out, g = f([1.0, 2.0])
    assert out.tolist() == [1.0, 4.0]
    assert g.tolist() == [2.0, 4.0]
    assert capsys.readouterr().out == "x is __str__ = [1. 2.]\nx is shape = (2,)\nx is max = 2.0\n"
    pm.function([x], pm.vectorize_graph(y, {x: pt.constant(np.ones((2, 2)))}), on_unused_input="ignore")([1.0])
    assert capsys.readouterr().out.count("shape = (2, 2)") == 1
    seen = []
    Print("kept", global_fn=lambda op, value: seen.append((op.message, value.tolist())))(pt.constant(1.0)).eval()
    assert seen == [("kept", 1.0)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", [AssertionError, ValueError, IndexError, KeyError])
def test_checks_raise_the_users_error_and_line(backend, kind):
    x, y = pt.vector("x"), pt.scalar("y")
    checked = CheckAndRaise(kind, "x must be positive")(x, pt.all(x > 0), y < 5)
    f = pm.function([x, y], [checked * 2, pm.grad(checked.sum(), x)], backend=backend)
    out, g = f([1.0, 2.0], 1.0)
    assert out.tolist() == [2.0, 4.0]
    assert g.tolist() == [1.0, 1.0]
    for bad in [([1.0, -2.0], 1.0), ([1.0], 7.0), ([1.0, np.nan], 0.0), ([], 9.0)]:
        with pytest.raises(kind) as caught:
            f(*bad)
        assert type(caught.value) is kind
        assert "x must be positive" in str(caught.value)
        assert "test_host.py" in str(caught.value)
    assert f([], 0.0)[0].shape == (0,)
    if backend == "llvm":
        assert f.compile_report()["callbacks"] == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_assert_of_constants_and_batches(backend):
    x, xs = pt.scalar("x"), pt.vector("xs")
    always = Assert("never")(x, True)
    f = pm.function([x], always, backend=backend)
    assert f.rewritten == [x]
    never = pm.function([x], Assert("it is so")(x, False), backend=backend)
    with pytest.raises(AssertionError, match="it is so"):
        never(1.0)
    batch = pm.vectorize_graph(Assert("positive")(pt.log(x), x > 0), {x: xs})
    g = pm.function([xs], batch, backend=backend)
    assert g([1.0, 1.0]).tolist() == [0.0, 0.0]
    with pytest.raises(AssertionError, match="positive"):
        g([1.0, -1.0])
    with pytest.raises(TypeError, match="exceptions"):
        CheckAndRaise("no class", "")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="at least one condition"):
        Assert()(x)


@pytest.mark.parametrize("backend", BACKENDS)
def test_inside_loops(backend, capsys):
    x, start = pt.vector("x"), pt.scalar("start")

    def step(a, before):
        return Print("before")(Assert("positive")(before, before > 0)) * 0.5 + a

    out = pm.scan(step, sequences=[x], outputs_info=[start], return_updates=False)
    f = pm.function([x, start], out, backend=backend)
    assert f([1.0, 2.0], 1.0).tolist() == [1.5, 2.75]
    assert capsys.readouterr().out == "before __str__ = 1.0\nbefore __str__ = 1.5\n"
    with pytest.raises((AssertionError, ValueError), match="positive"):
        f([-9.0, 2.0], 1.0)
    again = pickle.loads(pickle.dumps(pm.function([x, start], out.sum(), backend="numpy")))  # noqa: S301
    assert float(again([1.0, 2.0], 1.0)) == 4.25
