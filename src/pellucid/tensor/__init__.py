"""The tensor language: inputs, NumPy-like functions, and random draws, all of which wire up a graph."""

# ruff: noqa: F401 - submodules are imported here for type checkers alone

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pellucid.graph.collector import garbage_left_alone

with garbage_left_alone():
    from pellucid.graph.lazy import imported_on_use
    from pellucid.graph.nodes import Op, Variable
    from pellucid.tensor.create import CONSTRUCTORS, constructor, plural, tensor
    from pellucid.tensor.math import __all__ as FUNCTION_NAMES
    from pellucid.tensor.shape import shape  # now, since the module of the same name must not hide the function
    from pellucid.tensor.softmax import softmax
    from pellucid.tensor.types import (
        Constant,
        NoneConst,
        TensorConstant,
        TensorType,
        TensorVariable,
        as_tensor,
        as_tensor_variable,
    )

globals().update(CONSTRUCTORS)  # scalar, vector, dmatrix, lvectors, ...

if TYPE_CHECKING:  # the same for editors and type checkers
    from pellucid.tensor import basic, extra_ops, fft, interpolate, linalg, nlinalg, random, signal, slinalg, subtensor
    from pellucid.tensor.math import *  # noqa: F403

    scalar = vector = matrix = row = col = tensor3 = tensor4 = tensor5 = tensor6 = tensor7 = constructor("scalar")
    bscalar = bvector = bmatrix = iscalar = ivector = imatrix = lscalar = lvector = lmatrix = constructor("scalar")
    fscalar = fvector = fmatrix = dscalar = dvector = dmatrix = ltensor3 = ftensor3 = dtensor3 = constructor("scalar")
    scalars = vectors = matrices = dscalars = dvectors = dmatrices = lscalars = lvectors = lmatrices = plural(scalar)

SUBMODULES = "basic extra_ops fft interpolate linalg math nlinalg random signal slinalg special subtensor"
"""Parts of the language that are attributes of it."""

__all__ = [  # noqa: PLE0604  # the lists of names are computed
    "Constant",
    "NoneConst",
    "Op",
    "TensorConstant",
    "TensorType",
    "TensorVariable",
    "Variable",
    "as_tensor",
    "as_tensor_variable",
    "tensor",
    *CONSTRUCTORS,
    *FUNCTION_NAMES,
    *SUBMODULES.split(),
]
ABOVE = {
    "grad": "pellucid.diff",
    "hessian": "pellucid.jacobians",
    "jacobian": "pellucid.jacobians",
    "vectorize": "pellucid.vectorize",
}
"""Functions that layers above declare, found on first use."""


def _submodule(name: str) -> Any:
    """A part of the language, imported."""
    if name not in SUBMODULES.split():
        raise AttributeError(f"pellucid.tensor has no {name!r}; docs/names.md lists PyTensor's names and what is here.")
    return import_module(f"pellucid.tensor.{name}")


__getattr__ = imported_on_use(__name__, dict.fromkeys(FUNCTION_NAMES, "pellucid.tensor.math") | ABOVE, _submodule)


def __dir__() -> list[str]:
    return sorted(__all__)
