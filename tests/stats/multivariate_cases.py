"""The distributions of vectors and matrices as tests see them: parameters, SciPy's densities, and PyMC's numbers."""

import numpy as np
from scipy import sparse, stats

import pellucid as pm
import pellucid.stats as ps

RNG = np.random.default_rng(11)
COV = np.array([[2.0, -0.7, 0.1], [-0.7, 1.0, 0.2], [0.1, 0.2, 0.5]])
CHOL = np.linalg.cholesky(COV)
PAIR = np.array([[1.5, 0.4], [0.4, 0.8]])
MU = np.array([1.0, -2.0, 0.5])
TABLE = np.arange(6.0).reshape(3, 2)
PATH = np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]])
WEIGHTS = np.array([[0, 2.0, 0.5], [2.0, 0, 1.0], [0.5, 1.0, 0]])

# How to make one, and SciPy's log-density where it has one.
CONTINUOUS = {
    "MvNormal": (lambda **o: ps.MvNormal.dist(MU, COV, **o), stats.multivariate_normal(MU, COV).logpdf),
    "MvStudentT": (lambda **o: ps.MvStudentT.dist(6.0, mu=MU, scale=COV, **o), stats.multivariate_t(MU, COV, 6).logpdf),
    "Dirichlet": (lambda **o: ps.Dirichlet.dist([1.3, 2.0, 5.0], **o),
                  lambda x: stats.dirichlet([1.3, 2.0, 5.0]).logpdf((x / x.sum(-1, keepdims=True)).T)),
    "StickBreakingWeights": (lambda **o: ps.StickBreakingWeights.dist(1.7, 3, **o), None),
    "ZeroSumNormal": (lambda **o: ps.ZeroSumNormal.dist(1.5, support_shape=4, **o), None),
    "ZeroSumNormal 2": (lambda **o: ps.ZeroSumNormal.dist(1.5, 2, (4, 3), **o), None),
    "LKJCorr": (lambda **o: ps.LKJCorr.dist(4, 1.6, **o), None),
    "LKJCholeskyCov": (lambda **o: ps.LKJCholeskyCov.dist(1.6, 3, ps.Gamma.dist(3.0, [1.0, 2.0, 3.0]),
                                                          compute_corr=False, **o), None),
    "Wishart": (lambda **o: ps.Wishart.dist(6.5, COV, **o), lambda x: stats.wishart(6.5, COV).logpdf(
        np.moveaxis(x, 0, -1) if np.ndim(x) == 3 else x)),
    "MatrixNormal": (lambda **o: ps.MatrixNormal.dist(TABLE, rowcov=COV, colcov=PAIR, **o),
                     stats.matrix_normal(TABLE, COV, PAIR).logpdf),
    "KroneckerNormal": (lambda **o: ps.KroneckerNormal.dist(np.arange(6.0), [COV, PAIR], **o),
                        stats.multivariate_normal(np.arange(6.0), np.kron(COV, PAIR)).logpdf),
    "KroneckerNormal with noise": (
        lambda **o: ps.KroneckerNormal.dist(0.5, chols=[CHOL, np.linalg.cholesky(PAIR), [[2.0]]], sigma=0.7, **o),
        stats.multivariate_normal(np.full(6, 0.5), 4 * np.kron(COV, PAIR) + 0.49 * np.eye(6)).logpdf),
    "CAR": (lambda **o: ps.CAR.dist(MU, WEIGHTS, 0.6, 2.0, **o), lambda x: 1.5 * np.log(2 * np.pi) + stats.
            multivariate_normal(MU, np.linalg.inv(2.0 * (np.diag(WEIGHTS.sum(0)) - 0.6 * WEIGHTS))).logpdf(x)
            - 0.5 * np.log(WEIGHTS.sum(0)).sum()),
    "CAR of sparse weights": (
        lambda **o: ps.CAR.dist(0.0, sparse.csr_matrix(WEIGHTS), -0.3, 2.0, **o), lambda x: 1.5 * np.log(2 * np.pi)
        + stats.multivariate_normal(np.zeros(3), np.linalg.inv(2.0 * (np.diag(WEIGHTS.sum(0)) + 0.3 * WEIGHTS))).
        logpdf(x) - 0.5 * np.log(WEIGHTS.sum(0)).sum()),
    "ICAR": (lambda **o: ps.ICAR.dist(PATH, 1.3, 0.5, **o), lambda x: stats.norm(0, 2.0).logpdf(x.sum(-1))
             - (np.diff(x) ** 2).sum(-1) / (2 * 1.3**2)),
}  # fmt: skip
DISCRETE = {
    "Multinomial": (lambda **o: ps.Multinomial.dist(7, [0.1, 0.3, 0.6], **o),
                    stats.multinomial(7, [0.1, 0.3, 0.6]).logpmf),
    "DirichletMultinomial": (lambda **o: ps.DirichletMultinomial.dist(7, [0.4, 3.0, 2.0], **o),
                             stats.dirichlet_multinomial([0.4, 3.0, 2.0], 7).logpmf),
    "OrderedMultinomial": (lambda **o: ps.OrderedMultinomial.dist(0.3, [-1.0, 0.5, 2.0], 7, **o), stats.multinomial(
        7, np.diff([0, *1 / (1 + np.exp(0.3 - np.array([-1.0, 0.5, 2.0]))), 1])).logpmf),
}  # fmt: skip
ALL = CONTINUOUS | DISCRETE
IN_MODELS = {
    "mvt": lambda: pm.MvStudentT("x", nu=4.0, mu=[1.0, 2, 3], scale=COV),
    "mvt_tau": lambda: pm.MvStudentT("x", 4.0, tau=COV, mu=0),
    "mvn_chol_upper": lambda: pm.MvNormal("x", 0, chol=CHOL.T, lower=False),
    "dirichlet": lambda: pm.Dirichlet("x", [1.0, 2.0, 3.0]),
    "sbw": lambda: pm.StickBreakingWeights("x", 1.7, K=3),
    "zsn": lambda: pm.ZeroSumNormal("x", 1.5, shape=4),
    "zsn_dims": lambda: pm.ZeroSumNormal("x", 1.5, n_zerosum_axes=2, shape=(2, 4, 3)),
    "lkjcorr": lambda: pm.LKJCorr("x", n=4, eta=1.6),
    "lkjcov": lambda: pm.LKJCholeskyCov("x", eta=1.6, n=4, sd_dist=pm.Gamma.dist(3.0, [1.0, 2.0, 3.0, 4.0])),
    "wishart": lambda: pm.Wishart("x", nu=6, V=COV),
    "matrixnormal": lambda: pm.MatrixNormal("x", np.ones((3, 2)), rowcov=COV, colchol=np.linalg.cholesky(PAIR)),
    "kron": lambda: pm.KroneckerNormal("x", mu=np.arange(6.0), covs=[COV, PAIR], sigma=0.7),
    "kron_evd": lambda: pm.KroneckerNormal("x", np.arange(6.0), evds=[np.linalg.eigh(COV), np.linalg.eigh(PAIR)]),
    "car": lambda: pm.CAR("x", mu=np.zeros(3), W=WEIGHTS, alpha=0.6, tau=2.0),
    "icar": lambda: pm.ICAR("x", W=PATH, sigma=1.3),
    "multinomial": lambda: pm.Multinomial("x", n=7, p=[0.1, 0.3, 0.6]),
    "dirmult": lambda: pm.DirichletMultinomial("x", n=7, a=[0.4, 3.0, 2.0]),
    "ordmult": lambda: pm.OrderedMultinomial("x", eta=0.3, cutpoints=[-1.0, 0.5, 2.0], n=7),
}
# The log-density of each in a model, in PyMC 6.4: the name of its value variable, a value, the number.
PYMC = {
    "mvt": ("x", [1.173, 2.411, 3.165], -2.63107681654394),
    "mvt_tau": ("x", [0.173, 0.411, 0.165], -2.971497511242527),
    "mvn_chol_upper": ("x", [0.173, 0.411, 0.165], -2.6861716105149966),
    "dirichlet": ("x_simplex__", [-0.424, 0.507], -1.5103610801206142),
    "sbw": ("x_simplex__", [0.618, 0.394, -0.314], -2.813652437101437),
    "zsn": ("x_zerosum__", [0.173, 0.411, 0.165], -4.023449777208732),
    "zsn_dims": (
        "x_zerosum__",
        [[[0.173, 0.411], [0.165, -0.652], [0.453, 0.223]], [[-0.268, 0.291], [0.182, 0.147], [0.014, 0.273]]],
        -16.157750219946042,
    ),
    "lkjcorr": ("x_cholesky_corr__", [0.173, 0.411, 0.165, -0.652, 0.453, 0.223], -3.796284059434282),
    "lkjcov": (
        "x_cholesky-cov-packed__",
        [0.173, 0.411, 0.165, -0.652, 0.453, 0.223, -0.268, 0.291, 0.182, 0.147],
        -7.54478517721175,
    ),
    "wishart": ("x_cholesky-cov__", [1.415, -0.802, 0.921, -0.478, 1.115, 0.688], -4.0860482001328915),
    "matrixnormal": ("x", [[1.173, 1.411], [1.165, 0.348], [1.453, 1.223]], -5.7323342495511245),
    "kron": ("x", [0.173, 1.411, 2.165, 2.348, 4.453, 5.223], -7.056069110816113),
    "kron_evd": ("x", [0.173, 1.411, 2.165, 2.348, 4.453, 5.223], -5.7323342495511245),
    "car": ("x", [0.173, 0.411, 0.165], 0.48291677895933033),
    "icar": ("x", [0.173, 0.411, 0.165, -0.652], -289.66087228989846),
    "multinomial": ("x", [2, 2, 3], -3.198484753121818),
    "dirmult": ("x", [2, 3, 2], -4.035144433904301),
    "ordmult": ("x", [2, 3, 2, 0], -3.4466134387552536),
}
