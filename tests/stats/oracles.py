"""Distributions that SciPy lacks, from their definitions: with the methods of SciPy's frozen distributions."""

import mpmath
import numpy as np


class Oracle:
    """What follows from `logpmf`, `logcdf`, `logsf`, `isf` and `support`."""

    def pmf(self, x):
        return np.exp(self.logpmf(x))

    def cdf(self, x):
        return np.exp(self.logcdf(x))

    def sf(self, x):
        return np.exp(self.logsf(x))

    def ppf(self, q):
        return self.isf(1 - np.asarray(q))

    def median(self):
        return self.isf(0.5)


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

    def isf(self, q):
        x = np.ceil((np.log(q) / np.log(self.q)) ** (1 / self.beta) - 1.0)
        return np.maximum(x, 0.0)

    def mean(self):
        x = np.arange(1, 400_000.0)
        return np.vectorize(lambda q, beta: np.sum(q ** (x**beta)))(self.q, self.beta)

    def support(self):
        return np.zeros_like(self.q), np.full_like(self.q, np.inf)


class ZeroInflated(Oracle):
    """With probability psi a value of another distribution, else 0."""

    def __init__(self, psi, base):
        self.psi, self.base = psi, base

    def logpmf(self, x):
        return np.logaddexp(np.log(self.psi) + self.base.logpmf(x), np.where(x == 0, np.log1p(-self.psi), -np.inf))

    def logcdf(self, x):
        return np.where(x < 0, -np.inf, np.logaddexp(np.log(self.psi) + self.base.logcdf(x), np.log1p(-self.psi)))

    def logsf(self, x):
        return np.where(x < 0, 0.0, np.log(self.psi) + self.base.logsf(x))

    def isf(self, q):
        share = q / self.psi
        return np.where(share < 1, self.base.isf(np.where(share < 1, share, 0.5)), 0.0)

    def mean(self):
        return self.psi * self.base.mean()

    def support(self):
        return self.base.support()


class Hurdle(ZeroInflated):
    """With probability psi a value of another distribution that is not 0, else 0."""

    def __init__(self, psi, base):
        super().__init__(psi, Positive(base))


class Positive(Oracle):
    """A distribution of counts, given that they are not 0."""

    def __init__(self, base):
        self.base = base

    def logpmf(self, x):
        return np.where(x > 0, self.base.logpmf(x) - self.base.logsf(0), -np.inf)

    def logcdf(self, x):
        return np.where(x > 0, np.log1p(-np.exp(self.logsf(x))), -np.inf)

    def logsf(self, x):
        return np.where(x > 0, self.base.logsf(x) - self.base.logsf(0), 0.0)

    def isf(self, q):
        return np.maximum(self.base.isf(self.base.sf(0) * q), 1.0)

    def mean(self):
        return self.base.mean() / self.base.sf(0)

    def support(self):
        return self.base.support()
