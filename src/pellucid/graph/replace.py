"""Swap parts of a graph for others; the original is never touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.traverse import ancestors, as_list, toposort, walk

Replacements = Mapping[Variable, Variable] | Iterable[tuple[Variable, Variable]]


def rebuild(node: Apply, inputs: Sequence[Variable]) -> Apply:
    """`node` on other inputs, with its line and the names of its outputs."""
    return node.clone_with_new_inputs(inputs)


def replace_all(outputs: Sequence[Variable], replace: Replacements) -> list[Variable]:
    """`outputs` with every occurrence of a key of `replace` swapped for its value."""
    new: dict[Variable, Variable] = dict(replace)
    check_replacements(new)
    for node in toposort(outputs, stop=set(new)):
        inputs = [new.get(v, v) for v in node.inputs]
        if any(a is not b for a, b in zip(inputs, node.inputs, strict=True)):
            for old, fresh in zip(node.outputs, rebuild(node, inputs).outputs, strict=True):
                new.setdefault(old, fresh)
    return [new.get(v, v) for v in outputs]


def replace_reached(output: Any, replace: Mapping[Variable, Variable]) -> Any:
    """`output` with those keys of `replace` swapped that it reaches: of thousands, most graphs read a few."""
    reached = walk(output, lambda v: () if v in replace or v.owner is None else v.owner.inputs)
    return replace_all([output], {v: replace[v] for v in reached if v in replace})[0]


def check_replacements(replace: Mapping[Variable, Variable]) -> None:
    """Refuse what cannot be a replacement: not a variable, or a value that its readers could not accept."""
    for old, new in replace.items():
        if not isinstance(old, Variable) or not isinstance(new, Variable):
            wrong = old if not isinstance(old, Variable) else new
            raise TypeError(
                f"A replacement maps a variable to a variable, not {type(wrong).__name__} ({wrong!r}). "
                "Wrap numbers and arrays in pt.as_tensor_variable(...)."
            )
        if not old.type.accepts(new.type):
            raise TypeError(f"{new} of type {new.type} cannot stand for {old} of type {old.type}: cast or reshape it.")


def clone_replace(output: Any, replace: Replacements | None = None) -> Any:
    """A copy of `output` with some variables swapped for others.

    Parameters
    ----------
    output : Variable or sequence of Variable
    replace : mapping (or pairs) from variable to variable, optional

    Returns
    -------
    The new output, or a list of them. What does not depend on a replaced variable is shared with the original.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x = pt.scalar("x")
    >>> y = pt.log(x)
    >>> print(clone_replace(y, {x: pt.exp(x)}).eval({x: 2.0}))
    2.0
    """
    new = replace_all(as_list(output), replace or {})
    return new[0] if isinstance(output, Variable) else new


def graph_replace(outputs: Any, replace: Replacements, *, strict: bool = True) -> Any:
    """Like :func:`clone_replace`; with `strict`, every key of `replace` must occur in the graph."""
    pairs: dict[Variable, Variable] = dict(replace)
    if strict:
        present = set(ancestors(as_list(outputs)))
        absent = [str(v) for v in pairs if v not in present]
        if absent:
            raise ValueError(f"Not in the graph: {', '.join(absent)}. Pass strict=False to skip what does not occur.")
    return clone_replace(outputs, pairs)


def clone_get_equiv(
    inputs: Iterable[Variable], outputs: Iterable[Variable], copy_inputs: bool = True, copy_orphans: bool | None = None
) -> dict[Variable, Variable]:
    """A copy of every variable between `inputs` and `outputs`, by the variable that it copies.

    Parameters
    ----------
    copy_inputs : bool
        Whether the inputs are copied too, or shared with the copy.
    copy_orphans : bool, optional
        Whether roots that are no inputs are copied (by default as `copy_inputs`). What brings its own value,
        a constant or a shared variable, is never copied: the copy reads the same value.
    """
    given, outs = list(inputs), list(outputs)
    orphans = copy_inputs if copy_orphans is None else copy_orphans
    new = {v: v.type.variable(name=v.name) if copy_inputs else v for v in given}
    nodes = toposort(outs, stop=set(given))
    for v in [*(v for node in nodes for v in node.inputs), *outs]:
        if v.owner is None and v not in new:
            new[v] = v.type.variable(name=v.name) if orphans and not v.has_value else v
    for node in nodes:
        fresh = rebuild(node, [new[v] for v in node.inputs])
        for old, copied in zip(node.outputs, fresh.outputs, strict=True):
            new.setdefault(old, copied)
    return new


def clone(
    inputs: Sequence[Variable], outputs: Sequence[Variable], copy_inputs: bool = True, copy_orphans: bool | None = None
) -> tuple[list[Variable], list[Variable]]:
    """A copy of the graph from `inputs` to `outputs`; the options are those of :func:`clone_get_equiv`.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x = pt.scalar("x")
    >>> (u,), (v,) = clone([x], [pt.exp(x)])
    >>> u is x, v.owner.inputs[0] is u
    (False, True)
    """
    new = clone_get_equiv(inputs, outputs, copy_inputs, copy_orphans)
    return [new[v] for v in inputs], [new[v] for v in outputs]
