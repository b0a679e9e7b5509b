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
        axis) given the draw of the variables that were sampled, all other marginalised variables summed over; or,
        where summing over these would make its elements depend on each other, given their draws.
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
    wanted = chosen(owner, var_names)
    draws = read_draws(idata, sample_dims)
    fresh = recovered(owner, wanted, draws, random_seed, samples=return_samples)
    return joined(made(idata), fresh, None, merge=False, extend=True) if extend_inferencedata else fresh


def chosen(model: MarginalModel, var_names: Any) -> list[str]:
    """The names of the marginalised variables that are asked for."""
    names = [str(m.variable.name) for m in model.marginals]
    wanted = names if var_names is None else as_names(var_names)
    unknown = [n for n in wanted if n not in names]
    if unknown:
        raise ValueError(f"{', '.join(unknown)} was not marginalised; {', '.join(names)} was. {here()}")
    return wanted


def recovered(model: MarginalModel, wanted: Sequence[str], draws: Draws, seed: Any, *, samples: bool) -> Any:
    """Probabilities of the variables of some names, and their draws if asked for, as a dataset."""
    recovery = Recovery(model, draws)
    blind = any(m.alone is None for m in model.marginals)
    arrays = recovery.draws(as_seed(seed)) if samples or blind else {}
    found: dict[str, np.ndarray] = {}
    dims: dict[str, Any] = {}
    for m in model.marginals:
        name = str(m.variable.name)
        if name in wanted:
            found |= {name: arrays[name]} if samples else {}
            found[f"lp_{name}"] = recovery.log_probabilities(m)
            own = model.named_vars_to_dims.get(name)
            dims |= {} if own is None else {f"lp_{name}": (*own, f"{name}_value")}
    return dataset(model, draws, found, dims)


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
        self.conditional: dict[Any, np.ndarray] = {}
        missing = [str(rv.name) for rv in self.needed() if rv.name not in draws.arrays]
        if missing:
            raise ValueError(
                f"The trace has no draws of {', '.join(missing)}; it has {', '.join(draws.arrays) or 'none'}. {here()}"
            )
        self.given = {rv: shaped_draws(model, rv, draws) for rv in self.needed()}

    def needed(self) -> list[Any]:
        """The free variables that the tables depend on."""
        stop = {*self.model.basic_RVs, *(m.variable for m in self.model.marginals)}
        graphs = [g for m in self.model.marginals for g in (m.conditional, m.alone, m.states, *(m.chain or ()))]
        reached = below([g for g in graphs if g is not None], stop)
        return [rv for rv in self.model.free_RVs if rv in reached]

    def evaluate(self, graphs: Sequence[Any]) -> list[np.ndarray]:
        """Graphs at every draw."""
        data: dict[Any, Any] = {rv: self.model.rvs_to_values[rv] for rv in self.model.observed_RVs}
        fixed: list[Any] = replace_all(graphs, data)
        return Forward(fixed, list(self.given))(list(self.given.values()), self.rows)

    def log_probabilities(self, marginal: Marginal) -> np.ndarray:
        """For each draw and element the logs of the probabilities of the values, along the last axis."""
        last = marginal is self.model.marginals[-1]  # given none of the others, as these were summed over before it
        if marginal.alone is None or (last and marginal.variable in self.conditional):
            return self.conditional[marginal.variable]
        (table,) = self.evaluate([marginal.alone])
        if marginal.chain is not None:
            return smoothed(*self.chain(marginal, table))
        return normalised(np.moveaxis(table, 1, -1))

    def chain(self, marginal: Marginal, table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of a Markov chain at each draw: what other variables say (..., T, K), the first state's, the transitions."""
        first, moves = self.evaluate(list(marginal.chain or ()))
        said = np.moveaxis(table, 1, -1)
        batch = said.shape[1:-2]
        with_batch = [
            a.reshape(len(a), *[1] * (len(batch) - (a.ndim - 1 - core)), *a.shape[1:])
            for a, core in ((first, 1), (moves, 2))
        ]
        shapes = [(len(said), *batch, *a.shape[a.ndim - core :]) for a, core in zip(with_batch, (1, 2), strict=True)]
        return said, np.broadcast_to(with_batch[0], shapes[0]), np.broadcast_to(with_batch[1], shapes[1])

    def draws(self, seed: int) -> dict[str, np.ndarray]:
        """One joint draw of the variables for each draw of the others: those summed over last come first."""
        before, found = dict(self.given), {}
        for marginal in reversed(self.model.marginals):
            z = marginal.variable
            rng = stream(seed, z.name, "recovered")
            table, states = self.evaluate([marginal.conditional, marginal.states])
            if marginal.chain is not None:
                place = sampled_path(rng, *self.chain(marginal, table))
            else:
                self.conditional[z] = normalised(np.moveaxis(table, 1, -1))
                place = sampled(rng, self.conditional[z])
            found[str(z.name)] = self.given[z] = states[0][place].astype(z.dtype)
        self.given = before
        return found


def normalised(logs: np.ndarray) -> np.ndarray:
    """Log-probabilities that add up to one along the last axis."""
    return logs - log_sum(logs)[..., None]


def log_sum(logs: np.ndarray, axis: int = -1) -> np.ndarray:
    """log(sum(exp(logs))) without overflow."""
    top = logs.max(axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(logs - top).sum(axis)) + top.squeeze(axis)


def sampled(rng: np.random.Generator, logs: np.ndarray) -> np.ndarray:
    """Positions drawn with the probabilities whose logarithms lie along the last axis."""
    edges = np.cumsum(np.exp(logs), axis=-1)
    u = rng.random(logs.shape[:-1])[..., None] * edges[..., -1:]
    return np.minimum((u >= edges).sum(-1), logs.shape[-1] - 1)


def filtered(said: np.ndarray, first: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """For each time the log-probability of each state and of what is known up to then, of shape (..., T, K)."""
    found = np.empty_like(said)
    found[..., 0, :] = first + said[..., 0, :]
    for t in range(1, said.shape[-2]):
        found[..., t, :] = log_sum(found[..., t - 1, :, None] + moves, -2) + said[..., t, :]
    return found


def smoothed(said: np.ndarray, first: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """The log-probability of each state at each time given all (the forward-backward algorithm)."""
    found = filtered(said, first, moves)
    after = np.zeros_like(said[..., 0, :])
    for t in range(said.shape[-2] - 2, -1, -1):
        after = log_sum(moves + (said[..., t + 1, :] + after)[..., None, :])
        found[..., t, :] += after
    return normalised(found)


def sampled_path(rng: np.random.Generator, said: np.ndarray, first: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """States drawn jointly: the last from what is known up to it, each earlier one given the one after it."""
    known = filtered(said, first, moves)
    found = np.empty(said.shape[:-1], np.int64)
    found[..., -1] = sampled(rng, normalised(known[..., -1, :]))
    for t in range(said.shape[-2] - 2, -1, -1):
        into = np.take_along_axis(moves, found[..., t + 1][..., None, None], -1)[..., 0]
        found[..., t] = sampled(rng, normalised(known[..., t, :] + into))
    return found
