"""The interpreter, by which every other backend is tested: walk the graph, evaluate the reference of each op."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from pellucid.compile.misfits import known_inputs, told_when_written
from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.provenance import describe
from pellucid.graph.traverse import toposort
from pellucid.tensor.body import generators_read_twice
from pellucid.tensor.check import CheckAndRaise
from pellucid.tensor.namespace import NUMPY
from pellucid.tensor.types import TensorType


class EvaluationError(ValueError):
    """An op failed on the values that it was given."""


def describe_value(v: Variable, value: Any) -> str:
    """How errors speak of a value at run time."""
    if isinstance(value, np.ndarray):
        return f"'{v}' of shape {value.shape}, dtype {value.dtype}"
    return f"'{v}' = {value!r}"


def failure(node: Apply, values: Sequence[Any], error: Exception) -> EvaluationError:
    """What went wrong, in which op, with which values, at which line of the user's."""
    listed = "\n".join(f"  - {describe_value(v, a)}" for v, a in zip(node.inputs, values, strict=True) if a is not None)
    return EvaluationError(f"{node.op} failed: {error}\n{listed}\n  at {describe(node.line)}")


def apply_node(node: Apply, values: Sequence[Any]) -> Sequence[Any]:
    """The outputs of one node, as arrays of the dtypes that the graph promises."""
    try:
        if len(values) > 1 and hasattr(node.op, "check_arrays"):
            node.op.check_arrays(node.inputs, values)
        found = node.op.impl(NUMPY, *values)
    except (ValueError, IndexError, ZeroDivisionError, np.linalg.LinAlgError, OverflowError, MemoryError) as error:
        if isinstance(node.op, CheckAndRaise):  # an error of the user's own, which says where it was written
            raise
        raise told_when_written(node, known_inputs(node, values)) or failure(node, values, error) from error
    except NotImplementedError as error:  # such as draws of a distribution that has none
        raise type(error)(f"{error} At {describe(node.line)}") from error
    if len(node.outputs) == 1 and not isinstance(found, tuple):
        found = (found,)
    return [np.asarray(f) if hasattr(v.type, "shape") else f for v, f in zip(node.outputs, found, strict=True)]


def evaluate(outputs: Sequence[Variable], given: Mapping[Variable, Any]) -> list[Any]:
    """The values of `outputs`, from those of the roots."""
    return compile(list(given), outputs)(*given.values())


def compile(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> Callable[..., list[Any]]:
    """A function of arrays that walks the graph at each call."""
    nodes = toposort(outputs, stop=set(inputs))
    copied = generators_read_twice(nodes)
    needed = {v for node in nodes for v in node.inputs if v.owner is None} | {v for v in outputs if v.owner is None}
    roots = [v for v in needed if v not in set(inputs)]
    last_use = {v: i for i, node in enumerate(nodes) for v in node.inputs}
    keep = set(outputs)
    passed = {v for v in outputs if (v.owner is None or v in set(inputs)) and isinstance(v.type, TensorType)}

    def run(*arrays: Any) -> list[Any]:
        values: dict[Variable, Any] = dict(zip(inputs, arrays, strict=True))
        for v in roots:
            values[v] = v.get_value(borrow=True)
        with np.errstate(all="ignore"):
            for i, node in enumerate(nodes):
                arguments = [values[v] for v in node.inputs]
                if copied:
                    arguments = [deepcopy(a) if v in copied else a for v, a in zip(node.inputs, arguments, strict=True)]
                values.update(zip(node.outputs, apply_node(node, arguments), strict=True))
                for v in node.inputs:  # let go of what nothing reads any more
                    if last_use[v] == i and v not in keep and v.owner is not None:
                        values.pop(v, None)
        return [values[v].copy() if v in passed else own(values[v]) for v in outputs]

    return run


def own(value: Any) -> Any:
    """A result that the caller may write into: a copy where it is an input, a constant or a view of one."""
    return value if not isinstance(value, np.ndarray) or (value.base is None and value.flags.owndata) else value.copy()
