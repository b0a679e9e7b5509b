"""Draw values of random variables, with streams of random numbers that are keyed by name."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.compile.numpy import compile as interpret
from pellucid.graph.nodes import Variable
from pellucid.graph.traverse import as_list, explicit_graph_inputs, toposort
from pellucid.tensor.draws import Draw, RngVariable


def stream(seed: int, *names: Any) -> np.random.Generator:
    """The generator that belongs to a seed and a name (and more, such as a chain's number).

    It is a Philox generator whose key is a hash of all of these, so that what one variable draws depends on no other.

    Examples
    --------
    >>> bool(stream(1, "x").random() == stream(1, "x").random())
    True
    >>> bool(stream(1, "x").random() == stream(1, "y").random())
    False
    """
    return np.random.Generator(np.random.Philox(key=stream_key(seed, *names)))


def stream_key(seed: int, *names: Any) -> int:
    """A hash of a seed and names, of 128 bits."""
    text = repr((int(seed), *map(str, names))).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "little")


def as_seed(random_seed: Any) -> int:
    """A seed as one number, from a number, a generator (which is advanced) or several numbers; None gives a new one."""
    if random_seed is None:
        return secrets.randbits(63)
    if isinstance(random_seed, np.random.Generator | np.random.RandomState):
        return int(
            random_seed.integers(2**63) if isinstance(random_seed, np.random.Generator) else random_seed.randint(2**31)
        )
    if isinstance(random_seed, int | np.integer):
        return int(random_seed)
    words = np.random.SeedSequence([int(n) for n in random_seed]).generate_state(2, np.uint64)
    return int(words[0])


def generators_by_name(outputs: Sequence[Variable]) -> dict[RngVariable, list[str]]:
    """The generators at the roots of `outputs`, each with the names of the variables drawn from it.

    An unnamed draw goes by its place among the draws, and so does a second draw of the same name.
    """
    found: dict[RngVariable, list[str]] = {}
    taken: set[str] = set()
    for place, node in enumerate(node for node in toposort(outputs) if isinstance(node.op, Draw)):
        source, drawn = node.inputs[0], node.outputs[-1]
        if isinstance(source, RngVariable) and source.owner is None:
            name = drawn.name if drawn.name and drawn.name not in taken else f"{drawn.name or ''}#{place}"
            taken.add(name)
            found.setdefault(source, []).append(name)
    return found


def draw(vars: Any, draws: int = 1, random_seed: Any = None) -> Any:  # PyMC's signature
    """Draw values of random variables, or of any expressions of them, jointly.

    Parameters
    ----------
    vars : variable or sequence of variables
    draws : int
        How many draws.
    random_seed : int, sequence of int, or numpy.random.Generator, optional
        By default the generators of the variables themselves are used, and advanced. With a seed each variable has a
        stream keyed by the seed and its name (or its place, for variables without names), whatever else is drawn.

    Returns
    -------
    array or list of arrays
        One array for each variable, of the variable's shape, with `draws` as first axis if `draws` is not 1.

    Examples
    --------
    >>> import pellucid.stats as ps
    >>> x = ps.Normal.dist(0, 1, name="x")
    >>> ps.draw(x, draws=3, random_seed=1).shape
    (3,)
    """
    outputs = as_list(vars)
    missing = [str(v) for v in explicit_graph_inputs(outputs)]
    if missing:
        raise ValueError(
            f"To draw {', '.join(map(str, outputs))} a value is needed for {', '.join(missing)}: "
            "replace it with pm.clone_replace."
        )
    sources = generators_by_name(outputs)
    run = interpret(list(sources), outputs)
    seed = None if random_seed is None else as_seed(random_seed)
    state = [Source(v, names, seed) for v, names in sources.items()]
    rows = [run(*[s.next() for s in state]) for _ in range(draws)]
    found = [np.array(rows[0][i]) if draws == 1 else np.array([row[i] for row in rows]) for i in range(len(outputs))]
    return found[0] if isinstance(vars, Variable) else found


class Source:
    """Where the randomness of one root comes from during a call of :func:`draw`."""

    def __init__(self, variable: RngVariable, names: Sequence[str], seed: int | None):
        self.generator = variable.get_value() if seed is None else stream(seed, names[0])
        # Several draws from one root each start from a copy of its state: between calls it must be another.
        self.renewed = len(names) > 1

    def next(self) -> np.random.Generator:
        """The generator for the next joint draw."""
        return np.random.default_rng(self.generator.integers(2**63)) if self.renewed else self.generator
