"""A density evaluated by the interpreter behind the C interface of compiled ones, for the same samplers."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from pellucid.compile.backend import load_backend
from pellucid.compile.numpy import compile as compile_interpreter
from pellucid.graph.nodes import Variable

Double = ctypes.POINTER(ctypes.c_double)
Signature = ctypes.CFUNCTYPE(ctypes.c_int32, Double, Double, Double, ctypes.c_void_p)
FAILED = -1
LOG = logging.getLogger("pellucid")


class CallbackDensity:
    """``i32 density(double *x, double *logp, double *gradient, void *context)`` that runs Python.

    Parameters
    ----------
    inputs : one vector variable
    outputs : the log-density, a scalar, and its gradient, a vector

    Attributes
    ----------
    address : int
        Of the C function. It returns 0, or -1 after an exception.
    failure : BaseException or None
        The exception, for the caller of the sampler to raise.
    native : bool
        False: chains that call it wait for Python's lock, so that running several at once gains nothing.
    """

    native = False

    def __init__(self, inputs: Sequence[Variable], outputs: Sequence[Variable]):
        (self.vector,) = inputs
        self.length: int = self.vector.type.shape[0]
        self.evaluate = compile_interpreter(list(inputs), list(outputs))
        self.failure: BaseException | None = None
        self.function = Signature(self.call)
        self.address: int = ctypes.cast(self.function, ctypes.c_void_p).value or 0

    def call(self, x: ctypes._Pointer, logp: ctypes._Pointer, gradient: ctypes._Pointer, _context: int | None) -> int:
        """The C function's body."""
        try:
            value, slope = self.evaluate(np.ctypeslib.as_array(x, (self.length,)).copy())
            logp[0] = float(value)
            np.ctypeslib.as_array(gradient, (self.length,))[:] = slope
        except BaseException as error:  # noqa: BLE001  # nothing may pass through C; the sampler's caller raises it
            self.failure = error
            return FAILED
        return 0

    def context(self) -> int:
        """No workspace is needed."""
        return 0

    def check(self, code: int) -> None:
        """Raise the exception that a negative code stands for."""
        failure, self.failure = self.failure, None
        if code < 0 and failure is not None:
            raise failure


def compile_density(inputs: Sequence[Variable], outputs: Sequence[Variable], backend: str | None = None) -> Any:
    """A density as a C function: native where the backend compiles it, a callback into the interpreter elsewhere.

    The object must be kept while its `address` is in use, and each chain needs a `context()` of its own.
    """
    native = getattr(load_backend(backend), "compile_density", None)
    if native is None:
        return CallbackDensity(inputs, outputs)
    try:
        return native(inputs, outputs)
    except TypeError as error:
        if type(error).__name__ != "NotCompilable":
            raise
        LOG.info("The density is evaluated by the interpreter, because %s.", error)
        return CallbackDensity(inputs, outputs)


def release(compiled: Any, contexts: Collection[int]) -> None:
    """Let go of contexts that no chain uses any more."""
    held = getattr(compiled, "contexts", None)
    if held is not None:
        held[:] = [w for w in held if w.address not in contexts]


def density_function(compiled: Any, dimension: int) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    """A compiled density as a function of arrays, for looking at single points.

    Raises whatever the interpreter raised; elsewhere what does not exist is NaN.
    """
    call = Signature(compiled.address)

    def evaluate(x: np.ndarray) -> tuple[float, np.ndarray]:
        context = compiled.context()
        point, logp, slope = np.array(x, "float64"), np.full(1, np.nan), np.full(dimension, np.nan)
        status = call(*[a.ctypes.data_as(Double) for a in (point, logp, slope)], context)
        release(compiled, [context])
        if status < 0:
            compiled.check(status)
        return float(logp[0]), slope

    return evaluate
