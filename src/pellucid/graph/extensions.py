"""Extension modules of a package, loaded by path: the package around them may take a hundred times longer."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def load_extension(name: str) -> ModuleType:
    """Return a compiled module of SciPy without importing the package around it, or by importing where that fails.

    Raises
    ------
    ImportError
        If SciPy is not installed, or has no such module.

    Examples
    --------
    >>> load_extension("scipy.linalg.cython_blas").__name__
    'scipy.linalg.cython_blas'
    """
    if name in sys.modules:
        return sys.modules[name]
    package, *parts = name.split(".")
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ImportError(f"{package} is not installed; {name} is needed")
    stem = Path(found.origin).parent.joinpath(*parts)
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        if (path := stem.with_name(stem.name + suffix)).exists():
            return _execute(name, path)
    return importlib.import_module(name)


def _execute(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded as an extension module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # Some register themselves under their full name; left there, the module would hide from its package that the
    # package's attribute of that name is still to be set.
    sys.modules.pop(name, None)
    return module
