"""Models without their discrete latent variables: the density is a sum over the values that these can have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.graph.provenance import describe, made_by
from pellucid.graph.replace import replace_all
from pellucid.graph.traverse import ancestors, as_list
from pellucid.model.context import here
from pellucid.model.model import Model
from pellucid.model.separable import Mixed, Track, trace_axes
from pellucid.model.surgery import exchange
from pellucid.stats import distribution_of, logp, support_point
from pellucid.stats.families.markov import DiscreteMarkovChain
from pellucid.stats.finite import values_of
from pellucid.tensor.create import extents_of, zeros, zeros_like
from pellucid.tensor.elementwise import cast
from pellucid.tensor.reduce import sum as sum_
from pellucid.tensor.scan import scan
from pellucid.tensor.shape import broadcast_to, dim, dimshuffle, expand_dims, moveaxis, reshape
from pellucid.tensor.softmax import logsumexp
from pellucid.tensor.transcendental import log
from pellucid.tensor.types import TensorVariable, constant
from pellucid.vectorize import vectorize_graph


@dataclass(frozen=True, eq=False)
class Factor:
    """A term of the joint log-probability.

    Attributes
    ----------
    graph : variable
        In terms of the leaves that stand for the model's variables.
    carriers : tuple of variables
        The random variables and potentials whose terms it holds.
    """

    graph: Any
    carriers: tuple[Any, ...]


@dataclass(frozen=True)
class Marginal:
    """A variable that was summed over.

    Attributes
    ----------
    variable : TensorVariable
    states : TensorVariable
        The vector of its values.
    conditional : TensorVariable
        Of shape (states, *shape): for each value the log-probability, up to a constant, given the other variables and
        those marginalised variables that were summed over after it.
    alone : TensorVariable or None
        The same with all other marginalised variables summed over; None where this makes its elements dependent.
    chain : tuple of TensorVariable or None
        Of a Markov chain, whose tables hold only what its states say of other variables: the logarithms of the
        probabilities of the first state, and of each state after each state.
    """

    variable: Any
    states: Any
    conditional: Any
    alone: Any
    chain: tuple[Any, Any] | None = None


class MixingError(ValueError):
    """Elements of a variable are combined, so that there is no sum for each of them."""


class MarginalModel(Model):
    """What :func:`marginalize` returns: a model some of whose terms are sums over variables that it does not sample.

    Attributes
    ----------
    marginals : list of Marginal
        In the order in which the variables were summed over.
    original : Model
        The model with all its variables.
    """

    marginals: list[Marginal]
    original: Model


def marginalize(model: Model, rvs_to_marginalize: Any) -> MarginalModel:
    """A copy of the model without some discrete variables: its density is the sum over their values.

    What depends on them becomes a mixture, so that NUTS can sample the rest. A vector of independent variables gives
    one mixture for each element. Afterwards :func:`~pellucid.inference.marginal.recover_marginals` draws them.

    Parameters
    ----------
    model : Model
    rvs_to_marginalize : name, variable, or sequence of these
        Free Bernoulli, Categorical, DiscreteUniform or Binomial variables, and Markov chains. They may depend on
        each other; those that do are summed over one after the other.

    Raises
    ------
    ValueError, TypeError
        When a variable is not free or has no finite list of values, or what depends on it combines its elements.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model() as model:
    ...     mu = pm.Normal("mu", 0, 1, shape=2)
    ...     z = pm.Bernoulli("z", 0.3, shape=3)
    ...     y = pm.Normal("y", mu[z], 1, observed=[-1.0, 0.0, 2.0])
    >>> marginal = pm.marginalize(model, "z")
    >>> marginal.free_RVs
    [mu]
    >>> print(marginal.compile_logp()({"mu": [0.0, 1.0]}).round(4))
    -7.2705
    """
    listed = as_list(rvs_to_marginalize) if not isinstance(rvs_to_marginalize, str) else [rvs_to_marginalize]
    chosen = [free_variable(model, v) for v in listed]
    return Marginalizer(model.root, list(dict.fromkeys(chosen))).result()


def free_variable(model: Model, v: Any) -> TensorVariable:
    """The free random variable that a name or a variable means."""
    name = v if isinstance(v, str) else str(getattr(v, "name", v))
    found = model.named_vars.get(name if name in model.named_vars else model.name_for(name))
    if found is None or found not in model.free_RVs:
        kind = "is observed" if found in model.observed_RVs else "is no free random variable of the model"
        raise ValueError(
            f"'{name}' {kind}; marginalise among {', '.join(map(str, model.free_RVs)) or 'none'}. {here()}"
        )
    return found


class Marginalizer:
    """The work of :func:`marginalize`: graphs in which every variable of the model is a leaf, and back."""

    def __init__(self, model: Model, chosen: Sequence[TensorVariable]):
        self.model, self.chosen = model, list(chosen)
        self.leaves: dict[Any, Any] = {rv: rv.type.variable(name=rv.name) for rv in model.basic_RVs}
        self.states = {z: self.as_leaves(values_of(z)) for z in chosen}

    def as_leaves(self, graph: Any) -> Any:
        """A graph in which the model's variables are leaves."""
        return replace_all([graph], self.leaves)[0]

    def as_variables(self, graph: Any) -> Any:
        """The graph with the model's variables in place of leaves."""
        return replace_all([graph], {leaf: rv for rv, leaf in self.leaves.items()})[0]

    def term(self, v: Any) -> Factor:
        """The log-probability of a random variable at its leaf, or a potential."""
        if v in self.model.potentials:
            return Factor(self.as_leaves(v), (v,))
        with made_by(v.owner.line):
            return Factor(self.as_leaves(logp(v, self.leaves[v])), (v,))

    def depends(self, graph: Any, rv: Any) -> bool:
        """Whether a graph of leaves depends on a variable."""
        leaf = self.leaves[rv]
        return any(v is leaf for v in ancestors([graph]))

    def eliminate(self, factors: Sequence[Factor], z: Any) -> tuple[list[Factor], TensorVariable]:
        """The factors after summing over one variable, and its table: (values, *shape)."""
        chain = self.chain(z)
        read = [f for f in factors if self.depends(f.graph, z) and (chain is None or f.carriers != (z,))]
        tracks = {f: self.track(f, z) for f in read}
        touched = [f for f, track in tracks.items() if track is not None]  # the others read its lengths only
        total = added([self.table(f, z, tracks[f] or ()) for f in touched], lambda: self.blank_table(z))
        carriers = tuple(dict.fromkeys(v for f in touched for v in f.carriers if v not in self.chosen))
        rest = [f for f in factors if f not in touched and f.carriers != (z,)]
        found = logsumexp(total, axis=0) if chain is None else forward(*chain, total)
        return [*rest, Factor(found, carriers)], total

    def chain(self, z: Any) -> tuple[Any, Any] | None:
        """For a Markov chain the logarithms of the probabilities of its first state and of its transitions."""
        d = distribution_of(z)
        if not isinstance(d, DiscreteMarkovChain):
            return None
        found = self.as_leaves(log(d.start)), self.as_leaves(log(d.P))
        for u in self.chosen:
            if any(self.depends(g, u) for g in found):
                raise ValueError(
                    f"The probabilities of '{z}' depend on '{u}', which cannot be marginalised with it: marginalise "
                    f"'{z}' only. {here()}"
                )
        return found

    def blank_table(self, z: Any) -> TensorVariable:
        """The table of a variable of which nothing says anything."""
        return zeros([dim(self.states[z], 0), *extents_of(self.leaves[z])], "float64")

    def own_axes(self, z: Any) -> list[int]:
        """The axes of a variable along which there are several elements."""
        return [a for a, n in enumerate(z.type.shape) if n != 1]

    def track(self, factor: Factor, z: Any) -> Track | None:
        """How a factor holds the elements of a variable; None if it does not read them."""
        found = trace_axes(factor.graph, self.leaves[z], self.own_axes(z))
        if isinstance(found, Mixed):
            raise self.mixes(z, found, factor)
        return found

    def table(self, factor: Factor, z: Any, track: Track) -> TensorVariable:
        """A factor at each value of a variable, added up over all but the variable's own axes."""
        leaf, states = self.leaves[z], self.states[z]
        column = reshape(states, (-1, *[1] * leaf.ndim))
        wide = vectorize_graph(factor.graph, {leaf: broadcast_to(column, [dim(states, 0), *extents_of(leaf)])})
        return gather_elements(wide, track, leaf, self.own_axes(z))

    def mixes(self, z: Any, mixed: Mixed, factor: Factor) -> MixingError:
        """The error for what combines elements of a variable."""
        carriers = ", ".join(f"'{v}'" for v in factor.carriers)
        return MixingError(
            f"'{z.name}' of shape {z.type.shape} cannot be marginalised: {mixed.node.op}, written at "
            f"{describe(mixed.node.line)}, combines its elements on the way to {carriers}, so that the sum would run "
            "over all combinations of their values. Each element of what depends on it may read one element of "
            f"'{z.name}': index or broadcast it so, or make it several scalar variables. {here()}"
        )

    def order(self, factors: Sequence[Factor]) -> list[Any]:
        """The order of summing: always the variable that meets the fewest others, so that a chain stays a chain."""
        neighbours = {
            z: {
                u
                for f in factors
                if self.depends(f.graph, z)
                for u in self.chosen
                if u is not z and self.depends(f.graph, u)
            }
            for z in self.chosen
        }
        found = []
        left = list(self.chosen)
        while left:
            z = min(left, key=lambda v: (self.chain(v) is not None, len(neighbours[v])))
            left.remove(z)
            found.append(z)
            for u in neighbours[z]:
                neighbours[u] = (neighbours[u] | neighbours[z]) - {u, z}
        return found

    def result(self) -> MarginalModel:
        """The model without the chosen variables."""
        self.check_bijections()
        terms = [self.term(v) for v in [*self.model.basic_RVs, *self.model.potentials]]
        touched = [f for f in terms if any(self.depends(f.graph, z) for z in self.chosen)]
        order = self.order(touched)
        factors, tables = list(touched), {}
        for z in order:
            factors, tables[z] = self.eliminate(factors, z)
        marginals = [
            Marginal(
                z,
                self.as_variables(self.states[z]),
                self.as_variables(tables[z]),
                self.alone(touched, order, z, tables),
                tuple(map(self.as_variables, self.chain(z) or ())) or None,
            )
            for z in order
        ]
        return self.assemble(factors, marginals)

    def alone(self, factors: Sequence[Factor], order: Sequence[Any], z: Any, tables: dict[Any, Any]) -> Any:
        """The table of one variable with all others summed over; None if its elements then depend on each other."""
        if z is order[-1]:
            return self.as_variables(tables[z])
        try:
            for u in [u for u in order if u is not z]:
                factors, _ = self.eliminate(factors, u)
            return self.as_variables(self.eliminate(factors, z)[1])
        except MixingError:  # summing over the others makes its elements depend on each other
            return None

    def check_bijections(self) -> None:
        """Refuse values whose unconstrained form would depend on what is summed over."""
        for rv in self.model.free_RVs:
            bijection = self.model.rvs_to_transforms[rv]
            if bijection is not None and rv not in self.chosen:
                back = self.as_leaves(bijection.backward(self.model.rvs_to_values[rv], *rv.owner.inputs))  # type: ignore[union-attr]
                for z in self.chosen:
                    if self.depends(back, z):
                        raise ValueError(
                            f"The bounds of '{rv}' depend on '{z}', so that '{z}' cannot be marginalised: give "
                            f"'{rv}' transform=None, or bounds that do not. {here()}"
                        )

    def assemble(self, factors: Sequence[Factor], marginals: Sequence[Marginal]) -> MarginalModel:
        """A copy of the model with the summed terms in place of those of what depends on the chosen variables."""
        copy = MarginalModel(check_bounds=self.model.check_bounds, model=None)
        plain = exchange(self.model)
        copy.__dict__.update(plain.__dict__)
        copy.cache = {}
        copy.marginals, copy.original = list(marginals), self.model
        observed = set(self.model.observed_RVs)
        for f in factors:
            first = next((v for v in f.carriers if v in observed), f.carriers[0] if f.carriers else None)
            for v in f.carriers:
                term = f.graph if v is first else zeros_like(self.leaves[v]) if v in self.leaves else constant(0.0)
                copy.marginal_terms[v] = self.as_variables(cast(term, "float64"))
        for z in self.chosen:
            remove(copy, z, self.model.basic_RVs)
            copy.marginal_terms[z] = constant(0.0)
        self.start(copy)
        return copy

    def start(self, copy: Model) -> None:
        """Where variables start that depend on what is summed over: at the typical values of these."""
        others = [v for v in self.model.basic_RVs if v not in self.chosen]
        typical: dict[Any, Any] = {}
        for z in self.model.free_RVs:
            if z in self.chosen:
                typical[z] = replace_all([support_point(z)], {**{v: v for v in others}, **typical})[0]
        for rv in copy.free_RVs:
            if copy.rvs_to_initial_values.get(rv) is None:
                value = support_point(rv)
                if any(v in typical for v in ancestors([value], others)):
                    copy.rvs_to_initial_values[rv] = replace_all([value], {**{v: v for v in others}, **typical})[0]


def added(tables: Sequence[TensorVariable], otherwise: Callable[[], TensorVariable]) -> TensorVariable:
    """The sum of tables; another table if there are none."""
    total = tables[0] if tables else otherwise()
    for t in tables[1:]:
        total = total + t
    return total


def forward(first: Any, transitions: Any, table: TensorVariable) -> TensorVariable:
    """The log of the sum over all paths of a Markov chain, one state after the other (the forward algorithm).

    Source: https://en.wikipedia.org/wiki/Forward_algorithm

    Parameters
    ----------
    first : tensor of shape (..., K)
    transitions : tensor of shape (..., K, K)
    table : tensor of shape (K, ..., T)
        What each state at each time says of other variables.
    """
    said = moveaxis(table, (-1, 0), (0, -1))  # (T, ..., K)
    start = first + said[0]

    def step(now: Any, before: Any, moves: Any) -> Any:
        return logsumexp(expand_dims(before, -1) + moves, axis=-2) + now

    if table.type.shape[-1] == 1:
        return logsumexp(start, axis=-1)
    rows, _ = scan(step, sequences=[said[1:]], outputs_info=[start], non_sequences=[transitions])
    return logsumexp(rows[-1], axis=-1)


def remove(model: Model, z: Any, random: Sequence[Any]) -> None:
    """Take a variable out of the free ones, with the deterministics that depend on it; names and dims stay."""
    others = {v for v in random if v is not z}
    below = [v for v in model.deterministics if any(u is z for u in ancestors([v], others))]
    model.free_RVs[:] = [v for v in model.free_RVs if v is not z]
    model.deterministics[:] = [v for v in model.deterministics if v not in below]
    value = model.rvs_to_values.pop(z)
    model.values_to_rvs.pop(value)
    for table in (model.rvs_to_transforms, model.rvs_to_initial_values):
        table.pop(z)


def gather_elements(wide: TensorVariable, track: Track, leaf: TensorVariable, own: Sequence[int]) -> TensorVariable:
    """A factor over all values, (values, *its shape), as one number for each value and element of the variable."""
    carried = [p.axis for p in track if p.axis is not None]
    over = [a + 1 for a in range(wide.ndim - 1) if a not in carried]
    found = sum_(wide, axis=over) if over else wide
    rank = {a: i + 1 for i, a in enumerate(sorted(carried))}
    found = dimshuffle(found, [0, *["x" if p.axis is None else rank[p.axis] for p in track]])
    for i, p in enumerate(track):
        if p.index is not None:  # several elements of the factor may belong to one of the variable, and add up
            length = dim(leaf, own[i])
            shape = [n if a != i + 1 else length for a, n in enumerate(extents_of(found))]
            place = (slice(None),) * (i + 1) + (p.index,)
            part = found if p.axis is not None else found[(slice(None),) * (i + 1) + (0,)]
            found = zeros(shape, "float64")[place].inc(part)
    single = [a for a in range(leaf.ndim) if a not in own]
    return expand_dims(found, [a + 1 for a in single]) if single else found
