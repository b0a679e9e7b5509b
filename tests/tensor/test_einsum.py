"""einsum against NumPy: explicit, implicit, repeated and broadcast labels, on every backend."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pellucid.tensor as pt
from pellucid import function
from pellucid.tensor.contraction import einsum
from pellucid.testing import BACKENDS_UNDER_TEST, check_op

RNG = np.random.default_rng(8)

EXPRESSIONS = {  # subscripts: shapes
    "ij,jk->ik": [(2, 3), (3, 4)],
    "ij,jk": [(2, 3), (3, 4)],
    "ij,kj->": [(2, 3), (4, 3)],
    "ij,ij->": [(2, 3), (2, 3)],
    "ba": [(2, 3)],
    "ij->ji": [(2, 3)],
    "ii": [(3, 3)],
    "ii->i": [(3, 3)],
    "iji->j": [(3, 2, 3)],
    "iij->ji": [(2, 2, 3)],
    "iii->i": [(3, 3, 3)],
    "i,j->ij": [(2,), (3,)],
    "i,i": [(3,), (3,)],
    "i,->i": [(3,), ()],
    ",": [(), ()],
    "bij,bjk->bik": [(2, 3, 4), (2, 4, 5)],
    "bij,bjk->ik": [(2, 3, 4), (2, 4, 5)],
    "...ij,...jk->...ik": [(2, 1, 3, 4), (5, 4, 2)],
    "...ij,jk": [(2, 3, 4), (4, 2)],
    "...->...": [(2, 3)],
    "i...->...": [(2, 3)],
    "...i,...i": [(2, 3), (3,)],
    "ij,jk,kl->il": [(2, 3), (3, 4), (4, 5)],
    "ij,jk,kl,lm,mi->": [(2, 3), (3, 4), (4, 5), (5, 2), (2, 2)],
    "ijk,ilm,jlk->km": [(2, 3, 4), (2, 3, 2), (3, 3, 4)],
    "ij,ij->ij": [(1, 3), (2, 3)],
    "ij,jk->ijk": [(2, 1), (3, 2)],
    "ij,jk->ik ": [(0, 3), (3, 2)],
    "ij , jk -> k": [(2, 0), (0, 2)],
    "abcd,cd->ab": [(2, 3, 2, 2), (2, 2)],
}


@pytest.mark.parametrize("backend", BACKENDS_UNDER_TEST)
@pytest.mark.parametrize("subscripts", EXPRESSIONS)
def test_expressions(subscripts, backend):
    arrays = [RNG.normal(size=s) for s in EXPRESSIONS[subscripts]]
    check_op(lambda *x: einsum(subscripts, *x), arrays, lambda *x: np.einsum(subscripts, *x),
             backend=backend, rtol=1e-11, atol=1e-13)  # fmt: skip


@pytest.mark.parametrize("optimize", [False, True, "greedy", "optimal"])
def test_any_order_gives_the_same(optimize):
    arrays = [RNG.normal(size=s) for s in EXPRESSIONS["ij,jk,kl,lm,mi->"]]
    found = einsum("ij,jk,kl,lm,mi->", *arrays, optimize=optimize).eval()
    np.testing.assert_allclose(found, np.einsum("ij,jk,kl,lm,mi->", *arrays), rtol=1e-12)


def test_lists_of_labels():
    a, b = RNG.normal(size=(2, 3)), RNG.normal(size=(3, 4))
    np.testing.assert_allclose(einsum(a, [0, 1], b, [1, 2], [2, 0]).eval(), (a @ b).T)
    np.testing.assert_allclose(einsum(a, [Ellipsis, 1], b, [1, 2]).eval(), a @ b)


@pytest.mark.parametrize("dtype", ["float32", "int64", "int8"])
def test_dtypes(dtype):
    a, b = RNG.integers(0, 3, (2, 3)).astype(dtype), RNG.integers(0, 3, (3, 4)).astype(dtype)
    for subscripts in ("ij,jk", "ij,jk->"):
        check_op(lambda x, y, s=subscripts: einsum(s, x, y), [a, b], lambda x, y, s=subscripts: np.einsum(s, x, y),
                 backend="numpy")  # fmt: skip


@st.composite
def expressions(draw):
    """Subscripts, and shapes that fit."""
    lengths = {c: draw(st.integers(0, 3)) for c in "ijklm"}
    count = draw(st.integers(1, 4))
    inputs = ["".join(draw(st.lists(st.sampled_from("ijklm"), max_size=3))) for _ in range(count)]
    used = sorted(set("".join(inputs)))
    output = "".join(draw(st.permutations(draw(st.lists(st.sampled_from(used), unique=True)) if used else [])))
    return f"{','.join(inputs)}->{output}", [tuple(lengths[c] for c in labels) for labels in inputs]


@settings(max_examples=60, deadline=None)
@given(expressions(), st.booleans())
def test_random_expressions(expression, static):
    subscripts, shapes = expression
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s) for s in shapes]
    inputs = [pt.tensor(f"x{i}", shape=s if static else tuple(1 if n == 1 else None for n in s))
              for i, s in enumerate(shapes)]  # fmt: skip
    found = function(inputs, einsum(subscripts, *inputs), backend="numpy")(*arrays)
    np.testing.assert_allclose(found, np.einsum(subscripts, *arrays), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("subscripts, shapes, message", [
    ("ij,jk", [(2, 3)], "names 2 operands"),
    ("ij,jk", [(2, 3), (4, 2)], "'j' have lengths 3 and 4"),
    ("ij", [(2, 3, 4)], "names not all"),
    ("ij->k", [(2, 3)], "result"),
    ("ij->ii", [(2, 3)], "result"),
    ("i_", [(2, 3)], "letters"),
])  # fmt: skip
def test_refusals(subscripts, shapes, message):
    with pytest.raises(ValueError, match=message):
        einsum(subscripts, *[np.ones(s) for s in shapes])
