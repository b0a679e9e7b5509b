"""The whole data model: variables, and the applications of ops that compute them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any, ClassVar

from pellucid.graph.provenance import Line, describe, made_by, user_line

PICKLING = "pellucid.graph.pickling"
"""Found on first use: it walks graphs, and so imports this module."""


class Type:
    """What is known of a value before it is computed. Frozen, hashable, compared by value."""

    __slots__ = ()

    def variable(self, owner: Apply | None = None, index: int = 0, name: str | None = None) -> Variable:
        """A variable of this type: the output `index` of `owner`, or a root when `owner` is None."""
        return Variable(self, owner, index, name)

    def accepts(self, other: Type) -> bool:
        """Whether a variable of type `other` can stand where one of this type is read; by default, when it is equal."""
        return other == self

    def agrees(self, other: Type) -> bool:
        """Whether a value may be of both types; by default, when they are of one kind."""
        return type(other) is type(self)

    def __call__(self, name: str | None = None) -> Variable:
        """A root variable of this type."""
        return self.variable(name=name)


class Variable:
    """A value in a graph. Fixed at birth, except for `name`, which is only a label.

    Attributes
    ----------
    type : Type
        What is known of the value.
    owner : Apply or None
        The application that computes it; None for a root.
    index : int
        Which output of `owner` it is.
    name : str or None
        A label for people; never part of what the variable means.
    """

    __slots__ = ("__weakref__", "index", "name", "owner", "type")

    type: Any
    """Any, for a reader of types: what a type offers depends on the kind of variable."""

    has_value = False
    """Whether the variable brings its own value (a constant, a shared variable), so that no caller need give it."""

    def __init__(self, type: Type, owner: Apply | None = None, index: int = 0, name: str | None = None):
        self.type, self.owner, self.index, self.name = type, owner, index, name

    def __str__(self) -> str:
        if self.name:
            return self.name
        return f"<{self.type}>" if self.owner is None else f"{self.owner.op}.{self.index}"

    def __repr__(self) -> str:
        return str(self)

    def get_value(self, borrow: bool = False) -> Any:
        """The value that the variable brings with it, where `has_value`."""
        raise TypeError(f"{self} has no value of its own: give it one when you evaluate what depends on it.")

    def set_value(self, value: Any) -> None:
        """Replace the value, where the variable is shared state."""
        raise TypeError(f"{self} is not shared, so its value cannot be set.")

    def key(self) -> object:
        """What makes two leaves the same value; by default, being the same leaf."""
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        return import_module(PICKLING).reduce_variable(self, protocol)


class Apply:
    """An op applied to inputs. Never changed: to edit a graph is to build another.

    Attributes
    ----------
    op : Op
    inputs, outputs : tuple of Variable
    line : (file, line number) or None
        The user's line that made the node; not part of what the node means.
    """

    __slots__ = ("__weakref__", "inputs", "line", "op", "outputs")

    op: Any
    """Any, for a reader of types: which facets an op has depends on its kind."""

    def __init__(self, op: Op, inputs: Sequence[Variable], types: Sequence[Type] | None = None):
        self.op, self.inputs = op, tuple(inputs)
        self.line: Line | None = user_line()
        types = op.infer(*self.inputs) if types is None else types
        if len(types) == 1:  # nearly every node: worth the shorter way
            self.outputs = (types[0].variable(self),)
        else:
            self.outputs = tuple([t.variable(self, i) for i, t in enumerate(types)])

    @property
    def nin(self) -> int:
        """The number of inputs."""
        return len(self.inputs)

    @property
    def nout(self) -> int:
        """The number of outputs."""
        return len(self.outputs)

    @property
    def out(self) -> Variable:
        """The output, where there is one only."""
        if len(self.outputs) != 1:
            raise ValueError(f"{self.op} has {len(self.outputs)} outputs; take one of node.outputs.")
        return self.outputs[0]

    def clone_with_new_inputs(self, inputs: Sequence[Variable]) -> Apply:
        """The op on other inputs, with the line of this node and the names of its outputs."""
        with made_by(self.line):
            fresh = Apply(self.op, inputs)
        for old, new in zip(self.outputs, fresh.outputs, strict=True):
            new.name = old.name
        return fresh

    def __str__(self) -> str:
        return f"{self.op}({', '.join(map(str, self.inputs))})"

    __repr__ = __str__

    def __reduce_ex__(self, protocol: Any) -> Any:
        return import_module(PICKLING).reduce_node(self, protocol)


class Foreign:
    """Not a variable, yet ops accept it: it says itself what applying an op to it means."""

    __slots__ = ()

    def apply(self, op: Op, args: Sequence[Any]) -> Any:
        """What `op(*args)` means when one of `args` is this object."""
        raise NotImplementedError


class Op:
    """What an operation means, said once. Subclasses are frozen: their fields are static parameters."""

    folds: ClassVar[bool] = True
    """Whether an application to constants may be computed once, when the graph is rewritten (not if it prints)."""

    elsewhere: ClassVar[dict[str, str]] = {
        "make_node": "infer(self, *inputs), which returns the tuple of the outputs' types; the node is made for you",
        "perform": "impl(self, xp, *arrays), which returns the output (a tuple of several) and fills no storage",
        "grad": "pullback(self, inputs, outputs, gradients)",
        "L_op": "pullback(self, inputs, outputs, gradients)",
        "c_code": "expand(self, *inputs) in simpler ops, which compile to native code",
    }
    """What other libraries call methods of ops, and what to write here."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        found = [f"  {old} -> {new}" for old, new in Op.elsewhere.items() if old in cls.__dict__]
        if found:
            raise TypeError(
                f"The op {cls.__name__} is written for another library; here its methods are (at "
                f"{describe(user_line())}):\n" + "\n".join(found) + "\n"
                "Make it a frozen dataclass, so that equal parameters mean equal ops. "
                "With infer_shape(self, inputs, extents) beside, graphs that hold it compile to native code."
            )

    def infer(self, *inputs: Variable) -> tuple[Type, ...]:
        """The types of the outputs; raises when the inputs do not fit."""
        raise NotImplementedError

    def impl(self, xp: Any, *arrays: Any) -> Any:
        """Compute the outputs (one value, or a tuple of several) over the array namespace `xp`: the reference."""
        raise NotImplementedError

    def pullback(
        self, inputs: Sequence[Variable], outputs: Sequence[Variable], gradients: Sequence[Variable | None]
    ) -> Sequence[Variable | None]:
        """The gradient of each input from those of the outputs; None where the value does not depend on it."""
        raise TypeError(f"{self} has no gradient. Wrap its input in pt.disconnected_grad(...) if none should flow.")

    def pullback_wanted(
        self,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        gradients: Sequence[Variable | None],
        wanted: Sequence[bool],
    ) -> Sequence[Variable | None]:
        """Like `pullback`, when only the gradients of the `wanted` inputs are needed."""
        return self.pullback(inputs, outputs, gradients)

    def must_agree(
        self, inputs: Sequence[Variable], extents: Sequence[Sequence[Any]], outputs: Sequence[Sequence[Any]]
    ) -> Iterable[tuple[Any, Any, int]]:
        """Lengths that must be equal once they are known: (one, the other, the axis to name in the error)."""
        return ()

    def expand(self, *inputs: Variable) -> Variable | Sequence[Variable] | None:
        """The same value in simpler ops, or None for a primitive."""
        return None

    def orders(self, inputs: tuple[Variable, ...]) -> tuple[tuple[Variable, ...], ...]:
        """The orders of the inputs that give the same value; pattern matching tries each."""
        return (inputs,)

    def as_variable(self, x: Any) -> Variable:
        """Turn an argument into a variable."""
        return x

    def as_variables(self, args: Sequence[Any]) -> Sequence[Variable]:
        """Turn all arguments into variables, where the type of one may depend on the others."""
        return [self.as_variable(a) for a in args]

    def __call__(self, *args: Any, name: str | None = None) -> Any:
        for a in args:
            if isinstance(a, Foreign):
                return a.apply(self, args)
        outputs = Apply(self, self.as_variables(args)).outputs
        if name is not None:
            outputs[-1].name = name
        return outputs[0] if len(outputs) == 1 else outputs
