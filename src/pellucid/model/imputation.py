"""Observations of which some are missing: the variable in two parts, what is observed and what is to be inferred."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.model.context import here
from pellucid.model.observed import convert, list_places
from pellucid.stats import is_draw
from pellucid.stats.logprob import extents_of_draw
from pellucid.tensor.draws import draw
from pellucid.tensor.shape import broadcast_to, concatenate
from pellucid.tensor.types import TensorVariable, constant

if TYPE_CHECKING:
    from pellucid.model.model import Model


class ImputationWarning(UserWarning):
    """Observations are missing and become variables of the model."""


@dataclass(frozen=True)
class Parts:
    """A random variable in two.

    Attributes
    ----------
    unobserved, observed : TensorVariable
        Vectors (of vectors, for multivariate draws) of the elements, each a draw of its own.
    whole : TensorVariable
        Both together in the variable's shape.
    missing : array of bool
        Which draws are not observed.
    """

    unobserved: TensorVariable
    observed: TensorVariable
    whole: TensorVariable
    missing: np.ndarray


def split(rv: TensorVariable, name: str, missing: np.ndarray) -> Parts:
    """The parts of a random variable: the same distribution, with the parameters of the elements of each."""
    if not is_draw(rv):
        raise NotImplementedError(
            f"Observations of '{name}' are missing, and it is no plain draw from a distribution: leave these rows out, "
            f"or model them as a free variable of their own. {here()}"
        )
    law = rv.owner.op.law  # type: ignore[union-attr]
    batch = rv.ndim - law.ndim_supp
    lost: Any = missing.any(axis=tuple(range(batch, rv.ndim)))
    if not np.array_equal(np.broadcast_to(lost.reshape(lost.shape + (1,) * law.ndim_supp), missing.shape), missing):
        raise NotImplementedError(
            f"Observations of '{name}' are missing at {list_places(missing)}, which are parts of draws from a "
            f"multivariate distribution ({law.name}): only whole draws can be imputed. Write the distribution of the "
            f"part that is observed, or model the whole as a free variable. {here()}"
        )
    unobserved, observed = part(rv, lost), part(rv, ~lost)
    position = np.empty(lost.shape, "int64")
    position[~lost], position[lost] = np.arange((~lost).sum()), np.arange((~lost).sum(), lost.size)
    return Parts(unobserved, observed, concatenate([observed, unobserved])[constant(position)], lost)


def part(rv: TensorVariable, chosen: np.ndarray) -> TensorVariable:
    """The draws at some places of a batch, as draws in a row of their own."""
    node: Any = rv.owner
    law, places = node.op.law, np.nonzero(chosen)
    batch = list(extents_of_draw(rv))[: chosen.ndim]
    parameters = []
    for p, core in zip(node.inputs[2:], law.core, strict=True):
        if p.ndim == core:
            parameters.append(p)
        else:
            own = [p.shape[i] if n is None else n for i, n in enumerate(p.type.shape)][p.ndim - core :]
            parameters.append(broadcast_to(p, [*batch, *own])[places])
    return draw(law, parameters, size=(int(chosen.sum()),))


def warn(name: str, missing: np.ndarray) -> None:
    """Say that elements are imputed."""
    what = (
        f"nothing is observed of it, so that '{name}' is a free variable"
        if missing.all()
        else f"{list_places(missing)} become '{name}_unobserved'"
    )
    warnings.warn(
        f"Data in {name} contains missing values and will be automatically imputed from the sampling distribution: "
        f"{what}. {here()}",
        ImputationWarning,
        stacklevel=5,
    )


def register_parts(model: Model, parts: Parts, name: str, data: Any, **options: Any) -> None:
    """Register both parts of a variable: `data` are those of all elements, or a graph of these."""
    places = np.nonzero(~parts.missing)
    known = data[places] if isinstance(data, TensorVariable) else convert(name, data[places], parts.observed.dtype)
    initval = options.pop("initval", None)
    if isinstance(initval, np.ndarray) and initval.shape[: parts.missing.ndim] == parts.missing.shape:
        initval = initval[parts.missing]
    model.register_rv(parts.observed, f"{name}_observed", observed=known)
    model.register_rv(parts.unobserved, f"{name}_unobserved", initval=initval, **options)
