"""The data model: what a graph is made of cannot be changed, and says where it comes from."""

import pickle
from pathlib import Path

import pytest

import pellucid.tensor as pt
from pellucid.graph.nodes import Apply, Foreign, Op, Type, Variable
from pellucid.graph.provenance import describe, made_by, user_line


def test_nodes_have_slots_and_no_dict():
    x = pt.vector("x")
    y = pt.exp(x)
    for thing in (x, y, y.owner, pt.constant(1.0), x.type):
        assert not hasattr(thing, "__dict__")
        with pytest.raises((AttributeError, TypeError)):
            thing.tag = "no room for notes"


def test_links():
    x, y = pt.vectors("x", "y")
    z = x + y
    assert z.owner.inputs == (x, y)
    assert z.owner.outputs == (z,)
    assert z.index == 0
    assert x.owner is None
    assert isinstance(z.owner.inputs, tuple)
    assert isinstance(z.owner.outputs, tuple)


def test_variables_are_compared_by_identity():
    x = pt.vector("x")
    assert pt.exp(x) is not pt.exp(x)
    assert len({pt.exp(x), pt.exp(x)}) == 2
    assert pt.vector("x") != x


def test_names_are_labels_only():
    x = pt.vector("x")
    y = pt.exp(x)
    assert str(x) == "x"
    assert str(y) == "Exp.0"
    y.name = "growth"
    assert str(y) == "growth"
    assert str(y.owner) == "Exp(x)"


def test_ops_are_frozen_and_equal_by_their_fields():
    first, second = pt.matrix("a").sum(0).owner.op, pt.matrix("b").sum(0).owner.op
    assert first == second
    assert hash(first) == hash(second)
    assert first != pt.matrix("a").sum(1).owner.op
    with pytest.raises(AttributeError):
        first.axes = (1,)


def test_types_are_compared_by_value():
    assert pt.vector("x").type == pt.vector("y").type
    assert pt.vector("x").type != pt.fvector("x").type
    assert pt.vector("x").type("z").name == "z"


def test_the_base_classes_say_what_is_missing():
    x = pt.vector("x")
    with pytest.raises(NotImplementedError):
        Op().infer(x)
    with pytest.raises(NotImplementedError):
        Foreign().apply(pt.exp, [x])
    with pytest.raises(TypeError, match="has no gradient"):
        Op().pullback([x], [x], [x])
    assert Op().expand(x) is None
    assert Op().orders((x, x)) == ((x, x),)


def test_an_op_may_have_several_outputs():
    class Both(Op):
        def infer(self, x):
            return x.type, x.type

    x = Variable(Type())
    first, second = Both()(x, name="second")
    assert (first.index, second.index) == (0, 1)
    assert first.owner is second.owner
    assert (first.name, second.name) == (None, "second")


def test_a_foreign_argument_takes_the_call():
    class Reader(Foreign):
        def apply(self, op, args):
            return op.name, len(args)

    assert pt.exp(Reader()) == ("exp", 1)
    assert pt.add(1.0, Reader()) == ("add", 2)


def test_a_node_knows_the_line_that_made_it():
    y = pt.log(pt.vector("x"))  # this line
    file, number = y.owner.line
    assert file == __file__
    assert "this line" in Path(__file__).read_text(encoding="utf-8").splitlines()[number - 1]
    assert "pt.log(pt.vector" in describe(y.owner.line)
    assert describe(None) == "(line unknown)"
    assert user_line()[0] == __file__


def test_made_by_gives_nodes_another_line():
    line = ("somewhere.py", 7)
    with made_by(line):
        inside = pt.exp(pt.vector("x"))
        with made_by(("deeper.py", 8)):
            deeper = pt.exp(inside)
    outside = pt.exp(inside)
    assert inside.owner.line == line
    assert deeper.owner.line == ("deeper.py", 8)
    assert outside.owner.line[0] == __file__
    assert describe(line) == "somewhere.py:7"


def test_made_by_is_undone_by_errors():
    with pytest.raises(ValueError, match="inside"), made_by(("somewhere.py", 7)):
        raise ValueError("inside")
    assert user_line()[0] == __file__


def test_the_line_is_no_part_of_the_meaning():
    from pellucid.graph.intern import equal_computations

    x = pt.vector("x")
    first = pt.exp(x)
    second = pt.exp(x)
    assert first.owner.line != second.owner.line
    assert equal_computations([first], [second])


def test_elementwise_ops_survive_pickling():
    assert pickle.loads(pickle.dumps(pt.softplus)) is pt.softplus  # noqa: S301


def test_apply_takes_types_that_are_known():
    x = pt.vector("x")
    node = Apply(pt.exp, [x], [x.type])
    assert node.outputs[0].type == x.type
