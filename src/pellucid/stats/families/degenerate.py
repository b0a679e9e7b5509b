"""The distribution of what is certain."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np

from pellucid.stats.bijection import Bijection
from pellucid.stats.constraint import Real, interval
from pellucid.stats.distribution import Distribution, batch_size, distribution, keep
from pellucid.stats.parameters import bind_arguments
from pellucid.tensor.draws import RngVariable, draw, law
from pellucid.tensor.elementwise import cast
from pellucid.tensor.types import TensorVariable, as_tensor_variable


def certain(rng: np.random.Generator, size: tuple[int, ...], c: np.ndarray) -> np.ndarray:
    """Draws that are all `c`."""
    return np.broadcast_to(c, size)


point_law = law("dirac_delta", "c", certain)
whole_point_law = law("whole_dirac_delta", "c", certain, dtype="int64")


@distribution
class DiracDelta(Distribution):
    """The value `c`, always: of whole numbers where `c` is whole by its dtype. Densities are probabilities.

    Examples
    --------
    >>> import pellucid.stats as ps
    >>> ps.logp(ps.DiracDelta.dist(2), [1, 2]).eval()
    array([-inf,   0.])
    >>> ps.DiracDelta.dist(2).dtype, ps.DiracDelta.dist(2.0).dtype
    ('int64', 'float64')
    """

    c: Real
    support = interval("c", "c")
    law = point_law
    also = MappingProxyType({whole_point_law: keep})
    formula = r"[x = c]"
    source = "https://en.wikipedia.org/wiki/Degenerate_distribution"

    @classmethod
    def dist(
        cls,
        *args: Any,
        shape: Any = None,
        size: Any = None,
        name: str | None = None,
        rng: RngVariable | None = None,
        **parameters: Any,
    ) -> TensorVariable:
        """A draw without a model; see :meth:`Distribution.dist` for the options."""
        values = bind_arguments(cls, args, parameters)
        whole = not as_tensor_variable([*args, *parameters.values()][0]).dtype.startswith("float")
        chosen = whole_point_law if whole else point_law
        values = [cast(v, chosen.dtype) for v in values]
        return draw(chosen, values, size=batch_size(chosen, values, shape, size, cls.__name__), rng=rng, name=name)

    @property
    def discrete(self) -> bool:
        """Whether `c` is whole by its dtype."""
        return not self.c.dtype.startswith("float")

    def logp(self, x: Any) -> Any:
        return 0.0

    def logcdf(self, x: Any) -> Any:
        return 0.0 * x

    def logccdf(self, x: Any) -> Any:
        return 0.0 * x - np.inf

    def icdf(self, q: Any) -> Any:
        return self.c + 0.0 * as_tensor_variable(q)

    def mean(self) -> Any:
        return self.c

    def bijection(self) -> Bijection | None:
        return None
