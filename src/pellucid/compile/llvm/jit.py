"""Compiles a module of text IR into the process, through a cache on disk."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pellucid.compile.llvm import cache, engine, math, slopes, special
from pellucid.compile.llvm.engine import CompilationError, Host, Library, Unit, host

# `math` is also the name of an option of `compile_ir`.
_vector_math = math

__all__ = ["CompilationError", "Host", "Library", "compile_ir", "host"]


def compile_ir(
    ir: str | Callable[[], str],
    exports: Sequence[str],
    imports: Mapping[str, int] | None = None,
    *,
    level: int = 2,
    math: bool = True,
    cache_key: str | None = None,
) -> Library:
    """Compile text IR, or take its object from the disk cache, and link it into the process.

    Parameters
    ----------
    ir
        LLVM assembly without target triple and data layout, which are prepended. A function that writes it is called
        only if the cache does not know `cache_key`.
    exports
        The symbols whose addresses are wanted.
    imports
        Addresses of the external symbols that the module calls. They are bound at link time and so are no part of
        the cached object; symbols of the process (``memcpy``, ``memset``, ...) need not be listed.
    level
        LLVM's optimisation level, 0 to 3. Level 2 vectorises loops; level 0 is for code that runs once.
    math
        Whether to bind the ``pm_...`` functions (see `pellucid.compile.llvm.math`) that the module calls.
    cache_key
        What identifies the module instead of its text, for callers that know it without writing the text. Triple,
        processor, LLVM, level and package version are part of the key in any case.

    Returns
    -------
    Library
        Keeps the code alive; see `Library.address` and `Library.report`.

    Raises
    ------
    CompilationError
        If the IR is malformed or calls a symbol that nobody defines; the message names it.

    Examples
    --------
    >>> import ctypes
    >>> library = compile_ir("define i64 @next(i64 %n) { %m = add i64 %n, 1 ret i64 %m }", ["next"])
    >>> library.function("next", ctypes.c_int64, ctypes.c_int64)(41)
    42
    """
    if level not in (0, 1, 2, 3):
        raise ValueError(f"level is LLVM's optimisation level, 0 to 3, got {level!r}")
    report: dict[str, Any] = dict.fromkeys(("parse", "verify", "optimise", "codegen", "link"), 0.0)
    if cache_key is None and not isinstance(ir, str):
        ir = ir()
    unit = _unit(ir, level, f"text:{ir}" if cache_key is None else f"key:{cache_key}", report)
    known = dict(imports or {})
    known |= special.resolve(name for name in unit.undefined if name not in known)
    kernels, owners = slopes.resolve(name for name in unit.undefined if name not in known)
    known |= kernels
    if math:
        mathematics, libraries = _vector_math.resolve(name for name in unit.undefined if name not in known)
        known, owners = known | mathematics, (*owners, *libraries)
    return engine.link(unit, exports, known, report, owners)


def _unit(ir: str | Callable[[], str], level: int, identity: str, report: dict[str, Any]) -> Unit:
    """Return the compiled object from the disk or, failing that, from LLVM."""
    key = engine.key_of(identity, level)
    content = cache.load(key)
    report["cached"] = content is not None
    if content is not None:
        return Unit.unpack(content)
    unit = engine.assemble(ir if isinstance(ir, str) else ir(), level, report)
    cache.store(key, unit.pack())
    return unit
