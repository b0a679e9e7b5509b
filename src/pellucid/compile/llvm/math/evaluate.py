"""Applies a mathematical function to arrays, through the code that compiled loops run: for tests and benchmarks."""

import ctypes
import functools
from collections.abc import Callable

import numpy as np

from pellucid.compile.llvm import jit, math

_LOOP = """
{declarations}
define void @loop(ptr noalias %out, {parameters}, i64 %count) {{
entry:
  %some = icmp sgt i64 %count, 0
  br i1 %some, label %next, label %done
next:
  %i = phi i64 [0, %entry], [%after, %next]
{loads}
  %y = call double @{symbol}({values}) {attributes}
  %to = getelementptr double, ptr %out, i64 %i
  store double %y, ptr %to, align 8
  %after = add nuw nsw i64 %i, 1
  %more = icmp slt i64 %after, %count
  br i1 %more, label %next, label %done
done:
  ret void
}}
"""


def evaluate(name: str, *arrays: np.ndarray, vector: bool = True) -> np.ndarray:
    """Return a function of arrays of one shape, through its vector or its scalar variant.

    Examples
    --------
    >>> evaluate("exp", np.array([0.0, np.log(2.0)]))
    array([1., 2.])
    """
    inputs = [np.ascontiguousarray(array, dtype=np.float64) for array in arrays]
    if len({array.shape for array in inputs}) != 1 or len(inputs) != math.FUNCTIONS[name].arity:
        shapes = [array.shape for array in inputs]
        raise ValueError(f"{name} takes {math.FUNCTIONS[name].arity} arrays of one shape, got shapes {shapes}")
    out = np.empty_like(inputs[0])
    loop(name, vector=vector)(out.ctypes.data, *(array.ctypes.data for array in inputs), out.size)
    return out


@functools.cache
def loop(name: str, *, vector: bool = True) -> Callable[..., None]:
    """Return ``loop(out, x, ..., count)``, which takes addresses of doubles."""
    arity = math.FUNCTIONS[name].arity
    loads = [
        f"  %from{i} = getelementptr double, ptr %x{i}, i64 %i\n  %v{i} = load double, ptr %from{i}, align 8"
        for i in range(arity)
    ]
    ir = _LOOP.format(
        declarations=math.declarations([name]),
        parameters=", ".join(f"ptr noalias %x{i}" for i in range(arity)),
        loads="\n".join(loads),
        symbol=math.symbol(name),
        values=", ".join(f"double %v{i}" for i in range(arity)),
        attributes=math.call_attributes(name) if vector else "nounwind",
    )
    pointers = [ctypes.c_void_p] * (arity + 1)
    return jit.compile_ir(ir, ["loop"]).function("loop", None, *pointers, ctypes.c_int64)
