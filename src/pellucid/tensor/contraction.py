"""Einstein's summation: any expression of labelled axes, as transposes, products and sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.tensor.arithmetic import mul
from pellucid.tensor.broadcast import shape_error
from pellucid.tensor.indexing import diagonal
from pellucid.tensor.linalg import MatMul
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import broadcast_to, dim, dimshuffle, moveaxis, reshape
from pellucid.tensor.types import TensorVariable, as_operands

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

Labelled = tuple[TensorVariable, str]
"""A tensor and a label for each of its axes."""


def einsum(subscripts: Any, *operands: Any, optimize: Any = None) -> TensorVariable:
    """Sum products of elements over the axes whose labels are not in the result, as NumPy's einsum.

    Parameters
    ----------
    subscripts : str
        Labels of the axes of each operand, and after "->" those of the result (by default the labels that occur once,
        sorted). A label that an operand repeats takes its diagonal; "..." stands for axes that broadcast. Or in turn
        operands and lists of integers, as in NumPy.
    operands : tensors
    optimize : optional
        How `numpy.einsum_path` orders the products of more than two operands (default: "optimal" up to 4, else
        "greedy"); False goes from the left. Lengths that are not known count as 10.

    Examples
    --------
    >>> print(einsum("ij,jk->ik", [[1.0, 2.0]], [[3.0], [4.0]]).eval())
    [[11.]]
    """
    given: Any = operands
    if not isinstance(subscripts, str):
        subscripts, given = from_lists([subscripts, *operands])
    tensors = as_operands(given)
    inputs, output = labels_of(subscripts, tensors)
    check_lengths(subscripts, tensors, inputs)
    parts = [single(x, labels) for x, labels in zip(tensors, inputs, strict=True)]
    for pair in order_of(parts, output, optimize):
        taken = [parts[i] for i in pair]
        parts = [p for i, p in enumerate(parts) if i not in pair]
        needed = set(output).union(*[labels for _, labels in parts])
        parts.append(contract(taken, needed))
    found, labels = summed(parts[0], set(output))
    return dimshuffle(found, *[labels.index(a) for a in output])


def from_lists(arguments: Sequence[Any]) -> tuple[str, list[Any]]:
    """Subscripts as text, from operands and lists of integers in turn."""

    def text(labels: Sequence[Any]) -> str:
        return "".join("..." if i is Ellipsis else LETTERS[i] for i in labels)

    count = len(arguments) // 2
    inputs = ",".join(text(labels) for labels in arguments[1 : 2 * count : 2])
    ending = f"->{text(arguments[-1])}" if len(arguments) % 2 else ""
    return inputs + ending, list(arguments[: 2 * count : 2])


def labels_of(subscripts: str, tensors: Sequence[TensorVariable]) -> tuple[list[str], str]:
    """The labels of each operand and of the result, with letters of their own for the axes of an ellipsis."""
    given, arrow, result = subscripts.replace(" ", "").partition("->")
    inputs = given.split(",")
    if len(inputs) != len(tensors):
        raise ValueError(f"einsum {subscripts!r} names {len(inputs)} operands, but {len(tensors)} are given.")
    if not set(subscripts.replace("->", "").replace("...", "")) <= set(LETTERS + ", "):
        raise ValueError(f"einsum {subscripts!r}: labels are letters, with ',', '...' and one '->'.")
    spare = [c for c in LETTERS[::-1] if c not in subscripts]
    widths = [x.ndim - len(labels.replace("...", "")) for x, labels in zip(tensors, inputs, strict=True)]
    for x, labels, width in zip(tensors, inputs, widths, strict=True):
        if width < 0 or (width and "..." not in labels):
            raise shape_error(
                f"einsum {subscripts!r}", [x], f"{labels!r} names not all of its axes", "Name each, or write '...'."
            )
    rest = "".join(spare[: max((w for w, labels in zip(widths, inputs, strict=True) if "..." in labels), default=0)])
    full = [labels.replace("...", rest[len(rest) - w :]) for labels, w in zip(inputs, widths, strict=True)]
    joined = "".join(full)
    if not arrow:
        return full, rest + "".join(sorted(c for c in set(joined) - set(rest) if joined.count(c) == 1))
    output = result.replace("...", rest)
    if len(set(output)) < len(output) or not set(output) <= set(joined):
        raise ValueError(f"einsum {subscripts!r}: each label of the result occurs once in it, and in some operand.")
    return full, output


def check_lengths(subscripts: str, tensors: Sequence[TensorVariable], inputs: Sequence[str]) -> None:
    """Refuse axes of one label whose known lengths differ; an axis of known length 1 stretches."""
    known: dict[str, int] = {}
    for x, labels in zip(tensors, inputs, strict=True):
        for label, n in zip(labels, x.type.shape, strict=True):
            if n in (None, 1):
                continue
            if known.setdefault(label, n) != n:
                raise shape_error(
                    f"einsum {subscripts!r}",
                    tensors,
                    f"axes labelled {label!r} have lengths {known[label]} and {n}",
                    "Fix the labels or the lengths.",
                )


def single(x: TensorVariable, labels: str) -> Labelled:
    """An operand with each label once: of axes with one label only the diagonal is left."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            x = moveaxis(diagonal(x, 0, first, second), -1, first)
            labels = labels[:second] + labels[second + 1 :]
            # `diagonal` takes away both axes and puts one last; `moveaxis` puts it where the first was.
    return x, labels


def summed(part: Labelled, needed: set[str]) -> Labelled:
    """A tensor summed over the labels that nothing else has."""
    x, labels = part
    gone = tuple(i for i, c in enumerate(labels) if c not in needed)
    return (sum_like(x, gone), "".join(c for c in labels if c in needed)) if gone else part


def sum_like(x: TensorVariable, axes: tuple[int, ...]) -> TensorVariable:
    """The sum in the dtype of x, as einsum gives it also for small integers."""
    found = sum_(x, axes)
    return found if found.dtype == x.dtype else found.astype(x.dtype)


def order_of(parts: Sequence[Labelled], output: str, optimize: Any) -> list[tuple[int, ...]]:
    """Which parts are multiplied in each step; the products go to the end of the list."""
    if len(parts) < 3 or optimize is False:
        return [(0, 1), *((0, n) for n in range(len(parts) - 2, 0, -1))] if len(parts) > 1 else []
    if optimize in (None, True):
        optimize = "optimal" if len(parts) <= 4 else "greedy"
    shapes = [np.broadcast_to(0.0, [10 if n is None else max(n, 1) for n in x.type.shape]) for x, _ in parts]
    expression = f"{','.join(labels for _, labels in parts)}->{output}"
    path = np.einsum_path(expression, *shapes, optimize=optimize)[0][1:]
    return [tuple(int(i) for i in step) for step in path]


def contract(taken: Sequence[Labelled], needed: set[str]) -> Labelled:
    """The product of some tensors, summed over what nothing else needs."""
    found = taken[0]
    for i, other in enumerate(taken[1:], start=2):
        later = needed.union(*[labels for _, labels in taken[i:]])
        found = multiply(summed(found, later | set(other[1])), summed(other, later | set(found[1])), later)
    return summed(found, needed)


def multiply(a: Labelled, b: Labelled, needed: set[str]) -> Labelled:
    """The product of two tensors: a product of matrices where they share a label that is summed over."""
    (x, of_x), (y, of_y) = stretched(a, b)
    inner = [c for c in of_x if c in of_y and c not in needed]
    batch = [c for c in of_x if c in of_y and c in needed]
    rows, columns = [c for c in of_x if c not in of_y], [c for c in of_y if c not in of_x]
    if not inner or not (rows or columns):
        labels = [*batch, *inner, *rows, *columns]
        product = mul(aligned(x, of_x, labels), aligned(y, of_y, labels))
        return summed((product, "".join(labels)), needed)
    left = gathered(x, of_x, (batch, rows, inner))
    right = gathered(y, of_y, (batch, inner, columns))
    lengths = [*lengths_of(x, of_x, batch + rows), *lengths_of(y, of_y, columns)]
    return reshape(MatMul()(left, right), tuple(lengths)), "".join([*batch, *rows, *columns])


def stretched(a: Labelled, b: Labelled) -> tuple[Labelled, Labelled]:
    """Both, where an axis of known length 1 that meets a longer one of its label is stretched."""
    return stretch(a, b), stretch(b, a)


def stretch(a: Labelled, b: Labelled) -> Labelled:
    """The first, its axes of length 1 stretched to those of the second."""
    (x, of_x), (y, of_y) = a, b
    lengths = lengths_of(x, of_x, of_x)
    wanted = [length(y, of_y.index(c)) if n == 1 and c in of_y else n for c, n in zip(of_x, x.type.shape, strict=True)]
    if all(n is m for n, m in zip(wanted, x.type.shape, strict=True)) or wanted == list(x.type.shape):
        return a
    return broadcast_to(x, [n if m is None else m for n, m in zip(lengths, wanted, strict=True)]), of_x


def length(x: TensorVariable, axis: int) -> Any:
    """The length of an axis: a number where it is static."""
    known = x.type.shape[axis]
    return dim(x, axis) if known is None else known


def lengths_of(x: TensorVariable, labels: str, wanted: Sequence[str]) -> list[Any]:
    """The lengths of the axes with some labels."""
    return [length(x, labels.index(c)) for c in wanted]


def aligned(x: TensorVariable, labels: str, order: Sequence[str]) -> TensorVariable:
    """The axes in an order of labels, of length one for labels that x has not."""
    return dimshuffle(x, *[labels.index(c) if c in labels else "x" for c in order])


def gathered(x: TensorVariable, labels: str, groups: Sequence[Sequence[str]]) -> TensorVariable:
    """The axes of the first group as they are, those of each other group as one."""
    batch, *others = groups
    ordered = dimshuffle(x, *[labels.index(c) for group in groups for c in group])
    if all(len(group) == 1 for group in others):
        return ordered
    merged = [product_of(lengths_of(x, labels, group)) for group in others]
    return reshape(ordered, (*lengths_of(x, labels, batch), *merged))


def product_of(lengths: Sequence[Any]) -> Any:
    """The product of lengths."""
    total: Any = 1
    for n in lengths:
        total = total * n
    return total
