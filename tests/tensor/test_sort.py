"""Sorting, searching and the distinct elements, against NumPy."""

# ruff: noqa: PLW0108 - builders spell out the arguments they are about

import numpy as np
import pytest

import pellucid.tensor as pt
from pellucid.testing import BACKENDS_UNDER_TEST, check_op

RNG = np.random.default_rng(8)
X = RNG.normal(size=(3, 4))
TIES = np.array([[3, 1, 3, 0], [1, 1, 0, 0], [3, 1, 3, 0]])
ODD = np.array([np.nan, 1.0, -np.inf, 1.0, np.inf, -0.0, 0.0])
SORTED = np.array([-1.0, 0.0, 0.0, 2.0])
pytestmark = pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)


def skip_shapes_by_data(backend):
    if backend == "jax":
        pytest.skip("JAX compiles no shapes that depend on data")


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(side, backend):
    for queries in (np.array(0.0), X, np.array([np.inf, -np.inf, np.nan]), X[:0]):
        check_op(
            lambda x, v: pt.searchsorted(x, v, side),
            [SORTED, queries],
            lambda x, v: np.asarray(np.searchsorted(x, v, side)),
            backend=backend,
        )
    check_op(
        lambda x, v: pt.searchsorted(x, v, side, sorter=x.argsort()),
        [X[0], X],
        lambda x, v: np.searchsorted(x, v, side, np.argsort(x)),
        backend=backend,
    )


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_unique(axis, backend):
    skip_shapes_by_data(backend)
    check_op(
        lambda x: pt.unique(x, return_index=True, return_inverse=True, return_counts=True, axis=axis),
        [TIES],
        lambda x: np.unique(x, return_index=True, return_inverse=True, return_counts=True, axis=axis),
        backend=backend,
    )


def test_unique_of_floats_has_a_gradient(backend):
    skip_shapes_by_data(backend)
    check_op(lambda x: pt.unique(x), [X], np.unique, backend=backend)
    check_op(lambda x: pt.unique(x), [ODD], np.unique, backend=backend, gradient=False)
    check_op(lambda x: pt.unique(x), [ODD[:0]], np.unique, backend=backend)


def test_sort_of_odd_values(backend):
    check_op(lambda x: pt.sort(x), [ODD], np.sort, backend=backend, gradient=False)
    check_op(lambda x: pt.sort(x, axis=None), [X], lambda x: np.sort(x, axis=None), backend=backend)
    check_op(lambda x: pt.sort(x, axis=0) ** 2, [X], lambda x: np.sort(x, axis=0) ** 2, backend=backend)


def test_refusals(backend):
    with pytest.raises(ValueError, match="vector"):
        pt.searchsorted(X, 1.0)
    with pytest.raises(ValueError, match="sides"):
        pt.searchsorted(SORTED, 1.0, "middle")


@pytest.mark.parametrize("kth", [1, 3, -1, -2])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_topk(kth, axis, backend):
    def expected(x):
        x, place = (x.ravel(), 0) if axis is None else (x, axis)
        x = np.sort(x, place)
        x = np.flip(x, place) if kth > 0 else x
        return np.take(x, np.arange(abs(kth)), place)

    check_op(lambda x: pt.topk(x, kth, axis), [X], expected, backend=backend)
    if axis == 0:
        check_op(lambda x: pt.take_along_axis(x, pt.argtopk(x, kth, 0), 0), [X], expected, backend=backend)


def test_topk_refuses_more_than_there_is(backend):
    for kth in (0, 5, -5, 1.5):
        with pytest.raises(ValueError, match="topk takes 1 to 4 elements"):
            pt.topk(pt.vector("x", shape=(4,)), kth)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_unstack(axis, backend):
    x = pt.matrix("x", shape=(3, 4))
    parts = pt.unstack(x, axis)
    assert len(parts) == X.shape[axis]
    check_op(lambda x: pt.stack(pt.unstack(pt.specify_shape(x, (3, 4)), axis), axis), [X], lambda x: x, backend=backend)
    with pytest.raises(ValueError, match="how many parts"):
        pt.unstack(pt.matrix("y"))
