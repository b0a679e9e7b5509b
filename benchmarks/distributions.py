"""Time the log-density and gradient of the distributions over 10,000 elements: pellucid, PyMC, and JAX by hand.

Run as ``python benchmarks/distributions.py [--repeat 5] [--tier 1] [names ...]``; each library runs in a process of its
own. The value is the sum of the log-densities, the gradient is in the parameters and, for continuous ones, in the
values. Of each library there are two numbers: the time of a call from Python, and that less the time of a call with a
batch of one, which is what the arithmetic takes.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from distribution_cases import TABLE, fitted, in_jax

HERE = Path(__file__).resolve().parent
WINDOW = 0.4  # seconds of calls


def function_in_jax(name, values, count):
    """Return a compiled function of (x, *parameters), for JAX's arrays, that is waited for."""
    import jax

    jax.config.update("jax_enable_x64", True)
    formula, found = in_jax(name), TABLE[name]
    wrt = tuple(i + 1 for i, v in enumerate(found.values) if v.dtype.kind == "f" and i not in found.fixed)
    wrt += (0,) if values.dtype.kind == "f" else ()
    indexing = name in ("Categorical", "OrderedLogistic", "OrderedProbit")
    to_float = values.dtype.kind != "f" and not indexing
    total = lambda x, *p: formula(x * 1.0 if to_float else x, *p).sum()  # noqa: E731
    evaluate = jax.jit(jax.value_and_grad(total, argnums=wrt) if wrt else lambda *a: (total(*a),))
    arguments = [jax.numpy.asarray(a) for a in (values, *parameters_for(name, count))]
    return lambda: jax.block_until_ready(evaluate(*arguments))


def parameters_for(name, count):
    """The parameters' values; those with an element for each value follow the batch."""
    full = TABLE[name].count
    return [v[:count] if v.ndim and len(v) == full and count != full else v for v in TABLE[name].values]


def function_in(library, name, values, count):
    """Return a compiled function of (x, *parameters), of pellucid or PyMC."""
    if library == "pellucid":
        import pellucid as pm
        import pellucid.tensor as pt
        from pellucid import function, grad
    else:
        import pymc as pm
        import pytensor.tensor as pt
        from pytensor import function, grad

    found, parameters = TABLE[name], parameters_for(name, count)
    x = pt.tensor("x", dtype=str(values.dtype), shape=values.shape)
    symbols = [pt.tensor(f"p{i}", dtype=str(p.dtype), shape=p.shape) for i, p in enumerate(parameters)]
    total = pm.logp(fitted(name, count)(pm, *symbols), x).sum()
    wrt = [
        s
        for i, (s, p) in enumerate(zip(symbols, parameters, strict=True))
        if p.dtype.kind == "f" and i not in found.fixed
    ]
    wrt += [x] if values.dtype.kind == "f" else []
    gradient = grad(total, wrt, disconnected_inputs="ignore") if wrt else []
    compiled = function([x, *symbols], [total, *gradient], on_unused_input="ignore")
    return lambda: compiled(values, *parameters)


def compiled_for(library, name, count):
    """A function without arguments that evaluates a batch of `count`."""
    values = TABLE[name].draw(np.random.default_rng(1), count)
    if library == "jax":
        return function_in_jax(name, values, count)
    return function_in(library, name, values, count)


def least_time(call):
    """The least time of some hundred calls, in seconds of wall clock."""
    times = []
    until = time.perf_counter() + WINDOW
    while time.perf_counter() < until or len(times) < 10:
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return min(times)


def measure(library, names):
    """Return {name: [seconds per call, seconds less those of a call with one value, value]}."""
    found = {}
    for name in names:
        try:
            call = compiled_for(library, name, TABLE[name].count)
            total, whole = float(np.asarray(call()[0])), least_time(call)
            overhead = least_time(compiled_for(library, name, TABLE[name].few)) if TABLE[name].few else 0.0
            found[name] = [whole, whole - overhead, total]
        except Exception as error:  # noqa: BLE001  # a gap in the table, which says why
            found[name] = [None, None, f"{type(error).__name__}: {str(error)[:300]}"]
        print(library, name, found[name], file=sys.stderr, flush=True)
    return found


ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}
"""One chain of several has one thread; and BLAS threads on busy cores wait for each other longer than they compute."""


def run(python, library, names):
    """Measure in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "found.json"
        command = [python, str(HERE / "distributions.py"), "--measure", library, "--output", str(output), *names]
        if subprocess.run(command, check=False, env=os.environ | ONE_THREAD).returncode:
            return {name: [None, None, "no result"] for name in names}
        return json.loads(output.read_text(encoding="utf-8"))


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--tier", type=int, default=3, help="only distributions of this tier or before")
    parser.add_argument("--repeat", type=int, default=3, help="processes per library, of which the median is shown")
    parser.add_argument("--libraries", default="pellucid,pymc,jax")
    parser.add_argument("--measure")
    parser.add_argument("--output")
    parser.add_argument("--json", help="where to write all numbers, and read those of libraries that are not measured")
    chosen = parser.parse_args()
    names = chosen.names or [n for n, c in TABLE.items() if c.tier <= chosen.tier]
    if chosen.measure:
        Path(chosen.output).write_text(json.dumps(measure(chosen.measure, names)), encoding="utf-8")
        return
    import peers

    pythons = {"pellucid": sys.executable, "pymc": str(peers.ensure("pymc")), "jax": sys.executable}
    kept = Path(chosen.json) if chosen.json else None
    found = json.loads(kept.read_text(encoding="utf-8")) if kept and kept.exists() else {}
    measured = chosen.libraries.split(",")
    rounds = {library: [] for library in measured}
    for _ in range(chosen.repeat):  # in turn, so that all see the same machine
        for library in measured:
            rounds[library].append(run(pythons[library], library, names))
    for library, results in rounds.items():
        found.setdefault(library, {}).update({name: combined([r[name] for r in results]) for name in names})
    if kept:
        kept.write_text(json.dumps(found), encoding="utf-8")
    show(names, {library: found[library] for library in pythons if library in found})


def combined(rows):
    """The medians of several processes."""
    if any(row[0] is None for row in rows):
        return rows[0]
    return [statistics.median(row[0] for row in rows), statistics.median(row[1] for row in rows), rows[0][2]]


def show(names, found):
    """Print a line for each distribution: microseconds of a call, of the arithmetic, and the ratios of both."""
    others = [library for library in found if library != "pellucid"] if "pellucid" in found else []
    heads = [f"{library:>18}" for library in found] + [f"{'/' + library:>14}" for library in others]
    print(f"{'µs: call (work)':28}" + "".join(heads))
    for name in names:
        rows = {library: found[library].get(name, [None, None, "not measured"]) for library in found}
        cells = [f"{'-':>18}" if r[0] is None else f"{r[0] * 1e6:9.1f} ({r[1] * 1e6:6.1f})" for r in rows.values()]
        for library in others:
            ours = rows["pellucid"]
            both = ours[0] and rows[library][0]
            text = f"{ours[0] / rows[library][0]:.2f} ({ours[1] / rows[library][1]:.2f})" if both else "-"
            cells.append(f"{text:>14}")
        values = [r[2] for r in rows.values() if r[0] is not None]
        agree = max(values) - min(values) <= 1e-7 * abs(values[0]) if values else False
        print(f"{name:28}" + "".join(cells) + ("" if agree else f"   values: {[r[2] for r in rows.values()]}"))


if __name__ == "__main__":
    main()
