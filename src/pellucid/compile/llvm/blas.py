"""Addresses of BLAS and LAPACK routines, and control over the threads of OpenBLAS.

The routines are the ones SciPy was built with, exported by its Cython modules as capsules. These two extension files
are loaded by path: importing `scipy.linalg` for them would cost a third of a second.
"""

import contextlib
import ctypes
import functools
import itertools
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pellucid.compile.llvm import capsules
from pellucid.graph.extensions import load_extension

_lock = threading.RLock()


def address(name: str) -> int:
    """Return the address of a BLAS or LAPACK routine, such as ``dgemm`` or ``dpotrf``.

    The routine has Fortran's conventions: every argument is a pointer, matrices are stored by columns, integers are
    32 bits. No trailing underscore in the name.

    Raises
    ------
    LookupError
        If SciPy exports no routine of that name.

    Examples
    --------
    >>> address("ddot") != 0
    True
    """
    capsule = _capsules().get(name)
    if capsule is None:
        raise LookupError(f"SciPy's BLAS and LAPACK have no routine {name!r}; names are lower case, as in 'dgemm'")
    return capsules.pointer(capsule)


def signature(name: str) -> str:
    """Return the C signature that SciPy declares for a routine."""
    address(name)
    return capsules.signature(_capsules()[name])


@functools.cache
def _capsules() -> dict[str, Any]:
    with _lock:
        blas = load_extension("scipy.linalg.cython_blas").__pyx_capi__
        lapack = load_extension("scipy.linalg.cython_lapack").__pyx_capi__
    return {**lapack, **blas}


@contextlib.contextmanager
def single_thread() -> Iterator[None]:
    """Hold every loaded OpenBLAS to one thread, and restore what was set when the last holder leaves.

    Chains that run in threads of their own gain nothing from a threaded BLAS and lose much by it. OpenBLAS keeps one
    setting per process, so overlapping holders, nested or in several threads, share it: the first saves, the last
    restores.
    """
    _hold.begin()
    try:
        yield
    finally:
        _hold.end()


def thread_counts() -> dict[str, int]:
    """Return the number of threads of every loaded OpenBLAS by the path of its library."""
    return {path: get() for path, (get, _) in _controls().items()}


class _Hold:
    """How many holders there are, and the thread counts to restore after the last."""

    def __init__(self) -> None:
        self.holders = 0
        self.before: dict[str, int] = {}

    def begin(self) -> None:
        with _lock:
            self.holders += 1
            for path, (get, set_threads) in _controls().items():
                if path not in self.before:  # also true of a library that was loaded since the first holder came
                    self.before[path] = get()
                    set_threads(1)

    def end(self) -> None:
        with _lock:
            self.holders -= 1
            if self.holders == 0:
                while self.before:
                    path, count = self.before.popitem()
                    if (control := _control(path)) is not None:
                        control[1](count)


_hold = _Hold()


def _controls() -> dict[str, tuple[Any, Any]]:
    """Return the functions that read and set the number of threads, for each loaded OpenBLAS."""
    paths = sorted({path for path in _loaded_libraries() if "openblas" in Path(path).name.lower()})
    return {path: control for path in paths if (control := _control(path)) is not None}


@functools.cache
def _control(path: str) -> tuple[Any, Any] | None:
    library = ctypes.CDLL(path)
    # Wheels rename the symbols so that several copies of OpenBLAS can live in one process.
    for prefix, suffix in itertools.product(("scipy_", ""), ("64_", "", "_64", "_64_", "_")):
        get = getattr(library, f"{prefix}openblas_get_num_threads{suffix}", None)
        set_threads = getattr(library, f"{prefix}openblas_set_num_threads{suffix}", None)
        if get is not None and set_threads is not None:
            get.restype, get.argtypes = ctypes.c_int, []
            set_threads.restype, set_threads.argtypes = None, [ctypes.c_int]
            return get, set_threads
    return None


def _loaded_libraries() -> Iterable[str]:
    """Return the paths of the shared libraries in this process, or of those among them that may be a BLAS."""
    if sys.platform == "win32":
        return _windows_modules()
    if sys.platform == "darwin":
        return _darwin_images()
    return _mapped_files()


def _mapped_files() -> set[str]:
    try:
        lines = Path("/proc/self/maps").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return set()
    fields = (line.split(maxsplit=5) for line in lines if "blas" in line)  # of thousands: each run waits for this
    return {parts[5] for parts in fields if len(parts) == 6}


def _darwin_images() -> list[str]:
    dyld = ctypes.CDLL(None)
    dyld._dyld_get_image_name.restype = ctypes.c_char_p
    names = (dyld._dyld_get_image_name(index) for index in range(dyld._dyld_image_count()))
    return [name.decode(errors="surrogateescape") for name in names if name]


def _windows_modules() -> list[str]:
    kernel = ctypes.WinDLL("kernel32")  # pyright: ignore[reportAttributeAccessIssue]
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    modules, needed = (ctypes.c_void_p * 4096)(), ctypes.c_ulong()
    arguments = ctypes.c_void_p(kernel.GetCurrentProcess()), modules, ctypes.sizeof(modules), ctypes.byref(needed)
    if not kernel.K32EnumProcessModules(*arguments):
        return []
    name = ctypes.create_unicode_buffer(1024)
    handles = map(ctypes.c_void_p, modules[: needed.value // ctypes.sizeof(ctypes.c_void_p)])
    return [name.value for handle in handles if kernel.GetModuleFileNameW(handle, name, len(name))]
