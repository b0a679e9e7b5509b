"""Distributions of whole numbers: far tails, quantiles and extreme parameters, against mpmath."""

import mpmath
import numpy as np
import pytest

import pellucid.compile.function  # noqa: F401  # brings .eval() to tensors
import pellucid.stats as ps


def exact_beta_binomial(n, alpha, beta):
    """All probabilities, by mpmath."""
    a, b = mpmath.mpf(alpha), mpmath.mpf(beta)
    return [mpmath.binomial(n, k) * mpmath.beta(k + a, n - k + b) / mpmath.beta(a, b) for k in range(n + 1)]


def exact_hypergeometric(good, bad, n):
    """All probabilities, by mpmath."""
    total = mpmath.binomial(good + bad, n)
    return [mpmath.binomial(good, k) * mpmath.binomial(bad, n - k) / total for k in range(min(n, good) + 1)]


FINITE = {
    "even": (ps.BetaBinomial.dist(1.0, 1.0, 7), exact_beta_binomial, (7, 1.0, 1.0)),
    "uneven": (ps.BetaBinomial.dist(0.3, 40.0, 60), exact_beta_binomial, (60, 0.3, 40.0)),
    "almost binomial": (ps.BetaBinomial.dist(3e9, 1e9, 50), exact_beta_binomial, (50, 3e9, 1e9)),
    "extreme": (ps.BetaBinomial.dist(1e-6, 1e-3, 12), exact_beta_binomial, (12, 1e-6, 1e-3)),
    "no trial": (ps.BetaBinomial.dist(2.0, 3.0, 0), exact_beta_binomial, (0, 2.0, 3.0)),
    "without replacement": (ps.HyperGeometric.dist(N=90, k=30, n=40), exact_hypergeometric, (30, 60, 40)),
    "nearly all drawn": (ps.HyperGeometric.dist(N=50, k=20, n=48), exact_hypergeometric, (20, 30, 48)),
}


@pytest.mark.parametrize("case", FINITE)
def test_finite_sums_keep_the_digits_of_both_tails(case):
    rv, exact, arguments = FINITE[case]
    with mpmath.workdps(60):
        p = exact(*arguments)
        x = np.arange(len(p))
        below = [mpmath.fsum(p[: k + 1]) for k in x]
        above = [mpmath.fsum(p[k + 1 :]) for k in x]
        logs = [[float(mpmath.log(v)) if v else -np.inf for v in row] for row in (p, below, above)]
    for found, expected in zip((ps.logp, ps.logcdf, ps.logccdf), logs, strict=True):
        # Differences of log gamma functions of numbers below 100 lose up to 3 digits.
        np.testing.assert_allclose(found(rv, x).eval(), expected, rtol=1e-12, atol=1e-12)
