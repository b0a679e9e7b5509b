"""The data of the tour's two fits, read from files in the package that name their sources."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parent / "data"


def load(name: str) -> dict[str, np.ndarray]:
    """The columns of a data set: arrays of numbers, or of text where a column has any.

    Parameters
    ----------
    name : {"eight_schools", "coal_mining"}

    Raises
    ------
    ValueError
        When there is no such data set.

    Examples
    --------
    >>> load("eight_schools")["effect"]
    array([28.,  8., -3.,  7., -1.,  1., 18., 12.])
    >>> coal = load("coal_mining")
    >>> coal["year"][[0, -1]], coal["disasters"].sum()
    (array([1851., 1962.]), np.float64(191.0))
    """
    path = DATA / f"{name}.csv"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in DATA.glob("*.csv")))
        raise ValueError(f"There is no data set {name!r}; there are {known}.")
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(line for line in file if not line.startswith("#"))
    return {name: as_column(column) for name, column in zip(header, zip(*rows, strict=True), strict=True)}


def as_column(texts: tuple[str, ...]) -> np.ndarray:
    """Numbers if all are, else the texts."""
    try:
        return np.array([float(text) for text in texts])
    except ValueError:
        return np.array(texts)
