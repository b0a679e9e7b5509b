"""PyMC's helpers for graphs, on functions whose derivatives are known."""

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt
from pellucid import pytensorf


def test_derivatives_of_several_inputs_are_joined():
    x, y = pt.dvector("x", shape=(2,)), pt.dscalar("y")
    f = (x**2).sum() * y
    at = {"x": np.array([1.0, 2.0]), "y": 3.0}
    assert set(pytensorf.inputvars([f, pt.lscalar("n")])) > {x, y} == set(pytensorf.cont_inputs([f, pt.lscalar("n")]))
    np.testing.assert_allclose(pytensorf.gradient(f, [x, y]).eval(at), [6, 12, 5])
    np.testing.assert_allclose(np.sort(pytensorf.gradient(f).eval(at)), [5, 6, 12])
    expected = np.array([[6.0, 0, 2], [0, 6, 4], [2, 4, 0]])
    np.testing.assert_allclose(pytensorf.hessian(f, [x, y], negate_output=False).eval(at), expected)
    np.testing.assert_allclose(pytensorf.hessian(f, [x, y]).eval(at), -expected)
    np.testing.assert_allclose(np.sort(pytensorf.hessian_diag(f).eval(at)), [-6, -6, 0])
    np.testing.assert_allclose(pytensorf.jacobian(x * y, [x, y]).eval(at), [[3, 0, 1], [0, 3, 2]])
    with pytest.raises(TypeError, match="known length"):
        pytensorf.jacobian(pt.dvector("z"))


def test_functions_of_draws_follow_a_seed():
    x = pm.Normal.dist(pm.Normal.dist(0, 1), 1)
    assert len(pytensorf.rvs_in_graph(x)) == 2
    one, two = (pytensorf.compile([], x, random_seed=4)() for _ in range(2))
    assert one == two
    y = pt.dscalar("y")
    assert pytensorf.compile([y], 2 * y, mode="FAST_RUN")(2.0) == 4.0


def test_numbers_are_doubles_and_whole_numbers():
    assert pytensorf.floatX([1, 2]).dtype == np.float64
    assert pytensorf.intX(2.7) == 2
    assert pytensorf.floatX(pt.lscalar("n")).dtype == "float64"
    assert pytensorf.intX(pt.dscalar("y")).dtype == "int64"
