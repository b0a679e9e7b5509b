"""Structured matrices under PyMC's names, compared with NumPy's of the whole product."""

from functools import reduce

import numpy as np
import pytest
from scipy import linalg

import pellucid as pm
import pellucid.tensor as pt

RANDOM = np.random.default_rng(3)
FACTORS = [RANDOM.normal(size=(n, n)) + 3 * np.eye(n) for n in (2, 3, 2)]
WHOLE = reduce(np.kron, FACTORS)


@pytest.mark.parametrize("columns", [None, 1, 4])
def test_products_and_solutions_do_not_need_the_whole(columns):
    m = RANDOM.normal(size=(12,) if columns is None else (12, columns))
    np.testing.assert_allclose(pm.math.kron_dot(FACTORS, m).eval(), WHOLE @ m, rtol=1e-12)
    for solve, part, lower in ((pm.math.kron_solve_lower, np.tril, True), (pm.math.kron_solve_upper, np.triu, False)):
        factors = [part(f) for f in FACTORS]
        expected = linalg.solve_triangular(reduce(np.kron, factors), m, lower=lower)
        np.testing.assert_allclose(solve(factors, m).eval(), expected, rtol=1e-9, atol=1e-12)


def test_factors_need_not_be_square():
    a, b, m = RANDOM.normal(size=(2, 3)), RANDOM.normal(size=(4, 2)), RANDOM.normal(size=6)
    np.testing.assert_allclose(pm.math.kron_dot([a, b], m).eval(), np.kron(a, b) @ m, rtol=1e-12)


def test_products_diagonals_and_grids_are_numpys():
    np.testing.assert_allclose(pm.math.kronecker(*FACTORS).eval(), WHOLE, rtol=1e-14)
    diagonals = [np.diag(f) for f in FACTORS]
    np.testing.assert_allclose(pm.math.kron_diag(*diagonals).eval(), np.diag(WHOLE), rtol=1e-14)
    np.testing.assert_allclose(pm.math.logdet(FACTORS[1]).eval(), np.linalg.slogdet(FACTORS[1])[1])
    vectors, matrices = RANDOM.normal(size=(2, 3)), RANDOM.normal(size=(2, 3, 3))
    np.testing.assert_array_equal(pm.math.batched_diag(vectors).eval(), [np.diag(v) for v in vectors])
    np.testing.assert_array_equal(pm.math.batched_diag(matrices).eval(), [np.diag(m) for m in matrices])
    with pytest.raises(ValueError, match="batched_diag takes"):
        pm.math.batched_diag(np.zeros(3))
    np.testing.assert_array_equal(pm.math.flatten_list([vectors, 1.0]).eval(), [*vectors.ravel(), 1.0])
    grid = pm.math.cartesian([1.0, 2.0], [[3.0, 4.0], [5.0, 6.0]], [7.0]).eval()
    np.testing.assert_array_equal(grid, [[1, 3, 4, 7], [1, 5, 6, 7], [2, 3, 4, 7], [2, 5, 6, 7]])
    with pytest.raises(TypeError, match="number of columns"):
        pm.math.cartesian(pt.dmatrix("table"))


def test_slopes_pass_through_products_by_factors():
    m = pt.dvector("m")
    slope = pm.grad(pm.math.kron_dot(FACTORS, m).sum(), m)
    np.testing.assert_allclose(slope.eval({"m": np.ones(12)}), WHOLE.sum(0), rtol=1e-12)
