"""The laws of random draws, and the functions of ``pt.random`` that draw from them."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np

from pellucid.graph.provenance import describe, user_line
from pellucid.tensor import draws
from pellucid.tensor.create import full
from pellucid.tensor.draws import Law, RngVariable, draw, law, shared_rng
from pellucid.tensor.elementwise import cast
from pellucid.tensor.linalg import cholesky
from pellucid.tensor.noise import FromNoise, not_negative, scaled
from pellucid.tensor.random_vectors import dirichlet_law, multinomial_law, multivariate_normal_law
from pellucid.tensor.shape import as_extents, dim, reshape
from pellucid.tensor.types import TensorVariable, as_tensor_variable


def categorical_sample(rng: np.random.Generator, size: tuple[int, ...], p: np.ndarray) -> np.ndarray:
    """Positions drawn with the probabilities along the last axis of p."""
    if math.prod(size) < p.shape[-1]:
        check_probabilities(p, p.sum(-1))
        edges = np.cumsum(p, axis=-1)
        u = rng.random(size) * edges[..., -1]
        return np.minimum((u[..., None] >= edges).sum(-1), p.shape[-1] - 1)
    # Many draws of few categories: one of these after the other, which makes no array with an axis of categories.
    sums = list(accumulate(np.moveaxis(p, -1, 0), np.add))
    check_probabilities(p, sums[-1])
    u = rng.random(size) * sums[-1]
    found = np.zeros(size, "int64")
    for edge in sums[:-1]:
        found += u >= edge
    return found


def check_probabilities(p: np.ndarray, sums: np.ndarray) -> None:
    """Refuse what are not probabilities."""
    if np.any(p < 0) or not np.allclose(sums, 1.0, atol=1e-6):
        raise ValueError(f"the probabilities must be non-negative and sum to 1; their sums are {sums}")


def whole(n: np.ndarray) -> np.ndarray:
    """Counts as integers; floats are fine as long as they are whole."""
    if n.dtype.kind in "biu":
        return n
    if not np.all(n == np.floor(n)):
        raise ValueError(f"counts must be whole numbers, but they are {n}")
    return n.astype("int64")


def refuse_improper(name: str) -> Any:
    """There is no drawing from a density without a finite integral."""
    raise ValueError(f"{name} is improper: it has no random draws. Use a proper prior where draws are needed")


def gamma_sample(rng: np.random.Generator, size: tuple[int, ...], alpha: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Gamma numbers of a shape and a scale; many are made side by side, which NumPy's `gamma` cannot."""
    if np.any(scale < 0):
        raise ValueError("scale < 0")
    return scale * rng.standard_gamma(alpha, size)


def standard_t_sample(rng: np.random.Generator, size: tuple[int, ...], nu: np.ndarray) -> np.ndarray:
    """A normal number over the root of an independent chi-squared number divided by its degrees of freedom."""
    if np.any(nu <= 0):
        raise ValueError("df <= 0")
    with np.errstate(all="ignore"):
        return rng.standard_normal(size) / np.sqrt(rng.standard_gamma(nu / 2.0, size) / (nu / 2.0))


normal_law = law("normal", "mu sigma", scaled("standard_normal", lambda _xp, z: z, "sigma"))
half_normal_law = law("halfnormal", "loc sigma", scaled("standard_normal", lambda xp, z: xp.abs(z), "sigma"))
lognormal_law = law(
    "lognormal",
    "mu sigma",
    FromNoise("standard_normal", lambda xp, z, mu, sigma: xp.exp(mu + sigma * z), **not_negative("sigma", 1)),
)
uniform_law = law(
    "uniform",
    "lower upper",
    FromNoise(
        "random",
        lambda _xp, u, low, high: low + (high - low) * u,
        valid=lambda xp, low, high: xp.logical_and(high - low >= 0, high - low < math.inf),
        complaint="the bounds must be finite and in order",
    ),
)
exponential_law = law(
    "exponential",
    "scale",
    FromNoise("standard_exponential", lambda _xp, e, scale: scale * e, **not_negative("scale", 0)),
)
gamma_law = law("gamma", "alpha scale", gamma_sample)
inverse_gamma_law = law("invgamma", "alpha beta", lambda rng, size, alpha, beta: beta / rng.standard_gamma(alpha, size))
beta_law = law("beta", "alpha beta", lambda rng, size, alpha, beta: rng.beta(alpha, beta, size))
student_t_law = law("t", "nu mu sigma", lambda rng, size, nu, mu, sigma: mu + sigma * standard_t_sample(rng, size, nu))
cauchy_law = law("cauchy", "alpha beta", scaled("random", lambda xp, u: xp.tan(math.pi * (u - 0.5)), "beta"))
half_cauchy_law = law("halfcauchy", "loc beta", scaled("random", lambda xp, u: xp.tan(math.pi / 2 * u), "beta"))
laplace_law = law(
    "laplace",
    "mu b",
    scaled("random", lambda xp, u: xp.sign(0.5 - u) * xp.log(2 * xp.minimum(u, 1 - u)), "b"),
)
logistic_law = law("logistic", "loc scale", scaled("random", lambda xp, u: xp.log(u / (1 - u)), "scale"))
gumbel_law = law("gumbel", "loc scale", scaled("standard_exponential", lambda xp, e: -xp.log(e), "scale"))
weibull_law = law(
    "weibull",
    "shape scale",
    FromNoise(
        "standard_exponential", lambda _xp, e, shape, scale: scale * e ** (1 / shape), **not_negative("the shape", 0)
    ),
)
pareto_law = law("pareto", "b scale", FromNoise("standard_exponential", lambda xp, e, b, scale: scale * xp.exp(e / b)))
chisquare_law = law("chisquare", "df", lambda rng, size, df: 2.0 * rng.standard_gamma(df / 2.0, size))
von_mises_law = law("vonmises", "mu kappa", lambda rng, size, mu, kappa: rng.vonmises(mu, kappa, size))
wald_law = law("wald", "mean scale loc", lambda rng, size, mean, scale, loc: loc + rng.wald(mean, scale, size))
triangular_law = law(
    "triangular", "left mode right", lambda rng, size, left, mode, right: rng.triangular(left, mode, right, size)
)
truncated_exponential_law = law(
    "truncexpon",
    "b loc scale",
    FromNoise("random", lambda xp, u, b, loc, scale: loc - scale * xp.log1p(u * xp.expm1(-b))),
)
generalized_gamma_law = law(
    "gengamma",
    "alpha p lambd",
    lambda rng, size, alpha, p, lambd: lambd * rng.standard_gamma(alpha / p, size) ** (1 / p),
)
bernoulli_law = law(
    "bernoulli",
    "p",
    FromNoise(
        "random",
        lambda _xp, u, p: u < p,
        valid=lambda xp, p: xp.logical_and(p >= 0, p <= 1),
        complaint="p must be between 0 and 1",
    ),
    dtype="int64",
)
binomial_law = law("binomial", "n p", lambda rng, size, n, p: rng.binomial(whole(n), p, size), dtype="int64")
poisson_law = law("poisson", "mu", lambda rng, size, mu: rng.poisson(mu, size), dtype="int64")
negative_binomial_law = law(
    "nbinom", "n p", lambda rng, size, n, p: rng.poisson(gamma_sample(rng, size, n, (1.0 - p) / p)), dtype="int64"
)
integers_law = law("integers", "low high", lambda rng, size, low, high: rng.integers(low, high, size), dtype="int64")
discrete_uniform_law = law(
    "discrete_uniform",
    "lower upper",
    lambda rng, size, lower, upper: rng.integers(lower, upper + 1, size),
    dtype="int64",
)
overdispersed_law = law(
    "negative_binomial",
    "mu alpha",
    lambda rng, size, mu, alpha: rng.poisson(gamma_sample(rng, size, alpha, mu / alpha)),
    dtype="int64",
)
geometric_law = law(
    "geometric",
    "p",
    FromNoise(
        "standard_exponential",
        # At most the largest integer that is a double and fits.
        lambda xp, e, p: xp.minimum(xp.maximum(xp.ceil(-e / xp.log1p(-p)), 1.0), 2.0**63 - 1024),
        valid=lambda xp, p: xp.logical_and(p > 0, p <= 1),
        complaint="p must be above 0 and at most 1",
    ),
    dtype="int64",
)
beta_binomial_law = law(
    "betabinom", "n a b", lambda rng, size, n, a, b: rng.binomial(whole(n), rng.beta(a, b, size)), dtype="int64"
)
hypergeometric_law = law(
    "hypergeometric",
    "ngood nbad nsample",
    lambda rng, size, good, bad, n: rng.hypergeometric(whole(good), whole(bad), whole(n), size),
    dtype="int64",
)
flat_law = law("flat", "", lambda rng, size: refuse_improper("Flat"))
half_flat_law = law("halfflat", "", lambda rng, size: refuse_improper("HalfFlat"))
categorical_law = law("categorical", "p", categorical_sample, dtype="int64", core=(1,))


def subset_sample(rng: np.random.Generator, size: tuple[int, ...], p: np.ndarray, count: np.ndarray) -> np.ndarray:
    """`count` different positions, drawn one after another with the probabilities p of those that are left."""
    check_probabilities(p, p.sum(-1))
    k = int(np.max(count, initial=0))
    rows = np.broadcast_to(p, (*size, p.shape[-1])).reshape(-1, p.shape[-1])
    if k > np.min(np.count_nonzero(rows, axis=-1), initial=p.shape[-1]):
        raise ValueError(f"{k} different positions cannot be drawn: fewer have a positive probability")
    # Whose exponential clock of rate p rings first is drawn first, whose next is next (Efraimidis and Spirakis 2006).
    with np.errstate(divide="ignore"):
        times = rng.standard_exponential(rows.shape) / rows
    return np.reshape(np.argsort(times, axis=-1)[:, :k], (*size, k))


def permutation_sample(rng: np.random.Generator, size: tuple[int, ...], n: np.ndarray) -> np.ndarray:
    """The numbers below n, shuffled."""
    if np.ndim(n):
        raise ValueError(f"permutations of one length are drawn together, not of {np.size(n)}")
    return rng.permuted(np.broadcast_to(np.arange(int(n)), (*size, int(n))), axis=-1)


subset_law = law(
    "choice_without_replacement",
    "p count",
    subset_sample,
    dtype="int64",
    core=(1, 0),
    ndim_supp=1,
    support=lambda parameters, _extents: [parameters[1]],
)
permutation_law = law(
    "permutation",
    "n",
    permutation_sample,
    dtype="int64",
    ndim_supp=1,
    support=lambda parameters, _extents: [parameters[0]],
)


def drawer(entry: Law, names: str) -> Any:
    """The public function of a law, ``pt.random.<name>``.

    `names` are its arguments, in the order of the law's parameters and with their defaults: "loc=0 scale=1".
    """
    listed = [part.partition("=") for part in names.split()]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    own = [inspect.Parameter(n, kind, default=float(d) if d else inspect.Parameter.empty) for n, _, d in listed]
    signature = inspect.Signature([*own, *OPTIONS])

    def make(*args: Any, **named: Any) -> Any:
        try:
            bound = signature.bind(*args, **named)
        except TypeError as error:
            raise TypeError(f"{entry.name}{signature}: {error}. At {describe(user_line())}") from None
        bound.apply_defaults()
        values = bound.arguments
        drawn = draw(entry, [values[p.name] for p in own], size=values["size"], rng=values["rng"], name=values["name"])
        return finished(drawn, values["dtype"], return_next_rng=values["return_next_rng"])

    make.__name__ = make.__qualname__ = entry.name
    make.__signature__ = signature  # type: ignore[attr-defined]
    make.__doc__ = f"""Draws from the {entry.name} law with parameters {", ".join(p.name for p in own)}.

    `size` is the batch shape (default: that of the parameters); each evaluation gives new draws, from the generator
    `rng` or one of their own. With `return_next_rng` the state after the draw comes first.
    """
    return make


OPTIONS = inspect.signature(
    lambda size=None, *, rng=None, name=None, dtype=None, return_next_rng=False: None
).parameters.values()
"""What every function that draws takes after the parameters of its law."""


def finished(drawn: TensorVariable, dtype: Any = None, *, return_next_rng: bool = False) -> Any:
    """A draw in the dtype that is asked for, with the state after it if that is."""
    following = drawn.owner.outputs[0]  # type: ignore[union-attr]
    found = drawn if dtype is None else cast(drawn, dtype)
    return (following, found) if return_next_rng else found


normal = drawer(normal_law, "loc=0 scale=1")
halfnormal = drawer(half_normal_law, "loc=0 scale=1")
lognormal = drawer(lognormal_law, "mean=0 sigma=1")
uniform = drawer(uniform_law, "low=0 high=1")
exponential = drawer(exponential_law, "scale=1")
invgamma = drawer(inverse_gamma_law, "shape scale=1")
beta = drawer(beta_law, "alpha beta")
t = drawer(student_t_law, "df loc=0 scale=1")
cauchy = drawer(cauchy_law, "loc=0 scale=1")
halfcauchy = drawer(half_cauchy_law, "loc=0 scale=1")
laplace = drawer(laplace_law, "loc=0 scale=1")
logistic = drawer(logistic_law, "loc=0 scale=1")
gumbel = drawer(gumbel_law, "loc=0 scale=1")
weibull = drawer(weibull_law, "shape scale=1")
pareto = drawer(pareto_law, "b scale=1")
chisquare = drawer(chisquare_law, "df")
vonmises = drawer(von_mises_law, "mu kappa")
wald = drawer(wald_law, "mean=1 scale=1 loc=0")
triangular = drawer(triangular_law, "left mode right")
truncexpon = drawer(truncated_exponential_law, "b loc=0 scale=1")
gengamma = drawer(generalized_gamma_law, "alpha=1 p=1 lambd=1")
bernoulli = drawer(bernoulli_law, "p")
binomial = drawer(binomial_law, "n p")
poisson = drawer(poisson_law, "lam=1")
geometric = drawer(geometric_law, "p")
betabinom = drawer(beta_binomial_law, "n a b")
hypergeometric = drawer(hypergeometric_law, "ngood nbad nsample")
nbinom = drawer(negative_binomial_law, "n p")
negative_binomial = nbinom
categorical = drawer(categorical_law, "p")
dirichlet = drawer(dirichlet_law, "alphas")
multinomial = drawer(multinomial_law, "n p")
_gamma = drawer(gamma_law, "shape scale")
_integers = drawer(integers_law, "low high")
_multivariate_normal = drawer(multivariate_normal_law, "mean chol")


def standard_normal(size: Any = None, **options: Any) -> Any:
    """Draws from the normal law of mean 0 and standard deviation 1; the options are those of :func:`normal`."""
    return normal(size=size, **options)


def gamma(shape: Any, rate: Any = None, scale: Any = None, size: Any = None, **options: Any) -> Any:
    """Draws from the gamma law of a shape and a rate, or a scale; the options are those of :func:`normal`.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> pt.random.gamma(2.0, rate=4.0, size=3).eval().shape
    (3,)
    """
    if rate is not None and scale is not None:
        raise TypeError(f"gamma takes a rate or a scale, which is 1 / rate, not both. At {describe(user_line())}")
    if scale is None:
        scale = 1.0 if rate is None else 1.0 / as_tensor_variable(rate)
    return _gamma(shape, scale, size, **options)


def integers(low: Any, high: Any = None, size: Any = None, **options: Any) -> Any:
    """Whole numbers from `low` (0 if only one bound is given) up to, not including, `high`."""
    return _integers(0 if high is None else low, low if high is None else high, size, **options)


def multivariate_normal(mean: Any, cov: Any, size: Any = None, **options: Any) -> Any:
    """Draws of normal vectors with mean vector `mean` and covariance matrix `cov`."""
    return _multivariate_normal(mean, cholesky(cov), size, **options)


def choice(
    a: Any,
    size: Any = None,
    replace: bool = True,  # PyTensor's and NumPy's order
    p: Any = None,
    rng: RngVariable | None = None,
    return_next_rng: bool = False,
    name: str | None = None,
) -> Any:
    """Rows of `a`, or numbers below `a`, drawn with equal probabilities or those in `p`.

    Parameters
    ----------
    a : tensor
        A whole number means the numbers below it; of anything else rows are drawn.
    size : int or tuple, optional
        The shape of what is drawn; a single one by default.
    replace : bool
        Whether the same one may be drawn several times.
    p : vector, optional

    Examples
    --------
    >>> import numpy as np, pellucid.tensor as pt
    >>> hand = pt.random.choice(52, size=5, replace=False).eval()
    >>> len(set(hand.tolist()))
    5
    """
    rows = as_tensor_variable(a)
    n = dim(rows, 0) if rows.ndim else rows
    if replace:
        chosen = (
            draw(integers_law, [0, n], size=size, rng=rng)
            if p is None
            else draw(categorical_law, [p], size=size, rng=rng)
        )
        return taken(rows, chosen, chosen, return_next_rng, name)
    shape = () if size is None else as_extents(size, "size")
    weights = full([n], 1.0 / cast(n, "float64")) if p is None else p
    chosen = draw(subset_law, [weights, math.prod(shape)], rng=rng)
    return taken(rows, reshape(chosen, shape), chosen, return_next_rng, name)


def permutation(
    x: Any, size: Any = None, rng: RngVariable | None = None, return_next_rng: bool = False, name: str | None = None
) -> Any:
    """The rows of `x`, or the numbers below `x`, in random order; `size` asks for several such orders.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> sorted(pt.random.permutation(4).eval().tolist())
    [0, 1, 2, 3]
    """
    rows = as_tensor_variable(x)
    order = draw(permutation_law, [dim(rows, 0) if rows.ndim else rows], size=size, rng=rng)
    return taken(rows, order, order, return_next_rng, name)


def taken(rows: TensorVariable, places: TensorVariable, drawn: TensorVariable, return_next_rng: bool, name: Any) -> Any:
    """The rows at places that were drawn; the places themselves for a number."""
    found = rows[places] if rows.ndim else places
    found.name = name
    following = drawn.owner.outputs[0]  # type: ignore[union-attr]
    return (following, found) if return_next_rng else found


rng = draws.rng


def default_rng(seed: np.random.Generator | int | None = None) -> RngVariable:
    """A generator that starts at `seed`; each evaluation advances it."""
    return shared_rng(seed)


class RandomStream:
    """Draws whose generators all follow from one seed: ``RandomStream(seed).normal(...)``, and every other law.

    Examples
    --------
    >>> a, b = (RandomStream(3).normal(size=2).eval() for _ in range(2))
    >>> bool((a == b).all())
    True
    """

    def __init__(self, seed: int | None = None):
        self.entropy = np.random.SeedSequence(seed)
        self.drawn: list[tuple[RngVariable, RngVariable]] = []

    def gen(self, function: Callable[..., Any], *args: Any, **options: Any) -> TensorVariable:
        """``function(*args, **options)`` with the next generator; `function` is one of this module."""
        source = shared_rng(np.random.default_rng(self.entropy.spawn(1)[0]))
        following, found = function(*args, rng=source, return_next_rng=True, **options)
        self.drawn.append((source, following))
        return found

    def updates(self) -> list[tuple[RngVariable, RngVariable]]:
        """Each generator and its state after the draw; functions advance them also without being told."""
        return list(self.drawn)

    def seed(self, seed: int | None = None) -> None:
        """Start all generators anew."""
        self.entropy = np.random.SeedSequence(seed)
        for source, _ in self.drawn:
            source.set_value(np.random.default_rng(self.entropy.spawn(1)[0]))

    def __getattr__(self, name: str) -> Any:
        function = globals().get(name)
        if name.startswith("_") or not callable(function):
            raise AttributeError(f"There is no law called {name!r} in pellucid.tensor.random.")
        return partial(self.gen, function)
