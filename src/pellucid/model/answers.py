"""What a model answers: its log-probability as graphs and functions, starting points, checks, predictions, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.lazy import later
from pellucid.model import density, initial, logprob
from pellucid.model.shapes import Shape
from pellucid.tensor.types import TensorVariable

if TYPE_CHECKING:  # what many programs never ask
    from pellucid.model import check, feasible, plates, point, show, structure, table
else:
    check, feasible, plates, point, show, structure, table = later(
        "pellucid.model", "check feasible plates point show structure table"
    )

Point = dict[str, np.ndarray]
"""Values of the value variables, by name."""


class Answers:
    """The methods of a model that do not change it."""

    # Log-probability, as graphs.

    def replace_rvs_by_values(self: Any, graphs: Sequence[TensorVariable]) -> list[TensorVariable]:
        """Graphs of random variables as graphs of their value variables."""
        return logprob.in_values(self, graphs)

    def logp(self: Any, vars: Any = None, jacobian: bool = True, sum: bool = True) -> Any:
        """The log-probability of the model's values, as a graph of the value variables.

        Parameters
        ----------
        vars : variable or list of variables, optional
            Random variables (or their value variables) and potentials; by default all of the model.
        jacobian : bool
            Whether the densities are those of the unconstrained values.
        sum : bool
            Whether to add everything up, or to return the terms, one tensor per variable.
        """
        return logprob.total(self, vars, jacobian=jacobian) if sum else logprob.terms(self, vars, jacobian=jacobian)

    def dlogp(self: Any, vars: Any = None, jacobian: bool = True) -> TensorVariable:
        """The gradient of the log-probability with respect to the (continuous) value variables, as one vector."""
        return logprob.gradient(self, vars, jacobian=jacobian)

    def d2logp(self: Any, vars: Any = None, jacobian: bool = True, negate_output: bool = True) -> TensorVariable:
        """The Hessian of the log-probability, as one matrix; negated by default, as PyMC returns it."""
        return logprob.hessian_matrix(self, vars, jacobian=jacobian, negate=negate_output)

    @property
    def varlogp(self: Any) -> TensorVariable:
        """The log-probability of the free random variables."""
        return logprob.total(self, self.free_RVs, jacobian=True)

    @property
    def varlogp_nojac(self: Any) -> TensorVariable:
        """The log-probability of the free random variables on their own scales."""
        return logprob.total(self, self.free_RVs, jacobian=False)

    @property
    def observedlogp(self: Any) -> TensorVariable:
        """The log-probability of the observed random variables."""
        return logprob.total(self, self.observed_RVs, jacobian=True)

    @property
    def potentiallogp(self: Any) -> TensorVariable:
        """The sum of the potentials."""
        return logprob.total(self, self.potentials, jacobian=True)

    @property
    def datalogp(self: Any) -> TensorVariable:
        """The log-probability of the observed random variables, and the potentials."""
        return logprob.total(self, self.observed_RVs + self.potentials, jacobian=True)

    # Functions of points.

    def compile_fn(
        self: Any,
        outs: Any,
        *,
        inputs: Any = None,
        mode: Any = None,
        point_fn: bool = True,
        backend: str | None = None,
        **options: Any,
    ) -> Any:
        """A compiled function of a point (a dict of values by name) or, if not `point_fn`, of keywords."""
        return point.compile_function(self, outs, inputs, point_fn=point_fn, backend=backend, **options)

    def compile_logp(self: Any, vars: Any = None, jacobian: bool = True, sum: bool = True, **options: Any) -> Any:
        """The compiled :meth:`logp`: a function of a point."""
        return point.cached(self, "logp", vars, options, jacobian=jacobian, sum=sum)

    def compile_dlogp(self: Any, vars: Any = None, jacobian: bool = True, **options: Any) -> Any:
        """The compiled :meth:`dlogp`: a function of a point."""
        return point.cached(self, "dlogp", vars, options, jacobian=jacobian)

    def compile_d2logp(
        self: Any, vars: Any = None, jacobian: bool = True, negate_output: bool = True, **options: Any
    ) -> Any:
        """The compiled :meth:`d2logp`: a function of a point."""
        return point.cached(self, "d2logp", vars, options, jacobian=jacobian, negate_output=negate_output)

    def logp_dlogp_function(self: Any, grad_vars: Any = None, tempered: bool = False, **options: Any) -> Any:
        """A function of a point, or of a flat vector, that returns the log-probability and its gradient."""
        return point.value_and_gradient(self, grad_vars, tempered=tempered, **options)

    def density(self: Any) -> density.Density:
        """The log-probability and its gradient as functions of one flat vector, for samplers."""
        return density.model_density(self)

    # Starting points and checks.

    def initial_point(self: Any, random_seed: Any = None) -> Point:
        """Where sampling starts before jitter: values of the value variables, by name."""
        return initial.initial_point(self, random_seed)

    def check_start_vals(self: Any, start: Any) -> None:
        """Raise :class:`SamplingError`, with a report, unless the log-probability is finite at the point or points."""
        check.check_start_values(self, [start] if isinstance(start, Mapping) else start)

    def point_logps(self: Any, point: Point | None = None, round_vals: int | None = 2) -> dict[str, np.ndarray]:
        """The log-probability of each variable and potential at a point."""
        return check.point_logps(self, point, round_vals)

    def debug(self: Any, point: Point | None = None, fn: str = "logp", verbose: bool = False) -> None:
        """Print which elements of which variables have a log-probability that is not finite, and why."""
        check.debug(self, point, fn, verbose=verbose)

    def start_report(self: Any, point: Point | None = None) -> check.StartReport:
        """What is not finite at a point: which variable and element, which constraint is broken, and where in the code.

        The report is falsy when all is well, is printed by `str`, and has `findings` to look at.
        """
        return check.start_report(self, point)

    def feasible_point(self: Any, random_seed: Any = None, *, tries: int = 200) -> Point:
        """A point where log-probability and gradient are finite: the usual start, or else draws from the prior.

        Raises :class:`SamplingError`, with the report of the usual start, where none of so many tries is one.
        """
        return feasible.feasible_point(self, random_seed, tries)

    def eval_rv_shapes(self: Any) -> dict[str, Shape]:
        """The shapes of the free random variables and of their value variables, by name."""
        return initial.shapes_by_name(self)

    def predict(
        self: Any, trace: Any, data: Any = None, coords: Mapping[str, Any] | None = None, **options: Any
    ) -> Any:
        """Predict for other data, of any length and with new groups: see :func:`pellucid.inference.predict.predict`."""
        # By name, because the layer of inference is above this one.
        return import_module("pellucid.inference.predict").predict(self, trace, data, coords, **options)

    # Printing.

    def str_repr(self: Any, formatting: str = "plain", include_params: bool = True) -> str:
        """The model as text: each variable with its distribution."""
        return show.model_text(self, formatting, include_params=include_params)

    def table(self: Any, **options: Any) -> table.Table:
        """One row for each variable: see :func:`pellucid.model.table.model_table`."""
        return table.model_table(self, **options)

    def to_graphviz(self: Any, **options: Any) -> plates.Diagram:
        """A picture with plates: see :func:`pellucid.model.plates.model_to_graphviz`."""
        return plates.model_to_graphviz(self, **options)

    def to_mermaid(self: Any, **options: Any) -> str:
        """The text of a Mermaid diagram: see :func:`pellucid.model.structure.model_to_mermaid`."""
        return structure.model_to_mermaid(self, **options)

    def _display_(self: Any) -> plates.Diagram:
        return self.to_graphviz()  # what marimo shows

    def _repr_latex_(self: Any) -> str:
        return self.str_repr(formatting="latex")

    def __str__(self: Any) -> str:
        return self.str_repr()
