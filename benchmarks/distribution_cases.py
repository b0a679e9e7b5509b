"""The distributions that `distributions.py` times: how to make each in either library, and its log-density in JAX."""

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

ROWS, WIDTH = 2000, 5  # of distributions of vectors: 10,000 elements
SIDE = 100  # of distributions of matrices

TABLE = {}


@dataclass(frozen=True)
class Case:
    """A distribution, the values of its parameters, and its draws.

    `make(library, *parameters)` gives the random variable, and `draw(rng, n)` a batch of n values. Whole numbers have
    no gradient, nor have the parameters numbered in `fixed`.
    """

    tier: int
    values: tuple[Any, ...]
    make: Any
    draw: Any
    count: int
    fixed: tuple[int, ...] = ()
    few: int = 1  # the batch whose time is called the overhead


def case(name, tier, values, make, draw, count=10_000, fixed=(), few=1):
    """Enter a case in the table; a `make` that is None calls the class with the parameters in order."""
    build = make or (lambda pm, *parameters: getattr(pm, name).dist(*parameters))
    arrays = tuple(np.asarray(v) for v in values)
    TABLE[name] = Case(tier, arrays, build, draw, count, fixed, few)


def by_name(name, *labels):
    """Make a distribution from parameters given by name."""
    return lambda pm, *parameters: getattr(pm, name).dist(**dict(zip(labels, parameters, strict=True)))


CHOLESKY = np.linalg.cholesky(0.5 * np.eye(WIDTH) + 0.5)
MEAN = np.linspace(-1, 1, WIDTH)
WEIGHTS = np.array([0.1, 0.3, 0.2, 0.25, 0.15])
SHAPES = np.array([0.8, 1.5, 2.5, 1.1, 3.0])
CUTS = np.array([-1.5, -0.3, 0.4, 1.7])
RING = np.roll(np.eye(SIDE), 1, axis=0) + np.roll(np.eye(SIDE), -1, axis=0)
STEPS = np.arange(SIDE)
SCALE = np.eye(SIDE) + 0.5 ** abs(STEPS[:, None] - STEPS)


def one_of(r, n):
    """Numbers around 0, some far away."""
    return r.normal(0.3, 1.7, n)


# Numbers, T1.
case("Normal", 1, (0.3, 1.7), None, one_of)
case("HalfNormal", 1, (1.7,), None, lambda r, n: abs(r.normal(0, 1.7, n)))
case(
    "StudentT",
    1,
    (4.5, 0.3, 1.7),
    by_name("StudentT", "nu", "mu", "sigma"),
    lambda r, n: 0.3 + 1.7 * r.standard_t(4.5, n),
)
case("HalfCauchy", 1, (1.7,), None, lambda r, n: abs(1.7 * r.standard_cauchy(n)))
case("Exponential", 1, (1.3,), None, lambda r, n: r.exponential(1 / 1.3, n))
case("Gamma", 1, (2.5, 1.3), None, lambda r, n: r.gamma(2.5, 1 / 1.3, n))
case("InverseGamma", 1, (2.5, 1.3), None, lambda r, n: 1.3 / r.gamma(2.5, 1, n))
case("Beta", 1, (2.5, 1.3), None, lambda r, n: r.beta(2.5, 1.3, n))
case("Uniform", 1, (-1.5, 2.5), None, lambda r, n: r.uniform(-1.4, 2.4, n))
case("LogNormal", 1, (0.3, 0.7), None, lambda r, n: r.lognormal(0.3, 0.7, n))
case("Weibull", 1, (1.5, 2.5), None, lambda r, n: 2.5 * r.weibull(1.5, n))
case("TruncatedNormal", 1, (0.3, 1.7, -1.0, 2.0), by_name("TruncatedNormal", "mu", "sigma", "lower", "upper"),
     lambda r, n: r.uniform(-0.9, 1.9, n))  # fmt: skip
case("Flat", 1, (), None, one_of)
case("Bernoulli", 1, (0.3,), None, lambda r, n: r.binomial(1, 0.3, n))
case("Binomial", 1, (20, 0.3), None, lambda r, n: r.binomial(20, 0.3, n))
case("Poisson", 1, (3.3,), None, lambda r, n: r.poisson(3.3, n))
case("NegativeBinomial", 1, (3.3, 1.7), None, lambda r, n: r.poisson(r.gamma(1.7, 3.3 / 1.7, n)))
case("Categorical", 1, (WEIGHTS,), None, lambda r, n: r.integers(0, WIDTH, n))

# Vectors, matrices, series, wrappers, T1.
case("MvNormal", 1, (MEAN, CHOLESKY), by_name("MvNormal", "mu", "chol"), lambda r, n: r.normal(0, 1, (n, WIDTH)), ROWS)
case("MvNormal(cov)", 1, (MEAN, CHOLESKY @ CHOLESKY.T), by_name("MvNormal", "mu", "cov"),
     lambda r, n: r.normal(0, 1, (n, WIDTH)), ROWS)  # fmt: skip
case("Dirichlet", 1, (SHAPES,), None, lambda r, n: r.dirichlet(SHAPES, n), ROWS)


def centred(r, n):
    """Rows that sum to zero."""
    x = r.normal(0, 1.7, (n, WIDTH))
    return x - x.mean(-1, keepdims=True)


case("ZeroSumNormal", 1, (1.7,), lambda pm, s: pm.ZeroSumNormal.dist(s, shape=(WIDTH,)), centred, ROWS)


def packed_factor(r, n):
    """The Cholesky factor of a covariance matrix, row by row."""
    side = 140 if n > 1 else 2
    factor = np.tril(r.normal(0, 0.1, (side, side)), -1) + np.diag(r.uniform(0.5, 1.5, side))
    return factor[np.tril_indices(side)]


def covariance_factor(pm, eta, lam, n=140):
    """A packed factor, without what is worked out from it."""
    return pm.LKJCholeskyCov.dist(n=n, eta=eta, sd_dist=pm.Exponential.dist(lam, shape=n), compute_corr=False)


case("LKJCholeskyCov", 1, (2.0, 1.3), covariance_factor, packed_factor, 140)
case("GaussianRandomWalk", 1, (0.1, 1.7),
     lambda pm, mu, sigma: pm.GaussianRandomWalk.dist(mu, sigma, init_dist=pm.Normal.dist(0, 10), steps=9999),
     lambda r, n: np.cumsum(r.normal(0.1, 1.7, n)), few=2)  # fmt: skip
case("Mixture", 1, (WEIGHTS[:3] / WEIGHTS[:3].sum(), 0.3, 1.7, 4.5),
     lambda pm, w, mu, sigma, nu: pm.Mixture.dist(w, [
         pm.Normal.dist(mu, sigma), pm.StudentT.dist(nu=nu, mu=mu, sigma=sigma), pm.Laplace.dist(mu, sigma)]),
     one_of)  # fmt: skip
case("NormalMixture", 1, (WEIGHTS[:3] / WEIGHTS[:3].sum(), MEAN[:3], SHAPES[:3]), None, one_of)
case("Truncated", 1, (1.5, 2.5), lambda pm, a, b: pm.Truncated.dist(pm.Weibull.dist(a, b), lower=0.5, upper=6.0),
     lambda r, n: r.uniform(0.6, 5.9, n))  # fmt: skip
case("Censored", 1, (0.3, 1.7), lambda pm, mu, sigma: pm.Censored.dist(pm.Normal.dist(mu, sigma), -1.0, 2.0),
     lambda r, n: np.clip(r.normal(0.3, 1.7, n), -1.0, 2.0))  # fmt: skip


def exponential_of_normal(pm, mu, sigma):
    """A log-normal variable that the library has to derive."""
    if pm.__name__ == "pellucid":
        import pellucid.tensor as pt
    else:
        import pytensor.tensor as pt
    return pm.CustomDist.dist(mu, sigma, dist=lambda m, s, size: pt.exp(pm.Normal.dist(m, s, size=size)))


case("CustomDist(dist)", 1, (0.3, 0.7), exponential_of_normal, lambda r, n: r.lognormal(0.3, 0.7, n))

# Numbers, T2.
case("HalfStudentT", 2, (4.5, 1.7), None, lambda r, n: abs(1.7 * r.standard_t(4.5, n)))
case("Cauchy", 2, (0.3, 1.7), None, lambda r, n: 0.3 + 1.7 * r.standard_cauchy(n))
case("Laplace", 2, (0.3, 1.7), None, one_of)
case("AsymmetricLaplace", 2, (1.2, 0.3, 1.7), by_name("AsymmetricLaplace", "kappa", "mu", "b"), one_of)
case("Logistic", 2, (0.3, 1.7), None, one_of)
case("LogitNormal", 2, (0.3, 1.7), None, lambda r, n: r.uniform(0.01, 0.99, n))
case("Gumbel", 2, (0.3, 1.7), None, one_of)
case("Pareto", 2, (2.5, 1.3), None, lambda r, n: 1.3 + 1.3 * r.pareto(2.5, n))
case("ChiSquared", 2, (4.5,), None, lambda r, n: r.chisquare(4.5, n))
case("ExGaussian", 2, (0.3, 1.7, 0.9), by_name("ExGaussian", "mu", "sigma", "nu"), one_of)
case("SkewNormal", 2, (0.3, 1.7, 2.1), None, one_of)
case("Wald", 2, (1.5, 2.5), None, lambda r, n: r.wald(1.5, 2.5, n))
case("VonMises", 2, (0.3, 1.7), None, lambda r, n: r.vonmises(0.3, 1.7, n))
case(
    "Triangular",
    2,
    (-1.0, 0.5, 2.0),
    by_name("Triangular", "lower", "c", "upper"),
    lambda r, n: r.uniform(-0.9, 1.9, n),
)
case("HalfFlat", 2, (), None, lambda r, n: r.exponential(1.0, n))
case("BetaBinomial", 2, (2.5, 1.3, 20), None, lambda r, n: r.binomial(20, 0.6, n))
case("Geometric", 2, (0.3,), None, lambda r, n: r.geometric(0.3, n))
case("DiscreteUniform", 2, (0, 9), None, lambda r, n: r.integers(0, 10, n))
case("OrderedLogistic", 2, (CUTS, np.linspace(-2, 2, 10_000)), by_name("OrderedLogistic", "cutpoints", "eta"),
     lambda r, n: r.integers(0, 5, n))  # fmt: skip
case("OrderedProbit", 2, (CUTS, np.linspace(-2, 2, 10_000)), by_name("OrderedProbit", "cutpoints", "eta"),
     lambda r, n: r.integers(0, 5, n))  # fmt: skip
case("ZeroInflatedPoisson", 2, (0.7, 3.3), None, lambda r, n: r.poisson(3.3, n) * (r.random(n) < 0.7))
case("ZeroInflatedBinomial", 2, (0.7, 20, 0.3), None, lambda r, n: r.binomial(20, 0.3, n) * (r.random(n) < 0.7))
case("ZeroInflatedNegativeBinomial", 2, (0.7, 3.3, 1.7), None,
     lambda r, n: r.poisson(r.gamma(1.7, 3.3 / 1.7, n)) * (r.random(n) < 0.7))  # fmt: skip
case("HurdlePoisson", 2, (0.7, 3.3), None, lambda r, n: r.poisson(3.3, n) * (r.random(n) < 0.7))
case("HurdleGamma", 2, (0.7, 2.5, 1.3), None, lambda r, n: r.gamma(2.5, 1 / 1.3, n) * (r.random(n) < 0.7))

# Vectors, matrices and series, T2 and T3.
case("MvStudentT", 2, (4.5, MEAN, CHOLESKY), by_name("MvStudentT", "nu", "mu", "chol"),
     lambda r, n: r.normal(0, 1, (n, WIDTH)), ROWS)  # fmt: skip
case("Multinomial", 2, (20, WEIGHTS), None, lambda r, n: r.multinomial(20, WEIGHTS, n), ROWS)
case("DirichletMultinomial", 2, (20, SHAPES), None, lambda r, n: r.multinomial(20, WEIGHTS, n), ROWS)


def correlations(r, n):
    """The Cholesky factor of a correlation matrix."""
    side = SIDE if n > 1 else 2
    covariance = np.cov(r.normal(0, 1, (side, 3 * side)))
    deviations = np.sqrt(np.diag(covariance))
    found = covariance / deviations[:, None] / deviations
    return np.linalg.cholesky(found)


def wishart(r, n):
    """A covariance matrix."""
    rows = np.linalg.cholesky(SCALE) @ r.normal(0, 1, (SIDE, 150))
    return rows @ rows.T


case("LKJCorr", 2, (2.0,), lambda pm, eta, n=SIDE: pm.LKJCorr.dist(n=n, eta=eta), correlations, SIDE)
case("Wishart", 3, (150.0, SCALE), lambda pm, nu, v: pm.Wishart.dist(nu, v), wishart, SIDE, few=0)
case("CAR", 2, (np.zeros(SIDE), 0.8, 1.7), lambda pm, mu, alpha, tau: pm.CAR.dist(mu, RING, alpha, tau),
     lambda r, n: r.normal(0, 1, (n, SIDE)), SIDE)  # fmt: skip
case("ICAR", 2, (1.7,), lambda pm, sigma: pm.ICAR.dist(RING, sigma), lambda r, n: r.normal(0, 1, SIDE), SIDE, few=0)
case("AR", 2, (np.array([0.5, 0.3]), 1.7),
     lambda pm, rho, sigma: pm.AR.dist(rho, sigma=sigma, init_dist=pm.Normal.dist(0, 10, shape=2), steps=9998),
     lambda r, n: r.normal(0, 1.7, n), few=3)  # fmt: skip
case("RandomWalk", 2, (4.5, 1.7),
     lambda pm, nu, sigma: pm.RandomWalk.dist(init_dist=pm.Normal.dist(0, 10), steps=9999,
                                              innovation_dist=pm.StudentT.dist(nu=nu, mu=0, sigma=sigma)),
     lambda r, n: np.cumsum(r.normal(0.1, 1.7, n)), few=2)  # fmt: skip
case("MvGaussianRandomWalk", 2, (MEAN, CHOLESKY),
     lambda pm, mu, chol: pm.MvGaussianRandomWalk.dist(
         mu, chol=chol, init_dist=pm.MvNormal.dist(np.zeros(WIDTH), np.eye(WIDTH)), steps=ROWS - 1),
     lambda r, n: np.cumsum(r.normal(0, 1, (n, WIDTH)), 0), ROWS, few=2)  # fmt: skip
case("GARCH11", 3, (0.5, 0.3, 0.4, 1.1), by_name("GARCH11", "omega", "alpha_1", "beta_1", "initial_vol"),
     lambda r, n: r.normal(0, 1.5, n), few=2)  # fmt: skip


def fitted(name, count):
    """The case's way to make the variable, for a batch of `count`: lengths that are part of it follow the batch."""
    made = TABLE[name].make
    if name in ("GaussianRandomWalk", "RandomWalk", "AR", "MvGaussianRandomWalk"):
        return resized[name](count)
    if name in ("LKJCholeskyCov", "LKJCorr"):
        return functools.partial(made, n=2) if count == 1 else made
    if name == "GARCH11":
        return lambda pm, *p: made(pm, *p) if count is None else pm.GARCH11.dist(*p, shape=(count,))
    return made


resized = {
    "GaussianRandomWalk": lambda n: lambda pm, mu, sigma: pm.GaussianRandomWalk.dist(
        mu, sigma, init_dist=pm.Normal.dist(0, 10), steps=n - 1),
    "RandomWalk": lambda n: lambda pm, nu, sigma: pm.RandomWalk.dist(
        init_dist=pm.Normal.dist(0, 10), innovation_dist=pm.StudentT.dist(nu=nu, mu=0, sigma=sigma), steps=n - 1),
    "AR": lambda n: lambda pm, rho, sigma: pm.AR.dist(
        rho, sigma=sigma, init_dist=pm.Normal.dist(0, 10, shape=2), steps=n - 2),
    "MvGaussianRandomWalk": lambda n: lambda pm, mu, chol: pm.MvGaussianRandomWalk.dist(
        mu, chol=chol, init_dist=pm.MvNormal.dist(np.zeros(WIDTH), np.eye(WIDTH)), steps=n - 1),
}  # fmt: skip


def in_jax(name):  # noqa: PLR0915  # a list of formulae
    """The log-density in JAX's own functions, summed; KeyError for those that are not written there."""
    import jax
    import jax.numpy as jnp
    import jax.scipy.linalg as jl
    import jax.scipy.stats as js
    from jax.scipy.special import betaln, gammaln, i0e, log_ndtr, logsumexp, multigammaln, ndtr, xlog1py, xlogy

    def choose(n, k):
        return gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)

    def negative_binomial(x, mu, alpha):
        binomial = gammaln(x + alpha) - gammaln(x + 1.0) - gammaln(alpha)
        return binomial + xlogy(x, mu / (mu + alpha)) + alpha * jnp.log(alpha / (mu + alpha))

    def binomial(x, n, p):
        return choose(n, x) + xlogy(x, p) + xlog1py(n - x, -p)

    def truncated_normal(x, mu, sigma, lower, upper):
        a, b = (lower - mu) / sigma, (upper - mu) / sigma
        return js.norm.logpdf(x, mu, sigma) - jnp.log(jnp.exp(log_ndtr(b)) - jnp.exp(log_ndtr(a)))

    def squared_distance(x, chol):
        return (jl.solve_triangular(chol, x.T, lower=True) ** 2).sum(0)

    def mv_normal(x, mu, chol):
        constant = 0.5 * mu.shape[0] * math.log(2 * math.pi) + jnp.log(jnp.diag(chol)).sum()
        return -0.5 * squared_distance(x - mu, chol) - constant

    def mv_student(x, nu, mu, chol):
        d = mu.shape[0]
        constant = gammaln((nu + d) / 2) - gammaln(nu / 2) - 0.5 * d * jnp.log(nu * math.pi)
        return constant - jnp.log(jnp.diag(chol)).sum() - (nu + d) / 2 * jnp.log1p(squared_distance(x - mu, chol) / nu)

    def weibull(x, a, b):
        return jnp.log(a / b) + (a - 1) * jnp.log(x / b) - (x / b) ** a

    def truncated(x, a, b):
        inside = jnp.exp(-((0.5 / b) ** a)) - jnp.exp(-((6.0 / b) ** a))
        return weibull(x, a, b) - jnp.log(inside)

    def censored(x, mu, sigma):
        below, above = log_ndtr((-1.0 - mu) / sigma), log_ndtr((mu - 2.0) / sigma)
        return jnp.where(x <= -1.0, below, jnp.where(x >= 2.0, above, js.norm.logpdf(x, mu, sigma)))

    def lkj(x_size, eta):
        k = jnp.arange(1, x_size)
        gammas = gammaln(eta + (x_size - 1 - k) / 2) - gammaln(eta + (x_size - 1) / 2)
        return -jnp.sum(0.5 * k * math.log(math.pi) + gammas)

    def lkj_factor(x, eta):
        n = x.shape[0]
        return lkj(n, eta) + ((2 * eta + n - 3 - jnp.arange(n)) * jnp.log(jnp.diag(x))).sum()

    def lkj_cholesky(x, eta, lam):
        n = round((math.sqrt(8 * x.shape[0] + 1) - 1) / 2)
        k = np.arange(n)
        rows = np.repeat(k, k + 1)
        deviations = jnp.sqrt(jax.ops.segment_sum(x**2, rows, n))
        diagonal = jnp.log(x[np.cumsum(k + 1) - 1])
        powers = (2 * eta + n - 3 - k) * (diagonal - jnp.log(deviations))
        jacobian = diagonal - (k + 1) * jnp.log(deviations)
        return lkj(n, eta) + (powers + jacobian + js.expon.logpdf(deviations, scale=1 / lam)).sum()

    def walk(innovations, x):
        return js.norm.logpdf(x[0], 0.0, 10.0) + innovations(x[1:] - x[:-1]).sum()

    def mixture(x, w, mu, sigma, nu):
        laplace = -abs(x - mu) / sigma - jnp.log(2 * sigma)
        parts = [js.norm.logpdf(x, mu, sigma), js.t.logpdf(x, nu, mu, sigma), laplace]
        return logsumexp(jnp.stack([jnp.log(w[i]) + p for i, p in enumerate(parts)]), axis=0)

    def auto_regression(x, rho, sigma):
        residual = x[2:] - rho[0] * x[1:-1] - rho[1] * x[:-2]
        return js.norm.logpdf(x[:2], 0.0, 10.0).sum() + js.norm.logpdf(residual, 0.0, sigma).sum()

    def garch(x, omega, alpha, beta, first):
        def step(volatility, value):
            following = jnp.sqrt(omega + alpha * value**2 + beta * volatility**2)
            return following, following

        later = jax.lax.scan(step, first, x[:-1])[1]
        return js.norm.logpdf(x, 0.0, jnp.concatenate([first[None], later])).sum()

    def ordered(below, above):
        def formula(x, cutpoints, eta):
            ends = jnp.concatenate([jnp.array([-jnp.inf]), cutpoints, jnp.array([jnp.inf])])
            high, low = ends[x + 1] - eta, ends[x] - eta
            top, bottom = x == cutpoints.shape[0], x == 0
            safe_high, safe_low = jnp.where(top, 1.0, high), jnp.where(bottom, 0.0, low)
            between = jnp.log(jnp.where(top, 1.0, below(safe_high)) - jnp.where(bottom, 0.0, below(safe_low)))
            return jnp.where(top, above(safe_low), between)

        return formula

    def inflated(log_base):
        def formula(x, psi, *parameters):
            own = jnp.log(psi) + log_base(x, *parameters)
            return jnp.where(x == 0, jnp.logaddexp(jnp.log1p(-psi), own), own)

        return formula

    def hurdle_gamma(x, psi, alpha, beta):
        positive = jnp.where(x > 0, x, 1.0)
        return jnp.where(x > 0, jnp.log(psi) + js.gamma.logpdf(positive, alpha, scale=1 / beta), jnp.log1p(-psi))

    def wishart_density(x, nu, v):
        p = v.shape[0]
        exponent = (nu - p - 1) / 2 * jnp.linalg.slogdet(x)[1] - jnp.trace(jnp.linalg.solve(v, x)) / 2
        return exponent - nu * p / 2 * math.log(2) - nu / 2 * jnp.linalg.slogdet(v)[1] - multigammaln(nu / 2, p)

    def car(x, mu, alpha, tau):
        degrees = RING.sum(0)
        eigenvalues = np.linalg.eigvalsh(RING / np.sqrt(np.outer(degrees, degrees)))
        log_det = jnp.log1p(-alpha * eigenvalues).sum() + len(degrees) * jnp.log(tau) + np.log(degrees).sum()
        d = x - mu
        square = (d * (degrees * d - alpha * (d @ RING))).sum(-1)
        return 0.5 * (log_det - len(degrees) * math.log(2 * math.pi) - tau * square)

    def skew_normal(x, mu, sigma, alpha):
        return math.log(2) + js.norm.logpdf(x, mu, sigma) + log_ndtr(alpha * (x - mu) / sigma)

    def ex_gaussian(x, mu, sigma, nu):
        z = (x - mu) / sigma - sigma / nu
        return -jnp.log(nu) + (mu - x) / nu + 0.5 * (sigma / nu) ** 2 + log_ndtr(z)

    def triangular(x, lower, c, upper):
        rising = jnp.log(2 * (x - lower) / ((upper - lower) * (c - lower)))
        return jnp.where(x < c, rising, jnp.log(2 * (upper - x) / ((upper - lower) * (upper - c))))

    def log_normal(x, mu, sigma):
        return js.norm.logpdf(jnp.log(x), mu, sigma) - jnp.log(x)

    def multinomial(x, n, p):
        return gammaln(n + 1.0) - gammaln(x + 1.0).sum(-1) + xlogy(x, p).sum(-1)

    def dirichlet_multinomial(x, n, a):
        total = gammaln(a.sum()) + gammaln(n + 1.0) - gammaln(n + a.sum())
        return total + (gammaln(x + a) - gammaln(a) - gammaln(x + 1.0)).sum(-1)

    def zero_sum(x, sigma):
        return ((x.shape[-1] - 1) / x.shape[-1] * (-jnp.log(sigma) - 0.5 * math.log(2 * math.pi))
                - 0.5 * (x / sigma) ** 2).sum(-1)  # fmt: skip

    def asymmetric_laplace(x, kappa, mu, b):
        d = (x - mu) * b
        return jnp.log(b / (kappa + 1 / kappa)) - jnp.where(d < 0, -d / kappa, d * kappa)

    formulas = {
        "Normal": js.norm.logpdf,
        "HalfNormal": lambda x, sigma: math.log(2) + js.norm.logpdf(x, 0.0, sigma),
        "StudentT": js.t.logpdf,
        "HalfCauchy": lambda x, beta: math.log(2) + js.cauchy.logpdf(x, 0.0, beta),
        "Exponential": lambda x, lam: js.expon.logpdf(x, scale=1 / lam),
        "Gamma": lambda x, alpha, beta: js.gamma.logpdf(x, alpha, scale=1 / beta),
        "InverseGamma": lambda x, a, b: a * jnp.log(b) - gammaln(a) - (a + 1) * jnp.log(x) - b / x,
        "Beta": js.beta.logpdf,
        "Uniform": lambda x, low, high: js.uniform.logpdf(x, low, high - low),
        "LogNormal": log_normal,
        "Weibull": weibull,
        "TruncatedNormal": truncated_normal,
        "Flat": lambda x: 0 * x,
        "Bernoulli": js.bernoulli.logpmf,
        "Binomial": binomial,
        "Poisson": js.poisson.logpmf,
        "NegativeBinomial": negative_binomial,
        "Categorical": lambda x, p: jnp.log(p)[x],
        "MvNormal": mv_normal,
        "MvNormal(cov)": lambda x, mu, cov: mv_normal(x, mu, jnp.linalg.cholesky(cov)),
        "Dirichlet": lambda x, a: xlogy(a - 1, x).sum(-1) + gammaln(a.sum()) - gammaln(a).sum(),
        "ZeroSumNormal": zero_sum,
        "LKJCholeskyCov": lkj_cholesky,
        "GaussianRandomWalk": lambda x, mu, sigma: walk(lambda d: js.norm.logpdf(d, mu, sigma), x),
        "Mixture": mixture,
        "NormalMixture": lambda x, w, mu, sigma: logsumexp(jnp.log(w) + js.norm.logpdf(x[:, None], mu, sigma), axis=-1),
        "Truncated": truncated,
        "Censored": censored,
        "CustomDist(dist)": log_normal,
        "HalfStudentT": lambda x, nu, sigma: math.log(2) + js.t.logpdf(x, nu, 0.0, sigma),
        "Cauchy": js.cauchy.logpdf,
        "Laplace": js.laplace.logpdf,
        "AsymmetricLaplace": asymmetric_laplace,
        "Logistic": js.logistic.logpdf,
        "LogitNormal": lambda x, mu, sigma: js.norm.logpdf(jnp.log(x / (1 - x)), mu, sigma) - jnp.log(x * (1 - x)),
        "Gumbel": lambda x, mu, beta: -jnp.log(beta) - (x - mu) / beta - jnp.exp(-(x - mu) / beta),
        "Pareto": lambda x, alpha, m: jnp.log(alpha) + alpha * jnp.log(m) - (alpha + 1) * jnp.log(x),
        "ChiSquared": js.chi2.logpdf,
        "ExGaussian": ex_gaussian,
        "SkewNormal": skew_normal,
        "Wald": lambda x, mu, lam: 0.5 * jnp.log(lam / (2 * math.pi * x**3)) - lam * (x - mu) ** 2 / (2 * mu**2 * x),
        "VonMises": lambda x, mu, kappa: kappa * (jnp.cos(x - mu) - 1) - jnp.log(2 * math.pi * i0e(kappa)),
        "Triangular": triangular,
        "HalfFlat": lambda x: 0 * x,
        "BetaBinomial": lambda x, a, b, n: choose(n, x) + betaln(x + a, n - x + b) - betaln(a, b),
        "Geometric": lambda x, p: jnp.log(p) + (x - 1) * jnp.log1p(-p),
        "DiscreteUniform": lambda x, low, high: -jnp.log(high - low + 1.0) + 0.0 * x,
        "OrderedLogistic": ordered(jax.nn.sigmoid, jax.nn.log_sigmoid),
        "OrderedProbit": ordered(ndtr, lambda z: log_ndtr(-z)),
        "ZeroInflatedPoisson": inflated(js.poisson.logpmf),
        "ZeroInflatedBinomial": inflated(binomial),
        "ZeroInflatedNegativeBinomial": inflated(negative_binomial),
        "HurdlePoisson": lambda x, psi, mu: jnp.where(
            x == 0, jnp.log1p(-psi), jnp.log(psi) + js.poisson.logpmf(x, mu) - jnp.log1p(-jnp.exp(-mu))),
        "HurdleGamma": hurdle_gamma,
        "MvStudentT": mv_student,
        "Multinomial": multinomial,
        "DirichletMultinomial": dirichlet_multinomial,
        "LKJCorr": lkj_factor,
        "Wishart": wishart_density,
        "CAR": car,
        "ICAR": lambda x, sigma: js.norm.logpdf(x.sum() / len(x), 0.0, 0.001)
        - 0.25 / sigma**2 * (RING * (x[:, None] - x) ** 2).sum(),
        "AR": auto_regression,
        "RandomWalk": lambda x, nu, sigma: walk(lambda d: js.t.logpdf(d, nu, 0.0, sigma), x),
        "MvGaussianRandomWalk": lambda x, mu, chol: mv_normal(x[1:] - x[:-1], mu, chol).sum()
        + mv_normal(x[:1], jnp.zeros(x.shape[1]), jnp.eye(x.shape[1])).sum(),
        "GARCH11": garch,
    }  # fmt: skip
    return formulas[name]
