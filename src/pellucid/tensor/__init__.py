"""The tensor language: inputs, NumPy-like functions, and random draws, all of which wire up a graph."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pellucid.graph.nodes import Op, Variable
from pellucid.tensor import basic, extra_ops, fft, interpolate, linalg, nlinalg, random, signal, slinalg, subtensor
from pellucid.tensor.create import CONSTRUCTORS, constructor, plural, tensor
from pellucid.tensor.math import *  # noqa: F403
from pellucid.tensor.math import __all__ as FUNCTION_NAMES
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
    scalar = vector = matrix = row = col = tensor3 = tensor4 = tensor5 = tensor6 = tensor7 = constructor("scalar")
    bscalar = bvector = bmatrix = iscalar = ivector = imatrix = lscalar = lvector = lmatrix = constructor("scalar")
    fscalar = fvector = fmatrix = dscalar = dvector = dmatrix = ltensor3 = ftensor3 = dtensor3 = constructor("scalar")
    scalars = vectors = matrices = dscalars = dvectors = dmatrices = lscalars = lvectors = lmatrices = plural(scalar)

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
    "basic",
    "extra_ops",
    "fft",
    "interpolate",
    "linalg",
    "math",  # noqa: F405  # the submodule, an attribute since its import above
    "nlinalg",
    "random",
    "signal",
    "slinalg",
    "subtensor",
    "tensor",
    *CONSTRUCTORS,
    *FUNCTION_NAMES,
]
ABOVE = {
    "grad": "pellucid.diff",
    "hessian": "pellucid.jacobian",
    "jacobian": "pellucid.jacobian",
    "vectorize": "pellucid.vectorize",
}
"""Functions that layers above declare, found on first use."""


def __getattr__(name: str) -> Any:
    if name not in ABOVE:
        raise AttributeError(f"pellucid.tensor has no {name!r}; docs/names.md lists PyTensor's names and what is here.")
    return getattr(import_module(ABOVE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
