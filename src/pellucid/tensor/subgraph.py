"""Subgraphs with a name: an op that is made of a graph, applied wherever it is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pellucid.graph.function_graph import FunctionGraph
from pellucid.graph.nodes import Op, Variable
from pellucid.graph.provenance import describe, user_line
from pellucid.tensor.draws import RngType
from pellucid.tensor.operators import FUNCTIONS
from pellucid.tensor.types import TensorType, as_tensor_variable

Override = Callable[..., Any] | None
DEFAULT = "default"
"""In a list of gradients, one for each input: the gradient of the graph itself."""


@dataclass(frozen=True)
class SubgraphOp(Op):
    """A graph as one op; made by :func:`OpFromGraph`. Equal when graphs, gradient and name are.

    Attributes
    ----------
    graph : FunctionGraph
    inline : bool
        Whether rewriting puts the graph in the op's place at once, and not last.
    gradient : callable, OpFromGraph, or tuple of callables, optional
        In place of the gradient of the graph.
    name : str
    """

    graph: FunctionGraph
    inline: bool = False
    gradient: Any = field(default=None)
    name: str = "OpFromGraph"

    def as_variables(self, args: Sequence[Any]) -> list[Variable]:
        wanted = self.graph.inputs
        if len(args) != len(wanted):
            raise TypeError(f"{self} takes {len(wanted)} inputs ({', '.join(map(str, wanted))}), not {len(args)}.")
        return [self.accept(a, v) for a, v in zip(args, wanted, strict=True)]

    def accept(self, arg: Any, wanted: Any) -> Variable:
        """An argument of the type that an input of the graph has."""
        tensor = isinstance(wanted.type, TensorType)
        v: Any = arg if isinstance(arg, Variable) or not tensor else as_tensor_variable(arg, dtype=wanted.type.dtype)
        if not wanted.type.accepts(v.type):
            raise TypeError(
                f"Input {wanted} of {self} is {wanted.type}, but '{v}' is {v.type} (at {describe(user_line())}). "
                "Cast or reshape it first."
            )
        return v

    def infer(self, *inputs: Variable) -> tuple[Any, ...]:
        if all(v.type == w.type for v, w in zip(inputs, self.graph.inputs, strict=True)):
            return tuple(v.type for v in self.graph.outputs)
        return tuple(v.type for v in self.graph.on([v.type.variable() for v in inputs]))

    def expand(self, *inputs: Variable) -> list[Variable]:
        return self.graph.on(inputs)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        values: dict[Variable, Any] = dict(zip(self.graph.inputs, arrays, strict=True))
        for v in self.graph.orphans():
            values[v] = v.get_value(borrow=True)
        for node in self.graph.toposort():
            found = node.op.impl(xp, *[values[v] for v in node.inputs])
            values.update(zip(node.outputs, found if isinstance(found, tuple) else (found,), strict=True))
        computed = [values[v] for v in self.graph.outputs]
        return tuple(computed) if len(computed) > 1 else computed[0]

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> Sequence[Any]:
        own = self.gradient
        if own is None:
            return self.of_graph(inputs, gradients)
        if isinstance(own, SubgraphOp):
            return listed(own(*inputs, *outputs, *gradients), own)
        if not isinstance(own, tuple):
            return listed(own(list(inputs), list(outputs), list(gradients)), self, len(inputs))
        defaults = self.of_graph(inputs, gradients) if DEFAULT in own else [None] * len(inputs)
        each = [f(list(inputs), list(outputs), list(gradients)) if callable(f) else None for f in own]
        return [d if f == DEFAULT else g for f, d, g in zip(own, defaults, each, strict=True)]

    def of_graph(self, inputs: Sequence[Variable], gradients: Sequence[Variable | None]) -> list[Variable | None]:
        """The gradients that follow from the graph."""
        backward, which = gradient_graph(self.graph, tuple(g is not None for g in gradients))
        found = iter(backward.on([*inputs, *(g for g in gradients if g is not None)]))
        return [next(found) if flows else None for flows in which]

    def __str__(self) -> str:
        return f"{self.name}{{inline={self.inline}}}"


def listed(found: Any, op: Op, count: int | None = None) -> list[Any]:
    """What a user's gradient returned, as a list with an entry for each input."""
    each = list(found) if isinstance(found, (list, tuple)) else [found]
    if count is not None and len(each) != count:
        raise ValueError(
            f"The gradient of {op} returned {len(each)} values for {count} inputs (None where there is none)."
        )
    return each


@lru_cache(maxsize=256)
def gradient_graph(graph: FunctionGraph, given: tuple[bool, ...]) -> tuple[FunctionGraph, tuple[bool, ...]]:
    """From inputs and gradients of the outputs to gradients of the inputs; and which inputs have one.

    It is taken within the graph, once for all applications: outside, inputs may depend on each other.
    """
    seeds = {v: v.type.variable() for v, g in zip(graph.outputs, given, strict=True) if g}
    wanted = [v for v in graph.inputs if getattr(v.type, "dtype", "").startswith(("float", "complex"))]
    found = FUNCTIONS["grad"](
        None, wanted, known_grads=seeds, disconnected_inputs="ignore", return_disconnected="none"
    )
    by_input = dict(zip(wanted, found, strict=True))
    outputs = [g for v in graph.inputs if (g := by_input.get(v)) is not None]
    slopes = [seeds[v] for v in dict.fromkeys(graph.outputs) if v in seeds]
    return FunctionGraph([*graph.inputs, *slopes], outputs), tuple(by_input.get(v) is not None for v in graph.inputs)


def check_body(inputs: Sequence[Any], outputs: Sequence[Variable]) -> FunctionGraph:
    """The graph of a new op, with variables of its own; refuses what cannot be one."""
    for v in (*inputs, *outputs):
        if not isinstance(v, Variable):
            raise TypeError(f"OpFromGraph is made of variables, not {type(v).__name__} ({v!r}).")
        if isinstance(v.type, RngType) and v.owner is None and v in outputs:
            raise TypeError(f"An output cannot be a generator that nothing draws from ({v}).")
    if len(set(outputs)) < len(outputs):
        raise ValueError("OpFromGraph cannot have an output twice; use the one output twice where you call it.")
    found = FunctionGraph(inputs, outputs)
    missing = [str(v) for v in found.orphans() if not v.has_value]
    if missing:
        raise ValueError(
            f"The graph depends on {', '.join(missing)}, which is not among the inputs ({', '.join(map(str, inputs))})."
        )
    return found.clone()


def OpFromGraph(
    inputs: Sequence[Variable],
    outputs: Sequence[Variable],
    *,
    inline: bool = False,
    pullback: Any = None,
    lop_overrides: Any = None,
    name: str | None = None,
) -> SubgraphOp:
    """An op that computes `outputs` from `inputs`, to be applied to other variables as often as wanted.

    In native code it costs nothing: its graph is put in its place before compiling, and loops fuse across it.

    Parameters
    ----------
    inputs, outputs : sequence of Variable
        The graph. Constants and shared variables in it stay what they are.
    inline : bool
        Put the graph in the op's place before anything else is rewritten, so that rules see through it; by default
        it stays one op in what is printed until composites are expanded.
    pullback, lop_overrides : callable, OpFromGraph, or list, optional
        In place of the gradient of the graph: ``f(inputs, outputs, output_gradients)`` returns the gradients of the
        inputs; an OpFromGraph takes all these in turn; a list has an entry for each input, a callable, None (no
        gradient) or "default" (that of the graph).
    name : str, optional
        What the op is called in print.

    Examples
    --------
    >>> import pellucid as pm, pellucid.tensor as pt
    >>> x, y = pt.scalars("x", "y")
    >>> hypotenuse = OpFromGraph([x, y], [pt.sqrt(x**2 + y**2)], name="Hypotenuse")
    >>> hypotenuse(3.0, hypotenuse(0.0, 4.0)).eval()
    array(5.)
    >>> clipped = OpFromGraph([x], [x], pullback=lambda inputs, outputs, gradients: [pt.clip(gradients[0], -1, 1)])
    >>> pm.grad(100 * clipped(x), x).eval({x: 2.0})
    array(1.)
    """
    if pullback is not None and lop_overrides is not None:
        raise TypeError("pullback= and lop_overrides= are the same option: give one of them.")
    gradient = pullback if lop_overrides is None else lop_overrides
    if isinstance(gradient, (list, tuple)):
        gradient = tuple(gradient)
        if len(gradient) != len(inputs) or any(g is not None and g != DEFAULT and not callable(g) for g in gradient):
            raise TypeError(f"A list of gradients has a callable, None or 'default' for each of {len(inputs)} inputs.")
    elif gradient is not None and not callable(gradient):
        raise TypeError(f"A gradient is a callable, an OpFromGraph or a list, not {gradient!r}.")
    outs = [outputs] if isinstance(outputs, Variable) else list(outputs)
    return SubgraphOp(check_body(list(inputs), outs), inline, gradient, name or "OpFromGraph")
