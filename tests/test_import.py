"""Importing pellucid is quick because nothing slow is imported, and every module can be imported first."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import scipy.special

SOURCE = Path(__file__).resolve().parent.parent / "src"
SLOW = {"arviz_base", "arviz_stats", "jax", "llvmlite", "matplotlib", "pandas", "rich", "scipy", "xarray"}

EVERY_MODULE = """
import importlib, json, sys
failures = {}
for name in json.loads(sys.argv[1]):
    for loaded in [m for m in sys.modules if m.split(".")[0] == "pellucid"]:
        del sys.modules[loaded]
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name.split(".")[0] != "jax":    # the one backend that is optional
            failures[name] = repr(error)
    except ImportError as error:
        failures[name] = repr(error)
print(json.dumps(failures))
"""


def run(code: str, *arguments: str, **environment: str) -> str:
    """What `code` prints in a process that has imported nothing yet."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), **environment}
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def modules() -> list[str]:
    parts = [path.relative_to(SOURCE).with_suffix("").parts for path in sorted(SOURCE.rglob("*.py"))]
    return [".".join(part[:-1] if part[-1] == "__init__" else part) for part in parts if part[-1] != "__main__"]


@pytest.mark.parametrize("statement", ["import pellucid", "import pellucid.tensor", "import pellucid as pm; dir(pm)"])
def test_import_loads_nothing_slow(statement):
    loaded = json.loads(run(f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"))
    assert "pellucid" in loaded
    assert {name.split(".")[0] for name in loaded} & SLOW == set()


def test_constants_of_special_functions_do_not_import_a_package():
    """Its import takes longer than compiling the model does."""
    code = """
import sys
import pellucid as pm, pellucid.tensor as pt
with pm.Model() as model:
    pm.InverseGamma("x", alpha=3, beta=5)
    pm.Dirichlet("w", [2.0, 2.0, 3.0])
model.compile_logp()(model.initial_point())
print(pt.gammaln(7.5).eval(), pt.erfinv(0.3).eval())    # the second is in another module of SciPy's
print("scipy.special" in sys.modules, pt.special.__name__)
"""
    before, after = run(code).strip().splitlines()
    assert [float(x) for x in before.split()] == pytest.approx([scipy.special.gammaln(7.5), scipy.special.erfinv(0.3)])
    assert after.split()[0] == "True"
    assert run(code.replace(", pt.erfinv(0.3).eval()", "")).split()[1] == "False"


@pytest.mark.parametrize("part", range(4))
def test_every_module_can_be_imported_first(part, tmp_path):
    assert "pellucid" in modules()
    # Each module is loaded a hundred times: kept as bytecode, it is compiled once.
    bytecode = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    assert json.loads(run(EVERY_MODULE, json.dumps(modules()[part::4]), **bytecode)) == {}
