"""Distributions whose parameters, data and draws have named dims: those of `pellucid.stats`, by one mechanism."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import pellucid.model.random  # noqa: F401 - which says what naming a variable means
from pellucid.dims.named import Dims, DimTensor, aligned, as_names, as_xtensor, at_line, union
from pellucid.graph.nodes import Variable
from pellucid.model.context import modelcontext
from pellucid.model.observed import data_array
from pellucid.stats.families import PLACES, load
from pellucid.tensor.shape import dimshuffle
from pellucid.tensor.types import TensorVariable

VECTORS = [
    "Categorical", "Dirichlet", "DirichletMultinomial", "Interpolated", "Multinomial", "MvNormal", "MvStudentT",
    "OrderedLogistic", "OrderedProbit", "StickBreakingWeights", "Wishart", "ZeroSumNormal",
]  # fmt: skip
"""The distributions of which parameters or draws have axes of their own, the `core_dims`."""

BOUNDED = ("Censored", "Truncated")
"""Distributions of a scalar one, whose dims are those of its draw and of the bounds."""


class NamedDistribution:
    """A distribution over tensors with named dims.

    Called with a name it makes a variable of the model around it; :meth:`dist` makes one without a model. Parameters
    are numbers or have dims, and are aligned by name. The dims of the variable are `dims`, in which `...` stands for
    those of the parameters that are not named; or without `dims` those of the parameters and of the data. The lengths
    of the others come from the model.

    Parameters
    ----------
    family : subclass of Distribution

    Examples
    --------
    >>> import pellucid as pm
    >>> import pellucid.dims as pmd
    >>> with pm.Model(coords={"group": ["a", "b"], "row": range(3)}):
    ...     mu = pmd.Normal("mu", 0, 1, dims="group")
    ...     y = pmd.Normal("y", mu, 1, dims=("row", ...))
    >>> y.dims
    ('row', 'group')
    """

    def __init__(self, family: Any):
        self.family = family
        self.__name__ = self.__qualname__ = family.__name__
        self.__doc__ = family.__doc__
        self.axes = {label: p.constraint.ndim for q in family.parametrizations for label, p in q.parameters.items()}

    def __repr__(self) -> str:
        return f"pmd.{self.__name__}"

    def __call__(
        self,
        name: str,
        *args: Any,
        dims: Any = None,
        core_dims: Any = None,
        observed: Any = None,
        model: Any = None,
        **options: Any,
    ) -> DimTensor:
        owner = modelcontext(model)
        what = f"{self.__name__}({name!r})"
        parameters, rest = self.split(args, options, what)
        core = Core(self, parameters, core_dims, what)
        asked = None if dims is None else (dims,) if isinstance(dims, str | type(...)) else tuple(dims)
        data = as_data(observed, asked)
        found = self.dims_of(core, parameters, asked, data, what)
        owner.dimensions.require(found, f"'{owner.name_for(name)}'")
        values = core.plain(parameters, found)
        extra = {"n_zerosum_axes": len(core.drawn)} if self.__name__ == "ZeroSumNormal" else {}
        rv = self.family(
            name,
            dims=found or None,
            observed=transposed(data, found, what),
            model=owner,
            **values,
            **extra,
            **{k: aligned(v, found) if k == "initval" and isinstance(v, DimTensor) else v for k, v in rest.items()},
        )
        return DimTensor(rv, found)

    def dist(
        self,
        *args: Any,
        core_dims: Any = None,
        dim_lengths: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> DimTensor:
        """A random variable without a model; `dim_lengths` are those of dims that the parameters do not have."""
        what = f"{self.__name__}.dist"
        parameters, rest = self.split(args, options, what)
        core = Core(self, parameters, core_dims, what)
        lengths = {d: n for x in parameters.values() if isinstance(x, DimTensor) for d, n in x.sizes.items()}
        lengths = {**lengths, **(dim_lengths or {})}
        batch = tuple(d for d in (dim_lengths or {}) if d not in core.names)
        found = (*dict.fromkeys((*batch, *core.batch(parameters))), *core.drawn)
        extra = {"n_zerosum_axes": len(core.drawn)} if self.__name__ == "ZeroSumNormal" else {}
        shape = tuple(lengths[d] for d in found) if all(d in lengths for d in found) and found else None
        return DimTensor(self.family.dist(shape=shape, **core.plain(parameters, found), **extra, **rest), found)

    def split(
        self, args: Sequence[Any], options: Mapping[str, Any], what: str
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The parameters by name, with dims unless they are numbers, and what else was given."""
        order = ("dist", "lower", "upper") if self.__name__ in BOUNDED else self.family.order
        if len(args) > len(order):
            raise TypeError(f"{what} takes at most {len(order)} parameters by place: {', '.join(order)}. {at_line()}")
        placed = dict(zip(order, args, strict=False))
        if twice := [label for label in placed if label in options]:
            raise TypeError(f"{what} was given {', '.join(twice)} both by place and by name. {at_line()}")
        given = {**placed, **options}
        labels = {*order, *self.axes}
        rest = {label: v for label, v in given.items() if label not in labels}
        if "shape" in rest or "size" in rest:
            raise TypeError(
                f"{what} takes no shape or size: dims= (without a model dim_lengths=) say what it is. {at_line()}"
            )
        return {k: self.with_dims(v, k, what) for k, v in given.items() if k in labels and v is not None}, rest

    def with_dims(self, value: Any, label: str, what: str) -> Any:
        """A parameter as a tensor with dims; numbers stay as they are."""
        if isinstance(value, int | float):
            return value
        try:
            return as_xtensor(value)
        except TypeError as error:
            raise TypeError(f"{label} of {what}: {error}") from None

    def dims_of(self, core: Core, parameters: Mapping[str, Any], asked: Any, data: Any, what: str) -> Dims:
        """The dims of the variable, those of one draw last."""
        own = core.batch(parameters)
        known = {*own, *core.drawn}
        found = (*(d for d in getattr(data, "dims", ()) if d not in known), *own)
        if asked is None:
            return (*found, *core.drawn)
        rest = [d for d in found if d not in asked]
        names = [e for d in asked for e in (rest if d is ... else [d])]
        for label, x in parameters.items():
            if lost := [d for d in getattr(x, "dims", ()) if d not in names and d not in core.names]:
                raise ValueError(
                    f"{label} of {what} has the dims {x.dims}, but the variable has the dims {tuple(names)}, without "
                    f"{', '.join(map(repr, lost))}: add it to dims, or reduce {label} over it. {at_line()}"
                )
        if len(set(names)) != len(names):
            raise ValueError(f"{what} has a dim twice: {tuple(names)}. {at_line()}")
        return (*as_names([d for d in names if d not in core.drawn]), *core.drawn)


class Core:
    """The dims of single values of the parameters, and of a single draw, of one variable."""

    def __init__(self, maker: NamedDistribution, parameters: Mapping[str, Any], core_dims: Any, what: str):
        self.maker, self.what = maker, what
        self.names: Dims = () if core_dims is None else as_names(core_dims)
        needed = maker.__name__ in VECTORS
        if needed != bool(self.names):
            raise ValueError(
                f"{what} needs core_dims, the dims of one draw or of one value of its parameters. {at_line()}"
                if needed
                else f"{what} is a distribution of numbers, which have no core_dims. {at_line()}"
            )
        for label, x in parameters.items():
            self.check(label, x)
        self.drawn = self.of_a_draw(parameters)

    def check(self, label: str, x: Any) -> None:
        """Refuse a parameter that has another number of core dims than it needs."""
        axes, found = self.maker.axes.get(label, 0), [d for d in self.names if d in getattr(x, "dims", ())]
        if len(found) != axes:
            raise ValueError(
                f"{label} of {self.what} must have {axes or 'none'} of the core dims {self.names}, but it has "
                f"{tuple(found) or 'none'}; its dims are {getattr(x, 'dims', ())}. {at_line()}"
            )

    def of_a_draw(self, parameters: Mapping[str, Any]) -> Dims:
        """The dims of one draw: all core dims, or the one that the vectors among the parameters have."""
        if self.maker.__name__ == "ZeroSumNormal":
            return self.names
        count = 0 if self.maker.__name__ in BOUNDED else self.maker.family.law.ndim_supp
        if count == 0 or count == len(self.names):
            return self.names[:count]
        vectors = [x for label, x in parameters.items() if self.maker.axes[label] == 1]
        own = [d for d in self.names if any(d in x.dims for x in vectors)]
        if len(own) != count:
            raise ValueError(f"{self.what} has draws of {count} axes, which core_dims={self.names} do not fit. "
                             f"{at_line()}")  # fmt: skip
        return tuple(own)

    def batch(self, parameters: Mapping[str, Any]) -> Dims:
        """Every dim of the parameters but the core dims, in order of appearance."""
        named = [x for x in parameters.values() if isinstance(x, DimTensor)]
        return tuple(d for d in union(named) if d not in self.names)

    def plain(self, parameters: Mapping[str, Any], dims: Dims) -> dict[str, Any]:
        """The parameters as plain tensors that broadcast against each other, the axes of single values last."""
        outer = [d for d in dims if d not in self.names]
        return {
            label: self.plain_one(label, x, outer) if isinstance(x, DimTensor) else x for label, x in parameters.items()
        }

    def plain_one(self, label: str, x: DimTensor, outer: Sequence[str]) -> TensorVariable:
        """One parameter as a plain tensor."""
        if label == "dist" and self.maker.__name__ in BOUNDED:
            return self.described(x, outer)
        values = aligned(x, [*outer, *(d for d in self.names if d in x.dims)])
        if self.maker.__name__ == "ZeroSumNormal" and x.ndim:
            values = dimshuffle(values, *range(values.ndim), *["x"] * len(self.names))
        return values

    def described(self, x: DimTensor, outer: Sequence[str]) -> TensorVariable:
        """The draw that a bounded distribution is about: its dims must be the last of all, since it cannot be moved."""
        if x.ndim and tuple(outer[len(outer) - x.ndim :]) != x.dims:
            raise ValueError(
                f"dist of {self.what} has the dims {x.dims}, and the variable the dims {tuple(outer)}: those of dist "
                f"must come last, in their order. {at_line()}"
            )
        return x.values


def as_data(observed: Any, asked: Any) -> Any:
    """Observed data with their dims; plain arrays have the dims that were asked for, if these say all."""
    if observed is None or isinstance(observed, DimTensor) or hasattr(observed, "coords"):
        return observed
    if asked is not None and ... not in asked:
        return PlainData(observed, as_names(asked))
    return as_xtensor(observed)


class PlainData:
    """An array and its dims, kept as it is because elements may be missing."""

    def __init__(self, array: Any, dims: Dims):
        self.array, self.dims = array, dims


def transposed(data: Any, dims: Dims, what: str) -> Any:
    """Data as a plain tensor or array with its axes in the order of `dims`."""
    if data is None:
        return None
    own = tuple(map(str, data.dims))
    if sorted(own) != sorted(dims):
        raise ValueError(f"{what} has the dims {dims}, but its observed data have the dims {own}. {at_line()}")
    if isinstance(data, DimTensor):
        return aligned(data, dims)
    if not isinstance(data, PlainData):
        return data.transpose(*dims).to_numpy()
    if own == dims:
        return data.array
    array: Any = data.array if isinstance(data.array, Variable) else data_array(what, data.array)
    return array.transpose(*(own.index(d) for d in dims))


def names() -> Iterable[str]:
    """Every distribution that can have named dims."""
    return [name for name in PLACES if supported(name)]


def supported(name: str) -> bool:
    """Whether a distribution can have named dims: one of numbers, or of vectors whose core dims are understood."""
    law = getattr(load(name), "law", None)
    numbers = law is not None and not law.ndim_supp and not any(law.core)
    return numbers or name in VECTORS or name in BOUNDED


@cache
def named_distribution(name: str) -> NamedDistribution:
    """The distribution of that name over tensors with named dims."""
    if name not in PLACES:
        raise AttributeError(f"module 'pellucid.dims' has no attribute {name!r}")
    if not supported(name):
        raise AttributeError(
            f"{name} has no version with named dims: make it with pm.{name}, and name the axes with "
            "pmd.as_xtensor(x, dims=...)."
        )
    return NamedDistribution(load(name))
