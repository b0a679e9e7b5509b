"""Every elementwise op, the moment it is declared: values, dtypes, shapes and gradients on every backend."""

# ruff: noqa: B023, PLW0108 - builders are called at once, and spell out the axes they are about

import itertools

import mpmath
import numpy as np
import pytest
import scipy.special as sp

import pellucid.tensor as pt
from pellucid import function
from pellucid.tensor.elementwise import ELEMENTWISE, floating_dtype
from pellucid.testing import BACKENDS_UNDER_TEST, COSTLY, arguments_for, check_op


def mp_gammainc(a, x):
    return mpmath.gammainc(a, 0, x, regularized=True)


def mp_betainc(a, b, x):
    return mpmath.betainc(a, b, 0, x, regularized=True)


def slope(function, which, *arrays):
    """The derivative of a function of mpmath in one argument, by central differences in many digits."""

    def one(*numbers):
        with mpmath.workdps(40):
            point = [mpmath.mpf(float(v)) for v in numbers]
            h = mpmath.mpf(10) ** -12
            ends = [function(*[v + s * h * (i == which) for i, v in enumerate(point)]) for s in (1, -1)]
            return float((ends[0] - ends[1]) / (2 * h))

    arrays = np.broadcast_arrays(*arrays)
    found = [one(*numbers) for numbers in zip(*[a.ravel() for a in arrays], strict=True)]
    return np.array(found).reshape(arrays[0].shape)


REFERENCES = {  # by other code than the op's own reference
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "true_div": np.true_divide, "floor_div": np.floor_divide,
    "mod": np.remainder, "pow": np.power, "neg": np.negative, "reciprocal": lambda x: np.true_divide(1.0, x),
    "sqr": np.square, "abs": np.absolute, "sign": np.sign, "floor": np.floor, "ceil": np.ceil,
    "trunc": np.trunc, "round_half_to_even": np.round, "maximum": np.maximum, "minimum": np.minimum, "eq": np.equal,
    "neq": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
              "isnan": np.isnan,
    "isinf": np.isinf, "bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor,
    "invert": np.invert, "switch": np.where, "disconnected_grad": np.array,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "softplus": lambda x: np.log1p(np.exp(x)),
    "log_expm1": lambda x: np.log(np.expm1(x)), "log1mexp": lambda x: np.log1p(-np.exp(x)),
    "logit": lambda p: np.log(p / (1 - p)), "xlogy": lambda x, y: np.where(x == 0, 0, x * np.log(y)),
    "xlog1py": lambda x, y: np.where(x == 0, 0, x * np.log1p(y)), "tri_gamma": lambda x: sp.zeta(2, x),
    "polygamma": lambda n, x: sp.polygamma(n, x), "erfcx": lambda x: np.exp(x * x) * sp.erfc(x),
    "log_ndtr": lambda x: np.log(sp.ndtr(x)), "ndtr": lambda x: sp.erfc(-x / np.sqrt(2)) / 2,
    "ndtri": lambda p: -np.sqrt(2) * sp.erfcinv(2 * p), "complex": lambda x, y: x + np.complex64(1j) * y,
    "gammainc_by_a": lambda a, x: slope(mp_gammainc, 0, a, x), "betainc_by_a": lambda *abx: slope(mp_betainc, 0, *abx),
    "betainc_by_b": lambda *abx: slope(mp_betainc, 1, *abx),
    "hyp2f1_by_a": lambda *abcz: slope(mpmath.hyp2f1, 0, *abcz),
    "hyp2f1_by_b": lambda *abcz: slope(mpmath.hyp2f1, 1, *abcz),
    "hyp2f1_by_c": lambda *abcz: slope(mpmath.hyp2f1, 2, *abcz),
}  # fmt: skip
DTYPES = ("float64", "float32", "int64", "int8", "uint8", "bool")
QUICK = [b for b in BACKENDS_UNDER_TEST if b not in COSTLY]  # tests/compile/test_jax.py has the dtypes for JAX
SHAPES = ((), (3,), (0,), (1,), (2, 3), (2, 1), (0, 3), (2, 1, 3))


def reference(name):
    found = REFERENCES.get(name) or getattr(np, name, None) or getattr(sp, name)

    def call(*arrays):
        arrays = widened(name, arrays)
        with np.errstate(all="ignore"):
            value = found(*arrays)
        if ELEMENTWISE[name].floating:  # factors such as np.sqrt(2) in the formulae above make float32 double
            return value.astype(np.result_type(*arrays))
        return value

    return call


def widened(name, arrays):
    """Integers as float64 where the function of them is a float."""
    op = ELEMENTWISE[name]
    dtype = op.infer(*map(pt.as_tensor_variable, arrays))[0].dtype
    if not dtype.startswith("float"):
        return arrays
    common = floating_dtype([a.dtype.name for i, a in enumerate(arrays) if i not in op.raw])
    return [a if i in op.raw or a.dtype.kind == "f" else a.astype(common) for i, a in enumerate(arrays)]


@pytest.fixture
def rng():
    return np.random.default_rng(20)


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_values_and_gradients(name, backend, rng):
    op = ELEMENTWISE[name]
    refuses = name == "disconnected_grad" or any(
        rule is not None and rule.__qualname__.startswith("_no_gradient") for rule in op.pullbacks or ()
    )
    for shape in SHAPES if backend not in COSTLY else ((2, 3),):
        arrays = arguments_for(op, "float64", [shape] * op.arity, rng)
        if name == "switch":
            arrays[0] = arrays[0] > 0
        if name.startswith(("bitwise", "invert")):
            arrays = [a > 0 for a in arrays]
        if name.endswith("_shift"):
            arrays = [a.astype("int64") for a in arrays]
        if name == "polygamma":
            arrays[0] = arrays[0].astype("int64")
        if name == "pow":
            arrays[0] = np.abs(arrays[0])
        check_op(op, arrays, reference(name), backend=backend, gradient=not refuses, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("backend", QUICK)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_dtypes(name, dtype, backend, rng):
    op = ELEMENTWISE[name]
    arrays = arguments_for(op, dtype, [(4,)] * op.arity, rng)
    if name == "pow":
        arrays = [np.abs(a) for a in arrays]
    if name == "reciprocal" and dtype == "bool":
        arrays = [np.ones(4, bool)]
    try:
        wanted = reference(name)(*arrays)
    except TypeError:
        with pytest.raises(TypeError, match=f"{name} is not defined for {dtype}"):
            op(*[pt.vector(dtype=dtype) for _ in arrays])
        return
    check_op(op, arrays, lambda *_: wanted, backend=backend, gradient=False, rtol=2e-4 if dtype == "float32" else 1e-11)


@pytest.mark.parametrize("backend", QUICK)
@pytest.mark.parametrize("name", [n for n, op in ELEMENTWISE.items() if op.arity == 2])
def test_mixed_dtypes(name, backend, rng):
    op = ELEMENTWISE[name]
    for dtypes in itertools.product(("float64", "float32", "int64", "int8", "bool"), repeat=2):
        arrays = [np.abs(arguments_for(op, d, [(3,)] * 2, rng)[i]) for i, d in enumerate(dtypes)]
        try:
            wanted = reference(name)(*arrays)
        except TypeError:
            continue
        check_op(op, arrays, lambda *_: wanted, backend=backend, gradient=False, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize(
    "shapes", [((3,), ()), ((2, 1), (3,)), ((1, 3), (2, 1)), ((2, 3), (1,)), ((0, 3), (1, 3)), ((), (2, 1, 3))]
)
def test_broadcasting(shapes, backend, rng):
    a, b = (rng.normal(size=s) for s in shapes)
    check_op(
        lambda x, y: pt.exp(x) * y - x / (1 + y * y),
        [a, b],
        lambda x, y: np.exp(x) * y - x / (1 + y * y),
        backend=backend,
    )
    check_op(lambda x, y: pt.switch(x > y, x, y * 2.0), [a, b], lambda x, y: np.where(x > y, x, y * 2), backend=backend)


SPECIAL = np.array(
    [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1e308, -1e308, 0.5, 2.0, 745.0, -745.0]
)
INACCURATE = {"log_expm1", "log1mexp", "sigmoid", "softplus", "logit", "erfcx", "log_ndtr", "tri_gamma"}


@pytest.mark.parametrize("name", [n for n, op in ELEMENTWISE.items() if op.arity == 1 and n != "invert"])
def test_special_values(name):
    """Where the reference is NumPy's or SciPy's own function, it is so at the edges of the floats too."""
    if name in INACCURATE:
        pytest.skip("the formula in this file is the inaccurate one there")
    op = ELEMENTWISE[name]
    with np.errstate(all="ignore"):
        want = reference(name)(SPECIAL)
    np.testing.assert_allclose(op(SPECIAL).eval(), want, rtol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "uint64"])
def test_shifts_beyond_the_bits(dtype, backend):
    """NumPy gives 0 or the sign where C says nothing: for negative shifts, and those of as many places as bits."""
    x = np.array([1, 3, -5, 127, 100, 1, -1, -128, 5, -7]).astype(dtype)
    places = np.array([0, 1, 2, 7, 8, 63, 64, -1, -3, 100]).astype(dtype)
    a, b = pt.vector(dtype=dtype), pt.vector(dtype=dtype)
    left, right = function([a, b], [a << b, a >> b], backend=backend)(x, places)
    np.testing.assert_array_equal(left, x << places, strict=True)
    np.testing.assert_array_equal(right, x >> places, strict=True)
    np.testing.assert_array_equal(function([b], 3 << b, backend=backend)(places), 3 << places)


def test_stable_at_the_edges():
    values = {
        pt.softplus: [(-800.0, 0.0), (800.0, 800.0), (-40.0, np.exp(-40.0)), (np.inf, np.inf), (-np.inf, 0.0)],
        pt.log1mexp: [(-1e-20, np.log(1e-20)), (-800.0, 0.0), (0.0, -np.inf), (-np.inf, 0.0)],
        pt.log_expm1: [(1e-20, np.log(1e-20)), (800.0, 800.0)],
        pt.sigmoid: [(-800.0, 0.0), (800.0, 1.0), (-40.0, np.exp(-40.0))],
        pt.logit: [(0.0, -np.inf), (1.0, np.inf), (1e-300, np.log(1e-300))],
        pt.log_ndtr: [(-50.0, sp.log_ndtr(-50.0)), (9.0, -sp.ndtr(-9.0))],
        pt.erfcx: [(50.0, sp.erfcx(50.0)), (1e100, sp.erfcx(1e100))],
    }
    for op, cases in values.items():
        for x, want in cases:
            np.testing.assert_allclose(op(x).eval(), want, rtol=1e-13, err_msg=f"{op.name}({x})")
    np.testing.assert_array_equal(pt.xlogy([0.0, 0.0], [0.0, np.nan]).eval(), [0.0, np.nan])
    np.testing.assert_array_equal(pt.logaddexp(-np.inf, -np.inf).eval(), -np.inf)


def expansions():
    return [n for n, op in ELEMENTWISE.items() if op.expansion is not None]


@pytest.mark.parametrize("name", expansions())
def test_expansion_agrees(name, rng):
    op = ELEMENTWISE[name]
    edges = {"logaddexp": (SPECIAL, SPECIAL[::-1]), "xlogy": ([0.0, 0.0, 1.0], [0.0, np.nan, 0.0]),
             "xlog1py": ([0.0, 0.0, 1.0], [-1.0, np.nan, -1.0]), "logit": ([0.0, 1.0, 2.0],),
             "log_ndtr": ([-40.0, 40.0, np.nan],),
             "ndtr": ([-40.0, 40.0, np.nan],), "ndtri": ([0.0, 1.0, np.nan],),
             "log_expm1": ([0.0, 800.0, np.nan],), "angle": ([-0.0, 0.0, -np.inf, np.nan],)}  # fmt: skip
    for arrays in (arguments_for(op, "float64", [(50,)] * op.arity, rng), edges[name]):
        tensors = [pt.as_tensor_variable(a) for a in arrays]
        np.testing.assert_allclose(op.expand(*tensors).eval(), op(*tensors).eval(), rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize("name", [n for n, op in ELEMENTWISE.items() if op.inverse])
def test_inverse(name, rng):
    op = ELEMENTWISE[name]
    (x,) = arguments_for(op, "float64", [(50,)], rng)
    if name == "sqr":
        x = np.abs(x)
    inverse = getattr(pt, op.inverse)
    if name in ("sin", "cos", "tan", "cosh"):
        pytest.fail(f"{name} is not one to one")
    np.testing.assert_allclose(inverse(op(x)).eval(), x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", [n for n, op in ELEMENTWISE.items() if op.monotone])
def test_monotone(name, rng):
    op = ELEMENTWISE[name]
    ((low, high),) = op.domain
    values = op(np.linspace(low, high, 200)).eval()
    assert np.all(op.monotone * np.diff(values) >= 0)


class TestPromotion:
    """Python numbers take the dtype of the tensor beside them, as NumPy 2 has it (NEP 50)."""

    @pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int64", "uint64", "float32", "float64", "complex64"])
    @pytest.mark.parametrize("number", [2, 2.5, True, 2 + 1j])
    def test_python_numbers(self, dtype, number):
        want = (np.ones(2, dtype) + number).dtype.name
        x = pt.vector(dtype=dtype)
        assert (x + number).dtype == want
        assert (number + x).dtype == want
        assert pt.switch([True, False], x, number).dtype == np.result_type(np.ones(2, dtype), number).name

    def test_numpy_scalars_are_typed(self):
        assert (pt.fvector() * np.float64(2)).dtype == "float64"
        assert (pt.fvector() * np.float32(2)).dtype == "float32"

    def test_numbers_that_do_not_fit_bring_their_own_dtype(self):
        assert (pt.vector(dtype="int8") + 300).dtype == "int64"
        assert (pt.vector(dtype="uint8") - (-1)).dtype == "int64"

    def test_numbers_alone(self):
        assert pt.switch(True, 1, 0).dtype == "int64"
        assert pt.add(1, 2.0).dtype == "float64"

    def test_lists_and_stacks(self):
        x = pt.scalar("x")
        assert pt.as_tensor_variable([x, 1.0]).type == pt.TensorType("float64", (2,))
        assert pt.as_tensor_variable([[x, 1], [2, x]]).type == pt.TensorType("float64", (2, 2))
        assert pt.as_tensor_variable([pt.iscalar(), 1]).dtype == "int64"
        np.testing.assert_array_equal(pt.as_tensor_variable([x, 1.0]).eval({x: 3.0}), [3.0, 1.0])

    def test_small_integers_become_double(self):
        assert pt.exp(pt.vector(dtype="int8")).dtype == "float64"
        np.testing.assert_array_equal(pt.gammaln(np.array([3, 4], "int8")).eval(), sp.gammaln([3.0, 4.0]))

    def test_unsigned_wraps_as_in_numpy(self):
        x = np.array([1, 200], "uint8")
        np.testing.assert_array_equal((-pt.as_tensor_variable(x)).eval(), -x)
        np.testing.assert_array_equal((pt.as_tensor_variable(x) - np.uint8(3)).eval(), x - np.uint8(3))
        assert pt.isclose(np.array([1], "uint8"), np.array([2], "uint8")).eval()[0] == np.False_


def test_comparison_and_logic_helpers():
    x = np.array([0.0, 1.0, np.nan, np.inf, -np.inf])
    np.testing.assert_array_equal(pt.isfinite(x).eval(), np.isfinite(x))
    np.testing.assert_array_equal(pt.isclose(x, x, equal_nan=True).eval(), np.isclose(x, x, equal_nan=True))
    np.testing.assert_array_equal(pt.isclose(x, x[::-1]).eval(), np.isclose(x, x[::-1]))
    np.testing.assert_array_equal(pt.logical_and(x, 1).eval(), np.logical_and(x, 1))
    np.testing.assert_array_equal(pt.logical_not(x).eval(), np.logical_not(x))
    for low, high in ((-0.5, 0.5), (None, 0.5), (0, None)):
        np.testing.assert_array_equal(pt.clip(x, low, high).eval(), np.clip(x, low, high))
    np.testing.assert_array_equal(pt.clip(np.array([1, 5]), 2, 3).eval(), [2, 3])
    np.testing.assert_allclose(pt.round([2.5, 1.25, -0.35], 1).eval(), np.round([2.5, 1.25, -0.35], 1))


@pytest.mark.parametrize("decimals", [0, 2, -1])
def test_round(decimals):
    x = np.array([123.456, -7.895, 0.5, 1.5])
    np.testing.assert_allclose(pt.round(x, decimals).eval(), np.round(x, decimals), rtol=1e-15)
