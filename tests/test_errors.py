"""What an error says: the variables by name, their shapes or dtypes, the user's line, and what to do."""

import re

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt

each_backend = pytest.mark.parametrize("backend", ["numpy", "llvm"])


def says(error, *parts):
    """Check that an error names all parts, and a line of this file."""
    text = str(error.value)
    for part in (*parts, "test_errors.py"):
        assert re.search(part, text), f"{part!r} is not in:\n{text}"


def test_shapes_that_do_not_fit():
    x, y = pt.vector("x", shape=(3,)), pt.vector("y", shape=(4,))
    with pytest.raises(pm.ShapeError) as error:
        x + y
    says(error, r"'x' of shape \(3,\)", r"'y' of shape \(4,\)", r"x\[:, None\]")
    with pytest.raises(pm.ShapeError) as error:
        pt.matrix("A", shape=(2, 3)) @ y
    says(error, r"'A' of shape \(2, 3\)", r"'y' of shape \(4,\)", "Transpose")


@each_backend
def test_shapes_that_do_not_fit_at_run_time(backend):
    x, y = pt.vector("x"), pt.vector("y")
    f = pm.function([x, y], x + y, backend=backend)
    with pytest.raises(ValueError, match=r"Only an axis|only an axis") as error:
        f([1.0, 2.0], [1.0, 2.0, 3.0])
    says(error, r"'x' of shape \(2,\)", r"'y' of shape \(3,\)", r"x\[:, None\]")


def test_dtypes_that_would_lose_information():
    counts = pt.lvector("counts")
    with pytest.raises(TypeError, match=r"'counts' holds int64, but the value is float64.*astype\('int64'\)"):
        pm.function([counts], counts + 1)([1.5])
    with pytest.raises(TypeError) as error:
        counts & pt.vector("weights")
    says(error, "'counts' of dtype int64", "'weights' of dtype float64", "Cast")


@each_backend
def test_positions_out_of_range(backend):
    v, i = pt.vector("v"), pt.lvector("i")
    with pytest.raises(IndexError) as error:
        pt.vector("x", shape=(3,))[5]
    says(error, "Index 5", "axis 0 of length 3", r"'x' of shape \(3,\)")
    for part, values in ((v[5], ()), (v[-4], ()), (v[1:][2], ()), (v[i], ([0, 7],)), (v[5:][0], ()), (v[[0, 3]], ())):
        f = pm.function([v, i], part, on_unused_input="ignore", backend=backend)
        with pytest.raises((IndexError, ValueError), match=r"out of (range|bounds)") as error:
            f([1.0, 2.0, 3.0], *(values or ([0],)))
        says(error, "axis 0")


@each_backend
def test_singular_matrices(backend):
    a = pt.matrix("A")
    f = pm.function([a], pt.cholesky(a, on_error="raise"), backend=backend)
    with pytest.raises(ValueError, match="not positive definite") as error:
        f(-np.eye(2))
    says(error, r"'A' of shape \(2, 2\)", "multiple of the identity")
    # Without that, what is made of a singular matrix is NaN: a log-density there is refused, not an exception.
    assert np.isnan(pm.function([a], pt.linalg.solve(a, np.ones(2)), backend=backend)(np.zeros((2, 2)))).all()


def test_steps_of_a_loop():
    start = pt.scalar("start")
    with pytest.raises(pm.ShapeError) as error:
        pm.scan(lambda s: pt.stack([s, s]), outputs_info=start, n_steps=3)
    says(error, r"'start' of shape \(\)", r"becomes \(2,\)", "Start with")
    with pytest.raises(pm.ShapeError) as error:
        pm.scan(lambda a, b: a + b, sequences=[pt.vector("x", shape=(3,)), pt.vector("y", shape=(4,))])
    says(error, r"'x' of shape \(3,\)", r"'y' of shape \(4,\)", "Cut them")


def test_disconnected_gradients():
    x, y = pt.vector("x"), pt.vector("y")
    with pytest.raises(pm.DisconnectedInputError) as error:
        pm.grad(x.sum(), y)
    says(error, "'y' of shape", "disconnected_inputs='ignore'")
