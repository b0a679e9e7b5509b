"""BLAS and LAPACK by address, and OpenBLAS held to one thread."""

import ctypes
import subprocess
import sys
import threading

import numpy as np
import pytest

from pellucid.compile.llvm import blas

ROUTINES = ["ddot", "dgemv", "dgemm", "dtrsm", "dsyrk", "dpotrf", "dpotrs", "dtrtrs", "dgesv", "dsyevd"]


@pytest.mark.parametrize("name", ROUTINES)
def test_routines_have_addresses(name):
    assert blas.address(name) > 4096
    assert blas.signature(name).startswith(("void (", "__pyx_t_"))


def test_unknown_routine_is_named():
    with pytest.raises(LookupError, match="'DGEMM'"):
        blas.address("DGEMM")


def pointer(value):
    return ctypes.byref(value)


def test_dgemm_multiplies():
    rng = np.random.default_rng(1)
    a, b = (np.asfortranarray(rng.normal(size=shape)) for shape in ((3, 4), (4, 5)))
    c = np.zeros((3, 5), order="F")
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 13)(blas.address("dgemm"))
    m, n, k = (ctypes.c_int(size) for size in (3, 5, 4))
    one, zero, plain = ctypes.c_double(1.0), ctypes.c_double(0.0), ctypes.c_char(b"N")
    arguments = [plain, plain, m, n, k, one, a, m, b, k, zero, c, m]
    call(*(x.ctypes.data if isinstance(x, np.ndarray) else ctypes.addressof(x) for x in arguments))
    np.testing.assert_allclose(c, a @ b, rtol=1e-14)


def test_dpotrf_factorises_and_reports():
    factorise = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 5)(blas.address("dpotrf"))
    size, info, lower = ctypes.c_int(2), ctypes.c_int(-9), ctypes.c_char(b"L")
    for matrix, expected in (([[4.0, 2.0], [2.0, 5.0]], 0), ([[1.0, 2.0], [2.0, 1.0]], 2)):
        a = np.array(matrix, order="F")
        factorise(
            *(ctypes.addressof(x) for x in (lower, size)), a.ctypes.data, ctypes.addressof(size), ctypes.addressof(info)
        )
        assert info.value == expected
        if not expected:
            np.testing.assert_allclose(np.tril(a), np.linalg.cholesky(np.array(matrix)))


SCIPY_AFTERWARDS = """
import sys
from pellucid.compile.llvm import blas, capsules
first = blas.address("dgemm")
blas.address("dpotrf")
print("scipy.linalg" in sys.modules)
import numpy as np, scipy.linalg, scipy.special, scipy.linalg.cython_lapack
print(scipy.linalg.cholesky(4 * np.eye(2))[0, 0], scipy.linalg.cython_blas.__name__, scipy.special.gammaln(3.0))
print(capsules.pointer(scipy.linalg.cython_blas.__pyx_capi__["dgemm"]) == first)
"""


def test_scipy_works_afterwards_and_agrees():
    command = [sys.executable, "-c", SCIPY_AFTERWARDS]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert out[0] == "False"
    assert out[1].startswith("2.0 scipy.linalg.cython_blas 0.693147")
    assert out[2] == "True"


@pytest.fixture
def several_threads():
    """Counts of two for every library, whatever the machine has; put back afterwards."""
    blas.address("dgemm")
    before = blas.thread_counts()
    if not before:
        pytest.skip("no OpenBLAS in this process")
    for _, set_threads in blas._controls().values():
        set_threads(2)
    counts = blas.thread_counts()
    yield counts
    for path, (_, set_threads) in blas._controls().items():
        set_threads(before[path])


def test_holds_to_one_thread_and_restores(several_threads):
    with blas.single_thread():
        assert set(blas.thread_counts().values()) == {1}
        with blas.single_thread():
            assert set(blas.thread_counts().values()) == {1}
        assert set(blas.thread_counts().values()) == {1}
    assert blas.thread_counts() == several_threads


def test_restores_after_an_error(several_threads):
    with pytest.raises(ZeroDivisionError), blas.single_thread():
        raise ZeroDivisionError
    assert blas.thread_counts() == several_threads


def test_overlapping_holders_in_threads_share_the_setting(several_threads):
    first_in, second_in = threading.Event(), threading.Event()
    seen = []

    def first():
        with blas.single_thread():
            first_in.set()
            second_in.wait()
        seen.append(set(blas.thread_counts().values()))

    thread = threading.Thread(target=first)
    thread.start()
    first_in.wait()
    with blas.single_thread():
        second_in.set()
        thread.join()
        seen.append(set(blas.thread_counts().values()))
    assert seen == [{1}, {1}]
    assert blas.thread_counts() == several_threads
