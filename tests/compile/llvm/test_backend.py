"""The native backend against the interpreter: fusion, storage, lengths, library calls, callbacks, threads."""

import ctypes
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pellucid.tensor as pt
from pellucid.compile.function import function
from pellucid.compile.llvm import backend
from pellucid.diff import grad
from pellucid.graph.nodes import Op
from pellucid.tensor.broadcast import ShapeError
from pellucid.tensor.types import TensorType


def agree(inputs, outputs, *arrays, rtol=1e-12, atol=1e-13):
    """Both backends give the same values and dtypes; returns the native function."""
    native = function(inputs, outputs, backend="llvm")
    assert native.compile_report()["backend"] == "llvm"
    expected = function(inputs, outputs, backend="numpy", rewrite=False)(*arrays)
    for a, b in zip(native(*arrays), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)
        assert a.dtype == b.dtype
        assert a.shape == b.shape
    return native


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def test_reductions_over_any_axes(rng):
    x = pt.tensor3("x")
    outputs = [
        getattr(pt, name)(x, axis) for name in ("sum", "prod", "max", "min") for axis in (None, 0, 1, 2, (0, 2), (1, 2))
    ]
    agree([x], [*outputs, (x > 0).all(0), (x > 0.5).any((1, 2))], rng.random((3, 4, 5)))


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (1, 4), (4, 1), (1, 1)])
def test_empty_and_single_axes(shape, rng):
    x = pt.matrix("x")
    agree([x], [x.sum(0), x.sum(1), x.sum(), pt.exp(x), x.T, x.reshape((-1,)), pt.cumsum(x, 0)], rng.random(shape))


def test_not_contiguous_and_read_only_inputs(rng):
    x = pt.matrix("x")
    big = rng.random((6, 8))
    big.flags.writeable = False
    agree([x], [x * 2, x.sum(0)], big[::2, ::-3])
    agree([x], [x * 2, x.sum(0)], big.T)


def test_matrix_products(rng):
    a, b, v, w = pt.matrix("a"), pt.matrix("b"), pt.vector("v"), pt.vector("w")
    arrays = rng.random((30, 20)), rng.random((20, 10)), rng.random(20), rng.random(30)
    f = agree([a, b, v, w], [a @ b, a @ v, a.T @ w, w @ a, v @ v, (a @ b).sum(0)], *arrays)
    assert f.compile_report()["library_calls"] == ["dgemm"]
    agree([a, b], [a @ b], np.empty((3, 0)), np.empty((0, 2)))
    stack = pt.tensor3("stack")
    agree([stack, b], [stack @ b], rng.random((3, 4, 5)), rng.random((5, 6)))


def test_factors_and_solves_with_their_gradients(rng):
    s, y = pt.matrix("s"), pt.vector("y")
    factor = pt.cholesky(s)
    cost = pt.log(pt.diagonal(factor)).sum() + pt.sqr(pt.solve_triangular(factor, y, lower=True)).sum()
    m = rng.random((7, 7))
    f = agree([s, y], [factor, cost, *grad(cost, [s, y])], m @ m.T + np.eye(7), rng.random(7), rtol=1e-10)
    assert {"dpotrf", "dtrsm"} <= set(f.compile_report()["library_calls"])
    assert np.isnan(function([s], factor)(-np.eye(3))).all()
    batch = pt.tensor("batch", shape=(4, 3, 3))
    m = rng.random((4, 3, 3))
    agree([batch], [pt.cholesky(batch)], m @ m.transpose(0, 2, 1) + np.eye(3))


def test_updates_with_repeated_positions(rng):
    x, y, i = pt.vector("x"), pt.vector("y"), pt.lvector("i")
    positions = np.array([0, 2, 2, -1, 2])
    agree(
        [x, y, i],
        [x[i].inc(y), x[1:4].set(0.0), x[::-2].inc(1.0), x[i].set(y[0])],
        rng.random(6),
        rng.random(5),
        positions,
    )


def test_joins_lie_together(rng):
    x, y = pt.vector("x"), pt.matrix("y")
    j = pt.concatenate([x, y.sum(0), pt.exp(y).sum(1), x[[0, 0]]])
    agree(
        [x, y],
        [j, j.sum(), pt.concatenate([y, y * 2], axis=1), pt.stack([x[0], x[1] * 2])],
        rng.random(4),
        rng.random((3, 2)),
    )


def test_unequal_dtypes(rng):
    i, b, f = pt.lvector("i"), pt.vector("b", dtype="bool"), pt.fvector("f")
    outputs = [
        i + 1,
        i * 0.5,
        i // 3,
        i % 3,
        -i,
        b & (i > 2),
        ~b,
        f * 2,
        f + i,
        pt.exp(f),
        i.astype("int8"),
        f.sum(),
        i.sum(),
        b.sum(),
        pt.switch(b, i, f),
    ]
    arrays = np.array([-4, 0, 3, 7]), np.array([True, False, True, True]), np.array([0.5, -1, 2, 3], "float32")
    agree([i, b, f], outputs, *arrays, rtol=1e-6)


def test_integer_division_by_zero_gives_zero():
    a, b = pt.lvector("a"), pt.lvector("b")
    agree([a, b], [a // b, a % b], np.array([5, -5, 0]), np.array([0, 0, 0]))


def test_special_values_keep_their_meaning():
    x = pt.vector("x")
    values = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1.7e308])
    agree(
        [x],
        [
            x + x,
            x - x,
            x * 0.0,
            x / x,
            1 / x,
            pt.maximum(x, 0.0),
            pt.isnan(x),
            pt.isinf(x),
            pt.exp(x),
            pt.log(x),
            pt.sign(x),
        ],
        values,
    )


def test_other_lengths_are_the_same_code():
    def source(n):
        data = pt.constant(np.arange(float(n)))
        x = pt.scalar("x")
        module = backend.write_module([x], backend.expand_all([pt.exp(data * x).sum(), data[: n // 2] + x]))
        return module.text

    assert source(100) == source(3000)


def test_independent_sums_share_a_loop(rng):
    x = pt.vector("x")
    f = agree([x], [x.sum(), pt.sqr(x).sum(), pt.exp(x), (x * 2).max()], rng.random(50))
    assert f.compile_report()["loop_nests"] == 1


def test_an_expensive_thing_read_twice_is_stored(rng):
    x, y = pt.vector("x"), pt.matrix("y")
    e = pt.exp(x)
    f = agree([x, y], [(e - e.sum()).sum(), (y * e).sum()], rng.random(5), rng.random((4, 5)))
    assert f.compile_report()["workspace_slots"] == 1


class Median(Op):
    """An op that only Python can compute."""

    calls = 0

    def infer(self, x):
        return (TensorType("float64"),)

    def infer_shape(self, inputs, extents):
        return [()]

    def impl(self, xp, x):
        Median.calls += 1
        if np.isnan(x).any():
            raise ValueError("NaN has no place in an order")
        return np.median(x)

    def __str__(self):
        return "Median"


def test_callbacks_compute_what_has_no_native_code(rng):
    x = pt.vector("x")
    m = Median()(pt.exp(x))
    f = function([x], [m + x, m])
    assert f.compile_report()["callbacks"] == ["Median"]
    values = rng.random(11)
    np.testing.assert_allclose(f(values)[1], np.exp(np.median(values)), rtol=1e-14)
    with pytest.raises(ValueError, match=r"(?s)Median failed: NaN has no place.*test_backend.py"):
        f(np.array([np.nan]))
    np.testing.assert_allclose(f(values)[1], np.exp(np.median(values)), rtol=1e-14)


def test_lengths_that_depend_on_values():
    n, x = pt.lscalar("n"), pt.vector("x")
    agree([n, x], [pt.arange(n), pt.zeros((n, 2)) + 1, x[n:], x[:n].sum()], 3, np.arange(7.0))


def test_data_dependent_shapes_are_interpreted():
    x = pt.vector("x")
    f = function([x], x[x > 0])
    assert "depends on data" in f.compile_report()["why"]
    np.testing.assert_array_equal(f([-1.0, 2, 3]), [2, 3])


def test_threads_have_workspaces_of_their_own(rng):
    x = pt.vector("x")
    e = pt.exp(x)
    f = function([x], (e / e.sum()).sum() * x.sum())
    arrays = [rng.random(2000) for _ in range(64)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(f, arrays))
    np.testing.assert_allclose(found, [a.sum() for a in arrays], rtol=1e-12)


def density_of(x, logp, pieces):
    slopes = pt.concatenate([pt.atleast_1d(g) for g in grad(logp, pieces)])
    return backend.compile_density([x], [logp, slopes]), (logp, slopes)


def test_densities_have_contexts(rng):
    groups, data = rng.integers(0, 5, 40), rng.normal(size=40)
    x = pt.vector("x", shape=(7,))
    mu, log_sigma, raw = x[0], x[1], x[2:]
    z = (data - (mu + pt.exp(log_sigma) * raw)[groups]) / pt.exp(log_sigma)
    logp = -0.5 * pt.sqr(z).sum() - 40 * log_sigma - 0.5 * pt.sqr(raw).sum() - 0.5 * mu**2
    density, (value, slopes) = density_of(x, logp, [mu, log_sigma, raw])
    call = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 4)(density.address)
    one, two = density.context(), density.context()
    assert one != two
    for context in (one, two):
        point, out, gradient = rng.normal(size=7), np.empty(1), np.empty(7)
        assert call(point.ctypes.data, out.ctypes.data, gradient.ctypes.data, context) == 0
        np.testing.assert_allclose(out[0], value.eval({x: point}), rtol=1e-12)
        np.testing.assert_allclose(gradient, slopes.eval({x: point}), rtol=1e-11)


UNARY = [pt.exp, pt.tanh, pt.sigmoid, pt.softplus, pt.sqr, pt.neg, pt.abs, pt.log1p, pt.sin, pt.cumsum]
BINARY = [pt.add, pt.sub, pt.mul, pt.maximum, pt.minimum, pt.logaddexp]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_random_graphs_agree_with_the_interpreter(data):
    rows, columns = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    a, b, c = pt.matrix("a"), pt.col("c"), pt.row("b")
    pool = [a, b, c, pt.constant(0.5)]
    for _ in range(data.draw(st.integers(2, 25))):
        kind = data.draw(st.sampled_from(["unary", "binary", "sum", "transpose", "index"]))
        x = data.draw(st.sampled_from(pool))
        if kind == "unary":
            op = data.draw(st.sampled_from(UNARY))
            pool.append(
                op(pt.abs(x))
                if op is pt.log1p
                else op(pt.tanh(x))
                if x.ndim == 0 or op is not pt.cumsum
                else pt.cumsum(x, axis=0)
            )
        elif kind == "binary":
            pool.append(
                pt.tanh(
                    data.draw(st.sampled_from(BINARY))(
                        x, data.draw(st.sampled_from([p for p in pool if p.type.shape == x.type.shape or p.ndim == 0]))
                    )
                )
            )
        elif kind == "sum" and x.ndim:
            pool.append(x.sum(data.draw(st.integers(0, x.ndim - 1)), keepdims=True))
        elif kind == "transpose" and x.ndim == 2:
            pool.append(x.T.T)
        elif kind == "index" and x.ndim == 2:
            pool.append(x[::-1])
    outputs = pool[4:] or [a + 1]
    seed = data.draw(st.integers(0, 2**32 - 1))
    values = np.random.default_rng(seed)
    arrays = values.normal(size=(rows, columns)), values.normal(size=(rows, 1)), values.normal(size=(1, columns))
    native = function([a, b, c], outputs, backend="llvm", on_unused_input="ignore")(*arrays)
    expected = function([a, b, c], outputs, backend="numpy", on_unused_input="ignore", rewrite=False)(*arrays)
    for x, y in zip(native, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("build", "arrays"),
    [
        (lambda x, y: pt.broadcast_to(x, (5, 3)), [np.ones((2, 3)), np.ones((1, 1))]),
        (lambda x, y: x @ y, [np.ones((2, 3)), np.ones((4, 2))]),
        (lambda x, y: (x @ y[:, 0]), [np.ones((2, 3)), np.ones((4, 2))]),
        (lambda x, y: x.reshape((7, 2)), [np.ones((2, 3)), np.ones((1, 1))]),
        (lambda x, y: pt.concatenate([x, y]), [np.ones((2, 3)), np.ones((2, 4))]),
        (lambda x, y: x[1:].set(y), [np.ones((3, 3)), np.ones((4, 3))]),
        (lambda x, y: x[[0, 1]].inc(y), [np.ones((3, 3)), np.ones((3, 3))]),
        (pt.solve_triangular, [np.eye(3), np.ones((4, 2))]),
        (lambda x, y: pt.cholesky(x), [np.ones((2, 3)), np.ones((1, 1))]),
        (lambda x, y: pt.specify_shape(x, (4, None)), [np.ones((2, 3)), np.ones((1, 1))]),
    ],
)
def test_lengths_that_must_agree_are_checked_before_memory_is_read(build, arrays):
    x, y = pt.matrix("x"), pt.matrix("y")
    f = function([x, y], [build(x, y)], on_unused_input="ignore", backend="llvm", rewrite=False)
    with pytest.raises(ShapeError, match=r"(?s)'x' of shape.*test_backend.py"):
        f(*arrays)


@pytest.mark.parametrize("rows, columns", [(1, 3), (64, 5), (66, 8), (67, 1), (101, 13), (64, 0), (0, 4)])
@pytest.mark.parametrize("static", [True, False])
def test_several_rows_at_once(rows, columns, static, monkeypatch):
    monkeypatch.setattr("pellucid.compile.llvm.rows.FEWEST_ROWS", 1)
    monkeypatch.setattr("pellucid.compile.llvm.tiles.LARGE", 0)
    shape = lambda *n: n if static else (None,) * len(n)  # noqa: E731
    rng = np.random.default_rng(rows)
    matrix, right, left = (pt.tensor(shape=shape(*n)) for n in ((rows, columns), (columns,), (rows,)))
    outputs = [
        matrix @ right,
        left @ matrix,
        matrix.sum(),
        matrix.prod(0),
        (matrix * left[:, None]).sum(1),
        (matrix > 0).all(1),
        (matrix > 0).sum(0),
        (matrix[None] * left[None, :, None]).sum(2),
        (matrix[:, None, :] * pt.ones((1, 3, 1))).sum(0),
        matrix.astype("float32").sum(1),
    ]
    given = [rng.normal(size=n) for n in ((rows, columns), columns, rows)]
    inputs = [matrix, right, left]
    wanted = function(inputs, outputs, backend="numpy")(*given)
    for a, b in zip(wanted, function(inputs, outputs)(*given), strict=True):
        exact = a.dtype != "float32"
        assert a.dtype == b.dtype
        np.testing.assert_allclose(b, a, rtol=1e-10 if exact else 1e-4, atol=1e-12 if exact else 1e-4)


def test_planning_a_recurrence_is_linear():
    """The gradient reads every step: looking through the whole recurrence for each of them would take minutes."""
    x = [pt.scalar() for _ in range(400)]
    state = x[0]
    for v in x[1:]:
        state = pt.tanh(0.5 * state + v)
    at = np.cos(np.arange(400.0))
    slopes = grad(state, x)
    wanted = function(x, slopes, backend="numpy")(*at)
    start = time.thread_time()
    compiled = function(x, slopes)
    assert time.thread_time() - start < 10
    np.testing.assert_allclose(compiled(*at), wanted, rtol=1e-10, atol=1e-300)
