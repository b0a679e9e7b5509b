"""Rules: pairs of expressions of the same value, written in the syntax of tensors, with holes for what may vary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from pellucid.graph.nodes import Apply, Foreign, Op, Variable
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.operators import Operators
from pellucid.tensor.types import Constant, TensorVariable

Found = dict[Any, Any]
"""What a match has bound: holes and parts of the pattern to variables, families to ops."""

CONSTANT = "constant"
"""The head of a constant whose value no rule names."""

MIXED = "mixed"
"""The head that stands for many inputs, not all of them constant."""

NAMED_VALUES: set[Any] = set()
"""The values of all literals in rules: constants of these values have a head of their own."""

Key = tuple[Any, ...]
"""The root of an application and the heads of its inputs: all that is looked at before a rule is tried."""


class Pattern(Operators, Foreign):
    """An op (or a family of ops) applied to patterns; made by writing the expression."""

    __slots__ = ("args", "op")

    def __init__(self, op: Op | Family, args: Sequence[Pattern]):
        self.op, self.args = op, tuple(args)

    def apply(self, op: Op, args: Sequence[Any]) -> Pattern:
        return Pattern(op, [as_pattern(a) for a in args])

    def __rshift__(self, after: Any) -> Rule:
        return Rule(self, as_pattern(after))

    def matches(self, v: Variable, found: Found) -> Iterator[Found]:
        """Every way of filling the holes that makes this pattern equal to `v`, given what is bound already."""
        node = v.owner
        if node is None or not self.reads(node, found):
            return
        bound = {**found, self: v}
        if isinstance(self.op, Family):
            bound[self.op] = node.op
        for inputs in node.op.orders(node.inputs):
            ways = [bound]
            for arg, given in zip(self.args, inputs, strict=True):
                ways = [deeper for way in ways for deeper in arg.matches(given, way)]
            yield from ways

    def plausible(self, v: Variable) -> bool:
        """Whether `v` has the ops of this pattern, holes aside: quick, and false for nearly all that does not match."""
        node = v.owner
        if node is None or len(self.args) != len(node.inputs):
            return False
        op = self.op
        if not (op.accepts(node.op) if isinstance(op, Family) else node.op is op or node.op == op):
            return False
        return any(self.plausible_inputs(order) for order in node.op.orders(node.inputs))

    def plausible_inputs(self, inputs: Sequence[Variable]) -> bool:
        """Whether inputs in this order have the ops of the arguments."""
        return all(a.plausible(v) for a, v in zip(self.args, inputs, strict=True))

    def reads(self, node: Apply, found: Found) -> bool:
        """Whether the root of the pattern is that of `node`."""
        if len(self.args) != len(node.inputs):
            return False
        if isinstance(self.op, Family):
            return self.op.accepts(node.op) and found.get(self.op, node.op) == node.op
        return node.op == self.op

    def may_match(self, head: Any) -> bool:
        """Whether a variable with this head could match."""
        if isinstance(self.op, Family):
            return self.op.may_be(head)
        return head is kind(self.op)

    def fill(self, found: Found) -> Any:
        """The expression, with its holes filled."""
        op = found[self.op] if isinstance(self.op, Family) else self.op
        return op(*[a.fill(found) for a in self.args])

    def parts(self) -> Iterator[Pattern]:
        """The pattern itself and all patterns in it."""
        yield self
        for a in self.args:
            yield from a.parts()

    def __str__(self) -> str:
        return spelling(self)

    __repr__ = __str__


class Hole(Pattern):
    """Matches any real tensor that it accepts.

    Parameters
    ----------
    name : str
    accepts : callable, optional
        A condition on the variable.
    constant : bool
        Match constants only.
    dtypes : str
        The kinds of dtype that are matched, as NumPy's letters: by default integers and floats.
    example : callable, optional
        A variable that the hole accepts, made from a root variable: tests and respelling need one.
    """

    __slots__ = ("accepts", "constant", "dtypes", "example", "name")

    def __init__(
        self,
        name: str,
        accepts: Callable[[Any], bool] | None = None,
        *,
        constant: bool = False,
        dtypes: str = "iuf",
        example: Callable[[Any], Any] | None = None,
    ):
        self.op, self.args = None, ()  # type: ignore[assignment]
        self.name, self.accepts, self.constant, self.dtypes, self.example = name, accepts, constant, dtypes, example

    def matches(self, v: Variable, found: Found) -> Iterator[Found]:
        known = found.get(self)
        if known is not None:
            if known is v:
                yield found
        elif self.takes(v):
            yield {**found, self: v}

    def plausible(self, v: Variable) -> bool:
        return not self.constant or isinstance(v, Constant)

    def takes(self, v: Variable) -> bool:
        """Whether the hole can be filled with `v`."""
        return (
            isinstance(v, TensorVariable)
            and (not self.constant or isinstance(v, Constant))
            and np.dtype(v.type.dtype).kind in self.dtypes
            and (self.accepts is None or self.accepts(v))
        )

    @property
    def example_dtype(self) -> str:
        """A dtype that the hole takes: the widest."""
        return next(dtype for kind, dtype in (("f", "float64"), ("i", "int64"), ("b", "bool")) if kind in self.dtypes)

    def may_match(self, head: Any) -> bool:
        return not self.constant or is_constant_head(head)

    def fill(self, found: Found) -> Any:
        return found[self]


class Literal(Pattern):
    """Matches constants all of whose elements have one value."""

    __slots__ = ("value",)

    def __init__(self, value: float):
        self.op, self.args, self.value = None, (), value  # type: ignore[assignment]
        NAMED_VALUES.add(value)

    def matches(self, v: Variable, found: Found) -> Iterator[Found]:
        if isinstance(v, Constant) and bool(np.all(v.data == self.value)) and v.data.size > 0:
            yield found

    def plausible(self, v: Variable) -> bool:
        return isinstance(v, Constant)

    def may_match(self, head: Any) -> bool:
        return isinstance(head, (bool, int, float)) and head == self.value

    def fill(self, found: Found) -> Any:
        return self.value


class Family:
    """Ops that differ in their parameters only: a pattern over a family remembers which one it met.

    Parameters
    ----------
    name : str
    kind : type
        The class of the ops.
    condition : callable, optional
        Which ops of the class belong.
    example : op
        A member; tests and respelling need one.
    """

    def __init__(self, name: str, kind: type[Op], condition: Callable[[Any], bool] | None = None, *, example: Op):
        self.name, self.kind, self.condition, self.example = name, kind, condition, example

    def __call__(self, *args: Any) -> Pattern:
        return Pattern(self, [as_pattern(a) for a in args])

    def accepts(self, op: Op) -> bool:
        """Whether `op` is a member."""
        return type(op) is self.kind and (self.condition is None or self.condition(op))

    def may_be(self, head: Any) -> bool:
        """Whether an application with this head could be of a member."""
        return head is self.kind or (type(head) is Elementwise and self.accepts(head))

    def becomes(self, make: Callable[[Any], Op]) -> Becomes:
        """The op that `make` builds from the member that was met; for right-hand sides."""
        return Becomes(self, make)


class Becomes(Family):
    """An op made from the member of a family that a match has met."""

    def __init__(self, family: Family, make: Callable[[Any], Op]):
        self.family, self.make, self.name = family, make, family.name

    def __call__(self, *args: Any) -> Pattern:
        return Made(self, [as_pattern(a) for a in args])


class Made(Pattern):
    """The application of an op that :meth:`Family.becomes` describes."""

    __slots__ = ()

    op: Becomes

    def fill(self, found: Found) -> Any:
        return self.op.make(found[self.op.family])(*[a.fill(found) for a in self.args])


INFIX = {"add": "+", "sub": "-", "mul": "*", "true_div": "/", "pow": "**"}


def spelling(p: Pattern) -> str:
    """The pattern as it would be written."""
    if isinstance(p, Hole):
        return p.name
    if isinstance(p, Literal):
        return str(p.value)
    name = p.op.name if isinstance(p.op, (Family, Elementwise)) else str(p.op)
    args = [spelling(a) for a in p.args]
    infix = [getattr(a.op, "name", "") in INFIX for a in p.args]
    bracketed = [f"({text})" if compound else text for compound, text in zip(infix, args, strict=True)]
    if name in INFIX:
        return f" {INFIX[name]} ".join(bracketed)
    return f"-{bracketed[0]}" if name == "neg" else f"{name}({', '.join(args)})"


def as_pattern(x: Any) -> Pattern:
    """A pattern as it is, a number as a literal."""
    return x if isinstance(x, Pattern) else Literal(x)


def kind(op: Op) -> Any:
    """What rules are indexed by: an elementwise op itself, of others the class."""
    return op if type(op) is Elementwise else type(op)


def is_constant_head(head: Any) -> bool:
    """Whether a head is that of a constant."""
    return head is CONSTANT or isinstance(head, (bool, int, float))


def uniform_value(v: Constant) -> Any:
    """The one value of all elements; None when they differ or there are none."""
    if v.data.size == 1:
        return v.data.item()
    if v.data.size == 0:
        return None
    first = v.data.flat[0]
    return first.item() if bool((v.data == first).all()) else None


def head_of(v: Variable) -> Any:
    """The kind of op that makes `v`; for a constant its value where a rule names it; None for another root."""
    if v.owner is not None:
        op = v.owner.op
        return op if type(op) is Elementwise else type(op)
    if isinstance(v, Constant):
        value = uniform_value(v)
        return value if value in NAMED_VALUES else CONSTANT
    return None


def key_of(node: Apply) -> Key:
    """The kinds of the op and of its inputs."""
    inputs = node.inputs
    if len(inputs) <= 3:
        return kind(node.op), *[head_of(v) for v in inputs]
    constant = all(isinstance(v, Constant) for v in inputs)
    return kind(node.op), head_of(inputs[0]), CONSTANT if constant else MIXED


Guard = Callable[[Mapping[Any, Any]], bool]


@dataclass(frozen=True, eq=False)
class Rule:
    """`before` may be replaced by `after`.

    Applies only where the left side computes in one real dtype throughout, so that no rounding or wrap-around
    that the user asked for by a cast is lost.
    """

    before: Pattern
    after: Pattern
    guard: Guard | None = None
    spelled_as: Rule | None = None

    def when(self, guard: Guard) -> Rule:
        """The same rule, where `guard` holds of what was found (a mapping from holes and parts to variables)."""
        return replace(self, guard=guard)

    @property
    def name(self) -> str:
        """The rule as it was written."""
        return str(self.spelled_as or self)

    def __str__(self) -> str:
        return f"{self.before} >> {self.after}"

    @cached_property
    def twins(self) -> bool:
        """Whether the last two inputs must be one variable."""
        args = self.before.args
        return len(args) > 1 and isinstance(args[-1], Hole) and args[-1] is args[-2]

    def may_match(self, key: Key) -> bool:
        """Whether an application with this key could match."""
        root, *heads = key
        if not self.before.may_match(root) or MIXED in heads or len(heads) != len(self.before.args):
            return False
        orders = [heads, heads[::-1]] if getattr(root, "commutes", False) else [heads]
        return any(all(a.may_match(h) for a, h in zip(self.before.args, order, strict=True)) for order in orders)

    def __call__(self, node: Apply) -> Any:
        """What can stand for the output of `node`, or None."""
        before = self.before
        if (self.twins and node.inputs[-1] is not node.inputs[-2]) or not before.plausible(node.outputs[0]):
            return None
        for found in before.matches(node.outputs[0], {}):
            if self.in_one_dtype(found, node.outputs[0]) and (self.guard is None or self.guard(found)):
                return self.after.fill(found)
        return None

    def in_one_dtype(self, found: Found, root: Any) -> bool:
        """Whether no part of the left side computes in another dtype than the whole (conditions aside)."""
        dtypes = {v.type.dtype for p, v in found.items() if isinstance(p, Pattern) and p.args}
        return dtypes - {"bool"} <= {root.type.dtype}


@dataclass(frozen=True, eq=False)
class Procedure:
    """A rule that is not a pair of expressions: a function from an application to what can stand for its outputs.

    Attributes
    ----------
    function : callable
        ``function(node)``: a variable (several for several outputs), or None.
    roots : tuple
        The elementwise ops and classes of ops that it applies to; empty for all.
    over : tuple
        Where given, some input must be of one of these kinds.
    of : tuple
        Where given, the first input must be of one of these kinds.
    condition : callable, optional
        A condition on the key.
    """

    function: Callable[[Apply], Any]
    roots: tuple[Any, ...] = ()
    over: tuple[Any, ...] = ()
    of: tuple[Any, ...] = ()
    condition: Callable[[Key], bool] | None = None

    @property
    def name(self) -> str:
        """The function's name in words."""
        return self.function.__name__.replace("_", " ")

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return self.function.__doc__

    def may_match(self, key: Key) -> bool:
        """Whether an application with this key could match."""
        root, *heads = key
        if self.roots and root not in self.roots and type(root) not in self.roots:
            return False
        if self.over and not any(h in self.over for h in heads):
            return False
        if self.of and (not heads or heads[0] not in self.of):
            return False
        return self.condition is None or self.condition(key)

    def __call__(self, node: Apply) -> Any:
        return self.function(node)


def procedure(
    *roots: Any, over: Sequence[Any] = (), of: Sequence[Any] = (), condition: Callable[[Key], bool] | None = None
) -> Callable[..., Procedure]:
    """Declare a procedure on applications of `roots` (elementwise ops, or classes of ops)."""
    return lambda function: Procedure(function, tuple(roots), tuple(over), tuple(of), condition)


AnyRule = Rule | Procedure
Table = tuple[AnyRule, ...]
