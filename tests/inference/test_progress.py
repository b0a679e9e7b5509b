"""Progress is silent when quick or unwanted, rate-limited otherwise, and never the end of a run."""

import io
import os
import subprocess
import sys
import types

import pytest

from pellucid.inference import progress as module
from pellucid.inference.progress import ChainProgress, Progress, describe


class Clock:
    """A clock moved by hand."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)


def run(stream, seconds, *, every=0.01, chains=2, **options):
    clock = Clock()
    updates = round(seconds / every)
    with Progress(stream=stream, clock=clock, **options) as progress:
        for k in range(1, updates + 1):
            clock.now = 1000 + k * every
            progress.update([(k, updates, 1, 7 * k, k < updates / 2)] * chains)
    return stream.getvalue()


def test_plain_lines_are_few():
    lines = run(io.StringIO(), 20).splitlines()
    assert len(lines) == 5  # at 2, 7, 12 and 17 seconds, and at the end
    assert lines[0] == (
        "Sampling 2 chains (2 tuning): 400/4000 draws, 0:18 left, 2 divergences, 200/s, 7.0 steps per draw (10 %)"
    )
    assert lines[-1] == (
        "Sampling 2 chains: 4000/4000 draws, done in 0:20, 2 divergences, 200/s, 7.0 steps per draw (100 %)"
    )


@pytest.mark.parametrize("stream, seconds", [(io.StringIO(), 1.9), (Terminal(), 0.25)])
def test_quick_runs_say_nothing(stream, seconds):
    assert not run(stream, seconds)


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_silence_on_request(stream):
    assert not run(stream, 60, every=0.5, progressbar=False)


def test_a_terminal_gets_one_line():
    text = run(Terminal(), 3, title="Drawing")
    assert "Drawing 2 chains" in text
    assert "600/600 draws" in text
    assert "200/s" in text
    assert text.count("\n") <= 2
    assert 20 <= text.count("draws") <= 32  # 2.7 s at ten a second


def test_dumb_terminals_get_plain_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    text = run(Terminal(), 3)
    assert "\x1b" not in text
    assert len(text.splitlines()) == 2


def test_notebooks_get_one_replaced_output(monkeypatch):
    shown = []

    class Handle:
        def update(self, content):
            shown.append(("update", content))

    def display(content, *, display_id):
        shown.append(("display", content))
        return Handle()

    names = ("ipykernel", "IPython", "IPython.core", "IPython.core.display", "IPython.display")
    ipython = {name: types.ModuleType(name) for name in names}
    ipython["IPython.core.display"].HTML = str
    ipython["IPython.display"].display = display
    for name, fake in ipython.items():
        monkeypatch.setitem(sys.modules, name, fake)
    stream = io.StringIO()
    assert not run(stream, 3)
    assert [kind for kind, _ in shown].count("display") == 1
    assert shown[0][0] == "display"
    assert shown[-1][1].startswith('<progress value="1.0000" max="1"></progress> Sampling 2 chains')


def test_the_last_state_is_shown_when_a_run_is_stopped():
    stream, clock = io.StringIO(), Clock()

    def interrupted():
        with Progress(stream=stream, clock=clock) as progress:
            for _ in range(3):
                clock.now += 1.5
                progress.update([ChainProgress(30, 100)])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert stream.getvalue().splitlines()[-1] == ("Sampling 1 chain: 30/100 draws, stopped after 0:04, 6.7/s (30 %)")


class Broken(io.StringIO):
    """A stream whose reader has gone."""

    writes = 0

    def write(self, text):
        Broken.writes += 1
        raise BrokenPipeError(text)


def test_a_broken_stream_does_not_stop_sampling():
    run(Broken(), 60, every=0.5)
    assert Broken.writes == 1
    closed = io.StringIO()
    closed.close()
    clock = Clock()
    with Progress(stream=closed, clock=clock) as progress:
        clock.now += 10
        progress.update([(1, 2)])


def test_no_standard_error(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    clock = Clock()
    with Progress(clock=clock) as progress:
        clock.now += 10
        progress.update([(1, 2)])


def test_speed_follows_the_present():
    stream, clock = io.StringIO(), Clock()
    with Progress(stream=stream, clock=clock) as progress:
        done = 0
        for step in [10] * 10 + [1000] * 20:
            clock.now += 1
            done += step
            progress.update([ChainProgress(done, 100_000)])
    lines = stream.getvalue().splitlines()
    assert ", 10/s" in lines[0]
    present = float(lines[-2].split(", ")[-1].split("/s")[0])
    assert 900 < present <= 1000


@pytest.mark.parametrize(
    "chains, options, text",
    [
        ([], {"elapsed": 0, "speed": 0}, "0 chains: 0/0 draws, done in 0:00, 0/s"),
        ([ChainProgress(0, 10)], {"elapsed": 5, "speed": 0}, "1 chain: 0/10 draws, 0/s"),
        ([ChainProgress(1, 9, 1)], {"elapsed": 5, "speed": 0.2}, "1 chain: 1/9 draws, 0:40 left, 1 divergence, 0.2/s"),
        ([ChainProgress(5, 50_000)] * 3, {"elapsed": 5, "speed": 3}, "3 chains: 15/150000 draws, 13:53:15 left, 3/s"),
    ],
)
def test_descriptions(chains, options, text):
    assert describe(chains, **options) == text


def test_rich_is_imported_only_when_needed():
    code = (
        "import sys\n"
        "from pellucid.inference.progress import Progress\n"
        "with Progress() as progress:\n"
        "    for k in range(100):\n"
        "        progress.update([(k, 99, 0, 0, False)])\n"
        "assert not {'rich', 'IPython'} & set(sys.modules)\n"
    )
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_updates_that_are_not_due_cost_little():
    calls = []

    def clock():
        calls.append(None)
        return 0.0

    with Progress(stream=io.StringIO(), clock=clock) as progress:
        before = len(calls)
        progress.update([(1, 2)])
        assert len(calls) == before + 1
        assert progress._display is None
    assert module.SHOW_AFTER < module.PLAIN_AFTER
