"""The functions of tensors under PyMC's name for them, ``pm.math``."""

# ruff: noqa: F401 - the imports for type checkers are all there for others to use

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.graph.lazy import imported_on_use, places
from pellucid.tensor.math import __all__ as TENSOR_MATH

if TYPE_CHECKING:
    from pellucid.tensor.kronecker import *  # noqa: F403
    from pellucid.tensor.linalg import block_diag, det, eigh, kron, slogdet, solve
    from pellucid.tensor.math import *  # noqa: F403
    from pellucid.tensor.types import as_tensor_variable as as_tensor

MODULES = {
    "pellucid.tensor.kronecker": (
        "batched_diag cartesian flat_outer flatten_list kron_diag kron_dot kron_solve_lower kron_solve_upper kronecker "
        "logdet"
    ),
    "pellucid.tensor.linalg": "block_diag det eigh kron slogdet solve",
    "pellucid.tensor": "as_tensor",
}
"""What only PyMC counts among these functions."""

__all__ = [*TENSOR_MATH, *places(MODULES)]  # noqa: PLE0604 - all of them are names
__getattr__ = imported_on_use(__name__, {**dict.fromkeys(TENSOR_MATH, "pellucid.tensor.math"), **places(MODULES)})
