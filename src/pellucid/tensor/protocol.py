"""NumPy's functions on tensors: each means the function of the same name in `pt`."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def in_the_graph(name: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What a NumPy function of tensors means: the function of that name in `pt`."""
    public = import_module("pellucid.tensor.math")
    if name not in public.__all__ or options.get("out") is not None:
        why = "it would write into an array" if "out" in options else f"there is no pt.{name}"
        raise TypeError(
            f"np.{name} cannot be part of a graph: {why}. Use functions of pellucid.tensor (pm.math in PyMC's "
            "spelling), or wrap a Python function with pm.wrap_py or pm.as_op."
        )
    return getattr(public, name)(*inputs, **options)
