"""Mathematical functions in LLVM IR, scalar and vector, as prebuilt objects that compiled modules call.

Every function ``name`` has a scalar symbol ``pm_name`` and a vector symbol ``pm_name_v8`` (or 4, or 2: the width that
LLVM prefers on the processor). A module declares the scalar ones with `declarations` and appends `call_attributes`
to each call; LLVM's loop vectoriser then calls the vector symbol. Both come from the same builder and agree to the
last bit. Arguments and results are doubles; for single precision extend the argument and truncate the result.

Errors are in units in the last place (ulp) of the result against exact values, over the stated domain, and the tests
hold each function to its bound. Values at 0, infinity, NaN, subnormal numbers and outside the domain are those of
NumPy and SciPy. No function raises floating-point exceptions that anybody should read.
"""

import functools
import importlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pellucid.compile.llvm import cache, engine
from pellucid.compile.llvm.math.table import FUNCTIONS, Function

__all__ = ["FUNCTIONS", "Function", "call_attributes", "declarations", "library", "resolve", "source", "symbol"]

_PURE = "nounwind willreturn memory(none)"


def symbol(name: str, width: int = 1) -> str:
    """Return the symbol of a function: the scalar one, or that over vectors of `width` doubles."""
    _function(name)
    return f"pm_{name}" if width == 1 else f"pm_{name}_v{width}"


def _function(name: str) -> Function:
    if name not in FUNCTIONS:
        raise KeyError(f"no mathematical function {name!r}; there are {', '.join(sorted(FUNCTIONS))}")
    return FUNCTIONS[name]


def declarations(names: Iterable[str]) -> str:
    """Return the IR that declares functions, once per module that calls them.

    The vector variants are listed in ``llvm.compiler.used``; without that LLVM would drop them before it vectorises.

    Examples
    --------
    >>> print(declarations(["exp"]).splitlines()[0])
    declare double @pm_exp(double) nounwind willreturn memory(none)
    """
    names = sorted(set(names))
    if not names:
        return ""
    width = engine.host().vector_width
    lines = [_declaration(name, lanes) for name in names for lanes in (1, width)]
    used = ", ".join(f"ptr @{symbol(name, width)}" for name in names)
    array = f"appending global [{len(names)} x ptr] [{used}]"
    return "\n".join([*lines, f'@llvm.compiler.used = {array}, section "llvm.metadata"', ""])


def _declaration(name: str, width: int) -> str:
    kind = "double" if width == 1 else f"<{width} x double>"
    return f"declare {kind} @{symbol(name, width)}({', '.join([kind] * _function(name).arity)}) {_PURE}"


def call_attributes(name: str) -> str:
    """Return what to append to a call of ``pm_name`` so that loops around it vectorise.

    Examples
    --------
    A call reads ``%y = call double @pm_exp(double %x) `` followed by this string.
    """
    width = engine.host().vector_width
    shape = f"_ZGV_LLVM_N{width}{'v' * _function(name).arity}"
    return f'{_PURE} "vector-function-abi-variant"="{shape}_{symbol(name)}({symbol(name, width)})"'


def library(name: str) -> engine.Library:
    """Return the linked object of one function, built once per machine and then read from the disk cache."""
    _function(name)
    return _library(name, engine.host().vector_width)


def resolve(names: Iterable[str]) -> tuple[dict[str, int], tuple[Any, ...]]:
    """Return the addresses of those symbols that are mathematical functions, and the libraries that hold them."""
    wanted = {name: base for name in names if (base := _base(name)) in FUNCTIONS}
    libraries = {function: library(function) for function in sorted(set(wanted.values()))}
    return {name: libraries[function].address(name) for name, function in wanted.items()}, tuple(libraries.values())


def _base(name: str) -> str:
    """Return the function that a symbol stands for."""
    base, mark, width = name.rpartition("_v")
    scalar = base if mark and width.isdigit() else name
    return scalar.removeprefix("pm_") if scalar.startswith("pm_") else ""


@functools.cache
def _library(name: str, width: int) -> engine.Library:
    exports = [symbol(name, lanes) for lanes in (1, width)]
    # The source of this package stands for the IR that it would write.
    key = engine.key_of(f"math:{name}:{width}:{engine.source_digest(Path(__file__).parent)}", 2)
    report: dict[str, Any] = {}
    content = cache.load(key)
    report["cached"] = content is not None
    if content is None:
        unit = engine.assemble(source([name], (1, width)), 2, report)
        cache.store(key, unit.pack())
    else:
        unit = engine.Unit.unpack(content)
    return engine.link(unit, exports, {}, report)


def source(names: Iterable[str], widths: Iterable[int], *, fused: bool | None = None) -> str:
    """Return the IR that defines functions for the given vector widths.

    `fused` says whether multiplications and additions may be relied upon to round once; by default the host decides.
    """
    writer = importlib.import_module("pellucid.compile.llvm.math.builder")  # needed only when there is no object yet
    fused = engine.host().fused if fused is None else fused
    text, helpers = [], set()
    for name in names:
        for width in widths:
            body, called = writer.write_function(
                symbol(name, width), _function(name).arity, _builder(name), width, fused=fused
            )
            text.append(body)
            helpers |= called
    text += [
        importlib.import_module("pellucid.compile.llvm.math.reduction").HELPERS[name]() for name in sorted(helpers)
    ]
    return "\n".join([*text, f"attributes #0 = {{ {_PURE} }}", '!0 = !{!"branch_weights", i32 1, i32 1000}', ""])


def _builder(name: str) -> Callable[..., Any]:
    function = _function(name)
    return getattr(importlib.import_module(f"pellucid.compile.llvm.math.{function.group}"), name)
