"""Measures of one variable's draws, asked of whole results: the same of each variable."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

Measure = TypeVar("Measure", bound=Callable[..., Any])

SAMPLES = ("chain", "draw")


def per_variable(measure: Measure) -> Measure:
    """A measure of arrays that takes results too.

    Of a tree it judges the group posterior, and returns an `xarray.Dataset`, as of a dataset; of a mapping from names
    to arrays it returns a dict. `var_names` are those to judge, by default all. Intervals have the dimension
    `ci_bound`, with the labels "lower" and "upper".
    """

    @functools.wraps(measure)
    def judged(x: Any, *arguments: Any, var_names: str | Sequence[str] | None = None, **options: Any) -> Any:
        if not isinstance(x, Mapping):
            if var_names is not None:
                raise TypeError(
                    f"var_names chooses from a result, but {measure.__name__} was given {type(x).__name__}."
                )
            return measure(x, *arguments, **options)
        draws = posterior_of(x, measure.__name__)
        kept = {name: draws[name] for name in chosen(draws, var_names)}
        if not hasattr(draws, "data_vars"):
            return {name: measure(array, *arguments, **options) for name, array in kept.items()}
        return as_dataset(kept, lambda array: measure(array, *arguments, **options))

    return judged  # type: ignore[return-value]


def posterior_of(x: Any, what: str) -> Any:
    """The draws of a result: the group posterior of a tree, a dataset or mapping as it is."""
    if not hasattr(x, "children"):
        return x
    if "posterior" not in x.children:
        listed = ", ".join(map(str, x.children)) or "none"
        raise ValueError(
            f"{what} of a result judges its group posterior, but it has the groups {listed}: give one of these, "
            f"such as result['{next(iter(x.children), 'prior')}'].dataset."
        )
    return x["posterior"].to_dataset()


def chosen(draws: Any, var_names: str | Sequence[str] | None) -> list[str]:
    """The names of the variables to judge."""
    known = [str(name) for name in getattr(draws, "data_vars", draws)]
    listed = known if var_names is None else [var_names] if isinstance(var_names, str) else list(var_names)
    missing = [name for name in listed if name not in known]
    if missing:
        raise ValueError(f"The result has no variables {', '.join(missing)}; it has {', '.join(known)}.")
    return listed


def as_dataset(draws: Mapping[str, Any], measure: Callable[[np.ndarray], Any]) -> Any:
    """What is measured of each variable, with its dimensions and labels."""
    import xarray  # needed by results alone

    found = {}
    for name, array in draws.items():
        ordered = array.transpose(*SAMPLES, ...)
        dims = ordered.dims[2:]
        value = np.asarray(measure(ordered.values))
        labels = {key: c for key, c in ordered.coords.items() if not set(c.dims) & set(SAMPLES) and key not in SAMPLES}
        if value.ndim > len(dims):
            dims, labels = (*dims, "ci_bound"), {**labels, "ci_bound": ["lower", "upper"]}
        found[name] = xarray.DataArray(value, dims=dims, coords=labels)
    return xarray.Dataset(found)
