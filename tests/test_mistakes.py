"""Common mistakes, each with what its message must tell: the variable, shape or dimension, the line, and the fix."""

import logging

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt

QUICK = {"draws": 5, "tune": 5, "chains": 1, "progressbar": False, "random_seed": 1}
HERE = "test_mistakes.py"
MISTAKES = {}


def mistake(error, *said):
    """Register a function that makes a mistake, the error it must raise, and what the message must say."""

    def register(function):
        MISTAKES[function.__name__.replace("_", " ")] = function, error, said
        return function

    return register


@mistake(pm.ShapeError, "'y'", "(4,)", "(3,)", "'mu'", HERE, "size must end in")
def data_longer_than_the_parameter():
    mu = pm.Normal("mu", shape=3)
    pm.Normal("y", mu, 1, observed=np.zeros(4))


@mistake(pm.ShapeError, "'y'", "(5, 1)", "(5,)", "'mu'", HERE)
def data_as_a_column():
    mu = pm.Normal("mu", shape=5)
    pm.Normal("y", mu, 1, observed=np.zeros((5, 1)))


@mistake(pm.ShapeError, "inner lengths 4 and 3 differ", "'b'", "(10, 4)", HERE, "Transpose one")
def matrix_with_too_many_columns():
    b = pm.Normal("b", shape=3)
    pm.Deterministic("eta", pm.math.dot(np.ones((10, 4)), b))


@mistake(pm.ShapeError, "'a' of shape (3,)", "'b' of shape (4,)", HERE, "insert o")
def sum_of_vectors_of_different_length():
    pm.Normal("a", shape=3) + pm.Normal("b", shape=4)


@mistake(ValueError, "'a'", "'counti'", "Did you mean 'county'?", "coords=", HERE)
def misspelt_dimension():
    pm.modelcontext(None).add_coord("county", ["A", "B"])
    pm.Normal("a", dims="counti")


@mistake(pm.ShapeError, "'a'", "(3,)", "'county' of length 2", HERE)
def shape_that_contradicts_dims():
    pm.modelcontext(None).add_coord("county", ["A", "B"])
    pm.Normal("a", dims="county", shape=3)


@mistake(pm.ShapeError, "'y'", "(4,)", "(5,)", "Reshape", HERE)
def data_that_contradict_dims():
    pm.modelcontext(None).add_coord("obs", range(5))
    pm.Normal("y", 0, 1, observed=np.zeros(4), dims="obs")


@mistake(ValueError, "'x' already", "choose another name", HERE)
def the_same_name_twice():
    pm.Normal("x")
    pm.Normal("x")


@mistake(TypeError, "Normal('x', ...)", "Normal.dist(...)", HERE)
def a_variable_without_name():
    pm.Normal(0, 1)


@mistake(pm.SamplingError, "'y'", "[1]", "value = -2", "not negative", HERE)
def negative_counts():
    pm.Poisson("y", pm.HalfNormal("mu"), observed=[1, -2, 3])
    pm.sample(**QUICK)


@mistake(pm.ParameterValueError, "sigma of Normal must be positive", "-1", HERE)
def negative_scale():
    pm.Normal("x", 0, -1)


@mistake(pm.SamplingError, "'y'", "mu = nan", "x = -5", HERE)
def logarithm_of_a_negative_start():
    x = pm.Normal("x", -5, 0.1)
    pm.Normal("y", pm.math.log(x), 1, observed=1.0)
    pm.sample(**QUICK)


@mistake(pm.ParameterValueError, "p of Bernoulli must be in [0, 1]", "1.2", HERE)
def probability_above_one():
    pm.Bernoulli("y", 1.2, observed=[1])


@mistake(pm.ParameterValueError, "p of Categorical", "sum 1", HERE)
def probabilities_that_are_none():
    pm.Categorical("c", [0.5, 0.6, -0.1])


@mistake(TypeError, "no parameter 'sd'", "sigma", HERE)
def a_parameter_of_older_versions():
    pm.Normal("x", mu=0, sd=1)


@mistake(ValueError, "mu, sigma, tau together", "(tau, mu=0.0)", HERE)
def two_parametrisations_at_once():
    pm.Normal("x", mu=0, sigma=1, tau=2)


@mistake(TypeError, "Binomial needs a value for n", HERE)
def a_parameter_left_out():
    pm.Binomial("x", p=0.3)


@mistake(TypeError, "not known before run time", "pt.switch", HERE)
def a_python_if():
    if pm.Normal("x") > 0:
        pm.Normal("y")


@mistake(TypeError, "np.gcd", "no pt.gcd", "wrap_py")
def a_numpy_function_without_counterpart():
    np.gcd(pm.Poisson("n", 3), 2)


@mistake(IndexError, "Index 5", "axis 0 of length 3", "'a'", HERE)
def an_index_out_of_range():
    pm.Normal("a", shape=3)[5]


@mistake(IndexError, "Index 3", "axis 0 of length 3", "'a'", HERE)
def groups_counted_from_one():
    pm.Normal("a", shape=3)[np.array([1, 2, 3])]


@mistake(IndexError, "integers or booleans", "float64", "'a'", HERE)
def an_index_of_floats():
    pm.Normal("a", shape=3)[np.array([0.0, 1.0])]


@mistake(TypeError, "'y'", "depends on random variables", "pm.Data", HERE)
def observing_a_random_variable():
    pm.Normal("y", 0, 1, observed=pm.Normal("x"))


@mistake(TypeError, "'y'", "not numbers", HERE)
def observing_text():
    pm.Normal("y", 0, 1, observed=["a", "b"])


@mistake(pm.MissingInputError, "depend on b", "givens", HERE)
def an_input_left_out():
    a, b = pt.scalars("a", "b")
    pm.function([a], a + b)


@mistake(TypeError, "must be a scalar", "jacobian", HERE)
def the_gradient_of_a_vector():
    x = pt.vector("x")
    pm.grad(x * 2, x)


@mistake(pm.DisconnectedInputError, "'b'", "disconnected_inputs='ignore'", HERE)
def a_gradient_that_does_not_exist():
    a, b = pt.scalars("a", "b")
    pm.grad(a**2, b)


@mistake(pm.ParameterValueError, "cov of MvNormal", "positive definite", HERE)
def a_singular_covariance():
    pm.MvNormal("x", np.zeros(2), cov=np.ones((2, 2)))


@mistake(ValueError, "initval of 's' is -1", "between 0.0 and inf", HERE)
def a_start_outside_the_support():
    pm.HalfNormal("s", initval=-1)


@mistake(pm.ShapeError, "initval of 'x'", "(2,)", "(3,)", HERE)
def a_start_of_another_shape():
    pm.Normal("x", shape=3, initval=[1.0, 2.0])


@mistake(KeyError, "no variable", "z", "it has x", HERE)
def data_that_the_model_does_not_have():
    pm.Data("x", [1.0, 2.0])
    pm.set_data({"z": [1.0]})


@mistake(ValueError, "var_names has z", "samples x", HERE)
def asking_for_a_variable_that_is_not_there():
    pm.Normal("x")
    pm.sample(var_names=["z"], **QUICK)


@mistake(ValueError, "var_names has yy", "z, y", HERE)
def predicting_a_variable_that_is_not_there():
    pm.Normal("y", pm.Normal("z"), 1, observed=1.0)
    pm.sample_posterior_predictive(pm.sample(**QUICK), var_names=["yy"])


@mistake(ValueError, "NUTS cannot sample 'k'", "int64", HERE)
def nuts_for_counts():
    pm.Poisson("k", 3)
    pm.sample(step=pm.NUTS(["k"]), **QUICK)


@mistake(ValueError, "no free random variables", HERE)
def nothing_to_sample():
    pm.Normal("y", 0, 1, observed=1.0)
    pm.sample(**QUICK)


@mistake(TypeError, "len(", "shape[0]")
def the_length_of_a_tensor():
    len(pm.Normal("x", shape=3))


@pytest.mark.parametrize("name", MISTAKES)
def test_the_message_helps(name, caplog):
    caplog.set_level(logging.ERROR, "pellucid")
    make, error, said = MISTAKES[name]
    with pm.Model(), pytest.raises(error) as caught:
        make()
    message = str(caught.value)
    missing = [text for text in said if text not in message]
    assert not missing, message
    assert len(message.splitlines()) <= 12, "a message is read, not searched"


def test_without_a_model_the_message_says_how_to_make_one():
    with pytest.raises(TypeError, match=r"with pm\.Model\(\).*pm\.Normal\.dist"):
        pm.Normal("x", 0, 1)


def test_there_are_thirty():
    assert len(MISTAKES) >= 30
