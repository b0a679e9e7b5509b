"""Compiles a graph with JAX: one `jax.jit` in double precision, retraced for each new signature.

Double precision is switched on around every trace and call only, so that the user's own JAX code keeps its settings.
XLA computes for fixed shapes, treats subnormal numbers as zero on CPUs, and raises no errors; what an op refuses at
run time (a position out of range, parameters of a law) is therefore returned as a flag and raised after the call.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from pellucid.compile.backend import NotCompilable
from pellucid.compile.jax import meanings  # noqa: F401  # it declares them
from pellucid.compile.jax.program import Program, data_decides, may_be_static
from pellucid.compile.jax.trace import Failure, Trace, key_of
from pellucid.graph.nodes import Variable
from pellucid.tensor.draws import RngType
from pellucid.tensor.loop import Scan
from pellucid.tensor.types import Constant

LARGE = 1024
"""The number of elements above which a constant is an argument of the compiled code, not part of it."""


class Static:
    """An array as part of a signature: equal when its bytes are."""

    __slots__ = ("array", "key")

    def __init__(self, array: Any):
        self.array = np.array(array)
        self.key = self.array.dtype.str, self.array.shape, self.array.tobytes()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Static) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


class Executable:
    """A compiled function of arrays."""

    def __init__(self, inputs: Sequence[Variable], outputs: Sequence[Variable]):
        self.program = Program(inputs, outputs)
        self.inputs, self.outputs = list(inputs), list(outputs)
        roots = self.program.roots
        small = [v for v in roots if has_fixed_value(v) and not is_large(v)]
        self.fixed = {v: v.get_value(borrow=True) for v in small}
        self.state = [v for v in roots if v not in self.fixed]
        given = [*self.inputs, *self.state]
        self.static = [v for v in given if v in self.program.needed]
        for v in self.static:
            if not may_be_static(v) and not isinstance(v, Constant):
                raise NotCompilable(data_decides(self.program.needed[v], v))
        self.traced = [v for v in given if v not in self.program.needed]
        self.constants: dict[Variable, Any] = {}
        self.sources = {v: generator_root(v) for v in self.outputs if isinstance(v.type, RngType)}
        self.jitted = jax.jit(self.trace, static_argnums=0)
        self.traces, self.seconds = 0, 0.0
        self.host_calls: list[str] = []
        self.host_errors: list[Exception] = []

    @property
    def report(self) -> dict[str, Any]:
        """What compiling did so far."""
        return {
            "backend": "jax",
            "nodes": len(self.program.nodes),
            "signatures": self.traces,
            "compile_and_link": self.seconds,
            "fixed_by_value": [str(v) for v in self.static],
            "callbacks": list(dict.fromkeys(self.host_calls)),
        }

    def trace(self, static: tuple[Static, ...], arrays: Sequence[Any]) -> tuple[list[Any], dict[Any, Any]]:
        """What JAX traces: the outputs, and flags that say whether all went well."""
        self.traces += 1
        trace = Trace(self.host_calls, self.host_errors)
        values = dict(self.fixed)
        values.update(zip(self.static, (s.array for s in static), strict=True))
        values.update(zip(self.traced, map(trace.receive, self.traced, arrays), strict=True))
        trace.run(self.program, values)
        results = [trace.array(v, values[v]) for v in self.outputs if v not in self.sources]
        return results, trace.flags()

    def __call__(self, *arrays: Any) -> list[Any]:
        given = dict(zip(self.inputs, arrays, strict=True))
        generators = {v: given[v] for v in self.inputs if isinstance(v.type, RngType)}
        for v in self.state:
            given[v] = self.value(v)
            if isinstance(v.type, RngType):
                generators[v] = given[v]
        before, start = self.traces, time.perf_counter()
        with jax.enable_x64(True):
            static = tuple(Static(given[v]) for v in self.static)
            results, flags = self.call(static, [key_of(given[v]) if v in generators else given[v] for v in self.traced])
            found = iter([np.array(r) for r in results])
        if self.traces > before:
            self.seconds += time.perf_counter() - start
        check(flags)
        return [generators[self.sources[v]] if v in self.sources else next(found) for v in self.outputs]

    def call(self, static: tuple[Static, ...], arrays: Sequence[Any]) -> Any:
        """Run the compiled code; an error of a reference that it called is raised as it was."""
        self.host_errors.clear()
        try:
            return jax.block_until_ready(self.jitted(static, arrays))
        except jax.errors.JaxRuntimeError:
            if self.host_errors:
                raise self.host_errors[0] from None
            raise

    def value(self, v: Variable) -> Any:
        """The current value of a root; a large constant is handed to JAX once."""
        if not isinstance(v, Constant) or v in self.static:
            return v.get_value(borrow=True)
        if v not in self.constants:
            with jax.enable_x64(True):
                self.constants[v] = jax.device_put(v.data)
        return self.constants[v]


def has_fixed_value(v: Variable) -> bool:
    """Whether a root is the same at each call."""
    return isinstance(v, Constant) or not (hasattr(v.type, "shape") or isinstance(v.type, RngType))


def is_large(v: Variable) -> bool:
    """Whether a constant is better an argument of the compiled code."""
    return isinstance(v, Constant) and math.prod(v.data.shape) > LARGE


def generator_root(v: Variable) -> Variable:
    """The generator that a state of one comes from."""
    while v.owner is not None:
        node = v.owner
        if isinstance(node.op, Scan):
            v = node.inputs[1 + node.op.sequences + v.index]
        else:
            v = next(u for u in node.inputs if isinstance(u.type, RngType))
    return v


def check(flags: dict[tuple[Failure, ...], Any]) -> None:
    """Raise what a flag says went wrong."""
    for failures, fine in flags.items():
        for (kind, message), ok in zip(failures, np.asarray(fine), strict=True):
            if not ok:
                raise kind(message)


def compile(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> Executable:
    """A function of arrays, compiled by JAX at the first call with each combination of shapes.

    Raises
    ------
    NotCompilable
        Where a shape depends on data; the error names the op and the user's line.
    """
    return Executable(inputs, outputs)
