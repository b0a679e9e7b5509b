"""Streams of random numbers, keyed by the names of the variables that are drawn from them."""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from pellucid.compile.llvm.box_muller import fill_standard_normal
from pellucid.graph.nodes import Variable
from pellucid.graph.traverse import toposort
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


MANY = 2**18
"""So many normal numbers that machine code for them pays for being loaded."""


class BlockGenerator(np.random.Generator):
    """A generator for one block of an array, whose normal numbers are made by machine code where there are many.

    Parameters
    ----------
    bits : BitGenerator
    blocks : float
        How many blocks there are of the size of this one. How numbers are made follows from the whole array, and so
        does not change with the machine.

    Examples
    --------
    >>> z = BlockGenerator(np.random.SFC64(1), 100).standard_normal((200, 50))
    >>> z.shape, bool(abs(z.std() - 1) < 0.05)
    ((200, 50), True)
    """

    def __init__(self, bits: np.random.BitGenerator, blocks: float):
        super().__init__(bits)
        self.blocks = blocks

    def __deepcopy__(self, memo: dict[int, Any]) -> BlockGenerator:
        return BlockGenerator(deepcopy(self.bit_generator, memo), self.blocks)

    def standard_normal(self, size: Any = None, dtype: Any = np.float64, out: np.ndarray | None = None) -> Any:
        """As NumPy's, and by the method of Box and Muller for many numbers."""
        shape = () if size is None else (size,) if isinstance(size, int | np.integer) else tuple(size)
        if out is not None or np.dtype(dtype) != np.float64 or math.prod(shape) * self.blocks < MANY:
            return super().standard_normal(size, dtype, out)
        numbers = np.empty(shape)
        fill_standard_normal(self, numbers)
        return numbers


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
