"""A model for other data: the same variables for other rows, and for dimensions of other labels and lengths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.compile.shared import SharedVariable, check_value
from pellucid.graph.nodes import Variable
from pellucid.graph.provenance import describe
from pellucid.graph.traverse import toposort
from pellucid.model.context import here
from pellucid.model.data import data_value
from pellucid.model.shapes import current_shape
from pellucid.model.surgery import assemble, erase, model_variables
from pellucid.tensor.broadcast import ShapeError
from pellucid.tensor.draws import Draw, as_size
from pellucid.tensor.shape import Dim, Shape, as_extents
from pellucid.tensor.types import NONE, Constant, constant

if TYPE_CHECKING:
    from pellucid.model.model import Model


class Resized:
    """What a model becomes with other data.

    Attributes
    ----------
    model : Model
    renewed : set of str
        The dimensions that stand for other things now: their labels or their data were given.
    stand_ins : set of str
        Data that were not given and are only observed, so that zeros stand for them.
    """

    def __init__(self, model: Model, data: Mapping[str, Any], coords: Mapping[str, Any]):
        self.old = model = model.copy()
        for potential in model.potentials[:]:  # no prediction depends on them
            erase(model, potential)
        self.given = {str(model_data(model, name).name): value for name, value in data.items()}
        model.dimensions.require(coords, "predict(coords=...)")
        self.labels = {dim: tuple(np.asarray(values, dtype=object).tolist()) for dim, values in coords.items()}
        self.arrays = {name: data_value(name, value) for name, value in self.given.items()}
        self.lengths = self.new_lengths()
        of_data = {d for name in self.given for d in model.named_vars_to_dims.get(name, ()) if d is not None}
        self.renewed = set(self.labels) | {d for d in of_data if model.coords[d] is None or d in self.changed()}
        self.stand_ins: set[str] = set()
        self.model = self.build()

    def new_lengths(self) -> dict[str, int]:
        """The lengths of the dimensions for which anything is given; refused where two things disagree."""
        found = {dim: (len(values), "coords") for dim, values in self.labels.items()}
        for name, array in self.arrays.items():
            dims = self.old.named_vars_to_dims.get(name, ())
            if array.ndim != self.old.named_vars[name].ndim:
                raise ShapeError(
                    f"'{name}' has {self.old.named_vars[name].ndim} axes, but the new value has shape {array.shape}. "
                    f"{here()}"
                )
            for dim, n in zip(dims, array.shape, strict=False):
                if dim is not None and found.setdefault(dim, (n, f"'{name}'"))[0] != n:
                    raise ShapeError(
                        f"The dimension {dim!r} has length {found[dim][0]} in {found[dim][1]} but {n} in '{name}'. "
                        f"{here()}"
                    )
        return {dim: n for dim, (n, _) in found.items()}

    def changed(self) -> set[str]:
        """The dimensions that have another length than before."""
        return {dim for dim, n in self.lengths.items() if n != self.old.dimensions.length(dim)}

    def build(self) -> Model:
        """The model, rebuilt from the data upwards."""
        model, changed = self.old, self.changed()
        swaps: dict[Variable, Any] = {}
        read = read_for_values([*model.basic_RVs, *model.deterministics])
        for v in model.data_vars:
            name = str(v.name)
            if not isinstance(v, SharedVariable):
                continue
            if name in self.arrays:
                swaps[v] = other_value(v, self.arrays[name])
            else:
                dims = model.named_vars_to_dims.get(name, ())
                if changed & set(dims):
                    swaps[v] = self.stand_in(v, dims, needed=v in read)
        for dim in changed:
            if isinstance(model.dim_lengths[dim], Constant):
                swaps[model.dim_lengths[dim]] = constant(self.lengths[dim], dtype="int64")
        every = model_variables(model)
        found = assemble(model, rebuilt(model, every, swaps, self.lengths, changed), set())
        for dim in self.lengths:
            if dim in self.labels:
                found.dimensions.coords[dim] = self.labels[dim]
            elif dim in changed:
                found.dimensions.coords[dim] = None
        return found

    def stand_in(self, v: SharedVariable, dims: Sequence[str | None], *, needed: bool) -> SharedVariable:
        """Zeros of the new lengths for data that were not given; refused where their values are read."""
        if needed:
            dim = next(d for d in dims if d in self.changed())
            raise ShapeError(
                f"The dimension {dim!r} is to have length {self.lengths[dim]}, and '{v}' has it too: give a new value "
                f"of '{v}' in data={{...}} as well. {here()}"
            )
        self.stand_ins.add(str(v.name))
        now = v.get_value(borrow=True).shape
        shape: list[Any] = [n if d is None else self.lengths.get(d, n) for d, n in zip(dims, now, strict=True)]
        return other_value(v, np.zeros(shape, v.dtype))


def model_data(model: Model, name: str) -> SharedVariable:
    """The data variable of this name."""
    known = {str(v.name): v for v in model.data_vars if isinstance(v, SharedVariable)}
    full = name if name in known else model.name_for(name)
    if full not in known:
        what = "is no data variable of the model" if name in model else "is not in the model"
        raise ValueError(
            f"predict: '{name}' {what}; what can be exchanged is {', '.join(known) or 'nothing'}. Data that a "
            f"prediction depends on are registered with pm.Data. {here()}"
        )
    return known[full]


def other_value(v: SharedVariable, array: np.ndarray) -> SharedVariable:
    """Another data variable like `v` with another value."""
    return SharedVariable(check_value(v, array), v.name, v.type.shape)


def read_for_values(outputs: Iterable[Variable]) -> set[Variable]:
    """The variables whose values, and not only whose lengths, `outputs` depend on."""
    found: set[Variable] = set()
    stack = list(outputs)
    while stack:
        v = stack.pop()
        if v not in found:
            found.add(v)
            if v.owner is not None and not isinstance(v.owner.op, (Dim, Shape)):
                stack.extend(v.owner.inputs)
    return found


def rebuilt(
    model: Model, every: Sequence[Any], swaps: Mapping[Variable, Any], lengths: Mapping[str, int], changed: set[str]
) -> dict[Any, Any]:
    """What every variable becomes; draws with a changed dimension of constant length get their new size."""
    new: dict[Variable, Any] = dict(swaps)
    draws = {rv.owner: rv for rv in model.basic_RVs if rv.owner is not None and isinstance(rv.owner.op, Draw)}
    for node in toposort(every, stop=set(new)):
        inputs = [new.get(v, v) for v in node.inputs]
        sized = draw_size(model, draws[node], inputs, lengths, changed) if node in draws else None
        if sized is not None:
            inputs[1] = sized
        if all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
            continue
        try:
            fresh = node.clone_with_new_inputs(inputs)
        except (ValueError, TypeError) as error:
            name = f" of '{draws[node]}'" if node in draws else ""
            raise ShapeError(
                f"predict: {node.op}{name}, written at {describe(node.line)}, cannot be made for the new data: "
                f"{error}\n  A length is fixed there. Make arrays that go with the data pm.Data(..., dims=...), and "
                "give variables dims= rather than shape=."
            ) from error
        new.update((old, v) for old, v in zip(node.outputs, fresh.outputs, strict=True) if old not in new)
    return {v: new.get(v, v) for v in every}


def draw_size(model: Model, rv: Any, inputs: Sequence[Any], lengths: Mapping[str, int], changed: set[str]) -> Any:
    """The size of a draw for the new data; None where it is as before.

    A size that only repeats the shape of the parameters, as that of observed data does, is left to the parameters.
    """
    op, size = rv.owner.op, rv.owner.inputs[1]
    if size is NONE:
        return None
    dims = model.named_vars_to_dims.get(str(rv.name), ())
    extents = list(as_extents(inputs[1]))
    fixed = [axis for axis, d in enumerate(dims[: len(extents)]) if d in changed and isinstance(extents[axis], int)]
    if fixed:
        return as_size([lengths[dims[a]] if a in fixed else n for a, n in enumerate(extents)])  # type: ignore[index]
    if rv in model.observed_RVs and not dims and isinstance(size, Constant):
        batches = [
            current_shape(p, model.shapes)[: p.ndim - core]
            for p, core in zip(rv.owner.inputs[2:], op.law.core, strict=True)
        ]
        if np.broadcast_shapes(*batches) == tuple(size.data):
            return NONE
    return None
