"""Bessel functions, the hypergeometric function 2F1, and Owen's T: entries of the elementwise table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.tensor.arithmetic import sign, sqr
from pellucid.tensor.elementwise import elementwise
from pellucid.tensor.incomplete import _no_gradient
from pellucid.tensor.special import erf, gamma, gammainc, gammaincc
from pellucid.tensor.transcendental import exp
from pellucid.tensor.types import TensorVariable, as_operands

REAL = ((-4.0, 4.0),)
ORDERED = ((0.0, 3.0), (0.3, 5.0))
TERMS = 100_000  # of a series, after which it is given up


def _bessel(name: str, doc: str, in_x: Any) -> Any:
    """An entry for a Bessel function of order v at x, given its derivative at x."""
    return elementwise(name, doc, lambda xp, v, x: getattr(xp.special, name)(v, x),
                       pullbacks=(_no_gradient(name), in_x), domain=ORDERED, floating=True,
                       llvm=f"scipy.{name}")


i0 = elementwise("i0", "The modified Bessel function of the first kind of order 0.", lambda xp, x: xp.special.i0(x),
                 pullbacks=(lambda g, y, x: g * i1(x),), domain=REAL, floating=True, llvm="scipy.i0")
i1 = elementwise("i1", "The modified Bessel function of the first kind of order 1.", lambda xp, x: xp.special.i1(x),
                 pullbacks=(lambda g, y, x: g * (i0(x) + iv(2.0, x)) / 2.0,), domain=REAL, floating=True,
                 llvm="scipy.i1")
j0 = elementwise("j0", "The Bessel function of the first kind of order 0.", lambda xp, x: xp.special.j0(x),
                 pullbacks=(lambda g, y, x: -g * j1(x),), domain=REAL, floating=True, llvm="scipy.j0")
j1 = elementwise("j1", "The Bessel function of the first kind of order 1.", lambda xp, x: xp.special.j1(x),
                 pullbacks=(lambda g, y, x: g * (j0(x) - jv(2.0, x)) / 2.0,), domain=REAL, floating=True,
                 llvm="scipy.j1")
i0e = elementwise("i0e", "i0(x) exp(-|x|), which does not overflow.", lambda xp, x: xp.special.i0e(x),
                  pullbacks=(lambda g, y, x: g * (i1e(x) - sign(x) * y),), domain=REAL, floating=True, llvm="scipy.i0e")
i1e = elementwise("i1e", "i1(x) exp(-|x|), which does not overflow.", lambda xp, x: xp.special.i1e(x),
                  pullbacks=(lambda g, y, x: g * ((i0e(x) + ive(2.0, x)) / 2.0 - sign(x) * y),), domain=REAL,
                  floating=True, llvm="scipy.i1e")
iv = _bessel("iv", "The modified Bessel function of the first kind of order v.",
             lambda g, y, v, x: g * (iv(v - 1.0, x) + iv(v + 1.0, x)) / 2.0)
ive = _bessel("ive", "iv(v, x) exp(-|x|), which does not overflow.",
              lambda g, y, v, x: g * ((ive(v - 1.0, x) + ive(v + 1.0, x)) / 2.0 - sign(x) * y))
jv = _bessel("jv", "The Bessel function of the first kind of order v.",
             lambda g, y, v, x: g * (jv(v - 1.0, x) - jv(v + 1.0, x)) / 2.0)
kv = _bessel("kv", "The modified Bessel function of the second kind of order v.",
             lambda g, y, v, x: -g * (kv(v - 1.0, x) + kv(v + 1.0, x)) / 2.0)
kve = _bessel("kve", "kv(v, x) exp(x), which does not underflow.",
              lambda g, y, v, x: g * (y - (kve(v - 1.0, x) + kve(v + 1.0, x)) / 2.0))


def kn(n: Any, x: Any) -> TensorVariable:
    """The modified Bessel function of the second kind of integer order n."""
    return kv(n, x)


owens_t = elementwise("owens_t", "Owen's T: P(X > h and 0 < Y < a X) for independent standard normal X and Y.",
                      lambda xp, h, a: xp.special.owens_t(h, a),
                      pullbacks=(lambda g, y, h, a: -g * exp(-0.5 * sqr(h)) * erf(a * h * math.sqrt(0.5))
                                 * (1 / math.sqrt(8 * math.pi)),
                                 lambda g, y, h, a: g * exp(-0.5 * sqr(h) * (1.0 + sqr(a)))
                                 / (2 * math.pi * (1.0 + sqr(a)))),
                      domain=((-3.0, 3.0), (-3.0, 3.0)), floating=True, llvm="scipy.owens_t")
ndtri_exp = elementwise("ndtri_exp", "The standard normal quantile of exp(y): the inverse of log_ndtr.",
                        lambda xp, y: xp.special.ndtri_exp(y),
                        pullbacks=(lambda g, x, y: g * (exp(y + 0.5 * sqr(x)) * math.sqrt(2 * math.pi)),),
                        domain=((-9.0, -0.05),), floating=True, llvm="scipy.ndtri_exp",
                        inverse="log_ndtr", monotone=1)


def chi2sf(x: Any, k: Any) -> TensorVariable:
    """P(X > x) for a chi-squared variable X of k degrees of freedom."""
    x, k = as_operands([x, k])
    return gammaincc(k / 2.0, x / 2.0)


def gammau(k: Any, x: Any) -> TensorVariable:
    """The upper incomplete gamma function, the integral of t**(k - 1) exp(-t) from x on."""
    k, x = as_operands([k, x])
    return gammaincc(k, x) * gamma(k)


def gammal(k: Any, x: Any) -> TensorVariable:
    """The lower incomplete gamma function, the integral of t**(k - 1) exp(-t) up to x."""
    k, x = as_operands([k, x])
    return gammainc(k, x) * gamma(k)


def series(a: Any, b: Any, c: Any, z: Any) -> np.ndarray:
    """2F1 and its derivatives in a, b and c by its power series, for |z| < 1; NaN where that takes too long."""
    a, b, c, z = (np.array(v, "float64") for v in np.broadcast_arrays(a, b, c, z))
    terms = np.stack([np.ones_like(z), *[np.zeros_like(z)] * 3])
    total = terms.copy()
    open_ = np.ones(z.shape, bool)
    for n in range(TERMS):
        an, bn, cn = a[open_] + n, b[open_] + n, c[open_] + n
        step = z[open_] / (cn * (n + 1))
        old = terms[:, open_]
        ratio = an * bn * step
        new = old * ratio
        new[1:] += old[0] * np.stack([bn * step, an * step, -ratio / cn])
        terms[:, open_], total[:, open_] = new, total[:, open_] + new
        # Terms grow before they fall where parameters are large: only falling ones may stop the sum.
        small = np.abs(new) <= 1e-17 * (1 - np.abs(z[open_])) * np.abs(total[:, open_])
        falling = np.abs(ratio) < 1
        open_[open_] = ~(np.all(small | (new == 0), 0) & falling)
        if not open_.any():
            return total
    total[:, open_] = np.nan
    return total


def slope_of_hyp2f1(which: int, a: Any, b: Any, c: Any, z: Any) -> Any:
    """The derivative of 2F1 in a, b or c (`which` is 0, 1, 2), where z < 1."""
    dtype = np.result_type(a, b, c, z)
    a, b, c, z = (np.array(v, "float64") for v in np.broadcast_arrays(a, b, c, z))
    found = np.full(z.shape, np.nan)
    right, left = (z >= -0.5) & (z < 1), z < -0.5
    found[right] = series(a[right], b[right], c[right], z[right])[1 + which]
    a, b, c, z = a[left], b[left], c[left], z[left]
    # Pfaff: F(a, b; c; z) = (1 - z)**-a F(a, c - b; c; z / (z - 1))
    value, by_a, by_b, by_c = series(a, c - b, c, z / (z - 1))
    parts = (by_a - np.log1p(-z) * value, -by_b, by_b + by_c)
    found[left] = (1 - z) ** -a * parts[which]
    return found.astype(dtype)


def native_slope_of_hyp2f1(which: int, k: Any, *abcz: Any) -> Any:
    """The same as scalar code."""
    weights = [k.constant(float(i == which), "float64") for i in range(3)]
    return k.cast(k.slope("hyp2f1_slope", *[k.cast(v, "float64") for v in abcz], *weights), abcz[0].dtype)


FOUR = ((0.5, 2.0), (0.5, 2.0), (1.0, 3.0), (-0.7, 0.7))
HYP2F1_SLOPES = [
    elementwise(f"hyp2f1_by_{name}", f"The derivative of 2F1(a, b; c; z) in {name}.",
                lambda xp, a, b, c, z, i=i: slope_of_hyp2f1(i, a, b, c, z),
                pullbacks=(_no_gradient(f"hyp2f1_by_{name}"),) * 4, domain=FOUR, floating=True,
                llvm=lambda k, *abcz, i=i: native_slope_of_hyp2f1(i, k, *abcz))
    for i, name in enumerate("abc")
]
hyp2f1 = elementwise("hyp2f1", "The hypergeometric function 2F1(a, b; c; z).",
                     lambda xp, a, b, c, z: xp.special.hyp2f1(a, b, c, z),
                     pullbacks=(*[lambda g, y, *abcz, op=op: g * op(*abcz) for op in HYP2F1_SLOPES],
                                lambda g, y, a, b, c, z: g * a * b / c * hyp2f1(a + 1.0, b + 1.0, c + 1.0, z)),
                     domain=FOUR, floating=True, llvm="scipy.hyp2f1")


__all__ = [
    "chi2sf", "gammal", "gammau", "hyp2f1", "i0", "i0e", "i1", "i1e", "iv", "ive", "j0", "j1", "jv", "kn", "kv", "kve",
    "ndtri_exp", "owens_t",
]  # fmt: skip
