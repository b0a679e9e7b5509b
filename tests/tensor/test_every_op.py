"""Every op over a batch, and on empty and size-one axes: whatever is declared without a case here fails."""

# ruff: noqa: PLW0108 - builders spell out the arguments they are about

import importlib
import pkgutil

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt
from pellucid.graph.nodes import Op
from pellucid.graph.traverse import toposort
from pellucid.tensor.check import Assert, CheckAndRaise
from pellucid.tensor.create import ARange
from pellucid.tensor.cumulate import Cumulate
from pellucid.tensor.draws import Draw
from pellucid.tensor.elementwise import ELEMENTWISE, Elementwise
from pellucid.tensor.fft import InverseRealFourier, RealFourier
from pellucid.tensor.host import Blockwise, FromFunctionOp, Print
from pellucid.tensor.index import ArgSort, Gather, IncSubtensor, Nonzero, Scatter, Subtensor
from pellucid.tensor.linalg.covariance import InverseFromFactor, Mahalanobis
from pellucid.tensor.linalg.decompose import QR, SVD, Eig, Eigh, Pinv
from pellucid.tensor.linalg.functions import Expm, SolveSylvester
from pellucid.tensor.linalg.products import MatMul
from pellucid.tensor.linalg.schur_forms import QZ, Schur, SolveDiscreteARE
from pellucid.tensor.linalg.solvers import Det, Inverse, LUFactor, SLogDet, Solve, SwapRows
from pellucid.tensor.linalg.triangular import Cholesky, SolveTriangular
from pellucid.tensor.loop import Scan
from pellucid.tensor.reduce import ArgReduce, Reduce
from pellucid.tensor.shape import BroadcastTo, Dim, DimShuffle, Join, Reshape, Shape, SpecifyShape, dim
from pellucid.tensor.softmax import LogSoftmax, LogSumExp, Softmax
from pellucid.tensor.statistics import DistinctPositions, SearchSorted
from pellucid.tensor.subgraph import OpFromGraph, SubgraphOp
from pellucid.testing import BACKENDS_UNDER_TEST, COSTLY, arguments_for, check_op, check_vectorized, inputs_for
from pellucid.vectorize import vectorize_graph

RNG = np.random.default_rng(12)


def normal(*shape):
    return RNG.normal(size=shape)


def well(n):
    """A matrix far from singular."""
    return normal(n, n) + 2 * n * np.eye(n)


def definite(n):
    a = normal(n, n)
    return a @ a.T + n * np.eye(n)


def ints(high, *shape):
    return RNG.integers(0, high, shape)


def wrapped():
    kind = pt.TensorType("float64", (None,))

    def slopes(inputs, gradients):
        (x, y), (g,) = inputs, gradients
        return [g * pt.cos(x) * y, (g * pt.sin(x)).sum()]

    wrap = pm.wrap_py([kind, pt.dscalar], [kind], infer_shape=lambda fgraph, node, shapes: shapes[:1], grad=slopes)
    return wrap(lambda x, y: np.sin(x) * y)


def subgraph():
    x, y = pt.vector("x"), pt.scalar("y")
    return OpFromGraph([x, y], [pt.exp(x) * y, (x * y).sum()])


def loop(x, a):
    def step(x_t, y, a):
        return pt.tanh(a * y) + x_t, y * 2.0

    outputs = pm.scan(step, [x], [pt.zeros(()), None], [a], return_updates=False)
    return [outputs[0], outputs[1][-1:]]


def riccati(a, b, q, r):
    return pt.linalg.solve_discrete_are(a, b, q + q.mT, r)


# For each kind of op: how to apply it, and arguments - ordinary ones, with axes of length one, and empty ones.
CASES = {
    ARange: [(lambda a, n=n: pt.linspace(0.0, a, n), [normal()]) for n in (4, 1, 0)],
    ArgReduce: [(lambda x: [x.argmax(-1), x.argmin(-1)], [normal(*s)]) for s in ((2, 3), (1, 1), (0, 2))],
    ArgSort: [(lambda x: x.argsort(0), [normal(*s)]) for s in ((3, 2), (1, 2), (0, 2), (2, 0))],
    BroadcastTo: [
        (lambda x: pt.broadcast_to(x, (4, 2, 3)), [normal(1, 3)]),
        (lambda x: pt.broadcast_to(x, (1, 1)), [normal()]),
        (lambda x: pt.broadcast_to(x, (0, 3)), [normal(3)]),
    ],
    CheckAndRaise: [(lambda x, y: Assert()(x, y > -100.0) * 2.0, [normal(*s), normal()]) for s in ((3,), (1,), (0,))],
    Cholesky: [(pt.linalg.cholesky, [definite(n)]) for n in (3, 1, 0)],
    Cumulate: [(lambda x: [x.cumsum(0), x.cumprod(-1)], [normal(*s)]) for s in ((3, 2), (1, 1), (0, 2))],
    Det: [(pt.linalg.det, [well(n)]) for n in (3, 1, 0)],
    Dim: [(lambda x: x * dim(x, 0) + dim(x.T, 0), [normal(*s)]) for s in ((3, 2), (1, 2), (0, 2))],
    DimShuffle: [(lambda x: x.dimshuffle(1, "x", 0), [normal(*s)]) for s in ((3, 2), (1, 2), (0, 2))],
    Eig: [(lambda x: pt.real(pt.sort(pt.real(pt.linalg.eig(x)[0]))), [definite(n)]) for n in (3, 1, 0)],
    Eigh: [(lambda x: [pt.linalg.eigh(x)[0], pt.linalg.eigh(x)[1] ** 2], [definite(n)]) for n in (3, 1, 0)],
    Expm: [(pt.linalg.expm, [normal(n, n)]) for n in (3, 1, 0)],
    FromFunctionOp: [(wrapped(), [normal(n), normal()]) for n in (3, 1, 0)],
    Gather: [
        (lambda x, i, j: x[i, :, j], [normal(3, 2, 4), ints(3, 5), ints(4, 2, 1)]),
        (lambda x, i: x[i], [normal(1, 2), ints(1, 1)]),
        (lambda x, i: x[i], [normal(3, 2), ints(3, 0)]),
        (lambda x, i: x[i], [normal(3, 0), ints(3, 2)]),
    ],
    IncSubtensor: [
        (lambda x, y, i: [x[i].inc(y), x[1:].set(y)], [normal(3, 2), normal(2), ints(3)]),
        (lambda x, y: x[:1].set(y), [normal(1, 1), normal()]),
        (lambda x, y: x[::2].inc(y), [normal(0, 2), normal(2)]),
    ],
    InverseFromFactor: [(pt.linalg.cho_inverse, [np.linalg.cholesky(definite(n))]) for n in (9, 3, 1, 0)],
    Inverse: [(pt.linalg.inv, [well(n)]) for n in (3, 1, 0)],
    InverseRealFourier: [
        (lambda x, odd=odd: pt.fft.irfft(x, is_odd=odd), [normal(2, n, 2)])
        for n, odd in ((3, False), (3, True), (2, False))
    ],
    Join: [
        (lambda x, y: pt.concatenate([x, y, x], -1), [normal(*s), normal(*t)])
        for s, t in (((2, 3), (2, 1)), ((1, 1), (1, 1)), ((0, 2), (0, 1)), ((2, 0), (2, 1)))
    ],
    LUFactor: [(lambda x: list(pt.linalg.lu_factor(x)), [well(n)]) for n in (3, 1, 0)],
    LogSoftmax: [(lambda x: pt.log_softmax(x, 0), [normal(*s)]) for s in ((3, 2), (1, 1), (0, 2))],
    LogSumExp: [(lambda x: pt.logsumexp(x, 0), [normal(*s)]) for s in ((3, 2), (1, 1), (2, 0))],
    Mahalanobis: [
        (lambda a, b: list(pt.linalg.mahalanobis(a, b)), [definite(n), normal(n, m)])
        for n, m in ((9, 2), (3, 1), (3, 0), (1, 2), (0, 2))
    ],
    MatMul: [
        (lambda x, y: x @ y, [normal(*s), normal(*t)])
        for s, t in (((2, 3), (3, 4)), ((1, 1), (1, 1)), ((0, 3), (3, 2)), ((2, 0), (0, 2)), ((3,), (2, 3, 1)))
    ],
    Pinv: [(pt.linalg.pinv, [normal(*s)]) for s in ((3, 2), (1, 1))],
    Print: [(Print("", attrs=()), [normal(*s)]) for s in ((3, 2), (0,))],
    QR: [(lambda x: list(pt.linalg.qr(x, "economic")), [normal(*s)]) for s in ((3, 2), (1, 1))],
    QZ: [(lambda x, y: pt.linalg.qz(x, y)[0] ** 2, [definite(n), definite(n)]) for n in (3, 1)],
    RealFourier: [(pt.fft.rfft, [normal(*s)]) for s in ((2, 4), (2, 3), (1, 1), (2, 3, 5), (0, 2))],
    Reduce: [
        (lambda x: [x.sum(0), x.prod(), x.mean(1, keepdims=True), (x > 0).any(-1)], [normal(*s)])
        for s in ((3, 2), (1, 1), (0, 2))
    ]
    + [(lambda x: [x.max(0), x.min(0)], [normal(*s)]) for s in ((3, 2), (1, 1), (2, 0))],
    Reshape: [(lambda x: [x.reshape((3, -1)), x.flatten()], [normal(*s)]) for s in ((2, 6), (1, 3), (0, 3))],
    SLogDet: [(lambda x: list(pt.linalg.slogdet(x)), [well(n)]) for n in (3, 1, 0)],
    SVD: [(lambda x: pt.linalg.svd(x, compute_uv=False), [normal(*s)]) for s in ((3, 2), (1, 1))],
    Scan: [(loop, [normal(n), normal()]) for n in (4, 1)],
    Scatter: [
        (lambda x, y, i: [x[i].inc(y), x[i].set(0.5)], [normal(3, 2), normal(4, 2), ints(3, 4)]),
        (lambda x, y, i: x[:, i].set(y), [normal(2, 1), normal(), ints(1, 1)]),
        (lambda x, y, i: x[i].inc(y), [normal(3, 2), normal(2), ints(3, 0)]),
    ],
    Schur: [(lambda x: pt.linalg.schur(x)[0] ** 2, [definite(n)]) for n in (3, 1, 0)],
    SearchSorted: [
        (lambda x, v: pt.searchsorted(x, v), [np.sort(normal(n)), normal(*s)])
        for n, s in ((5, (2, 3)), (1, (1,)), (0, (2,)), (3, (0,)), (4, ()))
    ],
    Shape: [(lambda x: x.shape * x.sum(), [normal(*s)]) for s in ((3, 2), (1, 2), (0, 2))],
    Softmax: [(lambda x: pt.softmax(x, 0), [normal(*s)]) for s in ((3, 2), (1, 1), (0, 2))],
    Solve: [
        (pt.linalg.solve, [well(n), normal(n, *rest)])
        for n, rest in ((3, ()), (3, (2,)), (1, ()), (0, (2,)), (2, (0,)))
    ],
    SolveDiscreteARE: [(riccati, [well(n), normal(n, 1), definite(n), definite(1)]) for n in (2, 1)],
    SolveSylvester: [
        (pt.linalg.solve_sylvester, [definite(n), definite(m), normal(n, m)]) for n, m in ((3, 2), (1, 1))
    ],
    SolveTriangular: [
        (lambda a, b: pt.linalg.solve_triangular(a, b, lower=True), [np.tril(well(n)), normal(n, *rest)])
        for n, rest in ((3, ()), (3, (2,)), (1, ()), (0, (2,)), (2, (0,)))
    ],
    SpecifyShape: [
        (lambda x: pt.specify_shape(x, (3, None)), [normal(3, 2)]),
        (lambda x: pt.specify_shape(x, (2, None)), [normal(2, 1)]),
        (lambda x: pt.specify_shape(x, (0, None)), [normal(0, 2)]),
    ],
    SubgraphOp: [(subgraph(), [normal(n), normal()]) for n in (3, 1, 0)],
    Subtensor: [
        (lambda x, i: [x[i], x[:, ::-2], x[1:3, -1]], [normal(4, 3), ints(4)]),
        (lambda x: [x[0], x[:, -1:]], [normal(1, 1)]),
        (lambda x: [x[1:], x[:, 0]], [normal(0, 2)]),
    ],
    SwapRows: [(lambda a, b: pt.linalg.lu_solve(pt.linalg.lu_factor(a), b), [well(n), normal(n)]) for n in (3, 1)],
}
ELSEWHERE = {
    Elementwise: "below, and in test_elementwise.py",
    Blockwise: "made of FromFunctionOp and others by a batch: tests/tensor/test_host.py",
    Draw: "of no fixed value: tests/test_vectorize.py",
    Nonzero: "its results would not form a tensor, so a batch is refused: below, and in test_structured.py",
    DistinctPositions: "likewise: test_sort.py",
}
NO_GRADIENT = {Schur, QZ}
EVERY = [(kind, i) for kind, cases in CASES.items() for i in range(len(cases))]
TOLERANCE = {"rtol": 1e-9, "atol": 1e-11}  # of what LAPACK and XLA compute in different ways


def values_of(cases):
    """Compiled, only what the tests of the single ops leave out: axes of length one, and empty ones."""
    return [(kind, i, b) for kind, i in cases for b in BACKENDS_UNDER_TEST if i > 0 or b == "numpy"]


def batches_of(cases):
    """On a backend that is costly, an ordinary batch of each op, and one of axes of length one."""
    return [(kind, i, b) for kind, i in cases for b in BACKENDS_UNDER_TEST if i < 2 or b not in COSTLY]


def kinds_of_ops(base=Op):
    for kind in base.__subclasses__():
        yield kind
        yield from kinds_of_ops(kind)


def test_every_op_of_the_library_has_a_case():
    for module in pkgutil.walk_packages(pt.__path__, pt.__name__ + "."):
        importlib.import_module(module.name)
    declared = {kind for kind in kinds_of_ops() if kind.__module__.startswith("pellucid.tensor")}
    concrete = {kind for kind in declared if kind.impl is not Op.impl}
    assert concrete == set(CASES) | set(ELSEWHERE)


@pytest.mark.parametrize(("kind", "i"), EVERY)
def test_a_case_is_of_its_op(kind, i):
    build, arrays = CASES[kind][i]
    built = build(*inputs_for(arrays, static=False))
    nodes = toposort(list(built) if isinstance(built, (list, tuple)) else [built])
    assert any(isinstance(node.op, kind) for node in nodes)


@pytest.mark.parametrize(("kind", "i", "backend"), values_of(EVERY))
def test_values_gradients_and_layouts(kind, i, backend):
    build, arrays = CASES[kind][i]
    check_op(build, arrays, backend=backend, gradient=kind not in NO_GRADIENT and backend not in COSTLY, **TOLERANCE)


@pytest.mark.parametrize(("kind", "i", "backend"), batches_of(EVERY))
def test_over_a_batch(kind, i, backend):
    build, arrays = CASES[kind][i]
    check_vectorized(build, arrays, backend=backend, **TOLERANCE)


def arguments(name, shapes):
    """Arguments of an elementwise op from its domain, of the dtypes that it is for."""
    op = ELEMENTWISE[name]
    arrays = arguments_for(op, "float64", shapes, np.random.default_rng(6))
    if name.startswith(("bitwise", "invert")) or name == "switch":
        arrays[: 1 if name == "switch" else None] = [a > 0 for a in arrays[: 1 if name == "switch" else None]]
    if name.endswith("_shift"):
        arrays = [a.astype("int64") for a in arrays]
    if name == "polygamma":
        arrays[0] = arrays[0].astype("int64")
    return [np.abs(arrays[0]), *arrays[1:]] if name == "pow" else arrays


def rotated(a, i):
    """Elements of the same domain in other places."""
    return np.roll(a, i)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_over_a_batch(name):
    """A batch of an elementwise op is the op itself on arguments with axes inserted, which other tests compile."""
    op = ELEMENTWISE[name]
    for ranks in ([(2, 3), (3,)], [(), (2, 3)], [(0, 1), (1, 3)]):
        arrays = arguments(name, [ranks[i % 2] for i in range(op.arity)])
        check_vectorized(op, arrays, vary=rotated, backend="numpy")
        inputs = inputs_for(arrays, static=False)
        batched = vectorize_graph(op(*inputs), {inputs[0]: inputs_for([arrays[0][None]], static=False)[0]})
        assert batched.owner.op == op(*inputs).owner.op


@pytest.mark.parametrize("backend", [b for b in BACKENDS_UNDER_TEST if b != "numpy"])
@pytest.mark.parametrize("name", ["exp", "logaddexp", "switch", "betainc"])
def test_elementwise_over_a_batch_compiled(name, backend):
    arrays = arguments(name, [[(2, 3), (3,), ()][i] for i in range(ELEMENTWISE[name].arity)])
    check_vectorized(ELEMENTWISE[name], arrays, vary=rotated, backend=backend)


@pytest.mark.parametrize("build", [lambda x: x.nonzero()[0], lambda x: pt.unique(x)])
def test_results_of_a_length_of_their_own_are_refused(build):
    x = pt.vector("x")
    with pytest.raises(TypeError, match="no rule to vectorize"):
        vectorize_graph(build(x), {x: pt.matrix("xs")})
