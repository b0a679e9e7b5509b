"""What `pellucid.printing` offers."""

import pytest

import pellucid as pm
import pellucid.tensor as pt


def test_pictures_are_written_by_suffix(tmp_path):
    x = pt.vector("x")
    y = pt.log(x)
    for suffix, start in [("svg", "<svg"), ("dot", "digraph"), ("mmd", "flowchart")]:
        path = pm.printing.pydotprint(y, tmp_path / f"y.{suffix}")
        assert path.read_text(encoding="utf-8").lstrip().startswith(start)
    assert "Log" in pm.printing.pydotprint(pm.function([x], y), tmp_path / "f", format="dot").read_text("utf-8")
    with pytest.raises(ValueError, match="'png' is no format"):
        pm.printing.pydotprint(y, tmp_path / "y.png")


def test_names():
    x = pt.vector("x")
    assert pm.printing.pprint(x + 1) == pm.pp(x + 1) == "x + 1"
    assert pm.printing.debugprint is pm.dprint
    assert pm.latex(pt.exp(x)) == "e^{x}"
    assert set(pm.printing.__all__) <= set(dir(pm.printing))


def test_inner_graphs_are_printed_below():
    x, u = pt.vector("x"), pt.scalar("u")
    inner = pm.OpFromGraph([u], [pt.log(u)], name="Inner")
    outer = pm.OpFromGraph([u], [inner(u) * 2], name="Outer")
    summed = pm.scan(lambda a, total: total + a, sequences=[x], outputs_info=[outer(u)], return_updates=False)
    text = pm.dprint(summed, print_inner_graphs=True, file="str")
    assert text.count(" computes:") == 3
    assert text.index("Outer{inline=False} computes:") < text.index("Inner{inline=False} computes:\nLog [id A]")
    assert "computes" not in pm.dprint(summed, file="str")
