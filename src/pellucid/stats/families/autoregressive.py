"""Series in which each value is drawn given those before it: AR, GARCH, and stochastic differential equations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np

from pellucid.compile.numpy import compile as interpret
from pellucid.graph.function_graph import FunctionGraph
from pellucid.graph.nodes import Variable
from pellucid.graph.provenance import describe, user_line
from pellucid.graph.traverse import as_list, graph_inputs
from pellucid.stats.bounds import known
from pellucid.stats.constraint import nonnegative, positive, real, real_vector
from pellucid.stats.families.composite import (
    Composite,
    Part,
    Structure,
    along,
    common_batch,
    distribution_from,
    with_axis,
)
from pellucid.stats.families.continuous import Normal, scale_of_precision
from pellucid.stats.families.series import initial_part, length_after, steps_of
from pellucid.stats.parameters import Parameter, as_parameter
from pellucid.tensor.arithmetic import add, sqr
from pellucid.tensor.broadcast import Extent, shape_error
from pellucid.tensor.create import zeros
from pellucid.tensor.draws import lengths
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.scan import scan
from pellucid.tensor.shape import atleast_1d, broadcast_shape, broadcast_to, concatenate, dim, moveaxis
from pellucid.tensor.transcendental import sqrt
from pellucid.tensor.types import TensorType, TensorVariable, as_tensor_variable
from pellucid.vectorize import vectorize_graph


class AR(Composite):
    r"""An autoregressive process: each value is a sum of earlier ones with coefficients `rho`, plus normal noise.

    Parameters
    ----------
    rho : tensor
        The coefficients along the last axis: that of the previous value first; with `constant`, a constant term before.
    sigma, tau : tensor
        The standard deviation of the noise, or its precision; 1 by default.
    init_dist : distribution, optional
        Of the first `ar_order` values: numbers (each drawn from it) or a vector of that length. By default, with a
        warning, ``Normal.dist(0, 100)``.
    steps : int
        The number of values after those. By default it follows from shape, dims or data.
    constant : bool
        Whether rho starts with a constant term.
    ar_order : int, optional
        How many earlier values count; by default as many as there are coefficients.

    Notes
    -----
    .. math:: x_t = \rho_0 + \rho_1 x_{t-1} + \ldots + \rho_p x_{t-p} + \epsilon_t, \quad \epsilon_t \sim N(0, \sigma)

    Source: https://en.wikipedia.org/wiki/Autoregressive_model

    Examples
    --------
    >>> import pellucid as pm
    >>> x = pm.AR.dist([0.5], sigma=1.0, init_dist=pm.Normal.dist(0, 10), steps=2)
    >>> print(pm.logp(x, [1.0, 1.5, 1.0]).eval().round(4))
    -5.5957
    """

    formula = r"f_0(x_1, \ldots, x_p) \prod_t N(x_t \mid \rho_0 + \sum_i \rho_i x_{t-i}, \sigma)"
    source = "https://en.wikipedia.org/wiki/Autoregressive_model"
    rho: TensorVariable
    sigma: TensorVariable
    steps: TensorVariable

    @classmethod
    def dist(  # type: ignore[override]
        cls,
        rho: Any,
        sigma: Any = None,
        tau: Any = None,
        *,
        init_dist: Any = None,
        steps: Any = None,
        constant: bool = False,
        ar_order: int | None = None,
        **options: Any,
    ) -> TensorVariable:
        """A random variable without a model."""
        coefficients = as_parameter(cls, "rho", Parameter(real_vector), atleast_1d(as_tensor_variable(rho)))
        order = order_of(cls, coefficients, constant, ar_order)
        scale = noise_scale(cls, sigma, tau)
        start = initial_part(cls, init_dist)
        if start.law.ndim_supp > 1:
            raise ValueError(
                f"init_dist of {cls.__name__} must draw numbers or vectors, not arrays of {start.law.ndim_supp} axes. "
                f"At {describe(user_line())}"
            )
        count = steps_of(cls, steps, options, first=order)
        scalar = start.law.ndim_supp == 0
        # A batch of numbers ends in the axis of the first values; a batch of vectors is the batch of the series.
        core = [min(v.ndim, c + 1) if scalar else c for v, c in zip(start.values, start.law.core, strict=True)]
        check_start(cls, start, order)
        coefficients = repeated(coefficients, order + constant)
        structure = Structure(
            cls, (("rho", 1), ("sigma", 0), ("steps", 0)), (start.law,), tuple(core), "float64", 1,
            (order, bool(constant)), "AR",
        )  # fmt: skip
        if start.sized and start.batch_ndim >= scalar and options.get("shape") is None and options.get("size") is None:
            options["size"] = series_batch(start, [(coefficients, 1), (scale, 0)], last=int(scalar))
        return cls.make(structure, [coefficients, scale, count, *start.values], **options)

    def part(self, i: int, values: Sequence[TensorVariable]) -> Any:
        return distribution_from(self.structure.parts[i], over_lags(self.structure, values))

    @property
    def order_of_process(self) -> int:
        """How many earlier values count."""
        return self.structure.facts[0]

    def expected(self, x: TensorVariable) -> TensorVariable:
        """What each value after the first is expected to be, given those before it."""
        p, constant = self.structure.facts
        n = dim(x, x.ndim - 1) if x.type.shape[-1] is None else x.type.shape[-1]
        terms = [self.rho[..., i + constant, None] * x[..., p - 1 - i : n - 1 - i] for i in range(p)]
        return reduce(add, [self.rho[..., 0, None], *terms] if constant else terms)

    def logp(self, x: Any) -> Any:
        p = self.order_of_process
        start = self.parts[0].log_density(x[..., :p])
        if self.parts[0].law.ndim_supp == 0:
            start = sum_(start, axis=-1)
        noise = Normal.of(0.0, self.sigma[..., None])
        return start + sum_(noise.log_density(x[..., p:] - self.expected(x)), axis=-1)

    def agree(self) -> list[TensorVariable]:
        return [] if known(positive, self.sigma) else [positive.check(self.sigma)]

    def mean(self) -> Any:
        """The means of the first values, and what follows from them by the recursion without noise."""
        p, constant = self.structure.facts
        first = as_tensor_variable(self.parts[0].mean())
        lead = broadcast_shape(first[..., 0] if first.ndim else first, self.rho[..., 0])
        first = broadcast_to(first, [*lead, p])
        weights, shift = self.rho[..., int(constant) :], self.rho[..., 0] if constant else 0.0

        def step(before: Any, weights: Any, shift: Any) -> Any:
            """The last p means, one later."""
            return concatenate([before[..., 1:], (shift + sum_(weights * before[..., ::-1], axis=-1))[..., None]], -1)

        later = scan(step, outputs_info=[first], non_sequences=[weights, as_tensor_variable(shift)],
                     n_steps=self.steps, return_updates=False)  # fmt: skip
        return concatenate([first, moveaxis(later[..., -1], 0, -1)], axis=-1)

    def support_point(self) -> Any:
        point = as_tensor_variable(self.parts[0].support_point())
        last = point[..., -1:] if point.ndim else point
        return last + zeros([length_after(self.steps, self.order_of_process)])

    @classmethod
    def support_lengths(
        cls, structure: Structure, parameters: Sequence[Variable], extents: Sequence[Sequence[Extent]]
    ) -> Sequence[Extent]:
        return [length_after(parameters[2], structure.facts[0])]

    @classmethod
    def sample(cls, structure: Structure, rng: np.random.Generator, size: tuple[int, ...], *arrays: Any) -> Any:
        (rho, sigma, steps), (start,) = structure.split(arrays)
        (p, constant), law, n = structure.facts, structure.parts[0], int(steps)
        first = (*size, p) if law.ndim_supp == 0 else size
        x = np.empty((*size, p + n))
        x[..., :p] = law.sample(rng, first, *over_lags(structure, start))
        noise = rng.normal(0.0, 1.0, (*size, n)) * np.asarray(sigma)[..., None]
        level = rho[..., 0] if constant else 0.0
        lags = rho[..., constant:][..., ::-1]
        for t in range(n):
            x[..., p + t] = level + np.sum(lags * x[..., t : t + p], axis=-1) + noise[..., t]
        return x


def over_lags(structure: Structure, values: Sequence[Any]) -> list[Any]:
    """The parameters of the first values, with an axis for these where they are numbers with a batch."""
    law = structure.parts[0]
    return with_axis(values, law.core, structure.core) if law.ndim_supp == 0 else list(values)


def repeated(rho: TensorVariable, count: int) -> TensorVariable:
    """As many coefficients as there must be, where one was given for all."""
    return rho if rho.type.shape[-1] != 1 or count == 1 else broadcast_to(rho, [*lengths(rho)[:-1], count])


def series_batch(start: Part, others: Sequence[tuple[TensorVariable, int]], *, last: int) -> list[Any]:
    """The batch of a series, from that of its first values (without `last` axes) and of parameters with core axes."""
    own = start.batch_ndim - last
    rows = [(start.batch()[:own], start.variable.type.shape[:own])]
    rows += [(lengths(v)[: v.ndim - core], v.type.shape[: v.ndim - core]) for v, core in others]
    return common_batch(rows)


def noise_scale(family: type, sigma: Any, tau: Any) -> TensorVariable:
    """The standard deviation, from it or from the precision; 1 where neither is given."""
    if sigma is not None and tau is not None:
        raise ValueError(f"{family.__name__} cannot be given sigma and tau together. At {describe(user_line())}")
    if tau is not None:
        return as_tensor_variable(scale_of_precision(as_parameter(family, "tau", Parameter(positive), tau)))
    return as_parameter(family, "sigma", Parameter(positive), 1.0 if sigma is None else sigma)


def order_of(family: type, rho: TensorVariable, constant: bool, ar_order: int | None) -> int:
    """How many earlier values count, from the number of coefficients."""
    length = rho.type.shape[-1]
    if ar_order is None and length is None:
        raise ValueError(
            f"The order of {family.__name__} is not known, because the length of rho ({rho}) is not: give ar_order=. "
            f"At {describe(user_line())}"
        )
    order = int(ar_order) if ar_order is not None else int(length) - constant  # type: ignore[arg-type]
    if order < 1 or (length is not None and length not in (1, order + constant)):
        raise ValueError(
            f"{family.__name__} of order {order}{' with a constant' if constant else ''} needs {order + constant} "
            f"coefficients, but rho ({rho}) has {length}. At {describe(user_line())}"
        )
    return order


def check_start(family: type, start: Any, order: int) -> None:
    """Refuse first values of another number than the order."""
    rv = start.variable
    given = rv.type.shape[-1] if rv.ndim else None
    if given not in (None, 1, order):
        raise shape_error(
            f"init_dist of {family.__name__} does not fit",
            [rv],
            f"its last axis has length {given}, but the process is of order {order}",
            "Give it the shape (..., order), or none: then each of the first values is drawn from it.",
        )


class GARCH11(Composite):
    r"""A GARCH(1, 1) process: normal values whose variance depends on the value and the variance before.

    Parameters
    ----------
    omega, alpha_1, beta_1 : tensor
        The constant term of the variance, and its coefficients of the last square and of the last variance.
    initial_vol : tensor
        The first standard deviation.
    steps : int
        The number of values after the first. By default it follows from shape, dims or data.

    Notes
    -----
    .. math:: y_t \sim N(0, \sigma_t), \quad \sigma_t^2 = \omega + \alpha_1 y_{t-1}^2 + \beta_1 \sigma_{t-1}^2

    Source: https://en.wikipedia.org/wiki/Autoregressive_conditional_heteroskedasticity#GARCH

    Examples
    --------
    >>> import pellucid as pm
    >>> x = pm.GARCH11.dist(omega=0.5, alpha_1=0.2, beta_1=0.3, initial_vol=1.0, steps=2)
    >>> print(pm.logp(x, [1.0, 1.5, 1.0]).eval().round(4))
    -4.8934
    """

    formula = r"\prod_t N(y_t \mid 0, \sigma_t)"
    source = "https://en.wikipedia.org/wiki/Autoregressive_conditional_heteroskedasticity#GARCH"
    omega: TensorVariable
    alpha_1: TensorVariable
    beta_1: TensorVariable
    initial_vol: TensorVariable
    steps: TensorVariable

    @classmethod
    def dist(  # type: ignore[override]
        cls, omega: Any, alpha_1: Any, beta_1: Any, initial_vol: Any, *, steps: Any = None, **options: Any
    ) -> TensorVariable:
        """A random variable without a model."""
        given = dict(omega=omega, alpha_1=alpha_1, beta_1=beta_1, initial_vol=initial_vol)
        values = [as_parameter(cls, label, Parameter(GARCH_SETS[label]), v) for label, v in given.items()]
        count = steps_of(cls, steps, options, first=1)
        own = (*[(label, 0) for label in given], ("steps", 0))
        return cls.make(Structure(cls, own, ndim_supp=1), [*values, count], **options)

    def logp(self, x: Any) -> Any:
        x = as_tensor_variable(x)
        last = sqr(moveaxis(x, -1, 0)[:-1])
        first = sqr(self.initial_vol)
        if max(x.ndim - 1, first.ndim, self.omega.ndim, self.alpha_1.ndim, self.beta_1.ndim):
            first = broadcast_to(first, broadcast_shape(x[..., 0], first, self.omega, self.alpha_1, self.beta_1))
        later = scan(
            lambda shock, before, beta: shock + beta * before,
            sequences=[self.omega + self.alpha_1 * last],
            outputs_info=[first],
            non_sequences=[self.beta_1],
            return_updates=False,
        )
        scale = sqrt(moveaxis(concatenate([first[None], later]), 0, -1))
        return sum_(Normal.of(0.0, scale).log_density(x), axis=-1)

    def agree(self) -> list[TensorVariable]:
        values = zip(GARCH_SETS.values(), self.own, strict=False)
        return [constraint.check(v) for constraint, v in values if not known(constraint, v)]

    def mean(self) -> Any:
        return zeros([length_after(self.steps, 1)])

    @classmethod
    def support_lengths(
        cls, structure: Structure, parameters: Sequence[Variable], extents: Sequence[Sequence[Extent]]
    ) -> Sequence[Extent]:
        return [length_after(parameters[4], 1)]

    @classmethod
    def sample(cls, structure: Structure, rng: np.random.Generator, size: tuple[int, ...], *arrays: Any) -> Any:
        omega, alpha, beta, initial, steps = arrays
        x = rng.normal(0.0, 1.0, (*size, int(steps) + 1))
        variance = np.square(initial)
        for t in range(x.shape[-1]):
            x[..., t] *= np.sqrt(variance)
            variance = omega + alpha * np.square(x[..., t]) + beta * variance
        return x


GARCH_SETS = {"omega": positive, "alpha_1": nonnegative, "beta_1": nonnegative, "initial_vol": nonnegative}


@dataclass(frozen=True)
class Equation:
    """A stochastic differential equation: the drift and the diffusion as functions of the state and parameters."""

    graph: FunctionGraph

    def at(self, x: Any, parameters: Sequence[Any]) -> list[Any]:
        """Drift and diffusion at states with any batch."""
        return vectorize_graph(list(self.graph.outputs), dict(zip(self.graph.inputs, [x, *parameters], strict=True)))

    def __getstate__(self) -> Any:
        return {"graph": self.graph}

    @cached_property
    def programs(self) -> dict[Any, Any]:
        """Compiled functions by the ranks of the arrays."""
        return {}

    def on_arrays(self, x: np.ndarray, parameters: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Drift and diffusion of arrays."""
        kinds = tuple(tuple(1 if n == 1 else None for n in a.shape) for a in (x, *parameters))
        if kinds not in self.programs:
            symbols = [TensorType("float64", kind).variable() for kind in kinds]
            self.programs[kinds] = interpret(symbols, self.at(symbols[0], symbols[1:]))
        return self.programs[kinds](x, *parameters)


class EulerMaruyama(Composite):
    r"""The solution of a stochastic differential equation, in steps of length `dt`.

    Parameters
    ----------
    dt : tensor
        The length of a step.
    sde_fn : callable
        ``sde_fn(x, *sde_pars)`` returns the drift f and the diffusion g at the state x, all of them numbers.
    sde_pars : sequence of tensor
        Its parameters.
    init_dist : distribution, optional
        Of the first value; by default, with a warning, ``Normal.dist(0, 100)``.
    steps : int
        The number of values after the first. By default it follows from shape, dims or data.

    Notes
    -----
    .. math:: x_{t+1} \sim N(x_t + f(x_t)\,dt, \; g(x_t) \sqrt{dt})

    Source: https://en.wikipedia.org/wiki/Euler%E2%80%93Maruyama_method

    Examples
    --------
    >>> import pellucid as pm
    >>> x = pm.EulerMaruyama.dist(0.1, lambda x, k: (-k * x, 1.0), [0.5], init_dist=pm.Normal.dist(0, 1), steps=2)
    >>> print(pm.logp(x, [1.0, 1.2, 0.9]).eval().round(4))
    -1.5547
    """

    formula = r"f_0(x_0) \prod_t N(x_{t+1} \mid x_t + f(x_t)\,dt, g(x_t) \sqrt{dt})"
    source = "https://en.wikipedia.org/wiki/Euler%E2%80%93Maruyama_method"
    dt: TensorVariable
    steps: TensorVariable

    @classmethod
    def dist(  # type: ignore[override]
        cls,
        dt: Any,
        sde_fn: Callable[..., Any],
        sde_pars: Any,
        *,
        init_dist: Any = None,
        steps: Any = None,
        **options: Any,
    ) -> TensorVariable:
        """A random variable without a model."""
        values = [as_parameter(cls, f"sde_pars[{i}]", Parameter(real), v) for i, v in enumerate(sde_pars)]
        start = initial_part(cls, init_dist)
        if start.law.ndim_supp:
            raise ValueError(f"init_dist of {cls.__name__} must draw numbers. At {describe(user_line())}")
        count = steps_of(cls, steps, options, first=1)
        equation = Equation(equation_graph(cls, sde_fn, len(values)))
        own = (("dt", 0), ("steps", 0), *[(f"sde_pars[{i}]", 0) for i in range(len(values))])
        structure = Structure(cls, own, (start.law,), start.law.core, "float64", 1, equation)
        step = as_parameter(cls, "dt", Parameter(positive), dt)
        if start.sized and options.get("shape") is None and options.get("size") is None:
            options["size"] = series_batch(start, [(v, 0) for v in [step, *values]], last=0)
        return cls.make(structure, [step, count, *values, *start.values], **options)

    def logp(self, x: Any) -> Any:
        before, after = x[..., :-1], x[..., 1:]
        dt = self.dt[..., None] if self.dt.ndim else self.dt
        drift, diffusion = self.structure.facts.at(before, [v[..., None] if v.ndim else v for v in self.own[2:]])
        noise = Normal.of(before + dt * drift, sqrt(dt) * diffusion)
        return self.parts[0].log_density(x[..., 0]) + sum_(noise.log_density(after), axis=-1)

    def agree(self) -> list[TensorVariable]:
        return [] if known(positive, self.dt) else [positive.check(self.dt)]

    def support_point(self) -> Any:
        point = as_tensor_variable(self.parts[0].support_point())
        return along(point, 0) + zeros([length_after(self.steps, 1)])

    @classmethod
    def support_lengths(
        cls, structure: Structure, parameters: Sequence[Variable], extents: Sequence[Sequence[Extent]]
    ) -> Sequence[Extent]:
        return [length_after(parameters[1], 1)]

    @classmethod
    def sample(cls, structure: Structure, rng: np.random.Generator, size: tuple[int, ...], *arrays: Any) -> Any:
        (dt, steps, *values), (start,) = structure.split(arrays)
        x = np.empty((*size, int(steps) + 1))
        x[..., 0] = structure.parts[0].sample(rng, size, *start)
        for t in range(int(steps)):
            drift, diffusion = structure.facts.on_arrays(x[..., t], values)
            x[..., t + 1] = x[..., t] + dt * drift + np.sqrt(dt) * diffusion * rng.normal(0.0, 1.0, size)
        return x


def equation_graph(family: type, sde_fn: Callable[..., Any], count: int) -> FunctionGraph:
    """Drift and diffusion as a graph of a state and `count` parameters, all of them numbers."""
    inputs = [TensorType("float64", ()).variable(name=name) for name in ["x", *[f"p{i}" for i in range(count)]]]
    outputs = [as_tensor_variable(v, dtype="float64") for v in as_list(sde_fn(*inputs))]
    if len(outputs) != 2 or any(v.ndim for v in outputs):
        raise ValueError(
            f"sde_fn of {family.__name__} must return two numbers, the drift and the diffusion, for numbers; it "
            f"returns {', '.join(f'{v} of {v.ndim} axes' for v in outputs)}. At {describe(user_line())}"
        )
    foreign = [str(v) for v in graph_inputs(outputs, blockers=inputs) if v not in inputs and not is_fixed(v)]
    if foreign:
        raise ValueError(
            f"sde_fn of {family.__name__} uses {', '.join(foreign)}: pass what it depends on in sde_pars. "
            f"At {describe(user_line())}"
        )
    return FunctionGraph(inputs, outputs)


def is_fixed(v: Variable) -> bool:
    """Whether a root is a constant or shared, not random."""
    return v.has_value and isinstance(v, TensorVariable)
