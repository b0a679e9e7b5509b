"""C functions that extension modules export as capsules, which is how Cython shares them."""

import ctypes
from typing import Any


def signature(capsule: Any) -> str:
    """Return the C signature that a capsule declares for its function."""
    return _name(capsule).decode()


def pointer(capsule: Any) -> int:
    """Return the address of a capsule's function."""
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return get(capsule, _name(capsule))


def _name(capsule: Any) -> bytes:
    get = ctypes.pythonapi.PyCapsule_GetName
    get.restype, get.argtypes = ctypes.c_char_p, [ctypes.py_object]
    return get(capsule)
