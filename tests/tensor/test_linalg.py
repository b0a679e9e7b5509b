"""Linear algebra against NumPy and SciPy, on every backend, with gradients against finite differences."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.linalg

import pellucid as pm
import pellucid.tensor as pt
from pellucid import function, scan
from pellucid.diff import grad
from pellucid.tensor import linalg
from pellucid.tensor.linalg import unrolled
from pellucid.testing import BACKENDS_UNDER_TEST, check_op
from pellucid.vectorize import vectorize_graph

RNG = np.random.default_rng(4)


def normal(*shape):
    return RNG.normal(size=shape)


def well(*lead, n=3):
    """Matrices far from singular, so that finite differences are accurate."""
    return normal(*lead, n, n) + n * np.eye(n)


def definite(*lead, n=3):
    a = normal(*lead, n, n)
    return a @ np.swapaxes(a, -1, -2) + n * np.eye(n)


def by_matrix(f):
    """A function of stacks from one of single matrices."""

    def stacked(*arrays):
        lead = np.broadcast_shapes(*[a.shape[:-2] for a in arrays])
        full = [np.broadcast_to(a, lead + a.shape[-2:]) for a in arrays]
        found = [f(*[a[i] for a in full]) for i in np.ndindex(lead)]
        return np.array(found).reshape(lead + found[0].shape)

    return stacked


def symmetric(a):
    return 0.5 * (a + pt.matrix_transpose(a))


def halves(a):
    return 0.5 * (a + np.swapaxes(a, -1, -2))


def from_triangle(a, lower):
    keep = np.tril if lower else np.triu
    return keep(a) + np.swapaxes(keep(a, -1 if lower else 1), -1, -2)


def signless(vectors):
    """What does not depend on the signs of vectors."""
    return vectors**2


GENERAL = {  # name: arguments, the function, the same in NumPy or SciPy
    "solve": ([well(), normal(3)], linalg.solve, np.linalg.solve),
    "solve matrix": ([well(), normal(3, 2)], linalg.solve, np.linalg.solve),
    "solve batch": ([well(2), normal(2, 3, 2)], linalg.solve, np.linalg.solve),
    "solve shares a": ([well(), normal(2, 3, 2)], linalg.solve, np.linalg.solve),
    "solve shares b": ([well(2), normal(3, 2)], linalg.solve, np.linalg.solve),
    "solve broadcast": ([well(2, 1), normal(1, 4, 3, 1)], linalg.solve, np.linalg.solve),
    "solve vectors": ([well(2), normal(2, 3)], lambda a, b: linalg.solve(a, b, b_ndim=1),
                      lambda a, b: np.linalg.solve(a, b[..., None])[..., 0]),
    "solve transposed": ([well(), normal(3, 2)], lambda a, b: linalg.solve(a, b, transposed=True),
                         lambda a, b: np.linalg.solve(a.T, b)),
    "solve one": ([well(n=1), normal(1)], linalg.solve, np.linalg.solve),
    "solve nothing": ([normal(0, 0), normal(0, 2)], linalg.solve, lambda a, b: b),
    "solve no columns": ([well(), normal(3, 0)], linalg.solve, lambda a, b: b),
    "solve no batch": ([normal(0, 3, 3), normal(0, 3, 2)], linalg.solve, lambda a, b: b),
    "solve sym": ([well(), normal(3)], lambda a, b: linalg.solve(a, b, assume_a="sym", lower=True),
                  lambda a, b: np.linalg.solve(from_triangle(a, True), b)),
    "solve pos": ([definite(2), normal(2, 3, 2)], lambda a, b: linalg.solve(a, b, assume_a="pos"),
                  lambda a, b: np.linalg.solve(from_triangle(a, False), b)),
    "solve diagonal": ([well(), normal(3)], lambda a, b: linalg.solve(a, b, assume_a="diagonal"),
                       lambda a, b: b / np.diag(a)),
    "solve tridiagonal": ([well(n=4), normal(4)], lambda a, b: linalg.solve(a, b, assume_a="tridiagonal"),
                          lambda a, b: np.linalg.solve(np.tril(np.triu(a, -1), 1), b)),
    "solve triangle": ([well(), normal(3)], lambda a, b: linalg.solve(a, b, assume_a="upper triangular"),
                       lambda a, b: np.linalg.solve(np.triu(a), b)),
    "inv": ([well(2)], linalg.inv, np.linalg.inv),
    "det": ([well(2, 2)], linalg.det, np.linalg.det),
    "det negative": ([well()[[1, 0, 2]]], linalg.det, np.linalg.det),
    "det nothing": ([normal(0, 0)], linalg.det, np.linalg.det),
    "slogdet": ([well(2)[:, [2, 0, 1]]], linalg.slogdet, lambda a: tuple(np.linalg.slogdet(a))),
    "slogdet one": ([-np.ones((1, 1))], linalg.slogdet, lambda a: tuple(np.linalg.slogdet(a))),
    "pinv tall": ([normal(2, 4, 3)], linalg.pinv, np.linalg.pinv),
    "pinv wide": ([normal(2, 4)], linalg.pinv, np.linalg.pinv),
    "lu": ([well(n=4)[[3, 1, 0, 2]]], linalg.lu, scipy.linalg.lu),
    "lu permuted": ([normal(4, 4)], lambda a: linalg.lu(a, permute_l=True), lambda a: scipy.linalg.lu(a, True)),
    "lu indices": ([normal(4, 4)], lambda a: linalg.lu(a, p_indices=True)[1:],
                   lambda a: scipy.linalg.lu(a, p_indices=True)[1:]),
    "lu_factor": ([normal(4, 4)], linalg.lu_factor, scipy.linalg.lu_factor),
    "lu_solve": ([normal(4, 4), normal(4)], lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b), np.linalg.solve),
    "lu_solve trans": ([normal(4, 4), normal(4, 2)],
                       lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b, trans=1),
                       lambda a, b: np.linalg.solve(a.T, b)),
    "eigh": ([definite(2)], lambda a: (linalg.eigh(a)[0], signless(linalg.eigh(a)[1])),
             lambda a: (np.linalg.eigh(a)[0], signless(np.linalg.eigh(a)[1]))),
    "eigh upper": ([well()], lambda a: signless(linalg.eigh(a, UPLO="U")[1]),
                   lambda a: signless(np.linalg.eigh(a, UPLO="U")[1])),
    "eigh pair": ([definite(), definite()], lambda a, b: signless(linalg.eigh(a, b)[1]),
                  lambda a, b: signless(scipy.linalg.eigh(a, b)[1])),
    "riccati": ([normal(3, 3), normal(3, 2), definite(), definite(n=2)],
                lambda a, b, q, r: linalg.solve_discrete_are(a, b, symmetric(q), symmetric(r)),
                lambda a, b, q, r: scipy.linalg.solve_discrete_are(a, b, halves(q), halves(r))),
    "eigvalsh": ([well(2)], linalg.eigvalsh, np.linalg.eigvalsh),
    "eigvalsh pair": ([definite(), definite()], linalg.eigvalsh, scipy.linalg.eigvalsh),
    "svd tall": ([normal(2, 4, 3)], lambda a: tuple(map(signless, linalg.svd(a, full_matrices=False))),
                 lambda a: tuple(map(signless, np.linalg.svd(a, full_matrices=False)))),
    "svd wide": ([normal(2, 4)], lambda a: tuple(map(signless, linalg.svd(a, full_matrices=False))),
                 lambda a: tuple(map(signless, np.linalg.svd(a, full_matrices=False)))),
    "svd product": ([normal(3, 3)], lambda a: linalg.svd(a, False)[0] @ linalg.svd(a, False)[2],
                    lambda a: scipy.linalg.polar(a)[0]),
    "svd values": ([normal(3, 4)], lambda a: linalg.svd(a, compute_uv=False),
                   lambda a: np.linalg.svd(a, compute_uv=False)),
    "svd full values": ([normal(3, 4)], lambda a: linalg.svd(a)[1], lambda a: np.linalg.svd(a)[1]),
    "qr r": ([well()], lambda a: linalg.qr(a, mode="r"), lambda a: np.linalg.qr(a, mode="r")),
    "expm": ([normal(2, 3, 3)], linalg.expm, scipy.linalg.expm),
    "expm nothing": ([normal(0, 0)], linalg.expm, lambda a: a),
    "matrix_power": ([normal(2, 3, 3)], lambda a: linalg.matrix_power(a, 5), lambda a: np.linalg.matrix_power(a, 5)),
    "matrix_power 0": ([normal(3, 3)], lambda a: linalg.matrix_power(a, 0), lambda a: np.linalg.matrix_power(a, 0)),
    "matrix_power -2": ([well()], lambda a: linalg.matrix_power(a, -2), lambda a: np.linalg.matrix_power(a, -2)),
    "sylvester": ([well(), well(n=2), normal(3, 2)], linalg.solve_sylvester, scipy.linalg.solve_sylvester),
    "sylvester batch": ([well(2), well(n=2), normal(2, 3, 2)], linalg.solve_sylvester,
                        by_matrix(scipy.linalg.solve_sylvester)),
    "continuous": ([well(), definite()], linalg.solve_continuous_lyapunov, scipy.linalg.solve_continuous_lyapunov),
    "discrete": ([0.3 * normal(3, 3), definite()], linalg.solve_discrete_lyapunov,
                 scipy.linalg.solve_discrete_lyapunov),
    "discrete direct": ([0.3 * normal(3, 3), definite()],
                        lambda a, q: linalg.solve_discrete_lyapunov(a, q, method="direct"),
                        scipy.linalg.solve_discrete_lyapunov),
    "lstsq": ([normal(5, 3), normal(5, 2)], lambda a, b: linalg.lstsq(a, b)[:2],
              lambda a, b: tuple(np.linalg.lstsq(a, b)[:2])),
    "lstsq values": ([normal(5, 3), normal(5, 2)], lambda a, b: linalg.lstsq(a, b)[3],
                     lambda a, b: np.linalg.lstsq(a, b)[3]),
    "tensorinv": ([normal(4, 6, 8, 3)], linalg.tensorinv, np.linalg.tensorinv),
    "tensorsolve": ([normal(2, 3, 6), normal(2, 3)], linalg.tensorsolve, np.linalg.tensorsolve),
    "trace": ([normal(2, 3, 4)], linalg.trace, lambda a: np.trace(a, axis1=-2, axis2=-1)),
    "block_diag": ([normal(2, 3), normal(1, 1), normal(3, 2)], linalg.block_diag, scipy.linalg.block_diag),
    "block_diag batch": ([normal(2, 2, 3), normal(1, 1)], linalg.block_diag, by_matrix(scipy.linalg.block_diag)),
    "toeplitz": ([normal(4)], linalg.toeplitz, scipy.linalg.toeplitz),
    "toeplitz rectangle": ([normal(4), normal(3)], linalg.toeplitz, scipy.linalg.toeplitz),
}  # fmt: skip

PRODUCTS = {
    "kron": ([normal(2, 3), normal(3, 2)], linalg.kron, np.kron),
    "kron ranks": ([normal(3), normal(2, 3)], linalg.kron, np.kron),
    "kron ones": ([normal(1, 3), normal(2, 1)], linalg.kron, np.kron),
    "inner": ([normal(2, 3), normal(4, 3)], linalg.inner, np.inner),
    "inner vectors": ([normal(3), normal(3)], linalg.inner, np.inner),
    "vdot": ([normal(2, 3), normal(3, 2)], linalg.vdot, np.vdot),
    "vecdot": ([normal(2, 3), normal(3)], linalg.vecdot, lambda a, b: (a * b).sum(-1)),
    "matvec": ([normal(2, 4, 3), normal(2, 3)], linalg.matvec, lambda a, b: (a @ b[..., None])[..., 0]),
    "vecmat": ([normal(3), normal(3, 4)], linalg.vecmat, lambda a, b: a @ b),
    "tensordot": ([normal(2, 3, 4), normal(3, 4, 5)], linalg.tensordot, np.tensordot),
    "tensordot 0": ([normal(2), normal(3)], lambda a, b: linalg.tensordot(a, b, 0), lambda a, b: np.tensordot(a, b, 0)),
    "tensordot axes": ([normal(2, 3, 4), normal(4, 2)], lambda a, b: linalg.tensordot(a, b, [[0, -1], [1, 0]]),
                       lambda a, b: np.tensordot(a, b, [[0, -1], [1, 0]])),
    "tensordot all": ([normal(2, 3), normal(2, 3)], linalg.tensordot, np.tensordot),
    "multi_dot": ([normal(3), normal(3, 5), normal(5, 2), normal(2, 4)], lambda *a: linalg.multi_dot(a),
                  lambda *a: np.linalg.multi_dot(a)),
    "matrix_dot": ([normal(2, 3), normal(3, 2), normal(2, 2)], linalg.matrix_dot, lambda *a: np.linalg.multi_dot(a)),
    "cross": ([normal(2, 3), normal(3)], linalg.cross, np.cross),
    "cross axis": ([normal(3, 2), normal(3, 2)], lambda a, b: linalg.cross(a, b, axis=0),
                   lambda a, b: np.cross(a, b, axis=0)),
}  # fmt: skip

STACKS = [((2, 9, 8), (2, 8, 10)), ((9, 8), (2, 8, 9)), ((2, 8, 9), (9, 8)), ((2, 1, 9, 9), (2, 3, 9, 9)),
          ((0, 9, 9), (9, 9)), ((2, 0, 9), (2, 9, 8)), ((2, 2, 3), (2, 3, 2))]  # fmt: skip

ORDERS = [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf]


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("name", GENERAL)
def test_functions_of_matrices(name, backend):
    arrays, build, expected = GENERAL[name]
    check_op(build, arrays, expected, backend=backend, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("name", PRODUCTS)
def test_products(name, backend):
    arrays, build, expected = PRODUCTS[name]
    check_op(build, arrays, expected, backend=backend, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("shapes", STACKS)
def test_stacks_of_products(shapes, backend):
    """Large matrices in stacks go to the library, one by one; small ones are multiplied in loops."""
    check_op(pt.matmul, [normal(*s) for s in shapes], np.matmul, backend=backend, atol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("shape", [(4, 3), (3, 3), (2, 4)])
def test_qr(shape, backend):
    """Gradients of both factors, and the complete form."""
    a = normal(*shape)
    check_op(lambda a: linalg.qr(a, mode="economic"), [a], lambda a: tuple(np.linalg.qr(a)),
             backend=backend, rtol=1e-11, atol=1e-13)  # fmt: skip
    x = pt.matrix("x", shape=shape)
    both = function([x], linalg.qr(x, mode="complete"), backend=backend)(a)
    for got, want in zip(both, np.linalg.qr(a, mode="complete"), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("ord", ORDERS)
def test_norms_of_matrices(ord, backend):
    check_op(lambda x: linalg.norm(x, ord, axis=(-2, -1)), [normal(2, 3, 4)],
             lambda x: np.linalg.norm(x, ord, axis=(-2, -1)), backend=backend, rtol=1e-11)  # fmt: skip
    check_op(lambda x: linalg.norm(x, ord, axis=(2, 0), keepdims=True), [normal(3, 2, 4)],
             lambda x: np.linalg.norm(x, ord, axis=(2, 0), keepdims=True), backend=backend, rtol=1e-11)  # fmt: skip


@pytest.mark.parametrize("ord", [None, 0, 0.5, 1, 2, 3, -1, np.inf, -np.inf])
def test_norms_of_vectors(ord):
    check_op(lambda x: linalg.norm(x, ord, axis=1, keepdims=True), [normal(3, 4)],
             lambda x: np.linalg.norm(x, ord, axis=1, keepdims=True), backend="numpy", rtol=1e-11)  # fmt: skip


def test_eig():
    a = normal(2, 3, 3)
    values, vectors = (v.eval() for v in linalg.eig(a))
    np.testing.assert_allclose(a @ vectors, vectors * values[:, None, :], atol=1e-12)
    assert values.dtype == vectors.dtype == np.complex128


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("shape", [(4, 4), (2, 3, 3), (1, 1), (0, 0)])
def test_gradients_of_eigenvalues_of_any_matrix(shape, backend):
    def parts(namespace, values, vectors):
        values = values + 0j
        return [namespace.real(values), namespace.imag(values), namespace.real(vectors * namespace.conj(vectors))]

    check_op(lambda a: parts(pt, *linalg.eig(a)), [normal(*shape)], lambda a: parts(np, *np.linalg.eig(a)),
             backend=backend, rtol=1e-9, atol=1e-11)  # fmt: skip


def test_complex_matrices_have_gradients_where_they_are_analytic():
    a = pt.zmatrix("a")
    for f in (linalg.eigh, linalg.svd, linalg.qr, linalg.pinv, pt.cholesky):
        found = f(a)
        cost = pt.real(found[1] if isinstance(found, (tuple, list)) else found).sum()
        with pytest.raises(TypeError, match="no gradient for complex matrices"):
            grad(cost, a)


@pytest.mark.parametrize("output", ["real", "complex"])
@pytest.mark.parametrize("sort", [None, "lhp", "rhp", "iuc", "ouc"])
def test_schur_forms(output, sort):
    """The factors are orthonormal, multiply to the matrices, and have the eigenvalues of the region first."""
    a, b = normal(2, 4, 4), normal(2, 4, 4)
    t, z = (v.eval() for v in linalg.schur(a, output, sort))
    adjoint = lambda m: np.swapaxes(m.conj(), -1, -2)  # noqa: E731
    np.testing.assert_allclose(z @ t @ adjoint(z), a, atol=1e-12)
    np.testing.assert_allclose(z @ adjoint(z), np.broadcast_to(np.eye(4), a.shape), atol=1e-12)
    for i in range(2):
        np.testing.assert_allclose(t[i], scipy.linalg.schur(a[i], output, sort=sort)[0], atol=1e-12)
    aa, bb, alpha, beta, q, z = (v.eval() for v in linalg.ordqz(a, b, sort, output))
    np.testing.assert_allclose(q @ aa @ adjoint(z), a, atol=1e-12)
    np.testing.assert_allclose(q @ bb @ adjoint(z), b, atol=1e-12)
    inside = {None: np.isfinite, "lhp": lambda w: w.real < 0, "rhp": lambda w: w.real >= 0,
              "iuc": lambda w: abs(w) <= 1, "ouc": lambda w: abs(w) > 1}[sort](alpha / beta)  # fmt: skip
    np.testing.assert_array_equal(inside, ~np.sort(~inside, axis=-1))
    assert len(linalg.qz(a, b)) == 4


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
def test_singular_matrices(backend):
    """A singular matrix spoils only itself; its determinant is right."""
    a = np.stack([np.eye(2), np.ones((2, 2)), np.zeros((2, 2)), np.full((2, 2), np.nan)])
    x = pt.tensor("x", shape=(None, 2, 2))
    outputs = [linalg.solve(x, np.ones((2, 1))), linalg.inv(x), linalg.det(x), *linalg.slogdet(x)]
    found, inverse, det, sign, logdet = function([x], outputs, backend=backend)(a)
    np.testing.assert_array_equal(np.isnan(found).all((1, 2)), [False, True, True, True])
    np.testing.assert_array_equal(np.isnan(inverse).all((1, 2)), [False, True, True, True])
    np.testing.assert_array_equal(det, [1, 0, 0, np.nan])
    np.testing.assert_array_equal(sign, [1, 0, 0, np.nan])
    np.testing.assert_array_equal(logdet, [0, -np.inf, -np.inf, np.nan])


def test_failures_are_nan():
    """Decompositions that do not converge give NaN for that matrix alone."""
    a = np.stack([np.eye(2), np.full((2, 2), np.nan)])
    for f in (linalg.eigh, linalg.svd, linalg.eig):
        for value in f(a):
            np.testing.assert_array_equal(np.isfinite(value.eval()).reshape(2, -1).all(1), [True, False])
    np.testing.assert_array_equal(np.isnan(linalg.expm(a).eval()).all((1, 2)), [False, True])


def test_equal_eigenvalues():
    """A function that does not depend on the choice of vectors has its gradient where eigenvalues are equal."""
    x = pt.matrix("x")
    values, vectors = linalg.eigh(symmetric(x))
    cost = ((vectors * pt.exp(values)[None, :]) @ vectors.T)[0, 0]
    np.testing.assert_allclose(grad(cost, x).eval({x: np.eye(2)}), [[np.e, 0], [0, 0]], atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_dtypes(dtype, backend):
    a, b = (np.array([[4, 1], [2, 3]]).astype(dtype), np.array([1, 2]).astype(dtype))
    check_op(linalg.solve, [a, b], np.linalg.solve, backend=backend, rtol=1e-5)
    check_op(linalg.inv, [a], np.linalg.inv, backend=backend, rtol=1e-5)
    check_op(linalg.det, [a], np.linalg.det, backend=backend, rtol=1e-5)
    check_op(linalg.slogdet, [a], lambda a: tuple(np.linalg.slogdet(a)), backend=backend, rtol=1e-5)
    check_op(linalg.eigvalsh, [a], np.linalg.eigvalsh, backend=backend, rtol=1e-5)


@pytest.mark.parametrize("f", [
    lambda a: linalg.solve(a, np.ones((3, 1))), linalg.inv, linalg.det, lambda a: linalg.slogdet(a)[1],
    lambda a: linalg.eigh(a)[0], lambda a: linalg.svd(a)[1], linalg.expm, lambda a: linalg.lu_factor(a)[0], linalg.pinv,
])  # fmt: skip
def test_batched_graphs(f):
    """A batch of single matrices is computed as by NumPy's loops."""
    x, xs = pt.tensor("x", shape=(3, 3)), pt.tensor("xs", shape=(None, 3, 3))
    values = definite(4)
    single = np.stack([f(x).eval({x: a}) for a in values])
    np.testing.assert_allclose(vectorize_graph(f(x), {x: xs}).eval({xs: values}), single, rtol=1e-12)


@pytest.mark.skipif("llvm" not in BACKENDS_UNDER_TEST, reason="needs the native backend")
def test_factors_are_shared_and_native():
    """Everything that needs the LU factors of a matrix shares one native factorisation, gradients included."""
    x, b = pt.matrix("x"), pt.vector("b")
    cost = linalg.slogdet(x)[1] + linalg.solve(x, b).sum() + linalg.det(x)
    report = function([x, b], [cost, grad(cost, x)], backend="llvm").compile_report()
    assert report["callbacks"] == []
    assert sum("LUFactor" in sink for group in report["groups"] for sink in group) == 1


DECOMPOSITIONS = {
    "eigh": (lambda x: list(linalg.eigh(x)), np.linalg.eigh),
    "eigh of the upper triangle": (lambda x: list(linalg.eigh(x, UPLO="U")), lambda a: np.linalg.eigh(a, "U")),
    "eigvalsh": (lambda x: [linalg.eigvalsh(x)], lambda a: [np.linalg.eigvalsh(a)]),
    "svd": (lambda x: list(linalg.svd(x)), np.linalg.svd),
    "thin svd": (lambda x: list(linalg.svd(x, full_matrices=False)), lambda a: np.linalg.svd(a, False)),
    "singular values": (lambda x: [linalg.svd(x, compute_uv=False)], lambda a: [np.linalg.svd(a, compute_uv=False)]),
    "qr": (lambda x: list(linalg.qr(x)), lambda a: np.linalg.qr(a, "complete")),
    "thin qr": (lambda x: list(linalg.qr(x, "economic")), lambda a: np.linalg.qr(a, "reduced")),
    "r": (lambda x: [linalg.qr(x, "r")], lambda a: [np.linalg.qr(a, "r")]),
}
needs_native = pytest.mark.skipif("llvm" not in BACKENDS_UNDER_TEST, reason="needs the native backend")


def native_decomposition(name, ndim):
    """A native function of stacks of matrices of any shape, which calls no Python."""
    x = pt.tensor("x", shape=(None,) * ndim)
    f = function([x], DECOMPOSITIONS[name][0](x), backend="llvm")
    report = f.compile_report()
    assert (report["backend"], report["callbacks"]) == ("llvm", [])
    return f


@needs_native
@pytest.mark.parametrize("name", DECOMPOSITIONS)
class TestNativeDecompositions:
    """LAPACK called from native code gives NumPy's numbers, signs included: it is the same routine on the same matrix.

    The tolerance allows another build of the library, whose sums differ in rounding.
    """

    def agree(self, f, name, a):
        for found, wanted in zip(f(a), DECOMPOSITIONS[name][1](a), strict=True):
            assert found.shape == wanted.shape
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12 * np.abs(a).max(initial=1.0))

    def test_every_size(self, name):
        f = native_decomposition(name, 2)
        for n in (0, 1, 2, 7, 40):
            self.agree(f, name, normal(n, n))
        for shape in [] if "eig" in name else [(7, 3), (3, 7), (90, 2), (2, 90), (0, 3), (3, 0), (1, 4), (4, 1)]:
            self.agree(f, name, normal(*shape))

    def test_batches(self, name):
        f = native_decomposition(name, 4)
        for lead in [(2, 3), (1, 4), (0, 2)]:
            self.agree(f, name, normal(*lead, 5, 5))

    def test_matrices_that_are_not_contiguous(self, name):
        f, a = native_decomposition(name, 2), normal(8, 8)
        for view in (a.T, a[::-1], a[::2, 1::2], np.asfortranarray(a)):
            self.agree(f, name, view)

    def test_scales(self, name):
        """Matrices of huge and tiny numbers are scaled by LAPACK, not lost."""
        f, a = native_decomposition(name, 2), normal(4, 4)
        for scale in (1e150, 1e-150):
            for found, wanted in zip(f(a * scale), DECOMPOSITIONS[name][1](a * scale), strict=True):
                np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12 * np.abs(wanted).max())

    def test_what_is_not_finite_spoils_only_itself(self, name):
        """NaN appears just where the interpreter has it, and other matrices of the stack are not touched."""
        one_nan, one_inf = normal(4, 4), normal(4, 4)
        one_nan[2, 1], one_inf[2, 1] = np.nan, np.inf
        a = np.stack([definite(n=4), np.full((4, 4), np.nan), one_nan, one_inf, definite(n=4)])
        x = pt.tensor("x", shape=(None, None, None))
        wanted = function([x], DECOMPOSITIONS[name][0](x), backend="numpy")(a)
        for found, value in zip(native_decomposition(name, 3)(a), wanted, strict=True):
            np.testing.assert_array_equal(np.isnan(found), np.isnan(value))
            np.testing.assert_allclose(found, value, atol=1e-12)
            assert np.isfinite(found[[0, 4]]).all()


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("a", [
    np.zeros((4, 4)), np.ones((4, 4)), np.eye(4), np.diag([2.0, 1.0, 2.0, 1.0]),
    np.outer([0.0, 1, 2, 3], [0.0, 1, 2, 3]),
], ids=["zero", "ones", "identity", "pairs", "outer"])  # fmt: skip
def test_factors_multiply_to_the_matrix(a, backend):
    """Singular matrices and equal eigenvalues: whichever vectors are chosen, they are orthonormal, and factors of a."""
    x = pt.matrix("x")
    outputs = [*linalg.eigh(x), *linalg.svd(x), *linalg.qr(x)]
    values, vectors, u, s, vt, q, r = function([x], outputs, backend=backend)(a)
    for factor in (vectors, u, vt, q):
        np.testing.assert_allclose(factor.T @ factor, np.eye(4), atol=1e-14)
    for product in (vectors * values @ vectors.T, u * s @ vt, q @ r):
        np.testing.assert_allclose(product, a, atol=1e-13)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(a), atol=1e-13)
    np.testing.assert_array_equal(r, np.triu(r))
    assert (np.diff(values) >= 0).all()
    assert (np.diff(s) <= 0).all()


@needs_native
def test_decompositions_inside_loops_and_joins():
    """Workspace is planned for the steps of a loop too, and results may lie where a join wants them."""
    rows, first = pt.tensor("rows", shape=(None, None, None)), pt.matrix("first")

    def step(x, state):
        (values, vectors), (q, r) = linalg.eigh(x + state), linalg.qr(x + state, "economic")
        u, s, vt = linalg.svd(2.0 * x + state, full_matrices=False)
        return 0.3 * vectors @ (values[:, None] * vectors.T) + 0.1 * q @ r + 0.01 * (u * s) @ vt

    states = scan(step, sequences=[rows], outputs_info=[first], return_updates=False)
    joined = pt.concatenate([linalg.eigh(first)[0], linalg.svd(first)[1], linalg.eigvalsh(rows).ravel()])
    outputs = [states, grad(states[-1].sum(), first), joined]
    native, reference = (function([rows, first], outputs, backend=b) for b in ("llvm", "numpy"))
    assert native.compile_report()["callbacks"] == []
    for n in (4, 2):
        given = halves(normal(3, n, n)), np.eye(n)
        for found, wanted in zip(native(*given), reference(*given), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
def test_pinv_of_any_rank(backend):
    """Empty, singular and zero matrices have an inverse too; NaN spoils only itself; native code calls no Python."""
    x = pt.tensor("x", shape=(None, None, None))
    f = function([x], linalg.pinv(x), backend=backend)
    low_rank = normal(1, 5, 1) * normal(1, 1, 4) * 1e5
    for a in (normal(2, 0, 3), normal(2, 3, 0), normal(0, 2, 2), np.zeros((1, 3, 2)), np.ones((1, 3, 4)), low_rank):
        np.testing.assert_allclose(f(a), np.linalg.pinv(a), rtol=1e-9, atol=1e-13)
    found = f(np.stack([np.eye(2), np.full((2, 2), np.nan), [[1.0, np.inf], [0.0, 1.0]]]))
    np.testing.assert_array_equal(np.isnan(found), np.broadcast_to([[[False]], [[True]], [[True]]], (3, 2, 2)))
    if backend == "llvm":
        solution = linalg.lstsq(x[0], x[0, :, 0])[0]
        assert function([x], [linalg.pinv(x), solution], backend=backend).compile_report()["callbacks"] == []


@needs_native
def test_decompositions_in_threads():
    """Each caller has a workspace of its own."""
    f = native_decomposition("svd", 3)
    stacks = [normal(5, 12, 12) for _ in range(24)]
    wanted = [f(a) for a in stacks]
    with ThreadPoolExecutor(4) as pool:
        for found, alone in zip(pool.map(f, stacks), wanted, strict=True):
            for a, b in zip(found, alone, strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("call, message", [
    (lambda: linalg.solve(normal(2, 3), normal(2)), "square"),
    (lambda: linalg.solve(normal(2, 2), normal(3)), "lengths 2 and 3 differ"),
    (lambda: linalg.solve(normal(2, 2), normal(2), assume_a="bands"), "assume_a"),
    (lambda: linalg.eigh(normal(2, 2), UPLO="X"), "UPLO"),
    (lambda: linalg.qr(normal(2, 2), "raw?"), "mode"),
    (lambda: linalg.norm(normal(2, 2), "nuclear"), "order"),
    (lambda: linalg.norm(normal(2), "fro"), "order"),
    (lambda: linalg.tensordot(normal(2, 3), normal(2, 3), 1), "length 3"),
    (lambda: linalg.multi_dot([normal(2)]), "two"),
    (lambda: linalg.matrix_power(normal(2, 3), 2), "square"),
    (lambda: linalg.svd(normal(3)), "matrices"),
])  # fmt: skip
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("trans", [0, 1])
@pytest.mark.parametrize("unit", [True, False])
def test_many_triangular_systems_are_solved_side_by_side(lower, trans, unit):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(7, 2, 4, 4)) + 4 * np.eye(4), rng.normal(size=(2, 4, 3))
    a[3, 1, 2, 2] = 0.0
    found = pt.linalg.solve_triangular(
        pt.as_tensor_variable(a), pt.as_tensor_variable(b), lower=lower, trans=trans, unit_diagonal=unit
    ).eval()
    assert found.shape == (7, 2, 4, 3)
    for place in np.ndindex(7, 2):
        if place == (3, 1) and not unit:
            assert np.isnan(found[place]).all()
            continue
        options = {"lower": lower, "trans": trans, "unit_diagonal": unit}
        expected = scipy.linalg.solve_triangular(a[place], b[place[1]], **options)
        np.testing.assert_allclose(found[place], expected, rtol=1e-12, atol=1e-12)


def test_one_bad_matrix_of_a_stack_is_nan_alone():
    a = np.stack([np.eye(2), -np.eye(2), np.zeros((2, 2)), 4 * np.eye(2)])
    np.testing.assert_array_equal(
        pt.linalg.cholesky(pt.as_tensor_variable(a)).eval()[:, 0, 0], [1.0, np.nan, np.nan, 2.0]
    )
    np.testing.assert_array_equal(pt.linalg.inv(pt.as_tensor_variable(a)).eval()[:, 0, 0], [1, -1, np.nan, 0.25])


def small_systems(a, b):
    """Everything that is straight-line code for few rows."""
    options = [(lower, trans, unit) for lower in (True, False) for trans in (0, 1) for unit in (True, False)]
    solutions = [
        pt.linalg.solve_triangular(a, b, lower=lower, trans=trans, unit_diagonal=unit, b_ndim=2)
        for lower, trans, unit in options
    ]
    factors = [pt.linalg.cholesky(a), *pt.linalg.lu_factor(a)]
    return [*factors, *solutions, pt.linalg.inv(a), pt.linalg.solve(a, b, b_ndim=2)]


@pytest.mark.parametrize("lead", [(), (1,), (3, 2), (0,)])
@pytest.mark.parametrize("n", range(8))
def test_matrices_of_few_rows_are_straight_line_code_with_the_same_values(n, lead):
    rng = np.random.default_rng(n)
    a, b = pt.tensor("a", shape=(*lead, n, n)), pt.tensor("b", shape=(*lead, n, 4))
    outputs = small_systems(a, b)
    f = pm.function([a, b], outputs, backend="llvm")
    reference = pm.function([a, b], outputs, backend="numpy")
    assert bool(f.compile_report()["passes"].get("small")) == (n <= unrolled.MOST)
    with pm.without_passes("small"):
        assert "small" not in pm.function([a, b], outputs, backend="llvm").compile_report()["passes"]
    square = rng.normal(size=(*lead, n, n))
    given = square @ np.swapaxes(square, -1, -2) + np.eye(n), rng.normal(size=b.type.shape)
    for found, wanted in zip(f(*given), reference(*given), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)
    for k in (1, 2):  # here rows are swapped
        np.testing.assert_allclose(f(square, given[1])[k], reference(square, given[1])[k], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "matrix",
    [
        [[1.0, 2.0], [2.0, 1.0]],    # indefinite
        [[0.0, 0.0], [0.0, 0.0]],
        [[-1.0, 0.0], [0.0, 1.0]],
        [[1.0, np.nan], [np.nan, 1.0]],
        [[np.nan, 0.0], [0.0, 1.0]],
        [[1e-320, 0.0], [0.0, 1e300]],    # subnormal and huge
        [[1e200, 1e-200], [1e-200, 1e-100]],
        [[1.0, 1e9], [0.0, 4.0]],    # above the diagonal nothing is read
    ],
)
def test_factors_of_extreme_small_matrices_are_those_of_the_library(matrix):
    a = pt.matrix("a", shape=(2, 2))
    f, g = (pm.function([a], pt.linalg.cholesky(a), backend=backend) for backend in ("llvm", "numpy"))
    np.testing.assert_allclose(f(np.array(matrix)), g(np.array(matrix)), rtol=1e-15 * 4)


def test_the_gradient_through_small_factors_is_that_of_finite_differences():
    a, b = pt.matrix("a", shape=(3, 3)), pt.matrix("b", shape=(3, 2))
    factor = pt.linalg.cholesky(a @ a.T + np.eye(3))
    loss = pt.sum(pt.sqr(pt.linalg.solve_triangular(factor, b, lower=True))) + pt.sum(pt.log(pt.diagonal(factor)))
    f = pm.function([a, b], [loss, *grad(loss, [a, b])], backend="llvm")
    assert f.compile_report()["passes"]["small"]
    assert not f.compile_report()["library_calls"]
    rng = np.random.default_rng(0)
    given = rng.normal(size=(3, 3)), rng.normal(size=(3, 2))
    for k, x in enumerate(given):
        numeric = np.empty(x.shape)
        for place in np.ndindex(x.shape):
            ends = []
            for step in (1e-6, -1e-6):
                moved = [y.copy() for y in given]
                moved[k][place] += step
                ends.append(f(*moved)[0])
            numeric[place] = (ends[0] - ends[1]) / 2e-6
        np.testing.assert_allclose(f(*given)[1 + k], numeric, rtol=1e-6, atol=1e-7)  # central differences: 1e-10 / step
