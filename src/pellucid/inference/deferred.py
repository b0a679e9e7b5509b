"""A result that becomes an `xarray.DataTree` when it is first read: a script that only samples needs no xarray."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from typing import Any

__all__ = ["DeferredTree", "read"]

OPERATORS = (
    "getitem setitem delitem contains eq ne lt le gt ge add sub mul truediv floordiv mod pow and_ or_ xor "
    "iadd isub imul itruediv ifloordiv imod ipow iand ior ixor neg pos abs invert"
)
REFLECTED = "add sub mul truediv floordiv mod pow and_ or_ xor"
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "iter": iter, "len": len, "bool": bool, "repr": repr, "str": str, "format": format, "dir": dir,
    "copy": copy.copy, "deepcopy": copy.deepcopy,
}  # fmt: skip
"""The other special methods of trees, which Python looks up in the class and not through `__getattr__`."""


class DeferredTree:
    """Stands for the tree that `make` returns, and makes it at the first use; `isinstance` takes it for that tree.

    A library that stands in for objects (wrapt) would take longer to import than xarray's share that is saved.

    Parameters
    ----------
    make : callable
        Called once, without arguments.
    draft : object
        What `make` works from, for readers that need no tree (see :func:`read`); dropped once the tree is there,
        because a user may change that.

    Examples
    --------
    >>> tree = DeferredTree(lambda: {"posterior": 1}, draft=None)
    >>> tree["posterior"], len(tree), list(tree.items()), isinstance(tree, dict)
    (1, 1, [('posterior', 1)], True)
    """

    __slots__ = ("_draft", "_make", "_memory", "_tree")

    def __init__(self, make: Callable[[], Any], draft: Any):
        object.__setattr__(self, "_make", make)
        object.__setattr__(self, "_draft", draft)
        object.__setattr__(self, "_tree", None)
        object.__setattr__(self, "_memory", None)

    @property
    def __class__(self) -> type:  # what `isinstance` asks when the type itself does not match
        return type(made(self))

    def __getattr__(self, name: str) -> Any:
        return getattr(made(self), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(made(self), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(made(self), name)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return made(self).__reduce_ex__(protocol)

    __hash__ = None  # type: ignore[assignment]  # a tree can change, and is compared by its contents


def made(deferred: Any) -> Any:
    """The tree that a deferred one stands for; anything else as it is."""
    if type(deferred) is not DeferredTree:
        return deferred
    if deferred._tree is None:
        object.__setattr__(deferred, "_tree", deferred._make())
        object.__setattr__(deferred, "_draft", None)
        object.__setattr__(deferred, "_make", None)
    return deferred._tree


def remembering(deferred: DeferredTree, memory: object) -> DeferredTree:
    """A result that knows where its chains ended; its copies do not."""
    object.__setattr__(deferred, "_memory", memory)
    return deferred


def read(result: Any) -> Any:
    """What a result was made from, if it is deferred and still is as it was made; None otherwise."""
    return result._draft if type(result) is DeferredTree and result._tree is None else None


def forwarded(function: Callable[..., Any], *, swapped: bool = False) -> Callable[..., Any]:
    """A method that calls `function` with the tree, and with the trees of deferred operands."""

    def method(self: DeferredTree, *others: Any) -> Any:
        operands = [made(self), *map(made, others)]
        return function(*(reversed(operands) if swapped else operands))

    return method


for _name in OPERATORS.split():
    setattr(DeferredTree, f"__{_name.strip('_')}__", forwarded(getattr(operator, _name)))
for _name in REFLECTED.split():
    setattr(DeferredTree, f"__r{_name.strip('_')}__", forwarded(getattr(operator, _name), swapped=True))
for _name, _function in FUNCTIONS.items():
    setattr(DeferredTree, f"__{_name}__", forwarded(_function))
