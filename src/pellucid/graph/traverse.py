"""Walk a graph, always without recursion: a chain of 100,000 ops is an ordinary graph."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator

from pellucid.graph.nodes import Apply, Variable


def as_list(variables: Variable | Iterable[Variable]) -> list[Variable]:
    """One variable or several, as a list."""
    return [variables] if isinstance(variables, Variable) else list(variables)


def toposort(outputs: Variable | Iterable[Variable], stop: Collection[Variable] = ()) -> list[Apply]:
    """Every application needed for `outputs`, inputs before users; variables in `stop` count as roots.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x = pt.scalar("x")
    >>> [str(node.op) for node in toposort(pt.log(pt.exp(x) + 1))]
    ['Exp', 'Add', 'Log']
    """
    done: dict[Apply, None] = {}
    stack = [v.owner for v in reversed(as_list(outputs)) if v.owner is not None and v not in stop]
    opened = set()
    while stack:
        node = stack[-1]
        if node in done:
            stack.pop()
        elif node in opened:
            done[stack.pop()] = None
        else:
            opened.add(node)
            for v in reversed(node.inputs):
                owner = v.owner
                if owner is not None and owner not in opened and v not in stop:
                    stack.append(owner)
    return list(done)


def walk(
    variables: Variable | Iterable[Variable], expand: Callable[[Variable], Iterable[Variable]] | None = None
) -> Iterator[Variable]:
    """Every variable reached from `variables`, breadth first; `expand(v)` says where to go from `v` (inputs)."""
    step = expand or (lambda v: v.owner.inputs if v.owner else ())
    queue, seen = deque(as_list(variables)), set()
    while queue:
        v = queue.popleft()
        if v not in seen:
            seen.add(v)
            yield v
            queue.extend(step(v))


def ancestors(variables: Variable | Iterable[Variable], blockers: Collection[Variable] = ()) -> Iterator[Variable]:
    """The variables themselves and all that they are computed from; `blockers` are yielded but not looked behind."""
    blocked = set(blockers)
    return walk(variables, lambda v: v.owner.inputs if v.owner and v not in blocked else ())


def graph_inputs(variables: Variable | Iterable[Variable], blockers: Collection[Variable] = ()) -> Iterator[Variable]:
    """The roots (constants included) that `variables` are computed from."""
    blocked = set(blockers)
    return (v for v in ancestors(variables, blocked) if v.owner is None or v in blocked)


def explicit_graph_inputs(variables: Variable | Iterable[Variable]) -> Iterator[Variable]:
    """The roots that a caller must give: neither constants nor shared variables."""
    return (v for v in graph_inputs(variables) if not v.has_value)


def variable_depends_on(variable: Variable, others: Variable | Iterable[Variable]) -> bool:
    """Whether any of `others` is an ancestor of `variable`."""
    wanted = set(as_list(others))
    return any(v in wanted for v in ancestors(variable))


def users(outputs: Variable | Iterable[Variable]) -> dict[Variable, list[tuple[Apply, int]]]:
    """For each variable, the applications that read it and at which input."""
    found: dict[Variable, list[tuple[Apply, int]]] = {}
    for node in toposort(outputs):
        for i, v in enumerate(node.inputs):
            found.setdefault(v, []).append((node, i))
    return found


def get_var_by_name(variables: Variable | Iterable[Variable], name: str) -> list[Variable]:
    """The ancestors of `variables` that are called `name`."""
    return [v for v in ancestors(variables) if v.name == name]


def vars_between(ins: Collection[Variable], outs: Iterable[Variable]) -> Iterator[Variable]:
    """All variables from `ins` (included, where reached) to `outs`, and the roots beside them."""
    return ancestors(outs, blockers=ins)


def orphans_between(ins: Collection[Variable], outs: Iterable[Variable]) -> Iterator[Variable]:
    """The roots, constants among them, that `outs` depend on besides `ins`.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x, y = pt.scalars("x", "y")
    >>> list(orphans_between([x], [x + y]))
    [y]
    """
    given = set(ins)
    return (v for v in vars_between(given, outs) if v.owner is None and v not in given)


def applys_between(ins: Collection[Variable], outs: Iterable[Variable]) -> Iterator[Apply]:
    """The applications that compute `outs` from `ins`, inputs before users."""
    return iter(toposort(outs, stop=set(ins)))


def io_toposort(inputs: Collection[Variable], outputs: Iterable[Variable]) -> list[Apply]:
    """The applications that compute `outputs` from `inputs`, inputs before users."""
    return toposort(outputs, stop=set(inputs))


def apply_depends_on(apply: Apply, depends_on: Apply | Collection[Apply]) -> bool:
    """Whether any of the applications `depends_on` is needed for `apply` (itself counts)."""
    wanted = {depends_on} if isinstance(depends_on, Apply) else set(depends_on)
    return any(node in wanted for node in toposort(apply.outputs))


def truncated_graph_inputs(
    outputs: Variable | Iterable[Variable], ancestors_to_include: Collection[Variable] = ()
) -> list[Variable]:
    """The inputs of the smallest graph of `outputs` that begins at `ancestors_to_include` where it can.

    Parameters
    ----------
    outputs : variable or variables
    ancestors_to_include : collection of variables
        What counts as an input; where one of them depends on another, both are inputs only if an output needs the
        other by another way as well.

    Returns
    -------
    Those of `ancestors_to_include` that are reached, and the roots that are needed besides them (constants too).

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x, y = pt.scalars("x", "y")
    >>> z = pt.exp(x)
    >>> z.name = "z"
    >>> truncated_graph_inputs([z + y], [z])
    [z, y]
    """
    return list(graph_inputs(outputs, blockers=ancestors_to_include))
