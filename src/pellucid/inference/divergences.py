"""Where divergences happen, and which variables of the model are written in a way that invites them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pellucid.inference.trace import Coords, element_labels
from pellucid.model.model import Model
from pellucid.model.reparametrise import default_names

__all__ = ["Place", "explain_divergences", "find_places"]

FEWEST = 5
"""So few divergences may be anywhere by chance."""
CLEAR = 0.5
"""Standard deviations by which divergent draws must differ from the others."""
LISTED = 3


class Place(NamedTuple):
    """A coordinate in which divergent draws lie apart.

    Attributes
    ----------
    label : str
        Its name, such as ``tau_log__`` or ``theta[3]``.
    there, elsewhere : float
        The means of divergent and of other draws, on the unconstrained scale.
    shift : float
        Their difference, in standard deviations of all draws.
    """

    label: str
    there: float
    elsewhere: float
    shift: float

    def __str__(self) -> str:
        side = "low" if self.shift < 0 else "high"
        return f"{self.label} is {side} ({self.there:.2g} on average, {self.elsewhere:.2g} elsewhere)"


def find_places(
    unconstrained: Mapping[str, np.ndarray],
    diverging: np.ndarray,
    *,
    dims: Mapping[str, Sequence[str | None]] | None = None,
    coords: Coords | None = None,
) -> list[Place]:
    """The coordinates in which divergent draws lie apart from the others, the clearest first.

    Parameters
    ----------
    unconstrained : mapping of value variable to array, shape (chain, draw, *shape)
    diverging : array of bool, shape (chain, draw)
    dims, coords : mapping, optional
        Labels of the elements, as for `to_datatree`; without them elements are numbered.

    Examples
    --------
    >>> x = np.random.default_rng(1).normal(size=(4, 500))
    >>> [(p.label, p.shift < 0) for p in find_places({"tau_log__": x, "mu": x[::-1]}, x < -1.5)]
    [('tau_log__', True)]
    """
    bad = np.asarray(diverging, bool).ravel()
    count = int(bad.sum())
    if count < FEWEST or count == bad.size:
        return []
    found = []
    for name, array in unconstrained.items():
        columns = np.asarray(array, float).reshape(bad.size, -1)
        there, elsewhere = columns[bad].mean(0), columns[~bad].mean(0)
        with np.errstate(invalid="ignore", divide="ignore"):
            shifts = (there - elsewhere) / columns.std(0)
        clear = np.abs(shifts) > max(CLEAR, 3 / np.sqrt(count))
        if not clear.any():
            continue
        labels = list(element_labels(name, np.shape(array)[2:], dims=(dims or {}).get(name), coords=coords))
        found += [
            Place(labels[i], float(there[i]), float(elsewhere[i]), float(shifts[i])) for i in np.flatnonzero(clear)
        ]
    return sorted(found, key=lambda p: -abs(p.shift))


def explain_divergences(model: Model, unconstrained: Mapping[str, np.ndarray], diverging: np.ndarray) -> list[str]:
    """What can be said of the divergences of a run, beyond their number."""
    if int(np.sum(diverging)) < FEWEST:
        return []
    said = []
    coords = {name: values for name, values in model.coords.items() if values is not None}
    places = find_places(unconstrained, diverging, dims=dims_of_values(model), coords=coords)
    if places:
        said.append(f"Divergences happen where {'; '.join(map(str, places[:LISTED]))}.")
    centered = default_names(model)
    if centered:
        names = ", ".join(map(repr, centered))
        said.append(
            f"{' and '.join(centered)} {'are' if len(centered) > 1 else 'is'} written around a location or scale that "
            f"is random itself. If data say little about each element, pm.non_centered(model, [{names}]) gives the "
            "same model in a form that is easier to sample."
        )
    return [" ".join(said)] if said else []


def dims_of_values(model: Model) -> dict[str, Sequence[str | None]]:
    """The dims of the free variables under the names of their value variables, where the elements are the same."""
    found = {}
    for rv in model.free_RVs:
        bijection, dims = model.rvs_to_transforms[rv], model.named_vars_to_dims.get(str(rv.name))
        if dims is not None and (bijection is None or bijection.ndim_supp == 0):
            found[str(model.rvs_to_values[rv].name)] = dims
    return found
