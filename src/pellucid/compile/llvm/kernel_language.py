"""A restricted, typed Python for inner loops, which runs as it is and compiles, through LLVM IR, to machine code.

A kernel is an ordinary function with every parameter annotated::

    @kernel
    def dot(x: Array, y: Array, n: i64) -> f64:
        total = 0.0
        for i in range(n):
            total += x[i] * y[i]
        return total

Called, it is that Python function, on NumPy arrays or memoryviews; `compile_kernels(dot)["dot"]` is the compiled one.

What is allowed: arithmetic, comparisons (chained too), `and`, `or`, `not` with short circuit, `a if c else b`,
assignment to names and elements, `if`, `while`, `for ... in range(...)`, `break`, `continue`, `return`, `x[i]`,
`x[o:]` (a pointer offset; the upper bound of a slice is ignored), and calls of other kernels, of `math` functions, of
`float int abs min max`, of the integer functions below and of a `Density` parameter. Names from outside the
function, or attributes of modules, must be kernels or numbers. Anything else is a `KernelError` naming file and line.

Where the two worlds differ: machine integers wrap at 64 bits (use `wrapping_add` and friends where that is meant),
indices are not checked, `math` functions return inf or NaN where Python raises, division by zero does so too, and
floating-point sums may be reassociated, unless the kernel says `exact=True`.
"""

from __future__ import annotations

import ast
import builtins
import ctypes
import functools
import hashlib
import inspect
import itertools
import linecache
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple, NewType

import numpy as np
from numpy.typing import NDArray

f64 = float
i64 = int
Array = NDArray[np.float64]
IntArray = NDArray[np.int64]
Pointer = NewType("Pointer", int)
Density = Callable[[Array, Array, Array, Pointer], int]
"""`density(x, logp, gradient, context) -> status`, 0 when `logp[0]` and `gradient` were written. Compiled, the address
of an `i32 density(double *x, double *logp, double *gradient, void *context)`."""


class KernelError(SyntaxError):
    """A kernel's source uses something the kernel language does not have."""


class Kind(NamedTuple):
    """A type of the language: its name, its LLVM spelling, its C spelling, and what its elements are."""

    name: str
    llvm: str
    ctype: Any
    element: str | None = None


F64 = Kind("f64", "double", ctypes.c_double)
I64 = Kind("i64", "i64", ctypes.c_int64)
BOOL = Kind("bool", "i1", ctypes.c_bool)
VOID = Kind("None", "void", None)
ARRAY = Kind("Array", "ptr", ctypes.c_void_p, "f64")
INT_ARRAY = Kind("IntArray", "ptr", ctypes.c_void_p, "i64")
POINTER = Kind("Pointer", "ptr", ctypes.c_void_p)
DENSITY = Kind("Density", "ptr", ctypes.c_void_p)

KINDS = {
    f64: F64,
    i64: I64,
    bool: BOOL,
    None: VOID,
    type(None): VOID,
    Array: ARRAY,
    IntArray: INT_ARRAY,
    Pointer: POINTER,
    Density: DENSITY,
}
ELEMENTS = {"f64": F64, "i64": I64}
DTYPES = {"Array": np.dtype(np.float64), "IntArray": np.dtype(np.int64)}


# ---------------------------------------------------------------- 64-bit integers that wrap, as Python functions


def signed(word: int) -> int:
    """The 64 low bits of `word`, read as a two's complement integer.

    >>> signed(0xFFFF_FFFF_FFFF_FFFF)
    -1
    """
    return ((int(word) + (1 << 63)) & 0xFFFF_FFFF_FFFF_FFFF) - (1 << 63)


def wrapping_add(a: int, b: int) -> int:
    """`a + b`, keeping the low 64 bits."""
    return signed(int(a) + int(b))


def wrapping_multiply(a: int, b: int) -> int:
    """The low 64 bits of `a * b`."""
    return signed(int(a) * int(b))


def multiply_high(a: int, b: int) -> int:
    """The high 64 bits of the 128-bit product of `a` and `b`, both read as unsigned."""
    mask = 0xFFFF_FFFF_FFFF_FFFF
    return signed(((int(a) & mask) * (int(b) & mask)) >> 64)


def shift_right_logical(a: int, bits: int) -> int:
    """`a`, read as unsigned, shifted right by 0 to 63 bits."""
    return signed((int(a) & 0xFFFF_FFFF_FFFF_FFFF) >> int(bits))


def bits_of(x: float) -> int:
    """The bits of a double, read as an integer.

    >>> hex(bits_of(1.0))
    '0x3ff0000000000000'
    """
    return int(np.float64(x).view(np.int64))


def double_of(bits: int) -> float:
    """The double that has these bits.

    >>> double_of(bits_of(0.1))
    0.1
    """
    return float(np.int64(bits).view(np.float64))


# ---------------------------------------------------------------- kernels as values


class Kernel:
    """A function of the kernel language. Calling it runs it as plain Python.

    Parameters
    ----------
    function
        The annotated function.
    cold
        Its loops are neither vectorised nor unrolled: less code, compiled faster.
    once
        It runs seldom, and is not optimised at all, which LLVM does in a tenth of the time.
    inline
        Compiled into its callers instead of called.
    exact
        Floating-point operations are done as written, in the order written.
    overlap
        Its array arguments may overlap even where it writes to them.
    """

    def __init__(self, function: Callable, *, cold=False, once=False, inline=False, exact=False, overlap=False):
        functools.update_wrapper(self, function)
        self.function = function
        self.name: str = function.__name__
        self.cold, self.once, self.inline, self.exact, self.overlap = cold or once, once, inline, exact, overlap

    def __call__(self, *arguments):
        """The value of the function, run as plain Python."""
        return self.function(*arguments)

    def __repr__(self) -> str:
        return f"<kernel {self.name}>"

    @functools.cached_property
    def signature(self) -> dict[str, Kind]:
        """The kind of every parameter, then of the result under "return"."""
        hints = inspect.get_annotations(self.function, eval_str=True)
        names = [*self.function.__code__.co_varnames[: self.function.__code__.co_argcount], "return"]
        for name in names:
            if name not in hints or hints[name] not in KINDS:
                allowed = ", ".join(kind.name for kind in dict.fromkeys(KINDS.values()))
                raise self.error(None, f"{name!r} needs an annotation, one of: {allowed}")
        return {name: KINDS[hints[name]] for name in names}

    @functools.cached_property
    def outside(self) -> dict[str, Any]:
        """What the names used from outside the function mean; unknown ones are left out."""
        code = self.function.__code__
        cells = dict(zip(code.co_freevars, self.function.__closure__ or (), strict=True))
        known = {name: cell.cell_contents for name, cell in cells.items()}
        for name in code.co_names:
            for scope in (self.function.__globals__, vars(builtins)):
                if name in scope:
                    known.setdefault(name, scope[name])
        return known

    @functools.cached_property
    def attributes(self) -> dict[tuple[str, str], Any]:
        """The attributes of modules that the kernel may use, by the name of the module and their own."""
        modules = {name: x for name, x in self.outside.items() if isinstance(x, ModuleType)}
        names = self.function.__code__.co_names
        return {(m, a): getattr(x, a) for m, x in modules.items() for a in names if hasattr(x, a)}

    @functools.cached_property
    def text(self) -> str:
        """The whole file the kernel stands in."""
        return "".join(linecache.getlines(self.function.__code__.co_filename, self.function.__globals__))

    @functools.cached_property
    def node(self) -> ast.FunctionDef:
        """The function's syntax tree, with line numbers of its file."""
        first = self.function.__code__.co_firstlineno
        tree = parse(self.text)
        for node in itertools.chain(tree.body, ast.walk(tree)):  # nearly all stand at the top
            if isinstance(node, ast.FunctionDef) and node.name == self.name:
                lines = [node.lineno, *(d.lineno for d in node.decorator_list)]
                if first in lines:
                    return node
        raise self.error(None, "its source text cannot be found; define it in a file, a notebook cell or a doctest")

    def error(self, node: ast.AST | None, message: str) -> KernelError:
        """The error `message` at the place of `node`."""
        code = self.function.__code__
        line = getattr(node, "lineno", code.co_firstlineno)
        source = linecache.getline(code.co_filename, line, self.function.__globals__).strip()
        return KernelError(f"{code.co_filename}:{line}: kernel {self.name!r}: {message}\n    {source}")


def kernel(
    function: Callable | None = None, *, cold=False, once=False, inline=False, exact=False, overlap=False
) -> Any:
    """Make an annotated function a `Kernel`; usable bare or with options.

    Parameters
    ----------
    cold, once, inline, exact, overlap
        As in `Kernel`.

    Examples
    --------
    >>> @kernel
    ... def double(x: f64) -> f64:
    ...     return 2.0 * x
    >>> double(4.0)
    8.0
    """
    options = {"cold": cold, "once": once, "inline": inline, "exact": exact, "overlap": overlap}
    return Kernel(function, **options) if function else functools.partial(Kernel, **options)


@functools.lru_cache(maxsize=64)
def parse(text: str) -> ast.Module:
    """The syntax tree of one file, parsed once."""
    return ast.parse(text)


Replaced = Mapping[Kernel, Kernel]
"""Kernels, and others of the same parameters that are compiled in their place."""
NONE: Replaced = MappingProxyType({})


def reachable(entries: Sequence[Kernel], replaced: Replaced = NONE) -> list[Kernel]:
    """`entries` and every kernel they call, directly or not."""
    found: dict[Kernel, None] = {}
    pending = list(reversed(entries))
    while pending:
        current = pending.pop()
        if current not in found:
            found[current] = None
            used = (*current.outside.values(), *current.attributes.values())
            pending += [replaced.get(value, value) for value in used if isinstance(value, Kernel)]
    return list(found)


# ---------------------------------------------------------------- modules, cache keys, ctypes


def export_name(entry: Kernel) -> str:
    """The symbol of a compiled entry point."""
    return f"kernel_{entry.name}"


def source_key(*entries: Kernel, replaced: Replaced = NONE) -> str:
    """A hash of all that decides the IR of `entries`: their files, the numbers they use, and this compiler.

    Computed without writing IR, so that a cached kernel starts at once.
    """
    digest = hashlib.blake2b(compiler_text(), digest_size=16)
    for source in reachable(entries, replaced):
        code = source.function.__code__
        used = (*source.outside.items(), *source.attributes.items())
        numbers = sorted((str(name), repr(x)) for name, x in used if isinstance(x, (int, float)))
        facts = (source.text, source.function.__qualname__, code.co_firstlineno, numbers, export_name(source))
        digest.update(repr(facts).encode())
    digest.update(repr([export_name(entry) for entry in entries]).encode())
    digest.update(repr([(old.name, new.name) for old, new in replaced.items()]).encode())
    return digest.hexdigest()


@functools.cache
def compiler_text() -> bytes:
    """The source of this compiler, a part of every cache key."""
    files = ("kernel_language.py", "kernel_expressions.py", "kernel_statements.py")
    return b"".join(Path(__file__).with_name(name).read_bytes() for name in files)


def write_module(*entries: Kernel, replaced: Replaced = NONE) -> str:
    """The LLVM IR of `entries` and all they call."""
    from pellucid.compile.llvm.kernel_statements import intermediate_representation  # not needed for cached kernels

    return intermediate_representation(*entries, replaced=replaced)


class CompiledKernel:
    """A kernel as machine code, callable with numbers and arrays.

    `address` is its address and `function` its `ctypes` function, for callers that bring their own pointers. Both are
    valid as long as this object lives.
    """

    def __init__(self, source: Kernel, library: Any):
        *parameters, (_, result) = source.signature.items()
        self.source, self.library = source, library
        self.parameters = dict(parameters)
        self.address: int = library.address(export_name(source))
        prototype = ctypes.CFUNCTYPE(result.ctype, *(kind.ctype for kind in self.parameters.values()))
        self.function = prototype(self.address)

    def __call__(self, *arguments: Any) -> Any:
        """The result of the kernel; arrays are passed by reference, densities and pointers as addresses."""
        if len(arguments) != len(self.parameters):
            raise TypeError(f"kernel {self.source.name} takes {len(self.parameters)} arguments, got {len(arguments)}")
        items = zip(self.parameters.items(), arguments, strict=True)
        return self.function(*(self.lower(name, kind, x) for (name, kind), x in items))

    def lower(self, name: str, kind: Kind, x: Any) -> Any:
        """`x` as the number or address that the compiled function takes."""
        if kind.element is None:
            return x
        array = np.asarray(x)
        if array.dtype != DTYPES[kind.name] or not array.flags.c_contiguous or not array.flags.aligned:
            raise TypeError(
                f"kernel {self.source.name}: argument {name!r} must be a contiguous {DTYPES[kind.name]} array, "
                f"got {array.dtype} of shape {array.shape} and strides {array.strides}"
            )
        return array.ctypes.data

    def __repr__(self) -> str:
        return f"<compiled kernel {self.source.name} at {self.address:#x}>"


def compile_kernels(*entries: Kernel, level: int = 2, replaced: Replaced = NONE) -> dict[str, CompiledKernel]:
    """Compile kernels, and those they call, to machine code.

    Parameters
    ----------
    entries
        The kernels to be called from Python or by address; their names must differ.
    level
        LLVM's optimisation level.
    replaced
        Kernels that are called, and those of the same parameters that are to be called in their place.

    Returns
    -------
    dict
        The compiled kernels by name.

    Raises
    ------
    KernelError
        Where a kernel uses something outside the language.

    Examples
    --------
    >>> @kernel
    ... def scale(x: Array, n: i64, factor: f64) -> None:
    ...     for i in range(n):
    ...         x[i] *= factor
    >>> x = np.array([1.0, 2.0])
    >>> compile_kernels(scale)["scale"](x, 2, 10.0)
    >>> x
    array([10., 20.])
    """
    from pellucid.compile.llvm import jit  # brings LLVM, which plain-Python runs of kernels never need

    names = [export_name(entry) for entry in entries]
    if len(set(names)) != len(names):
        raise ValueError(f"the kernels compiled together need different names, got {names}")
    if any(BOOL in entry.signature.values() for entry in entries):
        raise TypeError("a kernel called from outside takes and returns numbers and arrays; use i64 in place of bool")
    key = f"kernels-{source_key(*entries, replaced=replaced)}"
    write = functools.partial(write_module, *entries, replaced=replaced)
    library = jit.compile_ir(write, names, level=level, cache_key=key)
    return {entry.name: CompiledKernel(entry, library) for entry in entries}
