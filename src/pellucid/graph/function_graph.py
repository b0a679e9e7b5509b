"""A graph with its inputs: a value that is never changed, equal to every graph that computes the same of its inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pellucid.graph.check import check_graph
from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.printing import dprint
from pellucid.graph.replace import Replacements, clone, replace_all
from pellucid.graph.traverse import ancestors, as_list, explicit_graph_inputs, toposort, users


class FunctionGraph:
    """Outputs as a function of inputs.

    Unlike PyTensor's class of this name it is immutable, so :meth:`replace` gives another graph. Two are equal when
    they apply the same ops to the same roots, their inputs being known by position and type.

    Parameters
    ----------
    inputs : sequence of Variable, optional
        By default the roots without a value of their own.
    outputs : variable or sequence of Variable
    clone : bool
        Whether to copy the graph first.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x, y = pt.scalars("x", "y")
    >>> FunctionGraph([x], [pt.exp(x) + 1]) == FunctionGraph([y], [pt.exp(y) + 1])
    True
    """

    __slots__ = ("_key", "inputs", "outputs")

    def __init__(
        self,
        inputs: Iterable[Variable] | None = None,
        outputs: Variable | Iterable[Variable] = (),
        *,
        clone: bool = False,
    ):
        outs = as_list(outputs)
        given = list(dict.fromkeys(explicit_graph_inputs(outs))) if inputs is None else list(inputs)
        if len(set(given)) < len(given):
            raise ValueError(f"A graph cannot have an input twice: {', '.join(map(str, given))}.")
        if clone:
            given, outs = copy_graph(given, outs)
        self.inputs, self.outputs = tuple(given), tuple(outs)
        self._key: Any = None

    @property
    def key(self) -> Any:
        """The structure as nested tuples: a variable is a number, a constant its content, another root itself."""
        if self._key is None:
            number: dict[Variable, Any] = {v: i for i, v in enumerate(self.inputs)}
            read = lambda v: number[v] if v in number else ("root", v.key())  # noqa: E731
            steps = []
            for node in self.toposort():
                steps.append((node.op, tuple(map(read, node.inputs))))
                for out in node.outputs:
                    number.setdefault(out, len(number))
            self._key = tuple(v.type for v in self.inputs), tuple(steps), tuple(map(read, self.outputs))
        return self._key

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, FunctionGraph) and self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.key)

    def toposort(self) -> list[Apply]:
        """The applications, inputs before users."""
        return toposort(self.outputs, stop=set(self.inputs))

    @property
    def apply_nodes(self) -> set[Apply]:
        """The applications."""
        return set(self.toposort())

    @property
    def variables(self) -> set[Variable]:
        """Everything that is computed or read."""
        return {*self.inputs, *ancestors(self.outputs, blockers=self.inputs)}

    @property
    def clients(self) -> dict[Variable, list[tuple[Apply, int]]]:
        """For each variable, the applications that read it and at which input."""
        inside = self.apply_nodes
        found = {v: [r for r in readers if r[0] in inside] for v, readers in users(self.outputs).items()}
        return {v: readers for v, readers in found.items() if readers}

    def orphans(self) -> Iterator[Variable]:
        """The roots besides the inputs: constants, shared variables, or inputs that were forgotten."""
        given = set(self.inputs)
        return (v for v in ancestors(self.outputs, blockers=given) if v.owner is None and v not in given)

    def replace(self, var: Variable, new_var: Variable) -> FunctionGraph:
        """Another graph, in which `new_var` stands for `var`."""
        return self.replace_all({var: new_var})

    def replace_all(self, pairs: Replacements) -> FunctionGraph:
        """Another graph, with several variables replaced at once."""
        return FunctionGraph(self.inputs, replace_all(self.outputs, dict(pairs)))

    def clone(self) -> FunctionGraph:
        """A copy with variables of its own."""
        return FunctionGraph(self.inputs, self.outputs, clone=True)

    def clone_get_equiv(self) -> tuple[FunctionGraph, Mapping[Variable, Variable]]:
        """A copy, and what stands in it for each input and output."""
        copied = self.clone()
        old, new = (*self.inputs, *self.outputs), (*copied.inputs, *copied.outputs)
        return copied, dict(zip(old, new, strict=True))

    def on(self, inputs: Sequence[Variable]) -> list[Variable]:
        """The outputs as they are for other inputs."""
        return replace_all(self.outputs, dict(zip(self.inputs, inputs, strict=True)))

    def check(self) -> int:
        """Raise unless every application is well formed; return how many there are."""
        return check_graph(self.outputs)

    def dprint(self, **options: Any) -> Any:
        """Print the outputs as a tree."""
        return dprint(self.outputs, **options)

    def __reduce__(self) -> Any:
        return FunctionGraph, (self.inputs, self.outputs)

    def __str__(self) -> str:
        return f"FunctionGraph({', '.join(map(str, self.inputs))} → {', '.join(map(str, self.outputs))})"

    __repr__ = __str__


def copy_graph(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> tuple[list[Variable], list[Variable]]:
    """A copy of a graph with inputs of its own; other roots are shared, since they are values."""
    return clone(inputs, outputs, copy_inputs=True, copy_orphans=False)
