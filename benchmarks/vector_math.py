"""Time compiled mathematical functions beside NumPy's and SciPy's: least nanoseconds per element of many runs."""

import sys
import time
import warnings

import numpy as np
import scipy.special

from pellucid.compile.llvm.math import FUNCTIONS
from pellucid.compile.llvm.math.evaluate import loop

SIZE, SECONDS = 10_000, 0.15
RANGE = {  # arguments as they occur in models; every function's whole domain would mostly measure overflow
    "arctan2": ((-8.0, 8.0), (-8.0, 8.0)), "pow": ((0.0, 8.0), (-4.0, 4.0)), "log1mexp": ((-8.0, 0.0),),
    "gammaln": ((0.0, 20.0),), "digamma": ((0.0, 20.0),), "trigamma": ((0.0, 20.0),), "gamma": ((0.0, 20.0),),
}  # fmt: skip


def arguments(name: str) -> list[np.ndarray]:
    """Return arrays of arguments: within 8 of zero, or where the function's domain or use asks for another range."""
    rng = np.random.default_rng(0)
    ranges = RANGE.get(name, tuple((max(low, -8.0), min(high, 8.0)) for low, high in FUNCTIONS[name].domain))
    return [rng.uniform(low, high, SIZE) for low, high in ranges]


def nanoseconds(call) -> float:
    """Return the least time of a call per element."""
    best, end = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        begin = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begin)
    return best / SIZE * 1e9


def measure(name: str) -> tuple[float, float, float]:
    """Return the times of the vector variant, the scalar variant, and NumPy or SciPy."""
    xs, out = arguments(name), np.empty(SIZE)
    addresses = [array.ctypes.data for array in (out, *xs)]
    compiled = [loop(name, vector=vector) for vector in (True, False)]
    times = [nanoseconds(lambda call=call: call(*addresses, SIZE)) for call in compiled]
    code = compile(FUNCTIONS[name].reference, name, "eval")
    names = {"numpy": np, "scipy": scipy, "x": xs[0], "y": xs[-1]}
    return *times, nanoseconds(lambda: eval(code, names))  # noqa: S307 - the table's


def main() -> None:
    """Print one line per function, or for those named on the command line."""
    warnings.simplefilter("ignore")
    print(f"{'function':12s} {'vector':>8s} {'scalar':>8s} {'NumPy':>8s}  times as fast")
    for name in sys.argv[1:] or FUNCTIONS:
        vector, scalar, reference = measure(name)
        print(f"{name:12s} {vector:8.2f} {scalar:8.2f} {reference:8.2f}  {reference / vector:6.1f}")


if __name__ == "__main__":
    main()
