"""Convolution, interpolation and Fourier transforms against SciPy and NumPy."""

# ruff: noqa: PLW0108 - builders spell out the arguments they are about

import numpy as np
import pytest
import scipy.interpolate
import scipy.signal

import pellucid.tensor as pt
from pellucid.tensor import fft, signal
from pellucid.testing import BACKENDS_UNDER_TEST, check_op

RNG = np.random.default_rng(6)
MODES = ("full", "valid", "same")
KNOTS = np.array([-1.0, 0.5, 2.0, 4.0])
HEIGHTS = np.array([3.0, -1.0, 0.0, 2.0])
QUERIES = np.array([-5.0, -1.0, 0.1, 0.5, 1.9, 2.5, 4.0, 9.0])
INSIDE = np.array([-0.9, 0.1, 1.2, 1.9, 2.5, 3.5])
pytestmark = pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("lengths", [(6, 3), (3, 6), (4, 4), (5, 1)])
def test_convolve1d(mode, lengths, backend):
    x, h = (RNG.normal(size=n) for n in lengths)
    check_op(
        lambda x, h: signal.convolve1d(x, h, mode),
        [x, h],
        lambda x, h: scipy.signal.convolve(x, h, mode),
        backend=backend,
        atol=1e-14,
    )


def test_convolve1d_of_many(backend):
    x, h = RNG.normal(size=(3, 5)), RNG.normal(size=(3, 2))
    check_op(
        lambda x, h: signal.convolve1d(x, h),
        [x, h],
        lambda x, h: np.array([np.convolve(a, b) for a, b in zip(x, h, strict=True)]),
        backend=backend,
        atol=1e-14,
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("boundary", ["fill", "wrap", "symm"])
def test_convolve2d(mode, boundary, backend):
    x, h = RNG.normal(size=(4, 5)), RNG.normal(size=(2, 3))
    check_op(
        lambda x, h: signal.convolve2d(x, h, mode, boundary),
        [x, h],
        lambda x, h: scipy.signal.convolve2d(x, h, mode, boundary),
        backend=backend,
        atol=1e-13,
    )


def test_bartlett(backend):
    for m in (0, 1, 2, 7):
        check_op(lambda m: pt.bartlett(m), [np.array(m)], np.bartlett, backend=backend, atol=1e-15)


@pytest.mark.parametrize("options", [{}, {"left": 7.0, "right": 8.0}, {"period": 2.7}], ids=str)
def test_interp(options, backend):
    check_op(
        lambda x, xp, fp: pt.interp(x, xp, fp, **options),
        [QUERIES, KNOTS, HEIGHTS],
        lambda x, xp, fp: np.interp(x, xp, fp, **options),
        backend=backend,
        gradient=False,
        atol=1e-14,
    )
    check_op(
        lambda x, xp, fp: pt.interp(x, xp, fp, **options),
        [INSIDE, KNOTS, HEIGHTS],
        lambda x, xp, fp: np.interp(x, xp, fp, **options),
        backend=backend,
        atol=1e-14,
    )


def test_interp_of_one_point_and_of_nan(backend):
    check_op(
        lambda x, xp, fp: pt.interp(x, xp, fp),
        [np.array([0.0, 1.0, 2.0, np.inf, -np.inf, np.nan]), np.array([1.0]), np.array([5.0])],
        lambda x, xp, fp: np.array([5.0, 5.0, 5.0, 5.0, 5.0, np.nan]),
        backend=backend,
        gradient=False,
    )


@pytest.mark.parametrize("method", signal.METHODS)
def test_interpolate1d(method, backend):
    order = np.array([2, 0, 3, 1])
    kinds = {"first": "previous", "last": "next", "linear": "linear", "nearest": "nearest"}

    def expected(x):
        if method == "mean":
            i = np.searchsorted(KNOTS, x)
            return (HEIGHTS[i - 1] + HEIGHTS[i]) / 2
        return scipy.interpolate.interp1d(KNOTS, HEIGHTS, kinds[method])(x)

    check_op(
        pt.interpolate1d(KNOTS[order], HEIGHTS[order], method), [INSIDE], expected, backend=backend, atol=1e-14
    )
    padded = pt.interpolate1d(KNOTS, HEIGHTS, method, left_pad=10.0, extrapolate=False)
    check_op(padded, [np.array([-3.0, 7.0])], lambda x: np.array([10.0, 2.0]), backend=backend)


@pytest.mark.parametrize("norm", [None, "ortho", "no_norm"])
@pytest.mark.parametrize("shape", [(2, 6), (1, 5), (2, 3, 4), (2, 4, 3), (3, 1)])
def test_rfft_and_back(shape, norm, backend):
    x = RNG.normal(size=shape)
    axes = tuple(range(1, len(shape)))

    def transformed(x):
        z = np.fft.rfftn(x, axes=axes, norm="ortho" if norm == "ortho" else None)
        return np.stack([z.real, z.imag], -1)

    check_op(lambda x: fft.rfft(x, norm), [x], transformed, backend=backend, atol=1e-13)
    back = {None: "backward", "ortho": "ortho", "no_norm": "forward"}[norm]
    half = RNG.normal(size=transformed(x).shape)
    check_op(
        lambda z: fft.irfft(z, norm, is_odd=shape[-1] % 2 == 1),
        [half],
        lambda z: np.fft.irfftn(z[..., 0] + 1j * z[..., 1], s=shape[1:], axes=axes, norm=back),
        backend=backend,
        atol=1e-13,
    )


def test_refusals(backend):
    with pytest.raises(ValueError, match="needs two"):
        fft.rfft(pt.vector())
    with pytest.raises(ValueError, match="norm="):
        fft.rfft(pt.matrix(), "half")
    with pytest.raises(ValueError, match="modes"):
        signal.convolve1d([1.0], [1.0], "most")
    with pytest.raises(ValueError, match="methods"):
        pt.interpolate1d(KNOTS, HEIGHTS, "cubic")
