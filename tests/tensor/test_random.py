"""``pt.random``: PyTensor's names and calling forms, and the moments of what is drawn."""

import inspect

import numpy as np
import pytest
from scipy import stats

import pellucid as pm
import pellucid.tensor as pt

N = 20_000
CASES = {  # the arguments in PyTensor's order, and the same in SciPy
    "bernoulli": ((0.3,), stats.bernoulli(0.3)),
    "beta": ((2.0, 3.0), stats.beta(2, 3)),
    "betabinom": ((7, 2.0, 3.0), stats.betabinom(7, 2, 3)),
    "binomial": ((7, 0.3), stats.binom(7, 0.3)),
    "categorical": (([0.2, 0.5, 0.3],), stats.rv_discrete(values=([0, 1, 2], [0.2, 0.5, 0.3]))),
    "cauchy": ((1.0, 2.0), stats.cauchy(1, 2)),
    "chisquare": ((3.0,), stats.chi2(3)),
    "exponential": ((2.0,), stats.expon(0, 2)),
    "gamma": ((2.0, 4.0), stats.gamma(2, 0, 1 / 4)),
    "gengamma": ((3.0, 2.0, 1.5), stats.gengamma(1.5, 2, 0, 1.5)),
    "geometric": ((0.3,), stats.geom(0.3)),
    "gumbel": ((1.0, 2.0), stats.gumbel_r(1, 2)),
    "halfcauchy": ((1.0, 2.0), stats.halfcauchy(1, 2)),
    "halfnormal": ((1.0, 2.0), stats.halfnorm(1, 2)),
    "hypergeometric": ((12, 8, 9), stats.hypergeom(20, 12, 9)),
    "integers": ((-2, 5), stats.randint(-2, 5)),
    "invgamma": ((3.0, 2.0), stats.invgamma(3, 0, 2)),
    "laplace": ((1.0, 2.0), stats.laplace(1, 2)),
    "logistic": ((1.0, 2.0), stats.logistic(1, 2)),
    "lognormal": ((1.0, 0.5), stats.lognorm(0.5, 0, np.e)),
    "nbinom": ((3, 0.4), stats.nbinom(3, 0.4)),
    "negative_binomial": ((3, 0.4), stats.nbinom(3, 0.4)),
    "normal": ((1.0, 2.0), stats.norm(1, 2)),
    "pareto": ((3.0, 2.0), stats.pareto(3, 0, 2)),
    "poisson": ((2.5,), stats.poisson(2.5)),
    "standard_normal": ((), stats.norm()),
    "t": ((5.0, 1.0, 2.0), stats.t(5, 1, 2)),
    "triangular": ((0.0, 1.0, 4.0), stats.triang(0.25, 0, 4)),
    "truncexpon": ((3.0, 1.0, 2.0), stats.truncexpon(3, 1, 2)),
    "uniform": ((-1.0, 2.0), stats.uniform(-1, 3)),
    "vonmises": ((0.3, 2.0), stats.vonmises(2, 0.3)),
    "wald": ((2.0, 3.0), stats.invgauss(2 / 3, 0, 3)),
    "weibull": ((1.7,), stats.weibull_min(1.7)),
}


def test_all_names_of_pytensor_are_there():
    others = ("RandomStream", "choice", "default_rng", "dirichlet", "multinomial", "multivariate_normal")
    names = [*CASES, *others, "permutation", "rng", "shared_rng"]
    assert len(names) == 42
    assert [name for name in names if not hasattr(pt.random, name)] == []


@pytest.mark.parametrize("name", CASES)
def test_draws_are_those_of_scipy(name):
    arguments, expected = CASES[name]
    drawn = getattr(pt.random, name)(*arguments, size=(N // 4, 4), rng=pm.shared_rng(7)).eval()
    assert drawn.shape == (N // 4, 4)
    drawn = drawn.ravel()
    if drawn.dtype.kind == "f":
        assert stats.kstest(drawn, expected.cdf).pvalue > 1e-4
    else:
        low, high = int(expected.ppf(1e-3)), int(expected.ppf(1 - 1e-3))
        x = np.arange(low, high)
        counts = [(drawn <= low).sum(), *[(drawn == k).sum() for k in x[1:]], (drawn >= high).sum()]
        shares = [expected.cdf(low), *expected.pmf(x[1:]), expected.sf(high - 1)]
        assert stats.chisquare(counts, np.multiply(shares, N)).pvalue > 1e-4


def test_vectors():
    cov = np.array([[2.0, -0.5], [-0.5, 1.0]])
    normal = pt.random.multivariate_normal([1.0, 2.0], cov, N, rng=pm.shared_rng(1)).eval()
    np.testing.assert_allclose(np.cov(normal.T), cov, atol=0.08)  # a standard error is 0.02
    throws = pt.random.multinomial(5, [0.2, 0.3, 0.5], size=N, rng=pm.shared_rng(1)).eval()
    assert (throws.sum(1) == 5).all()
    np.testing.assert_allclose(throws.mean(0), [1.0, 1.5, 2.5], atol=0.03)
    shares = pt.random.dirichlet([1.0, 2.0, 5.0], size=N, rng=pm.shared_rng(1)).eval()
    np.testing.assert_allclose(shares.mean(0), [1 / 8, 2 / 8, 5 / 8], atol=0.01)


def test_calling_forms():
    assert pt.random.normal(0.0, 1.0, (2, 3)).eval().shape == (2, 3)
    assert pt.random.normal(loc=[0.0, 1.0], scale=1e-9).eval().round(3).tolist() == [0.0, 1.0]
    assert pt.random.normal(size=2, dtype="float32").dtype == "float32"
    assert pt.random.uniform(name="u").name == "u"
    assert pt.random.integers(3, size=50).eval().max() == 2
    assert str(inspect.signature(pt.random.t)).startswith("(df, loc=0.0, scale=1.0, size=None, *, rng=None")
    rng = pm.shared_rng(5)
    following, first = pt.random.normal(rng=rng, return_next_rng=True)
    second = pt.random.normal(rng=following)
    a, b = pm.function([], [first, second])()
    assert a != b
    np.testing.assert_allclose([a, b], np.random.default_rng(5).normal(size=2))
    by_rate, by_scale = (pt.random.gamma(2.0, **how, rng=pm.shared_rng(1)) for how in ({"rate": 4.0}, {"scale": 0.25}))
    assert by_rate.eval() == by_scale.eval()
    for wrong, why in (({"mu": 1.0}, "unexpected keyword argument 'mu'"), ({"size": 2, "nu": 1}, "'nu'")):
        with pytest.raises(TypeError, match=why):
            pt.random.normal(**wrong)
    with pytest.raises(TypeError, match="missing a required argument: 'df'"):
        pt.random.t()
    assert pt.random.binomial(3.0, 1.0).eval() == 3
    with pytest.raises(ValueError, match="counts must be whole numbers"):
        pt.random.betabinom(3.5, 1.0, 1.0).eval()
    with pytest.raises(TypeError, match="not both"):
        pt.random.gamma(1.0, 2.0, 3.0)


def test_choice():
    labels, rng = np.array([[10.0, 11.0], [20.0, 21.0], [30.0, 31.0]]), pm.shared_rng(3)
    rows = pt.random.choice(labels, size=(N, 2), rng=rng)
    assert rows.type.shape == (N, 2, 2)
    drawn = rows.eval()
    assert stats.chisquare(np.unique(drawn[..., 0], return_counts=True)[1]).pvalue > 1e-4
    weighted = pt.random.choice(3, size=N, p=[0.2, 0.5, 0.3], rng=pm.shared_rng(3)).eval()
    assert stats.chisquare(np.bincount(weighted), np.multiply([0.2, 0.5, 0.3], N)).pvalue > 1e-4
    assert pt.random.choice([7, 8]).eval() in (7, 8)
    assert pt.random.choice([7, 8], replace=False).eval() in (7, 8)


def test_choice_without_replacement():
    grid = pt.random.choice(10, size=(2, 3), replace=False)
    assert grid.type.shape == (2, 3)
    assert len(np.unique(grid.eval())) == 6
    p = np.array([0.6, 0.3, 0.1])
    pairs = pm.function([], pt.random.choice(3, size=2, replace=False, p=p, rng=pm.shared_rng(3)))
    left_out = np.bincount([3 - pairs().sum() for _ in range(4000)], minlength=3)
    order = [(i, j) for i in range(3) for j in range(3) if i != j]
    shares = np.bincount([3 - i - j for i, j in order], weights=[p[i] * p[j] / (1 - p[i]) for i, j in order])
    assert stats.chisquare(left_out, shares * 4000).pvalue > 1e-4
    n, x = pt.lscalar("n"), pt.vector("x")
    assert len(set(pt.random.choice(n, size=3, replace=False).eval({n: 3}))) == 3
    assert set(pt.random.choice(x, size=2, replace=False).eval({x: [4.0, 5.0]})) == {4.0, 5.0}
    with pytest.raises(ValueError, match="5 different positions cannot be drawn"):
        pt.random.choice(4, size=5, replace=False).eval()
    with pytest.raises(ValueError, match="sum to 1"):
        pt.random.choice(2, size=1, replace=False, p=[0.5, 0.6]).eval()


def test_permutation():
    orders = pt.random.permutation(3, size=6000, rng=pm.shared_rng(2))
    assert orders.type.shape == (6000, 3)
    _, counts = np.unique(orders.eval(), axis=0, return_counts=True)
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > 1e-4
    rows = pt.matrix("rows")
    shuffled = pt.random.permutation(rows)
    value = np.arange(6.0).reshape(3, 2)
    assert sorted(map(tuple, shuffled.eval({rows: value}))) == sorted(map(tuple, value))
    n = pt.lscalar("n")
    found = pm.function([n], pt.random.permutation(n))
    assert sorted(found(5).tolist()) == [0, 1, 2, 3, 4]
    assert found(0).tolist() == []


def test_streams_of_one_seed():
    def draws():
        stream = pt.random.RandomStream(11)
        return stream, [stream.normal(size=2), stream.choice(5, size=3), stream.gen(pt.random.poisson, 3.0, size=2)]

    (stream, first), (_, second) = draws(), draws()
    run = pm.function([], first, updates=stream.updates())
    values = run()
    for a, b in zip(values, pm.function([], second)(), strict=True):
        np.testing.assert_array_equal(a, b)
    again = run()
    assert not np.array_equal(values[0], again[0])
    stream.seed(11)
    np.testing.assert_array_equal(run()[0], values[0])
    with pytest.raises(AttributeError, match="no law called 'nothing'"):
        stream.nothing(1)
    assert pt.random.normal(rng=pt.random.default_rng(4)).eval() == np.random.default_rng(4).normal()


def test_positions_without_replacement_are_drawn_one_after_the_other():
    p = np.array([0.5, 0.3, 0.2, 0.0])
    drawn = pt.random.choice(4, size=2, replace=False, p=p, rng=pm.shared_rng(3))
    pairs = pm.draw(drawn, N, random_seed=1)
    first, second = pairs.T
    assert not (first == second).any()
    assert pairs.max() < 3
    expected = [p[i] * p[j] / (1 - p[i]) for i in range(3) for j in range(3) if i != j]
    counts = [((first == i) & (second == j)).sum() for i in range(3) for j in range(3) if i != j]
    assert stats.chisquare(counts, np.multiply(expected, N)).pvalue > 1e-4
