"""Draws that are plain arrays, as results: PyMC's `to_inference_data` and `predictions_to_inference_data`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.inference.deferred import made
from pellucid.inference.pointwise import compute_log_likelihood, compute_log_prior
from pellucid.inference.predictive import labels
from pellucid.inference.result import Trace, data_groups, deferred_tree
from pellucid.inference.trace import SAMPLE_DIMS, add_groups
from pellucid.model.context import here, modelcontext
from pellucid.model.model import Model

Arrays = Mapping[str, Any]


def to_inference_data(
    trace: Trace | None = None,
    *,
    prior: Arrays | None = None,
    posterior_predictive: Arrays | None = None,
    log_likelihood: bool | Iterable[str] = False,
    log_prior: bool | Iterable[str] = False,
    coords: Mapping[str, Any] | None = None,
    dims: Mapping[str, Sequence[str]] | None = None,
    sample_dims: Sequence[str] | None = None,
    model: Model | None = None,
    save_warmup: bool | None = None,
    include_transformed: bool = False,
) -> Any:
    """What `sample` and the predictive functions return with ``return_inferencedata=False``, as one tree.

    Parameters
    ----------
    trace : Trace, optional
        Of `sample`.
    prior : dict of array of shape (draw, *shape), optional
        Of `sample_prior_predictive`: observed variables become the group `prior_predictive`.
    posterior_predictive : dict of array of shape (chain, draw, *shape), optional
        Of `sample_posterior_predictive`.
    log_likelihood, log_prior : bool or sequence of names
        Whether to compute these at the draws of the trace.
    coords, dims : dict, optional
        Beside those of the model.
    model : Model, optional
        By default that of the enclosing block.
    sample_dims, save_warmup, include_transformed
        Accepted for PyMC's sake: a trace has chains and draws, and neither tuning nor unconstrained draws.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model():
    ...     x = pm.Normal("x")
    ...     trace = pm.sample(10, tune=10, chains=2, return_inferencedata=False, progressbar=False)
    ...     tree = pm.to_inference_data(trace)
    >>> dict(tree["posterior"].sizes)
    {'chain': 2, 'draw': 10}
    """
    owner = modelcontext(model).root
    if trace is not None and not isinstance(trace, Trace):
        raise TypeError(
            f"trace is what pm.sample(return_inferencedata=False) returns, not {type(trace).__name__}. {here()}"
        )
    groups: dict[str, Arrays] = {}
    if trace is not None:
        groups |= {"posterior": trace.arrays, "sample_stats": trace.statistics}
    if prior is not None:
        observed = {str(v.name) for v in owner.observed_RVs}
        rows = {name: np.asarray(a)[None] for name, a in prior.items()}
        groups["prior"] = {name: a for name, a in rows.items() if name not in observed}
        groups["prior_predictive"] = {name: a for name, a in rows.items() if name in observed}
    if posterior_predictive is not None:
        groups["posterior_predictive"] = posterior_predictive
    tree = deferred_tree({**groups, **data_groups(owner)}, **labels(owner, {}, {"coords": coords, "dims": dims}))
    for wanted, compute in ((log_likelihood, compute_log_likelihood), (log_prior, compute_log_prior)):
        if wanted:
            compute(tree, var_names=None if wanted is True else list(wanted), model=owner)  # type: ignore[arg-type]
    return tree


def predictions_to_inference_data(
    predictions: Arrays,
    posterior_trace: Any = None,
    model: Model | None = None,
    coords: Mapping[str, Any] | None = None,
    dims: Mapping[str, Sequence[str]] | None = None,
    sample_dims: Sequence[str] | None = None,
    idata_orig: Any = None,
    inplace: bool = False,
) -> Any:
    """Predictions, arrays of shape (chain, draw, *shape), as the groups `predictions` and `predictions_constant_data`.

    Parameters
    ----------
    predictions : dict of array
        Of ``sample_posterior_predictive(..., predictions=True, return_inferencedata=False)``.
    model : Model, optional
    coords, dims : dict, optional
        Beside those of the model.
    idata_orig : DataTree, optional
        A tree that the groups are added to: a copy of it, unless `inplace`.
    sample_dims : sequence of str, optional
        The names of the first axes.
    posterior_trace
        Accepted for PyMC's sake, and ignored.
    """
    owner = modelcontext(model).root
    groups = {"predictions": predictions, "predictions_constant_data": data_groups(owner)["constant_data"]}
    how = {
        **labels(owner, {}, {"coords": coords, "dims": dims}),
        "sample_dims": {"predictions": tuple(sample_dims or SAMPLE_DIMS)},
    }
    if idata_orig is None:
        return deferred_tree(groups, **how)
    tree = made(idata_orig) if inplace else made(idata_orig).copy()
    add_groups(tree, groups, **how)
    return idata_orig if inplace else tree
