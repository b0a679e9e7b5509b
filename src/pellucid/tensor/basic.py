"""The functions that PyTensor's users look for in `pt.basic`; they are those of `pt`."""

# ruff: noqa: F405 - the star is for type checkers

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.graph.lazy import imported_on_use

if TYPE_CHECKING:
    from pellucid.tensor.math import *  # noqa: F403
    from pellucid.tensor.types import as_tensor, as_tensor_variable

__all__ = [
    "alloc", "arange", "as_tensor", "as_tensor_variable", "atleast_1d", "atleast_2d", "atleast_3d", "atleast_Nd",
    "cast", "choose", "concatenate", "constant", "copy", "diag", "diagonal", "empty", "empty_like", "expand_dims",
    "extract_diag", "eye", "fill", "flatnonzero", "flatten", "full", "full_like", "get_scalar_constant_value",
    "get_underlying_scalar_constant_value", "get_vector_length", "horizontal_stack", "identity", "identity_like",
    "inverse_permutation", "is_flat", "join", "mgrid", "moveaxis", "nonzero", "nonzero_values", "ogrid", "ones",
    "ones_like", "permute_row_elements", "scalar_from_tensor", "second", "split", "stack", "stacklists", "swapaxes",
    "switch", "take_along_axis", "tensor_from_scalar", "tile", "trace", "transpose", "tri", "tril", "tril_indices",
    "tril_indices_from", "triu", "triu_indices", "triu_indices_from", "vertical_stack", "where", "zeros", "zeros_like",
]  # fmt: skip

__getattr__ = imported_on_use(__name__, dict.fromkeys(__all__, "pellucid.tensor"))
