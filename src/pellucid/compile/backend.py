"""What a backend is, and which ones there are; each is imported on first use."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol, cast

from pellucid.graph.nodes import Variable

BACKENDS = {
    "numpy": "pellucid.compile.numpy",
    "llvm": "pellucid.compile.llvm.backend",
    "jax": "pellucid.compile.jax.backend",
}


class NotCompilable(TypeError):
    """A graph that a backend cannot compile, and why."""


class Backend(Protocol):
    """Turns a rewritten graph into a function of arrays."""

    def compile(self, inputs: Sequence[Variable], outputs: Sequence[Variable]) -> Callable[..., list[Any]]:
        """A function of the inputs' arrays that returns the outputs' arrays."""
        ...


def default_backend() -> str:
    """The backend used when none is named: the environment variable PELLUCID_BACKEND, else "llvm"."""
    return os.environ.get("PELLUCID_BACKEND", "llvm")


def load_backend(name: str | None) -> Backend:
    """The backend called `name`."""
    wanted = name or default_backend()
    if wanted not in BACKENDS:
        raise ValueError(f"There is no backend {wanted!r}; there are: {', '.join(BACKENDS)}.")
    try:
        return cast(Backend, import_module(BACKENDS[wanted]))
    except ModuleNotFoundError as error:
        if error.name != "jax":
            raise
        raise ModuleNotFoundError("backend='jax' needs JAX: pip install 'pellucid[jax]'.", name="jax") from error
