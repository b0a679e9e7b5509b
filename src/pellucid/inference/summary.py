"""A table of posterior means, spreads, intervals and diagnostics, without pandas."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid.inference import estimators
from pellucid.inference.deferred import read
from pellucid.inference.trace import SAMPLE_DIMS, element_labels

if TYPE_CHECKING:
    import pandas as pd
    import xarray

__all__ = ["Summary", "summary"]

KINDS = ("all", "stats", "diagnostics")
SHOWN_ROWS = 60  # of a longer table `str` and HTML show the first and the last half of so many


@dataclass(frozen=True)
class Summary:
    """Statistics of every element, one row each: numbers in full, rounded only when shown.

    Attributes
    ----------
    index : tuple of str
        The elements, such as ``theta[A]``.
    columns : tuple of str
        The statistics, such as ``mean``.
    values : ndarray, shape (element, statistic)
    round_to : int, None or "auto"
        Decimals to show: "auto" gives the mean and the interval the digits their Monte Carlo error warrants, None all.
    """

    index: tuple[str, ...]
    columns: tuple[str, ...]
    values: np.ndarray
    round_to: int | str | None = "auto"

    def __getitem__(self, key: str) -> np.ndarray | dict[str, float]:
        """Return a column as an array, or a row as a dictionary."""
        if key in self.columns:
            return self.values[:, self.columns.index(key)]
        if key in self.index:
            return dict(zip(self.columns, self.values[self.index.index(key)].tolist(), strict=True))
        raise KeyError(f"{key!r} is neither a column ({', '.join(self.columns)}) nor one of the {len(self)} rows")

    def __len__(self) -> int:
        return len(self.index)

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Return ``{column: {element: number}}`` in full precision, as `pandas.DataFrame.to_dict` does."""
        return {
            column: dict(zip(self.index, self.values[:, k].tolist(), strict=True))
            for k, column in enumerate(self.columns)
        }

    def to_pandas(self) -> pd.DataFrame:
        """Return a `pandas.DataFrame` in full precision."""
        import pandas as pd  # half a second to import, and asked for by this call alone

        return pd.DataFrame(self.values, index=list(self.index), columns=list(self.columns))

    def __str__(self) -> str:
        rows = list(self._shown_rows())
        if not rows:
            return f"Summary of no elements: {', '.join(self.columns)}"
        grid = [("", *self.columns), *rows]
        widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
        return "\n".join(
            "  ".join([label.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]).rstrip() for label, *cells in grid
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        def line(cells: Sequence[str], tag: str) -> str:
            texts = [f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells[1:]]
            return f'<tr><th style="text-align:left">{html.escape(cells[0])}</th>{"".join(texts)}</tr>'

        body = "".join(line(row, "td") for row in self._shown_rows())
        return f"<table><thead>{line(('', *self.columns), 'th')}</thead><tbody>{body}</tbody></table>"

    def _shown_rows(self) -> Iterator[tuple[str, ...]]:
        cut = len(self) > SHOWN_ROWS
        for k in range(SHOWN_ROWS // 2 if cut else len(self)):
            yield self._row(k)
        if cut:
            yield (f"... ({len(self) - 2 * (SHOWN_ROWS // 2)} more)", *[""] * len(self.columns))
            for k in range(len(self) - SHOWN_ROWS // 2, len(self)):
                yield self._row(k)

    def _row(self, k: int) -> tuple[str, ...]:
        row = dict(zip(self.columns, self.values[k].tolist(), strict=True))
        return (self.index[k], *(self._format(column, number, row) for column, number in row.items()))

    def _format(self, column: str, number: float, row: Mapping[str, float]) -> str:
        if not math.isfinite(number) or self.round_to in (None, "none"):
            return f"{number:.17g}" if math.isfinite(number) else str(number)
        if isinstance(self.round_to, int):
            return f"{number:.{self.round_to}f}"
        if column.startswith("ess"):
            return f"{number:.0f}"
        if column == "r_hat":
            return f"{number:.3f}"
        if column.startswith("mcse"):
            return f"{number:.2g}"
        return _with_error(number, row.get("mcse_mean", math.nan), row.get("sd", math.nan))


def _with_error(number: float, error: float, spread: float) -> str:
    """Write a number down to the second digit of its standard error, but no further than the third of the spread."""
    decimals = min(_decimals(error, 2), _decimals(spread, 3))
    if decimals > 8 or abs(number) >= 1e9:
        return f"{number:.4g}"
    # Adding zero turns -0.0 into 0.0.
    return f"{round(number, int(decimals)) + 0.0:.{max(int(decimals), 0)}f}"


def _decimals(size: float, digits: int) -> float:
    """Return how many decimals show so many digits of `size`; infinitely many where it is no guide."""
    return digits - 1 - math.floor(math.log10(size)) if math.isfinite(size) and size > 0 else math.inf


def summary(
    idata: xarray.DataTree | xarray.Dataset | Mapping[str, ArrayLike],
    var_names: str | Sequence[str] | None = None,
    *,
    group: str = "posterior",
    kind: str = "all",
    prob: float = 0.94,
    interval: str = "hdi",
    round_to: int | str | None = "auto",
    coords: Mapping[str, Sequence | np.ndarray | None] | None = None,
    dims: Mapping[str, Sequence[str | None]] | None = None,
) -> Summary:
    """Return the mean, sd, interval, Monte Carlo errors, effective sample sizes and R-hat of every element.

    Parameters
    ----------
    idata : xarray.DataTree, xarray.Dataset or mapping of variable to array of shape (chain, draw, *event)
    var_names : str or sequence of str, optional
        The variables wanted, in this order; a leading ``~`` in each means all but these.
    group : str
        Group of the tree.
    kind : {"all", "stats", "diagnostics"}
        Columns wanted: "stats" are mean, sd and interval, "diagnostics" the others.
    prob : float
        Probability of the interval.
    interval : {"hdi", "eti"}
        The shortest interval, or the one with equal tails.
    round_to : int, None or "auto"
        Decimals shown; see `Summary`.
    coords, dims : mapping, optional
        Labels of the elements of a plain mapping, as for `to_datatree`; a tree has its own.

    Returns
    -------
    Summary

    Notes
    -----
    `ess_tail` concerns the quantiles 5 % and 95 % (Vehtari et al. 2021). That of `arviz_stats.summary` depends on its
    setting `stats.ci_prob`, and is for 11 % and 89 % unless that is changed.

    Examples
    --------
    >>> x = np.random.default_rng(1).normal(size=(4, 500))
    >>> print(summary({"mu": x}, kind="stats"))
         mean    sd  hdi_3%  hdi_97%
    mu  -0.01  1.01   -1.90     1.87
    """
    if kind not in KINDS:
        raise ValueError(f"summary has no kind {kind!r}; choose one of {', '.join(KINDS)}")
    columns, statistic = _statistics(kind, prob, interval)
    index, blocks = [], [np.empty((0, len(columns)))]
    for name, array, labels in _selected(_variables(idata, group, coords or {}, dims or {}), var_names):
        measured = estimators.measure(array, statistic, pieces=len(columns), draws=estimators.MINIMUM_DRAWS)
        blocks.append(measured.reshape(len(columns), -1).T)
        index += labels if array.ndim > len(SAMPLE_DIMS) else [name]
    return Summary(tuple(index), columns, np.concatenate(blocks), round_to)


Variable = tuple[str, np.ndarray, list[str]]


def _statistics(kind: str, prob: float, interval: str) -> tuple[tuple[str, ...], estimators.Statistic]:
    """Return the columns' names, and the function that computes them together from a block of draws."""
    if interval not in ("hdi", "eti") or not 0 < prob <= 1:
        raise ValueError(f"the interval must be hdi or eti, of a probability in (0, 1]; got {interval!r} and {prob!r}")
    bounds = estimators.shortest_interval if interval == "hdi" else estimators.central_interval
    lower, upper = (f"{interval}_{100 * p:.4g}%" for p in ((1 - prob) / 2, (1 + prob) / 2))
    stats = {"mean": estimators.mean, "sd": estimators.sd}
    diagnostics = {
        "mcse_mean": estimators.mcse_mean,
        "mcse_sd": estimators.mcse_sd,
        "ess_bulk": estimators.ess_bulk,
        "ess_tail": estimators.ess_tail,
        "r_hat": estimators.rhat_rank,
    }

    def statistic(block: estimators.Block) -> np.ndarray:
        rows = []
        if kind != "diagnostics":
            rows += [f(block) for f in stats.values()] + list(bounds(block, prob))
        if kind != "stats":
            rows += [f(block) for f in diagnostics.values()]
        return np.stack(rows)

    names = {"stats": (*stats, lower, upper), "diagnostics": tuple(diagnostics)}
    return names.get(kind, names["stats"] + names["diagnostics"]), statistic


def _variables(idata: Any, group: str, coords: Mapping, dims: Mapping) -> Iterator[Variable]:
    """Yield each variable's name, draws and labels, from a tree, a dataset or a mapping."""
    drafts = read(idata)
    if drafts is not None and all(
        d[:2] == SAMPLE_DIMS for d, _ in drafts[known_group(group, drafts)].variables.values()
    ):
        for name, (names, array) in drafts[known_group(group, drafts)].variables.items():
            labels = drafts[group].labels
            yield name, array, list(element_labels(name, array.shape[2:], dims=names[2:], coords=labels))
        return
    if hasattr(idata, "children"):
        idata = idata[known_group(group, idata.children)]
    if not hasattr(idata, "data_vars"):
        for name, value in idata.items():
            array = np.asarray(value)
            yield name, array, list(element_labels(name, array.shape[2:], dims=dims.get(name), coords=coords))
        return
    for name, variable in idata.data_vars.items():
        ordered = variable.transpose(*SAMPLE_DIMS, ...)
        event = ordered.dims[len(SAMPLE_DIMS) :]
        labels = {dim: ordered.coords[dim].values for dim in event if dim in ordered.coords}
        array = ordered.values
        yield str(name), array, list(element_labels(str(name), array.shape[2:], dims=event, coords=labels))


def known_group(group: str, groups: Iterable[str]) -> str:
    """`group`, if there is one of that name."""
    if group not in groups:
        raise KeyError(f"the tree has no group {group!r}, only {', '.join(groups) or 'none'}")
    return group


def _selected(variables: Iterator[Variable], var_names: str | Sequence[str] | None) -> list[Variable]:
    found = {variable[0]: variable for variable in variables}
    if var_names is None:
        return list(found.values())
    wanted = [var_names] if isinstance(var_names, str) else list(var_names)
    excluded = [name[1:] for name in wanted if name.startswith("~") and name not in found]
    unknown = [name for name in [*excluded, *wanted] if name not in found and name[1:] not in excluded]
    if unknown:
        raise KeyError(f"no variable {', '.join(map(repr, unknown))}; there are {', '.join(found)}")
    if excluded and len(excluded) < len(wanted):
        raise ValueError(f"var_names must name either what to show or, with ~, what to leave out, not both: {wanted}")
    return [found[name] for name in (wanted if not excluded else found) if name not in excluded]
