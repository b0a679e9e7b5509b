"""The names by which files speak of what the library has, and the errors about what they cannot."""

from __future__ import annotations

import sys
from dataclasses import MISSING
from importlib import import_module
from types import FunctionType
from typing import Any

PACKAGE = "pellucid"


class SaveError(TypeError):
    """What was to be saved holds something that no file can hold, such as a Python function."""


class LoadError(ValueError):
    """A file cannot be read: it is damaged, of a newer version, or names what this version does not have."""


def belongs(cls: type) -> bool:
    """Whether a class or a function is the library's own."""
    module = str(getattr(cls, "__module__", ""))
    return module == PACKAGE or module.startswith(f"{PACKAGE}.")


def place_of(x: Any) -> str:
    """A class or a function as ``module:name``."""
    return f"{x.__module__}:{x.__qualname__}"


def stands(f: Any, value: Any) -> bool:
    """Whether a field holds the function that it holds by default, which need not be written."""
    return f.default is not MISSING and value is f.default and isinstance(value, FunctionType)


def find(place: str) -> Any:
    """What the library has at a place: ``module:name``, or ``module:table[key]``.

    Raises
    ------
    LoadError
        When it has nothing there, or the place is not the library's.
    """
    module, _, name = str(place).partition(":")
    table, _, key = name.partition("[")
    found = module_called(module)
    try:
        for part in table.split("."):
            found = getattr(found, part)
        return found[key.removesuffix("]")] if key else found
    except (AttributeError, KeyError) as error:
        raise LoadError(f"This version has no {place}") from error


def module_called(name: str) -> Any:
    """A module of the library."""
    parts = name.split(".")
    if parts[0] != PACKAGE or any(part.startswith("__") or not part.isidentifier() for part in parts):
        raise LoadError(f"{name} is no module of the library")
    try:
        return import_module(name)
    except ImportError as error:
        raise LoadError(f"This version has no module {name}") from error


def library_places() -> dict[int, str]:
    """The names of those objects of the library that are values of its modules, or of tables in these, by identity."""
    found: dict[int, str] = {}
    loaded = [(name, module) for name, module in list(sys.modules.items()) if belongs_to_library(name, module)]
    for name, module in sorted(loaded, key=lambda pair: pair[0]):
        for label, x in list(vars(module).items()):
            if label.startswith("__"):
                continue
            if type(x) is dict and label.isupper():
                for key, entry in x.items():
                    if isinstance(key, str) and is_value(entry):
                        found.setdefault(id(entry), f"{name}:{label}[{key}]")
            elif is_value(x) and (id(x) not in found or type(x).__module__ == name):
                found[id(x)] = f"{name}:{label}"
    return found


def belongs_to_library(name: str, module: Any) -> bool:
    """Whether a loaded module is the library's."""
    return module is not None and (name == PACKAGE or name.startswith(f"{PACKAGE}."))


def is_value(x: Any) -> bool:
    """Whether something is an object of the library, and neither a class nor a function."""
    return not isinstance(x, (type, FunctionType)) and belongs(type(x))
