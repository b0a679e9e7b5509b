"""Time writing, rewriting, differentiating and compiling graphs of 100 to 10,000 nodes, and how that grows.

    python benchmarks/scaling.py [--repeat N]

The slope is that of log(time) against log(nodes): 1 is linear. Graphs of two kinds: `chain`, in which each node needs
the one before, and `terms`, a sum of independent terms over one vector of data, as a log-density is. Then models of 100
to 10,000 named variables, half of them vectors, from their first line to the compiled density. All times are those of
the processor, on one thread, and nothing is cached.
"""

import argparse
import gc
import math
import os
import tempfile
import time

import numpy as np

import pellucid as pm
import pellucid.tensor as pt
from pellucid.compile.function import function
from pellucid.diff import grad
from pellucid.graph.traverse import toposort
from pellucid.rewrite.pipeline import rewrite_graph

SIZES = (100, 1_000, 10_000)
clock = time.thread_time


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
    seconds = {}
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


def named(variables):
    """A model of named variables: centres, scales, vectors of effects, rates, and data for every fourth of them."""
    with pm.Model() as model:
        for i in range(variables // 4):
            centre = pm.Normal(f"centre{i}", 0.0, 1.0 + 0.001 * i)
            scale = pm.HalfNormal(f"scale{i}", 1.0)
            pm.Normal(f"effects{i}", centre, scale, shape=3)
            rate = pm.Beta(f"rate{i}", 2.0, 2.0, shape=4)
            pm.Bernoulli(f"seen{i}", rate, observed=[0, 1, 1, 0])
    return model


def measure_model(build, variables):
    """Seconds of each stage, and the number of variables."""
    seconds = {}
    start = clock()
    model = build(variables)
    seconds["write"] = clock() - start
    start = clock()
    density = model.density()
    seconds["density"] = clock() - start
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PELLUCID_CACHE_DIR"] = folder
        start = clock()
        density.compile()
        seconds["compile"] = clock() - start
    return seconds, variables


def best(measured, build, nodes, repeat):
    """The least time of each stage over some runs."""
    gc.collect()
    runs = [measured(build, nodes) for _ in range(repeat)]
    return {stage: min(seconds[stage] for seconds, _ in runs) for stage in runs[0][0]}, runs[0][1]


def table(name, unit, results):
    """Print the times of each stage by size, with their slopes."""
    sizes = [size for _, size in results]
    span = math.log(sizes[-1] / sizes[1])
    print(f"\n{name:14}" + "".join(f"{size:>12,}" for size in sizes) + f"   {unit:9} slope")
    rows = {stage: [seconds[stage] for seconds, _ in results] for stage in results[0][0]}
    rows["all"] = [sum(seconds.values()) for seconds, _ in results]
    for stage, times in rows.items():
        slope = math.log(times[-1] / times[1]) / span
        print(f"{stage:14}" + "".join(f"{t * 1e3:>9.1f} ms" for t in times) + f"   {slope:15.2f}")


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    function([], pt.exp(pt.constant(1.0)) + pt.sin(pt.constant(1.0)))  # load LLVM and the mathematics once
    for measured, builds, unit in ((measure, (chain, terms), "nodes"), (measure_model, (named,), "variables")):
        for build in builds:
            measured(build, 50)
            sizes = [(n, max(1, repeat if n < SIZES[-1] else repeat - 1)) for n in SIZES]
            table(build.__name__, unit, [best(measured, build, n, times) for n, times in sizes])


if __name__ == "__main__":
    main()
