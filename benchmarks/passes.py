"""What each optimisation does: log-density and gradient in native code with and without it, timed in turns.

python benchmarks/passes.py [pass ...] [--models model ...] [--rounds n]
"""

import argparse
import contextlib
import time

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


def explicit_inverse(pm, pt):
    """A normal density of 80 points as textbooks write it: with the inverse and the determinant of the covariance."""
    x = np.linspace(0, 5, 80)
    squares, y = (x[:, None] - x) ** 2, np.sin(x)
    with pm.Model() as model:
        length = pm.HalfNormal("length")
        covariance = pt.exp(-squares / (1 + length)) + 0.1 * np.eye(80)
        inverse = pt.linalg.inv(covariance)
        pm.Potential("y", -0.5 * pt.dot(y, pt.dot(inverse, y)) - 0.5 * pt.log(pt.linalg.det(covariance)))
    return model


OWN = (
    changing_counts, counts_without_parameters, thousand_variables, grouped_answers, grouped_counts, explicit_inverse,
    long_regression, many_small_covariances,
)  # fmt: skip
MODELS = {**models.MODELS, **{build.__name__: build for build in OWN}}
SHOWN = {  # passes, and the models that show best what they do
    "statistics": ("radon", "large_hierarchy", "varying_effects", "counts_without_parameters"),
    "segments": ("grouped_counts", "grouped_answers"),
    "split": ("grouped_answers",),
    "roll": ("thousand_variables",),
    "algebra": ("item_response", "mixture"),
    "shapes": ("stochastic_volatility", "item_response"),
    "stabilize": ("item_response", "mixture"),
    "linear": ("explicit_inverse",),
    "loops": ("autoregression",),
    "bind": ("changing_counts",),
    "twins": ("logistic", "item_response", "grouped_answers"),
    "fusion": ("stochastic_volatility", "item_response"),
    "tiles": ("logistic", "long_regression"),
    "rows": ("logistic",),
    "small": ("many_small_covariances",),
    "invariants": ("item_response", "mixture"),
    "reuse": ("stochastic_volatility", "mixture"),
}


class Compiled:
    """A model's density, compiled with some passes off; `time` adds a measurement."""

    def __init__(self, name: str, off: tuple[str, ...]):
        with pm.without_passes(*off) if off else contextlib.nullcontext():
            model = MODELS[name](pm, pt)
            begin = time.process_time()
            density = model.density()
            point = density.pack(model.initial_point()) + 0.1 * np.random.default_rng(0).normal(size=density.dimension)
            self.loop = native_loop(model, point)
            self.compile = time.process_time() - begin
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
    on, off = Compiled(model, ()), Compiled(model, (name,))
    for _ in range(rounds):
        on.time()
        off.time()
    least = [1e6 * min(each.times) for each in (on, off)]
    did = on.passes.get(name, 0)
    return f"{name:12}{model:28}{did:8}{least[0]:12.2f}{least[1]:12.2f}{least[1] / least[0]:9.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("passes", nargs="*", help=f"of {', '.join(SHOWN)}")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=())
    parser.add_argument("--rounds", type=int, default=15)
    chosen = parser.parse_args()
    print(f"{'pass':12}{'model':28}{'did':>8}{'on, µs':>12}{'off, µs':>12}{'off/on':>9}")
    with single_thread():
        for name in chosen.passes or SHOWN:
            for model in chosen.models or SHOWN[name]:
                print(compare(name, model, chosen.rounds), flush=True)


if __name__ == "__main__":
    main()
