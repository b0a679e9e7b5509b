"""Special functions and their derivatives against mpmath, at ordinary and at extreme arguments."""

import mpmath as mp
import numpy as np
import pytest
import scipy.special as sp

import pellucid as pl
import pellucid.tensor as pt
from pellucid.testing import BACKENDS_UNDER_TEST, check_op

GAMMA = [(1e-6, 1e-3), (1e-3, 0.5), (0.1, 30.0), (0.5, 0.5), (1.0, 1.0), (1.0, 40.0), (2.5, 0.99), (2.5, 1.01),
         (50.0, 50.0), (50.0, 5.0), (300.0, 330.0), (300.0, 200.0)]  # fmt: skip
BETA = [(0.1, 0.2, 0.5), (1e-3, 70.0, 1e-12), (1.0, 1.0, 0.3), (3.3, 2.5, 0.99), (40.0, 1e-3, 0.999), (40.0, 70.0, 0.4),
        (1e-3, 1e-3, 0.5), (2.0, 5.0, 1e-9), (400.0, 300.0, 0.55)]  # fmt: skip
HYPER = [(1.0, 2.0, 3.0, 0.5), (0.5, -1.5, 2.5, -0.9), (2.0, 3.0, 1.5, -20.0), (-2.0, 0.3, 1.1, 0.9),
         (0.0, 1.0, 2.0, 0.3), (5.0, 8.0, 2.0, 0.95)]  # fmt: skip


def derivative(f, at, digits=60):
    """By central differences in many digits."""
    with mp.workdps(digits):
        at = mp.mpf(at)
        h = (abs(at) + (at == 0)) * mp.mpf(10) ** (-digits // 3)
        return float((f(at + h) - f(at - h)) / (2 * h))


def gradients(function, point):
    x = [pt.dscalar() for _ in point]
    return [float(g.eval(dict(zip(x, point, strict=True)))) for g in pl.grad(function(*x), x)]


@pytest.mark.parametrize("a, x", GAMMA)
def test_gammainc_in_its_shape(a, x):
    def lower(s):
        return mp.gammainc(s, 0, x, regularized=True)

    want = derivative(lower, a)
    np.testing.assert_allclose(gradients(pt.gammainc, (a, x))[0], want, rtol=2e-12)
    np.testing.assert_allclose(gradients(pt.gammaincc, (a, x))[0], -want, rtol=2e-12)


@pytest.mark.parametrize("a, b, x", BETA)
def test_betainc_in_its_parameters(a, b, x):
    by_a, by_b, _ = gradients(pt.betainc, (a, b, x))
    np.testing.assert_allclose(by_a, derivative(lambda s: mp.betainc(s, b, 0, x, regularized=True), a), rtol=1e-10)
    np.testing.assert_allclose(by_b, derivative(lambda s: mp.betainc(a, s, 0, x, regularized=True), b), rtol=1e-10)


def test_quantiles_follow_their_parameters():
    """At y = F^-1(p), dy/da = -(dF/da) / density; here against central differences of SciPy's quantiles."""
    for function, reference, point in (
        (pt.gammaincinv, sp.gammaincinv, (2.5, 0.3)),
        (pt.gammainccinv, sp.gammainccinv, (0.7, 0.1)),
        (pt.betaincinv, sp.betaincinv, (2.0, 3.5, 0.6)),
    ):
        for i, found in enumerate(gradients(function, point)):
            h = 1e-6
            ends = [reference(*[v + s * h * (i == j) for j, v in enumerate(point)]) for s in (1, -1)]
            np.testing.assert_allclose(found, (ends[0] - ends[1]) / (2 * h), rtol=1e-7)


def test_edges_of_incomplete_functions():
    a, x = pt.dvector("a"), pt.dvector("x")
    slope = pl.grad(pt.gammainc(a, x).sum(), a)
    got = slope.eval({a: np.array([2.0, 2.0, -1.0, np.nan, 1e5]), x: np.array([0.0, np.inf, 1.0, 1.0, 1e5])})
    np.testing.assert_allclose(got[:2], 0)
    assert np.isnan(got[2:4]).all()
    np.testing.assert_allclose(got[4], -1 / np.sqrt(2 * np.pi * 1e5), rtol=1e-2)  # a normal's slope at its centre


@pytest.mark.parametrize("point", HYPER)
def test_hyp2f1(point):
    found = gradients(pt.hyp2f1, point)
    for i, got in enumerate(found):
        want = derivative(lambda s, i=i: mp.hyp2f1(*[s if i == j else v for j, v in enumerate(point)]), point[i], 45)
        np.testing.assert_allclose(got, want, rtol=1e-9)


ONE = {"i0": lambda x: mp.besseli(0, x), "i1": lambda x: mp.besseli(1, x), "j0": lambda x: mp.besselj(0, x),
       "j1": lambda x: mp.besselj(1, x)}  # fmt: skip
TWO = {"iv": mp.besseli, "jv": mp.besselj, "kv": mp.besselk, "ive": lambda v, x: mp.besseli(v, x) * mp.exp(-abs(x)),
       "kve": lambda v, x: mp.besselk(v, x) * mp.exp(x)}  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_bessel_functions_of_fixed_order(name):
    for x in (-7.0, 0.0, 1e-9, 0.5, 20.0):
        value = float(getattr(pt, name)(x).eval())
        np.testing.assert_allclose(value, float(ONE[name](x)), rtol=1e-12, atol=1e-15)
        want = derivative(ONE[name], x)
        np.testing.assert_allclose(gradients(getattr(pt, name), (x,))[0], want, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("name", TWO)
def test_bessel_functions(name):
    for v, x in ((0.0, 0.5), (2.5, 1e-3), (1.0, 30.0), (0.3, 4.0)):
        op = getattr(pt, name)
        np.testing.assert_allclose(float(op(v, x).eval()), float(TWO[name](v, x)), rtol=1e-11)
        z = pt.dscalar("z")
        got = float(pl.grad(op(v, z), z).eval({z: x}))
        np.testing.assert_allclose(got, derivative(lambda s, v=v: TWO[name](v, s), x), rtol=1e-10)
    order = pt.dscalar("order")
    cost = getattr(pt, name)(order, 1.0)
    with pytest.raises(TypeError, match=f"derivative of {name}"):
        pl.grad(cost, order)


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
def test_composites(backend):
    x, k = np.array([0.2, 1.0, 4.0]), np.array([1.0, 2.5, 3.0])
    if backend == "jax":
        pytest.skip("JAX has no incomplete gamma derivative of ours")
    check_op(pt.chi2sf, [x, k], lambda x, k: sp.gammaincc(k / 2, x / 2), backend=backend)
    check_op(pt.gammau, [k, x], lambda k, x: sp.gammaincc(k, x) * sp.gamma(k), backend=backend)
    check_op(pt.gammal, [k, x], lambda k, x: sp.gammainc(k, x) * sp.gamma(k), backend=backend)
    check_op(lambda x: pt.kn(2, x), [x], lambda x: sp.kn(2, x), backend=backend)


def test_tails_of_normals():
    np.testing.assert_allclose(pt.ndtri_exp(-1e4).eval(), sp.ndtri_exp(-1e4))
    y = pt.dscalar("y")
    got = float(pl.grad(pt.log_ndtr(pt.ndtri_exp(y)), y).eval({y: -800.0}))
    np.testing.assert_allclose(got, 1.0, rtol=1e-9)
    for h, a in ((0.5, 2.0), (-1.0, -0.3)):
        def area(h, a):
            return mp.quad(lambda x: mp.exp(-h * h * (1 + x * x) / 2) / (1 + x * x), [0, a]) / (2 * mp.pi)

        by_h, by_a = gradients(pt.owens_t, (h, a))
        np.testing.assert_allclose(by_h, derivative(lambda s, a=a: area(s, a), h, 30), rtol=1e-8)
        np.testing.assert_allclose(by_a, derivative(lambda s, h=h: area(h, s), a, 30), rtol=1e-8)
