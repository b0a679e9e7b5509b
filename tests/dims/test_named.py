"""Tensors with named dims compute what xarray computes, under the same names."""

import numpy as np
import pytest
import xarray

import pellucid as pm
import pellucid.dims as pmd
from pellucid.dims.reductions import reduced
from pellucid.tensor import math as tensor_math
from pellucid.tensor.elementwise import Elementwise

RNG = np.random.default_rng(5)
A = xarray.DataArray(RNG.uniform(0.1, 0.9, (2, 3)), dims=("a", "b"))
B = xarray.DataArray(RNG.uniform(0.1, 0.9, (3, 4)), dims=("b", "c"))
C = xarray.DataArray(RNG.uniform(0.1, 0.9, (4, 2)), dims=("c", "a"))
I = xarray.DataArray(np.array([2, 0, 0, 1]), dims="p")
J = xarray.DataArray(np.array([[1, 0], [0, 1], [1, 1]]), dims=("b", "q"))


def same(found, expected, rtol=1e-13):
    """The same dims in the same order, and the same values up to another order of summation."""
    assert found.dims == tuple(map(str, expected.dims))
    np.testing.assert_allclose(found.eval(backend="numpy"), expected.to_numpy(), rtol=rtol, atol=1e-15)


x, y, z, i, j = map(pmd.as_xtensor, (A, B, C, I, J))

OPERATORS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "&": lambda a, b: (a > 0.5) & (b > 0.5),
    "|": lambda a, b: (a > 0.5) | (b > 0.5),
    "^": lambda a, b: (a > 0.5) ^ (b > 0.5),
    "unary": lambda a, b: -a + abs(b) * (~(a > 0.5)),
    "numbers": lambda a, b: 2 - a / (1 + 3 * b),
    "reflected": lambda a, b: 2**a + 7 // b + 7 % a,
    "numpy scalar": lambda a, b: np.float64(2.0) * a + np.array(3.0) / b,
}


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("second", ["shares b", "reversed", "nothing shared"])
def test_operators_align_by_name(operator, second):
    other = {"shares b": B, "reversed": C, "nothing shared": C.isel(a=0)}[second]
    same(OPERATORS[operator](x, pmd.as_xtensor(other)), OPERATORS[operator](A, other))


def test_alignment_takes_the_union_in_order_of_appearance():
    assert (x + y + z).dims == ("a", "b", "c")
    assert (z + x).dims == ("c", "a", "b")
    same(z * x - y, C * A - B)


@pytest.mark.parametrize("function", ["sum", "mean", "std", "var", "min", "max", "prod"])
@pytest.mark.parametrize("dim", [None, "a", "b", ["b"], ["b", "a"], ...])
def test_reductions(function, dim):
    same(getattr(x, function)(dim), getattr(A, function)(dim))
    assert getattr(x, function)(dim=dim).dims == getattr(pmd.math, function)(x, dim=dim).dims


def test_other_reductions():
    same(x.var("a", ddof=1), A.var("a", ddof=1))
    same((x > 0.5).any("a"), (A > 0.5).any("a"))
    same((x > 0.05).all(), (A > 0.05).all())
    same(x.cumsum("b"), A.cumsum("b"))
    same(x.cumprod("a"), A.cumprod("a"))
    same(x.cumsum(), A.cumsum())
    assert reduced("sum", 3.0).eval() == 3.0
    with pytest.raises(ValueError, match="no dim 'z'; it has 'a', 'b'"):
        x.sum("z")


INDICES = {
    "number": {"a": 1},
    "negative": {"b": -1},
    "slice": {"b": slice(1, None)},
    "backwards": {"b": slice(None, None, -1)},
    "list": {"b": [2, 0]},
    "array": {"b": np.array([1, 1, 0, 2])},
    "two arrays": {"a": [1, 0, 1], "b": [2, 0]},
    "mask": {"b": np.array([True, False, True])},
    "named": {"b": I},
    "paired with its own dim": {"a": J},
    "two of the same dim": {"a": I % 2, "b": I},
    "named and number": {"a": 0, "b": I},
    "named and slice": {"a": slice(0, 1), "b": I},
    "named scalar": {"a": xarray.DataArray(1)},
}


@pytest.mark.parametrize("case", INDICES)
def test_indexing_by_name(case):
    index = INDICES[case]
    named = {d: pmd.as_xtensor(e) if isinstance(e, xarray.DataArray) else e for d, e in index.items()}
    expected = A.isel(index)
    for found in (x.isel(named), x[named], x.isel(**named)):
        same(found.transpose(*expected.dims), expected)
    if len(named) == 1:
        assert x.isel(named).dims == expected.dims


def test_indexing_by_place():
    same(x[1], A[1])
    same(x[..., 0], A[..., 0])
    same(x[:, 1:], A[:, 1:])
    with pytest.raises(IndexError, match="2 dims, which 3 indices"):
        x[0, 0, 0]
    with pytest.raises(IndexError, match="has 2 axes: name them"):
        x[{"a": np.zeros((2, 2), int)}]
    with pytest.raises(IndexError, match="dtype float64"):
        x[{"a": pmd.as_xtensor([0.0], dims="n")}]
    with pytest.raises(TypeError):
        iter(x)


def test_ends_and_differences():
    same(x.head(1), A.head(1))
    same(x.head(b=2), A.head(b=2))
    same(x.tail(a=1), A.tail(a=1))
    same(x.tail({"b": 0}), A.tail({"b": 0}))
    same(x.thin(2), A.thin(2))
    same(y.diff("c", n=2), B.diff("c", n=2))
    wide = xarray.DataArray(np.arange(9.0), dims="n")
    same(pmd.as_xtensor(wide).head(), wide.head())


SHAPES = {
    "transpose": lambda v: v.transpose("b", "a"),
    "reversed": lambda v: v.transpose(),
    "T": lambda v: v.T,
    "dots": lambda v: v.transpose(..., "a"),
    "rename": lambda v: v.rename({"a": "d"}),
    "expand": lambda v: v.expand_dims("d"),
    "expand to": lambda v: v.expand_dims(d=3, e=2),
    "expand list": lambda v: v.expand_dims(["d", "e"]),
    "squeeze": lambda v: v.isel(a=slice(0, 1)).squeeze("a"),
    "squeeze all": lambda v: v.isel(a=slice(0, 1)).squeeze(),
    "where": lambda v: v.where(v > 0.5),
    "where other": lambda v: v.where(v > 0.5, 0.0),
    "clip": lambda v: v.clip(0.3, 0.6),
    "astype": lambda v: (10 * v).astype("int64"),
}


@pytest.mark.parametrize("case", SHAPES)
def test_shapes(case):
    same(SHAPES[case](x), SHAPES[case](A))


def test_stack_and_unstack():
    stacked = A.stack(n=("b", "a"))
    found = x.stack(n=("b", "a"))
    np.testing.assert_array_equal(found.eval(), stacked.to_numpy())
    same(found.unstack(n={"b": 3, "a": 2}), A.transpose("b", "a"))
    assert (x + y).stack({"n": ["a", "c"]}).dims == ("b", "n")


def test_functions_of_several():
    same(pmd.where(x > 0.5, y, z), xarray.where(A > 0.5, B, C))
    for found, expected in zip(pmd.broadcast(x, y), xarray.broadcast(A, B), strict=True):
        same(found, expected)
    for found, expected in zip(pmd.broadcast(x, y, exclude="b"), xarray.broadcast(A, B, exclude="b"), strict=True):
        same(found.transpose(*expected.dims), expected)
    same(x.broadcast_like(y).transpose("b", "c", "a"), A.broadcast_like(B).transpose("b", "c", "a"))
    same(pmd.concat([x, 2 * x], dim="b"), xarray.concat([A, 2 * A], dim="b"))
    same(pmd.concat([x, 2 * x], dim="n"), xarray.concat([A, 2 * A], dim="n"))
    same(pmd.zeros_like(x), xarray.zeros_like(A))
    same(pmd.ones_like(i), xarray.ones_like(I))
    same(pmd.full_like(x, 2.5), xarray.full_like(A, 2.5))


def test_dot():
    same(x @ y, A @ B)
    same(pmd.dot(x, y), xarray.dot(A, B))
    same(x.dot(y, dim=["b", "c"]), xarray.dot(A, B, dim=["b", "c"]))
    same(pmd.dot(x, y, dim="a"), xarray.dot(A, B, dim="a"))
    same(pmd.dot(x, y, dim=...), xarray.dot(A, B, dim=...))
    with pytest.raises(ValueError, match="dot over"):
        x.dot(y, dim="z")


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "tanh", "log1p", "sin", "floor", "abs", "sign", "square"])
def test_functions_of_elements(name):
    expected = getattr(np, name)(A)
    same(getattr(pmd.math, name)(x), expected, rtol=1e-12)
    same(getattr(np, name)(x), expected, rtol=1e-12)


def test_every_function_of_elements_is_found():
    for name in tensor_math.__all__:
        if isinstance(getattr(tensor_math, name), Elementwise):
            assert getattr(pmd.math, name).__name__ == name
    same(pmd.math.maximum(x, y), np.maximum(A, B))
    with pytest.raises(AttributeError, match="no attribute 'concatenate'"):
        pmd.math.concatenate  # noqa: B018


def test_functions_along_dims():
    exp = np.exp(A)
    same(pmd.math.softmax(x, dim="a"), exp / exp.sum("a"))
    same(pmd.math.softmax(x), exp / exp.sum())
    same(pmd.math.log_softmax(x, dim="b"), np.log(exp / exp.sum("b")), rtol=1e-12)
    same(pmd.math.logsumexp(x, dim="b"), np.log(exp.sum("b")))
    same(pmd.math.cast(i, "float64"), I.astype("float64"))


def test_linear_algebra():
    square = RNG.normal(size=(4, 3, 3))
    cov = pmd.as_xtensor(square @ square.swapaxes(1, 2) + np.eye(3), dims=("g", "r", "s"))
    factor = pmd.linalg.cholesky(cov, dims=("r", "s"))
    np.testing.assert_allclose(factor.eval(), np.linalg.cholesky(cov.eval()), rtol=1e-12)
    right = pmd.as_xtensor(RNG.normal(size=(3, 4)), dims=("r", "g"))
    found = pmd.linalg.solve(cov, right, dims=("r", "s"))
    assert found.dims == ("g", "s")
    np.testing.assert_allclose(pmd.dot(cov, found, dim="s").transpose("r", "g").eval(), right.eval(), rtol=1e-10)
    with pytest.raises(ValueError, match="two dims"):
        pmd.linalg.cholesky(cov, dims="r")


def test_lengths_that_are_not_known():
    u, v = pmd.xtensor("u", dims=("a", "b")), pmd.xtensor("v", dims="b")
    value = {u: A.to_numpy(), v: np.array([1.0, 2.0, 3.0])}
    total = (u * v).sum("b")
    np.testing.assert_allclose(total.eval(value), A.to_numpy() @ value[v], rtol=1e-13)
    assert u.sizes["a"].eval({u.values: A.to_numpy()}) == 2
    stacked = u.stack(n=("b", "a")).eval({u: A.to_numpy()})
    np.testing.assert_array_equal(stacked, A.to_numpy().T.ravel())
    with pytest.raises((pm.ShapeError, ValueError)):
        (u * v).eval({u: A.to_numpy(), v: np.ones(2)})


def test_empty_axes():
    empty = pmd.as_xtensor(np.zeros((0, 3)), dims=("n", "b"))
    assert (empty + x).eval().shape == (0, 3, 2)
    assert empty.sum("n").eval().tolist() == [0, 0, 0]


def test_gradients_pass():
    w = pmd.xtensor("w", dims="b", shape=(3,))
    slope = pm.grad((pmd.math.exp(x * w)).sum().values, w.values)
    value = np.array([0.1, 0.2, 0.3])
    np.testing.assert_allclose(slope.eval({w.values: value}), (A * np.exp(A * value)).sum("a").to_numpy(), rtol=1e-12)


def test_a_named_tensor():
    assert x.dims == ("a", "b")
    assert x.sizes == {"a": 2, "b": 3}
    assert x.shape == (2, 3)
    assert x.ndim == 2
    assert x.dtype == "float64"
    assert x.size.eval() == 6
    assert x.rename("new").name == "new"
    assert "dims=('a', 'b')" in repr(x)
    with pytest.raises(AttributeError, match="immutable"):
        x.dims = ("c", "d")
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(x > 0)


MISTAKES = {
    "no dims": (lambda: pmd.as_xtensor([1.0, 2.0]), TypeError, "has no dims"),
    "no dims in arithmetic": (lambda: x + np.ones(3), TypeError, "has no dims"),
    "on the left": (lambda: np.ones(3) + x, TypeError, "has no dims"),
    "too few": (lambda: pmd.as_xtensor(np.ones((2, 2)), dims="a"), pm.ShapeError, "2 axes"),
    "twice": (lambda: pmd.as_xtensor(np.ones((2, 2)), dims=("a", "a")), pm.ShapeError, "all different"),
    "other dims": (lambda: pmd.as_xtensor(x, dims=("b", "a")), ValueError, "transpose or rename"),
    "no string": (lambda: pmd.as_xtensor([1.0], dims=[3]), TypeError, "named by a string"),
    "lengths": (lambda: x + pmd.as_xtensor([1.0, 2.0], dims="b"), pm.ShapeError, "'b' has length 3 and length 2"),
    "length one": (lambda: x + pmd.as_xtensor([1.0], dims="b"), pm.ShapeError, "'b' has length 3 and length 1"),
    "transpose": (lambda: x.transpose("a"), ValueError, "name every dim once"),
    "expand": (lambda: x.expand_dims("a"), ValueError, "already"),
    "squeeze": (lambda: x.squeeze("a"), pm.ShapeError, "longer than 1"),
    "rename to same": (lambda: x.rename(a="b"), pm.ShapeError, "all different"),
    "isel": (lambda: x.isel(z=0), ValueError, "no dim 'z'"),
    "into plain": (lambda: pm.math.exp(x), TypeError, "would lose its dims here"),
    "beside plain": (lambda: pm.math.constant(1.0) * x, TypeError, "would lose its dims here"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes(case):
    make, error, message = MISTAKES[case]
    with pytest.raises(error, match=message) as caught:
        make()
    assert "test_named.py" in str(caught.value)
