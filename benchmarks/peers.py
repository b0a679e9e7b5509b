"""Make the side environments of other libraries, each in `benchmarks/.peers/`, and say why where that cannot be.

Run as ``python benchmarks/peers.py [PEER ...] [--upgrade]``.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
NEWEST, OLDEST = 14, 12  # minor versions of Python 3 that newest PyMC is tried with


class Peer(NamedTuple):
    """What is compared with: its title, what pip installs, and the environment, which two peers may share."""

    title: str
    requirements: tuple[str, ...]
    environment: str
    needs_compiler: bool = False


PYMC = ("pymc", "nutpie", "matplotlib")  # matplotlib for report.py
PEERS = {
    "pymc": Peer("PyMC", PYMC, "pymc"),
    "nutpie": Peer("PyMC + nutpie", PYMC, "pymc"),
    "numpyro": Peer("NumPyro", ("numpyro", "jax"), "numpyro"),
    "stan": Peer("Stan", ("httpstan", "numpy", "arviz-stats"), "stan", needs_compiler=True),
}


class Unavailable(Exception):
    """The peer cannot run here; the message says why."""


def candidates():
    """Yield interpreters new enough for the peers: on the path first, then those pyenv keeps."""
    for minor in range(OLDEST, NEWEST + 1):
        if found := shutil.which(f"python3.{minor}"):
            yield found
        kept = Path.home() / ".pyenv" / "versions"
        yield from (str(path) for path in sorted(kept.glob(f"3.{minor}*/bin/python3.{minor}")))


def runs(interpreter: str) -> bool:
    """Whether it is a working Python with venv (a shim of pyenv may answer for a version that is not active)."""
    command = [interpreter, "-c", "import ensurepip, venv"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def find_interpreter() -> str:
    """Return the first interpreter that runs."""
    for interpreter in candidates():
        if runs(interpreter):
            return interpreter
    message = f"it needs Python 3.{OLDEST} or newer, and none was found on the path or among pyenv's versions"
    raise Unavailable(message)


def last_line(text: str) -> str:
    """Return the last line that says something: where pip and Python put the reason."""
    return ([line.strip() for line in text.splitlines() if line.strip()] or ["no message"])[-1]


def ensure(name: str, *, upgrade: bool = False) -> Path:
    """Return the interpreter of the peer's environment, which is made if it is not there.

    Raises `Unavailable` where there is no Python to make it with, no compiler for a peer that needs one, or pip fails.
    """
    peer = PEERS[name]
    if peer.needs_compiler and not shutil.which(os.environ.get("CXX", "g++")):
        message = "it needs a C++ compiler: g++ on the path, or what the variable CXX names"
        raise Unavailable(message)
    folder = HERE / ".peers" / peer.environment
    python, stamp = folder / "bin" / "python", folder / "installed"
    wanted = " ".join(peer.requirements)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted and not upgrade:
        return python
    if not python.exists():
        print(f"{peer.title}: making an environment", file=sys.stderr, flush=True)
        subprocess.run([find_interpreter(), "-m", "venv", folder], check=True)
    print(f"{peer.title}: installing {wanted}", file=sys.stderr, flush=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", *peer.requirements]
    answer = subprocess.run(pip, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise Unavailable(f"pip failed: {last_line(answer.stderr)}")
    stamp.write_text(wanted, encoding="utf-8")
    return python


def main() -> None:
    """Make what the command line names, or everything."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("peers", nargs="*", choices=[*PEERS, []], default=[])
    parser.add_argument("--upgrade", action="store_true", help="ask pip for the newest release again")
    chosen = parser.parse_args()
    for name in chosen.peers or PEERS:
        try:
            print(f"{PEERS[name].title}: {ensure(name, upgrade=chosen.upgrade)}")
        except Unavailable as reason:
            print(f"{PEERS[name].title}: skipped, because {reason}")


if __name__ == "__main__":
    main()
