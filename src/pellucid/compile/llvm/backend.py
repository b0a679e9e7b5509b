"""The native backend: a graph becomes machine code, and arrays are handed to it."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from pellucid.compile import numpy as interpreter
from pellucid.compile.llvm import blas, jit
from pellucid.compile.llvm.address import address_of
from pellucid.compile.llvm.bound import bound
from pellucid.compile.llvm.lower import Extent, NotCompilable, expand_all
from pellucid.compile.llvm.module import Module, Slot, describe_plan, write_module
from pellucid.compile.llvm.scalar import TYPES
from pellucid.compile.llvm.twins import twins
from pellucid.compile.misfits import known_input, told_when_written
from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.provenance import describe
from pellucid.graph.traverse import toposort, walk
from pellucid.rewrite.passes import is_on
from pellucid.tensor.broadcast import ShapeError
from pellucid.tensor.shape import Dim
from pellucid.tensor.types import Constant, TensorType

CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int64, ctypes.c_void_p)
RAISED = -1
"""The code of a call in which Python raised an exception, which the host holds."""


def check_compilable(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> None:
    """Refuse graphs with values that are no tensors, or of dtypes without native code."""
    nodes = toposort(outputs, stop=set(inputs))
    for v in [*inputs, *outputs, *(v for node in nodes for v in (*node.inputs, *node.outputs))]:
        if not isinstance(v.type, TensorType):
            what = v.owner.op if v.owner is not None else v
            raise NotCompilable(f"it holds {what}, which is no tensor (random draws are evaluated by the interpreter)")
        if v.type.dtype not in TYPES:
            raise NotCompilable(f"'{v}' is of dtype {v.type.dtype}")


class Host:
    """Answers calls back from native code: evaluates nodes by their references, and keeps what they raise."""

    def __init__(self, nodes: Sequence[Apply]):
        self.nodes = nodes
        self.errors = threading.local()
        self.entry = CALLBACK(self.answer)
        self.address = ctypes.cast(self.entry, ctypes.c_void_p).value or 0

    def answer(self, number: int, table: int) -> int:
        """Evaluate a node on the memory that the table describes."""
        try:
            self.evaluate(self.nodes[number], table)
        except Exception as error:  # noqa: BLE001  # nothing may propagate through native code; `reraise` raises it after
            self.errors.caught = error
            return RAISED
        return 0

    def evaluate(self, node: Apply, table: int) -> None:
        """Read the inputs, run the reference, write the outputs."""
        variables = [*node.inputs, *node.outputs]
        total = sum(1 + len(v.type.shape) for v in variables)
        words = (ctypes.c_int64 * total).from_address(table)
        arrays, at = [], 0
        for v in variables:
            ndim = len(v.type.shape)
            arrays.append(array_at(words[at], tuple(words[at + 1 : at + 1 + ndim]), v.type.dtype))
            at += 1 + ndim
        with np.errstate(all="ignore"):
            found = interpreter.apply_node(node, arrays[: len(node.inputs)])
        for target, value in zip(arrays[len(node.inputs) :], found, strict=True):
            target[...] = value

    def reraise(self) -> None:
        """Raise what a callback caught."""
        error, self.errors.caught = self.errors.caught, None
        raise error


def array_at(address: int, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """An array over memory that native code owns."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size == 0:
        return np.empty(shape, dtype)
    return np.ndarray(shape, dtype, memoryview((ctypes.c_char * size).from_address(address)))


class Native:
    """A loaded module: its code, and the arrays of its constants."""

    def __init__(self, inputs: Sequence[Variable], outputs: Sequence[Variable], *, density: bool = False):
        clock = time.perf_counter
        start = clock()
        check_compilable(inputs, outputs)
        lowered, done = expand_all(outputs), {}
        if density and is_on("bind"):
            lowered, done["bind"] = bound(inputs, lowered)
        if is_on("twins"):
            lowered, done["twins"] = twins(lowered)
        # An output that is a root, or that occurs twice, is copied in Python.
        computed = list(dict.fromkeys(v for v in lowered if v.owner is not None))
        self.module: Module = write_module(list(inputs), computed, density=density)
        written = clock()
        self.host = Host(self.module.host_nodes)
        imports = {f"blas_{name}": blas.address(name) for name in self.module.routines}
        if self.module.host_nodes:
            imports["pellucid_callback"] = self.host.address
        exports = ["pellucid_main", *(["pellucid_density"] if density else [])]
        self.library = jit.compile_ir(self.module.text, exports, imports)
        self.inputs, self.outputs, self.lowered = list(inputs), list(outputs), lowered
        # Constants are bound once, shared variables at each call; both follow the inputs in the table of arguments.
        state = list(enumerate(self.module.plan.roots))[len(inputs) :]
        self.constants = [(i, contiguous(v.get_value(borrow=True))) for i, v in state if isinstance(v, Constant)]
        self.shared = [(i, v) for i, v in state if not isinstance(v, Constant)]
        self.extents = ExtentProgram(self.module)
        self.report = {
            "backend": "llvm", "plan_and_write": written - start, "compile_and_link": clock() - written,
            **self.library.report, **describe_plan(self.module),
        }  # fmt: skip
        self.report["passes"] = {n: count for n, count in done.items() if count} | self.module.passes

    def shared_arrays(self) -> list[tuple[int, np.ndarray]]:
        """The current values of shared variables, with their places in the table."""
        return [(i, contiguous(v.get_value(borrow=True))) for i, v in self.shared]

    def roots(self, given: Sequence[np.ndarray], shared: Sequence[tuple[int, np.ndarray]]) -> list[np.ndarray]:
        """The arrays of all roots in order."""
        placed = dict([*self.constants, *shared])
        return [*given, *(placed[i] for i in sorted(placed))]

    def check(self, code: int) -> None:
        """Raise the error that a code stands for."""
        if code == RAISED:
            self.host.reraise()
        if code:
            failure = self.module.failures[code - 1]
            raise failure.error(failure.message)


class ExtentProgram:
    """Computes the lengths that a module needs, and checks those that must agree, from the roots' arrays."""

    def __init__(self, module: Module):
        self.module = module
        plan = module.plan
        wanted = [
            *module.symbols,
            *(n for v in module.outputs for n in plan.shape(v)),
            *(n for s in module.slots for n in s.extents),
        ]
        self.equalities = plan.extents.equalities
        wanted += [
            n
            for a, b, node, _ in self.equalities
            for n in (a, b, *(m for v in node.inputs for m in plan.extents.of[v]))
        ]
        self.symbolic = list(dict.fromkeys(n for n in wanted if not isinstance(n, int)))
        self.roots = plan.roots
        self.by_shape = all(depends_on_shapes(n) for n in self.symbolic)
        self.program: Callable[..., list[Any]] | None = None

    def lengths(self, arrays: Sequence[np.ndarray]) -> dict[Extent, int]:
        """The value of every symbolic length."""
        if not self.symbolic:
            return {}
        if self.program is None:
            self.program = interpreter.compile(self.roots, self.symbolic)  # type: ignore[arg-type]
        return {n: int(value) for n, value in zip(self.symbolic, self.program(*arrays), strict=True)}

    def check(self, lengths: dict[Extent, int]) -> None:
        """Raise when lengths that must be equal are not."""
        value = lambda n: n if isinstance(n, int) else lengths[n]  # noqa: E731
        for a, b, node, axis in self.equalities:
            if value(a) != value(b):
                shapes = [tuple(value(n) for n in self.module.plan.extents.of[v]) for v in node.inputs]
                raise misfit(node, axis, value(a), value(b), shapes)


STRETCH = (
    "Only an axis that is known to have length 1 when the graph is written may stretch (use x[:, None], pt.col, "
    "pt.row, or shape=(1, ...))."
)


def misfit(node: Apply, axis: int, first: int, second: int, shapes: Sequence[tuple[int, ...]]) -> Exception:
    """The error of inputs whose lengths at run time do not agree."""
    told = told_when_written(node, [known_input(v, shape) for v, shape in zip(node.inputs, shapes, strict=True)])
    if told is not None:
        return told
    low, high = sorted((first, second))
    inputs = "\n".join(f"  - '{v}' of shape {shape}" for v, shape in zip(node.inputs, shapes, strict=True))
    return ShapeError(
        f"The inputs of {node.op} do not fit: axis {axis} has lengths {low} and {high}.\n{inputs}\n"
        f"  at {describe(node.line)}\n"
        f"  {getattr(node.op, 'remedy', STRETCH)}"
    )


def depends_on_shapes(extent: Extent) -> bool:
    """Whether a length follows from the shapes of the roots alone, whatever their values."""
    stack = [extent]
    while stack:
        v = stack.pop()
        if isinstance(v, (int, Constant)):
            continue
        if v.owner is None:
            return False
        if not isinstance(v.owner.op, Dim):
            stack.extend(v.owner.inputs)
    return True


def reads_values_of(root: Variable) -> Callable[[Extent], bool]:
    """Whether a length depends on the elements of `root`, and not on its shape alone."""

    def reads(extent: Extent) -> bool:
        step = lambda v: () if v.owner is None or isinstance(v.owner.op, Dim) else v.owner.inputs  # noqa: E731
        return not isinstance(extent, int) and root in set(walk(extent, step))

    return reads


READABLE = 0x0101
"""NumPy's flags C_CONTIGUOUS and ALIGNED."""


def contiguous(array: Any) -> np.ndarray:
    """An array as native code reads it: row-major, aligned."""
    return array if array.flags.num & READABLE == READABLE else np.require(array, requirements=("C", "A"))


def written_to(place: np.ndarray | None, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array for native code to write into: the given one, if it is such."""
    fits = place is not None and place.shape == shape and place.dtype == dtype and contiguous(place) is place
    return place if fits else np.empty(shape, dtype)  # type: ignore[return-value]


def slot_bytes(slot: Slot, value: Callable[[Extent], int]) -> int:
    """The size of a slot, rounded up to a cache line."""
    size = slot.itemsize
    for n in slot.extents:
        size *= value(n)
    return max(64, -(-size // 64) * 64)


class Binding:
    """Everything about one combination of shapes: lengths, output shapes, workspace layout."""

    def __init__(self, native: Native, arrays: Sequence[np.ndarray]):
        module = native.module
        lengths = native.extents.lengths(arrays)
        native.extents.check(lengths)
        value = lambda n: n if isinstance(n, int) else lengths[n]  # noqa: E731
        find = module.plan.extents.find
        self.dims = np.array([value(find(n)) for n in module.symbols] or [0], np.int64)
        shapes = [tuple(value(n) for n in module.plan.shape(v)) for v in module.outputs]
        self.results = [(shape, np.dtype(v.type.dtype)) for v, shape in zip(module.outputs, shapes, strict=True)]
        sizes = [slot_bytes(s, value) for s in module.slots]
        self.offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.spare: list[Workspace] = []  # those that no call uses now

    @property
    def workspace(self) -> int:
        """The number of bytes of workspace."""
        return int(self.offsets[-1])


class Workspace:
    """Memory of one caller: the argument table and the workspace that it points into."""

    def __init__(self, native: Native, binding: Binding):
        module = native.module
        outputs = len(module.plan.roots)
        slots = outputs + len(module.outputs)
        self.binding = binding
        self.memory = np.zeros(binding.workspace + 64, np.uint8)
        start = -(-self.memory.ctypes.data // 64) * 64
        self.args = (ctypes.c_uint64 * (slots + len(module.slots) + 1))()
        self.args[slots:] = [*(start + int(o) for o in binding.offsets[:-1]), binding.dims.ctypes.data]
        self.point(native.constants)
        self.shared: Sequence[tuple[int, np.ndarray]] = ()
        self.address = ctypes.addressof(self.args)

    def point(self, arrays: Iterable[tuple[int, np.ndarray]]) -> None:
        """Enter the addresses of arrays at their places in the table."""
        for i, array in arrays:
            self.args[i] = address_of(array)

    def share(self, shared: Sequence[tuple[int, np.ndarray]]) -> None:
        """Point at the current values of shared variables, and keep them alive."""
        self.shared = shared
        self.point(shared)


class Executable:
    """A compiled function of arrays; calls from several threads each have a workspace of their own."""

    def __init__(self, inputs: Sequence[Variable], outputs: Sequence[Variable]):
        self.native = Native(inputs, outputs)
        self.report = self.native.report
        self.call = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)(self.native.library.address("pellucid_main"))
        self.bindings: dict[tuple[Any, ...], Binding] = {}
        self.static: Binding | None = None  # the only one there can be, where all shapes are known
        module = self.native.module
        self.place = {v: i for i, v in enumerate(module.outputs)}
        self.first_output = len(module.plan.roots)
        self.direct = self.native.lowered == module.outputs

    def binding(self, given: Sequence[np.ndarray], shared: Sequence[tuple[int, np.ndarray]]) -> Binding:
        """The binding for these arrays, computed once per combination of shapes."""
        native = self.native
        if not native.extents.by_shape:
            return Binding(native, native.roots(given, shared))
        key = (*(a.shape for a in given), *(a.shape for _, a in shared))
        found = self.bindings.get(key)
        if found is None:
            if len(self.bindings) > 64:
                self.bindings.clear()
            found = self.bindings[key] = Binding(native, native.roots(given, shared))
            if all(None not in v.type.shape for v in native.module.plan.roots):
                self.static = found
        return found

    def __call__(self, *arrays: np.ndarray, out: Sequence[np.ndarray | None] = ()) -> list[np.ndarray]:
        """The outputs; written into the arrays of `out`, one per output, where there are any and they fit."""
        native = self.native
        given = [contiguous(a) for a in arrays]
        shared = native.shared_arrays() if native.shared else ()
        binding = self.static or self.binding(given, shared)
        try:
            workspace = binding.spare.pop()
        except IndexError:  # also where another thread took the last one
            workspace = Workspace(native, binding)
        if out and self.direct:
            results = [written_to(o, *result) for o, result in zip(out, binding.results, strict=True)]
        else:
            results = [np.empty(shape, dtype) for shape, dtype in binding.results]
        if shared:
            workspace.share(shared)
        args, first = workspace.args, self.first_output
        args[: len(given)] = [address_of(a) for a in given]
        args[first : first + len(results)] = [address_of(a) for a in results]
        code = self.call(workspace.address)
        binding.spare.append(workspace)
        if code:
            native.check(code)
        return results if self.direct else self.collect(given, results)

    def collect(self, given: Sequence[np.ndarray], results: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs in order: computed ones, and copies of roots that are outputs themselves."""
        values = dict(zip(self.native.inputs, given, strict=True))
        out = []
        for v in self.native.lowered:
            if v in self.place:
                out.append(results[self.place[v]])
            else:
                out.append(np.array(values[v] if v in values else v.get_value(borrow=True)))
        return out


class Interpreted:
    """A function that only the interpreter can evaluate; its report says why."""

    def __init__(self, inputs: Sequence[Variable], outputs: Sequence[Variable], why: str):
        self.run = interpreter.compile(inputs, outputs)
        self.report = {"backend": "numpy", "why": why}

    def __call__(self, *arrays: Any, out: Sequence[np.ndarray | None] = ()) -> list[Any]:
        return self.run(*arrays)


def compile(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> Callable[..., list[Any]]:
    """A function of arrays in native code; what cannot be compiled is interpreted, and the report says why."""
    try:
        return Executable(inputs, outputs)
    except NotCompilable as error:
        return Interpreted(inputs, outputs, str(error))


class NativeDensity:
    """A log-density and its gradient as a C function ``i32 f(ptr x, ptr logp, ptr grad, ptr context)``.

    Attributes
    ----------
    address : int
        The function. It returns 0, or a code that :meth:`check` turns into an exception.
    """

    def __init__(self, inputs: Sequence[Variable], outputs: Sequence[Variable]):
        self.native = Native(inputs, outputs, density=True)
        if [*self.native.module.outputs] != list(self.native.lowered):
            raise NotCompilable("the log-density or its gradient is constant")
        if any(map(reads_values_of(inputs[0]), self.native.extents.symbolic)):
            raise NotCompilable("the length of something depends on the position")
        self.address = self.native.library.address("pellucid_density")
        self.report = self.native.report
        self.dimension = int(inputs[0].type.shape[0])
        self.contexts: list[Workspace] = []

    def context(self) -> int:
        """The address of a context with its own workspace, for one thread; it lives as long as this object."""
        shared = self.native.shared_arrays()
        workspace = Workspace(self.native, Binding(self.native, self.native.roots([np.zeros(self.dimension)], shared)))
        workspace.share(shared)
        self.contexts.append(workspace)
        return workspace.address

    def check(self, code: int) -> None:
        """Raise the error that a nonzero code stands for."""
        self.native.check(code)


def compile_density(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> NativeDensity:
    """Compile ``[x] -> [logp, gradient]`` for samplers; raises :class:`NotCompilable` where it cannot be."""
    return NativeDensity(inputs, outputs)
