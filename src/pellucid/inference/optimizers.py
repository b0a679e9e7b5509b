"""Ways to follow a noisy gradient downhill, with PyMC's names and defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["adadelta", "adagrad", "adagrad_window", "adam", "adamax", "momentum", "nesterov_momentum", "rmsprop", "sgd"]

Step = Callable[[np.ndarray], np.ndarray]
"""From a gradient, what is to be subtracted from the parameters; it remembers earlier gradients."""


class Optimizer:
    """A rule for steps; `begin` gives one that has seen no gradient yet."""

    def __init__(self, name: str, begin: Callable[[], Step], settings: dict[str, float]):
        self.name, self.begin, self.settings = name, begin, settings

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={v}' for k, v in self.settings.items())})"


def optimizer(begin: Callable[..., Step]) -> Callable[..., Optimizer]:
    """Make a function of PyMC's signature from one of the settings alone."""
    defaults = dict(zip(begin.__code__.co_varnames, begin.__defaults__ or (), strict=False))

    def make(loss_or_grads: Any = None, params: Any = None, **settings: float) -> Optimizer:
        if loss_or_grads is not None or params is not None:
            raise TypeError(
                f"{begin.__name__} takes settings only, {', '.join(defaults)}: pass what it returns as obj_optimizer."
            )
        unknown = set(settings) - set(defaults)
        if unknown:
            raise TypeError(f"{begin.__name__} has no setting {', '.join(unknown)}; it has {', '.join(defaults)}.")
        chosen = {**defaults, **settings}
        return Optimizer(begin.__name__, lambda: begin(**chosen), chosen)

    make.__name__ = make.__qualname__ = begin.__name__
    make.__doc__ = f"{begin.__doc__}\n\nSettings: {', '.join(f'{k}={v}' for k, v in defaults.items())}.\n"
    return make


@optimizer
def sgd(learning_rate: float = 1e-3) -> Step:
    """Steps in proportion to the gradient."""
    return lambda g: learning_rate * g


@optimizer
def momentum(learning_rate: float = 1e-3, momentum: float = 0.9) -> Step:
    """Steps that go on for a while (Polyak 1964)."""
    past: Any = 0.0

    def step(g: np.ndarray) -> np.ndarray:
        nonlocal past
        past = momentum * past + learning_rate * g
        return past

    return step


@optimizer
def nesterov_momentum(learning_rate: float = 1e-3, momentum: float = 0.9) -> Step:
    """Momentum that looks ahead (Nesterov 1983, in the form of Sutskever et al. 2013)."""
    past: Any = 0.0

    def step(g: np.ndarray) -> np.ndarray:
        nonlocal past
        past = momentum * past + learning_rate * g
        return momentum * past + learning_rate * g

    return step


@optimizer
def adagrad(learning_rate: float = 1.0, epsilon: float = 1e-6) -> Step:
    """Steps divided by the root of the sum of all squared gradients (Duchi et al. 2011)."""
    total: Any = 0.0

    def step(g: np.ndarray) -> np.ndarray:
        nonlocal total
        total = total + g * g
        return learning_rate * g / np.sqrt(total + epsilon)

    return step


@optimizer
def adagrad_window(learning_rate: float = 1e-3, epsilon: float = 0.1, n_win: int = 10) -> Step:
    """The same over the last `n_win` gradients."""
    window: list[np.ndarray] = []

    def step(g: np.ndarray) -> np.ndarray:
        window.append(g * g)
        del window[:-n_win]
        return learning_rate * g / np.sqrt(np.sum(window, axis=0) + epsilon)

    return step


@optimizer
def rmsprop(learning_rate: float = 1.0, rho: float = 0.9, epsilon: float = 1e-6) -> Step:
    """Steps divided by the root of a moving mean of squared gradients (Tieleman and Hinton 2012)."""
    mean: Any = 0.0

    def step(g: np.ndarray) -> np.ndarray:
        nonlocal mean
        mean = rho * mean + (1.0 - rho) * g * g
        return learning_rate * g / np.sqrt(mean + epsilon)

    return step


@optimizer
def adadelta(learning_rate: float = 1.0, rho: float = 0.95, epsilon: float = 1e-6) -> Step:
    """The same, times the root of a moving mean of squared steps (Zeiler 2012)."""
    gradients: Any = 0.0
    steps: Any = 0.0

    def step(g: np.ndarray) -> np.ndarray:
        nonlocal gradients, steps
        gradients = rho * gradients + (1.0 - rho) * g * g
        found = g * np.sqrt(steps + epsilon) / np.sqrt(gradients + epsilon)
        steps = rho * steps + (1.0 - rho) * found * found
        return learning_rate * found

    return step


@optimizer
def adam(learning_rate: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> Step:
    """A moving mean of gradients, divided by the root of that of their squares (Kingma and Ba 2015)."""
    mean: Any = 0.0
    square: Any = 0.0
    count = 0

    def step(g: np.ndarray) -> np.ndarray:
        nonlocal mean, square, count
        count += 1
        mean = beta1 * mean + (1.0 - beta1) * g
        square = beta2 * square + (1.0 - beta2) * g * g
        return learning_rate * (mean / (1.0 - beta1**count)) / (np.sqrt(square / (1.0 - beta2**count)) + epsilon)

    return step


@optimizer
def adamax(learning_rate: float = 2e-3, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> Step:
    """A moving mean of gradients, divided by the largest of recent ones (Kingma and Ba 2015)."""
    mean: Any = 0.0
    largest: Any = 0.0
    count = 0

    def step(g: np.ndarray) -> np.ndarray:
        nonlocal mean, largest, count
        count += 1
        mean = beta1 * mean + (1.0 - beta1) * g
        largest = np.maximum(beta2 * largest, np.abs(g))
        return learning_rate / (1.0 - beta1**count) * mean / (largest + epsilon)

    return step
