"""Addresses of SciPy's special functions of doubles, which native code calls where it has no formula of its own.

They are the C functions behind `scipy.special`, exported by `scipy.special.cython_special`: they give what the
interpreter gives, to the last bit, and need no lock of Python's. SciPy is imported when code that calls one is linked.
"""

import functools
import importlib
import re
from collections.abc import Iterable
from typing import Any

from pellucid.compile.llvm import capsules

PREFIX = "scipy."
"""What marks a function of SciPy where an op's table names its native code: "scipy.iv"."""

_SYMBOL = "scipy_"
_OF_DOUBLES = re.compile(r"double \((double, )+int __pyx_skip_dispatch\)")


def symbol(name: str) -> str:
    """Return the symbol by which native code calls a function.

    Examples
    --------
    >>> symbol("iv")
    'scipy_iv'
    """
    return _SYMBOL + name


def declaration(name: str, arity: int) -> str:
    """Return the IR that declares a function. Its last argument, of Cython's, must be 0."""
    arguments = ", ".join([*["double"] * arity, "i32"])
    return f"declare double @{symbol(name)}({arguments}) nounwind willreturn memory(none)"


def address(name: str) -> int:
    """Return the address of the version of a function whose arguments and result are doubles.

    Raises
    ------
    LookupError
        If SciPy exports no such function of doubles.

    Examples
    --------
    >>> address("iv") != 0
    True
    """
    # Cython exports the versions of a function of several types as "__pyx_fuse_0iv", "__pyx_fuse_1iv", ...
    versions = re.compile(rf"(__pyx_fuse_\d)?{re.escape(name)}")
    for exported, capsule in _capsules().items():
        if versions.fullmatch(exported) and _OF_DOUBLES.fullmatch(capsules.signature(capsule)):
            return capsules.pointer(capsule)
    raise LookupError(f"scipy.special.cython_special has no function {name!r} of doubles to a double")


def resolve(names: Iterable[str]) -> dict[str, int]:
    """Return the addresses of those symbols that are functions of SciPy."""
    return {name: address(name.removeprefix(_SYMBOL)) for name in names if name.startswith(_SYMBOL)}


@functools.cache
def _capsules() -> dict[str, Any]:
    return importlib.import_module("scipy.special.cython_special").__pyx_capi__
