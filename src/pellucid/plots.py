"""ArviZ's plots under PyMC's name for them, ``pm.plots``: they take results as they are."""

from importlib import import_module
from typing import Any

__all__: list[str] = []


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        library = import_module("arviz_plots")  # which few sessions need, and which takes seconds to import
    except ImportError as error:
        raise AttributeError(
            f"pm.plots.{name} is ArviZ's: pip install 'arviz-plots[matplotlib]'. Results are what it expects."
        ) from error
    return getattr(library, name)
