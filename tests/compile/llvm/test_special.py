"""Functions of SciPy called from native code: the interpreter's values to the last bit, and no call of Python."""

import numpy as np
import pytest
import scipy.special

import pellucid as pm
import pellucid.tensor as pt
from pellucid import function
from pellucid.compile.llvm import special
from pellucid.tensor.elementwise import ELEMENTWISE

BORROWED = {
    name: op for name, op in ELEMENTWISE.items() if isinstance(op.llvm, str) and op.llvm.startswith(special.PREFIX)
}
EDGES = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, 1e-300, 1e300, 0.5, -0.5, 2.0])


def test_there_are_some():
    assert {"iv", "gammainc", "betaincinv", "hyp2f1", "ndtri_exp"} <= set(BORROWED)


@pytest.mark.parametrize("name", BORROWED)
def test_values_are_those_of_the_interpreter(name):
    op, rng = BORROWED[name], np.random.default_rng(3)
    parts = [[rng.choice(EDGES, 300), rng.uniform(-5, 5, 100), rng.random(100), rng.uniform(0, 100, 100)]] * op.arity
    arrays = [rng.permutation(np.concatenate(p)) for p in parts]
    inputs = [pt.vector(f"x{i}") for i in range(op.arity)]
    f = function(inputs, op(*inputs))
    assert f.compile_report()["callbacks"] == []
    interpreter = function(inputs, op(*inputs), backend="numpy")
    np.testing.assert_array_equal(f(*arrays), interpreter(*arrays))
    np.testing.assert_array_equal(f(*[np.zeros(0)] * op.arity), [])


def test_the_version_of_doubles_is_called():
    """2F1 is exported for complex numbers too, and betainc for single precision."""
    assert all(special.address(name) for name in ("hyp2f1", "betainc", "i0"))
    assert special.address("betainc") != special.address("betaincc")


@pytest.mark.parametrize("name", ["no_such_function", "i", "wofz", "airy"])
def test_what_is_no_function_of_doubles_is_refused(name):
    with pytest.raises(LookupError, match=f"'{name}'"):
        special.address(name)


def test_in_loops_and_sums():
    x = pt.vector("x")
    steps, _ = pm.scan(lambda row, last: pt.j0(row + last), x, 0.5)
    f = function([x], [steps, pt.gammaincc(2.0, x).sum()])
    assert f.compile_report()["callbacks"] == []
    values, want, last = np.linspace(0.1, 4.0, 50), [], 0.5
    for v in values:
        last = scipy.special.j0(v + last)
        want.append(last)
    got = f(values)
    np.testing.assert_allclose(got[0], want, rtol=1e-14)
    np.testing.assert_allclose(got[1], scipy.special.gammaincc(2.0, values).sum(), rtol=1e-14)
