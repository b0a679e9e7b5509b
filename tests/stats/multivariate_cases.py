"""The distributions of vectors and matrices as tests see them: parameters, SciPy's densities, and PyMC's numbers."""

import numpy as np
from scipy import sparse, stats

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
