"""Compiled functions: inputs, outputs, givens, updates, defaults, and what they refuse; on every backend."""

import numpy as np
import pytest

import pellucid.tensor as pt
from pellucid.compile.function import In, MissingInputError, Out, UnusedInputError, explain, function
from pellucid.compile.shared import SharedVariable, shared
from pellucid.testing import BACKENDS_UNDER_TEST

each_backend = pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)


@each_backend
def test_lesson(backend):
    x, y = pt.scalar("x"), pt.vector("y")
    f = function(inputs=[x, y], outputs=pt.log(x + y), backend=backend)
    np.testing.assert_allclose(f(0, [1, np.e]), [0, 1], rtol=1e-15)
    np.testing.assert_allclose(f(x=0, y=[1, np.e]), [0, 1], rtol=1e-15)


@each_backend
def test_outputs_keep_their_structure(backend):
    x = pt.vector("x")
    assert function([], None, backend=backend)() is None
    assert isinstance(function([x], [x + 1], backend=backend)([1.0]), list)
    found = function([x], {"a": x + 1, "b": Out(x)}, backend=backend)([1.0])
    assert found["a"] == [2.0]
    assert found["b"] == [1.0]


@each_backend
def test_an_output_that_is_an_input_or_a_constant_is_a_copy(backend):
    x = pt.vector("x")
    given = np.array([1.0, 2.0])
    same, _, number = function([x], [x, x, pt.constant([3.0, 4.0])], backend=backend)(given)
    same[0] = 99.0
    assert given[0] == 1.0
    np.testing.assert_array_equal(number, [3, 4])


@each_backend
def test_updates_change_shared_state_after_the_call(backend):
    state, step = shared(np.float64(0.0), name="state"), pt.scalar("step")
    f = function([step], state, updates={state: state + step}, backend=backend)
    assert f(2.0) == 0.0
    assert f(3.0) == 2.0
    assert state.get_value() == 5.0


@each_backend
def test_shared_values_may_change_length_without_compiling(backend):
    data = shared(np.arange(3.0), name="data")
    f = function([], (2 * data).sum(), backend=backend)
    assert f() == 6.0
    data.set_value(np.arange(5.0))
    assert f() == 20.0


@each_backend
def test_givens_replace_in_the_graph(backend):
    x, y = pt.scalar("x"), pt.scalar("y")
    assert function([y], pt.exp(x), givens={x: pt.log(y)}, backend=backend)(3.0) == pytest.approx(3.0, rel=1e-15)
    assert function([], x + 1, givens=[(x, 2.0)], backend=backend)() == 3.0


def test_defaults_and_names():
    x, y = pt.scalar("x"), pt.scalar("y")
    f = function([x, In(y, name="why", value=10.0)], x + y)
    assert f(1.0) == 11.0
    assert f(1.0, why=2.0) == 3.0
    with pytest.raises(TypeError, match=r"no input called 'z'.*x, y"):
        f(1.0, z=2.0)
    with pytest.raises(TypeError, match="takes 2 inputs, not 3"):
        f(1.0, 2.0, 3.0)
    with pytest.raises(MissingInputError, match="a value for x"):
        f()


def test_inputs_and_outputs_must_belong_together():
    x, y = pt.scalar("x"), pt.scalar("y")
    with pytest.raises(MissingInputError, match=r"depend on y.*inputs \(x\)(.|\n)*test_function.py"):
        function([x], x + y)
    with pytest.raises(UnusedInputError, match="No output depends on the input y"):
        function([x, y], x)
    with pytest.warns(UserWarning, match="input y"):
        function([x, y], x, on_unused_input="warn")
    assert function([x, y], x, on_unused_input="ignore")(1.0, 2.0) == 1.0
    with pytest.raises(TypeError, match="An input is a variable, not int"):
        function([1], x)
    with pytest.raises(ValueError, match=r"Listed twice"):
        function([x, x], x)
    with pytest.raises(ValueError, match="no backend 'fortran'"):
        function([x], x, backend="fortran")
    with pytest.raises(TypeError, match="Only shared variables"):
        function([x], x, updates={y: x})
    with pytest.raises(TypeError, match="brings its own value"):
        function([pt.constant(1.0)], x)


@each_backend
def test_values_that_do_not_fit_are_refused_by_name(backend):
    n, x, fixed = pt.lscalar("n"), pt.vector("x"), pt.tensor("fixed", shape=(2,))
    f = function([n, x, fixed], [n + 1, x, fixed], backend=backend)
    with pytest.raises(TypeError, match="'n' holds int64, but the value is float64"):
        f(1.5, [1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"'x' needs 1 axes, but the value has shape \(1, 1\)"):
        f(1, [[1.0]], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"'fixed' has static shape \(2,\).*axis 0 must be 2"):
        f(1, [1.0], [1.0])
    with pytest.raises(TypeError, match="'x' holds float64, but the value is complex128"):
        f(1, [1j], [1.0, 2.0])
    assert f(np.int8(1), [1], [1, 2])[0] == 2  # integers fit into floats


@each_backend
def test_run_time_lengths_must_agree(backend):
    x, y = pt.vector("x"), pt.vector("y")
    f = function([x, y], x * y, backend=backend)
    with pytest.raises(ValueError, match=r"2 (in one )?and 3(.|\n)*'x'(.|\n)*'y'(.|\n)*test_function.py"):
        f([1.0, 2.0], [1.0, 2.0, 3.0])
    # A length that is 1 only at run time does not stretch.
    with pytest.raises(ValueError, match=r"only an axis that is known|Only an axis that is known"):
        f([1.0], [1.0, 2.0, 3.0])


@each_backend
def test_positions_out_of_range_fail(backend):
    x, i = pt.vector("x"), pt.lvector("i")
    f = function([x, i], x[i], backend=backend)
    np.testing.assert_array_equal(f([1.0, 2.0], [-1, 0, 1]), [2, 1, 2])
    for bad in ([2], [-3], [0, 1, 7]):
        with pytest.raises((IndexError, ValueError), match=r"out of (range|bounds)"):
            f([1.0, 2.0], bad)
    assert f([1.0, 2.0], np.empty(0, "int64")).shape == (0,)


def test_eval_takes_variables_and_names():
    x, y = pt.scalar("x"), pt.vector("y")
    w = pt.log(x + y)
    np.testing.assert_allclose(w.eval({x: 0, "y": [1, np.e]}), [0, 1])
    with pytest.raises(ValueError, match="does not depend on z"):
        w.eval({"z": 1})
    with pytest.raises(MissingInputError, match="depend on y"):
        w.eval({x: 1})


def test_shared_variables():
    v = shared(np.arange(3), name="v")
    assert isinstance(v, SharedVariable)
    assert v.type.shape == (None,)
    got = v.get_value()
    got[0] = 9
    assert v.get_value()[0] == 0, "values are copied"
    assert v.get_value(borrow=True) is v.get_value(borrow=True)
    with pytest.raises(ValueError, match="'v' needs 1 axes"):
        v.set_value(np.zeros((2, 2), int))
    with pytest.raises(TypeError, match="'v' holds int64"):
        v.set_value([0.5])


@each_backend
def test_draws_are_new_at_each_call(backend):
    f = function([], pt.random.normal(size=3), backend=backend)
    assert not np.array_equal(f(), f())


@each_backend
def test_every_report_tells_the_same_things(backend):
    x = pt.vector("x")
    f = function([x], pt.exp(x).sum(), backend=backend)
    f([1.0])
    report = f.compile_report()
    assert report["backend"] == backend
    assert report["nodes"] == 2
    assert {"loop_nests", "callbacks", "plan_and_write", "compile_and_link"} <= set(report)
    assert {"llvm": "native code", "numpy": "interpreted", "jax": "JAX"}[backend] in explain(f)


def test_the_report_says_what_was_done():
    x = pt.vector("x")
    f = function([x], pt.exp(x).sum())
    report = f.compile_report()
    assert report["backend"] == "llvm"
    assert report["loop_nests"] == 1
    f = function([x], pt.random.normal(x))
    assert "random draws" in f.compile_report()["why"]
