"""The ops that move, combine or factor elements: values, shapes and gradients on every backend, case by case."""

# ruff: noqa: B023, PLW0108 - builders are called at once, and spell out the axes they are about

import warnings

import numpy as np
import pytest
import scipy.linalg
import scipy.special as sp

import pellucid.tensor as pt
from pellucid.diff import grad
from pellucid.tensor.broadcast import ShapeError
from pellucid.testing import BACKENDS_UNDER_TEST, check_op

RNG = np.random.default_rng(3)
SHAPES = ((), (3,), (1,), (0,), (2, 3), (1, 3), (0, 3), (2, 0), (2, 1, 3))


def normal(*shape):
    return RNG.normal(size=shape)


def axes_of(shape):
    n = len(shape)
    return [None, *range(-n, n), *([(0, n - 1)] if n > 1 else []), *([(0, 1, 2)] if n > 2 else [])]


def empty_max(name, shape, axis):
    """Whether NumPy refuses the reduction: the largest of no elements."""
    axes = range(len(shape)) if axis is None else np.atleast_1d(axis)
    return name in ("max", "min", "argmax", "argmin") and any(shape[a] == 0 for a in axes)


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "mean", "var", "std"])
def test_reductions(name, backend):
    for shape in SHAPES:
        for axis in axes_of(shape):
            x = normal(*shape)
            if empty_max(name, shape, axis):
                with pytest.raises(ValueError, match=r"without elements|zero-size|no elements|empty"):
                    getattr(pt, name)(x, axis).eval(backend=backend)
                continue
            smooth = x.size > 1 and not (name == "std" and 1 in shape)
            for keepdims in (False, True):
                with np.errstate(all="ignore"), warnings.catch_warnings():
                    warnings.simplefilter("ignore", RuntimeWarning)  # of NumPy, about means of nothing
                    want = getattr(np, name)(x, axis=axis, keepdims=keepdims)
                check_op(lambda v: getattr(pt, name)(v, axis, keepdims=keepdims), [x], lambda _: want,
                         backend=backend, gradient=smooth and keepdims, atol=1e-14)  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("dtype", ["float32", "int64", "int8", "uint8", "bool"])
@pytest.mark.parametrize(
    "name", ["sum", "prod", "max", "min", "all", "any", "mean", "var", "argmax", "argmin", "cumsum", "cumprod"]
)
def test_reduction_dtypes(name, dtype, backend):
    x = RNG.integers(0, 3, (3, 4)).astype(dtype)
    for axis in (None, 0, -1):
        check_op(
            lambda v: getattr(pt, name)(v, axis=axis), [x], lambda v: getattr(np, name)(v, axis=axis), backend=backend
        )


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("name", ["all", "any", "argmax", "argmin"])
def test_logical_reductions_and_positions(name, backend):
    for shape in SHAPES:
        for axis in axes_of(shape):
            if isinstance(axis, tuple) and name.startswith("arg"):
                continue
            if empty_max(name, shape, axis):
                continue
            x = RNG.integers(0, 2, shape).astype(float)
            check_op(
                lambda v: getattr(pt, name)(v, axis), [x], lambda v: getattr(np, name)(v, axis=axis), backend=backend
            )


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_cumulate(axis, backend):
    for x in (normal(3, 4), normal(0, 3), normal(1, 1)):
        check_op(lambda v: pt.cumsum(v, axis), [x], lambda v: np.cumsum(v, axis), backend=backend)
        check_op(lambda v: pt.cumprod(v, axis), [x], lambda v: np.cumprod(v, axis), backend=backend)


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_products_of_zeros(zeros, backend):
    x = np.array([[1.5, 2.0, -3.0, 0.5], [1.0, 2.0, 3.0, 4.0]])
    x[0, 1 : 1 + zeros] = 0
    check_op(lambda v: pt.prod(v, 1), [x], lambda v: np.prod(v, 1), backend=backend, gradient=zeros < 2)
    check_op(lambda v: pt.cumprod(v, 1), [x], lambda v: np.cumprod(v, 1), backend=backend, gradient=False)
    v = pt.matrix("v")
    weights = np.array([[0.3, -1.0, 2.0, 0.7]] * 2)
    for f, want in (
        (pt.prod(v, 1).sum(), product_gradient(x)),
        ((pt.cumprod(v, 1) * weights).sum(), cumprod_gradient(x, weights)),
    ):
        np.testing.assert_allclose(grad(f, v).eval({v: x}), want, rtol=1e-12)


def product_gradient(x):
    return np.array([[np.prod(np.delete(row, i)) for i in range(len(row))] for row in x])


def cumprod_gradient(x, weights):
    out = np.zeros_like(x)
    for r, row in enumerate(x):
        for i in range(len(row)):
            out[r, i] = sum(weights[r, j] * np.prod(np.delete(row[: j + 1], i)) for j in range(i, len(row)))
    return out


def test_ties_share_the_gradient():
    x = pt.vector("x")
    np.testing.assert_array_equal(grad(x.max(), x).eval({x: [1.0, 2.0, 2.0]}), [0.0, 0.5, 0.5])
    np.testing.assert_array_equal(grad(x.min(), x).eval({x: [1.0, 2.0, 1.0]}), [0.5, 0.0, 0.5])
    y = pt.scalar("y")
    assert grad(pt.maximum(y, y), y).eval({y: 1.0}) == 1.0


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
def test_exponential_sums(backend):
    for shape in SHAPES[1:]:
        for axis in axes_of(shape):
            x = normal(*shape)
            known = x.size > 0
            if not (x.size == 0 and np.sum(x, axis=axis).size):
                check_op(
                    lambda v: pt.logsumexp(v, axis), [x], lambda v: sp.logsumexp(v, axis), backend=backend, atol=1e-14
                )
            if known:
                check_op(lambda v: pt.softmax(v, axis), [x], lambda v: sp.softmax(v, axis), backend=backend)
                check_op(
                    lambda v: pt.log_softmax(v, axis),
                    [x],
                    lambda v: sp.log_softmax(v, axis),
                    backend=backend,
                    atol=1e-14,
                )


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
def test_exponential_sums_at_the_edges(backend):
    x = np.array([[1000.0, 999.0], [-np.inf, -np.inf], [-np.inf, 0.0], [np.inf, 0.0], [np.nan, 0.0], [-1e308, 1e308]])
    with np.errstate(all="ignore"):
        check_op(lambda v: pt.logsumexp(v, 1), [x], lambda v: sp.logsumexp(v, 1), backend=backend, gradient=False)
        check_op(lambda v: pt.softmax(v, 1), [x], lambda v: sp.softmax(v, 1), backend=backend, gradient=False)
    check_op(
        lambda v: pt.logsumexp(v, 0), [np.zeros((0, 2))], lambda _: np.full(2, -np.inf), backend=backend, gradient=False
    )
    for f in (pt.softmax, pt.log_softmax):
        check_op(lambda v: f(v, 0), [np.zeros((0, 2))], lambda v: v, backend=backend)
    for dtype in ("int8", "uint8", "bool"):
        x = np.array([0, 1, 1]).astype(dtype)
        check_op(pt.logsumexp, [x], lambda v: sp.logsumexp(v.astype(float)), backend=backend)
        check_op(pt.softmax, [x], lambda v: sp.softmax(v.astype(float)), backend=backend)


MOVES = {
    "transpose": ([normal(2, 3)], lambda x: x.T, lambda x: x.T),
    "transpose 3": ([normal(2, 1, 3)], lambda x: x.transpose(2, 0, 1), lambda x: x.transpose(2, 0, 1)),
    "mT": ([normal(2, 1, 3)], lambda x: x.mT, lambda x: np.swapaxes(x, -1, -2)),
    "dimshuffle": (
        [normal(2, 1, 3)],
        lambda x: x.dimshuffle(2, "x", 0),
        lambda x: np.transpose(x[:, 0], (1, 0))[:, None],
    ),
    "swapaxes": ([normal(2, 0, 3)], lambda x: x.swapaxes(0, -1), lambda x: np.swapaxes(x, 0, -1)),
    "moveaxis": ([normal(2, 1, 3)], lambda x: pt.moveaxis(x, 0, -1), lambda x: np.moveaxis(x, 0, -1)),
    "moveaxis 2": (
        [normal(2, 1, 3)],
        lambda x: pt.moveaxis(x, (2, 0), (0, 1)),
        lambda x: np.moveaxis(x, (2, 0), (0, 1)),
    ),
    "expand_dims": ([normal(2, 3)], lambda x: pt.expand_dims(x, (0, -1)), lambda x: np.expand_dims(x, (0, -1))),
    "expand scalar": ([normal()], lambda x: pt.expand_dims(x, 0), lambda x: x[None]),
    "squeeze": ([normal(2, 1, 3)], lambda x: x.squeeze(1), lambda x: x[:, 0]),
    "atleast_2d": ([normal(3)], pt.atleast_2d, np.atleast_2d),
    "reshape": ([normal(2, 6)], lambda x: x.reshape((3, 4)), lambda x: x.reshape(3, 4)),
    "reshape rest": ([normal(2, 6)], lambda x: x.reshape(3, -1), lambda x: x.reshape(3, -1)),
    "reshape empty": ([normal(0, 6)], lambda x: x.reshape((-1, 3)), lambda x: x.reshape(-1, 3)),
    "reshape to scalar": ([normal(1, 1)], lambda x: x.reshape(()), lambda x: x.reshape(())),
    "reshape by shape": (
        [normal(2, 3), normal(3, 2)],
        lambda x, y: x.reshape(y.shape) * y,
        lambda x, y: x.reshape(3, 2) * y,
    ),
    "flatten": ([normal(2, 1, 3)], lambda x: x.flatten(), np.ravel),
    "flatten 2": ([normal(2, 1, 3)], lambda x: x.flatten(2), lambda x: x.reshape(2, 3)),
    "flatten scalar": ([normal()], lambda x: x.flatten(), np.ravel),
    "item": ([normal(1)], lambda x: x.item(), lambda x: x[0]),
    "broadcast_to": ([normal(1, 3)], lambda x: pt.broadcast_to(x, (2, 4, 3)), lambda x: np.broadcast_to(x, (2, 4, 3))),
    "broadcast scalar": ([normal()], lambda x: pt.broadcast_to(x, (2, 3)), lambda x: np.broadcast_to(x, (2, 3))),
    "broadcast empty": ([normal(1)], lambda x: pt.broadcast_to(x, (0, 1)), lambda x: np.broadcast_to(x, (0, 1))),
    "broadcast_arrays": (
        [normal(1, 3), normal(2, 1)],
        pt.broadcast_arrays,
        lambda x, y: list(np.broadcast_arrays(x, y)),
    ),
    "specify_shape": ([normal(2, 3)], lambda x: pt.specify_shape(x, (2, None)), lambda x: x),
    "concatenate": (
        [normal(2, 3), normal(1, 3)],
        lambda x, y: pt.concatenate([x, y]),
        lambda x, y: np.concatenate([x, y]),
    ),
    "concatenate -1": (
        [normal(2, 0), normal(2, 3)],
        lambda x, y: pt.concatenate([x, y], -1),
        lambda x, y: np.concatenate([x, y], -1),
    ),
    "join": ([normal(2), normal(3), normal(1)], lambda *v: pt.join(0, *v), lambda *v: np.concatenate(v)),
    "stack": ([normal(2, 3), normal(2, 3)], lambda x, y: pt.stack([x, y], 1), lambda x, y: np.stack([x, y], 1)),
    "stack -1": ([normal(3), normal(3)], lambda x, y: pt.stack([x, y], axis=-1), lambda x, y: np.stack([x, y], -1)),
    "stack scalars": ([normal(), normal()], lambda x, y: pt.stack([x, y, 1.0]), lambda x, y: np.array([x, y, 1.0])),
    "diagonal": ([normal(3, 4)], lambda x: pt.diagonal(x, 1), lambda x: np.diagonal(x, 1)),
    "diagonal -2": ([normal(4, 3)], lambda x: pt.diagonal(x, -2), lambda x: np.diagonal(x, -2)),
    "diagonal batch": ([normal(2, 3, 3)], lambda x: pt.diagonal(x, 0, -2, -1), lambda x: np.diagonal(x, 0, -2, -1)),
    "trace": ([normal(3, 3)], pt.trace, np.trace),
    "diag": ([normal(3)], lambda x: pt.diag(x, -1), lambda x: np.diag(x, -1)),
    "tril": ([normal(3, 4)], lambda x: pt.tril(x, -1), lambda x: np.tril(x, -1)),
    "triu": ([normal(3, 4)], lambda x: pt.triu(x, 1), lambda x: np.triu(x, 1)),
    "outer": ([normal(2), normal(3)], pt.outer, np.outer),
    "zeros_like": ([normal(2, 3)], lambda x: pt.zeros_like(x) + x, lambda x: x),
    "full_like": ([normal(2, 3)], lambda x: pt.full_like(x, 2.5) * x, lambda x: 2.5 * x),
    "take": ([normal(4)], lambda x: pt.take(x, [[0, 3], [1, 1]]), lambda x: np.take(x, [[0, 3], [1, 1]])),
    "take axis": ([normal(2, 4)], lambda x: x.take([3, 0], axis=-1), lambda x: np.take(x, [3, 0], axis=-1)),
    "norm": ([normal(2, 4)], lambda x: x.norm(axis=1), lambda x: np.linalg.norm(x, axis=1)),
    "norm 1": ([normal(2, 4)], lambda x: x.norm(1, axis=1), lambda x: np.linalg.norm(x, 1, axis=1)),
    "norm inf": ([normal(2, 4)], lambda x: x.norm(np.inf, axis=1), lambda x: np.linalg.norm(x, np.inf, axis=1)),
}


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("name", MOVES)
def test_moves(name, backend):
    arrays, build, expected = MOVES[name]
    check_op(build, arrays, expected, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("dtypes", [("float32", "float64"), ("int64", "float32"), ("bool", "int8"), ("int8", "uint8")])
def test_join_promotes(dtypes, backend):
    x, y = (np.ones(2, d) for d in dtypes)
    check_op(lambda a, b: pt.concatenate([a, b]), [x, y], lambda a, b: np.concatenate([a, b]), backend=backend)


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("shapes", [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((4, 2, 3), (3, 5)), ((2, 3), (4, 3, 5)),
                                    ((1, 2, 3), (4, 3, 1)),
    ((3,), (4, 3, 2)), ((4, 2, 3), (3,)), ((0, 3), (3, 2)), ((2, 0), (0, 3)), ((0,), (0,)), ((1, 1), (1, 1)),
])  # fmt: skip
def test_matmul(shapes, backend):
    a, b = (normal(*s) for s in shapes)
    check_op(lambda x, y: x @ y, [a, b], np.matmul, backend=backend, atol=1e-14)


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("dtype", ["float32", "int64", "int8", "bool"])
def test_matmul_dtypes(dtype, backend):
    a, b = RNG.integers(0, 3, (2, 3)).astype(dtype), RNG.integers(0, 3, (3, 4)).astype(dtype)
    check_op(lambda x, y: x @ y, [a, b], np.matmul, backend=backend)
    check_op(lambda x, y: pt.linalg.MatMul().expand_loops(x, y), [a, b], np.matmul, backend=backend)


def definite(*lead, n=3):
    a = normal(*lead, n, n)
    return a @ np.swapaxes(a, -1, -2) + n * np.eye(n)


def symmetric(a):
    return 0.5 * (a + a.mT)


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("lead", [(), (2,), (2, 1), (0,)])
def test_factors(lead, backend):
    a, b = definite(*lead), normal(*lead, 3, 2)
    check_op(pt.cholesky, [a], np.linalg.cholesky, backend=backend, atol=1e-14)
    check_op(
        lambda v: pt.cholesky(v, lower=False),
        [a],
        lambda v: np.swapaxes(np.linalg.cholesky(v), -1, -2),
        backend=backend,
        atol=1e-14,
    )
    check_op(pt.inv, [a], np.linalg.inv, backend=backend, rtol=1e-10, atol=1e-12)
    for lower, transposed in ((True, 0), (True, 1), (False, 0), (False, "T")):
        t = np.tril(a) if lower else np.triu(a)
        m = np.swapaxes(t, -1, -2) if transposed else t
        check_op(lambda u, v: pt.solve_triangular(u, v, lower=lower, trans=transposed), [a, b],
                 lambda *_: np.linalg.solve(m, b) if lead != (0,) else b, backend=backend, rtol=1e-10,
                 atol=1e-12)  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
def test_solves(backend):
    a = definite()
    v = normal(3)
    t = np.tril(a)
    check_op(
        lambda x, y: pt.solve_triangular(x, y, lower=True),
        [a, v],
        lambda *_: np.linalg.solve(t, v),
        backend=backend,
        rtol=1e-10,
    )
    unit = t - np.diag(np.diag(t)) + np.eye(3)
    check_op(lambda x, y: pt.solve_triangular(x, y, lower=True, unit_diagonal=True), [a, v],
             lambda *_: np.linalg.solve(unit, v),
             backend=backend, rtol=1e-10)  # fmt: skip
    check_op(lambda x, y: pt.cho_solve((pt.cholesky(x), True), y), [a, v], np.linalg.solve, backend=backend, rtol=1e-10)
    batch = normal(4, 3, 1)
    check_op(
        lambda x, y: pt.solve_triangular(x, y, lower=True),
        [a, batch],
        lambda *_: np.linalg.solve(t, batch),
        backend=backend,
        rtol=1e-10,
    )


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
def test_failed_factors_are_nan_where_they_fail(backend):
    a = np.stack([np.eye(2), -np.eye(2), np.full((2, 2), np.nan)])
    value = pt.cholesky(a).eval(backend=backend)
    np.testing.assert_array_equal(np.isnan(value).any(axis=(1, 2)), [False, True, True])
    singular = np.stack([np.eye(2), np.zeros((2, 2))])
    value = pt.inv(singular).eval(backend=backend)
    np.testing.assert_array_equal(np.isfinite(value).all(axis=(1, 2)), [True, False])
    with pytest.raises(Exception, match=r"[Cc]holesky"):
        pt.cholesky(-np.eye(2), on_error="raise").eval(backend=backend)


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
def test_factor_dtypes(backend):
    for dtype in ("float32", "int64"):
        a = (4 * np.eye(2)).astype(dtype)
        want = "float32" if dtype == "float32" else "float64"
        check_op(pt.cholesky, [a], lambda v: np.linalg.cholesky(v).astype(want), backend=backend)
        check_op(pt.inv, [a], lambda v: np.linalg.inv(v).astype(want), backend=backend)
        check_op(lambda x, y: pt.solve_triangular(x, y, lower=True), [a, a],
                 lambda v, w: scipy.linalg.solve(v, w).astype(want),
                 backend=backend)  # fmt: skip


@pytest.mark.parametrize(
    "arguments", [(5,), (2, 9), (2, 9, 3), (9, 2, -2), (0,), (3, 1), (0.0, 1.0, 0.25), (1, 2.5), (-3,)]
)
@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
def test_arange(arguments, backend):
    want = np.arange(*arguments)
    found = pt.arange(*arguments)
    assert found.dtype == want.dtype
    assert found.type.shape == want.shape
    np.testing.assert_allclose(found.eval(backend=backend), want)
    arrays = [np.asarray(a) for a in arguments]
    check_op(lambda *v: pt.arange(*v), arrays, lambda *_: want, backend=backend, gradient=False)


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
def test_ranges_and_filled(backend):
    check_op(
        lambda a, b: pt.linspace(a, b, 5), [normal(), normal()], lambda a, b: np.linspace(a, b, 5), backend=backend
    )
    check_op(
        lambda a: pt.linspace(a, 1, 4, endpoint=False),
        [normal()],
        lambda a: np.linspace(a, 1, 4, endpoint=False),
        backend=backend,
    )
    n = np.array(3)
    for k in (-1, 0, 2):
        check_op(lambda v: pt.eye(v, 4, k), [n], lambda v: np.eye(int(v), 4, k), backend=backend)
        check_op(lambda v: pt.tri(v, 4, k), [n], lambda v: np.tri(int(v), 4, k), backend=backend)
    check_op(lambda v: pt.zeros((v, 2), dtype="int8"), [n], lambda v: np.zeros((int(v), 2), "int8"), backend=backend)
    check_op(lambda v, w: pt.full((2, v), w), [n, normal()], lambda v, w: np.full((2, int(v)), w), backend=backend)


@pytest.mark.parametrize("backend", [b for b in BACKENDS_UNDER_TEST if b != "jax"])  # JAX cannot know how many
def test_nonzero(backend):
    for shape in ((4,), (0,), (2, 3)):
        x = RNG.integers(0, 2, shape).astype(float)
        check_op(lambda v: list(pt.nonzero(v)), [x], lambda v: list(np.nonzero(v)), backend=backend)
        check_op(lambda v: v[v > 0] * 2.0, [x + 0.5], lambda v: v[v > 0] * 2.0, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
def test_shapes_as_values(backend):
    x = normal(2, 0, 3)
    check_op(lambda v: v.shape, [x], lambda v: np.array(v.shape), backend=backend)
    check_op(lambda v: v.size, [x], lambda v: np.array(v.size), backend=backend)
    check_op(lambda v: v.shape[0] * v.shape[2], [x], lambda v: np.array(v.shape[0] * v.shape[2]), backend=backend)


class TestRefusals:
    """Mistakes that can be seen while the graph is written are seen then."""

    @pytest.mark.parametrize("build", [
        lambda: pt.vector(shape=(2,)) + pt.vector(shape=(3,)),
        lambda: pt.matrix(shape=(2, 3)) @ pt.vector(shape=(2,)),
        lambda: pt.matrix(shape=(2, 3)) @ pt.matrix(shape=(2, 3)),
        lambda: pt.scalar() @ pt.vector(),
        lambda: pt.matrix(shape=(2, 3)).reshape((4, 2)),
        lambda: pt.vector(shape=(5,)).reshape((2, -1)),
        lambda: pt.broadcast_to(pt.vector(shape=(3,)), (2,)),
        lambda: pt.broadcast_to(pt.matrix(), (2,)),
        lambda: pt.concatenate([pt.vector(), pt.matrix()]),
        lambda: pt.concatenate([pt.matrix(shape=(2, 3)), pt.matrix(shape=(2, 4))]),
        lambda: pt.matrix(shape=(2, 3)).squeeze(0),
        lambda: pt.cholesky(pt.matrix(shape=(2, 3))),
        lambda: pt.cholesky(pt.vector()),
        lambda: pt.specify_shape(pt.vector(shape=(2,)), (3,)),
    ])  # fmt: skip
    def test_shapes(self, build):
        with pytest.raises(ShapeError) as caught:
            build()
        assert "test_structured.py" in str(caught.value)

    @pytest.mark.parametrize("build", [
        lambda: pt.vector().sum(axis=1),
        lambda: pt.matrix().sum(axis=(0, 0)),
        lambda: pt.matrix().transpose(0, 0),
        lambda: pt.matrix().transpose(0),
        lambda: pt.vector().reshape((-1, -1)),
        lambda: pt.max(np.zeros((0, 3)), 0),
        lambda: pt.concatenate([]),
        lambda: pt.stack([]),
        lambda: pt.arange(0, 1, 0),
    ])  # fmt: skip
    def test_arguments(self, build):
        with pytest.raises(ValueError):
            build()

    @pytest.mark.parametrize("build", [
        lambda: pt.as_tensor_variable("text"),
        lambda: pt.as_tensor_variable([[1, 2], [3]]),
        lambda: pt.as_tensor_variable(None),
        lambda: pt.zeros((2.5,)),
        lambda: pt.specify_shape(pt.vector("x"), (pt.lscalar("n"),)),
        lambda: len(pt.vector()),
        lambda: bool(pt.scalar() > 0),
        lambda: list(pt.vector()),
        lambda: pt.tensor("x"),
        lambda: pt.add(1, 2, 3),
        lambda: pt.cast(pt.zscalar(), "float64"),
        lambda: pt.scalar(dtype="no such"),
    ])  # fmt: skip
    def test_kinds(self, build):
        with pytest.raises(TypeError):
            build()


def test_lengths_that_a_shape_knows_are_static():
    x = pt.tensor("x", shape=(None, 3))
    assert pt.eye(x.shape[1]).type.shape == (3, 3)
    assert pt.zeros((x.shape[0], x.shape[-1])).type.shape == (None, 3)
    assert pt.arange(pt.constant([4, 5])[1]).type.shape == (5,)
    assert pt.specify_shape(pt.vector(), (x.shape[1],)).type.shape == (3,)
    np.testing.assert_array_equal(pt.constant([1, 2])[0].set(5).eval(), [5, 2])


def test_unknown_length_one_does_not_stretch():
    x, y = pt.vector("x"), pt.vector("y")
    with pytest.raises(ValueError, match="may stretch"):
        (x + y).eval({x: [1.0], y: [1.0, 2.0]})
    with pytest.raises(ValueError, match=r"stretch|broadcast"):
        pt.broadcast_to(x, (3,)).eval({x: [1.0]})
