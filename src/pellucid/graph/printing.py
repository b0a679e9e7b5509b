"""Print a graph as a tree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from pellucid.graph.nodes import Variable
from pellucid.graph.traverse import as_list, toposort


def letters(number: int) -> str:
    """0 is A, 25 is Z, 26 is AA, as columns of a spreadsheet."""
    text = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        text = chr(65 + digit) + text
    return text


def label(v: Variable, *, print_type: bool, mark: str) -> str:
    """One line of the tree, without its branches."""
    what = str(v) if v.owner is None else str(v.owner.op)
    if v.owner is not None and len(v.owner.outputs) > 1:
        what += f".{v.index}"
    kind = f" <{v.type}>" if print_type else ""
    name = f" '{v.name}'" if v.name and v.owner is not None else ""
    return f"{what} {mark}{kind}{name}"


def tree_lines(outputs: Iterable[Variable], depth: int | None, *, print_type: bool, id_type: str) -> Iterable[str]:
    """The lines of the tree, top down; a subgraph met before is named, not repeated."""
    ids: dict[object, str] = {}
    opened: set[object] = set()
    stack = [(v, "", "", 1) for v in reversed(list(outputs))]
    while stack:
        v, lead, branch, level = stack.pop()
        key = v if v.owner is None else v.owner
        mark = ids.setdefault(key, f"[id {letters(len(ids))}]") if id_type else ""
        inputs = v.owner.inputs if v.owner else ()
        repeated = bool(inputs) and key in opened
        deeper = bool(inputs) and not repeated and (depth is None or level < depth)
        opened.add(key)
        yield (lead + branch + label(v, print_type=print_type, mark=mark) + (" ···" if repeated else "")).rstrip()
        if deeper:
            lead += {"": "", " ├─ ": " │  ", " └─ ": "    "}[branch]
            children = [(u, lead, " ├─ ", level + 1) for u in inputs]
            children[-1] = (children[-1][0], lead, " └─ ", level + 1)
            stack.extend(reversed(children))


def inner_graphs(roots: Iterable[Variable]) -> list[tuple[object, list[Variable]]]:
    """The ops that hold graphs, each with the outputs of its own; those within them as well."""
    found: dict[object, list[Variable]] = {}
    waiting = [list(roots)]
    while waiting:
        for node in toposort(waiting.pop(0)):
            held = getattr(node.op, "graph", None) or getattr(node.op, "body", None)
            outputs = getattr(held, "outputs", None)
            if outputs and node.op not in found:
                found[node.op] = list(outputs)
                waiting.append(found[node.op])
    return list(found.items())


def dprint(
    graph: Variable | Iterable[Variable],
    depth: int | None = None,
    *,
    print_type: bool = False,
    id_type: str = "CHAR",
    print_inner_graphs: bool = False,
    file: TextIO | str | None = None,
) -> str | None:
    """Print `graph` as a tree, with an id for each node and ``···`` where a subgraph was printed before.

    Parameters
    ----------
    graph : Variable or iterable of Variable (or an object with `.outputs` or `.variables`)
    depth : int, optional
        How many levels to print; all of them by default.
    print_type : bool
        Also print each variable's type.
    id_type : "CHAR" or ""
        Letters, or no ids.
    print_inner_graphs : bool
        Also print what loops and ops made of graphs compute within, below the graph.
    file : file object or "str", optional
        Where to print (standard output by default); "str" returns the text instead.

    Returns
    -------
    None, or the text if asked for: what a cell of a notebook ends with is shown, and the tree is shown already.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x = pt.scalar("x")
    >>> dprint(pt.log(x + x))
    Log [id A]
     └─ Add [id B]
        ├─ x [id C]
        └─ x [id C]
    """
    roots = as_list(getattr(graph, "outputs", graph))  # a compiled function prints its outputs
    lines = list(tree_lines(roots, depth, print_type=print_type, id_type=id_type))
    if print_inner_graphs:
        for op, outputs in inner_graphs(roots):
            lines += ["", f"{op} computes:", *tree_lines(outputs, depth, print_type=print_type, id_type=id_type)]
    text = "\n".join(lines)
    if file == "str":
        return text
    print(text, file=None if isinstance(file, str) else file)
    return None
