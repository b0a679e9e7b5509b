"""Graphs as plain data that JSON can hold: lists of values and of steps, read back without running anything."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from typing import Any, NamedTuple

from pellucid.graph.function_graph import FunctionGraph
from pellucid.graph.nodes import Apply, Op, Type, Variable
from pellucid.graph.provenance import describe, made_by
from pellucid.graph.serial_names import LoadError, SaveError, belongs, find, library_places, place_of, stands
from pellucid.graph.traverse import toposort

PLAIN = (type(None), bool, int, str)


class Kind(NamedTuple):
    """How objects of one class (and of its subclasses) are written, where their fields alone do not say it.

    Attributes
    ----------
    name : str
        What the file calls the kind.
    of : type
    write : callable
        ``write(writer, object)`` gives plain data, or None where the object is not to be written in this way.
    read : callable
        ``read(reader, data)`` gives the object again.
    """

    name: str
    of: type
    write: Callable[[Writer, Any], Any]
    read: Callable[[Reader, Any], Any]


class Language(NamedTuple):
    """What files may speak of, beside dataclasses of the library, which are written field by field.

    Attributes
    ----------
    kinds : tuple of Kind
    objects : tuple of type
        Classes of the library whose instances are written attribute by attribute.
    classes : tuple of type
        Classes of the library that a field may hold (they, and their subclasses).
    functions : tuple of functions
        Functions of the library that a field may hold. No other can be named in a file, so that none runs unforeseen.
    """

    kinds: tuple[Kind, ...]
    objects: tuple[type, ...] = ()
    classes: tuple[type, ...] = ()
    functions: tuple[Callable[..., Any], ...] = ()

    def kind(self, x: Any) -> Iterator[Kind]:
        """The kinds that an object may be of."""
        return (k for k in (*self.kinds, *KINDS) if isinstance(x, k.of))

    def kind_called(self, name: str) -> Kind:
        """The kind of this name."""
        for kind in (*self.kinds, *KINDS):
            if kind.name == name:
                return kind
        raise LoadError(f"There is no kind of value called {name!r}")


@dataclass(frozen=True)
class Written:
    """A function of variables as the graph that it wrote."""

    graph: FunctionGraph

    def __call__(self, *arguments: Any) -> Any:
        """The graph for other inputs."""
        found = self.graph.on(arguments)
        return found[0] if len(found) == 1 else tuple(found)


class Writer:
    """Turns values into plain data, which refer to each other by number.

    `values` has the ops, types and other objects, each once; `steps` the variables, inputs before users: a root, or an
    application and its outputs, which are numbered in this order.

    Parameters
    ----------
    language : Language
    """

    def __init__(self, language: Language):
        self.language = language
        self.values: list[Any] = []
        self.steps: list[dict[str, Any]] = []
        self.number: dict[Variable, int] = {}
        self.files: dict[str, int] = {}
        self.known: dict[int, int] = {}
        self.alive: list[Any] = []
        self.texts: dict[str, int] = {}
        self.places = library_places()
        self.inside: list[Apply] = []

    @property
    def where(self) -> str:
        """What is being written, for errors."""
        if not self.inside:
            return ""
        node = self.inside[-1]
        named = [f"'{v.name}', " for v in node.outputs if v.name]
        return f" (in {named[0] if named else ''}{node.op}, at {describe(node.line)})"

    def graph(self) -> dict[str, Any]:
        """All that was written so far."""
        return {"values": self.values, "steps": self.steps, "files": list(self.files)}

    def value(self, x: Any) -> Any:
        """Any value as plain data."""
        if type(x) in PLAIN:
            return x
        if isinstance(x, Variable):
            return {"variable": self.variable(x)}
        write = WRITERS.get(type(x))
        return {"value": self.entry(x)} if write is None else write(self, x)

    def entry(self, x: Any) -> int:
        """The place of an object among the values."""
        place = self.known.get(id(x))
        if place is None:
            data = self.described(x)
            place = self.texts.setdefault(json.dumps(data), len(self.values))
            if place == len(self.values):
                self.values.append(data)
            self.known[id(x)] = place
            self.alive.append(x)
        return place

    def described(self, x: Any) -> dict[str, Any]:
        """An object as plain data."""
        for kind in self.language.kind(x):
            data = kind.write(self, x)
            if data is not None:
                return {kind.name: data}
        if id(x) in self.places:
            return {"named": self.places[id(x)]}
        cls = type(x)
        if isinstance(x, partial):
            return {"partial": [self.value(x.func), self.value(x.args), self.value(x.keywords)]}
        if isinstance(x, type) or (callable(x) and hasattr(x, "__qualname__")):
            return self.reference(x)
        if not belongs(cls):
            raise self.refusal(x)
        if is_dataclass(x):
            given = {f.name: getattr(x, f.name) for f in fields(x) if f.init}
            kept = {f.name: given[f.name] for f in fields(x) if f.init and not stands(f, given[f.name])}
            return {"class": place_of(cls), "fields": {name: self.value(v) for name, v in kept.items()}}
        if isinstance(x, self.language.objects):
            return {"class": place_of(cls), "state": {name: self.value(v) for name, v in vars(x).items()}}
        raise self.refusal(x)

    def reference(self, x: Any) -> dict[str, Any]:
        """A class or a function by its name."""
        if isinstance(x, type) and belongs(x) and issubclass(x, self.language.classes):
            return {"type": place_of(x)}
        if isinstance(x, type) and x.__module__ == "builtins" and issubclass(x, Exception):
            return {"exception": x.__name__}
        if x in self.language.functions:
            return {"function": place_of(x)}
        raise self.refusal(x)

    def refusal(self, x: Any) -> SaveError:
        """The error for what cannot be saved."""
        name = getattr(x, "__qualname__", None)
        if isinstance(x, Op):
            what = f"the op {type(x).__qualname__} is defined in {type(x).__module__}, not in the library"
        elif name is not None:
            what = f"it holds {'the class' if isinstance(x, type) else 'the Python function'} {x.__module__}.{name}"
        else:
            what = f"it holds {x!r} of class {type(x).__module__}.{type(x).__qualname__}"
        return SaveError(
            f"Cannot be saved: {what}{self.where}. A file holds graphs of the library's ops and never code: write this "
            "part as a graph (for example CustomDist with dist=), or keep the script that makes it."
        )

    def variable(self, v: Variable) -> int:
        """The number of a variable; what it is computed from is written first."""
        if v not in self.number:
            for node in toposort([v], stop=self.number):
                if node.outputs[0] not in self.number:
                    self.application(node)
            if v not in self.number:
                self.root(v)
        return self.number[v]

    def op_of(self, node: Apply) -> Op:
        """The op to write for an application."""
        return node.op

    def application(self, node: Apply) -> None:
        """Write an application whose inputs are roots or were written before."""
        self.inside.append(node)
        step: dict[str, Any] = {"op": self.entry(self.op_of(node))}
        step["inputs"] = [self.variable(v) for v in node.inputs]
        self.inside.pop()
        step["types"] = [self.entry(v.type) for v in node.outputs]
        if any(v.name is not None for v in node.outputs):
            step["names"] = [v.name for v in node.outputs]
        if node.line is not None:
            step["line"] = [self.files.setdefault(node.line[0], len(self.files)), node.line[1]]
        step["first"] = len(self.number)
        self.steps.append(step)
        for v in node.outputs:
            self.number[v] = len(self.number)

    def root(self, v: Variable) -> None:
        """Write a variable that is not computed."""
        data = self.described_root(v)
        if v.name is not None:
            data["name"] = v.name
        self.steps.append({**data, "first": len(self.number)})
        self.number[v] = len(self.number)

    def described_root(self, v: Variable) -> dict[str, Any]:
        """What a root is."""
        for kind in self.language.kind(v):
            data = kind.write(self, v)
            if data is not None:
                return {"root": kind.name, "type": self.entry(v.type), "data": data}
        if id(v) in self.places:
            return {"root": "named", "data": self.places[id(v)]}
        if type(v.type.variable()) is not type(v):
            raise self.refusal(v)
        return {"root": "input", "type": self.entry(v.type)}


class Reader:
    """Turns plain data into values again. Only what a language allows is made, and nothing is called but constructors.

    Parameters
    ----------
    data : dict
        What :meth:`Writer.graph` gave.
    language : Language
    """

    def __init__(self, data: Mapping[str, Any], language: Language):
        self.language = language
        self.data, self.files = data["values"], data["files"]
        self.made: dict[int, Any] = {}
        self.opened: set[int] = set()
        self.variables: list[Variable] = []
        for step in data["steps"]:
            self.step(step)

    def value(self, data: Any) -> Any:
        """A value from plain data."""
        if type(data) in PLAIN:
            return data
        if type(data) is float:
            return data
        ((name, inside),) = data.items()
        if name == "value":
            return self.entry(inside)
        if name == "variable":
            return self.variable(inside)
        return READERS[name](self, inside)

    def variable(self, number: int) -> Variable:
        """A variable by its number."""
        if not 0 <= number < len(self.variables):
            raise LoadError(f"Variable {number} is read before it is there")
        return self.variables[number]

    def entry(self, place: int) -> Any:
        """The object at a place among the values."""
        if place not in self.made:
            if place in self.opened:
                raise LoadError(f"Value {place} holds itself")
            self.opened.add(place)
            self.made[place] = self.object(self.data[place])
        return self.made[place]

    def object(self, data: dict[str, Any]) -> Any:
        """An object from what was written of it."""
        name, inside = next(iter(data.items()))
        if name == "class":
            return self.instance(inside, data)
        if name == "named":
            return self.named(inside)
        if name == "partial":
            function, arguments, options = map(self.value, inside)
            return partial(function, *arguments, **options)
        if name in ("type", "function", "exception"):
            return self.reference(name, inside)
        return self.language.kind_called(name).read(self, inside)

    def instance(self, place: str, data: Mapping[str, Any]) -> Any:
        """An object of a class of the library, by its fields or its attributes."""
        cls: Any = find(place)
        if "fields" in data:
            if not (isinstance(cls, type) and is_dataclass(cls)):
                raise LoadError(f"{place} is no class of values")
            return cls(**{name: self.value(v) for name, v in data["fields"].items()})
        if not (isinstance(cls, type) and issubclass(cls, self.language.objects)):
            raise LoadError(f"{place} is no class of values")
        found: Any = object.__new__(cls)
        vars(found).update({name: self.value(v) for name, v in data["state"].items()})
        return found

    def named(self, place: str) -> Any:
        """An object that the library itself has under a name."""
        found = find(place)
        if isinstance(found, type) or not belongs(type(found)):
            raise LoadError(f"{place} is no value that a file can name")
        return found

    def reference(self, kind: str, place: str) -> Any:
        """A class or a function that the language allows."""
        if kind == "exception":
            found: Any = getattr(sys.modules["builtins"], place)
            allowed = isinstance(found, type) and issubclass(found, Exception)
        else:
            found = find(place)
            is_class = isinstance(found, type)
            allowed = (is_class and issubclass(found, self.language.classes)) or found in self.language.functions
        if not allowed:
            raise LoadError(f"{place} is nothing that a file may name")
        return found

    def step(self, step: Mapping[str, Any]) -> None:
        """Make a root, or an application with its outputs."""
        if step["first"] != len(self.variables):
            raise LoadError(f"Step {len(self.variables)} is missing")
        if "op" in step:
            self.application(step)
            return
        kind = step["root"]
        if kind == "named":
            found = self.named(step["data"])
        elif kind == "input":
            found = self.type(step["type"]).variable()
        else:
            found = self.language.kind_called(kind).read(self, step)
        if not isinstance(found, Variable):
            raise LoadError(f"A root of kind {kind} is no variable")
        if "name" in step:
            found.name = self.name(step["name"])
        self.variables.append(found)

    def application(self, step: Mapping[str, Any]) -> None:
        """Make an application, whose types must be such as its op infers."""
        op, inputs = self.entry(step["op"]), [self.variable(n) for n in step["inputs"]]
        if not isinstance(op, Op):
            raise LoadError(f"{op!r} is applied, but it is no op")
        line = (str(self.files[step["line"][0]]), int(step["line"][1])) if "line" in step else None
        types = [self.type(n) for n in step["types"]]
        with made_by(line):
            inferred = op.infer(*inputs)
            if len(types) != len(inferred) or not all(t.agrees(i) for t, i in zip(types, inferred, strict=True)):
                raise LoadError(f"{op} does not give {', '.join(map(str, types))} for these inputs")
            node = Apply(op, inputs, types)
        node.line = line
        for v, name in zip(node.outputs, step.get("names") or [None] * len(types), strict=True):
            v.name = self.name(name)
        self.variables.extend(node.outputs)

    def type(self, place: int) -> Type:
        """A type by its place among the values."""
        found = self.entry(place)
        if not isinstance(found, Type):
            raise LoadError(f"{found!r} is no type")
        return found

    def name(self, name: Any) -> str | None:
        """A name, or none."""
        if name is not None and not isinstance(name, str):
            raise LoadError(f"{name!r} is no name")
        return name


# The containers and numbers that JSON does not know.


def write_float(writer: Writer, x: float) -> Any:
    """A number, or the name of one that JSON lacks."""
    return x if math.isfinite(x) else {"float": repr(x)}


def write_items(name: str) -> Callable[[Writer, Any], Any]:
    """How a container of values is written under a name."""
    return lambda writer, x: {name: [writer.value(v) for v in x]}


def write_dict(writer: Writer, x: dict[Any, Any]) -> Any:
    """A mapping, whose keys need not be strings."""
    if all(type(key) is str for key in x):
        return {"dict": {key: writer.value(v) for key, v in x.items()}}
    return {"pairs": [[writer.value(key), writer.value(v)] for key, v in x.items()]}


def write_slice(writer: Writer, x: slice) -> Any:
    """A slice by its three numbers."""
    return {"slice": [writer.value(v) for v in (x.start, x.stop, x.step)]}


WRITERS: dict[type, Callable[[Writer, Any], Any]] = {
    float: write_float,
    complex: lambda writer, x: {"complex": [writer.value(x.real), writer.value(x.imag)]},
    bytes: lambda writer, x: {"bytes": x.hex()},
    type(...): lambda writer, x: {"ellipsis": True},
    tuple: write_items("tuple"),
    list: write_items("list"),
    set: write_items("set"),
    frozenset: write_items("frozenset"),
    range: lambda writer, x: {"range": [x.start, x.stop, x.step]},
    dict: write_dict,
    slice: write_slice,
}


def items(reader: Reader, data: Sequence[Any]) -> Iterator[Any]:
    """Values from plain data."""
    return (reader.value(v) for v in data)


READERS: dict[str, Callable[[Reader, Any], Any]] = {
    "float": lambda reader, data: float(data),
    "complex": lambda reader, data: complex(*items(reader, data)),
    "bytes": lambda reader, data: bytes.fromhex(data),
    "ellipsis": lambda reader, data: ...,
    "tuple": lambda reader, data: tuple(items(reader, data)),
    "list": lambda reader, data: list(items(reader, data)),
    "set": lambda reader, data: set(items(reader, data)),
    "frozenset": lambda reader, data: frozenset(items(reader, data)),
    "range": lambda reader, data: range(*data),
    "dict": lambda reader, data: {key: reader.value(v) for key, v in data.items()},
    "pairs": lambda reader, data: {reader.value(key): reader.value(v) for key, v in data},
    "slice": lambda reader, data: slice(*items(reader, data)),
}


def write_graph(writer: Writer, x: Any) -> Any:
    """A graph with its inputs."""
    return {"inputs": [writer.variable(v) for v in x.inputs], "outputs": [writer.variable(v) for v in x.outputs]}


def read_graph(make: Callable[[list[Variable], list[Variable]], Any]) -> Callable[[Reader, Any], Any]:
    """How an object that is made of inputs and outputs is read."""
    return lambda reader, data: make(
        [reader.variable(n) for n in data["inputs"]], [reader.variable(n) for n in data["outputs"]]
    )


KINDS = (Kind("graph", FunctionGraph, write_graph, read_graph(FunctionGraph)),)
