"""Draw a graph as a picture: SVG text that any browser shows, or the source of a Mermaid or Graphviz diagram."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from pellucid.graph.layout import Layout, Point, layered_layout
from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.provenance import describe
from pellucid.graph.traverse import as_list, toposort

MAX_NODES = 300
TITLE, NOTE = 13.0, 11.0  # sizes of type
MARGIN = 14.0
LONGEST = 30  # characters of a label

NARROW = set("iIjl.,:;'|!()[]{}ft1 ")
WIDE = set("mwMW@%")

STYLE = """
.pellucid-graph{--pg-ink:#1f2933;--pg-soft:#6b7785;--pg-edge:#8c98a4;--pg-op:#eef1f4;--pg-op-line:#9aa5b1;\
--pg-input:#dcebfa;--pg-input-line:#3b82c4;--pg-constant:#f7f7f5;--pg-constant-line:#c9cdd2;\
--pg-random:#fde9d3;--pg-random-line:#d9822b;--pg-shared:#e3f3e6;--pg-shared-line:#3f9a57;\
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
@media (prefers-color-scheme:dark){.pellucid-graph{--pg-ink:#e6eaef;--pg-soft:#9aa7b4;--pg-edge:#71808f;\
--pg-op:#2a323b;--pg-op-line:#5d6b79;--pg-input:#17324c;--pg-input-line:#5aa2e0;--pg-constant:#22272d;--pg-constant-line:#4a545f;\
--pg-random:#4a3115;--pg-random-line:#e39a4d;--pg-shared:#1c3a26;--pg-shared-line:#5fbf7b}}
.pellucid-graph text{fill:var(--pg-ink);text-anchor:middle}
.pellucid-graph .note{fill:var(--pg-soft)}
.pellucid-graph .edge{fill:none;stroke:var(--pg-edge);stroke-width:1.3}
.pellucid-graph .tip{fill:var(--pg-edge)}
.pellucid-graph .op>rect{fill:var(--pg-op);stroke:var(--pg-op-line)}
.pellucid-graph .input>rect{fill:var(--pg-input);stroke:var(--pg-input-line)}
.pellucid-graph .constant>rect{fill:var(--pg-constant);stroke:var(--pg-constant-line)}
.pellucid-graph .random>rect{fill:var(--pg-random);stroke:var(--pg-random-line)}
.pellucid-graph .shared>rect{fill:var(--pg-shared);stroke:var(--pg-shared-line)}
.pellucid-graph .output>rect{stroke-width:2.6}
""".strip()


@dataclass
class Box:
    """One node of a picture.

    Attributes
    ----------
    kind : {"op", "random", "input", "shared", "constant"}
    title : str
    note : str
        A second line, such as the name that an expression was given; may be empty.
    tooltip : str
    output : bool
        Whether it is one of the variables that were asked for.
    """

    kind: str
    title: str
    note: str = ""
    tooltip: str = ""
    output: bool = False


@dataclass(frozen=True)
class Arrow:
    """One input of one application: boxes by number, and what the input is called where that is not plain."""

    source: int
    target: int
    label: str = ""


@dataclass
class Picture:
    """What is drawn, before it has places; every arrow leads to a later box."""

    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)


class Drawing:
    """An SVG picture of a graph; notebooks show it, and `save` writes it to a file.

    Attributes
    ----------
    svg : str
    caption : str
    """

    def __init__(self, svg: str, caption: str):
        self.svg, self.caption = svg, caption

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<{self.caption}>"

    def save(self, path: str | Path) -> None:
        """Write the picture to a file."""
        Path(path).write_text(self.svg, encoding="utf-8")


def draw_graph(
    variables: Variable | Iterable[Variable],
    *,
    stop: Collection[Variable] = (),
    plumbing: bool = False,
    max_nodes: int = MAX_NODES,
) -> Drawing:
    """A picture of the graph of `variables`, for notebooks and reports.

    Parameters
    ----------
    variables : Variable or iterable of Variable (or an object with `.outputs`)
    stop : collection of Variable
        Variables that are drawn as if they were inputs.
    plumbing : bool
        Also draw what is no array: the states of random number generators, arguments that were not given.
    max_nodes : int
        The size above which a picture is refused, as nobody could read it.

    Raises
    ------
    ValueError
        When the graph is too large.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x = pt.vector("x")
    >>> draw_graph(pt.log(x + 1))
    <graph of Log.0: 2 ops, 1 input, 1 constant>
    """
    roots = as_list(getattr(variables, "outputs", variables))
    picture = picture_of(roots, stop=stop, plumbing=plumbing, max_nodes=max_nodes)
    return Drawing(to_svg(picture), caption(roots, picture))


def graph_to_svg(
    variables: Variable | Iterable[Variable],
    *,
    stop: Collection[Variable] = (),
    plumbing: bool = False,
    max_nodes: int = MAX_NODES,
) -> str:
    """The SVG text of :func:`draw_graph`."""
    return draw_graph(variables, stop=stop, plumbing=plumbing, max_nodes=max_nodes).svg


def graph_to_mermaid(
    variables: Variable | Iterable[Variable], *, stop: Collection[Variable] = (), plumbing: bool = False
) -> str:
    """The graph as a Mermaid flowchart, which many renderers of Markdown draw.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> print(graph_to_mermaid(pt.log(pt.vector("x"))))
    flowchart TD
        n0(["x"])
        n1["Log"]
        n0 --> n1
    """
    picture = picture_of(as_list(variables), stop=stop, plumbing=plumbing, max_nodes=None)
    shape = {"op": "[{}]", "random": "{{{{{}}}}}", "input": "([{}])", "shared": "[({})]", "constant": "({})"}
    quote = lambda box: '"' + "<br/>".join(t for t in (box.title, box.note) if t).replace('"', "#quot;") + '"'  # noqa: E731
    lines = [f"n{i}{shape[box.kind].format(quote(box))}" for i, box in enumerate(picture.boxes)]
    lines += [f"n{a.source} -->{f'|{a.label}|' if a.label else ''} n{a.target}" for a in picture.arrows]
    return "\n".join(["flowchart TD", *(f"    {line}" for line in lines)])


def graph_to_dot(
    variables: Variable | Iterable[Variable], *, stop: Collection[Variable] = (), plumbing: bool = False
) -> str:
    """The graph in the language of Graphviz.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> print(graph_to_dot(pt.log(pt.vector("x"))))
    digraph {
        n0 [label="x", shape=ellipse]
        n1 [label="Log", shape=box]
        n0 -> n1
    }
    """
    picture = picture_of(as_list(variables), stop=stop, plumbing=plumbing, max_nodes=None)
    shape = {"op": "box", "random": "hexagon", "input": "ellipse", "shared": "cylinder", "constant": "plaintext"}
    quote = lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'  # noqa: E731
    lines = [
        f"n{i} [label={quote(' '.join(t for t in (b.title, b.note) if t))}, shape={shape[b.kind]}]"
        for i, b in enumerate(picture.boxes)
    ]
    lines += [f"n{a.source} -> n{a.target}" + (f" [label={quote(a.label)}]" if a.label else "") for a in picture.arrows]
    return "\n".join(["digraph {", *(f"    {line}" for line in lines), "}"])


# From a graph to boxes and arrows.


def picture_of(
    roots: Sequence[Variable], *, stop: Collection[Variable], plumbing: bool, max_nodes: int | None
) -> Picture:
    """The boxes and arrows of a graph. A constant is drawn once for each use: it ties nothing together."""
    picture = Picture()
    known: dict[Variable, int] = {}
    stopped = set(stop)
    nodes = toposort(roots, stop=stopped)
    check_size(nodes, max_nodes)
    wanted = set(roots)

    def box_of(v: Variable) -> int:
        if v in known:
            return known[v]
        picture.boxes.append(leaf_box(v, output=v in wanted))
        if kind_of_leaf(v) != "constant":
            known[v] = len(picture.boxes) - 1
        return len(picture.boxes) - 1

    for node in nodes:
        shown = [(i, v) for i, v in enumerate(node.inputs) if plumbing or is_shown(v)]
        sources = [(box_of(v), input_label(node, i, len(shown))) for i, v in shown]
        picture.boxes.append(node_box(node, output=any(v in wanted for v in node.outputs)))
        target = len(picture.boxes) - 1
        known.update(dict.fromkeys(node.outputs, target))
        picture.arrows += [Arrow(source, target, label) for source, label in sources]
    for v in roots:
        box_of(v)
    check_size(picture.boxes, max_nodes)
    return picture


def check_size(nodes: Sequence[object], max_nodes: int | None) -> None:
    """Refuse what nobody could read."""
    if max_nodes is not None and len(nodes) > max_nodes:
        raise ValueError(
            f"The graph has {len(nodes)} nodes or more, and a picture of over {max_nodes} cannot be read. Draw a part "
            "of it with stop=[...], print it with dprint(graph, depth=...), or raise max_nodes."
        )


def is_shown(v: Variable) -> bool:
    """Whether a variable is an array, and not the plumbing between ops."""
    return hasattr(v.type, "shape")


def kind_of_leaf(v: Variable) -> str:
    """A constant has its value, a shared variable a value that may change, and an input none."""
    if v.owner is not None or not v.has_value:
        return "input"
    return "constant" if hasattr(v, "data") else "shared"


def leaf_box(v: Variable, *, output: bool) -> Box:
    """A box for a variable that is not computed."""
    kind = kind_of_leaf(v)
    title = constant_text(v) if kind == "constant" else str(v)
    return Box(kind, shorten(title), tooltip=f"{kind} {v}: {v.type}", output=output)


def constant_text(v: Variable) -> str:
    """The value of a constant if it is short, else its dtype and shape."""
    text = str(v)
    if v.name or "{" not in text:
        return text
    return f"{getattr(v.type, 'dtype', '')} {'×'.join(map(str, getattr(v.type, 'shape', ())))}"


def node_box(node: Apply, *, output: bool) -> Box:
    """A box for an application."""
    names = ", ".join(v.name for v in node.outputs if v.name)
    types = ", ".join(str(v.type) for v in node.outputs if is_shown(v)) or str(node.outputs[0].type)
    tooltip = f"{node.op} → {types}\n{describe(node.line)}"
    return Box("random" if hasattr(node.op, "law") else "op", shorten(str(node.op)), shorten(names), tooltip, output)


def input_label(node: Apply, i: int, shown: int) -> str:
    """What an input is called: the parameter of a draw; the number where the order matters."""
    law = getattr(node.op, "law", None)
    if law is not None:
        return ("rng", "size", *law.parameters)[i]
    return "" if shown < 2 or getattr(node.op, "commutes", False) else str(i + 1)


def shorten(text: str) -> str:
    """`text`, cut to what fits in a box."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def caption(roots: Sequence[Variable], picture: Picture) -> str:
    """What the picture shows, in words."""
    kinds = [box.kind for box in picture.boxes]
    names = {"op": "op", "random": "random draw", "input": "input", "shared": "shared variable", "constant": "constant"}
    counts = {name: kinds.count(kind) for kind, name in names.items()}
    listed = ", ".join(f"{count} {name}{'s' * (count > 1)}" for name, count in counts.items() if count)
    return f"graph of {shorten(', '.join(map(str, roots)))}: {listed or 'nothing'}"


# From boxes and arrows to SVG.


def text_width(text: str, size: float) -> float:
    """About how wide a text is in a sans-serif type."""
    return size * sum(0.32 if c in NARROW else 0.86 if c in WIDE else 0.67 if c.isupper() else 0.56 for c in text)


def box_size(box: Box, labels: Sequence[str]) -> tuple[float, float]:
    """The size of a box that holds its texts, and below which its arrows have room."""
    widest = max(text_width(box.title, TITLE), text_width(box.note, NOTE))
    room = sum(port_width(label) for label in labels)
    return max(widest + 22, room, 34.0), 44.0 if box.note else 28.0


def port_width(label: str) -> float:
    """The room that the end of an arrow takes."""
    return text_width(label, NOTE) + 14 if label else 13.0


def to_svg(picture: Picture) -> str:
    """The picture as SVG text."""
    incoming: list[list[int]] = [[] for _ in picture.boxes]
    for k, arrow in enumerate(picture.arrows):
        incoming[arrow.target].append(k)
    sizes = [box_size(b, [picture.arrows[k].label for k in incoming[i]]) for i, b in enumerate(picture.boxes)]
    layout = layered_layout(sizes, [(a.source, a.target) for a in picture.arrows])
    spread_ends(picture, incoming, layout)
    parts = [arrow_svg(layout.routes[k], a.label) for k, a in enumerate(picture.arrows)]
    parts += [box_svg(b, layout.centres[i], sizes[i]) for i, b in enumerate(picture.boxes)]
    width, height = layout.width + 2 * MARGIN, layout.height + 2 * MARGIN
    return (
        '<svg class="pellucid-graph" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="{-MARGIN:g} {-MARGIN:g} {width:.1f} {height:.1f}">'
        f"<style>{STYLE}</style>{''.join(parts)}</svg>"
    )


def spread_ends(picture: Picture, incoming: Sequence[Sequence[int]], layout: Layout) -> None:
    """Let the arrows of one box end side by side, in the order in which they come."""
    for arrows in incoming:
        # Equal arrows (x + x) come from the same place; the label keeps them in order.
        ordered = sorted(arrows, key=lambda k: (layout.routes[k][-2][0], picture.arrows[k].label))
        widths = [port_width(picture.arrows[k].label) for k in ordered]
        at = -sum(widths) / 2
        for k, width in zip(ordered, widths, strict=True):
            x, y = layout.routes[k][-1]
            layout.routes[k][-1] = x + at + width / 2, y
            at += width


def arrow_svg(points: Sequence[Point], label: str) -> str:
    """A smooth curve through points, downward at each of them, with a head and perhaps a label."""
    (x, y), *rest = points
    *middle, (end_x, end_y) = rest
    path = [f"M{x:.1f} {y:.1f}"]
    for u, v in [*middle, (end_x, end_y - 6)]:
        bend = (y + v) / 2
        path.append(f"C{x:.1f} {bend:.1f} {u:.1f} {bend:.1f} {u:.1f} {v:.1f}" if u != x else f"V{v:.1f}")
        x, y = u, v
    head = f'<path class="tip" d="M{end_x:.1f} {end_y:.1f}l-3.6 -7h7.2z"/>'
    place = f'x="{end_x + 5:.1f}" y="{end_y - 5:.1f}"'
    text = f'<text class="note" {place} style="text-anchor:start" font-size="9.5">{escape(label)}</text>'
    return f'<path class="edge" d="{"".join(path)}"/>{head}' + (text if label else "")


def box_svg(box: Box, centre: Point, size: tuple[float, float]) -> str:
    """A box with its texts; what it is can be seen from its colour and its corners."""
    (x, y), (w, h) = centre, size
    radius = {"op": 6.0, "random": h / 2, "input": h / 2, "shared": 2.0, "constant": 3.0}[box.kind]
    text_at = lambda dy, size: f'x="{x:.1f}" y="{y + dy:.1f}" font-size="{size:g}"'  # noqa: E731
    texts = f"<text {text_at(-2.5 if box.note else 4.5, TITLE)}>{escape(box.title)}</text>"
    if box.note:
        texts += f'<text class="note" {text_at(14, NOTE)} font-style="italic">{escape(box.note)}</text>'
    place = f'x="{x - w / 2:.1f}" y="{y - h / 2:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{radius:g}"'
    kind = f"{box.kind} output" if box.output else box.kind
    return f'<g class="{kind}"><title>{escape(box.tooltip)}</title><rect {place}/>{texts}</g>'
