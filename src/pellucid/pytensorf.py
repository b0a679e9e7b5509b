"""Small helpers of those who write graphs for models, under PyMC's names for them: ``pm.pytensorf``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.compile.function import function
from pellucid.diff import grad
from pellucid.graph.nodes import Variable
from pellucid.graph.traverse import ancestors, as_list, explicit_graph_inputs, toposort
from pellucid.tensor.draws import Draw, RngVariable
from pellucid.tensor.elementwise import cast
from pellucid.tensor.shape import concatenate, flatten, stack
from pellucid.tensor.types import TensorVariable

FLOAT, WHOLE = "float64", "int64"


def floatX(X: Any) -> Any:
    """Numbers, or a tensor, as doubles, which all floats of models are."""
    return cast(X, FLOAT) if isinstance(X, Variable) else np.asarray(X, FLOAT)


def intX(X: Any) -> Any:
    """Numbers, or a tensor, as whole numbers of 64 bits."""
    return cast(X, WHOLE) if isinstance(X, Variable) else np.asarray(X).astype(WHOLE)


def inputvars(a: Any) -> list[TensorVariable]:
    """The inputs without a value that graphs depend on."""
    return [v for v in explicit_graph_inputs(as_list(a)) if isinstance(v, TensorVariable)]


def cont_inputs(a: Any) -> list[TensorVariable]:
    """The continuous ones among the inputs that graphs depend on."""
    return [v for v in inputvars(a) if v.dtype.startswith("float")]


def rvs_in_graph(vars: Any) -> set[Variable]:
    """The random variables that graphs depend on, themselves included."""
    return {node.outputs[-1] for node in toposort(as_list(vars)) if isinstance(node.op, Draw)}


def compile(inputs: Any, outputs: Any, random_seed: Any = None, mode: Any = None, **options: Any) -> Any:
    """A compiled function: :func:`pellucid.function`; draws follow the seed, `mode` is accepted and ignored."""
    found = function(as_list(inputs), outputs, **options)
    if random_seed is not None:
        seeds = np.random.default_rng(random_seed)
        for source in explicit_generators(outputs):
            source.set_value(np.random.default_rng(seeds.integers(2**63)))
    return found


def explicit_generators(outputs: Any) -> list[Any]:
    """The generators that graphs draw from, in the order in which they are met."""
    return [v for v in dict.fromkeys(ancestors(as_list(outputs))) if isinstance(v, RngVariable) and v.owner is None]


def gradient(f: Any, vars: Any = None) -> TensorVariable:
    """The gradient of a scalar as one vector, by default with respect to all continuous inputs."""
    wrt = cont_inputs(f) if vars is None else as_list(vars)
    return concatenate([flatten(g) for g in grad(f, wrt, disconnected_inputs="ignore")])


def jacobian(f: Any, vars: Any = None) -> TensorVariable:
    """The derivatives of a vector of known length, one row for each of its elements."""
    rows = f.type.shape[0]
    if rows is None:
        raise TypeError(f"pytensorf.jacobian needs a vector of known length, not {f.type}; pm.jacobian does not.")
    wrt = cont_inputs(f) if vars is None else as_list(vars)
    return stack([gradient(f[i], wrt) for i in range(rows)])


def hessian(f: Any, vars: Any = None, negate_output: bool = True) -> TensorVariable:
    """The second derivatives of a scalar as one matrix, negated by default as PyMC returns it."""
    wrt = cont_inputs(f) if vars is None else as_list(vars)
    found = jacobian(gradient(f, wrt), wrt)
    return -found if negate_output else found


def hessian_diag(f: Any, vars: Any = None, negate_output: bool = True) -> TensorVariable:
    """The diagonal of :func:`hessian`."""
    return hessian(f, vars, negate_output).diagonal()


def collect_default_updates(
    outputs: Any, *, inputs: Sequence[Variable] = (), must_be_shared: bool = True
) -> dict[Variable, Variable]:
    """For each generator that `outputs` draw from, the state in which they leave it.

    Loops written with :func:`~pellucid.scan` find this by themselves; a step may return it all the same.

    Parameters
    ----------
    outputs : variable or sequence of variables
    inputs : sequence of variables, optional
        What is given: nothing behind it counts.
    must_be_shared : bool
        Accepted for PyMC's callers; every generator here has its own state.

    Examples
    --------
    >>> import pellucid as pm
    >>> x = pm.Normal.dist(0, 1)
    >>> len(collect_default_updates(x))
    1
    """
    found: dict[Variable, Variable] = {}
    for node in toposort(as_list(outputs), stop=set(inputs)):
        source = node.inputs[0] if isinstance(node.op, Draw) else None
        if isinstance(source, RngVariable) and source.owner is None:
            found[source] = node.outputs[0]
        elif source in found.values():  # a draw that goes on where an earlier one left the generator
            found = {root: node.outputs[0] if state is source else state for root, state in found.items()}
    return found
