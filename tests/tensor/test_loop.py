"""Loops against plain Python: values, gradients, taps, stopping, nesting, draws, and every backend the same."""

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt
from pellucid.graph.traverse import toposort
from pellucid.rewrite.pipeline import rewrite_graph
from pellucid.tensor.broadcast import ShapeError
from pellucid.tensor.loop import Scan
from pellucid.testing import BACKENDS_UNDER_TEST

BACKENDS = ["numpy", "llvm"]


@pytest.fixture(params=BACKENDS_UNDER_TEST)
def backend(request):
    return request.param


@pytest.fixture
def any_length(backend):
    """A backend that takes lengths which depend on values."""
    if backend == "jax":
        pytest.skip("JAX compiles for fixed shapes")
    return backend


def numeric_gradient(f, x, h=1e-6):
    x = np.asarray(x, float)
    out = np.empty(x.shape)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i], down[i] = x[i] + h, x[i] - h
        out[i] = (f(up) - f(down)) / (2 * h)
    return out


def check(cost, inputs, arrays, backend, *, rtol=1e-6, outputs=()):
    """The gradient of `cost` agrees with differences; returns the values of `outputs`."""
    f = pm.function(inputs, [cost, *outputs], backend=backend)
    gradient = pm.function(inputs, pm.grad(cost, inputs), backend=backend)(*arrays)
    for i, found in enumerate(gradient):
        expected = numeric_gradient(lambda a, i=i: f(*arrays[:i], a, *arrays[i + 1 :])[0], arrays[i])
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-7, err_msg=str(inputs[i]))
    return f(*arrays)[1:]


# -- values


def test_autoregression(backend):
    x, rho, first = pt.vector("x"), pt.scalar("rho"), pt.scalar("first")
    y, updates = pm.scan(lambda e, before, rho: rho * before + e, x, first, rho)
    assert updates == {}
    data = np.array([0.3, -1.0, 2.0, 0.5])
    (found,) = check((y**2).sum(), [x, rho, first], [data, 0.7, 1.5], backend, outputs=[y])
    expected, state = [], 1.5
    for e in data:
        state = 0.7 * state + e
        expected.append(state)
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_arguments_come_in_order(backend):
    a, b, c = pt.vector("a"), pt.vector("b"), pt.scalar("c")

    def step(a_t, b_before, b_t, y2, y1, z1, c):
        return a_t + 10 * b_before + 100 * b_t + 0.5 * y2 - 0.25 * y1, z1 + c

    (y, z), _ = pm.scan(
        step,
        sequences=[a, dict(input=b, taps=[-1, 0])],
        outputs_info=[dict(initial=pt.as_tensor([1.0, 2.0]), taps=[-2, -1]), 0.0],
        non_sequences=[c],
        n_steps=3,
    )
    av, bv = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0, 7.0])
    found_y, found_z = pm.function([a, b, c], [y, z], backend=backend)(av, bv, 0.5)
    ys = [1.0, 2.0]
    for t in range(3):
        ys.append(av[t] + 10 * bv[t] + 100 * bv[t + 1] + 0.5 * ys[-2] - 0.25 * ys[-1])
    np.testing.assert_allclose(found_y, ys[2:])
    np.testing.assert_allclose(found_z, [0.5, 1.0, 1.5])


def test_taps_have_gradients(backend):
    x, first = pt.vector("x"), pt.vector("first")
    y, _ = pm.scan(
        lambda ahead, e, y3, y1: pt.sin(y3) * e + 0.3 * y1 * ahead,
        sequences=dict(input=x, taps=[1, 0]),
        outputs_info=dict(initial=first, taps=[-3, -1]),
    )
    xv, start = np.array([0.5, -1.0, 2.0, 1.5, 0.2]), np.array([0.1, 0.2, 0.3])
    (found,) = check((y**2).sum(), [x, first], [xv, start], backend, outputs=[y])
    ys = list(start)
    for t in range(4):
        ys.append(np.sin(ys[t]) * xv[t] + 0.3 * ys[t + 2] * xv[t + 1])
    np.testing.assert_allclose(found, ys[3:])


def test_backwards(backend):
    x = pt.vector("x")
    y, _ = pm.scan(lambda e, before: 0.5 * before + e, x, 0.0, go_backwards=True, n_steps=3)
    (found,) = check((y * pt.arange(3)).sum(), [x], [np.arange(4.0)], backend, outputs=[y])
    np.testing.assert_allclose(found, [3.0, 3.5, 2.75])


def test_states_of_vectors_and_matrices(backend):
    rng = np.random.default_rng(1)
    a, v, m, xs = pt.matrix("a"), pt.vector("v"), pt.matrix("m"), pt.matrix("xs")

    def step(x, v, m, a):
        v = pt.tanh(a @ v + x)
        return v, 0.5 * m + pt.outer(v, x), v.sum()

    (vs, ms, total), _ = pm.scan(step, xs, [v, m, None], a)
    arrays = [rng.normal(size=s) for s in [(3, 3), (3,), (3, 3), (4, 3)]]
    found = check(
        (ms[-1] ** 2).sum() + (total * vs[:, 0]).sum(), [a, v, m, xs], arrays, backend, outputs=[vs, ms, total]
    )
    av, vv, mv, xv = arrays
    for t in range(4):
        vv = np.tanh(av @ vv + xv[t])
        mv = 0.5 * mv + np.outer(vv, xv[t])
        np.testing.assert_allclose(found[0][t], vv)
        np.testing.assert_allclose(found[1][t], mv)
        np.testing.assert_allclose(found[2][t], vv.sum())


def test_states_of_one_element_that_only_some_know(backend):
    """The first state, or what a step makes of it, may be known to have length one, and the other not."""
    x, c = pt.vector("x"), pt.tensor("c", shape=(1,))
    steps = [
        (x, lambda s: pt.tanh(c)),
        (c, lambda s: pt.tanh(s)[:1]),
        (x, lambda s: (s + c)[:1]),
        (pt.specify_shape(x, (1,)), lambda s: pt.concatenate([s, s])[1:]),
    ]
    outputs = [pm.scan(step, outputs_info=first, n_steps=3, return_updates=False) for first, step in steps]
    outputs += [y[-1] for y in outputs]
    wanted = pm.function([x, c], outputs, backend="numpy", rewrite=False)([0.3], [0.5])
    for rewrite in (False, True):
        for a, b in zip(
            pm.function([x, c], outputs, backend=backend, rewrite=rewrite)([0.3], [0.5]), wanted, strict=True
        ):
            np.testing.assert_allclose(a, b, rtol=1e-14)


def test_choices_between_matrices_of_one_element(backend):
    a = pt.tensor("a", shape=(1, 1))
    inverse = pt.linalg.inv(a @ a.T + pt.eye(a.shape[0]))
    chosen = pm.ifelse(inverse.sum() > 0, pt.sin(inverse), inverse * 0.5)
    check(chosen.sum(), [a], [np.array([[0.3]])], backend)


def test_delayed_vectors(backend):
    first = pt.matrix("first")
    y, _ = pm.scan(lambda y3, y1: 0.5 * y3 - y1[::-1], outputs_info=dict(initial=first, taps=[-3, -1]), n_steps=5)
    start = np.arange(6.0).reshape(3, 2)
    (found,) = check((y**2).sum(), [first], [start], backend, outputs=[y])
    ys = list(start)
    for t in range(5):
        ys.append(0.5 * ys[t] - ys[t + 2][::-1])
    np.testing.assert_allclose(found, ys[3:])


def test_integers_and_flags(backend):
    n = pt.lscalar("n")
    (a, b, odd), _ = pm.scan(lambda a, b: [b, a + b, pt.eq(b % 2, 1)], outputs_info=[0, 1, None], n_steps=n)
    f = pm.function([n], [a, b, odd], backend=backend)
    found = f(8)
    np.testing.assert_array_equal(found[0], [1, 1, 2, 3, 5, 8, 13, 21])
    assert found[0].dtype == np.int64
    np.testing.assert_array_equal(found[2], np.array([1, 1, 2, 3, 5, 8, 13, 21]) % 2 == 1)


def test_states_become_wide_enough():
    y, _ = pm.scan(lambda y: y / 2, outputs_info=1, n_steps=3)
    assert y.dtype == "float64"
    np.testing.assert_allclose(y.eval(), [0.5, 0.25, 0.125])


@pytest.mark.parametrize("steps", [0, 1])
def test_few_steps(backend, steps):
    x, v = pt.matrix("x"), pt.vector("v")
    (y, z), _ = pm.scan(lambda e, v: (v + e, (v * e)[:, None]), x, [v, None])
    arrays = [np.ones((steps, 2)) * 3, np.array([1.0, 2.0])]
    found = check((y**2).sum() + z.sum(), [x, v], arrays, backend, outputs=[y, z])
    assert [f.shape for f in found] == [(steps, 2), (steps, 2, 1)]
    np.testing.assert_array_equal(found[0], np.array([[4.0, 5.0]])[:steps])


def test_until(any_length):
    limit, factor = pt.scalar("limit"), pt.scalar("factor")
    y, _ = pm.scan(lambda y, f: (y * f, pm.until(y * f > limit)), outputs_info=1.0, non_sequences=factor, n_steps=50)
    f = pm.function([limit, factor], y, backend=any_length)
    np.testing.assert_allclose(f(20.0, 2.0), [2, 4, 8, 16, 32])
    np.testing.assert_allclose(f(100.0, 3.0), [3, 9, 27, 81, 243])
    assert f(np.inf, 1.0).shape == (50,)
    gradient = pm.function([limit, factor], pm.grad(y[-1] + y[0], factor), backend=any_length)
    np.testing.assert_allclose(gradient(20.0, 2.0), 5 * 2.0**4 + 1)


def test_until_with_sequences_has_gradients_of_the_steps_that_ran(any_length):
    x = pt.vector("x")
    y, _ = pm.scan(lambda e, y: (y + e**2, pm.until(y + e**2 > 10)), x, 0.0)
    gradient = pm.function([x], pm.grad(y[-1], x), backend=any_length)
    np.testing.assert_allclose(gradient([1.0, 2.0, 3.0, 4.0]), [2, 4, 6, 0])


def test_truncated_gradients(backend):
    """Only the last steps have a gradient; the first state has one if there are no others."""
    x, a, first = pt.vector("x"), pt.scalar("a"), pt.scalar("first")
    for n_steps in (None, 4):
        y, _ = pm.scan(lambda e, y, a: a * y + e**2, x, first, a, n_steps=n_steps, truncate_gradient=2)
        f = pm.function(
            [x, a, first], [y, *pm.grad(y.sum(), [x, a, first], disconnected_inputs="ignore")], backend=backend
        )
        values, to_x, to_a, to_first = f([1.0, 2.0, 3.0, 4.0], 0.5, 0.7)
        np.testing.assert_allclose(values, [1.35, 4.675, 11.3375, 21.66875])
        np.testing.assert_allclose(to_x, [0, 0, 9, 8])  # as PyTensor 2.38 has them
        np.testing.assert_allclose([to_a, to_first], [18.35, 0])
    y, _ = pm.scan(lambda e, y, a: a * y + e**2, x, first, a, truncate_gradient=2)
    f = pm.function([x, a, first], pm.grad(y.sum(), [x, a, first]), backend=backend)
    np.testing.assert_allclose(np.concatenate([np.ravel(g) for g in f([1.0], 0.5, 0.7)]), [2, 0.7, 0.5])


def test_nested(backend):
    a, x = pt.scalar("a"), pt.matrix("x")

    def row(r, total, a):
        inner, _ = pm.scan(lambda e, s, a: pt.tanh(a * s + e), r, total, a)
        return inner[-1]

    y, _ = pm.scan(row, x, 0.1, a)
    xv = np.arange(6.0).reshape(2, 3) / 5 - 0.4
    (found,) = check((y**2).sum(), [a, x], [0.7, xv], backend, outputs=[y])
    state, expected = 0.1, []
    for r in xv:
        for e in r:
            state = np.tanh(0.7 * state + e)
        expected.append(state)
    np.testing.assert_allclose(found, expected)


def test_second_derivatives(backend):
    rho, first = pt.scalar("rho"), pt.scalar("first")
    y, _ = pm.scan(lambda y, rho: pt.sin(rho * y), outputs_info=first, non_sequences=rho, n_steps=4)
    cost = (y**2).sum()
    slope = pm.grad(cost, rho)
    check(slope, [rho, first], [0.8, 1.2], backend)


def test_captured_variables_are_read(backend):
    k, x = pt.scalar("k"), pt.vector("x")
    scale = pt.exp(k)
    y, _ = pm.scan(lambda e, y: y * scale + e, x, 0.0)
    check((y**2).sum(), [k, x], [0.2, np.array([1.0, -2.0, 0.5])], backend)


def test_shared_variables_are_read(backend):
    w = pm.shared(2.0, "w")
    y, _ = pm.scan(lambda y: w * y, outputs_info=1.0, n_steps=3)
    f = pm.function([], y, backend=backend)
    np.testing.assert_allclose(f(), [2, 4, 8])
    w.set_value(3.0)
    np.testing.assert_allclose(f(), [3, 9, 27])


def test_updates_of_shared_variables(backend):
    count = pm.shared(0, "count")
    y, updates = pm.scan(lambda: (count * 10, {count: count + 1}), n_steps=3)
    f = pm.function([], y, updates=updates, backend=backend)
    np.testing.assert_array_equal(f(), [0, 10, 20])
    assert count.get_value() == 3
    np.testing.assert_array_equal(f(), [30, 40, 50])


# -- random draws


def test_each_step_draws_anew(backend):
    y, _ = pm.scan(lambda: pt.random.normal(size=2), n_steps=500)
    f = pm.function([], y, backend=backend)
    first, second = f(), f()
    assert len(np.unique(np.concatenate([first, second]))) == 2000
    assert abs(first.mean()) < 0.2


def test_walk_of_draws(backend):
    sigma = pt.scalar("sigma")

    def step(y, sigma):
        a = pt.random.normal(0.0, sigma)
        return y + a, a, pt.random.normal(0.0, sigma)

    (y, a, b), _ = pm.scan(step, outputs_info=[0.0, None, None], non_sequences=sigma, n_steps=100)
    ys, steps, others = pm.function([sigma], [y, a, b], backend=backend)(2.0)
    np.testing.assert_allclose(ys, np.cumsum(steps))
    assert not np.any(steps == others)


def test_draws_outside_are_drawn_once(backend):
    z = pt.random.normal()
    y, _ = pm.scan(lambda y: y + z, outputs_info=0.0, n_steps=3)
    found, once = pm.function([], [y, z], backend=backend)()
    np.testing.assert_allclose(found, once * np.arange(1, 4))


# -- functions on top


def test_map_reduce_and_folds(backend):
    x = pt.vector("x")
    doubled = pm.map(lambda e: 2 * e, x, return_updates=False)
    left = pm.foldl(lambda e, so_far: 2 * so_far + e, x, 0.0, return_updates=False)
    right = pm.foldr(lambda e, so_far: 2 * so_far + e, x, 0.0, return_updates=False)
    found = pm.function([x], [doubled, left, right, pm.grad(left, x)], backend=backend)([1.0, 2.0, 3.0])
    np.testing.assert_allclose(found[0], [2, 4, 6])
    assert found[1:3] == [11, 17]
    np.testing.assert_allclose(found[3], [4, 2, 1])


def test_filter(any_length):
    x = pt.vector("x")
    f = pm.function([x], pm.filter(lambda e: e > 0, x), backend=any_length)
    np.testing.assert_allclose(f([1.0, -1.0, 3.0]), [1, 3])


def test_while_loop(backend):
    n = pt.lscalar("n")
    count, value = pm.while_loop(
        lambda _count, v: pt.neq(v, 1), lambda c, v: (c + 1, pt.switch(pt.eq(v % 2, 0), v // 2, 3 * v + 1)), [0, n]
    )
    f = pm.function([n], [count, value], backend=backend)
    assert [f(27), f(1)] == [[111, 1], [0, 1]]


# -- errors


def test_lengths_differ():
    a, b = pt.vector("a", shape=(3,)), pt.vector("b", shape=(4,))
    with pytest.raises(ShapeError, match=r"(?s)lengths are \[3, 4\].*'a'.*'b'.*test_loop.*n_steps"):
        pm.scan(lambda a, b: a + b, [a, b])


def test_lengths_differ_at_run_time(backend):
    a, b = pt.vector("a"), pt.vector("b")
    y, _ = pm.scan(lambda a, b: a + b, [a, b])
    f = pm.function([a, b], y, backend=backend)
    np.testing.assert_allclose(f([1.0, 2.0], [1.0, 2.0]), [2, 4])
    with pytest.raises(ValueError, match="2"):
        f([1.0, 2.0], [1.0, 2.0, 3.0])


def test_state_changes_shape():
    with pytest.raises(ShapeError, match=r"(?s)changes the shape of its output 0.*test_loop.*Start with"):
        pm.scan(lambda y: y + pt.ones(3), outputs_info=0.0, n_steps=2)


def test_state_changes_shape_at_run_time(backend):
    v, x = pt.vector("v"), pt.vector("x")
    y, _ = pm.scan(lambda v: pt.concatenate([v, x])[1:], outputs_info=v, n_steps=2)
    f = pm.function([v, x], y, backend=backend)
    np.testing.assert_allclose(f([1.0, 2.0], [5.0]), [[2, 5], [5, 5]])
    with pytest.raises(ValueError, match=r"(?i)state|axis"):
        f([1.0, 2.0], [5.0, 6.0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "how many steps"),
        ({"n_steps": -1}, "go_backwards"),
        ({"sequences": pt.scalar("s")}, "rows"),
        ({"n_steps": 3, "outputs_info": [0.0, 0.0]}, "2 entries"),
        ({"n_steps": 3, "outputs_info": [{"initial": [0.0], "taps": [0]}]}, "negative"),
        ({"n_steps": 3, "outputs_info": [{"initial": [0.0], "taps": [-2]}]}, "2 rows"),
        ({"n_steps": 3, "truncate_gradient": 0}, "number of last steps"),
    ],
    ids=str,
)
def test_refusals(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        pm.scan(lambda *_: pt.as_tensor(1.0), **options)


def test_strict():
    k = pt.scalar("k")
    with pytest.raises(ValueError, match="also reads k"):
        pm.scan(lambda y: y * k, outputs_info=1.0, n_steps=3, strict=True)
    y, _ = pm.scan(lambda y, k: y * pt.exp(k), outputs_info=1.0, non_sequences=k, n_steps=3, strict=True)
    assert y.ndim == 1


def test_error_inside_a_step_names_the_step():
    x = pt.vector("x")
    y, _ = pm.scan(lambda i: x[i], pt.arange(3))
    with pytest.raises(ValueError, match=r"(?s)step 2.*test_loop"):
        y.eval({x: [1.0, 2.0]})


def test_no_gradient_through_draws_in_a_step():
    sigma = pt.scalar("sigma")
    y, _ = pm.scan(lambda y, s: y * pt.random.normal(0.0, s), outputs_info=1.0, non_sequences=sigma, n_steps=3)
    with pytest.raises(TypeError, match="Draw before the loop"):
        pm.grad(y.sum(), sigma) and pm.grad(pm.grad(y.sum(), sigma), sigma)


def test_equal_loops_are_one():
    x = pt.vector("x")
    make = lambda: pm.scan(lambda e, y: y + e, x, 0.0)[0]  # noqa: E731
    assert pm.equal_computations([make()], [make()])
    assert not pm.equal_computations([make()], [pm.scan(lambda e, y: y - e, x, 0.0)[0]])


# -- choices


def test_ifelse(backend):
    x, v = pt.scalar("x"), pt.vector("v")
    a, b = pm.ifelse(x > 0, [pt.exp(v) * x, x**2], [v[::-1], pt.sin(x)])
    cost = (a * pt.arange(3)).sum() + b
    for value in (0.7, -0.4):
        found = check(cost, [x, v], [np.array(value), np.array([0.1, 0.2, 0.3])], backend, outputs=[a, b])
        expected = np.exp([0.1, 0.2, 0.3]) * value if value > 0 else [0.3, 0.2, 0.1]
        np.testing.assert_allclose(found[0], expected)
        np.testing.assert_allclose(found[1], value**2 if value > 0 else np.sin(value))


def test_the_gradient_of_a_choice_computes_nothing_again(backend):
    x = pt.vector("x")
    cost = pm.ifelse(x.sum() > 0, pt.sin(x), x * 0.5).sum()
    loops = [node.op for node in toposort([pm.grad(cost, x)]) if isinstance(node.op, Scan)]
    assert not any(op.collected or op.sequences for op in loops)
    check(cost, [x], [np.array([0.3, 0.1])], backend)


def test_ifelse_computes_one_branch(backend):
    i, v = pt.lscalar("i"), pt.vector("v")
    f = pm.function([i, v], pm.ifelse(i < 2, v[i], pt.constant(-1.0)), backend=backend)
    assert f(1, [1.0, 2.0]) == 2.0
    assert f(7, [1.0, 2.0]) == -1.0  # the branch that is not taken would be an error


def test_ifelse_refuses():
    with pytest.raises(ShapeError, match="differ in shape"):
        pm.ifelse(pt.scalar("c"), pt.zeros(3), pt.zeros(4))
    with pytest.raises(TypeError, match="switch"):
        pm.ifelse(pt.vector("c"), 1.0, 2.0)


# -- what is native


@pytest.mark.parametrize("length", [0, 1, 7])
def test_native_loops_call_nothing_back(length):
    x, w = pt.matrix("x"), pt.matrix("w")
    y, _ = pm.scan(lambda e, v, w: pt.tanh(w @ v) + e, x, pt.zeros(3), w)
    cost = (y**2).sum()
    outputs = [cost, *pm.grad(cost, [x, w])]
    f, g = [pm.function([x, w], outputs, backend=b) for b in BACKENDS]
    arrays = [np.random.default_rng(2).normal(size=s) for s in [(length, 3), (3, 3)]]
    for a, b in zip(f(*arrays), g(*arrays), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    assert g.compile_report()["callbacks"] == []


def test_steps_without_native_code_call_back():
    x = pt.matrix("x")
    y, _ = pm.scan(lambda e, s: pt.sort(e + s), x, pt.zeros(3))
    arrays = [np.random.default_rng(2).normal(size=(5, 3))]
    f, g = [pm.function([x], y, backend=b) for b in BACKENDS]
    np.testing.assert_allclose(f(*arrays), g(*arrays))
    assert g.compile_report()["backend"] == "llvm"


def test_what_no_step_needs_is_moved_out():
    x, k = pt.vector("x"), pt.scalar("k")
    (y, z), _ = pm.scan(
        lambda e, s, k: (s * pt.exp(k) + pt.sin(e), pt.log(s * pt.exp(k) + pt.sin(e))), x, [1.0, None], k
    )
    (found,) = [n for n in toposort(rewrite_graph([y, z])) if isinstance(n.op, Scan)]
    names = [str(n.op) for n in toposort(found.op.body.outputs)]
    assert sorted(names) == ["Add", "Mul"]


def test_vectorized(backend):
    x, first, k = pt.vector("x"), pt.scalar("first"), pt.scalar("k")
    y, _ = pm.scan(lambda e, s, k: pt.tanh(k * s) + e, x, first, k)
    xs, ks = pt.matrix("xs"), pt.vector("ks")
    many = pm.vectorize_graph(y, {x: xs, k: ks})
    f = pm.function([xs, ks, first], many, backend=backend)
    one = pm.function([x, k, first], y, backend="numpy")
    arrays = np.random.default_rng(3).normal(size=(4, 6)), np.linspace(-1, 1, 4)
    np.testing.assert_allclose(f(*arrays, 0.3), [one(a, b, 0.3) for a, b in zip(*arrays, strict=True)])
