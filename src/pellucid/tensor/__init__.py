"""The tensor language: inputs, NumPy-like functions, and random draws, all of which wire up a graph."""

from __future__ import annotations

from pellucid.tensor import random
from pellucid.tensor.arithmetic import *  # noqa: F403
from pellucid.tensor.broadcast import ShapeError
from pellucid.tensor.create import *  # noqa: F403
from pellucid.tensor.create import CONSTRUCTORS
from pellucid.tensor.elementwise import cast
from pellucid.tensor.index import nonzero
from pellucid.tensor.indexing import diag, diagonal, inc_subtensor, set_subtensor, take, trace
from pellucid.tensor.linalg import cho_solve, cholesky, dot, inv, matmul, matrix_inverse, outer, solve_triangular
from pellucid.tensor.reduce import *  # noqa: F403
from pellucid.tensor.shape import *  # noqa: F403
from pellucid.tensor.special import *  # noqa: F403
from pellucid.tensor.transcendental import *  # noqa: F403
from pellucid.tensor.types import (
    Constant,
    TensorConstant,
    TensorType,
    TensorVariable,
    as_tensor,
    as_tensor_variable,
    constant,
)

globals().update(CONSTRUCTORS)  # scalar, vector, dmatrix, lvectors, ...
