"""Bad input is refused when the line is written, by an error that names variable, shapes or dims, and that line."""

import linecache
import re
from pathlib import Path

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt

COORDS = {"school": ["A", "B", "C"], "year": [2001, 2002]}


@pytest.fixture
def model():
    with pm.Model(coords=COORDS) as found:
        yield found


def message(make, *words, error=ValueError):
    """The error that `make` raises, once it is known to have all words and the line of `make`."""
    with pytest.raises(error) as caught:
        make()
    text = str(caught.value)
    for word in words:
        assert word in text, text
    file, first = make.__code__.co_filename, make.__code__.co_firstlineno
    lines = [int(n) for n in re.findall(re.escape(file) + r":(\d+)", text)]
    last = max(n for _, _, n in make.__code__.co_lines() if n)
    assert any(first <= n <= last for n in lines), text
    assert any(linecache.getline(file, n).strip() in text for n in lines), text
    return text


def test_the_file_is_named():
    assert Path(__file__).name in message(lambda: pm.Data("d", ["a"], model=pm.Model()), "'d'", error=TypeError)


def test_data_of_another_shape_than_the_parameters(model):
    mu = pm.Normal("mu", 0, 1, shape=3)
    message(
        lambda: pm.Normal("y", mu, 1, observed=np.zeros(4)), "'y'", "(4,)", "'mu' of shape (3,)", error=pm.ShapeError
    )
    assert "y" not in model


def test_likelihood_with_more_terms_than_data(model):
    column = pm.Normal("column", 0, 1, shape=(3, 1))
    message(lambda: pm.Normal("y", column, 1, observed=np.zeros(3)), "'y'", "(3, 1)", error=pm.ShapeError)
    message(
        lambda: pm.Normal("y", 0, 1, shape=(3, 3), observed=np.zeros(3)),
        "'y'",
        "(3, 3)",
        "9 terms for 3",
        error=pm.ShapeError,
    )
    message(lambda: pm.Normal("y", 0, 1, shape=3, observed=np.zeros(4)), "'y'", "(3,)", "(4,)", error=pm.ShapeError)


def test_data_variables_of_other_lengths(model):
    x = pm.Data("x", [1.0, 2.0, 3.0])
    message(lambda: pm.Normal("y", x, 1, observed=[1.0, 2.0]), "'y'", "mu of shape (3,)", "(2,)", error=pm.ShapeError)
    message(lambda: pm.Normal("y", pm.Data("u", np.zeros((3, 1))), 1, observed=x), "'y'", "(3, 1)", error=pm.ShapeError)


def test_shapes_that_do_not_broadcast(model):
    a, b = pm.Normal("a", 0, 1, shape=3), pm.Normal("b", 0, 1, shape=4)
    message(lambda: a * b, "'a' of shape (3,)", "'b' of shape (4,)", error=pm.ShapeError)


@pytest.mark.parametrize("make", [
    lambda: pm.Normal("y", 0, 1, dims="scool"),
    lambda: pm.Deterministic("y", pt.zeros(3), dims="scool"),
    lambda: pm.Potential("y", pt.zeros(3), dims=["scool"]),
])  # fmt: skip
def test_unknown_dims(model, make):
    message(make, "'y'", "'scool'", "'school', 'year'", "Did you mean 'school'?")
    assert "y" not in model


def test_dims_of_other_lengths(model):
    message(lambda: pm.Normal("y", np.zeros(2), 1, dims="school"), "'y'", "school", "(2,)", "(3,)", error=pm.ShapeError)
    message(
        lambda: pm.Normal("y", 0, 1, dims="school", observed=np.zeros(4)), "'y'", "(4,)", "(3,)", error=pm.ShapeError
    )
    message(
        lambda: pm.Normal("y", 0, 1, shape=2, dims="school"), "'y'", "(2,)", "'school' of length 3", error=pm.ShapeError
    )
    message(
        lambda: pm.Deterministic("y", pt.zeros(3), dims="year"),
        "'y'",
        "(3,)",
        "'year' of length 2",
        "2001",
        error=pm.ShapeError,
    )
    message(lambda: pm.Data("y", [1.0, 2.0], dims="school"), "'y'", "(2,)", "'school' of length 3", error=pm.ShapeError)


def test_wrong_number_of_dims(model):
    message(
        lambda: pm.Deterministic("y", pt.zeros(3), dims=("school", "year")),
        "'y'",
        "(3,)",
        "('school', 'year')",
        error=pm.ShapeError,
    )
    message(lambda: pm.Data("y", 1.0, dims="school"), "'y'", "()", "('school',)", error=pm.ShapeError)


def test_dims_that_results_cannot_have(model):
    message(lambda: pm.Normal("y", 0, 1, dims=("school", "school")), "'y'", "'school' twice")
    message(lambda: pm.Normal("school", 0, 1, dims="school"), "'school'", "dimension of its own name")
    message(lambda: model.add_coord("chain", [1]), "chain")
    message(lambda: pm.Normal("y", 0, 1, dims=[3]), "'y'", "string", "3", error=TypeError)


def test_coords_that_contradict(model):
    message(lambda: model.add_coord("school", ["X"]), "'school'", "'A', 'B', 'C'", "'X'")
    message(lambda: model.add_coord("new"), "'new'", "length")
    message(lambda: model.add_coord("new", [1, 2], length=3), "'new'", "2 labels", "length 3")


def test_duplicate_names(model):
    pm.Normal("x", 0, 1)
    text = message(lambda: pm.HalfNormal("x", 1), "'x'")
    assert 'pm.Normal("x", 0, 1)' in text, "the first one is shown too"
    message(lambda: pm.Deterministic("x", pt.zeros(3)), "'x'")
    message(lambda: pm.Data("x", [1.0]), "'x'")


def test_observations_of_the_wrong_dtype(model):
    message(lambda: pm.Poisson("y", 1, observed=[1, 1.5, 2]), "'y'", "int64", "float64", "[1]", "1.5", error=TypeError)
    message(lambda: pm.Normal("y", 0, 1, observed=["a", "b"]), "'y'", error=TypeError)
    message(lambda: pm.Normal("y", 0, 1, observed=[1j]), "'y'", "complex", error=TypeError)
    message(lambda: pm.Normal("y", 0, 1, observed=pm.Normal.dist(0, 1)), "'y'", "random", error=TypeError)
    assert pm.Poisson("ok", 1, observed=[1.0, 2.0]).dtype == "int64", "whole numbers are welcome in any dtype"


def test_points_with_values_that_cannot_be(model):
    pm.HalfNormal("s", 1, shape=3)
    logp = model.compile_logp()
    message(lambda: logp({}), "'s_log__'", error=TypeError)
    message(lambda: logp({"s": 1.0}), "'s_log__'", error=pm.MissingInputError)
    message(lambda: logp({"s_log__": np.zeros(4)}), "'s_log__'", "(3,)", "(4,)")
    message(lambda: logp({"s_log__": 1j * np.zeros(3)}), "'s_log__'", "complex128", error=TypeError)


def test_an_input_without_a_value(model):
    pm.Normal("x", pt.scalar("rate"), 1)
    with pytest.raises(pm.MissingInputError, match=r"'x' depends on rate .*\n?.*pt\.scalar"):
        pm.sample(10, tune=10, progressbar=False)


def test_a_start_with_minus_infinity(model):
    rate = pm.HalfNormal("rate", 1)
    pm.Poisson("y", rate * np.array([1.0, 1.0, 2.0]), observed=[1, -1, 2])
    with pytest.raises(pm.SamplingError) as caught:
        pm.sample(10, tune=10, progressbar=False)
    text = str(caught.value)
    for part in (
        "'y' (observed)",
        "1 of 3 elements",
        "[1] log-probability -inf: value = -1, mu = 1.",
        "rate = 1.",
        'pm.Poisson("y", rate',
    ):
        assert part in text, text
    with pytest.raises(pm.SamplingError, match="value = -1"):
        model.check_start_vals(model.initial_point())


def test_a_start_outside_the_domain_of_a_parameter(model):
    scale = pm.Normal("scale", -3, 0.01)
    pm.Normal("y", 0, scale, observed=np.zeros(7))
    with pytest.raises(pm.SamplingError, match=r"7 of 7 elements(.|\n)*sigma = -3\.(.|\n)*and 2 more"):
        pm.sample(10, tune=10, progressbar=False)


def test_a_start_without_gradient(model):
    x = pm.Normal("x", 0, 1, initval=0.0)
    pm.Potential("root", pt.sqrt(x))
    with pytest.raises(pm.SamplingError, match=r"'x' \(gradient\)(.|\n)*gradient inf"):
        pm.sample(10, tune=10, init="adapt_diag", progressbar=False)


def test_initial_values_that_cannot_be(model):
    message(lambda: pm.Normal("x", 0, 1, shape=3, initval=[1, 2]), "'x'", "(2,)", "(3,)", error=pm.ShapeError)
    message(lambda: pm.Normal("x", 0, 1, initval="mean"), "'x'", "'mean'")
    pm.Normal("y", 0, 1)
    message(lambda: pm.sample(initvals={"z": 1.0}), "'z'", "y")
    message(lambda: pm.sample(initvals=[{}] * 3), "4", "3")


def test_empty_models():
    with pm.Model():
        message(lambda: pm.sample(10), "no free random variables")


def test_arguments_that_sample_does_not_have(model):
    pm.Normal("x", 0, 1)
    message(lambda: pm.sample(drawz=3), "'drawz'", error=TypeError)
    for wrong in ({"draws": 0}, {"tune": -1}, {"chains": 1.5}, {"init": "magic"}, {"target_accept": 2.0}):
        with pytest.raises(ValueError):
            pm.sample(**{"draws": 5, "tune": 5, "progressbar": False, **wrong})
    message(lambda: pm.sample(step=object()), "step", "Metropolis", error=TypeError)
    with pytest.raises(TypeError, match="speed"):
        pm.sample(nuts={"speed": 3})


def test_names():
    with pytest.raises(TypeError, match="No model on context stack"):
        pm.Normal("x", 0, 1)
    with pm.Model(), pytest.raises(TypeError, match="has a name"):
        pm.Normal(0, 1)
    with pm.Model(), pytest.raises(ValueError, match="must not be empty"):
        pm.Normal("", 0, 1)


@pytest.mark.parametrize("labels", [3, "abc", np.array(2)])
def test_labels_that_are_no_sequence(labels):
    with pytest.raises(TypeError, match=r"labels of a dimension are a sequence.*range\(n\).*test_bad_input"):
        pm.Model(coords={"county": labels})
