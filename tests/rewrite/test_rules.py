"""Every rule of every table is checked unasked: both sides are evaluated, and it must fire in the pipeline."""

import itertools

import numpy as np
import pytest

import pellucid.tensor as pt
from pellucid.graph.check import check_graph
from pellucid.graph.intern import equal_computations
from pellucid.graph.nodes import Variable
from pellucid.rewrite.engine import Session, fit_all
from pellucid.rewrite.explain import evaluate
from pellucid.rewrite.pattern import Family, Hole, Made, Rule
from pellucid.rewrite.pipeline import PIPELINE, indexes, rewrite_graph, spelled_out
from pellucid.tensor.scan import scan
from pellucid.tensor.shape import Dim, DimShuffle
from pellucid.tensor.subgraph import OpFromGraph

RULES = {f"{name}: {rule}": rule for name, table in spelled_out().items() for rule in table if isinstance(rule, Rule)}
INTERVALS = ((0.05, 0.95), (-2.5, 2.5), (0.2, 4.0), (-4.0, -0.1), (1.1, 3.0))
CONSTANTS = {"a": 0.75, "b": 1.5, "c": 2.5}
STRICTLY_EXACT = {"c": 4.0}  # rules that hold for powers of two only


def holes_of(rule):
    """The holes of a rule, each once, in order."""
    return list(dict.fromkeys(p for p in rule.before.parts() if isinstance(p, Hole)))


def has_axes(rule):
    """Whether some op of the rule looks at axes."""
    return any(p.args and not hasattr(p.op, "domain") for p in rule.before.parts())


def roots_and_leaves(rule, dtype, shape, constants=CONSTANTS):
    """For each hole a variable that fills it, and the roots that these are made of."""
    roots, leaves = [], {}
    for hole in holes_of(rule):
        own = dtype if np.dtype(dtype).kind in hole.dtypes else hole.example_dtype
        if hole.constant:
            leaves[hole] = pt.constant(constants[hole.name], dtype=own)
            continue
        root = pt.tensor(hole.name, dtype=own, shape=shape)
        roots.append(root)
        leaves[hole] = hole.example(root) if hole.example else root
    return roots, leaves


def families_of(rule):
    return {p.op: p.op.example for p in rule.before.parts() if isinstance(p.op, Family) and not isinstance(p, Made)}


def sides(rule, dtype, shape):
    """Roots, and both sides of a rule as graphs of one type."""
    for constants in (CONSTANTS, STRICTLY_EXACT):
        roots, leaves = roots_and_leaves(rule, dtype, shape, {**CONSTANTS, **constants})
        found = {**leaves, **families_of(rule)}
        before = rule.before.fill(found)
        if rule.guard is None or rule(Session().node(before.owner, before.owner.inputs)) is not None:
            break
    after = rule.after.fill(found)
    return roots, before, after


def draw(rng, root, interval, n=4):
    shape = tuple(n for _ in root.type.shape)
    if root.dtype == "bool":
        return rng.random(shape) < 0.5
    if root.dtype.startswith("int"):
        return rng.integers(-4, 5, shape).astype(root.dtype)
    return rng.uniform(*interval, shape).astype(root.dtype)


def dtypes_of(rule):
    kinds = [h.dtypes for h in holes_of(rule)]
    integers = ["int64"] if all("i" in k for k in kinds) or "f" not in "".join(kinds) else []
    return (["float64", "float32"] if "f" in "".join(kinds) else []) + integers


CASES = [(name, dtype) for name, rule in RULES.items() for dtype in dtypes_of(rule)]


@pytest.mark.parametrize("name, dtype", CASES)
def test_both_sides_have_one_value(name, dtype):
    rule = RULES[name]
    shape = (None, None) if has_axes(rule) else (None,)
    roots, before, _ = sides(rule, dtype, shape)
    found = rule(before.owner)
    if found is None:
        assert dtype != "float64", f"{name} does not match its own left side"
        return  # its guard refuses the dtype
    fitted = fit_all(found, before.owner)
    if fitted is None:
        assert dtype == "int64"
        return
    (after,) = fitted
    assert after.type.dtype == before.type.dtype
    rng = np.random.default_rng(1)
    compared = 0
    for interval in itertools.islice(itertools.product(INTERVALS, repeat=len(roots)), 30):
        values = {r: draw(rng, r, i) for r, i in zip(roots, interval, strict=True)}
        left, right = evaluate([before, after], values)
        assert left.shape == right.shape
        finite = np.isfinite(left)
        compared += finite.sum()
        tolerance = 1e-12 if before.dtype != "float32" else 2e-5
        assert np.allclose(right[finite], left[finite], rtol=tolerance, atol=tolerance)
    assert compared


@pytest.mark.parametrize("name", RULES)
def test_fires_in_the_pipeline(name):
    """What is written as the left side ends as what is written as the right side."""
    rule = RULES[name]
    shape = (None, None) if has_axes(rule) else (None,)
    dtype = "float64" if any("f" in h.dtypes for h in holes_of(rule)) else "int64"
    _, before, _ = sides(rule, dtype, shape)
    (after,) = fit_all(rule(before.owner), before.owner)
    for exclude in ((),) if name.startswith("expand") else ((), ("expand",)):
        first, second = rewrite_graph([before, after], exclude=exclude)
        assert first is second, f"{first.dprint(file='str')}\nis not\n{second.dprint(file='str')}"


@pytest.mark.parametrize("name", RULES)
def test_changes_something(name):
    """No rule maps an expression to itself."""
    rule = RULES[name]
    _, before, _ = sides(rule, "float64" if any("f" in h.dtypes for h in holes_of(rule)) else "int64",
                         (None, None) if has_axes(rule) else (None,))
    after = fit_all(rule(before.owner), before.owner)
    assert not equal_computations([before], after)


def matrix(name="m", shape=(None, None)):
    return pt.tensor(name, shape=shape)


m, v, s = matrix(), pt.vector("v"), pt.scalar("s")
fixed = pt.tensor("fixed", shape=(3, 4))
counts = pt.constant([1.0, 2.0, 3.0])
unit = pt.eye(4)
square = m @ m.T + pt.eye(m.shape[0])
factor = pt.cholesky(square)
f32 = pt.tensor("f32", dtype="float32", shape=(None,))
PROCEDURES = {  # name: expressions in which it must fire
    "fold constants": [pt.exp(pt.constant([1.0, 2.0])) + v[:2], pt.log(pt.constant(2.0)) * v],
    "choice known beforehand": [
        pt.switch(pt.constant([True, True]), fixed[0, :2], s), pt.switch(pt.constant(False), v, s),
    ],
    "slope of a choice": [
        pt.switch(v > 0, v, 0.0) * pt.exp(v), pt.exp(v) * pt.switch(v > 0.5, 0.0, v), pt.switch(m > 0, s, 0.0) / m,
        (pt.switch(v > 0.5, v, 0.0) * s) * pt.exp(v),
    ],
    "cast of cast": [pt.cast(pt.cast(f32, "float64"), "float32")],
    "xlogy without zeros": [pt.xlogy(counts, v[1:])],
    "length known beforehand": [Dim(0)(fixed) + 1],
    "length from inputs": [pt.exp(m).shape[1], pt.concatenate([v, v + 1]).shape[0] + 1, (m + v).shape[0]],
    "element of shape": [m.shape[0] * 2],
    "promise already known": [pt.specify_shape(pt.specify_shape(m, (3, 4)), (3, None))],
    "axes in place": [pt.exp(DimShuffle((0, 1))(m))],
    "reordering of reordering": [m.T.dimshuffle(1, "x", 0), m.T.T],
    "reshape of reshape": [pt.reshape(pt.reshape(m, (-1,)), (2, 6))],
    "reshape to the same": [pt.reshape(m, (m.shape[0], m.shape[1]))],
    "reshape of one element": [pt.reshape(pt.reshape(s, (1,)), (1, 1))],
    "broadcast to the same": [pt.broadcast_to(m, (m.shape[0], m.shape[1]))],
    "broadcast of broadcast": [pt.broadcast_to(pt.broadcast_to(s, (4,)), (3, 4))],
    "broadcast of padded": [pt.broadcast_to(v.dimshuffle("x", 0), (3, v.shape[0]))],
    "broadcast within a loop": [m + pt.broadcast_to(v, m.shape), fixed * pt.ones((3, 4))],
    "broadcast after the work": [pt.exp(pt.broadcast_to(s, (3,))), pt.broadcast_to(s, (3,)) + s],
    "function of a choice": [pt.log1p(pt.switch(v > 0, s, 0.5)), pt.exp(pt.switch(m > 0, s, s + 1))],
    "padding within a loop": [m * v.dimshuffle("x", 0), m + s.dimshuffle("x", "x")],
    "element of broadcast": [pt.broadcast_to(s, (5, 6))[i] for i in (2, (2, slice(1, 4)), (0, 0))],
    "part of join": [
        pt.stack([s, s + 1, s * 2])[1],
        pt.concatenate([pt.specify_shape(v, (4,)), v])[1:3],
        pt.stack([s, s + 1, s * 2])[-1],
        pt.concatenate([fixed, fixed + 1], axis=1)[:, 4:6],
    ],
    "slice of all": [fixed[0:3, :4]],
    "join of one": [pt.concatenate([pt.zeros((0,)), v])],
    "reduction of single elements": [pt.sum(m[:, None], axis=1), pt.sum(m[:, None], axis=(0, 1)), pt.max(s[None])],
    "reduction of reordered": [pt.sum(m.T), pt.max(m[:, None].T)],
    "reduction of reduction": [pt.sum(pt.sum(m, 0)), pt.max(pt.max(m, 1)), pt.sum(pt.sum(m[:, :, None] + v, 2), 0)],
    "sum of broadcast": [
        pt.sum(pt.broadcast_to(s, v.shape)), pt.sum(pt.broadcast_to(v, (3, v.shape[0])), 0),
        pt.sum(pt.broadcast_to(v, (3, v.shape[0]))), pt.sum(pt.broadcast_to(v[:, None], (v.shape[0], 2)), 1),
    ],
    "sum of negatives": [pt.sum(-pt.exp(m), 1)],
    "sum of multiples": [pt.sum(s * m, 0), pt.sum(m / s), pt.sum(2.0 * pt.exp(v))],
    "scalar factor of a product": [(s * m) @ m.T, m @ (m.T / s), pt.solve_triangular(m @ m.T, s * m, lower=True)],
    "product with an inverse": [
        pt.inv(square) @ m, m.T @ pt.inv(square), pt.inv(square).T @ m, m.T @ pt.inv(square).T,
        v @ pt.inv(m.T @ m + unit),
    ],
    "outer product in a product": [
        m @ (v[:, None] * pt.exp(v)[None]), (v[:, None] * v[None]) @ m.T, m @ pt.outer(v, v),
        pt.linalg.solve(m.T @ m + pt.eye(4), v[:, None] * v[None]),
        pt.linalg.solve_triangular(m.T @ m + pt.eye(4), v[None] * v[:, None]),
    ],
    "product with transposed data": [pt.constant(np.linspace(0, 1, 6000).reshape(4, 1500)).T @ m.T],
    "solution with a known factor": [
        pt.linalg.solve(factor, m), pt.linalg.solve(factor.T, m), pt.linalg.solve(factor, m, transposed=True),
        pt.linalg.solve(factor @ factor.T, m),
    ],
    "factor of its square": [pt.cholesky(factor @ factor.T)],
    "determinant with a known factor": [
        pt.linalg.det(factor), pt.linalg.det(factor @ factor.T), pt.linalg.slogdet(factor.T)[1],
        pt.linalg.slogdet(factor @ factor.T)[1], pt.linalg.slogdet(factor @ factor.T)[0],
    ],
    "logarithm of a determinant": [pt.log(pt.linalg.det(square)), pt.log(pt.abs(pt.linalg.det(-square)))],
    "tidy loop": [scan(lambda e, y, k: pt.exp(e) * pt.exp(k) + y, v, s, s, return_updates=False)],
    "inline subgraph": [OpFromGraph([s], [pt.exp(s) + 1], inline=True)(s * 2)],
    "expand composite": [pt.logit(v), pt.softmax(m, 1), pt.log_softmax(m, 0), pt.logsumexp(m), pt.xlogy(v, v), m.shape],
}
ALL_PROCEDURES = {r.name for table in PIPELINE.values() for r in table if not isinstance(r, Rule)}
EXAMPLES = [(name, i) for name in PROCEDURES for i in range(len(PROCEDURES[name]))]


def test_every_procedure_has_examples():
    assert set(PROCEDURES) == ALL_PROCEDURES


def session_run(graph):
    session, found = Session(), [graph]
    for fresh, table in indexes(tuple(PIPELINE)):
        found = session.run(found, fresh, table)
    return session, found[0]


@pytest.mark.parametrize("name, i", EXAMPLES)
def test_procedure_fires_and_keeps_the_value(name, i):
    graph = PROCEDURES[name][i]
    session, after = session_run(graph)
    fired = {f.rule.name for f in session.fired}
    assert name in fired
    check_graph([after])
    rng = np.random.default_rng(0)
    values = {m: rng.uniform(0.1, 0.9, (3, 4)), v: rng.uniform(0.1, 0.9, 4), s: np.array(0.3),
              fixed: rng.uniform(0.1, 0.9, (3, 4)), f32: rng.uniform(0.1, 0.9, 4).astype("float32")}
    left, right = evaluate([graph, after], values)
    assert left.shape == right.shape
    assert left.dtype == right.dtype
    assert np.allclose(left, right, rtol=1e-12)


def test_holes_show_in_the_name():
    x = Hole("x")
    assert str(pt.log(1 - pt.sigmoid(x)) >> -pt.softplus(x)) == "log(1 - sigmoid(x)) >> -softplus(x)"
    assert isinstance(pt.log(x), Variable) is False
