"""The tour runs the lesson, and its page is whole by itself; what it is made of does what it says."""

import io
import logging
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import pellucid as pm
from pellucid.__main__ import main
from pellucid.tour import figures, highlight, markdown
from pellucid.tour.axes import Axes, limits, nice_step, nice_ticks, tick_label
from pellucid.tour.cells import run_cell
from pellucid.tour.datasets import DATA, load
from pellucid.tour.guide import Terminal, settings_for, tour, walk
from pellucid.tour.lesson import Block, read_blocks, read_lesson
from pellucid.tour.page import render
from pellucid.tour.stages import empty_cache, measure_stages

SOURCE = Path(__file__).resolve().parent.parent / "src"


class Walk(NamedTuple):
    """A tour that was taken."""

    shown: str
    parts: list
    namespace: dict
    page: str


@pytest.fixture(scope="module")
def taken():
    """A quick tour with a seed of its own."""
    stream, namespace = io.StringIO(), {"__name__": "__main__"}
    lesson = read_lesson()
    parts = list(walk(lesson, Terminal(stream, colour=False), seed=7, quick=True, namespace=namespace))
    return Walk(stream.getvalue(), parts, namespace, render(lesson.title, parts, 1.0))


class Page(HTMLParser):
    """Collects what a page has, and complains about tags that do not match."""

    EMPTY = frozenset({"meta", "path", "rect", "br"})

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.links, self.ids, self.text = [], [], [], set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [(name, value) for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        self.ids |= {value for name, value in attrs if name == "id"}
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def page(taken):
    parser = Page()
    parser.feed(taken.page)
    assert parser.open == []
    return parser


# The walk.


def test_every_chapter_is_walked(taken):
    lesson = read_lesson()
    assert [p.title for p in taken.parts] == ["", *(c.title for c in lesson.chapters)]
    assert [c.title.split(".")[0] for c in lesson.chapters] == [str(i + 1) for i in range(len(lesson.chapters))]
    assert len(lesson.chapters) == 10
    steps = [step for part in taken.parts for step in part.steps if step.outcome]
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert len(steps) > 35


def test_the_caller_s_settings_are_run_and_shown(taken):
    assert taken.namespace["seed"] == 7
    assert taken.namespace["draws"] == taken.namespace["tune"] == 200
    assert "seed = 7\n" in taken.shown
    assert "draws, tune = 200, 200" in "".join(re.sub("<[^>]*>", "", taken.page))


def test_the_terminal_shows_code_and_output(taken):
    assert "│ pm.dprint(w)\n\n         Log [id A]\n          └─ Add [id B]\n" in taken.shown
    assert "array([0., 1.])" in taken.shown
    assert "\x1b" not in taken.shown
    prose = [line for line in taken.shown.split("\n") if line[:1].isalpha()]
    assert prose
    assert max(map(len, prose)) <= 92


def test_output_is_that_of_the_code(taken):
    by_number = {step.number: step.outcome for part in taken.parts for step in part.steps if step.outcome}
    summaries = [o for o in by_number.values() if type(o.value).__name__ == "Summary"]
    assert {name for s in summaries for name in s.value.index} >= {"mu", "tau", "theta[A]", "change", "early", "late"}
    pictures = [o for o in by_number.values() if o.picture]
    assert len(pictures) >= 15
    for outcome in pictures:
        ET.fromstring(outcome.picture)  # noqa: S314  # our own text
        assert "NaN" not in outcome.picture
        assert "nan" not in re.sub(r"<title>.*?</title>", "", outcome.picture)


def test_errors_of_the_lesson_name_the_cell(taken):
    assert re.search(r"at cell \d+:2  →  pt\.vector\(\"a\"", taken.shown)


def test_the_fits_agree_with_integration(taken):
    """The posterior of the coal-mining disasters, against a sum over a grid of all three parameters."""
    model = taken.namespace["coal_mining"]()
    idata = pm.sample(8000, tune=1000, chains=4, random_seed=1, progressbar=False, model=model)
    found = pm.summary(idata, ["change", "early", "late"])
    for name, (mean, sd) in coal_by_grid().items():
        row = found[name]
        assert abs(row["mean"] - mean) < 5 * row["mcse_mean"] + 0.01 * sd, name
        assert abs(row["sd"] / sd - 1) < 0.1, name
        assert row["r_hat"] < 1.01
    assert float(idata["posterior"]["rate"].min()) > 0


def coal_by_grid():
    """Means and standard deviations by brute force."""
    y = load("coal_mining")["disasters"]
    before = np.concatenate([[0], np.cumsum(y)])
    change = np.arange(1851, 1963, 1 / 16) + 1 / 32
    early, late = np.linspace(1.6, 5.2, 121), np.linspace(0.35, 1.7, 91)
    e, u = early[:, None], late[None]
    logp = np.empty((len(change), len(early), len(late)))
    for k, c in enumerate(change):
        n, part = int(c - 1851), c % 1
        rate = part * e + (1 - part) * u
        logp[k] = before[n] * np.log(e) - n * e + y[n] * np.log(rate) - rate
        logp[k] += (before[-1] - before[n + 1]) * np.log(u) - (111 - n) * u - e / 3 - u / 3
    weight = np.exp(logp - logp.max())
    weight /= weight.sum()
    found = {}
    for name, values, others in (("change", change, (1, 2)), ("early", early, (0, 2)), ("late", late, (0, 1))):
        p = weight.sum(axis=others)
        mean = float(p @ values)
        found[name] = mean, float(np.sqrt(p @ (values - mean) ** 2))
    return found


# The page.


def test_the_page_needs_nothing_else(taken, page):
    assert len(taken.page.encode()) < 3_000_000
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(page.tags)
    assert all(name == "href" and value.startswith("#") for name, value in page.links)
    assert "@import" not in taken.page
    assert "url(" not in taken.page
    assert "http" not in taken.page.replace("http://www.w3.org/2000/svg", "")


def test_links_lead_to_chapters(page):
    assert {value.removeprefix("#") for _, value in page.links} == page.ids
    assert len(page.ids) == 10


def test_the_page_has_all_that_was_shown(taken, page):
    text = "".join(page.text)
    for part in taken.parts:
        assert part.title in text
        for step in part.steps:
            if step.outcome:
                assert step.outcome.source in text
                rich = step.outcome.picture or hasattr(step.outcome.value, "_repr_html_")
                assert (step.outcome.printed.rstrip() if rich else step.outcome.text) in text
    assert page.tags.count("svg") >= 15
    assert page.tags.count("table") == 2


def test_the_page_is_dark_where_the_screen_is(taken):
    assert taken.page.count("prefers-color-scheme:dark") >= 3


# The command.


def test_command_writes_the_page(tmp_path, monkeypatch, capsys):
    lesson = "# T\n\n```python settings\nseed = 1\n```\n\n## 1. One\n\nwords\n\n```python\nseed + 1\n```\n"
    (tmp_path / "lesson.md").write_text(lesson, encoding="utf-8")
    monkeypatch.setattr("pellucid.tour.lesson.lesson_path", lambda: tmp_path / "lesson.md")
    assert main(["tour", "--seed", "41", "--output", str(tmp_path / "page.html")]) == 0
    shown = capsys.readouterr().out
    assert "         42\n" in shown
    assert str(tmp_path / "page.html") in shown
    assert "<pre>42</pre>" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_folder_that_is_not_there_is_said_before_anything_runs(tmp_path, capsys):
    assert main(["tour", "--output", str(tmp_path / "none" / "page.html")]) == 2
    captured = capsys.readouterr()
    assert "There is no folder" in captured.err
    assert captured.out == ""


def test_an_error_in_a_cell_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "lesson.md").write_text("# T\n\n## 1. One\n\n```python\n1 / 0\n```\n", encoding="utf-8")
    monkeypatch.setattr("pellucid.tour.lesson.lesson_path", lambda: tmp_path / "lesson.md")
    with pytest.raises(ZeroDivisionError):
        tour(tmp_path / "page.html", stream=io.StringIO())
    assert not (tmp_path / "page.html").exists()


def process(*arguments, **options):
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-W", "error", "-m", "pellucid", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_help_names_the_options():
    out, _ = process("tour", "--help").communicate(timeout=60)
    assert all(option in out.decode() for option in ("--output", "--seed", "--quick"))


def test_a_closed_pipe_is_no_error(tmp_path):
    running = process("tour", "--quick", cwd=tmp_path)
    running.stdout.readline()
    running.stdout.close()
    error = running.stderr.read().decode()
    running.stderr.close()
    assert running.wait(timeout=120) == 1
    assert error == ""


# Cells.


def test_a_cell_shows_prints_and_its_last_value():
    names = {}
    outcome = run_cell("import logging\nx = 3\nprint('a')\nx", names, "c")
    assert (outcome.printed, outcome.value, outcome.text) == ("a\n", 3, "a\n3")
    assert names["x"] == 3
    assert run_cell("x = 4", names, "c").text == ""
    assert run_cell("None", names, "c").text == ""
    assert run_cell("", names, "c").text == ""


def test_warnings_logged_are_output():
    outcome = run_cell("import logging\nlogging.getLogger('pellucid').warning('beware')", {}, "c")
    assert outcome.text == "beware"
    assert logging.getLogger("pellucid").propagate


def test_where_a_print_went_is_not_shown():
    assert run_cell("import sys\nprint('a')\nsys.stdout", {}, "c").text == "a"


def test_an_error_has_the_cell_s_line():
    import traceback

    with pytest.raises(ZeroDivisionError) as caught:
        run_cell("x = 0\n1 / x", {}, "cell 9")
    assert 'File "cell 9", line 2' in (text := "".join(traceback.format_exception(caught.value)))
    assert "1 / x" in text


def test_settings_are_changed_only_where_they_stand():
    assert settings_for(Block("python", "seed = 1"), seed=2, quick=True) == "seed = 1"
    assert settings_for(Block("python", "seed = 1\nother_seed = 1", ("settings",)), seed=2, quick=False).endswith("= 1")


# Markdown and colours.


def test_blocks_know_their_lines():
    text = "# T\n\npara one\nmore\n\n```text varies\n\nout\n```\nafter\n"
    found = [(b.kind, b.content, b.tags, b.line) for b in read_blocks(text)]
    assert found == [
        ("heading", "T", ("1",), 1),
        ("prose", "para one\nmore", (), 3),
        ("text", "\nout", ("varies",), 6),
        ("prose", "after", (), 10),
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a **b** *c* `d*e*f`", "<p>a <strong>b</strong> <em>c</em> <code>d*e*f</code></p>"),
        ("2 * 3 * 4", "<p>2 * 3 * 4</p>"),
        ("a < b & c", "<p>a &lt; b &amp; c</p>"),
        ('[t](#x"y)', '<p><a href="#x&quot;y">t</a></p>'),
        ("### T", "<h3>T</h3>"),
    ],
)
def test_markdown_to_html(source, expected):
    assert markdown.to_html(source) == expected


def test_colours_take_no_room():
    prose = [b.content for c in read_lesson().chapters for b in c.blocks if b.kind == "prose"]
    for text in prose:
        coloured = markdown.to_terminal(text, 60, colour=True)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
        assert plain.split() == markdown.to_terminal(text, 60, colour=False).replace("`", "").split()
        assert max(map(len, plain.split("\n"))) <= 60
        assert "\x00" not in coloured


def test_colours_change_no_source():
    files = [path.read_text(encoding="utf-8") for path in (SOURCE / "pellucid" / "tour").glob("*.py")]
    for source in ["", "x", "def f():\n    return f'{1:>{2}}'\n", "s = '''\n\n'''", "a = {'{{': 1}  # é", *files]:
        assert "".join(text for _, text in highlight.pieces(source)) == source
        assert re.sub(r"\x1b\[[0-9;]*m", "", highlight.for_terminal(source)) == source
    assert ("keyword", "def") in list(highlight.pieces("def f(): pass"))
    assert ("definition", "f") in list(highlight.pieces("def f(): pass"))


# Data.


def test_data_are_whole_and_name_their_source():
    schools, coal = load("eight_schools"), load("coal_mining")
    assert [len(c) for c in schools.values()] == [8, 8, 8]
    assert coal["year"].tolist() == list(range(1851, 1963))
    assert coal["disasters"].sum() == 191
    for path in DATA.glob("*.csv"):
        assert re.search(r"^# .*\((19|20)\d\d\)", path.read_text(encoding="utf-8"), re.MULTILINE), path.name
    with pytest.raises(ValueError, match="there are coal_mining, eight_schools"):
        load("nine_schools")


# Figures.


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 12))
def test_ticks_are_round_and_inside(low, span, count):
    high = low + span
    if high - low < 1e-9 * max(abs(low), abs(high)):
        return
    ticks = nice_ticks(low, high, count)
    step = nice_step(high - low, count)
    assert len(ticks) <= count + 1
    assert all(low - 1e-6 * step <= t <= high + 1e-6 * step for t in ticks)
    assert f"{step:.0e}"[0] in "125"


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [
        (-0.5, 0.5, "−0.5"), (0.0, 0.1, "0.0"), (-1e-17, 0.1, "0.0"), (20000, 5000, "20\u2009000"), (3, 1, "3"),
        (0.00002, 1e-5, "2e−05"), (2e7, 1e7, "2e+07"),
    ],
)  # fmt: skip
def test_tick_labels(value, step, text):
    assert tick_label(value, step) == text


def test_limits_of_odd_values():
    assert limits([]) == (0.0, 1.0)
    assert limits([np.nan, np.inf]) == (0.0, 1.0)
    low, high = limits([2.0, 2.0])
    assert low < 2.0 < high


def test_marks_stand_where_the_data_are():
    axes = Axes((0, 10), (-1, 1), (200, 100))
    assert axes.at(0, -1) == (axes.left, axes.bottom)
    assert axes.at(10, 1) == (axes.right, axes.top)
    axes.line([0, 5, 10], [0, np.nan, 1])
    assert axes.marks[-1].count("M") == 2


def test_density_curve_is_the_density():
    draws = np.random.default_rng(1).normal(2.0, 3.0, 20_000)
    grid, height = figures.density_curve(draws)
    np.testing.assert_allclose(height, stats.norm.pdf(grid, 2.0, 3.0), atol=0.006)
    reference = stats.gaussian_kde(draws, bw_method=0.9 * len(draws) ** -0.2)
    np.testing.assert_allclose(height, reference(grid), atol=5e-4)


def test_density_curve_keeps_its_area_at_a_bound():
    draws = np.random.default_rng(1).exponential(1.0, 20_000)
    grid, height = figures.density_curve(draws, low=0.0)
    assert grid[0] == 0.0
    assert np.trapezoid(height, grid) == pytest.approx(1.0, abs=0.01)
    assert height[0] == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("values", [np.zeros(10), np.array([1.0]), np.arange(3) * 1e9, np.array([1e-9, 2e-9, 5e-9])])
def test_figures_of_odd_values_are_pictures(values):
    for figure in (figures.histogram(values), figures.joint_histogram(values, values)):
        ET.fromstring(figure.svg)  # noqa: S314  # our own text
        assert "nan" not in figure.svg
        assert repr(figure).startswith("<")


def test_histogram_has_area_one_and_all_values():
    draws = np.random.default_rng(2).normal(size=500)
    edges = figures.bin_edges(draws)
    assert edges[0] <= draws.min()
    assert draws.max() <= edges[-1]
    assert np.histogram(draws, edges)[0].sum() == 500
    assert 5 <= len(edges) <= 130


def test_traces_and_intervals_label_elements(taken):
    posterior = {"a": np.random.default_rng(3).normal(size=(2, 50)), "b": np.ones((2, 50, 2))}
    assert [label for label, _ in figures.draws_of(posterior, ["a", "b"])] == ["a", "b[0]", "b[1]"]
    figure = figures.intervals(posterior, ["a"], data=[0.5])
    low, high = pm.hdi(posterior["a"], 0.94)
    assert low < posterior["a"].mean() < high
    assert "94 %" in figure.caption
    svg = figures.traces({"a": posterior["a"]}, ["a"]).svg
    ET.fromstring(svg)  # noqa: S314  # our own text
    assert svg.count('fill="none" stroke="var(--c') == 4


def test_figures_are_saved(tmp_path):
    figure = figures.histogram(np.arange(10.0))
    figure.save(tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").read_text(encoding="utf-8") == figure._repr_svg_()


# Stages.


def test_stages_are_parts_of_the_whole():
    def build():
        with pm.Model() as model:
            pm.Normal("x", 0, 1, shape=3)
        return model

    options = dict(draws=50, tune=50, chains=2, random_seed=1, compute_convergence_checks=False)
    found = measure_stages(build, **options)
    assert all(seconds > 0 for seconds in found.values())
    assert found["sample"] < found["whole"]
    sketch = figures.stage_bars({"model": found}).sketch
    assert all(name in sketch for name in found)


def test_the_cache_is_empty_for_a_while(monkeypatch):
    monkeypatch.setenv("PELLUCID_CACHE_DIR", "before")
    with empty_cache():
        folder = Path(os.environ["PELLUCID_CACHE_DIR"])
        assert folder.is_dir()
        assert not list(folder.iterdir())
    assert os.environ["PELLUCID_CACHE_DIR"] == "before"
    assert not folder.exists()
    monkeypatch.delenv("PELLUCID_CACHE_DIR")
    with empty_cache():
        pass
    assert "PELLUCID_CACHE_DIR" not in os.environ
