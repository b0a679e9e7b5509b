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
