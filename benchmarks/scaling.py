"""Time writing, rewriting, differentiating and compiling graphs of 100 to 10,000 nodes, and how that grows.

    python benchmarks/scaling.py [--repeat N]

The slope is that of log(time) against log(nodes): 1 is linear. Graphs of two kinds: `chain`, in which each node needs
the one before, and `terms`, a sum of independent terms over one vector of data, as a log-density is.
"""

import argparse
import gc
import math
import os
import tempfile
import time

import numpy as np

import pellucid.tensor as pt
from pellucid.compile.function import function
from pellucid.diff import grad
from pellucid.graph.traverse import toposort
from pellucid.rewrite.pipeline import rewrite_graph

SIZES = (100, 1_000, 10_000)
STAGES = ("write", "differentiate", "rewrite", "compile")


def chain(nodes):
    """A cost in which each node needs the one before, and its input."""
    x = pt.scalar("x")
    y = x
    for _ in range(nodes // 3):
        y = pt.sin(y) * 0.5 + x
    return y, x


def terms(nodes):
    """A sum of independent terms of a vector of parameters and of data."""
    x, data = pt.vector("x", shape=(5,)), pt.constant(np.linspace(-1, 1, 200))
    cost = pt.constant(0.0)
    for i in range(nodes // 8):
        cost = cost - 0.5 * pt.sqr((data - x[i % 5]) / (1.0 + 0.001 * i)).sum()
    return cost, x


def measure(build, nodes):
    """Seconds of each stage, and the nodes of value and gradient as they were written."""
    clock, seconds = time.perf_counter, {}
    start = clock()
    cost, x = build(nodes)
    seconds["write"] = clock() - start
    start = clock()
    slope = grad(cost, x)
    seconds["differentiate"] = clock() - start
    size = len(toposort([cost, slope]))
    start = clock()
    outputs = rewrite_graph([cost, slope])
    seconds["rewrite"] = clock() - start
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PELLUCID_CACHE_DIR"] = folder
        start = clock()
        compiled = function([x], outputs, rewrite=False)
        seconds["compile"] = clock() - start
    point = np.full(x.type.shape, 0.3)
    if not all(np.isfinite(value).all() for value in compiled(point)):
        raise SystemExit(f"{build.__name__} of {nodes} nodes does not compute")
    return seconds, size


def best(build, nodes, repeat):
    """The least time of each stage over some runs."""
    gc.collect()
    runs = [measure(build, nodes) for _ in range(repeat)]
    return {stage: min(seconds[stage] for seconds, _ in runs) for stage in STAGES}, runs[0][1]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    function([], pt.exp(pt.constant(1.0)) + pt.sin(pt.constant(1.0)))  # load LLVM and the mathematics once
    for build in (chain, terms):
        measure(build, 50)
        results = [best(build, n, max(1, repeat if n < SIZES[-1] else repeat - 1)) for n in SIZES]
        print(f"\n{build.__name__:14}" + "".join(f"{size:>12,}" for _, size in results) + "   nodes    slope")
        for stage in STAGES:
            times = [seconds[stage] for seconds, _ in results]
            span = math.log(results[-1][1] / results[1][1])
            slope = math.log(times[-1] / times[1]) / span
            print(f"{stage:14}" + "".join(f"{t * 1e3:>9.1f} ms" for t in times) + f"   {slope:13.2f}")
        total = [sum(seconds.values()) for seconds, _ in results]
        slope = math.log(total[-1] / total[1]) / math.log(results[-1][1] / results[1][1])
        print(f"{'all':14}" + "".join(f"{t * 1e3:>9.1f} ms" for t in total) + f"   {slope:13.2f}")


if __name__ == "__main__":
    main()
