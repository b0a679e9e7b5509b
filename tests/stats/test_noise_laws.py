"""Laws that are formulas of standard numbers: machine code and NumPy draw the same, and both draw from the law."""

import numpy as np
import pytest
from scipy import stats

import pellucid.tensor as pt
import pellucid.tensor.random  # noqa: F401  # declares the laws that are tested
from pellucid.stats import draws, forward
from pellucid.stats.forward import Forward
from pellucid.tensor.draws import LAWS, draw
from pellucid.tensor.noise import FromNoise

ROWS, WIDTH = 40, 700
CASES = {  # parameters, one of which is given in each row, and the law in SciPy
    "normal": ((1.0, 2.0), stats.norm),
    "halfnormal": ((1.0, 2.0), stats.halfnorm),
    "lognormal": ((1.0, 0.5), lambda m, s: stats.lognorm(s, 0, np.exp(m))),
    "uniform": ((-1.0, 2.0), lambda a, b: stats.uniform(a, b - a)),
    "exponential": ((2.0,), lambda s: stats.expon(0, s)),
    "cauchy": ((1.0, 2.0), stats.cauchy),
    "halfcauchy": ((1.0, 2.0), stats.halfcauchy),
    "laplace": ((1.0, 2.0), stats.laplace),
    "logistic": ((1.0, 2.0), stats.logistic),
    "gumbel": ((1.0, 2.0), stats.gumbel_r),
    "weibull": ((1.5, 2.0), lambda a, s: stats.weibull_min(a, 0, s)),
    "pareto": ((3.0, 2.0), lambda b, s: stats.pareto(b, 0, s)),
    "truncexpon": ((3.0, 1.0, 2.0), stats.truncexpon),
    "bernoulli": ((0.3,), stats.bernoulli),
    "geometric": ((0.3,), stats.geom),
}
EXTREMES = {  # parameters at which a draw is known, or nearly
    "normal": [((3.0, 0.0), 3.0), ((1e300, 1e280), 1e300), ((np.nan, 1.0), np.nan), ((np.inf, 1.0), np.inf)],
    "halfnormal": [((3.0, 0.0), 3.0)],
    "lognormal": [((-1e4, 1.0), 0.0), ((1e4, 1.0), np.inf), ((0.0, 0.0), 1.0)],
    "uniform": [((2.0, 2.0), 2.0), ((1e300, 1.0000001e300), 1e300), ((0.0, 5e-324), 0.0)],
    "exponential": [((0.0,), 0.0), ((1e-320,), 0.0)],
    "laplace": [((1.0, 0.0), 1.0)],
    "logistic": [((1.0, 0.0), 1.0)],
    "weibull": [((1e9, 2.0), 2.0)],
    "pareto": [((1e9, 2.0), 2.0)],
    "bernoulli": [((0.0,), 0), ((1.0,), 1), ((1e-300,), 0)],
    "geometric": [((1.0,), 1)],
}
REFUSED = {
    "normal": (0.0, -1.0), "halfnormal": (0.0, -1.0), "lognormal": (0.0, -1.0), "uniform": (1.0, 0.0),
    "exponential": (-1.0,), "cauchy": (0.0, -1.0), "halfcauchy": (0.0, -1.0), "laplace": (0.0, -1.0),
    "logistic": (0.0, -1.0), "gumbel": (0.0, -1.0), "weibull": (-1.0, 1.0), "bernoulli": (1.5,), "geometric": (0.0,),
}  # fmt: skip


@pytest.fixture(autouse=True)
def machine_code_for_few(monkeypatch):
    monkeypatch.setattr(forward, "WORK", 1)
    monkeypatch.setattr(draws, "MANY", 1)


def run(name, parameters, rows=ROWS, width=WIDTH):
    """Draws of a law with the first parameter given in each row, by machine code."""
    first = pt.scalar("first")
    y = draw(LAWS[name], [first, *parameters[1:]], size=width, name="y")
    model = Forward([y], [first])
    found = model([np.full(rows, parameters[0])], rows, 1)[0]
    return model, found


def test_every_law_of_this_kind_is_tested():
    assert {name for name, law in LAWS.items() if isinstance(law.sample, FromNoise)} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_machine_code_draws_from_the_law_what_numpy_draws(name):
    parameters, law = CASES[name]
    model, found = run(name, parameters)
    assert model.together.native is not None
    assert found.dtype == LAWS[name].dtype
    model.together.__dict__["native"] = None
    interpreted = model([np.full(ROWS, parameters[0])], ROWS, 1)[0]
    # The same formula of the same numbers; tan and powers magnify the rounding of what they are taken of.
    np.testing.assert_allclose(found, interpreted, rtol=1e-9, atol=1e-12)
    assert np.unique(found[0]).size > 1
    assert not np.array_equal(found[0], found[1])
    flat, known = found.ravel(), law(*parameters)
    if found.dtype.kind == "f":
        assert stats.kstest(flat, known.cdf).pvalue > 1e-3  # a fixed seed: a right sampler passes for ever
    else:
        top = int(known.ppf(1 - 1e-3))
        counts = np.bincount(np.minimum(flat, top), minlength=top + 1)[int(known.support()[0]) :]
        shares = [*known.pmf(np.arange(known.support()[0], top)), known.sf(top - 1)]
        assert stats.chisquare(counts, np.multiply(shares, flat.size)).pvalue > 1e-3


@pytest.mark.parametrize("name", EXTREMES)
def test_extreme_parameters(name):
    for parameters, expected in EXTREMES[name]:
        _, found = run(name, parameters, 2, 50)
        np.testing.assert_allclose(found, np.full((2, 50), expected), rtol=1e-6, atol=1e-300)


@pytest.mark.parametrize("name", REFUSED)
def test_parameters_that_are_none_are_refused(name):
    with pytest.raises(ValueError, match=r"must (not be negative|be between|be above|be finite and in order)"):
        run(name, REFUSED[name], 2, 50)


def test_tiny_probabilities_wait_for_long():
    _, found = run("geometric", (1e-18,), 4, 50)
    assert found.min() > 0
    assert 1e17 < np.median(found) < 5e18  # log(2) / p


def test_no_rows_and_no_elements():
    assert run("normal", (0.0, 1.0), 0, 5)[1].shape == (0, 5)
    assert run("normal", (0.0, 1.0), 5, 0)[1].shape == (5, 0)


@pytest.mark.parametrize(
    ("name", "parameters", "law"),
    [
        ("gamma", (0.7, 2.0), stats.gamma(0.7, 0, 2)),
        ("invgamma", (3.0, 2.0), stats.invgamma(3, 0, 2)),
        ("t", (5.0, 1.0, 2.0), stats.t(5, 1, 2)),
        ("t", (0.5, 1.0, 2.0), stats.t(0.5, 1, 2)),
        ("chisquare", (3.0,), stats.chi2(3)),
        ("gengamma", (3.0, 2.0, 1.5), stats.gengamma(1.5, 2, 0, 1.5)),
    ],
)
def test_laws_made_of_many_gamma_numbers(name, parameters, law):
    model, found = run(name, parameters)
    assert stats.kstest(found.ravel(), law.cdf).pvalue > 1e-3
    one, several = (model([np.full(ROWS, parameters[0])], ROWS, 1, threads=n)[0] for n in (1, 5))
    np.testing.assert_array_equal(one, several)
    with pytest.raises(ValueError, match=r"< 0|<= 0"):
        run(name, (-1.0, *parameters[1:]), 2, 50)
