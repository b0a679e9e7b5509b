"""A picture of a model as SVG: variables with arrows, and frames around those that repeat together."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.graph.drawing import MARGIN, NOTE, STYLE, Box, arrow_svg, box_size, box_svg, text_width
from pellucid.graph.layout import Layout, Point, layered_layout
from pellucid.model.structure import Structure, model_to_dot, structure

if TYPE_CHECKING:
    from pellucid.model.model import Model

BOXES = {"free": "random", "observed": "random", "deterministic": "op", "potential": "constant", "data": "shared"}
"""The boxes of :mod:`pellucid.graph.drawing` for the kinds of variables."""

PADDING, LABEL = 12.0, 18.0


class Diagram:
    """A picture of a model, which notebooks show.

    Attributes
    ----------
    svg : str
    source : str
        The same in the language of Graphviz.
    """

    def __init__(self, svg: str, source: str):
        self.svg, self.source = svg, source

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<diagram of a model, {self.svg.count('<title>')} variables; .svg, .source, .save(path)>"

    def save(self, path: str | Path) -> None:
        """Write the picture to a file: SVG, or Graphviz's text if the name ends in .dot or .gv."""
        text = self.source if Path(path).suffix in (".dot", ".gv") else self.svg
        Path(path).write_text(text, encoding="utf-8")


def model_to_graphviz(
    model: Model | None = None,
    *,
    var_names: Sequence[str] | None = None,
    formatting: str = "plain",
    save: str | Path | None = None,
    figsize: Any = None,
    dpi: Any = None,
    node_formatters: Any = None,
    graph_attr: Any = None,
    include_dim_lengths: bool = True,
) -> Diagram:
    """A picture of a model with its plates; neither Graphviz nor anything else need be installed.

    Parameters
    ----------
    model : Model, optional
    var_names : sequence of str, optional
        Draw these and what they depend on; by default everything.
    save : path, optional
        Write the picture there, too.
    include_dim_lengths : bool
    formatting, figsize, dpi, node_formatters, graph_attr
        Accepted for compatibility, and ignored: SVG has no resolution.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model() as model:
    ...     mu = pm.Normal("mu", 0, 1)
    ...     x = pm.Normal("x", mu, 1, shape=3)
    >>> pm.model_to_graphviz(model)
    <diagram of a model, 2 variables; .svg, .source, .save(path)>
    """
    found = structure(model, var_names, include_dim_lengths=include_dim_lengths)
    dot = model_to_dot(model, var_names=var_names, include_dim_lengths=include_dim_lengths)
    diagram = Diagram(to_svg(found), dot)
    if save is not None:
        diagram.save(save)
    return diagram


def blocks_of(found: Structure) -> list[list[int]]:
    """Members that are drawn in one frame: those of a plate, as long as no arrow would lead back into the frame.

    A scalar is a block of its own. Blocks come in an order in which arrows lead forward.
    """
    blocks: list[list[int]] = []
    home: dict[int, int] = {}
    above: list[set[int]] = []  # for each block, the blocks that it depends on, through others too
    for i, member in enumerate(found.members):
        needs = {home[a] for a, b in found.arrows if b == i and a in home}
        needs |= {k for b in needs for k in above[b]}
        same = [
            k for k, block in enumerate(blocks)
            if member.plate and found.members[block[0]].plate == member.plate
            and not any(k in above[b] for b in needs if b != k)
        ]  # fmt: skip
        if same:
            k = same[-1]
            blocks[k].append(i)
        else:
            k = len(blocks)
            blocks.append([i])
            above.append(set())
        home[i] = k
        grown = needs - {k}
        above[k] |= grown
        for others in (s for s in above if k in s):
            others.update(grown)
    order = sorted(range(len(blocks)), key=lambda k: (len(above[k]), k))
    return [blocks[k] for k in order]


def to_svg(found: Structure) -> str:
    """The structure as SVG: each frame is laid out by itself, and then the frames among each other."""
    boxes = [
        Box(BOXES[m.kind], m.name, f"~ {m.text}" if m.kind in ("free", "observed") else m.text,
            f"{m.kind}: {m.name} {m.plate}", output=m.kind == "observed")
        for m in found.members
    ]  # fmt: skip
    sizes = [box_size(b, []) for b in boxes]
    blocks = blocks_of(found)
    inner = [layout_of(block, sizes, found) for block in blocks]
    names = [found.members[block[0]].plate for block in blocks]
    frames = [frame_size(layout, name) for layout, name in zip(inner, names, strict=True)]
    home = {i: k for k, block in enumerate(blocks) for i in block}
    joined = sorted({(home[a], home[b]) for a, b in found.arrows if home[a] < home[b]})
    outer = layered_layout(frames, joined)
    centres = {
        i: place(outer.centres[k], inner[k], j, names[k]) for k, block in enumerate(blocks) for j, i in enumerate(block)
    }
    parts = [frame_svg(c, s, n) for c, s, n in zip(outer.centres, frames, names, strict=True) if n]
    parts += [arrow_svg(path(centres, sizes, a, b), "") for a, b in found.arrows]
    parts += [box_svg(box, centres[i], sizes[i]) for i, box in enumerate(boxes)]
    width, height = outer.width + 2 * MARGIN, outer.height + 2 * MARGIN
    return (
        '<svg class="pellucid-graph" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="{-MARGIN:g} {-MARGIN:g} {width:.1f} {height:.1f}">'
        f"<style>{STYLE}\n.pellucid-graph .plate{{fill:none;stroke:var(--pg-edge);stroke-dasharray:none}}</style>"
        f"{''.join(parts)}</svg>"
    )


def layout_of(block: Sequence[int], sizes: Sequence[tuple[float, float]], found: Structure) -> Layout:
    """The members of one frame among each other."""
    number = {i: j for j, i in enumerate(block)}
    edges = [(number[a], number[b]) for a, b in found.arrows if a in number and b in number and number[a] < number[b]]
    return layered_layout([sizes[i] for i in block], edges)


def frame_size(layout: Layout, name: str) -> tuple[float, float]:
    """The size of a frame with its label; that of the box alone where there is none."""
    if not name:
        return layout.width, layout.height
    return max(layout.width, 1.1 * text_width(name, NOTE)) + 2 * PADDING, layout.height + 2 * PADDING + LABEL


def place(frame: Point, layout: Layout, j: int, name: str) -> Point:
    """Where a member of a frame is."""
    x, y = layout.centres[j]
    lift = LABEL / 2 if name else 0.0
    return frame[0] - layout.width / 2 + x, frame[1] - layout.height / 2 + y - lift


def path(centres: dict[int, Point], sizes: Sequence[tuple[float, float]], a: int, b: int) -> list[Point]:
    """From the lower side of one box to the upper side of another."""
    (x, y), (u, v) = centres[a], centres[b]
    return [(x, y + sizes[a][1] / 2), (u, v - sizes[b][1] / 2)]


def frame_svg(centre: Point, size: tuple[float, float], name: str) -> str:
    """A frame, with what it repeats over in its lower right corner."""
    (x, y), (w, h) = centre, size
    where = f'x="{x - w / 2:.1f}" y="{y - h / 2:.1f}" width="{w:.1f}" height="{h:.1f}" rx="10"'
    at = f'x="{x + w / 2 - PADDING:.1f}" y="{y + h / 2 - 8:.1f}"'
    text = f'<text class="note" {at} style="text-anchor:end" font-size="{NOTE:g}">{escape(name)}</text>'
    return f'<rect class="plate" {where}/>{text}'
