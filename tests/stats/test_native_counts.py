"""The log-probabilities of counts and their gradients as native code: without calls of Python, and as interpreted."""

import numpy as np

import pellucid as pm
import pellucid.stats as ps
import pellucid.tensor as pt
from pellucid.compile.numpy import compile as interpret

X = np.array([0, 1, 2, 3, 3, 0, 1])
CUTPOINTS = np.array([-1.0, 0.5, 2.0])

u = pt.vector("u", shape=(3,))  # unconstrained numbers, which each family reads as its parameters
positive, share = pt.exp(u), pt.sigmoid(u)
FAMILIES = {
    "BetaBinomial": ps.BetaBinomial.dist(positive[0], positive[1], 9),
    "Binomial": ps.Binomial.dist(9, share[0]),
    "DiscreteWeibull": ps.DiscreteWeibull.dist(share[0], positive[1]),
    "Geometric": ps.Geometric.dist(logit_p=u[0]),
    "HurdleGamma": ps.HurdleGamma.dist(share[0], alpha=positive[1], beta=positive[2]),
    "HurdleLogNormal": ps.HurdleLogNormal.dist(share[0], u[1], positive[2]),
    "HurdleNegativeBinomial": ps.HurdleNegativeBinomial.dist(share[0], positive[1], positive[2]),
    "HurdlePoisson": ps.HurdlePoisson.dist(share[0], positive[1]),
    "NegativeBinomial": ps.NegativeBinomial.dist(log_mu=u[0], alpha=positive[1]),
    "OrderedLogistic": ps.OrderedLogistic.dist(u[0], CUTPOINTS + positive[1]),
    "OrderedProbit": ps.OrderedProbit.dist(u[0], CUTPOINTS, sigma=positive[1]),
    "Poisson": ps.Poisson.dist(log_mu=u[0]),
    "ZeroInflatedBinomial": ps.ZeroInflatedBinomial.dist(share[0], 9, share[1]),
    "ZeroInflatedNegativeBinomial": ps.ZeroInflatedNegativeBinomial.dist(share[0], positive[1], positive[2]),
    "ZeroInflatedPoisson": ps.ZeroInflatedPoisson.dist(share[0], positive[1]),
}


def test_native_code_gives_what_is_interpreted():
    logs = [ps.logp(rv, X + (name == "Geometric")) for name, rv in FAMILIES.items()]
    outputs = [*logs, *(pm.grad(log.sum(), u) for log in logs)]
    native, interpreted = pm.function([u], outputs), interpret([u], outputs)
    assert native.compile_report()["callbacks"] == []
    for value in ([0.3, -0.2, 0.7], [-3.0, 2.0, -1.0], [5.0, 4.0, 8.0]):
        names = [*FAMILIES, *(f"gradient of {name}" for name in FAMILIES)]
        for name, ours, theirs in zip(names, native(np.array(value)), interpreted(np.array(value)), strict=True):
            assert np.isfinite(ours).all(), name
            # The rewritten graph adds in another order; log gamma functions of up to 3000 cancel to numbers near 1.
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10, err_msg=name)
