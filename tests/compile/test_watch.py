"""Profiles, the guard against NaN, explanations, and pickles of compiled functions."""

import copy
import pickle

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt
from pellucid.compile.watch import NotFiniteError

BACKENDS = ["numpy", "llvm"]


def test_profile_of_the_interpreter_names_ops_and_lines():
    x = pt.matrix("x")
    slow = pt.exp(x) @ x.T
    f = pm.function([x], [slow, x + 1], backend="numpy", profile=True, name="measured")
    for _ in range(3):
        f(np.ones((50, 50)))
    assert f.profile.calls == 3
    rows = f.profile.by_op()
    assert {row[0] for row in rows} >= {"Exp", "Add"}
    assert all(row[1] == 3 for row in rows)
    assert 0 < sum(row[2] for row in rows) < f.profile.seconds
    text = f.profile_report()
    assert "test_watch.py" in text
    assert "slow = pt.exp(x) @ x.T" in text
    np.testing.assert_allclose(f(np.ones((2, 2)))[0], np.full((2, 2), 2 * np.e))


def test_profile_of_native_code_tells_stages_and_calls():
    x = pt.vector("x")
    f = pm.function([x], pt.exp(x), backend="llvm", profile=True)
    f([1.0])
    assert set(f.profile.stages) == {"rewrite", "compile"}
    assert "1 calls" in f.profile_report()
    assert "backend='numpy'" in f.profile_report()
    with pytest.raises(ValueError, match="profile=True"):
        pm.function([x], x + 1).profile_report()


def test_nan_guard_names_the_first_op_its_values_and_the_line():
    x, y = pt.matrix("x"), pt.vector("y")
    z = pt.log(x - y)
    f = pm.function([x, y], (z * 2).sum(), nan_guard=True)
    assert float(f([[2.0, 3.0]], [1.0, 2.0])) == 0.0
    with pytest.raises(NotFiniteError) as caught:
        f([[5.0, 1.0], [5.0, 5.0]], [1.0, 2.0])
    text = str(caught.value)
    assert text.startswith("Log made nan at index (0, 1) (1 of 4 elements)")
    assert "there -1.0" in text
    assert "z = pt.log(x - y)" in text
    with pytest.raises(NotFiniteError, match=r"The input 'y' holds inf at index \(1,\)"):
        f([[5.0, 5.0]], [1.0, np.inf])


def test_nan_guard_of_nan_only_and_of_infinite_constants():
    x = pt.vector("x")
    below = pt.switch(x > 0, pt.log(x), -np.inf)
    guarded = pm.function([x], below, nan_guard="nan", rewrite=False)
    assert guarded([1.0, 0.0]).tolist() == [0.0, -np.inf]
    with pytest.raises(NotFiniteError, match="Log made nan"):
        guarded([-1.0])
    difference = pm.function([x], pt.exp(x) - pt.exp(2 * x), nan_guard="nan")
    with pytest.raises(NotFiniteError, match="Sub made nan"):
        difference([1000.0])
    with pytest.raises(NotFiniteError, match="Exp made inf"):
        pm.function([x], pt.exp(x), nan_guard=True)([1000.0])
    with pytest.raises(ValueError, match="nan_guard is True, 'nan'"):
        pm.function([x], x, nan_guard="inf")
    with pytest.raises(ValueError, match="needs 1 axes"):
        pm.function([x], x + 1, nan_guard=True)([[1.0]])


def test_a_watched_function_still_fails_as_others_do():
    x, y = pt.vectors("x", "y")
    f = pm.function([x, y], x + y, nan_guard=True)
    with pytest.raises(ValueError, match=r"Add failed.*\n.*'x' of shape \(1,\)"):
        f([1.0], [1.0, 2.0])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("remake", [lambda f: pickle.loads(pickle.dumps(f)), copy.deepcopy])  # noqa: S301
def test_functions_are_pickled_as_graphs_and_compiled_again(backend, remake):
    x = pt.vector("x")
    total = pm.shared(0.0, name="total")
    f = pm.function(
        [pm.In(x, value=np.ones(2))], {"square": x**2, "old": total}, updates={total: total + x.sum()},
        backend=backend, name="adder",
    )  # fmt: skip
    f([1.0, 2.0])
    g = remake(f)
    assert str(g) == "function adder"
    out = g()
    assert out["square"].tolist() == [1.0, 1.0]
    assert float(out["old"]) == 3.0
    assert float(g()["old"]) == 5.0
    assert float(total.get_value()) == 3.0
    assert g.inputs[0] is not x
    assert g(x=[3.0])["square"].tolist() == [9.0]


def test_explain_says_what_was_made():
    x, y = pt.vector("x"), pt.vector("y")
    state = pm.shared(1.0, name="state")
    f = pm.function([x, y], (x * y).sum() * 1.0, updates={state: state + 1}, name="dot")
    text = f.explain()
    for part in ["function dot", "input   x: Vector", "update  state <- ", "rewritten from"]:
        assert part in text
    native = pm.function([x, y], (x * y).sum(), backend="llvm").explain()
    assert "native code" in native
    assert "loop 0: reduce" in native
    assert "interpreted" in pm.function([x, y], (x * y).sum(), backend="numpy").explain()
