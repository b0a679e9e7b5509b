"""Compiled functions of points: dicts of the value variables' values, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pellucid.compile.backend import default_backend
from pellucid.compile.function import MissingInputError, function
from pellucid.compile.shared import check_value
from pellucid.graph.traverse import as_list, explicit_graph_inputs
from pellucid.model.context import here
from pellucid.model.density import Layout
from pellucid.model.logprob import differentiable, total

if TYPE_CHECKING:
    from pellucid.model.model import Model


class PointFunction:
    """A compiled function that takes one dict of values by name.

    Attributes
    ----------
    f : Function
        The function of arrays inside.
    """

    def __init__(self, f: Any, what: str = "the model"):
        self.f, self.what = f, what
        self.names = [str(v.name) for v in f.inputs]

    def __call__(self, point: Mapping[str, Any]) -> Any:
        missing = [n for n in self.names if n not in point]
        if missing:
            types = {str(v.name): v.type for v in self.f.inputs}
            raise MissingInputError(
                f"The point has no value for {', '.join(f'{n!r} ({types[n]})' for n in missing)}; it needs "
                f"{', '.join(self.names)}"
                f" and has {', '.join(map(str, point)) or 'none'}. model.initial_point() gives a whole one. {here()}"
            )
        return self.f(*[as_input(v, point[n]) for v, n in zip(self.f.inputs, self.names, strict=True)])

    def __repr__(self) -> str:
        return f"function of the point ({', '.join(self.names)})"

    def dprint(self, **options: Any) -> Any:
        """Print what is computed in fact, after rewriting."""
        return self.f.dprint(**options)


def as_input(v: Any, value: Any) -> np.ndarray:
    """A value for one value variable, cast to its dtype where nothing but precision is lost."""
    array = np.asarray(value)
    wanted = np.dtype(v.dtype)
    whole = wanted.kind in "iu" and array.dtype.kind == "f" and bool(np.all(array == np.floor(array)))
    try:
        return check_value(
            v, array.astype(wanted) if whole or (wanted.kind == "f" and array.dtype.kind in "biuf") else array
        )
    except (TypeError, ValueError) as error:
        raise type(error)(f"{error} {here()}") from None


def compile_function(
    model: Model, outs: Any, inputs: Any, *, point_fn: bool, backend: str | None, **options: Any
) -> Any:
    """Compile outputs as a function of a point, or of the inputs by name."""
    found = (
        list(explicit_graph_inputs(as_list(outs) if not isinstance(outs, Mapping) else list(outs.values())))
        if inputs is None
        else inputs
    )
    if inputs is None and not point_fn and len(found) > 1:
        raise ValueError(
            "compile_fn(point_fn=False) needs inputs=[...] to know their order; there are "
            f"{', '.join(map(str, found))}."
        )
    options.setdefault("on_unused_input", "ignore")
    f = function(list(found), outs, backend=backend, **options)
    return PointFunction(f) if point_fn else f


def cached(model: Model, kind: str, variables: Any, options: dict[str, Any], **how: Any) -> Any:
    """The compiled function of one of the model's graphs, made only once while the model stays as it is."""
    names = None if variables is None else tuple(as_list(variables))
    backend = options.get("backend") or default_backend()
    key = kind, names, tuple(how.items()), backend
    simple = set(options) <= {"backend"}
    if not simple or key not in model.cache:
        graph = getattr(model, kind)(variables, **how)
        found = compile_function(model, graph, model.value_vars, **{"point_fn": True, "backend": None, **options})
        if not simple:
            return found
        model.cache[key] = found
    return model.cache[key]


class RaveledVars(NamedTuple):
    """A point as one flat vector, and the (name, shape, size, dtype) of its parts, in order."""

    data: np.ndarray
    point_map_info: tuple[tuple[str, tuple[int, ...], int, np.dtype], ...]


class ValueGradFunction:
    """The log-probability and its gradient, of a flat vector, a :class:`RaveledVars` or a dict.

    Attributes
    ----------
    size : int
        The length of the vector.
    """

    def __init__(
        self,
        model: Model,
        grad_vars: Sequence[Any],
        costs: Sequence[Any],
        point: Mapping[str, Any],
        **options: Any,
    ):
        self._model = model
        self._grad_vars = list(grad_vars)
        self._extra_vars = [v for v in model.value_vars if v not in grad_vars]
        self._extra = {str(v.name): point[str(v.name)] for v in self._extra_vars}
        self._layout = Layout(self._grad_vars, [np.shape(point[str(v.name)]) for v in self._grad_vars])
        cost = costs[0] if len(costs) == 1 else None
        self._weights = np.ones(len(costs) - 1)
        if cost is None:
            raise NotImplementedError(
                "tempered=True weighs the likelihood, which sequential Monte Carlo needs and a later release brings."
            )
        x, outputs = self._layout.derive(cost)
        self._function = function([x, *self._extra_vars], outputs, on_unused_input="ignore", **options)
        self.size = self._layout.size
        self.dtype = np.dtype("float64")

    def set_extra_values(self, extra_vars: Mapping[str, Any]) -> None:
        """Fix the values of the variables that no gradient is taken for."""
        self._extra.update({name: extra_vars[name] for name in self._extra if name in extra_vars})

    def get_extra_values(self) -> dict[str, Any]:
        """The values of the variables that no gradient is taken for."""
        return dict(self._extra)

    def dict_to_array(self, point: Mapping[str, Any]) -> RaveledVars:
        """A point as a flat vector."""
        arrays = [np.asarray(point[str(v.name)], v.dtype) for v in self._grad_vars]  # type: ignore[attr-defined]
        info = tuple((str(v.name), a.shape, a.size, a.dtype) for v, a in zip(self._grad_vars, arrays, strict=True))
        return RaveledVars(np.concatenate([a.ravel() for a in arrays]) if arrays else np.empty(0), info)

    def array_to_dict(self, array: Any) -> dict[str, np.ndarray]:
        """A flat vector as a point."""
        return self._layout.split(self.as_vector(array))

    def as_vector(self, values: Any) -> np.ndarray:
        """A dict, a :class:`RaveledVars` or an array as a vector of the right length."""
        if isinstance(values, Mapping):
            return self._layout.pack(values)
        data = np.asarray(values.data if isinstance(values, RaveledVars) else values, "float64")
        if data.shape != (self.size,):
            raise ValueError(f"The vector must have shape ({self.size},), not {data.shape}.")
        return data

    def __call__(
        self, values: Any, grad_out: np.ndarray | None = None, extra_vars: Mapping[str, Any] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The log-probability, and its gradient as a flat vector."""
        if extra_vars:
            self.set_extra_values(extra_vars)
        others = [as_input(v, self._extra[str(v.name)]) for v in self._extra_vars] if self._extra_vars else ()
        logp, slope = self._function(self.as_vector(values), *others)
        if grad_out is not None:
            grad_out[...] = slope
            slope = grad_out
        return logp, slope


def value_and_gradient(
    model: Model,
    grad_vars: Any,
    *,
    tempered: bool = False,
    initial_point: Any = None,
    ravel_inputs: Any = None,
    **options: Any,
) -> ValueGradFunction:
    """See :meth:`Model.logp_dlogp_function`."""
    variables = differentiable(model, grad_vars)
    point = model.initial_point(0) if initial_point is None else initial_point
    costs = [model.varlogp, model.datalogp] if tempered else [total(model)]
    return ValueGradFunction(model, variables, costs, point, **options)
