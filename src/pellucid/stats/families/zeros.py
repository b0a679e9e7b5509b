"""More zeros, or fewer, than a family gives: zero-inflated and hurdle versions of any family of numbers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np

from pellucid.stats.bijection import Bijection
from pellucid.stats.bounds import known
from pellucid.stats.constraint import Constraint, Interval, interval, open_unit_interval, positive, unit_interval
from pellucid.stats.distribution import Distribution, distribution
from pellucid.stats.families.discrete import Binomial, NegativeBinomial, Poisson
from pellucid.stats.families.formulas import log_odds_of
from pellucid.stats.families.positive import Gamma, LogNormal
from pellucid.stats.parameters import MISSING, Alternative
from pellucid.tensor.arithmetic import bitwise_and, eq, gt, le, maximum, round, switch
from pellucid.tensor.draws import Law, law
from pellucid.tensor.transcendental import exp, expm1, log, log1mexp, log1p, logaddexp, softplus
from pellucid.tensor.types import constant

Sampler = Callable[..., np.ndarray]
ZERO = constant(0.0)


class OfBase(Distribution):
    """A family with the parameters of another, its base, after `psi`: ``class New(Kind, base=Family)``.

    The subclass is 0 with probability 1 - psi, and has its parametrisations, defaults and support from its base. A
    parameter for which it needs another set than its base is named with that set, as in ``mu=positive``.
    """

    base: ClassVar[type[Distribution]]
    psi: Any

    def __init_subclass__(
        cls, base: type[Distribution] | None = None, sample: Sampler | None = None, **constraints: Constraint
    ) -> None:
        super().__init_subclass__()
        if base is None:
            return
        check_base(cls, base)
        cls.base = base
        fields = {label: Annotated[Any, constraints.get(label, p.constraint)] for label, p in base.parameters.items()}
        cls.__annotations__ = {"psi": Annotated[Any, unit_interval], **fields}
        for label, p in base.parameters.items():
            if p.default is not MISSING:
                setattr(cls, label, p.default)
        cls.arguments = f"psi {' '.join(base.order)}"
        cls.alternatives = tuple(after_psi(a) for a in base.alternatives)
        whole: Interval = base.support  # type: ignore[assignment]
        cls.support = interval(0.0, whole.upper, integer=whole.integer)
        cls.oracle = f"oracles.{cls.__mro__[1].__name__}(psi, {base.oracle})" if whole.integer else ""
        cls.law = cls.law_over(base, sample)

    @classmethod
    def law_over(cls, base: type[Distribution], sample: Sampler | None) -> Law:
        """How to draw, from the law of the base; or with a sampler of what is drawn with probability psi."""
        raise NotImplementedError

    @property
    def inner(self) -> Any:
        """The base distribution with its parameters."""
        return self.base.of(*self.values[1:])

    @property
    def starts_at_zero(self) -> bool:
        """Whether 0 is in the support of the base."""
        return self.base.support.lower == 0.0  # type: ignore[attr-defined]

    def agree(self) -> list[Any]:
        return self.inner.agree()

    def log_psi(self, where: Any) -> Any:
        """log psi; at the values where it is not read its gradient is 0, also for psi = 0."""
        odds = log_odds_of(self.psi)
        return log(switch(where, self.psi, 1.0)) if odds is None else -softplus(-odds)

    def log_rest(self, where: Any) -> Any:
        """log(1 - psi), in the same way."""
        odds = log_odds_of(self.psi)
        return log1p(-switch(where, self.psi, 0.0)) if odds is None else -softplus(odds)

    def with_zero(self, log_p: Any) -> Any:
        """log(1 - psi + psi p), from log p; where one of the logarithms is -inf, its infinite slope counts as 0."""
        log_p = level_at_infinity(log_p)
        if known(open_unit_interval, self.psi):
            return logaddexp(self.log_rest(True), self.log_psi(True) + log_p)
        lacking = self.psi * expm1(log_p)
        small = gt(lacking, -0.5)
        total = (1.0 - self.psi) + self.psi * exp(log_p)
        return level_at_infinity(switch(small, log1p(switch(small, lacking, 0.0)), log(switch(small, 1.0, total))))


def level_at_infinity(log_p: Any) -> Any:
    """The same number, through which no gradient flows where it is -inf."""
    return switch(eq(log_p, -np.inf), -np.inf, log_p)


def check_base(cls: type, base: type[Distribution]) -> None:
    """Refuse a base whose values are not numbers from 0 up, or whose bounds are not parameters."""
    s = base.support
    if base.law.ndim_supp or any(base.law.core) or not isinstance(s, Interval) or not isinstance(s.lower, float):
        raise TypeError(f"{cls.__name__} needs a base of single numbers with a fixed lower end, not {base.__name__}.")
    if s.lower < 0.0 or (isinstance(s.upper, str) and s.upper not in base.parameters):
        raise TypeError(
            f"{cls.__name__} needs a base of values from 0 up to a parameter or without end, not {base.__name__}, "
            f"whose values are {s}."
        )


def after_psi(a: Alternative) -> Alternative:
    """A parametrisation of the base as one that takes psi first."""

    def convert(psi: Any, **given: Any) -> tuple[Any, ...]:
        return psi, *a.convert(**given)

    first = inspect.Parameter("psi", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    rest = inspect.signature(a.convert).parameters.values()
    keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in rest]
    convert.__signature__ = inspect.Signature([first, *keyword])  # type: ignore[attr-defined]
    return Alternative(convert, a.constraints, a.keep)


@dataclass(frozen=True)
class Opened:
    """A sampler: with probability psi what `sample` gives, else 0."""

    sample: Sampler

    def __call__(self, rng: np.random.Generator, size: Sequence[int], psi: Any, *parameters: Any) -> np.ndarray:
        if np.any((psi < 0) | (psi > 1)):
            raise ValueError("psi must be a probability in [0, 1]")
        opened = rng.random(size) < psi
        return np.where(opened, self.sample(rng, size, *parameters), 0)


class ZeroInflated(OfBase):
    """With probability `psi` a value of the base family, which may be 0 as well; else 0.

    Examples
    --------
    A zero-inflated version of any family of counts is a class of a few lines:

    >>> from pellucid.stats import Geometric, logp
    >>> @distribution
    ... class ZeroInflatedGeometric(ZeroInflated, base=Geometric):
    ...     formula, source = ZeroInflated.formula, ZeroInflated.source
    >>> print(logp(ZeroInflatedGeometric.dist(psi=0.5, p=0.5), 1).eval().round(4))
    -1.3863
    """

    formula = r"(1-\psi)\,[x = 0] + \psi f(x)"
    source = "https://en.wikipedia.org/wiki/Zero-inflated_model"

    @classmethod
    def law_over(cls, base: type[Distribution], sample: Sampler | None) -> Law:
        if not base.support.integer:  # type: ignore[attr-defined]
            raise TypeError(f"{cls.__name__} needs a base of whole numbers: {base.__name__} is 0 with probability 0.")
        names = " ".join(("psi", *base.law.parameters))
        return law(f"zero_inflated_{base.law.name}", names, Opened(sample or base.law.sample), dtype="int64")

    def logp(self, x: Any) -> Any:
        zero = eq(x, 0)
        if not self.starts_at_zero:
            return switch(zero, self.log_rest(zero), self.log_psi(~zero) + self.inner.log_density(x))
        at_zero = self.with_zero(self.inner.logp(ZERO))  # which needs no x, so it is computed once for all
        return switch(zero, at_zero, self.log_psi(~zero) + self.inner.logp(x))

    def logcdf(self, x: Any) -> Any:
        return self.with_zero(self.inner.logcdf(x) if self.starts_at_zero else self.inner.log_probability(x))

    def logccdf(self, x: Any) -> Any:
        own = self.inner.logccdf(x) if self.starts_at_zero else self.inner.log_probability(x, above=True)
        return self.log_psi(True) + own

    def mean(self) -> Any:
        return self.psi * self.inner.mean()

    def support_point(self) -> Any:
        return round(self.psi * self.inner.support_point())


class Hurdle(OfBase):
    """With probability `psi` a value of the base family that is not 0; else 0.

    Of a continuous base nothing is cut off, as it is 0 with probability 0; the number at 0 is then a probability, and
    elsewhere a density.
    """

    formula = r"(1-\psi)\,[x = 0] + \psi\,[x \neq 0]\, \frac{f(x)}{1 - F(0)}"
    source = "https://en.wikipedia.org/wiki/Hurdle_model"

    @classmethod
    def law_over(cls, base: type[Distribution], sample: Sampler | None) -> Law:
        names = " ".join(("psi", *base.law.parameters))
        crossed = Opened(sample or Repeated(base.law.sample))
        return law(f"hurdle_{base.law.name}", names, crossed, dtype=base.law.dtype)

    def log_crossed(self) -> Any:
        """log of the probability that the base is not 0."""
        has_zero = self.discrete and self.starts_at_zero
        return log1mexp(self.inner.logp(ZERO)) if has_zero else ZERO

    def logp(self, x: Any) -> Any:
        zero = eq(x, 0)
        inside = x if self.discrete else switch(zero, 0.5, x)  # of a density, 0 may be a pole
        crossed = self.log_psi(~zero) + self.inner.logp(inside) - self.log_crossed()
        return switch(zero, self.log_rest(zero), crossed)

    def logccdf(self, x: Any) -> Any:
        zero = eq(x, 0)
        own = self.inner.logccdf(switch(zero, 1.0, x)) - self.log_crossed()
        return self.log_psi(True) + switch(zero, 0.0, own)

    def logcdf(self, x: Any) -> Any:
        zero = eq(x, 0)
        inside = switch(zero, 1.0, x)
        below = self.log_between(inside) if self.discrete else self.inner.logcdf(inside)
        return switch(zero, self.log_rest(True), self.with_zero(switch(zero, 0.0, below)))

    def log_between(self, x: Any) -> Any:
        """log P(0 < X <= x) of a discrete base, given that it is not 0: from the smaller of both sides' tails."""
        crossed = self.log_crossed()
        above = self.inner.logccdf(x) - crossed
        far = le(above, np.log(0.5))
        if not self.starts_at_zero:
            return self.inner.logcdf(x)
        up_to = self.inner.logcdf(x)
        share = self.inner.logp(ZERO) - up_to  # of 0 in what is not above x
        near = up_to + log1mexp(switch(far, -1.0, share)) - crossed
        return switch(far, log1mexp(switch(far, above, -1.0)), near)

    def icdf(self, q: Any) -> Any:
        if self.discrete:
            return super().icdf(q)
        crossed = gt(q, 1.0 - self.psi)
        inner = (q - (1.0 - self.psi)) / switch(bitwise_and(crossed, gt(self.psi, 0.0)), self.psi, 1.0)
        return switch(crossed, self.inner.icdf(switch(crossed, inner, 0.5)), 0.0)

    def mean(self) -> Any:
        return self.psi * self.inner.mean() * exp(-self.log_crossed())

    def support_point(self) -> Any:
        point = self.inner.support_point()
        return round(self.psi * maximum(point, 1.0)) if self.discrete else self.psi * point

    def bijection(self) -> Bijection | None:
        return super().bijection() if self.discrete else None


ROUNDS = 16
"""Draws that must not be 0 are repeated up to 2**ROUNDS times, in rounds of doubling length."""


@dataclass(frozen=True)
class Repeated:
    """A sampler of values that are not 0: draws are repeated until one is not."""

    sample: Sampler

    def __call__(self, rng: np.random.Generator, size: Sequence[int], *parameters: Any) -> np.ndarray:
        rows = [np.broadcast_to(p, size).reshape(-1) for p in parameters]
        found = np.asarray(self.sample(rng, (int(np.prod(size)),), *rows))
        for i in range(ROUNDS):
            left = np.flatnonzero(found == 0)
            if not left.size:
                return found.reshape(size)
            tries = np.asarray(self.sample(rng, (2**i, left.size), *[r[left] for r in rows]))
            found[left] = tries[np.argmax(tries != 0, axis=0), np.arange(left.size)]
        raise ValueError(f"{2**ROUNDS} draws were all 0, so a value that is not 0 is too improbable to be found")


def positive_poisson(rng: np.random.Generator, size: Sequence[int], mu: np.ndarray) -> np.ndarray:
    """Poisson draws that are not 0: the first event comes before time mu, and others after it."""
    first = -np.log1p(rng.random(size) * np.expm1(-mu))
    return 1 + rng.poisson(np.maximum(mu - first, 0.0))


def positive_negative_binomial(
    rng: np.random.Generator, size: Sequence[int], mu: np.ndarray, alpha: np.ndarray
) -> np.ndarray:
    """Negative binomial draws that are not 0.

    They count what arrives in clusters, of logarithmic size, at a constant rate during a time `alpha`: the first
    cluster comes before the end, and others after it (https://en.wikipedia.org/wiki/Logarithmic_distribution).
    """
    rate = np.log1p(mu / alpha)
    first = -np.log1p(rng.random(size) * np.expm1(-alpha * rate)) / rate
    rest = np.maximum(alpha - first, 0.0)
    return rng.logseries(np.broadcast_to(mu / (mu + alpha), size)) + rng.poisson(rng.gamma(rest, mu / alpha))


# Registry tests read graphs as they are written: there p = 1 gives 0 times infinity, which rewriting leaves out.
not_quite_sure = replace(unit_interval, examples=(0.0, 1e-6, 0.3, 0.5, 1 - 1e-9))


@distribution
class ZeroInflatedPoisson(ZeroInflated, base=Poisson):
    """With probability `psi` a Poisson count of mean `mu` (or exp(`log_mu`)), else 0."""


@distribution
class ZeroInflatedBinomial(ZeroInflated, base=Binomial, p=not_quite_sure):
    """With probability `psi` the successes among `n` trials of probability `p` (or log odds `logit_p`), else 0."""


@distribution
class ZeroInflatedNegativeBinomial(ZeroInflated, base=NegativeBinomial):
    """With probability `psi` a negative binomial count, in any of its parametrisations, else 0."""


@distribution
class HurdlePoisson(Hurdle, base=Poisson, sample=positive_poisson, mu=positive):
    """With probability `psi` a Poisson count that is not 0, else 0."""


@distribution
class HurdleNegativeBinomial(Hurdle, base=NegativeBinomial, sample=positive_negative_binomial, mu=positive):
    """With probability `psi` a negative binomial count that is not 0, else 0."""


@distribution
class HurdleGamma(Hurdle, base=Gamma):
    """With probability `psi` a gamma amount, in any of its parametrisations, else exactly 0."""


@distribution
class HurdleLogNormal(Hurdle, base=LogNormal):
    """With probability `psi` a log-normal amount, else exactly 0."""
