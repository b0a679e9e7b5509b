"""Models of composite distributions have the log-probabilities and gradients that PyMC 6.4 gives them."""

import warnings

import pytest

import pellucid as pm
import pellucid.tensor as pt
from stats.composite_models import MODELS, numbers

PYMC = {  # what `numbers` of composite_models.py returns there, for each model
    "mixtures": {
        "w": -6.40761214243,
        "mu": -11.3102818679,
        "positive": -4.23573203746,
        "batch": -7.7361802648,
        "interval": -1.39915365265,
        "unit": -1.12742803895,
        "simplex": -2.06690406865,
        "vectors": -5.7821478899,
        "counts": -4.77424810143,
        "normal": -6.95383600257,
        "precision": -2.69043921208,
        "unlike": -4.3013424447,
        "sized": -3.09639938912,
        "seen": -19.2393342588,
        "slope": 5.26567796843,
    },
    "bounded": {
        "mu": -2.82588588491,
        "s": -0.801745550541,
        "both": -3.67577610135,
        "below": -2.9039069591,
        "above": -2.72552841909,
        "gamma": -1.0219038246,
        "exponential": -3.45177809839,
        "logistic": -7.8835610954,
        "poisson": -6.35349082226,
        "negative": -5.50857767157,
        "normal": -3.94413644334,
        "counts": -4.28841530358,
        "weibull": -6.97492864117,
        "binomial": -3.6271421639,
        "slope": -12.9797512666,
    },
    "series": {
        "s": -0.725791352645,
        "r": -0.19737907211,
        "walk": -14.5641860575,
        "laplace": -5.19968502688,
        "sized": -9.14576476662,
        "shaped": -27.169317947,
        "vectors": -28.7869734483,
        "heavy": -10.4409936428,
        "ar": -15.9591953602,
        "constant": -4.49112674763,
        "ars": -16.7044234655,
        "together": -9.43342132725,
        "garch": -8.33786454962,
        "sde": -0.0501355987405,
        "sdes": -1.22875629842,
        "slope": -30.1256731636,
    },
    "custom": {
        "mu": -2.82588588491,
        "s": -0.801745550541,
        "given": -0.184194101322,
        "scaled": -4.98680380172,
        "vectors": -5.78038671986,
        "derived": -5.57032742312,
        "truncated": -2.46540638778,
        "clipped": -3.94428379418,
        "slope": 5.03690392095,
    },
}


@pytest.mark.parametrize("name", MODELS)
def test_log_probabilities_and_gradients_are_those_of_pymc(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = numbers(MODELS[name](pm, pt), backend="numpy")
    # PyMC's own normal cdf, as it was recorded, differs from SciPy's by 1e-8.
    assert found == pytest.approx(PYMC[name], rel=1e-7, abs=1e-7)
