"""The tensor language: inputs, NumPy-like functions, and random draws, all of which wire up a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.tensor import linalg, nlinalg, random, slinalg
from pellucid.tensor.create import CONSTRUCTORS, constructor, plural, tensor
from pellucid.tensor.math import *  # noqa: F403
from pellucid.tensor.math import __all__ as FUNCTION_NAMES
from pellucid.tensor.types import (
    Constant,
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
    "TensorConstant",
    "TensorType",
    "TensorVariable",
    "as_tensor",
    "as_tensor_variable",
    "linalg",
    "math",  # noqa: F405  # the submodule, an attribute since its import above
    "nlinalg",
    "random",
    "slinalg",
    "tensor",
    *CONSTRUCTORS,
    *FUNCTION_NAMES,
]


def __dir__() -> list[str]:
    return sorted(__all__)
