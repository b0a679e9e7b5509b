"""Products of matrices: signs and scalar factors leave them, inverses of inverses vanish."""

from __future__ import annotations

from typing import Any

from pellucid.graph.nodes import Apply
from pellucid.rewrite.pattern import Hole, Table, procedure
from pellucid.rewrite.shapes import all_ones, as_scalar, source
from pellucid.tensor.arithmetic import mul, true_div
from pellucid.tensor.linalg import Inverse, MatMul, SolveTriangular

A, B = Hole("A", dtypes="f"), Hole("B", dtypes="f")
product, inverse = MatMul(), Inverse()

SIGNS: Table = (
    product(-A, B) >> -product(A, B),
    product(A, -B) >> -product(A, B),
    inverse(inverse(A)) >> A,  # a singular A: nan becomes A
)


@procedure(MatMul, SolveTriangular, over=[mul, true_div])
def scalar_factor_of_a_product(node: Apply) -> Any:
    """Scale the (smaller) result by a scalar instead of a factor: (s A) B = s (A B), and so for solutions."""
    places = (0, 1) if isinstance(node.op, MatMul) else (1,)
    for i in places:
        parts = scaled(node.inputs[i])
        if parts is not None:
            op, plain, scalar = parts
            inputs = [plain if j == i else v for j, v in enumerate(node.inputs)]
            return op(node.op(*inputs), scalar)
    return None


def scaled(v: Any) -> tuple[Any, Any, Any] | None:
    """The op, tensor and scalar of a tensor times (or divided by) a scalar."""
    if v.owner is None or v.owner.op not in (mul, true_div) or not v.type.dtype.startswith("float"):
        return None
    first, second = source(v).inputs
    if v.owner.op is mul and all_ones(first):
        first, second = second, first
    if not all_ones(second) or first.type != v.type:
        return None
    return v.owner.op, first, as_scalar(second)


LINEAR: Table = (*SIGNS, scalar_factor_of_a_product)
