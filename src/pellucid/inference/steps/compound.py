"""Several step methods in one chain: densities of each part given the other, and the chains that use them in turn."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.compile.callback import compile_density, density_function, release
from pellucid.compile.llvm import blas
from pellucid.compile.llvm.kernel_language import CompiledKernel, compile_kernels
from pellucid.compile.shared import MovingVariable
from pellucid.diff import grad
from pellucid.graph.nodes import Variable
from pellucid.graph.replace import replace_all
from pellucid.inference import kernel as sampler
from pellucid.inference.brake import Brake
from pellucid.inference.chains import Addresses, ChainResults, Plan, Progress, Watcher
from pellucid.inference.hamiltonian import nuts
from pellucid.inference.steps import sweeps
from pellucid.inference.steps.methods import GradientMethod, HamiltonianMC, StepMethod, Values, possible_values
from pellucid.model.context import here
from pellucid.model.density import Layout
from pellucid.model.logprob import check_closed, join, total
from pellucid.rewrite.pipeline import rewrite_graph
from pellucid.tensor.create import vector
from pellucid.tensor.elementwise import cast

if TYPE_CHECKING:
    from pellucid.model.model import Model
    from pellucid.tensor.types import TensorVariable

LOG = logging.getLogger("pellucid")
_compiling = threading.Lock()


def compiled_compound() -> dict[str, CompiledKernel]:
    """The compiled kernels, which must be kept while their addresses are in use."""
    with _compiling:
        return _compile_compound()


@cache
def _compile_compound() -> dict[str, CompiledKernel]:
    return compile_kernels(nuts.start_chain, sweeps.advance_compound)


class Block:
    """Coordinates that one step method updates in one sweep: those of one variable, or of all if it is joint."""

    def __init__(self, method: StepMethod, rvs: Sequence[TensorVariable]):
        self.method, self.rvs = method, list(rvs)
        self.values = [method.model.rvs_to_values[rv] for rv in rvs]
        self.whole = not rvs[0].dtype.startswith("float")
        first = possible_values(rvs[0]) if self.whole else None
        self.possible = first or Values(0, 0)
        self.name = "_".join(str(rv.name) for rv in rvs)


def blocks_of(methods: Sequence[StepMethod]) -> list[Block]:
    """The blocks of all methods that do not follow the gradient."""
    found = []
    for method in methods:
        if isinstance(method, GradientMethod):
            continue
        if method.joint:
            for kind in ("f", "iub"):  # whole numbers are moved by other steps
                rvs = [rv for rv in method.vars if rv.dtype[0] in kind]
                found += [Block(method, rvs)] if rvs else []
        else:
            found += [Block(method, [rv]) for rv in method.vars]
    return found


class Part(Layout):
    """Some value variables in one vector of floats, from which whole numbers are read back."""

    def piece(self, part: TensorVariable, v: TensorVariable, shape: tuple[int, ...]) -> TensorVariable:
        found = super().piece(part, v, shape)
        return found if v.dtype.startswith("float") else cast(found, v.dtype)

    def split(self, draws: np.ndarray) -> dict[str, np.ndarray]:
        return {
            name: array if v.dtype.startswith("float") else array.astype(v.dtype)
            for v, (name, array) in zip(self.values, super().split(draws).items(), strict=True)
        }


class CompoundDensity(Part):
    """The log-density of a model as two functions: of what moves along the gradient, given the rest; and the reverse.

    Each function reads the other's vector from memory that the chain owns: a shared variable, which is pointed at the
    chain's array when its context is made.

    Attributes
    ----------
    dimension : int
        The length of both vectors together; what moves along the gradient comes first.
    hmc : HamiltonianMC or None
        How that is moved, if not by NUTS.
    spread : ndarray
        How much of a jitter each coordinate gets: whole numbers none.
    """

    def __init__(self, model: Model, methods: Sequence[StepMethod], backend: str | None):
        check_closed(model)
        lengths = model.eval_rv_shapes()
        self.blocks = blocks_of(methods)
        self.hmc = next((m for m in methods if isinstance(m, HamiltonianMC)), None)
        moved = [model.rvs_to_values[rv] for m in methods if isinstance(m, GradientMethod) for rv in m.vars]
        moved = [v for v in model.value_vars if v in moved]  # in the model's order, as everywhere
        rest = [v for block in self.blocks for v in block.values]
        super().__init__([*moved, *rest], [lengths[str(v.name)] for v in (*moved, *rest)])
        self.moved, self.rest = (Part(vs, [lengths[str(v.name)] for v in vs]) for vs in (moved, rest))
        self.dimension, self.d, self.n = self.size, self.moved.size, self.rest.size
        whole = [
            np.full(b - a, not v.dtype.startswith("float"))
            for v, (_, _, a, b) in zip(rest, self.rest.parts, strict=True)
        ]
        self.spread = np.concatenate([np.ones(self.d), *(1.0 - w for w in whole)])
        self.q = MovingVariable(np.zeros(self.d), "q", (self.d,))
        self.z = MovingVariable(np.zeros(self.n), "z", (self.n,))
        x, outputs = self.derive_parts(total(model))
        self.nuts = compile_density([x[0]], rewrite_graph(outputs[0]), backend) if self.d else None
        self.others = compile_density([x[1]], rewrite_graph(outputs[1]), backend)

    def derive_parts(self, cost: Variable) -> tuple[list[TensorVariable], list[list[Variable]]]:
        """For each part its vector, and [density, gradient] in it; the second function's gradient is never read."""
        x, z = vector("x", shape=(self.d,)), vector("z", shape=(self.n,))
        values = [*self.moved.values, *self.rest.values]

        def at(first: TensorVariable, second: TensorVariable) -> tuple[Variable, list[TensorVariable]]:
            pieces = [*self.moved.pieces(first), *self.rest.pieces(second)]
            return replace_all([cost], dict(zip(values, pieces, strict=True)))[0], pieces[: len(self.moved.values)]

        conditional, pieces = at(x, self.z)
        slope = join(grad(conditional, pieces, disconnected_inputs="ignore")) if pieces else x
        return [x, z], [[conditional, slope], [at(self.q, z)[0], z + z]]

    @property
    def native(self) -> bool:
        """Whether both functions run without Python's lock."""
        return all(getattr(c, "native", True) for c in (self.nuts, self.others) if c is not None)

    def evaluate(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """The log-density at a vector of all coordinates, and its gradient in those that NUTS moves."""
        q, z = np.array(x[: self.d]), np.array(x[self.d :])
        self.q.set_value(q, borrow=True)
        self.z.set_value(z, borrow=True)
        if self.nuts is not None:
            return density_function(self.nuts, self.d)(q)
        return density_function(self.others, self.n)(z)[0], np.zeros(0)


class CompoundPlan(Plan):
    """The arrays of a run of several step methods."""

    least_dimension = 0
    stop_request = sampler.AT_SWEEP

    def __init__(self, density: CompoundDensity, starts: ArrayLike, *run: Any):
        points = np.asarray(starts, np.float64)
        d, n = density.d, density.n
        super().__init__(points[:, :d], d, *run)
        self.together = any(b.method.update == sweeps.POPULATION for b in density.blocks)
        """Whether chains look at each other, and so step together."""
        if self.together:
            check_population(density, self.chains)
            # One that chains do not see: between iterations it is looked at for all, so that all make as many.
            self.brake = Brake(np.zeros(self.chains, np.int64), sampler.AT_SWEEP)
        self.density = density
        iterations = self.tune + self.count
        self.z = np.ascontiguousarray(points[:, d:])
        self.z_draws = np.empty((self.chains, iterations, n))
        self.acceptances = np.zeros((len(density.blocks), self.chains, iterations))
        self.table, self.scales, past = self.rows(iterations)
        self.histories = np.zeros((self.chains, max(past, 1)))
        self.scratch = np.zeros((self.chains, sweeps.GRADIENT + 3 * max(d, n) + 16))
        self.addresses = [self.contexts(chain) for chain in range(self.chains)]

    def rows(self, iterations: int) -> tuple[NDArray, NDArray, int]:
        """The table of blocks, the first scale of each coordinate in each chain, and the length of all histories."""
        place = {v: (a, b) for v, (_, _, a, b) in zip(self.density.rest.values, self.density.rest.parts, strict=True)}
        table = np.zeros((len(self.density.blocks), sweeps.BLOCK_CELLS), np.int64)
        scales, past = np.ones((self.chains, self.density.n)), 0
        for row, block in zip(table, self.density.blocks, strict=True):
            first, last = place[block.values[0]][0], place[block.values[-1]][1]
            low, count = block.possible
            row[:] = [block.method.update, first, last - first, block.whole, low, count, past]
            # Steps of whole numbers must survive rounding.
            scales[:, first:last] = max(block.method.scale(), LEAST_WHOLE) if block.whole else block.method.scale()
            past += iterations * (last - first) if block.method.update == sweeps.DIFFERENTIAL else 0
        return table, scales, past

    def contexts(self, chain: int) -> tuple[int, int]:
        """Contexts of the two functions, each of which points at the other's array of this chain."""
        density = self.density
        self.point_at(chain)
        return density.nuts.context() if density.nuts is not None else 0, density.others.context()

    def point_at(self, chain: int) -> None:
        """Let the shared variables be the arrays of a chain."""
        self.density.q.set_value(self.states[chain].workspace[: self.density.d], borrow=True)
        self.density.z.set_value(self.z[chain], borrow=True)

    def kernels(
        self, chain: int, how: Any, density: Any, context: Any
    ) -> tuple[Callable[[], int], Callable[[int, int], int]]:
        """What starts the chain, and what advances it from one iteration to another."""
        contexts = self.addresses[chain]
        array, state = how.pass_array, self.states[chain]
        workspace, slots, scalars, stream = map(array, state)
        first = chain * (self.tune + self.count)
        d, target, hmc = self.density.d, self.target_accept, self.density.hmc
        address = self.density.nuts.address if self.density.nuts is not None else self.density.others.address

        own = [
            array(self.tune_draws[chain]), int(self.keep_tune), array(self.draws[chain]),
            array(self.statistics.reshape(-1)[first:]), self.statistics[0].size, array(self.progress[chain]),
            self.density.others.address, contexts[1], array(self.table), len(self.table), array(self.z[chain]),
            self.density.n, array(self.scales[chain]), array(self.scratch[chain]), array(self.histories[chain]),
            array(self.z_draws[chain]), array(self.acceptances.reshape(-1)[first:]),
            array(self.z), self.chains, chain, hmc.path_length if hmc else 0.0, hmc.max_steps if hmc else 0,
        ]  # fmt: skip

        def start() -> int:
            if not d:
                return sampler.FINISHED
            return how.start(address, contexts[0], target, workspace, scalars, stream, d)

        def advance(begin: int, end: int) -> int:
            if not self.density.native:  # the interpreter has no contexts; its chains run one after another
                self.point_at(chain)
            return how.advance(
                address, contexts[0], begin, end, self.tune, target, self.max_treedepth, workspace, slots, scalars,
                stream, d, *own,
            )  # fmt: skip

        return start, advance

    def positions(self, chains: int | slice, begin: int, end: int) -> NDArray:
        """The draws of one chain or of several, after tuning: what NUTS moves comes first."""
        others = self.z_draws[chains, self.tune + begin : self.tune + end]
        return np.concatenate([super().positions(chains, begin, end), others], axis=-1)

    def memory(self, chain: int) -> list[NDArray]:
        """The arrays from which a chain can go on."""
        own = [self.z[chain], self.scales[chain], self.scratch[chain], self.histories[chain]]
        return [*super().memory(chain), *own]

    def collect(self, seconds: float, *, interrupted: bool) -> ChainResults:
        """The results, with the coordinates of both parts."""
        done = self.progress[:, sampler.ITERATIONS_DONE]
        for chain in range(self.chains):
            self.z_draws[chain, done[chain] : int(done.max(initial=0))] = np.nan
        found = super().collect(seconds, interrupted=interrupted)
        if found.tune_draws is not None:
            found.tune_draws = np.concatenate([found.tune_draws, self.z_draws[:, : self.tune]], axis=-1)
        return found

    def split(self, part: slice) -> dict[str, NDArray]:
        """The statistics of a part of the iterations: those that the methods have."""
        found = super().split(part)
        if not self.density.d:
            found = {"lp": found["lp"]}
        elif self.density.hmc is not None:
            accepted = found["index_in_trajectory"] != 0
            found = {name: rows for name, rows in found.items() if name not in OF_TREES}
            found |= {"accepted": accepted, "path_length": found["n_steps"] * found["step_size"]}
        rates = zip(self.density.blocks, self.acceptances, strict=True)
        return found | {f"accept_{block.name}": rows[:, part] for block, rows in rates} | self.acceptance(part)

    def acceptance(self, part: slice) -> dict[str, NDArray]:
        """The mean of the blocks' rates, under the name that ArviZ and PyMC have for it."""
        return {"accept": self.acceptances[:, :, part].mean(axis=0)} if len(self.density.blocks) else {}

    def report(self, running: list[Future]) -> list[Progress]:
        """The progress of all chains, which have one job together where they step together."""
        return super().report(running * self.chains if self.together else running)

    def run_together(self, how: Any) -> None:
        """Run all chains in this thread, one iteration of each at a time."""
        kernels = [self.kernels(chain, how, None, None) for chain in range(self.chains)]
        at = int(self.progress[:, sampler.ITERATIONS_DONE].min())
        self.clock[:, 0] = time.perf_counter()
        self.status[:] = [sampler.FINISHED if at else start() for start, _ in kernels]
        for k, last in enumerate((self.tune, self.tune + self.count), start=1):
            while not self.status.any() and at < last:
                if not self.brake.released():
                    self.status[:] = sampler.STOPPED
                    break
                self.status[:] = [advance(at, at + 1) for _, advance in kernels]
                at += 1
                if self.snapshots is not None and not self.status.any():
                    self.snapshots[:] = [self.pack(chain) for chain in range(self.chains)]
            self.clock[:, k] = time.perf_counter()


OF_TREES = ("tree_depth", "reached_max_treedepth", "index_in_trajectory")
"""Statistics that only NUTS has."""
FEWEST_CHAINS = 3
LEAST_WHOLE = 0.6
"""The least spread of the steps of whole numbers, of which then two in five are not 0."""


def check_population(density: CompoundDensity, chains: int) -> None:
    """Refuse so few chains that none has two others; warn where their differences cannot span the space."""
    names = ", ".join(b.name for b in density.blocks if b.method.update == sweeps.POPULATION)
    if chains < FEWEST_CHAINS:
        raise ValueError(
            f"DEMetropolis moves {names} by the difference of two other chains, so that there must be three; got "
            f"chains={chains}. DEMetropolisZ needs one. {here()}"
        )
    if chains <= density.n:
        LOG.warning(
            "DEMetropolis should have more chains than coordinates: %d chains move %d coordinates (%s), and see no "
            "directions but those between them. pass chains=%d, or take DEMetropolisZ.",
            chains,
            density.n,
            names,
            2 * density.n,
        )


def run_compound(
    density: CompoundDensity,
    starts: ArrayLike,
    *run: Any,
    cores: int | None,
    on_progress: Any,
    watcher: Watcher | None = None,
    states: Sequence[NDArray] | None = None,
) -> ChainResults:
    """Run the chains; the arguments after `starts` are those of `Plan`, the others those of `run_chains`."""
    plan = CompoundPlan(density, starts, *run)
    plan.restore(states)
    kernels = compiled_compound()
    how = Addresses(kernels["start_chain"].function, kernels["advance_compound"].function)

    jobs = [partial(plan.run, chain, how, None, None) for chain in range(plan.chains)]
    if plan.together:
        jobs = [partial(plan.run_together, how)]
    with blas.single_thread():
        found = plan.complete(jobs, cores if density.native else 1, on_progress, watcher)
    for compiled, used in zip((density.nuts, density.others), zip(*plan.addresses, strict=True), strict=True):
        if compiled is not None:
            release(compiled, used)
    return found
