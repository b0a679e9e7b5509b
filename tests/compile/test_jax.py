"""The JAX backend: dtypes and shapes of every elementwise op, functions, draws, loops, models, and what it refuses.

The ops' values and gradients on this backend are checked with those of the others, in tests/tensor.
"""

import subprocess
import sys

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt
from pellucid.compile.backend import NotCompilable
from pellucid.compile.function import function
from pellucid.compile.numpy import evaluate
from pellucid.compile.shared import shared
from pellucid.graph.nodes import Op
from pellucid.stats import families
from pellucid.tensor.check import Assert
from pellucid.tensor.draws import LAWS, draw, shared_rng
from pellucid.tensor.elementwise import ELEMENTWISE
from pellucid.tensor.loop import Scan
from pellucid.tensor.types import TensorType
from pellucid.testing import arguments_for

jax = pytest.importorskip("jax", reason="JAX is an optional extra")
DTYPES = ("float64", "float32", "int64", "int8", "uint8", "bool")
SHAPES = ((), (0, 3), (2, 1))
PAIRS = (("int64", "float32"), ("float32", "float64"), ("float32", "int8"), ("bool", "int8"), ("int8", "int64"))


def compiled(inputs, outputs, **options):
    return function(inputs, outputs, backend="jax", **options)


def cases_of(op, rng):
    """Arguments in each dtype, each pair of dtypes, and each shape; fewer where one case takes a second to compile."""
    costly = op.floating and op.arity > 1
    if op.arity > 3:  # each value of 2F1 takes five seconds to compile, of nothing none
        yield arguments_for(op, "float32", [(4,)] * op.arity, rng)
        yield arguments_for(op, "int8", [(0, 3)] * op.arity, rng)
        return
    for dtype in ("float32", "int8") if costly else DTYPES:
        yield arguments_for(op, dtype, [(4,)] * op.arity, rng)
    for shape in ((0, 3),) if costly else SHAPES:
        yield arguments_for(op, "float64", [shape] * op.arity, rng)
    if op.arity == 2:
        for dtypes in PAIRS[: 1 if costly else None]:
            yield [arguments_for(op, d, [(3,)] * 2, rng)[i] for i, d in enumerate(dtypes)]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_dtypes_and_shapes(name):
    """One function per op, because compiling is what costs: all cases are its outputs."""
    op = ELEMENTWISE[name]
    inputs, outputs, given = [], [], []
    for arrays in cases_of(op, np.random.default_rng(3)):
        if name in ("pow", "reciprocal"):
            arrays = [np.abs(a) if a.dtype.kind != "b" else np.ones_like(a) for a in arrays]  # noqa: PLW2901
        variables = [TensorType(a.dtype.name, a.shape).variable() for a in arrays]
        try:
            outputs.append(op(*variables))
        except TypeError:  # not defined for these dtypes, on any backend
            continue
        inputs += variables
        given += arrays
    wanted = evaluate(outputs, dict(zip(inputs, given, strict=True)))
    for v, got, want in zip(outputs, compiled(inputs, outputs, rewrite=False)(*given), wanted, strict=True):
        assert (got.dtype, got.shape) == (want.dtype, want.shape), [u.type for u in v.owner.inputs]
        rtol = 2e-4 if "float32" in [u.dtype for u in v.owner.inputs] + [v.dtype] else 1e-11
        np.testing.assert_allclose(got, want, rtol=rtol, atol=1e-6 if rtol > 1e-6 else 1e-14, err_msg=str(v.owner))


def test_settings_of_the_user_stay():
    x = pt.vector("x")
    assert compiled([x], x * 2.0)([1.0]).dtype == np.float64
    assert jax.numpy.ones(1).dtype == np.float32


def test_pellucid_does_not_import_jax():
    code = "import sys, pellucid, pellucid.compile.function; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_jax_the_error_says_what_to_install():
    code = "import sys; sys.modules['jax'] = None; import pellucid.compile.backend as b; b.load_backend('jax')"
    found = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert "pip install 'pellucid[jax]'" in found.stderr


class TestFunctions:
    def test_outputs_and_copies(self):
        x = pt.vector("x")
        f = compiled([x], {"same": x, "number": pt.constant([1.0, 2.0]), "sum": x.sum()})
        given = np.array([1.0, 2.0])
        found = f(given)
        found["same"][0] = 9.0
        found["number"][0] = 9.0
        assert given[0] == 1.0
        assert f(given)["number"][0] == 1.0
        assert found["sum"] == 3.0

    def test_shared_state_and_updates(self):
        state, step = shared(np.arange(2.0), name="state"), pt.scalar("step")
        f = compiled([step], state.sum(), updates={state: state + step})
        assert [f(1.0), f(1.0)] == [1.0, 3.0]
        state.set_value(np.zeros(5))
        assert f(2.0) == 0.0
        np.testing.assert_array_equal(state.get_value(), [2.0] * 5)
        assert f.compile_report()["signatures"] == 2

    def test_large_constants_are_arguments(self):
        table, i = np.arange(5000.0), pt.lscalar("i")
        f = compiled([i], (pt.constant(table) * 2.0)[i])
        assert f(7) == 14.0
        assert len(f.executable.constants) == 1

    def test_lengths_follow_shapes(self):
        x = pt.matrix("x")
        f = compiled([x], [pt.arange(x.shape[0] * 2), x.reshape((-1,)), pt.zeros((x.shape[1], 2)), x[: x.shape[1] - 1]])
        for shape in ((2, 3), (3, 1), (0, 2)):
            given = np.ones(shape)
            for got, want in zip(f(given), function([x], f.outputs, backend="numpy")(given), strict=True):
                np.testing.assert_array_equal(got, want)
                assert got.dtype == want.dtype
        assert f.compile_report()["fixed_by_value"] == []

    def test_numbers_that_are_lengths_are_part_of_the_signature(self):
        n, x = pt.lscalar("n"), pt.vector("x")
        f = compiled([n, x], [pt.eye(n), x[:n]])
        for length in (2, 3, 2):
            eye, head = f(length, np.arange(4.0))
            assert eye.shape == (length, length)
            assert head.shape == (length,)
        report = f.compile_report()
        assert report["fixed_by_value"] == ["n"]
        assert report["signatures"] == 2
        assert report["backend"] == "jax"
        assert report["compile_and_link"] > 0

    def test_traced_positions(self):
        x, i = pt.matrix("x"), pt.lscalar("i")
        f = compiled([x, i], [x[i], x[i, 1:], pt.set_subtensor(x[i], 0.0), pt.inc_subtensor(x[:, i], 1.0)])
        given = np.arange(9.0).reshape(3, 3)
        for place in (0, 2, -1):
            wanted = function([x, i], f.outputs, backend="numpy")(given, place)
            for got, want in zip(f(given, place), wanted, strict=True):
                np.testing.assert_array_equal(got, want)
        assert f.compile_report()["signatures"] == 1

    def test_functions_that_jax_lacks_call_scipy(self):
        x = pt.vector("x")
        f = compiled([x], pt.erfcinv(x))
        np.testing.assert_allclose(f([0.5, 1.5]), pt.erfcinv([0.5, 1.5]).eval(), rtol=1e-15)
        assert f.compile_report()["callbacks"] == ["scipy.special.erfcinv"]

    def test_callbacks_with_large_arrays_do_not_wait_for_each_other(self):
        x = pt.vector("x")
        f = compiled([x], pt.erfcinv(pt.erfcinv(x) * 0.0 + 0.5).sum())
        assert f(np.full(200_000, 0.5)) == pytest.approx(200_000 * float(pt.erfcinv(0.5).eval()), rel=1e-12)

    def test_vectorized_and_differentiated(self):
        a, x = pt.matrix("a"), pt.vector("x")
        cost = (pt.softmax(a @ x, 0) * x).sum()
        outputs = [*pm.grad(cost, [a, x]), pm.vectorize_graph(cost, {x: pt.matrix("xs")})]
        xs = next(v for v in pm.graph.traverse.explicit_graph_inputs(outputs) if v.name == "xs")
        given = [np.random.default_rng(1).normal(size=s) for s in ((3, 3), (3,), (4, 3))]
        want = function([a, x, xs], outputs, backend="numpy")(*given)
        for got, value in zip(compiled([a, x, xs], outputs)(*given), want, strict=True):
            np.testing.assert_allclose(got, value, rtol=1e-12)


class TestErrors:
    def test_lengths_that_must_agree(self):
        x, y = pt.vector("x"), pt.vector("y")
        with pytest.raises(ValueError, match=r"length 2 in one and 3 in(.|\n)*'x'(.|\n)*'y'(.|\n)*test_jax.py"):
            compiled([x, y], x * y)([1.0, 2.0], [1.0, 2.0, 3.0])

    def test_positions_out_of_range(self):
        x, i, k = pt.vector("x"), pt.lvector("i"), pt.lscalar("k")
        for f, bad in [(compiled([x, i], x[i]), [0, 2]), (compiled([x, k], x[k]), -3),
                       (compiled([x, i], pt.inc_subtensor(x[i], 1.0)), [5])]:  # fmt: skip
            with pytest.raises(IndexError, match=r"out of range for axis 0 of length 2(.|\n)*test_jax.py"):
                f([1.0, 2.0], bad)

    def test_shapes_that_depend_on_data(self):
        x = pt.vector("x")
        for out in (pt.nonzero(x)[0], x[x > 0], pt.arange(x.sum()), pt.zeros(pt.cast(x[0], "int64"))):
            with pytest.raises(NotCompilable, match=r"JAX cannot compile(.|\n)*depends on(.|\n)*test_jax.py:\d+"):
                compiled([x], out)
        with pytest.raises(NotCompilable, match="poisson"):
            compiled([], pt.zeros(pt.random.poisson(3.0)))

    def test_ops_without_meaning(self):
        class Opaque(Op):
            def infer(self, x):
                return (x.type,)

            def impl(self, xp, x):
                return np.sort(np.asarray(x))

            def __str__(self):
                return "Opaque"

        x = pt.vector("x")
        with pytest.raises(NotCompilable, match=r"cannot compile Opaque(.|\n)*test_jax.py"):
            compiled([x], Opaque()(x))([1.0])

    def test_conditions_of_the_user(self):
        x = pt.scalar("x")
        f = compiled([x], pt.log(Assert("x must be positive")(x, x > 0)))
        assert f(1.0) == 0.0
        with pytest.raises(AssertionError, match="x must be positive"):
            f(-1.0)

    def test_strict_factors(self):
        a = pt.matrix("a")
        f = compiled([a], pt.cholesky(a, on_error="raise"))
        np.testing.assert_allclose(f(4 * np.eye(2)), 2 * np.eye(2))
        with pytest.raises(ValueError, match="Cholesky"):
            f(-np.eye(2))


PARAMETERS = {
    "normal": (1.0, 2.0), "halfnormal": (0.0, 2.0), "lognormal": (0.1, 0.3), "uniform": (1.0, 3.0),
    "exponential": (2.0,), "gamma": (2.0, 1.5),
    "invgamma": (5.0, 2.0), "beta": (2.0, 3.0), "t": (8.0, 1.0, 2.0), "laplace": (1.0, 0.5),
    "bernoulli": (0.3,), "binomial": (10, 0.4), "poisson": (3.5,), "nbinom": (4.0, 0.4), "integers": (2, 6),
    "discrete_uniform": (2, 6), "negative_binomial": (3.0, 2.0), "geometric": (0.3,), "categorical": ([0.2, 0.5, 0.3],),
    "dirichlet": ([0.5, 1.0, 3.0],), "multivariate_normal": ([1.0, 2.0], [[1.0, 0.0], [0.5, 2.0]]),
    "logistic": (1.0, 2.0), "gumbel": (1.0, 2.0), "weibull": (1.5, 2.0), "pareto": (6.0, 2.0), "chisquare": (3.0,),
    "truncexpon": (2.0, 1.0, 3.0), "gengamma": (3.0, 2.0, 1.5), "triangular": (0.0, 1.0, 4.0),
    "betabinom": (7, 2.0, 3.0), "discrete_weibull": (0.9, 0.8), "ordered_logistic": (0.3, [-1.0, 0.5, 2.0]),
    "ordered_probit": (0.3, [-1.0, 0.5, 2.0], 2.0), "dirac_delta": (2.5,), "whole_dirac_delta": (2,),
    "zero_inflated_poisson": (0.4, 2.5), "hurdle_poisson": (0.4, 0.2), "hurdle_lognormal": (0.4, 0.1, 0.5),
}  # fmt: skip
families.load_all()  # some laws are declared beside their densities


class TestDraws:
    @pytest.mark.parametrize("name", PARAMETERS)
    def test_laws_have_the_moments_of_numpy(self, name):
        law, n = LAWS[name], 20_000
        parameters = [np.asarray(p) for p in PARAMETERS[name]]
        drawn = draw(law, parameters, size=(n,), rng=shared_rng(5))
        got = compiled([], drawn)()
        want = law.sample(np.random.default_rng(6), (n,), *parameters).astype(law.dtype)
        assert (got.dtype, got.shape) == (want.dtype, want.shape)
        # Five standard errors of the difference of two means, of x and of (x - mean)**2.
        for f in (lambda x: x, lambda x: (x - want.mean(0)) ** 2):
            error = np.sqrt((f(got).var(0) + f(want).var(0)) / n)
            np.testing.assert_array_less(np.abs(f(got).mean(0) - f(want).mean(0)), 5 * error + 1e-12)

    @pytest.mark.parametrize("name", ["cauchy", "halfcauchy"])
    def test_heavy_tails_have_the_quartiles_of_numpy(self, name):
        drawn = compiled([], draw(LAWS[name], [1.0, 2.0], size=(20_000,), rng=shared_rng(5)))()
        want = LAWS[name].sample(np.random.default_rng(6), (20_000,), 1.0, 2.0)
        quarters = [0.25, 0.5, 0.75]
        np.testing.assert_allclose(np.quantile(drawn, quarters), np.quantile(want, quarters), atol=0.15)

    def test_new_at_each_call_and_repeatable(self):
        def run():
            rng = shared_rng(11)
            f = compiled([], [pt.random.normal(size=3, rng=rng), pt.random.poisson(4.0, size=3, rng=rng)])
            return [f(), f()]

        first, again = run(), run()
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first[0], first[1])

    def test_generators_move_on_through_updates(self):
        rng = shared_rng(1, name="rng")
        following, x = draw(LAWS["normal"], [0.0, 1.0], size=2, rng=rng).owner.outputs
        f = compiled([], x, updates={rng: following})
        assert not np.array_equal(f(), f())
        assert isinstance(rng.get_value(), np.random.Generator)

    def test_sizes_and_parameters_of_unknown_length(self):
        mu, n = pt.vector("mu"), pt.lscalar("n")
        f = compiled([mu, n], [pt.random.normal(mu, 1e-9), pt.random.normal(mu, 1e-9, size=(n, mu.shape[0]))])
        one, many = f([1.0, 2.0], 4)
        np.testing.assert_allclose(one, [1, 2], atol=1e-7)
        np.testing.assert_allclose(many, [[1, 2]] * 4, atol=1e-7)

    def test_parameters_outside_their_domain(self):
        sigma = pt.scalar("sigma")
        with pytest.raises(ValueError, match=r"normal_rv failed: the parameters need a scale(.|\n)*test_jax.py"):
            compiled([sigma], pt.random.normal(0.0, sigma))(-1.0)
        with pytest.raises(ValueError, match="Flat is improper"):
            compiled([], draw(LAWS["flat"], [], size=2))()


def test_models_have_the_log_density_of_the_interpreter():
    rng = np.random.default_rng(8)
    x, y, group = rng.normal(size=(20, 2)), rng.normal(size=20), rng.integers(0, 4, 20)
    with pm.Model() as linear:
        beta, sigma = pm.Normal("beta", 0.0, 1.0, shape=2), pm.HalfNormal("sigma", 1.0)
        pm.StudentT("y", nu=4.0, mu=pt.as_tensor_variable(x) @ beta, sigma=sigma, observed=y)
    with pm.Model() as groups:
        mu, tau = pm.Normal("mu", 0.0, 5.0), pm.HalfCauchy("tau", 2.0)
        effect = pm.Normal("effect", mu, tau, shape=4)
        pm.Poisson("count", pt.exp(effect[group]), observed=rng.poisson(2.0, 20))
    with pm.Model() as bounded:
        p, w = pm.Beta("p", 2.0, 3.0), pm.Dirichlet("w", np.ones(3))
        pm.Binomial("k", 10, p, observed=[3, 4])
        pm.Categorical("c", w, observed=[0, 2, 1])
    for model in (linear, groups, bounded):
        point = model.initial_point()
        for kind in ("compile_logp", "compile_dlogp"):
            want = getattr(model, kind)(backend="numpy")(point)
            np.testing.assert_allclose(getattr(model, kind)(backend="jax")(point), want, rtol=1e-11, atol=1e-12)


class TestLoops:
    def check(self, inputs, outputs, *given):
        f = compiled(inputs, outputs)
        for got, want in zip(f(*given), function(inputs, outputs, backend="numpy")(*given), strict=True):
            assert (got.dtype, got.shape) == (want.dtype, want.shape)
            np.testing.assert_allclose(got, want, rtol=1e-11)
        return f

    def test_states_sequences_and_gradients(self):
        a, x = pt.scalar("a"), pt.vector("x")
        rows = pm.scan(lambda e, s, k: k * s + pt.tanh(e), sequences=[x], outputs_info=[pt.constant(0.5)],
                       non_sequences=[a], return_updates=False)  # fmt: skip
        given = 0.7, np.random.default_rng(2).normal(size=6)
        self.check([a, x], [rows, *pm.grad((rows**2).sum(), [a, x])], *given)
        self.check([a, x], [rows], 0.7, np.empty(0))

    def test_steps_are_part_of_the_signature(self):
        n = pt.lscalar("n")
        rows = pm.scan(lambda s: 2.0 * s, outputs_info=[pt.constant(1.0)], n_steps=n, return_updates=False)
        f = self.check([n], [rows], 5)
        assert f.compile_report()["fixed_by_value"] == ["n"]

    def test_steps_until_a_condition(self):
        x = pt.scalar("x")
        step = lambda s: (2.0 * s, pm.until(2.0 * s > 50.0))  # noqa: E731
        rows = pm.scan(step, outputs_info=[x], n_steps=20, return_updates=False)
        loop = rows.owner.inputs[0].owner
        outputs = loop.outputs if isinstance(loop.op, Scan) else rows.owner.outputs
        self.check([x], list(outputs), 1.5)
        with pytest.raises(NotCompilable, match="Scan"):  # as many rows as there were steps
            compiled([x], rows)

    def test_choices_compile_once(self):
        x, v = pt.scalar("x"), pt.vector("v")
        out = pm.ifelse(x > 0.0, pt.exp(x) * v, v[0] + v)
        f = self.check([x, v], [out], 0.5, [1.0, 2.0])
        assert f.compile_report()["signatures"] == 1
        np.testing.assert_array_equal(f(-0.7, [1.0, 2.0]), [[2.0, 3.0]])
        assert f.compile_report()["signatures"] == 1

    def test_the_branch_not_taken_is_not_computed(self):
        x, v = pt.scalar("x"), pt.vector("v")
        f = self.check([x, v], [pm.ifelse(x > 0.0, pt.exp(x) * v, v[5] + v)], 0.5, [1.0, 2.0])
        with pytest.raises(IndexError, match="out of range"):
            f(-1.0, [1.0, 2.0])

    def test_batches_of_loops(self):
        x, xs = pt.vector("x"), pt.matrix("xs")
        rows = pm.scan(lambda e, s: pt.tanh(s) + e, x, pt.constant(0.5), return_updates=False)
        self.check([xs], [pm.vectorize_graph(rows, {x: xs})], np.random.default_rng(4).normal(size=(3, 5)))

    def test_draws_in_steps_are_new_each(self):
        rows = pm.scan(lambda s: s + pt.random.normal(), outputs_info=[pt.constant(0.0)], n_steps=2000)[0]
        steps = np.diff(compiled([], rows)())
        assert abs(steps.mean()) < 5 / np.sqrt(2000)
        assert abs(steps.std() - 1.0) < 0.1

    def test_positions_are_checked_in_every_step(self):
        x, i = pt.vector("x"), pt.lvector("i")
        rows = pm.scan(lambda k, v: v[k], sequences=[i], non_sequences=[x], return_updates=False)
        self.check([x, i], [rows], [1.0, 2.0], [1, 0, -1])
        with pytest.raises(IndexError, match="out of range"):
            compiled([x, i], rows)([1.0, 2.0], [0, 7, 0])
