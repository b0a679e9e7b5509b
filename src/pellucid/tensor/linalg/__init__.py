"""Linear algebra over any leading batch axes: products, factors, systems, decompositions, functions of matrices.

Products of doubles, the factors of LU, Cholesky, QR, `eigh` and `svd`, and what is made of these (solutions, inverses,
`pinv`, determinants) compile to calls of BLAS and LAPACK that do not hold the GIL; `expm`, real Schur forms and matrix
equations call their references in Python, and graphs with complex numbers (`eig`) are interpreted. A matrix for which a
routine fails gives NaN, and spoils only itself in a batch.
"""

# ruff: noqa: F401 - the imports for type checkers are all there for others to use

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.graph.lazy import imported_on_use, places

if TYPE_CHECKING:  # the same names as in the table below, for editors and type checkers
    from pellucid.tensor.linalg.covariance import InverseFromFactor, Mahalanobis, cho_inverse, mahalanobis
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
    from pellucid.tensor.linalg.schur_forms import QZ, Schur, SolveDiscreteARE, ordqz, qz, schur, solve_discrete_are
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

MODULES = {
    "pellucid.tensor.linalg.covariance": "InverseFromFactor Mahalanobis cho_inverse mahalanobis",
    "pellucid.tensor.linalg.decompose": "Eig Eigh Pinv QR SVD eig eigh eigvalsh pinv qr svd",
    "pellucid.tensor.linalg.functions": (
        "Expm SolveSylvester block_diag expm lstsq matrix_power norm solve_continuous_lyapunov "
        "solve_discrete_lyapunov solve_sylvester tensorinv tensorsolve toeplitz trace"
    ),
    "pellucid.tensor.linalg.matrices": "Matrices MatrixOp batch_shape same_lead square_type",
    "pellucid.tensor.linalg.products": (
        "MatMul cross dot inner kron matmul matrix_dot matvec multi_dot outer tensordot transposed_from vdot "
        "vecdot vecmat"
    ),
    "pellucid.tensor.linalg.schur_forms": "QZ Schur SolveDiscreteARE ordqz qz schur solve_discrete_are",
    "pellucid.tensor.linalg.solvers": (
        "Det Inverse LUFactor SLogDet Solve SwapRows det inv lu lu_factor lu_solve matrix_inverse "
        "pivot_to_permutation slogdet solve"
    ),
    "pellucid.tensor.linalg.triangular": (
        "Cholesky SolveTriangular cho_solve cholesky log_det_of_factor solve_triangular"
    ),
    "pellucid.tensor.shape": "matrix_transpose",
}
"""Where each name is, so that it is imported only when it is used."""

_PLACES = places(MODULES)
__all__ = sorted(_PLACES)  # noqa: PLE0605 # computed, so that every name stands in one list
__getattr__ = imported_on_use(__name__, _PLACES)
