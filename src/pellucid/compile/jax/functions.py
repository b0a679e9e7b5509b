"""Functions of JAX as ops: differentiated, batched and measured by JAX, and called back from other backends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice, product, repeat
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from pellucid.compile.jax.program import Program
from pellucid.compile.jax.trace import Trace, meaning
from pellucid.graph.nodes import Apply, Op, Variable
from pellucid.graph.provenance import describe, user_line
from pellucid.tensor.host import FromFunctionOp
from pellucid.tensor.types import TensorType, as_tensor_variable

TRIALS = (5, 9)
"""Lengths taken for unknown ones, to see which lengths of the outputs depend on them."""
MOST_GUESSES = 200


@dataclass(frozen=True, eq=False)
class Flat:
    """A function of trees as one of the arrays in them, which returns the arrays of its result.

    Attributes
    ----------
    function : callable
    structure : PyTreeDef
        Of ``(args, kwargs)``.
    leaves : tuple
        Those that are no arrays, and None in place of the others.
    places : tuple of int
        Where the arrays belong.
    results : list
        The structure of the last result.
    """

    function: Callable[..., Any]
    structure: Any
    leaves: tuple[Any, ...]
    places: tuple[int, ...]
    results: list[Any] = field(default_factory=list)

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        leaves = list(self.leaves)
        for place, array in zip(self.places, arrays, strict=True):
            leaves[place] = array
        args, kwargs = jax.tree_util.tree_unflatten(self.structure, leaves)
        found, self.results[:] = split(self.function(*args, **kwargs))
        return found

    def __str__(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)


def split(tree: Any) -> tuple[tuple[Any, ...], list[Any]]:
    """The arrays in a tree, and its structure."""
    leaves, structure = jax.tree_util.tree_flatten(tree)
    return tuple(map(jnp.asarray, leaves)), [structure]


@dataclass(frozen=True, eq=False)
class Pullback:
    """The gradients of some inputs of a function, from its inputs and the gradients of some of its outputs."""

    function: Callable[..., tuple[Any, ...]]
    moving: tuple[int, ...]
    given: tuple[int, ...]
    inputs: int

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        values, slopes = list(arrays[: self.inputs]), arrays[self.inputs :]

        def part(*changed: Any) -> tuple[Any, ...]:
            for i, x in zip(self.moving, changed, strict=True):
                values[i] = x
            found = self.function(*values)
            return tuple(found[i] for i in self.given)

        outputs, back = jax.vjp(part, *[values[i] for i in self.moving])
        return back(tuple(jnp.asarray(g, o.dtype) for g, o in zip(slopes, outputs, strict=True)))

    def __str__(self) -> str:
        return f"vjp_of_{self.function}"


@dataclass(frozen=True, eq=False)
class Mapped:
    """A function at each position of leading axes, which inputs with fewer of them share."""

    function: Callable[..., tuple[Any, ...]]
    ranks: tuple[int, ...]

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        leads = [a.shape[: a.ndim - rank] for a, rank in zip(arrays, self.ranks, strict=True)]
        lead = jnp.broadcast_shapes(*leads)
        whole = [
            jnp.broadcast_to(a, (*lead, *a.shape[len(own) :])) if own else a
            for a, own in zip(arrays, leads, strict=True)
        ]
        function = self.function
        for _ in lead:
            function = jax.vmap(function, [0 if own else None for own in leads])
        return function(*whole)

    def __str__(self) -> str:
        return f"vmap_of_{self.function}"


@dataclass(frozen=True, eq=False)
class JaxFunctionOp(Op):
    """A function of JAX as an op; made by :func:`pellucid.wrap_jax`.

    Attributes
    ----------
    function : callable
        From arrays to a tuple of arrays.
    ranks : tuple of int
        The number of axes of each input.
    """

    folds: ClassVar[bool] = False

    function: Callable[..., tuple[Any, ...]]
    ranks: tuple[int, ...]

    @cached_property
    def compiled(self) -> Callable[..., Any]:
        """The function compiled by JAX, once for each signature."""
        return jax.jit(partial(self.function))

    def infer(self, *inputs: Variable) -> tuple[TensorType, ...]:
        kinds: Any = [v.type for v in inputs]
        if isinstance(self.function, Pullback):  # the gradients of inputs are like them
            return tuple(kinds[i] for i in self.function.moving)
        if all(None not in t.shape for t in kinds):
            return tuple(TensorType(o.dtype.name, o.shape) for o in self.outcome(kinds))
        try:
            tried = [self.outcome([filled(t, repeat(n)) for t in kinds]) for n in TRIALS]
        except TypeError as error:
            found = self.guess(kinds)
            if found is None:
                raise error from error.__cause__
            return tuple(TensorType(o.dtype.name, (None,) * len(o.shape)) for o in found)
        return tuple(
            TensorType(a.dtype.name, tuple(n if n == m else None for n, m in zip(a.shape, b.shape, strict=True)))
            for a, b in zip(*tried, strict=True)
        )

    def guess(self, kinds: Sequence[TensorType]) -> Any:
        """The outcome where unknown lengths have to be among the known ones; None where that fits nowhere."""
        known = [*sorted({n for t in kinds for n in t.shape if n is not None}), TRIALS[0]]
        unknown = sum(t.shape.count(None) for t in kinds)
        for lengths in islice(product(known, repeat=unknown), MOST_GUESSES):
            rest = iter(lengths)
            with suppress(TypeError):
                return self.outcome([filled(t, rest) for t in kinds])
        return None

    def outcome(self, kinds: Sequence[TensorType]) -> Any:
        """The shapes and dtypes of the outputs, by tracing the function."""
        try:
            with jax.enable_x64(True):
                return jax.eval_shape(self.function, *[jax.ShapeDtypeStruct(t.shape, t.dtype) for t in kinds])
        except Exception as error:
            first = str(error).strip().split("\n", maxsplit=1)[0]
            raise TypeError(
                f"JAX cannot trace {self.function} with {', '.join(map(str, kinds)) or 'no arrays'} (at "
                f"{describe(user_line())}): {type(error).__name__}: {first}\n  What decides shapes is given as a plain "
                "number, not as an array; unknown lengths can be stated by pt.specify_shape(x, (3,))."
            ) from error

    def infer_shape(self, inputs: Sequence[Variable], extents: Sequence[Any]) -> list[Any]:
        """The shapes of the outputs, which JAX finds out as soon as those of the inputs are known."""
        types = self.infer(*inputs)
        if all(None not in t.shape for t in types):
            return [t.shape for t in types]
        dtypes = [v.type.dtype for v in inputs]  # type: ignore[attr-defined]
        ranks = [t.ndim for t in types]

        def measure(*flat: Any) -> Any:
            rest = iter(flat)
            kinds = [
                TensorType(d, tuple(int(next(rest)) for _ in range(n))) for d, n in zip(dtypes, self.ranks, strict=True)
            ]
            found = [np.int64(n) for o in self.outcome(kinds) for n in o.shape]
            return tuple(found) if len(found) > 1 else found[0]

        scalar = TensorType("int64", ())
        flat = [n for e in extents for n in e]
        if all(isinstance(n, (int, np.integer)) for n in flat):
            found: Any = measure(*flat)
        else:
            found = FromFunctionOp(measure, (scalar,) * len(flat), (scalar,) * sum(ranks))(*flat)
        rest = iter(found if isinstance(found, (tuple, list)) else [found])
        return [tuple(next(rest) for _ in range(n)) for n in ranks]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        with jax.enable_x64(True):
            return tuple(np.array(a) for a in self.compiled(*map(np.asarray, arrays)))

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[Variable | None]:
        moving = tuple(i for i, v in enumerate(inputs) if v.dtype.startswith("float"))
        given = tuple(i for i, g in enumerate(gradients) if g is not None and outputs[i].dtype.startswith("float"))
        if not moving or not given:
            return [None] * len(inputs)
        function = Pullback(self.function, moving, given, len(inputs))
        slopes = [gradients[i] for i in given]
        found = JaxFunctionOp(function, (*self.ranks, *(g.ndim for g in slopes))).outputs_of([*inputs, *slopes])
        by_place = dict(zip(moving, found, strict=True))
        return [by_place.get(i) for i in range(len(inputs))]

    def batch(self, *inputs: Any) -> Any:
        """The outputs over a batch, by `jax.vmap`."""
        found = JaxFunctionOp(Mapped(self.function, self.ranks), tuple(v.ndim for v in inputs)).outputs_of(inputs)
        return found if len(found) > 1 else found[0]

    def outputs_of(self, inputs: Sequence[Any]) -> list[Variable]:
        """The outputs of an application, however many there are."""
        return list(Apply(self, [as_tensor_variable(v) for v in inputs]).outputs)

    def __reduce__(self) -> Any:
        return JaxFunctionOp, (self.function, self.ranks)

    def __str__(self) -> str:
        return f"JaxFunctionOp{{{self.function}}}"


def filled(kind: TensorType, lengths: Iterator[int]) -> TensorType:
    """A type with lengths in place of unknown ones."""
    return TensorType(kind.dtype, tuple(next(lengths) if n is None else n for n in kind.shape))


@meaning(JaxFunctionOp)
def jax_function(trace: Trace, program: Program, node: Apply, arguments: Sequence[Any]) -> tuple[Any, ...]:
    """The function itself."""
    return node.op.function(*map(jnp.asarray, arguments))


def apply_function(function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """What a function of JAX returns for variables: the same tree, of variables."""
    leaves, structure = jax.tree_util.tree_flatten((tuple(args), kwargs))
    places = tuple(i for i, leaf in enumerate(leaves) if isinstance(leaf, (Variable, np.ndarray)))
    inputs = [as_tensor_variable(leaves[i]) for i in places]
    rest = tuple(None if i in places else leaf for i, leaf in enumerate(leaves))
    flat = Flat(function, structure, rest, places)
    found = JaxFunctionOp(flat, tuple(v.ndim for v in inputs)).outputs_of(inputs)
    return jax.tree_util.tree_unflatten(flat.results[0], found)
