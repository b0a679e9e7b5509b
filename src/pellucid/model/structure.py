"""A model's variables, what each depends on, and the plates they repeat over; as text or graphs for other tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pellucid.compile.shared import SharedVariable
from pellucid.graph.nodes import Variable
from pellucid.graph.traverse import toposort
from pellucid.model.context import modelcontext
from pellucid.model.initial import shape_now
from pellucid.model.shapes import try_shape
from pellucid.model.show import distribution_text
from pellucid.tensor.shape import Dim, Shape

if TYPE_CHECKING:
    from pellucid.model.model import Model

KINDS = {
    "free": "ellipse", "observed": "ellipse", "deterministic": "box", "potential": "octagon", "data": "cylinder",
}  # fmt: skip
"""What variables of a model are, and the shapes by which Graphviz shows it."""


@dataclass(frozen=True)
class Member:
    """One variable of a diagram: its name, kind, distribution, and plate (empty for a scalar)."""

    name: str
    kind: str
    text: str
    plate: str


@dataclass
class Structure:
    """Members in an order in which arrows lead forward, and the arrows as pairs of their numbers."""

    members: list[Member] = field(default_factory=list)
    arrows: list[tuple[int, int]] = field(default_factory=list)

    def plates(self) -> dict[str, list[int]]:
        """The members of each plate."""
        found: dict[str, list[int]] = {}
        for i, member in enumerate(self.members):
            found.setdefault(member.plate, []).append(i)
        return found


def structure(
    model: Model | None = None, var_names: Sequence[str] | None = None, *, include_dim_lengths: bool = True
) -> Structure:
    """The variables of a model (or some of them, and what these depend on), in an order that follows the arrows."""
    owner = modelcontext(model)
    parents = parents_of(owner)
    wanted = set(owner.named_vars.values()) if var_names is None else closure(owner, parents, var_names)
    order = arranged([v for v in owner.named_vars.values() if v in wanted], parents)
    number = {v: i for i, v in enumerate(order)}
    found = Structure([member(owner, v, lengths=include_dim_lengths) for v in order])
    found.arrows = [(number[u], number[v]) for v in order for u in parents[v] if u in number]
    return found


def parents_of(model: Model) -> dict[Any, list[Any]]:
    """The named variables that each named variable depends on directly; of data also what they are observations of."""
    members = set(model.named_vars.values())
    found = {v: direct_parents(v, members) for v in model.named_vars.values()}
    for rv in model.observed_RVs:
        data = model.rvs_to_values[rv]
        for u in [data, *(u for node in toposort([data]) for u in node.inputs)]:
            if u in members and isinstance(u, SharedVariable) and rv not in found[u]:
                found[u].append(rv)
    return found


def direct_parents(v: Any, members: set[Any]) -> list[Any]:
    """The nearest variables of the model whose values, and not only lengths, one is computed from."""
    found: dict[Any, None] = {}
    seen: set[Variable] = set()
    stack = list(reversed(v.owner.inputs)) if v.owner else []
    while stack:
        u = stack.pop()
        if u in seen:
            continue
        seen.add(u)
        if u in members:
            found[u] = None
        elif u.owner is not None and not isinstance(u.owner.op, (Dim, Shape)):
            stack.extend(reversed(u.owner.inputs))
    return list(found)


def closure(model: Model, parents: dict[Any, list[Any]], names: Sequence[str]) -> set[Variable]:
    """Variables and all that they depend on."""
    stack: list[Any] = [model[name] for name in ([names] if isinstance(names, str) else names)]
    found: set[Variable] = set()
    while stack:
        v = stack.pop()
        if v not in found:
            found.add(v)
            stack.extend(parents[v])
    return found


def arranged(variables: Sequence[Any], parents: dict[Any, list[Any]]) -> list[Any]:
    """Variables, each behind those that it depends on."""
    found: dict[Any, None] = {}
    waiting = list(variables)
    while waiting:
        ready = [v for v in waiting if all(u in found or u not in waiting for u in parents[v])]
        if not ready:  # data that are both observed and read by their own model: some arrow must lead back
            ready = waiting[:1]
        found.update(dict.fromkeys(ready))
        waiting = [v for v in waiting if v not in found]
    return list(found)


def kind_of(model: Model, v: Any) -> str:
    """What a variable is."""
    lists = (model.free_RVs, model.observed_RVs, model.deterministics, model.potentials)
    return next((kind for kind, listed in zip(KINDS, lists, strict=False) if v in listed), "data")


def member(model: Model, v: Any, *, lengths: bool) -> Member:
    """A variable as a diagram shows it."""
    kind = kind_of(model, v)
    drawn = kind in ("free", "observed")
    text = distribution_text(v, set(), include_params=False) if drawn else kind.capitalize()
    return Member(str(v.name), kind, text or "derived", plate_of(model, v, lengths=lengths))


def plate_of(model: Model, v: Any, *, lengths: bool) -> str:
    """The dimensions of a variable, or the lengths of its axes where they have no names."""
    dims: Any = model.named_vars_to_dims.get(str(v.name), (None,) * v.ndim)
    shape = shape_now(model, v) if v in model.root.shapes else try_shape(v, model.root.shapes)
    parts = []
    for axis, dim in enumerate(dims):
        length = "?" if shape is None else str(shape[axis])
        parts.append(length if dim is None else f"{dim} ({length})" if lengths else dim)
    return " × ".join(parts)


# As text for other programs.


def model_to_mermaid(
    model: Model | None = None, *, var_names: Sequence[str] | None = None, include_dim_lengths: bool = True
) -> str:
    """The model as a Mermaid flowchart, with a subgraph for each plate.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model(coords={"g": ["a", "b"]}) as model:
    ...     mu = pm.Normal("mu", 0, 1)
    ...     x = pm.Normal("x", mu, 1, dims="g")
    >>> print(pm.model_to_mermaid(model))
    graph TD
        n0(["mu ~ Normal"])
        subgraph plate1["g (2)"]
            n1(["x ~ Normal"])
        end
        n0 --> n1
    """
    found = structure(model, var_names, include_dim_lengths=include_dim_lengths)
    brackets = dict.fromkeys(("free", "observed"), "([{}])")
    brackets |= {"deterministic": "[{}]", "potential": "{{{{{}}}}}", "data": "[({})]"}
    quoted = lambda text: '"' + text.replace('"', "#quot;") + '"'  # noqa: E731
    nodes = [f"n{i}{brackets[m.kind].format(quoted(label(m)))}" for i, m in enumerate(found.members)]
    lines = ["graph TD"]
    for k, (plate, inside) in enumerate(found.plates().items()):
        if plate:
            lines += [f"    subgraph plate{k}[{quoted(plate)}]", *(f"        {nodes[i]}" for i in inside), "    end"]
        else:
            lines += [f"    {nodes[i]}" for i in inside]
    lines += [f"    n{a} --> n{b}" for a, b in found.arrows]
    shaded = [f"n{i}" for i, m in enumerate(found.members) if m.kind == "observed"]
    return "\n".join([*lines, *(f"    style {node} fill:#bbb" for node in shaded)])


def label(m: Member) -> str:
    """A variable in one line."""
    return f"{m.name} ~ {m.text}" if m.kind != "data" else f"{m.name}: Data"


def model_to_dot(
    model: Model | None = None, *, var_names: Sequence[str] | None = None, include_dim_lengths: bool = True
) -> str:
    """The model in the language of Graphviz, with a cluster for each plate."""
    found = structure(model, var_names, include_dim_lengths=include_dim_lengths)
    quoted = lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'  # noqa: E731
    filled = {"observed": ", style=filled, fillcolor=lightgrey", "data": ", style=rounded"}
    nodes = [
        f"n{i} [label={quoted(label(m))}, shape={KINDS[m.kind]}{filled.get(m.kind, '')}]"
        for i, m in enumerate(found.members)
    ]
    lines = []
    for k, (plate, inside) in enumerate(found.plates().items()):
        if plate:
            lines.append(f"subgraph cluster{k} {{ label={quoted(plate)} labeljust=r labelloc=b style=rounded")
            lines += [f"    {nodes[i]}" for i in inside]
            lines.append("}")
        else:
            lines += [nodes[i] for i in inside]
    lines += [f"n{a} -> n{b}" for a, b in found.arrows]
    return "\n".join(["digraph {", *(f"    {line}" for line in lines), "}"])


def model_to_networkx(
    model: Model | None = None,
    *,
    var_names: Sequence[str] | None = None,
    formatting: str = "plain",
    node_formatters: Any = None,
    include_dim_lengths: bool = True,
) -> Any:
    """The model as a `networkx.DiGraph` of its variables' names, with PyMC's attributes of nodes.

    These are `shape`, `style` and `label`, and of what is in a plate `cluster`, which names it, `labeljust` and
    `labelloc`. `formatting` and `node_formatters` are accepted for compatibility, and ignored.

    Raises
    ------
    ModuleNotFoundError
        Without networkx.
    """
    try:
        import networkx as nx  # optional
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "pm.model_to_networkx needs networkx: pip install networkx.", name="networkx"
        ) from error
    found = structure(model, var_names, include_dim_lengths=include_dim_lengths)
    graph = nx.DiGraph(name=modelcontext(model).name)
    for m in found.members:
        style = "filled" if m.kind == "observed" else "rounded" if m.plate or m.kind == "data" else None
        plate = {"cluster": f"cluster{m.plate}", "labeljust": "r", "labelloc": "b"} if m.plate else {}
        graph.add_node(m.name, shape=KINDS[m.kind], style=style, label=f"{m.name}\n~\n{m.text}", **plate)
    graph.add_edges_from((found.members[a].name, found.members[b].name) for a, b in found.arrows)
    return graph
