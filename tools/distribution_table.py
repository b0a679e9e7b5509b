"""Compare the distributions with PyMC's: writes docs/distributions.md from docs/distributions.tsv."""

import sys
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

import pellucid as pm
from pellucid.stats import DISTRIBUTIONS, ParameterValueError, Undefined, families
from pellucid.stats.logprob import NotDerivable, mean

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "docs" / "distributions.tsv"
TABLE = ROOT / "docs" / "distributions.md"
QUANTITIES = ("logp", "logcdf", "logccdf", "icdf", "random", "mean")


NORMAL = [0.0, 1.0]
COVARIANCE = np.array([[1.0, 0.4], [0.4, 2.0]])
NEIGHBOURS = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])


def standard() -> object:
    """A part of other distributions."""
    return pm.Normal.dist(*NORMAL)


def user_logp(value: object, mu: object) -> object:
    """A log-density as users write it."""
    return -((value - mu) ** 2)  # type: ignore[operator]


EXAMPLES: dict[str, Callable[[], object]] = {
    "MvNormal": lambda: pm.MvNormal.dist([0.0, 1.0], cov=COVARIANCE),
    "MvStudentT": lambda: pm.MvStudentT.dist(5.0, mu=[0.0, 1.0], scale=COVARIANCE),
    "OrderedMultinomial": lambda: pm.OrderedMultinomial.dist(eta=0.0, cutpoints=[-1.0, 1.0], n=5),
    "LKJCholeskyCov": lambda: pm.LKJCholeskyCov.dist(
        n=2, eta=2.0, sd_dist=pm.Exponential.dist(1.0), compute_corr=False
    ),
    "KroneckerNormal": lambda: pm.KroneckerNormal.dist(mu=np.zeros(4), covs=[COVARIANCE, COVARIANCE]),
    "CAR": lambda: pm.CAR.dist(mu=np.zeros(3), W=NEIGHBOURS, alpha=0.5, tau=1.0),
    "ICAR": lambda: pm.ICAR.dist(W=NEIGHBOURS, sigma=1.0),
    "ZeroSumNormal": lambda: pm.ZeroSumNormal.dist(sigma=1.0, shape=4),
    "AR": lambda: pm.AR.dist([0.5], sigma=1.0, init_dist=pm.Normal.dist(0.0, 1.0, shape=1), steps=3),
    "GARCH11": lambda: pm.GARCH11.dist(omega=0.1, alpha_1=0.2, beta_1=0.5, initial_vol=1.0, steps=3),
    "RandomWalk": lambda: pm.RandomWalk.dist(init_dist=standard(), innovation_dist=standard(), steps=3),
    "GaussianRandomWalk": lambda: pm.GaussianRandomWalk.dist(0.0, 1.0, init_dist=standard(), steps=3),
    "MvGaussianRandomWalk": lambda: pm.MvGaussianRandomWalk.dist(
        [0.0, 0.0], cov=COVARIANCE, init_dist=pm.MvNormal.dist([0.0, 0.0], cov=COVARIANCE), steps=3
    ),
    "MvStudentTRandomWalk": lambda: pm.MvStudentTRandomWalk.dist(
        nu=5.0, mu=[0.0, 0.0], scale=COVARIANCE, init_dist=pm.MvNormal.dist([0.0, 0.0], cov=COVARIANCE), steps=3
    ),
    "EulerMaruyama": lambda: pm.EulerMaruyama.dist(
        dt=0.1, sde_fn=lambda x, rate: (-rate * x, 0.5), sde_pars=(1.0,), init_dist=standard(), steps=3
    ),
    "Mixture": lambda: pm.Mixture.dist([0.3, 0.7], [standard(), pm.Laplace.dist(1.0, 2.0)]),
    "NormalMixture": lambda: pm.NormalMixture.dist([0.3, 0.7], mu=[-1.0, 1.0], sigma=1.0),
    "Censored": lambda: pm.Censored.dist(standard(), lower=-1.0, upper=1.0),
    "Truncated": lambda: pm.Truncated.dist(standard(), lower=-1.0, upper=1.0),
    "CustomDist": lambda: pm.CustomDist.dist(
        0.0, dist=lambda mu, size: pm.math.exp(pm.Normal.dist(mu, 1.0, size=size))
    ),
    "DensityDist": lambda: pm.DensityDist.dist(
        0.0, logp=user_logp, logcdf=user_logp, random=lambda mu, rng, size: rng.normal(mu, size=size)
    ),
    "Simulator": lambda: pm.Simulator.dist(
        lambda rng, mu, size: rng.normal(mu, size=size), 0.0, sum_stat="identity", epsilon=1.0, class_name="Draws"
    ),
}  # fmt: skip
"""Distributions that numbers alone do not make; others are made from the examples of their parameters' sets."""


class Row(NamedTuple):
    """A distribution of PyMC, and what PyMC 6.4 can compute of it: yes, no or undefined (it does not exist)."""

    name: str
    kind: str
    tier: str
    logp: str
    logcdf: str
    logccdf: str
    icdf: str
    random: str
    mean: str


def read_rows() -> list[Row]:
    """The distributions of PyMC, one a line."""
    return [Row(*line.split("\t")) for line in SOURCE.read_text(encoding="utf-8").splitlines()[1:]]


def example(name: str) -> object:
    """A random variable of the distribution."""
    if name in EXAMPLES:
        return EXAMPLES[name]()
    family = DISTRIBUTIONS[name]
    choices = [p.constraint.examples[::-1] for p in family.parameters.values()]
    for values in product(*choices):
        with suppress(ParameterValueError):  # of a combination that makes no sense, such as lower = upper
            return family.dist(**dict(zip(family.parameters, values, strict=True)))
    raise ValueError(f"no combination of examples makes a {name}: give one in EXAMPLES")


COMPUTE: dict[str, Callable[[object], object]] = {
    "logp": lambda rv: pm.logp(rv, pm.support_point(rv)),
    "logcdf": lambda rv: pm.logcdf(rv, pm.support_point(rv)),
    "logccdf": lambda rv: pm.logccdf(rv, pm.support_point(rv)),
    "icdf": lambda rv: pm.icdf(rv, 0.4),
    "random": lambda rv: pm.draw(rv, random_seed=1),
    "mean": mean,
}


def status(rv: object, quantity: str) -> str:
    """`yes` where the quantity is computed and is a number, `undefined` where there is no such thing, else `no`."""
    try:
        found = COMPUTE[quantity](rv)
    except Undefined as error:
        return "no" if "implemented" in str(error) else "undefined"
    except (NotDerivable, ValueError):
        return "no"
    value = found if isinstance(found, np.ndarray | np.number) else found.eval()
    return "no" if np.isnan(value).any() else "yes"


def render(rows: list[Row]) -> str:
    """The page."""
    families.load_all()
    lines = [
        "# Distributions",
        "",
        (
            "Made by `tools/distribution_table.py`. Each cell says what is here and, where it differs, what is in PyMC "
            "6.4 (`docs/distributions.tsv`). `yes` means that the tool computed it for an example, `undefined` that no "
            "such quantity exists."
        ),
    ]
    for kind in dict.fromkeys(row.kind for row in rows):
        lines += ["", f"## {kind}", "", f"| Distribution | {' | '.join(QUANTITIES)} |", "|---" * 7 + "|"]
        for row in (r for r in rows if r.kind == kind):
            lines.append(f"| {row.name} | {' | '.join(cells(row))} |")
    return "\n".join(lines) + "\n"


def cells(row: Row) -> list[str]:
    """What is said of each quantity of a distribution."""
    if row.name not in families.PLACES:
        return ["missing"] * len(QUANTITIES)
    rv = example(row.name)
    ours = [status(rv, quantity) for quantity in QUANTITIES]
    theirs = [getattr(row, quantity) for quantity in QUANTITIES]
    return [a if a == b else f"{a} (PyMC: {b})" for a, b in zip(ours, theirs, strict=True)]


if __name__ == "__main__":
    TABLE.write_text(render(read_rows()), encoding="utf-8")
    sys.stdout.write(f"{TABLE.relative_to(ROOT)} is written\n")
