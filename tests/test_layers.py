"""The source is laid out as ARCHITECTURE.md says: imports point down, only cheap ones are eager, files stay short."""

import ast
import re
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "pellucid"

GRAPHS = {"graph", "tensor"}
PASSES = {"diff", "jacobians", "rewrite", "vectorize"}
BELOW = {  # layer: the layers it may import
    "graph": set(),
    "tensor": {"graph"},
    "diff": GRAPHS,
    "rewrite": GRAPHS | {"vectorize"},
    "vectorize": GRAPHS,
    "jacobians": GRAPHS | {"diff", "vectorize"},
    "exceptions": GRAPHS,
    "plots": set(),
    "math": GRAPHS,
    "printing": GRAPHS,
    "pytensorf": GRAPHS | {"compile", "diff"},
    "compile": GRAPHS | {"diff", "rewrite"},    # diff for verify_grad
    "stats": GRAPHS | PASSES | {"compile"},    # draws are evaluated by the interpreter
    "model": GRAPHS | PASSES | {"compile", "stats"},
    "logprob": {"stats"},
    "distributions": {"stats"},
    "inference": GRAPHS | PASSES | {"compile", "stats", "model"},
    "dims": GRAPHS | {"stats", "model"},
}
TOP = {"__init__", "__main__", "testing", "tour"}    # may import any layer

BACKENDS = ("pellucid.compile.numpy", "pellucid.compile.llvm", "pellucid.compile.jax")
OPTIONAL = {
    "arviz", "arviz_base", "arviz_plots", "arviz_stats", "dask", "graphviz", "IPython", "jax", "llvmlite", "matplotlib",
    "networkx", "nutpie", "pandas", "polars", "rich", "scipy", "threadpoolctl", "xarray", "zarr",
}  # fmt: skip
HOME = {"llvmlite": "compile", "jax": "compile"}     # the only layer that may import these
EAGER = {"compile/llvm": {"llvmlite"}, "compile/jax": {"jax"}}    # part of the tree: what it may import at the top


class Import(NamedTuple):
    """One imported module, and where."""

    path: str
    line: int
    module: str
    moment: str    # "at the top", "inside a function", or "for types"

    @property
    def layer(self) -> str:
        return self.path.split("/")[0].removesuffix(".py")

    @property
    def root(self) -> str:
        return self.module.split(".")[0]

    def __str__(self):
        return f"{self.path}:{self.line} imports {self.module}"


def files(root: Path) -> Iterator[tuple[str, ast.Module, str]]:
    for path in sorted(root.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        yield path.relative_to(root).as_posix(), ast.parse(text), text


def imported(node: ast.Import | ast.ImportFrom, path: str) -> list[str]:
    """The full names of the modules, as far as they decide a layer: `from pellucid import diff` is `pellucid.diff`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    package = ["pellucid", *path.split("/")[:-1]]
    parts = package[: len(package) - node.level + 1] if node.level else []
    module = ".".join([*parts, *([node.module] if node.module else [])])
    return [f"{module}.{alias.name}" for alias in node.names] if module.split(".")[0] == "pellucid" else [module]


def imports(path: str, node: ast.AST, moment: str = "at the top") -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield from (Import(path, child.lineno, module, moment) for module in imported(child, path))
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from imports(path, child, "inside a function")
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            yield from imports(path, child, "for types")
        else:
            yield from imports(path, child, moment)


def all_imports(root: Path) -> list[Import]:
    return [found for path, tree, _ in files(root) for found in imports(path, tree)]


def upward(root: Path) -> Iterator[str]:
    """Imports of a layer that is not below."""
    for found in all_imports(root):
        if found.root != "pellucid" or found.layer in TOP:
            continue
        if found.layer not in BELOW:
            yield f"{found}, and {found.layer} belongs to no layer"
            continue
        target = [*found.module.split("."), "the whole package"][1]
        if target not in BELOW[found.layer] | {found.layer}:
            yield f"{found}, but {found.layer} may not import {target}"


def hidden(root: Path) -> Iterator[str]:
    """Imports inside functions of what is neither slow nor optional, nor a backend."""
    for found in all_imports(root):
        allowed = found.root in OPTIONAL | {"importlib"} or found.module.startswith(BACKENDS)
        if found.moment == "inside a function" and not allowed:
            yield f"{found} {found.moment}"


def eager(root: Path) -> Iterator[str]:
    """Third-party imports that every user of the module would wait for."""
    for found in all_imports(root):
        part = "/".join(found.path.removesuffix(".py").split("/")[:2])
        cheap = {"pellucid", "numpy"} | EAGER.get(part, set()) | sys.stdlib_module_names
        if found.moment == "at the top" and found.root not in cheap:
            yield f"{found} at the top, where only NumPy is imported"


def foreign(root: Path) -> Iterator[str]:
    """Imports of anything the package does not declare, of compilers outside compile/, and of NumPy in graph/."""
    for found in all_imports(root):
        if found.root not in OPTIONAL | {"numpy", "pellucid"} | sys.stdlib_module_names:
            yield f"{found}, which the package does not declare"
        if HOME.get(found.root, found.layer) != found.layer:
            yield f"{found}, which only {HOME[found.root]}/ may"
        if found.layer == "graph" and found.root not in {"pellucid"} | sys.stdlib_module_names:
            yield f"{found}, but graph/ knows the standard library only"


def unopened(root: Path) -> Iterator[str]:
    """Files that do not open with one sentence."""
    for path, tree, _ in files(root):
        opening = (ast.get_docstring(tree) or "").split("\n\n")[0]
        if not opening.endswith((".", "?")) or re.search(r"[.?] [A-Z]", opening):
            yield f"{path} opens with {opening!r}"


def overlong(root: Path) -> Iterator[str]:
    """Files over 500 lines whose docstring gives no reason for it."""
    for path, tree, text in files(root):
        reason = re.search(r"\b(long|length|one file|single file|one place)\b", ast.get_docstring(tree) or "")
        if (lines := text.count("\n")) > 500 and not reason:
            yield f"{path} has {lines} lines, and its docstring says nothing of its length"


def function_lengths(root: Path) -> list[tuple[int, str]]:
    """The lines of each function without its docstring, and where it is."""
    lengths = []
    for path, tree, _ in files(root):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                lines = 1 + body[-1].end_lineno - body[0].lineno if body else 0
                lengths.append((1 + lines, f"{path}:{node.lineno} {node.name}"))
    return lengths


def sprawling(root: Path) -> Iterator[str]:
    """Functions over 60 lines, and a median that says the rest are not short either."""
    lengths = function_lengths(root)
    yield from (f"{where} has {lines} lines" for lines, where in lengths if lines > 60)
    if lengths and statistics.median(lines for lines, _ in lengths) >= 8:
        yield "the median function has 8 lines or more"


def local_paths(root: Path) -> Iterator[str]:
    """Paths that exist on somebody's machine only."""
    pattern = re.compile(r"(?<![\w.}/])/(?:home|root|Users|work|tmp)/\w+")
    for path, _, text in files(root):
        yield from (f"{path} names {found}" for found in pattern.findall(text))


CHECKS = [upward, hidden, eager, foreign, unopened, overlong, sprawling, local_paths]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_source(check):
    assert SOURCE.is_dir()
    offences = list(check(SOURCE))
    assert not offences, f"{check.__doc__}\n" + "\n".join(offences)


OFFENDERS = {  # check: a file of the package that it must report
    "relative": (upward, "graph/nodes.py", "from ..tensor import types"),
    "absolute": (upward, "tensor/types.py", "import pellucid.rewrite.pattern"),
    "by name": (upward, "compile/plan.py", "from pellucid import stats"),
    "whole package": (upward, "stats/continuous.py", "import pellucid as pm"),
    "inside": (upward, "diff.py", "def f():\n    from .compile import llvm"),
    "stray": (upward, "helpers.py", "from . import graph"),
    "hidden": (hidden, "tensor/types.py", "def f():\n    import json"),
    "hidden own": (hidden, "model/model.py", "class A:\n    def f(self):\n        from ..stats import bijection"),
    "eager": (eager, "stats/continuous.py", "import scipy.special"),
    "upward for types": (upward, "tensor/types.py", "if TYPE_CHECKING:\n    from ..model import Model"),
    "llvmlite outside": (foreign, "rewrite/engine.py", "def f():\n    import llvmlite.binding"),
    "numpy in graph": (foreign, "graph/nodes.py", "import numpy as np"),
    "undeclared": (foreign, "inference/sample.py", "def f():\n    import numba"),
    "no docstring": (unopened, "diff.py", "x = 1"),
    "two sentences": (unopened, "diff.py", '"""One. Two."""'),
    "long": (overlong, "diff.py", '"""Differentiate."""\n' + "x = 1\n" * 501),
    "sprawl": (sprawling, "diff.py", "def f(): pass\ndef g(): pass\ndef h():\n" + "    x = 1\n" * 60),
    "path": (local_paths, "diff.py", "x = '/ho" + "me/me/data.csv'"),
}


@pytest.mark.parametrize("name", OFFENDERS)
def test_offence_is_seen(tmp_path, name):
    check, path, text = OFFENDERS[name]
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text(text)
    (found, *rest) = check(tmp_path)
    assert not rest
    assert path.split("/")[0] in found


INNOCENTS = {
    "down": ("model/model.py", '"""M."""\nfrom ..stats import bijection\nfrom pellucid.compile import function'),
    "within": ("compile/llvm/jit.py", '"""J."""\nimport llvmlite.binding\nfrom ..shared import a'),
    "lazily": ("stats/continuous.py", '"""C."""\ndef f():\n    import scipy.special\n    return scipy.special'),
    "backend": ("compile/function.py", '"""F."""\ndef f():\n    from .llvm import backend\n    return backend'),
    "for types": ("inference/trace.py", '"""T."""\nif TYPE_CHECKING:\n    import xarray'),
    "top": ("testing.py", '"""T."""\nfrom . import model, stats'),
    "long with a reason": ("diff.py", '"""Differentiate.\n\nAs long as the table."""\n' + "x = 1\n" * 501),
    "quoted": ("diff.py", '"""Divide a/home/b and {x}/tmp/y."""'),
}


@pytest.mark.parametrize("name", INNOCENTS)
def test_innocence_is_seen(tmp_path, name):
    path, text = INNOCENTS[name]
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(text)
    assert [offence for check in CHECKS for offence in check(tmp_path)] == []
