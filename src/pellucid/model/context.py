"""The model that a `with` block is about: a stack for each thread."""

from __future__ import annotations

from threading import local
from typing import TYPE_CHECKING

from pellucid.graph.provenance import describe, user_line

if TYPE_CHECKING:
    from pellucid.model.model import Model

_local = local()


def active_models() -> list[Model]:
    """The models of the enclosing `with` blocks of this thread, outermost first."""
    if not hasattr(_local, "models"):
        _local.models = []
    return _local.models


def current_model() -> Model | None:
    """The model of the innermost `with` block, if there is one."""
    models = active_models()
    return models[-1] if models else None


def modelcontext(model: Model | None = None) -> Model:
    """Return `model`, or that of the enclosing `with` block.

    Raises
    ------
    TypeError
        When there is neither.
    """
    found = current_model() if model is None else model
    if found is None:
        raise TypeError(
            "No model on context stack: write this inside `with pm.Model():`, or pass model=... . "
            "A random variable that belongs to no model is made with `.dist(...)`, as in pm.Normal.dist(0, 1)."
        )
    return found


def here() -> str:
    """The user's line, as errors end with it."""
    return f"At {describe(user_line())}"
