"""Exponentials, logarithms, angles and the functions made of them: entries of the elementwise table."""

from __future__ import annotations

import math
from typing import Any

from pellucid.tensor.arithmetic import bitwise_and, eq, gt, lt, neg, sqr, switch
from pellucid.tensor.elementwise import elementwise
from pellucid.tensor.types import as_operands, as_tensor_variable

POSITIVE = ((0.1, 4.0),)
INSIDE = ((-0.9, 0.9),)
UNIT = ((0.05, 0.95),)
NEGATIVE = ((-4.0, -0.05),)
TWO = ((-3.0, 3.0), (-3.0, 3.0))

exp = elementwise("exp", "The exponential of x.", lambda xp, x: xp.exp(x), pullbacks=(lambda g, y, x: g * y,),
                  llvm="exp", inverse="log", monotone=1)
exp2 = elementwise("exp2", "2 to the power x.", lambda xp, x: xp.exp2(x),
                   pullbacks=(lambda g, y, x: g * (y * math.log(2)),), llvm="exp2", inverse="log2", monotone=1)
expm1 = elementwise("expm1", "exp(x) - 1, accurate near 0.", lambda xp, x: xp.expm1(x),
                    pullbacks=(lambda g, y, x: g * (y + 1.0),), llvm="expm1", inverse="log1p", monotone=1)
log = elementwise("log", "The natural logarithm.", lambda xp, x: xp.log(x), pullbacks=(lambda g, y, x: g / x,),
                  llvm="log", domain=POSITIVE, inverse="exp", monotone=1)
log2 = elementwise("log2", "The logarithm to base 2.", lambda xp, x: xp.log2(x),
                   pullbacks=(lambda g, y, x: g / (x * math.log(2)),), llvm="log2", domain=POSITIVE, inverse="exp2",
                   monotone=1)
log10 = elementwise("log10", "The logarithm to base 10.", lambda xp, x: xp.log10(x),
                    pullbacks=(lambda g, y, x: g / (x * math.log(10)),), llvm="log10", domain=POSITIVE, monotone=1)
log1p = elementwise("log1p", "log(1 + x), accurate near 0.", lambda xp, x: xp.log1p(x),
                    pullbacks=(lambda g, y, x: g / (1.0 + x),), llvm="log1p", domain=POSITIVE, inverse="expm1",
                    monotone=1)
sqrt = elementwise("sqrt", "The square root.", lambda xp, x: xp.sqrt(x), pullbacks=(lambda g, y, x: g * 0.5 / y,),
                   llvm="sqrt", domain=POSITIVE, inverse="sqr", monotone=1)
sin = elementwise("sin", "The sine of x radians.", lambda xp, x: xp.sin(x), pullbacks=(lambda g, y, x: g * cos(x),),
                  llvm="sin")
cos = elementwise("cos", "The cosine of x radians.", lambda xp, x: xp.cos(x), pullbacks=(lambda g, y, x: -g * sin(x),),
                  llvm="cos")
tan = elementwise("tan", "The tangent of x radians.", lambda xp, x: xp.tan(x),
                  pullbacks=(lambda g, y, x: g * (1.0 + sqr(y)),), llvm="tan", domain=((-1.4, 1.4),))
arcsin = elementwise("arcsin", "The angle in radians with sine x.", lambda xp, x: xp.arcsin(x),
                     pullbacks=(lambda g, y, x: g / sqrt(1.0 - sqr(x)),), llvm="arcsin", domain=INSIDE, inverse="sin",
                     monotone=1)
arccos = elementwise("arccos", "The angle in radians with cosine x.", lambda xp, x: xp.arccos(x),
                     pullbacks=(lambda g, y, x: -g / sqrt(1.0 - sqr(x)),), llvm="arccos", domain=INSIDE, inverse="cos",
                     monotone=-1)
arctan = elementwise("arctan", "The angle in radians with tangent x.", lambda xp, x: xp.arctan(x),
                     pullbacks=(lambda g, y, x: g / (1.0 + sqr(x)),), llvm="arctan", inverse="tan", monotone=1)
arctan2 = elementwise("arctan2", "The angle in radians of the point (y, x).", lambda xp, y, x: xp.arctan2(y, x),
                      pullbacks=(lambda g, z, y, x: g * x / (sqr(x) + sqr(y)),
                                 lambda g, z, y, x: -g * y / (sqr(x) + sqr(y))),
                      llvm="arctan2", domain=((0.2, 3.0), (-3.0, 3.0)))
sinh = elementwise("sinh", "The hyperbolic sine.", lambda xp, x: xp.sinh(x), pullbacks=(lambda g, y, x: g * cosh(x),),
                   llvm="sinh", inverse="arcsinh", monotone=1)
cosh = elementwise("cosh", "The hyperbolic cosine.", lambda xp, x: xp.cosh(x), pullbacks=(lambda g, y, x: g * sinh(x),),
                   llvm="cosh")
tanh = elementwise("tanh", "The hyperbolic tangent.", lambda xp, x: xp.tanh(x),
                   pullbacks=(lambda g, y, x: g * (1.0 - sqr(y)),), llvm="tanh", inverse="arctanh", monotone=1)
arcsinh = elementwise("arcsinh", "The inverse hyperbolic sine.", lambda xp, x: xp.arcsinh(x),
                      pullbacks=(lambda g, y, x: g / sqrt(1.0 + sqr(x)),), llvm="arcsinh", inverse="sinh", monotone=1)
arccosh = elementwise("arccosh", "The inverse hyperbolic cosine.", lambda xp, x: xp.arccosh(x),
                      pullbacks=(lambda g, y, x: g / sqrt(sqr(x) - 1.0),), llvm="arccosh", domain=((1.2, 4.0),),
                      inverse="cosh", monotone=1)
arctanh = elementwise("arctanh", "The inverse hyperbolic tangent.", lambda xp, x: xp.arctanh(x),
                      pullbacks=(lambda g, y, x: g / (1.0 - sqr(x)),), llvm="arctanh", domain=INSIDE, inverse="tanh",
                      monotone=1)
deg2rad = elementwise("deg2rad", "Degrees as radians.", lambda xp, x: xp.deg2rad(x),
                      pullbacks=(lambda g, y, x: g * (math.pi / 180),),
                      llvm=lambda k, x: k.mul(x, k.constant(math.pi / 180, x.dtype)),
                      inverse="rad2deg", monotone=1)
rad2deg = elementwise("rad2deg", "Radians as degrees.", lambda xp, x: xp.rad2deg(x),
                      pullbacks=(lambda g, y, x: g * (180 / math.pi),),
                      llvm=lambda k, x: k.mul(x, k.constant(180 / math.pi, x.dtype)),
                      inverse="deg2rad", monotone=1)

sigmoid = elementwise("sigmoid", "The logistic function 1 / (1 + exp(-x)).", lambda xp, x: xp.special.expit(x),
                      pullbacks=(lambda g, y, x: g * y * (1.0 - y),), llvm="sigmoid", floating=True, inverse="logit",
                      monotone=1)
expit = invlogit = sigmoid


def _softplus(xp: Any, x: Any) -> Any:
    return xp.logaddexp(xp.zeros_like(x), x)


softplus = elementwise("softplus", "log(1 + exp(x)), without overflow.", _softplus,
                       pullbacks=(lambda g, y, x: g * sigmoid(x),), llvm="softplus", inverse="log_expm1", monotone=1)
log1pexp = softplus
log_expm1 = elementwise("log_expm1", "log(exp(x) - 1) for x > 0: the inverse of softplus.",
                        lambda xp, x: x + xp.log(-xp.expm1(-x)), pullbacks=(lambda g, y, x: -g / expm1(-x),),
                        expansion=lambda x: x + log(-expm1(-x)), domain=POSITIVE, inverse="softplus", monotone=1)


def _log1mexp(xp: Any, x: Any) -> Any:
    # Mächler (2012): expm1 keeps the digits near 0, log1p those far from it.
    near = x > -math.log(2)
    return xp.where(near, xp.log(-xp.expm1(xp.where(near, x, -1.0))), xp.log1p(-xp.exp(xp.where(near, -1.0, x))))


log1mexp = elementwise("log1mexp", "log(1 - exp(x)) for x <= 0, accurate at both ends.", _log1mexp,
                       pullbacks=(lambda g, y, x: g / (1.0 - exp(-x)),), llvm="log1mexp", domain=NEGATIVE,
                       floating=True,
                       inverse="log1mexp", monotone=-1)
logit = elementwise("logit", "log(x / (1 - x)) for x in (0, 1): the inverse of sigmoid.",
                    lambda xp, x: xp.special.logit(x),
                    pullbacks=(lambda g, y, x: g / (x * (1.0 - x)),), expansion=lambda x: log(x) - log1p(-x),
                    domain=UNIT,
                    floating=True, inverse="sigmoid", monotone=1)
logaddexp = elementwise("logaddexp", "log(exp(x) + exp(y)), without overflow.", lambda xp, x, y: xp.logaddexp(x, y),
                        pullbacks=(lambda g, z, x, y: g * _share(x, z), lambda g, z, x, y: g * _share(y, z)),
                        expansion=lambda x, y: _logaddexp(x, y), domain=TWO, commutes=True)  # noqa: PLW0108  # it is defined below


def _logaddexp(x: Any, y: Any) -> Any:
    top = switch(gt(x, y), x, y)
    gap = switch(eq(x, y), 0.0, -_abs(x - y))  # equal infinities differ by nothing, not by NaN
    return top + log1p(exp(gap))


def _share(x: Any, z: Any) -> Any:
    """exp(x - z), the share of a term in a sum; 0, not NaN, if all are 0."""
    return exp(x - switch(eq(z, -math.inf), 0.0, z))


def _abs(x: Any) -> Any:
    return switch(lt(x, 0), neg(x), x)


xlogy = elementwise("xlogy", "x log(y), which is 0 at x = 0 whatever y is (unless NaN).",
                    lambda xp, x, y: xp.special.xlogy(x, y),
                    pullbacks=(lambda g, z, x, y: g * log(y), lambda g, z, x, y: g * x / y),
                    expansion=lambda x, y: switch(bitwise_and(eq(x, 0), eq(y, y)), 0.0, x * log(y)),
                    domain=((0.0, 3.0), (0.1, 4.0)), floating=True)
xlog1py = elementwise("xlog1py", "x log(1 + y), which is 0 at x = 0 whatever y is (unless NaN).",
                      lambda xp, x, y: xp.special.xlog1py(x, y),
                      pullbacks=(lambda g, z, x, y: g * log1p(y), lambda g, z, x, y: g * x / (1.0 + y)),
                      expansion=lambda x, y: switch(bitwise_and(eq(x, 0), eq(y, y)), 0.0, x * log1p(y)),
                      domain=((0.0, 3.0), (-0.5, 4.0)), floating=True)


def logdiffexp(x: Any, y: Any) -> Any:
    """log(exp(x) - exp(y)) for x >= y, without overflow."""
    x, y = as_operands([x, y])
    return x + log1mexp(y - x)


def xlogx(x: Any) -> Any:
    """x log(x), which is 0 at x = 0."""
    x = as_tensor_variable(x)
    return xlogy(x, x)


