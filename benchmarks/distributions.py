"""Time the log-density and gradient of common distributions over 10,000 elements: pellucid, PyMC, and JAX by hand.

Run as ``python benchmarks/distributions.py [--repeat 5] [names ...]``; each library runs in a process of its own. The
value is the sum of the log-densities, the gradient is in the parameters and, for continuous ones, in the values.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SIZE = 10_000

CASES = {    # the parameters' values, and how NumPy draws the values; whole numbers have no gradient
    "Normal": ((0.3, 1.7), lambda r: r.normal(0.3, 1.7, SIZE)),
    "HalfNormal": ((1.7,), lambda r: abs(r.normal(0, 1.7, SIZE))),
    "StudentT": ((4.5, 0.3, 1.7), lambda r: 0.3 + 1.7 * r.standard_t(4.5, SIZE)),
    "HalfCauchy": ((1.7,), lambda r: abs(1.7 * r.standard_cauchy(SIZE))),
    "Exponential": ((1.3,), lambda r: r.exponential(1 / 1.3, SIZE)),
    "Gamma": ((2.5, 1.3), lambda r: r.gamma(2.5, 1 / 1.3, SIZE)),
    "InverseGamma": ((2.5, 1.3), lambda r: 1.3 / r.gamma(2.5, 1, SIZE)),
    "Beta": ((2.5, 1.3), lambda r: r.beta(2.5, 1.3, SIZE)),
    "Uniform": ((-1.5, 2.5), lambda r: r.uniform(-1.4, 2.4, SIZE)),
    "LogNormal": ((0.3, 0.7), lambda r: r.lognormal(0.3, 0.7, SIZE)),
    "Weibull": ((1.5, 2.5), lambda r: 2.5 * r.weibull(1.5, SIZE)),
    "TruncatedNormal": ((0.3, 1.7, -1.0, 2.0), lambda r: r.uniform(-0.9, 1.9, SIZE)),
    "Bernoulli": ((0.3,), lambda r: r.binomial(1, 0.3, SIZE)),
    "Binomial": ((20, 0.3), lambda r: r.binomial(20, 0.3, SIZE)),
    "Poisson": ((3.3,), lambda r: r.poisson(3.3, SIZE)),
    "NegativeBinomial": ((3.3, 1.7), lambda r: r.poisson(r.gamma(1.7, 3.3 / 1.7, SIZE))),
}
WHOLE = {"Binomial": {0}}    # parameters that have no gradient
NAMED = {"TruncatedNormal": ("mu", "sigma", "lower", "upper")}


def in_jax(name):
    """Return the log-density in JAX's own functions."""
    import jax.numpy as jnp
    import jax.scipy.stats as js
    from jax.scipy.special import gammaln, log_ndtr, xlog1py, xlogy

    def negative_binomial(x, mu, alpha):
        binomial = gammaln(x + alpha) - gammaln(x + 1.0) - gammaln(alpha)
        return binomial + xlogy(x, mu / (mu + alpha)) + alpha * jnp.log(alpha / (mu + alpha))

    def truncated(x, mu, sigma, lower, upper):
        a, b = (lower - mu) / sigma, (upper - mu) / sigma
        return js.norm.logpdf(x, mu, sigma) - jnp.log(jnp.exp(log_ndtr(b)) - jnp.exp(log_ndtr(a)))

    return {
        "Normal": js.norm.logpdf,
        "HalfNormal": lambda x, sigma: math.log(2) + js.norm.logpdf(x, 0.0, sigma),
        "StudentT": js.t.logpdf,
        "HalfCauchy": lambda x, beta: math.log(2) + js.cauchy.logpdf(x, 0.0, beta),
        "Exponential": lambda x, lam: js.expon.logpdf(x, scale=1 / lam),
        "Gamma": lambda x, alpha, beta: js.gamma.logpdf(x, alpha, scale=1 / beta),
        "InverseGamma": lambda x, a, b: a * jnp.log(b) - gammaln(a) - (a + 1) * jnp.log(x) - b / x,
        "Beta": js.beta.logpdf,
        "Uniform": lambda x, low, high: js.uniform.logpdf(x, low, high - low),
        "LogNormal": lambda x, mu, sigma: js.norm.logpdf(jnp.log(x), mu, sigma) - jnp.log(x),
        "Weibull": lambda x, a, b: jnp.log(a / b) + (a - 1) * jnp.log(x / b) - (x / b) ** a,
        "TruncatedNormal": truncated,
        "Bernoulli": js.bernoulli.logpmf,
        "Binomial": lambda x, n, p: gammaln(n + 1.0) - gammaln(x + 1.0) - gammaln(n - x + 1.0) + xlogy(x, p)
        + xlog1py(n - x, -p),
        "Poisson": js.poisson.logpmf,
        "NegativeBinomial": negative_binomial,
    }[name]    # fmt: skip


def function_in_jax(name, values, parameters):
    """Return a compiled function of (x, *parameters), for JAX's arrays, that is waited for."""
    import jax
    import numpy as np

    jax.config.update("jax_enable_x64", True)
    formula = in_jax(name)
    whole = WHOLE.get(name, set())
    wrt = tuple(i + 1 for i in range(len(parameters)) if i not in whole)
    wrt += (0,) if values.dtype.kind == "f" else ()
    floating = values.dtype.kind == "f"
    total = lambda x, *p: formula(x if floating else x * 1.0, *p).sum()  # noqa: E731
    evaluate = jax.jit(jax.value_and_grad(total, argnums=wrt))
    arguments = [jax.numpy.asarray(np.asarray(a)) for a in (values, *parameters)]
    return lambda: jax.block_until_ready(evaluate(*arguments))


def function_in(library, name, values, parameters):
    """Return a compiled function of (x, *parameters), of pellucid or PyMC."""
    import numpy as np

    if library == "pellucid":
        import pellucid as pm
        import pellucid.tensor as pt
        from pellucid import function, grad
    else:
        import pymc as pm
        import pytensor.tensor as pt
        from pytensor import function, grad

    x = pt.vector("x", dtype=str(values.dtype), shape=(SIZE,))
    symbols = [pt.scalar(f"p{i}", dtype=str(np.asarray(p).dtype)) for i, p in enumerate(parameters)]
    family = getattr(pm, name)
    rv = family.dist(**dict(zip(NAMED[name], symbols, strict=True))) if name in NAMED else family.dist(*symbols)
    total = pm.logp(rv, x).sum()
    wrt = [s for i, s in enumerate(symbols) if i not in WHOLE.get(name, set())]
    wrt += [x] if values.dtype.kind == "f" else []
    compiled = function([x, *symbols], [total, *grad(total, wrt, disconnected_inputs="ignore")])
    return lambda: compiled(values, *parameters)


def measure(library, names):
    """Return {name: [seconds per call, value]}: the least of some hundred calls."""
    import numpy as np

    found = {}
    for name in names:
        parameters, draw = CASES[name]
        values = draw(np.random.default_rng(1))
        try:
            make = function_in_jax if library == "jax" else lambda *a: function_in(library, *a)
            call = make(name, values, parameters)
            value = float(np.asarray(call()[0]))
            times = []
            until = time.perf_counter() + 0.4
            while time.perf_counter() < until or len(times) < 10:
                begin = time.perf_counter()
                call()
                times.append(time.perf_counter() - begin)
            found[name] = [min(times), value]
        except Exception as error:  # noqa: BLE001  # a gap in the table, which says why
            found[name] = [None, f"{type(error).__name__}: {error}"]
    return found


def run(python, library, names):
    """Measure in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "found.json"
        command = [python, str(HERE / "distributions.py"), "--measure", library, "--output", str(output), *names]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode:
            print(f"{library}: {answer.stderr.strip().splitlines()[-1]}", file=sys.stderr)
            return {name: [None, "no result"] for name in names}
        return json.loads(output.read_text(encoding="utf-8"))


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(CASES))
    parser.add_argument("--repeat", type=int, default=3, help="processes per library, of which the median is shown")
    parser.add_argument("--measure")
    parser.add_argument("--output")
    chosen = parser.parse_args()
    if chosen.measure:
        Path(chosen.output).write_text(json.dumps(measure(chosen.measure, chosen.names)), encoding="utf-8")
        return
    import peers

    pythons = {"pellucid": sys.executable, "pymc": str(peers.ensure("pymc")), "jax": sys.executable}
    found = {library: [] for library in pythons}
    for _ in range(chosen.repeat):    # in turn, so that all see the same machine
        for library, python in pythons.items():
            found[library].append(run(python, library, chosen.names))
    print(f"{'µs per call':18}" + "".join(f"{library:>12}" for library in pythons) + f"{'/pymc':>8}{'/jax':>8}")
    for name in chosen.names:
        rows = {library: [r[name] for r in results] for library, results in found.items()}
        times = {k: None if None in [t for t, _ in v] else statistics.median(t for t, _ in v) for k, v in rows.items()}
        cells = ["-" if t is None else f"{t * 1e6:.1f}" for t in times.values()]
        ours = times["pellucid"]
        ratios = [f"{ours / times[k]:.2f}" if ours and times[k] else "-" for k in ("pymc", "jax")]
        values = [v[0][1] for v in rows.values() if v[0][0] is not None]
        agree = max(values) - min(values) <= 1e-7 * abs(values[0]) if values else False
        line = f"{name:18}" + "".join(f"{c:>12}" for c in cells) + "".join(f"{r:>8}" for r in ratios)
        print(line + ("" if agree else f"   values differ: {[v[0][1] for v in rows.values()]}"))


if __name__ == "__main__":
    main()
