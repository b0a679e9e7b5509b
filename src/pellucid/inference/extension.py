"""Runs that go on from a result in memory: what chains ended in, and draws that are appended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from pellucid.inference.chains import ChainResults
from pellucid.inference.deferred import DeferredTree, made, remembering
from pellucid.inference.options import Settings
from pellucid.inference.result import coordinates
from pellucid.model.context import here

LENGTHS = {"posterior", "sample_stats", "unconstrained_posterior", "log_likelihood", "log_prior"}
"""The groups that a run makes, which grow with it."""


class EarlierRun:
    """The run of a result, to go on from where its chains ended.

    Parameters
    ----------
    result : DeferredTree
        What :func:`sample` returned.
    density : Layout
        Of the model that is sampled now.

    Raises
    ------
    TypeError, ValueError
        When it is no such result, its chains ended at different iterations, or it is of another model.
    """

    def __init__(self, result: Any, density: Any):
        memory = result._memory
        if memory is None:
            raise TypeError(
                f"This result was not made by sample in this process, or is on disk: resume= takes the path of a run "
                f"that sample(trace=...) wrote, or the very result of sample, which remembers its chains. {here()}"
            )
        if memory.states is None:
            raise ValueError(
                f"The chains of this result ended at different iterations (it was interrupted, or a rule ended it), so "
                f"it cannot go on: use sample(trace=path), and then sample(resume=path). {here()}"
            )
        if memory.coordinates != coordinates(density):
            raise ValueError(
                f"The result is of another model: it has {memory.coordinates}, this one {coordinates(density)}. "
                f"{here()}"
            )
        self.result, self.memory = result, memory
        self.states: list[np.ndarray] = memory.states

    def resumed(self, settings: Settings) -> Settings:
        """The settings of the earlier run, of so many more draws as this call asks for."""
        earlier = self.memory.settings
        return replace(settings.resumed(earlier.remembered()), draws=earlier.draws + settings.draws)

    @property
    def names(self) -> list[str]:
        """The variables that the result has."""
        return [str(name) for name in made(self.result)["posterior"].data_vars]

    def new_part(self, results: ChainResults) -> ChainResults:
        """The draws that were not there before, as many as all chains have: the result has all of them, too."""
        old = self.memory.settings.draws
        end = int(results.completed.min())
        statistics = {name: rows[:, old:end] for name, rows in results.statistics.items()}
        return replace(
            results, draws=results.draws[:, old:end], statistics=statistics,
            completed=np.full_like(results.completed, end - old), tune_draws=None,
        )  # fmt: skip

    def joined(self, new: Any) -> Any:
        """The result with new draws behind its own; what was computed from the old ones alone is left out."""
        return remembering(DeferredTree(partial(join, self.result, new), None), new._memory)

    def refuse(self, given: Mapping[str, Any]) -> None:
        """Refuse what would look at all draws, of which a run that goes on has only the new ones."""
        wrong = [name for name, value in given.items() if value]
        if wrong:
            raise ValueError(
                f"A result cannot go on with {', '.join(wrong)}: use a run on disk, sample(trace=path) and then "
                f"sample(resume=path). {here()}"
            )


def join(earlier: Any, later: Any) -> Any:
    """A tree of the draws of two, one after the other."""
    import xarray  # needed by results alone

    old, new = made(earlier), made(later)
    groups: dict[str, Any] = {}
    for name, child in old.children.items():
        group = child.to_dataset()
        if name in LENGTHS and name in new.children:
            both = xarray.concat([group, new[name].to_dataset()], dim="draw", combine_attrs="override")
            groups[name] = both.assign_coords(draw=np.arange(both.sizes["draw"])).assign_attrs(summed(group, new[name]))
        elif name.startswith("warmup_") or "draw" not in group.dims:
            groups[name] = group
    return xarray.DataTree.from_dict(groups)


def summed(old: Any, new: Any) -> Mapping[str, Any]:
    """The attributes of the later group, with the time that both took."""
    times = {k: v + old.attrs[k] for k, v in new.attrs.items() if k.endswith("_time") and k in old.attrs}
    return {**new.attrs, **times}
