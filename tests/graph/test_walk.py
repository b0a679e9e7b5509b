"""Walking, editing, merging, checking and printing graphs."""

import io

import pytest

import pellucid.tensor as pt
from pellucid.graph.check import InvalidGraph, check_graph
from pellucid.graph.intern import Interner, equal_computations, merge
from pellucid.graph.nodes import Apply
from pellucid.graph.printing import dprint, letters
from pellucid.graph.replace import clone_replace, graph_replace
from pellucid.graph.traverse import (
    ancestors,
    as_list,
    explicit_graph_inputs,
    get_var_by_name,
    graph_inputs,
    toposort,
    users,
    variable_depends_on,
    walk,
)
from pellucid.tensor.types import TensorType

LONG = 100_000


def chain(n, x):
    y = x
    for _ in range(n):
        y = pt.neg(y)
    return y


def names(nodes):
    return [str(node.op) for node in nodes]


# Walking


def test_toposort_puts_inputs_first_and_each_node_once():
    x = pt.vector("x")
    shared = pt.exp(x)
    y = pt.log(shared + shared * 2)
    nodes = toposort(y)
    assert names(nodes) == ["Exp", "Mul", "Add", "Log"]
    for i, node in enumerate(nodes):
        assert all(v.owner is None or v.owner in nodes[:i] for v in node.inputs)


def test_toposort_stops_where_it_is_told():
    x = pt.vector("x")
    y = pt.exp(x)
    assert names(toposort(pt.log(y), stop=[y])) == ["Log"]
    assert toposort(y, stop=[y]) == []
    assert toposort(x) == []


def test_walks_take_one_variable_or_several():
    x, y = pt.vectors("x", "y")
    assert as_list(x) == [x]
    assert as_list((x, y)) == [x, y]
    assert names(toposort([pt.exp(x), pt.log(y)])) == ["Exp", "Log"]


def test_ancestors_and_inputs():
    x, y = pt.vectors("x", "y")
    inner = x * 2
    z = pt.exp(inner) + y
    assert set(graph_inputs(z)) == {x, y, inner.owner.inputs[1]}
    assert list(explicit_graph_inputs(z)) == [y, x] or list(explicit_graph_inputs(z)) == [x, y]
    assert inner in set(ancestors(z))
    assert x not in set(ancestors(z, blockers=[inner]))
    assert set(graph_inputs(z, blockers=[inner])) == {inner, y}
    assert len(list(ancestors([z, z]))) == len(set(ancestors(z)))


def test_dependence_and_names():
    x, y = pt.vectors("x", "y")
    z = pt.exp(x)
    assert variable_depends_on(z, x)
    assert variable_depends_on(z, z)
    assert not variable_depends_on(z, [y])
    assert get_var_by_name([z + y], "x") == [x]
    assert get_var_by_name(z, "nobody") == []


def test_users():
    x = pt.vector("x")
    y = x * x
    found = users(pt.exp(y) + x)
    assert [(str(node.op), i) for node, i in found[x]] == [("Mul", 0), ("Mul", 1), ("Add", 1)]
    assert len(found[y]) == 1


def test_walk_goes_where_it_is_sent():
    x = pt.vector("x")
    y = pt.exp(pt.log(x))
    assert list(walk(y)) == [y, y.owner.inputs[0], x]
    assert list(walk(y, lambda v: ())) == [y]


def test_nothing_recurses():
    x = pt.vector("x")
    y = chain(LONG, x)
    assert len(toposort(y)) == LONG
    assert sum(1 for _ in ancestors(y)) == LONG + 1
    assert variable_depends_on(y, x)
    assert len(toposort(clone_replace(y, {x: pt.exp(x)}))) == LONG + 1
    assert merge([y]) == [y]
    assert check_graph(y) == LONG
    assert len(users(y)) == LONG
    assert dprint(y, depth=3, file="str").count("\n") == 2
    assert dprint(chain(2000, x), file="str").count("\n") == 2000


# Editing


def test_clone_replace_leaves_the_original_alone():
    x, y = pt.vectors("x", "y")
    z = pt.log(pt.exp(x) + 1)
    z.name = "z"
    before = dprint(z, file="str")
    new = clone_replace(z, {x: y})
    assert dprint(z, file="str") == before
    assert set(explicit_graph_inputs(new)) == {y}
    assert new.name == "z"
    assert new.owner.line == z.owner.line


def test_what_does_not_depend_on_a_replaced_variable_is_shared():
    x, y = pt.vectors("x", "y")
    kept = pt.exp(y)
    new = clone_replace(kept + pt.log(x), {x: y})
    assert new.owner.inputs[0] is kept
    assert clone_replace(kept, {x: y}) is kept
    assert clone_replace(kept) is kept


def test_replacements_do_not_chain():
    x, y = pt.vectors("x", "y")
    new = clone_replace(x - y, {x: y, y: x})
    assert new.owner.inputs == (y, x)


def test_replacing_inner_and_outer_variables():
    x, y = pt.vectors("x", "y")
    inner = pt.exp(x)
    outer = pt.log(inner)
    assert clone_replace(outer, {inner: y}).owner.inputs == (y,)
    assert clone_replace([outer, inner], [(inner, y)])[1] is y
    assert clone_replace(outer, {outer: y}) is y


def test_replacements_must_fit():
    x = pt.vector("x")
    with pytest.raises(TypeError, match="cannot stand for x"):
        clone_replace(pt.exp(x), {x: pt.matrix("m")})
    with pytest.raises(TypeError, match="cannot stand for x"):
        clone_replace(pt.exp(x), {x: pt.fvector("f")})
    with pytest.raises(TypeError, match="not float"):
        clone_replace(pt.exp(x), {x: 1.0})
    assert clone_replace(pt.exp(x), {x: pt.tensor("fixed", shape=(3,))}).type.shape == (3,)


def test_strict_replacement_wants_every_key():
    x, y = pt.vectors("x", "y")
    with pytest.raises(ValueError, match=r"Not in the graph: y\. Pass strict=False"):
        graph_replace(pt.exp(x), {y: x})
    assert graph_replace([pt.exp(x)], {y: x}, strict=False)[0].owner.inputs == (x,)
    assert graph_replace(pt.exp(x), [(x, y)]).owner.inputs == (y,)


# Merging


def test_equal_expressions_become_one():
    x = pt.vector("x")
    first, second, third = merge([pt.exp(x) * 2, pt.exp(x) * 2, pt.exp(x) * 3])
    assert first is second
    assert first is not third
    assert first.owner.inputs[0] is third.owner.inputs[0]


def test_merging_renames_nothing():
    x = pt.vector("x")
    first, second = pt.exp(x), pt.exp(x)
    second.name = "second"
    merge([first, second])
    assert first.name is None
    assert second.name == "second"


def test_roots_are_equal_to_themselves_only():
    first, second = merge([pt.exp(pt.vector("x")), pt.exp(pt.vector("x"))])
    assert first is not second


def test_constants_are_equal_by_content_and_type():
    x = pt.vector("x")
    one, same, single, other, minus = merge([x + c for c in (
        pt.constant(0.0), pt.constant(0.0), pt.constant(0.0, dtype="float32"), pt.constant(1.0), pt.constant(-0.0))])
    assert one is same
    assert len({one, single, other, minus}) == 4


def test_draws_with_generators_of_their_own_stay_apart():
    first, second = pt.random.normal(0.0, 1.0), pt.random.normal(0.0, 1.0)
    merged = merge([first, second, first])
    assert merged[0] is not merged[1]
    assert merged[0] is merged[2]


def test_equal_computations():
    x, y = pt.vectors("x", "y")
    assert equal_computations([pt.exp(x), x], [pt.exp(x), x])
    assert not equal_computations([pt.exp(x)], [pt.exp(y)])
    assert not equal_computations([x], [x, x])
    assert equal_computations([], [])


def test_a_session_keeps_what_it_has_seen():
    x = pt.vector("x")
    session = Interner()
    y, z = pt.exp(x), pt.exp(x)
    assert session.node(y.owner, [session.leaf(x)]) is y.owner
    assert session.node(z.owner, [session.leaf(x)]) is y.owner


# Checking


def test_valid_graphs_pass():
    x = pt.matrix("x")
    assert check_graph([pt.log(x).sum(0), x]) == 2


def test_wrong_types_are_caught():
    x = pt.vector("x")
    wrong = Apply(pt.exp, [x], [TensorType("float32", (None,))]).outputs[0]
    with pytest.raises(InvalidGraph, match=r"Exp infers .*float64.*test_walk\.py"):
        check_graph(wrong)


def test_broken_links_are_caught():
    x = pt.vector("x")
    y, z = pt.exp(x), pt.log(x)
    y.owner.outputs = z.owner.outputs
    with pytest.raises(InvalidGraph, match="does not point back"):
        check_graph(y)


def test_inputs_that_are_no_variables_are_caught():
    x = pt.vector("x")
    y = pt.exp(x)
    node = Apply(pt.exp, [x], [x.type])
    node.inputs = (3.0,)
    with pytest.raises((InvalidGraph, AttributeError)):
        check_graph([y, node.outputs[0]])


# Printing


def test_the_tree():
    x = pt.vector("x")
    inner = pt.exp(x)
    y = pt.log(inner + inner)
    assert dprint(y, file="str").splitlines() == [
        "Log [id A]",
        " └─ Add [id B]",
        "    ├─ Exp [id C]",
        "    │  └─ x [id D]",
        "    └─ Exp [id C] ···",
    ] or dprint(y, file="str").splitlines() == [
        "Log [id A]",
        " └─ Add [id B]",
        "     ├─ Exp [id C]",
        "     │   └─ x [id D]",
        "     └─ Exp [id C] ···",
    ]


def test_depth_types_names_and_ids():
    x = pt.vector("x")
    y = pt.log(pt.exp(x))
    y.name = "again"
    assert dprint(y, depth=1, file="str") == "Log [id A] 'again'"
    assert dprint(y, depth=2, file="str").splitlines()[-1].strip() == "└─ Exp [id B]"
    assert dprint(x, print_type=True, file="str") == "x [id A] <Vector(float64, shape=(?,))>"
    assert "[id" not in dprint(y, id_type="", file="str")
    assert dprint([x, x], file="str").splitlines() == ["x [id A]", "x [id A]"]


def test_where_it_goes(capsys):
    x = pt.vector("x")
    target = io.StringIO()
    assert dprint(x, file=target) is None
    assert target.getvalue() == "x [id A]\n"
    dprint(x)
    assert capsys.readouterr().out == "x [id A]\n"
    x.dprint()
    assert capsys.readouterr().out == "x [id A]\n"


def test_one_of_several_outputs_is_numbered():
    draw = pt.random.normal(0.0, 1.0)
    assert dprint(draw, depth=1, file="str").startswith("normal_rv.1 [id A]")


def test_letters():
    assert [letters(i) for i in (0, 25, 26, 27, 51, 52, 701, 702)] == ["A", "Z", "AA", "AB", "AZ", "BA", "ZZ", "AAA"]
