"""What users write becomes parameters: parametrisations, checks, shapes, and what is known without checking."""

import numpy as np
import pytest

import pellucid.compile.function  # noqa: F401  # brings .eval() to tensors
import pellucid.stats as ps
import pellucid.stats.distribution as module
import pellucid.tensor as pt
from pellucid.graph.traverse import toposort
from pellucid.stats.bounds import bounds_of
from pellucid.stats.constraint import nonnegative, positive, simplex, unit_interval

SAME = {
    "normal": (lambda: ps.Normal.dist(1, tau=4.0), lambda: ps.Normal.dist(1, 0.5), 0.7),
    "half-normal": (lambda: ps.HalfNormal.dist(tau=4.0), lambda: ps.HalfNormal.dist(0.5), 0.7),
    "log-normal": (lambda: ps.LogNormal.dist(1, tau=4.0), lambda: ps.Lognormal.dist(1, 0.5), 0.7),
    "t": (lambda: ps.StudentT.dist(3, 1, lam=4.0), lambda: ps.StudentT.dist(3, 1, sigma=0.5), 0.7),
    "exponential": (lambda: ps.Exponential.dist(4.0), lambda: ps.Exponential.dist(scale=0.25), 0.7),
    "gamma": (lambda: ps.Gamma.dist(mu=2.0, sigma=0.5), lambda: ps.Gamma.dist(16.0, 8.0), 0.7),
    "inverse gamma": (lambda: ps.InverseGamma.dist(mu=2.0, sigma=2.0), lambda: ps.InverseGamma.dist(3.0, 4.0), 0.7),
    "beta by deviation": (lambda: ps.Beta.dist(mu=0.25, sigma=0.25), lambda: ps.Beta.dist(0.5, 1.5), 0.7),
    "beta by total": (lambda: ps.Beta.dist(mu=0.25, nu=2.0), lambda: ps.Beta.dist(0.5, 1.5), 0.7),
    "bernoulli": (lambda: ps.Bernoulli.dist(logit_p=np.log(3.0)), lambda: ps.Bernoulli.dist(0.75), 1),
    "binomial": (lambda: ps.Binomial.dist(5, logit_p=np.log(3.0)), lambda: ps.Binomial.dist(5, 0.75), 2),
    "negative binomial": (
        lambda: ps.NegativeBinomial.dist(p=0.25, n=2.0),
        lambda: ps.NegativeBinomial.dist(6.0, 2.0),
        3,
    ),
    "mixed": (lambda: ps.NegativeBinomial.dist(mu=6.0, n=2.0), lambda: ps.NegativeBinomial.dist(p=0.25, alpha=2.0), 3),
    "from pt.random": (lambda: pt.random.nbinom(2.0, 0.25), lambda: ps.NegativeBinomial.dist(6.0, 2.0), 3),
    "half-open": (lambda: pt.random.integers(1, 7), lambda: ps.DiscreteUniform.dist(1, 6), 3),
}


@pytest.mark.parametrize("name", SAME)
def test_parametrisations_agree(name):
    one, other, x = SAME[name]
    np.testing.assert_allclose(ps.logp(one(), x).eval(), ps.logp(other(), x).eval(), rtol=1e-13)


REFUSED = {
    "negative": (lambda: ps.Normal.dist(0, -1), ValueError, "sigma of Normal must be positive, but it is -1"),
    "of many": (lambda: ps.Normal.dist(0, np.arange(10.0)), ValueError, r"0\.0 at \[0\], of an array of shape \(10,\)"),
    "as named": (lambda: ps.Normal.dist(0, tau=-4), ValueError, "tau of Normal must be positive"),
    "nan": (lambda: ps.Normal.dist(np.nan, 1), ValueError, "mu of Normal must be a real number"),
    "derived": (lambda: ps.Beta.dist(mu=0.5, sigma=3.0), ValueError, "alpha of Beta must be positive"),
    "disagree": (lambda: ps.Uniform.dist(3, 1), ValueError, "do not fit together"),
    "fraction": (lambda: ps.Binomial.dist(2.5, 0.5), ValueError, "n of Binomial must be a whole number"),
    "both": (
        lambda: ps.Normal.dist(0, 1, tau=1),
        ValueError,
        r"cannot be given mu, sigma, tau together.*\(tau, mu=0.0\)",
    ),
    "unknown": (lambda: ps.Normal.dist(0, scale=1), TypeError, r"no parameter 'scale'.*\(mu=0.0, sigma=1.0\)"),
    "missing": (lambda: ps.Gamma.dist(2.0), TypeError, "needs a value for"),
    "twice": (lambda: ps.Normal.dist(0, mu=1), TypeError, "both by place and by name"),
    "many": (lambda: ps.Normal.dist(0, 1, 2, 3), TypeError, "at most 3"),
    "text": (lambda: ps.Normal.dist("0", 1), TypeError, "mu of Normal is no tensor"),
    "shapes": (lambda: ps.Normal.dist(0, 1, shape=3, size=3), ValueError, "both shape=3 and size=3"),
    "no room": (lambda: ps.Dirichlet.dist([1.0, 2.0], shape=()), ValueError, "no room"),
    "wrong length": (
        lambda: ps.Dirichlet.dist([1.0, 2.0], shape=(4, 3)),
        ValueError,
        r"ends in 3, but one draw has shape \(2\)",
    ),
    "batch": (lambda: ps.Normal.dist(np.zeros(3), 1, shape=2), ValueError, "cannot hold"),
    "no name": (lambda: ps.Normal(0, 1), TypeError, r"Normal\('x', ...\)"),
    "no model": (lambda: ps.Normal("x", 0, 1), TypeError, "belongs into a model"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_arguments_are_explained(name, monkeypatch):
    monkeypatch.setattr(module, "register_in_model", module.refuse)
    make, kind, text = REFUSED[name]
    with pytest.raises(kind, match=text):
        make()


def test_errors_name_the_line():
    with pytest.raises(ps.ParameterValueError, match=r"test_parameters\.py:\d+"):
        ps.HalfNormal.dist(-1)


def test_the_model_layer_is_given_what_the_user_wrote(monkeypatch):
    seen = {}

    def register(family, name, args, **options):
        seen.update(family=family, name=name, args=args, options=options)
        return family.dist(*args, name=name, sigma=options["sigma"])

    monkeypatch.setattr(module, "register_in_model", register)
    rv = ps.Normal("x", 1.0, sigma=2.0, dims="group", observed=[1.0], initval=3)
    assert rv.name == "x"
    assert (seen["family"], seen["name"], seen["args"]) == (ps.Normal, "x", (1.0,))
    assert {k: v for k, v in seen["options"].items() if v is not None} == {
        "dims": "group",
        "observed": [1.0],
        "initval": 3,
        "sigma": 2.0,
        "transform": ...,
        "default_transform": ...,
    }


@pytest.mark.parametrize(
    "make, shape",
    [
        (ps.Normal.dist, ()),
        (lambda: ps.Normal.dist(shape=3), (3,)),
        (lambda: ps.Normal.dist(np.zeros(3)), (3,)),
        (lambda: ps.Normal.dist(np.zeros((2, 1)), np.ones(3)), (2, 3)),
        (lambda: ps.Normal.dist(np.zeros(3), shape=(2, 3)), (2, 3)),
        (lambda: ps.Normal.dist(0, 1, size=(0, 2)), (0, 2)),
        (lambda: ps.MvNormal.dist(np.zeros(3), np.eye(3), size=2), (2, 3)),
        (lambda: ps.MvNormal.dist(0, np.eye(3), shape=(4, 2, 3)), (4, 2, 3)),
        (lambda: ps.Dirichlet.dist(np.ones((5, 2))), (5, 2)),
        (lambda: ps.Categorical.dist(np.full((5, 2), 0.5)), (5,)),
    ],
)
def test_shapes(make, shape):
    rv = make()
    assert rv.type.shape == shape
    assert ps.draw(rv, random_seed=1).shape == shape
    assert ps.support_point(rv).eval().shape == shape
    batch = shape if rv.owner.op.law.ndim_supp == 0 else shape[:-1]
    assert ps.logp(rv, ps.draw(rv, random_seed=1)).eval().shape == batch


def test_shapes_known_at_run_time_only():
    n, mu = pt.scalar("n", dtype="int64"), pt.vector("mu")
    rv = ps.Normal.dist(0, 1, shape=n)
    assert rv.type.shape == (None,)
    assert ps.support_point(rv).eval({n: 4}).shape == (4,)
    rv = ps.Uniform.dist(mu, 9.0)
    assert ps.support_point(rv).eval({mu: np.zeros(3)}).tolist() == [4.5, 4.5, 4.5]
    assert ps.logp(rv, np.full(3, 2.0)).eval({mu: np.array([0.0, 1.0, 3.0])})[2] == -np.inf


def test_whole_parameters_become_floating():
    rv = ps.Normal.dist(0, 1)
    assert [v.dtype for v in rv.owner.inputs[2:]] == ["float64", "float64"]
    assert ps.Poisson.dist(np.array([1, 2])).dtype == "int64"


def test_invalid_parameters_at_run_time_are_impossible():
    sigma = pt.scalar("sigma")
    density = ps.logp(ps.Normal.dist(0, sigma), 0.5)
    assert density.eval({sigma: -1.0}) == -np.inf
    assert density.eval({sigma: 0.0}) == -np.inf
    assert np.isfinite(density.eval({sigma: 1.0}))


def switches(v):
    return sum(str(node.op) == "Switch" for node in toposort(v))


def test_a_common_model_has_no_needless_checks():
    log_tau, x = pt.scalar("tau_log__"), pt.vector("x")
    mu, tau = ps.Normal.dist(0, 5), ps.HalfCauchy.dist(5)
    theta = ps.Normal.dist(mu, tau, shape=8)
    rate = ps.Exponential.dist(1.0)
    assert switches(ps.logp(theta, x)) == 0
    assert switches(ps.logp(tau, pt.exp(log_tau))) == 0
    assert switches(ps.logp(ps.Normal.dist(x[[0, 1]], pt.exp(log_tau)), [1.0, 2.0])) == 0
    assert switches(ps.logp(ps.Gamma.dist(2.0, rate), pt.exp(log_tau))) == 0
    assert switches(ps.logp(ps.Poisson.dist(pt.exp(x)), [1, 2])) == 0
    assert switches(ps.logp(ps.Bernoulli.dist(logit_p=x), [1, 0])) == 0
    assert switches(ps.logp(ps.Bernoulli.dist(p=pt.sigmoid(x)[:2]), [1, 0])) == 0
    assert switches(ps.logp(ps.Normal.dist(0, 1), [1, 0])) == 0
    u = ps.Uniform.dist(1, 3)
    assert switches(ps.logp(u, ps.default_transform(u).backward(log_tau, *u.owner.inputs))) == 0
    assert switches(ps.logp(ps.Normal.dist(0, log_tau), [1.0])) == 1


KNOWN = {
    "exp": (positive, pt.exp, True),
    "sum": (positive, lambda v: pt.exp(v) + 0.0, True),
    "square": (positive, pt.sqr, False),
    "square and more": (positive, lambda v: pt.sqr(v) + 1e-9, True),
    "square is not negative": (nonnegative, pt.sqr, True),
    "root": (nonnegative, lambda v: pt.sqrt(pt.sqr(v)), True),
    "difference": (positive, lambda v: pt.exp(v) - 1.0, False),
    "bounded difference": (positive, lambda v: 1.5 - pt.sigmoid(v), True),
    "quotient": (positive, lambda v: pt.exp(v) / (1 + pt.exp(v)), True),
    "double negative": (positive, lambda v: pt.neg(-pt.exp(v)), True),
    "product of negatives": (positive, lambda v: (-pt.exp(v)) * (-2.0), True),
    "element": (positive, lambda v: pt.exp(v)[[0, 0]], True),
    "joined": (positive, lambda v: pt.concatenate([pt.exp(v), pt.ones(2)]), True),
    "joined with zero": (positive, lambda v: pt.concatenate([pt.exp(v), pt.zeros(2)]), False),
    "sigmoid": (unit_interval, pt.sigmoid, True),
    "complement": (unit_interval, lambda v: 1 - pt.sigmoid(v), True),
    "clipped": (unit_interval, lambda v: pt.clip(v, 0.1, 0.9), True),
    "choice": (positive, lambda v: pt.switch(v > 0, pt.exp(v), 2.0), True),
    "bad choice": (positive, lambda v: pt.switch(v > 0, pt.exp(v), -2.0), False),
    "maximum": (positive, lambda v: pt.maximum(v, 0.1), True),
    "softmax": (simplex, lambda v: pt.softmax(v, axis=-1), True),
    "no softmax": (simplex, pt.sigmoid, False),
}


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_known(name):
    constraint, make, expected = KNOWN[name]
    assert ps.known(constraint, make(pt.vector("v"))) is expected


@pytest.mark.parametrize(
    "make",
    [
        lambda v: pt.exp(v) * pt.sigmoid(v) - 0.2,
        lambda v: pt.sqr(v) / (1 + pt.abs(v)),
        lambda v: pt.tanh(v) * -3 + pt.minimum(v, 2),
        lambda v: 1 / (1 + pt.exp(-v)),
        lambda v: pt.clip(v, -1, 2) * pt.clip(v, -2, 0.5),
        lambda v: pt.sqr(pt.clip(v, -2, 1)),
        lambda v: pt.softplus(v) ** 0.5,
        lambda v: pt.log1p(pt.exp(v)),
        lambda v: 2.0 / pt.clip(v, -3, -1),
        lambda v: pt.arctan(v) + 1,
    ],
)
def test_bounds_hold(make):
    v = pt.vector("v")
    expression = make(v)
    b = bounds_of(expression)
    found = expression.eval({v: np.linspace(-30, 30, 1001)})
    assert (found >= b.low).all()
    assert (found <= b.high).all()


def test_looking_for_bounds_takes_no_time_in_large_graphs():
    v = pt.scalar("v")
    for _ in range(2000):
        v = v * v + 1.0
    bounds_of(v)
