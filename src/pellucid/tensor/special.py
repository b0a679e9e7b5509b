"""Special functions of statistics: entries of the elementwise table."""

from __future__ import annotations

import math
from typing import Any

from pellucid.tensor.arithmetic import lt, sqr, switch
from pellucid.tensor.elementwise import elementwise
from pellucid.tensor.incomplete import beta_density, betainc_by_a, betainc_by_b, gamma_density, gammainc_by_a
from pellucid.tensor.softmax import log_softmax, logsumexp, softmax  # noqa: F401  # names of PyTensor's special
from pellucid.tensor.transcendental import exp, log, log1p, logaddexp, logit, xlog1py, xlogy  # noqa: F401  # as above
from pellucid.tensor.types import as_operands, as_tensor_variable

POSITIVE = ((0.1, 6.0),)
UNIT = ((0.05, 0.95),)
TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)

gammaln = elementwise("gammaln", "The logarithm of |gamma(x)|.", lambda xp, x: xp.special.gammaln(x),
                      pullbacks=(lambda g, y, x: g * digamma(x),), llvm="gammaln", domain=POSITIVE, floating=True)
digamma = elementwise("digamma", "The derivative of log gamma(x).", lambda xp, x: xp.special.digamma(x),
                      pullbacks=(lambda g, y, x: g * tri_gamma(x),), llvm="digamma", domain=POSITIVE, floating=True)
tri_gamma = elementwise("tri_gamma", "The second derivative of log gamma(x).",
                        lambda xp, x: xp.special.polygamma(1, x).astype(x.dtype),
                        pullbacks=(lambda g, y, x: g * polygamma(2, x),), llvm="trigamma", domain=POSITIVE,
                        floating=True)
polygamma = elementwise("polygamma", "The derivative of order n of digamma at x.",
                        lambda xp, n, x: xp.special.polygamma(n, x).astype(xp.result_type(n, x)),
                        pullbacks=(None, lambda g, y, n, x: g * polygamma(n + 1, x)), domain=((2.0, 2.0), (0.2, 6.0)),
                        floating=True)
gamma = elementwise("gamma", "The gamma function.", lambda xp, x: xp.special.gamma(x),
                    pullbacks=(lambda g, y, x: g * y * digamma(x),), domain=POSITIVE, floating=True, llvm="gamma")
erf = elementwise("erf", "The error function.", lambda xp, x: xp.special.erf(x),
                  pullbacks=(lambda g, y, x: g * (TWO_OVER_ROOT_PI * exp(-sqr(x))),), llvm="erf", floating=True,
                  inverse="erfinv", monotone=1)
erfc = elementwise("erfc", "1 - erf(x), accurate in the upper tail.", lambda xp, x: xp.special.erfc(x),
                   pullbacks=(lambda g, y, x: -g * (TWO_OVER_ROOT_PI * exp(-sqr(x))),), llvm="erfc", floating=True,
                   inverse="erfcinv", monotone=-1)
erfcx = elementwise("erfcx", "exp(x**2) erfc(x), which does not underflow.", lambda xp, x: xp.special.erfcx(x),
                    pullbacks=(lambda g, y, x: g * (2.0 * x * y - TWO_OVER_ROOT_PI),), llvm="erfcx", floating=True,
                    monotone=-1)
erfinv = elementwise("erfinv", "The inverse of erf.", lambda xp, x: xp.special.erfinv(x),
                     pullbacks=(lambda g, y, x: g * (exp(sqr(y)) / TWO_OVER_ROOT_PI),), llvm="erfinv",
                     domain=((-0.95, 0.95),),
                     floating=True, inverse="erf", monotone=1)
erfcinv = elementwise("erfcinv", "The inverse of erfc.", lambda xp, x: xp.special.erfcinv(x),
                      pullbacks=(lambda g, y, x: -g * (exp(sqr(y)) / TWO_OVER_ROOT_PI),), llvm="erfcinv",
                      domain=((0.05, 1.95),),
                      floating=True, inverse="erfc", monotone=-1)
log_ndtr = elementwise("log_ndtr", "The logarithm of the standard normal distribution function.",
                       lambda xp, x: xp.special.log_ndtr(x),
                       pullbacks=(lambda g, y, x: g * exp(-0.5 * sqr(x) - y - 0.5 * math.log(2 * math.pi)),),
                       expansion=lambda x: _log_ndtr(x), floating=True, monotone=1)  # noqa: PLW0108  # it is defined below


def _log_ndtr(x: Any) -> Any:
    # Below -1 the scaled tail erfcx keeps all digits; above, log1p of the (small) upper tail does.
    low = lt(x, -1.0)
    tail = switch(low, x, -1.0) * (-math.sqrt(0.5))
    return switch(low, log(0.5 * erfcx(tail)) - sqr(tail), log1p(-0.5 * erfc(x * math.sqrt(0.5))))


ndtr = elementwise("ndtr", "The standard normal distribution function.", lambda xp, x: xp.special.ndtr(x),
                   pullbacks=(lambda g, y, x: g * (exp(-0.5 * sqr(x)) * (1 / math.sqrt(2 * math.pi))),),
                   expansion=lambda x: 0.5 * erfc(x * (-math.sqrt(0.5))), floating=True, inverse="ndtri", monotone=1)
ndtri = elementwise("ndtri", "The standard normal quantile function.", lambda xp, x: xp.special.ndtri(x),
                    pullbacks=(lambda g, y, x: g * (exp(0.5 * sqr(y)) * math.sqrt(2 * math.pi)),),
                    expansion=lambda x: -math.sqrt(2) * erfcinv(2.0 * x), domain=UNIT, floating=True, inverse="ndtr",
                    monotone=1)


gammainc = elementwise("gammainc", "The regularised lower incomplete gamma function P(a, x).",
                       lambda xp, a, x: xp.special.gammainc(a, x),
                       pullbacks=(lambda g, y, a, x: g * gammainc_by_a(a, x),
                                  lambda g, y, a, x: g * exp((a - 1.0) * log(x) - x - gammaln(a))),
                       domain=((0.5, 4.0), (0.1, 5.0)), floating=True, llvm="scipy.gammainc")
gammaincc = elementwise("gammaincc", "The regularised upper incomplete gamma function Q(a, x).",
                        lambda xp, a, x: xp.special.gammaincc(a, x),
                        pullbacks=(lambda g, y, a, x: -g * gammainc_by_a(a, x),
                                   lambda g, y, a, x: -g * exp((a - 1.0) * log(x) - x - gammaln(a))),
                        domain=((0.5, 4.0), (0.1, 5.0)), floating=True, llvm="scipy.gammaincc")
gammaincinv = elementwise("gammaincinv", "The inverse of P(a, x) in x.", lambda xp, a, p: xp.special.gammaincinv(a, p),
                          pullbacks=(lambda g, y, a, p: -g * gammainc_by_a(a, y) / gamma_density(a, y),
                                     lambda g, y, a, p: g * exp(y + gammaln(a) - (a - 1.0) * log(y))),
                          domain=((0.5, 4.0), (0.05, 0.95)), floating=True, llvm="scipy.gammaincinv")
gammainccinv = elementwise("gammainccinv", "The inverse of Q(a, x) in x.",
                           lambda xp, a, p: xp.special.gammainccinv(a, p),
                           pullbacks=(lambda g, y, a, p: -g * gammainc_by_a(a, y) / gamma_density(a, y),
                                      lambda g, y, a, p: -g * exp(y + gammaln(a) - (a - 1.0) * log(y))),
                           domain=((0.5, 4.0), (0.05, 0.95)), floating=True, llvm="scipy.gammainccinv")
betainc = elementwise("betainc", "The regularised incomplete beta function I_x(a, b).",
                      lambda xp, a, b, x: xp.special.betainc(a, b, x),
                      pullbacks=(lambda g, y, a, b, x: g * betainc_by_a(a, b, x),
                                 lambda g, y, a, b, x: g * betainc_by_b(a, b, x),
                                 lambda g, y, a, b, x: g * exp((a - 1.0) * log(x) + (b - 1.0) * log1p(-x) - betaln(a,
                                                                                                                   b))),
                      domain=((0.5, 4.0), (0.5, 4.0), (0.05, 0.95)), floating=True, llvm="scipy.betainc")


def _log_beta_density(a: Any, b: Any, x: Any) -> Any:
    return (a - 1.0) * log(x) + (b - 1.0) * log1p(-x) - betaln(a, b)


betaincinv = elementwise("betaincinv", "The inverse of I_x(a, b) in x.",
                         lambda xp, a, b, p: xp.special.betaincinv(a, b, p),
                         pullbacks=(lambda g, y, a, b, p: -g * betainc_by_a(a, b, y) / beta_density(a, b, y),
                                    lambda g, y, a, b, p: -g * betainc_by_b(a, b, y) / beta_density(a, b, y),
                                    lambda g, y, a, b, p: g * exp(-_log_beta_density(a, b, y))),
                         domain=((0.5, 4.0), (0.5, 4.0), (0.05, 0.95)), floating=True, llvm="scipy.betaincinv")
psi = digamma
probit, invprobit = ndtri, ndtr


def betaln(a: Any, b: Any) -> Any:
    """The logarithm of the beta function."""
    a, b = as_operands([a, b])
    return gammaln(a) + gammaln(b) - gammaln(a + b)


def beta(a: Any, b: Any) -> Any:
    """The beta function."""
    return exp(betaln(a, b))


def factorial(n: Any) -> Any:
    """n!, for real n as gamma(n + 1)."""
    return gamma(as_tensor_variable(n) + 1)


def poch(z: Any, m: Any) -> Any:
    """The rising factorial gamma(z + m) / gamma(z)."""
    z, m = as_operands([z, m])
    return gamma(z + m) / gamma(z)


def binomln(n: Any, k: Any) -> Any:
    """The logarithm of the binomial coefficient."""
    n, k = as_operands([n, k])
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def factln(n: Any) -> Any:
    """The logarithm of n!."""
    return gammaln(as_tensor_variable(n) + 1)
