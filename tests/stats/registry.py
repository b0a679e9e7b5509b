"""The distributions as tests see them: grids of parameters, the SciPy oracle, and values inside the support."""

import itertools
from functools import cache

import numpy as np
from scipy import stats

from pellucid.compile.numpy import compile as interpret
from pellucid.stats import DISTRIBUTIONS, families
from pellucid.tensor.types import TensorType
from stats import oracles, references

families.load_all()

PROBABILITIES = np.array([1e-6, 0.01, 0.3, 0.5, 0.9, 0.99, 1 - 1e-6])
SCALAR = [name for name, d in DISTRIBUTIONS.items() if d.oracle and d.law.ndim_supp == 0 and sum(d.law.core) == 0]
CONTINUOUS = [name for name in SCALAR if DISTRIBUTIONS[name].law.dtype == "float64"]
DISCRETE = [name for name in SCALAR if name not in CONTINUOUS]
IMPROPER = ["Flat", "HalfFlat"]
VECTOR = [name for name in DISTRIBUTIONS if name not in SCALAR and name not in IMPROPER]


def variables(family, ndim=1):
    """A symbolic vector for each parameter, in the dtype of its constraint."""
    return [
        TensorType("int64" if getattr(p.constraint, "integer", False) else "float64", (None,) * ndim).variable(
            name=label
        )
        for label, p in family.parameters.items()
    ]


@cache
def grid(name, low=0.0, high=np.inf):
    """Every combination of the constraints' examples (of magnitude in [low, high]) that fit together: one row each."""
    family = DISTRIBUTIONS[name]
    kept = [[e for e in p.constraint.examples if e == 0 or low <= abs(e) <= high] for p in family.parameters.values()]
    rows = [np.array(c) for c in zip(*itertools.product(*kept), strict=True)]
    symbols = variables(family)
    agree = family.of(*symbols).agree()
    fits = np.ones(len(rows[0]), bool)
    for condition in agree:
        fits &= interpret(symbols, [condition])(*rows)[0]
    with np.errstate(all="ignore"):
        fits &= np.isfinite(scipy_at(family, rows).median())  # SciPy has no binomial of no trials, nor a scale exp(1e3)
    return [r[fits] for r in rows]


def scipy_at(family, rows):
    """SciPy's distribution at arrays of parameters."""
    names = {"stats": stats, "oracles": oracles, "references": references, "np": np}
    return eval(family.oracle, names, dict(zip(family.parameters, rows, strict=True)))  # noqa: S307


@cache
def oracle(name, low=0.0, high=np.inf):
    """SciPy's distribution over the grid, as columns."""
    return scipy_at(DISTRIBUTIONS[name], [r[:, None] for r in grid(name, low, high)])


@cache
def values(name, low=0.0, high=np.inf):
    """Quantiles of each row of the grid that are finite and inside the support (others are the median)."""
    with np.errstate(all="ignore"):
        o = oracle(name, low, high)
        x, middle = o.ppf(PROBABILITIES), o.median()
        usable = np.isfinite(o.logpdf(x) if name in CONTINUOUS else o.logpmf(x))
    return np.where(usable, x, middle)


def evaluate(name, method, points, low=0.0, high=np.inf, **options):
    """A method of the distribution at one row of points for each row of the grid."""
    family = DISTRIBUTIONS[name]
    symbols = variables(family)
    x = TensorType("float64", (None, None)).variable(name="x")
    found = getattr(family.of(*[s[:, None] for s in symbols]), method)(x, **options)
    return interpret([*symbols, x], [found])(*grid(name, low, high), points)[0]
