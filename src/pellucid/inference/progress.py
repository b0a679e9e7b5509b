"""Progress of the chains in one rate-limited line: a bar in terminals and notebooks, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol, Self, TextIO

__all__ = ["ChainProgress", "Progress", "describe"]

SHOW_AFTER = 0.3  # seconds; quicker runs show nothing and import nothing
REDRAW_EVERY = 0.1
PLAIN_AFTER = 2.0
PLAIN_EVERY = 5.0
SPEED_MEMORY = 2.0  # seconds over which the speed is averaged


class ChainProgress(NamedTuple):
    """How far one chain has come."""

    done: int
    total: int
    divergences: int = 0
    leapfrogs: int = 0
    tuning: bool = False


class Display(Protocol):
    """Where progress is shown."""

    def show(self, fraction: float, text: str) -> None:
        """Replace what is shown."""

    def close(self) -> None:
        """Leave what is shown last, and free the line."""


class Progress:
    """Shows how far the chains have come, while entered as a context.

    Calling `update` costs next to nothing while no line is due. Nothing is shown of runs shorter than 0.3 s (2 s where
    there is neither terminal nor notebook), and an output stream that breaks ends the display, not the sampling.

    Parameters
    ----------
    progressbar : bool
        Whether to show anything.
    stream : text stream, optional
        Standard error, unless given.
    clock : callable
        Returns the time in seconds.
    title : str
        First words of the line.

    Examples
    --------
    >>> with Progress(progressbar=False) as progress:
    ...     progress.update([ChainProgress(10, 100)])
    """

    def __init__(
        self,
        *,
        progressbar: bool = True,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        title: str = "Sampling",
    ):
        self._stream = stream if stream is not None else sys.stderr  # which is None under pythonw
        self._enabled, self._clock, self._title = progressbar and self._stream is not None, clock, title
        self._display: Display | None = None
        self._chains: Sequence[tuple] = ()
        self._speed = _Speed()
        self._start = self._due = 0.0
        self._interval = REDRAW_EVERY

    def __enter__(self) -> Self:
        self._start = self._clock()
        self._speed.note(self._start, 0)
        live = self._enabled and (_in_notebook() or _is_terminal(self._stream))
        self._interval = REDRAW_EVERY if live else PLAIN_EVERY
        self._due = self._start + (SHOW_AFTER if live else PLAIN_AFTER)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._display is None:
            return
        self._show(self._clock(), stopped=kind is not None)
        display, self._display = self._display, None
        if display is not None:
            _surviving(display.close)

    def update(self, chains: Sequence[tuple]) -> None:
        """Take note of the state of every chain, in tuples of `ChainProgress`'s fields, and show it if that is due."""
        if not self._enabled:
            return
        self._chains = chains
        now = self._clock()
        if now < self._due:
            return
        self._due = now + self._interval
        if self._display is None:
            self._display = _choose_display(self._stream)
        self._show(now)

    def _show(self, now: float, *, stopped: bool = False) -> None:
        chains = [ChainProgress(*chain) for chain in self._chains]
        done, total = sum(chain.done for chain in chains), sum(chain.total for chain in chains)
        elapsed, speed = now - self._start, self._speed.note(now, done)
        if (done >= total or stopped) and elapsed > 0:
            speed = done / elapsed  # at the end the whole run is of interest, before it the present
        text = describe(chains, elapsed=elapsed, speed=speed, stopped=stopped)
        fraction = done / total if total else 1.0
        display = self._display
        if display is not None and not _surviving(lambda: display.show(fraction, f"{self._title} {text}")):
            self._display, self._enabled = None, False


class _Speed:
    """Draws per second, averaged over the last seconds with falling weights, since tuning and drawing differ in it."""

    def __init__(self):
        self.value: float | None = None
        self.time, self.done = 0.0, 0

    def note(self, now: float, done: int) -> float:
        span = now - self.time
        if done and span > 0:
            present = (done - self.done) / span
            keep = 2 ** (-span / SPEED_MEMORY)
            self.value = present if self.value is None else keep * self.value + (1 - keep) * present
        self.time, self.done = now, done
        return self.value or 0.0


def describe(chains: Sequence[ChainProgress], *, elapsed: float, speed: float, stopped: bool = False) -> str:
    """Return one line on the chains: draws done, speed, steps per draw, divergences and time left.

    Parameters
    ----------
    chains : sequence of ChainProgress
    elapsed : float
        Seconds since the start.
    speed : float
        Draws per second of all chains together.
    stopped : bool
        Whether the run was ended before its time.

    Examples
    --------
    >>> describe([ChainProgress(500, 2000, 3, 3500), ChainProgress(100, 2000, 0, 700, True)], elapsed=1.5, speed=425)
    '2 chains (1 tuning): 600/4000 draws, 0:08 left, 3 divergences, 425/s, 7.0 steps per draw'
    """
    done, total = sum(chain.done for chain in chains), sum(chain.total for chain in chains)
    tuning = sum(chain.tuning for chain in chains)
    name = f"{len(chains)} chain{'s' if len(chains) != 1 else ''}" + (f" ({tuning} tuning)" if tuning else "")
    # A narrow terminal cuts the end off, so what matters least comes last.
    parts = [f"{name}: {done}/{total} draws"]
    if stopped:
        parts.append(f"stopped after {_duration(elapsed)}")
    elif done >= total:
        parts.append(f"done in {_duration(elapsed)}")
    elif speed > 0:
        parts.append(f"{_duration((total - done) / speed)} left")
    leapfrogs, divergences = sum(chain.leapfrogs for chain in chains), sum(chain.divergences for chain in chains)
    if divergences:
        parts.append(f"{divergences} divergence{'s' if divergences != 1 else ''}")
    parts.append(f"{speed:.0f}/s" if speed >= 10 or not speed else f"{speed:.2g}/s")
    if leapfrogs and done:
        parts.append(f"{leapfrogs / done:.1f} steps per draw")
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    """Write seconds as 0:07, 12:30 or 1:02:03."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


# Displays


def _choose_display(stream: TextIO) -> Display:
    if _in_notebook():
        return _NotebookDisplay()
    return _TerminalDisplay(stream) if _is_terminal(stream) else _PlainDisplay(stream)


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules and "IPython" in sys.modules


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
    except (AttributeError, ValueError):  # not quite a stream, or a closed one
        return False


def _surviving(action: Callable[[], None]) -> bool:
    """Whether the action was done; a closed pipe or an encoding without the characters must not end a long run."""
    try:
        action()
    except (OSError, ValueError):
        return False
    return True


class _PlainDisplay:
    """Lines of text, for logs."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def show(self, fraction: float, text: str) -> None:
        self._stream.write(f"{text} ({100 * fraction:.0f} %)\n")
        self._stream.flush()

    def close(self) -> None:
        pass


class _TerminalDisplay:
    """A bar and one line of text by rich, redrawn in place by the thread that updates it."""

    def __init__(self, stream: TextIO):
        from rich.console import Console  # tens of milliseconds to import, which a quick run shall not pay
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        console = Console(file=stream)
        bar = BarColumn(bar_width=24 if console.width >= 120 else 8)
        self._bar = Bar(bar, TextColumn("{task.description}", markup=False), console=console, auto_refresh=False)
        self._task = self._bar.add_task("", total=1.0)
        self._bar.start()

    def show(self, fraction: float, text: str) -> None:
        self._bar.update(self._task, completed=fraction, description=text, refresh=True)

    def close(self) -> None:
        self._bar.stop()


class _NotebookDisplay:
    """A bar of HTML, replaced in the cell's output: it needs neither widgets nor the right version of ipykernel."""

    def __init__(self):
        from IPython.core.display import HTML  # there only in notebooks
        from IPython.display import display

        self._html, self._display, self._handle = HTML, display, None

    def show(self, fraction: float, text: str) -> None:
        content = self._html(f'<progress value="{fraction:.4f}" max="1"></progress> {text}')
        if self._handle is None:
            self._handle = self._display(content, display_id=True)
        else:
            self._handle.update(content)

    def close(self) -> None:
        pass
