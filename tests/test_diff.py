"""Gradients, products with Jacobians, Jacobians and Hessians, against formulae and finite differences."""

# ruff: noqa: PLW0108 - builders are called at once, and spell out the axes they are about

import numpy as np
import pytest

import pellucid.tensor as pt
from pellucid.compile.verify import GradientError, verify_grad
from pellucid.diff import DisconnectedInputError, Lop, Rop, grad, hessian_vector_product, jvp, vjp
from pellucid.graph.check import check_graph
from pellucid.graph.traverse import toposort
from pellucid.jacobians import hessian, jacobian
from pellucid.tensor.elementwise import elementwise

RNG = np.random.default_rng(4)


def normal(*shape):
    return RNG.normal(size=shape)


class TestGrad:
    def test_shapes_and_dtypes_follow_the_input(self):
        x, y, z = pt.fmatrix("x"), pt.vector("y"), pt.col("z")
        cost = ((x + y) * z).sum()
        for v, g in zip((x, y, z), grad(cost, [x, y, z]), strict=True):
            assert g.type == v.type
        a, b, c = normal(3, 2).astype("float32"), normal(2), normal(3, 1)
        found = [g.eval({x: a, y: b, z: c}) for g in grad(cost, [x, y, z])]
        np.testing.assert_allclose(found[0], np.broadcast_to(c, (3, 2)), rtol=1e-6)
        np.testing.assert_allclose(found[1], np.full(2, c.sum()), rtol=1e-6)
        np.testing.assert_allclose(found[2], (a + b).sum(1, keepdims=True), rtol=1e-6)

    def test_one_and_several(self):
        x = pt.scalar("x")
        assert isinstance(grad(x * 2.0, [x]), list)
        assert grad(x * x, x).eval({x: 3.0}) == 6.0
        assert grad(x, x).eval({x: 3.0}) == 1.0

    def test_intermediate_variables(self):
        x = pt.vector("x")
        y = pt.exp(x)
        gy, gx = grad((y * y).sum(), [y, x])
        a = np.array([0.0, 1.0])
        np.testing.assert_allclose(gy.eval({x: a}), 2 * np.exp(a))
        np.testing.assert_allclose(gx.eval({x: a}), 2 * np.exp(2 * a))

    def test_a_variable_used_often(self):
        x = pt.scalar("x")
        assert grad(x * x * x + x / x + x - x, x).eval({x: 2.0}) == pytest.approx(12.0)

    def test_consider_constant_and_disconnected_grad(self):
        x, y = pt.scalar("x"), pt.scalar("y")
        z = x * y
        assert grad(z * x, x, consider_constant=[z]).eval({x: 3.0, y: 5.0}) == 15.0
        assert grad(pt.disconnected_grad(z) * x, x).eval({x: 3.0, y: 5.0}) == 15.0

    def test_known_grads(self):
        x = pt.vector("x")
        y = x * 2.0
        np.testing.assert_array_equal(
            grad(None, x, known_grads={y: np.array([1.0, 3.0])}).eval({x: [0.0, 0.0]}), [2.0, 6.0]
        )
        cost = y.sum()
        assert_equal = np.testing.assert_array_equal
        assert_equal(grad(cost, x, known_grads={y: np.array([1.0, 3.0])}).eval({x: [0.0, 0.0]}), [4.0, 8.0])
        assert grad(cost, x.sum(), known_grads={x.sum(): 0.0}, disconnected_inputs="ignore").eval() == 0.0

    def test_disconnected(self):
        x, y = pt.scalar("x"), pt.vector("y")
        for cost in (x * 2.0, x + pt.floor(y).sum(), x + (y > 0).sum()):
            with pytest.raises(DisconnectedInputError, match="y"):
                grad(cost, [x, y])
        with pytest.warns(UserWarning, match="y"):
            assert grad(x * 2.0, y, disconnected_inputs="warn").eval({y: [1.0]}) == [0.0]
        assert grad(x * 2.0, y, disconnected_inputs="ignore", return_disconnected="none") is None

    def test_refusals(self):
        x, i = pt.vector("x"), pt.lscalar("i")
        with pytest.raises(TypeError, match="must be a scalar"):
            grad(x, x)
        with pytest.raises(TypeError, match="not floating"):
            grad(x.sum() * i, i)
        with pytest.raises(TypeError, match="only floating costs"):
            grad(i + 1, x)
        order = pt.scalar("order")
        bessel = pt.iv(order, 1.0)
        with pytest.raises(TypeError, match=r"(?s)iv.*test_diff"):
            grad(bessel, order)

    def test_integers_and_booleans_stop_the_flow(self):
        x = pt.vector("x")
        cost = (x * x.astype("int64")).sum() + (x * (x > 1)).sum()
        np.testing.assert_array_equal(grad(cost, x).eval({x: [1.5, 2.5]}), [2.0, 3.0])

    def test_switch_lets_no_nan_through(self):
        x = pt.vector("x")
        safe = pt.switch(x > 0, pt.log(pt.switch(x > 0, x, 1.0)), 0.0)
        np.testing.assert_array_equal(grad(safe.sum(), x).eval({x: [-1.0, 0.0, 2.0]}), [0.0, 0.0, 0.5])

    @pytest.mark.parametrize(("base", "exponent", "by_base", "by_exponent"), [
        (0.0, 2.0, 0.0, 0.0), (0.0, 1.0, 1.0, 0.0), (0.0, 0.0, 0.0, 0.0), (2.0, 0.0, 0.0, np.log(2)),
                                                                              (-2.0, 3.0, 12.0, np.nan),
    ])  # fmt: skip
    def test_pow_at_the_edges(self, base, exponent, by_base, by_exponent):
        x, y = pt.scalar("x"), pt.scalar("y")
        found = [g.eval({x: base, y: exponent}) for g in grad(x**y, [x, y])]
        np.testing.assert_allclose(found, [by_base, by_exponent])

    def test_second_and_third_derivatives(self):
        x = pt.scalar("x")
        g = x**4
        for want in (4 * 8.0, 12 * 4.0, 24 * 2.0, 24.0):
            g = grad(g, x)
            assert g.eval({x: 2.0}) == pytest.approx(want)

    def test_lines_of_the_user_are_carried(self):
        x = pt.scalar("x")
        y = pt.exp(x)
        g = grad(y * 2.0, x)
        assert all(node.line[0] == __file__ for node in toposort(g))
        check_graph(g)

    def test_long_chains(self):
        x = pt.scalar("x")
        z = x
        for _ in range(20_000):
            z = z + 1.0
        assert grad(z, x).eval({x: 0.0}) == 1.0


class TestProducts:
    def setup_method(self):
        self.x, self.w = pt.vector("x"), pt.matrix("w")
        self.y = pt.tanh(self.w @ self.x)
        self.given = {self.x: normal(3), self.w: normal(4, 3)}

    def jacobian(self, value):
        y = np.tanh(self.given[self.w] @ self.given[self.x])
        return (1 - y**2)[:, None] * self.given[self.w]

    def test_vjp(self):
        u = normal(4)
        found = vjp(self.y, self.x, u).eval(self.given)
        np.testing.assert_allclose(found, u @ self.jacobian(self.x))
        assert Lop is vjp

    def test_jvp(self):
        v = normal(3)
        found = jvp(self.y, self.x, v).eval(self.given)
        np.testing.assert_allclose(found, self.jacobian(self.x) @ v)
        assert Rop is jvp

    def test_jvp_of_several(self):
        v, dw = normal(3), normal(4, 3)
        found = jvp([self.y, self.y.sum()], [self.x, self.w], [pt.as_tensor_variable(v), pt.as_tensor_variable(dw)])
        y = np.tanh(self.given[self.w] @ self.given[self.x])
        want = (1 - y**2) * (self.given[self.w] @ v + dw @ self.given[self.x])
        np.testing.assert_allclose(found[0].eval(self.given), want)
        np.testing.assert_allclose(found[1].eval(self.given), want.sum())

    def test_jvp_of_what_does_not_depend_on_it(self):
        z = pt.vector("z")
        np.testing.assert_array_equal(jvp(pt.floor(z), z, pt.ones_like(z)).eval({z: [1.0, 2.0]}), [0.0, 0.0])

    def test_hessian_vector_product(self):
        v = normal(3)
        cost = (self.x**3).sum() * self.x.sum()
        found = hessian_vector_product(cost, self.x, v).eval(self.given)
        np.testing.assert_allclose(found, hessian(cost, self.x).eval(self.given) @ v)


class TestJacobian:
    @pytest.mark.parametrize("static", [True, False])
    def test_of_matrices_by_matrices(self, static):
        x = pt.matrix("x", shape=(2, 3) if static else None)
        a = normal(2, 3)
        found = jacobian(pt.exp(x) @ x.T, x).eval({x: a})
        e = np.exp(a)
        want = np.einsum("ip,iq,jq->ijpq", np.eye(2), e, a) + np.einsum("jp,iq->ijpq", np.eye(2), e)
        assert found.shape == (2, 2, 2, 3)
        np.testing.assert_allclose(found, want, rtol=1e-12)

    def test_static_shapes(self):
        x = pt.vector("x", shape=(3,))
        assert jacobian(pt.outer(x, x), x).type.shape == (3, 3, 3)

    def test_of_a_scalar_is_the_gradient(self):
        x = pt.vector("x")
        np.testing.assert_array_equal(jacobian((x**2).sum(), x).eval({x: [1.0, 2.0]}), [2.0, 4.0])

    def test_by_scalars_and_several(self):
        x, s = pt.vector("x"), pt.scalar("s")
        by_x, by_s = jacobian(s * x, [x, s])
        np.testing.assert_array_equal(by_x.eval({x: [1.0, 2.0], s: 3.0}), 3 * np.eye(2))
        np.testing.assert_array_equal(by_s.eval({x: [1.0, 2.0], s: 3.0}), [1.0, 2.0])

    def test_disconnected(self):
        x, y = pt.vector("x"), pt.vector("y")
        with pytest.raises(DisconnectedInputError):
            jacobian(x, y)
        np.testing.assert_array_equal(
            jacobian(x, y, disconnected_inputs="ignore").eval({x: [1.0], y: [1.0, 2.0]}), [[0.0, 0.0]]
        )

    def test_of_the_variable_itself(self):
        x = pt.vector("x")
        np.testing.assert_array_equal(jacobian(x, x).eval({x: [1.0, 2.0]}), np.eye(2))

    @pytest.mark.parametrize("build", [
        lambda x: pt.cumsum(x**2), lambda x: pt.softmax(x), lambda x: x[::-1] * x[0], lambda x: x[[0, 0, 2]] ** 2,
        lambda x: pt.concatenate([x, x[:1]]), lambda x: x[1:].set(x[0] * 2), lambda x: x[[0, 0]].inc(x[1:] ** 2),
        lambda x: pt.cholesky(pt.outer(x, x) + 3 * pt.eye(3))[:, 0], lambda x: pt.max(pt.outer(x, x), 1),
                                       lambda x: x.reshape((3, 1)) @ x[None],
        lambda x: pt.logsumexp(pt.outer(x, x), 0), lambda x: pt.prod(pt.outer(x, x), 0), lambda x: pt.cumprod(x),
        lambda x: pt.switch(x > 0, x**2, -x), lambda x: pt.solve_triangular(pt.diag(x) + pt.tri(3), x**2, lower=True),
    ])  # fmt: skip
    def test_against_differences(self, build):
        a = np.array([1.3, -0.4, 0.7])
        x = pt.vector("x")
        out = build(x)
        found = jacobian(out, x).eval({x: a})
        h = 1e-6
        columns = [(out.eval({x: a + h * e}) - out.eval({x: a - h * e})) / (2 * h) for e in np.eye(3)]
        np.testing.assert_allclose(found, np.stack(columns, -1), rtol=1e-6, atol=1e-8)

    def test_hessian(self):
        x, y = pt.vector("x"), pt.vector("y")
        cost = (x**2 * y[0]).sum() + (y**3).sum()
        by_x, by_y = hessian(cost, [x, y])
        np.testing.assert_allclose(by_x.eval({x: [1.0, 2.0], y: [3.0]}), 6 * np.eye(2))
        np.testing.assert_allclose(by_y.eval({x: [1.0, 2.0], y: [3.0]}), [[18.0]])
        np.testing.assert_allclose(hessian((x * 2.0).sum(), x).eval({x: [1.0, 2.0]}), np.zeros((2, 2)))
        logistic = pt.softplus(pt.dot(np.arange(6.0).reshape(3, 2), x)).sum()
        a = np.arange(6.0).reshape(3, 2)
        p = 1 / (1 + np.exp(-a @ np.array([0.1, -0.2])))
        np.testing.assert_allclose(
            hessian(logistic, x).eval({x: [0.1, -0.2]}), a.T @ np.diag(p * (1 - p)) @ a, rtol=1e-12
        )


class TestVerifyGrad:
    def test_accepts_what_is_right(self):
        verify_grad(lambda x, y: pt.exp(x) * y.sum(), [normal(3), normal(2, 2)], rng=1)
        verify_grad(pt.tanh, [normal(3).astype("float32")], rng=1)
        verify_grad(lambda x: x * 0 + 1, [np.zeros((0,))])

    def test_reports_what_is_wrong(self):
        wrong = elementwise("wrong_square", "x * x.", lambda xp, x: x * x,
                            pullbacks=(lambda g, y, x: g * (2.0 * x + pt.eq(x, 2.0)),),
                            llvm=lambda k, x: k.mul(x, x))  # fmt: skip
        with pytest.raises(GradientError, match=r"input 0 is wrong in 1 of 3 elements. Worst at \(1,\)"):
            verify_grad(wrong, [np.array([1.0, 2.0, 3.0])], rng=1)

    def test_refusals(self):
        with pytest.raises(TypeError, match="floating"):
            verify_grad(pt.exp, [np.array([1, 2])])
        with pytest.raises(TypeError, match="no gradient"):
            verify_grad(lambda x: x > 0, [np.ones(2)])


COMPLEX = {
    "square": lambda z: z * z,
    "absolute square": lambda z: z * pt.conj(z),
    "exp": lambda z: pt.exp(z),
    "quotient": lambda z: z / (1 + z * z),
    "power": lambda z: z**3,
    "log": lambda z: pt.log(z),
    "tanh": lambda z: pt.tanh(z),
    "sqrt": lambda z: pt.sqrt(z),
    "abs": lambda z: pt.abs(z) + 0 * z,
    "angle": lambda z: pt.angle(z) * z,
    "polar": lambda z: pt.complex(pt.imag(z), pt.real(z) ** 2),
    "product": lambda z: (pt.stack([[z, 1j], [2.0, z * z]]) @ pt.stack([z, z + 1])).sum(),
    "solve": lambda z: pt.linalg.solve(pt.stack([[z, 1j], [2.0, z * z]]), pt.stack([z, 1.0])).sum(),
    "det": lambda z: pt.linalg.det(pt.stack([[z, 1j], [2.0, z * z]])),
    "eigenvalues": lambda z: (pt.linalg.eig(pt.stack([[z, 1j], [2.0, z * z]]))[0] ** 3).sum(),
    "sums and picks": lambda z: pt.cumsum(pt.stack([z, z * z, 1j * z]))[::2].sum(),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_gradients_by_complex_numbers(name):
    """By the real part, plus i times that by the imaginary part; a real input gets the real part."""
    z, x = pt.zscalar("z"), pt.scalar("x")
    found = COMPLEX[name](z)
    cost = pt.real(found) + 2 * pt.imag(found)
    here, h = 0.7 - 0.4j, 1e-6
    step = lambda d: (cost.eval({z: here + d}) - cost.eval({z: here - d})) / (2 * h)  # noqa: E731
    want = step(h) + 1j * step(h * 1j)
    np.testing.assert_allclose(grad(cost, z).eval({z: here}), want, rtol=1e-7)
    mixed = COMPLEX[name](x + here)
    slope = grad(pt.real(mixed) + 2 * pt.imag(mixed), x)
    assert slope.dtype == "float64"
    np.testing.assert_allclose(slope.eval({x: 0.0}), want.real, rtol=1e-7)
