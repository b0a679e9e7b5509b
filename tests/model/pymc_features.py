"""What a user of PyMC does, by capability: each function calls it as PyMC is called, and looks at what comes back.

The capabilities are the rows of docs/features.tsv; `tests/model/test_names.py` runs those that it says are here.
"""

import contextlib
import copy
import io
import pickle
import warnings

import numpy as np
import pytest
import xarray

import pellucid as pm
import pellucid.tensor as pt

RUN = {
    "draws": 20,
    "tune": 20,
    "chains": 2,
    "random_seed": 1,
    "progressbar": False,
}
EXAMPLES = {}


def capability(name):
    """Say which capability a function shows."""

    def remember(function):
        EXAMPLES[name] = function
        return function

    return remember


def regression():
    with pm.Model(coords={"g": ["a", "b"]}) as model:
        x = pm.Data("x", [0.0, 1.0, 2.0, 3.0], dims="obs")
        mu = pm.Normal("mu", dims="g")
        s = pm.HalfNormal("s")
        pm.Deterministic("twice", mu * 2, dims="g")
        pm.Normal("y", mu[0] + mu[1] * x, s, observed=[1.0, 2.5, 2.6, 4.2], dims="obs")
    return model


def fitted(**options):
    with regression() as model:
        return model, pm.sample(**RUN, **options)


# C. Models.


@capability("Context-manager model")
def _():
    with pm.Model(name="", coords={"a": [1]}, check_bounds=True, model=None) as model:
        assert pm.modelcontext(None) is pm.Model.get_context(error_if_none=False) is model
    pm.Normal("x", model=model)

    class Own(pm.Model):
        def __init__(self):
            super().__init__()
            pm.Normal("y")

    assert "x" in model
    assert "y" in Own()


@capability("Nested/prefixed models")
def _():
    with pm.Model() as outer, pm.Model("inner") as inner:
        pm.Normal("x")
    assert "inner::x" in outer.named_vars
    assert (inner.parent, inner.root, inner.isroot, inner.prefix) == (outer, outer, False, "inner")
    assert (inner.name_for("x"), inner.name_of("inner::x")) == ("inner::x", "x")


@capability("Variable containers")
def _():
    m = regression()
    assert [len(c) for c in (m.free_RVs, m.observed_RVs, m.basic_RVs, m.unobserved_RVs, m.deterministics)] == [
        2, 1, 3, 3, 1,
    ]  # fmt: skip
    assert (m.potentials, len(m.data_vars), len(m.named_vars)) == ([], 1, 5)


@capability("Value variables & transforms maps")
def _():
    m = regression()
    assert [v.name for v in m.value_vars] == ["mu", "s_log__"]
    assert [v.name for v in m.unobserved_value_vars][:2] == ["mu", "s_log__"]
    assert m.continuous_value_vars == m.value_vars
    assert m.discrete_value_vars == []
    assert m.values_to_rvs[m.rvs_to_values[m["s"]]] is m["s"]
    assert m.rvs_to_transforms[m["s"]] is not None
    assert m.rvs_to_initial_values[m["s"]] is None


@capability("Registering API")
def _():
    with pm.Model(coords={"a": [1, 2]}) as m:
        rv = m.register_rv(pm.Normal.dist(0, 1, shape=2), name="r", observed=None, dims="a", initval=None)
        m.add_coord("c", [1, 2], length=2)
        m.add_coords({"e": [1]}, lengths=None)
        m.set_initval(rv, np.ones(2))
        m.set_initval(rv_var=rv, initval=None)
        pm.Data("x", np.zeros(2), dims="k")
        m.set_dim("k", 2)
        x = pm.math.exp(rv)
        x.name = "x2"
        m.add_named_variable(x, dims="a")
        v = pm.Gamma.dist(2, 1, name="v")
        value = m.create_value_var(v, default_transform=None, transform=None, value_var=None)
        o = pm.Normal.dist(0, 1, shape=3, name="o")
        m.make_obs_var(o, np.zeros(3), None, None, None, None)
    assert value.name == "v"
    assert m.observed_RVs == [o]


@capability("Lookup/copy")
def _():
    m = regression()
    assert "mu" in m
    assert m["mu"] is m.named_vars["mu"]
    others = [m.copy(), copy.copy(m), copy.deepcopy(m), pickle.loads(pickle.dumps(m))]  # noqa: S301
    found = [float(n.compile_logp()(n.initial_point())) for n in (m, *others)]
    assert len(set(found)) == 1


@capability("Symbolic logp family")
def _():
    m = regression()
    at = {"mu": np.array([0.1, 0.2]), "s_log__": np.array(0.7)}
    parts = [float(t.eval(at)) for t in (m.varlogp, m.observedlogp)]
    assert np.isclose(sum(parts), m.logp(vars=None, jacobian=True, sum=True).eval(at))
    assert len(m.logp(sum=False)) == 3
    assert m.dlogp(vars=None, jacobian=False).eval(at).shape == (3,)
    assert m.d2logp(negate_output=False).eval(at).shape == (3, 3)
    assert float(m.datalogp.eval(at)) == parts[1]
    assert float(m.potentiallogp.eval()) == 0
    assert np.isclose(float(m.varlogp_nojac.eval(at)), parts[0] - 0.7)


@capability("Compiled logp family")
def _():
    m = regression()
    at = m.initial_point()
    slope = m.compile_dlogp(m.continuous_value_vars)(at)
    assert m.compile_d2logp()(at).shape == (3, 3)
    f = m.logp_dlogp_function(ravel_inputs=True, initial_point=at)
    logp, joined = f(np.zeros(3))
    assert np.isclose(logp, m.compile_logp()(at))
    np.testing.assert_allclose(joined, slope)
    total = m.compile_fn(m["mu"].sum(), inputs=[m["mu"]], point_fn=False, mode=None, on_unused_input="ignore")
    assert total(np.ones(2)) == 2


@capability("Initial point")
def _():
    with pm.Model() as m:
        x = pm.Normal("x", initval="prior")
        y = pm.Normal("y", initval="support_point")
        pm.Normal("z", initval=2.0)
        pm.Normal("w", initval=y + 1)
    at = m.initial_point(random_seed=1)
    assert (at["y"], at["z"], at["w"]) == (0, 2, 1)
    assert at["x"] != 0
    m.set_initval(x, 3.0)
    assert m.initial_point()["x"] == 3
    with m:
        pm.sample(**RUN, initvals={"x": 1.0})


@capability("Start value check")
def _():
    m = regression()
    m.check_start_vals(m.initial_point())
    assert set(m.point_logps(m.initial_point(), round_vals=3)) == {"mu", "s", "y"}
    with pytest.raises(pm.SamplingError, match="mu"):
        m.check_start_vals({**m.initial_point(), "mu": [np.nan, 0.0]})


@capability("debug")
def _():
    for fn in ("logp", "dlogp", "random"):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            regression().debug(point=None, fn=fn, verbose=True)
        assert out.getvalue()


@capability("Shapes")
def _():
    m = regression()
    assert m.eval_rv_shapes()["mu"] == (2,)
    assert [int(n.eval()) if hasattr(n, "eval") else n for n in m.shape_from_dims(("g", "obs"))] == [2, 4]
    assert int(m.dim_lengths["obs"].eval()) == 4


@capability("Summaries")
def _():
    m = regression()
    assert "y ~ Normal" in m.str_repr(formatting="plain", include_params=True)
    assert m._repr_latex_().startswith("$$")
    assert "HalfNormal" in str(m.table(split_groups=True, truncate_deterministic=10, parameter_count=True))


@capability("Graphs")
def _():
    m = regression()
    options = {"formatting": "plain", "save": None, "figsize": None, "dpi": 300, "node_formatters": None}
    picture = pm.model_to_graphviz(m, var_names=["y"], graph_attr=None, include_dim_lengths=True, **options)
    assert "mu" in str(picture.source)
    assert m.to_graphviz() is not None
    assert "mu" in pm.model_to_mermaid(m, var_names=None, include_dim_lengths=True)


@capability("RV declaration kwargs")
def _():
    with pm.Model(coords={"a": [1, 2]}) as m:
        pm.HalfNormal("x", 1, dims="a", initval=[1.0, 1.0], transform=None or pm.distributions.transforms.log,
                      default_transform=None)  # fmt: skip
        pm.Normal("y", 0, 1, shape=(2,), observed=[1.0, 2.0], total_size=10)
        pm.Normal("z", mu=0, sigma=1, size=2, rng=pm.shared_rng(1))
        pm.Normal("v", tau=2.0)
    assert [v.name for v in m.value_vars] == ["x_log__", "z", "v"]


@capability("Unnamed variables")
def _():
    assert pm.Normal.dist(0, 1, shape=(2,)).type.shape == pm.Normal.dist(0, 1, size=2).type.shape == (2,)
    following, x = pm.Normal.dist(0, 1, return_next_rng=True)
    assert pm.Normal.dist(x, 1, rng=following).ndim == 0


@capability("Deterministic")
def _():
    with pm.Model(coords={"a": [1, 2]}) as m:
        pm.Deterministic("d", pt.ones(2) * pm.Normal("x"), model=m, dims="a")
        result = pm.sample(**RUN)
    assert result.posterior["d"].dims == ("chain", "draw", "a")


@capability("Potential")
def _():
    with pm.Model(coords={"a": [1, 2]}) as m:
        pm.Potential("p", pt.ones(2), model=m, dims="a")
    assert float(m.compile_logp()({})) == 2


@capability("Data")
def _():
    frame = xarray.DataArray(np.zeros((2, 1)), dims=("row", "column"), coords={"row": ["u", "v"]})
    with pm.Model() as m:
        pm.Data("x", np.zeros(2), dims=["a"], coords={"a": ["p", "q"]})
        pm.Data("table", frame, infer_dims_and_coords=True)
    assert m.coords["row"] == ("u", "v")
    assert m.named_vars_to_dims["table"] == ("row", "column")


@capability("set_data / out-of-sample")
def _():
    with pm.Model(coords={"o": ["a", "b"]}) as m:
        x = pm.Data("x", [1.0, 2.0], dims="o")
        pm.Normal("y", pm.Normal("b") * x, observed=pm.Data("seen", [1.0, 2.0], dims="o"), dims="o")
        draws = pm.sample(**RUN)
        labels = {"o": ["c", "d", "e"]}
        pm.set_data({"x": [1.0, 2.0, 3.0], "seen": np.zeros(3)}, coords=labels)
        new = pm.sample_posterior_predictive(draws, predictions=True, progressbar=False)
    assert list(new["predictions"]["o"].values) == ["c", "d", "e"]
    m.set_data("x", [1.0, 2.0, 4.0], coords=labels)


@capability("Missing-data imputation")
def _():
    with warnings.catch_warnings(), pm.Model() as m:
        warnings.simplefilter("ignore")
        pm.Normal("x", observed=[1, np.nan, 2.0])
        pm.Normal("z", observed=np.ma.masked_values([1.0, -1.0], -1.0))
    assert {"x", "x_unobserved", "x_observed", "z_unobserved"} <= set(m.named_vars)


@capability("Transforms")
def _():
    t = pm.distributions.transforms
    names = (
        "log log_exp_m1 logodds simplex ordered circular Interval Ordered ZeroSumTransform CholeskyCovPacked Chain "
        "sum_to_1 CholeskyCovTransform CholeskyCorrTransform Transform"
    )
    assert [n for n in names.split() if not hasattr(t, n)] == []
    with pm.Model() as m:
        pm.Normal("x", [0.0, 1.0], transform=t.ordered, initval=[0.0, 1.0])
        pm.Normal("i", transform=t.Interval(0, 1), initval=0.5)
        found = pm.sample(**RUN)
    assert (found.posterior["x"].diff("x_dim_0") > 0).all()
    assert [v.name for v in m.value_vars] == ["x_ordered__", "i_interval__"]


@capability("Constraint checks")
def _():
    with pytest.raises(pm.ParameterValueError):
        pm.draw(pm.Normal.dist(0, -1.0))
    with pm.Model(check_bounds=True) as m:
        pm.Normal("x", 0, pm.Normal("s"))
    assert m.compile_logp()({"s": -1.0, "x": 0.0}) == -np.inf


@capability("coords on model")
def _():
    with pm.Model(coords={"a": [1, 2]}) as m:
        m.add_coords({"b": ["x"]})
        m.add_coord("c", length=3)
        pm.Data("d", np.zeros(3), dims="c")
        pm.set_data({"d": np.zeros(5)})
    assert m.coords["a"] == (1, 2)
    assert int(m.dim_lengths["c"].eval()) == 5


@capability("dims on RVs/Deterministic/Data/Potential")
def _():
    with pm.Model(coords={"a": [1, 2]}) as m:
        pm.Normal("x", dims=("a",))
        pm.Normal("y", dims=["a", "n"], shape=(2, 3))
    assert m.named_vars_to_dims == {"x": ("a",), "y": ("a", "n")}


@capability("`pymc.dims` module")
def _():
    with pm.Model(coords={"g": ["a", "b"], "row": range(3)}) as m:
        where = pm.dims.Data("where", [0, 1, 1], dims="row")
        level = pm.dims.Normal("level", 0, 1, dims="g")
        line = pm.dims.Deterministic("line", level.isel(g=where) - level.mean("g"))
        seen = pm.dims.as_xtensor(np.ones(3), dims="row")
        pm.dims.Normal("y", line, pm.dims.math.exp(pm.dims.as_xtensor(0.5)), observed=seen)
    assert line.dims == ("row",)
    assert m.named_vars_to_dims["y"] == ("row",)
    assert np.isclose(m.compile_logp()({"level": [0.0, 0.0]}), -5 * 0.9189385 - 1.5 - 1.5 * np.exp(-1))


@capability("Coord validation")
def _():
    with pm.Model(coords={"a": [1, 2]}), pytest.raises(ValueError, match="'b'"):
        pm.Normal("x", dims="b")
    with pm.Model(coords={"a": [1, 2]}), pytest.raises(ValueError, match="'x'"):
        pm.Normal("x", shape=3, dims="a")


@capability("logp / logcdf / logccdf / icdf")
def _():
    x = pm.Gamma.dist(2, 1)
    below, above = (np.exp(f(x, 1.5, warn_rvs=False).eval()) for f in (pm.logcdf, pm.logccdf))
    assert np.isclose(below + above, 1)
    assert np.isclose(pm.icdf(x, float(below), warn_rvs=False).eval(), 1.5)
    assert np.isclose(pm.logp(x, 1.5).eval(), np.log(1.5) - 1.5)


@capability("Univariate transforms")
def _():
    x, positive = pm.Normal.dist(1, 1), pm.Gamma.dist(2, 1)
    for f in (pt.exp, pt.softplus, pt.sigmoid, pt.sinh, pt.arctan, pt.erf, pt.tanh, pt.neg, pt.abs, pt.sqr):
        assert np.isfinite(pm.logp(f(x), 0.3 if f is not pt.neg else -0.3).eval()), f
    for f in (pt.log, pt.log1p, pt.sqrt, pt.reciprocal, pt.expm1):
        assert np.isfinite(pm.logp(f(positive), 0.3).eval()), f
    assert np.isclose(pm.logp(2 + 3 * x, 5.0).eval(), pm.logp(x, 1.0).eval() - np.log(3))


@capability("Clipping/rounding/censoring")
def _():
    x = pm.Normal.dist()
    for y in (pt.clip(x, -1, 1), pt.maximum(x, 0), pt.floor(x), pt.ceil(x), pt.round(x)):
        assert np.isfinite([pm.logp(y, 0.0).eval(), pm.logcdf(y, 0.0).eval()]).all()


@capability("Mixtures")
def _():
    x, y, b = pm.Normal.dist(0), pm.Normal.dist(3), pm.Bernoulli.dist(0.3)
    written = [pt.switch(b, y, x), pt.stack([x, y])[b], pm.ifelse(b, y, x)]
    found = [float(pm.logp(w, 1.0).eval()) for w in written]
    assert np.allclose(found, pm.logp(pm.Mixture.dist([0.7, 0.3], [x, y]), 1.0).eval())


@capability("Tensor ops")
def _():
    x, y = pm.Normal.dist(shape=3), pm.Normal.dist(shape=2)
    for graph, shape in (
        (pt.stack([y, pm.Normal.dist(shape=2)]), (2, 2)), (pt.join(0, x, y), (5,)), (x[None].T, (3, 1)),
        (x[::-1], (3,)), (x[None].squeeze(0), (3,)), (x.reshape((3, 1)), (3, 1)), (x[1:], (2,)),
    ):  # fmt: skip
        assert pm.logp(graph, np.zeros(shape)).eval().shape == shape


@capability("Scan")
def _():
    walk = pm.scan(lambda p: pm.Normal.dist(p, 1), outputs_info=pt.as_tensor(0.0), n_steps=3, return_updates=False)
    assert np.isclose(pm.logp(walk, np.zeros(3)).eval().sum(), -1.5 * np.log(2 * np.pi))


@capability("Density checks")
def _():
    with pytest.warns(UserWarning, match="depends on draws without values"):
        pm.logp(pm.Normal.dist(pm.Normal.dist()), 0.0, warn_rvs=True)
    with pytest.raises(pm.ParameterValueError):
        pm.Normal.dist(0, -1.0)


@capability("do")
def _():
    other = pm.do(regression(), {"mu": [1.0, 1.0]}, make_interventions_shared=False, prune_vars=True)
    assert [v.name for v in other.free_RVs] == ["s"]


@capability("observe")
def _():
    with pm.Model() as m:
        x = pm.Normal("x")
        pm.Normal("y", x)
    assert [v.name for v in pm.observe(m, {"y": 1.0}).observed_RVs] == ["y"]
    assert [v.name for v in pm.observe(m, {m["y"]: 1.0}).free_RVs] == ["x"]


@capability("change/remove value transforms")
def _():
    assert [v.name for v in pm.change_value_transforms(regression(), {"s": None}).value_vars] == ["mu", "s"]
    assert [v.name for v in pm.remove_value_transforms(regression(), ["s"]).value_vars] == ["mu", "s"]


@capability("freeze dims and data")
def _():
    assert pm.freeze_dims_and_data(regression(), dims=["obs"], data=["x"])["y"].type.shape == (4,)


@capability("Marginalise discrete / conjugate / Laplace")
def _():
    with pm.Model() as m:
        pm.Normal("y", pm.Bernoulli("z", 0.3), observed=1.0)
    summed = pm.marginalize(m, ["z"])
    both = 0.7 * np.exp(-0.5) + 0.3
    assert np.isclose(summed.compile_logp()({}), np.log(both / np.sqrt(2 * np.pi)))


@capability("Auto reparametrisation (VIP)")
def _():
    with pm.Model() as m:
        pm.Normal("x", 0, pm.HalfNormal("s"), shape=2)
    assert [v.name for v in pm.non_centered(m).free_RVs] == ["s", "x_raw"]


@capability("`pm.math` namespace")
def _():
    names = (
        "dot exp invlogit softmax logsumexp kronecker kron_dot block_diag expand_packed_triangular cartesian "
        "flat_outer batched_diag logdet log sigmoid logit probit invprobit switch where stack concatenate sum mean "
        "sqrt abs log1pexp log1mexp full ones zeros minimum maximum clip erf gt lt ge le eq neq and_ or_ matmul "
        "matrix_inverse"
    )
    assert [n for n in names.split() if not hasattr(pm.math, n)] == []


@capability("`pm.compile`, `compile_fn`, `pytensorf` helpers")
def _():
    x = pt.dscalar("x")
    assert pm.pytensorf.compile([x], 2 * x, mode=None)(1.0) == 2
    assert pm.pytensorf.floatX(1).dtype == np.float64
    assert float(pm.pytensorf.gradient(x**2, [x]).eval({x: 3.0})[0]) == 6


@capability("Model printing")
def _():
    assert "HalfNormal" in pm.printing.str_for_model(regression(), formatting="plain", include_params=False)
    assert pm.printing.str_for_dist(pm.Normal.dist(0, 2)) == "Normal(0, 2)"
    assert pm.model_table(regression()).parameters == 3


@capability("Exceptions")
def _():
    names = (
        "SamplingError IncorrectArgumentsError ShapeError ShapeWarning DtypeError ImputationWarning "
        "ImplicitFreezeWarning NotConstantValueError TruncationError BlockModelAccessError TraceDirectoryError "
        "UndefinedMomentException"
    )
    for name in names.split():
        assert issubclass(getattr(pm.exceptions, name), Exception)
    with pytest.raises(pm.exceptions.IncorrectArgumentsError), pm.Model():
        pm.sample()


# D. Inference.


@capability("`pm.sample`")
def _():
    _, found = fitted(
        cores=1, step=None, var_names=["mu"], nuts_sampler="pymc", initvals=[{}, {"s": 1.0}], init="jitter+adapt_diag",
        jitter_max_retries=3, n_init=10, trace=None, discard_tuned_samples=False, keep_warning_stat=True, quiet=True,
        return_inferencedata=True, idata_kwargs={"log_likelihood": True}, callback=lambda trace, draw: None,
        mp_ctx="spawn", blas_cores=1, compile_kwargs={"mode": "NUMBA"}, nuts={"max_treedepth": 3},
    )  # fmt: skip
    assert {"posterior", "sample_stats", "warmup_posterior", "log_likelihood", "observed_data"} <= set(found.children)
    assert list(found.posterior.data_vars) == ["mu"]


@capability("Step assignment")
def _():
    with pm.Model() as m:
        pm.Normal("x")
        k = pm.Poisson("k", 2)
        b = pm.Bernoulli("b", 0.2)
        found = pm.sample(**RUN, step=[pm.Metropolis([k])])
    assert {"accept_k", "accept_b", "step_size"} <= set(found.sample_stats)
    assert m.free_RVs[2] is b


@capability("Sampler stats")
def _():
    _, found = fitted()
    expected = (
        "diverging energy energy_error max_energy_error tree_depth reached_max_treedepth step_size step_size_bar "
        "acceptance_rate n_steps lp index_in_trajectory"
    )
    assert set(expected.split()) <= set(found.sample_stats)


@capability("Convergence report")
def _():
    _, found = fitted()
    assert {"mean", "sd", "ess_bulk", "r_hat"} <= set(pm.summary(found, kind="all").columns)


@capability("NUTS")
def _():
    with regression():
        step = pm.NUTS(target_accept=0.9, max_treedepth=4, early_max_treedepth=3, step_scale=0.1, Emax=1000)
        found = pm.sample(**RUN, step=step)
    assert int(found.sample_stats["tree_depth"].max()) <= 4


@capability("Mass-matrix inits")
def _():
    for init in ("adapt_diag", "jitter+adapt_diag_grad", "adapt_full", "jitter+map", "advi+adapt_diag"):
        fitted(init=init)


@capability("Metropolis")
def _():
    with regression() as m:
        pm.sample(**RUN, step=pm.Metropolis([m["mu"], m["s"]], scaling=1.0, tune=True, tune_interval=100, model=m))


@capability("Slice")
def _():
    with regression() as m:
        pm.sample(**RUN, step=pm.Slice([m["mu"], m["s"]], w=1.0, tune=True, max_steps=100, blocked=False))


@capability("BinaryMetropolis, BinaryGibbsMetropolis, CategoricalGibbsMetropolis")
def _():
    with pm.Model():
        b = pm.Bernoulli("b", 0.3, shape=2)
        d = pm.Categorical("d", [0.2, 0.3, 0.5])
        steps = [pm.BinaryMetropolis([b], scaling=1.0), pm.CategoricalGibbsMetropolis([d], proposal="uniform")]
        pm.sample(**RUN, step=steps)
        found = pm.sample(**RUN, step=pm.BinaryGibbsMetropolis([b], order="random", transit_p=0.8))
    assert set(np.unique(found.posterior["d"])) <= {0, 1, 2}


@capability("CompoundStep / BlockedStep API")
def _():
    with regression() as m:
        found = pm.sample(**RUN, step=pm.CompoundStep([pm.Slice([m["s"]]), pm.NUTS([m["mu"]])]))
    assert {"accept_s", "tree_depth"} <= set(found.sample_stats)


@capability("External NUTS")
def _():
    _, own = fitted()
    _, named = fitted(nuts_sampler="nutpie", nuts_sampler_kwargs={"backend": "numba"})
    assert own.posterior.equals(named.posterior)


@capability("`pm.draw`")
def _():
    x = pm.Normal.dist()
    one, two = pm.draw([x, x + 1], draws=3, random_seed=1, backend=None)
    np.testing.assert_allclose(two, one + 1)


@capability("`sample_prior_predictive`")
def _():
    with regression():
        found = pm.sample_prior_predictive(draws=5, var_names=["mu", "y"], random_seed=1, idata_kwargs={})
        plain = pm.sample_prior_predictive(5, random_seed=1, return_inferencedata=False, compile_kwargs={})
    assert {"prior", "prior_predictive", "observed_data"} <= set(found.children)
    assert plain["y"].shape[-1] == 4


@capability("`sample_posterior_predictive`")
def _():
    m, draws = fitted()
    with m:
        found = pm.sample_posterior_predictive(
            draws, var_names=["y"], sample_vars=None, freeze_vars=None, sample_dims=["chain", "draw"], random_seed=1,
            progressbar=False, return_inferencedata=True, extend_inferencedata=True, predictions=False,
        )  # fmt: skip
    assert found is draws
    assert found["posterior_predictive"]["y"].shape == (2, 20, 4)


@capability("`compute_deterministics`")
def _():
    m, draws = fitted()
    found = pm.compute_deterministics(draws["posterior"].to_dataset()[["mu", "s"]], var_names=["twice"], model=m)
    np.testing.assert_allclose(found["twice"], draws["posterior"]["twice"])


@capability("`compute_log_likelihood`, `compute_log_prior`")
def _():
    m, draws = fitted()
    with m:
        pm.compute_log_likelihood(draws, var_names=["y"], extend_inferencedata=True, progressbar=False)
        pm.compute_log_prior(draws)
    assert draws["log_likelihood"]["y"].shape == (2, 20, 4)
    assert draws["log_prior"]["mu"].shape == (2, 20, 2)


@capability("`pm.fit`")
def _():
    with regression():
        options = {
            "callbacks": [lambda approx, losses, i: None],
            "obj_optimizer": pm.adagrad_window(learning_rate=0.01),
        }
        approx = pm.fit(n=50, method="advi", random_seed=1, progressbar=False, **options)
        pm.fit(20, method="fullrank_advi", progressbar=False)
        found = pm.ADVI(random_seed=1).fit(20, progressbar=False).sample(10)
    assert approx.hist.shape == (50,)
    assert found.posterior["mu"].shape == (1, 10, 2)


@capability("Pathfinder")
def _():
    with regression():
        found = pm.fit_pathfinder(num_paths=2, num_draws=50, random_seed=1)
        assert dict(found["posterior"].sizes)["draw"] == 50
        assert len(pm.fit(method="pathfinder", num_paths=2, random_seed=1).elbo) == 2


@capability("Laplace / INLA")
def _():
    with regression():
        assert "covariance_matrix" in pm.fit_laplace(draws=10, random_seed=1)["fit"]


@capability("`find_MAP`")
def _():
    with regression() as m:
        best = pm.find_MAP()
        same = pm.find_MAP(
            method="L-BFGS-B", vars=None, initvals={"mu": [1.0, 1.0]}, use_grad=True, jitter=True, random_seed=1,
            jitter_max_retries=3, progressbar=False, model=m,
        )  # fmt: skip
        tree = pm.find_MAP("Powell", return_inferencedata=True, compute_hessian=True)
    np.testing.assert_allclose(best["mu"], same["mu"], atol=1e-3)
    np.testing.assert_allclose(best["mu"], tree["posterior"]["mu"].values[0, 0], atol=1e-2)


# E. Results and presentation.


@capability("ArviZ 1.x / xarray DataTree output with coords/dims")
def _():
    m, found = fitted(idata_kwargs={"log_likelihood": True, "log_prior": True}, discard_tuned_samples=False)
    with m:
        pm.sample_posterior_predictive(found, extend_inferencedata=True, progressbar=False)
        found.update(pm.sample_prior_predictive(10))
    groups = (
        "posterior sample_stats warmup_posterior warmup_sample_stats observed_data constant_data log_likelihood "
        "log_prior posterior_predictive prior prior_predictive"
    )
    assert set(groups.split()) <= set(found.children)
    assert found["posterior"]["mu"].dims == ("chain", "draw", "g")
    attributes = "created_at creation_library creation_library_version creation_library_language inference_library"
    assert set(f"{attributes} sample_dims inference_library_version sampling_time tuning_steps".split()) <= set(
        found["posterior"].attrs
    )


@capability("Plots & stats re-exports")
def _():
    with pytest.raises(AttributeError, match="no_such_plot"):
        _ = pm.plots.no_such_plot
    assert {"ess", "rhat", "mcse", "hdi", "eti", "bfmi", "summary"} <= set(dir(pm))


@capability("LOO/WAIC/compare, psense")
def _():
    arviz_stats = pytest.importorskip("arviz_stats")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with regression():
            densities = {"log_likelihood": True, "log_prior": True}
            draws = pm.sample(**{**RUN, "draws": 200, "tune": 200}, idata_kwargs=densities)
            other = pm.sample(**{**RUN, "draws": 200, "random_seed": 2}, idata_kwargs={"log_likelihood": True})
        assert np.isfinite(arviz_stats.loo(draws).elpd)
        assert set(arviz_stats.compare({"a": draws, "b": other}).index) == {"a", "b"}
        assert "mu[a]" in arviz_stats.psense_summary(draws).index


@capability("NumPy, masked arrays, pandas")
def _():
    pandas = pytest.importorskip("pandas")
    series = pandas.Series([1.0, 2.0], index=pandas.Index(["u", "v"], name="who"))
    with pm.Model() as m:
        pm.Data("s", series, infer_dims_and_coords=True)
        pm.Normal("y", observed=series)
    assert m.coords["who"] == ("u", "v")


@capability("Jupyter LaTeX repr, graphviz/mermaid, rich tables, marimo display")
def _():
    m = regression()
    assert m._repr_latex_()
    assert m.table()._repr_html_().startswith("<table>")
    assert m.to_graphviz()._repr_svg_().lstrip().startswith("<svg")
    assert m._display_()._repr_svg_() == m.to_graphviz()._repr_svg_()


@capability("LaTeX of distributions/model")
def _():
    assert r"\sim" in regression().str_repr(formatting="latex")
    assert r"\text" in pm.printing.str_for_dist(pm.Normal.dist(0, 2), formatting="latex")
