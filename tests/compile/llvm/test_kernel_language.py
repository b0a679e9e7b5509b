"""Every construct of the kernel language does the same compiled and as plain Python, and says where it is misused."""

import ctypes
import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.compile.llvm import engine
from pellucid.compile.llvm.kernel_language import (
    Array,
    Density,
    IntArray,
    KernelError,
    Pointer,
    bits_of,
    compile_kernels,
    double_of,
    f64,
    i64,
    kernel,
    multiply_high,
    shift_right_logical,
    signed,
    source_key,
    wrapping_add,
    wrapping_multiply,
)
from pellucid.compile.llvm.kernel_statements import intermediate_representation

LIMIT = 7
RATE = 0.25
BIG = signed(0xD2E7470EE14C6C93)


@kernel
def integer_arithmetic(a: i64, b: i64, out: IntArray) -> None:
    out[0] = a + b * 3 - -a
    out[1] = a // b
    out[2] = a % b
    out[3] = (a << 3) ^ (b >> 1)
    out[4] = (a & 12) | (b & 3)
    out[5] = ~a
    out[6] = abs(a)
    out[7] = min(a, b)
    out[8] = max(a, b) if a > 0 else LIMIT
    out[9] = int(float(a) / 2.0)


@kernel(exact=True)
def float_arithmetic(x: f64, y: f64, n: i64, out: Array) -> None:
    out[0] = x + y * RATE - 3
    out[1] = x / (y * y + 1)
    out[2] = n / 4 + n
    out[3] = -x
    out[4] = abs(x) + math.fabs(y)
    out[5] = math.copysign(2.0, y)
    out[6] = min(x, y)
    out[7] = max(x, n)
    out[8] = math.sqrt(x * x)
    out[9] = np.pi if x > y else math.inf
    out[10] = float(math.floor(x)) + math.ceil(y)
    out[11] = float(int(x))


@kernel
def comparisons(x: f64, y: f64, n: i64, out: IntArray) -> None:
    bits = 0
    if x < y:
        bits += 1
    if x <= y and x >= -y:
        bits += 2
    if not (x == y) or n != 3:  # noqa: SIM201 - what `not` does to NaN
        bits += 4
    if 0 < n < 10 and 0.0 <= x <= y:
        bits += 8
    if math.isfinite(x):
        bits += 16
    if math.isnan(x):
        bits += 32
    if math.isinf(x):
        bits += 64
    if x != x:  # noqa: PLR0124
        bits += 128
    big = x > 1.0
    if big and True:
        bits += 256
    if big != (n == 3):
        bits += 512
    out[0] = bits


@kernel
def count_call(calls: IntArray, answer: i64) -> bool:
    calls[0] += 1
    return answer != 0


@kernel
def short_circuit(a: i64, b: i64, c: i64, calls: IntArray) -> i64:
    calls[0] = 0
    result = 0
    if (count_call(calls, a) and count_call(calls, b)) or count_call(calls, c):
        result = 1
    return result * 10 + calls[0]


@kernel
def classify(x: f64) -> i64:
    """A ladder with early returns."""
    if x < 0.0:
        return -1
    elif x == 0.0:  # noqa: RET505
        return 0
    elif x < 1.0:
        pass
    else:
        return 2
    return 1


@kernel
def loops(n: i64, step_from: i64, out: IntArray) -> None:
    k = 0
    for i in range(n):
        if i == 5:
            continue
        if i > LIMIT:
            break
        out[k] = i
        i = 100  # noqa: PLW2901 - without effect on the loop, in both worlds
        k += 1
    for i in range(step_from, n):
        out[k] = -i
        k += 1
    for i in range(n, step_from, -2):
        for j in range(i):
            if j == 3:
                break
            out[k] += j * i
        k += 1
    while True:
        k += 1
        if k % 4 == 0:
            break
        if k > 90:
            return
    while k < 60:
        k += 1
        if k % 2 == 0:
            continue
        out[k] = k
    out[k] = i


@kernel
def dot(x: Array, y: Array, n: i64) -> f64:
    total = 0.0
    for i in range(n):
        total += x[i] * y[i]
    return total


@kernel
def slices(x: Array, n: i64, marks: IntArray) -> f64:
    tail = x[n // 2 :]
    head: Array = x[:]
    tail[0] = 10.0
    marks[1:][1] = 4
    inner = x[1:3]
    return dot(tail, x[marks[2] - 4 :], n - n // 2) + head[0] + inner[1]


@kernel(inline=True)
def half(x: f64) -> f64:
    return 0.5 * x


@kernel(cold=True)
def polynomial(x: f64, n: i64) -> f64:
    total = y = 1.0
    for _ in range(n):
        y *= half(x)
        total += y
    return total


@kernel
def functions(x: f64, out: Array) -> None:
    out[0] = math.exp(x)
    out[1] = math.log(x)
    out[2] = math.log1p(x)
    out[3] = math.expm1(x)
    out[4] = math.tanh(x)
    out[5] = math.sin(x) + math.cos(x) + math.tan(x)
    out[6] = math.exp2(x) + math.log2(x) + math.log10(x)
    out[7] = math.sinh(x) + math.cosh(x)
    out[8] = math.erf(x)
    out[9] = math.erfc(x)
    out[10] = math.lgamma(x)
    out[11] = math.gamma(x)
    out[12] = math.pow(x, 1.5)
    out[13] = math.atan2(x, 2)
    out[14] = math.atan(x) + math.asinh(x)
    out[15] = math.asin(x / 40) + math.acos(x / 40) + math.atanh(x / 40) + math.acosh(x + 1)


@kernel
def exponentials(x: Array, out: Array, n: i64) -> None:
    for i in range(n):
        out[i] = math.exp(x[i]) + 1.0


@kernel
def wrapping(a: i64, b: i64, out: IntArray) -> None:
    out[0] = wrapping_add(a, b)
    out[1] = wrapping_multiply(a, BIG)
    out[2] = multiply_high(a, b)
    out[3] = shift_right_logical(a, 11)
    out[4] = bits_of(double_of(shift_right_logical(a, 2)) * 2.0) ^ bits_of(1)


@kernel
def call_density(density: Density, context: Pointer, x: Array, logp: Array, gradient: Array) -> i64:
    return 10 * density(x, logp, gradient, context)


@kernel
def greek(σ: f64) -> f64:  # noqa: PLC2401
    μ = 2.0 * σ  # noqa: PLC2401
    return μ  # noqa: RET504


@kernel(overlap=True)
def running_sum(x: Array, y: Array, n: i64) -> None:
    for i in range(n):
        y[i] += x[i]


@kernel
def overlapping(x: Array, n: i64) -> None:
    running_sum(x, x[1:], n - 1)


ENTRIES = [
    integer_arithmetic, float_arithmetic, comparisons, short_circuit, classify, loops, slices, polynomial, functions,
    exponentials, wrapping, call_density, greek, overlapping,
]  # fmt: skip


@pytest.fixture(scope="module")
def compiled():
    return compile_kernels(*ENTRIES)


def both(compiled, entry, arguments, size, dtype):
    """The output array and the result, plain and compiled; `out` stands for the output array in the arguments."""
    results = []
    for run in (entry, compiled[entry.name]):
        out = np.zeros(size, dtype)
        results.append((run(*(out if a is Ellipsis else a for a in arguments)), out.tolist()))
    return results


INTEGERS = [-(2**40) - 1, -7, -1, 1, 2, 5, 12345678901]


@pytest.mark.parametrize("a,b", list(itertools.product(INTEGERS, INTEGERS)))
def test_integer_arithmetic(compiled, a, b):
    plain, machine = both(compiled, integer_arithmetic, (a, b, ...), 10, np.int64)
    assert plain == machine


@pytest.mark.parametrize("x,y", list(itertools.product([-3.75, -0.0, 0.0, 1e-310, 2.5, 1e300], [-2.0, 0.5, 7.0])))
def test_float_arithmetic(compiled, x, y):
    plain, machine = both(compiled, float_arithmetic, (x, y, -3, ...), 12, np.float64)
    if abs(x) < 1e18:
        assert repr(plain) == repr(machine)  # the sign of zero counts
    else:  # integers end at 64 bits
        assert plain[1][:10] == machine[1][:10]


@pytest.mark.parametrize("x", [math.nan, math.inf, -math.inf, -1.0, 0.5, 3.0])
@pytest.mark.parametrize("n", [0, 3, 10])
def test_comparisons(compiled, x, n):
    plain, machine = both(compiled, comparisons, (x, 3.0, n, ...), 1, np.int64)
    assert plain == machine


@pytest.mark.parametrize("answers", list(itertools.product((0, 1), repeat=3)))
def test_operands_are_evaluated_only_as_needed(compiled, answers):
    plain, machine = both(compiled, short_circuit, (*answers, ...), 1, np.int64)
    assert plain == machine


@pytest.mark.parametrize("x", [-1.0, 0.0, 0.5, 1.0, math.nan])
def test_early_return(compiled, x):
    assert classify(x) == compiled["classify"](x)


@pytest.mark.parametrize("n,start", [(1, 0), (5, 2), (10, 3), (12, 12)])
def test_loops(compiled, n, start):
    plain, machine = both(compiled, loops, (n, start, ...), 100, np.int64)
    assert plain == machine


def test_slices_are_pointer_offsets(compiled):
    results = []
    for run in (slices, compiled["slices"]):
        x, marks = np.arange(1.0, 8.0), np.zeros(3, np.int64)
        results.append((run(x, 6, marks), x.tolist(), marks.tolist()))
    assert results[0] == results[1]


def test_calls_of_inlined_kernels_and_cold_loops(compiled):
    for x, n in itertools.product((-1.0, 0.5), (0, 1, 9)):
        assert compiled["polynomial"](x, n) == pytest.approx(polynomial(x, n), rel=1e-14)


@pytest.mark.parametrize("x", [1e-300, 0.1, 1.0, 20.0])
def test_mathematical_functions(compiled, x):
    (_, plain), (_, machine) = both(compiled, functions, (x, ...), 16, np.float64)
    np.testing.assert_allclose(machine, plain, rtol=4e-15)


def test_mathematical_functions_outside_their_domain(compiled):
    out = np.zeros(16)
    compiled["functions"](-np.inf, out)
    np.testing.assert_array_equal(out[:5], [0.0, np.nan, np.nan, -1.0, -1.0])


@kernel(once=True)
def half_of(x: Array, n: i64) -> f64:
    total = 0.0
    for i in range(n):
        total += 0.5 * x[i]
    return total


@kernel
def half_and_one(x: Array, n: i64) -> f64:
    return half_of(x, n) + 1.0


def test_kernels_that_run_once_are_not_optimised_and_mean_the_same():
    x = np.arange(100.0)
    for entries in ((half_of,), (half_and_one,), (half_and_one, half_of)):
        text = intermediate_representation(*entries)
        assert text.count(" optnone") == 1
        library = compile_kernels(*entries)
        assert [library[e.name](x, 100) for e in entries] == [e(x, 100) for e in entries]


def test_only_kernels_that_are_not_cold_call_vector_functions(compiled):
    x, out = np.linspace(-1, 1, 101), np.zeros(101)
    compiled["exponentials"](x, out, 101)
    np.testing.assert_allclose(out, np.exp(x) + 1.0, rtol=4e-16)
    assert any(name.startswith("pm_exp_v") for name in symbols_called(exponentials))
    assert symbols_called(cold_exponentials) == {"pm_exp"}


@kernel(cold=True)
def cold_exponentials(x: Array, out: Array, n: i64) -> None:
    for i in range(n):
        out[i] = math.exp(x[i]) + 1.0


def symbols_called(entry):
    """The symbols that the machine code of a kernel needs from elsewhere."""
    return set(engine.assemble(intermediate_representation(entry), 2, {}).undefined)


@settings(max_examples=200, deadline=None)
@given(a=st.integers(-(2**63), 2**63 - 1), b=st.integers(-(2**63), 2**63 - 1))
def test_wrapping_integers(compiled, a, b):
    plain, machine = both(compiled, wrapping, (a, b, ...), 5, np.int64)
    assert plain == machine
    assert plain[1][2] % 2**64 == (a % 2**64) * (b % 2**64) >> 64
    assert plain[1][3] == (a % 2**64) >> 11


def test_density_is_called_by_address(compiled):
    prototype = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 4)

    def body(x, logp, gradient, context):
        value = ctypes.c_double.from_address(x).value
        ctypes.c_double.from_address(logp).value = -value * value
        ctypes.c_double.from_address(gradient).value = -2.0 * value
        return -int(context or 0)

    callback = prototype(body)
    address = ctypes.cast(callback, ctypes.c_void_p).value
    x, logp, gradient = np.array([3.0]), np.zeros(1), np.zeros(1)
    assert compiled["call_density"](address, 7, x, logp, gradient) == -70
    assert (logp[0], gradient[0]) == (-9.0, -6.0)
    assert call_density(lambda x, logp, gradient, context: context, 4, x, logp, gradient) == 40


def test_overlapping_arrays_where_announced(compiled):
    results = []
    for run in (overlapping, compiled["overlapping"]):
        x = np.ones(9)
        run(x, 9)
        results.append(x.tolist())
    assert results[0] == results[1] == list(range(1, 10))


def test_names_may_be_greek(compiled):
    assert compiled["greek"](1.5) == greek(1.5) == 3.0


def test_memoryviews_are_arrays_too():
    x = np.arange(4.0)
    assert dot(memoryview(x), memoryview(x)[1:], 3) == 8.0


@pytest.mark.parametrize("bad", [np.arange(3), np.arange(6.0)[::2], np.arange(3, dtype=np.float32)])
def test_arrays_of_the_wrong_kind_are_refused(bad):
    run = compile_kernels(dot)["dot"]
    with pytest.raises(TypeError, match="argument 'y' must be a contiguous float64 array"):
        run(np.arange(3.0), bad, 3)
    with pytest.raises(TypeError, match="takes 3 arguments, got 2"):
        run(np.arange(3.0), bad)


MISUSES = {
    "import math": "Import statements are not part",
    "y = [x]": "List expressions are not part",
    "y = x ** 2": "write powers as products",
    "if n: return 1.0": "a condition must be a comparison, but 'n' is i64",
    "n = 1.5": "'n' is i64 since its first assignment and cannot become f64",
    "return z": "'z' is not assigned before this line",
    "return a[-1]": "indices do not count from the end",
    "a[::2] = 1.0": "cannot assign to",
    "b = a[::2]": "slices have no step",
    "a[0.5] = 1.0": "an index must be i64, but '0.5' is f64",
    "return x[0]": "'x' is f64, not an array",
    "return x % 2.0": "defined for integers only",
    "return x & n": "defined for integers only",
    "return dot(a, a)": "dot takes 3 arguments, got 2",
    "return dot(a, x, n)": "argument 'y' of dot must be Array, but 'x' is f64",
    "return math.cbrt(x)": "the kernel language has no math.cbrt(f64)",
    "return math.atan2(x)": "math.atan2 takes 2 argument(s), got 1",
    "return print(x)": "the kernel language has no print(f64)",
    "return len(a)": "a number is needed here, but 'a' is Array",
    "return a": "the result must be f64, but 'a' is Array",
    "return": "annotated to return f64",
    "n = 1": "it may end without returning its f64",
    "return 1.0\n    n = 1": "can never run",
    "for i in a: n = 1": "a for loop runs over range",
    "for i in range(0, n, n): n = 1": "the step of range",
    "x += np": "is not a number; only kernels and numbers",
    "return np.missing": "'np.missing' is unknown here",
    "return np.exp(x)": "the kernel language has no np.exp(f64)",
    "return np.newaxis": "None is not a number",
    "return 1.0 if n > 0 else 1": "they must agree",
    "n = 99999999999999999999": "does not fit 64 bits",
    "y = a == 1": "Array and i64 cannot be compared",
    "y = x is n": "the comparison Is is not part",
}


@pytest.mark.parametrize("statement", MISUSES)
def test_misuse_is_explained_where_it_stands(tmp_path, monkeypatch, statement):
    file = tmp_path / "misused_kernel.py"
    file.write_text(
        "import math\nimport numpy as np\nfrom pellucid.compile.llvm.kernel_language import *\n"
        "from pellucid.compile.llvm.kernel_language import kernel\n"
        "@kernel\ndef dot(x: Array, y: Array, n: i64) -> f64:\n    return x[0]\n"
        f"@kernel\ndef misused(a: Array, x: f64, n: i64) -> f64:\n    {statement}\n"
    )
    scope = {"__name__": "misused_kernel"}
    exec(compile(file.read_text(), str(file), "exec"), scope)  # noqa: S102 - the statements are the list above
    with pytest.raises(KernelError) as raised:
        compile_kernels(scope["misused"])
    assert MISUSES[statement] in str(raised.value)
    assert str(file) in str(raised.value)
    assert "kernel 'misused'" in str(raised.value)


def test_missing_annotations_are_named():
    @kernel
    def untyped(x, n: i64) -> f64:
        return x

    with pytest.raises(KernelError, match="'x' needs an annotation"):
        compile_kernels(untyped)


def test_entries_take_no_bool():
    with pytest.raises(TypeError, match="use i64 in place of bool"):
        compile_kernels(count_call)


def make_scaling(factor):
    @kernel
    def scaling(x: f64) -> f64:
        return factor * x

    return scaling


def test_numbers_of_enclosing_functions_are_constants():
    double, triple = make_scaling(2.0), make_scaling(3.0)
    assert compile_kernels(double)["scaling"](1.5) == double(1.5) == 3.0
    assert compile_kernels(triple)["scaling"](1.5) == triple(1.5) == 4.5
    assert source_key(double) != source_key(triple)


def test_the_same_name_twice_is_refused():
    with pytest.raises(ValueError, match="different names"):
        compile_kernels(make_scaling(1.0), make_scaling(2.0))


def test_a_cached_kernel_writes_no_ir(tmp_path):
    (tmp_path / "once.py").write_text(
        "import sys\nfrom pellucid.compile.llvm.kernel_language import compile_kernels, f64, kernel\n"
        "@kernel\ndef square(x: f64) -> f64:\n    return x * x\n"
        "print(compile_kernels(square)['square'](3.0), 'pellucid.compile.llvm.kernel_statements' in sys.modules)\n"
    )
    command = [sys.executable, str(tmp_path / "once.py")]
    environment = {"PELLUCID_CACHE_DIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    outputs = [subprocess.run(command, env=environment, capture_output=True, text=True, check=True) for _ in range(2)]
    assert [o.stdout.split() for o in outputs] == [["9.0", "True"], ["9.0", "False"]]
