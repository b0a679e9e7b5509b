"""Rules that users write: they fire, keep their conditions, and are refused where they are none."""

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt
from pellucid.graph.traverse import toposort
from pellucid.rewrite import Hole, procedure
from pellucid.rewrite.engine import EndlessRewrite
from pellucid.rewrite.pipeline import rewrite_graph

a, b = Hole("a"), Hole("b")


def ops(graph):
    return [str(n.op) for n in toposort(graph)]


def test_a_rule_of_the_users_fires_alone_and_with_the_pipeline():
    x = pt.vector("x")
    y = pt.sin(x) * pt.cos(x)
    rule = pt.sin(a) * pt.cos(a) >> 0.5 * pt.sin(2.0 * a)
    assert "Cos" in ops(rewrite_graph(y))
    for after in (rewrite_graph(y, include=[], rules=[rule]), rewrite_graph(y, rules=[rule])):
        assert "Cos" not in ops(after)
        value = np.linspace(-2, 2, 5)
        np.testing.assert_allclose(after.eval({x: value}), np.sin(value) * np.cos(value), atol=1e-15)
    assert str(rule) == "sin(a) * cos(a) >> 0.5 * sin(2.0 * a)"


def test_other_graphs_stay_as_they_are():
    x, y = pt.vectors("x", "y")
    rule = pt.sin(a) * pt.cos(a) >> 0.5 * pt.sin(2.0 * a)
    graph = pt.sin(x) * pt.cos(y)
    assert rewrite_graph(graph, include=[], rules=[rule]) is graph


def test_conditions_and_constants():
    x = pt.vector("x")
    c = Hole("c", constant=True)
    rule = (a**c >> pt.exp(c * pt.log(a))).when(lambda found: found[c].data.item() > 10)
    assert "Exp" in ops(rewrite_graph(x**11.0, include=[], rules=[rule]))
    assert "Exp" not in ops(rewrite_graph(x**9.0, include=[], rules=[rule]))


def test_a_procedure_of_the_users():
    @procedure(pt.exp)
    def taylor(node):
        x = node.inputs[0]
        return 1 + x + x**2 / 2

    x = pt.vector("x")
    after = rewrite_graph(pt.exp(x), include=[], rules=[taylor])
    assert "Exp" not in ops(after)
    assert after.eval({x: [0.0, 1.0]}).tolist() == [1.0, 2.5]


def test_what_is_no_rule_or_never_ends():
    x = pt.vector("x")
    with pytest.raises(TypeError, match="pattern >> pattern"):
        rewrite_graph(x + 1, rules=[lambda node: None])
    with pytest.raises(EndlessRewrite, match="Rewriting does not end"):
        rewrite_graph(pt.sin(x), include=[], rules=[pt.sin(a) >> pt.sin(a + 1.0)])


def test_rewritten_by_hand_then_compiled():
    x = pt.vector("x")
    y = rewrite_graph(pt.sin(x) * pt.cos(x), include=[], rules=[pt.sin(a) * pt.cos(a) >> 0.5 * pt.sin(2.0 * a)])
    for backend in ("numpy", "llvm"):
        out = pm.function([x], y, backend=backend)(np.array([0.5]))
        np.testing.assert_allclose(out, np.sin(0.5) * np.cos(0.5))
