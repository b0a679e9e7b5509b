"""Derivatives of all elements by all elements: the pullback, vectorized over the cotangents of the identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.diff import grad
from pellucid.graph.nodes import Variable
from pellucid.graph.traverse import as_list
from pellucid.tensor.create import extents_of, eye, zeros
from pellucid.tensor.shape import broadcast_to, reshape, size
from pellucid.tensor.types import TensorVariable
from pellucid.vectorize import vectorize_graph


def jacobian(
    expression: TensorVariable,
    wrt: Any,
    consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise",
) -> Any:
    """The derivative of every element of `expression` by every element of `wrt`.

    Parameters
    ----------
    expression : floating tensor of any shape
    wrt : variable or sequence of variables
    consider_constant : sequence of variables, optional
        Variables through which no gradient flows.
    disconnected_inputs : {"raise", "warn", "ignore"}
        What to do about a `wrt` that the expression does not depend on.

    Returns
    -------
    A tensor of shape ``(*expression.shape, *wrt.shape)``, or a list of them.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x = pt.vector("x")
    >>> print(jacobian(x**2, x).eval({x: [1.0, 3.0]}))
    [[2. 0.]
     [0. 6.]]
    """
    targets: Any = as_list(wrt)
    options: dict[str, Any] = dict(consider_constant=consider_constant, disconnected_inputs=disconnected_inputs)
    if expression.ndim == 0:
        return grad(expression, wrt, **options)
    seed = expression.type.variable(name="cotangent")
    rows = grad(None, targets, known_grads={expression: seed}, **options)
    lengths, n = extents_of(expression), size(expression)
    identity = reshape(eye(n, dtype=expression.dtype), [n, *lengths])
    batched = vectorize_graph(rows, {seed: identity})
    found = [arranged(full, v, lengths, n) for full, v in zip(batched, targets, strict=True)]
    return found[0] if isinstance(wrt, Variable) else found


def arranged(rows: TensorVariable, v: TensorVariable, lengths: Sequence[Any], n: TensorVariable) -> TensorVariable:
    """The pullbacks of the unit cotangents, one after another, in the shape of a Jacobian."""
    own = extents_of(v)
    if rows.ndim == v.ndim:  # the cotangent plays no part: the gradient is zero
        return zeros([*lengths, *own], dtype=v.dtype)
    return reshape(broadcast_to(rows, [n, *own]), [*lengths, *own])


def hessian(
    cost: TensorVariable,
    wrt: Any,
    consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise",
) -> Any:
    """The second derivatives of a scalar `cost`: of shape ``(*wrt.shape, *wrt.shape)``, a list of them for several.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x = pt.vector("x")
    >>> print(hessian((x**3).sum(), x).eval({x: [1.0, 2.0]}))
    [[ 6.  0.]
     [ 0. 12.]]
    """
    slopes = grad(cost, as_list(wrt), consider_constant, disconnected_inputs)
    found = [jacobian(g, v, consider_constant, "ignore") for g, v in zip(slopes, as_list(wrt), strict=True)]
    return found[0] if isinstance(wrt, Variable) else found


__all__ = ["hessian", "jacobian"]
