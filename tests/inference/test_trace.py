"""Results have ArviZ's groups, dimensions, labels and attributes, and ArviZ reads them."""

import datetime as dt
import json
import os
import subprocess
import sys
import threading

import arviz_base
import arviz_stats
import numpy as np
import pytest
import xarray

from pellucid.inference import trace
from pellucid.inference.diagnose import ess, rhat
from pellucid.inference.trace import add_groups, element_labels, name_dims, preload, to_datatree

RNG = np.random.default_rng(42)
COORDS = {"school": ["A", "B", "C"], "unused": [1, 2]}
DIMS = {"theta": ["school"], "y": ["school"], "scores": ["school"]}


def groups():
    return {
        "posterior": {
            "mu": RNG.normal(size=(4, 120)),
            "theta": RNG.normal(size=(4, 120, 3)),
            "scores": RNG.normal(size=(4, 120, 3, 2)),
        },
        "sample_stats": {"diverging": RNG.random((4, 120)) < 0.1, "energy": RNG.normal(size=(4, 120))},
        "warmup_posterior": {"mu": RNG.normal(size=(4, 50))},
        "log_likelihood": {"y": RNG.normal(size=(4, 120, 3))},
        "prior": {"mu": RNG.normal(size=(1, 70))},
        "observed_data": {"y": np.arange(3.0)},
        "constant_data": {"x": np.arange(6).reshape(3, 2), "n": np.array(3)},
        "predictions": {},
    }


@pytest.fixture(scope="module")
def arrays():
    return groups()


@pytest.fixture(scope="module")
def tree(arrays):
    return to_datatree(arrays, coords=COORDS, dims=DIMS, attrs={"sampling_time": 1.5, "tuning_steps": 50})


def test_groups_and_dimensions(tree, arrays):
    assert list(tree.children) == [name for name in arrays if name != "predictions"]
    posterior = tree["posterior"]
    assert posterior["theta"].dims == ("chain", "draw", "school")
    assert posterior["scores"].dims == ("chain", "draw", "school", "scores_dim_0")
    assert tree["observed_data"]["y"].dims == ("school",)
    assert tree["constant_data"]["x"].dims == ("x_dim_0", "x_dim_1")
    assert tree["constant_data"]["n"].dims == ()
    assert tree["warmup_posterior"].sizes["draw"] == 50


def test_coordinates(tree):
    posterior = tree["posterior"]
    assert list(posterior["school"].values) == ["A", "B", "C"]
    np.testing.assert_array_equal(posterior["scores_dim_0"], [0, 1])
    np.testing.assert_array_equal(posterior["chain"], np.arange(4))
    assert "unused" not in posterior.coords
    assert posterior["theta"].sel(school="B", chain=2, draw=7) == posterior["theta"].values[2, 7, 1]


def test_arrays_are_not_copied(tree, arrays):
    for group, variables in arrays.items():
        for name, array in variables.items():
            assert np.shares_memory(tree[group][name].values, array)


def test_attributes(tree):
    for name, group in tree.children.items():
        attrs = group.attrs
        assert attrs["sample_dims"] == ([] if name in {"observed_data", "constant_data"} else ["chain", "draw"])
        assert attrs["inference_library"] == "pellucid"
        assert attrs["inference_library_version"]
        assert attrs["sampling_time"] == 1.5
        assert attrs["tuning_steps"] == 50
        created = dt.datetime.fromisoformat(attrs["created_at"])
        assert abs(dt.datetime.now(dt.UTC) - created) < dt.timedelta(hours=1)
        json.dumps(attrs)  # so that every file format can hold them


def test_same_layout_as_arviz(tree, arrays):
    theirs = arviz_base.from_dict({name: value for name, value in arrays.items() if value}, coords=COORDS, dims=DIMS)
    for group in theirs.children:
        xarray.testing.assert_identical(tree[group].to_dataset().drop_attrs(), theirs[group].to_dataset().drop_attrs())


def test_arviz_reads_it(tree, arrays):
    table = arviz_stats.summary(tree, round_to="none")
    assert list(table.index[:2]) == ["mu", "theta[A]"]
    np.testing.assert_allclose(table.loc["mu", "r_hat"], rhat(arrays["posterior"]["mu"]), rtol=1e-12)
    np.testing.assert_allclose(table.loc["theta[B]", "ess_bulk"], ess(arrays["posterior"]["theta"])[1], rtol=1e-12)
    assert dict(arviz_base.extract(tree).sizes) == {"sample": 480, "school": 3, "scores_dim_0": 2}
    assert arviz_stats.loo(tree).n_data_points == 3


def test_groups_are_added_in_place(arrays):
    tree = to_datatree({"posterior": arrays["posterior"]}, coords=COORDS, dims=DIMS)
    new = {"predictions": {"y": np.zeros((4, 120, 2))}}
    assert add_groups(tree, new, coords={"school": ["D", "E"]}, dims=DIMS) is tree
    assert list(tree["predictions"]["school"].values) == ["D", "E"]
    assert list(tree["posterior"]["school"].values) == ["A", "B", "C"]
    add_groups(tree, {"predictions": {"z": np.zeros((4, 120))}})
    assert list(tree["predictions"].data_vars) == ["z"]


def test_sample_dims_can_be_named():
    tree = to_datatree({"prior": {"a": np.zeros((30, 2))}}, sample_dims={"prior": ["sample"]})
    assert tree["prior"]["a"].dims == ("sample", "a_dim_0")


def test_labels_of_any_kind():
    dates = np.array(["2024-01-01", "2024-01-02"], dtype="datetime64[ns]")
    pairs = [(1, "a"), (2, "b")]
    tree = to_datatree(
        {"posterior": {"a": np.zeros((1, 5, 2)), "b": np.zeros((1, 5, 2))}},
        coords={"date": dates, "pair": pairs, "chain": None},
        dims={"a": ["date"], "b": ["pair"]},
    )
    np.testing.assert_array_equal(tree["posterior"]["date"], dates)
    assert list(tree["posterior"]["pair"].values) == pairs


def test_empty_tree_and_empty_arrays():
    assert list(to_datatree({}).children) == []
    tree = to_datatree({"posterior": {"a": np.zeros((4, 10, 0))}}, coords={"none": []}, dims={"a": ["none"]})
    assert tree["posterior"]["a"].shape == (4, 10, 0)


@pytest.mark.parametrize(
    "shape, dims, coords, message",
    [
        ((3,), ["a", "b"], {}, r"'x' has 2 dims \('a', 'b'\) but shape \(3,\)"),
        ((3,), ["a"], {"a": [1, 2]}, r"dimension 'a' of 'x' has length 3, but coords\['a'\] has 2 labels"),
        ((3, 3), ["a", "a"], {}, "'x' has the dimension 'a' twice"),
        ((3,), ["x"], {}, "'x' has a dimension of its own name"),
    ],
)
def test_dims_that_do_not_fit(shape, dims, coords, message):
    with pytest.raises(ValueError, match=message):
        name_dims("x", shape, dims=dims, coords=coords)
    with pytest.raises(ValueError, match=message):
        to_datatree({"posterior": {"x": np.zeros((2, 5, *shape))}}, dims={"x": dims}, coords=coords)


def test_lengths_that_contradict_each_other():
    with pytest.raises(ValueError, match="'a' has length 3 in 'y' but 2 in 'x'"):
        to_datatree({"observed_data": {"x": np.zeros(2), "y": np.zeros(3)}}, dims={"x": ["a"], "y": ["a"]})
    with pytest.raises(ValueError, match=r"'x' has shape \(5,\), but must begin with the dimensions \('chain', "):
        to_datatree({"posterior": {"x": np.zeros(5)}})


def test_dimension_names():
    assert name_dims("x", (2, 3, 4), dims=["a", None]) == ("a", "x_dim_0", "x_dim_1")
    assert name_dims("x", (2,), dims="city") == ("city",)
    assert name_dims("x", ()) == ()


def test_element_labels():
    assert list(element_labels("x", ())) == ["x"]
    assert list(element_labels("x", (2, 2), dims=["a"], coords={"a": ["u", "v"]})) == [
        "x[u, 0]", "x[u, 1]", "x[v, 0]", "x[v, 1]",
    ]  # fmt: skip
    assert list(element_labels("x", (0,))) == []


def test_xarray_is_imported_in_the_background():
    code = (
        "import sys\n"
        "from pellucid.inference import trace\n"
        "assert 'xarray' not in sys.modules\n"
        "thread = trace.preload()\n"
        "assert trace.preload() is thread\n"
        "tree = trace.to_datatree({'posterior': {'a': __import__('numpy').zeros((1, 4))}})\n"  # while it is importing
        "import xarray\n"
        "assert isinstance(tree, xarray.DataTree)\n"
        "thread.join(60)\n"
        "assert not thread.is_alive()\n"
    )
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=path)
    assert (done.returncode, done.stderr) == (0, "")


def test_preloading_survives_a_missing_xarray(monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    errors = []
    monkeypatch.setattr(threading, "excepthook", errors.append)
    thread = preload.__wrapped__()
    thread.join(60)
    assert errors == []
    with pytest.raises(ImportError):
        trace.to_datatree({"posterior": {"a": np.zeros((1, 4))}})
