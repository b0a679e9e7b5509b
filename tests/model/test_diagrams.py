"""Diagrams and tables of models show every variable, what it depends on, and what it repeats over."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import pellucid as pm
from pellucid.model.plates import blocks_of
from pellucid.model.structure import Member, Structure, structure

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def model():
    with pm.Model(coords={"county": list("abcde"), "kind": ["u", "v"]}) as model:
        where = pm.Data("where", [0, 1, 2, 2], dims="row")
        seen = pm.Data("seen", np.zeros(4), dims="row")
        mu = pm.Normal("mu", 0, 1)
        a = pm.Normal("a", mu, 1, dims="county")
        b = pm.Normal("b", 0, 1, dims=("kind", "county"))
        line = pm.Deterministic("line", a[where] + b[0, where], dims="row")
        pm.Normal("y", line, pm.HalfNormal("s", 1), observed=seen, dims="row")
        total = pm.Deterministic("total", a.sum())
        pm.Potential("soft", -(total**2))
        pm.Normal("again", total, 1, dims="county")
        pm.Normal("plain", 0, 1, shape=(2, 3))
    return model


def arrows(found):
    return {(found.members[a].name, found.members[b].name) for a, b in found.arrows}


ARROWS = {
    ("where", "line"), ("a", "line"), ("b", "line"), ("line", "y"), ("s", "y"), ("y", "seen"), ("mu", "a"),
    ("a", "total"), ("total", "soft"), ("total", "again"),
}  # fmt: skip


def test_arrows_are_dependencies_of_values_and_lead_forward(model):
    found = structure(model)
    assert arrows(found) == ARROWS  # the length of y is that of `where`, which is no arrow
    assert all(a < b for a, b in found.arrows)
    plates = {m.name: m.plate for m in found.members}
    assert plates["b"] == "kind (2) × county (5)"
    assert plates["plain"] == "2 × 3"
    assert plates["mu"] == ""
    assert {m.name: m.text for m in found.members}["s"] == "HalfNormal"
    assert {m.name: m.kind for m in found.members}["y"] == "observed"


def test_a_part_of_a_model(model):
    assert {m.name for m in structure(model, ["total"]).members} == {"total", "a", "mu"}
    bare = structure(model, include_dim_lengths=False)
    assert {m.plate for m in bare.members} >= {"county", "row", "kind × county", "2 × 3"}


def test_the_picture_has_each_variable_once_inside_its_frame(model):
    diagram = model.to_graphviz()
    root = ET.fromstring(diagram.svg)  # noqa: S314  # our own text
    groups = root.findall(f"{SVG}g")
    centre = {}
    for g in groups:
        box = g.find(f"{SVG}rect").attrib
        centre[g.find(f"{SVG}text").text] = tuple(
            float(box[p]) + float(box[s]) / 2 for p, s in (("x", "width"), ("y", "height"))
        )
    assert set(centre) == set(model.named_vars)
    assert len(root.findall(f"{SVG}path[@class='edge']")) == len(ARROWS)
    frames = [tuple(float(r.attrib[k]) for k in ("x", "y", "width", "height")) for r in root.findall(f"{SVG}rect")]
    inside = [{n for n, (x, y) in centre.items() if fx < x < fx + w and fy < y < fy + h} for fx, fy, w, h in frames]
    expected = [{"where", "line", "y", "seen"}, {"a"}, {"b"}, {"again"}, {"plain"}]
    assert sorted(map(sorted, inside)) == sorted(map(sorted, expected))


def test_a_frame_never_waits_for_itself():
    members = [Member(n, "free", "Normal", plate) for n, plate in zip("abcd", ["p", "", "p", "p"], strict=True)]
    found = blocks_of(Structure(members, [(0, 1), (1, 2), (0, 3)]))
    assert [sorted(block) for block in found] == [[0], [1], [2, 3]]


def test_text_for_other_programs(model, tmp_path):
    mermaid = pm.model_to_mermaid(model)
    names = dict(re.findall(r'(n\d+)[\[({]+"(\w+)', mermaid))
    assert {(names[a], names[b]) for a, b in re.findall(r"(n\d+) --> (n\d+)", mermaid)} == ARROWS
    assert "subgraph plate" in mermaid
    diagram = pm.model_to_graphviz(model, save=tmp_path / "model.svg")
    assert (tmp_path / "model.svg").read_text(encoding="utf-8") == diagram._repr_svg_()
    diagram.save(tmp_path / "model.dot")
    dot = (tmp_path / "model.dot").read_text(encoding="utf-8")
    names = dict(re.findall(r'(n\d+) \[label="(\w+)', dot))
    assert {(names[a], names[b]) for a, b in re.findall(r"(n\d+) -> (n\d+)", dot)} == ARROWS
    assert dot.count("{") == dot.count("}")


def test_the_table_has_all_there_is_to_know(model):
    table = model.table()
    rows = {row["variable"]: row for row in table.rows}
    assert set(rows) == set(model.named_vars)
    assert rows["b"] == {
        "variable": "b", "kind": "free", "expression": "Normal(0, 1)", "dims": "kind, county", "shape": "(2, 5)",
        "transform": "",
    }  # fmt: skip
    assert rows["s"]["transform"] == "log"
    assert rows["line"]["expression"] == "f(a, where, b)"
    assert table.parameters == 1 + 5 + 10 + 1 + 5 + 6
    assert str(table).splitlines()[-1] == "28 parameters"
    ET.fromstring(f"<div>{table._repr_html_()}</div>")  # noqa: S314  # our own text
    short = model.table(truncate_deterministic=4)
    assert {row["variable"]: row for row in short.rows}["line"]["expression"] == "f(a…"


def test_an_empty_model():
    model = pm.Model()
    assert "0 variables" in repr(model.to_graphviz())
    assert model.to_mermaid() == "graph TD"
    assert str(model.table()).endswith("0 parameters")
