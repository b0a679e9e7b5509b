"""Loops over 1000 steps: what a log-density and its gradient cost by the call, and to compile with an empty cache.

python benchmarks/scan.py [case ...]
"""

import argparse
import os
import tempfile
import time

import numpy as np

import pellucid as pm
import pellucid.tensor as pt
from native import compile_kernels, repeat
from pellucid.compile.callback import compile_density
from pellucid.rewrite.pipeline import rewrite_graph

STEPS = 1000
DATA = np.random.default_rng(0).normal(size=STEPS)


def autoregression():
    """y[t] = rho y[t-1] + e[t], seen with noise of unknown scale."""
    q = pt.vector("q", shape=(2,))
    rho, sigma = pt.tanh(q[0]), pt.exp(q[1])
    y, _ = pm.scan(lambda e, y, rho: rho * y + e, DATA, 0.0, rho)
    z = (pt.constant(DATA[::-1]) - y) / sigma
    return q, -0.5 * (z**2).sum() - STEPS * q[1] - 0.5 * (q**2).sum()


def stochastic_volatility():
    """A latent walk of the log-variance, written with as many innovations as there are steps."""
    q = pt.vector("q", shape=(STEPS + 3,))
    mu, phi, sigma, z = q[0], pt.tanh(q[1]), pt.exp(q[2]), q[3:]
    h, _ = pm.scan(lambda z, h, mu, phi, sigma: mu + phi * (h - mu) + sigma * z, z, mu, [mu, phi, sigma])
    return q, -0.5 * (DATA**2 * pt.exp(-h) + h).sum() - 0.5 * (q**2).sum()


def garch():
    """Variances from the squares of what was seen."""
    q = pt.vector("q", shape=(3,))
    omega, alpha, beta = pt.exp(q[0]), pt.sigmoid(q[1]), pt.sigmoid(q[2])
    v, _ = pm.scan(lambda r, v, o, a, b: o + a * r**2 + b * v, DATA, 1.0, [omega, alpha, beta])
    return q, -0.5 * (DATA**2 / v + pt.log(v)).sum() - 0.5 * (q**2).sum()


def nonlinear():
    """A function in each step that needs the step before."""
    q = pt.vector("q", shape=(2,))
    y, _ = pm.scan(lambda e, y, a, b: pt.tanh(a * y + b) + e, DATA, 0.0, [q[0], q[1]])
    return q, -0.5 * (y**2).sum()


def vector_autoregression(n=4):
    """A state of four numbers, multiplied by a matrix."""
    q = pt.vector("q", shape=(n * n,))
    noise = np.random.default_rng(1).normal(size=(STEPS, n))
    y, _ = pm.scan(lambda e, y, a: a @ y + e, noise, pt.zeros(n), 0.2 * q.reshape((n, n)))
    return q, -0.5 * (y**2).sum()


def runge_kutta():
    """Predators and prey by the classical method of fourth order."""
    q = pt.vector("q", shape=(6,))
    h = 0.005

    def slope(z, c):
        return pt.stack([c[0] * z[0] - c[1] * z[0] * z[1], c[3] * z[0] * z[1] - c[2] * z[1]])

    def step(z, c):
        a = slope(z, c)
        b = slope(z + h / 2 * a, c)
        d = slope(z + h / 2 * b, c)
        return z + h / 6 * (a + 2 * b + 2 * d + slope(z + h * d, c))

    y, _ = pm.scan(step, outputs_info=pt.exp(q[4:]), non_sequences=pt.exp(q[:4]), n_steps=STEPS)
    return q, -0.5 * (pt.log(y) ** 2).sum()


CASES = [autoregression, stochastic_volatility, garch, nonlinear, vector_autoregression, runge_kutta]


def seconds_per_call(density, x, turns=200):
    """The fastest of several native loops around the density."""
    logp, gradient = np.empty(1), np.empty(len(x))
    loop, context = compile_kernels(repeat)["repeat"], density.context()
    times = []
    for _ in range(12):
        start = time.perf_counter()
        if loop(density.address, context, x, logp, gradient, turns):
            message = "the density failed"
            raise ArithmeticError(message)
        times.append((time.perf_counter() - start) / turns)
    return min(times)


def measure(case):
    """One row of the table."""
    start = time.perf_counter()
    q, logp = case()
    outputs = rewrite_graph([logp, pm.grad(logp, q)])
    rewritten = time.perf_counter()
    density = compile_density([q], outputs, backend="llvm")
    compiled = time.perf_counter()
    x = 0.1 * np.random.default_rng(2).normal(size=q.type.shape[0])
    call = seconds_per_call(density, x)
    return f"{case.__name__:24}{call * 1e6:10.2f} µs{rewritten - start:12.3f} s{compiled - rewritten:12.3f} s"


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", help="names of cases; all by default")
    wanted = parser.parse_args().cases
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PELLUCID_CACHE_DIR"] = folder
        pm.function([], pt.exp(pt.constant(1.0)) + pm.shared(0.0), backend="llvm")  # the first call imports
        print(f"{'case':24}{'logp+gradient':>13}{'graph':>14}{'compile':>14}")
        for case in CASES:
            if not wanted or case.__name__ in wanted:
                print(measure(case))


if __name__ == "__main__":
    main()
