"""What files say of tensors, random draws, distributions and models: the kinds of values beside dataclasses."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import Any

import numpy as np

from pellucid.compile.shared import SharedVariable
from pellucid.graph.function_graph import FunctionGraph
from pellucid.graph.nodes import Apply, Op
from pellucid.graph.serial import Kind, Language, Reader, Writer, Written, read_graph, write_graph
from pellucid.graph.serial_names import PACKAGE, LoadError, SaveError, belongs, find, module_called, place_of
from pellucid.model.context import here
from pellucid.model.dims import Dimensions
from pellucid.model.minibatch import Rows
from pellucid.model.model import Model
from pellucid.stats.bijection import Bijection, Chain, Interval, support_bounds
from pellucid.stats.distribution import Distribution
from pellucid.stats.families.composite import CompositeLaw, Structure, law_of
from pellucid.stats.families.custom_graph import Recipe, open_type
from pellucid.tensor.body import Body
from pellucid.tensor.draws import LAWS, Draw, Law, RngVariable, draw, read_last_axes, rng
from pellucid.tensor.elementwise import Elementwise, lookup
from pellucid.tensor.types import NONE, Constant, TensorType, as_tensor_variable

SMALL = 4
"""Arrays of up to so many elements stand in the text; others are files of their own."""


class ModelWriter(Writer):
    """A writer that collects arrays, and writes what users' functions of variables make of them as graphs."""

    def __init__(self) -> None:
        super().__init__(LANGUAGE)
        self.arrays: list[np.ndarray] = []

    def op_of(self, node: Apply) -> Op:
        return portable(node) if isinstance(node.op, Draw) else node.op


class ModelReader(Reader):
    """A reader that finds arrays by their place."""

    def __init__(self, data: Mapping[str, Any], arrays: Mapping[int, np.ndarray]):
        self.arrays = arrays
        super().__init__(data, LANGUAGE)


# Arrays and their elements.


def write_array(writer: Any, x: np.ndarray) -> Any:
    """A few numbers as such, others as a file."""
    if x.dtype.kind == "O":
        raise SaveError(f"Cannot be saved: an array of objects, not of numbers{writer.where}.")
    if x.size > SMALL or x.dtype.kind not in "biuf" or x.dtype.itemsize > 8 or not np.isfinite(x).all():
        writer.arrays.append(x)
        return {"file": len(writer.arrays) - 1}
    return {"dtype": x.dtype.name, "shape": list(x.shape), "elements": x.ravel().tolist()}


def read_array(reader: Any, data: Mapping[str, Any]) -> np.ndarray:
    """An array that nobody can change."""
    if "file" in data:
        return reader.arrays[data["file"]]
    found = np.array(data["elements"], data["dtype"]).reshape(data["shape"])
    found.flags.writeable = False
    return found


def write_scalar(_writer: Any, x: np.generic) -> Any:
    """An element of an array."""
    if x.dtype.kind in "mM":
        return {"dtype": x.dtype.str, "number": int(x.astype("int64"))}  # type: ignore[attr-defined]
    text = x.dtype.kind == "U"
    return {"dtype": "str", "text": str(x)} if text else {"dtype": x.dtype.str, "bytes": x.tobytes().hex()}


def read_scalar(_reader: Any, data: Mapping[str, Any]) -> Any:
    """An element of an array."""
    if "text" in data:
        return np.str_(data["text"])
    dtype = np.dtype(data["dtype"])
    if "number" in data:
        return np.array(data["number"], "int64").view(dtype)[()]
    return np.frombuffer(bytes.fromhex(data["bytes"]), dtype)[0]


# Labels that are dates.


def write_date(_writer: Any, x: date) -> Any:
    """A date, with its time if it has one."""
    if type(x) not in (date, datetime):  # pandas's, which knows more than ISO's text says
        return None
    return {"time": isinstance(x, datetime), "iso": x.isoformat()}


def read_date(_reader: Any, data: Mapping[str, Any]) -> Any:
    """A date, with its time if it has one."""
    return (datetime if data["time"] else date).fromisoformat(data["iso"])


def write_pandas(writer: Any, x: Any) -> Any:
    """A time or a length of time of pandas, in its own unit, or an interval."""
    name = type(x).__name__
    if type(x).__module__.partition(".")[0] != "pandas" or name not in ("Timestamp", "Timedelta", "Interval"):
        return None
    if name == "Interval":
        return {"is": name, "ends": [writer.value(x.left), writer.value(x.right)], "closed": x.closed}
    zone = str(x.tzinfo) if getattr(x, "tzinfo", None) is not None else None
    return {"is": name, "unit": x.unit, "number": int(x.to_numpy().astype("int64")), "zone": zone}


def read_pandas(reader: Any, data: Mapping[str, Any]) -> Any:
    """A label of pandas."""
    import pandas as pd  # only for labels that were pandas's

    if data["is"] == "Interval":
        return pd.Interval(*map(reader.value, data["ends"]), closed=data["closed"])
    time = data["is"] == "Timestamp"
    plain: Any = np.array(data["number"], "int64").view(f"{'M' if time else 'm'}8[{data['unit']}]")[()]
    found: Any = pd.Timestamp(plain) if time else pd.Timedelta(plain)
    return found if data["zone"] is None else found.tz_localize("UTC").tz_convert(data["zone"])


# Roots of graphs.


def write_constant(writer: Any, v: Constant) -> Any:
    """A constant as its array."""
    return writer.entry(v.data) if type(v) is Constant else None


def read_constant(reader: Any, step: Mapping[str, Any]) -> Constant:
    """A constant of an array."""
    array, kind = reader.entry(step["data"]), reader.type(step["type"])
    check_array(array, kind)
    return Constant.of(np.ascontiguousarray(array).reshape(array.shape), kind)


def write_shared(writer: Any, v: SharedVariable) -> Any:
    """A shared variable as its present value."""
    return writer.entry(v.get_value(borrow=True)) if type(v) is SharedVariable else None


def read_shared(reader: Any, step: Mapping[str, Any]) -> SharedVariable:
    """A shared variable with the value that it had."""
    array, kind = reader.entry(step["data"]), reader.type(step["type"])
    check_array(array, kind)
    return SharedVariable(array, shape=kind.shape)


def write_rows(writer: Any, v: Rows) -> Any:
    """The rows of a minibatch as they are at present, and of how many."""
    return {"of": v.count, "now": writer.entry(v.get_value(borrow=True))}


def read_rows(reader: Any, step: Mapping[str, Any]) -> Rows:
    """The rows of a minibatch."""
    array = reader.entry(step["data"]["now"])
    check_array(array, reader.type(step["type"]))
    found = Rows(int(step["data"]["of"]), len(array))
    found.set_value(array)
    return found


def check_array(array: Any, kind: Any) -> None:
    """Refuse an array that is not of a type."""
    fits = isinstance(array, np.ndarray) and isinstance(kind, TensorType)
    if not fits or not kind.agrees(TensorType(array.dtype.name, array.shape)):
        raise LoadError(f"An array is not of the type {kind}")


def write_generator(writer: Any, v: RngVariable) -> Any:
    """A generator as its state; one that was never drawn from has none."""
    if v.owner is not None:
        return None
    return {"state": None if v.generator is None else writer.value(v.generator.bit_generator.state)}


def read_generator(reader: Any, step: Mapping[str, Any]) -> RngVariable:
    """A generator in the state that it had."""
    found, state = rng(), reader.value(step["data"]["state"])
    if state is not None:
        kinds = {"PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"}
        if state["bit_generator"] not in kinds:
            raise LoadError(f"{state['bit_generator']} is no generator that a file may name")
        bits = getattr(np.random, state["bit_generator"])()
        bits.state = state
        found.set_value(np.random.Generator(bits))
    return found


# Ops and laws that are declared once, and laws that are made for one structure.


def write_elementwise(_writer: Any, op: Elementwise) -> Any:
    """An elementwise op as its name."""
    return op.name if type(op) is Elementwise and known_elementwise(op.name) is op else None


def known_elementwise(name: str) -> Elementwise | None:
    """The elementwise op of a name."""
    try:
        return lookup(name)
    except (KeyError, TypeError):
        return None


def read_elementwise(_reader: Any, name: str) -> Elementwise:
    """An elementwise op by its name."""
    found = known_elementwise(name)
    if found is None:
        raise LoadError(f"This version has no elementwise op called {name!r}")
    return found


def write_law(_writer: Any, law: Law) -> Any:
    """A law that is declared, as its name."""
    return {"name": law.name, "home": law.sample.__module__} if LAWS.get(law.name) is law else None


def read_law(_reader: Any, data: Mapping[str, Any]) -> Law:
    """A law by its name, from the module of the library that declares it, or already declared by the user."""
    name, home = data["name"], str(data["home"])
    if name not in LAWS and home.partition(".")[0] == PACKAGE:
        module_called(home)
    if name not in LAWS:
        raise LoadError(f"No law called {name!r} is declared: import the module that does so ({home}) before loading")
    return LAWS[name]


def write_composite(writer: Any, law: CompositeLaw) -> Any:
    """A law of a structure, as the structure."""
    return writer.entry(law.structure)


def read_composite(reader: Any, data: int) -> CompositeLaw:
    """The law of a structure."""
    structure = reader.entry(data)
    if not isinstance(structure, Structure):
        raise LoadError(f"{structure!r} is no structure of a distribution")
    return law_of(structure)


# What users said of a distribution by functions of variables, which write graphs.


def portable(node: Any) -> Op:
    """The op of a draw, with graphs in place of the functions that its user gave."""
    structure: Any = getattr(node.op.law, "structure", None)
    recipe = getattr(structure, "facts", None)
    if not isinstance(recipe, Recipe) or not (recipe.random or any(by_user(recipe).values())):
        return node.op
    out, count = node.outputs[1], structure.family.count_given(structure)
    alone = draw(node.op.law, node.inputs[2:])  # for which typical values are asked
    size = TensorType("int64", (alone.ndim - node.op.law.ndim_supp,))
    before = {"logp": [out.type], "logcdf": [out.type], "support_point": [alone.type, size]}
    written: dict[str, Any] = {
        name: traced(function, before[name], node.inputs[2 : 2 + count])
        for name, function in by_user(recipe).items() if function is not None
    }  # fmt: skip
    if recipe.random is not None and (recipe.logp is not None or recipe.graph is not None):
        warnings.warn(
            f"random= of {structure.name} is a Python function, which no file holds: the model that is loaded has the "
            f"density of '{out}' but no draws of it. Give dist= to have both. {here()}",
            stacklevel=3,
        )
        written["random"] = None
    return Draw(law_of(replace(structure, facts=replace(recipe, **written))))


def by_user(recipe: Recipe) -> dict[str, Any]:
    """The functions of variables that a user gave."""
    return {name: getattr(recipe, name) for name in ("logp", "logcdf", "support_point")}


def traced(function: Any, before: Sequence[Any], inputs: Sequence[Any], make: Any = as_tensor_variable) -> Written:
    """What a function writes for values of the types `before`, and for inputs; constants it sees as they are.

    For lengths that may change, unless the function needs to know them.
    """
    if isinstance(function, Written):
        return function
    try:
        return trace(function, [open_type(t) for t in before], inputs, make, open_type)
    except (TypeError, ValueError, IndexError):
        return trace(function, before, inputs, make, lambda kind: kind)


def trace(function: Any, before: Sequence[Any], inputs: Sequence[Any], make: Any, kind_of: Any) -> Written:
    """What a function writes for inputs of these types."""
    kinds = [kind_of(v.type) if isinstance(v.type, TensorType) else v.type for v in inputs]
    leaves = [t.variable() for t in (*before, *kinds)]
    known = {len(before) + i: v for i, v in enumerate(inputs) if isinstance(v, Constant) or v is NONE}
    found = function(*[known.get(i, v) for i, v in enumerate(leaves)])
    each = found if isinstance(found, tuple) else (found,)
    return Written(FunctionGraph(leaves, [make(x) for x in each]))


def portable_bijection(bijection: Any, rv: Any) -> Any:
    """A bijection of a random variable with the graphs of its bounds, where these are a user's function."""
    if type(bijection) is Chain:
        return Chain([portable_bijection(b, rv) for b in bijection.bijections])
    if type(bijection) is not Interval or bijection.bounds_fn is None or rv.owner is None:
        return bijection
    if isinstance(bijection.bounds_fn, partial) and bijection.bounds_fn.func in LANGUAGE.functions:
        return bijection
    return Interval(bounds_fn=traced(bijection.bounds_fn, (), rv.owner.inputs, bound))


def bound(end: Any) -> Any:
    """An end of an interval; one that is missing is infinite, as :class:`Interval` reads it."""
    return as_tensor_variable(math.inf if end is None else end)


# Models.


def write_model(writer: Any, model: Model) -> Any:
    """A model, part of no other, as its attributes."""
    cls = next(c for c in type(model).__mro__ if belongs(c))
    known = vars(model) if cls is type(model) else vars(Model(model=None)).keys()
    own = {name: x for name, x in vars(model).items() if name in known and name not in ("parent", "cache")}
    own["name"] = model.prefix
    own["rvs_to_transforms"] = {rv: portable_bijection(b, rv) for rv, b in model.rvs_to_transforms.items()}
    return {"is": place_of(cls), **{name: writer.value(x) for name, x in own.items()}}


def read_model(reader: Any, data: Mapping[str, Any]) -> Model:
    """A model from its attributes."""
    cls = find(data["is"])
    if not (isinstance(cls, type) and issubclass(cls, Model)):
        raise LoadError(f"{data['is']} is no class of models")
    model = Model(model=None)
    model.__class__ = cls
    vars(model).update({name: reader.value(x) for name, x in data.items() if name != "is"})
    return model


LANGUAGE = Language(
    kinds=(
        Kind("constant", Constant, write_constant, read_constant),
        Kind("rows", Rows, write_rows, read_rows),
        Kind("shared", SharedVariable, write_shared, read_shared),
        Kind("generator", RngVariable, write_generator, read_generator),
        Kind("elementwise", Elementwise, write_elementwise, read_elementwise),
        Kind("composite", CompositeLaw, write_composite, read_composite),
        Kind("law", Law, write_law, read_law),
        Kind("body", Body, write_graph, read_graph(Body)),
        Kind("model", Model, write_model, read_model),
        Kind("array", np.ndarray, write_array, read_array),
        Kind("scalar", np.generic, write_scalar, read_scalar),
        Kind("dtype", np.dtype, lambda writer, x: x.str, lambda reader, data: np.dtype(str(data))),
        Kind("date", date, write_date, read_date),
        Kind("pandas", object, write_pandas, read_pandas),
    ),
    objects=(Bijection, Dimensions),
    classes=(Distribution,),
    functions=(support_bounds, read_last_axes),
)
"""Everything that the file of a model may hold."""
