"""Padding, splitting, packing, positions, statistics: against NumPy, for known and unknown lengths."""

# ruff: noqa: PLW0108 - builders spell out the arguments they are about

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt
from pellucid.testing import BACKENDS_UNDER_TEST, check_op

RNG = np.random.default_rng(5)
X = RNG.normal(size=(3, 4))
CUBE = RNG.normal(size=(2, 3, 4))
V = RNG.normal(size=5)
ODD = np.array([[2.0, np.nan, -0.0], [np.inf, -np.inf, 1.0]])
TIES = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999999999999994, np.inf, np.nan, 3.0])
COUNTS = np.array([3, 1, 3, 0])
WIDTHS = ((2, 1), (0, 3))
SQUARE = RNG.normal(size=(3, 3))

SHAPES = {
    "flip": (pt.flip, [X], np.flip),
    "flip one": (lambda x: pt.flip(x, 1), [X], lambda x: np.flip(x, 1)),
    "split": (lambda x: pt.split(x, [1, 0, 3], axis=1), [X], lambda x: np.split(x, [1, 1], axis=1)),
    "split by vector": (
        lambda x, n: pt.split(x, n, n_splits=2),
        [V, np.array([2, 3])],
        lambda x, n: [x[: n[0]], x[n[0] :]],
    ),
    "horizontal_stack": (lambda x, y: pt.horizontal_stack(x, y), [X, SQUARE], lambda x, y: np.hstack([x, y])),
    "vertical_stack": (lambda x: pt.vertical_stack(x, x), [X], lambda x: np.vstack([x, x])),
    "stacklists": (lambda x: pt.stacklists([[x, x], [x + 1, x]]), [V], lambda x: np.array([[x, x], [x + 1, x]])),
    "concat_with_broadcast": (
        lambda x, y: pt.concat_with_broadcast([x, y], axis=1),
        [X[:1], X],
        lambda x, y: np.concatenate([np.broadcast_to(x, (3, 4)), y], 1),
    ),
    "shape_padaxis": (lambda x: pt.shape_padaxis(x, 1), [X], lambda x: x[:, None]),
    "atleast_Nd": (lambda x: pt.atleast_Nd(x, n=3), [X], lambda x: x[None]),
    "atleast_Nd right": (lambda x: pt.atleast_Nd(x, n=3, left=False), [X], lambda x: x[:, :, None]),
    "join_dims": (lambda x: pt.join_dims(x, 1), [CUBE], lambda x: x.reshape(2, 12)),
    "join_dims some": (lambda x: pt.join_dims(x, 0, 2), [CUBE], lambda x: x.reshape(6, 4)),
    "join_dims none": (lambda x: pt.join_dims(x, 1, 0), [X], lambda x: x[:, None]),
    "split_dims": (lambda x: pt.split_dims(x, (2, 2), axis=-1), [CUBE], lambda x: x.reshape(2, 3, 2, 2)),
    "pack": (lambda x, y: pt.pack(x, y)[0], [X, V], lambda x, y: np.concatenate([x.ravel(), y])),
    "pack and unpack": (lambda x, y: pt.unpack(*pt.pack(x, y)), [X, V], lambda x, y: [x, y]),
    "pack with axes": (
        lambda x, y: pt.pack(x, y, keep_axes=(0, -1))[0],
        [CUBE, CUBE[:, 0]],
        lambda x, y: np.concatenate([x, y[:, None]], 1),
    ),
    "unpack with axes": (
        lambda x, y: pt.unpack(*pt.pack(x, y, keep_axes=-1), keep_axes=-1),
        [CUBE, CUBE[:, 0]],
        lambda x, y: [x, y],
    ),
    "identity_like": (pt.identity_like, [X], lambda x: np.eye(3, 4)),
    "meshgrid": (lambda x, y: pt.meshgrid(x, y), [V, X[0]], np.meshgrid),
    "meshgrid ij": (
        lambda x, y: pt.meshgrid(x, y, indexing="ij"),
        [V, X[0]],
        lambda x, y: np.meshgrid(x, y, indexing="ij"),
    ),
}
POSITIONS = {
    "slice_at_axis": (lambda x: x[pt.slice_at_axis(slice(1, 3), -2)], [CUBE], lambda x: x[:, 1:3]),
    "fill_diagonal": (lambda x, v: pt.fill_diagonal(x, v), [X, np.array(7.0)], lambda x, v: filled(x, v)),
    "fill_diagonal cube": (
        lambda x, v: pt.fill_diagonal(x, v),
        [RNG.normal(size=(2, 2, 2)), np.array(7.0)],
        lambda x, v: filled(x, v),
    ),
    "fill_diagonal_offset": (
        lambda x, v: pt.fill_diagonal_offset(x, v, 1),
        [X, np.array(7.0)],
        lambda x, v: np.where(np.eye(*x.shape, 1), v, x),
    ),
    "put": (lambda x, v: pt.put(x, [0, 7], v), [X, V[:2]], lambda x, v: put(x, v)),
    "tril_indices_from": (pt.tril_indices_from, [X], np.tril_indices_from),
    "triu_indices_from": (lambda x: pt.triu_indices_from(x, 1), [X], lambda x: np.triu_indices_from(x, 1)),
    "flatnonzero": (pt.flatnonzero, [X > 0], np.flatnonzero),
    "nonzero_values": (pt.nonzero_values, [np.where(X > 0, X, 0.0)], lambda x: x[x != 0]),
    "compress": (lambda c, x: pt.compress(c, x, 0), [COUNTS[:3] > 1, X], lambda c, x: np.compress(c, x, 0)),
    "ravel_multi_index": (
        lambda i, j: pt.ravel_multi_index((i, j), (4, 5)),
        [COUNTS, COUNTS],
        lambda i, j: np.ravel_multi_index((i, j), (4, 5)),
    ),
    "ravel_multi_index F": (
        lambda i, j: pt.ravel_multi_index((i, j), (4, 5), mode="wrap", order="F"),
        [COUNTS + 3, COUNTS],
        lambda i, j: np.ravel_multi_index((i, j), (4, 5), mode="wrap", order="F"),
    ),
    "ravel_multi_index clip": (
        lambda i, j: pt.ravel_multi_index((i, j), (2, 2), mode="clip"),
        [COUNTS, COUNTS],
        lambda i, j: np.ravel_multi_index((i, j), (2, 2), mode="clip"),
    ),
    "unravel_index": (
        lambda i: pt.unravel_index(i, (2, 3)),
        [COUNTS],
        lambda i: np.unravel_index(i, (2, 3)),
    ),
    "unravel_index F": (
        lambda i: pt.unravel_index(i, (2, 3), order="F"),
        [COUNTS],
        lambda i: np.unravel_index(i, (2, 3), order="F"),
    ),
    "inverse_permutation": (pt.inverse_permutation, [np.array([2, 0, 1])], np.argsort),
    "permute_row_elements": (lambda x: pt.permute_row_elements(x, [2, 0, 3, 1]), [X], lambda x: x[:, [2, 0, 3, 1]]),
    "permute back": (
        lambda x, p: pt.permute_row_elements(pt.permute_row_elements(x, p), p, inverse=True),
        [X, np.argsort(X, 1)],
        lambda x, p: x,
    ),
    "choose": (
        lambda c, x, y: pt.choose(c, [x, y, 1.5]),
        [np.array([0, 2, 1, 1, 0]), V, V + 1],
        lambda c, x, y: np.choose(c, [x, y, 1.5]),
    ),
    "choose wrap": (
        lambda c, x: c.choose([x, -x], mode="wrap"),
        [np.array([0, 3, -1, 1, 0]), V],
        lambda c, x: np.choose(c, [x, -x], mode="wrap"),
    ),
    "geomspace": (
        lambda a, b: pt.geomspace(a, b, 5),
        [np.array(2.0), np.array(32.0)],
        lambda a, b: np.geomspace(a, b, 5),
    ),
    "logspace": (
        lambda a: pt.logspace(a, 2, 5, endpoint=False),
        [np.array(0.5)],
        lambda a: np.logspace(a, 2, 5, endpoint=False),
    ),
}
STATISTICS = {
    "ptp": (lambda x: x.ptp(1), [X], lambda x: np.ptp(x, 1)),
    "max_and_argmax": (lambda x: pt.max_and_argmax(x, 1), [X], lambda x: (x.max(1), x.argmax(1))),
    "max_and_argmax axes": (
        lambda x: pt.max_and_argmax(x, (0, 2), keepdims=True),
        [CUBE],
        lambda x: (x.max((0, 2), keepdims=True), np.moveaxis(x, 1, 0).reshape(3, -1).argmax(1)[None, :, None]),
    ),
    "median": (pt.median, [X], np.median),
    "median axis": (lambda x: pt.median(x, 0), [X], lambda x: np.median(x, 0)),
    "median axes": (lambda x: pt.median(x, (0, 2)), [CUBE], lambda x: np.median(x, (0, 2))),
    "median nan": (lambda x: pt.median(x, 1), [ODD], lambda x: np.median(x, 1)),
    "median int": (lambda x: pt.median(x), [COUNTS], np.median),
    "quantile": (lambda x: pt.quantile(x, [0.1, 0.5, 1.0], 1), [X], lambda x: np.quantile(x, [0.1, 0.5, 1.0], 1)),
    "quantile all": (lambda x: pt.quantile(x, 0.3), [X], lambda x: np.quantile(x, 0.3)),
    "cov": (pt.cov, [X], np.cov),
    "cov columns": (lambda x: pt.cov(x, rowvar=False, ddof=0), [X], lambda x: np.cov(x, rowvar=False, ddof=0)),
    "cov of two": (lambda x, y: pt.cov(x, y, bias=True), [V, V**2], lambda x, y: np.cov(x, y, bias=True)),
    "cov weighted": (
        lambda x, a: pt.cov(x, fweights=[1, 2, 1, 3], aweights=a),
        [X, np.array([0.5, 1.0, 2.0, 0.2])],
        lambda x, a: np.cov(x, fweights=[1, 2, 1, 3], aweights=a),
    ),
    "bincount": (pt.bincount, [COUNTS], np.bincount),
    "bincount nothing": (lambda x: pt.bincount(x, minlength=2), [COUNTS[:0]], lambda x: np.bincount(x, minlength=2)),
    "bincount weights": (
        lambda x, w: pt.bincount(x, w, minlength=6),
        [COUNTS, X[0]],
        lambda x, w: np.bincount(x, w, minlength=6),
    ),
    "isposinf": (pt.isposinf, [ODD], np.isposinf),
    "isneginf": (pt.isneginf, [ODD], np.isneginf),
    "isposinf int": (pt.isposinf, [COUNTS], np.isposinf),
    "allclose": (lambda x, y: pt.allclose(x, y), [X, X + 1e-9], lambda x, y: np.allclose(x, y)),
    "ceil_intdiv": (lambda a: pt.ceil_intdiv(a, 2), [COUNTS - 2], lambda a: -((2 - COUNTS) // 2)),
    "divmod": (lambda x, y: pt.divmod(x, y), [X, V[:4] + 3], np.divmod),
    "smallest": (lambda x, y: pt.smallest(x, y, 0.1), [V, -V], lambda x, y: np.minimum(np.minimum(x, y), 0.1)),
    "largest": (lambda x, y: pt.largest(x, y, 0.1), [V, -V], lambda x, y: np.maximum(np.maximum(x, y), 0.1)),
}


def filled(x, v):
    x = x.copy()
    np.fill_diagonal(x, v)
    return x


def put(x, v):
    x = x.copy()
    np.put(x, [0, 7], v)
    return x


SIGNATURES = {  # the forms of arguments that NumPy's and PyTensor's callers use
    "repeat by vector": (
        lambda x, n: pt.repeat(x, n, 1),
        [X, np.array([2, 0, 1, 0])],
        lambda x, n: np.repeat(x, n, 1),
    ),
    "tile by scalar": (lambda x, n: pt.tile(x, (n, 1)), [X, np.array(3)], lambda x, n: np.tile(x, (n, 1))),
    "roll axes": (lambda x: pt.roll(x, (1, -2), (0, 1)), [X], lambda x: np.roll(x, (1, -2), (0, 1))),
    "roll by scalar": (lambda x, n: pt.roll(x, n, 0), [X, np.array(4)], lambda x, n: np.roll(x, n, 0)),
    "take clip": (lambda x: pt.take(x, [-2, 9], 1, mode="clip"), [X], lambda x: x.take([-2, 9], 1, mode="clip")),
    "take wrap": (lambda x: pt.take(x, [-2, 9], 1, mode="wrap"), [X], lambda x: x.take([-2, 9], 1, mode="wrap")),
    "argmax axes": (lambda x: pt.argmax(x, (1, 2)), [CUBE], lambda x: x.reshape(2, -1).argmax(1)),
    "argmin axes": (
        lambda x: pt.argmin(x, (0, 1), keepdims=True),
        [CUBE],
        lambda x: x.reshape(-1, 4).argmin(0)[None, None],
    ),
    "sum in float64": (
        lambda x: pt.sum(x, 0, "float32", acc_dtype="float64"),
        [X.astype("float32")],
        lambda x: x.sum(0, "float64").astype("float32"),
    ),
    "prod": (lambda x: pt.prod(x, 0, no_zeros_in_input=True), [X], lambda x: x.prod(0)),
    "var": (lambda x: pt.var(x, 0, 1, True, corrected=True), [X], lambda x: x.var(0, ddof=1, keepdims=True)),
    "sort": (lambda x: pt.sort(x, 0, kind="mergesort"), [X], lambda x: np.sort(x, 0)),
    "where": (lambda x: pt.where(x > 0, x, -x), [X], np.abs),
    "round": (lambda x: x.round("half_away_from_zero"), [np.array([0.5, -1.5])], lambda x: np.array([1.0, -2.0])),
    "round digits": (lambda x: x.round(1), [X], lambda x: np.round(x, 1)),
    "atleast_2d": (pt.atleast_2d, [V, X], lambda x, y: [x[None], y]),
}
CASES = SHAPES | POSITIONS | STATISTICS | SIGNATURES
# where a step changes the shape, the rank, a quotient or a rounding
NO_DIFFERENCES = {"nonzero_values", "median nan", "divmod", "round"}
SHAPED_BY_DATA = {
    "repeat by vector", "tile by scalar", "nonzero_values", "flatnonzero", "compress", "tril_indices_from",
    "triu_indices_from",
}  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("name", CASES)
def test_against_numpy(name, backend):
    if backend == "jax" and name in SHAPED_BY_DATA:
        pytest.skip("JAX compiles no shapes that depend on data")
    build, arrays, expected = CASES[name]
    check_op(build, arrays, expected, backend=backend, gradient=name not in NO_DIFFERENCES)


PADS = [
    ("constant", {}),
    ("constant", {"constant_values": ((1.0, 2.0), (3.0, 4.0))}),
    ("edge", {}),
    ("linear_ramp", {}),
    ("linear_ramp", {"end_values": (5.0, -5.0)}),
    ("maximum", {}),
    ("maximum", {"stat_length": 2}),
    ("mean", {}),
    ("mean", {"stat_length": ((1, 2), (3, 1))}),
    ("minimum", {}),
    ("reflect", {}),
    ("symmetric", {}),
    ("wrap", {}),
]


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("mode, options", PADS, ids=str)
def test_pad(mode, options, backend):
    for width in (WIDTHS, 7, ((1, 2),)):
        check_op(
            lambda x, w=width: pt.pad(x, w, mode, **options),
            [X],
            lambda x, w=width: np.pad(x, w, mode, **options),
            backend=backend,
        )


@pytest.mark.parametrize("mode", ["constant", "edge", "mean", "reflect", "symmetric", "wrap", "linear_ramp", "maximum"])
def test_pad_of_integers_keeps_their_dtype(mode):
    check_op(lambda x: pt.pad(x, 2, mode), [COUNTS], lambda x: np.pad(x, 2, mode), backend="numpy")


def test_pad_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match="pad knows the modes"):
        pt.pad(X, 1, "sideways")
    with pytest.raises(TypeError, match="does not take end_values"):
        pt.pad(X, 1, end_values=3)
    with pytest.raises(ValueError, match="pad_width"):
        pt.pad(X, (1, 2, 3))
    with pytest.raises(NotImplementedError, match="even"):
        pt.pad(X, 1, "reflect", reflect_type="odd")


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
def test_rounding_and_replacing(backend):
    finite = TIES[np.isfinite(TIES)]
    away = np.array([-3, -2, -1, 1, 2, 3, 0, np.inf, np.nan, 3.0])
    check_op(pt.round_half_away_from_zero, [TIES], lambda x: away, backend=backend, gradient=False)
    check_op(pt.iround, [finite], lambda x: np.round(x).astype("int64"), backend=backend)
    check_op(
        lambda x: pt.iround(x, "half_away_from_zero"), [finite], lambda x: away[np.isfinite(TIES)].astype("int64"),
        backend=backend,
    )  # fmt: skip
    check_op(pt.nan_to_num, [ODD], np.nan_to_num, backend=backend, gradient=False)
    check_op(
        lambda x: pt.nan_to_num(x, 1.0, posinf=2.0, neginf=3.0), [ODD], lambda x: np.nan_to_num(x, True, 1.0, 2.0, 3.0),
        backend=backend, gradient=False,
    )  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
def test_complex_numbers(backend):
    x, y = V, V[::-1].copy()
    check_op(lambda x, y: pt.complex(x, y), [x, y], lambda x, y: x + 1j * y, backend=backend)
    check_op(lambda x, y: abs(pt.complex(x, y)), [x, y], np.hypot, backend=backend)
    check_op(lambda x, y: pt.real(pt.conj(pt.complex(x, y)) * 2.0), [x, y], lambda x, y: 2 * x, backend=backend)
    check_op(lambda x, y: pt.imag(pt.conj(pt.complex(x, y))), [x, y], lambda x, y: -y, backend=backend)
    check_op(lambda x, y: pt.angle(pt.complex(x, y)), [x, y], lambda x, y: np.arctan2(y, x), backend=backend)
    check_op(lambda r, a: pt.real(pt.complex_from_polar(r, a)), [x, y], lambda r, a: r * np.cos(a), backend=backend)
    np.testing.assert_array_equal(pt.complex(1.0, np.inf).eval(), complex(1, np.inf))


def test_methods():
    x = pt.as_tensor(COUNTS)
    np.testing.assert_array_equal(x.compress([True, False, True, True]).eval(), [3, 3, 0])
    np.testing.assert_array_equal(pt.as_tensor([1.0, 2.0]).searchsorted([1.5, 0.0]).eval(), [1, 0])
    np.testing.assert_array_equal(x.fill(2).eval(), [2, 2, 2, 2])
    assert x.clone().eval().tolist() == COUNTS.tolist()
    y = x + pt.lvector("v")
    assert y.get_parents() == [y.owner]
    assert y.clone("z").owner is None
    assert str(y.clone("z")) == "z"


def test_grids():
    for mine, numpys in ((pt.mgrid, np.mgrid), (pt.ogrid, np.ogrid)):
        for got, want in zip(mine[0:3, 1:2:4j], numpys[0:3, 1:2:4j], strict=True):
            np.testing.assert_allclose(got.eval(), want)
        np.testing.assert_array_equal(mine[1:7:2].eval(), numpys[1:7:2])


def test_triangles_of_symbolic_size():
    n = pt.iscalar("n")
    for mine, numpys in ((pt.tril_indices, np.tril_indices), (pt.triu_indices, np.triu_indices)):
        for k in (-1, 0, 2):
            for got, want in zip(mine(n, k), numpys(4, k), strict=True):
                np.testing.assert_array_equal(got.eval({n: 4}), want)


def test_refusals_say_what_to_do():
    x = pt.matrix("x", shape=(3, 4))
    with pytest.raises(ValueError, match="add up"):
        pt.split(x, [1, 1])
    with pytest.raises(ValueError, match="n_splits"):
        pt.split(x, pt.lvector("sizes"))
    with pytest.raises(IndexError, match="join_dims"):
        pt.join_dims(x, 1, 3)
    with pytest.raises(ValueError, match="keep_axes"):
        pt.pack(x, keep_axes=(1,))
    with pytest.raises(ValueError, match="takes matrices"):
        pt.horizontal_stack(x[0])
    with pytest.raises(TypeError, match="integers"):
        pt.bincount(x[0])
    with pytest.raises(IndexError):
        pt.bincount(np.array([1, -1])).eval()
    with pytest.raises(IndexError):
        pt.choose(np.array([0, -1]), [1.0, 2.0]).eval()
    with pytest.raises(ValueError, match="not known before run time"):
        pt.get_vector_length(pt.vector())
    assert pt.get_vector_length(x[0]) == 4


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
def test_what_lies_outside_is_refused_when_it_is_known(backend):
    i, q, n = pt.lvector("i"), pt.dscalar("q"), pt.lscalar("n")
    refused = {
        "outside of the shape": [
            (i, pt.unravel_index(i, (3, 4))[0], [11], [12]),
            (i, pt.unravel_index(i, 3)[0], [0], [-1]),
        ],
        "lies outside": [
            (i, pt.ravel_multi_index((i, i), (3, 4)), [2], [3]),
            (i, pt.ravel_multi_index([i], [3]), [0], [-1]),
        ],
        "order 0 to 1": [
            (q, pt.quantile(np.arange(3.0), q), 1.0, 1.1),
            (q, pt.quantile(np.arange(3.0), q), 0.0, np.nan),
        ],
        "add up": [
            (n, pt.split(pt.as_tensor(np.arange(3.0)), [n, 1])[0], 2, 5),
            (n, pt.split(pt.as_tensor(np.arange(3.0)), [n, 4])[0], None, -1),
        ],
    }
    for message, cases in refused.items():
        for variable, graph, good, bad in cases:
            f = pm.function([variable], graph, backend=backend)
            if good is not None:
                f(np.asarray(good, variable.dtype))
            with pytest.raises(ValueError, match=message):
                f(np.asarray(bad, variable.dtype))
    with pytest.raises(ValueError, match="negative"):
        pt.split(np.arange(3.0), [-1, 4])
