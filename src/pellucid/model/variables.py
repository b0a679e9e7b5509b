"""Named variables that are computed: deterministics and potentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pellucid.model.context import modelcontext
from pellucid.tensor.elementwise import cast_to
from pellucid.tensor.types import TensorVariable, as_tensor_variable

if TYPE_CHECKING:
    from pellucid.model.model import Model


def Deterministic(name: str, var: Any, model: Model | None = None, dims: Any = None) -> TensorVariable:
    """Give what is computed from random variables a name, so that it appears in results.

    Parameters
    ----------
    name : str
    var : tensor
    model : Model, optional
        By default that of the enclosing block.
    dims : str or sequence of str, optional

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model() as model:
    ...     x = pm.Normal("x", 0, 1)
    ...     y = pm.Deterministic("y", x**2)
    >>> model.deterministics
    [y]
    """
    owner = modelcontext(model)
    variable = named(owner, name, var)
    owner.add_named_variable(variable, dims)
    for m in owner.lineage():
        m.deterministics.append(variable)
    return variable


def Potential(name: str, var: Any, model: Model | None = None, dims: Any = None) -> TensorVariable:
    """Add a term (any tensor; its elements are summed) to the model's log-probability.

    Prior and posterior predictive draws do not know of it.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model() as model:
    ...     x = pm.Normal("x", 0, 1)
    ...     _ = pm.Potential("near_two", -((x - 2) ** 2))
    >>> print(model.compile_logp()({"x": 2.0}).round(4))
    -2.9189
    """
    owner = modelcontext(model)
    variable = named(owner, name, var)
    owner.add_named_variable(variable, dims)
    for m in owner.lineage():
        m.potentials.append(variable)
    return variable


def named(owner: Model, name: str, var: Any) -> TensorVariable:
    """`var` under the full name: itself if it has none yet, else a variable of the same value."""
    full = owner.name_for(name)
    owner.check_new(full)
    found = as_tensor_variable(var)
    if found.name is not None or found.owner is None:
        found = same_value(found)
    found.name = full
    return found


def same_value(x: TensorVariable) -> TensorVariable:
    """Another variable of the same value, through an op that costs nothing."""
    return cast_to(x.dtype)(x)
