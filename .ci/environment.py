"""Make `.venv` when missing, and install the package there when its requirements changed: `environment.py [EXTRA]`."""

import subprocess
import sys
from pathlib import Path

if sys.version_info < (3, 11):
    sys.exit(f"pellucid needs Python 3.11 or newer; this is {sys.version.split()[0]}. Try: make PYTHON=python3.12")

import tomllib

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"


def ensure_python() -> str:
    """Return the version of the environment's interpreter, after making one if there is none that runs."""
    ask = [PYTHON, "-c", "import sys, pip; print(sys.version)"]
    if PYTHON.exists() and (answer := subprocess.run(ask, capture_output=True, text=True, check=False)).returncode == 0:
        return answer.stdout.strip()
    print(f"making {ENVIRONMENT.name}", flush=True)
    if subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=False).returncode:
        sys.exit("`python3 -m venv` failed; some systems keep it in a package of its own (python3-venv).")
    return subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()


def ensure_installed(extra: str) -> None:
    """Call pip unless a stamp says that the same requirements were already met in the same place."""
    version = ensure_python()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    # Only these two tables matter to pip: a new setting of ruff or pytest must not need the network.
    wanted = repr((str(ROOT), version, settings["build-system"], settings["project"]))
    stamps = [ENVIRONMENT / f"pellucid-{name}.stamp" for name in dict.fromkeys([extra, "dev"])]
    if any(stamp.exists() and stamp.read_text(encoding="utf-8") == wanted for stamp in stamps):
        return
    target = f"{ROOT}[{extra}]" if extra else str(ROOT)
    print(f"installing pellucid{f'[{extra}]' if extra else ''} into {ENVIRONMENT.name}", flush=True)
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--editable", target]
    if subprocess.run(pip, check=False).returncode:
        sys.exit("pip failed: see above.")
    stamps[0].write_text(wanted, encoding="utf-8")


ensure_installed(sys.argv[1] if len(sys.argv) > 1 else "")
