"""Probabilistic programming with readable graphs: write, print, rewrite, differentiate, compile and sample them.

The public names are loaded when they are first used, so that importing the package takes no time.
"""

# ruff: noqa: F401, F403 - the imports for type checkers are all there for others to use

from __future__ import annotations

import builtins
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pellucid.graph.lazy import imported_on_use, places

__version__ = "0.1.0"

if TYPE_CHECKING:  # the same names as in the table below, for editors and type checkers
    from pellucid import diff, dims, distributions, exceptions, logprob, math, plots, printing, rewrite, stats, tensor
    from pellucid.compile.function import Function, In, MissingInputError, Out, UnusedInputError, function
    from pellucid.compile.llvm.cache import clear_cache
    from pellucid.compile.shared import SharedVariable, shared
    from pellucid.compile.verify import verify_grad
    from pellucid.compile.watch import NotFiniteError, Profile
    from pellucid.compile.wrap import wrap_jax
    from pellucid.diff import (
        DisconnectedInputError,
        Lop,
        Rop,
        grad,
        hessian_vector_product,
        jvp,
        vjp,
    )
    from pellucid.graph.drawing import draw_graph, graph_to_dot, graph_to_mermaid, graph_to_svg
    from pellucid.graph.function_graph import FunctionGraph
    from pellucid.graph.intern import equal_computations
    from pellucid.graph.mathematics import latex, pp, pprint
    from pellucid.graph.nodes import Apply, Op, Type, Variable
    from pellucid.graph.printing import dprint
    from pellucid.graph.replace import clone, clone_get_equiv, clone_replace, graph_replace
    from pellucid.graph.traverse import (
        ancestors,
        apply_depends_on,
        applys_between,
        explicit_graph_inputs,
        get_var_by_name,
        graph_inputs,
        io_toposort,
        orphans_between,
        toposort,
        truncated_graph_inputs,
        variable_depends_on,
        vars_between,
        walk,
    )
    from pellucid.inference.calibration import sbc
    from pellucid.inference.convert import predictions_to_inference_data, to_inference_data
    from pellucid.inference.diagnose import bfmi, ess, eti, hdi, mcse, rhat
    from pellucid.inference.marginal import recover_marginals
    from pellucid.inference.optimise import find_MAP, fit_laplace
    from pellucid.inference.optimizers import (
        adadelta,
        adagrad,
        adagrad_window,
        adam,
        adamax,
        momentum,
        nesterov_momentum,
        rmsprop,
        sgd,
    )
    from pellucid.inference.pathfinder import Pathfinder, fit_pathfinder
    from pellucid.inference.pointwise import compute_deterministics, compute_log_likelihood, compute_log_prior
    from pellucid.inference.predictive import (
        ImplicitFreezeWarning,
        sample_posterior_predictive,
        sample_prior_predictive,
    )
    from pellucid.inference.rules import EffectiveDraws, StoppingRule, TimeBudget
    from pellucid.inference.sample import sample
    from pellucid.inference.steps.methods import (
        NUTS,
        BinaryGibbsMetropolis,
        BinaryMetropolis,
        CategoricalGibbsMetropolis,
        CompoundStep,
        DEMetropolis,
        DEMetropolisZ,
        HamiltonianMC,
        Metropolis,
        Slice,
    )
    from pellucid.inference.store import open_run
    from pellucid.inference.summary import summary
    from pellucid.inference.variational import ADVI, FullRank, FullRankADVI, MeanField, fit, sample_approx
    from pellucid.jacobians import hessian, jacobian
    from pellucid.model.check import SamplingError, StartError
    from pellucid.model.context import modelcontext
    from pellucid.model.data import Data, set_data
    from pellucid.model.imputation import ImputationWarning
    from pellucid.model.marginal import marginalize
    from pellucid.model.minibatch import Minibatch
    from pellucid.model.model import Model
    from pellucid.model.plates import model_to_graphviz
    from pellucid.model.reparametrise import non_centered
    from pellucid.model.save import LoadError, SaveError, load_model, save_model
    from pellucid.model.structure import model_to_mermaid, model_to_networkx
    from pellucid.model.table import model_table
    from pellucid.model.transform import (
        change_value_transforms,
        do,
        freeze_dims_and_data,
        observe,
        prune_vars_detached_from_observed,
        remove_value_transforms,
    )
    from pellucid.model.variables import Deterministic, Potential
    from pellucid.rewrite.explain import explain_rewrites
    from pellucid.rewrite.passes import without_passes
    from pellucid.rewrite.pipeline import rewrite_graph
    from pellucid.stats import *  # the distributions, of which stats has the one list
    from pellucid.stats import (
        NotDerivable,
        ParameterValueError,
        conditional_logp,
        draw,
        icdf,
        logccdf,
        logcdf,
        logp,
        support_point,
    )
    from pellucid.tensor.broadcast import ShapeError
    from pellucid.tensor.check import Assert, CheckAndRaise
    from pellucid.tensor.draws import shared_rng
    from pellucid.tensor.folds import filter, foldl, foldr, ifelse, map, reduce, while_loop
    from pellucid.tensor.host import as_op, wrap_py
    from pellucid.tensor.indexing import expand_packed_triangular
    from pellucid.tensor.scan import scan, until
    from pellucid.tensor.subgraph import OpFromGraph
    from pellucid.vectorize import vectorize_graph

MODULES = {
    "pellucid.compile.function": "Function In MissingInputError Out UnusedInputError function",
    "pellucid.compile.shared": "SharedVariable shared",
    "pellucid.compile.llvm.cache": "clear_cache",
    "pellucid.compile.verify": "verify_grad",
    "pellucid.compile.watch": "NotFiniteError Profile",
    "pellucid.compile.wrap": "wrap_jax",
    "pellucid.diff": "DisconnectedInputError Lop Rop grad hessian_vector_product jvp vjp",
    "pellucid.graph.drawing": "draw_graph graph_to_dot graph_to_mermaid graph_to_svg",
    "pellucid.graph.function_graph": "FunctionGraph",
    "pellucid.graph.intern": "equal_computations",
    "pellucid.graph.mathematics": "latex pp pprint",
    "pellucid.graph.nodes": "Apply Op Type Variable",
    "pellucid.graph.printing": "dprint",
    "pellucid.graph.replace": "clone clone_get_equiv clone_replace graph_replace",
    "pellucid.graph.traverse": (
        "ancestors apply_depends_on applys_between explicit_graph_inputs get_var_by_name graph_inputs "
        "io_toposort orphans_between toposort truncated_graph_inputs variable_depends_on vars_between walk"
    ),
    "pellucid.inference.calibration": "sbc",
    "pellucid.inference.convert": "predictions_to_inference_data to_inference_data",
    "pellucid.inference.diagnose": "bfmi ess eti hdi mcse rhat",
    "pellucid.inference.marginal": "recover_marginals",
    "pellucid.inference.pathfinder": "Pathfinder fit_pathfinder",
    "pellucid.inference.pointwise": "compute_deterministics compute_log_likelihood compute_log_prior",
    "pellucid.inference.predictive": "ImplicitFreezeWarning sample_posterior_predictive sample_prior_predictive",
    "pellucid.inference.optimise": "find_MAP fit_laplace",
    "pellucid.inference.optimizers": (
        "adadelta adagrad adagrad_window adam adamax momentum nesterov_momentum rmsprop sgd"
    ),
    "pellucid.inference.variational": "ADVI FullRank FullRankADVI MeanField fit sample_approx",
    "pellucid.model.minibatch": "Minibatch",
    "pellucid.inference.rules": "EffectiveDraws StoppingRule TimeBudget",
    "pellucid.inference.sample": "sample",
    "pellucid.inference.steps.methods": (
        "NUTS BinaryGibbsMetropolis BinaryMetropolis CategoricalGibbsMetropolis CompoundStep DEMetropolis "
        "DEMetropolisZ HamiltonianMC Metropolis Slice"
    ),
    "pellucid.inference.store": "open_run",
    "pellucid.inference.summary": "summary",
    "pellucid.jacobians": "hessian jacobian",
    "pellucid.model.check": "SamplingError StartError",
    "pellucid.model.context": "modelcontext",
    "pellucid.model.data": "Data set_data",
    "pellucid.model.imputation": "ImputationWarning",
    "pellucid.model.marginal": "marginalize",
    "pellucid.model.model": "Model",
    "pellucid.model.plates": "model_to_graphviz",
    "pellucid.model.reparametrise": "non_centered",
    "pellucid.model.save": "LoadError SaveError load_model save_model",
    "pellucid.model.structure": "model_to_mermaid model_to_networkx",
    "pellucid.model.table": "model_table",
    "pellucid.model.transform": (
        "change_value_transforms do freeze_dims_and_data observe prune_vars_detached_from_observed "
        "remove_value_transforms"
    ),
    "pellucid.model.variables": "Deterministic Potential",
    "pellucid.rewrite.explain": "explain_rewrites",
    "pellucid.rewrite.passes": "without_passes",
    "pellucid.rewrite.pipeline": "rewrite_graph",
    "pellucid.stats": "NotDerivable ParameterValueError conditional_logp draw icdf logccdf logcdf logp support_point",
    "pellucid.tensor.broadcast": "ShapeError",
    "pellucid.tensor.check": "Assert CheckAndRaise",
    "pellucid.tensor.folds": "filter foldl foldr ifelse map reduce while_loop",
    "pellucid.tensor.host": "as_op wrap_py",
    "pellucid.tensor.draws": "shared_rng",
    "pellucid.tensor.indexing": "expand_packed_triangular",
    "pellucid.tensor.scan": "scan until",
    "pellucid.tensor.subgraph": "OpFromGraph",
    "pellucid.vectorize": "vectorize_graph",
}
"""Where each public name is, so that it is imported only when it is used."""

SUBMODULES = (
    "compile diff dims distributions exceptions graph inference logprob math model plots printing pytensorf rewrite "
    "stats tensor vectorize"
)
"""Parts of the package that are attributes of it."""

_PLACES = places(MODULES)


def _find(name: str) -> Any:
    """What is in no list of this file, or needs more than its import."""
    if name == "Model":  # a model will be sampled: compile the sampler while its user writes it
        import_module("pellucid.inference.chains").prepare()
        return import_module("pellucid.model.model").Model
    if name in SUBMODULES.split():
        return import_module(f"pellucid.{name}")
    if name == "__all__":
        return sorted({"__version__", *_PLACES, *_distributions(), *SUBMODULES.split()} - set(dir(builtins)))
    if not name.startswith("_") and name in _distributions():
        import_module("pellucid.model.random")  # which says what naming a variable means
        return getattr(import_module("pellucid.stats"), name)
    raise AttributeError(f"module 'pellucid' has no attribute {name!r}")


__getattr__ = imported_on_use(__name__, {n: place for n, place in _PLACES.items() if n != "Model"}, _find)


def _distributions() -> Iterable[str]:
    """The names of the distributions."""
    return import_module("pellucid.stats.families").PLACES


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})
