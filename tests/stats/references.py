"""Continuous distributions that SciPy lacks or knows to few digits, from their definitions, as SciPy distributions."""

import numpy as np
from scipy import special, stats


class HalfT(stats.rv_continuous):
    """The absolute value of Student's t."""

    def _logpdf(self, x, nu):
        return np.log(2) + stats.t.logpdf(x, nu)

    def _cdf(self, x, nu):
        near = special.betainc(0.5, nu / 2, x**2 / (nu + x**2))
        return np.where(x**2 < nu, near, 1 - special.betainc(nu / 2, 0.5, nu / (nu + x**2)))

    def _sf(self, x, nu):
        return np.where(x**2 < nu, 1 - self._cdf(x, nu), special.betainc(nu / 2, 0.5, nu / (nu + x**2)))

    def _ppf(self, q, nu):
        low = np.sqrt(nu / (1 / special.betaincinv(0.5, nu / 2, np.minimum(q, 0.1)) - 1))
        return np.where(q <= 0.1, low, -stats.t.ppf((1 - q) / 2, nu))

    def _stats(self, nu):
        mean = 2 * np.sqrt(nu / np.pi) * np.exp(special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2)) / (nu - 1)
        return np.where(nu > 1, mean, np.inf), None, None, None


class Kumaraswamy(stats.rv_continuous):
    """Numbers in (0, 1) with P(X > x) = (1 - x**a)**b."""

    def _logpdf(self, x, a, b):
        return np.log(a * b) + special.xlogy(a - 1, x) + special.xlogy(b - 1, -np.expm1(a * np.log(x)))

    def _cdf(self, x, a, b):
        power = x**a
        return -np.expm1(b * np.where(power < 0.5, np.log1p(-power), np.log(-np.expm1(a * np.log(x)))))

    def _logcdf(self, x, a, b):
        return np.log(self._cdf(x, a, b))

    def _sf(self, x, a, b):
        return (-np.expm1(a * np.log(x))) ** b

    def _ppf(self, q, a, b):
        return (-np.expm1(np.log1p(-q) / b)) ** (1 / a)

    def _stats(self, a, b):
        return np.exp(np.log(b) + special.betaln(1 + 1 / a, b)), None, None, None


class LogitNormal(stats.rv_continuous):
    """Numbers in (0, 1) whose log odds are normal."""

    def _argcheck(self, mu, sigma):
        return sigma > 0

    def _logpdf(self, x, mu, sigma):
        inside = (x > 0) & (x < 1)
        density = stats.norm.logpdf(special.logit(x), mu, sigma) - np.log(x) - np.log1p(-x)
        return np.where(inside, density, -np.inf)

    def _cdf(self, x, mu, sigma):
        return stats.norm.cdf(special.logit(x), mu, sigma)

    def _logcdf(self, x, mu, sigma):
        return stats.norm.logcdf(special.logit(x), mu, sigma)

    def _sf(self, x, mu, sigma):
        return stats.norm.sf(special.logit(x), mu, sigma)

    def _logsf(self, x, mu, sigma):
        return stats.norm.logsf(special.logit(x), mu, sigma)

    def _ppf(self, q, mu, sigma):
        return special.expit(mu + sigma * special.ndtri(q))

    def _stats(self, mu, sigma):
        z, step = np.linspace(-9, 9, 40_001, retstep=True)
        value = special.expit(np.asarray(mu)[..., None] + np.asarray(sigma)[..., None] * z) * stats.norm.pdf(z)
        return value.sum(-1) * step, None, None, None


NODES_FEW, WEIGHTS_FEW = np.polynomial.legendre.leggauss(16)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(120)


def scaled_tail(near, width):
    """The integral of exp(-near s - s**2 / 2) over s from 0 to `width`, by quadrature over what can be seen of it."""
    seen = np.minimum(width, 100 / (near + np.sqrt(near**2 + 100)))
    s = seen[..., None] * (NODES + 1) / 2
    return (np.exp(-s * (near[..., None] + s / 2)) * WEIGHTS).sum(-1) * seen / 2


class TruncatedNormal(stats.rv_continuous):
    """A normal variable between bounds, whose probabilities are integrals from the point of the greatest density on."""

    def _argcheck(self, mu, sigma, lower, upper):
        return (sigma > 0) & (lower < upper)

    def _get_support(self, mu, sigma, lower, upper):
        return lower, upper

    def _log_share(self, a, b, mu, sigma, lower, upper):
        a, b, mu, sigma, lower, upper = np.broadcast_arrays(a, b, mu, sigma, lower, upper)
        top = np.clip(mu, lower, upper)

        def mass(low, high):
            place = np.clip(mu, low, high)
            right = scaled_tail(np.maximum(low - mu, 0) / sigma, (np.maximum(high, place) - place) / sigma)
            left = scaled_tail(np.maximum(mu - high, 0) / sigma, (place - np.minimum(low, place)) / sigma)
            right = np.where(place == high, 0, right)
            left = np.where(place == low, 0, left)
            return place, np.log(right + left)

        place, share = mass(a, b)
        _, whole = mass(lower, upper)
        return share - whole - (place - top) / sigma * ((place - mu) / sigma + (top - mu) / sigma) / 2, whole, top

    def _logpdf(self, x, mu, sigma, lower, upper):
        _, whole, top = self._log_share(lower, upper, mu, sigma, lower, upper)
        return -(x - top) / sigma * ((x - mu) / sigma + (top - mu) / sigma) / 2 - whole - np.log(sigma)

    def _pdf(self, x, *parameters):
        return np.exp(self._logpdf(x, *parameters))

    def _logcdf(self, x, mu, sigma, lower, upper):
        return self._log_share(lower, x, mu, sigma, lower, upper)[0]

    def _logsf(self, x, mu, sigma, lower, upper):
        return self._log_share(x, upper, mu, sigma, lower, upper)[0]

    def _cdf(self, x, *parameters):
        return np.exp(self._logcdf(x, *parameters))

    def _sf(self, x, *parameters):
        return np.exp(self._logsf(x, *parameters))

    def _ppf(self, q, mu, sigma, lower, upper):
        return stats.truncnorm.ppf(q, (lower - mu) / sigma, (upper - mu) / sigma, mu, sigma)

    def _stats(self, mu, sigma, lower, upper):
        return stats.truncnorm.mean((lower - mu) / sigma, (upper - mu) / sigma, mu, sigma), None, None, None


class SkewT(stats.rv_continuous):
    """Jones and Faddy's skew t, with small distances from -1 and 1 computed as such (SciPy subtracts)."""

    def _shares(self, x, a, b):
        root = np.sqrt(a + b + x**2)
        near = (a + b) / (2 * root * (root + np.abs(x)))
        return np.where(x > 0, 1 - near, near), np.where(x > 0, near, 1 - near)

    def _logpdf(self, x, a, b):
        left, right = self._shares(x, a, b)
        constant = np.log(4) - special.betaln(a, b) - np.log(a + b) / 2
        return constant + (a + 0.5) * np.log(left) + (b + 0.5) * np.log(right)

    def _pdf(self, x, a, b):
        return np.exp(self._logpdf(x, a, b))

    def _cdf(self, x, a, b):
        left, right = self._shares(x, a, b)
        return np.where(x < 0, stats.beta.cdf(left, a, b), stats.beta.sf(right, b, a))

    def _sf(self, x, a, b):
        left, right = self._shares(x, a, b)
        return np.where(x < 0, stats.beta.sf(left, a, b), stats.beta.cdf(right, b, a))

    def _ppf(self, q, a, b):
        left, right = special.betaincinv(a, b, q), special.betaincinv(b, a, 1 - q)
        return np.sqrt(a + b) * (left - right) / (2 * np.sqrt(left * right))

    def _stats(self, a, b):
        return stats.jf_skew_t.mean(a, b), None, None, None


class VonMises(stats.rv_continuous):
    """The von Mises density on [-pi, pi], with sums over many panels for its distribution function."""

    def _argcheck(self, mu, kappa):
        return kappa > 0

    def _logpdf(self, x, mu, kappa):
        return stats.vonmises.logpdf(x, kappa, mu)

    def _pdf(self, x, mu, kappa):
        return np.exp(self._logpdf(x, mu, kappa))

    def _share(self, low, high, mu, kappa):
        low, high, mu, kappa = np.broadcast_arrays(low, high, mu, kappa)
        mode = np.arctan2(np.sin(mu), np.cos(mu))
        steps = np.array([0, 1, 2, 3.5, 5, 7, 10, 20, 1e9]) / np.sqrt(kappa)[..., None]
        edges = mode[..., None] + np.concatenate([-steps[..., ::-1], steps], -1)
        edges = np.concatenate([edges, edges + 2 * np.pi, edges - 2 * np.pi], -1)
        edges = np.sort(np.clip(edges, low[..., None], high[..., None]), -1)
        wide = np.diff(edges)[..., None]
        t = edges[..., :-1, None] + wide * (NODES_FEW + 1) / 2
        density = np.exp(stats.vonmises.logpdf(t, kappa[..., None, None], mu[..., None, None]))
        return (density * WEIGHTS_FEW * wide / 2).sum((-1, -2))

    def _cdf(self, x, mu, kappa):
        return self._share(-np.pi, x, mu, kappa)

    def _sf(self, x, mu, kappa):
        return self._share(x, np.pi, mu, kappa)

    def _ppf(self, q, mu, kappa):
        low, high = np.full(np.shape(q), -np.pi), np.full(np.shape(q), np.pi)
        for _ in range(48):
            middle = (low + high) / 2
            below = self._cdf(middle, mu, kappa) < q
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return (low + high) / 2

    def _stats(self, mu, kappa):
        return mu, None, None, None


half_t = HalfT(a=0.0, name="half_t")
kumaraswamy = Kumaraswamy(a=0.0, b=1.0, name="kumaraswamy")
logit_normal = LogitNormal(a=0.0, b=1.0, name="logit_normal")
truncated_normal = TruncatedNormal(name="truncated_normal", shapes="mu, sigma, lower, upper")
skew_t = SkewT(name="skew_t")
von_mises = VonMises(a=-np.pi, b=np.pi, name="von_mises")
