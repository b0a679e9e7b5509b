"""Batched graphs: give some inputs leading axes, and carry these through every op by a rule for each class of ops."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import singledispatch
from typing import Any

from pellucid.graph.nodes import Apply, Op, Variable
from pellucid.graph.provenance import describe, made_by
from pellucid.graph.traverse import as_list, toposort
from pellucid.tensor.body import Body
from pellucid.tensor.broadcast import broadcast_extents, broadcast_static, leading
from pellucid.tensor.create import ARange, arange, extents_of
from pellucid.tensor.cumulate import Cumulate
from pellucid.tensor.draws import Draw
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.fft import InverseRealFourier, RealFourier
from pellucid.tensor.host import blockwise
from pellucid.tensor.index import FULL, GIVEN, ArgSort, Gather, IncSubtensor, Scatter, Slice, Subtensor
from pellucid.tensor.linalg import MatrixOp
from pellucid.tensor.loop import Scan
from pellucid.tensor.operators import FUNCTIONS
from pellucid.tensor.reduce import ArgReduce, Reduce
from pellucid.tensor.shape import (
    BroadcastTo,
    Dim,
    DimShuffle,
    Join,
    Reshape,
    Shape,
    SpecifyShape,
    broadcast_to,
    dimshuffle,
    expand_dims,
    moveaxis,
    reshape,
    shape,
    stack,
)
from pellucid.tensor.softmax import OverExponentials
from pellucid.tensor.statistics import SearchSorted
from pellucid.tensor.types import NONE, TensorType, TensorVariable, as_tensor_variable


class Batched:
    """The inputs of one application with their leading batch axes.

    Attributes
    ----------
    node : Apply
        The application in the graph without batches.
    inputs : list of Variable
        What takes the place of its inputs.
    counts : list of int
        How many batch axes each of them has; 0 for one that is the same throughout the batch.
    ndim : int
        The number of batch axes of the outputs.
    """

    def __init__(self, node: Apply, inputs: Sequence[Variable]):
        self.node, self.inputs = node, list(inputs)
        self.counts = [batch_ndim(old, new) for old, new in zip(node.inputs, inputs, strict=True)]
        self.ndim = max(self.counts, default=0)

    def core(self, i: int) -> int:
        """The number of axes of input i without its batch."""
        return self.node.inputs[i].type.ndim  # type: ignore[attr-defined]

    def padded(self, i: int, core: int) -> TensorVariable:
        """Input i with axes of length one between its batch and its own axes, so that it has `core` of these."""
        v: Any = self.inputs[i]
        missing = core - self.core(i)
        count = self.counts[i]
        return expand_dims(v, list(range(count, count + missing))) if missing and count else v

    def extents(self) -> list[Any]:
        """The lengths of the batch axes of the outputs."""
        given: list[Any] = [(v, n) for v, n in zip(self.inputs, self.counts, strict=True) if n]
        leads = [leading(v, n) for v, n in given]
        broadcast_static("a batch", leads)
        return list(broadcast_extents(leads, [extents_of(v)[:n] for v, n in given]))

    def full(self, i: int) -> TensorVariable:
        """Input i repeated over the whole batch."""
        v: Any = self.inputs[i]
        alone = self.counts.count(0) == len(self.counts) - 1
        if self.counts[i] and alone:
            return v
        own = extents_of(v)[self.counts[i] :]
        return broadcast_to(v, [*self.extents(), *own])

    def positions(self, rank: int) -> list[TensorVariable]:
        """For each batch axis its positions, shaped to index beside arrays of `rank` axes of their own."""
        n = self.ndim
        return [
            dimshuffle(arange(m), ["x"] * i + [0] + ["x"] * (n - 1 - i + rank)) for i, m in enumerate(self.extents())
        ]

    def refuse(self, i: int, what: str) -> None:
        """Raise unless input i is the same throughout the batch."""
        if self.counts[i]:
            raise TypeError(
                f"{what} of {self.node.op} would differ within the batch, so the results would not form a tensor "
                f"(at {describe(self.node.line)})."
            )


def batch_ndim(old: Variable, new: Variable) -> int:
    """How many batch axes `new` has more than `old`."""
    if old is new or not isinstance(new, TensorVariable):
        return 0
    return new.ndim - old.type.ndim  # type: ignore[attr-defined]


@singledispatch
def vectorize_op(op: Op, batch: Batched) -> Any:
    """The outputs of ``batch.node`` over the batch; layers above register rules for ops of their own."""
    expanded = op.expand(*batch.node.inputs)
    if expanded is None:
        return one_by_one(op, batch)
    replace = dict(zip(batch.node.inputs, batch.inputs, strict=True))
    return vectorize_graph(as_list(expanded), replace)


def one_by_one(op: Op, batch: Batched) -> Any:
    """An op without a rule: as it says itself, or its reference at each position of the batch."""
    own = getattr(op, "batch", None)
    if own is not None:
        return own(*batch.inputs)
    tensors = all(isinstance(v, TensorVariable) for v in (*batch.node.inputs, *batch.node.outputs))
    told = getattr(op, "infer_shape", None) is not None
    if not tensors or not (told or all(None not in v.type.shape for v in batch.node.outputs)):
        raise TypeError(
            f"There is no rule to vectorize {op}, and it does not tell the shape of its results by infer_shape "
            f"(at {describe(batch.node.line)})."
        )
    return blockwise(op, batch.inputs, batch.counts, batch.full)


def shifted(axes: Iterable[int], by: int) -> tuple[int, ...]:
    """Axes counted behind `by` batch axes."""
    return tuple(a + by for a in axes)


@vectorize_op.register(Elementwise)
@vectorize_op.register(MatrixOp)
def broadcasting(op: Op, batch: Batched) -> Any:
    """Ops that broadcast: only axes of different meaning must not meet."""
    core = max(batch.core(i) for i in range(len(batch.inputs)))
    return op(*[batch.padded(i, core) for i in range(len(batch.inputs))])


@vectorize_op.register(DimShuffle)
def reordered(op: DimShuffle, batch: Batched) -> Any:
    n = batch.ndim
    return DimShuffle((*range(n), *(a if isinstance(a, str) else a + n for a in op.order)))(*batch.inputs)


@vectorize_op.register(Reduce)
@vectorize_op.register(OverExponentials)
def along_axes(op: Any, batch: Batched) -> Any:
    return dataclasses.replace(op, axes=shifted(op.axes, batch.ndim))(*batch.inputs)


@vectorize_op.register(ArgReduce)
@vectorize_op.register(ArgSort)
@vectorize_op.register(Cumulate)
@vectorize_op.register(Dim)
def along_axis(op: Any, batch: Batched) -> Any:
    return dataclasses.replace(op, axis=op.axis + batch.ndim)(*batch.inputs)


@vectorize_op.register(RealFourier)
@vectorize_op.register(InverseRealFourier)
def transformed(op: Any, batch: Batched) -> Any:
    """Transforms leave the first axis alone, so the batch is merged into it."""
    for i in range(1, len(batch.inputs)):
        batch.refuse(i, "Whether the length is odd")
    lead = batch.extents()
    first, *rest = extents_of(batch.inputs[0])[batch.ndim :]  # type: ignore[arg-type]
    merged = reshape(batch.inputs[0], [math.prod(lead, start=as_tensor_variable(1)) * first, *rest])
    found: Any = op(merged, *batch.inputs[1:])
    return reshape(found, [*lead, first, *extents_of(found)[1:]])


@vectorize_op.register(SearchSorted)
def searched(op: SearchSorted, batch: Batched) -> Any:
    """Elements of any shape are looked for in one vector; in several, one by one."""
    return one_by_one(op, batch) if batch.counts[0] else op(*batch.inputs)


@vectorize_op.register(Shape)
def core_shape(op: Shape, batch: Batched) -> Any:
    return shape(batch.inputs[0])[batch.ndim :]


def check_lengths(batch: Batched) -> None:
    """All inputs but the first are lengths, which a batch must share."""
    for i in range(1, len(batch.inputs)):
        batch.refuse(i, "A length")


@vectorize_op.register(Reshape)
def reshaped(op: Reshape, batch: Batched) -> Any:
    check_lengths(batch)
    return reshape(batch.inputs[0], [*batch.extents(), *batch.inputs[1:]])


@vectorize_op.register(BroadcastTo)
def broadcasted(op: BroadcastTo, batch: Batched) -> Any:
    check_lengths(batch)
    return broadcast_to(batch.padded(0, op.ndim), [*batch.extents(), *batch.inputs[1:]])


@vectorize_op.register(SpecifyShape)
def specified(op: SpecifyShape, batch: Batched) -> Any:
    return SpecifyShape((None,) * batch.ndim + op.shape)(*batch.inputs)


@vectorize_op.register(Join)
def joined(op: Join, batch: Batched) -> Any:
    return Join(op.axis + batch.ndim)(*[batch.full(i) for i in range(len(batch.inputs))])


@vectorize_op.register(ARange)
def ranged(op: ARange, batch: Batched) -> Any:
    start, step, length = batch.inputs
    batch.refuse(2, "The length")
    return (expand_dims(start, -1) + expand_dims(step, -1) * arange(length)).astype(op.dtype)


@vectorize_op.register(Subtensor)
def picked(op: Subtensor, batch: Batched) -> Any:
    x, *given = batch.inputs
    if not any(batch.counts[1:]):
        entries = (FULL,) * batch.ndim + op.entries
        return dataclasses.replace(op, entries=entries)(x, *given)
    return picked_by_arrays(op, batch)


def picked_by_arrays(op: Subtensor, batch: Batched) -> Any:
    """An index with positions that differ within the batch: those become arrays, the rest stays as it is."""
    fixed, kept, axes, arrays = [], [], [], []
    place = 0  # the axis of what `fixed` picks
    rest = iter(range(1, len(batch.inputs)))
    for e in op.entries:
        count = (isinstance(e, Slice) and (e.start is GIVEN) + (e.stop is GIVEN)) or e is GIVEN
        mine = [next(rest) for _ in range(int(count))]
        if e is GIVEN and batch.counts[mine[0]]:
            fixed.append(FULL)
            axes.append(place)
            arrays.append(mine[0])
        else:
            for i in mine:
                batch.refuse(i, "A bound of a slice")
            fixed.append(e)
            kept.extend(batch.inputs[i] for i in mine)
        place += isinstance(fixed[-1], Slice)
    lead = batch.counts[0]
    source = Subtensor((FULL,) * lead + tuple(fixed))(batch.inputs[0], *kept)
    if not lead:
        return Gather(tuple(axes))(source, *[batch.inputs[i] for i in arrays])
    own = extents_of(source)[lead:]
    source = broadcast_to(source, [*batch.extents(), *own])
    n = batch.ndim
    return Gather((*range(n), *shifted(axes, n)))(source, *batch.positions(0), *[batch.inputs[i] for i in arrays])


def index_rank(batch: Batched, first: int) -> int:
    """The number of axes that the index arrays (the inputs from `first` on) have together, without their batch."""
    return max(batch.core(i) for i in range(first, len(batch.inputs)))


@vectorize_op.register(Gather)
def gathered(op: Gather, batch: Batched) -> Any:
    n, rank = batch.ndim, index_rank(batch, 1)
    if not any(batch.counts[1:]):
        found = Gather(shifted(op.axes, n))(*batch.inputs)
        return moveaxis(found, list(range(rank, rank + n)), list(range(n)))
    indices = [batch.padded(i, rank) for i in range(1, len(batch.inputs))]
    if not batch.counts[0]:
        return Gather(op.axes)(batch.inputs[0], *indices)
    return Gather((*range(n), *shifted(op.axes, n)))(batch.full(0), *batch.positions(rank), *indices)


@vectorize_op.register(IncSubtensor)
def updated(op: IncSubtensor, batch: Batched) -> Any:
    if any(batch.counts[2:]):
        return updated_by_positions(op, batch)
    given = batch.inputs[2:]
    part = op.picks.infer(batch.node.inputs[0], *given)[0].ndim
    entries = (FULL,) * batch.ndim + op.entries
    return dataclasses.replace(op, entries=entries)(batch.full(0), batch.padded(1, part), *given)


@vectorize_op.register(Scatter)
def scattered(op: Scatter, batch: Batched) -> Any:
    if any(batch.counts[2:]):
        return updated_by_positions(op, batch)
    n, rank = batch.ndim, index_rank(batch, 2)
    part = op.picks.infer(batch.node.inputs[0], *batch.node.inputs[2:])[0].ndim
    y = batch.padded(1, part)
    if batch.counts[1]:  # the batch axes of what is picked stand behind those of the index
        m = batch.counts[1]
        y = moveaxis(y, list(range(m)), list(range(rank, rank + m)))
    elif y.ndim > part - rank:  # an update for every index is the same throughout the batch
        y = expand_dims(y, list(range(y.ndim - (part - rank), y.ndim - (part - rank) + n)))
    return Scatter(shifted(op.axes, n), op.sets)(batch.full(0), y, *batch.inputs[2:])


def updated_by_positions(op: Any, batch: Batched) -> Any:
    """An update at positions that differ within the batch: by the row-major number of each element."""
    given = batch.node.inputs[2:]
    core = extents_of(batch.inputs[0])[batch.counts[0] :]  # type: ignore[arg-type]
    n: Any = math.prod(core, start=as_tensor_variable(1))
    numbers = reshape(arange(n), core)
    picked_numbers = op.picks(numbers, *given)
    places = Batched(picked_numbers.owner, [numbers, *batch.inputs[2:]])
    where: Any = vectorize_op(op.picks, places)
    part, count = picked_numbers.ndim, batch.ndim
    own = extents_of(where)[where.ndim - part :]
    lengths = [*batch.extents(), *own]
    where = broadcast_to(where, lengths)
    values = broadcast_to(batch.padded(1, part), lengths)
    flat = reshape(batch.full(0), [*batch.extents(), n])
    axes = tuple(range(count + 1))
    found = Scatter(axes, op.sets)(flat, values, *batch.positions(part), where)
    return reshape(found, [*batch.extents(), *core])


@vectorize_op.register(Draw)
def drawn(op: Draw, batch: Batched) -> Any:
    """Independent draws over the batch: the batch of the parameters grows, and so does the size."""
    source: Any = batch.inputs[0]
    wanted: Any = batch.inputs[1]
    own = len(batch.node.outputs[1].type.shape) - op.law.ndim_supp  # type: ignore[attr-defined]
    parameters = [batch.padded(i, own + c) for i, c in enumerate(op.law.core, start=2)]
    if wanted is not NONE:
        wanted = stack(
            [*[as_tensor_variable(n, dtype="int64") for n in batch.extents()], *[wanted[i] for i in range(own)]]
        )
    return op(source, wanted, *parameters)


@vectorize_op.register(Scan)
def stepped(op: Scan, batch: Batched) -> Any:
    """All loops of the batch side by side, step by step; loops that may stop early run one by one."""
    generators = any(not isinstance(v.type, TensorType) for v in batch.node.inputs)
    if op.until or batch.counts[0] or generators:
        return one_by_one(op, batch)
    n, steps = batch.ndim, batch.inputs[0]
    given: list[Any] = [batch.inputs[i] for i in range(1, len(batch.inputs))]
    for i in range(op.sequences):
        if batch.counts[1 + i]:
            given[i] = moveaxis(batch.full(1 + i), n, 0)
    for i in range(op.sequences, op.sequences + op.states):
        given[i] = batch.full(1 + i)
    kinds = op.rows(op.parts(given))
    leaves = [kind.variable(name=leaf.name) for kind, leaf in zip(kinds, op.body.inputs, strict=True)]
    batched = vectorize_graph(list(op.body.outputs), dict(zip(op.body.inputs, leaves, strict=True)))
    results: list[Any] = as_list(batched)
    leaf: Any
    for k, leaf in enumerate(leaves[op.sequences : op.sequences + op.states]):
        if results[k].ndim != leaf.ndim:  # a state that is the same throughout the batch from the first step on
            results[k] = broadcast_to(results[k], extents_of(leaf))
    found = Apply(dataclasses.replace(op, body=Body(leaves, results), tidy=False), [steps, *given]).outputs
    cores = [v.type.ndim for v in batch.node.outputs]  # type: ignore[attr-defined]
    return [moveaxis(v, 0, n) if i >= op.states and v.type.ndim > cores[i] else v for i, v in enumerate(found)]


def vectorize_node(node: Apply, inputs: Sequence[Variable]) -> list[Variable]:
    """The outputs of one application when its inputs are batched."""
    batch = Batched(node, inputs)
    with made_by(node.line):
        found = node.op(*inputs) if batch.ndim == 0 else vectorize_op(node.op, batch)
    return as_list(found)


def vectorize_graph(outputs: Any, replace: Mapping[Variable, Any]) -> Any:
    """`outputs` over a batch: some variables get leading axes, and the results have them too.

    Parameters
    ----------
    outputs : variable or sequence of variables
    replace : mapping from variable to variable
        For each batched variable what takes its place: a tensor of the same dtype with axes in front. Several
        batches broadcast, aligned from the last batch axis.

    Returns
    -------
    The new outputs. One that depends on nothing batched stays as it is, without batch axes.

    Raises
    ------
    TypeError
        When a length would differ within the batch, or an op has no rule.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x, xs = pt.vector("x"), pt.matrix("xs")
    >>> print(vectorize_graph(pt.exp(x).sum(), {x: xs}).eval({xs: [[0.0, 0.0], [0.0, 0.0]]}))
    [2. 2.]
    """
    new: dict[Variable, Variable] = {old: checked(old, as_tensor_variable(v)) for old, v in replace.items()}
    roots = as_list(outputs)
    for node in toposort(roots, stop=set(new)):
        if any(v in new for v in node.inputs):
            found = vectorize_node(node, [new.get(v, v) for v in node.inputs])
            new.update((old, v) for old, v in zip(node.outputs, found, strict=True) if old not in new)
    vectorized = [new.get(v, v) for v in roots]
    return vectorized[0] if isinstance(outputs, Variable) else vectorized


FUNCTIONS["vectorize_graph"] = vectorize_graph  # for ops below, whose gradient is that of one element over a batch


def checked(old: Variable, new: TensorVariable) -> TensorVariable:
    """Refuse a replacement that is no batch of what it replaces."""
    kind: Any = old.type
    core = TensorType(new.dtype, new.type.shape[max(new.ndim - kind.ndim, 0) :])
    if not kind.accepts(core):
        raise TypeError(
            f"{new} of type {new.type} is no batch of {old} of type {kind}: only axes in front may be added."
        )
    return new


def vectorize(function: Callable[..., Any], signature: str | None = None) -> Callable[..., Any]:
    """A function of tensors over batches, from one that is written for single arguments.

    Parameters
    ----------
    function : callable
        From tensors to a tensor or several.
    signature : str, optional
        The axes of single arguments and results as in NumPy, such as "(m,n),(n)->(m)"; scalars by default.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> solve = vectorize(lambda a, b: (a * b).sum(), "(n),(n)->()")
    >>> print(solve([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).eval())
    [3. 7.]
    """
    ranks = None if signature is None else [text_ranks(side) for side in signature.replace(" ", "").split("->")]

    def batched(*args: Any) -> Any:
        tensors = [as_tensor_variable(a) for a in args]
        cores = ranks[0] if ranks else [0] * len(tensors)
        if len(cores) != len(tensors):
            raise TypeError(f"The signature {signature} has {len(cores)} arguments, not {len(tensors)}.")
        single = [core_variable(t, c) for t, c in zip(tensors, cores, strict=True)]
        found = function(*single)
        check_results(as_list(found), ranks[1] if ranks and len(ranks) > 1 else None, signature)
        return vectorize_graph(found, dict(zip(single, tensors, strict=True)))

    return batched


def text_ranks(side: str) -> list[int]:
    """The number of axes of each argument in one side of a signature."""
    return [len([name for name in group.split(",") if name]) for group in re.findall(r"\(([^()]*)\)", side)]


def core_variable(t: TensorVariable, core: int) -> TensorVariable:
    """A variable like one element of the batch `t`."""
    if t.ndim < core:
        raise TypeError(f"{t} has {t.ndim} axes, but the signature asks for at least {core}.")
    return TensorType(t.dtype, t.type.shape[t.ndim - core :]).variable(name=t.name)


def check_results(found: Sequence[Variable], ranks: Sequence[int] | None, signature: str | None) -> None:
    """Refuse results that are not as the signature says."""
    actual = [v.type.ndim for v in found]  # type: ignore[attr-defined]
    if ranks is not None and list(ranks) != actual:
        raise TypeError(f"The results have {actual} axes, but the signature is {signature}.")


__all__ = ["vectorize", "vectorize_graph", "vectorize_node", "vectorize_op"]
