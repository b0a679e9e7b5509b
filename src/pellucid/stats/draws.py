"""Streams of random numbers, keyed by the names of the variables that are drawn from them."""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from pellucid.compile.llvm.noise import standard_gamma, standard_noise
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
"""So many numbers of one variable that machine code for them pays for being loaded."""


class Block:
    """What one block of an array is drawn from.

    Parameters
    ----------
    key : int
        A hash: equal keys give equal numbers.
    blocks : float
        How many blocks there are of the size of this one. How numbers are made follows from the whole array, and so
        does not change with the machine.

    Examples
    --------
    >>> block = Block(stream_key(1, "x"), 100)
    >>> block.noise("standard_normal", (200, 50)).shape
    (200, 50)
    """

    def __init__(self, key: int, blocks: float):
        self.key, self.blocks = key, blocks

    def generator(self) -> BlockGenerator:
        """A generator at its beginning."""
        # SFC64 is seeded in full by a key, and half as slow as Philox, whose counter nothing here needs.
        return BlockGenerator(np.random.SFC64(self.key), self)

    def is_many(self, shape: tuple[int, ...]) -> bool:
        """Whether numbers of this shape, in each block, are many."""
        return math.prod(shape) * self.blocks >= MANY

    def noise(self, kind: str, shape: tuple[int, ...]) -> np.ndarray:
        """The first numbers that the method `kind` of the generator gives."""
        return standard_noise(kind, self.key, shape) if self.is_many(shape) else getattr(self.generator(), kind)(shape)


class BlockGenerator(np.random.Generator):
    """A generator for one block of an array, whose standard numbers are made by machine code where there are many.

    Parameters
    ----------
    bits : BitGenerator
    block : Block

    Examples
    --------
    >>> z = Block(1, 100).generator().standard_normal((200, 50))
    >>> z.shape, bool(abs(z.std() - 1) < 0.05)
    ((200, 50), True)
    """

    def __init__(self, bits: np.random.BitGenerator, block: Block):
        super().__init__(bits)
        self.block, self.calls = block, 0

    def __deepcopy__(self, memo: dict[int, Any]) -> BlockGenerator:
        copied = BlockGenerator(deepcopy(self.bit_generator, memo), self.block)
        copied.calls = self.calls
        return copied

    def many(self, kind: str, size: Any) -> np.ndarray | None:
        """Standard numbers by machine code; None where there are few."""
        shape: tuple[int, ...] = () if size is None else tuple(np.atleast_1d(size).tolist())
        if not self.block.is_many(shape):
            return None
        return standard_noise(kind, self.next_key(), shape)

    def next_key(self) -> int:
        """A key for one call: the first has that of the block."""
        key = stream_key(self.block.key, self.calls) if self.calls else self.block.key
        self.calls += 1
        return key

    def random(self, size: Any = None, dtype: Any = np.float64, out: np.ndarray | None = None) -> Any:
        """As NumPy's; many numbers are never 0."""
        found = self.many("random", size) if out is None and np.dtype(dtype) == np.float64 else None
        return super().random(size, dtype, out) if found is None else found

    def standard_normal(self, size: Any = None, dtype: Any = np.float64, out: np.ndarray | None = None) -> Any:
        """As NumPy's, and by the method of Box and Muller for many numbers."""
        found = self.many("standard_normal", size) if out is None and np.dtype(dtype) == np.float64 else None
        return super().standard_normal(size, dtype, out) if found is None else found

    def standard_exponential(
        self, size: Any = None, dtype: Any = np.float64, method: Any = "zig", out: np.ndarray | None = None
    ) -> Any:
        """As NumPy's, and by inversion for many numbers."""
        found = self.many("standard_exponential", size) if out is None and np.dtype(dtype) == np.float64 else None
        return super().standard_exponential(size, dtype, method, out) if found is None else found

    def standard_gamma(self, shape: Any, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        """As NumPy's, and side by side for many numbers."""
        wanted: tuple[int, ...] = np.shape(shape) if size is None else tuple(np.atleast_1d(size).tolist())
        if out is not None or np.dtype(dtype) != np.float64 or not self.block.is_many(wanted):
            return super().standard_gamma(shape, size, dtype, out)
        if np.any(np.asarray(shape) < 0):
            raise ValueError("shape < 0")
        return standard_gamma(self.next_key(), np.broadcast_to(shape, wanted))


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
