"""Derivatives of special functions in their parameters, as kernels that compiled code calls for each element.

The formulae are those of `pellucid.tensor.incomplete` and `pellucid.tensor.bessel`, for one element at a time: what is
needed of other special functions comes as an argument. The conditional mean is an integral by the double exponential
rule (Takahasi and Mori, 1974), which needs no table and does not mind a maximum at the end of the interval.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import Any

from pellucid.compile.llvm.kernel_language import CompiledKernel, Kernel, compile_kernels, f64, kernel

FAR = 45.0  # exp(-45) of a maximum is below its rounding
NODES = 109  # of the rule, 1/16 apart: twice as many change no result by more than rounding does
GROWTH = math.exp(1 / 16)
FIRST = math.exp(-54 / 16)  # before it, and as far on the other side, the weights are below rounding
HALVINGS = 44  # of an interval whose end need not be exact, only far enough
TERMS = 100_000  # of a series, after which it is given up


@kernel(cold=True)
def gamma_drop(a: f64, x: f64, side: f64, s: f64) -> f64:
    """How far the log-density of log T lies below that at log x, s away from it on one side."""
    return x * math.expm1(side * s) - side * a * s


@kernel(cold=True)
def gamma_tail_mean(a: f64, x: f64) -> f64:
    """E[log T | T < x] - log x of a gamma variable where x <= a, and E[log T | T > x] - log x where x > a."""
    side = 1.0 if x > a else -1.0
    low = 0.0
    far = 5.0 if x > a else 2.0 + 2.0 * FAR / a
    for _ in range(HALVINGS):
        middle = 0.5 * (low + far)
        if gamma_drop(a, x, side, middle) > FAR:
            far = middle
        else:
            low = middle
    mass = total = 0.0
    grown = FIRST  # exp(t), where t goes from one end of the rule to the other
    for _ in range(NODES):
        odds = math.exp(0.5 * math.pi * (1.0 / grown - grown))
        place = 1.0 / (1.0 + odds)
        s = far * place
        weight = (grown + 1.0 / grown) * place * (odds * place) * math.exp(-gamma_drop(a, x, side, s))
        mass += weight
        total += weight * s
        grown *= GROWTH
    return side * total / mass


@kernel(cold=True)
def gammainc_by_a(a: f64, x: f64, lower: f64, upper: f64, log_gamma: f64, psi: f64) -> f64:
    """dP(a, x) / da, given P, Q, and log gamma and digamma of a + 1."""
    if not (a > 0.0 and x >= 0.0):
        return math.nan
    if x == 0.0 or x == math.inf:  # noqa: PLR1714  # kernels have no tuples
        return 0.0
    if a == math.inf:
        return math.nan
    if x > 1.0:
        tail = -upper if x > a else lower
        return tail * (math.log(x) - psi + 1.0 / a + gamma_tail_mean(a, x))
    logs = math.log(x)
    term = math.exp(a * logs - x - log_gamma)
    total = 0.0
    for n in range(30):
        total += term * (logs - psi)
        term *= x / (a + float(n) + 1.0)
        psi += 1.0 / (a + float(n) + 1.0)
    return total


@kernel(cold=True)
def hyp2f1_series(a: f64, b: f64, c: f64, z: f64, value: f64, by_a: f64, by_b: f64, by_c: f64) -> f64:
    """A weighted sum of 2F1 and its derivatives in a, b and c, by the power series, for |z| < 1."""
    term = total = 1.0
    term_a = term_b = term_c = 0.0
    total_a = total_b = total_c = 0.0
    for i in range(TERMS):
        n = float(i)
        step = z / ((c + n) * (n + 1.0))
        ratio = (a + n) * (b + n) * step
        term_a = term_a * ratio + term * (b + n) * step
        term_b = term_b * ratio + term * (a + n) * step
        term_c = term_c * ratio - term * ratio / (c + n)
        term *= ratio
        total += term
        total_a += term_a
        total_b += term_b
        total_c += term_c
        near = 1e-17 * (1.0 - abs(z))
        small = abs(term) <= near * abs(total) and abs(term_a) <= near * abs(total_a)
        # Terms grow before they fall where parameters are large: only falling ones may stop the sum.
        if small and abs(term_b) <= near * abs(total_b) and abs(term_c) <= near * abs(total_c) and abs(ratio) < 1.0:
            return value * total + by_a * total_a + by_b * total_b + by_c * total_c
        if math.isnan(total):
            return math.nan
    return math.nan


@kernel(cold=True)
def hyp2f1_slope(a: f64, b: f64, c: f64, z: f64, by_a: f64, by_b: f64, by_c: f64) -> f64:
    """A weighted sum of the derivatives of 2F1(a, b; c; z) in a, b and c, where z < 1."""
    if not z < 1.0:
        return math.nan
    if z >= -0.5:
        return hyp2f1_series(a, b, c, z, 0.0, by_a, by_b, by_c)
    logs = math.log1p(-z)
    # Pfaff: F(a, b; c; z) = (1 - z)**-a F(a, c - b; c; z / (z - 1))
    inner = hyp2f1_series(a, c - b, c, z / (z - 1.0), -by_a * logs, by_a, by_c - by_b, by_c)
    return math.exp(-a * logs) * inner


KERNELS: dict[str, Kernel] = {k.name: k for k in (gammainc_by_a, hyp2f1_slope)}
"""The kernels that compiled code may call, by name."""

_SYMBOL = "slope_"


def symbol(name: str) -> str:
    """Return the symbol by which native code calls a kernel."""
    return _SYMBOL + name


def declaration(name: str) -> str:
    """Return the IR that declares a kernel."""
    kinds = ["double"] * (len(KERNELS[name].signature) - 1)
    return f"declare double @{symbol(name)}({', '.join(kinds)}) nounwind willreturn memory(none)"


def resolve(names: Iterable[str]) -> tuple[dict[str, int], tuple[Any, ...]]:
    """Return the addresses of those symbols that are kernels here, and what keeps them alive."""
    wanted = {name: name.removeprefix(_SYMBOL) for name in names if name.startswith(_SYMBOL)}
    compiled = {base: _compiled(base) for base in wanted.values()}
    return {name: compiled[base].address for name, base in wanted.items()}, tuple(compiled.values())


@functools.cache
def _compiled(name: str) -> CompiledKernel:
    return compile_kernels(KERNELS[name])[name]
