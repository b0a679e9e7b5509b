"""The continuous distributions as users meet them: arguments, defaults, compiled code, draws, starting points."""

import inspect

import numpy as np
import pytest
from scipy import stats

import pellucid.stats as ps
import pellucid.tensor as pt
from pellucid.compile.function import function
from pellucid.diff import grad
from pellucid.stats import DISTRIBUTIONS
from stats.registry import grid, values, variables

COMPILED = ["Gamma", "HalfStudentT", "Kumaraswamy", "SkewNormal", "SkewStudentT", "TruncatedNormal", "VonMises", "Wald"]
"""One of each kind of formula; the others are elementwise functions that are tested themselves."""


@pytest.mark.parametrize("name", COMPILED)
def test_native_code_gives_what_the_interpreter_gives(name):
    family, rows = DISTRIBUTIONS[name], grid(name, 0.3, 50.0)
    symbols = variables(family)
    x = symbols[0].type.variable(name="x")
    d = family.of(*symbols)
    density, below = d.log_density(x), d.log_probability(x)
    outputs = [density, below, *grad((density + below).sum(), [x, *symbols], disconnected_inputs="ignore")]
    arrays = [*rows, values(name, 0.3, 50.0)[:, 3]]
    native, interpreted = (function([*symbols, x], outputs, backend=b)(*arrays) for b in ("llvm", "numpy"))
    for ours, theirs in zip(native, interpreted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-12, atol=2e-12)


ALTERNATIVES = {  # the same distribution, as PyMC's users may write it
    "AsymmetricLaplace": [((2.0, 0.5, 3.0), {}), ((), {"q": 0.8, "mu": 0.5, "b": 3.0})],
    "ExGaussian": [((0.0, 1.0), {"nu": 2.0}), ((), {"nu": 2.0})],
    "HalfStudentT": [((3.0, 0.5), {}), ((3.0,), {"lam": 4.0})],
    "LogitNormal": [((0.0, 0.5), {}), ((), {"tau": 4.0})],
    "Rice": [((1.5, 0.5), {}), ((), {"b": 3.0, "sigma": 0.5})],
    "SkewNormal": [((1.0, 0.0, 0.5), {}), ((), {"tau": 4.0})],
    "SkewStudentT": [((2.0, 3.0), {"sigma": 0.5}), ((2.0, 3.0), {"lam": 4.0})],
    "Triangular": [((), {}), ((0.0, 1.0, 0.5), {})],
    "TruncatedNormal": [((0.0, 0.5), {"lower": 0.0}), ((), {"tau": 4.0, "lower": 0.0})],
    "Wald": [((2.0, 3.0), {}), ((2.0,), {"phi": 1.5}), ((), {"lam": 3.0, "phi": 1.5})],
}


@pytest.mark.parametrize("name", ALTERNATIVES)
def test_parametrisations_agree(name):
    found = []
    for args, named in ALTERNATIVES[name]:
        rv = DISTRIBUTIONS[name].dist(*args, **named)
        found.append(ps.logp(rv, np.array([0.3, 0.9])).eval())
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-12)


def test_a_parameter_without_default_after_others_is_shown_as_a_keyword():
    shown = inspect.signature(ps.ExGaussian).parameters
    assert shown["nu"].kind is inspect.Parameter.KEYWORD_ONLY
    assert shown["mu"].default == 0.0


def test_truncated_normal_with_and_without_bounds():
    points = {(-np.inf, np.inf): 1.0, (3.0, np.inf): 5.0, (-np.inf, 3.0): 1.0, (0.0, 3.0): 1.5}
    for (lower, upper), point in points.items():
        rv = ps.TruncatedNormal.dist(1.0, 2.0, lower=lower, upper=upper)
        assert ps.support_point(rv).eval() == point
        assert (ps.default_transform(rv) is None) == (np.isinf(lower) and np.isinf(upper))
        truth = stats.truncnorm((lower - 1) / 2, (upper - 1) / 2, 1, 2)
        x = truth.ppf([0.01, 0.5, 0.99])
        np.testing.assert_allclose(ps.logp(rv, x).eval(), truth.logpdf(x), rtol=1e-12)
        np.testing.assert_allclose(ps.mean(rv).eval(), truth.mean(), rtol=1e-10)
        assert stats.kstest(ps.draw(rv, draws=500, random_seed=2), truth.cdf).pvalue > 1e-4


def test_impossible_parameters_are_named():
    with pytest.raises(ps.ParameterValueError, match=r"do not fit together: .*lower = 3"):
        ps.TruncatedNormal.dist(0.0, 1.0, lower=3.0, upper=2.0)
    with pytest.raises(ps.ParameterValueError, match="kappa of VonMises must be positive"):
        ps.VonMises.dist(0.0, -1.0)
    with pytest.raises(ps.ParameterValueError, match="do not fit together"):
        ps.Triangular.dist(lower=0.0, upper=1.0, c=2.0)
    with pytest.raises(TypeError, match="ExGaussian needs a value for nu"):
        ps.ExGaussian.dist(0.0, 1.0)


PUBLIC = {
    "truncexpon": ((2.0, 1.0, 3.0), stats.truncexpon(2, 1, 3)),
    "gengamma": ((3.0, 2.0, 5.0), stats.gengamma(1.5, 2, 0, 5)),
    "weibull": ((1.5,), stats.weibull_min(1.5)),
    "pareto": ((2.5, 3.0), stats.pareto(2.5, 0, 3)),
    "triangular": ((-1.0, 0.0, 3.0), stats.triang(0.25, -1, 4)),
    "wald": ((2.0, 3.0), stats.invgauss(2 / 3, 0, 3)),
    "gumbel": ((2.0, 3.0), stats.gumbel_r(2, 3)),
}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_draws_follow_their_laws(name):
    parameters, truth = PUBLIC[name]
    drawn = ps.draw(getattr(pt.random, name)(*parameters, size=1000), random_seed=8)
    assert stats.kstest(drawn, truth.cdf).pvalue > 1e-4


@pytest.mark.parametrize("name", ["Logistic", "SkewNormal", "Interpolated"])
def test_jax_draws_from_laws_that_it_does_not_know(name):
    pytest.importorskip("jax")
    parameters = ([0.0, 1.0, 3.0], [1.0, 2.0, 0.0]) if name == "Interpolated" else (1.0,)
    rv = DISTRIBUTIONS[name].dist(*parameters, size=400)
    drawn = function([], rv, backend="jax")()
    cdf = lambda t: np.exp(ps.logcdf(DISTRIBUTIONS[name].dist(*parameters), t).eval())  # noqa: E731
    assert drawn.shape == (400,)
    assert stats.kstest(drawn, cdf).pvalue > 1e-4


def test_gradients_of_searched_quantiles_are_those_of_differences():
    alpha, q = pt.dscalar("alpha"), pt.dvector("q")
    found = ps.icdf(ps.SkewNormal.dist(alpha, 0.5, 2.0), q)
    f = function([alpha, q], [found, *grad(found.sum(), [alpha, q])])
    at = np.array([1e-4, 0.3, 0.5, 0.8, 0.999])
    x, by_alpha, by_q = f(1.7, at)
    np.testing.assert_allclose(x, stats.skewnorm.ppf(at, 1.7, 0.5, 2.0), rtol=1e-8)
    np.testing.assert_allclose(by_q, 1 / stats.skewnorm.pdf(x, 1.7, 0.5, 2.0), rtol=1e-8)
    difference = (f(1.7 + 1e-5, at)[0] - f(1.7 - 1e-5, at)[0]).sum() / 2e-5
    np.testing.assert_allclose(by_alpha, difference, rtol=1e-7)
