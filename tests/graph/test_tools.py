"""Traversal, graphs as values, pickles and copies."""

import copy
import pickle

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt
from pellucid.graph import replace, traverse
from pellucid.graph.function_graph import FunctionGraph
from pellucid.graph.intern import equal_computations


def small():
    x, y = pt.scalars("x", "y")
    a = pt.exp(x)
    b = a * y
    return x, y, a, b, pt.log(b + 2.0)


def test_traversal_between_inputs_and_outputs():
    x, y, a, b, c = small()
    between = set(traverse.vars_between([a], [c]))
    assert {a, y, b, c} <= between
    assert x not in between
    assert {str(v) for v in traverse.orphans_between([a], [c])} == {"y", "2."}
    assert [str(n.op) for n in traverse.io_toposort([a], [c])] == ["Mul", "Add", "Log"]
    assert list(traverse.applys_between([a], [c])) == traverse.io_toposort([a], [c])
    assert traverse.apply_depends_on(c.owner, a.owner)
    assert not traverse.apply_depends_on(a.owner, [c.owner])
    assert traverse.truncated_graph_inputs([b], [a]) == [a, y]
    assert set(traverse.truncated_graph_inputs([b + x], [a])) == {a, y, x}


def test_clone_copies_inputs_and_shares_values():
    x, y = pt.scalar("x"), pt.scalar("y")
    state = pm.shared(2.0, name="state")
    out = pt.exp(x) * state + y
    (u,), (v,) = replace.clone([x], [out], copy_orphans=False)
    assert u is not x
    assert v is not out
    assert set(traverse.explicit_graph_inputs(v)) == {u, y}
    assert traverse.variable_depends_on(v, state)
    mapping = replace.clone_get_equiv([x], [out])
    assert mapping[y] is not y
    assert mapping[state] is state
    assert mapping[out].name == out.name
    kept = replace.clone_get_equiv([x], [out], copy_inputs=False)
    assert kept[x] is x
    assert kept[y] is y
    assert kept[out] is not out
    assert equal_computations([kept[out]], [out])


def test_function_graph_is_a_value():
    x, y, a, b, c = small()
    g, same = FunctionGraph([x, y], [c]), FunctionGraph([x, y], [c]).clone()
    assert g == same
    assert hash(g) == hash(same)
    assert same.inputs[0] is not x
    assert g != FunctionGraph([y, x], [c])
    assert g != FunctionGraph([x, y], [b])
    assert {str(n.op) for n in g.apply_nodes} == {"Exp", "Mul", "Add", "Log"}
    assert g.clients[a] == [(b.owner, 0)]
    assert g.check() == 4
    replaced = g.replace(a, pt.sin(x))
    assert g.outputs == (c,)
    assert "Sin" in replaced.dprint(file="str")
    assert "Exp" not in replaced.dprint(file="str")
    assert [str(v) for v in FunctionGraph([x], [b]).orphans()] == ["y"]
    assert FunctionGraph(None, c).inputs in {(x, y), (y, x)}
    (at,) = g.on([pt.constant(0.0), pt.constant(3.0)])
    assert float(at.eval()) == pytest.approx(np.log(5.0))
    with pytest.raises(ValueError, match="twice"):
        FunctionGraph([x, x], [c])


@pytest.mark.parametrize("remake", [lambda v: pickle.loads(pickle.dumps(v)), copy.deepcopy])  # noqa: S301
def test_pickles_and_copies_keep_what_is_shared(remake):
    x = pt.vector("x")
    middle = pt.log(x)
    middle.name = "middle"
    y = middle[1:] + pm.shared(np.ones(2), name="state")
    new_y, new_middle, new_x, node = remake((y, middle, x, middle.owner))
    assert new_x is not x
    assert new_middle.name == "middle"
    assert new_middle.owner is node
    assert node.inputs[0] is new_x
    assert node.line == middle.owner.line
    assert new_y.owner.inputs[0].owner.inputs[0] is new_middle
    assert new_y.eval({new_x: [9.0, 1.0, np.e]}) == pytest.approx([1.0, 2.0])
    assert new_y.type == y.type


def test_pickles_of_draws_and_constants():
    data = np.arange(100.0)
    rng = pm.shared_rng(5)
    drawn = pt.random.normal(pt.as_tensor_variable(data), 1.0, rng=rng)
    twin = pickle.loads(pickle.dumps(drawn))  # noqa: S301
    np.testing.assert_array_equal(twin.eval(), drawn.eval())
    constant = pickle.loads(pickle.dumps(pt.constant(data, name="data")))  # noqa: S301
    assert constant.name == "data"
    assert not constant.data.flags.writeable
    none = twin.owner.inputs[1]
    assert none is drawn.owner.inputs[1]


def test_long_chains_are_pickled_without_recursion():
    x = pt.scalar("x")
    y = x
    for _ in range(20_000):
        y = y + 1.0
    text = pickle.dumps([x, y])
    new_x, new_y = pickle.loads(text)  # noqa: S301
    assert len(traverse.toposort(new_y)) == 20_000
    assert list(traverse.explicit_graph_inputs(new_y)) == [new_x]
    assert len(traverse.toposort(copy.deepcopy(y))) == 20_000


def test_an_op_written_for_pytensor_is_told_how_to_write_it_here():
    with pytest.raises(TypeError, match=r"perform -> impl\(self, xp, \*arrays\)") as caught:

        class Double(pm.Op):
            def make_node(self, x):
                return None

            def perform(self, node, inputs, output_storage):
                output_storage[0][0] = inputs[0] * 2

            def grad(self, inputs, gradients):
                return [gradients[0] * 2]

    assert "test_tools.py" in str(caught.value)
    assert "pullback(self, inputs, outputs, gradients)" in str(caught.value)


def test_an_application_on_other_inputs():
    x, y = pt.vectors("x", "y")
    node = (x + 1).owner
    node.out.name = "sum"
    other = node.clone_with_new_inputs([y, node.inputs[1]])
    assert (other.nin, other.nout, other.out.name, other.line) == (2, 1, "sum", node.line)
    assert other.inputs[0] is y
    with pytest.raises(ValueError, match="2 outputs"):
        _ = pt.random.normal().owner.out
