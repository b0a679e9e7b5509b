"""Draws from a model's prior, with what follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.inference.result import data_groups
from pellucid.inference.trace import to_datatree
from pellucid.model.context import modelcontext
from pellucid.model.dims import coords_of
from pellucid.model.model import Model
from pellucid.stats import draw


def sample_prior_predictive(
    draws: int = 500,
    model: Model | None = None,
    var_names: Sequence[str] | None = None,
    random_seed: Any = None,
    return_inferencedata: bool = True,
    idata_kwargs: Mapping[str, Any] | None = None,
    samples: int | None = None,
) -> Any:
    """Draw all variables of a model from the prior, and the observed ones from their distribution given these.

    Parameters
    ----------
    draws : int
    model : Model, optional
        By default that of the enclosing block.
    var_names : sequence of str, optional
        The variables to keep; by default all random variables and deterministics.
    random_seed : int or numpy.random.Generator, optional
    return_inferencedata : bool
        If False, a dict of arrays of shape (draws, *shape) is returned.
    idata_kwargs : mapping, optional
        `coords` and `dims` to add.
    samples : int, optional
        Another name of `draws`.

    Returns
    -------
    xarray.DataTree
        With the groups prior, prior_predictive, observed_data and constant_data. Potentials are not part of a prior.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model():
    ...     x = pm.Normal("x", 0, 1)
    ...     y = pm.Normal("y", x, 1, observed=[1.0, 2.0])
    ...     prior = pm.sample_prior_predictive(draws=10, random_seed=1)
    >>> dict(prior["prior_predictive"]["y"].sizes)
    {'chain': 1, 'draw': 10, 'y_dim_0': 2}
    """
    owner = modelcontext(model).root
    known = {str(v.name): v for v in [*owner.unobserved_RVs, *owner.observed_RVs]}
    listed = list(known) if var_names is None else [str(getattr(v, "name", v)) for v in var_names]
    missing = [n for n in listed if n not in known]
    if missing:
        raise ValueError(
            f"var_names has {', '.join(missing)}, which the model does not draw; it draws {', '.join(known)}."
        )
    count = draws if samples is None else samples
    found = draw([known[n] for n in listed], draws=count, random_seed=random_seed) if listed else []
    arrays = {n: a if count != 1 else a[None] for n, a in zip(listed, found, strict=True)}
    if not return_inferencedata:
        return arrays
    observed = {str(v.name) for v in owner.observed_RVs}
    groups = {
        "prior": {n: a[None] for n, a in arrays.items() if n not in observed},
        "prior_predictive": {n: a[None] for n, a in arrays.items() if n in observed},
    }
    more = idata_kwargs or {}
    return to_datatree(
        {**groups, **data_groups(owner)},
        coords={**coords_of(owner.coords), **more.get("coords", {})},
        dims={**owner.named_vars_to_dims, **more.get("dims", {})},
    )
