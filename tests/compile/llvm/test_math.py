"""Every mathematical function against mpmath, and against NumPy and SciPy where the values are special."""

import ctypes
import itertools
import json
import subprocess
import sys

import mpmath as mp
import numpy as np
import pytest
import scipy.special

from pellucid.compile.llvm import engine, math
from pellucid.compile.llvm.math import FUNCTIONS, coefficients
from pellucid.compile.llvm.math.evaluate import evaluate
from pellucid.compile.llvm.math.table import GROUPS

LARGEST, SMALLEST = sys.float_info.max, 5e-324
BREAKS = (  # where formulae change, or a function is zero
    0.0, 0.25, 0.3, 0.34657359, 0.41421356, 0.5, 0.69314718, 0.70710678, 0.75, np.pi / 4, 1.0, 1.03972077, 1.3,
    1.41421356, 1.4616321449683623, np.pi / 2, 2.0, 2.3, 2.41421356, 3.0, np.pi, 4.0, 5.3, 6.0, 6.3, 6.5, 8.0, 26.5,
    100 * np.pi, 1e6, 2.0**52,
)  # fmt: skip
SPECIAL = [
    0.0, SMALLEST, 1e-310, 2.0**-1022, 1e-300, 7e-155, 1e-20, 1e-9, 0.5, 1 - 2.0**-53, 1.0, 1 + 2.0**-52, 1.5, 2.0, 3.0,
    4.0, 6.0, 10.0, 20.0, 26.5, 26.6, 27.3, 100.0, 170.5, 171.6, 171.7, 184.5, 190.5, 708.5, 709.78, 709.79, 710.47,
    710.48, 745.13, 745.14, 746.0, 1023.9999999999999, 1024.0, 1074.0, 1075.0, 1076.0, 1e5, 1e6, 2.0**52 + 1, 1e16,
    1e22, 1e155, 1e300, 2.5e305, 2.6e305, 1e308, LARGEST, np.inf,
]  # fmt: skip
SPECIAL = [np.nan, *SPECIAL, *(-x for x in SPECIAL)]


def draw(low, high, count, rng):
    """Numbers of a range: uniform, of every magnitude, and crowding around the points where formulae change."""
    spread = 10.0 ** np.concatenate([rng.uniform(-320, 308, count), rng.uniform(-18, 4, 2 * count)])
    near = np.concatenate([c + rng.normal(size=8) * 10.0 ** rng.uniform(-16, -1, 8) for c in (*BREAKS, low, high)])
    narrow = [rng.uniform(-k, k, count) for k in (2.0, 30.0)]
    x = np.concatenate([rng.uniform(max(low, -1e300), min(high, 1e300), count), spread, -spread, near, -near, *narrow])
    return x[(x > low) & (x < high)]


def arguments(function, count, seed):
    rng = np.random.default_rng(seed)
    drawn = [draw(low, high, count, rng) for low, high in function.domain]
    if function.arity > 1:
        return [rng.choice(x, 4 * count) for x in drawn]
    x = drawn[0]
    return [x[(x > 0) | (x != np.rint(x))] if function.group == "gamma" else x]  # poles are special values


def scaled_erfc(x):
    """exp(x**2) erfc(x); mpmath's erfc loses its meaning where it underflows even there."""
    return mp.exp(x * x) * mp.erfc(x) if x < 1e6 else (1 - 1 / (2 * x * x)) / (x * mp.sqrt(mp.pi))


def inverse_erfc(q):
    if q > 1:
        return -inverse_erfc(2 - q)
    if q > 0.4:
        return mp.erfinv(1 - q)
    y = mp.sqrt(max(-mp.log(q) - mp.log(mp.sqrt(-mp.log(q)) + 1), mp.mpf("0.3")))
    for _ in range(40):
        tail = mp.erfc(y)
        step = mp.log(tail / q) * mp.sqrt(mp.pi) / 2 * tail * mp.exp(y * y)
        y += step
        if abs(step) < mp.mpf(10) ** -40:
            break
    return y


def log_gamma(x):
    return mp.loggamma(x) if x > 0 else mp.log(abs(mp.gamma(x)))


NAMES = {"mp": mp, "scaled_erfc": scaled_erfc, "inverse_erfc": inverse_erfc, "log_gamma": log_gamma}


def errors(name, values, xs):
    """The error of each value in units in the last place, and where the exact value is no normal number, NaN."""
    function = FUNCTIONS[name]
    code = compile(function.oracle, name, "eval")
    result = np.full(len(values), np.nan)
    with mp.workprec(200):
        for i, (value, *point) in enumerate(zip(values, *xs, strict=True)):
            exact = eval(code, NAMES | dict(zip("xy", map(mp.mpf, point), strict=False)))  # noqa: S307 - the table's
            if 2.0**-1022 <= abs(exact) <= LARGEST:
                floor = function.floor if point[0] < 0 else 0.0
                distance = max(abs(mp.mpf(float(value)) - exact) - floor, 0)
                result[i] = distance / mp.mpf(float(np.spacing(abs(float(exact)))))
    return result


def worst_error(name, count, seed, evaluate=evaluate):
    """The largest error over some numbers, with the place."""
    xs = arguments(FUNCTIONS[name], count, seed)
    error = errors(name, evaluate(name, *xs), xs)
    assert np.isfinite(error).mean() > 0.3  # most results are normal numbers, and none was NaN: those would be inf
    worst = np.nanargmax(error)
    return float(error[worst]), tuple(float(x[worst]) for x in xs)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_is_within_its_bound(name):
    error, place = worst_error(name, 60, seed=2)
    assert error <= FUNCTIONS[name].ulp, f"{error:.2f} ulp at {place}"


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_is_within_its_bound_over_many_points(name):
    error, place = worst_error(name, 500, seed=3)
    assert error <= FUNCTIONS[name].ulp, f"{error:.2f} ulp at {place}"


def all_special(function):
    points = list(itertools.product(SPECIAL, repeat=function.arity))
    return [np.array(column) for column in zip(*points, strict=True)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_scalar_and_vector_agree_to_the_last_bit(name):
    function = FUNCTIONS[name]
    drawn = zip(arguments(function, 300, seed=4), all_special(function), strict=True)
    xs = [np.concatenate(pair) for pair in drawn]
    scalar, vector = (evaluate(name, *xs, vector=flag).view(np.int64) for flag in (False, True))
    nan = np.isnan(scalar.view(float))
    np.testing.assert_array_equal(nan, np.isnan(vector.view(float)))
    np.testing.assert_array_equal(scalar[~nan], vector[~nan])


BETTER_THAN_REFERENCE = {  # exact values that SciPy and NumPy miss
    ("erfcinv", SMALLEST): 27.213293210812948,
    ("gammaln", SMALLEST): 744.4400719213812,
    ("gammaln", 1e-310): 713.8013788281542,
    ("gammaln", -SMALLEST): 744.4400719213812,
    ("gammaln", -1e-310): 713.8013788281542,
    ("gammaln", 1 + 2.0**-52): -1.281676242696001e-16,
    ("gammaln", 1 - 2.0**-53): 6.408381213480008e-17,
    ("digamma", -1 + 2.0**-53): -9007199254740992.0,
    ("digamma", -1023.9999999999999): -8796093022201.068,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_values_are_those_of_numpy_and_scipy(name):
    function = FUNCTIONS[name]
    xs = all_special(function)
    with np.errstate(all="ignore"):
        names = {"numpy": np, "scipy": scipy, "x": xs[0], "y": xs[-1]}
        expected = eval(function.reference, names)  # noqa: S307 - the table's
    if function.arity == 1:
        exact = [BETTER_THAN_REFERENCE.get((name, x), e) for x, e in zip(xs[0], expected, strict=True)]
        expected = np.array(exact)
    found = evaluate(name, *xs)
    # Signs of zeros included; finite values are close, and subnormal ones differ by a few quanta at most.
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    number = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found)[number], np.signbit(expected)[number])
    np.testing.assert_allclose(found, expected, rtol=2e-14, atol=1e-322)


EXACT = {
    "exp": [(0.0, 1.0)],
    "exp2": [(float(n), 2.0**n) for n in (-1074, -1030, -1022, -1, 0, 1, 10, 1023)],
    "log": [(1.0, 0.0)],
    "log2": [(2.0**n, float(n)) for n in range(-1074, 1024, 7)],
    "log10": [(float(f"1e{n}"), float(n)) for n in range(23)],
    "sigmoid": [(0.0, 0.5)],
    "gamma": [(float(n), float(scipy.special.factorial(n - 1, exact=True))) for n in range(1, 20)],
    "gammaln": [(1.0, 0.0), (2.0, 0.0)],
    "erfc": [(0.0, 1.0)],
    "erfcx": [(0.0, 1.0)],
    "ndtri": [(0.5, 0.0)],
    "erfcinv": [(1.0, 0.0)],
    "arccos": [(1.0, 0.0)],
}


@pytest.mark.parametrize("name", EXACT)
def test_exact_results_are_exact(name):
    x, expected = np.array(EXACT[name]).T
    np.testing.assert_array_equal(evaluate(name, x), expected)


def test_powers_of_small_integers_are_exact():
    x, y = (axis.ravel().astype(float) for axis in np.meshgrid(np.arange(-20, 21), np.arange(1, 12)))
    exact = np.array([float(int(a) ** int(b)) for a, b in zip(x, y, strict=True)])
    np.testing.assert_array_equal(evaluate("pow", x, y), exact)
    x = np.arange(1.0, 1000.0)
    np.testing.assert_array_equal(evaluate("pow", x * x, np.full(999, 0.5)), x)


@pytest.mark.parametrize("x", [6381956970095103 * 2.0**797, 5.319372648326541e255, 1e22, float(2**20) * np.pi, 355.0])
@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_angles_that_are_hard_to_reduce(name, x):
    # The first is the double closest to a multiple of pi/2, relative to its neighbours (Muller, table 11.1).
    points = np.array([x, -x, np.nextafter(x, 0), np.nextafter(x, np.inf)])
    assert np.nanmax(errors(name, evaluate(name, points), [points])) <= FUNCTIONS[name].ulp


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 9, 15, 17, 33])
def test_remainders_of_vectors(size):
    x = np.linspace(0.1, 3.0, size)
    np.testing.assert_allclose(evaluate("gammaln", x), scipy.special.gammaln(x), rtol=1e-13, atol=1e-15)


LOOP = """
{declarations}
define void @f(ptr noalias %p, ptr noalias %q) {{
entry:
  br label %next
next:
  %i = phi i64 [0, %entry], [%j, %next]
  %a = getelementptr double, ptr %p, i64 %i
  %x = load double, ptr %a
  %y = call double @{symbol}({operands}) {attributes}
  %b = getelementptr double, ptr %q, i64 %i
  store double %y, ptr %b
  %j = add i64 %i, 1
  %c = icmp slt i64 %j, 64
  br i1 %c, label %next, label %done
done:
  ret void
}}
"""


@pytest.mark.parametrize("name", ["exp", "gammaln", "pow", "sin"])
def test_loops_call_the_vector_variant(name):
    ir = LOOP.format(
        declarations=math.declarations([name]),
        symbol=math.symbol(name),
        operands=", ".join(["double %x", "double 1.5"][: FUNCTIONS[name].arity]),
        attributes=math.call_attributes(name),
    )
    unit = engine.assemble(ir, 2, {})
    assert unit.undefined == (math.symbol(name, engine.host().vector_width),)


def test_declarations_name_what_is_missing():
    with pytest.raises(KeyError, match=r"'expm2'; there are .*expm1"):
        math.declarations(["expm2"])
    with pytest.raises(KeyError, match=r"'expm2'"):
        math.library("expm2")
    assert math.declarations([]) == ""


def test_evaluate_checks_its_arrays():
    with pytest.raises(ValueError, match=r"pow takes 2 arrays .*\(3,\)"):
        evaluate("pow", np.ones(3))


@pytest.mark.parametrize("name", [next(iter(rows)) for rows in GROUPS.values()])
def test_objects_come_from_the_disk(name):
    math.library(name)
    math._library.cache_clear()
    again = math.library(name)
    assert again.report["cached"]
    assert math.symbol(name) in again.addresses


def test_resolve_takes_only_its_own_names():
    addresses, libraries = math.resolve(["memset", "pm_exp", "pm_nothing", "pm_v4", "pm_sin"])
    assert set(addresses) == {"pm_exp", "pm_sin"}
    assert len(libraries) == 2
    call = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(addresses["pm_sin"])
    assert call(0.5) == pytest.approx(np.sin(0.5), rel=1e-15)


OTHER_MACHINE = """
import dataclasses, json, sys
from pellucid.compile.llvm import engine
find = engine._find_host
engine._find_host = lambda: dataclasses.replace(find(), cpu={cpu!r}, features={features!r})
import numpy as np
sys.path.insert(0, {here!r})
import test_math
assert engine.host().vector_width == {width}
print(json.dumps({{name: test_math.worst_error(name, 12, 6) for name in test_math.FUNCTIONS}}))
"""


@pytest.mark.slow
@pytest.mark.skipif(not engine.host().triple.startswith("x86_64"), reason="the processors of this test are x86-64")
@pytest.mark.parametrize("cpu, features, width", [("x86-64", "", 2), ("sandybridge", "+avx", 4)])
def test_processors_without_fused_multiplication(cpu, features, width):
    here = __file__.rsplit("/", 1)[0]
    code = OTHER_MACHINE.format(cpu=cpu, features=features, width=width, here=here)
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    for name, (error, place) in json.loads(out).items():
        assert error <= 1.5 * FUNCTIONS[name].ulp, f"{name}: {error:.2f} ulp at {place}"


def test_split_constants_add_up():
    with mp.workprec(200):
        for parts, exact in [
            (coefficients.LN2, mp.log(2)),
            (coefficients.HALF_PI_PARTS, mp.pi / 2),
            (coefficients.PI, mp.pi),
            (coefficients.INVERSE_LN10, 1 / mp.log(10)),
        ]:
            assert abs(sum(map(mp.mpf, parts)) - exact) < mp.mpf(2) ** -84
    bits = sum(word << 64 * (20 - k) for k, word in enumerate(coefficients.TWO_OVER_PI_WORDS))
    with mp.workprec(1500):
        assert bits == int(mp.floor(2 / mp.pi * mp.mpf(2) ** 1344))
