"""From a graph to a callable: inputs, outputs, updates of shared state, givens."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.compile.backend import default_backend, load_backend
from pellucid.compile.shared import SharedVariable, check_value
from pellucid.compile.watch import Profile, as_guard, watch
from pellucid.graph.nodes import Variable
from pellucid.graph.printing import dprint
from pellucid.graph.provenance import describe, user_line
from pellucid.graph.replace import clone_replace
from pellucid.graph.traverse import explicit_graph_inputs, graph_inputs, toposort
from pellucid.rewrite.pipeline import rewrite_graph
from pellucid.tensor.draws import RngVariable
from pellucid.tensor.operators import method
from pellucid.tensor.types import TensorVariable, as_tensor_variable


class MissingInputError(TypeError):
    """A value is needed that the caller did not give."""


class UnusedInputError(ValueError):
    """An input was listed that no output depends on."""


class NotGiven(Exception):
    """None stands where an array belongs."""


class In:
    """An input with options: a name to call it by, and a default value."""

    def __init__(self, variable: Variable, name: str | None = None, value: Any = None):
        self.variable, self.name, self.value = variable, name or variable.name, value


class Out:
    """An output (PyTensor's spelling; values returned are always the caller's own)."""

    def __init__(self, variable: Variable, borrow: bool = False):  # PyTensor's signature
        self.variable, self.borrow = variable, borrow


class Function:
    """A compiled function of arrays.

    Attributes
    ----------
    inputs, outputs : list of Variable
        What it computes, as written.
    rewritten : list of Variable
        What is computed in fact: the outputs and updates after rewriting.
    """

    def __init__(
        self,
        inputs: Sequence[In],
        outputs: Sequence[Variable],
        updates: Mapping[Variable, Variable],
        pack: Packing,
        *,
        name: str | None,
        backend: str | None,
        rewrite: bool,
        profile: bool = False,
        nan_guard: bool | str = False,
    ):
        self.options = dict(name=name, backend=backend, rewrite=rewrite, profile=profile, nan_guard=nan_guard)
        self.profile = Profile() if profile else None
        self.guard = as_guard(nan_guard)
        self.plain = self.profile is None and self.guard is None
        self.parameters, self.name = list(inputs), name
        self.inputs = [i.variable for i in inputs]
        self.checks = [checker(v) for v in self.inputs]
        self.outputs, self.updates, self.pack = list(outputs), dict(updates), pack
        roots = [*self.outputs, *self.updates.values()]
        self.passes: dict[str, int] = {}
        self.rewritten = self.timed("rewrite", lambda: rewrite_graph(roots, counts=self.passes)) if rewrite else roots
        self.executable = self.timed("compile", lambda: self.compile(backend))

    def timed(self, stage: str, work: Callable[[], Any]) -> Any:
        """What `work` returns; its time is noted where a profile is wanted."""
        return work() if self.profile is None else self.profile.timed(stage, work)

    def compile(self, backend: str | None) -> Callable[..., list[Any]]:
        """The executable; what watches single nodes is interpreted."""
        if self.guard is not None:
            return load_backend("numpy").compile(self.inputs, watch(self.inputs, self.rewritten, self.guard.observe))
        if self.profile is not None and (backend or default_backend()) == "numpy":
            return load_backend("numpy").compile(self.inputs, watch(self.inputs, self.rewritten, self.profile.observe))
        return load_backend(backend).compile(self.inputs, self.rewritten)

    def __call__(self, *args: Any, **named: Any) -> Any:
        if named or len(args) != len(self.checks):
            args = tuple(self.bind(args, named))
        try:
            values = [check(a) for check, a in zip(self.checks, args, strict=True)]
        except NotGiven:
            values = self.bind(args, named)  # which says what is missing
        found = self.executable(*values) if self.plain else self.run(values)
        if self.updates:
            for shared, value in zip(self.updates, found[len(self.outputs) :], strict=True):
                shared.set_value(value)
            found = found[: len(self.outputs)]
        return self.pack(found)

    def run(self, values: list[Any]) -> list[Any]:
        """The outputs and updates for checked arguments."""
        if self.guard is not None:
            for v, value in zip(self.inputs, values, strict=True):
                self.guard.check_input(v, value)
        if self.profile is not None:
            return self.profile.called(lambda: self.executable(*values))
        return self.executable(*values)

    def bind(self, args: Sequence[Any], named: dict[str, Any]) -> list[Any]:
        """The arguments in the order of the inputs."""
        if len(args) > len(self.parameters):
            raise TypeError(f"{self} takes {len(self.parameters)} inputs, not {len(args)}.")
        values: list[Any] = [*args, *(p.value for p in self.parameters[len(args) :])]
        places = {p.name: i for i, p in enumerate(self.parameters) if p.name}
        for key, value in named.items():
            if key not in places:
                raise TypeError(
                    f"{self} has no input called {key!r}; its inputs are {', '.join(map(str, self.inputs))}."
                )
            values[places[key]] = value
        missing = [str(p.variable) for p, v in zip(self.parameters, values, strict=True) if v is None]
        if missing:
            raise MissingInputError(f"{self} needs a value for {', '.join(missing)}.")
        return values

    def __str__(self) -> str:
        return f"function {self.name}" if self.name else f"function({', '.join(map(str, self.inputs))})"

    __repr__ = __str__

    def dprint(self, **options: Any) -> Any:
        """Print what is computed in fact, after rewriting."""
        return dprint(self.rewritten, **options)

    def profile_report(self) -> str:
        """Where the time went: seconds by stage and, from the interpreter, calls, seconds and share by op and line."""
        if self.profile is None:
            raise ValueError(f"{self} keeps no profile: compile it with function(..., profile=True).")
        return str(self.profile)

    def explain(self) -> str:
        """What the function is: inputs, outputs, updates, what rewriting left, and what compiling made of it."""
        return explain(self)

    def __reduce__(self) -> Any:
        # The graph is kept and compiled again: native code belongs to one machine, and its cache makes that quick.
        return remake, (self.parameters, self.outputs, self.updates, self.pack, self.options)

    def compile_report(self) -> dict[str, Any]:
        """What compiling did: seconds by stage, what each pass did, loops, callbacks, and what else the backend tells.

        The interpreter compiles nothing: its report has no loops, and takes no seconds.
        """
        report = {"backend": "numpy", "nodes": len(toposort(self.rewritten)), "loop_nests": 0, "callbacks": [],
                  "plan_and_write": 0.0, "compile_and_link": 0.0}  # fmt: skip
        fired = {name: count for name, count in self.passes.items() if count}
        told = getattr(self.executable, "report", {})
        return report | told | {"passes": added_up(fired, told.get("passes", {}))}


def added_up(*counts: Mapping[str, int]) -> dict[str, int]:
    """Counts by name, those of one name added up."""
    return {name: sum(c.get(name, 0) for c in counts) for name in {n: None for c in counts for n in c}}


def remake(
    inputs: Sequence[In], outputs: Sequence[Variable], updates: Mapping[Variable, Variable], pack: Any, options: Any
) -> Function:
    """A function from a pickle, compiled again."""
    return Function(inputs, outputs, updates, pack, **options)


KINDS_OF_CODE = {"llvm": "native code", "numpy": "interpreted NumPy", "jax": "code that JAX compiles"}


def explain(f: Function) -> str:
    """A function in words."""
    before = len(toposort([*f.outputs, *f.updates.values()]))
    lines = [str(f)]
    lines += [f"  input   {v}: {v.type}" for v in f.inputs]
    lines += [f"  output  {v}: {v.type}" for v in f.outputs]
    lines += [f"  update  {shared} <- {new}" for shared, new in f.updates.items()]
    lines.append(f"  rewritten from {before} to {len(toposort(f.rewritten))} applications")
    report = f.compile_report()
    lines.append(f"  runs as {KINDS_OF_CODE[report['backend']]}")
    if report["backend"] == "numpy":
        return "\n".join([*lines, *(f"  {key}: {report[key]}" for key in ("why",) if key in report)])
    skipped = {"groups", "backend"}
    lines += [f"  {key}: {value}" for key, value in report.items() if key not in skipped and value not in ([], None)]
    lines += [f"  loop {i}: {'; '.join(sinks)}" for i, sinks in enumerate(report.get("groups", []))]
    return "\n".join(lines)


def given(value: Any) -> Any:
    """A value that is no array, as it is."""
    if value is None:
        raise NotGiven
    return value


def checker(v: Variable) -> Callable[[Any], Any]:
    """A function that makes the array for one input of its argument, or raises an error that names it."""
    if not isinstance(v, TensorVariable):
        return given
    dtype, shape = np.dtype(v.type.dtype), v.type.shape
    number = float if v.type.dtype == "float64" and not shape else None

    def check(value: Any) -> Any:
        if type(value) is number:
            return np.array(value)
        if type(value) is np.ndarray and value.dtype is dtype and value.shape == shape:
            return value
        if value is None:
            raise NotGiven
        return check_value(v, value)

    return check


def as_inputs(inputs: Any) -> list[In]:
    """The inputs with their options."""
    listed = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    found = [i if isinstance(i, In) else In(i) for i in listed if check_input(i)]
    twice = (
        {str(i.variable) for i in found if [j.variable for j in found].count(i.variable) > 1}
        if len(found) < 1000
        else set()
    )
    if twice:
        raise ValueError(f"Listed twice as input: {', '.join(sorted(twice))}.")
    return found


def check_input(i: Any) -> bool:
    """Refuse what cannot be an input."""
    v = i.variable if isinstance(i, In) else i
    if not isinstance(v, Variable):
        raise TypeError(f"An input is a variable, not {type(v).__name__} ({v!r}).")
    if v.has_value and not isinstance(v, RngVariable):
        raise TypeError(f"{v} brings its own value, so it cannot be an input; use givens to replace it.")
    return True


@dataclass(frozen=True)
class Packing:
    """How values are given back in the structure in which the outputs were listed."""

    kind: str
    keys: tuple[Any, ...] = ()

    def __call__(self, values: list[Any]) -> Any:
        if self.kind == "none":
            return None
        if self.kind == "dict":
            return dict(zip(self.keys, values, strict=True))
        return values if self.kind == "list" else values[0]


def split_outputs(outputs: Any) -> tuple[list[Variable], Packing]:
    """The outputs as a list, and how to give the values back in the caller's structure."""
    plain = lambda o: o.variable if isinstance(o, Out) else o if isinstance(o, Variable) else as_tensor_variable(o)  # noqa: E731
    if outputs is None:
        return [], Packing("none")
    if isinstance(outputs, Mapping):
        return [plain(o) for o in outputs.values()], Packing("dict", tuple(outputs))
    if isinstance(outputs, (list, tuple)):
        return [plain(o) for o in outputs], Packing("list")
    return [plain(outputs)], Packing("one")


def check_complete(inputs: Sequence[In], outputs: Sequence[Variable], on_unused_input: str) -> None:
    """Every root that needs a value is an input, and every input is needed."""
    given = {i.variable for i in inputs}
    roots = set(graph_inputs(outputs, blockers=given))
    missing = [v for v in roots if v not in given and not v.has_value]
    if missing:
        names = ", ".join(sorted(map(str, missing)))
        raise MissingInputError(
            f"The outputs depend on {names}, which is not among the inputs "
            f"({', '.join(str(i.variable) for i in inputs) or 'none'}). "
            f"Add it to the inputs, or replace it with givens. At {describe(user_line())}"
        )
    unused = [str(v) for v in given if v not in roots]
    if unused and on_unused_input != "ignore":
        text = f"No output depends on the input {', '.join(sorted(unused))}. Drop it, or pass on_unused_input='ignore'."
        if on_unused_input == "raise":
            raise UnusedInputError(text)
        warnings.warn(text, stacklevel=4)


def check_updates(updates: Any) -> dict[Variable, Variable]:
    """Updates as a mapping from shared variables to expressions of their types."""
    pairs = dict(updates.items() if isinstance(updates, Mapping) else updates or ())
    for shared, expression in pairs.items():
        if not isinstance(shared, (SharedVariable, RngVariable)):
            raise TypeError(f"Only shared variables can be updated, and {shared} is none.")
        pairs[shared] = new = expression if isinstance(expression, Variable) else as_tensor_variable(expression)
        fits = isinstance(shared, RngVariable) or shared.type.accepts(new.type)
        if not fits:
            raise TypeError(f"The update of {shared} is of type {new.type}, not {shared.type}.")
    return pairs


def function(
    inputs: Any,
    outputs: Any = None,
    *,
    updates: Any = None,
    givens: Any = None,
    on_unused_input: str = "raise",
    name: str | None = None,
    backend: str | None = None,
    rewrite: bool = True,
    profile: bool = False,
    nan_guard: bool | str = False,
    mode: Any = None,
    allow_input_downcast: bool | None = None,
) -> Function:
    """Compile a function of arrays.

    Parameters
    ----------
    inputs : list of variables (or :class:`In`)
        Their values are the arguments, in this order or by name.
    outputs : variable, list, dict or None
        What is returned, in this structure.
    updates : mapping from shared variables to expressions, optional
        New values of shared variables, computed from the old ones and set after each call.
    givens : mapping from variables to variables, optional
        Replacements made in the graph before compiling.
    on_unused_input : {"raise", "warn", "ignore"}
    backend : {"llvm", "numpy", "jax"}, optional
        Native code, the interpreter, or JAX; by default the environment variable PELLUCID_BACKEND, else "llvm".
    rewrite : bool
        Whether to rewrite the graph first (for stability and speed; the value stays the same).
    profile : bool
        Keep times: see :meth:`Function.profile_report`. The interpreter tells them for each op.
    nan_guard : bool or "nan"
        Raise :class:`NotFiniteError` at the first op that makes NaN or infinity (with "nan": only NaN) of values
        without, and say of which values and at which line. Such functions are interpreted.
    mode, allow_input_downcast
        Accepted for compatibility, and ignored.

    Raises
    ------
    MissingInputError, UnusedInputError
        When inputs and outputs do not belong together.

    Examples
    --------
    >>> import pellucid as pm, pellucid.tensor as pt
    >>> x, y = pt.scalar("x"), pt.vector("y")
    >>> f = pm.function([x, y], pt.log(x + y))
    >>> f(0, [1, 1])
    array([0., 0.])
    """
    listed = as_inputs(inputs)
    variables, pack = split_outputs(outputs)
    new_state = check_updates(updates)
    if givens:
        replaced = clone_replace([*variables, *new_state.values()], as_replacements(givens))
        variables, states = replaced[: len(variables)], replaced[len(variables) :]
        new_state = dict(zip(new_state, states, strict=True))
    check_complete(listed, [*variables, *new_state.values()], on_unused_input)
    return Function(
        listed, variables, new_state, pack, name=name, backend=backend, rewrite=rewrite,
        profile=profile, nan_guard=nan_guard,
    )  # fmt: skip


def as_replacements(givens: Any) -> dict[Variable, Variable]:
    """Givens as a mapping between variables; numbers and arrays become constants."""
    pairs = dict(givens.items() if isinstance(givens, Mapping) else givens)
    return {
        old: new if isinstance(new, Variable) else as_tensor_variable(new, dtype=old.dtype)
        for old, new in pairs.items()
    }


@method
def eval(variable: Variable, inputs_to_values: Any = None, *, backend: str = "numpy") -> Any:
    """The value of a variable, given values for its inputs by variable or by name.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x = pt.scalar("x")
    >>> print((x + 1).eval({x: 2.0}), (x + 1).eval({"x": 3.0}))
    3.0 4.0
    """
    given = dict(inputs_to_values or {})
    by_name = (
        {v.name: v for v in explicit_graph_inputs(variable) if v.name} if any(isinstance(k, str) for k in given) else {}
    )
    unknown = [k for k in given if isinstance(k, str) and k not in by_name]
    if unknown:
        raise ValueError(
            f"{variable} does not depend on {', '.join(unknown)}; its inputs are {', '.join(by_name) or 'none'}."
        )
    values = {by_name[k] if isinstance(k, str) else k: v for k, v in given.items()}
    compiled = function(list(values), variable, on_unused_input="ignore", backend=backend)
    return compiled(*values.values())
