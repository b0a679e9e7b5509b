"""Holds chains, and lets them go on: they look at one cell each before every iteration."""

from __future__ import annotations

import threading

from numpy.typing import NDArray


class Brake:
    """Pauses and ends chains, from any thread.

    Parameters
    ----------
    flags : ndarray of int, shape (chains,)
        The cells that chains read; those that find `request` return from native code with the status STOPPED.
    request : int
        What is written to stop them; 0 lets them go on.

    Attributes
    ----------
    ended : bool
        Whether the run is to end; then nothing lets it go on.
    """

    def __init__(self, flags: NDArray, request: int):
        self.flags, self.request, self.ended = flags, request, False
        self.free = threading.Event()
        self.free.set()
        self.changing = threading.Lock()

    @property
    def holds(self) -> bool:
        """Whether chains are paused."""
        return not self.free.is_set()

    def pause(self) -> None:
        """Let chains stand still after their current iteration."""
        with self.changing:
            if not self.ended:
                self.free.clear()
                self.flags[:] = self.request

    def resume(self) -> None:
        """Let them go on."""
        with self.changing:
            if not self.ended:
                self.flags[:] = 0
                self.free.set()

    def stop(self) -> None:
        """End the run after the current iterations, also of chains that stand still."""
        with self.changing:
            self.ended = True
            self.flags[:] = self.request
            self.free.set()

    def released(self) -> bool:
        """Wait while the chains are paused; False if they are to end."""
        self.free.wait()
        return not self.ended
