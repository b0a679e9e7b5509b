"""Indexing and functional updates agree with NumPy for every index that NumPy takes."""



import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import pellucid.tensor as pt
from pellucid.diff import grad
from pellucid.testing import BACKENDS_UNDER_TEST, check_op, inputs_for

SHAPES = st.sampled_from([(4,), (1,), (3, 4), (2, 1), (2, 3, 4), (3, 0, 2)])


def positions(n):
    """Integer arrays that may index an axis of length n, with repeats and negative positions."""
    shape = st.sampled_from([(2,), (1,), (3, 2), (2, 1), (0,)] if n else [(0,)])
    return shape.flatmap(lambda s: hnp.arrays(np.int64, s, elements=st.integers(-n, max(n - 1, 0))))


def bounds(n):
    return st.one_of(st.none(), st.integers(-n - 2, n + 2))


def slices(n):
    return st.builds(slice, bounds(n), bounds(n), st.sampled_from([None, 1, 2, -1, -2, 3]))


@st.composite
def basic_indices(draw, shape):
    """Integers, slices, new axes and an ellipsis for some of the axes."""
    count = draw(st.integers(0, len(shape)))
    entries = [draw(slices(n) if n == 0 or draw(st.booleans()) else st.integers(-n, n - 1)) for n in shape[:count]]
    for _ in range(draw(st.integers(0, 2))):
        entries.insert(draw(st.integers(0, len(entries))), None)
    if draw(st.booleans()):
        entries.append(...)
    return tuple(entries)


@st.composite
def advanced_indices(draw, shape):
    """At least one integer array or mask, mixed with everything else."""
    entries = []
    array_shape = None
    axis = 0
    while axis < len(shape):
        kind = draw(st.sampled_from(["array", "slice", "int", "mask", "none", "stop"]))
        n = shape[axis]
        if kind == "stop":
            break
        if kind == "none":
            entries.append(None)
            continue
        if kind == "slice" or n == 0:
            entries.append(draw(slices(n)))
        elif kind == "int":
            entries.append(draw(st.integers(-n, n - 1)))
        elif kind == "mask" and array_shape is None:
            entries.append(draw(hnp.arrays(bool, (n,))))
            array_shape = (int(entries[-1].sum()),)
        else:
            array_shape = array_shape or draw(st.sampled_from([(2,), (2, 3), (1,)]))
            entries.append(draw(hnp.arrays(np.int64, array_shape, elements=st.integers(-n, n - 1))))
        axis += 1
    if draw(st.booleans()):
        entries.append(...)
    return tuple(entries)


def numbered(shape):
    return np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape)


def check_index(x, index):
    """Value, static shape, set and inc agree with NumPy, for static and unknown lengths."""
    want = x[index]
    values = -numbered(want.shape)
    for static in (True, False):
        (v,) = inputs_for([x], static=static)
        picked = v[index]
        assert len(picked.type.shape) == want.ndim
        assert all(s in (None, n) for s, n in zip(picked.type.shape, want.shape, strict=True))
        np.testing.assert_array_equal(picked.eval({v: x}), want)
        for y in (values, 7.0):
            replaced, added = x.copy(), x.copy()
            replaced[index] = y
            np.add.at(added, index, y)
            if picked is not v:
                np.testing.assert_array_equal(picked.set(y).eval({v: x}), replaced)
                np.testing.assert_array_equal(picked.inc(y).eval({v: x}), added)


@settings(max_examples=150)
@given(st.data())
def test_basic_indices(data):
    shape = data.draw(SHAPES)
    index = data.draw(basic_indices(shape))
    if index and all(e is None or e == slice(None) for e in index if e is not ...) and None in index:
        return  # a new axis alone is no index to set through
    check_index(numbered(shape), index)


@settings(max_examples=200)
@given(st.data())
def test_advanced_indices(data):
    shape = data.draw(SHAPES)
    index = data.draw(advanced_indices(shape))
    if not any(isinstance(e, np.ndarray) for e in index):
        return
    check_index(numbered(shape), index)


@settings(max_examples=60)
@given(st.data())
def test_positions_given_at_run_time(data):
    """The same when positions are inputs of the graph, not part of it."""
    shape = data.draw(st.sampled_from([(4,), (3, 4), (2, 3, 4)]))
    x = numbered(shape)
    index, symbolic, given_values = [], [], {}
    for i, n in enumerate(shape):
        kind = data.draw(st.sampled_from(["scalar", "slice", "vector"]))
        if kind == "scalar":
            value = data.draw(st.integers(-n, n - 1))
            variable = pt.lscalar(f"i{i}")
            given_values[variable] = value
        elif kind == "vector":
            value = data.draw(hnp.arrays(np.int64, (2,), elements=st.integers(-n, n - 1)))
            variable = pt.lvector(f"i{i}")
            given_values[variable] = value
        else:
            bound, step = data.draw(st.integers(-n - 1, n + 1)), data.draw(st.sampled_from([1, 2, -1]))
            start = pt.lscalar(f"s{i}")
            given_values[start] = bound
            value, variable = slice(bound, None, step), slice(start, None, step)
        index.append(value)
        symbolic.append(variable)
    for static in (True, False):
        (v,) = inputs_for([x], static=static)
        picked = v[tuple(symbolic)]
        np.testing.assert_array_equal(picked.eval({v: x, **given_values}), x[tuple(index)])
        want = x.copy()
        np.add.at(want, tuple(index), 1.0)
        np.testing.assert_array_equal(picked.inc(1.0).eval({v: x, **given_values}), want)


X = np.random.default_rng(5).normal(size=(3, 4, 2))
CASES = {
    "int": np.s_[1], "negative": np.s_[-1], "slice": np.s_[1:3], "step": np.s_[::2], "backwards": np.s_[::-1],
    "backwards part": np.s_[2:0:-1], "empty": np.s_[2:1], "beyond": np.s_[1:10], "ellipsis": np.s_[..., 0],
         "new": np.s_[:, None, 1],
    "array": np.s_[[0, 2, 0]], "array 2d": np.s_[[[0, 1], [2, 2]]], "array middle": np.s_[:, [0, 3, 3]],
         "two": np.s_[[0, 1], [3, 2]],
    "apart": np.s_[[0, 1], :, [1, 0]], "apart int": np.s_[0, :, [1, 0, 1]], "with slice": np.s_[1:, [0, 0, 2]],
    "with steps": np.s_[::2, [0, 1], ::-1], "with new": np.s_[None, [0, 1], None, [2, 3]],
         "broadcast": np.s_[[[0], [1]], [[2, 3]]],
    "mask": np.s_[np.array([True, False, True])], "mask 2d": np.s_[X[:, :, 0] > 0], "no positions": np.s_[[]],
}  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("name", CASES)
def test_indices_on_backends(name, backend):
    index = CASES[name]
    part = X[index]
    y = np.random.default_rng(6).normal(size=part.shape)
    check_op(lambda x: x[index], [X], lambda x: x[index], backend=backend)
    check_op(lambda x, v: x[index].set(v), [X, y], lambda x, v: replaced(x, index, v), backend=backend)
    check_op(lambda x, v: x[index].inc(v), [X, y], lambda x, v: added(x, index, v), backend=backend)
    check_op(lambda x, v: x[index].inc(v), [X, np.array(2.0)], lambda x, v: added(x, index, v), backend=backend)


def replaced(x, index, v):
    out = x.copy()
    out[index] = v
    return out


def added(x, index, v):
    out = x.copy()
    np.add.at(out, index, v)
    return out


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("dtype", ["float32", "int64", "int8", "bool"])
def test_dtypes(dtype, backend):
    x = np.array([0, 1, 1, 0]).astype(dtype)
    check_op(lambda v: v[[0, 3, 1]], [x], lambda v: v[[0, 3, 1]], backend=backend)
    check_op(lambda v: v[1:].set(v[0]), [x], lambda v: replaced(v, np.s_[1:], v[0]), backend=backend)
    if dtype != "bool":
        check_op(lambda v: v[[1, 1]].inc(v[:2]), [x], lambda v: added(v, [1, 1], v[:2]), backend=backend)


def test_set_through_what_is_a_tensor_of_its_own():
    """``a[i]`` picks from `a`; ``a[i][:]`` picks all of ``a[i]``."""
    a = pt.as_tensor_variable(X)
    np.testing.assert_array_equal(a[0][:].set(0.0).eval(), np.zeros((4, 2)))
    np.testing.assert_array_equal(a[0][...].set(0.0).eval(), np.zeros((4, 2)))
    np.testing.assert_array_equal(a[0][:, None].set(0.0).eval(), np.zeros((4, 2)))
    np.testing.assert_array_equal(a[0].set(0.0).eval(), replaced(X, 0, 0.0))
    np.testing.assert_array_equal(a[1:][[0, 1]].set(0.0).eval(), np.zeros((2, 4, 2)))
    np.testing.assert_array_equal(a[1:, [0, 1]].set(0.0).eval(), replaced(X, np.s_[1:, [0, 1]], 0.0))


def test_of_repeated_positions_the_last_write_survives_and_gets_the_gradient():
    y = pt.vector("y")
    out = pt.zeros(3)[[0, 0, 2]].set(y)
    np.testing.assert_array_equal(out.eval({y: [1.0, 2.0, 3.0]}), [2.0, 0.0, 3.0])
    np.testing.assert_array_equal(grad(out.sum(), y).eval({y: [1.0, 2.0, 3.0]}), [0.0, 1.0, 1.0])


@pytest.mark.parametrize(
    "index",
    [5, -6, (0, 0), np.array([0, 5]), [5], np.array([True, False]), 1.5, "a", True, (..., ...), np.array([0.5])],
)
def test_what_is_no_index_is_refused(index):
    with pytest.raises((IndexError, TypeError)):
        pt.vector("x", shape=(5,))[index]


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize(
    "build", [lambda x, i: x[i], lambda x, i: x[pt.stack([i, i])], lambda x, i: x[pt.stack([i])].set(0.0)]
)
def test_positions_out_of_range_are_found_at_run_time(build, backend):
    x, i = pt.vector("x"), pt.lscalar("i")
    with pytest.raises((IndexError, ValueError), match=r"3|out of"):
        build(x, i).eval({x: [1.0, 2.0, 3.0], i: 3}, backend=backend)


def test_updates_that_do_not_fit_are_refused():
    x = pt.vector("x", shape=(5,))
    with pytest.raises(ValueError, match="broadcast"):
        x[1:3].set(np.zeros(3))
    with pytest.raises(TypeError, match="cast"):
        pt.lvector("i")[0].set(1.5)
    with pytest.raises(TypeError, match="indexed tensor"):
        pt.set_subtensor(x, 1.0)
    with pytest.raises(IndexError, match="number other than zero"):
        x[::0]
