"""The figures of the lesson, drawn as SVG without a plotting library: histograms, traces, intervals and bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.inference.diagnose import hdi
from pellucid.inference.trace import element_labels
from pellucid.tour.axes import Axes, join_panels, limits, nice_step, nice_ticks, stack_panels

BLOCKS = " ▁▂▃▄▅▆▇█"
SHADES = " ·░▒▓█"
SHOWN_DRAWS = 400
"""Points of a trace: more cannot be told apart at its width."""


class Figure:
    """A picture: SVG text for pages and notebooks, and a sketch in characters for terminals.

    Attributes
    ----------
    svg, caption, sketch : str
    """

    def __init__(self, svg: str, caption: str, sketch: str = ""):
        self.svg, self.caption, self.sketch = svg, caption, sketch

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<{self.caption}>" + (f"\n{self.sketch}" if self.sketch else "")

    def save(self, path: str | Path) -> None:
        """Write the picture to a file."""
        Path(path).write_text(self.svg, encoding="utf-8")


# Statistics that the figures need.


def bin_edges(values: np.ndarray, most: int = 60) -> np.ndarray:
    """Edges at round numbers, about as wide as Freedman and Diaconis (1981) advise."""
    low, high = float(values.min()), float(values.max())
    spread = float(np.subtract(*np.quantile(values, [0.75, 0.25]))) or (high - low) or 1.0
    width = 2 * spread / len(values) ** (1 / 3)
    count = int(np.clip((high - low) / width, 5, most)) if high > low else 5
    step = nice_step((high - low) or 1.0, 2 * count)  # rounded up to at most 2.5 times as much
    return np.arange(np.floor(low / step), np.floor(high / step) + 2) * step


def density_curve(values: Any, *, low: float = -np.inf, points: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """A Gaussian kernel density estimate: a grid and the density there.

    The bandwidth is Silverman's rule of thumb; below `low`, where nothing can be, the density is folded back.

    Examples
    --------
    >>> grid, height = density_curve(np.linspace(-1, 1, 500))
    >>> bool(abs(np.trapezoid(height, grid) - 1) < 0.01)
    True
    """
    x = np.ravel(np.asarray(values, float))
    spread = min(float(x.std()), float(np.subtract(*np.quantile(x, [0.75, 0.25]))) / 1.349 or np.inf) or 1.0
    width = 0.9 * spread * len(x) ** -0.2
    start = max(float(x.min()) - 3 * width, low)
    grid = np.linspace(start, float(x.max()) + 3 * width, points)
    heights = smooth(x, grid, width)
    if np.isfinite(low):
        heights += smooth(2 * low - x, grid, width)
    return grid, heights


def smooth(x: np.ndarray, grid: np.ndarray, width: float) -> np.ndarray:
    """The mean of Gaussian bells at `x`; draws are binned first, finer than a pixel."""
    fine = np.linspace(grid[0] - 4 * width, grid[-1] + 4 * width, 2048)
    counts, edges = np.histogram(x, bins=fine)
    full = counts > 0
    z = (grid[:, None] - (edges[:-1] + edges[1:])[full] / 2) / width
    return np.exp(-0.5 * z * z) @ counts[full] / (len(x) * width * np.sqrt(2 * np.pi))


# Sketches in characters.


def spark(heights: Any) -> str:
    """Heights as a row of blocks.

    Examples
    --------
    >>> spark([0, 1, 2, 4])
    ' ▂▄█'
    """
    h = np.asarray(heights, float)
    return "".join(BLOCKS[round(v)] for v in (h / (h.max() or 1.0) * (len(BLOCKS) - 1)).tolist())


def histogram_sketch(values: np.ndarray, columns: int = 48, rows: int = 5) -> str:
    """A histogram in a few lines of characters, with the ends of its range below."""
    low, high = float(values.min()), float(values.max())
    counts, _ = np.histogram(values, bins=columns, range=(low, high))
    levels = np.round(counts / counts.max() * rows * 8).astype(int)
    block = lambda n, row: BLOCKS[min(max(n - 8 * row, 0), 8)]  # noqa: E731
    lines = ["".join(block(n, row) for n in levels.tolist()).rstrip() for row in reversed(range(rows))]
    ends = f"{low:.4g}", f"{high:.4g}"
    return "\n".join([*lines, ends[0] + ends[1].rjust(columns - len(ends[0]))])


def joint_sketch(counts: np.ndarray) -> str:
    """A two-dimensional histogram as shades."""
    level = np.ceil(np.sqrt(counts / counts.max()) * (len(SHADES) - 1)).astype(int)
    return "\n".join("".join(SHADES[n] for n in row).rstrip() for row in level.T[::-1].tolist())


def intervals_sketch(names: Sequence[str], inner: Any, middle: Any, columns: int = 48) -> str:
    """Intervals with their middles, one a line."""
    low, high = limits([*np.ravel(inner), *middle])
    place = lambda v: int((v - low) / (high - low) * (columns - 1))  # noqa: E731
    lines, pad = [], max(map(len, names))
    for name, (a, b), m in zip(names, inner, middle, strict=True):
        row = [" "] * columns
        row[place(a) : place(b) + 1] = "─" * (place(b) - place(a) + 1)
        row[place(m)] = "●"
        lines.append(f"{name.ljust(pad)} {''.join(row)}".rstrip())
    return "\n".join(lines)


# The figures.


def histogram(
    values: Any, *, density: Callable[[np.ndarray], Any] | None = None, xlabel: str = "value", title: str = ""
) -> Figure:
    """A histogram of values, scaled to area one, under a density curve if one is given.

    Parameters
    ----------
    values : array
    density : callable, optional
        ``density(grid)`` gives the density at an array of values.
    """
    x = np.ravel(np.asarray(values, float))
    heights, edges = np.histogram(x, bins=bin_edges(x), density=True)
    grid = np.linspace(*limits(x, pad=0.02), 200)
    curve = None if density is None else np.asarray(density(grid), float)
    top = max(float(heights.max()), 0.0 if curve is None else float(curve.max()))
    span = (min(float(edges[0]), float(grid[0])), max(float(edges[-1]), float(grid[-1])))
    axes = Axes(span, (0.0, top * 1.08), (560.0, 290.0), xlabel=xlabel, ylabel="density", title=title or " ")
    axes.bars(edges, heights)
    if curve is not None:
        axes.line(grid, curve, 1, width=2.2)
        axes.legend([("draws", 0), ("density", 1)])
    return Figure(join_panels([axes]), f"histogram of {len(x)} values", histogram_sketch(x))


def joint_histogram(x: Any, y: Any, *, xlabel: str = "x", ylabel: str = "y", title: str = "", bins: int = 48) -> Figure:
    """A two-dimensional histogram of pairs, darker where there are more, on scales of the same unit."""
    a, b = np.ravel(np.asarray(x, float)), np.ravel(np.asarray(y, float))
    reach = float(np.max(np.abs([a, b]))) * 1.03 or 1.0
    counts, xedges, yedges = np.histogram2d(a, b, bins=bins, range=[[-reach, reach], [-reach, reach]])
    axes = Axes((-reach, reach), (-reach, reach), (400.0, 390.0), xlabel=xlabel, ylabel=ylabel, title=title, grid="xy")
    axes.cells(xedges, yedges, counts)
    rough = np.histogram2d(a, b, bins=[40, 18], range=[[-reach, reach], [-reach, reach]])[0]
    return Figure(join_panels([axes]), f"joint histogram of {len(a)} pairs", joint_sketch(rough))


def draws_of(posterior: Any, names: Sequence[str]) -> list[tuple[str, np.ndarray]]:
    """Each element of the named variables with its draws, shape (chain, draw)."""
    found = []
    for name in names:
        variable = posterior[name]
        array = np.asarray(getattr(variable, "values", variable), float)
        event = getattr(variable, "dims", ())[2:]
        coords = {d: variable.coords[d].values for d in event if d in variable.coords}
        labels = element_labels(name, array.shape[2:], dims=event or None, coords=coords)
        flat = array.reshape(*array.shape[:2], -1)
        found += [(label, flat[..., i]) for i, label in enumerate(labels)]
    return found


def traces(posterior: Any, names: Sequence[str], *, bounds: Mapping[str, float] | None = None) -> Figure:
    """For each variable the density of each chain, and beside it the chains' draws in order.

    Parameters
    ----------
    posterior : mapping of name to array of shape (chain, draw, ...), or dataset
    names : sequence of str
    bounds : mapping of name to float, optional
        The lower ends of what the variables can be, below which no density is drawn.
    """
    panels, sketch = [], []
    for label, draws in draws_of(posterior, names):
        low = (bounds or {}).get(label.split("[")[0], -np.inf)
        panels += [density_panel(label, draws, low), trace_panel(draws)]
        means = draws[:, : draws.shape[1] // 40 * 40].reshape(len(draws), 40, -1).mean(2)
        sketch.append(f"{label}: {' │ '.join(spark(row - means.min()) for row in means[:1])}")
    return Figure(join_panels(panels, columns=2), f"densities and traces of {', '.join(names)}", "\n".join(sketch))


def density_panel(label: str, draws: np.ndarray, low: float) -> Axes:
    """The density of each chain."""
    curves = [density_curve(chain, low=low) for chain in draws]
    top = max(float(height.max()) for _, height in curves)
    span = min(float(grid[0]) for grid, _ in curves), max(float(grid[-1]) for grid, _ in curves)
    axes = Axes(span, (0.0, top * 1.06), (376.0, 180.0), title=label, yticks=[], left=18.0)
    for k, (grid, height) in enumerate(curves):
        axes.line(grid, height, k, width=1.5)
    return axes


def trace_panel(draws: np.ndarray) -> Axes:
    """Every so many a draw of each chain."""
    every = max(1, -(-draws.shape[1] // SHOWN_DRAWS))
    axes = Axes((0, draws.shape[1]), limits(draws), (376.0, 180.0), title=" ", left=52.0)
    for k, chain in enumerate(draws):
        axes.line(np.arange(len(chain))[::every], chain[::every], k, width=0.8, opacity=0.65)
    return axes


def intervals(
    posterior: Any, names: Sequence[str], *, prob: float = 0.94, data: Any = None, xlabel: str = "", title: str = ""
) -> Figure:
    """The mean, the middle half and the shortest interval of each element, one a row, and its data beside it.

    Parameters
    ----------
    posterior : mapping of name to array of shape (chain, draw, ...), or dataset
    names : sequence of str
    prob : float
        The probability of the long interval.
    data : sequence of float, optional
        One observation for each row.
    """
    rows = draws_of(posterior, names)
    outer = [tuple(hdi(draws, prob)) for _, draws in rows]
    inner = [tuple(np.quantile(draws, [0.25, 0.75])) for _, draws in rows]
    means = [float(draws.mean()) for _, draws in rows]
    labels = {float(len(rows) - i): label for i, (label, _) in enumerate(rows)}
    span = limits([*np.ravel(outer), *(np.ravel(data) if data is not None else ())])
    size = 560.0, 70.0 + 27 * len(rows)
    axes = Axes(span, (0.4, len(rows) + 0.7), size, yticks=labels, xlabel=xlabel, title=title or " ", grid="x")
    for y, long, short, middle in zip(labels, outer, inner, means, strict=True):
        axes.segment((long[0], y), (long[1], y), 0, width=1.6)
        axes.segment((short[0], y), (short[1], y), 0, width=4.5)
        axes.dots([middle], [y], 0, radius=4.5)
    if data is not None:
        axes.dots(np.ravel(data), [y + 0.28 for y in labels], 1, radius=2.8)
        axes.legend([(f"posterior: mean, half, {100 * prob:g} %", 0), ("data", 1)])
    sketch = intervals_sketch([label for label, _ in rows], outer, means)
    return Figure(join_panels([axes]), f"means and {100 * prob:g} % intervals of {', '.join(names)}", sketch)


def rate_figure(years: Any, counts: Any, rates: Any, changes: Any, *, prob: float = 0.94) -> Figure:
    """Yearly counts, the posterior of the rate behind them, and below that of the moment at which it changed.

    Parameters
    ----------
    years, counts : array, shape (n,)
    rates : array, shape (draws, n)
        Draws of the rate in each year.
    changes : array, shape (draws,)
        Draws of the moment of change.
    """
    t, n = np.asarray(years, float), np.asarray(counts, float)
    low, median, high = np.quantile(np.asarray(rates, float), [(1 - prob) / 2, 0.5, (1 + prob) / 2], axis=0)
    span = float(t[0]) - 1, float(t[-1]) + 2
    top = Axes(span, (0.0, float(n.max()) + 0.6), (760.0, 270.0), ylabel="disasters a year", title=" ", left=48.0)
    top.bars(np.concatenate([t, t[-1:] + 1]), n, 5, opacity=0.35)
    top.area(t + 0.5, low, high, 0, opacity=0.3)
    top.line(t + 0.5, median, 0, width=2.2)
    top.legend([("counts", 5), (f"rate: median and {100 * prob:g} %", 0)])
    heights, edges = np.histogram(changes, bins=np.arange(span[0], span[1] + 0.25, 0.25), density=True)
    scale = 0.0, float(heights.max()) * 1.1
    bottom = Axes(span, scale, (760.0, 150.0), ylabel="density", xlabel="moment of change (year)", left=48.0)
    bottom.bars(edges, heights, 1, opacity=0.7)
    sketch = histogram_sketch(np.asarray(changes, float), rows=4)
    return Figure(stack_panels([top, bottom]), "counts, posterior rate and moment of change", sketch)


def stage_bars(stages: Mapping[str, Mapping[str, float]], *, title: str = "") -> Figure:
    """Horizontal bars of the seconds of each stage, one group for each job.

    Parameters
    ----------
    stages : mapping of job to mapping of stage to seconds
    """
    rows = [row for job, found in stages.items() for row in [(job, None), *found.items()]]
    longest = max(seconds for _, seconds in rows if seconds is not None)
    labels = {float(len(rows) - i): "" if seconds is None else stage for i, (stage, seconds) in enumerate(rows)}
    axes = Axes(
        (0.0, longest * 1.14), (0.3, len(rows) + 0.7), (620.0, 60.0 + 22 * len(rows)),
        yticks=labels, xticks=nice_ticks(0, longest, 5), xlabel="seconds", title=title, grid="x",
    )  # fmt: skip
    k = -1
    for y, (name, seconds) in zip(labels, rows, strict=True):
        if seconds is None:
            k += 1
            axes.text(0.0, y, name, shift=(2, 6), k=k)
            continue
        axes.area([0.0, max(seconds, longest * 0.002)], [y - 0.33] * 2, [y + 0.33] * 2, k, opacity=0.75)
        axes.text(seconds, y, duration(seconds), shift=(6, 4))
    sketch = [f"{name}" if seconds is None else f"  {name:10} {duration(seconds):>8}" for name, seconds in rows]
    return Figure(join_panels([axes]), "time of each stage", "\n".join(sketch))


def duration(seconds: float) -> str:
    """A time in the unit that reads best.

    Examples
    --------
    >>> duration(0.00005), duration(0.0123), duration(1.5), duration(75)
    ('50 µs', '12.3 ms', '1.50 s', '75.0 s')
    """
    if seconds < 0.9995e-3:
        return f"{1e6 * seconds:.3g} µs"
    if seconds < 0.9995:
        return f"{1000 * seconds:.3g} ms"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
