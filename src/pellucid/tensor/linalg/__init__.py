"""Linear algebra over any leading batch axes: products, factors, systems, decompositions, functions of matrices.

Products of doubles, the factors of LU, Cholesky, QR, `eigh` and `svd`, and what is made of these (solutions, inverses,
`pinv`, determinants) compile to calls of BLAS and LAPACK that do not hold the GIL; `expm`, real Schur forms and matrix
equations call their references in Python, and graphs with complex numbers (`eig`) are interpreted. A matrix for which a
routine fails gives NaN, and spoils only itself in a batch.
"""

from pellucid.tensor.linalg.decompose import QR, SVD, Eig, Eigh, Pinv, eig, eigh, eigvalsh, pinv, qr, svd
from pellucid.tensor.linalg.functions import (
    Expm,
    SolveSylvester,
    block_diag,
    expm,
    lstsq,
    matrix_power,
    norm,
    solve_continuous_lyapunov,
    solve_discrete_lyapunov,
    solve_sylvester,
    tensorinv,
    tensorsolve,
    toeplitz,
    trace,
)
from pellucid.tensor.linalg.matrices import Matrices, MatrixOp, batch_shape, same_lead, square_type
from pellucid.tensor.linalg.products import (
    MatMul,
    cross,
    dot,
    inner,
    kron,
    matmul,
    matrix_dot,
    matvec,
    multi_dot,
    outer,
    tensordot,
    transposed_from,
    vdot,
    vecdot,
    vecmat,
)
from pellucid.tensor.linalg.schur import QZ, Schur, SolveDiscreteARE, ordqz, qz, schur, solve_discrete_are
from pellucid.tensor.linalg.solvers import (
    Det,
    Inverse,
    LUFactor,
    SLogDet,
    Solve,
    SwapRows,
    det,
    inv,
    lu,
    lu_factor,
    lu_solve,
    matrix_inverse,
    pivot_to_permutation,
    slogdet,
    solve,
)
from pellucid.tensor.linalg.triangular import (
    Cholesky,
    SolveTriangular,
    cho_solve,
    cholesky,
    log_det_of_factor,
    solve_triangular,
)
from pellucid.tensor.shape import matrix_transpose

__all__ = [
    "QR", "QZ", "SVD", "Cholesky", "Det", "Eig", "Eigh", "Expm", "Inverse", "LUFactor", "MatMul", "Matrices",
    "MatrixOp", "Pinv", "SLogDet", "Schur", "Solve", "SolveDiscreteARE", "SolveSylvester", "SolveTriangular",
    "SwapRows", "batch_shape", "block_diag", "cho_solve", "cholesky", "cross", "det", "dot", "eig", "eigh",
    "eigvalsh", "expm", "inner", "inv", "kron", "log_det_of_factor", "lstsq", "lu", "lu_factor", "lu_solve", "matmul",
    "matrix_dot", "matrix_inverse", "matrix_power", "matrix_transpose", "matvec", "multi_dot", "norm", "ordqz",
    "outer", "pinv", "pivot_to_permutation", "qr", "qz", "same_lead", "schur", "slogdet", "solve",
    "solve_continuous_lyapunov", "solve_discrete_are", "solve_discrete_lyapunov", "solve_sylvester",
    "solve_triangular", "square_type", "svd", "tensordot", "tensorinv", "tensorsolve", "toeplitz", "trace",
    "transposed_from", "vdot", "vecdot", "vecmat",
]  # fmt: skip
