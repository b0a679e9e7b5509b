"""The functions that PyTensor's users look for in `pt.basic`; they are those of `pt`."""

from __future__ import annotations

from pellucid.tensor.arithmetic import copy, switch
from pellucid.tensor.create import (
    alloc,
    arange,
    empty,
    empty_like,
    eye,
    fill,
    full,
    full_like,
    identity,
    ones,
    ones_like,
    second,
    tri,
    tril,
    triu,
    zeros,
    zeros_like,
)
from pellucid.tensor.elementwise import cast
from pellucid.tensor.index import nonzero
from pellucid.tensor.indexing import diag, diagonal, take_along_axis, tile, trace
from pellucid.tensor.numbers import choose, where
from pellucid.tensor.packing import (
    atleast_Nd,
    get_scalar_constant_value,
    get_underlying_scalar_constant_value,
    get_vector_length,
    horizontal_stack,
    identity_like,
    is_flat,
    scalar_from_tensor,
    split,
    stacklists,
    tensor_from_scalar,
    vertical_stack,
)
from pellucid.tensor.positions import (
    extract_diag,
    flatnonzero,
    mgrid,
    nonzero_values,
    ogrid,
    tril_indices,
    tril_indices_from,
    triu_indices,
    triu_indices_from,
)
from pellucid.tensor.shape import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    concatenate,
    expand_dims,
    flatten,
    join,
    moveaxis,
    stack,
    swapaxes,
    transpose,
)
from pellucid.tensor.statistics import inverse_permutation, permute_row_elements
from pellucid.tensor.types import as_tensor, as_tensor_variable, constant

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
