"""Functions of tensors with named dims: every elementwise function of `pt` by its name, and those that take dims."""

from __future__ import annotations

from collections.abc import Callable
from string import ascii_letters
from typing import Any

from pellucid.dims.named import REDUCTIONS, DimTensor, as_xtensor, at_line, elementwise, union
from pellucid.dims.reductions import along, cumulated, reduced
from pellucid.graph.lazy import imported_on_use
from pellucid.tensor import math as tensor_math
from pellucid.tensor.contraction import einsum
from pellucid.tensor.elementwise import Elementwise

OTHER_ELEMENTWISE = [
    "angle", "betaln", "binomln", "cast", "clip", "conj", "conjugate", "factln", "gammal", "gammau", "imag",
    "isclose", "isfinite", "kn", "logical_and", "logical_not", "logical_or", "real", "round", "second", "xlogx",
]  # fmt: skip
"""Functions of elements that are made of others."""


def where(condition: Any, x: Any, y: Any) -> DimTensor:
    """x where the condition holds, y elsewhere, all three aligned by name."""
    return elementwise(tensor_math.switch, condition, x, y)


def softmax(x: Any, dim: Any = None) -> DimTensor:
    """exp(x) over its sum along a dim, or several, or all."""
    return along("softmax", x, dim)


def log_softmax(x: Any, dim: Any = None) -> DimTensor:
    """The log of :func:`softmax`."""
    return along("log_softmax", x, dim)


def logsumexp(x: Any, dim: Any = None) -> DimTensor:
    """log(sum(exp(x))) over a dim, or several, or all."""
    return reduced("logsumexp", x, dim)


def cast(x: Any, dtype: str) -> DimTensor:
    """x in another dtype."""
    return as_xtensor(x).astype(dtype)


def dot(x: Any, y: Any, dim: Any = None) -> DimTensor:
    """The sum of products over `dim`: one, several, all (...), or by default those that both have.

    Examples
    --------
    >>> import pellucid.dims as pmd
    >>> a = pmd.as_xtensor([[1.0, 2.0], [3.0, 4.0]], dims=("row", "column"))
    >>> pmd.dot(a, pmd.as_xtensor([1.0, 10.0], dims="column")).eval()
    array([21., 43.])
    """
    left, right = as_xtensor(x), as_xtensor(y)
    dims = union([left, right])
    shared = [d for d in left.dims if d in right.dims]
    summed = shared if dim is None else list(dims) if dim is ... else [dim] if isinstance(dim, str) else list(dim)
    if unknown := [d for d in summed if d not in dims]:
        raise ValueError(f"dot over {unknown} of tensors with the dims {left.dims} and {right.dims}. {at_line()}")
    letters = dict(zip(dims, ascii_letters, strict=False))
    kept = [d for d in dims if d not in summed]
    codes = ["".join(letters[d] for d in part) for part in (left.dims, right.dims, kept)]
    return DimTensor(einsum(f"{codes[0]},{codes[1]}->{codes[2]}", left.values, right.values), kept)


def _wrapped(name: str, wrapper: Callable[..., DimTensor], *first: Any) -> Callable[..., DimTensor]:
    """`wrapper` with its first argument given, under the name and sentence of the tensors' function."""

    def function(*args: Any, **options: Any) -> DimTensor:
        return wrapper(*first, *args, **options)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = getattr(tensor_math, name).__doc__
    return function


def _find(name: str) -> Any:
    """The function of that name of tensors with named dims."""
    found = getattr(tensor_math, name) if name in tensor_math.__all__ else None
    if isinstance(found, Elementwise) or name in OTHER_ELEMENTWISE:
        return _wrapped(name, elementwise, found)
    if name in {*REDUCTIONS, "std", "var"}:
        return _wrapped(name, reduced, name)
    if name in {"cumsum", "cumprod"}:
        return _wrapped(name, cumulated, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__getattr__ = imported_on_use(__name__, {}, _find)
