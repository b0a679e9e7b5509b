"""The public names: all there, none that is not meant, and those beyond single ops right."""

# ruff: noqa: B023, PLW0108 - builders are called at once, and spell out the axes they are about

import inspect

import numpy as np
import pytest
import scipy.special as sp

import pellucid.math
import pellucid.tensor as pt
from pellucid.testing import BACKENDS_UNDER_TEST, check_op

X = np.random.default_rng(7).normal(size=(3, 4))
TIES = np.array([[2.0, 1.0, 2.0, np.nan], [0.0, -0.0, -1.0, 5.0]])


def test_every_public_name_exists_and_is_documented():
    assert len(set(pt.__all__)) == len(pt.__all__)
    for name in pt.__all__:
        value = getattr(pt, name)
        if callable(value):
            assert inspect.getdoc(value), name
    assert dir(pt) == sorted(pt.__all__)
    for helper in ("elementwise", "np", "Any", "Sequence", "as_operands", "method", "Reduce", "TWO"):
        assert helper not in pt.__all__
        assert helper not in pellucid.math.__all__


def test_names_that_users_know():
    for name in [
        "sum",
        "max",
        "abs",
        "scalar",
        "dscalar",
        "dmatrix",
        "lvectors",
        "expand_dims",
        "random",
        "linalg",
        "math",
        "concatenate",
        "where",
    ]:
        assert name in pt.__all__
    for name in [
        "exp",
        "log",
        "dot",
        "sigmoid",
        "invlogit",
        "probit",
        "logsumexp",
        "switch",
        "clip",
        "stack",
        "erf",
        "gammaln",
        "abs",
        "sqr",
        "sgn",
        "log1mexp",
    ]:
        assert getattr(pellucid.math, name) is getattr(pt, name)
    assert "scalar" not in pellucid.math.__all__


def test_methods_mean_the_functions():
    x = pt.matrix("x")
    skipped = {"set", "inc", "eval", "dprint", "astype", "item", "choose", "compress", "searchsorted"}
    for name, value in inspect.getmembers(pt.TensorVariable, inspect.isfunction):
        if name.startswith("_") or name in skipped or not hasattr(pt, name):
            continue
        arguments = {
            "dot": (x,),
            "repeat": (2,),
            "fill": (1.0,),
            "take": ([0],),
            "swapaxes": (0, 1),
            "reshape": (-1,),
            "dimshuffle": (1, 0),
        }
        found = value(x, *arguments.get(name, ()))
        want = getattr(pt, name)(x, *arguments.get(name, ()))
        types = [v.type for v in found] if isinstance(found, tuple) else found.type
        assert types == ([v.type for v in want] if isinstance(want, tuple) else want.type), name


COMPOSITES = {
    "sort": (lambda x: pt.sort(x, 0), lambda x: np.sort(x, 0)),
    "sort last": (lambda x: x.sort(), lambda x: np.sort(x)),
    "sort flat": (lambda x: pt.sort(x, None), lambda x: np.sort(x, None)),
    "repeat": (lambda x: x.repeat(2, 1), lambda x: x.repeat(2, 1)),
    "repeat flat": (lambda x: x.repeat(3), lambda x: x.repeat(3)),
    "tile": (lambda x: pt.tile(x, (2, 1, 2)), lambda x: np.tile(x, (2, 1, 2))),
    "tile last": (lambda x: pt.tile(x, 2), lambda x: np.tile(x, 2)),
    "tile nothing": (lambda x: pt.tile(x, (0, 1)), lambda x: np.tile(x, (0, 1))),
    "roll": (lambda x: pt.roll(x, 5), lambda x: np.roll(x, 5)),
    "roll back": (lambda x: pt.roll(x, -1, 0), lambda x: np.roll(x, -1, 0)),
    "diff": (lambda x: pt.diff(x), lambda x: np.diff(x)),
    "diff twice": (lambda x: pt.diff(x, 2, 0), lambda x: np.diff(x, 2, 0)),
    "take_along_axis": (lambda x: pt.take_along_axis(x, [[0], [3], [1]], 1),
                        lambda x: np.take_along_axis(x, np.array([[0], [3], [1]]), 1)),
    "logdiffexp": (lambda x: pt.logdiffexp(x + 1.0, x), lambda x: np.log(np.exp(x + 1) - np.exp(x))),
    "binomln": (lambda x: pt.binomln(x + 9.0, 2.0), lambda x: np.log(sp.binom(x + 9, 2))),
    "betaln": (lambda x: pt.betaln(x + 9.0, 2.0), lambda x: sp.betaln(x + 9, 2)),
    "poch": (lambda x: pt.poch(x + 9.0, 2.0), lambda x: sp.poch(x + 9, 2)),
    "factorial": (lambda x: pt.factorial(x + 5.0), lambda x: sp.gamma(x + 6)),
}  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("name", COMPOSITES)
def test_composites(name, backend):
    build, expected = COMPOSITES[name]
    check_op(build, [X], expected, backend=backend, rtol=1e-10)


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
def test_argsort_keeps_the_order_of_equals_and_puts_nan_last(backend):
    for axis in (0, 1, None):
        check_op(lambda x: pt.argsort(x, axis), [TIES], lambda x: np.argsort(x, axis, stable=True), backend=backend)


@pytest.mark.parametrize("lower", [True, False])
def test_packed_triangles(lower):
    packed = np.arange(1.0, 7.0)
    square = pt.expand_packed_triangular(3, packed, lower=lower).eval()
    np.testing.assert_array_equal(square[np.tril_indices(3) if lower else np.triu_indices(3)], packed)
    assert np.count_nonzero(square) == 6
    np.testing.assert_array_equal(
        pt.expand_packed_triangular(3, packed, lower, diagonal_only=True).eval(), np.diag(square)
    )


NUMPY_CALLS = {
    "a function": (lambda x: np.exp(x), lambda a: np.exp(a)),
    "an operator": (lambda x: np.arange(3.0) * x - np.float64(2), lambda a: np.arange(3.0) * a - 2),
    "a product": (lambda x: np.ones((2, 3)) @ x, lambda a: np.ones((2, 3)) @ a),
    "a comparison": (lambda x: np.ones(3) < x, lambda a: a > 1),
    "a choice": (lambda x: np.where(x > 1, x, 0.0), lambda a: np.where(a > 1, a, 0.0)),
    "a reduction": (lambda x: np.sum(x, axis=0) + np.mean(x), lambda a: a.sum() + a.mean()),
    "a join": (lambda x: np.concatenate([x, x]), lambda a: np.concatenate([a, a])),
    "two arguments": (lambda x: np.maximum(x, 0.5), lambda a: np.maximum(a, 0.5)),
}


@pytest.mark.parametrize("name", NUMPY_CALLS)
def test_numpy_functions_of_tensors_write_graphs(name):
    ours, theirs = NUMPY_CALLS[name]
    x, value = pt.vector("x", shape=(3,)), np.array([0.2, 1.5, -3.0])
    found = ours(x)
    assert isinstance(found, pt.TensorVariable)
    np.testing.assert_allclose(found.eval({x: value}), theirs(value), rtol=1e-15)


def test_numpy_functions_that_mean_nothing_here_say_so():
    x, array = pt.vector("x"), np.ones(3)
    with pytest.raises(TypeError, match=r"np\.gcd cannot be part of a graph: there is no pt\.gcd.*wrap_py"):
        np.gcd(x, x)
    with pytest.raises(TypeError, match="would write into an array"):
        array += x
    with pytest.raises(TypeError, match=r"np\.add\.reduce"):
        np.add.reduce(x)
