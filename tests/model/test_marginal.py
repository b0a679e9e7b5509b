"""Sums over discrete variables: against enumeration of the full model, hand-written mixtures and exact posteriors."""

from itertools import product

import numpy as np
import pytest
from scipy import special, stats

import pellucid as pm
import pellucid.tensor as pt

Y = np.array([-1.2, 0.3, 2.1, 1.7])


def vector_mixture():
    mu = pm.Normal("mu", [-1.0, 2.0], 2.0, shape=2)
    z = pm.Bernoulli("z", pm.Beta("p", 2, 2), shape=4)
    pm.Normal("y", mu[z], 0.7, observed=Y)


def categories():
    mu = pm.Normal("mu", 0.0, 2.0, shape=3)
    z = pm.Categorical("z", pm.Dirichlet("w", np.ones(3)), shape=4)
    pm.Normal("y", mu[z], pt.exp(0.1 * z), observed=Y)


def scalar_shared():
    z = pm.DiscreteUniform("z", -1, 2)
    x = pm.Normal("x", z, 1.0, shape=3)
    pm.Normal("y", x.sum() + z**2, 0.7, observed=Y)


def binomial_counts():
    n = pm.Binomial("z", 3, 0.4, shape=(2, 2))
    rate = pm.Gamma("rate", 2.0, 1.0)
    pm.Poisson("y", rate + n, observed=np.array([[0, 2], [3, 1]]))


def groups():
    """Several observations of each element."""
    z = pm.Bernoulli("z", 0.3, shape=3)
    mu = pm.Normal("mu", 0.0, 1.0)
    group = np.array([0, 1, 1, 2])
    pm.Normal("y", mu + 2.0 * z[group], 1.0 + 0.5 * z[group], observed=Y)
    pm.Normal("w", z[::-1] * mu, 1.0, observed=Y[:3])
    pm.Normal("first", z[0] - mu, 1.0, observed=0.4)


def columns():
    """Each element governs a row of a matrix, and a potential."""
    z = pm.Categorical("z", [0.2, 0.5, 0.3], shape=3)
    mu = pm.Normal("mu", 0.0, 1.0, shape=(3, 2))
    pm.Normal("y", mu[z], 1.0, observed=np.arange(6.0).reshape(3, 2) / 4)
    pm.Potential("nudge", -0.3 * (z[:, None] - np.ones((3, 4))) ** 2)


def vectors():
    z = pm.Bernoulli("z", 0.3, shape=2)
    mu = pm.Normal("mu", 0.0, 1.0, shape=2)
    pm.MvNormal("y", mu * z[:, None], np.array([[1.0, 0.3], [0.3, 2.0]]), observed=Y.reshape(2, 2))


def dependent():
    """A chain of scalars, each of which has observations of its own."""
    a = pm.Bernoulli("a", 0.3)
    b = pm.Categorical("b", pt.as_tensor_variable([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])[a])
    c = pm.Binomial("c", 2, 0.2 + 0.3 * b)
    mu = pm.Normal("mu", a - 1.0, 1.0)
    pm.Normal("y", mu + b, 1.0, observed=Y)
    pm.Normal("w", c * mu, 1.0, observed=Y[:2])


def two_vectors():
    """Elements of two vectors that meet in one observation each."""
    a = pm.Bernoulli("a", 0.3, shape=4)
    b = pm.Bernoulli("b", 0.2 + 0.5 * a, shape=4)
    mu = pm.Normal("mu", 0.0, 1.0)
    pm.Normal("y", mu * a + b, 1.0, observed=Y)


def scale_below():
    """A dependent that is itself sampled, on a transformed scale."""
    z = pm.Bernoulli("z", 0.4, shape=2)
    s = pm.Gamma("s", 2.0 + 3.0 * z, 1.0)
    pm.Normal("y", 0.0, s, observed=Y[:2])


def hidden_chain():
    """A hidden Markov model."""
    stay = pm.Beta("stay", 3.0, 1.0, shape=2)
    rows = pt.stack([pt.stack([stay[0], 1 - stay[0]]), pt.stack([1 - stay[1], stay[1]])])
    z = pm.DiscreteMarkovChain("z", rows, init_dist=pm.Categorical.dist([0.3, 0.7]), shape=4)
    mu = pm.Normal("mu", [-1.0, 2.0], 1.0, shape=2)
    pm.Normal("y", mu[z], 1.0, observed=Y)


def several_chains():
    """Two chains of three states, some of whose states are seen through other discrete variables."""
    rows = np.array([[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.0, 0.4, 0.6]])
    z = pm.DiscreteMarkovChain("z", rows, shape=(2, 2))
    mu = pm.Normal("mu", 0.0, 1.0)
    pm.Normal("y", mu * z, 1.0, observed=np.array([[0.3, 1.0], [2.0, 0.1]]))
    seen = pm.Bernoulli("a", 0.1 + 0.2 * z[0], shape=2)
    pm.Normal("w", mu + 2.0 * seen, 0.5, observed=[0.3, 2.0])


MODELS = {
    f.__name__: (f, names)
    for f, names in [
        (vector_mixture, "z"), (categories, "z"), (scalar_shared, "z"), (binomial_counts, "z"), (groups, "z"),
        (columns, "z"), (vectors, "z"), (dependent, "a b c"), (two_vectors, "a b"), (scale_below, "z"),
        (hidden_chain, "z"), (several_chains, "a z"),
    ]
}  # fmt: skip
RANGES = {"a": (0, 1), "b": (0, 2), "c": (0, 2)}


def build(function):
    with pm.Model() as model:
        function()
    return model


def every_value(model, names):
    """All joint values of some variables."""
    shapes = model.eval_rv_shapes()
    kinds = {n: model[n].owner.op.law.name for n in names}
    high = {"bernoulli": 1, "categorical": 2, "binomial": 3, "discrete_uniform": 2, "markov_chain": 1 + ("a" in names)}
    low = {"discrete_uniform": -1}
    if set(names) >= {"c"}:
        high["binomial"] = 2
    lists = [
        [np.reshape(v, shapes[n]) for v in product(range(low.get(kinds[n], 0), high[kinds[n]] + 1),
                                                   repeat=int(np.prod(shapes[n])))]
        for n in names
    ]  # fmt: skip
    return [dict(zip(names, values, strict=True)) for values in product(*lists)]


def a_point(marginal):
    """A point away from the start, where nothing is zero by accident."""
    rng = np.random.default_rng(5)
    return {k: v + 0.3 * rng.normal(size=v.shape) for k, v in marginal.initial_point().items()}


@pytest.mark.parametrize("name", MODELS)
def test_density_is_the_sum_over_all_values(name):
    function, names = MODELS[name]
    model = build(function)
    marginal = pm.marginalize(model, names.split())
    point = a_point(marginal)
    full = model.compile_logp(backend="numpy")
    joint = np.array([full({**point, **values}) for values in every_value(model, names.split())])
    assert marginal.compile_logp(backend="numpy")(point) == pytest.approx(special.logsumexp(joint), rel=1e-12)
    assert set(names.split()).isdisjoint(v.name for v in marginal.free_RVs)
    assert set(names.split()) <= {v.name for v in model.free_RVs}  # the model itself stays as it is


@pytest.mark.parametrize("name", MODELS)
def test_recovered_probabilities_are_those_of_the_full_model(name):
    function, names = MODELS[name]
    model = build(function)
    marginal = pm.marginalize(model, names.split())
    point = a_point(marginal)
    values = every_value(model, names.split())
    full = model.compile_logp(backend="numpy")
    weights = special.softmax([full({**point, **v}) for v in values])
    own = marginal.compile_fn(marginal.replace_rvs_by_values(marginal.free_RVs), backend="numpy")(point)
    n = 1000
    draws = {rv.name: np.broadcast_to(v, (1, n, *np.shape(v))) for rv, v in zip(marginal.free_RVs, own, strict=True)}
    found = pm.recover_marginals(draws, model=marginal, extend_inferencedata=False, random_seed=2)
    for z in names.split():
        every = np.exp(found[f"lp_{z}"].values[0])
        exact = marginal.marginals[[str(m.variable) for m in marginal.marginals].index(z)].alone is not None
        probabilities = every[0] if exact else every.mean(0)  # else given draws of the others
        states = np.unique([v[z] for v in values])
        for k, state in enumerate(states):
            expected = sum(w * (v[z] == state) for w, v in zip(weights, values, strict=True))
            np.testing.assert_allclose(probabilities[..., k], expected, rtol=1e-9, atol=1e-12 if exact else 0.04)
        mean = sum(w * v[z] for w, v in zip(weights, values, strict=True))
        assert np.all(abs(found[z].values[0].mean(0) - mean) < 5 * 1.5 / np.sqrt(n))
    if len(names.split()) > 1:  # drawn jointly
        a, b = names.split()[:2]
        together = sum(w * v[a] * v[b] for w, v in zip(weights, values, strict=True))
        drawn = np.mean([u * v for u, v in zip(found[a].values[0], found[b].values[0], strict=True)], axis=0)
        assert np.all(abs(drawn - together) < 5 * 1.5 / np.sqrt(n))


def test_gradient_and_pointwise_terms_are_those_of_the_mixture():
    marginal = pm.marginalize(build(vector_mixture), "z")
    with pm.Model() as written:
        mu = pm.Normal("mu", [-1.0, 2.0], 2.0, shape=2)
        p = pm.Beta("p", 2, 2)
        y = pt.as_tensor_variable(Y)
        parts = [pt.log(w) + pm.logp(pm.Normal.dist(mu[k], 0.7, shape=4), y) for k, w in ((0, 1 - p), (1, p))]
        pm.Potential("y", pt.logaddexp(*parts))
    point = a_point(marginal)
    for f in ("compile_logp", "compile_dlogp"):
        np.testing.assert_allclose(getattr(marginal, f)()(point), getattr(written, f)()(point), rtol=1e-10)
    terms = marginal.compile_logp(marginal.observed_RVs, sum=False)(point)[0]
    np.testing.assert_allclose(terms, written.compile_logp(written.potentials, sum=False)(point)[0], rtol=1e-10)


def test_far_from_every_component_the_sum_stays_finite():
    marginal = pm.marginalize(build(vector_mixture), "z")
    assert np.isfinite(marginal.compile_logp()({"mu": [-400.0, 900.0], "p_logodds__": 700.0}))


def test_sampling_and_recovery():
    rng = np.random.default_rng(0)
    truth = rng.random(60) < 0.3
    y = rng.normal(np.where(truth, 2.0, -1.0), 0.5)
    with pm.Model(coords={"case": range(60)}) as model:
        mu = pm.Normal("mu", [-1, 1], 1, shape=2)
        z = pm.Bernoulli("z", pm.Beta("p", 1, 1), dims="case")
        pm.Normal("y", mu[z], 0.5, observed=y, dims="case")
    with pm.marginalize(model, ["z"]) as marginal:
        idata = pm.sample(400, tune=400, chains=2, random_seed=3, progressbar=False)
        pm.recover_marginals(idata, random_seed=1)
    assert idata.posterior["z"].dims == ("chain", "draw", "case")
    assert idata.posterior["lp_z"].dims == ("chain", "draw", "case", "z_value")
    assert ((idata.posterior["z"].mean(("chain", "draw")).values > 0.5) == truth).all()
    np.testing.assert_allclose(
        idata.posterior["mu"].mean(("chain", "draw")).values, [y[~truth].mean(), y[truth].mean()], atol=0.1
    )
    assert pm.compute_log_likelihood(idata, model=marginal)["log_likelihood"]["y"].shape == (2, 400, 60)


def test_a_long_chain_samples():
    rng = np.random.default_rng(2)
    truth = np.cumsum(rng.random(200) < 0.05) % 2
    y = rng.normal(3.0 * truth, 1.0)
    with pm.Model() as model:
        leave = pm.Beta("leave", 1, 5)
        rows = pt.stack([pt.stack([1 - leave, leave]), pt.stack([leave, 1 - leave])])
        z = pm.DiscreteMarkovChain("z", rows, shape=200)
        mu = pm.Normal("mu", [0, 3], 1, shape=2)
        pm.Normal("y", mu[z], 1.0, observed=y)
    with pm.marginalize(model, z):
        idata = pm.sample(200, tune=300, chains=2, random_seed=3, progressbar=False)
        pm.recover_marginals(idata, random_seed=1)
    assert ((idata.posterior["z"].mean(("chain", "draw")).values > 0.5) == truth).mean() > 0.97
    assert abs(idata.posterior["leave"].mean().item() - 0.05) < 0.03


def test_prior_draws_still_draw_the_variable():
    marginal = pm.marginalize(build(vector_mixture), "z")
    prior = pm.sample_prior_predictive(500, model=marginal, random_seed=1)
    assert prior["prior_predictive"]["y"].shape == (1, 500, 4)
    assert prior["prior_predictive"]["y"].values.std() > 2  # wider than either component


def test_deterministics_of_it_leave_the_model():
    with pm.Model() as model:
        z = pm.Bernoulli("z", 0.3)
        pm.Deterministic("double", 2 * z)
        mu = pm.Normal("mu", z, 1)
        pm.Deterministic("half", mu / 2)
    assert [str(v) for v in pm.marginalize(model, "z").deterministics] == ["half"]


def mixing(make):
    def function():
        z = pm.Bernoulli("z", 0.3, shape=4)
        make(z)

    return function


def moving_chain():
    a = pm.Bernoulli("a", 0.3)
    rows = pt.as_tensor_variable(np.array([np.full((2, 2), 0.5), [[0.9, 0.1], [0.1, 0.9]]]))[a]
    pm.DiscreteMarkovChain("z", rows, shape=4)


BLOCKED = {
    "summed": (mixing(lambda z: pm.Normal("y", z.sum(), 1, observed=Y)), ValueError, "combines its elements"),
    "multiplied": (mixing(lambda z: pm.Normal("y", pt.dot(np.eye(4), z), 1, observed=Y)), ValueError, "MatMul"),
    "neighbours": (
        mixing(lambda z: pm.Normal("y", z[1:] + z[:-1], 1, observed=Y[:3])), ValueError, "combines its elements"),
    "crossed": (
        mixing(lambda z: pm.Normal("y", z[:, None] + z, 1, observed=np.ones((4, 4)))), ValueError, "combines"),
    "of its bounds": (mixing(lambda z: pm.Uniform("y", 0, 1.0 + z)), ValueError, "bounds of 'y'"),
    "endless": (lambda: pm.Poisson("z", 3.0), TypeError, "no finite list"),
    "continuous": (lambda: pm.Normal("z", 3.0, 1), TypeError, "continuous"),
    "observed": (lambda: pm.Bernoulli("z", 0.3, observed=1), ValueError, "observed"),
    "unknown": (lambda: pm.Bernoulli("other", 0.3), ValueError, "no free random variable"),
    "a chain of random moves": (lambda: moving_chain(), ValueError, "depend on 'a'"),  # noqa: PLW0108
    "of random size": (lambda: pm.Binomial("z", pm.Poisson("n", 3.0), 0.3), TypeError, "not known now"),
}  # fmt: skip


@pytest.mark.parametrize("name", BLOCKED)
def test_what_cannot_be_summed_is_refused(name):
    function, kind, why = BLOCKED[name]
    model = build(function)
    with pytest.raises(kind, match=why) as caught:
        pm.marginalize(model, ["z", "a"] if "a" in model else "z")
    assert "test_marginal.py" in str(caught.value)


def test_models_made_from_marginal_ones():
    marginal = pm.marginalize(build(vector_mixture), "z")
    point = a_point(marginal)
    assert marginal.copy().compile_logp()(point) == pytest.approx(marginal.compile_logp()(point))
    with pytest.raises(ValueError, match="Change the model first"):
        pm.do(marginal, {"z": np.zeros(4, int)})


def test_bad_recovery():
    marginal = pm.marginalize(build(vector_mixture), "z")
    with pytest.raises(ValueError, match="no draws of"):
        pm.recover_marginals({"mu": np.zeros((1, 2, 2))}, model=marginal)
    with pytest.raises(TypeError, match="marginalize returned"):
        pm.recover_marginals({"mu": np.zeros((1, 2, 2))}, model=build(vector_mixture))
    with pytest.raises(ValueError, match="not marginalised"):
        pm.recover_marginals({}, model=marginal, var_names=["mu"])


def test_scipy_agrees_on_one_element():
    with pm.Model() as model:
        z = pm.Bernoulli("z", 0.3)
        x = pm.Normal("x", 3.0 * z, 1.0 + z)
    found = pm.marginalize(model, z).compile_logp()({"x": 1.2})
    expected = np.logaddexp(np.log(0.7) + stats.norm.logpdf(1.2), np.log(0.3) + stats.norm.logpdf(1.2, 3, 2))
    assert found == pytest.approx(expected, rel=1e-12)
    assert str(x) == "x"


def test_data_of_another_length():
    with pm.Model() as model:
        data = pm.Data("data", Y)
        mu = pm.Normal("mu", [-1.0, 1.0], 1, shape=2)
        z = pm.Bernoulli("z", 0.3, shape=data.shape)
        pm.Deterministic("double", 2 * z)
        pm.Normal("y", mu[z], 1, observed=data, shape=data.shape)
    marginal = pm.marginalize(model, "z")
    point = {"mu": np.array([-0.5, 0.7])}
    for values in (Y, np.zeros(7)):
        with marginal:
            pm.set_data({"data": values})
        parts = [np.log(w) + stats.norm.logpdf(values, m, 1.0) for w, m in ((0.7, -0.5), (0.3, 0.7))]
        prior = stats.norm.logpdf(point["mu"], [-1, 1]).sum()
        assert marginal.compile_logp()(point) == pytest.approx(np.logaddexp(*parts).sum() + prior, rel=1e-12)
    idata = pm.recover_marginals(
        {"mu": np.tile(point["mu"], (1, 3, 1))}, model=marginal, extend_inferencedata=False, random_seed=1
    )
    with_it = pm.compute_deterministics(
        {"mu": np.tile(point["mu"], (1, 3, 1)), "z": idata["z"].values}, model=marginal.original
    )
    np.testing.assert_array_equal(with_it["double"].values, 2 * idata["z"].values)


def test_interventions_on_what_the_sums_read():
    marginal = pm.marginalize(build(vector_mixture), "z")
    point = a_point(marginal)
    fixed = pm.do(marginal, {"mu": point["mu"]})
    rest = {"p_logodds__": point["p_logodds__"]}
    prior = marginal.compile_logp([marginal["mu"]])(point)
    assert fixed.compile_logp()(rest) == pytest.approx(marginal.compile_logp()(point) - prior, rel=1e-12)
