"""Places for the nodes of an acyclic graph, in layers with few crossings (after Sugiyama, Tagawa and Toda 1981)."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Point = tuple[float, float]

SWEEPS = 24
"""How often the orders of the layers are improved, down and up in turn."""

STRAIGHTNESS = (1.0, 3.0, 8.0)
"""How much an edge resists being slanted, by how many of its ends are bends of a long edge."""


@dataclass(frozen=True)
class Layout:
    """Where everything is, in the units of the sizes that were given; y grows downward.

    Attributes
    ----------
    width, height : float
    centres : list of (x, y)
        Of the nodes.
    routes : list of list of (x, y)
        For each edge, the points it passes, from the lower side of its source to the upper side of its target.
    """

    width: float
    height: float
    centres: list[Point]
    routes: list[list[Point]]


@dataclass
class Layers:
    """A graph whose edges join neighbouring layers; long edges pass through extra nodes, the bends.

    Attributes
    ----------
    rank : list of int
        The layer of each node, the bends after the others.
    above, below : list of list of int
        The neighbours of each node in the layers next to its own.
    paths : list of list of int
        For each edge of the original graph, the nodes that it passes.
    order : list of list of int
        The nodes of each layer, from left to right.
    """

    rank: list[int]
    above: list[list[int]]
    below: list[list[int]]
    paths: list[list[int]]
    order: list[list[int]] = field(default_factory=list)


def layered_layout(
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[tuple[int, int]],
    *,
    gap: tuple[float, float] = (22.0, 34.0),
) -> Layout:
    """Place nodes in layers, so that every edge points down.

    Parameters
    ----------
    sizes : sequence of (width, height)
        One for each node.
    edges : sequence of (source, target)
        With source < target: the nodes are numbered in a topological order.
    gap : (float, float)
        The least distance between neighbours in a layer, and between layers.

    Raises
    ------
    ValueError
        When an edge points backward.

    Examples
    --------
    >>> layered_layout([(10, 10), (10, 10)], [(0, 1)], gap=(5, 20)).centres
    [(5.0, 5.0), (5.0, 35.0)]
    """
    wrong = [edge for edge in edges if not 0 <= edge[0] < edge[1] < len(sizes)]
    if wrong:
        raise ValueError(f"Edge {wrong[0]} does not lead from a node to a later one; there are {len(sizes)} nodes.")
    layers = split_edges(ranks(len(sizes), edges), edges)
    layers.order = ordered(layers)
    widths = [size[0] for size in sizes] + [0.0] * (len(layers.rank) - len(sizes))
    x = abscissas(layers, widths, gap[0], real=len(sizes))
    tops, bottoms = bands([[sizes[n][1] for n in layer if n < len(sizes)] for layer in layers.order], gap[1])
    y = [(tops[r] + bottoms[r]) / 2 for r in layers.rank]
    centres = [(x[n], y[n]) for n in range(len(sizes))]
    routes = [route(path, x, y, sizes, tops, bottoms, layers.rank) for path in layers.paths]
    width = max((x[n] + widths[n] / 2 for n in range(len(x))), default=0.0)
    return Layout(width, bottoms[-1] if bottoms else 0.0, centres, routes)


def ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The layer of each node: as high as its sources allow, then lowered where that shortens the edges."""
    into: list[list[int]] = [[] for _ in range(count)]
    out: list[list[int]] = [[] for _ in range(count)]
    for a, b in edges:
        into[b].append(a)
        out[a].append(b)
    rank = [0] * count
    for n in range(count):
        rank[n] = max((rank[a] + 1 for a in into[n]), default=0)
    for n in reversed(range(count)):
        if len(out[n]) > len(into[n]):
            rank[n] = min(rank[b] for b in out[n]) - 1
    first = min(rank, default=0)
    return [r - first for r in rank]


def split_edges(rank: list[int], edges: Sequence[tuple[int, int]]) -> Layers:
    """Give long edges a bend in every layer they cross; the edges from one source share theirs."""
    layers = Layers(list(rank), [[] for _ in rank], [[] for _ in rank], [])
    chains: dict[tuple[int, int], int] = {}
    joined: set[tuple[int, int]] = set()

    def join(a: int, b: int) -> None:
        if (a, b) not in joined:
            joined.add((a, b))
            layers.below[a].append(b)
            layers.above[b].append(a)

    for source, target in edges:
        path = [source]
        for r in range(rank[source] + 1, rank[target]):
            bend = chains.get((source, r))
            if bend is None:
                bend = chains[source, r] = len(layers.rank)
                layers.rank.append(r)
                layers.above.append([])
                layers.below.append([])
            path.append(bend)
        path.append(target)
        for a, b in pairwise(path):
            join(a, b)
        layers.paths.append(path)
    return layers


def ordered(layers: Layers) -> list[list[int]]:
    """Orders of the layers with few crossings: barycentre sweeps and swaps of neighbours, the best that was met."""
    order: list[list[int]] = [[] for _ in range(max(layers.rank, default=-1) + 1)]
    for n in first_order(layers):
        order[layers.rank[n]].append(n)
    best, fewest = [list(layer) for layer in order], crossings(order, layers.below)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        downward = sweep % 2 == 0
        sort_by_barycentre(order, layers.above if downward else layers.below, downward=downward)
        swap_neighbours(order, layers)
        found = crossings(order, layers.below)
        if found < fewest:
            best, fewest = [list(layer) for layer in order], found
    return best


def first_order(layers: Layers) -> list[int]:
    """All nodes, depth first from the last ones, so that what an op reads stands in the order it reads it."""
    seen: set[int] = set()
    found: list[int] = []
    stack = [n for n in range(len(layers.rank)) if not layers.below[n]][::-1]
    while stack:
        n = stack.pop()
        if n not in seen:
            seen.add(n)
            found.append(n)
            stack.extend(reversed(layers.above[n]))
    return found


def sort_by_barycentre(order: list[list[int]], neighbours: list[list[int]], *, downward: bool) -> None:
    """Sort each layer by the mean place of the neighbours in the layer before it."""
    place = places(order)
    indices = range(1, len(order)) if downward else range(len(order) - 2, -1, -1)
    for i in indices:
        layer = order[i]
        key = {n: mean([place[m] for m in neighbours[n]], place[n]) for n in layer}
        layer.sort(key=key.__getitem__)
        place.update((n, k) for k, n in enumerate(layer))


def swap_neighbours(order: list[list[int]], layers: Layers) -> None:
    """Swap neighbours in a layer as long as that removes crossings."""
    place = places(order)
    for layer in order:
        improved = True
        while improved:
            improved = False
            for i in range(len(layer) - 1):
                a, b = layer[i], layer[i + 1]
                both = [(layers.above[a], layers.above[b]), (layers.below[a], layers.below[b])]
                now = sum(inversions(p, q, place) for p, q in both)
                if now > sum(inversions(q, p, place) for p, q in both):
                    layer[i], layer[i + 1] = b, a
                    place[a], place[b] = place[b], place[a]
                    improved = True


def places(order: Sequence[Sequence[int]]) -> dict[int, int]:
    """Where each node stands in its layer."""
    return {n: i for layer in order for i, n in enumerate(layer)}


def inversions(left: Sequence[int], right: Sequence[int], place: dict[int, int]) -> int:
    """How often an edge of the left node crosses one of the right node."""
    return sum(place[m] > place[n] for m in left for n in right)


def crossings(order: Sequence[Sequence[int]], below: Sequence[Sequence[int]]) -> int:
    """How many pairs of edges between neighbouring layers cross."""
    place = places(order)
    total = 0
    for layer in order:
        passed: list[int] = []
        for n in layer:
            ends = sorted(place[m] for m in below[n])
            total += sum(len(passed) - bisect_left(passed, end + 1) for end in ends)
            for end in ends:
                insort(passed, end)
    return total


def mean(values: Sequence[float], default: float) -> float:
    """The mean, or `default` of nothing."""
    return sum(values) / len(values) if values else default


def abscissas(layers: Layers, widths: Sequence[float], gap: float, *, real: int) -> list[float]:
    """The x of each node: near those it is joined to, and long edges straight, without overlaps."""
    x = [0.0] * len(widths)
    for layer in layers.order:
        at = 0.0
        for n in layer:
            x[n] = at + widths[n] / 2
            at += widths[n] + gap
    both = [a + b for a, b in zip(layers.above, layers.below, strict=True)]
    weight = lambda n, m: STRAIGHTNESS[(n >= real) + (m >= real)]  # noqa: E731
    for neighbours in [layers.above, layers.below] * 6 + [both] * 8:
        rows = layers.order if neighbours is not layers.below else layers.order[::-1]
        for layer in rows:
            settle_layer(layer, x, widths, gap, neighbours, weight)
    straighten(layers, x, widths, gap / 2, real)
    left = min((x[n] - widths[n] / 2 for n in range(len(x))), default=0.0)
    return [value - left for value in x]


def straighten(layers: Layers, x: list[float], widths: Sequence[float], gap: float, real: int) -> None:
    """Let the bends of a long edge stand one below the other, as far down as the nodes beside them leave room."""
    place = places(layers.order)
    chain: list[int] = []
    low, high = -math.inf, math.inf
    for n in range(real, len(x)):
        layer, i = layers.order[layers.rank[n]], place[n]
        left = max((x[m] + widths[m] / 2 + gap for m in layer[max(i - 1, 0) : i]), default=-math.inf)
        right = min((x[m] - widths[m] / 2 - gap for m in layer[i + 1 : i + 2]), default=math.inf)
        follows = chain and layers.above[n] == [chain[-1]]
        if not follows or max(low, left) > min(high, right):
            align(chain, x, low, high)
            chain, low, high = [], -math.inf, math.inf
        chain.append(n)
        low, high = max(low, left), min(high, right)
    align(chain, x, low, high)


def align(chain: Sequence[int], x: list[float], low: float, high: float) -> None:
    """Give the bends of a chain one place, within the room that there is for all of them."""
    if chain and low <= high:
        common = min(max(sum(x[n] for n in chain) / len(chain), low), high)
        for n in chain:
            x[n] = common


def settle_layer(
    layer: Sequence[int],
    x: list[float],
    widths: Sequence[float],
    gap: float,
    neighbours: Sequence[Sequence[int]],
    weight: Callable[[int, int], float],
) -> None:
    """Move the nodes of one layer to the (weighted) means of their neighbours, as far as they leave each other room."""
    offsets, wanted, weights = [], [], []
    at = 0.0
    for i, n in enumerate(layer):
        if i:
            at += (widths[layer[i - 1]] + widths[n]) / 2 + gap
        pulls = [(weight(n, m), x[m]) for m in neighbours[n]]
        total = sum(w for w, _ in pulls)
        offsets.append(at)
        wanted.append((sum(w * v for w, v in pulls) / total if total else x[n]) - at)
        weights.append(total or 0.1)
    for n, offset, value in zip(layer, offsets, ascending(wanted, weights), strict=True):
        x[n] = offset + value


def ascending(wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The non-decreasing numbers nearest to `wanted` in weighted squares (pool adjacent violators).

    Examples
    --------
    >>> ascending([1.0, 4.0, 2.0, 5.0], [1.0, 1.0, 1.0, 1.0])
    [1.0, 3.0, 3.0, 5.0]
    """
    pools: list[tuple[float, float, int]] = []  # mean, weight, length
    for value, weight in zip(wanted, weights, strict=True):
        pool = value, weight, 1
        while pools and pools[-1][0] > pool[0]:
            m, w, count = pools.pop()
            pool = (m * w + pool[0] * pool[1]) / (w + pool[1]), w + pool[1], count + pool[2]
        pools.append(pool)
    return [m for m, _, count in pools for _ in range(count)]


def bands(heights: Sequence[Sequence[float]], gap: float) -> tuple[list[float], list[float]]:
    """The top and the bottom of each layer."""
    tops, bottoms = [], []
    y = 0.0
    for layer in heights:
        tops.append(y)
        bottoms.append(y + max(layer, default=0.0))
        y = bottoms[-1] + gap
    return tops, bottoms


def route(
    path: Sequence[int],
    x: Sequence[float],
    y: Sequence[float],
    sizes: Sequence[tuple[float, float]],
    tops: Sequence[float],
    bottoms: Sequence[float],
    rank: Sequence[int],
) -> list[Point]:
    """The points of one edge; where it passes a layer it runs straight down."""
    source, *bends, target = path
    points = [(x[source], y[source] + sizes[source][1] / 2)]
    for bend in bends:
        points += [(x[bend], tops[rank[bend]]), (x[bend], bottoms[rank[bend]])]
    return [*points, (x[target], y[target] - sizes[target][1] / 2)]
