"""What can be said with loops: map, reduce, filter, while_loop, and ifelse, which is a loop of one step or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.replace import replace_all
from pellucid.graph.traverse import ancestors, toposort
from pellucid.tensor.arithmetic import neq
from pellucid.tensor.body import extend_extents
from pellucid.tensor.broadcast import shape_error
from pellucid.tensor.create import extents_of, zeros
from pellucid.tensor.draws import RngType
from pellucid.tensor.elementwise import cast
from pellucid.tensor.loop import loop
from pellucid.tensor.scan import Step, align_sequences, as_argument, as_entries, as_sequence, scan, until
from pellucid.tensor.types import Constant, TensorType, TensorVariable, as_tensor_variable, constant

UNBOUNDED = np.iinfo(np.int64).max
"""The number of steps of a loop that only its condition ends."""


def map(  # PyTensor's name
    fn: Callable[..., Any], sequences: Any, non_sequences: Any = None, *, go_backwards: bool = False,
    name: str | None = None, return_updates: bool = True,
) -> Any:  # fmt: skip
    """Apply `fn` to each row of the sequences.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> map(lambda x: x**2, pt.arange(3), return_updates=False).eval()
    array([0, 1, 4])
    """
    return scan(
        fn, sequences, non_sequences=non_sequences, go_backwards=go_backwards, name=name, return_updates=return_updates
    )  # fmt: skip


def reduce(
    fn: Callable[..., Any], sequences: Any, outputs_info: Any, non_sequences: Any = None, *, go_backwards: bool = False,
    name: str | None = None, return_updates: bool = True,
) -> Any:  # fmt: skip
    """Combine the rows of the sequences one after another, ``fn(row, so_far)``, and return the last result.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> print(reduce(lambda x, so_far: 2 * so_far + x, pt.arange(4), 0, return_updates=False).eval())
    11
    """
    read = [as_sequence(s) for s in as_entries(sequences)]
    steps, rows = align_sequences(read, None, go_backwards)
    step = Step(fn, read, rows, outputs_info, [as_argument(v) for v in as_entries(non_sequences)])
    step.trace()
    if not all(step.slots):
        raise ValueError("Every output of a reduction is fed back: give a first value for each in outputs_info.")
    _, updates = step.repeat(steps, name)
    found = step.last if len(step.last) != 1 else step.last[0]
    return (found, updates) if return_updates else found


def foldl(fn: Callable[..., Any], sequences: Any, outputs_info: Any, non_sequences: Any = None, **options: Any) -> Any:
    """Like :func:`reduce`, from the first row."""
    return reduce(fn, sequences, outputs_info, non_sequences, **options)


def foldr(fn: Callable[..., Any], sequences: Any, outputs_info: Any, non_sequences: Any = None, **options: Any) -> Any:
    """Like :func:`reduce`, from the last row."""
    return reduce(fn, sequences, outputs_info, non_sequences, go_backwards=True, **options)


def filter(fn: Callable[[Any], Any], sequence: Any) -> TensorVariable:
    """The rows of `sequence` for which `fn` is true.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> filter(lambda x: x > 1, pt.arange(4)).eval()
    array([2, 3])
    """
    rows = as_tensor_variable(sequence)
    keep = map(fn, rows, return_updates=False)
    return rows[cast(keep, "bool")]


def while_loop(
    condition: Callable[..., Any], body: Callable[..., Any], initial: Any, *, name: str | None = None
) -> Any:
    """Repeat ``states = body(*states)`` for as long as ``condition(*states)`` holds.

    There is no gradient, as nothing but the last states is kept: for one, use :func:`scan` with :class:`until`.

    Parameters
    ----------
    condition, body : callables of the states
    initial : value or list of values

    Returns
    -------
    The last states: a variable for one, else a list.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> print(while_loop(lambda x: x < 100, lambda x: 2 * x, 3).eval())
    192
    """
    several = isinstance(initial, (list, tuple))
    first = [as_tensor_variable(v) for v in as_entries(initial)]

    def turn(*states: Any) -> Any:
        following = as_list_of(body(*states))
        return following, until(~cast(as_tensor_variable(condition(*following)), "bool"))

    begins = cast(as_tensor_variable(condition(*first)), "int64")
    step = Step(turn, [], [], first, [])
    step.trace()
    step.collects = False
    step.repeat(begins * constant(UNBOUNDED), name)
    return step.last if several else step.last[0]


def ifelse(condition: Any, then_branch: Any, else_branch: Any, name: str | None = None) -> Any:
    """The value of one of two expressions, of which only that one is computed.

    What both need is computed before. Use :func:`pellucid.tensor.switch` to choose element by element.

    Parameters
    ----------
    condition : scalar
    then_branch, else_branch : variable or list of variables
        Of equal shapes.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x = pt.scalar("x")
    >>> print(ifelse(x > 0, pt.log(x), -x).eval({x: -2.0}))
    2.0
    """
    holds = as_tensor_variable(condition)
    if holds.ndim:
        raise TypeError(
            f"ifelse takes a scalar condition, not {holds} of type {holds.type}. Use pt.switch for elements."
        )
    left, right = as_list_of(then_branch), as_list_of(else_branch)
    if len(left) != len(right):
        raise ValueError(f"The branches of ifelse have {len(left)} and {len(right)} values: give as many in both.")
    common = [common_type(a, b) for a, b in zip(left, right, strict=True)]
    left, right = [[cast(v, kind.dtype) for v, kind in zip(b, common, strict=True)] for b in (left, right)]
    first = Branch(left, [*right, holds])
    second = Branch(right, [*left, holds])
    yes = cast(neq(holds, 0), "int64")
    found = second.run(1 - yes, first.run(yes, first.zeros(), common, name), common, name)
    return found if isinstance(then_branch, (list, tuple)) else found[0]


def common_type(a: TensorVariable, b: TensorVariable) -> TensorType:
    """What is known of a value that is either."""
    lengths = zip(a.type.shape, b.type.shape, strict=False)
    if a.ndim != b.ndim or any(m != n and None not in (m, n) for m, n in lengths):
        raise shape_error("The branches of ifelse differ in shape", [a, b], "both must fit what reads the result",
                          "Reshape or broadcast one of them.")  # fmt: skip
    shape = tuple(m if m == n else None for m, n in zip(a.type.shape, b.type.shape, strict=True))
    return TensorType(np.result_type(a.dtype, b.dtype).name, shape)


class Branch:
    """One branch of a choice: what it alone computes, as the body of a loop of one step or none."""

    def __init__(self, outputs: Sequence[TensorVariable], elsewhere: Sequence[TensorVariable]):
        self.outputs = list(outputs)
        known = set(ancestors(elsewhere))
        # A draw is one value, wherever it is read; so it is drawn whether or not the branch is chosen.
        known.update(v for v in ancestors(outputs) if v.owner is not None and has_generator(v.owner))
        self.nodes = toposort(outputs, stop=known)
        inside = {v for node in self.nodes for v in node.outputs}
        read = dict.fromkeys([*(v for node in self.nodes for v in node.inputs), *outputs])
        self.given = [
            v for v in read if v not in inside and isinstance(v, TensorVariable) and not isinstance(v, Constant)
        ]

    def zeros(self) -> list[TensorVariable]:
        """Zeros of the shapes of the results, which are found without computing these."""
        known: dict[Variable, Any] = {v: extents_of(v) for v in self.given}
        extend_extents(self.nodes, known)
        return [zeros(list(known.get(v, v.type.shape)), v.dtype) for v in self.outputs]

    def run(self, steps: Any, before: Sequence[Any], common: Sequence[TensorType], name: str | None) -> list[Any]:
        """The results if `steps` is 1, and what was there before if it is 0."""
        leaves: dict[Variable, Variable] = {v: v.type.variable(name=v.name) for v in self.given}
        inner = replace_all(self.outputs, leaves)
        states = [(kind.variable(), v, w) for kind, v, w in zip(common, before, inner, strict=True)]
        last, _, _ = loop(
            steps, [], states, [(leaf, v) for v, leaf in leaves.items()], [], lazy=True, name=name or "ifelse"
        )
        return last


def has_generator(node: Apply) -> bool:
    """Whether an application draws."""
    return any(isinstance(v.type, RngType) for v in node.inputs)


def as_list_of(found: Any) -> list[TensorVariable]:
    """One result or several, as tensors."""
    return [as_tensor_variable(v) for v in (found if isinstance(found, (list, tuple)) else [found])]
