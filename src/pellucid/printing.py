"""Show graphs: as trees, as mathematics, as pictures, and as values while they are computed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from pellucid.graph.drawing import draw_graph, graph_to_dot, graph_to_mermaid, graph_to_svg
from pellucid.graph.mathematics import latex, pp, pprint
from pellucid.graph.printing import dprint
from pellucid.tensor.host import Print

debugprint = dprint

FORMATS = {"svg": graph_to_svg, "dot": graph_to_dot, "mmd": graph_to_mermaid}
"""How a graph is written, by the suffix of the file."""


def pydotprint(fct: Any, outfile: str | Path | None = None, format: str | None = None) -> Path:
    """Write a picture of a graph to a file; nothing else need be installed for it.

    Parameters
    ----------
    fct : Variable, sequence of Variable, or compiled function
    outfile : path, optional
        By default "pellucid.svg" in the working directory.
    format : {"svg", "dot", "mmd"}, optional
        A picture, or text for Graphviz or Mermaid; by default the suffix of `outfile`.

    Returns
    -------
    The path of the file.
    """
    path = Path(outfile or f"pellucid.{format or 'svg'}")
    kind = format or path.suffix.removeprefix(".")
    if kind not in FORMATS:
        raise ValueError(f"Cannot write {path}: {kind!r} is no format; there are {', '.join(FORMATS)}.")
    path.write_text(FORMATS[kind](getattr(fct, "rewritten", fct)), encoding="utf-8")
    return path


def str_for_model(model: Any, formatting: str = "plain", include_params: bool = True) -> str:
    """A model as text or LaTeX, as its method ``str_repr`` writes it."""
    return model.str_repr(formatting, include_params)


def str_for_dist(dist: Any, formatting: str = "plain", include_params: bool = True) -> str:
    """A random variable as text: its name and its distribution.

    Examples
    --------
    >>> import pellucid as pm
    >>> str_for_dist(pm.Normal.dist(0, 2))
    'Normal(0, 2)'
    """
    show = import_module("pellucid.model.show")  # by name, because models are above graphs
    return show.variable_text(dist, formatting, include_params=include_params)


__all__ = [
    "Print", "debugprint", "dprint", "draw_graph", "graph_to_dot", "graph_to_mermaid", "graph_to_svg", "latex", "pp",
    "pprint", "pydotprint", "str_for_dist", "str_for_model",
]  # fmt: skip
