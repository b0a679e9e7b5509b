"""Runs on disk: draws go to a Zarr store while chains make them, and a run that was cut off goes on from there."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.inference import kernel as sampler
from pellucid.inference.chains import Plan, Watcher
from pellucid.inference.result import Run, coordinates, data_groups, longest, wanted
from pellucid.inference.trace import to_datatree
from pellucid.model.dims import coords_of
from pellucid.model.outputs import evaluate_draws

if TYPE_CHECKING:
    import xarray

    from pellucid.model.density import Layout
    from pellucid.model.model import Model

__all__ = ["RunStore", "open_run"]

SECONDS_BETWEEN_WRITES = 0.5
CHUNK = 2**20
"""Bytes of a chunk of draws, roughly: the last one is written again and again until it is full."""
FORMAT = 1
STATE = "sampler_state"


def zarr() -> ModuleType:
    """The library, which is an extra."""
    try:
        import zarr as library  # half a second to import, and needed by runs on disk alone
    except ImportError as error:
        raise ImportError("Writing draws to disk needs zarr: pip install 'pellucid[zarr]'.") from error
    return library


class RunStore(Watcher):
    """A run on disk, as a Zarr store in ArviZ's groups that `xarray.open_datatree` reads.

    Draws are written first and the state of the chain that follows them last, each file in one piece, so that at any
    moment the store holds whole draws up to a state from which the chain can go on.

    Parameters
    ----------
    path : path
    model : Model
    density : Layout
        How draws are split into variables.
    var_names : sequence of str or None
        The variables to keep.
    """

    needs_states = True

    def __init__(self, path: Any, model: Model, density: Layout, var_names: Sequence[str] | None):
        self.path = Path(path)
        self.model, self.density = model, density
        self.variables = wanted(model, var_names)
        self.written: dict[int, int] = {}
        self.last = time.perf_counter()
        self.root: Any = None
        self.settings: dict[str, Any] = {}

    def create(self, settings: Mapping[str, Any]) -> None:
        """Make an empty store for a run.

        Raises
        ------
        FileExistsError
            When there is something at the path.
        """
        if self.path.exists():
            raise FileExistsError(
                f"{self.path} exists. Continue the run in it with sample(resume={str(self.path)!r}), or choose another "
                "path; nothing is ever overwritten."
            )
        zarr()
        self.settings = dict(settings)

    def resume(self, draws: int | None) -> dict[str, Any]:
        """Open a store to go on with its run, of more draws if so many are asked for; returns the run's settings.

        Raises
        ------
        FileNotFoundError, ValueError
            When there is no run of this model at the path.
        """
        if not self.path.exists():
            raise FileNotFoundError(f"There is no run at {self.path}; start one with sample(trace={str(self.path)!r}).")
        self.root = zarr().open_group(self.path, mode="r+")
        if STATE not in self.root:
            raise ValueError(f"{self.path} holds no run of pellucid that can go on.")
        self.settings = json.loads(self.root[STATE].attrs["settings"])
        own, here = self.settings["coordinates"], coordinates(self.density)
        if own != here:
            raise ValueError(f"The run at {self.path} is of another model: it has {own}, this model {here}.")
        if draws is not None and draws > self.settings["draws"]:
            self.grow(draws)
        return self.settings

    def grow(self, draws: int) -> None:
        """Make room for more draws."""
        for group in ("posterior", "sample_stats"):
            for _, array in self.root[group].arrays():
                names = list(array.attrs["_ARRAY_DIMENSIONS"])
                if "draw" in names:
                    axis = names.index("draw")
                    array.resize(tuple(draws if i == axis else n for i, n in enumerate(array.shape)))
            if "draw" in self.root[group]:
                self.root[group]["draw"][:] = np.arange(draws)
        self.settings["draws"] = draws
        self.root[STATE].attrs["settings"] = json.dumps(self.settings)

    def states(self) -> list[np.ndarray] | None:
        """The state of every chain, to go on from; None when some chain has none yet, and all begin anew."""
        found = [self.root[STATE][f"chain_{chain}"][:] for chain in range(self.settings["chains"])]
        if any(not state.any() for state in found):
            return None
        for chain, state in enumerate(found):
            self.written[chain] = max(iterations(state) - self.settings["tune"], 0)
        return found

    def look(self, plan: Plan) -> bool:
        """Write what is new, twice a second."""
        if time.perf_counter() - self.last > SECONDS_BETWEEN_WRITES:
            self.end(plan)
            self.last = time.perf_counter()
        return False

    def end(self, plan: Plan) -> None:
        """Write what is new."""
        if any(state is not None for state in plan.snapshots or ()):
            self.write(plan, plan.snapshots or ())

    def write(self, plan: Plan, snapshots: Sequence[np.ndarray | None]) -> None:
        """Write the new draws of every chain, and then its state."""
        if self.root is None:
            self.root = self.lay_out(plan)
        for chain, state in enumerate(snapshots):
            if state is None:
                continue
            begin, end = self.written.get(chain, 0), max(iterations(state) - plan.tune, 0)
            if end > begin:
                self.write_draws(plan, chain, begin, end)
            self.root[STATE][f"chain_{chain}"][:] = state
            self.written[chain] = end

    def write_draws(self, plan: Plan, chain: int, begin: int, end: int) -> None:
        """Write some draws of a chain, with their statistics."""
        rows = self.density.split(plan.positions(chain, begin, end)[None])
        for name, array in evaluate_draws(self.model, self.variables, rows).items():
            self.root["posterior"][name][chain, begin:end] = array[0]
        for name, row in plan.rows_of_statistics(chain, begin, end).items():
            self.root["sample_stats"][name][chain, begin:end] = row

    def lay_out(self, plan: Plan) -> Any:
        """The store: all groups with their coordinates, and room for all draws, which takes no space yet."""
        settings = self.settings
        shape = (settings["chains"], settings["draws"])
        sample = self.density.split(np.zeros((1, 1, self.density.size)))
        one = evaluate_draws(self.model, self.variables, sample)
        empty = {name: blank(a.dtype, (*shape, *a.shape[2:])) for name, a in one.items()}
        stats = {name: blank(a.dtype, shape) for name, a in plan.rows_of_statistics(0, 0, 0).items()}
        tree = to_datatree(
            {"posterior": empty, "sample_stats": stats, **data_groups(self.model)},
            coords=coords_of(self.model.coords), dims=self.model.named_vars_to_dims,
        )  # fmt: skip
        chunks = {
            f"/{group}": {n: {"chunks": chunk_of(a)} for n, a in arrays.items()}
            for group, arrays in (("posterior", empty), ("sample_stats", stats))
        }
        # Format 2, because format 3 has no settled way to write labels that are strings.
        unfinished = self.path.with_name(f"{self.path.name}.unfinished")
        tree.to_zarr(unfinished, mode="w", encoding=chunks, consolidated=False, zarr_format=2)
        group = zarr().open_group(unfinished, mode="r+").create_group(STATE)
        for chain in range(settings["chains"]):
            size = sum(a.nbytes for a in plan.memory(chain))
            group.create_array(
                f"chain_{chain}", shape=(size,), dtype="uint8", chunks=(size,), fill_value=0,
                attributes={"_ARRAY_DIMENSIONS": ["byte"]},
            )  # fmt: skip
        own = {**settings, "coordinates": coordinates(self.density), "format": FORMAT}
        group.attrs["settings"] = json.dumps(own)
        unfinished.replace(self.path)  # so that there is a whole store or none
        return zarr().open_group(self.path, mode="r+")

    def finish(self, attributes: Mapping[str, Any]) -> None:
        """Note what is known only at the end."""
        for group in ("posterior", "sample_stats"):
            self.root[group].attrs.update({k: v for k, v in attributes.items() if isinstance(v, (int, float, str))})

    def collect(self) -> Run:
        """The draws of the whole run, those made before it went on included, from the store."""
        tree = open_run(self.path)
        drawn = tree["posterior"].data_vars
        posterior = {str(v.name): drawn[v.name].values for v in self.model.free_RVs if v.name in drawn}
        statistics = {str(name): a.values for name, a in tree["sample_stats"].data_vars.items()}
        return Run(self.model, posterior, {}, statistics)


def iterations(state: np.ndarray) -> int:
    """The iterations that a chain had made in a state."""
    return int(state[: 8 * sampler.PROGRESS_CELLS].view(np.int64)[sampler.ITERATIONS_DONE])


def blank(dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    """An array of nothing that takes no memory."""
    return np.broadcast_to(np.full((), np.nan if np.dtype(dtype).kind == "f" else 0, dtype), shape)


def chunk_of(array: np.ndarray) -> tuple[int, ...]:
    """The shape of a chunk: some draws of one chain."""
    per_draw = max(array.dtype.itemsize * int(np.prod(array.shape[2:])), 1)
    draws = int(np.clip(CHUNK // per_draw, 1, max(array.shape[1], 1)))
    return 1, draws, *(max(n, 1) for n in array.shape[2:])


def open_run(path: Any) -> xarray.DataTree:
    """The draws of a run on disk: all that every kept chain has made, read when they are used.

    Parameters
    ----------
    path : path
        What was given to ``sample(trace=...)``.

    Returns
    -------
    xarray.DataTree
        Chains that are far behind the others are left out, as after an interrupt.
    """
    import xarray  # needed by results alone

    tree = xarray.open_datatree(Path(path), engine="zarr", consolidated=False)
    root = zarr().open_group(Path(path), mode="r")
    if STATE not in root:
        raise ValueError(f"{path} is a Zarr store, but no run that sample(trace=...) wrote.")
    state = root[STATE]
    settings = json.loads(state.attrs["settings"])
    count = settings["chains"]
    done = np.array([max(iterations(state[f"chain_{c}"][:]) - settings["tune"], 0) for c in range(count)])
    chains, length = longest(done)
    groups = {
        f"/{name}": child.to_dataset().isel(chain=chains, draw=slice(0, length))
        if name in ("posterior", "sample_stats") else child.to_dataset()
        for name, child in tree.children.items() if name != STATE
    }  # fmt: skip
    return xarray.DataTree.from_dict(groups)
