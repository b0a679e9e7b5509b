"""Graphs as mathematics: the text means the graph, and LaTeX is well formed."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pellucid.tensor as pt
from pellucid.graph.mathematics import latex, pprint, symbol

x, y, z = pt.scalars("x", "y", "z")
UNARY = [lambda a: -a, lambda a: a**2, pt.sqrt, pt.exp, pt.log, pt.abs, lambda a: 1.0 / a, pt.sigmoid]
BINARY = [pt.add, pt.sub, pt.mul, pt.true_div, pt.pow, lambda a, b: a % b]
LEAVES = st.sampled_from([x, y, z]) | st.sampled_from([-2.0, 0.5, 3.0]).map(pt.constant)


def deeper(inner):
    unary = st.tuples(st.sampled_from(UNARY), inner).map(lambda p: p[0](p[1]))
    return unary | st.tuples(st.sampled_from(BINARY), inner, inner).map(lambda p: p[0](p[1], p[2]))


EXPRESSIONS = st.recursive(LEAVES, deeper, max_leaves=14)


def meaning(text: str, values: dict[str, float]) -> float:
    """The text read by Python."""
    text = re.sub(r"(?<![\w.])(\d+(?:\.\d+)?)", r"number(\1)", text)
    scope: dict[str, object] = {k: np.float64(v) for k, v in values.items()}
    names = {"exp": np.exp, "log": np.log, "sqrt": np.sqrt, "number": np.float64}
    names["sigmoid"] = lambda a: 1 / (1 + np.exp(-a))
    *named, last = text.split("\n")
    with np.errstate(all="ignore"):
        for line in named:
            name, _, body = line.partition(" = ")
            scope[name] = eval(body, names, scope)  # noqa: S307
        return float(eval(last, names, scope))  # noqa: S307


@given(EXPRESSIONS)
def test_the_text_means_the_graph(graph):
    text = pprint(graph)
    values = {"x": 0.7, "y": 1.3, "z": 2.1}
    want = float(graph.eval(dict(zip([x, y, z], values.values(), strict=True))))
    if "|" not in text:
        got = meaning(text, values)
        assert got == pytest.approx(want, rel=1e-12, nan_ok=True)


@given(EXPRESSIONS)
def test_latex_is_balanced(graph):
    text = latex(graph)
    assert text.count("{") == text.count("}")
    assert text.count(r"\left") == text.count(r"\right")


A = pt.matrix("A")
CASES = [
    (-0.5 * ((x - y) / z) ** 2 - pt.log(z), "-0.5 * ((x - y) / z) ** 2 - log(z)", None),
    (x - (y - z), "x - (y - z)", None),
    (x + (y + z), "x + (y + z)", None),
    (x - y + z, "x - y + z", None),
    (x / (y * z), "x / (y * z)", r"\frac{x}{y \, z}"),
    ((x**y) ** z, "(x ** y) ** z", r"\left(x^{y}\right)^{z}"),
    (x ** (y**z), "x ** y ** z", r"x^{y^{z}}"),
    (-(x**2), "-x ** 2", "-x^{2}"),
    ((-x) ** 2, "(-x) ** 2", r"\left(-x\right)^{2}"),
    (x * -3.0, "x * (-3)", r"x \, \left(-3\right)"),
    (A.T @ A, "A.T @ A", r"A^\top \, A"),
    (A[:, 0].sum(), "sum(A[:, 0])", r"\sum\left(A_{:, 0}\right)"),
    (A.sum(0), "sum(A, axis=0)", None),
    (pt.argmax(A, 1), "argmax(A, axis=1)", None),
    (pt.set_subtensor(A[0], x), "set_subtensor(A[0], x)", None),
    (pt.inc_subtensor(A[1:], x), "inc_subtensor(A[1:], x)", None),
    (pt.cumsum(A, 0), "cumsum(A, axis=0)", None),
    (pt.switch(x > 0, x, -np.inf), "(x if x > 0 else -inf)",
     r"\begin{cases} x & \text{if } x > 0 \\ -\infty & \text{otherwise} \end{cases}"),
    ((x < 1) & (y > 0), "(x < 1) & (y > 0)", r"\left(x < 1\right) \land \left(y > 0\right)"),
    (pt.random.normal(x, y), "Normal(x, y)", r"\operatorname{Normal}\left(x, y\right)"),
    (A + x, "A + x", None),
    (pt.softmax(A, axis=1), "softmax(A, axis=1)", None),
    (3e-20 * x, "3e-20 * x", r"3 \cdot 10^{-20} \, x"),
    (pt.gammaln(x), "gammaln(x)", r"\log \Gamma\left(x\right)"),
    (pt.cast(x, "float32"), "x", "x"),
]  # fmt: skip


@pytest.mark.parametrize("graph, text, tex", CASES, ids=[c[1] for c in CASES])
def test_how_ops_are_written(graph, text, tex):
    assert pprint(graph) == text
    if tex is not None:
        assert latex(graph) == tex


def test_names():
    assert symbol("mu") == r"\mu"
    assert symbol("sigma_obs") == r"\sigma_{\mathrm{obs}}"
    assert symbol("x_1") == "x_{1}"
    assert symbol("rate%") == r"\mathrm{rate\%}"


def test_shared_parts_get_lines_of_their_own_and_chains_stay_linear():
    total = (x + y) * (x - y) + pt.exp(x) * pt.log(y)
    total.name = "total"
    text = pprint(total**2 + total)
    assert text == "total = (x + y) * (x - y) + exp(x) * log(y)\ntotal ** 2 + total"
    assert latex(total**2 + total).startswith(r"\begin{gathered}")
    squared = x
    for _ in range(60):
        squared = squared * squared + 1.0
    assert len(pprint(squared)) < 5000
    chain = x
    for _ in range(20_000):
        chain = chain + 1.0
    assert len(pprint(chain)) < 20_000 * 6


def test_several_outputs_and_graphs():
    assert pprint([x + y, x * y]) == "x + y\nx * y"
