"""Functions of SciPy called from native code: the interpreter's values to the last bit, and no call of Python."""

import math

import mpmath
import numpy as np
import pytest
import scipy.special

import pellucid as pm
import pellucid.tensor as pt
from pellucid import function
from pellucid.compile.llvm import slopes, special
from pellucid.compile.llvm.kernel_language import compile_kernels
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


SLOPES = {
    "gammainc_by_a": ((1e-3, 30.0), (1e-3, 60.0)),
    **{f"hyp2f1_by_{which}": ((-2.0, 4.0), (-2.0, 4.0), (0.2, 6.0), (-4.0, 0.9)) for which in "abc"},
}


@pytest.mark.parametrize("name", SLOPES)
def test_slopes_are_those_of_the_interpreter(name):
    """The same formulae in another order: digits are lost only where terms of both signs cancel."""
    op, rng = ELEMENTWISE[name], np.random.default_rng(4)
    edges = [rng.choice(EDGES[EDGES != 1e300], 300) for _ in SLOPES[name]]
    arrays = [np.concatenate([rng.uniform(*d, 300), e]) for d, e in zip(SLOPES[name], edges, strict=True)]
    if name != "gammainc_by_a":  # with parameters that end the series at once, where nothing else is to be compared
        arrays = [a[:300] for a in arrays]
    inputs = [pt.vector(f"x{i}") for i in range(op.arity)]
    f, interpreter = function(inputs, op(*inputs)), function(inputs, op(*inputs), backend="numpy")
    assert f.compile_report()["callbacks"] == []
    np.testing.assert_allclose(f(*arrays), interpreter(*arrays), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("a", [1e-4, 0.5, 3.0, 250.0, 1e5])
def test_slope_of_the_incomplete_gamma_function_is_exact(a):
    """Against central differences in 40 digits; 2e-13 is what is left of the digits where the tails are subtracted."""
    slope, x = ELEMENTWISE["gammainc_by_a"], [a * s for s in (0.2, 0.98, 1.0, 1.03, 4.0)]
    p, t = pt.vector("p"), pt.vector("t")
    found = function([p, t], slope(p, t))(np.full(5, a), np.array(x))
    with mpmath.workdps(40):
        h = mpmath.mpf(10) ** -12 * a
        ends = [(0, v, 1) if v <= a else (v, mpmath.inf, -1) for v in x]  # the smaller tail, of which no digit is lost
        tail = [lambda s, e=e: e[2] * mpmath.gammainc(s, e[0], e[1], regularized=True) for e in ends]
        want = [float((f(a + h) - f(a - h)) / (2 * h)) for f in tail]
    np.testing.assert_allclose(found, want, rtol=2e-13, atol=1e-300)


@pytest.mark.parametrize("z", [math.nan, 1.0, 2.0, math.inf])
def test_slopes_of_2f1_end_where_there_is_no_series(z):
    inputs = [pt.scalar(n) for n in "abcz"]
    assert np.isnan(function(inputs, ELEMENTWISE["hyp2f1_by_a"](*inputs))(1.0, 2.0, 3.0, z))


def test_kernels_run_as_python_too():
    compiled = compile_kernels(slopes.gammainc_by_a)["gammainc_by_a"]
    for x in (0.5, 2.0, 9.0):
        lower = scipy.special.gammainc(3.0, x)
        given = (3.0, x, lower, 1 - lower, math.log(6.0), scipy.special.digamma(4.0))
        assert slopes.gammainc_by_a(*given) == pytest.approx(compiled(*given), rel=1e-13)


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
