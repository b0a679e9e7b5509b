"""What each optimisation does: log-density and gradient in native code with and without it, timed in turns.

python benchmarks/passes.py [pass ...] [--models model ...] [--rounds n] [--page]
"""

import argparse
import contextlib
import datetime
import os
import platform
import re
import tempfile
import time
from pathlib import Path

import numpy as np

import models
import pellucid as pm
import pellucid.tensor as pt
from native import native_loop
from pellucid.compile.llvm.blas import single_thread

WINDOW = 3e-3  # seconds of one measurement: short, so that some fall where nothing else runs


def counts_without_parameters(pm, pt):
    """Counts of one rate: 10,000 terms that are linear in the data."""
    with pm.Model() as model:
        rate = pm.Exponential("rate", 1)
        pm.Poisson("y", rate, observed=np.random.default_rng(1).poisson(3, size=10_000))
    return model


def thousand_variables(pm, pt):
    """A thousand named variables, each with a datum."""
    with pm.Model() as model:
        for i in range(1000):
            pm.Normal(f"y{i}", pm.Normal(f"x{i}"), 1, observed=0.01 * i)
    return model


def long_regression(pm, pt):
    """A logistic regression on more data than caches hold: 200,000 observations of 40 predictors."""
    rng = np.random.default_rng(5)
    predictors = rng.normal(size=(200_000, 40))
    with pm.Model() as model:
        slopes = pm.Normal("slopes", 0, 1, shape=40)
        pm.Bernoulli("y", logit_p=pt.dot(predictors, slopes), observed=rng.integers(2, size=200_000))
    return model


def grouped_answers(pm, pt):
    """Answers of 200 persons to 50 items in long form, as data come from a table: both are picked by indices."""
    rng = np.random.default_rng(2)
    person, item = np.repeat(np.arange(200), 50), np.tile(np.arange(50), 200)
    with pm.Model() as model:
        ability, difficulty = pm.Normal("ability", 0, 1, shape=200), pm.Normal("difficulty", 0, 1, shape=50)
        slope = pm.LogNormal("slope", 0, 0.5, shape=50)
        logit = slope[item] * (ability[person] - difficulty[item])
        pm.Bernoulli("y", logit_p=logit, observed=rng.integers(2, size=10_000))
    return model


def grouped_counts(pm, pt):
    """Counts of 1,000 groups with a predictor: 200,000 data, in no order."""
    rng = np.random.default_rng(3)
    group, x = rng.integers(1000, size=200_000), rng.normal(size=200_000)
    with pm.Model() as model:
        level, slope = pm.Normal("level", 0, 1, shape=1000), pm.Normal("slope")
        pm.Poisson("y", pt.exp(level[group] + slope * x), observed=rng.poisson(np.exp(0.3 * x)))
    return model


def changing_counts(pm, pt):
    """Counts with a predictor, as data that may be set anew."""
    rng = np.random.default_rng(4)
    with pm.Model() as model:
        y, x = pm.Data("y_data", rng.poisson(3, size=10_000)), pm.Data("x", rng.normal(size=10_000))
        pm.Poisson("y", pt.exp(pm.Normal("a") + pm.Normal("b") * x), observed=y)
    return model


def many_small_covariances(pm, pt):
    """500 triples of measurements, each with a covariance of its own, from its own scale."""
    rng = np.random.default_rng(6)
    distance = np.abs(np.arange(3)[:, None] - np.arange(3))
    with pm.Model() as model:
        length = pm.LogNormal("length", 0, 1, shape=500)
        covariance = pt.exp(-distance / length[:, None, None]) + 0.1 * np.eye(3)
        pm.MvNormal("y", np.zeros(3), cov=covariance, observed=rng.normal(size=(500, 3)))
    return model


def formula_from_a_book(pm, pt):
    """A normal density as it is printed, of a curve and 10,000 points: powers, quotients and logarithms for each."""
    rng = np.random.default_rng(9)
    x, y = rng.normal(size=10_000), rng.normal(size=10_000)
    with pm.Model() as model:
        a, b, sigma = pm.Normal("a"), pm.Normal("b"), pm.HalfNormal("sigma")
        curve = pt.sqrt((a + b * x) ** 2 + 1)
        density = pt.exp(-((y - curve) ** 2) / (2 * sigma**2)) / pt.sqrt(2 * np.pi * sigma**2)
        pm.Potential("y", pt.sum(pt.log(density)))
    return model


def neural_network(pm, pt):
    """A regression by a network of three hidden layers: 4,000 observations of 4 predictors."""
    rng = np.random.default_rng(7)
    state, y = rng.normal(size=(4000, 4)), rng.normal(size=4000)
    with pm.Model() as model:
        for layer, width in enumerate((8, 8, 8)):
            state = pt.tanh(pt.dot(state, pm.Normal(f"weights{layer}", 0, 1, shape=(state.shape[1], width))))
        pm.Normal("y", pt.dot(state, pm.Normal("last", 0, 1, shape=8)), pm.HalfNormal("sigma"), observed=y)
    return model


def decaying_state(pm, pt):
    """A state that decays and is driven by a nonlinear input: 1,000 steps, much of which need no step before them."""
    rng = np.random.default_rng(8)
    force = rng.normal(size=1000)
    with pm.Model() as model:
        rate, gain, noise = pm.LogNormal("rate"), pm.Normal("gain"), pm.HalfNormal("noise")
        state = pm.scan(
            lambda f, before, r, g: before * pt.exp(-0.1 * r) + pt.tanh(g * f) * (1 - pt.exp(-0.1 * r)),
            sequences=[force], outputs_info=[pt.zeros(())], non_sequences=[rate, gain], return_updates=False,
        )  # fmt: skip
        pm.Normal("y", state, noise, observed=rng.normal(size=1000))
    return model


def explicit_inverse(pm, pt):
    """A normal density of 80 points as textbooks write it: with the inverse and the determinant of the covariance."""
    x = np.linspace(0, 5, 80)
    squares, y = (x[:, None] - x) ** 2, np.sin(x)
    with pm.Model() as model:
        length, level = pm.HalfNormal("length"), pm.Normal("level")
        covariance = pt.exp(-squares / (1 + length)) + 0.1 * np.eye(80)
        inverse, rest = pt.linalg.inv(covariance), y - level
        pm.Potential("y", -0.5 * pt.dot(rest, pt.dot(inverse, rest)) - 0.5 * pt.log(pt.linalg.det(covariance)))
    return model


OWN = (
    changing_counts, counts_without_parameters, thousand_variables, grouped_answers, grouped_counts, explicit_inverse,
    long_regression, many_small_covariances, neural_network, decaying_state,
    formula_from_a_book,
)  # fmt: skip
MODELS = {**models.MODELS, **{build.__name__: build for build in OWN}}
SHOWN = {  # passes, and the models that show best what they do
    "statistics": ("radon", "large_hierarchy", "varying_effects", "counts_without_parameters"),
    "roll": ("thousand_variables",),
    "algebra": ("formula_from_a_book",),
    "shapes": ("stochastic_volatility", "item_response"),
    "stabilize": ("formula_from_a_book",),
    "linear": ("explicit_inverse",),
    "loops": ("decaying_state", "autoregression"),
    "segments": ("grouped_counts", "grouped_answers"),
    "bind": ("changing_counts",),
    "twins": ("logistic", "item_response", "grouped_answers"),
    "fusion": ("grouped_counts", "large_hierarchy", "gaussian_process"),
    "split": ("grouped_answers",),
    "rows": ("logistic",),
    "tiles": ("long_regression", "logistic"),
    "small": ("many_small_covariances",),
    "invariants": ("thousand_variables", "mixture"),
    "reuse": ("neural_network", "gaussian_process"),
}
PAGE = Path(__file__).resolve().parent.parent / "docs" / "passes.md"
HEADER = """\
| pass | model | did | on, µs | off, µs | off/on | compile on, ms | off, ms | memory on, kB | off, kB |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"""


class Compiled:
    """A model's density, compiled with some passes off; `time` adds a measurement."""

    def __init__(self, name: str, off: tuple[str, ...]):
        with pm.without_passes(*off) if off else contextlib.nullcontext():
            model = MODELS[name](pm, pt)
            begin = time.process_time()
            density = model.density()
            point = density.pack(model.initial_point()) + 0.1 * np.random.default_rng(0).normal(size=density.dimension)
            native = density.compile()
            self.compile = time.process_time() - begin
            self.loop = native_loop(model, point)
            self.memory = native.contexts[-1].memory.nbytes
            self.passes = density.compile_report()["passes"]
        self.turns, self.times = 1, []
        while self.measure() < WINDOW:
            self.turns *= 2

    def measure(self) -> float:
        """Seconds of the processor that a run of turns took."""
        begin = time.thread_time()
        self.loop(self.turns)
        return time.thread_time() - begin

    def time(self) -> None:
        """Add the seconds of one turn."""
        self.times.append(self.measure() / self.turns)


def compare(name: str, model: str, rounds: int) -> str:
    """One line of the table: least times of turns that alternate, so that both meet the same disturbances."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        compiled = []
        for off in ((), (), (name,)):  # the first also compiles what is no part of the model
            os.environ["PELLUCID_CACHE_DIR"] = tempfile.mkdtemp(dir=folder)  # so that code is compiled, not found
            compiled.append(Compiled(model, off))
    _, on, off = compiled
    with single_thread():  # of what is loaded by now
        for _ in range(rounds):
            on.time()
            off.time()
    least = [1e6 * min(each.times) for each in (on, off)]
    numbers = [
        on.passes.get(name, 0), *(f"{x:.3g}" for x in (*least, least[1] / least[0])),
        *(f"{1e3 * each.compile:.0f}" for each in (on, off)), *(f"{each.memory / 1000:.0f}" for each in (on, off)),
    ]  # fmt: skip
    return f"| {name} | {model} | {' | '.join(map(str, numbers))} |"


def describe() -> str:
    """What the numbers were taken on."""
    today = datetime.datetime.now(datetime.UTC).date()
    return f"Measured {today} with pellucid {pm.__version__}, {os.cpu_count()} cores, {platform.platform()}."


def write_page(lines: list[str]) -> None:
    """Write the table between the marks of the page, whose other text stays."""
    before, marked, after = re.split(r"(<!-- measured.*?-->.*?<!-- end -->)", PAGE.read_text("utf-8"), flags=re.DOTALL)
    mark = marked.split("\n", 1)[0]
    PAGE.write_text("\n".join([before + mark, describe(), "", HEADER, *lines, "<!-- end -->"]) + after, "utf-8")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("passes", nargs="*", help=f"of {', '.join(SHOWN)}")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=())
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--page", action="store_true", help="write docs/passes.md too")
    chosen = parser.parse_args()
    lines = []
    print(HEADER)
    for name in chosen.passes or SHOWN:
        for model in chosen.models or SHOWN[name]:
            lines.append(compare(name, model, chosen.rounds))
            print(lines[-1], flush=True)
    if chosen.page:
        write_page(lines)


if __name__ == "__main__":
    main()
