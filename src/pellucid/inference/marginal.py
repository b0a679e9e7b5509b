"""Draws and probabilities of variables that a model was summed over, given draws of the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.replace import replace_all
from pellucid.inference.deferred import made
from pellucid.inference.given import Draws, as_names, read_draws
from pellucid.inference.pointwise import joined
from pellucid.inference.predictive import below, labels, shaped_draws
from pellucid.inference.trace import to_datatree
from pellucid.model.context import here, modelcontext
from pellucid.model.marginal import Marginal, MarginalModel
from pellucid.stats.draws import as_seed, stream
from pellucid.stats.forward import Forward


def recover_marginals(
    idata: Any,
    *,
    model: Any = None,
    var_names: Sequence[str] | None = None,
    return_samples: bool = True,
    extend_inferencedata: bool = True,
    random_seed: Any = None,
    sample_dims: Sequence[str] = ("chain", "draw"),
) -> Any:
    """Posterior draws and probabilities of the variables that :func:`marginalize` took out of a model.

    Parameters
    ----------
    idata : DataTree, dataset or dict of arrays
        With draws of the other free variables.
    model : MarginalModel, optional
        By default that of the enclosing block.
    var_names : sequence of str, optional
        By default all marginalised variables.
    return_samples : bool
        Whether to draw them, jointly, for each draw of the others; probabilities are computed in any case.
    extend_inferencedata : bool
        Add the results to the posterior of `idata`, in place, and return that; otherwise return a dataset.
    random_seed : int or generator, optional
    sample_dims : sequence of str

    Returns
    -------
    DataTree or Dataset
        The draws under the variables' names, and under ``lp_<name>`` the log of the probability of each value (last
        axis) given the draw of the variables that were sampled, all other marginalised variables summed over.
        Deterministics of these variables follow by :func:`compute_deterministics` and ``model.original``.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model() as model:
    ...     mu = pm.Normal("mu", 0, 1)
    ...     z = pm.Bernoulli("z", 0.3)
    ...     y = pm.Normal("y", mu + z, 1, observed=1.5)
    >>> marginal = pm.marginalize(model, "z")
    >>> draws = {"mu": [[0.0, 1.0, 2.0]]}
    >>> found = pm.recover_marginals(draws, model=marginal, extend_inferencedata=False, random_seed=1)
    >>> np.exp(found["lp_z"].values[0]).round(3)
    array([[0.462, 0.538],
           [0.7  , 0.3  ],
           [0.864, 0.136]])
    """
    owner: Any = modelcontext(model).root
    if not isinstance(owner, MarginalModel):
        raise TypeError(f"recover_marginals needs a model that pm.marginalize returned. {here()}")
    names = [str(m.variable.name) for m in owner.marginals]
    wanted = names if var_names is None else as_names(var_names)
    unknown = [n for n in wanted if n not in names]
    if unknown:
        raise ValueError(f"{', '.join(unknown)} was not marginalised; {', '.join(names)} was. {here()}")
    draws = read_draws(idata, sample_dims)
    recovery = Recovery(owner, draws)
    arrays: dict[str, np.ndarray] = recovery.draws(as_seed(random_seed)) if return_samples else {}
    found: dict[str, np.ndarray] = {}
    dims: dict[str, Any] = {}
    for m in owner.marginals:
        name = str(m.variable.name)
        if name in wanted:
            found |= {name: arrays[name]} if return_samples else {}
            found[f"lp_{name}"] = recovery.log_probabilities(m)
            own = owner.named_vars_to_dims.get(name)
            dims[f"lp_{name}"] = None if own is None else (*own, f"{name}_value")
    fresh = dataset(owner, draws, found, {k: v for k, v in dims.items() if v is not None})
    return joined(made(idata), fresh, None, merge=False, extend=True) if extend_inferencedata else fresh


def dataset(model: MarginalModel, draws: Draws, rows: dict[str, np.ndarray], dims: dict[str, Any]) -> Any:
    """Arrays with one row per draw as a dataset."""
    lead = list(draws.lead)
    arrays = {name: draws.unstacked(a) for name, a in rows.items()}
    tree = to_datatree(
        {"found": arrays}, attrs={}, sample_dims={"found": lead}, **labels(model, draws.lead, {"dims": dims})
    )
    return tree["found"].to_dataset()


class Recovery:
    """The tables of a model at each draw of its free variables."""

    def __init__(self, model: MarginalModel, draws: Draws):
        self.model, self.rows = model, draws.rows
        self.given: dict[Any, np.ndarray] = {}
        missing = [str(rv.name) for rv in self.needed() if rv.name not in draws.arrays]
        if missing:
            raise ValueError(
                f"The trace has no draws of {', '.join(missing)}; it has {', '.join(draws.arrays) or 'none'}. {here()}"
            )
        self.given = {rv: shaped_draws(model, rv, draws) for rv in self.needed()}

    def needed(self) -> list[Any]:
        """The free variables that the tables depend on."""
        stop = {*self.model.basic_RVs, *(m.variable for m in self.model.marginals)}
        reached = below([g for m in self.model.marginals for g in (m.conditional, m.alone, m.states)], stop)
        return [rv for rv in self.model.free_RVs if rv in reached]

    def evaluate(self, graphs: Sequence[Any]) -> list[np.ndarray]:
        """Graphs at every draw."""
        data: dict[Any, Any] = {rv: self.model.rvs_to_values[rv] for rv in self.model.observed_RVs}
        fixed: list[Any] = replace_all(graphs, data)
        return Forward(fixed, list(self.given))(list(self.given.values()), self.rows)

    def log_probabilities(self, marginal: Marginal) -> np.ndarray:
        """For each draw and element the logs of the probabilities of the values, along the last axis."""
        (table,) = self.evaluate([marginal.alone])
        return normalised(np.moveaxis(table, 1, -1))

    def draws(self, seed: int) -> dict[str, np.ndarray]:
        """One joint draw of the variables for each draw of the others: those summed over last come first."""
        before, found = dict(self.given), {}
        for marginal in reversed(self.model.marginals):
            z = marginal.variable
            table, states = self.evaluate([marginal.conditional, marginal.states])
            p = np.exp(normalised(np.moveaxis(table, 1, -1)))
            u = stream(seed, z.name, "recovered").random(p.shape[:-1])
            edges = np.cumsum(p, axis=-1)
            place = np.minimum((u[..., None] * edges[..., -1:] >= edges).sum(-1), p.shape[-1] - 1)
            found[str(z.name)] = self.given[z] = states[0][place].astype(z.dtype)
        self.given = before
        return found


def normalised(logs: np.ndarray) -> np.ndarray:
    """Log-probabilities that add up to one along the last axis."""
    top = logs.max(-1, keepdims=True)
    return logs - top - np.log(np.exp(logs - top).sum(-1, keepdims=True))
