"""Functions written for JAX as parts of graphs."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any


def wrap_jax(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function of JAX take and return variables (a decorator).

    JAX says of what shape and dtype the results are, and has their gradients. Under ``backend="jax"`` the function
    becomes part of what JAX compiles; from other backends its compiled form is called back, in double precision.

    Parameters
    ----------
    function : callable
        Of arrays, and of trees (tuples, lists, dicts, ...) of arrays; it returns an array or such a tree. Arguments
        that are neither variables nor NumPy arrays reach it as they are, and numbers among them may decide shapes.

    Raises
    ------
    ModuleNotFoundError
        Without JAX.
    TypeError
        When the variables are given, and JAX cannot trace the function with arrays of their shapes.

    Examples
    --------
    >>> import jax.numpy as jnp, pellucid as pm, pellucid.tensor as pt
    >>> @wrap_jax
    ... def wave(x, options):
    ...     return {"wave": jnp.sin(x) * options["scale"], "total": x.sum()}
    >>> x = pt.dvector("x")
    >>> y = wave(x, {"scale": pt.constant(2.0)})
    >>> y["wave"].eval({x: [0.0, 1.0]}).round(3), pm.grad(y["wave"].sum(), x).eval({x: [0.0]})
    (array([0.   , 1.683]), array([2.]))
    """
    try:
        from pellucid.compile.jax.functions import apply_function
    except ModuleNotFoundError as error:
        if error.name != "jax":
            raise
        raise ModuleNotFoundError("pm.wrap_jax needs JAX: pip install 'pellucid[jax]'.", name="jax") from error

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return apply_function(function, args, kwargs)

    return wrapped
