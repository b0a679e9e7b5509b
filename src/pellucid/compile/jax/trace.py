"""Evaluates a program on JAX's traced arrays: what decides shapes in NumPy, all else by the ops' references."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pellucid.compile.backend import NotCompilable
from pellucid.compile.jax.host import call_host
from pellucid.compile.jax.namespace import JaxNamespace
from pellucid.compile.jax.program import Program, from_shape, no_meaning
from pellucid.compile.misfits import known_inputs, told_when_written
from pellucid.compile.numpy import EvaluationError, apply_node
from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.provenance import describe, made_by
from pellucid.tensor.draws import RngType
from pellucid.tensor.shape import static_extents
from pellucid.tensor.types import TensorType

MEANINGS: dict[type, Callable[..., Any]] = {}
"""Ops that JAX evaluates otherwise than by their reference: (trace, program, node, arguments) → outputs."""

Failure = tuple[type[Exception], str]
"""What is raised when a check fails: the kind of error, and its message."""

LACKING = (TypeError, AttributeError, NotImplementedError, IndexError)
"""What a reference raises on traced arrays when it is not written over the namespace, or JAX lacks a function."""


def meaning(*kinds: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare how JAX evaluates ops of some kinds."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        MEANINGS.update(dict.fromkeys(kinds, function))
        return function

    return register


class Trace:
    """One tracing of a program.

    Attributes
    ----------
    xp : JaxNamespace
    checks : list of (failure, flag)
        What must hold; loops gather those of their steps.
    """

    def __init__(self, host_calls: list[str], host_errors: list[Exception]):
        self.host_calls, self.host_errors = host_calls, host_errors
        self.xp = JaxNamespace(host_calls.append)
        self.checks: list[tuple[Failure, Any]] = []

    def require(self, node: Apply, arguments: Sequence[Any], fine: Any, message: str) -> None:
        """After the call, raise an error unless all of `fine` holds."""
        self.insist(fine, EvaluationError, f"{node.op} failed: {message}\n{listed(node, arguments)}")

    def insist(self, fine: Any, kind: type[Exception], message: str) -> None:
        """After the call, raise an error of some kind unless all of `fine` holds."""
        self.checks.append(((kind, message), jnp.all(fine)))

    def apart(self, evaluate: Callable[[], Any]) -> tuple[Any, list[Failure], Any]:
        """What `evaluate` returns, and the checks that it made, which do not count yet."""
        outer, self.checks = self.checks, []
        try:
            found = evaluate()
            failures = [failure for failure, _ in self.checks]
            flags = jnp.stack([flag for _, flag in self.checks]) if self.checks else jnp.ones(0, bool)
        finally:
            self.checks = outer
        return found, failures, flags

    def flags(self) -> dict[tuple[Failure, ...], Any]:
        """What all checks would raise, with their flags in one array."""
        if not self.checks:
            return {}
        return {tuple(failure for failure, _ in self.checks): jnp.stack([flag for _, flag in self.checks])}

    def receive(self, v: Variable, array: Any) -> Any:
        """An argument as a value: the words of a generator are a key."""
        return jax.random.wrap_key_data(array, impl="threefry2x32") if isinstance(v.type, RngType) else array

    def array(self, v: Variable, value: Any) -> Any:
        """A value as an array of JAX, of the dtype that its variable promises."""
        return jnp.asarray(value, v.type.dtype) if isinstance(v.type, TensorType) else value

    def run(self, program: Program, values: dict[Variable, Any]) -> None:
        """Evaluate every application, in order."""
        for node in program.nodes:
            values.update(zip(node.outputs, self.apply(program, node, [values[v] for v in node.inputs]), strict=True))

    def apply(self, program: Program, node: Apply, given: Sequence[Any]) -> Sequence[Any]:
        """The outputs of one application."""
        if any(v in program.needed or from_shape(v) for v in node.outputs):
            return apply_node(node, given)
        fixed = program.positions[node]
        arguments = [
            a if i in fixed else self.array(v, a) for i, (v, a) in enumerate(zip(node.inputs, given, strict=True))
        ]
        try:
            if len(arguments) > 1 and hasattr(node.op, "check_arrays"):
                node.op.check_arrays(node.inputs, arguments)
            found = self.evaluate(program, node, arguments)
        except (ValueError, TypeError, IndexError, ZeroDivisionError, OverflowError) as error:
            if isinstance(error, (EvaluationError, NotCompilable)):
                raise
            told = told_when_written(node, known_inputs(node, arguments))
            if told is not None:
                raise told from error
            if isinstance(error, TypeError):
                raise
            raise EvaluationError(f"{node.op} failed: {error}\n{listed(node, arguments)}") from error
        if len(node.outputs) == 1 and not isinstance(found, tuple):
            found = (found,)
        return [self.array(v, f) for v, f in zip(node.outputs, found, strict=True)]

    def evaluate(self, program: Program, node: Apply, arguments: Sequence[Any]) -> Any:
        """The outputs by the op's meaning here, its reference, or a call of its reference in NumPy."""
        own = MEANINGS.get(type(node.op))
        if own is not None:
            return own(self, program, node, arguments)
        try:
            return node.op.impl(self.xp, *arguments)
        except LACKING as error:
            return self.on_host(node, arguments, error)

    def on_host(self, node: Apply, arguments: Sequence[Any], why: Exception) -> tuple[Any, ...]:
        """Call the reference in NumPy from compiled code; possible for ops of this package whose shape is known."""
        types = known_types(node, arguments)
        if not type(node.op).__module__.startswith("pellucid.") or any(None in getattr(t, "shape", ()) for t in types):
            first = str(why).split("\n", maxsplit=1)[0]
            raise NotCompilable(no_meaning(node, f"its impl does not work on traced arrays ({first})")) from why
        self.host_calls.append(str(node.op))
        places = [i for i, a in enumerate(arguments) if isinstance(a, jax.Array)]

        def compute(*arrays: Any) -> Sequence[Any]:
            values = list(arguments)
            for i, a in zip(places, arrays, strict=True):
                values[i] = a
            return apply_node(node, values)

        out = [(t.shape, t.dtype) for t in types]
        return tuple(self.callback(compute, out, [arguments[i] for i in places]))

    def callback(self, compute: Callable[..., Any], out: Any, arrays: Sequence[Any]) -> list[Any]:
        """`compute` on NumPy arrays, called from compiled code; its errors are kept for the caller."""

        def run(*values: Any) -> Any:
            try:
                return compute(*values)
            except Exception as error:
                self.host_errors.append(error)
                raise

        return call_host(run, out, arrays)


def known_types(node: Apply, arguments: Sequence[Any]) -> tuple[Any, ...]:
    """The types of the outputs, now that the lengths of the inputs are known."""
    inputs = known_inputs(node, arguments)
    with made_by(node.line):
        types = node.op.infer(*inputs)
        told = getattr(node.op, "infer_shape", None)
        if told is None or all(None not in getattr(t, "shape", ()) for t in types):
            return types
        shapes = told(inputs, [getattr(v.type, "shape", ()) for v in inputs])
    return tuple(
        TensorType(t.dtype, static_extents(shape)) if isinstance(t, TensorType) else t
        for t, shape in zip(types, shapes, strict=True)
    )


def listed(node: Apply, arguments: Sequence[Any]) -> str:
    """The inputs of an application and its line, for errors."""
    inputs = [
        f"  - '{v}' of shape {tuple(a.shape)}, dtype {a.dtype}"
        for v, a in zip(node.inputs, arguments, strict=True)
        if hasattr(a, "shape")
    ]
    return "\n".join([*inputs, f"  at {describe(node.line)}"])


def key_of(generator: np.random.Generator) -> np.ndarray:
    """The words of a key for JAX, drawn from a generator, which thereby moves on."""
    return generator.integers(0, 2**32, size=2, dtype=np.uint32)
