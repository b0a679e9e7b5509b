"""Recognise a draw in a graph, and find its distribution."""

from __future__ import annotations

from pellucid.graph.nodes import Variable
from pellucid.graph.provenance import describe
from pellucid.stats import families
from pellucid.stats.distribution import BY_LAW, Distribution
from pellucid.tensor.draws import Draw
from pellucid.tensor.types import TensorVariable


class NotDerivable(NotImplementedError):
    """The density of an expression cannot be derived; the message names the node in the way."""


def is_draw(rv: Variable) -> bool:
    """Whether a variable is itself a draw from a law."""
    return rv.owner is not None and isinstance(rv.owner.op, Draw) and isinstance(rv, TensorVariable)


def distribution_of(rv: Variable) -> Distribution:
    """The distribution of a draw, with the draw's own inputs as parameters.

    Raises
    ------
    NotDerivable
        When `rv` is no draw, or its law has no distribution.

    Examples
    --------
    >>> from pellucid.stats import Normal
    >>> distribution_of(Normal.dist(1.0, 2.0))
    Normal(mu=1., sigma=2.)
    """
    if not is_draw(rv):
        raise NotDerivable(f"{rv} is no draw from a distribution{made_at(rv)}.")
    law = rv.owner.op.law  # type: ignore[union-attr]
    if law.density is not None:
        return law.density(law, *rv.owner.inputs[2:])  # type: ignore[union-attr]
    if law not in BY_LAW:
        families.load_all()
    if law not in BY_LAW:
        raise NotDerivable(f"No distribution is declared for the law {law.name} of {rv}{made_at(rv)}.")
    family, convert = BY_LAW[law]
    return family.of(*convert(*rv.owner.inputs[2:]))  # type: ignore[union-attr]


def made_at(rv: Variable) -> str:
    """Where a variable was made, for errors."""
    return f" (made at {describe(rv.owner.line)})" if rv.owner is not None else ""
