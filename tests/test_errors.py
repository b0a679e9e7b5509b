"""What an error says: the variables by name, their shapes or dtypes, the user's line, and what to do."""

import re

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt
from pellucid.graph.traverse import explicit_graph_inputs
from pellucid.testing import BACKENDS_UNDER_TEST

each_backend = pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)


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


X, Y, A, B, I, N = *pt.vectors("x", "y"), *pt.matrices("A", "B"), pt.lvector("i"), pt.lscalar("n")
MISFITS = {  # what is computed, of values of which shapes, and what the error says beside the user's line
    "broadcast": (lambda: X + Y, [2, 3], ["'x' of shape", "'y' of shape", r"x\[:, None\]"]),
    "matrices": (lambda: A @ B, [(2, 3), (2, 3)], ["'A' of shape", "'B' of shape", "3 and 2 differ", "Transpose"]),
    "matrix and vector": (lambda: A @ Y, [(2, 3), 2], ["'A' of shape", "3 and 2 differ", "Transpose"]),
    "concatenate": (lambda: pt.concatenate([A, B]), [(2, 3), (2, 4)], ["'A' of", "'B' of", "must agree"]),
    "stack": (lambda: pt.stack([X, Y]), [2, 3], [r"lengths \[2, 3\]", "must agree"]),
    "reshape": (lambda: X.reshape((2, 3)), [5], ["'x' of shape", "5 elements, not 6", "may be -1"]),
    "broadcast_to": (lambda: pt.broadcast_to(X, (3,)), [2], ["'x' of shape", "length 2, not 3", "stretch"]),
    "squeeze": (lambda: X.squeeze(0), [3], ["'x' of shape", "3, not 1", "Index it away"]),
    "promise": (lambda: pt.specify_shape(X, (3,)), [2], ["'x' of shape", "length 2 is not 3"]),
    "split": (lambda: pt.split(X, [2, 3])[0], [4], ["'x' of shape", "length 4 is not 5"]),
    "set": (lambda: X[1:].set(Y), [3, 5], ["'x' of", "'y' of", "must broadcast to the part"]),
    "nothing": (X.max, [0], ["'x' of shape", "without elements", "Give it elements"]),
    "solve": (lambda: pt.linalg.solve_triangular(A, Y), [(2, 2), 3], ["'A' of shape", "Rows of b must match"]),
    "sequences": (lambda: scan(lambda s, a, b: s + a * b, [X, Y], 0.0), [2, 3], ["2", "3"]),
    "state": (
        lambda: scan(lambda v: pt.concatenate([v, X])[1:], None, Y, n_steps=2), [2, 3], ["'y' of", "first state"],
    ),
    "branches": (lambda: pm.ifelse(X.sum() < 0, X, Y), [2, 3], ["'y' of shape", "first state"]),
}  # fmt: skip


def scan(step, *arguments, **options):
    return pm.scan(step, *arguments, return_updates=False, **options)


@each_backend
@pytest.mark.parametrize("name", MISFITS)
def test_lengths_that_do_not_fit_at_run_time(name, backend):
    build, shapes, parts = MISFITS[name]
    output = build()
    read = set(explicit_graph_inputs(output))
    inputs = [v for v in (A, B, X, Y) if v in read]
    f = pm.function(inputs, output, backend=backend)
    with pytest.raises(ValueError, match="of shape") as error:
        f(*[np.ones(s) for s in shapes])
    says(error, *parts)


@each_backend
def test_a_negative_number_of_steps_at_run_time(backend):
    f = pm.function([N], scan(lambda s: s * 2, None, pt.zeros(()), n_steps=N), backend=backend)
    with pytest.raises(ValueError, match="negative") as error:
        f(-3)
    says(error, "'n' of shape", "-3")


@each_backend
def test_integers_divided_by_zero(backend):
    """As in NumPy: zero, not an error."""
    f = pm.function([I, N], [I // N, I % N], backend=backend)
    np.testing.assert_array_equal(f([-3, 0, 5], 0), np.zeros((2, 3)))
    np.testing.assert_array_equal(f([-3, 0, 5], 2), [[-2, 0, 2], [1, 0, 1]])


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
