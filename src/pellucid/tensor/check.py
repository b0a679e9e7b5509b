"""Checks in a graph: a value that passes only while conditions hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from pellucid.graph.nodes import Op, Variable
from pellucid.graph.provenance import Line, describe, user_line
from pellucid.tensor.reduce import all as all_
from pellucid.tensor.types import Constant, as_tensor_variable


@dataclass(frozen=True)
class CheckAndRaise(Op):
    """The first input as it is; an error unless all other inputs are true.

    The check is made where the value is computed: a compiled function that does not need the value checks nothing.

    Parameters
    ----------
    exc_type : type
        What is raised.
    msg : str
        With which message; the user's line is added.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x = pt.scalar("x")
    >>> checked = CheckAndRaise(ValueError, "x must be positive")(x, x > 0)
    >>> checked.eval({x: 2.0})
    array(2.)
    """

    lowering: ClassVar[str] = "inline"
    folds: ClassVar[bool] = False

    exc_type: type[Exception] = AssertionError
    msg: str = ""
    line: Line | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not (isinstance(self.exc_type, type) and issubclass(self.exc_type, Exception)):
            raise TypeError(f"exc_type must be a class of exceptions, not {self.exc_type!r}.")

    def __call__(self, value: Any, *conditions: Any, name: str | None = None) -> Any:
        if not conditions:
            raise TypeError(f"{self} checks nothing: give it a value and at least one condition.")
        parts = [as_tensor_variable(c) for c in conditions]
        scalars = [c if c.ndim == 0 else all_(c) for c in parts]
        return Op.__call__(replace(self, line=user_line()), as_tensor_variable(value), *scalars, name=name)

    def infer(self, value: Variable, *conditions: Variable) -> tuple[Any]:
        return (value.type,)

    def infer_shape(self, inputs: Sequence[Variable], extents: Sequence[Any]) -> list[Any]:
        """The shape of the value."""
        return [extents[0]]

    @property
    def complaint(self) -> str:
        """The message with the line that asked for the check."""
        return f"{self.msg or 'A condition does not hold'}\n  at {describe(self.line)}"

    def impl(self, xp: Any, value: Any, *conditions: Any) -> Any:
        if not all(bool(c) for c in conditions):
            raise self.exc_type(self.complaint)
        return value

    def at(self, k: Any, index: Any, value: Variable, *conditions: Variable) -> Any:
        for c in conditions:
            truth = yield c, ()
            k.require(k.cast(truth, "bool"), self.exc_type, self.complaint)
        return (yield value, index)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Any]:
        return [gradients[0]] + [None] * (len(inputs) - 1)

    def expand(self, *inputs: Variable) -> Any:
        met = all(isinstance(c, Constant) and bool(c.data.all()) for c in inputs[1:])
        return inputs[0] if met else None

    def batch(self, value: Variable, *conditions: Variable) -> Any:
        """The op over a batch: all conditions of the batch must hold."""
        return self(value, *conditions)

    def __str__(self) -> str:
        return f"CheckAndRaise{{{self.exc_type.__name__}({self.msg})}}"


def Assert(msg: str = "Assert failed!") -> CheckAndRaise:
    """An op that gives its first input as it is, and raises AssertionError unless all other inputs are true.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x = pt.scalar("x")
    >>> Assert("x must be positive")(x, x > 0).eval({x: 2.0})
    array(2.)
    """
    return CheckAndRaise(AssertionError, msg)


assert_op = Assert()
