"""Data from tables of every library, with their dims and labels; and what is said of shapes that only broadcast."""

import numpy as np
import pytest

import pellucid as pm


@pytest.fixture
def pandas():
    return pytest.importorskip("pandas")


@pytest.fixture
def frame(pandas):
    found = pandas.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}, index=pandas.Index(["x", "y"], name="row"))
    found.columns.name = "col"
    return found


class Columns:
    """What of a polars frame matters: columns without a name or an index, and `to_numpy`."""

    columns = ("a", "b")

    def to_numpy(self):
        return np.array([[1.0, 3.0], [2.0, 4.0]])


def read(value, **options):
    with pm.Model() as model:
        x = pm.Data("x", value, infer_dims_and_coords=True, **options)
    return x.get_value(), model.named_vars_to_dims.get("x"), model.coords


def test_dims_and_labels_from_pandas(frame):
    value, dims, coords = read(frame)
    np.testing.assert_array_equal(value, [[1, 3], [2, 4]])
    assert dims == ("row", "col")
    assert coords == {"row": ("x", "y"), "col": ("a", "b")}
    assert read(frame["a"])[1:] == (("row",), {"row": ("x", "y")})
    assert read(frame, dims=("r", "c"), coords={"r": [7, 8]})[2] == {"r": (7, 8), "c": ("a", "b")}


def test_dims_and_labels_from_xarray():
    xarray = pytest.importorskip("xarray")
    array = xarray.DataArray([[1.0, 2.0], [3.0, 4.0]], dims=("p", "q"), coords={"p": ["u", "v"]})
    assert read(array)[1:] == (("p", "q"), {"p": ("u", "v"), "q": None})
    with pm.Model(coords={"p": array["p"]}) as model:
        pm.Normal("y", 0, 1, observed=array[:, 0], dims="p")
    assert model.coords == {"p": ("u", "v")}


def test_columns_without_names_label_the_axis_that_dims_name():
    assert read(Columns(), dims=("row", "col"))[2] == {"row": None, "col": ("a", "b")}


def test_dates_and_several_levels_stay_as_they_are(pandas):
    days = pandas.date_range("2020-01-01", periods=2)
    pairs = pandas.MultiIndex.from_product([[1, 2], ["a"]])
    with pm.Model(coords={"day": days, "pair": pairs, "kind": pandas.Categorical(["u", "v"])}) as model:
        pm.Normal("x", 0, 1, dims=("day", "pair", "kind"))
    assert model.coords == {"day": tuple(days), "pair": ((1, "a"), (2, "a")), "kind": ("u", "v")}


def test_labels_of_new_data_follow_their_index(frame, pandas):
    with pm.Model() as model:
        x = pm.Data("x", frame["a"], infer_dims_and_coords=True)
        y = pm.Normal("y", x, 1, dims="row")
    logp = model.compile_logp(backend="numpy")
    model.set_data("x", pandas.Series([4.0, 5.0, 6.0], index=pandas.Index(list("pqr"), name="row")))
    assert model.coords == {"row": ("p", "q", "r")}
    assert y.eval().shape == (3,)
    assert logp(model.initial_point()) == pytest.approx(-1.5 * np.log(2 * np.pi))
    model.set_data("x", [1.0], coords={"row": ["s"]})
    assert model.coords == {"row": ("s",)}
    with pytest.raises(ValueError, match=r"length 2 along 'row', which has 1 labels: pass coords"):
        model.set_data("x", pandas.Series([1.0, 2.0]))  # an index without a name says nothing


def test_what_is_no_number_says_how_to_make_one(pandas):
    with pytest.raises(TypeError, match=r"'x' are not numbers.*pandas.factorize"):
        read(pandas.Series(["a", "b"], dtype="category"))
    with pytest.raises(TypeError, match=r"'x' are not numbers.*divide by a length of time"):
        read(np.array(["2020-01-01"], "datetime64[D]"))


@pytest.mark.parametrize("fixed", [True, False], ids=["arrays", "Data"])
def test_a_column_against_a_vector_is_no_likelihood(fixed):
    wrap = (lambda name, a: a) if fixed else pm.Data
    with pm.Model():
        slope = pm.Normal("slope", 0, 1)
        mean = slope * wrap("x", np.zeros((3, 1)))
        data = wrap("data", np.zeros(3))
        with pytest.raises(pm.ShapeError) as error:
            pm.Normal("y", mean, 1, observed=data)
    text = str(error.value)
    assert "they would have 9 terms for 3 observations" in text
    assert "axis 0 of the parameters (shape (3, 1)) has no counterpart in the data (shape (3,))" in text
    assert 'pm.Normal("y", mean, 1, observed=data)' in text


def test_a_vector_against_a_column_is_no_likelihood():
    with pm.Model(coords={"g": [1, 2, 3]}):
        mean = pm.Normal("mean", 0, 1, dims="g")
        with pytest.raises(pm.ShapeError, match=r"9 terms for 3 observations: axis 0 of the parameters"):
            pm.Normal("y", mean, 1, observed=np.zeros((3, 1)))
        with pytest.raises(pm.ShapeError) as error:
            pm.Normal("z", mean, 1, observed=np.zeros(2))
    assert "Broadcast to each other" not in str(error.value)
