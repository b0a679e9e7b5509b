"""Laws whose draws are a formula of one standard number each and of the parameters: drawn by NumPy, or in a graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

LEAST = 2.0**-54
"""Stands for 0, which NumPy's uniform numbers may be: formulas take logarithms."""


@dataclass(frozen=True)
class FromNoise:
    """The sampler of such a law.

    Parameters
    ----------
    noise : str
        The standard numbers, by the method of NumPy's generators that draws them: "standard_normal", "random" (between
        0 and 1) or "standard_exponential".
    formula : callable
        ``formula(xp, noise, *parameters)`` with the functions of `xp`, which is NumPy or `pellucid.tensor`.
    valid : callable, optional
        ``valid(xp, *parameters)``, whether parameters can be drawn with, elementwise.
    complaint : str
        What is wrong where they cannot.

    Examples
    --------
    >>> sample = FromNoise("random", lambda xp, u, p: u < p)
    >>> sample(np.random.default_rng(1), (5,), np.array(0.5)).tolist()
    [False, False, True, False, True]
    """

    noise: str
    formula: Callable[..., Any]
    valid: Callable[..., Any] | None = None
    complaint: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "__module__", self.formula.__module__)  # that of the law, which pickles need

    def __call__(self, rng: np.random.Generator, size: tuple[int, ...], *parameters: Any) -> Any:
        """Draws of the shape `size`."""
        if self.valid is not None and not np.all(self.valid(np, *parameters)):
            listed = ", ".join(f"{np.min(p):.6g} to {np.max(p):.6g}" for p in parameters if np.size(p))
            raise ValueError(f"{self.complaint}; the parameters are {listed}")
        numbers = np.asarray(getattr(rng, self.noise)(size))
        if self.noise == "random":
            numbers = np.maximum(numbers, LEAST)
        with np.errstate(all="ignore"):
            return self.formula(np, numbers, *parameters)


def not_negative(name: str, position: int) -> dict[str, Any]:
    """What refuses negative values of one parameter; NaN gives NaN."""
    return {
        "valid": lambda xp, *parameters: xp.logical_not(parameters[position] < 0),
        "complaint": f"{name} must not be negative",
    }


def scaled(noise: str, standard: Callable[..., Any], name: str) -> FromNoise:
    """Draws loc + scale * standard(xp, noise) of two parameters, of which the scale is called `name`."""

    def formula(xp: Any, numbers: Any, loc: Any, scale: Any) -> Any:
        return loc + scale * standard(xp, numbers)

    formula.__module__ = standard.__module__
    return FromNoise(noise, formula, **not_negative(name, 1))
