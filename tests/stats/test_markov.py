"""Markov chains of states: against a product of probabilities, enumeration and draws."""

import pickle
from itertools import product

import numpy as np
import pytest

import pellucid as pm

P = np.array([[0.8, 0.15, 0.05], [0.2, 0.5, 0.3], [0.0, 0.4, 0.6]])
START = np.array([0.2, 0.5, 0.3])


def chain(**options):
    return pm.DiscreteMarkovChain.dist(P, init_dist=pm.Categorical.dist(START), **options)


def test_density_is_a_product():
    paths = np.array(list(product(range(3), repeat=4)))
    found = np.exp(pm.logp(chain(shape=4), paths).eval())
    np.testing.assert_allclose(found, START[paths[:, 0]] * P[paths[:, :-1], paths[:, 1:]].prod(1), rtol=1e-12)
    assert found.sum() == pytest.approx(1.0)
    for wrong in ([0, 1, 3, 0], [0, -1, 0, 0], [0.0, 0.5, 1.0, 1.0]):
        assert np.isneginf(pm.logp(chain(shape=4), wrong).eval())


def test_batches_of_chains():
    both = np.array([P, np.eye(3)])
    rv = pm.DiscreteMarkovChain.dist(both, steps=2)
    assert rv.type.shape == (2, 3)
    found = np.exp(pm.logp(rv, [[0, 1, 1], [2, 2, 2]]).eval())
    np.testing.assert_allclose(found, [0.15 * 0.5 / 3, 1 / 3], rtol=1e-12)
    assert chain(shape=(5, 4)).type.shape == (5, 4)
    logits = pm.DiscreteMarkovChain.dist(logit_P=np.log([[0.9, 0.1], [0.4, 0.6]]), shape=3)
    assert np.exp(pm.logp(logits, [0, 1, 1]).eval()) == pytest.approx(0.5 * 0.1 * 0.6)


def test_draws_have_the_frequencies_of_the_density():
    drawn = pm.draw(chain(shape=(20_000, 3)), random_seed=1)
    paths = np.array(list(product(range(3), repeat=3)))
    expected = np.exp(pm.logp(chain(shape=3), paths).eval())
    counts = (drawn[:, None] == paths).all(-1).mean(0)
    assert np.all(abs(counts - expected) < 5 * np.sqrt(expected / len(drawn)) + 1e-12)


def test_one_state_is_categorical():
    assert np.exp(pm.logp(chain(steps=0), [1]).eval()) == pytest.approx(0.5)


def test_bad_arguments():
    with pytest.raises(ValueError, match="square matrix"):
        pm.DiscreteMarkovChain.dist(np.ones((2, 3)) / 3, steps=2)
    with pytest.raises(TypeError, match="one of P and logit_P"):
        pm.DiscreteMarkovChain.dist(steps=2)
    with pytest.raises(ValueError, match="needs its length"):
        pm.DiscreteMarkovChain.dist(P)
    with pytest.raises(TypeError, match="Categorical"):
        pm.DiscreteMarkovChain.dist(P, init_dist=pm.Normal.dist(), steps=2)
    with pytest.raises(Exception, match="probabilities"):
        pm.logp(pm.DiscreteMarkovChain.dist([[0.5, 0.6], [0.5, 0.5]], steps=1), [0, 0]).eval()


def test_a_sampled_model_without_its_states_has_a_pickle():
    with pm.Model() as model:
        moves = pm.Dirichlet("moves", np.ones((2, 2)))
        states = pm.DiscreteMarkovChain("states", P=moves, steps=4, init_dist=pm.Categorical.dist([0.5, 0.5]))
        pm.Normal("y", 3.0 * states, 1.0, observed=np.array([0.1, 2.9, 3.2, 0.3, -0.2]))
    marginal = pm.marginalize(model, ["states"])
    with marginal:
        trace = pm.sample(5, tune=5, chains=1, progressbar=False, random_seed=1)
        pm.recover_marginals(trace)
    again = pickle.loads(pickle.dumps(marginal))  # noqa: S301
    point = marginal.initial_point()
    assert again.compile_logp()(point) == pytest.approx(marginal.compile_logp()(point), rel=1e-14)
    for compiled in (marginal.compile_logp(), marginal.compile_dlogp()):
        np.testing.assert_allclose(pickle.loads(pickle.dumps(compiled))(point), compiled(point), rtol=1e-14)  # noqa: S301
