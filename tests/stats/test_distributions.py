"""Every declared distribution against SciPy, finite differences, quadrature and its own draws."""

import numpy as np
import pytest
from scipy import stats

import pellucid.compile.function  # noqa: F401  # brings .eval() to tensors
import pellucid.stats as ps
from pellucid.compile.numpy import compile as interpret
from pellucid.diff import grad
from pellucid.stats import DISTRIBUTIONS
from pellucid.tensor.types import TensorType
from stats.registry import CONTINUOUS, DISCRETE, IMPROPER, SCALAR, evaluate, grid, oracle, scipy_at, values, variables

MODERATE = 0.3, 50.0


@pytest.fixture(autouse=True)
def quiet():
    """Let SciPy divide by zero at the ends of its parameters."""
    with np.errstate(all="ignore"):
        yield


def close(ours, theirs, tolerance):
    """Equal infinities, and elsewhere a difference of at most `tolerance` relative to the value or to 1."""
    ours, theirs = np.broadcast_arrays(ours, theirs)
    with np.errstate(invalid="ignore"):
        same = (ours == theirs) | (np.abs(ours - theirs) <= tolerance * np.maximum(1.0, np.abs(theirs)))
    assert same.all(), [(tuple(map(int, i)), ours[tuple(i)], theirs[tuple(i)]) for i in np.argwhere(~same)[:5]]


# SciPy's differences of log gamma functions of up to 5e6 lose eight digits; test_discrete.py holds ours to more.
NOISE = {"HurdleNegativeBinomial": 1e-9, "NegativeBinomial": 1e-9, "ZeroInflatedNegativeBinomial": 1e-9}

# Where SciPy's tails, as 1 minus a sum, lose digits before others do; mpmath checks these in test_discrete.py.
DEPTH = {"BetaBinomial": -5, "HyperGeometric": -12, "Pareto": -10, "Triangular": -12, "SkewNormal": -10}


TAIL = 10.0 ** np.arange(-13, -1, 0.25)
QUANTILES = np.concatenate([TAIL, np.linspace(0.1, 0.9, 17), 1 - TAIL[::-1]])

ANY = 0.0, np.inf
TRUSTED = dict.fromkeys(["ExGaussian", "Rice", "SkewNormal", "VonMises", "Wald"], MODERATE)
"""The magnitudes of parameters where SciPy keeps its digits; mpmath checks others in test_tails.py."""

UNIT = "Beta", "Kumaraswamy"
"""Distributions on [0, 1] whose density may grow without bound at the ends."""

KINKS = {"AsymmetricLaplace": "mu", "Triangular": "c"}
"""Where a density has a kink that is no quantile of the list, so that sums over panels end there."""


def derivative(cost, wrt):
    """The gradient of the sum of a tensor."""
    return grad(cost.sum(), wrt, disconnected_inputs="ignore")


@pytest.mark.parametrize("name", SCALAR)
def test_density_is_that_of_scipy(name):
    within = TRUSTED.get(name, ANY)
    x, truth = values(name, *within), oracle(name, *within)
    with np.errstate(all="ignore"):
        expected = truth.logpdf(x) if name in CONTINUOUS else truth.logpmf(x)
    close(evaluate(name, "log_density", x, *within), expected, NOISE.get(name, 1e-10))


@pytest.mark.parametrize("above", [False, True], ids=["logcdf", "logccdf"])
@pytest.mark.parametrize("name", SCALAR)
def test_distribution_function_is_that_of_scipy(name, above):
    within = TRUSTED.get(name, ANY)
    x, truth = values(name, *within), oracle(name, *within)
    with np.errstate(all="ignore"):
        expected = truth.logsf(x) if above else truth.logcdf(x)
        direct = truth.sf(x) if above else truth.cdf(x)
    found = evaluate(name, "log_probability", x, *within, above=above)
    close(np.exp(found), direct, 1e-10)
    inside = expected > DEPTH.get(name, -30)  # beyond, SciPy's own logarithms of differences are noise
    close(found[inside], expected[inside], 1e-9)


@pytest.mark.parametrize("name", SCALAR)
def test_outside_the_support_nothing_is_possible(name):
    low, high = oracle(name).support()
    for x, cdf in ((low - 1.0, -np.inf), (high + 1.0, 0.0)):
        outside = np.broadcast_to(x, (len(grid(name)[0]), 1))[:, :1]
        finite = np.isfinite(outside[:, 0])
        if finite.any():
            assert (evaluate(name, "log_density", outside)[finite] == -np.inf).all()
            assert (evaluate(name, "log_probability", outside)[finite] == cdf).all()
            assert (
                evaluate(name, "log_probability", outside, above=True)[finite] == (-np.inf if cdf == 0 else 0.0)
            ).all()


@pytest.mark.parametrize("name", DISCRETE)
def test_between_whole_numbers_nothing_is_possible(name):
    x = values(name) + 0.5
    assert (evaluate(name, "log_density", x)[x % 1 > 0] == -np.inf).all()
    close(evaluate(name, "log_probability", x), evaluate(name, "log_probability", x - 0.5), 1e-15)


@pytest.mark.parametrize("x", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", SCALAR)
def test_density_at_infinity_and_nan(name, x):
    found = evaluate(name, "log_density", np.full((len(grid(name, *MODERATE)[0]), 1), x), *MODERATE)
    assert (np.isnan(found) | (found == -np.inf)).all()


@pytest.mark.parametrize(
    "name", [n for n in SCALAR if n in DISCRETE or DISTRIBUTIONS[n].icdf is not ps.Distribution.icdf]
)
def test_quantiles(name):
    q = np.broadcast_to(np.array([0.0, 1e-6, 0.02, 0.3, 0.5, 0.77, 0.99, 1.0]), (len(grid(name, *MODERATE)[0]), 8))
    found = evaluate(name, "quantile", q, *MODERATE)
    inner = slice(1, -1)
    if name in CONTINUOUS:
        close(np.exp(evaluate(name, "log_probability", found, *MODERATE))[:, inner], q[:, inner], 1e-9)
    expected = oracle(name, *MODERATE).ppf(q)
    if name in DISCRETE:  # where a probability is q but for rounding, SciPy may be one off
        expected = np.where(np.abs(oracle(name, *MODERATE).cdf(found) - q) < 1e-14, found, expected)
    close(found[:, inner], expected[:, inner], 1e-8)
    assert np.isnan(evaluate(name, "quantile", np.array([[-0.1, 1.1]]) + 0 * q[:, :2], *MODERATE)).all()


@pytest.mark.parametrize("name", CONTINUOUS)
def test_density_integrates_to_one_on_the_line_that_is_sampled(name):
    family, rows = DISTRIBUTIONS[name], grid(name, *MODERATE)
    symbols = variables(family)
    columns = [s[:, None] for s in symbols]
    d = family.of(*columns)
    bijection = d.bijection()
    inputs = (None, None, *columns)
    v = TensorType("float64", (None, None)).variable(name="v")
    x = bijection.backward(v, *inputs) if bijection else v
    density = d.log_density(x) + (bijection.log_jac_det(v, *inputs) if bijection else 0.0)
    if name in TRUSTED:  # SciPy's quantiles take seconds
        edges = evaluate(name, "quantile", np.broadcast_to(QUANTILES, (len(rows[0]), len(QUANTILES))), *MODERATE)
    else:
        edges = oracle(name, *MODERATE).ppf(QUANTILES)
    if name in KINKS:
        kink = rows[list(family.parameters).index(KINKS[name])]
        edges = np.sort(np.concatenate([edges, kink[:, None]], axis=1), axis=1)
    if bijection:
        (edges,) = interpret([*symbols, v], [bijection.forward(v, *inputs)])(*rows, edges)
    edges = np.clip(edges, *np.nanquantile(np.where(np.isfinite(edges), edges, np.nan), [0, 1], axis=1, keepdims=True))
    nodes, weights = np.polynomial.legendre.leggauss(24)
    half, middle = np.diff(edges) / 2, (edges[:, 1:] + edges[:, :-1]) / 2
    points = (middle[..., None] + half[..., None] * nodes).reshape(len(edges), -1)
    (found,) = interpret([*symbols, v], [density])(*rows, points)
    with np.errstate(all="ignore"):
        total = np.exp(found).reshape(*half.shape, -1) * weights * half[..., None]
    total = np.nansum(total, axis=(1, 2))
    close(total, 1.0, 2e-6 if name in UNIT else 1e-8)  # near 1, numbers are too far apart for quantiles


@pytest.mark.parametrize("name", DISCRETE)
def test_probabilities_sum_to_one(name):
    o = oracle(name, *MODERATE)
    last = int(np.nanmax(np.where(np.isfinite(o.support()[1]), o.support()[1], o.ppf(1 - 1e-13))))
    first = int(np.min(o.support()[0]))
    x = np.broadcast_to(np.arange(first, last + 1.0), (len(grid(name, *MODERATE)[0]), last + 1 - first))
    close(np.exp(evaluate(name, "log_density", x, *MODERATE)).sum(-1), 1.0, 1e-10)


@pytest.mark.parametrize("name", SCALAR)
def test_gradient_is_that_of_finite_differences(name):
    family, rows, points = DISTRIBUTIONS[name], grid(name, *MODERATE), values(name, *MODERATE)[:, [1, 2, 4, 5]]
    symbols = variables(family)
    x = TensorType("float64", (None, None)).variable(name="x")
    density = family.of(*[s[:, None] for s in symbols]).log_density(x)
    wrt = [s for s in symbols if s.dtype == "float64"] + ([x] if name in CONTINUOUS else [])
    arrays = dict(zip([*symbols, x], [*rows, points], strict=True))
    run = interpret(list(arrays), [density])
    slopes = interpret(list(arrays), derivative(density, wrt))(*arrays.values())
    for v, slope in zip(wrt, slopes, strict=True):
        assert np.isfinite(slope).all(), v
        step = 1e-6 * np.maximum(np.abs(arrays[v]), 1e-2)
        if v.name in ("p", "psi") or name in UNIT:  # the ends of [0, 1] have no two sides
            within = v.name in ("p", "psi", "x")
            step = np.minimum(step, 1e-4 * np.minimum(arrays[v], 1 - arrays[v])) if within else step
        above, below = (run(*{**arrays, v: arrays[v] + s}.values())[0] for s in (step, -step))
        with np.errstate(all="ignore"):
            expected = (above - below) / (2 * (step if v is x else step[:, None]))
        noise = 1e-15 * np.abs(above) / (step if v is x else step[:, None])
        if v is not x:
            expected, noise = expected.sum(1), noise.sum(1)
        noise += np.abs(expected) * 1e-15 * np.max(np.abs(arrays[v]) / step)  # of the step itself
        usable = np.isfinite(expected) & np.isfinite(noise)
        wrong = np.abs(slope - expected) > 1e-4 * np.maximum(1, np.abs(expected)) + 20 * noise
        assert not (wrong & usable).any(), (v, slope[wrong & usable][:3], expected[wrong & usable][:3])


@pytest.mark.parametrize("name", CONTINUOUS)
def test_gradient_is_finite_at_extreme_parameters(name):
    family = DISTRIBUTIONS[name]
    symbols = variables(family)
    x = TensorType("float64", (None, None)).variable(name="x")
    d = family.of(*[s[:, None] for s in symbols])
    points = values(name)[:, 1:-1]
    density = evaluate(name, "log_density", points)
    (slope,) = interpret([*symbols, x], [derivative(d.log_density(x), x)])(*grid(name), points)
    assert np.isfinite(slope[np.isfinite(density) & (np.abs(points) > 1e-300)]).all()


@pytest.mark.parametrize("name", SCALAR)
def test_draws_follow_the_law(name):
    family = DISTRIBUTIONS[name]
    for i in range(len(grid(name, 0.3, 8.0)[0])):
        row = [r[i] for r in grid(name, 0.3, 8.0)]
        rv = (
            family.dist(*row, size=1500)
            if family.order == tuple(family.parameters)
            else family.dist(**dict(zip(family.parameters, row, strict=True)), size=1500)
        )
        drawn = ps.draw(rv, random_seed=11 + i)
        assert drawn.shape == (1500,)
        assert drawn.dtype == family.law.dtype
        frozen = scipy_at(family, row)
        if name in CONTINUOUS:
            assert stats.kstest(drawn, frozen.cdf).pvalue > 1e-5, row
        else:
            edges = np.unique(frozen.ppf([0.1, 0.25, 0.5, 0.75, 0.9]))
            counts = np.bincount(np.searchsorted(edges, drawn), minlength=len(edges) + 1)
            expected = np.diff(np.concatenate([[0.0], frozen.cdf(edges), [1.0]])) * 1500
            counts, expected = counts[expected > 1e-9], expected[expected > 1e-9]
            assert counts.sum() == 1500, row
            assert len(counts) == 1 or stats.chisquare(counts, expected).pvalue > 1e-5, row


@pytest.mark.parametrize("name", SCALAR)
def test_support_point_is_possible(name):
    family = DISTRIBUTIONS[name]
    symbols = variables(family)
    (point,) = interpret(symbols, [family.of(*symbols).support_point() + 0 * symbols[0]])(*grid(name))
    assert np.isfinite(evaluate(name, "log_density", np.asarray(point, float)[:, None])).all()


@pytest.mark.parametrize("name", [n for n in SCALAR if DISTRIBUTIONS[n].mean is not ps.Distribution.mean])
def test_mean_is_that_of_scipy(name):
    family = DISTRIBUTIONS[name]
    symbols = variables(family)
    try:
        mean = family.of(*symbols).mean()
    except ps.Undefined:
        assert not np.isfinite(oracle(name, *MODERATE).mean()).any()
        return
    (found,) = interpret(symbols, [mean + 0 * symbols[0]])(*grid(name, *MODERATE))
    with np.errstate(all="ignore"):
        expected = oracle(name, *MODERATE).mean()[:, 0]
    both = np.isfinite(found) & np.isfinite(expected)
    close(found[both], expected[both], 1e-9)
    assert both.any()


@pytest.mark.parametrize("name", IMPROPER)
def test_improper_densities(name):
    rv = DISTRIBUTIONS[name].dist(size=3)
    assert ps.logp(rv, np.array([1.0, 2.0, 1e300])).eval().tolist() == [0.0, 0.0, 0.0]
    assert ps.support_point(rv).eval().shape == (3,)
    with pytest.raises(ValueError, match="improper"):
        ps.draw(rv)
    for function in (ps.logcdf, ps.logccdf, ps.icdf):
        with pytest.raises(ps.Undefined, match="improper"):
            function(rv, 0.5)


ELSEWHERE = [
    "Categorical", "DiracDelta", "HurdleGamma", "HurdleLogNormal", "Interpolated", "OrderedLogistic", "OrderedProbit",
    "PolyaGamma",
]  # fmt: skip
"""Checked in files of their own: what has vectors of parameters, or values of positive probability among others."""


def test_every_distribution_says_what_it_is():
    for name, family in DISTRIBUTIONS.items():
        assert family.__doc__, name
        assert family.formula, name
        assert family.source.startswith("https://"), name
        assert family.oracle or family.law.ndim_supp or name in [*IMPROPER, *ELSEWHERE], name


def test_sure_success():
    rv = ps.Geometric.dist(1.0)
    assert ps.logp(rv, [1, 2]).eval().tolist() == [0.0, -np.inf]
    assert ps.draw(rv) == 1
