"""Models as graphs of networkx."""

import sys

import pytest

import pellucid as pm


def build():
    with pm.Model(coords={"g": ["a", "b"]}) as model:
        d = pm.Data("d", [1.0, 2.0], dims="g")
        mu = pm.Normal("mu")
        x = pm.Normal("x", mu, 1, dims="g")
        t = pm.Deterministic("t", x * 2)
        pm.Normal("y", t + d, 1, observed=[0.0, 1.0], dims="g")
    return model


def test_nodes_and_edges_are_those_of_pymc():
    networkx = pytest.importorskip("networkx")
    graph = pm.model_to_networkx(build())
    assert isinstance(graph, networkx.DiGraph)
    assert set(graph.edges) == {("mu", "x"), ("x", "t"), ("t", "y"), ("d", "y")}
    assert graph.nodes["mu"] == {"shape": "ellipse", "style": None, "label": "mu\n~\nNormal"}
    assert graph.nodes["x"] == {
        "shape": "ellipse", "style": "rounded", "label": "x\n~\nNormal", "cluster": "clusterg (2)", "labeljust": "r",
        "labelloc": "b",
    }  # fmt: skip
    assert graph.nodes["y"]["style"] == "filled"
    assert graph.nodes["t"]["label"] == "t\n~\nDeterministic"
    assert set(pm.model_to_networkx(build(), var_names=["x"], include_dim_lengths=False)) == {"mu", "x"}


def test_without_networkx_the_error_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(ModuleNotFoundError, match="pip install networkx"):
        pm.model_to_networkx(build())
