"""Distributions of vectors and matrices: densities, draws, gradients, batches, and what is refused."""

import pickle

import mpmath
import numpy as np
import pytest
import xarray
from scipy import stats

import pellucid as pm
import pellucid.stats as ps
import pellucid.tensor as pt
from pellucid.compile.numpy import compile as interpret
from pellucid.diff import grad
from pellucid.graph.replace import clone_replace
from pellucid.stats import families
from pellucid.stats.constraint import lower_cholesky, positive_definite, simplex
from pellucid.vectorize import vectorize_graph
from stats.multivariate_cases import ALL, CONTINUOUS, COV, IN_MODELS, MU, PAIR, PATH, PYMC, TABLE, WEIGHTS

OWN = ("multivariate", "multinomial", "matrices", "correlation", "spatial")


def draws(make, n, seed=3):
    """Draws, one along each row."""
    return ps.draw(make(size=n), random_seed=seed)


def value_of(v):
    """The value of a graph without inputs."""
    return interpret([], [v])()[0]


@pytest.mark.parametrize("name", [name for name, (_, oracle) in ALL.items() if oracle])
def test_densities_are_those_of_scipy(name):
    make, oracle = ALL[name]
    x = draws(make, 5)
    # 1e-9: SciPy factors the covariance by its eigenvalues, which loses some digits; ours are held to 1e-9 of these.
    np.testing.assert_allclose(value_of(ps.logp(make(size=5), x)), oracle(x), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(value_of(ps.logp(make(), x[0])), oracle(x[0]), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", ALL)
def test_means_are_those_of_draws(name):
    make, n = ALL[name][0], 20_000
    x = draws(make, n)
    mean = value_of(ps.mean(make()))
    assert mean.shape == x.shape[1:]
    # Six standard errors: over some 150 numbers none lies outside by chance.
    np.testing.assert_array_less(np.abs(x.mean(0) - mean), 6 * x.std(0) / np.sqrt(n) + 1e-12)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_draws_follow_the_density(name):
    """Stein's identities, by parts: at y the unconstrained draw, E[d log p / dy] = 0 and E[y d log p / dy] = -1."""
    make, n = CONTINUOUS[name][0], 5_000
    rv = make(size=n)
    bijection, inputs = ps.default_transform(rv), rv.owner.inputs
    x = pt.as_tensor_variable(draws(make, n))
    unconstrained = value_of(bijection.forward(x, *inputs)) if bijection else x.data
    y = pt.tensor("y", shape=unconstrained.shape)
    density = ps.logp(rv, bijection.backward(y, *inputs) if bijection else y)
    if bijection:
        density = density + bijection.log_jac_det(y, *inputs)
    assert density.type.shape == (n,)
    slope = pm.function([y], grad(density.sum(), y))(unconstrained)  # native: the interpreter solves one by one
    for moment, expected in ((slope, 0.0), (slope * unconstrained, -1.0)):
        error = moment.std(0) / np.sqrt(n)
        np.testing.assert_array_less(np.abs(moment.mean(0) - expected), 6 * error)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_gradients_are_those_of_finite_differences(name):
    rv = CONTINUOUS[name][0]()
    bijection, inputs = ps.default_transform(rv), rv.owner.inputs
    start = draws(CONTINUOUS[name][0], 1)[0]
    y0 = value_of(bijection.forward(pt.as_tensor_variable(start), *inputs)) if bijection else start
    y = pt.tensor("y", shape=y0.shape)
    density = ps.logp(rv, bijection.backward(y, *inputs) if bijection else y)
    if bijection:
        density = density + bijection.log_jac_det(y, *inputs)
    run = pm.function([y], [density, grad(density, y)])  # native code
    value, slope = run(y0)
    np.testing.assert_allclose(value, interpret([y], [density])(y0)[0], rtol=1e-12)
    step = 1e-5
    for place in np.ndindex(y0.shape):
        e = np.zeros_like(y0)
        e[place] = step
        expected = (run(y0 + e)[0] - run(y0 - e)[0]) / (2 * step)
        np.testing.assert_allclose(slope[place], expected, rtol=1e-6, atol=1e-6)


def direction(constraint, shape):
    """A random direction that keeps a parameter in its set."""
    found = np.random.default_rng(8).normal(size=shape)
    if constraint is lower_cholesky:
        return np.tril(found)
    if constraint is positive_definite:
        return found + found.T
    return found - found.mean() if constraint is simplex else found


@pytest.mark.parametrize("name", ALL)
def test_gradients_in_the_parameters(name):
    rv = ALL[name][0]()
    x = draws(ALL[name][0], 1)[0]
    distribution = ps.distribution_of(rv)
    for parameter, (label, p) in zip(rv.owner.inputs[2:], distribution.parameters.items(), strict=True):
        if label in ("W", "K", "n", "support_shape", "sd_dist"):
            continue
        given = value_of(parameter)
        if label == "sigma" and not given.any():  # at the end of its interval
            continue
        v = pt.tensor(label, shape=given.shape)
        density = ps.logp(clone_replace(rv, {parameter: v}), x)
        run = interpret([v], [density, grad(density, v)])
        step = 1e-6 * direction(p.constraint, given.shape)
        expected = (run(given + step)[0] - run(given - step)[0]) / 2
        np.testing.assert_allclose((run(given)[1] * step).sum(), expected, rtol=1e-5, atol=1e-10, err_msg=label)


@pytest.mark.parametrize("name", ALL)
def test_each_parameter_may_be_one_of_a_batch(name):
    rv = ALL[name][0]()
    x = draws(ALL[name][0], 1)[0]
    alone = value_of(ps.logp(rv, x))
    for parameter, label in zip(rv.owner.inputs[2:], ps.distribution_of(rv).parameters, strict=True):
        if label in ("W", "K", "support_shape", "sd_dist") or (label == "n" and name.startswith("LKJ")):
            continue
        many = pt.as_tensor_variable(np.stack([value_of(parameter)] * 3))
        batch = vectorize_graph(rv, {parameter: many})
        assert ps.draw(batch, random_seed=1).shape == (3, *rv.type.shape), label
        np.testing.assert_allclose(value_of(ps.logp(batch, np.stack([x] * 3))), [alone] * 3, rtol=1e-9, err_msg=label)


@pytest.mark.parametrize("name", ALL)
def test_where_samplers_start(name):
    rv = ALL[name][0](size=2)
    point = value_of(ps.support_point(rv))
    assert point.shape == rv.type.shape
    assert np.isfinite(value_of(ps.logp(rv, point))).all()


def test_batches_of_parameters():
    covs, mus = np.array([COV, 4 * COV]), np.array([MU, -MU])
    x = np.random.default_rng(1).normal(size=(2, 3))
    for family, oracle in ((lambda c, m: ps.MvStudentT.dist([3.0, 9.0], mu=m, scale=c),
                            lambda i: stats.multivariate_t(mus[i], covs[i], [3.0, 9.0][i]).logpdf(x[i])),
                           (lambda c, m: ps.MvNormal.dist(m, tau=np.linalg.inv(c)),
                            lambda i: stats.multivariate_normal(mus[i], covs[i]).logpdf(x[i]))):  # fmt: skip
        found = value_of(ps.logp(family(covs, mus), x))
        np.testing.assert_allclose(found, [oracle(0), oracle(1)], rtol=1e-9)
    v = np.array([3 * COV, COV])
    found = value_of(ps.logp(ps.Wishart.dist([4.0, 7.0], covs), v))
    np.testing.assert_allclose(
        found, [stats.wishart(n, c).logpdf(w) for n, c, w in zip([4, 7], covs, v, strict=True)], rtol=1e-9
    )
    counts = np.array([[1, 2, 4], [0, 3, 0]])
    p, a = np.array([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]]), np.array([[1.0, 2.0, 3.0], [0.1, 9.0, 0.5]])
    found = value_of(ps.logp(ps.Multinomial.dist([7, 3], p), counts))
    np.testing.assert_allclose(found, stats.multinomial([7, 3], p).logpmf(counts), rtol=1e-10)
    found = value_of(ps.logp(ps.DirichletMultinomial.dist([7, 3], a), counts))
    np.testing.assert_allclose(found, stats.dirichlet_multinomial(a, [7, 3]).logpmf(counts), rtol=1e-10)
    for sigma in (0.0, 0.5):
        factors, y = [np.array([PAIR, 3 * PAIR]), COV, np.diag([1.0, 2.0])], np.arange(24.0).reshape(2, 12) / 9
        rv = ps.KroneckerNormal.dist(0.0, covs=factors, sigma=sigma)
        whole = [np.kron(np.kron(c, COV), np.diag([1.0, 2.0])) + sigma**2 * np.eye(12) for c in factors[0]]
        expected = [stats.multivariate_normal(np.zeros(12), k).logpdf(v) for k, v in zip(whole, y, strict=True)]
        np.testing.assert_allclose(value_of(ps.logp(rv, y)), expected, rtol=1e-9)
    drawn = ps.draw(ps.KroneckerNormal.dist(0.0, covs=factors, sigma=0.5, size=(8000, 2)), random_seed=1)
    np.testing.assert_allclose(np.cov(drawn[:, 1].T), whole[1], atol=0.06 * whole[1].max())
    etas = np.array([0.7, 2.5])
    factor = ps.draw(ps.LKJCorr.dist(3, 1.0), random_seed=1)
    found = value_of(ps.logp(ps.LKJCorr.dist(3, etas), np.array([factor, factor])))
    np.testing.assert_allclose(found, [value_of(ps.logp(ps.LKJCorr.dist(3, e), factor)) for e in etas], rtol=1e-12)
    assert ps.draw(ps.LKJCorr.dist(3, etas)).shape == (2, 3, 3)


def test_ways_to_give_a_scale_matrix():
    x, inverse, factor = [0.3, -1.0, 2.0], np.linalg.inv(COV), np.linalg.cholesky(COV)
    expected = stats.multivariate_t(MU, COV, 4).logpdf(x)
    for way in ({"scale": COV}, {"Sigma": COV}, {"cov": COV}, {"tau": inverse}, {"chol": factor},
                {"chol": factor.T, "lower": False}):  # fmt: skip
        np.testing.assert_allclose(value_of(ps.logp(ps.MvStudentT.dist(4.0, mu=MU, **way), x)), expected, rtol=1e-10)
    ways = [{"rowcov": COV, "colcov": PAIR}, {"rowchol": factor, "colchol": np.linalg.cholesky(PAIR)},
            {"rowchol": factor, "colcov": PAIR}, {"rowcov": COV, "colchol": np.linalg.cholesky(PAIR)}]  # fmt: skip
    for way in ways:
        found = value_of(ps.logp(ps.MatrixNormal.dist(1.0, **way), TABLE))
        np.testing.assert_allclose(found, stats.matrix_normal(np.ones((3, 2)), COV, PAIR).logpdf(TABLE), rtol=1e-10)
    found = value_of(ps.logp(ps.Wishart.dist(5, scale_chol=factor), 2 * COV))
    np.testing.assert_allclose(found, stats.wishart(5, COV).logpdf(2 * COV), rtol=1e-10)
    assert pm.expand_packed_triangular(2, [1.0, 2.0, 3.0]).eval().tolist() == [[1.0, 0.0], [2.0, 3.0]]


def test_unknown_parameters_and_lengths():
    cov, x, w = pt.matrix("cov"), pt.vector("x"), pt.matrix("w")
    found = interpret([cov, x], [ps.logp(ps.MvStudentT.dist(4.0, scale=cov), x)])(COV, MU)[0]
    np.testing.assert_allclose(found, stats.multivariate_t(np.zeros(3), COV, 4).logpdf(MU), rtol=1e-9)
    symbolic, known = (ps.logp(ps.CAR.dist(0.5, m, 0.6, 2.0), MU) for m in (w, WEIGHTS))
    np.testing.assert_allclose(interpret([w], [symbolic])(WEIGHTS)[0], value_of(known), rtol=1e-10)
    n = pt.lscalar("n")
    rv = ps.ZeroSumNormal.dist(shape=(2, n))
    assert rv.eval({n: 5}).shape == (2, 5)


@pytest.mark.parametrize("eta", [0.5, 1.0, 3.0])
def test_correlations_of_two_variables_integrate_to_one(eta):
    """A factor of two rows is (r, sqrt(1 - r^2)), and r has a density on (-1, 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    angle = nodes * np.pi / 2
    r, slope = np.sin(angle), np.cos(angle) * np.pi / 2
    factors = np.zeros((400, 2, 2))
    factors[:, 0, 0], factors[:, 1, 0], factors[:, 1, 1] = 1.0, r, np.sqrt(1 - r**2)
    density = value_of(ps.logp(ps.LKJCorr.dist(2, eta, size=400), factors))
    # The bound for eta = 1/2 is that of the quadrature, whose integrand is cos(angle) ** (2 eta - 1).
    assert abs((weights * slope * np.exp(density)).sum() - 1) < 1e-10


def test_the_stick_is_broken_into_pieces_of_a_proper_density():
    """Over the triangle of two free pieces, by Gauss-Legendre quadrature in the breaks."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    u, wu = (nodes + 1) / 2, weights / 2
    a, b = np.meshgrid(u, u, indexing="ij")
    pieces = np.stack([a, (1 - a) * b, (1 - a) * (1 - b)], -1)
    density = np.exp(value_of(ps.logp(ps.StickBreakingWeights.dist(3.0, 2, size=(60, 60)), pieces)))
    assert abs((density * (1 - a) * wu[:, None] * wu).sum() - 1) < 1e-10


def test_zero_sums_are_a_normal_density_on_their_plane():
    y = np.array([0.4, -1.0, 0.3])
    rv = ps.ZeroSumNormal.dist(2.0, shape=4)
    b = ps.default_transform(rv)
    found = value_of(ps.logp(rv, b.backward(y)))
    np.testing.assert_allclose(found, stats.norm(0, 2.0).logpdf(y).sum(), rtol=1e-12)  # the map is an isometry


def test_large_parameters_keep_their_digits():
    """In their limits the distributions are others, and differ from them by about the inverse of the parameter."""
    x, counts, p = np.array([0.3, -1.0, 2.0]), np.array([3, 0, 4]), np.array([0.2, 0.3, 0.5])
    found = value_of(ps.logp(ps.MvStudentT.dist(1e13, mu=MU, scale=COV), x))
    np.testing.assert_allclose(found, stats.multivariate_normal(MU, COV).logpdf(x), rtol=1e-11)
    found = value_of(ps.logp(ps.DirichletMultinomial.dist(7, p * 1e13), counts))
    np.testing.assert_allclose(found, stats.multinomial(7, p).logpmf(counts), rtol=1e-11)
    eta, factor = 1e9, np.array([[1.0, 0.0], [0.0, 1.0]])
    exact = mpmath.log(mpmath.gamma(eta + 0.5) / mpmath.gamma(eta)) - mpmath.log(mpmath.pi) / 2
    np.testing.assert_allclose(value_of(ps.logp(ps.LKJCorr.dist(2, eta), factor)), float(exact), rtol=1e-13)
    for make in (lambda v: ps.MvNormal.dist(v, np.eye(2)), lambda v: ps.MvStudentT.dist(3.0, mu=v, scale=np.eye(2)),
                 lambda v: ps.CAR.dist(v, [[0, 1], [1, 0]], 0.5, 1.0)):  # fmt: skip
        assert np.isnan(value_of(ps.logp(make(np.zeros(2)), [np.nan, 0.0])))
        assert not np.isfinite(value_of(ps.logp(make(np.zeros(2)), [np.inf, 0.0])))
        assert np.isfinite(value_of(ps.logp(make(np.zeros(2)), [5e-324, 1e150])))
    assert value_of(ps.logp(ps.MvNormal.dist(np.zeros(3), COV, size=0), np.empty((0, 3)))).shape == (0,)
    assert ps.draw(ps.LKJCorr.dist(3, 1.0, size=0)).shape == (0, 3, 3)


def test_outside_the_support():
    cases = {
        "sum": (ps.Multinomial.dist(3, [0.5, 0.5]), [[2, 2], [-1, 4], [3, 0]], [True, True, False]),
        "broken": (ps.DirichletMultinomial.dist(3, [1.0, 1.0]), [[2.5, 0.5], [2, 1]], [True, False]),
        "zero": (ps.ZeroSumNormal.dist(shape=2), [[1.0, 1.0], [1.0, -1.0]], [True, False]),
        "rows": (ps.LKJCorr.dist(2, 1.0), [[[1.0, 0], [0.5, 0.5]], [[1.0, 0], [0.6, 0.8]]], [True, False]),
        "negative": (ps.Wishart.dist(3, PAIR), [-PAIR, PAIR], [True, False]),
        "pivot": (ps.LKJCholeskyCov.dist(1.0, 2, ps.Exponential.dist(1.0), compute_corr=False),
                  [[1.0, 0.5, -1.0], [1.0, 0.5, 1.0]], [True, False]),
        "weights": (ps.StickBreakingWeights.dist(1.0, 1), [[0.5, 0.6], [0.5, 0.5]], [True, False]),
    }  # fmt: skip
    for name, (rv, values, outside) in cases.items():
        found = [value_of(ps.logp(rv, np.array(v))) == -np.inf for v in values]
        assert found == outside, name
    # Certain and impossible classes: 0 log 0 is 0.
    assert value_of(ps.logp(ps.Multinomial.dist(2, [1.0, 0.0]), [2, 0])) == 0.0
    assert value_of(ps.logp(ps.Multinomial.dist(2, [1.0, 0.0]), [1, 1])) == -np.inf


def test_every_distribution_of_arrays_is_here():
    families.load_all()
    declared = {name for name, family in ps.DISTRIBUTIONS.items() if family.__module__.rpartition(".")[2] in OWN}
    assert declared == {name.split()[0] for name in ALL} - {"OrderedMultinomial"}


@pytest.mark.parametrize("name", PYMC)
def test_densities_in_models_are_those_of_pymc(name):
    value_name, value, expected = PYMC[name]
    with pm.Model() as model:
        IN_MODELS[name]()
    (own,) = model.value_vars
    assert own.name == value_name
    assert own.type.shape == np.shape(value)
    found = model.compile_logp(backend="numpy")({value_name: np.array(value, own.dtype)})
    np.testing.assert_allclose(found, expected, rtol=3e-7)  # to which PyMC's own log-gamma is good in this mode


def test_factors_of_covariances_in_a_model():
    with pm.Model(coords={"k": ["a", "b"]}) as model:
        scale = pm.HalfNormal("scale")
        chol, corr, stds = pm.LKJCholeskyCov("c", eta=2, n=2, sd_dist=pm.Exponential.dist(1 / scale))
        pm.MvNormal("x", 0, chol=chol, dims="k")
    assert [v.name for v in model.value_vars] == ["scale_log__", "c_cholesky-cov-packed__", "x"]
    assert [v.name for v in model.deterministics] == ["c_corr", "c_stds"]
    assert model.point_logps().keys() >= {"c", "x"}
    drawn = pm.draw([chol, corr, stds], random_seed=1)
    np.testing.assert_allclose(drawn[0] @ drawn[0].T, drawn[1] * np.outer(drawn[2], drawn[2]), rtol=1e-12)
    own = np.diagonal(pm.draw(corr, 100, random_seed=1), axis1=1, axis2=2)
    assert (own == 1).all()  # to the last bit: rounding would look like a variable that varies
    with pm.Model() as packed:
        alone = pm.LKJCholeskyCov("c", eta=2, n=2, sd_dist=pm.Exponential.dist(1.0), compute_corr=False)
        silent = pm.LKJCholeskyCov("d", 2, 2, pm.Dirichlet.dist([1.0, 1.0]), store_in_trace=False)
    assert alone.type.shape == (3,)
    assert len(silent) == 3
    assert not packed.deterministics
    with packed, pytest.raises(ValueError, match="must not be a variable of a model"):
        pm.LKJCholeskyCov("e", 2, 2, pm.Exponential("s", 1.0))


def test_the_older_name_of_wishart():
    with pm.Model() as model:
        with pytest.warns(FutureWarning, match=r"pm.Wishart\('w', ...\)"):
            pm.WishartBartlett("w", PAIR, 4)
        with pytest.warns(FutureWarning, match="Wishart by now"):
            pm.WishartBartlett("l", np.linalg.cholesky(PAIR), 4, is_cholesky=True, return_cholesky=True)
    assert [v.name for v in model.value_vars] == ["w_cholesky-cov__", "_l_wishart_cholesky-cov__"]
    assert [v.name for v in model.deterministics] == ["l"]
    terms = model.point_logps()
    assert terms["w"] == terms["_l_wishart"]


def test_zero_sums_take_their_lengths_from_dims():
    with pm.Model(coords={"row": range(3), "column": range(4)}) as model:
        pm.ZeroSumNormal("x", dims=("row", "column"))
        pm.ZeroSumNormal("y", n_zerosum_axes=2, dims=("row", "column"))
    assert [v.name for v in model.value_vars] == ["x_zerosum__", "y_zerosum__"]
    assert {k: v.shape for k, v in model.initial_point().items()} == {"x_zerosum__": (3, 3), "y_zerosum__": (2, 3)}
    x, y = pm.draw(model.free_RVs)
    np.testing.assert_allclose(x.sum(1), 0, atol=1e-12)
    np.testing.assert_allclose([*y.sum(0), *y.sum(1)], 0, atol=1e-12)


def test_lengths_of_values_follow_data():
    """Also where a bijection makes vectors shorter, or of matrices vectors."""
    with pm.Model() as model:
        data = pm.Data("data", np.zeros((3, 4)))
        pm.ZeroSumNormal("z", shape=data.shape[1])
        pm.Dirichlet("p", np.ones(3), shape=(data.shape[0], 3))
        pm.LKJCorr("l", n=3, eta=1.0, size=data.shape[0])
    for shape in ((3, 4), (2, 6)):
        model.set_data("data", np.zeros(shape))
        expected = {"z_zerosum__": (shape[1] - 1,), "p_simplex__": (shape[0], 2), "l_cholesky_corr__": (shape[0], 3)}
        assert {k: v.shape for k, v in model.initial_point().items()} == expected
        assert {k: v for k, v in model.eval_rv_shapes().items() if "__" in k} == expected
        assert model.density().size == sum(int(np.prod(s)) for s in expected.values())


def test_log_likelihoods_have_no_axes_of_one_draw():
    y = np.arange(10.0).reshape(5, 2)
    with pm.Model(coords={"obs": range(5), "k": ["a", "b"]}):
        mu = pm.MvNormal("mu", 0, PAIR, dims="k")
        pm.MvNormal("y", mu, PAIR, observed=y, dims=("obs", "k"))
        prior = pm.sample_prior_predictive(3, random_seed=1).prior
        found = pm.compute_log_likelihood(xarray.DataTree.from_dict({"posterior": prior.to_dataset()}))
    array = found.log_likelihood["y"]
    assert array.dims == ("chain", "draw", "obs")
    at = found.posterior["mu"].values[0, 1]
    np.testing.assert_allclose(array.values[0, 1], stats.multivariate_normal(at, PAIR).logpdf(y), rtol=1e-10)


def test_counts_are_observed_with_their_probabilities_stored():
    with pm.Model() as model:
        eta = pm.Normal("eta")
        pm.OrderedMultinomial("y", eta=eta, cutpoints=[0.0, 1.0], n=[3, 5], observed=[[1, 1, 1], [0, 2, 3]])
    assert [v.name for v in model.deterministics] == ["y_probs"]
    p = stats.logistic.cdf([0.0, 1.0])
    expected = (
        stats.norm.logpdf(0) + stats.multinomial([3, 5], np.diff([0, *p, 1])).logpmf([[1, 1, 1], [0, 2, 3]]).sum()
    )
    np.testing.assert_allclose(model.compile_logp()({"eta": 0.0}), expected, rtol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_draws_are_pickled_with_their_densities(name):
    rv = ALL[name][0]()
    again = pickle.loads(pickle.dumps(rv))  # noqa: S301
    x = draws(ALL[name][0], 1)[0]
    assert value_of(ps.logp(again, x)) == value_of(ps.logp(rv, x))
    assert again.eval().shape == rv.type.shape


def test_jax_draws_from_laws_with_lengths_of_their_own():
    rv = ps.LKJCorr.dist(3, 2.0, size=4)
    assert pm.function([], rv, backend="jax")().shape == (4, 3, 3)


WRONG = {
    "two matrices": (lambda: ps.MvNormal.dist(MU, COV, tau=COV), "takes one of cov, tau, chol, not cov and tau"),
    "no matrix": (lambda: ps.MvStudentT.dist(3.0), "not none of them"),
    "vector": (lambda: ps.MvNormal.dist(MU, np.ones(3)), "cov of MvNormal must be a matrix"),
    "few degrees": (lambda: ps.Wishart.dist(1.0, COV), "do not fit together"),
    "indefinite": (lambda: ps.Wishart.dist(5, -COV), "V of Wishart must be symmetric and positive definite"),
    "rowcov": (lambda: ps.MatrixNormal.dist(TABLE, colcov=PAIR), "takes one of rowcov, rowchol"),
    "factors": (lambda: ps.KroneckerNormal.dist(0.0), "one of covs, chols, evds"),
    "asymmetric": (lambda: ps.CAR.dist(0.0, np.triu(PATH), 0.5, 1.0), "W of CAR must be a symmetric matrix"),
    "alpha": (lambda: ps.CAR.dist(0.0, PATH, 1.5, 1.0), r"alpha of CAR must be in \(-1.0, 1.0\)"),
    "weighted": (lambda: ps.ICAR.dist(WEIGHTS), "matrix of 0 and 1"),
    "no length": (lambda: ps.ZeroSumNormal.dist(1.0), "give shape, dims, or support_shape"),
    "axes": (lambda: ps.ZeroSumNormal.dist(1.0, 2, shape=3), "does not have 2 zero-sum axes"),
    "sigma": (lambda: ps.ZeroSumNormal.dist([1.0, 2.0], shape=2), "must have length 1 along the zero-sum axes"),
    "own shape": (lambda: ps.ZeroSumNormal.dist(support_shape=3, shape=(2, 4)), r"one draw has shape \(3\)"),
    "sd_dist": (lambda: ps.LKJCholeskyCov.dist(1.0, 2, 3.0), "must be a distribution of numbers or vectors"),
    "rows": (lambda: ps.LKJCorr.dist(0, 1.0), "n of LKJCorr must be"),
    "p": (lambda: ps.Multinomial.dist(3, [0.5, 0.6]), "p of Multinomial must be probabilities"),
    "mean": (lambda: ps.MvNormal.dist(MU, PAIR), r"ends in \(3,\), but one draw has shape \(2\)"),
    "mean matrix": (lambda: ps.MatrixNormal.dist(TABLE.T, rowcov=COV, colcov=PAIR), r"one draw has shape \(3, 2\)"),
    "not square": (lambda: ps.MvNormal.dist(0.0, chol=TABLE), "chol of MvNormal must be square"),
    "value": (lambda: ps.logp(ps.StickBreakingWeights.dist(1.0, 3), [0.5, 0.5]), r"the value ends in \(2\)"),
    "number": (lambda: ps.logp(ps.Dirichlet.dist([1.0, 1.0]), 0.5), r"one draw has shape \(2\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(name):
    make, message = WRONG[name]
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_intrinsic_autoregressions_need_one_connected_part():
    with pytest.raises(ValueError, match="without a connection"):
        ps.draw(ps.ICAR.dist(np.kron(np.eye(2, dtype=int), [[0, 1], [1, 0]])))
