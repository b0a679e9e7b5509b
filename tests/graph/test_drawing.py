"""Pictures of graphs: every node is in them once, in its place, and what cannot be read is refused."""

import itertools
import random
import xml.etree.ElementTree as ET

import pytest

import pellucid.tensor as pt
from pellucid.compile.shared import shared
from pellucid.graph.drawing import draw_graph, graph_to_dot, graph_to_mermaid, graph_to_svg
from pellucid.graph.layout import Layers, ascending, crossings, layered_layout, ranks

SVG = "{http://www.w3.org/2000/svg}"


def groups(svg):
    """The boxes of a picture: (kinds, texts, rectangle)."""
    root = ET.fromstring(svg)  # noqa: S314  # our own text
    found = []
    for group in root.iter(SVG + "g"):
        rect = group.find(SVG + "rect")
        x, y, w, h = (float(rect.get(k)) for k in ("x", "y", "width", "height"))
        texts = [t.text for t in group.findall(SVG + "text")]
        found.append((set(group.get("class").split()), texts, (x, y, w, h)))
    return found


def test_boxes_say_what_they_are():
    x, y = pt.scalar("x"), pt.vector("y")
    total = x + y
    total.name = "total"
    svg = graph_to_svg(pt.log(total * shared([1.0, 2.0], "weights") + 1.0))
    kinds = {texts[0]: kinds for kinds, texts, _ in groups(svg)}
    assert kinds["x"] == kinds["y"] == {"input"}
    assert kinds["weights"] == {"shared"}
    assert kinds["1."] == {"constant"}
    assert kinds["Log"] == {"op", "output"}
    assert ["Add", "total"] in [texts for _, texts, _ in groups(svg)]


def test_a_draw_shows_its_parameters_and_hides_the_plumbing():
    r = pt.random.normal(pt.scalar("m"), 2.0, name="r")
    drawing = draw_graph(r)
    assert drawing.caption == "graph of r: 1 random draw, 1 input, 1 constant"
    assert ">mu<" in drawing.svg
    assert ">sigma<" in drawing.svg
    assert "RNG" not in {texts[0] for _, texts, _ in groups(drawing.svg)}
    assert {"RNG", "None"} <= {texts[0] for _, texts, _ in groups(graph_to_svg(r, plumbing=True))}


def test_order_of_inputs_is_marked_where_it_matters():
    x, y = pt.scalar("x"), pt.scalar("y")
    assert ">1<" in graph_to_svg(x - y)
    assert ">1<" not in graph_to_svg(x + y)


def test_a_shared_subgraph_is_drawn_once_and_a_constant_for_each_use():
    x = pt.scalar("x")
    half = pt.constant(0.5)
    e = pt.exp(x * half)
    titles = [texts[0] for _, texts, _ in groups(graph_to_svg(e * half + e))]
    assert titles.count("Exp") == titles.count("x") == 1
    assert titles.count("0.5") == 2


def test_the_same_input_twice_is_two_arrows():
    x = pt.scalar("x")
    assert graph_to_svg(x + x).count('class="edge"') == 2


def test_stop_makes_an_input_of_a_variable():
    x = pt.scalar("x")
    z = pt.exp(x)
    z.name = "z"
    titles = [texts[0] for _, texts, _ in groups(graph_to_svg(pt.log(z), stop=[z]))]
    assert sorted(titles) == ["Log", "z"]


def test_text_is_escaped():
    x = pt.scalar('<x & "y">')
    assert ['<x & "y">'] in [texts for _, texts, _ in groups(graph_to_svg(x + 1))]
    assert '\\"y\\"' in graph_to_dot(x + 1)
    assert "#quot;" in graph_to_mermaid(x + 1)


def test_a_root_alone_and_long_names():
    assert [texts for _, texts, _ in groups(graph_to_svg(pt.scalar("x")))] == [["x"]]
    (title,) = groups(graph_to_svg(pt.scalar("n" * 200)))[0][1]
    assert len(title) <= 30
    assert draw_graph([]).caption.endswith("nothing")


def test_large_graphs_are_refused_and_chains_are_no_trouble():
    x = z = pt.scalar("x")
    for _ in range(200):
        z = pt.exp(z)
    assert len(groups(graph_to_svg(z))) == 201
    for _ in range(50_000):
        z = pt.exp(z)
    with pytest.raises(ValueError, match=r"50200 nodes or more.*stop="):
        graph_to_svg(z)
    assert len(groups(graph_to_svg(z, stop=[z.owner.inputs[0]]))) == 2
    assert x.name == "x"


def test_saved_pictures_are_the_text(tmp_path):
    drawing = draw_graph(pt.exp(pt.scalar("x")))
    drawing.save(tmp_path / "graph.svg")
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8") == drawing.svg == drawing._repr_svg_()


# The layout by itself.


def random_graph(seed, nodes, edges):
    generator = random.Random(seed)
    sizes = [(generator.uniform(10, 80), generator.uniform(20, 40)) for _ in range(nodes)]
    return sizes, [tuple(sorted(generator.sample(range(nodes), 2))) for _ in range(edges)]


@pytest.mark.parametrize("seed", range(6))
def test_nodes_do_not_overlap_and_edges_point_down(seed):
    sizes, edges = random_graph(seed, 40, 55)
    layout = layered_layout(sizes, edges, gap=(10, 20))
    boxes = [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for (x, y), (w, h) in zip(layout.centres, sizes, strict=True)]
    for a, b in itertools.combinations(boxes, 2):
        assert a[2] <= b[0] + 1e-6 or b[2] <= a[0] + 1e-6 or a[3] <= b[1] + 1e-6 or b[3] <= a[1] + 1e-6
    for (a, b), route in zip(edges, layout.routes, strict=True):
        assert boxes[a][3] < boxes[b][1]
        assert all(q[1] >= p[1] for p, q in itertools.pairwise(route))
        assert route[0] == (layout.centres[a][0], boxes[a][3])
        assert route[-1] == (layout.centres[b][0], boxes[b][1])
    assert min(b[0] for b in boxes) >= -1e-6
    assert max(b[2] for b in boxes) <= layout.width + 1e-6
    assert max(b[3] for b in boxes) == pytest.approx(layout.height)


@pytest.mark.parametrize("seed", range(6))
def test_edges_pass_between_nodes(seed):
    sizes, edges = random_graph(seed, 30, 45)
    layout = layered_layout(sizes, edges, gap=(16, 20))
    for (a, b), route in zip(edges, layout.routes, strict=True):
        for (x, top), (_, bottom) in itertools.pairwise(route[1:-1]):
            for n, ((u, v), (w, h)) in enumerate(zip(layout.centres, sizes, strict=True)):
                if n not in (a, b) and top < v < bottom:
                    assert not u - w / 2 < x < u + w / 2, f"edge {a} to {b} runs through node {n} of height {h}"


def test_crossings_that_can_be_avoided_are():
    # A ladder whose rungs are given in the wrong order.
    edges = [(0, 5), (1, 4), (2, 3)]
    layout = layered_layout([(10, 10)] * 6, edges)
    assert [layout.centres[a][0] for a, _ in edges] == pytest.approx([layout.centres[b][0] for _, b in edges])


def test_crossings_are_counted():
    layers = Layers([0, 0, 1, 1], [[], [], [0, 1], [0, 1]], [[2, 3], [2, 3], [], []], [])
    assert crossings([[0, 1], [2, 3]], layers.below) == 1
    assert crossings([[0, 1], [2, 3]], [[3], [2], [], []]) == 1
    assert crossings([[0, 1], [3, 2]], [[3], [2], [], []]) == 0


def test_a_leaf_stands_above_its_user():
    # 0 → 1 → 2 → 4 and the leaf 3 → 4.
    assert ranks(5, [(0, 1), (1, 2), (2, 4), (3, 4)]) == [0, 1, 2, 2, 3]


def test_long_edges_are_straight_where_there_is_room():
    edges = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)]
    layout = layered_layout([(30, 10)] * 5, edges)
    assert len({round(x, 6) for x, _ in layout.routes[-1][1:-1]}) == 1


def test_backward_edges_are_refused():
    with pytest.raises(ValueError, match="does not lead from a node to a later one"):
        layered_layout([(1, 1), (1, 1)], [(1, 0)])


def test_nothing_has_no_size():
    layout = layered_layout([], [])
    assert (layout.width, layout.height, layout.centres) == (0.0, 0.0, [])


def test_ascending_is_the_isotonic_regression():
    wanted, weights = [3.0, 1.0, 2.0, 0.0], [1.0, 2.0, 1.0, 4.0]
    mean = sum(a * b for a, b in zip(wanted, weights, strict=True)) / 8
    assert ascending(wanted, weights) == pytest.approx([mean] * 4)
