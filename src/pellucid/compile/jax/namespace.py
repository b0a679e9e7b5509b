"""The array namespace of references when JAX evaluates them: `jax.numpy`, and special functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.linalg
import jax.scipy.special
import numpy as np

from pellucid.compile.jax.host import call_host


def polygamma(n: Any, x: Any) -> Any:
    """The derivative of order n of digamma, for orders given as floats too, which JAX's own refuses."""
    n = jnp.asarray(n, jnp.result_type(n, x))
    zeta = jax.scipy.special.zeta(n + 1.0, x)
    sign = jnp.where(n % 2 == 0, -1.0, 1.0)
    higher = sign * jnp.exp(jax.scipy.special.gammaln(n + 1.0)) * zeta
    return jnp.where(n == 0, jax.scipy.special.digamma(x), higher)


def floor_divide(x: Any, y: Any) -> Any:
    """The floor of a quotient; of integers by zero it is 0, as NumPy has it, where XLA has any number."""
    x, y = jnp.broadcast_arrays(x, y)
    if not jnp.issubdtype(jnp.result_type(x, y), jnp.integer):
        return jnp.floor_divide(x, y)
    return jnp.where(y == 0, 0, jnp.floor_divide(x, jnp.where(y == 0, 1, y)))


def mod(x: Any, y: Any) -> Any:
    """The remainder of a floor division; of integers by zero it is 0, as NumPy has it."""
    x, y = jnp.broadcast_arrays(x, y)
    if not jnp.issubdtype(jnp.result_type(x, y), jnp.integer):
        return jnp.mod(x, y)
    return jnp.where(y == 0, 0, jnp.mod(x, jnp.where(y == 0, 1, y)))


FUNCTIONS: dict[str, Callable[..., Any]] = {"floor_divide": floor_divide, "mod": mod}
"""Functions of jax.numpy that differ from NumPy's."""
OWN: dict[str, Callable[..., Any]] = {"polygamma": polygamma}
INACCURATE: set[str] = set()
"""Functions that JAX has, but with fewer digits than this package promises: SciPy computes them."""


class JaxNamespace:
    """`xp` for JAX: every name of jax.numpy, `special` and `scipy_linalg`.

    Parameters
    ----------
    host : callable
        Told the name of each function that JAX lacks, which therefore calls SciPy.
    """

    name = "jax"

    def __init__(self, host: Callable[[str], None]):
        self.special = SpecialFunctions(host)
        self.scipy_linalg = jax.scipy.linalg

    def __getattr__(self, name: str) -> Any:
        return FUNCTIONS.get(name) or getattr(jnp, name)


class SpecialFunctions:
    """scipy.special over traced arrays: JAX's own functions, and calls of SciPy's where it has none."""

    def __init__(self, host: Callable[[str], None]):
        self.host = host

    def __getattr__(self, name: str) -> Any:
        own = None if name in INACCURATE else OWN.get(name) or getattr(jax.scipy.special, name, None)
        if own is not None:
            return own
        import scipy.special

        self.host(f"scipy.special.{name}")
        return on_host(getattr(scipy.special, name))


def on_host(function: Callable[..., Any]) -> Callable[..., Any]:
    """A NumPy ufunc as a function of traced arrays. It has no derivative, and needs none: gradients are graphs."""

    def call(*arrays: Any) -> Any:
        traced = [jnp.asarray(a) for a in arrays]
        dtype = function(*[np.empty(0, a.dtype) for a in traced]).dtype
        shape = np.broadcast_shapes(*[a.shape for a in traced])
        return call_host(lambda *values: [function(*values)], [(shape, dtype)], traced)[0]

    return call
