"""Transforms of variables in models: by default, replaced, chained, and written by users."""

import numpy as np
import pytest
from scipy import stats

import pellucid as pm
import pellucid.tensor as pt
from pellucid.distributions import transforms as tr


class Asinh(tr.Transform):
    """Real numbers by their inverse hyperbolic sine."""

    name = "asinh"

    def forward(self, value, *inputs):
        return pt.arcsinh(value)

    def backward(self, value, *inputs):
        return pt.sinh(value)

    def log_jac_det(self, value, *inputs):
        return pt.log(pt.cosh(value))


def test_public_names():
    assert set(tr.__all__) <= set(dir(pm.distributions.transforms))
    for name in ("log", "logodds", "ordered", "simplex", "circular", "sum_to_1", "log_exp_m1"):
        assert isinstance(getattr(tr, name), tr.Transform)
    assert pm.distributions.Normal is pm.Normal
    assert pm.logprob.conditional_logp is pm.conditional_logp
    with pytest.raises(AttributeError, match="no attribute 'Nomal'"):
        pm.distributions.Nomal  # noqa: B018


def test_a_transform_of_a_user():
    with pm.Model() as model:
        x = pm.Normal("x", 1.0, 2.0, shape=2, transform=Asinh())
        pm.Normal("y", x, 1.0, observed=[0.3, -0.2])
    assert isinstance(model.rvs_to_transforms[x], Asinh)
    point = {"x_asinh__": np.array([0.4, -1.3])}
    own = np.sinh(point["x_asinh__"])
    expected = (
        stats.norm(1, 2).logpdf(own) + np.log(np.cosh(point["x_asinh__"])) + stats.norm(own, 1).logpdf([0.3, -0.2])
    )
    assert model.compile_logp()(point) == pytest.approx(expected.sum(), rel=1e-12)
    assert model.compile_logp(jacobian=False)(point) == pytest.approx(
        expected.sum() - np.log(np.cosh(point["x_asinh__"])).sum(), rel=1e-12
    )
    step, plus = 1e-6, {}
    for i in range(2):
        moved = [point["x_asinh__"] + s * step * (np.arange(2) == i) for s in (1, -1)]
        plus[i] = np.diff([model.compile_logp()({"x_asinh__": v}) for v in moved])[0] / (-2 * step)
    np.testing.assert_allclose(model.compile_dlogp()(point), [plus[0], plus[1]], rtol=1e-6)
    idata = pm.sample(300, tune=300, chains=2, model=model, random_seed=1, progressbar=False)
    precise = 1 / (1 / 4 + 1)  # the posterior of a normal mean
    np.testing.assert_allclose(
        idata.posterior["x"].mean(("chain", "draw")).values, precise * (1 / 4 + np.array([0.3, -0.2])), atol=0.25
    )


NAMED = {
    "log": (lambda: pm.Exponential("x", 1.0), "x_log__"),
    "logodds": (lambda: pm.Beta("x", 2.0, 2.0), "x_logodds__"),
    "interval": (lambda: pm.Uniform("x", -1.0, 3.0), "x_interval__"),
    "simplex": (lambda: pm.Dirichlet("x", np.ones(3)), "x_simplex__"),
    "none by default": (lambda: pm.Normal("x", 0, 1), "x"),
    "ordered": (lambda: pm.Normal("x", 0, 1, shape=3, transform=tr.ordered, initval=[-1.0, 0.0, 1.0]), "x_ordered__"),
    "chained": (
        lambda: pm.HalfNormal("x", 1, shape=3, transform=tr.ordered, initval=[0.1, 0.2, 0.3]), "x_log+ordered__"),
    "replaced": (lambda: pm.HalfNormal("x", 1, default_transform=tr.log_exp_m1), "x_log_exp_m1__"),
    "bounded": (lambda: pm.Normal("x", 0, 1, transform=tr.Interval(-1.0, 2.0), initval=0.5), "x_interval__"),
    "switched off": (lambda: pm.HalfNormal("x", 1, default_transform=None), "x"),
    "sum to one": (
        lambda: pm.Normal("x", 0.3, 1, shape=3, transform=tr.sum_to_1, initval=[0.2, 0.3, 0.5]), "x_sumto1__"),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_value_variables_are_named_by_their_transform(name):
    make, expected = NAMED[name]
    with pm.Model() as model:
        x = make()
    (value,) = model.value_vars
    assert value.name == expected
    assert (model.rvs_to_transforms[x] is None) == (expected == "x")
    assert np.isfinite(model.compile_logp()(model.initial_point()))


def test_transforms_are_kept_for_each_variable():
    with pm.Model() as model:
        s = pm.HalfNormal("s", 1)
        x = pm.Normal("x", 0, s)
        y = pm.Normal("y", x, s, observed=1.0)
    assert model.rvs_to_transforms == {s: tr.log, x: None, y: None}


def test_a_jacobian_of_a_vector_counts_once():
    """Elements with densities of their own, made one event by their order: the change of variables by hand."""
    value = np.array([-0.8, 0.3, 0.4])
    ordered = np.cumsum([value[0], *np.exp(value[1:])])
    with pm.Model() as model:
        x = pm.Normal("x", 0, 5, shape=3, transform=tr.ordered, initval=[-1.0, 0.0, 1.0])
    expected = stats.norm.logpdf(ordered, 0, 5).sum() + value[1:].sum()
    point = {"x_ordered__": value}
    np.testing.assert_allclose(model.compile_logp(backend="numpy")(point), expected, rtol=1e-12)
    v = pt.vector("v", shape=(3,))
    (graph,) = pm.logprob.transformed_conditional_logp([x], rvs_to_values={x: v}, rvs_to_transforms={x: tr.ordered})
    np.testing.assert_allclose(graph.sum().eval({v: value}), expected, rtol=1e-12)


def test_jacobians_of_elements_add_up_for_a_vector():
    """A vector with one density, each element of which is bounded by itself."""
    value = np.array([0.3, -0.7])
    inside = 4 / (1 + np.exp(-value)) - 2
    with pm.Model() as model:
        pm.MvNormal("x", np.zeros(2), cov=np.eye(2), transform=tr.Interval(-2.0, 2.0), initval=[0.1, 0.1])
    slope = np.log((inside + 2) * (2 - inside) / 4).sum()
    expected = stats.norm.logpdf(inside).sum() + slope
    np.testing.assert_allclose(model.compile_logp(backend="numpy")({"x_interval__": value}), expected, rtol=1e-12)
