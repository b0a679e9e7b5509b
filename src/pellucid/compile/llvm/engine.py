"""The one LLVM target and linker of the process: text IR in, callable addresses out."""

import ctypes
import functools
import itertools
import json
import re
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pellucid.compile.llvm import cache

_lock = threading.RLock()
_library_numbers = itertools.count()


class CompilationError(RuntimeError):
    """LLVM refused a module: malformed IR, or a symbol that nobody defines."""


@dataclass(frozen=True)
class Host:
    """The machine that compiled code is for; part of every cache key."""

    triple: str
    cpu: str
    features: str
    layout: str
    llvm_version: str

    @functools.cached_property
    def vector_width(self) -> int:
        """The number of doubles in the vectors that LLVM prefers on this processor."""
        enabled = set(self.features.split(","))
        if "+avx512f" in enabled and self.cpu.startswith("znver"):
            return 8
        # Other processors with AVX-512 are tuned by LLVM for 256 bits.
        return 4 if "+avx" in enabled else 2

    @functools.cached_property
    def fused(self) -> bool:
        """Whether the processor multiplies and adds with one rounding."""
        return bool({"+fma", "+neon", "+v"} & set(self.features.split(",")))


@dataclass(frozen=True)
class Unit:
    """An object file with the names it defines and the names it needs."""

    object: bytes
    defined: tuple[str, ...]
    undefined: tuple[str, ...]

    def pack(self) -> bytes:
        """Return the unit as bytes for the disk cache."""
        names = json.dumps({"defined": self.defined, "undefined": self.undefined}).encode()
        return len(names).to_bytes(8, "little") + names + self.object

    @classmethod
    def unpack(cls, content: bytes) -> "Unit":
        """Return the unit that `pack` wrote."""
        start = 8 + int.from_bytes(content[:8], "little")
        names = json.loads(content[8:start])
        return cls(content[start:], tuple(names["defined"]), tuple(names["undefined"]))


@dataclass(eq=False)
class Library:
    """Linked machine code; addresses taken from it are valid as long as it is alive.

    Attributes
    ----------
    report : dict
        Seconds spent in ``parse``, ``verify``, ``optimise``, ``codegen`` and ``link``, whether the object came from
        the disk (``cached``), and its size (``object_bytes``).
    """

    addresses: dict[str, int]
    report: dict[str, Any]
    owners: tuple[Any, ...] = field(repr=False, default=())

    def address(self, name: str) -> int:
        """Return the address of an exported symbol."""
        try:
            return self.addresses[name]
        except KeyError:
            known = ", ".join(sorted(self.addresses)) or "none"
            raise KeyError(f"{name!r} was not exported by this library (exports: {known})") from None

    def function(self, name: str, result: Any, *arguments: Any) -> Any:
        """Return a ctypes function for an exported symbol, which keeps this library alive."""
        call: Any = ctypes.CFUNCTYPE(result, *arguments)(self.address(name))
        call.library = self
        return call


class _Engine:
    """The target machines by optimisation level and the linker."""

    def __init__(self) -> None:
        llvm().initialize_native_target()
        llvm().initialize_native_asmprinter()
        self.host = _find_host()
        self._target = llvm().Target.from_triple(self.host.triple)
        self._machines: dict[int, Any] = {}
        # The linker owns its machine: LLVM ties the two lifetimes together. JITLink has no finished COFF support.
        self.linker = llvm().create_lljit_compiler(self._make_machine(2), use_jit_link=sys.platform != "win32")

    def machine(self, level: int) -> Any:
        if level not in self._machines:
            self._machines[level] = self._make_machine(level)
        return self._machines[level]

    def _make_machine(self, level: int) -> Any:
        return self._target.create_target_machine(
            cpu=self.host.cpu, features=self.host.features, opt=level, reloc="pic", codemodel="small", jit=False
        )


@functools.cache
def llvm() -> Any:
    """Return `llvmlite.binding`, imported by the first compilation."""
    from llvmlite import binding  # 50 to 100 ms, hence on first use

    return binding


def _find_host() -> Host:
    triple, cpu = llvm().get_process_triple(), llvm().get_host_cpu_name()
    features = llvm().get_host_cpu_features().flatten()
    machine = llvm().Target.from_triple(triple).create_target_machine(cpu=cpu, features=features)
    return Host(triple, cpu, features, str(machine.target_data), ".".join(map(str, llvm().llvm_version_info)))


@functools.cache
def _make_engine() -> _Engine:
    return _Engine()


def engine() -> _Engine:
    """Return the process's engine, creating it under a lock at the first call."""
    with _lock:
        return _make_engine()


def host() -> Host:
    """Return the machine that code is compiled for."""
    return engine().host


@functools.cache
def package_version() -> str:
    """Return what identifies this version of the package to the disk cache.

    The declared version and a digest of the compiler's own source: while that is being edited the former stands still.
    """
    declared = vars(sys.modules["pellucid"]).get("__version__", "")
    return f"{declared}-{source_digest(Path(__file__).parent)}"


@functools.cache
def source_digest(directory: Path) -> str:
    """Return a digest of the Python files of a directory, which takes half a millisecond."""
    return cache.make_key(*(path.read_bytes() for path in sorted(directory.glob("*.py"))))


def key_of(content: str, level: int) -> str:
    """Return the cache key of `content` compiled at `level` on this host by this version of everything."""
    here = host()
    machine = here.triple, here.cpu, here.features, here.layout, here.llvm_version
    return cache.make_key(content, str(level), *machine, package_version())


def assemble(ir: str, level: int, report: dict[str, Any]) -> Unit:
    """Parse, verify, optimise and generate code for a module, noting the seconds of each stage in `report`.

    Raises
    ------
    CompilationError
        If LLVM cannot parse or verify the module.
    """
    machine = engine().machine(level)
    header = f'target triple = "{host().triple}"\ntarget datalayout = "{host().layout}"\n'
    with Stage(report, "parse"):
        module = _checked(llvm().parse_assembly, "parse", header + ir, header + ir)
    with Stage(report, "verify"):
        _checked(module.verify, "verify", header + ir)
    with Stage(report, "optimise"):
        _optimise(module, machine, level)
    with Stage(report, "codegen"):
        code = engine().machine(_codegen_level(ir, level)).emit_object(module)
    return Unit(code, *_names(module))


LONG_BLOCK = 6000
"""Instructions in one straight run above which register allocation, quadratic in it, would dominate: 1 s at 30,000."""


def _codegen_level(ir: str, level: int) -> int:
    """The level at which to generate code: 0, which is linear, for a module with a very long run without branches."""
    run = longest = 0
    for line in ir.splitlines():
        run = 0 if line.endswith(":") else run + 1
        longest = max(longest, run)
    return 0 if longest > LONG_BLOCK else level


class Stage:
    """Adds the seconds of a block to one entry of a report."""

    def __init__(self, report: dict[str, Any], stage: str) -> None:
        self.report, self.stage = report, stage

    def __enter__(self) -> None:
        self.start = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self.report[self.stage] = time.perf_counter() - self.start


COMPLAINT = 6
"""How many lines of LLVM's own complaint are shown: it has one for each use of what is wrong."""


def _checked(step: Any, verb: str, ir: str, *arguments: str) -> Any:
    """Run a step of LLVM and turn its complaint into an error that shows the offending line."""
    try:
        return step(*arguments)
    except RuntimeError as error:
        place = re.search(r"<string>:(\d+):", str(error))
        line = f"\nline {place[1]}: {ir.splitlines()[int(place[1]) - 1].strip()}" if place else ""
        complaint = "\n".join(str(error).strip().splitlines()[:COMPLAINT])
        raise CompilationError(f"LLVM could not {verb} a module: {complaint}{line}") from error


def _optimise(module: Any, machine: Any, level: int) -> None:
    tuning = llvm().create_pipeline_tuning_options(speed_level=level)
    tuning.loop_vectorization = tuning.loop_interleaving = tuning.loop_unrolling = level > 0
    tuning.slp_vectorization = False  # a third of the compile time for code that is no faster, often slower
    builder = llvm().create_pass_builder(machine, tuning)
    passes = builder.getModulePassManager()
    passes.run(module, builder)
    passes.close()
    builder.close()


def _names(module: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the external names that a module defines and those it declares, intrinsics apart."""
    values = [*module.functions, *module.global_variables]
    values = [value for value in values if not value.name.startswith("llvm.")]
    visible = [value for value in values if value.linkage.name not in ("internal", "private")]
    defined = tuple(value.name for value in visible if not value.is_declaration)
    return defined, tuple(value.name for value in visible if value.is_declaration)


def process_address(name: str) -> int | None:
    """Return the address of a symbol of the process (libc, libm), or None."""
    engine()
    return llvm().address_of_symbol(name)


def link(
    unit: Unit, exports: Sequence[str], imports: Mapping[str, int], report: dict[str, Any], owners: tuple[Any, ...] = ()
) -> Library:
    """Link a unit into the process and return its exported addresses.

    Raises
    ------
    CompilationError
        If the unit lacks an export, or needs a symbol that neither `imports` nor the process has.
    """
    _check_symbols(unit, exports, imports)
    with Stage(report, "link"):
        builder = llvm().JITLibraryBuilder().add_object_img(unit.object).add_current_process()
        for name in exports:
            builder.export_symbol(name)
        for name, address in imports.items():
            builder.import_symbol(name, address)
        try:
            tracker = builder.link(engine().linker, f"pellucid{next(_library_numbers)}")
        except RuntimeError as error:
            raise CompilationError(
                f"LLVM could not link a module: {error} (it needs {_list(unit.undefined)})"
            ) from error
    report["object_bytes"] = len(unit.object)
    return Library({name: tracker[name] for name in exports}, report, (tracker, *owners))


def _check_symbols(unit: Unit, exports: Sequence[str], imports: Mapping[str, int]) -> None:
    # LLVM prints a missing symbol's name on stderr only and raises an error without it.
    absent = [name for name in exports if name not in unit.defined]
    if absent:
        raise CompilationError(
            f"the module does not define the exported {_list(absent)}; it defines {_list(unit.defined)}"
        )
    missing = [name for name in unit.undefined if name not in imports and process_address(name) is None]
    if missing:
        raise CompilationError(
            f"nobody defines the symbol {_list(missing)} that the module calls: give its address in `imports` "
            f"(given: {_list(imports)})"
        )
    null = [name for name, address in imports.items() if not address]
    if null:
        raise CompilationError(f"the address given in `imports` for {_list(null)} is null")


def _list(names: Any) -> str:
    return ", ".join(map(repr, names)) or "nothing"
