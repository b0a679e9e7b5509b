"""Models of composite distributions, written for PyMC and pellucid alike, and the point at which both are compared."""

import numpy as np

W = [0.3, 0.7]


def mixtures(pm, pt):
    """Mixtures of lists and of batches, of numbers, vectors and probabilities, free and seen."""
    with pm.Model(coords={"o": range(4), "k": range(3)}) as model:
        w = pm.Dirichlet("w", np.ones((4, 3)))
        mu = pm.Normal("mu", 0, 1, dims=("o", "k"))
        pm.Mixture("positive", w[0], [pm.Exponential.dist(1), pm.Gamma.dist(2, 1), pm.HalfNormal.dist(2)], shape=4)
        pm.Mixture("batch", w[0], pm.Normal.dist(mu[0], 1), shape=(2, 4))
        pm.Mixture("interval", W, [pm.Uniform.dist(0, 2), pm.Uniform.dist(0, 2)])
        pm.Mixture("unit", W, pm.Beta.dist([1, 2.0], [3, 2.0]))
        pm.Mixture("seen", w, pm.Normal.dist(mu, 1.0), dims="o", observed=[1.0, 2, 3, 4])
        pm.Mixture("simplex", W, [pm.Dirichlet.dist(np.ones(3)), pm.Dirichlet.dist(2 * np.ones(3))], shape=(2, 3))
        pm.Mixture("vectors", W, pm.MvNormal.dist(mu[:2], np.eye(3)), shape=(2, 3))
        pm.Mixture(
            "counts", w[0], [pm.Poisson.dist(2), pm.Geometric.dist(0.3), pm.NegativeBinomial.dist(2, 1.0)], shape=3
        )
        pm.NormalMixture("normal", W, mu[0, :2], sigma=[1.0, 2], shape=5)
        pm.NormalMixture("precision", w, mu, tau=2.0, dims="o")
        pm.Mixture("unlike", W, [pm.Normal.dist(mu[0], 1), pm.StudentT.dist(3, mu=mu[1], sigma=2)])
        pm.Mixture("sized", W, [pm.HalfNormal.dist(1), pm.HalfCauchy.dist(1, size=3)])
    return model


def bounded(pm, pt):
    """Truncated and censored distributions."""
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 1, shape=3)
        s = pm.HalfNormal("s", 1)
        pm.Truncated("both", pm.Normal.dist(mu, s), lower=-1, upper=2, shape=3)
        pm.Truncated("below", pm.StudentT.dist(4, mu=mu, sigma=s), lower=[0.0, 0.5, 1.0])
        pm.Truncated("above", pm.Normal.dist(0, s), upper=mu)
        pm.Truncated("gamma", pm.Gamma.dist(2, s), lower=0.5)
        pm.Truncated("exponential", pm.Exponential.dist(s), lower=0.5, upper=[2.0, 3])
        pm.Truncated("logistic", pm.Logistic.dist(0, s), lower=-1, upper=4, size=(3, 2))
        pm.Truncated("poisson", pm.Poisson.dist(s), lower=1, observed=[1, 2, 5])
        pm.Truncated("negative", pm.NegativeBinomial.dist(s, 2.0), lower=1, upper=9, observed=[1, 2, 5])
        pm.Censored("normal", pm.Normal.dist(mu, s), lower=-1, upper=1, observed=[-1, 0.3, 1])
        pm.Censored("counts", pm.Poisson.dist(s), lower=None, upper=3, observed=[0, 3, 1])
        pm.Censored("weibull", pm.Weibull.dist(2, s), lower=None, upper=[3.0, np.inf, 2], observed=[1.0, 3, 2])
        pm.Censored("binomial", pm.Binomial.dist(5, 0.3), lower=1, upper=3, observed=[1, 2, 3])
    return model


def series(pm, pt):
    """Series, with batches, lengths and starts given in all ways."""
    start = lambda *size: pm.Normal.dist(0, 2, size=size or None)  # noqa: E731
    with pm.Model(coords={"t": range(7), "g": ["a", "b"]}) as model:
        s = pm.HalfNormal("s", 1)
        r = pm.Normal("r", 0, 0.3, shape=2)
        pm.GaussianRandomWalk("walk", 0.1, s, init_dist=start(), dims=("g", "t"))
        pm.RandomWalk("laplace", init_dist=start(), innovation_dist=pm.Laplace.dist(0, s), steps=4)
        pm.RandomWalk("sized", init_dist=start(2), innovation_dist=pm.Normal.dist(r, s), steps=3)
        pm.RandomWalk("shaped", init_dist=start(), innovation_dist=pm.Normal.dist(r, s), shape=(3, 2, 4))
        plane = pm.MvNormal.dist(np.ones(2), np.eye(2))
        pm.MvGaussianRandomWalk("vectors", mu=np.zeros(2), cov=np.diag([1.0, 2]), init_dist=plane, shape=(3, 4, 2))
        pm.MvStudentTRandomWalk("heavy", nu=4, mu=np.zeros(2), scale=np.eye(2), init_dist=plane, shape=(5, 2))
        pm.AR("ar", r, sigma=s, init_dist=start(), dims=("g", "t"))
        pm.AR("constant", [0.1, 0.5, 0.2], tau=4, constant=True, init_dist=start(2), steps=4)
        pm.AR("ars", pt.stack([r, r]), sigma=[1.0, 2.0], init_dist=start(), steps=4)
        pm.AR(
            "together", [[0.5, 0.1], [0.2, 0.3]], sigma=1.0, init_dist=pm.MvNormal.dist(np.zeros(2), np.eye(2)), steps=3
        )
        pm.GARCH11("garch", omega=0.5, alpha_1=[0.1, 0.2], beta_1=0.3, initial_vol=s, shape=(2, 5))
        pm.EulerMaruyama("sde", 0.1, lambda x, k, q: (-k * x, q), (s, 0.5), init_dist=start(), steps=5)
        pm.EulerMaruyama("sdes", 0.1, lambda x, k, q: (k * (q - x), pt.sqrt(pt.abs(x))), (np.array([0.5, 1]), 0.5),
                         init_dist=start(), observed=np.ones((2, 6)))  # fmt: skip
    return model


def custom(pm, pt):
    """Users' own distributions."""
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 1, shape=3)
        s = pm.HalfNormal("s", 1)
        exp_normal = lambda mu, s, size: pt.exp(pm.Normal.dist(mu, s, size=size))  # noqa: E731
        pm.CustomDist("derived", mu, s, dist=exp_normal, observed=[1.0, 2, 3])
        pm.CustomDist("given", mu, logp=lambda v, m: -0.5 * (v - m) ** 2, shape=3)
        pm.CustomDist("scaled", 0.0, s, dist=lambda m, s, size: m + s * pm.StudentT.dist(4, size=size), shape=(2, 2))
        pm.CustomDist("vectors", mu, np.eye(3), signature="(n),(n,n)->(n)", shape=(2, 3),
                      logp=lambda v, m, c: pm.logp(pm.MvNormal.dist(m, c), v))  # fmt: skip
        half = lambda s, size: pm.Truncated.dist(pm.Normal.dist(0, s, size=size), lower=0)  # noqa: E731
        pm.CustomDist("truncated", s, dist=half, observed=[1.0, 2])
        clipped = lambda mu, s, size: pt.clip(pm.Normal.dist(mu, s, size=size), -1, 1)  # noqa: E731
        pm.CustomDist("clipped", mu, s, dist=clipped, observed=[-1.0, 0.2, 1])
    return model


MODELS = {f.__name__: f for f in (mixtures, bounded, series, custom)}


def point_of(model):
    """A value for each value variable, made from nothing but its shape, its dtype and its place."""
    found = {}
    for k, (name, start) in enumerate(model.initial_point().items()):
        place = np.arange(np.size(start)).reshape(np.shape(start))
        whole = np.asarray(start).dtype.kind == "i"
        found[name] = place % 3 + 1 if whole else 0.3 * np.sin(place + k)
    return found


def numbers(model, **options):
    """The log-probability of each variable (summed) and a projection of the gradient, at the point."""
    point = point_of(model)
    terms = model.compile_logp(sum=False, **options)(point)
    slope = np.asarray(model.compile_dlogp(**options)(point))
    found = {v.name: float(np.sum(t)) for v, t in zip(model.basic_RVs, terms)}  # noqa: B905
    return {**found, "slope": float(slope @ np.cos(np.arange(slope.size)))}
