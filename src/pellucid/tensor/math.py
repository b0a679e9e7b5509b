"""The functions of tensors, and nothing else: elementwise, reducing, reshaping, indexing, special."""

# ruff: noqa: F401 - the imports for type checkers are all there for others to use

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pellucid.graph.lazy import imported_on_use, places

if TYPE_CHECKING:  # the same names as in the table below, for editors and type checkers
    from pellucid.tensor.arithmetic import (
        abs,
        absolute,
        add,
        and_,
        bitwise_and,
        bitwise_not,
        bitwise_or,
        bitwise_xor,
        ceil,
        clip,
        copy,
        disconnected_grad,
        divide,
        eq,
        eq_,
        equal,
        floor,
        floor_div,
        floor_divide,
        ge,
        greater,
        greater_equal,
        gt,
        int_div,
        invert,
        isclose,
        isfinite,
        isinf,
        isnan,
        le,
        left_shift,
        less,
        less_equal,
        logical_and,
        logical_not,
        logical_or,
        lt,
        maximum,
        minimum,
        mod,
        mul,
        multiply,
        neg,
        negative,
        neq,
        not_equal,
        or_,
        pow,
        power,
        reciprocal,
        remainder,
        right_shift,
        round,
        round_half_to_even,
        sgn,
        sign,
        sqr,
        square,
        sub,
        subtract,
        switch,
        true_div,
        trunc,
        xor,
        zero_grad,
    )
    from pellucid.tensor.bessel import (
        chi2sf,
        gammal,
        gammau,
        hyp2f1,
        i0,
        i1,
        iv,
        ive,
        j0,
        j1,
        jv,
        kn,
        kv,
        kve,
        ndtri_exp,
        owens_t,
    )
    from pellucid.tensor.broadcast import ShapeError
    from pellucid.tensor.complexes import (
        angle,
        complex,
        complex_from_polar,
        conj,
        conjugate,
        imag,
        real,
    )
    from pellucid.tensor.contraction import einsum
    from pellucid.tensor.create import (
        alloc,
        arange,
        empty,
        empty_like,
        eye,
        fill,
        full,
        full_like,
        identity,
        linspace,
        ones,
        ones_like,
        second,
        tri,
        tril,
        triu,
        zeros,
        zeros_like,
    )
    from pellucid.tensor.cumulate import cumprod, cumsum
    from pellucid.tensor.elementwise import cast
    from pellucid.tensor.index import nonzero
    from pellucid.tensor.indexing import (
        argsort,
        diag,
        diagonal,
        diff,
        expand_packed_triangular,
        inc_subtensor,
        repeat,
        roll,
        set_subtensor,
        sort,
        take,
        take_along_axis,
        tile,
        trace,
    )
    from pellucid.tensor.linalg import (
        cho_solve,
        cholesky,
        dot,
        inv,
        matmul,
        matrix_inverse,
        matvec,
        outer,
        solve_triangular,
        tensordot,
        vecdot,
        vecmat,
    )
    from pellucid.tensor.numbers import (
        allclose,
        ceil_intdiv,
        choose,
        divmod,
        e,
        euler_gamma,
        inf,
        iround,
        isneginf,
        isposinf,
        largest,
        nan,
        nan_to_num,
        newaxis,
        pi,
        round_half_away_from_zero,
        smallest,
        where,
    )
    from pellucid.tensor.packing import (
        atleast_Nd,
        concat_with_broadcast,
        get_scalar_constant_value,
        get_underlying_scalar_constant_value,
        get_vector_length,
        horizontal_stack,
        identity_like,
        is_flat,
        join_dims,
        pack,
        scalar_from_tensor,
        shape_padaxis,
        specify_broadcastable,
        split,
        split_dims,
        stacklists,
        tensor_from_scalar,
        unpack,
        unstack,
        vertical_stack,
    )
    from pellucid.tensor.padding import (
        flip,
        pad,
    )
    from pellucid.tensor.positions import (
        compress,
        extract_diag,
        fill_diagonal,
        fill_diagonal_offset,
        flatnonzero,
        geomspace,
        logspace,
        meshgrid,
        mgrid,
        nonzero_values,
        ogrid,
        put,
        ravel_multi_index,
        slice_at_axis,
        tril_indices,
        tril_indices_from,
        triu_indices,
        triu_indices_from,
        unravel_index,
    )
    from pellucid.tensor.reduce import all, amax, amin, any, argmax, argmin, max, mean, min, norm, prod, std, sum, var
    from pellucid.tensor.shape import (
        atleast_1d,
        atleast_2d,
        atleast_3d,
        broadcast_arrays,
        broadcast_shape,
        broadcast_to,
        concatenate,
        dimshuffle,
        expand_dims,
        flatten,
        join,
        matrix_transpose,
        moveaxis,
        ravel,
        reshape,
        shape,
        shape_padleft,
        shape_padright,
        size,
        specify_shape,
        squeeze,
        stack,
        swapaxes,
        transpose,
    )
    from pellucid.tensor.signal import (
        bartlett,
        interp,
        interpolate1d,
    )
    from pellucid.tensor.softmax import log_softmax, logsumexp, softmax
    from pellucid.tensor.special import (
        beta,
        betainc,
        betaincinv,
        betaln,
        binomln,
        digamma,
        erf,
        erfc,
        erfcinv,
        erfcx,
        erfinv,
        factln,
        factorial,
        gamma,
        gammainc,
        gammaincc,
        gammainccinv,
        gammaincinv,
        gammaln,
        invprobit,
        log_ndtr,
        ndtr,
        ndtri,
        poch,
        polygamma,
        probit,
        psi,
        tri_gamma,
    )
    from pellucid.tensor.statistics import (
        argtopk,
        bincount,
        cov,
        inverse_permutation,
        max_and_argmax,
        median,
        permute_row_elements,
        ptp,
        quantile,
        searchsorted,
        topk,
        topk_and_argtopk,
        unique,
    )
    from pellucid.tensor.transcendental import (
        arccos,
        arccosh,
        arcsin,
        arcsinh,
        arctan,
        arctan2,
        arctanh,
        cos,
        cosh,
        deg2rad,
        exp,
        exp2,
        expit,
        expm1,
        invlogit,
        log,
        log1mexp,
        log1p,
        log1pexp,
        log2,
        log10,
        log_expm1,
        logaddexp,
        logdiffexp,
        logit,
        rad2deg,
        sigmoid,
        sin,
        sinh,
        softplus,
        sqrt,
        tan,
        tanh,
        xlog1py,
        xlogx,
        xlogy,
    )
    from pellucid.tensor.types import constant

MODULES = {
    "pellucid.tensor.arithmetic": (
        "abs absolute add and_ bitwise_and bitwise_not bitwise_or bitwise_xor ceil clip copy disconnected_grad "
        "divide eq eq_ equal floor floor_div floor_divide ge greater greater_equal gt int_div invert isclose "
        "isfinite isinf isnan le left_shift less less_equal logical_and logical_not logical_or lt maximum minimum "
        "mod mul multiply neg negative neq not_equal or_ pow power reciprocal remainder right_shift round "
        "round_half_to_even sgn sign sqr square sub subtract switch true_div trunc xor zero_grad"
    ),
    "pellucid.tensor.bessel": "chi2sf gammal gammau hyp2f1 i0 i1 iv ive j0 j1 jv kn kv kve ndtri_exp owens_t",
    "pellucid.tensor.broadcast": "ShapeError",
    "pellucid.tensor.complexes": "angle complex complex_from_polar conj conjugate imag real",
    "pellucid.tensor.create": (
        "alloc arange empty empty_like eye fill full full_like identity linspace ones ones_like second tri tril "
        "triu zeros zeros_like"
    ),
    "pellucid.tensor.cumulate": "cumprod cumsum",
    "pellucid.tensor.contraction": "einsum",
    "pellucid.tensor.elementwise": "cast",
    "pellucid.tensor.index": "nonzero",
    "pellucid.tensor.indexing": (
        "argsort diag diagonal diff expand_packed_triangular inc_subtensor repeat roll set_subtensor sort take "
        "take_along_axis tile trace"
    ),
    "pellucid.tensor.linalg": (
        "cho_solve cholesky dot inv matmul matrix_inverse matvec outer solve_triangular tensordot vecdot vecmat"
    ),
    "pellucid.tensor.numbers": (
        "allclose ceil_intdiv choose divmod e euler_gamma inf iround isneginf isposinf largest nan nan_to_num "
        "newaxis pi round_half_away_from_zero smallest where"
    ),
    "pellucid.tensor.packing": (
        "atleast_Nd concat_with_broadcast get_scalar_constant_value get_underlying_scalar_constant_value "
        "get_vector_length horizontal_stack identity_like is_flat join_dims pack scalar_from_tensor shape_padaxis "
        "specify_broadcastable split split_dims stacklists tensor_from_scalar unpack unstack vertical_stack"
    ),
    "pellucid.tensor.padding": "flip pad",
    "pellucid.tensor.positions": (
        "compress extract_diag fill_diagonal fill_diagonal_offset flatnonzero geomspace logspace meshgrid mgrid "
        "nonzero_values ogrid put ravel_multi_index slice_at_axis tril_indices tril_indices_from triu_indices "
        "triu_indices_from unravel_index"
    ),
    "pellucid.tensor.reduce": "all amax amin any argmax argmin max mean min norm prod std sum var",
    "pellucid.tensor.shape": (
        "atleast_1d atleast_2d atleast_3d broadcast_arrays broadcast_shape broadcast_to concatenate dimshuffle "
        "expand_dims flatten join matrix_transpose moveaxis ravel reshape shape shape_padleft shape_padright size "
        "specify_shape squeeze stack swapaxes transpose"
    ),
    "pellucid.tensor.signal": "bartlett interp interpolate1d",
    "pellucid.tensor.softmax": "log_softmax logsumexp softmax",
    "pellucid.tensor.special": (
        "beta betainc betaincinv betaln binomln digamma erf erfc erfcinv erfcx erfinv factln factorial gamma "
        "gammainc gammaincc gammainccinv gammaincinv gammaln invprobit log_ndtr ndtr ndtri poch polygamma probit "
        "psi tri_gamma"
    ),
    "pellucid.tensor.statistics": (
        "argtopk bincount cov inverse_permutation max_and_argmax median permute_row_elements ptp quantile "
        "searchsorted topk topk_and_argtopk unique"
    ),
    "pellucid.tensor.transcendental": (
        "arccos arccosh arcsin arcsinh arctan arctan2 arctanh cos cosh deg2rad exp exp2 expit expm1 invlogit log "
        "log10 log1mexp log1p log1pexp log2 log_expm1 logaddexp logdiffexp logit rad2deg sigmoid sin sinh "
        "softplus sqrt tan tanh xlog1py xlogx xlogy"
    ),
    "pellucid.tensor.types": "constant",
}
"""Where each name is, so that it is imported only when it is used."""

_PLACES = places(MODULES)
__all__ = sorted(_PLACES)  # noqa: PLE0605 # computed, so that every name stands in one list
__getattr__ = imported_on_use(__name__, _PLACES)


def declare(name: str) -> None:
    """Import the function called `name`; every module where it is none of these, but has another name inside."""
    if name in _PLACES:
        import_module(_PLACES[name])
    else:
        declare_all()


def declare_all() -> None:
    """Import all of them, for those who want to see every op there is."""
    for module in MODULES:
        import_module(module)
