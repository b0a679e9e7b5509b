"""The same functions, computed so that digits survive: no overflow, no cancellation where another form has none.

The rules hold for real numbers. In floating point the right sides are finite or accurate where the left sides
overflow, underflow or cancel; comments say where else the two differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.graph.nodes import Variable
from pellucid.rewrite.pattern import Family, Hole, Table
from pellucid.tensor.arithmetic import abs as abs_
from pellucid.tensor.arithmetic import bitwise_and, ge, le, sqr, switch
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.reduce import Reduce
from pellucid.tensor.shape import DimShuffle
from pellucid.tensor.softmax import LogSoftmax, LogSumExp, Softmax
from pellucid.tensor.special import erf, erfc, erfcx, log_ndtr, ndtr
from pellucid.tensor.transcendental import (
    exp,
    expm1,
    log,
    log1mexp,
    log1p,
    log_expm1,
    logaddexp,
    logit,
    sigmoid,
    softplus,
    sqrt,
    xlog1py,
    xlogy,
)
from pellucid.tensor.types import Constant

NAN = float("nan")
ROOT_TWO = 2.0**0.5
LOG_TWO = float(np.log(2.0))

POSITIVE_OPS = (exp, sigmoid)
NONNEGATIVE_OPS = (*POSITIVE_OPS, sqr, abs_, sqrt, softplus, erfc, erfcx, ndtr)


def made_by_op(v: Variable, ops: tuple[Elementwise, ...], classes: tuple[type, ...] = ()) -> bool:
    """Whether a variable is the result of one of some ops."""
    return v.owner is not None and (v.owner.op in ops or isinstance(v.owner.op, classes))


def never_negative(v: Any) -> bool:
    """Whether the values of a variable are known not to be negative (or NaN)."""
    if isinstance(v, Constant):
        return bool(np.all(v.data >= 0))
    return made_by_op(v, NONNEGATIVE_OPS, (Softmax,))


def strictly_positive(v: Any) -> bool:
    """Whether the values are positive as real numbers (in floating point they may underflow)."""
    return made_by_op(v, POSITIVE_OPS)


def positive_constant(v: Any) -> bool:
    """Whether all elements of a constant are positive and finite."""
    return bool(np.all((v.data > 0) & np.isfinite(v.data)))


x, y, z = (Hole(name, dtypes="f") for name in "xyz")
k = Hole("k")
p = Hole("p", strictly_positive, dtypes="f", example=exp)
q = Hole("q", never_negative, dtypes="f", example=abs_)
c = Hole("c", positive_constant, constant=True, dtypes="f")

total = Family("total", Reduce, lambda op: op.name == "sum" and bool(op.axes), example=Reduce("sum", (1,)))
# Over leading axes: broadcasting, which aligns axes from the last, puts such a sum back where it came from.
leading = Family(
    "leading", Reduce, lambda op: total.accepts(op) and op.axes[-1] == len(op.axes) - 1, example=Reduce("sum", (0,))
)
product = Family("product", Reduce, lambda op: op.name == "prod" and bool(op.axes), example=Reduce("prod", (1,)))
widened = Family("widened", DimShuffle, example=DimShuffle((0, "x")))
softmax = Family("softmax", Softmax, example=Softmax((1,)))
log_total_exp = total.becomes(lambda op: LogSumExp(op.axes))


def not_shifted(found: Mapping[Any, Any]) -> bool:
    """Whether no largest element has been taken off the exponent x: a stable form must not be made stable again."""
    return not any(is_maximum(v) for v in nearby(found[x]))


def nearby(v: Variable) -> list[Variable]:
    """A variable and what it is computed from within six steps: as deep as rules may bury a shift."""
    found = level = [v]
    for _ in range(6):
        level = list(dict.fromkeys(u for w in level if w.owner is not None for u in w.owner.inputs))
        found = found + level
    return found


def is_maximum(v: Variable) -> bool:
    """Whether `v` is the largest of several elements."""
    return v.owner is not None and isinstance(v.owner.op, Reduce) and v.owner.op.name == "max"


def keeps_dims(found: Mapping[Any, Any]) -> bool:
    """Whether `widened` puts back, with length one, exactly the axes that `total` sums over."""
    order, axes = found[widened].order, found[total].axes
    kept = iter(range(len(order) - len(axes)))
    return order == tuple("x" if i in axes else next(kept) for i in range(len(order)))


INVERSES: Table = (
    abs_(q) >> q,
    log(exp(x)) >> x,
    exp(log(q)) >> q,
    exp(log(x)) >> switch(ge(x, 0), x, NAN),
    log1p(expm1(x)) >> x,
    expm1(log1p(x)) >> switch(ge(x, -1), x, NAN),
    logit(sigmoid(x)) >> x,
    sigmoid(logit(x)) >> switch(bitwise_and(ge(x, 0), le(x, 1)), x, NAN),
    sigmoid(log(q)) >> q / (1 + q),  # q = inf: 1 becomes nan
    exp(-softplus(x)) >> sigmoid(-x),
    softplus(log_expm1(x)) >> switch(ge(x, 0), x, NAN),
    log_expm1(softplus(x)) >> x,
)

SIGMOIDS: Table = (
    1 / (1 + exp(x)) >> sigmoid(-x),
    exp(x) / (1 + exp(x)) >> sigmoid(x),
    1 - sigmoid(x) >> sigmoid(-x),
    sigmoid(x) - 1 >> -sigmoid(-x),
    log(sigmoid(x)) >> -softplus(-x),
    log(1 - sigmoid(x)) >> -softplus(x),
    log1p(-sigmoid(x)) >> -softplus(x),
    log(1 + exp(x)) >> softplus(x),
    log1p(exp(x)) >> softplus(x),
    xlogy(k, sigmoid(x)) >> -(k * softplus(-x)),  # k = 0, x = -inf: 0 becomes nan
    xlogy(k, 1 - sigmoid(x)) >> -(k * softplus(x)),  # k = 0, x = inf
    xlog1py(k, -sigmoid(x)) >> -(k * softplus(x)),
    xlogy(k, exp(x)) >> k * x,  # k = 0, x = -inf or inf
)

# p is a positive function: where it underflows or overflows the left sides are nan, the right sides what they tend to.
CANCELLATIONS: Table = (
    p / p >> 1,
    (x / p) * p >> x,
    (x * p) / p >> x,
    ((x / p) * y) * p >> x * y,
)

LOGARITHMS: Table = (
    log(1 - exp(x)) >> log1mexp(x),
    log1p(-exp(x)) >> log1mexp(x),
    log(-expm1(x)) >> log1mexp(x),
    log(exp(x) - 1) >> log_expm1(x),
    log(expm1(x)) >> log_expm1(x),
    log(exp(x) - exp(y)) >> x + log1mexp(y - x),
    log(exp(x) + exp(y)) >> logaddexp(x, y),
    log(1 + x) >> log1p(x),
    log(1 - x) >> log1p(-x),
    exp(x) - 1 >> expm1(x),
    1 - exp(x) >> -expm1(x),
    log(sqrt(x)) >> 0.5 * log(x),
    log(sqr(x)) >> 2 * log(abs_(x)),
    log(1 / x) >> -log(x),  # x = -0.0: nan becomes inf
    log(p**x) >> x * log(p),
    log(x * p) >> log(x) + log(p),
    log(x / p) >> log(x) - log(p),
    log(p / x) >> log(p) - log(x),
    log(erfc(x)) >> LOG_TWO + log_ndtr(-ROOT_TWO * x),
    log(c * erfc(x)) >> (log(c) + LOG_TWO) + log_ndtr(-ROOT_TWO * x),
    log(ndtr(x)) >> log_ndtr(x),
)

TAILS: Table = (
    1 - erf(x) >> erfc(x),
    1 - erfc(x) >> erf(x),
    erf(x) - 1 >> -erfc(x),
    1 - ndtr(x) >> ndtr(-x),
)

REDUCTIONS: Table = (
    (log(total(exp(x))) >> log_total_exp(x)).when(not_shifted),
    (log(widened(total(exp(x)))) >> widened(log_total_exp(x))).when(not_shifted),
    (exp(x) / widened(total(exp(x))) >> total.becomes(lambda op: Softmax(op.axes))(x)).when(
        lambda found: keeps_dims(found) and not_shifted(found)
    ),
    (exp(x) / leading(exp(x)) >> leading.becomes(lambda op: Softmax(op.axes))(x)).when(not_shifted),
    log(softmax(x)) >> softmax.becomes(lambda op: LogSoftmax(op.axes))(x),
    log(product(q)) >> product.becomes(lambda op: Reduce("sum", op.axes))(log(q)),
)

STABILIZE: Table = (
    *INVERSES,
    *REDUCTIONS,
    *SIGMOIDS,
    *CANCELLATIONS,
    *LOGARITHMS,
    *TAILS,
)
