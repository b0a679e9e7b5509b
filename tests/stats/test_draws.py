"""Drawing values: shapes, seeds, joint draws."""

import numpy as np
import pytest

import pellucid.stats as ps
import pellucid.tensor as pt
from pellucid.tensor.draws import shared_rng


def test_shapes_and_structure():
    x = ps.Normal.dist(0, 1, shape=3)
    assert ps.draw(x).shape == (3,)
    assert ps.draw(x, draws=4).shape == (4, 3)
    several = ps.draw([x, x.sum()], draws=5)
    assert [a.shape for a in several] == [(5, 3), (5,)]
    np.testing.assert_allclose(several[0].sum(1), several[1])


def test_a_seed_fixes_the_draws():
    x = ps.Normal.dist(0, 1, shape=3, name="x")
    assert np.array_equal(ps.draw(x, 2, random_seed=1), ps.draw(x, 2, random_seed=1))
    assert not np.array_equal(ps.draw(x, 2, random_seed=1), ps.draw(x, 2, random_seed=2))
    assert not np.array_equal(ps.draw(x), ps.draw(x))
    generator = np.random.default_rng(1)
    assert not np.array_equal(ps.draw(x, random_seed=generator), ps.draw(x, random_seed=generator))
    assert np.array_equal(ps.draw(x, random_seed=[1, 2]), ps.draw(x, random_seed=(1, 2)))


def test_streams_belong_to_names_whatever_else_is_drawn():
    a, b, c = (ps.Normal.dist(0, 1, name=n) for n in "abc")
    alone = ps.draw(b, 3, random_seed=5)
    first, second, _ = ps.draw([c, b, a], 3, random_seed=5)
    assert np.array_equal(alone, second)
    assert not np.array_equal(first, second)


def test_variables_of_one_name_are_drawn_apart():
    a, b = ps.draw([ps.Normal.dist(0, 1, name="x"), ps.Normal.dist(0, 1, name="x")], 3, random_seed=5)
    assert not np.array_equal(a, b)


def test_ancestors_are_drawn_once():
    mu = ps.Normal.dist(0, 100, name="mu")
    y = ps.Normal.dist(mu, 1e-6, name="y")
    drawn = ps.draw([y, mu], 50)
    np.testing.assert_allclose(drawn[0], drawn[1], atol=1e-4)
    assert drawn[0].std() > 1


def test_draws_that_share_a_generator_differ_from_call_to_call():
    rng = shared_rng(3)
    x, y = ps.Normal.dist(0, 1, rng=rng), ps.Normal.dist(0, 1, rng=rng)
    a, b = ps.draw([x, y], 5, random_seed=1)
    assert np.array_equal(a, b)
    assert len(set(a)) == 5


def test_the_users_generators_are_used_without_a_seed_and_left_alone_with_one():
    rng = shared_rng(3)
    x = ps.Normal.dist(0, 1, rng=rng)
    ps.draw(x, 4, random_seed=1)
    assert ps.draw(x) == np.random.default_rng(3).normal()


def test_a_missing_value_is_named():
    with pytest.raises(ValueError, match="a value is needed for mu"):
        ps.draw(ps.Normal.dist(pt.scalar("mu"), 1))


def test_streams_of_similar_names_do_not_meet():
    names = [("a",), ("b",), ("a", 1), ("a1",), ("a", "1", ""), ("",)]
    firsts = {ps.stream(0, *n).random() for n in names} | {ps.stream(1, *n).random() for n in names}
    assert len(firsts) == 2 * len(names)
