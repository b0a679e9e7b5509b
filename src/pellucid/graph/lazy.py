"""Names of a module that are imported when they are first used, so that what a program does not use costs no time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from pellucid.graph.collector import garbage_left_alone


def places(table: Mapping[str, str]) -> dict[str, str]:
    """Where each name is, by a table of the names (separated by spaces) of each module."""
    return {name: module for module, names in table.items() for name in names.split()}


def imported_on_use(owner: str, where: Mapping[str, str], otherwise: Callable[[str], Any] | None = None) -> Any:
    """The `__getattr__` of the module `owner`: it imports a name from its place, and remembers it.

    Parameters
    ----------
    owner : str
        The module's ``__name__``.
    where : dict
        The full name of the module that declares each name.
    otherwise : callable, optional
        What to do about other names; by default they are errors.

    Examples
    --------
    >>> find = imported_on_use("pellucid.graph.lazy", {"latex": "pellucid.graph.mathematics"})
    >>> find("latex").__name__
    'latex'
    """

    def find(name: str) -> Any:
        with garbage_left_alone():  # imports make many objects and no garbage: looking for some takes a tenth of them
            if name in where:
                found = getattr(import_module(where[name]), name)
            elif otherwise is not None:
                found = otherwise(name)
            else:
                raise AttributeError(f"module {owner!r} has no attribute {name!r}")
        vars(sys.modules[owner])[name] = found
        return found

    return find


class Later:
    """A module that is imported when something in it is first asked for."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, name: str) -> Any:
        with garbage_left_alone():
            found = getattr(import_module(self._name), name)
        setattr(self, name, found)
        return found

    def __repr__(self) -> str:
        return f"<module {self._name}, imported when it is used>"


def later(package: str, names: str) -> list[Any]:
    """Some modules of a package, for whoever needs them seldom.

    Type checkers do not see through it: the module that calls this also imports the same under ``TYPE_CHECKING``.

    Examples
    --------
    >>> (mathematics,) = later("pellucid.graph", "mathematics")
    >>> mathematics.latex.__name__
    'latex'
    """
    return [Later(f"{package}.{name}") for name in names.split()]
