"""Log-densities to sample from, written as kernels, with their data as context."""

import functools
import math

import numpy as np

from pellucid.compile.llvm.kernel_language import Array, compile_kernels, i64, kernel


@kernel
def gaussian(x: Array, logp: Array, gradient: Array, data: Array) -> i64:
    """A multivariate normal distribution; data: d, mean, precision matrix."""
    d = int(data[0])
    mean = data[1:]
    total = 0.0
    for i in range(d):
        row = data[1 + d + i * d :]
        v = 0.0
        for j in range(d):
            v += row[j] * (x[j] - mean[j])
        gradient[i] = -v
        total += v * (x[i] - mean[i])
    logp[0] = -0.5 * total
    return 0


@kernel
def eight_schools(x: Array, logp: Array, gradient: Array, data: Array) -> i64:
    """Non-centred: mu ~ Normal(0, 5), tau ~ HalfCauchy(5); x: mu, log tau, eight effects; data: y, sigma."""
    mu = x[0]
    tau = math.exp(x[1])
    squares = 0.0
    prior = 0.0
    pull = 0.0
    pull_tau = 0.0
    for j in range(8):
        z = x[2 + j]
        r = (data[j] - mu - tau * z) / data[8 + j]
        w = r / data[8 + j]
        gradient[2 + j] = tau * w - z
        squares += r * r
        prior += z * z
        pull += w
        pull_tau += w * z
    t = 0.2 * tau
    tail = 1.0 + t * t
    gradient[0] = pull - 0.04 * mu
    gradient[1] = tau * pull_tau + 1.0 - 2.0 * t * t / tail
    logp[0] = -0.5 * (squares + prior) - 0.02 * mu * mu - math.log(tail) + x[1]
    return 0


@kernel
def funnel(x: Array, logp: Array, gradient: Array, data: Array) -> i64:
    """Two normal variables of scale exp(v / 2) with v ~ Normal(0, 1); x: v and these; data: unused."""
    precision = math.exp(-x[0])
    squares = x[1] * x[1] + x[2] * x[2]
    gradient[0] = -x[0] - 1.0 + 0.5 * precision * squares
    gradient[1] = -precision * x[1]
    gradient[2] = -precision * x[2]
    logp[0] = -0.5 * x[0] * x[0] - x[0] - 0.5 * precision * squares
    return 0


@kernel
def truncated(x: Array, logp: Array, gradient: Array, data: Array) -> i64:
    """A standard normal that fails below data[0] with status data[1]."""
    if x[0] < data[0]:
        return int(data[1])
    gradient[0] = -x[0]
    logp[0] = -0.5 * x[0] * x[0]
    return 0


@kernel
def undefined(x: Array, logp: Array, gradient: Array, data: Array) -> i64:
    """A standard normal whose logp is data[1], and its gradient data[2], below data[0]."""
    below = x[0] < data[0]
    gradient[0] = data[2] if below else -x[0]
    logp[0] = data[1] if below else -0.5 * x[0] * x[0]
    return 0


DENSITIES = (gaussian, eight_schools, funnel, truncated, undefined)
SCHOOLS = np.array([28.0, 8, -3, 7, -1, 1, 18, 12, 15, 10, 16, 11, 9, 11, 10, 18])


@functools.cache
def library():
    """The densities compiled; kept, because code lives as long as its library."""
    return compile_kernels(*DENSITIES)


def compiled(density):
    """The compiled form of one of the densities."""
    return library()[density.name]


def correlated_gaussian(d=10):
    """Mean, covariance, and data for `gaussian`, with standard deviations from 0.4 to 3.8."""
    random = np.random.default_rng(0)
    root = random.normal(size=(d, d))
    covariance = root @ root.T / d + np.diag(np.linspace(0.05, 3, d)) ** 2
    mean = np.arange(d) * 1.0
    return mean, covariance, np.concatenate([[d], mean, np.linalg.inv(covariance).ravel()])


def independent_gaussian(sd):
    """Data for `gaussian` with mean 0."""
    sd = np.asarray(sd, float)
    return np.concatenate([[len(sd)], np.zeros(len(sd)), np.diag(sd**-2.0).ravel()])
