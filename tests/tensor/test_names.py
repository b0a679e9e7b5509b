"""The table of PyTensor's names is up to date, and most names are here."""

import runpy
from pathlib import Path

import pytest

import pellucid as pl
import pellucid.tensor as pt

ROOT = Path(__file__).resolve().parent.parent.parent
TOOL = runpy.run_path(str(ROOT / "tools" / "name_table.py"))


@pytest.fixture(scope="module")
def names():
    return TOOL["read_names"]()


def test_the_table_is_what_the_tool_writes(names):
    assert (ROOT / "docs" / "names.md").read_text(encoding="utf-8") == TOOL["render"](names), (
        "run tools/name_table.py and commit docs/names.md"
    )


def test_names_that_most_users_need_are_here(names):
    assert len(names) > 500
    assert len({n.name for n in names}) == len(names)
    assert TOOL["share"]([n for n in names if n.tier in {"T1", "T2"}]) >= 95
    assert [n.name for n in names if n.status == "missing"] == []


def test_modules_of_pytensor_offer_the_same_functions():
    for module in (pt.basic, pt.extra_ops, pt.subtensor, pt.interpolate):
        for name in module.__all__:
            assert getattr(module, name) is getattr(pt, name)
    assert pt.special.softmax is pt.softmax
    assert pt.grad is pl.grad
    with pytest.raises(AttributeError, match=r"docs/names\.md"):
        _ = pt.no_such_name


def test_numbers_known_before_run_time():
    assert pt.get_scalar_constant_value(pt.zeros((2, pt.iscalar()))) == 0
    assert pt.get_underlying_scalar_constant_value(pt.as_tensor([3, 3])) == 3
    with pytest.raises(ValueError, match="one number"):
        pt.get_scalar_constant_value(pt.as_tensor([3, 4]))
    with pytest.raises(ValueError, match="one number"):
        pt.get_scalar_constant_value(pt.dscalar())
    x = pt.dscalar()
    assert pt.scalar_from_tensor(x) is x
    with pytest.raises(TypeError, match="without axes"):
        pt.scalar_from_tensor(pt.dvector())
    assert pt.is_flat(pt.dvector())
    assert not pt.is_flat(pt.dmatrix())
