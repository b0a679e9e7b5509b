"""Complex numbers: parts, conjugates, angles, and how real numbers make them.

The gradient by a complex tensor is that by its real part plus i times that by its imaginary part.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.nodes import Variable
from pellucid.tensor.elementwise import elementwise
from pellucid.tensor.operators import method
from pellucid.tensor.transcendental import arctan2, cos, sin
from pellucid.tensor.types import TensorVariable, as_operands, as_tensor_variable


def _complex(xp: Any, re: Any, im: Any) -> Any:
    """re + i im, where an infinite part leaves the other as it is (which the product i * im would not)."""
    if xp.name != "numpy":
        return re + 1j * im
    re, im = np.broadcast_arrays(re, im)
    out = np.empty(re.shape, np.result_type(re, im, np.complex64))
    out.real, out.imag = re, im
    return out


def _zero(x: TensorVariable) -> Any:
    return np.zeros((), x.dtype)


_make = elementwise(
    "complex",
    "The complex number with given real and imaginary parts.",
    _complex,
    pullbacks=(lambda g, z, x, y: real(g), lambda g, z, x, y: imag(g)),
    domain=((-3.0, 3.0), (-3.0, 3.0)),
)
_real = elementwise(
    "real",
    "The real part.",
    lambda xp, x: xp.real(x),
    pullbacks=(lambda g, y, x: complex(g, _zero(g)) if is_complex(x) else g,),
    llvm=lambda k, x: x,
)
_imag = elementwise(
    "imag",
    "The imaginary part.",
    lambda xp, x: xp.imag(x),
    pullbacks=(lambda g, y, x: complex(_zero(g), g) if is_complex(x) else None,),
    llvm=lambda k, x: k.constant(0, x.dtype),
)
_conj = elementwise(
    "conj",
    "The complex conjugate.",
    lambda xp, x: xp.conj(x),
    pullbacks=(lambda g, y, x: conj(g),),
    llvm=lambda k, x: x,
)


def _angle_pullback(g: Any, y: Any, x: Any) -> Any:
    if not is_complex(x):
        return None
    re, im = real(x), imag(x)
    square = re * re + im * im
    return complex(-g * im / square, g * re / square)


_angle = elementwise(
    "angle",
    "The angle of a complex number in the plane, in (-pi, pi].",
    lambda xp, x: xp.angle(x),
    pullbacks=(_angle_pullback,),
    expansion=lambda x: None if is_complex(x) else arctan2(np.zeros((), x.dtype), x),
)


def is_complex(x: Variable) -> bool:
    """Whether a variable is a tensor of complex numbers."""
    return getattr(x.type, "dtype", "").startswith("complex")


def complex(real: Any, imag: Any) -> TensorVariable:
    """The complex numbers with given real and imaginary parts.

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> pt.complex([1.0], 2.0).eval()
    array([1.+2.j])
    """
    return _make(real, imag)


def complex_from_polar(abs: Any, angle: Any) -> TensorVariable:
    """The complex numbers with given absolute values and angles."""
    abs, angle = as_operands([abs, angle])
    return complex(abs * cos(angle), abs * sin(angle))


@method
def real(z: Any) -> TensorVariable:
    """The real part: of real numbers they themselves."""
    z = as_tensor_variable(z)
    return _real(z) if is_complex(z) else z


@method
def imag(z: Any) -> TensorVariable:
    """The imaginary part: of real numbers zero."""
    return _imag(z)


@method
def conj(z: Any) -> TensorVariable:
    """The complex conjugate: of real numbers they themselves."""
    z = as_tensor_variable(z)
    return _conj(z) if is_complex(z) else z


conjugate = method(conj)


def angle(z: Any) -> TensorVariable:
    """The angle of a complex number in the plane, in (-pi, pi]."""
    return _angle(z)
