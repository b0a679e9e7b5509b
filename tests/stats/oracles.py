"""Distributions that SciPy lacks, from their definitions: with the methods of SciPy's frozen distributions."""

import mpmath
import numpy as np


class Oracle:
    """What follows from `logpmf`, `logcdf`, `logsf`, `ppf` and `support`."""

    def pmf(self, x):
        return np.exp(self.logpmf(x))

    def cdf(self, x):
        return np.exp(self.logcdf(x))

    def sf(self, x):
        return np.exp(self.logsf(x))

    def median(self):
        return self.ppf(0.5)


class DiscreteWeibull(Oracle):
    """Survival of x whole periods has probability q**(x**beta)."""

    def __init__(self, q, beta):
        self.q, self.beta = q, beta

    def logsf(self, x):
        return np.floor(x + 1.0) ** self.beta * np.log(self.q)

    def logcdf(self, x):
        return np.log(-np.expm1(self.logsf(x)))

    def logpmf(self, x):
        with mpmath.workdps(60):
            return np.vectorize(
                lambda x, q, beta: float(mpmath.log(mpmath.mpf(q) ** (x**beta) - mpmath.mpf(q) ** ((x + 1) ** beta)))
            )(np.vectorize(mpmath.mpf)(x), self.q, np.vectorize(mpmath.mpf)(self.beta))

    def ppf(self, q):
        x = np.ceil((np.log1p(-np.asarray(q)) / np.log(self.q)) ** (1 / self.beta) - 1.0)
        return np.maximum(x, 0.0)

    def mean(self):
        x = np.arange(1, 400_000.0)
        return np.vectorize(lambda q, beta: np.sum(q ** (x**beta)))(self.q, self.beta)

    def support(self):
        return np.zeros_like(self.q), np.full_like(self.q, np.inf)
