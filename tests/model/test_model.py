"""A model knows its variables, and its log-probability, gradient and Hessian are those computed by hand."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import pellucid as pm
import pellucid.tensor as pt


@pytest.fixture
def regression():
    with pm.Model(coords={"school": list("ABC")}) as model:
        mu = pm.Normal("mu", 0, 2)
        sigma = pm.HalfNormal("sigma", 3)
        theta = pm.Normal("theta", mu, sigma, dims="school")
        pm.Deterministic("double", 2 * theta, dims="school")
        pm.Potential("soft", -(mu**2))
        pm.Normal("y", theta, 1.5, observed=[1.0, 2.0, 3.0], dims="school")
    return model


POINT = {"mu": 0.3, "sigma_log__": -0.2, "theta": np.array([0.5, -1.0, 2.0])}


def by_hand(jacobian=True):
    mu, sigma, theta = 0.3, np.exp(-0.2), POINT["theta"]
    return [
        stats.norm.logpdf(mu, 0, 2), stats.halfnorm.logpdf(sigma, 0, 3) + (-0.2 if jacobian else 0),
        stats.norm.logpdf(theta, mu, sigma), stats.norm.logpdf([1.0, 2.0, 3.0], theta, 1.5), -(mu**2),
    ]  # fmt: skip


def test_the_lists_of_variables(regression):
    names = lambda listed: [v.name for v in listed]  # noqa: E731
    assert names(regression.free_RVs) == ["mu", "sigma", "theta"]
    assert names(regression.observed_RVs) == ["y"]
    assert names(regression.basic_RVs) == ["mu", "sigma", "theta", "y"]
    assert names(regression.unobserved_RVs) == ["mu", "sigma", "theta", "double"]
    assert names(regression.deterministics) == ["double"]
    assert names(regression.potentials) == ["soft"]
    assert names(regression.value_vars) == ["mu", "sigma_log__", "theta"]
    values = regression.unobserved_value_vars
    assert values[:3] == regression.value_vars
    found = dict(zip(["sigma", "double"], regression.compile_fn(values[3:])(POINT), strict=True))
    np.testing.assert_allclose(found["sigma"], np.exp(-0.2))
    np.testing.assert_allclose(found["double"], 2 * POINT["theta"])
    assert regression.discrete_value_vars == []
    assert set(regression.named_vars) == {"mu", "sigma", "theta", "double", "soft", "y"}
    assert regression.named_vars_to_dims == {"theta": ("school",), "double": ("school",), "y": ("school",)}
    assert regression["mu"] is regression.mu is regression.free_RVs[0]
    assert "mu" in regression
    assert "nu" not in regression
    assert [rv.name for rv in regression.values_to_rvs.values()] == ["mu", "sigma", "theta", "y"]
    assert regression.rvs_to_transforms[regression["sigma"]].name == "log"
    assert regression.rvs_to_transforms[regression["mu"]] is None
    with pytest.raises(KeyError, match="nu"):
        regression["nu"]
    with pytest.raises(AttributeError, match="nu"):
        _ = regression.nu


def test_value_variables_have_the_static_shapes_of_their_variables(regression):
    assert [v.type.shape for v in regression.value_vars] == [(), (), (3,)]
    assert regression.eval_rv_shapes() == {"mu": (), "sigma_log__": (), "sigma": (), "theta": (3,)}


def test_names_of_value_variables():
    with pm.Model() as model:
        pm.HalfNormal("sigma", 1)
        pm.Uniform("x", -1, 1)
        pm.Normal("z", 0, 1)
    assert [v.name for v in model.value_vars] == ["sigma_log__", "x_interval__", "z"]


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize("jacobian", [True, False])
def test_logp_by_hand(regression, jacobian, backend):
    expected = by_hand(jacobian)
    found = regression.compile_logp(sum=False, jacobian=jacobian, backend=backend)(POINT)
    assert len(found) == len(expected)
    for term, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(term, wanted, rtol=1e-12)
    total = regression.compile_logp(jacobian=jacobian, backend=backend)(POINT)
    np.testing.assert_allclose(total, sum(np.sum(e) for e in expected), rtol=1e-12)


def test_logp_of_some_variables(regression):
    mu, y = regression["mu"], regression["y"]
    found = regression.compile_logp([y, mu], sum=False)(POINT)
    np.testing.assert_allclose(found[0], by_hand()[3], rtol=1e-12)
    np.testing.assert_allclose(found[1], by_hand()[0], rtol=1e-12)
    value = regression.rvs_to_values[mu]
    np.testing.assert_allclose(regression.compile_logp(value)(POINT), by_hand()[0], rtol=1e-12)
    parts = [
        regression.varlogp,
        regression.observedlogp,
        regression.potentiallogp,
        regression.datalogp,
        regression.varlogp_nojac,
    ]
    found = regression.compile_fn(parts)(POINT)
    e = [np.sum(t) for t in by_hand()]
    np.testing.assert_allclose(found, [sum(e[:3]), e[3], e[4], e[3] + e[4], sum(e[:3]) + 0.2], rtol=1e-12)
    with pytest.raises(ValueError, match="neither a random variable nor a potential"):
        regression.logp(pt.scalar("other"))


def differences(f, point, h=1e-5):
    """The gradient by central differences, in the order of the point."""
    found = []
    for name, value in point.items():
        for i in range(np.size(value)):
            steps = []
            for sign in (1, -1):
                moved = np.array(value, float)
                moved.reshape(-1)[i] += sign * h
                steps.append(f({**point, name: moved}))
            found.append((np.asarray(steps[0]) - steps[1]) / (2 * h))
    return np.array(found)


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
def test_gradient_and_hessian_by_differences(regression, backend):
    logp, dlogp = regression.compile_logp(backend=backend), regression.compile_dlogp(backend=backend)
    assert dlogp(POINT).shape == (5,)
    np.testing.assert_allclose(dlogp(POINT), differences(logp, POINT), rtol=1e-6, atol=1e-8)
    hessian = regression.compile_d2logp(negate_output=False, backend=backend)(POINT)
    np.testing.assert_allclose(hessian, differences(dlogp, POINT), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(regression.compile_d2logp()(POINT), -hessian, rtol=1e-10)
    only = regression.compile_dlogp([regression["theta"]])(POINT)
    np.testing.assert_allclose(only, dlogp(POINT)[2:], rtol=1e-12)


def test_logp_dlogp_function(regression):
    f = regression.logp_dlogp_function()
    f.set_extra_values({})
    raveled = f.dict_to_array(POINT)
    assert f.size == raveled.data.size == 5
    for argument in (POINT, raveled, raveled.data):
        logp, slope = f(argument)
        np.testing.assert_allclose(logp, regression.compile_logp()(POINT))
        np.testing.assert_allclose(slope, regression.compile_dlogp()(POINT))
    back = f.array_to_dict(raveled)
    assert list(back) == list(POINT)
    np.testing.assert_array_equal(back["theta"], POINT["theta"])


def test_density_of_a_flat_vector(regression):
    density = regression.density()
    x = density.pack(POINT)
    assert density.dimension == 5
    np.testing.assert_array_equal(density.split(x)["theta"], POINT["theta"])
    run = pm.function(density.inputs, density.outputs, backend="numpy")
    logp, slope = run(x)
    np.testing.assert_allclose(logp, regression.compile_logp()(POINT))
    np.testing.assert_allclose(slope, regression.compile_dlogp()(POINT))


def test_functions_are_compiled_once_until_the_model_changes(regression):
    first = regression.compile_logp()
    assert regression.compile_logp() is first
    assert regression.compile_logp(sum=False) is not first
    density = regression.density()
    assert regression.density() is density
    with regression:
        pm.Normal("more", 0, 1)
    assert regression.compile_logp() is not first
    assert regression.density().dimension == density.dimension + 1
    np.testing.assert_allclose(regression.compile_logp()({**POINT, "more": 0.0}), first(POINT) + stats.norm.logpdf(0))


def test_point_logps_and_debug(regression, capsys):
    found = regression.point_logps(POINT, round_vals=None)
    assert list(found) == ["mu", "sigma", "theta", "y", "soft"]
    np.testing.assert_allclose(list(found.values()), [np.sum(e) for e in by_hand()])
    assert regression.point_logps(POINT)["mu"] == np.round(by_hand()[0], 2)
    regression.debug(POINT)
    assert "No problems found" in capsys.readouterr().out
    regression.debug({**POINT, "mu": np.inf})
    printed = capsys.readouterr().out
    assert "'mu' (free)" in printed
    assert "value = inf" in printed


def test_bounds_that_are_random_variables():
    with pm.Model() as model:
        low = pm.Normal("low", 0, 1)
        pm.Uniform("x", low, low + 2)
    point = {"low": 0.4, "x_interval__": 0.3}
    x = 0.4 + 2 / (1 + np.exp(-0.3))
    jacobian = np.log(2) - np.log1p(np.exp(-0.3)) - np.log1p(np.exp(0.3))
    expected = [stats.norm.logpdf(0.4), stats.uniform.logpdf(x, 0.4, 2) + jacobian]
    np.testing.assert_allclose(model.compile_logp(sum=False)(point), expected)
    found = model.compile_fn(model.replace_rvs_by_values([model["x"]]))(point)
    np.testing.assert_allclose(found[0], x)


def test_transforms_that_users_choose():
    from pellucid.stats.bijection import Log, Ordered

    with pm.Model() as model:
        pm.Normal("a", 0, 1, shape=3, transform=Ordered(), initval=[1.0, 2.0, 3.0])
        pm.HalfNormal("b", 1, default_transform=None)
        pm.HalfNormal("c", 1, transform=Log())
        with pytest.raises(TypeError, match="default_transform=None"):
            pm.Normal("d", 0, 1, transform=None)
    assert [v.name for v in model.value_vars] == ["a_ordered__", "b", "c_log+log__"]
    np.testing.assert_allclose(model.initial_point()["a_ordered__"], [1.0, 0.0, 0.0])


def test_initial_points():
    with pm.Model() as model:
        mu = pm.Normal("mu", 3, 1)
        pm.Normal("x", mu, 1, shape=2)
        pm.HalfNormal("s", 2, initval=5.0)
        pm.Normal("p", mu + 1, 1, initval="prior")
        pm.Normal("g", 0, 1, initval=mu * 2)
    first, second, third = model.initial_point(1), model.initial_point(1), model.initial_point(2)
    np.testing.assert_array_equal(first["x"], [3.0, 3.0])
    np.testing.assert_allclose(first["s_log__"], np.log(5))
    assert first["g"] == 6.0
    assert first["p"] == second["p"] != third["p"]
    assert abs(first["p"] - 4) < 6
    model.set_initval(mu, -1.0)
    np.testing.assert_array_equal(model.initial_point(1)["x"], [-1.0, -1.0])


def test_observations_keep_their_values_and_dtype():
    with pm.Model() as model:
        n = pm.Poisson("n", 2, observed=[1.0, 2.0])
        data = pm.Data("d", np.arange(3.0))
        x = pm.Normal("x", 0, 1, observed=data)
        pm.Normal("w", 0, 1, observed=[1, 2])
    np.testing.assert_array_equal(model.rvs_to_values[n].eval(), [1, 2])
    assert model.rvs_to_values[n].dtype == "int64"
    assert model.rvs_to_values[x] is data
    found = model.compile_logp(sum=False)({})
    np.testing.assert_allclose(found[0], stats.poisson.logpmf([1, 2], 2))
    np.testing.assert_allclose(found[1], stats.norm.logpdf([0, 1, 2]))
    np.testing.assert_allclose(found[2], stats.norm.logpdf([1, 2]))


def test_new_data_of_another_length_compiles_nothing():
    with pm.Model(coords={"row": [10, 20, 30]}) as model:
        x = pm.Data("x", [1.0, 2.0, 3.0], dims="row")
        y = pm.Data("y", [1.0, 1.0, 1.0], dims="row")
        slope = pm.Normal("slope", 0, 1)
        obs = pm.Normal("obs", slope * x, 1, observed=y, dims="row")
    logp = model.compile_logp()
    before = stats.norm.logpdf(0.5) + stats.norm.logpdf([1, 1, 1], [0.5, 1, 1.5]).sum()
    np.testing.assert_allclose(logp({"slope": 0.5}), before)
    with model:
        pm.set_data({"x": [4.0, 5.0], "y": [2.0, 2.0]}, coords={"row": [1, 2]})
    assert model.compile_logp() is logp
    np.testing.assert_allclose(logp({"slope": 0.5}), stats.norm.logpdf(0.5) + stats.norm.logpdf(2, [2, 2.5]).sum())
    assert model.coords["row"] == (1, 2)
    assert model.dim_lengths["row"].eval() == 2
    assert pm.draw(obs, random_seed=1).shape == (2,)


def test_data_that_cannot_be_set():
    with pm.Model(coords={"row": [10, 20], "fixed": [1, 2]}) as model:
        pm.Normal("first", 0, 1, dims="fixed")
        pm.Data("x", [1.0, 2.0], dims="row")
        pm.Data("late", [1.0, 2.0], dims="fixed")
        with pytest.raises(ValueError, match="2 labels"):
            pm.set_data({"x": [1.0]})
        with pytest.raises(pm.ShapeError, match="has 1 axes"):
            pm.set_data({"x": 1.0})
        with pytest.raises(pm.ShapeError, match=r"'fixed' cannot change.*'first'"):
            pm.set_data({"late": [1.0]}, coords={"fixed": [1]})
        with pytest.raises(TypeError, match="no data variable"):
            pm.set_data({"first": 1.0})
        with pytest.raises(pm.ShapeError, match="'fixed' cannot change"):
            model.set_dim("fixed", 3, [1, 2, 3])
    assert model["x"].get_value().tolist() == [1.0, 2.0]


def test_nested_models_prefix_their_names():
    with pm.Model(coords={"d": [1, 2]}) as outer:
        a = pm.Normal("a", 0, 1)
        with pm.Model(name="inner") as inner:
            b = pm.Normal("b", a, 1, dims="d")
            with pm.Model(name="most"):
                c = pm.HalfNormal("c", 1)
    assert (b.name, c.name) == ("inner::b", "inner::most::c")
    assert inner.parent is outer
    assert inner.root is outer
    assert outer.free_RVs == [a, b, c]
    assert inner.free_RVs == [b, c]
    assert inner["b"] is b is outer["inner::b"]
    assert outer.rvs_to_values[c].name == "inner::most::c_log__"
    log_c = -0.3
    point = {"a": 0.5, "inner::b": [0.1, 0.2], "inner::most::c_log__": log_c}
    of_c = stats.halfnorm.logpdf(np.exp(log_c)) + log_c
    of_b = stats.norm.logpdf([0.1, 0.2], 0.5).sum()
    np.testing.assert_allclose(outer.compile_logp()(point), stats.norm.logpdf(0.5) + of_b + of_c)


def test_contexts_are_left_again():
    with pm.Model() as outer:
        assert pm.modelcontext() is outer
        with pytest.raises(RuntimeError), pm.Model():
            raise RuntimeError
        assert pm.modelcontext() is outer
        assert pm.modelcontext(None) is outer
    assert pm.Model.get_context(error_if_none=False) is None


def test_the_model_as_text(regression):
    lines = regression.str_repr().splitlines()
    assert [line.split() for line in lines[:2]] == [
        ["mu", "~", "Normal(0,", "2)"],
        ["sigma", "~", "HalfNormal(0,", "3)"],
    ]
    assert lines[2].strip() == "theta ~ Normal(mu, sigma)"
    assert lines[4].strip() == "double ~ Deterministic(f(theta))"
    assert r"\begin{array}" in regression._repr_latex_()


def test_pandas_data():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"x": [1.0, 2.0], "n": [3, 4]}, index=pd.Index(["a", "b"], name="row"))
    with pm.Model() as model:
        x = pm.Data("x", frame["x"], infer_dims_and_coords=True)
        y = pm.Normal("y", x, 1, observed=frame["n"], dims="row")
    assert model.coords["row"] == ("a", "b")
    np.testing.assert_array_equal(model.rvs_to_values[y].eval(), [3.0, 4.0])


def test_public_names_are_lazy_and_all_there():
    code = (
        "import sys, pellucid as pm\n"
        "assert 'scipy' not in sys.modules\n"
        "assert 'Normal' in dir(pm) and 'sample' in dir(pm)\n"
        "missing = [n for n in pm.__all__ if not hasattr(pm, n)]\n"
        "assert not missing, missing\n"
        "assert pm.tensor is sys.modules['pellucid.tensor']\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="Nrmal"):
        _ = pm.Nrmal


@pytest.mark.parametrize("module", [pm, pm.tensor.math, pm.tensor.linalg], ids=lambda m: m.__name__)
def test_editors_see_the_names_that_are_loaded(module):
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    seen = {(node.module, alias.asname or alias.name) for node in imports for alias in node.names}
    table = {(place, name) for place, names in module.MODULES.items() for name in names.split()}
    assert {pair for pair in seen if pair[0] != "pellucid" and pair[1] != "*"} == table


def test_a_function_is_found_whatever_was_used_before():
    code = (
        "import pellucid.tensor as pt\n"
        "x = pt.dmatrix()\n"
        "assert x.compress([True], axis=0).ndim == 2\n"  # a method of a module that nobody has imported
        "assert pt.dvector()[0].ndim == 0 and x[x > 0].ndim == 1\n"  # indexing, whose function has no public name
        "assert pt.linalg.qz and pt.linalg.schur(x) and callable(pt.linalg.schur)\n"  # one file, two functions
        "assert callable(pt.shape) and callable(pt.softmax) and callable(pt.einsum)\n"  # as their modules were called
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_editors_see_the_distributions():
    tree = ast.parse(Path(pm.stats.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    modules = [node.module for node in block.body if isinstance(node, ast.ImportFrom)]
    files = [module.rsplit(".", 1)[1] for module in modules if ".families." in module]
    assert files == sorted(pm.stats.families.FAMILIES)
    folder = Path(pm.stats.families.__file__).parent
    declaring = [p.stem for p in folder.glob("*.py") if "\n@distribution" in p.read_text(encoding="utf-8")]
    assert set(declaring) <= set(files)  # composites are declared without the decorator
    pm.stats.families.load_all()
    assert {pm.stats.DISTRIBUTIONS[name].__name__ for name in pm.stats.DISTRIBUTIONS} <= set(pm.stats.families.PLACES)
