"""The frame of a figure: scales, ticks with round numbers, labels, and marks placed by data coordinates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

SERIES = ("#2f6fb0", "#d9792b", "#3f9a57", "#8a5fbf", "#c0455e", "#5a7d8c")
"""The colours of series, as CSS variables --c0, --c1, ... with these defaults."""

STYLE = """
.pellucid-figure{--ink:#1f2933;--soft:#6b7785;--rule:#d8dde3;\
--c0:#2f6fb0;--c1:#d9792b;--c2:#3f9a57;--c3:#8a5fbf;--c4:#c0455e;--c5:#5a7d8c;\
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-size:12px}
@media (prefers-color-scheme:dark){.pellucid-figure{--ink:#e6eaef;--soft:#9aa7b4;--rule:#39424c;\
--c0:#6aa9e4;--c1:#eda05a;--c2:#6cc585;--c3:#b493e0;--c4:#e57f92;--c5:#9bbac7}}
.pellucid-figure text{fill:var(--soft)}
.pellucid-figure .title{fill:var(--ink);font-size:13px;font-weight:600}
.pellucid-figure .axis{stroke:var(--soft);stroke-width:1;fill:none}
.pellucid-figure .rule{stroke:var(--rule);stroke-width:1;fill:none}
""".strip()


def colour(k: int) -> str:
    """The colour of the series k."""
    return f"var(--c{k % len(SERIES)})"


def nice_step(span: float, count: int) -> float:
    """The step 1, 2 or 5 times a power of ten that divides `span` into at most about `count` parts.

    Examples
    --------
    >>> nice_step(10, 5), nice_step(0.7, 4), nice_step(111, 6)
    (2.0, 0.2, 20.0)
    """
    rough = span / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= rough * (1 - 1e-9))


def nice_ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Round numbers from `low` to `high`.

    Examples
    --------
    >>> nice_ticks(-3.4, 3.9, 5)
    [-2.0, 0.0, 2.0]
    """
    step = nice_step(high - low, count)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def tick_label(value: float, step: float, *, years: bool = False) -> str:
    """A tick's number with as many decimals as its step needs, and a true minus sign; thousands are set apart."""
    if abs(value) < 1e-9 * step:
        value = 0.0    # what is left of adding steps
    decimals = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    if abs(value) >= 1e6 or (value and abs(value) < 1e-4):
        return f"{value:g}".replace("-", "−")
    text = f"{value:.{decimals}f}" if years or abs(value) < 10_000 else f"{value:,.{decimals}f}".replace(",", "\u2009")
    return text.replace("-", "−")


def limits(values: Any, *, pad: float = 0.04) -> tuple[float, float]:
    """The range of the finite values, a little wider; of nothing, (0, 1)."""
    array = np.asarray(values, dtype=float)
    array = array[np.isfinite(array)]
    if array.size == 0:
        return 0.0, 1.0
    low, high = float(array.min()), float(array.max())
    margin = (high - low) * pad if high > low else max(abs(low), 1.0) * 0.5
    return low - margin, high + margin


class Axes:
    """A rectangle with two linear scales, in which marks are placed by their data coordinates.

    Parameters
    ----------
    x, y : (float, float)
        The ranges of the scales.
    size : (float, float)
        Of the whole, in pixels.
    xlabel, ylabel, title : str
    xticks, yticks : list of float, or mapping of float to text, optional
        By default round numbers; an empty list leaves the axis bare.
    left, bottom : float
        The room for the labels of the axes, in pixels.
    """

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        size: tuple[float, float] = (420.0, 260.0),
        *,
        xlabel: str = "",
        ylabel: str = "",
        title: str = "",
        xticks: Any = None,
        yticks: Any = None,
        left: float | None = None,
        grid: str = "y",
    ):
        self.x, self.y, self.size, self.grid = x, y, size, grid
        self.labels = xlabel, ylabel, title
        self.xticks = self.ticks(x, xticks, max(2, int(size[0] / 58)))
        self.yticks = self.ticks(y, yticks, max(2, int(size[1] / 45)))
        widest = max((len(text) for text in self.yticks.values()), default=0)
        self.left = 12 + 6.6 * widest + (18 if ylabel else 0) if left is None else left
        self.right, self.top = size[0] - 20, 28.0 if title else 12.0
        self.bottom = size[1] - ((20 if self.xticks else 4) + (18 if xlabel else 4))
        self.marks: list[str] = []

    @staticmethod
    def ticks(span: tuple[float, float], given: Any, count: int) -> dict[float, str]:
        """Ticks and their texts."""
        if isinstance(given, dict):
            return given
        values = nice_ticks(*span, count) if given is None else list(given)
        step = nice_step(span[1] - span[0], count) if given is None else min(np.diff(values), default=1.0)
        years = span[0] > 1500 and span[1] < 2200
        return {v: tick_label(v, float(step), years=years) for v in values}

    def at(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Pixels of data coordinates."""
        u = self.left + (np.asarray(x, float) - self.x[0]) / (self.x[1] - self.x[0]) * (self.right - self.left)
        v = self.bottom - (np.asarray(y, float) - self.y[0]) / (self.y[1] - self.y[0]) * (self.bottom - self.top)
        return u, v

    def points(self, x: Any, y: Any) -> str:
        """The coordinates of a path through points, kept within the frame's neighbourhood; NaN interrupts it."""
        u, v = self.at(x, y)
        v = np.clip(v, self.top - 1, self.bottom + 1)
        parts, pen = [], "M"
        for a, b in zip(u.tolist(), v.tolist(), strict=True):
            if math.isnan(a) or math.isnan(b):
                pen = "M"
                continue
            parts.append(f"{pen}{a:.1f} {b:.1f}")
            pen = "L"
        return "".join(parts)

    def line(self, x: Any, y: Any, k: int = 0, *, width: float = 1.8, opacity: float = 1.0, dash: str = "") -> None:
        """A line through points, in the colour of the series k."""
        extra = f' stroke-dasharray="{dash}"' if dash else ""
        self.marks.append(
            f'<path d="{self.points(x, y)}" fill="none" stroke="{colour(k)}" stroke-width="{width:g}" '
            f'stroke-opacity="{opacity:g}" stroke-linejoin="round"{extra}/>'
        )

    def area(self, x: Any, low: Any, high: Any, k: int = 0, *, opacity: float = 0.25) -> None:
        """The area between two lines."""
        xs = np.concatenate([np.asarray(x, float), np.asarray(x, float)[::-1]])
        ys = np.concatenate([np.broadcast_to(low, np.shape(x)), np.broadcast_to(high, np.shape(x))[::-1]])
        self.marks.append(f'<path d="{self.points(xs, ys)}Z" fill="{colour(k)}" fill-opacity="{opacity:g}"/>')

    def bars(self, edges: Any, heights: Any, k: int = 0, *, opacity: float = 0.45) -> None:
        """Bars that touch each other, as of a histogram."""
        edges, heights = np.asarray(edges, float), np.asarray(heights, float)
        u, v = self.at(edges, 0.0)
        tops = self.at(0.0, heights)[1]
        base = float(v)
        gap = min(0.4, 0.05 * float(np.diff(u).min()))
        d = "".join(
            f"M{a:.2f} {base:.1f}V{t:.1f}H{b:.2f}V{base:.1f}Z"
            for a, b, t in zip((u[:-1] + gap).tolist(), (u[1:] - gap).tolist(), tops.tolist(), strict=True)
            if t < base
        )
        self.marks.append(f'<path d="{d}" fill="{colour(k)}" fill-opacity="{opacity:g}"/>')

    def dots(self, x: Any, y: Any, k: int = 0, *, radius: float = 2.6, opacity: float = 1.0) -> None:
        """Points."""
        u, v = self.at(x, y)
        d = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in zip(np.ravel(u).tolist(), np.ravel(v).tolist(), strict=True))
        self.marks.append(
            f'<path d="{d}" stroke="{colour(k)}" stroke-width="{2 * radius:g}" stroke-linecap="round" '
            f'stroke-opacity="{opacity:g}"/>'
        )

    def segment(self, start: tuple[float, float], end: tuple[float, float], k: int = 0, *, width: float = 2.0) -> None:
        """A straight line between two points."""
        (a, b), (c, d) = self.at(*start), self.at(*end)
        look = f'stroke="{colour(k)}" stroke-width="{width:g}" stroke-linecap="round"'
        self.marks.append(f'<path d="M{a:.1f} {b:.1f}L{c:.1f} {d:.1f}" {look}/>')

    def cells(self, xedges: Any, yedges: Any, counts: Any, *, levels: int = 9) -> None:
        """A rectangle for each count that is not zero, darker the higher: one path for all of a level."""
        counts = np.asarray(counts, float)
        u, v = self.at(xedges, 0)[0], self.at(0, yedges)[1]
        level = np.ceil(np.sqrt(counts / max(counts.max(), 1.0)) * levels).astype(int)
        w, h = u[1] - u[0], v[0] - v[1]
        for number in range(1, levels + 1):
            places = np.argwhere(level == number)
            d = "".join(f"M{u[i]:.1f} {v[j + 1]:.1f}h{w:.2f}v{h:.2f}h{-w:.2f}z" for i, j in places)
            look = f'fill="{colour(0)}" fill-opacity="{number / levels:.2f}" shape-rendering="crispEdges"'
            self.marks.append(f'<path d="{d}" {look}/>')

    def text(self, x: float, y: float, text: str, *, shift: tuple[float, float] = (0, 0), k: int | None = None) -> None:
        """A text that begins at a point."""
        u, v = self.at(x, y)
        style = "" if k is None else f' style="fill:{colour(k)}"'
        self.marks.append(f'<text x="{u + shift[0]:.1f}" y="{v + shift[1]:.1f}"{style}>{escape(text)}</text>')

    def legend(self, names: Sequence[tuple[str, int]]) -> None:
        """The names of series in one line above the frame, which needs a title for room (a blank one will do)."""
        x = self.right
        for name, k in reversed(names):
            x -= 6.4 * len(name)
            self.marks.append(
                f'<text x="{x:.1f}" y="16">{escape(name)}</text>'
                f'<rect x="{x - 17:.1f}" y="8" width="12" height="8" rx="2" fill="{colour(k)}"/>'
            )
            x -= 34

    def frame(self) -> Iterable[str]:
        """Grid, axes, ticks and labels."""
        for value, text in self.yticks.items():
            y = self.at(0, value)[1]
            if "y" in self.grid:
                yield f'<path class="rule" d="M{self.left:.1f} {y:.1f}H{self.right:.1f}"/>'
            yield f'<text x="{self.left - 7:.1f}" y="{y + 4:.1f}" text-anchor="end">{escape(text)}</text>'
        for value, text in self.xticks.items():
            x = self.at(value, 0)[0]
            if "x" in self.grid:
                yield f'<path class="rule" d="M{x:.1f} {self.top:.1f}V{self.bottom:.1f}"/>'
            yield f'<path class="axis" d="M{x:.1f} {self.bottom:.1f}v4"/>'
            yield f'<text x="{x:.1f}" y="{self.bottom + 17:.1f}" text-anchor="middle">{escape(text)}</text>'
        yield f'<path class="axis" d="M{self.left:.1f} {self.bottom:.1f}H{self.right:.1f}"/>'

    def captions(self) -> Iterable[str]:
        """The labels of the axes, and the title."""
        xlabel, ylabel, title = self.labels
        middle = (self.left + self.right) / 2
        if xlabel:
            yield f'<text x="{middle:.1f}" y="{self.size[1] - 5:.1f}" text-anchor="middle">{escape(xlabel)}</text>'
        if ylabel:
            height = (self.top + self.bottom) / 2
            turn = f"translate(13 {height:.1f}) rotate(-90)"
            yield f'<text transform="{turn}" text-anchor="middle">{escape(ylabel)}</text>'
        if title:
            yield f'<text class="title" x="{self.left:.1f}" y="16">{escape(title)}</text>'

    def group(self) -> str:
        """All of it, as SVG elements."""
        return "".join([*self.frame(), *self.marks, *self.captions()])


def join_panels(panels: Sequence[Axes], columns: int = 1) -> str:
    """Panels of one size side by side, as one SVG text."""
    w, h = (max((p.size[i] for p in panels), default=1.0) for i in (0, 1))
    rows = -(-len(panels) // columns)
    width, height = w * min(columns, max(len(panels), 1)), h * rows
    groups = [
        f'<g transform="translate({w * (i % columns):g} {h * (i // columns):g})">{panel.group()}</g>'
        for i, panel in enumerate(panels)
    ]
    return to_svg(groups, width, height)


def stack_panels(panels: Sequence[Axes]) -> str:
    """Panels of one width one below the other, as one SVG text."""
    at, groups = 0.0, []
    for panel in panels:
        groups.append(f'<g transform="translate(0 {at:g})">{panel.group()}</g>')
        at += panel.size[1]
    return to_svg(groups, panels[0].size[0], at)


def to_svg(groups: Sequence[str], width: float, height: float) -> str:
    """A picture of its own."""
    return (
        '<svg class="pellucid-figure" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">'
        f"<style>{STYLE}</style>{''.join(groups)}</svg>"
    )
