"""The measurements of ../measure.py for Stan: its compiler and headers as `httpstan` ships them, and a C++ compiler.

PyStan sends data and draws through JSON and a web server; CmdStan, as files of text. To leave that out, the model is
compiled with a small C interface (stan_driver.hpp) around Stan's own functions, and called from threads.
"""

import concurrent.futures
import ctypes
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from measure import CHAINS, CORES, DRAWS, TUNE, keep_draws, per_call, resources

HERE = Path(__file__).resolve().parent
STATISTICS = ("lp__", "accept_stat__", "stepsize__", "treedepth__", "n_leapfrog__", "divergent__", "energy__")
FLAGS = (
    "-O3", "-std=c++17", "-fPIC", "-shared", "-w",
    "-DBOOST_DISABLE_ASSERTS", "-DBOOST_PHOENIX_NO_VARIADIC_EXPRESSION", "-DSTAN_THREADS", "-D_REENTRANT",
    "-D_GLIBCXX_USE_CXX11_ABI=0",
)  # fmt: skip


def headers() -> Path:
    """Return the folder of `httpstan`, found without importing it: only its files are used."""
    import importlib.util

    found = importlib.util.find_spec("httpstan")
    if found is None or found.origin is None:
        message = "httpstan is not installed"
        raise ModuleNotFoundError(message)
    return Path(found.origin).parent


def version(folder: Path) -> str:
    """Return Stan's version, from its header."""
    words = (folder / "include/stan/version.hpp").read_text(encoding="utf-8").split()
    return ".".join(words[words.index(f"STAN_{part}") + 1] for part in ("MAJOR", "MINOR", "PATCH"))


def compiled(name: str) -> Path:
    """Return the model's library, compiled if the cache has none: `stanc`, then the C++ compiler."""
    folder = headers()
    source, driver = HERE / f"{name}.stan", HERE / "stan_driver.hpp"
    key = hashlib.sha256(source.read_bytes() + driver.read_bytes() + repr(FLAGS).encode()).hexdigest()[:16]
    cache = Path(os.environ["STAN_CACHE"])
    library = cache / f"{name}-{key}.so"
    if library.exists():
        return library
    cache.mkdir(parents=True, exist_ok=True)
    translate = [folder / "stanc", "--name", "benchmark", "--print-cpp", source]
    model = subprocess.run(translate, capture_output=True, text=True, check=True).stdout
    program = cache / f"{name}.cpp"
    program.write_text(f'{model}\n#include "{driver}"\n', encoding="utf-8")
    link = [f"-L{folder / 'lib'}", f"-Wl,-rpath,{folder / 'lib'}", "-ltbb"]
    command = [os.environ.get("CXX", "g++"), *FLAGS, f"-I{folder / 'include'}", program, "-o", library, *link]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        wrong = [line for line in answer.stderr.splitlines() if "error" in line] or [answer.stderr]
        message = f"the C++ compiler failed: {wrong[0]}"
        raise RuntimeError(message)
    return library


class Model:
    """A compiled model with its data."""

    def __init__(self, name: str):
        import numpy as np

        import datasets

        library = ctypes.CDLL(str(compiled(name)))
        data = {key: value.tolist() for key, value in getattr(datasets, name)().items()}
        for key in {"county", "group"} & set(data):
            data[key] = [number + 1 for number in data[key]]  # Stan counts from 1
        path = Path(os.environ["STAN_CACHE"]) / f"{name}.json"
        path.write_text(json.dumps(data), encoding="utf-8")
        library.make.restype = ctypes.c_void_p
        library.dimension.restype = library.names.restype = ctypes.c_long
        library.repeat.restype = ctypes.c_double
        self.library, self.model = library, ctypes.c_void_p(library.make(str(path).encode()))
        if not self.model:
            message = "the model refuses its data"
            raise RuntimeError(message)
        self.x = np.zeros(library.dimension(self.model))
        self.gradient = np.zeros_like(self.x)

    def repeat(self, turns: int) -> float:
        """Evaluate so many times; return the last log density."""
        x, gradient = (array.ctypes.data_as(ctypes.c_void_p) for array in (self.x, self.gradient))
        return self.library.repeat(self.model, x, gradient, ctypes.c_long(turns))

    def names(self) -> list[str]:
        """Return the name of each number of a draw, such as `raw.3`."""
        room = self.library.names(self.model, None, 0) + 1
        text = ctypes.create_string_buffer(room)
        self.library.names(self.model, text, ctypes.c_long(room))
        return text.value.decode().split()

    def sample(self, width: int):
        """Return (chain, iteration, column), those of the warm-up first, from chains in as many threads as cores."""
        import numpy as np

        rows = np.full((CHAINS, TUNE + DRAWS, width), np.nan)

        def run(chain: int) -> int:
            out = rows[chain].ctypes.data_as(ctypes.c_void_p)
            return self.library.sample(self.model, 1, chain + 1, TUNE, DRAWS, out, ctypes.c_long(width))

        with concurrent.futures.ThreadPoolExecutor(CORES) as pool:
            if any(pool.map(run, range(CHAINS))):
                message = "a chain failed"
                raise RuntimeError(message)
        return rows


def measure_import(_: str, __: str) -> dict:
    """Stan's version; there is nothing to import."""
    return {"import": None, "version": version(headers()), "python": sys.version.split()[0], **resources()}


def measure_graph(_: str, __: str) -> dict:
    """Stan makes no graphs before it compiles."""
    return {"build": None, "graph": None}


def measure_compile(_: str, name: str) -> dict:
    """Time from the source to the first value of log density and gradient, and then per call."""
    start = time.perf_counter()
    model = Model(name)
    value = model.repeat(1)
    end = time.perf_counter()
    import numpy as np

    measured = {"compile": end - start, "first_gradient": end - start, **resources()}
    measured["origin"] = [value, float(np.linalg.norm(model.gradient))]
    return measured | per_call("call_native", model.repeat)


def measure_sample(_: str, name: str) -> dict:
    """What a user's script does: compile, sample, print a summary."""
    begin = time.perf_counter()
    model = Model(name)
    names = model.names()
    chains = time.perf_counter()
    rows = model.sample(len(STATISTICS) + len(names))
    sampled = time.perf_counter()
    statistics, draws = rows[..., : len(STATISTICS)], rows[:, TUNE:, len(STATISTICS) :]
    print_summary(names, draws)
    measured = {"sample": sampled - begin, "summary": time.perf_counter() - sampled, "end": time.time(), **resources()}
    measured["chains_time"] = sampled - chains
    leapfrogs = statistics[..., STATISTICS.index("n_leapfrog__")]
    measured["leapfrogs_tune"] = int(leapfrogs[:, :TUNE].sum())
    measured["leapfrogs_draws"] = int(leapfrogs[:, TUNE:].sum())
    measured["divergences"] = int(statistics[:, TUNE:, STATISTICS.index("divergent__")].sum())
    keep_draws(by_name(names, draws))
    return measured


def print_summary(names: list[str], draws) -> None:
    """Print mean, spread, effective draws and R-hat of each number."""
    from arviz_stats.base import array_stats

    axes = {"chain_axis": 0, "draw_axis": 1}
    bulk = array_stats.ess(draws, method="bulk", **axes)
    tail = array_stats.ess(draws, method="tail", prob=(0.05, 0.95), **axes)
    columns = draws.mean((0, 1)), draws.std((0, 1)), bulk, tail, array_stats.rhat(draws, method="rank", **axes)
    for name, *numbers in zip(names, *columns, strict=True):
        print(f"{name:24}", *(f"{number:12.4g}" for number in numbers))


def by_name(names: list[str], draws) -> dict:
    """Return {name: (chain, draw, row, ...)}; Stan's draws hold the columns of matrices one after another."""
    import numpy as np

    places: dict[str, list[int]] = {}
    last = {name.partition(".")[0]: tuple(map(int, name.split(".")[1:])) for name in names}
    for place, name in enumerate(names):
        places.setdefault(name.partition(".")[0], []).append(place)
    found = {}
    for name, columns in places.items():
        turned = draws[..., columns].reshape(*draws.shape[:2], *reversed(last[name]))
        found[name] = np.transpose(turned, (0, 1, *reversed(range(2, turned.ndim))))
    return found


TASKS = {"import": measure_import, "graph": measure_graph, "compile": measure_compile, "sample": measure_sample}
