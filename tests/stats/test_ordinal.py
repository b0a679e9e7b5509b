"""Ordered classes against their definition: where a latent variable falls between cutpoints."""

import mpmath
import numpy as np
import pytest
from scipy import stats

import pellucid as pm
import pellucid.stats as ps
import pellucid.tensor as pt

CUTPOINTS = np.array([-1.0, 0.5, 2.0])
KINDS = {
    "logistic": (ps.OrderedLogistic.dist, stats.logistic),
    "probit": (lambda eta, c: ps.OrderedProbit.dist(eta, c, sigma=2.0), lambda eta: stats.norm(eta, 2.0)),
}


def shares(latent, cutpoints):
    """The probabilities of the classes, by the distribution function of the latent variable."""
    return np.diff(np.concatenate([[0.0], latent.cdf(cutpoints), [1.0]]))


@pytest.mark.parametrize("kind", KINDS)
def test_classes_are_parts_of_the_line(kind):
    dist, latent = KINDS[kind]
    rv, p = dist(0.3, CUTPOINTS), shares(latent(0.3), CUTPOINTS)
    x = np.array([-1, 0, 1, 2, 3, 4])
    padded = np.concatenate([[0], p, [0]])
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(ps.logp(rv, x).eval(), np.log(padded), rtol=1e-12)
        np.testing.assert_allclose(ps.logcdf(rv, x).eval(), np.log(padded.cumsum()), rtol=1e-12, atol=1e-15)
        above = np.append(padded[::-1].cumsum()[::-1][1:], 0.0)
        np.testing.assert_allclose(ps.logccdf(rv, x).eval(), np.log(above), rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(ps.icdf(rv, p.cumsum()).eval(), x[1:-1])
    np.testing.assert_allclose(ps.mean(rv).eval(), (np.arange(4) * p).sum(), rtol=1e-13)
    assert ps.support_point(rv).eval() == p.argmax()
    counts = np.bincount(ps.draw(dist(np.full(4000, 0.3), CUTPOINTS), random_seed=4), minlength=4)
    assert stats.chisquare(counts, p * 4000).pvalue > 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_batches_of_cutpoints(kind):
    dist, latent = KINDS[kind]
    eta, cutpoints = np.array([[0.3], [-2.0]]), np.array([[-1.0, 0.5], [0.0, 0.0], [1.0, 4.0]])
    rv = dist(eta, cutpoints)
    assert ps.draw(rv).shape == (2, 3)
    for x in range(3):
        expected = [[shares(latent(e), c)[x] for c in cutpoints] for e in eta[:, 0]]
        with np.errstate(divide="ignore"):
            np.testing.assert_allclose(ps.logp(rv, np.full((2, 3), x)).eval(), np.log(expected), rtol=1e-12)


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize("eta", [-900.0, -30.0, 0.0, 30.0, 900.0])
def test_far_classes_keep_their_digits_and_gradients(eta, backend):
    mu, c = pt.scalar("mu"), pt.vector("c")
    data = np.arange(4)
    cost = ps.logp(ps.OrderedLogistic.dist(mu, c), data)
    run = pm.function([mu, c], [cost, *pm.grad(cost.sum(), [mu, c])], backend=backend)
    found, by_eta, by_cutpoint = run(eta, CUTPOINTS)
    with mpmath.workdps(900):
        below = [1 / (1 + mpmath.exp(eta - v)) for v in CUTPOINTS]
        expected = [float(mpmath.log(b - a)) for a, b in zip([0, *below], [*below, 1], strict=True)]
        slopes = [v * (1 - v) for v in below]
        by_upper = [float(s / (b - a)) for s, a, b in zip(slopes, [0, *below], below, strict=False)]
        by_lower = [float(-s / (b - a)) for s, a, b in zip(slopes, below, [*below[1:], 1], strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    np.testing.assert_allclose(by_cutpoint, np.add(by_upper, by_lower), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(by_eta, -np.sum(by_cutpoint), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("eta", [-60.0, 0.0, 9.0, 60.0])
def test_far_probit_classes(eta):
    found = ps.logp(ps.OrderedProbit.dist(eta, CUTPOINTS), np.arange(4)).eval()
    with mpmath.workdps(900):
        below = [mpmath.ncdf(v - eta) for v in CUTPOINTS]
        expected = [float(mpmath.log(b - a)) for a, b in zip([0, *below], [*below, 1], strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_in_models_the_probabilities_are_named():
    with pm.Model() as model:
        cutpoints = pm.Normal("cutpoints", 0, 1, shape=3)
        pm.OrderedLogistic("y", eta=np.zeros(5), cutpoints=cutpoints, observed=[0, 1, 2, 3, 0])
        pm.OrderedProbit("z", eta=0.0, cutpoints=cutpoints, compute_p=False, observed=2)
    assert [v.name for v in model.deterministics] == ["y_probs"]
    p = model["y_probs"].eval({cutpoints: CUTPOINTS})
    np.testing.assert_allclose(p, np.tile(shares(stats.logistic(0.0), CUTPOINTS), (5, 1)), rtol=1e-13)
    falling = model.compile_logp()({"cutpoints": CUTPOINTS[::-1]})
    assert falling == -np.inf


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 16, 17])
def test_few_and_many_cutpoints(kind, count):
    dist, latent = KINDS[kind]
    cutpoints, x = np.linspace(-2.0, 3.0, count), np.arange(count + 1)
    expected = np.log(shares(latent(0.3), cutpoints))
    np.testing.assert_allclose(ps.logp(dist(0.3, cutpoints), x).eval(), expected, rtol=1e-12)
    c = pt.vector("c")  # of a length that is known later
    for function in (ps.logp, ps.logcdf):
        of_any = pm.function([c], function(dist(0.3, c), x))
        np.testing.assert_allclose(of_any(cutpoints), function(dist(0.3, cutpoints), x).eval(), rtol=1e-13)


def test_cutpoints_must_rise():
    with pytest.raises(ps.ParameterValueError, match="cutpoints of OrderedLogistic"):
        ps.OrderedLogistic.dist(0.0, [1.0, 0.0])
