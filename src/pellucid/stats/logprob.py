"""Log-densities, distribution functions and quantiles of random variables, drawn or derived."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pellucid.graph.nodes import Variable
from pellucid.graph.replace import replace_all
from pellucid.graph.traverse import ancestors, toposort
from pellucid.stats.bijection import Bijection, with_jacobian
from pellucid.stats.derivations.core import measure
from pellucid.stats.derivations.joint import as_given, conditional_variables
from pellucid.stats.recognise import NotDerivable, distribution_of, is_draw
from pellucid.tensor.elementwise import cast
from pellucid.tensor.shape import broadcast_to, dim
from pellucid.tensor.types import TensorVariable, as_tensor_variable


def default_transform(rv: Variable) -> Bijection | None:
    """The bijection by which a draw is sampled unless the user says otherwise; None where none is needed.

    Its methods take ``(value, *rv.owner.inputs)``.
    """
    return distribution_of(rv).bijection()


def support_point(rv: Variable) -> TensorVariable:
    """A typical value of a draw, in its shape and dtype, computed from its parameters without drawing."""
    point = as_tensor_variable(distribution_of(rv).support_point())
    found = cast(point, rv.type.dtype)  # type: ignore[attr-defined]
    return broadcast_to(found, extents_of_draw(rv))


def mean(rv: Variable) -> TensorVariable:
    """The mean of a draw, in its shape."""
    return broadcast_to(as_tensor_variable(distribution_of(rv).mean()), extents_of_draw(rv))


def extents_of_draw(rv: Variable) -> Sequence[Any]:
    """The lengths of a draw, from its size or its parameters."""
    node = rv.owner
    if node is None:
        raise NotDerivable(f"{rv} is no draw from a distribution.")
    static = rv.type.shape  # type: ignore[attr-defined]
    if None not in static:
        return static
    lengths = [[dim(v, i) for i in range(v.ndim)] if isinstance(v, TensorVariable) else [] for v in node.inputs]
    found = node.op.infer_shape(node.inputs, lengths)[1]  # type: ignore[attr-defined]
    return [n if s is None else s for n, s in zip(found, static, strict=True)]


def as_value(rv: Variable, value: Any) -> TensorVariable:
    """A value as a tensor that can be compared with draws of `rv`."""
    if not isinstance(rv, TensorVariable):
        raise TypeError(f"{rv!r} is no random variable: make one with a distribution's .dist(...), or in a model.")
    found = as_tensor_variable(value)
    floating = rv.dtype.startswith("float")
    return cast(found, rv.dtype) if floating and not found.dtype.startswith("float") else found


def logp(rv: Variable, value: Any, warn_rvs: bool = False) -> TensorVariable:
    """The log-density (or log-probability) of a random variable at `value`, elementwise over the batch.

    Parameters
    ----------
    rv : variable
        A draw, or an expression of draws by the rules of :mod:`pellucid.stats.derivations`: invertible functions,
        powers, rounding, clipping, comparisons, mixtures, joined, moved, picked and sorted draws, matrix products,
        cumulative sums, loops.
    value : variable, array or number
    warn_rvs : bool
        Whether to warn if the result depends on draws without values, such as parameters; in models these are ordinary.

    Returns
    -------
    variable
        -inf outside the support. One number for each draw: the axes of a multivariate draw are summed over. Where a
        value has a probability, as the bound of a clipped variable has, it is the log of that.

    Raises
    ------
    NotDerivable
        When the density cannot be derived; the message names the node that is in the way.

    Examples
    --------
    >>> import pellucid.stats as ps
    >>> print(ps.logp(ps.Normal.dist(0, 1), 0.0).eval().round(4))
    -0.9189
    >>> import pellucid.tensor as pt
    >>> print(ps.logp(pt.clip(ps.Normal.dist(0, 1), -1, 1), 1.0).eval().round(4))
    -1.841
    """
    x = as_value(rv, value)
    return settled(measure(rv).log_density(x), warn_rvs)


def logcdf(rv: Variable, value: Any, warn_rvs: bool = False) -> TensorVariable:
    """The log of P(rv <= value), elementwise."""
    x = as_value(rv, value)
    return settled(measure(rv).log_cdf(x), warn_rvs)


def logccdf(rv: Variable, value: Any, warn_rvs: bool = False) -> TensorVariable:
    """The log of P(rv > value), elementwise; accurate in the upper tail."""
    x = as_value(rv, value)
    return settled(measure(rv).log_cdf(x, above=True), warn_rvs)


def icdf(rv: Variable, value: Any, warn_rvs: bool = False) -> TensorVariable:
    """The quantile of `rv` at the probabilities `value`; NaN outside [0, 1]."""
    return settled(measure(rv).quantile(as_tensor_variable(value, dtype="float64")), warn_rvs)


def settled(found: Any, warn: bool) -> Any:
    """What was derived, with a warning if asked for and it depends on draws without values."""
    graphs = [found] if isinstance(found, Variable) else list(found)
    left = [v for v in ancestors(graphs) if is_draw(v)] if warn else []
    if left:
        warnings.warn(
            f"The result depends on draws without values: {', '.join(map(str, left))}. Give values to these too.",
            UserWarning,
            stacklevel=3,
        )
    return found


def conditional_logp(
    rv_values: Mapping[TensorVariable, Any], warn_rvs: bool = True
) -> dict[TensorVariable, TensorVariable]:
    """The joint log-density of several random variables as one term for each, given the values of the others.

    Parameters
    ----------
    rv_values : mapping from random variable to value
        Draws, or expressions of draws such as ``a + noise``, where the values of other variables are put in.
    warn_rvs : bool
        Whether to warn about draws that were given no value, and that the terms depend on.

    Returns
    -------
    dict
        The terms, under the value variables as in PyMC; a value that is an array or a number goes by its variable.

    Raises
    ------
    NotDerivable
        When the values of some variables determine another, or a density cannot be derived.

    Examples
    --------
    >>> import pellucid.stats as ps
    >>> import pellucid.tensor as pt
    >>> a = ps.Normal.dist(0, 1, name="a")
    >>> y = a + ps.Normal.dist(0, 2)
    >>> a_value, y_value = pt.scalars("a_value", "y_value")
    >>> terms = conditional_logp({a: a_value, y: y_value})
    >>> print(terms[y_value].eval({a_value: 1.0, y_value: 1.0}).round(4))
    -1.6121
    """
    values = {rv: as_value(rv, v) for rv, v in rv_values.items()}
    terms = {rv: measure(new).log_density(values[rv]) for rv, new in conditional_variables(values).items()}
    settled(terms.values(), warn_rvs)
    found = {rv_values[rv] if isinstance(rv_values[rv], TensorVariable) else rv: t for rv, t in terms.items()}
    if len(found) < len(terms):
        raise ValueError("Several random variables were given one value variable: give each a value of its own.")
    return found


def transformed_conditional_logp(
    rvs: Sequence[TensorVariable],
    *,
    rvs_to_values: Mapping[TensorVariable, Any],
    rvs_to_transforms: Mapping[TensorVariable, Bijection | None],
    jacobian: bool = True,
) -> list[TensorVariable]:
    """The log-density of each of `rvs` where the values of some are unconstrained ones, under bijections.

    Parameters
    ----------
    rvs : sequence of variables
        Whose terms to return.
    rvs_to_values : mapping
        The values of all variables, unconstrained for those that have a bijection.
    rvs_to_transforms : mapping
        The bijections; None, or nothing, for variables without.
    jacobian : bool
        Whether the densities are those of the unconstrained values.
    """
    bijections = {rv: t for rv, t in rvs_to_transforms.items() if t is not None and rv in rvs_to_values}
    unconstrained = {rv: as_tensor_variable(v) for rv, v in rvs_to_values.items()}
    given: dict[Variable, Variable] = {}
    for rv in dependency_order(unconstrained):
        value: Any = unconstrained[rv]
        if rv in bijections:
            value = replace_all([bijections[rv].backward(value, *rv.owner.inputs)], given)[0]  # type: ignore[union-attr]
        given[rv] = as_given(rv, as_value(rv, value))
    separate = conditional_variables(given)  # type: ignore[arg-type]
    found = []
    for rv in rvs:
        term: Any = measure(separate[rv]).log_density(given[rv])  # type: ignore[arg-type]
        if rv in bijections and jacobian:
            slope = as_tensor_variable(bijections[rv].log_jac_det(unconstrained[rv], *rv.owner.inputs))  # type: ignore[union-attr]
            slope: Any = replace_all([slope], given)[0]
            term = with_jacobian(term, slope, bijections[rv], rv.type.ndim)
        found.append(term)
    return found


def dependency_order(variables: Iterable[TensorVariable]) -> list[TensorVariable]:
    """Variables, those that others depend on first."""
    wanted = list(variables)
    places = {out: i for i, node in enumerate(toposort(wanted)) for out in node.outputs}
    return sorted(wanted, key=lambda v: places.get(v, -1))
