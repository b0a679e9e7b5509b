"""A deferred result is the tree it stands for, in everything a user does with it."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import xarray

import pellucid as pm
from pellucid.inference.deferred import DeferredTree, made, read


def make():
    draws = np.arange(24.0).reshape(4, 6)
    posterior = xarray.Dataset({"mu": (("chain", "draw"), draws)}, attrs={"a": 1})
    return xarray.DataTree.from_dict({"/posterior": posterior, "/sample_stats": posterior * 2})


@pytest.fixture
def tree():
    return DeferredTree(make, draft="draft")


def test_it_is_made_once_when_it_is_used():
    calls = []

    def counted():
        calls.append(1)
        return make()

    tree = DeferredTree(counted, draft="draft")
    assert read(tree) == "draft"
    assert calls == []
    assert list(tree) == ["posterior", "sample_stats"]
    assert len(tree) == 2
    assert calls == [1]
    assert read(tree) is None


USES = {
    "isinstance": lambda t: isinstance(t, xarray.DataTree),
    "attribute": lambda t: float(t.posterior["mu"].sum()),
    "item": lambda t: float(t["posterior/mu"].max()),
    "contains": lambda t: ("posterior" in t, "nothing" in t),
    "truth": bool,
    "text": lambda t: str(t) == repr(t),
    "html": lambda t: "mu" in t._repr_html_(),
    "names": lambda t: "posterior" in dir(t),
    "arithmetic": lambda t: float((2.0 * t + 1)["posterior"]["mu"].sum()),
    "comparison": lambda t: bool((t == t)["posterior"]["mu"].all()),  # noqa: PLR0124
    "copy": lambda t: copy.copy(t).identical(make()),
    "deep copy": lambda t: copy.deepcopy(t).identical(make()),
    "pickle": lambda t: pickle.loads(pickle.dumps(t)).identical(make()),  # noqa: S301
    "identical": lambda t: make().identical(t),
    "from_dict": lambda t: list(xarray.DataTree.from_dict({"/run": t}).children),
    "mapped": lambda t: float(xarray.map_over_datasets(lambda d: d.mean(), t)["posterior"]["mu"]),
}


@pytest.mark.parametrize("use", USES)
def test_what_users_do_gives_what_the_tree_gives(tree, use):
    assert USES[use](tree) == USES[use](make())


def test_it_can_be_changed_as_a_tree(tree):
    tree["more"] = xarray.DataTree(xarray.Dataset({"x": 1}))
    tree.attrs = {"note": "kept"}
    del tree["sample_stats"]
    assert list(tree) == ["posterior", "more"]
    assert made(tree).attrs == {"note": "kept"}
    with pytest.raises(TypeError, match="unhashable"):
        hash(tree)


def test_arviz_takes_it():
    arviz_stats = pytest.importorskip("arviz_stats")
    with pm.Model():
        pm.Normal("x", shape=2)
        result = pm.sample(draws=100, tune=100, progressbar=False, random_seed=1, compute_convergence_checks=False)
    ours = pm.summary(result)
    assert read(result) is not None, "our summary needs no tree"
    theirs = arviz_stats.summary(result, round_to="none")
    np.testing.assert_allclose(ours["mean"], theirs["mean"], rtol=1e-12)
    again = pm.summary(result)
    np.testing.assert_array_equal(ours.values, again.values)
    assert ours.index == again.index
    with pytest.raises(KeyError, match="no group 'prior'"):
        pm.summary(result, group="prior")


def test_a_script_that_samples_and_prints_a_summary_imports_neither_xarray_nor_pandas():
    code = (
        "import sys, pellucid as pm\n"
        "with pm.Model(coords={'k': ['a', 'b']}):\n"
        "    pm.Normal('x', dims='k')\n"
        "    result = pm.sample(draws=50, tune=50, progressbar=False, random_seed=1)\n"
        "assert pm.summary(result).index == ('x[a]', 'x[b]')\n"
        "assert not {'xarray', 'pandas'} & set(sys.modules)\n"
        "assert result.posterior['x'].dims == ('chain', 'draw', 'k')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
