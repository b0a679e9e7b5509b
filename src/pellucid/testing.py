"""Checks of ops against NumPy, finite differences and inner products, for this package and its users."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from pellucid.compile.backend import BACKENDS
from pellucid.compile.function import function
from pellucid.compile.numpy import evaluate
from pellucid.diff import carries_gradient, grad, jvp
from pellucid.graph.check import check_graph
from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.traverse import as_list, toposort
from pellucid.tensor.elementwise import Elementwise
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.shape import dim
from pellucid.tensor.types import TensorType, TensorVariable, as_tensor_variable
from pellucid.vectorize import vectorize_graph

Build = Callable[..., Any]


def backends_under_test() -> list[str]:
    """The backends that tests run on: those in the environment variable PELLUCID_TEST_BACKENDS, else all that load."""
    named = os.environ.get("PELLUCID_TEST_BACKENDS")
    return named.split(",") if named else [name for name in BACKENDS if loads(name)]


def loads(backend: str) -> bool:
    """Whether a backend can be imported here."""
    try:
        import_module(BACKENDS[backend])
    except ImportError:
        return False
    return True


BACKENDS_UNDER_TEST = backends_under_test()
COSTLY = {"jax"}
"""Backends that take long to compile anything: they are checked with unknown lengths only."""


def inputs_for(arrays: Sequence[np.ndarray], *, static: bool) -> list[TensorVariable]:
    """Symbolic inputs for arrays: of static shape, or with unknown lengths (but for 1, known so as to stretch)."""
    shapes = [a.shape if static else tuple(1 if n == 1 else None for n in a.shape) for a in arrays]
    return [
        TensorType(a.dtype.name, s).variable(name=f"x{i}") for i, (a, s) in enumerate(zip(arrays, shapes, strict=True))
    ]


def layouts(arrays: Sequence[np.ndarray]) -> Iterator[tuple[str, list[np.ndarray]]]:
    """The same values in other layouts: plain, strided, reversed, column-major, read-only."""
    yield "plain", list(arrays)
    yield "strided", [strided(a, 2) for a in arrays]
    yield "reversed", [strided(a, -1) for a in arrays]
    yield "column-major", [a.copy(order="F") for a in arrays]
    frozen = [a.copy() for a in arrays]
    for a in frozen:
        a.setflags(write=False)
    yield "read-only", frozen


def strided(a: np.ndarray, step: int) -> np.ndarray:
    """An array equal to `a` whose elements along each axis lie `step` places apart."""
    room = np.zeros([n * abs(step) for n in a.shape], a.dtype)
    view = room[(*(slice(None, None, step) for _ in a.shape), ...)]  # the ellipsis keeps a scalar an array
    view[...] = a
    return view


def check_op(
    build: Build,
    arrays: Sequence[Any],
    expected: Callable[..., Any] | None = None,
    *,
    backend: str | None = None,
    gradient: bool = True,
    rtol: float | None = None,
    atol: float = 0.0,
    seed: int = 0,
) -> None:
    """Check an op, or any function of tensors, in every way that does not depend on what it computes.

    The value, dtype and shape must be those of `expected`, for static and for unknown lengths and for every memory
    layout; static shapes and ``infer_shape`` must tell the truth; the graph must be valid; the gradient must agree
    with central differences, and with the pushforward in the identity <u, J v> = <J' u, v>.

    Parameters
    ----------
    build : callable
        The op: from symbolic tensors to one or several.
    arrays : sequence of arrays
        The arguments.
    expected : callable, optional
        The same in NumPy; without it values are compared with the interpreter's.
    backend : str, optional
        Where to compute.
    gradient : bool
        Whether to check gradients (of floating inputs; float32 ones are only compared with float64).
    rtol, atol : float
        Tolerances of values (default rtol: 1e-12 for float64, 1e-5 for float32).

    Raises
    ------
    AssertionError
        That says what differs.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> check_op(pt.exp, [np.array([0.0, 1.0])], np.exp, backend="numpy")
    """
    arrays = [np.asarray(a) for a in arrays]
    for static in (True, False) if backend not in COSTLY else (False,):
        inputs = inputs_for(arrays, static=static)
        outputs = as_outputs(build(*inputs))
        check_graph(outputs)
        wanted = (
            as_values(expected(*arrays))
            if expected is not None
            else evaluate(outputs, dict(zip(inputs, arrays, strict=True)))
        )
        check_values(inputs, outputs, arrays, wanted, backend=backend, rtol=rtol, atol=atol)
        check_infer_shape(inputs, outputs, arrays)
        if gradient:
            check_gradient(inputs, outputs, arrays, backend=backend, seed=seed)


def check_vectorized(
    build: Build,
    arrays: Sequence[Any],
    *,
    vary: Callable[[np.ndarray, int], np.ndarray] | None = None,
    backend: str | None = None,
    rtol: float = 1e-11,
    atol: float = 1e-13,
) -> None:
    """Check that a vectorized graph computes for each element of a batch what the graph computes for that alone.

    Each argument in turn gets leading axes, then all alike, then batches of different ranks that broadcast.

    Parameters
    ----------
    build : callable
        From symbolic tensors to one or several.
    arrays : sequence of arrays
        The arguments without a batch.
    vary : callable, optional
        ``vary(array, i)`` is element i of a batch; by default floats are scaled, and integers become smaller.
    backend : str, optional
        Where the vectorized graph is computed; each element alone is by the interpreter.
    rtol, atol : float

    Raises
    ------
    AssertionError
        That says what differs.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> check_vectorized(lambda x, i: x[i], [np.arange(3.0), np.array(2)], backend="numpy")
    """
    arrays = [np.asarray(a) for a in arrays]
    plain = inputs_for(arrays, static=False)
    alone = function(plain, as_outputs(build(*plain)), backend="numpy", rewrite=False, on_unused_input="ignore")
    for pattern in batch_patterns(len(arrays)) if backend not in COSTLY else batch_patterns(len(arrays))[-1:]:
        batched = [with_batch(a, lead, vary or nearby) for a, lead in zip(arrays, pattern, strict=True)]
        inputs = inputs_for(arrays, static=backend == "llvm")
        wide = inputs_for(batched, static=backend == "llvm")
        replace: dict[Variable, Any] = {v: w for v, w, lead in zip(inputs, wide, pattern, strict=True) if lead}
        single = as_outputs(build(*inputs))
        outputs = vectorize_graph(single, replace)
        check_graph(outputs)
        given = [w if lead else v for v, w, lead in zip(inputs, wide, pattern, strict=True)]
        found = function(given, outputs, backend=backend, on_unused_input="ignore")(*batched)
        wanted = one_by_one(alone, arrays, batched)
        for v, w, got, want in zip(single, outputs, map(np.asarray, found), wanted, strict=True):
            what = f"{v} over batches {pattern} on {backend}"
            check_promise(what, w, got)
            # An output that some batched inputs do not reach lacks their axes, and is the same along these.
            core = want.shape[want.ndim - v.type.ndim :]
            if got.shape[got.ndim - v.type.ndim :] != core:
                raise AssertionError(f"{what}: the shape is {got.shape}, which does not end in {core}.")
            check_numbers(what, np.broadcast_to(got, want.shape), want, rtol, atol)


def batch_patterns(count: int) -> list[tuple[tuple[int, ...], ...]]:
    """Which of `count` inputs get which leading axes: each alone, all alike, and all different."""
    alone = [tuple((2,) if i == j else () for j in range(count)) for i in range(count)]
    leads = ((4, 2), (2,), (1,))
    different = [tuple(leads[(i + j) % 3] for j in range(count)) for i in (1, 0)]
    return [*(alone if count > 1 else ()), ((2,),) * count, *different]


def with_batch(a: np.ndarray, lead: tuple[int, ...], vary: Callable[[np.ndarray, int], np.ndarray]) -> np.ndarray:
    """Arrays like `a` along leading axes."""
    return np.stack([vary(a, i) for i in range(math.prod(lead))]).reshape(lead + a.shape) if lead else a


def nearby(a: np.ndarray, i: int) -> np.ndarray:
    """An array like `a`: floats scaled (so that definite matrices stay so), integers smaller but not negative."""
    if a.dtype.kind in "fc":
        return (a * (1 + 0.1 * i)).astype(a.dtype)
    return a ^ bool(i % 2) if a.dtype.kind == "b" else np.maximum(a - i, np.minimum(a, 0))


def one_by_one(alone: Callable[..., Any], arrays: Sequence[np.ndarray], batched: Sequence[np.ndarray]) -> list[Any]:
    """The outputs of a function for each element of a batch, stacked."""
    counts = [b.ndim - a.ndim for a, b in zip(arrays, batched, strict=True)]
    lead = np.broadcast_shapes(*[b.shape[:c] for b, c in zip(batched, counts, strict=True)])
    whole = [np.broadcast_to(b, lead + a.shape) for a, b in zip(arrays, batched, strict=True)]
    found = [as_values(alone(*[w[place] for w in whole])) for place in np.ndindex(lead)]
    return [np.stack(values).reshape(lead + values[0].shape) for values in zip(*found, strict=True)]


def as_outputs(built: Any) -> list[Variable]:
    """What a builder returned, as a list of variables."""
    return as_list(built) if isinstance(built, Variable) else [as_tensor_variable(b) for b in built]


def as_values(found: Any) -> list[np.ndarray]:
    """What the reference returned, as a list of arrays."""
    return [np.asarray(f) for f in found] if isinstance(found, (tuple, list)) else [np.asarray(found)]


def check_values(
    inputs: Sequence[Variable],
    outputs: Sequence[Variable],
    arrays: Sequence[np.ndarray],
    wanted: Sequence[np.ndarray],
    *,
    backend: str | None,
    rtol: float | None,
    atol: float,
) -> None:
    """The outputs are as wanted for every layout of the arguments, which stay as they were."""
    compiled = function(list(inputs), list(outputs), backend=backend, on_unused_input="ignore")
    for layout, given in layouts(arrays):
        before = [a.copy() for a in given]
        for v, want, got in zip(outputs, wanted, compiled(*given), strict=True):
            check_value(f"{v} of {layout} arguments on {backend}", v, np.asarray(got), want, rtol, atol)
        for a, b in zip(given, before, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=f"{outputs} changed an argument")


def check_value(what: str, v: Variable, got: np.ndarray, want: np.ndarray, rtol: float | None, atol: float) -> None:
    """One value has the type that its variable promises, and is as wanted."""
    kind: Any = v.type
    if got.dtype.name != kind.dtype or want.dtype.name != kind.dtype:
        raise AssertionError(
            f"{what}: the graph says {kind.dtype}, the value is {got.dtype}, and NumPy says {want.dtype}."
        )
    if got.shape != want.shape:
        raise AssertionError(f"{what}: the shape is {got.shape}, not {want.shape}.")
    check_promise(what, v, got)
    check_numbers(what, got, want, rtol, atol)


def check_promise(what: str, v: Variable, got: np.ndarray) -> None:
    """A value has the dtype and the static shape of its variable."""
    kind: Any = v.type
    if not kind.accepts(TensorType(got.dtype.name, got.shape)):
        raise AssertionError(f"{what}: it is {got.dtype} of shape {got.shape}, and the graph promised {kind}.")


def check_numbers(what: str, got: np.ndarray, want: np.ndarray, rtol: float | None, atol: float) -> None:
    """The elements of an array are as wanted."""
    if got.dtype.kind not in "fc":
        np.testing.assert_array_equal(got, want, err_msg=what)
        return
    tolerance = rtol if rtol is not None else 1e-12 if got.dtype.itemsize >= 8 else 1e-5
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=atol, err_msg=what, equal_nan=True)


def check_infer_shape(inputs: Sequence[Variable], outputs: Sequence[Variable], arrays: Sequence[np.ndarray]) -> None:
    """For every application in the graph, ``infer_shape`` computes the shape that the value has."""
    given = dict(zip(inputs, arrays, strict=True))
    for node in toposort(outputs):
        if not hasattr(node.op, "infer_shape"):
            continue
        inferred = infer_node_shape(node)
        flat = [n for shape in inferred for n in shape]
        values = evaluate([*node.outputs, *flat], given)
        sizes = iter(values[len(node.outputs) :])
        for v, shape, value in zip(node.outputs, inferred, values, strict=False):
            found = tuple(int(next(sizes)) for _ in shape)
            if found != np.shape(value):
                raise AssertionError(
                    f"{node.op}.infer_shape says {found} of {v}, whose value has shape {np.shape(value)}."
                )


def infer_node_shape(node: Apply) -> list[list[TensorVariable]]:
    """What ``infer_shape`` says of one application, given the extents of its inputs."""
    extents = [symbolic_extents(v) for v in node.inputs]
    return [
        [as_tensor_variable(n, dtype="int64") for n in shape]
        for shape in node.op.infer_shape(node.inputs, extents)  # type: ignore[attr-defined]
    ]


def symbolic_extents(v: Variable) -> tuple[Any, ...]:
    """The extents of a variable: numbers where static."""
    if not isinstance(v, TensorVariable):
        return ()
    return tuple(dim(v, i) if n is None else n for i, n in enumerate(v.type.shape))


def projection(
    outputs: Sequence[Variable], values: Sequence[np.ndarray], rng: np.random.Generator
) -> tuple[Any, list[Any]]:
    """A scalar that weighs every element of the floating outputs, and the weights."""
    total: Any = None
    weights = []
    for v, value in zip(outputs, values, strict=True):
        if carries_gradient(v):
            weights.append(rng.normal(size=value.shape).astype(value.dtype))
            term = sum_(as_tensor_variable(v) * weights[-1])
            total = term if total is None else total + term
    return total, weights


def check_gradient(
    inputs: Sequence[Variable],
    outputs: Sequence[Variable],
    arrays: Sequence[np.ndarray],
    *,
    backend: str | None = None,
    seed: int = 0,
    rtol: float = 2e-6,
    atol: float = 2e-7,
) -> None:
    """The gradient of a random projection of the outputs agrees with central differences and with the pushforward."""
    given = dict(zip(inputs, arrays, strict=True))
    wrt = [v for v, a in given.items() if a.dtype == np.float64]
    rng = np.random.default_rng(seed)
    cost, weights = projection(outputs, evaluate(list(outputs), given), rng)
    if not wrt or cost is None or cost.dtype != "float64":
        return
    gradients = as_list(grad(cost, wrt, disconnected_inputs="ignore"))
    compiled = function(list(inputs), gradients, backend=backend, on_unused_input="ignore")
    found = compiled(*arrays)
    for v, g in zip(wrt, found, strict=True):
        check_against_differences(v, np.asarray(g), cost, given, rtol, atol)
    check_inner_products(outputs, wrt, weights, found, given, rng)


def check_against_differences(
    v: Variable, g: np.ndarray, cost: Variable, given: dict[Variable, np.ndarray], rtol: float, atol: float
) -> None:
    """The gradient with respect to one input agrees with central differences."""
    numeric = central_differences(lambda a: evaluate([cost], {**given, v: a})[0], given[v])
    if g.shape != numeric.shape:
        raise AssertionError(f"The gradient of {cost} with respect to {v} has shape {g.shape}, not {numeric.shape}.")
    scale = max(1.0, float(np.max(np.abs(numeric), initial=0.0)))
    np.testing.assert_allclose(g, numeric, rtol=rtol, atol=atol * scale, err_msg=f"gradient of {cost} by {v}")


def central_differences(f: Callable[[np.ndarray], Any], x: np.ndarray, step: float = 6e-6) -> np.ndarray:
    """The gradient of a scalar function by central differences; the step balances truncation and rounding."""
    out = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        h = step * max(1.0, abs(x[place]))
        high, low = x.copy(), x.copy()
        high[place] += h
        low[place] -= h
        out[place] = (f(high) - f(low)) / (high[place] - low[place])
    return out


def check_inner_products(
    outputs: Sequence[Variable],
    wrt: Sequence[Variable],
    weights: Sequence[np.ndarray],
    gradients: Sequence[Any],
    given: dict[Variable, np.ndarray],
    rng: np.random.Generator,
) -> None:
    """<weights, J v> = <J' weights, v> for a random direction v: the pushforward and the pullback agree."""
    floating = [v for v in outputs if carries_gradient(v)]
    directions = [rng.normal(size=given[v].shape) for v in wrt]
    pushed = evaluate(as_list(jvp(floating, list(wrt), [as_tensor_variable(d) for d in directions])), given)
    left = sum(float(np.sum(w * p)) for w, p in zip(weights, pushed, strict=True))
    right = sum(float(np.sum(g * d)) for g, d in zip(gradients, directions, strict=True))
    np.testing.assert_allclose(left, right, rtol=1e-8, atol=1e-9, err_msg="inner products of pushforward and pullback")


def arguments_for(
    op: Elementwise, dtype: str, shapes: Sequence[tuple[int, ...]], rng: np.random.Generator
) -> list[np.ndarray]:
    """Arguments of an elementwise op from its domain, in a dtype and in given shapes."""
    return [draw_in(low, high, dtype, s, rng) for (low, high), s in zip(op.domain, shapes, strict=True)]


def draw_in(low: float, high: float, dtype: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Numbers of a dtype in an interval; for integers those inside it, or the nearest above where there are none."""
    if np.dtype(dtype).kind == "f":
        return rng.uniform(low, high, shape).astype(dtype)
    first, last = int(np.ceil(low)), int(np.floor(high))
    if np.dtype(dtype).kind in "bu":
        first = max(first, 0)
    return rng.integers(first, max(first, last) + 1, shape).astype(dtype)
