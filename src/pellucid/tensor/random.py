"""Random draws in graphs: one op, and a table of the laws it can draw from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from pellucid.graph.nodes import Apply, Op, Type, Variable
from pellucid.tensor.broadcast import Extent, broadcast_axis, broadcast_extents, shape_error
from pellucid.tensor.linalg import cholesky
from pellucid.tensor.shape import as_extents, stack
from pellucid.tensor.types import NONE, TensorType, TensorVariable, as_tensor_variable, constant


@dataclass(frozen=True, slots=True)
class RngType(Type):
    """The state of a random number generator, passed around as data."""

    def variable(self, owner: Apply | None = None, index: int = 0, name: str | None = None) -> RngVariable:
        return RngVariable(self, owner, index, name)

    def __str__(self) -> str:
        return "RNG"


_births = count()


def count_of_generators() -> int:
    """A number above those of all generators made so far, and not above those made from now on."""
    return next(_births)


class RngVariable(Variable):
    """A generator in a graph. A root brings its own state, which each evaluation advances: a new draw every time."""

    __slots__ = ("born", "generator")

    def __init__(self, type: Type, owner: Apply | None = None, index: int = 0, name: str | None = None):
        super().__init__(type, owner, index, name)
        self.generator: np.random.Generator | None = None
        self.born = next(_births)
        """A number that grows: a loop tells by it which draws were written inside its step."""

    @property
    def has_value(self) -> bool:  # type: ignore[override]
        """A root always has a state."""
        return self.owner is None

    def get_value(self, borrow: bool = False) -> np.random.Generator:
        """The generator, made with fresh entropy when none was set."""
        if self.generator is None:
            self.generator = np.random.default_rng()
        return self.generator

    def set_value(self, value: np.random.Generator) -> None:
        """Use this generator from now on."""
        self.generator = value

    def __reduce__(self) -> Any:
        return restore_generator, (self.name, self.generator)

    def __str__(self) -> str:
        return self.name or ("RNG" if self.owner is None else f"{self.owner.op}.{self.index}")


def restore_generator(name: str | None, generator: np.random.Generator | None) -> RngVariable:
    """A root of generator type from a pickle; born anew."""
    variable = rng(name)
    variable.generator = generator
    return variable


def rng(name: str | None = None) -> RngVariable:
    """A root of generator type."""
    return RngVariable(RngType(), name=name)


def shared_rng(value: np.random.Generator | int | None = None, name: str | None = None) -> RngVariable:
    """A root of generator type that starts at `value` (a generator or a seed)."""
    variable = rng(name)
    variable.set_value(np.random.default_rng(value))
    return variable


@dataclass(frozen=True, eq=False)
class Law:
    """How to draw: the facts about a family of random variables that a graph needs.

    Attributes
    ----------
    name : str
    parameters : tuple of str
        Their names, in order.
    sample : callable
        ``sample(generator, size, *arrays)``; `size` is the full batch shape.
    dtype : str
        The dtype of a draw.
    core : tuple of int
        The number of axes of one value of each parameter (0: scalar, 1: vector, ...).
    support : int or None
        The parameter whose last axis is the (only) axis of one draw; None for scalar draws.
    """

    name: str
    parameters: tuple[str, ...]
    sample: Callable[..., Any]
    dtype: str = "float64"
    core: tuple[int, ...] = ()
    support: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.core:
            object.__setattr__(self, "core", (0,) * len(self.parameters))

    @property
    def ndim_supp(self) -> int:
        """The number of axes of one draw."""
        return 0 if self.support is None else 1

    def __reduce__(self) -> Any:
        if LAWS.get(self.name) is self:  # found again by name, because its sampler may be a lambda
            return lookup_law, (self.name,)
        return Law, (self.name, self.parameters, self.sample, self.dtype, self.core, self.support, self.facts)


@dataclass(frozen=True)
class Draw(Op):
    """A draw from a law: (rng, size or None, *parameters) → (next rng, draw). Kept whole for logp to recognise it."""

    law: Law

    def __str__(self) -> str:
        return f"{self.law.name}_rv"

    def batch(self, parameters: Sequence[Variable]) -> list[tuple[int | None, ...]]:
        """The static batch shape of each parameter."""
        return [p.type.shape[: p.type.ndim - c] for p, c in zip(parameters, self.law.core, strict=True)]  # type: ignore[attr-defined]

    def infer(self, rng: Variable, size: Variable, *parameters: Variable) -> tuple[Type, ...]:
        batches = self.batch(parameters)
        ndim = max((len(b) for b in batches), default=0)
        padded = [(1,) * (ndim - len(b)) + b for b in batches]
        try:
            batch = tuple(broadcast_axis(n) for n in zip(*padded, strict=True))
        except ValueError as error:
            raise shape_error(
                f"The parameters of {self.law.name} do not broadcast",
                parameters,
                f"lengths {error.args[0]} differ",
                "Give parameters of one shape, or of length 1.",
            ) from None
        if size is not NONE:
            batch = self.sized(size, batch, parameters)
        support = () if self.law.support is None else parameters[self.law.support].type.shape[-1:]  # type: ignore[attr-defined]
        return RngType(), TensorType(self.law.dtype, batch + support)

    def sized(
        self, size: Variable, batch: tuple[int | None, ...], parameters: Sequence[Variable]
    ) -> tuple[int | None, ...]:
        """The static batch shape that `size` asks for, once it is known to hold the parameters' own."""
        wanted = static_size(size)
        tail = wanted[len(wanted) - len(batch) :]
        fits = len(wanted) >= len(batch) and not any(
            b not in (1, None) and w is not None and b != w for w, b in zip(tail, batch, strict=True)
        )
        if not fits:
            raise shape_error(
                f"size {wanted} cannot hold a draw of {self.law.name}",
                parameters,
                f"the parameters' own batch shape is {batch}",
                "size must end in the parameters' batch shape.",
            )
        return wanted

    def infer_shape(self, inputs: Sequence[Variable], extents: Any) -> list[tuple[Extent, ...]]:
        _, size, *parameters = inputs
        if size is NONE:
            lead = [e[: len(e) - c] for e, c in zip(extents[2:], self.law.core, strict=True)]
            batch = broadcast_extents([_Batch(s) for s in self.batch(parameters)], lead)
        else:
            batch = tuple(as_extents(size))
        support = () if self.law.support is None else extents[2 + self.law.support][-1:]
        return [(), (*batch, *support)]

    def impl(self, xp: Any, rng: np.random.Generator, size: Any, *parameters: Any) -> tuple[Any, Any]:
        arrays = [np.asarray(p) for p in parameters]
        batches = [a.shape[: a.ndim - c] for a, c in zip(arrays, self.law.core, strict=True)]
        shape = np.broadcast_shapes(*batches) if size is None else tuple(int(n) for n in size)
        return rng, np.asarray(self.law.sample(rng, shape, *arrays)).astype(self.law.dtype, copy=False)

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> list[None]:
        return [None] * len(inputs)


class _Batch:
    """A static shape that broadcasting can look at."""

    def __init__(self, shape: tuple[int | None, ...]):
        self.type = TensorType(shape=shape)


def static_size(size: Variable) -> tuple[int | None, ...]:
    """What is known of a size before run time."""
    return tuple(n if isinstance(n, int) else None for n in as_extents(size, "size"))


def as_size(size: Any) -> Variable:
    """A size argument as a variable: NONE, or an integer vector."""
    if size is None:
        return NONE
    extents = as_extents(size, "size")
    if all(isinstance(n, int) for n in extents):
        return constant(np.array(extents, "int64"))
    return stack([as_tensor_variable(n, dtype="int64") for n in extents])


def draw(
    law: Law, parameters: Sequence[Any], *, size: Any = None, rng: RngVariable | None = None, name: str | None = None
) -> TensorVariable:
    """A random variable that follows `law`; its own rng leaf makes it unlike any other."""
    source = RngVariable(RngType(), name=None) if rng is None else rng
    values = [as_tensor_variable(p) for p in parameters]
    for value, core, label in zip(values, law.core, law.parameters, strict=True):
        if value.ndim < core:
            raise shape_error(
                f"Parameter {label} of {law.name} needs at least {core} axes",
                [value],
                f"it has {value.ndim}",
                "Add axes.",
            )
    _, drawn = Draw(law)(source, as_size(size), *values)
    drawn.name = name
    return drawn


LAWS: dict[str, Law] = {}
"""Every law by name, in the order of declaration."""


def lookup_law(name: str) -> Law:
    """The law called `name`, for a pickle."""
    return LAWS[name]


def law(name: str, parameters: str, sample: Callable[..., Any], **facts: Any) -> Law:
    """Declare a law."""
    entry = Law(name, tuple(parameters.split()), sample, **facts)
    LAWS[name] = entry
    return entry


def categorical_sample(rng: np.random.Generator, size: tuple[int, ...], p: np.ndarray) -> np.ndarray:
    """Positions drawn with the probabilities along the last axis of p."""
    check_probabilities(p)
    edges = np.cumsum(p, axis=-1)
    u = rng.random(size) * edges[..., -1]
    return np.minimum((u[..., None] >= edges).sum(-1), p.shape[-1] - 1)


def check_probabilities(p: np.ndarray) -> None:
    """Refuse what are not probabilities."""
    if np.any(p < 0) or not np.allclose(p.sum(-1), 1.0, atol=1e-6):
        raise ValueError(f"the probabilities must be non-negative and sum to 1; their sums are {p.sum(-1)}")


def dirichlet_sample(rng: np.random.Generator, size: tuple[int, ...], a: np.ndarray) -> np.ndarray:
    """Normalised gamma draws; for a < 1 through logarithms, which do not underflow (Marsaglia and Tsang's boost)."""
    shape = (*size, a.shape[-1])
    g = np.log(rng.standard_gamma(a + 1.0, size=shape)) + np.log(rng.random(shape)) / a
    g = np.exp(g - g.max(-1, keepdims=True))
    return g / g.sum(-1, keepdims=True)


def multivariate_normal_sample(
    rng: np.random.Generator, size: tuple[int, ...], mean: np.ndarray, chol: np.ndarray
) -> np.ndarray:
    """mean + chol @ z."""
    if not np.all(np.isfinite(chol)):
        raise ValueError("the covariance is not positive definite (its Cholesky factor is not finite)")
    z = rng.standard_normal((*size, mean.shape[-1]))
    return mean + np.einsum("...ij,...j->...i", np.tril(chol), z)


def refuse_improper(name: str) -> Any:
    """There is no drawing from a density without a finite integral."""
    raise ValueError(f"{name} is improper: it has no random draws. Use a proper prior where draws are needed")


normal_law = law("normal", "mu sigma", lambda rng, size, mu, sigma: rng.normal(mu, sigma, size))
half_normal_law = law(
    "halfnormal", "loc sigma", lambda rng, size, loc, sigma: loc + np.abs(rng.normal(0.0, sigma, size))
)
lognormal_law = law("lognormal", "mu sigma", lambda rng, size, mu, sigma: rng.lognormal(mu, sigma, size))
uniform_law = law("uniform", "lower upper", lambda rng, size, low, high: rng.uniform(low, high, size))
exponential_law = law("exponential", "scale", lambda rng, size, scale: rng.exponential(scale, size))
gamma_law = law("gamma", "alpha scale", lambda rng, size, alpha, scale: rng.gamma(alpha, scale, size))
inverse_gamma_law = law("invgamma", "alpha beta", lambda rng, size, alpha, beta: beta / rng.gamma(alpha, 1.0, size))
beta_law = law("beta", "alpha beta", lambda rng, size, alpha, beta: rng.beta(alpha, beta, size))
student_t_law = law("t", "nu mu sigma", lambda rng, size, nu, mu, sigma: mu + sigma * rng.standard_t(nu, size))
cauchy_law = law("cauchy", "alpha beta", lambda rng, size, alpha, beta: alpha + beta * rng.standard_cauchy(size))
half_cauchy_law = law(
    "halfcauchy", "loc beta", lambda rng, size, loc, beta: loc + beta * np.abs(rng.standard_cauchy(size))
)
laplace_law = law("laplace", "mu b", lambda rng, size, mu, b: rng.laplace(mu, b, size))
bernoulli_law = law("bernoulli", "p", lambda rng, size, p: rng.binomial(1, p, size), dtype="int64")
binomial_law = law("binomial", "n p", lambda rng, size, n, p: rng.binomial(n, p, size), dtype="int64")
poisson_law = law("poisson", "mu", lambda rng, size, mu: rng.poisson(mu, size), dtype="int64")
negative_binomial_law = law(
    "nbinom", "n p", lambda rng, size, n, p: rng.poisson(rng.gamma(n, (1.0 - p) / p, size)), dtype="int64"
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
    lambda rng, size, mu, alpha: rng.poisson(rng.gamma(alpha, mu / alpha, size)),
    dtype="int64",
)
geometric_law = law("geometric", "p", lambda rng, size, p: rng.geometric(p, size), dtype="int64")
flat_law = law("flat", "", lambda rng, size: refuse_improper("Flat"))
half_flat_law = law("halfflat", "", lambda rng, size: refuse_improper("HalfFlat"))
categorical_law = law("categorical", "p", categorical_sample, dtype="int64", core=(1,))
dirichlet_law = law("dirichlet", "a", dirichlet_sample, core=(1,), support=0)
multivariate_normal_law = law("multivariate_normal", "mean chol", multivariate_normal_sample, core=(1, 2), support=0)


def drawer(entry: Law, defaults: Sequence[Any] = ()) -> Any:
    """The public function ``pt.random.<name>(*parameters, size=None, rng=None, name=None)`` of a law."""

    def make(
        *args: Any, size: Any = None, rng: RngVariable | None = None, name: str | None = None, **named: Any
    ) -> TensorVariable:
        return draw(entry, bind_parameters(entry, args, named, defaults), size=size, rng=rng, name=name)

    make.__name__ = make.__qualname__ = entry.name
    make.__doc__ = (
        f"Draws from the {entry.name} law with parameters {', '.join(entry.parameters)}.\n\n"
        "`size` is the batch shape (default: that of the parameters); each evaluation gives new draws."
    )
    return make


def bind_parameters(entry: Law, args: Sequence[Any], named: dict[str, Any], defaults: Sequence[Any]) -> list[Any]:
    """The arguments in the order of the law's parameters; the last parameters may have defaults."""
    values = dict(zip(entry.parameters[len(entry.parameters) - len(defaults) :], defaults, strict=True))
    if len(args) > len(entry.parameters):
        raise TypeError(
            f"{entry.name} takes parameters {entry.parameters}, not {len(args)} of them; size is a keyword."
        )
    values.update(zip(entry.parameters, args, strict=False))
    for key in named:
        if key not in entry.parameters:
            raise TypeError(f"{entry.name} has no parameter {key!r}; its parameters are {', '.join(entry.parameters)}.")
    values.update(named)
    missing = [p for p in entry.parameters if p not in values]
    if missing:
        raise TypeError(f"{entry.name} needs a value for {', '.join(missing)}.")
    return [values[p] for p in entry.parameters]


normal = drawer(normal_law, (0.0, 1.0))
standard_normal = drawer(normal_law, (0.0, 1.0))
halfnormal = drawer(half_normal_law, (0.0, 1.0))
lognormal = drawer(lognormal_law, (0.0, 1.0))
uniform = drawer(uniform_law, (0.0, 1.0))
exponential = drawer(exponential_law, (1.0,))
gamma = drawer(gamma_law, (1.0,))
invgamma = drawer(inverse_gamma_law, (1.0,))
beta = drawer(beta_law)
t = drawer(student_t_law, (0.0, 1.0))
cauchy = drawer(cauchy_law, (0.0, 1.0))
halfcauchy = drawer(half_cauchy_law, (0.0, 1.0))
laplace = drawer(laplace_law, (0.0, 1.0))
bernoulli = drawer(bernoulli_law)
binomial = drawer(binomial_law)
poisson = drawer(poisson_law, (1.0,))
nbinom = drawer(negative_binomial_law)
negative_binomial = nbinom
integers = drawer(integers_law)
categorical = drawer(categorical_law)
dirichlet = drawer(dirichlet_law)


def multivariate_normal(
    mean: Any, cov: Any, size: Any = None, rng: RngVariable | None = None, name: str | None = None
) -> TensorVariable:
    """Draws of normal vectors with mean vector `mean` and covariance matrix `cov`."""
    return draw(multivariate_normal_law, [mean, cholesky(cov)], size=size, rng=rng, name=name)
